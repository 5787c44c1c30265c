// SPDX-License-Identifier: GPL-2.0-or-later
/* Where the secrets are in one argument: after '=' and ':' by the name before, in URLs and headers.
 * One pass; the time is that of the bytes times the words. */
#include "collector/redact_internal.h"

#include <string.h>

struct range {
	size_t begin, end;
};

bool redact_is_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool is_name_char(char c)
{
	char p = redact_plain(c);

	return (p >= 'a' && p <= 'z') || (p >= '0' && p <= '9') || p == '_' || p == '.';
}

bool redact_starts(struct span s, size_t at, const char *lower)
{
	size_t n = strlen(lower);

	for (size_t i = 0; i < n; i++)
		if (at + i >= s.n || redact_plain(s.p[at + i]) != lower[i])
			return false;
	return true;
}

static size_t skip(struct span s, size_t at, const char *set)
{
	while (at < s.n && redact_is_in(s.p[at], set))
		at++;
	return at;
}

size_t redact_until(struct span s, size_t at, const char *set)
{
	while (at < s.n && !redact_is_in(s.p[at], set))
		at++;
	return at;
}

/* A value inside of other text: in quotes up to the same quote, else up to what ends words. */
static struct range value_inside(struct span s, size_t at)
{
	char quote[] = { at < s.n ? s.p[at] : '\0', '\0' };

	if (redact_is_in(quote[0], "\"'"))
		return (struct range){ at + 1, redact_until(s, at + 1, quote) };
	return (struct range){ at, redact_until(s, at, ",;& \t\r\n\"'}") };
}

/* The value of a header: the word that names the scheme stays. */
static struct range value_of_header(struct span s, size_t at)
{
	if (redact_starts(s, at, "bearer "))
		at = skip(s, at + 7, " ");
	else if (redact_starts(s, at, "basic "))
		at = skip(s, at + 6, " ");
	if (at < s.n && redact_is_in(s.p[at], "\"'"))
		return value_inside(s, at);
	return (struct range){ at, redact_until(s, at, "\r\n\"'") };
}

struct name_before {
	struct span name;
	bool quoted; /* as in JSON */
	bool first;  /* nothing comes before it */
};

static struct name_before name_before(struct span s, size_t from, size_t at)
{
	struct name_before b = { .quoted = at > from && redact_is_in(s.p[at - 1], "\"'") };
	size_t end = b.quoted ? at - 1 : at, begin = end;

	while (begin > from && is_name_char(s.p[begin - 1]))
		begin--;
	b.name = (struct span){ s.p + begin, end - begin };
	b.first = begin == 0;
	return b;
}

/* scheme://user:password@host, `at` being the colon. */
static struct range password_of_url(struct span s, size_t at)
{
	struct span rest = { s.p, redact_until(s, at + 3, "/?# \t\r\n\"'`<>") };
	const char *last = memrchr(s.p + at + 3, '@', rest.n - at - 3);
	size_t user_end = last ? (size_t)(last - s.p) : 0;
	const char *colon = last ? memchr(s.p + at + 3, ':', user_end - at - 3) : NULL;

	return colon ? (struct range){ (size_t)(colon - s.p) + 1, user_end }
		     : (struct range){ 0, 0 };
}

static struct range after_equals(const struct redact *r, struct span s, size_t from, size_t at)
{
	struct name_before b = name_before(s, from, at);

	if (!redact_is_secret(r, b.name))
		return (struct range){ 0, 0 };
	return b.first ? (struct range){ at + 1, s.n } : value_inside(s, at + 1);
}

static struct range after_colon(const struct redact *r, struct span s, size_t from, size_t at)
{
	struct name_before b = name_before(s, from, at);
	size_t value = skip(s, at + 1, " \t");
	bool blank = value > at + 1;

	if (redact_starts(s, at, "://"))
		return password_of_url(s, at);
	if (b.name.n >= 13 && redact_starts(b.name, b.name.n - 13, "authorization"))
		return value_of_header(s, b.quoted ? skip(s, value, "\"'") : value);
	/* image:tag and source:target are no values: a blank or JSON's quotes make one */
	if ((blank || b.quoted) && redact_is_secret(r, b.name))
		return b.first ? value_of_header(s, value) : value_inside(s, value);
	if (blank && (redact_starts(s, value, "bearer ") || redact_starts(s, value, "basic ")))
		return value_of_header(s, value);
	return (struct range){ 0, 0 };
}

/* "Bearer x" as an argument of its own; "Basic usage of it" is prose. */
static struct range at_begin(struct span s)
{
	if (redact_starts(s, 0, "bearer ") ||
	    (redact_starts(s, 0, "basic ") && redact_until(s, 6, " ") == s.n))
		return value_of_header(s, 0);
	return (struct range){ 0, 0 };
}

void redact_text(const struct redact *r, struct span s, struct buf *out)
{
	struct range found = at_begin(s);
	size_t done = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (found.end <= found.begin && s.p[i] == '=')
			found = after_equals(r, s, done, i);
		else if (found.end <= found.begin && s.p[i] == ':')
			found = after_colon(r, s, done, i);
		if (found.end <= found.begin)
			continue;
		buf_add(out, s.p + done, found.begin - done);
		buf_add_str(out, REDACT_MASK);
		done = found.end;
		i = found.end - 1;
		found = (struct range){ 0, 0 };
	}
	buf_add(out, s.p + done, s.n - done);
}
