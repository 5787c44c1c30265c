// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/cli_alerts.h"

typedef void (*text_fn)(const json_t *a, const struct cli_terminal *to, struct buf *out);

static char *text_by(text_fn fn, const char *json, bool colour)
{
	const struct cli_terminal to = { .colour = colour };
	struct buf b = { .fd = -1 };
	json_t *o = json_loads(json, 0, NULL);

	assert_non_null(o);
	buf_init(&b, 65536);
	fn(o, &to, &b);
	json_decref(o);
	char *text = buf_take_str(&b);

	assert_non_null(text);
	return text;
}

static char *line_of(const char *json, bool colour)
{
	return text_by(cli_alert_text, json, colour);
}

static void an_alert_is_one_line(void **state)
{
	AUTO_FREE char *text =
		line_of("{\"id\":\"01M\",\"state\":\"firing\",\"last_time\":\"2026-11-22T03:40:32."
			"219826109Z\","
			"\"count\":7,\"severity\":\"error\",\"title\":\"too much\",\"rule\":\"r\","
			"\"container\":{\"id\":\"abc\",\"name\":\"web\"},"
			"\"process\":{\"pid\":42,\"comm\":\"cat\"},\"silenced\":\"x\"}",
			false);

	(void)state;
	assert_string_equal(text, "2026-11-22 03:40:32  error  web  r  too much  cat[42]  "
				  "(7 times)  firing  silenced  01M\n");
}

static void what_is_missing_is_left_out(void **state)
{
	AUTO_FREE char *empty = line_of("{}", false);
	AUTO_FREE char *host = line_of("{\"severity\":\"info\",\"container\":null,\"count\":1,"
				       "\"title\":\"t\",\"last_time\":\"x\"}",
				       true);
	AUTO_FREE char *wrong = line_of("{\"severity\":7,\"container\":[],\"count\":\"x\","
					"\"process\":1,\"title\":{}}",
					false);

	(void)state;
	assert_string_equal(empty, "?  host\n");
	assert_string_equal(host, "info  host  t\n");
	assert_string_equal(wrong, "?\n");
}

static void nothing_reaches_the_terminal_unescaped(void **state)
{
	AUTO_FREE char *text =
		line_of("{\"id\":\"\\u001b[1m\",\"severity\":\"critical\",\"title\":\"a\\nb\\u001b]"
			"0;x\\u0007"
			"\\u202e\",\"rule\":\"\\u009b31m\",\"container\":{\"name\":\"\\r\"},"
			"\"process\":{\"comm\":\"\\u007f\",\"pid\":1}}",
			true);
	AUTO_FREE char *plain = line_of("{\"title\":\"a\\nb\"}", false);

	(void)state;
	/* our own colours alone */
	assert_memory_equal(text, "\033[1;31mcritical\033[0m", 19);
	assert_null(strchr(text + 19, '\033'));
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_null(strstr(text, "\xc2\x9b"));
	assert_null(strchr(text, '\r'));
	assert_ptr_equal(strchr(plain, '\n'), plain + strlen(plain) - 1);
}

static void an_audit_record_shows_who_did_what_to_what(void **state)
{
	static const char json[] =
		"{\"severity\":\"notice\",\"rule\":\"baseline.mode\",\"title\":\"the mode of an "
		"image "
		"was changed\",\"container\":null,\"id\":\"01M\",\"evidence\":["
		"{\"name\":\"by\",\"value\":\"root\"},{\"name\":\"image\",\"value\":\"nginx\"},"
		"{\"name\":\"entrypoint\",\"value\":\"\"},{\"name\":\"from\",\"value\":\"learn\"},"
		"{\"name\":\"to\",\"value\":\"detect\"}]}";
	AUTO_FREE char *text = text_by(cli_audit_text, json, false);
	AUTO_FREE char *alert = line_of(json, false);

	(void)state;
	assert_string_equal(text, "notice  host  baseline.mode  the mode of an image was changed  "
				  "(by root, image nginx, from learn, to detect)  01M\n");
	assert_null(strstr(alert, "by root"));
}

static void facts_are_bounded_and_reach_no_terminal_unescaped(void **state)
{
	char json[8192];
	size_t n = (size_t)snprintf(json, sizeof(json),
				    "{\"evidence\":[7,{\"name\":1},null,"
				    "{\"name\":\"a\\u001b[1m\",\"value\":\"\\n");

	(void)state;
	for (unsigned i = 0; i < 100; i++) /* two bytes each: a cut may fall into one */
		n += (size_t)snprintf(json + n, sizeof(json) - n, "\xc3\xa4");
	n += (size_t)snprintf(json + n, sizeof(json) - n, "\"}");
	for (unsigned i = 0; i < 100; i++)
		n += (size_t)snprintf(json + n, sizeof(json) - n,
				      ",{\"name\":\"n%u\",\"value\":\"v\"}", i);
	snprintf(json + n, sizeof(json) - n, "]}");
	AUTO_FREE char *text = text_by(cli_audit_text, json, false);
	AUTO_FREE char *none = text_by(cli_audit_text, "{\"evidence\":{}}", false);

	assert_null(strchr(text, '\033'));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_non_null(strstr(text, "\xc3\xa4..., n0 v"));
	assert_non_null(strstr(text, "n6 v, ...)"));
	assert_null(strstr(text, "n7"));
	assert_true(strlen(text) < 400);
	assert_string_equal(none, "?  host\n");
}

int main(void)
{
	const struct CMUnitTest alerts[] = {
		cmocka_unit_test(an_alert_is_one_line),
		cmocka_unit_test(what_is_missing_is_left_out),
		cmocka_unit_test(nothing_reaches_the_terminal_unescaped),
		cmocka_unit_test(an_audit_record_shows_who_did_what_to_what),
		cmocka_unit_test(facts_are_bounded_and_reach_no_terminal_unescaped),
	};

	return cmocka_run_group_tests(alerts, NULL, NULL);
}
