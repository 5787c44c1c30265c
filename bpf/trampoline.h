/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trampoline - the programs of the trampoline layer. call_*: what a system call's own function
 * returns to; the loader makes a stub of six instructions for each of these functions, which ends
 * in call_dispatch. check_*: the kernel's own security hooks, before the operation: they know the
 * objects that the call works on, and may refuse. */
#ifndef BULKHEAD_BPF_TRAMPOLINE_H
#define BULKHEAD_BPF_TRAMPOLINE_H

#include "bpf/dispatch.h"

#define FMODE_EXEC     0x20
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
	int ring; /* made by io_uring: no function of a system call returns */
};

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

/* A hook of another call than its own is not looked at: open makes files, too. unlinkat is also
 * rmdir. */
static __always_inline int is_call_of(__u32 id, __u32 type)
{
	return id != CALL_NONE && id < CALL_COUNT && !is_of_descriptor(id) &&
	       (call_types[id] == type || (type == EVENT_RMDIR && id == CALL_unlinkat));
}

static __always_inline int check_begin(struct check *k, __u32 type)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
	struct call *c = &k->c;

	__builtin_memset(k, 0, sizeof(*k));
	k->ring = in_ring(t, regs);
	if (t->flags & PF_KTHREAD)
		return 0;
	if (!k->ring && !is_call_of(call_made(regs, &c->number, &c->flags), type))
		return 0;
	if ((__u32)t->tgid == switches.own_pid || (__u32)t->tgid == switches.serve_pid)
		return 0;
	c->type = (__u8)type;
	c->known = (__u32)find_task(t, &c->cgroup, &c->entry);
	/* unlinkat passes the first look as the type of its table */
	if (!is_wanted(&c->entry, (int)c->known, type) &&
	    !(type == EVENT_RMDIR && is_wanted(&c->entry, (int)c->known, EVENT_UNLINK)))
		return 0;
	k->r = resolved_new();
	return k->r != NULL;
}

/* What io_uring does is told as it begins: nothing of ours sees its result. */
__noinline int observe_ring_path(struct call *c)
{
	if (!c)
		return 0;
	c->number = IO_URING_ENTER;
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
	if (k->ring) {
		observe_ring_path(&k->c);
		resolved_end(&k->c);
	}
	return 0;
}

#define CHECK_NAME(name, type)                                                                     \
	SEC("fmod_ret/security_" #name)                                                            \
	int BPF_PROG(check_##name, const struct path *dir, struct dentry *last)                    \
	{                                                                                          \
		struct check k;                                                                    \
                                                                                                   \
		if (!check_begin(&k, type))                                                        \
			return 0;                                                                  \
		resolve_name(k.r, 0, dir, last);                                                   \
		return check_end(&k);                                                              \
	}
CHECK_NAME(path_unlink, EVENT_UNLINK)
CHECK_NAME(path_rmdir, EVENT_RMDIR)
CHECK_NAME(path_mkdir, EVENT_MKDIR)
CHECK_NAME(path_mknod, EVENT_MKNOD)

#define CHECK_OBJECT(name, type)                                                                   \
	SEC("fmod_ret/security_" #name)                                                            \
	int BPF_PROG(check_##name, const struct path *object)                                      \
	{                                                                                          \
		struct check k;                                                                    \
                                                                                                   \
		if (!check_begin(&k, type))                                                        \
			return 0;                                                                  \
		resolve_object(k.r, 0, object);                                                    \
		return check_end(&k);                                                              \
	}
CHECK_OBJECT(path_chmod, EVENT_CHMOD)
CHECK_OBJECT(path_chown, EVENT_CHOWN)
CHECK_OBJECT(path_truncate, EVENT_TRUNCATE)
CHECK_OBJECT(path_chroot, EVENT_CHROOT)

SEC("fmod_ret/security_path_rename")
int BPF_PROG(check_path_rename, const struct path *from_dir, struct dentry *from,
	     const struct path *to_dir, struct dentry *to)
{
	struct check k;

	if (!check_begin(&k, EVENT_RENAME))
		return 0;
	resolve_name(k.r, 0, from_dir, from);
	resolve_name(k.r, 1, to_dir, to);
	return check_end(&k);
}

/* Both names of a hard link are on one mount. */
SEC("fmod_ret/security_path_link")
int BPF_PROG(check_path_link, struct dentry *from, const struct path *to_dir, struct dentry *to)
{
	struct check k;

	if (!check_begin(&k, EVENT_LINK))
		return 0;
	resolve(k.r, 0, (__u64)BPF_CORE_READ(to_dir, mnt), number_of(from), 0);
	resolve_name(k.r, 1, to_dir, to);
	return check_end(&k);
}

/* The first name of a symbolic link is a text. */
SEC("fmod_ret/security_path_symlink")
int BPF_PROG(check_path_symlink, const struct path *dir, struct dentry *last)
{
	struct check k;

	if (!check_begin(&k, EVENT_SYMLINK))
		return 0;
	resolve_name(k.r, 1, dir, last);
	return check_end(&k);
}

SEC("fmod_ret/security_sb_mount")
int BPF_PROG(check_sb_mount, const char *source, const struct path *target)
{
	struct check k;

	if (check_begin(&k, EVENT_MOUNT))
		resolve_object(k.r, 1, target);
	return 0;
}

/* What a descriptor names is told by the descriptor. */
SEC("fmod_ret/security_move_mount")
int BPF_PROG(check_move_mount, const struct path *from, const struct path *to)
{
	struct check k;

	if (!check_begin(&k, EVENT_MOVE_MOUNT))
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

	if (check_begin(&k, EVENT_UMOUNT))
		resolve(k.r, 0, number_of(mnt), (__u64)BPF_CORE_READ(mnt, mnt_root), 0);
	return 0;
}

SEC("fmod_ret/security_sb_pivotroot")
int BPF_PROG(check_sb_pivotroot, const struct path *put_old, const struct path *new_root)
{
	struct check k;

	if (!check_begin(&k, EVENT_PIVOT_ROOT))
		return 0;
	resolve_object(k.r, 0, new_root);
	resolve_object(k.r, 1, put_old);
	return 0;
}

/* --- denial ------------------------------------------------------------------------------------
 */

/* Whether a verdict refuses this file to the current task. */
__noinline int is_denied(struct call *c, __u64 of)
{
	struct file *f = (struct file *)of;
	struct inode *inode = BPF_CORE_READ(f, f_inode);
	struct event_file file = {};

	if (!c)
		return 0;
	c->known = (__u32)find_task(current_task(), &c->cgroup, &c->entry);
	if (!c->entry.image)
		return 0;
	struct verdict_key key = { .inode = BPF_CORE_READ(inode, i_ino),
				   .image = c->entry.image,
				   .device = BPF_CORE_READ(inode, i_sb, s_dev),
				   .generation = BPF_CORE_READ(inode, i_generation),
				   .type = c->type };
	__u32 *v = bpf_map_lookup_elem(&verdicts, &key);

	if (!v || *v != VERDICT_DENY)
		return 0;
	fill_file(&file, BPF_CORE_READ(f, f_path.mnt), BPF_CORE_READ(f, f_path.dentry));
	return verdict_of(&c->entry, &file, c->type) == VERDICT_DENY;
}

/* For the observer of the call, which sees the refusal as its result. */
__noinline int note_denied(__u64 of)
{
	struct file *f = (struct file *)of;
	struct vfsmount *mnt = BPF_CORE_READ(f, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(f, f_path.dentry);
	struct resolved *r = resolved_new();

	if (!r)
		return 0;
	r->denied = 1;
	fill_file(&r->file, mnt, dentry);
	resolve(r, 0, (__u64)mnt, (__u64)dentry, 0);
	return 0;
}

/* An open that no observed call makes: of io_uring, or of a call that opens on the side. */
__noinline int observe_hidden_open(struct call *c, __u64 file)
{
	struct file *f = (struct file *)file;
	struct repeat_key k;
	__u32 mode = 0;

	if (!c || !f || !is_wanted(&c->entry, (int)c->known, EVENT_OPEN))
		return 0;
	struct vfsmount *mnt = BPF_CORE_READ(f, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(f, f_path.dentry);
	__u32 flags = BPF_CORE_READ(f, f_flags);

	if (c->entry.kind == ENTRY_HOST && c->known &&
	    !host_path_matches((__u64)mnt, (__u64)dentry, 0)) {
		count_drop(DROP_PATH, EVENT_OPEN);
		return 0;
	}
	repeat_begin(&k, c);
	copy_file_key(&k, f, &mode);
	k.access = (__u8)access_of(flags);
	if (is_repeat(c, &k))
		return 0;
	struct scratch *s = record_begin(c, EVENT_OPEN, sizeof(struct event_open));

	if (!s)
		return 0;
	struct event_open *e = record_fixed(s);

	e->flags = flags;
	e->access = access_of(flags);
	e->dirfd = AT_FDCWD;
	fill_file(&e->file, mnt, dentry);
	record_head(s)->flags |= EVENT_RESOLVED;
	put_path(s, TAG_PATH, (__u64)mnt, (__u64)dentry);
	if (record_send(s))
		remember(c, &k, DROP_REPEAT);
	return 0;
}

/* Runs for every open of the machine: without requests of io_uring and without a verdict that
 * refuses it ends at once. */
SEC("fmod_ret/security_file_open")
int BPF_PROG(check_file_open, struct file *f)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
	int ring = in_ring(t, regs), denied;
	struct call c;

	if ((!ring && !switches.denies) || f->f_flags & FMODE_EXEC)
		return 0;
	__builtin_memset(&c, 0, sizeof(c));
	c.type = EVENT_OPEN;
	c.number = IO_URING_ENTER;
	denied = is_denied(&c, number_of(f));
	if (!ring && !denied)
		return 0;
	__u32 id = ring ? CALL_NONE : call_made(regs, &c.number, &c.flags);

	if (id != CALL_NONE && id < CALL_COUNT && call_types[id] == EVENT_OPEN) {
		note_denied(number_of(f));
		return -EPERM;
	}
	if (denied) {
		c.result = -EPERM;
		c.flags |= EVENT_DENIED;
	}
	if ((__u32)t->tgid != switches.own_pid)
		observe_hidden_open(&c, number_of(f));
	return denied ? -EPERM : 0;
}

SEC("fmod_ret/security_bprm_check")
int BPF_PROG(check_bprm, struct linux_binprm *bprm)
{
	struct call c;

	if (!switches.denies)
		return 0;
	__builtin_memset(&c, 0, sizeof(c));
	c.type = EVENT_EXEC;
	__u64 file = (__u64)BPF_CORE_READ(bprm, file);

	if (!is_denied(&c, file))
		return 0;
	note_denied(file);
	return -EPERM;
}

#endif
