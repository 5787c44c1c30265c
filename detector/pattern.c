// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

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

static int compile(struct pattern *p, struct span text, struct err *e)
{
	const uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C;
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

int pattern_new(struct pattern **out, struct span text, struct err *e)
{
	AUTO(pattern_free) struct pattern *p = NULL;

	if (text.n > PATTERN_MAX_BYTES)
		return err_set(e, EINVAL, "the pattern has %zu bytes, %u are the most", text.n,
			       PATTERN_MAX_BYTES);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ENOMEM, "no memory for a pattern");
	int r = compile(p, (struct span){ text.n ? text.p : "", text.n }, e);

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
