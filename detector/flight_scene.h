/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_scene - what is taken at once when an alert fires, because it may be gone a moment later:
 * the last events, the processes, what is known of the container.
 *
 * Made on the loop's thread, in bounded time; then it belongs to the thread that writes it down and
 * points to nothing that is not its own. */
#ifndef BULKHEAD_FLIGHT_SCENE_H
#define BULKHEAD_FLIGHT_SCENE_H

#include "collector/agent_detector.h"
#include "collector/base/recording.h"
#include "detector/alert.h"
#include "detector/flight_ring.h"

#define FLIGHT_MAX_PROCESSES   1024 /* the newest */
#define FLIGHT_MAX_ABOVE       64   /* ancestors outside of the container */
#define FLIGHT_PROCESSES_BYTES (4u << 20)

enum flight_process_flag {
	FLIGHT_OUTSIDE = 1 << 0, /* an ancestor that is not of the container */
	FLIGHT_ENDED = 1 << 1,
	FLIGHT_RECORDED = 1 << 2, /* the events alone would not tell it */
	FLIGHT_SUSPECT = 1 << 3,  /* the alert names it */
};

struct flight_scene {
	char id[ULID_BYTES]; /* of the alert, and of the files */
	uint64_t unix_ns, unix_minus_boot_ns;
	struct recording_header header;
	struct buf head; /* JSON: an object of what names the alert, without its last brace */
	struct flight_events events;
	struct buf container; /* a RECORDING_CONTAINER; empty: of the host */
	struct buf processes; /* flight_scene_process; parents come first */
	uint32_t processes_n, processes_left_out;
	char *writable_layer; /* or NULL */
	bool of_host;
};

/* 0, or -ENOMEM. `ring` may be NULL. */
int flight_scene_take(struct flight_scene *out, const struct agent_services *services,
		      const struct flight_ring *ring, const struct alert *alert, const char *id);
void flight_scene_release(struct flight_scene *s); /* may be repeated */

struct flight_process {
	unsigned flags;
	struct span bytes; /* of a snapshot_process */
};
/* Cuts the next off *rest, which begins as all of `processes`. */
bool flight_scene_process(struct span *rest, struct flight_process *out);

#endif
