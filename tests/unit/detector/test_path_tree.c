// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/detector/path_tree_case.h"

static void an_added_path_is_found_and_no_other(void **state)
{
	struct path_tree *t = tree_new(10, 100, true);

	(void)state;
	assert_false(tree_knows(t, "/etc/passwd"));
	assert_true(tree_add(t, "/etc/passwd"));
	assert_false(tree_add(t, "/etc/passwd"));
	assert_true(tree_knows(t, "/etc/passwd"));
	assert_false(tree_knows(t, "/etc"));
	assert_false(tree_knows(t, "/etc/"));
	assert_false(tree_knows(t, "/etc/passwd/"));
	assert_false(tree_knows(t, "etc/passwd"));
	assert_false(tree_knows(t, "/etc/passwd-"));
	assert_true(tree_add(t, "/etc"));
	assert_true(tree_add(t, "/etc/passwd/x"));
	assert_true(tree_add(t, "/"));
	tree_is(t, "/\n/etc\n/etc/passwd\n/etc/passwd/x\n");
	path_tree_free(t);
	path_tree_free(NULL);
}

static void a_directory_with_too_many_children_folds(void **state)
{
	struct path_tree *t = tree_new(3, 100, true);

	(void)state;
	tree_add(t, "/d/a/conf");
	tree_add(t, "/d/b/conf");
	tree_add(t, "/d/c/data");
	tree_is(t, "/d/a/conf\n/d/b/conf\n/d/c/data\n");
	tree_add(t, "/d/d");
	tree_is(t, "/d/*\n/d/*/conf\n/d/*/data\n");
	assert_true(tree_knows(t, "/d/anything"));
	assert_true(tree_knows(t, "/d/anything/conf"));
	assert_false(tree_knows(t, "/d/anything/else"));
	assert_false(tree_knows(t, "/d/"));
	assert_int_equal(path_tree_stats(t).folds, 1);
	path_tree_free(t);
}

static void entries_that_fold_are_summed_and_keep_the_smallest_id(void **state)
{
	struct path_tree *t = tree_new(3, 100, true);
	const struct path_entry *entry;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const char path[] = { '/', 'd', '/', (char)('a' + i), '\0' };
		struct path_entry *one;

		assert_int_equal(path_tree_add(t, span_str(path), &one, NULL), 0);
		assert_int_equal(one->id, i == 3 ? 1 : i + 1);
		one->seen.containers = i + 1;
		one->seen.digests |= 1U << i;
		one->seen.windows[PHASE_STARTUP] += 10;
		if (!one->seen.first_ns)
			one->seen.first_ns = 100 - i;
	}
	entry = path_tree_find(t, SPAN_LIT("/d/z"));
	assert_int_equal(entry->id, 1);
	assert_int_equal(entry->seen.windows[PHASE_STARTUP], 40);
	assert_int_equal(entry->seen.digests, 15);
	assert_int_equal(entry->seen.first_ns, 98);
	path_tree_free(t);
}

static void folded_directories_fold_again_below(void **state)
{
	struct path_tree *t = tree_new(2, 100, true);

	(void)state;
	tree_add(t, "/d/a/x/one");
	tree_add(t, "/d/a/y/one");
	tree_add(t, "/d/b/z/two");
	tree_add(t, "/d/b/w/");
	tree_is(t, "/d/a/x/one\n/d/a/y/one\n/d/b/w/\n/d/b/z/two\n");
	tree_add(t, "/d/c");
	tree_is(t, "/d/*\n/d/*/*/\n/d/*/*/one\n/d/*/*/two\n");
	path_tree_free(t);
}

static void a_wildcard_takes_what_it_covers(void **state)
{
	struct path_tree *t = tree_new(10, 100, true);

	(void)state;
	tree_add(t, "/tmp/tmp.conf");
	tree_add(t, "/tmp/tmp.conf/x");
	tree_add(t, "/tmp/tmpx");
	tree_add(t, "/tmp/tmp.Xy12ab34");
	tree_is(t, "/tmp/tmp.*\n/tmp/tmp.*/x\n/tmp/tmpx\n");
	assert_true(tree_knows(t, "/tmp/tmp.abc"));
	assert_false(tree_knows(t, "/tmp/tmp."));
	assert_false(tree_add(t, "/tmp/tmp.other"));
	tree_add(t, "/tmp/tmp.Zz98yx76/y");
	tree_is(t, "/tmp/tmp.*\n/tmp/tmp.*/x\n/tmp/tmp.*/y\n/tmp/tmpx\n");
	path_tree_free(t);
}

static void of_two_wildcards_that_cover_a_name_either_may_lead_on(void **state)
{
	struct path_tree *t = tree_new(10, 100, true);
	struct path_entry *entry;

	(void)state;
	assert_int_equal(path_tree_add_pattern(t, SPAN_LIT("/a*/x"), &entry), 0);
	assert_int_equal(path_tree_add_pattern(t, SPAN_LIT("/*b/y"), &entry), 0);
	assert_false(tree_knows(t, "/a/x")); /* '*' is at least one byte */
	assert_false(tree_knows(t, "/b/y"));
	assert_true(tree_knows(t, "/aab/x"));
	assert_true(tree_knows(t, "/aab/y"));
	assert_false(tree_knows(t, "/aab/z"));
	tree_is(t, "/*b/y\n/a*/x\n");
	assert_int_equal(path_tree_add_pattern(t, SPAN_LIT("/d/a*b*c*d"), &entry), 0);
	assert_true(tree_knows(t, "/d/a1b2c3d"));
	assert_true(tree_knows(t, "/d/abbcccd"));
	assert_false(tree_knows(t, "/d/a1b2c3de"));
	assert_false(tree_knows(t, "/d/a1b2cd"));
	assert_false(tree_knows(t, "/d/1a1b2c3d"));
	path_tree_free(t);
}

static void patterns_are_kept_as_they_are_and_cover_by_bytes(void **state)
{
	struct path_tree *t = tree_new(10, 100, true);
	struct path_entry *entry, *again;

	(void)state;
	assert_int_equal(path_tree_add_pattern(t, SPAN_LIT("/tmp/tmp.Xy12ab34"), &entry), 0);
	assert_true(tree_knows(t, "/tmp/tmp.Xy12ab34"));
	assert_false(tree_knows(t, "/tmp/tmp.Xy12ab35"));
	assert_int_equal(path_tree_add_pattern(t, SPAN_LIT("/x/**"), &entry), 0);
	assert_true(tree_knows(t, "/x/"));
	assert_true(tree_knows(t, "/x/a/b/c"));
	assert_false(tree_knows(t, "/x"));
	assert_int_equal(path_tree_add_pattern(t, SPAN_LIT("/x/y/*"), &again), 0);
	assert_ptr_equal(entry, again);
	tree_add(t, "/x/y/z");
	tree_is(t, "/tmp/tmp.Xy12ab34\n/x/**\n");
	assert_null(path_tree_find_pattern(t, SPAN_LIT("/x/y/z")));
	assert_ptr_equal(path_tree_find_pattern(t, SPAN_LIT("/x/**")), entry);
	path_tree_free(t);
}

static void two_stars_take_all_that_was_below(void **state)
{
	struct path_tree *t = tree_new(0, 100, false);
	struct path_entry *entry;

	(void)state;
	tree_add(t, "x/a");
	tree_add(t, "x/b/c");
	tree_add(t, "x/");
	tree_add(t, "x");
	assert_int_equal(path_tree_add_pattern(t, SPAN_LIT("x/**"), &entry), 0);
	assert_int_equal(entry->seen.windows[PHASE_STEADY], 3);
	tree_is(t, "x\nx/**\n");
	assert_int_equal(path_tree_stats(t).nodes, 2);
	path_tree_free(t);
}

static void a_star_in_a_path_is_data(void **state)
{
	struct path_tree *t = tree_new(10, 100, true);

	(void)state;
	tree_add(t, "/d/*");
	tree_add(t, "/d/**");
	tree_add(t, "/d/a\\b");
	tree_is(t, "/d/\\*\n/d/\\*\\*\n/d/a\\\\b\n");
	assert_false(tree_knows(t, "/d/x"));
	assert_true(tree_knows(t, "/d/**"));
	assert_null(path_tree_find_pattern(t, SPAN_LIT("/d/*")));
	assert_non_null(path_tree_find_pattern(t, SPAN_LIT("/d/\\*")));
	path_tree_free(t);
}

static void what_is_no_pattern_is_refused(void **state)
{
	static const char *const bad[] = { "",	  "a**b",  "/**/a", "/a/**b", "/***",
					   "a\\", "a\\bc", "\\",    "/**/" };
	static char longest[2 * PATH_TREE_MAX_PATH + 2];
	struct path_tree *t = tree_new(10, 100, true);
	struct path_entry *entry = NULL;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(path_tree_add_pattern(t, span_str(bad[i]), &entry), -EPROTO);
		assert_null(path_tree_find_pattern(t, span_str(bad[i])));
		assert_false(path_tree_remove(t, span_str(bad[i])));
	}
	assert_int_equal(path_tree_add_pattern(t, ((struct span){ "a\0b", 3 }), &entry), -EPROTO);
	memset(longest, 'a', PATH_TREE_MAX_PATH + 1);
	assert_int_equal(path_tree_add_pattern(t, span_str(longest), &entry), -EPROTO);
	for (unsigned i = 0; i < PATH_TREE_MAX_PATH; i++)
		memcpy(longest + 2 * i, "\\*", 2);
	assert_int_equal(path_tree_add_pattern(t, span_str(longest), &entry), 0);
	assert_non_null(entry);
	path_tree_free(t);
}

static void what_is_no_path_is_refused(void **state)
{
	static char longest[PATH_TREE_MAX_PATH + 2];
	struct path_tree *t = tree_new(10, 100, false);
	struct path_entry *entry = NULL;
	struct buf b;

	(void)state;
	memset(longest, 'a', PATH_TREE_MAX_PATH + 1);
	buf_init(&b, 100);
	assert_int_equal(path_tree_add(t, SPAN_LIT(""), &entry, NULL), -EINVAL);
	assert_int_equal(path_tree_add(t, SPAN_LIT("a\0b"), &entry, NULL), -EINVAL);
	assert_int_equal(path_tree_add(t, span_str(longest), &entry, NULL), -EINVAL);
	assert_null(path_tree_find(t, SPAN_LIT("a\0b")));
	assert_null(path_tree_nearest(t, SPAN_LIT("/a"), &b));
	assert_null(entry);
	longest[PATH_TREE_MAX_PATH] = '\0';
	tree_add(t, longest);
	assert_null(path_tree_nearest(t, SPAN_LIT("a\0b"), &b));
	path_tree_free(t);
}

static void deep_paths_end_in_two_stars(void **state)
{
	struct path_tree *t = tree_new(10, 1000, true);
	char path[PATH_TREE_MAX_PATH + 1] = "";

	(void)state;
	for (unsigned i = 0; i < PATH_TREE_MAX_PATH / 2; i++)
		memcpy(path + 2 * (size_t)i, "/a", 3);
	tree_add(t, path);
	assert_int_equal(path_tree_stats(t).nodes, PATH_TREE_MAX_DEPTH);
	path[2 * PATH_TREE_MAX_DEPTH] = '\0'; /* one segment more than fit */
	assert_true(tree_knows(t, path));
	path[2 * PATH_TREE_MAX_DEPTH - 2] = '\0';
	assert_true(tree_knows(t, path));
	path[2 * PATH_TREE_MAX_DEPTH - 4] = '\0';
	assert_false(tree_knows(t, path));
	memset(path, '/', PATH_TREE_MAX_PATH);
	tree_add(t, path);
	assert_int_equal(path_tree_stats(t).entries, 2);
	path_tree_free(t);
}

static void keys_without_slashes_are_a_plain_set(void **state)
{
	struct path_tree *t = tree_new(0, 300, false);
	struct path_entry *entry;
	char key[16];

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "k-%u", i * 7 % 300);
		assert_true(tree_add(t, key));
	}
	assert_int_equal(path_tree_stats(t).folds, 0);
	assert_int_equal(path_tree_add(t, SPAN_LIT("one more"), &entry, NULL), -ENOSPC);
	assert_int_equal(path_tree_add(t, SPAN_LIT("one more"), &entry, NULL), -ENOSPC);
	assert_int_equal(path_tree_stats(t).refused, 2);
	assert_int_equal(path_tree_stats(t).entries, 300);
	assert_false(tree_add(t, "k-299")); /* what is known still is */
	path_tree_free(t);
}

static void addresses_fold_to_their_networks(void **state)
{
	struct path_tree *t = tree_new(4, 100, false);
	char key[32];

	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		snprintf(key, sizeof(key), "tcp/443/10/0/0/%u", i);
		tree_add(t, key);
	}
	tree_add(t, "tcp/5432/10/0/0/9");
	tree_is(t, "tcp/443/10/0/0/*\ntcp/5432/10/0/0/9\n");
	path_tree_free(t);
}

static bool is_below_b(void *ctx, struct span pattern, struct path_entry *entry)
{
	(void)ctx;
	(void)entry;
	return span_starts(pattern, "/b");
}

static bool stop_at_second(void *ctx, struct span pattern, struct path_entry *entry)
{
	unsigned *n = ctx;

	(void)pattern;
	(void)entry;
	return ++*n < 2;
}

static void what_is_removed_is_gone_with_its_directories(void **state)
{
	struct path_tree *t = tree_new(10, 100, true);
	unsigned n = 0;

	(void)state;
	tree_add(t, "/a/x");
	tree_add(t, "/a/y/z");
	tree_add(t, "/b");
	tree_add(t, "/b/1");
	tree_add(t, "/c");
	path_tree_each(t, stop_at_second, &n);
	assert_int_equal(n, 2);
	assert_true(path_tree_remove(t, SPAN_LIT("/a/y/z")));
	assert_false(path_tree_remove(t, SPAN_LIT("/a/y/z")));
	assert_false(path_tree_remove(t, SPAN_LIT("/a")));
	assert_int_equal(path_tree_remove_if(t, is_below_b, NULL), 2);
	tree_is(t, "/a/x\n/c\n");
	assert_int_equal(path_tree_stats(t).nodes, 4);
	assert_int_equal(path_tree_stats(t).entries, 2);
	tree_add(t, "/d");
	assert_int_equal(path_tree_find(t, SPAN_LIT("/d"))->id, 6); /* never used again */
	assert_int_equal(path_tree_remove_if(t, is_below_b, NULL), 0);
	path_tree_free(t);
}

static void nearest_is(const struct path_tree *t, const char *path, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_ptr_equal(path_tree_nearest(t, span_str(path), &b),
			 path_tree_find_pattern(t, span_str(want)));
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.data, want, b.len);
	buf_release(&b);
}

static void the_nearest_entry_shares_most_segments_then_was_seen_most(void **state)
{
	struct path_tree *t = tree_new(10, 100, true);

	(void)state;
	tree_add(t, "/usr/bin/nginx");
	tree_add(t, "/usr/bin/sh");
	tree_add(t, "/usr/bin/sh");
	tree_add(t, "/usr/lib/x/y");
	for (unsigned i = 0; i < 5; i++)
		tree_add(t, "/opt/tool-1234/run");
	nearest_is(t, "/usr/bin/nc", "/usr/bin/sh");
	nearest_is(t, "/usr/bin/nginx/x", "/usr/bin/nginx");
	nearest_is(t, "/usr/lib", "/usr/lib/x/y");
	nearest_is(t, "/usr", "/usr/bin/sh");
	nearest_is(t, "/opt/tool-x/start", "/opt/tool-*/run");
	nearest_is(t, "/var/x", "/opt/tool-*/run");
	nearest_is(t, "other", "/opt/tool-*/run");
	path_tree_free(t);
}

/* What three servers write in one life; the numbers are of one container. */
static unsigned live(struct path_tree *t, uint32_t seed)
{
	static const char *const shapes[] = {
		"/var/log/nginx/access.log",
		"/var/cache/nginx/client_temp/00000%05u",
		"/run/nginx.pid",
		"/data/temp-%u.rdb",
		"/data/dump.rdb",
		"/data/appendonlydir/appendonly.aof.%u.incr.aof",
		"/var/lib/postgresql/15/main/base/%u/2619",
		"/var/lib/postgresql/15/main/base/%u/2619_fsm",
		"/var/lib/postgresql/15/main/base/%u/pg_internal.init.1234",
		"/var/lib/postgresql/15/main/base/pgsql_tmp/pgsql_tmp%u.0",
		"/var/lib/postgresql/15/main/pg_wal/0000000100000000000%05u",
		"/var/lib/postgresql/15/main/pg_wal/xlogtemp.%u",
		"/var/lib/postgresql/15/main/postmaster.pid",
		"/var/log/app-2026-11-%02u.log",
		"/tmp/go-build%u/b001/exe/main",
	};
	unsigned made = 0;

	for (unsigned round = 0; round < 50; round++)
		for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
			char path[256];
			const unsigned most = i == 13 ? 28 : i == 14 ? 90000 : 99999;
			const unsigned number = next_random(&seed) % most + 1;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(path, sizeof(path), shapes[i], number + (i == 14 ? 1000 : 0));
#pragma GCC diagnostic pop
			made += tree_add(t, path);
		}
	return made;
}

static void the_next_container_of_an_image_brings_nothing_new(void **state)
{
	struct path_tree *t = tree_new(20, 500, true);

	(void)state;
	assert_int_equal(live(t, 1), 11); /* base/N/2619_fsm and others are in base/N/N as "*" */
	for (unsigned i = 2; i < 20; i++)
		assert_int_equal(live(t, i), 0);
	assert_int_equal(path_tree_stats(t).entries, 11);
	path_tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_added_path_is_found_and_no_other),
		cmocka_unit_test(a_directory_with_too_many_children_folds),
		cmocka_unit_test(entries_that_fold_are_summed_and_keep_the_smallest_id),
		cmocka_unit_test(folded_directories_fold_again_below),
		cmocka_unit_test(a_wildcard_takes_what_it_covers),
		cmocka_unit_test(of_two_wildcards_that_cover_a_name_either_may_lead_on),
		cmocka_unit_test(patterns_are_kept_as_they_are_and_cover_by_bytes),
		cmocka_unit_test(two_stars_take_all_that_was_below),
		cmocka_unit_test(a_star_in_a_path_is_data),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(what_is_no_path_is_refused),
		cmocka_unit_test(deep_paths_end_in_two_stars),
		cmocka_unit_test(keys_without_slashes_are_a_plain_set),
		cmocka_unit_test(addresses_fold_to_their_networks),
		cmocka_unit_test(what_is_removed_is_gone_with_its_directories),
		cmocka_unit_test(the_nearest_entry_shares_most_segments_then_was_seen_most),
		cmocka_unit_test(the_next_container_of_an_image_brings_nothing_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
