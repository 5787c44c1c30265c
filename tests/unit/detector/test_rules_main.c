// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands about rules: what they print and how they exit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "detector/rules_main.h"
#include "tests/unit/fixture.h"

#define OUT_BYTES 65536

static char out[OUT_BYTES];

/* Runs `rules WORDS...` with its standard output in `out`; a word "@x" is the file x of t. */
static int rules(const struct tree *t, const char *const *words)
{
	int memory = memfd_create("out", MFD_CLOEXEC), keep = dup(STDOUT_FILENO), argc = 1;
	char *argv[16] = { strdup("rules") };

	for (; words[argc - 1]; argc++) {
		const char *w = words[argc - 1];
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", t->path, w + 1);
		argv[argc] = strdup(*w == '@' ? path : w);
	}
	fflush(stdout);
	assert_true(memory >= 0 && keep >= 0 && dup2(memory, STDOUT_FILENO) >= 0);
	int r = rules_main(argc, argv);

	fflush(stdout);
	assert_true(dup2(keep, STDOUT_FILENO) >= 0);
	ssize_t n = pread(memory, out, sizeof(out) - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	close(memory);
	close(keep);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return r;
}
#define RULES(t, ...) rules(t, (const char *const[]){ __VA_ARGS__, NULL })

#define RULE(name, condition, output)                                                              \
	"- rule: " name "\n  desc: d\n  condition: " condition "\n  output: " output               \
	"\n  priority: ERROR\n  tags: [t]\n"

static const char files[] =
	"@ good.yaml\n"
	"- macro: started\n  condition: (evt.type = execve)\n"
	"- list: shells\n  items: [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12]\n" RULE(
		"Shell", "started and proc.name in (shells)",
		"\"%proc.name %evt.arg.flags\"") "@ bad.yaml\n" RULE("Bad",
								     "evt.type = execve and "
								     "proc.nam = x",
								     "o")
		RULE("Worse", "evt.type = execve",
		     "\"%\"") "@ macro.yaml\n"
			      "- macro: m\n  condition: (proc.nam = x)\n" RULE(
				      "Uses it", "evt.type = execve and m",
				      "o") "@ skip.yaml\n" RULE("Skip",
								"evt.type = execve and proc.nam = "
								"x",
								"o") "  skip-if-unknown-filter: "
								     "true\n"
								     "@ escape.yaml\n"
								     "- rule: \"\\e[31m\"\n  desc: "
								     "d\n  condition: evt.type = "
								     "execve and x.y = 1\n"
								     "  output: o\n  priority: "
								     "ERROR\n"
								     "@ empty.yaml\n"
								     "@ wide.yaml\n" RULE(
									     "Unseen",
									     "evt.type = getuid",
									     "o")
									     RULE("Every",
										  "proc.name = x",
										  "o") "@ "
										       "torn."
										       "yaml\n- "
										       "rule: [\n";

static void a_good_file_is_good(void **state)
{
	AUTO_TREE struct tree t = tree_make(files);

	(void)state;
	assert_int_equal(RULES(&t, "check", "@good.yaml"), 0);
	assert_string_equal(out, "1 rule, 1 macro, 1 list: 0 errors, 0 warnings\n");
	assert_int_equal(RULES(&t, "check", "@empty.yaml"), 0);
	assert_string_equal(out, "0 rules, 0 macros, 0 lists: 0 errors, 0 warnings\n");
}

static void faults_have_a_place(void **state)
{
	AUTO_TREE struct tree t = tree_make(files);

	(void)state;
	assert_int_equal(RULES(&t, "check", "@bad.yaml"), 1);
	assert_non_null(strstr(out, "/bad.yaml:3:36: error: rule 'Bad': unknown field 'proc.nam'"));
	assert_non_null(strstr(out, "/bad.yaml:10:12: error: rule 'Worse': output: a field is"));
	assert_non_null(strstr(out, "2 rules, 0 macros, 0 lists: 2 errors, 0 warnings"));
	assert_int_equal(RULES(&t, "check", "@macro.yaml"), 1);
	assert_non_null(strstr(out, "/macro.yaml:2:15: error: rule 'Uses it': "));
	assert_int_equal(RULES(&t, "check", "@torn.yaml"), 1);
	assert_non_null(strstr(out, "not compiled: "));
	assert_int_equal(RULES(&t, "check", "@nosuch.yaml"), 1);
	assert_non_null(strstr(out, "nosuch.yaml"));
	assert_int_equal(RULES(&t, "check", "@escape.yaml"), 1);
	assert_null(strchr(out, '\033'));
	assert_non_null(strstr(out, "unknown field 'x.y'"));
}

static void what_is_not_served_is_a_warning(void **state)
{
	AUTO_TREE struct tree t = tree_make(files);
	json_t *o;

	(void)state;
	assert_int_equal(RULES(&t, "check", "@skip.yaml"), 0);
	assert_non_null(strstr(out, "warning: rule 'Skip': skipped: unknown field 'proc.nam'"));
	assert_int_equal(RULES(&t, "check", "--strict", "@skip.yaml"), 1);
	assert_int_equal(RULES(&t, "check", "--json", "@wide.yaml"), 0);
	o = json_loads(out, 0, NULL);
	const json_t *list = json_object_get(o, "rules");

	assert_int_equal(json_array_size(list), 2);
	assert_true(json_is_false(json_object_get(json_array_get(list, 0), "served")));
	assert_true(json_is_true(json_object_get(json_array_get(list, 1), "served")));
	assert_true(json_is_true(json_object_get(json_array_get(list, 1), "all_types")));
	assert_int_equal(json_array_size(json_object_get(o, "messages")), 2);
	json_decref(o);
}

static void a_rule_is_explained(void **state)
{
	AUTO_TREE struct tree t = tree_make(files);

	(void)state;
	assert_int_equal(RULES(&t, "explain", "Shell", "@good.yaml"), 0);
	assert_non_null(strstr(out, "    and proc.name in (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10,"
				    " ... 2 more)\n"));
	assert_non_null(strstr(out, "\nevents     execve\n"));
	assert_non_null(strstr(out, "    evt.arg.flags "));
	assert_null(strstr(out, "unknown"));
	assert_int_equal(RULES(&t, "explain", "Shell", "--full", "@good.yaml"), 0);
	assert_non_null(strstr(out, "a11, a12)\n"));
	assert_int_equal(RULES(&t, "explain", "None", "@good.yaml"), 1);
	assert_int_equal(RULES(&t, "explain", "Shell", "@torn.yaml"), 1);
	assert_int_equal(RULES(&t, "explain", "Bad", "@bad.yaml"), 1);
	assert_non_null(strstr(out, "not served unknown field"));
}

static void lists_and_fields(void **state)
{
	AUTO_TREE struct tree t = tree_make(files);

	(void)state;
	assert_int_equal(RULES(&t, "list", "@good.yaml", "@skip.yaml"), 0);
	assert_string_equal(out, "Error          Shell  t\n"
				 "Error          Skip   t  (not served: unknown field 'proc.nam'; "
				 "did you mean 'proc.name'?)\n");
	assert_int_equal(RULES(&t, "list", "--tag", "u", "@good.yaml"), 0);
	assert_string_equal(out, "");
	assert_int_equal(RULES(&t, "list", "--priority", "critical", "--json", "@good.yaml"), 0);
	assert_string_equal(out, "[]\n");
	assert_int_equal(RULES(&t, "fields", "user"), 0);
	assert_memory_equal(out, "user.", 5);
	assert_int_equal(RULES(&t, "fields", "nosuch"), 1);
}

static void wrong_usage_is_refused(void **state)
{
	AUTO_TREE struct tree t = tree_make(files);

	(void)state;
	assert_int_equal(RULES(&t, "check"), 2);
	assert_int_equal(RULES(&t, "nonsense"), 2);
	assert_int_equal(RULES(&t, "check", "--tag", "x", "@good.yaml"), 2);
	assert_int_equal(RULES(&t, "list", "--priority", "worst", "@good.yaml"), 2);
	assert_int_equal(RULES(&t, "list", "--format", "xml", "@good.yaml"), 2);
	assert_int_equal(RULES(&t, "explain"), 2);
	assert_int_equal(RULES(&t, "test", "@good.yaml"), 2);
	assert_int_equal(RULES(&t, "test", "--match", "some", "@good.yaml"), 2);
	assert_int_equal(RULES(&t, "fields", "a", "b"), 2);
	assert_int_equal(RULES(&t, "test", "@good.yaml", "--events", "@nosuch"), 1);
	assert_int_equal(RULES(&t, "test", "@bad.yaml", "--events", "@nosuch"), 1);
	assert_int_equal(RULES(&t, "test", "@good.yaml", "--events", "@good.yaml"), 1);
	assert_int_equal(RULES(&t, "test", "@good.yaml", "--events", "x", "--rule", "y"), 1);
	assert_int_equal(RULES(&t, "check", "--help"), 0);
	assert_int_equal(RULES(&t, "--help"), 0);
}

int main(void)
{
	const struct CMUnitTest commands[] = {
		cmocka_unit_test(a_good_file_is_good),
		cmocka_unit_test(faults_have_a_place),
		cmocka_unit_test(what_is_not_served_is_a_warning),
		cmocka_unit_test(a_rule_is_explained),
		cmocka_unit_test(lists_and_fields),
		cmocka_unit_test(wrong_usage_is_refused),
	};

	return cmocka_run_group_tests(commands, NULL, NULL);
}
