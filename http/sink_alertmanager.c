// SPDX-License-Identifier: GPL-2.0-or-later
/* Alertmanager (API v2). It forgets what is not repeated: what fires is sent again each minute
 * until it is resolved, so the list of what fires is kept on disk beside the place in the log. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "http/sinks_internal.h"

#define MAX_FIRING	 1024 /* more are told once and run out */
#define RESEND_MS	 60000
#define HOLD_MS		 (15 * 60 * 1000)
#define A_RESEND	 200 /* in one request */
#define MAX_FIRING_BYTES (64u << 20)

struct alertmanager {
	struct sink_http *http;
	json_t *firing; /* id to alert, in the order in which they began */
	bool changed;
	uint64_t resend_ms, hold_ms;
	uint64_t resend_at;  /* monotonic */
	size_t resent, sent; /* of this round so far; of the request under way */
};

static void firing_name(const struct sink *s, char *out, size_t cap)
{
	snprintf(out, cap, "%s.firing.json", s->name);
}

static int load_firing(struct sink *s, struct alertmanager *a)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char name[64];

	firing_name(s, name, sizeof(name));
	buf_init(&b, MAX_FIRING_BYTES);
	if (io_read_buf_at(s->all->dir_fd, name, &b, NULL) == 0)
		a->firing = json_loadb(b.data ? b.data : "", b.len, 0, NULL);
	if (!json_is_object(a->firing)) { /* none yet, or damaged: they run out there */
		json_decref(a->firing);
		a->firing = json_object();
	}
	return a->firing ? 0 : -ENOMEM;
}

static int alertmanager_save(struct sink *s, struct err *e)
{
	struct alertmanager *a = s->driver_state;
	char name[64];

	if (!a->changed)
		return 0;
	AUTO_FREE char *text = json_dumps(a->firing, JSON_COMPACT);

	if (!text)
		return err_set(e, ENOMEM, "no memory for what fires");
	firing_name(s, name, sizeof(name));
	int r = io_write_cached_at(s->all->dir_fd, name, text, strlen(text), 0600, e);

	if (r == 0)
		a->changed = false;
	return r;
}

/* The configured address is the server's, with or without the path of the API. */
static bool full_url(const char *url, char *out, size_t cap)
{
	static const char path[] = "/api/v2/alerts";
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	struct span base = { url, n };
	int len = snprintf(out, cap, "%.*s%s", (int)n, url, span_ends(base, path) ? "" : path);

	return len > 0 && (size_t)len < cap;
}

static int alertmanager_open(struct sink *s, struct err *e)
{
	const char *url = sink_get(s, "url");
	struct alertmanager *a = calloc(1, sizeof(*a));
	char full[2048];
	int r = 0;

	if (!a)
		return err_set(e, ENOMEM, "no memory");
	a->resend_ms = sink_number(s, "resend", RESEND_MS);
	a->hold_ms = sink_number(s, "hold", HOLD_MS);
	if (!url || !full_url(url, full, sizeof(full)))
		r = err_set(e, EINVAL, "has no url, or a too long one");
	if (r == 0)
		r = sink_http_open(&a->http, s, full, e);
	if (r == 0 && load_firing(s, a) < 0) {
		sink_http_close(a->http);
		r = err_set(e, ENOMEM, "no memory");
	}
	if (r < 0) {
		free(a);
		return r;
	}
	s->driver_state = a;
	return 0;
}

static void alertmanager_close(struct sink *s)
{
	struct alertmanager *a = s->driver_state;

	sink_http_close(a->http);
	json_decref(a->firing);
	free(a);
}

static uint64_t fires_until(const struct alertmanager *a)
{
	return unix_ns() + 4 * a->resend_ms * NS_PER_MS;
}

static json_t *alert_of(const struct alertmanager *a, const struct sink_record *r)
{
	if (sink_record_is(r, "resolved"))
		return sink_alertmanager_alert(r, r->time_ns);
	if (sink_record_is(r, "firing") || json_object_get(a->firing, r->id))
		return sink_alertmanager_alert(r, fires_until(a));
	return sink_alertmanager_alert(r, unix_ns() + a->hold_ms * NS_PER_MS);
}

/* Takes the reference. */
static void post(struct sink *s, json_t *alerts)
{
	struct alertmanager *a = s->driver_state;
	char *body = alerts ? json_dumps(alerts, JSON_COMPACT) : NULL;
	size_t n = body ? strlen(body) : 0;

	json_decref(alerts);
	int r = body ? sink_http_post(a->http, body, n, NULL) : -ENOMEM;

	if (r < 0)
		sink_ended(s, SINK_RETRY, 0, strerror(-r));
}

static void alertmanager_begin(struct sink *s)
{
	struct alertmanager *a = s->driver_state;
	json_t *alerts = json_array();

	for (uint32_t i = 0; i < s->records_n; i++)
		json_array_append_new(alerts, alert_of(a, s->records[i]));
	post(s, alerts);
}

static void alertmanager_acked(struct sink *s, const struct sink_record *r)
{
	struct alertmanager *a = s->driver_state;

	if (sink_record_is(r, "resolved")) {
		a->changed |= json_object_del(a->firing, r->id) == 0;
		return;
	}
	bool known = json_object_get(a->firing, r->id) != NULL;

	if (!known && (!sink_record_is(r, "firing") || json_object_size(a->firing) >= MAX_FIRING))
		return;
	json_object_set_new(a->firing, r->id, sink_alertmanager_alert(r, 0));
	a->changed = true;
}

/* The next part of what fires. */
static json_t *part(struct alertmanager *a)
{
	json_t *alerts = json_array(), *alert;
	const char *id;
	char ends[40];
	size_t i = 0;

	sink_rfc3339(fires_until(a), ends);
	a->sent = 0;
	json_object_foreach(a->firing, id, alert)
	{
		if (i++ < a->resent || a->sent == A_RESEND)
			continue;
		json_t *copy = json_copy(alert);

		json_object_set_new(copy, "endsAt", json_string(ends));
		json_array_append_new(alerts, copy);
		a->sent++;
	}
	return alerts;
}

static bool alertmanager_idle(struct sink *s, uint64_t now, struct sinks_wait *w)
{
	struct alertmanager *a = s->driver_state;

	if (json_object_size(a->firing) == 0)
		return false;
	if (!a->resend_at)
		a->resend_at = now + a->resend_ms * NS_PER_MS;
	if (now < a->resend_at) {
		sinks_wait_until(w, a->resend_at);
		return false;
	}
	s->state = SINK_TRYING;
	s->begun_at = now;
	json_t *alerts = part(a);

	a->resent += a->sent;
	if (a->resent >= json_object_size(a->firing)) {
		a->resent = 0;
		a->resend_at = now + a->resend_ms * NS_PER_MS;
	}
	post(s, alerts);
	return true;
}

static void alertmanager_finished(struct sink *s, CURLcode code)
{
	struct alertmanager *a = s->driver_state;

	if (sink_http_succeeded(a->http, code))
		sink_ended(s, SINK_DONE, 0, NULL);
}

const struct sink_driver sink_alertmanager = {
	.batch = 64,
	.open = alertmanager_open,
	.close = alertmanager_close,
	.begin = alertmanager_begin,
	.finished = alertmanager_finished,
	.idle = alertmanager_idle,
	.acked = alertmanager_acked,
	.save = alertmanager_save,
};
