// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/burst.h"

#include <math.h>

static void count_above(struct burst *b, const struct burst_look *l)
{
	if (b->above == 0) {
		b->readings = 0;
		b->since_ns = l->now_ns;
	}
	if (b->readings == 0 || b->reading != l->reading)
		b->readings++;
	b->reading = l->reading;
	b->below = 0;
	b->above += b->above < UINT32_MAX;
}

enum burst_change burst_look(struct burst *b, const struct burst_look *l)
{
	/* false for NAN on either side */
	if (isgreater(l->value, l->limit)) {
		count_above(b, l);
	} else {
		b->above = 0;
		b->below += b->below < UINT32_MAX;
	}
	if (b->on) {
		b->on = b->below < BURST_LOOKS;
		return b->on ? BURST_NONE : BURST_ENDS;
	}
	b->on = b->above >= BURST_LOOKS && b->readings >= l->readings_needed;
	return b->on ? BURST_BEGINS : BURST_NONE;
}

bool burst_is_usual(const struct burst *b, uint64_t now_ns)
{
	return b->above == 0 || (now_ns > b->since_ns && now_ns - b->since_ns >= BURST_USUAL_DAY);
}
