/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routes - what answers which path. HTTP thread.
 *
 * By serve alone: /, the login page, the dashboard's files, /healthz. After bulkheadd said yes: a
 * login with a token, history and graphs. By bulkheadd: /metrics, /readyz and the rest of /api/.
 * Everything else is 404. */
#ifndef BULKHEAD_HTTP_ROUTES_H
#define BULKHEAD_HTTP_ROUTES_H

#include "http/exchange.h"

/* Sets an answer and returns true for a request that must not go on: a head that can be read in
 * two ways, wrong method, a body, too long a URL or head. `method` is the library's own pointer. */
bool route_refuses(struct exchange *x, const char *method);

/* Sets the answer, or hands the exchange on (exchange_wait). */
void route(struct exchange *x);

/* Fills *q from a path below /api/v1/: 1 when it is one of history's, 0 when not, -EINVAL when it
 * is but the parameters are wrong. Pure. */
int route_history(const char *path, struct span query, struct history_query *q, struct err *e);

#endif
