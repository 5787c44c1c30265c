/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_times - when something happened last, the newest EVENT_TIMES_MAX times: how often within so
 * long. Zero it to begin. */
#ifndef BULKHEAD_EVENT_TIMES_H
#define BULKHEAD_EVENT_TIMES_H

#include <stdint.h>

#define EVENT_TIMES_MAX 64

struct event_times {
	uint64_t at_ns[EVENT_TIMES_MAX];
	uint32_t n, next;
};

static inline void event_times_add(struct event_times *t, uint64_t now_ns, uint64_t times)
{
	for (uint64_t i = 0; i < times && i < EVENT_TIMES_MAX; i++) {
		t->at_ns[t->next] = now_ns;
		t->next = (t->next + 1) % EVENT_TIMES_MAX;
		t->n += t->n < EVENT_TIMES_MAX;
	}
}

static inline unsigned event_times_within(const struct event_times *t, uint64_t now_ns,
					  uint64_t span_ns)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < t->n; i++)
		found += t->at_ns[i] + span_ns >= now_ns;
	return found;
}

#endif
