// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/alert_rate.h"

#include <string.h>

#define SECOND_NS 1000000000ULL

/* Saves up to a second. */
static void refill(struct rate_bucket *b, uint64_t now_ns)
{
	uint64_t passed = now_ns > b->at_ns ? now_ns - b->at_ns : 0;

	b->at_ns = now_ns;
	b->ns = passed >= SECOND_NS - (b->ns < SECOND_NS ? b->ns : SECOND_NS) ? SECOND_NS
									      : b->ns + passed;
}

static uint64_t cost(uint32_t a_second)
{
	return a_second ? SECOND_NS / a_second : 0;
}

static uint64_t hash_of(const struct rate *r, struct span s)
{
	uint64_t h = r->seed ^ 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ULL;
	h *= 0x9e3779b97f4a7c15ULL;
	h ^= h >> 31;
	return h ? h : 1;
}

/* Its place; a free one, or that of one who has been quiet for a second; else the one that was
 * quiet longest, which is shared from now on. */
static struct rate_bucket *place_of(struct rate *r, struct span container, uint64_t now_ns)
{
	const uint64_t who = hash_of(r, container);
	struct rate_bucket *set = r->places[who % RATE_SETS], *best = &set[0];

	for (int i = 0; i < RATE_WAYS; i++) {
		if (set[i].who == who)
			return &set[i];
		if (best->who && (!set[i].who || set[i].at_ns < best->at_ns))
			best = &set[i];
	}
	if (!best->who || (now_ns - best->at_ns >= SECOND_NS && !best->held_back))
		*best = (struct rate_bucket){ .who = who, .ns = SECOND_NS, .at_ns = now_ns };
	return best;
}

bool rate_take(struct rate *r, const struct rate_limits *l, struct span container, uint64_t now_ns,
	       uint64_t *held_back)
{
	struct rate_bucket *own = container.n ? place_of(r, container, now_ns) : NULL;
	const uint64_t own_cost = cost(l->a_second_container), all_cost = cost(l->a_second);

	*held_back = 0;
	if (!r->global.who)
		r->global = (struct rate_bucket){ .who = 1, .ns = SECOND_NS, .at_ns = now_ns };
	refill(&r->global, now_ns);
	if (own)
		refill(own, now_ns);
	/* The container's own limit first: a noisy one must not use up what belongs to all. */
	struct rate_bucket *full = own && own->ns < own_cost ? own
				   : r->global.ns < all_cost ? &r->global
							     : NULL;

	if (full) {
		full->held_back++;
		r->held_back++;
		r->waiting++;
		return false;
	}
	if (own) {
		own->ns -= own_cost;
		*held_back = own->held_back;
		own->held_back = 0;
	}
	r->global.ns -= all_cost;
	*held_back += r->global.held_back;
	r->global.held_back = 0;
	r->waiting -= *held_back;
	return true;
}

uint64_t rate_untold(struct rate *r, const struct rate_limits *l, uint64_t now_ns)
{
	uint64_t n = r->waiting;

	if (n == 0)
		return 0;
	refill(&r->global, now_ns);
	if (r->global.ns < cost(l->a_second) || r->global.ns < SECOND_NS / 2)
		return 0;
	for (size_t i = 0; i < RATE_SETS; i++)
		for (size_t k = 0; k < RATE_WAYS; k++)
			if (r->places[i][k].held_back && now_ns - r->places[i][k].at_ns < SECOND_NS)
				return 0; /* still at it: its own next alert tells */
	for (size_t i = 0; i < RATE_SETS; i++)
		for (size_t k = 0; k < RATE_WAYS; k++)
			r->places[i][k].held_back = 0;
	r->global.held_back = 0;
	r->waiting = 0;
	return n;
}
