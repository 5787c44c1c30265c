/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_tree_case - helpers of the tests of path_tree: trees by literals, sets as one text. */
#ifndef BULKHEAD_TESTS_PATH_TREE_CASE_H
#define BULKHEAD_TESTS_PATH_TREE_CASE_H

#include "detector/path_tree.h"

static inline struct path_tree *tree_new(uint32_t fan_out, uint32_t max_entries, bool normalise)
{
	const struct path_tree_settings s = { .fan_out = fan_out,
					      .max_entries = max_entries,
					      .max_bytes = 8 << 20,
					      .normalise = normalise };
	struct path_tree *t = NULL;

	assert_int_equal(path_tree_new(&t, &s, NULL), 0);
	return t;
}

/* Counts a window, as the caller of a real tree does. True: it was new. */
static inline bool tree_add(struct path_tree *t, const char *path)
{
	struct path_entry *entry = NULL;
	bool made = false;

	assert_int_equal(path_tree_add(t, span_str(path), &entry, &made), 0);
	assert_ptr_equal(path_tree_find(t, span_str(path)), entry);
	entry->seen.windows[PHASE_STEADY]++;
	return made;
}

static inline bool tree_knows(const struct path_tree *t, const char *path)
{
	return path_tree_find(t, span_str(path)) != NULL;
}

static inline bool tree_put(void *ctx, struct span pattern, struct path_entry *entry)
{
	(void)entry;
	buf_add_span(ctx, pattern);
	buf_add_char(ctx, '\n');
	return true;
}

/* All patterns, each with a newline behind; free() it. */
static inline char *tree_text(const struct path_tree *t)
{
	struct buf b;

	buf_init(&b, 64 << 20);
	path_tree_each(t, tree_put, &b);
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	return b.data;
}

static inline void tree_is(const struct path_tree *t, const char *want)
{
	char *text = tree_text(t);

	assert_string_equal(text, want);
	free(text);
}

static inline uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

#endif
