// SPDX-License-Identifier: GPL-2.0-or-later
/* proc.*: the texts of a process and of those that it comes from. */
#include <fcntl.h>
#include <string.h>

#include "detector/field_internal.h"

#define NONE ((struct span){ NULL, 0 })

bool field_ids_of(const struct field_event *ev, struct field_ids *out)
{
	const struct event_head *h = ev->view->head;
	const struct process *p = ev->context->process;

	if (!(h->flags & EVENT_NO_TASK)) {
		*out = (struct field_ids){ h->pid,	h->tid, h->ns_pid, h->ns_tid,
					   h->uid,	h->gid, h->euid,   h->egid,
					   h->loginuid, h->tty, h->session };
		return true;
	}
	if (!p)
		return false;
	*out = (struct field_ids){ p->key.pid,	p->key.pid, p->ns_pid, p->ns_pid,
				   p->uid,	p->gid,	    p->euid,   p->egid,
				   p->loginuid, p->tty,	    p->session };
	return true;
}

const struct process *field_parent(const struct process *p)
{
	const struct process *parent = p ? p->parent : NULL;

	return parent && !parent->placeholder ? parent : NULL;
}

/* --- what a process runs ------------------------------------------------------------------- */
static bool is_self(const struct field_event *ev, const struct process *p)
{
	return p == ev->context->process;
}

/* An exec tells by itself what now runs, also where there is no table. */
static bool tells_itself(const struct field_event *ev, const struct process *p)
{
	const struct event_head *h = ev->view->head;

	return is_self(ev, p) && h->type == EVENT_EXEC && h->result >= 0;
}

struct span field_comm(const struct field_event *ev, const struct process *p)
{
	const struct event_head *h = ev->view->head;

	if (p && p->comm[0])
		return (struct span){ p->comm, strnlen(p->comm, sizeof(p->comm)) };
	if (is_self(ev, p) && !(h->flags & EVENT_NO_TASK))
		return (struct span){ h->comm, strnlen(h->comm, sizeof(h->comm)) };
	return NONE;
}

/* NUL-separated; p NULL: not known. */
static struct span raw_args(const struct field_event *ev, const struct process *p)
{
	if (p && p->text)
		return p->text->args.p ? p->text->args : SPAN_LIT("");
	return tells_itself(ev, p) ? ev->view->strings[TAG_ARGS] : NONE;
}

struct span field_exe(const struct field_event *ev, const struct process *p)
{
	return field_until_nul(raw_args(ev, p));
}

/* argv[1] and what follows; the NUL that ends the last one is left out. */
static struct span after_first(struct span args)
{
	if (!args.p)
		return args;
	const char *nul = args.n ? memchr(args.p, '\0', args.n) : NULL;

	if (!nul)
		return (struct span){ args.p + args.n, 0 };
	args.n -= (size_t)(nul + 1 - args.p);
	args.p = nul + 1;
	if (args.n > 0 && args.p[args.n - 1] == '\0')
		args.n--;
	return args;
}

/* Whether there is an argv[1] at all: it may be empty. */
static bool has_more(struct span args)
{
	const char *nul = args.n ? memchr(args.p, '\0', args.n) : NULL;

	return nul && nul + 1 < args.p + args.n;
}

static const struct event_file *exe_file_of(const struct field_event *ev, const struct process *p)
{
	const struct event_file *f = p ? &p->exe_file : NULL;

	if (tells_itself(ev, p))
		f = &ev->view->exec->file;
	return f && (f->flags & FILE_KNOWN) ? f : NULL;
}

const struct event_file *field_exe_file(const struct field_event *ev)
{
	return exe_file_of(ev, ev->context->process);
}

struct span field_exepath(const struct field_event *ev, const struct process *p)
{
	const struct event_file *f = exe_file_of(ev, p);
	struct span s = NONE;

	if (p && p->text)
		s = p->text->exe;
	else if (tells_itself(ev, p))
		s = ev->view->strings[TAG_PATH];
	if (s.n == 0)
		return NONE;
	/* a file in memory has no place: "memfd:name" */
	if (f && (f->flags & FILE_MEMORY) && span_starts(s, "/memfd:"))
		s = (struct span){ s.p + 1, s.n - 1 };
	return s;
}

static void add_args(struct field_text *t, struct span args)
{
	struct span rest = after_first(args), arg;
	bool first = true;

	if (!has_more(args))
		return;
	while (span_next(&rest, '\0', &arg)) {
		if (!first)
			field_text_add_char(t, ' ');
		first = false;
		field_text_add(t, arg);
	}
}

struct span field_args(struct field_event *ev, const struct process *p)
{
	struct span args = raw_args(ev, p), rest = after_first(args);

	if (!args.p)
		return NONE;
	if (rest.n == 0 || !memchr(rest.p, '\0', rest.n))
		return rest; /* one or none: nothing to join */
	struct field_text t = field_text_begin(ev);

	add_args(&t, args);
	return field_text_end(&t);
}

static struct span with_args(struct field_event *ev, const struct process *p, struct span first)
{
	struct span args = raw_args(ev, p);

	if (!first.p || !args.p || !has_more(args))
		return first;
	struct field_text t = field_text_begin(ev);

	field_text_add(&t, first);
	field_text_add_char(&t, ' ');
	add_args(&t, args);
	return field_text_end(&t);
}

struct span field_cmdline(struct field_event *ev, const struct process *p)
{
	return with_args(ev, p, field_comm(ev, p));
}

struct span field_proc_text(struct field_event *ev, const struct process *p, enum proc_text what)
{
	switch (what) {
	case PROC_NAME:
		return field_comm(ev, p);
	case PROC_EXE:
		return field_exe(ev, p);
	case PROC_EXEPATH:
		return field_exepath(ev, p);
	case PROC_ARGS:
		return field_args(ev, p);
	case PROC_CMDLINE:
		return field_cmdline(ev, p);
	case PROC_EXELINE:
		return with_args(ev, p, field_exe(ev, p));
	}
	return NONE;
}

/* --- getters ------------------------------------------------------------------------------- */
static struct span nth_arg(struct span args, uint32_t index)
{
	struct span rest = after_first(args), arg;

	if (!args.p || !has_more(args))
		return NONE;
	for (uint32_t i = 0; span_next(&rest, '\0', &arg); i++)
		if (i == index)
			return arg;
	return NONE;
}

size_t get_proc_text(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		     size_t cap)
{
	const struct process *p = ev->context->process;
	enum proc_text what = (enum proc_text)r->def->param;

	if (what == PROC_ARGS && r->has_index)
		return field_text_value(out, cap, nth_arg(raw_args(ev, p), r->index));
	return field_text_value(out, cap, field_proc_text(ev, p, what));
}

size_t get_proc_parent_text(const struct field_ref *r, struct field_event *ev,
			    struct field_value *out, size_t cap)
{
	const struct process *p = field_parent(ev->context->process);

	return p ? field_text_value(out, cap, field_proc_text(ev, p, (enum proc_text)r->def->param))
		 : 0;
}

/* The process itself for 0; beyond one that is not known nobody is. */
static const struct process *ancestor(const struct field_event *ev, uint32_t level)
{
	const struct process *p = ev->context->process;

	if (level > PROCESS_MAX_ANCESTORS)
		return NULL;
	for (uint32_t i = 0; p && i < level; i++)
		p = field_parent(p);
	return p;
}

size_t get_proc_ancestors(const struct field_ref *r, struct field_event *ev,
			  struct field_value *out, size_t cap)
{
	enum proc_text what = (enum proc_text)r->def->param;
	size_t n = 0;

	if (r->has_index && r->index == 0)
		return field_text_value(out, cap, field_proc_text(ev, ev->context->process, what));
	if (r->has_index) {
		const struct process *p = ancestor(ev, r->index);

		return p ? field_text_value(out, cap, field_proc_text(ev, p, what)) : 0;
	}
	const struct process *p = field_parent(ev->context->process);

	for (unsigned i = 0; p && i < PROCESS_MAX_ANCESTORS; i++, p = field_parent(p))
		n += field_text_value(out + n, cap - n, field_proc_text(ev, p, what));
	return n;
}

size_t get_proc_ancestor_pids(const struct field_ref *r, struct field_event *ev,
			      struct field_value *out, size_t cap)
{
	size_t n = 0;

	if (r->has_index) {
		const struct process *p = ancestor(ev, r->index);

		return p ? field_int_value(out, cap, p->key.pid) : 0;
	}
	const struct process *p = field_parent(ev->context->process);

	for (unsigned i = 0; p && i < PROCESS_MAX_ANCESTORS; i++, p = field_parent(p))
		n += field_int_value(out + n, cap - n, p->key.pid);
	return n;
}

size_t get_proc_arg_count(const struct field_ref *r, struct field_event *ev,
			  struct field_value *out, size_t cap)
{
	struct span args = raw_args(ev, ev->context->process), rest = after_first(args), arg;
	uint64_t count = 0, bytes = 0;

	if (!args.p)
		return 0;
	while (has_more(args) && span_next(&rest, '\0', &arg)) {
		count++;
		bytes += arg.n;
	}
	return field_uint_value(out, cap, r->def->param == PROC_ARG_COUNT ? count : bytes);
}

/* "NAME=value NAME1=value1", or the value of one. Only an exec tells its environment. */
size_t get_proc_env(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		    size_t cap)
{
	struct span env = ev->view->strings[TAG_ENV], entry;
	size_t n = strlen(r->arg);
	bool first = true;

	if (!env.p || ev->view->head->type != EVENT_EXEC)
		return 0;
	if (env.n > 0 && env.p[env.n - 1] == '\0')
		env.n--;
	if (r->has_arg) {
		while (span_next(&env, '\0', &entry))
			if (entry.n > n && entry.p[n] == '=' && memcmp(entry.p, r->arg, n) == 0)
				return field_text_value(
					out, cap,
					(struct span){ entry.p + n + 1, entry.n - n - 1 });
		return 0;
	}
	struct field_text t = field_text_begin(ev);

	while (env.n > 0 && span_next(&env, '\0', &entry)) {
		if (!first)
			field_text_add_char(&t, ' ');
		first = false;
		field_text_add(&t, entry);
	}
	return field_text_value(out, cap, field_text_end(&t));
}

/* Where it was at its exec; where a relative name of the event starts from, that is where it is. */
static struct span where(const struct field_event *ev)
{
	const struct event_view *v = ev->view;
	const struct process *p = ev->context->process;
	struct span base = v->strings[TAG_BASE];
	enum event_shape shape = event_type_shape((enum event_type)v->head->type);

	if (base.p && ((shape == SHAPE_OPEN && v->open->dirfd == AT_FDCWD) ||
		       (shape == SHAPE_PATH && v->path->dirfd == AT_FDCWD)))
		return base;
	if (p && p->text && p->text->cwd.n > 0)
		return p->text->cwd;
	return tells_itself(ev, p) ? v->strings[TAG_CWD] : NONE;
}

struct span field_cwd(struct field_event *ev)
{
	struct span cwd = where(ev);

	if (cwd.n == 0 || cwd.p[cwd.n - 1] == '/')
		return cwd.n ? cwd : NONE;
	struct field_text t = field_text_begin(ev);

	field_text_add(&t, cwd);
	field_text_add_char(&t, '/');
	return field_text_end(&t);
}

size_t get_proc_cwd(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		    size_t cap)
{
	(void)r;
	return field_text_value(out, cap, field_cwd(ev));
}

/* Its own ancestors are asked for the session's leader; where he is not among them, the eldest of
 * the session is taken for him, as in Falco. */
size_t get_proc_session_text(const struct field_ref *r, struct field_event *ev,
			     struct field_value *out, size_t cap)
{
	const struct process *p = ev->context->process, *leader = p;
	struct field_ids ids;

	if (!p || !field_ids_of(ev, &ids))
		return 0;
	for (unsigned i = 0; p && i < PROCESS_MAX_ANCESTORS; i++) {
		if (leader->key.pid == ids.session)
			break;
		p = field_parent(p);
		if (!p || p->session != ids.session)
			break;
		leader = p;
	}
	return field_text_value(out, cap,
				field_proc_text(ev, leader, (enum proc_text)r->def->param));
}
