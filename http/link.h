/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link - serve's end of the socket pair to bulkheadd (wire.h).
 *
 * Owner: the main thread of serve, which runs the loop. link_request may be called from any thread;
 * its callback runs on the main thread, exactly once. When bulkheadd does not answer within the
 * time limit, or more than WIRE_MAX_OUTSTANDING requests wait, the callback gets status 503 and a
 * JSON text with the reason. The link's end is the program's end: serve does not outlive bulkheadd.
 */
#ifndef BULKHEAD_LINK_H
#define BULKHEAD_LINK_H

#include "collector/base/loop.h"
#include "collector/wire.h"

struct link;

/* A response and the descriptor of its body when it came as a memfd (else -1); both are valid
 * during the call only, but the callback may TAKE_FD(*body_fd). */
typedef void (*link_response_fn)(void *ctx, const struct wire_response *r, int *body_fd);

struct link_events { /* all on the main thread */
	void (*config)(void *ctx, const struct wire_config *c, int *tls_cert_fd, int *tls_key_fd);
	/* of history, and of alerts with their sinks; descriptors are closed after the call */
	void (*frame)(void *ctx, const struct wire_frame *f);
	void (*stop)(void *ctx);		      /* WIRE_STOP, or the peer is gone */
	void (*problem)(void *ctx, const char *text); /* a frame was refused; may be NULL */
	void *ctx;
};

int link_new(struct link **out, struct loop *loop, int fd, const struct link_events *events,
	     struct err *e);
void link_free(struct link *l); /* outstanding callbacks get 503 first */
DEFINE_AUTO(link, link_free)

/* Outstanding callbacks get 503 now, all later ones as soon as the loop sees them: other threads
 * may still call link_request until link_free. Main thread, outside of link's own callbacks. */
void link_close(struct link *l);

/* Copies the request; failure is told through the callback. Any thread. Without memory for the copy
 * the callback is called at once on this thread. */
void link_request(struct link *l, const struct wire_request *q, unsigned timeout_ms,
		  link_response_fn fn, void *ctx);

/* A subscription to events (WIRE_OP_SUBSCRIBE). All callbacks are on the main thread. `answer`
 * comes once; when its status is 200, `events` follow and `end` comes once, as the last call; else
 * nothing more comes. `events` returns false when nobody wants more: then `end` comes at once. */
struct link_subscriber {
	link_response_fn answer;
	bool (*events)(void *ctx, const struct wire_events *m);
	void (*end)(void *ctx);
};
#define LINK_MAX_SUBSCRIPTIONS 32 /* beyond, the answer is 503 */
/* As link_request; *s must stay as long as the link does. Any thread. */
void link_subscribe(struct link *l, const struct wire_request *q, unsigned timeout_ms,
		    const struct link_subscriber *s, void *ctx);
/* Ends that of ctx, if there is one: `end` is called from inside. Main thread. */
void link_unsubscribe(struct link *l, void *ctx);

/* Sends READY, FAILED, SERVE_STATS or SINK_STATS; queued (bounded) when the socket is full, -EAGAIN
 * when that queue is full too. Main thread. */
int link_send(struct link *l, enum wire_type type, struct span payload);

/* Requests that ended with 503 because bulkheadd was silent or too many waited. Main thread. */
uint64_t link_unanswered(const struct link *l);

#endif
