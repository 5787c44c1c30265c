/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sketch - quantiles of a stream of values, mergeable, with a stated relative error.
 *
 * DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
 * relative-error guarantees", PVLDB 12(12), 2019): a value v > 0 is counted in bucket
 * ceil(log(v) / log(gamma)), gamma = (1 + alpha) / (1 - alpha). A quantile that is given back is
 * within alpha of the true one, as long as the lowest buckets were not collapsed to keep the bound.
 * Two sketches of one alpha merge without loss: the order of merging does not matter.
 * One thread at a time. */
#ifndef BULKHEAD_SKETCH_H
#define BULKHEAD_SKETCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/base/err.h"

#define SKETCH_MAX_BUCKETS 2048

struct sketch {
	double alpha;	       /* relative error, [SKETCH_MIN_ALPHA, 0.5) */
	uint32_t max_buckets;  /* beyond, the lowest two become one */
	int32_t lowest;	       /* index of counts[0] */
	uint32_t buckets;      /* places in use from there */
	uint32_t capacity;     /* places allocated */
	uint32_t *counts;      /* owned; saturating */
	uint64_t zeros, total; /* values <= SKETCH_MIN; all: zeros and counts */
	double min, max;
	double sum,
		sum_rest; /* of the values; what sum loses by rounding: so that no order matters */
	bool collapsed;	  /* low quantiles may be worse than alpha */
};
#define SKETCH_MIN	 1e-9
#define SKETCH_MIN_ALPHA 1e-4

void sketch_init(struct sketch *s, double alpha, uint32_t max_buckets); /* allocates nothing */
void sketch_release(struct sketch *s);					/* may be repeated */

/* count times the value; NaN, infinite and negative ones are refused: -EINVAL. -ENOMEM, then
 * nothing has changed. */
int sketch_add(struct sketch *s, double value, uint32_t count);
/* The value of rank floor(q * (total - 1)), q in [0, 1]; NAN when there is nothing. */
double sketch_quantile(const struct sketch *s, double q);
/* Share of the values that are at most v; NAN when there is nothing. */
double sketch_share_below(const struct sketch *s, double v);
/* -EINVAL when alpha differs; *into is as it was when it fails. */
int sketch_merge(struct sketch *into, const struct sketch *from);
/* All counts halved (rounded up where above zero): what is old weighs less. The mean stays; min
 * and max, too. */
void sketch_halve(struct sketch *s);
size_t sketch_bytes(const struct sketch *s); /* memory held */

/* {"alpha":..,"zeros":..,"min":..,"max":..,"sum":..,"lowest":..,"counts":[..],"collapsed":true};
 * two and more zero counts in a row are written as one negative length, "collapsed" only when it
 * is so. Sketches of the same values are the same bytes, in whatever order they were merged. */
void sketch_json(struct buf *b, const struct sketch *s);
/* -EPROTO with what was expected; *s is empty then. Bounded by max_buckets. */
int sketch_parse(struct sketch *s, const json_t *from, uint32_t max_buckets, struct err *e);

#endif
