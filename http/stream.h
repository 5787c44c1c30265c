/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream - GET /api/v1/stream: events to browsers by server-sent events.
 *
 * Each client is one subscription over the link. bulkheadd's lines arrive on the main thread, which
 * makes them messages in the client's bounded buffer; the HTTP thread sends them. A client that
 * reads too slowly loses events and gets "event: missed" with their number. One mutex guards all
 * clients: they are few. libmicrohttpd ends the program when it is stopped while a connection is
 * suspended, so a suspended client counts as waiting in its listener's gate. */
#ifndef BULKHEAD_HTTP_STREAM_H
#define BULKHEAD_HTTP_STREAM_H

#include "collector/base/buf.h"
#include "http/exchange.h"

#define STREAM_MAX_CLIENTS  16
#define STREAM_BUFFER	    (256u << 10)
#define STREAM_LONGEST	    (512u << 10) /* one event alone, in an empty buffer */
#define STREAM_HEARTBEAT_NS (15 * 1000000000ULL)

struct streams;
struct stream_client;

int streams_new(struct streams **out, struct service *service, struct err *e);
/* When no listener and no subscription is left. NULL is fine. */
void streams_free(struct streams *s);
DEFINE_AUTO(streams, streams_free)

/* Of so many connections at most half are for streams: /metrics must not wait. */
void streams_set_connections(struct streams *s, uint32_t max_connections);

void streams_route(struct exchange *x); /* HTTP thread */
/* Heartbeats, clients that went, listeners that close. Main thread, each second. */
void streams_tick(struct streams *s, uint64_t now_ns);
void streams_wake_closing(struct streams *s);			     /* after listener_close */
void streams_stats(struct streams *s, struct wire_serve_stats *out); /* STREAM_* only */

/* What an answer of kind ANSWER_STREAM holds: becomes a response, or is given up. */
struct MHD_Response *stream_response(struct stream_client *c);
void stream_drop(struct stream_client *c);

/* The message of one event, or of a number of missed ones; pure. */
void stream_message(struct buf *b, uint64_t id, struct span json);
void stream_missed_message(struct buf *b, uint64_t missed);

#endif
