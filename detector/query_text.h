/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query_text - the pairs of a query such as "kind=rule&container=web". Pure, any thread. */
#ifndef BULKHEAD_QUERY_TEXT_H
#define BULKHEAD_QUERY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/base/err.h"
#include "collector/base/parse.h"

#define QUERY_VALUE_BYTES 513

struct query_pair {
	struct span key;
	char value[QUERY_VALUE_BYTES]; /* decoded, ends with NUL and holds none */
};

/* 1: the next pair; 0: no more; -EINVAL: damaged or too long, *e says so. */
int query_next(struct span *rest, struct query_pair *out, struct err *e);

#endif
