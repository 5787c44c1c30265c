// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/breaker.h"

#define S     NS_PER_S
#define WEB   SPAN_LIT("docker.io/library/web")
#define DB    SPAN_LIT("docker.io/library/db")
#define C(n)  SPAN_LIT("container-" #n)
#define USUAL ((struct breaker_settings){ 0 })

static struct breaker *make(struct breaker_settings s)
{
	struct breaker *b = NULL;

	assert_int_equal(breaker_new(&b, &s, NULL), 0);
	return b;
}

static enum breaker_verdict take_number(struct breaker *b, unsigned image, uint64_t now)
{
	char name[32];

	snprintf(name, sizeof(name), "image-%u", image);
	return breaker_take(b, span_str(name), C(1), now);
}

static void the_fourth_action_of_an_image_within_a_minute_trips(void **state)
{
	AUTO(breaker_free) struct breaker *b = make(USUAL);

	(void)state;
	/* each time under a new container id: the image counts */
	assert_int_equal(breaker_take(b, WEB, C(1), 100 * S), BREAKER_OK);
	assert_int_equal(breaker_take(b, WEB, C(2), 101 * S), BREAKER_OK);
	assert_int_equal(breaker_take(b, WEB, C(3), 102 * S), BREAKER_OK);
	assert_int_equal(breaker_take(b, WEB, C(4), 103 * S), BREAKER_IMAGE);
	assert_int_equal(breaker_take(b, DB, C(5), 103 * S), BREAKER_OK);
	assert_int_equal(breaker_take(b, WEB, C(4), 160 * S - 1), BREAKER_IMAGE);
	assert_int_equal(breaker_take(b, WEB, C(4), 160 * S), BREAKER_OK); /* a minute */
	assert_int_equal(breaker_stats(b, 160 * S).tripped_image, 2);
	assert_int_equal(breaker_stats(b, 160 * S).actions, 5);
}

static void what_was_refused_does_not_count_on(void **state)
{
	AUTO(breaker_free) struct breaker *b = make(USUAL);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(breaker_take(b, WEB, C(1), S), BREAKER_OK);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(breaker_take(b, WEB, C(1), (2 + i / 2) * S), BREAKER_IMAGE);
	assert_int_equal(breaker_take(b, WEB, C(1), 61 * S), BREAKER_OK);
}

static void the_host_trips_over_many_images(void **state)
{
	AUTO(breaker_free) struct breaker *b = make(USUAL);

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(take_number(b, i, 10 * S), BREAKER_OK);
	assert_int_equal(take_number(b, 99, 10 * S), BREAKER_HOST);
	assert_int_equal(take_number(b, 99, 70 * S - 1), BREAKER_HOST);
	assert_int_equal(take_number(b, 99, 70 * S), BREAKER_OK);
	assert_int_equal(breaker_stats(b, 70 * S).tripped_host, 2);
	assert_int_equal(breaker_stats(b, 70 * S).recent, 1);
}

static void a_death_soon_after_an_action_is_told_once(void **state)
{
	AUTO(breaker_free) struct breaker *b = make(USUAL);

	(void)state;
	breaker_take(b, WEB, C(1), 100 * S);
	breaker_take(b, WEB, C(1), 101 * S);
	assert_int_equal(breaker_died(b, C(2), 102 * S).n, 0);
	assert_true(span_eq(breaker_died(b, C(1), 105 * S), "docker.io/library/web"));
	assert_int_equal(breaker_died(b, C(1), 105 * S).n, 0);
	breaker_take(b, DB, C(3), 200 * S);
	assert_int_equal(breaker_died(b, C(3), 210 * S).n, 0); /* ten seconds */
	breaker_take(b, DB, C(3), 300 * S);
	assert_true(span_eq(breaker_died(b, C(3), 310 * S - 1), "docker.io/library/db"));
	assert_int_equal(breaker_stats(b, 0).tripped_death, 2);
}

static void a_death_that_was_wanted_is_forgiven(void **state)
{
	AUTO(breaker_free) struct breaker *b = make(USUAL);

	(void)state;
	breaker_take(b, WEB, C(1), S);
	breaker_forgive(b, C(1));
	assert_int_equal(breaker_died(b, C(1), 2 * S).n, 0);
}

static void an_image_that_was_put_right_begins_anew(void **state)
{
	AUTO(breaker_free) struct breaker *b = make(USUAL);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		breaker_take(b, WEB, C(1), S);
	breaker_reset(b, WEB);
	assert_int_equal(breaker_died(b, C(1), S).n, 0);
	assert_int_equal(breaker_take(b, WEB, C(1), S), BREAKER_OK);
	assert_int_equal(breaker_stats(b, S).recent, 4); /* the host's stand */
}

static void limits_are_settings_and_never_beyond_the_table(void **state)
{
	AUTO(breaker_free)
	struct breaker *b = make((struct breaker_settings){ UINT32_MAX, UINT32_MAX, UINT64_MAX });

	(void)state;
	for (unsigned i = 0; i < BREAKER_MAX_RECENT; i++)
		assert_int_equal(take_number(b, i % 5, S), BREAKER_OK);
	assert_int_equal(take_number(b, 7, S), BREAKER_HOST);
	assert_true(breaker_died(b, C(1), 61 * S - 1).n > 0);
	breaker_set(b, &(struct breaker_settings){ .image_a_minute = 1 });
	assert_int_equal(take_number(b, 7, 100 * S), BREAKER_OK);
	assert_int_equal(take_number(b, 7, 100 * S), BREAKER_IMAGE);
	/* the table goes round */
	for (unsigned i = 0; i < 10 * BREAKER_MAX_RECENT; i++)
		assert_int_equal(take_number(b, i, (200 + 61 * i) * S), BREAKER_OK);
	assert_int_equal(breaker_stats(b, 0).capacity, BREAKER_MAX_RECENT);
}

static void long_and_empty_names_are_counted_too(void **state)
{
	AUTO(breaker_free) struct breaker *b = make(USUAL);
	static char name[5000];
	const struct span longer = { name, sizeof(name) }, none = { NULL, 0 };

	(void)state;
	memset(name, 'x', sizeof(name));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(breaker_take(b, longer, longer, S), BREAKER_OK);
		assert_int_equal(breaker_take(b, none, none, S), BREAKER_OK);
	}
	assert_int_equal(breaker_take(b, longer, longer, S), BREAKER_IMAGE);
	assert_int_equal(breaker_take(b, none, none, S), BREAKER_IMAGE);
	assert_int_equal(breaker_died(b, longer, S).n, BREAKER_IMAGE_BYTES - 1);
	breaker_died(b, none, S);
}

int main(void)
{
	const struct CMUnitTest breaker[] = {
		cmocka_unit_test(the_fourth_action_of_an_image_within_a_minute_trips),
		cmocka_unit_test(what_was_refused_does_not_count_on),
		cmocka_unit_test(the_host_trips_over_many_images),
		cmocka_unit_test(a_death_soon_after_an_action_is_told_once),
		cmocka_unit_test(a_death_that_was_wanted_is_forgiven),
		cmocka_unit_test(an_image_that_was_put_right_begins_anew),
		cmocka_unit_test(limits_are_settings_and_never_beyond_the_table),
		cmocka_unit_test(long_and_empty_names_are_counted_too),
	};

	return cmocka_run_group_tests(breaker, NULL, NULL);
}
