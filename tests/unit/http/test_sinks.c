// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/http/sinks_fixture.h"

#include "http/sinks_internal.h"

/* Each request holds one alert; the numbers of those that were answered with 200 must be first to
 * last, each once. */
static void assert_order(struct receiver *r, uint64_t first, uint64_t last)
{
	uint64_t want = first;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t seq = seq_of(r->requests[i].body);
		bool good = i >= r->steps_n || r->steps[i].act == ACT_OK;

		assert_int_equal(seq, want);
		want += good;
	}
	assert_int_equal(want, last + 1);
}

static void run_steps(const struct step *steps, size_t n, unsigned alerts, const char *settings)
{
	struct receiver *r = receiver_new(steps, n, true);
	struct world w;

	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, settings);
	write_lines(&w, alerts);
	receiver_wait(r, n + alerts);
	struct wire_sink_stat s = wait_done(&w, alerts);

	assert_int_equal(s.sent, alerts);
	assert_int_equal(s.dead, 0);
	/* libcurl itself tries again once when a connection that it kept was closed */
	assert_in_range(s.failed, n > 0 ? n - 1 : 0, n);
	assert_int_equal(s.retried, s.failed);
	assert_string_equal(s.error, "");
	assert_true(s.last_success_unix_ns > 0);
	world_leave(&w);
	assert_order(r, 1, alerts);
	receiver_free(r);
}

static void alerts_arrive_in_order_each_once(void **state)
{
	(void)state;
	run_steps(NULL, 0, 200, "");
}

static void a_failing_receiver_gets_the_same_alert_again(void **state)
{
	static const struct step steps[] = {
		{ ACT_STATUS, 500, NULL }, { ACT_STATUS, 503, NULL },
		{ ACT_STATUS, 408, NULL }, { ACT_STATUS, 301, "Location: http://127.0.0.1:1/\r\n" },
		{ ACT_CLOSE, 0, NULL },	   { ACT_CLOSE_MIDDLE, 0, NULL }
	};
	(void)state;
	run_steps(steps, 6, 5, "");
}

/* A token that ran out is no reason to give alerts up. */
static void what_is_wrong_with_the_address_is_waited_for(void **state)
{
	static const struct step steps[] = { { ACT_STATUS, 401, NULL },
					     { ACT_STATUS, 403, NULL },
					     { ACT_STATUS, 404, NULL },
					     { ACT_STATUS, 407, NULL } };
	(void)state;
	run_steps(steps, 4, 3, "");
}

static void a_receiver_that_hangs_is_left_in_time(void **state)
{
	static const struct step steps[] = { { ACT_HANG, 0, NULL } };
	(void)state;
	run_steps(steps, 1, 2, "timeout=100\n");
}

static void retry_after_is_respected(void **state)
{
	static const struct step steps[] = { { ACT_STATUS, 429, "Retry-After: 1\r\n" } };
	struct receiver *r = receiver_new(steps, 1, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 1);
	receiver_wait(r, 2);
	assert_true(r->requests[1].at_ns - r->requests[0].at_ns >= 950 * NS_PER_MS);
	world_leave(&w);
	receiver_free(r);
}

static bool has_failed(const struct wire_sink_stat *s)
{
	return s->failed >= 6 && s->breaker != WIRE_BREAKER_CLOSED;
}

static void what_waits_during_an_outage_arrives_in_order_after_it(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, false); /* refuses */
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 300);
	struct wire_sink_stat s = wait_stat(&w, has_failed);

	assert_int_equal(s.sent, 0);
	assert_int_equal(s.lag, 300);
	assert_true(s.oldest_pending_unix_ns > 0);
	assert_non_null(strstr(s.error, "onnect"));
	receiver_begin(r);
	write_lines(&w, 100);
	receiver_wait(r, 400);
	s = wait_done(&w, 400);
	assert_int_equal(s.breaker, WIRE_BREAKER_CLOSED);
	world_leave(&w);
	assert_order(r, 1, 400);
	receiver_free(r);
}

static void a_refused_alert_is_a_dead_letter_and_the_rest_goes_on(void **state)
{
	static const struct step steps[] = { { ACT_OK, 0, NULL }, { ACT_STATUS, 400, NULL } };
	struct receiver *r = receiver_new(steps, 2, true);
	struct world w;
	char text[4096];

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 3);
	receiver_wait(r, 3);
	struct wire_sink_stat s = wait_done(&w, 3);

	assert_int_equal(s.sent, 2);
	assert_int_equal(s.dead, 1);
	assert_true(io_read_at(AT_FDCWD, "sinks/s.dead.jsonl", text, sizeof(text)) > 0);
	json_t *j = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);

	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "alert"), "seq")),
			 2);
	assert_non_null(strstr(json_string_value(json_object_get(j, "reason")), "400"));
	json_decref(j);
	world_leave(&w);
	receiver_free(r);
}

static void one_bad_alert_of_a_batch_does_not_take_the_others_along(void **state)
{
	static const struct step steps[] = { { ACT_STATUS, 413, NULL }, /* the batch of 4 */
					     { ACT_OK, 0, NULL },
					     { ACT_STATUS, 422, NULL } };
	struct receiver *r = receiver_new(steps, 3, true);
	struct world w;

	(void)state;
	world_enter(&w);
	write_lines(&w, 4);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "batch=10\n");
	receiver_wait(r, 5);
	struct wire_sink_stat s = wait_done(&w, 4);

	assert_int_equal(s.sent, 3);
	assert_int_equal(s.dead, 1);
	for (size_t i = 0; i < 5; i++) {
		json_t *j = json_loads(r->requests[i].body, 0, NULL);
		const json_t *first = json_array_get(j, 0);

		assert_int_equal(json_array_size(j), i == 0 ? 4 : 1);
		assert_int_equal(json_integer_value(json_object_get(first, "seq")), i == 0 ? 1 : i);
		json_decref(j);
	}
	world_leave(&w);
	receiver_free(r);
}

static bool has_dead(const struct wire_sink_stat *s)
{
	return s->dead == 50;
}

static void what_failed_too_long_becomes_dead_letters_without_asking_for_each(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, false);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "dead_after=150\n");
	write_lines(&w, 50);
	struct wire_sink_stat s = wait_stat(&w, has_dead);

	assert_true(s.failed < 30);
	assert_int_equal(s.lag, 0);
	receiver_begin(r);
	w.time_ns = unix_ns();
	write_lines(&w, 1);
	receiver_wait(r, 1);
	assert_int_equal(seq_of(r->requests[0].body), 51);
	world_leave(&w);
	receiver_free(r);
}

static void a_signature_covers_time_and_body(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;
	char signature[256], key[256], token[64], again[160];
	struct span rest, t, body;
	uint64_t seconds = 0;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_secret(&w, 0, "hmac_key", "Jefe\n");
	send_secret(&w, 0, "headers.X-Token", "geheim\n");
	send_http(&w, WIRE_SINK_WEBHOOK, r, "headers.X-Plain=yes\n");
	write_lines(&w, 1);
	receiver_wait(r, 1);
	header_of(&r->requests[0], "X-Bulkhead-Signature: ", signature, sizeof(signature));
	header_of(&r->requests[0], "Idempotency-Key: ", key, sizeof(key));
	assert_string_equal(key, "01JD0000000000000000000001-new-1");
	assert_string_equal(header_of(&r->requests[0], "X-Token: ", token, sizeof(token)),
			    "geheim");
	assert_string_equal(header_of(&r->requests[0], "X-Plain: ", token, sizeof(token)), "yes");
	assert_string_equal(header_of(&r->requests[0], "Content-Type: ", token, sizeof(token)),
			    "application/json");
	assert_int_equal(strncmp(signature, "t=", 2), 0);
	rest = span_str(signature + 2);
	assert_true(span_next(&rest, ',', &t) && parse_u64(t, &seconds));
	body = span_str(r->requests[0].body);
	assert_int_equal(sink_sign(SPAN_LIT("Jefe"), seconds, body, again, sizeof(again)), 0);
	assert_string_equal(strchr(again, ' ') + 1, signature);
	/* printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac Jefe */
	assert_int_equal(sink_sign(SPAN_LIT("Jefe"), 1700000000, SPAN_LIT("{\"a\":1}"), again,
				   sizeof(again)),
			 0);
	assert_string_equal(
		again,
		"X-Bulkhead-Signature: "
		"t=1700000000,v1=fa5f6481efc59da48b19c9dc10196c9953e5651f8304b3a318b6b87d70272e0a");
	world_leave(&w);
	receiver_free(r);
}

static void filters_choose_what_a_sink_gets(void **state)
{
	static const struct line_of lines[] = {
		{ NULL, "notice", NULL, NULL, 0 },		    /* 1: below the severity */
		{ NULL, "warning", "resource", NULL, 0 },	    /* 2: another kind */
		{ NULL, "warning", NULL, "\"deliver\":false", 0 },  /* 3 */
		{ NULL, "warning", NULL, "\"silenced\":\"x\"", 0 }, /* 4 */
		{ NULL, "alert", "test", "\"sink\":\"other\"", 0 }, /* 5 */
		{ NULL, "debug", "test", "\"sink\":\"s\"", 0 }, /* 6: ours, whatever we filter */
		{ NULL, "warning", NULL, NULL, 0 },		/* 7: of no container */
		{ NULL, "warning", NULL,
		  "\"container\":{\"image\":\"docker.io/library/"
		  "nginx:1\",\"labels\":{\"team\":\"infra\"}}",
		  0 }, /* 8 */
		{ NULL, "warning", NULL,
		  "\"container\":{\"image\":\"docker.io/library/"
		  "nginx:1\",\"labels\":{\"team\":\"web\"}}",
		  0 }, /* 9: another label */
	};
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		write_line(&w, &lines[i]);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r,
		  "severity=warning\nkind=rule\nkind=isolation\nimage=docker.io/*\n"
		  "label.team=inf*\n");
	receiver_wait(r, 2);
	wait_done(&w, 2);
	assert_int_equal(receiver_count(r), 2);
	assert_int_equal(seq_of(r->requests[0].body), 6);
	assert_int_equal(seq_of(r->requests[1].body), 8);
	world_leave(&w);
	receiver_free(r);
}

static void a_restart_goes_on_where_it_was_without_repeating(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 20);
	receiver_wait(r, 20);
	world_stop(&w);
	write_lines(&w, 20);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	receiver_wait(r, 40);
	write_lines(&w, 1);
	receiver_wait(r, 41);
	world_leave(&w);
	assert_order(r, 1, 41);
	receiver_free(r);
}

static void a_reload_keeps_place_and_counters(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 5);
	receiver_wait(r, 5);
	wait_done(&w, 5);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "timeout=1000\n");
	write_lines(&w, 5);
	receiver_wait(r, 10);
	wait_done(&w, 10);
	for (int i = 0; i < 20; i++) { /* in the middle of it: nothing comes twice */
		write_lines(&w, 10);
		send_http(&w, WIRE_SINK_WEBHOOK, r, i % 2 ? "timeout=2000\n" : "");
	}
	receiver_wait(r, 210);
	wait_done(&w, 210);
	world_leave(&w);
	assert_order(r, 1, 210);
	receiver_free(r);
}

static void damage_place(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "bulkhead-cursor-1 7", 19), 19);
	close(fd);
}

static void a_damaged_place_means_twice_rather_than_never(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 3);
	receiver_wait(r, 3);
	world_stop(&w);
	damage_place("sinks/s.cursor");
	damage_place("sinks/s.cursor.kept");
	write_lines(&w, 1);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	receiver_wait(r, 7);
	assert_int_equal(seq_of(r->requests[3].body), 1);
	assert_int_equal(seq_of(r->requests[6].body), 4);
	world_leave(&w);
	receiver_free(r);
}

static void a_sink_that_is_new_begins_with_now(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	w.time_ns -= 3600 * NS_PER_S;
	write_lines(&w, 5); /* before this start */
	world_start(&w);
	w.time_ns = unix_ns();
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 2);
	receiver_wait(r, 2);
	assert_int_equal(seq_of(r->requests[0].body), 6);
	world_leave(&w);
	receiver_free(r);
}

static void a_log_that_began_anew_is_read_from_its_start(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 9);
	receiver_wait(r, 9);
	world_stop(&w);
	assert_int_equal(ftruncate(w.log_fd, 0), 0);
	w.bytes = 0;
	w.next_seq = 1;
	write_lines(&w, 3);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	receiver_wait(r, 12);
	assert_int_equal(seq_of(r->requests[9].body), 1);
	assert_int_equal(seq_of(r->requests[11].body), 3);
	world_leave(&w);
	receiver_free(r);
}

static void send_line(struct world *w, uint64_t seq)
{
	uint8_t bytes[4096];
	struct wire_writer p = { .p = bytes, .cap = sizeof(bytes) };
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "{\"schema\":1,\"seq\":%llu,\"id\":\"01JDX\",\"state\":\"new\","
			 "\"time\":\"2026-01-01T00:00:00Z\",\"severity\":\"error\","
			 "\"kind\":\"rule\",\"title\":\"t\"}",
			 (unsigned long long)seq);
	const struct wire_alert_line m = { WIRE_LOG_ALERTS, seq, { text, (size_t)n } };

	wire_alert_line_encode(&p, &m);
	send_frame(w, WIRE_ALERT_LINE, &p, -1);
}

static void lines_that_the_disk_refused_arrive_in_their_place(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 2);
	send_line(&w, 3);
	send_line(&w, 4);
	w.next_seq = 4; /* the disk works again; 4 was written after all */
	write_lines(&w, 2);
	receiver_wait(r, 5);
	wait_done(&w, 5);
	world_leave(&w);
	assert_order(r, 1, 5);
	receiver_free(r);
}

static bool has_all_five(const struct wire_sink_stat *s)
{
	return s->sent == 5 && s->lag == 0;
}

static void lines_that_are_nowhere_are_counted_once(void **state)
{
	static const struct step steps[] = { { ACT_OK, 200, NULL },
					     { ACT_STATUS, 400, NULL }, /* read again, one by one */
					     { ACT_STATUS, 503, NULL } };
	struct receiver *r = receiver_new(steps, 3, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "batch=10\n");
	write_lines(&w, 1);
	receiver_wait(r, 1);
	w.next_seq = 5; /* 2 to 4 were removed before they could be read */
	write_line(&w, &(struct line_of){ .state = "new" });
	w.next_seq = 7;
	write_lines(&w, 3);
	assert_int_equal(wait_stat(&w, has_all_five).lost, 4);
	world_leave(&w);
	receiver_free(r);
}

static void bytes_that_are_no_lines_are_passed_over(void **state)
{
	static char junk[200000];
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 1);
	memset(junk, 'x', sizeof(junk));
	junk[sizeof(junk) - 1] = '\n';
	junk[70] = '\n';
	assert_int_equal(write(w.log_fd, "{\"schema\":1,\"seq\":2,\n", 21), 21);
	assert_int_equal(write(w.log_fd, junk, sizeof(junk)), sizeof(junk));
	w.bytes += 21 + sizeof(junk);
	write_lines(&w, 2);
	receiver_wait(r, 3);
	world_leave(&w);
	assert_order(r, 1, 3);
	receiver_free(r);
}

static void files_follow_each_other_and_old_ones_go(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;

	(void)state;
	world_enter(&w);
	world_start(&w);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 3);
	send_segment(&w, -1, false);
	w.first_seq = w.next_seq;
	w.bytes = 0;
	close(w.log_fd);
	w.log_fd = open("log/next.jsonl", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	send_segment(&w, w.log_fd, true);
	write_lines(&w, 3);
	receiver_wait(r, 6);
	uint8_t bytes[32];
	struct wire_writer p = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_alert_segment_gone gone = { WIRE_LOG_ALERTS, 1 };

	wire_alert_segment_gone_encode(&p, &gone);
	send_frame(&w, WIRE_ALERT_SEGMENT_GONE, &p, -1);
	write_lines(&w, 2);
	receiver_wait(r, 8);
	world_leave(&w);
	assert_order(r, 1, 8);
	receiver_free(r);
}

static bool has_error(const struct wire_sink_stat *s)
{
	return s->error[0] != '\0';
}

static void a_secret_that_is_missing_is_told_and_nothing_is_lost(void **state)
{
	struct receiver *r = receiver_new(NULL, 0, true);
	struct world w;
	uint8_t bytes[256];
	struct wire_writer p = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_sink_secret m = { 0, SPAN_LIT("hmac_key"), true,
					    SPAN_LIT("cannot read '/k': No such file") };

	(void)state;
	world_enter(&w);
	world_start(&w);
	wire_sink_secret_encode(&p, &m);
	send_frame(&w, WIRE_SINK_SECRET, &p, -1);
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	write_lines(&w, 2);
	assert_string_equal(wait_stat(&w, has_error).error, "cannot read '/k': No such file");
	assert_int_equal(receiver_count(r), 0);
	send_secret(&w, 0, "hmac_key", "k");
	send_http(&w, WIRE_SINK_WEBHOOK, r, "");
	receiver_wait(r, 2);
	world_leave(&w);
	assert_order(r, 1, 2);
	receiver_free(r);
}

int main(void)
{
	const struct CMUnitTest sinks[] = {
		cmocka_unit_test(alerts_arrive_in_order_each_once),
		cmocka_unit_test(a_failing_receiver_gets_the_same_alert_again),
		cmocka_unit_test(what_is_wrong_with_the_address_is_waited_for),
		cmocka_unit_test(a_receiver_that_hangs_is_left_in_time),
		cmocka_unit_test(retry_after_is_respected),
		cmocka_unit_test(what_waits_during_an_outage_arrives_in_order_after_it),
		cmocka_unit_test(a_refused_alert_is_a_dead_letter_and_the_rest_goes_on),
		cmocka_unit_test(one_bad_alert_of_a_batch_does_not_take_the_others_along),
		cmocka_unit_test(what_failed_too_long_becomes_dead_letters_without_asking_for_each),
		cmocka_unit_test(a_signature_covers_time_and_body),
		cmocka_unit_test(filters_choose_what_a_sink_gets),
		cmocka_unit_test(a_restart_goes_on_where_it_was_without_repeating),
		cmocka_unit_test(a_reload_keeps_place_and_counters),
		cmocka_unit_test(a_damaged_place_means_twice_rather_than_never),
		cmocka_unit_test(a_sink_that_is_new_begins_with_now),
		cmocka_unit_test(a_log_that_began_anew_is_read_from_its_start),
		cmocka_unit_test(lines_that_the_disk_refused_arrive_in_their_place),
		cmocka_unit_test(lines_that_are_nowhere_are_counted_once),
		cmocka_unit_test(bytes_that_are_no_lines_are_passed_over),
		cmocka_unit_test(files_follow_each_other_and_old_ones_go),
		cmocka_unit_test(a_secret_that_is_missing_is_told_and_nothing_is_lost),
	};

	return cmocka_run_group_tests(sinks, NULL, NULL);
}
