/* SPDX-License-Identifier: GPL-2.0-or-later */
/* burst - whether a figure is above its limit for longer than a moment.
 *
 * Figures are looked at more often than some are read. A burst needs BURST_LOOKS looks in a row
 * above the limit, and so many of them must be readings of their own that one moment, read once and
 * looked at three times, is none. It ends after as many looks that are not above.
 *
 * Owner: one thread. Nothing to free; zeros are a quiet one. */
#ifndef BULKHEAD_BURST_H
#define BULKHEAD_BURST_H

#include <stdbool.h>
#include <stdint.h>

#define BURST_LOOKS	3
#define BURST_USUAL_DAY (86400 * UINT64_C(1000000000)) /* what lasts so long becomes usual */

struct burst {
	uint32_t above, below; /* looks in a row; of the newest kind */
	uint32_t readings;     /* among those above */
	uint64_t reading;      /* the newest of them */
	uint64_t since_ns;     /* when the first look above was */
	bool on;
};

struct burst_look {
	double value, limit; /* NAN: not known, so not above */
	uint64_t reading;    /* when the value was read, by any clock: another one, another value */
	uint32_t readings_needed; /* at most BURST_LOOKS */
	uint64_t now_ns;	  /* unix */
};

enum burst_change { BURST_NONE, BURST_BEGINS, BURST_ENDS };

enum burst_change burst_look(struct burst *b, const struct burst_look *l);

/* Whether the value just looked at may count for what is usual: none above the limit does, until
 * it was above for a day. */
bool burst_is_usual(const struct burst *b, uint64_t now_ns);

#endif
