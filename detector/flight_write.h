/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_write - a scene on disk: ID.bhr, which `bulkhead replay` reads, and ID.json with the
 * processes, what they have open, and the files changed. On a worker's thread: it reads /proc,
 * walks the writable layer and waits for the disk. */
#ifndef BULKHEAD_FLIGHT_WRITE_H
#define BULKHEAD_FLIGHT_WRITE_H

#include "detector/flight_scene.h"
#include "detector/flight_store.h"

#define FLIGHT_MAX_OPENERS 64 /* processes whose descriptors are read */

struct flight_writer {
	int dir_fd;	  /* of the store */
	const char *proc; /* "/proc" */
	bool (*closing)(const void *ctx);
	const void *ctx;
};

/* Consumes the events of the scene. 0; -ECANCELED: it was told to end; else -errno, and no file
 * of it is there. */
int flight_write(const struct flight_writer *w, struct flight_scene *s, struct err *e);

/* The JSON alone: what flight_write puts into the file. */
void flight_write_json(const struct flight_writer *w, const struct flight_scene *s, struct buf *b);

#endif
