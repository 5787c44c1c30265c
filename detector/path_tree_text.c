// SPDX-License-Identifier: GPL-2.0-or-later
/* Paths and patterns to segments, and back. */
#include <string.h>

#include "detector/path_tree_internal.h"

static const struct path_label deep_label = { .p = "", .n = 1, .wild = true, .deep = true };

/* One segment more; false when the last place was taken, by "**" for all that is left. */
static bool put(struct path_cut *cut, struct path_label label)
{
	if (cut->n < PATH_TREE_MAX_DEPTH) {
		cut->at[cut->n++] = label;
		return true;
	}
	cut->at[cut->n - 1] = deep_label;
	return false;
}

bool path_cut_raw(struct path_cut *cut, struct span path)
{
	const char *p = path.p, *end = path.p + path.n;

	cut->n = 0;
	if (path.n == 0 || path.n > PATH_TREE_MAX_PATH || memchr(path.p, '\0', path.n))
		return false;
	for (;;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		const char *stop = slash ? slash : end;

		if (!put(cut, (struct path_label){ .p = p, .n = (uint32_t)(stop - p) }) || !slash)
			return true;
		p = slash + 1;
	}
}

void path_cut_normal(struct path_cut *cut, const struct path_cut *raw)
{
	/* cppcheck-suppress ctuuninitvar ; where the array is, not what is in it */
	char *out = cut->bytes;

	cut->n = 0;
	for (unsigned i = 0; i < raw->n; i++) {
		struct path_label l = raw->at[i];

		if (!l.deep) {
			l.n = (uint32_t)path_segment_normal((struct span){ l.p, l.n }, out);
			l.p = out;
			l.wild = memchr(out, '\0', l.n);
			out += l.n;
		}
		cut->at[cut->n++] = l;
	}
}

/* One segment of a pattern to label bytes at out. False: none. "**" is told by *deep. */
static bool parse_segment(struct span s, char *out, struct path_label *label)
{
	size_t n = 0;

	*label = (struct path_label){ .p = out };
	if (span_eq(s, "**")) {
		*label = deep_label;
		return true;
	}
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\') {
			if (++i == s.n || (s.p[i] != '*' && s.p[i] != '\\'))
				return false;
			c = s.p[i];
		} else if (c == '*') {
			if (n > 0 && out[n - 1] == '\0')
				return false;
			c = '\0';
			label->wild = true;
		}
		out[n++] = c;
	}
	label->n = (uint32_t)n;
	return true;
}

bool path_cut_pattern(struct path_cut *cut, struct span pattern)
{
	struct span rest = pattern, s;
	size_t used = 0;

	cut->n = 0;
	if (pattern.n == 0 || pattern.n > 2 * sizeof(cut->bytes) ||
	    memchr(pattern.p, '\0', pattern.n))
		return false;
	while (span_next(&rest, '/', &s)) {
		char out[2 * sizeof(cut->bytes)];
		struct path_label l;

		if (!parse_segment(s, out, &l) || (l.deep && rest.p) ||
		    used + l.n + 1 > sizeof(cut->bytes) + 1)
			return false;
		if (!l.deep) {
			memcpy(cut->bytes + used, out, l.n);
			l.p = cut->bytes + used;
		}
		used += l.n + 1;
		if (!put(cut, l))
			return true;
	}
	return true;
}

void path_label_text(struct buf *b, struct path_label label)
{
	if (label.deep) {
		buf_add_str(b, "**");
		return;
	}
	for (uint32_t i = 0; i < label.n; i++) {
		const char c = label.p[i];

		if (c == '*' || c == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, c ? c : '*');
	}
}

void path_tree_segment(struct span segment, struct buf *out)
{
	char bytes[PATH_TREE_MAX_PATH];

	if (segment.n > sizeof(bytes))
		segment.n = sizeof(bytes);
	path_label_text(out,
			(struct path_label){ .p = bytes,
					     .n = (uint32_t)path_segment_normal(segment, bytes) });
}

void path_tree_normalise(struct span path, struct buf *out)
{
	struct path_cut raw, normal;

	if (!path_cut_raw(&raw, path))
		return;
	path_cut_normal(&normal, &raw);
	for (unsigned i = 0; i < normal.n; i++) {
		if (i > 0)
			buf_add_char(out, '/');
		path_label_text(out, normal.at[i]);
	}
}
