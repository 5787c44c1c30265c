/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path - the name of a file as the container sees it: up the dentries and mounts to the top of the
 * mount tree. A chroot inside the container, a namespace that it made for itself, a symbolic link
 * or /proc/self/root on the way in changes nothing: the walk starts at the file and asks nobody's
 * root. In a container without a mount tree of its own this is the host's name. */
#ifndef BULKHEAD_BPF_PATH_H
#define BULKHEAD_BPF_PATH_H

#include "bpf/record.h"

#define WALK_MAX     2400 /* components and mounts: a path of 4096 bytes has 2048 */
#define MNT_INTERNAL 0x4000

struct walk {
	struct dentry *dentry;
	struct mount *mount;
	struct mnt_namespace *ns;
	struct mount *root; /* the last mount before the top: what "/" is */
	__u32 slot;	    /* of the path scratch */
	__u32 at;	    /* the text is [at, EVENT_STRING_MAX) */
	__u32 flags;
	__u32 done;
};

static __always_inline struct mount *real_mount(struct vfsmount *mnt)
{
	return (struct mount *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
}

/* Puts "/name" before what is there. */
static __always_inline void put_component(struct walk *w, struct path_scratch *p,
					  struct dentry *dentry)
{
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	__u32 n = BPF_CORE_READ(dentry, d_name.len) & 0xff, at = w->at;

	if (at > EVENT_STRING_MAX || at < n + 1) {
		w->flags |= STRING_CUT;
		w->done = 1;
		return;
	}
	at -= n;
	if (at < EVENT_STRING_MAX) /* true: n is not 0 or the path is empty */
		bpf_probe_read_kernel(&p->bytes[at & (EVENT_STRING_MAX - 1)], n, name);
	at--;
	p->bytes[at & (EVENT_STRING_MAX - 1)] = '/';
	w->at = at;
}

static int walk_step(__u32 i, void *ctx)
{
	struct walk *w = ctx;
	__u32 slot = w->slot;
	struct path_scratch *p = bpf_map_lookup_elem(&paths, &slot);
	struct dentry *d = w->dentry;
	struct mount *m = w->mount;

	if (!p || w->done)
		return 1;
	if (d == BPF_CORE_READ(m, mnt.mnt_root)) {
		struct mount *up = BPF_CORE_READ(m, mnt_parent);

		if (up == m || !up) {
			/* unmounted lazily, never mounted, or in another mount namespace */
			if (!BPF_CORE_READ(m, mnt_ns) || BPF_CORE_READ(m, mnt_ns) != w->ns)
				w->flags |= STRING_OUTSIDE;
			return 1;
		}
		w->root = m;
		w->dentry = BPF_CORE_READ(m, mnt_mountpoint);
		w->mount = up;
		return 0;
	}
	struct dentry *parent = BPF_CORE_READ(d, d_parent);

	if (parent == d || !parent) { /* a root without a mount: pipe, socket, memfd */
		put_component(w, p, d);
		w->flags |= STRING_OUTSIDE;
		return 1;
	}
	put_component(w, p, d);
	w->dentry = parent;
	return 0;
}

static __always_inline struct path_scratch *take_path(__u32 *slot)
{
	for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
		__u32 n = i;
		struct path_scratch *p = bpf_map_lookup_elem(&paths, &n);

		if (p && __sync_val_compare_and_swap(&p->busy, 0, 1) == 0) {
			*slot = i;
			return p;
		}
	}
	return NULL;
}

static __always_inline struct mnt_namespace *own_mount_namespace(void)
{
	struct nsproxy *p = current_task()->nsproxy;

	return p ? BPF_CORE_READ(p, mnt_ns) : NULL;
}

static __always_inline int unhashed(struct dentry *d)
{
	return !BPF_CORE_READ(d, d_hash.pprev) && BPF_CORE_READ(d, d_parent) != d;
}

/* Walks into p; w->at is where the text begins, w->flags are those of the string. */
static __always_inline void walk_path(struct walk *w, __u32 slot, struct path_scratch *p,
				      struct vfsmount *mnt, struct dentry *dentry)
{
	w->dentry = dentry;
	w->mount = real_mount(mnt);
	w->slot = slot;
	w->at = EVENT_STRING_MAX;
	w->flags = unhashed(dentry) ? STRING_DELETED : 0;
	w->done = 0;
	w->root = w->mount;
	w->ns = own_mount_namespace();
	bpf_loop(WALK_MAX, walk_step, w, 0);
	if (w->at == EVENT_STRING_MAX) {
		w->at = EVENT_STRING_MAX - 1;
		p->bytes[EVENT_STRING_MAX - 1] = '/';
	}
}

static __always_inline void put_walked(struct scratch *s, __u32 tag, struct walk *w,
				       struct path_scratch *p)
{
	__u32 at = string_at(s), from = w->at, n = EVENT_STRING_MAX - from;

	if (!at || from >= EVENT_STRING_MAX || n > EVENT_STRING_MAX)
		return;
	bpf_probe_read_kernel(s->record + at + sizeof(struct event_string), n,
			      &p->bytes[from & (EVENT_STRING_MAX - 1)]);
	string_end(s, at, (__u8)tag, (__u8)w->flags, n);
}

/* The path of a file that the kernel holds. */
__noinline int put_path(struct scratch *s, __u32 tag, __u64 mnt, __u64 dentry)
{
	struct walk w;
	__u32 slot = 0;

	if (!s || !mnt || !dentry)
		return 0;
	s->root_sb = 0; /* not that of the record before */
	struct path_scratch *p = take_path(&slot);

	if (!p) {
		record_head(s)->flags |= EVENT_CUT;
		return 0;
	}
	walk_path(&w, slot, p, (struct vfsmount *)mnt, (struct dentry *)dentry);
	put_walked(s, tag, &w, p);
	struct mount *root = w.root;

	s->root_sb = (__u64)BPF_CORE_READ(root, mnt.mnt_sb);
	p->busy = 0;
	return 0;
}

static __always_inline void put_path_of(struct scratch *s, __u32 tag, struct path *at)
{
	put_path(s, tag, (__u64)BPF_CORE_READ(at, mnt), (__u64)BPF_CORE_READ(at, dentry));
}

#endif
