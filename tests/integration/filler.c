// SPDX-License-Identifier: GPL-2.0-or-later
/* filler - fills one table of the kernel that containers share, says "ready N", and keeps it so.
 *
 *   filler disk FOLDER PERCENT     a file, until the file system is so full
 *   filler inodes FOLDER PERCENT   empty files, until so many of its inodes are used
 *   filler pids N                  processes that sleep
 *   filler files N                 descriptors of /dev/null
 *   filler signals N               real-time signals that it does not take
 *   filler timers N                timers, each of which keeps a signal
 *   filler inotify N               instances
 *   filler inherited N             one instance that N processes inherit
 *   filler watches FOLDER N        watches of one instance
 *   filler ptys N                  pseudo terminals
 *   filler connections N           datagrams to 127.0.0.1 from as many ports
 *
 * SIGUSR1: gives disk space and inodes back. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (1u << 20)

static volatile sig_atomic_t give_back;

static void on_usr1(int unused)
{
	(void)unused;
	give_back = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "filler: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(long n)
{
	printf("ready %ld\n", n);
	fflush(stdout);
}

static void wait_for_usr1(void)
{
	struct timespec step = { .tv_nsec = 50 * 1000 * 1000 };

	while (!give_back)
		nanosleep(&step, NULL);
}

static int space_used(const char *folder)
{
	struct statvfs v;

	if (statvfs(folder, &v))
		die(folder);
	const double used = (double)(v.f_blocks - v.f_bfree);

	return (int)(100 * used / (used + (double)v.f_bavail));
}

static int inodes_used(const char *folder)
{
	struct statvfs v;

	if (statvfs(folder, &v))
		die(folder);
	return (int)(100 * (double)(v.f_files - v.f_ffree) / (double)v.f_files);
}

static long disk(const char *folder, int percent)
{
	char path[256];
	static char block[BLOCK];
	long n = 0;

	snprintf(path, sizeof(path), "%s/filler", folder);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		die(path);
	memset(block, 0x5a, sizeof(block));
	while (space_used(folder) < percent) {
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
			break;
		if (fsync(fd))
			die("fsync");
		n++;
	}
	ready(n);
	wait_for_usr1();
	unlink(path);
	close(fd);
	return n;
}

static long inodes(const char *folder, int percent)
{
	char path[256];
	long n;

	for (n = 0; inodes_used(folder) < percent; n++) {
		snprintf(path, sizeof(path), "%s/f%ld", folder, n);
		const int fd = open(path, O_WRONLY | O_CREAT, 0644);

		if (fd < 0)
			break;
		close(fd);
	}
	ready(n);
	wait_for_usr1();
	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/f%ld", folder, i);
		unlink(path);
	}
	return n;
}

static void children(long n)
{
	for (long i = 0; i < n; i++) {
		const pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

/* As many as a process may have, then one more process. */
static void descriptors(long n)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &most))
		die("getrlimit");
	most.rlim_cur = most.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &most))
		die("setrlimit");
	const long room = (long)most.rlim_max - 64, mine = n < room ? n : room;

	if (n > mine) {
		int done[2];
		char byte;
		pid_t pid = -1;

		if (pipe(done) || (pid = fork()) < 0)
			die("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			descriptors(n - mine);
			if (write(done[1], "x", 1) != 1)
				die("write");
			for (;;)
				pause();
		}
		if (read(done[0], &byte, 1) != 1)
			die("read");
	}
	for (long i = 0; i < mine; i++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			die("open");
}

static void signals(long n)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (long i = 0; i < n; i++)
		if (sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 1 }))
			die("sigqueue");
}

static void timers(long n)
{
	struct sigevent on_end = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	timer_t t;

	for (long i = 0; i < n; i++)
		if (timer_create(CLOCK_MONOTONIC, &on_end, &t))
			die("timer_create");
}

static void watches(const char *folder, long n)
{
	const int fd = inotify_init1(IN_CLOEXEC);
	char path[256];

	if (fd < 0)
		die("inotify");
	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/w%ld", folder, i);
		if (mkdir(path, 0755) && errno != EEXIST)
			die(path);
		if (inotify_add_watch(fd, path, IN_CREATE) < 0)
			die("watch");
	}
}

static void connections(long n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(to);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = 0;
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    getsockname(fd, (struct sockaddr *)&to, &len))
		die("bind");
	for (long i = 0; i < n; i++) {
		const int from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		if (from < 0 || sendto(from, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			die("sendto");
		if (i % 512 != 0)
			close(from);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "", *folder = argv[2];
	const long n = argc > 2 ? atol(argv[argc - 1]) : 0;

	signal(SIGUSR1, on_usr1);
	if (!strcmp(what, "disk"))
		disk(folder, (int)n);
	else if (!strcmp(what, "inodes"))
		inodes(folder, (int)n);
	else if (!strcmp(what, "pids"))
		children(n);
	else if (!strcmp(what, "files"))
		descriptors(n);
	else if (!strcmp(what, "signals"))
		signals(n);
	else if (!strcmp(what, "timers"))
		timers(n);
	else if (!strcmp(what, "inotify"))
		for (long i = 0; i < n; i++) {
			if (inotify_init1(IN_CLOEXEC) < 0)
				die("inotify");
		}
	else if (!strcmp(what, "inherited")) {
		if (inotify_init() < 0)
			die("inotify");
		children(n);
	} else if (!strcmp(what, "watches"))
		watches(folder, n);
	else if (!strcmp(what, "ptys"))
		for (long i = 0; i < n; i++) {
			if (posix_openpt(O_RDWR | O_NOCTTY) < 0)
				die("pty");
		}
	else if (!strcmp(what, "connections"))
		connections(n);
	else
		return 2;
	if (strcmp(what, "disk") && strcmp(what, "inodes"))
		ready(n);
	for (;;)
		pause();
}
