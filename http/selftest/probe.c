// SPDX-License-Identifier: GPL-2.0-or-later
/* probe ACTION - does one harmless thing in the container of `bulkhead selftest`, and says when.
 *
 * The only program of its image: static, of the C library alone. It prints lines that begin with
 * "bulkhead-probe ": "on HOSTNAME", "at NANOSECONDS" (of the wall clock, right before the call
 * that a rule waits for), "failed TEXT" when a call gave an error that stops the action, "no-limit"
 * when memory has none. Then it stays until its input ends, 20 seconds at most: whoever looks at
 * the alert finds the container there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#define SAID	      "bulkhead-probe "
#define STAY_MS	      20000
#define MEMORY_STEP   (1u << 20)
#define MEMORY_MAX    (128u << 20) /* four times the limit: then there is none */
#define DROPPED	      "/tmp/bulkhead-dropped"
#define EXIT_NO_LIMIT 3

static void now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	printf(SAID "at %lld%09ld\n", (long long)t.tv_sec, t.tv_nsec);
	fflush(stdout);
}

/* Says why, with the errno of the call. */
static int failed(const char *call)
{
	printf(SAID "failed %s: %s\n", call, strerror(errno));
	fflush(stdout);
	return 1;
}

/* --- actions: each in a process of its own, so that the first one of the container stays ------ */

static int copy_self(int to)
{
	char block[65536];
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (from >= 0 && (n = read(from, block, sizeof(block))) > 0)
		if (write(to, block, (size_t)n) != n)
			return -1;
	if (from >= 0)
		close(from);
	return n == 0 ? 0 : -1;
}

static int exec_dropped(void)
{
	char name[] = "bulkhead-dropped", *argv[] = { name, NULL }, *envp[] = { NULL };
	int fd = open(DROPPED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd < 0 || copy_self(fd) < 0 || close(fd) < 0)
		return failed("write " DROPPED);
	now();
	execve(DROPPED, argv, envp);
	return failed("execve");
}

static int exec_memfd(void)
{
	char name[] = "bulkhead-memfd", *argv[] = { name, NULL }, *envp[] = { NULL };
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || copy_self(fd) < 0)
		return failed("memfd_create");
	now();
	fexecve(fd, argv, envp);
	return failed("fexecve");
}

static int read_shadow(void)
{
	now();
	return open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? failed("open /etc/shadow") : 0;
}

static int write_program(void)
{
	now();
	return open("/usr/bin/bulkhead-selftest", O_WRONLY | O_CREAT | O_CLOEXEC, 0755) < 0
		       ? failed("open /usr/bin/bulkhead-selftest")
		       : 0;
}

/* The container has no network: that it is refused is meant. */
static int ask_metadata(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, "169.254.169.254", &to.sin_addr) != 1)
		return failed("socket");
	now();
	connect(fd, (struct sockaddr *)&to, sizeof(to));
	return 0;
}

/* Its own namespace, and refused where the container has no right to it: both are told. */
static int enter_namespace(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return failed("open /proc/self/ns/uts");
	now();
	setns(fd, CLONE_NEWUTS);
	return 0;
}

static int shell_at_terminal(void)
{
	char name[] = "sh", option[] = "-c", command[] = ":";
	char *argv[] = { name, option, command, NULL }, *envp[] = { NULL };
	int locked = 0, main_fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (main_fd < 0 || ioctl(main_fd, TIOCSPTLCK, &locked) < 0)
		return failed("open /dev/ptmx");
	int fd = ioctl(main_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || setsid() < 0 || ioctl(fd, TIOCSCTTY, 0) < 0 || dup2(fd, STDIN_FILENO) < 0)
		return failed("a terminal");
	now();
	execve("/bin/sh", argv, envp);
	return failed("execve /bin/sh");
}

static int use_memory(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* It, and nobody else, when the machine runs short first. */
	if (fd < 0 || write(fd, "1000", 4) != 4)
		return failed("oom_score_adj");
	now();
	for (size_t used = 0; used < MEMORY_MAX; used += MEMORY_STEP) {
		void *more = mmap(NULL, MEMORY_STEP, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (more == MAP_FAILED)
			return failed("mmap");
		memset(more, 1, MEMORY_STEP);
	}
	return EXIT_NO_LIMIT;
}

static const struct {
	const char *name;
	int (*run)(void);
} actions[] = {
	{ "exec-dropped", exec_dropped }, { "exec-memfd", exec_memfd },
	{ "read-shadow", read_shadow },	  { "write-program", write_program },
	{ "metadata", ask_metadata },	  { "setns", enter_namespace },
	{ "shell", shell_at_terminal },	  { "oom", use_memory },
};

/* --- the first process of the container --------------------------------------------------------
 */

static void stay(void)
{
	char block[512];
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	while (poll(&in, 1, STAY_MS) > 0 && read(STDIN_FILENO, block, sizeof(block)) > 0)
		;
}

static int in_child(int (*run)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(run());
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return failed("fork");
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_LIMIT) {
		printf(SAID "no-limit\n");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	char host[256] = "";

	if (argc != 2) /* what it ran itself as: that it was run was all */
		return 0;
	gethostname(host, sizeof(host) - 1);
	printf(SAID "on %s\n", host);
	fflush(stdout);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, argv[1]) != 0)
			continue;
		int r = in_child(actions[i].run);

		stay();
		return r;
	}
	fprintf(stderr, "bulkhead-probe: no action '%s'\n", argv[1]);
	return 2;
}
