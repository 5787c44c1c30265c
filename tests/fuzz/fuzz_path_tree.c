// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: four bytes of settings, then lines: "+PATH" adds, "*PATTERN" adds a pattern, "-PATTERN"
 * removes, "?PATH" looks for what is nearest. Whatever it is: what was added is found from then on,
 * until something is removed; limits hold; the patterns of the tree make the same tree again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/path_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SETTINGS      4
#define MAX_LINES     64
#define LONGEST_INPUT 9000

#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what))                                                                       \
			abort();                                                                   \
	} while (0)

struct copied {
	struct path_tree *copy;
	uint32_t entries;
};

static bool copy_one(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct copied *c = ctx;
	struct path_entry *to;

	MUST(path_tree_add_pattern(c->copy, pattern, &to) == 0);
	MUST(to->seen.windows[0] == 0);
	to->seen.windows[0] = 1;
	MUST(entry->id > 0);
	c->entries++;
	return true;
}

static void check(const struct path_tree *t, struct path_tree_settings s)
{
	const struct path_tree_stats stats = path_tree_stats(t);
	struct copied c = { .entries = 0 };

	MUST(stats.entries <= s.max_entries && stats.bytes <= s.max_bytes);
	s.max_entries = s.max_bytes = 1 << 24;
	MUST(path_tree_new(&c.copy, &s, NULL) == 0);
	path_tree_each(t, copy_one, &c);
	MUST(c.entries == stats.entries);
	MUST(path_tree_stats(c.copy).entries == stats.entries);
	MUST(path_tree_stats(c.copy).nodes == stats.nodes);
	path_tree_free(c.copy);
}

struct known {
	struct span paths[MAX_LINES];
	unsigned n;
};

static void run_line(struct path_tree *t, struct known *known, struct span line)
{
	const struct span text = { line.p + 1, line.n - 1 };
	struct path_entry *entry = NULL;
	struct buf b;

	buf_init(&b, 1 << 16);
	switch (line.p[0]) {
	case '+':
		if (path_tree_add(t, text, &entry, NULL) < 0)
			break;
		MUST(path_tree_find(t, text) == entry);
		known->paths[known->n++] = text;
		break;
	case '*':
		if (path_tree_add_pattern(t, text, &entry) == 0)
			MUST(entry->id > 0);
		break;
	case '-':
		if (path_tree_remove(t, text))
			known->n = 0;
		MUST(!path_tree_find_pattern(t, text));
		break;
	default:
		entry = path_tree_nearest(t, text, &b);
		if (entry)
			MUST(path_tree_find_pattern(t, (struct span){ b.data, b.len }) == entry);
		path_tree_normalise(text, &b);
	}
	MUST(!b.failed);
	buf_release(&b);
	for (unsigned i = 0; i < known->n; i++)
		MUST(path_tree_find(t, known->paths[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct path_tree *t = NULL;
	struct known known = { .n = 0 };
	struct span line;

	if (size < SETTINGS || size > LONGEST_INPUT)
		return 0;
	const struct path_tree_settings s = { .fan_out = data[0] % 8,
					      .max_entries = data[1] + 1U,
					      .max_bytes = 600 + data[2] * 64U,
					      .normalise = data[3] & 1 };
	struct span rest = { (const char *)data + SETTINGS, size - SETTINGS };

	MUST(path_tree_new(&t, &s, NULL) == 0);
	for (unsigned i = 0; i < MAX_LINES && span_next(&rest, '\n', &line); i++) {
		if (line.n > 0)
			run_line(t, &known, line);
		check(t, s);
	}
	path_tree_free(t);
	return 0;
}
