// SPDX-License-Identifier: GPL-2.0-or-later
/* Rule 1 of path_tree: which parts of a file's name are no name. It need not find all of them: one
 * that is found in a directory becomes a wildcard that covers the others of its kind, too. So what
 * could be a word or a version is kept. */
#include <string.h>

#include "detector/path_tree_internal.h"

enum kind {
	BREAK, /* what separates */
	DIGIT,
	LOWER, /* also each byte of UTF-8 */
	UPPER
};

struct name {
	const char *p;
	size_t n;
	bool library; /* "x.so", "x.so.1": versions are part of the name */
	char *out;
	size_t m; /* written there */
	unsigned wildcards;
};

static enum kind kind_of(char c)
{
	const unsigned char u = (unsigned char)c;

	if (u >= '0' && u <= '9')
		return DIGIT;
	if (u >= 'A' && u <= 'Z')
		return UPPER;
	return (u >= 'a' && u <= 'z') || u >= 0x80 ? LOWER : BREAK;
}

static bool is_digit(const struct name *s, size_t i)
{
	return i < s->n && kind_of(s->p[i]) == DIGIT;
}

static size_t digits(const struct name *s, size_t i)
{
	size_t n = 0;

	while (is_digit(s, i + n))
		n++;
	return n;
}

static unsigned number(const struct name *s, size_t i, unsigned n)
{
	unsigned v = 0;

	while (n--)
		v = v * 10 + (unsigned)(s->p[i++] - '0');
	return v;
}

/* --- shapes that may hold separators. Each returns the bytes it takes at i, or 0. ------------ */

static size_t uuid(const struct name *s, size_t i)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	const size_t n = sizeof(shape) - 1;

	if (s->n - i < n || (i + n < s->n && kind_of(s->p[i + n]) != BREAK))
		return 0;
	for (size_t k = 0; k < n; k++) {
		const char c = s->p[i + k];

		if (shape[k] == '-' ? c != '-' : parse_hex_digit(c) < 0)
			return 0;
	}
	return n;
}

static bool is_year(unsigned v)
{
	return v >= 1970 && v <= 2199;
}

static bool is_day(unsigned month, unsigned day)
{
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* Behind a date: more numbers, each behind at most one of "-_.:+" or a 'T', and a 'Z'. */
static size_t rest_of_time(const struct name *s, size_t i)
{
	size_t at = i;

	for (;;) {
		const size_t skip = at < s->n && strchr("-_.:+Tt ", s->p[at]) ? 1 : 0;
		const size_t n = digits(s, at + skip);

		if (n == 0)
			break;
		at += skip + n;
	}
	if (at > i && at < s->n && s->p[at] == 'Z' && is_digit(s, at - 1))
		at++;
	return at < s->n && (kind_of(s->p[at]) == LOWER || kind_of(s->p[at]) == UPPER) ? 0 : at - i;
}

/* 2026-11-22, 22-11-2026, 2026-11 (also with '_' and '.'): bytes without the time, or 0. */
static size_t day(const struct name *s, size_t i)
{
	const size_t a = digits(s, i), b = a < 9 ? digits(s, i + a + 1) : 0;
	const char sep = i + a < s->n ? s->p[i + a] : '\0';

	if (b != 2 || !strchr("-_.", sep))
		return 0;
	const bool same = i + a + 3 < s->n && s->p[i + a + 3] == sep;
	const size_t c = same ? digits(s, i + a + 4) : 0;

	if (a == 2 && c == 4 && is_year(number(s, i + 6, 4)) &&
	    is_day(number(s, i + 3, 2), number(s, i, 2)))
		return 10;
	if (a != 4 || !is_year(number(s, i, 4)) || !is_day(number(s, i + 5, 2), 1))
		return 0;
	return c == 2 && is_day(1, number(s, i + 8, 2)) ? 10 : 7;
}

/* 20261122T101112Z: of the day, or 0. */
static size_t compact_day(const struct name *s, size_t i)
{
	if (digits(s, i) != 8 || i + 8 == s->n || (s->p[i + 8] != 'T' && s->p[i + 8] != 't'))
		return 0;
	return is_year(number(s, i, 4)) && is_day(number(s, i + 4, 2), number(s, i + 6, 2)) ? 8 : 0;
}

/* 10:11:12 */
static size_t time_of_day(const struct name *s, size_t i)
{
	if (digits(s, i) != 2 || digits(s, i + 3) != 2 || digits(s, i + 6) != 2 ||
	    s->p[i + 2] != ':' || s->p[i + 5] != ':')
		return 0;
	return number(s, i, 2) < 24 && number(s, i + 3, 2) < 60 && number(s, i + 6, 2) < 61 ? 8 : 0;
}

static size_t date(const struct name *s, size_t i)
{
	size_t taken = day(s, i);

	if (!taken)
		taken = compact_day(s, i);
	if (!taken)
		taken = time_of_day(s, i);
	if (!taken)
		return 0;
	const size_t more = rest_of_time(s, i + taken);

	if (more == 0 && i + taken < s->n && kind_of(s->p[i + taken]) != BREAK)
		return 0;
	return taken + more;
}

/* Python's tempfile: "tmp" and eight of [a-z0-9_]. The bytes behind "tmp", or 0. */
static size_t python_temporary(const struct name *s, size_t i)
{
	size_t n = 3;

	if (s->n - i < 11 || memcmp(s->p + i, "tmp", 3) != 0)
		return 0;
	while (i + n < s->n &&
	       (kind_of(s->p[i + n]) == LOWER || is_digit(s, i + n) || s->p[i + n] == '_') &&
	       (unsigned char)s->p[i + n] < 0x80)
		n++;
	return n == 11 ? 8 : 0;
}

/* --- words: runs of letters and digits ------------------------------------------------------- */

struct word {
	const char *p;
	size_t n, digits, lower, upper;
	size_t changes; /* of kind from one byte to the next; a capital before a small letter is
			   none */
	size_t tail;	/* digits at the end */
	bool hex;
};

static struct word word_at(const struct name *s, size_t i)
{
	struct word w = { .p = s->p + i, .hex = true };
	enum kind before = BREAK;

	for (; i + w.n < s->n; w.n++) {
		const enum kind k = kind_of(w.p[w.n]);

		if (k == BREAK)
			break;
		w.digits += k == DIGIT;
		w.lower += k == LOWER;
		w.upper += k == UPPER;
		w.changes += before != BREAK && k != before && !(before == UPPER && k == LOWER);
		w.tail = k == DIGIT ? w.tail + 1 : 0;
		w.hex = w.hex && parse_hex_digit(w.p[w.n]) >= 0;
		before = k;
	}
	return w;
}

static bool ends_with_word(const char *p, size_t n, const char *word)
{
	const size_t len = strlen(word);

	return n >= len && memcmp(p + n - len, word, len) == 0;
}

static bool is_temporary_word(const char *p, size_t n)
{
	return ends_with_word(p, n, "tmp") || ends_with_word(p, n, "temp");
}

/* Random letters and digits change their kind at every second byte or so; words and names with a
 * number in them ("sha256sum", "libQt5Core", "ed25519") do so less often. */
static bool is_random(const struct name *s, const struct word *w, size_t i)
{
	if (w->digits && w->lower && w->upper)
		return w->n >= 6 && w->n <= 2 * (w->changes + 1);
	if (!w->digits || s->library || w->n < 8)
		return false;
	if (w->n == 8 && i > 0 && !w->upper) /* Python's, behind a prefix of the program's */
		return w->changes >= 2;
	return w->n <= 2 * (w->changes + 1) + 1;
}

/* "tmp.XXXXXX": what is behind "tmp." needs less to be taken for random. */
static bool is_behind_temporary(const struct name *s, const struct word *w, size_t i)
{
	if (i < 4 || w->n < 6 || !is_temporary_word(s->p, i - 1))
		return false;
	return (w->digits && w->digits < w->n) || (w->upper && w->lower && w->changes > 0);
}

static bool is_variable_number(const struct name *s, size_t i, size_t n)
{
	const char before = i > 0 ? s->p[i - 1] : '\0';
	const char behind = i + n < s->n ? s->p[i + n] : '\0';

	if (n == s->n || n >= 8 || (s->m >= 2 && s->out[s->m - 2] == '\0'))
		return true; /* the whole; long; next to a wildcard */
	if (s->library || (before == '-' && ends_with_word(s->p, i - 1, "cpython")))
		return false;
	if (i > 1 && is_temporary_word(s->p, i - 1))
		return true;
	if ((before == '.' && i > 1 && is_digit(s, i - 2)) ||
	    (behind == '.' && is_digit(s, i + n + 1)))
		return n > 4 || (n > 2 && i == 0); /* part of a version otherwise */
	if (n > 2)
		return true;
	if (i < 2 || (before != '.' && before != '-' && before != '_'))
		return false;
	return behind == '.' || (behind == '\0' && before == '.');
}

/* Digits at the end of a word: "go-build1234", "pgsql_tmp12". How many. */
static size_t variable_tail(const struct name *s, const struct word *w)
{
	const size_t n = w->n - w->tail;

	if (s->library || w->tail == 0)
		return 0;
	if (w->tail >= 6 || is_temporary_word(w->p, n))
		return w->tail;
	if (w->tail >= 3 && (ends_with_word(w->p, n, "build") || ends_with_word(w->p, n, "pid")))
		return w->tail;
	return 0;
}

/* --- putting it together --------------------------------------------------------------------- */

/* Two wildcards with nothing but one separator between are one. */
static void put_wildcard(struct name *s)
{
	if (s->m > 0 && s->out[s->m - 1] == '\0')
		return;
	if (s->m > 1 && s->out[s->m - 2] == '\0' && kind_of(s->out[s->m - 1]) == BREAK) {
		s->m--;
		return;
	}
	s->out[s->m++] = '\0';
	s->wildcards++;
}

static void put_bytes(struct name *s, size_t i, size_t n)
{
	memcpy(s->out + s->m, s->p + i, n);
	s->m += n;
}

/* What begins at i, where a word does: bytes taken. */
static size_t put_word(struct name *s, size_t i)
{
	size_t n = uuid(s, i);

	if (!n)
		n = date(s, i);
	if (n) {
		put_wildcard(s);
		return n;
	}
	n = python_temporary(s, i);
	if (n) {
		put_bytes(s, i, 3);
		put_wildcard(s);
		return n + 3;
	}
	const struct word w = word_at(s, i);
	size_t tail = 0;

	if (w.digits == w.n)
		tail = is_variable_number(s, i, w.n) ? w.n : 0;
	else if ((w.hex && w.n >= 8 && w.digits) || is_random(s, &w, i) ||
		 is_behind_temporary(s, &w, i))
		tail = w.n;
	else
		tail = variable_tail(s, &w);
	put_bytes(s, i, w.n - tail);
	if (tail)
		put_wildcard(s);
	return w.n;
}

static bool is_library(struct span s)
{
	const char *so = memmem(s.p, s.n, ".so", 3);

	if (!so)
		return false;
	const size_t at = (size_t)(so - s.p) + 3;

	return at == s.n || s.p[at] == '.';
}

size_t path_segment_normal(struct span segment, char *out)
{
	struct name s = { .p = segment.p, .n = segment.n, .out = out };
	size_t i = 0;

	if (segment.n > PATH_SEGMENT) {
		out[0] = '\0';
		return 1;
	}
	s.library = is_library(segment);
	while (i < s.n) {
		if (kind_of(s.p[i]) == BREAK)
			s.out[s.m++] = s.p[i++];
		else
			i += put_word(&s, i);
	}
	if (s.wildcards > PATH_WILDCARDS) {
		out[0] = '\0';
		return 1;
	}
	return s.m;
}
