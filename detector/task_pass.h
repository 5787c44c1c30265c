/* SPDX-License-Identifier: GPL-2.0-or-later */
/* task_pass - looks at every task of the host now and then, and compares those in containers with
 * what their container started with: what no event told is found by how things are.
 *
 * A pass reads the kernel's iterator in slices of the loop, so that it holds nobody up, and tells
 * each break that it finds, in every pass anew (FINDING_SO): what a pass does not tell any more is
 * over. What needs a file of /proc is asked of the worker, and told from the next pass on.
 *
 * Judged by it: I1, I2, I3, I4, I5, I6, I7, I8, I9, I23. What a runtime does in a container before
 * the container's own program runs is its own affair, and what is younger than a second must be so
 * in two passes. Owner: the loop's thread. */
#ifndef BULKHEAD_TASK_PASS_H
#define BULKHEAD_TASK_PASS_H

#include "collector/agent_detector.h"
#include "collector/base/worker.h"
#include "detector/invariant.h"
#include "detector/isolation_start.h"

struct task_pass;

struct task_pass_settings {
	const struct agent_services *services; /* outlive it, as the next two */
	struct worker *worker;		       /* reads /proc of processes that stand out */
	const struct isolation_starts *starts;
	finding_fn found;
	/* NULL, or: a whole pass is over, all that is so was told in it. Not called for one that
	 * the kernel ended early. */
	void (*passed)(void *ctx);
	void *ctx; /* of both */
};

int task_pass_new(struct task_pass **out, const struct task_pass_settings *s, struct err *e);
/* The worker has ended. NULL is fine. */
void task_pass_free(struct task_pass *p);
DEFINE_AUTO(task_pass, task_pass_free)

/* About each second: begins a pass when it is time for one (isolation.interval), or sooner when
 * something young must be looked at again. Nothing while isolation is off, or without a sensor. */
void task_pass_tick(struct task_pass *p);

struct task_pass_stats {
	uint64_t passes, failed;	  /* whole ones; those that the kernel ended early */
	uint64_t tasks, containers_tasks; /* of the last whole one */
	uint64_t last_cpu_ns;		  /* what the last whole one took of the processor */
	uint64_t longest_slice_ns;
	uint64_t remembered, capacity, refused; /* processes whose last state is kept */
	uint64_t looks, looks_refused;		/* questions to the worker */
};
struct task_pass_stats task_pass_stats(const struct task_pass *p);
/* False: why nothing is looked at, in *why (static). */
bool task_pass_works(const struct task_pass *p, const char **why);

/* Rows of bounded tables for /metrics. */
void task_pass_state(const struct task_pass *p, struct alerts_state *out);

#endif
