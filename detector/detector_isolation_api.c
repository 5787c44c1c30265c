// SPDX-License-Identifier: GPL-2.0-or-later
/* GET /api/v1/isolation, and figures. */
#include <string.h>

#include "collector/json_put.h"
#include "detector/detector_isolation_internal.h"

#define ANSWER_MAX (1U << 20)

static const char *blind(const struct detector_isolation *d, enum invariant i)
{
	const char *layer = d->services->layer(d->services->agent), *why = NULL;

	if (!d->services->config->isolation)
		return "isolation.enabled is false";
	return invariant_blind(i, layer, task_pass_works(d->pass, &why), d->host.labels);
}

static bool is_partial(const char *why)
{
	return why && span_starts(span_str(why), "in part: ");
}

static uint32_t standing_of(const struct detector_isolation *d, enum invariant i)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < d->standing_n; s++)
		n += d->standing[s].invariant == i;
	return n;
}

static void put_invariant(struct buf *b, const struct detector_isolation *d, enum invariant i)
{
	const struct invariant_info *info = &invariants[i];
	const char *why = blind(d, i);

	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_str(b, "number", info->number);
	json_put_str(b, "name", info->name);
	json_put_str(b, "holds", info->holds);
	json_put_str(b, "severity", alert_severity_names[info->severity]);
	json_put_str(b, "watched", !why ? "yes" : is_partial(why) ? "in part" : "no");
	if (why)
		json_put_str(b, "reason", is_partial(why) ? why + strlen("in part: ") : why);
	json_put_u64(b, "found", d->counts.findings[i]);
	json_put_u64(b, "broken", standing_of(d, i));
	buf_add_char(b, '}');
}

bool detector_isolation_get(struct detector_isolation *d, struct span path, struct span query,
			    uint32_t ticket)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)query;
	if (!span_eq(path, "/api/v1/isolation"))
		return false;
	if (ticket == AGENT_NO_TICKET)
		return true;
	buf_init(&b, ANSWER_MAX);
	buf_add_char(&b, '{');
	json_put_array(&b, "invariants");
	for (unsigned i = 0; i < INV_COUNT; i++)
		put_invariant(&b, d, (enum invariant)i);
	buf_add_char(&b, ']');
	json_put_u64(&b, "events", d->counts.events);
	json_put_u64(&b, "excepted", d->counts.excepted);
	json_put_u64(&b, "exceptions_refused", d->counts.exceptions_refused);
	const struct task_pass_stats p = task_pass_stats(d->pass);

	json_put_u64(&b, "passes", p.passes);
	json_put_u64(&b, "passes_failed", p.failed);
	json_put_u64(&b, "tasks", p.tasks);
	json_put_u64(&b, "pass_cpu_ns", p.last_cpu_ns);
	buf_add_char(&b, '}');
	d->services->answer(d->services->agent, ticket, 200, &b);
	return true;
}

void detector_isolation_state(const struct detector_isolation *d, struct alerts_state *out)
{
	alerts_state_table(out, "isolation_standing", d->standing_n, STANDING_MAX,
			   d->counts.standing_refused);
	alerts_state_table(out, "isolation_programs", d->host.programs_n, ISOLATION_PROGRAMS,
			   d->host.programs_refused);
	alerts_state_table(out, "isolation_addresses", d->host.addresses_n, ISOLATION_ADDRESSES,
			   d->host.addresses_refused);
	task_pass_state(d->pass, out);
	isolation_mounts_watch_state(d->mounts, out);
	for (unsigned i = 0; i < INV_COUNT && out->not_watched_n < ALERTS_MAX_NOT_WATCHED; i++) {
		const char *why = blind(d, (enum invariant)i);

		if (!why)
			continue;
		out->not_watched[out->not_watched_n].number = invariants[i].number;
		out->not_watched[out->not_watched_n].name = invariants[i].name;
		out->not_watched[out->not_watched_n++].reason = why;
	}
}
