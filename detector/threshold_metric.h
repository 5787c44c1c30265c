/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threshold_metric - the figure of each metric that thresholds may name (config_metrics), out of a
 * container's sample and its rates. NAN: it is not known. Metrics that count (restarts, oom_kills)
 * and those of the host are the business of threshold.c. Pure, the loop's thread. */
#ifndef BULKHEAD_THRESHOLD_METRIC_H
#define BULKHEAD_THRESHOLD_METRIC_H

#include <math.h>
#include <stdint.h>

#include "collector/config_thresholds.h"
#include "collector/container.h"
#include "collector/machine.h"
#include "detector/contention.h"
#include "detector/rates.h"

/* All that a look at the thresholds needs; nothing is kept. */
struct metric_world {
	const struct container_table *containers;
	const struct rates *rates;
	const struct contention *contention;
	const struct machine *machine;
	const struct machine_live *live;
	int state_fd;	       /* its file system is watched, too */
	const char *state_dir; /* for people */
	uint64_t now_ns, now_unix_ns;
};

struct metric_figure {
	double value;
	/* what it was worked out of, where it is a share: 0 and 0 else */
	double used, of;
	enum config_metric_unit unit; /* of these two */
	const char *resource;	      /* static; of METRIC_UNLIMITED_PERCENT_OF_HOST: "CPU" */
	bool has_verdict;	      /* of METRIC_PRESSURE_BY_OTHERS */
	struct contention_verdict verdict;
};

/* Most are never looked at: what has_verdict stands for is left as it is. */
static inline void metric_figure_clear(struct metric_figure *f)
{
	f->value = NAN;
	f->used = f->of = 0;
	f->unit = METRIC_IN_NUMBER;
	f->resource = NULL;
	f->has_verdict = false;
}

/* *out is filled in any case. */
double metric_figure(const struct metric_world *w, const struct container *c,
		     enum config_metric metric, struct metric_figure *out);

/* "93.4 %", "512 MiB", "1.5 MiB/s", "7" */
#define METRIC_TEXT_BYTES 48
const char *metric_text(double v, enum config_metric_unit unit, char text[METRIC_TEXT_BYTES]);

#endif
