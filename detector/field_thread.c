// SPDX-License-Identifier: GPL-2.0-or-later
/* proc.* and thread.*: numbers, times, capabilities and the file that runs. */
#include <string.h>

#include "detector/field_internal.h"

#define BIT_CAP(n)	 (1ULL << (n))
#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER	 3

size_t get_proc_id(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	const struct process *parent = field_parent(ev->context->process);
	struct field_ids ids;
	int64_t v = 0;

	if (!field_ids_of(ev, &ids))
		return 0;
	switch (r->def->param) {
	case PROC_PID:
		v = ids.pid;
		break;
	case PROC_PPID:
		v = parent ? parent->key.pid : ev->view->head->ppid;
		break;
	case PROC_VPID:
		v = ids.ns_pid;
		break;
	case PROC_PVPID:
		v = parent ? parent->ns_pid : 0;
		break;
	case PROC_SID:
		v = ids.session;
		break;
	case PROC_TTY:
		return field_uint_value(out, cap, field_encode_device(ids.tty));
	case THREAD_TID:
		v = ids.tid;
		break;
	case THREAD_VTID:
		v = ids.ns_tid;
		break;
	}
	return v ? field_int_value(out, cap, v) : 0;
}

size_t get_thread_is_main(const struct field_ref *r, struct field_event *ev,
			  struct field_value *out, size_t cap)
{
	struct field_ids ids;

	(void)r;
	return field_ids_of(ev, &ids) ? field_bool_value(out, cap, ids.pid == ids.tid) : 0;
}

/* Leader of its session: both numbers are the host's. */
size_t get_proc_leader(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		       size_t cap)
{
	struct field_ids ids;

	(void)r;
	if (!field_ids_of(ev, &ids) || !ids.session)
		return 0;
	return field_bool_value(out, cap, ids.session == ids.pid);
}

/* An exec tells it; later calls may change it, and are not told. */
size_t get_proc_group_leader(const struct field_ref *r, struct field_event *ev,
			     struct field_value *out, size_t cap)
{
	const struct event_view *v = ev->view;

	(void)r;
	if (v->head->type != EVENT_EXEC || v->head->result < 0)
		return 0;
	return field_bool_value(out, cap, v->exec->flags & EXEC_GROUP_LEADER);
}

/* The kernel's side learns late that a new cgroup is a container's: until then only the cgroup
 * itself says who is in it together with p. */
static bool is_in_cgroup_of(const struct process *a, const struct process *p)
{
	return (p->container_cgroup && a->container_cgroup == p->container_cgroup) ||
	       (p->cgroup_id && a->cgroup_id == p->cgroup_id);
}

/* A runtime on its way into a container still runs what it executed among the mounts of who
 * started it; what the container runs was executed among its own. Not the mounts that the other
 * has now: runc makes the container's in a process which is counted to no container. */
size_t get_exec_outside(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			size_t cap)
{
	const struct process *p = ev->context->process, *outside = field_parent(p);

	(void)r;
	for (unsigned i = 0; outside && i < PROCESS_MAX_ANCESTORS; i++) {
		if (!is_in_cgroup_of(outside, p))
			break;
		outside = field_parent(outside);
	}
	const uint32_t mnt = !outside ? 0 : outside->exec_mnt ? outside->exec_mnt : outside->ns.mnt;

	if (!p->exec_mnt || !mnt)
		return 0;
	return field_bool_value(out, cap, p->exec_mnt == mnt);
}

size_t get_proc_login_shell(const struct field_ref *r, struct field_event *ev,
			    struct field_value *out, size_t cap)
{
	const struct process *p = ev->context->process;
	int64_t pid = 0;

	(void)r;
	for (unsigned i = 0; p && i <= PROCESS_MAX_ANCESTORS; i++, p = field_parent(p))
		if (span_ends(field_comm(ev, p), "sh"))
			pid = p->key.pid;
	return pid ? field_int_value(out, cap, pid) : 0;
}

/* --- times --------------------------------------------------------------------------------- */
/* When it was cloned, not when it exec'd; 0: not known. */
static uint64_t start_of(const struct field_event *ev, int whose)
{
	const struct event_head *h = ev->view->head;
	const struct process *p = ev->context->process;

	if (whose == PROC_PARENT) {
		p = field_parent(p);
		return p ? p->key.start_boot_ns : h->parent_start_boot_ns;
	}
	return p && (h->flags & EVENT_NO_TASK) ? p->key.start_boot_ns : h->start_boot_ns;
}

size_t get_proc_duration(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			 size_t cap)
{
	uint64_t start = start_of(ev, r->def->param), now = ev->view->head->boot_ns;

	return start ? field_int_value(out, cap, now > start ? (int64_t)(now - start) : 0) : 0;
}

size_t get_proc_start(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	uint64_t start = start_of(ev, r->def->param);

	return start ? field_uint_value(out, cap, start + ev->context->unix_minus_boot_ns) : 0;
}

/* By its first process, where that is among the ancestors. */
size_t get_proc_pidns_start(const struct field_ref *r, struct field_event *ev,
			    struct field_value *out, size_t cap)
{
	const struct process *p = ev->context->process;
	uint32_t ns = p ? p->pid_ns : 0;

	(void)r;
	for (unsigned i = 0; p && p->pid_ns == ns && i < PROCESS_MAX_ANCESTORS; i++) {
		if (p->ns_pid == 1)
			return field_uint_value(
				out, cap, p->key.start_boot_ns + ev->context->unix_minus_boot_ns);
		p = field_parent(p);
	}
	return 0;
}

/* --- capabilities -------------------------------------------------------------------------- */
const struct event_caps *field_caps(const struct field_event *ev)
{
	const struct event_view *v = ev->view;
	const struct process *p = ev->context->process;

	switch (v->head->type) {
	case EVENT_EXEC:
		if (v->head->result >= 0)
			return &v->exec->caps;
		break;
	case EVENT_CAPSET:
	case EVENT_SETUID:
	case EVENT_SETNS:
	case EVENT_UNSHARE:
		return &v->call->caps;
	}
	/* an entry that was made up has none yet, which is not the same as none */
	if (!p || (p->missed && !(p->caps.effective | p->caps.permitted | p->caps.bounding)))
		return NULL;
	return &p->caps;
}

size_t get_thread_caps(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		       size_t cap)
{
	const struct event_caps *c = field_caps(ev);

	if (!c)
		return 0;
	uint64_t set = r->def->param == CAPS_EFFECTIVE	 ? c->effective
		       : r->def->param == CAPS_PERMITTED ? c->permitted
							 : c->inheritable;

	return field_text_value(out, cap, field_caps_text(ev, set));
}

/* --- the file that runs -------------------------------------------------------------------- */
/* By owner, mode and capabilities. Not known: its other groups, a mount that is read-only, what its
 * user namespace takes from the capabilities. */
bool field_exe_writable(const struct field_event *ev, const struct event_file *f)
{
	const struct event_caps *c = field_caps(ev);
	struct field_ids ids;

	if (c && (c->effective & (BIT_CAP(CAP_DAC_OVERRIDE) | BIT_CAP(CAP_FOWNER))))
		return true;
	if (!field_ids_of(ev, &ids))
		return false;
	if (f->uid == ids.euid)
		return true; /* may make it so */
	return f->mode & (f->gid == ids.egid ? 0020 : 0002);
}

size_t get_proc_exe_is(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		       size_t cap)
{
	const struct event_file *f = field_exe_file(ev);
	bool is = false;

	if (!f)
		return 0;
	switch (r->def->param) {
	case EXE_WRITABLE:
		is = field_exe_writable(ev, f);
		break;
	case EXE_UPPER:
		is = f->flags & FILE_UPPER;
		break;
	case EXE_LOWER:
		is = (f->flags & (FILE_OVERLAY | FILE_UPPER)) == FILE_OVERLAY;
		break;
	case EXE_MEMFD:
		is = f->flags & FILE_MEMORY;
		break;
	}
	return field_bool_value(out, cap, is);
}

size_t get_proc_exe_inode(const struct field_ref *r, struct field_event *ev,
			  struct field_value *out, size_t cap)
{
	const struct event_file *f = field_exe_file(ev);

	(void)r;
	return f ? field_int_value(out, cap, (int64_t)f->inode) : 0;
}
