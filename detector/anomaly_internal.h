/* SPDX-License-Identifier: GPL-2.0-or-later */
/* anomaly_internal - a feature's records, a series' days: parts of anomaly.c, of its one thread.
 * Their memory lies in the one block of struct anomaly. */
#ifndef BULKHEAD_ANOMALY_INTERNAL_H
#define BULKHEAD_ANOMALY_INTERNAL_H

#include "detector/anomaly.h"

/* --- anomaly_record.c: records and ranges of one feature ------------------------------------- */

struct anomaly_record {
	float *sample; /* sorted, so quantiles are at hand; settings.samples of room */
	unsigned sample_n;
	unsigned since_rows;	  /* since what is compared with was taken */
	uint64_t rows;		  /* seen */
	double first_s;		  /* when the first came */
	double high, low;	  /* as of now */
	double was_high, was_low; /* what is compared with */
};

/* What holds for all records of a series at this row. */
struct anomaly_pace {
	double delay_rows;
	double keep;  /* share of rows that the sample takes */
	double relax; /* share of the way to the quartiles that records go in a row */
};

double anomaly_range(const struct anomaly_record *r, const struct anomaly_settings *s);
/* The surprise of x, which is learned: in full while `warm` is false, and nothing surprises. The
 * range is at least least_range. *random is the state of a generator, not 0. */
double anomaly_record_add(struct anomaly_record *r, const struct anomaly_settings *s,
			  const struct anomaly_pace *pace, double x, double least_range, bool warm,
			  uint32_t *random);

/* --- anomaly_day.c: what was seen at which time of day ---------------------------------------- */

struct anomaly_bin {
	float mean, min, max; /* mean is NAN: no row */
};

struct anomaly_span {
	double low, high; /* low > high: nothing is known */
};

struct anomaly_days {
	struct anomaly_bin *bins; /* (days + 1) x day_bins; a day's place is its number modulo */
	int64_t *numbers;	  /* of the day at each place; INT64_MIN: none */
	int64_t day;		  /* of the newest row */
	unsigned bin;
	uint32_t bin_rows;	       /* of that bin, so far in a row */
	bool any;		       /* there was a row */
	struct anomaly_span day_span;  /* of earlier days, for the newest bin: values */
	struct anomaly_span long_span; /* and means over long_bins */
};

void anomaly_days_init(struct anomaly_days *d, const struct anomaly_settings *s);
/* Takes a row; the spans are of earlier days. */
void anomaly_days_add(struct anomaly_days *d, const struct anomaly_settings *s, double time_s,
		      double value);
/* The mean over long_bins up to now; `time_s` is the newest row's. */
double anomaly_days_long_mean(const struct anomaly_days *d, const struct anomaly_settings *s,
			      double time_s);

#endif
