/* SPDX-License-Identifier: GPL-2.0-or-later */
/* head - whether a request head can be read in one way only.
 *
 * A proxy in front of us and the library below us must not see different requests: what they could
 * read differently is refused as a whole. Pure functions over byte ranges: any thread. */
#ifndef BULKHEAD_HTTP_HEAD_H
#define BULKHEAD_HTTP_HEAD_H

#include "collector/base/parse.h"

struct head_check {
	/* The head as the library leaves it, each line end and the colon of each field overwritten
	 * by NULs. Libraries before 1.0 cut names and values at a NUL that was sent and do not tell
	 * its length: only the bytes show it. n 0: the lengths are right, no need to look. */
	struct span raw;
	const char *end; /* of the value before; NULL before the first field */
	unsigned lengths;
	const char *problem; /* static text; NULL: none so far */
};

/* The next field, in the order sent. */
void head_field(struct head_check *h, struct span name, struct span value);

/* After the last field: what is wrong, or NULL. */
const char *head_problem(struct head_check *h);

#endif
