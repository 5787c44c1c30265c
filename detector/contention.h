/* SPDX-License-Identifier: GPL-2.0-or-later */
/* contention - isolation of resources: which container waits for CPU, memory or I/O that others
 * take, and which one takes it.
 *
 * Who suffers is told by pressure (PSI, "some": the share of time in which a task waited), less
 * what is its own doing: time in which it, or a group around it, was throttled by a CPU quota
 * (the kernel's pressure holds that, too), and all pressure for memory while it is at a memory
 * limit of its own. Who causes it: of those that take a tenth or more of the resource, the one that
 * is furthest above its normal use; processes outside of containers count as one of them. Is the
 * one that waits furthest above its own normal, it is its own doing. Is nobody above it, the
 * machine is too small for what runs on it, and the largest taker is named without blame.
 *
 * Normal is what contention_set_normal's function says (the usual upper figure, 95 of a hundred),
 * else its own mean of the past hour in which nobody waited, once a minute of that is known.
 *
 * What cannot be told. Cgroup v1 alone (no v2 tree beside it) has no pressure of containers: only
 * the host's is known, so the alert is of the host, and names who takes most and not who waits;
 * its CPU pressure holds waiting by quotas, of which what was throttled most is taken off. On v1
 * buffered writes belong to no container in the kernel's figures (only direct and synchronous I/O
 * does). An I/O limit, a cpuset or a cpu.weight of its own makes pressure that nothing tells from
 * that of others. Containers in containers count with the outermost one.
 *
 * Owner: the loop's thread. Bounded by the slots of the container table. */
#ifndef BULKHEAD_CONTENTION_H
#define BULKHEAD_CONTENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/config.h"
#include "collector/container.h"
#include "collector/machine.h"
#include "detector/rates.h"

enum contended { CONTENDED_CPU, CONTENDED_MEMORY, CONTENDED_IO, CONTENDED_COUNT };
extern const char *const contended_names[]; /* "CPU", "memory", "I/O" */

struct contention;

/* The usual upper figure of METRIC_CPU_CORES, METRIC_MEMORY_BYTES or METRIC_IO_BYTES of this
 * container's image; NAN when it is not known. */
typedef double (*contention_normal_fn)(void *ctx, const struct container *c,
				       enum config_metric metric);

int contention_new(struct contention **out, struct err *e);
void contention_free(struct contention *k); /* NULL is fine */
DEFINE_AUTO(contention, contention_free)
void contention_set_normal(struct contention *k, contention_normal_fn fn, void *ctx);

/* Each time that rates moved. live: without figures (time_unix_ns 0) the host is left out. */
void contention_tick(struct contention *k, const struct container_table *t, const struct rates *r,
		     const struct machine *m, const struct machine_live *live, uint64_t now_ns);

struct contention_verdict {
	enum contended what;
	double pressure;		 /* percent of the time, by others */
	const struct container *culprit; /* good until the next tick */
	bool outside;			 /* it is what runs outside of containers */
	bool above_normal;		 /* else it only takes most */
	/* in cores, bytes, bytes a second; normal NAN: not known. taken: percent of the resource */
	double now, normal, taken;
};

/* The worst of the three; 0 when it is nobody else's doing; NAN when it is not known. *out is
 * filled when the result is above 0. */
double contention_of(const struct contention *k, const struct container *c,
		     struct contention_verdict *out);
/* The same of the host, where containers have no pressure; else NAN. */
double contention_of_host(const struct contention *k, struct contention_verdict *out);

/* Who takes most above normal, whether somebody waits or not. False: nobody but c itself. */
bool contention_blame(const struct contention *k, const struct container *c, enum contended what,
		      struct contention_verdict *out);

#endif
