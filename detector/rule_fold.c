// SPDX-License-Identifier: GPL-2.0-or-later
/* Folding: what is left of every rule when the type of the event is known, and whether it is of the
 * host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detector/rule_program_internal.h"

struct folding {
	struct rule_program *p;
	enum evt_type type;
	unsigned variant; /* enum field_place */
	uint32_t *memo;	  /* of the nodes that were there before; UINT32_MAX: not yet */
	uint32_t n;
};

static bool can_have(const struct slot *s, enum evt_type t)
{
	if (s->transform == TRANSFORM_FIELD)
		return field_of_type(&s->ref, t);
	return !s->events || (s->events & evt_type_events(t));
}

/* Constant for this type and variant, or UINT32_MAX. */
static uint32_t fold_check(const struct folding *f, uint32_t node)
{
	struct rule_program *p = f->p;
	const struct check *c = &p->checks[p->nodes[node].first];
	const struct slot *s = &p->slots[c->slot];

	if (!can_have(s, f->type))
		return NODE_FALSE; /* such an event never has it */
	if (c->slot != p->host_slot || c->matcher == MATCH_SLOT)
		return UINT32_MAX;
	if (f->variant == PLACE_UNKNOWN) /* neither equal nor different */
		return NODE_FALSE;
	if (c->matcher == MATCH_EXISTS)
		return NODE_TRUE;
	const bool host_passes = program_test_text(p, c, SPAN_LIT("host"));

	if (f->variant == PLACE_HOST)
		return host_passes ? NODE_TRUE : NODE_FALSE;
	/* of a container it is some id, never "host" */
	if (c->matcher == MATCH_ATOM && host_passes != c->negate)
		return c->negate ? NODE_TRUE : NODE_FALSE;
	return UINT32_MAX;
}

static uint32_t fold(struct folding *f, uint32_t node);

static uint32_t fold_group(struct folding *f, uint32_t node)
{
	struct rule_program *p = f->p;
	const struct node of = p->nodes[node]; /* the array moves */
	uint32_t few[64], *list = of.n <= 64 ? few : malloc(of.n * sizeof(*list));
	uint32_t r = UINT32_MAX;

	if (!list)
		return r;
	bool same = true;

	for (uint32_t i = 0; i < of.n; i++) {
		list[i] = fold(f, p->links[of.first + i]);
		same = same && list[i] == p->links[of.first + i];
	}
	r = same ? node : node_group(p, (enum node_kind)of.kind, list, of.n);
	if (list != few)
		free(list);
	return r;
}

static uint32_t fold(struct folding *f, uint32_t node)
{
	struct rule_program *p = f->p;
	const struct node of = p->nodes[node];
	uint32_t r = node;

	if (node <= NODE_TRUE || f->memo[node] != UINT32_MAX)
		return node <= NODE_TRUE ? node : f->memo[node];
	switch ((enum node_kind)of.kind) {
	case NODE_CONST:
		break;
	case NODE_NOT:
		r = node_not(p, fold(f, p->links[of.first]));
		break;
	case NODE_AND:
	case NODE_OR:
	case NODE_ONEOF:
		r = fold_group(f, node);
		break;
	case NODE_CHECK:
		r = fold_check(f, node);
		if (r == UINT32_MAX)
			r = node;
		break;
	case NODE_TYPE:
		r = evt_set_has(&p->sets[of.first], f->type) ? NODE_TRUE : NODE_FALSE;
		break;
	}
	f->memo[node] = r;
	return r;
}

static bool is_idle(const struct rule_program *p, const uint32_t *roots, uint32_t rule)
{
	for (unsigned v = 0; v < PROGRAM_VARIANTS; v++)
		if (roots[v * p->rules_n + rule] != NODE_FALSE)
			return false;
	return true;
}

static int fold_type(struct folding *f, struct type_rules *out, uint32_t *roots)
{
	struct rule_program *p = f->p;

	for (f->variant = 0; f->variant < PROGRAM_VARIANTS; f->variant++) {
		memset(f->memo, 0xff, f->n * sizeof(*f->memo));
		for (uint32_t i = 0; i < p->rules_n; i++) {
			uint32_t r = fold(f, p->rules[i].root);

			if (r == UINT32_MAX)
				return -ENOMEM;
			roots[f->variant * p->rules_n + i] = r;
			if (r != NODE_FALSE && f->variant == PLACE_HOST)
				evt_set_add(&p->rules[i].needs.host_types, f->type);
			if (r != NODE_FALSE && f->variant == PLACE_CONTAINER)
				evt_set_add(&p->rules[i].needs.container_types, f->type);
		}
	}
	for (uint32_t i = 0; i < p->rules_n; i++)
		out->n += !is_idle(p, roots, i);
	out->ids = arena_zeroed(&p->arena, out->n, sizeof(*out->ids));
	for (unsigned v = 0; v < PROGRAM_VARIANTS; v++)
		out->roots[v] = arena_zeroed(&p->arena, out->n, sizeof(*out->roots[v]));
	if (p->arena.failed)
		return -ENOMEM;
	size_t n = 0;

	for (uint32_t i = 0; i < p->rules_n; i++) {
		if (is_idle(p, roots, i))
			continue;
		out->ids[n] = i;
		for (unsigned v = 0; v < PROGRAM_VARIANTS; v++)
			out->roots[v][n] = roots[v * p->rules_n + i];
		n++;
	}
	return 0;
}

int program_fold(struct rule_program *p, struct err *e)
{
	struct folding f = { .p = p, .n = p->nodes_n };
	uint32_t *roots = calloc((size_t)p->rules_n * PROGRAM_VARIANTS + 1, sizeof(*roots));
	int r = 0;

	f.memo = malloc(((size_t)f.n + 1) * sizeof(*f.memo));
	if (!roots || !f.memo)
		r = -ENOMEM;
	for (unsigned t = EVT_NONE + 1; r == 0 && t < EVT_COUNT; t++) {
		f.type = (enum evt_type)t;
		r = fold_type(&f, &p->types[t], roots);
	}
	free(f.memo);
	free(roots);
	return r < 0 ? err_set(e, ENOMEM, "no room for the rules: %u nodes are the most",
			       PROGRAM_MAX_NODES)
		     : 0;
}
