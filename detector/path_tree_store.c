// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory of a path_tree: nodes, entries, labels. */
#include "detector/path_tree_internal.h"

#include <errno.h>
#include <string.h>

#define SPARE	    32 /* growing makes room for a 32nd more */
#define LENGTH_MASK 0x3fffU
#define WILD_BIT    0x8000U
#define DEEP_BIT    0x4000U

static const char first_labels[LABEL_FIRST] = {
	1, (char)(WILD_BIT >> 8), 0, 1, (char)((WILD_BIT | DEEP_BIT) >> 8), 0, 0, 0
};

static struct path_label label_at(const struct path_tree *t, uint32_t offset)
{
	const unsigned char *head = (const unsigned char *)t->labels + offset;
	const uint32_t v = head[0] | (uint32_t)head[1] << 8;

	return (struct path_label){ .p = t->labels + offset + 2,
				    .n = v & LENGTH_MASK,
				    .wild = v & WILD_BIT,
				    .deep = v & DEEP_BIT };
}

struct path_label path_label(const struct path_tree *t, uint32_t node)
{
	return label_at(t, t->nodes[node].label);
}

static uint32_t label_put(struct path_tree *t, const struct path_label *l)
{
	const uint32_t offset = t->labels_n;
	const uint32_t head = l->n | (l->wild ? WILD_BIT : 0) | (l->deep ? DEEP_BIT : 0);

	if (l->deep)
		return LABEL_DEEP;
	if (l->n == 0)
		return LABEL_EMPTY;
	if (l->n == 1 && l->p[0] == '\0')
		return LABEL_ANY;
	t->labels[offset] = (char)(head & 0xff);
	t->labels[offset + 1] = (char)(head >> 8);
	memcpy(t->labels + offset + 2, l->p, l->n);
	t->labels_n += path_label_bytes(l);
	return offset;
}

static void label_drop(struct path_tree *t, uint32_t offset)
{
	if (offset >= LABEL_FIRST) {
		const struct path_label l = label_at(t, offset);

		t->labels_dead += path_label_bytes(&l);
	}
}

/* What stands between wildcards is looked for from the left, once: no way back is needed, since a
 * later place can only leave less for the rest. memmem keeps hostile segments linear. */
static bool pieces_match(const char *p, const char *pe, const char *q, const char *qe)
{
	for (;;) { /* *p is a wildcard: at least one byte */
		if (q >= qe)
			return false;
		p++;
		q++;
		const char *next = memchr(p, '\0', (size_t)(pe - p));
		const size_t n = (size_t)((next ? next : pe) - p);

		if (!next)
			return (size_t)(qe - q) >= n && memcmp(qe - n, p, n) == 0;
		q = memmem(q, (size_t)(qe - q), p, n);
		if (!q)
			return false;
		q += n;
		p = next;
	}
}

bool path_label_covers(const struct path_label *w, const struct path_label *s)
{
	if (w->deep || s->deep)
		return w->deep;
	if (!w->wild)
		return w->n == s->n && memcmp(w->p, s->p, w->n) == 0;
	if (s->n < w->n)
		return false;
	const char *star = memchr(w->p, '\0', w->n);
	const size_t head = (size_t)(star - w->p);

	return memcmp(w->p, s->p, head) == 0 &&
	       pieces_match(star, w->p + w->n, s->p + head, s->p + s->n);
}

size_t path_tree_bytes(const struct path_tree *t)
{
	return sizeof(*t) + t->nodes_cap * sizeof(*t->nodes) +
	       t->entries_cap * sizeof(*t->entries) + t->labels_cap;
}

/* An array grows by a small part: what is not used of it counts against the image's bound. Near the
 * bound it grows by what is wanted alone. */
static int grow(struct path_tree *t, void **array, uint32_t *cap, uint32_t want, size_t size)
{
	const uint64_t easy = (uint64_t)want + want / SPARE + 4;
	const size_t others = path_tree_bytes(t) - *cap * size;
	uint64_t n = easy;

	if (want <= *cap)
		return 0;
	if (others + n * size > t->settings.max_bytes - t->settings.max_bytes / 8)
		n = want;
	if (others + n * size > t->settings.max_bytes || n >= LABEL_DEAD)
		return -ENOSPC;
	void *more = realloc(*array, (size_t)n * size);

	if (!more)
		return -ENOMEM;
	*array = more;
	*cap = (uint32_t)n;
	return 0;
}

/* Leaves out the labels of nodes that are gone. */
static int compact_labels(struct path_tree *t, uint32_t more)
{
	const uint32_t live = t->labels_n - t->labels_dead;
	uint32_t cap = live + more + (live + more) / SPARE + 4;

	if (cap > t->labels_cap) /* growing is for grow(), which knows the limit */
		cap = t->labels_cap;
	char *new = malloc(cap);

	if (!new)
		return -ENOMEM;
	memcpy(new, t->labels, LABEL_FIRST);
	uint32_t n = LABEL_FIRST;

	for (uint32_t i = PATH_ROOT; i < t->nodes_n; i++) {
		struct path_node *node = &t->nodes[i];

		if (node->label == LABEL_DEAD || node->label < LABEL_FIRST)
			continue;
		const struct path_label l = label_at(t, node->label);

		memcpy(new + n, t->labels + node->label, path_label_bytes(&l));
		node->label = n;
		n += path_label_bytes(&l);
	}
	free(t->labels);
	t->labels = new;
	t->labels_n = n;
	t->labels_cap = cap;
	t->labels_dead = 0;
	return 0;
}

static int reserve_labels(struct path_tree *t, uint32_t bytes)
{
	void *p;
	int r;

	if (t->labels_n + bytes <= t->labels_cap)
		return 0;
	if (t->labels_dead > t->labels_n / 4) {
		r = compact_labels(t, bytes);
		if (r < 0)
			return r;
	}
	p = t->labels;
	r = grow(t, &p, &t->labels_cap, t->labels_n + bytes, 1);
	if (r == -ENOSPC && t->labels_dead > 0) {
		r = compact_labels(t, bytes);
		p = t->labels;
		if (r == 0)
			r = grow(t, &p, &t->labels_cap, t->labels_n + bytes, 1);
	}
	t->labels = p;
	return r;
}

/* Place 0 of nodes and entries is none, the first node is the root, the first labels are fixed. */
static int reserve_first(struct path_tree *t)
{
	int r = reserve_labels(t, LABEL_FIRST);
	void *p = t->nodes;

	if (r < 0)
		return r;
	r = grow(t, &p, &t->nodes_cap, PATH_ROOT + 1, sizeof(*t->nodes));
	t->nodes = p;
	if (r < 0)
		return r;
	memcpy(t->labels, first_labels, LABEL_FIRST);
	t->labels_n = LABEL_FIRST;
	t->nodes[0] = (struct path_node){ .label = LABEL_DEAD };
	t->nodes[PATH_ROOT] = (struct path_node){ .label = LABEL_EMPTY };
	t->nodes_n = PATH_ROOT + 1;
	t->nodes_used = 1;
	t->entries_n = 1;
	return 0;
}

static void trim(void **array, uint32_t *cap, uint32_t n, size_t size)
{
	void *less = n < *cap ? realloc(*array, n * size) : NULL;

	if (!less)
		return;
	*array = less;
	*cap = n;
}

/* What was spared for later goes to who needs it now: so a set that fits fits in any order. */
static bool trim_all(struct path_tree *t)
{
	const size_t before = path_tree_bytes(t);
	void *nodes = t->nodes, *entries = t->entries, *labels = t->labels;

	if (t->nodes_n == 0)
		return false;
	trim(&nodes, &t->nodes_cap, t->nodes_n, sizeof(*t->nodes));
	trim(&entries, &t->entries_cap, t->entries_n, sizeof(*t->entries));
	trim(&labels, &t->labels_cap, t->labels_n, 1);
	t->nodes = nodes;
	t->entries = entries;
	t->labels = labels;
	return path_tree_bytes(t) < before;
}

static int reserve(struct path_tree *t, uint32_t nodes, uint32_t label_bytes, uint32_t entries)
{
	const uint32_t free_nodes = t->nodes_n - t->nodes_used - 1;
	const uint32_t free_entries = t->entries_n - t->entries_used - 1;
	int r = 0;
	void *p;

	if (t->entries_used + entries > t->settings.max_entries || t->next_id == UINT32_MAX)
		return -ENOSPC;
	if (t->nodes_n == 0) {
		r = reserve_first(t);
		return r < 0 ? r : reserve(t, nodes, label_bytes, entries);
	}
	if (nodes > free_nodes) {
		p = t->nodes;
		r = grow(t, &p, &t->nodes_cap, t->nodes_n + nodes - free_nodes, sizeof(*t->nodes));
		t->nodes = p;
	}
	if (r == 0 && entries > free_entries) {
		p = t->entries;
		r = grow(t, &p, &t->entries_cap, t->entries_n + entries - free_entries,
			 sizeof(*t->entries));
		t->entries = p;
	}
	return r < 0 ? r : reserve_labels(t, label_bytes);
}

int path_reserve(struct path_tree *t, uint32_t nodes, uint32_t label_bytes, uint32_t entries)
{
	const int r = reserve(t, nodes, label_bytes, entries);

	return r == -ENOSPC && t->entries_used + entries <= t->settings.max_entries && trim_all(t)
		       ? reserve(t, nodes, label_bytes, entries)
		       : r;
}

uint32_t path_node_new(struct path_tree *t, const struct path_label *label)
{
	uint32_t node = t->nodes_free;

	if (node)
		t->nodes_free = t->nodes[node].left;
	else
		node = t->nodes_n++;
	t->nodes[node] = (struct path_node){ .label = label_put(t, label) };
	t->nodes_used++;
	return node;
}

void path_node_free(struct path_tree *t, uint32_t node)
{
	label_drop(t, t->nodes[node].label);
	t->nodes[node] = (struct path_node){ .left = t->nodes_free, .label = LABEL_DEAD };
	t->nodes_free = node;
	t->nodes_used--;
}

void path_node_relabel(struct path_tree *t, uint32_t node, uint32_t label)
{
	label_drop(t, t->nodes[node].label);
	t->nodes[node].label = label;
}

void path_entry_new(struct path_tree *t, uint32_t node)
{
	uint32_t entry = t->entries_free;

	if (entry)
		t->entries_free = t->entries[entry].id;
	else
		entry = t->entries_n++;
	t->entries[entry] = (struct path_entry){ .id = ++t->next_id };
	t->entries_used++;
	t->nodes[node].entry = entry;
}

void path_entry_free(struct path_tree *t, uint32_t node)
{
	const uint32_t entry = t->nodes[node].entry;

	t->entries[entry] = (struct path_entry){ .id = t->entries_free };
	t->entries_free = entry;
	t->entries_used--;
	t->nodes[node].entry = 0;
}
