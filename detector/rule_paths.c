// SPDX-License-Identifier: GPL-2.0-or-later
/* Which paths of the host the rules look at: prefixes and names without which no rule can match, so
 * that the kernel's side need not tell of all others.
 *
 * A necessary condition is taken from each rule's graph: of an "and" the part that says most, of an
 * "or" all parts together; a "not", and a check that is not of a path, say nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detector/rule_program_internal.h"

#define PATHS_MAX	4096 /* of one rule; beyond it looks at all */
#define PATHS_MAX_DEPTH 64

struct path_list {
	struct span *list;
	size_t n, cap;
};

struct gathered {
	struct path_list prefixes, names;
	bool all;
};

struct gathering {
	struct rule_program *p;
	struct arena *a;
	uint64_t events;
};

static bool add(struct arena *a, struct path_list *l, struct span s)
{
	if (l->n >= PATHS_MAX)
		return false;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct span *list = arena_zeroed(a, cap, sizeof(*list));

		if (!list)
			return false;
		if (l->n)
			memcpy(list, l->list, l->n * sizeof(*list));
		l->list = list;
		l->cap = cap;
	}
	l->list[l->n++] = s;
	return true;
}

static struct gathered everything(void)
{
	return (struct gathered){ .all = true };
}

static void join(struct arena *a, struct gathered *to, const struct gathered *from)
{
	bool fits = !from->all && !to->all;

	for (size_t i = 0; fits && i < from->prefixes.n; i++)
		fits = add(a, &to->prefixes, from->prefixes.list[i]);
	for (size_t i = 0; fits && i < from->names.n; i++)
		fits = add(a, &to->names, from->names.list[i]);
	if (!fits)
		*to = everything();
}

/* How much it leaves: less is better. */
static uint64_t weight(const struct gathered *g)
{
	uint64_t sum = 0;

	if (g->all)
		return UINT64_MAX;
	for (size_t i = 0; i < g->prefixes.n; i++) /* a short prefix holds more */
		sum += g->prefixes.list[i].n < 32 ? 32 - g->prefixes.list[i].n : 1;
	return sum + g->names.n;
}

/* --- a check of a path --------------------------------------------------------------------- */

enum path_part { PART_NONE, PART_WHOLE, PART_DIRECTORY, PART_NAME };

static enum path_part part_of(const struct slot *s)
{
	static const struct {
		const char *name, *arg;
		enum path_part part;
	} fields[] = {
		{ "fd.name", "", PART_WHOLE },		{ "fs.path.name", "", PART_WHOLE },
		{ "fd.directory", "", PART_DIRECTORY }, { "fd.filename", "", PART_NAME },
		{ "evt.arg", "name", PART_WHOLE },	{ "evt.arg", "path", PART_WHOLE },
		{ "evt.arg", "filename", PART_WHOLE },
	};

	if (s->transform != TRANSFORM_FIELD)
		return PART_NONE;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(s->ref.def->name, fields[i].name) == 0 &&
		    strcmp(s->ref.arg, fields[i].arg) == 0)
			return fields[i].part;
	return PART_NONE;
}

static struct span last_component(struct span s)
{
	const char *slash = s.n ? memrchr(s.p, '/', s.n) : NULL;

	return slash ? (struct span){ slash + 1, s.n - (size_t)(slash + 1 - s.p) }
		     : (struct span){ NULL, 0 };
}

static struct gathered one_prefix(struct gathering *g, struct span prefix)
{
	struct gathered out = { .all = false };

	if (prefix.n == 0 || prefix.p[0] != '/' || !add(g->a, &out.prefixes, prefix))
		return everything();
	return out;
}

static struct gathered one_name(struct gathering *g, struct span name)
{
	struct gathered out = { .all = false };

	if (name.n == 0 || !add(g->a, &out.names, name))
		return everything();
	return out;
}

static struct gathered literal(struct gathering *g, enum path_part part, struct span text)
{
	if (part == PART_NAME)
		return one_name(g, text);
	/* below a directory: with its slash, so that "/etc" is not "/etcetera" */
	if (part == PART_DIRECTORY && !(text.n == 1 && text.p[0] == '/'))
		return one_prefix(g, arena_printf(g->a, "%.*s/", (int)text.n, text.p));
	return one_prefix(g, text);
}

static bool is_member(const struct check *c, uint32_t atom)
{
	if (c->matcher == MATCH_ATOM)
		return atom == c->atom;
	return atom / 64 < c->words && (c->atoms[atom / 64] >> (atom % 64) & 1);
}

static struct gathered of_atoms(struct gathering *g, enum path_part part, const struct check *c)
{
	const struct byte_map *atoms = &g->p->slots[c->slot].atoms;
	struct gathered out = { .all = c->n > PATHS_MAX };

	for (uint32_t i = 0; atoms->entries && i <= atoms->mask && !out.all; i++) {
		const struct byte_map_entry *e = &atoms->entries[i];

		if (!e->key.p || !is_member(c, e->value))
			continue;
		struct gathered one = literal(g, part, e->key);

		join(g->a, &out, &one);
	}
	return out;
}

static bool is_special(char c)
{
	return c == '*' || c == '?' || c == '[' || c == ']' || c == '\\';
}

/* The text before the first special character of a glob, or the name at its end. */
static struct gathered of_glob(struct gathering *g, struct span glob)
{
	size_t plain = 0, tail = glob.n;

	while (plain < glob.n && !is_special(glob.p[plain]))
		plain++;
	if (plain > 1)
		return one_prefix(g, (struct span){ glob.p, plain });
	while (tail > 0 && !is_special(glob.p[tail - 1]))
		tail--;
	return one_name(g, last_component((struct span){ glob.p + tail, glob.n - tail }));
}

struct prefixes {
	struct gathering *g;
	struct gathered *out;
};
static void take_prefix(void *ctx, struct span prefix)
{
	struct prefixes *x = ctx;
	struct gathered one = one_prefix(x->g, arena_copy(x->g->a, prefix));

	join(x->g->a, x->out, &one);
}

static struct gathered of_check(struct gathering *g, const struct check *c)
{
	const enum path_part part = part_of(&g->p->slots[c->slot]);
	struct gathered out = { .all = false };
	struct prefixes take = { g, &out };

	if (part == PART_NONE || c->negate)
		return everything();
	switch ((enum matcher)c->matcher) {
	case MATCH_ATOM:
	case MATCH_ATOMS:
		return of_atoms(g, part, c);
	case MATCH_STARTS:
		return part == PART_NAME ? everything() : one_prefix(g, c->text);
	case MATCH_ENDS:
		return part == PART_WHOLE ? one_name(g, last_component(c->text)) : everything();
	case MATCH_PREFIXES:
	case MATCH_PATHS:
		if (part == PART_NAME)
			return everything();
		prefix_set_each(&c->prefixes, take_prefix, &take);
		return out;
	case MATCH_GLOB:
		return part == PART_WHOLE && c->op == CONDITION_GLOB ? of_glob(g, c->text)
								     : everything();
	case MATCH_EXISTS:
	case MATCH_INT:
	case MATCH_UINT:
	case MATCH_INTS:
	case MATCH_UINTS:
	case MATCH_BOOL:
	case MATCH_TEXT:
	case MATCH_CONTAINS:
	case MATCH_ICONTAINS:
	case MATCH_PATTERN:
	case MATCH_NETS:
	case MATCH_SLOT:
		break;
	}
	return everything();
}

static struct gathered of_node(struct gathering *g, uint32_t at, unsigned depth)
{
	const struct node *n = &g->p->nodes[at];
	struct gathered out = everything();

	if (at == NODE_FALSE)
		return (struct gathered){ .all = false };
	if (n->kind == NODE_CHECK)
		return of_check(g, &g->p->checks[n->first]);
	const bool either = n->kind == NODE_OR || n->kind == NODE_ONEOF;

	if ((n->kind != NODE_AND && !either) || depth == 0)
		return out;
	if (either)
		out.all = false;
	for (uint32_t i = 0; i < n->n; i++) {
		struct gathered one = of_node(g, g->p->links[n->first + i], depth - 1);

		if (either)
			join(g->a, &out, &one);
		else if (weight(&one) < weight(&out))
			out = one;
		if (either && out.all)
			break;
	}
	return out;
}

static int by_bytes(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	const size_t n = x->n < y->n ? x->n : y->n;
	const int r = n ? memcmp(x->p, y->p, n) : 0;

	return r ? r : x->n < y->n ? -1 : x->n > y->n;
}

static size_t distinct(struct span *list, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(list, n, sizeof(*list), by_bytes);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || by_bytes(&list[kept - 1], &list[i]) != 0)
			list[kept++] = list[i];
	return kept;
}

int rule_program_paths(struct rule_program *p, uint64_t events, struct rule_paths *out)
{
	struct gathering g = { .p = p, .a = &p->paths_arena, .events = events };
	struct gathered sum = { .all = false };

	arena_release(g.a);
	*out = (struct rule_paths){ .all = false };
	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++) {
		const struct type_rules *of = &p->types[t];

		if (!(events & EVENT_BIT(evt_type_event((enum evt_type)t))))
			continue;
		for (size_t i = 0; i < of->n && !sum.all; i++) {
			struct gathered one = of_node(&g, of->roots[0][i], PATHS_MAX_DEPTH);

			if (one.all)
				out->all_rule = of->ids[i];
			join(g.a, &sum, &one);
		}
	}
	if (g.a->failed)
		return -ENOMEM;
	out->all = sum.all;
	out->prefixes = sum.prefixes.list;
	out->prefixes_n = distinct(sum.prefixes.list, sum.prefixes.n);
	out->names = sum.names.list;
	out->names_n = distinct(sum.names.list, sum.names.n);
	return 0;
}

/* --- environment --------------------------------------------------------------------------- */

/* What an entry must hold so that the check can be true of it; empty: anything. */
static struct span mark_of(const struct rule_program *p, const struct check *c)
{
	const struct slot *s = &p->slots[c->slot];

	if (s->ref.has_arg && s->ref.def->type == FIELD_STRING && s->ref.arg[0])
		return span_str(s->ref.arg); /* proc.env[NAME] */
	if (c->matcher == MATCH_CONTAINS || c->matcher == MATCH_ICONTAINS ||
	    c->matcher == MATCH_STARTS || c->matcher == MATCH_ENDS)
		return c->negate ? (struct span){ "", 0 } : c->text;
	return (struct span){ "", 0 };
}

static bool is_environment(const struct slot *s)
{
	return s->transform == TRANSFORM_FIELD && strcmp(s->ref.def->name, "proc.env") == 0;
}

int rule_program_environment(struct rule_program *p, struct arena *a, const struct span **list,
			     size_t *n)
{
	struct path_list marks = { .n = 0 };

	*list = NULL;
	*n = 0;
	for (uint32_t i = 0; i < p->checks_n; i++) {
		const struct check *c = &p->checks[i];

		if (is_environment(&p->slots[c->slot]) && !add(a, &marks, mark_of(p, c)))
			return -ENOMEM;
	}
	*n = distinct(marks.list, marks.n);
	*list = marks.list;
	return 0;
}
