// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of alerts: how many, what became of them, their logs, and where they went. */
#include "collector/agent_detector.h"
#include "collector/exposition_internal.h"

static const struct span no_labels = { NULL, 0 };

static void line(struct scrape *s, uint64_t v)
{
	scrape_line(s, no_labels, v);
	s->extra.len = 0;
}

static const struct alerts_state *state_of(const struct scrape *s)
{
	const struct alerts_state *a = s->state->alerts;

	return a && a->severities ? a : NULL;
}

static void emit_raised(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = state_of(s);

	(void)c;
	for (unsigned i = 0; a && a->severities[i]; i++) {
		for (unsigned k = 0; a->kinds[k]; k++) {
			if (!a->raised[i][k])
				continue;
			scrape_label(s, "kind", span_str(a->kinds[k]));
			scrape_label(s, "severity", span_str(a->severities[i]));
			line(s, a->raised[i][k]);
		}
	}
}

static void emit_by_rule(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = state_of(s);

	(void)c;
	for (size_t i = 0; a && i < a->rules_n; i++) {
		scrape_label(s, "rule", span_str(a->rules[i].name));
		line(s, a->rules[i].raised);
	}
	if (a && a->other_rules) {
		scrape_label(s, "rule", SPAN_LIT("other"));
		line(s, a->other_rules);
	}
}

static void emit_of_alerts(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = state_of(s);

	(void)c;
	if (a)
		line(s, u64_at(a, s->m->at));
}

static void emit_of_log(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = state_of(s);

	(void)c;
	for (size_t i = 0; a && i < a->logs_n; i++) {
		scrape_label(s, "log", span_str(a->logs[i].name));
		line(s, u64_at(&a->logs[i], s->m->at));
	}
}

static void emit_writable(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = state_of(s);

	(void)c;
	for (size_t i = 0; a && i < a->logs_n; i++) {
		scrape_label(s, "log", span_str(a->logs[i].name));
		line(s, a->logs[i].writable);
	}
}

static void emit_of_sink(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = state_of(s);

	(void)c;
	for (uint32_t i = 0; a && a->sinks && i < a->sinks->n; i++) {
		scrape_label(s, "sink", span_str(a->sinks->sinks[i].name));
		line(s, u64_at(&a->sinks->sinks[i], s->m->at));
	}
}

/* Seconds since the oldest that waits; 0: none does. */
static void emit_sink_age(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = state_of(s);
	const uint64_t now = s->state->now_unix_ns;

	(void)c;
	for (uint32_t i = 0; a && a->sinks && i < a->sinks->n; i++) {
		const uint64_t since = a->sinks->sinks[i].oldest_pending_unix_ns;

		scrape_label(s, "sink", span_str(a->sinks->sinks[i].name));
		line(s, since && since < now ? now - since : 0);
	}
}

static void emit_sink_breaker(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = state_of(s);

	(void)c;
	for (uint32_t i = 0; a && a->sinks && i < a->sinks->n; i++) {
		scrape_label(s, "sink", span_str(a->sinks->sinks[i].name));
		line(s, a->sinks->sinks[i].breaker != WIRE_BREAKER_CLOSED);
	}
}

#define ALERTS(field)  offsetof(struct alerts_state, field)
#define FLIGHTS(field) offsetof(struct alerts_state, flights.field)
#define LOG(field)     offsetof(struct alerts_log_state, field)
#define SINK(field)    offsetof(struct wire_sink_stat, field)
/* clang-format off */
static const struct metric rows[] = {
	{ "bulkhead_alerts_by_rule_total", "counter",
	  "Alerts of a rule, repeats not counted; rules beyond the table are in 'other'.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_by_rule },
	{ "bulkhead_alerts_firing", "gauge", "Alerts that have an end and are not resolved.",
	  SCOPE_AGENT, UNIT_ONE, 0, ALERTS(firing), emit_of_alerts },
	{ "bulkhead_alerts_folded_total", "counter",
	  "Repeats of an alert within its window: counted in it, not told again.",
	  SCOPE_AGENT, UNIT_ONE, 0, ALERTS(folded), emit_of_alerts },
	{ "bulkhead_alerts_held_back_total", "counter",
	  "Alerts that are in the log and were not delivered: they came too fast.",
	  SCOPE_AGENT, UNIT_ONE, 0, ALERTS(held_back), emit_of_alerts },
	{ "bulkhead_alerts_log_bytes", "gauge", "Bytes of a log on disk.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(bytes), emit_of_log },
	{ "bulkhead_alerts_log_files_removed_total", "counter", "Files of a log that made room.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(removed), emit_of_log },
	{ "bulkhead_alerts_log_lines_total", "counter", "Lines of a log since start.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(lines), emit_of_log },
	{ "bulkhead_alerts_log_lost_total", "counter",
	  "Lines that are in no file: the disk took none for too long.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(lost), emit_of_log },
	{ "bulkhead_alerts_log_max_bytes", "gauge", "What a log may grow to.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(max_bytes), emit_of_log },
	{ "bulkhead_alerts_log_missing_total", "counter",
	  "Lines of a log that had a number and were in no file at start.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(missing), emit_of_log },
	{ "bulkhead_alerts_log_pending", "gauge", "Lines that wait in memory for the disk.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(pending), emit_of_log },
	{ "bulkhead_alerts_log_sync_errors_total", "counter",
	  "Syncs of a log that failed or did not end.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(sync_errors), emit_of_log },
	{ "bulkhead_alerts_log_sync_seconds", "gauge", "Time that the last sync of a log took.",
	  SCOPE_AGENT, UNIT_NS, 0, LOG(last_sync_ns), emit_of_log },
	{ "bulkhead_alerts_log_tampered_total", "counter",
	  "Files of a log that somebody removed, cut or wrote to.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(tampered), emit_of_log },
	{ "bulkhead_alerts_log_writable", "gauge", "1 while lines can be written to a log.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_writable },
	{ "bulkhead_alerts_log_write_errors_total", "counter", "Writes to a log that failed.",
	  SCOPE_AGENT, UNIT_ONE, 0, LOG(write_errors), emit_of_log },
	{ "bulkhead_alerts_silenced_total", "counter", "Alerts that a silence kept from the sinks.",
	  SCOPE_AGENT, UNIT_ONE, 0, ALERTS(silenced), emit_of_alerts },
	{ "bulkhead_alerts_total", "counter", "Alerts, repeats not counted.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_raised },
	{ "bulkhead_flight_events_cut_total", "counter",
	  "Events whose strings were cut in the memory of the last ones: they were too long.",
	  SCOPE_AGENT, UNIT_ONE, 0, FLIGHTS(events_cut), emit_of_alerts },
	{ "bulkhead_flight_events_total", "counter",
	  "Events that passed through the memory of the last ones.",
	  SCOPE_AGENT, UNIT_ONE, 0, FLIGHTS(events), emit_of_alerts },
	{ "bulkhead_flights_bytes", "gauge", "Bytes of recordings of alerts on disk.",
	  SCOPE_AGENT, UNIT_ONE, 0, FLIGHTS(bytes), emit_of_alerts },
	{ "bulkhead_flights_failed_total", "counter",
	  "Recordings of alerts that could not be written.",
	  SCOPE_AGENT, UNIT_ONE, 0, FLIGHTS(failed), emit_of_alerts },
	{ "bulkhead_flights_max_bytes", "gauge", "What recordings of alerts may grow to.",
	  SCOPE_AGENT, UNIT_ONE, 0, FLIGHTS(max_bytes), emit_of_alerts },
	{ "bulkhead_flights_removed_total", "counter", "Recordings of alerts that made room.",
	  SCOPE_AGENT, UNIT_ONE, 0, FLIGHTS(removed), emit_of_alerts },
	{ "bulkhead_flights_shared_total", "counter",
	  "Alerts that link to the recording of one shortly before.",
	  SCOPE_AGENT, UNIT_ONE, 0, FLIGHTS(shared), emit_of_alerts },
	{ "bulkhead_flights_written_total", "counter", "Recordings of alerts that were written.",
	  SCOPE_AGENT, UNIT_ONE, 0, FLIGHTS(written), emit_of_alerts },
	{ "bulkhead_sink_breaker_open", "gauge",
	  "1 while a sink is left alone for a while because it failed again and again.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_sink_breaker },
	{ "bulkhead_sink_dead_total", "counter", "Alerts that a sink gave up, kept in a file.",
	  SCOPE_AGENT, UNIT_ONE, 0, SINK(dead), emit_of_sink },
	{ "bulkhead_sink_failed_total", "counter", "Attempts of a sink that failed.",
	  SCOPE_AGENT, UNIT_ONE, 0, SINK(failed), emit_of_sink },
	{ "bulkhead_sink_lag", "gauge", "Lines of the log that a sink has not looked at.",
	  SCOPE_AGENT, UNIT_ONE, 0, SINK(lag), emit_of_sink },
	{ "bulkhead_sink_last_success_timestamp_seconds", "gauge",
	  "When a sink delivered last; 0: not yet.",
	  SCOPE_AGENT, UNIT_NS, 0, SINK(last_success_unix_ns), emit_of_sink },
	{ "bulkhead_sink_lost_total", "counter",
	  "Lines of the log that were gone before a sink could read them.",
	  SCOPE_AGENT, UNIT_ONE, 0, SINK(lost), emit_of_sink },
	{ "bulkhead_sink_misplaced_total", "counter",
	  "Times that the kept place of a sink in the log was of no use, since serve's start.",
	  SCOPE_AGENT, UNIT_ONE, 0, SINK(misplaced), emit_of_sink },
	{ "bulkhead_sink_oldest_pending_seconds", "gauge",
	  "Age of the oldest alert that waits for a sink.",
	  SCOPE_AGENT, UNIT_NS, 0, 0, emit_sink_age },
	{ "bulkhead_sink_retried_total", "counter", "Attempts of a sink after a failed one.",
	  SCOPE_AGENT, UNIT_ONE, 0, SINK(retried), emit_of_sink },
	{ "bulkhead_sink_sent_total", "counter", "Alerts that a sink delivered.",
	  SCOPE_AGENT, UNIT_ONE, 0, SINK(sent), emit_of_sink },
};
/* clang-format on */
const struct metric_table exposition_alerts = { rows, sizeof(rows) / sizeof(rows[0]) };
