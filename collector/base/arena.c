// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 65536
#define ALIGN	    16

struct arena_block {
	struct arena_block *next;
	size_t len, cap;
	char bytes[] __attribute__((aligned(ALIGN)));
};

void arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){ .max = max_bytes };
}

void arena_release(struct arena *a)
{
	for (struct arena_block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){ .max = a->max };
}

static void *fail(struct arena *a)
{
	a->failed = true;
	return NULL;
}

void *arena_zeroed(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (a->failed || __builtin_mul_overflow(count, size, &n) || n > a->max - a->used)
		return fail(a);
	n = n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
	if (n > a->max - a->used)
		return fail(a);
	struct arena_block *b = a->blocks;

	if (!b || b->cap - b->len < n) {
		size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;

		b = calloc(1, sizeof(*b) + cap);
		if (!b)
			return fail(a);
		b->cap = cap;
		b->next = a->blocks;
		a->blocks = b;
	}
	void *p = b->bytes + b->len;

	b->len += n;
	a->used += n;
	return p;
}

struct span arena_copy(struct arena *a, struct span s)
{
	char *p = arena_zeroed(a, 1, s.n + 1);

	if (!p)
		return (struct span){ NULL, 0 };
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct span){ p, s.n };
}

struct span arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	int n = vsnprintf(NULL, 0, fmt, list);
	va_end(list);
	char *p = n < 0 ? NULL : arena_zeroed(a, 1, (size_t)n + 1);

	if (!p) {
		a->failed = true;
		return (struct span){ NULL, 0 };
	}
	va_start(list, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, list);
	va_end(list);
	return (struct span){ p, (size_t)n };
}
