// SPDX-License-Identifier: GPL-2.0-or-later
/* Use of resources: measured into the image's sketches, compared with them (a burst: far above what
 * the image ever needs, at once), and with the container's own past (an anomaly: at a stated rate
 * of false alarms). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/anomaly.h"
#include "detector/anomaly_tail.h"
#include "detector/burst.h"
#include "detector/detector_baseline_internal.h"

#define BURST_FACTOR 2.0 /* above the highest of a thousand values that the image showed */
#define BURST_LEAST  60	 /* values that say what is usual */
#define DAY_S	     86400.0

struct watched { /* one resource of one container */
	struct anomaly *series;
	struct burst burst;
	bool anomalous;
};

struct usage {
	struct watched of[RESOURCE_COUNT];
	struct anomaly_tail tail;
};

/* Below this much above the usual nothing matters, whatever its share. */
static const double matters[RESOURCE_COUNT] = {
	[RESOURCE_CPU] = 0.2,
	[RESOURCE_MEMORY] = 64 << 20,
	[RESOURCE_READ_BYTES] = 1 << 20,
	[RESOURCE_WRITE_BYTES] = 1 << 20,
	[RESOURCE_READS] = 100,
	[RESOURCE_WRITES] = 100,
	[RESOURCE_RX_BYTES] = 1 << 20,
	[RESOURCE_TX_BYTES] = 1 << 20,
	[RESOURCE_RX_PACKETS] = 500,
	[RESOURCE_TX_PACKETS] = 500,
	[RESOURCE_PIDS] = 16,
	[RESOURCE_THREADS] = 32,
	[RESOURCE_FDS] = 64,
};

static const enum rate_of rates_of[RESOURCE_COUNT] = {
	[RESOURCE_CPU] = RATE_CPU_CORES,	   [RESOURCE_READ_BYTES] = RATE_READ_BYTES,
	[RESOURCE_WRITE_BYTES] = RATE_WRITE_BYTES, [RESOURCE_READS] = RATE_READS,
	[RESOURCE_WRITES] = RATE_WRITES,	   [RESOURCE_RX_BYTES] = RATE_RECEIVED_BYTES,
	[RESOURCE_TX_BYTES] = RATE_SENT_BYTES,	   [RESOURCE_RX_PACKETS] = RATE_RECEIVED_PACKETS,
	[RESOURCE_TX_PACKETS] = RATE_SENT_PACKETS,
};

static double value_of(const struct detector_baseline *d, const struct container *c,
		       enum baseline_resource r)
{
	const struct sample *s = &c->sample;

	if (r == RESOURCE_MEMORY)
		return s->have & SAMPLE_MEMORY ? (double)s->memory_working_set : NAN;
	if (r == RESOURCE_PIDS)
		return s->have & SAMPLE_PROCESSES ? (double)s->processes : NAN;
	if (r == RESOURCE_THREADS)
		return s->have & SAMPLE_PIDS ? (double)s->threads : NAN;
	if (r == RESOURCE_FDS)
		return s->have & SAMPLE_FDS ? (double)s->fds : NAN;
	return rates_get(d->rates, c, rates_of[r]);
}

/* When it was read: what is counted only now and then is looked at more often than that. */
static uint64_t read_ns(const struct detector_baseline *d, const struct container *c,
			enum baseline_resource r)
{
	if (r == RESOURCE_PIDS)
		return c->sample.processes_mono_ns;
	if (r == RESOURCE_FDS)
		return c->sample.fds_mono_ns;
	/* all of a hot reading are of one time */
	return rates_read_ns(d->rates, c, rates_of[r]);
}

void usage_free(struct usage *u)
{
	for (unsigned r = 0; u && r < RESOURCE_COUNT; r++)
		anomaly_free(u->of[r].series);
	free(u);
}

/* --- alerts -------------------------------------------------------------------------------- */

struct told {
	const char *rule, *how;
	double value, low, high;
	uint64_t since_ns;
	const char *rarity;
};

static void number(char out[32], enum baseline_resource r, double v)
{
	const char *unit = baseline_resource_units[r];

	if (strncmp(unit, "bytes", 5) == 0 && v >= 0 && v < 1e18) {
		char text[24];

		snprintf(out, 32, "%s%s", alert_bytes_text((uint64_t)v, text), unit + 5);
		return;
	}
	snprintf(out, 32, "%.*f %s", v < 10 ? 2 : 0, v, unit);
}

static void tell(struct observer *o, enum baseline_resource r, const struct told *t, bool on)
{
	struct detector_baseline *d = o->owner;
	const struct config_list *labels = &d->services.config->labels_allow;
	struct alert_container container;
	char value[32], low[32], high[32], seconds[32], title[512];
	const uint64_t now = unix_ns();

	number(value, r, t->value);
	number(low, r, t->low);
	number(high, r, t->high);
	snprintf(seconds, sizeof(seconds), "%llu s",
		 (unsigned long long)(now > t->since_ns ? (now - t->since_ns) / NS_PER_S : 0));
	snprintf(title, sizeof(title), "Container '%.128s' %s: %s of %s, usual is up to %s",
		 container_name(o->c), t->how, value, baseline_resource_names[r], high);
	const struct alert_pair facts[] = {
		{ SPAN_LIT("resource"), span_str(baseline_resource_names[r]) },
		{ SPAN_LIT("value"), span_str(value) },
		{ SPAN_LIT("expected_low"), span_str(low) },
		{ SPAN_LIT("expected_high"), span_str(high) },
		{ SPAN_LIT("lasts"), span_str(seconds) },
		{ SPAN_LIT("rarity"), span_str(t->rarity) },
		{ SPAN_LIT("phase"), span_str(seen_phase_names[o->phase]) },
	};
	struct alert alert = {
		.severity = ALERT_WARNING,
		.kind = ALERT_RESOURCE,
		.has_end = true,
		.title = span_str(title),
		.rule = span_str(t->rule),
		.key = span_str(baseline_resource_names[r]),
		.container = &container,
		.facts = facts,
		.facts_n = sizeof(facts) / sizeof(facts[0]),
		.recommend =
			SPAN_LIT("Look at what the container does now ('bulkhead containers', its "
				 "processes and peers). What lasts a day becomes usual by "
				 "itself."),
	};

	alert_container_of(o->c, (const char(*)[CONFIG_TEXT_BYTES])labels->items, labels->n,
			   &container);
	if (on)
		alerts_raise(d->alerts, &alert);
	else
		alerts_resolve(d->alerts, &alert);
}

/* --- bursts: by the image ------------------------------------------------------------------ */

static double burst_limit(const struct observer *o, enum baseline_resource r, unsigned hour)
{
	const struct baseline *b = o->image->baseline;

	if (b->mode < MODE_DETECT || b->usage[r].steady.total < BURST_LEAST)
		return NAN;
	return fmax(BURST_FACTOR * baseline_usual(b, r, hour, 0.999),
		    baseline_usual(b, r, 24, 0.999)) +
	       matters[r];
}

static void look_for_burst(struct observer *o, enum baseline_resource r, double v, unsigned hour)
{
	struct burst *burst = &o->usage->of[r].burst;
	const struct baseline *b = o->image->baseline;
	const struct sketch *known = &b->usage[r].steady;
	const struct burst_look l = {
		.value = v,
		.limit = burst_limit(o, r, hour),
		.reading = read_ns(o->owner, o->c, r),
		/* counted so rarely that a third reading would come after the first minute */
		.readings_needed = r == RESOURCE_PIDS || r == RESOURCE_FDS ? 2 : BURST_LOOKS,
		.now_ns = unix_ns(),
	};
	const enum burst_change change = burst_look(burst, &l);
	char rarity[96];

	if (change == BURST_NONE)
		return;
	const double higher = (1 - sketch_share_below(known, v)) * (double)known->total;

	snprintf(rarity, sizeof(rarity),
		 "%.0f of the %llu values seen of its image are higher; %d in a row are too high",
		 higher, (unsigned long long)known->total, BURST_LOOKS);
	const struct told t = {
		.rule = "resource-burst",
		.how = "uses far more than its image does",
		.value = v,
		.low = baseline_usual(b, r, hour, 0.05),
		.high = baseline_usual(b, r, hour, 0.999),
		.since_ns = burst->since_ns,
		.rarity = rarity,
	};

	tell(o, r, &t, change == BURST_BEGINS);
}

/* --- anomalies: by its own past ------------------------------------------------------------ */

static bool has_series(struct observer *o, enum baseline_resource r)
{
	struct usage *u = o->usage;
	struct anomaly_settings s = anomaly_settings_live();
	struct err e = { "" };

	s.least_range = matters[r];
	if (!u->of[r].series && anomaly_new(&u->of[r].series, &s, &e) < 0)
		o->owner->counts.usage_refused++;
	return u->of[r].series != NULL;
}

/* An anomaly is over with its event, whether the figure is still there or not. */
static void end_anomaly(struct observer *o, enum baseline_resource r, const struct told *t)
{
	struct watched *w = &o->usage->of[r];

	if (!w->anomalous || anomaly_tail_alarmed(&o->usage->tail))
		return;
	w->anomalous = false;
	tell(o, r, t, false);
}

static void look_for_anomaly(struct observer *o, enum baseline_resource r, double v, double now_s)
{
	struct usage *u = o->usage;
	struct watched *w = &u->of[r];
	struct told t = { .rule = "resource-anomaly", .how = "differs from its own past" };
	char rarity[96];

	if (isnan(v) || !has_series(o, r)) {
		end_anomaly(o, r, &t);
		return;
	}
	const struct anomaly_result a = anomaly_add(w->series, now_s, v);

	if (!a.warm)
		return;
	if (anomaly_tail_add(&u->tail, now_s, a.surprise) && !w->anomalous) {
		snprintf(rarity, sizeof(rarity),
			 "%.3f of this size are expected of a container in a month",
			 anomaly_tail_per_month(&u->tail, a.surprise));
		t.value = a.seen;
		t.low = a.low;
		t.high = a.high;
		t.since_ns = unix_ns();
		t.rarity = rarity;
		w->anomalous = true;
		tell(o, r, &t, true);
	}
	end_anomaly(o, r, &t);
}

/* --- all ----------------------------------------------------------------------------------- */

static bool begin(struct observer *o)
{
	const struct config *c = o->owner->services.config;
	struct anomaly_tail_settings s = anomaly_tail_settings_default();

	if (o->usage)
		return true;
	o->usage = calloc(1, sizeof(*o->usage));
	if (!o->usage) {
		o->owner->counts.usage_refused++;
		return false;
	}
	s.alarms_s = 1.0 / (c->anomaly_alarm_days * DAY_S);
	anomaly_tail_init(&o->usage->tail, &s);
	return true;
}

static bool is_usual(const struct observer *o, enum baseline_resource r)
{
	return !o->usage || burst_is_usual(&o->usage->of[r].burst, unix_ns());
}

static void look(struct observer *o, unsigned hour, double now_s)
{
	struct baseline *b = o->image->baseline;
	const bool watches = o->owner->services.config->anomaly && b->mode != MODE_OFF;

	if (!watches)
		usage_end(o);
	for (unsigned i = 0; i < RESOURCE_COUNT; i++) {
		const enum baseline_resource r = (enum baseline_resource)i;
		const double v = value_of(o->owner, o->c, r);

		if (watches && o->phase == PHASE_STEADY && begin(o)) {
			look_for_burst(o, r, v, hour);
			look_for_anomaly(o, r, v, now_s);
		}
		/* what is far above the usual must not become it at once */
		if (!isnan(v) && b->mode != MODE_OFF && is_usual(o, r))
			baseline_measure(b, r, o->phase == PHASE_STARTUP, hour, v);
	}
}

void usage_end(struct observer *o)
{
	const struct told burst = { .rule = "resource-burst" };
	const struct told anomaly = { .rule = "resource-anomaly" };

	for (unsigned i = 0; o->usage && i < RESOURCE_COUNT; i++) {
		struct watched *w = &o->usage->of[i];

		if (w->burst.on)
			tell(o, (enum baseline_resource)i, &burst, false);
		if (w->anomalous)
			tell(o, (enum baseline_resource)i, &anomaly, false);
		w->burst = (struct burst){ 0 };
		w->anomalous = false;
	}
}

/* Each container in its own time: their windows end at different rounds. */
static bool is_due(struct observer *o)
{
	const uint64_t read = rates_read_ns(o->owner->rates, o->c, RATE_CPU_CORES);

	if (!read || read == o->looked_ns)
		return false;
	o->looked_ns = read;
	return true;
}

void usage_look(struct detector_baseline *d)
{
	const struct container_table *t = d->services.containers(d->services.agent);
	const uint64_t window = d->services.config->anomaly_interval_s * NS_PER_S;
	const uint64_t network = d->services.config->network_interval_ms * NS_PER_MS;
	const uint64_t now = unix_ns();
	const unsigned hour = (unsigned)(now / NS_PER_S / 3600 % 24);

	if (!t || !rates_tick(d->rates, t, mono_ns(), window, network))
		return;
	for (uint32_t i = 0; i < d->observers_max; i++) {
		struct observer *o = d->observers[i];

		if (o && o->image && !o->leaves && !o->sandbox && o->phase != PHASE_SHUTDOWN &&
		    is_due(o))
			look(o, hour, (double)now / (double)NS_PER_S);
	}
}
