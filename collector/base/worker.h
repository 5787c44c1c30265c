/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker - one thread for what may block (disk walks, fsync, metadata files), fed by messages.
 *
 * Owner: the loop's thread. A job's run() is called on the worker's thread and may touch only the
 * job itself; afterwards done() is called on the loop's thread, which owns the job again. Jobs are
 * embedded in the caller's structure; queueing allocates nothing. Urgent jobs go first. */
#ifndef BULKHEAD_BASE_WORKER_H
#define BULKHEAD_BASE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/loop.h"

#define WORKER_MAX_JOBS 16384 /* queued at once; more are refused with -EBUSY and counted */

struct worker;

struct worker_job {
	void (*run)(struct worker_job *job); /* worker's thread */
	void (*done)(
		struct worker_job *job); /* loop's thread; may free the job or submit it again */
	struct worker_job *next;	 /* the worker's while queued */
};

int worker_new(struct worker **out, struct loop *loop, const char *thread_name, struct err *e);
/* Waits for the running job, drops the queued ones after calling done() on each with
 * worker_closing() true. NULL is fine. */
void worker_free(struct worker *w);
/* The same, but waits for the running job at most wait_ms: false when it hangs in the kernel (a
 * dead mount). Then worker, jobs and all that they point to must stay until the process ends. */
bool worker_stop(struct worker *w, unsigned wait_ms);
DEFINE_AUTO(worker, worker_free)

int worker_submit(struct worker *w, struct worker_job *job, bool urgent); /* 0 or -EBUSY */
/* Any thread: a long run() looks at it now and then, and returns early. */
bool worker_closing(const struct worker *w);

struct worker_stats {
	uint64_t queued, capacity, refused, finished;
};
struct worker_stats worker_stats(struct worker *w);

#endif
