/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recording - a file of events with what is needed to understand them later.
 *
 * Layout, little endian: magic (8 bytes), header (its length in a u32, its bytes, FNV-1a of them in
 * a u64), then zstd frames one after the other. A frame holds whole items {type u8, length u32,
 * bytes}, at most RECORDING_BATCH_BYTES and one item more, and carries its length and checksum: it
 * is wholly good or damaged, so nothing that is damaged is handed out. Each frame is written at
 * once, after 64 KiB or a second: a killed recorder loses no more.
 *
 * Writer and reader belong to one thread each. What the items hold is defined by
 * collector/snapshot.h and bpf/event.h; this module does not look into them. */
#ifndef BULKHEAD_BASE_RECORDING_H
#define BULKHEAD_BASE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

#define RECORDING_VERSION      1
#define RECORDING_ITEM_MAX     65536 /* bytes of one item; longer ones are refused */
#define RECORDING_ITEM_HEAD    5     /* type and length before the bytes */
#define RECORDING_BATCH_BYTES  65536
#define RECORDING_FLUSH_NS     1000000000ULL
#define RECORDING_HEADER_BYTES 256 /* room for one encoded header */

enum recording_type {
	RECORDING_EVENT = 1,	     /* a record of bpf/event.h, masked */
	RECORDING_PROCESS = 2,	     /* snapshot_process: was there when the recording began */
	RECORDING_CONTAINER = 3,     /* snapshot_container; again when something of it changed */
	RECORDING_CONTAINER_END = 4, /* u64 cgroup id */
	RECORDING_LOST = 5,   /* u64 events of no known type, u16 n, n times {u8 type, u64} */
	RECORDING_END = 6,    /* u64 items before it: the recording is whole */
	RECORDING_HEADER = 7, /* on the wire only, first: the header's encoding for the file */
	/* A record that was not asked for: the process table needs it, nobody is to see it. */
	RECORDING_CONTEXT = 8,
};

struct recording_header {
	uint16_t event_version; /* EVENT_VERSION of who recorded */
	uint64_t unix_minus_boot_ns, start_unix_ns;
	char host[65], kernel[65]; /* uname's; cut to fit */
};

/* Bytes written to out[cap], 0 when they do not fit. */
size_t recording_header_encode(const struct recording_header *h, uint8_t *out, size_t cap);
int recording_header_decode(struct span bytes, struct recording_header *out, struct err *e);

/* --- writing --------------------------------------------------------------------------------- */
struct recording_writer;

/* Writes the header to fd, which stays the caller's and must outlive the writer. */
int recording_writer_new(struct recording_writer **out, int fd, const struct recording_header *h,
			 struct err *e);
/* 0; -EMSGSIZE: the item is too long (the recording goes on without it); else -errno, and the
 * file is good up to here. */
int recording_write(struct recording_writer *w, enum recording_type type, struct span bytes,
		    struct err *e);
int recording_write_lost(struct recording_writer *w, uint64_t events, struct err *e);
/* Writes out what waits longer than RECORDING_FLUSH_NS: call it each second when nothing comes. */
int recording_tick(struct recording_writer *w, struct err *e);
int recording_finish(struct recording_writer *w, struct err *e); /* END and all that waits */
/* Without recording_finish what waits is dropped. NULL is fine. */
void recording_writer_free(struct recording_writer *w);
DEFINE_AUTO(recording_writer, recording_writer_free)

struct recording_stats {
	uint64_t items, bytes; /* bytes: of the file so far */
};
struct recording_stats recording_writer_stats(const struct recording_writer *w);

/* --- reading --------------------------------------------------------------------------------- */
struct recording_reader;

/* Reads the header. fd stays the caller's. -EPROTONOSUPPORT: written by a newer bulkhead, or with
 * another event version than this one; -EPROTO: no recording, or damaged; else -errno. */
int recording_reader_new(struct recording_reader **out, int fd, uint16_t event_version,
			 struct err *e);
void recording_reader_free(struct recording_reader *r); /* NULL is fine */
DEFINE_AUTO(recording_reader, recording_reader_free)

const struct recording_header *recording_reader_header(const struct recording_reader *r);

struct recording_item {
	uint8_t type;	   /* enum recording_type, or one of a later version */
	uint64_t number;   /* from 1 */
	struct span bytes; /* 8-byte aligned; until the next call */
};
/* 1: *out filled; 0: the end, and the recording is whole; -EPROTO: damaged or cut short, *e names
 * the byte in the file and the item; else -errno. After 0 or an error always the same again. */
int recording_read(struct recording_reader *r, struct recording_item *out, struct err *e);

#endif
