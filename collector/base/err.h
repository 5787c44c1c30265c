/* SPDX-License-Identifier: GPL-2.0-or-later */
/* err - the text of one failure, in a fixed buffer on the caller's stack.
 *
 * A function that can fail returns -errno and fills the caller's struct err; on success it leaves
 * the buffer untouched, so that calls can be chained. Nothing is allocated, so nothing can leak.
 * Any thread. A NULL struct err is accepted everywhere: the caller then only gets the number. */
#ifndef BULKHEAD_BASE_ERR_H
#define BULKHEAD_BASE_ERR_H

#define ERR_TEXT_BYTES		1024

#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

struct err {
	char text[ERR_TEXT_BYTES]; /* UTF-8 as given; cut with "..." when it does not fit */
};

/* Stores the text and returns -code, so that callers write `return err_set(e, EINVAL, "...")`.
 * `code` is a positive errno value. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same with the current errno; ": " and its strerror text are appended. */
int err_errno(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts "prefix: " before the text that is there. Keeps `code` (negative) and returns it. */
int err_prefix(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
