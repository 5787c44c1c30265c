// SPDX-License-Identifier: GPL-2.0-or-later
/* One thread plays both ends: bulkheadd's end of the socket pair is read and written between turns
 * of the loop that runs the link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/link.h"

struct seen {
	struct loop *loop;
	unsigned configs, frames, stops, problems, answers;
	unsigned until; /* the loop stops after so many events */
	struct wire_config config;
	int cert_fd, key_fd;
	uint16_t status;
	char body[256];
	int body_fd;
	pthread_t thread; /* of the last answer */
};

struct fixture {
	struct loop *loop;
	struct link *link;
	int daemon; /* bulkheadd's end */
	int serve;
	struct seen seen;
};

static uint8_t buffer[WIRE_FRAME_MAX];

static void happened(struct seen *s)
{
	if (s->until && --s->until == 0)
		loop_stop(s->loop);
}

static void on_config(void *ctx, const struct wire_config *c, int *cert_fd, int *key_fd)
{
	struct seen *s = ctx;

	s->configs++;
	s->config = *c;
	s->cert_fd = TAKE_FD(*cert_fd);
	s->key_fd = *key_fd; /* not taken: the link closes it */
	happened(s);
}

static void on_frame(void *ctx, const struct wire_frame *f)
{
	struct seen *s = ctx;

	(void)f;
	s->frames++;
	happened(s);
}

static void on_stop(void *ctx)
{
	struct seen *s = ctx;

	s->stops++;
	happened(s);
}

static void on_problem(void *ctx, const char *text)
{
	struct seen *s = ctx;

	assert_true(text[0] != '\0');
	s->problems++;
	happened(s);
}

static void on_answer(void *ctx, const struct wire_response *r, int *body_fd)
{
	struct seen *s = ctx;
	size_t n = r->body.n < sizeof(s->body) - 1 ? r->body.n : sizeof(s->body) - 1;

	s->answers++;
	s->status = r->status;
	if (n)
		memcpy(s->body, r->body.p, n);
	s->body[n] = '\0';
	s->body_fd = TAKE_FD(*body_fd);
	s->thread = pthread_self();
	happened(s);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	assert_non_null(f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	f->daemon = fds[0];
	f->serve = fds[1];
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	f->seen = (struct seen){ .loop = f->loop, .cert_fd = -1, .key_fd = -1, .body_fd = -1 };
	const struct link_events events = { on_config, on_frame, on_stop, on_problem, &f->seen };

	assert_int_equal(link_new(&f->link, f->loop, f->serve, &events, NULL), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	link_free(f->link);
	loop_free(f->loop);
	if (f->daemon >= 0)
		close(f->daemon);
	close(f->serve);
	if (f->seen.cert_fd >= 0)
		close(f->seen.cert_fd);
	free(f);
	return 0;
}

static void run_until(struct fixture *f, unsigned events)
{
	f->seen.until = events;
	assert_int_equal(loop_run(f->loop, NULL), 0);
}

static void stop_loop(void *ctx)
{
	loop_stop(ctx);
}

/* One turn for what is ready now, and one for what that made ready. */
static void turn(struct fixture *f)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(loop_defer(f->loop, stop_loop, f->loop), 0);
		assert_int_equal(loop_run(f->loop, NULL), 0);
	}
}

static void request(struct fixture *f, const char *path, unsigned timeout_ms)
{
	const struct wire_request q = { .op = WIRE_OP_GET,
					.path = span_str(path),
					.query = SPAN_LIT("a=b"),
					.token = SPAN_LIT("secret") };

	link_request(f->link, &q, timeout_ms, on_answer, &f->seen);
}

/* What bulkheadd finds: the id of the next request, or 0. */
static uint32_t next_request(struct fixture *f, const char *path)
{
	struct wire_frame frame;
	struct wire_request q;

	if (wire_receive(f->daemon, buffer, &frame, NULL) != 1)
		return 0;
	assert_int_equal(frame.type, WIRE_REQUEST);
	assert_int_equal(wire_request_decode(frame.payload, &q, NULL), 0);
	assert_int_equal(q.path.n, strlen(path));
	assert_memory_equal(q.path.p, path, q.path.n);
	assert_true(span_eq(q.token, "secret"));
	return frame.request_id;
}

static void respond(struct fixture *f, uint32_t id, uint16_t status, const char *body)
{
	uint8_t bytes[512];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_response r = { .status = status, .body = span_str(body) };

	wire_response_encode(&w, &r);
	assert_int_equal(wire_send(f->daemon, WIRE_RESPONSE, id,
				   (struct span){ (const char *)bytes, w.len }, NULL, 0),
			 0);
}

static void a_request_is_sent_and_its_answer_comes_back(void **state)
{
	struct fixture *f = *state;

	request(f, "/metrics", 60000);
	turn(f);
	uint32_t id = next_request(f, "/metrics");

	assert_int_not_equal(id, 0);
	respond(f, id, 200, "up 1\n");
	run_until(f, 1);
	assert_int_equal(f->seen.status, 200);
	assert_string_equal(f->seen.body, "up 1\n");
	assert_int_equal(f->seen.body_fd, -1);
	respond(f, id, 200, "again"); /* nobody waits for it any more */
	turn(f);
	assert_int_equal(f->seen.answers, 1);
}

static void answers_find_their_requests_in_any_order(void **state)
{
	struct fixture *f = *state;
	uint32_t id[3];

	for (int i = 0; i < 3; i++)
		request(f, "/x", 60000);
	turn(f);
	for (int i = 0; i < 3; i++)
		id[i] = next_request(f, "/x");
	assert_true(id[0] != id[1] && id[1] != id[2] && id[0] != id[2]);
	respond(f, id[2], 202, "c");
	respond(f, id[0], 200, "a");
	respond(f, 4711, 200, "nobody");
	respond(f, 0, 200, "nobody");
	respond(f, id[1], 201, "b");
	run_until(f, 3);
	assert_int_equal(f->seen.status, 201);
	assert_int_equal(f->seen.problems, 0);
}

static void a_body_may_come_as_a_memory_file(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[64];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_response r = { .status = 200, .body_fd_bytes = 3 };
	int memfd = memfd_create("test", MFD_CLOEXEC);

	assert_true(memfd >= 0);
	request(f, "/metrics", 60000);
	turn(f);
	wire_response_encode(&w, &r);
	assert_int_equal(wire_send(f->daemon, WIRE_RESPONSE, next_request(f, "/metrics"),
				   (struct span){ (const char *)bytes, w.len }, &memfd, 1),
			 0);
	close(memfd);
	run_until(f, 1);
	assert_true(f->seen.body_fd >= 0);
	assert_int_equal(close(f->seen.body_fd), 0); /* was ours alone */
}

static void silence_of_bulkheadd_is_told_as_503(void **state)
{
	struct fixture *f = *state;

	request(f, "/metrics", 1);
	run_until(f, 1);
	assert_int_equal(f->seen.status, 503);
	assert_string_equal(f->seen.body, "{\"error\":{\"status\":503,\"message\":\"bulkheadd did "
					  "not answer in time\"}}\n");
	assert_int_equal(link_unanswered(f->link), 1);
	respond(f, next_request(f, "/metrics"), 200, "late");
	turn(f);
	assert_int_equal(f->seen.answers, 1);
	assert_int_equal(f->seen.problems, 0);
}

static void more_requests_than_may_wait_are_refused(void **state)
{
	struct fixture *f = *state;
	uint32_t id = 0;

	for (int i = 0; i < WIRE_MAX_OUTSTANDING + 1; i++)
		request(f, "/x", 60000);
	run_until(f, 1);
	assert_int_equal(f->seen.status, 503);
	assert_non_null(strstr(f->seen.body, "too many requests"));
	assert_int_equal(link_unanswered(f->link), 1);
	for (int i = 0; i < WIRE_MAX_OUTSTANDING; i++)
		id = next_request(f, "/x");
	assert_int_not_equal(id, 0);
	assert_int_equal(next_request(f, "/x"), 0);
	respond(f, id, 200, ""); /* makes room for one */
	run_until(f, 1);
	request(f, "/y", 60000);
	turn(f);
	assert_int_not_equal(next_request(f, "/y"), 0);
}

static void requests_that_timed_out_keep_their_place(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < WIRE_MAX_OUTSTANDING; i++)
		request(f, "/x", 1);
	run_until(f, WIRE_MAX_OUTSTANDING);
	request(f, "/y", 60000); /* bulkheadd still owes all of them: refused at once */
	run_until(f, 1);
	assert_non_null(strstr(f->seen.body, "too many requests"));
	respond(f, next_request(f, "/x"), 200, "");
	turn(f);
	request(f, "/y", 60000);
	turn(f);
	assert_int_equal(f->seen.answers, WIRE_MAX_OUTSTANDING + 1);
}

static void malformed_answers_become_503(void **state)
{
	struct fixture *f = *state;

	request(f, "/x", 60000);
	turn(f);
	assert_int_equal(
		wire_send(f->daemon, WIRE_RESPONSE, next_request(f, "/x"), SPAN_LIT("??"), NULL, 0),
		0);
	run_until(f, 2);
	assert_int_equal(f->seen.problems, 1);
	assert_int_equal(f->seen.status, 503);
}

static void frames_reach_their_events(void **state)
{
	struct fixture *f = *state;
	static const enum wire_type types[] = { WIRE_CONTAINER, WIRE_CONTAINER_END, WIRE_SAMPLES,
						WIRE_HOST_SAMPLE, WIRE_DISK };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(wire_send(f->daemon, types[i], 0, SPAN_LIT("x"), NULL, 0), 0);
	run_until(f, 5);
	assert_int_equal(f->seen.frames, 5);
	/* Not for serve, or unknown: told, and nothing breaks. */
	assert_int_equal(wire_send(f->daemon, WIRE_READY, 0, SPAN_LIT("x"), NULL, 0), 0);
	assert_int_equal(wire_send(f->daemon, (enum wire_type)999, 0, SPAN_LIT("x"), NULL, 0), 0);
	run_until(f, 2);
	assert_int_equal(f->seen.problems, 2);
	assert_int_equal(wire_send(f->daemon, WIRE_STOP, 0, SPAN_LIT(""), NULL, 0), 0);
	run_until(f, 1);
	assert_int_equal(f->seen.stops, 1);
}

static void send_config(struct fixture *f, bool tls, size_t fds_n)
{
	struct wire_config c = { .listen = "127.0.0.1:1", .tls = tls };
	const int fds[3] = { f->daemon, f->daemon, f->daemon };
	uint8_t bytes[1024];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	wire_config_encode(&w, &c);
	assert_int_equal(wire_send(f->daemon, WIRE_CONFIG, 0,
				   (struct span){ (const char *)bytes, w.len }, fds, fds_n),
			 0);
}

static void a_config_comes_with_its_descriptors(void **state)
{
	struct fixture *f = *state;

	send_config(f, true, 2);
	run_until(f, 1);
	assert_int_equal(f->seen.configs, 1);
	assert_string_equal(f->seen.config.listen, "127.0.0.1:1");
	assert_true(f->seen.cert_fd >= 0);
	assert_int_equal(close(f->seen.cert_fd), 0);
	f->seen.cert_fd = -1;
	send_config(f, true, 1); /* the key is missing */
	run_until(f, 1);
	assert_int_equal(f->seen.problems, 1);
	send_config(f, false, 1); /* more than announced: closed by the link */
	run_until(f, 1);
	assert_int_equal(f->seen.configs, 2);
	assert_int_equal(f->seen.cert_fd, -1);
}

static void the_end_of_bulkheadd_ends_all_requests_and_is_told_once(void **state)
{
	struct fixture *f = *state;

	request(f, "/a", 60000);
	request(f, "/b", 60000);
	turn(f);
	close(TAKE_FD(f->daemon));
	run_until(f, 3);
	assert_int_equal(f->seen.answers, 2);
	assert_int_equal(f->seen.status, 503);
	assert_int_equal(f->seen.stops, 1);
	request(f, "/c", 60000);
	run_until(f, 1);
	assert_int_equal(f->seen.answers, 3);
	assert_int_equal(link_send(f->link, WIRE_READY, SPAN_LIT("x")), -EPIPE);
	assert_int_equal(f->seen.stops, 1);
}

static void a_malformed_frame_ends_the_link(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send(f->daemon, "garbage", 7, 0), 7);
	run_until(f, 2);
	assert_int_equal(f->seen.problems, 1);
	assert_int_equal(f->seen.stops, 1);
}

static void closing_answers_what_waits_and_what_comes_later(void **state)
{
	struct fixture *f = *state;

	request(f, "/a", 60000);
	turn(f);
	request(f, "/b", 60000); /* still on its way to the main thread */
	link_close(f->link);
	assert_int_equal(f->seen.answers, 2);
	request(f, "/c", 60000);
	run_until(f, 1);
	assert_int_equal(f->seen.answers, 3);
	assert_int_equal(f->seen.status, 503);
	assert_non_null(strstr(f->seen.body, "stopping"));
}

static void a_full_socket_queues_up_to_a_limit_and_in_order(void **state)
{
	struct fixture *f = *state;
	static char big[60000];
	struct wire_frame frame;
	unsigned sent = 0, received = 0;
	int r = 0;

	while (sent < 1000) {
		big[0] = (char)sent;
		r = link_send(f->link, WIRE_SERVE_STATS, (struct span){ big, sizeof(big) });
		if (r < 0)
			break;
		sent++;
	}
	assert_int_equal(r, -EAGAIN);
	for (int idle = 0; idle < 3; idle++) {
		while (wire_receive(f->daemon, buffer, &frame, NULL) == 1) {
			assert_int_equal(frame.payload.p[0], (char)received);
			received++;
			idle = 0;
		}
		turn(f);
	}
	assert_int_equal(received, sent);
	assert_int_equal(link_send(f->link, WIRE_SERVE_STATS, SPAN_LIT("x")), 0);
}

static void *ask_from_outside(void *ctx)
{
	for (int i = 0; i < 20; i++)
		request(ctx, "/x", 60000);
	return NULL;
}

static void other_threads_ask_and_the_main_thread_is_called(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[2];

	link_close(f->link); /* each request is answered, without a peer to play */
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_from_outside, f), 0);
	run_until(f, 40);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(f->seen.answers, 40);
	assert_true(pthread_equal(f->seen.thread, pthread_self()));
}

static void freeing_the_link_answers_what_waits(void **state)
{
	struct fixture *f = *state;

	request(f, "/a", 60000);
	turn(f);
	request(f, "/b", 60000);
	link_free(TAKE(f->link));
	assert_int_equal(f->seen.answers, 2);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* --- subscriptions -------------------------------------------------------------------------------
 */

struct heard {
	struct fixture *f;
	unsigned answers, events, ends;
	uint16_t status;
	uint64_t missed;
	bool unwanted; /* events() says that nobody wants more */
};

static void on_subscribed(void *ctx, const struct wire_response *r, int *body_fd)
{
	struct heard *h = ctx;

	(void)body_fd;
	h->answers++;
	h->status = r->status;
}

static bool on_events(void *ctx, const struct wire_events *m)
{
	struct heard *h = ctx;

	assert_int_equal(h->ends, 0);
	h->events++;
	h->missed += m->missed;
	return !h->unwanted;
}

static void on_end(void *ctx)
{
	struct heard *h = ctx;

	h->ends++;
}

static const struct link_subscriber subscriber = { on_subscribed, on_events, on_end };

static void subscribe(struct fixture *f, struct heard *h, unsigned timeout_ms)
{
	const struct wire_request q = { .op = WIRE_OP_SUBSCRIBE, .token = SPAN_LIT("secret") };

	*h = (struct heard){ .f = f };
	link_subscribe(f->link, &q, timeout_ms, &subscriber, h);
	turn(f);
}

/* The operation of the next request that bulkheadd finds, 0 for none. */
static unsigned next_op(struct fixture *f, uint32_t *id)
{
	struct wire_frame frame;
	struct wire_request q;

	if (wire_receive(f->daemon, buffer, &frame, NULL) != 1)
		return 0;
	assert_int_equal(wire_request_decode(frame.payload, &q, NULL), 0);
	*id = frame.request_id;
	return q.op;
}

static void send_events(struct fixture *f, uint32_t id, uint64_t missed)
{
	uint8_t bytes[64];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_events m = { missed, WIRE_EVENTS_JSON, SPAN_LIT("{}\n") };

	wire_events_encode(&w, &m);
	assert_int_equal(wire_send(f->daemon, WIRE_EVENTS, id,
				   (struct span){ (const char *)bytes, w.len }, NULL, 0),
			 0);
	turn(f);
}

static uint32_t subscribed(struct fixture *f, struct heard *h)
{
	uint32_t id = 0;

	subscribe(f, h, 60000);
	assert_int_equal(next_op(f, &id), WIRE_OP_SUBSCRIBE);
	respond(f, id, 200, "{}");
	turn(f);
	assert_int_equal(h->status, 200);
	return id;
}

static void events_come_to_who_subscribed_until_the_end(void **state)
{
	struct fixture *f = *state;
	struct heard a, b;
	uint32_t id_a = subscribed(f, &a), id_b = subscribed(f, &b), id;

	send_events(f, id_b, 3);
	send_events(f, id_a, 0);
	send_events(f, id_b, 4);
	assert_int_equal(a.events, 1);
	assert_int_equal(b.events, 2);
	assert_int_equal(b.missed, 7);
	assert_int_equal(wire_send(f->daemon, WIRE_EVENTS_END, id_a, SPAN_LIT("over"), NULL, 0), 0);
	turn(f);
	assert_int_equal(a.ends, 1);
	assert_int_equal(b.ends, 0);
	link_unsubscribe(f->link, &b);
	link_unsubscribe(f->link, &a); /* there is none any more */
	assert_int_equal(b.ends, 1);
	assert_int_equal(next_op(f, &id), WIRE_OP_UNSUBSCRIBE);
	assert_int_equal(id, id_b);
	assert_int_equal(next_op(f, &id), 0);
}

static void a_subscription_that_nobody_wants_is_ended(void **state)
{
	struct fixture *f = *state;
	struct heard h;
	uint32_t id = subscribed(f, &h), got;

	h.unwanted = true;
	send_events(f, id, 0);
	assert_int_equal(h.ends, 1);
	assert_int_equal(next_op(f, &got), WIRE_OP_UNSUBSCRIBE);
	assert_int_equal(got, id);
	send_events(f, id, 0); /* was on its way: said again, and no more */
	assert_int_equal(next_op(f, &got), WIRE_OP_UNSUBSCRIBE);
	assert_int_equal(h.events, 1);
}

static void a_refused_subscription_has_no_end(void **state)
{
	struct fixture *f = *state;
	struct heard h;
	uint32_t id;

	subscribe(f, &h, 60000);
	assert_int_equal(next_op(f, &id), WIRE_OP_SUBSCRIBE);
	respond(f, id, 401, "{}");
	turn(f);
	assert_int_equal(h.status, 401);
	link_close(f->link);
	assert_int_equal(h.ends, 0);
}

static void an_answer_that_comes_too_late_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct heard h;
	uint32_t id, got;

	subscribe(f, &h, 1);
	assert_int_equal(next_op(f, &id), WIRE_OP_SUBSCRIBE);
	while (h.answers == 0)
		turn(f);
	assert_int_equal(h.status, 503);
	respond(f, id, 200, "{}");
	turn(f);
	assert_int_equal(h.answers, 1);
	assert_int_equal(next_op(f, &got), WIRE_OP_UNSUBSCRIBE);
	assert_int_equal(got, id);
}

static void the_end_of_the_link_ends_its_subscriptions(void **state)
{
	struct fixture *f = *state;
	struct heard h, more;

	subscribed(f, &h);
	close(f->daemon);
	f->daemon = -1;
	turn(f);
	assert_int_equal(h.ends, 1);
	subscribe(f, &more, 60000);
	assert_int_equal(more.status, 503);
}

static void more_subscriptions_than_there_is_room_for_are_refused(void **state)
{
	struct fixture *f = *state;
	static struct heard all[LINK_MAX_SUBSCRIPTIONS + 1];
	uint32_t id;

	for (size_t i = 0; i < LINK_MAX_SUBSCRIPTIONS; i++)
		subscribed(f, &all[i]);
	subscribe(f, &all[LINK_MAX_SUBSCRIPTIONS], 60000);
	assert_int_equal(next_op(f, &id), WIRE_OP_SUBSCRIBE);
	respond(f, id, 200, "{}");
	turn(f);
	assert_int_equal(all[LINK_MAX_SUBSCRIPTIONS].status, 503);
	assert_int_equal(next_op(f, &id), WIRE_OP_UNSUBSCRIBE);
}

int main(void)
{
	const struct CMUnitTest link[] = {
		LINK_TEST(a_request_is_sent_and_its_answer_comes_back),
		LINK_TEST(answers_find_their_requests_in_any_order),
		LINK_TEST(a_body_may_come_as_a_memory_file),
		LINK_TEST(silence_of_bulkheadd_is_told_as_503),
		LINK_TEST(more_requests_than_may_wait_are_refused),
		LINK_TEST(requests_that_timed_out_keep_their_place),
		LINK_TEST(malformed_answers_become_503),
		LINK_TEST(frames_reach_their_events),
		LINK_TEST(a_config_comes_with_its_descriptors),
		LINK_TEST(the_end_of_bulkheadd_ends_all_requests_and_is_told_once),
		LINK_TEST(a_malformed_frame_ends_the_link),
		LINK_TEST(closing_answers_what_waits_and_what_comes_later),
		LINK_TEST(a_full_socket_queues_up_to_a_limit_and_in_order),
		LINK_TEST(other_threads_ask_and_the_main_thread_is_called),
		LINK_TEST(freeing_the_link_answers_what_waits),
		LINK_TEST(events_come_to_who_subscribed_until_the_end),
		LINK_TEST(a_subscription_that_nobody_wants_is_ended),
		LINK_TEST(a_refused_subscription_has_no_end),
		LINK_TEST(an_answer_that_comes_too_late_is_taken_back),
		LINK_TEST(the_end_of_the_link_ends_its_subscriptions),
		LINK_TEST(more_subscriptions_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(link, NULL, NULL);
}
