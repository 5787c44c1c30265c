/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_isolation - the walls of containers at work: events and passes over all tasks become
 * findings, findings become alerts. Owner: the loop's thread. */
#ifndef BULKHEAD_DETECTOR_ISOLATION_H
#define BULKHEAD_DETECTOR_ISOLATION_H

#include "collector/agent_detector.h"
#include "collector/base/worker.h"
#include "detector/alerts.h"
#include "detector/invariant.h"

struct detector_isolation;

struct detector_isolation_settings {
	const struct agent_services *services; /* these outlive it */
	struct worker *worker;		       /* reads files of /proc and of containers */
	struct alerts *alerts;
	const struct event_query_hooks *queries; /* for exceptions; NULL: conditions never fit */
};

int detector_isolation_new(struct detector_isolation **out,
			   const struct detector_isolation_settings *s, struct err *e);
void detector_isolation_free(struct detector_isolation *d); /* the worker has ended; NULL is fine */
DEFINE_AUTO(detector_isolation, detector_isolation_free)

/* True: something was broken by it, gravely enough that baselines do not learn it (warning or
 * worse). */
bool detector_isolation_event(struct detector_isolation *d, const struct event_view *v,
			      const struct event_context *c, struct container *of);
void detector_isolation_life(struct detector_isolation *d, struct container *c,
			     enum agent_life what);
void detector_isolation_round(struct detector_isolation *d); /* each sampling round: passes */
void detector_isolation_tick(struct detector_isolation *d);  /* about each second */
void detector_isolation_reload(struct detector_isolation *d);
/* GET /api/v1/isolation: the invariants, which are watched and why not, what is broken. */
bool detector_isolation_get(struct detector_isolation *d, struct span path, struct span query,
			    uint32_t ticket);
void detector_isolation_state(const struct detector_isolation *d, struct alerts_state *out);

/* A finding of somebody else (posture, tables): folded, excepted and told as its own are. One that
 * is FINDING_SO ends with its container alone. */
void detector_isolation_find(void *ctx, const struct finding *f, struct container *of,
			     const struct process *p);

#endif
