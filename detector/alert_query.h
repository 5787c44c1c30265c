/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert_query - what GET /api/v1/alerts and /api/v1/audit answer: the newest lines of a log that
 * fit, each alert once with the newest that was said of it.
 *
 * The files are read backwards on the worker, so that the loop never waits for a disk; how much is
 * read is bounded, and the answer says where to go on. Owner: the loop's thread. */
#ifndef BULKHEAD_ALERT_QUERY_H
#define BULKHEAD_ALERT_QUERY_H

#include "detector/alert_log.h"
#include "detector/silence.h"

#define ALERT_QUERY_MAX	       8 /* at once */
#define ALERT_QUERY_LIMIT      100
#define ALERT_QUERY_MAX_LIMIT  1000
#define ALERT_QUERY_SCAN_BYTES (64u << 20) /* read for one answer */

/* severity (this and worse), kind, rule (with '*'), container (name, id or its beginning), state,
 * id, since (RFC 3339, or seconds such as 15m back), after and before (numbers of lines), limit */
struct alert_filter {
	enum alert_severity severity;
	bool has_kind;
	enum alert_kind kind;
	char rule[257], container[257], state[16], id[ULID_BYTES];
	uint64_t since_ns, after, before;
	uint32_t limit;
};
int alert_filter_parse(struct alert_filter *out, struct span query, uint64_t now_unix_ns,
		       struct err *e); /* -EINVAL and what is known instead */

/* *body: {"alerts":[...],"count":N,"newest":SEQ,"more":true,"before":SEQ}, to be released by the
 * callee. */
typedef void (*alert_query_fn)(void *ctx, uint32_t ticket, uint16_t status, struct buf *body);

struct alert_query_settings {
	struct worker *worker;
	const struct alert_log *log;
	const char *name; /* static: of the log, and of the list in the answer */
	const struct silence_store *silences;
	struct alert_filter filter;
	uint32_t ticket;
	alert_query_fn done;
	void *ctx;
};
/* Answers by done, later. -EBUSY: the worker takes no more; -ENOMEM. */
int alert_query_start(const struct alert_query_settings *s, struct err *e);

#endif
