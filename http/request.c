// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

/* The byte of "%XX" at the start of s, or -1. */
static int escaped_byte(struct span s)
{
	if (s.n < 3)
		return -1;
	int high = parse_hex_digit(s.p[1]), low = parse_hex_digit(s.p[2]);

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Decodes %XX (and '+' in queries), adds a NUL; the length or -EINVAL. */
static ssize_t decode(struct span in, char *out, size_t cap, bool query)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int c = (unsigned char)in.p[i];

		if (c == '%') {
			c = escaped_byte((struct span){ in.p + i, in.n - i });
			i += 2;
			if (c == '/' && !query)
				return -EINVAL;
		} else if (c == '+' && query) {
			c = ' ';
		}
		if (c < ' ' || c == 0x7f || n + 1 >= cap)
			return -EINVAL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return (ssize_t)n;
}

int request_target(struct span raw, char *path, size_t cap, struct span *query, struct err *e)
{
	const char *mark = raw.n ? memchr(raw.p, '?', raw.n) : NULL;
	struct span before = { raw.p, mark ? (size_t)(mark - raw.p) : raw.n };
	struct span after = { "", 0 }, rest, segment;

	if (before.n == 0 || before.p[0] != '/')
		return err_set(e, EINVAL, "the request target is not a path");
	if (mark)
		after = (struct span){ mark + 1, raw.n - before.n - 1 };
	for (size_t i = 0; i < after.n; i++)
		if ((unsigned char)after.p[i] <= ' ' || after.p[i] == 0x7f)
			return err_set(e, EINVAL, "the query holds a control character");
	ssize_t n = decode(before, path, cap, false);

	if (n < 0)
		return err_set(e, EINVAL, "the path holds a bad escape or a control character");
	rest = (struct span){ path + 1, (size_t)n - 1 };
	while (span_next(&rest, '/', &segment))
		if (span_eq(segment, ".") || span_eq(segment, ".."))
			return err_set(e, EINVAL, "the path holds a '.' or '..' segment");
	*query = after;
	return 0;
}

/* Cuts "name=value" at the first '='. */
static struct span parameter_value(struct span piece, struct span *name)
{
	const char *equals = piece.n ? memchr(piece.p, '=', piece.n) : NULL;

	if (!equals) {
		*name = piece;
		return (struct span){ "", 0 };
	}
	*name = (struct span){ piece.p, (size_t)(equals - piece.p) };
	return (struct span){ equals + 1, piece.n - name->n - 1 };
}

int request_parameter(struct span query, const char *name, char *out, size_t cap, struct err *e)
{
	struct span rest = query, piece, key;
	int found = 0;

	out[0] = '\0';
	while (span_next(&rest, '&', &piece)) {
		struct span value = parameter_value(piece, &key);

		if (!span_eq(key, name))
			continue;
		if (found)
			return err_set(e, EINVAL, "parameter '%s' is given twice", name);
		if (decode(value, out, cap, true) < 0)
			return err_set(e, EINVAL, "parameter '%s' is malformed or too long", name);
		found = 1;
	}
	return found;
}

int request_known_parameters(struct span query, const char *const *names, size_t n, struct err *e)
{
	struct span rest = query, piece, key;

	while (span_next(&rest, '&', &piece)) {
		bool known = piece.n == 0;

		(void)parameter_value(piece, &key);
		for (size_t i = 0; i < n && !known; i++)
			known = span_eq(key, names[i]);
		if (!known)
			return err_set(e, EINVAL, "unknown parameter '%.*s'",
				       (int)(key.n < 64 ? key.n : 64), key.p);
	}
	return 0;
}

/* Takes the port and the brackets of an IPv6 literal off; false when the form is wrong. */
static bool host_name(struct span header, struct span *name)
{
	struct span h = span_trim(header), port = { "", 0 };

	if (h.n && h.p[0] == '[') {
		const char *end = memchr(h.p, ']', h.n);

		if (!end)
			return false;
		*name = (struct span){ h.p + 1, (size_t)(end - h.p) - 1 };
		port = (struct span){ end + 1, h.n - name->n - 2 };
	} else {
		const char *colon = h.n ? memchr(h.p, ':', h.n) : NULL;

		*name = (struct span){ h.p, colon ? (size_t)(colon - h.p) : h.n };
		if (colon)
			port = (struct span){ colon, h.n - name->n };
	}
	for (size_t i = 0; i < port.n; i++)
		if (i == 0 ? port.p[i] != ':'
			   : parse_hex_digit(port.p[i]) < 0 || parse_hex_digit(port.p[i]) > 9)
			return false;
	return name->n > 0;
}

/* Address family and bytes of a socket address; an IPv4 address mapped into IPv6 counts as IPv4. */
static size_t address_bytes(const struct sockaddr *sa, unsigned char out[16])
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		memcpy(out, &in.sin_addr, 4);
		return 4;
	}
	if (sa->sa_family != AF_INET6)
		return 0;
	struct sockaddr_in6 in6;

	memcpy(&in6, sa, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		memcpy(out, in6.sin6_addr.s6_addr + 12, 4);
		return 4;
	}
	memcpy(out, &in6.sin6_addr, 16);
	return 16;
}

static bool is_literal_of(struct span name, const struct sockaddr *local)
{
	unsigned char want[16], got[16];
	size_t n = address_bytes(local, want);
	char text[INET6_ADDRSTRLEN];

	if (n == 0 || name.n >= sizeof(text))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return inet_pton(n == 4 ? AF_INET : AF_INET6, text, got) == 1 && memcmp(want, got, n) == 0;
}

bool request_host_allowed(struct span host, const char (*allowed)[128], size_t n,
			  const struct sockaddr *local)
{
	struct span name;

	if (!host_name(host, &name) || memchr(name.p, '\0', name.n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strlen(allowed[i]) == name.n && strncasecmp(allowed[i], name.p, name.n) == 0)
			return true;
	return is_literal_of(name, local);
}

/* What a bearer token may hold (RFC 6750): nothing of it needs quoting in a cookie. */
bool request_token_valid(struct span token)
{
	for (size_t i = 0; i < token.n; i++) {
		char c = token.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (c == '\0' || !strchr("-._~+/=", c)))
			return false;
	}
	return token.n > 0 && token.n <= REQUEST_MAX_TOKEN;
}

struct span request_token(const char *authorization, const char *cookie)
{
	struct span rest = span_str(authorization), word, token, piece;
	const struct span none = { "", 0 };

	/* A header that is there decides: a wrong one must not fall back to the cookie. */
	if (authorization) {
		if (!span_word(&rest, &word) || word.n != 6 ||
		    strncasecmp(word.p, "Bearer", 6) != 0)
			return none;
		token = span_trim(rest);
		return request_token_valid(token) ? token : none;
	}
	if (!cookie)
		return none;
	rest = span_str(cookie);
	while (span_next(&rest, ';', &piece)) {
		token = parameter_value(span_trim(piece), &word);
		if (span_eq(word, "bulkhead_token"))
			return request_token_valid(token) ? token : none;
	}
	return none;
}

/* "q=0.25" as 250; a malformed weight counts as 0: better plain than wrong. */
static unsigned weight(struct span parameters)
{
	struct span piece, name;

	while (span_next(&parameters, ';', &piece)) {
		struct span value = parameter_value(span_trim(piece), &name);
		double q;

		if (name.n != 1 || (name.p[0] != 'q' && name.p[0] != 'Q'))
			continue;
		if (value.n == 0 || value.n > 5 || !parse_double(value, &q) || q < 0 || q > 1)
			return 0;
		return (unsigned)(q * 1000 + 0.5);
	}
	return 1000;
}

/* The weight of `name` in a list like "gzip;q=0.5, br", or -1 when it is not in there. */
static int list_weight(const char *header, const char *name)
{
	struct span rest = span_str(header), item;

	while (span_next(&rest, ',', &item)) {
		const char *semicolon = item.n ? memchr(item.p, ';', item.n) : NULL;
		struct span key = { item.p, semicolon ? (size_t)(semicolon - item.p) : item.n };
		struct span parameters = { NULL, 0 };

		if (semicolon)
			parameters = (struct span){ semicolon + 1, item.n - key.n - 1 };
		key = span_trim(key);
		if (key.n == strlen(name) && strncasecmp(key.p, name, key.n) == 0)
			return (int)weight(parameters);
	}
	return -1;
}

bool request_accepts_gzip(const char *accept_encoding)
{
	if (!accept_encoding)
		return false;
	int gzip = list_weight(accept_encoding, "gzip");

	if (gzip < 0)
		gzip = list_weight(accept_encoding, "x-gzip");
	if (gzip < 0)
		gzip = list_weight(accept_encoding, "*");
	return gzip > 0 && gzip >= list_weight(accept_encoding, "identity");
}

bool request_accepts_openmetrics(const char *accept)
{
	if (!accept)
		return false;
	int openmetrics = list_weight(accept, "application/openmetrics-text");

	return openmetrics > 0 && openmetrics >= list_weight(accept, "text/plain");
}
