// SPDX-License-Identifier: GPL-2.0-or-later
/* An event as one line of JSON: what all types have. Keys that do not apply are absent. */
#include "collector/event_json_internal.h"

#include <string.h>

#include "collector/event_names.h"

#define UNSET UINT32_MAX /* loginuid */

static bool is_utf8(struct span s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		n = utf8_len((struct span){ s.p + i, s.n - i });
		if (n == 0)
			return false;
	}
	return true;
}

static bool is_path(enum event_tag tag)
{
	return tag == TAG_PATH || tag == TAG_PATH2 || tag == TAG_RAW || tag == TAG_RAW2;
}

void event_put_string(struct buf *b, const struct event_view *v, enum event_tag tag,
		      const char *key)
{
	struct span s = v->strings[tag];
	char other[32];

	if (!s.p)
		return;
	json_put_text(b, key, s);
	if (is_path(tag) && !is_utf8(s)) {
		snprintf(other, sizeof(other), "%s_base64", key);
		json_put_base64(b, other, s);
	}
	if (v->string_flags[tag]) {
		snprintf(other, sizeof(other), "%s_flags", key);
		json_put_bits(b, other, v->string_flags[tag], event_string_flag_names,
			      EVENT_STRING_FLAG_NAMES);
	}
}

void event_put_args(struct buf *b, struct span args, uint64_t args_bytes, bool cut)
{
	struct span arg;

	if (!args.p)
		return;
	json_put_array(b, "args");
	if (args.n > 0 && args.p[args.n - 1] == '\0')
		args.n--; /* ends the last one, begins none */
	else if (args.n == 0)
		args.p = NULL;
	while (span_next(&args, '\0', &arg)) {
		json_put_comma(b);
		json_put_string(b, arg);
	}
	buf_add_char(b, ']');
	json_put_known(b, "args_bytes", args_bytes);
	json_put_true(b, "args_cut", cut);
}

void event_put_caps(struct buf *b, const struct event_caps *caps)
{
	json_put_object(b, "capabilities");
	json_put_hex(b, "effective", caps->effective);
	json_put_hex(b, "permitted", caps->permitted);
	json_put_hex(b, "inheritable", caps->inheritable);
	json_put_hex(b, "bounding", caps->bounding);
	buf_add_char(b, '}');
}

void event_put_namespaces(struct buf *b, const struct event_namespaces *ns)
{
	if (!(ns->mnt | ns->pid | ns->net | ns->ipc | ns->uts | ns->cgroup | ns->user | ns->time))
		return;
	json_put_object(b, "namespaces");
	json_put_known(b, "mnt", ns->mnt);
	json_put_known(b, "pid", ns->pid);
	json_put_known(b, "net", ns->net);
	json_put_known(b, "ipc", ns->ipc);
	json_put_known(b, "uts", ns->uts);
	json_put_known(b, "cgroup", ns->cgroup);
	json_put_known(b, "user", ns->user);
	json_put_known(b, "time", ns->time);
	buf_add_char(b, '}');
}

static void put_known_text(struct buf *b, const char *key, struct span s)
{
	if (s.n > 0)
		json_put_text(b, key, s);
}

static void put_container(struct buf *b, const struct event_container *c)
{
	if (!c) {
		json_put_key(b, "container");
		buf_add(b, "null", 4);
		return;
	}
	json_put_object(b, "container");
	put_known_text(b, "id", c->id);
	put_known_text(b, "name", c->name);
	put_known_text(b, "image", c->image);
	if (c->pod_name.n > 0 || c->pod_namespace.n > 0) {
		json_put_object(b, "pod");
		put_known_text(b, "name", c->pod_name);
		put_known_text(b, "namespace", c->pod_namespace);
		buf_add_char(b, '}');
	}
	buf_add_char(b, '}');
}

/* --- the process --------------------------------------------------------------------------- */
static struct span comm_span(const char *comm, size_t max)
{
	return (struct span){ comm, strnlen(comm, max) };
}

void event_put_start(struct buf *b, uint64_t start_boot_ns, const struct event_context *c)
{
	if (start_boot_ns)
		json_put_time(b, "start", start_boot_ns + c->unix_minus_boot_ns);
}

/* What only the table knows. */
static void put_process_text(struct buf *b, const struct process_text *t)
{
	put_known_text(b, "exe", t->exe);
	event_put_args(b, t->args, t->args_bytes, t->args_cut);
	put_known_text(b, "cwd", t->cwd);
}

static void put_exec_id(struct buf *b, const struct event_head *h, const struct process *p)
{
	bool known = p && p->exec_owner.pid;
	struct process_key owner = { .pid = h->pid, .start_boot_ns = h->start_boot_ns };

	if (known)
		owner = p->exec_owner;
	if (!owner.pid)
		return;
	json_put_key(b, "exec_id");
	buf_add_char(b, '"');
	buf_add_u64(b, owner.pid);
	buf_add_char(b, '-');
	buf_add_u64(b, owner.start_boot_ns);
	buf_add_char(b, '-');
	buf_add_u64(b, known ? p->exec_seq : h->exec_seq);
	buf_add_char(b, '"');
}

static void put_parent(struct buf *b, const struct event_head *h, const struct process *p)
{
	const struct process *parent = p ? p->parent : NULL;

	if (!parent && !h->ppid)
		return;
	json_put_object(b, "parent");
	json_put_u64(b, "pid", parent ? parent->key.pid : h->ppid);
	if (parent) {
		json_put_text(b, "comm", comm_span(parent->comm, sizeof(parent->comm)));
		if (parent->text)
			put_known_text(b, "exe", parent->text->exe);
	}
	buf_add_char(b, '}');
}

static void put_table_flags(struct buf *b, const struct process *p)
{
	const struct event_caps *caps = &p->caps;

	json_put_true(b, "injected", p->injected);
	json_put_true(b, "first", p->first);
	json_put_true(b, "kernel_thread", p->kernel_thread);
	/* an entry that was made up has no capabilities yet: none is not the same */
	if (!p->missed || (caps->effective | caps->permitted | caps->bounding))
		json_put_hex(b, "caps_effective", caps->effective);
}

static void put_ids(struct buf *b, uint32_t uid, uint32_t gid, uint32_t euid, uint32_t egid,
		    uint32_t loginuid, uint32_t tty, uint32_t session)
{
	json_put_u64(b, "uid", uid);
	json_put_u64(b, "gid", gid);
	json_put_u64(b, "euid", euid);
	json_put_u64(b, "egid", egid);
	if (loginuid != UNSET)
		json_put_u64(b, "loginuid", loginuid);
	if (tty)
		json_put_device(b, "tty", tty);
	json_put_known(b, "session", session);
}

/* The head's process fields are of nobody then; the table may know whose flow it is. */
static void put_process_of_table(struct buf *b, const struct process *p,
				 const struct event_context *c)
{
	static const struct event_head nobody;

	json_put_object(b, "process");
	json_put_u64(b, "pid", p->key.pid);
	json_put_known(b, "ns_pid", p->ns_pid);
	json_put_text(b, "comm", comm_span(p->comm, sizeof(p->comm)));
	if (p->text)
		put_process_text(b, p->text);
	event_put_start(b, p->key.start_boot_ns, c);
	put_exec_id(b, &nobody, p);
	put_ids(b, p->uid, p->gid, p->euid, p->egid, p->loginuid, p->tty, p->session);
	put_table_flags(b, p);
	put_parent(b, &nobody, p);
	buf_add_char(b, '}');
}

static void put_process(struct buf *b, const struct event_head *h, const struct event_context *c)
{
	const struct process *p = c->process;

	if (h->flags & EVENT_NO_TASK) {
		if (p)
			put_process_of_table(b, p, c);
		return;
	}
	json_put_object(b, "process");
	json_put_u64(b, "pid", h->pid);
	json_put_u64(b, "tid", h->tid);
	json_put_u64(b, "ns_pid", h->ns_pid);
	json_put_u64(b, "ns_tid", h->ns_tid);
	json_put_text(b, "comm", comm_span(h->comm, sizeof(h->comm)));
	if (p && p->text)
		put_process_text(b, p->text);
	event_put_start(b, h->start_boot_ns, c);
	put_exec_id(b, h, p);
	put_ids(b, h->uid, h->gid, h->euid, h->egid, h->loginuid, h->tty, h->session);
	if (p)
		put_table_flags(b, p);
	put_parent(b, h, p);
	buf_add_char(b, '}');
}

static void put_shape(struct buf *b, const struct event_view *v, const struct event_context *c)
{
	switch (event_type_shape((enum event_type)v->head->type)) {
	case SHAPE_EXEC:
		event_put_exec(b, v, c);
		break;
	case SHAPE_FORK:
		event_put_fork(b, v, c);
		break;
	case SHAPE_EXIT:
		event_put_exit(b, v->exit);
		break;
	case SHAPE_OPEN:
		event_put_open(b, v);
		break;
	case SHAPE_PATH:
		event_put_path(b, v);
		break;
	case SHAPE_NETWORK:
		event_put_network(b, v, v->network, c, "network");
		break;
	case SHAPE_CALL:
		event_put_call(b, v, c);
		break;
	}
}

void event_json(struct buf *b, const struct event_view *v, const struct event_context *c)
{
	const struct event_head *h = v->head;
	enum event_type type = (enum event_type)h->type;

	buf_add_char(b, '{');
	json_put_time(b, "time", h->boot_ns + c->unix_minus_boot_ns);
	json_put_str(b, "type", event_type_name(type));
	json_put_str(b, "class", event_class_name(event_type_class(type)));
	json_put_u64(b, "boot_ns", h->boot_ns);
	put_container(b, c->container);
	json_put_true(b, "host", h->flags & EVENT_HOST);
	json_put_u64(b, "cgroup", h->cgroup_id);
	json_put_known(b, "container_cgroup", h->container_cgroup);
	put_process(b, h, c);
	json_put_i64(b, "result", h->result);
	json_put_str(b, "error", event_error_name(h->result));
	if (h->syscall >= 0)
		json_put_i64(b, "syscall", h->syscall);
	json_put_bits(b, "flags", h->flags, event_flag_names, EVENT_FLAG_NAMES);
	put_shape(b, v, c);
	event_put_file(b, v);
	buf_add_char(b, '}');
}
