// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/tls_hello.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

enum { CONTENT_HANDSHAKE = 22, HANDSHAKE_HELLO = 1, EXTENSION_NAME = 0, EXTENSION_ALPN = 16 };

#define RECORD_HEADER 5
#define RECORD_MAX    16384
#define RANDOM_BYTES  32
#define HOST_NAME     0

struct reader {
	const uint8_t *p;
	size_t n;
	bool short_of; /* something lies beyond the bytes that are there */
};

static bool take(struct reader *r, size_t n, struct reader *out)
{
	if (r->short_of || n > r->n) {
		r->short_of = true;
		return false;
	}
	if (out)
		*out = (struct reader){ .p = r->p, .n = n };
	r->p += n;
	r->n -= n;
	return true;
}

static bool number(struct reader *r, size_t bytes, size_t *out)
{
	struct reader part = { NULL, 0, false };

	if (!take(r, bytes, &part))
		return false;
	*out = 0;
	for (size_t i = 0; i < bytes; i++)
		*out = *out << 8 | part.p[i];
	return true;
}

/* A part with its length before it. */
static bool vector(struct reader *r, size_t length_bytes, struct reader *out)
{
	size_t n;

	return number(r, length_bytes, &n) && take(r, n, out);
}

static bool is_host_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '-' || c == '.' || c == '_';
}

static int read_name(struct reader ext, struct tls_hello *out)
{
	struct reader list = { NULL, 0, false }, name = { NULL, 0, false };
	size_t type;

	if (!vector(&ext, 2, &list))
		return -EPROTO;
	while (list.n > 0) {
		if (!number(&list, 1, &type) || !vector(&list, 2, &name))
			return -EPROTO;
		if (type != HOST_NAME || out->name[0])
			continue;
		if (name.n == 0 || name.n > TLS_MAX_NAME)
			return -EPROTO;
		for (size_t i = 0; i < name.n; i++) {
			const uint8_t c = name.p[i];

			if (!is_host_byte(c)) {
				out->name[0] = '\0';
				return -EPROTO;
			}
			out->name[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
		out->name[name.n] = '\0';
	}
	return 0;
}

/* What is cut off is no fault: the kernel's side tells the first bytes alone. */
static int read_extensions(struct reader *r, struct tls_hello *out)
{
	struct reader ext = { NULL, 0, false };
	size_t left, type;

	if (!number(r, 2, &left))
		return 0;
	while (left >= 4 && number(r, 2, &type) && vector(r, 2, &ext)) {
		if (ext.n + 4 > left)
			return -EPROTO;
		left -= ext.n + 4;
		if (type == EXTENSION_NAME && read_name(ext, out) < 0)
			return -EPROTO;
		out->alpn |= type == EXTENSION_ALPN;
	}
	out->whole = !r->short_of;
	return 0;
}

int tls_hello_parse(struct span bytes, struct tls_hello *out)
{
	struct reader r = { (const uint8_t *)bytes.p, bytes.n, false };
	struct tls_hello h = { .name = "" };
	size_t type, version, length, kind, hello;

	if (r.n > 0 && r.p[0] != CONTENT_HANDSHAKE)
		return -EPROTO;
	if (r.n > 1 && r.p[1] != 3)
		return -EPROTO;
	if (r.n < RECORD_HEADER + 4 + 2)
		return -EAGAIN;
	if (!number(&r, 1, &type) || !number(&r, 2, &version) || !number(&r, 2, &length) ||
	    !number(&r, 1, &kind) || !number(&r, 3, &hello) || !number(&r, 2, &version))
		return -EAGAIN;
	if (kind != HANDSHAKE_HELLO || length < 4 || length > RECORD_MAX || version >> 8 != 3)
		return -EPROTO;
	/* random, session, ciphers, compression, extensions */
	if (take(&r, RANDOM_BYTES, NULL) && vector(&r, 1, NULL) && vector(&r, 2, NULL) &&
	    vector(&r, 1, NULL) && read_extensions(&r, &h) < 0)
		return -EPROTO;
	*out = h;
	return 0;
}
