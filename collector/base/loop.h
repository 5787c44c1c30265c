/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop - one epoll loop: descriptors, timers and signals call back on the loop's thread.
 *
 * Owner: the thread that calls loop_run(). A source may be removed from any callback, its own
 * included; its memory is freed at the end of the turn, so stale events never call into it.
 * Every wait of the program is a descriptor here: nobody sleeps. */
#ifndef BULKHEAD_BASE_LOOP_H
#define BULKHEAD_BASE_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"

struct loop;
struct loop_source; /* a descriptor, timer or signal set; owned by the loop until removed */

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP ... for descriptors; 1 for timers; the signal number. */
typedef void (*loop_fn)(void *ctx, uint32_t events);

int loop_new(struct loop **out, struct err *e);
void loop_free(struct loop *l); /* NULL is fine; removes all sources, closes timer descriptors */
DEFINE_AUTO(loop, loop_free)

/* Level triggered. The descriptor stays the caller's: remove the source before closing it. */
int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fn fn, void *ctx,
		struct loop_source **out, struct err *e);
int loop_set_events(struct loop_source *s, uint32_t events);

/* First call after first_ns, then each period_ns (0: once). Missed periods are not made up for.
 * loop_set_timer arms an existing one anew; first_ns 0 disarms it. */
int loop_add_timer(struct loop *l, uint64_t first_ns, uint64_t period_ns, loop_fn fn, void *ctx,
		   struct loop_source **out, struct err *e);
int loop_set_timer(struct loop_source *s, uint64_t first_ns, uint64_t period_ns);

/* Blocks the signals of `set` for the process (call before threads start) and reports them. */
int loop_add_signals(struct loop *l, const sigset_t *set, loop_fn fn, void *ctx,
		     struct loop_source **out, struct err *e);

void loop_remove(struct loop_source *s); /* NULL is fine */

/* Runs `fn` once at the end of this turn, or the next one when called from outside a callback:
 * for work cut into slices. At most LOOP_MAX_DEFERRED at once: -EBUSY beyond. */
#define LOOP_MAX_DEFERRED 64
int loop_defer(struct loop *l, void (*fn)(void *ctx), void *ctx);
void loop_cancel_deferred(struct loop *l, void *ctx);

int loop_run(struct loop *l, struct err *e); /* until loop_stop(); 0 or -errno */
void loop_stop(struct loop *l);		     /* from a callback */

struct loop_stats {
	uint64_t turns;	     /* times epoll_wait returned */
	uint64_t busy_ns;    /* time spent in callbacks */
	uint64_t longest_ns; /* longest turn since loop_stats(…, reset) */
};
struct loop_stats loop_stats(struct loop *l, bool reset_longest);

#endif
