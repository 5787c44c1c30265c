// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "collector/base/log.h"
#include "http/sinks_internal.h"

#define MAX_QUEUED	 8192
#define MAX_SPARE	 4096 /* for what must not be missed: all but lines, which the log has too */
#define MAX_QUEUED_BYTES (24u << 20)
#define MAX_SECRETS	 (WIRE_MAX_SINKS * WIRE_MAX_SINK_SETTINGS)
#define MAX_SECRET_BYTES (1u << 20)
#define SAVE_NS		 (200 * NS_PER_MS)
#define KEEP_NS		 (60 * NS_PER_S)
#define PUBLISH_NS	 (100 * NS_PER_MS)
#define LONGEST_WAIT_MS	 5000
#define STACK_BYTES	 (1u << 20)
#define TLS_SESSIONS	 8 /* connections that stay open */

struct sinks_message {
	struct sinks_message *next;
	enum wire_type type;
	int fd;
	size_t n;
	char payload[];
};

static void message_free(struct sinks_message *m)
{
	if (!m)
		return;
	if (m->fd >= 0)
		close(m->fd);
	if (m->type == WIRE_SINK_SECRET)
		explicit_bzero(m->payload, m->n);
	free(m);
}

/* --- main thread ---------------------------------------------------------------------------- */

static void wake(const struct sinks *s)
{
	uint64_t one = 1;
	/* Fails only when the counter is full, and then the thread is awake anyway. */
	ssize_t ignored = write(s->wake_fd, &one, sizeof(one));

	(void)ignored;
}

/* Growth of a file whose earlier growth still waits only changes that. */
static bool merge(struct sinks *s, const struct wire_frame *f, const struct wire_alert_segment *g)
{
	struct wire_alert_segment m;

	if (f->fds_n > 0)
		return false;
	for (struct sinks_message *w = s->first; w; w = w->next) {
		if (w->type != WIRE_ALERT_SEGMENT || w->n != f->payload.n ||
		    wire_alert_segment_decode((struct span){ w->payload, w->n }, &m, NULL) < 0 ||
		    m.log != g->log || m.first_seq != g->first_seq)
			continue;
		/* the descriptor that came with it stays with it */
		memcpy(w->payload, f->payload.p, f->payload.n);
		return true;
	}
	return false;
}

static bool has_room(const struct sinks *s, enum wire_type type, size_t bytes)
{
	const bool spare = type != WIRE_ALERT_LINE;

	return s->queued_n < MAX_QUEUED + (spare ? MAX_SPARE : 0) &&
	       s->queued_bytes + bytes <= MAX_QUEUED_BYTES * (spare ? 2u : 1u);
}

/* Takes fd. */
static int enqueue(struct sinks *s, const struct wire_frame *f, struct span payload, int fd,
		   const struct wire_alert_segment *growth)
{
	struct sinks_message *m = malloc(sizeof(*m) + payload.n);
	bool taken = false;

	if (m) {
		*m = (struct sinks_message){ .type = f->type, .fd = fd, .n = payload.n };
		if (payload.n)
			memcpy(m->payload, payload.p, payload.n);
		pthread_mutex_lock(&s->lock);
		if (growth && merge(s, f, growth)) {
			taken = true;
		} else if (!s->closing && has_room(s, f->type, m->n)) {
			*s->tail = m;
			s->tail = &m->next;
			s->queued_n++;
			s->queued_bytes += m->n;
			m = NULL;
			taken = true;
		} else {
			s->refused++;
		}
		pthread_mutex_unlock(&s->lock);
		message_free(m);
		wake(s);
	} else if (fd >= 0) {
		close(fd);
	}
	return taken ? 0 : -EBUSY;
}

/* The file's content in place of the descriptor: it is root's, and its position not ours. */
static int secret_frame(struct sinks *s, const struct wire_frame *f,
			const struct wire_sink_secret *m, struct err *e)
{
	AUTO_FREE char *text = malloc(sizeof(uint16_t) * 4 + m->key.n + MAX_SECRET_BYTES + 64);
	char *value = text ? text + 128 : NULL;
	ssize_t n;

	if (!text)
		return err_set(e, ENOMEM, "no memory for a secret");
	if (f->fds_n == 0)
		return enqueue(s, f, f->payload, -1, NULL);
	/* read behind a head that has the frame's own fields */
	n = pread(f->fds[0], value, MAX_SECRET_BYTES - 128, 0);
	if (n < 0)
		return err_errno(e, "cannot read the secret '%.*s'", (int)m->key.n, m->key.p);
	size_t head = f->payload.n;

	if (head > 128)
		return err_set(e, EPROTO, "the name of a secret is too long");
	memmove(text + head, value, (size_t)n);
	memcpy(text, f->payload.p, head);
	int r = enqueue(s, f, (struct span){ text, head + (size_t)n }, -1, NULL);

	explicit_bzero(text, head + (size_t)n);
	return r;
}

int sinks_frame(struct sinks *s, const struct wire_frame *f, struct err *e)
{
	struct wire_alert_segment segment;
	struct wire_alert_segment_gone gone;
	struct wire_alert_line line;
	struct wire_sink_secret secret;
	int r, fd = -1;

	if (f->type == WIRE_SINK_SECRET) {
		r = wire_sink_secret_decode(f->payload, &secret, e);
		return r < 0 ? r : secret_frame(s, f, &secret, e);
	}
	if (f->type == WIRE_ALERT_SEGMENT)
		r = wire_alert_segment_decode(f->payload, &segment, e);
	else if (f->type == WIRE_ALERT_SEGMENT_GONE)
		r = wire_alert_segment_gone_decode(f->payload, &gone, e);
	else if (f->type == WIRE_ALERT_LINE)
		r = wire_alert_line_decode(f->payload, &line, e);
	else
		r = 0; /* sinks are decoded by the thread, which says what is wrong */
	if (r < 0)
		return r;
	if (f->fds_n > 0) {
		fd = fcntl(f->fds[0], F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return err_errno(e, "cannot keep a file of the log of alerts");
	}
	r = enqueue(s, f, f->payload, fd, f->type == WIRE_ALERT_SEGMENT ? &segment : NULL);
	return r < 0 ? err_set(e, -r, "too many frames wait for the delivery of alerts") : 0;
}

bool sinks_stats(struct sinks *s, struct wire_sink_stats *out)
{
	pthread_mutex_lock(&s->lock);
	bool changed = s->changed;

	if (changed)
		*out = s->published;
	s->changed = false;
	pthread_mutex_unlock(&s->lock);
	return changed;
}

/* --- waiting -------------------------------------------------------------------------------- */

void sinks_wait_fd(struct sinks_wait *w, int fd, short events)
{
	if (fd < 0 || w->n >= sizeof(w->fds) / sizeof(w->fds[0]))
		return;
	w->fds[w->n++] = (struct curl_waitfd){ .fd = fd, .events = events };
}

void sinks_wait_until(struct sinks_wait *w, uint64_t mono_time_ns)
{
	if (mono_time_ns < w->until_ns)
		w->until_ns = mono_time_ns;
}

static void wait_for(struct sinks *s, struct sinks_wait *w)
{
	uint64_t now = mono_ns();
	uint64_t left = w->until_ns > now ? (w->until_ns - now + NS_PER_MS - 1) / NS_PER_MS : 0;
	int timeout = left < LONGEST_WAIT_MS ? (int)left : LONGEST_WAIT_MS;
	struct pollfd fds[sizeof(w->fds) / sizeof(w->fds[0])];

	if (s->multi) {
		curl_multi_poll(s->multi, w->fds, w->n, timeout, NULL);
		return;
	}
	for (unsigned i = 0; i < w->n; i++)
		fds[i] = (struct pollfd){ .fd = w->fds[i].fd, .events = w->fds[i].events };
	poll(fds, w->n, timeout);
}

static void transfer(struct sinks *s)
{
	int running, left;
	CURLMsg *m;

	if (!s->multi)
		return;
	curl_multi_perform(s->multi, &running);
	while ((m = curl_multi_info_read(s->multi, &left))) {
		CURLcode code = m->data.result;
		char *sink = NULL;

		if (m->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &sink) != CURLE_OK || !sink)
			continue;
		struct sink *owner = (void *)sink;

		owner->driver->finished(owner, code);
	}
}

static bool is_trying(const struct sinks *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->sinks[i]->state == SINK_TRYING)
			return true;
	return false;
}

/* Attempts under way get a moment to end: what arrived is then known, and not sent again. */
static void settle(struct sinks *s)
{
	uint64_t deadline = mono_ns() + SINKS_STOP_MS * NS_PER_MS;

	for (uint64_t now = mono_ns(); is_trying(s) && now < deadline; now = mono_ns()) {
		struct sinks_wait w = { .until_ns = now + 20 * NS_PER_MS };

		for (uint32_t i = 0; i < s->n; i++)
			if (s->sinks[i]->state == SINK_TRYING)
				sink_turn(s->sinks[i], now, &w);
		wait_for(s, &w);
		transfer(s);
	}
}

/* --- frames, on the thread ------------------------------------------------------------------ */

int sinks_multi(struct sinks *s, struct err *e)
{
	if (s->multi)
		return 0;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return err_set(e, ENOMEM, "cannot start libcurl");
	s->multi = curl_multi_init();
	if (!s->multi)
		return err_set(e, ENOMEM, "no memory for libcurl");
	curl_multi_setopt(s->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 2L * WIRE_MAX_SINKS);
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)TLS_SESSIONS + WIRE_MAX_SINKS);
	return 0;
}

static void forget_secrets(struct sinks *s)
{
	while (s->secrets) {
		struct sinks_message *m = s->secrets;

		s->secrets = m->next;
		message_free(m);
	}
}

static void forget_sinks(struct sinks *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		sink_save(s->sinks[i], false);
		sink_free(s->sinks[i]);
	}
	s->n = 0;
	/* connections are bound to certificates that may have changed */
	if (s->multi)
		curl_multi_cleanup(TAKE(s->multi));
}

/* The head that secret_frame kept has an empty value; the content follows it. */
static void give_secrets(struct sinks *s, uint32_t index, struct sink *sink)
{
	for (struct sinks_message *m = s->secrets; m; m = m->next) {
		struct wire_reader r = { .rest = { m->payload, m->n } };
		struct wire_sink_secret secret = { .sink = wire_get_u16(&r) };

		secret.key = wire_get_str(&r);
		secret.missing = wire_get_u8(&r) != 0;
		secret.value = wire_get_str(&r);
		if (secret.sink != index || r.failed)
			continue;
		sink_add_secret(sink, &secret, secret.value.n ? secret.value : r.rest);
	}
}

/* Counters go on under the same name. */
static void take_sinks(struct sinks *s, struct span payload)
{
	AUTO_FREE struct wire_sinks *w = calloc(1, sizeof(*w));
	AUTO_FREE struct wire_sink_stat *old = calloc(WIRE_MAX_SINKS, sizeof(*old));
	struct err e = { "" };
	uint32_t old_n = s->n;

	if (!w || !old || wire_sinks_decode(payload, w, &e) < 0) {
		log_error("the sinks of bulkheadd are not understood: the earlier ones stay",
			  "error", e.text, NULL);
		forget_secrets(s);
		return;
	}
	settle(s);
	for (uint32_t i = 0; i < s->n; i++)
		old[i] = s->sinks[i]->stat;
	forget_sinks(s);
	for (uint32_t i = 0; i < w->n; i++) {
		struct sink *sink = sink_new(s, &w->sinks[i]);

		if (!sink) {
			log_error("no memory for a sink", "sink", w->sinks[i].name, NULL);
			continue;
		}
		for (uint32_t k = 0; k < old_n; k++)
			if (strcmp(old[k].name, sink->name) == 0)
				sink->stat = old[k];
		sink->stat.error[0] = '\0';
		give_secrets(s, i, sink);
		sink_open(sink);
		sink_start_streams(sink, !s->configured);
		if (sink->problem[0])
			log_error("a sink of alerts cannot be used", "sink", sink->name, "error",
				  sink->problem, NULL);
		s->sinks[s->n++] = sink;
	}
	forget_secrets(s);
	s->configured = true;
}

static void keep_secret(struct sinks *s, struct sinks_message *m)
{
	size_t n = 0;

	for (const struct sinks_message *k = s->secrets; k; k = k->next)
		n++;
	if (n >= MAX_SECRETS) {
		message_free(m);
		return;
	}
	m->next = s->secrets;
	s->secrets = m;
}

static void take_message(struct sinks *s, struct sinks_message *m)
{
	struct span payload = { m->payload, m->n };
	struct wire_alert_segment segment;
	struct wire_alert_segment_gone gone;
	struct wire_alert_line line;

	if (m->type == WIRE_ALERT_SEGMENT &&
	    wire_alert_segment_decode(payload, &segment, NULL) == 0) {
		int r = sink_log_segment(s->logs[segment.log], segment.first_seq, segment.bytes,
					 segment.current, TAKE_FD(m->fd));

		if (r == -ENOSPC)
			log_warning("the log of alerts has too many files: an old one is not read",
				    "first_seq", LOG_U64(segment.first_seq), NULL);
	} else if (m->type == WIRE_ALERT_SEGMENT_GONE &&
		   wire_alert_segment_gone_decode(payload, &gone, NULL) == 0) {
		sink_log_gone(s->logs[gone.log], gone.first_seq);
	} else if (m->type == WIRE_ALERT_LINE &&
		   wire_alert_line_decode(payload, &line, NULL) == 0) {
		sink_log_line(s->logs[line.log], line.seq, line.line);
	} else if (m->type == WIRE_SINK_SECRET) {
		keep_secret(s, m);
		return;
	} else if (m->type == WIRE_SINKS) {
		take_sinks(s, payload);
	}
	message_free(m);
}

static bool take_inbox(struct sinks *s)
{
	uint64_t count;
	ssize_t ignored = read(s->wake_fd, &count, sizeof(count));

	(void)ignored;
	pthread_mutex_lock(&s->lock);
	struct sinks_message *m = TAKE(s->first);
	bool closing = s->closing;

	s->tail = &s->first;
	s->queued_n = 0;
	s->queued_bytes = 0;
	pthread_mutex_unlock(&s->lock);
	s->touched |= m != NULL;
	while (m) {
		struct sinks_message *next = m->next;

		m->next = NULL;
		take_message(s, m);
		m = next;
	}
	return closing;
}

/* --- the thread ----------------------------------------------------------------------------- */

static void save_all(struct sinks *s, bool keep)
{
	for (uint32_t i = 0; i < s->n; i++)
		sink_save(s->sinks[i], keep);
	for (unsigned log = 0; log < WIRE_LOG_COUNT; log++) {
		uint64_t passed = UINT64_MAX;

		for (uint32_t i = 0; i < s->n; i++)
			if (s->sinks[i]->streams[log].read &&
			    s->sinks[i]->streams[log].done.seq < passed)
				passed = s->sinks[i]->streams[log].done.seq;
		sink_log_passed(s->logs[log], passed);
	}
}

static void publish(struct sinks *s)
{
	struct wire_sink_stats now = { .n = s->n };

	for (uint32_t i = 0; i < s->n; i++)
		sink_publish(s->sinks[i], &now.sinks[i]);
	for (unsigned i = 0; i < WIRE_LOG_COUNT; i++) {
		const struct sink_log_stats l = sink_log_stats(s->logs[i]);
		const bool audit = i == WIRE_LOG_AUDIT;

		now.tables[audit ? WIRE_SINK_AUDIT_FILES : WIRE_SINK_ALERT_FILES] =
			(struct wire_sink_table){ l.files, SINK_LOG_MAX_SEGMENTS, l.files_refused };
		now.tables[audit ? WIRE_SINK_AUDIT_LINES : WIRE_SINK_ALERT_LINES] =
			(struct wire_sink_table){ l.lines, SINK_LOG_MAX_LINES, l.lines_refused };
	}
	pthread_mutex_lock(&s->lock);
	now.tables[WIRE_SINK_QUEUE] =
		(struct wire_sink_table){ s->queued_n, MAX_QUEUED + MAX_SPARE, s->refused };
	if (memcmp(&now, &s->published, sizeof(now)) != 0) {
		s->published = now;
		s->changed = true;
	}
	pthread_mutex_unlock(&s->lock);
}

static void keep_house(struct sinks *s, uint64_t now, struct sinks_wait *w)
{
	bool due = false;

	for (uint32_t i = 0; i < s->n && !due; i++)
		for (unsigned k = 0; k < WIRE_LOG_COUNT; k++)
			due |= s->sinks[i]->streams[k].dirty;
	if (now - s->kept_at >= KEEP_NS) {
		save_all(s, true);
		s->kept_at = s->saved_at = now;
	} else if (due && now - s->saved_at >= SAVE_NS) {
		save_all(s, false);
		s->saved_at = now;
	} else if (due) {
		sinks_wait_until(w, s->saved_at + SAVE_NS);
	}
	if (s->touched && !s->touched_at)
		s->touched_at = now;
	/* a moment later: what is under way for a millisecond is no state that anybody wants */
	if (s->touched && now - s->touched_at >= PUBLISH_NS) {
		publish(s);
		s->touched_at = 0;
		s->touched = false;
	} else if (s->touched) {
		sinks_wait_until(w, s->touched_at + PUBLISH_NS);
	}
}

static void *sinks_main(void *arg)
{
	struct sinks *s = arg;

	pthread_setname_np(pthread_self(), "alerts");
	while (!take_inbox(s)) {
		uint64_t now = mono_ns();
		struct sinks_wait w = { .until_ns = now + LONGEST_WAIT_MS * NS_PER_MS };

		sinks_wait_fd(&w, s->wake_fd, POLLIN);
		for (uint32_t i = 0; i < s->n; i++)
			sink_turn(s->sinks[i], now, &w);
		keep_house(s, now, &w);
		wait_for(s, &w);
		transfer(s);
	}
	settle(s);
	forget_sinks(s);
	forget_secrets(s);
	return NULL;
}

/* --- life ----------------------------------------------------------------------------------- */

static int own_folder(const char *name, struct err *e)
{
	if (mkdir(name, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot create '%s'", name);
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? err_errno(e, "cannot open '%s'", name) : fd;
}

static int start_thread(struct sinks *s, struct err *e)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	int r = pthread_create(&s->thread, &attr, sinks_main, s);

	pthread_attr_destroy(&attr);
	if (r != 0)
		return err_set(e, r, "cannot start the delivery of alerts: %s", strerror(r));
	s->started = true;
	return 0;
}

int sinks_new(struct sinks **out, struct err *e)
{
	AUTO(sinks_free) struct sinks *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_set(e, ENOMEM, "no memory for the delivery of alerts");
	s->dir_fd = s->files_fd = -1;
	s->tail = &s->first;
	s->started_unix_ns = unix_ns();
	pthread_mutex_init(&s->lock, NULL);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake_fd < 0)
		return err_errno(e, "cannot create an event descriptor");
	s->dir_fd = own_folder("sinks", e);
	if (s->dir_fd < 0)
		return s->dir_fd;
	s->files_fd = own_folder("files", e);
	if (s->files_fd < 0)
		return s->files_fd;
	for (unsigned i = 0; i < WIRE_LOG_COUNT && r == 0; i++)
		r = sink_log_new(&s->logs[i], e);
	if (r == 0)
		r = start_thread(s, e);
	if (r == 0)
		*out = TAKE(s);
	return r;
}

void sinks_stop(struct sinks *s)
{
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_mutex_unlock(&s->lock);
	wake(s);
}

void sinks_free(struct sinks *s)
{
	if (!s)
		return;
	if (s->started) {
		sinks_stop(s);
		pthread_join(s->thread, NULL);
	}
	while (s->first) {
		struct sinks_message *m = s->first;

		s->first = m->next;
		message_free(m);
	}
	for (unsigned i = 0; i < WIRE_LOG_COUNT; i++)
		sink_log_free(s->logs[i]);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	if (s->files_fd >= 0)
		close(s->files_fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
