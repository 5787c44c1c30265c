/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer - one HTTP answer before it is sent: status, type, body, extra headers.
 *
 * Owner: one thread at a time (the thread that fills it, then the HTTP thread). The body is static,
 * in heap memory that the answer owns, or a sealed memfd that it owns. answer_response turns it
 * into what libmicrohttpd sends, with the security headers that every answer carries. */
#ifndef BULKHEAD_HTTP_ANSWER_H
#define BULKHEAD_HTTP_ANSWER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/wire.h"

enum answer_body { ANSWER_EMPTY, ANSWER_STATIC, ANSWER_HEAP, ANSWER_MEMFD, ANSWER_STREAM };

struct stream_client; /* http/stream.h */

struct answer {
	unsigned status;
	const char *type;	 /* static; NULL for none */
	const char *allow;	 /* static; value of Allow, or NULL */
	const char *location;	 /* static; or NULL */
	const char *retry_after; /* static; seconds, or NULL */
	char *cookie;		 /* heap; value of Set-Cookie, or NULL */
	bool cacheable;		 /* static files may be kept and asked for again */
	bool close;		 /* the connection ends after this answer */
	enum answer_body kind;
	const char *bytes; /* STATIC, HEAP */
	size_t n;
	int fd;			      /* MEMFD, else -1 */
	struct stream_client *stream; /* STREAM */
};

void answer_init(struct answer *a);
void answer_release(struct answer *a); /* frees the body; the answer is as after answer_init */

void answer_static(struct answer *a, unsigned status, const char *type, struct span bytes);
void answer_heap(struct answer *a, unsigned status, const char *type, char *bytes, size_t n);
/* {"error":{"status":404,"message":"..."}}; the text may hold any bytes. */
void answer_error(struct answer *a, unsigned status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Copies an inline body; takes *body_fd after its seals and size were checked. A body that cannot
 * be trusted or copied becomes an error answer. */
void answer_wire(struct answer *a, const struct wire_response *r, int *body_fd);

/* Events that go on until one side ends them; takes the client. */
void answer_stream(struct answer *a, struct stream_client *c);

enum answer_flag {
	ANSWER_GZIP = 1 << 0, /* the client takes gzip */
};
/* A response that owns the body (the answer keeps its other fields), or NULL without memory. */
struct MHD_Response *answer_response(struct answer *a, unsigned flags);

#endif
