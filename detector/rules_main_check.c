// SPDX-License-Identifier: GPL-2.0-or-later
/* rules check, rules list. */
#include <errno.h>
#include <string.h>

#include "collector/json_put.h"
#include "detector/rules.h"
#include "detector/rules_main_internal.h"

/* --- JSON ---------------------------------------------------------------------------------- */

void rules_main_put_tags(struct buf *b, const struct rule *r)
{
	json_put_array(b, "tags");
	for (size_t i = 0; i < r->tags_n; i++) {
		json_put_comma(b);
		json_put_string(b, r->tags[i]);
	}
	buf_add_char(b, ']');
}

void rules_main_put_types(struct buf *b, const struct rule_needs *needs)
{
	const struct evt_set types = rules_main_types(needs);

	json_put_array(b, "types");
	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++) {
		if (!evt_set_has(&types, (enum evt_type)t))
			continue;
		json_put_comma(b);
		json_put_string(b, span_str(evt_type_name((enum evt_type)t)));
	}
	buf_add_char(b, ']');
}

static void put_bool(struct buf *b, const char *key, bool v)
{
	json_put_key(b, key);
	buf_add_str(b, v ? "true" : "false");
}

static void put_rule(struct buf *b, const struct checked_rule *k)
{
	const struct rule *r = k->rule;

	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_text(b, "name", r->name);
	json_put_text(b, "file", r->file);
	json_put_u64(b, "line", r->line);
	json_put_str(b, "priority", rules_main_priority_name(r->priority));
	rules_main_put_tags(b, r);
	put_bool(b, "enabled", r->enabled);
	rules_main_put_types(b, &k->needs);
	put_bool(b, "all_types", k->needs.all_types);
	put_bool(b, "served", k->served);
	json_put_key(b, "reason");
	if (k->served)
		buf_add_str(b, "null");
	else
		json_put_string(b, k->reason);
	buf_add_char(b, '}');
}

static void put_messages(struct buf *b, const struct rule_messages *m)
{
	json_put_array(b, "messages");
	for (const struct rule_message *k = m->first; k; k = k->next) {
		json_put_comma(b);
		buf_add_char(b, '{');
		json_put_str(b, "severity", k->error ? "error" : "warning");
		json_put_text(b, "file", k->file);
		json_put_known(b, "line", k->line);
		json_put_known(b, "column", k->column);
		if (k->what.n > 0) {
			json_put_text(b, "what", k->what);
			json_put_text(b, "name", k->name);
		}
		json_put_text(b, "text", k->text);
		buf_add_char(b, '}');
	}
	buf_add_char(b, ']');
}

static void check_json(struct rules_command *c)
{
	struct buf *b = &c->out;

	buf_add_char(b, '{');
	json_put_array(b, "files");
	for (size_t i = 0; i < c->files_n; i++) {
		json_put_comma(b);
		json_put_string(b, span_str(c->files[i]));
	}
	buf_add_char(b, ']');
	json_put_array(b, "rules");
	for (size_t i = 0; i < c->n; i++)
		put_rule(b, &c->rules[i]);
	buf_add_char(b, ']');
	put_messages(b, &c->set.messages);
	json_put_u64(b, "macros", c->set.macros);
	json_put_u64(b, "lists", c->set.lists);
	json_put_u64(b, "errors", c->set.messages.errors);
	json_put_u64(b, "warnings", c->set.messages.warnings);
	buf_add_str(b, "}\n");
}

/* --- check --------------------------------------------------------------------------------- */

static void add_count(struct buf *b, const char *before, size_t n, const char *one,
		      const char *many)
{
	buf_printf(b, "%s%zu %s", before, n, n == 1 ? one : many);
}

static void summary(struct rules_command *c)
{
	struct buf *b = &c->out;
	size_t not_served = 0;

	for (size_t i = 0; i < c->n; i++)
		not_served += !c->rules[i].served;
	if (c->set.failed) { /* what cannot be read is told first: no rule was looked at */
		buf_add_str(b, "not compiled");
	} else {
		add_count(b, "", c->n, "rule", "rules");
		add_count(b, ", ", c->set.macros, "macro", "macros");
		add_count(b, ", ", c->set.lists, "list", "lists");
	}
	add_count(b, ": ", c->set.messages.errors, "error", "errors");
	add_count(b, ", ", c->set.messages.warnings, "warning", "warnings");
	if (not_served > 0)
		add_count(b, "; ", not_served, "rule is not served", "rules are not served");
	buf_add_char(b, '\n');
}

static void add_error(struct rules_command *c, const struct err *why)
{
	rule_message_add(&c->set.arena, &c->set.messages, true, SPAN_LIT("rules"), 0, 0,
			 SPAN_LIT(""), SPAN_LIT(""), "%s", why->text);
}

/* What the agent would refuse though each rule alone is good: limits of all of them together. */
static void try_as_agent(struct rules_command *c)
{
	const struct rules_settings settings = { .least = ALERT_DEBUG, .match_all = true };
	AUTO(rules_free) struct rules *r = NULL;
	struct rule_set set;
	struct err why = { "" };
	int code = 0;

	rule_set_init(&set);
	for (size_t i = 0; code == 0 && i < c->files_n; i++)
		code = rule_set_add_path(&set, c->files[i], &why);
	if (code == 0 && (rule_set_finish(&set) < 0 || set.failed))
		code = err_set(&why, ENOMEM, "the rules cannot be read a second time");
	if (code == 0)
		code = rules_new(&r, &set, &settings, &why);
	else
		rule_set_release(&set);
	if (code < 0)
		add_error(c, &why);
}

static int loaded(struct rules_command *c)
{
	struct err e = { "" };

	if (rules_main_load(c, &e) == 0)
		return RULES_GOOD;
	fprintf(stderr, "bulkheadd: %s\n", e.text);
	return RULES_FAULTY;
}

int rules_main_check(struct rules_command *c)
{
	int r = loaded(c);

	if (r != RULES_GOOD)
		return r;
	if (c->set.messages.errors == 0)
		try_as_agent(c);
	if (c->json) {
		check_json(c);
	} else {
		rules_main_messages_text(&c->out, &c->set.messages, true);
		summary(c);
	}
	const struct rule_messages *m = &c->set.messages;

	return rules_main_print(c, m->errors > 0 || (c->strict && m->warnings > 0) ? RULES_FAULTY
										   : RULES_GOOD);
}

/* --- list ---------------------------------------------------------------------------------- */

static bool listed(const struct rules_command *c, const struct checked_rule *k)
{
	return k->rule->priority <= c->priority && (!c->tag || rules_main_has_tag(k->rule, c->tag));
}

static void list_line(struct rules_command *c, const struct checked_rule *k, size_t width)
{
	const struct rule *r = k->rule;
	struct buf *b = &c->out;

	buf_printf(b, "%-13s  ", rules_main_priority_name(r->priority));
	const size_t from = b->len;

	buf_add_visible(b, r->name);
	while (!b->failed && b->len - from < width)
		buf_add_char(b, ' ');
	buf_add_str(b, "  ");
	for (size_t i = 0; i < r->tags_n; i++) {
		if (i > 0)
			buf_add_char(b, ',');
		buf_add_visible(b, r->tags[i]);
	}
	if (r->tags_n == 0)
		buf_add_char(b, '-');
	if (!r->enabled)
		buf_add_str(b, "  (disabled)");
	if (!k->served) {
		buf_add_str(b, "  (not served: ");
		buf_add_visible(b, k->reason);
		buf_add_char(b, ')');
	}
	buf_add_char(b, '\n');
}

int rules_main_list(struct rules_command *c)
{
	int r = loaded(c);
	size_t width = 0;

	if (r == RULES_GOOD)
		r = rules_main_complain(&c->set.messages);
	for (size_t i = 0; i < c->n; i++)
		if (listed(c, &c->rules[i]) && c->rules[i].rule->name.n > width)
			width = c->rules[i].rule->name.n;
	if (c->json)
		buf_add_char(&c->out, '[');
	for (size_t i = 0; i < c->n; i++) {
		if (!listed(c, &c->rules[i]))
			continue;
		if (c->json)
			put_rule(&c->out, &c->rules[i]);
		else
			list_line(c, &c->rules[i], width < 60 ? width : 60);
	}
	if (c->json)
		buf_add_str(&c->out, "]\n");
	return rules_main_print(c, r);
}
