// SPDX-License-Identifier: GPL-2.0-or-later
/* How full, how fast, whose doing: with a clock of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "detector/host_tables_pace.h"
#include "tests/unit/detector/resource_fixture.h"

static const struct table_limits limits = { 85, 95 };

struct series {
	struct table_figure f;
	struct table_pace pace;
	struct table_verdict v;
	uint64_t now_ns;
};

static struct series begin(enum host_table t, uint64_t capacity)
{
	return (struct series){ .f = { .table = t, .capacity = capacity },
				.now_ns = 1000 * NS_PER_S };
}

static enum table_level reading(struct series *s, uint64_t used)
{
	s->now_ns += 5 * NS_PER_S;
	s->f.used = used;
	table_judge(&s->v, &s->pace, &s->f, &limits, s->now_ns);
	return s->v.level;
}

static void levels_follow_the_percent(void **state)
{
	struct series s = begin(TABLE_FILES, 1000);

	(void)state;
	assert_int_equal(reading(&s, 100), TABLE_IS_CALM);
	assert_int_equal(reading(&s, 300), TABLE_IS_NEAR);
	assert_int_equal(reading(&s, 849), TABLE_IS_NEAR);
	assert_int_equal(reading(&s, 850), TABLE_IS_WARNING);
	assert_int_equal(reading(&s, 950), TABLE_IS_CRITICAL);
	assert_int_equal(reading(&s, 1200), TABLE_IS_CRITICAL); /* root may go beyond some limits */
	assert_int_equal(reading(&s, 10), TABLE_IS_CALM);
}

static void without_a_capacity_nothing_is_told(void **state)
{
	struct series s = begin(TABLE_FILES, 0);

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(reading(&s, i * 1000000), TABLE_IS_CALM);
	assert_true(isinf(s.v.full_in_s) && s.v.percent == 0);
	assert_true(s.v.a_minute > 0);
}

static void what_will_be_full_within_two_minutes_is_critical_in_the_third_reading(void **state)
{
	struct series s = begin(TABLE_PIDS, 10000);
	unsigned n = 0;

	(void)state;
	/* 240 a reading: from the half on it takes 104 s */
	for (uint64_t used = 5000; !s.v.soon; used += 240) {
		reading(&s, used);
		assert_true(++n < 10);
	}
	assert_int_equal(s.v.level, TABLE_IS_CRITICAL);
	assert_true(s.v.percent < 85);
	assert_true(fabs(s.v.a_minute - 240 * 12) < 1);
	assert_true(s.v.full_in_s > 30 && s.v.full_in_s <= 120);
}

static void a_jump_that_stays_is_no_pace(void **state)
{
	struct series s = begin(TABLE_PIDS, 10000);

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		reading(&s, 1000);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(reading(&s, 6000), TABLE_IS_NEAR);
	assert_false(s.v.soon);
}

static void what_only_starts_is_not_full_soon(void **state)
{
	struct series s = begin(TABLE_PIDS, 10000);

	(void)state;
	for (uint64_t used = 100; used < 4900; used += 400)
		assert_true(reading(&s, used) <= TABLE_IS_NEAR);
}

static void dirty_memory_is_told_when_it_stays_near_its_limit_and_never_gravely(void **state)
{
	struct series s = begin(TABLE_DIRTY, 1000);

	(void)state;
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(reading(&s, 990), TABLE_IS_NEAR);
	reading(&s, 990);
	assert_int_equal(reading(&s, 990), TABLE_IS_WARNING);
	assert_int_equal(reading(&s, 100), TABLE_IS_CALM);
	assert_int_equal(reading(&s, 990), TABLE_IS_NEAR); /* from the start again */
}

static void a_minute_of_readings_says_the_pace(void **state)
{
	struct series s = begin(TABLE_FILES, 1000000);

	(void)state;
	reading(&s, 0);
	assert_true(isnan(s.v.a_minute));
	for (unsigned i = 0; i < 40; i++)
		reading(&s, 1000 * (i + 1)); /* fast at first */
	for (unsigned i = 0; i < 13; i++)
		reading(&s, 40000 + 10 * i);
	assert_true(fabs(s.v.a_minute - 120) < 1);
	for (unsigned i = 0; i < 13; i++)
		reading(&s, 40000 - 10 * i);
	assert_true(s.v.a_minute < 0 && isinf(s.v.full_in_s));
}

/* --- whose doing ----------------------------------------------------------------------------- */

static struct resources r;
static struct table_top now, before;

static int setup(void **state)
{
	(void)state;
	resources_init(&r, 64);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	table_top_clear(&now);
	table_top_clear(&before);
	resources_release(&r);
	return 0;
}

static void known(struct table_top *t, uint64_t used)
{
	t->used = used;
	t->time_ns = 1;
	t->counted = true;
}

static void the_one_that_holds_most_is_the_cause(void **state)
{
	struct container *a = resources_container(&r, "a", "i"),
			 *b = resources_container(&r, "b", "i");

	(void)state;
	table_top_add(&now, a, 100);
	table_top_add(&now, b, 700);
	known(&now, 1000);
	const struct table_cause c = table_cause_of(&now, &before);

	assert_true(c.known && c.c == b && !c.grew);
	assert_int_equal(c.holds, 700);
	assert_true(fabs(c.share - 70) < 0.01);
}

static void what_is_nobodys_is_the_hosts_unless_a_container_has_a_fifth(void **state)
{
	struct container *a = resources_container(&r, "a", "i");

	(void)state;
	table_top_add(&now, a, 150);
	known(&now, 1000);
	struct table_cause c = table_cause_of(&now, &before);

	assert_true(c.known && !c.c);
	assert_int_equal(c.holds, 850);
	table_top_clear(&now);
	table_top_add(&now, a, 200);
	known(&now, 1000);
	c = table_cause_of(&now, &before);
	assert_ptr_equal(c.c, a);
}

static void who_made_it_grow_is_the_cause_though_another_holds_more(void **state)
{
	struct container *big = resources_container(&r, "big", "i"),
			 *fast = resources_container(&r, "fast", "i");

	(void)state;
	table_top_add(&before, big, 500);
	table_top_add(&before, fast, 10);
	known(&before, 600);
	table_top_add(&now, big, 505);
	table_top_add(&now, fast, 300);
	known(&now, 900);
	struct table_cause c = table_cause_of(&now, &before);

	assert_true(c.c == fast && c.grew);
	assert_int_equal(c.grew_by, 290);
	before.counted = false; /* two ways to count are not compared */
	c = table_cause_of(&now, &before);
	assert_ptr_equal(c.c, big);
}

static void without_a_look_nothing_is_known(void **state)
{
	(void)state;
	assert_false(table_cause_of(&now, &before).known);
}

static void only_the_largest_holders_are_kept_with_the_sum_of_all(void **state)
{
	struct container *list[TOP_HOLDERS + 4];

	(void)state;
	for (unsigned i = 0; i < TOP_HOLDERS + 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "c%u", i);
		list[i] = resources_container(&r, name, "i");
		table_top_add(&now, list[i], (i * 7) % 12 + 1); /* in no order */
	}
	assert_int_equal(now.n, TOP_HOLDERS);
	assert_int_equal(now.inside, 12 * 13 / 2);
	for (unsigned i = 0; i < TOP_HOLDERS; i++)
		assert_int_equal(now.list[i].amount, 12 - i);
	/* one that is not in the list had at most what the last one has */
	known(&now, 78);
	table_top_move(&before, &now);
	assert_int_equal(now.n, 0);
	table_top_add(&now, list[0], 100); /* it had 1, and 5 is what is taken */
	known(&now, 178);
	assert_int_equal(table_cause_of(&now, &before).grew_by, 95);
}

static void a_container_that_goes_is_kept_as_long_as_it_is_named(void **state)
{
	struct container *a = resources_container(&r, "a", "i");

	(void)state;
	table_top_add(&now, a, 5);
	known(&now, 5);
	resources_end(&r, a);
	container_table_expire(r.table, r.now_ns + NS_PER_S, 0);
	assert_string_equal(container_name(table_cause_of(&now, &before).c), "a");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_follow_the_percent),
		cmocka_unit_test(without_a_capacity_nothing_is_told),
		cmocka_unit_test(
			what_will_be_full_within_two_minutes_is_critical_in_the_third_reading),
		cmocka_unit_test(a_jump_that_stays_is_no_pace),
		cmocka_unit_test(what_only_starts_is_not_full_soon),
		cmocka_unit_test(
			dirty_memory_is_told_when_it_stays_near_its_limit_and_never_gravely),
		cmocka_unit_test(a_minute_of_readings_says_the_pace),
		T(the_one_that_holds_most_is_the_cause),
		T(what_is_nobodys_is_the_hosts_unless_a_container_has_a_fifth),
		T(who_made_it_grow_is_the_cause_though_another_holds_more),
		T(without_a_look_nothing_is_known),
		T(only_the_largest_holders_are_kept_with_the_sum_of_all),
		T(a_container_that_goes_is_kept_as_long_as_it_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
