// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: what a client sends to the HTTP server: a request target, then each after a NUL the Host,
 * Authorization, Cookie, Accept-Encoding and Accept headers. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char allowed[2][128] = { "localhost", "node.example" };

static void check_target(struct span raw)
{
	static const char *const names[] = { "metric", "from", "to" };
	char path[256], value[64];
	struct span query;
	struct err e = { "" };

	if (request_target(raw, path, sizeof(path), &query, &e) < 0)
		return;
	if (path[0] != '/' || !memchr(path, 0, sizeof(path)) || strstr(path, "/../"))
		abort();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (request_parameter(query, names[i], value, sizeof(value), &e) == 1 &&
		    !memchr(value, 0, sizeof(value)))
			abort();
	request_known_parameters(query, names, sizeof(names) / sizeof(names[0]), &e);
}

static void check_host(const char *host)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	request_host_allowed(span_str(host), allowed, 2, (const struct sockaddr *)&v4);
	request_host_allowed(span_str(host), allowed, 2, (const struct sockaddr *)&v6);
}

/* Cuts the next NUL-terminated piece off; NULL when there is none. */
static const char *next(const char **at, const char *end)
{
	const char *piece = *at;

	if (piece >= end)
		return NULL;
	*at = piece + strlen(piece) + 1;
	return piece;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	const char *at = copy, *end = copy + size;

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	const char *target = next(&at, end), *host = next(&at, end);
	const char *authorization = next(&at, end), *cookie = next(&at, end);
	const char *encoding = next(&at, end), *accept = next(&at, end);

	check_target(span_str(target));
	check_host(host);
	struct span token = request_token(authorization, cookie);

	if (token.n && !request_token_valid(token))
		abort();
	request_accepts_gzip(encoding);
	request_accepts_openmetrics(accept);
	free(copy);
	return 0;
}
