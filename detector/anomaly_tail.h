/* SPDX-License-Identifier: GPL-2.0-or-later */
/* anomaly_tail - turns a rate of false alarms ("one a month") into a threshold on surprise
 * (anomaly.h), and surprises into alarms. One for all series of a container: surprise has no unit,
 * so its series learn together how often they surprise, and what happens in several at once is one
 * alarm.
 *
 * Surprises over `base` that follow each other within `hold_s` are one event, its peak counts. The
 * rate of events is estimated, and to what passes `base` a generalised Pareto tail is fitted by
 * the method of moments; the threshold is where that tail is passed at the rate asked for. A prior
 * stands for the first weeks and fades: as if `prior_events` had been seen at `prior_rate_s` with
 * the given mean and shape. Both forget within `memory_s`. An event counts with at most twice the
 * threshold, so that one disaster does not blind it; each alarm still lifts the threshold a little,
 * which is its budget. (Siffer et al. 2017 fit such a tail to values by maximum likelihood; moments
 * take three sums and no solver.)
 *
 * What to expect, and what tests hold it to: over sources that only do what they always did, noise,
 * bursts, rhythms and trends alike, between none and three times the alarms asked for.
 *
 * Owner: one thread. 136 bytes, nothing to free. */
#ifndef BULKHEAD_ANOMALY_TAIL_H
#define BULKHEAD_ANOMALY_TAIL_H

#include <stdbool.h>
#include <stdint.h>

struct anomaly_tail_settings {
	double alarms_s; /* false alarms asked for, a second; 0: never one */
	double hold_s;	 /* so long without a surprise, and the event is over */
	double base;	 /* smaller surprises are none */
	double memory_s;
	double prior_events;		/* what the prior weighs */
	double prior_rate_s;		/* of events */
	double prior_mean, prior_shape; /* of what passes the base */
};

struct anomaly_tail {
	struct anomaly_tail_settings s;
	double last_s;		   /* of rows */
	double observed_s, events; /* fading sums: time, events, */
	double sum, squares;	   /* and what their peaks pass the base by */
	double surprised_s, peak;  /* the event that goes on: peak 0 when none */
	double threshold;	   /* for the event that goes on, or the next */
	bool any, alarmed;
};

/* One alarm a month of 30 days; hold 1 h; base 0.1; memory 90 days, three of the months. Prior:
 * four events, two a day, that pass it by a quarter of a range, tail of shape 0.2 (between that of
 * an exponential, 0, and what moments bear, 0.5). */
struct anomaly_tail_settings anomaly_tail_settings_default(void);
void anomaly_tail_init(struct anomaly_tail *t, const struct anomaly_tail_settings *s);

/* A row of any of the series, with what anomaly_add said of it when it was warm. true: this is an
 * alarm, the first of its event. Times that step back count as no time. */
bool anomaly_tail_add(struct anomaly_tail *t, double time_s, double surprise);
/* Whether the event that had the newest alarm goes on. */
bool anomaly_tail_alarmed(const struct anomaly_tail *t);
/* Surprises from here on are alarms. */
double anomaly_tail_threshold(const struct anomaly_tail *t);
/* Of so large a surprise or larger: how many a month of 30 days are to be expected. */
double anomaly_tail_per_month(const struct anomaly_tail *t, double surprise);

#endif
