/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pattern - regular expressions of rules, by PCRE2: compiled to machine code where the
 * kernel allows it, with limits, so that no value can hold up the loop. One thread at a time. */
#ifndef BULKHEAD_PATTERN_H
#define BULKHEAD_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

#define PATTERN_MAX_BYTES   4096
#define PATTERN_MATCH_LIMIT 10000 /* steps; about a tenth of a millisecond */

struct pattern;

/* Of the whole value. 0; -EINVAL and *e says where in the pattern, -ENOMEM. */
int pattern_new(struct pattern **out, struct span text, struct err *e);
void pattern_free(struct pattern *p);
DEFINE_AUTO(pattern, pattern_free)

/* *given_up grows when the limit was reached (that is no match). */
bool pattern_match(struct pattern *p, struct span value, uint64_t *given_up);

#endif
