// SPDX-License-Identifier: GPL-2.0-or-later
/* What is asked of the judge: alerts, the audit, silences, sinks; and what root changes.
 *
 *	GET      /api/v1/alerts, /api/v1/audit, /api/v1/silences, /api/v1/sinks, /api/v1/rules
 *	         /api/v1/flights, /api/v1/flights/ID (flight_api.c)
 *	         /api/v1/baselines... (detector_baseline_api.h)
 *	         /api/v1/isolation (detector_isolation.h)
 *	         /api/v1/mining (detector_miner.h)
 *	         /api/v1/tables (detector_tables.h)
 *	         /api/v1/posture, /api/v1/posture/CONTAINER (detector_posture.h)
 *	command  /api/v1/silences            for=1h&container=web&comment=...
 *	         /api/v1/silences/ID/remove
 *	         /api/v1/alerts/ID/acknowledge  comment=...
 *	         /api/v1/sinks/NAME/test     count=100 (more than one: as if from as many causes)
 *	         /api/v1/reload              the rule files
 *	         /api/v1/baselines/... (detector_baseline_api.h), some with a document
 */
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/json_put.h"
#include "detector/detector_internal.h"
#include "detector/query_text.h"

#define ANSWER_MAX (4u << 20)
#define TESTS_MAX  10000 /* test alerts of one command: some 200 ms of work */
#define BY	   "root at bulkhead.sock"

static void answer(struct detector *d, uint32_t ticket, uint16_t status, struct buf *body)
{
	d->services.answer(d->services.agent, ticket, status, body);
}

static void answer_error(struct detector *d, uint32_t ticket, uint16_t status, const char *text)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 8192);
	buf_add_char(&b, '{');
	json_put_object(&b, "error");
	json_put_u64(&b, "status", status);
	json_put_str(&b, "message", text);
	buf_add_str(&b, "}}");
	answer(d, ticket, status, &b);
}

static void answer_result(struct detector *d, uint32_t ticket, int r, const struct err *e)
{
	uint16_t status = r == -EINVAL ? 400 : r == -ENOENT ? 404 : r == -ENOSPC ? 409 : 503;

	answer_error(d, ticket, status, e->text);
}

/* --- questions ----------------------------------------------------------------------------- */

static void on_query(void *ctx, uint32_t ticket, uint16_t status, struct buf *body)
{
	struct detector *d = ctx;

	d->queries--;
	if (status == 200)
		answer(d, ticket, 200, body);
	else
		answer_error(d, ticket, status, "the log could not be read: no memory");
}

static void get_log(struct detector *d, const struct alert_log *log, const char *name,
		    struct span query, uint32_t ticket)
{
	struct alert_query_settings s = { .worker = d->readers,
					  .log = log,
					  .name = name,
					  .silences = d->silences,
					  .ticket = ticket,
					  .done = on_query,
					  .ctx = d };
	struct err e = { "" };
	int r = alert_filter_parse(&s.filter, query, unix_ns(), &e);

	if (r == 0 && d->queries >= ALERT_QUERY_MAX)
		r = err_set(&e, EBUSY, "too many questions wait");
	if (r == 0)
		r = alert_query_start(&s, &e);
	if (r == 0) {
		d->queries++;
		return;
	}
	d->queries_refused += r != -EINVAL;
	answer_result(d, ticket, r, &e);
}

static void get_silences(struct detector *d, struct span query, uint32_t ticket)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)query;
	buf_init(&b, ANSWER_MAX);
	silence_json(&b, d->silences);
	answer(d, ticket, 200, &b);
}

static void put_sink_stat(struct buf *b, const struct wire_sink_stat *s)
{
	static const char *const breakers[] = { "closed", "half-open", "open" };

	json_put_u64(b, "sent", s->sent);
	json_put_u64(b, "failed", s->failed);
	json_put_u64(b, "retried", s->retried);
	json_put_u64(b, "dead", s->dead);
	json_put_u64(b, "lag", s->lag);
	json_put_u64(b, "done_seq", s->done_seq);
	json_put_u64(b, "lost", s->lost);
	json_put_u64(b, "misplaced", s->misplaced);
	if (s->oldest_pending_unix_ns)
		json_put_time(b, "oldest_pending", s->oldest_pending_unix_ns);
	if (s->last_success_unix_ns)
		json_put_time(b, "last_success", s->last_success_unix_ns);
	json_put_str(b, "breaker", breakers[s->breaker]);
	if (s->error[0])
		json_put_str(b, "error", s->error);
}

static const struct wire_sink_stat *find_stat(const struct detector *d, const char *name)
{
	for (uint32_t i = 0; d->sinks_known && i < d->sinks.n; i++)
		if (strcmp(d->sinks.sinks[i].name, name) == 0)
			return &d->sinks.sinks[i];
	return NULL;
}

/* What it takes at least: its own, or the default of all (config_sinks_feed). */
static const char *sink_severity(const struct detector *d, const struct config_sink *s)
{
	const char *own = config_sink_get(s, "severity");

	return own ? own : wire_severity_name((unsigned)d->services.config->alerts_severity);
}

static void get_sinks(struct detector *d, struct span query, uint32_t ticket)
{
	const struct config_sinks *c = &d->services.config->sinks;
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)query;
	buf_init(&b, ANSWER_MAX);
	buf_add_char(&b, '{');
	json_put_array(&b, "sinks");
	for (uint32_t i = 0; i < c->n; i++) {
		const struct wire_sink_stat *s = find_stat(d, c->items[i].name);

		json_put_comma(&b);
		buf_add_char(&b, '{');
		json_put_str(&b, "name", c->items[i].name);
		json_put_str(&b, "type", wire_sink_type_name(c->items[i].type));
		json_put_str(&b, "severity", sink_severity(d, &c->items[i]));
		if (s)
			put_sink_stat(&b, s);
		buf_add_char(&b, '}');
	}
	buf_add_str(&b, "]}");
	answer(d, ticket, 200, &b);
}

static void get_rules(struct detector *d, struct span query, uint32_t ticket)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)query;
	buf_init(&b, ANSWER_MAX);
	detector_rules_json(&b, d->rules);
	if (b.failed)
		answer_error(d, ticket, 503, "no memory");
	else
		answer(d, ticket, 200, &b);
}

static void get_alerts(struct detector *d, struct span query, uint32_t ticket)
{
	get_log(d, alerts_log(d->alerts), "alerts", query, ticket);
}

static void get_audit(struct detector *d, struct span query, uint32_t ticket)
{
	get_log(d, audit_log(d->audit), "audit", query, ticket);
}

bool detector_get(void *ctx, struct span path, struct span query, uint32_t ticket)
{
	static const struct {
		const char *path;
		void (*get)(struct detector *d, struct span query, uint32_t ticket);
	} routes[] = { { "/api/v1/alerts", get_alerts },
		       { "/api/v1/audit", get_audit },
		       { "/api/v1/silences", get_silences },
		       { "/api/v1/sinks", get_sinks },
		       { "/api/v1/rules", get_rules } };
	struct detector *d = ctx;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!span_eq(path, routes[i].path))
			continue;
		if (ticket != AGENT_NO_TICKET)
			routes[i].get(d, query, ticket);
		return true;
	}
	return detector_flights(d, path, ticket) ||
	       detector_isolation_get(d->isolation, path, query, ticket) ||
	       detector_miner_get(d->miner, path, query, ticket) ||
	       detector_posture_get(d->posture, path, ticket) ||
	       detector_tables_get(d->tables, path, query, ticket) ||
	       detector_baseline_get(d->baseline, path, query, ticket);
}

/* --- changes ------------------------------------------------------------------------------- */

static bool parse_for(const char *text, uint64_t now, uint64_t *until)
{
	static const struct {
		char unit;
		uint64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct span s = span_str(text);
	uint64_t n, scale = 1;

	for (size_t i = 0; s.n > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (s.p[s.n - 1] != units[i].unit)
			continue;
		scale = units[i].s;
		s.n--;
		break;
	}
	if (!parse_u64(s, &n) || n == 0 || n > SILENCE_MAX_S)
		return false;
	n *= scale;
	*until = now + (n > SILENCE_MAX_S ? SILENCE_MAX_S + 1 : n) * NS_PER_S;
	return true;
}

static int take_pair(struct silence *s, const struct query_pair *p, uint64_t now, struct err *e)
{
	size_t cap = sizeof(s->comment);
	char *to = span_eq(p->key, "comment") ? s->comment : NULL;

	if (span_eq(p->key, "for"))
		return parse_for(p->value, now, &s->until_unix_ns)
			       ? 0
			       : err_set(e, EINVAL, "'for' takes a time such as 30m, 12h, 7d");
	if (span_eq(p->key, "until"))
		return parse_rfc3339_ns(span_str(p->value), &s->until_unix_ns)
			       ? 0
			       : err_set(e, EINVAL, "'until' takes a time as of RFC 3339");
	for (unsigned i = 0; i < SILENCE_FIELD_COUNT; i++) {
		if (!span_eq(p->key, silence_field_names[i]))
			continue;
		to = s->patterns[i];
		cap = sizeof(s->patterns[i]);
	}
	if (!to)
		return err_set(e, EINVAL,
			       "no field '%.*s'; known are for, until, comment, kind, rule, "
			       "container, image, severity, key",
			       (int)(p->key.n < 40 ? p->key.n : 40), p->key.p);
	if ((size_t)snprintf(to, cap, "%s", p->value) >= cap)
		return err_set(e, EINVAL, "'%.*s' is too long", (int)p->key.n, p->key.p);
	return 0;
}

static void audit_silence(struct detector *d, const char *rule, const char *title,
			  const struct silence *s)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct alert_pair facts[2] = { { SPAN_LIT("by"), SPAN_LIT(BY) } };

	buf_init(&b, 16384);
	silence_one_json(&b, s);
	facts[1] = (struct alert_pair){ SPAN_LIT("silence"), { b.data, b.failed ? 0 : b.len } };
	audit_change(d->audit, rule, title, facts, 2, false);
}

static void add_silence(struct detector *d, struct span what, struct span query, uint32_t ticket)
{
	AUTO_FREE struct silence *s = calloc(1, sizeof(*s));
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };
	struct query_pair p;
	const uint64_t now = unix_ns();
	int r = s ? 1 : err_set(&e, ENOMEM, "no memory");

	(void)what;
	while (r > 0 && (r = query_next(&query, &p, &e)) > 0)
		if (take_pair(s, &p, now, &e) < 0)
			r = -EINVAL;
	if (r == 0 && !s->until_unix_ns)
		r = err_set(&e, EINVAL, "a silence needs an end: 'for' or 'until'");
	if (r == 0) {
		snprintf(s->by, sizeof(s->by), "%s", BY);
		r = silence_add(d->silences, s, &e);
	}
	if (r < 0) {
		answer_result(d, ticket, r, &e);
		return;
	}
	audit_silence(d, "silence.add", "alerts are silenced", s);
	buf_init(&b, 16384);
	silence_one_json(&b, s);
	answer(d, ticket, 200, &b);
}

static void answer_empty(struct detector *d, uint32_t ticket)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 16);
	buf_add_str(&b, "{}");
	answer(d, ticket, 200, &b);
}

static void audit_id(struct detector *d, const char *rule, const char *title, struct span id,
		     const char *comment)
{
	const struct alert_pair facts[] = { { SPAN_LIT("by"), SPAN_LIT(BY) },
					    { SPAN_LIT("id"), id },
					    { SPAN_LIT("comment"), span_str(comment) } };

	audit_change(d->audit, rule, title, facts, comment && *comment ? 3 : 2, false);
}

static void remove_silence(struct detector *d, struct span id, struct span query, uint32_t ticket)
{
	struct err e = { "" };
	int r = silence_remove(d->silences, id, &e);

	(void)query;
	if (r < 0) {
		answer_result(d, ticket, r, &e);
		return;
	}
	audit_id(d, "silence.remove", "a silence was removed", id, NULL);
	answer_empty(d, ticket);
}

static void acknowledge(struct detector *d, struct span id, struct span query, uint32_t ticket)
{
	struct acknowledgement a = { .by = BY, .unix_ns = unix_ns() };
	struct query_pair p = { .value = "" };
	struct err e = { "" };
	int r = ulid_is_valid(id) ? 0 : err_set(&e, EINVAL, "that is no id of an alert");

	while (r == 0 && (r = query_next(&query, &p, &e)) > 0)
		r = span_eq(p.key, "comment") && (size_t)snprintf(a.comment, sizeof(a.comment),
								  "%s", p.value) < sizeof(a.comment)
			    ? 0
			    : err_set(&e, EINVAL, "known is comment, of at most 256 bytes");
	if (r == 0) {
		snprintf(a.id, sizeof(a.id), "%.*s", (int)id.n, id.p);
		r = silence_acknowledge(d->silences, &a, &e);
	}
	if (r < 0) {
		answer_result(d, ticket, r, &e);
		return;
	}
	audit_id(d, "alert.acknowledge", "an alert was acknowledged", id, a.comment);
	answer_empty(d, ticket);
}

/* One marked alert; or many with a key each, which are folded and limited as others are. */
static void raise_tests(struct detector *d, struct span name, uint32_t count)
{
	char key[32];
	struct alert alert = { .severity = ALERT_NOTICE,
			       .kind = ALERT_TEST,
			       .title = SPAN_LIT("A test of bulkhead: nothing happened"),
			       .rule = SPAN_LIT("test"),
			       .sink = name };

	for (uint32_t i = 0; i < count; i++) {
		/* the log's number: no two tests ever have the same */
		snprintf(key, sizeof(key), "test-%llu",
			 (unsigned long long)alert_log_next_seq(alerts_log(d->alerts)));
		if (count > 1)
			alert.key = span_str(key);
		alerts_raise(d->alerts, &alert);
	}
}

static int test_count(struct span query, uint32_t *out, struct err *e)
{
	struct query_pair p = { .value = "" };
	int r;

	*out = 1;
	while ((r = query_next(&query, &p, e)) > 0)
		if (!span_eq(p.key, "count") || !parse_u32(span_str(p.value), out) || *out < 1 ||
		    *out > TESTS_MAX)
			return err_set(e, EINVAL, "known is count, from 1 to %d", TESTS_MAX);
	return r;
}

static void test_sink(struct detector *d, struct span name, struct span query, uint32_t ticket)
{
	const struct config_sinks *c = &d->services.config->sinks;
	uint32_t i = 0, count;
	struct err e = { "" };
	int r = test_count(query, &count, &e);

	while (i < c->n && !span_eq(name, c->items[i].name))
		i++;
	if (r == 0 && i == c->n)
		r = err_set(&e, ENOENT, "there is no sink '%.*s' in the configuration",
			    (int)(name.n < 64 ? name.n : 64), name.p);
	if (r < 0) {
		answer_result(d, ticket, r, &e);
		return;
	}
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 256);
	buf_add_char(&b, '{');
	json_put_u64(&b, "first_seq", alert_log_next_seq(alerts_log(d->alerts)));
	json_put_time(&b, "time", unix_ns());
	buf_add_char(&b, '}');
	raise_tests(d, name, count);
	answer(d, ticket, 200, &b);
}

/* What stands between the two in the path: something, unless the path ends with the first. */
static bool between(struct span path, const char *before, const char *behind, struct span *out)
{
	size_t a = strlen(before), b = strlen(behind);

	if ((b == 0 ? path.n != a : path.n <= a + b) || !span_starts(path, before) ||
	    !span_ends(path, behind))
		return false;
	*out = (struct span){ path.p + a, path.n - a - b };
	return true;
}

static void reload_rules(struct detector *d, struct span what, struct span query, uint32_t ticket)
{
	(void)what;
	(void)query;
	detector_rules_reload(d->rules, ticket);
}

bool detector_command(void *ctx, struct span path, struct span query, uint32_t ticket)
{
	static const struct {
		const char *before, *behind;
		void (*run)(struct detector *d, struct span what, struct span query,
			    uint32_t ticket);
	} routes[] = { { "/api/v1/silences", "", add_silence },
		       { "/api/v1/silences/", "/remove", remove_silence },
		       { "/api/v1/alerts/", "/acknowledge", acknowledge },
		       { "/api/v1/sinks/", "/test", test_sink },
		       { "/api/v1/reload", "", reload_rules } };
	struct detector *d = ctx;
	struct span what;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!between(path, routes[i].before, routes[i].behind, &what))
			continue;
		if (ticket != AGENT_NO_TICKET)
			routes[i].run(d, what, query, ticket);
		return true;
	}
	return detector_baseline_command(d->baseline, path, query, ticket);
}

bool detector_document(void *ctx, struct span path, struct span query, struct span body,
		       uint32_t ticket)
{
	struct detector *d = ctx;

	return detector_baseline_document(d->baseline, path, query, body, ticket);
}
