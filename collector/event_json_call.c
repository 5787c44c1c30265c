// SPDX-License-Identifier: GPL-2.0-or-later
/* The objects "network" and "call" of an event's JSON. */
#include "collector/event_json_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/event_names.h"

/* A word, or the number as text where there is none. */
static void put_word(struct buf *b, const char *key, const char *word, uint16_t number)
{
	json_put_key(b, key);
	if (word)
		json_put_string(b, span_str(word));
	else
		buf_printf(b, "\"%u\"", number);
}

static bool is_internet(uint16_t family)
{
	return family == AF_INET || family == AF_INET6;
}

struct side {
	const char *key;
	const uint8_t *address; /* 16 bytes */
	__be16 port;
	enum event_tag name;
	bool always; /* the call is about this side: told even when all of it is zero */
};

static void put_internet_side(struct buf *b, uint16_t family, const struct side *s)
{
	static const uint8_t none[16];

	if (!s->always && !s->port && memcmp(s->address, none, sizeof(none)) == 0)
		return;
	json_put_object(b, s->key);
	json_put_key(b, "address");
	buf_add_char(b, '"');
	event_add_address(b, family, s->address);
	buf_add_char(b, '"');
	json_put_u64(b, "port", ntohs(s->port));
	buf_add_char(b, '}');
}

/* A leading NUL makes an abstract name, of which every byte counts; a path ends at its first NUL.
 * "abstract" tells it from a relative path that begins with '@'. */
static void put_unix_side(struct buf *b, const struct event_view *v, const struct side *s)
{
	struct span name = v->strings[s->name];

	if (!name.p || name.n == 0)
		return;
	json_put_object(b, s->key);
	if (name.p[0] == '\0') {
		json_put_key(b, "path");
		buf_add(b, "\"@", 2);
		buf_add_json(b, (struct span){ name.p + 1, name.n - 1 });
		buf_add_char(b, '"');
		json_put_true(b, "abstract", true);
	} else {
		json_put_text(b, "path", (struct span){ name.p, strnlen(name.p, name.n) });
	}
	buf_add_char(b, '}');
}

static void put_side(struct buf *b, const struct event_view *v, uint16_t family,
		     const struct side *s)
{
	if (is_internet(family))
		put_internet_side(b, family, s);
	else if (family == AF_UNIX)
		put_unix_side(b, v, s);
}

static void put_payload(struct buf *b, struct span s)
{
	json_put_object(b, "payload");
	json_put_base64(b, "base64", s);
	json_put_key(b, "text");
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '.';

		if (c == '"' || c == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, c);
	}
	buf_add(b, "\"}", 2);
}

static void put_owner(struct buf *b, const struct event_network *n, const struct event_context *c)
{
	if (!n->owner_pid)
		return;
	json_put_object(b, "owner");
	json_put_u64(b, "pid", n->owner_pid);
	event_put_start(b, n->owner_start_boot_ns, c);
	buf_add_char(b, '}');
}

/* Types whose event is of a call with a socket's descriptor. */
#define FD_TYPES                                                                                   \
	(EVENT_BIT(EVENT_SOCKET) | EVENT_BIT(EVENT_CONNECT) | EVENT_BIT(EVENT_ACCEPT) |            \
	 EVENT_BIT(EVENT_BIND) | EVENT_BIT(EVENT_LISTEN) | EVENT_BIT(EVENT_SEND) |                 \
	 EVENT_BIT(EVENT_RECV))

/* Fields that only one type has. */
static void put_by_type(struct buf *b, enum event_type type, const struct event_network *n)
{
	if ((EVENT_BIT(type) & FD_TYPES) && n->fd >= 0)
		json_put_i64(b, "fd", n->fd);
	json_put_known(b, "net_ns", n->net_ns);
	json_put_known(b, "state", n->state);
	if (type == EVENT_LISTEN)
		json_put_u64(b, "backlog", n->backlog);
	if (type == EVENT_PAYLOAD)
		json_put_u64(b, "offset", n->offset);
	if (type == EVENT_FLOW_END) {
		json_put_u64(b, "rx_bytes", n->rx_bytes);
		json_put_u64(b, "tx_bytes", n->tx_bytes);
		json_put_key(b, "duration_seconds");
		buf_add_fixed(b, n->duration_ns, 9);
	}
	json_put_known(b, "cookie", n->cookie);
}

void event_put_network(struct buf *b, const struct event_view *v, const struct event_network *n,
		       const struct event_context *c, const char *key)
{
	static const char *const directions[] = { NULL, "out", "in" };
	enum event_type type = (enum event_type)v->head->type;
	struct side local = { "local", n->local, n->local_port, TAG_UNIX_LOCAL,
			      type == EVENT_BIND };
	/* what the caller named, where `remote` is what its listener bound */
	struct side asked = { .key = "asked", .name = TAG_RAW };
	struct side remote = { "remote", n->remote, n->remote_port, TAG_UNIX_REMOTE,
			       type == EVENT_CONNECT };

	json_put_object(b, key);
	put_word(b, "family", event_family_name(n->family), n->family);
	put_word(b, "type", event_socket_name(n->type), n->type);
	json_put_u64(b, "protocol", n->protocol);
	if (n->direction < sizeof(directions) / sizeof(directions[0]))
		json_put_str(b, "direction", directions[n->direction]);
	put_side(b, v, n->family, &local);
	put_side(b, v, n->family, &remote);
	if (n->family == AF_UNIX)
		put_unix_side(b, v, &asked);
	put_by_type(b, type, n);
	if (v->strings[TAG_PAYLOAD].p)
		put_payload(b, v->strings[TAG_PAYLOAD]);
	put_owner(b, n, c);
	buf_add_char(b, '}');
}

/* --- call ---------------------------------------------------------------------------------- */
#define OP_TYPES                                                                                   \
	(EVENT_BIT(EVENT_PRCTL) | EVENT_BIT(EVENT_PTRACE) | EVENT_BIT(EVENT_BPF) |                 \
	 EVENT_BIT(EVENT_KEYCTL) | EVENT_BIT(EVENT_SETUID) | EVENT_BIT(EVENT_MMAP) |               \
	 EVENT_BIT(EVENT_NEW_MOUNT))
#define CAPS_TYPES (EVENT_BIT(EVENT_CAPSET) | EVENT_BIT(EVENT_SETUID))
#define NS_TYPES   (EVENT_BIT(EVENT_SETNS) | EVENT_BIT(EVENT_UNSHARE))

static void put_target(struct buf *b, const struct event_call *a, const struct event_context *c)
{
	if (!a->target_pid)
		return;
	json_put_object(b, "target");
	json_put_u64(b, "pid", a->target_pid);
	event_put_start(b, a->target_start_boot_ns, c);
	json_put_known(b, "cgroup", a->target_cgroup);
	json_put_known(b, "container_cgroup", a->target_container);
	buf_add_char(b, '}');
}

void event_put_call(struct buf *b, const struct event_view *v, const struct event_context *c)
{
	const struct event_call *a = v->call;
	enum event_type type = (enum event_type)v->head->type;
	uint64_t bit = EVENT_BIT(type);

	json_put_object(b, "call");
	json_put_array(b, "args");
	for (size_t i = 0; i < EVENT_ARGS; i++) {
		json_put_comma(b);
		buf_add_i64(b, (int64_t)a->args[i]); /* -1 is common, numbers above 2^63 are not */
	}
	buf_add_char(b, ']');
	if (bit & OP_TYPES) {
		json_put_u64(b, "op", a->op);
		json_put_str(b, "op_name", event_op_name(type, a->op));
	}
	put_target(b, a, c);
	event_put_string(b, v, TAG_NAME, "name");
	event_put_string(b, v, TAG_DATA, "data");
	event_put_string(b, v, TAG_RAW, "raw");
	event_put_string(b, v, TAG_BASE, "base");
	event_put_string(b, v, TAG_RAW2, "raw2");
	event_put_string(b, v, TAG_BASE2, "base2");
	event_put_string(b, v, TAG_PATH, "path");
	event_put_string(b, v, TAG_PATH2, "path2");
	if (bit & CAPS_TYPES)
		event_put_caps(b, &a->caps);
	if (bit & NS_TYPES)
		event_put_namespaces(b, &a->ns);
	if (type == EVENT_DUP)
		event_put_network(b, v, &a->socket, c, "socket");
	buf_add_char(b, '}');
}
