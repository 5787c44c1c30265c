// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/json_put.h"

#include "collector/base/clock.h"

#define DEVICE_MINOR_BITS 20 /* of the kernel's dev_t, which events carry */

void json_put_comma(struct buf *b)
{
	char last = b->len > 0 ? b->data[b->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_add_char(b, ',');
}

void json_put_key(struct buf *b, const char *key)
{
	json_put_comma(b);
	buf_add_char(b, '"');
	buf_add_str(b, key);
	buf_add(b, "\":", 2);
}

void json_put_object(struct buf *b, const char *key)
{
	json_put_key(b, key);
	buf_add_char(b, '{');
}

void json_put_array(struct buf *b, const char *key)
{
	json_put_key(b, key);
	buf_add_char(b, '[');
}

/* Most strings need no escapes: these go in one piece. */
static bool is_plain(struct span s)
{
	bool plain = true;

	for (size_t i = 0; i < s.n; i++)
		plain &= s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\';
	return plain;
}

void json_put_string(struct buf *b, struct span s)
{
	buf_add_char(b, '"');
	if (is_plain(s))
		buf_add_span(b, s);
	else
		buf_add_json(b, s);
	buf_add_char(b, '"');
}

void json_put_text(struct buf *b, const char *key, struct span s)
{
	json_put_key(b, key);
	json_put_string(b, s);
}

void json_put_str(struct buf *b, const char *key, const char *s)
{
	if (s)
		json_put_text(b, key, span_str(s));
}

void json_put_u64(struct buf *b, const char *key, uint64_t v)
{
	json_put_key(b, key);
	buf_add_u64(b, v);
	if (v > INT64_MAX)
		buf_add(b, ".0", 2);
}

void json_put_known(struct buf *b, const char *key, uint64_t v)
{
	if (v)
		json_put_u64(b, key, v);
}

void json_put_i64(struct buf *b, const char *key, int64_t v)
{
	json_put_key(b, key);
	buf_add_i64(b, v);
}

void json_put_true(struct buf *b, const char *key, bool v)
{
	if (!v)
		return;
	json_put_key(b, key);
	buf_add(b, "true", 4);
}

void json_put_hex(struct buf *b, const char *key, uint64_t v)
{
	char text[] = "\"0x0000000000000000\"";

	for (size_t i = sizeof(text) - 3; v; v >>= 4)
		text[i--] = "0123456789abcdef"[v & 15];
	json_put_key(b, key);
	buf_add(b, text, sizeof(text) - 1);
}

void json_put_octal(struct buf *b, const char *key, uint32_t v)
{
	json_put_key(b, key);
	buf_printf(b, "\"0%03o\"", v);
}

void json_put_base64(struct buf *b, const char *key, struct span s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";

	json_put_key(b, key);
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i += 3) {
		uint32_t v = 0;
		size_t n = s.n - i < 3 ? s.n - i : 3;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (unsigned char)s.p[i + k] : 0U);
		char four[] = { digits[v >> 18 & 63], digits[v >> 12 & 63],
				n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '=' };

		buf_add(b, four, 4);
	}
	buf_add_char(b, '"');
}

/* v as `digits` decimal digits from p on. */
static char *add_digits(char *p, uint64_t v, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--, v /= 10)
		p[i - 1] = (char)('0' + v % 10);
	return p + digits;
}

void text_clock(struct buf *b, uint64_t unix_ns, unsigned digits)
{
	char text[32], *p = text;
	uint64_t s = unix_ns / NS_PER_S % 86400;

	p = add_digits(p, s / 3600, 2);
	*p++ = ':';
	p = add_digits(p, s / 60 % 60, 2);
	*p++ = ':';
	p = add_digits(p, s % 60, 2);
	if (digits > 0) {
		*p++ = '.';
		add_digits(p, unix_ns % NS_PER_S, 9); /* all nine; only the first ones are kept */
		p += digits < 9 ? digits : 9;
	}
	buf_add(b, text, (size_t)(p - text));
}

void json_put_time(struct buf *b, const char *key, uint64_t unix_ns)
{
	time_t s = (time_t)(unix_ns / NS_PER_S);
	struct tm tm = { .tm_year = 70, .tm_mday = 1 };
	char text[16], *p = text;

	gmtime_r(&s, &tm); /* 64 bits of ns end in 2554: the year has four digits */
	*p++ = '"';
	p = add_digits(p, (uint64_t)tm.tm_year + 1900, 4);
	*p++ = '-';
	p = add_digits(p, (uint64_t)tm.tm_mon + 1, 2);
	*p++ = '-';
	p = add_digits(p, (uint64_t)tm.tm_mday, 2);
	*p++ = 'T';
	json_put_key(b, key);
	buf_add(b, text, (size_t)(p - text));
	text_clock(b, unix_ns, 9);
	buf_add(b, "Z\"", 2);
}

void json_put_device(struct buf *b, const char *key, uint32_t device)
{
	json_put_key(b, key);
	buf_add_char(b, '"');
	buf_add_u64(b, device >> DEVICE_MINOR_BITS);
	buf_add_char(b, ':');
	buf_add_u64(b, device & ((1U << DEVICE_MINOR_BITS) - 1));
	buf_add_char(b, '"');
}

void json_put_bits(struct buf *b, const char *key, uint32_t bits, const char *const *names,
		   unsigned names_n)
{
	bool any = false;

	for (unsigned i = 0; i < names_n && i < 32; i++) {
		if (!(bits & 1U << i) || !names[i])
			continue;
		if (!any)
			json_put_array(b, key);
		any = true;
		json_put_comma(b);
		json_put_string(b, span_str(names[i]));
	}
	if (any)
		buf_add_char(b, ']');
}
