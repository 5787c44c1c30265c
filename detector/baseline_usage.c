// SPDX-License-Identifier: GPL-2.0-or-later
/* Resources of a baseline: sketches, and who gets the memory. */
#include <errno.h>

#include "detector/baseline_internal.h"

/* What one may hold at most. */
#define HOUR_BYTES (sizeof(struct sketch) + BASELINE_HOUR_BUCKETS * sizeof(uint32_t))

static struct sketch **emptiest_hour(struct baseline *b)
{
	struct sketch **least = NULL;

	for (unsigned r = 0; r < RESOURCE_COUNT; r++)
		for (unsigned h = 0; h < 24; h++) {
			struct sketch **s = &b->usage[r].hours[h];

			if (*s && (!least || (*s)->total < (*least)->total))
				least = s;
		}
	return least;
}

void baseline_make_room(struct baseline *b)
{
	struct sketch **s;

	while (baseline_bytes(b) > BASELINE_MAX_BYTES && (s = emptiest_hour(b))) {
		sketch_release(*s);
		free(*s);
		*s = NULL;
		b->refused_bytes = baseline_sum(b->refused_bytes, 1);
	}
}

struct sketch *baseline_hour(struct baseline *b, enum baseline_resource r, unsigned hour)
{
	struct sketch *s = b->usage[r].hours[hour];

	if (s)
		return s;
	if (baseline_bytes(b) + HOUR_BYTES <= BASELINE_MAX_BYTES)
		s = malloc(sizeof(*s));
	if (s)
		sketch_init(s, BASELINE_HOUR_ALPHA, BASELINE_HOUR_BUCKETS);
	else
		b->refused_bytes = baseline_sum(b->refused_bytes, 1);
	b->usage[r].hours[hour] = s;
	return s;
}

int baseline_measure(struct baseline *b, enum baseline_resource r, bool startup, unsigned hour,
		     double value)
{
	struct baseline_usage *u = &b->usage[r];
	struct sketch *main = startup ? &u->startup : &u->steady, *of_hour;
	const uint32_t before = main->capacity;

	if (hour >= 24)
		return -EINVAL;
	int result = sketch_add(main, value, 1);

	if (result < 0)
		return result;
	b->dirty = true;
	if (main->capacity > before)
		baseline_make_room(b);
	if (startup)
		return 0;
	of_hour = baseline_hour(b, r, hour);
	if (!of_hour)
		return -ENOSPC;
	const uint32_t places = of_hour->capacity;

	result = sketch_add(of_hour, value, 1);
	if (result == 0 && of_hour->capacity > places)
		baseline_make_room(b);
	return result;
}

double baseline_usual(const struct baseline *b, enum baseline_resource r, unsigned hour, double q)
{
	const struct baseline_usage *u = &b->usage[r];
	const struct sketch *s = hour < 24 ? u->hours[hour] : NULL;

	return sketch_quantile(s && s->total >= BASELINE_HOUR_VALUES ? s : &u->steady, q);
}
