// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/selftest_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/clock.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

struct selftest_child *selftest_child_new(void)
{
	struct selftest_child *c = calloc(1, sizeof(*c));

	if (c)
		c->pidfd = c->hold = c->out.fd = c->err.fd = -1;
	return c;
}

static void forget(struct selftest_child *c)
{
	close_fd(&c->pidfd);
	close_fd(&c->hold);
	close_fd(&c->out.fd);
	close_fd(&c->err.fd);
	c->pid = 0;
}

void selftest_child_free(struct selftest_child *c)
{
	if (!c)
		return;
	selftest_child_kill(c);
	forget(c);
	free(c);
}

/* --- starting ---------------------------------------------------------------------------------
 */

struct ends {
	int in[2], out[2], err[2];
};

static inline void auto_ends(struct ends *p)
{
	for (int i = 0; i < 2; i++) {
		close_fd(&p->in[i]);
		close_fd(&p->out[i]);
		close_fd(&p->err[i]);
	}
}

static int spawn(struct selftest_child *c, const char *const *argv, const struct ends *p, int input,
		 struct err *e)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&files) != 0)
		return err_set(e, ENOMEM, "no memory");
	if (posix_spawnattr_init(&how) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return err_set(e, ENOMEM, "no memory");
	}
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
					       POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &all);
	r = input == SELFTEST_NO_INPUT
		    ? posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY,
						       0)
		    : posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, p->out[1], STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, p->err[1], STDERR_FILENO);
	if (r == 0)
		r = posix_spawn(&c->pid, argv[0], &files, &how, (char *const *)(uintptr_t)argv,
				environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return r == 0 ? 0 : err_set(e, r, "cannot run '%s': %s", argv[0], strerror(r));
}

int selftest_child_start(struct selftest_child *c, const char *const *argv, int input,
			 struct err *e)
{
	AUTO(ends) struct ends p = { { -1, -1 }, { -1, -1 }, { -1, -1 } };

	if (pipe2(p.out, O_CLOEXEC) < 0 || pipe2(p.err, O_CLOEXEC) < 0 ||
	    (input == SELFTEST_HELD_INPUT && pipe2(p.in, O_CLOEXEC) < 0) ||
	    fcntl(p.out[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(p.err[0], F_SETFL, O_NONBLOCK) < 0)
		return err_errno(e, "cannot make a pipe");

	int r = spawn(c, argv, &p, input == SELFTEST_HELD_INPUT ? p.in[0] : input, e);

	if (r < 0) {
		c->pid = 0;
		return r;
	}
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	c->out.fd = TAKE_FD(p.out[0]);
	c->err.fd = TAKE_FD(p.err[0]);
	c->hold = TAKE_FD(p.in[1]);
	c->out.n = c->err.n = 0;
	c->out.dropped = c->err.dropped = 0;
	if (c->pidfd < 0) {
		r = err_errno(e, "pidfd_open");
		selftest_child_kill(c);
		forget(c);
	}
	return r;
}

/* --- what it says ------------------------------------------------------------------------------
 */

static void take(struct selftest_output *o)
{
	char beyond[4096] = "";
	ssize_t n = 1;

	/* One turn at most of what a pipe holds: who writes without end must not keep us here. */
	for (int turn = 0; turn < 16 && n > 0 && o->fd >= 0; turn++) {
		const size_t room = sizeof(o->data) - o->n;

		n = read(o->fd, room ? o->data + o->n : beyond, room ? room : sizeof(beyond));
		if (n > 0 && room)
			o->n += (size_t)n;
		else if (n > 0)
			o->dropped += (uint64_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_fd(&o->fd);
	}
}

static int wait_ms(uint64_t until_ns)
{
	const uint64_t now = mono_ns();
	const uint64_t ms = now < until_ns ? (until_ns - now + NS_PER_MS - 1) / NS_PER_MS : 0;

	return ms < 60000 ? (int)ms : 60000;
}

enum selftest_child_state selftest_child_step(struct selftest_child *c, int signals,
					      uint64_t until_ns)
{
	for (;;) {
		struct pollfd wait[] = { { .fd = c->pidfd, .events = POLLIN },
					 { .fd = signals, .events = POLLIN },
					 { .fd = c->out.fd, .events = POLLIN },
					 { .fd = c->err.fd, .events = POLLIN } };
		const int n = poll(wait, 4, wait_ms(until_ns));

		take(&c->out);
		take(&c->err);
		if (n > 0 && wait[1].revents)
			return SELFTEST_INTERRUPTED;
		/* Its outputs may be held open by others: its end is its own. */
		if (n > 0 && wait[0].revents) {
			if (waitpid(c->pid, &c->status, 0) < 0)
				c->status = 255 << 8;
			take(&c->out);
			take(&c->err);
			forget(c);
			return SELFTEST_ENDED;
		}
		if (mono_ns() >= until_ns)
			return SELFTEST_RUNNING;
	}
}

void selftest_child_let_go(struct selftest_child *c)
{
	close_fd(&c->hold);
}

void selftest_child_kill(struct selftest_child *c)
{
	if (c->pid <= 0)
		return;
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL); /* the group is there since it runs, but one that has left it */
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	forget(c);
}

/* --- the whole --------------------------------------------------------------------------------
 */

static struct span last_line(const struct selftest_output *o)
{
	struct span rest = { o->data, o->n }, line, last = { "", 0 };

	while (span_next(&rest, '\n', &line))
		if (span_trim(line).n > 0)
			last = span_trim(line);
	return last;
}

void selftest_child_complaint(const struct selftest_child *c, struct err *e)
{
	struct span said = last_line(&c->err);

	if (said.n == 0)
		said = last_line(&c->out);
	if (said.n > 0)
		err_set(e, EIO, "%.*s", (int)(said.n < 400 ? said.n : 400), said.p);
	else if (WIFSIGNALED(c->status))
		err_set(e, EIO, "it was ended by signal %d", WTERMSIG(c->status));
	else
		err_set(e, EIO, "it ended with %d and said nothing", WEXITSTATUS(c->status));
}

int selftest_child_run(struct selftest_child *c, const char *const *argv, int input,
		       unsigned timeout_ms, int signals, struct err *e)
{
	int r = selftest_child_start(c, argv, input, e);

	if (r < 0)
		return r;
	switch (selftest_child_step(c, signals, mono_ns() + timeout_ms * NS_PER_MS)) {
	case SELFTEST_RUNNING:
		selftest_child_kill(c);
		return err_set(e, ETIME, "no end within %u ms", timeout_ms);
	case SELFTEST_INTERRUPTED:
		selftest_child_kill(c);
		return err_set(e, EINTR, "interrupted");
	case SELFTEST_ENDED:
		break;
	}
	if (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0)
		return 0;
	selftest_child_complaint(c, e);
	return -EIO;
}
