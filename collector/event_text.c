// SPDX-License-Identifier: GPL-2.0-or-later
/* An event as one line for people: time, container, type, the most useful of the payload, result,
 * process. Foreign text is made visible; words with blanks are quoted. */
#include "collector/event_text.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "collector/event_names.h"
#include "collector/json_put.h"

/* Foreign text as one word, as a shell would need it quoted to be one. */
static void add_word(struct buf *b, struct span s)
{
	bool quote = s.n == 0;
	size_t plain = 0;

	for (size_t i = 0; i < s.n && !quote; i++)
		quote = s.p[i] == ' ' || s.p[i] == '"';
	if (!quote) {
		buf_add_visible(b, s);
		return;
	}
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '"')
			continue;
		buf_add_visible(b, (struct span){ s.p + plain, i - plain });
		buf_add(b, "\\\"", 2);
		plain = i + 1;
	}
	buf_add_visible(b, (struct span){ s.p + plain, s.n - plain });
	buf_add_char(b, '"');
}

static void add_args(struct buf *b, struct span args)
{
	struct span arg;

	if (args.n > 0 && args.p[args.n - 1] == '\0')
		args.n--;
	else if (args.n == 0)
		return;
	while (span_next(&args, '\0', &arg)) {
		buf_add_char(b, ' ');
		add_word(b, arg);
	}
}

/* The first of these strings that is there, after a blank; a cut path lacks its front. */
static bool add_first(struct buf *b, const struct event_view *v, enum event_tag one,
		      enum event_tag two, enum event_tag three)
{
	const enum event_tag tags[] = { one, two, three };

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		uint8_t flags = v->string_flags[tags[i]];
		bool path = tags[i] == TAG_PATH || tags[i] == TAG_PATH2;

		if (tags[i] == TAG_NONE || !v->strings[tags[i]].p)
			continue;
		buf_add_char(b, ' ');
		if (flags & STRING_UNREAD) {
			buf_add_char(b, '?');
			return true;
		}
		if (path && (flags & STRING_CUT))
			buf_add_str(b, "...");
		add_word(b, v->strings[tags[i]]);
		if (!path && (flags & STRING_CUT))
			buf_add_str(b, "...");
		if (flags & STRING_DELETED)
			buf_add_str(b, " (deleted)");
		return true;
	}
	return false;
}

static void add_bits(struct buf *b, uint32_t bits, const char *const *names, unsigned names_n)
{
	char before = '[';

	for (unsigned i = 0; i < names_n; i++) {
		if (!(bits & 1U << i) || !names[i])
			continue;
		if (before == '[')
			buf_add_char(b, ' ');
		buf_add_char(b, before);
		buf_add_str(b, names[i]);
		before = ',';
	}
	if (before == ',')
		buf_add_char(b, ']');
}

/* --- by shape ------------------------------------------------------------------------------ */
static void add_exec(struct buf *b, const struct event_view *v)
{
	if (v->head->result < 0)
		add_first(b, v, TAG_RAW, TAG_NONE, TAG_NONE);
	else
		add_first(b, v, TAG_PATH, TAG_FILENAME, TAG_NONE);
	struct span args = v->strings[TAG_ARGS];

	if (args.n > 0) {
		buf_add_str(b, " :");
		add_args(b, args);
	}
	if ((v->exec->flags & EXEC_ARGS_CUT) || (v->string_flags[TAG_ARGS] & STRING_CUT))
		buf_add_str(b, " ...");
}

static void add_fork(struct buf *b, const struct event_view *v)
{
	bool thread = (v->head->flags | v->fork->flags) & EVENT_THREAD;
	const char *name;
	uint32_t bit;

	buf_printf(b, thread ? " thread %u" : " process %u", thread ? v->fork->tid : v->fork->pid);
	for (unsigned i = 0; (name = event_namespace_name(i, &bit)); i++)
		if (v->fork->namespace_flags & bit)
			buf_printf(b, " new-%s", name);
}

static void add_exit(struct buf *b, const struct event_exit *x)
{
	if (x->status & 0x7f)
		buf_printf(b, " signal %u%s", x->status & 0x7f,
			   x->status & 0x80 ? " (core dumped)" : "");
	else
		buf_printf(b, " code %u", x->status >> 8 & 0xff);
}

static void add_path(struct buf *b, const struct event_view *v)
{
	add_first(b, v, TAG_PATH, TAG_RAW, TAG_NAME);
	if (v->strings[TAG_PATH2].p || v->strings[TAG_RAW2].p) {
		buf_add_str(b, " ,");
		add_first(b, v, TAG_PATH2, TAG_RAW2, TAG_NONE);
	}
	if (v->head->type == EVENT_CHMOD || v->head->type == EVENT_MKNOD)
		buf_printf(b, " 0%03o", v->path->mode);
	if (v->head->type == EVENT_CHOWN)
		buf_printf(b, " %d:%d", (int)v->path->uid, (int)v->path->gid);
}

static void add_side(struct buf *b, const struct event_view *v, const struct event_network *n,
		     bool remote)
{
	struct span name = v->strings[remote ? TAG_UNIX_REMOTE : TAG_UNIX_LOCAL];
	__be16 port = remote ? n->remote_port : n->local_port;

	if (n->family == AF_INET || n->family == AF_INET6) {
		buf_add_char(b, ' ');
		if (n->family == AF_INET6)
			buf_add_char(b, '[');
		event_add_address(b, n->family, remote ? n->remote : n->local);
		if (n->family == AF_INET6)
			buf_add_char(b, ']');
		buf_printf(b, ":%u", ntohs(port));
	} else if (name.n > 0 && name.p[0] == '\0') {
		buf_add_str(b, " @");
		buf_add_visible(b, (struct span){ name.p + 1, name.n - 1 });
	} else if (name.n > 0) {
		buf_add_char(b, ' ');
		add_word(b, (struct span){ name.p, strnlen(name.p, name.n) });
	}
}

static void add_socket_kind(struct buf *b, const struct event_network *n)
{
	const char *family = event_family_name(n->family), *type = event_socket_name(n->type);

	if (family)
		buf_printf(b, " %s", family);
	else
		buf_printf(b, " family %u", n->family);
	if (type)
		buf_printf(b, " %s", type);
}

/* Calls that are about our own side, and those about the other. */
#define LOCAL_TYPES (EVENT_BIT(EVENT_BIND) | EVENT_BIT(EVENT_LISTEN))

static void add_network(struct buf *b, const struct event_view *v, const struct event_network *n)
{
	uint64_t bit = EVENT_BIT(v->head->type);

	add_socket_kind(b, n);
	if (v->head->type == EVENT_SOCKET)
		return;
	if (bit & LOCAL_TYPES) {
		add_side(b, v, n, false);
		return;
	}
	if (n->direction == DIRECTION_IN)
		buf_add_str(b, " from");
	add_side(b, v, n, true);
	if (v->head->type == EVENT_FLOW_END)
		buf_printf(b, " received %llu sent %llu bytes", (unsigned long long)n->rx_bytes,
			   (unsigned long long)n->tx_bytes);
	if (v->strings[TAG_PAYLOAD].p)
		buf_printf(b, " %zu bytes", v->strings[TAG_PAYLOAD].n);
}

/* The thread comes before the signal in these. */
static bool names_thread(int32_t syscall)
{
	return syscall == SYS_tgkill || syscall == SYS_rt_tgsigqueueinfo;
}

static void add_call(struct buf *b, const struct event_view *v)
{
	enum event_type type = (enum event_type)v->head->type;
	const struct event_call *a = v->call;
	const char *op = event_op_name(type, a->op);

	if (op)
		buf_printf(b, " %s", op);
	add_first(b, v, TAG_PATH, TAG_RAW, TAG_NAME);
	if (v->strings[TAG_PATH2].p || v->strings[TAG_RAW2].p) {
		buf_add_str(b, " ,");
		add_first(b, v, TAG_PATH2, TAG_RAW2, TAG_NONE);
	}
	if (a->target_pid)
		buf_printf(b, " pid %u", a->target_pid);
	if (type == EVENT_MMAP)
		buf_printf(b, " %llu bytes", (unsigned long long)a->args[1]);
	if (type == EVENT_KILL && !(v->head->flags & EVENT_COMPAT))
		buf_printf(b, " signal %lld",
			   (long long)a->args[names_thread(v->head->syscall) ? 2 : 1]);
	if (type == EVENT_DUP) {
		add_socket_kind(b, &a->socket);
		add_side(b, v, &a->socket, true);
	}
}

static void add_payload(struct buf *b, const struct event_view *v)
{
	switch (event_type_shape((enum event_type)v->head->type)) {
	case SHAPE_EXEC:
		add_exec(b, v);
		break;
	case SHAPE_FORK:
		add_fork(b, v);
		break;
	case SHAPE_EXIT:
		add_exit(b, v->exit);
		break;
	case SHAPE_OPEN:
		add_first(b, v, TAG_PATH, TAG_RAW, TAG_NONE);
		add_bits(b, v->open->access, event_access_names, EVENT_ACCESS_NAMES);
		break;
	case SHAPE_PATH:
		add_path(b, v);
		break;
	case SHAPE_NETWORK:
		add_network(b, v, v->network);
		break;
	case SHAPE_CALL:
		add_call(b, v);
		break;
	}
}

/* --- the line ------------------------------------------------------------------------------ */
static void add_where(struct buf *b, const struct event_head *h, const struct event_container *c)
{
	struct span name = c ? (c->name.n > 0 ? c->name : c->id) : (struct span){ NULL, 0 };

	if (name.n > 0)
		add_word(b, name);
	else if (h->flags & EVENT_HOST)
		buf_add_str(b, "host");
	else
		buf_printf(b, "cgroup:%llu",
			   (unsigned long long)(h->container_cgroup ? h->container_cgroup
								    : h->cgroup_id));
	if (c && c->image.n > 0) {
		buf_add_str(b, " (");
		buf_add_visible(b, c->image);
		buf_add_char(b, ')');
	}
}

static void add_who(struct buf *b, const struct event_head *h, const struct process *p)
{
	bool table = h->flags & EVENT_NO_TASK;

	if (table && !p)
		return;
	const char *comm = table ? p->comm : h->comm;

	buf_add_str(b, "  ");
	add_word(b, (struct span){ comm, strnlen(comm, EVENT_COMM_BYTES) });
	buf_printf(b, "[%u] uid=%u", table ? p->key.pid : h->pid, table ? p->uid : h->uid);
}

void event_line(struct buf *b, const struct event_view *v, const struct event_context *c)
{
	const struct event_head *h = v->head;
	const char *error = event_error_name(h->result);

	text_clock(b, h->boot_ns + c->unix_minus_boot_ns, 3);
	buf_add_char(b, ' ');
	add_where(b, h, c->container);
	buf_add_char(b, ' ');
	buf_add_str(b, event_type_name((enum event_type)h->type));
	add_payload(b, v);
	if (error)
		buf_printf(b, " -> %s", error);
	else if (h->result < 0)
		buf_printf(b, " -> %lld", (long long)h->result);
	if (h->flags & EVENT_KILLED)
		buf_add_str(b, " (killed)");
	if (h->flags & EVENT_DENIED)
		buf_add_str(b, " (denied)");
	if (h->flags & EVENT_KNOWN)
		buf_add_str(b, " (known)");
	add_who(b, h, c->process);
}
