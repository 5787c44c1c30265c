// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/link.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "collector/base/clock.h"

#define FRAMES_A_TURN 64 /* so that a flood of samples does not starve timers */
#define MAX_QUEUED    (WIRE_MAX_OUTSTANDING + 16) /* frames that wait for room in the socket */
#define REQUEST_BYTES 12304 /* three strings of at most 4096 bytes, and the rest */
/* A request that timed out still waits at bulkheadd and holds its place there; it is given up only
 * after this long, so that a frozen bulkheadd does not find an endless queue when it wakes. */
#define GIVE_UP_NS	  (120 * NS_PER_S)

#define UNAVAILABLE(text) "{\"error\":{\"status\":503,\"message\":\"" text "\"}}\n"

struct submission { /* a request on its way from another thread to the main thread */
	struct submission *next;
	uint64_t deadline_ns;
	link_response_fn fn;
	void *ctx;
	const struct link_subscriber *subscriber; /* NULL: a request */
	size_t n;
	uint8_t payload[];
};

struct waiting {
	uint32_t id; /* 0: free */
	uint64_t deadline_ns;
	link_response_fn fn; /* NULL: timed out, the answer may still come */
	void *ctx;
	const struct link_subscriber *subscriber; /* what a good answer begins, or NULL */
};

struct subscription {
	uint32_t id; /* 0: free */
	const struct link_subscriber *subscriber;
	void *ctx;
};

struct queued {
	struct queued *next;
	enum wire_type type;
	uint32_t id;
	size_t n;
	uint8_t payload[];
};

struct link {
	struct loop *loop;
	int fd, wake_fd;
	struct loop_source *source, *wake, *timer;
	struct link_events events;
	bool gone, closing;
	pthread_mutex_t lock; /* guards inbox only */
	struct submission *inbox, **inbox_end;
	struct waiting waiting[WIRE_MAX_OUTSTANDING];
	struct subscription subscriptions[LINK_MAX_SUBSCRIPTIONS];
	uint32_t last_id;
	struct queued *out, **out_end;
	size_t out_n;
	uint64_t unanswered;
	uint8_t buffer[WIRE_FRAME_MAX];
};

static void refuse(link_response_fn fn, void *ctx, const char *text)
{
	struct wire_response r = { .status = 503,
				   .content = WIRE_CONTENT_JSON,
				   .body = span_str(text) };
	int no_fd = -1;

	fn(ctx, &r, &no_fd);
}

static void refuse_waiting(struct waiting *w, const char *text)
{
	link_response_fn fn = TAKE(w->fn);

	if (fn)
		refuse(fn, w->ctx, text);
}

static void end_subscription(struct subscription *s)
{
	const struct subscription ended = *s;

	*s = (struct subscription){ .id = 0 };
	ended.subscriber->end(ended.ctx);
}

static void refuse_all(struct link *l, const char *text)
{
	for (size_t i = 0; i < LINK_MAX_SUBSCRIPTIONS; i++)
		if (l->subscriptions[i].id)
			end_subscription(&l->subscriptions[i]);
	for (size_t i = 0; i < WIRE_MAX_OUTSTANDING; i++) {
		refuse_waiting(&l->waiting[i], text);
		l->waiting[i].id = 0;
	}
}

static void arm(struct link *l)
{
	uint64_t first = UINT64_MAX, now = mono_ns();

	for (size_t i = 0; i < WIRE_MAX_OUTSTANDING; i++)
		if (l->waiting[i].id && l->waiting[i].deadline_ns < first)
			first = l->waiting[i].deadline_ns;
	if (first == UINT64_MAX)
		loop_set_timer(l->timer, 0, 0);
	else
		loop_set_timer(l->timer, first > now ? first - now : 1, 0);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct link *l = ctx;
	uint64_t now = mono_ns();

	(void)events;
	for (size_t i = 0; i < WIRE_MAX_OUTSTANDING; i++) {
		struct waiting *w = &l->waiting[i];

		if (!w->id || w->deadline_ns > now)
			continue;
		if (!w->fn) {
			w->id = 0;
			continue;
		}
		w->deadline_ns = now + GIVE_UP_NS;
		l->unanswered++;
		refuse_waiting(w, UNAVAILABLE("bulkheadd did not answer in time"));
	}
	arm(l);
}

/* The peer is gone: the end of this program. Reported once. */
static void end(struct link *l)
{
	if (l->gone)
		return;
	l->gone = true;
	loop_remove(TAKE(l->source));
	refuse_all(l, UNAVAILABLE("the connection to bulkheadd is gone"));
	l->events.stop(l->events.ctx);
}

static void drop_queue(struct link *l)
{
	while (l->out) {
		struct queued *q = l->out;

		l->out = q->next;
		free(q);
	}
	l->out_end = &l->out;
	l->out_n = 0;
}

static void flush(struct link *l)
{
	while (l->out) {
		struct queued *q = l->out;
		struct span payload = { (const char *)q->payload, q->n };
		int r = wire_send(l->fd, q->type, q->id, payload, NULL, 0);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			end(l);
			return;
		}
		l->out = q->next;
		l->out_n--;
		free(q);
	}
	l->out_end = &l->out;
	if (l->source)
		loop_set_events(l->source, EPOLLIN);
}

static int enqueue(struct link *l, enum wire_type type, uint32_t id, struct span payload)
{
	if (l->out_n >= MAX_QUEUED)
		return -EAGAIN;
	struct queued *q = malloc(sizeof(*q) + payload.n);

	if (!q)
		return -ENOMEM;
	*q = (struct queued){ .type = type, .id = id, .n = payload.n };
	if (payload.n)
		memcpy(q->payload, payload.p, payload.n);
	*l->out_end = q;
	l->out_end = &q->next;
	l->out_n++;
	return loop_set_events(l->source, EPOLLIN | EPOLLOUT);
}

/* 0 sent or queued. A broken socket is left to the reader to find: it must still read what the peer
 * sent last. */
static int transmit(struct link *l, enum wire_type type, uint32_t id, struct span payload)
{
	if (l->gone)
		return -EPIPE;
	if (!l->out) {
		int r = wire_send(l->fd, type, id, payload, NULL, 0);

		if (r != -EAGAIN)
			return r;
	}
	return enqueue(l, type, id, payload);
}

int link_send(struct link *l, enum wire_type type, struct span payload)
{
	return transmit(l, type, 0, payload);
}

/* --- subscriptions -------------------------------------------------------------------------------
 */

static void send_unsubscribe(struct link *l, uint32_t id)
{
	const struct wire_request q = { .op = WIRE_OP_UNSUBSCRIBE };
	uint8_t bytes[64];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	wire_request_encode(&w, &q);
	/* When it does not go out now, the next frame of events tries again. */
	transmit(l, WIRE_REQUEST, id, (struct span){ (const char *)bytes, w.len });
}

static struct subscription *find_subscription(struct link *l, uint32_t id)
{
	for (size_t i = 0; i < LINK_MAX_SUBSCRIPTIONS; i++)
		if (l->subscriptions[i].id == id)
			return &l->subscriptions[i];
	return NULL;
}

static void on_events(struct link *l, const struct wire_frame *f)
{
	struct subscription *s = f->request_id ? find_subscription(l, f->request_id) : NULL;
	struct wire_events m;
	struct err e = { "" };

	if (!s) { /* timed out long ago, or on its way to its end */
		send_unsubscribe(l, f->request_id);
		return;
	}
	if (wire_events_decode(f->payload, &m, &e) == 0 && s->subscriber->events(s->ctx, &m))
		return;
	if (e.text[0] && l->events.problem)
		l->events.problem(l->events.ctx, e.text);
	send_unsubscribe(l, s->id);
	end_subscription(s);
}

static void on_events_end(struct link *l, const struct wire_frame *f)
{
	struct subscription *s = f->request_id ? find_subscription(l, f->request_id) : NULL;

	if (s)
		end_subscription(s);
}

void link_unsubscribe(struct link *l, void *ctx)
{
	for (size_t i = 0; i < LINK_MAX_SUBSCRIPTIONS; i++) {
		struct subscription *s = &l->subscriptions[i];

		if (!s->id || s->ctx != ctx)
			continue;
		send_unsubscribe(l, s->id);
		end_subscription(s);
	}
}

/* An answer to SUBSCRIBE: places the subscription before its owner hears of it. False: no room. */
static bool begin_subscription(struct link *l, const struct waiting *w, uint32_t id)
{
	struct subscription *s = find_subscription(l, 0);

	if (!s) {
		send_unsubscribe(l, id);
		return false;
	}
	*s = (struct subscription){ id, w->subscriber, w->ctx };
	return true;
}

/* A free place with a fresh id, or NULL. */
static struct waiting *place(struct link *l)
{
	for (size_t i = 0; i < WIRE_MAX_OUTSTANDING; i++) {
		if (l->waiting[i].id)
			continue;
		if (++l->last_id == 0)
			l->last_id = 1;
		l->waiting[i].id = l->last_id;
		return &l->waiting[i];
	}
	return NULL;
}

static void submit(struct link *l, const struct submission *s)
{
	struct span payload = { (const char *)s->payload, s->n };
	struct waiting *w;

	if (l->closing || l->gone) {
		refuse(s->fn, s->ctx, UNAVAILABLE("bulkhead is stopping"));
		return;
	}
	w = place(l);
	if (!w) {
		l->unanswered++;
		refuse(s->fn, s->ctx,
		       UNAVAILABLE("too many requests wait for an answer of bulkheadd"));
		return;
	}
	w->deadline_ns = s->deadline_ns;
	w->fn = s->fn;
	w->ctx = s->ctx;
	w->subscriber = s->subscriber;
	if (transmit(l, WIRE_REQUEST, w->id, payload) < 0) {
		l->unanswered++;
		refuse_waiting(w, UNAVAILABLE("the request cannot be sent to bulkheadd"));
		w->id = 0;
	}
}

static void take_inbox(struct link *l)
{
	struct submission *s;

	pthread_mutex_lock(&l->lock);
	s = TAKE(l->inbox);
	l->inbox_end = &l->inbox;
	pthread_mutex_unlock(&l->lock);
	while (s) {
		struct submission *next = s->next;

		submit(l, s);
		free(s);
		s = next;
	}
}

static void on_wake(void *ctx, uint32_t events)
{
	struct link *l = ctx;
	uint64_t count;

	(void)events;
	if (read(l->wake_fd, &count, sizeof(count)) < 0)
		return;
	take_inbox(l);
	arm(l);
}

static void post(struct link *l, const struct wire_request *q, unsigned timeout_ms,
		 link_response_fn fn, const struct link_subscriber *subscriber, void *ctx)
{
	struct submission *s = malloc(sizeof(*s) + REQUEST_BYTES);
	uint64_t one = 1;

	if (!s) {
		refuse(fn, ctx, UNAVAILABLE("no memory for the request"));
		return;
	}
	*s = (struct submission){ .fn = fn, .ctx = ctx, .subscriber = subscriber };
	s->deadline_ns = mono_ns() + timeout_ms * NS_PER_MS;
	struct wire_writer w = { .p = s->payload, .cap = REQUEST_BYTES };

	wire_request_encode(&w, q);
	s->n = w.len;
	pthread_mutex_lock(&l->lock);
	*l->inbox_end = s;
	l->inbox_end = &s->next;
	pthread_mutex_unlock(&l->lock);
	/* Fails only when the counter is full, and then the loop is awake anyway. */
	ssize_t ignored = write(l->wake_fd, &one, sizeof(one));

	(void)ignored;
}

void link_request(struct link *l, const struct wire_request *q, unsigned timeout_ms,
		  link_response_fn fn, void *ctx)
{
	post(l, q, timeout_ms, fn, NULL, ctx);
}

void link_subscribe(struct link *l, const struct wire_request *q, unsigned timeout_ms,
		    const struct link_subscriber *s, void *ctx)
{
	post(l, q, timeout_ms, s->answer, s, ctx);
}

static void problem(struct link *l, const char *text)
{
	if (l->events.problem)
		l->events.problem(l->events.ctx, text);
}

static void on_response(struct link *l, struct wire_frame *f)
{
	struct wire_response r;
	struct err e = { "" };
	struct waiting *w = NULL;

	for (size_t i = 0; i < WIRE_MAX_OUTSTANDING && !w; i++)
		if (f->request_id && l->waiting[i].id == f->request_id)
			w = &l->waiting[i];
	if (!w)
		return; /* given up long ago */
	link_response_fn fn = TAKE(w->fn);
	int decoded = wire_response_decode(f->payload, &r, &e);
	bool begins = w->subscriber && decoded == 0 && r.status == 200;

	w->id = 0;
	if (begins && !fn)
		send_unsubscribe(l, f->request_id); /* who asked was told that it failed */
	if (!fn)
		return;
	if (decoded < 0) {
		problem(l, e.text);
		refuse(fn, w->ctx, UNAVAILABLE("bulkheadd sent a malformed answer"));
		return;
	}
	if (begins && !begin_subscription(l, w, f->request_id)) {
		refuse(fn, w->ctx, UNAVAILABLE("too many listen to events already"));
		return;
	}
	int fd = -1, *body_fd = f->fds_n ? &f->fds[0] : &fd;

	fn(w->ctx, &r, body_fd);
}

static void on_config(struct link *l, struct wire_frame *f)
{
	struct wire_config c;
	struct err e = { "" };
	int none[2] = { -1, -1 }, *fds = none;

	if (wire_config_decode(f->payload, &c, &e) < 0) {
		problem(l, e.text);
		return;
	}
	if (c.tls && f->fds_n != 2) {
		problem(l, "config: certificate and key did not come with it");
		return;
	}
	if (c.tls)
		fds = f->fds;
	l->events.config(l->events.ctx, &c, &fds[0], &fds[1]);
}

static void on_frame(struct link *l, struct wire_frame *f)
{
	switch (f->type) {
	case WIRE_CONFIG:
		on_config(l, f);
		return;
	case WIRE_RESPONSE:
		on_response(l, f);
		return;
	case WIRE_CONTAINER:
	case WIRE_CONTAINER_END:
	case WIRE_SAMPLES:
	case WIRE_HOST_SAMPLE:
	case WIRE_DISK:
	case WIRE_ALERT_SEGMENT:
	case WIRE_ALERT_LINE:
	case WIRE_ALERT_SEGMENT_GONE:
	case WIRE_SINKS:
	case WIRE_SINK_SECRET:
		l->events.frame(l->events.ctx, f);
		return;
	case WIRE_EVENTS:
		on_events(l, f);
		return;
	case WIRE_EVENTS_END:
		on_events_end(l, f);
		return;
	case WIRE_STOP:
		l->events.stop(l->events.ctx);
		return;
	case WIRE_READY:
	case WIRE_FAILED:
	case WIRE_REQUEST:
	case WIRE_SERVE_STATS:
	case WIRE_SINK_STATS:
		break;
	}
	problem(l, "bulkheadd sent a frame of a type that is not for serve");
}

static void on_readable(struct link *l)
{
	struct err e = { "" };
	struct wire_frame f;

	for (int i = 0; i < FRAMES_A_TURN && !l->gone; i++) {
		int r = wire_receive(l->fd, l->buffer, &f, &e);

		if (r == -EAGAIN)
			return;
		if (r <= 0) {
			if (r < 0)
				problem(l, e.text);
			end(l);
			return;
		}
		on_frame(l, &f);
		wire_close_fds(&f); /* what nobody took */
	}
}

static void on_socket(void *ctx, uint32_t events)
{
	struct link *l = ctx;

	if (events & EPOLLOUT)
		flush(l);
	on_readable(l);
	if (!l->gone)
		arm(l);
}

int link_new(struct link **out, struct loop *loop, int fd, const struct link_events *events,
	     struct err *e)
{
	AUTO(link_free) struct link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_errno(e, "link");
	l->loop = loop;
	l->fd = fd;
	l->events = *events;
	l->inbox_end = &l->inbox;
	l->out_end = &l->out;
	pthread_mutex_init(&l->lock, NULL);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake_fd < 0)
		return err_errno(e, "cannot create an event descriptor");
	r = loop_add_timer(loop, 0, 0, on_timer, l, &l->timer, e);
	if (r == 0)
		r = loop_add_fd(loop, l->wake_fd, EPOLLIN, on_wake, l, &l->wake, e);
	if (r == 0)
		r = loop_add_fd(loop, fd, EPOLLIN, on_socket, l, &l->source, e);
	if (r < 0)
		return r;
	*out = TAKE(l);
	return 0;
}

void link_close(struct link *l)
{
	l->closing = true;
	refuse_all(l, UNAVAILABLE("bulkhead is stopping"));
	take_inbox(l);
}

void link_free(struct link *l)
{
	if (!l)
		return;
	link_close(l);
	drop_queue(l);
	loop_remove(l->source);
	loop_remove(l->wake);
	loop_remove(l->timer);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

uint64_t link_unanswered(const struct link *l)
{
	return l->unanswered;
}
