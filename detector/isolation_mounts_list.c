// SPDX-License-Identifier: GPL-2.0-or-later
/* The list: reading it, and what the host calls what a mount shows. */
#include "detector/isolation_mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- a line ---------------------------------------------------------------------------------- */

/* "\040" and the like, in place. */
static struct span unescape(struct span s)
{
	char *to = (char *)(uintptr_t)s.p;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint32_t byte;

		if (s.p[i] == '\\' && s.n - i >= 4 &&
		    parse_octal_u32((struct span){ s.p + i + 1, 3 }, &byte) && byte < 256) {
			to[n++] = (char)byte;
			i += 3;
		} else {
			to[n++] = s.p[i];
		}
	}
	return (struct span){ s.p, n };
}

static bool parse_device(struct span s, uint32_t *out)
{
	struct span piece;
	uint32_t major, minor;

	if (!span_next(&s, ':', &piece) || !parse_u32(piece, &major) ||
	    !span_next(&s, ':', &piece) || !parse_u32(piece, &minor) || s.p)
		return false;
	*out = major << 20 | (minor & 0xfffff);
	return true;
}

/* "ro" or "ro,nosuid". */
static bool is_read_only(struct span options)
{
	struct span one;

	while (span_next(&options, ',', &one))
		if (span_eq(one, "ro"))
			return true;
	return false;
}

static void take_optional(struct mount_entry *m, struct span field)
{
	struct span name;

	if (!span_next(&field, ':', &name))
		return;
	if (span_eq(name, "shared"))
		parse_u32(field, &m->shared);
	else if (span_eq(name, "master"))
		parse_u32(field, &m->master);
}

/* Fields are parted by one blank each: a source may be empty. */
static bool parse_line(struct span line, struct mount_entry *m)
{
	struct span f[6], field, super = { NULL, 0 };

	*m = (struct mount_entry){ .id = 0 };
	for (unsigned i = 0; i < 6; i++)
		if (!span_next(&line, ' ', &f[i]))
			return false;
	if (!parse_u32(f[0], &m->id) || !parse_u32(f[1], &m->parent) ||
	    !parse_device(f[2], &m->device))
		return false;
	for (;;) {
		if (!span_next(&line, ' ', &field))
			return false;
		if (span_eq(field, "-"))
			break;
		take_optional(m, field);
	}
	if (!span_next(&line, ' ', &m->type) || !m->type.n || !span_next(&line, ' ', &m->source))
		return false;
	span_next(&line, ' ', &super);
	m->read_only = is_read_only(f[5]);
	m->all_read_only = is_read_only(super);
	m->root = unescape(f[3]);
	m->point = unescape(f[4]);
	m->type = unescape(m->type);
	m->source = unescape(m->source);
	return m->point.n > 0;
}

static uint32_t lines_of(struct span text)
{
	uint32_t n = 0;

	for (size_t i = 0; i < text.n && n < MOUNTS_MAX; i++)
		n += text.p[i] == '\n';
	return n;
}

int mount_list_parse(struct mount_list *out, struct span text, struct err *e)
{
	struct mount_list l = { .n = 0 };
	const uint32_t room = lines_of(text);
	struct span rest, line;

	l.text = malloc(text.n + 1);
	l.list = calloc((size_t)room + 1, sizeof(l.list[0]));
	if (!l.text || !l.list) {
		mount_list_release(&l);
		return err_set(e, ENOMEM, "no memory for a list of mounts");
	}
	if (text.n)
		memcpy(l.text, text.p, text.n);
	while (text.n && l.text[text.n - 1] != '\n')
		text.n--; /* cut */
	rest = (struct span){ l.text, text.n };
	while (text.n && span_next(&rest, '\n', &line)) {
		if (!line.n)
			continue;
		if (l.n == room || !parse_line(line, &l.list[l.n]))
			l.refused++;
		else
			l.n++;
	}
	*out = l;
	return 0;
}

void mount_list_release(struct mount_list *l)
{
	free(l->text);
	free(l->list);
	*l = (struct mount_list){ .n = 0 };
}

/* --- paths and places ------------------------------------------------------------------------ */

bool mount_path_below(struct span path, struct span directory)
{
	if (directory.n == 1 && directory.p[0] == '/')
		return path.n > 0 && path.p[0] == '/';
	return path.n >= directory.n && directory.n &&
	       memcmp(path.p, directory.p, directory.n) == 0 &&
	       (path.n == directory.n || path.p[directory.n] == '/');
}

static size_t join(char *out, size_t cap, struct span a, struct span b)
{
	size_t n = 0;

	if (a.n == 1 && b.n)
		a.n = 0; /* "/" and "/etc" */
	if (a.n + b.n + 1 > cap)
		return 0;
	if (a.n)
		memcpy(out, a.p, a.n);
	n = a.n;
	if (b.n)
		memcpy(out + n, b.p, b.n);
	out[n + b.n] = '\0';
	return n + b.n;
}

size_t mount_host_path(const struct mount_list *host, const struct mount_entry *m, char *out,
		       size_t cap)
{
	const struct mount_entry *best = NULL;

	for (uint32_t i = 0; i < host->n; i++) {
		const struct mount_entry *h = &host->list[i];

		/* the widest view of it: what a runtime mounts of it again is narrower */
		if (h->device == m->device && mount_path_below(m->root, h->root) &&
		    (!best || h->root.n < best->root.n))
			best = h;
	}
	if (!best)
		return 0;
	const size_t skip = best->root.n == 1 ? 0 : best->root.n;
	struct span rest = { m->root.p + skip, m->root.n - skip };

	if (rest.n == 1 && rest.p[0] == '/')
		rest.n = 0;
	return join(out, cap, best->point, rest);
}

bool mount_is_sensitive(const struct mount_list *host, const struct mount_entry *m)
{
	static const char *const paths[] = {
		"/",
		"/etc",
		"/root",
		"/boot",
		"/usr",
		"/bin",
		"/lib",
		"/sbin",
		"/var",
		"/home",
		"/proc",
		"/dev",
		"/run",
		"/var/run",
		"/var/lib",
		"/sys",
		"/var/log",
		"/var/lib/docker",
		"/var/lib/kubelet",
		"/var/lib/containerd",
	};
	char path[4096];
	const size_t n = mount_host_path(host, m, path, sizeof(path));

	for (size_t i = 0; n && i < sizeof(paths) / sizeof(paths[0]); i++)
		if (span_eq((struct span){ path, n }, paths[i]))
			return true;
	return false;
}
