// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: a condition, a newline, a format: compiled as `bulkhead events` compiles them, then put to
 * an open, an exec and a connection. Whatever it is, compiling ends, and so does each event. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/rule_query.h"
#include "tests/unit/detector/rule_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONGEST_INPUT 4096

/* cmocka's, for the fixture: here a failure ends the program. */
void _assert_int_equal(const uintmax_t a, const uintmax_t b, const char *const file, const int line)
{
	(void)file;
	(void)line;
	if (a != b)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct case_world w;
	static bool made;
	struct event_query_hooks h;
	struct event_query *q = NULL;
	struct span condition = { (const char *)data, size }, format = { "", 0 };
	struct err e = { "" };
	struct buf b;
	uint64_t types;

	if (size > LONGEST_INPUT)
		return 0;
	if (!made)
		case_world(&w);
	made = true;
	const char *line = size ? memchr(data, '\n', size) : NULL;

	if (line) {
		condition.n = (size_t)(line - condition.p);
		format = (struct span){ line + 1, size - condition.n - 1 };
	}
	rule_query_hooks(&h, NULL);
	if (h.make(h.ctx, condition, format, &types, &q, &e) < 0) {
		if (!e.text[0])
			abort();
		return 0;
	}
	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < ON_COUNT; i++) {
		buf_clear(&b);
		if (h.pass(q, &w.views[i], &w.contexts[i]) && format.n > 0)
			h.print(q, &b);
	}
	buf_release(&b);
	h.free(q);
	return 0;
}
