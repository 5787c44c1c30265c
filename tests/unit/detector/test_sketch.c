// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detector/sketch.h"

#define ALPHA 0.01
#define N     20000

static uint64_t seed;

static double uniform(void) /* (0, 1) */
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return ((double)(seed >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

enum shape {
	UNIFORM,
	EXPONENTIAL,
	LOGNORMAL,
	PARETO,
	CONSTANT,
	TWO_POINTS,
	WITH_ZEROS,
	POWERS, /* each value in the middle between two buckets' bounds, or close to one */
	SHAPES
};

static double draw(enum shape shape, unsigned i)
{
	const double gamma = (1 + ALPHA) / (1 - ALPHA);

	switch (shape) {
	case UNIFORM:
		return 1000 * uniform();
	case EXPONENTIAL:
		return -log(uniform()) * 1e6;
	case LOGNORMAL:
		return exp(3 * normal());
	case PARETO:
		return pow(uniform(), -1 / 1.2);
	case CONSTANT:
		return 42.5;
	case TWO_POINTS:
		return i % 10 ? 1 : 1e6;
	case WITH_ZEROS:
		return i % 3 ? uniform() : 0;
	case POWERS:
		return pow(gamma, (double)(i % 900) - 300) * (i % 2 ? 1 + 1e-12 : 1 - 1e-12);
	case SHAPES:
		break;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void a_quantile_is_within_alpha_of_the_true_one(void **state)
{
	static double values[N];

	(void)state;
	for (unsigned shape = 0; shape < SHAPES; shape++) {
		struct sketch s;

		seed = 42 + shape;
		sketch_init(&s, ALPHA, SKETCH_MAX_BUCKETS);
		for (unsigned i = 0; i < N; i++) {
			values[i] = draw(shape, i);
			assert_int_equal(sketch_add(&s, values[i], 1), 0);
		}
		qsort(values, N, sizeof(values[0]), by_value);
		assert_false(s.collapsed);
		for (double q = 0; q <= 1; q += 0.001) {
			const double want = values[(size_t)floor(q * (N - 1))];
			const double got = sketch_quantile(&s, q);

			if (fabs(got - want) > (ALPHA + 1e-9) * want)
				fail_msg("shape %u, q %g: %g instead of %g", shape, q, got, want);
		}
		assert_true(sketch_quantile(&s, 0) <= values[0] * (1 + ALPHA));
		assert_true(s.min <= values[0] && s.max >= values[N - 1]);
		sketch_release(&s);
	}
}

static void a_share_below_is_that_of_a_value_within_alpha(void **state)
{
	struct sketch s;
	double least = 0;

	(void)state;
	seed = 7;
	sketch_init(&s, ALPHA, SKETCH_MAX_BUCKETS);
	assert_true(isnan(sketch_share_below(&s, 1)));
	for (unsigned i = 0; i < N; i++)
		sketch_add(&s, uniform(), 1);
	for (double v = 0.01; v < 1; v += 0.01) {
		const double share = sketch_share_below(&s, v);

		assert_true(share >= least);
		assert_true(fabs(share - v) < 0.02 * v + 0.01);
		least = share;
	}
	assert_true(sketch_share_below(&s, -1) == 0);
	assert_true(sketch_share_below(&s, 0) == 0);
	assert_true(sketch_share_below(&s, 1) == 1);
	assert_true(sketch_share_below(&s, INFINITY) == 1);
	assert_true(isnan(sketch_share_below(&s, NAN)));
	sketch_release(&s);
	sketch_add(&s, 0, 3);
	sketch_add(&s, 5, 1);
	assert_true(sketch_share_below(&s, 0) == 0.75);
	sketch_release(&s);
}

static void the_lowest_buckets_collapse_and_high_quantiles_stay_right(void **state)
{
	static double values[N];
	struct sketch s;

	(void)state;
	seed = 11;
	sketch_init(&s, ALPHA, 400);
	for (unsigned i = 0; i < N; i++) {
		values[i] = exp(4 * normal());
		sketch_add(&s, values[i], 1);
	}
	qsort(values, N, sizeof(values[0]), by_value);
	assert_true(s.collapsed);
	assert_int_equal(s.buckets, 400);
	assert_int_equal(s.total, N);
	for (double q = 0.99; q <= 1; q += 0.0005) {
		const double want = values[(size_t)floor(q * (N - 1))];

		assert_true(fabs(sketch_quantile(&s, q) - want) <= (ALPHA + 1e-9) * want);
	}
	assert_true(sketch_quantile(&s, 0.5) >= values[N / 2] * (1 - ALPHA));
	assert_true(sketch_bytes(&s) <= sizeof(s) + 400 * 4);
	sketch_release(&s);
}

static void one_bucket_is_enough_to_count(void **state)
{
	struct sketch s;

	(void)state;
	sketch_init(&s, 0.4, 1);
	sketch_add(&s, 1, 1);
	sketch_add(&s, 1e300, 1);
	sketch_add(&s, 1e-5, 1);
	sketch_add(&s, 1e308, UINT32_MAX);
	assert_int_equal(s.buckets, 1);
	assert_int_equal(s.total, UINT32_MAX); /* saturated: as much as the counts hold */
	assert_true(s.sum == DBL_MAX);
	assert_true(sketch_quantile(&s, 1) <= 1e308);
	sketch_release(&s);
	sketch_release(&s);
}

static void what_is_no_value_is_refused(void **state)
{
	struct sketch s;

	(void)state;
	sketch_init(&s, ALPHA, 100);
	assert_int_equal(sketch_add(&s, NAN, 1), -EINVAL);
	assert_int_equal(sketch_add(&s, INFINITY, 1), -EINVAL);
	assert_int_equal(sketch_add(&s, -1, 1), -EINVAL);
	assert_int_equal(sketch_add(&s, 5, 0), 0);
	assert_int_equal(s.total, 0);
	assert_true(isnan(sketch_quantile(&s, 0.5)));
	assert_int_equal(sketch_add(&s, -0.0, 1), 0);
	assert_int_equal(sketch_add(&s, DBL_MIN, 1), 0);
	assert_true(isnan(sketch_quantile(&s, NAN)));
	assert_int_equal(s.zeros, 2);
	assert_int_equal(sketch_bytes(&s), sizeof(s)); /* nothing allocated so far */
	assert_int_equal(sketch_add(&s, DBL_MAX, 1), 0);
	assert_true(sketch_quantile(&s, 2) <= DBL_MAX);
	sketch_release(&s);
}

static void fill(struct sketch *s, unsigned shape, uint32_t max_buckets)
{
	seed = 1000 + shape;
	sketch_init(s, ALPHA, max_buckets);
	for (unsigned i = 0; i < 3000; i++)
		sketch_add(s, draw(shape, i), i % 4 + 1);
}

static void copy(struct sketch *into, const struct sketch *from)
{
	sketch_init(into, from->alpha, from->max_buckets);
	assert_int_equal(sketch_merge(into, from), 0);
}

static char *text_of(const struct sketch *s)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	sketch_json(&b, s);
	return buf_take_str(&b);
}

static void same(const struct sketch *a, const struct sketch *b)
{
	char *x = text_of(a), *y = text_of(b);

	assert_string_equal(x, y);
	free(x);
	free(y);
}

static void check_merges(unsigned i, unsigned j, unsigned k, uint32_t max_buckets)
{
	struct sketch a, b, c, left, right, bc, cba;

	fill(&a, i, max_buckets);
	fill(&b, j, max_buckets);
	fill(&c, k, max_buckets);
	copy(&left, &a);
	sketch_merge(&left, &b);
	sketch_merge(&left, &c);
	copy(&bc, &b);
	sketch_merge(&bc, &c);
	copy(&right, &a);
	sketch_merge(&right, &bc);
	copy(&cba, &c);
	sketch_merge(&cba, &b);
	sketch_merge(&cba, &a);
	same(&left, &right);
	same(&left, &cba);
	assert_int_equal(left.total, a.total + b.total + c.total);
	sketch_release(&a);
	sketch_release(&b);
	sketch_release(&c);
	sketch_release(&left);
	sketch_release(&right);
	sketch_release(&bc);
	sketch_release(&cba);
}

static void the_order_of_merging_does_not_matter(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHAPES; i++)
		for (unsigned j = 0; j < SHAPES; j++)
			for (unsigned k = j % 2; k < SHAPES; k += 2) {
				check_merges(i, j, k, SKETCH_MAX_BUCKETS);
				check_merges(i, j, k, 150);
			}
}

static void a_merged_sketch_is_that_of_all_values(void **state)
{
	struct sketch parts[4], all, merged;

	(void)state;
	sketch_init(&all, ALPHA, 300);
	sketch_init(&merged, ALPHA, 300);
	for (unsigned p = 0; p < 4; p++)
		sketch_init(&parts[p], ALPHA, 300);
	seed = 5;
	for (unsigned i = 0; i < 8000; i++) {
		const double v = draw(LOGNORMAL, i);

		sketch_add(&all, v, 1);
		sketch_add(&parts[i % 4], v, 1);
	}
	for (unsigned p = 0; p < 4; p++) {
		sketch_merge(&merged, &parts[p]);
		sketch_release(&parts[p]);
	}
	same(&all, &merged);
	sketch_release(&all);
	sketch_release(&merged);
}

static void sketches_of_another_error_do_not_merge(void **state)
{
	struct sketch a, b;

	(void)state;
	sketch_init(&a, 0.01, 100);
	sketch_init(&b, 0.02, 100);
	sketch_add(&a, 3, 1);
	sketch_add(&b, 4, 1);
	char *before = text_of(&a), *after;

	assert_int_equal(sketch_merge(&a, &b), -EINVAL);
	after = text_of(&a);
	assert_string_equal(before, after);
	free(before);
	free(after);
	sketch_release(&a);
	sketch_release(&b);
}

static void halving_keeps_shape_and_mean(void **state)
{
	struct sketch s;

	(void)state;
	fill(&s, EXPONENTIAL, SKETCH_MAX_BUCKETS);
	const double median = sketch_quantile(&s, 0.5), mean = s.sum / (double)s.total;
	const uint64_t total = s.total;

	sketch_halve(&s);
	assert_true(s.total >= total / 2 && s.total <= total / 2 + s.buckets);
	assert_true(fabs(sketch_quantile(&s, 0.5) / median - 1) < 0.1);
	assert_true(fabs(s.sum / (double)s.total / mean - 1) < 1e-9);
	for (unsigned i = 0; i < 40; i++)
		sketch_halve(&s);
	assert_true(s.total > 0 && s.total <= s.buckets); /* what was seen is never forgotten */
	sketch_release(&s);
	sketch_halve(&s);
	assert_int_equal(s.total, 0);
}

static int parse(struct sketch *s, const char *text, uint32_t max_buckets, struct err *e)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	const int r = sketch_parse(s, j, max_buckets, e);

	json_decref(j);
	return r;
}

static void json_and_back_is_the_same(void **state)
{
	(void)state;
	for (unsigned shape = 0; shape < SHAPES; shape++) {
		struct sketch a, b;
		char *text;

		fill(&a, shape, shape % 2 ? SKETCH_MAX_BUCKETS : 100);
		text = text_of(&a);
		assert_int_equal(parse(&b, text, a.max_buckets, NULL), 0);
		same(&a, &b);
		assert_int_equal(a.total, b.total);
		free(text);
		sketch_release(&a);
		sketch_release(&b);
	}
}

static void json_is_short_where_counts_are_zero(void **state)
{
	struct sketch s, empty;
	char *text;

	(void)state;
	sketch_init(&s, 0.1, 1000);
	sketch_add(&s, 1, 2);
	sketch_add(&s, 2, 1);
	sketch_add(&s, 0, 1);
	text = text_of(&s);
	assert_string_equal(text, "{\"alpha\":0.1,\"zeros\":1,\"min\":0,\"max\":2,\"sum\":4,"
				  "\"lowest\":0,\"counts\":[2,-3,1]}");
	free(text);
	sketch_init(&empty, 0.1, 1000);
	text = text_of(&empty);
	assert_string_equal(text, "{\"alpha\":0.1,\"zeros\":0,\"min\":0,\"max\":0,\"sum\":0,"
				  "\"lowest\":0,\"counts\":[]}");
	free(text);
	sketch_release(&s);
}

static void a_sketch_with_more_buckets_than_allowed_is_collapsed_when_read(void **state)
{
	struct sketch wide, narrow, read;
	char *text;

	(void)state;
	fill(&wide, LOGNORMAL, SKETCH_MAX_BUCKETS);
	fill(&narrow, LOGNORMAL, 100);
	text = text_of(&wide);
	assert_int_equal(parse(&read, text, 100, NULL), 0);
	same(&narrow, &read);
	free(text);
	sketch_release(&wide);
	sketch_release(&narrow);
	sketch_release(&read);
}

#define REST "\"min\":1,\"max\":2,\"sum\":3,\"lowest\":0"

static void damaged_json_is_refused_and_leaves_nothing(void **state)
{
	static const char *const bad[] = {
		"null",
		"[]",
		"{}",
		"{\"zeros\":0," REST ",\"counts\":[1]}",
		"{\"alpha\":0,\"zeros\":0," REST ",\"counts\":[1]}",
		"{\"alpha\":0.00001,\"zeros\":0," REST ",\"counts\":[1]}",
		"{\"alpha\":0.5,\"zeros\":0," REST ",\"counts\":[1]}",
		"{\"alpha\":-1,\"zeros\":0," REST ",\"counts\":[1]}",
		"{\"alpha\":\"x\",\"zeros\":0," REST ",\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":-1," REST ",\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":1.5," REST ",\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":9000000000000000000," REST ",\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":0,\"min\":2,\"max\":1,\"sum\":3,\"lowest\":0,"
		"\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":0,\"min\":1,\"max\":2,\"sum\":-3,\"lowest\":0,"
		"\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":0,\"min\":1,\"max\":2,\"sum\":3,\"lowest\":0.5,"
		"\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":0,\"min\":1,\"max\":2,\"sum\":3,"
		"\"lowest\":2147483647,\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":0,\"min\":1,\"max\":2,\"sum\":3,"
		"\"lowest\":-9000000000000000000,\"counts\":[1]}",
		"{\"alpha\":0.1,\"zeros\":0," REST "}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":{}}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[0]}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[1,-2]}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[-2,1]}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[1,2.5,1]}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[1,\"2\",1]}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[4294967296]}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[1,-2047,1]}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[1,-1000,-1000,-1000,1]}",
		"{\"alpha\":0.1,\"zeros\":0," REST ",\"counts\":[1,-9223372036854775808,1]}",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { "" };
		struct sketch s;

		if (parse(&s, bad[i], 100, &e) != -EPROTO)
			fail_msg("taken: %s", bad[i]);
		assert_true(strncmp(e.text, "sketch: expected ", 17) == 0);
		assert_int_equal(s.total, 0);
		assert_null(s.counts);
		assert_int_equal(sketch_bytes(&s), sizeof(s));
		sketch_release(&s);
	}
}

static void memory_follows_the_range_of_the_values(void **state)
{
	struct sketch s;

	(void)state;
	seed = 3;
	sketch_init(&s, ALPHA, SKETCH_MAX_BUCKETS);
	for (unsigned i = 0; i < 100000; i++)
		sketch_add(&s, 1e6 + 1e6 * uniform(), 1);
	assert_true(sketch_bytes(&s) <= sizeof(s) + 64 * 4); /* a factor of two: 35 buckets */
	for (unsigned i = 0; i < 100000; i++)
		sketch_add(&s, exp(600 * (uniform() - 0.5)), 1);
	assert_int_equal(sketch_bytes(&s), sizeof(s) + SKETCH_MAX_BUCKETS * 4);
	sketch_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quantile_is_within_alpha_of_the_true_one),
		cmocka_unit_test(a_share_below_is_that_of_a_value_within_alpha),
		cmocka_unit_test(the_lowest_buckets_collapse_and_high_quantiles_stay_right),
		cmocka_unit_test(one_bucket_is_enough_to_count),
		cmocka_unit_test(what_is_no_value_is_refused),
		cmocka_unit_test(the_order_of_merging_does_not_matter),
		cmocka_unit_test(a_merged_sketch_is_that_of_all_values),
		cmocka_unit_test(sketches_of_another_error_do_not_merge),
		cmocka_unit_test(halving_keeps_shape_and_mean),
		cmocka_unit_test(json_and_back_is_the_same),
		cmocka_unit_test(json_is_short_where_counts_are_zero),
		cmocka_unit_test(a_sketch_with_more_buckets_than_allowed_is_collapsed_when_read),
		cmocka_unit_test(damaged_json_is_refused_and_leaves_nothing),
		cmocka_unit_test(memory_follows_the_range_of_the_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
