// SPDX-License-Identifier: GPL-2.0-or-later
/* The folder of baselines when the agent is killed at any step of a write, and on a disk that is
 * really full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "detector/baseline_store.h"
#include "tests/unit/detector/baseline_fixture.h"
#include "tests/unit/fixture.h"

#define NOT_POSSIBLE 77

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static struct baseline_store *store_in(const char *path)
{
	struct baseline_store *s = NULL;
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct baseline_store_settings settings = { .state_fd = fd };
	struct err e = { "" };

	if (fd < 0 || baseline_store_new(&s, &settings, &e) < 0) {
		fprintf(stderr, "store in '%s': %s\n", path, e.text);
		_exit(1);
	}
	close(fd);
	return s;
}

/* The n-th state of the one baseline: as large as a real one, and n is in it. */
static void change(struct baseline *b, uint32_t n)
{
	char key[64];

	for (unsigned i = 0; i < 40; i++) {
		struct path_entry *entry = NULL;

		snprintf(key, sizeof(key), "/usr/bin/program-%c%c < /bin/sh", 'a' + (char)(i / 8),
			 'a' + (char)(i % 8));
		CHECK(baseline_note(b, BASELINE_EXEC, span_str(key), 0, T0, &entry, NULL) == 0);
		entry->seen.windows[PHASE_STEADY] = n;
	}
	b->containers = n;
}

/* Number of the state that is on disk. All of it must be there, and nothing else. */
static uint32_t state_on_disk(const char *path)
{
	struct baseline_store *s = store_in(path);
	const struct baseline_store_stats stats = baseline_store_stats(s);
	size_t n;

	assert_int_equal(stats.images, 1);
	assert_int_equal(stats.set_aside, 0);
	struct baseline *b = baseline_store_list(s, &n)[0];
	const uint32_t state = b->containers;

	assert_int_equal(entries_of(b, BASELINE_EXEC), 40);
	assert_int_equal(
		look(b, BASELINE_EXEC, "/usr/bin/program-aa < /bin/sh")->seen.windows[PHASE_STEADY],
		state);
	baseline_store_free(s);
	return state;
}

static struct tree one_baseline(void)
{
	struct tree t = tree_make("@ x/\n");
	struct baseline_store *s = store_in(t.path);
	struct baseline *b = make_baseline("a", "");

	change(b, 1);
	assert_int_equal(baseline_store_add(s, b), 0);
	baseline_store_free(s);
	assert_int_equal(state_on_disk(t.path), 1);
	return t;
}

/* The store's descriptor of its folder: steps are told apart by it. */
static int folder_fd(void)
{
	char link[64], to[256];

	for (int fd = 3; fd < 64; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		const ssize_t n = readlink(link, to, sizeof(to));

		if (n > 10 && memcmp(to + n - 10, "/baselines", 10) == 0)
			return fd;
	}
	_exit(1);
}

enum step { AT_WRITE, AT_FSYNC, AT_RENAME, AT_FOLDER, STEPS };

static bool kill_at(enum step step)
{
	const uint64_t folder = (uint64_t)folder_fd();
	/* not what sanitizers write to stderr */
	const struct scmp_arg_cmp file = { .arg = 0, .op = SCMP_CMP_GT, .datum_a = 2 };
	const struct scmp_arg_cmp other = { .arg = 0, .op = SCMP_CMP_NE, .datum_a = folder };
	const struct scmp_arg_cmp same = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = folder };
	const uint32_t kill_it = SCMP_ACT_KILL_PROCESS;
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int r = f ? 0 : -1;

	switch (step) {
	case AT_WRITE:
		r = r ?: seccomp_rule_add(f, kill_it, SCMP_SYS(write), 1, file);
		break;
	case AT_FSYNC:
		r = r ?: seccomp_rule_add(f, kill_it, SCMP_SYS(fsync), 1, other);
		break;
	case AT_RENAME:
		r = r ?: seccomp_rule_add(f, kill_it, SCMP_SYS(renameat), 0);
		r = r ?: seccomp_rule_add(f, kill_it, SCMP_SYS(renameat2), 0);
		break;
	case AT_FOLDER:
		r = r ?: seccomp_rule_add(f, kill_it, SCMP_SYS(fsync), 1, same);
		break;
	case STEPS:
		break;
	}
	return r == 0 && seccomp_load(f) == 0;
}

static void killed_at_any_step_the_old_or_the_new_one_is_there(void **state)
{
	AUTO_TREE struct tree t = one_baseline();
	int status;

	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		const pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct baseline_store *s = store_in(t.path);
			size_t n;
			struct baseline *b = baseline_store_list(s, &n)[0];

			change(b, 2);
			if (!kill_at((enum step)step))
				_exit(NOT_POSSIBLE);
			baseline_store_save_now(s, b);
			_exit(1); /* it was to die */
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_POSSIBLE)
			skip();
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
		assert_int_equal(state_on_disk(t.path), step < AT_FOLDER ? 1 : 2);
	}
}

/* A removal is done or not. */
static void killed_at_the_end_of_a_removal_it_is_gone(void **state)
{
	AUTO_TREE struct tree t = one_baseline();
	int status;
	const pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct baseline_store *s = store_in(t.path);
		size_t n;

		if (!kill_at(AT_FOLDER))
			_exit(NOT_POSSIBLE);
		baseline_store_remove(s, baseline_store_list(s, &n)[0]);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_POSSIBLE)
		skip();
	assert_true(WIFSIGNALED(status));
	struct baseline_store *s = store_in(t.path);

	assert_int_equal(baseline_store_stats(s).images, 0);
	assert_int_equal(baseline_store_stats(s).set_aside, 0);
	baseline_store_free(s);
}

/* The child tells each write that is done; the parent kills it in the middle of a later one. */
static void killed_at_any_time_no_told_state_is_lost(void **state)
{
	AUTO_TREE struct tree t = one_baseline();
	uint32_t last = 1;

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		int pipe_fds[2], status;
		uint32_t told = 0, number;

		assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
		const pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct baseline_store *s = store_in(t.path);
			size_t n;
			struct baseline *b = baseline_store_list(s, &n)[0];

			for (number = last + 1;; number++) {
				change(b, number);
				baseline_store_save_now(s, b);
				CHECK(baseline_store_stats(s).write_errors == 0);
				CHECK(write(pipe_fds[1], &number, sizeof(number)) ==
				      sizeof(number));
			}
		}
		close(pipe_fds[1]);
		for (unsigned i = 0; i < 1 + round % 3; i++)
			assert_int_equal(read(pipe_fds[0], &told, sizeof(told)), sizeof(told));
		/* a different while each time, so that it hits different steps */
		for (volatile unsigned spin = 0; spin < round * 7919 % 300000; spin = spin + 1)
			;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while (read(pipe_fds[0], &number, sizeof(number)) == sizeof(number))
			told = number;
		close(pipe_fds[0]);
		last = state_on_disk(t.path);
		assert_true(last == told || last == told + 1);
	}
}

/* --- a full disk ---------------------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && io_write_all(fd, text, strlen(text)) == 0;
}

/* As root by itself, else by a user namespace. */
static bool own_mounts(void)
{
	char map[64];
	const uid_t uid = getuid();

	if (unshare(CLONE_NEWNS) == 0)
		return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
	return write_text("/proc/self/uid_map", map);
}

static int on_a_full_disk(const char *path)
{
	char state[256];

	if (!own_mounts() || mount("none", path, "tmpfs", 0, "size=64k") < 0)
		return NOT_POSSIBLE;
	struct baseline_store *s = store_in(path);
	struct baseline *b = make_baseline("a", "");

	change(b, 1);
	CHECK(baseline_store_add(s, b) == 0);
	baseline_store_save(s, 9);
	CHECK(baseline_store_stats(s).writes == 1);
	snprintf(state, sizeof(state), "%s/other", path);
	AUTO_FD int other = open(state, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	static const char page[4096];

	while (io_write_all(other, page, sizeof(page)) == 0)
		;
	change(b, 2);
	baseline_store_save(s, 9);
	CHECK(baseline_store_stats(s).write_errors == 1);
	CHECK(strstr(baseline_store_stats(s).error, "No space left on device"));
	CHECK(b->dirty);
	CHECK(state_on_disk(path) == 1);
	CHECK(ftruncate(other, 0) == 0);
	baseline_store_save(s, 9);
	CHECK(baseline_store_stats(s).writes == 2 && !b->dirty);
	CHECK(state_on_disk(path) == 2);
	baseline_store_free(s);
	return 0;
}

static void a_full_disk_keeps_the_old_document(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x/\n");
	const pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(on_a_full_disk(t.path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_POSSIBLE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int on_a_read_only_disk(const char *path)
{
	if (!own_mounts() || mount("none", path, "tmpfs", 0, "size=64k") < 0)
		return NOT_POSSIBLE;
	struct baseline_store *s = store_in(path);
	struct baseline *b = make_baseline("a", "");

	change(b, 1);
	CHECK(baseline_store_add(s, b) == 0);
	baseline_store_save(s, 9);
	CHECK(mount("none", path, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k") == 0);
	change(b, 2);
	baseline_store_save(s, 9);
	CHECK(strstr(baseline_store_stats(s).error, "Read-only file system"));
	CHECK(b->dirty && state_on_disk(path) == 1);
	CHECK(mount("none", path, "tmpfs", MS_REMOUNT, "size=64k") == 0);
	baseline_store_save(s, 9);
	CHECK(baseline_store_stats(s).error[0] == '\0' && state_on_disk(path) == 2);
	baseline_store_free(s);
	return 0;
}

static void a_disk_that_turns_read_only_is_told_and_tried_again(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x/\n");
	const pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(on_a_read_only_disk(t.path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_POSSIBLE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_step_the_old_or_the_new_one_is_there),
		cmocka_unit_test(killed_at_the_end_of_a_removal_it_is_gone),
		cmocka_unit_test(killed_at_any_time_no_told_state_is_lost),
		cmocka_unit_test(a_full_disk_keeps_the_old_document),
		cmocka_unit_test(a_disk_that_turns_read_only_is_told_and_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
