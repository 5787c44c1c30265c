// SPDX-License-Identifier: GPL-2.0-or-later
/* evt.arg.* and evt.args: the arguments of a call as text. Each has a plain form (a number, what
 * was passed) and may have a resolved one (flags by name, an absolute path), which is preferred. */
#include <fcntl.h>
#include <string.h>

#include "collector/event_names.h"
#include "detector/field_arg_rows.h"

#define NONE	 ((struct span){ NULL, 0 })
#define MAX_ARGS 24

static const char *const names[ARG_COUNT] = {
#define X(name) #name,
	ARG_NAMES(X)
#undef X
};
static const char *const other_names[] = { OTHER_ARG_NAMES };

bool field_arg_find(struct span name, uint16_t *id)
{
	for (size_t i = 0; i < ARG_COUNT; i++)
		if (span_eq(name, names[i])) {
			*id = (uint16_t)i;
			return true;
		}
	for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++)
		if (span_eq(name, other_names[i])) {
			*id = ARG_COUNT;
			return true;
		}
	return false;
}

static const struct arg_row *find_row(enum evt_type t, uint16_t id)
{
	const struct arg_rows *a = (unsigned)t < EVT_COUNT ? &args_of[t] : NULL;

	for (size_t i = 0; a && i < a->n; i++)
		if (a->rows[i].name == id)
			return &a->rows[i];
	return NULL;
}

bool field_arg_of_type(uint16_t id, enum evt_type t)
{
	return find_row(t, id) != NULL;
}

size_t field_arg_count(enum evt_type t)
{
	return (unsigned)t < EVT_COUNT ? args_of[t].n : 0;
}

bool field_arg_is_path(uint16_t id)
{
	for (unsigned t = 0; t < EVT_COUNT; t++) {
		const struct arg_row *row = find_row((enum evt_type)t, id);

		if (row &&
		    (row->kind == K_PATH || row->kind == K_NEW_FD || row->kind == K_EVENT_FD))
			return true;
	}
	return false;
}

/* --- numbers ------------------------------------------------------------------------------- */
static int64_t number_of_open(const struct event_open *o, enum arg_number n)
{
	switch ((int)n) {
	case N_OPEN_FLAGS:
		return o->flags;
	case N_OPEN_MODE:
		return o->mode;
	case N_OPEN_DIRFD:
		return o->dirfd;
	case N_OPEN_RESOLVE:
		return (int64_t)o->resolve;
	case N_FILE_DEVICE:
		return field_encode_device(o->file.device);
	}
	return (int64_t)o->file.inode;
}

static int64_t number_of_path(const struct event_path *p, enum arg_number n)
{
	switch ((int)n) {
	case N_PATH_FLAGS:
		return p->flags;
	case N_PATH_MODE:
		return p->mode;
	case N_PATH_UID:
		return p->uid;
	case N_PATH_GID:
		return p->gid;
	case N_PATH_DIRFD:
		return p->dirfd;
	case N_PATH_DIRFD2:
		return p->dirfd2;
	}
	return (int64_t)p->value;
}

static int64_t number_of_network(const struct event_network *n, enum arg_number which)
{
	switch ((int)which) {
	case N_FAMILY:
		return n->family;
	case N_TYPE:
		return n->type;
	case N_PROTOCOL:
		return n->protocol;
	case N_BACKLOG:
		return n->backlog;
	}
	return n->fd;
}

static int64_t number_of_exit(const struct event_exit *x, enum arg_number n)
{
	switch ((int)n) {
	case N_EXIT_CODE:
		return x->status >> 8 & 0xff;
	case N_EXIT_SIGNAL:
		return x->status & 0x7f;
	case N_EXIT_CORE:
		return (x->status & 0x80) != 0;
	}
	return x->status;
}

static int64_t number_of_process(const struct field_event *ev, enum arg_number n)
{
	const struct event_file *f = field_exe_file(ev);
	struct field_ids ids;

	if (!field_ids_of(ev, &ids))
		return 0;
	switch ((int)n) {
	case N_PID:
		return ids.pid;
	case N_TID:
		return ids.tid;
	case N_PPID:
		return ev->view->head->ppid;
	case N_VPID:
		return ids.ns_pid;
	case N_VTID:
		return ids.ns_tid;
	case N_EUID:
		return ids.euid;
	case N_EGID:
		return ids.egid;
	case N_LOGINUID:
		return (int32_t)ids.loginuid;
	case N_TTY:
		return field_encode_device(ids.tty);
	}
	return f ? (int64_t)f->inode : 0;
}

static int64_t number_of(const struct field_event *ev, enum arg_number n)
{
	const struct event_view *v = ev->view;

	if (n == N_RESULT)
		return v->head->result;
	if (n >= N_OPEN_FLAGS && n <= N_FILE_INODE)
		return number_of_open(v->open, n);
	if (n >= N_PATH_FLAGS && n <= N_PATH_VALUE)
		return number_of_path(v->path, n);
	if (n >= N_CALL0 && n <= N_CALL5)
		return (int64_t)v->call->args[n - N_CALL0];
	if (n >= N_FAMILY && n <= N_BACKLOG)
		return number_of_network(v->network, n);
	if (n == N_CHILD)
		return v->fork->pid;
	if (n == N_CHILD_NAMESPACES)
		return v->fork->namespace_flags;
	if (n >= N_EXIT_STATUS)
		return number_of_exit(v->exit, n);
	return number_of_process(ev, n);
}

/* --- texts --------------------------------------------------------------------------------- */
struct arg_text {
	struct span plain, resolved; /* p NULL: none */
};

static struct span print_number(struct field_event *ev, const char *fmt, int64_t v)
{
	struct field_text t = field_text_begin(ev);

	if (fmt[1] == 'd')
		field_text_add_i64(&t, v);
	else if (fmt[1] == 'o')
		field_text_printf(&t, "%llo", (unsigned long long)v);
	else
		field_text_printf(&t, "%llX", (unsigned long long)v);
	return field_text_end(&t);
}

static struct span word(const char *s)
{
	return s ? span_str(s) : NONE;
}

/* "<f>/etc/passwd", "<4t>10.0.0.1:5->10.0.0.2:80" */
static struct span fd_text(struct field_event *ev)
{
	struct field_fd fd;
	struct span name = field_fd_name(ev), proto = NONE;

	if (!field_fd_of(ev, &fd) || fd.failed)
		return NONE;
	if (fd.network)
		proto = field_l4proto(fd.network);
	struct field_text t = field_text_begin(ev);

	field_text_printf(&t, "<%c", field_fd_char(fd.kind));
	if (proto.p && proto.p[0] != '<')
		field_text_add_char(&t, proto.p[0]);
	field_text_add_char(&t, '>');
	field_text_add(&t, name);
	return field_text_end(&t);
}

static struct span process_text(struct field_event *ev, int which)
{
	const struct process *p = ev->context->process;
	const struct event_view *v = ev->view;

	switch (which) {
	case P_EXE:
		return field_exe(ev, p);
	case P_ARGS:
		return field_args(ev, p);
	case P_COMM:
		return field_comm(ev, p);
	case P_CWD:
		return field_cwd(ev);
	case P_EXEPATH:
		return field_exepath(ev, p);
	}
	return field_until_nul(v->strings[v->head->result < 0 ? TAG_RAW : TAG_FILENAME]);
}

static void fd_forms(struct field_event *ev, const struct arg_row *row, struct arg_text *out)
{
	struct field_fd fd;
	int64_t v = 0;

	if (row->kind == K_EVENT_FD) {
		if (!field_fd_of(ev, &fd))
			return;
		v = fd.number;
		out->plain = fd.has_number ? print_number(ev, "%d", v) : SPAN_LIT("");
		out->resolved = fd_text(ev);
		return;
	}
	v = number_of(ev, (enum arg_number)row->source);
	if (row->kind == K_FD && (int32_t)v == AT_FDCWD) {
		out->plain = SPAN_LIT("AT_FDCWD");
		return;
	}
	out->plain = print_number(ev, "%d", row->kind == K_FD ? (int32_t)v : v);
	if (row->kind == K_NEW_FD)
		out->resolved = v < 0 ? word(event_error_name(v)) : fd_text(ev);
}

/* A number and its words. */
static void word_forms(struct field_event *ev, const struct arg_row *row, struct arg_text *out)
{
	int64_t v = number_of(ev, (enum arg_number)row->source);

	out->plain = print_number(ev, row->kind == K_MODE ? "%o" : "%d",
				  row->kind == K_MODE ? (v & 07777777) : v);
	switch (row->kind) {
	case K_RES:
		out->resolved = word(event_error_name(v));
		break;
	case K_FLAGS:
		out->resolved = field_flag_text(ev, row->words, (uint64_t)v);
		break;
	case K_MODE:
		out->resolved = field_flag_text(ev, row->words, (uint64_t)v);
		break;
	case K_ENUM:
		out->resolved = word(field_enum_text(row->words, (uint64_t)v));
		break;
	case K_SIGNAL:
		out->resolved = word(field_signal_name((uint32_t)v));
		break;
	case K_OPERATION:
		out->resolved = word(
			event_op_name((enum event_type)ev->view->head->type, ev->view->call->op));
		break;
	case K_OPEN_FLAGS:
		out->resolved = field_open_flags(ev);
		break;
	case K_EXEC_FLAGS:
		out->plain = SPAN_LIT("0");
		out->resolved = field_exec_flags(ev);
		break;
	}
}

/* -1 leaves the id as it is. An id without a name stays a number. */
static void id_forms(struct field_event *ev, const struct arg_row *row, struct arg_text *out)
{
	int64_t v = (int32_t)number_of(ev, (enum arg_number)row->source);
	struct span name = NONE;

	out->plain = print_number(ev, "%d", v == -1 ? -1 : (int64_t)(uint32_t)v);
	if (v == -1)
		return;
	name = row->kind == K_UID ? field_user_name(ev, (uint32_t)v)
				  : field_group_name(ev, (uint32_t)v);
	if (!span_eq(name, "<NA>"))
		out->resolved = name;
}

static struct span caps_of(struct field_event *ev, int which)
{
	const struct event_caps *c = field_caps(ev);

	if (!c)
		return NONE;
	return field_caps_text(ev, which == CAPS_EFFECTIVE   ? c->effective
				   : which == CAPS_PERMITTED ? c->permitted
							     : c->inheritable);
}

static void path_forms(struct field_event *ev, const struct arg_row *row, struct arg_text *out)
{
	struct span raw = field_path_raw(ev, row->source);
	struct span path = field_path_argument(ev, row->source);
	bool same = raw.p && raw.n == path.n && (raw.n == 0 || memcmp(raw.p, path.p, raw.n) == 0);

	out->plain = raw.p ? raw : path;
	if (raw.p && !same)
		out->resolved = path;
}

static void forms_of(struct field_event *ev, const struct arg_row *row, struct arg_text *out)
{
	*out = (struct arg_text){ NONE, NONE };
	switch ((enum arg_kind)row->kind) {
	case K_NEW_FD:
	case K_EVENT_FD:
	case K_FD:
		fd_forms(ev, row, out);
		break;
	case K_PATH:
		path_forms(ev, row, out);
		break;
	case K_TAG:
		out->plain = ev->view->strings[row->source];
		if (row->source != TAG_PAYLOAD)
			out->plain = field_until_nul(out->plain);
		break;
	case K_DEC:
		out->plain = print_number(ev, "%d", number_of(ev, (enum arg_number)row->source));
		break;
	case K_HEX:
		out->plain = print_number(ev, "%X", number_of(ev, (enum arg_number)row->source));
		break;
	case K_OCT:
		out->plain = print_number(ev, "%o", number_of(ev, (enum arg_number)row->source));
		break;
	case K_UID:
	case K_GID:
		id_forms(ev, row, out);
		break;
	case K_TUPLE:
		out->plain = field_socket_name(ev);
		break;
	case K_CAPS:
		out->plain = caps_of(ev, row->source);
		break;
	case K_PROCESS:
		out->plain = process_text(ev, row->source);
		break;
	case K_RES:
	case K_FLAGS:
	case K_ENUM:
	case K_MODE:
	case K_SIGNAL:
	case K_OPERATION:
	case K_OPEN_FLAGS:
	case K_EXEC_FLAGS:
		word_forms(ev, row, out);
		break;
	}
}

/* The rows read the fixed part of the type's shape: a caller that mixes types up gets nothing. */
static const struct arg_rows *rows_of(const struct field_event *ev)
{
	static const struct arg_rows none;

	if (!(evt_type_events(ev->type) & EVENT_BIT(ev->view->head->type)))
		return &none;
	return &args_of[ev->type];
}

size_t get_evt_arg(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	const struct arg_rows *a = rows_of(ev);
	const struct arg_row *row = NULL;
	struct arg_text t;

	if (a->n == 0)
		return 0;
	if (r->has_index)
		row = r->index < a->n ? &a->rows[r->index] : NULL;
	else
		row = find_row(ev->type, r->arg_id);
	if (!row)
		return 0;
	forms_of(ev, row, &t);
	return field_text_value(out, cap, t.resolved.n > 0 ? t.resolved : t.plain);
}

/* "fd=3(<f>/etc/passwd) name=passwd(/etc/passwd) flags=1(O_RDONLY)" */
size_t get_evt_args(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		    size_t cap)
{
	const struct arg_rows *a = rows_of(ev);
	struct arg_text forms[MAX_ARGS];
	size_t n = a->n < MAX_ARGS ? a->n : MAX_ARGS;

	(void)r;
	for (size_t i = 0; i < n; i++)
		forms_of(ev, &a->rows[i], &forms[i]);
	struct field_text t = field_text_begin(ev);

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			field_text_add_char(&t, ' ');
		field_text_add(&t, span_str(names[a->rows[i].name]));
		field_text_add_char(&t, '=');
		field_text_add(&t, forms[i].plain.p ? forms[i].plain : FIELD_NA);
		if (forms[i].resolved.n > 0) {
			field_text_add_char(&t, '(');
			field_text_add(&t, forms[i].resolved);
			field_text_add_char(&t, ')');
		}
	}
	return field_text_value(out, cap, field_text_end(&t));
}
