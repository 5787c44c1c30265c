/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition - the condition language of Falco's rules: text to tree and back.
 *
 * Pure, any thread. A tree lives in the caller's arena and points into it; it is never changed
 * after it was parsed. What names mean (macros, lists, fields, types) is not known here: see
 * rule_set.h and rule_program.h.
 *
 *	or     = and { "or" and }
 *	and    = not { "and" not }
 *	not    = { "not" } ( "(" or ")" | check | macro )
 *	check  = operand ( "exists" | operator value )
 *
 * as libsinsp's filter parser takes it (falco engine 0.57): the order of attempts, blanks, bare
 * words and escapes are its. Beside it "a or(b) and c" is accepted as "a or (b) and c". */
#ifndef BULKHEAD_CONDITION_H
#define BULKHEAD_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/arena.h"
#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

#define CONDITION_MAX_BYTES  (256U << 10) /* of one text */
#define CONDITION_MAX_DEPTH  100	  /* of parentheses, "not" and transformers together */
#define CONDITION_MAX_NODES  65536	  /* of one text */
#define CONDITION_MAX_VALUES 65536	  /* of one list */
/* What condition_print and condition_same follow of trees that others put together (macros in
 * place): deeper ones are b->failed and false. */
#define CONDITION_MAX_TREE_DEPTH 1000

/* X(ID, text, takes what) */
#define CONDITION_OPERATORS(X)                                                                     \
	X(EQ, "=")                                                                                 \
	X(NE, "!=")                                                                                \
	X(LT, "<")                                                                                 \
	X(LE, "<=")                                                                                \
	X(GT, ">")                                                                                 \
	X(GE, ">=")                                                                                \
	X(CONTAINS, "contains")                                                                    \
	X(ICONTAINS, "icontains")                                                                  \
	X(BCONTAINS, "bcontains")                                                                  \
	X(STARTSWITH, "startswith")                                                                \
	X(BSTARTSWITH, "bstartswith")                                                              \
	X(ENDSWITH, "endswith")                                                                    \
	X(GLOB, "glob")                                                                            \
	X(IGLOB, "iglob")                                                                          \
	X(REGEX, "regex")                                                                          \
	X(IN, "in")                                                                                \
	X(INTERSECTS, "intersects")                                                                \
	X(PMATCH, "pmatch")                                                                        \
	X(EXISTS, "exists")

enum condition_op {
#define X(id, text) CONDITION_##id,
	CONDITION_OPERATORS(X)
#undef X
		CONDITION_OP_COUNT
};
const char *condition_op_name(enum condition_op op);

/* "contains anyof (a, b)": how the check over several values is put together. */
enum condition_modifier { MODIFIER_NONE, MODIFIER_ONEOF, MODIFIER_ANYOF, MODIFIER_ALLOF };

enum condition_transform {
	TRANSFORM_FIELD, /* no transformer: the field itself */
	TRANSFORM_TOLOWER,
	TRANSFORM_TOUPPER,
	TRANSFORM_B64,
	TRANSFORM_BASENAME,
	TRANSFORM_LEN,
	TRANSFORM_JOIN,
	TRANSFORM_CONCAT,
	TRANSFORM_GETOPT,
	TRANSFORM_COUNT
};
const char *condition_transform_name(enum condition_transform t); /* "tolower"; "" for FIELD */

struct condition_operand;

/* What stands right of an operator, or inside a transformer. */
struct condition_value {
	struct span text; /* unquoted, escapes taken out; of an operand: empty */
	bool quoted;	  /* was in quotes: never the name of a list */
	bool number;	  /* NUM or HEX by the grammar, not quoted */
	const struct condition_operand *operand; /* val(field), a transformer; else NULL */
	const struct condition_value *list;	 /* join()'s; else NULL */
	size_t list_n;
	uint32_t at; /* where it begins in the text, in bytes */
};

/* A field, or a transformer of such. */
struct condition_operand {
	enum condition_transform transform;
	struct span field; /* "proc.aname"; empty with a transformer */
	struct span arg;   /* "2" of "proc.aname[2]" */
	bool has_arg;
	const struct condition_value *args; /* of a transformer */
	size_t args_n;
	uint32_t at;
};

enum condition_kind {
	CONDITION_OR,
	CONDITION_AND,
	CONDITION_NOT,
	CONDITION_CHECK,
	CONDITION_MACRO
};

/* Whose text it is: for errors. */
struct condition_source {
	struct span file, what, name; /* "falco_rules.yaml", "rule" or "macro", its name */
	struct span text;	      /* of the condition */
	/* Line and column (both from 1) of a byte of the text in the file; NULL: line and column
	 * are those in the text. */
	void (*place)(const struct condition_source *s, uint32_t at, uint32_t *line,
		      uint32_t *column);
	const void *place_data;
};

struct condition {
	enum condition_kind kind;
	uint32_t at; /* in source->text */
	const struct condition_source *source;
	const struct condition *const *children; /* OR, AND: two and more; NOT: one */
	size_t children_n;
	/* CHECK */
	const struct condition_operand *left;
	enum condition_op op;
	enum condition_modifier modifier;
	const struct condition_value *values;
	size_t values_n;
	bool list; /* values were in parentheses */
	/* MACRO */
	struct span name;
};

/* Parses source->text. What is in parentheses stays a node of its own: "a and (b and c)" is not
 * "a and b and c". "and", "or" and "not" are no names of macros or lists. `source` must live as
 * long as the tree. 0 and *out in the arena; or -EINVAL, *e says "FILE:LINE:COLUMN: rule 'NAME':
 * ... , expected ..." and *at (if not NULL) is the byte; -ENOMEM. */
int condition_parse(struct arena *a, const struct condition_source *source,
		    const struct condition **out, uint32_t *at, struct err *e);

/* Fills *e like condition_parse does, for faults that are found later. Returns -code. */
int condition_fault(const struct condition_source *s, uint32_t at, int code, struct err *e,
		    const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The canonical text: single blanks, parentheses where precedence needs them, values quoted where
 * they must be. Parsing it gives the same tree (but for `at`). It holds whatever bare words may
 * hold: buf_add_visible for terminals. */
void condition_print(struct buf *b, const struct condition *c);
/* The same tree? Positions and sources aside. */
bool condition_same(const struct condition *a, const struct condition *b);

/* A value of a YAML list, as it would stand in a condition's list: a, '(x)' unquoted; one with
 * spaces in it and no quotes around it is read as if it had them. Faults are placed by their byte
 * in `text`, which is the source's. */
int condition_item(struct arena *a, const struct condition_source *source, struct span text,
		   struct condition_value *out, struct err *e);
/* Whether it is a macro's name: letter, then letters, digits, '_'. */
bool condition_is_identifier(struct span s);

#endif
