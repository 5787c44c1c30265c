/* SPDX-License-Identifier: GPL-2.0-or-later */
/* enforce - what a container may not do unless a verdict allows it (enum enforce_flag): who is
 * concerned, and what the verdicts say of a program, a script, a directory, a peer. The tracepoint
 * layer kills by it, the trampoline layer refuses. */
#ifndef BULKHEAD_BPF_ENFORCE_H
#define BULKHEAD_BPF_ENFORCE_H

#include "bpf/file.h"

#define ELF_MAGIC     0x464c457f
#define S_IFMT	      00170000
#define S_IFREG	      0100000
#define S_IFIFO	      0010000
#define S_IFSOCK      0140000
#define MAX_ERRNO     4095
#define AF_INET	      2
#define AF_INET6      10
#define IPPROTO_TCP   6
#define IPPROTO_MPTCP 262
#define MOUNTS_MAX    64 /* mounts upon mounts */

enum mark {
	MARK_NONE,
	MARK_RUNTIME,  /* came from outside, and executed nothing in the container's mount tree yet
			*/
	MARK_INJECTED, /* did; not the container's first process */
};

__u64 marks_refused;

/* --- who is concerned --------------------------------------------------------------------------
 */

/* Whether a task of `a` is outside of container `of`. The two trees call one container by two
 * numbers, so that only numbers of one tree tell. */
static __always_inline int is_outside(const struct cgroup_entry *a, int known,
				      const struct cgroup_entry *of)
{
	return known && a->container != of->container &&
	       (!a->container || hierarchy_of(a->container) == hierarchy_of(of->container));
}

static __always_inline __u32 mark_of(struct task_struct *trusted)
{
	__u32 *m = bpf_task_storage_get(&marks, trusted, 0, 0);

	return m ? *m : MARK_NONE;
}

/* Who cannot be marked would be taken for the container's own: rather nothing is enforced there. */
static __always_inline void set_mark(struct task_struct *trusted, __u64 key, __u32 mark)
{
	__u32 *m = bpf_task_storage_get(&marks, trusted, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (m) {
		*m = mark;
		return;
	}
	__sync_fetch_and_add(&marks_refused, 1);
	struct cgroup_entry *e = bpf_map_lookup_elem(&cgroups, &key);

	if (e)
		e->enforce |= ENFORCE_SUSPENDED;
}

/* A mark goes to children and threads; who is born into a container from outside gets one. */
static __always_inline void mark_fork(struct task_struct *parent, struct task_struct *child)
{
	struct task_struct *p = as_task(parent), *t = as_task(child);
	struct cgroup_entry entry, other;
	__u32 mark = mark_of(parent);
	__u64 key, from;

	if (!mark && p->cgroups == t->cgroups)
		return;
	find_task(t, &key, &entry);
	if (entry.kind != ENTRY_CONTAINER)
		return;
	if (!mark) {
		int known = find_task(p, &from, &other);

		if (!is_outside(&other, known, &entry))
			return;
		mark = MARK_RUNTIME;
	}
	set_mark(child, key, mark);
}

static __always_inline int in_host_mounts(struct task_struct *t)
{
	struct nsproxy *p = t->nsproxy;

	/* not known: rather exempt than the runtime killed */
	return !switches.host_mounts || (p && p->mnt_ns->ns.inum == switches.host_mounts);
}

/* Moved into a container by somebody outside of it. One that is in the container's mount tree
 * already is its own process, moved to another cgroup of it, or was put in by its parent. */
static __always_inline void mark_attached(__u64 key, struct task_struct *moved)
{
	struct cgroup_entry entry, other;
	__u64 from;

	find_cgroup(key, &entry);
	if (entry.kind != ENTRY_CONTAINER)
		return;
	int known = find_task(current_task(), &from, &other);

	if (is_outside(&other, known, &entry) && in_host_mounts(as_task(moved)) && !mark_of(moved))
		set_mark(moved, key, MARK_RUNTIME);
}

static __always_inline __u32 level_of(struct task_struct *t)
{
	struct pid *pid = t->thread_pid;

	return pid ? pid->level : 0;
}

/* Whether its parent put it in. An orphan's new parent may be outside too, where the container has
 * no pid namespace of its own; but only a true parent is in a namespace further out. */
static __always_inline int parent_is_outside(struct task_struct *t, const struct cgroup_entry *e)
{
	struct task_struct *parent = t->real_parent;
	struct cgroup_entry other;
	__u64 key;
	int known = find_task(parent, &key, &other);

	return is_outside(&other, known, e) && level_of(parent) < level_of(t->group_leader);
}

/* Whether the container has a pid namespace of its own, which this task is in. */
static __always_inline int owns_pid_namespace(struct task_struct *t, const struct cgroup_entry *e)
{
	struct nsproxy *p = t->nsproxy;
	struct pid_namespace *ns = p ? p->pid_ns_for_children : NULL;
	struct task_struct *first = ns ? ns->child_reaper : NULL;
	struct cgroup_entry other;
	__u64 key;

	if (!first || !level_of(t))
		return 0;
	find_task(first, &key, &other);
	return other.container == e->container;
}

static __always_inline int is_first(struct call *c, struct task_struct *t)
{
	if (owns_pid_namespace(t, &c->entry))
		return number_in(t->group_leader->thread_pid) == 1;
	if (c->entry.first_pid)
		return c->entry.first_pid == (__u32)t->tgid;
	__u64 key = c->cgroup; /* older kernels take keys from the stack alone */
	struct cgroup_entry *e = bpf_map_lookup_elem(&cgroups, &key);

	if (e)
		e->first_pid = (__u32)t->tgid;
	return 1;
}

/* At an exec: who came from outside is the container's first process from here on, or was put in.
 * The mark of the current task. */
__noinline int settle_mark(struct call *c)
{
	struct task_struct *trusted = bpf_get_current_task_btf(), *t = as_task(trusted);

	if (!c || c->entry.kind != ENTRY_CONTAINER)
		return MARK_NONE;
	__u32 mark = mark_of(trusted);

	if (in_host_mounts(t) || (!mark && !parent_is_outside(t, &c->entry)))
		return (int)mark;
	if (is_first(c, t)) {
		if (mark)
			bpf_task_storage_delete(&marks, trusted);
		return MARK_NONE;
	}
	if (mark != MARK_INJECTED)
		set_mark(trusted, c->cgroup, MARK_INJECTED);
	return MARK_INJECTED;
}

/* Of a task that runs already, when the agent starts. The iterator shows parents first, but where
 * numbers went round: such a child is taken for the container's own. */
static __always_inline void mark_running(struct task_struct *trusted)
{
	struct task_struct *t = as_task(trusted);
	struct cgroup_entry entry;
	__u64 key;

	/* the first process, or kthreadd where that one is hidden from us */
	if (t->pid == 1 || (t->pid == 2 && !switches.host_mounts))
		switches.host_mounts = t->nsproxy->mnt_ns->ns.inum;
	find_task(t, &key, &entry);
	if (entry.kind != ENTRY_CONTAINER || in_host_mounts(t))
		return;
	struct pid *pid = t->group_leader->thread_pid;

	if (mark_of(trusted->real_parent) == MARK_INJECTED ||
	    (pid && number_in(pid) != 1 && parent_is_outside(t, &entry)))
		set_mark(trusted, key, MARK_INJECTED);
}

static __always_inline int is_exempt(const struct cgroup_entry *e, __u32 mark)
{
	struct task_struct *t = current_task();

	if (e->kind != ENTRY_CONTAINER || !e->image || e->enforce & ENFORCE_SUSPENDED ||
	    own_process(t))
		return 1;
	if (mark == MARK_RUNTIME || in_host_mounts(t))
		return !(e->enforce & ENFORCE_RUNTIME);
	return mark == MARK_INJECTED && !(e->enforce & ENFORCE_INJECTED);
}

/* --- programs ----------------------------------------------------------------------------------
 */

/* The file system that "/" is on, in the tree that this mount is in. */
static __always_inline __u64 root_of_mounts(struct vfsmount *mnt)
{
	struct mount *m = real_mount(mnt), *root = m;

#pragma clang loop unroll(disable)
	for (int i = 0; i < MOUNTS_MAX; i++) {
		struct mount *up = BPF_CORE_READ(m, mnt_parent);

		if (up == m || !up)
			break;
		root = m;
		m = up;
	}
	return (__u64)BPF_CORE_READ(root, mnt.mnt_sb);
}

enum script_answer { SCRIPT_UNKNOWN, SCRIPT_ALLOWED, SCRIPT_UNREAD };

/* By the text that execve was given, as the kernel copied it. */
__noinline int judge_script(__u32 image, __u64 name)
{
	struct verdict_key k;
	struct sip sip;
	__u32 slot = 0;
	struct path_scratch *p = take_path(&slot);

	if (!p)
		return SCRIPT_UNREAD;
	__builtin_memset(p->bytes, 0, SCRIPT_NAME_BYTES);
	/* one byte more than a name may have, to tell one that is cut */
	long n = bpf_probe_read_kernel_str(p->bytes, SCRIPT_NAME_BYTES + 1, (const void *)name);

	sip_begin(&sip, script_seed[0], script_seed[1]);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < SCRIPT_NAME_BYTES / 8; i++)
		sip_word(&sip, ((__u64 *)p->bytes)[i]);
	p->busy = 0;
	if (n <= 1 || n > SCRIPT_NAME_BYTES)
		return SCRIPT_UNKNOWN;
	script_key_of(&k, image, sip_end(&sip, SCRIPT_NAME_BYTES));
	return bpf_map_lookup_elem(&verdicts, &k) ? SCRIPT_ALLOWED : SCRIPT_UNKNOWN;
}

enum judged {
	JUDGED_KNOWN = 1 << 0,
	JUDGED_UNKNOWN = 1 << 1, /* and the container may execute only what is allowed */
	JUDGED_KILL = 1 << 2,	 /* by its own verdict */
	JUDGED_DENY = 1 << 3,
};

struct program {
	__u64 mnt, dentry; /* of the file that the kernel runs */
	__u64 script;	   /* what execve was given, when that is not the file; else 0 */
	__u32 half;	   /* the file may still turn out to be a script: it is not judged yet */
	__u32 reserved;
};

/* What the verdicts say of an exec of the current task. */
__noinline int judge_exec(struct call *c, struct program *p)
{
	struct event_file f = {};

	if (!c || !p)
		return 0;
	__u32 mark = (__u32)settle_mark(c);
	__u32 image = c->entry.image;

	if (!image)
		return 0;
	struct vfsmount *mnt = (struct vfsmount *)p->mnt;

	fill_file(&f, mnt, (struct dentry *)p->dentry);
	if (root_of_mounts(mnt) != (__u64)BPF_CORE_READ(mnt, mnt_sb))
		f.flags |= FILE_FOREIGN;
	__u32 v = verdict_of(&c->entry, &f, EVENT_EXEC);

	if (v == VERDICT_KILL || v == VERDICT_DENY)
		return v == VERDICT_KILL ? JUDGED_KILL : JUDGED_DENY;
	if (p->half)
		return 0;
	if (v == VERDICT_ALLOW && p->script) {
		int answer = judge_script(image, p->script);

		if (answer == SCRIPT_UNREAD)
			count_loss(DROP_NESTED, EVENT_EXEC,
				   owner_of(&c->entry, c->known, EVENT_EXEC));
		if (answer == SCRIPT_UNKNOWN)
			v = VERDICT_NONE;
	}
	int known = v == VERDICT_ALLOW || v == VERDICT_ALLOW_SCRIPTS;

	if (!known && !is_exempt(&c->entry, mark))
		return JUDGED_UNKNOWN | (v == VERDICT_DROP ? JUDGED_KNOWN : 0);
	return known || v == VERDICT_DROP ? JUDGED_KNOWN : 0;
}

/* --- directories -------------------------------------------------------------------------------
 */

/* Whether the current task may not change what is in a directory. A mount of another file system
 * than "/" is nobody's affair until its root has a verdict; the layers below an overlay, which the
 * kernel itself opens, never are. */
__noinline int judge_write(struct call *c, __u64 mount, __u64 directory)
{
	struct vfsmount *mnt = (struct vfsmount *)mount;
	struct dentry *d = (struct dentry *)directory;

	if (!c || !mount || !directory || !(c->entry.enforce & ENFORCE_WRITE_DENY) ||
	    is_exempt(&c->entry, mark_of(bpf_get_current_task_btf())))
		return 0;
	struct super_block *sb = BPF_CORE_READ(d, d_inode, i_sb);
	struct dentry *top = BPF_CORE_READ(mnt, mnt_root);
	struct mount *m = real_mount(mnt);
	__u32 magic = (__u32)BPF_CORE_READ(sb, s_magic);

	if (is_kernel_fs(magic) || (__u64)BPF_CORE_READ(m, mnt_ns) >= (__u64)-MAX_ERRNO)
		return 0;
	struct verdict_key k = { .image = c->entry.image, .type = EVENT_MKDIR };
	int foreign = root_of_mounts(mnt) != (__u64)sb;

	if (magic != MAGIC_OVERLAY || !is_mounted_by_host(sb))
		k.device = BPF_CORE_READ(sb, s_dev);
	if (foreign) {
		k.inode = BPF_CORE_READ(top, d_inode, i_ino);
		if (!bpf_map_lookup_elem(&verdicts, &k))
			return 0;
	}
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i <= ENFORCE_ANCESTORS; i++) {
		k.inode = BPF_CORE_READ(d, d_inode, i_ino);
		__u32 *v = bpf_map_lookup_elem(&verdicts, &k);

		if (v && (*v == VERDICT_ALLOW_BELOW || (*v == VERDICT_ALLOW && i == 0)))
			return 0;
		struct dentry *up = BPF_CORE_READ(d, d_parent);

		if (up == d || (foreign && d == top))
			break;
		d = up;
	}
	return 1;
}

/* --- peers -------------------------------------------------------------------------------------
 */

struct peer {
	__u16 family, protocol;
	__be16 port;
	__u16 reserved;
	__u8 address[16]; /* IPv4 in the first four bytes */
};

/* 0: it has none, or itself: unix, loopback, disconnected. */
static __always_inline int peer_key_of(struct peer_key *k, __u32 image, const struct peer *p)
{
	const __u32 *words = (const __u32 *)p->address;

	__builtin_memset(k, 0, sizeof(*k));
	k->prefixlen = PEER_PREFIX + 128;
	k->image = image;
	k->protocol = p->protocol == IPPROTO_MPTCP ? IPPROTO_TCP : (__u8)p->protocol;
	k->port = p->port;
	k->version = p->family == AF_INET6 ? 6 : 4;
	__u32 mapped = p->family == AF_INET6 && !words[0] && !words[1] &&
		       words[2] == __builtin_bswap32(0xffff);

	if (p->family == AF_INET || mapped) {
		__u32 address = mapped ? words[3] : words[0];

		k->version = 4;
		__builtin_memcpy(k->address, &address, 4);
		return address && (address & 0xff) != 127;
	}
	if (p->family != AF_INET6)
		return 0;
	__builtin_memcpy(k->address, p->address, 16);
	return words[0] || words[1] || words[2] || (words[3] & __builtin_bswap32(~1U));
}

/* enum verdict of a peer of an image; VERDICT_ALLOW for what is none. */
__noinline int judge_peer(__u32 image, struct peer *p)
{
	struct peer_key k;

	if (!p || !peer_key_of(&k, image, p))
		return VERDICT_ALLOW;
	__u32 *v = bpf_map_lookup_elem(&peers, &k);

	if (!v) {
		k.port = 0;
		v = bpf_map_lookup_elem(&peers, &k);
	}
	return v ? (int)*v : VERDICT_NONE;
}

#endif
