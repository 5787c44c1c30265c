/* SPDX-License-Identifier: GPL-2.0-or-later */
/* repeats - what a container was seen to do a moment ago, so that doing it again costs a look here
 * and no more. Hashes in fixed places; what shares a place with another is forgotten: a cache,
 * never a truth. Hashes are of 64 bits with a seed that nobody outside knows, so that nothing new
 * can be made to look like a repeat.
 *
 * Owner: one thread. Nothing to free. */
#ifndef BULKHEAD_REPEATS_H
#define BULKHEAD_REPEATS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPEATS_PLACES 128U /* a program start of root has some 45; a power of two */

struct repeats {
	uint64_t places[REPEATS_PLACES]; /* 0: free */
	uint64_t epoch;
};

/* Another epoch: all is forgotten. */
static inline void repeats_begin(struct repeats *r, uint64_t epoch)
{
	if (r->epoch == epoch)
		return;
	memset(r, 0, sizeof(*r));
	r->epoch = epoch;
}

static inline bool repeats_has(const struct repeats *r, uint64_t hash)
{
	return hash && r->places[hash % REPEATS_PLACES] == hash;
}

static inline void repeats_put(struct repeats *r, uint64_t hash)
{
	if (hash)
		r->places[hash % REPEATS_PLACES] = hash;
}

#endif
