/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gzip - compresses one body at level 1, in pieces, so that a big answer is compressed while it is
 * sent: no second copy, and other connections of the HTTP thread get their turn between pieces.
 *
 * Owner: one thread at a time. The input stays the caller's and must outlive the object. */
#ifndef BULKHEAD_HTTP_GZIP_H
#define BULKHEAD_HTTP_GZIP_H

#include <sys/types.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

struct gzip;

int gzip_new(struct gzip **out, struct span input, struct err *e);
void gzip_free(struct gzip *g); /* NULL is fine */
DEFINE_AUTO(gzip, gzip_free)

/* Writes the next bytes of the gzip stream: cap, or fewer at its end; 0 when nothing is left;
 * -EIO when zlib fails. cap is at least 1. */
ssize_t gzip_read(struct gzip *g, char *out, size_t cap);

/* The whole stream in malloc'ed memory, for small inputs: 0 or -errno. */
int gzip_whole(struct span input, char **out, size_t *out_n, struct err *e);

#endif
