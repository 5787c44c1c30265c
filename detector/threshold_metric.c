// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/threshold_metric.h"

#include <math.h>

#include "detector/alert.h"

#define MAX_LEVELS 16 /* of groups around a container */

typedef double (*figure_fn)(const struct metric_world *w, const struct container *c,
			    struct metric_figure *out);

static bool has(const struct container *c, uint32_t bits)
{
	return (c->sample.have & bits) == bits;
}

static double share(struct metric_figure *out, double used, double of, enum config_metric_unit unit)
{
	if (!(of > 0) || isnan(used))
		return NAN;
	out->used = used;
	out->of = of;
	out->unit = unit;
	return 100 * used / of;
}

/* --- plain figures -------------------------------------------------------------------------- */

static double memory_bytes(const struct metric_world *w, const struct container *c,
			   struct metric_figure *out)
{
	(void)w;
	(void)out;
	return has(c, SAMPLE_MEMORY) ? (double)c->sample.memory_working_set : NAN;
}

static double swap_bytes(const struct metric_world *w, const struct container *c,
			 struct metric_figure *out)
{
	(void)w;
	(void)out;
	return has(c, SAMPLE_MEMORY_SWAP) ? (double)c->sample.memory_swap : NAN;
}

static double pids(const struct metric_world *w, const struct container *c,
		   struct metric_figure *out)
{
	(void)w;
	(void)out;
	return has(c, SAMPLE_PIDS) ? (double)c->sample.threads : NAN;
}

static double descriptors(const struct metric_world *w, const struct container *c,
			  struct metric_figure *out)
{
	(void)w;
	(void)out;
	return has(c, SAMPLE_FDS) ? (double)c->sample.fds : NAN;
}

static double disk_bytes(const struct metric_world *w, const struct container *c,
			 struct metric_figure *out)
{
	(void)w;
	(void)out;
	return has(c, SAMPLE_DISK) ? (double)(c->sample.disk_layer_bytes + c->sample.disk_log_bytes)
				   : NAN;
}

static double unhealthy(const struct metric_world *w, const struct container *c,
			struct metric_figure *out)
{
	(void)w;
	(void)out;
	if (!c->meta || c->meta->health == HEALTH_NONE || c->meta->health == HEALTH_STARTING)
		return NAN;
	return c->meta->health == HEALTH_UNHEALTHY;
}

/* --- shares of a limit or of the host -------------------------------------------------------- */

static double quota_cores(const struct container *c)
{
	const struct sample *s = &c->sample;

	return has(c, SAMPLE_CPU_SPEC) && s->cpu_quota_us && s->cpu_period_us
		       ? (double)s->cpu_quota_us / (double)s->cpu_period_us
		       : 0;
}

static double cpu_of_limit(const struct metric_world *w, const struct container *c,
			   struct metric_figure *out)
{
	return share(out, rates_get(w->rates, c, RATE_CPU_CORES), quota_cores(c), METRIC_IN_NUMBER);
}

static double cpu_of_host(const struct metric_world *w, const struct container *c,
			  struct metric_figure *out)
{
	return share(out, rates_get(w->rates, c, RATE_CPU_CORES), w->machine->cpu_cores,
		     METRIC_IN_NUMBER);
}

static double memory_of_limit(const struct metric_world *w, const struct container *c,
			      struct metric_figure *out)
{
	const double limit = has(c, SAMPLE_MEMORY_SPEC) ? (double)c->sample.memory_limit : 0;

	return share(out, memory_bytes(w, c, out), limit, METRIC_IN_BYTES);
}

static double memory_of_host(const struct metric_world *w, const struct container *c,
			     struct metric_figure *out)
{
	return share(out, memory_bytes(w, c, out), (double)w->machine->memory_bytes,
		     METRIC_IN_BYTES);
}

static double pids_of_limit(const struct metric_world *w, const struct container *c,
			    struct metric_figure *out)
{
	return share(out, pids(w, c, out), (double)c->sample.threads_max, METRIC_IN_NUMBER);
}

/* A limit is that of each process, so the one with most counts. */
static double descriptors_of_limit(const struct metric_world *w, const struct container *c,
				   struct metric_figure *out)
{
	const uint64_t limit = c->sample.ulimit_nofile_soft;

	(void)w;
	if (!has(c, SAMPLE_FDS | SAMPLE_ULIMITS) || limit == UINT64_MAX)
		return NAN;
	return share(out, (double)c->sample.fds_highest, (double)limit, METRIC_IN_NUMBER);
}

static double disk_of_limit(const struct metric_world *w, const struct container *c,
			    struct metric_figure *out)
{
	(void)w;
	if (!has(c, SAMPLE_DISK))
		return NAN;
	return share(out, (double)c->sample.disk_layer_bytes, (double)c->sample.disk_limit_bytes,
		     METRIC_IN_BYTES);
}

/* --- of no limit at all ---------------------------------------------------------------------- */

/* A limit of a group around it (a pod, a slice) is one, too; one as large as the host is none. */
static bool has_cpu_limit(const struct container *c, double cores)
{
	for (unsigned i = 0; c && i < MAX_LEVELS; i++, c = c->parent)
		if (quota_cores(c) > 0 && quota_cores(c) < cores)
			return true;
	return false;
}

static bool has_memory_limit(const struct container *c, uint64_t bytes)
{
	for (unsigned i = 0; c && i < MAX_LEVELS; i++, c = c->parent)
		if (has(c, SAMPLE_MEMORY_SPEC) && c->sample.memory_limit &&
		    c->sample.memory_limit < bytes)
			return true;
	return false;
}

static double unlimited_of_host(const struct metric_world *w, const struct container *c,
				struct metric_figure *out)
{
	struct metric_figure memory;
	double cpu_share = NAN, memory_share = NAN;

	metric_figure_clear(&memory);
	/* read together, by the slow pass */
	if (has(c, SAMPLE_CPU_SPEC))
		cpu_share = has_cpu_limit(c, w->machine->cpu_cores) ? 0 : cpu_of_host(w, c, out);
	if (has(c, SAMPLE_MEMORY_SPEC))
		memory_share = has_memory_limit(c, w->machine->memory_bytes)
				       ? 0
				       : memory_of_host(w, c, &memory);
	out->resource = "CPU";
	if (isnan(cpu_share) || memory_share > cpu_share) {
		*out = memory;
		out->resource = "memory";
		return memory_share;
	}
	return cpu_share;
}

static double by_others(const struct metric_world *w, const struct container *c,
			struct metric_figure *out)
{
	const double v = contention_of(w->contention, c, &out->verdict);

	out->has_verdict = v > 0;
	return v;
}

static const struct {
	figure_fn fn;
	enum rate_of rate; /* where there is no function */
} rows[METRIC_COUNT] = {
	[METRIC_CPU_CORES] = { NULL, RATE_CPU_CORES },
	[METRIC_CPU_PERCENT_OF_LIMIT] = { cpu_of_limit, 0 },
	[METRIC_CPU_PERCENT_OF_HOST] = { cpu_of_host, 0 },
	[METRIC_CPU_THROTTLED_PERCENT] = { NULL, RATE_THROTTLED_PERIODS },
	[METRIC_CPU_PRESSURE_PERCENT] = { NULL, RATE_PRESSURE_CPU },
	[METRIC_MEMORY_BYTES] = { memory_bytes, 0 },
	[METRIC_MEMORY_PERCENT_OF_LIMIT] = { memory_of_limit, 0 },
	[METRIC_MEMORY_PERCENT_OF_HOST] = { memory_of_host, 0 },
	[METRIC_MEMORY_PRESSURE_PERCENT] = { NULL, RATE_PRESSURE_MEMORY },
	[METRIC_SWAP_BYTES] = { swap_bytes, 0 },
	[METRIC_IO_BYTES] = { NULL, RATE_IO_BYTES },
	[METRIC_IO_OPERATIONS] = { NULL, RATE_IO_OPERATIONS },
	[METRIC_IO_PRESSURE_PERCENT] = { NULL, RATE_PRESSURE_IO },
	[METRIC_RECEIVED_BYTES] = { NULL, RATE_RECEIVED_BYTES },
	[METRIC_SENT_BYTES] = { NULL, RATE_SENT_BYTES },
	[METRIC_PIDS] = { pids, 0 },
	[METRIC_PIDS_PERCENT_OF_LIMIT] = { pids_of_limit, 0 },
	[METRIC_DESCRIPTORS] = { descriptors, 0 },
	[METRIC_DESCRIPTORS_PERCENT_OF_LIMIT] = { descriptors_of_limit, 0 },
	[METRIC_DISK_BYTES] = { disk_bytes, 0 },
	[METRIC_DISK_PERCENT_OF_LIMIT] = { disk_of_limit, 0 },
	[METRIC_FILESYSTEM_PERCENT] = { NULL, RATE_COUNT },
	[METRIC_UNHEALTHY] = { unhealthy, 0 },
	[METRIC_RESTARTS] = { NULL, RATE_COUNT },
	[METRIC_OOM_KILLS] = { NULL, RATE_COUNT },
	[METRIC_PRESSURE_BY_OTHERS] = { by_others, 0 },
	[METRIC_UNLIMITED_PERCENT_OF_HOST] = { unlimited_of_host, 0 },
};

double metric_figure(const struct metric_world *w, const struct container *c,
		     enum config_metric metric, struct metric_figure *out)
{
	metric_figure_clear(out);
	if (rows[metric].fn)
		out->value = rows[metric].fn(w, c, out);
	else if (rows[metric].rate < RATE_COUNT)
		out->value = rates_get(w->rates, c, rows[metric].rate);
	return out->value;
}

const char *metric_text(double v, enum config_metric_unit unit, char text[METRIC_TEXT_BYTES])
{
	char bytes[24];

	switch (unit) {
	case METRIC_IN_PERCENT:
		snprintf(text, METRIC_TEXT_BYTES, "%.*f %%", v == floor(v) ? 0 : 1, v);
		return text;
	case METRIC_IN_BYTES:
	case METRIC_IN_BYTES_A_SECOND:
		snprintf(text, METRIC_TEXT_BYTES, "%s%s",
			 alert_bytes_text(v > 0 && v < 1e18 ? (uint64_t)v : 0, bytes),
			 unit == METRIC_IN_BYTES ? "" : "/s");
		return text;
	case METRIC_IN_NUMBER:
		break;
	}
	snprintf(text, METRIC_TEXT_BYTES, "%.*f", v == floor(v) ? 0 : 2, v);
	return text;
}
