// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "detector/maturity.h"

#define HOUR_NS 3600000000000ULL

static const struct maturity_bounds usual = { .new_entries = 0.01,
					      .minimum_ns = HOUR_NS,
					      .min_containers = 2 };

static struct maturity of(uint64_t windows, uint64_t singletons)
{
	return (struct maturity){ .windows = windows,
				  .singletons = singletons,
				  .entries = singletons,
				  .since_ns = HOUR_NS,
				  .now_ns = 3 * HOUR_NS,
				  .containers = 2 };
}

static void the_estimate_is_good_turing_with_one_more(void **state)
{
	struct maturity m = of(0, 0);

	(void)state;
	assert_true(maturity_estimate(&m) == 1);
	m = of(100, 0);
	assert_true(fabs(maturity_estimate(&m) - 0.01) < 1e-15);
	m = of(100, 4);
	assert_true(fabs(maturity_estimate(&m) - 0.05) < 1e-15);
	m = of(3, 10);
	assert_true(maturity_estimate(&m) == 1);
	m = of(UINT64_MAX, UINT64_MAX);
	assert_true(maturity_estimate(&m) == 1);
}

static void all_three_bounds_must_hold(void **state)
{
	struct maturity m = of(100, 0);

	(void)state;
	assert_true(maturity_complete(&m, &usual));
	assert_true(maturity_progress(&m, &usual) == 1);
	m = of(99, 0);
	assert_false(maturity_complete(&m, &usual));
	m = of(199, 1);
	assert_false(maturity_complete(&m, &usual));
	m = of(1000, 0);
	m.now_ns = m.since_ns + HOUR_NS - 1;
	assert_false(maturity_complete(&m, &usual));
	m.now_ns = 0; /* the clock was set back */
	assert_false(maturity_complete(&m, &usual));
	assert_true(maturity_progress(&m, &usual) == 0);
	m = of(1000, 0);
	m.containers = 1;
	assert_false(maturity_complete(&m, &usual));
	assert_true(maturity_progress(&m, &usual) == 0.5);
}

static void nothing_seen_is_never_complete(void **state)
{
	const struct maturity_bounds lax = { .new_entries = 1 };
	struct maturity m = of(0, 0);

	(void)state;
	assert_false(maturity_complete(&m, &lax));
	assert_true(maturity_progress(&m, &lax) == 0);
	assert_int_equal(maturity_windows_left(&m, &lax), 1);
	m = of(1, 0);
	m.containers = 0;
	assert_false(maturity_complete(&m, &lax)); /* one container at least */
	m.containers = 1;
	assert_true(maturity_complete(&m, &lax));
}

static void progress_is_the_worst_of_the_bounds_and_below_one(void **state)
{
	struct maturity m = of(100, 3);

	(void)state;
	assert_true(fabs(maturity_progress(&m, &usual) - 0.25) < 1e-12);
	m.now_ns = m.since_ns + HOUR_NS / 10;
	assert_true(fabs(maturity_progress(&m, &usual) - 0.1) < 1e-12);
	m = of(99999, 999);
	assert_false(maturity_complete(&m, &usual));
	assert_true(maturity_progress(&m, &usual) <= 0.99);
}

static void the_windows_left_are_just_enough(void **state)
{
	static const double bounds[] = { 0.5, 0.1, 0.01, 0.003, 1e-6 };
	struct maturity_bounds b = usual;

	(void)state;
	for (unsigned i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		for (uint64_t q = 0; q < 300; q++) {
			struct maturity m = of(q, q);

			b.new_entries = bounds[i];
			const uint64_t left = maturity_windows_left(&m, &b);

			assert_true(left > 0);
			m.windows += left;
			assert_true(maturity_complete(&m, &b));
			assert_int_equal(maturity_windows_left(&m, &b), 0);
			m.windows--;
			assert_false(maturity_complete(&m, &b));
		}
	b.new_entries = 0;
	assert_true(maturity_windows_left(&(struct maturity){ .windows = 5 }, &b) == UINT64_MAX);
	b.new_entries = NAN;
	assert_true(maturity_windows_left(&(struct maturity){ .windows = 5 }, &b) == UINT64_MAX);
	assert_false(maturity_complete(&(struct maturity){ .windows = 5 }, &b));
}

/* --- simulated sources ----------------------------------------------------------------------- */

#define KINDS 2000

enum source {
	ZIPF,	 /* entry k comes in a window with probability 1 / (k + 2) */
	UNIFORM, /* each with the same small one */
	BURSTY	 /* as Zipf's, but ten windows after one another show the same */
};

static uint64_t seed;

static double uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (double)(seed >> 11) / 9007199254740992.0;
}

struct run {
	uint32_t seen[KINDS]; /* windows of each */
	struct maturity m;
};

static double chance(enum source source, unsigned k)
{
	return source == UNIFORM ? 0.005 : 1.0 / (k + 2);
}

/* One window more. */
static void window(struct run *r, enum source source, unsigned at)
{
	for (unsigned k = 0; k < KINDS; k++) {
		/* of a burst all windows show the same entries, which is decided at its first */
		static bool burst[KINDS];
		bool shown = uniform() < chance(source, k);

		if (source == BURSTY) {
			if (at % 10 == 0)
				burst[k] = shown;
			shown = burst[k];
		}
		if (!shown)
			continue;
		r->m.entries += r->seen[k] == 0;
		r->m.singletons += r->seen[k] == 0;
		r->m.singletons -= r->seen[k] == 1;
		r->seen[k]++;
	}
	r->m.windows++;
}

/* The true rate: the chance of each entry that was not seen so far. */
static double true_rate(const struct run *r, enum source source)
{
	double rate = 0;

	for (unsigned k = 0; k < KINDS; k++)
		rate += r->seen[k] ? 0 : chance(source, k);
	return rate;
}

/* Standard deviation of the true rate, over all that could have been seen by then. */
static double spread(enum source source, unsigned windows)
{
	double variance = 0;

	for (unsigned k = 0; k < KINDS; k++)
		variance += pow(chance(source, k), 2) * pow(1 - chance(source, k), windows);
	return sqrt(variance);
}

static void the_estimate_is_near_the_true_rate_of_new_entries(void **state)
{
	(void)state;
	for (unsigned source = ZIPF; source <= UNIFORM; source++)
		for (unsigned length = 200; length <= 3200; length *= 2) {
			double estimate = 0, truth = 0;

			for (unsigned round = 0; round < 20; round++) {
				static struct run r;

				memset(&r, 0, sizeof(r));
				seed = 77 + round;
				for (unsigned i = 0; i < length; i++)
					window(&r, source, i);
				const double q1 = (double)r.m.singletons;
				const double one = (q1 + 1) / length, real = true_rate(&r, source);

				/* one run: within four standard deviations of Q1, a sum of
				 * independent rare events, and four of the truth */
				assert_true(fabs(one - real) <= (4 * sqrt(q1 + 1) + 1) / length +
									4 * spread(source, length));
				estimate += q1 / length;
				truth += real;
			}
			/* the mean of twenty: within a tenth, but for what (Q1 + 1) adds */
			assert_true(fabs(estimate - truth) <= 0.1 * truth + 20.0 / length);
		}
}

static void what_comes_in_bursts_needs_the_other_bounds(void **state)
{
	unsigned early = 0;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		const struct maturity_bounds b = { .new_entries = 0.01, .min_containers = 1 };
		static struct run r;

		memset(&r, 0, sizeof(r));
		seed = 5 + round;
		r.m.containers = 1;
		for (unsigned i = 0; i < 1000; i++) {
			window(&r, BURSTY, i);
			early += maturity_complete(&r.m, &b);
		}
	}
	/* what comes in runs is never seen just once: the estimate is blind to it, so that time and
	 * containers are asked for, too; this keeps the weakness known */
	assert_true(early > 0);
}

/* Each window brings, with this chance, an entry that comes never again. */
static void a_source_that_keeps_bringing_new_entries_is_never_complete(void **state)
{
	static const double rates[] = { 0.1, 0.2, 0.5, 1 };

	(void)state;
	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		for (unsigned round = 0; round < 20; round++) {
			const struct maturity_bounds b = { .new_entries = 0.01,
							   .min_containers = 1 };
			struct maturity m = { .containers = 1 };

			seed = 99 + round;
			for (unsigned t = 0; t < 20000; t++) {
				m.windows++;
				m.singletons += uniform() < rates[i];
				assert_false(maturity_complete(&m, &b));
			}
			assert_true(fabs(maturity_estimate(&m) / rates[i] - 1) < 0.1);
		}
}

static void a_source_with_an_end_completes(void **state)
{
	static struct run r;
	unsigned at = 0;

	(void)state;
	memset(&r, 0, sizeof(r));
	seed = 1;
	r.m.containers = 1;
	const struct maturity_bounds b = { .new_entries = 0.01, .min_containers = 1 };

	while (at < 20000 && !maturity_complete(&r.m, &b))
		window(&r, UNIFORM, at++);
	assert_in_range(at, 1000, 3000);
	assert_true(true_rate(&r, UNIFORM) < 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_estimate_is_good_turing_with_one_more),
		cmocka_unit_test(all_three_bounds_must_hold),
		cmocka_unit_test(nothing_seen_is_never_complete),
		cmocka_unit_test(progress_is_the_worst_of_the_bounds_and_below_one),
		cmocka_unit_test(the_windows_left_are_just_enough),
		cmocka_unit_test(the_estimate_is_near_the_true_rate_of_new_entries),
		cmocka_unit_test(what_comes_in_bursts_needs_the_other_bounds),
		cmocka_unit_test(a_source_that_keeps_bringing_new_entries_is_never_complete),
		cmocka_unit_test(a_source_with_an_end_completes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
