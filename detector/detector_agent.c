// SPDX-License-Identifier: GPL-2.0-or-later
/* What the agent tells the judge: events, containers' lives, kills, its own troubles. */
#include <string.h>

#include "detector/detector_internal.h"

void detector_event(void *ctx, const struct event_view *v, const struct event_context *c,
		    struct container *of)
{
	struct detector *d = ctx;

	flight_event(d->flight, v);
	audit_event(d->audit, v, c, of);
	bool malicious = detector_rules_event(d->rules, v, c, of);

	malicious |= detector_isolation_event(d->isolation, v, c, of);
	malicious |= detector_miner_event(d->miner, v, c, of);
	detector_baseline_event(d->baseline, v, c, of, malicious);
}

void detector_life(void *ctx, struct container *c, enum agent_life what)
{
	struct detector *d = ctx;

	if (what == LIFE_STOPPED || what == LIFE_DESTROYED)
		flight_ended(d->flight, c);
	audit_life(d->audit, c, what);
	detector_rules_life(d->rules, c, what);
	detector_resources_life(d->resources, c, what);
	detector_tables_life(d->tables, c, what);
	detector_isolation_life(d->isolation, c, what);
	detector_miner_life(d->miner, c, what);
	detector_baseline_life(d->baseline, c, what);
	detector_posture_life(d->posture, c, what);
}

void detector_audit(void *ctx, const struct agent_audit *a)
{
	struct detector *d = ctx;
	const struct alert_pair fact = { span_str(a->key), span_str(a->value) };

	audit_change(d->audit, a->rule, a->title, &fact, a->key ? 1 : 0, a->failed);
}

/* --- out of memory ------------------------------------------------------------------------- */

struct oom_facts {
	struct alert_pair list[16];
	size_t n;
	char texts[16][64];
	size_t texts_n;
};

static void add_fact(struct oom_facts *f, const char *name, struct span value)
{
	if (value.n > 0)
		f->list[f->n++] = (struct alert_pair){ span_str(name), value };
}

static void add_bytes(struct oom_facts *f, const char *name, uint64_t bytes)
{
	char *text = f->texts[f->texts_n++], unit[24];

	snprintf(text, sizeof(f->texts[0]), "%llu (%s)", (unsigned long long)bytes,
		 alert_bytes_text(bytes, unit));
	add_fact(f, name, span_str(text));
}

static void add_number(struct oom_facts *f, const char *name, uint64_t v)
{
	char *text = f->texts[f->texts_n++];

	snprintf(text, sizeof(f->texts[0]), "%llu", (unsigned long long)v);
	add_fact(f, name, span_str(text));
}

static void oom_facts(struct oom_facts *f, const struct container *c, const struct agent_oom *oom)
{
	const struct sample *s = &c->sample;

	if (oom->kernel) {
		add_fact(f, "process", span_str(oom->kernel->comm));
		add_number(f, "pid", (uint64_t)oom->kernel->pid);
		add_fact(f, "cgroup_at_its_limit", span_str(oom->kernel->oom_memcg));
	}
	if ((s->have & SAMPLE_MEMORY_SPEC) && s->memory_limit)
		add_bytes(f, "memory_limit", s->memory_limit);
	else if (s->have & SAMPLE_MEMORY_SPEC)
		add_fact(f, "memory_limit", SPAN_LIT("none"));
	if (s->have & SAMPLE_MEMORY) {
		add_bytes(f, "memory_usage_last_seen", s->memory_usage);
		add_bytes(f, "working_set_last_seen", s->memory_working_set);
	}
	if (s->have & SAMPLE_MEMORY_MAX)
		add_bytes(f, "memory_usage_highest", s->memory_max_usage);
	add_number(f, "kills", oom->kills);
	add_number(f, "kills_since_start", c->oom_events);
}

/* A kill that no limit of a container asked for: the host had no memory left. */
static void add_cause(struct oom_facts *f, const struct contention_verdict *v)
{
	add_fact(f, "cause",
		 v->culprit ? span_str(container_name(v->culprit))
			    : SPAN_LIT("processes outside of containers"));
	if (v->culprit) {
		add_fact(f, "cause_id", span_str(v->culprit->id.id));
		add_fact(f, "cause_image", span_str(container_image(v->culprit)));
	}
	add_bytes(f, "cause_takes", (uint64_t)v->now);
	if (v->normal >= 0)
		add_bytes(f, "cause_normal", (uint64_t)v->normal);
}

void detector_oom(void *ctx, struct container *c, const struct agent_oom *oom)
{
	struct detector *d = ctx;
	const struct config_list *labels = &d->services.config->labels_allow;
	struct process_table *processes = d->services.processes(d->services.agent);
	struct alert_container text;
	struct contention_verdict cause;
	struct oom_facts f = { .n = 0 };
	char title[512];
	struct alert alert = {
		.severity = ALERT_ERROR,
		.kind = ALERT_RESOURCE,
		.rule = SPAN_LIT("oom-kill"),
		.container = &text,
		.unix_minus_boot_ns = d->services.unix_minus_boot_ns(d->services.agent),
		.recommend =
			SPAN_LIT("Find out why it needs more memory than its limit, then raise "
				 "the limit or mend the program; a limit far above what it "
				 "needs only puts the kill off."),
	};

	audit_life(d->audit, c, LIFE_OOM);
	if (!detector_resources_tells_oom(d->resources, c, &alert.severity))
		return;
	alert_container_of(c, (const char(*)[CONFIG_TEXT_BYTES])labels->items, labels->n, &text);
	oom_facts(&f, c, oom);
	if (oom->kernel && strcmp(oom->kernel->oom_memcg, "/") == 0 &&
	    detector_resources_oom_cause(d->resources, c, &cause))
		add_cause(&f, &cause);
	if (oom->kernel && processes)
		alert.process = process_find_pid(processes, (uint32_t)oom->kernel->pid);
	if (oom->kernel)
		snprintf(title, sizeof(title),
			 "Out of memory: '%s' was killed in container '%.200s'", oom->kernel->comm,
			 container_name(c));
	else
		snprintf(title, sizeof(title),
			 "Out of memory: a process was killed in container "
			 "'%.200s'",
			 container_name(c));
	alert.title = span_str(title);
	alert.facts = f.list;
	alert.facts_n = f.n;
	alerts_raise(d->alerts, &alert);
}

/* --- troubles of the agent itself ---------------------------------------------------------- */

static const struct {
	const char *rule, *title, *recommend;
	enum alert_severity severity;
} troubles[TROUBLE_COUNT] = {
	[TROUBLE_SENSOR_OFF] = { "sensor-off",
				 "The kernel sensor is off: what processes do is not seen",
				 "Look at the reason; 'bulkhead status' shows what the kernel "
				 "refused.",
				 ALERT_ERROR },
	[TROUBLE_EVENTS_LOST] = { "events-lost",
				  "Events of the kernel are lost: the machine does not keep up",
				  "Look at bulkhead_sensor_dropped_total for the types; a bigger "
				  "sensor.buffer takes longer bursts.",
				  ALERT_WARNING },
	[TROUBLE_SERVE_FAILING] = { "serve-failing",
				    "bulkhead serve ends again and again: nobody gets alerts, and "
				    "the API does not answer",
				    "Look at the reason and at bulkheadd's own log.",
				    ALERT_CRITICAL },
	[TROUBLE_CONFIG_REFUSED] = { "config-refused",
				     "A new configuration was refused: the old one stays in force",
				     "Mend what the reason names, then reload again.",
				     ALERT_WARNING },
};

void detector_trouble(void *ctx, enum agent_trouble what, bool on, const char *text)
{
	struct detector *d = ctx;
	const struct alert_pair fact = { SPAN_LIT("reason"), span_str(text) };
	struct alert alert = { .severity = troubles[what].severity,
			       .kind = ALERT_INTERNAL,
			       .has_end = true,
			       .title = span_str(troubles[what].title),
			       .rule = span_str(troubles[what].rule),
			       .recommend = span_str(troubles[what].recommend),
			       .facts = &fact,
			       .facts_n = text && *text ? 1 : 0 };

	if (on)
		alerts_raise(d->alerts, &alert);
	else
		alerts_resolve(d->alerts, &alert);
}
