// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/audit.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "collector/base/clock.h"

/* Records a second; a burst of a second's worth is taken whole. */
#define RATE	       500
#define RATE_CONTAINER 50

struct audit {
	const struct agent_services *services;
	struct alert_log *log;
	struct alerts_feed feed;
	struct ulid_source ids;
	struct rate rate;
	struct buf body, line;
	char host[65];
};

/* --- writing -----------------------------------------------------------------------------------
 */

static void write_record(struct audit *a, struct alert *record, bool limited)
{
	static const struct rate_limits limits = { RATE, RATE_CONTAINER };
	struct alert_head h = { .state = ALERT_NEW, .count = 1 };
	struct alert_tail t = { .held_back = 0 };
	struct span id = record->container ? record->container->id : SPAN_LIT("host");

	if (!a->services->config->alerts_audit)
		return;
	if (limited && !rate_take(&a->rate, &limits, id, mono_ns(), &t.held_back))
		return;
	record->kind = ALERT_AUDIT;
	record->host = span_str(a->host);
	record->unix_minus_boot_ns = a->services->unix_minus_boot_ns(a->services->agent);
	buf_clear(&a->body);
	buf_clear(&a->line);
	if (alert_body(&a->body, record, &t.cut) < 0)
		return;
	h.seq = alert_log_next_seq(a->log);
	h.time_ns = h.first_ns = h.last_ns = unix_ns();
	ulid_make(&a->ids, h.time_ns, h.id);
	alert_line(&a->line, &h, (struct span){ a->body.data, a->body.len }, &t);
	if (!a->line.failed)
		alert_log_append(a->log, (struct span){ a->line.data, a->line.len });
}

static void describe(const struct audit *a, const struct container *c, struct alert_container *out)
{
	const struct config_list *labels = &a->services->config->labels_allow;

	alert_container_of(c, (const char(*)[CONFIG_TEXT_BYTES])labels->items, labels->n, out);
}

/* --- commands ----------------------------------------------------------------------------------
 */

/* Made inside by somebody outside, not only a descendant of such a one. */
static bool is_entry(const struct event_view *v, const struct process *p)
{
	return p->injected && (v->head->flags & EVENT_OUTSIDE);
}

/* What people type is noted by rules tagged "audit". */
static const char *rule_of(const struct event_view *v, const struct process *p)
{
	if (!v->head->container_cgroup)
		return NULL;
	if (is_entry(v, p))
		return "container.exec";
	return p->first ? "container.first_process" : NULL;
}

static void add_command(struct buf *b, const struct event_view *v)
{
	struct span args = v->strings[TAG_ARGS], arg;

	if (args.n > 0 && args.p[args.n - 1] == '\0')
		args.n--;
	if (args.n == 0)
		buf_add_span(b, v->strings[TAG_PATH]);
	for (bool first = true; args.n > 0 && b->len < 512 && span_next(&args, '\0', &arg);
	     first = false) {
		buf_add_str(b, first ? "" : " ");
		buf_add_span(b, arg);
	}
}

void audit_event(struct audit *a, const struct event_view *v, const struct event_context *c,
		 const struct container *of)
{
	const struct process *p = c->process;
	struct alert_container text;
	struct alert record = { .severity = ALERT_INFO, .process = p };
	AUTO_BUF struct buf title = { .fd = -1 };
	const char *rule;

	if (v->head->type != EVENT_EXEC || v->head->result < 0 || !p ||
	    !a->services->config->alerts_audit)
		return;
	rule = rule_of(v, p);
	if (!rule)
		return;
	if (strcmp(rule, "container.exec") == 0)
		record.severity = ALERT_NOTICE;
	buf_init(&title, 8192);
	buf_add_str(&title, strcmp(rule, "container.exec") == 0 ? "entered a container: "
								: "first process of a "
								  "container: ");
	add_command(&title, v);
	record.rule = span_str(rule);
	record.title = (struct span){ title.data, title.failed ? 0 : title.len };
	if (of) {
		describe(a, of, &text);
		record.container = &text;
	}
	write_record(a, &record, true);
}

/* --- containers --------------------------------------------------------------------------------
 */

static const struct {
	const char *rule, *title;
} lives[] = {
	[LIFE_CREATED] = { "container.create", "container created" },
	[LIFE_STARTED] = { "container.start", "container started" },
	[LIFE_PAUSED] = { "container.pause", "container paused" },
	[LIFE_RESUMED] = { "container.unpause", "container goes on" },
	[LIFE_OOM] = { "container.oom", "a process of a container was killed: out of memory" },
	[LIFE_STOPPED] = { "container.stop", "container stopped" },
	[LIFE_DESTROYED] = { "container.destroy", "container removed" },
};

void audit_life(struct audit *a, const struct container *c, enum agent_life what)
{
	char code[24];
	struct alert_pair facts[4];
	struct alert_container text;
	struct alert record = { .severity = what == LIFE_OOM ? ALERT_WARNING : ALERT_INFO,
				.title = span_str(lives[what].title),
				.rule = span_str(lives[what].rule),
				.facts = facts };

	describe(a, c, &text);
	record.container = &text;
	facts[record.facts_n++] =
		(struct alert_pair){ SPAN_LIT("cgroup"), span_str(c->cgroup_path) };
	if (what == LIFE_STOPPED && c->has_exit_code) {
		snprintf(code, sizeof(code), "%d", c->exit_code);
		facts[record.facts_n++] =
			(struct alert_pair){ SPAN_LIT("exit_code"), span_str(code) };
	}
	if (what == LIFE_STARTED && c->meta && c->meta->command)
		facts[record.facts_n++] =
			(struct alert_pair){ SPAN_LIT("command"), span_str(c->meta->command) };
	if (what == LIFE_STARTED && c->meta && c->meta->details_known)
		facts[record.facts_n++] =
			(struct alert_pair){ SPAN_LIT("privileged"),
					     span_str(c->meta->privileged ? "true" : "false") };
	write_record(a, &record, false);
}

void audit_rule(struct audit *a, struct alert *record)
{
	write_record(a, record, true);
}

void audit_change(struct audit *a, const char *rule, const char *title,
		  const struct alert_pair *facts, size_t facts_n, bool failed)
{
	struct alert record = { .severity = failed ? ALERT_WARNING : ALERT_NOTICE,
				.title = span_str(title),
				.rule = span_str(rule),
				.facts = facts,
				.facts_n = facts_n };

	write_record(a, &record, false);
}

void audit_response(struct audit *a, const char *title, const struct response_event *ev)
{
	const struct alert_pair facts[] = {
		{ SPAN_LIT("action"), span_str(response_action_names[ev->action]) },
		{ SPAN_LIT("container"), ev->container_id },
		{ SPAN_LIT("image"), ev->image },
		{ SPAN_LIT("cgroup"), ev->path },
		{ SPAN_LIT("before"), ev->before },
		{ SPAN_LIT("set"), ev->set },
		{ SPAN_LIT("reason"), span_str(response_reason_names[ev->reason]) },
		{ SPAN_LIT("text"), ev->text },
	};
	char rule[64];

	snprintf(rule, sizeof(rule), "response.%s", response_event_names[ev->kind]);
	audit_change(a, rule, title, facts, sizeof(facts) / sizeof(facts[0]),
		     ev->kind == RESPONSE_FAILED || ev->kind == RESPONSE_DAMAGED);
}

/* --- assembly ----------------------------------------------------------------------------------
 */

static struct alert_log_limits limits_of(const struct config *c)
{
	return (struct alert_log_limits){ c->alerts_segment_bytes, c->audit_log_bytes,
					  24 * 3600 * NS_PER_S };
}

int audit_new(struct audit **out, const struct agent_services *services, struct worker *worker,
	      const char *host, struct err *e)
{
	AUTO(audit_free) struct audit *a = calloc(1, sizeof(*a));
	struct alert_log_settings log = { .worker = worker,
					  .state_fd = services->state_fd,
					  .name = "audit",
					  .limits = limits_of(services->config) };

	if (!a)
		return err_set(e, ENOMEM, "no memory for the audit");
	a->services = services;
	snprintf(a->host, sizeof(a->host), "%s", host);
	buf_init(&a->body, 4 * ALERT_LINE_MAX * 8);
	buf_init(&a->line, 2 * ALERT_LINE_MAX);
	if (getrandom(&a->rate.seed, sizeof(a->rate.seed), GRND_NONBLOCK) < 0)
		a->rate.seed = (uint64_t)(uintptr_t)a;
	a->feed = (struct alerts_feed){ services, WIRE_LOG_AUDIT, NULL };
	alerts_feed_settings(&a->feed, &log);
	int r = alert_log_new(&a->log, &log, e);

	if (r < 0)
		return r;
	a->feed.source = a->log;
	*out = TAKE(a);
	return 0;
}

void audit_worker_ended(struct audit *a)
{
	if (a)
		alert_log_worker_ended(a->log);
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	a->feed.source = NULL;
	alert_log_free(a->log);
	buf_release(&a->body);
	buf_release(&a->line);
	free(a);
}

void audit_tick(struct audit *a)
{
	alert_log_tick(a->log);
}

void audit_configure(struct audit *a)
{
	const struct alert_log_limits limits = limits_of(a->services->config);

	alert_log_set_limits(a->log, &limits);
}

void audit_serve_up(struct audit *a)
{
	alerts_feed_all(&a->feed);
}

struct alert_log *audit_log(struct audit *a)
{
	return a->log;
}

void audit_state(const struct audit *a, struct alerts_state *out)
{
	alerts_log_state(a->log, "audit", a->services->config->audit_log_bytes,
			 &out->logs[out->logs_n++]);
	alerts_state_table(out, "audit_rate", 0, 0, a->rate.held_back);
}
