/* SPDX-License-Identifier: GPL-2.0-or-later */
/* redact - takes secrets out of arguments and environment before an event goes anywhere.
 *
 * Masked, each by "***": the value of NAME=VALUE, --name=value, --name value and -name value where
 * the name (case ignored, '-' as '_') contains one of the words; the password in a URL
 * (scheme://user:password@host) and its query's values of such names; the value after
 * "Authorization:", "Bearer", "Basic" in a header argument. Any thread. */
#ifndef BULKHEAD_REDACT_H
#define BULKHEAD_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/base/buf.h"
#include "collector/event_view.h"

#define REDACT_MAX_WORDS 64
#define REDACT_WORD_MAX	 32

struct redact {
	bool enabled;
	char words[REDACT_MAX_WORDS][REDACT_WORD_MAX]; /* lower case */
	uint32_t letters[REDACT_MAX_WORDS]; /* a bit each that a name must have; 0: not known */
	uint32_t words_n;
	char env[REDACT_MAX_WORDS][64]; /* names of environment entries that are kept */
	uint32_t env_n;
	char marks[REDACT_MAX_WORDS][64]; /* entries that hold one are kept, too; "": all */
	uint32_t marks_n;
};

/* A word is looked for anywhere in a name; "=word" only as the whole name (or what follows its last
 * dot), "word$" only at its end. Lower case, '_' for '-'. Both take `word` as a person writes it
 * and return false, with nothing changed, when it is empty, too long or the list is full. */
bool redact_add_word(struct redact *r, struct span word);
bool redact_keep_env(struct redact *r, struct span name);
/* Keeps environment entries that hold the mark anywhere, letters of either case. */
bool redact_keep_entry(struct redact *r, struct span mark);

/* password, passwd, pwd (whole), token, secret, key ending (apikey, api_key, access_key,
 * private_key; not "keyboard", "monkey"), credential, auth (not "author"). Enabled, no environment
 * kept. */
void redact_defaults(struct redact *r);

/* Appends the NUL-separated list with secrets masked; as many arguments, some longer than before.
 * What follows an option like -c is taken as a shell's script: a value ends where its word does, so
 * that a command cannot hide behind "token=x;". In all other arguments that begin with a secret's
 * name the value goes to the argument's end. */
void redact_args(const struct redact *r, struct span args, struct buf *out);
/* Of NUL-separated NAME=VALUE entries keeps those named in r->env, masked. */
void redact_env(const struct redact *r, struct span env, struct buf *out);

/* Copies the record with ARGS and ENV masked; every other string as it is. What grows beyond
 * EVENT_STRING_MAX is cut (STRING_CUT). Returns its bytes; 0 when cap is too small or scratch,
 * which is the caller's and is cleared, cannot hold 2 * EVENT_STRING_MAX: then nothing may be told.
 */
size_t redact_record(const struct redact *r, const struct event_view *v, void *out, size_t cap,
		     struct buf *scratch);

#endif
