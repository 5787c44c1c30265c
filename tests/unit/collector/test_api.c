// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>

#include "collector/agent_detector.h"
#include "collector/api.h"
#include "tests/unit/collector/state_fixture.h"

static json_t *get_as(struct fixture *f, const char *path, const char *query, uint16_t status)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	json_error_t error;

	buf_init(&b, 16u << 20);
	assert_int_equal(api_get(&f->state, span_str(path), span_str(query), &b), status);
	json_t *json = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, &error);

	if (!json)
		fail_msg("%s in %.*s", error.text, (int)b.len, b.data);
	return json;
}

static json_t *at(json_t *json, const char *key)
{
	json_t *v = json_object_get(json, key);

	if (!v)
		fail_msg("no key '%s'", key);
	return v;
}

static void assert_text(json_t *json, const char *key, const char *want)
{
	assert_true(json_is_string(at(json, key)));
	assert_string_equal(json_string_value(at(json, key)), want);
}

static struct container *add(struct fixture *f, const char *id)
{
	char path[128];
	struct container *c;

	snprintf(path, sizeof(path), "/docker/%s", id);
	c = fixture_add(f, CGROUP_CONTAINER, RUNTIME_DOCKER, id, path);
	fixture_meta(c, "web", "nginx:1.25");
	fixture_sample(c, false);
	return c;
}

static void one_container_tells_all_that_is_known(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = add(&f, "0123456789abcdef");
	c->cpu_cores = 0.25;
	c->meta->details_known = true;
	c->meta->privileged = true;
	c->meta->hostname = fixture_text("h");
	snprintf(c->meta->namespaces[0].type, sizeof(c->meta->namespaces[0].type), "pid");
	c->meta->namespaces[0].path = fixture_text("host");
	snprintf(c->meta->namespaces[1].type, sizeof(c->meta->namespaces[1].type), "mount");
	c->meta->namespaces_n = 2;
	json_t *json = get_as(&f, "/api/v1/containers/0123456789abcdef", "", 200);
	json_t *sample = at(json, "sample"), *security = at(json, "security");

	assert_text(json, "key", "docker-0123456789abcdef");
	assert_text(json, "short_id", "0123456789ab");
	assert_text(json, "name", "web");
	assert_text(json, "state", "running");
	assert_text(json, "kind", "container");
	assert_text(json, "started", "2027-01-15T07:59:50.250Z");
	assert_true(json_is_null(at(json, "ended")));
	assert_true(json_is_null(at(json, "exit_code")));
	assert_true(json_is_null(at(json, "pod")));
	assert_true(json_is_null(at(json, "health")));
	assert_true(json_real_value(at(at(json, "limits"), "cpu_cores")) == 0.5);
	assert_int_equal(json_integer_value(at(at(json, "limits"), "pids")), 52);
	assert_true(json_real_value(at(sample, "cpu_seconds")) == 1.500000001);
	assert_true(json_real_value(at(sample, "cpu_cores")) == 0.25);
	assert_int_equal(json_integer_value(at(sample, "memory_working_set_bytes")), 1002);
	assert_int_equal(json_array_size(at(sample, "network")), 1);
	assert_true(json_real_value(at(at(at(sample, "pressure"), "cpu"), "some_seconds")) ==
		    61.000001);
	assert_int_equal(json_integer_value(at(at(sample, "disk"), "log_bytes")), 9);
	assert_true(json_is_true(at(security, "privileged")));
	assert_text(at(security, "namespaces"), "pid", "host");
	assert_text(at(security, "namespaces"), "mount", "private");
	assert_text(json, "hostname", "h");
	json_decref(json);
}

static void what_is_not_known_is_null_or_absent(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = fixture_add(&f, CGROUP_CONTAINER, RUNTIME_NONE, "x", "/x");
	json_t *json = get_as(&f, "/api/v1/containers/x", "", 200);

	assert_true(json_is_null(at(json, "sample")));
	assert_true(json_is_null(at(json, "image")));
	assert_true(json_is_null(at(json, "runtime")));
	assert_true(json_is_null(at(json, "security")));
	assert_true(json_is_null(at(json, "started")));
	assert_true(json_is_null(at(json, "restart_count")));
	assert_true(json_is_null(at(at(json, "limits"), "memory_bytes")));
	json_decref(json);
	c->sample.time_unix_ns = 1;
	c->sample.have = SAMPLE_PIDS;
	json = get_as(&f, "/api/v1/containers/x", "", 200);
	assert_null(json_object_get(at(json, "sample"), "cpu_seconds"));
	assert_null(json_object_get(at(json, "sample"), "memory_bytes"));
	assert_null(json_object_get(at(json, "sample"), "disk"));
	assert_true(json_is_null(at(at(json, "sample"), "cpu_cores")));
	assert_int_equal(json_integer_value(at(at(json, "sample"), "threads")), 0);
	json_decref(json);
}

static void lists_are_filtered_by_kind_and_end(void **state)
{
	AUTO_FIXTURE struct fixture f;
	static const struct {
		const char *query;
		unsigned n;
	} cases[] = {
		{ "", 2 },
		{ "kind=container", 1 },
		{ "kind=service", 1 },
		{ "kind=parent", 1 },
		{ "kind=all", 4 },
		{ "ended=1", 3 },
		{ "ended=0&x=1&kind=all&", 4 },
		{ "ended=1&kind=container", 2 },
		{ "&&=&ended", 2 },
	};

	(void)state;
	fixture_init(&f, 8, false);
	container_table_end(f.table, add(&f, "gone"), FIXTURE_NOW_NS, 1);
	fixture_add(&f, CGROUP_PARENT, RUNTIME_NONE, "", "/docker");
	add(&f, "live");
	fixture_add(&f, CGROUP_SERVICE, RUNTIME_SYSTEMD, "cron.service", "/system.slice/cron");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json = get_as(&f, "/api/v1/containers", cases[i].query, 200);

		assert_int_equal(json_integer_value(at(json, "count")), cases[i].n);
		assert_int_equal(json_array_size(at(json, "containers")), cases[i].n);
		json_decref(json);
	}
	json_decref(get_as(&f, "/api/v1/containers", "kind=pod", 400));
}

static void an_ended_container_keeps_its_end(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = add(&f, "gone");
	c->pid = 42;
	c->cpu_cores = 1;
	c->has_exit_code = true;
	c->exit_code = 137;
	c->oom_killed = true;
	container_table_end(f.table, c, FIXTURE_NOW_NS, 1);
	json_t *json = get_as(&f, "/api/v1/containers/web", "", 200);

	assert_text(json, "state", "exited");
	assert_text(json, "ended", "2027-01-15T08:00:00.000Z");
	assert_int_equal(json_integer_value(at(json, "exit_code")), 137);
	assert_true(json_is_true(at(json, "oom_killed")));
	assert_true(json_is_null(at(json, "pid")));
	assert_true(json_is_null(at(at(json, "sample"), "cpu_cores")));
	json_decref(json);
}

static void hostile_bytes_become_valid_json(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = add(&f, "x1");
	free(c->meta->name);
	c->meta->name = fixture_text("\xff\"\\\n\x01</script>");
	fixture_label(c, "\xc3(", "\xed\xa0\x80");
	fixture_label(c, "plain", "\xf0\x9f\x90\x8b");
	json_t *json = get_as(&f, "/api/v1/containers/x1", "", 200);

	assert_text(json, "name", "\xef\xbf\xbd\"\\\n\x01</script>");
	assert_text(at(json, "labels"), "\xef\xbf\xbd(", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_text(at(json, "labels"), "plain", "\xf0\x9f\x90\x8b");
	json_decref(json);
}

static void unknown_and_ambiguous_ids_have_their_status(void **state)
{
	AUTO_FIXTURE struct fixture f;
	char longest[600];

	(void)state;
	fixture_init(&f, 8, false);
	add(&f, "aaaa1");
	add(&f, "aaaa2");
	json_decref(get_as(&f, "/api/v1/containers/none", "", 404));
	json_t *json = get_as(&f, "/api/v1/containers/aaaa", "", 409);

	assert_int_equal(json_integer_value(at(at(json, "error"), "status")), 409);
	json_decref(json);
	json_decref(get_as(&f, "/api/v1/nothing", "", 404));
	snprintf(longest, sizeof(longest), "/api/v1/containers/%0500d", 1);
	json_decref(get_as(&f, longest, "", 404));

	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4096);
	assert_int_equal(
		api_get(&f.state, SPAN_LIT("/api/v1/containers/aaaa1\0x"), SPAN_LIT(""), &b), 404);
}

static void an_answer_beyond_the_limit_is_an_error_in_json(void **state)
{
	AUTO_FIXTURE struct fixture f;
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)state;
	fixture_init(&f, 8, false);
	add(&f, "a");
	buf_init(&b, 500);
	assert_int_equal(api_get(&f.state, SPAN_LIT("/api/v1/containers"), SPAN_LIT(""), &b), 500);
	assert_true(b.len > 0 && b.data[b.len - 1] == '}');
	assert_memory_equal(b.data, "{\"error\"", 8);
}

static void the_status_names_what_does_not_work(void **state)
{
	AUTO_FIXTURE struct fixture f;
	const char *degraded[] = { "no kernel log", NULL };

	(void)state;
	fixture_init(&f, 8, false);
	f.state.degraded = degraded;
	f.state.serve_problem = "exited with 1";
	f.counters.cpu_us = 1500000;
	json_t *json = get_as(&f, "/api/v1/status", "", 200);
	json_t *tables = at(json, "capacities");

	assert_text(json, "cgroup_mode", "v1");
	assert_int_equal(json_integer_value(at(json, "uptime_seconds")), 60);
	assert_string_equal(json_string_value(json_array_get(at(json, "degraded"), 0)),
			    "no kernel log");
	assert_text(at(json, "serve"), "problem", "exited with 1");
	assert_true(json_is_false(at(at(json, "serve"), "up")));
	assert_true(json_real_value(at(json, "cpu_seconds")) == 1.5);
	assert_true(json_array_size(tables) >= 8);
	assert_text(json_array_get(tables, 0), "name", "containers");
	assert_int_equal(json_integer_value(at(json_array_get(tables, 0), "capacity")), 8);
	json_decref(json);
}

static void the_status_says_how_far_baselines_are(void **state)
{
	static const char *const modes[] = { "off", "learn", "detect", "enforce", NULL };
	struct alerts_state alerts = { .baselines = { .on = false } };
	AUTO_FIXTURE struct fixture f;

	(void)state;
	fixture_init(&f, 8, false);
	f.state.alerts = &alerts;
	json_t *json = get_as(&f, "/api/v1/status", "", 200);

	assert_true(json_is_null(at(json, "baselines")));
	json_decref(json);
	alerts.baselines = (struct baselines_state){ .on = true,
						     .modes = modes,
						     .by_mode = { 0, 1, 2, 3 },
						     .complete = 4,
						     .observed = 9,
						     .sandboxes = 2,
						     .without_image = 1,
						     .deviations = 5,
						     .tripped = 6 };
	json = get_as(&f, "/api/v1/status", "", 200);
	json_t *b = at(json, "baselines");

	assert_int_equal(json_integer_value(at(at(b, "images"), "detect")), 2);
	assert_int_equal(json_integer_value(at(b, "complete")), 4);
	assert_int_equal(json_integer_value(at(b, "containers")), 7);
	assert_int_equal(json_integer_value(at(b, "containers_without_image")), 1);
	assert_int_equal(json_integer_value(at(b, "deviations")), 5);
	assert_int_equal(json_integer_value(at(at(b, "breaker"), "tripped")), 6);
	json_decref(json);
}

static void a_list_in_slices_is_the_list_and_survives_what_ends_meanwhile(void **state)
{
	AUTO_FIXTURE struct fixture f;
	AUTO(api_list_free) struct api_list *l = NULL;
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };
	int steps = 1, r;

	(void)state;
	fixture_init(&f, 8, false);
	struct container *first = add(&f, "aaaa1"), *last = add(&f, "aaaa2");

	buf_init(&b, 1 << 20);
	assert_int_equal(api_list_new(&l, &f.state, SPAN_LIT(""), &e), 0);
	assert_int_equal(api_list_step(l, &b, 0), 0);
	container_table_end(f.table, first, 1, 1);
	container_table_end(f.table, last, 1, 1);
	container_table_expire(f.table, 100, 1);
	while ((r = api_list_step(l, &b, 0)) == 0)
		steps++;
	assert_int_equal(r, 1);
	assert_int_equal(steps, 1);
	json_t *json = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(json);
	assert_int_equal(json_integer_value(at(json, "count")), 2);
	assert_int_equal(json_array_size(at(json, "containers")), 2);
	json_decref(json);
	assert_int_equal(api_list_new(&l, &f.state, SPAN_LIT("kind=x"), &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest api[] = {
		cmocka_unit_test(one_container_tells_all_that_is_known),
		cmocka_unit_test(what_is_not_known_is_null_or_absent),
		cmocka_unit_test(lists_are_filtered_by_kind_and_end),
		cmocka_unit_test(an_ended_container_keeps_its_end),
		cmocka_unit_test(hostile_bytes_become_valid_json),
		cmocka_unit_test(unknown_and_ambiguous_ids_have_their_status),
		cmocka_unit_test(an_answer_beyond_the_limit_is_an_error_in_json),
		cmocka_unit_test(the_status_names_what_does_not_work),
		cmocka_unit_test(the_status_says_how_far_baselines_are),
		cmocka_unit_test(a_list_in_slices_is_the_list_and_survives_what_ends_meanwhile),
	};

	return cmocka_run_group_tests(api, NULL, NULL);
}
