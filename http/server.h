/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server - the HTTP side of serve: the listener for people and the one for metrics alone.
 *
 * Owner: the main thread. Requests run on the listeners' threads and meet the main thread only
 * through link_request, history_query and exchange_done. */
#ifndef BULKHEAD_HTTP_SERVER_H
#define BULKHEAD_HTTP_SERVER_H

#include "collector/base/loop.h"
#include "http/exchange.h"

struct server;

/* `link` must outlive the server. on_idle is called on the loop once server_close was called and no
 * request waits any more. */
int server_new(struct server **out, struct loop *loop, struct link *link, void (*on_idle)(void *),
	       void *ctx, struct err *e);
/* Only before server_configure succeeded, or when idle. NULL is fine. */
void server_free(struct server *s);
DEFINE_AUTO(server, server_free)

/* Opens the listeners, or replaces those whose settings changed: new ones are open before old ones
 * retire. On failure everything is as before. Certificate and key are PEM; empty without TLS. */
int server_configure(struct server *s, const struct wire_config *c, struct span cert,
		     struct span key, struct err *e);

/* What answers history from now on; NULL for nothing. */
void server_set_history(struct server *s, struct history *history);

/* "http://127.0.0.1:9480", and after a blank that of the listener for metrics if there is one. */
void server_urls(const struct server *s, char *out, size_t cap);

void server_tick(struct server *s, uint64_t now_ns); /* each second; now_ns: monotonic */
void server_close(struct server *s);
bool server_idle(const struct server *s);

void server_stats(const struct server *s, struct wire_serve_stats *out); /* HTTP_*, STREAM_* only */

#endif
