// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/exchange.h"

#include <string.h>

#include "http/routes.h"

struct exchange *exchange_new(const struct exchange *from, const char *url)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->service = from->service;
	x->gate = from->gate;
	x->settings = from->settings;
	x->local = from->local;
	x->connection = from->connection;
	x->url_n = strlen(url);
	memcpy(x->url, url, x->url_n < REQUEST_MAX_URL ? x->url_n : REQUEST_MAX_URL);
	answer_init(&x->answer);
	return x;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	atomic_fetch_sub(&x->service->body_bytes, x->body_bytes);
	answer_release(&x->answer);
	free(x);
}

const char *exchange_header(const struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static void count(struct service *s, unsigned status)
{
	atomic_fetch_add(&s->requests, 1);
	if (status >= 400)
		atomic_fetch_add(&s->errors, 1);
	if (status == 401 || status == 403 || status == 413 || status == 414 || status == 421 ||
	    status == 431)
		atomic_fetch_add(&s->refused, 1);
}

static enum MHD_Result send_answer(struct exchange *x)
{
	bool gzip = request_accepts_gzip(exchange_header(x, "Accept-Encoding"));
	uint64_t bytes = x->answer.n;

	x->streaming = x->answer.kind == ANSWER_STREAM;
	x->answer.close = x->answer.close || atomic_load(&x->gate->retired);
	struct MHD_Response *r = answer_response(&x->answer, gzip ? ANSWER_GZIP : 0);

	if (!r)
		return MHD_NO;
	enum MHD_Result queued = MHD_queue_response(x->connection, x->answer.status, r);

	MHD_destroy_response(r); /* the connection holds its own reference */
	count(x->service, x->answer.status);
	x->body_bytes += bytes;
	atomic_fetch_add(&x->service->body_bytes, bytes);
	answer_release(&x->answer);
	return queued;
}

enum MHD_Result exchange_handle(struct exchange *x, const char *method)
{
	switch (x->stage) {
	case EXCHANGE_NEW:
		x->stage = EXCHANGE_STARTED;
		/* The library ends a connection that is answered at this point, before the body:
		 * right for what is refused, but an ordinary answer waits for the next turn. */
		return route_refuses(x, method) ? send_answer(x) : MHD_YES;
	case EXCHANGE_STARTED:
		route(x);
		return x->stage == EXCHANGE_WAITING ? MHD_YES : send_answer(x);
	case EXCHANGE_WAITING:
		break;
	}
	return send_answer(x);
}

bool exchange_wait(struct exchange *x)
{
	/* Counted before `closing` is read, while who closes sets that before the count is read:
	 * one of the two sees the other. */
	atomic_fetch_add(&x->gate->waiting, 1);
	if (atomic_load(&x->gate->closing)) {
		atomic_fetch_sub(&x->gate->waiting, 1);
		answer_error(&x->answer, 503, "bulkhead is stopping");
		return false;
	}
	x->stage = EXCHANGE_WAITING;
	MHD_suspend_connection(x->connection);
	return true;
}

void exchange_done(struct exchange *x)
{
	struct service *s = x->service; /* x and its gate may be gone at the end of these lines */
	struct gate *gate = x->gate;
	uint64_t one = 1;

	MHD_resume_connection(x->connection);
	atomic_fetch_sub(&gate->waiting, 1);
	if (atomic_load(&s->closing)) {
		ssize_t ignored = write(s->idle_fd, &one, sizeof(one));

		(void)ignored;
	}
}
