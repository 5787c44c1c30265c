// SPDX-License-Identifier: GPL-2.0-or-later
/* How a path_tree generalises: what is put below a wildcard, directories that fold, and what is
 * given up at the limit. Nothing here allocates: each step leaves as many nodes or fewer. */
#include "detector/path_tree_internal.h"

static void graft_quietly(struct path_tree *t, uint32_t dst, uint32_t c);
static void settle(struct path_tree *t, uint32_t dst);

/* What is known of the entry of src becomes known of dst's. */
static void unite_entries(struct path_tree *t, uint32_t dst, uint32_t src)
{
	struct path_node *to = path_node(t, dst), *from = path_node(t, src);

	if (!from->entry)
		return;
	if (!to->entry) {
		to->entry = from->entry;
		from->entry = 0;
		return;
	}
	struct path_entry *into = &t->entries[to->entry];
	const struct path_entry *old = &t->entries[from->entry];

	seen_fold(&into->seen, &old->seen);
	if (old->id < into->id)
		into->id = old->id;
	path_entry_free(t, src);
}

/* All entries of these nodes and below become dst's; the nodes are freed. */
static void swallow(struct path_tree *t, uint32_t dst, uint32_t root)
{
	if (!root)
		return;
	const struct path_node node = *path_node(t, root);

	swallow(t, dst, node.left);
	unite_entries(t, dst, root);
	swallow(t, dst, node.down);
	swallow(t, dst, node.right);
	path_node_free(t, root);
}

static void graft_all(struct path_tree *t, uint32_t dst, uint32_t root)
{
	if (!root)
		return;
	const struct path_node node = *path_node(t, root);

	graft_all(t, dst, node.left);
	path_node(t, root)->left = path_node(t, root)->right = 0;
	graft_quietly(t, dst, root);
	graft_all(t, dst, node.right);
}

/* src, which is nobody's child, becomes part of dst and is freed. */
static void merge(struct path_tree *t, uint32_t dst, uint32_t src)
{
	const uint32_t down = path_node(t, src)->down;

	unite_entries(t, dst, src);
	path_node(t, src)->down = 0;
	if (path_label(t, dst).deep)
		swallow(t, dst, down);
	else
		graft_all(t, dst, down);
	path_node_free(t, src);
}

/* A child that is a wildcard and covers this one. Wildcards are the first of a treap. */
static uint32_t covering(const struct path_tree *t, uint32_t root, const struct path_label *label)
{
	if (!root)
		return 0;
	const struct path_node *node = path_node(t, root);
	const struct path_label here = path_label(t, root);
	const uint32_t left = covering(t, node->left, label);

	if (left || !here.wild)
		return left;
	return path_label_covers(&here, label) ? root : covering(t, node->right, label);
}

/* Takes from these siblings what the wildcard c covers, and gives it to c. The rest comes back. */
static uint32_t absorb(struct path_tree *t, uint32_t root, uint32_t c)
{
	if (!root)
		return 0;
	const struct path_label by = path_label(t, c), here = path_label(t, root);
	const uint32_t left = absorb(t, path_node(t, root)->left, c);
	const uint32_t right = path_node(t, root)->right;

	path_node(t, root)->left = path_node(t, root)->right = 0;
	if (path_label_covers(&by, &here)) {
		merge(t, c, root);
		return path_child_join(t, left, absorb(t, right, c));
	}
	path_node(t, root)->left = left;
	path_node(t, root)->right = absorb(t, right, c);
	return root;
}

static void graft_quietly(struct path_tree *t, uint32_t dst, uint32_t c)
{
	const struct path_label label = path_label(t, c);
	uint32_t to = path_child(t, path_node(t, dst)->down, &label);

	if (!to)
		to = covering(t, path_node(t, dst)->down, &label);
	if (to) {
		merge(t, to, c);
		settle(t, to);
		return;
	}
	uint32_t down = path_node(t, dst)->down;

	if (label.wild) {
		down = absorb(t, down, c);
		settle(t, c);
	}
	path_node(t, dst)->down = path_child_put(t, down, c);
}

/* Children that count against fan_out: the empty name, which "x/" has, is none. */
static uint32_t children(const struct path_tree *t, uint32_t root)
{
	if (!root)
		return 0;
	const struct path_node *node = path_node(t, root);

	return children(t, node->left) + children(t, node->right) + (node->label != LABEL_EMPTY);
}

static void fold(struct path_tree *t, uint32_t dst)
{
	static const struct path_label nothing = { .p = "" };
	uint32_t down = path_node(t, dst)->down;
	const uint32_t empty = path_child(t, down, &nothing);

	if (empty)
		down = path_child_take(t, down, empty);
	const uint32_t star = down;
	const uint32_t left = path_node(t, star)->left, right = path_node(t, star)->right;

	t->folds++;
	path_node(t, star)->left = path_node(t, star)->right = 0;
	path_node_relabel(t, star, LABEL_ANY);
	down = absorb(t, left, star);
	down = path_child_join(t, down, absorb(t, right, star));
	down = path_child_put(t, down, star);
	if (empty)
		down = path_child_put(t, down, empty);
	path_node(t, dst)->down = down;
	settle(t, star);
}

static void settle(struct path_tree *t, uint32_t dst)
{
	const uint32_t most = t->settings.fan_out;

	if (most && children(t, path_node(t, dst)->down) > most)
		fold(t, dst);
}

void path_graft(struct path_tree *t, uint32_t dst, uint32_t c)
{
	graft_quietly(t, dst, c);
	settle(t, dst);
}

/* --- at the limit --------------------------------------------------------------------------- */

struct fullest {
	uint32_t node, children;
	unsigned depth;
};

/* The top of the tree is kept: a baseline that knows all is worse than one that refuses some. */
static bool is_top(const struct path_tree *t, uint32_t node, unsigned depth)
{
	return depth == 0 || (depth == 1 && path_node(t, node)->label == LABEL_EMPTY);
}

/* How many of these siblings count; the fullest of them and all below goes to *f, of equally full
 * ones the deepest. */
static uint32_t find_fullest(const struct path_tree *t, uint32_t root, unsigned depth,
			     struct fullest *f)
{
	if (!root)
		return 0;
	const struct path_node *node = path_node(t, root);
	uint32_t n = find_fullest(t, node->left, depth, f);
	const uint32_t below = find_fullest(t, node->down, depth + 1, f);

	if (!is_top(t, root, depth) &&
	    (below > f->children || (below == f->children && depth > f->depth)))
		*f = (struct fullest){ root, below, depth };
	n += (node->label != LABEL_EMPTY);
	return n + find_fullest(t, node->right, depth, f);
}

static bool only_star(const struct path_tree *t, uint32_t root)
{
	const struct path_node *node = path_node(t, root);

	return root && node->label == LABEL_ANY && !node->left && !node->right;
}

/* "a / * / *" and nothing else below becomes "a / **". */
static void deepen(struct path_tree *t, uint32_t root, unsigned depth)
{
	if (!root)
		return;
	const struct path_node node = *path_node(t, root);
	uint32_t below = node.down;
	unsigned stars = 0;

	for (; only_star(t, below); stars++)
		below = path_node(t, below)->down;
	if (!below && stars > 1 && !is_top(t, root, depth)) {
		const uint32_t gone = path_node(t, node.down)->down;

		t->folds++;
		path_node(t, node.down)->down = 0;
		swallow(t, node.down, gone);
		path_node_relabel(t, node.down, LABEL_DEEP);
	}
	deepen(t, node.left, depth);
	deepen(t, path_node(t, root)->down, depth + 1);
	deepen(t, node.right, depth);
}

bool path_make_room(struct path_tree *t)
{
	const uint32_t before = t->nodes_used, wanted = before - before / 16 - 1;
	const uint32_t least = t->settings.fan_out / 4;

	if (t->nodes_n == 0 || t->settings.fan_out == 0)
		return false;
	deepen(t, path_node(t, PATH_ROOT)->down, 1);
	while (t->nodes_used > wanted) {
		struct fullest f = { 0, least > 1 ? least : 1, UINT32_MAX };

		find_fullest(t, path_node(t, PATH_ROOT)->down, 1, &f);
		if (!f.node)
			break;
		fold(t, f.node);
	}
	return t->nodes_used < before;
}

static uint32_t prune(struct path_tree *t, uint32_t root)
{
	if (!root)
		return 0;
	const uint32_t left = prune(t, path_node(t, root)->left);
	const uint32_t right = prune(t, path_node(t, root)->right);

	path_node(t, root)->down = prune(t, path_node(t, root)->down);
	path_node(t, root)->left = left;
	path_node(t, root)->right = right;
	if (path_node(t, root)->down || path_node(t, root)->entry)
		return root;
	path_node_free(t, root);
	return path_child_join(t, left, right);
}

void path_prune(struct path_tree *t)
{
	if (t->nodes_n)
		path_node(t, PATH_ROOT)->down = prune(t, path_node(t, PATH_ROOT)->down);
}
