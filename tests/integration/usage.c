// SPDX-License-Identifier: GPL-2.0-or-later
/* usage - needs much of one resource and little of all others, for so long, then ends.
 *
 *   usage KIND MILLISECONDS [FILE | ADDRESS]
 *
 *   cpu, memory (200 MiB), pids (60), threads (100), fds (250)
 *   write_bytes, writes, read_bytes, reads     of FILE (16 MiB of it), past the page cache
 *   send_bytes, send_packets                   to ADDRESS, port 9, in datagrams
 *   receive                                    takes what comes to port 9 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB	  (1u << 20)
#define FILE_MIB  16
#define PORT	  9
#define PROCESSES 60
#define THREADS	  100
#define FDS	  250

static long long end_ms;

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void die(const char *what)
{
	fprintf(stderr, "usage: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* True while there is time left; waits a pace. */
static int goes_on(int pace_ms)
{
	long long left = end_ms - now_ms();

	if (left > 0 && pace_ms > 0)
		poll(NULL, 0, left < pace_ms ? (int)left : pace_ms);
	return left > 0;
}

static void *spin_one(void *unused)
{
	while (goes_on(0))
		for (volatile int i = 0; i < 1000000; i++)
			;
	return unused;
}

/* On all processors: a busy machine gives little of one. */
static void spin(void)
{
	pthread_t t;

	for (long i = sysconf(_SC_NPROCESSORS_ONLN); i > 1; i--)
		if (pthread_create(&t, NULL, spin_one, NULL))
			die("thread");
	spin_one(NULL);
}

static void memory(void)
{
	volatile char *p = malloc(200 * MIB);

	if (!p)
		die("malloc");
	for (size_t i = 0; i < 200 * MIB; i += 4096)
		p[i] = 1;
	while (goes_on(100))
		;
}

static void pids(void)
{
	pid_t children[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] < 0)
			die("fork");
		if (children[i] == 0) {
			close_range(0, ~0U, 0); /* processes, not descriptors */
			for (;;)
				pause();
		}
	}
	while (goes_on(100))
		;
	for (int i = 0; i < PROCESSES; i++)
		kill(children[i], SIGKILL);
	while (wait(NULL) > 0)
		;
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void threads(void)
{
	pthread_attr_t small;
	pthread_t t;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t, &small, wait_for_ever, NULL))
			die("thread");
	while (goes_on(100))
		;
	_exit(0);
}

static void descriptors(void)
{
	for (int i = 0; i < FDS; i++)
		if (dup(0) < 0)
			die("dup");
	while (goes_on(100))
		;
}

/* Blocks of so many bytes, so many at a time, with a rest of 10 ms. */
static void transfer(const char *path, int writes, size_t bytes, int many)
{
	int fd = open(path, (writes ? O_WRONLY : O_RDONLY) | O_DIRECT);
	off_t at = 0;
	void *p;

	if (fd < 0 || posix_memalign(&p, 4096, MIB))
		die(path);
	memset(p, 0x5a, MIB);
	while (goes_on(10))
		for (int i = 0; i < many; i++) {
			ssize_t n = writes ? pwrite(fd, p, bytes, at) : pread(fd, p, bytes, at);

			if (n != (ssize_t)bytes)
				die("transfer");
			at = (at + n) % (FILE_MIB * MIB);
		}
}

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
		die(text);
	return a;
}

static void send_to(const char *to, size_t bytes, int many)
{
	struct sockaddr_in a = address(to);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	static char data[1400];

	if (fd < 0)
		die("socket");
	while (goes_on(10))
		for (int i = 0; i < many; i++) /* refused, or no room: the next one */
			if (sendto(fd, data, bytes, 0, (struct sockaddr *)&a, sizeof(a)) < 0)
				continue;
}

static void receive(void)
{
	struct sockaddr_in a = address("0.0.0.0");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char data[2048];

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("bind");
	while (goes_on(0))
		if (poll(&p, 1, 10) > 0 && recv(fd, data, sizeof(data), 0) < 0)
			die("recv");
}

int main(int argc, char **argv)
{
	const char *what = argc >= 3 ? argv[1] : "", *on = argc >= 4 ? argv[3] : "";

	end_ms = now_ms() + (argc >= 3 ? atoi(argv[2]) : 0);
	if (!strcmp(what, "cpu"))
		spin();
	else if (!strcmp(what, "memory"))
		memory();
	else if (!strcmp(what, "pids"))
		pids();
	else if (!strcmp(what, "threads"))
		threads();
	else if (!strcmp(what, "fds"))
		descriptors();
	else if (!strcmp(what, "write_bytes"))
		transfer(on, 1, 256u << 10, 1);
	else if (!strcmp(what, "writes"))
		transfer(on, 1, 512, 6);
	else if (!strcmp(what, "read_bytes"))
		transfer(on, 0, 256u << 10, 1);
	else if (!strcmp(what, "reads"))
		transfer(on, 0, 512, 6);
	else if (!strcmp(what, "send_bytes"))
		send_to(on, 1400, 40);
	else if (!strcmp(what, "send_packets"))
		send_to(on, 64, 20);
	else if (!strcmp(what, "receive"))
		receive();
	else
		return 2;
	return 0;
}
