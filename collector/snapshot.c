// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/snapshot.h"

#include <errno.h>
#include <string.h>

/* Fields in wire order, each row for both directions: struct process has them by the same name. */
/* clang-format off */
#define NUMBERS_32(X)                                                                              \
	X(ns_pid) X(pid_ns) X(exec_seq) X(uid) X(gid) X(euid) X(egid) X(suid) X(loginuid) X(tty)   \
	X(session) X(seccomp) X(no_new_privs) X(exit_status)                                       \
	X(ns.mnt) X(ns.pid) X(ns.net) X(ns.ipc) X(ns.uts) X(ns.cgroup) X(ns.user) X(ns.time)       \
	X(exe_file.device) X(exe_file.generation) X(exe_file.mount_id) X(exe_file.fs_magic)        \
	X(exe_file.name_hash) X(exe_file.uid) X(exe_file.gid) X(exe_file.rdev) X(exe_file.links)
#define NUMBERS_64(X)                                                                              \
	X(exec_boot_ns) X(cgroup_id) X(container_cgroup) X(exit_boot_ns) X(caps.effective)         \
	X(caps.permitted) X(caps.inheritable) X(caps.bounding) X(exe_file.inode)                   \
	X(exe_file.parent_inode)
#define CONTAINER_TEXTS(X)                                                                         \
	X(text.id) X(text.name) X(text.image) X(image_id) X(text.runtime) X(text.pod_name)         \
	X(text.pod_namespace)
/* clang-format on */

static void put_key(struct wire_writer *w, const struct process_key *k)
{
	wire_put_u64(w, k->start_boot_ns);
	wire_put_u32(w, k->pid);
}

static struct process_key get_key(struct wire_reader *r)
{
	struct process_key k = { .start_boot_ns = wire_get_u64(r) };

	k.pid = wire_get_u32(r);
	return k;
}

static uint32_t flags_of(const struct process *p)
{
	return (p->kernel_thread ? SNAPSHOT_KERNEL_THREAD : 0U) | (p->first ? SNAPSHOT_FIRST : 0U) |
	       (p->injected ? SNAPSHOT_INJECTED : 0U) | (p->missed ? SNAPSHOT_MISSED : 0U) |
	       (p->ended ? SNAPSHOT_ENDED : 0U) | (p->seeded ? SNAPSHOT_SEEDED : 0U) |
	       (p->born_inside ? SNAPSHOT_BORN_INSIDE : 0U) |
	       (p->text && p->text->args_cut ? SNAPSHOT_ARGS_CUT : 0U);
}

void snapshot_process_encode(struct wire_writer *w, const struct process *p)
{
	static const struct process_key none = { 0, 0 };
	static const struct process_text no_text = { .refs = 0 };
	const struct process_text *t = p->text ? p->text : &no_text;

	put_key(w, &p->key);
	put_key(w, p->parent ? &p->parent->key : &none);
	put_key(w, &p->exec_owner);
	wire_put_u32(w, flags_of(p));
#define X(field) wire_put_u32(w, p->field);
	NUMBERS_32(X)
#undef X
#define X(field) wire_put_u64(w, p->field);
	NUMBERS_64(X)
#undef X
	wire_put_u16(w, p->exe_file.mode);
	wire_put_u16(w, p->exe_file.flags);
	wire_put_u32(w, t->args_bytes);
	wire_put_u32(w, t->exec_flags);
	wire_put_str(w, span_str(p->comm));
	wire_put_str(w, t->exe);
	wire_put_str(w, t->args);
	wire_put_str(w, t->cwd);
	wire_put_str(w, t->filename);
	wire_put_str(w, t->interp);
}

int snapshot_process_decode(struct span bytes, struct snapshot_process *out, struct err *e)
{
	struct wire_reader r = { .rest = bytes };
	struct snapshot_process m = { .key = get_key(&r) };

	m.parent = get_key(&r);
	m.exec_owner = get_key(&r);
	m.flags = wire_get_u32(&r);
#define X(field) m.field = wire_get_u32(&r);
	NUMBERS_32(X)
#undef X
#define X(field) m.field = wire_get_u64(&r);
	NUMBERS_64(X)
#undef X
	m.exe_file.mode = wire_get_u16(&r);
	m.exe_file.flags = wire_get_u16(&r);
	m.args_bytes = wire_get_u32(&r);
	m.exec_flags = wire_get_u32(&r);
	m.comm = wire_get_str(&r);
	m.exe = wire_get_str(&r);
	m.args = wire_get_str(&r);
	m.cwd = wire_get_str(&r);
	m.filename = wire_get_str(&r);
	m.interp = wire_get_str(&r);
	if (m.comm.n > EVENT_COMM_BYTES || m.key.pid == 0)
		r.failed = true;
	int n = wire_finish(&r, "process", e);

	if (n == 0)
		*out = m;
	return n;
}

/* As the iterator would tell it. */
static void fill_task(struct event_task *t, const struct snapshot_process *s)
{
	*t = (struct event_task){
		.head = { .size = sizeof(*t),
			  .cgroup_id = s->cgroup_id,
			  .container_cgroup = s->container_cgroup,
			  .start_boot_ns = s->key.start_boot_ns,
			  .parent_start_boot_ns = s->parent.start_boot_ns,
			  .exec_seq = s->exec_seq,
			  .pid = s->key.pid,
			  .tid = s->key.pid,
			  .ppid = s->parent.pid,
			  .ns_pid = s->ns_pid,
			  .ns_tid = s->ns_pid,
			  .uid = s->uid,
			  .gid = s->gid,
			  .euid = s->euid,
			  .egid = s->egid,
			  .loginuid = s->loginuid,
			  .tty = s->tty,
			  .session = s->session,
			  .syscall = -1,
			  .pid_ns = s->pid_ns },
		.caps = s->caps,
		.ns = s->ns,
		.exe = s->exe_file,
		.seccomp = s->seccomp,
		.no_new_privs = s->no_new_privs,
		.kernel_thread = (s->flags & SNAPSHOT_KERNEL_THREAD) != 0,
		.suid = s->suid,
		.real_parent_start_boot_ns = s->parent.start_boot_ns,
	};
	memcpy(t->head.comm, s->comm.p, s->comm.n);
}

/* The table's own way to end an entry, so that its lists and counters are right. */
static void restore_exit(struct process_table *t, const struct snapshot_process *s,
			 const struct event_task *task)
{
	_Alignas(8) uint8_t record[sizeof(struct event_head) + sizeof(struct event_exit)];
	const struct event_exit fixed = { .status = s->exit_status };
	struct event_head head = task->head;
	struct event_writer w;
	struct event_view v;

	head.type = EVENT_EXIT;
	head.boot_ns = s->exit_boot_ns;
	event_write_begin(&w, record, sizeof(record), &head, &fixed);
	size_t n = event_write_end(&w);

	if (n > 0 && event_decode(record, n, &v, NULL) == 0)
		process_apply(t, &v);
}

int snapshot_process_restore(struct process_table *t, const struct snapshot_process *s)
{
	struct event_task task;

	fill_task(&task, s);
	const struct process_seed seed = { .task = &task,
					   .exe = s->exe,
					   .args = s->args,
					   .cwd = s->cwd,
					   .args_bytes = s->args_bytes,
					   .args_cut = s->flags & SNAPSHOT_ARGS_CUT };
	int r = process_seed(t, &seed);
	struct process *p = process_find(t, s->key);

	if (r < 0 || !p)
		return r < 0 ? r : -ENOSPC;
	/* What the iterator cannot know. */
	p->first = s->flags & SNAPSHOT_FIRST;
	p->injected = s->flags & SNAPSHOT_INJECTED;
	p->missed = s->flags & SNAPSHOT_MISSED;
	p->seeded = s->flags & SNAPSHOT_SEEDED;
	p->exec_boot_ns = s->exec_boot_ns;
	p->exec_owner = s->exec_owner;
	p->exec_seq = s->exec_seq;
	p->born_inside = s->flags & SNAPSHOT_BORN_INSIDE;
	p->judged = true; /* by who recorded */
	if (p->text)
		p->text->exec_flags = s->exec_flags; /* nobody shares it yet */
	if (s->flags & SNAPSHOT_ENDED)
		restore_exit(t, s, &task);
	return 0;
}

void snapshot_container_encode(struct wire_writer *w, const struct snapshot_container *c)
{
	wire_put_str(w, c->key);
	wire_put_u8(w, (uint8_t)c->cgroups_n);
	for (uint32_t i = 0; i < c->cgroups_n; i++)
		wire_put_u64(w, c->cgroups[i]);
#define X(field) wire_put_str(w, c->field);
	CONTAINER_TEXTS(X)
#undef X
}

int snapshot_container_decode(struct span bytes, struct snapshot_container *out, struct err *e)
{
	struct wire_reader r = { .rest = bytes };
	struct snapshot_container m = { .key = wire_get_str(&r) };

	m.cgroups_n = wire_get_u8(&r);
	if (m.cgroups_n > SNAPSHOT_MAX_CGROUPS)
		return err_set(e, EPROTO, "container: too many cgroups");
	for (uint32_t i = 0; i < m.cgroups_n; i++)
		m.cgroups[i] = wire_get_u64(&r);
#define X(field) m.field = wire_get_str(&r);
	CONTAINER_TEXTS(X)
#undef X
	int n = wire_finish(&r, "container", e);

	if (n == 0)
		*out = m;
	return n;
}
