// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/peer.h"

struct fixture {
	struct loop *loop;
	struct peer *peer;
	int other; /* the client's end */
	int frames, closed;
};

static void on_frame(void *ctx, struct peer *p, const struct wire_frame *frame)
{
	struct fixture *f = ctx;

	(void)p;
	(void)frame;
	f->frames++;
	loop_stop(f->loop);
}

static void on_closed(void *ctx, struct peer *p, const char *why)
{
	struct fixture *f = ctx;

	(void)why;
	f->closed++;
	peer_free(p);
	f->peer = NULL;
	loop_stop(f->loop);
}

static int setup(void **state)
{
	static struct fixture f;
	const struct peer_events ev = { on_frame, on_closed, &f };
	struct err e = { "" };
	int pair[2];

	f = (struct fixture){ .frames = 0 };
	*state = &f;
	if (loop_new(&f.loop, &e) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	f.other = pair[1];
	return peer_new(&f.peer, f.loop, pair[0], false, &ev, &e);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	peer_free(f->peer);
	loop_free(f->loop);
	close(f->other);
	return 0;
}

static void stop_turn(void *ctx)
{
	loop_stop(ctx);
}

static void turn(struct fixture *f)
{
	struct err e = { "" };

	loop_defer(f->loop, stop_turn, f->loop);
	assert_int_equal(loop_run(f->loop, &e), 0);
}

static void a_long_answer_travels_as_a_sealed_memfd(void **state)
{
	struct fixture *f = *state;
	static char buffer[WIRE_FRAME_MAX];
	struct wire_response m;
	struct wire_frame frame;
	struct err e = { "" };
	struct buf body;

	assert_int_equal(buf_init_shared(&body, "test", WIRE_BODY_MAX, &e), 0);
	for (int i = 0; i < 100000; i++)
		buf_add_str(&body, "0123456789");
	peer_respond(f->peer, 7, 200, WIRE_CONTENT_PROM, &body);
	assert_int_equal(wire_receive(f->other, buffer, &frame, &e), 1);
	assert_int_equal(frame.request_id, 7);
	assert_int_equal(wire_response_decode(frame.payload, &m, &e), 0);
	assert_int_equal(m.body_fd_bytes, 1000000);
	assert_int_equal(frame.fds_n, 1);
	char *p = mmap(NULL, 1000000, PROT_READ, MAP_SHARED, frame.fds[0], 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_memory_equal(p + 999990, "0123456789", 10);
	munmap(p, 1000000);
	assert_int_equal(ftruncate(frame.fds[0], 0), -1);
	wire_close_fds(&frame);
}

static void frames_queue_while_the_socket_is_full_and_keep_their_order(void **state)
{
	struct fixture *f = *state;
	static char buffer[WIRE_FRAME_MAX], big[40000];
	struct wire_frame frame;
	struct err e = { "" };
	uint32_t next = 1, sent = 0;

	memset(big, 'x', sizeof(big));
	while (peer_queued(f->peer) < 10)
		assert_int_equal(peer_send(f->peer, WIRE_RESPONSE, ++sent,
					   (struct span){ big, sizeof(big) }, -1),
				 0);
	assert_int_equal(peer_send_now(f->peer, WIRE_SAMPLES, (struct span){ big, 1 }), -EAGAIN);
	while (next <= sent) {
		int r = wire_receive(f->other, buffer, &frame, &e);

		if (r == -EAGAIN) {
			turn(f);
			continue;
		}
		assert_int_equal(r, 1);
		assert_int_equal(frame.request_id, next++);
	}
	assert_int_equal(peer_queued(f->peer), 0);
}

static void a_full_queue_refuses_and_takes_the_descriptor(void **state)
{
	struct fixture *f = *state;
	int fds[2];

	while (peer_queued(f->peer) < PEER_MAX_QUEUED)
		assert_int_equal(peer_send(f->peer, WIRE_CONTAINER, 0, SPAN_LIT("x"), -1), 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(peer_send(f->peer, WIRE_CONTAINER, 0, SPAN_LIT("x"), fds[0]), -ENOBUFS);
	assert_int_equal(close(fds[0]), -1); /* it was closed with the refusal */
	close(fds[1]);
}

static void a_peer_that_takes_nothing_is_closed_as_dead(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	while (peer_send(f->peer, WIRE_CONTAINER, 0, SPAN_LIT("x"), -1) == 0)
		continue;
	assert_int_equal(f->closed, 0); /* never from inside a send */
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_int_equal(f->closed, 1);
}

static void more_answers_than_may_be_asked_for_end_the_connection(void **state)
{
	struct fixture *f = *state;
	static char big[40000];
	struct err e = { "" };
	uint32_t sent = 0;

	while (peer_queued(f->peer) < WIRE_MAX_OUTSTANDING)
		assert_int_equal(peer_send(f->peer, WIRE_RESPONSE, ++sent,
					   (struct span){ big, sizeof(big) }, -1),
				 0);
	/* what was not asked for has its own measure */
	assert_int_equal(peer_send(f->peer, WIRE_CONTAINER, 0, SPAN_LIT("x"), -1), 0);
	assert_int_equal(peer_send(f->peer, WIRE_RESPONSE, ++sent, SPAN_LIT("x"), -1), -ENOBUFS);
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_int_equal(f->closed, 1);
}

static void bodies_wait_until_earlier_ones_are_read(void **state)
{
	struct fixture *f = *state;
	static char buffer[WIRE_FRAME_MAX];
	struct wire_frame frame;
	struct err e = { "" };

	for (uint32_t i = 0; i < PEER_MAX_MEMFDS; i++) {
		struct buf body;

		assert_true(peer_takes_memfd(f->peer));
		assert_int_equal(buf_init_shared(&body, "test", WIRE_BODY_MAX, &e), 0);
		for (size_t n = 0; n <= WIRE_INLINE_MAX; n += 10)
			buf_add_str(&body, "0123456789");
		peer_respond(f->peer, i, 200, WIRE_CONTENT_PROM, &body);
	}
	assert_false(peer_takes_memfd(f->peer));
	for (int i = 0; i < PEER_MAX_MEMFDS; i++) {
		assert_int_equal(wire_receive(f->other, buffer, &frame, &e), 1);
		wire_close_fds(&frame);
	}
	assert_true(peer_takes_memfd(f->peer));
}

static void a_malformed_frame_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	assert_int_equal(send(f->other, "junk", 4, 0), 4);
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->frames, 0);
}

static void the_clients_end_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	close(f->other);
	f->other = -1;
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_int_equal(f->closed, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest peer[] = {
		T(a_long_answer_travels_as_a_sealed_memfd),
		T(frames_queue_while_the_socket_is_full_and_keep_their_order),
		T(a_full_queue_refuses_and_takes_the_descriptor),
		T(a_peer_that_takes_nothing_is_closed_as_dead),
		T(more_answers_than_may_be_asked_for_end_the_connection),
		T(bodies_wait_until_earlier_ones_are_read),
		T(a_malformed_frame_ends_the_connection),
		T(the_clients_end_is_told_once),
	};

	return cmocka_run_group_tests(peer, NULL, NULL);
}
