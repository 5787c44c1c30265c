// SPDX-License-Identifier: GPL-2.0-or-later
/* fd.*: the two ends of a socket. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "detector/field_internal.h"

#define STATE_ESTABLISHED 1 /* of TCP; also of a datagram socket that was connected */

static void set_end(struct field_end *e, enum fd_kind kind, uint16_t family,
		    const uint8_t address[16], uint16_t port)
{
	*e = (struct field_end){ .known = true, .port = ntohs(port) };
	e->length = kind == FD_IPV4 ? 4 : 16;
	/* the IPv4 part of a mapped address; of "::" four zeros */
	memcpy(e->address, family == AF_INET6 && e->length == 4 ? address + 12 : address,
	       e->length);
}

static bool is_zero(const struct field_end *e)
{
	static const uint8_t none[16];

	return e->port == 0 && memcmp(e->address, none, sizeof(none)) == 0;
}

/* Who came to whom. Where nobody told, the process at hand is taken for the client. */
static void set_roles(struct field_socket *s, const struct event_network *n, enum event_type type)
{
	s->listens = type == EVENT_BIND || type == EVENT_LISTEN;
	if (s->listens) {
		s->server = s->local;
		s->remote.known = false;
	} else if (n->direction == DIRECTION_IN) {
		s->server = s->local;
		s->client = s->remote;
	} else {
		s->server = s->remote;
		s->client = s->local;
	}
}

bool field_socket_of(const struct field_event *ev, struct field_socket *out)
{
	struct field_fd fd;

	*out = (struct field_socket){ .listens = false };
	if (!field_fd_of(ev, &fd) || !fd.network || fd.failed ||
	    (fd.kind != FD_IPV4 && fd.kind != FD_IPV6))
		return false;
	const struct event_network *n = fd.network;
	enum event_type type = (enum event_type)ev->view->head->type;

	set_end(&out->local, fd.kind, n->family, n->local, n->local_port);
	set_end(&out->remote, fd.kind, n->family, n->remote, n->remote_port);
	/* just made: it has no ends yet */
	if (type == EVENT_SOCKET || (is_zero(&out->local) && is_zero(&out->remote) &&
				     type != EVENT_BIND && type != EVENT_CONNECT))
		return false;
	set_roles(out, n, type);
	return true;
}

static void add_end(struct field_text *t, const struct field_end *e)
{
	field_add_address(t, e->address, e->length);
	field_text_printf(t, ":%u", e->port);
}

/* The name at the other end, as the container called it, else its own; an abstract one begins with
 * '@'. */
static struct span unix_name(struct field_event *ev)
{
	struct span s = ev->view->strings[TAG_RAW];

	if (s.n == 0 || ev->view->head->type != EVENT_CONNECT)
		s = ev->view->strings[TAG_UNIX_REMOTE];
	if (s.n == 0)
		s = ev->view->strings[TAG_UNIX_LOCAL];
	if (s.n == 0)
		return SPAN_LIT("");
	if (s.p[0] != '\0')
		return field_until_nul(s);
	struct field_text t = field_text_begin(ev);

	field_text_add_char(&t, '@');
	field_text_add(&t, (struct span){ s.p + 1, s.n - 1 });
	return field_text_end(&t);
}

struct span field_socket_name(struct field_event *ev)
{
	struct field_socket s;
	struct field_fd fd;

	if (field_fd_of(ev, &fd) && fd.kind == FD_UNIX)
		return unix_name(ev);
	if (!field_socket_of(ev, &s))
		return SPAN_LIT("");
	struct field_text t = field_text_begin(ev);

	if (s.client.known) {
		add_end(&t, &s.client);
		field_text_add(&t, SPAN_LIT("->"));
	}
	add_end(&t, &s.server);
	return field_text_end(&t);
}

struct span field_l4proto(const struct event_network *n)
{
	bool internet = n->family == AF_INET || n->family == AF_INET6;

	if (!internet)
		return FIELD_NA;
	if (n->type == SOCK_RAW)
		return SPAN_LIT("raw");
	switch (n->protocol) {
	case IPPROTO_TCP:
		return SPAN_LIT("tcp");
	case IPPROTO_UDP:
		return SPAN_LIT("udp");
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return SPAN_LIT("icmp");
	case 0:
		if (n->type == SOCK_STREAM)
			return SPAN_LIT("tcp");
		if (n->type == SOCK_DGRAM)
			return SPAN_LIT("udp");
	}
	return FIELD_NA;
}

bool field_is_connected(const struct field_event *ev, const struct event_network *n)
{
	const struct event_head *h = ev->view->head;

	if (h->type == EVENT_CONNECT || h->type == EVENT_ACCEPT)
		return h->result >= 0;
	return n->state == STATE_ESTABLISHED;
}

/* --- getters ------------------------------------------------------------------------------- */
static const struct field_end *end_of(const struct field_socket *s, int which)
{
	const struct field_end *e = NULL;

	switch (which) {
	case END_CLIENT:
		e = &s->client;
		break;
	case END_SERVER:
		e = &s->server;
		break;
	case END_LOCAL:
		e = &s->local;
		break;
	case END_REMOTE:
		e = &s->remote;
		break;
	}
	return e && e->known ? e : NULL;
}

/* One end, or both: how many. */
static size_t ends_of(const struct field_event *ev, int which, struct field_end out[2])
{
	struct field_socket s;
	size_t n = 0;

	if (!field_socket_of(ev, &s))
		return 0;
	for (int i = END_CLIENT; i <= END_REMOTE; i++) {
		const struct field_end *e = end_of(&s, i);

		if (e && (i == which || (which == END_BOTH && i <= END_SERVER)))
			out[n++] = *e;
	}
	return n;
}

size_t get_fd_ip(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		 size_t cap)
{
	struct field_end ends[2];
	size_t n = ends_of(ev, r->def->param, ends), put = 0;

	for (size_t i = 0; i < n; i++)
		put += field_ip_value(out + put, cap - put, ends[i].address, ends[i].length);
	return put;
}

size_t get_fd_port(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	struct field_end ends[2];
	size_t n = ends_of(ev, r->def->param, ends), put = 0;

	for (size_t i = 0; i < n; i++)
		put += field_uint_value(out + put, cap - put, ends[i].port);
	return put;
}

size_t get_fd_port_text(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			size_t cap)
{
	struct field_end ends[2];

	if (ends_of(ev, r->def->param, ends) == 0)
		return 0;
	struct field_text t = field_text_begin(ev);

	field_text_add_i64(&t, ends[0].port);
	return field_text_value(out, cap, field_text_end(&t));
}

size_t get_fd_name_of(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	const struct field_world *w = ev->world;
	struct span names[FIELD_MAX_VALUES];
	struct field_end ends[2];

	if (!w || !w->names || ends_of(ev, r->def->param, ends) == 0)
		return 0;
	if (cap > FIELD_MAX_VALUES)
		cap = FIELD_MAX_VALUES;
	size_t n = w->names(w->ctx, ev->container, ends[0].address, ends[0].length, names, cap);

	for (size_t i = 0; i < n; i++)
		out[i].text = names[i];
	return n;
}

/* Falco gives "<NA>" as a text for all that is no such socket: "!= tcp" is true then. */
size_t get_fd_l4proto(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	struct field_fd fd;

	(void)r;
	if (!field_fd_of(ev, &fd) || fd.failed)
		return 0;
	return field_text_value(out, cap, fd.network ? field_l4proto(fd.network) : FIELD_NA);
}

size_t get_fd_sockfamily(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			 size_t cap)
{
	struct field_fd fd;

	(void)r;
	if (!field_fd_of(ev, &fd) || fd.failed)
		return 0;
	if (fd.kind == FD_IPV4 || fd.kind == FD_IPV6)
		return field_text_value(out, cap, SPAN_LIT("ip"));
	return fd.kind == FD_UNIX ? field_text_value(out, cap, SPAN_LIT("unix")) : 0;
}

/* The kernel's side tells a datagram once for each peer of an exec instance: each that comes here
 * is to or from a new one. */
static bool name_changed(const struct field_event *ev, const struct event_network *n)
{
	switch (ev->view->head->type) {
	case EVENT_CONNECT:
		return true;
	case EVENT_SEND:
	case EVENT_RECV:
		return !field_is_connected(ev, n);
	}
	return false;
}

size_t get_fd_is(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		 size_t cap)
{
	struct field_fd fd;
	bool is = false;

	if (!field_fd_of(ev, &fd) || fd.failed)
		return 0;
	if (fd.network && r->def->param == FD_CONNECTED)
		is = field_is_connected(ev, fd.network);
	else if (fd.network && r->def->param == FD_NAME_CHANGED)
		is = name_changed(ev, fd.network);
	else if (fd.network)
		is = fd.network->direction == DIRECTION_IN || ev->view->head->type == EVENT_BIND ||
		     ev->view->head->type == EVENT_LISTEN;
	return field_bool_value(out, cap, is);
}
