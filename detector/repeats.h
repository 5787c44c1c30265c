/* SPDX-License-Identifier: GPL-2.0-or-later */
/* repeats - what a container was seen to do a moment ago, so that doing it again costs a look here
 * and no more: hashes of single things, and for files a folder with the wildcard that takes its
 * names. A cache, never a truth: what finds no room is forgotten. Hashes are of 64 bits with a seed
 * that nobody outside knows, so that nothing new can be made to look like a repeat.
 *
 * Owner: one thread. Nothing to free; 2.4 KiB. */
#ifndef BULKHEAD_REPEATS_H
#define BULKHEAD_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "detector/path_tree.h"

#define REPEATS_GROUPS	64U /* a power of two; a program start of root has some 45 things */
#define REPEATS_GROUP	4U
#define REPEATS_FOLDERS 8U /* a power of two */

struct repeats {
	uint64_t epoch;
	uint64_t things[REPEATS_GROUPS][REPEATS_GROUP]; /* the newest first; 0: free */
	struct {
		uint64_t folder; /* 0: free */
		struct path_wildcard names;
	} folders[REPEATS_FOLDERS];
};

/* Another epoch: all is forgotten. */
void repeats_begin(struct repeats *r, uint64_t epoch);

bool repeats_has(const struct repeats *r, uint64_t thing);
void repeats_put(struct repeats *r, uint64_t thing);

bool repeats_has_name(const struct repeats *r, uint64_t folder, struct span name);
void repeats_put_names(struct repeats *r, uint64_t folder, const struct path_wildcard *names);

#endif
