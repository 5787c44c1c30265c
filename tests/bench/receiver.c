// SPDX-License-Identifier: GPL-2.0-or-later
/* receiver - an HTTP server on loopback that notes when the first byte of each request came.
 *
 *	receiver MARK   prints its port; then for each request whose body holds MARK and a number
 *			behind it, that number and the time of day in nanoseconds
 *
 * Answers 200 to all. One thread, until its standard input ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_PEERS 16
#define MAX_BYTES (1 << 20) /* of one request */

struct peer {
	int fd;
	uint64_t first_ns; /* of the request that is under way */
	size_t n;
	char bytes[MAX_BYTES + 1];
};

static struct peer peers[MAX_PEERS];
static struct pollfd fds[MAX_PEERS + 2];

static void die(const char *what)
{
	fprintf(stderr, "receiver: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int listen_on_loopback(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	if (l < 0 || bind(l, (struct sockaddr *)&a, n) < 0 || listen(l, MAX_PEERS) < 0 ||
	    getsockname(l, (struct sockaddr *)&a, &n) < 0)
		die("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return l;
}

static void take_peer(int l)
{
	int fd = accept(l, NULL, NULL), one = 1;

	for (int i = 0; fd >= 0 && i < MAX_PEERS; i++) {
		if (peers[i].fd >= 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		peers[i].fd = fd;
		peers[i].n = 0;
		return;
	}
	if (fd >= 0)
		close(fd);
}

/* Bytes of the whole request that has come; 0: not all of it yet. */
static size_t request_bytes(const struct peer *p)
{
	const char *end = strstr(p->bytes, "\r\n\r\n");
	const char *length = end ? strcasestr(p->bytes, "\r\nContent-Length:") : NULL;
	size_t all;

	if (!end || !length || length > end)
		return 0;
	all = (size_t)(end + 4 - p->bytes) + strtoul(length + 17, NULL, 10);
	return all <= p->n ? all : 0;
}

static bool answer(struct peer *p, const char *mark)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	const size_t n = request_bytes(p);

	if (n == 0)
		return p->n < MAX_BYTES;
	const char *at = memmem(p->bytes, n, mark, strlen(mark));

	if (at)
		printf("%lu %llu\n", strtoul(at + strlen(mark), NULL, 10),
		       (unsigned long long)p->first_ns);
	fflush(stdout);
	memmove(p->bytes, p->bytes + n, p->n - n + 1);
	p->n -= n;
	return write(p->fd, ok, sizeof(ok) - 1) == (ssize_t)sizeof(ok) - 1;
}

static bool read_peer(struct peer *p, const char *mark)
{
	const uint64_t at = now();
	ssize_t n = read(p->fd, p->bytes + p->n, MAX_BYTES - p->n);

	if (n <= 0)
		return false;
	if (p->n == 0)
		p->first_ns = at;
	p->n += (size_t)n;
	p->bytes[p->n] = '\0';
	return answer(p, mark);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: receiver MARK\n");
		return 2;
	}
	for (int i = 0; i < MAX_PEERS; i++)
		peers[i].fd = -1;
	fds[MAX_PEERS] = (struct pollfd){ .fd = listen_on_loopback(), .events = POLLIN };
	fds[MAX_PEERS + 1] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	for (;;) {
		for (int i = 0; i < MAX_PEERS; i++)
			fds[i] = (struct pollfd){ .fd = peers[i].fd, .events = POLLIN };
		if (poll(fds, MAX_PEERS + 2, -1) < 0)
			die("poll");
		for (int i = 0; i < MAX_PEERS; i++) {
			if (!fds[i].revents || read_peer(&peers[i], argv[1]))
				continue;
			close(peers[i].fd);
			peers[i].fd = -1;
		}
		if (fds[MAX_PEERS].revents)
			take_peer(fds[MAX_PEERS].fd);
		if (fds[MAX_PEERS + 1].revents)
			return 0;
	}
}
