// SPDX-License-Identifier: GPL-2.0-or-later
/* Items in their order, gathered under their names: defined, defined anew, appended to, replaced in
 * part, switched on and off. */
#include <errno.h>
#include <string.h>

#include "detector/rule_set_internal.h"

#define BIT(p) (1U << (p))

/* --- names --------------------------------------------------------------------------------- */

static struct set_name *slot(const struct set_names *t, struct span name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)name.p[i]) * 16777619u;
	for (size_t i = h & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
		struct set_name *s = &t->slots[i];

		if (!s->value || (s->name.n == name.n && memcmp(s->name.p, name.p, name.n) == 0))
			return s;
	}
}

void *set_find(const struct set_names *t, struct span name)
{
	return name.n > 0 ? slot(t, name)->value : NULL;
}

/* What is known by the item's name, or something new of `size` bytes. NULL: no memory. */
static void *find_or_make(struct set_builder *b, struct set_names *t, const struct rule_item *item,
			  size_t size, bool *made)
{
	struct set_name *s = slot(t, item->name.text);

	*made = !s->value;
	if (s->value)
		return s->value;
	void *value = arena_zeroed(b->a, 1, size);

	if (value)
		*s = (struct set_name){ item->name.text, value };
	return value;
}

/* --- parts --------------------------------------------------------------------------------- */

bool set_text_add(struct set_builder *b, struct set_text *t, const struct rule_text *text)
{
	struct set_text_part *p;

	if (text->text.n == 0)
		return true;
	p = arena_zeroed(b->a, 1, sizeof(*p));
	if (!p)
		return false;
	p->text = *text;
	if (t->last)
		t->last->next = p;
	else
		t->first = p;
	t->last = p;
	return true;
}

static void add_texts(struct set_builder *b, struct set_texts *t, const struct rule_texts *texts,
		      struct span file)
{
	struct set_texts_part *p = arena_zeroed(b->a, 1, sizeof(*p));

	if (!p)
		return;
	*p = (struct set_texts_part){ .texts = *texts, .file = file };
	if (t->last)
		t->last->next = p;
	else
		t->first = p;
	t->last = p;
}

/* Bytes and segments of the parts. */
static size_t measure(const struct set_text *t, size_t *segments)
{
	size_t n = 0;

	for (const struct set_text_part *p = t->first; p; p = p->next) {
		n += p->text.text.n + (p->next ? 1 : 0);
		++*segments;
	}
	return n;
}

struct rule_text set_text_join(struct set_builder *b, const struct set_text *t)
{
	struct rule_text out = { .line = 0 };
	size_t segments = 0, n = measure(t, &segments), at = 0, k = 0;

	if (!t->first || !t->first->next)
		return t->first ? t->first->text : out;
	struct rule_places *places = arena_zeroed(b->a, 1, sizeof(*places));
	struct rule_segment *list = arena_zeroed(b->a, segments, sizeof(*list));
	struct condition_source *s = arena_zeroed(b->a, 1, sizeof(*s));
	char *text = arena_zeroed(b->a, 1, n + 1);

	if (!places || !list || !s || !text)
		return out;
	for (const struct set_text_part *p = t->first; p; p = p->next) {
		if (p->text.source) {
			const struct rule_places *of = p->text.source->place_data;

			list[k] = of->list[0];
		}
		list[k++].from = (uint32_t)at;
		memcpy(text + at, p->text.text.p, p->text.text.n);
		at += p->text.text.n;
		if (p->next)
			text[at++] = ' ';
	}
	out = t->first->text;
	out.text = (struct span){ text, n };
	if (!out.source)
		return out;
	*places = (struct rule_places){ segments, list };
	*s = *out.source;
	s->text = out.text;
	s->place_data = places;
	out.source = s;
	return out;
}

/* --- lists and macros ---------------------------------------------------------------------- */

static bool appends(const struct rule_item *item, enum rule_part p)
{
	return item->append || item->merge[p] == RULE_APPEND;
}

static void collect_list(struct set_builder *b, const struct rule_item *item)
{
	bool made, append = appends(item, PART_ITEMS);
	struct set_list *l = find_or_make(b, &b->lists, item, sizeof(*l), &made);

	if (!l)
		return;
	if (made) {
		*b->last_list = l;
		b->last_list = &l->next;
		b->s->lists++;
	}
	l->item = append && !made ? l->item : item;
	if (append && made) {
		l->broken = true;
		set_error(b, item, NULL, "appends to a list that does not stand before");
		return;
	}
	if (!append) {
		l->items = (struct set_texts){ NULL, NULL };
		l->broken = false;
	}
	l->broken |= item->broken;
	add_texts(b, &l->items, &item->items, item->file);
}

static void collect_macro(struct set_builder *b, const struct rule_item *item)
{
	bool made, append = appends(item, PART_CONDITION);
	struct set_macro *m = find_or_make(b, &b->macros, item, sizeof(*m), &made);

	if (!m)
		return;
	if (made) {
		*b->last_macro = m;
		b->last_macro = &m->next;
		b->s->macros++;
		m->index = b->id;
	}
	m->visibility = b->id++;
	m->item = append && !made ? m->item : item;
	if (append && made) {
		m->broken = true;
		set_error(b, item, NULL, "appends to a macro that does not stand before");
		return;
	}
	if (!append) {
		m->condition = (struct set_text){ NULL, NULL };
		m->broken = false;
	}
	m->broken |= item->broken;
	set_text_add(b, &m->condition, &item->condition);
}

/* --- rules --------------------------------------------------------------------------------- */

static void merge_text(struct set_builder *b, const struct rule_item *item, enum rule_part p,
		       struct set_text *to, const struct rule_text *from, bool append)
{
	if (!(item->given & BIT(p)))
		return;
	if (!append)
		*to = (struct set_text){ NULL, NULL };
	set_text_add(b, to, from);
}

static void merge_exceptions(struct set_builder *b, struct set_rule *r,
			     const struct rule_item *item, bool append)
{
	if (!(item->given & BIT(PART_EXCEPTIONS)))
		return;
	if (!append)
		r->exceptions_n = 0;
	for (size_t i = 0; i < item->exceptions_n; i++)
		r->broken |= !set_exception_add(b, r, item, &item->exceptions[i], append);
}

/* The parts that are given, each appended or put in place of what was. */
static void merge(struct set_builder *b, struct set_rule *r, const struct rule_item *item)
{
	const struct rule_text output = { .text = span_trim(item->output.text),
					  .line = item->output.line,
					  .column = item->output.column,
					  .source = item->output.source };
	bool append = appends(item, PART_TAGS);

	merge_text(b, item, PART_CONDITION, &r->condition, &item->condition,
		   appends(item, PART_CONDITION));
	merge_exceptions(b, r, item, appends(item, PART_EXCEPTIONS));
	if (item->append) /* the old way takes these two alone */
		return;
	merge_text(b, item, PART_OUTPUT, &r->output, &output, appends(item, PART_OUTPUT));
	merge_text(b, item, PART_DESC, &r->desc, &item->desc, appends(item, PART_DESC));
	if ((item->given & BIT(PART_TAGS)) && !append)
		r->tags = (struct set_texts){ NULL, NULL };
	if (item->given & BIT(PART_TAGS))
		add_texts(b, &r->tags, &item->tags, item->file);
	if (item->given & BIT(PART_PRIORITY))
		r->priority = item->priority;
	if (item->given & BIT(PART_ENABLED))
		r->enabled = item->enabled;
	if (item->given & BIT(PART_WARN_EVTTYPES))
		r->warn_evttypes = item->warn_evttypes;
	if (item->given & BIT(PART_SKIP_UNKNOWN))
		r->skip_unknown = item->skip_unknown;
}

static void define_rule(struct set_builder *b, struct set_rule *r, const struct rule_item *item,
			bool made)
{
	struct span source = item->source.text.n > 0 ? item->source.text : SPAN_LIT("syscall");

	if (!made && (r->source.n != source.n || memcmp(r->source.p, source.p, source.n) != 0)) {
		set_error(b, item, &item->source,
			  "is defined again with source '%.*s', expected '%.*s' as before",
			  (int)(source.n < 32 ? source.n : 32), source.p,
			  (int)(r->source.n < 32 ? r->source.n : 32), r->source.p);
		return;
	}
	*r = (struct set_rule){ .next = r->next,
				.item = item,
				.source = source,
				.enabled = true,
				.warn_evttypes = true,
				.broken = item->broken,
				.unknown_source = !span_eq(source, "syscall"),
				.order = r->order };
	if (r->unknown_source)
		set_warning(b, item, "source '%.*s' is not known here: the rule is skipped",
			    (int)(source.n < 32 ? source.n : 32), source.p);
	merge(b, r, item);
}

static bool is_toggle(const struct rule_item *item)
{
	return !item->append && !item->has_override &&
	       !(item->given &
		 (BIT(PART_CONDITION) | BIT(PART_OUTPUT) | BIT(PART_DESC) | BIT(PART_PRIORITY)));
}

static void no_rule(struct set_builder *b, const struct rule_item *item)
{
	if (is_toggle(item))
		set_error(b, item, NULL, "is enabled or disabled, and does not stand before");
	else
		set_error(b, item, NULL, "is appended to or overridden, and does not stand before");
}

static void collect_rule(struct set_builder *b, const struct rule_item *item)
{
	bool made, toggle = is_toggle(item);
	struct set_rule *r = set_find(&b->rules, item->name.text);

	if (toggle || item->append || item->has_override) {
		if (!r && !item->broken)
			no_rule(b, item);
		else if (r && toggle && !item->broken)
			r->enabled = item->enabled;
		else if (r && !toggle && !item->broken)
			merge(b, r, item);
		if (r)
			r->broken |= item->broken;
		return;
	}
	r = find_or_make(b, &b->rules, item, sizeof(*r), &made);
	if (!r)
		return;
	if (made) {
		*b->last_rule = r;
		b->last_rule = &r->next;
		r->order = b->id;
	}
	b->id++;
	define_rule(b, r, item, made);
}

static bool make_names(struct set_builder *b, struct set_names *t)
{
	t->cap = 16;
	while (t->cap < 2 * b->s->items.n + 2)
		t->cap *= 2;
	t->slots = arena_zeroed(b->a, t->cap, sizeof(*t->slots));
	return t->slots;
}

int set_collect(struct set_builder *b)
{
	b->last_list = &b->first_list;
	b->last_macro = &b->first_macro;
	b->last_rule = &b->first_rule;
	if (!make_names(b, &b->lists) || !make_names(b, &b->macros) || !make_names(b, &b->rules))
		return -ENOMEM;
	for (size_t i = 0; i < b->s->items.n && !b->a->failed; i++) {
		const struct rule_item *item = &b->s->items.list[i];

		switch (item->kind) {
		case ITEM_LIST:
			collect_list(b, item);
			break;
		case ITEM_MACRO:
			collect_macro(b, item);
			break;
		case ITEM_RULE:
			collect_rule(b, item);
			break;
		case ITEM_ENGINE_VERSION:
			set_check_engine(b, item);
			break;
		case ITEM_PLUGIN_VERSIONS:
			set_check_plugins(b, item);
			break;
		}
	}
	return b->a->failed ? -ENOMEM : 0;
}
