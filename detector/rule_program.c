// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rule_program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "detector/rule_program_internal.h"

#define KEY_BYTES (64U << 20) /* of the longest list's own bytes */

static int first_nodes(struct rule_program *p)
{
	p->nodes = calloc(256, sizeof(*p->nodes));
	if (!p->nodes)
		return -ENOMEM;
	p->nodes_cap = 256;
	p->nodes[NODE_FALSE].kind = NODE_CONST;
	p->nodes[NODE_TRUE].kind = NODE_CONST;
	p->nodes_n = 2;
	return 0;
}

/* The field that tells whether an event is of the host: known to folding by its number. */
static int host_slot(struct rule_program *p, struct err *e)
{
	static const struct condition_source nowhere = { .what = { "", 0 } };
	static const struct condition_operand id = { .field = { "container.id", 12 } };
	const struct condition c = { .kind = CONDITION_CHECK, .source = &nowhere, .left = &id };

	return program_slot(p, &c, &id, &p->host_slot, e);
}

int rule_program_new(struct rule_program **out, struct err *e)
{
	AUTO(rule_program_free) struct rule_program *p = calloc(1, sizeof(*p));
	uint64_t seed = 0;

	if (!p)
		return err_set(e, ENOMEM, "no memory for rules");
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return err_errno(e, "no random numbers");
	arena_init(&p->arena, PROGRAM_MAX_BYTES);
	arena_init(&p->paths_arena, PROGRAM_MAX_BYTES);
	buf_init(&p->key, KEY_BYTES);
	p->node_ids.seed = p->check_ids.seed = p->slot_ids.seed = seed;
	p->set_ids.seed = p->name_ids.seed = seed;
	p->slots = calloc(PROGRAM_MAX_SLOTS, sizeof(*p->slots));
	p->rules = calloc(PROGRAM_MAX_RULES, sizeof(*p->rules));
	if (!p->slots || !p->rules || first_nodes(p) < 0)
		return err_set(e, ENOMEM, "no memory for rules");
	evt_type_init();
	int r = host_slot(p, e);

	if (r < 0)
		return r;
	*out = TAKE(p);
	return 0;
}

void rule_program_free(struct rule_program *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->checks_n; i++)
		if (p->checks[i].matcher == MATCH_PATTERN)
			pattern_free(p->checks[i].pattern);
	free(p->checks);
	free(p->nodes);
	free(p->links);
	free(p->slots);
	free(p->sets);
	free(p->rules);
	free(p->memo);
	buf_release(&p->key);
	arena_release(&p->arena);
	arena_release(&p->paths_arena);
	free(p);
}

/* Types that can make it true, by and, or, not over sets of types alone: good enough before all are
 * folded. */
static struct evt_set types_of(const struct rule_program *p, uint32_t node, bool negated,
			       unsigned depth)
{
	const struct node *n = &p->nodes[node];
	const struct evt_set all = { { UINT64_MAX, UINT64_MAX } }, none = { { 0, 0 } };

	if (node <= NODE_TRUE)
		return (node == NODE_TRUE) != negated ? all : none;
	if (n->kind == NODE_TYPE) {
		struct evt_set s = p->sets[n->first];

		return negated ? (struct evt_set){ { ~s.w[0], ~s.w[1] } } : s;
	}
	if (n->kind == NODE_CHECK || n->kind == NODE_ONEOF || depth == 0)
		return all;
	if (n->kind == NODE_NOT)
		return types_of(p, p->links[n->first], !negated, depth - 1);
	const bool meet = (n->kind == NODE_AND) != negated;
	struct evt_set r = meet ? all : none;

	for (uint32_t i = 0; i < n->n; i++) {
		struct evt_set s = types_of(p, p->links[n->first + i], negated, depth - 1);

		for (int w = 0; w < 2; w++)
			r.w[w] = meet ? r.w[w] & s.w[w] : r.w[w] | s.w[w];
	}
	return r;
}

static void set_types(const struct rule_program *p, uint32_t root, struct rule_needs *needs)
{
	struct evt_set s = types_of(p, root, false, 24);

	needs->all_types = true;
	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++)
		if (evt_set_has(&s, (enum evt_type)t))
			evt_set_add(&needs->types, (enum evt_type)t);
		else
			needs->all_types = false;
}

int rule_program_add(struct rule_program *p, const struct condition *c, uint32_t *id,
		     struct rule_needs *needs, struct err *e)
{
	struct rule_needs n = { .all_types = false };
	uint32_t root;

	if (p->finished)
		return err_set(e, EINVAL, "the rules are finished");
	if (p->rules_n == PROGRAM_MAX_RULES)
		return err_set(e, E2BIG, "more than %d rules", PROGRAM_MAX_RULES);
	int r = program_compile(p, c, &root, &n, e);

	if (r < 0)
		return r;
	set_types(p, root, &n);
	p->rules[p->rules_n] = (struct program_rule){ .root = root, .needs = n };
	*id = p->rules_n++;
	*needs = n;
	return 0;
}

/* Every rule as it was written, for every type. */
static int as_written(struct rule_program *p, struct err *e)
{
	struct type_rules all = { .n = p->rules_n };
	uint32_t *roots = arena_zeroed(&p->arena, p->rules_n, sizeof(*roots));

	all.ids = arena_zeroed(&p->arena, p->rules_n, sizeof(*all.ids));
	if (!roots || !all.ids)
		return err_set(e, ENOMEM, "no memory for rules");
	for (uint32_t i = 0; i < p->rules_n; i++) {
		all.ids[i] = i;
		roots[i] = p->rules[i].root;
	}
	for (unsigned v = 0; v < PROGRAM_VARIANTS; v++)
		all.roots[v] = roots;
	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++)
		p->types[t] = all;
	return 0;
}

static int finish(struct rule_program *p, int (*fold)(struct rule_program *p, struct err *e),
		  struct err *e)
{
	int r = program_atoms(p);

	if (r < 0)
		return err_set(e, ENOMEM, "no memory for rules");
	r = fold(p, e);
	if (r < 0)
		return r;
	p->memo = calloc(p->nodes_n, sizeof(*p->memo));
	if (!p->memo)
		return err_set(e, ENOMEM, "no memory for rules");
	buf_release(&p->key);
	p->finished = true;
	rule_program_begin(p);
	return 0;
}

int rule_program_finish(struct rule_program *p, struct err *e)
{
	return finish(p, program_fold, e);
}

int rule_program_finish_plain(struct rule_program *p, struct err *e)
{
	return finish(p, as_written, e);
}

const struct rule_needs *rule_program_needs(const struct rule_program *p, uint32_t id)
{
	return &p->rules[id].needs;
}

size_t rule_program_of_type(const struct rule_program *p, enum evt_type t, const uint32_t **ids)
{
	*ids = p->types[t].ids;
	return p->types[t].n;
}

void rule_program_begin(struct rule_program *p)
{
	p->values_n = 0;
	if (++p->stamp < UINT32_MAX / 2)
		return;
	p->stamp = 1;
	memset(p->memo, 0, p->nodes_n * sizeof(*p->memo));
	p->variant_stamp = 0;
	for (uint32_t i = 0; i < p->slots_n; i++)
		p->slots[i].stamp = p->slots[i].atom_stamp = 0;
}

static bool run(struct rule_program *p, uint32_t at, struct field_event *ev);

/* Here, not behind a call: most of what rules ask was asked before. */
static inline bool value_of(struct rule_program *p, uint32_t at, struct field_event *ev)
{
	const uint32_t known = p->memo[at];

	return known >> 1 == p->stamp ? known & 1 : run(p, at, ev);
}

/* How many children are so; no more than `enough` are looked for. */
static inline unsigned count_of(struct rule_program *p, const struct node *n, bool value,
				unsigned enough, struct field_event *ev)
{
	const uint32_t *link = p->links + n->first, *end = link + n->n;
	unsigned found = 0;

	while (found < enough && link < end)
		found += value_of(p, *link++, ev) == value;
	return found;
}

/* Of a node that is not worked out yet. */
static bool run(struct rule_program *p, uint32_t at, struct field_event *ev)
{
	const struct node *n = &p->nodes[at];
	bool r = false;

	switch ((enum node_kind)n->kind) {
	case NODE_CONST:
		r = at == NODE_TRUE;
		break;
	case NODE_NOT:
		r = !value_of(p, p->links[n->first], ev);
		break;
	case NODE_AND:
		r = count_of(p, n, false, 1, ev) == 0;
		break;
	case NODE_OR:
		r = count_of(p, n, true, 1, ev) > 0;
		break;
	case NODE_ONEOF:
		r = count_of(p, n, true, 2, ev) == 1;
		break;
	case NODE_CHECK:
		r = program_test(p, &p->checks[n->first], ev);
		break;
	case NODE_TYPE:
		r = evt_set_has(&p->sets[n->first], ev->type);
		break;
	}
	p->memo[at] = p->stamp << 1 | r;
	return r;
}

static unsigned variant_of(struct rule_program *p, struct field_event *ev)
{
	if (p->variant_stamp == p->stamp)
		return p->variant;
	p->variant = field_place(ev);
	p->variant_stamp = p->stamp;
	return p->variant;
}

bool rule_program_match(struct rule_program *p, size_t i, struct field_event *ev)
{
	const struct type_rules *t = &p->types[ev->type];
	const uint32_t root = t->roots[variant_of(p, ev)][i];

	return root <= NODE_TRUE ? root == NODE_TRUE : value_of(p, root, ev);
}

size_t rule_program_names(struct rule_program *p, const struct span **names)
{
	if (!p->names && p->name_ids.n > 0) {
		p->names = arena_zeroed(&p->arena, p->name_ids.n, sizeof(*p->names));
		for (uint32_t i = 0; p->names && i <= p->name_ids.mask; i++)
			if (p->name_ids.entries[i].key.p)
				p->names[p->names_n++] = p->name_ids.entries[i].key;
	}
	*names = p->names;
	return p->names_n;
}

struct rule_program_stats rule_program_stats(const struct rule_program *p)
{
	return (struct rule_program_stats){ .nodes = p->nodes_n,
					    .fields = p->slots_n,
					    .checks = p->checks_n,
					    .bytes = p->arena.used +
						     p->nodes_cap * sizeof(*p->nodes),
					    .match_limit = p->match_limit,
					    .values_full = p->values_full };
}
