/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_hello - what the first message of a TLS connection says: the server's name that the client
 * asks for, and which protocols it would speak.
 *
 * Pure, any thread, nothing is allocated. The bytes come from whoever opened the connection: each
 * read is bounded. */
#ifndef BULKHEAD_TLS_HELLO_H
#define BULKHEAD_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/base/parse.h"

#define TLS_MAX_NAME 254 /* bytes of a server's name */

struct tls_hello {
	char name[TLS_MAX_NAME + 1]; /* SNI, lower case; "": none so far */
	bool whole; /* the message was read to its end: what is not here is not in it */
	bool alpn;  /* it names protocols, as browsers and HTTP clients do */
};

/* bytes: the client's first ones. 0: it is a ClientHello, *out says what was in the bytes that are
 * there; -EAGAIN: too short to tell; -EPROTO: it is none, or is malformed. *out is filled on 0. */
int tls_hello_parse(struct span bytes, struct tls_hello *out);

#endif
