// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "collector/base/clock.h"
#include "http/selftest.h"

#define CALL (1800000000ULL * NS_PER_S) /* 2027-01-15T08:00:00Z */
#define HOST "0123456789ab"
#define ID   HOST "cdef0123456789abcdef0123456789abcdef0123456789abcdef0123"

/* --- options ---------------------------------------------------------------------------------- */

static int parse(struct selftest_options *o, const char *line)
{
	char text[256], *argv[16] = { NULL };
	struct span rest = span_str(line), word;
	int argc = 0;
	size_t n = 0;

	while (span_word(&rest, &word) && argc < 15) {
		argv[argc++] = text + n;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s", (int)word.n, word.p) + 1;
	}
	return selftest_parse(o, argc, argv);
}

static void options_choose_the_runtime_and_the_actions(void **state)
{
	struct selftest_options o;

	(void)state;
	assert_int_equal(parse(&o, "selftest"), CLI_GO_ON);
	assert_null(o.runtime);
	assert_int_equal(o.timeout_s, SELFTEST_TIMEOUT_S);
	for (size_t i = 0; i < SELFTEST_ACTIONS; i++)
		assert_true(selftest_chosen(&o, &selftest_actions[i]));
	assert_int_equal(parse(&o, "selftest --runtime podman --action oom --action exec-memfd "
				   "--action oom --timeout 2m --json"),
			 CLI_GO_ON);
	assert_string_equal(o.runtime, "podman");
	assert_int_equal(o.only_n, 2);
	assert_int_equal(o.timeout_s, 120);
	assert_true(o.common.json);
	assert_false(selftest_chosen(&o, &selftest_actions[0]));
	assert_true(selftest_chosen(&o, &selftest_actions[1]));
}

static void wrong_options_are_refused(void **state)
{
	static const char *const lines[] = { "selftest --runtime rkt",	"selftest --action none",
					     "selftest --timeout 0",	"selftest --timeout 601",
					     "selftest --timeout soon", "selftest more",
					     "selftest --action" };
	struct selftest_options o;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(&o, lines[i]), CLI_USAGE);
}

static void an_action_named_over_and_over_is_one(void **state)
{
	struct selftest_options o;

	(void)state;
	assert_int_equal(parse(&o, "selftest --action oom --action oom --action oom --action oom"),
			 CLI_GO_ON);
	assert_int_equal(o.only_n, 1);
}

/* --- the probe -------------------------------------------------------------------------------- */

static void what_the_probe_says_is_read_among_other_lines(void **state)
{
	struct selftest_said s;

	(void)state;
	selftest_said_parse(SPAN_LIT("WARNING: no swap\r\nbulkhead-probe on " HOST
				     "\r\nbulkhead-probe at 1800000000000000000\n"
				     "bulkhead-probe failed open: No such file\n"),
			    &s);
	assert_string_equal(s.host, HOST);
	assert_int_equal(s.at_ns, CALL);
	assert_string_equal(s.failed, "open: No such file");
	assert_false(s.no_limit);
	selftest_said_parse(
		SPAN_LIT("bulkhead-probe at -1\nbulkhead-probe\n bulkhead-probe at 12x\n"
			 "bulkhead-probe no-limit"),
		&s);
	assert_int_equal(s.at_ns, 0);
	assert_true(s.no_limit);
	selftest_said_parse((struct span){ NULL, 0 }, &s);
	assert_int_equal(s.at_ns, 0);
}

static void too_long_words_of_the_probe_are_cut(void **state)
{
	char text[1024] = "bulkhead-probe on ";
	struct selftest_said s;

	(void)state;
	memset(text + strlen(text), 'a', 900);
	selftest_said_parse(span_str(text), &s);
	assert_int_equal(strlen(s.host), sizeof(s.host) - 1);
}

/* --- what the agent says ---------------------------------------------------------------------- */

static struct selftest_result shadow(void)
{
	struct selftest_result r = { .action = &selftest_actions[2], .container = "box" };

	r.said.at_ns = CALL;
	snprintf(r.said.host, sizeof(r.said.host), "%s", HOST);
	return r;
}

static json_t *parsed(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	return o;
}

static bool rule_on(struct selftest_result *r, const char *rules)
{
	json_t *o = parsed(rules);
	const bool on = selftest_rule_on(o, r);

	json_decref(o);
	return on;
}

static void a_rule_that_is_not_at_work_is_told_with_its_reason(void **state)
{
	struct selftest_result r = shadow(), oom = { .action = &selftest_actions[7] };

	(void)state;
	assert_false(rule_on(&r, "{\"rules\":[]}"));
	assert_string_equal(r.why, "the agent has no rule of this name");
	assert_false(rule_on(&r, "{\"rules\":[],\"problem\":\"a.yaml:1:2: wrong\\nb.yaml\"}"));
	assert_string_equal(r.why, "the agent refused its rule files: a.yaml:1:2: wrong");
	assert_false(rule_on(&r, "{\"rules\":[{\"name\":\"Sensitive file read in a container\","
				 "\"state\":\"disabled\",\"reason\":\"\"}]}"));
	assert_string_equal(r.why, "disabled");
	assert_false(rule_on(&r, "{\"rules\":[{\"name\":\"Sensitive file read in a container\","
				 "\"state\":\"not served\",\"reason\":\"because\"}]}"));
	assert_string_equal(r.why, "not served: because");
	assert_true(rule_on(&r, "{\"rules\":[{\"name\":\"x\",\"state\":\"on\"},{\"name\":"
				"\"Sensitive file read in a container\",\"state\":\"on\"}]}"));
	assert_true(rule_on(&oom, "{}")); /* the agent's own */
}

#define ALERT(container, more)                                                                     \
	"{\"alerts\":[{\"seq\":90,\"id\":\"A\",\"rule\":\"other\",\"state\":\"new\",\"time\":"     \
	"\"2027-01-15T08:00:00Z\",\"container\":{\"name\":\"box\"}},"                              \
	"{\"seq\":100,\"id\":\"B\",\"severity\":\"warning\",\"state\":\"new\","                    \
	"\"rule\":\"Sensitive file read in a container\",\"time\":\"2027-01-15T08:00:00.0045Z\","  \
	"\"container\":" container more "}]}"

static bool seen(struct selftest_result *r, const char *alerts)
{
	json_t *o = parsed(alerts);
	const bool is = selftest_alert_seen(o, r);

	json_decref(o);
	return is;
}

static void an_alert_is_ours_by_name_or_by_id(void **state)
{
	struct selftest_result r = shadow();

	(void)state;
	assert_false(seen(&r, ALERT("null", "")));
	assert_false(seen(&r, ALERT("{\"name\":\"boxer\",\"id\":\"ff" ID "\"}", "")));
	assert_true(seen(&r, ALERT("{\"name\":\"box\"}", "")));
	assert_int_equal(r.seq, 100);
	assert_string_equal(r.id, "B");
	assert_true(seen(&r, ALERT("{\"id\":\"box\"}", "")));
	assert_true(seen(&r, ALERT("{\"id\":\"" ID "\"}", "")));
	/* a host name that is no id is none */
	snprintf(r.said.host, sizeof(r.said.host), "012345");
	assert_false(seen(&r, ALERT("{\"id\":\"" ID "\"}", "")));
	snprintf(r.said.host, sizeof(r.said.host), "0123456789az");
	assert_false(seen(&r, ALERT("{\"id\":\"0123456789az\"}", "")));
}

static void an_alert_that_nobody_gets_is_left_out_of_all_sinks(void **state)
{
	struct selftest_result r = shadow();
	json_t *sinks = parsed("{\"sinks\":[{\"name\":\"hook\",\"done_seq\":1}]}");

	(void)state;
	selftest_sinks_begin(sinks, &r);
	assert_true(seen(&r, ALERT("{\"name\":\"box\"}", ",\"silenced\":\"X\"")));
	assert_true(selftest_sinks_done(sinks, &r));
	assert_int_equal(r.sinks[0].state, SELFTEST_LEFT_OUT);
	json_decref(sinks);
}

static enum selftest_delivery delivery(struct selftest_result *r, const char *after)
{
	json_t *before = parsed("{\"sinks\":[{\"name\":\"hook\",\"sent\":5,\"dead\":1}]}");
	char text[512];

	*r = shadow();
	selftest_sinks_begin(before, r);
	assert_true(seen(r, ALERT("{\"name\":\"box\"}", "")));
	snprintf(text, sizeof(text), "{\"sinks\":[{\"name\":\"hook\",%s}]}", after);
	json_t *o = parsed(text);
	const bool done = selftest_sinks_done(o, r);

	assert_int_equal(done, r->sinks[0].state != SELFTEST_WAITING);
	json_decref(before);
	json_decref(o);
	return r->sinks[0].state;
}

static void a_sink_has_delivered_left_out_or_given_up(void **state)
{
	struct selftest_result r;

	(void)state;
	assert_int_equal(delivery(&r, "\"severity\":\"warning\",\"done_seq\":100,\"sent\":6,"
				      "\"dead\":1,\"last_success\":\"2027-01-15T08:00:00.012Z\""),
			 SELFTEST_DELIVERED);
	assert_int_equal(r.after_ns, 4500 * NS_PER_US);
	assert_int_equal(r.sinks[0].after_ns, 12 * NS_PER_MS);
	assert_int_equal(delivery(&r, "\"done_seq\":99,\"sent\":5,\"error\":\"status 500\""),
			 SELFTEST_WAITING);
	assert_string_equal(r.sinks[0].why, "status 500");
	assert_int_equal(delivery(&r, "\"done_seq\":100,\"sent\":5,\"dead\":2"), SELFTEST_GIVEN_UP);
	assert_int_equal(delivery(&r, "\"done_seq\":100,\"sent\":5,\"dead\":1,\"last_success\":"
				      "\"2027-01-15T07:00:00Z\""),
			 SELFTEST_LEFT_OUT);
	assert_string_equal(r.sinks[0].why, "its filter");
	assert_int_equal(delivery(&r, "\"severity\":\"error\",\"done_seq\":1"), SELFTEST_LEFT_OUT);
	assert_string_equal(r.sinks[0].why, "takes error and worse");
	assert_int_equal(delivery(&r, "\"name\":\"gone\""), SELFTEST_WAITING);
}

/* --- what is printed -------------------------------------------------------------------------- */

static size_t three(struct selftest_result list[3])
{
	memset(list, 0, 3 * sizeof(*list));
	list[0] = shadow();
	list[0].after_ns = 4512 * NS_PER_US;
	list[0].sinks_n = 3;
	list[0].sinks[0] = (struct selftest_sink){ .name = "hook",
						   .state = SELFTEST_DELIVERED,
						   .after_ns = 12999 * NS_PER_US };
	list[0].sinks[1] = (struct selftest_sink){ .name = "mail",
						   .state = SELFTEST_LEFT_OUT,
						   .why = "takes error and worse" };
	list[0].sinks[2] = (struct selftest_sink){ .name = "siem", .why = "ref\033[2Jused" };
	list[1] = (struct selftest_result){ .action = &selftest_actions[1],
					    .outcome = SELFTEST_NOT_LOADED,
					    .why = "disabled" };
	list[2] = (struct selftest_result){ .action = &selftest_actions[7],
					    .outcome = SELFTEST_NOT_HERE,
					    .why = "no limit" };
	return 3;
}

static void each_action_is_a_row_with_its_sinks(void **state)
{
	const struct cli_terminal to = { .colour = false };
	AUTO_BUF struct buf b = { .fd = -1 };
	struct selftest_result list[3];
	const struct selftest_report report = { "docker", list, three(list) };

	(void)state;
	buf_init(&b, 65536);
	selftest_text(&report, &to, &b);
	AUTO_FREE char *text = buf_take_str(&b);

	assert_non_null(strstr(text, "read-shadow  Sensitive file read in a container      "
				     "4.5 ms                       hook 12 ms, mail left out "
				     "(takes error and worse), siem waiting (ref\\x1b[2Jused)\n"));
	assert_non_null(strstr(text, "not loaded: disabled         -\n"));
	assert_non_null(strstr(text, "not possible here: no limit"));
	assert_non_null(strstr(text, "something was not seen, with docker\n"));
}

static void the_same_is_told_as_json(void **state)
{
	struct selftest_result list[3];
	const struct selftest_report report = { "docker", list, three(list) };
	json_t *o = selftest_json(&report), *first, *sinks;

	(void)state;
	first = json_array_get(json_object_get(o, "actions"), 0);
	sinks = json_object_get(first, "sinks");
	assert_true(json_is_false(json_object_get(o, "passed")));
	assert_string_equal(cli_get_text(first, "result"), "seen");
	assert_true(json_real_value(json_object_get(json_object_get(first, "alert"), "after_ms")) >
		    4.5119);
	assert_string_equal(cli_get_text(json_array_get(sinks, 2), "reason"), "ref\\x1b[2Jused");
	assert_string_equal(cli_get_text(json_array_get(sinks, 1), "result"), "left out");
	json_decref(o);
}

static void what_cannot_be_tried_here_and_filters_are_no_faults(void **state)
{
	struct selftest_result list[3];

	(void)state;
	three(list);
	assert_false(selftest_passed(list, 1)); /* a sink waits */
	list[0].sinks_n = 2;
	assert_true(selftest_passed(list, 1));
	assert_false(selftest_passed(list + 1, 1));
	assert_true(selftest_passed(list + 2, 1));
	list[0].sinks[1].state = SELFTEST_GIVEN_UP;
	assert_false(selftest_passed(list, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_choose_the_runtime_and_the_actions),
		cmocka_unit_test(wrong_options_are_refused),
		cmocka_unit_test(an_action_named_over_and_over_is_one),
		cmocka_unit_test(what_the_probe_says_is_read_among_other_lines),
		cmocka_unit_test(too_long_words_of_the_probe_are_cut),
		cmocka_unit_test(a_rule_that_is_not_at_work_is_told_with_its_reason),
		cmocka_unit_test(an_alert_is_ours_by_name_or_by_id),
		cmocka_unit_test(an_alert_that_nobody_gets_is_left_out_of_all_sinks),
		cmocka_unit_test(a_sink_has_delivered_left_out_or_given_up),
		cmocka_unit_test(each_action_is_a_row_with_its_sinks),
		cmocka_unit_test(the_same_is_told_as_json),
		cmocka_unit_test(what_cannot_be_tried_here_and_filters_are_no_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
