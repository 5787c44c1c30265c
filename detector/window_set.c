// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/window_set.h"

#include <stdlib.h>

#define FIRST_PLACES 64U

static uint64_t key_of(unsigned class, uint32_t id)
{
	return ((uint64_t)(class + 1) << 56) | (uint64_t)id << 24;
}

static uint32_t place_of(uint64_t key, uint32_t mask)
{
	return (uint32_t)((key >> 24) * 0x9e3779b97f4a7c15ULL >> 32) & mask;
}

/* The place of the key, or the free one where it belongs. */
static uint64_t *find(const struct window_set *s, uint64_t key)
{
	uint32_t i = place_of(key, s->mask);

	while (s->places[i] && (s->places[i] & ~(uint64_t)WINDOW_SET_WINDOW) != key)
		i = (i + 1) & s->mask;
	return &s->places[i];
}

static bool grow(struct window_set *s)
{
	struct window_set next = { .mask = s->places ? 2 * s->mask + 1 : FIRST_PLACES - 1,
				   .n = s->n };

	if (next.mask >= WINDOW_SET_MAX)
		return false;
	next.places = calloc(next.mask + 1, sizeof(*next.places));
	if (!next.places)
		return false;
	for (uint32_t i = 0; s->places && i <= s->mask; i++)
		if (s->places[i])
			*find(&next, s->places[i] & ~(uint64_t)WINDOW_SET_WINDOW) = s->places[i];
	free(s->places);
	*s = next;
	return true;
}

void window_set_release(struct window_set *s)
{
	free(s->places);
	*s = (struct window_set){ .places = NULL };
}

enum window_set_answer window_set_mark(struct window_set *s, unsigned class, uint32_t id,
				       uint32_t window)
{
	const uint64_t key = key_of(class, id), stamp = window & WINDOW_SET_WINDOW;

	if (s->places) {
		uint64_t *place = find(s, key);

		if (*place) {
			const bool again = (*place & WINDOW_SET_WINDOW) == stamp;

			*place = key | stamp;
			return again ? WINDOW_SET_AGAIN : WINDOW_SET_WINDOW_NEW;
		}
	}
	if ((!s->places || s->n >= (s->mask + 1) / 4 * 3) && !grow(s))
		return WINDOW_SET_FULL;
	*find(s, key) = key | stamp;
	s->n++;
	return WINDOW_SET_NEW;
}

size_t window_set_bytes(const struct window_set *s)
{
	return s->places ? (s->mask + 1) * sizeof(*s->places) : 0;
}
