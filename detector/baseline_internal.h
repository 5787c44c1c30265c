/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_internal - what the files of baseline.h share. */
#ifndef BULKHEAD_BASELINE_INTERNAL_H
#define BULKHEAD_BASELINE_INTERNAL_H

#include "detector/baseline.h"

/* Limits of a class. Trees, what is rejected and all sketches but the hourly ones fit together into
 * BASELINE_MAX_BYTES (a test adds them up); the hourly ones get what is left. */
struct baseline_limits {
	uint32_t entries, fan_out, bytes;
	bool normalise;
};
extern const struct baseline_limits baseline_limits[BASELINE_CLASS_COUNT];

/* Counts never pass what JSON's readers take for an integer. */
static inline uint64_t baseline_sum(uint64_t a, uint64_t b)
{
	return a > INT64_MAX || b > (uint64_t)INT64_MAX - a ? INT64_MAX : a + b;
}

static inline uint64_t baseline_earlier(uint64_t a, uint64_t b) /* of two times; 0 is none */
{
	return !a || (b && b < a) ? b : a;
}

/* No room or no memory for an entry: the class is incomplete. Gives r back. */
int baseline_refuse(struct baseline *b, enum baseline_class c, int r);
/* Entries grew: hourly sketches go, the emptiest first, until all fits again. */
void baseline_make_room(struct baseline *b);
/* The sketch of that hour, made when there is room; NULL: there is none (counted). */
struct sketch *baseline_hour(struct baseline *b, enum baseline_resource r, unsigned hour);
/* One more rejected pattern; -ENOSPC, -EPROTO. */
int baseline_add_rejected(struct baseline *b, enum baseline_class c, struct span pattern,
			  const struct seen *seen);
unsigned baseline_find_digest(const struct baseline *b, const char *id); /* or MAX_DIGESTS */
/* Its bit leaves all entries; the place is free. */
void baseline_drop_digest(struct baseline *b, unsigned digest);
void baseline_recent(struct baseline *b, uint64_t hash); /* the oldest makes room */

#endif
