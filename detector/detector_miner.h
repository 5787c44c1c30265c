/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_miner - mining at work: events and looks at busy containers become evidence (miner.h), a
 * verdict becomes an alert, and a miner is dealt with. Owner: the loop's thread.
 *
 * A verdict is an alert with an end: rules cpu-anomaly, likely-miner and miner, of which one at a
 * time is so of a container; rules.exceptions name them as they name rules (with image and
 * container; conditions are of events, and such an exception holds nothing back here). What
 * mining.action says is done to a miner only, and not to what baseline.exempt names. */
#ifndef BULKHEAD_DETECTOR_MINER_H
#define BULKHEAD_DETECTOR_MINER_H

#include "collector/agent_detector.h"
#include "collector/base/worker.h"
#include "detector/alerts.h"
#include "detector/audit.h"
#include "detector/detector_baseline.h"

enum mining_action { /* the order is of collector/config_keys.c */
		     MINING_ALERT,
		     MINING_KILL, /* the processes that evidence is of, and what they forked */
		     MINING_FREEZE,
		     MINING_STOP,
		     MINING_THROTTLE,
		     MINING_ACTIONS
};
extern const char *const mining_action_names[MINING_ACTIONS];

struct detector_miner;

struct detector_miner_settings {
	const struct agent_services *services; /* these outlive it */
	struct worker *lookups;		       /* reads /proc */
	struct worker *keeper;		       /* writes the journal of actions */
	struct alerts *alerts;
	struct audit *audit;
	/* What is known of images; its response is used where there is one. Freed after this. */
	struct detector_baseline *baseline;
};

int detector_miner_new(struct detector_miner **out, const struct detector_miner_settings *s,
		       struct err *e);
void detector_miner_free(struct detector_miner *d); /* the workers have ended; NULL is fine */
DEFINE_AUTO(detector_miner, detector_miner_free)

/* True: it is of a miner; baselines do not learn it. */
bool detector_miner_event(struct detector_miner *d, const struct event_view *v,
			  const struct event_context *c, struct container *of);
void detector_miner_life(struct detector_miner *d, struct container *c, enum agent_life what);
void detector_miner_tick(struct detector_miner *d); /* about each second */
void detector_miner_reload(struct detector_miner *d);
/* GET /api/v1/mining: containers with evidence, each piece with its weight and what was seen. */
bool detector_miner_get(struct detector_miner *d, struct span path, struct span query,
			uint32_t ticket);
void detector_miner_state(const struct detector_miner *d, struct alerts_state *out);

#endif
