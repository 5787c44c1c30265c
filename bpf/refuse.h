/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refuse - opens, programs and peers that are refused before they happen (EPERM). Changes of
 * directories are refused where their names are checked: trampoline.h. Trampoline layer only. */
#ifndef BULKHEAD_BPF_REFUSE_H
#define BULKHEAD_BPF_REFUSE_H

#include "bpf/trampoline.h"

#define FMODE_EXEC 0x20

/* Whether a verdict refuses to open this file. */
__noinline int is_denied(struct call *c, __u64 of)
{
	struct file *f = (struct file *)of;
	struct event_file file = {};

	if (!c || !c->entry.image)
		return 0;
	fill_file(&file, BPF_CORE_READ(f, f_path.mnt), BPF_CORE_READ(f, f_path.dentry));
	return verdict_of(&c->entry, &file, c->type) == VERDICT_DENY;
}

/* Opened to be changed, where the container may not change anything. Devices, pipes and sockets
 * hold nothing of it. */
__noinline int is_write_denied(struct call *c, __u64 of)
{
	struct file *f = (struct file *)of;

	if (!c || !(c->entry.enforce & ENFORCE_WRITE_DENY))
		return 0;
	if (!(BPF_CORE_READ(f, f_mode) & FMODE_WRITE) && !(BPF_CORE_READ(f, f_flags) & O_TRUNC))
		return 0;
	if ((BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	return judge_write(c, (__u64)BPF_CORE_READ(f, f_path.mnt),
			   (__u64)BPF_CORE_READ(f, f_path.dentry, d_parent));
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

	if (!c || !f ||
	    (!is_wanted(&c->entry, (int)c->known, EVENT_OPEN) && !(c->flags & EVENT_DENIED)))
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

	if ((!ring && !(switches.denies & (DENIES_OPEN | DENIES_WRITE))) ||
	    f->f_flags & FMODE_EXEC || t->flags & PF_KTHREAD)
		return 0;
	__builtin_memset(&c, 0, sizeof(c));
	c.type = EVENT_OPEN;
	c.number = IO_URING_ENTER;
	c.known = (__u32)find_task(t, &c.cgroup, &c.entry);
	denied = (switches.denies & DENIES_OPEN && is_denied(&c, number_of(f))) ||
		 (switches.denies & DENIES_WRITE && is_write_denied(&c, number_of(f)));
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

/* Called for a script first, then for its interpreter, then for that one's: the last is a program.
 * What the kernel takes for a program begins with this; whatever else it runs, it runs by one. */
static __always_inline int is_program(struct linux_binprm *bprm)
{
	__u32 magic = 0;

	bpf_probe_read_kernel(&magic, sizeof(magic), &bprm->buf);
	return magic == ELF_MAGIC;
}

SEC("fmod_ret/security_bprm_check")
int BPF_PROG(check_bprm, struct linux_binprm *bprm)
{
	struct call c;

	if (!(switches.denies & DENIES_EXEC))
		return 0;
	__builtin_memset(&c, 0, sizeof(c));
	c.type = EVENT_EXEC;
	c.known = (__u32)find_task(current_task(), &c.cgroup, &c.entry);
	if (!c.entry.image)
		return 0;
	struct file *file = BPF_CORE_READ(bprm, file);
	struct program p = { .mnt = (__u64)BPF_CORE_READ(file, f_path.mnt),
			     .dentry = (__u64)BPF_CORE_READ(file, f_path.dentry),
			     .half = !is_program(bprm) };
	__u64 name = (__u64)BPF_CORE_READ(bprm, filename);

	if (name != (__u64)BPF_CORE_READ(bprm, interp))
		p.script = name;
	int j = judge_exec(&c, &p);

	if (!(j & JUDGED_DENY) && !(j & JUDGED_UNKNOWN && c.entry.enforce & ENFORCE_EXEC_DENY))
		return 0;
	note_denied((__u64)file);
	return -EPERM;
}

/* --- peers -------------------------------------------------------------------------------------
 */

/* What no observer of a call tells: of io_uring. */
__noinline int observe_refused_peer(struct call *c, __u64 sock, struct peer *p)
{
	if (!c || !p)
		return 0;
	struct scratch *s = record_begin(c, c->type, sizeof(struct event_network));

	if (!s)
		return 0;
	struct event_network *n = record_fixed(s);

	fill_socket(n, (struct sock *)sock);
	n->fd = -1;
	n->direction = DIRECTION_OUT;
	n->remote_port = p->port;
	__builtin_memcpy(n->remote, p->address, sizeof(n->remote));
	record_send(s);
	return 0;
}

/* The address is the kernel's copy: what is judged is what is connected to. */
static __always_inline int read_peer(struct peer *p, struct sock *sk, __u64 from, int bytes,
				     __u32 type)
{
	struct any_address a = {};

	if (bytes < 8 || bpf_probe_read_kernel(&a, bytes < (int)sizeof(a) ? 8 : sizeof(a),
					       (const void *)from) < 0)
		return 0;
	p->family = a.family;
	if (!a.family && type == EVENT_SEND) /* taken for the socket's own */
		p->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	p->protocol = BPF_CORE_READ(sk, sk_protocol);
	p->port = BPF_CORE_READ(sk, sk_type) == SOCK_RAW ? 0 : a.port;
	if (p->family == AF_INET)
		__builtin_memcpy(p->address, a.ip4, 4);
	else
		__builtin_memcpy(p->address, a.ip6, 16);
	return 1;
}

__noinline int check_peer(__u64 sock, __u64 address, int bytes, __u32 type)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
	struct sock *sk = (struct sock *)sock;
	struct peer p = {};
	struct call c;

	if (t->flags & PF_KTHREAD || !sock || !address)
		return 0;
	__builtin_memset(&c, 0, sizeof(c));
	c.known = (__u32)find_task(t, &c.cgroup, &c.entry);
	if (!(c.entry.enforce & ENFORCE_CONNECT_DENY) || is_exempt(&c.entry, mark_of(t)) ||
	    !read_peer(&p, sk, address, bytes, type) ||
	    judge_peer(c.entry.image, &p) != VERDICT_NONE)
		return 0;
	c.type = (__u8)type;
	c.number = IO_URING_ENTER;
	c.result = -EPERM;
	__u32 id = in_ring(t, regs) ? CALL_NONE : call_made(regs, &c.number, &c.flags);

	if (id != CALL_NONE && id < CALL_COUNT &&
	    (call_types[id] == EVENT_CONNECT || call_types[id] == EVENT_SEND ||
	     id == CALL_socketcall)) {
		struct resolved *r = resolved_new();

		if (r)
			r->denied = 1;
		return -EPERM;
	}
	c.flags |= EVENT_DENIED;
	observe_refused_peer(&c, sock, &p);
	return -EPERM;
}

SEC("fmod_ret/security_socket_connect")
int BPF_PROG(check_socket_connect, struct socket *socket, struct sockaddr *address, int bytes)
{
	if (!(switches.denies & DENIES_CONNECT))
		return 0;
	return check_peer((__u64)BPF_CORE_READ(socket, sk), number_of(address), bytes,
			  EVENT_CONNECT);
}

/* Datagrams name their peer here, and so does a TCP that sends with its first packet. */
SEC("fmod_ret/security_socket_sendmsg")
int BPF_PROG(check_socket_sendmsg, struct socket *socket, struct msghdr *message)
{
	if (!(switches.denies & DENIES_CONNECT))
		return 0;
	return check_peer((__u64)BPF_CORE_READ(socket, sk), (__u64)BPF_CORE_READ(message, msg_name),
			  BPF_CORE_READ(message, msg_namelen), EVENT_SEND);
}

#endif
