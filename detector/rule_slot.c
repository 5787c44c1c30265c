// SPDX-License-Identifier: GPL-2.0-or-later
/* What a check asks: a field with its argument, or a transformer of such; the same one is one slot.
 */
#include <errno.h>
#include <string.h>

#include "detector/rule_program_internal.h"

/* The operand as a text without positions. */
static void add_key(struct buf *b, const struct condition_operand *o)
{
	const uint32_t head[] = { (uint32_t)o->transform, (uint32_t)o->field.n, (uint32_t)o->arg.n,
				  (uint32_t)o->args_n, o->has_arg };

	buf_add(b, head, sizeof(head));
	buf_add_span(b, o->field);
	buf_add_span(b, o->arg);
	for (size_t i = 0; i < o->args_n; i++) {
		const struct condition_value *v = &o->args[i];
		const uint32_t literal[] = { (uint32_t)v->text.n, (uint32_t)v->list_n,
					     v->operand != NULL };

		buf_add(b, literal, sizeof(literal));
		buf_add_span(b, v->text);
		if (v->operand)
			add_key(b, v->operand);
		for (size_t j = 0; j < v->list_n; j++) {
			const uint32_t bytes = (uint32_t)v->list[j].text.n;

			buf_add(b, &bytes, sizeof(bytes));
			buf_add_span(b, v->list[j].text);
			if (v->list[j].operand)
				add_key(b, v->list[j].operand);
		}
	}
}

static int field_slot(const struct condition *c, const struct condition_operand *o, struct slot *s,
		      struct err *e)
{
	struct err why = { "" };
	int r = field_find(o->field, o->arg, o->has_arg, &s->ref, &why);

	if (r < 0)
		return condition_fault(c->source, o->at, -r, e, "%s", why.text);
	if (s->ref.flags & FIELD_PRINT_ONLY)
		return condition_fault(c->source, o->at, EOPNOTSUPP, e,
				       "field '%.*s' can be printed alone: %s", (int)o->field.n,
				       o->field.p, s->ref.def->unserved);
	s->type = s->ref.type;
	s->flags = s->ref.flags;
	s->events = s->ref.def->events;
	s->cost = s->ref.def->cost;
	return 0;
}

static int add_input(struct rule_program *p, const struct condition *c, struct slot *s,
		     const struct condition_value *v, uint32_t *inner, struct span *literals,
		     struct err *e)
{
	const uint32_t i = s->inner_n;

	inner[i] = PROGRAM_NO_SLOT;
	literals[i] = v->text;
	if (v->operand) {
		int r = program_slot(p, c, v->operand, &inner[i], e);

		if (r < 0)
			return r;
		const struct slot *of = &p->slots[inner[i]];

		/* what an argument cannot have, the whole has not */
		if (of->events)
			s->events = s->events ? s->events & of->events : of->events;
		s->flags |= of->flags & (FIELD_LIST | FIELD_ANY | FIELD_OF_PATH | FIELD_OF_TIME);
	} else {
		literals[i] = arena_copy(&p->arena, v->text);
		if (!literals[i].p)
			return err_set(e, ENOMEM, "no memory for a condition");
	}
	s->inner_n++;
	return 0;
}

static size_t inputs_of(const struct condition_operand *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->args_n; i++)
		n += o->args[i].list_n ? o->args[i].list_n : 1;
	return n;
}

static int check_transformer(const struct condition *c, const struct condition_operand *o,
			     const struct slot *s, const struct rule_program *p, struct err *e)
{
	const bool one = o->transform <= TRANSFORM_LEN;

	if (o->transform == TRANSFORM_GETOPT)
		return condition_fault(c->source, o->at, EOPNOTSUPP, e,
				       "getopt() is not served by bulkhead");
	if (one && (o->args_n != 1 || !o->args[0].operand))
		return condition_fault(c->source, o->at, EINVAL, e, "%s() takes one field",
				       condition_transform_name(o->transform));
	for (uint32_t i = 0; i < s->inner_n; i++) {
		enum field_type t = s->inner[i] == PROGRAM_NO_SLOT ? FIELD_STRING
								   : p->slots[s->inner[i]].type;

		if (t != FIELD_STRING && t != FIELD_BYTES)
			return condition_fault(c->source, o->at, EINVAL, e,
					       "%s() takes texts, and an argument is a number",
					       condition_transform_name(o->transform));
	}
	return 0;
}

static int transformer_slot(struct rule_program *p, const struct condition *c,
			    const struct condition_operand *o, struct slot *s, struct err *e)
{
	const size_t n = inputs_of(o);
	uint32_t *inner = arena_zeroed(&p->arena, n, sizeof(*inner));
	struct span *literals = arena_zeroed(&p->arena, n, sizeof(*literals));
	int r = 0;

	if (!inner || !literals)
		return err_set(e, ENOMEM, "no memory for a condition");
	*s = (struct slot){ .transform = o->transform, .inner = inner, .literals = literals };
	for (size_t i = 0; r == 0 && i < o->args_n; i++) {
		const struct condition_value *v = &o->args[i];

		if (!v->list_n)
			r = add_input(p, c, s, v, inner, literals, e);
		for (size_t j = 0; r == 0 && j < v->list_n; j++)
			r = add_input(p, c, s, &v->list[j], inner, literals, e);
	}
	if (r == 0)
		r = check_transformer(c, o, s, p, e);
	s->type = o->transform == TRANSFORM_LEN ? FIELD_UINT : FIELD_STRING;
	if (o->transform == TRANSFORM_LEN || o->transform == TRANSFORM_JOIN)
		s->flags &= ~(unsigned)(FIELD_LIST | FIELD_ANY);
	s->cost = 3;
	return r;
}

int program_slot(struct rule_program *p, const struct condition *c,
		 const struct condition_operand *o, uint32_t *slot, struct err *e)
{
	AUTO_BUF struct buf key = { .fd = -1 };
	struct slot s = { .transform = o->transform };
	int r;

	buf_init(&key, CONDITION_MAX_BYTES);
	add_key(&key, o);
	const struct span bytes = { key.data, key.len };

	if (key.failed)
		return err_set(e, ENOMEM, "no memory for a condition");
	*slot = byte_map_find(&p->slot_ids, bytes);
	if (*slot != BYTE_MAP_NONE)
		return 0;
	if (o->transform == TRANSFORM_FIELD)
		r = field_slot(c, o, &s, e);
	else
		r = transformer_slot(p, c, o, &s, e);
	if (r < 0)
		return r;
	if (p->slots_n == PROGRAM_MAX_SLOTS)
		return err_set(e, E2BIG, "more than %d different fields are asked for",
			       PROGRAM_MAX_SLOTS);
	s.atoms.seed = p->slot_ids.seed;
	if (byte_map_add(&p->arena, &p->slot_ids, bytes, p->slots_n) < 0)
		return err_set(e, ENOMEM, "no memory for a condition");
	*slot = p->slots_n;
	p->slots[p->slots_n++] = s;
	return 0;
}
