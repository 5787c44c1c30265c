// SPDX-License-Identifier: GPL-2.0-or-later
/* Rule files read and compiled as the agent would, with all that is to be said about them. */
#include <errno.h>
#include <string.h>

#include "collector/base/io.h"
#include "detector/rule_fault.h"
#include "detector/rules_main_internal.h"

/* --- faults -------------------------------------------------------------------------------- */

static void say(struct rules_command *c, const struct rule *r, const struct rule_fault *p,
		bool error, const char *before, struct span text)
{
	rule_message_add(&c->set.arena, &c->set.messages, error, arena_copy(&c->set.arena, p->file),
			 p->line, p->column, SPAN_LIT("rule"), r->name, "%s%.*s", before,
			 (int)text.n, text.p);
}

static void warn(struct rules_command *c, const struct rule *r, const char *text)
{
	const struct rule_fault p = { .file = r->file, .line = r->line };

	say(c, r, &p, false, "", span_str(text));
}

/* --- rules --------------------------------------------------------------------------------- */

/* A part of a rule could not be compiled. */
static void not_served(struct rules_command *c, struct checked_rule *k, int code, const char *text)
{
	struct rule_fault p;
	const struct span what = rule_fault_split(k->rule, text, &p);
	const bool skipped = code == -ENOENT && k->rule->skip_unknown;

	k->served = false;
	k->reason = arena_copy(&c->set.arena, what);
	if (code == -EOPNOTSUPP)
		say(c, k->rule, &p, false, "not served: ", what);
	else if (skipped)
		say(c, k->rule, &p, false, "skipped: ", what);
	else
		say(c, k->rule, &p, true, "", what);
}

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "no memory for the rules");
}

static void look_at_types(struct rules_command *c, struct checked_rule *k)
{
	const struct rule_needs *n = &k->needs;
	const struct rule *r = k->rule;
	struct evt_set types = rules_main_types(n);

	if (n->names_unseen_type) {
		struct span text = arena_printf(
			&c->set.arena, "bulkhead does not observe evt.type '%s'", n->unseen_type);

		warn(c, r, text.p ? text.p : "");
		if (k->served && !types.w[0] && !types.w[1]) {
			k->served = false;
			k->reason = text;
		}
	}
	if (n->all_types && r->warn_evttypes)
		warn(c, r, "names no evt.type: it is evaluated for every event");
}

/* 0, or a failure that is not the rule's. */
static int compile_rule(struct rules_command *c, struct checked_rule *k, struct err *e)
{
	const struct rule *r = k->rule;
	struct condition_source place = {
		.file = r->file, .what = SPAN_LIT("rule"), .name = r->name, .text = r->output.text
	};
	const struct condition_source *source = r->output.source ? r->output.source : &place;
	struct err why = { "" };

	k->served = true;
	int code = rule_program_add(c->program, r->condition, &k->id, &k->needs, &why);

	if (code == -ENOMEM)
		return err_set(e, ENOMEM, "%s", why.text);
	if (code < 0)
		not_served(c, k, code, why.text);
	k->compiled = code == 0;
	code = rule_output_compile(&c->set.arena, &c->refs, source,
				   rule_output_with_suggested(&c->set.arena, r->output.text),
				   &k->output, &why);
	if (code == -ENOMEM)
		return err_set(e, ENOMEM, "%s", why.text);
	if (code < 0)
		not_served(c, k, code, why.text);
	return 0;
}

int rules_main_read(struct rules_command *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->files_n; i++) {
		struct err why = { "" };

		r = rule_set_add_path(&c->set, c->files[i], &why);
		if (r < 0 && r != -ENOMEM) {
			rule_message_add(&c->set.arena, &c->set.messages, true,
					 span_str(c->files[i]), 0, 0, SPAN_LIT(""), SPAN_LIT(""),
					 "%s", why.text);
			r = 0;
		}
	}
	if (r == 0)
		r = rule_set_finish(&c->set);
	return r < 0 || c->set.arena.failed ? no_memory(e) : 0;
}

/* What is known when all rules are together: types that no rule of this condition can have. */
static void after_finish(struct rules_command *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct checked_rule *k = &c->rules[i];

		if (!k->compiled)
			continue;
		k->needs = *rule_program_needs(c->program, k->id);
		look_at_types(c, k);
	}
}

int rules_main_load(struct rules_command *c, struct err *e)
{
	int r = rules_main_read(c, e);

	if (r == 0)
		r = rule_program_new(&c->program, e);
	if (r < 0)
		return r;
	c->rules = arena_zeroed(&c->set.arena, c->set.n ? c->set.n : 1, sizeof(*c->rules));
	if (!c->rules)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < c->set.n; i++) {
		if (!c->set.rules[i].condition)
			continue;
		c->rules[c->n] = (struct checked_rule){ .rule = &c->set.rules[i] };
		r = compile_rule(c, &c->rules[c->n++], e);
	}
	if (r == 0)
		r = rule_program_finish(c->program, e);
	if (r == 0)
		after_finish(c);
	return r == 0 && c->set.arena.failed ? no_memory(e) : r;
}

/* --- messages ------------------------------------------------------------------------------ */

void rules_main_messages_text(struct buf *b, const struct rule_messages *m, bool warnings)
{
	for (const struct rule_message *k = m->first; k; k = k->next) {
		if (!k->error && !warnings)
			continue;
		buf_add_visible(b, k->file);
		if (k->line > 0)
			buf_printf(b, ":%u", (unsigned)k->line);
		if (k->line > 0 && k->column > 0)
			buf_printf(b, ":%u", (unsigned)k->column);
		buf_printf(b, ": %s: ", k->error ? "error" : "warning");
		if (k->what.n > 0) {
			buf_add_visible(b, k->what);
			buf_add_str(b, " '");
			buf_add_visible(b, k->name);
			buf_add_str(b, "': ");
		}
		buf_add_visible(b, k->text);
		buf_add_char(b, '\n');
	}
}

int rules_main_complain(const struct rule_messages *m)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, RULES_OUT_MAX);
	rules_main_messages_text(&b, m, false);
	if (b.len > 0)
		io_write_all(STDERR_FILENO, b.data, b.len);
	return m->errors > 0 ? RULES_FAULTY : RULES_GOOD;
}
