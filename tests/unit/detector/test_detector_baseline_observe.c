// SPDX-License-Identifier: GPL-2.0-or-later
/* Which files nobody is told of any more. */
#include "tests/unit/detector/detector_baseline_world.h"

#define READS(c, ...) HAPPENS(c, EVENT_OPEN, .access = ACCESS_READ, __VA_ARGS__)

static void reading_a_file_of_the_image_is_dull_once_all_is_learned(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	READS(c, .path = "/usr/lib/libc.so.6");
	assert_int_equal(w.dull, 0);
	is_learned(c, MODE_DETECT);
	READS(c, .path = "/usr/lib/libc.so.6");
	assert_int_equal(w.dull, 1);
	baseline_of(c)->sets[BASELINE_READ].complete_ns[PHASE_STEADY] = 0;
	READS(c, .path = "/usr/lib/libm.so.6");
	assert_int_equal(w.dull, 1);
	baseline_of(c)->sets[BASELINE_READ].complete_ns[PHASE_STEADY] = 1;
	baseline_of(c)->mode = MODE_LEARN;
	READS(c, .path = "/usr/lib/libm.so.6");
	assert_int_equal(w.dull, 1);
}

static void what_may_be_a_secret_or_a_change_is_never_dull(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	is_learned(c, MODE_ENFORCE);
	READS(c, .path = "/etc/shadow");
	HAPPENS(c, EVENT_OPEN, .path = "/srv/data");
	HAPPENS(c, EVENT_OPEN, .path = "/srv/data", .access = ACCESS_READ | ACCESS_WRITE);
	READS(c, .path = "/srv/other", .links = 1);
	READS(c, .path = "/srv/new", .file = FILE_UPPER);
	READS(c, .path = "/data/x", .file = FILE_FOREIGN);
	READS(c, .path = "/srv/gone", .file = FILE_DELETED);
	READS(c, .by = &child); /* who knows what it was */
	READS(c, .path = "/srv/no", .flags = EVENT_DENIED);
	assert_int_equal(w.dull, 0);
	READS(c, .path = "/srv/data");
	assert_int_equal(w.dull, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reading_a_file_of_the_image_is_dull_once_all_is_learned),
		TEST(what_may_be_a_secret_or_a_change_is_never_dull),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
