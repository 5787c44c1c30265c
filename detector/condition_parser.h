/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition_parser - what the files of the parser of conditions share: condition.c has what is
 * above a check (or, and, not, parentheses), condition_check.c the check,
 * condition_operand.c fields, transformers, values and lists of them. */
#ifndef BULKHEAD_CONDITION_PARSER_H
#define BULKHEAD_CONDITION_PARSER_H

#include "detector/condition_internal.h"

#define SCRATCH_MAX_BYTES (32U << 20) /* a text's bytes bound it lower */

struct parser {
	struct lexer lex;
	struct arena *arena;
	const struct condition_source *source;
	struct buf scratch; /* lists that are not complete yet, the innermost last */
	unsigned depth;
	size_t nodes;
	int status; /* 0, or -errno: *e and *fault_at are filled */
	uint32_t *fault_at;
	struct err *e;
};

static inline void auto_parser_release(struct parser *p)
{
	buf_release(&p->scratch);
}

/* "got WHAT IS THERE, expected ...", at the lexer's place. The first fault counts. */
void parser_expected(struct parser *p, const char *what);
void parser_fault(struct parser *p, uint32_t at, const char *text);

/* One level of nesting more, p->depth-- takes it back; false: too many, a fault is set. */
bool parser_enter(struct parser *p, uint32_t at);
/* A counted, zeroed node; NULL: a fault is set. */
void *parser_node(struct parser *p, uint32_t at, size_t size);
/* Moves the scratch buffer from `mark` on into the arena; NULL: a fault is set. */
void *parser_take(struct parser *p, size_t mark, size_t size, size_t *n);

/* These return true when it stands there; *out is NULL when it is faulty. */
bool parser_field(struct parser *p, const struct condition_operand **out);
bool parser_transformer(struct parser *p, const struct condition_operand **out);

/* One value; false, perhaps without a fault, when none stands there. */
bool parser_quoted(struct parser *p, struct condition_value *v);
bool parser_bare(struct parser *p, struct condition_value *v);
bool parser_number(struct parser *p, struct condition_value *v);
bool parser_list_item(struct parser *p, struct condition_value *v); /* quoted or bare */
/* Behind '(': values that `one` reads, to ')'. None is fine. NULL: a fault is set; `what` is what
 * was expected where no value stands. */
const struct condition_value *parser_list(struct parser *p,
					  bool (*one)(struct parser *, struct condition_value *),
					  const char *what, size_t *n);

/* Operator and values of a check, into *c; false: a fault is set. */
bool parser_right_side(struct parser *p, struct condition *c);
bool parser_item(struct parser *p, struct condition_value *v);
/* `name` was read at `at`; with '(' behind it it was meant to be a transformer: a fault is set. */
bool parser_unknown_call(struct parser *p, uint32_t at, struct span name);

#endif
