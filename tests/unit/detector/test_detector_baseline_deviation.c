// SPDX-License-Identifier: GPL-2.0-or-later
/* How much is told of what is still being learned. */
#include "tests/unit/detector/detector_baseline_world.h"

static const char *fact_of(const json_t *alert, const char *name)
{
	const json_t *facts = json_object_get(alert, "evidence");

	for (size_t i = 0; i < json_array_size(facts); i++)
		if (strcmp(text_of_alert(json_array_get(facts, i), "name"), name) == 0)
			return text_of_alert(json_array_get(facts, i), "value");
	return "";
}

static void learns_again(struct container *c, enum seen_phase phase)
{
	for (unsigned k = 0; k < BASELINE_CLASS_COUNT; k++)
		baseline_of(c)->sets[k].complete_ns[phase] = 0;
}

static void what_is_still_learned_is_told_once_an_hour_of_an_image_and_phase(void **state)
{
	struct container *c = box(0, 'a'), *other = box(1, 'b');
	const json_t *alert = NULL;
	char path[64];

	(void)state;
	metas[1].image = (char *)(uintptr_t) "redis:7";
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls"); /* and by whom */
	HAPPENS(other, EVENT_EXEC, .path = "/usr/bin/ls");
	is_learned(c, MODE_DETECT);
	is_learned(other, MODE_DETECT);
	learns_again(c, PHASE_STEADY);
	learns_again(other, PHASE_STEADY);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/usr/bin/tool-%c", 'a' + i);
		HAPPENS(c, EVENT_EXEC, .path = path);
	}
	assert_int_equal(told("baseline-exec", &alert), 1);
	assert_string_equal(text_of_alert(alert, "severity"), "info");
	assert_string_equal(fact_of(alert, "learned_untold"), "");
	assert_int_equal(w.d->counts.learned_held, 19);
	assert_int_equal(w.d->counts.deviations, 20);
	/* all of it is learned all the same */
	assert_non_null(entry_of(c, BASELINE_EXEC, "/usr/bin/tool-t < /usr/sbin/nginx"));
	/* another image, another phase have their own */
	HAPPENS(other, EVENT_EXEC, .path = "/usr/bin/tool-a");
	assert_int_equal(told("baseline-exec", NULL), 2);
	learns_again(c, PHASE_SHUTDOWN);
	observer_stops(observer(c));
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/stop");
	assert_int_equal(told("baseline-exec", NULL), 3);
	/* after an hour the next one is told, and how many were not */
	observer(c)->phase = PHASE_STEADY;
	observer(c)->image->learned_ns[PHASE_STEADY] -= 3600 * NS_PER_S;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/later");
	assert_int_equal(told("baseline-exec", &alert), 4);
	assert_string_equal(fact_of(alert, "learned_untold"), "19 since the last such alert");
}

static void deviations_are_told_while_what_is_learned_is_held(void **state)
{
	struct container *c = box(0, 'a');
	const json_t *alert = NULL;

	(void)state;
	is_learned(c, MODE_DETECT);
	baseline_of(c)->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY] = 0;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/one");
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/two");
	HAPPENS(c, EVENT_LISTEN, .by = &child);
	assert_int_equal(told("baseline-exec", NULL), 1);
	assert_int_equal(told("baseline-listen", &alert), 1);
	assert_string_equal(text_of_alert(alert, "severity"), "warning");
}

static void without_a_digest_all_is_told(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	w.config.baseline_digest_s = 0;
	is_learned(c, MODE_DETECT);
	learns_again(c, PHASE_STEADY);
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/one");
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/two");
	assert_int_equal(told("baseline-exec", NULL), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_still_learned_is_told_once_an_hour_of_an_image_and_phase),
		TEST(deviations_are_told_while_what_is_learned_is_held),
		TEST(without_a_digest_all_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
