/* SPDX-License-Identifier: GPL-2.0-or-later */
/* traffic - bytes and packets of containers, the first bytes of their flows, their DNS answers:
 * from every packet that a socket of theirs sends or takes, however it was written. At the root of
 * the v2 tree. Loopback is not counted; DNS answers are read there too, since docker's resolver is
 * there. */
#ifndef BULKHEAD_BPF_TRAFFIC_H
#define BULKHEAD_BPF_TRAFFIC_H

#include "bpf/network.h"

#define LOOPBACK     1 /* its interface index in every network namespace */
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PORT_DNS     53
#define ETH_IP	     0x0800
#define ETH_IP6	     0x86dd
#define DNS_HEADER   12

struct packet {
	__u8 protocol, family, direction, tcp_flags;
	__u32 payload_at, payload_bytes;
	__u32 seq;
	__be16 source, dest;
	__u8 from[16], to[16];
};

struct ip4_header {
	__u8 version_words, tos;
	__be16 total;
	__be16 id, fragment;
	__u8 ttl, protocol;
	__be16 check;
	__u8 from[4], to[4];
};
struct ip6_header {
	__u8 version, label[3];
	__be16 payload;
	__u8 next, hops;
	__u8 from[16], to[16];
};
struct tcp_header {
	__be16 source, dest;
	__be32 seq, ack;
	__u8 words, flags;
	__be16 window;
};
struct udp_header {
	__be16 source, dest, bytes, check;
};

static __always_inline int parse_ip(struct __sk_buff *skb, struct packet *p, __u32 *at,
				    __u32 *total)
{
	if (skb->protocol == __builtin_bswap16(ETH_IP)) {
		struct ip4_header h;

		if (bpf_skb_load_bytes(skb, 0, &h, sizeof(h)) < 0 ||
		    (h.fragment & __builtin_bswap16(0x1fff)))
			return -1;
		p->family = AF_INET;
		p->protocol = h.protocol;
		*at = (h.version_words & 0xf) * 4U;
		*total = __builtin_bswap16(h.total);
		__builtin_memcpy(p->from, h.from, 4);
		__builtin_memcpy(p->to, h.to, 4);
		return 0;
	}
	if (skb->protocol == __builtin_bswap16(ETH_IP6)) {
		struct ip6_header h;

		if (bpf_skb_load_bytes(skb, 0, &h, sizeof(h)) < 0)
			return -1;
		p->family = AF_INET6;
		p->protocol = h.next; /* extension headers: counted, not looked into */
		*at = sizeof(h);
		*total = __builtin_bswap16(h.payload) + (__u32)sizeof(h);
		__builtin_memcpy(p->from, h.from, 16);
		__builtin_memcpy(p->to, h.to, 16);
		return 0;
	}
	return -1;
}

static __always_inline int parse_packet(struct __sk_buff *skb, struct packet *p)
{
	__u32 at, total;

	if (parse_ip(skb, p, &at, &total) < 0)
		return -1;
	if (p->protocol == PROTOCOL_TCP) {
		struct tcp_header h;

		if (bpf_skb_load_bytes(skb, at, &h, sizeof(h)) < 0)
			return -1;
		p->source = h.source;
		p->dest = h.dest;
		p->seq = __builtin_bswap32(h.seq);
		p->tcp_flags = h.flags;
		at += (h.words >> 4) * 4U;
	} else if (p->protocol == PROTOCOL_UDP) {
		struct udp_header h;

		if (bpf_skb_load_bytes(skb, at, &h, sizeof(h)) < 0)
			return -1;
		p->source = h.source;
		p->dest = h.dest;
		at += sizeof(h);
	} else {
		return -1;
	}
	p->payload_at = at;
	/* a big one that is cut later says nothing of its length in the header */
	p->payload_bytes = skb->len > at ? skb->len - at : 0;
	return 0;
}

static __always_inline void fill_packet(struct event_network *n, const struct packet *p, int in)
{
	n->family = p->family;
	n->type = p->protocol == PROTOCOL_TCP ? SOCK_STREAM : 2;
	n->protocol = p->protocol;
	n->direction = p->direction;
	n->local_port = in ? p->dest : p->source;
	n->remote_port = in ? p->source : p->dest;
	if (in) {
		__builtin_memcpy(n->local, p->to, 16);
		__builtin_memcpy(n->remote, p->from, 16);
	} else {
		__builtin_memcpy(n->local, p->from, 16);
		__builtin_memcpy(n->remote, p->to, 16);
	}
}

static __always_inline void send_payload(struct __sk_buff *skb, const struct packet *p, __u32 type,
					 __u64 cgroup, const struct cgroup_entry *entry,
					 const struct flow_owner *owner, __u32 offset, __u32 bytes)
{
	struct call c;

	__builtin_memset(&c, 0, sizeof(c));
	c.number = -1;
	c.flags = EVENT_NO_TASK;
	c.cgroup = cgroup;
	c.known = 1;
	__builtin_memcpy(&c.entry, entry, sizeof(c.entry));
	struct scratch *s = record_begin_bare(&c, type, sizeof(struct event_network));

	if (!s)
		return;
	struct event_network *n = record_fixed(s);

	fill_packet(n, p, p->direction == DIRECTION_IN);
	n->offset = offset;
	if (owner) {
		n->owner_pid = owner->pid;
		n->owner_start_boot_ns = owner->start_boot_ns;
	}
	n->cookie = bpf_get_socket_cookie(skb);
	__u32 at = sizeof(struct event_head) + sizeof(*n);

	if (bytes > EVENT_DNS_MAX)
		bytes = EVENT_DNS_MAX;
	__u32 most = bytes - 1;

	/* The verifier does not know what the compiler knows of it, and older ones learn nothing
	 * from a comparison with 0. */
	barrier_var(most);
	most &= EVENT_DNS_MAX - 1;
	if (bytes == 0 ||
	    bpf_skb_load_bytes(skb, p->payload_at, s->record + at + sizeof(struct event_string),
			       most + 1) < 0) {
		drop_scratch(s);
		return;
	}
	string_end(s, at, TAG_PAYLOAD, bytes < p->payload_bytes ? STRING_CUT : 0, bytes);
	record_send(s);
}

/* Where this segment's first byte lies in its stream, from the socket's own counters. Of the side
 * that connected its SYN is counted as a byte that was acknowledged. */
static __always_inline __u32 offset_in_stream(const struct packet *p, struct bpf_sock *sk,
					      const struct flow_owner *o)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
	__u64 offset;

	if (!tcp)
		return ~0U;
	__u64 received = tcp->bytes_received, acked = tcp->bytes_acked;
	__u32 next = tcp->rcv_nxt, unacked = tcp->snd_una;

	/* all four are loaded: a chosen address of one of them is refused */
	barrier_var(received);
	barrier_var(acked);
	barrier_var(next);
	barrier_var(unacked);
	if (p->direction == DIRECTION_IN)
		offset = received + (__u32)(p->seq - next);
	else
		offset = acked + (__u32)(p->seq - unacked) -
			 (o && o->direction == DIRECTION_OUT && acked > 0);
	return offset < 0xffffffff ? (__u32)offset : ~0U;
}

static __always_inline void look_inside(struct __sk_buff *skb, struct packet *p, __u64 cgroup,
					const struct cgroup_entry *entry, int loopback)
{
	if (p->protocol == PROTOCOL_UDP) {
		if (p->direction == DIRECTION_IN && p->source == __builtin_bswap16(PORT_DNS) &&
		    p->payload_bytes >= DNS_HEADER && is_wanted(entry, 1, EVENT_DNS))
			send_payload(skb, p, EVENT_DNS, cgroup, entry, NULL, 0, p->payload_bytes);
		return;
	}
	if (loopback || p->payload_bytes == 0 || !is_wanted(entry, 1, EVENT_PAYLOAD))
		return;
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return;
	__u64 cookie = bpf_get_socket_cookie(skb);
	struct flow_owner *owner = bpf_map_lookup_elem(&flows, &cookie);
	__u32 offset = offset_in_stream(p, sk, owner);

	if (offset >= EVENT_PAYLOAD_MAX)
		return;
	__u32 bytes = EVENT_PAYLOAD_MAX - offset;

	if (bytes > p->payload_bytes)
		bytes = p->payload_bytes;
	send_payload(skb, p, EVENT_PAYLOAD, cgroup, entry, owner, offset, bytes);
}

static __always_inline void count_packet(struct __sk_buff *skb, __u32 slot, int in)
{
	struct account *a = bpf_map_lookup_elem(&accounts, &slot);
	__u64 packets = skb->gso_segs ? skb->gso_segs : 1;

	if (!a)
		return;
	if (in) {
		__sync_fetch_and_add(&a->rx_bytes, skb->len);
		__sync_fetch_and_add(&a->rx_packets, packets);
	} else {
		__sync_fetch_and_add(&a->tx_bytes, skb->len);
		__sync_fetch_and_add(&a->tx_packets, packets);
	}
}

static __always_inline void observe_packet(struct __sk_buff *skb, __u8 direction)
{
	struct bpf_sock *sk = skb->sk;
	int loopback = skb->ifindex == LOOPBACK;
	struct cgroup_entry entry;
	struct packet p = { .direction = direction };

	if (!sk)
		return;
	if (loopback && skb->len > 2 * EVENT_DNS_MAX)
		return;
	__u64 cgroup = direction == DIRECTION_IN ? bpf_sk_cgroup_id(sk) : bpf_skb_cgroup_id(skb);

	if (!find_cgroup(cgroup, &entry) || entry.kind != ENTRY_CONTAINER)
		return;
	if (!loopback)
		count_packet(skb, entry.slot, direction == DIRECTION_IN);
	if (switches.payloads && parse_packet(skb, &p) == 0)
		look_inside(skb, &p, cgroup, &entry, loopback);
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	observe_packet(skb, DIRECTION_IN);
	return 1;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	observe_packet(skb, DIRECTION_OUT);
	return 1;
}

#endif
