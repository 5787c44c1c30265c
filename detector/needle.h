/* SPDX-License-Identifier: GPL-2.0-or-later */
/* needle - a text that is looked for, letters of either case (ASCII): made once, then found in one
 * pass over whatever it is looked for in, so that no pair of texts costs more than their lengths.
 * Any thread. */
#ifndef BULKHEAD_NEEDLE_H
#define BULKHEAD_NEEDLE_H

#include <stddef.h>
#include <stdint.h>

#include "collector/base/arena.h"

#define NEEDLE_NONE SIZE_MAX

struct needle {
	struct span text;     /* lower case; the arena's */
	const uint32_t *back; /* of each length that fits: the longest shorter one that fits too */
};

static inline unsigned char needle_lower(char c)
{
	const unsigned char u = (unsigned char)c;

	return (unsigned char)(u + ((unsigned char)(u - 'A') < 26 ? 32 : 0));
}

/* 0; -ENOMEM: *out is untouched. */
int needle_make(struct arena *a, struct span text, struct needle *out);

/* Where it begins first, or NEEDLE_NONE. */
size_t needle_find(const struct needle *n, struct span text);

#endif
