/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alerts - the way of an alert: silenced or not, folded, held back or not, into the log, to serve.
 *
 * Owner: the loop's thread. An alert is written before anything else; serve is told of it when it
 * is on disk, or at once when the disk takes nothing. The log is the queue of the sinks.
 *
 *	alerts_raise ─▶ fold ─▶ silence ─▶ rate ─▶ alerts.jsonl ─▶ fdatasync ─▶ WIRE_ALERT_SEGMENT
 */
#ifndef BULKHEAD_ALERTS_H
#define BULKHEAD_ALERTS_H

#include "collector/agent_detector.h"
#include "detector/alert.h"
#include "detector/alert_fold.h"
#include "detector/alert_log.h"
#include "detector/alert_rate.h"
#include "detector/flight.h"
#include "detector/silence.h"

struct alerts;

struct alerts_settings {
	const struct agent_services *services; /* outlive this */
	struct worker *worker;		       /* of the logs alone; NULL in tests */
	struct silence_store *silences;	       /* outlive this */
	struct flight *flight;		       /* the same; NULL: nothing is recorded */
};

int alerts_new(struct alerts **out, const struct alerts_settings *s, struct err *e);
/* The worker was stopped. What is told from here on is synced by alerts_free. NULL is fine. */
void alerts_worker_ended(struct alerts *a);
/* The worker has ended: counts are told, the log is synced. NULL is fine. */
void alerts_free(struct alerts *a);
DEFINE_AUTO(alerts, alerts_free)

/* Something happened, or is so (has_end). host is set here. */
void alerts_raise(struct alerts *a, struct alert *alert);
/* It is so no more: by kind, rule, container (or image) and key. false: nothing was. */
bool alerts_resolve(struct alerts *a, const struct alert *alert);
/* By the same: it has an end and was told, by this run or the one before. */
bool alerts_fires(const struct alerts *a, const struct alert *alert);

void alerts_tick(struct alerts *a); /* about each second */
void alerts_configure(struct alerts *a);
void alerts_serve_up(struct alerts *a); /* tells all of its log; the caller tells the rest */

/* Alerts of a log that cannot be written, or that somebody changed; each second. */
struct alerts_watch {
	const char *name, *trouble; /* static */
	bool on;
	uint64_t tampered, missing;
};
void alerts_watch_log(struct alerts *a, const struct alert_log *log, struct alerts_watch *w);

const char *alerts_host(const struct alerts *a);
struct alert_log *alerts_log(struct alerts *a);
void alerts_state(const struct alerts *a, struct alerts_state *out); /* adds to it */

/* How a log tells serve: for the audit's, too. ctx: struct alerts_feed. */
struct alerts_feed {
	const struct agent_services *services;
	enum wire_log log;
	struct alert_log *source; /* set when it is made */
};
void alerts_feed_settings(struct alerts_feed *f, struct alert_log_settings *out);
void alerts_feed_all(struct alerts_feed *f);
void alerts_log_state(const struct alert_log *l, const char *name, uint64_t max_bytes,
		      struct alerts_log_state *out);

#endif
