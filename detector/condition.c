// SPDX-License-Identifier: GPL-2.0-or-later
/* Recursive descent: what nests is counted (struct parser.depth), so the stack is bounded, and
 * nothing is read twice but a word's own bytes. Lists and chains of unknown length are put together
 * at the end of one scratch buffer, above those of the levels around them. */
#include "detector/condition.h"

#include <errno.h>
#include <string.h>

#include "detector/condition_internal.h"
#include "detector/condition_parser.h"

#define EXPECTED_CONDITION "a field, a macro, 'not' or '('"

static const struct condition *parse_chain(struct parser *p, enum condition_kind kind);

/* FAULTS */

/* True when that is a fault already, or is made one here: a word that found no room looks to its
 * caller like one that does not stand there. */
static bool no_memory(struct parser *p)
{
	if (p->status == 0 && (p->arena->failed || p->scratch.failed))
		p->status = condition_fault(p->source, p->lex.at, ENOMEM, p->e,
					    "no memory for the condition");
	return p->status < 0;
}

void parser_fault(struct parser *p, uint32_t at, const char *text)
{
	if (no_memory(p))
		return;
	if (p->fault_at)
		*p->fault_at = at;
	p->status = condition_fault(p->source, at, EINVAL, p->e, "%s", text);
}

void parser_expected(struct parser *p, const char *what)
{
	struct span token = lexer_token(&p->lex);
	bool cut = token.n == CONDITION_TOKEN_BYTES;
	char text[384], got[CONDITION_TOKEN_BYTES + 8] = "the end";

	if (token.n > 0)
		snprintf(got, sizeof(got), "'%.*s%s'", (int)token.n, token.p, cut ? "..." : "");
	snprintf(text, sizeof(text), "got %s, expected %s", got, what);
	parser_fault(p, p->lex.at, text);
}

bool parser_enter(struct parser *p, uint32_t at)
{
	if (p->depth >= CONDITION_MAX_DEPTH) {
		char text[96];

		snprintf(text, sizeof(text), "got level %d of nesting, expected at most %d",
			 CONDITION_MAX_DEPTH + 1, CONDITION_MAX_DEPTH);
		parser_fault(p, at, text);
		return false;
	}
	p->depth++;
	return true;
}

/* MEMORY */

void *parser_node(struct parser *p, uint32_t at, size_t size)
{
	if (++p->nodes > CONDITION_MAX_NODES) {
		char text[96];

		snprintf(text, sizeof(text), "got part %d of a condition, expected at most %d",
			 CONDITION_MAX_NODES + 1, CONDITION_MAX_NODES);
		parser_fault(p, at, text);
		return NULL;
	}
	void *node = arena_zeroed(p->arena, 1, size);

	if (!node)
		no_memory(p);
	return node;
}

void *parser_take(struct parser *p, size_t mark, size_t size, size_t *n)
{
	size_t bytes = p->scratch.len - mark;
	void *list = p->scratch.failed ? NULL : arena_zeroed(p->arena, bytes / size, size);

	if (!list) {
		no_memory(p);
		return NULL;
	}
	if (bytes > 0)
		memcpy(list, p->scratch.data + mark, bytes);
	p->scratch.len = mark;
	*n = bytes / size;
	return list;
}

/* CONDITIONS */

static struct condition *new_condition(struct parser *p, enum condition_kind kind, uint32_t at)
{
	struct condition *c = parser_node(p, at, sizeof(*c));

	if (c) {
		c->kind = kind;
		c->at = at;
		c->source = p->source;
	}
	return c;
}

static const struct condition *parse_check(struct parser *p, const struct condition_operand *left,
					   uint32_t at)
{
	struct condition *c = left ? new_condition(p, CONDITION_CHECK, at) : NULL;

	if (!c)
		return NULL;
	c->left = left;
	return parser_right_side(p, c) ? c : NULL;
}

static const struct condition *parse_embedded(struct parser *p, uint32_t at)
{
	if (!parser_enter(p, at))
		return NULL;
	const struct condition *c = parse_chain(p, CONDITION_OR);

	if (!c)
		return NULL;
	if (!lexer_take(&p->lex, ")")) {
		parser_expected(p, "'and', 'or' or ')'");
		return NULL;
	}
	p->depth--;
	return c;
}

/* The order of the attempts is Falco's: "a.b" is a field, never the macro "a". */
static const struct condition *parse_primary(struct parser *p)
{
	struct lexer start;
	const struct condition_operand *left;
	struct condition *c;
	struct span name;

	lexer_blanks(&p->lex);
	start = p->lex;
	if (lexer_take(&p->lex, "("))
		return parse_embedded(p, start.at);
	if (parser_field(p, &left) || parser_transformer(p, &left))
		return parse_check(p, left, start.at);
	if (!lexer_identifier(&p->lex, &name) || lexer_reserved(name)) {
		p->lex = start;
		parser_expected(p, EXPECTED_CONDITION);
		return NULL;
	}
	if (parser_unknown_call(p, start.at, name))
		return NULL;
	c = new_condition(p, CONDITION_MACRO, start.at);
	if (c)
		c->name = name;
	return c;
}

static const struct condition *parse_not(struct parser *p)
{
	const struct condition *child;
	struct condition *c;
	bool negated = false;

	lexer_blanks(&p->lex);
	uint32_t at = p->lex.at;

	while (lexer_not(&p->lex))
		negated = !negated;
	if (!negated)
		return parse_primary(p);
	if (!parser_enter(p, at))
		return NULL;
	child = parse_primary(p);
	c = child ? new_condition(p, CONDITION_NOT, at) : NULL;
	const struct condition **only = c ? arena_zeroed(p->arena, 1, sizeof(*only)) : NULL;

	if (!only) {
		no_memory(p);
		return NULL;
	}
	*only = child;
	c->children = only;
	c->children_n = 1;
	p->depth--;
	return c;
}

/* "or" with a quote or a sign right behind it: a fault, told where that stands. */
static bool stuck_keyword(struct parser *p, const char *word)
{
	struct lexer ahead = p->lex;

	if (!lexer_take(&ahead, word) || lexer_word_byte(lexer_peek(&ahead)))
		return false;
	p->lex = ahead;
	parser_expected(p, "a blank or '('");
	return true;
}

/* What is nested in parentheses stays a node of its own, also when it is of the same kind. */
static const struct condition *parse_chain(struct parser *p, enum condition_kind kind)
{
	const char *word = kind == CONDITION_OR ? "or" : "and";
	size_t mark = p->scratch.len;
	const struct condition *child;
	struct condition *c;

	lexer_blanks(&p->lex);
	uint32_t at = p->lex.at;

	do {
		child = kind == CONDITION_OR ? parse_chain(p, CONDITION_AND) : parse_not(p);
		if (!child)
			return NULL;
		buf_add(&p->scratch, &child, sizeof(child));
		lexer_blanks(&p->lex);
	} while (lexer_keyword(&p->lex, word));
	if (stuck_keyword(p, word))
		return NULL;
	if (p->scratch.len == mark + sizeof(child)) {
		p->scratch.len = mark;
		return child;
	}
	c = new_condition(p, kind, at);
	if (!c)
		return NULL;
	c->children = parser_take(p, mark, sizeof(child), &c->children_n);
	return c->children ? c : NULL;
}

static bool check_text(struct parser *p)
{
	struct span text = p->lex.text;
	char message[96];

	if (text.n > CONDITION_MAX_BYTES) {
		snprintf(message, sizeof(message), "got %zu bytes, expected at most %u", text.n,
			 CONDITION_MAX_BYTES);
		parser_fault(p, CONDITION_MAX_BYTES, message);
		return false;
	}
	const char *nul = text.n > 0 ? memchr(text.p, '\0', text.n) : NULL;

	if (nul)
		parser_fault(p, (uint32_t)(nul - text.p), "got a NUL byte, expected text");
	return !nul;
}

static struct parser parser_of(struct arena *a, const struct condition_source *source,
			       struct span text, uint32_t *at, struct err *e)
{
	return (struct parser){ .lex = { .text = text },
				.arena = a,
				.source = source,
				.scratch = { .max = SCRATCH_MAX_BYTES, .fd = -1 },
				.fault_at = at,
				.e = e };
}

int condition_parse(struct arena *a, const struct condition_source *source,
		    const struct condition **out, uint32_t *at, struct err *e)
{
	AUTO(parser_release)
	struct parser p = parser_of(a, source, source->text, at, e);

	if (!check_text(&p))
		return p.status;
	const struct condition *c = parse_chain(&p, CONDITION_OR);

	if (c && !lexer_done(&p.lex))
		parser_expected(&p, "'and', 'or' or the end");
	if (no_memory(&p))
		return p.status;
	*out = c;
	return 0;
}

int condition_item(struct arena *a, const struct condition_source *source, struct span text,
		   struct condition_value *out, struct err *e)
{
	AUTO(parser_release)
	struct parser p = parser_of(a, source, text, NULL, e);
	struct condition_value v = { .text = { NULL, 0 } };

	if (check_text(&p) && parser_item(&p, &v) && !lexer_done(&p.lex))
		parser_expected(&p, "the end, or quotes around the value");
	if (no_memory(&p))
		return p.status;
	*out = v;
	return 0;
}
