// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "collector/base/clock.h"
#include "http/cli_sinks.h"

#define NOW (1800000000ULL * NS_PER_S) /* 2027-01-15T08:00:00Z */

static char *table(const char *json)
{
	const struct cli_terminal to = { .colour = false };
	struct buf b = { .fd = -1 };
	json_t *o = json_loads(json, 0, NULL);

	assert_non_null(o);
	buf_init(&b, 65536);
	assert_int_equal(cli_sinks_text(o, &to, NOW, &b), CLI_OK);
	json_decref(o);
	char *text = buf_take_str(&b);

	assert_non_null(text);
	return text;
}

static void each_sink_is_a_row(void **state)
{
	AUTO_FREE char *text = table(
		"{\"sinks\":[{\"name\":\"hook\",\"type\":\"webhook\",\"sent\":12,\"failed\":3,"
		"\"retried\":2,\"lag\":7,\"oldest_pending\":\"2027-01-15T07:59:30Z\","
		"\"last_success\":\"2027-01-15T07:30:00Z\",\"breaker\":\"open\","
		"\"error\":\"refused\\u001b[2J\"},"
		"{\"name\":\"new\",\"type\":\"file\"},"
		"{\"name\":\"good\",\"type\":\"syslog\",\"sent\":1,\"lag\":0,\"breaker\":"
		"\"closed\"}]}");

	(void)state;
	assert_non_null(strstr(text, "NAME  TYPE     STATE    SENT  FAILED  RETRIED  QUEUE  OLDEST"
				     "  LAST SUCCESS  ERROR\n"));
	assert_non_null(strstr(text, "hook  webhook  failing    12       3        2      7     30s"
				     "           30m  refused\\x1b[2J\n"));
	assert_non_null(strstr(text, "new   file     unknown     -       -"));
	assert_non_null(strstr(text, "good  syslog   ok          1"));
}

static int verdict(const char *sink, char text[256])
{
	const struct cli_sink_test t = { "hook", 100, NOW, 2 };
	AUTO_BUF struct buf b = { .fd = -1 };
	char json[512];

	buf_init(&b, 256);
	snprintf(json, sizeof(json), "{\"sinks\":[{\"name\":\"other\",\"done_seq\":900},%s]}",
		 sink);
	json_t *o = json_loads(json, 0, NULL);

	assert_non_null(o);
	int r = cli_sink_verdict(o, &t, &b);

	json_decref(o);
	snprintf(text, 256, "%.*s", (int)b.len, b.len ? b.data : "");
	return r;
}

#define SINK(more) "{\"name\":\"hook\",\"breaker\":\"closed\"," more "}"

static void a_test_is_delivered_when_its_line_is_done(void **state)
{
	char text[256];

	(void)state;
	assert_int_equal(verdict(SINK("\"done_seq\":99,\"dead\":2,\"last_success\":"
				      "\"2027-01-15T08:00:00.5Z\""),
				 text),
			 CLI_GO_ON);
	assert_int_equal(verdict(SINK("\"done_seq\":100,\"dead\":2,\"last_success\":"
				      "\"2027-01-15T08:00:00.0125Z\""),
				 text),
			 CLI_OK);
	assert_string_equal(text, "delivered in 12 ms");
	/* the clock was set back meanwhile */
	assert_int_equal(verdict(SINK("\"done_seq\":100,\"dead\":2,\"last_success\":"
				      "\"2027-01-15T07:00:00Z\""),
				 text),
			 CLI_OK);
	assert_string_equal(text, "delivered in 0 ms");
}

static void a_test_that_was_given_up_or_waits_says_why(void **state)
{
	char text[256];

	(void)state;
	assert_int_equal(
		verdict(SINK("\"done_seq\":100,\"dead\":3,\"error\":\"status 400\""), text),
		CLI_FAILED);
	assert_string_equal(text, "given up: status 400");
	assert_int_equal(verdict(SINK("\"done_seq\":9,\"dead\":2,\"error\":\"ref\\nused\""), text),
			 CLI_GO_ON);
	assert_string_equal(text, "ref\\x0aused");
	assert_int_equal(verdict(SINK("\"done_seq\":9"), text), CLI_GO_ON);
	assert_string_equal(text, "it has not been tried yet");
	assert_int_equal(verdict("{\"name\":\"hook\",\"type\":\"file\"}", text), CLI_GO_ON);
	assert_string_equal(text, "bulkhead serve has not told of this sink");
	assert_int_equal(verdict("{\"name\":7}", text), CLI_GO_ON);
}

int main(void)
{
	const struct CMUnitTest sinks[] = {
		cmocka_unit_test(each_sink_is_a_row),
		cmocka_unit_test(a_test_is_delivered_when_its_line_is_done),
		cmocka_unit_test(a_test_that_was_given_up_or_waits_says_why),
	};

	return cmocka_run_group_tests(sinks, NULL, NULL);
}
