// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rules_main.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <strings.h>

#include "collector/base/io.h"
#include "detector/rules_main_internal.h"

static const char help[] =
	"Usage: bulkhead rules check [--strict] [--format FORMAT] FILE|DIR...\n"
	"       bulkhead rules list [--tag T] [--priority P] [--format FORMAT] FILE|DIR...\n"
	"       bulkhead rules explain RULE [--full] [--format FORMAT] FILE|DIR...\n"
	"       bulkhead rules fields [CLASS] [--format FORMAT]\n"
	"       bulkhead rules test FILE|DIR... --events RECORDING [--rule NAME]\n"
	"                      [--match first|all] [--expect-match] [--format FORMAT]\n"
	"Looks at rule files in the language of Falco (engine " RULE_ENGINE_VERSION
	"). Needs neither root nor a\n"
	"running agent. Files are read in the order given, a directory's *.yaml and *.yml in that\n"
	"of their names; later definitions replace, append to or override earlier ones.\n\n"
	"  check    reads, checks types and compiles every rule: what is wrong, with its place;\n"
	"           which rules cannot be served, and why\n"
	"  list     the rules\n"
	"  explain  one rule with its macros and lists put in place, the events that it is\n"
	"           evaluated for, the fields that it uses\n"
	"  fields   what conditions and outputs may ask of an event; all, or a class: proc, fd\n"
	"  test     matches a recording ('bulkhead record') and prints each match as Falco does,\n"
	"           times in UTC; then on standard error how often each rule matched\n\n"
	"      --format FORMAT     text (default) or json; --json is the same as --format json\n"
	"      --strict            check: warnings are errors\n"
	"      --tag T             list: rules with this tag alone\n"
	"      --priority P        list: this and worse: emergency, alert, critical, error, "
	"warning,\n"
	"                          notice, informational, debug\n"
	"      --full              explain: lists whole, not their first 10 values alone\n"
	"      --events RECORDING  test: the recording\n"
	"      --rule NAME         test: this rule alone, also when it is not enabled\n"
	"      --match first|all   test: for each event the first rule that matches (default), "
	"or\n"
	"                          all of them\n"
	"      --expect-match      test: exit code 3 when nothing matched\n"
	"  -h, --help              this text\n\n"
	"Exit codes: 0 done, 1 the files have errors or cannot be read, or the recording is "
	"damaged\n"
	"(it is read up to there), 2 wrong usage, 3 nothing matched (--expect-match).\n";

enum rules_option {
	OPT_FORMAT = 256,
	OPT_STRICT,
	OPT_TAG,
	OPT_PRIORITY,
	OPT_FULL,
	OPT_EVENTS,
	OPT_RULE,
	OPT_MATCH,
	OPT_EXPECT_MATCH,
	OPT_JSON
};
#define BIT(option) (1u << ((option)-OPT_FORMAT))
#define FORMATS	    (BIT(OPT_FORMAT) | BIT(OPT_JSON))

static const struct option longs[] = {
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "strict", no_argument, NULL, OPT_STRICT },
	{ "tag", required_argument, NULL, OPT_TAG },
	{ "priority", required_argument, NULL, OPT_PRIORITY },
	{ "full", no_argument, NULL, OPT_FULL },
	{ "events", required_argument, NULL, OPT_EVENTS },
	{ "rule", required_argument, NULL, OPT_RULE },
	{ "match", required_argument, NULL, OPT_MATCH },
	{ "expect-match", no_argument, NULL, OPT_EXPECT_MATCH },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const struct subcommand {
	const char *name;
	unsigned options; /* BIT()s of what it takes */
	bool word;	  /* its first argument is no file */
	bool files;	  /* it wants some */
	int (*run)(struct rules_command *c);
} subcommands[] = {
	{ "check", FORMATS | BIT(OPT_STRICT), false, true, rules_main_check },
	{ "list", FORMATS | BIT(OPT_TAG) | BIT(OPT_PRIORITY), false, true, rules_main_list },
	{ "explain", FORMATS | BIT(OPT_FULL), true, true, rules_main_explain },
	{ "fields", FORMATS, true, false, rules_main_fields },
	{ "test",
	  FORMATS | BIT(OPT_EVENTS) | BIT(OPT_RULE) | BIT(OPT_MATCH) | BIT(OPT_EXPECT_MATCH), false,
	  true, rules_main_test },
};

static const char *const priorities[ALERT_SEVERITY_COUNT] = {
	[ALERT_EMERGENCY] = "Emergency", [ALERT_ALERT] = "Alert",     [ALERT_CRITICAL] = "Critical",
	[ALERT_ERROR] = "Error",	 [ALERT_WARNING] = "Warning", [ALERT_NOTICE] = "Notice",
	[ALERT_INFO] = "Informational",	 [ALERT_DEBUG] = "Debug"
};

const char *rules_main_priority_name(enum alert_severity p)
{
	return (unsigned)p < ALERT_SEVERITY_COUNT ? priorities[p] : "";
}

static bool find_priority(const char *name, enum alert_severity *out)
{
	for (unsigned p = 0; p < ALERT_SEVERITY_COUNT; p++) {
		if (strcasecmp(name, priorities[p]) == 0 ||
		    (p == ALERT_INFO && strcasecmp(name, "info") == 0)) {
			*out = (enum alert_severity)p;
			return true;
		}
	}
	return false;
}

static int bad_usage(const char *text)
{
	fprintf(stderr, "%s%sTry 'bulkhead rules --help'.\n", text, *text ? "\n" : "");
	return RULES_USAGE;
}

/* "text" or "json", "first" or "all": whether it is the second. */
static int choose(const char *first, const char *second, bool *is_second)
{
	*is_second = strcmp(optarg, second) == 0;
	if (*is_second || strcmp(optarg, first) == 0)
		return 0;
	fprintf(stderr, "It is %s or %s.\n", first, second);
	return bad_usage("");
}

static int take(struct rules_command *c, enum rules_option option)
{
	switch (option) {
	case OPT_FORMAT:
		return choose("text", "json", &c->json);
	case OPT_MATCH:
		return choose("first", "all", &c->match_all);
	case OPT_PRIORITY:
		return find_priority(optarg, &c->priority) ? 0 : bad_usage("No such priority.");
	case OPT_JSON:
		c->json = true;
		return 0;
	case OPT_STRICT:
		c->strict = true;
		return 0;
	case OPT_FULL:
		c->full = true;
		return 0;
	case OPT_EXPECT_MATCH:
		c->expect_match = true;
		return 0;
	case OPT_TAG:
		c->tag = optarg;
		return 0;
	case OPT_EVENTS:
		c->recording = optarg;
		return 0;
	case OPT_RULE:
		c->only = optarg;
		return 0;
	}
	return bad_usage("");
}

/* What is left behind the options. */
static int take_words(struct rules_command *c, const struct subcommand *s, int argc, char **argv)
{
	int at = optind;

	if (s->word && at < argc)
		c->only = argv[at++];
	else if (s->word && s->files)
		return bad_usage("The name of a rule is missing.");
	c->files = argv + at;
	c->files_n = (size_t)(argc - at);
	if (s->files && c->files_n == 0)
		return bad_usage("A file of rules is missing.");
	if (!s->files && c->files_n > 0)
		return bad_usage("One class at a time.");
	if (s->run == rules_main_test && !c->recording)
		return bad_usage("--events RECORDING is missing.");
	return 0;
}

static int run(struct rules_command *c, const struct subcommand *s, int argc, char **argv)
{
	int option, r = 0;

	optind = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return RULES_GOOD;
		}
		if (option == '?')
			return bad_usage("");
		if (!(s->options & BIT(option))) {
			fprintf(stderr, "'rules %s' does not take that option.\n", s->name);
			return bad_usage("");
		}
		r = take(c, (enum rules_option)option);
	}
	if (r == 0)
		r = take_words(c, s, argc, argv);
	return r ? r : s->run(c);
}

int rules_main(int argc, char **argv)
{
	struct rules_command c = { .priority = ALERT_DEBUG };
	int r = -1;

	if (argc < 2)
		return bad_usage("rules takes check, list, explain, fields or test.");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, stdout);
		return RULES_GOOD;
	}
	evt_type_init();
	rule_set_init(&c.set);
	buf_init(&c.out, RULES_OUT_MAX);
	for (size_t i = 0; r < 0 && i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (strcmp(argv[1], subcommands[i].name) == 0)
			r = run(&c, &subcommands[i], argc - 1, argv + 1);
	if (r < 0)
		r = bad_usage("rules takes check, list, explain, fields or test.");
	rule_program_free(c.program);
	rule_set_release(&c.set);
	buf_release(&c.out);
	return r;
}

int rules_main_print(struct rules_command *c, int code)
{
	int r = c->out.failed ? -ENOMEM : io_write_all(STDOUT_FILENO, c->out.data, c->out.len);

	buf_clear(&c->out);
	if (r == 0 || r == -EPIPE)
		return code;
	fprintf(stderr, "bulkheadd: cannot write: %s\n", strerror(-r));
	return RULES_FAULTY;
}

/* --- small parts that several commands print ----------------------------------------------- */

bool rules_main_has_tag(const struct rule *r, const char *tag)
{
	for (size_t i = 0; i < r->tags_n; i++)
		if (span_eq(r->tags[i], tag))
			return true;
	return false;
}

const struct checked_rule *rules_main_find(const struct rules_command *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (span_eq(c->rules[i].rule->name, name))
			return &c->rules[i];
	return NULL;
}
