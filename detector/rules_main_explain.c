// SPDX-License-Identifier: GPL-2.0-or-later
/* rules explain. */
#include <string.h>

#include "collector/json_put.h"
#include "detector/rules_main_internal.h"

#define LINE_COLUMNS 100
#define INDENT	     4
#define MAX_USED     256 /* different fields of one rule that are shown */

/* --- conditions for people ----------------------------------------------------------------- */

struct printing {
	struct buf *b;
	bool full;
};

static void indent(struct buf *b, unsigned depth)
{
	for (unsigned i = 0; i < depth * INDENT; i++)
		buf_add_char(b, ' ');
}

/* A check whose list is cut: "proc.name in (a, b, ... 20 more)". */
static void print_check(const struct printing *p, const struct condition *c)
{
	struct condition cut = *c;

	if (p->full || !c->list || c->values_n <= RULES_LIST_ITEMS + 1) {
		condition_print(p->b, c);
		return;
	}
	cut.values_n = RULES_LIST_ITEMS;
	condition_print(p->b, &cut);
	if (!p->b->failed && p->b->len > 0 && p->b->data[p->b->len - 1] == ')')
		p->b->len--;
	buf_printf(p->b, ", ... %zu more)", c->values_n - RULES_LIST_ITEMS);
}

static void print_short(const struct printing *p, const struct condition *c, bool inner)
{
	switch (c->kind) {
	case CONDITION_OR:
	case CONDITION_AND:
		if (inner)
			buf_add_char(p->b, '(');
		for (size_t i = 0; i < c->children_n; i++) {
			if (i > 0)
				buf_add_str(p->b, c->kind == CONDITION_OR ? " or " : " and ");
			print_short(p, c->children[i], true);
		}
		if (inner)
			buf_add_char(p->b, ')');
		return;
	case CONDITION_NOT:
		buf_add_str(p->b, "not ");
		print_short(p, c->children[0], true);
		return;
	case CONDITION_CHECK:
		print_check(p, c);
		return;
	case CONDITION_MACRO:
		buf_add_span(p->b, c->name);
		return;
	}
}

/* Whether it went onto what is left of this line. */
static bool fits(const struct printing *p, const struct condition *c, unsigned depth)
{
	const size_t from = p->b->len;

	print_short(p, c, true);
	if (p->b->failed || p->b->len - from + (size_t)depth * INDENT + 8 <= LINE_COLUMNS)
		return true;
	p->b->len = from;
	return false;
}

static void print_lines(const struct printing *p, const struct condition *c, unsigned depth);

static void print_child(const struct printing *p, const struct condition *c, unsigned depth)
{
	while (c->kind == CONDITION_NOT) {
		if (fits(p, c, depth))
			return;
		buf_add_str(p->b, "not ");
		c = c->children[0];
	}
	if (c->kind == CONDITION_CHECK || c->kind == CONDITION_MACRO) {
		print_short(p, c, true);
		return;
	}
	if (fits(p, c, depth))
		return;
	buf_add_str(p->b, "(\n");
	print_lines(p, c, depth + 1);
	indent(p->b, depth);
	buf_add_char(p->b, ')');
}

/* "a and (b and c)", as macros make it, is "a and b and c". */
static void print_parts(const struct printing *p, const struct condition *c, unsigned depth,
			bool *first)
{
	for (size_t i = 0; i < c->children_n; i++) {
		if (c->children[i]->kind == c->kind) {
			print_parts(p, c->children[i], depth, first);
			continue;
		}
		indent(p->b, depth);
		if (!*first)
			buf_add_str(p->b, c->kind == CONDITION_OR ? "or " : "and ");
		*first = false;
		print_child(p, c->children[i], depth);
		buf_add_char(p->b, '\n');
	}
}

/* Each part of "and" and "or" on a line of its own. With `full` it is a condition again. */
static void print_lines(const struct printing *p, const struct condition *c, unsigned depth)
{
	bool first = true;

	if (c->kind == CONDITION_AND || c->kind == CONDITION_OR) {
		print_parts(p, c, depth, &first);
		return;
	}
	indent(p->b, depth);
	print_child(p, c, depth);
	buf_add_char(p->b, '\n');
}

/* --- fields that a rule uses --------------------------------------------------------------- */

struct used {
	struct field_name {
		struct span text; /* "proc.aname[2]" */
		const struct field_def *def;
	} list[MAX_USED];
	size_t n;
};

static void use(struct used *u, struct span text, const struct field_def *def)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->list[i].text.n == text.n && memcmp(u->list[i].text.p, text.p, text.n) == 0)
			return;
	if (text.p && u->n < MAX_USED)
		u->list[u->n++] = (struct field_name){ text, def };
}

static void use_field(struct used *u, struct arena *a, const struct condition_operand *o)
{
	struct field_ref ref = { .def = NULL };
	struct span text = o->field;

	if (o->has_arg)
		text = arena_printf(a, "%.*s[%.*s]", (int)o->field.n, o->field.p, (int)o->arg.n,
				    o->arg.p);
	field_find(o->field, o->arg, o->has_arg, &ref, NULL);
	use(u, text, ref.def);
}

static void use_operand(struct used *u, struct arena *a, const struct condition_operand *o)
{
	if (o->field.n > 0)
		use_field(u, a, o);
	for (size_t i = 0; i < o->args_n; i++) {
		if (o->args[i].operand)
			use_operand(u, a, o->args[i].operand);
		for (size_t k = 0; k < o->args[i].list_n; k++)
			if (o->args[i].list[k].operand)
				use_operand(u, a, o->args[i].list[k].operand);
	}
}

static void use_condition(struct used *u, struct arena *a, const struct condition *c)
{
	for (size_t i = 0; i < c->children_n; i++)
		use_condition(u, a, c->children[i]);
	if (c->kind != CONDITION_CHECK)
		return;
	use_operand(u, a, c->left);
	for (size_t i = 0; i < c->values_n; i++)
		if (c->values[i].operand)
			use_operand(u, a, c->values[i].operand);
}

static void use_output(struct used *u, const struct rule_output *o)
{
	for (size_t i = 0; i < o->fields_n; i++)
		use(u, o->fields[i].token, o->fields[i].ref->def);
}

/* --- explain ------------------------------------------------------------------------------- */

void rules_main_add_types(struct buf *b, const struct rule_needs *needs)
{
	const struct evt_set types = rules_main_types(needs);
	bool first = true;

	if (needs->all_types) {
		buf_add_str(b, "every event (no evt.type is named)");
		return;
	}
	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++) {
		if (!evt_set_has(&types, (enum evt_type)t))
			continue;
		buf_printf(b, "%s%s", first ? "" : ", ", evt_type_name((enum evt_type)t));
		first = false;
	}
	if (first)
		buf_add_str(b, "none: it never matches");
}

static void add_line(struct buf *b, const char *title, struct span text)
{
	buf_printf(b, "%-10s ", title);
	buf_add_visible(b, span_trim(text));
	buf_add_char(b, '\n');
}

static void explain_head(const struct checked_rule *k, struct buf *b)
{
	const struct rule *r = k->rule;

	add_line(b, "rule", r->name);
	buf_printf(b, "%-10s ", "file");
	buf_add_visible(b, r->file);
	buf_printf(b, ":%u\n", (unsigned)r->line);
	add_line(b, "priority", span_str(rules_main_priority_name(r->priority)));
	add_line(b, "enabled", span_str(r->enabled ? "yes" : "no"));
	buf_printf(b, "%-10s ", "tags");
	for (size_t i = 0; i < r->tags_n; i++) {
		buf_add_str(b, i > 0 ? ", " : "");
		buf_add_visible(b, r->tags[i]);
	}
	buf_add_str(b, r->tags_n > 0 ? "\n" : "-\n");
	if (r->desc.n > 0)
		add_line(b, "about", r->desc);
	if (!k->served)
		add_line(b, "not served", k->reason);
	if (k->compiled) {
		buf_printf(b, "%-10s ", "events");
		rules_main_add_types(b, &k->needs);
		buf_add_char(b, '\n');
	}
	add_line(b, "output", r->output.text);
}

static void explain_text(struct rules_command *c, const struct checked_rule *k,
			 const struct used *used)
{
	AUTO_BUF struct buf lines = { .fd = -1 };
	const struct printing p = { &lines, c->full };
	size_t width = 0;
	struct buf *b = &c->out;

	buf_init(&lines, RULES_OUT_MAX);
	explain_head(k, b);
	buf_add_str(b, "condition\n");
	print_lines(&p, k->rule->condition, 1);
	struct span rest = { lines.data, lines.len }, line;

	b->failed |= lines.failed;
	while (rest.p && rest.n > 0 && span_next(&rest, '\n', &line)) {
		buf_add_visible(b, line);
		buf_add_char(b, '\n');
	}
	for (size_t i = 0; i < used->n; i++)
		if (used->list[i].text.n > width)
			width = used->list[i].text.n;
	buf_add_str(b, "fields\n");
	for (size_t i = 0; i < used->n; i++) {
		const struct field_def *def = used->list[i].def;

		indent(b, 1);
		buf_add_visible(b, used->list[i].text);
		for (size_t n = used->list[i].text.n; n < width + 2 && n < 64; n++)
			buf_add_char(b, ' ');
		buf_add_str(b, def && def->text ? def->text : "unknown");
		buf_add_char(b, '\n');
	}
}

static void explain_json(struct rules_command *c, const struct checked_rule *k,
			 const struct used *used)
{
	AUTO_BUF struct buf text = { .fd = -1 };
	struct buf *b = &c->out;

	buf_init(&text, RULES_OUT_MAX);
	condition_print(&text, k->rule->condition);
	b->failed |= text.failed;
	buf_add_char(b, '{');
	json_put_text(b, "name", k->rule->name);
	json_put_text(b, "file", k->rule->file);
	json_put_u64(b, "line", k->rule->line);
	json_put_str(b, "priority", rules_main_priority_name(k->rule->priority));
	rules_main_put_tags(b, k->rule);
	json_put_text(b, "desc", k->rule->desc);
	rules_main_put_types(b, &k->needs);
	json_put_text(b, "output", k->rule->output.text);
	json_put_text(b, "condition", (struct span){ text.data ? text.data : "", text.len });
	json_put_object(b, "fields");
	for (size_t i = 0; i < used->n; i++) {
		const struct field_def *def = used->list[i].def;

		json_put_comma(b);
		json_put_string(b, used->list[i].text);
		buf_add_char(b, ':');
		json_put_string(b, span_str(def ? def->text : ""));
	}
	buf_add_char(b, '}');
	json_put_key(b, "reason");
	if (k->served)
		buf_add_str(b, "null");
	else
		json_put_string(b, k->reason);
	buf_add_str(b, "}\n");
}

int rules_main_explain(struct rules_command *c)
{
	struct used used = { .n = 0 };
	struct err e = { "" };

	if (rules_main_load(c, &e) < 0) {
		fprintf(stderr, "bulkheadd: %s\n", e.text);
		return RULES_FAULTY;
	}
	int r = rules_main_complain(&c->set.messages);
	const struct checked_rule *k = rules_main_find(c, c->only);

	if (!k) {
		AUTO_BUF struct buf b = { .fd = -1 };

		buf_init(&b, 65536);
		buf_add_visible(&b, span_str(c->only));
		buf_add_char(&b, '\0');
		fprintf(stderr, "bulkheadd: there is no rule '%s' in these files\n",
			b.failed ? "" : b.data);
		return RULES_FAULTY;
	}
	use_condition(&used, &c->set.arena, k->rule->condition);
	use_output(&used, &k->output);
	(c->json ? explain_json : explain_text)(c, k, &used);
	return rules_main_print(c, r);
}
