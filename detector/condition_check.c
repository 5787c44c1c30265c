// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/condition_parser.h"

#include <errno.h>
#include <string.h>

enum operator_class { CLASS_EXISTS, CLASS_NUMBER, CLASS_SIGN, CLASS_WORD, CLASS_LIST };

/* In Falco's order: "in" is tried behind "intersects", "=" behind "==" and "<" behind "<=". */
static const struct {
	const char *text;
	enum condition_op op;
	enum operator_class class;
} attempts[] = {
	{ "exists", CONDITION_EXISTS, CLASS_EXISTS },
	{ "<=", CONDITION_LE, CLASS_NUMBER },
	{ "<", CONDITION_LT, CLASS_NUMBER },
	{ ">=", CONDITION_GE, CLASS_NUMBER },
	{ ">", CONDITION_GT, CLASS_NUMBER },
	{ "==", CONDITION_EQ, CLASS_SIGN },
	{ "=", CONDITION_EQ, CLASS_SIGN },
	{ "!=", CONDITION_NE, CLASS_SIGN },
	{ "glob", CONDITION_GLOB, CLASS_WORD },
	{ "iglob", CONDITION_IGLOB, CLASS_WORD },
	{ "contains", CONDITION_CONTAINS, CLASS_WORD },
	{ "icontains", CONDITION_ICONTAINS, CLASS_WORD },
	{ "bcontains", CONDITION_BCONTAINS, CLASS_WORD },
	{ "startswith", CONDITION_STARTSWITH, CLASS_WORD },
	{ "bstartswith", CONDITION_BSTARTSWITH, CLASS_WORD },
	{ "endswith", CONDITION_ENDSWITH, CLASS_WORD },
	{ "regex", CONDITION_REGEX, CLASS_WORD },
	{ "intersects", CONDITION_INTERSECTS, CLASS_LIST },
	{ "in", CONDITION_IN, CLASS_LIST },
	{ "pmatch", CONDITION_PMATCH, CLASS_LIST },
};
#define ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static const struct {
	const char *text;
	enum condition_modifier modifier;
} modifiers[] = {
	{ "oneof", MODIFIER_ONEOF },
	{ "anyof", MODIFIER_ANYOF },
	{ "allof", MODIFIER_ALLOF },
};

/* val(field), or a transformer. */
static bool val_value(struct parser *p, struct condition_value *v)
{
	if (!lexer_take(&p->lex, "val("))
		return parser_transformer(p, &v->operand) && v->operand;
	lexer_blanks(&p->lex);
	if (!parser_field(p, &v->operand)) {
		parser_expected(p, "a field");
		return false;
	}
	lexer_blanks(&p->lex);
	if (v->operand && !lexer_take(&p->lex, ")"))
		parser_expected(p, "')'");
	return p->status == 0;
}

static bool text_value(struct parser *p, struct condition_value *v)
{
	if (val_value(p, v) || (p->status == 0 && parser_quoted(p, v)))
		return true;
	return parser_bare(p, v) && !parser_unknown_call(p, v->at, v->text);
}

/* The name of a list, as it stands behind "in". */
static bool list_name(struct parser *p, struct condition_value *v)
{
	struct lexer start = p->lex;

	if (lexer_identifier(&p->lex, &v->text) && !lexer_reserved(v->text))
		return !parser_unknown_call(p, v->at, v->text);
	p->lex = start;
	v->text = (struct span){ NULL, 0 };
	return false;
}

static bool set_values(struct parser *p, struct condition *c, const struct condition_value *one)
{
	struct condition_value *v = arena_zeroed(p->arena, 1, sizeof(*v));

	if (!v)
		return false; /* condition_parse tells it: arena.failed */
	*v = *one;
	c->values = v;
	c->values_n = 1;
	return true;
}

/* Behind a modifier, or an operator of lists. */
static bool parse_list_value(struct parser *p, struct condition *c)
{
	struct condition_value v = { .text = { NULL, 0 } };

	lexer_blanks(&p->lex);
	v.at = p->lex.at;
	if (lexer_take(&p->lex, "(")) {
		c->list = true;
		c->values = parser_list(p, parser_list_item, "a value", &c->values_n);
		return c->values;
	}
	if (c->modifier == MODIFIER_NONE && val_value(p, &v))
		return set_values(p, c, &v);
	if (p->status == 0 && list_name(p, &v))
		return set_values(p, c, &v);
	parser_expected(p,
			c->modifier == MODIFIER_NONE
				? "a list in parentheses, the name of one, val() or a transformer"
				: "a list in parentheses or the name of one");
	return false;
}

/* "oneof" is a modifier when a list, or the name of one, is behind it; else it is a value. */
static enum condition_modifier take_modifier(struct lexer *l)
{
	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		struct lexer ahead = *l;
		struct span word;

		if (!lexer_keyword(&ahead, modifiers[i].text))
			continue;
		struct lexer behind = ahead;

		lexer_blanks(&ahead);
		if (lexer_peek(&ahead) != '(' &&
		    (!lexer_identifier(&ahead, &word) || lexer_reserved(word)))
			return MODIFIER_NONE;
		*l = behind;
		return modifiers[i].modifier;
	}
	return MODIFIER_NONE;
}

static bool parse_value(struct parser *p, struct condition *c,
			bool (*one)(struct parser *, struct condition_value *), const char *what)
{
	struct condition_value v = { .text = { NULL, 0 } };

	lexer_blanks(&p->lex);
	v.at = p->lex.at;
	if (one(p, &v))
		return set_values(p, c, &v);
	parser_expected(p, what);
	return false;
}

static bool number_or_val(struct parser *p, struct condition_value *v)
{
	return val_value(p, v) || (p->status == 0 && parser_number(p, v));
}

static bool parse_text(struct parser *p, struct condition *c)
{
	lexer_blanks(&p->lex);
	c->modifier = take_modifier(&p->lex);
	if (c->modifier != MODIFIER_NONE)
		return parse_list_value(p, c);
	return parse_value(p, c, text_value, "a value");
}

/* The index in attempts, or ATTEMPTS. */
static size_t take_operator(struct parser *p)
{
	for (size_t i = 0; i < ATTEMPTS; i++) {
		struct lexer start = p->lex;

		if (!lexer_take(&p->lex, attempts[i].text))
			continue;
		if (attempts[i].class != CLASS_WORD || !lexer_word_byte(lexer_peek(&p->lex)))
			return i;
		p->lex = start; /* "containsall" is no operator with a value behind it */
	}
	return ATTEMPTS;
}

static void expected_operator(struct parser *p)
{
	char text[256] = "an operator:";
	size_t n = strlen(text);

	for (int op = 0; op < CONDITION_OP_COUNT; op++) {
		int added = snprintf(text + n, sizeof(text) - n, " %s",
				     condition_op_name((enum condition_op)op));

		n += added > 0 && (size_t)added < sizeof(text) - n ? (size_t)added : 0;
	}
	parser_expected(p, text);
}

bool parser_right_side(struct parser *p, struct condition *c)
{
	lexer_blanks(&p->lex);
	size_t i = take_operator(p);

	if (i == ATTEMPTS) {
		expected_operator(p);
		return false;
	}
	c->op = attempts[i].op;
	switch (attempts[i].class) {
	case CLASS_EXISTS:
		return true;
	case CLASS_NUMBER:
		return parse_value(p, c, number_or_val, "a number, val() or a transformer");
	case CLASS_SIGN:
		return parse_text(p, c);
	case CLASS_WORD:
		if (!lexer_done(&p->lex) && !lexer_blanks(&p->lex)) {
			parser_expected(p, "a blank behind the operator");
			return false;
		}
		return parse_text(p, c);
	case CLASS_LIST:
		return parse_list_value(p, c);
	}
	return false;
}

/* ITEMS */

/* Falco puts quotes around an item that holds a space, and reads what comes out. */
static bool spaced_item(struct parser *p, struct condition_value *v)
{
	struct span text = p->lex.text, bad;
	const char *expected = NULL;

	for (size_t i = 0; i < text.n; i++) {
		bool escaped = i > 0 && text.p[i - 1] == '\\';

		p->lex.at = (uint32_t)i;
		if (text.p[i] == '"' && !escaped) {
			parser_expected(p, "'\\\"' in a value with blanks");
			return false;
		}
	}
	if (text.p[text.n - 1] == '\\') {
		parser_expected(p, "another byte at the end of a value with blanks");
		return false;
	}
	p->lex.at = (uint32_t)text.n;
	v->quoted = true;

	int r = lexer_unquote(p->arena, text, '"', &v->text, &bad, &expected);

	if (r == -EINVAL) {
		p->lex.at = (uint32_t)(bad.p - text.p);
		parser_expected(p, expected);
	}
	return r == 0;
}

bool parser_item(struct parser *p, struct condition_value *v)
{
	char first = lexer_peek(&p->lex);
	struct span text = p->lex.text;

	if (text.n > 0 && first != '"' && first != '\'' && memchr(text.p, ' ', text.n))
		return spaced_item(p, v);
	lexer_blanks(&p->lex);
	v->at = p->lex.at;
	if (!parser_list_item(p, v)) {
		parser_expected(p,
				"a value; quotes go around one with blanks, quotes, parentheses, "
				"',' or '='");
		return false;
	}
	lexer_blanks(&p->lex);
	return true;
}
