// SPDX-License-Identifier: GPL-2.0-or-later
/* miner - behaves as a miner does, and makes nothing.
 *
 *   miner speak DIALECT ADDRESS PORT [BYTES [PROXY NAME]]
 *         says what a miner of the dialect says first (bitcoin, ethereum, monero, escaped, work,
 *         json: no miner's), BYTES a write (0: all at once), behind PROXY (connect, socks5; "-":
 *         none) to NAME, then waits
 *   miner hello NAME ADDRESS PORT     a TLS ClientHello for NAME, then waits
 *   miner ask NAME ADDRESS            asks DNS, waits for the answer
 *   miner burn THREADS ADDRESS PORT   busy threads and a TLS-like connection with small messages
 *   miner compute THREADS             busy threads alone
 *   miner dataset                     memory of RandomX's size, never touched
 *
 * Prints "ready N" when it has begun. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define WALLET                                                                                     \
	"44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RV" \
	"GQBEP3A"

static void die(const char *what)
{
	fprintf(stderr, "miner: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(void)
{
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
}

static int connected(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die("address");
	if (setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one)) < 0)
		die("socket");
	for (int i = 0; connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0; i++) {
		if (i == 100)
			die("connect");
		usleep(100000); /* its cable comes later than it */
		close(fd);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(fd, IPPROTO_TCP, 1, &one, sizeof(one));
	}
	return fd;
}

static void say(int fd, const char *bytes, size_t n, size_t part)
{
	for (size_t at = 0; at < n;) {
		size_t some = part && part < n - at ? part : n - at;

		if (write(fd, bytes + at, some) != (ssize_t)some)
			die("write");
		at += some;
		if (part)
			usleep(20000);
	}
}

static void hear(int fd)
{
	char b[4096];

	if (read(fd, b, sizeof(b)) <= 0)
		die("read");
}

static void behind_proxy(int fd, const char *proxy, const char *name)
{
	char b[300];

	if (strcmp(proxy, "connect") == 0) {
		snprintf(b, sizeof(b), "CONNECT %s:3333 HTTP/1.1\r\nHost: %s:3333\r\n\r\n", name,
			 name);
		say(fd, b, strlen(b), 0);
		hear(fd);
	} else if (strcmp(proxy, "socks5") == 0) {
		const size_t n = strlen(name);

		say(fd, "\5\1\0", 3, 0);
		hear(fd);
		memcpy(b, "\5\1\0\3", 4);
		b[4] = (char)n;
		memcpy(b + 5, name, n);
		memcpy(b + 5 + n, "\x0d\x05", 2);
		say(fd, b, n + 7, 0);
		hear(fd);
	}
}

static const struct {
	const char *name, *text;
} dialects[] = {
	{ "bitcoin",
	  "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"quiet/1.0\"]}\n"
	  "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"bc1qworker\",\"x\"]}\n" },
	{ "ethereum",
	  "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"eth_submitLogin\",\"params\":"
	  "[\"0x52908400098527886E0F7030069857D2E4169EE7\",\"x\"],\"worker\":\"w\"}\n" },
	{ "monero",
	  "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"" WALLET
	  "\",\"pass\":\"x\",\"agent\":\"quiet/1\",\"algo\":[\"rx/0\",\"cn/r\"]}}\n" },
	{ "escaped", "{\"id\":1,\"jsonrpc\":\"2.0\",\"m\\u0065thod\":\"l\\u006fgin\",\"params\":{"
		     "\"login\":\"x\",\"pass\":\"x\",\"agent\":\"y\"}}\n" },
	{ "work", "{\"id\":1,\"method\":\"getblocktemplate\",\"params\":[]}\n" },
	{ "json", "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":"
		  "{\"username\":\"joe\",\"password\":\"x\"}}\n" },
};

static void speak(int argc, char **argv)
{
	const size_t part = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;

	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		if (strcmp(dialects[i].name, argv[2]) != 0)
			continue;
		int fd = connected(argv[3], argv[4]);

		if (argc > 7)
			behind_proxy(fd, argv[6], argv[7]);
		say(fd, dialects[i].text, strlen(dialects[i].text), part);
		ready();
		for (;;) {
			hear(fd);
		}
	}
	die("dialect");
}

static size_t hello(const char *name, uint8_t *out)
{
	const size_t n = strlen(name), extension = n ? 9 + n : 0,
		     body = 2 + 32 + 1 + 4 + 2 + 2 + extension;
	uint8_t *p = out;

	*p++ = 22, *p++ = 3, *p++ = 1;
	*p++ = (uint8_t)((body + 4) >> 8), *p++ = (uint8_t)(body + 4);
	*p++ = 1, *p++ = 0, *p++ = (uint8_t)(body >> 8), *p++ = (uint8_t)body;
	*p++ = 3, *p++ = 3;
	memset(p, 0x42, 32);
	p += 32;
	memcpy(p, "\0\0\2\x13\x01\1\0", 7);
	p += 7;
	*p++ = (uint8_t)(extension >> 8), *p++ = (uint8_t)extension;
	if (n) {
		*p++ = 0, *p++ = 0, *p++ = 0, *p++ = (uint8_t)(n + 5);
		*p++ = 0, *p++ = (uint8_t)(n + 3), *p++ = 0, *p++ = 0, *p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
	}
	return (size_t)(p - out);
}

static void ask(const char *name, const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	uint8_t b[512] = { 0x12, 0x34, 1, 0, 0, 1 }, *p = b + 12;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, address, &to.sin_addr);
	while (*name) {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	memcpy(p, "\0\0\1\0\1", 5);
	p += 5;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    write(fd, b, (size_t)(p - b)) < 0)
		die("ask");
	hear(fd);
	ready();
}

static void *compute(void *unused)
{
	volatile uint64_t sink;
	uint64_t x = 88172645463325252ULL;

	(void)unused;
	for (;;) {
		for (int i = 0; i < 1000000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		sink = x;
		(void)sink;
	}
	return NULL;
}

static void burn(unsigned threads)
{
	for (unsigned i = 0; i < threads; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, compute, NULL))
			die("thread");
	}
}

int main(int argc, char **argv)
{
	uint8_t b[600] = { 0 };

	if (argc > 4 && strcmp(argv[1], "speak") == 0) {
		speak(argc, argv);
	} else if (argc > 4 && strcmp(argv[1], "hello") == 0) {
		int fd = connected(argv[3], argv[4]);

		say(fd, (char *)b, hello(argv[2], b), 0);
		ready();
	} else if (argc > 3 && strcmp(argv[1], "ask") == 0) {
		ask(argv[2], argv[3]);
		return 0;
	} else if (argc > 4 && strcmp(argv[1], "burn") == 0) {
		int fd = connected(argv[3], argv[4]);

		say(fd, (char *)b, hello("", b), 0);
		burn((unsigned)strtoul(argv[2], NULL, 10));
		ready();
		for (;;) { /* a result for some jobs */
			hear(fd);
			memcpy(b, "\x17\3\3\0\xbe", 5);
			say(fd, (char *)b, 195, 0);
		}
	} else if (argc > 2 && strcmp(argv[1], "compute") == 0) {
		burn((unsigned)strtoul(argv[2], NULL, 10));
		ready();
	} else if (argc > 1 && strcmp(argv[1], "dataset") == 0) {
		if (mmap(NULL, 2080ULL << 20, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
			die("mmap");
		ready();
	}
	for (;;)
		pause();
}
