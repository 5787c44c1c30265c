// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "detector/burst.h"

#define SECOND UINT64_C(1000000000)
#define HIGH   10.0
#define LOW    1.0

static struct burst b;
static uint64_t now_s;

static int setup(void **state)
{
	(void)state;
	b = (struct burst){ 0 };
	now_s = 1000;
	return 0;
}

/* A look with a limit of 5 at a reading; a second passes. */
static enum burst_change look_at(double value, uint64_t reading, uint32_t needed)
{
	const struct burst_look l = { value, 5, reading, needed, now_s++ * SECOND };

	return burst_look(&b, &l);
}

static enum burst_change look(double value)
{
	return look_at(value, now_s, 3);
}

static void what_lasts_three_looks_is_a_burst_and_three_looks_end_it(void **state)
{
	(void)state;
	assert_int_equal(look(HIGH), BURST_NONE);
	assert_int_equal(look(HIGH), BURST_NONE);
	assert_int_equal(look(HIGH), BURST_BEGINS);
	assert_true(b.since_ns == 1000 * SECOND);
	assert_int_equal(look(HIGH), BURST_NONE); /* told once */
	assert_int_equal(look(LOW), BURST_NONE);
	assert_int_equal(look(LOW), BURST_NONE);
	assert_int_equal(look(LOW), BURST_ENDS);
	assert_int_equal(look(LOW), BURST_NONE);
}

static void one_or_two_looks_are_none(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(look(HIGH), BURST_NONE);
		assert_int_equal(look(HIGH), BURST_NONE);
		assert_int_equal(look(LOW), BURST_NONE);
	}
}

static void a_dip_does_not_end_a_burst(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		look(HIGH);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(look(LOW), BURST_NONE);
		assert_int_equal(look(LOW), BURST_NONE);
		assert_int_equal(look(HIGH), BURST_NONE);
	}
	assert_true(b.on);
}

static void one_reading_looked_at_often_is_no_burst(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(look_at(HIGH, 7, 2), BURST_NONE);
	assert_int_equal(look_at(HIGH, 8, 2), BURST_BEGINS);
}

static void readings_of_an_earlier_time_above_do_not_count(void **state)
{
	(void)state;
	look_at(HIGH, 7, 2);
	look_at(HIGH, 8, 2);
	look_at(LOW, 9, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(look_at(HIGH, 10, 2), BURST_NONE);
	/* the same number again after a while: a reading of this time, and the first */
	look_at(LOW, 11, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(look_at(HIGH, 10, 2), BURST_NONE);
}

static void without_a_limit_or_a_value_nothing_begins_and_what_is_on_ends(void **state)
{
	const struct burst_look no_limit = { HIGH, NAN, 1, 1, SECOND };

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(burst_look(&b, &no_limit), BURST_NONE);
		assert_int_equal(look(NAN), BURST_NONE);
	}
	for (int i = 0; i < 3; i++)
		look(HIGH);
	assert_true(b.on);
	assert_int_equal(look(NAN), BURST_NONE);
	assert_int_equal(burst_look(&b, &no_limit), BURST_NONE);
	assert_int_equal(look(NAN), BURST_ENDS);
}

static void what_is_above_becomes_usual_after_a_day_and_not_before(void **state)
{
	(void)state;
	look(LOW);
	assert_true(burst_is_usual(&b, now_s * SECOND));
	look(HIGH); /* the first already is not */
	const uint64_t since = b.since_ns;

	assert_false(burst_is_usual(&b, since));
	assert_false(burst_is_usual(&b, since - SECOND)); /* the clock was set back */
	assert_false(burst_is_usual(&b, since + BURST_USUAL_DAY - 1));
	assert_true(burst_is_usual(&b, since + BURST_USUAL_DAY));
	look(LOW);
	assert_true(burst_is_usual(&b, since));
}

static void the_counters_do_not_wrap(void **state)
{
	(void)state;
	b = (struct burst){ .above = UINT32_MAX, .readings = 3, .on = true };
	assert_int_equal(look(HIGH), BURST_NONE);
	assert_true(b.on && b.above == UINT32_MAX);
	b = (struct burst){ .below = UINT32_MAX };
	assert_int_equal(look(LOW), BURST_NONE);
	assert_true(b.below == UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_lasts_three_looks_is_a_burst_and_three_looks_end_it,
				       setup),
		cmocka_unit_test_setup(one_or_two_looks_are_none, setup),
		cmocka_unit_test_setup(a_dip_does_not_end_a_burst, setup),
		cmocka_unit_test_setup(one_reading_looked_at_often_is_no_burst, setup),
		cmocka_unit_test_setup(readings_of_an_earlier_time_above_do_not_count, setup),
		cmocka_unit_test_setup(
			without_a_limit_or_a_value_nothing_begins_and_what_is_on_ends, setup),
		cmocka_unit_test_setup(what_is_above_becomes_usual_after_a_day_and_not_before,
				       setup),
		cmocka_unit_test_setup(the_counters_do_not_wrap, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
