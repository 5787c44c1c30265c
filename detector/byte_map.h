/* SPDX-License-Identifier: GPL-2.0-or-later */
/* byte_map - strings to small numbers, by open addressing. Filled once, then only read: what is
 * looked up may be hostile, what is in it comes from who wrote the rules. The hash has a seed of
 * its own, so that nobody can choose strings that collide. One thread at a time. */
#ifndef BULKHEAD_BYTE_MAP_H
#define BULKHEAD_BYTE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/arena.h"

#define BYTE_MAP_NONE UINT32_MAX

struct byte_map_entry {
	uint64_t hash;
	struct span key; /* p NULL: free */
	uint32_t value;
};

struct byte_map {
	struct byte_map_entry *entries; /* the arena's */
	uint32_t mask, n;		/* mask + 1 places; 0 entries: NULL */
	uint64_t seed;
};

uint64_t byte_hash(struct span s, uint64_t seed);

uint32_t byte_map_find(const struct byte_map *m, struct span key); /* or BYTE_MAP_NONE */
/* The key is copied into the arena. 0, -EEXIST, -ENOMEM. */
int byte_map_add(struct arena *a, struct byte_map *m, struct span key, uint32_t value);

#endif
