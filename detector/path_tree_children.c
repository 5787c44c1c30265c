// SPDX-License-Identifier: GPL-2.0-or-later
/* The treaps that the children of a path_tree's nodes form. */
#include <string.h>

#include "detector/path_tree_internal.h"

/* Wildcards first: whoever looks for those of a directory need not pass the others. */
static int order(const struct path_label *a, const struct path_label *b)
{
	const uint32_t least = a->n < b->n ? a->n : b->n;

	if (a->wild != b->wild)
		return a->wild ? -1 : 1;
	if (a->deep != b->deep)
		return a->deep ? -1 : 1;
	const int c = memcmp(a->p, b->p, least);

	if (c != 0)
		return c;
	return a->n < b->n ? -1 : a->n > b->n;
}

/* The weight of a node: from its place and a secret, so that nobody can choose an order of names
 * that makes a long chain of a treap. */
static uint64_t weight(const struct path_tree *t, uint32_t node)
{
	uint64_t h = (t->seed ^ node) * 0x9e3779b97f4a7c15ULL;

	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

uint32_t path_child(const struct path_tree *t, uint32_t root, const struct path_label *label)
{
	while (root) {
		const struct path_label here = path_label(t, root);
		const int c = order(label, &here);

		if (c == 0)
			break;
		root = c < 0 ? t->nodes[root].left : t->nodes[root].right;
	}
	return root;
}

static void split(struct path_tree *t, uint32_t root, const struct path_label *label,
		  uint32_t *left, uint32_t *right)
{
	while (root) {
		const struct path_label here = path_label(t, root);

		if (order(&here, label) < 0) {
			*left = root;
			left = &t->nodes[root].right;
			root = *left;
		} else {
			*right = root;
			right = &t->nodes[root].left;
			root = *right;
		}
	}
	*left = *right = 0;
}

uint32_t path_child_put(struct path_tree *t, uint32_t root, uint32_t node)
{
	const struct path_label label = path_label(t, node);
	const uint64_t mine = weight(t, node);
	uint32_t *link = &root;

	while (*link && weight(t, *link) >= mine) {
		const struct path_label here = path_label(t, *link);

		link = order(&label, &here) < 0 ? &t->nodes[*link].left : &t->nodes[*link].right;
	}
	split(t, *link, &label, &t->nodes[node].left, &t->nodes[node].right);
	*link = node;
	return root;
}

uint32_t path_child_join(struct path_tree *t, uint32_t left, uint32_t right)
{
	uint32_t root = 0, *link = &root;

	while (left && right) {
		if (weight(t, left) >= weight(t, right)) {
			*link = left;
			link = &t->nodes[left].right;
			left = *link;
		} else {
			*link = right;
			link = &t->nodes[right].left;
			right = *link;
		}
	}
	*link = left ? left : right;
	return root;
}

uint32_t path_child_take(struct path_tree *t, uint32_t root, uint32_t node)
{
	const struct path_label label = path_label(t, node);
	uint32_t *link = &root;

	while (*link && *link != node) {
		const struct path_label here = path_label(t, *link);

		link = order(&label, &here) < 0 ? &t->nodes[*link].left : &t->nodes[*link].right;
	}
	*link = path_child_join(t, t->nodes[node].left, t->nodes[node].right);
	t->nodes[node].left = t->nodes[node].right = 0;
	return root;
}
