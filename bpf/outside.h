/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outside - what a task of a container holds of another mount tree or network than its own: its
 * root, its working directory, files among its first descriptors (CVE-2024-21626). */
#ifndef BULKHEAD_BPF_OUTSIDE_H
#define BULKHEAD_BPF_OUTSIDE_H

#include "bpf/enforce.h"

#define OUTSIDE_FDS	32
#define LAST_STDIO	2
#define S_IFDIR		0040000
#define AF_NETLINK	16
#define AF_PACKET	17
#define MNT_NS_ANON_INO 0xeffffff7U /* since 6.18; 0 before */

__u32 host_network;	     /* inode of the host's network namespace; 0: not known */
__u64 host_root_file_system; /* address of the super block of the host's "/" */

/* Filled in part by who asks: addresses, 0 where something is not to be looked at. */
struct outside {
	__u64 fs, table; /* struct fs_struct, struct fdtable */
	__u64 mounts;	 /* the task's own mount namespace */
	__u32 network;	 /* whose sockets are counted; 0: nobody's */
	/* answers */
	__u32 flags; /* enum event_task_outside */
	__s32 fd;
	__u32 sockets;
};

/* Detached mounts are in no namespace, or in an anonymous one of their own; those of the kernel
 * (pipes, sockets, memfd) have an error there. */
static __always_inline int is_mounted_elsewhere(const struct outside *o, struct vfsmount *mnt)
{
	struct mnt_namespace *ns = BPF_CORE_READ(real_mount(mnt), mnt_ns);

	if (!ns || (__u64)ns == o->mounts || (__u64)ns >= (__u64)-MAX_ERRNO)
		return 0;
	__u32 inode = BPF_CORE_READ(ns, ns.inum);

	return inode && inode != MNT_NS_ANON_INO;
}

static __always_inline int is_of_network(struct file *f, __u32 network)
{
	struct socket *socket = BPF_CORE_READ(f, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);

	switch (BPF_CORE_READ(sk, __sk_common.skc_family)) {
	case AF_INET:
	case AF_INET6:
	case AF_NETLINK:
	case AF_PACKET:
		return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == network;
	}
	return 0; /* a unix socket's peer may be anywhere */
}

/* Runtimes hand over standard input and output: a regular file there is theirs to give. */
static __always_inline void look_at_descriptor(struct outside *o, __u32 fd, struct file *f)
{
	__u32 kind = BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT;

	if (kind == S_IFSOCK && o->network && is_of_network(f, o->network))
		o->sockets++;
	if (kind != S_IFDIR && (kind != S_IFREG || fd <= LAST_STDIO))
		return;
	if (o->flags & TASK_FD_OUTSIDE || !is_mounted_elsewhere(o, BPF_CORE_READ(f, f_path.mnt)))
		return;
	o->flags |= TASK_FD_OUTSIDE;
	o->fd = (__s32)fd;
}

struct descriptor_walk {
	struct outside *o;
	struct file **files;
	__u64 open; /* a bit each */
};

static int descriptor_step(__u32 i, void *ctx)
{
	struct descriptor_walk *w = ctx;
	struct outside *o = w->o;
	struct file *f = NULL;

	if (!((w->open >> (i & (OUTSIDE_FDS - 1))) & 1) || !o)
		return 0;
	bpf_probe_read_kernel(&f, sizeof(f), w->files + i);
	if (f)
		look_at_descriptor(o, i, f);
	return 0;
}

__noinline int look_at_descriptors(struct outside *o)
{
	if (!o)
		return 0;
	struct fdtable *table = (struct fdtable *)o->table;
	unsigned long *open = BPF_CORE_READ(table, open_fds);
	struct descriptor_walk w = { .o = o, .files = BPF_CORE_READ(table, fd) };

	bpf_probe_read_kernel(&w.open, sizeof(w.open), open);
	if (w.open & ((1ULL << OUTSIDE_FDS) - 1))
		bpf_loop(OUTSIDE_FDS, descriptor_step, &w, 0);
	return 0;
}

__noinline int look_outside(struct outside *o)
{
	if (!o || !o->mounts)
		return 0;
	struct fs_struct *fs = (struct fs_struct *)o->fs;

	if (fs && is_mounted_elsewhere(o, BPF_CORE_READ(fs, root.mnt)))
		o->flags |= TASK_ROOT_OUTSIDE;
	if (fs && is_mounted_elsewhere(o, BPF_CORE_READ(fs, pwd.mnt)))
		o->flags |= TASK_CWD_OUTSIDE;
	if (o->table)
		look_at_descriptors(o);
	return 0;
}

/* What a task has, for look_outside(). */
static __always_inline void outside_of(struct outside *o, struct task_struct *t, int descriptors)
{
	struct nsproxy *p = t->nsproxy;

	__builtin_memset(o, 0, sizeof(*o));
	if (!p) /* exiting */
		return;
	o->mounts = number_of(p->mnt_ns);
	o->fs = number_of(t->fs);
	if (descriptors && t->files)
		o->table = (__u64)BPF_CORE_READ(t->files, fdt);
	if (host_network && p->net_ns->ns.inum != host_network)
		o->network = host_network;
}

/* The host's own, from its first process, or kthreadd where that one is hidden from us. */
static __always_inline void note_host(struct task_struct *t)
{
	struct fs_struct *fs = t->fs;
	struct nsproxy *p = t->nsproxy;

	if ((t->pid != 1 && (t->pid != 2 || host_network)) || !fs || !p)
		return;
	host_network = p->net_ns->ns.inum;
	host_root_file_system = (__u64)BPF_CORE_READ(fs, root.mnt, mnt_sb);
}

#endif
