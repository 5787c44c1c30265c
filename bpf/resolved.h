/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolved - what a check_* program learned of a system call that is still going on: the paths of
 * the kernel's own objects, and whether the call was refused. The same task's observer puts it into
 * the event when the call returns. Trampoline layer only. */
#ifndef BULKHEAD_BPF_RESOLVED_H
#define BULKHEAD_BPF_RESOLVED_H

#include "bpf/filter.h"

struct resolved {
	struct event_file file; /* of a refused open or exec */
	__u32 bytes, bytes2;	/* 0: that path is not known */
	__u8 flags, flags2;	/* enum event_string_flag */
	__u8 denied;
	__u8 reserved[5];
	char path[EVENT_STRING_MAX], path2[EVENT_STRING_MAX];
};

/* A task has one entry while it is between check and return; a full map costs the path, and user
 * space looks it up as in the other layer. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RESOLVED_MAX);
	__type(key, __u32); /* tid */
	__type(value, struct resolved);
} resolved SEC(".maps");

/* What an entry is made from: never written. The stack is too small for one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct resolved);
} blank SEC(".maps");

const volatile __u32 trampolines; /* this is the layer that runs */
__u64 resolved_refused;		  /* entries that found no room */

/* Types whose calls pass a check_* program. */
#define RESOLVED_TYPES                                                                             \
	(EVENT_BIT(EVENT_UNLINK) | EVENT_BIT(EVENT_RMDIR) | EVENT_BIT(EVENT_RENAME) |              \
	 EVENT_BIT(EVENT_LINK) | EVENT_BIT(EVENT_SYMLINK) | EVENT_BIT(EVENT_MKDIR) |               \
	 EVENT_BIT(EVENT_MKNOD) | EVENT_BIT(EVENT_CHMOD) | EVENT_BIT(EVENT_CHOWN) |                \
	 EVENT_BIT(EVENT_TRUNCATE) | EVENT_BIT(EVENT_CHROOT) | EVENT_BIT(EVENT_PIVOT_ROOT) |       \
	 EVENT_BIT(EVENT_MOUNT) | EVENT_BIT(EVENT_MOVE_MOUNT) | EVENT_BIT(EVENT_UMOUNT))

static __always_inline __u32 own_tid(void)
{
	return (__u32)bpf_get_current_pid_tgid();
}

static __always_inline struct resolved *resolved_new(void)
{
	__u32 tid = own_tid(), zero = 0;
	struct resolved *from = bpf_map_lookup_elem(&blank, &zero);

	if (!from || bpf_map_update_elem(&resolved, &tid, from, BPF_ANY) < 0) {
		__sync_fetch_and_add(&resolved_refused, 1);
		return NULL;
	}
	return bpf_map_lookup_elem(&resolved, &tid);
}

static __always_inline struct resolved *resolved_find(void)
{
	__u32 tid = own_tid();

	return trampolines ? bpf_map_lookup_elem(&resolved, &tid) : NULL;
}

/* Whether a check refused this call, which is over: that is told whatever the masks say. */
static __always_inline int was_denied(const struct call *c)
{
	struct resolved *r = c->result == -EPERM ? resolved_find() : NULL;

	return r && r->denied;
}

/* When a call is over, told or not. Of an open and an exec only a refused one has an entry; but an
 * open that may make a file, and a call that sends many, may go on after a refusal. */
static __always_inline void resolved_end(const struct call *c)
{
	__u32 tid = own_tid();

	if (!trampolines)
		return;
	if (c->type < EVENT_TYPE_COUNT && !(RESOLVED_TYPES & EVENT_BIT(c->type)) &&
	    c->result != -EPERM && !(switches.denies & (DENIES_WRITE | DENIES_CONNECT)))
		return;
	if (bpf_map_lookup_elem(&resolved, &tid))
		bpf_map_delete_elem(&resolved, &tid);
}

/* Puts "/name" behind the directory that was walked; where the text ends. */
static __always_inline __u32 put_last(struct path_scratch *p, struct walk *w, struct dentry *last)
{
	const unsigned char *name = BPF_CORE_READ(last, d_name.name);
	__u32 n = BPF_CORE_READ(last, d_name.len) & 0xff, end = EVENT_STRING_MAX;

	if (w->at != EVENT_STRING_MAX - 1) /* not the root itself */
		p->bytes[end++] = '/';
	if (n)
		bpf_probe_read_kernel(&p->bytes[end & (2 * EVENT_STRING_MAX - 1)], n, name);
	return end + n;
}

/* The path of an object, or of the name `last` (or 0) in the directory that mnt and dentry are. */
__noinline int resolve(struct resolved *r, __u32 second, __u64 mnt, __u64 dentry, __u64 last)
{
	struct walk w;
	__u32 slot = 0, end = EVENT_STRING_MAX;

	if (!r || !mnt || !dentry)
		return 0;
	struct path_scratch *p = take_path(&slot);

	if (!p)
		return 0;
	walk_path(&w, slot, p, (struct vfsmount *)mnt, (struct dentry *)dentry);
	if (last)
		end = put_last(p, &w, (struct dentry *)last);
	__u32 from = w.at, n = end - from;

	if (n > EVENT_STRING_MAX) {
		from += n - EVENT_STRING_MAX;
		w.flags |= STRING_CUT;
	}
	n = end - from;
	barrier_var(n);
	if (n > 0 && n <= EVENT_STRING_MAX) {
		bpf_probe_read_kernel(second ? r->path2 : r->path, n,
				      (char *)p->bytes + (from & (2 * EVENT_STRING_MAX - 1)));
		if (second) {
			r->bytes2 = n;
			r->flags2 = (__u8)w.flags;
		} else {
			r->bytes = n;
			r->flags = (__u8)w.flags;
		}
	}
	p->busy = 0;
	return 0;
}

static __always_inline void resolve_name(struct resolved *r, __u32 second, const struct path *dir,
					 struct dentry *last)
{
	resolve(r, second, (__u64)BPF_CORE_READ(dir, mnt), (__u64)BPF_CORE_READ(dir, dentry),
		number_of(last));
}

static __always_inline void resolve_object(struct resolved *r, __u32 second,
					   const struct path *object)
{
	resolve(r, second, (__u64)BPF_CORE_READ(object, mnt), (__u64)BPF_CORE_READ(object, dentry),
		0);
}

static __always_inline void put_text(struct scratch *s, __u32 tag, __u8 flags, const char *from,
				     __u32 n)
{
	__u32 at = string_at(s);

	barrier_var(n);
	if (!at || n == 0 || n > EVENT_STRING_MAX)
		return;
	bpf_probe_read_kernel(s->record + at + sizeof(struct event_string), n, from);
	string_end(s, at, (__u8)tag, flags, n);
}

/* Of a task that ends in a call: a core file that it may not write. */
static __always_inline void resolved_forget(struct task_struct *t)
{
	__u32 tid = (__u32)t->pid;

	if (trampolines && switches.denies)
		bpf_map_delete_elem(&resolved, &tid);
}

/* Adds what a check found to the event of the call: whether the first path was known. */
static __always_inline int put_resolved(struct scratch *s, struct event_file *file)
{
	struct resolved *r = resolved_find();
	struct event_head *h = record_head(s);

	if (!r)
		return 0;
	if (r->bytes)
		put_text(s, TAG_PATH, r->flags, r->path, r->bytes);
	if (r->bytes2)
		put_text(s, TAG_PATH2, r->flags2, r->path2, r->bytes2);
	if (r->bytes || r->bytes2)
		h->flags |= EVENT_RESOLVED;
	if (r->denied) {
		h->flags |= EVENT_DENIED;
		if (file)
			__builtin_memcpy(file, &r->file, sizeof(*file));
	}
	return r->bytes != 0;
}

#endif
