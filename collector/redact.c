// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/redact_internal.h"

#include <string.h>

#define NAME_SEEN 128 /* last bytes of a name that are looked at */

/* --- words --------------------------------------------------------------------------------- */
char redact_plain(char c) /* case and dashes do not count */
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

/* Tells most names from most words without a search; '=', '$' and all others have no bit. */
static uint32_t letter_bit(char c)
{
	return c >= 'a' && c <= 'z' ? 1U << (c - 'a') : 0;
}

/* Stores s in `entry`, NUL-terminated. */
static bool keep(char *entry, size_t cap, struct span s, bool as_word)
{
	if (s.n == 0 || s.n >= cap || memchr(s.p, '\0', s.n))
		return false;
	for (size_t i = 0; i < s.n; i++)
		entry[i] = as_word ? redact_plain(s.p[i]) : s.p[i];
	entry[s.n] = '\0';
	return true;
}

bool redact_add_word(struct redact *r, struct span word)
{
	if (r->words_n >= REDACT_MAX_WORDS || span_eq(word, "=") || span_eq(word, "$") ||
	    !keep(r->words[r->words_n], sizeof(r->words[0]), word, true))
		return false;
	uint32_t letters = 0;

	for (const char *p = r->words[r->words_n]; *p; p++)
		letters |= letter_bit(*p);
	r->letters[r->words_n++] = letters;
	return true;
}

bool redact_keep_env(struct redact *r, struct span name)
{
	if (r->env_n >= REDACT_MAX_WORDS || !keep(r->env[r->env_n], sizeof(r->env[0]), name, false))
		return false;
	r->env_n++;
	return true;
}

bool redact_keep_entry(struct redact *r, struct span mark)
{
	if (r->marks_n >= REDACT_MAX_WORDS || mark.n >= sizeof(r->marks[0]) ||
	    (mark.n && memchr(mark.p, '\0', mark.n)))
		return false;
	char *to = r->marks[r->marks_n++];

	if (mark.n)
		memcpy(to, mark.p, mark.n);
	to[mark.n] = '\0';
	return true;
}

void redact_defaults(struct redact *r)
{
	static const char *const words[] = {
		"password", "passwd",	      "passphrase",  "=pwd",	    "_pwd$",
		"=pass",    "_pass$",	      "token",	     "secret",	    "=key",
		"_key$",    "apikey$",	      "accesskey$",  "privatekey$", "authkey$",
		"passkey$", "encryptionkey$", "signingkey$", "credential",  "auth$",
		"auth_",    "authorization",
	};

	*r = (struct redact){ .enabled = true };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		redact_add_word(r, span_str(words[i]));
}

static bool word_matches(const char *word, struct span name)
{
	bool whole = word[0] == '=';
	size_t n = strlen(word += whole);
	bool ends = !whole && n > 0 && word[n - 1] == '$';

	n -= ends;
	if (n == 0 || name.n < n) /* nothing is not in every name */
		return false;
	if (!whole && !ends)
		return memmem(name.p, name.n, word, n);
	size_t before = name.n - n;

	return memcmp(name.p + before, word, n) == 0 &&
	       (ends || before == 0 || name.p[before - 1] == '.');
}

bool redact_is_secret(const struct redact *r, struct span name)
{
	char text[NAME_SEEN];
	uint32_t letters = 0;

	while (name.n > 0 && name.p[0] == '-') {
		name.p++;
		name.n--;
	}
	if (name.n > sizeof(text)) {
		name.p += name.n - sizeof(text);
		name.n = sizeof(text);
	}
	for (size_t i = 0; i < name.n; i++) {
		text[i] = redact_plain(name.p[i]);
		letters |= letter_bit(text[i]);
	}
	name.p = text;
	for (uint32_t i = 0; name.n > 0 && i < r->words_n; i++)
		if (!(r->letters[i] & ~letters) && word_matches(r->words[i], name))
			return true;
	return false;
}

/* --- one argument after the other ---------------------------------------------------------- */
enum next {
	NEXT_PLAIN,
	NEXT_VALUE,	  /* after --password */
	NEXT_CREDENTIALS, /* after "Authorization:" Bearer */
	NEXT_HEADER,	  /* after "Authorization:" */
	NEXT_SCRIPT	  /* after -c */
};

struct walk {
	const struct redact *r;
	struct buf *out;
	enum next next;
};

/* -c, -lc, -ec: letters only, so that -cpu=2 or -1c is none. */
static bool is_script_option(struct span s)
{
	if (s.n < 2 || s.n > 5 || s.p[0] != '-' || !memchr(s.p, 'c', s.n))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] < 'a' || s.p[i] > 'z')
			return false;
	return true;
}

static enum next what_follows(const struct walk *w, struct span s)
{
	if (s.n > 1 && s.p[0] == '-' && redact_until(s, 0, "=: \t\n") == s.n &&
	    redact_is_secret(w->r, s))
		return NEXT_VALUE;
	if (s.n >= 14 && s.p[s.n - 1] == ':' && redact_starts(s, s.n - 14, "authorization"))
		return NEXT_HEADER;
	if (s.n == 6 && redact_starts(s, 0, "bearer"))
		return NEXT_CREDENTIALS;
	return NEXT_PLAIN;
}

static void mask_word(struct walk *w, struct span s)
{
	enum next next = w->next;

	w->next = NEXT_PLAIN;
	if (next == NEXT_HEADER && (span_eq(s, "Bearer") || span_eq(s, "Basic"))) {
		w->next = NEXT_CREDENTIALS;
		buf_add_span(w->out, s);
		return;
	}
	/* after --password another option may come: then that was a switch */
	bool option = next == NEXT_VALUE && s.n > 1 && s.p[0] == '-';

	if (next != NEXT_PLAIN && !option && s.n > 0) {
		buf_add_str(w->out, REDACT_MASK);
		return;
	}
	w->next = what_follows(w, s);
	redact_text(w->r, s, w->out);
}

static void mask_script_word(struct walk *w, struct span s)
{
	bool quoted = s.n >= 2 && redact_is_in(s.p[0], "\"'") && s.p[s.n - 1] == s.p[0];

	if (!quoted) {
		mask_word(w, s);
		return;
	}
	buf_add(w->out, s.p, 1);
	mask_word(w, (struct span){ s.p + 1, s.n - 2 });
	buf_add(w->out, s.p, 1);
}

/* End of the shell's word that begins at `at`: quotes hold it together. */
static size_t word_end(struct span s, size_t at)
{
	char quote = '\0';

	for (; at < s.n; at++) {
		char c = s.p[at];

		if (c == '\\' && quote != '\'')
			at++;
		else if (quote)
			quote = c == quote ? '\0' : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (redact_is_in(c, " \t\r\n;|&()<>`"))
			return at;
	}
	return s.n;
}

static void mask_script(const struct redact *r, struct span s, struct buf *out)
{
	struct walk w = { .r = r, .out = out };

	for (size_t at = 0; at < s.n;) {
		size_t end = word_end(s, at);

		if (end == at) { /* what stands between words */
			buf_add(out, s.p + at++, 1);
			continue;
		}
		mask_script_word(&w, (struct span){ s.p + at, end - at });
		at = end;
	}
}

void redact_args(const struct redact *r, struct span args, struct buf *out)
{
	struct walk w = { .r = r, .out = out };
	const char *begin = args.p;
	struct span arg;

	if (!r->enabled || !args.p) {
		buf_add_span(out, args);
		return;
	}
	while (span_next(&args, '\0', &arg)) {
		if (arg.p > begin)
			buf_add_char(out, '\0');
		if (w.next == NEXT_SCRIPT) {
			w.next = NEXT_PLAIN;
			mask_script(r, arg, out);
			continue;
		}
		mask_word(&w, arg);
		if (w.next == NEXT_PLAIN && is_script_option(arg))
			w.next = NEXT_SCRIPT;
	}
}

static bool holds(struct span entry, const char *mark)
{
	const size_t n = strlen(mark);

	for (size_t i = 0; i + n <= entry.n; i++)
		if (strncasecmp(entry.p + i, mark, n) == 0)
			return true;
	return false;
}

static bool is_kept(const struct redact *r, struct span entry)
{
	for (uint32_t i = 0; i < r->marks_n; i++)
		if (holds(entry, r->marks[i]))
			return true;
	for (uint32_t i = 0; i < r->env_n; i++) {
		size_t n = strnlen(r->env[i], sizeof(r->env[i]));

		if (entry.n > n && entry.p[n] == '=' && memcmp(entry.p, r->env[i], n) == 0)
			return true;
	}
	return false;
}

void redact_env(const struct redact *r, struct span env, struct buf *out)
{
	struct span entry;
	bool any = false;

	while ((r->env_n > 0 || r->marks_n > 0) && env.p && span_next(&env, '\0', &entry)) {
		if (!is_kept(r, entry))
			continue;
		if (any)
			buf_add_char(out, '\0');
		any = true;
		if (r->enabled)
			redact_text(r, entry, out);
		else
			buf_add_span(out, entry);
	}
}

size_t redact_record(const struct redact *r, const struct event_view *v, void *out, size_t cap,
		     struct buf *scratch)
{
	struct event_writer w;

	event_write_begin(&w, out, cap, v->head, v->fixed);
	for (unsigned t = TAG_NONE + 1; t < TAG_COUNT; t++) {
		struct span s = v->strings[t];
		uint8_t flags = v->string_flags[t];

		if (!s.p)
			continue;
		buf_clear(scratch);
		if (t == TAG_ARGS)
			redact_args(r, s, scratch);
		else if (t == TAG_ENV)
			redact_env(r, s, scratch);
		if (scratch->failed)
			return 0;
		if (t == TAG_ARGS || t == TAG_ENV)
			s = (struct span){ scratch->data, scratch->len };
		if (t == TAG_ENV && s.n == 0)
			continue;
		if (s.n > EVENT_STRING_MAX) {
			s.n = EVENT_STRING_MAX;
			flags |= STRING_CUT;
		}
		event_write_string(&w, (enum event_tag)t, flags, s);
	}
	return event_write_end(&w);
}
