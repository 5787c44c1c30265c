// SPDX-License-Identifier: GPL-2.0-or-later
/* The count of alerts by rule: bounded, and whole all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "detector/alert_rules.h"

static struct alert_rules rules;

static int setup(void **state)
{
	(void)state;
	memset(&rules, 0, sizeof(rules));
	return 0;
}

static void each_rule_has_its_count(void **state)
{
	(void)state;
	alert_rules_count(&rules, SPAN_LIT("oom-kill"));
	alert_rules_count(&rules, SPAN_LIT("Terminal shell in container"));
	alert_rules_count(&rules, SPAN_LIT("oom-kill"));
	assert_int_equal(rules.n, 2);
	assert_string_equal(rules.list[0].name, "oom-kill");
	assert_int_equal(rules.list[0].raised, 2);
	assert_string_equal(rules.list[1].name, "Terminal shell in container");
	assert_int_equal(rules.list[1].raised, 1);
	assert_int_equal(rules.other, 0);
}

static void a_full_table_counts_the_rest_together(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < ALERT_RULES_MAX + 10; i++) {
		snprintf(name, sizeof(name), "rule-%u", i);
		alert_rules_count(&rules, span_str(name));
	}
	assert_int_equal(rules.n, ALERT_RULES_MAX);
	assert_int_equal(rules.other, 10);
	alert_rules_count(&rules, SPAN_LIT("rule-255")); /* who has a place keeps it */
	assert_int_equal(rules.list[255].raised, 2);
	assert_int_equal(rules.other, 10);
}

static void names_that_cannot_be_told_apart_are_other(void **state)
{
	char name[ALERTS_RULE_BYTES];

	(void)state;
	memset(name, 'x', sizeof(name));
	alert_rules_count(&rules, (struct span){ name, sizeof(name) });
	alert_rules_count(&rules, (struct span){ NULL, 0 });
	alert_rules_count(&rules, (struct span){ "a\0b", 3 });
	alert_rules_count(&rules, SPAN_LIT("other"));
	assert_int_equal(rules.n, 0);
	assert_int_equal(rules.other, 4);
	alert_rules_count(&rules, (struct span){ name, sizeof(name) - 1 });
	assert_int_equal(rules.n, 1);
	assert_int_equal(strlen(rules.list[0].name), sizeof(name) - 1);
}

#define T(f) cmocka_unit_test_setup(f, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_rule_has_its_count),
		T(a_full_table_counts_the_rest_together),
		T(names_that_cannot_be_told_apart_are_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
