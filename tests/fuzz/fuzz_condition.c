// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: a condition; also read as the item of a list. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct condition_source source_of(struct span text)
{
	return (struct condition_source){ .file = SPAN_LIT("f.yaml"),
					  .what = SPAN_LIT("rule"),
					  .name = SPAN_LIT("r"),
					  .text = text };
}

static void check_error(int r, const struct err *e)
{
	if (r != 0 && (!strstr(e->text, "rule 'r': got ") || !strstr(e->text, ", expected ")))
		abort();
}

/* What was understood, printed, means the same. */
static void check_printed(const struct condition *c)
{
	AUTO_BUF struct buf b = { .max = 1U << 24, .fd = -1 };
	AUTO_ARENA struct arena a = { .max = 1U << 28 };
	const struct condition *again = NULL;
	struct err e;

	condition_print(&b, c);
	if (b.failed)
		abort();
	if (b.len > CONDITION_MAX_BYTES)
		return;
	struct condition_source s = source_of((struct span){ b.data, b.len });

	if (condition_parse(&a, &s, &again, NULL, &e) != 0 || !condition_same(c, again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1); /* its end is watched, the input's is not */
	AUTO_ARENA struct arena a = { .max = 1U << 28 };
	const struct condition *c = NULL;
	struct condition_value v;
	uint32_t at = 0;
	struct err e;

	if (!copy)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	struct condition_source s = source_of((struct span){ copy, size });
	int r = condition_parse(&a, &s, &c, &at, &e);

	check_error(r, &e);
	if (at > size)
		abort();
	if (r == 0)
		check_printed(c);
	r = condition_item(&a, &s, s.text, &v, &e);
	check_error(r, &e);
	if (r == 0 && (v.operand || v.list || memchr(v.text.p, 0, v.text.n)))
		abort();
	free(copy);
	return 0;
}
