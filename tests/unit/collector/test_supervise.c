// SPDX-License-Identifier: GPL-2.0-or-later
/* The program that is supervised is this one: started as "bulkhead serve" it does what the file
 * "mode" in its working directory says. Only root may give a child another user, so without it the
 * tests look at the refusal alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/supervise.h"
#include "tests/unit/fixture.h"

#define SERVE_UID 61190

struct fixture {
	struct loop *loop;
	struct supervise *supervise;
	struct tree tree;
	int dir_fd, socket_fd;
	int started, ended, stop_after;
	pid_t pid;
	uint64_t first_end_ns, last_start_ns;
	char why[128];
};

static void on_started(void *ctx, int fd, pid_t pid)
{
	struct fixture *f = ctx;

	if (f->socket_fd >= 0)
		close(f->socket_fd);
	f->socket_fd = fd;
	f->pid = pid;
	f->last_start_ns = mono_ns();
	if (++f->started == f->stop_after)
		loop_stop(f->loop);
}

static void on_ended(void *ctx, const char *why)
{
	struct fixture *f = ctx;

	snprintf(f->why, sizeof(f->why), "%s", why);
	if (f->ended++ == 0)
		f->first_end_ns = mono_ns();
	if (f->stop_after == 0)
		loop_stop(f->loop);
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .dir_fd = -1, .socket_fd = -1 };
	*state = &f;
	f.tree = tree_make("@ serve/mode\n\n");
	return loop_new(&f.loop, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	supervise_free(f->supervise);
	loop_free(f->loop);
	if (f->socket_fd >= 0)
		close(f->socket_fd);
	if (f->dir_fd >= 0)
		close(f->dir_fd);
	tree_remove(&f->tree);
	return 0;
}

static void begin(struct fixture *f, const char *mode)
{
	const struct supervise_events ev = { on_started, on_ended, f };
	struct supervise_settings s = { .program = "/proc/self/exe",
					.uid = SERVE_UID,
					.gid = SERVE_UID };
	char path[256];
	struct err e = { "" };

	tree_write(&f->tree, "serve/mode", mode, strlen(mode));
	snprintf(path, sizeof(path), "%s/serve", f->tree.path);
	assert_int_equal(chmod(f->tree.path, 0755), 0);
	f->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dir_fd >= 0);
	s.state_fd = f->dir_fd;
	assert_int_equal(supervise_new(&f->supervise, f->loop, &s, &ev, &e), 0);
	assert_int_equal(supervise_start(f->supervise, &e), 0);
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* Waits till the child says that it runs its own code. */
static void wait_for_hello(struct fixture *f)
{
	char c = 0;
	int flags = fcntl(f->socket_fd, F_GETFL);

	fcntl(f->socket_fd, F_SETFL, flags & ~O_NONBLOCK);
	assert_int_equal(recv(f->socket_fd, &c, 1, 0), 1);
	assert_int_equal(c, 'r');
}

static void a_program_that_ends_is_told_and_started_again(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	need_root();
	f->stop_after = 3;
	begin(f, "exit");
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_int_equal(f->ended, 2);
	assert_string_equal(f->why, "exited with status 7");
	assert_int_equal(supervise_starts(f->supervise), 3);
	/* 100 ms after the first end, 200 ms after the second */
	assert_true(f->last_start_ns - f->first_end_ns >= 280 * NS_PER_MS);
}

static void it_runs_as_the_given_user_in_its_directory_with_one_socket(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	need_root();
	begin(f, "check");
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_string_equal(f->why, "exited with status 42");
}

static void a_kill_is_told_by_its_signal(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	need_root();
	begin(f, "wait");
	supervise_kill(f->supervise);
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_string_equal(f->why, "killed by signal 9");
	assert_int_equal(supervise_pid(f->supervise), 0);
}

static void a_program_that_ignores_the_end_is_killed_in_time(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	need_root();
	begin(f, "stubborn");
	wait_for_hello(f);
	before = mono_ns();
	supervise_stop(f->supervise, 50);
	assert_true(mono_ns() - before < NS_PER_S);
	assert_int_equal(supervise_pid(f->supervise), 0);
	assert_int_equal(kill(f->pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(f->ended, 0); /* nobody needs to be told of what was asked for */
}

static void a_stopped_program_is_killed_too(void **state)
{
	struct fixture *f = *state;

	need_root();
	begin(f, "wait");
	wait_for_hello(f);
	assert_int_equal(kill(f->pid, SIGSTOP), 0);
	supervise_stop(f->supervise, 20);
	assert_int_equal(kill(f->pid, 0), -1);
}

static void freeing_ends_the_program(void **state)
{
	struct fixture *f = *state;

	need_root();
	begin(f, "wait");
	wait_for_hello(f);
	supervise_free(f->supervise);
	f->supervise = NULL;
	assert_int_equal(kill(f->pid, 0), -1);
}

static void a_child_that_somebody_else_reaped_does_not_spin(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };
	siginfo_t info;

	need_root();
	begin(f, "exit");
	assert_int_equal(waitid(P_PID, (id_t)f->pid, &info, WEXITED), 0);
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_string_equal(f->why, "ended");
	assert_int_equal(supervise_pid(f->supervise), 0);
}

static void ignored_child_signals_are_put_right(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	need_root();
	signal(SIGCHLD, SIG_IGN);
	begin(f, "exit");
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_string_equal(f->why, "exited with status 7");
}

static void it_never_runs_without_its_own_user(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	if (geteuid() == 0)
		skip();
	begin(f, "check");
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_string_equal(f->why, "exited: its user or folder was refused");
}

static void a_missing_program_is_told_at_once(void **state)
{
	struct fixture *f = *state;
	const struct supervise_events ev = { on_started, on_ended, f };
	struct supervise_settings s = { .program = "/nonexistent/bulkhead" };
	struct err e = { "" };

	assert_int_equal(supervise_new(&f->supervise, f->loop, &s, &ev, &e), -ENOENT);
	assert_string_equal(e.text,
			    "cannot open '/nonexistent/bulkhead': No such file or directory");
	assert_null(f->supervise);
}

/* --- the child ------------------------------------------------------------------------------- */

static int check(void)
{
	int type, fds = 0;
	socklen_t n = sizeof(type);

	for (int fd = 0; fd < 256; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	if (getuid() != SERVE_UID || geteuid() != SERVE_UID || getgid() != SERVE_UID ||
	    getgroups(0, NULL) != 0)
		return 1;
	if (getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_SEQPACKET)
		return 2;
	return fds == 4 ? 42 : 3; /* standard ones and the socket */
}

static int serve(void)
{
	char mode[16] = "";
	int fd = open("mode", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, mode, sizeof(mode) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 99;
	if (strcmp(mode, "exit") == 0)
		return 7;
	if (strcmp(mode, "check") == 0)
		return check();
	if (strcmp(mode, "stubborn") == 0)
		signal(SIGTERM, SIG_IGN);
	if (send(3, "r", 1, 0) != 1)
		return 98;
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_program_that_ends_is_told_and_started_again),
		T(it_runs_as_the_given_user_in_its_directory_with_one_socket),
		T(a_kill_is_told_by_its_signal),
		T(a_program_that_ignores_the_end_is_killed_in_time),
		T(a_stopped_program_is_killed_too),
		T(freeing_ends_the_program),
		T(a_child_that_somebody_else_reaped_does_not_spin),
		T(ignored_child_signals_are_put_right),
		T(it_never_runs_without_its_own_user),
		T(a_missing_program_is_told_at_once),
	};

	if (argc > 1 && strcmp(argv[1], "serve") == 0)
		return serve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
