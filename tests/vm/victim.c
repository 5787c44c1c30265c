// SPDX-License-Identifier: GPL-2.0-or-later
/* victim - what a container does that is held to what its image is allowed, and what it met:
 *
 *	victim touch FILE                 makes a file, at once
 *	victim run PROGRAM [ARGUMENT]...  executes it in a child: its exit code, 128 and the signal
 *	                                  that ended it, or -errno of execve
 *	victim storm COUNT PROGRAM [ARGUMENT]...   the same so many times: how many were killed, how
 *	                                  many refused, how many ended with 0
 *	victim memory PROGRAM FILE        runs a copy of PROGRAM that is in memory alone, as touch
 *	victim orphan PROGRAM [ARGUMENT]...   executes it in a grandchild that lost its parent
 *	victim thread PROGRAM [ARGUMENT]...   executes it by a second thread of a child
 *	victim connect PROTOCOL ADDRESS PORT   by connect(2): 0 or -errno
 *	victim send ADDRESS PORT          a datagram by sendto(2)
 *	victim fastopen ADDRESS PORT      TCP with data in its first packet
 *	victim STEP FILE [FILE2]          one call: write, append, truncate, create, tmpfile, mkdir,
 *	                                  mknod, rename, link, symlink, unlink, rmdir, unix
 *
 * Prints one line for each. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return fd < 0;
}

static int fate(int status, const int *refused)
{
	if (*refused)
		return -*refused;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The child tells by shared memory why execve gave up. */
static int *shared(void)
{
	static int *p;

	if (!p)
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*p = 0;
	return p;
}

static int run(char **argv)
{
	int *refused = shared(), status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		*refused = errno;
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return fate(status, refused);
}

static void storm(int count, char **argv)
{
	int killed = 0, refused = 0, ran = 0;

	for (int i = 0; i < count; i++) {
		int r = run(argv);

		killed += r == 128 + SIGKILL;
		refused += r == -EPERM;
		ran += r == 0;
	}
	printf("%d %d %d\n", killed, refused, ran);
}

static int memory(const char *program, const char *file)
{
	char *argv[] = { (char *)"victim", (char *)"touch", (char *)file, NULL };
	int from = open(program, O_RDONLY | O_CLOEXEC), to = memfd_create("x", MFD_CLOEXEC);
	static char bytes[1 << 16];
	int *refused = shared(), status;
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)n) != n)
			return -errno;
	pid_t pid = fork();

	if (pid == 0) {
		fexecve(to, argv, environ);
		*refused = errno;
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return fate(status, refused);
}

/* Waits for the grandchild by the end of a pipe, which tells how it ended as well. */
static int orphan(char **argv)
{
	int ends[2], *refused = shared(), status = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	if (pipe(ends) < 0)
		return -errno;
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() > 0)
			_exit(0);
		pid_t before = getppid();

		for (int i = 0; i < 1000 && getppid() == before && before != 1; i++)
			poll(NULL, 0, 5);
		close(ends[0]);
		execv(argv[0], argv);
		*refused = errno;
		_exit(99);
	}
	close(ends[1]);
	waitpid(pid, &status, 0);
	char byte;

	while (read(ends[0], &byte, 1) > 0)
		;
	return -*refused;
}

static void *by_thread(void *argv)
{
	execv(((char **)argv)[0], argv);
	*shared() = errno;
	_exit(99);
}

static int thread(char **argv)
{
	int *refused = shared(), status;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		pthread_create(&t, NULL, by_thread, argv);
		pthread_join(t, NULL);
	}
	waitpid(pid, &status, 0);
	return fate(status, refused);
}

static socklen_t address(struct sockaddr_storage *s, const char *text, const char *port)
{
	struct sockaddr_in *four = (void *)s;
	struct sockaddr_in6 *six = (void *)s;

	memset(s, 0, sizeof(*s));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)strtoul(port, NULL, 10));
		return sizeof(*four);
	}
	inet_pton(AF_INET6, text, &six->sin6_addr);
	six->sin6_family = AF_INET6;
	six->sin6_port = htons((uint16_t)strtoul(port, NULL, 10));
	return sizeof(*six);
}

static int connect_to(const char *protocol, const char *to, const char *port)
{
	struct sockaddr_storage s;
	socklen_t n = address(&s, to, port);
	int type = strcmp(protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(s.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return connect(fd, (void *)&s, n) < 0 && errno != EINPROGRESS ? -errno : 0;
}

static int send_to(int type, int flags, const char *to, const char *port)
{
	struct sockaddr_storage s;
	socklen_t n = address(&s, to, port);
	int fd = socket(s.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (sendto(fd, "x", 1, flags, (void *)&s, n) < 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

static int unix_socket(const char *path)
{
	struct sockaddr_un s = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(s.sun_path, sizeof(s.sun_path), "%s", path);
	return bind(fd, (void *)&s, sizeof(s)) < 0 ? -errno : 0;
}

static int step(const char *name, const char *a, const char *b)
{
	int r = -1;

	errno = ENOSYS;
	if (strcmp(name, "write") == 0)
		r = open(a, O_WRONLY | O_CLOEXEC);
	if (strcmp(name, "append") == 0)
		r = open(a, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (strcmp(name, "read") == 0)
		r = open(a, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	if (strcmp(name, "cut") == 0)
		r = open(a, O_RDONLY | O_TRUNC | O_CLOEXEC);
	if (strcmp(name, "truncate") == 0)
		r = truncate(a, 0);
	if (strcmp(name, "create") == 0)
		r = open(a, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (strcmp(name, "tmpfile") == 0)
		r = open(a, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644);
	if (strcmp(name, "mkdir") == 0)
		r = mkdir(a, 0755);
	if (strcmp(name, "mknod") == 0)
		r = mknod(a, S_IFREG | 0644, 0);
	if (strcmp(name, "fifo") == 0)
		r = mknod(a, S_IFIFO | 0644, 0);
	if (strcmp(name, "rename") == 0)
		r = rename(a, b);
	if (strcmp(name, "link") == 0)
		r = link(a, b);
	if (strcmp(name, "symlink") == 0)
		r = symlink(a, b);
	if (strcmp(name, "unlink") == 0)
		r = unlink(a);
	if (strcmp(name, "rmdir") == 0)
		r = rmdir(a);
	if (strcmp(name, "unix") == 0)
		return unix_socket(a);
	return r < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "touch") == 0)
		return touch(argv[2]);
	if (argc > 3 && strcmp(argv[1], "storm") == 0) {
		storm((int)strtoul(argv[2], NULL, 10), argv + 3);
		return 0;
	}
	if (argc < 3)
		return 2;
	int r = strcmp(argv[1], "run") == 0	 ? run(argv + 2)
		: strcmp(argv[1], "orphan") == 0 ? orphan(argv + 2)
		: strcmp(argv[1], "thread") == 0 ? thread(argv + 2)
		: argc < 4			 ? step(argv[1], argv[2], NULL)
		: strcmp(argv[1], "memory") == 0 ? memory(argv[2], argv[3])
		: strcmp(argv[1], "send") == 0	 ? send_to(SOCK_DGRAM, 0, argv[2], argv[3])
		: strcmp(argv[1], "fastopen") == 0
			? send_to(SOCK_STREAM, MSG_FASTOPEN, argv[2], argv[3])
		: strcmp(argv[1], "connect") == 0 && argc == 5
			? connect_to(argv[2], argv[3], argv[4])
			: step(argv[1], argv[2], argv[3]);

	printf("%d\n", r);
	return 0;
}
