// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "collector/base/clock.h"
#include "http/selftest_child.h"

#define LONG_MS 20000 /* never reached */

static int run(struct selftest_child *c, int input, unsigned ms, const char *const *argv,
	       struct err *e)
{
	e->text[0] = '\0';
	return selftest_child_run(c, argv, input, ms, -1, e);
}

static void a_program_is_run_with_its_arguments_as_they_are(void **state)
{
	AUTO(selftest_child_free) struct selftest_child *c = selftest_child_new();
	const char *const argv[] = { "/bin/echo", "a b", "$HOME;`x`", NULL };
	struct err e;

	(void)state;
	assert_non_null(c);
	assert_int_equal(run(c, SELFTEST_NO_INPUT, LONG_MS, argv, &e), 0);
	assert_int_equal(c->out.n, strlen("a b $HOME;`x`\n"));
	assert_memory_equal(c->out.data, "a b $HOME;`x`\n", c->out.n);
	assert_int_equal(c->pid, 0);
}

static void its_input_is_what_it_is_given(void **state)
{
	AUTO(selftest_child_free) struct selftest_child *c = selftest_child_new();
	const char *const argv[] = { "/bin/cat", NULL };
	AUTO_FD int fd = memfd_create("input", MFD_CLOEXEC);
	struct err e;

	(void)state;
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(run(c, fd, LONG_MS, argv, &e), 0);
	assert_int_equal(c->out.n, 5);
	assert_int_equal(run(c, SELFTEST_NO_INPUT, LONG_MS, argv, &e), 0);
	assert_int_equal(c->out.n, 0);
}

static void what_it_says_is_bounded_and_the_rest_is_counted(void **state)
{
	AUTO(selftest_child_free) struct selftest_child *c = selftest_child_new();
	const char *const argv[] = { "/usr/bin/head", "-c", "1000000", "/dev/zero", NULL };
	struct err e;

	(void)state;
	assert_int_equal(run(c, SELFTEST_NO_INPUT, LONG_MS, argv, &e), 0);
	assert_int_equal(c->out.n, SELFTEST_OUTPUT_MAX);
	assert_int_equal(c->out.dropped, 1000000 - SELFTEST_OUTPUT_MAX);
}

static void one_that_writes_without_end_is_ended_in_time(void **state)
{
	AUTO(selftest_child_free) struct selftest_child *c = selftest_child_new();
	const char *const argv[] = { "/bin/cat", "/dev/zero", NULL };
	struct err e;

	(void)state;
	assert_int_equal(run(c, SELFTEST_NO_INPUT, 50, argv, &e), -ETIME);
	assert_string_equal(e.text, "no end within 50 ms");
	assert_int_equal(c->pid, 0);
	assert_true(c->out.dropped > 0);
}

static void a_failure_is_told_by_its_last_line(void **state)
{
	AUTO(selftest_child_free) struct selftest_child *c = selftest_child_new();
	const char *const cat[] = { "/bin/cat", "/nonexistent/x", "/nonexistent/y", NULL };
	const char *const quiet[] = { "/bin/false", NULL };
	const char *const none[] = { "/nonexistent/program", NULL };
	struct err e;

	(void)state;
	assert_int_equal(run(c, SELFTEST_NO_INPUT, LONG_MS, cat, &e), -EIO);
	assert_non_null(strstr(e.text, "/nonexistent/y"));
	assert_null(strstr(e.text, "/nonexistent/x"));
	assert_int_equal(run(c, SELFTEST_NO_INPUT, LONG_MS, quiet, &e), -EIO);
	assert_string_equal(e.text, "it ended with 1 and said nothing");
	assert_int_equal(run(c, SELFTEST_NO_INPUT, LONG_MS, none, &e), -ENOENT);
	assert_int_equal(c->pid, 0);
}

static void held_input_ends_when_it_is_let_go(void **state)
{
	AUTO(selftest_child_free) struct selftest_child *c = selftest_child_new();
	const char *const argv[] = { "/bin/cat", NULL };
	struct err e = { "" };

	(void)state;
	assert_int_equal(selftest_child_start(c, argv, SELFTEST_HELD_INPUT, &e), 0);
	assert_int_equal(selftest_child_step(c, -1, mono_ns() + 20 * NS_PER_MS), SELFTEST_RUNNING);
	selftest_child_let_go(c);
	selftest_child_let_go(c);
	assert_int_equal(selftest_child_step(c, -1, mono_ns() + LONG_MS * NS_PER_MS),
			 SELFTEST_ENDED);
	assert_int_equal(c->status, 0);
}

static void a_signal_is_seen_and_left_for_the_caller(void **state)
{
	AUTO(selftest_child_free) struct selftest_child *c = selftest_child_new();
	const char *const argv[] = { "/bin/cat", NULL };
	const struct timespec at_once = { 0, 0 };
	struct err e = { "" };
	sigset_t set, old;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	AUTO_FD int signals = signalfd(-1, &set, SFD_CLOEXEC);

	assert_int_equal(selftest_child_start(c, argv, SELFTEST_HELD_INPUT, &e), 0);
	kill(getpid(), SIGTERM);
	assert_int_equal(selftest_child_step(c, signals, mono_ns() + LONG_MS * NS_PER_MS),
			 SELFTEST_INTERRUPTED);
	assert_true(c->pid > 0); /* it runs: the caller says how it ends */
	selftest_child_kill(c);
	assert_true(WIFSIGNALED(c->status));
	assert_int_equal(sigtimedwait(&set, NULL, &at_once), SIGTERM);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_run_with_its_arguments_as_they_are),
		cmocka_unit_test(its_input_is_what_it_is_given),
		cmocka_unit_test(what_it_says_is_bounded_and_the_rest_is_counted),
		cmocka_unit_test(one_that_writes_without_end_is_ended_in_time),
		cmocka_unit_test(a_failure_is_told_by_its_last_line),
		cmocka_unit_test(held_input_ends_when_it_is_let_go),
		cmocka_unit_test(a_signal_is_seen_and_left_for_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
