/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network - observers of sockets. Addresses come from the kernel's socket where it has them; what a
 * call names and the socket has not (a datagram's peer) is read from the process's memory. */
#ifndef BULKHEAD_BPF_NETWORK_H
#define BULKHEAD_BPF_NETWORK_H

#include "bpf/process.h"

#define AF_UNIX		1
#define SOCK_STREAM	1
#define SOCK_DGRAM	2
#define SOCK_RAW	3
#define SOCK_TYPES	0xf
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT	2
#define TCP_SYN_RECV	3
#define TCP_CLOSE	7
#define TCP_LISTEN	10
#define SOCK_DONE	(1UL << 1) /* a FIN has come */

static __always_inline struct sock *sock_of_file(struct file *f)
{
	if (!f || (BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	struct socket *socket = BPF_CORE_READ(f, private_data);

	return BPF_CORE_READ(socket, sk);
}

static __always_inline void fill_addresses(struct event_network *n, struct sock *sk)
{
	if (n->family == AF_INET) {
		__be32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		__be32 remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);

		__builtin_memcpy(n->local, &local, 4);
		__builtin_memcpy(n->remote, &remote, 4);
	} else if (n->family == AF_INET6) {
		BPF_CORE_READ_INTO(&n->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&n->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		return;
	}
	/* skc_num is given back before the last change of state is told */
	n->local_port = BPF_CORE_READ((struct inet_sock *)sk, inet_sport);
	n->remote_port = BPF_CORE_READ(sk, __sk_common.skc_dport);
}

static __always_inline void fill_socket(struct event_network *n, struct sock *sk)
{
	if (!sk)
		return;
	n->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	n->type = BPF_CORE_READ(sk, sk_type);
	n->protocol = BPF_CORE_READ(sk, sk_protocol);
	n->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	n->net_ns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	n->cookie = (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	fill_addresses(n, sk);
}

static __always_inline void put_unix_name(struct scratch *s, __u32 tag, struct unix_sock *u)
{
	struct unix_address *a = BPF_CORE_READ(u, addr);
	int bytes = BPF_CORE_READ(a, len) - 2; /* sun_family */

	if (!a || bytes <= 0 || bytes > 108)
		return;
	__u64 name = (__u64)a + bpf_core_field_offset(struct unix_address, name[0].sun_path);
	char first = 0;

	bpf_probe_read_kernel(&first, 1, (void *)name);
	if (first)
		put_kernel_string(s, tag, name);
	else
		put_kernel_bytes(s, tag, name, (__u64)bytes);
}

static __always_inline void put_unix_names(struct scratch *s, struct sock *sk)
{
	struct unix_sock *u = (struct unix_sock *)sk;
	struct sock *peer = BPF_CORE_READ(u, peer);

	put_unix_name(s, TAG_UNIX_LOCAL, u);
	if (peer)
		put_unix_name(s, TAG_UNIX_REMOTE, (struct unix_sock *)peer);
}

/* Who a pid is, by its thread group; the number alone of one that has ended. */
static __always_inline void fill_owner(struct pid *pid, __u32 *number, __u64 *start_boot_ns)
{
	struct hlist_node *link = BPF_CORE_READ(pid, tasks[PIDTYPE_TGID].first);
	__u64 at = bpf_core_field_offset(struct task_struct, pid_links[PIDTYPE_TGID]);

	*number = pid ? (__u32)BPF_CORE_READ(pid, numbers[0].nr) : 0;
	if (!link) { /* a thread's number */
		link = BPF_CORE_READ(pid, tasks[PIDTYPE_PID].first);
		at = bpf_core_field_offset(struct task_struct, pid_links[PIDTYPE_PID]);
	}
	if (!link)
		return;
	struct task_struct *t = (struct task_struct *)((__u64)link - at);

	*number = (__u32)BPF_CORE_READ(t, tgid);
	*start_boot_ns = BPF_CORE_READ(t, group_leader, start_boottime);
}

/* The name that the listener bound, in whatever world that was, and who it is; what the caller
 * passed stays beside it. 0: not connected, or to one without a name. */
static __always_inline int put_listener(struct scratch *s, struct event_network *n, struct sock *sk,
					const struct call *c)
{
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);

	if (c->result < 0 || !peer || !BPF_CORE_READ((struct unix_sock *)peer, addr))
		return 0;
	put_unix_name(s, TAG_UNIX_REMOTE, (struct unix_sock *)peer);
	if (n->type == SOCK_DGRAM)
		return 1;
	struct pid *pid = BPF_CORE_READ(sk, sk_peer_pid);

	if (pid)
		fill_owner(pid, &n->owner_pid, &n->owner_start_boot_ns);
	return 1;
}

struct any_address { /* the start of every sockaddr that is told */
	__u16 family;
	__be16 port;
	__u8 ip4[4];
	__u8 ip6[16]; /* sockaddr_in6: after flowinfo, which ip4 covers */
};

/* What the call named: `local` of bind, else the other end; a unix name under that tag. */
static __always_inline void fill_from_user(struct scratch *s, struct event_network *n,
					   __u64 pointer, __u32 bytes, int local, __u32 tag)
{
	struct any_address a = {};

	if (!pointer || bytes < 2)
		return;
	if (bytes > 128)
		bytes = 128;
	if (bpf_probe_read_user(&a, bytes < sizeof(a) ? 8 : sizeof(a), (void *)pointer) < 0 &&
	    bpf_probe_read_user(&a, 2, (void *)pointer) < 0)
		return;
	if (a.family == AF_UNIX) {
		if (bytes > 2 && first_byte(pointer + 2))
			put_user_name(s, tag, pointer + 2, bytes - 2);
		else if (bytes > 2)
			put_user_bytes(s, tag, pointer + 2, bytes - 2);
		return;
	}
	if (a.family != AF_INET && a.family != AF_INET6)
		return;
	__u8 *to = local ? n->local : n->remote;

	if (local)
		n->local_port = a.port;
	else
		n->remote_port = a.port;
	if (a.family == AF_INET)
		__builtin_memcpy(to, a.ip4, 4);
	else
		__builtin_memcpy(to, a.ip6, 16);
	if (!n->family)
		n->family = a.family;
}

/* --- repeats: one peer, whatever the local port ------------------------------------------------
 */

static __always_inline void peer_key(struct repeat_key *k, const struct call *c,
				     const struct event_network *n)
{
	repeat_begin(k, c);
	__builtin_memcpy(&k->inode, n->remote, 8);
	__builtin_memcpy(&k->parent_inode, n->remote + 8, 8);
	k->name_hash = c->type == EVENT_ACCEPT ? n->local_port : n->remote_port;
	k->device = n->net_ns;
	k->access = (__u8)n->protocol;
	k->mount_id = n->family | ((__u32)n->type << 16);
}

/* Whom a verdict says not to tell of; a refused connection is told. */
static __always_inline int is_known_peer(const struct call *c, const struct event_network *n)
{
	struct peer p = { .family = n->family, .protocol = n->protocol, .port = n->remote_port };

	__builtin_memcpy(p.address, n->remote, sizeof(p.address));
	return c->result != -EPERM && judge_peer(c->entry.image, &p) == VERDICT_DROP;
}

struct asking { /* where a call keeps its address */
	__u64 address, bytes;
	__s32 fd;
	__u32 direction;
};

/* sendmsg(2) and recvmsg(2): the address is in struct msghdr. */
static __always_inline void address_of_message(const struct call *c, struct asking *a)
{
	struct {
		__u64 name;
		__u32 bytes;
	} m = {};
	__u32 narrow[2] = {};

	if (c->flags & (EVENT_COMPAT | EVENT_X32)) {
		bpf_probe_read_user(narrow, sizeof(narrow), (void *)c->args[1]);
		a->address = narrow[0];
		a->bytes = narrow[1];
	} else {
		bpf_probe_read_user(&m, 12, (void *)c->args[1]);
		a->address = m.name;
		a->bytes = m.bytes;
	}
}

static __always_inline void read_asking(const struct call *c, struct asking *a)
{
	__builtin_memset(a, 0, sizeof(*a));
	a->fd = (__s32)c->args[0];
	switch (c->id) {
	case CALL_connect:
	case CALL_bind:
		a->address = c->args[1];
		a->bytes = c->args[2];
		break;
	case CALL_sendto:
		a->address = c->args[4];
		a->bytes = c->args[5];
		break;
	case CALL_recvfrom:
		a->address = c->args[4];
		a->bytes = 28; /* what was written there: the family tells */
		break;
	case CALL_sendmsg:
	case CALL_recvmsg:
	case CALL_sendmmsg: /* the first of them */
	case CALL_recvmmsg:
		address_of_message(c, a);
		break;
	case CALL_accept:
	case CALL_accept4:
		a->fd = c->result >= 0 ? (__s32)c->result : a->fd;
		break;
	}
}

static __always_inline __u8 direction_of(__u32 type)
{
	switch (type) {
	case EVENT_CONNECT:
	case EVENT_SEND:
		return DIRECTION_OUT;
	case EVENT_ACCEPT:
	case EVENT_RECV:
		return DIRECTION_IN;
	}
	return DIRECTION_NONE;
}

/* By the cookie that the socket has for life: every program can ask for it. */
static __always_inline void remember_owner(__u64 cookie, const struct call *c, __u32 direction)
{
	struct task_struct *t = current_task();
	struct flow_owner o = {
		.since_boot_ns = bpf_ktime_get_boot_ns(),
		.start_boot_ns = t->group_leader->start_boottime,
		.container = c->cgroup,
		.pid = (__u32)t->tgid,
		.direction = direction,
	};
	if (cookie)
		bpf_map_update_elem(&flows, &cookie, &o, BPF_ANY);
}

/* Who it is about, beyond what fill_socket() found. */
static __always_inline void put_addresses(struct scratch *s, struct event_network *n,
					  const struct call *c, const struct asking *a,
					  struct sock *sk)
{
	__u32 type = c->type;

	/* the kernel's own answer is better than what the memory says by now */
	if (type == EVENT_SEND && a->address) /* this one, wherever the socket is connected to */
		fill_from_user(s, n, a->address, (__u32)a->bytes, 0, TAG_UNIX_REMOTE);
	else if (type == EVENT_BIND ? c->result < 0 || n->family == AF_UNIX
				    : !n->remote_port && n->family != AF_UNIX)
		fill_from_user(s, n, a->address, (__u32)a->bytes, type == EVENT_BIND,
			       type == EVENT_BIND ? TAG_UNIX_LOCAL : TAG_UNIX_REMOTE);
	else if (n->family == AF_UNIX && a->address && type != EVENT_RECV)
		fill_from_user(s, n, a->address, (__u32)a->bytes, 0,
			       type == EVENT_CONNECT && put_listener(s, n, sk, c)
				       ? TAG_RAW
				       : TAG_UNIX_REMOTE);
	else if (n->family == AF_UNIX)
		put_unix_names(s, sk);
}

/* CONNECT, ACCEPT, BIND, LISTEN, SEND, RECV. */
__noinline int observe_socket_call(struct call *c)
{
	struct asking a;
	struct repeat_key k;
	__u32 type;

	if (!c)
		return 0;
	type = c->type;
	read_asking(c, &a);
	struct sock *sk = sock_of_file(file_of(a.fd));

	if ((type == EVENT_SEND || type == EVENT_RECV) && !was_denied(c) &&
	    (!sk || BPF_CORE_READ(sk, sk_type) == SOCK_STREAM))
		return 0; /* connect and the first bytes tell of streams */
	struct scratch *s = record_begin(c, type, sizeof(struct event_network));

	if (!s)
		return 0;
	struct event_network *n = record_fixed(s);

	fill_socket(n, sk);
	n->fd = a.fd;
	n->direction = direction_of(type);
	if (type == EVENT_LISTEN)
		n->backlog = (__u32)c->args[1];
	put_addresses(s, n, c, &a, sk);
	if (c->result == -EPERM)
		put_resolved(s, NULL);
	if (type == EVENT_ACCEPT && c->result >= 0)
		remember_owner(n->cookie, c, DIRECTION_IN);
	peer_key(&k, c, n);
	/* unix names are not in the key: connections to them are rare enough */
	if (n->family != AF_UNIX && is_repeat(c, &k)) {
		drop_scratch(s);
		return 0;
	}
	if ((type == EVENT_CONNECT || type == EVENT_SEND) && c->entry.image &&
	    is_known_peer(c, n)) {
		drop_scratch(s);
		count_drop(DROP_VERDICT, type);
		remember(c, &k, DROP_VERDICT);
		return 0;
	}
	if (record_send(s) && n->family != AF_UNIX)
		remember(c, &k, DROP_REPEAT);
	return 0;
}

__noinline int observe_socket(struct call *c)
{
	if (!c)
		return 0;
	struct scratch *s = record_begin(c, EVENT_SOCKET, sizeof(struct event_network));

	if (!s)
		return 0;
	struct event_network *n = record_fixed(s);

	n->fd = (__s32)c->result;
	if (c->result >= 0)
		fill_socket(n, sock_of_file(file_of(n->fd)));
	n->family = (__u16)c->args[0];
	n->type = (__u16)c->args[1] & SOCK_TYPES;
	if (!n->protocol)
		n->protocol = (__u16)c->args[2];
	record_send(s);
	return 0;
}

/* --- the state of TCP --------------------------------------------------------------------------
 */

static __always_inline void send_flow_end(struct sock *sk, struct flow_owner *o, int oldstate)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	struct call c;

	__builtin_memset(&c, 0, sizeof(c));
	c.type = EVENT_FLOW_END;
	c.number = -1;
	c.flags = EVENT_NO_TASK;
	c.cgroup = o->container;
	c.known = (__u32)find_cgroup(c.cgroup, &c.entry);
	if (!is_wanted(&c.entry, (int)c.known, EVENT_FLOW_END))
		return;
	struct scratch *s = record_begin_bare(&c, EVENT_FLOW_END, sizeof(struct event_network));

	if (!s)
		return;
	struct event_network *n = record_fixed(s);

	fill_socket(n, sk);
	n->direction = (__u8)o->direction;
	n->state = (__u8)oldstate;
	n->rx_bytes = BPF_CORE_READ(tcp, bytes_received);
	/* the other side's FIN is counted like a byte */
	if (n->rx_bytes && (BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DONE))
		n->rx_bytes--;
	n->tx_bytes = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
	n->duration_ns = bpf_ktime_get_boot_ns() - o->since_boot_ns;
	n->owner_pid = o->pid;
	n->owner_start_boot_ns = o->start_boot_ns;
	/* who connected or accepted; the rest of a process is not known any more */
	struct event_head *h = record_head(s);

	h->pid = o->pid;
	h->tid = o->pid;
	h->start_boot_ns = o->start_boot_ns;
	record_send(s);
}

static __always_inline void observe_state(struct sock *sk, int oldstate, int newstate)
{
	__u64 cookie = bpf_get_socket_cookie(sk); /* makes it, the first time */
	struct call c;

	if (newstate == TCP_SYN_SENT) { /* in connect(2), by its caller */
		call_begin(&c, EVENT_CONNECT);
		remember_owner(cookie, &c, DIRECTION_OUT);
		return;
	}
	if (newstate != TCP_CLOSE || oldstate == TCP_LISTEN)
		return;
	struct flow_owner *o = bpf_map_lookup_elem(&flows, &cookie);

	if (!o)
		return;
	if (oldstate != TCP_SYN_SENT) /* refused: connect tells it */
		send_flow_end(sk, o, oldstate);
	bpf_map_delete_elem(&flows, &cookie);
}

#endif
