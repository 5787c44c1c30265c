/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exposition - /metrics in Prometheus text 0.0.4 or OpenMetrics 1.0, from the tables, in slices.
 *
 * Owner: the loop's thread. A rendering holds references to the containers that were there when it
 * began, so that containers may come and go between its slices. */
#ifndef BULKHEAD_EXPOSITION_H
#define BULKHEAD_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/state.h"

struct exposition;

int exposition_new(struct exposition **out, const struct agent_state *state, bool openmetrics,
		   struct err *e);
/* Renders into b for at most budget_ns. 1 done, 0 more to do, -errno (b failed: -EFBIG). `state`
 * may be a fresh view; the containers are those of exposition_new. */
int exposition_step(struct exposition *x, const struct agent_state *state, struct buf *b,
		    uint64_t budget_ns);
void exposition_free(struct exposition *x);
DEFINE_AUTO(exposition, exposition_free)

/* Walks the table of metrics: for tests and documentation. */
void exposition_each_metric(void (*fn)(void *ctx, const char *name, const char *type,
				       const char *help),
			    void *ctx);

#endif
