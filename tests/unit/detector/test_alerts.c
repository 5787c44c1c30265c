// SPDX-License-Identifier: GPL-2.0-or-later
/* The way of an alert through its parts, with an agent that only notes what it is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/worker.h"
#include "detector/alert_query.h"
#include "detector/alerts.h"
#include "tests/unit/fixture.h"

static struct world {
	struct tree t;
	int fd;
	struct config config;
	struct agent_services services;
	struct silence_store *silences;
	struct alerts *alerts;
	unsigned segments, with_fd, lines, gone;
	struct wire_alert_segment last;
	bool degraded, serve;
	json_t *answer;
	struct loop *loop;
} w;

static int note_frame(struct agent *a, enum wire_type type, struct span payload, int fd)
{
	(void)a;
	if (fd >= 0)
		close(fd);
	if (!w.serve)
		return -ENOTCONN;
	w.with_fd += fd >= 0;
	if (type == WIRE_ALERT_SEGMENT) {
		assert_int_equal(wire_alert_segment_decode(payload, &w.last, NULL), 0);
		w.segments++;
	}
	w.lines += type == WIRE_ALERT_LINE;
	w.gone += type == WIRE_ALERT_SEGMENT_GONE;
	return 0;
}

static void note_degraded(struct agent *a, const char *text, bool on)
{
	(void)a;
	(void)text;
	w.degraded = on;
}

static uint64_t no_clock(struct agent *a)
{
	(void)a;
	return 0;
}

static void open_alerts(void)
{
	const struct alerts_settings s = { .services = &w.services, .silences = w.silences };

	assert_int_equal(alerts_new(&w.alerts, &s, NULL), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.t = tree_make("@ x/\n");
	w.fd = open(w.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	config_defaults(&w.config);
	w.services = (struct agent_services){ .state_fd = w.fd,
					      .config = &w.config,
					      .send = note_frame,
					      .degraded = note_degraded,
					      .unix_minus_boot_ns = no_clock };
	w.serve = true;
	assert_int_equal(silence_store_new(&w.silences, w.fd, NULL), 0);
	open_alerts();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	alerts_free(w.alerts);
	silence_store_free(w.silences);
	json_decref(w.answer);
	close(w.fd);
	tree_remove(&w.t);
	return 0;
}

static const struct alert_container web = { .id = SPAN_LIT("abcdef0123456789"),
					    .name = SPAN_LIT("web"),
					    .image = SPAN_LIT("nginx:1") };

static struct alert alert_of(const char *key)
{
	return (struct alert){ .severity = ALERT_WARNING,
			       .kind = ALERT_RULE,
			       .title = SPAN_LIT("title"),
			       .rule = SPAN_LIT("some-rule"),
			       .key = span_str(key),
			       .container = &web };
}

static void raise_key(const char *key)
{
	struct alert a = alert_of(key);

	alerts_raise(w.alerts, &a);
}

/* The lines of the log, oldest first. */
static json_t *log_lines(void)
{
	static char text[1u << 22];
	ssize_t n = io_read_at(w.fd, "alerts/alerts.jsonl", text, sizeof(text));
	struct span rest = { text, n > 0 ? (size_t)n : 0 }, line;
	json_t *list = json_array();

	while (span_next(&rest, '\n', &line))
		if (line.n > 0)
			json_array_append_new(list, json_loadb(line.p, line.n, 0, NULL));
	json_decref(w.answer);
	w.answer = list; /* freed at the end */
	return list;
}

static const char *text(const json_t *list, size_t i, const char *key)
{
	const char *s = json_string_value(json_object_get(json_array_get(list, i), key));

	return s ? s : "(none)";
}

static void an_alert_is_in_the_log_before_serve_hears_of_it(void **state)
{
	(void)state;
	raise_key("a");
	json_t *l = log_lines();

	assert_int_equal(json_array_size(l), 1);
	assert_string_equal(text(l, 0, "state"), "new");
	assert_string_equal(text(l, 0, "severity"), "warning");
	assert_null(json_object_get(json_array_get(l, 0), "deliver"));
	assert_int_equal(w.last.log, WIRE_LOG_ALERTS);
	assert_int_equal(w.last.first_seq, 1);
	assert_true(w.last.bytes > 0);
}

static void a_storm_is_one_alert_with_a_count(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		raise_key("same");
	alerts_free(TAKE(w.alerts)); /* tells what it counted */
	json_t *l = log_lines();

	assert_int_equal(json_array_size(l), 2);
	assert_string_equal(text(l, 1, "state"), "update");
	assert_string_equal(text(l, 1, "id"), text(l, 0, "id"));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(l, 1), "count")), 10000);
	assert_true(json_is_false(json_object_get(json_array_get(l, 1), "deliver")));
}

static void ten_thousand_different_alerts_are_all_in_the_log(void **state)
{
	char key[16];

	(void)state;
	w.config.alerts_rate = 100;
	w.config.alerts_rate_container = 100;
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "%u", i);
		raise_key(key);
	}
	json_t *l = log_lines();
	struct alerts_state s = { .logs_n = 0 };
	unsigned delivered = 0;

	assert_int_equal(json_array_size(l), 10000);
	for (size_t i = 0; i < 10000; i++) {
		const json_t *o = json_array_get(l, i);

		assert_int_equal(json_integer_value(json_object_get(o, "seq")), i + 1);
		delivered += !json_object_get(o, "deliver");
	}
	assert_in_range(delivered, 100, 9000);
	alerts_state(w.alerts, &s);
	assert_int_equal(s.held_back + delivered, 10000);
	assert_in_range(s.tables[0].used, 1, FOLD_MAX_ENTRIES);
}

static void what_has_an_end_fires_and_is_resolved_under_one_id(void **state)
{
	struct alert a = alert_of("p");

	(void)state;
	a.has_end = true;
	assert_false(alerts_resolve(w.alerts, &a)); /* nothing was */
	alerts_raise(w.alerts, &a);
	alerts_raise(w.alerts, &a);
	assert_true(alerts_resolve(w.alerts, &a));
	assert_false(alerts_resolve(w.alerts, &a));
	alerts_raise(w.alerts, &a);
	json_t *l = log_lines();

	assert_int_equal(json_array_size(l), 3);
	assert_string_equal(text(l, 0, "state"), "firing");
	assert_string_equal(text(l, 1, "state"), "resolved");
	assert_string_equal(text(l, 1, "id"), text(l, 0, "id"));
	assert_string_equal(text(l, 1, "title"), "title");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(l, 1), "count")), 2);
	assert_string_not_equal(text(l, 2, "id"), text(l, 0, "id"));
}

static void a_silenced_alert_says_so_and_a_test_is_never_silenced(void **state)
{
	struct silence s = { .patterns = { [SILENCE_CONTAINER] = "web" } };
	struct alert test = alert_of("x");

	(void)state;
	s.until_unix_ns = unix_ns() + NS_PER_S * 100;
	assert_int_equal(silence_add(w.silences, &s, NULL), 0);
	raise_key("a");
	test.kind = ALERT_TEST;
	test.key = (struct span){ NULL, 0 };
	test.sink = SPAN_LIT("hook");
	alerts_raise(w.alerts, &test);
	alerts_raise(w.alerts, &test); /* and never folded */
	json_t *l = log_lines();

	assert_int_equal(json_array_size(l), 3);
	assert_string_equal(text(l, 0, "silenced"), s.id);
	assert_string_equal(text(l, 1, "silenced"), "(none)");
	assert_string_equal(text(l, 1, "sink"), "hook");
}

static void who_heard_of_a_beginning_hears_of_its_end(void **state)
{
	struct silence s = { .patterns = { [SILENCE_RULE] = "*" } };
	struct alert a = alert_of("x"), b = alert_of("y");

	(void)state;
	a.has_end = b.has_end = true;
	alerts_raise(w.alerts, &a);
	s.until_unix_ns = unix_ns() + NS_PER_S * 100;
	silence_add(w.silences, &s, NULL);
	alerts_raise(w.alerts, &b);
	alerts_resolve(w.alerts, &a);
	alerts_resolve(w.alerts, &b);
	json_t *l = log_lines();

	assert_string_equal(text(l, 2, "silenced"), "(none)");
	assert_null(json_object_get(json_array_get(l, 2), "deliver"));
	assert_string_equal(text(l, 3, "silenced"), s.id);
	assert_true(json_is_false(json_object_get(json_array_get(l, 3), "deliver")));
}

static void serve_gets_every_file_with_a_descriptor(void **state)
{
	char key[16];

	(void)state;
	w.config.alerts_segment_bytes = 4096;
	alerts_configure(w.alerts);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "%u", i);
		raise_key(key);
	}
	w.segments = w.with_fd = 0;
	alerts_serve_up(w.alerts);
	assert_in_range(w.segments, 5, 30);
	assert_int_equal(w.with_fd, w.segments);
	w.serve = false; /* without one nothing breaks */
	raise_key("other");
}

static void a_log_that_cannot_be_written_is_an_alert_of_its_own(void **state)
{
	(void)state;
	alerts_free(TAKE(w.alerts));
	unlinkat(w.fd, "alerts/alerts.jsonl", 0);
	unlinkat(w.fd, "alerts.seq", 0);
	assert_int_equal(unlinkat(w.fd, "alerts", AT_REMOVEDIR), 0);
	tree_write(&w.t, "alerts", "x", 1);
	open_alerts();
	raise_key("a");
	assert_int_equal(w.lines, 1); /* it goes out all the same */
	alerts_tick(w.alerts);
	assert_int_equal(w.lines, 2); /* and so does the alert of it */
	assert_true(w.degraded);
	assert_int_equal(unlinkat(w.fd, "alerts", 0), 0);
	alerts_tick(w.alerts);
	assert_false(w.degraded);
	json_t *l = log_lines();

	assert_int_equal(json_array_size(l), 3);
	assert_string_equal(text(l, 0, "rule"), "some-rule");
	assert_string_equal(text(l, 1, "rule"), "log-not-writable");
	assert_string_equal(text(l, 1, "state"), "firing");
	assert_string_equal(text(l, 2, "state"), "resolved");
}

static void lines_that_are_gone_at_start_are_an_alert(void **state)
{
	(void)state;
	raise_key("a");
	raise_key("b");
	alerts_free(TAKE(w.alerts));
	assert_int_equal(unlinkat(w.fd, "alerts/alerts.jsonl", 0), 0);
	open_alerts();
	alerts_tick(w.alerts);
	alerts_tick(w.alerts);
	json_t *l = log_lines();

	assert_int_equal(json_array_size(l), 1);
	assert_string_equal(text(l, 0, "rule"), "log-lines-missing");
	assert_non_null(strstr(text(l, 0, "title"), "2 lines"));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(l, 0), "seq")), 3);
}

static void many_tests_at_once_are_limited_as_others_are(void **state)
{
	struct alert a = { .severity = ALERT_NOTICE,
			   .kind = ALERT_TEST,
			   .title = SPAN_LIT("t"),
			   .rule = SPAN_LIT("test"),
			   .sink = SPAN_LIT("hook") };
	struct alerts_state s = { .logs_n = 0 };
	char key[16];

	(void)state;
	w.config.alerts_rate = 10;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "%u", i);
		a.key = span_str(key);
		alerts_raise(w.alerts, &a);
	}
	alerts_state(w.alerts, &s);
	assert_in_range(s.held_back, 80, 90);
	a.key = (struct span){ NULL, 0 };
	alerts_raise(w.alerts, &a);
	json_t *l = log_lines();

	assert_int_equal(json_array_size(l), 101);
	assert_null(json_object_get(json_array_get(l, 100), "deliver"));
	assert_int_equal(s.rules_n, 1);
	assert_string_equal(s.rules[0].name, "test");
	assert_int_equal(s.rules[0].raised, 101);
}

static void what_fired_before_a_restart_keeps_its_id(void **state)
{
	struct alert a = alert_of("p"), other = alert_of("q");

	(void)state;
	a.has_end = other.has_end = true;
	alerts_raise(w.alerts, &a);
	alerts_raise(w.alerts, &other);
	alerts_resolve(w.alerts, &other);
	alerts_free(TAKE(w.alerts));
	open_alerts();
	alerts_raise(w.alerts, &a); /* it is still so */
	alerts_raise(w.alerts, &other);
	assert_true(alerts_resolve(w.alerts, &a));
	json_t *l = log_lines();

	assert_int_equal(json_array_size(l), 5);
	assert_string_equal(text(l, 3, "state"), "firing");
	assert_string_not_equal(text(l, 3, "id"), text(l, 1, "id"));
	assert_string_equal(text(l, 4, "state"), "resolved");
	assert_string_equal(text(l, 4, "id"), text(l, 0, "id"));
	assert_string_equal(text(l, 4, "first_time"), text(l, 0, "first_time"));
}

static void damage_in_what_fired_is_left_out(void **state)
{
	static const char bad[] =
		"\n{}\nnonsense\n{\"id\":\"01M80NEQ2V2KTBCRRB33S4NJYN\",\"kind\":\"rule\","
		"\"severity\":"
		"\"error\",\"rule\":\"r\",\"count\":1,\"first\":\"2026-01-01T00:00:00Z\",\"last\":"
		"\"2026-01-01T00:00:00Z\",\"body\":\"\\\"title\\\":\\\"t\\\"},{\"}\n\xff\n";

	(void)state;
	alerts_free(TAKE(w.alerts));
	tree_write(&w.t, "firing.jsonl", bad, sizeof(bad) - 1);
	open_alerts();
	struct alerts_state s = { .logs_n = 0 };

	alerts_state(w.alerts, &s);
	assert_int_equal(s.firing, 0);
}

static void a_heartbeat_beats(void **state)
{
	(void)state;
	alerts_tick(w.alerts);
	assert_int_equal(json_array_size(log_lines()), 0);
	w.config.alerts_heartbeat_s = 60;
	alerts_tick(w.alerts);
	alerts_tick(w.alerts);
	assert_int_equal(json_array_size(log_lines()), 1);
	assert_string_equal(text(log_lines(), 0, "kind"), "heartbeat");
}

/* --- questions ---------------------------------------------------------------------------------
 */

static void on_answer(void *ctx, uint32_t ticket, uint16_t status, struct buf *body)
{
	(void)ctx;
	assert_int_equal(ticket, 5);
	assert_int_equal(status, 200);
	json_decref(w.answer);
	w.answer = json_loadb(body->data, body->len, JSON_REJECT_DUPLICATES, NULL);
	if (!w.answer)
		fail_msg("no JSON: %.*s", (int)body->len, body->data);
	loop_stop(w.loop);
}

static size_t ask(const char *query)
{
	AUTO(loop_free) struct loop *loop = NULL;
	AUTO(worker_free) struct worker *worker = NULL;
	struct alert_query_settings s = { .log = alerts_log(w.alerts),
					  .name = "alerts",
					  .silences = w.silences,
					  .ticket = 5,
					  .done = on_answer };
	struct err e = { "" };

	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&worker, loop, "test", NULL), 0);
	w.loop = loop;
	s.worker = worker;
	if (alert_filter_parse(&s.filter, span_str(query), unix_ns(), &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(alert_query_start(&s, NULL), 0);
	assert_int_equal(loop_run(loop, NULL), 0);
	json_t *list = json_object_get(w.answer, "alerts");

	assert_int_equal(json_array_size(list),
			 json_integer_value(json_object_get(w.answer, "count")));
	return json_array_size(list);
}

static void the_newest_come_first_and_each_once(void **state)
{
	struct alert firing = alert_of("f");

	(void)state;
	assert_int_equal(ask(""), 0);
	firing.has_end = true;
	alerts_raise(w.alerts, &firing);
	raise_key("a");
	raise_key("b");
	alerts_resolve(w.alerts, &firing);
	assert_int_equal(ask(""), 3);
	json_t *l = json_object_get(w.answer, "alerts");

	assert_string_equal(text(l, 0, "state"), "resolved");
	assert_string_equal(text(l, 1, "key"), "b");
	assert_string_equal(text(l, 2, "key"), "a");
	assert_int_equal(json_integer_value(json_object_get(w.answer, "newest")), 4);
}

static void filters_choose(void **state)
{
	struct alert a = alert_of("a");

	(void)state;
	raise_key("x");
	a.severity = ALERT_CRITICAL;
	a.kind = ALERT_ISOLATION;
	a.rule = SPAN_LIT("escape");
	a.container = NULL;
	a.title = SPAN_LIT("\",\"severity\":\"debug\",\"kind\":\"mining\"");
	alerts_raise(w.alerts, &a);
	assert_int_equal(ask("severity=critical"), 1);
	assert_int_equal(ask("severity=warning"), 2);
	assert_int_equal(ask("kind=mining"), 0); /* a title is no field */
	assert_int_equal(ask("kind=isolation"), 1);
	assert_int_equal(ask("rule=esc*"), 1);
	assert_int_equal(ask("container=web"), 1);
	assert_int_equal(ask("container=abcdef"), 1);
	assert_int_equal(ask("container=abc"), 0);
	assert_int_equal(ask("since=1h"), 2);
	assert_int_equal(ask("since=2099-01-01T00%3A00%3A00Z"), 0);
	assert_int_equal(ask("state=new&after=1"), 1);
	assert_int_equal(ask("before=2"), 1);
}

static void an_answer_says_where_to_go_on(void **state)
{
	char key[16], query[64];
	size_t seen = 0;
	uint64_t before = 0;

	(void)state;
	w.config.alerts_segment_bytes = 8192;
	alerts_configure(w.alerts);
	for (unsigned i = 0; i < 250; i++) {
		snprintf(key, sizeof(key), "%u", i);
		raise_key(key);
	}
	do {
		snprintf(query, sizeof(query), "limit=100&before=%llu",
			 (unsigned long long)(before ? before : 1000000));
		seen += ask(query);
		before = (uint64_t)json_integer_value(json_object_get(w.answer, "before"));
	} while (json_is_true(json_object_get(w.answer, "more")));
	assert_int_equal(seen, 250);
}

static void damaged_lines_are_passed_over(void **state)
{
	static const char junk[] = "{\"schema\":1,\"seq\":2,\"severity\":\"error\",\n\0\0\n}\n"
				   "{\"seq\":3,\"severity\":\"error\" not json}\n";
	int fd;

	(void)state;
	raise_key("a");
	alerts_free(TAKE(w.alerts));
	fd = openat(w.fd, "alerts/alerts.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, junk, sizeof(junk) - 1), sizeof(junk) - 1);
	close(fd);
	assert_int_equal(renameat(w.fd, "alerts/alerts.jsonl", w.fd,
				  "alerts/alerts-00000000000000000001.jsonl"),
			 0);
	open_alerts();
	raise_key("b");
	assert_int_equal(ask(""), 2);
}

static void an_acknowledged_alert_shows_it(void **state)
{
	struct acknowledgement a = { .by = "root", .comment = "mine", .unix_ns = NS_PER_S };

	(void)state;
	raise_key("a");
	json_t *l = log_lines();

	snprintf(a.id, sizeof(a.id), "%s", text(l, 0, "id"));
	silence_acknowledge(w.silences, &a, NULL);
	assert_int_equal(ask(""), 1);
	const json_t *ack = json_object_get(json_array_get(json_object_get(w.answer, "alerts"), 0),
					    "acknowledged");

	assert_string_equal(json_string_value(json_object_get(ack, "comment")), "mine");
}

static void wrong_filters_are_named(void **state)
{
	static const char *const bad[] = { "severity=worse", "kind=x", "limit=0",    "limit=1001",
					   "color=red",	     "id=1",   "since=soon", "after=-1" };
	struct alert_filter f;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e.text[0] = '\0';
		assert_int_equal(alert_filter_parse(&f, span_str(bad[i]), 0, &e), -EINVAL);
		assert_string_not_equal(e.text, "");
	}
	assert_int_equal(alert_filter_parse(&f, SPAN_LIT("container="), 0, &e), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest alerts[] = {
		T(an_alert_is_in_the_log_before_serve_hears_of_it),
		T(a_storm_is_one_alert_with_a_count),
		T(ten_thousand_different_alerts_are_all_in_the_log),
		T(what_has_an_end_fires_and_is_resolved_under_one_id),
		T(a_silenced_alert_says_so_and_a_test_is_never_silenced),
		T(who_heard_of_a_beginning_hears_of_its_end),
		T(serve_gets_every_file_with_a_descriptor),
		T(a_log_that_cannot_be_written_is_an_alert_of_its_own),
		T(lines_that_are_gone_at_start_are_an_alert),
		T(many_tests_at_once_are_limited_as_others_are),
		T(what_fired_before_a_restart_keeps_its_id),
		T(damage_in_what_fired_is_left_out),
		T(a_heartbeat_beats),
		T(the_newest_come_first_and_each_once),
		T(filters_choose),
		T(an_answer_says_where_to_go_on),
		T(damaged_lines_are_passed_over),
		T(an_acknowledged_alert_shows_it),
		T(wrong_filters_are_named),
	};

	return cmocka_run_group_tests(alerts, NULL, NULL);
}
