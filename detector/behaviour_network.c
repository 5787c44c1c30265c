// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets: what is listened on, whom it talks to. */
#include "detector/behaviour_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/container.h"
#include "detector/interpreter.h"

#define EPHEMERAL_FIRST 32768 /* net.ipv4.ip_local_port_range, as kernels have it by default */
#define EPHEMERAL_LAST	60999

/* An address without what is only another way to write it. */
struct peer {
	bool six;
	uint8_t bytes[16];
};

static struct peer peer_of(uint16_t family, const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct peer p = { .six = family == AF_INET6 };

	if (p.six && memcmp(address, mapped, sizeof(mapped)) == 0) {
		p.six = false;
		memcpy(p.bytes, address + 12, 4);
	} else {
		memcpy(p.bytes, address, p.six ? 16 : 4);
	}
	return p;
}

/* The unspecified address means this host, too. */
static bool is_loopback(const struct peer *p)
{
	static const uint8_t zero[16];

	if (!p->six)
		return p->bytes[0] == 127 || memcmp(p->bytes, zero, 4) == 0;
	return memcmp(p->bytes, zero, 15) == 0 && p->bytes[15] <= 1;
}

static const char *protocol_name(const struct event_network *n, char mem[16])
{
	if (n->type == SOCK_STREAM && n->protocol != IPPROTO_SCTP)
		return "tcp"; /* of MPTCP, too */
	switch (n->protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	case 0:
		if (n->type == SOCK_DGRAM)
			return "udp";
		break;
	}
	snprintf(mem, 16, "ip-%u", n->protocol);
	return mem;
}

static void add_peer(struct behaviour_list *l, const struct event_network *n)
{
	const struct peer p = peer_of(n->family, n->remote);
	const uint8_t *b = p.bytes;
	char mem[16], text[INET6_ADDRSTRLEN];
	const char *protocol = protocol_name(n, mem);
	const unsigned port = ntohs(n->remote_port);
	struct span key, subject;

	if (is_loopback(&p) || !inet_ntop(p.six ? AF_INET6 : AF_INET, b, text, sizeof(text)))
		return;
	if (p.six) {
		unsigned g[8];

		for (unsigned i = 0; i < 8; i++)
			g[i] = (unsigned)b[i * 2] << 8 | b[i * 2 + 1];
		key = behaviour_printf(l->r, "%s6/%u/%x/%x/%x/%x/%x/%x/%x/%x", protocol, port, g[0],
				       g[1], g[2], g[3], g[4], g[5], g[6], g[7]);
		subject = behaviour_printf(l->r, "[%s]:%u", text, port);
	} else {
		key = behaviour_printf(l->r, "%s/%u/%u/%u/%u/%u", protocol, port, b[0], b[1], b[2],
				       b[3]);
		subject = behaviour_printf(l->r, "%s:%u", text, port);
	}
	behaviour_add(l, BASELINE_CONNECT, key, subject, 0);
}

/* A datagram socket that only asks which of its own addresses it would use. */
static bool is_asking_for_route(const struct event_head *h, const struct event_network *n)
{
	const unsigned port = ntohs(n->remote_port);

	return h->type == EVENT_CONNECT && n->type == SOCK_DGRAM &&
	       (port == 0 || port == 9 || port == 80 || port == 443);
}

static void add_listener(struct behaviour_list *l, const struct event_head *h,
			 const struct event_network *n)
{
	char mem[16];
	const unsigned port = ntohs(n->local_port);
	const char *protocol = protocol_name(n, mem);
	const bool udp = strcmp(protocol, "udp") == 0;
	struct span exact;

	if (h->type == EVENT_BIND ? !udp || port == 0 : udp)
		return;
	exact = behaviour_printf(l->r, "%s/%u", protocol, port);
	if (udp && port >= EPHEMERAL_FIRST && port <= EPHEMERAL_LAST)
		behaviour_add(l, BASELINE_LISTEN, SPAN_LIT("udp/ephemeral"), exact, 0);
	else
		behaviour_add_key(l, BASELINE_LISTEN, exact, 0);
}

/* --- unix sockets ------------------------------------------------------------------------------
 */

/* Sockets whose owner rules the host, wherever they were put. */
static const char runtimes[] = "docker.sock dockerd.sock containerd.sock crio.sock podman.sock "
			       "cri-dockerd.sock kubelet.sock buildkitd.sock lxd.sock";

/* Not the image's and not the container's own: what the host, or another container, reaches too. */
static bool is_shared_mount(const struct metadata_mount *m)
{
	return m->type && (strcmp(m->type, "bind") == 0 || strcmp(m->type, "volume") == 0);
}

static bool is_below(struct span path, struct span root)
{
	while (root.n && root.p[root.n - 1] == '/')
		root.n--;
	return path.n > root.n && memcmp(path.p, root.p, root.n) == 0 && path.p[root.n] == '/';
}

static bool is_same(struct span a, struct span b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static bool is_runtime(struct span path)
{
	return interpreter_is_one_of(interpreter_base(path), runtimes);
}

static bool is_of_somebody_else(struct span path, const struct event_context *c)
{
	const struct metadata *m = c->entry ? c->entry->meta : NULL;

	if (is_runtime(path))
		return true;
	for (size_t i = 0; m && i < m->mounts_n; i++) {
		struct span at = span_str(m->mounts[i].destination);

		if (is_shared_mount(&m->mounts[i]) && (is_same(path, at) || is_below(path, at)))
			return true;
	}
	return false;
}

static void add_unix(struct behaviour_list *l, const struct event_view *v,
		     const struct event_context *c)
{
	/* as the container calls it; what the listener bound is a name of another world */
	const struct span bound = v->strings[TAG_UNIX_REMOTE], asked = v->strings[TAG_RAW];
	struct span name = asked.n ? asked : bound;
	size_t cap;

	if (!name.p || name.n == 0)
		return;
	if (name.p[0] == '\0') {
		char *room = behaviour_room(l->r, &cap);

		if (name.n > cap || name.n > PATH_TREE_MAX_PATH) {
			l->r->stats.no_room++;
			return;
		}
		room[0] = '@';
		for (size_t i = 1; i < name.n; i++) /* a key is a text */
			room[i] = name.p[i] ? name.p[i] : '@';
		behaviour_add_key(l, BASELINE_UNIX, behaviour_keep(l->r, name.n), 0);
		return;
	}
	name.n = strnlen(name.p, name.n);
	if (is_of_somebody_else(name, c) ||
	    (bound.n && bound.p[0] &&
	     is_runtime((struct span){ bound.p, strnlen(bound.p, bound.n) })))
		behaviour_add_key(l, BASELINE_UNIX, name, BEHAVIOUR_FOREIGN);
}

void behaviour_of_network(struct behaviour_list *l, const struct event_view *v,
			  const struct event_context *c)
{
	const struct event_head *h = v->head;
	const struct event_network *n = v->network;
	const bool internet = n->family == AF_INET || n->family == AF_INET6;
	const bool out = h->type == EVENT_CONNECT || h->type == EVENT_SEND;

	if (out && n->family == AF_UNIX)
		add_unix(l, v, c);
	else if (out && internet && !is_asking_for_route(h, n))
		add_peer(l, n);
	else if (!out && internet)
		add_listener(l, h, n);
}
