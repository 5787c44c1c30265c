// SPDX-License-Identifier: GPL-2.0-or-later
/* Globs and needles against the C library: what fnmatch and strcasestr say is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "detector/glob.h"
#include "detector/needle.h"

static uint64_t seed = 20240607;

static unsigned below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

/* Of this thread: what else the machine does is no matter. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static const char *const pieces[] = {
	/* clang-format off */
	"a", "b", "B", "c", "/", ".", "ab", "Ab", "*", "*", "*", "?", "**", "*?", "[", "]", "!", "^",
	"\\a", "\\*", "\\[", "\\\\", "[ab]", "[!ab]", "[^a]", "[a-c]", "[!A-C]", "[]a]", "[!]a]", "[a\\]]",
	"[[:alpha:]]", "[[:upper:]b]", "[![:punct:]]", "[a[:digit:]-]", "[a-]", "[-a]", "[--0]", "[c-a]",
	"[[:bogus:]]", "[a[:bogus:]b]", "[!a[:bogus:]]", "[[.a.]]", "[[.a.]-c]", "[a-[.c.]]", "[[=b=]]",
	"[\\a-\\c]", "[[:alpha:]", "[*", "[?", "[/]", "[\xe0-\xf0]", "\xe5", "[a-c-e]", "[[.a.]-]",
	/* clang-format on */
};

static void a_pattern(char *to)
{
	for (unsigned n = below(7); n > 0; n--)
		to = stpcpy(to, pieces[below(sizeof(pieces) / sizeof(pieces[0]))]);
	*to = '\0';
	if (below(40) == 0)
		stpcpy(to, "\\");
}

static void a_value(char *to)
{
	static const char bytes[] = "aaabbbABcCd/.*[]!^-:\\?1\xe5";
	unsigned n = below(9);

	for (unsigned i = 0; i < n; i++)
		to[i] = bytes[below(sizeof(bytes) - 1)];
	to[n] = '\0';
}

static bool matches(struct arena *a, const char *pattern, bool any_case, struct span value)
{
	const struct glob *g = NULL;

	assert_int_equal(glob_make(a, span_str(pattern), any_case, &g), 0);
	return glob_match(g, value);
}

static void a_glob_says_what_fnmatch_says(void **state)
{
	unsigned wrong = 0, matched = 0;

	(void)state;
	for (unsigned i = 0; i < 6000; i++) {
		AUTO_ARENA struct arena a = { .max = 1 << 20 };
		const struct glob *g[2] = { NULL, NULL };
		char pattern[128], value[16];

		a_pattern(pattern);
		for (unsigned fold = 0; fold < 2; fold++)
			assert_int_equal(glob_make(&a, span_str(pattern), fold, &g[fold]), 0);
		for (unsigned j = 0; j < 40; j++) {
			const unsigned fold = j & 1;

			a_value(value);
			const bool expected = fnmatch(pattern, value, fold ? FNM_CASEFOLD : 0) == 0;

			matched += expected;
			if (glob_match(g[fold], span_str(value)) == expected)
				continue;
			if (wrong++ < 10)
				print_error("'%s' on '%s', fold %u: expected %d\n", pattern, value,
					    fold, expected);
		}
	}
	assert_true(matched > 5000);
	assert_int_equal(wrong, 0);
}

static const struct {
	const char *pattern, *value;
	bool plain, any_case;
} rows[] = {
	{ "", "", true, true },
	{ "", "a", false, false },
	{ "*", "", true, true },
	{ "*", ".hidden/x", true, true },
	{ "/etc/*", "/etc/a/b", true, true },
	{ "*.conf", "/etc/A.CONF", false, true },
	{ "/ETC/*.conf", "/etc/a.conf", false, true },
	{ "*shadow*", "/etc/gshadow-", true, true },
	{ "*SHADOW*", "/etc/gshadow-", false, true },
	{ "ab*ba", "aba", false, false }, /* the two ends do not share a byte */
	{ "a*b*c", "a-b-b-c", true, true },
	{ "a??", "abc", true, true },
	{ "a*??", "ab", false, false },
	{ "[", "[", true, true },
	{ "x[y", "x[y", true, true },
	{ "a\\", "a\\", false, false },
	{ "*a*a*a*", "aa", false, false },
};

static void a_glob_means_what_its_row_says(void **state)
{
	AUTO_ARENA struct arena a = { .max = 1 << 20 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned fold = 0; fold < 2; fold++)
			if (matches(&a, rows[i].pattern, fold, span_str(rows[i].value)) !=
			    (fold ? rows[i].any_case : rows[i].plain))
				fail_msg("'%s' on '%s', fold %u", rows[i].pattern, rows[i].value,
					 fold);
	assert_true(matches(&a, "a*b", false, (struct span){ "a\0b", 3 })); /* NUL is a byte */
	assert_true(matches(&a, "*", false, (struct span){ NULL, 0 }));
	assert_false(matches(&a, "?", false, (struct span){ NULL, 0 }));
}

/* A value that its maker fills up so that there are very many ways to divide it. */
static void no_value_makes_a_glob_give_up(void **state)
{
	static const char tail[] = "nc -e sh";
	static char value[200000];
	AUTO_ARENA struct arena a = { .max = 1 << 20 };
	const uint64_t begin = cpu_ns();

	(void)state;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = "nc-e"[i % 4];
	memcpy(value + sizeof(value) - strlen(tail), tail, strlen(tail));
	for (unsigned fold = 0; fold < 2; fold++) {
		const struct span all = { value, sizeof(value) };

		assert_true(matches(&a, "*nc*-e*sh*", fold, all));
		assert_true(matches(&a, "*n?*-e*s[gh]*", fold, all));
		assert_false(matches(&a, "*nc*nc*nc*-e*-e*-e*sh*sh*", fold, all));
		assert_false(matches(&a, "*nc-enc-e?nc-enc-e*x*", fold, all));
	}
	assert_true(cpu_ns() - begin < 2000000000);
}

static void a_glob_has_a_longest_length_and_an_arena_that_may_be_full(void **state)
{
	static char text[GLOB_MAX_BYTES + 1];
	AUTO_ARENA struct arena a = { .max = 4 << 20 }, small = { .max = 64 };
	const struct glob *g = NULL;

	(void)state;
	memset(text, '*', sizeof(text));
	assert_int_equal(glob_make(&a, (struct span){ text, sizeof(text) }, true, &g), -E2BIG);
	assert_null(g);
	assert_int_equal(glob_make(&a, (struct span){ text, GLOB_MAX_BYTES }, true, &g), 0);
	assert_true(glob_match(g, SPAN_LIT("anything")));
	memset(text, '[', sizeof(text));
	assert_int_equal(glob_make(&a, (struct span){ text, GLOB_MAX_BYTES }, true, &g), 0);
	assert_true(glob_match(g, (struct span){ text, GLOB_MAX_BYTES }));
	g = NULL;
	assert_int_equal(glob_make(&small, SPAN_LIT("*a[b]*"), true, &g), -ENOMEM);
	assert_null(g);
}

static void a_needle_is_found_where_the_library_finds_it(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < 40000; i++) {
		AUTO_ARENA struct arena a = { .max = 1 << 16 };
		char text[32], part[8];
		struct needle n;
		unsigned long_n = below(30), part_n = below(6);

		for (unsigned j = 0; j < long_n; j++)
			text[j] = "aAbB["[below(5)];
		for (unsigned j = 0; j < part_n; j++)
			part[j] = "aAbB{"[below(i % 2 ? 4 : 5)];
		text[long_n] = part[part_n] = '\0';
		assert_int_equal(needle_make(&a, span_str(part), &n), 0);
		const char *at = strcasestr(text, part);

		found += at != NULL;
		assert_int_equal(needle_find(&n, span_str(text)),
				 at ? (size_t)(at - text) : NEEDLE_NONE);
	}
	assert_in_range(found, 1000, 39000);
}

static void a_hostile_text_costs_its_length_alone(void **state)
{
	static char text[1 << 20], part[1900];
	AUTO_ARENA struct arena a = { .max = 1 << 16 };
	struct needle n;

	(void)state;
	memset(text, 'a', sizeof(text));
	memset(part, 'A', sizeof(part));
	part[sizeof(part) - 1] = 'b';
	assert_int_equal(needle_make(&a, (struct span){ part, sizeof(part) }, &n), 0);
	const uint64_t begin = cpu_ns();

	assert_int_equal(needle_find(&n, (struct span){ text, sizeof(text) }), NEEDLE_NONE);
	/* two thousand million steps, were each place tried */
	assert_true(cpu_ns() - begin < 500000000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_glob_says_what_fnmatch_says),
		cmocka_unit_test(a_glob_means_what_its_row_says),
		cmocka_unit_test(no_value_makes_a_glob_give_up),
		cmocka_unit_test(a_glob_has_a_longest_length_and_an_arena_that_may_be_full),
		cmocka_unit_test(a_needle_is_found_where_the_library_finds_it),
		cmocka_unit_test(a_hostile_text_costs_its_length_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
