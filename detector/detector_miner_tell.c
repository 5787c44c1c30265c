// SPDX-License-Identifier: GPL-2.0-or-later
/* Alerts of verdicts, and the evidence as JSON. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/json_put.h"
#include "detector/baseline_key.h"
#include "detector/detector_miner_internal.h"

#define FACTS	   (ALERT_MAX_FACTS - 6)
#define FACT_BYTES 512
#define ANSWER_MAX (4u << 20)
#define API_PATH   "/api/v1/mining"

/* --- which --------------------------------------------------------------------------------- */

static int by_weight(const void *a, const void *b)
{
	const struct miner_piece *x = *(const struct miner_piece *const *)a;
	const struct miner_piece *y = *(const struct miner_piece *const *)b;

	if (x->hit.weight != y->hit.weight)
		return x->hit.weight > y->hit.weight ? -1 : 1;
	return (x->first_boot_ns > y->first_boot_ns) - (x->first_boot_ns < y->first_boot_ns);
}

static size_t sorted(const struct suspect *s, const struct miner_piece *out[MINER_PIECES])
{
	for (uint32_t i = 0; i < s->case_.n; i++)
		out[i] = &s->case_.pieces[i];
	qsort(out, s->case_.n, sizeof(*out), by_weight);
	return s->case_.n;
}

const struct miner_piece *suspect_heaviest(const struct suspect *s)
{
	const struct miner_piece *list[MINER_PIECES];

	return sorted(s, list) ? list[0] : NULL;
}

/* rules.exceptions, but for those with a condition: that is asked of one event. */
bool suspect_is_excepted(const struct suspect *s, enum miner_level level)
{
	const struct config_exceptions *list = &s->owner->services.config->rules_exceptions;
	const struct metadata *m = s->c->meta;
	char repository[BASELINE_NAME_BYTES] = "";

	if (m)
		baseline_repository(span_str(m->image), span_str(m->image_id), repository);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct config_exception *x = &list->items[i];

		if (x->condition[0] || fnmatch(x->rule, miner_level_names[level], 0) != 0)
			continue;
		if (x->image[0] && fnmatch(x->image, repository, 0) != 0)
			continue;
		if (x->container[0] && fnmatch(x->container, container_name(s->c), 0) != 0)
			continue;
		return true;
	}
	return false;
}

/* --- the alert ----------------------------------------------------------------------------- */

static const struct {
	const char *does, *recommend; /* "Container NAME ..." */
	bool with_evidence;
} texts[MINER_LEVELS] = {
	[MINER_ANOMALY] = { "uses the processor as a miner does",
			    "Look at what it computes. It is told no more once the image's "
			    "baseline is learned; an exception of rule cpu-anomaly ends it now.",
			    false },
	[MINER_IS_LIKELY] = { "is likely to mine: it ",
			      "Look at the program and its peer. If it is work of your own, add an "
			      "exception of rule likely-miner; else stop the container, and find "
			      "out how the program came into it.",
			      true },
	[MINER_IS] = { "mines: it ",
		       "Stop the container, keep its files and logs, and find out how the program "
		       "came into it: whoever can mine there can do anything that the container "
		       "may. Make the container anew from a clean image.",
		       true },
};

struct told {
	struct alert alert;
	struct alert_container container;
	struct alert_pair facts[ALERT_MAX_FACTS];
	char values[ALERT_MAX_FACTS][FACT_BYTES];
	char title[384];
};

static char *fact(struct told *x, const char *name)
{
	const size_t i = x->alert.facts_n;

	if (i == ALERT_MAX_FACTS)
		return NULL;
	x->facts[i].name = span_str(name);
	x->alert.facts_n++;
	return x->values[i];
}

static void add_facts(struct told *x, const struct suspect *s, const struct miner_verdict *v)
{
	const struct miner_piece *list[MINER_PIECES];
	const size_t n = sorted(s, list);
	char *to = fact(x, "score");

	snprintf(to, FACT_BYTES, "%u: likely from %d, sure from %d of which %d speak", v->score,
		 MINER_LIKELY, MINER_SURE, MINER_SPOKEN);
	for (size_t i = 0; i < n && i < FACTS; i++) {
		const struct miner_piece *p = list[i];
		char who[64] = "";

		if (p->process.pid)
			snprintf(who, sizeof(who), " (pid %u, %s)", p->process.pid, p->comm);
		to = fact(x, miner_kinds[p->hit.kind].name);
		if (to)
			snprintf(to, FACT_BYTES, "%u points: it %s: %s%s", p->hit.weight,
				 miner_kinds[p->hit.kind].says, p->hit.seen, who);
	}
	to = n > FACTS ? fact(x, "more") : NULL;
	if (to)
		snprintf(to, FACT_BYTES, "%zu pieces of evidence: " API_PATH, n - FACTS);
	for (size_t i = 0; i < x->alert.facts_n; i++)
		x->facts[i].value = span_str(x->values[i]);
}

static void fill(struct told *x, const struct suspect *s, enum miner_level level)
{
	const struct agent_services *services = &s->owner->services;
	const struct config_list *labels = &services->config->labels_allow;
	const struct miner_piece *first = suspect_heaviest(s);

	snprintf(x->title, sizeof(x->title), "Container '%.120s' %s%s", container_name(s->c),
		 texts[level].does,
		 first && texts[level].with_evidence ? miner_kinds[first->hit.kind].says : "");
	alert_container_of(s->c, (const char(*)[CONFIG_TEXT_BYTES])labels->items, labels->n,
			   &x->container);
	x->alert.severity = ALERT_INFO;
	x->alert.kind = ALERT_MINING;
	x->alert.has_end = true;
	x->alert.title = span_str(x->title);
	x->alert.rule = span_str(miner_level_names[level]);
	x->alert.container = &x->container;
	x->alert.facts = x->facts;
	x->alert.unix_minus_boot_ns = services->unix_minus_boot_ns(services->agent);
	x->alert.technique_id = SPAN_LIT("T1496");
	x->alert.technique_name = SPAN_LIT("Resource Hijacking");
	x->alert.tactic = SPAN_LIT("impact");
	x->alert.recommend = span_str(texts[level].recommend);
}

void suspect_tell(struct suspect *s, const struct miner_verdict *v)
{
	const struct process_table *t = miner_processes(s->owner);
	const struct miner_piece *first = suspect_heaviest(s);
	AUTO_FREE struct told *x = calloc(1, sizeof(*x));

	s->told = *v;
	if (v->level == MINER_NONE || suspect_is_excepted(s, v->level) || !x)
		return;
	fill(x, s, v->level);
	add_facts(x, s, v);
	x->alert.severity = v->severity;
	if (t && first && first->process.pid)
		x->alert.process = process_find(t, first->process);
	if (v->level == MINER_IS && s->outcome[0]) {
		x->alert.has_action = true;
		x->alert.action = s->action;
		x->alert.outcome = span_str(s->outcome);
	}
	alerts_raise(s->owner->alerts, &x->alert);
}

void suspect_resolve(struct suspect *s)
{
	AUTO_FREE struct told *x = NULL;

	if (s->told.level == MINER_NONE)
		return;
	x = calloc(1, sizeof(*x));
	if (!x)
		return;
	fill(x, s, s->told.level);
	alerts_resolve(s->owner->alerts, &x->alert);
	s->told = (struct miner_verdict){ .level = MINER_NONE };
}

/* --- GET /api/v1/mining -------------------------------------------------------------------- */

static void put_piece(struct buf *b, const struct miner_piece *p, uint64_t unix_minus_boot)
{
	const struct miner_kind_info *k = &miner_kinds[p->hit.kind];

	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_str(b, "kind", k->name);
	json_put_u64(b, "weight", p->hit.weight);
	json_put_str(b, "says", k->says);
	json_put_str(b, "seen", p->hit.seen);
	json_put_true(b, "conclusive", k->class == MINER_SPEAKS);
	if (p->process.pid) {
		json_put_object(b, "process");
		json_put_u64(b, "pid", p->process.pid);
		json_put_str(b, "comm", p->comm);
		json_put_str(b, "exe", p->exe);
		json_put_true(b, "ended", p->gone_boot_ns != 0);
		buf_add_char(b, '}');
	}
	json_put_time(b, "first_time", p->first_boot_ns + unix_minus_boot);
	json_put_time(b, "last_time", p->last_boot_ns + unix_minus_boot);
	json_put_u64(b, "count", p->count);
	buf_add_char(b, '}');
}

static void put_suspect(struct buf *b, const struct suspect *s, uint64_t unix_minus_boot)
{
	const struct miner_verdict v = miner_judge(&s->case_);
	const struct miner_piece *list[MINER_PIECES];
	const size_t n = sorted(s, list);

	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_str(b, "id", s->c->id.id);
	json_put_str(b, "name", container_name(s->c));
	json_put_str(b, "image", container_image(s->c));
	json_put_str(b, "verdict", miner_level_names[v.level]);
	json_put_u64(b, "score", v.score);
	if (v.level != MINER_NONE)
		json_put_str(b, "severity", alert_severity_names[v.severity]);
	json_put_true(b, "usual", s->usual);
	json_put_true(b, "excepted", v.level != MINER_NONE && suspect_is_excepted(s, v.level));
	json_put_true(b, "watched_closely", s->shape != NULL);
	json_put_str(b, "no_miners_use", s->shape ? s->not_burning : NULL);
	if (s->outcome[0])
		json_put_str(b, "action", s->outcome);
	json_put_array(b, "evidence");
	for (size_t i = 0; i < n; i++)
		put_piece(b, list[i], unix_minus_boot);
	buf_add_str(b, "]}");
}

static void put_all(const struct detector_miner *d, struct buf *b)
{
	const struct config *c = d->services.config;
	const uint64_t unix_minus_boot = d->services.unix_minus_boot_ns(d->services.agent);

	buf_add_char(b, '{');
	buf_add_str(b, d->names ? "\"enabled\":true" : "\"enabled\":false");
	if (d->names) {
		const struct miner_names_counts n = miner_names_counts(d->names);

		json_put_u64(b, "window_seconds", c->mining_window_s);
		json_put_str(b, "action", mining_action_names[c->mining_action]);
		json_put_u64(b, "pools", n.pools);
		json_put_u64(b, "programs", n.programs);
		json_put_u64(b, "looks", d->counts.looks);
		if (!c->sensor_payloads)
			json_put_str(b, "not_watched",
				     "what connections begin with and DNS answers: "
				     "sensor.payloads is off");
	}
	json_put_array(b, "containers");
	for (uint32_t i = 0; d->names && i < d->suspects_max; i++)
		if (d->suspects[i] && (d->suspects[i]->case_.n || d->suspects[i]->shape))
			put_suspect(b, d->suspects[i], unix_minus_boot);
	buf_add_str(b, "]}");
}

bool detector_miner_get(struct detector_miner *d, struct span path, struct span query,
			uint32_t ticket)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)query;
	if (!span_eq(path, API_PATH))
		return false;
	if (ticket == AGENT_NO_TICKET)
		return true;
	buf_init(&b, ANSWER_MAX);
	put_all(d, &b);
	if (b.failed) {
		buf_clear(&b);
		buf_add_str(&b, "{\"error\":{\"status\":503,\"message\":\"no memory\"}}");
		d->services.answer(d->services.agent, ticket, 503, &b);
		return true;
	}
	d->services.answer(d->services.agent, ticket, 200, &b);
	return true;
}
