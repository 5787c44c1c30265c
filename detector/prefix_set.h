/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefix_set - which of many prefixes a string begins with: a radix tree, so that the cost follows
 * the string's length and not the number of prefixes. Filled once, then only read. */
#ifndef BULKHEAD_PREFIX_SET_H
#define BULKHEAD_PREFIX_SET_H

#include <stdbool.h>

#include "collector/base/arena.h"

struct prefix_node;

struct prefix_set {
	struct prefix_node *root; /* the arena's */
};

/* 0, -ENOMEM; -E2BIG: longer than PREFIX_SET_MAX_BYTES. */
int prefix_set_add(struct arena *a, struct prefix_set *s, struct span prefix);
#define PREFIX_SET_MAX_BYTES 4096 /* of one */

/* Some prefix is at the start of it. */
bool prefix_set_starts(const struct prefix_set *s, struct span text);
/* Some prefix is it, or is a directory above it: "/var/run" holds "/var/run" and "/var/run/x", not
 * "/var/running". Slashes at the end of a prefix say nothing, as in Falco's pmatch. */
bool prefix_set_holds(const struct prefix_set *s, struct span path);

/* Each of them, whole; the bytes are good during the call. */
void prefix_set_each(const struct prefix_set *s, void (*fn)(void *ctx, struct span prefix),
		     void *ctx);

#endif
