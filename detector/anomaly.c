// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/anomaly.h"

#include <errno.h>
#include <float.h>
#include <math.h>

#include "detector/anomaly_internal.h"

#define DAY_S	   86400.0
#define MAX_VALUE  1e30 /* a float holds it, and the sum of a day */
#define MAX_TIME_S 1e11 /* some 3,000 years */
#define FIRST_ROWS 64	/* of a feature of the day, before it may say something */
/* What the range of the mean is worth for features of the day: they are 0 as a rule, so that their
 * own quartiles say nothing. */
#define DAY_SHARE 0.25
/* Of surprise; below, nothing is told, so that noise does not hold down what follows. */
#define LEAST_SURPRISE 0.02
#define RANDOM_SEED    2463534242u /* of the sample: the same series, the same scores */

struct anomaly {
	struct anomaly_settings s;
	struct anomaly_record records[ANOMALY_FEATURES];
	struct anomaly_days days;
	float recent[ANOMALY_MAX_MEAN_ROWS]; /* a ring of values */
	uint64_t rows;
	double first_s, last_s, interval_s; /* interval_s 0: not known yet */
	double alarms;			    /* recent ones, that fade */
	double told, held_s;		    /* the newest score's surprise; how long ago */
	uint64_t held_rows;
	bool counted; /* that event is in `alarms` */
	uint32_t random;
};

struct anomaly_settings anomaly_settings_default(void)
{
	return (struct anomaly_settings){
		.warm_rows = 288,
		.recent_rows = 512,
		.recent_s = 7 * DAY_S,
		.memory_rows = 2048,
		.memory_s = 28 * DAY_S,
		.prior_rows = 200,
		.mean_rows = 12,
		.delay_rows = 48,
		.delay_s = DAY_S / 6,
		.hold_rows = 48,
		.hold_s = DAY_S / 2,
		.hold_factor = 2,
		.budget = 1,
		.alarm = 0.25,
		.margin = 0.25,
		.floor = 0.01,
		.day_bins = 48,
		.days = 7,
		.tolerance_bins = 2,
		.long_bins = 8,
		.samples = 512,
	};
}

struct anomaly_settings anomaly_settings_live(void)
{
	struct anomaly_settings s = anomaly_settings_default();

	s.warm_s = DAY_S;
	s.hold_s = 2 * s.delay_s; /* the long mean still rises while records wait */
	s.day_bins = 16;
	s.tolerance_bins = 1;
	s.long_bins = 3;
	s.samples = 48;
	return s;
}

const char *anomaly_feature_name(enum anomaly_feature f)
{
	static const char *const names[ANOMALY_FEATURES] = { "value", "mean", "day", "long" };

	return (unsigned)f < ANOMALY_FEATURES ? names[f] : "";
}

static bool at_least(double x, double least)
{
	return isfinite(x) && x >= least;
}

static bool good(const struct anomaly_settings *s)
{
	return s->mean_rows >= 1 && s->mean_rows <= ANOMALY_MAX_MEAN_ROWS && s->day_bins >= 4 &&
	       s->day_bins <= 1440 && s->days >= 1 && s->days <= 366 && s->samples >= 16 &&
	       s->samples <= 65536 && s->tolerance_bins < s->day_bins / 2 && s->long_bins >= 1 &&
	       s->long_bins <= s->day_bins / 2 && s->recent_rows >= 1 && s->memory_rows >= 1 &&
	       at_least(s->warm_s, 0) && at_least(s->recent_s, 0) && at_least(s->memory_s, 0) &&
	       at_least(s->hold_s, 0) && at_least(s->delay_s, 0) && at_least(s->hold_factor, 1) &&
	       at_least(s->budget, 0) && at_least(s->alarm, 0) && at_least(s->margin, 0) &&
	       at_least(s->floor, 0) && at_least(s->least_range, 0);
}

static size_t bins_of(const struct anomaly_settings *s)
{
	return ((size_t)s->days + 1) * s->day_bins;
}

size_t anomaly_bytes(const struct anomaly_settings *s)
{
	if (!good(s))
		return 0;
	const size_t bytes = sizeof(struct anomaly) + (s->days + 1) * sizeof(int64_t) +
			     bins_of(s) * sizeof(struct anomaly_bin) +
			     ANOMALY_FEATURES * (size_t)s->samples * sizeof(float);

	return bytes <= ANOMALY_MAX_BYTES ? bytes : 0;
}

int anomaly_new(struct anomaly **out, const struct anomaly_settings *s, struct err *e)
{
	const size_t bytes = anomaly_bytes(s);

	if (bytes == 0)
		return err_set(e, EINVAL, "settings of an anomaly detector out of bounds");
	struct anomaly *a = calloc(1, bytes);

	if (!a)
		return err_errno(e, "anomaly detector");
	a->s = *s;
	a->random = RANDOM_SEED;
	a->days.numbers = (int64_t *)(a + 1);
	a->days.bins = (struct anomaly_bin *)(a->days.numbers + s->days + 1);
	float *sample = (float *)(a->days.bins + bins_of(s));

	for (unsigned i = 0; i < ANOMALY_FEATURES; i++)
		a->records[i].sample = sample + (size_t)i * s->samples;
	anomaly_days_init(&a->days, s);
	*out = a;
	return 0;
}

void anomaly_free(struct anomaly *a)
{
	free(a);
}

/* The longer of two limits, in rows. */
static double rows_of(const struct anomaly *a, unsigned rows, double seconds)
{
	if (a->interval_s > 0 && seconds / a->interval_s > (double)rows)
		return seconds / a->interval_s;
	return (double)rows;
}

/* Seconds since the row before; a gap counts for four rows at most, a step back for none. */
static double take_time(struct anomaly *a, double time_s)
{
	double gap = a->rows > 0 ? time_s - a->last_s : 0;

	if (a->rows == 0)
		a->first_s = time_s;
	if (gap < 0) {
		a->first_s += gap; /* what has passed has passed */
		for (unsigned i = 0; i < ANOMALY_FEATURES; i++)
			a->records[i].first_s += gap;
		gap = 0;
	}
	if (gap > 0 && a->interval_s > 0)
		a->interval_s += (fmin(gap, 4 * a->interval_s) - a->interval_s) / 32;
	else if (gap > 0)
		a->interval_s = gap;
	a->last_s = time_s;
	return gap;
}

static double short_mean(const struct anomaly *a)
{
	double sum = 0;

	for (unsigned i = 0; i < a->s.mean_rows; i++)
		sum += (double)a->recent[i];
	return sum / a->s.mean_rows;
}

static double beyond(const struct anomaly_span *span, double x)
{
	return x > span->high ? x - span->high : x < span->low ? x - span->low : 0;
}

/* One row as its features are looked at. */
struct row {
	struct anomaly_pace pace;
	struct anomaly_result best;
	double time_s, least_range;
	bool warm;
};

/* x is compared with the record; for a feature of the day it lies beyond `span` of earlier days. */
static void look(struct anomaly *a, struct row *row, enum anomaly_feature f, double seen,
		 const struct anomaly_span *span)
{
	struct anomaly_record *r = &a->records[f];
	const double x = span ? beyond(span, seen) : seen;

	if (r->rows == 0)
		r->first_s = row->time_s;
	/* the first day compared with another tells how much days differ */
	const bool young = span && (r->rows < FIRST_ROWS || row->time_s - r->first_s < DAY_S);
	const double high = r->was_high, low = r->was_low;
	const double surprise = anomaly_record_add(r, &a->s, &row->pace, x, row->least_range,
						   row->warm && !young, &a->random);

	if (f != ANOMALY_VALUE && surprise <= row->best.surprise)
		return;
	row->best.feature = f;
	row->best.surprise = surprise;
	row->best.seen = seen;
	row->best.low = (span ? span->low : 0) + (r->rows > 1 ? low : x);
	row->best.high = (span ? span->high : 0) + (r->rows > 1 ? high : x);
}

static void look_at_all(struct anomaly *a, struct row *row, double value)
{
	const struct anomaly_settings *s = &a->s;
	const struct anomaly_days *d = &a->days;

	look(a, row, ANOMALY_VALUE, value, NULL);
	a->recent[a->rows % s->mean_rows] = (float)value;
	if (a->rows + 1 >= s->mean_rows)
		look(a, row, ANOMALY_MEAN, short_mean(a), NULL);
	anomaly_days_add(&a->days, s, row->time_s, value);
	row->least_range = DAY_SHARE * anomaly_range(&a->records[ANOMALY_MEAN], s);
	/* a yesterday that began amid what is compared with would make all before it new */
	const double known_s = row->time_s - a->first_s - DAY_S, bin_s = DAY_S / s->day_bins;

	if (known_s >= s->tolerance_bins * bin_s && d->day_span.low <= d->day_span.high)
		look(a, row, ANOMALY_DAY, value, &d->day_span);
	if (known_s >= 2 * s->long_bins * bin_s && d->long_span.low <= d->long_span.high)
		look(a, row, ANOMALY_LONG, anomaly_days_long_mean(d, s, row->time_s),
		     &d->long_span);
}

/* Budget and hold-down: what is left of the surprise. */
static double decide(struct anomaly *a, double surprise, double gap_s)
{
	const struct anomaly_settings *s = &a->s;
	const double left = surprise / (1 + s->budget * a->alarms);

	a->alarms *= exp(-1 / rows_of(a, s->recent_rows, s->recent_s));
	a->held_s += gap_s;
	a->held_rows++;
	const bool held = a->told > 0 && (a->held_rows <= s->hold_rows || a->held_s <= s->hold_s);

	if (!held)
		a->counted = false;
	if (left <= LEAST_SURPRISE || (held && left <= a->told * s->hold_factor))
		return 0;
	a->told = left;
	a->held_s = 0;
	a->held_rows = 0;
	if (left >= s->alarm && !a->counted) {
		a->counted = true;
		a->alarms += 1;
	}
	return left / (1 + left);
}

struct anomaly_result anomaly_add(struct anomaly *a, double time_s, double value)
{
	const struct anomaly_settings *s = &a->s;

	if (!isfinite(value) || !(fabs(time_s) <= MAX_TIME_S))
		return (struct anomaly_result){ .feature = ANOMALY_VALUE };
	value = fmin(fmax(value, -MAX_VALUE), MAX_VALUE);
	const double gap_s = take_time(a, time_s);
	struct row row = { .time_s = time_s };

	row.pace.keep = s->samples / rows_of(a, s->recent_rows, s->recent_s);
	row.pace.relax = 1 / rows_of(a, s->memory_rows, s->memory_s);
	row.pace.delay_rows = rows_of(a, s->delay_rows, s->delay_s);
	row.warm = a->rows >= s->warm_rows && time_s - a->first_s >= s->warm_s;
	look_at_all(a, &row, value);
	a->rows++;
	row.best.warm = row.warm;
	if (row.warm)
		row.best.score = decide(a, row.best.surprise, gap_s);
	return row.best;
}
