/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ulid - names that sort by time: 48 bits of milliseconds, 80 random bits, as 26 characters of
 * Crockford's base 32. One thread an ulid_source; none is given twice by it, and they only grow,
 * whatever the clock does. */
#ifndef BULKHEAD_ULID_H
#define BULKHEAD_ULID_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/parse.h"

#define ULID_BYTES 27 /* with NUL */

struct ulid_source { /* zero it to begin */
	uint64_t last_ms;
	uint8_t random[10]; /* of the last one: within a millisecond they count up */
};

/* 0 or -errno: the kernel gives no random bytes. */
int ulid_make(struct ulid_source *s, uint64_t unix_ns, char out[ULID_BYTES]);
bool ulid_is_valid(struct span text);

#endif
