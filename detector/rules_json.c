// SPDX-License-Identifier: GPL-2.0-or-later
/* What GET /api/v1/rules tells of a set of rules. */
#include "collector/json_put.h"
#include "detector/rules.h"

static void put_types(struct buf *b, const struct rules_rule *r)
{
	const struct evt_set *h = &r->needs.host_types, *c = &r->needs.container_types;

	if (r->needs.all_types)
		return; /* all of them */
	json_put_array(b, "types");
	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++) {
		if (!evt_set_has(h, (enum evt_type)t) && !evt_set_has(c, (enum evt_type)t))
			continue;
		json_put_comma(b);
		json_put_string(b, span_str(evt_type_name((enum evt_type)t)));
	}
	buf_add_char(b, ']');
}

static void put_rule(struct buf *b, const struct rules_rule *r)
{
	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_text(b, "name", r->rule->name);
	json_put_text(b, "file", r->rule->file);
	json_put_u64(b, "line", r->rule->line);
	json_put_str(b, "priority", alert_severity_names[r->rule->priority]);
	json_put_array(b, "tags");
	for (size_t i = 0; i < r->rule->tags_n; i++) {
		json_put_comma(b);
		json_put_string(b, r->rule->tags[i]);
	}
	buf_add_char(b, ']');
	json_put_key(b, "enabled");
	buf_add_str(b, r->rule->enabled ? "true" : "false");
	json_put_key(b, "served");
	buf_add_str(b, r->state == RULE_NOT_SERVED ? "false" : "true");
	json_put_str(b, "state", rules_state_name(r->state));
	json_put_str(b, "reason", r->reason);
	put_types(b, r);
	json_put_u64(b, "evaluations", r->evaluations);
	json_put_u64(b, "matches", r->matches);
	json_put_u64(b, "nanoseconds", rules_nanoseconds(r));
	buf_add_char(b, '}');
}

static void put_message(struct buf *b, const struct rule_message *m)
{
	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_str(b, "severity", m->error ? "error" : "warning");
	json_put_text(b, "file", m->file);
	json_put_known(b, "line", m->line);
	json_put_known(b, "column", m->column);
	json_put_text(b, "what", m->what);
	json_put_text(b, "name", m->name);
	json_put_text(b, "text", m->text);
	buf_add_char(b, '}');
}

void rules_json(struct buf *b, const struct rules *r)
{
	const struct rule_program_stats stats = rule_program_stats(r->program);

	json_put_time(b, "loaded", r->loaded_unix_ns);
	json_put_str(b, "match", r->match_all ? "all" : "first");
	json_put_u64(b, "events", r->events);
	json_put_u64(b, "pattern_limits", stats.match_limit);
	json_put_array(b, "messages");
	for (const struct rule_message *m = r->set.messages.first; m; m = m->next)
		put_message(b, m);
	buf_add_char(b, ']');
	json_put_array(b, "rules");
	for (size_t i = 0; i < r->n; i++)
		put_rule(b, &r->list[i]);
	buf_add_char(b, ']');
}
