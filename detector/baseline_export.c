// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/baseline_export.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "detector/baseline_export_internal.h"

const char *const baseline_format_names[] = {
#define X(id, name) name,
	BASELINE_FORMATS(X)
#undef X
		NULL
};

bool baseline_format_parse(struct span name, enum baseline_format *out)
{
	for (unsigned i = 0; i < BASELINE_FORMAT_COUNT; i++)
		if (span_eq(name, baseline_format_names[i])) {
			*out = (enum baseline_format)i;
			return true;
		}
	return false;
}

/* --- notes --------------------------------------------------------------------------------- */

void export_note(struct export *x, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	const size_t before = x->notes.len;

	export_put_ascii(&x->notes, span_str(text));
	buf_add_char(&x->notes, '\n');
	if (x->notes.failed) /* whole lines only; all later ones are dropped, too */
		x->notes.len = before;
}

uint64_t export_windows(const struct baseline *b, enum baseline_class c)
{
	uint64_t sum = 0;

	for (unsigned p = 0; p < PHASE_COUNT; p++)
		sum += b->sets[c].windows[p];
	return sum;
}

struct counts {
	uint32_t imported;
};

static bool count_imported(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct counts *c = ctx;

	(void)pattern;
	if ((entry->seen.flags & (SEEN_IMPORTED | SEEN_ACCEPTED | SEEN_REJECTED)) == SEEN_IMPORTED)
		c->imported++;
	return true;
}

#define PHASES_BYTES 128

/* "start-up (10 windows), ..." of what is not complete; "" when all is. */
static void phases_missing(const struct baseline_set *s, char text[PHASES_BYTES])
{
	static const enum seen_phase own[] = { PHASE_STARTUP, PHASE_STEADY, PHASE_SHUTDOWN };
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && at < PHASES_BYTES; i++)
		if (!s->complete_ns[own[i]])
			at += (size_t)snprintf(text + at, PHASES_BYTES - at, "%s%s (%llu windows)",
					       at ? ", " : "", seen_phase_names[own[i]],
					       (unsigned long long)s->windows[own[i]]);
}

/* Classes that lack the same are one line. */
static void note_phases(struct export *x, uint32_t classes)
{
	char missing[BASELINE_CLASS_COUNT][PHASES_BYTES], names[256];

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		phases_missing(&x->b->sets[c], missing[c]);
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		size_t at = 0;

		if (!(classes & (1U << c)) || !missing[c][0])
			continue;
		for (unsigned k = c; k < BASELINE_CLASS_COUNT && at < sizeof(names); k++)
			if ((classes & (1U << k)) && strcmp(missing[c], missing[k]) == 0) {
				classes &= ~(1U << k);
				at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s",
						       at ? ", " : "", baseline_class_names[k]);
			}
		export_note(x, "warning: not learned completely: %s: %s", names, missing[c]);
	}
}

static void note_class(struct export *x, enum baseline_class c)
{
	const struct baseline_set *s = &x->b->sets[c];
	const char *name = baseline_class_names[c];
	struct counts counts = { 0 };

	if (s->refused)
		export_note(x, "warning: '%s' lacks %llu entries that found no room", name,
			    (unsigned long long)s->refused);
	path_tree_each(s->tree, count_imported, &counts);
	if (counts.imported)
		export_note(x, "note: '%s' has %u entries that came by a file or from the fleet",
			    name, counts.imported);
	if (s->rejected)
		export_note(x,
			    "note: '%s' has %u rejected entries: left out, but where a wildcard "
			    "covers them",
			    name, path_tree_stats(s->rejected).entries);
}

void export_note_maturity(struct export *x, uint32_t classes)
{
	note_phases(x, classes);
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		if (classes & (1U << c))
			note_class(x, (enum baseline_class)c);
}

/* --- texts --------------------------------------------------------------------------------- */

void export_put_ascii(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c < 0x7f)
			buf_add_char(b, s.p[i]);
		else
			buf_printf(b, "\\x%02x", c);
	}
}

static void put_image(struct buf *b, const struct baseline *of)
{
	export_put_ascii(b, span_str(of->repository));
	if (of->entry[0]) {
		buf_add_str(b, " (");
		export_put_ascii(b, span_str(of->entry));
		buf_add_char(b, ')');
	}
}

void export_put_head(struct buf *b, const struct export *x, const char *what)
{
	struct span rest = { x->notes.data, x->notes.len }, line;

	buf_printf(b, "# %s of ", what);
	put_image(b, x->b);
	buf_printf(b, ",\n# made by bulkhead from what %u containers did.\n", x->b->containers);
	while (rest.n > 0 && span_next(&rest, '\n', &line))
		if (line.n > 0) {
			buf_add_str(b, "# ");
			buf_add_span(b, line);
			buf_add_char(b, '\n');
		}
}

/* Docker's own names, and an image's id, are shorter for people. */
static struct span short_repository(const struct baseline *of)
{
	static const char *const usual[] = { "docker.io/library/", "docker.io/" };
	struct span s = span_str(of->repository);

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (span_starts(s, usual[i])) {
			s.p += strlen(usual[i]);
			s.n -= strlen(usual[i]);
			break;
		}
	if (span_starts(s, "sha256:") && s.n > 19)
		s.n = 19;
	return s;
}

struct name {
	struct buf *b;
	size_t n;
	char joint;
	bool pending; /* a joint, before the next letter */
};

static void name_add(struct name *n, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		const bool letter = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';

		if (!letter && !digit) {
			n->pending = n->n > 0;
			continue;
		}
		if (n->n == 0 && digit) { /* identifiers begin with a letter */
			buf_add_char(n->b, 'i');
			n->n = 1;
		}
		if (n->n + n->pending >= EXPORT_MAX_NAME)
			return;
		if (n->pending)
			buf_add_char(n->b, n->joint);
		buf_add_char(n->b, c);
		n->n += n->pending ? 2 : 1;
		n->pending = false;
	}
	n->pending = n->n > 0;
}

void export_put_name(struct buf *b, const struct baseline *of, char joint)
{
	const struct span repository = short_repository(of), entry = span_str(of->entry);
	const char *slash = memrchr(repository.p, '/', repository.n);
	const struct span last =
		slash ? (struct span){ slash + 1,
				       (size_t)(repository.p + repository.n - slash - 1) }
		      : repository;
	struct name n = { .b = b, .joint = joint };

	name_add(&n, repository);
	if (entry.n != last.n || memcmp(entry.p, last.p, last.n) != 0)
		name_add(&n, entry);
	if (n.n == 0)
		buf_add_str(b, "image");
}

/* --- formats ------------------------------------------------------------------------------- */

static int export_json(struct export *x)
{
	uint32_t all = 0;

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		all |= 1U << c;
	export_note_maturity(x, all);
	baseline_json(x->out, x->b);
	return 0;
}

static const struct {
	int (*make)(struct export *x);
	const char *what; /* NULL: the format has no comments */
} formats[] = {
	[BASELINE_FORMAT_JSON] = { export_json, NULL },
	[BASELINE_FORMAT_SECCOMP] = { export_seccomp, NULL },
	[BASELINE_FORMAT_APPARMOR] = { export_apparmor, "AppArmor profile" },
	[BASELINE_FORMAT_FALCO] = { export_falco, "What is unexpected" },
	[BASELINE_FORMAT_NETWORKPOLICY] = { export_networkpolicy, "Ports and peers" },
};

static int finish(const struct export *x, struct buf *out, struct buf *notes, const char *what)
{
	const size_t before = out->len;

	if (what)
		export_put_head(out, x, what);
	buf_add(out, x->out->data, x->out->len);
	if (out->failed || x->out->failed || x->arena.failed) {
		out->len = before;
		return x->arena.failed ? err_set(x->e, ENOMEM, "no memory for the export")
				       : err_set(x->e, ENOSPC, "the export is larger than may be");
	}
	if (notes)
		buf_add(notes, x->notes.data, x->notes.len);
	return 0;
}

int baseline_export(struct buf *out, struct buf *notes, const struct baseline *b,
		    enum baseline_format f, struct err *e)
{
	AUTO_BUF struct buf body = { .fd = -1 };
	struct export x = { .out = &body, .b = b, .e = e };

	if ((unsigned)f >= BASELINE_FORMAT_COUNT)
		return err_set(e, EINVAL,
			       "no such format: json, seccomp, apparmor, falco and "
			       "networkpolicy are there");
	buf_init(&body, EXPORT_MAX_BYTES);
	buf_init(&x.notes, EXPORT_MAX_NOTES);
	buf_init(&x.scratch, (size_t)8 * PATH_TREE_MAX_PATH);
	arena_init(&x.arena, EXPORT_MAX_BYTES);
	int r = formats[f].make(&x);

	if (r == 0)
		r = finish(&x, out, notes, formats[f].what);
	arena_release(&x.arena);
	buf_release(&x.notes);
	buf_release(&x.scratch);
	return r;
}
