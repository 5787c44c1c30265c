/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup_layout - which cgroup hierarchies this host has and where they are mounted, read from
 * /proc/self/mountinfo (v1, v2 and hybrid). Read once; plain data afterwards. */
#ifndef BULKHEAD_CGROUP_LAYOUT_H
#define BULKHEAD_CGROUP_LAYOUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collector/base/err.h"

enum cgroup_controller {
	CONTROLLER_CPU,	    /* cpu.stat, cpu.shares, cfs */
	CONTROLLER_CPUACCT, /* cpuacct.*; v2: in cpu.stat */
	CONTROLLER_MEMORY,
	CONTROLLER_BLKIO, /* v2: io */
	CONTROLLER_PIDS,
	CONTROLLER_HUGETLB,
	CONTROLLER_CPUSET,
	CONTROLLER_COUNT
};

enum cgroup_mode { CGROUP_V1, CGROUP_V2, CGROUP_HYBRID /* controllers on v1, a v2 tree beside */ };

struct cgroup_layout {
	enum cgroup_mode mode;
	int fds[CONTROLLER_COUNT]; /* O_PATH of each controller's root; -1 where absent. On v2 all
				    * available controllers are the same directory, each its own fd
				    */
	bool on_v2[CONTROLLER_COUNT];
	int unified_fd; /* root of the v2 tree (PSI is there), or -1 */
	int freezer_fd; /* root of v1's freezer hierarchy, or -1; it makes no host a v1 one */
	int watch_fd;	/* root of the hierarchy that is watched */
	char paths[CONTROLLER_COUNT][PATH_MAX]; /* mount points, "" where absent */
	char unified_path[PATH_MAX];
	char watch_path[PATH_MAX];
	char watch_name[32]; /* its name in /proc/PID/cgroup: "" on v2, "memory", ... */
};

const char *cgroup_controller_name(enum cgroup_controller c);

/* Finds the mounts in `mountinfo` (a path, normally "/proc/self/mountinfo"); `prefix` ("" or
 * "/rootfs") is put before mount points that were seen from outside it; a mount below `prefix` wins
 * over the same hierarchy elsewhere. Where a mount shows only a subtree (field 4 is not "/"), a
 * whole one is preferred. Watched: v2 where controllers are on v2, else the first of memory,
 * cpuacct, cpu, pids, blkio. -ENOENT with a text that names what was looked for. */
int cgroup_layout_read(struct cgroup_layout *out, const char *mountinfo, const char *prefix,
		       struct err *e);
void cgroup_layout_release(struct cgroup_layout *l);

/* Path of process `pid` in the hierarchy of controller `c` (or of the v2 tree with
 * CONTROLLER_COUNT), from <proc>/PID/cgroup. Length or -errno: -ENOENT when the process or the
 * hierarchy is not there, -EXDEV when the path ("/../x") lies outside of our cgroup namespace,
 * -ENAMETOOLONG. The path of a process in a removed cgroup ends in " (deleted)". */
ssize_t cgroup_path_of(const struct cgroup_layout *l, const char *proc, pid_t pid,
		       enum cgroup_controller c, char *out, size_t cap);
/* The same by the name of the v1 hierarchy ("freezer"), "" for the v2 tree. */
ssize_t cgroup_path_in(const char *name, const char *proc, pid_t pid, char *out, size_t cap);

/* The part of `path` up to and with the component `name`, in place; false when it has none. A
 * process may sit below its container's cgroup (systemd in a container), or, in a hierarchy that
 * the runtime does not use, in a cgroup that others share: that is not the container's. */
bool cgroup_path_cut(char *path, const char *name);

#endif
