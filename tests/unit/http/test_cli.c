// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "http/cli.h"

#define NOW_NS (1800000000ULL * NS_PER_S)

static void assert_buf(struct buf *b, const char *want)
{
	buf_add_char(b, '\0');
	assert_false(b->failed);
	assert_string_equal(b->data, want);
	buf_clear(b);
}

static void figures_are_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} bytes[] = {
		{ 0, "0B" },
		{ 1023, "1023B" },
		{ 1024, "1.0KiB" },
		{ 12900000, "12.3MiB" },
		{ 64u << 20, "64.0MiB" },
		{ 1048575, "1.0MiB" },
		{ 200u << 20, "200MiB" },
		{ UINT64_MAX, "16.0EiB" },
	};
	static const struct {
		uint64_t seconds;
		const char *want;
	} ages[] = { { 0, "0s" },    { 119, "119s" },	{ 120, "2m" },	  { 7199, "119m" },
		     { 7200, "2h" }, { 172799, "47h" }, { 172800, "2d" }, { 864000, "10d" } };
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		cli_add_bytes(&b, bytes[i].bytes);
		assert_buf(&b, bytes[i].want);
	}
	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		cli_add_age(&b, ages[i].seconds);
		assert_buf(&b, ages[i].want);
	}
}

static void durations_have_a_unit_or_mean_seconds(void **state)
{
	static const char *const bad[] = { "", "h", "-1h", "1 h", "1w", "1.5h", "99999999999d" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cli_parse_duration(bad[i], &v));
	assert_int_equal(v, 7);
	assert_true(cli_parse_duration("90", &v));
	assert_int_equal(v, 90);
	assert_true(cli_parse_duration("12h", &v));
	assert_int_equal(v, 43200);
	assert_true(cli_parse_duration("7d", &v));
	assert_int_equal(v, 604800);
}

static void a_token_is_for_a_time_that_bulkheadd_grants(void **state)
{
	static const char *const bad[] = { "0", "0d", "367d", "31622401", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char time[16], *argv[] = { (char[]){ "token" }, (char[]){ "--for" }, time, NULL };

		snprintf(time, sizeof(time), "%s", bad[i]);
		assert_int_equal(cli_token(3, argv), CLI_USAGE);
	}
}

static const char two_containers[] =
	"{\"containers\":["
	"{\"name\":\"web\",\"image\":\"registry.example/team/"
	"web:1.25\",\"short_id\":\"0123456789ab\","
	"\"id\":\"0123456789abcdef\",\"runtime\":\"docker\",\"state\":\"running\","
	"\"started\":\"2027-01-15T07:00:00.000Z\",\"exit_code\":null,\"oom_killed\":false,"
	"\"limits\":{\"memory_bytes\":67108864},"
	"\"sample\":{\"cpu_cores\":0.125,\"memory_working_set_bytes\":1048576,\"threads\":5,"
	"\"io\":[{\"read_bytes\":1024,\"write_bytes\":0},{\"read_bytes\":1024,\"write_bytes\":7}],"
	"\"network\":[{\"receive_bytes\":10,\"transmit_bytes\":20}]}},"
	"{\"name\":\"db\\u001b[31m\\u202e\",\"image\":null,\"short_id\":\"ffff\",\"id\":\"ffff\","
	"\"runtime\":\"podman\",\"state\":\"exited\",\"started\":null,\"exit_code\":1,"
	"\"oom_killed\":false,\"limits\":{\"memory_bytes\":null},\"sample\":null}],\"count\":2}";

static char *table(const char *text, const struct cli_containers_view *view)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	buf_init(&b, 1u << 20);
	assert_int_equal(cli_containers_text(json, view, &b), CLI_OK);
	json_decref(json);
	return buf_take_str(&b);
}

static void containers_are_a_table_with_hostile_text_escaped(void **state)
{
	const struct cli_containers_view view = { .now_unix_ns = NOW_NS };

	(void)state;
	AUTO_FREE char *got = table(two_containers, &view);

	assert_string_equal(
		got, "NAME                IMAGE                           ID            RUNTIME  "
		     "STATE         CPU       MEM / LIMIT           IO        NET  PIDS  AGE\n"
		     "web                 registry.example/team/web:1.25  0123456789ab  docker   "
		     "running     12.5%  1.0MiB / 64.0MiB  2.0KiB / 7B  10B / 20B     5  60m\n"
		     "db\\x1b[31m\\u{202e}  -                               ffff          podman   "
		     "exited (1)      -                 -            -          -     -    -\n");
}

static void no_containers_leave_the_titles(void **state)
{
	const struct cli_containers_view view = { .now_unix_ns = NOW_NS };

	(void)state;
	AUTO_FREE char *got = table("{\"containers\":[]}", &view);

	assert_string_equal(got, "NAME  IMAGE  ID  RUNTIME  STATE  CPU  MEM / LIMIT  IO  NET  PIDS"
				 "  AGE\n");
	AUTO_FREE char *odd = table("[]", &view); /* an answer of another shape is no crash */

	assert_string_equal(odd, got);
}

static unsigned longest_line(const char *s)
{
	unsigned longest = 0, n = 0;

	for (; *s; s++) {
		if (*s == '\n')
			n = 0;
		else if (((unsigned char)*s & 0xc0) != 0x80)
			n++;
		if (n > longest)
			longest = n;
	}
	return longest;
}

static void a_narrow_terminal_cuts_names_and_images_only(void **state)
{
	struct cli_containers_view view = { .now_unix_ns = NOW_NS, .terminal = { false, 125 } };

	(void)state;
	AUTO_FREE char *got = table(two_containers, &view);

	assert_int_equal(longest_line(got), 125);
	assert_non_null(strstr(got, "\xe2\x80\xa6"));
	assert_non_null(strstr(got, "0123456789ab"));
	view.terminal.width = 20; /* cannot fit: the least widths stay */
	AUTO_FREE char *least = table(two_containers, &view);

	assert_non_null(strstr(least, "registr\xe2\x80\xa6"));
	view.no_trunc = true;
	AUTO_FREE char *whole = table(two_containers, &view);

	assert_non_null(strstr(whole, "registry.example/team/web:1.25"));
	assert_non_null(strstr(whole, "0123456789abcdef"));
}

static void colour_is_for_terminals(void **state)
{
	struct cli_containers_view view = { .now_unix_ns = NOW_NS };

	(void)state;
	AUTO_FREE char *plain = table(two_containers, &view);

	assert_null(strchr(plain, '\033'));
	view.terminal = (struct cli_terminal){ true, 300 };
	AUTO_FREE char *painted = table(two_containers, &view);

	assert_non_null(strstr(painted, "\033[32mrunning\033[0m"));
	assert_non_null(strstr(painted, "\033[31mexited (1)\033[0m"));
}

static void the_status_shows_faults_and_refusals(void **state)
{
	static const char text[] =
		"{\"version\":\"0.1.0\",\"revision\":\"abc\",\"uptime_seconds\":300,"
		"\"cgroup_mode\":\"v1\",\"kernel\":\"6.1\",\"system\":\"Debian\",\"cpu_seconds\":1."
		"25,"
		"\"resident_bytes\":10485760,\"serve\":{\"up\":false,\"problem\":\"no\\u001bport\","
		"\"starts\":3},\"containers\":{\"live\":2,\"ended\":1,\"refused\":0},"
		"\"sampler\":{\"rounds\":10,\"rounds_late\":0,\"last_round_seconds\":0.0021},"
		"\"loop\":{\"longest_turn_seconds\":0.004},\"config\":{\"last_reload_ok\":false},"
		"\"capacities\":[{\"name\":\"containers\",\"used\":2,\"capacity\":4,\"refused\":9},"
		"{\"name\":\"inotify_watches\",\"capacity\":null,\"refused\":0}],"
		"\"baselines\":{\"images\":{\"off\":0,\"learn\":1,\"detect\":2,\"enforce\":0},"
		"\"complete\":2,\"containers\":5,\"containers_without_image\":1,"
		"\"deviations\":7,\"breaker\":{\"tripped\":1}},"
		"\"degraded\":[\"no kernel log\"]}";
	const struct cli_terminal to = { false, 0 };
	AUTO_BUF struct buf b = { .fd = -1 };
	json_t *json = json_loads(text, 0, NULL);

	(void)state;
	assert_non_null(json);
	buf_init(&b, 1u << 20);
	assert_int_equal(cli_status_text(json, &to, &b), CLI_OK);
	json_decref(json);
	assert_buf(&b, "bulkheadd   0.1.0 (abc), up 5m, CPU 1.2 s, memory 10.0MiB\n"
		       "host        Debian, kernel 6.1, cgroup v1\n"
		       "serve       down, 3 start(s): no\\x1bport\n"
		       "containers  2 live, 1 ended, 0 refused\n"
		       "sampling    10 rounds, 0 late, last took 2.1 ms, longest turn 4.0 ms\n"
		       "config      last reload FAILED, the one before is in use\n"
		       "baselines   3 image(s) (1 learn, 2 detect), 2 complete, 5 container(s), "
		       "1 of unknown image, 7 deviation(s), 1 breaker trip(s)\n"
		       "refused     containers: 9 (capacity 4)\n"
		       "degraded    no kernel log\n");
	json = json_object(); /* an older agent that tells nothing of this */
	assert_int_equal(cli_status_text(json, &to, &b), CLI_OK);
	json_decref(json);
}

static void the_socket_is_found_by_option_then_environment_then_default(void **state)
{
	char path[64];

	(void)state;
	unsetenv("BULKHEAD_RUN_DIR");
	assert_string_equal(cli_socket_path(NULL, path, sizeof(path)),
			    "/run/bulkhead/bulkhead.sock");
	setenv("BULKHEAD_RUN_DIR", "/tmp/b/", 1);
	assert_string_equal(cli_socket_path(NULL, path, sizeof(path)), "/tmp/b/bulkhead.sock");
	assert_string_equal(cli_socket_path("/x", path, sizeof(path)), "/x");
	assert_null(cli_socket_path(NULL, path, 8));
	unsetenv("BULKHEAD_RUN_DIR");
}

static int succeed(int argc, char **argv)
{
	return argc == 2 && strcmp(argv[1], "--help") == 0 ? 40 : 41;
}

static int run(char *a, char *b)
{
	static const struct cli_command commands[] = { { "thing", "does it", succeed } };
	char program[] = "bulkhead";
	char *argv[] = { program, a, b, NULL };

	return cli_run(commands, 1, a ? (b ? 3 : 2) : 1, argv);
}

static void commands_are_found_by_name_and_help_is_passed_on(void **state)
{
	char thing[] = "thing", help[] = "help", nothing[] = "nothing";

	(void)state;
	assert_int_equal(run(NULL, NULL), CLI_USAGE);
	assert_int_equal(run(thing, NULL), 41);
	assert_int_equal(run(help, thing), 40);
	assert_int_equal(run(help, NULL), CLI_OK);
	assert_int_equal(run(nothing, NULL), CLI_USAGE);
	assert_int_equal(run(help, nothing), CLI_USAGE);
}

int main(void)
{
	const struct CMUnitTest cli[] = {
		cmocka_unit_test(figures_are_short),
		cmocka_unit_test(durations_have_a_unit_or_mean_seconds),
		cmocka_unit_test(a_token_is_for_a_time_that_bulkheadd_grants),
		cmocka_unit_test(containers_are_a_table_with_hostile_text_escaped),
		cmocka_unit_test(no_containers_leave_the_titles),
		cmocka_unit_test(a_narrow_terminal_cuts_names_and_images_only),
		cmocka_unit_test(colour_is_for_terminals),
		cmocka_unit_test(the_status_shows_faults_and_refusals),
		cmocka_unit_test(the_socket_is_found_by_option_then_environment_then_default),
		cmocka_unit_test(commands_are_found_by_name_and_help_is_passed_on),
	};

	return cmocka_run_group_tests(cli, NULL, NULL);
}
