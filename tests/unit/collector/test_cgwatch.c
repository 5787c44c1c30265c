// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/cgwatch.h"
#include "tests/unit/fixture.h"

#define MAX_LIVE  8192
#define PATH_ROOM 192

struct entry {
	char path[PATH_ROOM];
	uint64_t inode;
	bool live;
};

/* What a watcher reported, and whether the reports were in order. */
struct seen {
	struct tree tree;
	struct loop *loop;
	struct cgwatch *watch;
	int root_fd;
	struct entry *entries;
	size_t n, live, come, gone, disorder;
	unsigned problems;
	char problem[512];
};

static struct entry *entry_of(struct seen *s, const char *path)
{
	for (size_t i = s->n; i > 0; i--)
		if (s->entries[i - 1].live && strcmp(s->entries[i - 1].path, path) == 0)
			return &s->entries[i - 1];
	return NULL;
}

static bool parent_is_live(struct seen *s, const char *path)
{
	char parent[PATH_ROOM];
	const char *slash = strrchr(path, '/');

	if (strcmp(path, "/") == 0)
		return true;
	snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return entry_of(s, parent);
}

static bool child_is_live(struct seen *s, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < s->n; i++)
		if (s->entries[i].live && strncmp(s->entries[i].path, path, n) == 0 &&
		    s->entries[i].path[n] == '/')
			return true;
	return false;
}

static void on_cgroup(void *ctx, const struct cgwatch_event *ev)
{
	struct seen *s = ctx;
	struct entry *e = entry_of(s, ev->path);

	if (ev->gone) {
		s->gone++;
		if (!e || e->inode != ev->inode || child_is_live(s, ev->path)) {
			s->disorder++;
			return;
		}
		e->live = false;
		s->live--;
		return;
	}
	s->come++;
	if (e || !parent_is_live(s, ev->path) || s->n == MAX_LIVE ||
	    strlen(ev->path) >= PATH_ROOM) {
		s->disorder++;
		return;
	}
	struct entry *fresh = &s->entries[s->n++];

	snprintf(fresh->path, sizeof(fresh->path), "%s", ev->path);
	fresh->inode = ev->inode;
	fresh->live = true;
	s->live++;
}

static void on_problem(void *ctx, const char *text)
{
	struct seen *s = ctx;

	s->problems++;
	snprintf(s->problem, sizeof(s->problem), "%s", text);
}

static int seen_init(struct seen *s, const char *literal, unsigned rescan_ms)
{
	struct err e = { "" };

	*s = (struct seen){ .tree = tree_make(literal), .root_fd = -1 };
	s->entries = calloc(MAX_LIVE, sizeof(*s->entries));
	s->root_fd = open(s->tree.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!s->entries || s->root_fd < 0 || loop_new(&s->loop, &e) < 0)
		return -1;
	return cgwatch_new(&s->watch, s->loop, s->root_fd, s->tree.path, rescan_ms, on_cgroup,
			   on_problem, s, &e);
}

static void seen_release(struct seen *s)
{
	cgwatch_free(s->watch);
	loop_free(s->loop);
	if (s->root_fd >= 0)
		close(s->root_fd);
	free(s->entries);
	tree_remove(&s->tree);
}

static void stop(void *ctx)
{
	loop_stop(ctx);
}

static void turn(struct seen *s)
{
	struct err e = { "" };

	loop_defer(s->loop, stop, s->loop);
	loop_run(s->loop, &e);
}

/* Turns until nothing more is read. */
static void drain(struct seen *s)
{
	uint64_t before;

	do {
		before = cgwatch_stats(s->watch).events;
		turn(s);
	} while (cgwatch_stats(s->watch).events != before);
}

static bool wait_rescans(struct seen *s, uint64_t n)
{
	uint64_t end = mono_ns() + 10 * NS_PER_S;

	while (cgwatch_stats(s->watch).rescans < n && mono_ns() < end)
		turn(s);
	drain(s);
	return cgwatch_stats(s->watch).rescans >= n;
}

static void make(struct seen *s, const char *path)
{
	if (mkdirat(s->root_fd, path, 0755) < 0)
		fail_msg("mkdir '%s': %s", path, strerror(errno));
}

static void drop(struct seen *s, const char *path)
{
	if (unlinkat(s->root_fd, path, AT_REMOVEDIR) < 0)
		fail_msg("rmdir '%s': %s", path, strerror(errno));
}

static bool inode_is_right(struct seen *s, const char *path)
{
	const struct entry *e = entry_of(s, path);
	struct stat st;

	return e && fstatat(s->root_fd, path + 1, &st, 0) == 0 && st.st_ino == e->inode;
}

static void assert_consistent(struct seen *s, size_t cgroups)
{
	struct cgwatch_stats st = cgwatch_stats(s->watch);

	assert_int_equal(s->disorder, 0);
	assert_int_equal(s->live, cgroups);
	assert_int_equal(st.cgroups, cgroups);
	assert_int_equal(st.watches, cgroups);
	assert_false(st.degraded);
}

static void what_exists_is_reported_before_new_returns(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(seen_init(&s, "@ a/b/\n@ a/c/d/\n@ a/file\nx\n@ link -> a\n", 1000), 0);
	assert_int_equal(s.come, 5);
	assert_non_null(entry_of(&s, "/"));
	assert_non_null(entry_of(&s, "/a/c/d"));
	assert_true(inode_is_right(&s, "/a/b"));
	assert_consistent(&s, 5);
	seen_release(&s);
}

static void directories_come_and_go_once(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(seen_init(&s, "@ a/\n", 1000), 0);
	make(&s, "a/b");
	make(&s, "a/b/c"); /* before its parent is watched */
	drain(&s);
	assert_non_null(entry_of(&s, "/a/b/c"));
	assert_consistent(&s, 4);
	make(&s, "a/b/d");
	drain(&s);
	assert_consistent(&s, 5);
	drop(&s, "a/b/d");
	drop(&s, "a/b/c");
	drop(&s, "a/b");
	drain(&s);
	assert_int_equal(s.gone, 3);
	assert_consistent(&s, 2);
	seen_release(&s);
}

static void plain_files_are_not_reported(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(seen_init(&s, "@ a/\n", 1000), 0);
	tree_write(&s.tree, "a/file", "x", 1);
	assert_int_equal(symlinkat("a", s.root_fd, "link"), 0);
	drain(&s);
	assert_consistent(&s, 2);
	seen_release(&s);
}

static void one_made_again_under_its_name_is_gone_and_comes_again(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(seen_init(&s, "@ a/b/\n", 1000), 0);
	drop(&s, "a/b");
	make(&s, "a/b");
	make(&s, "a/b/inner");
	drain(&s);
	assert_int_equal(s.gone, 1);
	assert_int_equal(s.come, 5);
	assert_true(inode_is_right(&s, "/a/b"));
	assert_consistent(&s, 4);
	seen_release(&s);
}

static void a_whole_tree_made_again_is_reported_anew(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(seen_init(&s, "@ a/b/c/\n", 1000), 0);
	drop(&s, "a/b/c");
	drop(&s, "a/b");
	drop(&s, "a");
	make(&s, "a");
	make(&s, "a/b");
	make(&s, "a/b/c");
	drain(&s);
	/* three on cgroupfs; where inode numbers are used again, the new c may be seen twice */
	assert_true(s.gone >= 3);
	assert_int_equal(s.come, s.gone + 4);
	assert_true(inode_is_right(&s, "/a/b/c"));
	assert_consistent(&s, 4);
	make(&s, "a/b/c/d"); /* the new one is watched */
	drain(&s);
	assert_consistent(&s, 5);
	seen_release(&s);
}

static void one_that_went_before_it_was_seen_is_not_reported(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(seen_init(&s, "@ a/\n", 1000), 0);
	make(&s, "a/b");
	drop(&s, "a/b");
	drain(&s);
	assert_int_equal(s.come, 2);
	assert_consistent(&s, 2);
	seen_release(&s);
}

static void a_renamed_tree_goes_and_comes_under_its_new_name(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(seen_init(&s, "@ a/b/c/\n@ z/\n", 1000), 0);
	assert_int_equal(renameat(s.root_fd, "a/b", s.root_fd, "z/y"), 0);
	drain(&s);
	assert_null(entry_of(&s, "/a/b"));
	assert_non_null(entry_of(&s, "/z/y/c"));
	assert_consistent(&s, 5);
	make(&s, "z/y/c/d"); /* its watch has not been lost on the way */
	drain(&s);
	assert_consistent(&s, 6);
	assert_int_equal(renameat(s.root_fd, "z/y", s.root_fd, "a/b"), 0);
	cgwatch_rescan(s.watch); /* may read the tree before the events */
	assert_true(wait_rescans(&s, 1));
	make(&s, "a/b/c/e");
	drain(&s);
	assert_non_null(entry_of(&s, "/a/b/c/e"));
	assert_consistent(&s, 7);
	seen_release(&s);
}

/* Parent into its own former child's place: each inode moves to another level. */
static void renames_that_turn_the_tree_round_leave_it_right(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(seen_init(&s, "@ a/x/\n", 1000), 0);
	assert_int_equal(renameat(s.root_fd, "a/x", s.root_fd, "y"), 0);
	assert_int_equal(renameat(s.root_fd, "a", s.root_fd, "y/a"), 0);
	drain(&s);
	assert_non_null(entry_of(&s, "/y/a"));
	assert_consistent(&s, 3);
	assert_int_equal(renameat(s.root_fd, "y/a", s.root_fd, "a"), 0);
	assert_int_equal(renameat(s.root_fd, "y", s.root_fd, "a/x"), 0);
	cgwatch_rescan(s.watch);
	assert_true(wait_rescans(&s, 1));
	assert_non_null(entry_of(&s, "/a/x"));
	assert_consistent(&s, 3);
	seen_release(&s);
}

static void a_thousand_at_once_are_all_seen_and_none_is_left(void **state)
{
	struct seen s;
	char path[64];

	(void)state;
	assert_int_equal(seen_init(&s, "@ docker/\n", 1000), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 500; i++) {
			snprintf(path, sizeof(path), "docker/c%u", i);
			make(&s, path);
			snprintf(path, sizeof(path), "docker/c%u/inner", i);
			make(&s, path);
			if (i % 50 == 0)
				turn(&s);
		}
		drain(&s);
		assert_consistent(&s, 1002);
		for (unsigned i = 0; i < 500; i++) {
			snprintf(path, sizeof(path), "docker/c%u/inner", i);
			drop(&s, path);
			snprintf(path, sizeof(path), "docker/c%u", i);
			drop(&s, path);
			if (i % 2 == 0) /* some come back at once */
				make(&s, path);
		}
		drain(&s);
		assert_consistent(&s, 252);
		for (unsigned i = 0; i < 500; i += 2) {
			snprintf(path, sizeof(path), "docker/c%u", i);
			drop(&s, path);
		}
		drain(&s);
		assert_consistent(&s, 2);
	}
	assert_int_equal(s.come, s.gone + 2);
	assert_int_equal(cgwatch_stats(s.watch).overflows, 0);
	seen_release(&s);
}

static unsigned queue_limit(void)
{
	char text[32];
	uint32_t n = 0;
	ssize_t len =
		io_read_at(AT_FDCWD, "/proc/sys/fs/inotify/max_queued_events", text, sizeof(text));

	if (len < 0 || !parse_u32(span_trim((struct span){ text, (size_t)len }), &n))
		return 0;
	return n;
}

static void after_an_overflow_the_tree_is_read_again(void **state)
{
	unsigned limit = queue_limit();
	struct seen s;

	(void)state;
	if (limit == 0 || limit > 100000)
		skip();
	assert_int_equal(seen_init(&s, "@ old/\n@ kept/\n", 1000), 0);
	for (unsigned i = 0; i <= limit / 2; i++) {
		make(&s, "noise");
		drop(&s, "noise");
	}
	drop(&s, "old");
	make(&s, "new");
	make(&s, "new/inner");
	drain(&s);
	assert_true(wait_rescans(&s, 1));
	assert_true(cgwatch_stats(s.watch).overflows >= 1);
	assert_null(entry_of(&s, "/old"));
	assert_non_null(entry_of(&s, "/new/inner"));
	assert_consistent(&s, 4);
	make(&s, "new/inner/later");
	drain(&s);
	assert_consistent(&s, 5);
	seen_release(&s);
}

static void depth_has_a_limit_and_refusals_are_counted(void **state)
{
	struct seen s;
	char path[256] = "d";

	(void)state;
	assert_int_equal(seen_init(&s, "", 1000), 0);
	for (unsigned depth = 1; depth <= CGWATCH_MAX_DEPTH + 2; depth++) {
		make(&s, path);
		memcpy(path + strlen(path), "/d", 3);
	}
	drain(&s);
	assert_consistent(&s, CGWATCH_MAX_DEPTH + 1);
	assert_int_equal(cgwatch_stats(s.watch).cgroups_refused, 1);
	seen_release(&s);
}

static void the_number_has_a_limit_and_room_is_used_again(void **state)
{
	struct seen s;
	char path[64];

	(void)state;
	assert_int_equal(seen_init(&s, "", 1000), 0);
	cgwatch_limit(s.watch, 16);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "c%u", i);
		make(&s, path);
	}
	drain(&s);
	assert_consistent(&s, 16);
	assert_int_equal(cgwatch_stats(s.watch).cgroups_refused, 5);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "c%u", i);
		drop(&s, path);
	}
	drain(&s);
	assert_true(wait_rescans(&s, 1));
	assert_non_null(entry_of(&s, "/c19"));
	assert_consistent(&s, 13);
	seen_release(&s);
}

static void hostile_names_are_reported_as_they_are(void **state)
{
	struct seen s;
	char name[NAME_MAX + 1];

	(void)state;
	assert_int_equal(seen_init(&s, "", 1000), 0);
	make(&s, "\x1b[31m \n\xff");
	memset(name, 'x', 150);
	name[150] = '\0';
	make(&s, name);
	drain(&s);
	assert_non_null(entry_of(&s, "/\x1b[31m \n\xff"));
	assert_consistent(&s, 3);
	seen_release(&s);
}

static void paths_beyond_path_max_are_refused(void **state)
{
	struct seen s;
	char name[NAME_MAX + 1];
	int fds[21];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(seen_init(&s, "", 1000), 0);
	fds[0] = s.root_fd;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(mkdirat(fds[i], name, 0755), 0);
		fds[i + 1] = openat(fds[i], name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(fds[i + 1] >= 0);
	}
	drain(&s);
	struct cgwatch_stats st = cgwatch_stats(s.watch);

	assert_int_equal(st.cgroups, (PATH_MAX - 1) / (NAME_MAX + 1) + 1);
	assert_int_equal(st.cgroups_refused, 1);
	assert_int_equal(st.watches, st.cgroups);
	for (unsigned i = 20; i > 0; i--) { /* too deep for tree_remove() */
		close(fds[i]);
		assert_int_equal(unlinkat(fds[i - 1], name, AT_REMOVEDIR), 0);
	}
	drain(&s);
	assert_int_equal(cgwatch_stats(s.watch).cgroups, 1);
	seen_release(&s);
}

static void a_root_that_cannot_be_read_is_an_error(void **state)
{
	struct cgwatch *w = NULL;
	AUTO(loop_free) struct loop *l = NULL;
	struct err e = { "" };

	(void)state;
	assert_int_equal(loop_new(&l, &e), 0);
	assert_int_equal(cgwatch_new(&w, l, -1, "/nonexistent", 1000, on_cgroup, NULL, NULL, &e),
			 -EBADF);
	assert_null(w);
	assert_string_equal(e.text, "cannot read cgroup root '/nonexistent': Bad file descriptor");
}

/* --- shortages, in a user namespace of their own -----------------------------------------------
 */

#define NOT_POSSIBLE 77
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static bool set_limit(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/user/%s", name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && io_write_all(fd, value, strlen(value)) == 0;
}

static void in_child(int (*body)(struct seen *s), int flags)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct seen s = { .root_fd = -1 };
		int r = unshare(flags) < 0 ? NOT_POSSIBLE : body(&s);

		if (s.tree.path[0])
			tree_remove(&s.tree);
		_exit(r);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_POSSIBLE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int few_watches(struct seen *s)
{
	if (!set_limit("max_inotify_watches", "4"))
		return NOT_POSSIBLE;
	CHECK(seen_init(s, "@ a/b/c/\n@ d/e/f/\n", 1) == 0);
	struct cgwatch_stats st = cgwatch_stats(s->watch);

	CHECK(st.degraded && st.cgroups == 7 && st.watches == 4 && st.watches_refused == 3);
	CHECK(s->problems == 1);
	CHECK(strstr(s->problem, "fs.inotify.max_user_watches, now "));
	for (const char *const *p = (const char *const[]){ "a/b/c/g", "d/e/f/h", "i", NULL }; *p;
	     p++)
		CHECK(mkdirat(s->root_fd, *p, 0755) == 0);
	CHECK(unlinkat(s->root_fd, "a/b/c/g", AT_REMOVEDIR) == 0);
	CHECK(wait_rescans(s, cgwatch_stats(s->watch).rescans + 2));
	CHECK(s->live == 9 && s->disorder == 0 && entry_of(s, "/d/e/f/h"));
	CHECK(s->problems == 1); /* said once */
	CHECK(set_limit("max_inotify_watches", "1000"));
	CHECK(wait_rescans(s, cgwatch_stats(s->watch).rescans + 1));
	st = cgwatch_stats(s->watch);
	CHECK(!st.degraded && st.watches == 9);
	CHECK(mkdirat(s->root_fd, "d/e/f/h/j", 0755) == 0);
	drain(s);
	CHECK(s->live == 10 && cgwatch_stats(s->watch).rescans == st.rescans);
	CHECK(set_limit("max_inotify_watches", "10"));
	CHECK(mkdirat(s->root_fd, "k", 0755) == 0);
	drain(s);
	CHECK(s->problems == 2 && cgwatch_stats(s->watch).degraded);
	CHECK(unlinkat(s->root_fd, "k", AT_REMOVEDIR) == 0);
	CHECK(wait_rescans(s, cgwatch_stats(s->watch).rescans + 1));
	CHECK(!cgwatch_stats(s->watch).degraded && s->live == 10 && s->disorder == 0);
	return 0;
}

static void when_watches_run_out_the_tree_is_polled_until_there_are_more(void **state)
{
	(void)state;
	in_child(few_watches, CLONE_NEWUSER);
}

static int no_instance(struct seen *s)
{
	if (!set_limit("max_inotify_instances", "0"))
		return NOT_POSSIBLE;
	CHECK(seen_init(s, "@ a/b/\n", 1) == 0);
	CHECK(cgwatch_stats(s->watch).degraded && s->live == 3);
	CHECK(s->problems == 1 && strstr(s->problem, "fs.inotify.max_user_instances, now "));
	CHECK(mkdirat(s->root_fd, "a/c", 0755) == 0);
	CHECK(unlinkat(s->root_fd, "a/b", AT_REMOVEDIR) == 0);
	CHECK(wait_rescans(s, cgwatch_stats(s->watch).rescans + 2));
	CHECK(s->live == 3 && entry_of(s, "/a/c") && s->disorder == 0);
	CHECK(set_limit("max_inotify_instances", "10"));
	CHECK(wait_rescans(s, cgwatch_stats(s->watch).rescans + 1));
	CHECK(!cgwatch_stats(s->watch).degraded && cgwatch_stats(s->watch).watches == 3);
	CHECK(mkdirat(s->root_fd, "a/c/d", 0755) == 0);
	drain(s);
	CHECK(s->live == 4 && s->problems == 1);
	return 0;
}

static void without_an_inotify_instance_the_tree_is_polled(void **state)
{
	(void)state;
	in_child(no_instance, CLONE_NEWUSER);
}

static int no_proc(struct seen *s)
{
	if (mount("none", "/proc", "tmpfs", 0, NULL) < 0)
		return NOT_POSSIBLE;
	CHECK(seen_init(s, "@ a/b/\n", 1000) == 0);
	CHECK(mkdirat(s->root_fd, "a/b/c", 0755) == 0);
	CHECK(mkdirat(s->root_fd, "a/b/d", 0755) == 0);
	CHECK(unlinkat(s->root_fd, "a/b/d", AT_REMOVEDIR) == 0);
	drain(s);
	CHECK(s->live == 4 && s->disorder == 0 && s->problems == 0);
	CHECK(cgwatch_stats(s->watch).watches == 4);
	return 0;
}

static void without_proc_watches_go_by_path(void **state)
{
	(void)state;
	in_child(no_proc, CLONE_NEWUSER | CLONE_NEWNS);
}

int main(void)
{
	const struct CMUnitTest cgwatch[] = {
		cmocka_unit_test(what_exists_is_reported_before_new_returns),
		cmocka_unit_test(directories_come_and_go_once),
		cmocka_unit_test(plain_files_are_not_reported),
		cmocka_unit_test(one_made_again_under_its_name_is_gone_and_comes_again),
		cmocka_unit_test(a_whole_tree_made_again_is_reported_anew),
		cmocka_unit_test(one_that_went_before_it_was_seen_is_not_reported),
		cmocka_unit_test(a_renamed_tree_goes_and_comes_under_its_new_name),
		cmocka_unit_test(renames_that_turn_the_tree_round_leave_it_right),
		cmocka_unit_test(a_thousand_at_once_are_all_seen_and_none_is_left),
		cmocka_unit_test(after_an_overflow_the_tree_is_read_again),
		cmocka_unit_test(depth_has_a_limit_and_refusals_are_counted),
		cmocka_unit_test(the_number_has_a_limit_and_room_is_used_again),
		cmocka_unit_test(hostile_names_are_reported_as_they_are),
		cmocka_unit_test(paths_beyond_path_max_are_refused),
		cmocka_unit_test(a_root_that_cannot_be_read_is_an_error),
		cmocka_unit_test(when_watches_run_out_the_tree_is_polled_until_there_are_more),
		cmocka_unit_test(without_an_inotify_instance_the_tree_is_polled),
		cmocka_unit_test(without_proc_watches_go_by_path),
	};

	return cmocka_run_group_tests(cgwatch, NULL, NULL);
}
