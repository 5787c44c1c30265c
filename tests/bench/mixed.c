// SPDX-License-Identifier: GPL-2.0-or-later
/* mixed - one process that does a little of everything, for a recording that rules are measured on.
 *
 *	mixed ROUNDS DIR   in each round: opens of files of the system and of DIR for reading and
 *			   writing, names made, moved, linked and taken away, connections and
 *			   datagrams over loopback, and now and then a program that is started
 *
 * Names differ from round to round: equal events of one process are told once. Some calls fail, as
 * calls do. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EACH_SPAWN   20 /* one round of so many starts a program */
#define EACH_CONNECT 5

extern char **environ;

static const char *const known[] = {
	"/etc/passwd",	    "/etc/hostname",	  "/etc/hosts",
	"/etc/ld.so.cache", "/usr/bin/env",	  "/usr/lib/os-release",
	"/proc/self/stat",  "/proc/self/maps",	  "/sys/devices/system/cpu/online",
	"/dev/null",	    "/etc/nsswitch.conf", "/bin/true"
};

static void die(const char *what)
{
	fprintf(stderr, "mixed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	if (fd >= 0)
		close(fd);
}

static void files(const char *dir, long round)
{
	char a[4096], b[4096];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((round + (long)i) % 4 == 0)
			try_open(known[i], O_RDONLY);
	for (int i = 0; i < 6; i++) {
		snprintf(a, sizeof(a), "%s/data/%ld/file-%d.txt", dir, round % 500, i);
		try_open(a, O_RDONLY); /* most are not there */
	}
	for (int i = 0; i < 4; i++) {
		snprintf(a, sizeof(a), "%s/work-%ld-%d.log", dir, round, i);
		try_open(a, O_WRONLY | O_CREAT | (i % 2 ? O_APPEND : O_TRUNC));
	}
	snprintf(b, sizeof(b), "%s/done-%ld", dir, round);
	(void)!rename(a, b);
	(void)chmod(b, 0600);
	snprintf(a, sizeof(a), "%s/link-%ld", dir, round);
	(void)!symlink(b, a);
	try_open(a, O_RDONLY); /* what it says and where it leads differ */
	(void)unlink(a);
	(void)!link(b, a);
	(void)unlink(a);
	(void)unlink(b);
	for (int i = 0; i < 3; i++) {
		snprintf(a, sizeof(a), "%s/work-%ld-%d.log", dir, round, i);
		(void)unlink(a);
	}
	snprintf(a, sizeof(a), "%s/dir-%ld", dir, round);
	(void)mkdir(a, 0755);
	(void)rmdir(a);
}

static int listener(struct sockaddr_in *a)
{
	socklen_t n = sizeof(*a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	if (l < 0 || bind(l, (struct sockaddr *)a, n) < 0 || listen(l, 8) < 0 ||
	    getsockname(l, (struct sockaddr *)a, &n) < 0)
		die("listen");
	return l;
}

static void network(int l, const struct sockaddr_in *a, long round)
{
	struct sockaddr_in to = *a;
	char text[64];
	int c = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);

	if (c < 0 || u < 0 || connect(c, (const struct sockaddr *)a, sizeof(*a)) < 0)
		die("connect");
	int s = accept(l, NULL, NULL);
	int n = snprintf(text, sizeof(text), "GET /%ld HTTP/1.1\r\n\r\n", round);

	(void)!write(c, text, (size_t)n);
	to.sin_port = htons((unsigned short)(20000 + round % 20000));
	(void)sendto(u, text, (size_t)n, 0, (struct sockaddr *)&to, sizeof(to));
	(void)connect(u, (struct sockaddr *)&to, sizeof(to));
	close(s);
	close(c);
	close(u);
}

static void program(long round)
{
	char number[24];
	char *plain[] = { "true", number, NULL };
	char *shell[] = { "sh", "-c", "exit 0", number, NULL };
	const int by_shell = round % (EACH_SPAWN * 4) == 0;
	pid_t pid;

	snprintf(number, sizeof(number), "%ld", round);
	if (posix_spawn(&pid, by_shell ? "/bin/sh" : "/bin/true", NULL, NULL,
			by_shell ? shell : plain, environ) == 0)
		waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct sockaddr_in a;

	if (argc != 3) {
		fprintf(stderr, "usage: mixed ROUNDS DIR\n");
		return 2;
	}
	const int l = listener(&a);

	for (long round = 0; round < strtol(argv[1], NULL, 10); round++) {
		files(argv[2], round);
		if (round % EACH_CONNECT == 0)
			network(l, &a, round);
		if (round % EACH_SPAWN == 0)
			program(round);
		if (round % 8 == 0) /* whoever records shall keep up */
			nanosleep(&pause, NULL);
	}
	return 0;
}
