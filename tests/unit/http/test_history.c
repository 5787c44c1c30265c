// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/http/history_fixture.h"

/* librrd leaks about 200 bytes a graph; fontconfig and pango keep caches and a thread of their own,
 * which ThreadSanitizer cannot see into. The names are the sanitizers'; without them they are
 * plain functions that nobody calls. */
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__tsan_default_suppressions(void);

const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}

const char *__lsan_default_suppressions(void)
{
	return "leak:librrd.so\nleak:libfontconfig.so\nleak:libpango\n";
}

const char *__tsan_default_suppressions(void)
{
	return "race:libfontconfig.so\nrace:libglib-2.0.so\nrace:libpango\nrace:libcairo\n"
	       "race:librrd.so\n";
}

static void a_young_container_is_answered_from_memory_and_has_no_file(void **state)
{
	struct fixture *f = *state;

	start_container(f, 3, "web", T0);
	run_busy(f, 3, T0, T0 + 20);
	assert_int_equal(count_files("history/containers/*"), 0);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 10, 1), 0.5);
	assert_value(value_at(f, "web", "memory", "max", T0 + 10, 1), 1010);
	assert_unknown(value_at(f, "web", "cpu", "average", T0, 1)); /* no rate of one sample */
	assert_value(value_at(f, "web", "memory", "average", T0, 1), 1000);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_PENDING] == 20);
}

static void an_rrd_begins_once_a_container_has_lived_a_minute(void **state)
{
	struct fixture *f = *state;

	start_container(f, 3, "web", T0);
	run_busy(f, 3, T0, T0 + 60);
	assert_int_equal(count_files("history/containers/web/*.rrd"), 0);
	run_busy(f, 3, T0 + 60, T0 + 62);
	assert_int_equal(size_of(only_file("history/containers/web/run-*.rrd")), 3059904);
	assert_int_equal(count_files("history/containers/web/meta.json"), 1);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_BYTES] > 3059904);
}

static void every_tier_gives_average_and_maximum_of_the_same_seconds(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 700);
	assert_value(value_at(f, "web", "memory", "average", T0 + 100, 1), 1100);
	assert_value(value_at(f, "web", "memory", "average", T0 + 100, 10), 1095.5);
	assert_value(value_at(f, "web", "memory", "max", T0 + 100, 10), 1100);
	assert_value(value_at(f, "web", "memory", "average", T0 + 120, 30), 1105.5);
	assert_value(value_at(f, "web", "memory", "average", T0 + 600, 300), 1450.5);
	assert_value(value_at(f, "web", "memory", "max", T0 + 600, 300), 1600);
	assert_value(value_at(f, "web", "io_read", "average", T0 + 600, 300), 1024);
	assert_value(value_at(f, "web", "pressure_io", "max", T0 + 600, 300), 0.25);
	assert_value(value_at(f, "web", "pids", "average", T0 + 600, 300), 7);
}

static void the_newest_point_is_there_before_its_row_is_complete(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 451); /* partly flushed, 300 s row half full */
	assert_value(value_at(f, "web", "memory", "max", T0 + 450, 1), 1450);
	struct history_query q = query("web", "memory", T0 + 300, T0 + 450, 300);
	json_t *root = ask_json(f, &q, 200);

	assert_value(value_in(root, "memory", "average", T0 + 600), 1375.5);
	assert_value(value_in(root, "memory", "max", T0 + 600), 1450);
	json_decref(root);
}

static void a_slot_that_is_not_sent_stands_still(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 10);
	for (int64_t t = T0 + 10; t < T0 + 130; t++)
		tick(f, t, NULL, 0);
	settle(f);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 60, 1), 0);
	assert_value(value_at(f, "web", "memory", "average", T0 + 60, 1), 1009);
	assert_value(value_at(f, "web", "memory", "average", T0 + 129, 1), 1009);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 100, 10), 0);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_PENDING] < 20); /* equal seconds are one point */
}

static void a_counter_that_falls_gives_an_unknown_second_only(void **state)
{
	struct fixture *f = *state;
	struct wire_sample s = { .have = HAVE_ALL, .cpu_ns = 5000000000, .net_rx_bytes = 100 };

	start_container(f, 0, "web", T0);
	tick(f, T0, &s, 1);
	s.cpu_ns = 1000000000;
	s.net_rx_bytes = 350;
	tick(f, T0 + 1, &s, 1);
	s.cpu_ns = 3000000000;
	tick(f, T0 + 2, &s, 1);
	settle(f);
	assert_unknown(value_at(f, "web", "cpu", "average", T0 + 1, 1));
	assert_value(value_at(f, "web", "network_receive", "average", T0 + 1, 1), 250);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 2, 1), 2);
}

static void a_figure_that_the_kernel_does_not_give_is_null_not_zero(void **state)
{
	struct fixture *f = *state;
	struct wire_sample s = { .have = SAMPLE_CPU };

	start_container(f, 0, "web", T0);
	for (int64_t t = T0; t < T0 + 70; t++, s.cpu_ns += 1000000000)
		tick(f, t, &s, 1);
	settle(f);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 60, 10), 1);
	assert_unknown(value_at(f, "web", "memory", "average", T0 + 60, 10));
	assert_unknown(value_at(f, "web", "pressure_cpu", "max", T0 + 60, 10));
}

static void the_last_of_two_ticks_in_a_second_wins_and_rates_use_real_time(void **state)
{
	struct fixture *f = *state;
	struct wire_sample s = { .have = HAVE_ALL };

	start_container(f, 0, "web", T0);
	tick_ns(f, (uint64_t)T0 * NS_PER_S, &s, 1);
	s.cpu_ns = 100000000;
	s.memory_working_set = 5;
	tick_ns(f, (uint64_t)T0 * NS_PER_S + 1000 * NS_PER_MS, &s, 1);
	s.cpu_ns = 1500000000;
	s.memory_working_set = 6;
	tick_ns(f, (uint64_t)T0 * NS_PER_S + 1500 * NS_PER_MS, &s, 1);
	settle(f);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 1, 1), 1); /* 1.5 s of 1.5 s */
	assert_value(value_at(f, "web", "memory", "average", T0 + 1, 1), 6);
	s.cpu_ns = 1750000000;
	tick_ns(f, (uint64_t)T0 * NS_PER_S + 2000 * NS_PER_MS, &s, 1);
	settle(f);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 2, 1), 0.5);
}

static void one_tick_may_come_in_several_frames(void **state)
{
	struct fixture *f = *state;
	struct wire_sample a = { .slot = 0, .have = HAVE_ALL, .memory_working_set = 11 };
	struct wire_sample b = { .slot = 1, .have = HAVE_ALL, .memory_working_set = 22 };

	start_container(f, 0, "one", T0);
	start_container(f, 1, "two", T0);
	tick(f, T0 + 1, &a, 1);
	tick(f, T0 + 1, &b, 1);
	tick(f, T0 + 2, &a, 1);
	tick(f, 0, &b, 1); /* no time: more of the same */
	settle(f);
	for (int i = 1; i <= 2; i++) {
		assert_value(value_at(f, "one", "memory", "average", T0 + i, 1), 11);
		assert_value(value_at(f, "two", "memory", "average", T0 + i, 1), 22);
	}
}

static void a_clock_set_back_a_little_holds_and_then_goes_on(void **state)
{
	struct fixture *f = *state;
	struct wire_sample s = { .have = HAVE_ALL };

	start_container(f, 0, "web", T0 - 100);
	for (int64_t t = T0; t < T0 + 30; t++, s.cpu_ns += 500000000)
		tick(f, t, &s, 1);
	for (int64_t t = T0 + 10; t < T0 + 70; t++, s.cpu_ns += 500000000)
		tick(f, t, &s, 1);
	settle(f);
	for (int64_t t = T0 + 1; t < T0 + 70; t++) /* no spike where time passes the old one */
		assert_value(value_at(f, "web", "cpu", "max", t, 1), 0.5);
	assert_int_equal(count_files("history/containers/web/run-*.rrd"), 1);
}

static void a_clock_set_back_by_minutes_begins_a_new_run(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0 - 1000);
	run_busy(f, 0, T0, T0 + 100);
	run_busy(f, 0, T0 - 200, T0 - 100);
	assert_int_equal(count_files("history/containers/web/run-*.rrd"), 2);
	assert_value(value_at(f, "web", "memory", "average", T0 - 110, 1), 890);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_ERRORS] == 0);
}

static void silence_of_the_agent_is_unknown(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0 - 100);
	run_busy(f, 0, T0, T0 + 10);
	run_busy(f, 0, T0 + 50, T0 + 150);
	assert_unknown(value_at(f, "web", "memory", "average", T0 + 30, 1));
	assert_unknown(value_at(f, "web", "memory", "average", T0 + 30, 10));
	assert_value(value_at(f, "web", "memory", "average", T0 + 50, 1), 1050);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 51, 1), 0.5);
}

static void disk_space_is_kept_beside(void **state)
{
	struct fixture *f = *state;
	struct wire_disk d = { .slot = 0, .layer_bytes = 5000, .layer_inodes = 12, .log_bytes = 3 };

	start_container(f, 0, "web", T0 - 100);
	for (int64_t t = T0; t < T0 + 400; t += 60) {
		d.unix_ns = (uint64_t)t * NS_PER_S;
		history_disk(f->h, &d);
		run_busy(f, 0, t, t + 60);
	}
	assert_value(value_at(f, "web", "disk", "average", T0 + 300, 60), 5000);
	assert_value(value_at(f, "web", "disk_inodes", "max", T0 + 300, 300), 12);
	struct history_query q = query("web", "", T0, T0 + 300, 300);
	json_t *root = ask_json(f, &q, 200);

	assert_value(value_in(root, "disk_log", "average", T0 + 300), 3);
	assert_value(value_in(root, "cpu", "average", T0 + 300), 0.5);
	json_decref(root);
	end_container(f, 0, T0 + 420);
	settle(f);
	assert_value(value_at(f, "web", "disk", "average", T0 + 300, 60), 5000);
	assert_true(size_of(only_file("history/containers/web/disk-*.rrd")) < 20000);
}

static void the_host_and_its_file_systems_have_a_history(void **state)
{
	struct fixture *f = *state;
	struct wire_host_sample m = { .have = HAVE_ALL,
				      .memory_used = 1 << 30,
				      .filesystems_n = 1 };

	m.filesystems[0] = (struct wire_filesystem){ .mount_point = SPAN_LIT("/var/lib/docker"),
						     .device = SPAN_LIT("/dev/sda1"),
						     .usage_bytes = 4000000000,
						     .inodes_used = 77 };
	for (int64_t t = T0; t < T0 + 400; t++, m.cpu_ns += 3000000000) {
		m.unix_ns = (uint64_t)t * NS_PER_S;
		history_host(f->h, &m);
		if (t % 64 == 0)
			settle(f);
	}
	assert_value(value_at(f, "host", "cpu", "average", T0 + 300, 10), 3);
	assert_value(value_at(f, "host", "memory", "max", T0 + 300, 300), 1 << 30);
	struct history_query q = query("host", "filesystem:/var/lib/docker", T0, T0 + 300, 300);
	json_t *root = ask_json(f, &q, 200);

	assert_value(value_in(root, "bytes", "average", T0 + 300), 4000000000);
	assert_value(value_in(root, "inodes", "max", T0 + 300), 77);
	json_decref(root);
	q = query("host", "filesystem:/nowhere", T0, T0 + 300, 300);
	json_decref(ask_json(f, &q, 404));
}

static void containers_below_a_minute_are_summed_by_image(void **state)
{
	struct fixture *f = *state;
	struct wire_sample s[2] = { { .slot = 0, .have = HAVE_ALL, .memory_working_set = 100 },
				    { .slot = 1, .have = HAVE_ALL, .memory_working_set = 20 } };

	start_container(f, 0, "job1", T0);
	start_container(f, 1, "job2", T0);
	for (int64_t t = T0; t < T0 + 30; t++, s[0].cpu_ns += 1000000000, s[1].cpu_ns += 500000000)
		tick(f, t, s, 2);
	end_container(f, 1, T0 + 30);
	for (int64_t t = T0 + 30; t < T0 + 40; t++, s[0].cpu_ns += 1000000000)
		tick(f, t, s, 1);
	end_container(f, 0, T0 + 40);
	for (int64_t t = T0 + 40; t < T0 + 240; t++)
		tick(f, t, NULL, 0);
	settle(f);
	assert_int_equal(count_files("history/containers/*"), 0);
	only_file("history/images/nginx_1-*/run-*.rrd");

	struct history_query list = { .form = HISTORY_LIST };
	json_t *root = ask_json(f, &list, 200);
	char key[200];

	assert_int_equal(json_array_size(root), 1);
	snprintf(key, sizeof(key), "%s",
		 json_string_value(json_object_get(json_array_get(root, 0), "key")));
	json_decref(root);
	assert_value(value_at(f, key, "memory", "average", T0 + 10, 1), 120);
	assert_value(value_at(f, key, "cpu", "average", T0 + 10, 1), 1.5);
	assert_value(value_at(f, key, "memory", "average", T0 + 35, 1), 100);
	assert_unknown(value_at(f, key, "memory", "average", T0 + 50, 1));
}

static void bad_questions_get_clear_answers(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *id, *metric;
		int64_t from, to;
		uint32_t step;
		int status;
		const char *text;
	} cases[] = {
		{ "web", "nonsense", 0, 0, 0, 400, "unknown metric 'nonsense'; there are: cpu" },
		{ "nobody", "cpu", 0, 0, 0, 404, "no history of container 'nobody'" },
		{ "", "cpu", 0, 0, 0, 404, "no history of container ''" },
		{ "web", "cpu", T0 + 50, T0 + 50, 0, 400, "from has to be before to" },
		{ "web", "cpu", T0 + 9999, 0, 0, 400, "is in the future" },
		{ "web", "cpu", -90000, 0, 1, 400, "ask for step=30" },
		{ "web", "cpu", INT64_MIN, 0, 0, 400, "Unix seconds" },
		{ "web", "cpu", INT64_MAX, INT64_MAX, 0, 400, "Unix seconds" },
		{ "host", "cpu", 0, 0, 0, 404, "no history of the host yet" },
		{ "w\"\n", "cpu", 0, 0, 0, 404, "no history of container 'w\"\n'" },
	};

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct history_query q = query(cases[i].id, cases[i].metric, cases[i].from,
					       cases[i].to, cases[i].step);
		json_t *root = ask_json(f, &q, cases[i].status);
		const char *text = json_string_value(
			json_object_get(json_object_get(root, "error"), "message"));

		if (!text || !strstr(text, cases[i].text))
			fail_msg("%s", text ? text : "no text");
		json_decref(root);
	}
	struct history_query graph = { .id = "web", .form = HISTORY_PNG };

	json_decref(ask_json(f, &graph, 400));
}

static void a_step_is_rounded_up_and_coarser_when_nothing_is_asked(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int64_t from;
		uint32_t asked, got;
	} cases[] = { { -3600, 0, 1 },	 { -3600, 7, 10 },  { -3600, 11, 30 },
		      { -7200, 0, 10 },	 { -86400, 0, 30 }, { -30 * 86400, 0, 900 },
		      { -3600, 61, 300 } };

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct history_query q = query("web", "cpu", cases[i].from, 0, cases[i].asked);
		json_t *root = ask_json(f, &q, 200);

		assert_int_equal(json_integer_value(json_object_get(root, "step")), cases[i].got);
		assert_true(json_integer_value(json_object_get(root, "points")) <= 4000);
		json_decref(root);
	}
}

static void an_id_may_be_a_name_a_key_or_the_beginning_of_one_id(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "aaa1", T0);
	start_container(f, 1, "aaa2", T0);
	run_busy(f, 0, T0, T0 + 5);
	struct history_query q = query("aaa10", "cpu", T0, T0 + 4, 1);

	json_decref(ask_json(f, &q, 200));
	q = query("aaa10123456789", "cpu", T0, T0 + 4, 1);
	json_decref(ask_json(f, &q, 200));
	q = query("aaa", "cpu", T0, T0 + 4, 1);
	json_t *root = ask_json(f, &q, 409);

	assert_int_equal(
		json_array_size(json_object_get(json_object_get(root, "error"), "candidates")), 2);
	json_decref(root);
}

static void graphs_are_drawn_whatever_the_name_is(void **state)
{
	struct fixture *f = *state;
	struct wire_container c = { .slot = 0,
				    .start_unix_ns = (uint64_t)T0 * NS_PER_S,
				    .key = SPAN_LIT("evil"),
				    .id = SPAN_LIT("evil"),
				    .name = SPAN_LIT("--a:\\b<i>&\x1b[31m\xff\n%s</svg>\"'"),
				    .image = SPAN_LIT("x") };
	struct history_query q = query("evil", "memory", T0, T0 + 40, 0);

	history_container(f->h, &c);
	run_busy(f, 0, T0, T0 + 40);
	q.form = HISTORY_SVG;
	struct history_answer a = ask(f, &q);

	assert_int_equal(a.status, 200);
	assert_string_equal(a.content_type, "image/svg+xml");
	assert_true(a.body_n > 1000 && memcmp(a.body, "<?xml", 5) == 0);
	assert_null(memmem(a.body, a.body_n, "<i>", 3));
	free(a.body);
	q.form = HISTORY_PNG;
	q.width = 1; /* limits are 100 and 4000 */
	q.height = 100000;
	a = ask(f, &q);
	assert_int_equal(a.status, 200);
	assert_true(a.body_n > 100 && memcmp(a.body, "\x89PNG", 4) == 0);
	free(a.body);
	assert_int_equal(count_files("history/graph.rrd"), 0);
}

static void keys_that_are_no_file_names_are_refused(void **state)
{
	struct fixture *f = *state;
	char longest[HISTORY_MAX_KEY + 2];

	memset(longest, 'a', sizeof(longest));
	assert_true(history_key_ok((struct span){ longest, HISTORY_MAX_KEY }));
	assert_false(history_key_ok((struct span){ longest, HISTORY_MAX_KEY + 1 }));
	assert_false(history_key_ok(SPAN_LIT("")));
	assert_false(history_key_ok(SPAN_LIT("..")));
	assert_false(history_key_ok(SPAN_LIT("a/b")));
	assert_false(history_key_ok(SPAN_LIT("a\0b")));
	assert_false(history_key_ok(SPAN_LIT("image:x")));
	assert_true(history_key_ok(SPAN_LIT("docker-ab.c_%2f+-")));
	start_container(f, 0, "../../etc", T0);
	start_container(f, HISTORY_MAX_SLOT, "fine", T0);
	settle(f);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_REFUSED] == 2);
}

static void malformed_samples_are_refused_and_counted(void **state)
{
	struct fixture *f = *state;
	struct wire_sample unknown = { .slot = 9999, .have = HAVE_ALL };

	start_container(f, 0, "web", T0);
	history_samples(f->h, (struct span){ "abc", 3 });
	history_samples(f->h, (struct span){ "", 0 });
	tick(f, T0, &unknown, 1);
	run_busy(f, 0, T0 + 1, T0 + 5);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_REFUSED] == 3);
	assert_value(value_at(f, "web", "memory", "average", T0 + 3, 1), 1003);
}

struct gate {
	pthread_mutex_t lock;
	unsigned answered;
};

static void on_gate(void *ctx, struct history_answer *a)
{
	struct gate *g = ctx;

	pthread_mutex_lock(&g->lock); /* holds the history thread until the test lets go */
	g->answered++;
	pthread_mutex_unlock(&g->lock);
	free(a->body);
}

static void a_full_queue_refuses_counts_and_answers_what_it_took(void **state)
{
	struct fixture *f = *state;
	struct gate g = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct history_query q = { .form = HISTORY_LIST };
	static char payload[WIRE_FRAME_MAX];
	unsigned taken = 0, tries = 0;

	pthread_mutex_lock(&g.lock);
	while (tries < 100 && history_query(f->h, &q, on_gate, &g) == 0) {
		taken++;
		tries++;
	}
	assert_true(taken >= 64 && taken < 100);
	for (int i = 0; i < 100; i++)
		history_samples(f->h, (struct span){ payload, sizeof(payload) });
	assert_true(stats(f).v[SERVE_STAT_HISTORY_REFUSED] > 40);
	pthread_mutex_unlock(&g.lock);
	history_free(f->h);
	f->h = NULL;
	assert_int_equal(g.answered, taken);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest history[] = {
		TEST(a_young_container_is_answered_from_memory_and_has_no_file),
		TEST(an_rrd_begins_once_a_container_has_lived_a_minute),
		TEST(every_tier_gives_average_and_maximum_of_the_same_seconds),
		TEST(the_newest_point_is_there_before_its_row_is_complete),
		TEST(a_slot_that_is_not_sent_stands_still),
		TEST(a_counter_that_falls_gives_an_unknown_second_only),
		TEST(a_figure_that_the_kernel_does_not_give_is_null_not_zero),
		TEST(the_last_of_two_ticks_in_a_second_wins_and_rates_use_real_time),
		TEST(one_tick_may_come_in_several_frames),
		TEST(a_clock_set_back_a_little_holds_and_then_goes_on),
		TEST(a_clock_set_back_by_minutes_begins_a_new_run),
		TEST(silence_of_the_agent_is_unknown),
		TEST(disk_space_is_kept_beside),
		TEST(the_host_and_its_file_systems_have_a_history),
		TEST(containers_below_a_minute_are_summed_by_image),
		TEST(bad_questions_get_clear_answers),
		TEST(a_step_is_rounded_up_and_coarser_when_nothing_is_asked),
		TEST(an_id_may_be_a_name_a_key_or_the_beginning_of_one_id),
		TEST(graphs_are_drawn_whatever_the_name_is),
		TEST(keys_that_are_no_file_names_are_refused),
		TEST(malformed_samples_are_refused_and_counted),
		TEST(a_full_queue_refuses_counts_and_answers_what_it_took),
	};

	return cmocka_run_group_tests(history, NULL, NULL);
}
