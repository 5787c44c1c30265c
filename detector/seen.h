/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seen - what is known of one entry of a baseline: since when, how often, by which digests.
 *
 * A window is one observation window (a minute) of one container; the phases of a container's life
 * are counted apart. Pure; header alone. */
#ifndef BULKHEAD_SEEN_H
#define BULKHEAD_SEEN_H

#include <stdbool.h>
#include <stdint.h>

enum seen_phase {
	PHASE_STARTUP,	/* until the container listens, or its first minute is over */
	PHASE_STEADY,	/* afterwards */
	PHASE_SHUTDOWN, /* since somebody outside asked it to stop */
	PHASE_INJECTED, /* what somebody outside put in: docker exec, probes; in any phase */
	PHASE_COUNT
};

enum seen_flag {
	SEEN_ACCEPTED = 1 << 0, /* a person took it in: known in every phase */
	SEEN_IMPORTED = 1 << 1, /* came by a file or from the fleet: a proposal until it is seen */
	SEEN_DROPPED = 1 << 2,	/* executables: the file was not the image's */
	SEEN_REJECTED = 1 << 3, /* a person said that it does not belong: never known */
};

struct seen {
	uint64_t first_ns, last_ns; /* unix */
	uint32_t windows[PHASE_COUNT];
	uint32_t containers;
	uint32_t digests; /* bit n: the baseline's digest n */
	uint32_t flags;	  /* enum seen_flag */
};

static inline uint32_t seen_sum(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* What two baselines know of one entry: their containers are not the same. */
static inline void seen_merge(struct seen *into, const struct seen *from)
{
	if (!into->first_ns || (from->first_ns && from->first_ns < into->first_ns))
		into->first_ns = from->first_ns;
	if (from->last_ns > into->last_ns)
		into->last_ns = from->last_ns;
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		into->windows[p] = seen_sum(into->windows[p], from->windows[p]);
	into->containers = seen_sum(into->containers, from->containers);
	into->digests |= from->digests;
	into->flags |= from->flags;
}

/* Two entries of one baseline that become one: mostly the same containers showed both. */
static inline void seen_fold(struct seen *into, const struct seen *from)
{
	const uint32_t most = into->containers > from->containers ? into->containers
								  : from->containers;

	seen_merge(into, from);
	into->containers = most;
}

/* The image's own, or a person's word: not only put in from outside, not a proposal. */
static inline bool seen_is_own(const struct seen *s)
{
	if (s->flags & (SEEN_REJECTED | SEEN_IMPORTED))
		return false;
	return s->flags & SEEN_ACCEPTED || s->windows[PHASE_STARTUP] || s->windows[PHASE_STEADY] ||
	       s->windows[PHASE_SHUTDOWN];
}

static inline bool seen_in_any_phase(const struct seen *s)
{
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		if (s->windows[p])
			return true;
	return false;
}

#endif
