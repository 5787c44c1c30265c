// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of alerts of plain limits. */
#include <math.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "collector/base/clock.h"
#include "collector/json_put.h"
#include "detector/threshold_internal.h"

#define MAX_FACTS  20
#define TEXT_BYTES 320
#define TOP	   3 /* containers that are named with a file system */

/* "memory is at 93 % of its limit" */
static const struct {
	const char *what, *of, *recommend;
} texts[METRIC_COUNT] = {
	[METRIC_CPU_CORES] = { "CPU use", " cores", "Look at what its processes do." },
	[METRIC_CPU_PERCENT_OF_LIMIT] = { "CPU use", " of its quota",
					  "Look at what its processes do, or raise the quota." },
	[METRIC_CPU_PERCENT_OF_HOST] = { "CPU use", " of all processors",
					 "Look at what its processes do, or give it a quota." },
	[METRIC_CPU_THROTTLED_PERCENT] = { "throttling", " of its CPU periods",
					   "It wants more CPU than its quota: raise the quota, or "
					   "make it use fewer threads at a time." },
	[METRIC_CPU_PRESSURE_PERCENT] = { "waiting for a CPU", " of the time",
					  "Look at who takes the CPU, and at its quota." },
	[METRIC_MEMORY_BYTES] = { "memory", "", "Look for a leak, or give it a limit." },
	[METRIC_MEMORY_PERCENT_OF_LIMIT] = { "memory", " of its limit",
					     "It will be killed at its limit: find out why it "
					     "needs so much, then raise the limit or mend the "
					     "program." },
	[METRIC_MEMORY_PERCENT_OF_HOST] = { "memory", " of the host's",
					    "Look for a leak, or give it a limit." },
	[METRIC_MEMORY_PRESSURE_PERCENT] = { "waiting for memory", " of the time",
					     "It has too little memory: raise its limit, or free "
					     "memory of the host." },
	[METRIC_SWAP_BYTES] = { "swap", "",
				"It has too little memory: raise its limit, or free "
				"memory of the host." },
	[METRIC_IO_BYTES] = { "disk traffic", "", "Look at what it reads and writes." },
	[METRIC_IO_OPERATIONS] = { "disk traffic", " operations a second",
				   "Look at what it reads and writes." },
	[METRIC_IO_PRESSURE_PERCENT] = { "waiting for disks", " of the time",
					 "Look at who uses the disk." },
	[METRIC_RECEIVED_BYTES] = { "received traffic", "", "Look at who sends it so much." },
	[METRIC_SENT_BYTES] = { "sent traffic", "", "Look at where it sends so much." },
	[METRIC_PIDS] = { "number of processes and threads", "", "Look at what it starts." },
	[METRIC_PIDS_PERCENT_OF_LIMIT] = { "number of processes and threads", " of its limit",
					   "At the limit it can start nothing more: look at what "
					   "it starts, or raise the limit." },
	[METRIC_DESCRIPTORS] = { "number of open files", "",
				 "Look for files and sockets that it "
				 "never closes." },
	[METRIC_DESCRIPTORS_PERCENT_OF_LIMIT] = { "number of open files", " of its limit",
						  "At the limit it can open nothing more: look "
						  "for files and sockets that it never closes, "
						  "or raise the limit." },
	[METRIC_DISK_BYTES] = { "disk space", "", "Look at what it writes beside its volumes." },
	[METRIC_DISK_PERCENT_OF_LIMIT] = { "disk space", " of its limit",
					   "Look at what it writes beside its volumes." },
	[METRIC_FILESYSTEM_PERCENT] = { "file system", " full",
					"Free space: when it is full, containers fail and "
					"bulkhead's log cannot be written." },
	[METRIC_UNHEALTHY] = { "health check", "",
			       "Look at what the check runs, and at the "
			       "container's log." },
	[METRIC_RESTARTS] = { "restarts", "",
			      "Look at the end of its log, at its exit code and "
			      "at what changed last." },
	[METRIC_OOM_KILLS] = { "kills", "", "Find out why it needs more memory than its limit." },
	[METRIC_PRESSURE_BY_OTHERS] = { "waiting for others", " of the time",
					"Give the cause a limit (cpu.max, memory.high, io.max), or "
					"the one that waits a larger weight, or move one of "
					"them." },
	[METRIC_UNLIMITED_PERCENT_OF_HOST] = { "", " of the host's",
					       "Give it a limit, so that it cannot take what the "
					       "others and the host need." },
};

struct told {
	struct alert alert;
	struct alert_container container;
	struct alert_pair facts[MAX_FACTS];
	char text[MAX_FACTS][TEXT_BYTES];
	char title[640], key[64];
};

/* --- facts ----------------------------------------------------------------------------------- */

static void add_fact(struct told *x, const char *name, const char *value)
{
	const size_t i = x->alert.facts_n;

	if (i == MAX_FACTS || !value[0])
		return;
	snprintf(x->text[i], TEXT_BYTES, "%s", value);
	x->facts[i] = (struct alert_pair){ span_str(name), span_str(x->text[i]) };
	x->alert.facts_n = i + 1;
}

static void add_figure(struct told *x, const char *name, double v, enum config_metric_unit unit)
{
	char text[METRIC_TEXT_BYTES];

	if (!isnan(v))
		add_fact(x, name, metric_text(v, unit, text));
}

static void add_time(struct told *x, uint64_t unix_ns)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	/* {"since":"2026-..."} without what is around the time */
	buf_init(&b, 256);
	json_put_time(&b, "t", unix_ns);
	buf_add_char(&b, '\0');
	const char *from = b.failed ? NULL : strchr(b.data, ':');
	char *end = b.failed ? NULL : strrchr(b.data, '"');

	if (!from || !end || from + 2 >= end)
		return;
	*end = '\0';
	add_fact(x, "since", from + 2);
}

static const char *time_text(uint64_t ms, char text[24])
{
	if (ms >= 60000 && ms % 60000 == 0)
		snprintf(text, 24, "%llum", (unsigned long long)(ms / 60000));
	else if (ms % 1000 == 0)
		snprintf(text, 24, "%llus", (unsigned long long)(ms / 1000));
	else
		snprintf(text, 24, "%llums", (unsigned long long)ms);
	return text;
}

static const enum config_metric_unit contended_units[] = { METRIC_IN_NUMBER, METRIC_IN_BYTES,
							   METRIC_IN_BYTES_A_SECOND };

static const char *culprit_name(const struct contention_verdict *v)
{
	return v->culprit ? container_name(v->culprit) : "";
}

static void add_verdict(struct told *x, const struct contention_verdict *v)
{
	const enum config_metric_unit unit = contended_units[v->what];

	add_fact(x, "resource", contended_names[v->what]);
	if (v->culprit) {
		add_fact(x, "cause", culprit_name(v));
		add_fact(x, "cause_id", v->culprit->id.id);
		add_fact(x, "cause_image", container_image(v->culprit));
	} else {
		add_fact(x, "cause", "processes outside of containers");
	}
	add_fact(x, "cause_is",
		 v->above_normal ? "above its normal use"
				 : "the one that takes most, within its normal use");
	add_figure(x, "cause_takes", v->now, unit);
	add_figure(x, "cause_share", v->taken, METRIC_IN_PERCENT);
	add_figure(x, "cause_normal", v->normal, unit);
	if (isnan(v->normal))
		add_fact(x, "cause_normal", "not known");
}

/* Who wrote most of what fills it. */
static void add_writers(struct told *x, const struct threshold *t, const struct filesystem *fs)
{
	const struct container *top[TOP] = { NULL };
	struct container *const *list;
	const size_t n = t->world ? container_table_live(t->world->containers, &list) : 0;
	char text[TEXT_BYTES], bytes[24];

	for (size_t i = 0; i < n; i++) {
		const struct container *c = list[i];

		if (!(c->sample.have & SAMPLE_DISK) || strcmp(c->sample.disk_device, fs->name) != 0)
			continue;
		for (size_t k = 0; k < TOP && c; k++) {
			const struct container *held = top[k];

			if (held && held->sample.disk_layer_bytes >= c->sample.disk_layer_bytes)
				continue;
			top[k] = c;
			c = held;
		}
	}
	for (size_t k = 0; k < TOP && top[k]; k++) {
		snprintf(text, sizeof(text), "%.200s (%s)", container_name(top[k]),
			 alert_bytes_text(top[k]->sample.disk_layer_bytes, bytes));
		add_fact(x, "container", text);
	}
}

/* --- titles ---------------------------------------------------------------------------------- */

static void title_of_contention(struct told *x, const struct subject *s,
				const struct metric_figure *f, const char *name)
{
	const struct contention_verdict *v = &f->verdict;
	char who[256], cause[256];

	if (s->c)
		snprintf(who, sizeof(who), "Container '%.200s'", name);
	else
		snprintf(who, sizeof(who), "The machine");
	if (v->culprit)
		snprintf(cause, sizeof(cause), "container '%.200s'", culprit_name(v));
	else
		snprintf(cause, sizeof(cause), "what runs outside of containers");
	snprintf(x->title, sizeof(x->title), "%s waits for %s %.0f %% of the time: %s takes %s",
		 who, contended_names[v->what], f->value, cause,
		 v->above_normal ? "more than is normal for it" : "most of it, as it always does");
}

/* True: it has a title of its own. */
static bool own_title(struct told *x, const struct limit *l, const struct subject *s,
		      const struct metric_figure *f, const char *name)
{
	char time[24];

	time_text(l->set.for_ms, time);
	switch ((int)l->set.metric) {
	case METRIC_UNHEALTHY:
		if (l->set.below)
			return false;
		snprintf(x->title, sizeof(x->title), "The health check of container '%.200s' fails",
			 name);
		return true;
	case METRIC_RESTARTS:
		if (s->name && s->name->by_image)
			snprintf(x->title, sizeof(x->title),
				 "Containers of image '%.200s' fail again and again: %.0f times "
				 "within %s",
				 container_image(s->c), f->value, time);
		else
			snprintf(x->title, sizeof(x->title),
				 "Container '%.200s' starts again and again: %.0f times within %s",
				 name, f->value, time);
		return true;
	case METRIC_OOM_KILLS:
		snprintf(x->title, sizeof(x->title),
			 "Out of memory: %.0f kills in container '%.200s' within %s", f->value,
			 name, time);
		return true;
	case METRIC_PRESSURE_BY_OTHERS:
		if (!f->has_verdict)
			return false;
		title_of_contention(x, s, f, name);
		return true;
	default:
		return false;
	}
}

static void make_title(struct told *x, const struct limit *l, const struct subject *s,
		       const struct metric_figure *f)
{
	const enum config_metric_unit unit = config_metrics[l->set.metric].unit;
	const char *name = s->c ? container_name(s->c) : "";
	char value[METRIC_TEXT_BYTES], limit[METRIC_TEXT_BYTES], time[24], wait[40] = "";

	if (own_title(x, l, s, f, name))
		return;
	metric_text(f->value, unit, value);
	metric_text(l->set.limit, unit, limit);
	if (l->set.for_ms)
		snprintf(wait, sizeof(wait), " for %s", time_text(l->set.for_ms, time));
	if (s->fs)
		snprintf(x->title, sizeof(x->title),
			 "The file system at '%.200s' is %s full, %s %s%s", s->fs->mount_point,
			 value, l->set.below ? "below" : "above", limit, wait);
	else if (f->resource)
		snprintf(
			x->title, sizeof(x->title),
			"Container '%.200s' has no limit of %s and takes %s of the host's, %s %s%s",
			name, f->resource, value, l->set.below ? "below" : "above", limit, wait);
	else
		snprintf(x->title, sizeof(x->title), "Container '%.200s': %s is at %s%s, %s %s%s",
			 name, texts[l->set.metric].what, value, texts[l->set.metric].of,
			 l->set.below ? "below" : "above", limit, wait);
}

/* --- alerts ---------------------------------------------------------------------------------- */

/* What tells it apart from others: all that its end needs. */
static void identify(const struct threshold *t, struct told *x, const struct limit *l,
		     const struct subject *s)
{
	const struct config_list *labels = &t->set.services->config->labels_allow;

	x->alert = (struct alert){
		.severity = (enum alert_severity)l->set.severity,
		.kind = ALERT_RESOURCE,
		.has_end = true,
		.rule = span_str(l->set.name),
		.facts = x->facts,
		.recommend = span_str(texts[l->set.metric].recommend),
	};
	snprintf(x->key, sizeof(x->key), "%s", config_metrics[l->set.metric].name);
	if (s->fs)
		snprintf(x->key, sizeof(x->key), "%u:%u", major(s->fs->device),
			 minor(s->fs->device));
	else if (s->name && s->name->by_image)
		snprintf(x->key, sizeof(x->key), "%s of the image",
			 config_metrics[l->set.metric].name);
	x->alert.key = span_str(x->key);
	if (!s->c)
		return;
	alert_container_of(s->c, (const char(*)[CONFIG_TEXT_BYTES])labels->items, labels->n,
			   &x->container);
	x->alert.container = &x->container;
}

static void add_facts(struct threshold *t, struct told *x, const struct limit *l,
		      const struct subject *s, const struct metric_figure *f,
		      const struct beyond *b)
{
	const struct config_metric_row *m = &config_metrics[l->set.metric];
	char time[24];

	add_fact(x, "metric", m->name);
	add_figure(x, "value", f->value, m->unit);
	add_figure(x, l->set.below ? "below" : "above", l->set.limit, m->unit);
	add_fact(x, m->counts ? "within" : "for", time_text(l->set.for_ms, time));
	if (!m->counts)
		add_time(x, b->since_unix_ns);
	if (f->of > 0) {
		add_figure(x, "used", f->used, f->unit);
		add_figure(x, "of", f->of, f->unit);
	}
	if (f->resource)
		add_fact(x, "resource", f->resource);
	if (s->fs) {
		add_fact(x, "mount_point", s->fs->mount_point);
		add_fact(x, "device", s->fs->name);
		add_writers(x, t, s->fs);
	}
	if (s->name && s->name->has_exit_code) {
		snprintf(time, sizeof(time), "%d", s->name->exit_code);
		add_fact(x, "exit_code", time);
	}
	if (f->has_verdict)
		add_verdict(x, &f->verdict);
}

void threshold_tell(struct threshold *t, const struct limit *l, const struct subject *s,
		    const struct metric_figure *f, const struct beyond *b)
{
	struct told x;

	identify(t, &x, l, s);
	make_title(&x, l, s, f);
	x.alert.title = span_str(x.title);
	add_facts(t, &x, l, s, f, b);
	alerts_raise(t->set.alerts, &x.alert);
}

void threshold_tell_end(struct threshold *t, const struct limit *l, const struct subject *s)
{
	struct told x;

	identify(t, &x, l, s);
	alerts_resolve(t->set.alerts, &x.alert);
}

bool threshold_was_told(struct threshold *t, const struct limit *l, const struct subject *s)
{
	struct told x;

	identify(t, &x, l, s);
	return alerts_fires(t->set.alerts, &x.alert);
}
