// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "collector/base/auto.h"
#include "collector/base/parse.h"

#define BACKLOG 1024 /* clients beyond the connection limit wait here */

static bool parse_port(struct span s, in_port_t *out)
{
	uint32_t port;

	if (!parse_u32(s, &port) || port > 65535)
		return false;
	*out = htons((in_port_t)port);
	return true;
}

/* Copies a literal into text[INET6_ADDRSTRLEN] for inet_pton. */
static bool literal(const char *p, size_t n, char *text)
{
	if (n == 0 || n >= INET6_ADDRSTRLEN)
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	return true;
}

int listen_parse(const char *text, struct sockaddr_storage *out, socklen_t *out_n, struct err *e)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	char address[INET6_ADDRSTRLEN];
	in_port_t port;

	if (!colon || !parse_port(span_str(colon + 1), &port))
		return err_set(e, EINVAL, "listen address '%s' has no port", text);
	size_t n = (size_t)(colon - text);

	memset(out, 0, sizeof(*out));
	if (n > 2 && text[0] == '[' && text[n - 1] == ']' && literal(text + 1, n - 2, address) &&
	    inet_pton(AF_INET6, address, &in6.sin6_addr) == 1) {
		in6.sin6_port = port;
		memcpy(out, &in6, sizeof(in6));
		*out_n = sizeof(in6);
		return 0;
	}
	if (literal(text, n, address) && inet_pton(AF_INET, address, &in.sin_addr) == 1) {
		in.sin_port = port;
		memcpy(out, &in, sizeof(in));
		*out_n = sizeof(in);
		return 0;
	}
	return err_set(e, EINVAL, "listen address '%s' is not an IP address and a port", text);
}

int listen_open(const char *text, struct err *e)
{
	struct sockaddr_storage address;
	socklen_t n = 0;
	int on = 1, off = 0, r = listen_parse(text, &address, &n, e);

	if (r < 0)
		return r;
	AUTO_FD int fd =
		socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

	if (fd < 0)
		return err_errno(e, "cannot listen on %s", text);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.ss_family ==
	    AF_INET6) /* "[::]" takes IPv4 too, whatever the system's default */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (const struct sockaddr *)&address, n) < 0 || listen(fd, BACKLOG) < 0)
		return err_errno(e, "cannot listen on %s", text);
	return TAKE_FD(fd);
}

void listen_text(int fd, char *out, size_t cap)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t n = sizeof(address);
	char text[INET6_ADDRSTRLEN] = "?";
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	getsockname(fd, (struct sockaddr *)&address, &n);
	if (address.ss_family == AF_INET6) {
		memcpy(&in6, &address, sizeof(in6));
		inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text));
		snprintf(out, cap, "[%s]:%u", text, ntohs(in6.sin6_port));
		return;
	}
	memcpy(&in, &address, sizeof(in));
	inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
	snprintf(out, cap, "%s:%u", text, ntohs(in.sin_port));
}
