// SPDX-License-Identifier: GPL-2.0-or-later
/* Assembly of the judge, and what comes about each second. */
#include "detector/detector_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "collector/config_sinks.h"

#define WORKER_GRACE_MS 500 /* for an fdatasync; what takes longer hangs */
#define TICK_NS		(900 * NS_PER_MS)

/* A worker of its own: a container's file system may hang. */
static int start_users(struct detector *d, struct err *e)
{
	const struct agent_services *s = &d->services;
	int r = worker_new(&d->lookups, s->loop, "users", e);
	const struct users_options o = { .worker = d->lookups,
					 .proc = s->proc,
					 .host_root = s->config->rootfs[0] ? s->config->rootfs
									   : "/" };

	return r < 0 ? r : users_new(&d->users, &o, e);
}

static int start_rules(struct detector *d, struct err *e)
{
	const struct detector_rules_settings s = { .services = &d->services,
						   .worker = d->readers,
						   .users = d->users,
						   .alerts = d->alerts,
						   .audit = d->audit };

	int r = detector_rules_new(&d->rules, &s, e);

	if (r == 0)
		rule_query_hooks(&d->event_queries, detector_rules_world(d->rules));
	return r;
}

/* Whose usual use says who is above it when others wait. */
static double usual(void *ctx, const struct container *c, enum config_metric metric)
{
	const struct detector *d = ctx;

	if (metric == METRIC_CPU_CORES)
		return detector_baseline_usual(d->baseline, c, RESOURCE_CPU);
	if (metric == METRIC_MEMORY_BYTES)
		return detector_baseline_usual(d->baseline, c, RESOURCE_MEMORY);
	if (metric == METRIC_IO_BYTES) /* the most of both at once: at most their sum */
		return detector_baseline_usual(d->baseline, c, RESOURCE_READ_BYTES) +
		       detector_baseline_usual(d->baseline, c, RESOURCE_WRITE_BYTES);
	return NAN;
}

static int start_baselines(struct detector *d, struct err *e)
{
	int r = worker_new(&d->keeper, d->services.loop, "baselines", e);
	const struct detector_baseline_settings s = { .services = &d->services,
						      .worker = d->keeper,
						      .alerts = d->alerts,
						      .audit = d->audit };

	if (r == 0)
		r = detector_baseline_new(&d->baseline, &s, e);
	if (r == 0)
		detector_resources_normal(d->resources, usual, d);
	return r;
}

static int start_isolation(struct detector *d, struct err *e)
{
	const struct detector_isolation_settings s = { .services = &d->services,
						       .worker = d->keeper,
						       .alerts = d->alerts,
						       .queries = &d->event_queries };

	return detector_isolation_new(&d->isolation, &s, e);
}

/* Findings that others make of containers: alerts as isolation's own are. */
static void take_finding(void *ctx, const struct finding *f, struct container *of,
			 const struct process *p)
{
	const struct detector *d = ctx;

	detector_isolation_find(d->isolation, f, of, p);
}

static int start_posture(struct detector *d, struct err *e)
{
	const struct detector_posture_settings s = {
		.services = &d->services, .worker = d->keeper, .find = take_finding, .find_ctx = d
	};

	return detector_posture_new(&d->posture, &s, e);
}

static int start_mining(struct detector *d, struct err *e)
{
	const struct detector_miner_settings s = { .services = &d->services,
						   .lookups = d->lookups,
						   .keeper = d->keeper,
						   .alerts = d->alerts,
						   .audit = d->audit,
						   .baseline = d->baseline };

	return detector_miner_new(&d->miner, &s, e);
}

static int start(void *ctx, const struct agent_services *s, struct err *e)
{
	struct detector *d = ctx;
	struct err damaged = { "" };
	int r;

	d->services = *s;
	d->audit_watch =
		(struct alerts_watch){ .name = "audit", .trouble = "the audit cannot be written" };
	r = worker_new(&d->worker, s->loop, "alert-log", e);
	if (r == 0)
		r = worker_new(&d->readers, s->loop, "alert-read", e);
	if (r == 0)
		r = silence_store_new(&d->silences, s->state_fd, &damaged);
	if (r < 0)
		return r;
	if (damaged.text[0])
		log_warning("silences", "error", damaged.text, NULL);
	const struct flight_settings recorder = { &d->services, s->loop, "/proc" };

	r = flight_new(&d->flight, &recorder, e);
	if (r < 0)
		return r;
	const struct alerts_settings settings = { &d->services, d->worker, d->silences, d->flight };

	r = alerts_new(&d->alerts, &settings, e);
	if (r == 0)
		r = audit_new(&d->audit, &d->services, d->worker, alerts_host(d->alerts), e);
	if (r == 0)
		r = start_users(d, e);
	if (r == 0)
		r = start_rules(d, e);
	if (r == 0)
		r = detector_resources_new(&d->resources, &d->services, d->alerts, e);
	if (r == 0)
		r = start_baselines(d, e);
	if (r == 0)
		r = start_mining(d, e);
	if (r == 0)
		r = start_isolation(d, e);
	if (r == 0)
		r = start_posture(d, e);
	const struct detector_tables_settings tables = { &d->services, d->alerts };

	if (r == 0)
		r = detector_tables_new(&d->tables, &tables, e);
	return r;
}

static void stop(void *ctx)
{
	struct detector *d = ctx;

	/* done() looks at its worker: the pointers stay while they end */
	if (!flight_stop(d->flight, WORKER_GRACE_MS) || !worker_stop(d->readers, WORKER_GRACE_MS) ||
	    !worker_stop(d->worker, WORKER_GRACE_MS)) {
		log_warning("the disk of the alerts' log hangs, stopping without it", NULL);
		d->hangs = true;
		return;
	}
	/* what ends below is told, in logs that still know their worker */
	alerts_worker_ended(d->alerts);
	audit_worker_ended(d->audit);
	if (!worker_stop(d->keeper, WORKER_GRACE_MS)) {
		log_warning("the disk of the baselines hangs, stopping without it", NULL);
		d->hangs = true;
		return;
	}
	if (worker_stop(d->lookups, WORKER_GRACE_MS))
		users_free(TAKE(d->users)); /* else its thread uses it until the process ends */
	d->readers = d->worker = d->lookups = d->keeper = NULL;
	detector_posture_free(TAKE(d->posture));
	detector_isolation_free(TAKE(d->isolation));
	detector_miner_free(TAKE(d->miner));
	detector_baseline_free(TAKE(d->baseline));
	detector_rules_free(TAKE(d->rules));
	detector_resources_free(TAKE(d->resources));
	detector_tables_free(TAKE(d->tables));
	alerts_free(TAKE(d->alerts));
	audit_free(TAKE(d->audit));
	flight_free(TAKE(d->flight));
	silence_store_free(TAKE(d->silences));
}

static void round_of(void *ctx)
{
	struct detector *d = ctx;
	const uint64_t now = mono_ns();

	detector_baseline_round(d->baseline);
	detector_isolation_round(d->isolation);
	if (now - d->tick_ns < TICK_NS)
		return; /* the sampling interval may be shorter than what this is for */
	d->tick_ns = now;
	silence_expire(d->silences, unix_ns());
	alerts_tick(d->alerts);
	audit_tick(d->audit);
	detector_rules_tick(d->rules);
	detector_resources_tick(d->resources);
	detector_tables_tick(d->tables);
	detector_isolation_tick(d->isolation);
	detector_miner_tick(d->miner);
	detector_baseline_tick(d->baseline);
	detector_posture_tick(d->posture);
	flight_tick(d->flight);
	alerts_watch_log(d->alerts, audit_log(d->audit), &d->audit_watch);
}

static int send_to_serve(void *ctx, enum wire_type type, struct span payload, int fd)
{
	struct detector *d = ctx;

	return d->services.send(d->services.agent, type, payload, fd);
}

static void feed_sinks(struct detector *d)
{
	const struct config *c = d->services.config;

	config_sinks_feed(&c->sinks, alert_severity_names[c->alerts_severity], send_to_serve, d);
}

static void serve_up(void *ctx)
{
	struct detector *d = ctx;

	for (uint32_t i = 0; i < d->sinks.n; i++)
		d->sinks.sinks[i].misplaced = 0; /* a new one counts from there */
	alerts_serve_up(d->alerts);
	audit_serve_up(d->audit);
	feed_sinks(d);
}

static void reload(void *ctx)
{
	struct detector *d = ctx;

	alerts_configure(d->alerts);
	audit_configure(d->audit);
	detector_rules_reload(d->rules, AGENT_NO_TICKET);
	detector_resources_reload(d->resources);
	detector_tables_reload(d->tables);
	detector_isolation_reload(d->isolation);
	detector_miner_reload(d->miner);
	detector_baseline_reload(d->baseline);
	detector_posture_reload(d->posture);
	feed_sinks(d);
}

/* What a sink kept of how far it came was of no use: alerts may come twice, or not at all. */
static void tell_misplaced(struct detector *d, const struct wire_sink_stats *now)
{
	for (uint32_t i = 0; i < now->n; i++) {
		const char *name = now->sinks[i].name;
		const struct alert_pair fact = { SPAN_LIT("sink"), span_str(name) };
		struct alert alert = {
			.severity = ALERT_WARNING,
			.kind = ALERT_INTERNAL,
			.title = SPAN_LIT("The place of a sink in the log of alerts was lost: "
					  "alerts may be delivered twice"),
			.rule = SPAN_LIT("sink-misplaced"),
			.key = span_str(name),
			.facts = &fact,
			.facts_n = 1,
			.recommend = SPAN_LIT("Look at the disk of the state directory, and at who "
					      "writes below serve/sinks in it."),
		};
		uint64_t before = 0;

		for (uint32_t k = 0; d->sinks_known && k < d->sinks.n; k++)
			if (strcmp(d->sinks.sinks[k].name, name) == 0)
				before = d->sinks.sinks[k].misplaced;
		if (now->sinks[i].misplaced > before)
			alerts_raise(d->alerts, &alert);
	}
}

static void serve_frame(void *ctx, enum wire_type type, struct span payload)
{
	struct detector *d = ctx;
	struct wire_sink_stats now;

	if (type != WIRE_SINK_STATS || wire_sink_stats_decode(payload, &now, NULL) < 0)
		return;
	tell_misplaced(d, &now);
	d->sinks = now;
	d->sinks_known = true;
}

static void state(void *ctx, struct alerts_state *out)
{
	struct detector *d = ctx;

	*out = (struct alerts_state){ .sinks = d->sinks_known ? &d->sinks : NULL };
	alerts_state(d->alerts, out);
	audit_state(d->audit, out);
	detector_rules_state(d->rules, out);
	detector_resources_state(d->resources, out);
	detector_tables_state(d->tables, out);
	detector_baseline_state(d->baseline, out);
	detector_isolation_state(d->isolation, out);
	detector_miner_state(d->miner, out);
	detector_posture_state(d->posture, out);
	flight_state(d->flight, out);
	alerts_state_table(out, "alert_queries", d->queries, ALERT_QUERY_MAX, d->queries_refused);
	for (unsigned i = 0; d->sinks_known && i < WIRE_SINK_TABLE_COUNT; i++) {
		const struct wire_sink_table *t = &d->sinks.tables[i];

		alerts_state_table(out, wire_sink_table_name(i), t->used, t->capacity, t->refused);
	}
}

int detector_new(struct detector **out, struct err *e)
{
	struct detector *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ENOMEM, "no memory for the detector");
	d->hooks = (struct agent_detector){
		.ctx = d,
		.start = start,
		.stop = stop,
		.event = detector_event,
		.life = detector_life,
		.oom = detector_oom,
		.trouble = detector_trouble,
		.audit = detector_audit,
		.round = round_of,
		.reload = reload,
		.serve_up = serve_up,
		.serve_frame = serve_frame,
		.get = detector_get,
		.command = detector_command,
		.document = detector_document,
		.state = state,
		.queries = &d->event_queries,
	};
	*out = d;
	return 0;
}

void detector_free(struct detector *d)
{
	if (d && !d->hangs)
		free(d);
}

const struct agent_detector *detector_hooks(const struct detector *d)
{
	return &d->hooks;
}
