// SPDX-License-Identifier: GPL-2.0-or-later
/* From a tree to nodes: what evt.type says becomes sets of types, what can be known becomes a
 * constant, the rest becomes checks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detector/rule_program_internal.h"

#define GROUP_INLINE 64

static bool is_field(const struct condition *c, const char *name)
{
	return c->left->transform == TRANSFORM_FIELD && !c->left->has_arg &&
	       span_eq(c->left->field, name);
}

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "no room for the conditions: %u nodes are the most",
		       PROGRAM_MAX_NODES);
}

/* --- evt.type ------------------------------------------------------------------------------ */

static int add_type(const struct condition *c, const struct condition_value *v, struct evt_set *set,
		    struct rule_needs *needs, struct err *e)
{
	enum evt_type t = EVT_NONE;

	if (v->operand)
		return condition_fault(c->source, v->at, EINVAL, e,
				       "evt.type is compared with names of events alone");
	switch (evt_type_find(v->text, &t)) {
	case EVT_UNKNOWN:
		return condition_fault(c->source, v->at, ENOENT, e, "unknown event type '%.*s'",
				       (int)v->text.n, v->text.p);
	case EVT_UNSEEN:
		if (!needs->names_unseen_type)
			snprintf(needs->unseen_type, sizeof(needs->unseen_type), "%.*s",
				 (int)v->text.n, v->text.p);
		needs->names_unseen_type = true;
		return 0;
	case EVT_SEEN:
		break;
	}
	struct evt_set more = evt_type_matching(t);

	set->w[0] |= more.w[0];
	set->w[1] |= more.w[1];
	return 0;
}

static struct evt_set every_type(void)
{
	struct evt_set all = { { 0 } };

	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++)
		evt_set_add(&all, (enum evt_type)t);
	return all;
}

/* "evt.type startswith open": asked of each name now. */
static int types_by_text(struct rule_program *p, const struct condition *c, struct evt_set *set,
			 struct err *e)
{
	uint32_t slot = 0, number = BYTE_MAP_NONE;
	bool value = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->values_n; i++)
		if (c->values[i].operand) /* there is no event yet that could have it */
			r = condition_fault(c->source, c->values[i].at, EINVAL, e,
					    "evt.type is compared with texts alone");
	if (r == 0)
		r = program_slot(p, c, c->left, &slot, e);
	if (r == 0)
		r = program_check(p, c, slot, c->values, c->values_n, &number, &value, e);
	if (r == 0 && number != BYTE_MAP_NONE && program_atoms(p) < 0)
		r = no_memory(e);
	for (unsigned t = EVT_NONE + 1; r == 0 && t < EVT_COUNT; t++) {
		struct span name = span_str(evt_type_name((enum evt_type)t));

		if (number == BYTE_MAP_NONE ? value
					    : program_test_text(p, &p->checks[number], name))
			evt_set_add(set, (enum evt_type)t);
	}
	return r;
}

static int compile_type(struct rule_program *p, const struct condition *c, uint32_t *node,
			struct rule_needs *needs, struct err *e)
{
	const bool by_name = c->op == CONDITION_EQ || c->op == CONDITION_NE ||
			     c->op == CONDITION_IN || c->op == CONDITION_INTERSECTS;
	const struct evt_set all = every_type();
	struct evt_set set = { { 0 } };
	int r = 0;

	if (c->op == CONDITION_EXISTS)
		set = all;
	else if (by_name && c->modifier == MODIFIER_NONE)
		for (size_t i = 0; r == 0 && i < c->values_n; i++)
			r = add_type(c, &c->values[i], &set, needs, e);
	else if (c->modifier == MODIFIER_NONE)
		r = types_by_text(p, c, &set, e);
	else
		r = condition_fault(c->source, c->at, EINVAL, e,
				    "evt.type takes no '%s'; write 'evt.type in (...)'",
				    c->modifier == MODIFIER_ONEOF   ? "oneof"
				    : c->modifier == MODIFIER_ANYOF ? "anyof"
								    : "allof");
	if (r < 0)
		return r;
	if (c->op == CONDITION_NE)
		set = (struct evt_set){ { all.w[0] & ~set.w[0], all.w[1] & ~set.w[1] } };
	if (!set.w[0] && !set.w[1])
		*node = NODE_FALSE;
	else if (set.w[0] == all.w[0] && set.w[1] == all.w[1])
		*node = NODE_TRUE;
	else
		*node = node_type(p, &set);
	return *node == UINT32_MAX ? no_memory(e) : 0;
}

/* --- evt.num: the running number of the event, from 1 -------------------------------------- */

static int compile_number(const struct condition *c, uint32_t *node)
{
	uint64_t v;

	if (c->values_n != 1 || c->values[0].operand || !parse_u64(c->values[0].text, &v))
		return -ENOENT;
	const bool never_below_one = c->op == CONDITION_EQ || c->op == CONDITION_LE ||
				     c->op == CONDITION_NE || c->op == CONDITION_GT;
	const bool never_below_two = c->op == CONDITION_LT || c->op == CONDITION_GE;

	if (!(never_below_one && v < 1) && !(never_below_two && v <= 1))
		return -ENOENT;
	*node = c->op == CONDITION_NE || c->op == CONDITION_GT || c->op == CONDITION_GE
			? NODE_TRUE
			: NODE_FALSE;
	return 0;
}

/* --- checks -------------------------------------------------------------------------------- */

static int one_check(struct rule_program *p, const struct condition *c, uint32_t slot,
		     const struct condition_value *values, size_t n, uint32_t *node, struct err *e)
{
	uint32_t number = BYTE_MAP_NONE;
	bool value = false;
	int r = program_check(p, c, slot, values, n, &number, &value, e);

	if (r < 0)
		return r;
	*node = number != BYTE_MAP_NONE ? node_check(p, number) : value ? NODE_TRUE : NODE_FALSE;
	return *node == UINT32_MAX ? no_memory(e) : 0;
}

static int modified(struct rule_program *p, const struct condition *c, uint32_t slot,
		    uint32_t *node, struct err *e)
{
	const size_t n = c->values_n;

	if (c->modifier == MODIFIER_ANYOF && c->op == CONDITION_STARTSWITH)
		return one_check(p, c, slot, c->values, n, node, e); /* a tree of prefixes */
	uint32_t *each = arena_zeroed(&p->arena, n, sizeof(*each));

	if (!each)
		return no_memory(e);
	for (size_t i = 0; i < n; i++) {
		int r = one_check(p, c, slot, &c->values[i], 1, &each[i], e);

		if (r < 0)
			return r;
	}
	*node = node_group(p,
			   c->modifier == MODIFIER_ONEOF   ? NODE_ONEOF
			   : c->modifier == MODIFIER_ALLOF ? NODE_AND
							   : NODE_OR,
			   each, n);
	return *node == UINT32_MAX ? no_memory(e) : 0;
}

static int compile_check(struct rule_program *p, const struct condition *c, uint32_t *node,
			 struct rule_needs *needs, struct err *e)
{
	uint32_t slot = 0;

	if (is_field(c, "evt.type"))
		return compile_type(p, c, node, needs, e);
	if (is_field(c, "evt.num") && compile_number(c, node) == 0)
		return 0;
	int r = program_slot(p, c, c->left, &slot, e);

	if (r < 0)
		return r;
	if (p->slots[slot].flags & FIELD_OF_TIME)
		needs->of_time = true;
	if (c->modifier != MODIFIER_NONE)
		return modified(p, c, slot, node, e);
	return one_check(p, c, slot, c->values, c->values_n, node, e);
}

static int compile_group(struct rule_program *p, const struct condition *c, uint32_t *node,
			 struct rule_needs *needs, struct err *e)
{
	uint32_t few[GROUP_INLINE], *list = few;

	if (c->children_n > GROUP_INLINE)
		list = arena_zeroed(&p->arena, c->children_n, sizeof(*list));
	if (!list)
		return no_memory(e);
	for (size_t i = 0; i < c->children_n; i++) {
		int r = program_compile(p, c->children[i], &list[i], needs, e);

		if (r < 0)
			return r;
	}
	*node = node_group(p, c->kind == CONDITION_AND ? NODE_AND : NODE_OR, list, c->children_n);
	return *node == UINT32_MAX ? no_memory(e) : 0;
}

static int compile(struct rule_program *p, const struct condition *c, uint32_t *node,
		   struct rule_needs *needs, struct err *e)
{
	int r = 0;

	switch (c->kind) {
	case CONDITION_OR:
	case CONDITION_AND:
		r = compile_group(p, c, node, needs, e);
		break;
	case CONDITION_NOT:
		r = program_compile(p, c->children[0], node, needs, e);
		if (r == 0)
			*node = node_not(p, *node);
		break;
	case CONDITION_CHECK:
		r = compile_check(p, c, node, needs, e);
		break;
	case CONDITION_MACRO:
		return condition_fault(c->source, c->at, EINVAL, e, "undefined macro '%.*s'",
				       (int)c->name.n, c->name.p);
	}
	return r;
}

int program_compile(struct rule_program *p, const struct condition *c, uint32_t *node,
		    struct rule_needs *needs, struct err *e)
{
	if (p->compile_depth >= PROGRAM_MAX_DEPTH)
		return condition_fault(c->source, c->at, E2BIG, e,
				       "the condition is deeper than %d, macros in place",
				       PROGRAM_MAX_DEPTH);
	*node = NODE_FALSE;
	p->compile_depth++;
	int r = compile(p, c, node, needs, e);

	p->compile_depth--;
	return r == 0 && *node == UINT32_MAX ? no_memory(e) : r;
}
