// SPDX-License-Identifier: GPL-2.0-or-later
/* Walks over all of a path_tree: each entry with its pattern, and the nearest one. */
#include "detector/path_tree_internal.h"

/* Escaped, the longest pattern is twice as long as the longest path. */
#define MAX_PATTERN (2 * PATH_TREE_MAX_PATH + 8)

typedef bool path_fn(void *ctx, struct span pattern, struct path_entry *entry);

struct walk {
	struct path_tree *t;
	path_fn *fn;
	void *ctx;
	bool remove; /* true of fn takes the entry away; without this, false of it ends the walk */
	bool ended;
	uint32_t removed;
	struct buf text;
	char bytes[MAX_PATTERN];
};

static void walk(struct walk *w, uint32_t root, bool first)
{
	if (!root || w->ended)
		return;
	const struct path_node node = *path_node(w->t, root);
	const size_t start = w->text.len;

	walk(w, node.left, first);
	if (w->ended)
		return;
	if (!first)
		buf_add_char(&w->text, '/');
	path_label_text(&w->text, path_label(w->t, root));
	if (node.entry) {
		const bool yes = w->fn(w->ctx, (struct span){ w->text.data, w->text.len },
				       &w->t->entries[node.entry]);

		if (yes && w->remove) {
			path_entry_free(w->t, root);
			w->removed++;
		}
		w->ended = !yes && !w->remove;
	}
	walk(w, node.down, false);
	w->text.len = start;
	walk(w, node.right, first);
}

static void walk_all(struct walk *w)
{
	/* memory of our own, as large as any pattern: so it never grows, and cannot fail */
	w->text =
		(struct buf){ .data = w->bytes, .cap = MAX_PATTERN, .max = MAX_PATTERN, .fd = -1 };
	if (w->t->nodes_n)
		walk(w, path_node(w->t, PATH_ROOT)->down, true);
}

/* The walk that may remove is the one that changes the tree. */
static struct path_tree *changeable(const struct path_tree *t)
{
	union {
		const struct path_tree *in;
		struct path_tree *out;
	} u = { t };

	return u.out;
}

void path_tree_each(const struct path_tree *t, path_fn *fn, void *ctx)
{
	struct walk w;

	w.t = changeable(t);
	w.fn = fn;
	w.ctx = ctx;
	w.remove = w.ended = false;
	w.removed = 0;
	walk_all(&w);
}

uint32_t path_tree_remove_if(struct path_tree *t, path_fn *fn, void *ctx)
{
	struct walk w;

	w.t = t;
	w.fn = fn;
	w.ctx = ctx;
	w.remove = true;
	w.ended = false;
	w.removed = 0;
	walk_all(&w);
	if (w.removed)
		path_prune(t);
	return w.removed;
}

/* --- nearest -------------------------------------------------------------------------------- */

struct nearest {
	const struct path_tree *t;
	const struct path_cut *cut;
	unsigned depth; /* most leading segments in common so far */
	uint32_t node;	/* best of them */
	uint64_t windows;
	unsigned trail_n;
	uint32_t trail[PATH_TREE_MAX_DEPTH]; /* from the root to where we are */
	unsigned best_n;
	uint32_t best[PATH_TREE_MAX_DEPTH]; /* and to the best */
};

static uint64_t windows_of(const struct seen *s)
{
	uint64_t n = 0;

	for (unsigned p = 0; p < PHASE_COUNT; p++)
		n += s->windows[p];
	return n;
}

static void consider(struct nearest *n, uint32_t node)
{
	const uint32_t entry = path_node(n->t, node)->entry;

	if (!entry)
		return;
	const uint64_t windows = windows_of(&n->t->entries[entry].seen);

	if (n->node && windows <= n->windows)
		return;
	n->node = node;
	n->windows = windows;
	n->best_n = n->trail_n;
	for (unsigned i = 0; i < n->trail_n; i++)
		n->best[i] = n->trail[i];
}

/* All entries of these siblings and below are as near as each other. */
static void nearest_of_all(struct nearest *n, uint32_t root)
{
	if (!root)
		return;
	const struct path_node *node = path_node(n->t, root);

	nearest_of_all(n, node->left);
	n->trail[n->trail_n++] = root;
	consider(n, root);
	nearest_of_all(n, node->down);
	n->trail_n--;
	nearest_of_all(n, node->right);
}

static void nearest_below(struct nearest *n, uint32_t parent);

static void nearest_among(struct nearest *n, uint32_t root)
{
	if (!root)
		return;
	const struct path_node *node = path_node(n->t, root);
	const struct path_label label = path_label(n->t, root);

	nearest_among(n, node->left);
	if (path_label_covers(&label, &n->cut->at[n->trail_n])) {
		n->trail[n->trail_n++] = root;
		nearest_below(n, root);
		n->trail_n--;
	}
	nearest_among(n, node->right);
}

/* Where fewer segments agree than elsewhere, nothing below is of interest. */
static void nearest_below(struct nearest *n, uint32_t parent)
{
	const uint32_t down = path_node(n->t, parent)->down;

	if (n->trail_n < n->cut->n)
		nearest_among(n, down);
	if (n->trail_n < n->depth)
		return;
	if (n->trail_n > n->depth)
		n->node = 0;
	n->depth = n->trail_n;
	if (n->trail_n > 0)
		consider(n, parent);
	nearest_of_all(n, down);
}

struct path_entry *path_tree_nearest(const struct path_tree *t, struct span path, struct buf *text)
{
	struct path_cut cut;
	struct nearest n;

	if (t->entries_used == 0 || !path_cut_raw(&cut, path))
		return NULL;
	n.t = t;
	n.cut = &cut;
	n.depth = n.trail_n = n.best_n = 0;
	n.node = 0;
	n.windows = 0;
	nearest_below(&n, PATH_ROOT);
	for (unsigned i = 0; i < n.best_n; i++) {
		if (i > 0)
			buf_add_char(text, '/');
		path_label_text(text, path_label(t, n.best[i]));
	}
	return &t->entries[path_node(t, n.node)->entry];
}
