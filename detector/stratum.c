// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of proxies before it, then which of the dialects it is; the reading of JSON is in
 * stratum_json.c. */
#include "detector/stratum.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "detector/stratum_json.h"

const char *const stratum_dialect_names[STRATUM_DIALECTS] = { "none", "Stratum (Bitcoin's dialect)",
							      "Stratum (Ethereum's dialect)",
							      "Stratum (Monero's dialect)",
							      "request for work to a node" };
const char *const stratum_proxy_names[] = { "", "HTTP CONNECT", "SOCKS 4", "SOCKS 5" };

#define LAYERS 4 /* proxies behind proxies */

/* --- words of proxies ---------------------------------------------------------------------- */

static struct span behind(struct span s, size_t n)
{
	return (struct span){ s.p + n, s.n - n };
}

static uint8_t byte_at(struct span s, size_t at)
{
	return (uint8_t)s.p[at];
}

static void set_target(struct stratum_seen *out, enum stratum_proxy proxy, struct span host,
		       uint16_t port)
{
	out->proxy = proxy;
	out->target_port = port;
	if (host.n > TLS_MAX_NAME)
		host.n = TLS_MAX_NAME;
	for (size_t i = 0; i < host.n; i++) {
		const char c = host.p[i];

		out->target[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	out->target[host.n] = '\0';
}

static uint16_t port_at(struct span s, size_t at)
{
	return (uint16_t)(byte_at(s, at) << 8 | byte_at(s, at + 1));
}

/* An address of SOCKS 5 with its port, from its type on. Bytes of it; 0: more are needed; -1: it is
 * none. out NULL: an answer, whose address is of no interest. */
static int socks5_address(struct span s, struct stratum_seen *out)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct span host;
	size_t n;

	if (s.n < 2)
		return 0;
	const uint8_t type = byte_at(s, 0);

	n = type == 1 ? 5 : type == 4 ? 17 : type == 3 ? 2U + byte_at(s, 1) : 0;
	if (n == 0)
		return -1;
	if (s.n < n + 2)
		return 0;
	if (type == 3)
		host = (struct span){ s.p + 2, n - 2 };
	else
		host = span_str(
			inet_ntop(type == 1 ? AF_INET : AF_INET6, s.p + 1, text, sizeof(text)));
	if (out)
		set_target(out, STRATUM_SOCKS5, host, port_at(s, n));
	return (int)n + 2;
}

enum layer { LAYER_NONE, LAYER_TAKEN, LAYER_MORE, LAYER_BAD };

/* "05 n methods", maybe "01 user password", "05 01 00 address". */
static enum layer socks5_client(struct span *s, struct stratum_seen *out)
{
	struct span t = *s;

	if (t.n < 2)
		return LAYER_MORE;
	const size_t hello = 2U + byte_at(t, 1);

	if (hello == 2 || hello > 10)
		return LAYER_NONE;
	if (t.n <= hello)
		return LAYER_MORE;
	t = behind(t, hello);
	if (byte_at(t, 0) == 1) { /* RFC 1929 */
		if (t.n < 2 || t.n < 3U + byte_at(t, 1))
			return LAYER_MORE;
		const size_t user = 2U + byte_at(t, 1), all = user + 1 + byte_at(t, user);

		if (t.n <= all)
			return LAYER_MORE;
		t = behind(t, all);
	}
	if (byte_at(t, 0) != 5)
		return LAYER_NONE;
	if (t.n < 4)
		return LAYER_MORE;
	if (byte_at(t, 1) != 1 || byte_at(t, 2) != 0)
		return LAYER_NONE;
	const int n = socks5_address(behind(t, 3), out);

	if (n <= 0)
		return n == 0 ? LAYER_MORE : LAYER_NONE;
	*s = behind(t, 3 + (size_t)n);
	return LAYER_TAKEN;
}

/* "05 method", maybe "01 00", "05 00 00 address". */
static enum layer socks5_server(struct span *s)
{
	struct span t = *s;

	if (t.n < 3)
		return LAYER_MORE;
	t = behind(t, 2);
	if (byte_at(t, 0) == 1) {
		if (t.n < 3)
			return LAYER_MORE;
		t = behind(t, 2);
	}
	if (byte_at(t, 0) != 5)
		return LAYER_NONE;
	if (t.n < 4)
		return LAYER_MORE;
	if (byte_at(t, 1) != 0 || byte_at(t, 2) != 0)
		return LAYER_NONE;
	const int n = socks5_address(behind(t, 3), NULL);

	if (n <= 0)
		return n == 0 ? LAYER_MORE : LAYER_NONE;
	*s = behind(t, 3 + (size_t)n);
	return LAYER_TAKEN;
}

/* "04 01 port address user\0", with 0.0.0.x as the address a name behind it. */
static enum layer socks4_client(struct span *s, struct stratum_seen *out)
{
	char text[INET_ADDRSTRLEN] = "";

	if (s->n < 9)
		return LAYER_MORE;
	if (byte_at(*s, 1) != 1)
		return LAYER_NONE;
	const char *end = memchr(s->p + 8, '\0', s->n - 8);

	if (!end)
		return LAYER_MORE;
	const bool named = !byte_at(*s, 4) && !byte_at(*s, 5) && !byte_at(*s, 6) && byte_at(*s, 7);
	struct span host = span_str(inet_ntop(AF_INET, s->p + 4, text, sizeof(text)));
	const uint16_t port = port_at(*s, 2);
	struct span rest = behind(*s, (size_t)(end + 1 - s->p));

	if (named) {
		end = rest.n ? memchr(rest.p, '\0', rest.n) : NULL;
		if (!end)
			return LAYER_MORE;
		host = (struct span){ rest.p, (size_t)(end - rest.p) };
		rest = behind(rest, host.n + 1);
	}
	set_target(out, STRATUM_SOCKS4, host, port);
	*s = rest;
	return LAYER_TAKEN;
}

/* Behind the empty line; {NULL, 0}: it is not there yet. */
static struct span body_of(struct span s)
{
	const char *end = memmem(s.p, s.n, "\r\n\r\n", 4);
	size_t skip = 4;

	if (!end) {
		end = memmem(s.p, s.n, "\n\n", 2);
		skip = 2;
	}
	return end ? behind(s, (size_t)(end - s.p) + skip) : (struct span){ NULL, 0 };
}

/* "CONNECT host:port HTTP/1.1" */
static enum layer http_connect(struct span *s, struct stratum_seen *out)
{
	struct span rest = behind(*s, 8), word;
	struct span body = body_of(*s);
	uint64_t port = 0;

	if (!span_word(&rest, &word))
		return LAYER_MORE;
	const char *colon = memrchr(word.p, ':', word.n);

	/* at the very end of the bytes the word may go on */
	if (!colon || word.p + word.n == s->p + s->n)
		return s->n < 200 ? LAYER_MORE : LAYER_NONE;
	const struct span digits = { colon + 1, (size_t)(word.p + word.n - colon - 1) };

	if (!parse_u64(digits, &port) || port > UINT16_MAX)
		return LAYER_NONE;
	set_target(out, STRATUM_CONNECT, (struct span){ word.p, (size_t)(colon - word.p) },
		   (uint16_t)port);
	if (!body.p)
		return LAYER_MORE;
	*s = body;
	return LAYER_TAKEN;
}

/* A beginning of `word` or all of it. */
static bool may_start(struct span s, const char *word)
{
	const size_t n = strlen(word);

	return s.n > 0 && memcmp(s.p, word, s.n < n ? s.n : n) == 0;
}

static enum layer http_layer(struct span *s, struct stratum_seen *out, bool *is_http)
{
	static const char *const methods[] = { "POST ", "GET ", "PUT " };

	if (may_start(*s, "CONNECT "))
		return s->n < 8 ? LAYER_MORE : http_connect(s, out);
	bool known = may_start(*s, "HTTP/1.");

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		known |= may_start(*s, methods[i]);
	if (!known)
		return LAYER_NONE;
	const struct span body = body_of(*s);

	if (!body.p)
		return LAYER_MORE;
	*is_http = true;
	*s = body;
	return LAYER_TAKEN;
}

static enum layer layer_of(struct span *s, struct stratum_seen *out, bool *is_http)
{
	enum layer l = LAYER_NONE;

	if (byte_at(*s, 0) == 5) {
		l = socks5_client(s, out);
		/* "05 00 ..." cannot be a client's: it offers no method */
		if (l == LAYER_NONE)
			l = socks5_server(s);
	} else if (byte_at(*s, 0) == 4) {
		l = socks4_client(s, out);
	} else if (byte_at(*s, 0) == 0 && s->n >= 2 && byte_at(*s, 1) == 90) {
		if (s->n < 8) /* SOCKS 4 grants */
			return LAYER_MORE;
		*s = behind(*s, 8);
		l = LAYER_TAKEN;
	} else {
		l = http_layer(s, out, is_http);
	}
	return l;
}

/* --- what it is ---------------------------------------------------------------------------- */

static enum stratum_result read_tls(struct span s, struct stratum_seen *out)
{
	const int r = tls_hello_parse(s, &out->hello);

	if (r == -EPROTO)
		return STRATUM_NO;
	out->tls = true;
	return r == 0 && (out->hello.name[0] || out->hello.whole) ? STRATUM_NO : STRATUM_MORE;
}

enum stratum_result stratum_look(struct span s, struct stratum_seen *out)
{
	bool is_http = false;

	*out = (struct stratum_seen){ .dialect = STRATUM_NONE };
	for (int i = 0; i < LAYERS && s.n > 0; i++) {
		const enum layer l = layer_of(&s, out, &is_http);

		if (l == LAYER_MORE)
			return STRATUM_MORE;
		if (l != LAYER_TAKEN)
			break;
	}
	while (s.n > 0 && memchr(" \t\r\n", s.p[0], 4))
		s = behind(s, 1);
	if (s.n == 0)
		return STRATUM_MORE;
	if (byte_at(s, 0) == 0x16)
		return read_tls(s, out);
	if (s.p[0] != '{' && s.p[0] != '[')
		return STRATUM_NO;
	return stratum_json(s, is_http, out);
}
