/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capacity - one list of all bounded tables and queues: what /metrics shows as bulkhead_capacity,
 * bulkhead_used, bulkhead_refused_total and the API as "capacities". Loop's thread. */
#ifndef BULKHEAD_CAPACITY_H
#define BULKHEAD_CAPACITY_H

#include <stddef.h>
#include <stdint.h>

#include "collector/state.h"

#define CAPACITY_MAX 192 /* ALERTS_MAX_TABLES, and those of the agent and the sensor */

struct capacity {
	const char *table;		  /* static */
	uint64_t used, capacity, refused; /* capacity 0: the kernel's own limit */
};

size_t capacity_list(const struct agent_state *s, struct capacity out[CAPACITY_MAX]);

#endif
