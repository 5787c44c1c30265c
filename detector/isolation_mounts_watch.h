/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_mounts_watch - reads what containers have mounted, on the worker: at their start, each
 * 30 s, and soon after a mount or umount of theirs; isolation_mounts.h judges it.
 *
 * Each look at a container tells all that is so then (FINDING_SO); what the next look does not tell
 * any more is over. Owner: the loop's thread. */
#ifndef BULKHEAD_ISOLATION_MOUNTS_WATCH_H
#define BULKHEAD_ISOLATION_MOUNTS_WATCH_H

#include "collector/agent_detector.h"
#include "collector/base/worker.h"
#include "detector/invariant.h"
#include "detector/isolation_start.h"

struct isolation_mounts_watch;

struct isolation_mounts_watch_settings {
	const struct agent_services *services; /* outlive it, as the next two */
	struct worker *worker;
	const struct isolation_starts *starts;
	finding_fn found; /* I10, I11, I12 */
	/* NULL, or: this container was looked at, all that is so was told just now. */
	void (*looked)(void *ctx, struct container *c);
	void *ctx; /* of both */
};

int isolation_mounts_watch_new(struct isolation_mounts_watch **out,
			       const struct isolation_mounts_watch_settings *s, struct err *e);
/* The worker has ended. NULL is fine. */
void isolation_mounts_watch_free(struct isolation_mounts_watch *w);
DEFINE_AUTO(isolation_mounts_watch, isolation_mounts_watch_free)

void isolation_mounts_watch_tick(struct isolation_mounts_watch *w); /* about each second */
/* MOUNT, MOVE_MOUNT, UMOUNT, NEW_MOUNT of a process in it: it is looked at with the next tick. */
void isolation_mounts_watch_changed(struct isolation_mounts_watch *w, const struct container *c);
/* Stopped or destroyed. */
void isolation_mounts_watch_end(struct isolation_mounts_watch *w, const struct container *c);
/* Rows of bounded tables for /metrics. */
void isolation_mounts_watch_state(const struct isolation_mounts_watch *w, struct alerts_state *out);

#endif
