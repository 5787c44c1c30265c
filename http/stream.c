// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/stream.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/base/clock.h"

#define ANSWER_TIMEOUT_MS 10000
#define PIECE_BYTES	  16384
#define RETRY_AFTER	  "5"

struct stream_client {
	struct streams *hub;
	struct stream_client *next, *prev;
	struct exchange *x; /* until it is answered */
	struct gate *gate;
	struct MHD_Connection *connection;
	unsigned refs;	/* of the answer or response, and of the subscription */
	bool suspended; /* the HTTP thread waits for us to resume it */
	bool ended;	/* nothing more comes */
	bool gone;	/* the response was freed: gate and connection are no more */
	struct buf out; /* bytes at.. wait to be sent */
	size_t at;
	uint64_t missed, last_ns;
	uint64_t id;	 /* main thread: of the last message */
	struct buf line; /* main thread: a line whose end is not there yet */
};

struct streams {
	struct service *service;
	pthread_mutex_t lock;	      /* guards all of a client that is not of one thread */
	struct stream_client clients; /* list head */
	uint32_t n, max;	      /* n: those that are not gone */
	uint64_t refused, missed;
	struct buf message; /* main thread */
};

/* --- messages ---------------------------------------------------------------------------------
 */

void stream_message(struct buf *b, uint64_t id, struct span json)
{
	buf_printf(b, "id: %llu\ndata: ", (unsigned long long)id);
	buf_add_span(b, json);
	buf_add_str(b, "\n\n");
}

void stream_missed_message(struct buf *b, uint64_t missed)
{
	buf_printf(b, "event: missed\ndata: {\"missed\":%llu}\n\n", (unsigned long long)missed);
}

/* --- a client, under the lock ------------------------------------------------------------------
 */

static void unref(struct stream_client *c)
{
	if (--c->refs > 0)
		return;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	buf_release(&c->out);
	buf_release(&c->line);
	free(c);
}

static void leave(struct stream_client *c)
{
	c->gone = true;
	c->hub->n--;
	unref(c);
}

static void wake(struct stream_client *c)
{
	struct service *s = c->hub->service;
	uint64_t one = 1;

	if (!c->suspended)
		return;
	c->suspended = false;
	MHD_resume_connection(c->connection);
	atomic_fetch_sub(&c->gate->waiting, 1);
	if (atomic_load(&s->closing)) {
		ssize_t ignored = write(s->idle_fd, &one, sizeof(one));

		(void)ignored;
	}
}

/* false: it finds no room. */
static bool append(struct stream_client *c, struct span bytes)
{
	size_t waiting = c->out.len - c->at;

	if (waiting > 0 && waiting + bytes.n > STREAM_BUFFER)
		return false;
	if (c->at > 0) {
		memmove(c->out.data, c->out.data + c->at, waiting);
		c->out.len = waiting;
		c->at = 0;
	}
	buf_add_span(&c->out, bytes);
	if (c->out.failed) {
		c->out.failed = false;
		return false;
	}
	c->last_ns = mono_ns();
	return true;
}

static void tell_missed(struct stream_client *c)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	if (c->missed == 0)
		return;
	buf_init(&b, 128);
	stream_missed_message(&b, c->missed);
	if (!b.failed && append(c, (struct span){ b.data, b.len }))
		c->missed = 0;
}

/* --- the HTTP thread's side --------------------------------------------------------------------
 */

static ssize_t give(struct stream_client *c, char *out, size_t cap)
{
	size_t n = c->out.len - c->at;

	if (n > cap)
		n = cap;
	memcpy(out, c->out.data + c->at, n);
	c->at += n;
	if (c->at == c->out.len)
		c->out.len = c->at = 0;
	return (ssize_t)n;
}

static ssize_t read_more(struct stream_client *c, char *out, size_t cap)
{
	if (c->out.len == c->at)
		tell_missed(c);
	if (c->out.len > c->at)
		return give(c, out, cap);
	if (c->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	/* Counted before `closing` is read, as in exchange_wait. */
	atomic_fetch_add(&c->gate->waiting, 1);
	if (atomic_load(&c->gate->closing)) {
		atomic_fetch_sub(&c->gate->waiting, 1);
		return MHD_CONTENT_READER_END_OF_STREAM;
	}
	c->suspended = true;
	MHD_suspend_connection(c->connection);
	return 0;
}

static ssize_t on_read(void *ctx, uint64_t position, char *out, size_t cap)
{
	struct stream_client *c = ctx;

	(void)position;
	pthread_mutex_lock(&c->hub->lock);
	ssize_t n = read_more(c, out, cap);

	pthread_mutex_unlock(&c->hub->lock);
	return n;
}

void stream_drop(struct stream_client *c)
{
	struct streams *s = c->hub;

	pthread_mutex_lock(&s->lock);
	leave(c);
	pthread_mutex_unlock(&s->lock);
}

static void on_free(void *ctx)
{
	stream_drop(ctx);
}

struct MHD_Response *stream_response(struct stream_client *c)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, on_read, c,
						 on_free);
}

/* --- the main thread's side --------------------------------------------------------------------
 */

static void on_answer(void *ctx, const struct wire_response *r, int *body_fd)
{
	struct stream_client *c = ctx;
	struct streams *s = c->hub;
	struct exchange *x = TAKE(c->x);

	if (r->status == 200) {
		answer_stream(&x->answer, c);
	} else {
		answer_wire(&x->answer, r, body_fd);
		pthread_mutex_lock(&s->lock);
		c->refs--; /* there will be no subscription */
		leave(c);
		pthread_mutex_unlock(&s->lock);
	}
	exchange_done(x);
}

static void add_line(struct stream_client *c)
{
	struct streams *s = c->hub;
	bool fits = !c->line.failed;

	tell_missed(c);
	buf_clear(&s->message);
	stream_message(&s->message, c->id + 1, (struct span){ c->line.data, c->line.len });
	fits = fits && !s->message.failed && c->missed == 0 &&
	       append(c, (struct span){ s->message.data, s->message.len });
	c->id += fits;
	c->missed += !fits;
	s->missed += !fits;
	buf_clear(&c->line);
}

static bool on_events(void *ctx, const struct wire_events *m)
{
	struct stream_client *c = ctx;
	struct streams *s = c->hub;
	struct span rest = m->bytes;

	pthread_mutex_lock(&s->lock);
	c->missed += m->missed;
	s->missed += m->missed;
	while (rest.n > 0 && !c->gone) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;

		buf_add(&c->line, rest.p, n);
		if (end)
			add_line(c);
		n += end != NULL;
		rest = (struct span){ rest.p + n, rest.n - n };
	}
	wake(c);
	bool wanted = !c->gone;

	pthread_mutex_unlock(&s->lock);
	return wanted;
}

static void on_end(void *ctx)
{
	struct stream_client *c = ctx;
	struct streams *s = c->hub;

	pthread_mutex_lock(&s->lock);
	c->ended = true;
	wake(c);
	unref(c);
	pthread_mutex_unlock(&s->lock);
}

static const struct link_subscriber subscriber = { on_answer, on_events, on_end };

static void look_after(struct stream_client *c, uint64_t now_ns)
{
	if (!c->suspended)
		return;
	if (now_ns - c->last_ns >= STREAM_HEARTBEAT_NS)
		append(c, SPAN_LIT(":\n\n")); /* or a client that is gone would not be noticed */
	if (c->out.len > c->at || atomic_load(&c->gate->closing))
		wake(c);
}

void streams_tick(struct streams *s, uint64_t now_ns)
{
	struct stream_client *gone[LINK_MAX_SUBSCRIPTIONS];
	size_t gone_n = 0;

	pthread_mutex_lock(&s->lock);
	for (struct stream_client *c = s->clients.next; c != &s->clients; c = c->next) {
		look_after(c, now_ns);
		if (c->gone && gone_n < LINK_MAX_SUBSCRIPTIONS)
			gone[gone_n++] = c; /* stays until its subscription ends, here */
	}
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < gone_n; i++)
		link_unsubscribe(s->service->link, gone[i]);
}

void streams_wake_closing(struct streams *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct stream_client *c = s->clients.next; c != &s->clients; c = c->next)
		if (c->suspended && atomic_load(&c->gate->closing))
			wake(c);
	pthread_mutex_unlock(&s->lock);
}

/* --- requests (HTTP thread) --------------------------------------------------------------------
 */

static struct stream_client *client_new(struct streams *s, struct exchange *x)
{
	struct stream_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->hub = s;
	c->x = x;
	c->gate = x->gate;
	c->connection = x->connection;
	c->refs = 2;
	buf_init(&c->out, STREAM_LONGEST + STREAM_BUFFER);
	buf_init(&c->line, STREAM_LONGEST);
	pthread_mutex_lock(&s->lock);
	bool full = s->n >= s->max;

	if (full) {
		s->refused++;
	} else {
		s->n++;
		append(c, SPAN_LIT(":\n\n")); /* the client sees at once that it is connected */
		c->prev = &s->clients;
		c->next = s->clients.next;
		c->next->prev = c->prev->next = c;
	}
	pthread_mutex_unlock(&s->lock);
	if (full) {
		buf_release(&c->out);
		free(c);
		return NULL;
	}
	return c;
}

void streams_route(struct exchange *x)
{
	static const char *const names[] = {
		"container", "type", "class", "host", "filter", "print"
	};
	struct streams *s = x->service->streams;
	struct err e = { "" };

	if (request_known_parameters(x->query, names, sizeof(names) / sizeof(names[0]), &e) < 0) {
		answer_error(&x->answer, 400, "%s", e.text);
		return;
	}
	struct stream_client *c = client_new(s, x);

	if (!c) {
		answer_error(&x->answer, 503, "too many clients listen to events already");
		x->answer.retry_after = RETRY_AFTER;
		return;
	}
	const struct wire_request q = { .op = WIRE_OP_SUBSCRIBE,
					.path = span_str(x->path),
					.query = x->query,
					.token = request_token(exchange_header(x, "Authorization"),
							       exchange_header(x, "Cookie")) };

	if (exchange_wait(x)) {
		link_subscribe(x->service->link, &q, ANSWER_TIMEOUT_MS, &subscriber, c);
		return;
	}
	pthread_mutex_lock(&s->lock);
	c->refs--;
	leave(c);
	pthread_mutex_unlock(&s->lock);
}

/* --- the hub -----------------------------------------------------------------------------------
 */

int streams_new(struct streams **out, struct service *service, struct err *e)
{
	struct streams *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, ENOMEM, "no memory for streams of events");
	s->service = service;
	s->clients.next = s->clients.prev = &s->clients;
	pthread_mutex_init(&s->lock, NULL);
	buf_init(&s->message, STREAM_LONGEST + 64);
	*out = s;
	return 0;
}

void streams_free(struct streams *s)
{
	if (!s)
		return;
	buf_release(&s->message);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void streams_set_connections(struct streams *s, uint32_t max_connections)
{
	uint32_t half = max_connections / 2;

	pthread_mutex_lock(&s->lock);
	s->max = half < STREAM_MAX_CLIENTS ? half : STREAM_MAX_CLIENTS;
	pthread_mutex_unlock(&s->lock);
}

void streams_stats(struct streams *s, struct wire_serve_stats *out)
{
	pthread_mutex_lock(&s->lock);
	out->v[SERVE_STAT_STREAM_CLIENTS] = s->n;
	out->v[SERVE_STAT_STREAM_REFUSED] = s->refused;
	out->v[SERVE_STAT_STREAM_MISSED] = s->missed;
	pthread_mutex_unlock(&s->lock);
}
