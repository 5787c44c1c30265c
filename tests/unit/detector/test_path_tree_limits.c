// SPDX-License-Identifier: GPL-2.0-or-later
/* What holds whatever comes: random paths, storms, and full trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/detector/path_tree_case.h"

/* Few names, so that they meet; some that are wildcards, some hostile. */
static size_t random_path(char *path, uint32_t *x, unsigned names)
{
	static const char *const odd[] = {
		"1234",	 "x-1234", "tmp.Xy12ab34", "x-y",  "*", "x*",
		"a\\b",	 "",	   "\xff\xfe",	   "**",   ".", "x-77.rdb",
		"x-a.b", "1.conf", "deadbeef01",   "tmp.a"
	};
	const unsigned segments = next_random(x) % 5 + 1;
	size_t n = 0;

	for (unsigned i = 0; i < segments; i++) {
		const uint32_t r = next_random(x);

		path[n++] = '/';
		if (r % 8 == 0) {
			const char *name = odd[(r >> 8) % (sizeof(odd) / sizeof(odd[0]))];

			memcpy(path + n, name, strlen(name));
			n += strlen(name);
		} else {
			path[n++] = (char)('a' + (r >> 8) % names);
		}
	}
	return n;
}

struct counted {
	uint32_t entries;
	uint64_t windows;
	struct path_tree *copy;
	char last[2 * PATH_TREE_MAX_PATH];
};

static bool count_one(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct counted *c = ctx;
	struct path_entry *copied;

	c->entries++;
	c->windows += entry->seen.windows[PHASE_STEADY];
	assert_int_equal(path_tree_add_pattern(c->copy, pattern, &copied), 0);
	assert_int_equal(copied->seen.windows[PHASE_STEADY], 0); /* covered by no other */
	copied->seen.windows[PHASE_STEADY] = 1;
	return true;
}

/* Counts agree, nothing of what was seen is lost, the patterns make the same set again. */
static void check_tree(const struct path_tree *t, const struct path_tree_settings *s,
		       uint64_t windows)
{
	static struct counted c;
	struct path_tree_settings free_of_limits = *s;

	free_of_limits.max_entries = free_of_limits.max_bytes = 64 << 20;
	c = (struct counted){ .entries = 0 };
	assert_int_equal(path_tree_new(&c.copy, &free_of_limits, NULL), 0);
	path_tree_each(t, count_one, &c);
	assert_int_equal(c.entries, path_tree_stats(t).entries);
	assert_true(c.windows == windows);
	char *before = tree_text(t), *after = tree_text(c.copy);

	assert_string_equal(before, after);
	assert_int_equal(path_tree_stats(c.copy).nodes, path_tree_stats(t).nodes);
	free(before);
	free(after);
	path_tree_free(c.copy);
	assert_true(path_tree_stats(t).bytes <= s->max_bytes);
	assert_true(path_tree_stats(t).entries <= s->max_entries);
}

#define PATHS 400

static void try_random_paths(const struct path_tree_settings *s, uint32_t seed, unsigned names)
{
	static char paths[PATHS][128];
	static size_t lengths[PATHS];
	struct path_tree *t;
	unsigned known = 0;

	assert_int_equal(path_tree_new(&t, s, NULL), 0);
	for (unsigned i = 0; i < PATHS; i++) {
		struct path_entry *entry;
		bool made;

		lengths[known] = random_path(paths[known], &seed, names);
		const struct span path = { paths[known], lengths[known] };
		const bool was_known = path_tree_find(t, path);
		const int r = path_tree_add(t, path, &entry, &made);

		if (r < 0) {
			assert_int_equal(r, -ENOSPC);
			assert_false(was_known);
			continue;
		}
		assert_int_equal(made, !was_known);
		entry->seen.windows[PHASE_STEADY]++;
		known++;
		for (unsigned k = 0; k < known; k++)
			assert_non_null(path_tree_find(t, (struct span){ paths[k], lengths[k] }));
	}
	check_tree(t, s, known);
	path_tree_free(t);
}

static void no_path_that_was_added_becomes_unknown(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 30; seed++) {
		const struct path_tree_settings s = { .fan_out = seed % 7,
						      .max_entries = 1000000,
						      .max_bytes = 64 << 20,
						      .normalise = seed & 8 };

		try_random_paths(&s, seed, 2 + seed % 19);
	}
}

static void no_path_that_was_added_becomes_unknown_in_a_full_tree(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 30; seed++) {
		const struct path_tree_settings s = { .fan_out = seed % 7,
						      .max_entries = 1 + seed % 50,
						      .max_bytes = seed % 3 ? 1 << 20 : 1500,
						      .normalise = seed & 8 };

		try_random_paths(&s, seed * 77, 2 + seed % 19);
	}
}

static void the_order_of_plain_names_does_not_matter(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 50; seed++) {
		enum { N = 200 };
		char paths[N][32], *first = NULL;
		uint32_t x = seed;

		for (unsigned i = 0; i < N; i++) {
			unsigned n = 0;

			for (unsigned k = next_random(&x) % 4 + 1; k > 0; k--) {
				paths[i][n++] = '/';
				paths[i][n++] = (char)('a' + next_random(&x) % (2 + seed % 6));
			}
			paths[i][n] = '\0';
		}
		for (unsigned round = 0; round < 5; round++) {
			struct path_tree *t = tree_new(4, 1000, true);
			char *text;

			for (unsigned i = N - 1; i > 0; i--) {
				const unsigned k = next_random(&x) % (i + 1);
				char swap[32];

				memcpy(swap, paths[i], 32);
				memcpy(paths[i], paths[k], 32);
				memcpy(paths[k], swap, 32);
			}
			for (unsigned i = 0; i < N; i++)
				tree_add(t, paths[i]);
			text = tree_text(t);
			if (first)
				assert_string_equal(text, first);
			else
				first = strdup(text);
			free(text);
			path_tree_free(t);
		}
		free(first);
	}
}

static void a_million_paths_below_one_directory_end_in_few(void **state)
{
	struct path_tree *t = tree_new(20, 1000, true);

	(void)state;
	tree_add(t, "/etc/passwd");
	for (uint32_t i = 0; i < 1000000; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/d/w%xz/%cx/f%xg", i * 2654435761U, 'a' + i % 26, i);
		tree_add(t, path);
	}
	tree_is(t, "/d/*/*/*\n/etc/passwd\n");
	assert_int_equal(path_tree_stats(t).refused, 0);
	assert_true(path_tree_stats(t).bytes < 128 << 10);
	assert_true(path_tree_find(t, SPAN_LIT("/d/x/y/z"))->seen.windows[PHASE_STEADY] == 1000000);
	path_tree_free(t);
}

static void at_the_limit_the_fullest_directories_fold(void **state)
{
	struct path_tree *t = tree_new(20, 40, true);
	char path[32];

	(void)state;
	tree_add(t, "/etc/passwd");
	tree_add(t, "/etc/hosts");
	for (unsigned i = 0; i < 19; i++) {
		snprintf(path, sizeof(path), "/data/%c", 'a' + i);
		tree_add(t, path);
	}
	for (unsigned i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), "/more/%c", 'a' + i);
		tree_add(t, path);
	}
	assert_int_equal(path_tree_stats(t).entries, 33);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/last/%c", 'a' + i);
		tree_add(t, path);
	}
	assert_true(tree_knows(t, "/data/new"));
	assert_false(tree_knows(t, "/more/new"));
	assert_false(tree_knows(t, "/etc/shadow"));
	assert_int_equal(path_tree_stats(t).refused, 0);
	path_tree_free(t);
}

static void a_full_tree_refuses_rather_than_know_all(void **state)
{
	struct path_tree *t = tree_new(20, 30, true);
	struct path_entry *entry;
	unsigned refused = 0;
	char path[32];

	(void)state;
	tree_add(t, "/etc/passwd");
	for (unsigned i = 0; i < 19 * 4;
	     i++) { /* no directory has more than a quarter of fan_out */
		snprintf(path, sizeof(path), "/%c/%c", 'a' + i / 4, 'a' + i % 4);
		refused += path_tree_add(t, span_str(path), &entry, NULL) == -ENOSPC;
	}
	assert_int_equal(refused, 19 * 4 - 29);
	assert_int_equal(path_tree_stats(t).refused, refused);
	assert_false(tree_knows(t, "/etc/shadow"));
	assert_false(tree_knows(t, "/new/x"));
	assert_true(tree_knows(t, "/etc/passwd"));
	path_tree_free(t);
}

static void directories_folded_at_every_depth_end_in_two_stars(void **state)
{
	struct path_tree *t = tree_new(8, 10, true);
	uint32_t x = 3;

	(void)state;
	tree_add(t, "/etc/passwd");
	for (unsigned i = 0; i < 3000; i++) {
		char path[64];
		unsigned n = (unsigned)snprintf(path, sizeof(path), "/d");

		for (unsigned k = next_random(&x) % 5 + 2; k > 0; k--)
			n += (unsigned)snprintf(path + n, sizeof(path) - n, "/%c",
						'a' + next_random(&x) % 20);
		tree_add(t, path);
	}
	tree_is(t, "/d/*/*\n/d/*/*/*\n/d/*/*/*/*\n/d/*/*/*/*/*\n/d/*/*/*/*/*/*\n/etc/passwd\n");
	for (unsigned i = 0; i < 5; i++) {
		const char path[] = { '/', (char)('p' + i), '/', 'x', '\0' };

		tree_add(t, path);
	}
	assert_true(tree_knows(t, "/d/1/2/3/4/5/6/7"));
	assert_false(tree_knows(t, "/d"));
	assert_false(tree_knows(t, "/etc/hosts"));
	tree_is(t, "/d/**\n/etc/passwd\n/p/x\n/q/x\n/r/x\n/s/x\n/t/x\n");
	path_tree_free(t);
}

static void memory_stays_below_its_bound(void **state)
{
	const struct path_tree_settings s = {
		.fan_out = 20, .max_entries = 1000000, .max_bytes = 32 << 10, .normalise = true
	};
	struct path_tree *t;
	struct path_entry *entry;
	unsigned taken = 0;
	uint32_t x = 7;

	(void)state;
	assert_int_equal(path_tree_new(&t, &s, NULL), 0);
	for (unsigned i = 0; i < 100000; i++) {
		char path[300];
		unsigned n = 0;

		while (n < 200) {
			path[n++] = '/';
			for (unsigned k = next_random(&x) % 60 + 1; k > 0; k--)
				path[n++] = (char)('g' + next_random(&x) % 20);
			if (next_random(&x) % 2)
				break;
		}
		taken += path_tree_add(t, (struct span){ path, n }, &entry, NULL) == 0;
		assert_true(path_tree_stats(t).bytes <= s.max_bytes);
	}
	assert_int_equal(path_tree_stats(t).refused, 100000 - taken);
	path_tree_free(t);
}

static void a_thousand_entries_take_below_100_kib(void **state)
{
	struct path_tree *t = tree_new(40, 2000, true);

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/usr/share/applicat/part-%c%c/file-%c%c.text",
			 'a' + i / 250, 'a' + i / 25 % 10, 'a' + i % 25, 'x');
		assert_int_equal(strlen(path), 40);
		tree_add(t, path);
	}
	assert_int_equal(path_tree_stats(t).entries, 1000);
	assert_in_range(path_tree_stats(t).bytes, 1, 94 << 10);
	path_tree_free(t);
	t = tree_new(40, 2000, true);
	tree_add(t, "/usr/share/applicat/part-aa/file-ax.text");
	assert_true(path_tree_stats(t).bytes < 1500); /* a small set is small */
	path_tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_path_that_was_added_becomes_unknown),
		cmocka_unit_test(no_path_that_was_added_becomes_unknown_in_a_full_tree),
		cmocka_unit_test(the_order_of_plain_names_does_not_matter),
		cmocka_unit_test(a_million_paths_below_one_directory_end_in_few),
		cmocka_unit_test(at_the_limit_the_fullest_directories_fold),
		cmocka_unit_test(a_full_tree_refuses_rather_than_know_all),
		cmocka_unit_test(directories_folded_at_every_depth_end_in_two_stars),
		cmocka_unit_test(memory_stays_below_its_bound),
		cmocka_unit_test(a_thousand_entries_take_below_100_kib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
