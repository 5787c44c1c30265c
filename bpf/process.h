/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process - observers of fork, exec and exit, and the record of the task iterator. */
#ifndef BULKHEAD_BPF_PROCESS_H
#define BULKHEAD_BPF_PROCESS_H

#include "bpf/outside.h"

#define S_ISUID		0004000
#define S_ISGID		0002000
#define SIGKILL		9

#define CLONE_NEWTIME	0x00000080
#define CLONE_NEWNS	0x00020000
#define CLONE_NEWCGROUP 0x02000000
#define CLONE_NEWUTS	0x04000000
#define CLONE_NEWIPC	0x08000000
#define CLONE_NEWUSER	0x10000000
#define CLONE_NEWPID	0x20000000
#define CLONE_NEWNET	0x40000000

static __always_inline void call_begin(struct call *c, __u32 type)
{
	__builtin_memset(c, 0, sizeof(*c));
	c->known = (__u32)find_task(current_task(), &c->cgroup, &c->entry);
	c->type = (__u8)type;
	c->number = -1;
}

static __always_inline __u32 pid_ns_of(struct task_struct *t)
{
	struct pid *pid = t->thread_pid;
	struct pid_namespace *ns = NULL;
	__u32 level = pid ? pid->level : 64;

	if (level < 33)
		bpf_probe_read_kernel(&ns, sizeof(ns),
				      (char *)upid_at(pid, level) +
					      bpf_core_field_offset(struct upid, ns));
	return BPF_CORE_READ(ns, ns.inum);
}

/* Whether a task's container is another one than that of `e`. */
static __always_inline int is_elsewhere(struct task_struct *t, const struct cgroup_entry *e)
{
	struct cgroup_entry other;

	__u64 key;

	find_task(t, &key, &other);
	return other.container != e->container;
}

static __always_inline __u32 exec_flags(struct linux_binprm *bprm, struct task_struct *t,
					const struct event_file *f)
{
	const struct cred *cred = t->real_cred;
	struct pid *pid = t->thread_pid;
	__u32 flags = 0;

	if ((f->mode & S_ISUID && cred->euid.val != cred->uid.val) ||
	    ((f->mode & (S_ISGID | 0010)) == (S_ISGID | 0010) && cred->egid.val != cred->gid.val))
		flags |= EXEC_SETUID;
	if (BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec))
		flags |= EXEC_SECURE;
	if (bprm->filename != bprm->interp)
		flags |= EXEC_SCRIPT;
	if (bprm->fdpath)
		flags |= EXEC_FEXEC;
	if (pid && number_in(t->group_leader->thread_pid) == 1 && pid->level > 0)
		flags |= EXEC_FIRST;
	if (pid && t->signal->pids[PIDTYPE_PGID] == pid)
		flags |= EXEC_GROUP_LEADER;
	return flags;
}

/* Flags of where the current task comes from. */
__noinline int exec_origin(struct call *c)
{
	struct task_struct *t = current_task();
	struct outside o;

	/* the parent of the first process is the idle task */
	if (t->tgid != 1 && t->real_parent->flags & PF_KTHREAD)
		return EXEC_HELPER;
	if (!c || c->entry.kind != ENTRY_CONTAINER)
		return 0;
	outside_of(&o, t, 1);
	look_outside(&o);
	return (o.flags & TASK_ROOT_OUTSIDE ? EXEC_ROOT_OUTSIDE : 0) |
	       (o.flags & TASK_CWD_OUTSIDE ? EXEC_CWD_OUTSIDE : 0) |
	       (o.flags & TASK_FD_OUTSIDE ? EXEC_FD_OUTSIDE : 0);
}

static __always_inline void put_arguments(struct scratch *s, struct event_exec *e,
					  struct mm_struct *mm)
{
	__u64 start = mm->arg_start, end = mm->arg_end;

	e->args_bytes = end > start ? (__u32)(end - start) : 0;
	if (e->args_bytes > EVENT_STRING_MAX)
		e->flags |= EXEC_ARGS_CUT;
	put_user_bytes(s, TAG_ARGS, start, e->args_bytes);
	start = mm->env_start;
	end = mm->env_end;
	e->env_bytes = end > start ? (__u32)(end - start) : 0;
	if (!switches.environment)
		return;
	if (e->env_bytes > EVENT_STRING_MAX)
		e->flags |= EXEC_ENV_CUT;
	put_user_bytes(s, TAG_ENV, start, e->env_bytes);
}

static __always_inline void fill_exec(struct event_exec *e, struct task_struct *t, __u32 pid_ns)
{
	fill_caps(&e->caps, t->real_cred);
	fill_namespaces(&e->ns, t, pid_ns);
	e->suid = t->real_cred->suid.val;
	e->seccomp = (__u32)t->seccomp.mode;
	e->no_new_privs = (t->atomic_flags >> PFA_NO_NEW_PRIVS) & 1;
}

/* Before anything that may find no room: what may not run does not. */
static __always_inline __u16 enforce_exec(struct call *c, struct linux_binprm *bprm,
					  struct file *file)
{
	struct program p = { .mnt = (__u64)BPF_CORE_READ(file, f_path.mnt),
			     .dentry = (__u64)BPF_CORE_READ(file, f_path.dentry) };

	if (bprm->filename != bprm->interp)
		p.script = (__u64)BPF_CORE_READ(bprm, filename);
	int j = judge_exec(c, &p);
	__u16 flags = j & JUDGED_KNOWN ? EVENT_KNOWN : 0;

	if ((j & JUDGED_KILL || (j & JUDGED_UNKNOWN && c->entry.enforce & ENFORCE_EXEC_KILL)) &&
	    bpf_send_signal(SIGKILL) == 0)
		flags |= EVENT_KILLED;
	return flags;
}

static __always_inline void observe_exec(struct linux_binprm *bprm)
{
	struct task_struct *t = current_task();
	struct mm_struct *mm = t->mm;
	struct call c;

	if (!mm)
		return;
	call_begin(&c, EVENT_EXEC);
	c.flags = enforce_exec(&c, bprm, mm->exe_file);
	struct scratch *s = record_begin(&c, EVENT_EXEC, sizeof(struct event_exec));

	if (!s)
		return;
	struct event_exec *e = record_fixed(s);
	struct event_head *h = record_head(s);
	struct file *file = mm->exe_file;
	struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);

	fill_exec(e, t, h->pid_ns);
	put_file(s, &e->file, TAG_PATH, mnt, dentry);
	e->flags = exec_flags(bprm, t, &e->file) | (__u32)exec_origin(&c);
	if (is_elsewhere(t->real_parent, &c.entry))
		h->flags |= EVENT_OUTSIDE;
	put_path_of(s, TAG_CWD, &t->fs->pwd);
	put_kernel_string(s, TAG_FILENAME, (__u64)BPF_CORE_READ(bprm, filename));
	if (e->flags & EXEC_SCRIPT)
		put_kernel_string(s, TAG_INTERP, (__u64)BPF_CORE_READ(bprm, interp));
	put_arguments(s, e, mm);
	record_send(s);
}

/* --- a failed attempt: the old program still runs, its memory holds what it asked for ----------
 */

#define ARGUMENTS_MAX 64

struct argument_walk {
	struct scratch *s;
	__u64 list; /* the process's array of pointers */
	__u32 at, used, narrow, cut;
};

static int argument_step(__u32 i, void *ctx)
{
	struct argument_walk *w = ctx;
	struct scratch *s = w->s;
	__u64 pointer = 0;

	if (w->narrow)
		bpf_probe_read_user(&pointer, 4, (void *)(w->list + i * 4ULL));
	else
		bpf_probe_read_user(&pointer, 8, (void *)(w->list + i * 8ULL));
	if (!pointer || !s)
		return 1;
	__u32 at = w->at, used = w->used;

	barrier_var(used); /* checked and used in one register */
	if (at > STRINGS_END || used > EVENT_STRING_MAX - 256) {
		w->cut = 1;
		return 1;
	}
	long n = bpf_probe_read_user_str(s->record + at + sizeof(struct event_string) + used, 256,
					 (void *)pointer);

	if (n <= 0)
		return 1;
	if (n == 256)
		w->cut = 1;
	w->used = used + (__u32)n;
	return 0;
}

static __always_inline void put_argument_list(struct scratch *s, __u64 list, int narrow)
{
	struct argument_walk w = { .s = s, .list = list, .narrow = narrow != 0 };

	w.at = string_at(s);
	if (!w.at || !list)
		return;
	bpf_loop(ARGUMENTS_MAX, argument_step, &w, 0);
	string_end(s, w.at, TAG_ARGS, w.cut ? STRING_CUT : 0, w.used);
}

__noinline int observe_failed_exec(struct call *c)
{
	if (!c || c->result >= 0)
		return 0; /* what succeeded is told by sched_process_exec */
	int at = c->id == CALL_execveat;
	__u64 raw = at ? c->args[1] : c->args[0], list = at ? c->args[2] : c->args[1];
	struct scratch *s = record_begin(c, EVENT_EXEC, sizeof(struct event_exec));

	if (!s)
		return 0;
	struct event_exec *e = record_fixed(s);

	put_user_string(s, TAG_RAW, raw);
	put_base(s, TAG_BASE, raw, at ? (__s32)c->args[0] : AT_FDCWD);
	if (c->result == -EPERM)
		put_resolved(s, &e->file);
	put_argument_list(s, list, c->flags & (EVENT_COMPAT | EVENT_X32));
	record_send(s);
	return 0;
}

/* --- fork --------------------------------------------------------------------------------------
 */

static __always_inline __u32 new_namespaces(struct task_struct *parent, struct task_struct *child)
{
	struct nsproxy *a = parent->nsproxy, *b = child->nsproxy;
	__u32 flags = 0;

	if (parent->real_cred->user_ns != child->real_cred->user_ns)
		flags |= CLONE_NEWUSER;
	if (child->thread_pid->level != parent->thread_pid->level)
		flags |= CLONE_NEWPID;
	if (!a || !b || a == b)
		return flags;
	if (a->mnt_ns != b->mnt_ns)
		flags |= CLONE_NEWNS;
	if (a->net_ns != b->net_ns)
		flags |= CLONE_NEWNET;
	if (a->ipc_ns != b->ipc_ns)
		flags |= CLONE_NEWIPC;
	if (a->uts_ns != b->uts_ns)
		flags |= CLONE_NEWUTS;
	if (a->cgroup_ns != b->cgroup_ns)
		flags |= CLONE_NEWCGROUP;
	if (a->time_ns != b->time_ns)
		flags |= CLONE_NEWTIME;
	return flags;
}

static __always_inline void observe_fork(struct task_struct *parent, struct task_struct *child)
{
	struct cgroup_entry entry;
	struct call c;

	if (parent->flags & PF_KTHREAD || child->tgid == parent->tgid)
		return; /* threads are the process */
	call_begin(&c, EVENT_FORK);
	struct scratch *s = record_begin(&c, EVENT_FORK, sizeof(struct event_fork));

	if (!s)
		return;
	struct event_fork *f = record_fixed(s);
	struct pid *pid = child->thread_pid;
	__u64 key;
	int known = find_task(child, &key, &entry);

	f->start_boot_ns = child->start_boottime;
	f->pid = (__u32)child->tgid;
	f->tid = (__u32)child->pid;
	if (pid)
		f->ns_pid = number_in(pid);
	f->exec_seq = (__u32)child->self_exec_id;
	f->cgroup_id = id_of(key);
	f->container_cgroup = id_of(entry.container);
	f->hierarchy = hierarchy_of(key);
	f->flags = cgroup_flags(&entry, known);
	if (pid)
		f->namespace_flags = new_namespaces(parent, child);
	fill_namespaces(&f->ns, child, pid_ns_of(child));
	record_send(s);
}

/* --- exit --------------------------------------------------------------------------------------
 */

static __always_inline void observe_exit(struct task_struct *t)
{
	struct signal_struct *signal = t->signal;
	struct call c;

	if (t->flags & PF_KTHREAD || signal->live.counter > 0)
		return; /* another thread goes on */
	call_begin(&c, EVENT_EXIT);
	struct scratch *s = record_begin(&c, EVENT_EXIT, sizeof(struct event_exit));

	if (!s)
		return;
	struct event_exit *e = record_fixed(s);

	e->status = signal->flags & SIGNAL_GROUP_EXIT ? (__u32)signal->group_exit_code
						      : (__u32)t->exit_code;
	e->cpu_ns = signal->utime + signal->stime + t->utime + t->stime;
	e->max_rss_pages = signal->maxrss;
	record_send(s);
}

/* --- iterator ----------------------------------------------------------------------------------
 */

/* Of a container's own tasks; threads share their leader's descriptors. */
static __always_inline void fill_outside(struct event_task *r, struct task_struct *t)
{
	struct outside o;

	outside_of(&o, t, t->pid == t->tgid);
	look_outside(&o);
	r->outside |= o.flags;
	r->fd_outside = o.fd;
	r->host_net_sockets = o.sockets;
}

static __always_inline void fill_task(struct event_task *r, struct task_struct *t)
{
	struct cgroup_entry entry;
	__u64 key;
	int known = find_task(t, &key, &entry);
	struct mm_struct *mm = t->mm;

	r->head.size = sizeof(*r);
	r->head.boot_ns = bpf_ktime_get_boot_ns();
	r->head.syscall = -1;
	fill_process(&r->head, t);
	fill_cgroup(&r->head, key, &entry, known);
	fill_caps(&r->caps, t->real_cred);
	fill_namespaces(&r->ns, t, r->head.pid_ns);
	r->seccomp = (__u32)t->seccomp.mode;
	r->no_new_privs = (t->atomic_flags >> PFA_NO_NEW_PRIVS) & 1;
	r->kernel_thread = (t->flags & PF_KTHREAD) != 0;
	r->suid = t->real_cred->suid.val;
	if (bpf_core_field_exists(t->seccomp.filter_count))
		r->seccomp_filters = (__u32)t->seccomp.filter_count.counter;
	if (!r->kernel_thread && t->cred != t->real_cred)
		r->outside |= TASK_CRED_MIXED;
	if (entry.kind == ENTRY_CONTAINER && !r->kernel_thread)
		fill_outside(r, t);
	if (is_elsewhere(t->real_parent, &entry))
		r->head.flags |= EVENT_OUTSIDE;
	if (mm && !r->kernel_thread) {
		struct file *file = mm->exe_file;

		if (file)
			fill_file(&r->exe, BPF_CORE_READ(file, f_path.mnt),
				  BPF_CORE_READ(file, f_path.dentry));
	}
}

#endif
