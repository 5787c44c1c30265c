/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock - the clocks in nanoseconds. Any thread. */
#ifndef BULKHEAD_BASE_CLOCK_H
#define BULKHEAD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_US 1000ULL

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static inline uint64_t mono_ns(void) /* for durations */
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t boot_ns(void) /* counts suspend; the clock of process start times */
{
	return clock_ns(CLOCK_BOOTTIME);
}

static inline uint64_t unix_ns(void) /* wall clock, may jump */
{
	return clock_ns(CLOCK_REALTIME);
}

#endif
