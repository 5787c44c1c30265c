/* SPDX-License-Identifier: GPL-2.0-or-later */
/* selftest_actions - what `bulkhead selftest` does, which alert each action must give, and what the
 * agent's answers say of it. Pure: takes JSON, asks nobody. One thread. */
#ifndef BULKHEAD_SELFTEST_ACTIONS_H
#define BULKHEAD_SELFTEST_ACTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/parse.h"
#include "collector/wire.h"

#define SELFTEST_ACTIONS   8
#define SELFTEST_WHY_BYTES 200

struct selftest_action {
	const char *name; /* the probe knows it by this */
	const char *rule;
	bool own;	  /* the agent's own alert: needs no rule file */
	const char *what; /* for the help */
};
extern const struct selftest_action selftest_actions[SELFTEST_ACTIONS];

enum selftest_outcome {
	SELFTEST_SEEN,
	SELFTEST_MISSING,    /* no alert in time */
	SELFTEST_NOT_LOADED, /* the agent has no such rule at work: not tried */
	SELFTEST_FAILED,     /* the container did not run */
	SELFTEST_NOT_HERE,   /* cannot be tried here; no fault */
};
extern const char *const selftest_outcome_names[]; /* "seen", ... */

enum selftest_delivery {
	SELFTEST_WAITING, /* not delivered in time */
	SELFTEST_DELIVERED,
	SELFTEST_LEFT_OUT, /* by the sink's filter, a silence or a rate limit: no fault */
	SELFTEST_GIVEN_UP, /* is in the dead letters */
};
extern const char *const selftest_delivery_names[]; /* "waiting", ... */

struct selftest_sink {
	char name[WIRE_SINK_NAME_BYTES];
	enum selftest_delivery state;
	uint64_t sent_before, dead_before; /* its figures before the action */
	uint64_t after_ns;		   /* delivered so long after the call */
	char why[SELFTEST_WHY_BYTES];
};

/* What the probe said. */
struct selftest_said {
	char host[64]; /* the container's host name: the beginning of its id, with most runtimes */
	uint64_t at_ns;
	bool no_limit;
	char failed[SELFTEST_WHY_BYTES];
};
void selftest_said_parse(struct span output, struct selftest_said *out);

struct selftest_result {
	const struct selftest_action *action;
	char container[80];
	enum selftest_outcome outcome;
	char why[SELFTEST_WHY_BYTES];
	struct selftest_said said;
	/* of the alert, when seen */
	uint64_t seq, time_ns, after_ns;
	char id[27], severity[16];
	bool held; /* not for the sinks: silenced, or beyond a rate limit */
	struct selftest_sink sinks[WIRE_MAX_SINKS];
	size_t sinks_n;
};

/* Of GET /api/v1/rules: whether the rule is at work; why not is put into r. */
bool selftest_rule_on(const json_t *answer, struct selftest_result *r);
/* Of GET /api/v1/sinks, before the action: which there are. */
void selftest_sinks_begin(const json_t *answer, struct selftest_result *r);
/* Of GET /api/v1/alerts: takes the alert of the action in its container; false: not there yet. */
bool selftest_alert_seen(const json_t *answer, struct selftest_result *r);
/* Of GET /api/v1/sinks, after the alert; true: all sinks are done with it. */
bool selftest_sinks_done(const json_t *answer, struct selftest_result *r);
bool selftest_passed(const struct selftest_result *list, size_t n);

#endif
