/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_query - conditions on events, and texts made of them, for who listens: in the language of
 * rules, which the judge (detector/) knows and this folder does not. Loop's thread. */
#ifndef BULKHEAD_EVENT_QUERY_H
#define BULKHEAD_EVENT_QUERY_H

#include "collector/event_text.h"

#define EVENT_QUERY_BYTES 2048 /* of a condition, and of a format */

struct event_query;

struct event_query_hooks {
	void *ctx;
	/* Either text may be empty. *types: those that can pass, ~0: any. 0; -EINVAL, *e says what
	 * and where; -ENOMEM. */
	int (*make)(void *ctx, struct span condition, struct span format, uint64_t *types,
		    struct event_query **out, struct err *e);
	bool (*pass)(struct event_query *q, const struct event_view *v,
		     const struct event_context *c);
	/* The event that passed last, as the format says, without a newline. */
	void (*print)(struct event_query *q, struct buf *b);
	void (*free)(struct event_query *q); /* NULL is fine */
};

#endif
