// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/sketch.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "collector/json_put.h"

#define STEP 32 /* places allocated at once */

static double log_gamma(double alpha)
{
	return log((1 + alpha) / (1 - alpha));
}

/* DBL_MAX with the smallest alpha is 3,550,000: far from the limits of an int32_t. */
static int32_t index_of(const struct sketch *s, double value)
{
	return (int32_t)ceil(log(value) / log_gamma(s->alpha));
}

/* The value that is within alpha of all in the bucket. */
static double value_of(const struct sketch *s, int32_t index)
{
	const double gamma = (1 + s->alpha) / (1 - s->alpha);

	return 2 * exp(index * log_gamma(s->alpha)) / (1 + gamma);
}

void sketch_init(struct sketch *s, double alpha, uint32_t max_buckets)
{
	assert(alpha >= SKETCH_MIN_ALPHA && alpha < 0.5);
	assert(max_buckets >= 1 && max_buckets <= SKETCH_MAX_BUCKETS);
	*s = (struct sketch){ .alpha = alpha, .max_buckets = max_buckets };
}

void sketch_release(struct sketch *s)
{
	free(s->counts);
	s->counts = NULL;
	s->capacity = s->buckets = 0;
	s->zeros = s->total = 0;
	s->min = s->max = s->sum = s->sum_rest = 0;
	s->lowest = 0;
	s->collapsed = false;
}

/* Sums of the same values come out the same in each order: what rounding takes off is kept, as
 * twice the digits of a double (Knuth's two-sum). */
static void add_sum(struct sketch *s, double value)
{
	const double sum = s->sum + value, part = sum - s->sum;
	const double rest = s->sum_rest + ((s->sum - (sum - part)) + (value - part));

	s->sum = sum + rest;
	s->sum_rest = rest - (s->sum - sum);
	if (!isfinite(s->sum) || !isfinite(s->sum_rest)) {
		s->sum = DBL_MAX;
		s->sum_rest = 0;
	}
}

/* Room so that the places from..to exist, where they are allowed; lower ones are not. 0 or
 * -ENOMEM, then nothing has changed. */
static int reserve(struct sketch *s, int32_t from, int32_t to)
{
	if (s->buckets) {
		const int32_t highest = s->lowest + (int32_t)s->buckets - 1;

		from = from < s->lowest ? from : s->lowest;
		to = to > highest ? to : highest;
	}
	uint32_t want = (uint32_t)(to - from) + 1;

	want = want > s->max_buckets ? s->max_buckets : want;
	if (want <= s->capacity)
		return 0;
	want = (want + STEP - 1) / STEP * STEP;
	want = want > s->max_buckets ? s->max_buckets : want;
	uint32_t *counts = realloc(s->counts, want * sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	s->counts = counts;
	s->capacity = want;
	return 0;
}

/* Adds to a count; how much of it there was room for. */
static uint32_t add_to(uint32_t *count, uint32_t n)
{
	const uint32_t fits = n > UINT32_MAX - *count ? UINT32_MAX - *count : n;

	*count += fits;
	return fits;
}

/* Makes `lowest` the lowest place; what was lower goes there. */
static void raise_lowest(struct sketch *s, int32_t lowest)
{
	const uint32_t gone = (uint32_t)(lowest - s->lowest);
	uint32_t first = 0;

	for (uint32_t i = 0; i < gone && i < s->buckets; i++)
		s->total -= s->counts[i] - add_to(&first, s->counts[i]);
	if (gone < s->buckets) {
		s->buckets -= gone;
		memmove(s->counts, s->counts + gone, s->buckets * sizeof(*s->counts));
		s->total -= first - add_to(&s->counts[0], first);
	} else {
		s->buckets = 1;
		s->counts[0] = first;
	}
	s->lowest = lowest;
	s->collapsed = true;
}

/* The places for index exist afterwards; a lower one than is allowed is moved up. */
static int32_t make_place(struct sketch *s, int32_t index)
{
	const int32_t most = (int32_t)s->max_buckets;

	if (s->buckets == 0) {
		s->lowest = index;
		s->buckets = 1;
		s->counts[0] = 0;
		return index;
	}
	const int32_t highest = s->lowest + (int32_t)s->buckets - 1;

	if (index > highest) {
		if (index - s->lowest >= most)
			raise_lowest(s, index - most + 1);
		const uint32_t n = (uint32_t)(index - s->lowest) + 1;

		memset(s->counts + s->buckets, 0, (n - s->buckets) * sizeof(*s->counts));
		s->buckets = n;
	} else if (index < s->lowest) {
		if (highest - index >= most) {
			index = highest - most + 1;
			s->collapsed = true;
		}
		const uint32_t more = (uint32_t)(s->lowest - index);

		memmove(s->counts + more, s->counts, s->buckets * sizeof(*s->counts));
		memset(s->counts, 0, more * sizeof(*s->counts));
		s->buckets += more;
		s->lowest = index;
	}
	return index;
}

/* Reserved before. */
static void add_bucket(struct sketch *s, int32_t index, uint32_t count)
{
	const int32_t at = make_place(s, index);

	s->total += add_to(&s->counts[at - s->lowest], count);
}

static void add_range(struct sketch *s, double min, double max)
{
	if (s->total == 0 || min < s->min)
		s->min = min;
	if (s->total == 0 || max > s->max)
		s->max = max;
}

int sketch_add(struct sketch *s, double value, uint32_t count)
{
	if (!isfinite(value) || value < 0)
		return -EINVAL;
	if (count == 0)
		return 0;
	if (value > SKETCH_MIN) {
		const int32_t index = index_of(s, value);
		const int r = reserve(s, index, index);

		if (r < 0)
			return r;
		add_range(s, value, value);
		add_bucket(s, index, count);
	} else {
		add_range(s, value, value);
		s->zeros += count;
		s->total += count;
	}
	add_sum(s, value * count);
	return 0;
}

double sketch_quantile(const struct sketch *s, double q)
{
	if (s->total == 0 || isnan(q))
		return NAN;
	q = q < 0 ? 0 : q > 1 ? 1 : q;
	const double rank = floor(q * (double)(s->total - 1));
	uint64_t below = s->zeros;
	double value = 0;

	for (uint32_t i = 0; i < s->buckets && (double)below <= rank; i++) {
		below += s->counts[i];
		value = value_of(s, s->lowest + (int32_t)i);
	}
	return value < s->min ? s->min : value > s->max ? s->max : value;
}

double sketch_share_below(const struct sketch *s, double v)
{
	if (s->total == 0 || isnan(v))
		return NAN;
	if (v >= s->max)
		return 1;
	if (v < s->min)
		return 0;
	uint64_t below = s->zeros;

	if (v > SKETCH_MIN) {
		const int64_t to = (int64_t)index_of(s, v) - s->lowest;

		for (uint32_t i = 0; i < s->buckets && i <= to; i++)
			below += s->counts[i];
	}
	return (double)below / (double)s->total;
}

int sketch_merge(struct sketch *into, const struct sketch *from)
{
	if (into->alpha < from->alpha || into->alpha > from->alpha)
		return -EINVAL;
	if (from->total == 0)
		return 0;
	if (from->buckets) {
		const int r =
			reserve(into, from->lowest, from->lowest + (int32_t)from->buckets - 1);

		if (r < 0)
			return r;
	}
	add_range(into, from->min, from->max);
	for (uint32_t i = 0; i < from->buckets; i++)
		if (from->counts[i])
			add_bucket(into, from->lowest + (int32_t)i, from->counts[i]);
	into->zeros += from->zeros;
	into->total += from->zeros;
	add_sum(into, from->sum);
	add_sum(into, from->sum_rest);
	into->collapsed = into->collapsed || from->collapsed;
	return 0;
}

void sketch_halve(struct sketch *s)
{
	const double before = (double)s->total;

	if (s->total == 0)
		return;
	s->zeros -= s->zeros / 2;
	s->total = s->zeros;
	for (uint32_t i = 0; i < s->buckets; i++) {
		s->counts[i] -= s->counts[i] / 2;
		s->total += s->counts[i];
	}
	s->sum *= (double)s->total / before;
	s->sum_rest = 0;
}

size_t sketch_bytes(const struct sketch *s)
{
	return sizeof(*s) + s->capacity * sizeof(*s->counts);
}

/* --- as JSON --------------------------------------------------------------------------------- */

static void put_double(struct buf *b, const char *key, double v)
{
	json_put_key(b, key);
	buf_add_double(b, v);
}

void sketch_json(struct buf *b, const struct sketch *s)
{
	buf_add_char(b, '{');
	put_double(b, "alpha", s->alpha);
	json_put_u64(b, "zeros", s->zeros);
	put_double(b, "min", s->min);
	put_double(b, "max", s->max);
	put_double(b, "sum", s->sum);
	json_put_i64(b, "lowest", s->buckets ? s->lowest : 0);
	json_put_array(b, "counts");
	for (uint32_t i = 0; i < s->buckets;) {
		uint32_t zeros = 0;

		while (i + zeros < s->buckets && s->counts[i + zeros] == 0)
			zeros++;
		json_put_comma(b);
		if (zeros > 1)
			buf_add_i64(b, -(int64_t)zeros);
		else
			buf_add_u64(b, s->counts[i]);
		i += zeros > 1 ? zeros : 1;
	}
	buf_add_char(b, ']');
	json_put_true(b, "collapsed", s->collapsed);
	buf_add_char(b, '}');
}

static int fail(struct sketch *s, struct err *e, const char *what)
{
	sketch_release(s);
	return err_set(e, EPROTO, "sketch: expected %s", what);
}

static bool get_number(const json_t *from, const char *key, double *out)
{
	const json_t *v = json_object_get(from, key);

	*out = json_number_value(v);
	return json_is_number(v) && isfinite(*out) && *out >= 0;
}

/* How many places the counts take, or -1 when they are none. */
static int64_t places_of(const json_t *counts)
{
	int64_t n = 0;
	size_t i;
	json_t *v;

	json_array_foreach(counts, i, v)
	{
		const json_int_t c = json_integer_value(v);

		if (!json_is_integer(v) || c > UINT32_MAX || c < -SKETCH_MAX_BUCKETS)
			return -1;
		if (c <= 0 && (i == 0 || i + 1 == json_array_size(counts)))
			return -1; /* nothing is lowest and highest */
		n += c < 0 ? -c : 1;
		if (n > SKETCH_MAX_BUCKETS)
			return -1;
	}
	return n;
}

static int read_counts(struct sketch *s, const json_t *from, struct err *e)
{
	const json_t *counts = json_object_get(from, "counts");
	const json_t *lowest = json_object_get(from, "lowest");
	const json_int_t first = json_integer_value(lowest);
	const int64_t places = places_of(counts);
	int32_t index;
	size_t i;
	json_t *v;

	if (!json_is_integer(lowest) || first < index_of(s, SKETCH_MIN) ||
	    first > index_of(s, DBL_MAX))
		return fail(s, e, "\"lowest\", the place of the first count");
	if (!json_is_array(counts) || places < 0)
		return fail(s, e,
			    "\"counts\", at most 2048 of them, the first and last above zero");
	if (places == 0)
		return 0;
	index = (int32_t)first;
	if (reserve(s, index, index + (int32_t)places - 1) < 0) {
		sketch_release(s);
		return err_set(e, ENOMEM, "sketch");
	}
	json_array_foreach(counts, i, v)
	{
		const json_int_t c = json_integer_value(v);

		if (c > 0)
			add_bucket(s, index, (uint32_t)c);
		index += c < 0 ? (int32_t)-c : 1;
	}
	return 0;
}

int sketch_parse(struct sketch *s, const json_t *from, uint32_t max_buckets, struct err *e)
{
	double alpha, zeros, min, max, sum;

	*s = (struct sketch){ .alpha = 0.01, .max_buckets = max_buckets };
	if (!json_is_object(from))
		return fail(s, e, "an object");
	if (!get_number(from, "alpha", &alpha) || alpha < SKETCH_MIN_ALPHA || alpha >= 0.5)
		return fail(s, e, "\"alpha\" from 0.0001 to below 0.5");
	if (!get_number(from, "zeros", &zeros) || zeros > 1e18 ||
	    !json_is_integer(json_object_get(from, "zeros")))
		return fail(s, e, "\"zeros\", a count");
	if (!get_number(from, "min", &min) || !get_number(from, "max", &max) || min > max)
		return fail(s, e, "\"min\" and \"max\", not below zero, in this order");
	if (!get_number(from, "sum", &sum))
		return fail(s, e, "\"sum\", not below zero");
	s->alpha = alpha;
	const int r = read_counts(s, from, e);

	if (r < 0)
		return r;
	s->zeros = (uint64_t)json_integer_value(json_object_get(from, "zeros"));
	s->total += s->zeros;
	if (s->total > 0) {
		s->min = min;
		s->max = max;
		s->sum = sum;
	}
	s->collapsed = s->collapsed || json_is_true(json_object_get(from, "collapsed"));
	return 0;
}
