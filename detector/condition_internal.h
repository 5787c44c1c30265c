/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition_internal - the lexer of conditions, shared by their parser and by what checks single
 * words. Each lexer_* that takes something moves `at` past it and returns true, or leaves all as
 * it is and returns false. Nothing here skips blanks but lexer_blanks. */
#ifndef BULKHEAD_CONDITION_INTERNAL_H
#define BULKHEAD_CONDITION_INTERNAL_H

#include "detector/condition.h"

#define CONDITION_TOKEN_BYTES 40 /* of what a message shows */

struct lexer {
	struct span text;
	uint32_t at;
};

static inline bool lexer_done(const struct lexer *l)
{
	return l->at >= l->text.n;
}
/* The byte there; NUL at the end. */
static inline char lexer_peek(const struct lexer *l)
{
	return lexer_done(l) ? '\0' : l->text.p[l->at];
}

bool lexer_blanks(struct lexer *l);
bool lexer_take(struct lexer *l, const char *literal);
/* A word that stands alone: behind it is a blank, '(' or the end. */
bool lexer_keyword(struct lexer *l, const char *word);
bool lexer_not(struct lexer *l); /* "not" and what divides it from its operand, but for '(' */
bool lexer_identifier(struct lexer *l, struct span *out);
bool lexer_field(struct lexer *l, struct span *out);
bool lexer_argument(struct lexer *l, struct span *out); /* bare, between '[' and ']' */
bool lexer_number(struct lexer *l, struct span *out);	/* hexadecimal or decimal */
bool lexer_bare(struct lexer *l, struct span *out);
/* What is between quotes, escapes still in it; false also when the end quote is missing. */
bool lexer_quoted(struct lexer *l, struct span *inner);

/* What a message shows of the text there: a word, a sign, something quoted; cut when long. */
struct span lexer_token(const struct lexer *l);

/* "and", "or", "not": never the names of macros and lists. */
bool lexer_reserved(struct span word);
/* The whole span is one: */
bool lexer_is_bare(struct span s);
bool lexer_is_argument(struct span s);
bool lexer_is_number(struct span s);
static inline bool lexer_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Takes the escapes out of what stood between two `quote`s. 0 and *out, in the arena or in `inner`
 * itself; -ENOMEM; -EINVAL: *bad is the escape, *expected what would have been right. */
int lexer_unquote(struct arena *a, struct span inner, char quote, struct span *out,
		  struct span *bad, const char **expected);

#endif
