// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/parse.h"

#include <math.h>
#include <string.h>

struct span span_str(const char *s)
{
	return (struct span){ s, s ? strlen(s) : 0 };
}

bool span_eq(struct span a, const char *literal)
{
	size_t n = strlen(literal);

	return a.n == n && (n == 0 || memcmp(a.p, literal, n) == 0);
}

bool span_starts(struct span a, const char *prefix)
{
	size_t n = strlen(prefix);

	return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

bool span_ends(struct span a, const char *suffix)
{
	size_t n = strlen(suffix);

	return a.n >= n && (n == 0 || memcmp(a.p + a.n - n, suffix, n) == 0);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = (struct span){ s.p + 1, s.n - 1 };
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool span_next(struct span *rest, char sep, struct span *piece)
{
	if (!rest->p)
		return false;
	const char *end = rest->n ? memchr(rest->p, sep, rest->n) : NULL;

	if (!end) {
		*piece = *rest;
		*rest = (struct span){ NULL, 0 };
		return true;
	}
	size_t n = (size_t)(end - rest->p);

	*piece = (struct span){ rest->p, n };
	*rest = (struct span){ end + 1, rest->n - n - 1 };
	return true;
}

bool span_word(struct span *rest, struct span *word)
{
	const char *p = rest->p;
	const char *end = rest->p ? rest->p + rest->n : NULL;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == end)
		return false;
	const char *start = p;

	while (p < end && *p != ' ' && *p != '\t')
		p++;
	*word = (struct span){ start, (size_t)(p - start) };
	*rest = (struct span){ p, (size_t)(end - p) };
	return true;
}

bool parse_u64(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*out = v;
	return true;
}

bool parse_i64(struct span s, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	uint64_t v;

	if (negative)
		s = (struct span){ s.p + 1, s.n - 1 };
	if (!parse_u64(s, &v) || v > (uint64_t)INT64_MAX)
		return false;
	*out = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

bool parse_u32(struct span s, uint32_t *out)
{
	uint64_t v;

	if (!parse_u64(s, &v) || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

int parse_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool parse_hex_u64(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int digit = parse_hex_digit(s.p[i]);

		if (digit < 0)
			return false;
		v = v << 4 | (uint64_t)digit;
	}
	*out = v;
	return true;
}

bool parse_octal_u32(struct span s, uint32_t *out)
{
	uint32_t v = 0;

	if (s.n == 0 || s.n > 10)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return false;
		v = v << 3 | (uint32_t)(s.p[i] - '0');
	}
	*out = v;
	return true;
}

/* strtod would obey the locale; config and procfs numbers are short, so digits suffice. */
bool parse_double(struct span s, double *out)
{
	double v = 0;
	int64_t exponent = 0;
	size_t i = 0, digits = 0;
	bool negative = s.n > 0 && s.p[0] == '-';

	if (negative)
		i++;
	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, digits++)
		v = v * 10 + (s.p[i] - '0');
	if (i < s.n && s.p[i] == '.') {
		for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, digits++, exponent--)
			v = v * 10 + (s.p[i] - '0');
	}
	if (digits == 0)
		return false;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		int64_t e;
		size_t skip = i + 1 < s.n && s.p[i + 1] == '+' ? 2 : 1;

		if (!parse_i64((struct span){ s.p + i + skip, s.n - i - skip }, &e) || e > 400 ||
		    e < -400)
			return false;
		exponent += e;
		i = s.n;
	}
	if (i != s.n)
		return false;
	v = exponent < 0 ? v / pow(10, (double)-exponent) : v * pow(10, (double)exponent);
	if (!isfinite(v))
		return false;
	*out = negative ? -v : v;
	return true;
}

static bool two_digits(const char *p, unsigned *out)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*out = (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
	return true;
}

/* Days since 1970-01-01 of a civil date; Howard Hinnant's era arithmetic. */
static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (m + (m > 2 ? -3U : 9U)) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

bool parse_rfc3339_ns(struct span s, uint64_t *unix_ns)
{
	unsigned century, year, month, day, hour, minute, second;
	uint64_t nanos = 0, scale = 100000000;
	int64_t offset_s = 0;
	size_t i = 19;

	if (s.n < 20 || !two_digits(s.p, &century) || !two_digits(s.p + 2, &year) ||
	    !two_digits(s.p + 5, &month) || !two_digits(s.p + 8, &day) ||
	    !two_digits(s.p + 11, &hour) || !two_digits(s.p + 14, &minute) ||
	    !two_digits(s.p + 17, &second) || s.p[4] != '-' || s.p[7] != '-' ||
	    (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ') || s.p[13] != ':' ||
	    s.p[16] != ':')
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
	    second > 60)
		return false;
	if (s.p[i] == '.') {
		for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, scale /= 10)
			nanos += scale * (uint64_t)(s.p[i] - '0');
	}
	struct span zone = { s.p + i, s.n - i };

	if (zone.n == 6 && (zone.p[0] == '+' || zone.p[0] == '-') && zone.p[3] == ':') {
		unsigned zh, zm;

		if (!two_digits(zone.p + 1, &zh) || !two_digits(zone.p + 4, &zm))
			return false;
		offset_s = (int64_t)(zh * 3600 + zm * 60) * (zone.p[0] == '-' ? -1 : 1);
	} else if (!span_eq(zone, "Z") && !span_eq(zone, "z")) {
		return false;
	}
	int64_t secs = days_from_civil((int64_t)century * 100 + year, month, day) * 86400 +
		       hour * 3600 + minute * 60 + second - offset_s;

	/* nanoseconds in 64 bits end in July 2554; RFC 3339 goes on to the year 9999 */
	if (secs < 0 || (uint64_t)secs >= UINT64_MAX / 1000000000U)
		return false;
	*unix_ns = (uint64_t)secs * 1000000000U + nanos;
	return true;
}
