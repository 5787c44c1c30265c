/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition_case - a condition parsed for a test, with all that it needs. */
#ifndef BULKHEAD_TEST_CONDITION_CASE_H
#define BULKHEAD_TEST_CONDITION_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detector/condition.h"

#define ARENA_BYTES (256U << 20)
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))

struct parsed {
	struct arena arena;
	struct condition_source source;
	const struct condition *c;
	uint32_t at;
	struct err e;
	int r;
};

static inline void parse_span(struct parsed *p, struct span text)
{
	*p = (struct parsed){ .source = { .file = SPAN_LIT("a.yaml"),
					  .what = SPAN_LIT("rule"),
					  .name = SPAN_LIT("R"),
					  .text = text },
			      .at = UINT32_MAX };
	arena_init(&p->arena, ARENA_BYTES);
	p->r = condition_parse(&p->arena, &p->source, &p->c, &p->at, &p->e);
}

static inline void parse(struct parsed *p, const char *text)
{
	parse_span(p, span_str(text));
}

static inline void parsed_release(struct parsed *p)
{
	arena_release(&p->arena);
}
#define AUTO_PARSED __attribute__((cleanup(parsed_release)))

static inline char *printed(const struct condition *c)
{
	struct buf b = { .max = 1U << 24, .fd = -1 };

	condition_print(&b, c);
	char *text = buf_take_str(&b);

	assert_non_null(text);
	return text;
}

static inline int item(struct arena *a, const char *text, struct condition_value *v, struct err *e)
{
	struct condition_source s = { .what = SPAN_LIT("list"),
				      .name = SPAN_LIT("L"),
				      .text = span_str(text) };

	return condition_item(a, &s, s.text, v, e);
}

#endif
