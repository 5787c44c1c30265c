/* SPDX-License-Identifier: GPL-2.0-or-later */
/* restarts - how often containers start again, by name and by image.
 *
 * A name (of a pod: namespace, pod and container) counts each start: a new cgroup, or a
 * restart_count that grew by more than the starts that were seen. An image counts the ends with a
 * failure of containers whose names did not come twice: those that are made anew under another name
 * each time. What was there before us is no start. Owner: the loop's thread.
 *
 * A container that ends before its metadata was read waits for it, at most RESTARTS_WAIT_NS. Both
 * tables are bounded: of names the one that was quiet longest makes room, unless all are told of.
 */
#ifndef BULKHEAD_RESTARTS_H
#define BULKHEAD_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/container.h"
#include "detector/event_times.h"

#define RESTARTS_MAX_NAMES   1024
#define RESTARTS_MAX_WAITING 256
#define RESTARTS_WAIT_NS     (10ULL * 1000000000)

struct restarts;

struct restart_name {
	struct container *c; /* the last one; a reference */
	bool by_image, has_exit_code;
	int exit_code; /* of the last that ended */
	uint32_t told; /* the caller's; it is not forgotten while this is not 0 */
	struct event_times times;
};

/* What started before since_unix_ns is no start. */
int restarts_new(struct restarts **out, uint64_t since_unix_ns, struct err *e);
void restarts_free(struct restarts *r); /* NULL is fine */
DEFINE_AUTO(restarts, restarts_free)

void restarts_started(struct restarts *r, struct container *c, uint64_t now_ns);
void restarts_ended(struct restarts *r, struct container *c, uint64_t now_ns);
/* About each second. Forgets names that were quiet for keep_ns. */
void restarts_tick(struct restarts *r, const struct container_table *t, uint64_t now_ns,
		   uint64_t keep_ns);

/* fn must not call back into this. */
void restarts_each(struct restarts *r, void (*fn)(void *ctx, struct restart_name *n), void *ctx);

struct restarts_stats {
	uint64_t names, names_refused; /* refused: forgotten early, or not taken */
	uint64_t waiting, waiting_refused;
};
struct restarts_stats restarts_stats(const struct restarts *r);

#endif
