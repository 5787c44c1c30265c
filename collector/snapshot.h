/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot - entries of the process table and containers as items of a recording, and back.
 *
 * What is decoded points into the bytes it came from. Pure but for snapshot_process_restore. */
#ifndef BULKHEAD_SNAPSHOT_H
#define BULKHEAD_SNAPSHOT_H

#include "collector/base/err.h"
#include "collector/event_text.h"
#include "collector/process.h"
#include "collector/wire.h"

#define SNAPSHOT_PROCESS_MAX   24576 /* bytes of an encoded process: five strings and the rest */
#define SNAPSHOT_CONTAINER_MAX 40960
#define SNAPSHOT_MAX_CGROUPS   16 /* of one container: one a hierarchy */

enum snapshot_process_flag {
	SNAPSHOT_KERNEL_THREAD = 1 << 0,
	SNAPSHOT_FIRST = 1 << 1,
	SNAPSHOT_INJECTED = 1 << 2,
	SNAPSHOT_MISSED = 1 << 3,
	SNAPSHOT_ENDED = 1 << 4,
	SNAPSHOT_ARGS_CUT = 1 << 5,
	SNAPSHOT_SEEDED = 1 << 6,
	SNAPSHOT_BORN_INSIDE = 1 << 7,
};

struct snapshot_process {
	struct process_key key, parent, exec_owner; /* parent.pid 0: not known */
	uint32_t flags;				    /* enum snapshot_process_flag */
	uint32_t ns_pid, pid_ns, exec_seq;
	uint64_t exec_boot_ns, cgroup_id, container_cgroup;
	uint32_t uid, gid, euid, egid, suid, loginuid, tty, session;
	struct event_caps caps;
	struct event_namespaces ns;
	struct event_file exe_file;
	uint32_t seccomp, no_new_privs;
	uint32_t exit_status;
	uint64_t exit_boot_ns;
	uint32_t args_bytes, exec_flags;
	struct span comm, exe, args, cwd, filename, interp;
};
/* Not for placeholders: who names one as parent makes it. */
void snapshot_process_encode(struct wire_writer *w, const struct process *p);
int snapshot_process_decode(struct span bytes, struct snapshot_process *out, struct err *e);
/* Puts it into the table as it was. Parents come before children; after the last one call
 * process_seed_end(t, 0). -ENOSPC: the table is full. */
int snapshot_process_restore(struct process_table *t, const struct snapshot_process *s);

struct snapshot_container {
	struct span key;
	uint64_t cgroups[SNAPSHOT_MAX_CGROUPS]; /* ids, as in event_head.container_cgroup */
	uint32_t cgroups_n;
	struct span image_id;
	struct event_container text;
};
void snapshot_container_encode(struct wire_writer *w, const struct snapshot_container *c);
int snapshot_container_decode(struct span bytes, struct snapshot_container *out, struct err *e);

#endif
