/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_store - STATE/flights: a recording and a JSON file for each flight, both named by the
 * alert's id. Any thread, but one that writes; it blocks on the disk and keeps nothing in memory.
 */
#ifndef BULKHEAD_FLIGHT_STORE_H
#define BULKHEAD_FLIGHT_STORE_H

#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "detector/ulid.h"

#define FLIGHT_MAX_KEPT	  256
#define FLIGHT_RECORDING  ".bhr"
#define FLIGHT_JSON	  ".json"
#define FLIGHT_NAME_BYTES (ULID_BYTES + 8)
#define FLIGHT_JSON_MAX	  (16u << 20)

struct flight_usage {
	uint64_t flights, bytes, removed;
};

/* The folder's descriptor, made where it is missing; or -errno. */
int flight_store_open(int state_fd, struct err *e);
/* Removes the oldest until at most so many and so many bytes are there, and what a writer that was
 * killed left. *out says what is left; removed counts flights. */
int flight_store_trim(int dir_fd, uint64_t max_flights, uint64_t max_bytes,
		      struct flight_usage *out, struct err *e);

/* "ID.bhr", "ID.json" */
void flight_store_name(const char *id, const char *suffix, char out[FLIGHT_NAME_BYTES]);

/* {"directory":...,"flights":[...],"count":N}: newest first, each as its file's first line says. */
void flight_store_list(int dir_fd, const char *directory, struct buf *b);
/* The JSON file of one. 0; -ENOENT, -E2BIG; else -errno. */
int flight_store_read(int dir_fd, struct span id, struct buf *b, struct err *e);

#endif
