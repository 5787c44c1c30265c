// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "collector/resolve_internal.h"

#define MAX_SELF 64 /* "/proc/self/root" before one another */

void resolve_text_set(struct resolve_text *t, struct span s)
{
	t->n = s.n < sizeof(t->p) ? s.n : sizeof(t->p);
	if (t->n)
		memmove(t->p, s.p, t->n);
}

void resolve_text_add(struct resolve_text *t, struct span s)
{
	size_t room;

	while (t->n && t->p[t->n - 1] == '/')
		t->n--;
	while (s.n && s.p[0] == '/')
		s = (struct span){ s.p + 1, s.n - 1 };
	if (t->n < sizeof(t->p))
		t->p[t->n++] = '/';
	room = sizeof(t->p) - t->n;
	s.n = s.n < room ? s.n : room;
	if (s.n)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

bool resolve_below(struct span path, struct span root, struct span *rest)
{
	while (root.n && root.p[root.n - 1] == '/')
		root.n--;
	if (path.n < root.n || (root.n && memcmp(path.p, root.p, root.n) != 0) ||
	    (path.n > root.n && path.p[root.n] != '/'))
		return false;
	*rest = (struct span){ path.p + root.n, path.n - root.n };
	return true;
}

static bool is_dots(struct span s)
{
	return span_eq(s, ".") || span_eq(s, "..");
}

bool resolve_split(struct span path, struct span *dir, struct span *last)
{
	size_t end = path.n, start;

	while (end && path.p[end - 1] == '/')
		end--;
	for (start = end; start && path.p[start - 1] != '/';)
		start--;
	*last = (struct span){ path.p + start, end - start };
	if (last->n == 0 || is_dots(*last))
		return false;
	while (start > 1 && path.p[start - 1] == '/')
		start--; /* "/a": the directory is "/" */
	*dir = (struct span){ path.p, start };
	return true;
}

/* The next component that says something: neither empty nor ".". */
static bool next_name(struct span *rest, struct span *name)
{
	while (span_next(rest, '/', name)) {
		if (name->n && !span_eq(*name, "."))
			return true;
	}
	return false;
}

static bool is_number(struct span s, uint32_t want)
{
	uint32_t v;

	return parse_u32(s, &v) && v == want;
}

/* One "/proc/self/..." at the front; false when there is none. */
static bool replace_self(struct resolve_text *path, uint32_t ns_pid, struct span cwd)
{
	struct span rest = resolve_span(path), name, after;
	struct resolve_text t = { .n = 0 };
	char number[24];

	if (!path->n || path->p[0] != '/' || !next_name(&rest, &name) || !span_eq(name, "proc") ||
	    !next_name(&rest, &name))
		return false;
	bool self = span_eq(name, "self"), thread = span_eq(name, "thread-self");

	if (!self && !thread && !(ns_pid && is_number(name, ns_pid)))
		return false;
	after = rest;
	if (next_name(&after, &name) && span_eq(name, "root")) {
		resolve_text_add(&t, after);
	} else if (name.n && span_eq(name, "cwd") && cwd.n) {
		resolve_text_set(&t, cwd);
		resolve_text_add(&t, after);
	} else if (self && ns_pid) {
		int n = snprintf(number, sizeof(number), "/proc/%u", ns_pid);

		resolve_text_set(&t, (struct span){ number, (size_t)n });
		resolve_text_add(&t, rest);
	} else {
		return false;
	}
	resolve_text_set(path, resolve_span(&t));
	return true;
}

bool resolve_self(struct resolve_text *path, uint32_t ns_pid, struct span cwd)
{
	int n = 0;

	while (n < MAX_SELF && replace_self(path, ns_pid, cwd))
		n++;
	return n > 0;
}

/* --- lexical -----------------------------------------------------------------------------------
 */

struct lexical {
	char *out;
	size_t n, cap;
	size_t floor; /* ".." goes no further up than this */
	bool absolute;
};

static void push(struct lexical *l, struct span name)
{
	bool slash = l->n > 0 && l->out[l->n - 1] != '/';

	if (l->n + slash + name.n > l->cap)
		name.n = l->cap > l->n + slash ? l->cap - l->n - slash : 0;
	if (name.n == 0)
		return;
	if (slash)
		l->out[l->n++] = '/';
	memcpy(l->out + l->n, name.p, name.n);
	l->n += name.n;
}

static void pop(struct lexical *l)
{
	if (l->n > l->floor) {
		while (l->n > l->floor && l->out[l->n - 1] != '/')
			l->n--;
		if (l->n > l->floor)
			l->n--; /* the slash */
	} else if (!l->absolute) {
		push(l, SPAN_LIT(".."));
		l->floor = l->n;
	}
}

static void push_all(struct lexical *l, struct span path)
{
	struct span name;

	while (next_name(&path, &name)) {
		if (span_eq(name, ".."))
			pop(l);
		else
			push(l, name);
	}
}

size_t resolve_lexical(struct span base, struct span raw, char *out, size_t cap)
{
	bool from_root = raw.n && raw.p[0] == '/';
	struct lexical l = { .out = out, .cap = cap, .absolute = from_root || base.n > 0 };

	if (cap == 0)
		return 0;
	if (l.absolute)
		out[l.n++] = '/';
	l.floor = l.n;
	if (!from_root)
		push_all(&l, base);
	push_all(&l, raw);
	if (l.n == 0)
		push(&l, SPAN_LIT("."));
	return l.n;
}
