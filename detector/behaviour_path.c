// SPDX-License-Identifier: GPL-2.0-or-later
/* Files: what is changed, and which secrets are read. */
#include "detector/behaviour_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/resolve.h"

struct tags {
	enum event_tag path, raw, base;
};
static const struct tags first_name = { TAG_PATH, TAG_RAW, TAG_BASE };
static const struct tags second_name = { TAG_PATH2, TAG_RAW2, TAG_BASE2 };

/* The name as it was passed, whole; p NULL: it is not known. */
static struct span passed(const struct event_view *v, enum event_tag tag)
{
	struct span s = v->strings[tag];

	if (!s.p || (v->string_flags[tag] & (STRING_UNREAD | STRING_CUT)))
		return (struct span){ NULL, 0 };
	s.n = strnlen(s.p, s.n);
	return s;
}

/* Without dots, from what was passed; p NULL: a relative name of which the start is not known. */
static struct span lexical(struct behaviour_reader *r, const struct event_view *v,
			   const struct tags *t)
{
	struct span raw = passed(v, t->raw), base = v->strings[t->base];
	size_t cap;
	char *room = behaviour_room(r, &cap);
	const bool relative = !raw.n || raw.p[0] != '/';

	if (!raw.p ||
	    (relative && (!base.n || base.p[0] != '/' || (v->string_flags[t->base] & STRING_CUT))))
		return (struct span){ NULL, 0 };
	if (cap > PATH_TREE_MAX_PATH)
		cap = PATH_TREE_MAX_PATH;
	return behaviour_keep(r, resolve_lexical(base.p ? base : SPAN_LIT(""), raw, room, cap));
}

/* As the container sees it; p NULL and counted: nobody knows which file this was. */
static struct span path_of(struct behaviour_reader *r, const struct event_view *v,
			   const struct tags *t)
{
	struct span s = v->strings[t->path];

	if (!s.p || s.n == 0)
		s = lexical(r, v, t);
	else if (v->string_flags[t->path] & STRING_CUT)
		s.p = NULL;
	if (s.p && s.n && s.p[0] == '/')
		return s;
	r->stats.unresolved++;
	return (struct span){ NULL, 0 };
}

/* --- what is written without being a change ------------------------------------------------------
 */

static bool begins(struct span s, const char *prefix, size_t n)
{
	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}
#define BEGINS(s, literal) begins(s, literal, sizeof(literal) - 1)

/* Devices that keep nothing: memory (1), terminals (5, 136 to 143). */
static bool is_idle_device(uint32_t rdev)
{
	const uint32_t major = rdev >> 20, minor = rdev & 0xfffff;

	if (major == 1)
		return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9;
	if (major == 5)
		return minor <= 2;
	return major >= 136 && major <= 143;
}

/* The same by name, where the object is not known. */
static bool is_idle_name(struct span path)
{
	static const char *const names[] = { "null", "zero",  "full",	"random", "urandom", "tty",
					     "ptmx", "stdin", "stdout", "stderr", "console" };

	if (!BEGINS(path, "/dev/"))
		return false;
	path = (struct span){ path.p + 5, path.n - 5 };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq(path, names[i]))
			return true;
	return BEGINS(path, "pts/") || BEGINS(path, "fd/");
}

static bool is_idle(struct span path, const struct event_file *f)
{
	if (!(f->flags & FILE_KNOWN))
		return is_idle_name(path);
	if (f->flags & FILE_MEMORY)
		return true;
	switch (f->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFBLK:
		return false;
	case S_IFCHR:
		return is_idle_device(f->rdev);
	}
	return true; /* pipes, sockets, and what has no place in a tree */
}

bool behaviour_is_own_proc(struct span path, uint32_t pid, uint32_t tid, struct span *rest)
{
	struct span name;
	uint32_t number;

	if (!BEGINS(path, "/proc/"))
		return false;
	path = (struct span){ path.p + 6, path.n - 6 };
	if (!span_next(&path, '/', &name) || !path.p)
		return false;
	*rest = path;
	return span_eq(name, "self") || span_eq(name, "thread-self") ||
	       (parse_u32(name, &number) && number != 0 && (number == pid || number == tid));
}

static void add_write(struct behaviour_list *l, const struct event_view *v, const struct tags *t,
		      const struct event_file *f)
{
	struct span path = path_of(l->r, v, t), rest;

	if (!path.p || is_idle(path, f) ||
	    behaviour_is_own_proc(path, v->head->ns_pid, v->head->ns_tid, &rest))
		return;
	behaviour_add_key(l, BASELINE_WRITE, path, f->flags & FILE_FOREIGN ? BEHAVIOUR_FOREIGN : 0);
}

/* A file without a name (O_TMPFILE) is called by its inode: "/tmp/#1234". */
static bool add_nameless(struct behaviour_list *l, const struct event_view *v)
{
	const struct event_open *o = v->open;
	struct span path = v->strings[TAG_PATH];
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	if ((o->flags & O_TMPFILE) != O_TMPFILE || !slash ||
	    (v->string_flags[TAG_PATH] & STRING_CUT))
		return false;
	behaviour_add_key(l, BASELINE_WRITE,
			  behaviour_printf(l->r, "%.*s/#", (int)(slash - path.p), path.p),
			  o->file.flags & FILE_FOREIGN ? BEHAVIOUR_FOREIGN : 0);
	return true;
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* "/proc/7/root/etc/passwd" is known to the kernel as the file that it leads to. */
static bool add_by_way_of_proc(struct behaviour_list *l, const struct event_view *v)
{
	if (!BEGINS(v->strings[TAG_RAW], "/proc/"))
		return false;
	struct span way = lexical(l->r, v, &first_name);

	if (!way.p || !behaviour_is_secret(l->r, way, v->head->ns_pid, v->head->ns_tid))
		return false;
	behaviour_add_key(l, BASELINE_READ, way,
			  v->open->file.flags & FILE_FOREIGN ? BEHAVIOUR_FOREIGN : 0);
	return true;
}

static void add_read(struct behaviour_list *l, const struct event_view *v)
{
	const struct event_open *o = v->open;
	struct span path = v->strings[TAG_PATH];

	if (add_by_way_of_proc(l, v))
		return;
	if (!path.p || path.n == 0)
		path = lexical(l->r, v, &first_name);
	/* of a cut path the end is there, and the name is what tells */
	if (!path.p || !behaviour_is_secret(l->r, path, v->head->ns_pid, v->head->ns_tid))
		return;
	if (S_ISDIR(o->file.mode) && !BEGINS(path, "/proc/"))
		return;
	behaviour_add_key(l, BASELINE_READ, path,
			  o->file.flags & FILE_FOREIGN ? BEHAVIOUR_FOREIGN : 0);
}

void behaviour_of_open(struct behaviour_list *l, const struct event_view *v)
{
	const struct event_open *o = v->open;

	if ((o->access & (ACCESS_WRITE | ACCESS_CREATE | ACCESS_TRUNCATE)) && !add_nameless(l, v))
		add_write(l, v, &first_name, &o->file);
	if (o->access & ACCESS_READ)
		add_read(l, v);
}

void behaviour_of_path(struct behaviour_list *l, const struct event_view *v)
{
	static const struct event_file unknown;
	const uint16_t type = v->head->type;
	const struct event_path *p = v->path;
	const bool two = type == EVENT_RENAME || type == EVENT_LINK || type == EVENT_SYMLINK;

	/* a hard link's first name stays as it is; a symbolic link's is a text */
	if (type != EVENT_LINK && type != EVENT_SYMLINK)
		add_write(l, v, &first_name, two ? &unknown : &p->file);
	if (two)
		add_write(l, v, &second_name, &unknown);
}
