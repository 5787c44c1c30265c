/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sinks_fixture - a log of alerts in a fresh folder, the frames that bulkheadd would send, and a
 * receiver of HTTP on the loopback that does what a list tells it. */
#ifndef BULKHEAD_TESTS_SINKS_FIXTURE_H
#define BULKHEAD_TESTS_SINKS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/buf.h"
#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/log.h"
#include "http/sinks.h"
#include "tests/unit/fixture.h"

#define LONG_MS	     10000 /* a test that waits so long has failed */
#define MAX_REQUESTS 4096

enum act { ACT_OK, ACT_STATUS, ACT_HANG, ACT_CLOSE, ACT_CLOSE_MIDDLE };
struct step {
	enum act act;
	int status;
	const char *header; /* of the answer, with its \r\n */
};

struct request {
	char *head, *body;
	uint64_t at_ns;
};

struct receiver {
	int listener;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t came;
	const struct step *steps; /* then always ACT_OK */
	size_t steps_n;
	struct request requests[MAX_REQUESTS];
	size_t n;
	atomic_bool stop;
};

static inline ssize_t receive_more(struct receiver *r, int fd, char *p, size_t n)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	while (!atomic_load(&r->stop))
		if (poll(&wait, 1, 20) > 0)
			return read(fd, p, n);
	return 0;
}

/* One request; false at the end of the connection. */
static inline bool read_request(struct receiver *r, int fd, struct request *out)
{
	const size_t cap = 1 << 20;
	AUTO_FREE char *text = malloc(cap);
	size_t n = 0, body_n = 0;
	char *end = NULL;

	while (!end) {
		ssize_t got = receive_more(r, fd, text + n, cap - 1 - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
		text[n] = '\0';
		end = strstr(text, "\r\n\r\n");
	}
	const char *length = strcasestr(text, "content-length: ");
	uint64_t want = 0;

	if (length) {
		struct span rest = span_str(length + 16), line;

		span_next(&rest, '\r', &line);
		parse_u64(line, &want);
	}
	body_n = n - (size_t)(end + 4 - text);
	while (body_n < want) {
		ssize_t got = receive_more(r, fd, text + n, cap - 1 - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
		body_n += (size_t)got;
	}
	text[n] = '\0';
	out->head = strndup(text, (size_t)(end + 2 - text));
	out->body = strdup(end + 4);
	out->at_ns = mono_ns();
	return true;
}

static inline bool answer_request(struct receiver *r, int fd, const struct step *step)
{
	char text[512];
	int status = step->act == ACT_STATUS ? step->status : 200;
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (step->act == ACT_HANG) {
		while (!atomic_load(&r->stop) && poll(&wait, 1, 20) == 0)
			;
		return false;
	}
	if (step->act == ACT_CLOSE)
		return false;
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n",
			 status, step->header ? step->header : "",
			 step->act == ACT_CLOSE_MIDDLE ? 100 : 0);

	return write(fd, text, (size_t)n) == n && step->act != ACT_CLOSE_MIDDLE;
}

static inline void serve_connection(struct receiver *r, int fd)
{
	static const struct step ok = { ACT_OK, 200, NULL };
	struct request q;

	while (read_request(r, fd, &q)) {
		pthread_mutex_lock(&r->lock);
		const struct step *step = r->n < r->steps_n ? &r->steps[r->n] : &ok;

		assert_true(r->n < MAX_REQUESTS);
		r->requests[r->n++] = q;
		pthread_cond_broadcast(&r->came);
		pthread_mutex_unlock(&r->lock);
		if (!answer_request(r, fd, step))
			return;
	}
}

static inline void *receiver_main(void *arg)
{
	struct receiver *r = arg;
	struct pollfd wait = { .fd = r->listener, .events = POLLIN };

	while (!atomic_load(&r->stop)) {
		if (poll(&wait, 1, 20) <= 0)
			continue;
		AUTO_FD int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			serve_connection(r, fd);
	}
	return NULL;
}

/* port 0: any. Without a start it refuses connections. */
static inline int listen_at(uint16_t port, uint16_t *got)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*got = ntohs(a.sin_port);
	return fd;
}

static inline void receiver_begin(struct receiver *r)
{
	assert_int_equal(listen(r->listener, 64), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, receiver_main, r), 0);
}

static inline struct receiver *receiver_new(const struct step *steps, size_t n, bool begin)
{
	struct receiver *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->came, NULL);
	r->steps = steps;
	r->steps_n = n;
	r->listener = listen_at(0, &r->port);
	if (begin)
		receiver_begin(r);
	return r;
}

static inline void receiver_free(struct receiver *r)
{
	atomic_store(&r->stop, true);
	if (r->thread)
		pthread_join(r->thread, NULL);
	close(r->listener);
	for (size_t i = 0; i < r->n; i++) {
		free(r->requests[i].head);
		free(r->requests[i].body);
	}
	free(r);
}

/* Waits for the n-th request. */
static inline void receiver_wait(struct receiver *r, size_t n)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LONG_MS / 1000;
	pthread_mutex_lock(&r->lock);
	while (r->n < n)
		if (pthread_cond_timedwait(&r->came, &r->lock, &until) != 0)
			break;
	size_t got = r->n;

	pthread_mutex_unlock(&r->lock);
	if (got < n)
		fail_msg("%zu requests came, expected %zu", got, n);
}

static inline size_t receiver_count(struct receiver *r)
{
	pthread_mutex_lock(&r->lock);
	size_t n = r->n;

	pthread_mutex_unlock(&r->lock);
	return n;
}

/* --- the log -------------------------------------------------------------------------------- */
struct world {
	struct tree tree;
	struct sinks *sinks;
	int log_fd;
	uint64_t bytes, next_seq, first_seq, time_ns;
	char settings[8192];
};

static inline void world_enter(struct world *w)
{
	*w = (struct world){ .log_fd = -1, .next_seq = 1, .first_seq = 1 };
	w->tree = tree_make("@ log/\n");
	w->time_ns = unix_ns();
	assert_int_equal(chdir(w->tree.path), 0);
	w->log_fd = open("log/alerts.jsonl", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(w->log_fd >= 0);
}

static inline void world_leave(struct world *w)
{
	sinks_free(w->sinks);
	close(w->log_fd);
	assert_int_equal(chdir("/"), 0);
	tree_remove(&w->tree);
}

static inline void send_frame(struct world *w, enum wire_type type, const struct wire_writer *p,
			      int fd)
{
	struct wire_frame f = { .type = type, .payload = { (const char *)p->p, p->len } };
	struct err e = { "" };

	assert_false(p->failed);
	if (fd >= 0) {
		f.fds[0] = fd;
		f.fds_n = 1;
	}
	if (sinks_frame(w->sinks, &f, &e) != 0)
		fail_msg("%s", e.text);
}

static inline void send_segment(struct world *w, int fd, bool current)
{
	uint8_t bytes[64];
	struct wire_writer p = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_alert_segment m = { WIRE_LOG_ALERTS, w->first_seq, w->bytes, current };

	wire_alert_segment_encode(&p, &m);
	send_frame(w, WIRE_ALERT_SEGMENT, &p, fd);
}

static inline void world_start(struct world *w)
{
	struct err e = { "" };

	if (sinks_new(&w->sinks, &e) != 0)
		fail_msg("%s", e.text);
	send_segment(w, w->log_fd, true);
}

static inline void world_stop(struct world *w)
{
	sinks_free(TAKE(w->sinks));
}

static inline void send_secret(struct world *w, uint16_t sink, const char *key, const char *value)
{
	uint8_t bytes[8192];
	struct wire_writer p = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_sink_secret m = { sink, span_str(key), false, span_str(value) };

	wire_sink_secret_encode(&p, &m);
	send_frame(w, WIRE_SINK_SECRET, &p, -1);
}

/* One sink "s"; settings: "key=value\n" lines. */
static inline void send_sink(struct world *w, enum wire_sink_type type, const char *settings)
{
	AUTO_FREE struct wire_sinks *m = calloc(1, sizeof(*m));
	AUTO_FREE uint8_t *bytes = malloc(WIRE_FRAME_MAX);
	struct wire_writer p = { .p = bytes, .cap = WIRE_FRAME_MAX };
	struct span rest = span_str(settings), line;

	m->n = 1;
	snprintf(m->sinks[0].name, sizeof(m->sinks[0].name), "s");
	m->sinks[0].type = type;
	while (span_next(&rest, '\n', &line)) {
		const char *eq = memchr(line.p, '=', line.n);
		uint32_t i = m->sinks[0].settings_n;

		if (!eq)
			continue;
		m->sinks[0].settings[i].key = (struct span){ line.p, (size_t)(eq - line.p) };
		m->sinks[0].settings[i].value =
			(struct span){ eq + 1, line.n - (size_t)(eq + 1 - line.p) };
		m->sinks[0].settings_n++;
	}
	wire_sinks_encode(&p, m);
	send_frame(w, WIRE_SINKS, &p, -1);
}

static inline void send_http(struct world *w, enum wire_sink_type type, const struct receiver *r,
			     const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "url=http://127.0.0.1:%u/hook\nretry_min=20\nretry_max=100\n%s", r->port, more);
	send_sink(w, type, text);
}

struct line_of {
	const char *state, *severity, *kind, *more; /* NULL: new, error, rule; more JSON pairs */
	uint64_t alert;				    /* number in its id; 0: its seq */
};

static inline void write_line(struct world *w, const struct line_of *l)
{
	struct buf b;
	time_t seconds = (time_t)(w->time_ns / NS_PER_S);
	struct tm tm;
	char time[64];

	gmtime_r(&seconds, &tm);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_init(&b, 65536);
	buf_printf(&b,
		   "{\"schema\":1,\"seq\":%llu,\"id\":\"01JD%022llu\",\"state\":\"%s\","
		   "\"time\":\"%s.%09lluZ\",\"first_time\":\"%sZ\",\"last_time\":\"%sZ\","
		   "\"count\":1,\"severity\":\"%s\",\"kind\":\"%s\",\"title\":\"alert %llu\","
		   "\"rule\":\"a_rule\",\"host\":\"node1\"%s%s}\n",
		   (unsigned long long)w->next_seq,
		   (unsigned long long)(l->alert ? l->alert : w->next_seq),
		   l->state ? l->state : "new", time, (unsigned long long)(w->time_ns % NS_PER_S),
		   time, time, l->severity ? l->severity : "error", l->kind ? l->kind : "rule",
		   (unsigned long long)w->next_seq, l->more ? "," : "", l->more ? l->more : "");
	assert_false(b.failed);
	assert_int_equal(write(w->log_fd, b.data, b.len), b.len);
	w->bytes += b.len;
	w->next_seq++;
	w->time_ns += NS_PER_MS;
	buf_release(&b);
}

static inline void write_lines(struct world *w, unsigned n)
{
	const struct line_of plain = { NULL, NULL, NULL, NULL, 0 };

	for (unsigned i = 0; i < n; i++)
		write_line(w, &plain);
	if (w->sinks)
		send_segment(w, -1, true);
}

/* Waits until the statistics say so. */
static inline struct wire_sink_stat wait_stat(struct world *w,
					      bool (*good)(const struct wire_sink_stat *s))
{
	static struct wire_sink_stats last;
	uint64_t limit = mono_ns() + LONG_MS * NS_PER_MS;

	for (memset(&last, 0, sizeof(last)); mono_ns() < limit; poll(NULL, 0, 5))
		if (sinks_stats(w->sinks, &last) && last.n == 1 && good(&last.sinks[0]))
			return last.sinks[0];
	fail_msg("sent %llu dead %llu failed %llu lag %llu: %s",
		 (unsigned long long)last.sinks[0].sent, (unsigned long long)last.sinks[0].dead,
		 (unsigned long long)last.sinks[0].failed, (unsigned long long)last.sinks[0].lag,
		 last.sinks[0].error);
	return last.sinks[0];
}

/* Waits until n alerts are done with and nothing is left. */
static uint64_t wait_done_n;

static inline bool is_done(const struct wire_sink_stat *s)
{
	return s->lag == 0 && s->sent + s->dead == wait_done_n;
}

static inline struct wire_sink_stat wait_done(struct world *w, uint64_t n)
{
	wait_done_n = n;
	return wait_stat(w, is_done);
}

/* seq of the alert in a body of format json */
static inline uint64_t seq_of(const char *body)
{
	json_t *j = json_loads(body, 0, NULL);
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(j, "seq"));

	json_decref(j);
	return seq;
}

static inline const char *header_of(const struct request *q, const char *name, char *out,
				    size_t cap)
{
	const char *p = strcasestr(q->head, name);
	const char *end = p ? strstr(p, "\r\n") : NULL;

	out[0] = '\0';
	if (end)
		snprintf(out, cap, "%.*s", (int)(end - p - (int)strlen(name)), p + strlen(name));
	return out;
}

#endif
