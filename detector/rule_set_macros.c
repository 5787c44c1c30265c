// SPDX-License-Identifier: GPL-2.0-or-later
/* Macros, put into conditions as trees. What a macro is worked out to is shared by all that use it:
 * nodes are counted as if it were not, since they cost time where they are walked. */
#include <string.h>

#include "detector/rule_set_internal.h"

static int shown(struct span s)
{
	return (int)(s.n < 64 ? s.n : 64);
}

static void told_loop(struct set_builder *b, const struct condition *c, const struct set_macro *m,
		      const struct set_macro *user)
{
	AUTO_BUF struct buf by = { .fd = -1 };
	size_t n = 0;

	buf_init(&by, 400);
	for (; user && user != m && n < 8; user = user->user, n++) {
		buf_add_str(&by, n ? ", which is used by '" : ", used by '");
		buf_add(&by, user->item->name.text.p, (size_t)shown(user->item->name.text));
		buf_add_char(&by, '\'');
	}
	set_fault(b, c->source, c->at, "macro '%.*s' contains itself%.*s", shown(c->name),
		  c->name.p, (int)(by.failed ? 0 : by.len), by.data ? by.data : "");
}

/* The macro that is named here, worked out; NULL: a fault was told. */
static struct set_macro *used_macro(struct set_builder *b, const struct condition *c,
				    struct set_macro *user, uint32_t level);

static struct set_sized put_children(struct set_builder *b, const struct condition *c,
				     struct set_macro *user, uint32_t level)
{
	struct set_sized sum = { .c = c, .nodes = 1 };
	const struct condition **children = NULL;

	for (size_t i = 0; i < c->children_n; i++) {
		struct set_sized child = set_put_macros(b, c->children[i], user, level + 1);

		if (__builtin_add_overflow(sum.nodes, child.nodes, &sum.nodes))
			sum.nodes = UINT64_MAX;
		sum.depth = child.depth > sum.depth ? child.depth : sum.depth;
		if (child.c == c->children[i])
			continue;
		if (!children) {
			children = arena_zeroed(b->a, c->children_n, sizeof(*children));
			if (!children)
				return sum;
			for (size_t j = 0; j < c->children_n; j++)
				children[j] = c->children[j];
		}
		children[i] = child.c;
	}
	sum.depth++;
	if (!children)
		return sum;
	struct condition *copy = arena_zeroed(b->a, 1, sizeof(*copy));

	if (!copy)
		return sum;
	*copy = *c;
	copy->children = children;
	sum.c = copy;
	return sum;
}

static struct set_sized too_deep(struct set_builder *b, const struct condition *c)
{
	if (!b->bad)
		set_fault(b, c->source, c->at, "nested more than %u deep, with macros in place",
			  RULE_SET_MAX_DEPTH);
	b->bad = true;
	return (struct set_sized){ .c = c, .nodes = 1, .depth = 1 };
}

struct set_sized set_put_macros(struct set_builder *b, const struct condition *c,
				struct set_macro *user, uint32_t level)
{
	struct set_sized out = { .c = c, .nodes = 1, .depth = 1 };

	/* how deep this function is in itself is never more than the depth that is allowed */
	if (level > RULE_SET_MAX_DEPTH)
		return too_deep(b, c);
	if (c->kind == CONDITION_MACRO) {
		const struct set_macro *m = used_macro(b, c, user, level);

		if (m)
			out = (struct set_sized){ m->resolved, m->nodes, m->depth };
	} else {
		out = put_children(b, c, user, level);
	}
	return out.depth > RULE_SET_MAX_DEPTH ? too_deep(b, c) : out;
}

static void resolve(struct set_builder *b, struct set_macro *m, struct set_macro *user,
		    uint32_t level)
{
	bool bad = b->bad;

	if (m->state != STATE_NEW || m->broken)
		return;
	m->state = STATE_BUSY;
	m->user = user;
	b->bad = false;
	struct set_sized out = set_put_macros(b, m->written, m, level);

	m->resolved = out.c;
	m->nodes = out.nodes;
	m->depth = out.depth;
	m->broken = b->bad;
	m->state = STATE_DONE;
	b->bad = bad;
}

static struct set_macro *used_macro(struct set_builder *b, const struct condition *c,
				    struct set_macro *user, uint32_t level)
{
	struct set_macro *m = set_find(&b->macros, c->name);

	if (!m) {
		set_fault(b, c->source, c->at, "unknown macro '%.*s'%s", shown(c->name), c->name.p,
			  set_find(&b->lists, c->name) ? ": it is a list, expected 'in (...)'"
						       : "");
		return NULL;
	}
	if (user && m->index >= user->visibility && m != user) {
		set_fault(b, c->source, c->at,
			  "macro '%.*s' stands later (%.*s:%u), expected one that stands before",
			  shown(c->name), c->name.p, shown(m->item->file), m->item->file.p,
			  m->item->name.line);
		return NULL;
	}
	if (m->state == STATE_BUSY) {
		told_loop(b, c, m, user);
		return NULL;
	}
	resolve(b, m, user, level + 1);
	b->bad |= m->broken;
	return m->broken ? NULL : m;
}

void set_macros(struct set_builder *b)
{
	for (struct set_macro *m = b->first_macro; m; m = m->next) {
		struct rule_text t = set_text_join(b, &m->condition);

		b->bad = false;
		if (!m->broken && t.source)
			m->written = set_parse(b, t.source);
		if (m->written)
			m->written = set_put_lists(b, m->written);
		m->broken |= b->bad || !m->written;
	}
	for (struct set_macro *m = b->first_macro; m; m = m->next)
		resolve(b, m, NULL, 1);
}
