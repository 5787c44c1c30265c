// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rule_output.h"

#include <errno.h>
#include <string.h>

#define MAX_NAME       128 /* bytes of a field's name that are tried */
#define CONTAINER_INFO "container.info"

const char rule_output_suggested[] =
	"container_id=%container.id container_name=%container.name "
	"container_image_repository=%container.image.repository "
	"container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name "
	"k8s_ns_name=%k8s.ns.name";

struct span rule_output_with_suggested(struct arena *a, struct span text)
{
	if (memmem(text.p ? text.p : "", text.n, "%" CONTAINER_INFO, sizeof(CONTAINER_INFO)))
		return arena_copy(a, text);
	return arena_printf(a, "%.*s %s", (int)text.n, text.p ? text.p : "", rule_output_suggested);
}

/* --- reading ------------------------------------------------------------------------------- */

struct compiling {
	struct arena *arena;
	struct rule_output_refs *refs; /* or NULL */
	const struct condition_source *source;
	struct buf literal;
	struct rule_output *out;
	struct err *e;
};

static inline void auto_compiling_release(struct compiling *c)
{
	buf_release(&c->literal);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_blanks(struct span s, size_t i)
{
	while (i < s.n && is_blank(s.p[i]))
		i++;
	return i;
}

static size_t name_bytes(struct span s)
{
	size_t n = 0;

	if (s.n == 0 || !is_letter(s.p[0]))
		return 0;
	while (n < s.n && n < MAX_NAME &&
	       (is_letter(s.p[n]) || is_digit(s.p[n]) || s.p[n] == '_' || s.p[n] == '.'))
		n++;
	return n;
}

/* "[2]", "["a b"]" at the beginning of s: its bytes, or 0. */
static size_t argument_bytes(struct span s, struct span *arg)
{
	size_t i = 1;

	if (s.n < 3 || s.p[0] != '[')
		return 0;
	const char quote = s.p[1] == '"' || s.p[1] == '\'' ? s.p[1] : '\0';

	if (quote) {
		const char *end = memchr(s.p + 2, quote, s.n - 2);

		i = end ? (size_t)(end - s.p) : s.n;
		if (i + 1 >= s.n || s.p[i + 1] != ']')
			return 0;
		*arg = (struct span){ s.p + 2, i - 2 };
		return i + 2;
	}
	while (i < s.n && !is_blank(s.p[i]) && !strchr("[]\"'", s.p[i]))
		i++;
	if (i == 1 || i >= s.n || s.p[i] != ']')
		return 0;
	*arg = (struct span){ s.p + 1, i - 1 };
	return i + 1;
}

/* The longest beginning of s that is a field, with its argument where there is one: Falco takes
 * away one character after the other until it knows what is left. How many bytes, or -errno. */
static int find_field(struct span s, struct field_ref *ref, struct err *e)
{
	const size_t longest = name_bytes(s);
	const struct span none = { "", 0 };
	struct err first = { "" }, e_try = { "" };
	int code = 0;
	struct span arg;

	if (longest == 0)
		return err_set(e, EINVAL, "a field is expected after '%%'");
	const size_t n_arg = argument_bytes((struct span){ s.p + longest, s.n - longest }, &arg);

	for (size_t n = longest, with = n_arg; n > 0; n -= with ? 0 : 1, with = 0) {
		int r = field_find((struct span){ s.p, n }, with ? arg : none, with != 0, ref,
				   &e_try);

		if (r == 0)
			return (int)(n + with);
		/* what the author wrote is what is complained of, not what is left of it */
		if (r == -EOPNOTSUPP || code == 0 || (code == -ENOENT && r == -EINVAL)) {
			code = r;
			first = e_try;
		}
		if (r == -EOPNOTSUPP)
			break;
	}
	err_set(e, -code, "%s", first.text);
	return code;
}

/* --- compiling ----------------------------------------------------------------------------- */

static bool same(struct span a, struct span b)
{
	return a.n == b.n && a.p && b.p && memcmp(a.p, b.p, a.n) == 0;
}

static int add_field(struct compiling *c, const struct rule_output_field *f, uint32_t at)
{
	struct rule_output *o = c->out;

	if (o->fields_n == RULE_OUTPUT_MAX_FIELDS)
		return condition_fault(c->source, at, EINVAL, c->e, "more than %d fields",
				       RULE_OUTPUT_MAX_FIELDS);
	struct rule_output_field *new = &o->fields[o->fields_n];

	*new = *f;
	new->before = c->literal.len;
	for (size_t i = 0; i < o->fields_n; i++)
		new->repeated |= same(o->fields[i].token, f->token);
	o->fields_n++;
	return 0;
}

static bool transforms(enum condition_transform t, const struct field_ref *ref)
{
	if (t == TRANSFORM_LEN)
		return ref->type == FIELD_STRING || ref->type == FIELD_BYTES ||
		       (ref->flags & (FIELD_LIST | FIELD_ANY));
	if (t == TRANSFORM_B64)
		return ref->type == FIELD_STRING || ref->type == FIELD_BYTES;
	return ref->type == FIELD_STRING;
}

/* "toupper(" at the beginning of s: its bytes, or 0. */
static size_t transformer_bytes(struct span s, enum condition_transform *t)
{
	static const enum condition_transform known[] = { TRANSFORM_TOLOWER, TRANSFORM_TOUPPER,
							  TRANSFORM_B64, TRANSFORM_BASENAME,
							  TRANSFORM_LEN };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const char *name = condition_transform_name(known[i]);
		const size_t n = strlen(name);

		if (s.n > n && memcmp(s.p, name, n) == 0 && s.p[n] == '(') {
			*t = known[i];
			return n + 1;
		}
	}
	return 0;
}

static bool remember(struct compiling *c, struct span name, const struct field_ref *ref)
{
	struct rule_output_refs *refs = c->refs;
	const uint32_t id = refs->ids.n;

	if (id == refs->cap) {
		const uint32_t cap = refs->cap ? refs->cap * 2 : 64;
		const struct field_ref **list = arena_zeroed(c->arena, cap, sizeof(*list));

		if (!list)
			return false;
		if (id > 0)
			memcpy(list, refs->list, id * sizeof(*list));
		refs->list = list;
		refs->cap = cap;
	}
	refs->list[id] = ref;
	return byte_map_add(c->arena, &refs->ids, name, id) == 0;
}

/* The one that is kept of this name; NULL: no memory. */
static const struct field_ref *keep_ref(struct compiling *c, struct span name,
					const struct field_ref *ref)
{
	const uint32_t id = c->refs ? byte_map_find(&c->refs->ids, name) : BYTE_MAP_NONE;

	if (id != BYTE_MAP_NONE)
		return c->refs->list[id];
	struct field_ref *kept = arena_zeroed(c->arena, 1, sizeof(*kept));

	if (!kept)
		return NULL;
	*kept = *ref;
	return !c->refs || remember(c, name, kept) ? kept : NULL;
}

/* A field, or "toupper(proc.name)", at the beginning of s: bytes, or -errno with its place. */
static int read_token(struct compiling *c, struct span s, uint32_t at, struct rule_output_field *f)
{
	size_t begin = transformer_bytes(s, &f->transform);
	enum condition_transform inner;
	struct err why = { "" };
	struct field_ref ref;

	if (begin)
		begin = skip_blanks(s, begin);
	const struct span rest = { s.p + begin, s.n - begin };

	if (begin && transformer_bytes(rest, &inner))
		return condition_fault(c->source, at, EINVAL, c->e,
				       "an output takes one transformer a field");
	int n = find_field(rest, &ref, &why);

	if (n < 0)
		return condition_fault(c->source, at, -n, c->e, "output: %s", why.text);
	size_t end = begin + (size_t)n;

	if (begin) {
		end = skip_blanks(s, end);
		if (end >= s.n || s.p[end] != ')')
			return condition_fault(c->source, at, EINVAL, c->e,
					       "output: ')' is expected after '%.*s'", n, rest.p);
		end++;
		if (!transforms(f->transform, &ref))
			return condition_fault(
				c->source, at, EINVAL, c->e, "output: %s() does not take '%s'",
				condition_transform_name(f->transform), ref.def->name);
	}
	f->token = (struct span){ s.p, end };
	f->ref = keep_ref(c, (struct span){ rest.p, (size_t)n }, &ref);
	if (!f->ref)
		return err_set(c->e, ENOMEM, "no memory for an output");
	return (int)end;
}

static int compile_text(struct compiling *c, struct span text, size_t from,
			const uint32_t *fixed_at);

/* What stands after a '%' at i - 1. 0 and *next, or -errno. */
static int compile_token(struct compiling *c, struct span text, size_t i, uint32_t at,
			 const uint32_t *fixed_at, size_t *next)
{
	static const size_t info_n = sizeof(CONTAINER_INFO) - 1;
	struct rule_output_field f = { .transform = TRANSFORM_FIELD };
	const size_t digits = i;

	while (i < text.n && is_digit(text.p[i]))
		i++;
	if (i > digits && (!parse_u32((struct span){ text.p + digits, i - digits }, &f.width) ||
			   f.width > RULE_OUTPUT_MAX_WIDTH))
		return condition_fault(c->source, at, EINVAL, c->e, "output: a width is at most %d",
				       RULE_OUTPUT_MAX_WIDTH);
	const struct span rest = { text.p + i, text.n - i };

	if (rest.n == 0)
		return condition_fault(c->source, at, EINVAL, c->e,
				       "output: a field is expected after '%%'");
	if (!fixed_at && span_starts(rest, CONTAINER_INFO)) {
		*next = i + info_n;
		return compile_text(c, span_str(rule_output_suggested), 0, &at);
	}
	int n = read_token(c, rest, at, &f);

	*next = i + (n > 0 ? (size_t)n : 0);
	return n < 0 ? n : add_field(c, &f, at);
}

/* fixed_at: where all of it stands, for what was put in place of a word; else NULL. */
static int compile_text(struct compiling *c, struct span text, size_t from,
			const uint32_t *fixed_at)
{
	for (size_t i = from, next; i < text.n; i = next) {
		const char *percent = memchr(text.p + i, '%', text.n - i);
		const size_t at = percent ? (size_t)(percent - text.p) : text.n;

		buf_add(&c->literal, text.p + i, at - i);
		next = at;
		if (!percent)
			break;
		if (at + 1 < text.n && text.p[at + 1] == '%') {
			buf_add_char(&c->literal, '%');
			next = at + 2;
			continue;
		}
		int r = compile_token(c, text, at + 1, fixed_at ? *fixed_at : (uint32_t)at,
				      fixed_at, &next);

		if (r < 0)
			return r;
	}
	return 0;
}

int rule_output_compile(struct arena *a, struct rule_output_refs *refs,
			const struct condition_source *source, struct span text,
			struct rule_output *out, struct err *e)
{
	struct rule_output_field fields[RULE_OUTPUT_MAX_FIELDS];
	struct rule_output o = { .fields = fields, .all = span_eq(source->what, "rule") };
	AUTO(compiling_release)
	struct compiling c = { .arena = a, .refs = refs, .source = source, .out = &o, .e = e };

	if (text.n > RULE_OUTPUT_MAX_BYTES)
		return condition_fault(source, 0, EINVAL, e, "output: longer than %d bytes",
				       RULE_OUTPUT_MAX_BYTES);
	/* tokens point into it */
	text = arena_copy(a, text);
	if (!text.p)
		return err_set(e, ENOMEM, "no memory for an output");
	buf_init(&c.literal, (size_t)2 * RULE_OUTPUT_MAX_BYTES);
	const bool starred = text.n > 0 && text.p[0] == '*';

	o.all |= starred;
	int r = compile_text(&c, text, starred ? 1 : 0, NULL);

	if (r < 0)
		return r;
	o.text = arena_copy(a, (struct span){ c.literal.data, c.literal.len });
	o.fields = arena_zeroed(a, o.fields_n, sizeof(*o.fields));
	if (c.literal.failed || !o.text.p || !o.fields)
		return err_set(e, ENOMEM, "no memory for an output");
	memcpy(o.fields, fields, o.fields_n * sizeof(*o.fields));
	*out = o;
	return 0;
}
