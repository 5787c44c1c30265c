// SPDX-License-Identifier: GPL-2.0-or-later
/* The names of files in an event, in two readings: the text with its dots taken out, and what the
 * kernel found. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "collector/resolve.h"
#include "detector/field_internal.h"

struct tags {
	enum event_tag raw, base, path;
};
static const struct tags both[2] = { { TAG_RAW, TAG_BASE, TAG_PATH },
				     { TAG_RAW2, TAG_BASE2, TAG_PATH2 } };

#define BIT(type) EVENT_BIT(EVENT_##type)
/* Types whose first name is a file's: the first of symlink is a text, of mount mostly a device. */
#define FIRST                                                                                      \
	(BIT(OPEN) | BIT(UNLINK) | BIT(RENAME) | BIT(LINK) | BIT(MKDIR) | BIT(RMDIR) |             \
	 BIT(CHMOD) | BIT(CHOWN) | BIT(MKNOD) | BIT(TRUNCATE) | BIT(SETXATTR) | BIT(STAT) |        \
	 BIT(CHROOT) | BIT(PIVOT_ROOT) | BIT(UMOUNT) | BIT(MOVE_MOUNT) | BIT(SETNS) |              \
	 BIT(INIT_MODULE) | BIT(MMAP) | BIT(KEXEC) | BIT(NEW_MOUNT) | BIT(PIDFD_GETFD))
#define SECOND                                                                                     \
	(BIT(RENAME) | BIT(LINK) | BIT(SYMLINK) | BIT(PIVOT_ROOT) | BIT(MOUNT) | BIT(MOVE_MOUNT))

static bool has_path(const struct field_event *ev, unsigned nth)
{
	return EVENT_BIT(ev->view->head->type) & (nth == 0 ? FIRST : SECOND);
}

/* What was passed; p NULL where nothing was, or where it could not be read. */
static struct span passed(const struct field_event *ev, enum event_tag tag)
{
	const struct event_view *v = ev->view;
	struct span s = field_until_nul(v->strings[tag]);

	if (v->string_flags[tag] & STRING_UNREAD)
		s.p = NULL;
	return s;
}

struct span field_path_raw(struct field_event *ev, unsigned nth)
{
	struct span s = passed(ev, both[nth].raw);

	/* of an exec only the name that was asked for, which is no file of the event */
	if (ev->view->head->type == EVENT_EXEC)
		s.p = NULL;
	return s;
}

/* "/a/b": begins with '/', ends without one, nothing empty, no dots. */
static bool is_normal(struct span s)
{
	size_t dots = 0, i = 1; /* dots: of a component that has nothing else so far */
	bool begins = true;

	if (s.n == 0 || s.p[0] != '/')
		return false;
	for (; i < s.n; i++) {
		const char c = s.p[i];

		if (c == '/' && (begins || dots == 1 || dots == 2))
			return false;
		if (c == '/') {
			begins = true;
			dots = 0;
			continue;
		}
		dots = c == '.' && (begins || dots > 0) ? dots + 1 : 0;
		begins = false;
	}
	return s.n == 1 || !(begins || dots == 1 || dots == 2);
}

/* Where a relative name starts from; p NULL: not known. */
static struct span base_of(const struct field_event *ev, unsigned nth)
{
	return ev->view->strings[both[nth].base];
}

static struct span lexical(struct field_event *ev, unsigned nth, struct span raw)
{
	struct span base = base_of(ev, nth);

	if (is_normal(raw))
		return raw;
	struct field_text t = field_text_begin(ev);
	size_t room = t.cap < RESOLVE_MAX_BYTES ? t.cap : RESOLVE_MAX_BYTES;

	if (room < raw.n + base.n + 2)
		ev->scratch_full = true;
	if (room > 0)
		t.n = resolve_lexical(base.p ? base : SPAN_LIT(""), raw, t.p, room);
	return field_text_end(&t);
}

static struct span by_reading(struct field_event *ev, unsigned nth, enum field_reading reading)
{
	struct span path = ev->view->strings[both[nth].path];

	if (!has_path(ev, nth))
		return (struct span){ NULL, 0 };
	struct span raw = passed(ev, both[nth].raw);

	if (path.p && path.n > 0) {
		/* A relative name without its start would have to be guessed: the process may have
		 * gone elsewhere since it began. What the kernel found is then all there is. */
		bool known = raw.p && raw.n > 0 && (raw.p[0] == '/' || base_of(ev, nth).p);

		if (reading == READING_RESOLVED || !known)
			return path;
	} else if (!raw.p) {
		return raw;
	}
	return lexical(ev, nth, raw);
}

struct span field_path(struct field_event *ev, unsigned nth)
{
	struct field_paths *kept = &ev->paths;

	if (!kept->keep)
		return by_reading(ev, nth, ev->reading);
	if (!kept->has[nth])
		kept->path[nth] = by_reading(ev, nth, ev->reading);
	kept->has[nth] = true;
	return kept->path[nth];
}

struct span field_path_argument(struct field_event *ev, unsigned nth)
{
	struct span raw = passed(ev, both[nth].raw);

	if (ev->reading == READING_LEXICAL && raw.p && (raw.n == 0 || raw.p[0] == '/'))
		return raw;
	return field_path(ev, nth);
}

static bool is_same(struct span a, struct span b)
{
	if (!a.p || !b.p)
		return !a.p && !b.p;
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static bool differs(struct field_event *ev, unsigned nth)
{
	size_t used = ev->scratch_used;
	bool full = ev->scratch_full;

	if (!has_path(ev, nth))
		return false;
	struct span a = ev->reading == READING_LEXICAL ? field_path(ev, nth)
						       : by_reading(ev, nth, READING_LEXICAL);
	struct span b = by_reading(ev, nth, READING_RESOLVED);
	struct span raw = passed(ev, both[nth].raw);
	bool same = is_same(a, b);

	/* evt.arg.path keeps the dots of an absolute name */
	if (same && a.p && raw.p && raw.n > 0 && raw.p[0] == '/')
		same = is_same(raw, b);
	ev->scratch_used = used;
	ev->scratch_full = full;
	return !same;
}

bool field_readings_differ(struct field_event *ev)
{
	return differs(ev, 0) || differs(ev, 1);
}

struct span field_directory(struct span path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	if (!slash || slash == path.p)
		return SPAN_LIT("/");
	if (slash == path.p + path.n - 1)
		return path;
	return (struct span){ path.p, (size_t)(slash - path.p) };
}

struct span field_filename(struct span path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	if (!slash)
		return SPAN_LIT("/");
	if (slash == path.p + path.n - 1)
		return path;
	return (struct span){ slash + 1, (size_t)(path.p + path.n - slash - 1) };
}

/* --- fs.path.* ----------------------------------------------------------------------------- */
static struct span fs_name(struct field_event *ev, unsigned nth, bool raw)
{
	return raw ? field_path_raw(ev, nth) : field_path(ev, nth);
}

/* Of what a link says there is only the text; a mount's source may be no file at all. */
static struct span fs_text(struct field_event *ev)
{
	return passed(ev, TAG_RAW);
}

static struct span fs_two(struct field_event *ev, bool target, bool raw)
{
	switch (ev->view->head->type) {
	case EVENT_RENAME:
	case EVENT_MOVE_MOUNT:
		return fs_name(ev, target, raw);
	case EVENT_LINK: /* the new name is where it comes from, as in Falco */
		return fs_name(ev, !target, raw);
	case EVENT_SYMLINK:
		return target ? fs_text(ev) : fs_name(ev, 1, raw);
	case EVENT_MOUNT:
		return target ? fs_name(ev, 1, raw) : fs_text(ev);
	}
	return (struct span){ NULL, 0 };
}

#define ONE_NAME                                                                                   \
	(BIT(OPEN) | BIT(UNLINK) | BIT(MKDIR) | BIT(RMDIR) | BIT(CHMOD) | BIT(CHOWN) |             \
	 BIT(MKNOD) | BIT(TRUNCATE) | BIT(SETXATTR) | BIT(UMOUNT) | BIT(CHROOT))

size_t get_fs_path(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	bool raw = r->def->param & FS_RAW;
	struct span s = { NULL, 0 };

	if (ev->view->head->result < 0)
		return 0;
	switch (r->def->param & ~FS_RAW) {
	case FS_NAME:
		if (EVENT_BIT(ev->view->head->type) & ONE_NAME)
			s = fs_name(ev, 0, raw);
		break;
	case FS_SOURCE:
		s = fs_two(ev, false, raw);
		break;
	case FS_TARGET:
		s = fs_two(ev, true, raw);
		break;
	}
	return field_text_value(out, cap, s);
}

/* evt.abspath, .src, .dst */
size_t get_evt_abspath(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		       size_t cap)
{
	unsigned nth = strcmp(r->arg, "dst") == 0 || ev->view->head->type == EVENT_SYMLINK;

	return field_text_value(out, cap, field_path(ev, nth));
}
