/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation - observers of the calls that move walls: namespaces, mounts, rights, other processes,
 * the kernel itself. Rare in a healthy container, so never filtered but by the type mask. */
#ifndef BULKHEAD_BPF_ISOLATION_H
#define BULKHEAD_BPF_ISOLATION_H

#include "bpf/network.h"

#define PR_SET_DUMPABLE		     4
#define PR_SET_KEEPCAPS		     8
#define PR_SET_NAME		     15
#define PR_SET_SECCOMP		     22
#define PR_CAPBSET_DROP		     24
#define PR_SET_SECUREBITS	     28
#define PR_SET_MM		     35
#define PR_SET_CHILD_SUBREAPER	     36
#define PR_SET_NO_NEW_PRIVS	     38
#define PR_CAP_AMBIENT		     47
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SET_MDWE		     65
#define PR_SET_PTRACER		     0x59616d61

#define PTRACE_TRACEME		     0
#define PTRACE_POKETEXT		     4
#define PTRACE_POKEDATA		     5
#define PTRACE_POKEUSR		     6
#define PTRACE_SETREGS		     13
#define PTRACE_SETFPREGS	     15
#define PTRACE_ATTACH		     16
#define PTRACE_SETREGSET	     0x4205
#define PTRACE_SEIZE		     0x4206

#define F_DUPFD			     0
#define F_DUPFD_CLOEXEC		     1030

#define FSCONFIG_SET_STRING	     1
#define FSCONFIG_SET_PATH	     3
#define FSCONFIG_SET_PATH_EMPTY	     4

#define MAGIC_NSFS		     0x6e736673
#define MAGIC_PIDFS		     0x50494446 /* since 6.9; before, a pidfd is an anonymous inode */
#define MAGIC_ANON_INODE	     0x09041934

static __always_inline int is_quiet_prctl(__u32 option)
{
	switch (option) {
	case PR_SET_DUMPABLE:
	case PR_SET_KEEPCAPS:
	case PR_SET_NAME:
	case PR_SET_SECCOMP:
	case PR_CAPBSET_DROP:
	case PR_SET_SECUREBITS:
	case PR_SET_MM:
	case PR_SET_CHILD_SUBREAPER:
	case PR_SET_NO_NEW_PRIVS:
	case PR_CAP_AMBIENT:
	case PR_SET_SYSCALL_USER_DISPATCH:
	case PR_SET_MDWE:
	case PR_SET_PTRACER:
		return 0;
	}
	return 1;
}

static __always_inline int is_quiet_ptrace(__u32 request)
{
	switch (request) {
	case PTRACE_TRACEME:
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
	case PTRACE_POKEUSR:
	case PTRACE_SETREGS:
	case PTRACE_SETFPREGS:
	case PTRACE_ATTACH:
	case PTRACE_SETREGSET:
	case PTRACE_SEIZE:
		return 0;
	}
	return 1;
}

static __always_inline __u32 setuid_kind(__u32 id)
{
	switch (id) {
	case CALL_setuid:
		return SETUID_UID;
	case CALL_setgid:
		return SETUID_GID;
	case CALL_setreuid:
		return SETUID_REUID;
	case CALL_setregid:
		return SETUID_REGID;
	case CALL_setresuid:
		return SETUID_RESUID;
	case CALL_setresgid:
		return SETUID_RESGID;
	case CALL_setfsuid:
		return SETUID_FSUID;
	case CALL_setfsgid:
		return SETUID_FSGID;
	}
	return SETUID_GROUPS;
}

static __always_inline int is_flood(const struct call *c)
{
	__u64 second = bpf_ktime_get_boot_ns() / 1000000000ULL;
	__u32 index = c->entry.slot + 1;
	struct flood *f = bpf_map_lookup_elem(&floods, &index);

	if (!f)
		return 0;
	if (f->second != second) {
		f->second = second;
		f->n = 0;
	}
	if (++f->n <= FLOOD_MAX)
		return 0;
	count_loss(DROP_FLOOD, c->type, owner_of(&c->entry, c->known, c->type));
	return 1;
}

/* Nothing to tell: an option without meaning for security, a question. */
static __always_inline int is_quiet(const struct call *c)
{
	switch (c->type) {
	case EVENT_PRCTL:
		return is_quiet_prctl((__u32)c->args[0]);
	case EVENT_PTRACE:
		return is_quiet_ptrace((__u32)c->args[0]);
	case EVENT_PERSONALITY:
		return (__u32)c->args[0] == 0xffffffff;
	case EVENT_DUP: /* of a socket onto standard input, output, error */
		return (c->id == CALL_fcntl && (__u32)c->args[1] != F_DUPFD &&
			(__u32)c->args[1] != F_DUPFD_CLOEXEC) ||
		       c->result < 0 || c->result > 2 || !sock_of_file(file_of((__s32)c->result));
	}
	return 0;
}

static __always_inline __u32 new_mount_kind(__u32 id)
{
	switch (id) {
	case CALL_fsopen:
		return NEW_MOUNT_FSOPEN;
	case CALL_fspick:
		return NEW_MOUNT_FSPICK;
	case CALL_fsconfig:
		return NEW_MOUNT_FSCONFIG;
	case CALL_fsmount:
		return NEW_MOUNT_FSMOUNT;
	case CALL_mount_setattr:
		return NEW_MOUNT_SETATTR;
	}
	return NEW_MOUNT_OPEN_TREE;
}

static __always_inline void put_setting(struct scratch *s, const struct call *c)
{
	__u32 command = (__u32)c->args[1];

	if (c->args[2])
		put_user_string(s, TAG_NAME, c->args[2]);
	if (c->args[3] && (command == FSCONFIG_SET_STRING || command == FSCONFIG_SET_PATH ||
			   command == FSCONFIG_SET_PATH_EMPTY))
		put_user_string(s, TAG_DATA, c->args[3]);
}

static __always_inline void put_call_strings(struct scratch *s, const struct call *c)
{
	switch (c->id) {
	case CALL_mount:
		put_user_string(s, TAG_RAW, c->args[0]);
		put_user_string(s, TAG_RAW2, c->args[1]);
		put_base(s, TAG_BASE2, c->args[1], AT_FDCWD);
		put_user_string(s, TAG_NAME, c->args[2]);
		if (c->args[4])
			put_user_string(s, TAG_DATA, c->args[4]);
		break;
	case CALL_move_mount:
		put_user_string(s, TAG_RAW, c->args[1]);
		put_user_string(s, TAG_RAW2, c->args[3]);
		put_base(s, TAG_BASE2, c->args[3], (__s32)c->args[2]);
		break;
	case CALL_umount:
	case CALL_oldumount:
		put_user_string(s, TAG_RAW, c->args[0]);
		put_base(s, TAG_BASE, c->args[0], AT_FDCWD);
		break;
	case CALL_open_tree:
	case CALL_open_tree_attr:
	case CALL_fspick:
	case CALL_mount_setattr:
		put_user_string(s, TAG_RAW, c->args[1]);
		put_base(s, TAG_BASE, c->args[1], (__s32)c->args[0]);
		break;
	case CALL_fsconfig:
		put_setting(s, c);
		break;
	case CALL_kexec_file_load: /* its length is told with the NUL */
		put_user_name(s, TAG_DATA, c->args[3], (__u32)c->args[2]);
		break;
	case CALL_memfd_create:
	case CALL_fsopen:
	case CALL_delete_module:
		put_user_string(s, TAG_NAME, c->args[0]);
		break;
	case CALL_init_module:
		put_user_string(s, TAG_DATA, c->args[2]);
		break;
	case CALL_finit_module:
		put_user_string(s, TAG_DATA, c->args[1]);
		break;
	case CALL_prctl:
		if ((__u32)c->args[0] == PR_SET_NAME)
			put_user_string(s, TAG_NAME, c->args[1]);
		break;
	}
}

/* The descriptor that the call is about, or -1. */
static __always_inline __s32 descriptor_of(const struct call *c)
{
	switch (c->id) {
	case CALL_setns:
	case CALL_finit_module:
	case CALL_move_mount:
	case CALL_kexec_file_load:
		return (__s32)c->args[0];
	case CALL_memfd_create:
	case CALL_pidfd_getfd:
		return (__s32)c->result;
	}
	return -1;
}

static __always_inline __u32 operation_of(const struct call *c)
{
	if (c->type == EVENT_SETUID)
		return setuid_kind(c->id);
	if (c->type == EVENT_NEW_MOUNT)
		return new_mount_kind(c->id);
	switch (c->type) {
	case EVENT_PRCTL:
	case EVENT_PTRACE:
	case EVENT_BPF:
	case EVENT_KEYCTL:
		return (__u32)c->args[0];
	}
	return 0;
}

/* Whose pidfd it is. A call that went well, or was refused for want of rights, was given one. */
static __always_inline void fill_pidfd_target(struct event_call *e, __s32 fd)
{
	struct file *f = file_of(fd);
	struct inode *inode = BPF_CORE_READ(f, f_inode);

	if (!f || !inode)
		return;
	switch (BPF_CORE_READ(inode, i_sb, s_magic)) {
	case MAGIC_PIDFS:
		fill_owner(BPF_CORE_READ(inode, i_private), &e->target_pid,
			   &e->target_start_boot_ns);
		break;
	case MAGIC_ANON_INODE:
		fill_owner(BPF_CORE_READ(f, private_data), &e->target_pid,
			   &e->target_start_boot_ns);
		break;
	}
}

static __always_inline int takes_pidfd(const struct call *c)
{
	return (c->type == EVENT_PIDFD_GETFD || c->type == EVENT_SETNS) &&
	       (c->result >= 0 || c->result == -EPERM);
}

__noinline int observe_isolation(struct call *c)
{
	if (!c)
		return 0;
	struct task_struct *t = current_task();
	struct scratch *s = record_begin(c, c->type, sizeof(struct event_call));

	if (!s)
		return 0;
	struct event_call *e = record_fixed(s);
	struct event_head *h = record_head(s);
	__s32 fd = descriptor_of(c);

	__builtin_memcpy(e->args, c->args, sizeof(e->args));
	e->op = operation_of(c);
	if (c->type == EVENT_CAPSET || c->type == EVENT_SETUID || c->type == EVENT_SETNS ||
	    c->type == EVENT_UNSHARE)
		fill_caps(&e->caps, t->real_cred);
	if (c->type == EVENT_SETNS || c->type == EVENT_UNSHARE)
		fill_namespaces(&e->ns, t, h->pid_ns);
	if (c->type == EVENT_DUP) {
		struct sock *sk = sock_of_file(file_of((__s32)c->result));

		e->socket.fd = (__s32)c->result;
		fill_socket(&e->socket, sk);
		if (e->socket.family == AF_UNIX)
			put_unix_names(s, sk);
	}
	if (takes_pidfd(c))
		fill_pidfd_target(e, (__s32)c->args[0]);
	put_call_strings(s, c);
	put_resolved(s, NULL);
	if (fd >= 0)
		put_descriptor(s, &e->file, fd);
	record_send(s);
	return 0;
}

/* --- signals -----------------------------------------------------------------------------------
 */

/* A signal from one container to another, or out of one; and to the agent, wherever it runs. */
static __always_inline void observe_signal(int sig, struct kernel_siginfo *info,
					   struct task_struct *target)
{
	struct call c;
	__u64 kind = (__u64)info;

	if (kind == 1) /* SEND_SIG_PRIV: the kernel's own */
		return;
	if (kind > 1 && BPF_CORE_READ(info, si_code) > 0)
		return; /* a child ended, a timer, a fault */
	call_begin(&c, EVENT_KILL);
	if (!is_elsewhere(target, &c.entry) &&
	    (c.entry.kind != ENTRY_CONTAINER || !own_process(target) ||
	     own_process(current_task())))
		return;
	if (!is_wanted(&c.entry, (int)c.known, EVENT_KILL))
		return;
	struct scratch *s = record_begin(&c, EVENT_KILL, sizeof(struct event_call));

	if (!s)
		return;
	struct event_call *e = record_fixed(s);
	struct cgroup_entry entry;
	__u64 key;

	find_task(target, &key, &entry);
	e->op = (__u32)sig;
	e->args[0] = (__u64)(__u32)target->tgid;
	e->args[1] = (__u64)sig;
	e->target_pid = (__u32)target->tgid;
	e->target_start_boot_ns = target->group_leader->start_boottime;
	e->target_cgroup = id_of(key);
	e->target_container = id_of(entry.container);
	record_send(s);
}

/* --- cgroups -------------------------------------------------------------------------------------
 */

/* The key of a cgroup in the trees that are watched; 0: another tree, or a root. */
static __always_inline __u64 key_of_cgroup(struct cgroup *g)
{
	struct cgroup_root *root = g->root;

	if (!g->level)
		return 0;
	if (root->hierarchy_id == 0)
		return g->kn->id;
	if (fallback == FALLBACK_NONE || !((root->subsys_mask >> fallback_subsys()) & 1))
		return 0;
	return g->kn->id | CGROUP_KEY_V1;
}

static __always_inline void send_cgroup(__u32 type, __u64 key, const char *path,
					struct task_struct *target)
{
	struct call c;

	call_begin(&c, type);
	struct scratch *s = record_begin(&c, type, sizeof(struct event_call));

	if (!s)
		return;
	struct event_call *e = record_fixed(s);
	struct cgroup_entry entry;

	find_cgroup(key, &entry);
	e->args[0] = id_of(key);
	e->args[1] = hierarchy_of(key);
	e->target_cgroup = id_of(key);
	e->target_container = id_of(entry.container);
	if (target) {
		e->target_pid = (__u32)target->tgid;
		e->target_start_boot_ns = target->group_leader->start_boottime;
	}
	put_kernel_string(s, TAG_NAME, (__u64)path);
	record_send(s);
}

/* What a container makes below itself is its own. */
static __always_inline void observe_cgroup_mkdir(struct cgroup *g, const char *path)
{
	__u64 key = key_of_cgroup(g);

	if (!key)
		return;
	struct cgroup_subsys_state *up = g->self.parent;
	__u64 parent = up ? key_of_cgroup(up->cgroup) : 0;
	struct cgroup_entry *e = parent ? bpf_map_lookup_elem(&cgroups, &parent) : NULL;

	if (e && e->kind == ENTRY_CONTAINER) {
		struct cgroup_entry copy;

		__builtin_memcpy(&copy, e, sizeof(copy));
		copy.inherited = 1;
		if (bpf_map_update_elem(&cgroups, &key, &copy, BPF_NOEXIST) < 0)
			count_drop(DROP_FULL, EVENT_CGROUP_MKDIR);
	}
	send_cgroup(EVENT_CGROUP_MKDIR, key, path, NULL);
}

static __always_inline void observe_cgroup_rmdir(struct cgroup *g)
{
	__u64 key = key_of_cgroup(g);

	if (key)
		bpf_map_delete_elem(&cgroups, &key);
}

/* t is as the kernel gave it: only such a one can be marked. */
static __always_inline void observe_cgroup_attach(struct cgroup *g, const char *path,
						  struct task_struct *t)
{
	__u64 key = key_of_cgroup(g);
	struct cgroup_root *root = g->root;

	if (key)
		mark_attached(key, t);
	if (key || root->hierarchy_id == 0)
		send_cgroup(EVENT_CGROUP_ATTACH, key, path, as_task(t));
}

#endif
