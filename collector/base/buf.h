/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buf - a growing byte buffer with a hard limit, and the writers that fill it.
 *
 * Owner: one thread at a time. A write that does not fit (limit or memory) sets `failed` and is
 * dropped, as are all later ones: callers write freely and look at `failed` once at the end.
 * A buffer made by buf_init_shared lives in a memfd that buf_seal hands to another process
 * without a copy. */
#ifndef BULKHEAD_BASE_BUF_H
#define BULKHEAD_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

struct buf {
	char *data;  /* owned; not NUL-terminated */
	size_t len;  /* bytes written */
	size_t cap;  /* bytes allocated */
	size_t max;  /* never grows beyond */
	int fd;	     /* memfd behind data, or -1 */
	bool failed; /* something was dropped */
};

void buf_init(struct buf *b, size_t max_bytes);
int buf_init_shared(struct buf *b, const char *name, size_t max_bytes, struct err *e);
void buf_release(struct buf *b); /* may be repeated */
static inline void auto_buf_release(struct buf *b)
{
	buf_release(b);
}
#define AUTO_BUF AUTO(buf_release)

void buf_clear(struct buf *b); /* forgets content and `failed`, keeps the memory */

/* Room for n more bytes at data + len; NULL (and failed) when they do not fit. The caller writes
 * at most n bytes there and adds what it wrote to len. */
char *buf_reserve(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_span(struct buf *b, struct span s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_i64(struct buf *b, int64_t v);
void buf_add_double(struct buf *b, double v); /* shortest of %.15g/%.17g; NaN, +Inf, -Inf */
/* v / 10^digits as a decimal without trailing zeros: buf_add_fixed(b, 1500000000, 9) is "1.5". */
void buf_add_fixed(struct buf *b, uint64_t v, unsigned digits);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Inside a Prometheus label value: backslash, quote and newline escaped, invalid UTF-8 replaced by
 * U+FFFD, other control bytes kept (the format allows them). */
void buf_add_prom_label(struct buf *b, struct span s);
/* Inside a JSON string (no quotes added): RFC 8259 escapes, invalid UTF-8 becomes U+FFFD. */
void buf_add_json(struct buf *b, struct span s);
/* For terminals and log values: control bytes, ESC, DEL, C1 and bidirectional controls become
 * \xNN or \u{NNNN}; invalid UTF-8 becomes \xNN. */
void buf_add_visible(struct buf *b, struct span s);

/* NUL-terminates and passes the memory on (free() it); NULL when failed. Not for shared ones. */
char *buf_take_str(struct buf *b);

/* Shared buffers only: cuts the memfd to len, seals it against every change, unmaps it and
 * returns the descriptor (the caller closes it) or -errno. The buffer is released. */
int buf_seal(struct buf *b, struct err *e);

/* Valid UTF-8 bytes that start at s (1 to 4), or 0 when the first byte starts no valid one. */
size_t utf8_len(struct span s);

#endif
