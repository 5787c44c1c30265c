/* SPDX-License-Identifier: GPL-2.0-or-later */
/* token - bearer tokens for the HTTP API; bulkheadd holds only SHA-256 hashes of them.
 * Owner: the loop's thread. Kept in <state_dir>/tokens.json (mode 0600), so that they outlive a
 * restart. A token is "bh_" and 43 characters of base64url (256 random bits). */
#ifndef BULKHEAD_TOKEN_H
#define BULKHEAD_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

#define TOKEN_MAX		 256 /* live tokens; creating more is refused */
#define TOKEN_TEXT_BYTES	 64
#define TOKEN_MAX_FOR_S		 (366u * 86400) /* longest life of a viewer's token */
#define TOKEN_MAX_OPERATOR_FOR_S 3600u		/* and of an operator's */

enum token_role { TOKEN_NONE, TOKEN_VIEWER, TOKEN_OPERATOR };

struct token_store;

/* Reads state_fd/tokens.json; damaged content is set aside as tokens.json.damaged with *e filled
 * and an empty store returned (0): nobody gets in by damage, and the agent starts. */
int token_store_new(struct token_store **out, int state_fd, struct err *e);
void token_store_free(struct token_store *s);
DEFINE_AUTO(token_store, token_store_free)

/* Makes a token for `for_s` seconds, stores its hash, writes the text (with NUL). */
int token_create(struct token_store *s, enum token_role role, uint32_t for_s, uint64_t now_unix_ns,
		 char text[TOKEN_TEXT_BYTES], struct err *e);

/* Role of a presented token, TOKEN_NONE when unknown or expired; compares in constant time. */
enum token_role token_check(const struct token_store *s, struct span text, uint64_t now_unix_ns);

uint32_t token_count(const struct token_store *s); /* live ones, for the metric */
const char *token_role_name(enum token_role r);

#endif
