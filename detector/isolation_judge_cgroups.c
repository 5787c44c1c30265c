// SPDX-License-Identifier: GPL-2.0-or-later
/* I14 and I24 in the file systems of cgroups: release_agent, and the container's own limits. */
#include <stdio.h>
#include <string.h>

#include "detector/isolation_judge.h"

#define MAGIC_CGROUP  0x27e0eb
#define MAGIC_CGROUP2 0x63677270

/* --- I24 -------------------------------------------------------------------------------------- */

static bool is_limit(struct span name)
{
	static const char *const limits[] = {
		"memory.max",
		"memory.high",
		"memory.swap.max",
		"memory.limit_in_bytes",
		"memory.soft_limit_in_bytes",
		"memory.memsw.limit_in_bytes",
		"memory.oom_control",
		"cpu.max",
		"cpu.weight",
		"cpu.cfs_quota_us",
		"cpu.cfs_period_us",
		"cpu.shares",
		"pids.max",
		"cpuset.cpus",
		"cpuset.mems",
		"io.max",
		"io.weight",
		"blkio.weight",
		"devices.allow",
		"hugetlb.2MB.max",
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (span_eq(name, limits[i]))
			return true;
	return span_starts(name, "blkio.throttle.");
}

/* Whether it lies in a folder with the container's own limits; 0: no; -1: nobody knows which these
 * are in this hierarchy. */
static int is_own_limit(const struct isolation_case *k, const struct event_file *f)
{
	const struct isolation_memory *m = k->memory;
	int known = -1;

	if (f->parent_inode &&
	    (f->parent_inode == k->of->inode || f->parent_inode == k->of->unified_inode))
		return 1;
	for (unsigned i = 0; m && i < m->limits_n; i++) {
		if (m->limits[i].device != f->device)
			continue;
		if (m->limits[i].inode == f->parent_inode)
			return 1;
		known = 0;
	}
	return known;
}

static bool is_hierarchy(struct span name)
{
	static const char *const names[] = { "memory",	"cpu",	   "cpuacct", "cpu,cpuacct",
					     "pids",	"cpuset",  "blkio",   "devices",
					     "hugetlb", "freezer", "rdma",    "systemd",
					     "unified", "net_cls", "misc",    "perf_event" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq(name, names[i]))
			return true;
	return false;
}

/* Of a hierarchy that was not known at the start, or of another's: by the place, where "/" of the
 * container's view is its own cgroup. */
static bool is_at_top(struct span path)
{
	struct span rest, part, first = { NULL, 0 };
	unsigned parts = 0;

	if (!isolation_below(path, "/sys/fs/cgroup"))
		return true; /* mounted by somebody for himself */
	rest = (struct span){ path.p + strlen("/sys/fs/cgroup"),
			      path.n - strlen("/sys/fs/cgroup") };
	while (span_next(&rest, '/', &part)) {
		if (part.n == 0)
			continue;
		if (parts++ == 0)
			first = part;
	}
	return parts == 1 || (parts == 2 && is_hierarchy(first));
}

static void tell_limit(struct isolation_case *k, struct span path, struct span name)
{
	const bool devices = span_eq(name, "devices.allow");

	isolation_begin_write(k, devices ? INV_DEVICES : INV_LIMITS,
			      devices ? "its list of devices (devices.allow)" : "its own limits");
	k->found.known_as = devices ? "devices.allow and mknod" : NULL;
	isolation_key_path(k, name);
	isolation_put_file(k, path);
	isolation_tell(k);
}

static void tell_release_agent(struct isolation_case *k, struct span path, struct span name)
{
	const bool agent = span_eq(name, "release_agent");

	isolation_begin_write(k, INV_KERNEL_HELPERS,
			      agent ? "a kernel helper path (release_agent)"
				    : "the switch of a kernel helper (notify_on_release)");
	if (!agent)
		k->found.severity = k->v->head->result >= 0 ? ALERT_ERROR : ALERT_WARNING;
	k->found.known_as = isolation_in_own_users(k) ? "CVE-2022-0492" : "release_agent";
	isolation_key_path(k, name);
	isolation_put_file(k, path);
	isolation_tell(k);
}

bool judge_cgroup_file(struct isolation_case *k, struct span path)
{
	const struct event_open *o = k->v->open;
	const struct span name = isolation_last(path);
	const bool known = o->file.flags & FILE_KNOWN;
	const bool v1 = o->file.fs_magic == MAGIC_CGROUP;

	if (known ? !v1 && o->file.fs_magic != MAGIC_CGROUP2
		  : !isolation_below(path, "/sys/fs/cgroup") || !isolation_refused(k))
		return false;
	if ((v1 || !known) &&
	    (span_eq(name, "release_agent") || span_eq(name, "notify_on_release"))) {
		/* what an init system sets below itself is its own affair */
		if (span_eq(name, "release_agent") || !known ||
		    !isolation_below(path, "/sys/fs/cgroup") || is_at_top(path))
			tell_release_agent(k, path, name);
		return true;
	}
	const int own = known ? is_own_limit(k, &o->file) : -1;

	/* v2 has the container's folders in one tree: what is not its own is below it, or another's
	 * that it cannot see */
	if (is_limit(name) && (own > 0 || (own < 0 && (v1 || !known) && is_at_top(path))))
		tell_limit(k, path, name);
	return true;
}
