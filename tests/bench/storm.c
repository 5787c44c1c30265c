// SPDX-License-Identifier: GPL-2.0-or-later
/* storm - one process that makes many events: what the sensor costs is the difference in time.
 *
 *	storm open N PATH      N times open and close of one file
 *	storm mmap N           N times a page of memory and back
 *	storm code N PATH      N times a page of that file, which may be executed, and back
 *	storm spawn N PROGRAM  N times fork, exec, wait
 *	storm distinct N DIR   N opens of distinct files in DIR, which it makes first (at most
 *100,000) storm pingpong N       N requests of one byte over a loopback TCP connection
 *
 * Prints the seconds that it took. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void storm_open(long n, const char *path)
{
	for (long i = 0; i < n; i++) {
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			die(path);
		close(fd);
	}
}

static void storm_spawn(long n, const char *program)
{
	char *argv[] = { (char *)program, NULL };

	for (long i = 0; i < n; i++) {
		pid_t pid;
		int status;

		if (posix_spawn(&pid, program, NULL, NULL, argv, environ) != 0)
			die(program);
		if (waitpid(pid, &status, 0) < 0)
			die("waitpid");
	}
}

static void storm_mmap(long n, const char *path)
{
	int fd = path ? open(path, O_RDONLY) : -1;

	for (long i = 0; i < n; i++) {
		void *p = path ? mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0)
			       : mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap");
		munmap(p, 4096);
	}
}

#define FILES_MAX 100000

static void make_files(long n, const char *dir)
{
	char path[4096];

	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/f%06ld", dir, i);
		int fd = open(path, O_CREAT | O_WRONLY, 0600);

		if (fd < 0)
			die(path);
		close(fd);
	}
}

static void storm_distinct(long n, long files, const char *dir)
{
	char path[4096];

	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/f%06ld", dir, i % files);
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			die(path);
		close(fd);
	}
}

static void echo(int fd)
{
	char c;

	while (read(fd, &c, 1) == 1)
		if (write(fd, &c, 1) != 1)
			break;
	_exit(0);
}

static int connect_pair(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);

	if (l < 0 || bind(l, (struct sockaddr *)&a, n) < 0 || listen(l, 1) < 0 ||
	    getsockname(l, (struct sockaddr *)&a, &n) < 0)
		die("listen");
	if (fork() == 0) {
		int fd = accept(l, NULL, NULL);

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		echo(fd);
	}
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, n) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void storm_pingpong(long n, int fd)
{
	char c = 'x';

	for (long i = 0; i < n; i++)
		if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
			die("ping-pong");
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: storm open|mmap|code|spawn|distinct|pingpong N [PATH]\n");
		return 2;
	}
	long n = strtol(argv[2], NULL, 10), files = n < FILES_MAX ? n : FILES_MAX;
	const char *path = argc > 3 ? argv[3] : "/etc/hostname";
	int fd = -1;

	if (strcmp(argv[1], "distinct") == 0)
		make_files(files, path);
	if (strcmp(argv[1], "pingpong") == 0)
		fd = connect_pair();
	double start = now();

	if (strcmp(argv[1], "open") == 0)
		storm_open(n, path);
	else if (strcmp(argv[1], "mmap") == 0)
		storm_mmap(n, NULL);
	else if (strcmp(argv[1], "code") == 0)
		storm_mmap(n, path);
	else if (strcmp(argv[1], "spawn") == 0)
		storm_spawn(n, path);
	else if (strcmp(argv[1], "distinct") == 0)
		storm_distinct(n, files, path);
	else if (strcmp(argv[1], "pingpong") == 0)
		storm_pingpong(n, fd);
	else
		return 2;
	printf("%.6f\n", now() - start);
	return 0;
}
