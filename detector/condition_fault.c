// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/condition.h"

#include <stdarg.h>
#include <stdio.h>

#define NAME_SHOWN_BYTES 128

/* Columns are counted in characters, as editors do. */
static void place_in_text(const struct condition_source *s, uint32_t at, uint32_t *line,
			  uint32_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at && i < s->text.n; i++) {
		if (s->text.p[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)s->text.p[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}

/* Names are shown, not repeated at length: the message behind them matters more. */
static struct span head(struct span s)
{
	return (struct span){ s.p, s.n < NAME_SHOWN_BYTES ? s.n : NAME_SHOWN_BYTES };
}

static void write_place(struct buf *b, const struct condition_source *s, uint32_t at)
{
	uint32_t line = 1, column = 1;

	(s->place ? s->place : place_in_text)(s, at, &line, &column);
	if (s->file.n > 0) {
		buf_add_visible(b, head(s->file));
		buf_add_char(b, ':');
	}
	buf_printf(b, "%u:%u: ", line, column);
	if (s->what.n > 0) {
		buf_add_visible(b, head(s->what));
		buf_add_str(b, " '");
		buf_add_visible(b, head(s->name));
		buf_add_str(b, "': ");
	}
}

int condition_fault(const struct condition_source *s, uint32_t at, int code, struct err *e,
		    const char *fmt, ...)
{
	char text[ERR_TEXT_BYTES] = "";
	va_list list;

	if (!e)
		return -code;
	va_start(list, fmt);
	vsnprintf(text, sizeof(text), fmt, list);
	va_end(list);

	AUTO_BUF struct buf b = { .max = 16 * ERR_TEXT_BYTES, .fd = -1 };

	write_place(&b, s, at);
	buf_add_visible(&b, span_str(text));
	if (b.failed)
		return err_set(e, code, "byte %u of a condition: out of memory", at);
	return err_set(e, code, "%.*s", (int)b.len, b.data);
}
