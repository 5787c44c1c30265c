// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs: what was executed by whom, the scripts that they run, as which user, with which rights.
 */
#include "detector/behaviour_internal.h"

#include <string.h>

#include "collector/event_names.h"
#include "collector/resolve.h"
#include "detector/byte_map.h"
#include "detector/interpreter.h"

#define MAX_ARGUMENTS 64 /* of an interpreter that are looked at */

/* --- names in keys -----------------------------------------------------------------------------
 */

/* Adds s to room (cap bytes): '<' never stands alone, so that " < " cuts a key once; `plain` ones
 * get the escapes that path_tree_normalise() has made in the others. */
static size_t put_escaped(char *room, size_t cap, struct span s, bool plain)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n + 4 < cap; i++) {
		if (s.p[i] == '<') {
			memcpy(room + n, "\\x3c", 4);
			n += 4;
			continue;
		}
		if (plain && (s.p[i] == '*' || s.p[i] == '\\'))
			room[n++] = '\\';
		room[n++] = s.p[i] ? s.p[i] : '?';
	}
	return n;
}

/* Part of a key, at the end of the scratch memory but not kept: *n bytes of it are used then. */
static bool put_part(struct behaviour_reader *r, size_t *n, struct span s, bool normalise)
{
	size_t cap, len;
	char *room = behaviour_room(r, &cap);

	if (cap < *n + BEHAVIOUR_MAX_PART + 64) {
		r->stats.no_room++;
		return false;
	}
	if (normalise) {
		buf_clear(&r->normal);
		path_tree_normalise(s, &r->normal);
		normalise = !r->normal.failed && r->normal.len > 0;
	}
	const struct span from = normalise ? (struct span){ r->normal.data, r->normal.len } : s;

	len = put_escaped(room + *n, BEHAVIOUR_MAX_PART, from, !normalise);
	if (len + 4 >= BEHAVIOUR_MAX_PART) {
		len = BEHAVIOUR_MAX_PART - 64;
		len += (size_t)snprintf(room + *n + len, 64, "~%016llx",
					(unsigned long long)byte_hash(from, 0));
		r->stats.shortened++;
	}
	*n += len;
	return true;
}

static void put_literal(struct behaviour_reader *r, size_t *n, const char *s)
{
	size_t cap;
	char *room = behaviour_room(r, &cap);

	if (cap > *n + strlen(s)) {
		memcpy(room + *n, s, strlen(s));
		*n += strlen(s);
	}
}

struct program {
	struct span path; /* empty: not known */
	const struct event_file *file;
};

static bool is_dropped(const struct event_file *f)
{
	return f->flags & (FILE_UPPER | FILE_MEMORY | FILE_DELETED);
}

static bool begins(struct span s, const char *prefix)
{
	return s.n >= strlen(prefix) && memcmp(s.p, prefix, strlen(prefix)) == 0;
}

static bool is_in_passing_place(struct span path)
{
	return begins(path, "/tmp/") || begins(path, "/var/tmp/") || begins(path, "/dev/shm/") ||
	       begins(path, "/run/") || begins(path, "/var/run/");
}

/* The image's own files are the same in the next container, whatever numbers they have in their
 * names; and enforcement must find them by these. */
static bool has_passing_name(const struct program *p)
{
	return !(p->file->flags & FILE_KNOWN) || is_dropped(p->file) ||
	       (p->file->flags & FILE_FOREIGN) || is_in_passing_place(p->path);
}

/* The kernel calls it "/memfd:NAME", or "/dev/zero" and the like without a place. */
static struct span program_name(const struct program *p)
{
	struct span path = p->path;

	if ((p->file->flags & FILE_MEMORY) && begins(path, "/memfd:"))
		return (struct span){ path.p + 1, path.n - 1 };
	return path;
}

static bool put_program(struct behaviour_reader *r, size_t *n, const struct program *p)
{
	return put_part(r, n, program_name(p), has_passing_name(p));
}

static uint32_t flags_of(const struct event_file *f)
{
	return (is_dropped(f) ? BEHAVIOUR_DROPPED : 0U) |
	       (f->flags & FILE_FOREIGN ? BEHAVIOUR_FOREIGN : 0U);
}

/* `outside`: the kernel saw that the parent is of another container, or of none. */
static void add_exec(struct behaviour_list *l, const struct program *exe, const struct process *p,
		     bool outside)
{
	const struct process *parent = p ? p->parent : NULL;
	struct program by = { .path = { NULL, 0 } };
	size_t n = 0;

	if (!put_program(l->r, &n, exe))
		return;
	put_literal(l->r, &n, " < ");
	if (outside || (p && (!p->container_cgroup ||
			      (parent && parent->container_cgroup != p->container_cgroup)))) {
		put_literal(l->r, &n, "-");
	} else {
		if (parent) {
			by.path = process_exe(parent);
			by.file = &parent->exe_file;
		}
		if (by.path.n == 0)
			put_literal(l->r, &n, "?");
		else if (!put_program(l->r, &n, &by))
			return;
	}
	behaviour_add(l, BASELINE_EXEC, behaviour_keep(l->r, n), program_name(exe),
		      flags_of(exe->file));
}

/* --- scripts -----------------------------------------------------------------------------------
 */

struct running { /* what is known of a program that runs */
	struct program exe;
	struct span args, cwd, filename;
	uint32_t exec_flags;
};

static bool is_of_image_by_place(struct span path)
{
	static const char *const places[] = { "/usr/",	 "/bin/", "/sbin/", "/lib/",
					      "/lib64/", "/opt/", "/etc/" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (begins(path, places[i]))
			return true;
	return false;
}

/* `prefix` stands for what is no file: "-c", "-m ". */
static void add_script(struct behaviour_list *l, const struct running *run, const char *prefix,
		       struct span what, bool is_file)
{
	struct span path = what;
	size_t n = 0, cap;

	if (is_file && what.n) {
		char *room = behaviour_room(l->r, &cap);

		if (cap > PATH_TREE_MAX_PATH)
			cap = PATH_TREE_MAX_PATH;
		path = behaviour_keep(l->r, resolve_lexical(run->cwd.p ? run->cwd : SPAN_LIT(""),
							    what, room, cap));
	}
	put_literal(l->r, &n, prefix);
	if (path.n && !put_part(l->r, &n, path, is_file && !is_of_image_by_place(path)))
		return;
	put_literal(l->r, &n, " < ");
	if (put_program(l->r, &n, &run->exe))
		behaviour_add(l, BASELINE_SCRIPT, behaviour_keep(l->r, n),
			      path.n ? path : SPAN_LIT("-c"), 0);
}

static size_t cut_arguments(struct span args, struct span out[MAX_ARGUMENTS])
{
	struct span one;
	size_t n = 0;

	while (n < MAX_ARGUMENTS && args.n && span_next(&args, '\0', &one))
		out[n++] = one;
	return n;
}

/* What an interpreter was told to run. One file has many programs in it (busybox): then the name by
 * which it was called says which. */
static void add_argument_script(struct behaviour_list *l, const struct running *run)
{
	struct span args[MAX_ARGUMENTS], program = interpreter_base(run->exe.path);
	size_t n = cut_arguments(run->args, args), from = 1;
	struct interpreted what;

	if (n == 0)
		return;
	if (interpreter_is_one_of(program, "busybox toybox")) {
		program = interpreter_base(args[0]);
		if (n > 1 && interpreter_is_one_of(program, "busybox toybox"))
			program = args[from++];
		if (program.n && program.p[0] == '-') /* a login shell */
			program = (struct span){ program.p + 1, program.n - 1 };
	}
	if (!interpreter_run(program, args + from, n - from, &what, NULL))
		return;
	if (what.kind != INTERPRETED_INLINE && what.what.n == 0)
		return;
	switch (what.kind) {
	case INTERPRETED_NOTHING:
		break;
	case INTERPRETED_INLINE:
		add_script(l, run, "-c", (struct span){ NULL, 0 }, false);
		break;
	case INTERPRETED_MODULE:
		add_script(l, run, "-m ", what.what, false);
		break;
	case INTERPRETED_FILE:
		add_script(l, run, "", what.what, true);
		break;
	}
}

static void add_scripts(struct behaviour_list *l, const struct running *run)
{
	if ((run->exec_flags & EXEC_SCRIPT) && run->filename.n)
		add_script(l, run, "", run->filename, true);
	else
		add_argument_script(l, run);
}

/* --- rights ------------------------------------------------------------------------------------
 */

void behaviour_add_user(struct behaviour_list *l, uint32_t euid)
{
	behaviour_add_key(l, BASELINE_USER, behaviour_printf(l->r, "%u", euid), 0);
}

/* In another user namespace than the process that its line in the container began with. */
static bool is_in_namespace_of_its_own(const struct process *p)
{
	const struct process *top = p;

	for (unsigned i = 0; top && i < PROCESS_MAX_ANCESTORS && top->parent &&
			     top->parent->container_cgroup == p->container_cgroup;
	     i++)
		top = top->parent;
	return top && top->ns.user && p->ns.user && top->ns.user != p->ns.user;
}

void behaviour_add_capabilities(struct behaviour_list *l, const struct process *p,
				uint64_t effective)
{
	if (!effective || (p && is_in_namespace_of_its_own(p)))
		return;
	for (uint64_t left = effective; left; left &= left - 1) {
		const unsigned bit = (unsigned)__builtin_ctzll(left);
		struct span name = bit < EVENT_CAPABILITY_NAMES
					   ? span_str(event_capability_names[bit])
					   : behaviour_printf(l->r, "CAP_#%u", bit);

		behaviour_add_key(l, BASELINE_CAPABILITY, name, 0);
	}
}

/* --- events ------------------------------------------------------------------------------------
 */

/* A refused one: the program that asked still runs, of the other there is a name at most. */
static void of_refused(struct behaviour_list *l, const struct event_view *v,
		       const struct event_context *c)
{
	struct span path = v->strings[TAG_PATH], raw = v->strings[TAG_RAW];
	size_t cap;

	if (path.n == 0 && raw.n && !(v->string_flags[TAG_RAW] & STRING_UNREAD)) {
		struct span base = v->strings[TAG_BASE];
		char *room = behaviour_room(l->r, &cap);

		raw.n = strnlen(raw.p, raw.n);
		path = behaviour_keep(l->r, resolve_lexical(base.p ? base : SPAN_LIT(""), raw, room,
							    PATH_TREE_MAX_PATH));
	}
	const struct program exe = { path, &v->exec->file };

	if (path.n)
		add_exec(l, &exe, c->process, v->head->flags & EVENT_OUTSIDE);
	else
		l->r->stats.unresolved++;
}

void behaviour_of_exec(struct behaviour_list *l, const struct event_view *v,
		       const struct event_context *c)
{
	const struct event_exec *x = v->exec;
	const struct running run = { { v->strings[TAG_PATH], &x->file },
				     v->strings[TAG_ARGS],
				     v->strings[TAG_CWD],
				     v->strings[TAG_FILENAME],
				     x->flags };

	if (v->head->result < 0) {
		of_refused(l, v, c);
		return;
	}
	if (run.exe.path.n) {
		add_exec(l, &run.exe, c->process, v->head->flags & EVENT_OUTSIDE);
		add_scripts(l, &run);
	} else {
		l->r->stats.unresolved++;
	}
	behaviour_add_user(l, v->head->euid);
	behaviour_add_capabilities(l, c->process, x->caps.effective);
}

void behaviour_of_seeded(struct behaviour_list *l, const struct process *p)
{
	const struct process_text *t = p->text;
	const bool forked = p->exec_owner.pid && p->exec_owner.pid != p->key.pid;

	if (t && t->exe.n && !forked) {
		const struct running run = {
			{ t->exe, &p->exe_file }, t->args, t->cwd, t->filename, t->exec_flags
		};

		add_exec(l, &run.exe, p, false);
		add_scripts(l, &run);
	}
	behaviour_add_user(l, p->euid);
	behaviour_add_capabilities(l, p, p->caps.effective);
}
