/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgwatch_tree - the directories that cgwatch tracks: a tree, found by (parent, name) and by watch
 * descriptor. A part of cgwatch; same thread, no I/O. */
#ifndef BULKHEAD_CGWATCH_TREE_H
#define BULKHEAD_CGWATCH_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/parse.h"

#define CGTREE_BUCKETS 8192 /* power of two; chains of 8 at CGWATCH_MAX_CGROUPS */

struct cgnode {
	struct cgnode *parent; /* NULL for the root */
	struct cgnode *children, *next, *prev;
	struct cgnode *same_name, *same_wd; /* chains of the two tables */
	uint64_t inode;
	int wd;	       /* watch descriptor, -1 without */
	uint32_t seen; /* number of the scan that met it last */
	uint16_t depth, path_n;
	uint16_t name_n;
	char name[]; /* NUL-terminated; "" for the root */
};

struct cgtree {
	struct cgnode *root;
	size_t nodes, watches;
	uint64_t key; /* drawn at start: names are chosen by whoever makes cgroups */
	struct cgnode *by_name[CGTREE_BUCKETS];
	struct cgnode *by_wd[CGTREE_BUCKETS];
};

void cgtree_init(struct cgtree *t);
void cgtree_release(struct cgtree *t); /* frees every node */

/* A new node, owned by the tree; NULL without memory. parent NULL makes the root. */
struct cgnode *cgtree_add(struct cgtree *t, struct cgnode *parent, const char *name,
			  uint64_t inode);
void cgtree_remove(struct cgtree *t, struct cgnode *n); /* has no children, no watch */

struct cgnode *cgtree_find(const struct cgtree *t, const struct cgnode *parent, const char *name);
struct cgnode *cgtree_find_wd(const struct cgtree *t, int wd);
void cgtree_set_wd(struct cgtree *t, struct cgnode *n, int wd); /* -1: without */

/* Whether a child of that name fits the limits of a path. */
bool cgtree_fits(const struct cgnode *parent, const char *name);
bool cgtree_is_above(const struct cgnode *n, const struct cgnode *below);

/* "/a/b", "/" for the root. */
void cgtree_path(const struct cgnode *n, char out[PATH_MAX]);

#endif
