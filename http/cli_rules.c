// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead rules: check, explain, fields, test and lists of files are bulkheadd's, which has the
 * code that understands them; what the running agent has loaded is asked of it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/cli.h"

#define OUT_MAX (64u << 20)

static const char help[] =
	"Usage: bulkhead rules check|explain|fields|test ...\n"
	"       bulkhead rules list [--tag T] [--priority P] [FILE|DIR...]\n"
	"       bulkhead rules stats\n"
	"       bulkhead rules reload\n"
	"Rules in the language of Falco.\n\n"
	"  check    reads rule files and says what is wrong with them, and which rules cannot be\n"
	"           served\n"
	"  explain  one rule with its macros and lists put in place\n"
	"  fields   what conditions and outputs may ask of an event\n"
	"  test     matches a recording ('bulkhead record') with rule files\n"
	"           'bulkhead rules check --help' shows the options of these four; they need\n"
	"           neither root nor a running agent\n"
	"  list     the rules of files; without files those of the running agent\n"
	"  stats    how often each rule of the running agent was evaluated and matched, and how\n"
	"           long that took, longest first\n"
	"  reload   lets the agent read its rule files again; root alone\n\n"
	"      --tag T         list: rules with this tag alone\n"
	"      --priority P    list: this and worse: emergency, alert, critical, error, warning,\n"
	"                      notice, informational, debug\n"
	"      --format FORMAT text (default) or json\n"
	"      --json          the same as --format json\n"
	"      --socket PATH   where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                      /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help          this text\n";

/* --- tables ----------------------------------------------------------------------------------- */

bool cli_rules_priority(const char *name, unsigned *level)
{
	static const char *const names[] = { "emergency", "alert",  "critical",	     "error",
					     "warning",	  "notice", "informational", "debug" };

	if (name && strcasecmp(name, "info") == 0)
		name = "informational";
	for (unsigned i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) == 0) {
			*level = i;
			return true;
		}
	}
	return false;
}

static bool has_tag(const json_t *rule, const char *tag)
{
	const json_t *tags = json_object_get(rule, "tags");

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *t = json_string_value(json_array_get(tags, i));

		if (t && strcmp(t, tag) == 0)
			return true;
	}
	return false;
}

static bool wanted(const json_t *rule, const struct cli_rules_view *view)
{
	unsigned least, level;

	if (view->priority &&
	    (!cli_rules_priority(view->priority, &least) ||
	     !cli_rules_priority(cli_get_text(rule, "priority"), &level) || level > least))
		return false;
	return !view->tag || has_tag(rule, view->tag);
}

static void tags_cell(struct cli_table *t, const json_t *rule)
{
	const json_t *tags = json_object_get(rule, "tags");
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 65536);
	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *tag = json_string_value(json_array_get(tags, i));

		if (tag)
			buf_printf(&b, "%s%s", b.len ? "," : "", tag);
	}
	buf_add_char(&b, '\0');
	cli_table_cell(t, b.failed ? NULL : b.data, CLI_PLAIN);
}

static void state_cell(struct cli_table *t, const json_t *rule)
{
	const char *reason = cli_get_text(rule, "reason"), *state = cli_get_text(rule, "state");
	char text[512];

	if (json_is_false(json_object_get(rule, "served"))) {
		snprintf(text, sizeof(text), "not served: %s", reason ? reason : "?");
		cli_table_cell(t, text, CLI_YELLOW);
	} else if (json_is_false(json_object_get(rule, "enabled"))) {
		cli_table_cell(t, "off", CLI_DIM);
	} else if (state && strcmp(state, "on") != 0) { /* tags or priority leave it out */
		cli_table_cell(t, state, CLI_DIM);
	} else {
		cli_table_cell(t, "on", CLI_GREEN);
	}
}

static uint64_t figure(const json_t *rule, const char *key)
{
	uint64_t v = 0;

	cli_get_u64(rule, key, &v);
	return v;
}

static void figure_cell(struct cli_table *t, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	cli_table_cell(t, text, CLI_PLAIN);
}

static void list_row(struct cli_table *t, const json_t *rule)
{
	const char *priority = cli_get_text(rule, "priority");
	unsigned level = 7;

	cli_rules_priority(priority, &level);
	cli_table_cell(t, priority, level <= 3 ? CLI_RED : level == 4 ? CLI_YELLOW : CLI_PLAIN);
	cli_table_cell(t, cli_get_text(rule, "name"), CLI_PLAIN);
	tags_cell(t, rule);
	state_cell(t, rule);
}

static void time_cell(struct cli_table *t, uint64_t ns, uint64_t scale, const char *unit)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 64);
	buf_printf(&b, "%llu.%03u%s", (unsigned long long)(ns / scale),
		   (unsigned)(ns % scale / (scale / 1000)), unit);
	buf_add_char(&b, '\0');
	cli_table_cell(t, b.failed ? NULL : b.data, CLI_PLAIN);
}

static void stats_row(struct cli_table *t, const json_t *rule)
{
	const uint64_t evaluations = figure(rule, "evaluations");
	const uint64_t ns = figure(rule, "nanoseconds");

	cli_table_cell(t, cli_get_text(rule, "name"), CLI_PLAIN);
	figure_cell(t, evaluations);
	figure_cell(t, figure(rule, "matches"));
	time_cell(t, ns, 1000000, "ms");
	if (evaluations > 0)
		figure_cell(t, ns / evaluations);
	else
		cli_table_cell(t, NULL, CLI_DIM);
}

static int slowest_first(const void *a, const void *b)
{
	const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
	const uint64_t m = figure(x, "nanoseconds"), n = figure(y, "nanoseconds");
	const char *p = cli_get_text(x, "name"), *q = cli_get_text(y, "name");

	if (m != n)
		return m < n ? 1 : -1;
	return strcmp(p ? p : "", q ? q : "");
}

static void add_word(struct buf *out, const char *before, const char *text)
{
	buf_add_str(out, before);
	buf_add_visible(out, span_str(text ? text : "-"));
}

static void add_foot(const json_t *answer, size_t shown, struct buf *out)
{
	const char *problem = cli_get_text(answer, "problem");
	const char *match = cli_get_text(answer, "match");

	buf_printf(out, "%zu of %zu rules of %zu files", shown,
		   json_array_size(json_object_get(answer, "rules")),
		   json_array_size(json_object_get(answer, "files")));
	add_word(out, ", loaded ", cli_get_text(answer, "loaded"));
	if (match)
		add_word(out, ", match: ", match);
	if (problem)
		add_word(out, "\nThe last reload was refused: ", problem);
	buf_add_char(out, '\n');
}

int cli_rules_text(const json_t *answer, const struct cli_rules_view *view, struct buf *out)
{
	static const struct cli_column list_columns[] = { { "PRIORITY", false, 0 },
							  { "RULE", false, 20 },
							  { "TAGS", false, 8 },
							  { "STATE", false, 10 } };
	static const struct cli_column stats_columns[] = { { "RULE", false, 20 },
							   { "EVALUATED", true, 0 },
							   { "MATCHED", true, 0 },
							   { "TIME", true, 0 },
							   { "NS EACH", true, 0 } };
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	const json_t *rules = json_object_get(answer, "rules");
	const size_t n = json_array_size(rules);
	AUTO_FREE const json_t **order = calloc(n ? n : 1, sizeof(*order));
	size_t shown = 0;

	if (!order)
		return CLI_FAILED;
	for (size_t i = 0; i < n; i++)
		if (wanted(json_array_get(rules, i), view))
			order[shown++] = json_array_get(rules, i);
	if (view->stats) {
		qsort(order, shown, sizeof(*order), slowest_first);
		cli_table_init(&t, stats_columns, 5);
	} else {
		cli_table_init(&t, list_columns, 4);
	}
	for (size_t i = 0; i < shown; i++)
		(view->stats ? stats_row : list_row)(&t, order[i]);
	cli_table_print(&t, &view->terminal, out);
	add_foot(answer, shown, out);
	return CLI_OK;
}

/* --- asking the agent ------------------------------------------------------------------------- */

static int show(const struct cli_options *o, struct cli_rules_view *view)
{
	AUTO_BUF struct buf out = { .fd = -1 };
	char socket[PATH_MAX];
	json_t *answer = cli_ask(cli_socket_path(o->socket, socket, sizeof(socket)), WIRE_OP_GET,
				 "/api/v1/rules", "");
	int r = answer ? CLI_OK : CLI_FAILED;

	buf_init(&out, OUT_MAX);
	view->terminal = cli_terminal();
	if (answer && o->json) {
		r = cli_print_json(answer);
	} else if (answer) {
		r = cli_rules_text(answer, view, &out);
		r = r == CLI_OK ? cli_print(&out) : r;
	}
	json_decref(answer);
	return r;
}

static int reload(const struct cli_options *o)
{
	char socket[PATH_MAX];
	json_t *answer = cli_ask(cli_socket_path(o->socket, socket, sizeof(socket)),
				 WIRE_OP_COMMAND, "/api/v1/reload", "");
	const char *problem = cli_get_text(answer, "problem");
	int r = answer && !problem ? CLI_OK : CLI_FAILED;
	uint64_t rules;

	if (answer && o->json)
		r = cli_print_json(answer) == CLI_OK ? r : CLI_FAILED;
	else if (problem)
		cli_complain(problem);
	else if (cli_get_u64(answer, "rules", &rules))
		printf("%llu rules\n", (unsigned long long)rules);
	json_decref(answer);
	return r;
}

/* --- the command ------------------------------------------------------------------------------ */

enum { OPT_FORMAT = CLI_OPT_OWN, OPT_TAG, OPT_PRIORITY };

static int take(struct cli_options *common, struct cli_rules_view *view, bool list, int option)
{
	unsigned level;

	if (option == OPT_FORMAT) {
		common->json = strcmp(optarg, "json") == 0;
		if (common->json || strcmp(optarg, "text") == 0)
			return CLI_GO_ON;
		fprintf(stderr, "--format takes text or json.\n");
		return cli_bad_usage("rules");
	}
	if (option != OPT_TAG && option != OPT_PRIORITY)
		return cli_common_option(common, option);
	if (!list) {
		fprintf(stderr, "--tag and --priority are for lists.\n");
		return cli_bad_usage("rules");
	}
	if (option == OPT_TAG) {
		view->tag = optarg;
	} else if (cli_rules_priority(optarg, &level)) {
		view->priority = optarg;
	} else {
		fprintf(stderr, "There is no such priority.\n");
		return cli_bad_usage("rules");
	}
	return CLI_GO_ON;
}

static int bulkheadd(int argc, char **argv)
{
	return cli_bulkheadd(argc, argv, "cannot find bulkheadd, which understands rules");
}

static int of_agent(const char *what, int argc, char **argv)
{
	static const struct option options[] = { { "format", required_argument, NULL, OPT_FORMAT },
						 { "tag", required_argument, NULL, OPT_TAG },
						 { "priority", required_argument, NULL,
						   OPT_PRIORITY },
						 CLI_COMMON_OPTIONS };
	struct cli_options common = { .command = "rules", .help = help };
	struct cli_rules_view view = { .stats = strcmp(what, "stats") == 0 };
	const bool list = strcmp(what, "list") == 0;
	int option, r = CLI_GO_ON;

	optind = 0;
	while (r == CLI_GO_ON &&
	       (option = getopt_long(argc - 1, argv + 1, "h", options, NULL)) != -1)
		r = take(&common, &view, list, option);
	if (r != CLI_GO_ON)
		return r;
	if (list && optind < argc - 1)
		return bulkheadd(argc, argv);
	if (optind < argc - 1) {
		fprintf(stderr, "bulkhead rules %s takes no arguments.\n", what);
		return cli_bad_usage("rules");
	}
	return strcmp(what, "reload") == 0 ? reload(&common) : show(&common, &view);
}

int cli_rules(int argc, char **argv)
{
	static const char *const theirs[] = { "check", "explain", "fields", "test" };
	static const char *const ours[] = { "list", "stats", "reload" };

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(help, stdout);
		return CLI_OK;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(theirs) / sizeof(theirs[0]); i++)
		if (strcmp(argv[1], theirs[i]) == 0)
			return bulkheadd(argc, argv);
	for (size_t i = 0; argc > 1 && i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(argv[1], ours[i]) == 0)
			return of_agent(argv[1], argc, argv);
	fprintf(stderr,
		"bulkhead rules takes check, explain, fields, test, list, stats or reload.\n");
	return cli_bad_usage("rules");
}
