// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/anomaly_tail.h"

#include <math.h>

#include "detector/anomaly.h"

#define DAY_S	    86400.0
#define MONTH_S	    (30 * DAY_S)
#define MAX_SHAPE   0.4	 /* moments say nothing of heavier tails */
#define LEAST_SHAPE 1e-3 /* below, the tail is exponential */

/* A tail fitted to some tens of events is passed up to twice as often as it says: measured on
 * the kinds of source that the tests have, with other seeds. */
#define CAUTION 2

/* The fit: how often the base is passed, and by how much. */
struct fit {
	double rate_s, scale, shape;
};

struct anomaly_tail_settings anomaly_tail_settings_default(void)
{
	return (struct anomaly_tail_settings){
		.alarms_s = 1 / MONTH_S,
		.hold_s = 3600,
		.base = 0.1,
		.memory_s = 90 * DAY_S,
		.prior_events = 4,
		.prior_rate_s = 2 / DAY_S,
		.prior_mean = 0.25,
		.prior_shape = 0.2,
	};
}

/* E[x] = scale / (1 - shape), E[x^2] = 2 scale^2 / ((1 - shape)(1 - 2 shape)) */
static struct fit fit_of(const struct anomaly_tail *t)
{
	const struct anomaly_tail_settings *s = &t->s;
	const double events = t->events + s->prior_events;
	const double square = 2 * s->prior_mean * s->prior_mean * (1 - s->prior_shape) /
			      (1 - 2 * s->prior_shape);
	const double mean = (t->sum + s->prior_events * s->prior_mean) / events;
	const double squares = (t->squares + s->prior_events * square) / events;
	const double variance = fmax(squares - mean * mean, 1e-9);
	const double shape = fmin(fmax((1 - mean * mean / variance) / 2, 0), MAX_SHAPE);

	return (struct fit){
		.rate_s = events / (t->observed_s + s->prior_events / s->prior_rate_s),
		.shape = shape,
		.scale = mean * (1 - shape),
	};
}

static double find_threshold(const struct anomaly_tail *t)
{
	const struct fit f = fit_of(t);
	const double times = CAUTION * f.rate_s / t->s.alarms_s;

	if (!(t->s.alarms_s > 0))
		return INFINITY;
	if (times <= 1)
		return t->s.base;
	if (f.shape < LEAST_SHAPE)
		return t->s.base + f.scale * log(times);
	return t->s.base + f.scale / f.shape * (pow(times, f.shape) - 1);
}

void anomaly_tail_init(struct anomaly_tail *t, const struct anomaly_tail_settings *s)
{
	*t = (struct anomaly_tail){ .s = *s };
	t->threshold = find_threshold(t);
}

static void fade(struct anomaly_tail *t, double gap_s)
{
	const double keep = exp(-gap_s / t->s.memory_s);

	t->observed_s = t->observed_s * keep + gap_s;
	t->events *= keep;
	t->sum *= keep;
	t->squares *= keep;
}

static void end_event(struct anomaly_tail *t)
{
	const double past = fmin(t->peak, 2 * t->threshold) - t->s.base;

	t->events += 1;
	t->sum += past;
	t->squares += past * past;
	t->peak = 0;
	t->alarmed = false;
}

bool anomaly_tail_add(struct anomaly_tail *t, double time_s, double surprise)
{
	double gap_s = t->any ? time_s - t->last_s : 0;

	if (!isfinite(time_s))
		return false;
	if (gap_s < 0) {
		t->surprised_s += gap_s; /* what has passed has passed */
		gap_s = 0;
	}
	t->any = true;
	t->last_s = time_s;
	/* days in which nothing came are not days in which nothing was wrong */
	fade(t, fmin(gap_s, t->s.hold_s));
	if (t->peak > 0 && time_s - t->surprised_s > t->s.hold_s)
		end_event(t);
	if (t->peak <= 0)
		t->threshold = find_threshold(t);
	if (!(surprise > t->s.base))
		return false;
	t->surprised_s = time_s;
	t->peak = fmax(t->peak, fmin(surprise, ANOMALY_MAX_SURPRISE));
	if (t->alarmed || t->peak < t->threshold)
		return false;
	t->alarmed = true;
	return true;
}

bool anomaly_tail_alarmed(const struct anomaly_tail *t)
{
	return t->alarmed;
}

double anomaly_tail_threshold(const struct anomaly_tail *t)
{
	return t->threshold;
}

double anomaly_tail_per_month(const struct anomaly_tail *t, double surprise)
{
	const struct fit f = fit_of(t);
	const double past = fmax(surprise - t->s.base, 0);

	if (f.shape < LEAST_SHAPE)
		return f.rate_s * MONTH_S * exp(-past / f.scale);
	return f.rate_s * MONTH_S * pow(1 + f.shape * past / f.scale, -1 / f.shape);
}
