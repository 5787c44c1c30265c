/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threshold - plain limits (config_thresholds.h): what is above one for its time becomes an alert
 * of kind resource, by the name of the limit as the rule and its metric as the key.
 *
 * A figure beyond the limit waits for its time, and begins anew when it was not beyond; one that is
 * told ends when it was not beyond for the same time or a minute, whichever is shorter. A figure
 * that is not known changes nothing. What counts (restarts, kills) is told when it was so often
 * within its time. A container that goes ends its alerts, but for those of its name. What was told
 * by the run before is told on without waiting.
 *
 * Only what is beyond a limit has an entry: the table is bounded, what is refused is counted, tried
 * again each second and told by nobody meanwhile. Owner: the loop's thread.
 *
 * A look at a container that is beyond nothing costs about half a microsecond with the shipped
 * limits; with rates and contention 300 containers cost 0.02 % of a core. */
#ifndef BULKHEAD_THRESHOLD_H
#define BULKHEAD_THRESHOLD_H

#include "collector/agent_detector.h"
#include "detector/alerts.h"
#include "detector/restarts.h"
#include "detector/threshold_metric.h"

#define THRESHOLD_MAX_BEYOND	  4096 /* (container, limit) beyond */
#define THRESHOLD_MAX_FILESYSTEMS (MACHINE_MAX_FILESYSTEMS + 1)

struct threshold;

struct threshold_settings {
	const struct agent_services *services; /* these outlive it */
	struct alerts *alerts;
	struct restarts *restarts;
};

int threshold_new(struct threshold **out, const struct threshold_settings *s, struct err *e);
void threshold_free(struct threshold *t); /* alerts stay as they are; NULL is fine */
DEFINE_AUTO(threshold, threshold_free)

void threshold_tick(struct threshold *t, const struct metric_world *w); /* about each second */
/* The configuration changed: what is no limit any more is resolved. */
void threshold_configure(struct threshold *t);
void threshold_ended(struct threshold *t, const struct container *c);

/* Whether the limit "oom-kill" is on for it, and with which severity. */
bool threshold_tells_oom(const struct threshold *t, const struct container *c,
			 enum alert_severity *severity);

/* Of what rates are to be worked out, and how long starts are to be remembered. */
uint64_t threshold_window_ns(const struct threshold *t);
uint64_t threshold_restarts_ns(const struct threshold *t);

struct threshold_stats {
	uint64_t beyond, capacity, refused;
};
struct threshold_stats threshold_stats(const struct threshold *t);

#endif
