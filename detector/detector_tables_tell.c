// SPDX-License-Identifier: GPL-2.0-or-later
/* Alerts of tables that fill up, and their ends. */
#include "detector/detector_tables_internal.h"

#include <math.h>
#include <string.h>

#define MAX_FACTS  20
#define TEXT_BYTES 320
#define NAMED	   3 /* holders beside the cause */

struct told {
	struct alert alert;
	struct alert_pair facts[MAX_FACTS];
	char text[MAX_FACTS][TEXT_BYTES];
	char title[640], key[160], rule[64];
};

const char *tables_time_text(double s, char text[32])
{
	const unsigned v = s < 1e9 ? (unsigned)(s + 0.5) : 0;

	if (v < 120)
		snprintf(text, 32, "%us", v);
	else if (v < 7200)
		snprintf(text, 32, "%um", v / 60);
	else
		snprintf(text, 32, "%uh", v / 3600);
	return text;
}

const char *tables_amount_text(enum host_table t, uint64_t v, char text[48])
{
	char bytes[24];

	if (host_tables[t].flags & TABLE_BYTES)
		snprintf(text, 48, "%s", alert_bytes_text(v, bytes));
	else
		snprintf(text, 48, "%llu", (unsigned long long)v);
	return text;
}

static void add_fact(struct told *x, const char *name, const char *value)
{
	const size_t i = x->alert.facts_n;

	if (i == MAX_FACTS || !value[0])
		return;
	snprintf(x->text[i], TEXT_BYTES, "%s", value);
	x->facts[i] = (struct alert_pair){ span_str(name), span_str(x->text[i]) };
	x->alert.facts_n = i + 1;
}

static void add_amount(struct told *x, const char *name, enum host_table t, uint64_t v)
{
	char text[48];

	add_fact(x, name, tables_amount_text(t, v, text));
}

static void add_percent(struct told *x, const char *name, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f %%", v);
	add_fact(x, name, text);
}

static void add_pace(struct told *x, const struct tracked *t)
{
	char text[64], amount[48], time[32];

	if (!isfinite(t->v.a_minute))
		return;
	snprintf(text, sizeof(text), "%s%s a minute", t->v.a_minute < 0 ? "-" : "",
		 tables_amount_text(t->f.table, (uint64_t)fabs(t->v.a_minute), amount));
	add_fact(x, "pace", text);
	if (isfinite(t->v.full_in_s))
		add_fact(x, "full_in", tables_time_text(t->v.full_in_s, time));
}

static const char *kind_of(const struct container *c)
{
	return c->kind == CGROUP_SERVICE ? "service" : "container";
}

/* Containers that share the host's network cannot be told from it. */
static const char *outside_text(const struct tracked *t)
{
	if (t->f.table == TABLE_CONNTRACK || t->f.table == TABLE_NEIGHBOURS ||
	    t->f.table == TABLE_PORTS)
		return "the host's own network";
	if (t->f.table == TABLE_DISK || t->f.table == TABLE_INODES)
		return "what is no container's own";
	return "what runs outside of containers";
}

static void add_cause(struct told *x, const struct tracked *t, const struct table_cause *cause)
{
	if (!cause->known) {
		add_fact(x, "cause", "not known");
		return;
	}
	if (cause->c) {
		add_fact(x, "cause", container_name(cause->c));
		add_fact(x, "cause_id", cause->c->id.id);
		add_fact(x, "cause_image", container_image(cause->c));
	} else {
		add_fact(x, "cause", outside_text(t));
	}
	add_amount(x, "cause_holds", t->f.table, cause->holds);
	add_percent(x, "cause_share", cause->share);
	add_fact(x, "cause_is",
		 cause->grew ? "the one that made it grow" : "the one that holds most");
	if (cause->grew)
		add_amount(x, "cause_grew_by", t->f.table, cause->grew_by);
}

/* Those beside the cause, so that nobody has to ask again. */
static void add_holders(struct told *x, const struct tracked *t, const struct table_cause *cause)
{
	char text[TEXT_BYTES], amount[48];
	unsigned n = 0;

	for (unsigned i = 0; i < t->top.n && n < NAMED; i++) {
		if (t->top.list[i].c == cause->c)
			continue;
		snprintf(text, sizeof(text), "%.200s (%s)", container_name(t->top.list[i].c),
			 tables_amount_text(t->f.table, t->top.list[i].amount, amount));
		add_fact(x, "also_holds", text);
		n++;
	}
}

static void make_title(struct told *x, const struct tracked *t, const struct table_cause *cause)
{
	const char *what = host_tables[t->f.table].what;
	char of[160] = "", soon[64] = "", who[320] = "", time[32];

	if (t->f.of[0])
		snprintf(of, sizeof(of), " (%s)", t->f.of);
	if (t->v.soon)
		snprintf(soon, sizeof(soon), " and full in about %s",
			 tables_time_text(t->v.full_in_s, time));
	if (cause->known && cause->c)
		snprintf(who, sizeof(who), ": %s '%.200s' %s %.0f %% of it", kind_of(cause->c),
			 container_name(cause->c), cause->grew ? "fills it, and holds" : "holds",
			 cause->share);
	else if (cause->known)
		snprintf(who, sizeof(who), ": %s holds %.0f %% of it", outside_text(t),
			 cause->share);
	snprintf(x->title, sizeof(x->title), "The host's %s%s: %.0f %% used%s%s", what, of,
		 t->v.percent, soon, who);
}

/* What tells it apart from others: all that its end needs. */
static void identify(struct told *x, const struct tracked *t, bool critical)
{
	x->alert = (struct alert){
		.severity = critical ? ALERT_CRITICAL : ALERT_WARNING,
		.kind = ALERT_RESOURCE,
		.has_end = true,
		.facts = x->facts,
		.recommend = span_str(host_tables[t->f.table].recommend),
	};
	snprintf(x->rule, sizeof(x->rule), "table-%s", host_tables[t->f.table].name);
	snprintf(x->key, sizeof(x->key), "%s%s", t->f.of[0] ? t->f.of : "host",
		 critical ? " critical" : "");
	x->alert.rule = span_str(x->rule);
	x->alert.key = span_str(x->key);
}

void tables_tell(struct detector_tables *d, struct tracked *t, bool critical)
{
	const struct table_top *before = t->before.time_ns ? &t->before : &t->between;
	const struct table_cause cause = table_cause_of(&t->top, before);
	struct told x;

	identify(&x, t, critical);
	make_title(&x, t, &cause);
	x.alert.title = span_str(x.title);
	add_fact(&x, "table", host_tables[t->f.table].name);
	add_fact(&x, "of", t->f.of);
	add_amount(&x, "used", t->f.table, t->f.used);
	add_amount(&x, "capacity", t->f.table, t->f.capacity);
	add_fact(&x, "limited_by", t->f.limit ? t->f.limit : "");
	add_percent(&x, "percent", t->v.percent);
	add_pace(&x, t);
	add_cause(&x, t, &cause);
	add_holders(&x, t, &cause);
	alerts_raise(d->set.alerts, &x.alert);
}

void tables_tell_end(struct detector_tables *d, struct tracked *t, bool critical)
{
	struct told x;

	identify(&x, t, critical);
	alerts_resolve(d->set.alerts, &x.alert);
}
