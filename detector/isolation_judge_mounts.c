// SPDX-License-Identifier: GPL-2.0-or-later
/* I10, I11: mounts that a container makes or takes away.
 *
 * Who may mount may mount much that is harmless: tmpfs, overlays of containers within, its own
 * files again. What shows more of the host are block devices, the cgroup hierarchies with their
 * release_agent, a new proc without the runtime's masks, and files that are named through a process
 * outside. In a mount namespace of its own making (a container within, a sandbox) mounts of proc,
 * sysfs and cgroups are how such are made. */
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "detector/isolation_judge.h"

enum mounted {
	MOUNTED_HARMLESS,
	MOUNTED_DEVICE,
	MOUNTED_CGROUP,
	MOUNTED_PROC,
	MOUNTED_DEBUG,
};

static bool is_one_of(struct span s, const char *const *list)
{
	for (; *list; list++)
		if (span_eq(s, *list))
			return true;
	return false;
}

/* Devices whose content is a file of somebody: what is in it is his own. */
static bool is_loop(struct span source)
{
	return span_starts(source, "/dev/loop") || span_starts(source, "/dev/ram") ||
	       span_starts(source, "/dev/zram") || span_starts(source, "/dev/nbd");
}

static enum mounted kind_of(struct span type, struct span source)
{
	static const char *const disks[] = { "ext2",	 "ext3", "ext4",  "xfs",  "btrfs",
					     "vfat",	 "ntfs", "ntfs3", "f2fs", "exfat",
					     "reiserfs", "jfs",	 NULL };
	static const char *const debug[] = { "debugfs",	 "tracefs",  "securityfs", "bpf",
					     "configfs", "efivarfs", "pstore",	   NULL };

	if (is_one_of(type, disks) || (span_starts(source, "/dev/") && !is_one_of(type, debug) &&
				       !span_eq(type, "tmpfs") && !span_eq(type, "devpts")))
		return is_loop(source) ? MOUNTED_HARMLESS : MOUNTED_DEVICE;
	if (span_eq(type, "cgroup"))
		return MOUNTED_CGROUP;
	if (span_eq(type, "proc") || span_eq(type, "sysfs"))
		return MOUNTED_PROC;
	if (is_one_of(type, debug))
		return MOUNTED_DEBUG;
	return MOUNTED_HARMLESS;
}

static void put_mount(struct isolation_case *k, struct span source, struct span target,
		      struct span type)
{
	if (source.n)
		finding_fact(&k->found, "source", source);
	if (target.n)
		finding_fact(&k->found, "target", target);
	if (type.n)
		finding_fact(&k->found, "type", type);
	isolation_result(k);
	if (k->start)
		finding_text(&k->found, "privileged", "%s", k->start->privileged ? "yes" : "no");
}

static void begin_mount(struct isolation_case *k, enum invariant i, const char *what)
{
	const bool done = k->v->head->result >= 0;

	finding_begin(&k->found, i, isolation_stage(k), "Container '%.100s' %s %s",
		      isolation_name(k), done ? "mounted" : "tried to mount", what);
	finding_key(&k->found, "%s", what);
}

static void tell_device(struct isolation_case *k, struct span source, struct span target,
			struct span type)
{
	begin_mount(k, INV_MOUNTS, "a disk of the host");
	k->found.known_as = "host mount";
	finding_key(&k->found, "disk %.*s", (int)(source.n < 100 ? source.n : 100), source.p);
	put_mount(k, source, target, type);
	isolation_tell(k);
}

/* With a user namespace of one's own no right is needed for this: CVE-2022-0492. In one's own
 * mounts below the usual place it is how an init system begins. */
static void tell_cgroup(struct isolation_case *k, struct span source, struct span target,
			struct span type)
{
	const bool users = isolation_in_own_users(k);
	const bool usual = isolation_below(target, "/sys/fs/cgroup") ||
			   (!isolation_in_own_mounts(k) && !users);

	begin_mount(k, INV_MOUNTS, "a hierarchy of cgroups");
	k->found.known_as = users ? "CVE-2022-0492" : usual ? NULL : "release_agent";
	if (usual && !users)
		k->found.severity = ALERT_NOTICE;
	else if (k->v->head->result < 0)
		k->found.severity = ALERT_WARNING;
	else
		k->found.severity = ALERT_ERROR; /* the way to release_agent, not yet its use */
	put_mount(k, source, target, type);
	isolation_tell(k);
}

/* A new proc has nothing masked, and /proc/sys may be written. */
static void tell_proc(struct isolation_case *k, struct span source, struct span target,
		      struct span type)
{
	const bool own = isolation_in_own_mounts(k) && !isolation_in_own_users(k);

	begin_mount(k, INV_MASKS,
		    span_eq(type, "proc") ? "proc anew, without its masks"
					  : "sysfs anew, without its masks");
	if (!own || !k->start || k->start->privileged)
		k->found.severity =
			ALERT_INFO; /* nothing was masked, or it is a container within */
	else if (k->v->head->result < 0)
		k->found.severity = ALERT_NOTICE;
	put_mount(k, source, target, type);
	isolation_tell(k);
}

static void tell_notice(struct isolation_case *k, struct span source, struct span target,
			struct span type, enum alert_severity severity)
{
	char what[64];

	snprintf(what, sizeof(what), "a file system of type %.*s", (int)(type.n < 20 ? type.n : 20),
		 type.n ? type.p : "");
	begin_mount(k, INV_MOUNTS, what);
	k->found.severity = severity;
	put_mount(k, source, target, type);
	isolation_tell(k);
}

static void judge_type(struct isolation_case *k, struct span source, struct span target,
		       struct span type)
{
	if (k->v->head->result < 0 && !isolation_refused(k))
		return;
	switch (kind_of(type, source)) {
	case MOUNTED_DEVICE:
		tell_device(k, source, target, type);
		return;
	case MOUNTED_CGROUP:
		tell_cgroup(k, source, target, type);
		return;
	case MOUNTED_PROC:
		tell_proc(k, source, target, type);
		return;
	case MOUNTED_DEBUG:
		tell_notice(k, source, target, type, ALERT_NOTICE);
		return;
	case MOUNTED_HARMLESS:
		tell_notice(k, source, target, type, ALERT_INFO);
		return;
	}
}

/* --- masks ------------------------------------------------------------------------------------ */

/* What runtimes mask, or mount read-only. */
static bool is_masked(struct span path)
{
	static const char *const masked[] = {
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/proc/sched_debug",
		"/proc/sysrq-trigger",
		"/proc/acpi",
		"/proc/scsi",
		"/proc/asound",
		"/proc/interrupts",
		"/proc/bus",
		"/proc/fs",
		"/proc/irq",
		"/proc/sys",
		"/sys/firmware",
		"/sys/devices/virtual/powercap",
	};

	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		if (isolation_below(path, masked[i]))
			return true;
	return false;
}

static void tell_unmasked(struct isolation_case *k, struct span path, const char *how)
{
	const bool done = k->v->head->result >= 0;

	finding_begin(&k->found, INV_MASKS, isolation_stage(k),
		      "Container '%.100s' %s what its runtime had %s", isolation_name(k),
		      done ? "uncovered" : "tried to uncover", how);
	if (!isolation_in_own_mounts(k))
		k->found.severity = ALERT_INFO; /* its own copy of the mounts: a container within */
	else if (k->start && k->start->privileged)
		k->found.severity = ALERT_NOTICE; /* the runtime hid nothing from it */
	finding_key(&k->found, "%.*s", (int)(path.n < 100 ? path.n : 100), path.p);
	finding_fact(&k->found, "path", path);
	isolation_result(k);
	isolation_tell(k);
}

static void judge_umount(struct isolation_case *k)
{
	bool said;
	const struct span path = isolation_path(k, false, &said);

	if (path.n && is_masked(path) && (k->v->head->result >= 0 || isolation_refused(k)))
		tell_unmasked(k, path, "masked");
}

static void judge_remount(struct isolation_case *k, struct span target, uint64_t flags)
{
	if ((flags & MS_RDONLY) || (k->v->head->result < 0 && !isolation_refused(k)))
		return;
	if (is_masked(target) || isolation_below(target, "/sys") || span_eq(target, "/proc"))
		tell_unmasked(k, target, "made read-only");
}

/* --- the calls -------------------------------------------------------------------------------- */

static void tell_hidden(struct isolation_case *k, struct span source, struct span target)
{
	begin_mount(k, INV_MOUNTS, "something over a process, which hides it");
	k->found.severity = ALERT_WARNING;
	put_mount(k, source, target, SPAN_LIT("bind"));
	isolation_tell(k);
}

/* Bound from where: through a process outside, or of what is the host's own. */
static void judge_bind(struct isolation_case *k, struct span source, struct span target)
{
	struct span rest, number;
	uint32_t pid;

	if (isolation_proc_path(source, &pid, &rest) && pid &&
	    (isolation_below(rest, "root") || isolation_below(rest, "cwd") ||
	     isolation_below(rest, "fd")) &&
	    isolation_is_outside(k, isolation_named(k, pid))) {
		begin_mount(k, INV_MOUNTS, "files of a process outside");
		k->found.known_as = "host mount";
		put_mount(k, source, target, SPAN_LIT("bind"));
		isolation_tell(k);
		return;
	}
	/* over another process's folder: hides it from who looks */
	if (k->v->head->result >= 0 && span_starts(target, "/proc/")) {
		number = (struct span){ target.p + 6, target.n - 6 };
		if (parse_u32(number, &pid))
			tell_hidden(k, source, target);
	}
}

static void judge_mount(struct isolation_case *k)
{
	const uint64_t flags = k->v->call->args[3];
	const struct span type = k->v->strings[TAG_NAME];
	bool said;
	/* the source is told as it was passed: of most mounts it is no path */
	const struct span source = k->v->strings[TAG_RAW];
	const struct span target = isolation_path(k, true, &said);

	if (flags & MS_REMOUNT) {
		judge_remount(k, target, flags);
		return;
	}
	if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE | MS_MOVE))
		return;
	if (flags & MS_BIND) {
		judge_bind(k, source, target);
		return;
	}
	judge_type(k, source, target, type);
}

static void judge_new_mount(struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const struct span name = k->v->strings[TAG_NAME], data = k->v->strings[TAG_DATA];
	struct isolation_memory *m = k->memory;
	bool said;

	if (c->op == NEW_MOUNT_SETATTR) {
		const struct span path = isolation_path(k, false, &said);

		if (path.n && (is_masked(path) || span_eq(path, "/proc")) &&
		    (k->v->head->result >= 0 || isolation_refused(k)) && isolation_in_own_mounts(k))
			tell_unmasked(k, path, "mounted its way");
		return;
	}
	if (c->op == NEW_MOUNT_OPEN_TREE) {
		judge_bind(k, k->v->strings[TAG_RAW], (struct span){ NULL, 0 });
		return;
	}
	if (c->op == NEW_MOUNT_FSOPEN && m && k->v->head->result >= 0) {
		m->mounts[m->mounts_next % ISOLATION_MOUNTS].pid = k->v->head->pid;
		m->mounts[m->mounts_next % ISOLATION_MOUNTS].device = false;
		snprintf(m->mounts[m->mounts_next++ % ISOLATION_MOUNTS].type,
			 sizeof(m->mounts[0].type), "%.*s", (int)(name.n < 23 ? name.n : 23),
			 name.n ? name.p : "");
		if (isolation_made_users(k) && kind_of(name, data) == MOUNTED_DEVICE)
			tell_notice(k, data, (struct span){ NULL, 0 }, name, ALERT_WARNING);
		return;
	}
	/* the source of what will be a mount: none asks for a disk of the host for nothing */
	if (c->op == NEW_MOUNT_FSCONFIG && span_eq(name, "source") && span_starts(data, "/dev/") &&
	    !is_loop(data))
		tell_device(k, data, (struct span){ NULL, 0 }, SPAN_LIT("by fsconfig"));
}

static void judge_move(struct isolation_case *k)
{
	const struct isolation_memory *m = k->memory;
	bool said;
	const struct span target = isolation_path(k, true, &said);

	for (unsigned i = 0; m && i < ISOLATION_MOUNTS; i++) {
		const struct span type = span_str(m->mounts[i].type);

		if (m->mounts[i].pid != k->v->head->pid || !type.n)
			continue;
		/* a disk was told with its source */
		if (kind_of(type, (struct span){ NULL, 0 }) != MOUNTED_DEVICE)
			judge_type(k, (struct span){ NULL, 0 }, target, type);
		k->memory->mounts[i].pid = 0;
		return;
	}
}

void judge_mounts(struct isolation_case *k)
{
	switch (k->v->head->type) {
	case EVENT_MOUNT:
		judge_mount(k);
		return;
	case EVENT_UMOUNT:
		judge_umount(k);
		return;
	case EVENT_MOVE_MOUNT:
		judge_move(k);
		return;
	case EVENT_NEW_MOUNT:
		judge_new_mount(k);
		return;
	}
}
