/* SPDX-License-Identifier: GPL-2.0-or-later */
/* redact_internal - what redact.c (lists of arguments) and redact_text.c (one of them) share. */
#ifndef BULKHEAD_REDACT_INTERNAL_H
#define BULKHEAD_REDACT_INTERNAL_H

#include "collector/redact.h"

#define REDACT_MASK "***"

char redact_plain(char c); /* as words are compared: lower case, '_' for '-' */
bool redact_is_in(char c, const char *set);
bool redact_starts(struct span s, size_t at, const char *lower);
size_t redact_until(struct span s, size_t at, const char *set); /* first of the set, or s.n */
bool redact_is_secret(const struct redact *r, struct span name);

/* Appends one argument, masked by what stands in it. */
void redact_text(const struct redact *r, struct span s, struct buf *out);

#endif
