/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen - listening sockets from "ADDRESS:PORT" texts with literal addresses. Any thread. */
#ifndef BULKHEAD_HTTP_LISTEN_H
#define BULKHEAD_HTTP_LISTEN_H

#include <sys/socket.h>

#include "collector/base/err.h"

/* "127.0.0.1:9480", "[::1]:9480"; names are refused: what is listened on must not depend on DNS. */
int listen_parse(const char *text, struct sockaddr_storage *out, socklen_t *out_n, struct err *e);

/* A bound, listening, non-blocking socket (the caller's), or -errno with address and reason. */
int listen_open(const char *text, struct err *e);

/* "127.0.0.1:9480" of a bound socket (its real port when 0 was asked for) into out[cap]. */
void listen_text(int fd, char *out, size_t cap);

#endif
