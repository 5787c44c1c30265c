// SPDX-License-Identifier: GPL-2.0-or-later
/* Streams, by libcurl's connections without a protocol: its resolver, its TLS, our bytes. */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "http/sinks_internal.h"

#define CHECK_NS (5 * NS_PER_MS) /* how often to look whether all is acknowledged */

struct sink_stream_out {
	struct sink *sink;
	sink_format_fn format;
	CURL *easy; /* NULL: no connection */
	bool connected;
	curl_socket_t fd;
	int pem_fds[3];
	char url[200], error[CURL_ERROR_SIZE];
	struct buf bytes; /* of the attempt */
	size_t sent;
};

int sink_stream_open(struct sink_stream_out **out, struct sink *s, const char *address, bool tls,
		     sink_format_fn format, struct err *e)
{
	int r = sinks_multi(s->all, e);
	struct sink_stream_out *t = r == 0 ? calloc(1, sizeof(*t)) : NULL;

	if (r < 0)
		return r;
	if (!t)
		return err_set(e, ENOMEM, "no memory");
	t->sink = s;
	t->format = format;
	t->pem_fds[0] = t->pem_fds[1] = t->pem_fds[2] = -1;
	snprintf(t->url, sizeof(t->url), "%s://%.180s/", tls ? "https" : "http", address);
	buf_init(&t->bytes, 4 * SINK_BATCH_BYTES);
	*out = t;
	return 0;
}

static void disconnect(struct sink_stream_out *t)
{
	if (!t->easy)
		return;
	curl_multi_remove_handle(t->sink->all->multi, t->easy);
	curl_easy_cleanup(TAKE(t->easy));
	sink_http_fds_close(t->pem_fds);
	t->connected = false;
}

void sink_stream_close(struct sink_stream_out *t)
{
	if (!t)
		return;
	disconnect(t);
	buf_release(&t->bytes);
	free(t);
}

static void give_up(struct sink_stream_out *t, const char *why)
{
	disconnect(t);
	sink_ended(t->sink, SINK_RETRY, 0, why);
}

static int start(struct sink_stream_out *t, struct err *e)
{
	struct sink *s = t->sink;

	t->easy = curl_easy_init();
	if (!t->easy)
		return err_set(e, ENOMEM, "no memory");
	int r = sink_http_common(s, t->easy, t->pem_fds, e);

	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	curl_easy_setopt(t->easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(t->easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	t->error[0] = '\0';
	if (r == 0 && curl_multi_add_handle(s->all->multi, t->easy) != CURLM_OK)
		r = err_set(e, EIO, "cannot start a connection");
	if (r < 0) {
		curl_easy_cleanup(TAKE(t->easy));
		sink_http_fds_close(t->pem_fds);
	}
	return r;
}

/* What the other end sends is nothing to us, but that it ends is. */
static bool is_alive(struct sink_stream_out *t)
{
	char ignored[512];
	size_t n = 0;
	CURLcode code;

	do
		code = curl_easy_recv(t->easy, ignored, sizeof(ignored), &n);
	while (code == CURLE_OK && n > 0);
	return code == CURLE_AGAIN;
}

void sink_stream_begin(struct sink_stream_out *t)
{
	struct sink *s = t->sink;
	AUTO_BUF struct buf one = { .fd = -1 };
	struct err e = { "" };

	buf_clear(&t->bytes);
	t->sent = 0;
	buf_init(&one, 2 * SINK_BATCH_BYTES);
	for (uint32_t i = 0; i < s->records_n; i++) {
		buf_clear(&one);
		t->format(s, s->records[i], &one);
		buf_printf(&t->bytes, "%zu ", one.len);
		buf_add(&t->bytes, one.data, one.len);
	}
	if (t->bytes.failed) {
		sink_ended(s, SINK_RETRY, 0, strerror(ENOMEM));
		return;
	}
	if (t->connected && !is_alive(t))
		disconnect(t);
	if (!t->easy && start(t, &e) < 0)
		sink_ended(s, SINK_RETRY, 0, e.text);
}

void sink_stream_finished(struct sink_stream_out *t, CURLcode code)
{
	char text[CURL_ERROR_SIZE + 64];

	if (t->sink->state != SINK_TRYING)
		return;
	if (code == CURLE_OK &&
	    curl_easy_getinfo(t->easy, CURLINFO_ACTIVESOCKET, &t->fd) == CURLE_OK) {
		t->connected = true; /* the handle stays: it holds the connection */
		return;
	}
	sink_http_why(t->sink, t->easy, code, t->error, text, sizeof(text));
	give_up(t, text);
}

static bool all_acknowledged(const struct sink_stream_out *t)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof(info);

	if (getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
		return true; /* a proxy's tunnel of another kind: no way to know */
	return info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0;
}

void sink_stream_step(struct sink_stream_out *t, uint64_t now, struct sinks_wait *w)
{
	struct sink *s = t->sink;
	uint64_t limit = s->begun_at + sink_number(s, "timeout", 15000) * NS_PER_MS;

	sinks_wait_until(w, limit);
	if (now >= limit) {
		give_up(t, "no progress in time");
		return;
	}
	if (!t->connected)
		return; /* libcurl waits for that */
	while (t->sent < t->bytes.len) {
		size_t n = 0;
		CURLcode code = curl_easy_send(t->easy, t->bytes.data + t->sent,
					       t->bytes.len - t->sent, &n);

		if (code == CURLE_AGAIN) {
			sinks_wait_fd(w, t->fd, POLLOUT);
			return;
		}
		if (code != CURLE_OK) {
			give_up(t, "the connection broke while it was written to");
			return;
		}
		t->sent += n;
	}
	if (!is_alive(t))
		give_up(t, "the other end closed the connection");
	else if (all_acknowledged(t))
		sink_ended(s, SINK_DONE, 0, NULL);
	else
		sinks_wait_until(w, now + CHECK_NS);
}
