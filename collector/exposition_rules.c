// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of rules: how many are at work, and what they cost and lost. */
#include "collector/agent_detector.h"
#include "collector/exposition_internal.h"

static const struct span no_labels = { NULL, 0 };

static const struct alerts_rules_state *state_of(const struct scrape *s)
{
	const struct alerts_state *a = s->state->alerts;

	return a && a->rule_set.loaded ? &a->rule_set : NULL;
}

static void emit_states(struct scrape *s, struct container *c)
{
	const struct alerts_rules_state *r = state_of(s);

	(void)c;
	for (unsigned i = 0; r && i < ALERTS_RULE_STATES; i++) {
		scrape_label(s, "state", span_str(r->states[i]));
		scrape_line(s, no_labels, r->by_state[i]);
		s->extra.len = 0;
	}
}

static void emit(struct scrape *s, struct container *c)
{
	const struct alerts_rules_state *r = state_of(s);

	(void)c;
	if (r)
		scrape_line(s, no_labels, u64_at(r, s->m->at));
}

static void emit_problem(struct scrape *s, struct container *c)
{
	const struct alerts_rules_state *r = state_of(s);

	(void)c;
	if (r)
		scrape_line(s, no_labels, r->problem);
}

#define RULES(field) offsetof(struct alerts_rules_state, field)
/* clang-format off */
static const struct metric rows[] = {
	{ "bulkhead_rules", "gauge", "Rules on events, by what became of them.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_states },
	{ "bulkhead_rules_cut_events_total", "counter",
	  "Events of which a text was too long for the rules to see whole.",
	  SCOPE_AGENT, UNIT_ONE, 0, RULES(cut_texts), emit },
	{ "bulkhead_rules_events_total", "counter", "Events that were given to the rules.",
	  SCOPE_AGENT, UNIT_ONE, 0, RULES(events), emit },
	{ "bulkhead_rules_hits_refused_total", "counter",
	  "Matches that were not told: too many rules matched one event.",
	  SCOPE_AGENT, UNIT_ONE, 0, RULES(hits_refused), emit },
	{ "bulkhead_rules_load_seconds", "gauge", "Time that the last reading of rule files took.",
	  SCOPE_AGENT, UNIT_NS, 0, RULES(load_ns), emit },
	{ "bulkhead_rules_loads_refused_total", "counter", "Rule files that had errors.",
	  SCOPE_AGENT, UNIT_ONE, 0, RULES(refused_loads), emit },
	{ "bulkhead_rules_pattern_limits_total", "counter",
	  "Matches of a pattern that took too many steps and were given up.",
	  SCOPE_AGENT, UNIT_ONE, 0, RULES(pattern_limits), emit },
	{ "bulkhead_rules_problem", "gauge", "1 while the rule files on disk have errors.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_problem },
	{ "bulkhead_rules_values_refused_total", "counter",
	  "Fields left out of an event: it had more values than there is room for.",
	  SCOPE_AGENT, UNIT_ONE, 0, RULES(values_refused), emit },
};
/* clang-format on */
const struct metric_table exposition_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
