// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/config.h"
#include "tests/unit/fixture.h"

static struct config *parsed(const char *yaml)
{
	struct config *c = malloc(sizeof(*c));
	struct err e = { "" };

	assert_non_null(c);
	config_defaults(c);
	if (config_parse(c, "f.yaml", span_str(yaml), &e) != 0)
		fail_msg("%s", e.text);
	return c;
}

/* Refused with exactly this text, and nothing taken over. */
static void assert_refused_span(struct span yaml, const char *want)
{
	AUTO_FREE struct config *c = malloc(sizeof(*c)), *before = malloc(sizeof(*before));
	struct err e = { "" };

	assert_non_null(c);
	assert_non_null(before);
	config_defaults(c);
	memcpy(before, c, sizeof(*c));
	assert_true(config_parse(c, "f.yaml", yaml, &e) < 0);
	assert_string_equal(e.text, want);
	assert_memory_equal(c, before, sizeof(*c));
}

static void assert_refused(const char *yaml, const char *want)
{
	assert_refused_span(span_str(yaml), want);
}

static void by_default_the_own_rules_and_those_of_rules_d_are_read(void **state)
{
	AUTO_FREE struct config *c = parsed("");

	(void)state;
	assert_int_equal(c->rules_files.n, 2);
	assert_string_equal(c->rules_files.items[0], "default");
	assert_string_equal(c->rules_files.items[1], "/etc/bulkhead/rules.d");
	assert_int_equal(c->rules_match, RULES_MATCH_FIRST);
	assert_int_equal(c->rules_priority, 7);
	assert_int_equal(c->rules_tags.n, 0);
	assert_int_equal(c->rules_disable_tags.n, 0);
	assert_int_equal(c->rules_exceptions.n, 0);
}

static void every_key_of_the_section_is_read(void **state)
{
	AUTO_FREE struct config *c = parsed("rules:\n"
					    "  files: [/a.yaml, /b.d]\n"
					    "  match: all\n"
					    "  priority: warning\n"
					    "  tags: [container, T1611]\n"
					    "  disable_tags: [host]\n"
					    "  exceptions: []\n");

	(void)state;
	assert_int_equal(c->rules_files.n, 2);
	assert_string_equal(c->rules_files.items[1], "/b.d");
	assert_int_equal(c->rules_match, RULES_MATCH_ALL);
	assert_int_equal(c->rules_priority, 4);
	assert_int_equal(c->rules_tags.n, 2);
	assert_string_equal(c->rules_tags.items[1], "T1611");
	assert_int_equal(c->rules_disable_tags.n, 1);
	assert_int_equal(c->rules_exceptions.n, 0);
}

static void exceptions_keep_what_was_given_and_nothing_else(void **state)
{
	AUTO_FREE struct config *c =
		parsed("rules:\n"
		       "  exceptions:\n"
		       "    - rule: Shell with a terminal in a container\n"
		       "      image: \"registry.example.com/debug/*\"\n"
		       "    - {container: 'backup-*', condition: proc.exepath = /usr/bin/restic}\n"
		       "    - condition: >\n"
		       "        proc.name = a\n"
		       "        and proc.tty = 0\n");
	const struct config_exception *x = c->rules_exceptions.items;

	(void)state;
	assert_int_equal(c->rules_exceptions.n, 3);
	assert_string_equal(x[0].rule, "Shell with a terminal in a container");
	assert_string_equal(x[0].image, "registry.example.com/debug/*");
	assert_string_equal(x[0].container, "");
	assert_string_equal(x[0].condition, "");
	assert_string_equal(x[1].rule, "");
	assert_string_equal(x[1].container, "backup-*");
	assert_string_equal(x[1].condition, "proc.exepath = /usr/bin/restic");
	assert_string_equal(x[2].condition, "proc.name = a and proc.tty = 0");
}

static void a_second_list_replaces_the_first(void **state)
{
	AUTO_FREE struct config *c = parsed("rules: {exceptions: [{image: a}, {image: b}]}\n");
	struct err e = { "" };

	(void)state;
	assert_int_equal(
		config_parse(c, "f.yaml", SPAN_LIT("rules: {exceptions: [{container: c}]}\n"), &e),
		0);
	assert_int_equal(c->rules_exceptions.n, 1);
	assert_string_equal(c->rules_exceptions.items[0].image, "");
	assert_string_equal(c->rules_exceptions.items[0].container, "c");
	assert_string_equal(c->rules_exceptions.items[1].image, "");
}

static void what_is_wrong_with_an_entry_is_told_with_its_place(void **state)
{
	(void)state;
	assert_refused(
		"rules:\n  exceptions:\n    - rule: x\n",
		"f.yaml:3:7: key 'rules.exceptions[1]': says not where, expected image, container "
		"or condition");
	assert_refused(
		"rules:\n  exceptions:\n    - image: a\n    - images: b\n",
		"f.yaml:4:7: key 'rules.exceptions[2]': has a key that is not known, expected "
		"rule, image, container or condition");
	assert_refused(
		"rules:\n  exceptions:\n    - image: a\n      image: b\n",
		"f.yaml:4:7: key 'rules.exceptions[1].image': stands twice, expected it once");
	assert_refused("rules:\n  exceptions:\n    - image: [a]\n",
		       "f.yaml:3:14: key 'rules.exceptions[1].image': has no text as its value");
	assert_refused("rules:\n  exceptions:\n    - image: \"  \"\n",
		       "f.yaml:3:14: key 'rules.exceptions[1].image': has no text as its value");
	assert_refused(
		"rules:\n  exceptions:\n    - nginx\n",
		"f.yaml:3:7: key 'rules.exceptions[1]': is no map, expected keys and their values");
	assert_refused(
		"rules:\n  exceptions:\n    - [nginx]\n",
		"f.yaml:3:7: key 'rules.exceptions[1]': is no map, expected keys and their values");
	assert_refused(
		"rules:\n  exceptions:\n    - image: \"a\\0b\"\n",
		"f.yaml:3:14: key 'rules.exceptions[1].image': has 3 bytes, expected at most 255 "
		"and no NUL");
}

static void exceptions_that_are_no_list_are_refused(void **state)
{
	AUTO_FREE struct config *c = parsed("");
	struct err e = { "" };

	(void)state;
	assert_true(config_parse(c, "f.yaml", SPAN_LIT("rules: {exceptions: {image: a}}\n"), &e) <
		    0);
	assert_non_null(strstr(e.text, "rules.exceptions"));
	assert_true(config_parse(c, "f.yaml", SPAN_LIT("rules: {exceptions: a}\n"), &e) < 0);
	assert_non_null(strstr(e.text, "rules.exceptions"));
}

static void texts_and_the_list_have_a_limit(void **state)
{
	char yaml[8192], want[256];
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)state;
	for (size_t n = CONFIG_CONDITION_BYTES - 1; n <= CONFIG_CONDITION_BYTES; n++) {
		int at = snprintf(yaml, sizeof(yaml), "rules:\n  exceptions:\n    - condition: ");

		memset(yaml + at, 'x', n);
		yaml[(size_t)at + n] = '\0';
		if (n == CONFIG_CONDITION_BYTES) {
			snprintf(want, sizeof(want),
				 "f.yaml:3:18: key 'rules.exceptions[1].condition': has %zu bytes, "
				 "expected at most %zu and no NUL",
				 n, n - 1);
			assert_refused(yaml, want);
			break;
		}
		AUTO_FREE struct config *c = parsed(yaml);

		assert_int_equal(strlen(c->rules_exceptions.items[0].condition), n);
	}
	buf_init(&b, 1 << 16);
	buf_add_str(&b, "rules:\n  exceptions:\n");
	for (unsigned i = 0; i < CONFIG_MAX_EXCEPTIONS; i++)
		buf_add_str(&b, "    - image: a\n");
	buf_add_char(&b, '\0');
	AUTO_FREE struct config *full = parsed(b.data);

	assert_int_equal(full->rules_exceptions.n, CONFIG_MAX_EXCEPTIONS);
	b.len--;
	buf_add_str(&b, "    - image: a\n");
	snprintf(want, sizeof(want),
		 "f.yaml:%u:7: key 'rules.exceptions': has too many entries, expected at most %u",
		 3U + CONFIG_MAX_EXCEPTIONS, (unsigned)CONFIG_MAX_EXCEPTIONS);
	assert_refused_span((struct span){ b.data, b.len }, want);
}

static void every_prefix_of_the_section_is_refused_or_read_without_harm(void **state)
{
	static const char yaml[] = "rules:\n  exceptions:\n    - rule: x\n      image: 'y*'\n"
				   "    - {container: z, condition: \"a = b\"}\n";

	(void)state;
	for (size_t n = 0; n < sizeof(yaml); n++) {
		AUTO_FREE struct config *c = parsed("");
		/* of its own size: a step beyond it is seen by the sanitizer */
		AUTO_FREE char *copy = malloc(n ? n : 1);
		struct err e = { "" };

		memcpy(copy, yaml, n);
		if (config_parse(c, "f.yaml", (struct span){ copy, n }, &e) < 0)
			assert_true(e.text[0] != '\0');
		else
			assert_true(c->rules_exceptions.n <= 2);
	}
}

static void flags_set_lists_and_choices_but_no_exceptions(void **state)
{
	AUTO_FREE struct config *c = parsed("");
	struct err e = { "" };

	(void)state;
	assert_int_equal(config_set(c, "rules.files", "/a,/b,/c", &e), 0);
	assert_int_equal(c->rules_files.n, 3);
	assert_int_equal(config_set(c, "rules.files", "", &e), 0);
	assert_int_equal(c->rules_files.n, 0);
	assert_int_equal(config_set(c, "rules.match", "all", &e), 0);
	assert_true(config_set(c, "rules.match", "some", &e) < 0);
	assert_true(config_set(c, "rules.priority", "loud", &e) < 0);
	assert_true(config_set(c, "rules.exceptions", "x", &e) < 0);
	assert_non_null(strstr(e.text, "rules.exceptions"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_default_the_own_rules_and_those_of_rules_d_are_read),
		cmocka_unit_test(every_key_of_the_section_is_read),
		cmocka_unit_test(exceptions_keep_what_was_given_and_nothing_else),
		cmocka_unit_test(a_second_list_replaces_the_first),
		cmocka_unit_test(what_is_wrong_with_an_entry_is_told_with_its_place),
		cmocka_unit_test(exceptions_that_are_no_list_are_refused),
		cmocka_unit_test(texts_and_the_list_have_a_limit),
		cmocka_unit_test(every_prefix_of_the_section_is_refused_or_read_without_harm),
		cmocka_unit_test(flags_set_lists_and_choices_but_no_exceptions),
	};

	return cmocka_run_group_tests_name("config_rules", tests, NULL, NULL);
}
