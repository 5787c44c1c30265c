// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "tests/unit/detector/rule_set_check.h"
#include "tests/unit/fixture.h"

/* --- lists --------------------------------------------------------------------------------- */

static void lists_take_the_place_of_their_name(void **state)
{
	(void)state;

	assert_becomes("- list: l\n  items: [a, b]\n" RULE("r", "proc.name in (x, l, y)"),
		       "proc.name in (x, a, b, y)");
	/* wherever they stand */
	assert_becomes(RULE("r", "proc.name in (l)") "- list: l\n  items: [a]\n",
		       "proc.name in (a)");
	/* a name in quotes is none, nor is a part of a word */
	assert_becomes("- list: l\n  items: [a]\n" RULE("r", "proc.name in (\"l\", ll, l.l)"),
		       "proc.name in (\"l\", ll, l.l)");
	assert_becomes("- list: l\n  items: []\n" RULE("r", "proc.name in (l)"), "proc.name in ()");
	assert_becomes("- list: l\n  items: []\n" RULE("r", "proc.name in (a, l, b)"),
		       "proc.name in (a, b)");
	assert_becomes("- list: l\n  items: [a b, '\"(systemd)\"', '\"it''s\"', 80, yes]\n" RULE(
			       "r", "proc.name in (l)"),
		       "proc.name in (\"a b\", \"(systemd)\", \"it's\", 80, yes)");
	assert_becomes("- list: l\n  items: [a, b]\n" RULE(
			       "r", "not (proc.name pmatch (l) or proc.name intersects (l))"),
		       "not (proc.name pmatch (a, b) or proc.name intersects (a, b))");
}

static void lists_stand_in_lists_at_any_depth(void **state)
{
	(void)state;

	assert_becomes("- list: one\n  items: [a, two]\n"
		       "- list: two\n  items: [three, b, three]\n"
		       "- list: three\n  items: [c, four]\n"
		       "- list: four\n  items: [d]\n" RULE("r", "proc.name in (one)"),
		       "proc.name in (a, c, d, b, c, d)");
	/* "docker" in the list docker is the word */
	assert_becomes(
		"- list: docker\n  items: [docker, dockerd]\n" RULE("r", "proc.name in (docker)"),
		"proc.name in (docker, dockerd)");
	assert_becomes("- list: l\n  items: ['\"m\"']\n- list: m\n  items: [x]\n" RULE(
			       "r", "proc.name in (l)"),
		       "proc.name in (\"m\")");
}

static void a_list_of_one_may_stand_as_a_single_value(void **state)
{
	(void)state;

	assert_becomes("- list: l\n  items: [a]\n" RULE("r", "proc.name = l"), "proc.name = a");
	assert_becomes("- list: l\n  items: [a b]\n" RULE("r", "proc.name startswith l"),
		       "proc.name startswith \"a b\"");
	assert_fails("- list: l\n  items: [a, b]\n" RULE("r", "proc.name = l"),
		     "a.yaml:7:26: rule 'r': list 'l' has 2 values, expected one: 'in (l)'");
	assert_fails("- list: l\n  items: []\n" RULE("r", "proc.name = l"),
		     "a.yaml:7:26: rule 'r': list 'l' has 0 values");
}

static void lists_that_contain_each_other_are_refused_once(void **state)
{
	(void)state;

	assert_fails("- list: a\n  items: [x, b]\n- list: b\n  items: [c]\n- list: c\n"
		     "  items: [a]\n" RULE("r", "proc.name in (a)")
			     RULE("r2", "proc.name in (b, a)"),
		     "a.yaml:6:11: list 'c': contains itself by list 'a'");
}

static void faults_of_a_list_that_nothing_uses_are_warnings(void **state)
{
	AUTO_SET struct rule_set s = set_of("- list: a\n  items: [b]\n- list: b\n  items: [a]\n");
	(void)state;

	assert_good(&s);
	assert_int_equal(s.messages.warnings, 1);
	assert_int_equal(s.lists, 2);
}

static void a_fault_in_an_item_is_placed_at_the_item(void **state)
{
	(void)state;

	assert_fails("- list: l\n  items:\n  - a\n  - '\"b'\n" RULE("r", "proc.name in (l)"),
		     "a.yaml:4:5: list 'l': ");
}

static void lists_are_appended_to_replaced_and_defined_anew(void **state)
{
	(void)state;

	assert_becomes("- list: l\n  items: [a]\n- list: l\n  items: [b]\n  append: true\n" RULE(
			       "r", "proc.name in (l)"),
		       "proc.name in (a, b)");
	assert_becomes("- list: l\n  items: [a]\n"
		       "- list: l\n  items: [b]\n  override: {items: append}\n" RULE(
			       "r", "proc.name in (l)"),
		       "proc.name in (a, b)");
	assert_becomes("- list: l\n  items: [a]\n"
		       "- list: l\n  items: [b]\n  override: {items: replace}\n" RULE(
			       "r", "proc.name in (l)"),
		       "proc.name in (b)");
	assert_becomes(
		"- list: l\n  items: [a]\n- list: l\n  items: [b]\n" RULE("r", "proc.name in (l)"),
		"proc.name in (b)");
	assert_fails("- list: l\n  items: [b]\n  override: {items: append}\n",
		     "a.yaml:1:9: list 'l': appends to a list that does not stand before");
}

static void lists_stand_in_transformers_too(void **state)
{
	AUTO_SET struct rule_set s =
		set_of("- list: l\n  items: [a, b]\n" RULE("r", "join(-, (x, l)) = \"x-a-b\""));
	AUTO_SET struct rule_set plain =
		set_of(RULE("r", "tolower(toupper(proc.name)) = val(proc.pname)"));
	(void)state;

	if (!s.failed) /* the separator's form is the parser's to judge */
		assert_condition(&s, "r", "join(-, (x, a, b)) = x-a-b");
	assert_condition(&plain, "r", "tolower(toupper(proc.name)) = val(proc.pname)");
}

static void lists_of_lists_that_explode_meet_a_limit(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	(void)state;

	buf_init(&b, 1 << 20);
	buf_add_str(&b, "- {list: l0, items: [a, b, c, d, e, f, g, h]}\n");
	for (unsigned i = 1; i < 40; i++)
		buf_printf(&b, "- {list: l%u, items: [l%u, l%u, l%u, l%u, l%u, l%u, l%u, l%u]}\n",
			   i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	buf_add_str(&b, RULE("r", "proc.name in (l39)"));
	buf_add_char(&b, '\0');
	assert_fails(b.data, "list 'l5': more than 65536 values");
	buf_clear(&b);
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "- {list: l%u, items: [l%u]}\n", i, i + 1);
	buf_add_str(&b, RULE("r", "proc.name in (l0)"));
	buf_add_char(&b, '\0');
	assert_fails(b.data, "lists stand in lists more than 64 deep");
}

/* --- macros -------------------------------------------------------------------------------- */

static void macros_are_put_in_place_as_trees(void **state)
{
	AUTO_SET struct rule_set s =
		set_of("- macro: m\n  condition: fd.num=1 or proc.name in (l)\n"
		       "- list: l\n  items: [x]\n"
		       "- macro: n\n  condition: not m\n" RULE("r", "evt.type=open and m and n"));
	(void)state;

	assert_condition(&s, "r",
			 "evt.type = open and (fd.num = 1 or proc.name in (x)) and "
			 "not (fd.num = 1 or proc.name in (x))");
	assert_printed(s.rules[0].written, "evt.type = open and m and n");
	assert_int_equal(s.macros, 2);
	/* what is shared is one tree */
	const struct condition *c = s.rules[0].condition;

	assert_ptr_equal(c->children[1], c->children[2]->children[0]);
	assert_span(c->children[1]->source->name, "m");
	assert_becomes("- macro: m\n  condition: fd.num=1\n" RULE("r", "m"), "fd.num = 1");
}

static void a_macro_sees_those_before_it_and_a_rule_sees_all(void **state)
{
	(void)state;

	assert_becomes(RULE("r", "m") "- macro: m\n  condition: fd.num=1\n", "fd.num = 1");
	assert_fails("- macro: a\n  condition: fd.num=1 and b\n"
		     "- macro: b\n  condition: fd.num=2\n" RULE("r", "a"),
		     "a.yaml:2:27: macro 'a': macro 'b' stands later (a.yaml:3)");
	/* defined anew, it sees what stood before then, and keeps its first place for others */
	assert_becomes("- macro: a\n  condition: fd.num=1\n"
		       "- macro: b\n  condition: a or fd.num=2\n"
		       "- macro: c\n  condition: fd.num=3\n"
		       "- macro: a\n  condition: c\n" RULE("r", "b"),
		       "fd.num = 3 or fd.num = 2");
	assert_becomes("- macro: a\n  condition: fd.num=1\n"
		       "- macro: c\n  condition: fd.num=3\n"
		       "- macro: a\n  condition: or c\n  append: true\n" RULE("r", "a"),
		       "fd.num = 1 or fd.num = 3");
}

static void an_unknown_macro_is_an_error_with_its_place(void **state)
{
	(void)state;

	assert_fails(RULE("r", ">\n    evt.type=open\n    and not (fd.num=1 or\n    nothing)"),
		     "a.yaml:8:5: rule 'r': unknown macro 'nothing'");
	assert_fails("- list: l\n  items: []\n" RULE("r", "evt.type=open and l"),
		     "a.yaml:7:32: rule 'r': unknown macro 'l': it is a list");
	assert_fails("- macro: m\n  condition: fd.num=1 and gone\n" RULE("r", "m") RULE("s", "m"),
		     "a.yaml:2:27: macro 'm': unknown macro 'gone'"); /* told once */
}

static void macros_that_contain_themselves_are_refused(void **state)
{
	(void)state;

	assert_fails("- macro: a\n  condition: fd.num=1\n"
		     "- macro: a\n  condition: fd.num=2 or a\n" RULE("r", "a"),
		     "a.yaml:4:26: macro 'a': macro 'a' contains itself");
	assert_fails("- macro: a\n  condition: fd.num=1\n- macro: b\n  condition: a\n"
		     "- macro: c\n  condition: b\n- macro: a\n  condition: c\n" RULE("r", "a"),
		     "macro 'a' contains itself, used by 'b', which is used by 'c'");
	/* the first definition of a macro does not see itself, and still contains itself */
	assert_fails("- macro: a\n  condition: a\n", "macro 'a' contains itself");
}

static void macros_are_appended_to_replaced_and_told_when_missing(void **state)
{
	(void)state;

	assert_becomes("- macro: m\n  condition: fd.num=1\n"
		       "- macro: m\n  condition: or fd.num=2\n  override: {condition: append}\n"
		       "- macro: m\n  condition: or fd.num=3\n  append: true\n" RULE("r", "m"),
		       "fd.num = 1 or fd.num = 2 or fd.num = 3");
	assert_becomes("- macro: m\n  condition: fd.num=1\n"
		       "- macro: m\n  condition: fd.num=2\n  override: {condition: replace}\n" RULE(
			       "r", "m"),
		       "fd.num = 2");
	assert_fails("- macro: m\n  condition: or fd.num=2\n  append: true\n" RULE("r", "m"),
		     "macro 'm': appends to a macro that does not stand before");
}

static void a_broken_macro_is_told_once(void **state)
{
	(void)state;

	assert_fails("- macro: m\n  condition: fd.num=1 and and\n" RULE("r", "m") RULE("s", "m"),
		     "a.yaml:2:");
}

static struct rule_set macro_bomb(unsigned levels, const char *form)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4 << 20);
	buf_add_str(&b, "- macro: m0\n  condition: fd.num=1\n");
	for (unsigned i = 1; i <= levels; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m%u", i - 1);
		buf_printf(&b, "- macro: m%u\n  condition: ", i);
		for (const char *p = form; *p; p++)
			if (*p == '@')
				buf_add_str(&b, name);
			else
				buf_add_char(&b, *p);
		buf_add_char(&b, '\n');
	}
	buf_printf(&b, RULE("r", "m%u"), levels);
	buf_add_char(&b, '\0');
	return set_of(b.data);
}

static void macros_that_explode_or_nest_meet_a_limit(void **state)
{
	AUTO_SET struct rule_set wide = macro_bomb(60, "@ or @ or @ or @");
	AUTO_SET struct rule_set fits = macro_bomb(9, "@ or @ or @ or @");
	AUTO_SET struct rule_set deep = macro_bomb(5000, "not (@ and fd.num=2)");
	AUTO_SET struct rule_set chain = macro_bomb(5000, "@");
	(void)state;

	assert_says(&wide, true, "rule 'r': all conditions up to here have more than 1048576");
	assert_int_equal(wide.messages.errors, 1);
	assert_good(&fits);
	assert_says(&deep, true, "nested more than 500 deep, with macros in place");
	assert_int_equal(deep.messages.errors, 1);
	assert_good(&chain);
}

static void a_backward_chain_of_redefinitions_does_not_use_up_the_stack(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	(void)state;

	buf_init(&b, 4 << 20);
	for (unsigned i = 0; i < 6000; i++)
		buf_printf(&b, "- {macro: m%u, condition: fd.num=1}\n", i);
	for (unsigned i = 0; i + 1 < 6000; i++)
		buf_printf(&b, "- {macro: m%u, condition: not m%u}\n", i, i + 1);
	buf_add_char(&b, '\0');
	AUTO_SET struct rule_set s = set_of(b.data);

	assert_true(s.failed);
	assert_says(&s, true, "nested more than 500 deep");
}

/* --- versions ------------------------------------------------------------------------------ */

static void versions_that_rules_require_are_checked(void **state)
{
	static const struct {
		const char *yaml, *error; /* NULL: good */
	} cases[] = {
		{ "- required_engine_version: 57\n", NULL },
		{ "- required_engine_version: 0\n", NULL },
		{ "- required_engine_version: 0.57.0\n", NULL },
		{ "- required_engine_version: \"0.12.3-rc1\"\n", NULL },
		{ "- required_engine_version: 58\n",
		  "a.yaml:1:28: required_engine_version '': the rules need engine version 0.58.0" },
		{ "- required_engine_version: 0.57.1\n",
		  "need engine version 0.57.1, this is 0.57.0" },
		{ "- required_engine_version: 1.0.0\n", "need engine version 1.0.0" },
		{ "- required_engine_version: 0.57\n", "'0.57' is no version" },
		{ "- required_engine_version: new\n", "'new' is no version" },
		{ "- required_plugin_versions: [{name: container, version: 0.4.0}]\n", NULL },
		{ "- required_plugin_versions: [{name: container, version: 0.9.12}]\n", NULL },
		{ "- required_plugin_versions: []\n", NULL },
		{ "- required_plugin_versions: [{name: container, version: 0.10.0}]\n",
		  "need plugin 'container' 0.10.0, which is not provided" },
		{ "- required_plugin_versions: [{name: container, version: 4}]\n",
		  "a.yaml:1:57: required_plugin_versions '': '4' is no version" },
		{ "- required_plugin_versions:\n  - {name: k8smeta, version: 0.1.0}\n",
		  "a.yaml:2:12: required_plugin_versions '': the rules need plugin 'k8smeta'" },
		{ "- required_plugin_versions: [{name: k8smeta, version: 0.1.0, alternatives: "
		  "[{name: other, version: 0.1.0}, {name: container, version: 0.4.0}]}]\n",
		  NULL },
		{ "- required_plugin_versions: [{name: k8smeta, version: 0.1.0, alternatives: "
		  "[{name: container, version: 1.4.0}]}, {name: container, version: 0.4.0}]\n",
		  "need plugin 'k8smeta'" },
		{ "- required_plugin_versions: [{name: container, version: 0.4.0, alternatives: "
		  "[{name: container, version: 0.4.0}]}]\n",
		  "plugin 'container' stands twice" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].error) {
			assert_fails(cases[i].yaml, cases[i].error);
			continue;
		}
		AUTO_SET struct rule_set s = set_of(cases[i].yaml);

		assert_good(&s);
	}
}

/* --- files --------------------------------------------------------------------------------- */

static void a_directory_is_read_in_order_of_names(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/20.yaml\n- {list: l, items: [b], append: true}\n"
					    "@ d/10.yml\n- {list: l, items: [a]}\n"
					    "@ d/.hidden.yaml\n- x\n"
					    "@ d/notes.txt\n- x\n"
					    "@ d/30.yaml\n" RULE("r", "proc.name in (l)"));
	AUTO_SET struct rule_set s;
	struct err e = { "" };
	char path[200];
	(void)state;

	snprintf(path, sizeof(path), "%s/d", t.path);
	rule_set_init(&s);
	assert_int_equal(rule_set_add_path(&s, path, &e), 0);
	assert_int_equal(rule_set_finish(&s), 0);
	assert_condition(&s, "r", "proc.name in (a, b)");
	assert_int_equal(s.files, 3);
	snprintf(path, sizeof(path), "%s/d/30.yaml", t.path);
	assert_span(s.rules[0].file, path);
	assert_int_equal(rule_set_add_path(&s, "/nonexistent", &e), -ENOENT);
	assert_string_equal(e.text, "cannot read '/nonexistent': No such file or directory");
}

static void an_empty_set_is_good_and_may_be_released_twice(void **state)
{
	struct rule_set s;
	(void)state;

	rule_set_init(&s);
	assert_int_equal(rule_set_finish(&s), 0);
	assert_good(&s);
	assert_int_equal(s.n, 0);
	rule_set_release(&s);
	rule_set_release(&s);
}

static void no_memory_fails_the_set_as_a_whole(void **state)
{
	(void)state;

	for (size_t max = 0; max < 40000; max += 160) {
		AUTO_SET struct rule_set s;

		rule_set_init(&s);
		s.arena.max = max;
		int r = rule_set_add(&s, SPAN_LIT("f"),
				     SPAN_LIT("- list: l\n  items: [a, b]\n"
					      "- macro: m\n  condition: proc.name in (l) or "
					      "fd.num=1\n" WITH_EXCEPTION
					      "  append: true\n  condition: and m\n"
					      "  exceptions: [{name: x, values: [[c, d]]}]\n"));

		if (r == 0)
			r = rule_set_finish(&s);
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(s.failed, r != 0);
		assert_int_equal(s.messages.errors, 0);
	}
}

/* --- the stock files ----------------------------------------------------------------------- */

static const char *stock_folder(void)
{
	const char *set = getenv("BULKHEAD_FALCO_RULES");
	const char *path = set ? set : "/work/shared/data/falco-rules";

	if (access(path, R_OK) == 0)
		return path;
	print_message("SKIP no Falco rules at '%s' (BULKHEAD_FALCO_RULES)\n", path);
	return NULL;
}

static bool holds_macro(const struct condition *c)
{
	bool holds = c->kind == CONDITION_MACRO;

	for (size_t i = 0; i < c->children_n; i++)
		holds |= holds_macro(c->children[i]);
	return holds;
}

static void assert_stock(const char *const *files, size_t n, size_t rules, size_t macros,
			 size_t lists)
{
	const char *folder = stock_folder();
	AUTO_SET struct rule_set s;
	struct err e = { "" };
	uint64_t began = mono_ns();

	if (!folder)
		skip();
	rule_set_init(&s);
	for (size_t i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		assert_int_equal(rule_set_add_path(&s, path, &e), 0);
	}
	assert_int_equal(rule_set_finish(&s), 0);
	print_message("%zu rules, %zu macros, %zu lists, %zu KiB, %.1f ms\n", s.n, s.macros,
		      s.lists, s.arena.used / 1024, (double)(mono_ns() - began) / 1e6);
	assert_good(&s);
	assert_int_equal(s.messages.warnings, 0);
	assert_int_equal(s.n, rules);
	assert_int_equal(s.macros, macros);
	assert_int_equal(s.lists, lists);
	for (size_t i = 0; i < s.n; i++)
		assert_false(holds_macro(s.rules[i].condition));
}

static const char *const stock[] = { "falco_rules.yaml", "falco-incubating_rules.yaml",
				     "falco-sandbox_rules.yaml" };

static void the_stable_file_of_falco_loads_as_it_is(void **state)
{
	(void)state;
	assert_stock(&stock[0], 1, 25, 87, 49);
}
static void the_incubating_file_of_falco_loads_as_it_is(void **state)
{
	(void)state;
	assert_stock(&stock[1], 1, 31, 82, 54);
}
static void the_sandbox_file_of_falco_loads_as_it_is(void **state)
{
	(void)state;
	assert_stock(&stock[2], 1, 37, 183, 60);
}
static void all_three_files_of_falco_load_together(void **state)
{
	(void)state;
	assert_stock(stock, 3, 93, 315, 118);
}

/* The byte of the file there, both from 1; ASCII alone. */
static char byte_at(struct span file, uint32_t line, uint32_t column)
{
	struct span rest = file, piece = { NULL, 0 };

	for (uint32_t i = 0; i < line; i++)
		if (!span_next(&rest, '\n', &piece))
			return '\0';
	return column <= piece.n ? piece.p[column - 1] : '\0';
}

static void every_byte_of_the_conditions_of_falco_is_found_in_their_file(void **state)
{
	const char *folder = stock_folder();
	AUTO_BUF struct buf b = { .fd = -1 };
	AUTO_SET struct rule_set s;
	struct err e = { "" };
	char path[4096];
	size_t wrong = 0, looked = 0;
	(void)state;

	if (!folder)
		skip();
	snprintf(path, sizeof(path), "%s/%s", folder, stock[0]);
	buf_init(&b, 1 << 20);
	assert_int_equal(io_read_buf_at(AT_FDCWD, path, &b, &e), 0);
	rule_set_init(&s);
	assert_int_equal(rule_set_add(&s, SPAN_LIT("f"), (struct span){ b.data, b.len }), 0);
	assert_int_equal(rule_set_finish(&s), 0);
	assert_good(&s);
	for (size_t i = 0; i < s.n; i++) {
		const struct condition_source *c = s.rules[i].written->source;
		uint32_t line = 0, column = 0;

		for (uint32_t at = 0; at < c->text.n; at++) {
			if (strchr(" \n", c->text.p[at]))
				continue;
			c->place(c, at, &line, &column);
			wrong += byte_at((struct span){ b.data, b.len }, line, column) !=
				 c->text.p[at];
			looked++;
		}
	}
	assert_int_equal(wrong, 0);
	assert_true(looked > 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_take_the_place_of_their_name),
		cmocka_unit_test(lists_stand_in_lists_at_any_depth),
		cmocka_unit_test(a_list_of_one_may_stand_as_a_single_value),
		cmocka_unit_test(lists_that_contain_each_other_are_refused_once),
		cmocka_unit_test(faults_of_a_list_that_nothing_uses_are_warnings),
		cmocka_unit_test(a_fault_in_an_item_is_placed_at_the_item),
		cmocka_unit_test(lists_are_appended_to_replaced_and_defined_anew),
		cmocka_unit_test(lists_stand_in_transformers_too),
		cmocka_unit_test(lists_of_lists_that_explode_meet_a_limit),
		cmocka_unit_test(macros_are_put_in_place_as_trees),
		cmocka_unit_test(a_macro_sees_those_before_it_and_a_rule_sees_all),
		cmocka_unit_test(an_unknown_macro_is_an_error_with_its_place),
		cmocka_unit_test(macros_that_contain_themselves_are_refused),
		cmocka_unit_test(macros_are_appended_to_replaced_and_told_when_missing),
		cmocka_unit_test(a_broken_macro_is_told_once),
		cmocka_unit_test(macros_that_explode_or_nest_meet_a_limit),
		cmocka_unit_test(a_backward_chain_of_redefinitions_does_not_use_up_the_stack),
		cmocka_unit_test(versions_that_rules_require_are_checked),
		cmocka_unit_test(a_directory_is_read_in_order_of_names),
		cmocka_unit_test(an_empty_set_is_good_and_may_be_released_twice),
		cmocka_unit_test(no_memory_fails_the_set_as_a_whole),
		cmocka_unit_test(the_stable_file_of_falco_loads_as_it_is),
		cmocka_unit_test(the_incubating_file_of_falco_loads_as_it_is),
		cmocka_unit_test(the_sandbox_file_of_falco_loads_as_it_is),
		cmocka_unit_test(all_three_files_of_falco_load_together),
		cmocka_unit_test(every_byte_of_the_conditions_of_falco_is_found_in_their_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
