// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables for terminals: columns as wide as their widest cell, cut where the terminal is narrow. */
#include <stdlib.h>
#include <string.h>

#include "http/cli.h"

#define GAP	       2
#define MAX_CELL_BYTES 8192

void cli_table_init(struct cli_table *t, const struct cli_column *columns, size_t n)
{
	*t = (struct cli_table){ .columns = columns,
				 .columns_n = n < CLI_MAX_COLUMNS ? n : CLI_MAX_COLUMNS };
}

void cli_table_release(struct cli_table *t)
{
	for (size_t i = 0; i < t->cells_n; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct cli_table){ .columns = NULL };
}

void cli_table_cell(struct cli_table *t, const char *text, enum cli_colour colour)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	if (t->cells_n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct cli_cell *cells = realloc(t->cells, cap * sizeof(*cells));

		if (!cells) {
			t->failed = true;
			return;
		}
		t->cells = cells;
		t->cap = cap;
	}
	buf_init(&b, 4 * MAX_CELL_BYTES);
	struct span s = span_str(text && *text ? text : "-");

	if (s.n > MAX_CELL_BYTES)
		s.n = MAX_CELL_BYTES;
	buf_add_visible(&b, s);
	char *copy = buf_take_str(&b);

	if (!copy)
		t->failed = true;
	else
		t->cells[t->cells_n++] = (struct cli_cell){ copy, colour };
}

/* Characters, each taken as one column wide. */
static unsigned width_of(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Takes from the widest column that may give, until the row fits or none may give more. */
static void fit(const struct cli_table *t, unsigned width, unsigned *widths)
{
	unsigned total = GAP * ((unsigned)t->columns_n - 1);

	for (size_t i = 0; i < t->columns_n; i++)
		total += widths[i];
	while (total > width) {
		size_t widest = t->columns_n;

		for (size_t i = 0; i < t->columns_n; i++)
			if (t->columns[i].least && widths[i] > t->columns[i].least &&
			    (widest == t->columns_n || widths[i] > widths[widest]))
				widest = i;
		if (widest == t->columns_n)
			return;
		widths[widest]--;
		total--;
	}
}

static void add_cut(struct buf *out, const char *s, unsigned width)
{
	const char *p = s;

	if (width_of(s) <= width) {
		buf_add_str(out, s);
		return;
	}
	for (unsigned n = 0; *p; p++)
		if (((unsigned char)*p & 0xc0) != 0x80 && ++n == width)
			break;
	buf_add(out, s, (size_t)(p - s));
	buf_add_str(out, "\xe2\x80\xa6"); /* ellipsis */
}

static void add_row(const struct cli_table *t, const struct cli_cell *row, const unsigned *widths,
		    bool colour, struct buf *out)
{
	static const char *const codes[] = { [CLI_PLAIN] = "",
					     [CLI_GREEN] = "\033[32m",
					     [CLI_YELLOW] = "\033[33m",
					     [CLI_RED] = "\033[31m",
					     [CLI_DIM] = "\033[2m" };

	for (size_t i = 0; i < t->columns_n; i++) {
		bool painted = colour && row[i].colour != CLI_PLAIN;
		bool last = i + 1 == t->columns_n;
		unsigned used = width_of(row[i].text);
		unsigned pad = used < widths[i] ? widths[i] - used : 0;

		for (unsigned k = 0; t->columns[i].right && k < pad; k++)
			buf_add_char(out, ' ');
		if (painted)
			buf_add_str(out, codes[row[i].colour]);
		add_cut(out, row[i].text, widths[i]);
		if (painted)
			buf_add_str(out, "\033[0m");
		for (unsigned k = 0; !t->columns[i].right && !last && k < pad; k++)
			buf_add_char(out, ' ');
		buf_add_str(out, last ? "\n" : "  ");
	}
}

void cli_table_print(const struct cli_table *t, const struct cli_terminal *to, struct buf *out)
{
	unsigned widths[CLI_MAX_COLUMNS] = { 0 };
	struct cli_cell titles[CLI_MAX_COLUMNS];
	char names[CLI_MAX_COLUMNS][32];

	if (t->failed)
		out->failed = true;
	if (t->columns_n == 0)
		return;
	for (size_t i = 0; i < t->columns_n; i++) {
		snprintf(names[i], sizeof(names[i]), "%s", t->columns[i].title);
		titles[i] = (struct cli_cell){ names[i], CLI_DIM };
		widths[i] = width_of(names[i]);
	}
	for (size_t i = 0; i < t->cells_n; i++) {
		unsigned w = width_of(t->cells[i].text);

		if (w > widths[i % t->columns_n])
			widths[i % t->columns_n] = w;
	}
	if (to->width > 0)
		fit(t, to->width, widths);
	add_row(t, titles, widths, to->colour, out);
	for (size_t i = 0; i + t->columns_n <= t->cells_n; i += t->columns_n)
		add_row(t, t->cells + i, widths, to->colour, out);
}
