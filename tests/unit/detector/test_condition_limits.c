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

#include "tests/unit/detector/condition_case.h"

/* LIMITS */

static struct span repeated(const char *before, size_t times, const char *piece, const char *after)
{
	struct buf b = { .max = 1U << 24, .fd = -1 };

	buf_add_str(&b, before);
	for (size_t i = 0; i < times; i++)
		buf_add_str(&b, piece);
	buf_add_str(&b, after);
	assert_false(b.failed);
	return (struct span){ b.data, b.len };
}

static void nesting_ends_at_its_limit(void **state)
{
	static const struct {
		const char *open, *middle, *close;
		unsigned levels; /* of one piece */
	} table[] = {
		{ "(", "a", ")", 1 },
		{ "not(", "a", ")", 2 },
		{ "len(", "a.b", ")", 1 },
		{ "concat(", "a.b", ", 'x')", 1 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(table); i++) {
		size_t n = CONDITION_MAX_DEPTH / table[i].levels;

		for (size_t more = 0; more < 2; more++) {
			AUTO_PARSED struct parsed p;
			struct span close = repeated("", n + more, table[i].close,
						     table[i].middle[1] ? " exists" : "");
			AUTO_FREE char *tail = NULL;

			assert_true(asprintf(&tail, "%s%.*s", table[i].middle, (int)close.n,
					     close.p) > 0);
			struct span text = repeated("", n + more, table[i].open, tail);

			parse_span(&p, text);
			assert_int_equal(p.r, more ? -EINVAL : 0);
			if (more) {
				assert_int_equal(p.at, n * strlen(table[i].open));
				assert_non_null(
					strstr(p.e.text,
					       "got level 101 of nesting, expected at most 100"));
			} else {
				AUTO_FREE char *canonical = printed(p.c);

				assert_true(strlen(canonical) > 0);
			}
			free((void *)(uintptr_t)close.p);
			free((void *)(uintptr_t)text.p);
		}
	}
}

static void nesting_without_end_is_refused_at_once(void **state)
{
	static const char *const pieces[] = { "(",	     "not(",	  "not ",
					      "len(",	     "join('',(", "a or ( ",
					      "a and not (", "a.b in (",  "a.b = val(" };
	(void)state;

	for (size_t i = 0; i < COUNT(pieces); i++) {
		AUTO_PARSED struct parsed p;
		struct span text =
			repeated("", CONDITION_MAX_BYTES / strlen(pieces[i]), pieces[i], "");

		parse_span(&p, text);
		assert_int_equal(p.r, -EINVAL);
		free((void *)(uintptr_t)text.p);
	}
}

static void a_text_ends_at_its_limit(void **state)
{
	AUTO_PARSED struct parsed p;
	struct span text = repeated("a", CONDITION_MAX_BYTES, " ", "");
	(void)state;

	parse_span(&p, (struct span){ text.p, CONDITION_MAX_BYTES });
	assert_int_equal(p.r, 0);
	parsed_release(&p);
	parse_span(&p, text);
	assert_int_equal(p.r, -EINVAL);
	assert_int_equal(p.at, CONDITION_MAX_BYTES);
	assert_non_null(strstr(p.e.text, "got 262145 bytes, expected at most 262144"));
	free((void *)(uintptr_t)text.p);
}

static void parts_of_a_condition_end_at_their_limit(void **state)
{
	AUTO_PARSED struct parsed p;
	/* "or", and three parts a piece: 1 + 3 * 21845 = 65536 */
	struct span text = repeated("", 21844, "b and c or ", "b and c"),
		    more = repeated("a or ", 21844, "b and c or ", "b and c");
	(void)state;

	parse_span(&p, text);
	assert_int_equal(p.r, 0);
	assert_int_equal(p.c->children_n, 21845);
	parsed_release(&p);
	parse_span(&p, more);
	assert_int_equal(p.r, -EINVAL);
	assert_non_null(strstr(p.e.text, "got part 65537 of a condition, expected at most 65536"));
	free((void *)(uintptr_t)text.p);
	free((void *)(uintptr_t)more.p);
}

static void a_list_ends_at_its_limit(void **state)
{
	AUTO_PARSED struct parsed p;
	struct span text = repeated("a.b in (", CONDITION_MAX_VALUES - 1, "c,", "c)"),
		    more = repeated("a.b in (", CONDITION_MAX_VALUES, "c,", "c)");
	(void)state;

	parse_span(&p, text);
	assert_int_equal(p.r, 0);
	assert_int_equal(p.c->values_n, CONDITION_MAX_VALUES);
	parsed_release(&p);
	parse_span(&p, more);
	assert_int_equal(p.r, -EINVAL);
	assert_int_equal(p.at, more.n - 2);
	assert_non_null(strstr(p.e.text, "got value 65537 of a list, expected at most 65536"));
	free((void *)(uintptr_t)text.p);
	free((void *)(uintptr_t)more.p);
}

static void a_nul_byte_is_told(void **state)
{
	AUTO_PARSED struct parsed p;
	(void)state;

	parse_span(&p, (struct span)SPAN_LIT("a.b = 'x\0y'"));
	assert_int_equal(p.r, -EINVAL);
	assert_int_equal(p.at, 8);
	assert_non_null(strstr(p.e.text, "1:9: rule 'R': got a NUL byte, expected text"));
}

static void a_full_arena_is_no_fault_of_the_text(void **state)
{
	static const char text[] = "a.b in (c, '\\x41') and join(',', (a.b)) = 'x\\ty' or not m";
	size_t max = 0;
	int r;
	(void)state;

	do {
		AUTO_ARENA struct arena a = { .max = max };
		struct condition_source s = { .text = SPAN_LIT(text) };
		const struct condition *c = NULL;
		struct err e;

		r = condition_parse(&a, &s, &c, NULL, &e);
		if (r != 0) {
			assert_int_equal(r, -ENOMEM);
			assert_null(c);
			assert_non_null(strstr(e.text, "no memory for the condition"));
		}
		max += 16;
	} while (r != 0 && max < ARENA_BYTES);
	assert_int_equal(r, 0);
	assert_true(max > 512);
}

static void trees_deeper_than_any_text_are_refused(void **state)
{
	enum { DEEP = 100000 };
	AUTO_PARSED struct parsed p;
	AUTO_BUF struct buf b = { .max = 1U << 24, .fd = -1 };
	AUTO_FREE struct condition *chain = calloc(DEEP, sizeof(*chain));
	AUTO_FREE const struct condition **links = calloc(DEEP, sizeof(*links));
	(void)state;

	assert_true(chain && links);
	parse(&p, "m");
	for (size_t i = 0; i < DEEP; i++) {
		links[i] = i + 1 < DEEP ? &chain[i + 1] : p.c;
		chain[i] = (struct condition){ .kind = CONDITION_NOT,
					       .children = &links[i],
					       .children_n = 1 };
	}
	condition_print(&b, chain);
	assert_true(b.failed);
	assert_false(condition_same(chain, chain));
	buf_clear(&b);
	condition_print(&b, &chain[DEEP - CONDITION_MAX_TREE_DEPTH + 1]);
	assert_false(b.failed);
}

/* ITEMS */

static void items_are_read_as_in_a_condition(void **state)
{
	static const struct {
		const char *text, *value;
		bool quoted, number;
	} table[] = {
		{ "a", "a", false, false },
		{ "/usr/bin/x", "/usr/bin/x", false, false },
		{ " \n", " \n", true, false },
		{ "\n", NULL, false, false },
		{ "\ta\n", "a", false, false },
		{ "80", "80", false, true },
		{ "1.2.3.4", "1.2.3.4", false, false },
		{ "\"(systemd)\"", "(systemd)", true, false },
		{ "'(systemd)'", "(systemd)", true, false },
		{ "\"80\"", "80", true, false },
		{ "\"sh -c \\\"x('y')\\\"\"", "sh -c \"x('y')\"", true, false },
		{ "sh -c x", "sh -c x", true, false },
		{ "a, b", "a, b", true, false },
		{ "sh -c (x)", "sh -c (x)", true, false },
		{ "say \\\"x\\\" ", "say \"x\" ", true, false },
		{ "tab \\t", "tab \t", true, false },
		{ "", NULL, false, false },
		{ "(systemd)", NULL, false, false },
		{ "a,b", NULL, false, false },
		{ "a=b", NULL, false, false },
		{ "a\tb", NULL, false, false },
		{ "\"a", NULL, false, false },
		{ "\"a\" b", NULL, false, false },
		{ "\"a\\q\"", NULL, false, false },
		{ "say \"x\"", NULL, false, false },
		{ "a b\\", NULL, false, false },
		{ "a b\\q", NULL, false, false },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(table); i++) {
		AUTO_ARENA struct arena a = { .max = ARENA_BYTES };
		struct condition_value v = { .at = 99 };
		struct err e = { "" };
		int r = item(&a, table[i].text, &v, &e);

		if (r != (table[i].value ? 0 : -EINVAL))
			fail_msg("'%s': %d %s", table[i].text, r, e.text);
		if (r != 0) {
			assert_int_equal(v.at, 99);
			assert_non_null(strstr(e.text, "list 'L': got "));
			continue;
		}
		assert_true(span_eq(v.text, table[i].value));
		assert_int_equal(v.quoted, table[i].quoted);
		assert_int_equal(v.number, table[i].number);
	}
}

static void a_faulty_item_is_placed(void **state)
{
	AUTO_ARENA struct arena a = { .max = ARENA_BYTES };
	struct condition_value v;
	struct err e;
	(void)state;

	item(&a, "a,b", &v, &e);
	assert_string_equal(e.text, "1:2: list 'L': got ',', "
				    "expected the end, or quotes around the value");
	item(&a, "say \"x\"", &v, &e);
	assert_string_equal(e.text,
			    "1:5: list 'L': got '\"x\"', expected '\\\"' in a value with blanks");
}

static void identifiers_are_told_from_other_words(void **state)
{
	static const char *const good[] = { "a", "A1_b", "android", "nota", "in", "exists" };
	static const char *const bad[] = { "",	 "_a", "1a",  "a-b", "a.b", "a b",
					   " a", "a ", "and", "or",  "not", "\xc3\xa4" };
	(void)state;

	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(condition_is_identifier(span_str(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(condition_is_identifier(span_str(bad[i])));
	assert_false(condition_is_identifier((struct span){ NULL, 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nesting_ends_at_its_limit),
		cmocka_unit_test(nesting_without_end_is_refused_at_once),
		cmocka_unit_test(a_text_ends_at_its_limit),
		cmocka_unit_test(parts_of_a_condition_end_at_their_limit),
		cmocka_unit_test(a_list_ends_at_its_limit),
		cmocka_unit_test(a_nul_byte_is_told),
		cmocka_unit_test(a_full_arena_is_no_fault_of_the_text),
		cmocka_unit_test(trees_deeper_than_any_text_are_refused),
		cmocka_unit_test(items_are_read_as_in_a_condition),
		cmocka_unit_test(a_faulty_item_is_placed),
		cmocka_unit_test(identifiers_are_told_from_other_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
