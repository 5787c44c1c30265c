/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dispatch - from a system call that returned to its observer, for both attach layers. */
#ifndef BULKHEAD_BPF_DISPATCH_H
#define BULKHEAD_BPF_DISPATCH_H

#include "bpf/mapping.h"

#define TS_COMPAT	0x0002
#define X32_SYSCALL_BIT 0x40000000

/* i386 makes socket calls through one number; its arguments lie in memory. 0: none we know. */
static __always_inline int unwrap_socketcall(struct call *c)
{
	static const struct {
		__u8 id, type;
	} inner[] = {
		[1] = { CALL_socket, EVENT_SOCKET },
		[2] = { CALL_bind, EVENT_BIND },
		[3] = { CALL_connect, EVENT_CONNECT },
		[4] = { CALL_listen, EVENT_LISTEN },
		[5] = { CALL_accept, EVENT_ACCEPT },
		[11] = { CALL_sendto, EVENT_SEND },
		[12] = { CALL_recvfrom, EVENT_RECV },
		[16] = { CALL_sendmsg, EVENT_SEND },
		[17] = { CALL_recvmsg, EVENT_RECV },
		[18] = { CALL_accept4, EVENT_ACCEPT },
		[19] = { CALL_recvmmsg, EVENT_RECV },
		[20] = { CALL_sendmmsg, EVENT_SEND },
		[31] = { 0, 0 },
	};
	__u32 which = (__u32)c->args[0] & 31, words[EVENT_ARGS] = {};

	if (c->args[0] > 31 || !inner[which].id)
		return 0;
	bpf_probe_read_user(words, sizeof(words), (void *)c->args[1]);
	for (__u32 i = 0; i < EVENT_ARGS; i++)
		c->args[i] = words[i];
	c->id = inner[which].id;
	c->type = inner[which].type;
	return 1;
}

/* Types are chosen so that each observer is one branch. */
static __always_inline int dispatch(struct call *c)
{
	switch (c->type) {
	case EVENT_OPEN:
		return observe_open(c);
	case EVENT_EXEC:
		return c->result >= 0 || is_flood(c) ? 0 : observe_failed_exec(c);
	case EVENT_UNLINK:
	case EVENT_RENAME:
	case EVENT_LINK:
	case EVENT_SYMLINK:
	case EVENT_MKDIR:
	case EVENT_RMDIR:
	case EVENT_CHMOD:
	case EVENT_CHOWN:
	case EVENT_MKNOD:
	case EVENT_TRUNCATE:
	case EVENT_SETXATTR:
	case EVENT_STAT:
	case EVENT_CHROOT:
	case EVENT_PIVOT_ROOT:
		return observe_path(c);
	case EVENT_SOCKET:
		return observe_socket(c);
	case EVENT_CONNECT:
	case EVENT_ACCEPT:
	case EVENT_BIND:
	case EVENT_LISTEN:
	case EVENT_SEND:
	case EVENT_RECV:
		return observe_socket_call(c);
	case EVENT_MMAP:
		return observe_mmap(c);
	}
	return is_quiet(c) || is_flood(c) ? 0 : observe_isolation(c);
}

static __always_inline void read_arguments(struct call *c, struct pt_regs *regs)
{
	if (c->flags & EVENT_COMPAT) {
		c->args[0] = (__u32)regs->bx;
		c->args[1] = (__u32)regs->cx;
		c->args[2] = (__u32)regs->dx;
		c->args[3] = (__u32)regs->si;
		c->args[4] = (__u32)regs->di;
		c->args[5] = (__u32)regs->bp;
		return;
	}
	c->args[0] = regs->di;
	c->args[1] = regs->si;
	c->args[2] = regs->dx;
	c->args[3] = regs->r10;
	c->args[4] = regs->r8;
	c->args[5] = regs->r9;
}

/* One call: id and flags say which; the type mask of the cgroup decides first. */
static __always_inline int observe_call(struct pt_regs *regs, __u32 id, __u16 flags, __s32 number,
					__s64 result)
{
	struct task_struct *t = current_task();
	struct call c;

	if (id == CALL_NONE || id >= CALL_COUNT)
		return 0;
	if (is_mmap(id) && is_quiet_mapping(regs, id, flags))
		return 0;
	__builtin_memset(&c, 0, sizeof(c));
	c.id = (__u8)id;
	c.type = call_types[id];
	c.flags = flags;
	c.number = number;
	c.result = result;
	c.known = (__u32)find_task(t, &c.cgroup, &c.entry);
	if (id != CALL_socketcall && c.type != EVENT_EXEC &&
	    !is_wanted(&c.entry, (int)c.known, c.type) && !was_denied(&c)) {
		count_drop(DROP_MASK, c.type);
		resolved_end(&c);
		return 0;
	}
	if (own_process(t))
		return 0;
	read_arguments(&c, regs);
	if (id == CALL_oldmmap)
		unwrap_mmap(&c);
	if (id == CALL_socketcall &&
	    (!unwrap_socketcall(&c) || !is_wanted(&c.entry, (int)c.known, c.type)))
		return 0;
	dispatch(&c);
	resolved_end(&c);
	return 0;
}

/* Which call it was. The table is picked by how this call was made: a 64-bit program can make
 * 32-bit calls. */
static __always_inline __u32 call_made(const struct pt_regs *regs, __s32 *number, __u16 *flags)
{
	struct task_struct *t = current_task();
	__u64 n = regs->orig_ax;

	if (t->thread_info.status & TS_COMPAT) {
		n = (__u32)n;
		if (n >= CALLS_MAX)
			return CALL_NONE;
		*flags = EVENT_COMPAT;
		*number = (__s32)n;
		return calls32[n];
	}
	if (n & X32_SYSCALL_BIT) {
		n &= ~(__u64)X32_SYSCALL_BIT;
		*flags = EVENT_X32;
	}
	if (n >= CALLS_MAX)
		return CALL_NONE;
	*number = (__s32)n;
	return calls64[n];
}

/* A connection that no connect(2) tells of: TCP fast open in a send, a ring's operation. */
static __always_inline void observe_silent_connect(struct sock *sk)
{
	struct task_struct *t = current_task();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__s32 number = -1;
	__u16 flags = 0;
	struct call c;
	__u32 id = t->flags & (PF_KTHREAD | PF_IO_WORKER) ? CALL_NONE
							  : call_made(regs, &number, &flags);

	if (id == CALL_connect || id == CALL_socketcall)
		return;
	call_begin(&c, EVENT_CONNECT);
	if (!is_wanted(&c.entry, (int)c.known, EVENT_CONNECT))
		return;
	c.result = -EINPROGRESS;
	c.number = number;
	struct scratch *s = record_begin(&c, EVENT_CONNECT, sizeof(struct event_network));

	if (!s)
		return;
	struct event_network *n = record_fixed(s);

	n->fd = -1;
	n->direction = DIRECTION_OUT;
	fill_socket(n, sk);
	record_send(s);
}

static __always_inline int observe_return(struct pt_regs *regs, long result)
{
	__s32 number = -1;
	__u16 flags = 0;
	__u32 id = call_made(regs, &number, &flags);

	return id ? observe_call(regs, id, flags, number, result) : 0;
}

#endif
