/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_put - writes the members of a JSON object straight into a buf, without a tree in between.
 *
 * A comma comes before a member unless the byte before it opens an object or an array, so there is
 * no state beside the buffer. Keys are our own literals and are not escaped. Any thread. */
#ifndef BULKHEAD_JSON_PUT_H
#define BULKHEAD_JSON_PUT_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/buf.h"

void json_put_comma(struct buf *b);		   /* before an element of an array */
void json_put_key(struct buf *b, const char *key); /* with the comma and the colon */
void json_put_object(struct buf *b, const char *key);
void json_put_array(struct buf *b, const char *key);

void json_put_string(struct buf *b, struct span s); /* a bare value, quoted */
void json_put_text(struct buf *b, const char *key, struct span s);
void json_put_str(struct buf *b, const char *key, const char *s); /* NULL: nothing at all */
/* Above INT64_MAX with ".0" behind: readers with signed 64-bit integers refuse it otherwise. */
void json_put_u64(struct buf *b, const char *key, uint64_t v);
void json_put_known(struct buf *b, const char *key, uint64_t v); /* nothing at all for 0 */
void json_put_i64(struct buf *b, const char *key, int64_t v);
void json_put_true(struct buf *b, const char *key, bool v);	 /* nothing at all for false */
void json_put_hex(struct buf *b, const char *key, uint64_t v);	 /* "0x" and 16 digits */
void json_put_octal(struct buf *b, const char *key, uint32_t v); /* "0644" */
void json_put_base64(struct buf *b, const char *key, struct span s);
void json_put_time(struct buf *b, const char *key, uint64_t unix_ns);  /* RFC 3339, UTC, ns */
void json_put_device(struct buf *b, const char *key, uint32_t device); /* "8:1" */
/* An array of the names of the bits that are set and named; nothing at all when there is none. */
void json_put_bits(struct buf *b, const char *key, uint32_t bits, const char *const *names,
		   unsigned names_n);

/* "02:00:00.123456789", the last part with so many digits (0 to 9, 0 without the point). */
void text_clock(struct buf *b, uint64_t unix_ns, unsigned digits);

#endif
