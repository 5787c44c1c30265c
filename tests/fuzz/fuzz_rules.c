// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: files of rules. What loads has no macro left in it and places that exist; what does
 * not says why. A NUL byte divides two files. */
#include <stdlib.h>
#include <string.h>

#include "detector/rule_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct condition *c, size_t *budget)
{
	uint32_t line = 0, column = 0;

	if (!c || c->kind == CONDITION_MACRO || !c->source)
		abort();
	if ((*budget)-- == 0) /* shared parts are met often */
		return;
	c->source->place(c->source, c->at, &line, &column);
	if (line == 0 || column == 0)
		abort();
	for (size_t i = 0; i<c->children_n && * budget> 0; i++)
		check(c->children[i], budget);
}

static void check_rule(const struct rule *r)
{
	struct buf b;
	size_t budget = 500;

	check(r->condition, &budget);
	for (uint32_t at = 0; r->output.source && at < 40; at++) {
		uint32_t line = 0, column = 0;

		r->output.source->place(r->output.source, at, &line, &column);
	}
	buf_init(&b, 1U << 20);
	condition_print(&b, r->written);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span s = { (const char *)data, n };
	const char *end = n ? memchr(s.p, '\0', n) : NULL;
	size_t first = end ? (size_t)(end - s.p) : n;
	struct rule_set set;

	rule_set_init(&set);
	if (rule_set_add(&set, SPAN_LIT("a"), (struct span){ s.p, first }) < 0)
		abort();
	if (end && rule_set_add(&set, SPAN_LIT("b"), (struct span){ end + 1, n - first - 1 }) < 0)
		abort();
	if (rule_set_finish(&set) < 0 && !set.arena.failed)
		abort();
	if (set.failed && !set.messages.first && !set.arena.failed)
		abort();
	for (size_t i = 0; i < set.n; i++)
		check_rule(&set.rules[i]);
	rule_set_release(&set);
	return 0;
}
