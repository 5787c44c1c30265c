/* SPDX-License-Identifier: GPL-2.0-or-later */
/* glob - patterns as fnmatch(3) has them, without flags or with FNM_CASEFOLD, in the C locale: '*'
 * crosses '/', a leading dot is nothing special, '?' and [...] take one byte, a '[' without its ']'
 * is itself, a '\' at the end matches nothing.
 *
 * A glob is made once and then only read, by any thread. Between two stars every byte has its
 * place, so the first place that fits is good enough and nothing is ever tried again: a value costs
 * at most its length times that of the pattern, and there is no limit at which a match is given up.
 * What is between two stars and has no '?' or [...] costs its length alone. */
#ifndef BULKHEAD_GLOB_H
#define BULKHEAD_GLOB_H

#include <stdbool.h>

#include "collector/base/arena.h"

#define GLOB_MAX_BYTES 4096

struct glob;

/* It lies in the arena. 0; -E2BIG: longer than GLOB_MAX_BYTES; -ENOMEM. *out is set by 0 alone. */
int glob_make(struct arena *a, struct span text, bool any_case, const struct glob **out);

bool glob_match(const struct glob *g, struct span value);

#endif
