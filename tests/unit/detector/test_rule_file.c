// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "detector/rule_file.h"

struct box {
	struct arena arena;
	struct rule_items items;
	struct rule_messages messages;
};

static void box_release(struct box *b)
{
	arena_release(&b->arena);
}
#define AUTO_BOX __attribute__((cleanup(box_release)))

static struct box box_of(struct span yaml)
{
	struct box b = { .items = { 0 } };

	arena_init(&b.arena, 64U << 20);
	assert_int_equal(rule_file_read(&b.arena, SPAN_LIT("a.yaml"), yaml, &b.items, &b.messages),
			 0);
	return b;
}

static struct box read_text(const char *yaml)
{
	return box_of(span_str(yaml));
}

static void assert_text(struct span s, const char *expected)
{
	assert_int_equal(s.n, strlen(expected));
	assert_memory_equal(s.p, expected, s.n);
}

/* "LINE:COLUMN error: what 'name': text", of the i-th message. */
static void assert_message(const struct box *b, size_t i, const char *expected)
{
	const struct rule_message *m = b->messages.first;
	char text[600];

	for (; m && i > 0; i--)
		m = m->next;
	assert_non_null(m);
	snprintf(text, sizeof(text), "%u:%u %s: %.*s '%.*s': %.*s", m->line, m->column,
		 m->error ? "error" : "warning", (int)m->what.n, m->what.p, (int)m->name.n,
		 m->name.p, (int)m->text.n, m->text.p);
	if (!strstr(text, expected))
		print_error("got: %s\nnot: %s\n", text, expected);
	assert_non_null(strstr(text, expected));
	assert_text(m->file, "a.yaml");
}

static void assert_only_error(const char *yaml, const char *expected)
{
	AUTO_BOX struct box b = read_text(yaml);

	if (b.messages.errors != 1)
		print_error("%s: %zu errors\n", yaml, b.messages.errors);
	assert_int_equal(b.messages.errors, 1);
	const struct rule_message *m = b.messages.first;
	size_t i = 0;

	for (; !m->error; m = m->next)
		i++;
	assert_message(&b, i, expected);
}

/* Where the byte of a text that begins with `needle` stands. */
static void assert_place(const struct rule_text *t, const char *needle, uint32_t line,
			 uint32_t column)
{
	const char *p = memmem(t->text.p, t->text.n, needle, strlen(needle));
	uint32_t l = 0, c = 0;

	assert_non_null(p);
	assert_non_null(t->source);
	t->source->place(t->source, (uint32_t)(p - t->text.p), &l, &c);
	if (l != line || c != column)
		print_error("'%s' at %u:%u\n", needle, l, c);
	assert_int_equal(l, line);
	assert_int_equal(c, column);
}

static void a_file_of_lists_macros_and_rules_is_read(void **state)
{
	AUTO_BOX struct box b = read_text("- required_engine_version: 0.57.0\n"
					  "- list: shells\n"
					  "  items: [bash, 80, yes, \"a b\"]\n"
					  "- macro: in_host\n"
					  "  condition: container.id = host\n"
					  "- rule: A shell\n"
					  "  desc: says so\n"
					  "  condition: in_host\n"
					  "  output: \"%proc.name\"\n"
					  "  priority: INFORMATIONAL\n"
					  "  tags: [a, b]\n"
					  "  source: syscall\n"
					  "  enabled: off\n"
					  "  warn_evttypes: False\n"
					  "  skip-if-unknown-filter: true\n"
					  "  capture: true\n"
					  "  capture_duration: 500\n");
	(void)state;

	assert_int_equal(b.messages.errors + b.messages.warnings, 0);
	assert_int_equal(b.items.n, 4);
	assert_int_equal(b.items.list[0].kind, ITEM_ENGINE_VERSION);
	assert_text(b.items.list[0].name.text, "0.57.0");
	assert_int_equal(b.items.list[1].items.n, 4);
	assert_text(b.items.list[1].items.list[2].text, "yes");
	assert_int_equal(b.items.list[1].items.list[3].line, 3);
	assert_int_equal(b.items.list[1].items.list[3].column, 26);
	const struct rule_item *r = &b.items.list[3];

	assert_text(r->name.text, "A shell");
	assert_int_equal(r->priority, ALERT_INFO);
	assert_int_equal(r->tags.n, 2);
	assert_false(r->enabled);
	assert_false(r->warn_evttypes);
	assert_true(r->skip_unknown);
	assert_true(r->capture);
	assert_int_equal(r->capture_ms, 500);
	assert_int_equal(r->name.line, 6);
	assert_place(&r->condition, "in_host", 8, 14);
	assert_string_equal(rule_part_name(PART_SKIP_UNKNOWN), "skip-if-unknown-filter");
}

static void several_documents_and_empty_ones_are_one_file(void **state)
{
	AUTO_BOX struct box b = read_text("---\n- list: a\n  items: []\n---\n---\n"
					  "- list: b\n  items:\n  - x\n-\n- ~\n...\n");
	AUTO_BOX struct box empty = read_text("# nothing\n");
	(void)state;

	assert_int_equal(b.messages.errors, 0);
	assert_int_equal(b.items.n, 2);
	assert_int_equal(b.items.list[1].items.n, 1);
	assert_int_equal(empty.items.n + empty.messages.errors, 0);
}

static void unknown_keys_and_items_are_warnings_with_their_place(void **state)
{
	AUTO_BOX struct box b = read_text("- list: a\n  items: []\n  colour: red\n"
					  "- thing: b\n"
					  "- macro: a-b\n  condition: a\n"
					  "- list: a b\n  items: []\n");
	(void)state;

	assert_int_equal(b.messages.errors, 0);
	assert_int_equal(b.messages.warnings, 4);
	assert_message(&b, 0, "3:3 warning: list 'a': unknown key 'colour' is ignored");
	assert_message(&b, 1, "4:3 warning:  '': unknown item, expected 'rule'");
	assert_message(&b, 2, "5:10 warning: macro 'a-b': the name cannot stand in a condition");
	assert_message(&b, 3, "7:9 warning: list 'a b': the name cannot stand in a condition");
	assert_int_equal(b.items.n, 3);
}

static void malformed_files_are_refused_with_a_place(void **state)
{
	static const struct {
		const char *yaml, *error;
	} cases[] = {
		{ "- a: [b\n- c", "not valid YAML: did not find expected ',' or ']'" },
		{ "- \"a\n", "not valid YAML: found unexpected end of stream" },
		{ "a: b\n", "1:1 error:  '': a document of rules is a list" },
		{ "hello\n", "1:1 error:  '': a document of rules is a list" },
		{ "- hello\n", "1:3 error:  '': an item is a mapping" },
		{ "- [a]\n", "1:3 error:  '': an item is a mapping" },
		{ "- list: a\n  items: &x [b]\n", "2:10 error:  '': anchors and aliases" },
		{ "- list: a\n  items: [*x]\n", "2:11 error:  '': anchors and aliases" },
		{ "- list: !!str a\n  items: []\n", "1:9 error:  '': tags are not supported" },
		{ "- list: a\n  items: []\n  list: b\n",
		  "3:3 error:  '': key 'list' stands twice" },
		{ "- ? [a]\n  : b\n", "1:5 error:  '': a mapping's key is not a single word" },
		{ "- list: \"a\\0b\"\n  items: []\n", "1:9 error:  '': text holds a NUL byte" },
		{ "- list:\n  items: []\n", "1:8 error: list '': 'list' is empty" },
		{ "- list: [a]\n  items: []\n", "1:9 error: list '': 'list' is a list" },
		{ "- list: a\n", "1:3 error: list 'a': key 'items' is missing" },
		{ "- list: a\n  items: b\n", "2:10 error: list 'a': 'items' is a single value" },
		{ "- list: a\n  items:\n", "2:9 error: list 'a': 'items' is empty" },
		{ "- list: a\n  items: [[b]]\n", "2:11 error: list 'a': 'items' holds a list" },
		{ "- list: a\n  items: {b: c}\n", "2:10 error: list 'a': 'items' is a mapping" },
		{ "- macro: a\n", "1:3 error: macro 'a': key 'condition' is missing" },
		{ "- macro: a\n  condition: ''\n", "2:14 error: macro 'a': 'condition' is empty" },
		{ "- macro: a\n  condition: [b]\n", "'condition' is a list, expected a single" },
		{ "- rule: a\n", "has neither 'condition', 'output', 'desc', 'priority' nor" },
		{ "- rule: a\n  desc: b\n  condition: c\n  output: d\n",
		  "1:3 error: rule 'a': key 'priority' is missing" },
		{ "- rule: a\n  desc: b\n  condition: c\n  priority: debug\n",
		  "1:3 error: rule 'a': key 'output' is missing" },
		{ "- rule: a\n  desc: b\n  condition: c\n  output: d\n  priority: loud\n",
		  "5:13 error: rule 'a': unknown priority 'loud'" },
		{ "- rule: a\n  enabled: maybe\n", "2:12 error: rule 'a': 'enabled' is neither" },
		{ "- rule: a\n  append: true\n", "appends nothing, expected 'condition'" },
		{ "- rule: a\n  append: true\n  condition: b\n  override: {condition: append}\n",
		  "has both 'append' and 'override'" },
		{ "- rule: a\n  override: [b]\n  enabled: true\n", "'override' is no mapping" },
		{ "- rule: a\n  tags: [b]\n  override: {enabled: replace, tags: replace}\n",
		  "3:14 error: rule 'a': 'enabled' is overridden and not given" },
		{ "- rule: a\n  tags: [b]\n  desc: c\n  override: {tags: replace}\n",
		  "key 'desc' is given and not overridden" },
		{ "- rule: a\n  enabled: true\n  override: {enabled: append}\n",
		  "3:23 error: rule 'a': 'enabled' cannot be appended to" },
		{ "- rule: a\n  tags: [b]\n  override: {tags: add}\n",
		  "3:20 error: rule 'a': unknown override of 'tags', expected 'append' or" },
		{ "- rule: a\n  enabled: yes\n  override: {enabled: no}\n",
		  "unknown override of 'enabled', expected 'replace'" },
		{ "- rule: a\n  source: x\n  enabled: true\n"
		  "  override: {source: replace, enabled: replace}\n",
		  "'source' cannot be overridden" },
		{ "- list: a\n  items: []\n  override: {condition: append}\n",
		  "'condition' cannot be overridden" },
		{ "- rule: a\n  append: true\n  exceptions: {a: b}\n", "'exceptions' is no list" },
		{ "- rule: a\n  append: true\n  exceptions: [b]\n", "an exception is a mapping" },
		{ "- rule: a\n  append: true\n  exceptions: [{fields: b}]\n",
		  "an exception is a mapping with a name" },
		{ "- rule: a\n  append: true\n  exceptions:\n  - {name: x, values: [a]}\n"
		  "  - {name: x, values: [b]}\n",
		  "5:5 error: rule 'a': exception 'x' stands twice" },
		{ "- rule: a\n  append: true\n  exceptions: [{name: x, values: b}]\n",
		  "'values' is no list" },
		{ "- rule: a\n  append: true\n  exceptions: [{name: x, values: [[[[b]]]]}]\n",
		  "'values' holds a list, expected single values" },
		{ "- required_plugin_versions: container\n", "is no list, expected a list" },
		{ "- required_plugin_versions: [{name: container}]\n", "expected 'name' and" },
		{ "- required_plugin_versions: [container]\n", "expected 'name' and" },
		{ "- required_plugin_versions: [{name: a, version: 0.1.0, alternatives: b}]\n",
		  "'alternatives' is no list" },
		{ "- rule: a\n  capture_duration: long\n  override: {capture_duration: replace}\n",
		  "capture_duration is no number" },
		{ "- list: \xff\n", "1:9 error:  '': not valid UTF-8" },
		{ "- list: a\n  items: [\x07]\n", "2:11 error:  '': not valid YAML: control" },
		{ "- [[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]\n", "nested too deeply" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_only_error(cases[i].yaml, cases[i].error);
}

static void one_faulty_item_does_not_hide_the_next(void **state)
{
	AUTO_BOX struct box b = read_text("- list: a\n"
					  "- rule: b\n  priority: loud\n  desc: c\n"
					  "- list: c\n  items: *x\n"
					  "- list: d\n  items: [e]\n");
	(void)state;

	assert_int_equal(b.messages.errors, 5);
	assert_int_equal(b.items.n, 3);
	assert_true(b.items.list[0].broken);
	assert_true(b.items.list[1].broken);
	assert_false(b.items.list[2].broken);
}

static void a_nul_and_a_file_that_is_too_long_are_refused(void **state)
{
	AUTO_BOX struct box nul = box_of(SPAN_LIT("- list: a\n  items: [\0]\n"));
	char *bytes = test_calloc(1, RULE_FILE_MAX_BYTES + 1);
	(void)state;

	memset(bytes, '\n', RULE_FILE_MAX_BYTES + 1);
	AUTO_BOX struct box longest = box_of((struct span){ bytes, RULE_FILE_MAX_BYTES });
	AUTO_BOX struct box longer = box_of((struct span){ bytes, RULE_FILE_MAX_BYTES + 1 });

	test_free(bytes);
	assert_message(&nul, 0, "2:11 error:  '': NUL byte");
	assert_int_equal(longest.messages.errors, 0);
	assert_message(&longer, 0, "0:0 error:  '': longer than 4194304 bytes");
}

static void many_keys_values_items_and_messages_meet_their_limits(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 8U << 20);
	buf_add_str(&b, "- {list: a, items: []");
	for (unsigned i = 0; i < 70; i++)
		buf_printf(&b, ", k%u: 1", i);
	buf_add_str(&b, "}\n");
	AUTO_BOX struct box keys = box_of((struct span){ b.data, b.len });

	buf_clear(&b);
	buf_add_str(&b, "- {list: a, items: [");
	for (unsigned i = 0; i < 300000; i++)
		buf_add_str(&b, "a,");
	buf_add_str(&b, "]}\n");
	AUTO_BOX struct box values = box_of((struct span){ b.data, b.len });

	buf_clear(&b);
	for (unsigned i = 0; i <= RULE_FILE_MAX_ITEMS; i++)
		buf_add_str(&b, "- {list: a, items: []}\n");
	AUTO_BOX struct box items = box_of((struct span){ b.data, b.len });

	buf_clear(&b);
	for (unsigned i = 0; i < 3000; i++)
		buf_add_str(&b, "- x\n");
	AUTO_BOX struct box messages = box_of((struct span){ b.data, b.len });
	size_t kept = 0;

	for (const struct rule_message *m = messages.messages.first; m; m = m->next)
		kept++;
	buf_release(&b);
	assert_message(&keys, 0, "more than 64 keys in a mapping");
	assert_message(&values, 0, "too many values, expected at most 262144");
	assert_int_equal(items.items.n, RULE_FILE_MAX_ITEMS);
	assert_message(&items, 0, "more than 16384 items");
	assert_int_equal(messages.messages.errors, 3000);
	assert_int_equal(kept, RULE_MESSAGES_MAX);
}

static void no_memory_is_told_as_such(void **state)
{
	struct arena a;
	(void)state;

	for (size_t max = 0; max < 4096; max += 64) {
		struct rule_items items = { 0 };
		struct rule_messages m = { 0 };
		struct span yaml = SPAN_LIT("- rule: a\n  append: true\n  condition: b\n"
					    "  exceptions: [{name: c, values: [[d, [e]]]}]\n");

		arena_init(&a, max);
		int r = rule_file_read(&a, SPAN_LIT("f"), yaml, &items, &m);

		assert_true(r == 0 || r == -12);
		assert_int_equal(m.errors, 0);
		arena_release(&a);
	}
}

static void every_byte_of_a_plain_text_over_lines_has_its_place(void **state)
{
	AUTO_BOX struct box b = read_text("- macro: a\n"
					  "  condition: one and\n"
					  "     two   and\n"
					  "\n"
					  "    three # not four\n");
	const struct rule_text *t = &b.items.list[0].condition;
	uint32_t line, column;
	(void)state;

	assert_text(t->text, "one and two   and\nthree");
	assert_place(t, "one", 2, 14);
	assert_place(t, "two", 3, 6);
	assert_place(t, "o   and", 3, 8);
	assert_place(t, "three", 5, 5);
	assert_place(t, "ee", 5, 8);
	t->source->place(t->source, (uint32_t)t->text.n, &line, &column); /* the end */
	assert_int_equal(line, 5);
	assert_int_equal(column, 10);
	t->source->place(t->source, 7, &line, &column); /* the blank behind "and" */
	assert_int_equal(line, 2);
	assert_int_equal(column, 21);
	t->source->place(t->source, UINT32_MAX, &line, &column);
	assert_int_equal(line, 5);
}

static void every_byte_of_folded_and_literal_blocks_has_its_place(void **state)
{
	AUTO_BOX struct box b = read_text("- macro: a\n"
					  "  condition: >- # a comment\n"
					  "    one and\n"
					  "      more\n"
					  "    and not\r\n"
					  "\n"
					  "    last\n"
					  "- macro: b\n"
					  "  condition: |2\n"
					  "    x\n"
					  "     y\n");
	const struct rule_text *t = &b.items.list[0].condition;
	(void)state;

	assert_text(t->text, "one and\n  more\nand not\nlast");
	assert_place(t, "one", 3, 5);
	assert_place(t, "and\n", 3, 9);
	assert_place(t, "more", 4, 7);
	assert_place(t, "and not", 5, 5);
	assert_place(t, "last", 7, 5);
	t = &b.items.list[1].condition;
	assert_place(t, "x", 10, 5);
	assert_place(t, "y", 11, 6);
}

static void every_byte_of_quoted_texts_has_its_place(void **state)
{
	AUTO_BOX struct box b = read_text("- macro: a\n"
					  "  condition: 'it''s ''x''\n"
					  "    and y'\n"
					  "- macro: b\n"
					  "  condition: \"\\\"q\\\" \\x41\\u00e9\\n \\\n"
					  "     \\tend \\\\ \\U0001F600 z\"\n"
					  "- macro: c\n"
					  "  condition: \"\\N\\_\\L\\P\\e q\"\n");
	const struct rule_text *t = &b.items.list[0].condition;
	(void)state;

	assert_text(t->text, "it's 'x' and y");
	assert_place(t, "it", 2, 15);
	assert_place(t, "'s", 2, 17);
	assert_place(t, "s '", 2, 19);
	assert_place(t, "x", 2, 23);
	assert_place(t, "and", 3, 5);
	assert_place(t, "y", 3, 9);
	t = &b.items.list[1].condition;
	assert_place(t, "\"q", 5, 15);
	assert_place(t, "q", 5, 17);
	assert_place(t, "A", 5, 21);
	assert_place(t, "\xc3\xa9", 5, 25);
	assert_place(t, "end", 6, 8);
	assert_place(t, "\\", 6, 12);
	assert_place(t, "z", 6, 26);
	assert_place(&b.items.list[2].condition, "q", 8, 26);
}

static void columns_count_characters_behind_what_is_not_ascii(void **state)
{
	AUTO_BOX struct box b = read_text("\xef\xbb\xbf# \xc3\xa9\xe2\x82\xac\n"
					  "- macro: a # \xf0\x9f\x98\x80\n"
					  "  condition: {\xc3\xa9: }\n"
					  "- {macro: \xc3\xa9, condition: \xc3\xa9 and x}\n");
	(void)state;

	assert_int_equal(b.messages.errors, 1);
	assert_message(&b, 0, "3:14 error: macro 'a': 'condition' is a mapping");
	assert_place(&b.items.list[1].condition, "x", 4, 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_lists_macros_and_rules_is_read),
		cmocka_unit_test(several_documents_and_empty_ones_are_one_file),
		cmocka_unit_test(unknown_keys_and_items_are_warnings_with_their_place),
		cmocka_unit_test(malformed_files_are_refused_with_a_place),
		cmocka_unit_test(one_faulty_item_does_not_hide_the_next),
		cmocka_unit_test(a_nul_and_a_file_that_is_too_long_are_refused),
		cmocka_unit_test(many_keys_values_items_and_messages_meet_their_limits),
		cmocka_unit_test(no_memory_is_told_as_such),
		cmocka_unit_test(every_byte_of_a_plain_text_over_lines_has_its_place),
		cmocka_unit_test(every_byte_of_folded_and_literal_blocks_has_its_place),
		cmocka_unit_test(every_byte_of_quoted_texts_has_its_place),
		cmocka_unit_test(columns_count_characters_behind_what_is_not_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
