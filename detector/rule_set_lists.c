// SPDX-License-Identifier: GPL-2.0-or-later
/* Lists, put into conditions where their name stands as a bare word. A list that names itself means
 * the word: "list: docker" may hold "docker". */
#include <errno.h>
#include <string.h>

#include "detector/rule_set_internal.h"

static bool take_values(struct set_builder *b, size_t n)
{
	b->values += n;
	return b->values <= RULE_SET_MAX_VALUES;
}

static bool resolve(struct set_builder *b, struct set_list *l, unsigned depth);

/* The list that an item names, worked out; NULL: it is a value. *ok false: a fault was told. */
static struct set_list *inner_list(struct set_builder *b, struct set_list *l,
				   const struct rule_text *t, unsigned depth, bool *ok)
{
	struct set_list *inner = set_find(&b->lists, t->text);
	int n = (int)(t->text.n < 64 ? t->text.n : 64);

	if (!inner || inner == l)
		return NULL;
	*ok = false;
	if (inner->state == STATE_BUSY)
		set_error(b, l->item, t, "contains itself by list '%.*s'", n, t->text.p);
	else if (depth >= RULE_SET_MAX_LISTS_DEEP)
		set_error(b, l->item, t, "lists stand in lists more than %u deep",
			  RULE_SET_MAX_LISTS_DEEP);
	else
		*ok = resolve(b, inner, depth + 1);
	return inner;
}

static bool read_value(struct set_builder *b, const struct set_list *l, struct span file,
		       const struct rule_text *t, struct condition_value *out)
{
	struct rule_segment g = { .whole = true,
				  .file = file,
				  .scalar = { .line = t->line, .column = t->column } };
	struct rule_places places = { 1, &g };
	struct condition_source s = { .file = file,
				      .what = SPAN_LIT("list"),
				      .name = l->item->name.text,
				      .text = t->text,
				      .place = rule_place,
				      .place_data = &places };
	struct err e = { "" };
	int r = condition_item(b->a, &s, t->text, out, &e);

	if (r == -ENOMEM)
		b->a->failed = true;
	else if (r < 0)
		set_fault_of(b, &s, 0, &e);
	return r == 0;
}

/* How many values the items are; inner lists are worked out by this. */
static bool count(struct set_builder *b, struct set_list *l, unsigned depth, size_t *out)
{
	size_t n = 0;
	bool all = true;

	for (const struct set_texts_part *p = l->items.first; p; p = p->next)
		for (size_t i = 0; i < p->texts.n; i++) {
			bool ok = true;
			const struct set_list *inner =
				inner_list(b, l, &p->texts.list[i], depth, &ok);

			n += inner ? inner->n : 1;
			all &= ok;
		}
	*out = n;
	if (all && (n > CONDITION_MAX_VALUES || !take_values(b, n))) {
		set_error(b, l->item, NULL, "more than %u values, or %u in all lists",
			  CONDITION_MAX_VALUES, RULE_SET_MAX_VALUES);
		all = false;
	}
	return all;
}

static bool fill(struct set_builder *b, struct set_list *l)
{
	size_t n = 0;
	bool all = true;

	for (const struct set_texts_part *p = l->items.first; p; p = p->next)
		for (size_t i = 0; i < p->texts.n; i++) {
			const struct rule_text *t = &p->texts.list[i];
			const struct set_list *inner = set_find(&b->lists, t->text);

			if (inner && inner != l) {
				if (inner->n > 0)
					memcpy(&l->values[n], inner->values,
					       inner->n * sizeof(*l->values));
				n += inner->n;
			} else {
				all &= read_value(b, l, p->file, t, &l->values[n]);
				n++;
			}
		}
	l->n = n;
	return all;
}

/* false: it has a fault, which was told once. */
static bool resolve(struct set_builder *b, struct set_list *l, unsigned depth)
{
	size_t n = 0;

	if (l->state == STATE_DONE || l->broken) {
		b->bad |= l->broken;
		return !l->broken;
	}
	l->state = STATE_BUSY;
	l->broken = !count(b, l, depth, &n);
	if (!l->broken) {
		l->values = arena_zeroed(b->a, n, sizeof(*l->values));
		l->broken = !l->values || !fill(b, l);
	}
	l->state = STATE_DONE;
	b->bad |= l->broken;
	return !l->broken;
}

void set_check_unused_lists(struct set_builder *b)
{
	b->lenient = true;
	for (struct set_list *l = b->first_list; l; l = l->next)
		(void)resolve(b, l, 0);
	b->lenient = false;
}

/* --- conditions ---------------------------------------------------------------------------- */

static struct set_list *list_of(struct set_builder *b, const struct condition_value *v)
{
	return v->quoted || v->operand || v->list ? NULL : set_find(&b->lists, v->text);
}

/* Values in parentheses, which are words alone; *n is changed with them. */
static const struct condition_value *put_values(struct set_builder *b,
						const struct condition_source *s,
						const struct condition_value *v, size_t *n)
{
	size_t total = 0, k = 0;
	bool same = true;

	for (size_t i = 0; i < *n; i++) {
		struct set_list *l = list_of(b, &v[i]);

		if (l && !resolve(b, l, 0))
			return v;
		same &= !l;
		total += l ? l->n : 1;
	}
	if (same)
		return v;
	if (total > CONDITION_MAX_VALUES || !take_values(b, total)) {
		set_fault(b, s, v[0].at, "more than %u values with lists in place, or %u in all",
			  CONDITION_MAX_VALUES, RULE_SET_MAX_VALUES);
		return v;
	}
	struct condition_value *out = arena_zeroed(b->a, total, sizeof(*out));

	for (size_t i = 0; out && i < *n; i++) {
		const struct set_list *l = list_of(b, &v[i]);

		if (!l)
			out[k++] = v[i];
		for (size_t j = 0; l && j < l->n; j++, k++) {
			out[k] = l->values[j];
			out[k].at = v[i].at; /* in this text, not in the list's */
		}
	}
	*n = out ? total : *n;
	return out ? out : v;
}

static const struct condition_operand *put_operand(struct set_builder *b,
						   const struct condition_source *s,
						   const struct condition_operand *o);

/* What stands inside a value, as in join("-", (a, my_list)). false: nothing changed. */
static bool put_inside(struct set_builder *b, const struct condition_source *s,
		       const struct condition_value *v, struct condition_value *out)
{
	*out = *v;
	if (v->operand)
		out->operand = put_operand(b, s, v->operand);
	if (v->list)
		out->list = put_values(b, s, v->list, &out->list_n);
	return out->operand != v->operand || out->list != v->list;
}

static const struct condition_operand *put_operand(struct set_builder *b,
						   const struct condition_source *s,
						   const struct condition_operand *o)
{
	struct condition_value *args = NULL, changed;
	struct condition_operand *out;

	for (size_t i = 0; i < o->args_n; i++) {
		if (!put_inside(b, s, &o->args[i], &changed))
			continue;
		if (!args) {
			args = arena_zeroed(b->a, o->args_n, sizeof(*args));
			if (!args)
				return o;
			memcpy(args, o->args, o->args_n * sizeof(*args));
		}
		args[i] = changed;
	}
	out = args ? arena_zeroed(b->a, 1, sizeof(*out)) : NULL;
	if (!out)
		return o;
	*out = *o;
	out->args = args;
	return out;
}

/* What "= my_list" means: the list must be one value. */
static bool single_value(struct set_builder *b, const struct condition *c, struct set_list *l,
			 struct condition_value *out)
{
	struct span name = l->item->name.text;
	int n = (int)(name.n < 64 ? name.n : 64);

	if (!resolve(b, l, 0))
		return false;
	if (l->n != 1) {
		set_fault(b, c->source, c->values[0].at,
			  "list '%.*s' has %zu values, expected one: 'in (%.*s)' takes more", n,
			  name.p, l->n, n, name.p);
		return false;
	}
	*out = l->values[0];
	out->at = c->values[0].at;
	return true;
}

static const struct condition_value *put_single(struct set_builder *b, const struct condition *c)
{
	struct set_list *l = list_of(b, &c->values[0]);
	struct condition_value changed, *out;

	if (l ? !single_value(b, c, l, &changed) : !put_inside(b, c->source, c->values, &changed))
		return c->values;
	out = arena_zeroed(b->a, 1, sizeof(*out));
	if (!out)
		return c->values;
	*out = changed;
	return out;
}

static const struct condition *copy_if_changed(struct set_builder *b, const struct condition *c,
					       const struct condition *changed)
{
	if (c->source == changed->source && c->children == changed->children &&
	    c->left == changed->left && c->values == changed->values)
		return c;
	struct condition *out = arena_zeroed(b->a, 1, sizeof(*out));

	if (!out)
		return c;
	*out = *changed;
	return out;
}

const struct condition *set_put_lists(struct set_builder *b, const struct condition *c)
{
	struct condition changed = *c;
	const struct condition **children = NULL;

	for (size_t i = 0; i < c->children_n; i++) {
		const struct condition *child = set_put_lists(b, c->children[i]);

		if (child == c->children[i])
			continue;
		if (!children) {
			children = arena_zeroed(b->a, c->children_n, sizeof(*children));
			if (!children)
				return c;
			for (size_t j = 0; j < c->children_n; j++)
				children[j] = c->children[j];
			changed.children = children;
		}
		children[i] = child;
	}
	changed.source = set_source_at(b, c->source, c->at);
	if (c->left)
		changed.left = put_operand(b, c->source, c->left);
	if (c->values_n == 1 && !c->list)
		changed.values = put_single(b, c);
	else if (c->values_n > 0)
		changed.values = put_values(b, c->source, c->values, &changed.values_n);
	return copy_if_changed(b, c, &changed);
}
