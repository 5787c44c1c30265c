// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/invariant.h"
#include "detector/rule_fault.h"

#define ARENA_BYTES (64U << 20)

const char *rules_state_name(enum rules_state s)
{
	static const char *const names[] = { [RULE_ON] = "on",
					     [RULE_DISABLED] = "disabled",
					     [RULE_NOT_TAGGED] = "not selected",
					     [RULE_NOT_SERVED] = "not served" };

	return names[s];
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	rule_program_free(r->program);
	rule_set_release(&r->set);
	arena_release(&r->arena);
	free(r->by_id);
	free(r);
}

static int no_memory(const struct rules *r, struct err *e)
{
	return r->arena.failed ? err_set(e, ENOMEM, "no room for %zu rules: %u MiB are the most",
					 r->set.n, ARENA_BYTES >> 20)
			       : err_set(e, ENOMEM, "no memory for rules");
}

/* --- selection ----------------------------------------------------------------------------- */

static bool has_tag(const struct rule *rule, const char *tag)
{
	for (size_t i = 0; i < rule->tags_n; i++)
		if (span_eq(rule->tags[i], tag))
			return true;
	return false;
}

static bool has_one(const struct rule *rule, const char *const *tags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_tag(rule, tags[i]))
			return true;
	return false;
}

static bool is_selected(const struct rule *rule, const struct rules_settings *s)
{
	if (rule->priority > s->least)
		return has_tag(rule, RULES_AUDIT_TAG); /* what is noted has no priority */
	if (s->tags_n > 0 && !has_one(rule, s->tags, s->tags_n))
		return false;
	return !has_one(rule, s->disable_tags, s->disable_tags_n);
}

/* "T1059" and "T1059.004"; "mitre_privilege_escalation" is the tactic. */
static void take_tags(struct rules *r, struct rules_rule *rule)
{
	for (size_t i = 0; i < rule->rule->tags_n; i++) {
		const struct span tag = rule->rule->tags[i];

		if (tag.n >= 5 && tag.p[0] == 'T' && tag.p[1] >= '0' && tag.p[1] <= '9' &&
		    !rule->technique_id.n)
			rule->technique_id = tag;
		if (!span_starts(tag, "mitre_") || rule->tactic.n)
			continue;
		struct span tactic = arena_copy(&r->arena, (struct span){ tag.p + 6, tag.n - 6 });
		char *text = tactic.p ? (char *)(uintptr_t)tactic.p : NULL;

		for (size_t j = 0; text && j < tactic.n; j++)
			if (text[j] == '_')
				text[j] = '-';
		rule->tactic = tactic;
	}
	rule->audit = has_tag(rule->rule, RULES_AUDIT_TAG);
}

/* --- exceptions of the configuration ------------------------------------------------------- */

static void add_glob(struct buf *b, const char *field, const char *glob)
{
	if (!*glob)
		return;
	buf_add_str(b, b->len ? " and " : "");
	buf_add_str(b, field);
	buf_add_str(b, " glob \"");
	for (; *glob; glob++) {
		if (*glob == '"' || *glob == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, *glob);
	}
	buf_add_char(b, '"');
}

/* "... and not (EXCEPTION)" around the rule's condition. */
static int apply(struct rules *r, const struct rules_exception *x, const struct condition **c,
		 struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct condition_source *source = arena_zeroed(&r->arena, 1, sizeof(*source));
	struct condition *not = arena_zeroed(&r->arena, 1, sizeof(*not ));
	struct condition *and = arena_zeroed(&r->arena, 1, sizeof(*and));
	const struct condition **list = arena_zeroed(&r->arena, 3, sizeof(*list));

	buf_init(&b, CONDITION_MAX_BYTES);
	add_glob(&b, "container.image.repository", x->image);
	add_glob(&b, "container.name", x->container);
	if (*x->condition) {
		buf_add_str(&b, b.len ? " and (" : "(");
		buf_add_str(&b, x->condition);
		buf_add_char(&b, ')');
	}
	if (b.len == 0)
		return err_set(e, EINVAL,
			       "an exception of rules needs image, container or condition");
	struct span text = arena_copy(&r->arena, (struct span){ b.data, b.len });

	if (!source || !not || !and || !list || !text.p)
		return err_set(e, ENOMEM, "no memory for rules");
	*source = (struct condition_source){ .file = SPAN_LIT("configuration"),
					     .what = SPAN_LIT("exception of rule"),
					     .name = span_str(x->rule),
					     .text = text };
	int code = condition_parse(&r->arena, source, &list[2], NULL, e);

	if (code < 0)
		return code;
	*not = (struct condition){
		.kind = CONDITION_NOT, .source = source, .children = &list[2], .children_n = 1
	};
	list[0] = *c;
	list[1] = not ;
	*and = (struct condition){
		.kind = CONDITION_AND, .source = (*c)->source, .children = list, .children_n = 2
	};
	*c = and;
	return 0;
}

static int with_exceptions(struct rules *r, const struct rules_settings *s, const struct rule *rule,
			   const struct condition **c, struct err *e)
{
	*c = rule->condition;
	for (size_t i = 0; i < s->exceptions_n; i++) {
		const struct rules_exception *x = &s->exceptions[i];

		if (*x->rule && fnmatch(x->rule, rule->name.p, 0) != 0)
			continue;
		int code = apply(r, x, c, e);

		if (code < 0)
			return code;
	}
	return 0;
}

/* --- one rule ------------------------------------------------------------------------------ */

static void tell(struct rules *r, const struct rule *rule, bool error, const char *text)
{
	struct rule_fault at;
	const struct span what = rule_fault_split(rule, text, &at);

	/* the place is of this call alone, the message stays */
	rule_message_add(&r->set.arena, &r->set.messages, error, arena_copy(&r->set.arena, at.file),
			 at.line, at.column, SPAN_LIT("rule"), rule->name, "%.*s", (int)what.n,
			 what.p);
}

static int compile_output(struct rules *r, struct rules_rule *one, struct err *e)
{
	struct span text = rule_output_with_suggested(&r->arena, one->rule->output.text);

	if (!text.p)
		return err_set(e, ENOMEM, "no memory for rules");
	return rule_output_compile(&r->arena, &r->refs, one->rule->output.source, text,
				   &one->output, e);
}

static int compile(struct rules *r, const struct rules_settings *s, struct rules_rule *one,
		   struct err *e)
{
	const struct condition *c = NULL;
	uint32_t id = 0;
	/* the output first: a rule whose text cannot be told must not be in the program */
	int code = compile_output(r, one, e);

	if (code == 0)
		code = with_exceptions(r, s, one->rule, &c, e);
	if (code == 0)
		code = rule_program_add(r->program, c, &id, &one->needs, e);
	if (code < 0)
		return code;
	r->by_id[id] = (uint32_t)(one - r->list);
	r->on++;
	return 0;
}

static void not_served(struct rules *r, struct rules_rule *one, const char *why)
{
	struct rule_fault at;
	struct span kept = arena_copy(&r->arena, rule_fault_split(one->rule, why, &at));

	one->state = RULE_NOT_SERVED;
	one->reason = kept.p ? kept.p : "";
}

static int take(struct rules *r, const struct rules_settings *s, struct rules_rule *one,
		struct err *e)
{
	struct err why = { "" };
	const struct rule *rule = one->rule;
	int code;

	take_tags(r, one);
	if (!rule->enabled)
		one->state = RULE_DISABLED;
	else if (!is_selected(rule, s))
		one->state = RULE_NOT_TAGGED;
	if (one->state != RULE_ON)
		return 0;
	code = compile(r, s, one, &why);
	if (code == 0)
		return 0;
	if (code == -ENOMEM)
		return r->arena.failed ? no_memory(r, e) : err_set(e, ENOMEM, "%s", why.text);
	not_served(r, one, why.text);
	if (code == -EOPNOTSUPP || (code == -ENOENT && rule->skip_unknown)) {
		tell(r, rule, false, why.text);
		return 0;
	}
	tell(r, rule, true, why.text);
	return 0;
}

/* What no event can match is told, not left to be wondered at. */
static void find_idle(struct rules *r)
{
	for (size_t id = 0; id < r->on; id++) {
		struct rules_rule *one = &r->list[r->by_id[id]];
		char text[160];

		one->needs = *rule_program_needs(r->program, (uint32_t)id);
		const struct evt_set *h = &one->needs.host_types, *c = &one->needs.container_types;

		if (h->w[0] || h->w[1] || c->w[0] || c->w[1])
			continue;
		if (one->needs.names_unseen_type)
			snprintf(text, sizeof(text), "bulkhead does not observe '%s'",
				 one->needs.unseen_type);
		else
			snprintf(text, sizeof(text), "its condition is never true");
		if (one->needs.names_unseen_type)
			not_served(r, one, text);
		tell(r, one->rule, false, text);
	}
}

/* An exception that names no rule there is. */
static void warn_of_unused(struct rules *r, const struct rules_settings *s)
{
	for (size_t i = 0; i < s->exceptions_n; i++) {
		const char *name = s->exceptions[i].rule;
		bool used = !*name;

		for (size_t j = 0; j < r->n && !used; j++)
			used = fnmatch(name, r->set.rules[j].name.p, 0) == 0;
		for (size_t j = 0; j < INV_COUNT && !used; j++) /* walls of containers, too */
			used = fnmatch(name, invariants[j].name, 0) == 0;
		if (!used)
			rule_message_add(&r->set.arena, &r->set.messages, false,
					 SPAN_LIT("configuration"), 0, 0,
					 SPAN_LIT("exception of rule"), span_str(name),
					 "no rule has this name");
	}
}

static int build(struct rules *r, const struct rules_settings *s, struct err *e)
{
	r->n = r->set.n;
	r->list = arena_zeroed(&r->arena, r->n, sizeof(*r->list));
	r->by_id = calloc(r->n + 1, sizeof(*r->by_id));
	if (!r->list || !r->by_id)
		return no_memory(r, e);
	warn_of_unused(r, s);
	for (size_t i = 0; i < r->n; i++) {
		r->list[i].rule = &r->set.rules[i];
		r->list[i].reason = "";
		int code = take(r, s, &r->list[i], e);

		if (code < 0)
			return code;
	}
	if (r->set.messages.errors > 0) {
		r->set.failed = true;
		r->on = 0;
		return err_set(e, EINVAL, "%zu errors in the rules", r->set.messages.errors);
	}
	int code = rule_program_finish(r->program, e);

	if (code < 0)
		return code;
	find_idle(r);
	return 0;
}

int rules_new(struct rules **out, struct rule_set *set, const struct rules_settings *s,
	      struct err *e)
{
	AUTO(rules_free) struct rules *r = calloc(1, sizeof(*r));

	if (!r) {
		rule_set_release(set);
		return err_set(e, ENOMEM, "no memory for rules");
	}
	r->set = *set;
	rule_set_init(set);
	arena_init(&r->arena, ARENA_BYTES);
	r->match_all = s->match_all;
	r->loaded_unix_ns = unix_ns();
	r->until_profile = RULES_PROFILE_EACH;
	int code = rule_program_new(&r->program, e);

	if (code == 0)
		code = build(r, s, e);
	if (code == 0 || code == -EINVAL)
		*out = TAKE(r);
	return code;
}

/* --- events -------------------------------------------------------------------------------- */

static bool evaluate(struct rules *r, size_t i, struct rules_rule *one, struct field_event *ev,
		     bool timed)
{
	const uint64_t begin = timed ? mono_ns() : 0;
	const bool yes = rule_program_match(r->program, i, ev);

	one->evaluations++;
	if (timed) {
		one->sampled++;
		one->sampled_ns += mono_ns() - begin;
	}
	return yes;
}

static bool is_hit(const struct rules_hit *hits, size_t n, const struct rules_rule *one)
{
	for (size_t i = 0; i < n; i++)
		if (hits[i].rule == one)
			return true;
	return false;
}

/* One reading of the event's paths; `found`: an alerting rule matched before. */
static size_t read_once(struct rules *r, struct field_event *ev, struct rules_hit *hits, size_t n,
			bool *found, bool timed)
{
	const uint32_t *ids;
	const size_t rules = rule_program_of_type(r->program, ev->type, &ids);

	rule_program_begin(r->program);
	ev->scratch_used = 0;
	ev->paths = (struct field_paths){ .keep = true };
	for (size_t i = 0; i < rules; i++) {
		struct rules_rule *one = &r->list[r->by_id[ids[i]]];

		if (*found && !r->match_all && !one->audit)
			continue;
		const bool known = is_hit(hits, n, one); /* by the other reading */

		if ((known && one->audit) || !evaluate(r, i, one, ev, timed))
			continue;
		*found = *found || !one->audit;
		if (known)
			continue;
		one->matches++;
		if (n == RULES_MAX_HITS) {
			r->hits_refused++;
			break;
		}
		hits[n++] = (struct rules_hit){ one, ev->reading };
	}
	return n;
}

/* Of the two that were first, each by its reading of the paths, the graver one, or the earlier:
 * a link whose name fits a lesser rule hides nothing. */
static size_t keep_graver(struct rules_hit *hits, size_t n)
{
	size_t best = n, kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct rules_rule *one = hits[i].rule;

		if (!one->audit &&
		    (best == n || one->rule->priority < hits[best].rule->rule->priority ||
		     (one->rule->priority == hits[best].rule->rule->priority &&
		      one < hits[best].rule)))
			best = i;
	}
	for (size_t i = 0; i < n; i++)
		if (hits[i].rule->audit || i == best)
			hits[kept++] = hits[i];
	return kept;
}

size_t rules_match(struct rules *r, struct field_event *ev, struct rules_hit *hits)
{
	const uint32_t *ids;
	const bool timed = --r->until_profile == 0;
	bool found = false, found_too = false;

	if (timed)
		r->until_profile = RULES_PROFILE_EACH;
	r->events++;
	if (rule_program_of_type(r->program, ev->type, &ids) == 0)
		return 0;
	ev->reading = READING_LEXICAL;
	size_t n = read_once(r, ev, hits, 0, &found, timed);

	if (field_readings_differ(ev)) {
		ev->reading = READING_RESOLVED;
		n = read_once(r, ev, hits, n, &found_too, timed);
		if (!r->match_all)
			n = keep_graver(hits, n);
	}
	ev->paths.keep = false; /* outputs follow, each with the reading that matched */
	return n;
}

uint64_t rules_nanoseconds(const struct rules_rule *r)
{
	return r->sampled
		       ? (uint64_t)((unsigned __int128)r->sampled_ns * r->evaluations / r->sampled)
		       : 0;
}

/* --- what they want ------------------------------------------------------------------------ */

struct rules_wants rules_wants(const struct rules *r)
{
	struct rules_wants w = { 0 };

	for (size_t id = 0; id < r->on; id++) {
		const struct rules_rule *one = &r->list[r->by_id[id]];
		const uint64_t host = evt_set_events(&one->needs.host_types);
		const uint64_t container = evt_set_events(&one->needs.container_types);

		/* a rule without any evt.type would want all there is: it gets what others want */
		if (one->needs.all_types)
			continue;
		w.host |= host;
		w.container |= container;
		if (one->needs.of_time)
			w.repeats |= host | container;
	}
	return w;
}
