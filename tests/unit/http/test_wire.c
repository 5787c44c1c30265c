// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/base/auto.h"
#include "collector/wire.h"

static uint8_t bytes[WIRE_FRAME_MAX];

static struct span written(const struct wire_writer *w)
{
	assert_false(w->failed);
	return (struct span){ (const char *)w->p, w->len };
}

static struct wire_writer writer(void)
{
	return (struct wire_writer){ .p = bytes, .cap = sizeof(bytes) };
}

static void assert_span(struct span s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.p, want, s.n);
}

/* One decode of each message, its result thrown away. */
static int decode_request(struct span p)
{
	struct wire_request m;

	return wire_request_decode(p, &m, NULL);
}
static int decode_response(struct span p)
{
	struct wire_response m;

	return wire_response_decode(p, &m, NULL);
}
static int decode_container(struct span p)
{
	struct wire_container m;

	return wire_container_decode(p, &m, NULL);
}
static int decode_container_end(struct span p)
{
	struct wire_container_end m;

	return wire_container_end_decode(p, &m, NULL);
}
static int decode_samples(struct span p)
{
	struct wire_reader r = { .rest = p };
	uint64_t time;
	uint32_t n;

	return wire_samples_decode(&r, &time, &n, NULL);
}
static int decode_host_sample(struct span p)
{
	struct wire_host_sample m;

	return wire_host_sample_decode(p, &m, NULL);
}
static int decode_disk(struct span p)
{
	struct wire_disk m;

	return wire_disk_decode(p, &m, NULL);
}
static int decode_events(struct span p)
{
	struct wire_events m;

	return wire_events_decode(p, &m, NULL);
}
static int decode_config(struct span p)
{
	struct wire_config m;

	return wire_config_decode(p, &m, NULL);
}
static int decode_stats(struct span p)
{
	struct wire_serve_stats m;

	return wire_serve_stats_decode(p, &m, NULL);
}

/* Each prefix of a good message is malformed, and so is the message with a byte more. Prefixes are
 * copied to memory of their own length, so that a sanitizer sees a read beyond. */
static void assert_exact(struct span p, int (*decode)(struct span))
{
	assert_int_equal(decode(p), 0);
	for (size_t n = 0; n <= p.n + 1; n++) {
		char *copy = malloc(n ? n : 1);

		assert_non_null(copy);
		memset(copy, 0, n ? n : 1);
		memcpy(copy, p.p, n < p.n ? n : p.n);
		assert_int_equal(decode((struct span){ copy, n }), n == p.n ? 0 : -EPROTO);
		free(copy);
	}
}

static void a_request_comes_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	const struct wire_request m = { .op = WIRE_OP_GET,
					.flags = WIRE_FLAG_OPENMETRICS,
					.path = SPAN_LIT("/metrics"),
					.query = SPAN_LIT("a=b"),
					.token = SPAN_LIT("t") };
	struct wire_request back;

	(void)state;
	wire_request_encode(&w, &m);
	assert_int_equal(wire_request_decode(written(&w), &back, NULL), 0);
	assert_int_equal(back.op, m.op);
	assert_int_equal(back.flags, m.flags);
	assert_span(back.path, "/metrics");
	assert_span(back.query, "a=b");
	assert_span(back.token, "t");
	assert_exact(written(&w), decode_request);
	bytes[0] = 0;
	assert_int_equal(decode_request(written(&w)), -EPROTO);
	bytes[0] = 200;
	assert_int_equal(decode_request(written(&w)), -EPROTO);
}

static void a_response_comes_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	const struct wire_response m = { .status = 404,
					 .content = WIRE_CONTENT_TEXT,
					 .body = SPAN_LIT("no\n"),
					 .body_fd_bytes = 7 };
	struct wire_response back;

	(void)state;
	wire_response_encode(&w, &m);
	assert_int_equal(wire_response_decode(written(&w), &back, NULL), 0);
	assert_int_equal(back.status, 404);
	assert_int_equal(back.content, WIRE_CONTENT_TEXT);
	assert_int_equal(back.body_fd_bytes, 7);
	assert_span(back.body, "no\n");
	assert_exact(written(&w), decode_response);
}

static int encoded_response(uint16_t status, unsigned content, uint64_t fd_bytes)
{
	struct wire_writer w = writer();

	wire_put_u16(&w, status);
	wire_put_u8(&w, (uint8_t)content);
	wire_put_u64(&w, fd_bytes);
	wire_put_bytes(&w, (struct span){ "", 0 });
	return decode_response(written(&w));
}

static void a_response_with_values_out_of_range_is_refused(void **state)
{
	(void)state;
	assert_int_equal(encoded_response(200, WIRE_CONTENT_JSON, WIRE_BODY_MAX), 0);
	assert_int_equal(encoded_response(200, WIRE_CONTENT_JSON, WIRE_BODY_MAX + 1), -EPROTO);
	assert_int_equal(encoded_response(200, WIRE_CONTENT_JSON, UINT64_MAX), -EPROTO);
	assert_int_equal(encoded_response(200, WIRE_CONTENT_TEXT + 1, 0), -EPROTO);
	assert_int_equal(encoded_response(0, WIRE_CONTENT_JSON, 0), -EPROTO);
	assert_int_equal(encoded_response(100, WIRE_CONTENT_JSON, 0), -EPROTO);
	assert_int_equal(encoded_response(600, WIRE_CONTENT_JSON, 0), -EPROTO);
}

static void a_container_comes_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	const struct wire_container m = { .slot = 7,
					  .start_unix_ns = 1ULL << 60,
					  .key = SPAN_LIT("k"),
					  .id = SPAN_LIT("i"),
					  .name = SPAN_LIT("n\x1b"),
					  .image = SPAN_LIT(""),
					  .image_id = SPAN_LIT("sha256:x"),
					  .runtime = SPAN_LIT("docker") };
	struct wire_container back;

	(void)state;
	wire_container_encode(&w, &m);
	assert_int_equal(wire_container_decode(written(&w), &back, NULL), 0);
	assert_int_equal(back.slot, 7);
	assert_int_equal(back.start_unix_ns, 1ULL << 60);
	assert_span(back.key, "k");
	assert_span(back.name, "n\x1b");
	assert_span(back.image, "");
	assert_span(back.runtime, "docker");
	assert_exact(written(&w), decode_container);
}

static void small_messages_come_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	const struct wire_container_end end = { .slot = UINT32_MAX, .end_unix_ns = 2 };
	const struct wire_disk disk = { 1, 2, 3, 4, 5, 6 };
	struct wire_container_end end_back;
	struct wire_disk disk_back;

	(void)state;
	wire_container_end_encode(&w, &end);
	assert_int_equal(wire_container_end_decode(written(&w), &end_back, NULL), 0);
	assert_int_equal(end_back.slot, UINT32_MAX);
	assert_int_equal(end_back.end_unix_ns, 2);
	assert_exact(written(&w), decode_container_end);
	w = writer();
	wire_disk_encode(&w, &disk);
	assert_int_equal(wire_disk_decode(written(&w), &disk_back, NULL), 0);
	assert_int_equal(disk_back.slot, 1);
	assert_int_equal(disk_back.volumes_bytes, 6);
	assert_exact(written(&w), decode_disk);
}

static void events_come_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	const struct wire_events m = { 1ULL << 40, WIRE_EVENTS_TEXT, SPAN_LIT("a\nb\n\x1b\0") };
	struct wire_events back;

	(void)state;
	wire_events_encode(&w, &m);
	assert_int_equal(wire_events_decode(written(&w), &back, NULL), 0);
	assert_int_equal(back.missed, 1ULL << 40);
	assert_int_equal(back.format, WIRE_EVENTS_TEXT);
	assert_int_equal(back.bytes.n, m.bytes.n);
	assert_memory_equal(back.bytes.p, m.bytes.p, m.bytes.n);
	assert_exact(written(&w), decode_events);
	bytes[8] = WIRE_EVENTS_RECORD + 1;
	assert_int_equal(decode_events(written(&w)), -EPROTO);
}

static int decode_alert_segment(struct span p)
{
	struct wire_alert_segment m;

	return wire_alert_segment_decode(p, &m, NULL);
}
static int decode_alert_line(struct span p)
{
	struct wire_alert_line m;

	return wire_alert_line_decode(p, &m, NULL);
}
static int decode_alert_segment_gone(struct span p)
{
	struct wire_alert_segment_gone m;

	return wire_alert_segment_gone_decode(p, &m, NULL);
}

static void messages_of_a_log_come_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	const struct wire_alert_segment segment = { WIRE_LOG_AUDIT, 1ULL << 60, 77, true };
	const struct wire_alert_line line = { WIRE_LOG_ALERTS, 3, SPAN_LIT("{\"a\":\"\x1b\0\"}") };
	const struct wire_alert_segment_gone gone = { WIRE_LOG_AUDIT, 4 };
	struct wire_alert_segment segment_back;
	struct wire_alert_line line_back;
	struct wire_alert_segment_gone gone_back;

	(void)state;
	wire_alert_segment_encode(&w, &segment);
	assert_int_equal(wire_alert_segment_decode(written(&w), &segment_back, NULL), 0);
	assert_int_equal(segment_back.log, WIRE_LOG_AUDIT);
	assert_int_equal(segment_back.first_seq, 1ULL << 60);
	assert_int_equal(segment_back.bytes, 77);
	assert_true(segment_back.current);
	assert_exact(written(&w), decode_alert_segment);
	w = writer();
	wire_alert_line_encode(&w, &line);
	assert_int_equal(wire_alert_line_decode(written(&w), &line_back, NULL), 0);
	assert_int_equal(line_back.seq, 3);
	assert_int_equal(line_back.line.n, line.line.n);
	assert_memory_equal(line_back.line.p, line.line.p, line.line.n);
	assert_exact(written(&w), decode_alert_line);
	w = writer();
	wire_alert_segment_gone_encode(&w, &gone);
	assert_int_equal(wire_alert_segment_gone_decode(written(&w), &gone_back, NULL), 0);
	assert_int_equal(gone_back.log, WIRE_LOG_AUDIT);
	assert_int_equal(gone_back.first_seq, 4);
	assert_exact(written(&w), decode_alert_segment_gone);
}

static void messages_of_a_log_with_values_out_of_range_are_refused(void **state)
{
	static char big[WIRE_ALERT_LINE_MAX + 1];
	const struct wire_alert_segment segment = { WIRE_LOG_ALERTS, 1, 2, false };
	struct wire_alert_line line = { WIRE_LOG_ALERTS, 1, { big, sizeof(big) } };
	struct wire_writer w = writer();

	(void)state;
	wire_alert_segment_encode(&w, &segment);
	bytes[0] = WIRE_LOG_COUNT;
	assert_int_equal(decode_alert_segment(written(&w)), -EPROTO);
	bytes[0] = WIRE_LOG_ALERTS;
	bytes[w.len - 1] = 2;
	assert_int_equal(decode_alert_segment(written(&w)), -EPROTO);
	w = writer();
	wire_alert_line_encode(&w, &line);
	assert_int_equal(decode_alert_line(written(&w)), -EPROTO);
	line.line.n--;
	w = writer();
	wire_alert_line_encode(&w, &line);
	assert_int_equal(decode_alert_line(written(&w)), 0);
	assert_in_range(w.len, 1, WIRE_FRAME_MAX - WIRE_HEADER_BYTES);
}

static void a_subscription_is_a_request(void **state)
{
	static const enum wire_op ops[] = { WIRE_OP_SUBSCRIBE, WIRE_OP_UNSUBSCRIBE };
	struct wire_request back;

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct wire_writer w = writer();
		const struct wire_request m = { .op = ops[i],
						.query = SPAN_LIT("type=exec&format=json") };

		wire_request_encode(&w, &m);
		assert_int_equal(wire_request_decode(written(&w), &back, NULL), 0);
		assert_int_equal(back.op, ops[i]);
		assert_span(back.query, "type=exec&format=json");
	}
	bytes[0] = WIRE_OP_COMMAND + 1;
	assert_int_equal(decode_request((struct span){ (char *)bytes, 32 }), -EPROTO);
}

static void samples_come_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	const struct wire_sample a = { .slot = 1, .have = 2, .cpu_ns = 3, .psi_io_us = UINT64_MAX };
	struct wire_sample back;
	struct wire_reader r;
	uint64_t time;
	uint32_t n;

	(void)state;
	wire_samples_begin(&w, 99, 2);
	wire_sample_put(&w, &a);
	wire_sample_put(&w, &a);
	assert_int_equal(w.len, 12 + 2 * WIRE_SAMPLE_BYTES);
	r = (struct wire_reader){ .rest = written(&w) };
	assert_int_equal(wire_samples_decode(&r, &time, &n, NULL), 0);
	assert_int_equal(time, 99);
	assert_int_equal(n, 2);
	for (uint32_t i = 0; i < n; i++) {
		wire_sample_get(&r, &back);
		assert_memory_equal(&a, &back, sizeof(a));
	}
	assert_int_equal(wire_finish(&r, "samples", NULL), 0);
	assert_exact(written(&w), decode_samples);
}

static void a_sample_count_that_does_not_fit_is_refused(void **state)
{
	static const uint32_t counts[] = { 1, WIRE_SAMPLES_A_FRAME + 1, UINT32_MAX, 1U << 31 };
	struct wire_writer w;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		w = writer();
		wire_samples_begin(&w, 1, counts[i]);
		assert_int_equal(decode_samples(written(&w)), -EPROTO);
	}
	w = writer();
	wire_samples_begin(&w, 1, WIRE_SAMPLES_A_FRAME);
	for (uint32_t i = 0; i < WIRE_SAMPLES_A_FRAME; i++)
		wire_sample_put(&w, &(struct wire_sample){ .slot = i });
	assert_int_equal(decode_samples(written(&w)), 0);
	assert_in_range(w.len, 1, WIRE_FRAME_MAX - WIRE_HEADER_BYTES);
}

static void a_host_sample_comes_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	struct wire_host_sample m = { .unix_ns = 1, .have = 2, .cpu_cores = 3, .swap_used = 4 };
	struct wire_host_sample back;

	(void)state;
	m.filesystems_n = 2;
	m.filesystems[1] = (struct wire_filesystem){ .mount_point = SPAN_LIT("/data"),
						     .device = SPAN_LIT("/dev/sda"),
						     .inodes = 9 };
	wire_host_sample_encode(&w, &m);
	assert_int_equal(wire_host_sample_decode(written(&w), &back, NULL), 0);
	assert_int_equal(back.cpu_cores, 3);
	assert_int_equal(back.swap_used, 4);
	assert_int_equal(back.filesystems_n, 2);
	assert_span(back.filesystems[1].mount_point, "/data");
	assert_int_equal(back.filesystems[1].inodes, 9);
	assert_exact(written(&w), decode_host_sample);
}

static void too_many_file_systems_are_refused(void **state)
{
	struct wire_writer w = writer();

	(void)state;
	wire_put_u64(&w, 1);
	wire_put_u32(&w, 0);
	wire_put_u32(&w, 1);
	for (int i = 0; i < 7; i++)
		wire_put_u64(&w, 0);
	wire_put_u32(&w, WIRE_MAX_FILESYSTEMS + 1);
	for (int i = 0; i < 2000; i++)
		wire_put_u64(&w, 0);
	assert_int_equal(decode_host_sample(written(&w)), -EPROTO);
}

static void a_config_comes_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	struct wire_config m = { .listen = "127.0.0.1:9480",
				 .metrics_listen = "[::1]:9481",
				 .allowed_hosts = { "localhost", "x" },
				 .allowed_hosts_n = 2,
				 .tls = true,
				 .max_connections = 5,
				 .history = true,
				 .history_max_bytes = 1ULL << 40,
				 .log_level = 7,
				 .log_format = 1 };
	struct wire_config back;

	(void)state;
	wire_config_encode(&w, &m);
	assert_int_equal(wire_config_decode(written(&w), &back, NULL), 0);
	assert_memory_equal(&m, &back, sizeof(m));
	assert_exact(written(&w), decode_config);
}

static void a_config_with_bad_strings_is_refused(void **state)
{
	char longest[200];
	struct wire_writer w = writer();

	(void)state;
	memset(longest, 'a', sizeof(longest));
	wire_put_str(&w, (struct span){ longest, 128 }); /* one more than fits with its NUL */
	for (int i = 0; i < 100; i++)
		wire_put_u8(&w, 0);
	assert_int_equal(decode_config(written(&w)), -EPROTO);
	w = writer();
	wire_put_str(&w, SPAN_LIT("a\0b"));
	for (int i = 0; i < 100; i++)
		wire_put_u8(&w, 0);
	assert_int_equal(decode_config(written(&w)), -EPROTO);
	w = writer();
	wire_put_str(&w, SPAN_LIT("a"));
	wire_put_str(&w, SPAN_LIT("b"));
	wire_put_u32(&w, UINT32_MAX); /* allowed hosts */
	assert_int_equal(decode_config(written(&w)), -EPROTO);
}

static void counters_of_serve_come_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	struct wire_serve_stats m, back;

	(void)state;
	for (size_t i = 0; i < SERVE_STAT_COUNT; i++)
		m.v[i] = i << 50;
	wire_serve_stats_encode(&w, &m);
	assert_int_equal(wire_serve_stats_decode(written(&w), &back, NULL), 0);
	assert_memory_equal(&m, &back, sizeof(m));
	assert_exact(written(&w), decode_stats);
}

static void a_writer_that_is_full_stays_failed(void **state)
{
	uint8_t small[5];
	struct wire_writer w = { .p = small, .cap = sizeof(small) };

	(void)state;
	wire_put_u32(&w, 1);
	assert_false(w.failed);
	wire_put_u16(&w, 1);
	assert_true(w.failed);
	wire_put_u8(&w, 1); /* would fit, but the message is broken already */
	assert_int_equal(w.len, 4);
}

static void a_long_string_is_cut_and_a_hostile_length_refused(void **state)
{
	static char text[70000];
	struct wire_writer w = writer();
	struct wire_reader r;

	(void)state;
	memset(text, 'a', sizeof(text));
	wire_put_str(&w, (struct span){ text, sizeof(text) });
	r = (struct wire_reader){ .rest = written(&w) };
	assert_int_equal(wire_get_str(&r).n, 4096);
	assert_int_equal(wire_finish(&r, "test", NULL), 0);
	w = writer();
	wire_put_u32(&w, UINT32_MAX);
	r = (struct wire_reader){ .rest = written(&w) };
	assert_int_equal(wire_get_bytes(&r).n, 0);
	assert_true(r.failed);
	w = writer();
	wire_put_u16(&w, UINT16_MAX);
	r = (struct wire_reader){ .rest = written(&w) };
	assert_int_equal(wire_get_str(&r).n, 0);
	assert_true(r.failed);
}

/* --- frames on a socket --------------------------------------------------------------------------
 */

struct pair {
	int a, b;
};

static struct pair pair_make(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	return (struct pair){ fds[0], fds[1] };
}

static void pair_close(struct pair *p)
{
	close(p->a);
	close(p->b);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Sends raw bytes with n copies of a descriptor. */
static void send_raw(int fd, const void *p, size_t size, size_t fds_n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 32)] = { 0 };
	char copy[256];
	struct iovec iov = { copy, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert_in_range(size, 0, sizeof(copy));
	memcpy(copy, p, size);
	if (fds_n) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds_n);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds_n);
		for (size_t i = 0; i < fds_n; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	}
	assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), (ssize_t)size);
}

static void a_frame_carries_payload_and_descriptors(void **state)
{
	struct pair p = pair_make();
	struct wire_frame f;
	const int fds[2] = { p.a, p.b };
	int before = open_fds();

	(void)state;
	assert_int_equal(wire_receive(p.b, bytes, &f, NULL), -EAGAIN);
	assert_int_equal(wire_send(p.a, WIRE_CONFIG, 77, SPAN_LIT("hello"), fds, 2), 0);
	assert_int_equal(wire_receive(p.b, bytes, &f, NULL), 1);
	assert_int_equal(f.type, WIRE_CONFIG);
	assert_int_equal(f.request_id, 77);
	assert_span(f.payload, "hello");
	assert_int_equal(f.fds_n, 2);
	assert_true(fcntl(f.fds[0], F_GETFD) & FD_CLOEXEC);
	wire_close_fds(&f);
	wire_close_fds(&f); /* nothing left to close */
	assert_int_equal(open_fds(), before);
	assert_int_equal(wire_send(p.a, WIRE_STOP, 0, (struct span){ NULL, 0 }, NULL, 0), 0);
	assert_int_equal(wire_receive(p.b, bytes, &f, NULL), 1);
	assert_int_equal(f.payload.n, 0);
	pair_close(&p);
}

static void malformed_frames_are_refused_and_their_descriptors_closed(void **state)
{
	static const uint8_t bad[][20] = {
		{ 1 },						    /* length is wrong */
		{ 2, 0, 1, 0, 0, 0, 0, 0, 4 },			    /* version */
		{ 1, 0, 1, 0, 0, 0, 0, 0, 5 },			    /* more than came */
		{ 1, 0, 1, 0, 0, 0, 0, 0, 3 },			    /* less than came */
		{ 1, 0, 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff }, /* hostile */
	};
	struct pair p = pair_make();
	struct wire_frame f;
	int before = open_fds();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		send_raw(p.a, bad[i], sizeof(bad[i]), 3);
		assert_int_equal(wire_receive(p.b, bytes, &f, NULL), -EPROTO);
	}
	for (size_t n = 1; n < WIRE_HEADER_BYTES; n++) {
		send_raw(p.a, bad[0], n, 1);
		assert_int_equal(wire_receive(p.b, bytes, &f, NULL), -EPROTO);
	}
	assert_int_equal(open_fds(), before);
	pair_close(&p);
}

static void too_many_descriptors_are_refused_and_closed(void **state)
{
	static const uint8_t good[WIRE_HEADER_BYTES] = { 1, 0, WIRE_STOP };
	struct pair p = pair_make();
	struct wire_frame f;
	int before = open_fds(), fds[WIRE_MAX_FDS + 1];

	(void)state;
	for (size_t i = 0; i < WIRE_MAX_FDS + 1; i++)
		fds[i] = p.a;
	assert_int_equal(wire_send(p.a, WIRE_STOP, 0, SPAN_LIT(""), fds, WIRE_MAX_FDS + 1),
			 -EMSGSIZE);
	send_raw(p.a, good, sizeof(good), WIRE_MAX_FDS + 1);
	assert_int_equal(wire_receive(p.b, bytes, &f, NULL), -EPROTO);
	send_raw(p.a, good, sizeof(good), 30);
	assert_int_equal(wire_receive(p.b, bytes, &f, NULL), -EPROTO);
	assert_int_equal(open_fds(), before);
	send_raw(p.a, good, sizeof(good), WIRE_MAX_FDS);
	assert_int_equal(wire_receive(p.b, bytes, &f, NULL), 1);
	assert_int_equal(f.fds_n, WIRE_MAX_FDS);
	wire_close_fds(&f);
	assert_int_equal(open_fds(), before);
	pair_close(&p);
}

static void a_payload_that_does_not_fit_is_not_sent(void **state)
{
	static char big[WIRE_FRAME_MAX];
	struct pair p = pair_make();
	struct wire_frame f;

	(void)state;
	assert_int_equal(wire_send(p.a, WIRE_SAMPLES, 0,
				   (struct span){ big, WIRE_FRAME_MAX - WIRE_HEADER_BYTES + 1 },
				   NULL, 0),
			 -EMSGSIZE);
	assert_int_equal(wire_send(p.a, WIRE_SAMPLES, 0,
				   (struct span){ big, WIRE_FRAME_MAX - WIRE_HEADER_BYTES }, NULL,
				   0),
			 0);
	assert_int_equal(wire_receive(p.b, bytes, &f, NULL), 1);
	assert_int_equal(f.payload.n, WIRE_FRAME_MAX - WIRE_HEADER_BYTES);
	pair_close(&p);
}

static void a_full_socket_and_a_gone_peer_are_told_apart(void **state)
{
	static char big[60000];
	struct pair p = pair_make();
	struct wire_frame f;
	int r = 0;

	(void)state;
	for (int i = 0; i < 1000 && r == 0; i++)
		r = wire_send(p.a, WIRE_SAMPLES, 0, (struct span){ big, sizeof(big) }, NULL, 0);
	assert_int_equal(r, -EAGAIN);
	while (wire_receive(p.b, bytes, &f, NULL) == 1)
		;
	close(p.a);
	assert_int_equal(wire_receive(p.b, bytes, &f, NULL), 0);
	assert_int_equal(wire_send(p.b, WIRE_STOP, 0, SPAN_LIT(""), NULL, 0), -EPIPE);
	close(p.b);
}

int main(void)
{
	const struct CMUnitTest wire[] = {
		cmocka_unit_test(a_request_comes_back_as_sent),
		cmocka_unit_test(a_response_comes_back_as_sent),
		cmocka_unit_test(a_response_with_values_out_of_range_is_refused),
		cmocka_unit_test(a_container_comes_back_as_sent),
		cmocka_unit_test(small_messages_come_back_as_sent),
		cmocka_unit_test(events_come_back_as_sent),
		cmocka_unit_test(messages_of_a_log_come_back_as_sent),
		cmocka_unit_test(messages_of_a_log_with_values_out_of_range_are_refused),
		cmocka_unit_test(a_subscription_is_a_request),
		cmocka_unit_test(samples_come_back_as_sent),
		cmocka_unit_test(a_sample_count_that_does_not_fit_is_refused),
		cmocka_unit_test(a_host_sample_comes_back_as_sent),
		cmocka_unit_test(too_many_file_systems_are_refused),
		cmocka_unit_test(a_config_comes_back_as_sent),
		cmocka_unit_test(a_config_with_bad_strings_is_refused),
		cmocka_unit_test(counters_of_serve_come_back_as_sent),
		cmocka_unit_test(a_writer_that_is_full_stays_failed),
		cmocka_unit_test(a_long_string_is_cut_and_a_hostile_length_refused),
		cmocka_unit_test(a_frame_carries_payload_and_descriptors),
		cmocka_unit_test(malformed_frames_are_refused_and_their_descriptors_closed),
		cmocka_unit_test(too_many_descriptors_are_refused_and_closed),
		cmocka_unit_test(a_payload_that_does_not_fit_is_not_sent),
		cmocka_unit_test(a_full_socket_and_a_gone_peer_are_told_apart),
	};

	return cmocka_run_group_tests(wire, NULL, NULL);
}
