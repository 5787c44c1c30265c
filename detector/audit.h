/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit - who did what: containers that came and went, who entered them, what rules tagged "audit"
 * match, changes of bulkhead itself. Records of kind "audit" in a log of their own,
 * STATE/audit/audit.jsonl.
 *
 * Owner: the loop's thread. Nothing is folded; what one container or the host writes beyond a rate
 * is counted, and told with its next record. */
#ifndef BULKHEAD_AUDIT_H
#define BULKHEAD_AUDIT_H

#include "collector/agent_detector.h"
#include "detector/alerts.h"
#include "detector/response.h"

struct audit;

/* worker: of the logs alone; NULL in tests. */
int audit_new(struct audit **out, const struct agent_services *services, struct worker *worker,
	      const char *host, struct err *e);
void audit_worker_ended(struct audit *a); /* it was stopped; NULL is fine */
void audit_free(struct audit *a);	  /* the worker has ended; NULL is fine */
DEFINE_AUTO(audit, audit_free)

void audit_event(struct audit *a, const struct event_view *v, const struct event_context *c,
		 const struct container *of);
void audit_life(struct audit *a, const struct container *c, enum agent_life what);
/* A change that somebody made: facts may be NULL. */
void audit_change(struct audit *a, const char *rule, const char *title,
		  const struct alert_pair *facts, size_t facts_n, bool failed);

/* What was done to a container, or could not be. title: static. */
void audit_response(struct audit *a, const char *title, const struct response_event *ev);

/* What a rule tagged "audit" matched; kind, host and clock are set here. */
void audit_rule(struct audit *a, struct alert *record);

void audit_tick(struct audit *a);
void audit_configure(struct audit *a);
void audit_serve_up(struct audit *a);
struct alert_log *audit_log(struct audit *a);
void audit_state(const struct audit *a, struct alerts_state *out);

#endif
