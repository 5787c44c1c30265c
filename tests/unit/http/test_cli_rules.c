// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/cli.h"

#define RULES                                                                                      \
	"{\"loaded\":\"2026-11-22T03:40:32Z\",\"match\":\"first\",\"files\":[\"/etc/a.yaml\"],"    \
	"\"rules\":["                                                                              \
	"{\"name\":\"shell\",\"file\":\"a\",\"line\":1,\"priority\":\"Notice\","                   \
	"\"tags\":[\"container\",\"shell\"],\"enabled\":true,\"served\":true,\"reason\":null,"     \
	"\"evaluations\":1000,\"matches\":3,\"nanoseconds\":1500000},"                             \
	"{\"name\":\"slow\",\"file\":\"a\",\"line\":9,\"priority\":\"Warning\",\"tags\":[],"       \
	"\"enabled\":false,\"served\":true,\"reason\":null,"                                       \
	"\"evaluations\":2,\"matches\":0,\"nanoseconds\":9000000},"                                \
	"{\"name\":\"odd\",\"file\":\"a\",\"line\":20,\"priority\":\"Critical\","                  \
	"\"tags\":[\"shell\"],\"enabled\":true,\"served\":false,\"reason\":\"no such field\","     \
	"\"evaluations\":0,\"matches\":0,\"nanoseconds\":0}],\"problem\":null}"

static char *text_of(const char *json, struct cli_rules_view view)
{
	struct buf b = { .fd = -1 };
	json_t *o = json_loads(json, 0, NULL);

	assert_non_null(o);
	buf_init(&b, 65536);
	assert_int_equal(cli_rules_text(o, &view, &b), CLI_OK);
	json_decref(o);
	char *text = buf_take_str(&b);

	assert_non_null(text);
	return text;
}

static void a_list_says_what_each_rule_is(void **state)
{
	AUTO_FREE char *text = text_of(RULES, (struct cli_rules_view){ .stats = false });

	(void)state;
	assert_string_equal(text,
			    "PRIORITY  RULE   TAGS             STATE\n"
			    "Notice    shell  container,shell  on\n"
			    "Warning   slow   -                off\n"
			    "Critical  odd    shell            not served: no such field\n"
			    "3 of 3 rules of 1 files, loaded 2026-11-22T03:40:32Z, match: first\n");
}

static void a_list_can_be_of_a_tag_and_a_priority(void **state)
{
	AUTO_FREE char *tag = text_of(RULES, (struct cli_rules_view){ .tag = "shell" });
	AUTO_FREE char *worse = text_of(RULES, (struct cli_rules_view){ .priority = "WARNING" });
	AUTO_FREE char *both =
		text_of(RULES, (struct cli_rules_view){ .tag = "shell", .priority = "error" });

	(void)state;
	assert_non_null(strstr(tag, "odd"));
	assert_null(strstr(tag, "slow"));
	assert_null(strstr(worse, "Notice"));
	assert_non_null(strstr(worse, "slow"));
	assert_non_null(strstr(both, "1 of 3 rules"));
}

static void statistics_stand_by_the_time_they_took(void **state)
{
	AUTO_FREE char *text = text_of(RULES, (struct cli_rules_view){ .stats = true });

	(void)state;
	assert_string_equal(text,
			    "RULE   EVALUATED  MATCHED     TIME  NS EACH\n"
			    "slow           2        0  9.000ms  4500000\n"
			    "shell       1000        3  1.500ms     1500\n"
			    "odd            0        0  0.000ms        -\n"
			    "3 of 3 rules of 1 files, loaded 2026-11-22T03:40:32Z, match: first\n");
}

static void a_refused_reload_is_told(void **state)
{
	AUTO_FREE char *text = text_of("{\"rules\":[],\"problem\":\"a.yaml:3:1: error\\u001b[1m\"}",
				       (struct cli_rules_view){ .stats = false });

	(void)state;
	assert_non_null(strstr(text, "The last reload was refused: a.yaml:3:1: error\\x1b[1m\n"));
	assert_non_null(strstr(text, "0 of 0 rules"));
}

static void answers_of_another_shape_do_no_harm(void **state)
{
	static const char *const odd[] = {
		"{}", "[]", "{\"rules\":7,\"files\":{},\"loaded\":[],\"problem\":{}}",
		"{\"rules\":[null,7,\"x\",[],{}]}",
		"{\"rules\":[{\"name\":7,\"tags\":[1,null,{}],\"nanoseconds\":-1,"
		"\"evaluations\":\"x\",\"served\":false,\"reason\":5}]}"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (int stats = 0; stats < 2; stats++) {
			AUTO_FREE char *text =
				text_of(odd[i], (struct cli_rules_view){ .stats = stats });
			AUTO_FREE char *some = text_of(
				odd[i], (struct cli_rules_view){
						.stats = stats, .tag = "x", .priority = "debug" });

			assert_non_null(strstr(some, "0 of "));
			assert_non_null(strchr(text, '\n'));
		}
	}
}

static void names_of_rules_reach_the_terminal_escaped(void **state)
{
	AUTO_FREE char *text =
		text_of("{\"rules\":[{\"name\":\"\\u001b]0;x\\u0007\",\"priority\":\"\\u009b\","
			"\"tags\":[\"a\\nb\"],\"served\":false,\"reason\":\"\\r\"}]}",
			(struct cli_rules_view){ .terminal = { .colour = true } });

	(void)state;
	assert_null(strstr(text, "\033]"));
	assert_null(strchr(text, '\r'));
	assert_null(strchr(text, '\007'));
	assert_non_null(strstr(text, "a\\x0ab"));
}

static void priorities_are_known_in_any_case(void **state)
{
	unsigned level = 99;

	(void)state;
	assert_true(cli_rules_priority("Emergency", &level));
	assert_int_equal(level, 0);
	assert_true(cli_rules_priority("INFO", &level));
	assert_int_equal(level, 6);
	assert_true(cli_rules_priority("informational", &level));
	assert_int_equal(level, 6);
	assert_false(cli_rules_priority("", &level));
	assert_false(cli_rules_priority(NULL, &level));
	assert_false(cli_rules_priority("warn", &level));
	assert_int_equal(level, 6);
}

/* What is wrong is said before anybody is asked. */
static int command(const char *a, const char *b, const char *c)
{
	char *argv[] = { strdup("rules"), strdup(a), b ? strdup(b) : NULL, c ? strdup(c) : NULL,
			 NULL };
	int r = cli_rules(c ? 4 : b ? 3 : 2, argv);

	for (size_t i = 0; i < 4; i++)
		free(argv[i]);
	return r;
}

static void wrong_usage_is_refused(void **state)
{
	(void)state;
	assert_int_equal(command("frobnicate", NULL, NULL), CLI_USAGE);
	assert_int_equal(command("stats", "extra", NULL), CLI_USAGE);
	assert_int_equal(command("reload", "extra", NULL), CLI_USAGE);
	assert_int_equal(command("list", "--format", "xml"), CLI_USAGE);
	assert_int_equal(command("list", "--priority", "worst"), CLI_USAGE);
	assert_int_equal(command("stats", "--tag", "x"), CLI_USAGE);
	assert_int_equal(command("stats", "--nonsense", NULL), CLI_USAGE);
	assert_int_equal(command("--help", NULL, NULL), CLI_OK);
	assert_int_equal(command("stats", "--help", NULL), CLI_OK);
	assert_int_equal(command("stats", "--socket", "/nonexistent/sock"), CLI_FAILED);
}

int main(void)
{
	const struct CMUnitTest rules[] = {
		cmocka_unit_test(a_list_says_what_each_rule_is),
		cmocka_unit_test(a_list_can_be_of_a_tag_and_a_priority),
		cmocka_unit_test(statistics_stand_by_the_time_they_took),
		cmocka_unit_test(a_refused_reload_is_told),
		cmocka_unit_test(answers_of_another_shape_do_no_harm),
		cmocka_unit_test(names_of_rules_reach_the_terminal_escaped),
		cmocka_unit_test(priorities_are_known_in_any_case),
		cmocka_unit_test(wrong_usage_is_refused),
	};

	return cmocka_run_group_tests(rules, NULL, NULL);
}
