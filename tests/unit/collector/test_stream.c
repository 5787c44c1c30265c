// SPDX-License-Identifier: GPL-2.0-or-later
/* The hub with real peers over socket pairs: the test reads what a client would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/snapshot.h"
#include "collector/stream.h"

struct client {
	struct peer *peer;
	int fd; /* the other end */
};

struct fixture {
	struct loop *loop;
	struct stream *stream;
	struct client clients[2];
	uint64_t told_mask;
	unsigned told;
	unsigned snapshot_items; /* how many the snapshot writes */
};

static void on_frame(void *ctx, struct peer *p, const struct wire_frame *f)
{
	(void)ctx;
	(void)p;
	(void)f;
}

static void on_closed(void *ctx, struct peer *p, const char *why)
{
	(void)ctx;
	(void)p;
	(void)why;
}

static void write_snapshot(void *ctx, struct stream_snapshot *to)
{
	struct fixture *f = ctx;
	char bytes[300];

	stream_snapshot_item(to, RECORDING_HEADER, SPAN_LIT("header"));
	memset(bytes, 'p', sizeof(bytes));
	for (unsigned i = 0; i < f->snapshot_items; i++)
		stream_snapshot_item(to, RECORDING_PROCESS, (struct span){ bytes, sizeof(bytes) });
}

static void on_changed(void *ctx, uint64_t mask)
{
	struct fixture *f = ctx;

	f->told_mask = mask;
	f->told++;
}

static void connect_client(struct fixture *f, struct client *c)
{
	const struct peer_events ev = { on_frame, on_closed, f };
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	c->fd = pair[1];
	assert_int_equal(peer_new(&c->peer, f->loop, pair[0], true, &ev, NULL), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct stream_settings s = { .snapshot = write_snapshot,
					   .changed = on_changed,
					   .ctx = f };

	assert_non_null(f);
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(stream_new(&f->stream, f->loop, &s, NULL), 0);
	for (size_t i = 0; i < 2; i++)
		connect_client(f, &f->clients[i]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stream_free(f->stream);
	for (size_t i = 0; i < 2; i++) {
		peer_free(f->clients[i].peer);
		close(f->clients[i].fd);
	}
	loop_free(f->loop);
	free(f);
	return 0;
}

static int subscribe(struct fixture *f, size_t client, uint32_t id, const char *query)
{
	struct event_filter filter;

	assert_int_equal(event_filter_parse(&filter, span_str(query), NULL), 0);
	int r = stream_subscribe(f->stream, f->clients[client].peer, id, &filter, NULL);

	if (r == 0)
		stream_begin(f->stream, f->clients[client].peer, id);
	return r;
}

/* An open of `path`, in the container of `cgroup` when that is not 0. */
static void tell_open(struct fixture *f, const char *path, uint64_t cgroup, const char *name)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	const struct event_head head = { .type = EVENT_OPEN,
					 .container_cgroup = cgroup,
					 .pid = 9,
					 .tid = 9,
					 .syscall = -1,
					 .flags = cgroup ? 0 : EVENT_HOST };
	struct event_container k = { .id = span_str(name), .name = span_str(name) };
	const struct event_context c = { .container = cgroup ? &k : NULL };
	struct event_writer w;
	struct event_view v;

	event_write_begin(&w, record, sizeof(record), &head, NULL);
	event_write_string(&w, TAG_PATH, 0, span_str(path));
	assert_int_equal(event_decode(record, event_write_end(&w), &v, NULL), 0);
	stream_event(f->stream, &v, &c);
}

struct got {
	uint64_t missed;
	size_t frames, lines, ends;
	struct buf bytes;
};

/* All frames of a subscription that are there. */
static struct got receive(struct fixture *f, size_t client, uint32_t id)
{
	static char buffer[WIRE_FRAME_MAX];
	struct got g = { .missed = 0 };
	struct wire_frame frame;
	struct wire_events m;

	buf_init(&g.bytes, 16u << 20);
	while (wire_receive(f->clients[client].fd, buffer, &frame, NULL) == 1) {
		assert_int_equal(frame.request_id, id);
		if (frame.type == WIRE_EVENTS_END) {
			g.ends++;
			continue;
		}
		assert_int_equal(frame.type, WIRE_EVENTS);
		assert_int_equal(wire_events_decode(frame.payload, &m, NULL), 0);
		assert_in_range(m.bytes.n, 0, WIRE_EVENTS_BYTES);
		g.missed += m.missed;
		g.frames++;
		buf_add_span(&g.bytes, m.bytes);
	}
	for (size_t i = 0; i < g.bytes.len; i++)
		g.lines += g.bytes.data[i] == '\n';
	return g;
}

static void stop_turn(void *ctx)
{
	loop_stop(ctx);
}

static void turn(struct fixture *f)
{
	loop_defer(f->loop, stop_turn, f->loop);
	assert_int_equal(loop_run(f->loop, NULL), 0);
}

static bool holds(const struct got *g, const char *text)
{
	return memmem(g->bytes.data, g->bytes.len, text, strlen(text)) != NULL;
}

static void each_subscription_gets_what_it_asked_for(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(subscribe(f, 0, 1, "container=web"), 0);
	assert_int_equal(subscribe(f, 1, 1, "format=text"), 0);
	tell_open(f, "/one", 7, "web");
	tell_open(f, "/two", 8, "db");
	tell_open(f, "/three", 0, NULL);
	stream_flush(f->stream);
	struct got a = receive(f, 0, 1), b = receive(f, 1, 1);

	assert_int_equal(a.lines, 1);
	assert_int_equal(a.frames, 1);
	assert_true(holds(&a, "/one") && a.bytes.data[0] == '{');
	assert_int_equal(b.lines, 3);
	assert_true(holds(&b, "/three") && b.bytes.data[0] != '{');
	assert_int_equal(a.missed + b.missed, 0);
	assert_int_equal(stream_stats(f->stream).sent, 4);
	buf_release(&a.bytes);
	buf_release(&b.bytes);
}

static void the_union_of_wanted_types_is_told_at_each_change(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(stream_type_mask(f->stream), 0);
	assert_int_equal(subscribe(f, 0, 1, "type=stat"), 0);
	assert_int_equal(f->told_mask, EVENT_BIT(EVENT_STAT));
	assert_int_equal(subscribe(f, 0, 2, "type=recv&host=0"), 0);
	assert_int_equal(f->told_mask, EVENT_BIT(EVENT_STAT) | EVENT_BIT(EVENT_RECV));
	assert_int_equal(subscribe(f, 1, 1, "type=recv"), 0);
	assert_int_equal(f->told, 2); /* nothing new */
	assert_true(stream_wants_host(f->stream));
	stream_forget_peer(f->stream, f->clients[0].peer);
	assert_int_equal(f->told_mask, EVENT_BIT(EVENT_RECV));
	assert_true(stream_unsubscribe(f->stream, f->clients[1].peer, 1));
	assert_false(stream_unsubscribe(f->stream, f->clients[1].peer, 1));
	assert_int_equal(stream_type_mask(f->stream), 0);
	assert_int_equal(f->told_mask, 0);
	assert_int_equal(stream_stats(f->stream).subscriptions, 0);
}

static void too_many_subscriptions_are_refused_and_counted(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < STREAM_MAX_RECORDERS; i++)
		assert_int_equal(subscribe(f, 0, 100 + i, "format=record"), 0);
	assert_int_equal(subscribe(f, 0, 99, "format=record"), -EBUSY);
	for (uint32_t i = STREAM_MAX_RECORDERS; i < STREAM_MAX_SUBSCRIPTIONS; i++)
		assert_int_equal(subscribe(f, i % 2, 200 + i, ""), 0);
	assert_int_equal(subscribe(f, 0, 1, ""), -EBUSY);
	assert_int_equal(stream_stats(f->stream).refused, 2);
	assert_true(stream_unsubscribe(f->stream, f->clients[0].peer, 100));
	assert_int_equal(subscribe(f, 0, 101, ""), -EEXIST);
	assert_int_equal(subscribe(f, 0, 1, ""), 0);
}

static void what_a_slow_reader_misses_is_counted_and_told(void **state)
{
	struct fixture *f = *state;
	const uint64_t n = 20000;
	uint64_t lines = 0, missed = 0;

	assert_int_equal(subscribe(f, 0, 5, ""), 0);
	for (uint64_t i = 0; i < n; i++) {
		tell_open(f, "/some/where/that/is/opened/again/and/again", 7, "web");
		if (i % 64 == 0)
			stream_flush(f->stream);
	}
	assert_int_equal(peer_queued(f->clients[0].peer), 0); /* nothing waits elsewhere */
	assert_in_range(stream_stats(f->stream).missed, n / 2, n);
	for (int i = 0; i < 100; i++) {
		stream_flush(f->stream);
		struct got g = receive(f, 0, 5);

		lines += g.lines;
		missed += g.missed;
		buf_release(&g.bytes);
	}
	assert_int_equal(lines + missed, n); /* not one is lost silently */
	assert_int_equal(missed, stream_stats(f->stream).missed);
	/* and then all is well again */
	tell_open(f, "/later", 7, "web");
	stream_flush(f->stream);
	struct got g = receive(f, 0, 5);

	assert_int_equal(g.lines, 1);
	assert_int_equal(g.missed, 0);
	buf_release(&g.bytes);
}

static void what_a_full_socket_kept_back_goes_out_by_itself_later(void **state)
{
	struct fixture *f = *state;
	uint64_t lines = 0, n = 600;

	assert_int_equal(subscribe(f, 0, 5, ""), 0);
	for (uint64_t i = 0; i < n; i++)
		tell_open(f, "/a", 7, "web");
	stream_flush(f->stream);
	while (lines < n) { /* the loop's timer flushes again */
		struct got g = receive(f, 0, 5);

		lines += g.lines;
		assert_int_equal(g.missed, 0);
		buf_release(&g.bytes);
		turn(f);
	}
	assert_int_equal(lines, n);
}

static void a_line_longer_than_a_frame_comes_in_pieces(void **state)
{
	struct fixture *f = *state;
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	static char bytes[4096];
	const struct event_head head = { .type = EVENT_EXEC, .pid = 9, .syscall = -1 };
	struct event_writer w;
	struct event_view v;

	memset(bytes, 1, sizeof(bytes)); /* six characters each in JSON */
	event_write_begin(&w, record, sizeof(record), &head, NULL);
	event_write_string(&w, TAG_PATH, 0, (struct span){ bytes, sizeof(bytes) });
	event_write_string(&w, TAG_ARGS, 0, (struct span){ bytes, sizeof(bytes) });
	event_write_string(&w, TAG_CWD, 0, (struct span){ bytes, sizeof(bytes) });
	assert_int_equal(event_decode(record, event_write_end(&w), &v, NULL), 0);
	assert_int_equal(subscribe(f, 0, 1, ""), 0);
	stream_event(f->stream, &v, &(const struct event_context){ .process = NULL });
	stream_flush(f->stream);
	struct got g = receive(f, 0, 1);

	assert_int_equal(g.lines, 1);
	assert_int_equal(g.missed, 0);
	assert_in_range(g.frames, 2, 10);
	assert_in_range(g.bytes.len, 3 * 6 * sizeof(bytes), STREAM_BUFFER);
	buf_release(&g.bytes);
}

/* Types of the items in the bytes of a recorder. */
static size_t item_types(const struct got *g, uint8_t *types, size_t cap)
{
	struct wire_reader r = { .rest = { g->bytes.data, g->bytes.len } };
	size_t n = 0;

	while (r.rest.n > 0) {
		assert_in_range(n, 0, cap - 1);
		types[n++] = wire_get_u8(&r);
		wire_get_bytes(&r);
		assert_false(r.failed);
	}
	return n;
}

static void a_recorder_is_told_a_container_before_its_events_and_when_it_changes(void **state)
{
	static const uint8_t want[] = { RECORDING_HEADER,    RECORDING_CONTAINER,
					RECORDING_EVENT,     RECORDING_EVENT,
					RECORDING_CONTAINER, RECORDING_EVENT,
					RECORDING_EVENT,     RECORDING_CONTAINER_END,
					RECORDING_CONTAINER, RECORDING_EVENT };
	struct fixture *f = *state;
	uint8_t types[32];

	assert_int_equal(subscribe(f, 0, 3, "format=record"), 0);
	tell_open(f, "/a", 7, "web");
	tell_open(f, "/b", 7, "web");
	tell_open(f, "/c", 7, "renamed");
	tell_open(f, "/d", 0, NULL);
	stream_item(f->stream, RECORDING_CONTAINER_END, SPAN_LIT("\7\0\0\0\0\0\0\0"));
	tell_open(f, "/late", 7, "renamed");
	stream_flush(f->stream);
	struct got g = receive(f, 0, 3);

	assert_int_equal(item_types(&g, types, sizeof(types)), sizeof(want));
	assert_memory_equal(types, want, sizeof(want));
	buf_release(&g.bytes);
}

static void tell_exec(struct fixture *f, uint64_t cgroup, const char *name)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	const struct event_head head = {
		.type = EVENT_EXEC, .container_cgroup = cgroup, .pid = 9, .syscall = -1
	};
	struct event_container k = { .id = span_str(name), .name = span_str(name) };
	const struct event_context c = { .container = cgroup ? &k : NULL };
	struct event_writer w;
	struct event_view v;

	event_write_begin(&w, record, sizeof(record), &head, NULL);
	assert_int_equal(event_decode(record, event_write_end(&w), &v, NULL), 0);
	stream_event(f->stream, &v, &c);
}

static void a_recorder_gets_what_the_process_table_needs_whatever_it_asked_for(void **state)
{
	static const uint8_t want[] = { RECORDING_HEADER, RECORDING_CONTEXT, RECORDING_CONTEXT,
					RECORDING_CONTAINER, RECORDING_EVENT };
	struct fixture *f = *state;
	uint8_t types[32];

	assert_int_equal(subscribe(f, 0, 3, "format=record&type=open&container=web"), 0);
	assert_int_equal(f->told_mask, EVENT_FILTER_CONTEXT | EVENT_BIT(EVENT_OPEN));
	tell_exec(f, 0, NULL);
	tell_exec(f, 7, "web");
	tell_open(f, "/a", 7, "web");
	tell_open(f, "/b", 8, "db");
	stream_flush(f->stream);
	struct got g = receive(f, 0, 3);

	assert_int_equal(item_types(&g, types, sizeof(types)), sizeof(want));
	assert_memory_equal(types, want, sizeof(want));
	buf_release(&g.bytes);
}

static void a_recorder_of_many_containers_knows_them_all(void **state)
{
	struct fixture *f = *state;
	const uint64_t n = 3000; /* more than it can be remembered to have been told */
	uint64_t events = 0, containers = 0;

	assert_int_equal(subscribe(f, 0, 3, "format=record"), 0);
	for (uint64_t i = 1; i <= n; i++) {
		static uint8_t types[8192];

		tell_open(f, "/a", i * 4096, "web");
		if (i % 100)
			continue;
		stream_flush(f->stream);
		struct got g = receive(f, 0, 3);
		size_t k = item_types(&g, types, sizeof(types));

		while (k-- > 0) {
			events += types[k] == RECORDING_EVENT;
			containers += types[k] == RECORDING_CONTAINER;
		}
		buf_release(&g.bytes);
	}
	assert_int_equal(events, n);
	assert_int_equal(containers, n);
}

static void a_long_snapshot_comes_whole_and_before_the_first_event(void **state)
{
	struct fixture *f = *state;
	static uint8_t types[8192];
	size_t n = 0;

	f->snapshot_items = 3000; /* a megabyte: more than the socket holds */
	assert_int_equal(subscribe(f, 0, 3, "format=record"), 0);
	assert_in_range(peer_queued(f->clients[0].peer), 1, 100);
	tell_open(f, "/a", 0, NULL);
	for (int i = 0; i < 1000 && (n == 0 || types[n - 1] != RECORDING_EVENT); i++) {
		stream_flush(f->stream);
		struct got g = receive(f, 0, 3);

		n += item_types(&g, types + n, sizeof(types) - n);
		assert_int_equal(g.missed, 0);
		buf_release(&g.bytes);
		turn(f);
	}
	assert_int_equal(n, 3002);
	assert_int_equal(types[0], RECORDING_HEADER);
	assert_int_equal(types[1], RECORDING_PROCESS);
	assert_int_equal(types[3000], RECORDING_PROCESS);
	assert_int_equal(types[3001], RECORDING_EVENT);
}

static void an_end_in_order_misses_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(subscribe(f, 0, 1, ""), 0);
	tell_open(f, "/a", 0, NULL);
	assert_true(stream_unsubscribe(f->stream, f->clients[0].peer, 1));
	struct got g = receive(f, 0, 1);

	assert_int_equal(g.lines, 1);
	assert_int_equal(g.ends, 1);
	buf_release(&g.bytes);
	assert_int_equal(subscribe(f, 0, 1, ""), 0);
	tell_open(f, "/a", 0, NULL);
	stream_end_all(f->stream, "the end");
	g = receive(f, 0, 1);
	assert_int_equal(g.lines, 1);
	assert_int_equal(g.ends, 1);
	assert_int_equal(stream_stats(f->stream).subscriptions, 0);
	buf_release(&g.bytes);
}

static void a_client_that_is_gone_does_no_harm(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(subscribe(f, 0, 1, ""), 0);
	close(f->clients[0].fd);
	f->clients[0].fd = dup(0);
	for (int i = 0; i < 5000; i++)
		tell_open(f, "/a", 0, NULL);
	stream_flush(f->stream);
	stream_flush(f->stream);
	stream_forget_peer(f->stream, f->clients[0].peer);
	assert_int_equal(stream_type_mask(f->stream), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest stream[] = {
		T(each_subscription_gets_what_it_asked_for),
		T(the_union_of_wanted_types_is_told_at_each_change),
		T(too_many_subscriptions_are_refused_and_counted),
		T(what_a_slow_reader_misses_is_counted_and_told),
		T(what_a_full_socket_kept_back_goes_out_by_itself_later),
		T(a_line_longer_than_a_frame_comes_in_pieces),
		T(a_recorder_is_told_a_container_before_its_events_and_when_it_changes),
		T(a_recorder_gets_what_the_process_table_needs_whatever_it_asked_for),
		T(a_recorder_of_many_containers_knows_them_all),
		T(a_long_snapshot_comes_whole_and_before_the_first_event),
		T(an_end_in_order_misses_nothing),
		T(a_client_that_is_gone_does_no_harm),
	};

	return cmocka_run_group_tests(stream, NULL, NULL);
}
