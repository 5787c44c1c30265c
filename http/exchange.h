/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange - one HTTP request and its answer, from the request line to the last byte sent.
 *
 * Owner: the HTTP thread of its listener; while it waits (exchange_wait true, exchange_done not yet
 * called) whoever it was handed to. */
#ifndef BULKHEAD_HTTP_EXCHANGE_H
#define BULKHEAD_HTTP_EXCHANGE_H

#include <stdatomic.h>

#include "http/answer.h"
#include "http/history.h"
#include "http/link.h"
#include "http/request.h"

/* Bodies that are being sent at once, over all clients: slow readers must not fill the memory. */
#define SERVICE_MAX_BODY_BYTES (256u << 20)

struct streams;	 /* http/stream.h */
struct service { /* what all listeners share; outlives them */
	struct link *link;
	struct history *history; /* main thread only; NULL when there is none */
	struct streams *streams;
	atomic_bool closing; /* the program ends */
	int idle_fd;	     /* eventfd: while closing, an exchange stopped to wait */
	_Atomic uint64_t requests, errors, refused, connections;
	_Atomic uint64_t body_bytes;
};

struct gate {		     /* of one listener */
	atomic_bool retired; /* connections end after their next answer */
	atomic_bool closing; /* nothing may begin to wait */
	atomic_uint waiting; /* exchanges between exchange_wait and the end of exchange_done */
};

enum exchange_stage { EXCHANGE_NEW, EXCHANGE_STARTED, EXCHANGE_WAITING };

struct listener_settings;
struct exchange {
	struct service *service;
	struct gate *gate;
	const struct listener_settings *settings;
	const struct sockaddr *local; /* address that the client connected to */
	struct MHD_Connection *connection;
	enum exchange_stage stage;
	const char *method;
	size_t url_n; /* as sent; more than REQUEST_MAX_URL: url holds the start only */
	char url[REQUEST_MAX_URL + 1];
	char path[REQUEST_MAX_URL + 1]; /* decoded */
	struct span query;		/* raw, points into url */
	struct history_query history;
	struct answer answer;
	uint64_t body_bytes; /* counted in the service */
	bool streaming;	     /* the answer has no end of its own: no time limit */
};

/* NULL without memory. What the pointers of `from` point to must outlive the exchange. */
struct exchange *exchange_new(const struct exchange *from, const char *url);
void exchange_free(struct exchange *x); /* NULL is fine */

/* The handler's turn: routes the request or sends the answer that is set. */
enum MHD_Result exchange_handle(struct exchange *x, const char *method);

const char *exchange_header(const struct exchange *x, const char *name); /* the first, or NULL */

/* Takes the request off the HTTP thread until exchange_done. false when the listener closes: then
 * the answer is set and the exchange goes on as without waiting. HTTP thread. */
bool exchange_wait(struct exchange *x);
/* The answer is set: the HTTP thread sends it. *x must not be touched afterwards. Any thread. */
void exchange_done(struct exchange *x);

#endif
