// SPDX-License-Identifier: GPL-2.0-or-later
/* What `bulkhead baseline` prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "collector/base/clock.h"
#include "http/cli_baseline.h"

#define NOW    (1800000000ULL * NS_PER_S) /* 2027-01-15T08:00:00Z */
#define ESCAPE "\\u001b[2J"

static const struct cli_terminal plain = { .colour = false };

/* The answer as text, by one of the functions below. */
static char *made(const char *json, void (*make)(const json_t *o, struct buf *out))
{
	struct buf b = { .fd = -1 };
	json_error_t why;
	json_t *o = json_loads(json, 0, &why);

	assert_non_null(o);
	buf_init(&b, 1u << 20);
	make(o, &b);
	json_decref(o);
	char *text = buf_take_str(&b);

	assert_non_null(text);
	assert_null(strchr(text, '\033'));
	return text;
}

static void list(const json_t *o, struct buf *out)
{
	cli_baselines_text(o, &plain, NOW, out);
}

static void each_image_is_a_row_with_how_far_it_is(void **state)
{
	AUTO_FREE char *text = made(
		"{\"baselines\":[{\"repository\":\"docker.io/library/nginx\",\"entrypoint\":"
		"\"nginx\",\"mode\":\"detect\",\"containers\":2,\"digests\":3,\"maturity\":{"
		"\"class\":\"write\",\"expected_new\":0.0041,\"progress\":1,\"complete\":true},"
		"\"entries\":{\"exec\":3,\"write\":9},\"deviations\":4,\"updated\":"
		"\"2027-01-15T07:00:00Z\"},"
		"{\"repository\":\"evil" ESCAPE "\",\"entrypoint\":\"\",\"mode\":\"learn\","
		"\"containers\":1,\"digests\":1,\"maturity\":{\"class\":\"syscall\","
		"\"expected_new\":1,\"progress\":0.427,\"complete\":false},\"entries\":{},"
		"\"deviations\":0}],"
		"\"store\":{\"images\":2,\"refused\":5,\"error\":\"disk full\"}}",
		list);

	(void)state;
	assert_non_null(strstr(text, "IMAGE                    ENTRYPOINT  MODE    LEARNED  WAITS "
				     "FOR     NEW  CONTAINERS  VERSIONS  ENTRIES  DEVIATIONS  "
				     "CHANGED\n"));
	assert_non_null(strstr(text, "docker.io/library/nginx  nginx       detect  yes      -     "
				     "     0.0041           2         3       12           4"));
	assert_non_null(strstr(text,
			       "evil\\x1b[2J              -           learn   42 %     "
			       "syscall    1.0000           1         1        0           0"));
	assert_non_null(strstr(text, "5 more found no room: see baseline.max_images.\n"));
	assert_non_null(strstr(text, "They cannot be written: disk full\n"));
}

static void an_empty_list_says_so(void **state)
{
	AUTO_FREE char *text = made("{\"baselines\":[],\"store\":{}}", list);

	(void)state;
	assert_string_equal(text, "No image has a baseline yet.\n");
}

#define MATURITY(complete, progress)                                                               \
	"{\"windows\":812,\"singletons\":2,\"entries\":9,\"expected_new\":0.0037,"                 \
	"\"progress\":" progress ",\"windows_left\":7,\"complete\":" complete ",\"voided\":1}"
#define ONE                                                                                        \
	"{\"repository\":\"docker.io/library/nginx\",\"entry\":\"nginx\",\"name\":\"n~n~1\","      \
	"\"mode\":\"detect\",\"mode_since\":\"2027-01-14T06:07:08.5Z\",\"mode_by\":\"root\","      \
	"\"containers\":9,\"living\":2,\"bytes\":2048,\"complete\":false,\"imported\":true,"       \
	"\"actions\":{\"exec\":\"kill\",\"write\":\"alert\"},"                                     \
	"\"sets\":{\"exec\":["                                                                     \
	"{\"entry\":\"/bin/a" ESCAPE " < -\",\"first\":\"2027-01-10T00:00:00Z\",\"last\":"         \
	"\"2027-01-11T00:00:00Z\",\"windows\":{\"steady\":4,\"injected\":3},\"containers\":2,"     \
	"\"accepted\":true,\"dropped\":true},"                                                     \
	"{\"entry\":\"/bin/b < -\",\"first\":\"2027-01-14T00:00:00Z\",\"rejected\":true}],"        \
	"\"write\":[{\"entry\":\"/var/*.log\",\"first\":\"2027-01-14T10:00:00Z\"}]},"              \
	"\"maturity\":{\"exec\":{\"start-up\":" MATURITY("true", "1") ",\"steady\":" MATURITY(     \
		"true",                                                                            \
		"1") ",\"shut-down\":{\"windows\":0},\"injected\":{},\"refused\":6},"              \
		     "\"write\":{\"start-up\":{\"windows\":0},\"steady\":" MATURITY(               \
			     "false",                                                              \
			     "0.876") ",\"shut-down\":{\"windows\":3,\"progress\":0.05},"          \
				      "\"refused\":0}},"                                           \
				      "\"versions\":[{\"id\":\"sha256:0123456789abcdef0123\","     \
				      "\"reference\":\"nginx:1.25\","                              \
				      "\"inherited\":true,\"learned\":false,\"windows\":31,"       \
				      "\"progress\":0.31,"                                         \
				      "\"windows_left\":69,\"complete\":false,\"last\":\"2027-01-" \
				      "15T07:08:09Z\"}],"                                          \
				      "\"usual\":{\"cpu\":{\"unit\":\"cores\",\"values\":60,"      \
				      "\"median\":0.0123456,\"p95\":0.5,"                          \
				      "\"p99\":1.25,\"max\":3},\"memory\":{\"unit\":\"bytes\","    \
				      "\"values\":9,\"median\":1048576,"                           \
				      "\"p95\":1,\"p99\":2,\"max\":3},\"fds\":{\"unit\":"          \
				      "\"descriptors\",\"values\":0}},"                            \
				      "\"can_enforce\":false,\"why_not\":\"not learned yet: "      \
				      "write\",\"layer\":\"trampoline\","                          \
				      "\"can_deny\":true}"

static struct cli_baseline_view view;

static void one(const json_t *o, struct buf *out)
{
	view.terminal = plain;
	cli_baseline_text(o, &view, out);
}

static void one_image_shows_what_is_known_and_how_well(void **state)
{
	view = (struct cli_baseline_view){ .class = NULL };
	AUTO_FREE char *text = made(ONE, one);

	(void)state;
	assert_non_null(strstr(text, "image       docker.io/library/nginx\n"
				     "entrypoint  nginx\n"
				     "name        n~n~1\n"
				     "mode        detect, since 2027-01-14 06:07:08, by root\n"
				     "containers  2 now, 9 in all\n"
				     "size        2.0KiB\n"
				     "learned     not yet\n"
				     "            a proposal: nothing of it was seen here yet\n"
				     "enforce     it cannot be enforced: not learned yet: write\n"
				     "kernel      trampoline: refuses before it happens\n"));
	assert_non_null(strstr(text, "CLASS  ENTRIES  ACTION  WINDOWS  ONCE     NEW  LEARNED  LEFT"
				     "  START-UP  SHUT-DOWN  VOIDED  REFUSED\n"));
	assert_non_null(strstr(text, "exec         2  kill        812     2  0.0037  yes         7"
				     "  yes       not seen        1        6\n"));
	assert_non_null(strstr(text, "write        1  alert       812     2  0.0037  87 %        7"
				     "  not seen  5 %             1        0\n"));
	assert_non_null(strstr(text, "nginx:1.25  sha256:0123456789ab  inherited  31 %          31"
				     "    69  2027-01-15 07:08\n"));
	assert_non_null(strstr(text, "cpu      0.0123   0.5  1.25     3  cores\n"));
	assert_non_null(strstr(text, "memory   1.0MiB    1B    2B    3B  bytes\n"));
	assert_null(strstr(text, "descriptors")); /* nothing was measured */
	assert_null(strstr(text, "/bin/a"));
}

static void entries_are_shown_by_class_or_since_a_time(void **state)
{
	(void)state;
	view = (struct cli_baseline_view){ .class = "exec" };
	AUTO_FREE char *text = made(ONE, one);

	assert_non_null(strstr(text, "exec   /bin/a\\x1b[2J < -        7           2  2027-01-10 "
				     "00:00  2027-01-11 00:00  accepted,dropped\n"));
	assert_non_null(strstr(text, "exec   /bin/b < -"));
	assert_non_null(strstr(text, "rejected\n"));
	assert_null(strstr(text, "/var/*.log"));
	view = (struct cli_baseline_view){ .since_ns = NOW - 32 * 3600 * NS_PER_S };
	AUTO_FREE char *since = made(ONE, one);

	assert_non_null(strstr(since, "/bin/b"));
	assert_non_null(strstr(since, "/var/*.log"));
	assert_null(strstr(since, "/bin/a"));
	view = (struct cli_baseline_view){ .class = "all" };
	AUTO_FREE char *all = made(ONE, one);

	assert_non_null(strstr(all, "/bin/a"));
	assert_non_null(strstr(all, "/var/*.log"));
}

static void deviations(const json_t *o, struct buf *out)
{
	cli_deviations_text(o, &plain, out);
}

static void deviations_come_newest_first_with_what_they_are_in_general(void **state)
{
	AUTO_FREE char *text =
		made("{\"repository\":\"r\",\"entrypoint\":\"e\",\"refused\":2,\"deviations\":["
		     "{\"class\":\"exec\",\"entry\":\"/bin/old\",\"last\":\"2027-01-10T00:00:00Z\","
		     "\"count\":1},"
		     "{\"class\":\"write\",\"entry\":\"/tmp/a-8374" ESCAPE "\",\"last\":"
		     "\"2027-01-11T00:00:00Z\",\"count\":12,\"generalised\":\"/tmp/a-*\"}]}",
		     deviations);

	(void)state;
	assert_non_null(strstr(text, "2027-01-11 00:00     12  write  /tmp/a-8374\\x1b[2J  "
				     "/tmp/a-*\n2027-01-10 00:00      1  exec   /bin/old"));
	assert_non_null(strstr(text, "2 more found no room here"));
	AUTO_FREE char *none = made("{\"repository\":\"r\",\"deviations\":[]}", deviations);

	assert_string_equal(none, "image       r\nNothing was told that is not known by now.\n");
}

static void diff(const json_t *o, struct buf *out)
{
	cli_diff_text(o, &plain, out);
}

static void two_versions_are_set_side_by_side(void **state)
{
	AUTO_FREE char *text =
		made("{\"repository\":\"r\",\"entrypoint\":\"e\",\"a\":{\"id\":\"sha256:aa\","
		     "\"reference\":\"r:1\",\"inherited\":false,\"learned\":true},\"b\":{\"id\":"
		     "\"sha256:bb\",\"inherited\":true,\"learned\":false},\"entries\":["
		     "{\"class\":\"exec\",\"entry\":\"/bin/x" ESCAPE "\",\"in\":\"a\"},"
		     "{\"class\":\"listen\",\"entry\":\"tcp/80\",\"in\":\"b\"}]}",
		     diff);

	(void)state;
	assert_string_equal(text, "image       r\n"
				  "entrypoint  e\n"
				  "a, shown -  sha256:aa (r:1), learned\n"
				  "b, shown +  sha256:bb, inherited, not learned yet\n"
				  "- exec /bin/x\\x1b[2J\n"
				  "+ listen tcp/80\n");
	AUTO_FREE char *same = made("{\"repository\":\"r\",\"entries\":[]}", diff);

	assert_non_null(strstr(same, "They do not differ.\n"));
}

static void preview(const json_t *o, struct buf *out)
{
	cli_preview_text(o, &plain, out);
}

static void a_preview_says_what_would_be_done_and_by_what_means(void **state)
{
	AUTO_FREE char *text = made(
		"{\"repository\":\"r\",\"entrypoint\":\"e\",\"mode\":\"detect\",\"hours\":24,"
		"\"can_enforce\":true,\"layer\":\"tracepoint\",\"can_deny\":false,"
		"\"acts\":[{\"class\":\"exec\",\"action\":\"kill\",\"means\":\"killed\"},{"
		"\"class\":"
		"\"write\",\"action\":\"deny\",\"means\":\"killed late" ESCAPE
		"\",\"why\":\"no\"}],"
		"\"not_learned\":[\"exec\",\"write\"],\"blocked\":[{\"class\":\"exec\",\"entry\":"
		"\"/bin/x" ESCAPE "\",\"last\":\"2027-01-10T00:00:00Z\",\"count\":3,\"action\":"
		"\"kill\",\"means\":\"killed before its first instruction\"}],\"counts\":{"
		"\"entries\":1,\"events\":3,\"known_programs\":2,\"exec\":1}}",
		preview);

	(void)state;
	assert_non_null(strstr(text,
			       "mode        detect\n"
			       "enforce     it can be enforced\n"
			       "kernel      tracepoint: ends processes, refuses nothing\n"
			       "blocks      exec: killed\n"
			       "            write: killed late\\x1b[2J, not refused: no\n"
			       "not learned exec, write\n"
			       "blocked     1 entries, seen 3 times in the last 24 hours\n"
			       "            2 programs of the image that others started: told "
			       "alone\n"));
	assert_non_null(strstr(text, "2027-01-10 00:00      3  exec   /bin/x\\x1b[2J  kill    "
				     "killed before its first instruction\n"));
}

static void answers_that_lack_everything_are_no_harm(void **state)
{
	static void (*const makers[])(const json_t *o, struct buf *out) = { list, one, deviations,
									    diff, preview };
	static const char *const odd[] = {
		"{}",
		"[]",
		"{\"baselines\":[{}, 3, null],\"store\":[]}",
		"{\"maturity\":{\"exec\":3},\"usual\":{\"cpu\":[]},\"sets\":{\"exec\":{}},"
		"\"versions\":[null],\"mode_since\":\"x\"}",
		"{\"deviations\":[{},1],\"blocked\":[{},1],\"entries\":[{},1],\"a\":1,"
		"\"not_learned\":[{}]}",
	};

	(void)state;
	view = (struct cli_baseline_view){ .class = "all", .since_ns = 1 };
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++)
			free(made(odd[k], makers[i]));
}

static int run(const char *const *words)
{
	char *argv[12] = { NULL };
	int argc = 0;

	for (; words[argc]; argc++)
		argv[argc] = strdup(words[argc]);
	const int r = cli_baseline(argc, argv);

	for (int i = 0; i < 12; i++)
		free(argv[i]);
	return r;
}

#define RUN(...) run((const char *const[]){ "baseline", __VA_ARGS__, NULL })

static void wrong_words_are_wrong_usage(void **state)
{
	(void)state;
	assert_int_equal(RUN("nonsense"), CLI_USAGE);
	assert_int_equal(RUN("show"), CLI_USAGE);
	assert_int_equal(RUN("show", "a", "b"), CLI_USAGE);
	assert_int_equal(RUN("diff", "a"), CLI_USAGE);
	assert_int_equal(RUN("accept", "nginx", "exec"), CLI_USAGE); /* no entry */
	assert_int_equal(RUN("accept", "nginx", "--entry", "x"), CLI_USAGE);
	assert_int_equal(RUN("show", "a", "--format", "xml"), CLI_USAGE);
	assert_int_equal(RUN("show", "a", "--since", "soon"), CLI_USAGE);
	assert_int_equal(RUN("--nonsense"), CLI_USAGE);
	assert_int_equal(RUN("list", "--socket", "/nonexistent/s"), CLI_FAILED);
	assert_int_equal(RUN("import", "/nonexistent/f", "--socket", "/nonexistent/s"), CLI_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_image_is_a_row_with_how_far_it_is),
		cmocka_unit_test(an_empty_list_says_so),
		cmocka_unit_test(one_image_shows_what_is_known_and_how_well),
		cmocka_unit_test(entries_are_shown_by_class_or_since_a_time),
		cmocka_unit_test(deviations_come_newest_first_with_what_they_are_in_general),
		cmocka_unit_test(two_versions_are_set_side_by_side),
		cmocka_unit_test(a_preview_says_what_would_be_done_and_by_what_means),
		cmocka_unit_test(answers_that_lack_everything_are_no_harm),
		cmocka_unit_test(wrong_words_are_wrong_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
