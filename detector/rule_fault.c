// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rule_fault.h"

#include <string.h>

/* "12:7: text": bytes up to the text, or 0. */
static size_t line_and_column(struct span s, struct rule_fault *p)
{
	struct span rest = s, line, column;
	uint32_t at_line, at_column;

	if (!span_next(&rest, ':', &line) || !span_next(&rest, ':', &column) || !rest.p ||
	    !span_starts(rest, " ") || !parse_u32(line, &at_line) || !parse_u32(column, &at_column))
		return 0;
	p->line = at_line;
	p->column = at_column;
	return (size_t)(rest.p - s.p) + 1;
}

struct span rule_fault_split(const struct rule *r, const char *text, struct rule_fault *p)
{
	struct span s = span_str(text);
	AUTO_BUF struct buf prefix = { .fd = -1 };

	*p = (struct rule_fault){ .file = r->file, .line = r->line };
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != ':')
			continue;
		size_t n = line_and_column((struct span){ s.p + i + 1, s.n - i - 1 }, p);

		if (n == 0)
			continue;
		p->file = (struct span){ s.p, i };
		s = (struct span){ s.p + i + 1 + n, s.n - i - 1 - n };
		break;
	}
	buf_init(&prefix, 65536);
	buf_add_str(&prefix, "rule '");
	buf_add_visible(&prefix, r->name); /* as condition_fault writes it */
	buf_add_str(&prefix, "': ");
	if (!prefix.failed && prefix.len <= s.n && memcmp(s.p, prefix.data, prefix.len) == 0)
		s = (struct span){ s.p + prefix.len, s.n - prefix.len };
	return s;
}
