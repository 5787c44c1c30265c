// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a byte of a scalar's text stands in the file. YAML folds blanks and line ends, and leaves
 * all other bytes as they are (but for escapes in quotes): so the n-th byte of the text that is no
 * blank is the n-th of the file's that is none. */
#include <string.h>

#include "detector/rule_file_internal.h"

struct cursor {
	const unsigned char *p, *end;
	uint32_t line, column;
};

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* Bytes of a line end of YAML 1.1 here, or 0. */
static size_t break_len(const struct cursor *c)
{
	const unsigned char *p = c->p;
	size_t n = left(c);

	if (n >= 2 && p[0] == '\r' && p[1] == '\n')
		return 2;
	if (n >= 1 && (p[0] == '\n' || p[0] == '\r'))
		return 1;
	if (n >= 2 && p[0] == 0xc2 && p[1] == 0x85)
		return 2;
	if (n >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		return 3;
	return 0;
}

/* Moves over one byte, or one whole line end. */
static void step(struct cursor *c)
{
	size_t n = break_len(c);

	if (n > 0) {
		c->p += n;
		c->line++;
		c->column = 1;
	} else {
		c->column += (*c->p & 0xc0) != 0x80;
		c->p++;
	}
}

static size_t utf8_bytes(uint32_t code)
{
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/* What an escape of double quotes gives, in bytes that are no blanks; *len: its bytes here. */
static size_t escape(const struct cursor *c, size_t *len)
{
	struct cursor after = { c->p + 1, c->end, 0, 0 };
	size_t breaks = left(c) > 1 ? break_len(&after) : 0;

	*len = breaks ? 1 + breaks : left(c) > 1 ? 2 : 1;
	if (breaks || *len == 1)
		return 0;
	unsigned char e = c->p[1];

	if (e == ' ' || e == '\t' || e == 't' || e == 'n' || e == 'r')
		return 0;
	if (e == 'N' || e == '_')
		return 2;
	if (e == 'L' || e == 'P')
		return 3;
	size_t digits = e == 'x' ? 2 : e == 'u' ? 4 : e == 'U' ? 8 : 0;
	uint32_t code = 0;

	for (size_t i = 0; i < digits && left(c) > *len; i++)
		code = code << 4 | ((uint32_t)parse_hex_digit((char)c->p[(*len)++]) & 0xf);
	if (digits)
		return code < 0x80 && is_blank((unsigned char)code) ? 0 : utf8_bytes(code);
	return 1;
}

/* Bytes of the text, blanks aside, that the next piece of the file stands for. */
static size_t piece(const struct cursor *c, enum rule_style style, size_t *len)
{
	size_t breaks = break_len(c);

	*len = 1;
	if (breaks) {
		*len = breaks;
		return breaks == 3 ? 3 : 0; /* U+2028, U+2029 stay */
	}
	if (style == STYLE_DOUBLE && *c->p == '\\')
		return escape(c, len);
	if (style == STYLE_SINGLE && *c->p == '\'' && left(c) > 1 && c->p[1] == '\'')
		*len = 2;
	return is_blank(*c->p) ? 0 : 1;
}

static void skip(struct cursor *c, size_t len)
{
	const unsigned char *to = c->p + len;

	while (c->p < to)
		step(c);
}

/* Stands behind the n-th byte of the text; `before`: in front of the next one. */
static void walk(struct cursor *c, enum rule_style style, size_t n, bool before)
{
	while (c->p < c->end) {
		size_t len, gives = piece(c, style, &len);

		if (n == 0 && (gives > 0 || !before))
			return;
		if (gives > n) /* inside an escape */
			return;
		n -= gives;
		skip(c, len);
	}
}

static void place_in(const struct rule_scalar *s, struct span text, size_t at, uint32_t *line,
		     uint32_t *column)
{
	struct cursor c = { (const unsigned char *)s->file_bytes.p + s->begin,
			    (const unsigned char *)s->file_bytes.p + s->file_bytes.n, s->line,
			    s->column };
	bool before = at < text.n && !is_blank((unsigned char)text.p[at]);
	size_t n = 0;

	for (size_t i = 0; i < at && i < text.n; i++)
		n += !is_blank((unsigned char)text.p[i]);
	if (s->style == STYLE_BLOCK) /* the line of '|' or '>' is not of the text */
		while (c.p < c.end && c.line == s->line)
			step(&c);
	else if (s->style != STYLE_PLAIN && c.p < c.end)
		step(&c);
	walk(&c, s->style, n, before || n == 0);
	*line = c.line;
	*column = c.column;
}

const struct rule_segment *rule_places_at(const struct rule_places *p, uint32_t at)
{
	size_t low = 0, high = p->n; /* the last one that begins at or before it */

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (p->list[mid].from <= at)
			low = mid;
		else
			high = mid;
	}
	return &p->list[low];
}

void rule_place(const struct condition_source *s, uint32_t at, uint32_t *line, uint32_t *column)
{
	const struct rule_places *places = s->place_data;
	const struct rule_segment *g = rule_places_at(places, at);

	if (g->whole) {
		*line = g->scalar.line;
		*column = g->scalar.column;
		return;
	}
	size_t to = g + 1 < places->list + places->n ? g[1].from : s->text.n;

	if (to > s->text.n) /* its blanks were cut off */
		to = s->text.n;
	size_t from = g->from < to ? g->from : to;

	place_in(&g->scalar, (struct span){ s->text.p + from, to - from },
		 at > from ? at - from : 0, line, column);
}
