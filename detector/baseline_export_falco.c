// SPDX-License-Identifier: GPL-2.0-or-later
/* A file of rules in Falco's language: a list and rules that tell what deviates. What of a name
 * cannot stand in a rule without escapes is matched by a regular expression that takes anything in
 * its place, so that nothing ever has to be escaped. */
#include <errno.h>
#include <string.h>

#include "detector/baseline_export_falco.h"
#include "detector/rule_set.h"

#define MAX_REGEXES	64   /* of a rule: each is tried */
#define MAX_REGEX_BYTES 4000 /* of one: PATTERN_MAX_BYTES */

/* --- values -------------------------------------------------------------------------------- */

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Stands for itself in lists and conditions, and in quotes. */
bool falco_is_plain(char c)
{
	return is_alnum(c) || (c && strchr("/._-+:@", c));
}

/* The bytes of a pattern without wildcards, when all are plain; else false and *b as it was. */
static bool put_plain(struct buf *b, struct span pattern)
{
	const size_t before = b->len;
	enum export_piece piece;
	char byte;

	while ((piece = export_next(&pattern, &byte)) == PIECE_BYTE && falco_is_plain(byte))
		buf_add_char(b, byte);
	if (piece == PIECE_END && b->len > before)
		return true;
	b->len = before;
	return false;
}

/* A run of bytes that cannot be written is "some bytes of this segment". */
static void put_regex_byte(struct buf *b, char c, bool *odd)
{
	const bool was_odd = *odd;

	*odd = false;
	if (is_alnum(c) || (c && strchr("/_-,:@%=~ ", c))) {
		buf_add_char(b, c);
	} else if (c && strchr(".+(){}$|?*&!#;<>", c)) {
		buf_printf(b, "[%c]", c);
	} else {
		*odd = true;
		if (!was_odd)
			buf_add_str(b, "[^/]+");
	}
}

/* What is too long ends in "anything". */
static void put_regex(struct buf *b, struct span pattern)
{
	const size_t before = b->len;
	enum export_piece piece;
	bool odd = false;
	char byte;

	while ((piece = export_next(&pattern, &byte)) != PIECE_END) {
		if (b->len - before > MAX_REGEX_BYTES - 16) {
			buf_add_str(b, ".*");
			return;
		}
		if (piece == PIECE_BYTE) {
			put_regex_byte(b, byte, &odd);
		} else {
			odd = piece == PIECE_STAR;
			buf_add_str(b, odd ? "[^/]+" : ".+");
		}
	}
}

/* " or FIELD regex "..."" for all that is not plain; how many. */
static size_t put_regexes(struct buf *b, const char *field, const struct export_list *l)
{
	AUTO_BUF struct buf scratch = { .fd = -1 };
	size_t n = 0;

	buf_init(&scratch, PATH_TREE_MAX_PATH + 16);
	for (size_t i = 0; i < l->n; i++) {
		buf_clear(&scratch);
		if (put_plain(&scratch, l->items[i]))
			continue;
		buf_printf(b, " or %s regex \"", field);
		put_regex(b, l->items[i]);
		buf_add_char(b, '"');
		n++;
	}
	return n;
}

/* "- list: ID_NAME" with the plain ones; how many. */
static size_t put_list(struct falco_file *f, const char *name, const struct export_list *l)
{
	AUTO_BUF struct buf scratch = { .fd = -1 };
	struct buf *b = &f->lists;
	size_t n = 0;

	buf_init(&scratch, PATH_TREE_MAX_PATH + 16);
	for (size_t i = 0; i < l->n; i++) {
		buf_clear(&scratch);
		if (!put_plain(&scratch, l->items[i]))
			continue;
		if (n++ == 0)
			buf_printf(b, "- list: %s_%s\n  items:\n", f->id, name);
		buf_printf(b, "    - \"%.*s\"\n", (int)scratch.len, scratch.data);
	}
	if (n > 0)
		buf_add_char(b, '\n');
	return n;
}

/* "not (FIELD OP (ID_NAME) or FIELD regex ...)" behind what is there; false: there are too many. */
static bool put_unknown(struct falco_file *f, struct buf *b, const char *field, const char *op,
			const char *name, const struct export_list *l)
{
	buf_add_str(b, "\n    and not (");
	if (put_list(f, name, l) > 0)
		buf_printf(b, "%s %s (%s_%s)", field, op, f->id, name);
	else
		buf_printf(b, "%s = \"\"", field);
	const size_t regexes = put_regexes(b, field, l);

	buf_add_char(b, ')');
	return regexes <= MAX_REGEXES && b->len <= FALCO_MAX_CONDITION;
}

/* --- a rule -------------------------------------------------------------------------------- */

static void put_image(struct buf *b, const struct baseline *of)
{
	AUTO_BUF struct buf text = { .fd = -1 };

	buf_init(&text, 4 * (BASELINE_NAME_BYTES + BASELINE_CLASS_BYTES) + 16);
	export_put_ascii(&text, span_str(of->repository));
	if (of->entry[0]) {
		buf_add_str(&text, " (");
		export_put_ascii(&text, span_str(of->entry));
		buf_add_char(&text, ')');
	}
	buf_add_json(b, (struct span){ text.data, text.len });
}

void falco_put_rule(struct falco_file *f, const struct falco_words *w, const struct buf *condition)
{
	struct buf *b = &f->rules;

	buf_printf(b, "- rule: \"%s in ", w->what);
	put_image(b, f->x->b);
	buf_printf(b, "\"\n  desc: >\n    %s\n  condition: >\n    ", w->desc);
	buf_add(b, condition->data, condition->len);
	buf_printf(b,
		   "\n  output: >\n    %s: %s (command=%%proc.cmdline\n    program=%%proc.exepath "
		   "parent=%%proc.pname user=%%user.name\n    container=%%container.name "
		   "image=%%container.image.repository)\n  priority: WARNING\n"
		   "  tags: [bulkhead, baseline, container, %s]\n\n",
		   w->what, w->output, w->tag);
	if (condition->failed)
		b->failed = true;
}

bool falco_has_evidence(struct falco_file *f, enum baseline_class c, const char *what)
{
	if (export_windows(f->x->b, c) > 0)
		return true;
	export_note(f->x, "warning: nothing is known of '%s': no rule for %s",
		    baseline_class_names[c], what);
	return false;
}

/* --- programs ------------------------------------------------------------------------------ */

/* The kernel has several names for what is in memory alone. */
static int add_memory(struct export *x, const struct export_list *from, struct export_list *out)
{
	*out = (struct export_list){ .items = arena_zeroed(&x->arena, 3 * from->n + 1,
							   sizeof(*out->items)) };
	for (size_t i = 0; i < from->n && out->items; i++) {
		const struct span s = from->items[i];

		out->items[out->n++] = s;
		if (!span_starts(s, "memfd:"))
			continue;
		out->items[out->n++] = arena_printf(&x->arena, "/%.*s", (int)s.n, s.p);
		out->items[out->n++] = arena_printf(&x->arena, "/%.*s (deleted)", (int)s.n, s.p);
	}
	return x->arena.failed ? err_set(x->e, ENOMEM, "no memory for the export") : 0;
}

static int put_programs(struct falco_file *f)
{
	static const struct falco_words words = {
		"Unexpected program",
		"A program was executed that containers of this image did not execute while they "
		"were\n    observed.",
		"%proc.exepath", "process"
	};
	AUTO_BUF struct buf c = { .fd = -1 };
	struct export_list l, known;
	int r = export_list(f->x, BASELINE_EXEC, export_program, &l);

	if (r < 0 || !falco_has_evidence(f, BASELINE_EXEC, "programs"))
		return r;
	r = add_memory(f->x, &l, &known);
	if (r < 0)
		return r;
	buf_init(&c, EXPORT_MAX_BYTES);
	buf_printf(&c, "evt.type in (execve, execveat) and evt.failed = false and %s", f->id);
	if (!put_unknown(f, &c, "proc.exepath", "in", "programs", &known))
		export_note(f->x, "warning: too many odd names of programs: no rule for them");
	else
		falco_put_rule(f, &words, &c);
	return 0;
}

/* --- directories --------------------------------------------------------------------------- */

/* The directory of a path, up to the first wildcard; of "/x" the path itself. */
static bool directory_of(struct export *x, struct span pattern, struct span *out)
{
	struct span rest = pattern;
	size_t slash = 0;
	char byte;

	(void)x;
	while (rest.n > 0) {
		const size_t at = pattern.n - rest.n;

		if (export_next(&rest, &byte) != PIECE_BYTE)
			break;
		if (byte == '/')
			slash = at;
	}
	*out = slash > 0 ? (struct span){ pattern.p, slash } : pattern;
	return true;
}

/* As links of most systems have it: rules see the name that was opened, we learned where it led.
 * There is room for as many again. */
static int add_links(struct export *x, const struct export_list *from, struct export_list *out)
{
	*out = (struct export_list){ .items = arena_zeroed(&x->arena, 4 * from->n + 1,
							   sizeof(*out->items)) };
	for (size_t i = 0; i < from->n && out->items; i++) {
		const struct span s = from->items[i];

		out->items[out->n++] = s;
		if (span_eq(s, "/run") || span_starts(s, "/run/"))
			out->items[out->n++] = arena_printf(&x->arena, "/var%.*s", (int)s.n, s.p);
	}
	return x->arena.failed ? err_set(x->e, ENOMEM, "no memory for the export") : 0;
}

/* Every path is below it: there is nothing to tell. */
static bool covers_all(const struct export_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (span_starts(l->items[i], "/**") || span_starts(l->items[i], "**"))
			return true;
	return false;
}

/* What is matched by a regular expression is matched wholly: another one for what is beside it (of
 * a whole pattern, see directory_of) or below it. */
static struct span widened(struct export *x, struct span s)
{
	bool wild = false, odd = false;
	struct span rest = s;
	char byte;

	while (rest.n > 0) {
		const bool is_byte = export_next(&rest, &byte) == PIECE_BYTE;

		wild |= !is_byte;
		odd |= is_byte && !falco_is_plain(byte);
	}
	if (!wild)
		return odd ? arena_printf(&x->arena, "%.*s/**", (int)s.n, s.p) : s;
	const char *slash = memrchr(s.p, '/', s.n);

	if (!slash || slash == s.p || span_ends(s, "**"))
		return s;
	return arena_printf(&x->arena, "%.*s/*", (int)(slash - s.p), s.p);
}

/* A runtime on its way in: its name alone would excuse everybody who takes it, and where a
 * container has the host's process ids nothing else tells them apart. So there it is told. */
static void put_runtime(struct falco_file *f)
{
	buf_printf(&f->lists,
		   "- macro: %s_runtime\n  condition: >\n    (proc.name in (runc, "
		   "\"runc:[1:CHILD]\", \"runc:[2:INIT]\", crun, \"youki:[2:INIT]\")\n"
		   "    and (proc.pid = val(proc.vpid) or proc.ppid = val(proc.pvpid))\n"
		   "    and not container.host_pid = true)\n\n",
		   f->id);
}

/* Of files; what every process may write is left out, as it is in the baseline. */
static const char writing[] =
	"((evt.type in (open, openat, openat2, open_by_handle_at) and evt.is_open_write = true)\n"
	"    or evt.type = creat) and fd.num >= 0 and fd.name startswith /\n"
	"    and not (fd.name startswith /proc/self/ or fd.name startswith /proc/thread-self/\n"
	"    or fd.name glob \"/proc/[0-9]*/*\")\n"
	"    and not fd.name pmatch (/dev/null, /dev/zero, /dev/full, /dev/tty, /dev/console,\n"
	"    /dev/ptmx, /dev/pts, /dev/fd, /dev/stdin, /dev/stdout, /dev/stderr)\n   ";

static int put_writes(struct falco_file *f)
{
	static const struct falco_words words = {
		"Write below an unexpected directory",
		"A file was opened for writing in a directory into which containers of this image "
		"did "
		"not\n    write while they were observed. A name that is a link is told as it was "
		"opened.",
		"%fd.name", "filesystem"
	};
	AUTO_BUF struct buf c = { .fd = -1 };
	struct export_list l, known;
	int r = export_list(f->x, BASELINE_WRITE, directory_of, &l);

	if (r < 0 || !falco_has_evidence(f, BASELINE_WRITE, "writing"))
		return r;
	if (covers_all(&l)) {
		export_note(f->x, "warning: all directories are written: no rule for writing");
		return 0;
	}
	r = add_links(f->x, &l, &known);
	if (r < 0)
		return r;
	for (size_t i = 0, n = known.n; i < n; i++) {
		const struct span more = widened(f->x, known.items[i]);

		if (more.p != known.items[i].p)
			known.items[known.n++] = more;
	}
	buf_init(&c, EXPORT_MAX_BYTES);
	put_runtime(f);
	buf_add_str(&c, writing);
	buf_printf(&c, " and %s\n    and not %s_runtime", f->id, f->id);
	if (!put_unknown(f, &c, "fd.name", "pmatch", "directories", &known))
		export_note(f->x, "warning: too many odd names of directories: no rule for them");
	else
		falco_put_rule(f, &words, &c);
	return 0;
}

/* --- the file ------------------------------------------------------------------------------ */

static int put_all(struct falco_file *f)
{
	int r = falco_put_macro(f);

	if (r == 0)
		r = put_programs(f);
	if (r == 0)
		r = falco_put_listeners(f);
	if (r == 0)
		r = falco_put_connections(f);
	return r < 0 ? r : put_writes(f);
}

int export_falco(struct export *x)
{
	struct falco_file f = { .x = x };

	buf_init(&f.lists, EXPORT_MAX_BYTES);
	buf_init(&f.rules, EXPORT_MAX_BYTES);
	export_note_maturity(x, 1U << BASELINE_EXEC | 1U << BASELINE_LISTEN |
					1U << BASELINE_CONNECT | 1U << BASELINE_WRITE);
	int r = falco_make_id(&f);

	if (r == 0)
		r = put_all(&f);
	if (r == 0 && f.rules.len == 0)
		r = err_set(x->e, ENODATA,
			    "nothing is known of programs, files and the network: "
			    "there is nothing to make rules of");
	buf_add_str(x->out, "- required_engine_version: " RULE_ENGINE_VERSION "\n\n");
	buf_add(x->out, f.lists.data, f.lists.len);
	buf_add(x->out, f.rules.data, f.rules.len);
	x->out->failed |= f.lists.failed || f.rules.failed;
	buf_release(&f.lists);
	buf_release(&f.rules);
	return r;
}
