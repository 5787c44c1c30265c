// SPDX-License-Identifier: GPL-2.0-or-later
/* Exceptions become text and then trees, as Falco makes them: what stands in them may be a list, or
 * values in quotes or parentheses, and is parsed by the same rules as a condition. */
#include <string.h>

#include "detector/rule_set_internal.h"

static int shown(struct span s)
{
	return (int)(s.n < 64 ? s.n : 64);
}

/* --- text, each part of it with the place of a scalar -------------------------------------- */

struct writer {
	struct set_builder *b;
	struct buf text;
	struct rule_places places;
	size_t cap;
	struct span file;
};

static void at(struct writer *w, const struct rule_text *t)
{
	struct rule_places *p = &w->places;

	if (p->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 16;
		struct rule_segment *list = arena_zeroed(w->b->a, cap, sizeof(*list));

		if (!list)
			return;
		if (p->n > 0)
			memcpy(list, p->list, p->n * sizeof(*list));
		p->list = list;
		w->cap = cap;
	}
	p->list[p->n++] = (struct rule_segment){
		.from = (uint32_t)w->text.len,
		.whole = true,
		.file = w->file,
		.scalar = { .line = t->line, .column = t->column },
	};
}

static void raw(struct writer *w, const struct rule_text *t)
{
	at(w, t);
	buf_add_span(&w->text, t->text);
}

static bool is_bare(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr("()\"' \t\n\r\v\f\b=,", s.p[i]))
			return false;
	return s.n > 0;
}

/* A text as a value. As in Falco, one in quotes is taken as it is, and escapes count in others too
 * once there is a blank; what cannot be right otherwise is put in quotes as well. */
static void value(struct writer *w, const struct rule_text *t)
{
	struct span s = t->text;

	at(w, t);
	if (is_bare(s) ||
	    (s.n > 1 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])) {
		buf_add_span(&w->text, s);
		return;
	}
	buf_add_char(&w->text, '"');
	for (size_t i = 0; i < s.n; i++) {
		bool escape = s.p[i] == '\\' && i + 1 < s.n && strchr("bfnrt\\/x\" ", s.p[i + 1]);

		if (s.p[i] == '"' || (s.p[i] == '\\' && !escape))
			buf_add_char(&w->text, '\\');
		buf_add_char(&w->text, s.p[i]);
		if (escape)
			buf_add_char(&w->text, s.p[++i]);
	}
	buf_add_char(&w->text, '"');
}

static void values(struct writer *w, const struct rule_texts *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (i > 0)
			buf_add_str(&w->text, ", ");
		value(w, &t->list[i]);
	}
}

/* --- operators ----------------------------------------------------------------------------- */

static bool is_list_op(struct span op)
{
	return span_eq(op, "in") || span_eq(op, "intersects") || span_eq(op, "pmatch") ||
	       span_ends(op, " oneof") || span_ends(op, " anyof") || span_ends(op, " allof");
}

static bool is_op(struct span s)
{
	static const char *const modifiers[] = { " oneof", " anyof", " allof" };

	for (size_t i = 0; i < 3; i++)
		if (span_ends(s, modifiers[i]))
			s.n -= strlen(modifiers[i]);
	for (unsigned op = 0; op < CONDITION_OP_COUNT; op++)
		if (op != CONDITION_EXISTS && span_eq(s, condition_op_name((enum condition_op)op)))
			return true;
	return span_eq(s, "==");
}

static struct span comp_of(const struct rule_exception *ex, size_t i)
{
	if (ex->comps.given)
		return ex->comps.list[i].text;
	return ex->fields_scalar ? SPAN_LIT("in") : SPAN_LIT("=");
}

/* --- definitions --------------------------------------------------------------------------- */

/* Whether the text is a field, or a transformer of one, and nothing more. */
static bool is_field(struct set_builder *b, const struct rule_item *item,
		     const struct rule_text *field)
{
	struct rule_segment g = { .whole = true,
				  .file = item->file,
				  .scalar = { .line = field->line, .column = field->column } };
	struct rule_places places = { 1, &g };
	struct condition_source s = { .file = item->file,
				      .what = SPAN_LIT("rule"),
				      .name = item->name.text,
				      .place = rule_place,
				      .place_data = &places };
	const struct condition *c = NULL;

	s.text = arena_printf(b->a, "%.*s exists", (int)field->text.n, field->text.p);
	return s.text.p && condition_parse(b->a, &s, &c, NULL, NULL) == 0 &&
	       c->kind == CONDITION_CHECK && c->op == CONDITION_EXISTS;
}

static bool check(struct set_builder *b, const struct rule_item *item,
		  const struct rule_exception *ex)
{
	struct span name = ex->name.text;
	int n = shown(name);
	size_t comps_n = ex->comps.given ? ex->comps.n : ex->fields.n;

	if (!ex->fields.given || ex->fields.n == 0)
		set_error(b, item, &ex->name, "exception '%.*s' has no 'fields', expected some", n,
			  name.p);
	else if (ex->comps.given && ex->comps_scalar != ex->fields_scalar)
		set_error(b, item, &ex->name,
			  "exception '%.*s' has one of 'fields' and 'comps' as a list and one as a "
			  "single value, expected the same",
			  n, name.p);
	else if (comps_n != ex->fields.n)
		set_error(b, item, &ex->name,
			  "exception '%.*s' has %zu fields and %zu comps, expected as many", n,
			  name.p, ex->fields.n, comps_n);
	else if (ex->fields_scalar && !is_list_op(comp_of(ex, 0)))
		set_error(b, item, &ex->comps.list[0],
			  "exception '%.*s' has a single field, expected 'in', 'pmatch', "
			  "'intersects' or an operator with 'anyof' in 'comps'",
			  n, name.p);
	else
		return true;
	return false;
}

static bool check_parts(struct set_builder *b, const struct rule_item *item,
			const struct rule_exception *ex)
{
	if (!check(b, item, ex))
		return false;
	for (size_t i = 0; i < ex->fields.n; i++) {
		const struct rule_text *field = &ex->fields.list[i];

		if (!is_op(comp_of(ex, i))) {
			set_error(b, item, &ex->comps.list[i], "unknown operator '%.*s'",
				  shown(ex->comps.list[i].text), ex->comps.list[i].text.p);
			return false;
		}
		if (!is_field(b, item, field)) {
			set_error(b, item, field, "'%.*s' is no field, expected one",
				  shown(field->text), field->text.p);
			return false;
		}
	}
	return true;
}

static struct set_exception *find(struct set_rule *r, struct span name)
{
	for (size_t i = 0; i < r->exceptions_n; i++) {
		struct span s = r->exceptions[i].def->name.text;

		if (s.n == name.n && memcmp(s.p, name.p, s.n) == 0)
			return &r->exceptions[i];
	}
	return NULL;
}

static bool add_values(struct set_builder *b, struct set_exception *to,
		       const struct rule_exception *from, struct span file)
{
	struct set_values *v = arena_zeroed(b->a, 1, sizeof(*v));

	if (!v)
		return false;
	*v = (struct set_values){ .from = from, .file = file };
	if (to->last)
		to->last->next = v;
	else
		to->first = v;
	to->last = v;
	return true;
}

static bool append_to(struct set_builder *b, struct set_exception *to, const struct rule_item *item,
		      const struct rule_exception *ex)
{
	if (ex->fields.given || ex->comps.given) {
		set_error(b, item, &ex->name,
			  "exception '%.*s' stands before, expected 'values' alone to append",
			  shown(ex->name.text), ex->name.text.p);
		return false;
	}
	return add_values(b, to, ex, item->file);
}

bool set_exception_add(struct set_builder *b, struct set_rule *r, const struct rule_item *item,
		       const struct rule_exception *ex, bool append)
{
	struct set_exception *known = append ? find(r, ex->name.text) : NULL;

	if (append && !ex->has_values)
		set_warning(b, item, "exception '%.*s' is appended without values",
			    shown(ex->name.text), ex->name.text.p);
	if (known)
		return append_to(b, known, item, ex);
	if (!check_parts(b, item, ex))
		return false;
	if (append && ex->values_n == 0) {
		set_error(b, item, &ex->name,
			  "exception '%.*s' is new, expected 'values' with at least one",
			  shown(ex->name.text), ex->name.text.p);
		return false;
	}
	if (r->exceptions_n == r->exceptions_cap) {
		size_t cap = r->exceptions_cap ? 2 * r->exceptions_cap : 4;
		struct set_exception *list = arena_zeroed(b->a, cap, sizeof(*list));

		if (cap > RULE_FILE_MAX_EXCEPTIONS)
			set_error(b, item, &ex->name, "more than %u exceptions",
				  RULE_FILE_MAX_EXCEPTIONS);
		if (!list || cap > RULE_FILE_MAX_EXCEPTIONS)
			return false;
		if (r->exceptions_n > 0)
			memcpy(list, r->exceptions, r->exceptions_n * sizeof(*list));
		r->exceptions = list;
		r->exceptions_cap = cap;
	}
	struct set_exception *to = &r->exceptions[r->exceptions_n++];

	*to = (struct set_exception){ .def = ex, .file = item->file };
	return add_values(b, to, ex, item->file);
}

/* --- conditions ---------------------------------------------------------------------------- */

static void fault(struct writer *w, const struct set_rule *r, const struct rule_tuple *t,
		  const struct rule_exception *def, const char *text)
{
	struct rule_item of = *r->item;
	struct rule_text place = { .line = t->line, .column = 1 };

	of.file = w->file;
	set_error(w->b, &of, &place, "exception '%.*s': %s", shown(def->name.text),
		  def->name.text.p, text);
}

/* " or (f1 = v1 and f2 in (v2, v3))" */
static bool write_tuple(struct writer *w, const struct set_rule *r,
			const struct rule_exception *def, const struct rule_tuple *t, bool first)
{
	if (t->flat || t->n != def->fields.n) {
		fault(w, r, t, def,
		      t->flat ? "a value is no list, expected as many values as fields"
			      : "fields and values are not as many");
		return false;
	}
	buf_add_str(&w->text, first ? "(" : " or (");
	for (size_t i = 0; i < t->n; i++) {
		const struct rule_member *m = &t->members[i];
		struct span op = comp_of(def, i);

		if (i > 0)
			buf_add_str(&w->text, " and ");
		raw(w, &def->fields.list[i]);
		buf_add_char(&w->text, ' ');
		buf_add_span(&w->text, op);
		buf_add_char(&w->text, ' ');
		if (m->list || (is_list_op(op) && !span_starts(m->texts.list[0].text, "("))) {
			buf_add_char(&w->text, '(');
			/* "a, b" as one text is two values there, in Falco too */
			if (!m->list &&
			    memchr(m->texts.list[0].text.p, ',', m->texts.list[0].text.n))
				raw(w, &m->texts.list[0]);
			else
				values(w, &m->texts);
			buf_add_char(&w->text, ')');
		} else if (is_list_op(op)) {
			raw(w, &m->texts.list[0]);
		} else {
			value(w, &m->texts.list[0]);
		}
	}
	buf_add_char(&w->text, ')');
	return true;
}

static bool write_flat(struct writer *w, const struct set_rule *r, const struct rule_exception *def,
		       const struct rule_tuple *t, bool first)
{
	if (!t->flat || t->n != 1 || t->members[0].list) {
		fault(w, r, t, def, "a value is no single value, expected one as 'fields' is one");
		return false;
	}
	if (first) {
		raw(w, &def->fields.list[0]);
		buf_add_char(&w->text, ' ');
		buf_add_span(&w->text, comp_of(def, 0));
		buf_add_str(&w->text, " (");
	} else {
		buf_add_str(&w->text, ", ");
	}
	value(w, &t->members[0].texts.list[0]);
	return true;
}

/* Nothing is written when the exception has no values. */
static bool write_exception(struct writer *w, const struct set_rule *r,
			    const struct set_exception *ex)
{
	bool first = true;

	w->file = ex->file;
	at(w, &ex->def->name);
	for (const struct set_values *v = ex->first; v; v = v->next) {
		w->file = v->file;
		for (size_t i = 0; i < v->from->values_n; i++) {
			const struct rule_tuple *t = &v->from->values[i];

			if (!(ex->def->fields_scalar ? write_flat : write_tuple)(w, r, ex->def, t,
										 first))
				return false;
			first = false;
		}
	}
	if (!first && ex->def->fields_scalar)
		buf_add_char(&w->text, ')');
	return true;
}

/* NULL: no values, or a fault. */
static const struct condition *parse_exception(struct set_builder *b, const struct set_rule *r,
					       const struct set_exception *ex)
{
	struct writer w = { .b = b };
	struct rule_places *places = arena_zeroed(b->a, 1, sizeof(*places));
	struct condition_source *s = arena_zeroed(b->a, 1, sizeof(*s));
	const struct condition *c = NULL;

	buf_init(&w.text, 4 * CONDITION_MAX_BYTES);
	if (!write_exception(&w, r, ex)) {
		b->bad = true;
	} else if (w.text.failed) {
		set_error(b, r->item, &ex->def->name, "exception '%.*s' is longer than %u bytes",
			  shown(ex->def->name.text), ex->def->name.text.p, CONDITION_MAX_BYTES);
	} else if (w.text.len > 0 && places && s) {
		*places = w.places;
		*s = (struct condition_source){ .file = ex->file,
						.what = SPAN_LIT("rule"),
						.name = r->item->name.text,
						.place = rule_place,
						.place_data = places };
		s->text = arena_copy(b->a, (struct span){ w.text.data, w.text.len });
		if (s->text.p)
			c = set_parse(b, s);
	}
	buf_release(&w.text);
	return c ? set_put_lists(b, c) : NULL;
}

static struct condition *combine(struct set_builder *b, const struct condition *of,
				 enum condition_kind kind, const struct condition *const *children,
				 size_t n)
{
	struct condition *c = arena_zeroed(b->a, 1, sizeof(*c));

	if (c)
		*c = (struct condition){ .kind = kind,
					 .at = of->at,
					 .source = of->source,
					 .children = children,
					 .children_n = n };
	return c;
}

static const struct condition *negated(struct set_builder *b, const struct condition *c)
{
	const struct condition **child = arena_zeroed(b->a, 1, sizeof(const struct condition *));

	if (!child)
		return NULL;
	child[0] = c;
	return combine(b, c, CONDITION_NOT, child, 1);
}

const struct condition *set_put_exceptions(struct set_builder *b, const struct set_rule *r,
					   const struct condition *c)
{
	const struct condition **all =
		arena_zeroed(b->a, r->exceptions_n + 1, sizeof(const struct condition *));
	size_t n = 0;

	if (!all)
		return NULL;
	all[n++] = c;
	for (size_t i = 0; i < r->exceptions_n; i++) {
		const struct condition *ex = parse_exception(b, r, &r->exceptions[i]);

		if (ex)
			all[n++] = negated(b, ex);
	}
	if (b->bad || b->a->failed)
		return NULL;
	return n > 1 ? combine(b, c, CONDITION_AND, all, n) : c;
}
