// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/query_text.h"

#include <errno.h>
#include <string.h>

/* Bytes taken from s, 0 when it is damaged. */
static size_t decode(struct span s, char *out)
{
	int high, low;

	if (s.p[0] != '%') {
		*out = s.p[0] == '+' ? ' ' : s.p[0];
		return 1;
	}
	high = s.n > 2 ? parse_hex_digit(s.p[1]) : -1;
	low = s.n > 2 ? parse_hex_digit(s.p[2]) : -1;
	if (high < 0 || low < 0)
		return 0;
	*out = (char)(high << 4 | low);
	return 3;
}

int query_next(struct span *rest, struct query_pair *out, struct err *e)
{
	struct span pair;
	size_t n = 0;

	do {
		if (!span_next(rest, '&', &pair))
			return 0;
	} while (pair.n == 0);
	const char *equals = memchr(pair.p, '=', pair.n);

	out->key = (struct span){ pair.p, equals ? (size_t)(equals - pair.p) : pair.n };
	struct span value = { equals ? equals + 1 : "", equals ? pair.n - out->key.n - 1 : 0 };

	while (value.n > 0) {
		size_t took = decode(value, &out->value[n]);

		if (took == 0 || out->value[n] == '\0')
			return err_set(e, EINVAL, "'%.*s': damaged percent-encoding",
				       (int)(out->key.n < 40 ? out->key.n : 40), out->key.p);
		if (++n == QUERY_VALUE_BYTES)
			return err_set(e, EINVAL, "'%.*s' is longer than %d bytes",
				       (int)(out->key.n < 40 ? out->key.n : 40), out->key.p,
				       QUERY_VALUE_BYTES - 1);
		value.p += took;
		value.n -= took;
	}
	out->value[n] = '\0';
	return 1;
}
