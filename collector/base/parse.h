/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parse - strict, locale-free readers of numbers and lines out of byte ranges.
 * Any thread; nothing allocates. Inputs need no terminating NUL unless a name says so. */
#ifndef BULKHEAD_BASE_PARSE_H
#define BULKHEAD_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A byte range that somebody else owns. */
struct span {
	const char *p;
	size_t n;
};

#define SPAN_LIT(s) ((struct span){ (s), sizeof(s) - 1 })

struct span span_str(const char *s); /* NULL gives an empty span */
bool span_eq(struct span a, const char *literal);
bool span_starts(struct span a, const char *prefix);
bool span_ends(struct span a, const char *suffix);
struct span span_trim(struct span s); /* spaces, tabs, CR and LF at both ends */

/* Cuts the next piece up to `sep` off *rest into *piece. false when *rest was empty and done
 * (p == NULL); an empty piece between two separators is returned as such. */
bool span_next(struct span *rest, char sep, struct span *piece);

/* Next run of non-blank bytes (space, tab); false when none is left. */
bool span_word(struct span *rest, struct span *word);

/* Decimal digits only, the whole span; false on empty, sign, blank, junk or overflow
 * (*out untouched). */
bool parse_u64(struct span s, uint64_t *out);
bool parse_i64(struct span s, int64_t *out); /* as above with an optional leading '-' */
bool parse_u32(struct span s, uint32_t *out);
int parse_hex_digit(char c);			  /* its value, or -1; either case */
bool parse_hex_u64(struct span s, uint64_t *out); /* no 0x prefix, either case */
bool parse_octal_u32(struct span s, uint32_t *out);
bool parse_double(struct span s, double *out); /* "1.25", "-3", "1e9"; finite only */

/* RFC 3339 ("2026-11-21T22:52:00.123456789Z", or with +hh:mm) to ns since the epoch; false when
 * malformed, before 1970 or after 2553. Docker's zero time "0001-01-01T00:00:00Z" is false. */
bool parse_rfc3339_ns(struct span s, uint64_t *unix_ns);

#endif
