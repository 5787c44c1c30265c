// SPDX-License-Identifier: GPL-2.0-or-later
/* What `bulkhead serve` and the command line ask for. /metrics and the list of containers are made
 * in slices, one request at a time; other answers are small enough to be made at once. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "collector/document.h"

#define SOCKET_NAME	   "bulkhead.sock"
#define JSON_MAX	   (32u << 20)
#define BACKLOG		   16

#define WAIT_FOR_READER_NS (10 * NS_PER_MS)  /* till a look whether a peer has read its answers */
#define PAUSE_NS	   (200 * NS_PER_MS) /* no connections are taken without descriptors */

static void respond_error(struct peer *p, uint32_t request_id, uint16_t status, const char *text)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4096);
	api_error(&b, status, text);
	peer_respond(p, request_id, status, WIRE_CONTENT_JSON, &b);
}

/* --- long answers: /metrics and lists, one at a time -------------------------------------------
 */

static void finish_answer(struct agent *a)
{
	exposition_free(TAKE(a->rendering));
	api_list_free(TAKE(a->listing));
	buf_release(&a->answer_buf);
	free(a->answers[0].list_query);
	memmove(&a->answers[0], &a->answers[1], (--a->answers_n) * sizeof(a->answers[0]));
}

static bool in_work(const struct agent *a)
{
	return a->rendering || a->listing;
}

/* The first whose peer reads what it gets becomes the next; false when there is none now. */
static bool choose_answer(struct agent *a)
{
	for (size_t i = 0; i < a->answers_n; i++) {
		struct answer chosen = a->answers[i];

		if (!peer_takes_memfd(chosen.peer))
			continue;
		memmove(&a->answers[1], &a->answers[0], i * sizeof(chosen));
		a->answers[0] = chosen;
		return true;
	}
	return false;
}

static int begin_answer(struct agent *a, const struct agent_state *state)
{
	struct answer *q = &a->answers[0];
	struct err e = { "" };
	int r = buf_init_shared(&a->answer_buf, "bulkhead-answer", WIRE_BODY_MAX, &e);

	if (r == 0 && q->list_query)
		r = api_list_new(&a->listing, state, span_str(q->list_query), &e);
	else if (r == 0)
		r = exposition_new(&a->rendering, state, q->openmetrics, &e);
	if (r < 0) {
		if (r != -EINVAL)
			log_error("cannot answer", "error", e.text, NULL);
		respond_error(q->peer, q->request_id, r == -EINVAL ? 400 : 500, e.text);
		finish_answer(a);
	}
	return r;
}

static void step_answer(struct agent *a, const struct agent_state *state)
{
	struct answer *q = &a->answers[0];
	enum wire_content content = q->list_query    ? WIRE_CONTENT_JSON
				    : q->openmetrics ? WIRE_CONTENT_OPENMETRICS
						     : WIRE_CONTENT_PROM;
	int r = a->listing ? api_list_step(a->listing, &a->answer_buf, AGENT_SLICE_NS)
			   : exposition_step(a->rendering, state, &a->answer_buf, AGENT_SLICE_NS);

	if (r == 0)
		return;
	if (r < 0)
		a->answer_buf.failed = true; /* becomes an error of its own */
	peer_respond(q->peer, q->request_id, 200, content, &a->answer_buf);
	finish_answer(a);
}

static void answer_slice(void *ctx)
{
	struct agent *a = ctx;
	struct agent_state state;

	if (a->answers_n == 0)
		return;
	if (!in_work(a) && !choose_answer(a)) {
		loop_set_timer(a->requests_timer, WAIT_FOR_READER_NS, 0);
		return;
	}
	agent_state(a, &state);
	if (in_work(a) || begin_answer(a, &state) == 0)
		step_answer(a, &state);
	if (a->answers_n > 0 && loop_defer(a->loop, answer_slice, a) < 0)
		loop_set_timer(a->requests_timer, WAIT_FOR_READER_NS, 0);
}

static void queue_answer(struct agent *a, struct peer *p, uint32_t request_id, bool openmetrics,
			 char *list_query)
{
	size_t own = 0;

	for (size_t i = 0; i < a->answers_n; i++)
		own += a->answers[i].peer == p;
	if (a->answers_n == AGENT_MAX_ANSWERS || own >= WIRE_MAX_OUTSTANDING) {
		a->counters.requests_refused++;
		respond_error(p, request_id, 503, "too many requests wait");
		free(list_query);
		return;
	}
	a->answers[a->answers_n++] = (struct answer){ p, request_id, openmetrics, list_query };
	if (a->answers_n == 1 && loop_defer(a->loop, answer_slice, a) < 0)
		loop_set_timer(a->requests_timer, WAIT_FOR_READER_NS, 0);
}

void agent_forget_peer(struct agent *a, const struct peer *p)
{
	bool first = in_work(a) && a->answers_n > 0 && a->answers[0].peer == p;
	size_t kept = first ? 1 : 0;

	agent_alerts_forget_peer(a, p);
	if (a->stream)
		stream_forget_peer(a->stream, p);
	for (size_t i = kept; i < a->answers_n; i++) {
		if (a->answers[i].peer != p)
			a->answers[kept++] = a->answers[i];
		else
			free(a->answers[i].list_query);
	}
	a->answers_n = kept;
	if (first)
		finish_answer(a); /* nobody waits for it */
}

/* --- requests -----------------------------------------------------------------------------------
 */

/* Only root's own socket needs no token; what is open to all is listed here. */
static bool allowed(const struct agent *a, const struct peer *p, const struct wire_request *q)
{
	if (peer_trusted(p))
		return true;
	if (q->op == WIRE_OP_UNSUBSCRIBE) /* its own, which it was given leave to */
		return true;
	if (q->op == WIRE_OP_GET && (span_eq(q->path, "/metrics") || span_eq(q->path, "/readyz")))
		return true;
	return q->op != WIRE_OP_TOKEN && q->op != WIRE_OP_COMMAND &&
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
	agent_alerts_audit(a, &(struct agent_audit){ .rule = "token.create",
						     .title = "a viewer's token was made",
						     .key = "for_seconds",
						     .value = LOG_U64(for_s) });
	buf_init(&b, 4096);
	buf_printf(&b,
		   "{\"token\":\"%s\",\"role\":\"viewer\",\"login\":\"%s://%s/login?token=%s\"}",
		   token, a->config.tls_certificate[0] ? "https" : "http", a->config.listen, token);
	peer_respond(p, request_id, 200, WIRE_CONTENT_JSON, &b);
}

static void queue_list(struct agent *a, struct peer *p, uint32_t request_id, struct span query)
{
	char *copy = strndup(query.n ? query.p : "", query.n);

	if (copy)
		queue_answer(a, p, request_id, false, copy);
	else
		respond_error(p, request_id, 503, "no memory for the request");
}

static void answer_get(struct agent *a, struct peer *p, uint32_t request_id,
		       const struct wire_request *q)
{
	struct agent_state state;
	AUTO_BUF struct buf b = { .fd = -1 };

	if (span_eq(q->path, "/metrics")) {
		queue_answer(a, p, request_id, q->flags & WIRE_FLAG_OPENMETRICS, NULL);
		return;
	}
	if (api_is_list(q->path)) {
		queue_list(a, p, request_id, q->query);
		return;
	}
	if (agent_alerts_request(a, p, request_id, q, NULL))
		return;
	buf_init(&b, JSON_MAX);
	if (span_eq(q->path, "/readyz")) {
		bool ready = a->first_round_done && agent_sensor_settled(a);

		buf_add_str(&b, ready		      ? "ready\n"
				: a->first_round_done ? "the kernel sensor is being loaded\n"
						      : "first sample is not complete\n");
		peer_respond(p, request_id, ready ? 200 : 503, WIRE_CONTENT_TEXT, &b);
		return;
	}
	agent_state(a, &state);
	uint16_t status = api_get(&state, q->path, q->query, &b);

	peer_respond(p, request_id, status, WIRE_CONTENT_JSON, &b);
}

static void answer_command(struct agent *a, struct peer *p, const struct wire_frame *f,
			   const struct wire_request *q)
{
	AUTO_FREE char *bytes = NULL;
	struct span document = { NULL, 0 };
	struct err e = { "" };
	const int r = f->fds_n ? document_read(f->fds, f->fds_n, &bytes, &document.n, &e) : 0;

	if (r < 0) {
		a->counters.requests_refused++;
		respond_error(p, f->request_id, r == -E2BIG ? 413 : r == -ENOMEM ? 503 : 400,
			      e.text);
		return;
	}
	document.p = bytes;
	if (!agent_alerts_request(a, p, f->request_id, q, f->fds_n ? &document : NULL))
		respond_error(p, f->request_id, 404, "no such command");
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
	if (f->fds_n > 0 && q.op != WIRE_OP_COMMAND) {
		a->counters.requests_refused++;
		respond_error(p, f->request_id, 400, "a document comes with a command alone");
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
	case WIRE_OP_COMMAND:
		answer_command(a, p, f, &q);
		break;
	case WIRE_OP_SUBSCRIBE:
	case WIRE_OP_UNSUBSCRIBE:
		agent_events_request(a, p, f->request_id, &q);
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
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			/* who waits keeps the socket ready: without a pause the loop would spin */
			a->clients_refused++;
			loop_set_events(a->listen_source, 0);
			loop_set_timer(a->requests_timer, PAUSE_NS, 0);
		}
		return;
	}
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

static void on_requests_timer(void *ctx, uint32_t events)
{
	struct agent *a = ctx;

	(void)events;
	if (a->listen_source)
		loop_set_events(a->listen_source, EPOLLIN);
	if (a->answers_n > 0)
		answer_slice(a);
}

/* Through the directory's descriptor where the path is longer than sun_path holds. */
static int bind_socket(struct agent *a, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", a->config.run_dir, SOCKET_NAME);
	if (strlen(path) < sizeof(addr.sun_path))
		memcpy(addr.sun_path, path, strlen(path) + 1);
	else
		snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" SOCKET_NAME,
			 a->run_fd);
	/* a left-over: run_dir is locked, so nobody listens there */
	unlinkat(a->run_fd, SOCKET_NAME, 0);
	mode_t old = umask(0177); /* born with mode 0600 */
	int r = bind(a->listen_fd, (const struct sockaddr *)&addr, sizeof(addr));
	int code = errno;

	umask(old);
	errno = code;
	if (r < 0 || listen(a->listen_fd, BACKLOG) < 0)
		return err_errno(e, "cannot listen at '%s'", path);
	return 0;
}

int agent_requests_start(struct agent *a, struct err *e)
{
	a->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->listen_fd < 0)
		return err_errno(e, "cannot make a socket");
	int r = agent_events_start(a, e);

	if (r == 0)
		r = bind_socket(a, e);
	if (r == 0)
		r = loop_add_timer(a->loop, 0, 0, on_requests_timer, a, &a->requests_timer, e);
	if (r == 0)
		r = loop_add_fd(a->loop, a->listen_fd, EPOLLIN, on_connect, a, &a->listen_source,
				e);
	return r;
}

void agent_requests_stop(struct agent *a)
{
	loop_remove(TAKE(a->listen_source));
	loop_remove(TAKE(a->requests_timer));
	if (a->listen_fd >= 0) {
		close(a->listen_fd);
		unlinkat(a->run_fd, SOCKET_NAME, 0);
	}
	a->listen_fd = -1;
	loop_cancel_deferred(a->loop, a);
	while (a->answers_n > 0)
		finish_answer(a);
	agent_events_stop(a);
	for (size_t i = 0; i < AGENT_MAX_CLIENTS; i++) {
		peer_free(a->clients[i].peer);
		a->clients[i].peer = NULL;
	}
}
