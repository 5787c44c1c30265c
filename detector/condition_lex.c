// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/condition_internal.h"

#include <errno.h>
#include <string.h>

/* 0x08 counts as a blank for Falco, vertical tab and form feed do not: these belong nowhere but
 * between quotes. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\b' || c == '\r' || c == '\n';
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_bare(char c)
{
	return c != '\0' && !is_space(c) && !strchr("()\"'=,", c);
}

static bool is_argument(char c)
{
	return c != '\0' && !is_space(c) && !strchr("[]\"'", c);
}

/* From here on, positions are offsets that may be the text's end. */
static char byte_at(const struct lexer *l, size_t at)
{
	return at < l->text.n ? l->text.p[at] : '\0';
}

static size_t run(const struct lexer *l, size_t at, bool (*of)(char))
{
	while (at < l->text.n && of(l->text.p[at]))
		at++;
	return at;
}

/* Takes what is before `end`; nothing when that is nothing. */
static bool take_to(struct lexer *l, size_t end, struct span *out)
{
	if (end <= l->at)
		return false;
	*out = (struct span){ l->text.p + l->at, end - l->at };
	l->at = (uint32_t)end;
	return true;
}

bool lexer_blanks(struct lexer *l)
{
	struct span s;

	return take_to(l, run(l, l->at, is_blank), &s);
}

static bool stands(const struct lexer *l, const char *literal)
{
	struct span rest = { l->text.p + l->at, l->text.n - l->at };

	return span_starts(rest, literal);
}

bool lexer_take(struct lexer *l, const char *literal)
{
	if (lexer_done(l) || !stands(l, literal))
		return false;
	l->at += (uint32_t)strlen(literal);
	return true;
}

bool lexer_keyword(struct lexer *l, const char *word)
{
	size_t end = l->at + strlen(word);

	if (lexer_done(l) || !stands(l, word))
		return false;
	if (end < l->text.n && !is_blank(l->text.p[end]) && l->text.p[end] != '(')
		return false;
	l->at = (uint32_t)end;
	return true;
}

static bool is_behind_not(char c)
{
	return is_space(c) || is_blank(c);
}

bool lexer_not(struct lexer *l)
{
	size_t word = l->at + strlen("not");

	if (lexer_done(l) || !stands(l, "not"))
		return false;
	size_t end = run(l, word, is_behind_not);

	if (end == word && end < l->text.n && l->text.p[end] != '(')
		return false;
	l->at = (uint32_t)end;
	return true;
}

/* Letter, then letters, digits, '_'; `at` when there is none. */
static size_t identifier_end(const struct lexer *l, size_t at)
{
	return is_letter(byte_at(l, at)) ? run(l, at, lexer_word_byte) : at;
}

bool lexer_identifier(struct lexer *l, struct span *out)
{
	return take_to(l, identifier_end(l, l->at), out);
}

bool lexer_field(struct lexer *l, struct span *out)
{
	size_t end = identifier_end(l, l->at);
	bool dotted = false;

	while (end > l->at && byte_at(l, end) == '.') {
		size_t next = identifier_end(l, end + 1);

		if (next == end + 1)
			break;
		end = next;
		dotted = true;
	}
	return dotted && take_to(l, end, out);
}

bool lexer_argument(struct lexer *l, struct span *out)
{
	return take_to(l, run(l, l->at, is_argument), out);
}

bool lexer_bare(struct lexer *l, struct span *out)
{
	return take_to(l, run(l, l->at, is_bare), out);
}

static bool is_hex(char c)
{
	return parse_hex_digit(c) >= 0;
}

static size_t hex_end(const struct lexer *l)
{
	size_t at = l->at;
	char x = byte_at(l, at + 1);

	if (byte_at(l, at) != '0' || (x != 'x' && x != 'X'))
		return at;
	size_t end = run(l, at + 2, is_hex);

	return end > at + 2 ? end : at;
}

static bool is_sign(char c)
{
	return c == '+' || c == '-';
}

static size_t decimal_end(const struct lexer *l)
{
	size_t digits = l->at + (is_sign(byte_at(l, l->at)) ? 1 : 0);
	size_t end = run(l, digits, is_digit);

	if (end == digits)
		return l->at;
	if (byte_at(l, end) == '.')
		end = run(l, end + 1, is_digit);
	char e = byte_at(l, end);

	/* An exponent has a sign, or is none: "1e5" is "1" with something behind it. */
	if ((e == 'e' || e == 'E') && is_sign(byte_at(l, end + 1)) && is_digit(byte_at(l, end + 2)))
		end = run(l, end + 2, is_digit);
	return end;
}

bool lexer_number(struct lexer *l, struct span *out)
{
	return take_to(l, hex_end(l), out) || take_to(l, decimal_end(l), out);
}

/* Falco looks at one byte before the quote and no further: a value that ends in "\\" cannot be
 * closed by the quote behind it. */
bool lexer_quoted(struct lexer *l, struct span *inner)
{
	char quote = lexer_peek(l);

	if (quote != '"' && quote != '\'')
		return false;
	for (size_t i = l->at + 1; i < l->text.n; i++) {
		const char *p = memchr(l->text.p + i, quote, l->text.n - i);

		if (!p)
			return false;
		i = (size_t)(p - l->text.p);
		if (p[-1] == '\\')
			continue;
		*inner = (struct span){ l->text.p + l->at + 1, i - l->at - 1 };
		l->at = (uint32_t)i + 1;
		return true;
	}
	return false;
}

struct span lexer_token(const struct lexer *l)
{
	struct lexer copy = *l;
	struct span token = { l->text.p + l->at, 0 };

	if (lexer_done(l))
		return token;
	if (lexer_quoted(&copy, &token))
		token = (struct span){ token.p - 1, token.n + 2 };
	else if (!lexer_bare(&copy, &token))
		token.n = 1;
	if (token.n > CONDITION_TOKEN_BYTES)
		token.n = CONDITION_TOKEN_BYTES;
	return token;
}

bool lexer_reserved(struct span word)
{
	return span_eq(word, "and") || span_eq(word, "or") || span_eq(word, "not");
}

static bool whole(struct span s, bool (*lex)(struct lexer *, struct span *))
{
	struct lexer l = { .text = s };
	struct span word;

	return lex(&l, &word) && lexer_done(&l);
}

bool lexer_is_bare(struct span s)
{
	/* a blank at the front would be skipped before the word is looked for */
	return s.n > 0 && !is_blank(s.p[0]) && whole(s, lexer_bare);
}

bool lexer_is_argument(struct span s)
{
	return whole(s, lexer_argument);
}

bool lexer_is_number(struct span s)
{
	return whole(s, lexer_number);
}

bool condition_is_identifier(struct span s)
{
	return !lexer_reserved(s) && whole(s, lexer_identifier);
}

/* One escape, `s` from its backslash on. Its length, or 0. */
static size_t unescape(struct span s, char quote, char *out)
{
	static const char from[] = "bfnrt\\/ ", to[] = "\b\f\n\r\t\\/\\";
	char c = s.n > 1 ? s.p[1] : '\0';
	const char *known = c ? strchr(from, c) : NULL;

	if (known) {
		*out = to[known - from];
		return 2;
	}
	if (c == quote) {
		*out = quote;
		return 2;
	}
	if (c != 'x' || s.n < 4)
		return 0;
	int high = parse_hex_digit(s.p[2]), low = parse_hex_digit(s.p[3]);

	if (high < 0 || low < 0)
		return 0;
	*out = (char)(unsigned char)(high * 16 + low);
	return 4;
}

int lexer_unquote(struct arena *a, struct span inner, char quote, struct span *out,
		  struct span *bad, const char **expected)
{
	if (inner.n == 0 || !memchr(inner.p, '\\', inner.n)) {
		*out = inner;
		return 0;
	}
	char *to = arena_zeroed(a, 1, inner.n);
	size_t n = 0;

	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < inner.n;) {
		size_t used = 1;

		to[n] = inner.p[i];
		if (inner.p[i] == '\\') {
			used = unescape((struct span){ inner.p + i, inner.n - i }, quote, &to[n]);
			if (used == 0 || to[n] == '\0') {
				bool hex = i + 1 < inner.n && inner.p[i + 1] == 'x';
				size_t shown = hex ? 4 : 2;

				*bad = (struct span){ inner.p + i,
						      inner.n - i < shown ? inner.n - i : shown };
				*expected =
					used  ? "any other byte"
					: hex ? "\\xHH, two hexadecimal digits"
					: quote == '"'
						? "one of \\b \\f \\n \\r \\t \\\\ \\/ \\\" \\xHH"
						: "one of \\b \\f \\n \\r \\t \\\\ \\/ \\' \\xHH";
				return -EINVAL;
			}
		}
		n++;
		i += used;
	}
	*out = (struct span){ to, n };
	return 0;
}
