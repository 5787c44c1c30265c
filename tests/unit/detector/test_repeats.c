// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detector/repeats.h"

static void what_was_put_is_there_until_the_epoch_ends(void **state)
{
	struct repeats r = { .epoch = 0 };

	(void)state;
	repeats_begin(&r, 1);
	assert_false(repeats_has(&r, 77));
	repeats_put(&r, 77);
	assert_true(repeats_has(&r, 77));
	repeats_begin(&r, 1);
	assert_true(repeats_has(&r, 77));
	repeats_begin(&r, 2);
	assert_false(repeats_has(&r, 77));
}

static void two_in_one_place_are_not_taken_for_each_other(void **state)
{
	struct repeats r = { .epoch = 0 };

	(void)state;
	repeats_put(&r, 5);
	assert_false(repeats_has(&r, 5 + REPEATS_PLACES));
	repeats_put(&r, 5 + REPEATS_PLACES);
	assert_true(repeats_has(&r, 5 + REPEATS_PLACES));
	assert_false(repeats_has(&r, 5));
}

static void a_hash_of_zero_is_never_there(void **state)
{
	struct repeats r = { .epoch = 0 };

	(void)state;
	assert_false(repeats_has(&r, 0));
	repeats_put(&r, 0);
	assert_false(repeats_has(&r, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_there_until_the_epoch_ends),
		cmocka_unit_test(two_in_one_place_are_not_taken_for_each_other),
		cmocka_unit_test(a_hash_of_zero_is_never_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
