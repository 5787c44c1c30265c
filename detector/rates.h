/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rates - what containers use a second, out of their counters over the last window of some seconds.
 *
 * One entry a live cgroup that is shown, by its slot; it goes at the tick after the container.
 * Owner: the loop's thread. A figure is NAN until two readings of its counter are known, and when
 * the counter went backwards.
 *
 * Network counters are read every sample.network_interval alone: their window is never shorter. */
#ifndef BULKHEAD_RATES_H
#define BULKHEAD_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/config.h"
#include "collector/container.h"

#define RATES_MAX CONFIG_MAX_CONTAINERS /* entries: slots of the table */

enum rate_of {
	RATE_CPU_CORES,
	RATE_THROTTLED_PERIODS, /* percent of the periods that passed; 0 when none did */
	RATE_THROTTLED_TIME,	/* percent of the time, summed up over processors */
	RATE_PRESSURE_CPU,	/* percent of the time in which some waited */
	RATE_PRESSURE_MEMORY,
	RATE_PRESSURE_IO,
	RATE_IO_BYTES, /* of all devices, read and written */
	RATE_IO_OPERATIONS,
	RATE_RECEIVED_BYTES,
	RATE_SENT_BYTES,
	RATE_READ_BYTES, /* the same, apart */
	RATE_WRITE_BYTES,
	RATE_READS,
	RATE_WRITES,
	RATE_RECEIVED_PACKETS,
	RATE_SENT_PACKETS,
	RATE_AT_LIMIT, /* times that its memory met its own limit */
	RATE_COUNT
};

struct rates;

int rates_new(struct rates **out, struct err *e);
void rates_free(struct rates *r); /* NULL is fine */
DEFINE_AUTO(rates, rates_free)

/* Looks at all live cgroups; the figures move when the window is over. True: some did. */
bool rates_tick(struct rates *r, const struct container_table *t, uint64_t now_ns,
		uint64_t window_ns, uint64_t network_window_ns);

double rates_get(const struct rates *r, const struct container *c, enum rate_of which);
/* The time of the tick at which the figure moved last: another time, another reading. 0: none. */
uint64_t rates_read_ns(const struct rates *r, const struct container *c, enum rate_of which);

struct rates_stats {
	uint64_t used, capacity, refused; /* refused: no memory for an entry */
};
struct rates_stats rates_stats(const struct rates *r);

#endif
