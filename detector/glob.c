// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/glob.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/auto.h"
#include "detector/needle.h"

enum piece_kind { PIECE_TEXT, PIECE_ANY, PIECE_SET };

struct piece {
	enum piece_kind kind;
	uint32_t n; /* bytes that it takes */
	union {
		const char *text;    /* in lower case for either case */
		const uint64_t *set; /* a bit for each byte */
	};
};

struct segment {	   /* what stands between two stars */
	uint32_t first, n; /* pieces */
	size_t bytes;
	struct needle needle; /* of one text, in either case */
};

struct glob {
	const struct piece *pieces;
	struct segment *segments; /* one more than stars */
	uint32_t segments_n;
	size_t bytes; /* that it takes at least */
	bool any_case, never;
};

/* --- reading ------------------------------------------------------------------------------- */

struct reading {
	struct arena *a;
	struct span text;
	bool any_case, never;
	struct piece *pieces;
	struct segment *segments;
	char *bytes; /* of texts */
	uint32_t pieces_n, segments_n;
	size_t bytes_n;
};

static unsigned char folded(const struct reading *r, char c)
{
	return r->any_case ? needle_lower(c) : (unsigned char)c;
}

/* The byte at i; 0 behind the end, as in C's strings. */
static char at(const struct reading *r, size_t i)
{
	return i < r->text.n ? r->text.p[i] : '\0';
}

static struct piece *add_piece(struct reading *r, enum piece_kind kind)
{
	struct segment *s = &r->segments[r->segments_n - 1];
	struct piece *last = &r->pieces[r->pieces_n ? r->pieces_n - 1 : 0];

	if (s->n == 0 || last->kind != kind || kind == PIECE_SET) {
		last = &r->pieces[r->pieces_n++];
		*last = (struct piece){ .kind = kind };
		s->n++;
	}
	last->n++;
	s->bytes++;
	return last;
}

static void add_byte(struct reading *r, char c)
{
	struct piece *p = add_piece(r, PIECE_TEXT);

	if (p->n == 1)
		p->text = r->bytes + r->bytes_n;
	r->bytes[r->bytes_n++] = (char)folded(r, c);
}

static void add_star(struct reading *r)
{
	r->segments[r->segments_n++] = (struct segment){ .first = r->pieces_n };
}

/* --- [...] --------------------------------------------------------------------------------- */

struct bracket {
	uint64_t set[4];
	bool dead; /* a class that does not exist: what is not in the set yet makes no match */
};

static void take_byte(struct bracket *b, unsigned c)
{
	if (!b->dead)
		b->set[c / 64] |= 1ULL << (c % 64);
}

/* `c` is in the case that is asked for. */
static void take_either(const struct reading *r, struct bracket *b, unsigned c)
{
	take_byte(b, c);
	if (r->any_case && c >= 'a' && c <= 'z')
		take_byte(b, c - 32);
}

/* Bytes that are, in the case that is asked for, from low to high. */
static void take_range(const struct reading *r, struct bracket *b, unsigned low, unsigned high)
{
	for (unsigned c = 0; c < 256; c++) {
		const unsigned f = folded(r, (char)c);

		if (low <= f && f <= high)
			take_byte(b, c);
	}
}

/* The program never leaves the C locale: no byte from 128 on is of a class. */
static bool in_class(unsigned c, struct span name)
{
	static const struct {
		const char *name;
		int (*has)(int c);
	} classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
		{ "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
		{ "lower", islower }, { "print", isprint }, { "punct", ispunct },
		{ "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (span_eq(name, classes[i].name))
			return classes[i].has((int)c);
	return false;
}

/* "[:alpha:]" at i: the place behind it, or 0: it is none. */
static size_t read_class(const struct reading *r, size_t i, struct bracket *b)
{
	const size_t begin = i + 2;
	size_t end = begin;
	bool any = false;

	while (at(r, end) >= 'a' && at(r, end) < 'z')
		end++;
	if (at(r, end) != ':' || at(r, end + 1) != ']')
		return 0;
	const struct span name = { r->text.p + begin, end - begin };

	for (unsigned c = 0; c < 128; c++)
		if (in_class(c, name)) {
			any = true;
			take_byte(b, c);
		}
	b->dead |= !any;
	return end + 2;
}

/* "[=a=]" or "[.a.]" at i: the byte in it, or -1. */
static int read_symbol(const struct reading *r, size_t i)
{
	const char kind = at(r, i + 1);

	return at(r, i) == '[' && (kind == '=' || kind == '.') && i + 4 < r->text.n &&
			       at(r, i + 3) == kind && at(r, i + 4) == ']'
		       ? (unsigned char)at(r, i + 2)
		       : -1;
}

/* The upper end of a range at i; false: there is none, and no match. */
static bool read_high(const struct reading *r, size_t *i, unsigned *high)
{
	const int symbol = at(r, *i + 1) == '.' ? read_symbol(r, *i) : -1;

	if (symbol >= 0) {
		*high = (unsigned)symbol;
		*i += 5;
		return true;
	}
	if (at(r, *i) == '\\')
		++*i;
	if (*i >= r->text.n)
		return false;
	*high = folded(r, r->text.p[(*i)++]);
	return true;
}

/* One member at *i, a byte or a range. False: no match, whatever the value. */
static bool read_member(const struct reading *r, size_t *i, struct bracket *b)
{
	const int symbol = read_symbol(r, *i);
	bool alone = at(r, *i + (symbol >= 0 ? 5 : 1)) != '-';
	unsigned low, high;

	if (symbol >= 0) {
		low = (unsigned)symbol;
		*i += 5;
		if (at(r, *i - 2) == '=') {
			take_byte(b, low);
			return true;
		}
		if (alone)
			take_byte(b, low);
	} else {
		if (at(r, *i) == '\\' && ++*i >= r->text.n)
			return false;
		low = folded(r, r->text.p[(*i)++]);
		alone = at(r, *i) != '-' || at(r, *i + 1) == ']';
		if (alone)
			take_either(r, b, low);
	}
	if (at(r, *i) != '-' || at(r, *i + 1) == ']')
		return true;
	++*i;
	if (!read_high(r, i, &high))
		return false;
	take_range(r, b, low, high);
	return true;
}

/* At '['. The place behind its ']', or 0: it has none and is itself. */
static size_t read_bracket(struct reading *r, size_t i, struct bracket *b)
{
	const bool negated = at(r, i + 1) == '!' || at(r, i + 1) == '^';
	const size_t begin = i + 1 + negated;

	for (i = begin; i < r->text.n && (i == begin || r->text.p[i] != ']');) {
		size_t class = r->text.p[i] == '[' && at(r, i + 1) == ':' ? read_class(r, i, b) : 0;

		if (class > 0) {
			i = class;
		} else if (!read_member(r, &i, b)) {
			r->never = true;
			return r->text.n;
		}
	}
	if (i >= r->text.n)
		return 0;
	for (unsigned w = 0; negated && w < 4; w++)
		b->set[w] = b->dead ? 0 : ~b->set[w];
	return i + 1;
}

/* --- together ------------------------------------------------------------------------------ */

static int read_glob(struct reading *r)
{
	add_star(r); /* the first segment */
	for (size_t i = 0; i < r->text.n;) {
		const char c = r->text.p[i];
		struct bracket b = { .dead = false };
		const size_t behind = c == '[' ? read_bracket(r, i, &b) : 0;

		i++;
		if (behind > 0) {
			uint64_t *set = arena_zeroed(r->a, 1, sizeof(b.set));

			if (!set)
				return -ENOMEM;
			memcpy(set, b.set, sizeof(b.set));
			add_piece(r, PIECE_SET)->set = set;
			i = behind;
		} else if (c == '*') {
			add_star(r);
		} else if (c == '?') {
			add_piece(r, PIECE_ANY);
		} else if (c != '\\') {
			add_byte(r, c);
		} else if (i < r->text.n) {
			add_byte(r, r->text.p[i++]);
		} else {
			r->never = true;
		}
	}
	return 0;
}

static int kept(const struct reading *r, const struct glob **out)
{
	struct glob *g = arena_zeroed(r->a, 1, sizeof(*g));
	struct piece *pieces = arena_zeroed(r->a, r->pieces_n, sizeof(*pieces));
	struct segment *segments = arena_zeroed(r->a, r->segments_n, sizeof(*segments));

	if (!g || !pieces || !segments)
		return -ENOMEM;
	memcpy(pieces, r->pieces, r->pieces_n * sizeof(*pieces));
	memcpy(segments, r->segments, r->segments_n * sizeof(*segments));
	*g = (struct glob){ .pieces = pieces,
			    .segments = segments,
			    .segments_n = r->segments_n,
			    .any_case = r->any_case,
			    .never = r->never };
	for (uint32_t i = 0; i < g->segments_n; i++) {
		struct segment *s = &g->segments[i];
		const struct piece *p = &g->pieces[s->first];

		g->bytes += s->bytes;
		if (g->any_case && s->n == 1 && p->kind == PIECE_TEXT &&
		    needle_make(r->a, (struct span){ p->text, p->n }, &s->needle) < 0)
			return -ENOMEM;
	}
	*out = g;
	return 0;
}

static inline void auto_reading_release(struct reading *r)
{
	free(r->pieces);
	free(r->segments);
}

int glob_make(struct arena *a, struct span text, bool any_case, const struct glob **out)
{
	AUTO(reading_release)
	struct reading r = { .a = a, .text = text, .any_case = any_case };

	if (text.n > GLOB_MAX_BYTES)
		return -E2BIG;
	r.pieces = calloc(text.n + 1, sizeof(*r.pieces));
	r.segments = calloc(text.n + 1, sizeof(*r.segments));
	r.bytes = arena_zeroed(a, 1, text.n + 1);
	if (!r.pieces || !r.segments || !r.bytes || read_glob(&r) < 0)
		return -ENOMEM;
	return kept(&r, out);
}

/* --- matching ------------------------------------------------------------------------------ */

static bool is_text(const struct glob *g, const struct piece *t, const char *p)
{
	if (!g->any_case)
		return memcmp(p, t->text, t->n) == 0;
	for (uint32_t i = 0; i < t->n; i++)
		if (needle_lower(p[i]) != (unsigned char)t->text[i])
			return false;
	return true;
}

/* There are s->bytes at p. */
static bool is_segment(const struct glob *g, const struct segment *s, const char *p)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct piece *t = &g->pieces[s->first + i];
		const unsigned char c = (unsigned char)*p;

		if (t->kind == PIECE_TEXT && !is_text(g, t, p))
			return false;
		if (t->kind == PIECE_SET && !(t->set[c / 64] >> (c % 64) & 1))
			return false;
		p += t->n;
	}
	return true;
}

/* The first place of the segment in the value, or NEEDLE_NONE. */
static size_t find(const struct glob *g, const struct segment *s, struct span value)
{
	const struct piece *t = &g->pieces[s->first];

	if (s->bytes > value.n)
		return NEEDLE_NONE;
	if (s->n == 0)
		return 0;
	if (s->n == 1 && t->kind == PIECE_TEXT) {
		if (g->any_case)
			return needle_find(&s->needle, value);
		const char *p = memmem(value.p, value.n, t->text, t->n);

		return p ? (size_t)(p - value.p) : NEEDLE_NONE;
	}
	for (size_t i = 0; i + s->bytes <= value.n; i++)
		if (is_segment(g, s, value.p + i))
			return i;
	return NEEDLE_NONE;
}

bool glob_match(const struct glob *g, struct span value)
{
	const struct segment *first = g->segments, *last = &g->segments[g->segments_n - 1];

	if (g->never || value.n < g->bytes)
		return false;
	if (value.n == 0) /* nothing to look at: value.p may be NULL */
		return true;
	if (!is_segment(g, first, value.p))
		return false;
	if (first == last)
		return value.n == g->bytes;
	if (!is_segment(g, last, value.p + value.n - last->bytes))
		return false;
	struct span rest = { value.p + first->bytes, value.n - first->bytes - last->bytes };

	for (const struct segment *s = first + 1; s < last; s++) {
		const size_t place = find(g, s, rest);

		if (place == NEEDLE_NONE)
			return false;
		rest.p += place + s->bytes;
		rest.n -= place + s->bytes;
	}
	return true;
}
