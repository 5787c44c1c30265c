// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/path_tree_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

int path_tree_new(struct path_tree **out, const struct path_tree_settings *s, struct err *e)
{
	struct path_tree *t = calloc(1, sizeof(*t));

	if (!t)
		return err_errno(e, "path tree");
	t->settings = *s;
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = (uint64_t)(uintptr_t)t;
	*out = t;
	return 0;
}

void path_tree_free(struct path_tree *t)
{
	if (!t)
		return;
	free(t->nodes);
	free(t->entries);
	free(t->labels);
	free(t);
}

/* --- finding -------------------------------------------------------------------------------- */

static uint32_t find_below(const struct path_tree *t, uint32_t node, const struct path_cut *cut,
			   unsigned i);

/* Among siblings: the first wildcard that covers the segment and leads on to an entry. Two may
 * cover it ("a*", "*b"), and only one lead on. */
static uint32_t find_wild(const struct path_tree *t, uint32_t root, const struct path_cut *cut,
			  unsigned i)
{
	if (!root)
		return 0;
	const struct path_label here = path_label(t, root);
	uint32_t found = find_wild(t, path_node(t, root)->left, cut, i);

	if (found || !here.wild)
		return found;
	if (here.deep)
		return root;
	if (path_label_covers(&here, &cut->at[i]))
		found = find_below(t, root, cut, i + 1);
	return found ? found : find_wild(t, path_node(t, root)->right, cut, i);
}

/* The node with an entry that the segments from i on lead to, or 0. */
static uint32_t find_below(const struct path_tree *t, uint32_t node, const struct path_cut *cut,
			   unsigned i)
{
	if (i == cut->n)
		return path_node(t, node)->entry ? node : 0;
	const uint32_t down = path_node(t, node)->down;
	const uint32_t child = path_child(t, down, &cut->at[i]);
	const uint32_t found = child ? find_below(t, child, cut, i + 1) : 0;

	return found ? found : find_wild(t, down, cut, i);
}

static struct path_entry *find(const struct path_tree *t, const struct path_cut *cut)
{
	const uint32_t node = t->nodes_n ? find_below(t, PATH_ROOT, cut, 0) : 0;

	return node ? &t->entries[path_node(t, node)->entry] : NULL;
}

struct path_entry *path_tree_find(const struct path_tree *t, struct span path)
{
	struct path_cut cut;

	return path_cut_raw(&cut, path) ? find(t, &cut) : NULL;
}

bool path_tree_wildcard(const struct path_tree *t, struct span path, struct path_wildcard *out)
{
	struct path_cut cut;

	if (!t->nodes_n || !path_cut_raw(&cut, path))
		return false;
	const uint32_t node = find_below(t, PATH_ROOT, &cut, 0);
	const struct path_label l = node ? path_label(t, node) : (struct path_label){ .n = 0 };

	if (!l.wild || l.deep || l.n > PATH_WILDCARD_MAX)
		return false;
	out->n = (uint8_t)l.n;
	memcpy(out->p, l.p, l.n);
	return true;
}

bool path_wildcard_covers(const struct path_wildcard *w, struct span name)
{
	const struct path_label label = { w->p, w->n, true, false },
				one = { name.p, (uint32_t)name.n, false, false };

	return name.n > 0 && name.n < PATH_TREE_MAX_PATH && path_label_covers(&label, &one);
}

static uint32_t find_exact(const struct path_tree *t, struct span pattern)
{
	uint32_t node = t->nodes_n ? PATH_ROOT : 0;
	struct path_cut cut;

	if (!path_cut_pattern(&cut, pattern))
		return 0;
	for (unsigned i = 0; node && i < cut.n; i++)
		node = path_child(t, path_node(t, node)->down, &cut.at[i]);
	return node && path_node(t, node)->entry ? node : 0;
}

struct path_entry *path_tree_find_pattern(const struct path_tree *t, struct span pattern)
{
	const uint32_t node = find_exact(t, pattern);

	return node ? &t->entries[path_node(t, node)->entry] : NULL;
}

/* --- adding --------------------------------------------------------------------------------- */

/* The child that the segment belongs to, or 0. */
static uint32_t child_for(const struct path_tree *t, uint32_t root, const struct path_label *label)
{
	uint32_t child = path_child(t, root, label);

	if (child || !root)
		return child;
	const struct path_label here = path_label(t, root);

	child = child_for(t, path_node(t, root)->left, label);
	if (child || !here.wild)
		return child;
	return path_label_covers(&here, label) ? root
					       : child_for(t, path_node(t, root)->right, label);
}

/* New nodes for the segments from i on, and an entry for the last: the first of them. */
static uint32_t chain(struct path_tree *t, const struct path_cut *cut, unsigned i)
{
	uint32_t first = 0, last = 0;

	for (; i < cut->n; i++) {
		const uint32_t node = path_node_new(t, &cut->at[i]);

		if (last)
			path_node(t, last)->down = node;
		else
			first = node;
		last = node;
	}
	path_entry_new(t, last);
	return first;
}

static int insert(struct path_tree *t, const struct path_cut *cut)
{
	uint32_t node = t->nodes_n ? PATH_ROOT : 0, bytes = 0;
	unsigned i = 0;

	while (node && i < cut->n) {
		const uint32_t child = child_for(t, path_node(t, node)->down, &cut->at[i]);

		if (!child)
			break;
		node = child;
		i++;
	}
	for (unsigned k = i; k < cut->n; k++)
		bytes += path_label_bytes(&cut->at[k]);
	const int r = path_reserve(t, cut->n - i, bytes, 1);

	if (r < 0)
		return r;
	if (i == cut->n)
		path_entry_new(t, node);
	else
		path_graft(t, node ? node : PATH_ROOT, chain(t, cut, i));
	return 0;
}

/* known: as it was given, what must be found in the end; kept: as it goes into the tree. */
static int add(struct path_tree *t, const struct path_cut *known, const struct path_cut *kept,
	       struct path_entry **out, bool *made)
{
	struct path_entry *entry = find(t, known);
	const bool is_new = !entry;
	int r = 0;

	while (!entry) {
		r = insert(t, kept);
		if (r == -ENOSPC && path_make_room(t)) {
			entry = find(t, known);
			continue;
		}
		if (r < 0) {
			t->refused++;
			return r;
		}
		entry = find(t, known);
		assert(entry);
	}
	*out = entry;
	if (made)
		*made = is_new;
	return 0;
}

int path_tree_add(struct path_tree *t, struct span path, struct path_entry **out, bool *made)
{
	struct path_cut raw, normal;

	if (!path_cut_raw(&raw, path))
		return -EINVAL;
	struct path_entry *entry = find(t, &raw);

	if (entry || !t->settings.normalise)
		return add(t, &raw, &raw, out, made);
	path_cut_normal(&normal, &raw);
	return add(t, &raw, &normal, out, made);
}

int path_tree_add_pattern(struct path_tree *t, struct span pattern, struct path_entry **out)
{
	struct path_cut cut;

	if (!path_cut_pattern(&cut, pattern))
		return -EPROTO;
	return add(t, &cut, &cut, out, NULL);
}

bool path_tree_remove(struct path_tree *t, struct span pattern)
{
	const uint32_t node = find_exact(t, pattern);

	if (!node)
		return false;
	path_entry_free(t, node);
	path_prune(t);
	return true;
}

struct path_tree_stats path_tree_stats(const struct path_tree *t)
{
	return (struct path_tree_stats){ .entries = t->entries_used,
					 .nodes = t->nodes_used ? t->nodes_used - 1 : 0,
					 .folds = t->folds,
					 .refused = t->refused,
					 .bytes = path_tree_bytes(t) };
}
