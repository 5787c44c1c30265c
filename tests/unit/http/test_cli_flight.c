// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/cli_flight.h"

static char *text_of(const char *json, bool alert)
{
	const struct cli_terminal to = { .colour = false };
	struct buf b = { .fd = -1 };
	json_t *o = json_loads(json, 0, NULL);

	assert_non_null(o);
	buf_init(&b, 1u << 20);
	if (alert)
		cli_show_text(o, "/state/flights", &to, &b);
	else
		cli_flight_text(o, "/state/flights", &b);
	json_decref(o);
	char *text = buf_take_str(&b);

	assert_non_null(text);
	return text;
}

static void an_alert_is_shown_with_where_its_recording_is(void **state)
{
	AUTO_FREE char *text = text_of(
		"{\"id\":\"01M\",\"severity\":\"error\",\"title\":\"t\",\"rule\":\"r\","
		"\"container\":{\"id\":\"abc\",\"name\":\"web\"},"
		"\"process\":{\"pid\":42,\"args\":[\"cat\",\"\",\"x\"],\"ancestors\":[{\"pid\":1,"
		"\"comm\":\"init\"}]},\"evidence\":[{\"name\":\"a\",\"value\":\"b\"}],"
		"\"recording\":\"01M.bhr\"}",
		true);

	(void)state;
	assert_non_null(strstr(text, "\nprocess     42  cat '' x\nstarted by  1  init\n"));
	assert_non_null(strstr(text, "\nevidence    a: b\n"));
	assert_non_null(strstr(text, "\nrecording   /state/flights/01M.bhr\n"));
}

static void a_flight_shows_a_tree_descriptors_and_files(void **state)
{
	AUTO_FREE char *text = text_of(
		"{\"id\":\"01M\",\"rule\":\"r\",\"container\":{\"id\":\"abc\",\"name\":\"web\"},"
		"\"recording\":\"01M.bhr\",\"events\":{\"count\":2,\"first\":"
		"\"2026-11-22T03:40:32.2Z\",\"last\":\"2026-11-22T03:41:32.2Z\"},\"processes\":["
		"{\"pid\":10,\"args\":[\"sh\"],\"uid\":0,\"descriptors\":[{\"fd\":3,\"target\":"
		"\"socket:[1]\",\"socket\":\"tcp a -> b\"}],\"descriptors_left_out\":4},"
		"{\"pid\":20,\"ppid\":10,\"ns_pid\":2,\"comm\":\"x\",\"uid\":5,"
		"\"exit_status\":9,\"descriptors_missing\":\"it has ended\"},"
		"{\"pid\":30,\"ppid\":20,\"exe\":\"/bin/y\",\"of_alert\":true},"
		"{\"pid\":40,\"ppid\":10}],\"processes_left_out\":1,"
		"\"files\":{\"changed\":[{\"path\":\"/etc/x\",\"type\":\"file\",\"size\":5,"
		"\"mode\":\"0644\",\"changed\":\"2026-11-22T03:40:00Z\"},{\"path\":\"/etc/y\","
		"\"deleted\":true,\"changed\":\"2026-11-22T03:40:00Z\"}],\"unfinished\":true}}",
		false);

	(void)state;
	assert_non_null(strstr(text, "\nPROCESSES (4)\n"
				     "  10  sh  [uid 0]\n"
				     "    20 (2)  x  [uid 5, ended with status 0x9]\n"
				     "      30  /bin/y  [uid 0, of the alert]\n"
				     "    40  ?  [uid 0]\n"
				     "  and 1 more processes\n"));
	assert_non_null(
		strstr(text, "       3  socket:[1]  tcp a -> b\n  and 4 more descriptors\n"));
	assert_non_null(strstr(text, "  20  x: not known, it has ended\n"));
	assert_non_null(strstr(text, "  2026-11-22 03:40:00  0644        5B  /etc/x\n"
				     "  2026-11-22 03:40:00  deleted           /etc/y\n"
				     "  the walk was not finished: there is too much\n"));
}

static void what_is_missing_or_wrong_breaks_nothing(void **state)
{
	AUTO_FREE char *empty = text_of("{}", false);
	AUTO_FREE char *wrong = text_of(
		"{\"id\":7,\"processes\":[7,{\"pid\":\"x\"},[],{\"pid\":1,\"ppid\":1,\"caps\":3,"
		"\"args\":[1],\"descriptors\":[{}]}],\"files\":{\"changed\":[{},3],\"reason\":"
		"\"\\u001b[2J\"},\"events\":4,\"container\":[]}",
		false);
	AUTO_FREE char *alert = text_of("{}", true);

	(void)state;
	assert_non_null(strstr(empty, "PROCESSES (0)"));
	assert_null(strchr(wrong, '\033'));
	assert_non_null(alert);
}

static void nothing_reaches_the_terminal_unescaped(void **state)
{
	AUTO_FREE char *text = text_of(
		"{\"title\":\"\\u001b]0;x\\u0007\",\"processes\":[{\"pid\":1,\"args\":[\"a\\nb\","
		"\"\\u202e\"],\"comm\":\"\\u009b\",\"descriptors\":[{\"fd\":1,\"target\":\"\\r\","
		"\"socket\":\"\\u007f\"}]}],\"files\":{\"changed\":[{\"path\":\"/a\\n/"
		"b\\u001b\"}]}}",
		false);

	(void)state;
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\r'));
	assert_null(strchr(text, '\007'));
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_non_null(strstr(text, "a\\x0ab"));
	assert_non_null(strstr(text, "/a\\x0a/b\\x1b"));
}

int main(void)
{
	const struct CMUnitTest flight[] = {
		cmocka_unit_test(an_alert_is_shown_with_where_its_recording_is),
		cmocka_unit_test(a_flight_shows_a_tree_descriptors_and_files),
		cmocka_unit_test(what_is_missing_or_wrong_breaks_nothing),
		cmocka_unit_test(nothing_reaches_the_terminal_unescaped),
	};

	return cmocka_run_group_tests(flight, NULL, NULL);
}
