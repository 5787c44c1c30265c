/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_ring - the last events of each container and of the host, in memory of a fixed size.
 *
 * Owner: the loop's thread. One arena of chunks; a container's records lie in a list of them, and
 * who needs one when none is free takes the oldest of who holds most: a busy container cannot take
 * the past of a quiet one. Each container has two rings, so that a storm of opens and connections
 * does not wash away what was executed and what touched its isolation. To add an event is one copy;
 * nothing is allocated, and memory that was never used is never touched. */
#ifndef BULKHEAD_FLIGHT_RING_H
#define BULKHEAD_FLIGHT_RING_H

#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/event_view.h"

#define FLIGHT_CHUNK_BYTES 16384 /* a longer record is kept with its strings cut */
/* Of one ring, so two of them in milliseconds at most: the copy holds the loop up. */
#define FLIGHT_RING_CHUNKS 128
#define FLIGHT_KEEP_NS	   (60ULL * 1000000000) /* after the end of its container */
#define FLIGHT_MAX_CGROUPS 4			/* ids that one container may have */

struct flight_ring;

/* bytes: of the arena; at least two chunks. */
int flight_ring_new(struct flight_ring **out, uint64_t bytes, struct err *e);
void flight_ring_free(struct flight_ring *r); /* NULL is fine */
DEFINE_AUTO(flight_ring, flight_ring_free)

/* By head->container_cgroup; 0: the host's. After masking. */
void flight_ring_add(struct flight_ring *r, const struct event_view *v);
/* It is forgotten FLIGHT_KEEP_NS later, unless somebody needs the room before. */
void flight_ring_end(struct flight_ring *r, uint64_t cgroup, uint64_t now_ns);
void flight_ring_expire(struct flight_ring *r, uint64_t now_ns);

/* One ring in turn, for whoever wants to look which are of containers that are gone; 0: none, or
 * the host's. */
uint64_t flight_ring_next(struct flight_ring *r);

struct flight_ring_stats {
	uint64_t chunks, used, rings;
	uint64_t events;
	uint64_t cut, refused; /* records that were too long for a chunk: cut; not kept at all */
};
struct flight_ring_stats flight_ring_stats(const struct flight_ring *r);

/* --- a copy, for another thread --------------------------------------------------------------- */

#define FLIGHT_MAX_STREAMS (2 * FLIGHT_MAX_CGROUPS)

struct flight_events {
	uint8_t *bytes; /* owned; records, each at a multiple of 8 */
	size_t n;
	struct {
		size_t at, end;
		uint64_t first_ns; /* boot time of its first; UINT64_MAX: it is empty */
	} streams[FLIGHT_MAX_STREAMS];
	size_t streams_n;
	uint64_t events, first_ns, last_ns; /* boot time; 0: there are none */
	uint64_t first_process_ns; /* from then on no exec or fork is missing; UINT64_MAX: never */
};

/* Of the containers' ids (n of them, FLIGHT_MAX_CGROUPS at most). 0, or -ENOMEM. */
int flight_ring_copy(const struct flight_ring *r, const uint64_t *cgroups, size_t n,
		     struct flight_events *out);
void flight_events_release(struct flight_events *e); /* may be repeated */
/* The next by its time, out of all streams; NULL at the end. */
const struct event_head *flight_events_next(struct flight_events *e);

#endif
