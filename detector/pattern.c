// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/buf.h"

#define HEAP_KIB      64
#define DEPTH_LIMIT   1000
#define COMPILE_DEPTH 100 /* of parentheses */

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_match_data_free(p->data);
	pcre2_match_context_free(p->context);
	pcre2_code_free(p->code);
	free(p);
}

static void add_literal(struct buf *b, char c)
{
	static const char special[] = "\\^$.[]|()?*+{}-#&~";

	if (c == '\0') { /* PCRE2 takes lengths, but a text with NUL cannot come from a rule */
		buf_add_str(b, "\\x00");
		return;
	}
	if (strchr(special, c))
		buf_add_char(b, '\\');
	buf_add_char(b, c);
}

/* The end of "[...]" that begins at i: index of ']', or 0 when there is none. */
static size_t bracket_end(struct span g, size_t i)
{
	size_t at = i + 1;

	if (at < g.n && (g.p[at] == '!' || g.p[at] == '^'))
		at++;
	if (at < g.n && g.p[at] == ']') /* first: a member */
		at++;
	while (at < g.n && g.p[at] != ']') {
		if (g.p[at] == '[' && at + 1 < g.n && strchr(":.=", g.p[at + 1])) {
			const char kind = g.p[at + 1];
			size_t close = at + 2;

			while (close + 1 < g.n && !(g.p[close] == kind && g.p[close + 1] == ']'))
				close++;
			if (close + 1 < g.n)
				at = close + 1;
		} else if (g.p[at] == '\\' && at + 1 < g.n) {
			at++;
		}
		at++;
	}
	return at < g.n ? at : 0;
}

static void add_bracket(struct buf *b, struct span g, size_t i, size_t end)
{
	size_t at = i + 1;

	buf_add_char(b, '[');
	if (g.p[at] == '!' || g.p[at] == '^') {
		buf_add_char(b, '^');
		at++;
	}
	for (; at < end; at++) {
		if (g.p[at] == '[' && at + 1 < end && g.p[at + 1] == ':') {
			size_t close = at + 2;

			while (close < end && !(g.p[close] == ':' && g.p[close + 1] == ']'))
				close++;
			if (close < end) {
				buf_add(b, g.p + at, close + 2 - at);
				at = close + 1;
				continue;
			}
		}
		if (g.p[at] == '\\' && at + 1 < end)
			at++;
		else if (g.p[at] == '-' && at > i + 1 && at + 1 < end) {
			buf_add_char(b, '-'); /* a range */
			continue;
		}
		add_literal(b, g.p[at]);
	}
	buf_add_char(b, ']');
}

static void from_glob(struct buf *b, struct span g)
{
	for (size_t i = 0; i < g.n; i++) {
		size_t end = g.p[i] == '[' ? bracket_end(g, i) : 0;

		if (g.p[i] == '*') {
			while (i + 1 < g.n && g.p[i + 1] == '*')
				i++;
			buf_add_str(b, ".*");
		} else if (g.p[i] == '?') {
			buf_add_char(b, '.');
		} else if (end > 0) {
			add_bracket(b, g, i, end);
			i = end;
		} else {
			if (g.p[i] == '\\' && i + 1 < g.n)
				i++;
			add_literal(b, g.p[i]);
		}
	}
}

static int compile(struct pattern *p, struct span text, uint32_t options, struct err *e)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	PCRE2_SIZE at = 0;
	int code = 0;

	if (!context)
		return err_set(e, ENOMEM, "no memory for a pattern");
	pcre2_set_parens_nest_limit(context, COMPILE_DEPTH);
	p->code = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &code, &at, context);
	pcre2_compile_context_free(context);
	if (!p->code) {
		PCRE2_UCHAR why[128];

		if (pcre2_get_error_message(code, why, sizeof(why)) < 0)
			why[0] = '\0';
		return err_set(e, EINVAL, "the pattern is not understood at byte %zu: %s", at + 1,
			       (const char *)why);
	}
	/* refused where memory may not be made executable: the interpreter is slower, that is all
	 */
	pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	p->data = pcre2_match_data_create(1, NULL);
	p->context = pcre2_match_context_create(NULL);
	if (!p->data || !p->context)
		return err_set(e, ENOMEM, "no memory for a pattern");
	pcre2_set_match_limit(p->context, PATTERN_MATCH_LIMIT);
	pcre2_set_depth_limit(p->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(p->context, HEAP_KIB);
	return 0;
}

int pattern_new(struct pattern **out, enum pattern_kind kind, struct span text, struct err *e)
{
	AUTO(pattern_free) struct pattern *p = NULL;
	AUTO_BUF struct buf b = { .fd = -1 };
	uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C;

	if (text.n > PATTERN_MAX_BYTES)
		return err_set(e, EINVAL, "the pattern has %zu bytes, %u are the most", text.n,
			       PATTERN_MAX_BYTES);
	buf_init(&b, PATTERN_MAX_BYTES * 8);
	if (kind == PATTERN_REGEX) {
		buf_add_span(&b, text);
	} else {
		options |= PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY;
		from_glob(&b, text);
	}
	if (kind == PATTERN_IGLOB)
		options |= PCRE2_CASELESS;
	p = calloc(1, sizeof(*p));
	if (!p || b.failed)
		return err_set(e, ENOMEM, "no memory for a pattern");
	int r = compile(p, (struct span){ b.len ? b.data : "", b.len }, options, e);

	if (r < 0)
		return r;
	*out = TAKE(p);
	return 0;
}

bool pattern_match(struct pattern *p, struct span value, uint64_t *given_up)
{
	int r = pcre2_match(p->code, (PCRE2_SPTR)(value.p ? value.p : ""), value.n, 0, 0, p->data,
			    p->context);

	if (r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_DEPTHLIMIT ||
	    r == PCRE2_ERROR_HEAPLIMIT || r == PCRE2_ERROR_JIT_STACKLIMIT)
		++*given_up;
	return r >= 0;
}
