// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/cli_alerts.h"

static char *line_of(const char *json, bool colour)
{
	const struct cli_terminal to = { .colour = colour };
	struct buf b = { .fd = -1 };
	json_t *o = json_loads(json, 0, NULL);

	assert_non_null(o);
	buf_init(&b, 65536);
	cli_alert_text(o, &to, &b);
	json_decref(o);
	char *text = buf_take_str(&b);

	assert_non_null(text);
	return text;
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

int main(void)
{
	const struct CMUnitTest alerts[] = {
		cmocka_unit_test(an_alert_is_one_line),
		cmocka_unit_test(what_is_missing_is_left_out),
		cmocka_unit_test(nothing_reaches_the_terminal_unescaped),
	};

	return cmocka_run_group_tests(alerts, NULL, NULL);
}
