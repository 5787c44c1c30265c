// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/server.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "collector/base/clock.h"
#include "http/listener.h"
#include "http/stream.h"

#define MAX_RETIRED    8
#define RETIRED_S      10 /* then open connections of a replaced listener are ended */
#define LISTENERS      2
#define MIN_HEAD_BYTES 1024u
#define MAX_HEAD_BYTES (1u << 20)

enum { MAIN, METRICS };

struct retired {
	struct listener *listener;
	uint64_t since_ns;
};

struct server {
	struct service service;
	struct loop_source *idle;
	void (*on_idle)(void *ctx);
	void *ctx;
	struct listener *listeners[LISTENERS]; /* METRICS may be NULL */
	struct retired retired[MAX_RETIRED];
	size_t retired_n;
};

static void on_idle_fd(void *ctx, uint32_t events)
{
	struct server *s = ctx;
	uint64_t count;

	(void)events;
	if (read(s->service.idle_fd, &count, sizeof(count)) > 0 && server_idle(s))
		s->on_idle(s->ctx);
}

int server_new(struct server **out, struct loop *loop, struct link *link, void (*on_idle)(void *),
	       void *ctx, struct err *e)
{
	AUTO(server_free) struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return err_errno(e, "server");
	s->service.link = link;
	s->on_idle = on_idle;
	s->ctx = ctx;
	s->service.idle_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->service.idle_fd < 0)
		return err_errno(e, "cannot create an event descriptor");
	int r = streams_new(&s->service.streams, &s->service, e);

	if (r == 0)
		r = loop_add_fd(loop, s->service.idle_fd, EPOLLIN, on_idle_fd, s, &s->idle, e);
	if (r < 0)
		return r;
	*out = TAKE(s);
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < LISTENERS; i++)
		listener_free(s->listeners[i]);
	for (size_t i = 0; i < s->retired_n; i++)
		listener_free(s->retired[i].listener);
	streams_free(s->service.streams);
	loop_remove(s->idle);
	if (s->service.idle_fd >= 0)
		close(s->service.idle_fd);
	free(s);
}

static uint32_t clamp(uint32_t v, uint32_t min, uint32_t max)
{
	return v < min ? min : v > max ? max : v;
}

/* Zeroed as a whole, padding too: listener_same compares bytes. */
static void fill_settings(struct listener_settings *s, const struct wire_config *c, bool metrics)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->address, sizeof(s->address), "%s", metrics ? c->metrics_listen : c->listen);
	s->metrics_only = metrics;
	s->tls = c->tls && !metrics;
	s->allowed_hosts_n = c->allowed_hosts_n;
	for (size_t i = 0; i < c->allowed_hosts_n; i++)
		snprintf(s->allowed_hosts[i], sizeof(s->allowed_hosts[i]), "%s",
			 c->allowed_hosts[i]);
	s->max_connections = clamp(c->max_connections, 1, 65536);
	s->max_connections_per_ip = c->max_connections_per_ip;
	s->idle_timeout_s = clamp(c->idle_timeout_s, 1, 3600);
	s->max_header_bytes = clamp(c->max_header_bytes, MIN_HEAD_BYTES, MAX_HEAD_BYTES);
}

static void retire(struct server *s, struct listener *l)
{
	if (!l)
		return;
	listener_retire(l);
	s->retired[s->retired_n++] = (struct retired){ l, mono_ns() };
}

/* A listener of new settings into *out; NULL when none is wanted; `old` itself when it fits. */
static int renew(struct server *s, struct listener *old, const struct listener_settings *settings,
		 struct listener **out, struct err *e)
{
	if (!settings->address[0]) {
		*out = NULL;
		return 0;
	}
	if (old && listener_same(old, settings)) {
		*out = old;
		return 0;
	}
	return listener_new(out, settings, &s->service, old, e);
}

int server_configure(struct server *s, const struct wire_config *c, struct span cert,
		     struct span key, struct err *e)
{
	struct listener *fresh[LISTENERS] = { NULL };
	struct listener_settings settings;
	int r = 0;

	if (!c->listen[0])
		return err_set(e, EINVAL, "the listen address is empty");
	if (s->retired_n + LISTENERS > MAX_RETIRED)
		return err_set(e, EBUSY, "too many earlier listeners are still in use");
	for (size_t i = 0; i < LISTENERS && r == 0; i++) {
		fill_settings(&settings, c, i == METRICS);
		if (settings.tls) {
			settings.cert = cert;
			settings.key = key;
		}
		r = renew(s, s->listeners[i], &settings, &fresh[i], e);
	}
	for (size_t i = 0; i < LISTENERS; i++) {
		if (r < 0 && fresh[i] != s->listeners[i] && fresh[i]) {
			/* It accepted clients already: they are let down in order. */
			retire(s, fresh[i]);
		} else if (r == 0 && fresh[i] != s->listeners[i]) {
			retire(s, s->listeners[i]);
			s->listeners[i] = fresh[i];
		}
	}
	if (r == 0)
		streams_set_connections(s->service.streams,
					listener_settings(s->listeners[MAIN])->max_connections);
	return r;
}

void server_set_history(struct server *s, struct history *history)
{
	s->service.history = history;
}

void server_urls(const struct server *s, char *out, size_t cap)
{
	char url[160];

	listener_url(s->listeners[MAIN], url, sizeof(url));
	int n = snprintf(out, cap, "%s", url);

	if (!s->listeners[METRICS] || n < 0 || (size_t)n >= cap)
		return;
	listener_url(s->listeners[METRICS], url, sizeof(url));
	snprintf(out + n, cap - (size_t)n, " %s/metrics", url);
}

void server_tick(struct server *s, uint64_t now)
{
	size_t kept = 0;

	streams_tick(s->service.streams, now);
	for (size_t i = 0; i < LISTENERS; i++)
		if (s->listeners[i])
			listener_end_overdue(s->listeners[i]);
	for (size_t i = 0; i < s->retired_n; i++) {
		struct retired r = s->retired[i];

		if (listener_connections(r.listener) == 0 ||
		    now - r.since_ns > RETIRED_S * NS_PER_S)
			listener_close(r.listener);
		streams_wake_closing(s->service.streams);
		if (listener_idle(r.listener))
			listener_free(r.listener);
		else
			s->retired[kept++] = r;
	}
	s->retired_n = kept;
}

void server_close(struct server *s)
{
	atomic_store(&s->service.closing, true);
	for (size_t i = 0; i < LISTENERS; i++)
		if (s->listeners[i])
			listener_close(s->listeners[i]);
	for (size_t i = 0; i < s->retired_n; i++)
		listener_close(s->retired[i].listener);
	streams_wake_closing(s->service.streams);
}

bool server_idle(const struct server *s)
{
	for (size_t i = 0; i < LISTENERS; i++)
		if (s->listeners[i] && !listener_idle(s->listeners[i]))
			return false;
	for (size_t i = 0; i < s->retired_n; i++)
		if (!listener_idle(s->retired[i].listener))
			return false;
	return true;
}

void server_stats(const struct server *s, struct wire_serve_stats *out)
{
	out->v[SERVE_STAT_HTTP_REQUESTS] = atomic_load(&s->service.requests);
	out->v[SERVE_STAT_HTTP_ERRORS] = atomic_load(&s->service.errors);
	out->v[SERVE_STAT_HTTP_REFUSED] = atomic_load(&s->service.refused);
	out->v[SERVE_STAT_HTTP_CONNECTIONS] = atomic_load(&s->service.connections);
	streams_stats(s->service.streams, out);
}
