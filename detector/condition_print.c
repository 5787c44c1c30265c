// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/condition_internal.h"

#include <string.h>

const char *condition_op_name(enum condition_op op)
{
	static const char *const names[] = {
#define X(id, text) [CONDITION_##id] = text,
		CONDITION_OPERATORS(X)
#undef X
	};
	return (unsigned)op < CONDITION_OP_COUNT ? names[op] : "";
}

const char *condition_transform_name(enum condition_transform t)
{
	static const char *const names[TRANSFORM_COUNT] = {
		[TRANSFORM_FIELD] = "",
		[TRANSFORM_TOLOWER] = "tolower",
		[TRANSFORM_TOUPPER] = "toupper",
		[TRANSFORM_B64] = "b64",
		[TRANSFORM_BASENAME] = "basename",
		[TRANSFORM_LEN] = "len",
		[TRANSFORM_JOIN] = "join",
		[TRANSFORM_CONCAT] = "concat",
		[TRANSFORM_GETOPT] = "getopt",
	};
	return (unsigned)t < TRANSFORM_COUNT ? names[t] : "";
}

static const char *modifier_name(enum condition_modifier m)
{
	switch (m) {
	case MODIFIER_NONE:
		break;
	case MODIFIER_ONEOF:
		return "oneof ";
	case MODIFIER_ANYOF:
		return "anyof ";
	case MODIFIER_ALLOF:
		return "allof ";
	}
	return "";
}

/* A backslash at the end is written as hexadecimal: behind "\\" the end quote would not count as
 * one. Bytes that no text has are hexadecimal too. */
static void print_quoted(struct buf *b, struct span s)
{
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";

	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n;) {
		size_t n = utf8_len((struct span){ s.p + i, s.n - i });
		char c = s.p[i];
		const char *known = c ? strchr(from, c) : NULL;

		if (known && !(c == '\\' && i + 1 == s.n)) {
			buf_add_char(b, '\\');
			buf_add_char(b, to[known - from]);
		} else if (n == 0 || known || (unsigned char)c < ' ' || c == 0x7f) {
			buf_printf(b, "\\x%02x", (unsigned char)c);
		} else {
			buf_add(b, s.p + i, n);
		}
		i += n ? n : 1;
	}
	buf_add_char(b, '"');
}

static bool print_operand(struct buf *b, const struct condition_operand *o, unsigned depth);

/* Trees that others put together may be deep: b->failed rather than the end of the stack. */
static bool print_list(struct buf *b, const struct condition_value *v, size_t n, unsigned depth)
{
	if (depth >= CONDITION_MAX_TREE_DEPTH)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_str(b, ", ");
		if (v[i].list) {
			buf_add_char(b, '(');
			if (!print_list(b, v[i].list, v[i].list_n, depth + 1))
				return false;
			buf_add_char(b, ')');
		} else if (v[i].operand) {
			if (!print_operand(b, v[i].operand, depth + 1))
				return false;
		} else if (!v[i].quoted && lexer_is_bare(v[i].text)) {
			buf_add_span(b, v[i].text);
		} else {
			print_quoted(b, v[i].text);
		}
	}
	return true;
}

static bool print_operand(struct buf *b, const struct condition_operand *o, unsigned depth)
{
	if (o->transform == TRANSFORM_FIELD) {
		buf_add_span(b, o->field);
	} else {
		buf_add_str(b, condition_transform_name(o->transform));
		buf_add_char(b, '(');
		if (!print_list(b, o->args, o->args_n, depth + 1))
			return false;
		buf_add_char(b, ')');
	}
	if (!o->has_arg)
		return true;
	buf_add_char(b, '[');
	if (lexer_is_argument(o->arg))
		buf_add_span(b, o->arg);
	else
		print_quoted(b, o->arg);
	buf_add_char(b, ']');
	return true;
}

static bool print_check(struct buf *b, const struct condition *c, unsigned depth)
{
	const struct condition_operand *right = c->values_n == 1 ? c->values[0].operand : NULL;
	bool val = right && right->transform == TRANSFORM_FIELD;

	if (!print_operand(b, c->left, depth + 1))
		return false;
	buf_add_char(b, ' ');
	buf_add_str(b, condition_op_name(c->op));
	if (c->op == CONDITION_EXISTS)
		return true;
	buf_add_char(b, ' ');
	buf_add_str(b, modifier_name(c->modifier));
	buf_add_str(b, c->list ? "(" : val ? "val(" : "");
	if (!print_list(b, c->values, c->values_n, depth + 1))
		return false;
	buf_add_str(b, c->list || val ? ")" : "");
	return true;
}

static bool print(struct buf *b, const struct condition *c, unsigned depth);

static bool print_child(struct buf *b, const struct condition *parent,
			const struct condition *child, unsigned depth)
{
	/* kinds stand in the order of their binding */
	bool parentheses = child->kind <= parent->kind;

	buf_add_str(b, parentheses ? "(" : "");
	if (!print(b, child, depth + 1))
		return false;
	buf_add_str(b, parentheses ? ")" : "");
	return true;
}

static bool print(struct buf *b, const struct condition *c, unsigned depth)
{
	if (depth >= CONDITION_MAX_TREE_DEPTH || b->failed)
		return false;
	switch (c->kind) {
	case CONDITION_MACRO:
		buf_add_span(b, c->name);
		return true;
	case CONDITION_CHECK:
		return print_check(b, c, depth);
	case CONDITION_NOT:
		buf_add_str(b, "not ");
		return print_child(b, c, c->children[0], depth);
	case CONDITION_OR:
	case CONDITION_AND:
		for (size_t i = 0; i < c->children_n; i++) {
			if (i > 0)
				buf_add_str(b, c->kind == CONDITION_OR ? " or " : " and ");
			if (!print_child(b, c, c->children[i], depth))
				return false;
		}
		return true;
	}
	return false;
}

void condition_print(struct buf *b, const struct condition *c)
{
	if (!print(b, c, 0))
		b->failed = true;
}

static bool same_text(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static bool same_operand(const struct condition_operand *a, const struct condition_operand *b,
			 unsigned depth);

static bool same_values(const struct condition_value *a, const struct condition_value *b, size_t n,
			unsigned depth)
{
	if (depth >= CONDITION_MAX_TREE_DEPTH)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!same_text(a[i].text, b[i].text) || a[i].quoted != b[i].quoted ||
		    a[i].number != b[i].number || !a[i].list != !b[i].list ||
		    a[i].list_n != b[i].list_n || !same_operand(a[i].operand, b[i].operand, depth))
			return false;
		if (a[i].list && !same_values(a[i].list, b[i].list, a[i].list_n, depth + 1))
			return false;
	}
	return true;
}

static bool same_operand(const struct condition_operand *a, const struct condition_operand *b,
			 unsigned depth)
{
	if (!a || !b)
		return a == b;
	return a->transform == b->transform && same_text(a->field, b->field) &&
	       a->has_arg == b->has_arg && same_text(a->arg, b->arg) && a->args_n == b->args_n &&
	       same_values(a->args, b->args, a->args_n, depth + 1);
}

static bool same(const struct condition *a, const struct condition *b, unsigned depth)
{
	if (depth >= CONDITION_MAX_TREE_DEPTH)
		return false;
	if (a->kind != b->kind || a->children_n != b->children_n || a->op != b->op ||
	    a->modifier != b->modifier || a->list != b->list || a->values_n != b->values_n ||
	    !same_text(a->name, b->name) || !same_operand(a->left, b->left, depth) ||
	    !same_values(a->values, b->values, a->values_n, depth + 1))
		return false;
	for (size_t i = 0; i < a->children_n; i++) {
		if (!same(a->children[i], b->children[i], depth + 1))
			return false;
	}
	return true;
}

bool condition_same(const struct condition *a, const struct condition *b)
{
	return same(a, b, 0);
}
