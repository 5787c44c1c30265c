/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sampler - reads the counters of cgroups into struct sample.
 *
 * Owner: the loop's thread. Counter files stay open and are read with pread; nothing is allocated
 * per sample. The hot pass costs in proportion to what happened: a cgroup whose CPU usage did not
 * move since the last tick has run nothing, so its other hot files are read only every
 * `refresh_ticks` (staggered over cgroups, so that the work is even). One that waited for I/O or
 * memory between the last two whole reads is read whole too: waiting burns no CPU. When descriptors
 * run short (ENFILE, EMFILE or the budget), only the hottest files stay open; others are opened,
 * read and closed, and `degraded` says so. */
#ifndef BULKHEAD_SAMPLER_H
#define BULKHEAD_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/cgroup_layout.h"
#include "collector/sample.h"

struct sampler;	   /* shared state: layout, scratch memory, descriptor budget, device names */
struct sampler_cg; /* one cgroup's open files */

struct sampler_settings {
	unsigned refresh_ticks; /* idle cgroups are read whole every so many ticks; 0, 1: always */
	uint64_t max_fds; /* descriptors the sampler may hold; 0: three quarters of the limit */
	bool per_cpu;	  /* read cpuacct.usage_percpu (v1) */
	bool hugetlb;
	const char *proc; /* "/proc" */
	const char *sys;  /* "/sys": device names */
};

int sampler_new(struct sampler **out, const struct cgroup_layout *layout,
		const struct sampler_settings *settings, struct err *e);
void sampler_free(struct sampler *s); /* NULL is fine; free its cgroups first */
DEFINE_AUTO(sampler, sampler_free)

/* Takes the setting that may change at a reload. */
void sampler_set_refresh(struct sampler *s, unsigned refresh_ticks);

/* `path` in the watched hierarchy. Where another hierarchy has no such path, it is looked up in
 * <proc>/PID/cgroup once sampler_set_pid() told a process, up to the component that is named like
 * the cgroup; without one the process shares its place there with others (often the root), and the
 * figures stay out. Files are opened at the first read. -EINVAL when path does not begin with '/'.
 * The layout must outlive the sampler. */
int sampler_add(struct sampler *s, const char *path, struct sampler_cg **out, struct err *e);
void sampler_set_pid(struct sampler_cg *cg, pid_t pid);
void sampler_remove(struct sampler *s, struct sampler_cg *cg); /* closes all; NULL is fine */

/* Hot pass: CPU, memory, IO, pids, PSI. Returns 1 when it was read whole (it ran, or it was its
 * turn to be refreshed), 0 when idle, -ENODEV when the cgroup is gone, or another one has its name
 * now: *out keeps the last figures, and the same is returned ever after. `tick` only grows. "/"
 * takes what its cgroup lacks from <proc>: pressure, loadavg, and on v2 meminfo. */
int sampler_read_hot(struct sampler *s, struct sampler_cg *cg, uint64_t tick, struct sample *out);

/* Slow pass, every few seconds: limits, shares, quota, max usage, failcnt, swap, kernel memory,
 * hugetlb, processes (lines of cgroup.procs below the cgroup). Same returns. */
int sampler_read_slow(struct sampler *s, struct sampler_cg *cg, struct sample *out);

/* First process of the cgroup or of those below it: the one that started first; 0 when empty. */
pid_t sampler_first_pid(struct sampler *s, struct sampler_cg *cg);

struct sampler_stats {
	uint64_t cgroups, fds_open, fds_budget;
	uint64_t reads;		  /* counter files read */
	uint64_t skipped_idle;	  /* hot passes that stopped after the CPU counter */
	uint64_t refused_devices; /* block devices beyond SAMPLE_MAX_DEVICES */
	uint64_t parse_errors;	  /* files whose content was not understood */
	bool degraded;		  /* files are opened and closed because descriptors are short */
};
struct sampler_stats sampler_stats(const struct sampler *s);

#endif
