/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file - observers of the file system. */
#ifndef BULKHEAD_BPF_FILE_H
#define BULKHEAD_BPF_FILE_H

#include "bpf/resolved.h"

#define AT_REMOVEDIR	 0x200
#define O_ACCMODE	 00000003
#define O_WRONLY	 00000001
#define O_RDWR		 00000002
#define O_CREAT		 00000100
#define O_TRUNC		 00001000
#define O_PATH		 010000000
#define O_DIRECTORY	 00200000
#define O_TMPFILE	 020000000
#define FMODE_READ	 0x1
#define FMODE_WRITE	 0x2
#define FMODE_PATH	 0x4000
#define FMODE_CREATED	 0x100000

#define MAGIC_OVERLAY	 0x794c7630
#define MAGIC_PROC	 0x9fa0
#define MAGIC_SYSFS	 0x62656572
#define MAGIC_TMPFS	 0x01021994
#define MAGIC_CGROUP	 0x27e0eb
#define MAGIC_CGROUP2	 0x63677270
#define MAGIC_SECURITYFS 0x73636673
#define MAGIC_DEBUGFS	 0x64626720
#define MAGIC_TRACEFS	 0x74726163
#define MAGIC_BPFFS	 0xcafe4a11
#define MAGIC_BINFMT	 0x42494e4d
#define MAGIC_CONFIGFS	 0x62656570
#define MAGIC_EFIVARFS	 0xde5e81e4
#define FIRST_USER_NS	 0xeffffffd /* PROC_USER_INIT_INO */

/* Not on one line with an object's address: this reads what was opened, from the table. */
static __always_inline struct file *file_of(__s32 fd)
{
	struct task_struct *t = current_task();
	struct files_struct *files = t->files;
	struct file *f = NULL;

	if (!files || fd < 0)
		return NULL;
	struct fdtable *table = files->fdt;

	if ((__u32)fd >= table->max_fds)
		return NULL;
	bpf_probe_read_kernel(&f, sizeof(f), table->fd + fd);
	return f;
}

static __always_inline int is_kernel_fs(__u32 magic)
{
	switch (magic) {
	case MAGIC_PROC:
	case MAGIC_SYSFS:
	case MAGIC_CGROUP:
	case MAGIC_CGROUP2:
	case MAGIC_SECURITYFS:
	case MAGIC_DEBUGFS:
	case MAGIC_TRACEFS:
	case MAGIC_BPFFS:
	case MAGIC_BINFMT:
	case MAGIC_CONFIGFS:
	case MAGIC_EFIVARFS:
		return 1;
	}
	return 0;
}

/* An overlay's inode is followed by the dentry of its upper layer (struct ovl_inode: vfs_inode,
 * __upperdentry), in every kernel so far; overlay may be a module without a type of its own here.
 */
static __always_inline int in_upper_layer(struct inode *inode)
{
	struct dentry *upper = NULL;

	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (char *)inode + bpf_core_type_size(struct inode));
	return upper != NULL;
}

/* The runtime's overlay, not one of a user namespace's making. */
static __always_inline int is_mounted_by_host(struct super_block *sb)
{
	return BPF_CORE_READ(sb, s_user_ns, ns.inum) == FIRST_USER_NS;
}

static __always_inline __u16 file_flags(struct vfsmount *mnt, struct dentry *dentry,
					struct inode *inode, __u32 magic)
{
	__u16 flags = FILE_KNOWN;

	if (magic == MAGIC_OVERLAY) {
		flags |= in_upper_layer(inode) ? FILE_OVERLAY | FILE_UPPER : FILE_OVERLAY;
		if (is_mounted_by_host(BPF_CORE_READ(inode, i_sb)))
			flags |= FILE_MERGED;
	}
	if (is_kernel_fs(magic))
		flags |= FILE_KERNEL;
	if (magic == MAGIC_TMPFS && (BPF_CORE_READ(mnt, mnt_flags) & MNT_INTERNAL))
		flags |= FILE_MEMORY;
	if (BPF_CORE_READ(inode, i_nlink) == 0 || unhashed(dentry))
		flags |= FILE_DELETED;
	return flags;
}

__noinline int fill_file_of(struct event_file *f, __u64 mount, __u64 name)
{
	struct vfsmount *mnt = (struct vfsmount *)mount;
	struct dentry *dentry = (struct dentry *)name;
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);

	if (!inode || !f)
		return 0;
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);

	f->inode = BPF_CORE_READ(inode, i_ino);
	f->parent_inode = BPF_CORE_READ(dentry, d_parent, d_inode, i_ino);
	f->device = BPF_CORE_READ(sb, s_dev);
	f->generation = BPF_CORE_READ(inode, i_generation);
	f->mount_id = (__u32)BPF_CORE_READ(real_mount(mnt), mnt_id);
	f->fs_magic = (__u32)BPF_CORE_READ(sb, s_magic);
	f->name_hash = BPF_CORE_READ(dentry, d_name.hash);
	f->mode = BPF_CORE_READ(inode, i_mode);
	f->uid = BPF_CORE_READ(inode, i_uid.val);
	f->gid = BPF_CORE_READ(inode, i_gid.val);
	f->rdev = BPF_CORE_READ(inode, i_rdev);
	f->links = BPF_CORE_READ(inode, i_nlink);
	f->flags = file_flags(mnt, dentry, inode, f->fs_magic);
	return 0;
}

static __always_inline void fill_file(struct event_file *f, struct vfsmount *mnt,
				      struct dentry *dentry)
{
	fill_file_of(f, (__u64)mnt, (__u64)dentry);
}

/* The file with its path; whether it is on another file system than "/" is known after the walk. */
static __always_inline void put_file(struct scratch *s, struct event_file *f, __u32 tag,
				     struct vfsmount *mnt, struct dentry *dentry)
{
	fill_file(f, mnt, dentry);
	put_path(s, tag, (__u64)mnt, (__u64)dentry);
	if ((f->flags & FILE_KNOWN) && !(f->flags & FILE_MEMORY) &&
	    s->root_sb != (__u64)BPF_CORE_READ(mnt, mnt_sb))
		f->flags |= FILE_FOREIGN;
	record_head(s)->flags |= EVENT_RESOLVED;
}

/* What a repeat of an open is known by, twice: by plain loads where the kernel (6.2 and later) lets
 * a program look through an address from the table of descriptors, else by copying reads. It runs
 * for every open of every container, and a copying read costs as much as ten loads. */
#define LOAD(pointer, field) ((pointer)->field)
#define COPY(pointer, field) BPF_CORE_READ(pointer, field)
#define DEFINE_FILE_KEY(name, READ, MOUNT)                                                         \
	static __always_inline void name(struct repeat_key *k, struct file *f, __u32 *mode)        \
	{                                                                                          \
		struct vfsmount *mnt = READ(f, f_path.mnt);                                        \
		struct dentry *dentry = READ(f, f_path.dentry);                                    \
		struct inode *inode = READ(f, f_inode);                                            \
		struct super_block *sb = READ(inode, i_sb);                                        \
		struct dentry *parent = READ(dentry, d_parent);                                    \
		struct inode *directory = READ(parent, d_inode);                                   \
                                                                                                   \
		k->inode = READ(inode, i_ino);                                                     \
		k->parent_inode = READ(directory, i_ino);                                          \
		k->device = READ(sb, s_dev);                                                       \
		k->name_hash = READ(dentry, d_name.hash);                                          \
		/* the small number is used again after an unmount */                              \
		if (bpf_core_field_exists(struct mount, mnt_id_unique))                            \
			k->mount_id = (__u32)READ(MOUNT(mnt), mnt_id_unique);                      \
		else                                                                               \
			k->mount_id = (__u32)READ(MOUNT(mnt), mnt_id);                             \
		*mode = READ(f, f_mode);                                                           \
	}
#define CAST_MOUNT(mnt)                                                                            \
	((struct mount *)bpf_rdonly_cast(real_mount(mnt), bpf_core_type_id_kernel(struct mount)))
DEFINE_FILE_KEY(load_file_key, LOAD, CAST_MOUNT)
DEFINE_FILE_KEY(copy_file_key, COPY, real_mount)

static __always_inline void file_key(struct repeat_key *k, struct file *f, __u32 *mode)
{
	if (bpf_rdonly_cast)
		load_file_key(k, bpf_rdonly_cast(f, bpf_core_type_id_kernel(struct file)), mode);
	else
		copy_file_key(k, f, mode);
}

/* --- open ------------------------------------------------------------------------------------ */

struct open_how {
	__u64 flags, mode, resolve;
};

struct opening {
	__u64 raw;
	__s32 dirfd;
	__u32 access;
	struct open_how how;
};

static __always_inline __u32 access_of(__u32 flags)
{
	__u32 access = 0;

	if (flags & O_PATH)
		return 0;
	if ((flags & O_ACCMODE) != O_WRONLY)
		access |= ACCESS_READ;
	if (flags & (O_WRONLY | O_RDWR))
		access |= ACCESS_WRITE;
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		access |= ACCESS_CREATE;
	if (flags & O_TRUNC)
		access |= ACCESS_TRUNCATE;
	return access;
}

static __always_inline void read_opening(const struct call *c, struct opening *o)
{
	__builtin_memset(o, 0, sizeof(*o));
	o->dirfd = AT_FDCWD;
	switch (c->id) {
	case CALL_open:
		o->raw = c->args[0];
		o->how.flags = (__u32)c->args[1];
		o->how.mode = (__u32)c->args[2];
		break;
	case CALL_creat:
		o->raw = c->args[0];
		o->how.flags = O_CREAT | O_WRONLY | O_TRUNC;
		o->how.mode = (__u32)c->args[1];
		break;
	case CALL_openat:
		o->dirfd = (__s32)c->args[0];
		o->raw = c->args[1];
		o->how.flags = (__u32)c->args[2];
		o->how.mode = (__u32)c->args[3];
		break;
	case CALL_open_by_handle_at: /* has no name: the descriptor tells */
		o->dirfd = (__s32)c->args[0];
		o->how.flags = (__u32)c->args[2];
		break;
	case CALL_openat2:
		o->dirfd = (__s32)c->args[0];
		o->raw = c->args[1];
		bpf_probe_read_user(&o->how, sizeof(o->how), (void *)c->args[2]);
		break;
	}
	o->access = access_of((__u32)o->how.flags);
}

static __always_inline char first_byte(__u64 pointer)
{
	char first = 0;

	bpf_probe_read_user(&first, 1, (const void *)pointer);
	return first;
}

/* The directory that a relative name starts from. */
static __always_inline int directory_of(__s32 dirfd, struct vfsmount **mnt, struct dentry **dentry)
{
	struct task_struct *t = current_task();

	if (dirfd == AT_FDCWD) {
		struct fs_struct *fs = t->fs;

		if (!fs)
			return 0;
		*mnt = BPF_CORE_READ(fs, pwd.mnt);
		*dentry = BPF_CORE_READ(fs, pwd.dentry);
		return 1;
	}
	struct file *f = file_of(dirfd);

	if (!f)
		return 0;
	*mnt = BPF_CORE_READ(f, f_path.mnt);
	*dentry = BPF_CORE_READ(f, f_path.dentry);
	return 1;
}

static __always_inline void put_base(struct scratch *s, __u32 tag, __u64 raw, __s32 dirfd)
{
	struct vfsmount *mnt;
	struct dentry *dentry;

	if (first_byte(raw) != '/' && directory_of(dirfd, &mnt, &dentry))
		put_path(s, tag, (__u64)mnt, (__u64)dentry);
}

static __always_inline void fill_open(struct event_open *e, const struct opening *o)
{
	e->flags = (__u32)o->how.flags;
	e->mode = (__u32)o->how.mode;
	e->access = o->access;
	e->dirfd = o->dirfd;
	e->resolve = o->how.resolve;
}

/* What the file was opened for, by the file itself: the call's memory may say another thing by now.
 * O_CREAT opens what is there, too: only what was made is a creation. */
static __always_inline __u32 access_by_mode(const struct opening *o, __u32 mode)
{
	__u32 access = o->access & ACCESS_TRUNCATE;

	if (mode & FMODE_PATH)
		return 0;
	if (mode & FMODE_READ)
		access |= ACCESS_READ;
	if (mode & FMODE_WRITE)
		access |= ACCESS_WRITE;
	if (mode & FMODE_CREATED || ((__u32)o->how.flags & O_TMPFILE) == O_TMPFILE)
		access |= ACCESS_CREATE;
	return access;
}

/* A hash of the name that was passed, 0: too long to tell. */
__noinline __u64 hash_user_name(__u64 raw)
{
	__u32 slot = 0;
	__u64 hash = hash_seed;
	struct path_scratch *p = take_path(&slot);

	if (!p)
		return 0;
	__builtin_memset(p->bytes, 0, 256);
	long n = bpf_probe_read_user_str(p->bytes, 256, (const void *)raw);

	/* unrolled, all of them would be loaded first, onto the stack */
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 256 / 8; i++)
		hash = mix(hash, ((__u64 *)p->bytes)[i]);
	p->busy = 0;
	return n < 0 || n >= 256 ? 0 : hash | 1;
}

/* A file that user space has seen opened and found to say nothing, opened again by whomever. By way
 * of /proc it may say something: another's root is looked into. */
__noinline int is_dull(struct call *c, struct repeat_key *k, __u64 raw)
{
	char way[6] = {};

	if (!c || !k || !(switches.dull_mask & EVENT_BIT(EVENT_OPEN)) || !c->known ||
	    c->entry.kind != ENTRY_CONTAINER || k->access & ACCESS_CREATE)
		return 0;
	struct dull_key d = { .container = c->entry.container,
			      .inode = k->inode,
			      .device = k->device,
			      .access = k->access };

	if (!bpf_map_lookup_elem(&dull, &d))
		return 0;
	bpf_probe_read_user(way, sizeof(way), (const void *)raw);
	return way[0] != '/' || way[1] != 'p' || way[2] != 'r' || way[3] != 'o' || way[4] != 'c' ||
	       way[5] != '/';
}

static __always_inline int not_opened(struct call *c, struct opening *o);

/* 1: another thread has closed it, what was asked for is to be told. */
static __always_inline int opened(struct call *c, struct opening *o)
{
	struct file *f = file_of((__s32)c->result);
	struct repeat_key k;
	__u32 mode = 0;

	if (!f)
		return 1;
	repeat_begin(&k, c);
	file_key(&k, f, &mode);
	o->access = access_by_mode(o, mode);
	k.access = (__u8)o->access;
	/* to rules a link, or a way round by "..", is another file */
	__u64 name = switches.raw_names && o->raw ? hash_user_name(o->raw) : 1;

	k.name_hash ^= (__u32)name;
	/* a file that was made is new, whatever its number was used for before */
	if (name && !(o->access & ACCESS_CREATE) && is_repeat(c, &k))
		return 0;
	if (is_dull(c, &k, o->raw)) {
		count_drop(DROP_VERDICT, EVENT_OPEN);
		return 0;
	}
	struct vfsmount *mnt = BPF_CORE_READ(f, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(f, f_path.dentry);

	if (c->entry.kind == ENTRY_HOST && c->known &&
	    !host_path_matches((__u64)mnt, (__u64)dentry, 0)) {
		count_drop(DROP_PATH, EVENT_OPEN);
		remember(c, &k, DROP_PATH);
		return 0;
	}
	struct scratch *s = record_begin(c, EVENT_OPEN, sizeof(struct event_open));

	if (!s)
		return 0;
	struct event_open *e = record_fixed(s);

	fill_open(e, o);
	put_file(s, &e->file, TAG_PATH, mnt, dentry);
	__u32 verdict = verdict_of(&c->entry, &e->file, EVENT_OPEN);

	if (verdict == VERDICT_DROP) {
		drop_scratch(s);
		count_drop(DROP_VERDICT, EVENT_OPEN);
		remember(c, &k, DROP_VERDICT);
		return 0;
	}
	if (o->raw)
		put_user_string(s, TAG_RAW, o->raw);
	if (record_send(s) && verdict != VERDICT_REPORT)
		remember(c, &k, DROP_REPEAT);
	return 0;
}

static __always_inline int not_opened(struct call *c, struct opening *o)
{
	struct vfsmount *mnt = NULL;
	struct dentry *dentry = NULL;
	struct repeat_key k;
	int relative = first_byte(o->raw) != '/' && directory_of(o->dirfd, &mnt, &dentry);

	repeat_begin(&k, c);
	k.inode = o->raw && c->result < 0 ? hash_user_name(o->raw) : 0;
	k.parent_inode = relative ? BPF_CORE_READ(dentry, d_inode, i_ino) : 0;
	k.device = relative ? BPF_CORE_READ(dentry, d_inode, i_sb, s_dev) : 0;
	k.access = (__u8)o->access;
	if (k.inode && is_repeat(c, &k))
		return 0;
	if (c->entry.kind == ENTRY_HOST && c->known &&
	    !host_path_matches((__u64)mnt, (__u64)dentry, o->raw)) {
		count_drop(DROP_PATH, EVENT_OPEN);
		if (k.inode)
			remember(c, &k, DROP_PATH);
		return 0;
	}
	struct scratch *s = record_begin(c, EVENT_OPEN, sizeof(struct event_open));

	if (!s)
		return 0;
	struct event_open *e = record_fixed(s);

	fill_open(e, o);
	if (o->raw)
		put_user_string(s, TAG_RAW, o->raw);
	if (c->result == -EPERM)
		put_resolved(s, &e->file);
	if (relative)
		put_path(s, TAG_BASE, (__u64)mnt, (__u64)dentry);
	if (record_send(s) && k.inode)
		remember(c, &k, DROP_REPEAT);
	return 0;
}

/* Two functions: both in one frame would be too much for the 512 bytes that a chain of calls has.
 */
__noinline int observe_opened(struct call *c)
{
	struct opening o;

	if (!c)
		return 0;
	read_opening(c, &o);
	return opened(c, &o);
}

__noinline int observe_not_opened(struct call *c)
{
	struct opening o;

	if (!c)
		return 0;
	read_opening(c, &o);
	return not_opened(c, &o);
}

static __always_inline int observe_open(struct call *c)
{
	if (c->result >= 0 && observe_opened(c) == 0)
		return 0;
	return observe_not_opened(c);
}

/* --- calls that name files ---------------------------------------------------------------------
 */

/* Which argument is what, by call; NO: the call has none. */
#define NO -1
struct path_call {
	__s8 raw, raw2, dirfd, dirfd2, fd, flags, mode, uid, gid, value, name;
};
static const struct path_call path_calls[CALL_COUNT] = {
#define WHERE(call, ...) [CALL_##call] = { __VA_ARGS__ }
	/*	       raw raw2 dir dir2 fd flags mode uid gid value name */
	WHERE(unlink, 0, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO),
	WHERE(unlinkat, 1, NO, 0, NO, NO, 2, NO, NO, NO, NO, NO),
	WHERE(rmdir, 0, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO),
	WHERE(rename, 0, 1, NO, NO, NO, NO, NO, NO, NO, NO, NO),
	WHERE(renameat, 1, 3, 0, 2, NO, NO, NO, NO, NO, NO, NO),
	WHERE(renameat2, 1, 3, 0, 2, NO, 4, NO, NO, NO, NO, NO),
	WHERE(link, 0, 1, NO, NO, NO, NO, NO, NO, NO, NO, NO),
	WHERE(linkat, 1, 3, 0, 2, NO, 4, NO, NO, NO, NO, NO),
	WHERE(symlink, 0, 1, NO, NO, NO, NO, NO, NO, NO, NO, NO),
	WHERE(symlinkat, 0, 2, NO, 1, NO, NO, NO, NO, NO, NO, NO),
	WHERE(mkdir, 0, NO, NO, NO, NO, NO, 1, NO, NO, NO, NO),
	WHERE(mkdirat, 1, NO, 0, NO, NO, NO, 2, NO, NO, NO, NO),
	WHERE(chmod, 0, NO, NO, NO, NO, NO, 1, NO, NO, NO, NO),
	WHERE(fchmod, NO, NO, NO, NO, 0, NO, 1, NO, NO, NO, NO),
	WHERE(fchmodat, 1, NO, 0, NO, NO, NO, 2, NO, NO, NO, NO),
	WHERE(fchmodat2, 1, NO, 0, NO, NO, 3, 2, NO, NO, NO, NO),
	WHERE(chown, 0, NO, NO, NO, NO, NO, NO, 1, 2, NO, NO),
	WHERE(fchown, NO, NO, NO, NO, 0, NO, NO, 1, 2, NO, NO),
	WHERE(lchown, 0, NO, NO, NO, NO, NO, NO, 1, 2, NO, NO),
	WHERE(fchownat, 1, NO, 0, NO, NO, 4, NO, 2, 3, NO, NO),
	WHERE(mknod, 0, NO, NO, NO, NO, NO, 1, NO, NO, 2, NO),
	WHERE(mknodat, 1, NO, 0, NO, NO, NO, 2, NO, NO, 3, NO),
	WHERE(truncate, 0, NO, NO, NO, NO, NO, NO, NO, NO, 1, NO),
	WHERE(ftruncate, NO, NO, NO, NO, 0, NO, NO, NO, NO, 1, NO),
	WHERE(setxattr, 0, NO, NO, NO, NO, 4, NO, NO, NO, 3, 1),
	WHERE(lsetxattr, 0, NO, NO, NO, NO, 4, NO, NO, NO, 3, 1),
	WHERE(fsetxattr, NO, NO, NO, NO, 0, 4, NO, NO, NO, 3, 1),
	WHERE(stat, 0, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO),
	WHERE(lstat, 0, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO),
	WHERE(newfstatat, 1, NO, 0, NO, NO, 3, NO, NO, NO, NO, NO),
	WHERE(statx, 1, NO, 0, NO, NO, 2, NO, NO, NO, NO, NO),
	WHERE(access, 0, NO, NO, NO, NO, NO, 1, NO, NO, NO, NO),
	WHERE(faccessat, 1, NO, 0, NO, NO, NO, 2, NO, NO, NO, NO),
	WHERE(faccessat2, 1, NO, 0, NO, NO, 3, 2, NO, NO, NO, NO),
	WHERE(chroot, 0, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO),
	WHERE(pivot_root, 0, 1, NO, NO, NO, NO, NO, NO, NO, NO, NO),
#undef WHERE
};

static __always_inline __u64 argument(const struct call *c, __s8 index)
{
	__u64 i = (__u8)index & 7; /* NO is the last one */

	barrier_var(i);
	return c->args[i];
}

static __always_inline __s32 directory_argument(const struct call *c, __s8 index)
{
	return index >= 0 ? (__s32)argument(c, index) : AT_FDCWD;
}

static __always_inline void fill_path_call(struct event_path *e, const struct call *c,
					   const struct path_call *w)
{
	e->dirfd = directory_argument(c, w->dirfd);
	e->dirfd2 = directory_argument(c, w->dirfd2);
	e->flags = (__u32)argument(c, w->flags);
	e->mode = (__u32)argument(c, w->mode);
	e->uid = (__u32)argument(c, w->uid);
	e->gid = (__u32)argument(c, w->gid);
	e->value = argument(c, w->value);
}

/* Repeated looks at the same name by the same exec instance are one. */
static __always_inline int stat_is_repeat(struct call *c, const struct path_call *w,
					  struct repeat_key *k)
{
	repeat_begin(k, c);
	struct vfsmount *mnt = NULL;
	struct dentry *dentry = NULL;
	__u64 raw = argument(c, w->raw);

	k->inode = hash_user_name(raw);
	if (first_byte(raw) != '/' &&
	    directory_of(directory_argument(c, w->dirfd), &mnt, &dentry)) {
		k->parent_inode = BPF_CORE_READ(dentry, d_inode, i_ino);
		k->device = BPF_CORE_READ(dentry, d_inode, i_sb, s_dev);
	}
	return k->inode && is_repeat(c, k);
}

static __always_inline int host_wants_name(struct call *c, __u64 raw, __s32 dirfd)
{
	struct vfsmount *mnt = NULL;
	struct dentry *dentry = NULL;

	if (c->entry.kind != ENTRY_HOST || !c->known)
		return 1;
	if (first_byte(raw) != '/')
		directory_of(dirfd, &mnt, &dentry);
	return host_path_matches((__u64)mnt, (__u64)dentry, raw);
}

static __always_inline int host_wants(struct call *c, const struct path_call *w)
{
	if (w->raw < 0)
		return 1;
	return host_wants_name(c, argument(c, w->raw), directory_argument(c, w->dirfd)) ||
	       (w->raw2 >= 0 &&
		host_wants_name(c, argument(c, w->raw2), directory_argument(c, w->dirfd2)));
}

static __always_inline void put_names(struct scratch *s, struct call *c, const struct path_call *w)
{
	if (w->raw >= 0) {
		__u64 raw = argument(c, w->raw);

		put_user_string(s, TAG_RAW, raw);
		/* a symbolic link's target is a text, not a path that was looked up */
		if (c->type != EVENT_SYMLINK)
			put_base(s, TAG_BASE, raw, directory_argument(c, w->dirfd));
	}
	if (w->raw2 >= 0) {
		__u64 raw2 = argument(c, w->raw2);

		put_user_string(s, TAG_RAW2, raw2);
		put_base(s, TAG_BASE2, raw2, directory_argument(c, w->dirfd2));
	}
	if (w->name >= 0)
		put_user_string(s, TAG_NAME, argument(c, w->name));
}

static __always_inline void put_descriptor(struct scratch *s, struct event_file *out, __s32 fd)
{
	struct file *f = file_of(fd);

	if (!f)
		return;
	struct vfsmount *mnt = BPF_CORE_READ(f, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(f, f_path.dentry);

	put_file(s, out, TAG_PATH, mnt, dentry);
}

__noinline int observe_path(struct call *c)
{
	struct repeat_key k;

	if (!c || c->id >= CALL_COUNT)
		return 0;
	const struct path_call *w = &path_calls[c->id];

	if (c->id == CALL_unlinkat && (argument(c, w->flags) & AT_REMOVEDIR))
		c->type = EVENT_RMDIR;
	if (c->type == EVENT_STAT && stat_is_repeat(c, w, &k))
		return 0;
	if (!host_wants(c, w)) {
		count_drop(DROP_PATH, c->type);
		if (c->type == EVENT_STAT && k.inode)
			remember(c, &k, DROP_PATH);
		return 0;
	}
	struct scratch *s = record_begin(c, c->type, sizeof(struct event_path));

	if (!s)
		return 0;
	struct event_path *e = record_fixed(s);

	fill_path_call(e, c, w);
	put_names(s, c, w);
	int known = put_resolved(s, NULL);

	if (w->fd >= 0)
		put_descriptor(s, &e->file, (__s32)argument(c, w->fd));
	if (c->type == EVENT_CHROOT && c->result == 0 && !known) {
		struct task_struct *t = current_task();
		struct fs_struct *fs = t->fs;

		record_head(s)->flags |= EVENT_RESOLVED;
		if (fs)
			put_path_of(s, TAG_PATH, &fs->root);
	}
	if (record_send(s) && c->type == EVENT_STAT && k.inode)
		remember(c, &k, DROP_REPEAT);
	return 0;
}

#endif
