// SPDX-License-Identifier: GPL-2.0-or-later
/* What `bulkhead serve` and the command line ask for. /metrics is rendered in slices, one request
 * at a time; JSON is small enough to be made at once. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "collector/api.h"

#define SOCKET_NAME "bulkhead.sock"
#define JSON_MAX    (32u << 20)
#define BACKLOG	    16

static void respond_error(struct peer *p, uint32_t request_id, uint16_t status, const char *text)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4096);
	api_error(&b, status, text);
	peer_respond(p, request_id, status, WIRE_CONTENT_JSON, &b);
}

/* --- /metrics --------------------------------------------------------------------------------- */

static void finish_render(struct agent *a)
{
	exposition_free(TAKE(a->rendering));
	buf_release(&a->render_buf);
	memmove(&a->renders[0], &a->renders[1], (--a->renders_n) * sizeof(a->renders[0]));
}

static int begin_render(struct agent *a, const struct agent_state *state)
{
	struct err e = { "" };
	int r = buf_init_shared(&a->render_buf, "bulkhead-metrics", WIRE_BODY_MAX, &e);

	if (r == 0)
		r = exposition_new(&a->rendering, state, a->renders[0].openmetrics, &e);
	if (r < 0) {
		log_error("cannot render metrics", "error", e.text, NULL);
		if (a->renders[0].peer)
			respond_error(a->renders[0].peer, a->renders[0].request_id, 500, e.text);
		finish_render(a);
	}
	return r;
}

static void render_slice(void *ctx)
{
	struct agent *a = ctx;
	struct agent_state state;

	while (a->renders_n > 0 && !a->renders[0].peer && !a->rendering)
		memmove(&a->renders[0], &a->renders[1], (--a->renders_n) * sizeof(a->renders[0]));
	if (a->renders_n == 0)
		return;
	agent_state(a, &state);
	if (a->rendering || begin_render(a, &state) == 0) {
		struct render *q = &a->renders[0];
		int r = exposition_step(a->rendering, &state, &a->render_buf, AGENT_SLICE_NS);

		if (r != 0) {
			if (r < 0)
				a->render_buf.failed = true;
			if (q->peer)
				peer_respond(q->peer, q->request_id, 200,
					     q->openmetrics ? WIRE_CONTENT_OPENMETRICS
							    : WIRE_CONTENT_PROM,
					     &a->render_buf);
			finish_render(a);
		}
	}
	if (a->renders_n > 0)
		loop_defer(a->loop, render_slice, a);
}

static void queue_render(struct agent *a, struct peer *p, uint32_t request_id, bool openmetrics)
{
	if (a->renders_n == AGENT_MAX_RENDERS) {
		a->counters.requests_refused++;
		respond_error(p, request_id, 503, "too many requests for metrics wait");
		return;
	}
	a->renders[a->renders_n++] = (struct render){ p, request_id, openmetrics };
	if (a->renders_n == 1)
		loop_defer(a->loop, render_slice, a);
}

void agent_forget_peer(struct agent *a, const struct peer *p)
{
	for (size_t i = 0; i < a->renders_n; i++)
		if (a->renders[i].peer == p)
			a->renders[i].peer = NULL;
}

/* --- requests -----------------------------------------------------------------------------------
 */

/* Only root's own socket needs no token; what is open to all is listed here. */
static bool allowed(const struct agent *a, const struct peer *p, const struct wire_request *q)
{
	if (peer_trusted(p))
		return true;
	if (q->op == WIRE_OP_GET && (span_eq(q->path, "/metrics") || span_eq(q->path, "/readyz")))
		return true;
	return q->op != WIRE_OP_TOKEN &&
	       token_check(a->tokens, q->token, unix_ns()) >= TOKEN_VIEWER;
}

static void answer_token(struct agent *a, struct peer *p, uint32_t request_id,
			 const struct wire_request *q)
{
	char token[TOKEN_TEXT_BYTES];
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };
	uint32_t for_s;

	if (!parse_u32(q->query, &for_s) || for_s == 0 || for_s > TOKEN_MAX_FOR_S) {
		respond_error(p, request_id, 400, "expected seconds between 1 and 31622400");
		return;
	}
	if (token_create(a->tokens, TOKEN_VIEWER, for_s, unix_ns(), token, &e) < 0) {
		respond_error(p, request_id, 503, e.text);
		return;
	}
	log_info("viewer token created", "for_s", LOG_U64(for_s), NULL);
	buf_init(&b, 4096);
	buf_printf(&b,
		   "{\"token\":\"%s\",\"role\":\"viewer\",\"login\":\"%s://%s/login?token=%s\"}",
		   token, a->config.tls_certificate[0] ? "https" : "http", a->config.listen, token);
	peer_respond(p, request_id, 200, WIRE_CONTENT_JSON, &b);
}

static void answer_get(struct agent *a, struct peer *p, uint32_t request_id,
		       const struct wire_request *q)
{
	struct agent_state state;
	AUTO_BUF struct buf b = { .fd = -1 };

	if (span_eq(q->path, "/metrics")) {
		queue_render(a, p, request_id, q->flags & WIRE_FLAG_OPENMETRICS);
		return;
	}
	buf_init(&b, JSON_MAX);
	if (span_eq(q->path, "/readyz")) {
		buf_add_str(&b, a->first_round_done ? "ready\n" : "first sample is not complete\n");
		peer_respond(p, request_id, a->first_round_done ? 200 : 503, WIRE_CONTENT_TEXT, &b);
		return;
	}
	agent_state(a, &state);
	uint16_t status = api_get(&state, q->path, q->query, &b);

	peer_respond(p, request_id, status, WIRE_CONTENT_JSON, &b);
}

void agent_request(struct agent *a, struct peer *p, const struct wire_frame *f)
{
	struct wire_request q;
	struct err e = { "" };

	a->counters.requests++;
	if (wire_request_decode(f->payload, &q, &e) < 0) {
		a->counters.requests_refused++;
		respond_error(p, f->request_id, 400, e.text);
		return;
	}
	if (!allowed(a, p, &q)) {
		a->counters.requests_refused++;
		respond_error(p, f->request_id, 401,
			      q.token.n ? "the token is unknown or expired" : "a token is needed");
		return;
	}
	switch (q.op) {
	case WIRE_OP_GET:
		answer_get(a, p, f->request_id, &q);
		break;
	case WIRE_OP_AUTHORIZE: {
		AUTO_BUF struct buf b = { .fd = -1 };

		buf_init(&b, 16);
		buf_add_str(&b, "{}");
		peer_respond(p, f->request_id, 200, WIRE_CONTENT_JSON, &b);
		break;
	}
	case WIRE_OP_TOKEN:
		answer_token(a, p, f->request_id, &q);
		break;
	}
}

/* --- bulkhead.sock
 * -------------------------------------------------------------------------------- */

static void on_client_frame(void *ctx, struct peer *p, const struct wire_frame *f)
{
	struct client *c = ctx;

	if (f->type == WIRE_REQUEST)
		agent_request(c->agent, p, f);
}

static void on_client_closed(void *ctx, struct peer *p, const char *why)
{
	struct client *c = ctx;

	(void)why;
	agent_forget_peer(c->agent, p);
	peer_free(p);
	c->peer = NULL;
}

static struct client *free_client(struct agent *a)
{
	for (size_t i = 0; i < AGENT_MAX_CLIENTS; i++)
		if (!a->clients[i].peer)
			return &a->clients[i];
	return NULL;
}

static void on_connect(void *ctx, uint32_t events)
{
	struct agent *a = ctx;
	struct client *c = free_client(a);
	struct ucred cred;
	socklen_t n = sizeof(cred);
	int fd = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (!c || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0 ||
	    (cred.uid != 0 && cred.uid != geteuid())) {
		a->clients_refused++;
		close(fd);
		return;
	}
	struct peer_events ev = { on_client_frame, on_client_closed, c };
	struct err e = { "" };

	c->agent = a;
	if (peer_new(&c->peer, a->loop, fd, true, &ev, &e) < 0)
		log_warning("connection refused", "error", e.text, NULL);
}

int agent_requests_start(struct agent *a, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char path[PATH_MAX + 32];

	/* Through the directory's descriptor: run_dir may be longer than sun_path holds. */
	snprintf(path, sizeof(path), "%s/%s", a->config.run_dir, SOCKET_NAME);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" SOCKET_NAME, a->run_fd);
	unlinkat(a->run_fd, SOCKET_NAME, 0);
	a->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old = umask(0177); /* born with mode 0600 */
	int r = a->listen_fd < 0 ? -1
				 : bind(a->listen_fd, (const struct sockaddr *)&addr, sizeof(addr));

	umask(old);
	if (r < 0 || listen(a->listen_fd, BACKLOG) < 0)
		return err_errno(e, "cannot listen at '%s'", path);
	return loop_add_fd(a->loop, a->listen_fd, EPOLLIN, on_connect, a, &a->listen_source, e);
}

void agent_requests_stop(struct agent *a)
{
	loop_remove(a->listen_source);
	a->listen_source = NULL;
	if (a->listen_fd >= 0) {
		close(a->listen_fd);
		unlinkat(a->run_fd, SOCKET_NAME, 0);
	}
	a->listen_fd = -1;
	loop_cancel_deferred(a->loop, a);
	for (size_t i = 0; i < AGENT_MAX_CLIENTS; i++) {
		peer_free(a->clients[i].peer);
		a->clients[i].peer = NULL;
	}
	exposition_free(TAKE(a->rendering));
	buf_release(&a->render_buf);
	a->renders_n = 0;
}
