// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <string.h>

#include "detector/anomaly_internal.h"

static double quantile(const struct anomaly_record *r, double q)
{
	const double at = q * (double)(r->sample_n - 1);
	const unsigned i = (unsigned)at;
	const double part = at - (double)i;

	if (i + 1 >= r->sample_n)
		return (double)r->sample[i];
	return (double)r->sample[i] * (1 - part) + (double)r->sample[i + 1] * part;
}

/* Enough for which element goes; no secret hangs on it. */
static uint32_t next_random(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	*state = x;
	return x;
}

/* The first element that is not below x. */
static unsigned place(const struct anomaly_record *r, float x)
{
	unsigned from = 0, to = r->sample_n;

	while (from < to) {
		const unsigned mid = from + (to - from) / 2;

		if (r->sample[mid] < x)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* A full sample loses any one element: so its ages fall off exponentially, without a ring. */
static void sample_add(struct anomaly_record *r, const struct anomaly_settings *s,
		       const struct anomaly_pace *pace, float x, uint32_t *random)
{
	if (r->sample_n == s->samples) {
		if ((double)next_random(random) >= pace->keep * 4294967296.0)
			return;
		const unsigned gone = next_random(random) % r->sample_n;

		memmove(r->sample + gone, r->sample + gone + 1,
			(r->sample_n - gone - 1) * sizeof(*r->sample));
		r->sample_n--;
	}
	const unsigned at = place(r, x);

	memmove(r->sample + at + 1, r->sample + at, (r->sample_n - at) * sizeof(*r->sample));
	r->sample[at] = x;
	r->sample_n++;
}

double anomaly_range(const struct anomaly_record *r, const struct anomaly_settings *s)
{
	if (r->sample_n == 0)
		return s->least_range;
	const double inner = quantile(r, 0.75) - quantile(r, 0.25);
	const double range = inner + s->margin * (r->high - r->low);

	return fmax(fmax(range, s->floor * fabs(quantile(r, 0.5))), s->least_range);
}

static void learn(struct anomaly_record *r, const struct anomaly_pace *pace, double x, double range,
		  bool warm)
{
	const double upper = quantile(r, 0.75), lower = quantile(r, 0.25);

	if (x > r->high)
		r->high = warm ? fmin(x, r->high + range) : x;
	if (x < r->low)
		r->low = warm ? fmax(x, r->low - range) : x;
	if (r->high > upper)
		r->high -= (r->high - upper) * pace->relax;
	if (r->low < lower)
		r->low += (lower - r->low) * pace->relax;
	if (!warm || ++r->since_rows >= pace->delay_rows) {
		r->since_rows = 0;
		r->was_high = r->high;
		r->was_low = r->low;
	}
}

double anomaly_record_add(struct anomaly_record *r, const struct anomaly_settings *s,
			  const struct anomaly_pace *pace, double x, double least_range, bool warm,
			  uint32_t *random)
{
	double surprise = 0;

	if (r->rows == 0) {
		r->high = r->was_high = x;
		r->low = r->was_low = x;
	} else {
		const double age = 1 + (double)s->prior_rows / (double)r->rows;
		const double range = fmax(anomaly_range(r, s), least_range) * age;
		const double past = x > r->was_high ? x - r->was_high : r->was_low - x;

		/* a series that never moved has no range: whatever moves it is as new as can be */
		if (warm && past > 0)
			surprise = past < range * ANOMALY_MAX_SURPRISE ? past / range
								       : ANOMALY_MAX_SURPRISE;
		learn(r, pace, x, range > 0 ? range : past, warm);
	}
	r->rows++;
	sample_add(r, s, pace, (float)x, random);
	return surprise;
}
