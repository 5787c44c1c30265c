/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_internal - what detector.c (hooks), detector_agent.c (what the agent tells) and
 * detector_api.c (requests) share. */
#ifndef BULKHEAD_DETECTOR_INTERNAL_H
#define BULKHEAD_DETECTOR_INTERNAL_H

#include "collector/base/worker.h"
#include "detector/alert_query.h"
#include "detector/alerts.h"
#include "detector/audit.h"
#include "detector/detector.h"
#include "detector/detector_baseline.h"
#include "detector/detector_isolation.h"
#include "detector/detector_miner.h"
#include "detector/detector_posture.h"
#include "detector/detector_resources.h"
#include "detector/detector_rules.h"
#include "detector/detector_tables.h"
#include "detector/flight.h"
#include "detector/rule_query.h"

struct detector {
	struct agent_detector hooks;
	struct agent_services services;
	struct worker *worker;	/* syncs the logs: nothing else may keep it */
	struct worker *readers; /* reads them for answers */
	struct worker *lookups; /* reads containers' files */
	struct worker *keeper;	/* of baselines and of what is done to containers */
	struct users *users;
	struct silence_store *silences;
	struct flight *flight;
	struct alerts *alerts;
	struct audit *audit;
	struct detector_rules *rules;
	struct detector_resources *resources;
	struct detector_baseline *baseline;
	struct detector_isolation *isolation;
	struct detector_miner *miner;
	struct detector_posture *posture;
	struct detector_tables *tables;
	struct event_query_hooks event_queries;
	struct alerts_watch audit_watch;
	struct wire_sink_stats sinks;
	bool sinks_known;
	unsigned queries;
	uint64_t queries_refused, tick_ns;
	bool hangs; /* a worker never ended: nothing of this may be freed */
};

/* detector_agent.c */
void detector_oom(void *ctx, struct container *c, const struct agent_oom *oom);
void detector_trouble(void *ctx, enum agent_trouble what, bool on, const char *text);
void detector_audit(void *ctx, const struct agent_audit *a);
void detector_life(void *ctx, struct container *c, enum agent_life what);
void detector_event(void *ctx, const struct event_view *v, const struct event_context *c,
		    struct container *of);

/* detector_api.c */
bool detector_get(void *ctx, struct span path, struct span query, uint32_t ticket);
bool detector_command(void *ctx, struct span path, struct span query, uint32_t ticket);
bool detector_document(void *ctx, struct span path, struct span query, struct span body,
		       uint32_t ticket);

/* flight_api.c: true when the path is one of the flight recorder's. */
bool detector_flights(struct detector *d, struct span path, uint32_t ticket);

#endif
