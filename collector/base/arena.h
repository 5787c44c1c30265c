/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arena - memory that is given out piece by piece and taken back as a whole: for trees and tables
 * that are built once. Owner: one thread at a time. A request beyond the limit, or one that the
 * system refuses, gives NULL and sets `failed`; so do all later ones. */
#ifndef BULKHEAD_BASE_ARENA_H
#define BULKHEAD_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/base/auto.h"
#include "collector/base/parse.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t used, max; /* bytes given out; the limit */
	bool failed;
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_release(struct arena *a); /* may be repeated */
static inline void auto_arena_release(struct arena *a)
{
	arena_release(a);
}
#define AUTO_ARENA AUTO(arena_release)

void *arena_zeroed(struct arena *a, size_t count, size_t size); /* 16-byte aligned */
/* A copy with a NUL behind it; {NULL, 0} on failure. */
struct span arena_copy(struct arena *a, struct span s);
struct span arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
