/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trampoline - the programs of the trampoline layer. call_*: what a system call's own function
 * returns to; the loader makes a stub of six instructions for each of these functions, which ends
 * in call_dispatch. check_*: the kernel's own security hooks, before the operation: they know the
 * objects that the call works on, and may refuse. */
#ifndef BULKHEAD_BPF_TRAMPOLINE_H
#define BULKHEAD_BPF_TRAMPOLINE_H

#include "bpf/dispatch.h"

#define IO_URING_ENTER 426 /* on i386 too */

/* Stubs reach a program by tail call, which wants one prototype for both: the kernel's functions
 * have two, since in some the argument has another name. The loader sets the second's target. */
SEC("fexit/__x64_sys_openat")
int BPF_PROG(call_dispatch, struct pt_regs *regs, long result)
{
	return observe_return(regs, result);
}

SEC("fexit/__x64_sys_socket")
int BPF_PROG(call_dispatch2, struct pt_regs *regs, long result)
{
	return observe_return(regs, result);
}

/* Every 32-bit call: one program instead of a stub for each function. */
SEC("fexit/ia32_sys_call")
int BPF_PROG(call_ia32, struct pt_regs *regs, unsigned int number, long result)
{
	return observe_return(regs, result);
}

/* --- checks ------------------------------------------------------------------------------------
 */

struct check {
	struct resolved *r; /* NULL: nobody wants it */
	struct call c;
	__u8 ring;   /* made by io_uring: no function of a system call returns */
	__u8 hidden; /* no observer of a call tells it when it is over */
	__u8 denied;
	__u8 reserved[5];
};

/* Directories that an operation changes, of one mount; 0: none. */
struct places {
	__u64 mnt, directory, second;
};
static const struct places nowhere = {};

/* Whether this task works for io_uring: a worker, or a call that hands over requests. */
static __always_inline int in_ring(struct task_struct *t, const struct pt_regs *regs)
{
	return (t->flags & PF_IO_WORKER) ||
	       (!(t->flags & PF_KTHREAD) && regs->orig_ax == IO_URING_ENTER);
}

/* Descriptors are told by what they are of. */
static __always_inline int is_of_descriptor(__u32 id)
{
	return id == CALL_fchmod || id == CALL_fchown || id == CALL_ftruncate;
}

/* Whether an observer takes up what a check learned of this call. */
static __always_inline int has_path_observer(__u32 id)
{
	__u64 types = RESOLVED_TYPES | EVENT_BIT(EVENT_OPEN);

	return id != CALL_NONE && id < CALL_COUNT && !is_of_descriptor(id) &&
	       (types & EVENT_BIT(call_types[id]));
}

/* A hook of another call than its own is not looked at: open makes files, too. unlinkat is also
 * rmdir. */
static __always_inline int is_call_of(__u32 id, __u32 type)
{
	return id != CALL_NONE && id < CALL_COUNT && !is_of_descriptor(id) &&
	       (call_types[id] == type || (type == EVENT_RMDIR && id == CALL_unlinkat));
}

/* Whether a rule of somebody wants this call told with what the check knows. */
static __always_inline int check_is_wanted(struct check *k, __u32 id)
{
	struct call *c = &k->c;

	if (!k->ring && !is_call_of(id, c->type))
		return 0;
	if (own_process(current_task()))
		return 0;
	/* unlinkat passes the first look as the type of its table */
	return is_wanted(&c->entry, (int)c->known, c->type) ||
	       (c->type == EVENT_RMDIR && is_wanted(&c->entry, (int)c->known, EVENT_UNLINK));
}

/* 1: there is something to resolve, and to say at check_end. */
static __always_inline int check_begin(struct check *k, __u32 type, const struct places *p)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
	struct call *c = &k->c;
	__u32 id = CALL_NONE;

	__builtin_memset(k, 0, sizeof(*k));
	k->ring = in_ring(t, regs) != 0;
	if (t->flags & PF_KTHREAD)
		return 0;
	if (k->ring)
		c->number = IO_URING_ENTER;
	else
		id = call_made(regs, &c->number, &c->flags);
	/* what makes no observed call is of interest only when it is refused */
	if (!k->ring && !is_call_of(id, type) && !(p->mnt && switches.denies & DENIES_WRITE))
		return 0;
	k->hidden = !has_path_observer(id);
	c->type = (__u8)type;
	c->known = (__u32)find_task(t, &c->cgroup, &c->entry);
	if (p->mnt && switches.denies & DENIES_WRITE)
		k->denied = judge_write(c, p->mnt, p->directory) ||
			    (p->second && judge_write(c, p->mnt, p->second));
	if (!k->denied && !check_is_wanted(k, id))
		return 0;
	k->r = resolved_new();
	if (k->r)
		k->r->denied = k->denied;
	return k->r || k->denied;
}

/* What io_uring does is told as it begins: nothing of ours sees its result. */
__noinline int observe_hidden_path(struct call *c)
{
	if (!c)
		return 0;
	struct scratch *s = record_begin(c, c->type, sizeof(struct event_path));

	if (!s)
		return 0;
	struct event_path *e = record_fixed(s);

	e->dirfd = AT_FDCWD;
	e->dirfd2 = AT_FDCWD;
	put_resolved(s, NULL);
	record_send(s);
	return 0;
}

static __always_inline int check_end(struct check *k)
{
	if (k->denied)
		k->c.result = -EPERM;
	if (k->ring || k->hidden) {
		observe_hidden_path(&k->c);
		resolved_end(&k->c);
	}
	return k->denied ? -EPERM : 0;
}

static __always_inline struct places place_of(const struct path *dir)
{
	struct places p = { .mnt = (__u64)BPF_CORE_READ(dir, mnt),
			    .directory = (__u64)BPF_CORE_READ(dir, dentry) };

	return p;
}

#define CHECK_NAME(name, type)                                                                     \
	SEC("fmod_ret/security_" #name)                                                            \
	int BPF_PROG(check_##name, const struct path *dir, struct dentry *last)                    \
	{                                                                                          \
		struct places p = place_of(dir);                                                   \
		struct check k;                                                                    \
                                                                                                   \
		if (!check_begin(&k, type, &p))                                                    \
			return 0;                                                                  \
		resolve_name(k.r, 0, dir, last);                                                   \
		return check_end(&k);                                                              \
	}
CHECK_NAME(path_unlink, EVENT_UNLINK)
CHECK_NAME(path_rmdir, EVENT_RMDIR)
CHECK_NAME(path_mkdir, EVENT_MKDIR)

/* open makes files by it, bind sockets. */
SEC("fmod_ret/security_path_mknod")
int BPF_PROG(check_path_mknod, const struct path *dir, struct dentry *last, unsigned short mode)
{
	struct places p = place_of(dir);
	struct check k;

	if ((mode & S_IFMT) == S_IFSOCK || (mode & S_IFMT) == S_IFIFO)
		p.mnt = 0;
	if (!check_begin(&k, EVENT_MKNOD, &p))
		return 0;
	resolve_name(k.r, 0, dir, last);
	return check_end(&k);
}

#define CHECK_OBJECT(name, type)                                                                   \
	SEC("fmod_ret/security_" #name)                                                            \
	int BPF_PROG(check_##name, const struct path *object)                                      \
	{                                                                                          \
		struct check k;                                                                    \
                                                                                                   \
		if (!check_begin(&k, type, &nowhere))                                              \
			return 0;                                                                  \
		resolve_object(k.r, 0, object);                                                    \
		return check_end(&k);                                                              \
	}
CHECK_OBJECT(path_chmod, EVENT_CHMOD)
CHECK_OBJECT(path_chown, EVENT_CHOWN)
CHECK_OBJECT(path_chroot, EVENT_CHROOT)

SEC("fmod_ret/security_path_truncate")
int BPF_PROG(check_path_truncate, const struct path *object)
{
	struct places p = { .mnt = (__u64)BPF_CORE_READ(object, mnt),
			    .directory = (__u64)BPF_CORE_READ(object, dentry, d_parent) };
	struct check k;

	if (!check_begin(&k, EVENT_TRUNCATE, &p))
		return 0;
	resolve_object(k.r, 0, object);
	return check_end(&k);
}

SEC("fmod_ret/security_path_rename")
int BPF_PROG(check_path_rename, const struct path *from_dir, struct dentry *from,
	     const struct path *to_dir, struct dentry *to)
{
	struct places p = place_of(from_dir);
	struct check k;

	p.second = (__u64)BPF_CORE_READ(to_dir, dentry);
	if (!check_begin(&k, EVENT_RENAME, &p))
		return 0;
	resolve_name(k.r, 0, from_dir, from);
	resolve_name(k.r, 1, to_dir, to);
	return check_end(&k);
}

/* Both names of a hard link are on one mount. */
SEC("fmod_ret/security_path_link")
int BPF_PROG(check_path_link, struct dentry *from, const struct path *to_dir, struct dentry *to)
{
	struct places p = place_of(to_dir);
	struct check k;

	if (!check_begin(&k, EVENT_LINK, &p))
		return 0;
	resolve(k.r, 0, (__u64)BPF_CORE_READ(to_dir, mnt), number_of(from), 0);
	resolve_name(k.r, 1, to_dir, to);
	return check_end(&k);
}

/* The first name of a symbolic link is a text. */
SEC("fmod_ret/security_path_symlink")
int BPF_PROG(check_path_symlink, const struct path *dir, struct dentry *last)
{
	struct places p = place_of(dir);
	struct check k;

	if (!check_begin(&k, EVENT_SYMLINK, &p))
		return 0;
	resolve_name(k.r, 1, dir, last);
	return check_end(&k);
}

SEC("fmod_ret/security_sb_mount")
int BPF_PROG(check_sb_mount, const char *source, const struct path *target)
{
	struct check k;

	if (check_begin(&k, EVENT_MOUNT, &nowhere))
		resolve_object(k.r, 1, target);
	return 0;
}

/* What a descriptor names is told by the descriptor. */
SEC("fmod_ret/security_move_mount")
int BPF_PROG(check_move_mount, const struct path *from, const struct path *to)
{
	struct check k;

	if (!check_begin(&k, EVENT_MOVE_MOUNT, &nowhere))
		return 0;
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__s32 fd = (__s32)(k.c.flags & EVENT_COMPAT ? regs->bx : regs->di);

	if (fd < 0)
		resolve_object(k.r, 0, from);
	resolve_object(k.r, 1, to);
	return 0;
}

SEC("fmod_ret/security_sb_umount")
int BPF_PROG(check_sb_umount, struct vfsmount *mnt)
{
	struct check k;

	if (check_begin(&k, EVENT_UMOUNT, &nowhere))
		resolve(k.r, 0, number_of(mnt), (__u64)BPF_CORE_READ(mnt, mnt_root), 0);
	return 0;
}

SEC("fmod_ret/security_sb_pivotroot")
int BPF_PROG(check_sb_pivotroot, const struct path *put_old, const struct path *new_root)
{
	struct check k;

	if (!check_begin(&k, EVENT_PIVOT_ROOT, &nowhere))
		return 0;
	resolve_object(k.r, 0, new_root);
	resolve_object(k.r, 1, put_old);
	return 0;
}

#endif
