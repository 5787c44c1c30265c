// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/history.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "http/history_internal.h"

/* Samples leave room for the messages that tell which containers there are. */
#define SAMPLES_MAX_QUEUE (HISTORY_MAX_QUEUE / 4 * 3)
#define MAX_QUERIES	  64 /* waiting at once: each may take milliseconds */
#define SCRATCH_BYTES	  (64u << 10)

struct history_message {
	struct history_message *next;
	enum history_message_type type;
	struct history_settings settings;
	struct history_query query;
	void (*fn)(void *ctx, struct history_answer *a);
	void *ctx;
	size_t n;
	char data[]; /* a frame's payload */
};

/* --- notes: library code does not log ------------------------------------------------------- */

void history_note(struct history *h, const char *fmt, ...)
{
	va_list ap;

	if (h->notes_n == sizeof(h->notes) / sizeof(h->notes[0]))
		return; /* counters tell of the rest */
	va_start(ap, fmt);
	vsnprintf(h->notes[h->notes_n++].text, ERR_TEXT_BYTES, fmt, ap);
	va_end(ap);
}

void history_write_failed(struct history *h, const struct err *e)
{
	HISTORY_COUNT(h, HISTORY_ERRORS, 1);
	if (h->now < h->next_error_note)
		return; /* a full disk fails for every container in every minute */
	h->next_error_note = history_clock(h) + 60;
	history_note(h, "%s", e->text[0] ? e->text : "out of memory");
}

int64_t history_clock(const struct history *h)
{
	return h->now > 0 ? h->now : (int64_t)(unix_ns() / NS_PER_S);
}

bool history_stopping(const struct history *h)
{
	return atomic_load_explicit(&h->stopping, memory_order_relaxed);
}

static void log_notes(struct history *h)
{
	for (uint32_t i = 0; i < h->notes_n; i++)
		log_warning("history", "error", h->notes[i].text, NULL);
	h->notes_n = 0;
}

/* --- queue ---------------------------------------------------------------------------------- */

static struct history_message *message_new(enum history_message_type type, size_t n)
{
	struct history_message *m = calloc(1, sizeof(*m) + n);

	if (m) {
		m->type = type;
		m->n = n;
	}
	return m;
}

/* Takes m. -EBUSY when it does not fit: m is freed and counted. */
static int enqueue(struct history *h, struct history_message *m, size_t max_bytes)
{
	size_t bytes = m ? sizeof(*m) + m->n : 0;
	bool taken = false;

	if (m) {
		pthread_mutex_lock(&h->lock);
		taken = !h->closing && h->queued_n < HISTORY_MAX_MESSAGES &&
			h->queued_bytes + bytes <= max_bytes &&
			(m->type != MESSAGE_QUERY || h->queued_queries < MAX_QUERIES);
		if (taken) {
			h->queued_n++;
			h->queued_queries += m->type == MESSAGE_QUERY;
			h->queued_bytes += bytes;
			*h->tail = m;
			h->tail = &m->next;
			pthread_cond_signal(&h->wake);
		}
		pthread_mutex_unlock(&h->lock);
	}
	if (taken)
		return 0;
	HISTORY_COUNT(h, HISTORY_REFUSED, 1);
	free(m);
	return -EBUSY;
}

/* The next message, or NULL when closing and all is done. Waits. */
static struct history_message *dequeue(struct history *h)
{
	pthread_mutex_lock(&h->lock);
	while (!h->first && !h->closing)
		pthread_cond_wait(&h->wake, &h->lock);
	struct history_message *m = h->first;

	if (m) {
		h->first = m->next;
		if (!h->first)
			h->tail = &h->first;
		h->queued_n--;
		h->queued_queries -= m->type == MESSAGE_QUERY;
		h->queued_bytes -= sizeof(*m) + m->n;
	}
	pthread_mutex_unlock(&h->lock);
	return m;
}

static void take_frame(struct history *h, const struct history_message *m)
{
	struct span payload = { m->data, m->n };
	struct wire_container container;
	struct wire_container_end end;
	struct wire_host_sample host;
	struct wire_disk disk;

	/* the payloads were encoded on this side: a decode cannot fail but by a bug */
	if (m->type == MESSAGE_SAMPLES)
		history_feed_samples(h, payload);
	else if (m->type == MESSAGE_CONTAINER &&
		 wire_container_decode(payload, &container, NULL) == 0)
		history_feed_container(h, &container);
	else if (m->type == MESSAGE_END && wire_container_end_decode(payload, &end, NULL) == 0)
		history_feed_end(h, &end);
	else if (m->type == MESSAGE_HOST && wire_host_sample_decode(payload, &host, NULL) == 0)
		history_feed_host(h, &host);
	else if (m->type == MESSAGE_DISK && wire_disk_decode(payload, &disk, NULL) == 0)
		history_feed_disk(h, &disk);
}

static void take_message(struct history *h, const struct history_message *m)
{
	struct history_answer a = { .status = 0 };

	switch (m->type) {
	case MESSAGE_CONFIG:
		h->settings = m->settings;
		history_cap_refresh(h);
		history_cap_make_room(h, 0, true);
		break;
	case MESSAGE_QUERY:
		if (history_stopping(h)) {
			history_answer_error(&a, 503, "bulkhead is stopping");
		} else {
			history_feed_settle(h);
			history_answer_query(h, &m->query, &a);
		}
		m->fn(m->ctx, &a);
		break;
	case MESSAGE_CONTAINER:
	case MESSAGE_END:
	case MESSAGE_SAMPLES:
	case MESSAGE_HOST:
	case MESSAGE_DISK:
		take_frame(h, m);
		break;
	}
}

static void *history_main(void *arg)
{
	struct history *h = arg;
	struct history_message *m;

	pthread_setname_np(pthread_self(), "history");
	history_spool_load(h);
	history_cap_make_room(h, 0, true);
	log_notes(h);
	while ((m = dequeue(h))) {
		take_message(h, m);
		free(m);
		log_notes(h);
	}
	history_feed_stop(h);
	log_notes(h);
	return NULL;
}

/* --- public --------------------------------------------------------------------------------- */

static uint32_t between(uint32_t v, uint32_t low, uint32_t high)
{
	return v < low ? low : v > high ? high : v;
}

static struct history_settings settings_of(const struct wire_config *c)
{
	return (struct history_settings){ .max_bytes = c->history_max_bytes,
					  .max_percent = c->history_max_percent,
					  .flush_s = between(c->history_flush_s, 1, 300),
					  .min_lifetime_s =
						  between(c->history_min_lifetime_s, 0, 300) };
}

int history_new(struct history **out, const struct wire_config *settings, struct err *e)
{
	AUTO(history_free) struct history *h = calloc(1, sizeof(*h));

	if (!h)
		return err_set(e, ENOMEM, "no memory for the history");
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->wake, NULL);
	h->tail = &h->first;
	h->dir_fd = -1;
	h->settings = settings_of(settings);
	buf_init(&h->scratch, SCRATCH_BYTES);
	int r = history_catalog_open(h, e);

	if (r < 0)
		return r;
	history_cap_refresh(h);
	r = pthread_create(&h->thread, NULL, history_main, h);
	if (r != 0)
		return err_set(e, r, "cannot start the history thread: %s", strerror(r));
	h->started = true;
	*out = TAKE(h);
	return 0;
}

void history_free(struct history *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->closing = true;
	atomic_store_explicit(&h->stopping, true, memory_order_relaxed);
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	if (h->started)
		pthread_join(h->thread, NULL);
	history_catalog_release(h);
	buf_release(&h->scratch);
	if (h->dir_fd >= 0)
		close(h->dir_fd);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void history_reconfigure(struct history *h, const struct wire_config *settings)
{
	struct history_message *m = message_new(MESSAGE_CONFIG, 0);

	if (m)
		m->settings = settings_of(settings);
	enqueue(h, m, HISTORY_MAX_QUEUE);
}

/* Room for an encoded message: its strings and whatever numbers it has. */
static size_t container_bytes(const struct wire_container *c)
{
	return 64 + c->key.n + c->id.n + c->name.n + c->image.n + c->image_id.n + c->runtime.n;
}

static size_t host_bytes(const struct wire_host_sample *m)
{
	size_t n = 128;

	for (uint32_t i = 0; i < m->filesystems_n && i < WIRE_MAX_FILESYSTEMS; i++)
		n += 48 + m->filesystems[i].mount_point.n + m->filesystems[i].device.n;
	return n;
}

static struct wire_writer writer(struct history_message *m)
{
	return (struct wire_writer){ .p = m ? (uint8_t *)m->data : NULL, .cap = m ? m->n : 0 };
}

static void send_written(struct history *h, struct history_message *m, const struct wire_writer *w)
{
	if (m)
		m->n = w->len;
	if (m && w->failed) {
		free(m);
		m = NULL;
	}
	enqueue(h, m, HISTORY_MAX_QUEUE);
}

void history_container(struct history *h, const struct wire_container *c)
{
	struct history_message *m = message_new(MESSAGE_CONTAINER, container_bytes(c));
	struct wire_writer w = writer(m);

	wire_container_encode(&w, c);
	send_written(h, m, &w);
}

void history_container_end(struct history *h, const struct wire_container_end *end)
{
	struct history_message *m = message_new(MESSAGE_END, 32);
	struct wire_writer w = writer(m);

	wire_container_end_encode(&w, end);
	send_written(h, m, &w);
}

void history_samples(struct history *h, struct span payload)
{
	struct history_message *m =
		payload.n <= WIRE_FRAME_MAX ? message_new(MESSAGE_SAMPLES, payload.n) : NULL;

	if (m && payload.n > 0)
		memcpy(m->data, payload.p, payload.n);
	enqueue(h, m, SAMPLES_MAX_QUEUE);
}

void history_host(struct history *h, const struct wire_host_sample *sample)
{
	struct history_message *m = message_new(MESSAGE_HOST, host_bytes(sample));
	struct wire_writer w = writer(m);

	wire_host_sample_encode(&w, sample);
	send_written(h, m, &w);
}

void history_disk(struct history *h, const struct wire_disk *disk)
{
	struct history_message *m = message_new(MESSAGE_DISK, 64);
	struct wire_writer w = writer(m);

	wire_disk_encode(&w, disk);
	send_written(h, m, &w);
}

int history_query(struct history *h, const struct history_query *q,
		  void (*fn)(void *ctx, struct history_answer *a), void *ctx)
{
	struct history_message *m = message_new(MESSAGE_QUERY, 0);

	if (m) {
		m->query = *q;
		m->query.id[sizeof(q->id) - 1] = '\0';
		m->query.metric[sizeof(q->metric) - 1] = '\0';
		m->fn = fn;
		m->ctx = ctx;
	}
	return enqueue(h, m, HISTORY_MAX_QUEUE);
}

void history_stats(struct history *h, struct wire_serve_stats *out)
{
	for (int i = SERVE_STAT_HISTORY_BYTES; i <= SERVE_STAT_HISTORY_REDUCED; i++)
		out->v[i] = atomic_load_explicit(&h->stats[i], memory_order_relaxed);
}
