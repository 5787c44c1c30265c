/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listener - one listening socket with its libmicrohttpd daemon, thread and connections.
 *
 * Owner: the main thread. Settings never change: a change of settings is a new listener on the same
 * socket, after which the old one retires (accepts nothing more, serves what is open, then goes).
 * Stop order, which libmicrohttpd demands by abort(): close, wait until nothing waits, free. */
#ifndef BULKHEAD_HTTP_LISTENER_H
#define BULKHEAD_HTTP_LISTENER_H

#include "http/exchange.h"

struct listener;

struct listener_settings {
	char address[128];
	bool metrics_only; /* /metrics and /healthz alone; no Host check, no TLS */
	bool tls;
	struct span cert, key; /* PEM with a NUL behind; copied */
	char allowed_hosts[WIRE_MAX_HOSTS][128];
	uint32_t allowed_hosts_n;
	uint32_t max_connections, max_connections_per_ip, idle_timeout_s, max_header_bytes;
};

/* `on` is a listener whose socket is used as well when it has the same address, or NULL. */
int listener_new(struct listener **out, const struct listener_settings *settings,
		 struct service *service, const struct listener *on, struct err *e);
void listener_free(struct listener *l); /* only when idle; NULL is fine */
DEFINE_AUTO(listener, listener_free)

const struct listener_settings *listener_settings(const struct listener *l);
bool listener_same(const struct listener *l, const struct listener_settings *settings);
void listener_url(const struct listener *l, char *out, size_t cap); /* "http://127.0.0.1:9480" */

void listener_retire(struct listener *l);     /* accepts no more clients */
void listener_close(struct listener *l);      /* retires; requests that would wait get 503 */
bool listener_idle(const struct listener *l); /* closed, and no request waits */
unsigned listener_connections(struct listener *l);

/* Ends connections whose request does not arrive, or whose answer is not read, in time: the time
 * limit of libmicrohttpd alone starts anew with each byte. Call each second. */
void listener_end_overdue(struct listener *l);

#endif
