// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/prefix_set.h"

#include <errno.h>
#include <string.h>

struct prefix_node {
	struct span label;	       /* bytes from its parent to here */
	struct prefix_node **children; /* by first byte of their labels, ascending */
	size_t n, cap;
	bool end; /* a prefix ends here */
};

static struct prefix_node *node_new(struct arena *a, struct span label)
{
	struct prefix_node *node = arena_zeroed(a, 1, sizeof(*node));

	if (node)
		node->label = arena_copy(a, label);
	return node && node->label.p ? node : NULL;
}

/* Where the child that begins with this byte is, or would be. */
static size_t place_of(const struct prefix_node *node, unsigned char first)
{
	size_t low = 0, high = node->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if ((unsigned char)node->children[middle]->label.p[0] < first)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct prefix_node *child_of(const struct prefix_node *node, char first, size_t *place)
{
	*place = place_of(node, (unsigned char)first);
	if (*place == node->n || node->children[*place]->label.p[0] != first)
		return NULL;
	return node->children[*place];
}

static int insert(struct arena *a, struct prefix_node *node, size_t place,
		  struct prefix_node *child)
{
	if (node->n == node->cap) {
		size_t cap = node->cap ? node->cap * 2 : 2;
		struct prefix_node **list = arena_zeroed(a, cap, sizeof(struct prefix_node *));

		if (!list)
			return -ENOMEM;
		if (node->n > 0)
			memcpy(list, node->children, node->n * sizeof(struct prefix_node *));
		node->children = list;
		node->cap = cap;
	}
	memmove(node->children + place + 1, node->children + place,
		(node->n - place) * sizeof(struct prefix_node *));
	node->children[place] = child;
	node->n++;
	return 0;
}

static size_t common(struct span a, struct span b)
{
	size_t i = 0;

	while (i < a.n && i < b.n && a.p[i] == b.p[i])
		i++;
	return i;
}

/* Splits the child at `keep` bytes of its label: a new node takes its place. */
static struct prefix_node *split(struct arena *a, struct prefix_node *node, size_t place,
				 size_t keep)
{
	struct prefix_node *child = node->children[place];
	struct prefix_node *middle = node_new(a, (struct span){ child->label.p, keep });

	if (!middle)
		return NULL;
	child->label.p += keep;
	child->label.n -= keep;
	if (insert(a, middle, 0, child) < 0)
		return NULL;
	node->children[place] = middle;
	return middle;
}

int prefix_set_add(struct arena *a, struct prefix_set *s, struct span prefix)
{
	if (prefix.n > PREFIX_SET_MAX_BYTES)
		return -E2BIG;
	if (!s->root)
		s->root = node_new(a, (struct span){ "", 0 });
	struct prefix_node *node = s->root;

	while (node && prefix.n > 0) {
		size_t place;
		struct prefix_node *child = child_of(node, prefix.p[0], &place);

		if (!child) {
			child = node_new(a, prefix);
			if (!child || insert(a, node, place, child) < 0)
				return -ENOMEM;
			prefix.n = 0;
		} else {
			size_t n = common(child->label, prefix);

			if (n < child->label.n)
				child = split(a, node, place, n);
			prefix.p += n;
			prefix.n -= n;
		}
		node = child;
	}
	if (!node)
		return -ENOMEM;
	node->end = true;
	return 0;
}

/* Walks down as far as the text goes; whole: a prefix counts only where a component ends. */
static bool walk(const struct prefix_set *s, struct span text, bool whole)
{
	const struct prefix_node *node = s->root;
	size_t at = 0, place;

	while (node) {
		if (node->end && (!whole || at == text.n || text.p[at] == '/'))
			return true;
		if (at == text.n)
			return false;
		node = child_of(node, text.p[at], &place);
		if (node && (text.n - at < node->label.n ||
			     memcmp(text.p + at, node->label.p, node->label.n) != 0))
			return false;
		at += node ? node->label.n : 0;
	}
	return false;
}

bool prefix_set_starts(const struct prefix_set *s, struct span text)
{
	return walk(s, text, false);
}

bool prefix_set_holds(const struct prefix_set *s, struct span path)
{
	return walk(s, path, true);
}

/* As deep as a prefix has bytes at most. */
static void each(const struct prefix_node *node, char *text, size_t at,
		 void (*fn)(void *ctx, struct span prefix), void *ctx)
{
	if (node->label.n)
		memcpy(text + at, node->label.p, node->label.n);
	at += node->label.n;
	if (node->end)
		fn(ctx, (struct span){ text, at });
	for (size_t i = 0; i < node->n; i++)
		each(node->children[i], text, at, fn, ctx);
}

void prefix_set_each(const struct prefix_set *s, void (*fn)(void *ctx, struct span prefix),
		     void *ctx)
{
	char text[PREFIX_SET_MAX_BYTES];

	if (s->root)
		each(s->root, text, 0, fn, ctx);
}
