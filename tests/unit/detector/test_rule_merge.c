// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules: defined anew, appended to, replaced in part, with exceptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/detector/rule_set_check.h"

/* --- rules --------------------------------------------------------------------------------- */

static void a_rule_has_what_its_item_says(void **state)
{
	AUTO_SET struct rule_set s = set_of("- rule: r\n"
					    "  desc: >\n    some text\n"
					    "  condition: evt.type = open\n"
					    "  output: '  out %proc.name '\n"
					    "  priority: Error\n"
					    "  tags: [b, a, b]\n"
					    "  enabled: false\n"
					    "  warn_evttypes: false\n"
					    "  skip-if-unknown-filter: true\n");
	const struct rule *r = s.rules;
	(void)state;

	assert_good(&s);
	assert_int_equal(s.n, 1);
	assert_span(r->desc, "some text\n");
	assert_span(r->output.text, "out %proc.name");
	assert_span(r->source, "syscall");
	assert_span(r->file, "a.yaml");
	assert_int_equal(r->line, 1);
	assert_int_equal(r->priority, ALERT_ERROR);
	assert_int_equal(r->tags_n, 2);
	assert_span(r->tags[0], "b");
	assert_false(r->enabled);
	assert_false(r->warn_evttypes);
	assert_true(r->skip_unknown);
}

static void a_later_rule_of_the_same_name_takes_the_first_place(void **state)
{
	AUTO_SET struct rule_set s =
		set_of(RULE("a", "fd.num=1") RULE("b", "fd.num=2") RULE("a", "fd.num=3"));
	(void)state;

	assert_good(&s);
	assert_int_equal(s.n, 2);
	assert_span(s.rules[0].name, "a");
	assert_condition(&s, "a", "fd.num = 3");
	assert_true(s.rules[0].order < s.rules[1].order);
	assert_fails(RULE("a", "fd.num=1") RULE("a", "fd.num=2") "  source: k8s_audit\n",
		     "is defined again with source 'k8s_audit', expected 'syscall'");
}

static void rules_of_other_sources_are_skipped_with_a_warning(void **state)
{
	AUTO_SET struct rule_set s =
		set_of(RULE("r", "ka.verb = create") "  source: k8s_audit\n"
						     "- rule: r\n  tags: [x]\n"
						     "  override: {tags: append}\n");
	(void)state;

	assert_good(&s);
	assert_int_equal(s.n, 0);
	assert_says(&s, false, "a.yaml:1:9: rule 'r': source 'k8s_audit' is not known here");
}

static void rules_are_switched_on_and_off(void **state)
{
	AUTO_SET struct rule_set s = set_of(
		RULE("a", "fd.num=1") RULE("b", "fd.num=1") "  enabled: false\n"
							    "- rule: a\n  enabled: false\n"
							    "- rule: b\n  enabled: true\n" TOGGLED);
	(void)state;

	assert_good(&s);
	assert_false(rule_of(&s, "a")->enabled);
	assert_true(rule_of(&s, "b")->enabled);
	assert_int_equal(s.messages.warnings, 1);
	assert_says(&s, false, "rule 'a': 'enabled' alone is deprecated");
	assert_fails("- rule: a\n  enabled: false\n", "rule 'a': is enabled or disabled, and does");
	assert_fails("- rule: a\n  enabled: false\n" TOGGLED,
		     "rule 'a': is appended to or overridden, and does not stand before");
	assert_fails("- rule: a\n  append: true\n  condition: or fd.num=1\n",
		     "rule 'a': is appended to or overridden");
}

static void each_part_of_a_rule_can_be_replaced(void **state)
{
	AUTO_SET struct rule_set s = set_of(
		RULE("r", "fd.num=1") "  tags: [a]\n"
				      "- rule: r\n"
				      "  condition: fd.num=2\n  output: new\n  desc: new d\n"
				      "  tags: [b]\n  priority: alert\n  enabled: false\n"
				      "  warn_evttypes: false\n  skip-if-unknown-filter: true\n"
				      "  capture: true\n  capture_duration: 5\n"
				      "  override:\n"
				      "    condition: replace\n    output: replace\n"
				      "    desc: replace\n    tags: replace\n"
				      "    priority: replace\n    enabled: replace\n"
				      "    warn_evttypes: replace\n"
				      "    skip-if-unknown-filter: replace\n"
				      "    capture: replace\n    capture_duration: replace\n");
	const struct rule *r = s.rules;
	(void)state;

	assert_condition(&s, "r", "fd.num = 2");
	assert_span(r->output.text, "new");
	assert_span(r->desc, "new d");
	assert_int_equal(r->tags_n, 1);
	assert_span(r->tags[0], "b");
	assert_int_equal(r->priority, ALERT_ALERT);
	assert_true(!r->enabled && !r->warn_evttypes && r->skip_unknown);
	assert_int_equal(r->line, 1);
}

static void parts_of_a_rule_can_be_appended(void **state)
{
	AUTO_SET struct rule_set s = set_of(RULE(
		"r", "fd.num=1") "  tags: [a]\n"
				 "- rule: r\n"
				 "  condition: or fd.num=2\n  output: more\n  desc: e\n"
				 "  tags: [b, a]\n  priority: alert\n"
				 "  override: {condition: append, output: append, desc: append,"
				 " tags: append, priority: replace}\n"
				 "- rule: r\n  condition: or fd.num=3\n  append: true\n"
				 "  output: ignored\n");
	const struct rule *r = s.rules;
	(void)state;

	assert_condition(&s, "r", "fd.num = 1 or fd.num = 2 or fd.num = 3");
	assert_span(r->output.text, "out more");
	assert_span(r->desc, "d e");
	assert_int_equal(r->tags_n, 2);
	assert_int_equal(r->priority, ALERT_ALERT);
	assert_says(&s, false, "'append' is deprecated");
	assert_says(&s, false, "'output' is not appended by 'append'");
}

static void faults_in_appended_parts_are_placed_in_their_own_file(void **state)
{
	AUTO_SET struct rule_set s;
	AUTO_SET struct rule_set good;
	uint32_t line, column;
	(void)state;

	rule_set_init(&s);
	add(&s, "a.yaml", RULE("r", "evt.type=open"));
	add(&s, "b.yaml",
	    "- rule: r\n  append: true\n  condition: >\n    and fd.num=1\n"
	    "    and (fd.num=2\n");
	assert_int_equal(rule_set_finish(&s), 0);
	assert_says(&s, true, "b.yaml:5:");
	rule_set_init(&good);
	add(&good, "a.yaml", RULE("r", "evt.type=open"));
	add(&good, "b.yaml",
	    "- rule: r\n  append: true\n  condition: >\n    and fd.num=1\n    and\n    fd.num=2\n");
	assert_int_equal(rule_set_finish(&good), 0);
	assert_condition(&good, "r", "evt.type = open and fd.num = 1 and fd.num = 2");
	const struct condition *c = good.rules[0].condition;
	const struct condition *last = c->children[2];

	assert_span(c->children[0]->source->file, "a.yaml");
	assert_span(last->source->file, "b.yaml");
	last->source->place(last->source, last->at, &line, &column);
	assert_int_equal(line, 6);
	assert_int_equal(column, 5);
	c->source->place(c->source, c->children[0]->at, &line, &column);
	assert_int_equal(line, 5);
	assert_int_equal(column, 14);
	AUTO_SET struct rule_set unknown;

	rule_set_init(&unknown);
	add(&unknown, "a.yaml", RULE("r", "evt.type=open"));
	add(&unknown, "b.yaml", "- rule: r\n  append: true\n  condition: and\n    gone\n");
	assert_int_equal(rule_set_finish(&unknown), 0);
	assert_says(&unknown, true, "b.yaml:4:5: rule 'r': unknown macro 'gone'");
}

static void faults_in_the_middle_of_a_folded_condition_have_their_line(void **state)
{
	(void)state;

	assert_fails(RULE("r", ">\n    evt.type = open and\n      fd.num = 1 or\n"
			       "    proc.name =\n    or fd.num=2\n    and fd.num=3"),
		     "a.yaml:9:");
	assert_fails(RULE("r", "evt.type = open and\n    fd.num = 1 or\n\n    % and fd.num=2"),
		     "a.yaml:8:5: rule 'r': ");
	assert_fails(RULE("r", "\"evt.type = \\\"open\\\" and\\n\n    fd.num ~ 1\""),
		     "a.yaml:6:12: rule 'r': ");
}

/* --- exceptions ---------------------------------------------------------------------------- */

static void exceptions_become_conditions(void **state)
{
	static const struct {
		const char *exceptions, *expected;
	} cases[] = {
		{ "[]", "fd.num = 1 or fd.num = 2" },
		{ "", "fd.num = 1 or fd.num = 2" },
		{ "[{name: x, fields: proc.name}]", "fd.num = 1 or fd.num = 2" },
		{ "[{name: x, fields: [proc.name], values: []}]", "fd.num = 1 or fd.num = 2" },
		{ "[{name: x, fields: proc.name, values: [a, b c, '\"(d)\"', l]}]",
		  "(fd.num = 1 or fd.num = 2) and not proc.name in (a, \"b c\", \"(d)\", y, z)" },
		{ "[{name: x, fields: proc.name, comps: pmatch, values: [/a]}]",
		  "(fd.num = 1 or fd.num = 2) and not proc.name pmatch (/a)" },
		{ "[{name: x, fields: [proc.name], values: [[a]]}]",
		  "(fd.num = 1 or fd.num = 2) and not proc.name = a" },
		{ "[{name: x, fields: [proc.name, fd.name], values: [[a, b=c], [d, e]]}]",
		  "(fd.num = 1 or fd.num = 2) and not (proc.name = a and fd.name = \"b=c\" or "
		  "proc.name = d and fd.name = e)" },
		{ "[{name: x, fields: [proc.name, fd.name, evt.num], comps: [in, startswith, '>'],"
		  " values: [[[a, l], 'b c', 7], [l, d, 8], ['(p, q)', d, 9], ['p, q', d, 9]]}]",
		  "(fd.num = 1 or fd.num = 2) and not (proc.name in (a, y, z) and fd.name "
		  "startswith \"b c\" and evt.num > 7 or proc.name in (y, z) and fd.name "
		  "startswith d and evt.num > 8 or proc.name in (p, q) and fd.name startswith d "
		  "and evt.num > 9 or proc.name in (p, q) and fd.name startswith d and "
		  "evt.num > 9)" },
		{ "[{name: x, fields: 'proc.aname[2]', values: [a]},"
		  " {name: y, fields: 'fd.name', comps: contains anyof, values: [b]}]",
		  "(fd.num = 1 or fd.num = 2) and not proc.aname[2] in (a) and not fd.name "
		  "contains anyof (b)" },
		{ "[{name: x, fields: [proc.cmdline], values: [['sh -c \"a\"']]}]",
		  "(fd.num = 1 or fd.num = 2) and not proc.cmdline = \"sh -c \\\"a\\\"\"" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char yaml[1024];

		snprintf(yaml, sizeof(yaml),
			 "- list: l\n  items: [y, z]\n" RULE(
				 "r", "fd.num=1 or fd.num=2") "  exceptions: %s\n",
			 cases[i].exceptions);
		assert_becomes(yaml, cases[i].expected);
	}
}

static void exceptions_are_checked(void **state)
{
	static const struct {
		const char *exceptions, *error;
	} cases[] = {
		{ "{name: x}", "a.yaml:6:23: rule 'r': exception 'x' has no 'fields'" },
		{ "{name: x, fields: []}", "exception 'x' has no 'fields'" },
		{ "{name: x, fields: [a.b, c.d], comps: [in]}", "has 2 fields and 1 comps" },
		{ "{name: x, fields: [a.b], comps: in}", "one of 'fields' and 'comps' as a list" },
		{ "{name: x, fields: a.b, comps: [in]}", "one of 'fields' and 'comps' as a list" },
		{ "{name: x, fields: a.b, comps: '='}", "has a single field, expected 'in'" },
		{ "{name: x, fields: [a.b], comps: [is]}", "unknown operator 'is'" },
		{ "{name: x, fields: [a.b], comps: [exists]}", "unknown operator 'exists'" },
		{ "{name: x, fields: [nofield]}", "'nofield' is no field" },
		{ "{name: x, fields: 'a.b = c or a.b'}", "is no field" },
		{ "{name: x, fields: a.b, values: [[c]]}", "a value is no single value" },
		{ "{name: x, fields: [a.b], values: [c]}", "a value is no list" },
		{ "{name: x, fields: [a.b], values: [[c, d]]}", "are not as many" },
		{ "{name: x, fields: [a.b], comps: [in], values: [['(c']]}",
		  "a.yaml:6:64: rule 'r': " },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char yaml[1024];

		snprintf(yaml, sizeof(yaml), RULE("r", "fd.num=1") "  exceptions: [%s]\n",
			 cases[i].exceptions);
		assert_fails(yaml, cases[i].error);
	}
}

static void exceptions_are_appended_to_and_replaced(void **state)
{
	static const char two[] = "fd.num = 1 and not (proc.name = a and fd.name = b or "
				  "proc.name = c and fd.name = d)";
	(void)state;

	assert_becomes(WITH_EXCEPTION "  append: true\n"
				      "  exceptions: [{name: x, values: [[c, d]]}]\n",
		       two);
	assert_becomes(WITH_EXCEPTION "  override: {exceptions: append}\n"
				      "  exceptions: [{name: x, values: [[c, d]]}]\n",
		       two);
	assert_becomes(
		WITH_EXCEPTION "  override: {exceptions: append}\n"
			       "  exceptions: [{name: y, fields: proc.pname, values: [c]}]\n",
		"fd.num = 1 and not (proc.name = a and fd.name = b) and not proc.pname in (c)");
	assert_becomes(WITH_EXCEPTION
		       "  override: {exceptions: replace}\n"
		       "  exceptions: [{name: y, fields: proc.pname, values: [c]}]\n",
		       "fd.num = 1 and not proc.pname in (c)");
	assert_fails(WITH_EXCEPTION "  override: {exceptions: replace}\n"
				    "  exceptions: [{name: x, values: [[c, d]]}]\n",
		     "exception 'x' has no 'fields'");
	assert_fails(WITH_EXCEPTION "  append: true\n"
				    "  exceptions: [{name: y, values: [c]}]\n",
		     "exception 'y' has no 'fields'");
	assert_fails(WITH_EXCEPTION "  append: true\n"
				    "  exceptions: [{name: y, fields: proc.name}]\n",
		     "exception 'y' is new, expected 'values'");
	assert_fails(WITH_EXCEPTION "  append: true\n"
				    "  exceptions: [{name: x, fields: proc.name, values: [c]}]\n",
		     "exception 'x' stands before, expected 'values' alone");
	assert_fails(WITH_EXCEPTION "  append: true\n"
				    "  exceptions: [{name: x, values: [[c]]}]\n",
		     "exception 'x': fields and values are not as many");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_has_what_its_item_says),
		cmocka_unit_test(a_later_rule_of_the_same_name_takes_the_first_place),
		cmocka_unit_test(rules_of_other_sources_are_skipped_with_a_warning),
		cmocka_unit_test(rules_are_switched_on_and_off),
		cmocka_unit_test(each_part_of_a_rule_can_be_replaced),
		cmocka_unit_test(parts_of_a_rule_can_be_appended),
		cmocka_unit_test(faults_in_appended_parts_are_placed_in_their_own_file),
		cmocka_unit_test(faults_in_the_middle_of_a_folded_condition_have_their_line),
		cmocka_unit_test(exceptions_become_conditions),
		cmocka_unit_test(exceptions_are_checked),
		cmocka_unit_test(exceptions_are_appended_to_and_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
