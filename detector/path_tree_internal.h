/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_tree_internal - what the files of path_tree share.
 *
 * Inside, a wildcard is a NUL byte, which no path can hold: so labels need no escapes, and a label
 * is compared with memcmp. Nodes, entries and the bytes of labels lie in three arrays and are
 * named by their place, 0 is none: a third of the memory of pointers and single allocations.
 * The children of a node are a treap (a search tree that is balanced by random weights): wildcards
 * first, then by bytes.
 *
 * What holds between two calls: no child is covered by a sibling (so of "*" there are at most the
 * children "*" and "", of "**" it alone), and each node without children has an entry. */
#ifndef BULKHEAD_PATH_TREE_INTERNAL_H
#define BULKHEAD_PATH_TREE_INTERNAL_H

#include "detector/path_tree.h"

#define PATH_ROOT      1U
#define PATH_WILDCARDS 4   /* of one segment; with more it is a wildcard as a whole */
#define PATH_SEGMENT   255 /* longest file name of Linux; what is longer has been made up */

struct path_node {
	uint32_t left, right; /* siblings */
	uint32_t down;	      /* children */
	uint32_t entry;
	uint32_t label; /* offset; LABEL_DEAD: the node is free */
};
#define LABEL_DEAD  UINT32_MAX
#define LABEL_ANY   0U /* these three are in every heap of labels, at the same places */
#define LABEL_DEEP  3U
#define LABEL_EMPTY 6U
#define LABEL_FIRST 8U

struct path_tree {
	struct path_tree_settings settings;
	struct path_node *nodes;
	uint32_t nodes_n, nodes_cap, nodes_free,
		nodes_used; /* _n: ever used; _free: list by left */
	struct path_entry *entries;
	uint32_t entries_n, entries_cap, entries_free, entries_used; /* list by id */
	char *labels; /* two bytes of length and kind, then the bytes */
	uint32_t labels_n, labels_cap, labels_dead;
	uint32_t next_id, folds;
	uint64_t refused, seed;
};

/* A segment of a path, or the label of a node. */
struct path_label {
	const char *p;
	uint32_t n;
	bool wild, deep; /* deep: "**", also wild */
};

struct path_cut {
	unsigned n;
	struct path_label at[PATH_TREE_MAX_DEPTH];
	char bytes[PATH_TREE_MAX_PATH]; /* what at[] points to, when it is not the path itself */
};

/* path_tree_text.c: false: empty, too long or with a NUL; path_cut_pattern: or no pattern. */
bool path_cut_raw(struct path_cut *cut, struct span path);
void path_cut_normal(struct path_cut *cut, const struct path_cut *raw);
bool path_cut_pattern(struct path_cut *cut, struct span pattern);
void path_label_text(struct buf *b, struct path_label label); /* as a pattern */

/* path_tree_segment.c: rule 1; out has room for as many bytes. Bytes written. */
size_t path_segment_normal(struct span segment, char *out);

/* path_tree_store.c */
static inline struct path_node *path_node(const struct path_tree *t, uint32_t node)
{
	return &t->nodes[node];
}
struct path_label path_label(const struct path_tree *t, uint32_t node);
bool path_label_covers(const struct path_label *w, const struct path_label *s);
/* Room for so much, or -ENOSPC by max_entries and max_bytes, or -ENOMEM. */
int path_reserve(struct path_tree *t, uint32_t nodes, uint32_t label_bytes, uint32_t entries);
uint32_t path_node_new(struct path_tree *t, const struct path_label *label); /* reserved before */
void path_node_free(struct path_tree *t, uint32_t node);		     /* not its entry */
void path_node_relabel(struct path_tree *t, uint32_t node, uint32_t label);
void path_entry_new(struct path_tree *t, uint32_t node);
void path_entry_free(struct path_tree *t, uint32_t node);
size_t path_tree_bytes(const struct path_tree *t);
static inline uint32_t path_label_bytes(const struct path_label *l)
{
	return l->n + 2;
}
/* path_tree_children.c: the children of one node, a treap by its root. */
uint32_t path_child(const struct path_tree *t, uint32_t root, const struct path_label *label);
uint32_t path_child_put(struct path_tree *t, uint32_t root, uint32_t node); /* the new root */
uint32_t path_child_take(struct path_tree *t, uint32_t root, uint32_t node);
uint32_t path_child_join(struct path_tree *t, uint32_t left, uint32_t right);

/* path_tree_fold.c */
/* c, which is nobody's child, and all below it to the children of dst. May fold dst. */
void path_graft(struct path_tree *t, uint32_t dst, uint32_t c);
/* Gives up detail until there are fewer nodes. False: nothing is left that may be given up. */
bool path_make_room(struct path_tree *t);
/* Takes away what has neither entry nor children. */
void path_prune(struct path_tree *t);

#endif
