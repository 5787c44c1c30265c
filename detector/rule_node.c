// SPDX-License-Identifier: GPL-2.0-or-later
/* Nodes of the shared graph: what is equal is one node, and what is constant is none. */
#include <stdlib.h>
#include <string.h>

#include "detector/rule_program_internal.h"

#define COST_MAX 1000000

/* What a node is, as bytes: equal bytes, equal nodes. */
static uint32_t known(struct rule_program *p, enum node_kind kind, const uint32_t *list, size_t n)
{
	const uint32_t head = (uint32_t)kind;

	buf_clear(&p->key);
	buf_add(&p->key, &head, sizeof(head));
	buf_add(&p->key, list, n * sizeof(*list));
	return p->key.failed
		       ? UINT32_MAX
		       : byte_map_find(&p->node_ids, (struct span){ p->key.data, p->key.len });
}

static void *grown(void *list, uint32_t n, uint32_t *cap, size_t size, uint32_t more)
{
	if (n + more <= *cap)
		return list;
	uint32_t want = *cap ? *cap * 2 : 256;

	while (want < n + more)
		want *= 2;
	void *new = reallocarray(list, want, size);

	if (new)
		*cap = want;
	return new;
}

static uint32_t add(struct rule_program *p, struct node node)
{
	struct node *nodes = grown(p->nodes, p->nodes_n, &p->nodes_cap, sizeof(*nodes), 1);

	if (!nodes)
		return UINT32_MAX;
	p->nodes = nodes;
	if (p->nodes_n >= PROGRAM_MAX_NODES || p->key.failed ||
	    byte_map_add(&p->arena, &p->node_ids, (struct span){ p->key.data, p->key.len },
			 p->nodes_n) < 0)
		return UINT32_MAX;
	nodes[p->nodes_n] = node;
	return p->nodes_n++;
}

static uint32_t capped(uint64_t cost)
{
	return cost > COST_MAX ? COST_MAX : (uint32_t)cost;
}

static uint32_t with_links(struct rule_program *p, enum node_kind kind, const uint32_t *list,
			   size_t n)
{
	uint32_t at = known(p, kind, list, n);

	if (at != BYTE_MAP_NONE || p->key.failed)
		return at;
	uint32_t *links = grown(p->links, p->links_n, &p->links_cap, sizeof(*links), (uint32_t)n);

	if (!links)
		return UINT32_MAX;
	p->links = links;
	struct node node = { .kind = (uint8_t)kind, .first = p->links_n, .n = (uint32_t)n };
	uint64_t cost = 0;

	for (size_t i = 0; i < n; i++) {
		const struct node *child = &p->nodes[list[i]];

		links[p->links_n + i] = list[i];
		cost += child->cost;
	}
	/* half of it is often not met, but who counts to two meets nearly all */
	node.cost = capped(kind == NODE_NOT	? cost
			   : kind == NODE_ONEOF ? 1 + cost
						: 1 + cost * 2 / 3);
	at = add(p, node);
	if (at != UINT32_MAX)
		p->links_n += (uint32_t)n;
	return at;
}

uint32_t node_not(struct rule_program *p, uint32_t of)
{
	if (of <= NODE_TRUE)
		return of == NODE_TRUE ? NODE_FALSE : NODE_TRUE;
	if (of == UINT32_MAX)
		return of;
	if (p->nodes[of].kind == NODE_NOT)
		return p->links[p->nodes[of].first];
	return with_links(p, NODE_NOT, &of, 1);
}

/* Cheapest first, older first among equals: only then the same group is the same node. */
static int by_cost(const void *a, const void *b, void *program)
{
	const struct rule_program *p = program;
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (p->nodes[x].cost != p->nodes[y].cost)
		return p->nodes[x].cost < p->nodes[y].cost ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void sort(struct rule_program *p, uint32_t *list, size_t n)
{
	qsort_r(list, n, sizeof(*list), by_cost, p);
}

/* A child that is always true leaves no room for another. */
static uint32_t node_oneof(struct rule_program *p, uint32_t *list, size_t n)
{
	size_t kept = 0, always = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i] == UINT32_MAX)
			return UINT32_MAX;
		always += list[i] == NODE_TRUE;
		if (list[i] > NODE_TRUE)
			list[kept++] = list[i];
	}
	if (always > 1)
		return NODE_FALSE;
	if (always == 1)
		return node_not(p, node_group(p, NODE_OR, list, kept));
	if (kept <= 1)
		return kept ? list[0] : NODE_FALSE;
	sort(p, list, kept);
	return with_links(p, NODE_ONEOF, list, kept);
}

uint32_t node_group(struct rule_program *p, enum node_kind kind, uint32_t *list, size_t n)
{
	if (kind == NODE_ONEOF)
		return node_oneof(p, list, n);
	const uint32_t neutral = kind == NODE_AND ? NODE_TRUE : NODE_FALSE;
	const uint32_t decides = kind == NODE_AND ? NODE_FALSE : NODE_TRUE;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i] == UINT32_MAX)
			return UINT32_MAX;
		if (list[i] == decides)
			return decides;
		if (list[i] != neutral)
			list[kept++] = list[i];
	}
	if (kept == 0)
		return neutral;
	sort(p, list, kept);
	size_t distinct = 1; /* equal ones stand side by side now */

	for (size_t i = 1; i < kept; i++)
		if (list[i] != list[distinct - 1])
			list[distinct++] = list[i];
	return distinct == 1 ? list[0] : with_links(p, kind, list, distinct);
}

uint32_t node_check(struct rule_program *p, uint32_t check)
{
	static const uint8_t of_slot[] = { 2, 4, 10, 20 };
	const struct check *c = &p->checks[check];
	uint32_t at = known(p, NODE_CHECK, &check, 1);
	const struct slot *s = &p->slots[c->slot];
	uint64_t cost = of_slot[s->cost < 4 ? s->cost : 3];

	if (at != BYTE_MAP_NONE || p->key.failed)
		return at;
	switch ((enum matcher)c->matcher) {
	case MATCH_PATTERN:
		cost += 12;
		break;
	case MATCH_GLOB:
	case MATCH_CONTAINS:
	case MATCH_ICONTAINS:
	case MATCH_SLOT:
		cost += 4;
		break;
	case MATCH_PREFIXES:
	case MATCH_PATHS:
	case MATCH_INTS:
	case MATCH_UINTS:
	case MATCH_NETS:
		cost += 2;
		break;
	case MATCH_EXISTS:
	case MATCH_ATOM:
	case MATCH_ATOMS:
	case MATCH_INT:
	case MATCH_UINT:
	case MATCH_BOOL:
	case MATCH_TEXT:
	case MATCH_STARTS:
	case MATCH_ENDS:
		cost += 1;
		break;
	}
	return add(p, (struct node){ .kind = NODE_CHECK, .first = check, .cost = capped(cost) });
}

uint32_t node_type(struct rule_program *p, const struct evt_set *set)
{
	const struct span bytes = { (const char *)set, sizeof(*set) };
	uint32_t at = byte_map_find(&p->set_ids, bytes);

	if (at == BYTE_MAP_NONE) {
		struct evt_set *sets = grown(p->sets, p->sets_n, &p->sets_cap, sizeof(*sets), 1);

		if (!sets)
			return UINT32_MAX;
		p->sets = sets;
		if (byte_map_add(&p->arena, &p->set_ids, bytes, p->sets_n) < 0)
			return UINT32_MAX;
		at = p->sets_n++;
		sets[at] = *set;
	}
	uint32_t node = known(p, NODE_TYPE, &at, 1);

	if (node != BYTE_MAP_NONE || p->key.failed)
		return node;
	return add(p, (struct node){ .kind = NODE_TYPE, .first = at });
}
