/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert_rate - how many alerts are delivered: so many a second of one container, and of all.
 *
 * The log takes all of them; what is held back is counted, and told with the next that is
 * delivered. Owner: one thread; the caller gives the time (monotonic). Containers share a table of
 * fixed size: when more than it holds are noisy at once, two may share a place. */
#ifndef BULKHEAD_ALERT_RATE_H
#define BULKHEAD_ALERT_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/parse.h"

#define RATE_SETS 256
#define RATE_WAYS 4

struct rate_bucket {
	uint64_t who;	/* hash of the container's id; 0: free */
	uint64_t ns;	/* of time saved up: what one alert costs is a second / rate */
	uint64_t at_ns; /* when that was so */
	uint64_t held_back;
};

struct rate { /* zero it to begin */
	struct rate_bucket global, places[RATE_SETS][RATE_WAYS];
	uint64_t held_back; /* of all time */
	uint64_t waiting;   /* not told yet */
	uint64_t seed;
};

struct rate_limits {
	uint32_t a_second, a_second_container; /* 0: no limit */
};

/* True: deliver it, and *held_back says how many were not before it. container: its id, empty for
 * the host, which the global limit alone holds. */
bool rate_take(struct rate *r, const struct rate_limits *l, struct span container, uint64_t now_ns,
	       uint64_t *held_back);

/* What nobody was told of yet, when nothing is held back any more; 0 else. It counts as told. */
uint64_t rate_untold(struct rate *r, const struct rate_limits *l, uint64_t now_ns);

#endif
