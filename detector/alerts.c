// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/alerts.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/alert_firing.h"
#include "detector/alert_rules.h"

#define FOLDS_A_TICK 2048
#define INHERITED_NS (60 * NS_PER_S) /* till what is so has been told again */
#define LOG_RULE     "log-not-writable"
#define TAMPER_RULE  "log-tampered"
#define MISSING_RULE "log-lines-missing"
#define RATE_RULE    "delivery-limited"

struct alerts {
	const struct agent_services *services;
	struct silence_store *silences;
	struct flight *flight;
	struct fold *fold;
	struct rate rate;
	struct alert_log *log;
	struct alerts_feed feed;
	struct ulid_source ids;
	struct buf body, line;
	char host[65];
	uint64_t raised[ALERT_SEVERITY_COUNT][ALERT_KIND_COUNT];
	struct alert_rules rules;
	uint64_t silenced, heartbeat_ns;
	struct alerts_watch watch;
	bool firing_changed;
	uint64_t inherited_until_ns; /* 0: none is */
};
_Static_assert((int)ALERT_SEVERITY_COUNT == ALERTS_SEVERITIES &&
		       (int)ALERT_KIND_COUNT <= ALERTS_MAX_KINDS,
	       "the collector shows them by number");

/* --- one line ----------------------------------------------------------------------------------
 */

static void write_line(struct alerts *a, struct alert_head *h, struct span body,
		       const struct alert_tail *t)
{
	h->seq = alert_log_next_seq(a->log);
	h->time_ns = unix_ns();
	if (h->last_ns < h->first_ns)
		h->last_ns = h->first_ns;
	buf_clear(&a->line);
	alert_line(&a->line, h, body, t);
	if (a->line.failed)
		log_error("no memory for an alert", NULL);
	else
		alert_log_append(a->log, (struct span){ a->line.data, a->line.len });
}

static struct silence_subject subject_of(const struct alert *alert)
{
	const struct alert_container *c = alert->container;
	struct silence_subject s = {
		.fields = { [SILENCE_KIND] = span_str(alert_kind_names[alert->kind]),
			    [SILENCE_RULE] = alert->rule,
			    [SILENCE_SEVERITY] = span_str(alert_severity_names[alert->severity]),
			    [SILENCE_KEY] = alert->key },
	};

	if (c) {
		s.fields[SILENCE_CONTAINER] = c->name;
		s.fields[SILENCE_IMAGE] = c->image;
		s.container_id = c->id;
	}
	return s;
}

static struct silence_subject subject_of_entry(const struct fold_entry *e)
{
	return (struct silence_subject){
		.fields = { [SILENCE_KIND] = span_str(alert_kind_names[e->kind]),
			    [SILENCE_RULE] = e->rule,
			    [SILENCE_CONTAINER] = e->container,
			    [SILENCE_IMAGE] = e->image,
			    [SILENCE_SEVERITY] = span_str(alert_severity_names[e->severity]),
			    [SILENCE_KEY] = e->key },
		.container_id = e->container_id,
	};
}

static struct fold_key key_of(const struct alert *alert)
{
	const struct alert_container *c = alert->container;
	struct fold_key k = { .kind = alert->kind, .rule = alert->rule, .key = alert->key };

	if (c)
		k.where = alert->by_image && c->image.n ? c->image : c->id;
	return k;
}

/* What a person asked for, once; many at a time, told apart by their keys, are like any others. */
static bool is_single_test(const struct alert *alert)
{
	return alert->kind == ALERT_TEST && alert->key.n == 0;
}

/* bulkhead's own are few, and what they say is what went wrong with the others. */
static bool is_limited(const struct alert *alert)
{
	return alert->kind != ALERT_INTERNAL && alert->kind != ALERT_HEARTBEAT &&
	       !is_single_test(alert);
}

static void decide_delivery(struct alerts *a, const struct alert *alert, struct alert_tail *t)
{
	const struct config *c = a->services->config;
	const struct rate_limits limits = { c->alerts_rate, c->alerts_rate_container };
	struct silence_subject subject = subject_of(alert);
	const struct silence *s =
		alert->kind == ALERT_TEST ? NULL : silence_match(a->silences, &subject, unix_ns());
	struct span id = { NULL, 0 };

	if (s) {
		t->silenced = s->id;
		a->silenced++;
		return;
	}
	if (alert->kept) {
		t->no_delivery = true;
		return;
	}
	if (!is_limited(alert))
		return;
	if (alert->container)
		id = alert->container->id;
	t->no_delivery = !rate_take(&a->rate, &limits, id, mono_ns(), &t->held_back);
}

static void remember(struct alerts *a, const struct alert *alert, const struct alert_head *h,
		     const struct alert_tail *t)
{
	const struct alert_container *c = alert->container;
	struct fold_new_entry n = {
		.key = key_of(alert),
		.severity = alert->severity,
		.has_end = alert->has_end,
		.body_cut = t->cut,
		.id = h->id,
		.body = { a->body.data, a->body.len },
		.now_ns = mono_ns(),
		.now_unix_ns = h->first_ns,
		.window_ns = a->services->config->alerts_window_ms * NS_PER_MS,
	};

	if (c) {
		n.container_id = c->id;
		n.container = c->name;
		n.image = c->image;
	}
	struct fold_entry *e = fold_add(a->fold, &n);

	if (!e)
		return;
	e->delivered = !t->silenced && !t->no_delivery;
	a->firing_changed = a->firing_changed || e->has_end;
}

void alerts_raise(struct alerts *a, struct alert *alert)
{
	const bool folds = alert->kind != ALERT_HEARTBEAT && !is_single_test(alert);
	const struct fold_key key = key_of(alert);
	struct fold_entry *e = folds ? fold_find(a->fold, &key) : NULL;
	const uint64_t now = unix_ns();
	struct alert_tail tail = { .cut = false };

	if (e) {
		fold_repeat(a->fold, e, now);
		return;
	}
	struct alert_head head = { .state = alert->has_end ? ALERT_FIRING : ALERT_NEW,
				   .first_ns = now,
				   .last_ns = now,
				   .count = 1 };

	ulid_make(&a->ids, now, head.id); /* without random bytes it still grows */
	alert->host = span_str(a->host);
	if (a->flight)
		alert->recording = flight_of_alert(a->flight, alert, head.id);
	buf_clear(&a->body);
	if (alert_body(&a->body, alert, &tail.cut) < 0) {
		log_error("no memory for an alert", NULL);
		return;
	}
	decide_delivery(a, alert, &tail);
	a->raised[alert->severity][alert->kind]++;
	alert_rules_count(&a->rules, alert->rule);
	/* Before it is remembered: to make room another may have to be told, which takes a number.
	 */
	write_line(a, &head, (struct span){ a->body.data, a->body.len }, &tail);
	if (folds)
		remember(a, alert, &head, &tail);
}

static void write_entry(struct alerts *a, const struct fold_entry *e, enum alert_state state)
{
	struct silence_subject subject = subject_of_entry(e);
	const struct silence *s = silence_match(a->silences, &subject, unix_ns());
	struct alert_tail t = { .cut = e->body_cut };
	struct alert_head h = {
		.state = state, .first_ns = e->first_ns, .last_ns = e->last_ns, .count = e->count
	};

	memcpy(h.id, e->id, sizeof(h.id));
	/* Who was told that it began is told that it ended. */
	if (state == ALERT_UPDATE || !e->delivered)
		t.no_delivery = true;
	if (s && !e->delivered)
		t.silenced = s->id;
	write_line(a, &h, e->body, &t);
}

static void on_update(void *ctx, struct fold_entry *e)
{
	write_entry(ctx, e, ALERT_UPDATE);
}

bool alerts_resolve(struct alerts *a, const struct alert *alert)
{
	const struct fold_key key = key_of(alert);
	struct fold_entry *e = fold_find(a->fold, &key);

	if (!e || !e->has_end)
		return false;
	write_entry(a, e, ALERT_RESOLVED);
	fold_remove(a->fold, e);
	a->firing_changed = true;
	return true;
}

bool alerts_fires(const struct alerts *a, const struct alert *alert)
{
	const struct fold_key key = key_of(alert);
	const struct fold_entry *e = fold_find(a->fold, &key);

	return e && e->has_end;
}

/* --- over a restart: what fired when the last run ended fires until it is known better -----------
 */

static void resolve_inherited(void *ctx, struct fold_entry *e)
{
	struct alerts *a = ctx;

	if (!e->inherited)
		return;
	write_entry(a, e, ALERT_RESOLVED);
	fold_remove(a->fold, e);
	a->firing_changed = true;
}

static void keep_firing(struct alerts *a)
{
	if (a->inherited_until_ns && mono_ns() > a->inherited_until_ns) {
		a->inherited_until_ns = 0;
		fold_each_firing(a->fold, resolve_inherited, a);
	}
	if (a->firing_changed)
		a->firing_changed = alert_firing_save(a->fold, a->services->state_fd) < 0;
}

/* --- alerts of the alerts ----------------------------------------------------------------------
 */

static void raise_internal(struct alerts *a, enum alert_severity severity, const char *rule,
			   const char *title, const char *fact, const char *value)
{
	const struct alert_pair facts[] = { { span_str(fact), span_str(value) } };
	struct alert alert = { .severity = severity,
			       .kind = ALERT_INTERNAL,
			       .title = span_str(title),
			       .rule = span_str(rule),
			       .facts = facts,
			       .facts_n = 1 };

	alerts_raise(a, &alert);
}

void alerts_watch_log(struct alerts *a, const struct alert_log *log, struct alerts_watch *w)
{
	const struct alert_log_stats s = alert_log_stats(log);
	const struct alert_pair why = { SPAN_LIT("error"), span_str(s.error) };
	const bool trouble = s.failing || s.sync_failing;
	struct alert alert = { .severity = ALERT_CRITICAL,
			       .kind = ALERT_INTERNAL,
			       .has_end = true,
			       .title = span_str(w->trouble),
			       .rule = SPAN_LIT(LOG_RULE),
			       .key = span_str(w->name),
			       .recommend = SPAN_LIT("Look at the file system of the state "
						     "directory: is it full, read-only, broken?"),
			       .facts = &why,
			       .facts_n = 1 };

	a->services->degraded(a->services->agent, w->trouble, trouble);
	if (trouble && !w->on) {
		log_error(w->trouble, "error", s.error, NULL);
		alerts_raise(a, &alert);
	} else if (!trouble && w->on) {
		log_info("a log can be written again", "log", w->name, NULL);
		alerts_resolve(a, &alert);
	}
	w->on = trouble;
	if (s.missing > w->missing) {
		char title[128];

		snprintf(title, sizeof(title),
			 "%llu lines of a log of bulkhead are gone: it was removed or cut, or the "
			 "disk lost them",
			 (unsigned long long)(s.missing - w->missing));
		w->missing = s.missing;
		raise_internal(a, ALERT_ALERT, MISSING_RULE, title, "log", w->name);
	}
	if (s.tampered > w->tampered) {
		w->tampered = s.tampered;
		raise_internal(a, ALERT_ALERT, TAMPER_RULE,
			       "A log of bulkhead was removed, cut or changed by somebody else",
			       "log", w->name);
	}
}

static void look_at_rate(struct alerts *a)
{
	const struct config *c = a->services->config;
	const struct rate_limits limits = { c->alerts_rate, c->alerts_rate_container };
	uint64_t n = rate_untold(&a->rate, &limits, mono_ns());
	char text[24], title[96];

	if (n == 0)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	snprintf(title, sizeof(title), "%s alerts were kept and not delivered: they came too fast",
		 text);
	raise_internal(a, ALERT_WARNING, RATE_RULE, title, "held_back", text);
}

static void heartbeat(struct alerts *a)
{
	const uint64_t every = a->services->config->alerts_heartbeat_s * NS_PER_S;
	const uint64_t now = mono_ns();
	struct alert alert = { .severity = ALERT_INFO,
			       .kind = ALERT_HEARTBEAT,
			       .title = SPAN_LIT("bulkhead is alive"),
			       .rule = SPAN_LIT("heartbeat") };

	/* ticks come a little early and a little late */
	if (every == 0 || (a->heartbeat_ns && now - a->heartbeat_ns + NS_PER_S / 2 < every))
		return;
	a->heartbeat_ns = now;
	alerts_raise(a, &alert);
}

void alerts_tick(struct alerts *a)
{
	fold_tick(a->fold, mono_ns(), a->services->config->alerts_window_ms * NS_PER_MS,
		  FOLDS_A_TICK);
	alert_log_tick(a->log);
	alerts_watch_log(a, a->log, &a->watch);
	look_at_rate(a);
	heartbeat(a);
	keep_firing(a);
}

/* --- assembly ----------------------------------------------------------------------------------
 */

static struct alert_log_limits limits_of(const struct config *c)
{
	return (struct alert_log_limits){ c->alerts_segment_bytes, c->alerts_log_bytes,
					  24 * 3600 * NS_PER_S };
}

void alerts_configure(struct alerts *a)
{
	const struct alert_log_limits limits = limits_of(a->services->config);

	alert_log_set_limits(a->log, &limits);
}

int alerts_new(struct alerts **out, const struct alerts_settings *s, struct err *e)
{
	AUTO(alerts_free) struct alerts *a = calloc(1, sizeof(*a));
	struct alert_log_settings log = { .worker = s->worker,
					  .state_fd = s->services->state_fd,
					  .name = "alerts",
					  .limits = limits_of(s->services->config) };
	struct utsname u;

	if (!a)
		return err_set(e, ENOMEM, "no memory for alerts");
	a->services = s->services;
	a->silences = s->silences;
	a->flight = s->flight;
	a->watch =
		(struct alerts_watch){ .name = "alerts",
				       .trouble = "the log of alerts cannot be written: they are "
						  "sent without being kept" };
	buf_init(&a->body, 4 * ALERT_LINE_MAX * 8);
	buf_init(&a->line, 2 * ALERT_LINE_MAX);
	if (uname(&u) == 0)
		snprintf(a->host, sizeof(a->host), "%.64s", u.nodename);
	if (getrandom(&a->rate.seed, sizeof(a->rate.seed), GRND_NONBLOCK) < 0)
		a->rate.seed = (uint64_t)(uintptr_t)a;
	a->feed = (struct alerts_feed){ s->services, WIRE_LOG_ALERTS, NULL };
	alerts_feed_settings(&a->feed, &log);
	int r = fold_new(&a->fold, FOLD_MAX_ENTRIES, FOLD_MAX_BYTES, on_update, a, e);

	if (r == 0)
		r = alert_log_new(&a->log, &log, e);
	if (r < 0)
		return r;
	a->feed.source = a->log;
	if (alert_firing_load(a->fold, s->services->state_fd) > 0)
		a->inherited_until_ns = mono_ns() + INHERITED_NS;
	*out = TAKE(a);
	return 0;
}

void alerts_worker_ended(struct alerts *a)
{
	if (a)
		alert_log_worker_ended(a->log);
}

void alerts_free(struct alerts *a)
{
	if (!a)
		return;
	if (a->log && a->fold) {
		fold_close_all(a->fold);
		alert_firing_save(a->fold, a->services->state_fd);
	}
	a->feed.source = NULL;
	alert_log_free(a->log);
	fold_free(a->fold);
	buf_release(&a->body);
	buf_release(&a->line);
	free(a);
}

void alerts_serve_up(struct alerts *a)
{
	alerts_feed_all(&a->feed);
}

const char *alerts_host(const struct alerts *a)
{
	return a->host;
}

struct alert_log *alerts_log(struct alerts *a)
{
	return a->log;
}

void alerts_state(const struct alerts *a, struct alerts_state *out)
{
	struct fold_stats f = fold_stats(a->fold);

	out->severities = alert_severity_names;
	out->kinds = alert_kind_names;
	for (unsigned s = 0; s < ALERT_SEVERITY_COUNT; s++)
		for (unsigned k = 0; k < ALERT_KIND_COUNT; k++)
			out->raised[s][k] = a->raised[s][k];
	out->folded = f.folded;
	out->firing = f.firing;
	out->held_back = a->rate.held_back;
	out->silenced = a->silenced;
	out->rules = a->rules.list;
	out->rules_n = a->rules.n;
	out->other_rules = a->rules.other;
	alerts_log_state(a->log, "alerts", a->services->config->alerts_log_bytes,
			 &out->logs[out->logs_n++]);
	alerts_state_table(out, "alerts_open", f.used, f.capacity, f.refused + f.cut_short);
	alerts_state_table(out, "silences", silence_count(a->silences), SILENCE_MAX,
			   silence_refused(a->silences));
	alerts_state_table(out, "alert_rules", a->rules.n, ALERT_RULES_MAX, a->rules.other);
}
