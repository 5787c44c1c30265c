// SPDX-License-Identifier: GPL-2.0-or-later
/* alloc - makes a known load inside a container: one subcommand, one resource.
 *
 *   alloc hold MIB             touches MIB of memory, then waits
 *   alloc write FILE BYTES     writes BYTES past the page cache and syncs, then waits
 *   alloc read FILE            reads FILE past the page cache, then waits
 *   alloc forks N              N children that wait
 *   alloc spin                 burns a core
 *   alloc oom                  a child takes memory until it is killed; the parent waits
 *   alloc oomself              the same without a child: the container ends
 *   alloc send ADDRESS PORT BYTES, alloc recv PORT
 *
 * Each prints "ready" and what it did once the load stands, so that a test need not guess. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK (1u << 20)

static void die(const char *what)
{
	fprintf(stderr, "alloc: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(unsigned long long n)
{
	printf("ready %llu\n", n);
	fflush(stdout);
}

static void stay(void)
{
	for (;;)
		pause();
}

static void *chunk(void)
{
	void *p;

	if (posix_memalign(&p, 4096, CHUNK))
		die("memory");
	memset(p, 0x5a, CHUNK);
	return p;
}

static void take_memory(size_t bytes)
{
	volatile char *p = malloc(bytes);

	if (!p)
		die("malloc");
	for (size_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
}

static void take_all_memory(void)
{
	for (;;)
		take_memory(CHUNK);
}

static void write_file(const char *path, unsigned long long bytes)
{
	void *p = chunk();
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_DIRECT, 0600);
	unsigned long long done = 0;

	if (fd < 0)
		die(path);
	while (done < bytes) {
		ssize_t n = write(fd, p, CHUNK);

		if (n <= 0)
			die("write");
		done += (unsigned long long)n;
	}
	if (fsync(fd) || close(fd))
		die("fsync");
	ready(done);
	stay();
}

static void read_file(const char *path)
{
	void *p = chunk();
	int fd = open(path, O_RDONLY | O_DIRECT);
	unsigned long long done = 0;
	ssize_t n;

	if (fd < 0)
		die(path);
	while ((n = read(fd, p, CHUNK)) > 0)
		done += (unsigned long long)n;
	ready(done);
	stay();
}

static void forks(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			stay();
	}
	ready(n);
	stay();
}

static void oom(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (pid == 0)
		take_all_memory();
	if (waitpid(pid, &status, 0) < 0)
		die("wait");
	ready(WIFSIGNALED(status) ? (unsigned long long)WTERMSIG(status) : 0);
	stay();
}

static void send_bytes(const char *address, int port, unsigned long long bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	void *p = chunk();
	unsigned long long done = 0;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || fd < 0)
		die(address);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	while (done < bytes) {
		size_t want = bytes - done < CHUNK ? (size_t)(bytes - done) : CHUNK;
		ssize_t n = write(fd, p, want);

		if (n <= 0)
			die("send");
		done += (unsigned long long)n;
	}
	shutdown(fd, SHUT_WR);
	/* Wait until the other side has read all, so that no byte is on its way at "ready". */
	while (read(fd, p, CHUNK) > 0)
		;
	ready(done);
}

static void recv_bytes(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, peer;
	void *p = chunk();
	unsigned long long done = 0;
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1))
		die("listen");
	ready(0);
	peer = accept(fd, NULL, NULL);
	if (peer < 0)
		die("accept");
	while ((n = read(peer, p, CHUNK)) > 0)
		done += (unsigned long long)n;
	close(peer);
	ready(done);
}

static void spin(void)
{
	ready(0);
	for (volatile unsigned long long i = 0;; i++)
		;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 3 && !strcmp(what, "hold")) {
		unsigned long mib = strtoul(argv[2], NULL, 10);

		take_memory(mib << 20);
		ready(mib << 20);
		stay();
	} else if (argc == 4 && !strcmp(what, "write")) {
		write_file(argv[2], strtoull(argv[3], NULL, 10));
	} else if (argc == 3 && !strcmp(what, "read")) {
		read_file(argv[2]);
	} else if (argc == 3 && !strcmp(what, "forks")) {
		forks(strtoul(argv[2], NULL, 10));
	} else if (argc == 2 && !strcmp(what, "spin")) {
		spin();
	} else if (argc == 2 && !strcmp(what, "oom")) {
		oom();
	} else if (argc == 2 && !strcmp(what, "oomself")) {
		take_all_memory();
	} else if (argc == 5 && !strcmp(what, "send")) {
		send_bytes(argv[2], atoi(argv[3]), strtoull(argv[4], NULL, 10));
		stay();
	} else if (argc == 3 && !strcmp(what, "recv")) {
		recv_bytes(atoi(argv[2]));
	} else {
		fprintf(stderr, "usage: see the top of alloc.c\n");
		return 2;
	}
	return 0;
}
