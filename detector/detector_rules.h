/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_rules - the rules of the configuration at work: loaded, swapped whole, given each event;
 * what matches becomes an alert, or a record of the audit. Owner: the loop's thread; files are read
 * and compiled on a worker. A set with errors leaves the old one in force, and says so. */
#ifndef BULKHEAD_DETECTOR_RULES_H
#define BULKHEAD_DETECTOR_RULES_H

#include "collector/agent_detector.h"
#include "collector/base/worker.h"
#include "detector/alerts.h"
#include "detector/audit.h"
#include "detector/rules.h"
#include "detector/users.h"

struct detector_rules;

struct detector_rules_settings {
	const struct agent_services *services; /* these outlive it */
	struct worker *worker;		       /* reads rule files */
	struct users *users;		       /* names of the containers' users */
	struct alerts *alerts;
	struct audit *audit;
};

/* Loads the first set before it returns, so that no event goes by without rules. Errors in files
 * are told by the log and an internal alert, and are no failure. */
int detector_rules_new(struct detector_rules **out, const struct detector_rules_settings *s,
		       struct err *e);
void detector_rules_free(struct detector_rules *r); /* the worker has ended */
DEFINE_AUTO(detector_rules, detector_rules_free)

/* True: a rule of warning or worse calls it so (not one of the audit). */
bool detector_rules_event(struct detector_rules *r, const struct event_view *v,
			  const struct event_context *c, const struct container *of);
void detector_rules_life(struct detector_rules *r, const struct container *c, enum agent_life what);

/* Reads all again, from the configuration as it stands. ticket: who waits for the outcome, or
 * AGENT_NO_TICKET. */
void detector_rules_reload(struct detector_rules *r, uint32_t ticket);
void detector_rules_tick(struct detector_rules *r); /* about each second: files that changed */

/* What fields ask that is in no event: for conditions of others. As long as r. */
const struct field_world *detector_rules_world(const struct detector_rules *r);
void detector_rules_json(struct buf *b, const struct detector_rules *r); /* GET /api/v1/rules */
void detector_rules_state(const struct detector_rules *r, struct alerts_state *out);

#endif
