// SPDX-License-Identifier: GPL-2.0-or-later
/* What a loss of events does to windows. */
#include "tests/unit/detector/detector_baseline_world.h"

static void what_one_container_loses_voids_no_window_of_another(void **state)
{
	struct container *busy = box(0, 'a'), *idle = box(1, 'b');

	(void)state;
	metas[1].image = (char *)(uintptr_t) "redis:7";
	observer(busy);
	observer(idle);
	busy->lost_types = EVENT_BIT(EVENT_OPEN);
	window_passes();
	assert_int_equal(baseline_of(busy)->sets[BASELINE_WRITE].windows[PHASE_STEADY], 0);
	assert_int_equal(baseline_of(busy)->sets[BASELINE_WRITE].voided[PHASE_STEADY], 1);
	assert_int_equal(baseline_of(idle)->sets[BASELINE_WRITE].windows[PHASE_STEADY], 1);
	assert_int_equal(baseline_of(idle)->sets[BASELINE_WRITE].voided[PHASE_STEADY], 0);
}

static void what_is_lost_shortly_before_the_end_voids_the_last_window(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	observer(c);
	observer_stops(observer(c));
	c->lost_types = EVENT_BIT(EVENT_EXEC);
	c->ended = true;
	struct observer *o = observer_find(w.d, c);
	struct baseline *b = o->image->baseline;

	observer_end(o);
	assert_int_equal(b->sets[BASELINE_EXEC].windows[PHASE_SHUTDOWN], 0);
	assert_int_equal(b->sets[BASELINE_EXEC].voided[PHASE_SHUTDOWN], 1);
	assert_int_equal(b->sets[BASELINE_LISTEN].windows[PHASE_SHUTDOWN], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_one_container_loses_voids_no_window_of_another),
		TEST(what_is_lost_shortly_before_the_end_voids_the_last_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
