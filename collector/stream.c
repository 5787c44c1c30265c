// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/stream.h"

#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/snapshot.h"

#define RETRY_NS   (5 * NS_PER_MS) /* till another try where a socket was full */
#define FIRST_ROOM 16384
#define MAX_TOLD   1024 /* containers that a recorder knows; then they are told anew */

struct told {
	uint64_t cgroup, sum; /* sum: of what was told */
};

struct subscription {
	struct peer *peer; /* NULL: free */
	uint32_t id;
	struct event_filter filter;
	struct event_query *query; /* its condition and format; NULL: none */
	uint64_t missed;	   /* since the last frame */
	char *data;		   /* bytes at..n wait */
	size_t at, n, cap;
	struct told *told; /* of a recorder */
	size_t told_n;
};

struct stream {
	struct stream_settings settings;
	struct loop_source *retry;
	uint64_t mask, sent, missed, refused;
	struct buf text[2];	      /* the event as JSON and as a line, made when wanted */
	struct buf own;		      /* as one subscription's own format has it */
	struct buf container;	      /* the event's container as an item */
	uint32_t subscriptions, next; /* next: whose turn it is to be first */
	uint8_t frame[WIRE_EVENTS_BYTES + 32];
	struct subscription list[];
};

/* --- a subscription's buffer ------------------------------------------------------------------
 */

static size_t waiting(const struct subscription *q)
{
	return q->n - q->at;
}

/* Room for n more bytes, or NULL. */
static char *reserve(struct subscription *q, size_t n)
{
	size_t limit = waiting(q) == 0 ? STREAM_LONGEST : STREAM_BUFFER;

	if (waiting(q) + n > limit)
		return NULL;
	if (q->at > 0 && q->n + n > q->cap) {
		memmove(q->data, q->data + q->at, waiting(q));
		q->n -= q->at;
		q->at = 0;
	}
	if (q->n + n > q->cap) {
		size_t cap = q->cap ? q->cap : FIRST_ROOM;

		while (cap < q->n + n)
			cap *= 2;
		char *data = realloc(q->data, cap);

		if (!data)
			return NULL;
		q->data = data;
		q->cap = cap;
	}
	return q->data + q->n;
}

static void put_item(struct subscription *q, enum recording_type type, struct span bytes)
{
	uint8_t head[RECORDING_ITEM_HEAD] = { 0 };
	struct wire_writer w = { .p = head, .cap = sizeof(head) };

	wire_put_u8(&w, (uint8_t)type);
	wire_put_u32(&w, (uint32_t)bytes.n);
	memcpy(q->data + q->n, head, w.len);
	if (bytes.n)
		memcpy(q->data + q->n + w.len, bytes.p, bytes.n);
	q->n += w.len + bytes.n;
}

static void release(struct stream *s, struct subscription *q)
{
	if (q->query)
		s->settings.queries->free(q->query);
	free(q->data);
	free(q->told);
	*q = (struct subscription){ .peer = NULL };
}

/* --- who is there -----------------------------------------------------------------------------
 */

static void look_again(struct stream *s)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < s->settings.max; i++)
		if (s->list[i].peer)
			mask |= s->list[i].filter.types |
				(s->list[i].told ? EVENT_FILTER_CONTEXT : 0);
	if (mask == s->mask)
		return;
	s->mask = mask;
	if (s->settings.changed)
		s->settings.changed(s->settings.ctx, mask);
}

static struct subscription *find(struct stream *s, const struct peer *p, uint32_t id)
{
	for (uint32_t i = 0; i < s->settings.max; i++)
		if (s->list[i].peer == p && s->list[i].id == id)
			return &s->list[i];
	return NULL;
}

static void drop(struct stream *s, struct subscription *q)
{
	release(s, q);
	s->subscriptions--;
}

static struct subscription *place(struct stream *s, enum wire_event_format format)
{
	struct subscription *free_place = NULL;
	uint32_t recorders = 0;

	for (uint32_t i = 0; i < s->settings.max; i++) {
		if (!s->list[i].peer)
			free_place = free_place ? free_place : &s->list[i];
		else
			recorders += s->list[i].filter.format == WIRE_EVENTS_RECORD;
	}
	return format == WIRE_EVENTS_RECORD && recorders >= STREAM_MAX_RECORDERS ? NULL
										 : free_place;
}

static int add_query(struct stream *s, struct subscription *q, struct err *e)
{
	struct event_filter *f = &q->filter;
	const struct event_query_hooks *h = s->settings.queries;
	uint64_t types = UINT64_MAX;

	if (!f->condition[0] && !f->print[0])
		return 0;
	if (f->format == WIRE_EVENTS_RECORD)
		return err_set(e, EINVAL, "a recording takes no filter and no format");
	if (!h)
		return err_set(e, EINVAL, "there is nothing that knows conditions");
	int r = h->make(h->ctx, span_str(f->condition), span_str(f->print), &types, &q->query, e);

	if (r == 0 && types != UINT64_MAX)
		f->types = f->typed ? f->types & types : types;
	return r;
}

int stream_subscribe(struct stream *s, struct peer *p, uint32_t request_id,
		     const struct event_filter *f, struct err *e)
{
	struct subscription *q = place(s, f->format);

	if (find(s, p, request_id))
		return err_set(e, EEXIST, "there is a subscription of this id");
	if (!q) {
		s->refused++;
		return err_set(e, EBUSY, "too many listen to events already");
	}
	*q = (struct subscription){ .peer = p, .id = request_id, .filter = *f };
	int r = add_query(s, q, e);

	if (r < 0) {
		release(s, q);
		return r;
	}
	q->told = f->format == WIRE_EVENTS_RECORD ? calloc(MAX_TOLD, sizeof(*q->told)) : NULL;
	if (f->format == WIRE_EVENTS_RECORD && !q->told) {
		release(s, q);
		return err_set(e, ENOMEM, "no memory for a subscription");
	}
	s->subscriptions++;
	look_again(s);
	return 0;
}

/* --- frames -----------------------------------------------------------------------------------
 */

/* Whole items of a recording, and lines as far as they fit. */
static size_t share(const struct subscription *q)
{
	size_t left = waiting(q), n = 0;

	if (left <= WIRE_EVENTS_BYTES)
		return left;
	const char *p = q->data + q->at;

	if (q->filter.format != WIRE_EVENTS_RECORD) {
		const char *end = memrchr(p, '\n', WIRE_EVENTS_BYTES);

		return end ? (size_t)(end - p) + 1 : WIRE_EVENTS_BYTES;
	}
	for (;;) {
		struct wire_reader r = { .rest = { p + n, left - n } };

		wire_get_u8(&r);
		size_t item = RECORDING_ITEM_HEAD + (size_t)wire_get_u32(&r);

		if (n + item > WIRE_EVENTS_BYTES)
			return n;
		n += item;
	}
}

/* The next n of the bytes that wait. */
static struct span make_frame(struct stream *s, const struct subscription *q, size_t n)
{
	struct wire_writer w = { .p = s->frame, .cap = sizeof(s->frame) };
	const struct wire_events m = { q->missed,
				       q->filter.format,
				       { n ? q->data + q->at : "", n } };

	wire_events_encode(&w, &m);
	return (struct span){ (const char *)s->frame, w.len };
}

/* false: the socket is full. */
static bool flush_one(struct stream *s, struct subscription *q)
{
	while (waiting(q) > 0 || q->missed > 0) {
		size_t n = share(q);
		struct span frame = make_frame(s, q, n);
		int r = peer_send_stream(q->peer, WIRE_EVENTS, q->id, frame);

		if (r == -EAGAIN)
			return false;
		/* A broken connection is told to its owner by the loop: nothing waits for it. */
		q->at = r < 0 ? q->n : q->at + n;
		q->missed = 0;
	}
	q->at = q->n = 0;
	return true;
}

void stream_flush(struct stream *s)
{
	bool left = false;

	if (s->subscriptions == 0)
		return;
	for (uint32_t i = 0; i < s->settings.max; i++) {
		uint32_t at = s->next + i;
		struct subscription *q = &s->list[at < s->settings.max ? at : at - s->settings.max];

		if (q->peer && !flush_one(s, q))
			left = true;
	}
	s->next = s->next + 1 < s->settings.max ? s->next + 1 : 0;
	if (left)
		loop_set_timer(s->retry, RETRY_NS, 0);
}

static void on_retry(void *ctx, uint32_t events)
{
	(void)events;
	stream_flush(ctx);
}

/* The last frames may queue: a subscription that ends in order has missed nothing by it. */
static void end_one(struct stream *s, struct subscription *q, const char *why)
{
	while (waiting(q) > 0 || q->missed > 0) {
		size_t n = share(q);
		struct span frame = make_frame(s, q, n);

		peer_send(q->peer, WIRE_EVENTS, q->id, frame, -1);
		q->at += n;
		q->missed = 0;
	}
	peer_send(q->peer, WIRE_EVENTS_END, q->id, span_str(why), -1);
	drop(s, q);
}

bool stream_unsubscribe(struct stream *s, struct peer *p, uint32_t request_id)
{
	struct subscription *q = find(s, p, request_id);

	if (!q)
		return false;
	end_one(s, q, "unsubscribed");
	look_again(s);
	return true;
}

void stream_forget_peer(struct stream *s, const struct peer *p)
{
	for (uint32_t i = 0; i < s->settings.max; i++)
		if (s->list[i].peer == p)
			drop(s, &s->list[i]);
	look_again(s);
}

void stream_end_all(struct stream *s, const char *why)
{
	for (uint32_t i = 0; i < s->settings.max; i++)
		if (s->list[i].peer)
			end_one(s, &s->list[i], why);
	look_again(s);
}

/* --- events -----------------------------------------------------------------------------------
 */

static void miss(struct stream *s, struct subscription *q)
{
	q->missed++;
	s->missed++;
}

static void add_bytes(struct stream *s, struct subscription *q, const struct buf *b)
{
	char *to = b->failed ? NULL : reserve(q, b->len);

	if (!to) {
		miss(s, q);
		return;
	}
	memcpy(to, b->data, b->len);
	q->n += b->len;
	s->sent++;
}

/* Foreign text is made visible: a line stays a line. */
static void add_own(struct stream *s, struct subscription *q)
{
	struct buf *text = &s->own;
	size_t at;

	buf_clear(text);
	s->settings.queries->print(q->query, text);
	at = text->len;
	if (!text->failed && at > 0) {
		AUTO_BUF struct buf raw = { .fd = -1 };

		buf_init(&raw, STREAM_LONGEST);
		buf_add(&raw, text->data, at);
		buf_clear(text);
		buf_add_visible(text, (struct span){ raw.data, raw.failed ? 0 : raw.len });
	}
	buf_add_char(text, '\n');
	add_bytes(s, q, text);
}

static void add_text(struct stream *s, struct subscription *q, const struct event_view *v,
		     const struct event_context *c)
{
	bool json = q->filter.format == WIRE_EVENTS_JSON;
	struct buf *b = &s->text[json ? 0 : 1];

	if (b->len == 0 && !b->failed) {
		if (json)
			event_json(b, v, c);
		else
			event_line(b, v, c);
		buf_add_char(b, '\n');
	}
	add_bytes(s, q, b);
}

static void make_container(struct stream *s, const struct event_view *v,
			   const struct event_context *c)
{
	struct snapshot_container m = { .cgroups = { v->head->container_cgroup }, .cgroups_n = 1 };
	char *p = s->container.len ? NULL : buf_reserve(&s->container, SNAPSHOT_CONTAINER_MAX);

	if (!p)
		return;
	m.text = *c->container;
	struct wire_writer w = { .p = (uint8_t *)p, .cap = SNAPSHOT_CONTAINER_MAX };

	snapshot_container_encode(&w, &m);
	s->container.len = w.failed ? 0 : w.len;
}

static uint64_t sum_of(struct span s)
{
	uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3ULL;
	return h;
}

/* The place of this container in what the recorder was told. */
static struct told *told_place(struct subscription *q, uint64_t cgroup)
{
	size_t i = (size_t)((cgroup * 0x9e3779b97f4a7c15ULL) >> 32) % MAX_TOLD;

	while (q->told[i].cgroup && q->told[i].cgroup != cgroup)
		i = (i + 1) % MAX_TOLD;
	return &q->told[i];
}

static struct span record_of(const struct event_view *v)
{
	return (struct span){ (const char *)v->head, v->head->size };
}

/* What the process table of who replays needs, whatever the recorder asked for. */
static void add_context(struct stream *s, struct subscription *q, const struct event_view *v)
{
	if (reserve(q, v->head->size + RECORDING_ITEM_HEAD))
		put_item(q, RECORDING_CONTEXT, record_of(v));
	else
		miss(s, q);
}

static void add_record(struct stream *s, struct subscription *q, const struct event_view *v,
		       const struct event_context *c)
{
	struct span record = record_of(v), container = { "", 0 };
	struct told *told = NULL;
	uint64_t sum = 0;

	if (c->container && v->head->container_cgroup) {
		make_container(s, v, c);
		container = (struct span){ s->container.data, s->container.len };
		sum = sum_of(container);
		if (q->told_n > MAX_TOLD / 2) {
			memset(q->told, 0, MAX_TOLD * sizeof(*q->told));
			q->told_n = 0;
		}
		told = told_place(q, v->head->container_cgroup);
		if (told->cgroup && told->sum == sum)
			container.n = 0;
	}
	if (!reserve(q, record.n + container.n + 2 * RECORDING_ITEM_HEAD)) {
		miss(s, q);
		return;
	}
	if (container.n) {
		q->told_n += told->cgroup == 0;
		*told = (struct told){ v->head->container_cgroup, sum };
		put_item(q, RECORDING_CONTAINER, container);
	}
	put_item(q, RECORDING_EVENT, record);
	s->sent++;
}

void stream_event(struct stream *s, const struct event_view *v, const struct event_context *c)
{
	const struct span none = { "", 0 };

	if (!(s->mask & EVENT_BIT(v->head->type)))
		return;
	buf_clear(&s->text[0]);
	buf_clear(&s->text[1]);
	buf_clear(&s->container);
	for (uint32_t i = 0; i < s->settings.max; i++) {
		struct subscription *q = &s->list[i];

		if (!q->peer)
			continue;
		bool passes = event_filter_pass_span(&q->filter, v,
						     c->container ? c->container->id : none,
						     c->container ? c->container->name : none);

		if (passes && q->query && !s->settings.queries->pass(q->query, v, c))
			continue;
		if (passes && q->filter.print[0])
			add_own(s, q);
		else if (passes && q->told)
			add_record(s, q, v, c);
		else if (passes)
			add_text(s, q, v, c);
		else if (q->told && (EVENT_FILTER_CONTEXT & EVENT_BIT(v->head->type)))
			add_context(s, q, v);
	}
}

/* What comes late of a container that went is told with it again. */
static void untell(struct subscription *q, struct span bytes)
{
	struct wire_reader r = { .rest = bytes };
	struct told *t = told_place(q, wire_get_u64(&r));

	t->sum = 0;
}

void stream_item(struct stream *s, enum recording_type type, struct span bytes)
{
	for (uint32_t i = 0; i < s->settings.max; i++) {
		struct subscription *q = &s->list[i];

		if (!q->peer || !q->told)
			continue;
		if (type == RECORDING_CONTAINER_END)
			untell(q, bytes);
		if (bytes.n + RECORDING_ITEM_HEAD <= WIRE_EVENTS_BYTES &&
		    reserve(q, bytes.n + RECORDING_ITEM_HEAD))
			put_item(q, type, bytes);
		else
			miss(s, q);
	}
}

/* --- the snapshot that a recorder gets first --------------------------------------------------
 */

struct stream_snapshot {
	struct stream *stream;
	struct subscription *q; /* its buffer collects a frame */
	uint64_t bytes;
};

/* By the peer's queue: it comes whole, before the first event. */
static void send_snapshot(struct stream_snapshot *t)
{
	struct subscription *q = t->q;

	if (waiting(q) == 0)
		return;
	peer_send(q->peer, WIRE_EVENTS, q->id, make_frame(t->stream, q, waiting(q)), -1);
	q->missed = 0;
	q->at = q->n = 0;
}

void stream_snapshot_item(struct stream_snapshot *t, enum recording_type type, struct span bytes)
{
	size_t n = bytes.n + RECORDING_ITEM_HEAD;

	if (waiting(t->q) + n > WIRE_EVENTS_BYTES)
		send_snapshot(t);
	if (n > WIRE_EVENTS_BYTES || t->bytes + n > STREAM_MAX_SNAPSHOT || !reserve(t->q, n)) {
		miss(t->stream, t->q);
		return;
	}
	put_item(t->q, type, bytes);
	t->bytes += n;
}

void stream_begin(struct stream *s, struct peer *p, uint32_t request_id)
{
	struct subscription *q = find(s, p, request_id);

	if (!q || q->filter.format != WIRE_EVENTS_RECORD || !s->settings.snapshot)
		return;
	struct stream_snapshot t = { .stream = s, .q = q };

	s->settings.snapshot(s->settings.ctx, &t);
	send_snapshot(&t);
}

/* --- the hub ----------------------------------------------------------------------------------
 */

int stream_new(struct stream **out, struct loop *loop, const struct stream_settings *settings,
	       struct err *e)
{
	uint32_t max = settings->max ? settings->max : STREAM_MAX_SUBSCRIPTIONS;
	AUTO(stream_free) struct stream *s = calloc(1, sizeof(*s) + max * sizeof(s->list[0]));

	if (!s)
		return err_set(e, ENOMEM, "no memory for streams of events");
	s->settings = *settings;
	s->settings.max = max;
	buf_init(&s->text[0], STREAM_LONGEST);
	buf_init(&s->text[1], STREAM_LONGEST);
	buf_init(&s->own, STREAM_LONGEST);
	buf_init(&s->container, SNAPSHOT_CONTAINER_MAX);
	int r = loop_add_timer(loop, 0, 0, on_retry, s, &s->retry, e);

	if (r < 0)
		return r;
	*out = TAKE(s);
	return 0;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->settings.max; i++)
		release(s, &s->list[i]);
	buf_release(&s->text[0]);
	buf_release(&s->text[1]);
	buf_release(&s->own);
	buf_release(&s->container);
	loop_remove(s->retry);
	free(s);
}

uint64_t stream_type_mask(const struct stream *s)
{
	return s->mask;
}

uint32_t stream_subscriptions_of(const struct stream *s, const struct peer *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->settings.max; i++)
		n += s->list[i].peer == p;
	return n;
}

bool stream_wants_host(const struct stream *s)
{
	for (uint32_t i = 0; i < s->settings.max; i++)
		if (s->list[i].peer && s->list[i].filter.host)
			return true;
	return false;
}

struct stream_stats stream_stats(const struct stream *s)
{
	return (struct stream_stats){ s->subscriptions, s->settings.max, s->refused, s->sent,
				      s->missed };
}
