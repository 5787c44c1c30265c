/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_text - an event with its process and container, as one line of JSON or of text.
 * Pure, any thread. Nothing that a container wrote reaches the line unescaped. No newline is
 * added. The view has come from event_decode(). */
#ifndef BULKHEAD_EVENT_TEXT_H
#define BULKHEAD_EVENT_TEXT_H

#include "collector/base/buf.h"
#include "collector/event_view.h"
#include "collector/process.h"

struct container;

struct event_container { /* what is told of the container; empty spans where not known */
	struct span id, name, image, runtime, pod_name, pod_namespace;
};

struct event_context {
	const struct process *process;		 /* or NULL */
	const struct event_container *container; /* NULL: of the host, or not known */
	uint64_t unix_minus_boot_ns;
	const struct container *entry; /* of the agent's table; NULL: none, or a replay */
};

void event_json(struct buf *b, const struct event_view *v, const struct event_context *c);
void event_line(struct buf *b, const struct event_view *v, const struct event_context *c);

#endif
