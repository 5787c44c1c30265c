// SPDX-License-Identifier: GPL-2.0-or-later
/* Server-sent events from the frames of bulkheadd to the bytes at a client: one thread plays
 * bulkheadd, the main thread of serve and the client; HTTP has its own, on the loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "http/server.h"
#include "http/stream.h"

#define MAX_ROUNDS 20000 /* of at most a millisecond: then what is waited for never comes */

struct fixture {
	struct loop *loop;
	struct link *link;
	struct server *server;
	int daemon, serve; /* ends of the socket pair */
	struct sockaddr_in address;
	uint32_t id; /* of the last SUBSCRIBE */
	unsigned subscribes, unsubscribes;
	char query[256], token[64];
};

struct client {
	int fd;
	struct buf in;
	bool closed;
};

static void on_config(void *ctx, const struct wire_config *c, int *cert_fd, int *key_fd)
{
	(void)ctx;
	(void)c;
	(void)cert_fd;
	(void)key_fd;
}

static void on_frame(void *ctx, const struct wire_frame *f)
{
	(void)ctx;
	(void)f;
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static void configure(struct fixture *f, uint32_t max_connections)
{
	struct wire_config c = { .listen = "127.0.0.1:0",
				 .max_connections = max_connections,
				 .max_connections_per_ip = max_connections,
				 .idle_timeout_s = 60,
				 .max_header_bytes = 8192 };
	char url[128];
	uint32_t port;

	assert_int_equal(server_configure(f->server, &c, (struct span){ "", 0 },
					  (struct span){ "", 0 }, NULL),
			 0);
	server_urls(f->server, url, sizeof(url));
	assert_true(parse_u32(span_str(strrchr(url, ':') + 1), &port));
	f->address = (struct sockaddr_in){ .sin_family = AF_INET,
					   .sin_port = htons((uint16_t)port),
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct link_events events = { on_config, on_frame, on_nothing, NULL, f };
	int fds[2];

	assert_non_null(f);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	f->daemon = fds[0];
	f->serve = fds[1];
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(link_new(&f->link, f->loop, f->serve, &events, NULL), 0);
	assert_int_equal(server_new(&f->server, f->loop, f->link, on_nothing, f, NULL), 0);
	configure(f, 64);
	*state = f;
	return 0;
}

/* --- a round: the loop, then what bulkheadd finds ------------------------------------------------
 */

static void stop_loop(void *ctx)
{
	loop_stop(ctx);
}

static void see_request(struct fixture *f, const struct wire_frame *frame)
{
	struct wire_request q;

	assert_int_equal(frame->type, WIRE_REQUEST);
	assert_int_equal(wire_request_decode(frame->payload, &q, NULL), 0);
	if (q.op == WIRE_OP_UNSUBSCRIBE) {
		f->unsubscribes++;
		return;
	}
	assert_int_equal(q.op, WIRE_OP_SUBSCRIBE);
	f->subscribes++;
	f->id = frame->request_id;
	snprintf(f->query, sizeof(f->query), "%.*s", (int)q.query.n, q.query.p);
	snprintf(f->token, sizeof(f->token), "%.*s", (int)q.token.n, q.token.p);
}

static void do_round(struct fixture *f, struct client *c)
{
	static char buffer[WIRE_FRAME_MAX], bytes[65536];
	struct pollfd p[] = { { .fd = f->daemon, .events = POLLIN },
			      { .fd = c && !c->closed ? c->fd : -1, .events = POLLIN } };
	struct wire_frame frame;
	ssize_t n;

	loop_defer(f->loop, stop_loop, f->loop);
	assert_int_equal(loop_run(f->loop, NULL), 0);
	poll(p, 2, 1);
	while (wire_receive(f->daemon, buffer, &frame, NULL) == 1)
		see_request(f, &frame);
	while (c && !c->closed && (n = read(c->fd, bytes, sizeof(bytes))) != -1) {
		buf_add(&c->in, bytes, (size_t)n);
		c->closed = n == 0;
	}
}

static bool has(const struct client *c, const char *text)
{
	return c->in.len > 0 && memmem(c->in.data, c->in.len, text, strlen(text)) != NULL;
}

static void wait_for_text(struct fixture *f, struct client *c, const char *text)
{
	for (int i = 0; i < MAX_ROUNDS && !has(c, text); i++)
		do_round(f, c);
	if (!has(c, text))
		fail_msg("no '%s' in '%.*s'", text, (int)c->in.len, c->in.data);
}

static void wait_for_requests(struct fixture *f, struct client *c, const unsigned *count,
			      unsigned n)
{
	for (int i = 0; i < MAX_ROUNDS && *count < n; i++)
		do_round(f, c);
	assert_int_equal(*count, n);
}

static struct client ask(struct fixture *f, const char *target)
{
	struct client c = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	char text[512];
	int n = snprintf(
		text, sizeof(text),
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer secret\r\n\r\n",
		target);

	buf_init(&c.in, 64u << 20);
	assert_int_equal(connect(c.fd, (struct sockaddr *)&f->address, sizeof(f->address)), 0);
	assert_int_equal(write(c.fd, text, (size_t)n), n);
	assert_int_equal(fcntl(c.fd, F_SETFL, O_NONBLOCK), 0);
	return c;
}

static void client_close(struct client *c)
{
	close(c->fd);
	buf_release(&c->in);
}

static void respond(struct fixture *f, uint16_t status, const char *body)
{
	uint8_t bytes[512];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_response r = { .status = status, .body = span_str(body) };

	wire_response_encode(&w, &r);
	assert_int_equal(wire_send(f->daemon, WIRE_RESPONSE, f->id,
				   (struct span){ (const char *)bytes, w.len }, NULL, 0),
			 0);
}

static int send_events(struct fixture *f, uint32_t id, uint64_t missed, struct span text)
{
	static uint8_t bytes[WIRE_FRAME_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_events m = { missed, WIRE_EVENTS_JSON, text };

	wire_events_encode(&w, &m);
	return wire_send(f->daemon, WIRE_EVENTS, id, (struct span){ (const char *)bytes, w.len },
			 NULL, 0);
}

static struct client listen_to_events(struct fixture *f)
{
	unsigned before = f->subscribes;
	struct client c = ask(f, "/api/v1/stream?container=web&type=exec%2copen");

	wait_for_requests(f, &c, &f->subscribes, before + 1);
	respond(f, 200, "{}");
	wait_for_text(f, &c, ":\n\n");
	return c;
}

/* As serve.c stops: closes, refuses, waits until nothing waits, ends. */
static void shut_down(struct fixture *f)
{
	server_close(f->server);
	link_close(f->link);
	for (int i = 0; i < MAX_ROUNDS && !server_idle(f->server); i++)
		do_round(f, NULL);
	assert_true(server_idle(f->server));
	server_free(f->server);
	f->server = NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	shut_down(f);
	link_free(f->link);
	loop_free(f->loop);
	close(f->daemon);
	close(f->serve);
	free(f);
	return 0;
}

/* --- tests ---------------------------------------------------------------------------------------
 */

static void events_become_messages_with_a_number(void **state)
{
	struct fixture *f = *state;
	struct client c = listen_to_events(f);

	assert_string_equal(f->query, "container=web&type=exec%2copen");
	assert_string_equal(f->token, "secret");
	assert_true(has(&c, "HTTP/1.1 200"));
	assert_true(has(&c, "Content-Type: text/event-stream"));
	assert_true(has(&c, "Cache-Control: no-store"));
	assert_int_equal(send_events(f, f->id, 0, SPAN_LIT("{\"a\":1}\n{\"b\":2}\n{\"half\":")), 0);
	wait_for_text(f, &c, "id: 1\ndata: {\"a\":1}\n\nid: 2\ndata: {\"b\":2}\n\n");
	assert_false(has(&c, "half"));
	assert_int_equal(send_events(f, f->id, 0, SPAN_LIT("3}\n")), 0);
	wait_for_text(f, &c, "id: 3\ndata: {\"half\":3}\n\n");
	assert_int_equal(send_events(f, f->id, 42, SPAN_LIT("{}\n")), 0);
	wait_for_text(f, &c, "event: missed\ndata: {\"missed\":42}\n\nid: 4\ndata: {}\n\n");
	client_close(&c);
}

static void a_refused_subscription_is_an_ordinary_answer(void **state)
{
	struct fixture *f = *state;
	struct client c = ask(f, "/api/v1/stream");
	struct wire_serve_stats stats = { .v = { 0 } };

	wait_for_requests(f, &c, &f->subscribes, 1);
	respond(f, 401, "{\"error\":{}}");
	wait_for_text(f, &c, "{\"error\":{}}");
	assert_true(has(&c, "HTTP/1.1 401"));
	server_stats(f->server, &stats);
	assert_int_equal(stats.v[SERVE_STAT_STREAM_CLIENTS], 0);
	client_close(&c);
	c = ask(f, "/api/v1/stream?format=record");
	wait_for_text(f, &c, "unknown parameter");
	assert_true(has(&c, "HTTP/1.1 400"));
	assert_int_equal(f->subscribes, 1);
	client_close(&c);
}

static void the_end_of_a_subscription_ends_the_answer(void **state)
{
	struct fixture *f = *state;
	struct client c = listen_to_events(f);

	assert_int_equal(send_events(f, f->id, 0, SPAN_LIT("{\"last\":1}\n")), 0);
	assert_int_equal(wire_send(f->daemon, WIRE_EVENTS_END, f->id, SPAN_LIT("over"), NULL, 0),
			 0);
	wait_for_text(f, &c, "\r\n0\r\n\r\n"); /* the last chunk */
	assert_true(has(&c, "{\"last\":1}"));
	client_close(&c);
}

static void too_many_clients_are_told_to_come_back(void **state)
{
	struct fixture *f = *state;
	struct client all[STREAM_MAX_CLIENTS];
	struct wire_serve_stats stats = { .v = { 0 } };

	for (size_t i = 0; i < STREAM_MAX_CLIENTS; i++)
		all[i] = listen_to_events(f);
	struct client more = ask(f, "/api/v1/stream");

	wait_for_text(f, &more, "too many clients");
	assert_true(has(&more, "HTTP/1.1 503"));
	assert_true(has(&more, "Retry-After: 5"));
	server_stats(f->server, &stats);
	assert_int_equal(stats.v[SERVE_STAT_STREAM_CLIENTS], STREAM_MAX_CLIENTS);
	assert_int_equal(stats.v[SERVE_STAT_STREAM_REFUSED], 1);
	client_close(&more);
	more = ask(f, "/healthz"); /* others are served all the same */
	wait_for_text(f, &more, "ok\n");
	client_close(&more);
	for (size_t i = 0; i < STREAM_MAX_CLIENTS; i++)
		client_close(&all[i]);
}

static void half_of_few_connections_are_for_streams(void **state)
{
	struct fixture *f = *state;

	configure(f, 2);
	struct client one = listen_to_events(f), two = ask(f, "/api/v1/stream");

	wait_for_text(f, &two, "HTTP/1.1 503");
	client_close(&one);
	client_close(&two);
}

static void a_client_that_goes_is_unsubscribed(void **state)
{
	struct fixture *f = *state;
	struct client c = listen_to_events(f);

	client_close(&c);
	for (int i = 0; i < MAX_ROUNDS && f->unsubscribes == 0; i++) {
		send_events(f, f->id, 0, SPAN_LIT("{}\n")); /* it is found out by writing */
		server_tick(f->server, mono_ns());
		do_round(f, NULL);
	}
	assert_in_range(f->unsubscribes, 1, 1000);
	c = listen_to_events(f);
	client_close(&c);
}

static void a_quiet_client_gets_a_heartbeat(void **state)
{
	struct fixture *f = *state;
	struct client c = listen_to_events(f);

	for (int i = 0; i < 20; i++)
		do_round(f, &c);
	buf_clear(&c.in);
	server_tick(f->server, mono_ns() + STREAM_HEARTBEAT_NS / 2); /* not due yet */
	for (int i = 0; i < 20; i++)
		do_round(f, &c);
	assert_int_equal(c.in.len, 0);
	server_tick(f->server, mono_ns() + STREAM_HEARTBEAT_NS);
	wait_for_text(f, &c, ":\n\n");
	client_close(&c);
}

static void a_replaced_listener_ends_its_streams(void **state)
{
	struct fixture *f = *state;
	struct client c = listen_to_events(f);

	configure(f, 32); /* another listener; the first one retires */
	for (int i = 0; i < MAX_ROUNDS && !c.closed; i++) {
		server_tick(f->server, mono_ns() + 60 * NS_PER_S);
		do_round(f, &c);
	}
	assert_true(c.closed);
	client_close(&c);
	c = listen_to_events(f); /* on the new one */
	assert_int_equal(send_events(f, f->id, 0, SPAN_LIT("{}\n")), 0);
	wait_for_text(f, &c, "id: 1\n");
	client_close(&c);
}

/* The body without the heads of its chunks. */
static void dechunk(struct client *c)
{
	const char *p = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
	const char *end = c->in.data + c->in.len;
	struct buf body;
	uint64_t n = 1;

	assert_non_null(p);
	buf_init(&body, 64u << 20);
	for (p += 4; n > 0; p += n + 2) {
		const char *line = memmem(p, (size_t)(end - p), "\r\n", 2);

		assert_non_null(line);
		assert_true(parse_hex_u64((struct span){ p, (size_t)(line - p) }, &n));
		p = line + 2;
		assert_in_range(n, 0, (size_t)(end - p));
		buf_add(&body, p, n);
	}
	buf_release(&c->in);
	c->in = body;
}

static void what_a_slow_client_misses_is_counted_and_told(void **state)
{
	struct fixture *f = *state;
	struct client c = listen_to_events(f);
	static char line[1000], frame[45000];
	const uint64_t lines_a_frame = 45, frames = 600; /* 27 MB: more than sockets hold */
	uint64_t seen = 0, missed = 0, n;
	struct wire_serve_stats stats = { .v = { 0 } };

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (size_t i = 0; i < lines_a_frame; i++)
		memcpy(frame + i * sizeof(line), line, sizeof(line));
	for (uint64_t i = 0; i < frames;) { /* the client reads nothing */
		int r = send_events(f, f->id, 0,
				    (struct span){ frame, lines_a_frame * sizeof(line) });

		assert_true(r == 0 || r == -EAGAIN);
		i += r == 0;
		do_round(f, NULL);
	}
	for (int i = 0; i < 50; i++)
		do_round(f, NULL);
	assert_int_equal(wire_send(f->daemon, WIRE_EVENTS_END, f->id, SPAN_LIT("over"), NULL, 0),
			 0);
	wait_for_text(f, &c, "\r\n0\r\n\r\n");
	dechunk(&c);
	for (const char *p = c.in.data, *end = p + c.in.len;
	     (p = memmem(p, (size_t)(end - p), "id: ", 4)); p += 4)
		seen++;
	for (const char *p = c.in.data, *end = p + c.in.len;
	     (p = memmem(p, (size_t)(end - p), "{\"missed\":", 10)); p += 10)
		if (parse_u64((struct span){ p + 10, strcspn(p + 10, "}") }, &n))
			missed += n;
	server_stats(f->server, &stats);
	assert_in_range(missed, 1, lines_a_frame * frames);
	assert_int_equal(stats.v[SERVE_STAT_STREAM_MISSED], missed);
	assert_int_equal(seen + missed, lines_a_frame * frames); /* not one is lost silently */
	client_close(&c);
}

static void stopping_ends_clients_that_wait(void **state)
{
	struct fixture *f = *state;
	struct client c[3];

	for (size_t i = 0; i < 3; i++)
		c[i] = listen_to_events(f);
	for (int i = 0; i < 20; i++)
		do_round(f, &c[0]); /* they are suspended by now */
	shut_down(f);		    /* the library would end the program */
	assert_int_equal(server_new(&f->server, f->loop, f->link, on_nothing, f, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		client_close(&c[i]);
}

static void messages_are_as_the_standard_wants_them(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	stream_message(&b, 7, SPAN_LIT("{}"));
	stream_missed_message(&b, 3);
	buf_add_char(&b, '\0');
	assert_string_equal(b.data, "id: 7\ndata: {}\n\nevent: missed\ndata: {\"missed\":3}\n\n");
	buf_release(&b);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest stream[] = {
		T(events_become_messages_with_a_number),
		T(a_refused_subscription_is_an_ordinary_answer),
		T(the_end_of_a_subscription_ends_the_answer),
		T(too_many_clients_are_told_to_come_back),
		T(half_of_few_connections_are_for_streams),
		T(a_client_that_goes_is_unsubscribed),
		T(a_quiet_client_gets_a_heartbeat),
		T(a_replaced_listener_ends_its_streams),
		T(what_a_slow_client_misses_is_counted_and_told),
		T(stopping_ends_clients_that_wait),
		cmocka_unit_test(messages_are_as_the_standard_wants_them),
	};

	return cmocka_run_group_tests(stream, NULL, NULL);
}
