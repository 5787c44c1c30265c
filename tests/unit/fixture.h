/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fixture - a directory tree from one literal, in a fresh temporary directory.
 *
 *	AUTO_TREE struct tree t = tree_make(
 *		"@ proc/42/cgroup\n0::/a\n"
 *		"@ proc/42/stat\n42 (x) S 1\n");
 * Format: each file starts with a line "@ path"; what follows up to the next such line is its
 * content. "@ path/" makes an empty directory, "@ path -> target" a symbolic link. */
#ifndef BULKHEAD_TESTS_FIXTURE_H
#define BULKHEAD_TESTS_FIXTURE_H

#include <stddef.h>

struct tree {
	char path[128];
};

struct tree tree_make(const char *literal); /* aborts the test program on failure */
/* One file of any bytes, parents made as needed. */
void tree_write(const struct tree *t, const char *path, const void *bytes, size_t n);
void tree_remove(struct tree *t);
#define AUTO_TREE __attribute__((cleanup(tree_remove)))

#endif
