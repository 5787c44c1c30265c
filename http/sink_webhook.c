// SPDX-License-Identifier: GPL-2.0-or-later
/* Webhooks: the records as they are, or in the form of a service; signed when there is a key. */
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "http/sinks_internal.h"

#define PAGERDUTY_URL "https://events.pagerduty.com/v2/enqueue"

struct webhook {
	struct sink_http *http;
	enum sink_format format;
};

static int webhook_open(struct sink *s, struct err *e)
{
	const char *url = sink_get(s, "url"), *format = sink_get(s, "format");
	struct webhook *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, ENOMEM, "no memory");
	s->driver_state = w;
	w->format = SINK_FORMAT_JSON;
	int r = format && !sink_format_parse(format, &w->format)
			? err_set(e, EINVAL, "unknown format")
			: 0;

	if (w->format == SINK_FORMAT_PAGERDUTY && !url)
		url = PAGERDUTY_URL;
	if (w->format != SINK_FORMAT_JSON)
		s->batch_max = 1;
	if (r == 0)
		r = url ? sink_http_open(&w->http, s, url, e) : err_set(e, EINVAL, "has no url");
	if (r < 0)
		free(w);
	return r;
}

static void webhook_close(struct sink *s)
{
	struct webhook *w = s->driver_state;

	sink_http_close(w->http);
	free(w);
}

static char *plain_body(const struct sink *s, size_t *n)
{
	struct buf b;

	buf_init(&b, s->records_bytes + 2 * s->records_n + 16);
	if (s->batch_max > 1)
		buf_add_char(&b, '[');
	for (uint32_t i = 0; i < s->records_n; i++) {
		if (i > 0)
			buf_add_char(&b, ',');
		buf_add(&b, s->records[i]->line, s->records[i]->n);
	}
	if (s->batch_max > 1)
		buf_add_char(&b, ']');
	*n = b.len;
	char *body = buf_take_str(&b);

	buf_release(&b);
	return body;
}

static char *template_body(const struct sink *s, enum sink_format format, size_t *n)
{
	json_t *j = sink_template(format, s->records[0], sink_get(s, "routing_key"));
	char *body = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	*n = body ? strlen(body) : 0;
	return body;
}

/* Of one record: its alert, state and line. Of more: the first and the last, since the same ones
 * may come again in other company; the records themselves hold what a receiver needs. */
static void idempotency(const struct sink *s, char *out, size_t cap)
{
	const struct sink_record *a = s->records[0], *z = s->records[s->records_n - 1];
	int n = snprintf(out, cap, "Idempotency-Key: %.40s-%.10s-%llu", a->id, a->state,
			 (unsigned long long)a->seq);

	if (s->records_n > 1)
		snprintf(out + n, cap - (size_t)n, "..%.40s-%.10s-%llu", z->id, z->state,
			 (unsigned long long)z->seq);
}

int sink_sign(struct span key, uint64_t unix_s, struct span body, char *out, size_t cap)
{
	unsigned char digest[32];
	gnutls_hmac_hd_t hmac;
	char text[32];
	int n = snprintf(text, sizeof(text), "%llu.", (unsigned long long)unix_s);

	if (gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, key.p, key.n) < 0)
		return -EINVAL;
	gnutls_hmac(hmac, text, (size_t)n);
	gnutls_hmac(hmac, body.p, body.n);
	gnutls_hmac_deinit(hmac, digest);
	n = snprintf(out, cap, "X-Bulkhead-Signature: t=%.*s,v1=", n - 1, text);
	for (size_t i = 0; i < sizeof(digest); i++)
		n += snprintf(out + n, cap - (size_t)n, "%02x", digest[i]);
	return 0;
}

static void webhook_begin(struct sink *s)
{
	struct webhook *w = s->driver_state;
	const struct sink_setting *key = sink_setting(s, "hmac_key");
	char idempotency_key[200], signature[160];
	const char *headers[3] = { idempotency_key, NULL, NULL };
	size_t n;
	char *body = w->format == SINK_FORMAT_JSON ? plain_body(s, &n)
						   : template_body(s, w->format, &n);
	int r = body ? 0 : -ENOMEM;

	if (r == 0) {
		idempotency(s, idempotency_key, sizeof(idempotency_key));
		if (key)
			r = sink_sign((struct span){ key->value, key->n }, unix_ns() / NS_PER_S,
				      (struct span){ body, n }, signature, sizeof(signature));
		if (key && r == 0)
			headers[1] = signature;
	}
	if (r == 0)
		r = sink_http_post(w->http, TAKE(body), n, headers);
	free(body);
	if (r < 0)
		sink_ended(s, SINK_RETRY, 0, strerror(-r));
}

static void webhook_finished(struct sink *s, CURLcode code)
{
	struct webhook *w = s->driver_state;

	if (sink_http_succeeded(w->http, code))
		sink_ended(s, SINK_DONE, 0, NULL);
}

const struct sink_driver sink_webhook = {
	.batch = 1,
	.open = webhook_open,
	.close = webhook_close,
	.begin = webhook_begin,
	.finished = webhook_finished,
};
