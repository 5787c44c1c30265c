// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "collector/base/clock.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define STABLE_MS      10000 /* a run this long resets the back-off */
#define KILL_MS	       200   /* a killed process that sits in the kernel is not waited for longer */
#define SERVE_FD       3
#define SEND_BUFFER    (4 << 20)

struct supervise {
	struct loop *loop;
	struct supervise_settings settings;
	struct supervise_events events;
	int program_fd;
	pid_t pid;
	int pid_fd;
	struct loop_source *pid_source, *restart_timer;
	uint64_t started_ns, starts;
	unsigned backoff_ms;
	bool stopping;
};

/* glibc 2.36 has execveat only as a system call number on some architectures' headers. */
static void exec_fd(int fd, char *const argv[], char *const envp[])
{
	syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}

/* Runs in the child between fork and exec: only async-signal-safe calls. */
static void become_serve(const struct supervise *s, int socket_fd, pid_t parent)
{
	char name[] = "bulkhead", sub[] = "serve", flag[] = "--fd", number[] = "3";
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LC_ALL=C.UTF-8";
	char journal[128] = "";
	char *const argv[] = { name, sub, flag, number, NULL };
	char *envp[] = { path, lang, NULL, NULL };
	const char *stream = getenv("JOURNAL_STREAM");
	struct rlimit no_core = { 0, 0 };
	sigset_t none;

	if (stream &&
	    snprintf(journal, sizeof(journal), "JOURNAL_STREAM=%s", stream) < (int)sizeof(journal))
		envp[2] = journal;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fchdir(s->settings.state_fd) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(s->settings.gid, s->settings.gid, s->settings.gid) < 0 ||
	    setresuid(s->settings.uid, s->settings.uid, s->settings.uid) < 0 || geteuid() == 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(125);
	umask(077);
	setrlimit(RLIMIT_CORE, &no_core); /* tokens pass through its memory */
	/* The agent's death is serve's: it must not go on answering with old figures. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(124);
	int program = fcntl(s->program_fd, F_DUPFD_CLOEXEC, SERVE_FD + 1);
	int null = open("/dev/null", O_RDWR);

	/* standard output stays: a sink of alerts may write there */
	if (program < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    (fcntl(STDOUT_FILENO, F_GETFD) < 0 && dup2(null, STDOUT_FILENO) < 0))
		_exit(125);
	if (socket_fd == SERVE_FD)
		fcntl(SERVE_FD, F_SETFD, 0);
	else
		dup2(socket_fd, SERVE_FD);
	close_range(SERVE_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	exec_fd(program, argv, envp);
	_exit(126);
}

static void schedule_restart(struct supervise *s)
{
	uint64_t ran_ms = (mono_ns() - s->started_ns) / NS_PER_MS;

	if (s->stopping)
		return;
	s->backoff_ms = ran_ms >= STABLE_MS || !s->backoff_ms ? BACKOFF_MIN_MS : s->backoff_ms * 2;
	if (s->backoff_ms > BACKOFF_MAX_MS)
		s->backoff_ms = BACKOFF_MAX_MS;
	loop_set_timer(s->restart_timer, s->backoff_ms * NS_PER_MS, 0);
}

static void describe_end(int status, char *text, size_t cap)
{
	static const char *const own[] = { "its parent was gone", "its user or folder was refused",
					   "the program could not be started" };

	if (WIFSIGNALED(status))
		snprintf(text, cap, "killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) >= 124 && WEXITSTATUS(status) <= 126)
		snprintf(text, cap, "exited: %s", own[WEXITSTATUS(status) - 124]);
	else
		snprintf(text, cap, "exited with status %d", WEXITSTATUS(status));
}

static void forget_child(struct supervise *s)
{
	loop_remove(s->pid_source);
	s->pid_source = NULL;
	if (s->pid_fd >= 0)
		close(s->pid_fd);
	s->pid_fd = -1;
	s->pid = 0;
}

static void on_child(void *ctx, uint32_t events)
{
	struct supervise *s = ctx;
	char why[80] = "ended";
	int status;

	(void)events;
	pid_t pid = waitpid(s->pid, &status, WNOHANG);

	if (pid == 0)
		return;
	forget_child(s);
	if (pid > 0) /* else somebody reaped it: a descriptor that stays ready would spin */
		describe_end(status, why, sizeof(why));
	schedule_restart(s);
	s->events.ended(s->events.ctx, why);
}

static void on_restart(void *ctx, uint32_t events)
{
	struct supervise *s = ctx;
	struct err e = { "" };

	(void)events;
	if (supervise_start(s, &e) < 0) {
		schedule_restart(s);
		s->events.ended(s->events.ctx, e.text);
	}
}

int supervise_new(struct supervise **out, struct loop *loop,
		  const struct supervise_settings *settings, const struct supervise_events *events,
		  struct err *e)
{
	AUTO(supervise_free) struct supervise *s = malloc(sizeof(*s));

	if (!s)
		return err_errno(e, "supervise");
	*s = (struct supervise){
		.loop = loop, .settings = *settings, .events = *events, .pid_fd = -1
	};
	signal(SIGCHLD, SIG_DFL); /* ignored, as some parents leave it, it would reap for us */
	s->program_fd = open(settings->program, O_PATH | O_CLOEXEC);
	if (s->program_fd < 0)
		return err_errno(e, "cannot open '%s'", settings->program);
	int r = loop_add_timer(loop, 0, 0, on_restart, s, &s->restart_timer, e);

	if (r < 0)
		return r;
	*out = TAKE(s);
	return 0;
}

int supervise_start(struct supervise *s, struct err *e)
{
	int pair[2], size = SEND_BUFFER;
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_errno(e, "cannot make a socket pair");
	/* Room for a round of samples and the announcements of a start; the kernel caps it. */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	s->started_ns = mono_ns();
	pid_t pid = fork();

	if (pid == 0)
		become_serve(s, pair[1], parent);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return err_errno(e, "cannot start bulkhead serve");
	}
	s->pid = pid;
	s->starts++;
	s->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (s->pid_fd < 0 ||
	    loop_add_fd(s->loop, s->pid_fd, EPOLLIN, on_child, s, &s->pid_source, e) < 0) {
		int r = err_errno(e, "cannot watch bulkhead serve");

		close(pair[0]);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		forget_child(s);
		return r;
	}
	s->events.started(s->events.ctx, pair[0], pid);
	return 0;
}

void supervise_kill(struct supervise *s)
{
	if (s->pid)
		kill(s->pid, SIGKILL);
}

static bool wait_for_end(const struct supervise *s, unsigned ms)
{
	const uint64_t until = mono_ns() + ms * NS_PER_MS;
	struct pollfd p = { .fd = s->pid_fd, .events = POLLIN };

	for (;;) {
		uint64_t now = mono_ns();
		uint64_t left_ms = now < until ? (until - now + NS_PER_MS - 1) / NS_PER_MS : 0;
		int n = poll(&p, 1, (int)left_ms);

		if (n > 0 || (n == 0 && left_ms == 0) || (n < 0 && errno != EINTR))
			return n > 0;
	}
}

void supervise_stop(struct supervise *s, unsigned grace_ms)
{
	s->stopping = true;
	loop_set_timer(s->restart_timer, 0, 0);
	if (!s->pid)
		return;
	kill(s->pid, SIGTERM);
	if (!wait_for_end(s, grace_ms)) {
		kill(s->pid, SIGKILL);
		wait_for_end(s, KILL_MS);
	}
	waitpid(s->pid, NULL, WNOHANG);
	forget_child(s);
}

void supervise_free(struct supervise *s)
{
	if (!s)
		return;
	if (s->pid)
		supervise_stop(s, 0);
	loop_remove(s->restart_timer);
	if (s->program_fd >= 0)
		close(s->program_fd);
	free(s);
}

pid_t supervise_pid(const struct supervise *s)
{
	return s->pid;
}

uint64_t supervise_starts(const struct supervise *s)
{
	return s->starts;
}
