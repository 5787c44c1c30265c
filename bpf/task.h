/* SPDX-License-Identifier: GPL-2.0-or-later */
/* task - what a task_struct tells: who it is, which cgroup, which namespaces and rights. */
#ifndef BULKHEAD_BPF_TASK_H
#define BULKHEAD_BPF_TASK_H

#include <bpf/bpf_core_read.h>

#include "bpf/maps.h"

#define PF_IO_WORKER	  0x00000010
#define PF_KTHREAD	  0x00200000
#define PFA_NO_NEW_PRIVS  0
#define SIGNAL_GROUP_EXIT 0x00000004
#define TTY_MINOR_BITS	  20

/* From 6.2 on: a pointer that the verifier does not follow any further. */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/* For each pointer that is loaded from an object it trusts, the newer verifier searches all types
 * of the kernel by name: half of the time of loading. */
static __always_inline struct task_struct *as_task(struct task_struct *t)
{
	return bpf_rdonly_cast ? bpf_rdonly_cast(t, bpf_core_type_id_kernel(struct task_struct))
			       : t;
}

static __always_inline struct task_struct *current_task(void)
{
	return as_task(bpf_get_current_task_btf());
}

/* The agent itself. */
static __always_inline int own_process(struct task_struct *t)
{
	return (__u32)t->tgid == switches.own_pid || (__u32)t->tgid == switches.serve_pid;
}

/* A verified pointer as a number: what functions that are not inline can take, and what older
 * kernels let be computed with. */
static __always_inline __u64 number_of(const void *pointer)
{
	__u64 n = 0;

	bpf_probe_read_kernel(&n, sizeof(n), &pointer);
	return n;
}

/* Where a pid keeps what it is in the namespace of a level. */
static __always_inline __u64 upid_at(struct pid *p, __u32 level)
{
	return number_of(p) + bpf_core_field_offset(struct pid, numbers) +
	       (__u64)level * bpf_core_type_size(struct upid);
}

/* Key of a cgroup of the v2 tree, 0 for its root. */
static __always_inline __u64 cgroup_key_v2(struct css_set *set)
{
	struct cgroup *v2 = set->dfl_cgrp;

	return v2->level > 0 ? v2->kn->id : 0;
}

/* Its place in css_set.subsys, which is the kernel's own affair; -1: v2 alone. */
static __always_inline int fallback_subsys(void)
{
	switch (fallback) {
	case FALLBACK_MEMORY:
		return (int)bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	case FALLBACK_CPUACCT:
		return (int)bpf_core_enum_value(enum cgroup_subsys_id, cpuacct_cgrp_id);
	case FALLBACK_CPU:
		return (int)bpf_core_enum_value(enum cgroup_subsys_id, cpu_cgrp_id);
	case FALLBACK_PIDS:
		return (int)bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
	case FALLBACK_BLKIO:
		return (int)bpf_core_enum_value(enum cgroup_subsys_id, io_cgrp_id);
	}
	return -1;
}

/* Its key in the v1 hierarchy that the agent watches; 0: that root, or no such hierarchy. */
static __always_inline __u64 cgroup_key_v1(struct css_set *set)
{
	struct cgroup_subsys_state *css = NULL;

	if (fallback == FALLBACK_NONE)
		return 0;
	bpf_probe_read_kernel(&css, sizeof(css), (void **)&set->subsys[0] + fallback_subsys());
	struct cgroup *v1 = BPF_CORE_READ(css, cgroup);

	if (!css || BPF_CORE_READ(v1, level) <= 0)
		return 0;
	return BPF_CORE_READ(v1, kn, id) | CGROUP_KEY_V1;
}

static __always_inline __u32 hierarchy_of(__u64 key)
{
	return key & CGROUP_KEY_V1 ? EVENT_CGROUP_V1 : EVENT_CGROUP_V2;
}

static __always_inline __u64 id_of(__u64 key)
{
	return key & ~CGROUP_KEY_V1;
}

/* The entry of a cgroup, copied: 1, or 0 when it is not known (pending). The root is the host. */
static __always_inline int find_cgroup(__u64 key, struct cgroup_entry *out)
{
	struct cgroup_entry *e = key ? bpf_map_lookup_elem(&cgroups, &key) : NULL;

	__builtin_memset(out, 0, sizeof(*out));
	out->slot = ~0U;
	out->kind = ENTRY_HOST;
	if (e)
		__builtin_memcpy(out, e, sizeof(*out));
	return e || !key;
}

/* The cgroup of a task and its entry; 1, or 0 when it is not known (pending). The v2 cgroup where
 * the task joined that tree, else its v1 cgroup; the root of both is the host. A process that moved
 * to a v2 group of its own making is still in its container's v1 group. */
static __always_inline int find_task(struct task_struct *t, __u64 *key, struct cgroup_entry *out)
{
	struct css_set *set = t->cgroups;
	struct cgroup_entry other;

	*key = cgroup_key_v2(set);
	int known = find_cgroup(*key, out);

	if (fallback == FALLBACK_NONE || out->kind == ENTRY_CONTAINER)
		return known;
	__u64 v1 = cgroup_key_v1(set);
	int known_v1 = find_cgroup(v1, &other);

	if (*key && other.kind != ENTRY_CONTAINER)
		return known;
	*key = v1;
	__builtin_memcpy(out, &other, sizeof(*out));
	return known_v1;
}

static __always_inline __u16 cgroup_flags(const struct cgroup_entry *e, int known)
{
	return !known ? EVENT_PENDING : e->kind == ENTRY_HOST ? EVENT_HOST : 0;
}

static __always_inline __u32 number_in(struct pid *p)
{
	__u32 level = p->level;
	int nr = 0;

	if (level < 33) /* MAX_PID_NS_LEVEL and the first */
		bpf_probe_read_kernel(&nr, sizeof(nr), (void *)upid_at(p, level));
	return (__u32)nr;
}

static __always_inline __u32 tty_of(struct signal_struct *s)
{
	struct tty_struct *tty = s->tty;

	if (!tty)
		return 0;
	struct tty_driver *d = tty->driver;

	return ((__u32)d->major << TTY_MINOR_BITS) | (__u32)(d->minor_start + tty->index);
}

/* The process's part of the head; the caller sets type, flags, result. t is trusted. */
static __always_inline void fill_process(struct event_head *h, struct task_struct *t)
{
	struct task_struct *leader = t->group_leader, *parent = t->real_parent;
	const struct cred *cred = t->real_cred;
	struct signal_struct *signal = t->signal;
	struct pid *sid = signal->pids[PIDTYPE_SID];

	h->pid = (__u32)t->tgid;
	h->tid = (__u32)t->pid;
	h->start_boot_ns = leader->start_boottime;
	h->exec_seq = (__u32)t->self_exec_id;
	h->ppid = (__u32)parent->tgid;
	h->parent_start_boot_ns = parent->group_leader->start_boottime;
	h->uid = cred->uid.val;
	h->gid = cred->gid.val;
	h->euid = cred->euid.val;
	h->egid = cred->egid.val;
	h->loginuid = bpf_core_field_exists(t->loginuid) ? t->loginuid.val : ~0U;
	h->tty = tty_of(signal);
	if (sid)
		h->session = (__u32)BPF_CORE_READ(sid, numbers[0].nr);
	struct pid *pid = t->thread_pid;

	if (pid) { /* a task that is being reaped has none */
		h->ns_tid = number_in(pid);
		h->ns_pid = h->ns_tid;
		struct pid *group = leader->thread_pid;

		if (leader != t && group)
			h->ns_pid = number_in(group);
		__u32 level = pid->level;
		struct pid_namespace *ns = NULL;

		if (level < 33)
			bpf_probe_read_kernel(&ns, sizeof(ns),
					      (char *)upid_at(pid, level) +
						      bpf_core_field_offset(struct upid, ns));
		h->pid_ns = BPF_CORE_READ(ns, ns.inum);
	}
	bpf_probe_read_kernel(h->comm, sizeof(h->comm), &t->comm);
}

static __always_inline void fill_cgroup(struct event_head *h, __u64 key,
					const struct cgroup_entry *e, int known)
{
	h->hierarchy = hierarchy_of(key);
	h->cgroup_id = id_of(key);
	h->container_cgroup = id_of(e->container);
	h->flags |= cgroup_flags(e, known);
}

static __always_inline void fill_caps(struct event_caps *c, const struct cred *cred)
{
	bpf_probe_read_kernel(&c->effective, 8, &cred->cap_effective);
	bpf_probe_read_kernel(&c->permitted, 8, &cred->cap_permitted);
	bpf_probe_read_kernel(&c->inheritable, 8, &cred->cap_inheritable);
	bpf_probe_read_kernel(&c->bounding, 8, &cred->cap_bset);
}

static __always_inline void fill_namespaces(struct event_namespaces *n, struct task_struct *t,
					    __u32 pid_ns)
{
	struct nsproxy *p = t->nsproxy;
	const struct cred *cred = t->real_cred;

	n->user = cred->user_ns->ns.inum;
	n->pid = pid_ns;
	if (!p) /* exiting */
		return;
	n->mnt = BPF_CORE_READ(p, mnt_ns, ns.inum);
	n->net = BPF_CORE_READ(p, net_ns, ns.inum);
	n->ipc = BPF_CORE_READ(p, ipc_ns, ns.inum);
	n->uts = BPF_CORE_READ(p, uts_ns, ns.inum);
	n->cgroup = BPF_CORE_READ(p, cgroup_ns, ns.inum);
	n->time = BPF_CORE_READ(p, time_ns, ns.inum);
}

static __always_inline __u64 mix(__u64 a, __u64 b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15ULL;
	return a ^ (a >> 29);
}

/* The generation of an exec instance: who it is and where it stands. From the values, not from the
 * addresses of the structures that hold them, which the kernel uses again. */
static __always_inline __u64 identity_of(struct task_struct *t)
{
	const struct cred *cred = t->cred;
	struct nsproxy *p = t->nsproxy;
	struct fs_struct *fs = t->fs;
	__u64 caps = 0, v;

	bpf_probe_read_kernel(&caps, sizeof(caps), &cred->cap_effective);
	v = mix(hash_seed ^ caps, ((__u64)cred->euid.val << 32) | cred->fsuid.val);
	v = mix(v, ((__u64)cred->uid.val << 32) | cred->fsgid.val);
	if (p && fs) {
		v = mix(v, ((__u64)p->mnt_ns->ns.inum << 32) | p->net_ns->ns.inum);
		v = mix(v, fs->root.dentry->d_inode->i_ino);
	}
	return v;
}

#endif
