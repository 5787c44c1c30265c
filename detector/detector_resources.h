/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_resources - plain limits, restarts, and who takes what from whom, put together: what the
 * detector knows of resources beside kills. Owner: the loop's thread. */
#ifndef BULKHEAD_DETECTOR_RESOURCES_H
#define BULKHEAD_DETECTOR_RESOURCES_H

#include "collector/agent_detector.h"
#include "detector/alerts.h"
#include "detector/contention.h"

struct detector_resources;

int detector_resources_new(struct detector_resources **out, const struct agent_services *s,
			   struct alerts *alerts, struct err *e);
void detector_resources_free(struct detector_resources *r); /* NULL is fine */
DEFINE_AUTO(detector_resources, detector_resources_free)

void detector_resources_tick(struct detector_resources *r); /* about each second */
void detector_resources_reload(struct detector_resources *r);
void detector_resources_life(struct detector_resources *r, struct container *c,
			     enum agent_life what);
void detector_resources_state(const struct detector_resources *r, struct alerts_state *out);

/* Whether a kill for want of memory is told, and how grave it is. */
bool detector_resources_tells_oom(const struct detector_resources *r, const struct container *c,
				  enum alert_severity *severity);
/* Who took the memory, when it was the host that had none left. False: nobody but c itself. */
bool detector_resources_oom_cause(const struct detector_resources *r, const struct container *c,
				  struct contention_verdict *out);

/* What is usual for an image, from its baseline: contention.h. */
void detector_resources_normal(struct detector_resources *r, contention_normal_fn fn, void *ctx);

#endif
