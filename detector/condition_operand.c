// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/condition_parser.h"

#include <errno.h>
#include <string.h>

#define EXPECTED_TRANSFORMER                                                                       \
	"tolower(), toupper(), b64(), basename(), len(), join(), concat() or getopt()"

/* VALUES */

/* False without a fault when no quote stands there. */
static bool quoted(struct parser *p, struct span *out)
{
	char quote = lexer_peek(&p->lex), text[128];
	const char *expected = NULL;
	uint32_t at = p->lex.at;
	struct span inner, bad;

	if (quote != '"' && quote != '\'')
		return false;
	if (!lexer_quoted(&p->lex, &inner)) {
		snprintf(text, sizeof(text), "got an open quote, expected a %c that closes it",
			 quote);
		parser_fault(p, at, text);
		return false;
	}
	int r = lexer_unquote(p->arena, inner, quote, out, &bad, &expected);

	if (r == -EINVAL) {
		snprintf(text, sizeof(text), "got '%.*s' in quotes, expected %s", (int)bad.n, bad.p,
			 expected);
		parser_fault(p, (uint32_t)(bad.p - p->lex.text.p), text);
	}
	return r == 0 && p->status == 0;
}

bool parser_quoted(struct parser *p, struct condition_value *v)
{
	v->quoted = quoted(p, &v->text);
	return v->quoted;
}

bool parser_bare(struct parser *p, struct condition_value *v)
{
	if (p->status < 0 || !lexer_bare(&p->lex, &v->text))
		return false;
	v->number = lexer_is_number(v->text);
	return true;
}

bool parser_number(struct parser *p, struct condition_value *v)
{
	v->number = lexer_number(&p->lex, &v->text);
	return v->number;
}

static bool push_value(struct parser *p, size_t mark, const struct condition_value *v)
{
	if ((p->scratch.len - mark) / sizeof(*v) >= CONDITION_MAX_VALUES) {
		char text[96];

		snprintf(text, sizeof(text), "got value %d of a list, expected at most %d",
			 CONDITION_MAX_VALUES + 1, CONDITION_MAX_VALUES);
		parser_fault(p, v->at, text);
		return false;
	}
	buf_add(&p->scratch, v, sizeof(*v));
	return true;
}

const struct condition_value *parser_list(struct parser *p,
					  bool (*one)(struct parser *, struct condition_value *),
					  const char *what, size_t *n)
{
	size_t mark = p->scratch.len;

	lexer_blanks(&p->lex);
	if (!lexer_take(&p->lex, ")")) {
		do {
			struct condition_value v = { .text = { NULL, 0 } };

			lexer_blanks(&p->lex);
			v.at = p->lex.at;
			if (!one(p, &v)) {
				parser_expected(p, what);
				return NULL;
			}
			if (!push_value(p, mark, &v))
				return NULL;
			lexer_blanks(&p->lex);
		} while (lexer_take(&p->lex, ","));
		if (!lexer_take(&p->lex, ")")) {
			parser_expected(p, "',' or ')'");
			return NULL;
		}
	}
	return parser_take(p, mark, sizeof(struct condition_value), n);
}

bool parser_list_item(struct parser *p, struct condition_value *v)
{
	return parser_quoted(p, v) || parser_bare(p, v);
}

/* OPERANDS */

/* "[...]", where one stands. */
static bool parse_argument(struct parser *p, struct condition_operand *o)
{
	if (!lexer_take(&p->lex, "["))
		return true;
	if (!quoted(p, &o->arg) && (p->status < 0 || !lexer_argument(&p->lex, &o->arg))) {
		parser_expected(p, "an argument");
		return false;
	}
	o->has_arg = true;
	if (lexer_take(&p->lex, "]"))
		return true;
	parser_expected(p, "']'");
	return false;
}

bool parser_field(struct parser *p, const struct condition_operand **out)
{
	uint32_t at = p->lex.at;
	struct span name;

	*out = NULL;
	if (!lexer_field(&p->lex, &name))
		return false;
	struct condition_operand *o = parser_node(p, at, sizeof(*o));

	if (o) {
		o->field = name;
		o->at = at;
		*out = parse_argument(p, o) ? o : NULL;
	}
	return true;
}

/* What both a transformer and the list of one may hold. */
static bool operand_value(struct parser *p, struct condition_value *v)
{
	if (parser_field(p, &v->operand) || parser_transformer(p, &v->operand))
		return v->operand;
	return parser_quoted(p, v) || (p->status == 0 && parser_number(p, v));
}

static bool argument_value(struct parser *p, struct condition_value *v)
{
	if (!lexer_take(&p->lex, "("))
		return operand_value(p, v);
	v->list = parser_list(p, operand_value,
			      "a field, a transformer, a quoted value, a number or ')'",
			      &v->list_n);
	return v->list;
}

static enum condition_transform take_transform(struct lexer *l)
{
	struct lexer start = *l;

	for (enum condition_transform t = TRANSFORM_FIELD + 1; t < TRANSFORM_COUNT; t++) {
		if (lexer_take(l, condition_transform_name(t)) && lexer_take(l, "("))
			return t;
		*l = start;
	}
	return TRANSFORM_FIELD;
}

static bool parse_arguments(struct parser *p, struct condition_operand *o)
{
	static const char what[] = "a field, a transformer, a quoted value, a number or a list";

	lexer_blanks(&p->lex);
	if (lexer_peek(&p->lex) == ')') {
		parser_expected(p, what);
		return false;
	}
	o->args = parser_list(p, argument_value, what, &o->args_n);
	return o->args && parse_argument(p, o);
}

bool parser_transformer(struct parser *p, const struct condition_operand **out)
{
	uint32_t at = p->lex.at;
	enum condition_transform t = take_transform(&p->lex);

	*out = NULL;
	if (t == TRANSFORM_FIELD)
		return false;
	if (!parser_enter(p, at))
		return true;
	struct condition_operand *o = parser_node(p, at, sizeof(*o));

	if (!o)
		return true;
	o->transform = t;
	o->at = at;
	if (parse_arguments(p, o)) {
		p->depth--;
		*out = o;
	}
	return true;
}

bool parser_unknown_call(struct parser *p, uint32_t at, struct span name)
{
	char text[256];

	if (lexer_peek(&p->lex) != '(' || !condition_is_identifier(name))
		return false;
	snprintf(text, sizeof(text), "got '%.*s(', expected " EXPECTED_TRANSFORMER,
		 name.n < CONDITION_TOKEN_BYTES ? (int)name.n : CONDITION_TOKEN_BYTES, name.p);
	parser_fault(p, at, text);
	return true;
}
