// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/diskusage.h"
#include "tests/unit/fixture.h"

static struct diskusage_result measure(const char *path, uint64_t budget_ns, unsigned *steps)
{
	AUTO(diskusage_free) struct diskusage *d = NULL;
	struct diskusage_result r = { .bytes = 0 };
	struct err e = { "" };
	unsigned n = 1;

	assert_int_equal(diskusage_new(&d, path, &e), 0);
	while (diskusage_step(d, budget_ns, &r) == 0)
		n++;
	if (steps)
		*steps = n;
	return r;
}

static uint64_t blocks(const struct tree *t, const char *path)
{
	char full[PATH_MAX];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", t->path, path);
	assert_int_equal(lstat(full, &st), 0);
	return 512 * (uint64_t)st.st_blocks;
}

static void files_and_directories_are_added_up(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\nhello\n@ d/b\nx\n@ d/e/\n");
	struct diskusage_result r = measure(t.path, UINT64_MAX, NULL);

	(void)state;
	assert_int_equal(r.inodes, 5);
	assert_int_equal(r.bytes, blocks(&t, ".") + blocks(&t, "a") + blocks(&t, "d") +
					  blocks(&t, "d/b") + blocks(&t, "d/e"));
	assert_int_equal(r.unreadable, 0);
	assert_int_equal(r.refused, 0);
}

static void a_hard_link_counts_once_and_a_symlink_is_not_followed(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\nhello\n@ d/\n@ etc -> /etc\n@ up -> ..\n");
	char from[PATH_MAX], to[PATH_MAX];

	(void)state;
	snprintf(from, sizeof(from), "%s/a", t.path);
	for (int i = 0; i < 3000; i++) { /* more links than the first table has places */
		char own[PATH_MAX];

		snprintf(own, sizeof(own), "%s/d/%d", t.path, i);
		snprintf(to, sizeof(to), "%s/d/%d.link", t.path, i);
		int fd = open(own, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(link(own, to), 0);
	}
	snprintf(to, sizeof(to), "%s/d/a", t.path);
	assert_int_equal(link(from, to), 0);
	struct diskusage_result r = measure(t.path, UINT64_MAX, NULL);

	assert_int_equal(r.inodes, 1 + 1 + 1 + 2 + 3000);
	assert_int_equal(r.refused, 0);
}

static void a_single_file_is_measured_too(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\nhello\n");
	char path[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/a", t.path);
	struct diskusage_result r = measure(path, UINT64_MAX, NULL);

	assert_int_equal(r.inodes, 1);
	assert_int_equal(r.bytes, blocks(&t, "a"));
}

static void a_walk_goes_on_where_its_budget_ended(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x\n");
	unsigned steps;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char name[64];

		snprintf(name, sizeof(name), "d%d/e%d/f", i % 7, i);
		tree_write(&t, name, "x", 1);
	}
	struct diskusage_result whole = measure(t.path, UINT64_MAX, &steps);

	assert_int_equal(steps, 1);
	struct diskusage_result pieces = measure(t.path, 0, &steps);

	assert_true(steps > 20);
	assert_memory_equal(&whole, &pieces, sizeof(whole));
	assert_int_equal(whole.inodes, 1 + 1 + 7 + 300 + 300);
}

/* Makes directories below each other, each with some files. */
static void dig(const struct tree *t, int depth, int files)
{
	int fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < depth; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		for (int file = 0; file < files; file++) {
			char name[] = { (char)('a' + file * 10), '\0' }; /* on both sides of "d" */
			int f = openat(fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

			assert_true(f >= 0);
			close(f);
		}
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
}

static unsigned count_open(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_deep_tree_is_walked_with_few_descriptors(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x\n");
	AUTO(diskusage_free) struct diskusage *d = NULL;
	struct diskusage_result r;
	unsigned before = count_open(), most = 0;

	(void)state;
	dig(&t, 200, 3);
	assert_int_equal(diskusage_new(&d, t.path, NULL), 0);
	while (diskusage_step(d, 0, &r) == 0) {
		unsigned now = count_open();

		most = now > most ? now : most;
	}
	assert_int_equal(r.inodes, 2 + 200 * 4);
	assert_int_equal(r.unreadable, 0);
	assert_true(most - before < 40);
	assert_int_equal(count_open(), before);
}

static void what_is_too_deep_is_counted_as_refused(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x\n");

	(void)state;
	dig(&t, DISKUSAGE_MAX_DEPTH + 5, 3);
	struct diskusage_result r = measure(t.path, UINT64_MAX, NULL);

	assert_int_equal(r.refused, 1);
	assert_int_equal(r.inodes, 2 + DISKUSAGE_MAX_DEPTH * 4);
}

static void a_tree_moved_under_the_walk_does_not_lead_it_out(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ walked/x\n@ outside/secret\nmany bytes\n");
	struct tree walked = { "" };
	AUTO(diskusage_free) struct diskusage *d = NULL;
	struct diskusage_result r;
	char from[PATH_MAX], to[PATH_MAX];

	(void)state;
	snprintf(walked.path, sizeof(walked.path), "%.100s/walked", t.path);
	dig(&walked, 150, 0);
	assert_int_equal(diskusage_new(&d, walked.path, NULL), 0);
	/* 16 entries a step, at most three a level: now it is below the levels that stay open */
	for (int i = 0; i < 9; i++)
		assert_int_equal(diskusage_step(d, 0, &r), 0);
	int n = snprintf(from, sizeof(from), "%s", walked.path);

	for (int i = 0; i < 40; i++)
		n += snprintf(from + n, sizeof(from) - (size_t)n, "/d");
	snprintf(to, sizeof(to), "%s/outside/moved", t.path);
	assert_int_equal(rename(from, to), 0);
	while (diskusage_step(d, 0, &r) == 0)
		continue;
	assert_int_equal(r.inodes, 2 + 150); /* nothing of "outside" */
	assert_true(r.unreadable > 0);
}

static void a_missing_path_is_named_in_the_error(void **state)
{
	struct diskusage *d = NULL;
	struct err e = { "" };

	(void)state;
	assert_int_equal(diskusage_new(&d, "/nonexistent", &e), -ENOENT);
	assert_null(d);
	assert_string_equal(e.text, "cannot open '/nonexistent': No such file or directory");
}

int main(void)
{
	const struct CMUnitTest diskusage[] = {
		cmocka_unit_test(files_and_directories_are_added_up),
		cmocka_unit_test(a_hard_link_counts_once_and_a_symlink_is_not_followed),
		cmocka_unit_test(a_single_file_is_measured_too),
		cmocka_unit_test(a_walk_goes_on_where_its_budget_ended),
		cmocka_unit_test(a_deep_tree_is_walked_with_few_descriptors),
		cmocka_unit_test(what_is_too_deep_is_counted_as_refused),
		cmocka_unit_test(a_tree_moved_under_the_walk_does_not_lead_it_out),
		cmocka_unit_test(a_missing_path_is_named_in_the_error),
	};

	return cmocka_run_group_tests(diskusage, NULL, NULL);
}
