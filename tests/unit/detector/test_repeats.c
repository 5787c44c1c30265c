// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "detector/repeats.h"

static struct repeats r;

static int setup(void **state)
{
	(void)state;
	r = (struct repeats){ .epoch = 0 };
	return 0;
}

static void what_was_put_is_there_until_the_epoch_ends(void **state)
{
	(void)state;
	repeats_begin(&r, 1);
	assert_false(repeats_has(&r, 77));
	repeats_put(&r, 77);
	assert_true(repeats_has(&r, 77));
	repeats_begin(&r, 1);
	assert_true(repeats_has(&r, 77));
	repeats_begin(&r, 2);
	assert_false(repeats_has(&r, 77));
}

static void of_a_full_group_the_oldest_is_forgotten(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= REPEATS_GROUP; i++)
		repeats_put(&r, 5 + i * REPEATS_GROUPS);
	assert_false(repeats_has(&r, 5));
	for (unsigned i = 1; i <= REPEATS_GROUP; i++)
		assert_true(repeats_has(&r, 5 + i * REPEATS_GROUPS));
	assert_false(repeats_has(&r, 5 + 99 * REPEATS_GROUPS));
}

static void zero_is_never_there(void **state)
{
	const struct path_wildcard any = { 1, "" };

	(void)state;
	assert_false(repeats_has(&r, 0));
	repeats_put(&r, 0);
	assert_false(repeats_has(&r, 0));
	repeats_put_names(&r, 0, &any);
	assert_false(repeats_has_name(&r, 0, SPAN_LIT("x")));
}

static void add(struct path_tree *t, const char *path)
{
	struct path_entry *entry;

	assert_int_equal(path_tree_add(t, span_str(path), &entry, NULL), 0);
}

static void a_folder_has_the_names_that_its_wildcard_covers_and_no_others(void **state)
{
	const struct path_tree_settings s = { 8, 1000, 1 << 20, true };
	struct path_tree *t = NULL;
	struct path_wildcard w;

	(void)state;
	assert_int_equal(path_tree_new(&t, &s, NULL), 0);
	add(t, "/srv/f000001");
	assert_false(path_tree_wildcard(t, SPAN_LIT("/srv/other"), &w)); /* not known */
	assert_true(path_tree_wildcard(t, SPAN_LIT("/srv/f000123"), &w));
	repeats_put_names(&r, 9, &w);
	assert_true(repeats_has_name(&r, 9, SPAN_LIT("f999999")));
	assert_false(repeats_has_name(&r, 9, SPAN_LIT("g999999")));
	assert_false(repeats_has_name(&r, 9, SPAN_LIT("f"))); /* one or more bytes */
	assert_false(repeats_has_name(&r, 9, SPAN_LIT("")));
	assert_false(repeats_has_name(&r, 9 + REPEATS_FOLDERS, SPAN_LIT("f999999")));
	add(t, "/opt/name");
	assert_false(path_tree_wildcard(t, SPAN_LIT("/opt/name"), &w)); /* an exact one */
	for (char c = 'a'; c < 'm'; c++)				/* more than it may hold */
		add(t, (char[]){ '/', 'o', 'p', 't', '/', c, '\0' });
	assert_true(path_tree_wildcard(t, SPAN_LIT("/opt/name"), &w));
	repeats_put_names(&r, 9, &w);
	assert_true(repeats_has_name(&r, 9, SPAN_LIT("whatever")));
	path_tree_free(t);
}

static void a_long_wildcard_and_a_deep_one_are_no_names_of_a_folder(void **state)
{
	const struct path_tree_settings s = { 8, 1000, 1 << 20, true };
	struct path_tree *t = NULL;
	struct path_wildcard w;
	char path[3 * PATH_TREE_MAX_DEPTH] = "";

	(void)state;
	assert_int_equal(path_tree_new(&t, &s, NULL), 0);
	add(t, "/srv/a-name-of-more-than-thirty-one-bytes-00000001");
	assert_false(path_tree_wildcard(
		t, SPAN_LIT("/srv/a-name-of-more-than-thirty-one-bytes-00000007"), &w));
	for (size_t i = 0; i + 3 < sizeof(path); i += 2)
		snprintf(path + i, 3, "/d");
	add(t, path);
	assert_false(path_tree_wildcard(t, span_str(path), &w));
	path_tree_free(t);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(what_was_put_is_there_until_the_epoch_ends),
		T(of_a_full_group_the_oldest_is_forgotten),
		T(zero_is_never_there),
		T(a_folder_has_the_names_that_its_wildcard_covers_and_no_others),
		T(a_long_wildcard_and_a_deep_one_are_no_names_of_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
