// SPDX-License-Identifier: GPL-2.0-or-later
/* Sinks that are no webhook: Alertmanager, syslog, journal, files. */
#include "tests/unit/http/sinks_fixture.h"

#include <sys/un.h>

#define CONTAINER                                                                                  \
	"\"container\":{\"id\":\"0123456789abcdef0123\",\"name\":\"web\",\"image\":\"nginx:1\"},"  \
	"\"process\":{\"pid\":42,\"comm\":\"cat\\n\\\"]\"}"

static const struct line_of rich = { NULL, "critical", "isolation", CONTAINER, 0 };

static int unix_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = LONG_MS / 1000 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

/* The next message, NUL-terminated. */
static ssize_t receive(int fd, char *text, size_t cap)
{
	ssize_t n = recv(fd, text, cap - 1, 0);

	if (n < 0)
		fail_msg("nothing came: %s", strerror(errno));
	text[n] = '\0';
	return n;
}

static void start(struct world *w, enum wire_sink_type type, const char *settings)
{
	world_enter(w);
	world_start(w);
	send_sink(w, type, settings);
}

static void write_rich(struct world *w)
{
	write_line(w, &rich);
	send_segment(w, -1, true);
}

static void a_message_to_the_local_syslog_is_of_rfc_5424(void **state)
{
	static const char want[] =
		"Z node1 bulkhead - isolation [bulkhead@32473 seq=\"1\" "
		"id=\"01JD0000000000000000000001\" state=\"new\" kind=\"isolation\" "
		"rule=\"a_rule\" container=\"web\" container_id=\"0123456789abcdef0123\" "
		"image=\"nginx:1\" comm=\"cat \\\"\\]\" pid=\"42\"] "
		"[CRITICAL] alert 1 - container web";
	struct world w;
	char text[8192];

	(void)state;
	start(&w, WIRE_SINK_SYSLOG, "");
	int fd = unix_socket("socket");

	send_sink(&w, WIRE_SINK_SYSLOG, "address=unix:socket\nfacility=local0\n");
	write_rich(&w);
	receive(fd, text, sizeof(text));
	/* <16 * 8 + 2>1 TIME */
	assert_int_equal(strncmp(text, "<130>1 20", 9), 0);
	assert_non_null(strchr(text, 'Z'));
	assert_string_equal(strchr(text, 'Z'), want);
	wait_done(&w, 1);
	close(fd);
	world_leave(&w);
}

static void a_syslog_that_comes_back_gets_all_in_order(void **state)
{
	struct world w;
	char text[8192], want[64];

	(void)state;
	start(&w, WIRE_SINK_SYSLOG, "address=socket\nformat=json\nretry_min=20\nretry_max=50\n");
	write_lines(&w, 30);
	int fd = unix_socket("socket");

	for (int i = 1; i <= 30; i++) {
		receive(fd, text, sizeof(text));
		const char *json = strchr(text, '{');

		snprintf(want, sizeof(want), "seq=\"%d\"", i);
		assert_non_null(strstr(text, want));
		assert_non_null(json);
		assert_int_equal(seq_of(json), i);
	}
	wait_done(&w, 30);
	close(fd);
	unlink("socket");
	write_lines(&w, 1);
	fd = unix_socket("socket"); /* another daemon under the same name */
	receive(fd, text, sizeof(text));
	assert_non_null(strstr(text, "seq=\"31\""));
	close(fd);
	world_leave(&w);
}

/* A receiver that reads slowly: the socket is full, nothing is lost. */
static void a_full_local_socket_is_waited_for(void **state)
{
	struct world w;
	char text[8192], want[64];

	(void)state;
	start(&w, WIRE_SINK_SYSLOG, "");
	int fd = unix_socket("socket");

	send_sink(&w, WIRE_SINK_SYSLOG, "address=socket\n");
	write_lines(&w, 1500);
	for (int i = 1; i <= 1500; i++) {
		receive(fd, text, sizeof(text));
		snprintf(want, sizeof(want), "seq=\"%d\"", i);
		assert_non_null(strstr(text, want));
	}
	close(fd);
	world_leave(&w);
}

static void syslog_by_udp_finds_its_receiver(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct timeval limit = { .tv_sec = LONG_MS / 1000 };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct world w;
	char text[8192], settings[128];

	(void)state;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	getsockname(fd, (struct sockaddr *)&a, &n);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	snprintf(settings, sizeof(settings), "address=udp://127.0.0.1:%u\n", ntohs(a.sin_port));
	start(&w, WIRE_SINK_SYSLOG, settings);
	write_lines(&w, 2);
	receive(fd, text, sizeof(text));
	assert_non_null(strstr(text, "seq=\"1\""));
	receive(fd, text, sizeof(text));
	assert_non_null(strstr(text, "seq=\"2\""));
	wait_done(&w, 2);
	close(fd);
	world_leave(&w);
}

/* Reads "LENGTH message" from a stream. */
static void receive_counted(int fd, char *text, size_t cap)
{
	uint64_t want;
	size_t n = 0;

	while (n < 8 && read(fd, text + n, 1) == 1 && text[n] != ' ')
		n++;
	assert_true(parse_u64((struct span){ text, n }, &want) && want < cap);
	for (n = 0; n < want;) {
		ssize_t got = read(fd, text + n, want - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	text[n] = '\0';
}

static int accept_one(int listener)
{
	struct pollfd wait = { .fd = listener, .events = POLLIN };

	assert_int_equal(poll(&wait, 1, LONG_MS), 1);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void syslog_by_tcp_counts_octets_and_connects_again(void **state)
{
	struct world w;
	char text[8192], want[64], settings[128];
	uint16_t port;
	int listener = listen_at(0, &port);

	(void)state;
	assert_int_equal(listen(listener, 8), 0);
	snprintf(settings, sizeof(settings),
		 "address=tcp://127.0.0.1:%u\nretry_min=20\nretry_max=50\n", port);
	start(&w, WIRE_SINK_SYSLOG, settings);
	write_lines(&w, 100);
	int fd = accept_one(listener);

	for (int i = 1; i <= 100; i++) {
		receive_counted(fd, text, sizeof(text));
		snprintf(want, sizeof(want), "seq=\"%d\"", i);
		assert_non_null(strstr(text, want));
	}
	wait_done(&w, 100);
	close(fd); /* the next alert finds that out before it is sent */
	write_lines(&w, 1);
	fd = accept_one(listener);
	receive_counted(fd, text, sizeof(text));
	assert_non_null(strstr(text, "seq=\"101\""));
	close(fd);
	close(listener);
	world_leave(&w);
}

static const char *field(struct span text, const char *name, char *out, size_t cap)
{
	struct span rest = text, line;

	out[0] = '\0';
	while (span_next(&rest, '\n', &line))
		if (line.n > strlen(name) && span_starts(line, name))
			snprintf(out, cap, "%.*s", (int)(line.n - strlen(name)),
				 line.p + strlen(name));
	return out;
}

static void the_journal_gets_fields(void **state)
{
	static const char comm[] = "BULKHEAD_COMM\n\x06\0\0\0\0\0\0\0cat\n\"]\n";
	struct world w;
	char text[65536], value[512];

	(void)state;
	start(&w, WIRE_SINK_SYSLOG, "");
	int fd = unix_socket("socket");

	send_sink(&w, WIRE_SINK_JOURNALD, "socket=socket\n");
	write_rich(&w);
	struct span got = { text, (size_t)receive(fd, text, sizeof(text)) };

	assert_string_equal(field(got, "MESSAGE=", value, sizeof(value)),
			    "[CRITICAL] alert 1 - container web");
	assert_string_equal(field(got, "PRIORITY=", value, sizeof(value)), "2");
	assert_string_equal(field(got, "CONTAINER_ID=", value, sizeof(value)), "0123456789ab");
	assert_string_equal(field(got, "IMAGE_NAME=", value, sizeof(value)), "nginx:1");
	assert_non_null(memmem(got.p, got.n, comm, sizeof(comm) - 1));
	close(fd);
	world_leave(&w);
}

static void a_file_gets_the_lines_as_they_are_and_is_bounded(void **state)
{
	struct world w;
	struct stat st;
	AUTO_FREE char *a = malloc(1 << 20), *b = malloc(1 << 20);

	(void)state;
	start(&w, WIRE_SINK_FILE, "path=out.jsonl\n");
	write_lines(&w, 40);
	wait_done(&w, 40);
	assert_true(io_read_at(AT_FDCWD, "files/out.jsonl", a, 1 << 20) > 0);
	assert_true(io_read_at(AT_FDCWD, "log/alerts.jsonl", b, 1 << 20) > 0);
	assert_string_equal(a, b);
	assert_int_equal(stat("files/out.jsonl", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	send_sink(&w, WIRE_SINK_FILE, "path=out.jsonl\nmax_size=20000\n");
	write_lines(&w, 100);
	wait_done(&w, 140);
	assert_int_equal(stat("files/out.jsonl.1", &st), 0);
	assert_true(st.st_size <= 20000);
	assert_int_equal(stat("files/out.jsonl", &st), 0);
	assert_true(st.st_size <= 20000);
	world_leave(&w);
}

static void a_file_that_was_renamed_or_removed_is_begun_anew(void **state)
{
	AUTO_FREE char *text = malloc(1 << 16);
	struct world w;

	(void)state;
	start(&w, WIRE_SINK_FILE, "path=out.jsonl\n");
	write_lines(&w, 2);
	wait_done(&w, 2);
	assert_int_equal(rename("files/out.jsonl", "files/yesterday"), 0);
	write_lines(&w, 1);
	wait_done(&w, 3);
	assert_true(io_read_at(AT_FDCWD, "files/out.jsonl", text, 1 << 16) > 0);
	assert_int_equal(seq_of(text), 3);
	assert_int_equal(unlink("files/out.jsonl"), 0);
	write_lines(&w, 1);
	wait_done(&w, 4);
	assert_true(io_read_at(AT_FDCWD, "files/out.jsonl", text, 1 << 16) > 0);
	assert_int_equal(seq_of(text), 4);
	world_leave(&w);
}

static bool is_refused(const struct wire_sink_stat *s)
{
	return s->error[0] != '\0';
}

static void a_file_elsewhere_is_refused(void **state)
{
	struct world w;

	(void)state;
	start(&w, WIRE_SINK_FILE, "path=../out.jsonl\n");
	assert_string_equal(wait_stat(&w, is_refused).error,
			    "its path is no name of a file in files/");
	world_leave(&w);
}

static json_t *alerts_of(struct receiver *r, size_t i)
{
	json_t *j = json_loads(r->requests[i].body, 0, NULL);

	assert_true(json_is_array(j));
	return j;
}

static const char *at(json_t *alerts, size_t i, const char *object, const char *key)
{
	json_t *a = json_array_get(alerts, i);

	return json_string_value(json_object_get(object ? json_object_get(a, object) : a, key));
}

static uint64_t time_at(json_t *alerts, size_t i, const char *key)
{
	uint64_t ns = 0;

	assert_true(parse_rfc3339_ns(span_str(at(alerts, i, NULL, key)), &ns));
	return ns;
}

static void alertmanager_hears_of_what_fires_until_it_is_resolved(void **state)
{
	static const struct line_of fires = { "firing", NULL, "resource", CONTAINER, 7 };
	static const struct line_of ends = { "resolved", NULL, "resource", CONTAINER, 7 };
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_ALERTMANAGER, r, "resend=1000\n");
	write_line(&w, &fires);
	send_segment(&w, -1, true);
	receiver_wait(r, 2); /* once, and again without being asked */
	assert_int_equal(strncmp(r->requests[0].head, "POST /hook/api/v2/alerts ", 25), 0);
	json_t *first = alerts_of(r, 0), *again = alerts_of(r, 1);

	assert_string_equal(at(first, 0, "labels", "alertname"), "a_rule");
	assert_string_equal(at(first, 0, "labels", "severity"), "error");
	assert_string_equal(at(first, 0, "labels", "container"), "web");
	assert_string_equal(at(first, 0, "labels", "instance"), "node1");
	assert_string_equal(at(first, 0, "annotations", "summary"), "alert 1");
	assert_true(time_at(first, 0, "endsAt") > unix_ns());
	assert_true(json_equal(json_object_get(json_array_get(first, 0), "labels"),
			       json_object_get(json_array_get(again, 0), "labels")));
	assert_true(time_at(again, 0, "endsAt") > time_at(first, 0, "endsAt"));
	world_stop(&w); /* it is known over a restart */
	world_start(&w);
	send_http(&w, WIRE_SINK_ALERTMANAGER, r, "resend=1000\n");
	receiver_wait(r, 3);
	json_t *after = alerts_of(r, 2);

	assert_string_equal(at(after, 0, "labels", "alertname"), "a_rule");
	write_line(&w, &ends);
	send_segment(&w, -1, true);
	receiver_wait(r, 4);
	json_t *end = alerts_of(r, 3);

	assert_true(json_equal(json_object_get(json_array_get(first, 0), "labels"),
			       json_object_get(json_array_get(end, 0), "labels")));
	assert_true(time_at(end, 0, "endsAt") <= unix_ns() + NS_PER_S);
	json_decref(first);
	json_decref(again);
	json_decref(after);
	json_decref(end);
	world_leave(&w);
	receiver_free(r);
}

int main(void)
{
	const struct CMUnitTest sink_outputs[] = {
		cmocka_unit_test(a_message_to_the_local_syslog_is_of_rfc_5424),
		cmocka_unit_test(a_syslog_that_comes_back_gets_all_in_order),
		cmocka_unit_test(a_full_local_socket_is_waited_for),
		cmocka_unit_test(syslog_by_udp_finds_its_receiver),
		cmocka_unit_test(syslog_by_tcp_counts_octets_and_connects_again),
		cmocka_unit_test(the_journal_gets_fields),
		cmocka_unit_test(a_file_gets_the_lines_as_they_are_and_is_bounded),
		cmocka_unit_test(a_file_that_was_renamed_or_removed_is_begun_anew),
		cmocka_unit_test(a_file_elsewhere_is_refused),
		cmocka_unit_test(alertmanager_hears_of_what_fires_until_it_is_resolved),
	};

	return cmocka_run_group_tests(sink_outputs, NULL, NULL);
}
