// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "detector/invariant.h"

static void each_invariant_says_what_it_is_and_what_to_do(void **state)
{
	(void)state;
	for (unsigned i = 0; i < INV_COUNT; i++) {
		const struct invariant_info *info = &invariants[i];

		assert_true(info->number && info->number[0] == 'I');
		assert_true(strlen(info->name) > 3 && strlen(info->holds) > 10);
		assert_true(strlen(info->recommend) > 20);
		assert_true(info->technique[0] == 'T');
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(info->name, invariants[k].name);
	}
	assert_int_equal(INV_COUNT, 29);
}

static void an_attempt_is_less_grave_than_a_success(void **state)
{
	static struct finding f;

	(void)state;
	finding_begin(&f, INV_KERNEL_HELPERS, FINDING_SUCCEEDED, "Container '%s'", "web");
	assert_int_equal(f.severity, ALERT_CRITICAL);
	assert_string_equal(f.title, "Container 'web'");
	finding_begin(&f, INV_KERNEL_HELPERS, FINDING_ATTEMPTED, "x");
	assert_int_equal(f.severity, ALERT_ERROR);
	finding_begin(&f, INV_UNLIMITED, FINDING_ATTEMPTED, "x");
	assert_int_equal(f.severity, ALERT_INFO);
}

static void what_finds_no_room_is_left_out_and_said(void **state)
{
	static struct finding f;
	static char big[FINDING_TEXT];

	(void)state;
	finding_begin(&f, INV_ROOT, FINDING_SUCCEEDED, "x");
	for (unsigned i = 0; i < 40; i++)
		finding_number(&f, "n", i);
	assert_int_equal(f.facts_n, FINDING_FACTS);
	assert_memory_equal(f.facts[FINDING_FACTS - 1].name.p, "more", 4);
	finding_begin(&f, INV_ROOT, FINDING_SUCCEEDED, "x");
	memset(big, 'a', sizeof(big));
	finding_fact(&f, "big", (struct span){ big, sizeof(big) - 1 });
	finding_fact(&f, "small", SPAN_LIT("xy"));
	finding_fact(&f, "later", SPAN_LIT("z"));
	assert_int_equal(f.facts_n, 2);
	assert_memory_equal(f.facts[1].name.p, "more", 4);
	finding_begin(&f, INV_ROOT, FINDING_SUCCEEDED, "x");
	finding_fact(&f, "empty", (struct span){ NULL, 0 });
	finding_text(&f, "text", "%s", big[0] ? "ok" : "");
	assert_int_equal(f.facts_n, 2);
	assert_memory_equal(f.facts[1].value.p, "ok", 2);
}

static void long_titles_and_keys_are_cut(void **state)
{
	static struct finding f;
	static char big[2000];

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	finding_begin(&f, INV_ROOT, FINDING_SUCCEEDED, "%s", big);
	finding_key(&f, "%s", big);
	assert_int_equal(strlen(f.title), sizeof(f.title) - 1);
	assert_int_equal(strlen(f.key), sizeof(f.key) - 1);
}

static void what_cannot_be_watched_has_a_reason(void **state)
{
	(void)state;
	assert_null(invariant_blind(INV_NAMESPACES, "tracepoint", true, false));
	assert_non_null(invariant_blind(INV_NAMESPACES, "off", true, true));
	assert_non_null(invariant_blind(INV_NAMESPACES, NULL, true, true));
	assert_non_null(invariant_blind(INV_LABEL, "trampoline", true, false));
	assert_null(invariant_blind(INV_LABEL, "trampoline", true, true));
	assert_non_null(invariant_blind(INV_IMAGE, "trampoline", true, true));
	assert_null(invariant_blind(INV_UNLIMITED, "off", false, false));
	assert_memory_equal(invariant_blind(INV_KERNEL_HELPERS, "tracepoint", true, true),
			    "in part: ", 9);
	assert_null(invariant_blind(INV_KERNEL_HELPERS, "trampoline", true, true));
	assert_memory_equal(invariant_blind(INV_CGROUP, "trampoline", false, true), "in part: ", 9);
	assert_string_equal(invariant_blind(INV_CREDENTIALS, "trampoline", false, true),
			    "tasks are not looked at");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_invariant_says_what_it_is_and_what_to_do),
		cmocka_unit_test(an_attempt_is_less_grave_than_a_success),
		cmocka_unit_test(what_finds_no_room_is_left_out_and_said),
		cmocka_unit_test(long_titles_and_keys_are_cut),
		cmocka_unit_test(what_cannot_be_watched_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
