/* SPDX-License-Identifier: GPL-2.0-or-later */
/* request - reads what a client sends: target, query, Host, token and Accept headers.
 *
 * Everything here is hostile input. Pure functions over byte ranges: any thread, nothing allocates,
 * nothing outlives the ranges that were passed in. */
#ifndef BULKHEAD_HTTP_REQUEST_H
#define BULKHEAD_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/wire.h"

#define REQUEST_MAX_URL	  2048 /* bytes of path and query as sent; 414 beyond */
#define REQUEST_MAX_TOKEN 256  /* longer tokens count as none */

/* Splits a raw request target at '?' and decodes the path into path[cap]. Refused (-EINVAL):
 * what is not an absolute path, bad escapes, control bytes, encoded slashes, "." and ".." segments:
 * none of our paths needs them, and each is a way to make two readers see different paths. */
int request_target(struct span raw, char *path, size_t cap, struct span *query, struct err *e);

/* The value of one query parameter, decoded, NUL-terminated. 1 found, 0 absent (out is ""),
 * -EINVAL when it is malformed, does not fit, or is given twice. */
int request_parameter(struct span query, const char *name, char *out, size_t cap, struct err *e);

/* -EINVAL when the query holds a parameter that is not among names[n]. */
int request_known_parameters(struct span query, const char *const *names, size_t n, struct err *e);

/* Whether a Host header is one of allowed[n] or the literal address that the connection came in
 * by. Ports are not compared: forwarded ports differ. This is the guard against DNS rebinding: a
 * foreign web page reaches us under its own name only. */
bool request_host_allowed(struct span host, const char (*allowed)[128], size_t n,
			  const struct sockaddr *local);

/* The token of `Authorization: Bearer T`, else of the cookie bulkhead_token; empty when there is
 * none or it holds bytes that no token has. Either argument may be NULL. */
struct span request_token(const char *authorization, const char *cookie);
bool request_token_valid(struct span token);

/* Accept-Encoding: gzip is wanted at least as much as the plain body. NULL: no header. */
bool request_accepts_gzip(const char *accept_encoding);
/* Accept: OpenMetrics is named and wanted at least as much as plain text. NULL: no header. */
bool request_accepts_openmetrics(const char *accept);

#endif
