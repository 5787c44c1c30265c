// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>

#include "detector/anomaly_internal.h"

#define DAY_S 86400.0

static unsigned place_of(const struct anomaly_settings *s, int64_t day)
{
	const int64_t n = (int64_t)s->days + 1, m = day % n;

	return (unsigned)(m < 0 ? m + n : m);
}

/* The bin that lies `back` before bin `bin` of `day`; NULL: that day is not kept, or no row. */
static const struct anomaly_bin *bin_at(const struct anomaly_days *d,
					const struct anomaly_settings *s, int64_t day, int bin)
{
	const int n = (int)s->day_bins;

	while (bin < 0) {
		bin += n;
		day--;
	}
	while (bin >= n) {
		bin -= n;
		day++;
	}
	const unsigned place = place_of(s, day);
	const struct anomaly_bin *b = &d->bins[place * s->day_bins + (unsigned)bin];

	return d->numbers[place] == day && !isnan(b->mean) ? b : NULL;
}

static void widen(struct anomaly_span *span, double low, double high)
{
	if (low < span->low)
		span->low = low;
	if (high > span->high)
		span->high = high;
}

/* The mean of the long_bins that end with `bin`; false: none has a row. */
static bool mean_at(const struct anomaly_days *d, const struct anomaly_settings *s, int64_t day,
		    int bin, double *mean)
{
	double sum = 0;
	unsigned n = 0;

	for (int i = 0; i < (int)s->long_bins; i++) {
		const struct anomaly_bin *b = bin_at(d, s, day, bin - i);

		if (!b)
			continue;
		sum += (double)b->mean;
		n++;
	}
	if (n > 0)
		*mean = sum / n;
	return n > 0;
}

/* Once a bin: earlier days do not change while it lasts. */
static void look_back(struct anomaly_days *d, const struct anomaly_settings *s)
{
	const int at = (int)d->bin, around = (int)s->tolerance_bins, shift = (int)s->long_bins;
	double mean = 0;

	d->day_span = d->long_span = (struct anomaly_span){ .low = INFINITY, .high = -INFINITY };
	for (int64_t day = d->day - (int64_t)s->days; day < d->day; day++) {
		for (int i = -around; i <= around; i++) {
			const struct anomaly_bin *b = bin_at(d, s, day, at + i);

			if (b)
				widen(&d->day_span, (double)b->min, (double)b->max);
		}
		for (int i = -shift; i <= shift; i += shift)
			if (mean_at(d, s, day, at + i, &mean))
				widen(&d->long_span, mean, mean);
	}
}

void anomaly_days_init(struct anomaly_days *d, const struct anomaly_settings *s)
{
	for (unsigned i = 0; i <= s->days; i++)
		d->numbers[i] = INT64_MIN;
	d->any = false;
}

void anomaly_days_add(struct anomaly_days *d, const struct anomaly_settings *s, double time_s,
		      double value)
{
	const int64_t day = (int64_t)floor(time_s / DAY_S);
	const double in_day = time_s - (double)day * DAY_S;
	unsigned bin = (unsigned)(in_day / DAY_S * s->day_bins);
	const unsigned place = place_of(s, day);

	if (bin >= s->day_bins) /* rounding, at midnight */
		bin = s->day_bins - 1;
	struct anomaly_bin *bins = d->bins + place * s->day_bins;
	struct anomaly_bin *b = bins + bin;

	if (d->numbers[place] != day) {
		for (unsigned i = 0; i < s->day_bins; i++)
			bins[i].mean = NAN;
		d->numbers[place] = day;
	}
	if (!d->any || d->day != day || d->bin != bin) {
		d->any = true;
		d->day = day;
		d->bin = bin;
		d->bin_rows = 0;
		b->mean = NAN; /* a clock that stepped back writes its hours again */
		look_back(d, s);
	}
	if (d->bin_rows < UINT32_MAX)
		d->bin_rows++;
	if (isnan(b->mean)) {
		*b = (struct anomaly_bin){ (float)value, (float)value, (float)value };
		return;
	}
	b->mean += (float)((value - (double)b->mean) / d->bin_rows);
	b->min = fminf(b->min, (float)value);
	b->max = fmaxf(b->max, (float)value);
}

/* The newest bin counts for as much of it as is over: its first row alone would be a burst. */
double anomaly_days_long_mean(const struct anomaly_days *d, const struct anomaly_settings *s,
			      double time_s)
{
	const double width_s = DAY_S / s->day_bins;
	const double begin_s = (double)d->day * DAY_S + d->bin * width_s;
	double weight = fmin(fmax((time_s - begin_s) / width_s, 1.0 / 16), 1);
	double sum = 0, weights = 0;

	for (int i = 0; i < (int)s->long_bins; i++) {
		const struct anomaly_bin *b = bin_at(d, s, d->day, (int)d->bin - i);

		if (!b)
			continue;
		sum += weight * (double)b->mean;
		weights += weight;
		weight = 1;
	}
	return sum / weights;
}
