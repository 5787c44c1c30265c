// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/cgwatch_tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "collector/base/clock.h"

void cgtree_init(struct cgtree *t)
{
	memset(t, 0, sizeof(*t));
	if (getrandom(&t->key, sizeof(t->key), GRND_NONBLOCK) != (ssize_t)sizeof(t->key))
		t->key = mono_ns(); /* early boot: the cap on nodes bounds what is left */
}

void cgtree_release(struct cgtree *t)
{
	struct cgnode *n = t->root;

	while (n) { /* leaves first, without recursion */
		if (n->children) {
			n = n->children;
			continue;
		}
		struct cgnode *up = n->parent;

		if (up)
			up->children = n->next;
		free(n);
		n = up;
	}
	t->root = NULL;
}

/* Folds the 128-bit product of both: mixes every bit of the key into every bit of the hash. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static size_t name_bucket(const struct cgtree *t, const struct cgnode *parent, const char *name,
			  size_t n)
{
	uint64_t h = mix((uint64_t)(uintptr_t)parent ^ t->key, 0x9e3779b97f4a7c15 ^ n);

	for (size_t i = 0; i < n; i += 8) {
		uint64_t word = 0;

		memcpy(&word, name + i, n - i < 8 ? n - i : 8);
		h = mix(h ^ word, t->key | 1);
	}
	return (size_t)(h & (CGTREE_BUCKETS - 1));
}

static size_t wd_bucket(int wd)
{
	return (size_t)wd & (CGTREE_BUCKETS - 1); /* the kernel counts up: an even spread */
}

bool cgtree_fits(const struct cgnode *parent, const char *name)
{
	return parent->path_n + 1 + strlen(name) < PATH_MAX;
}

bool cgtree_is_above(const struct cgnode *n, const struct cgnode *below)
{
	while (below && below != n)
		below = below->parent;
	return below;
}

static void link_child(struct cgnode *parent, struct cgnode *n)
{
	n->next = parent->children;
	if (n->next)
		n->next->prev = n;
	parent->children = n;
}

struct cgnode *cgtree_add(struct cgtree *t, struct cgnode *parent, const char *name, uint64_t inode)
{
	size_t len = strlen(name);
	struct cgnode *n = malloc(sizeof(*n) + len + 1);

	if (!n)
		return NULL;
	*n = (struct cgnode){ .parent = parent, .inode = inode, .wd = -1 };
	n->name_n = (uint16_t)len;
	memcpy(n->name, name, len + 1);
	if (parent) {
		size_t b = name_bucket(t, parent, name, len);

		n->depth = (uint16_t)(parent->depth + 1);
		n->path_n = (uint16_t)(parent->path_n + 1 + len);
		n->same_name = t->by_name[b];
		t->by_name[b] = n;
		link_child(parent, n);
	} else {
		t->root = n;
	}
	t->nodes++;
	return n;
}

static void unlink_child(struct cgnode *n)
{
	if (n->prev)
		n->prev->next = n->next;
	else
		n->parent->children = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

void cgtree_remove(struct cgtree *t, struct cgnode *n)
{
	if (n->parent) {
		struct cgnode **p = &t->by_name[name_bucket(t, n->parent, n->name, n->name_n)];

		while (*p != n)
			p = &(*p)->same_name;
		*p = n->same_name;
		unlink_child(n);
	} else {
		t->root = NULL;
	}
	t->nodes--;
	free(n);
}

struct cgnode *cgtree_find(const struct cgtree *t, const struct cgnode *parent, const char *name)
{
	size_t len = strlen(name);
	struct cgnode *n = t->by_name[name_bucket(t, parent, name, len)];

	while (n && (n->parent != parent || n->name_n != len || memcmp(n->name, name, len) != 0))
		n = n->same_name;
	return n;
}

struct cgnode *cgtree_find_wd(const struct cgtree *t, int wd)
{
	struct cgnode *n = wd < 0 ? NULL : t->by_wd[wd_bucket(wd)];

	while (n && n->wd != wd)
		n = n->same_wd;
	return n;
}

void cgtree_set_wd(struct cgtree *t, struct cgnode *n, int wd)
{
	if (n->wd >= 0) {
		struct cgnode **p = &t->by_wd[wd_bucket(n->wd)];

		while (*p != n)
			p = &(*p)->same_wd;
		*p = n->same_wd;
		t->watches--;
	}
	n->wd = wd;
	if (wd >= 0) {
		n->same_wd = t->by_wd[wd_bucket(wd)];
		t->by_wd[wd_bucket(wd)] = n;
		t->watches++;
	}
}

void cgtree_path(const struct cgnode *n, char out[PATH_MAX])
{
	size_t at = n->path_n;

	if (!n->parent) {
		memcpy(out, "/", 2);
		return;
	}
	out[at] = '\0';
	for (; n->parent; n = n->parent) {
		at -= n->name_n;
		memcpy(out + at, n->name, n->name_n);
		out[--at] = '/';
	}
}
