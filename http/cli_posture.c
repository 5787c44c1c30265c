// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead posture: of containers the running agent is asked; --host is bulkheadd's, which reads
 * files and needs no agent. */
#include "http/cli_posture.h"

#include <limits.h>
#include <string.h>

#define OUT_MAX (64u << 20)

static const char help[] =
	"Usage: bulkhead posture [--container ID] [OPTION...]\n"
	"       bulkhead posture --host [--root DIR] [--format FORMAT]\n"
	"Shows how well containers are shut in: each finding with its item of the CIS Docker\n"
	"Benchmark 1.6.0, and what mends it. Grades: A (nothing) to F (one step to root on the\n"
	"host).\n\n"
	"      --container ID  one: its id, the start of it, or its name\n"
	"      --fail-on GRADE exit code 1 when a container has this grade or a worse one\n"
	"      --format FORMAT text (default) or json\n"
	"      --json          the same as --format json\n"
	"      --socket PATH   where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                      /run/bulkhead/bulkhead.sock)\n"
	"      --host          the host instead: settings and files of docker, containerd and\n"
	"                      Kubernetes; needs root and no running agent;\n"
	"                      'bulkhead posture --host --help' shows more\n"
	"  -h, --help          this text\n\n"
	"Exit codes: 0 done, 1 failed (with --fail-on: or a grade is as bad), 2 wrong usage.\n";

static enum cli_colour colour_of(const char *severity)
{
	static const struct {
		const char *name;
		enum cli_colour colour;
	} list[] = { { "critical", CLI_RED },
		     { "error", CLI_RED },
		     { "warning", CLI_YELLOW },
		     { "notice", CLI_PLAIN },
		     { "info", CLI_DIM } };

	for (size_t i = 0; severity && i < sizeof(list) / sizeof(list[0]); i++)
		if (strcmp(severity, list[i].name) == 0)
			return list[i].colour;
	return CLI_DIM;
}

static void add_findings(const json_t *c, const struct cli_terminal *to, struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "SEVERITY", false, 0 }, { "FINDING", false, 0 }, { "ITEM", false, 0 },
		{ "WHAT", false, 20 },	  { "MEND", false, 24 },
	};
	AUTO(cli_table_release) struct cli_table t;
	json_t *f;
	size_t i;

	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(json_object_get(c, "findings"), i, f)
	{
		const char *severity = cli_get_text(f, "severity");

		cli_table_cell(&t, severity, colour_of(severity));
		cli_table_cell(&t, cli_get_text(f, "id"), CLI_PLAIN);
		cli_table_cell(&t, cli_get_text(f, "item"), CLI_DIM);
		cli_table_cell(&t, cli_get_text(f, "what"), CLI_PLAIN);
		cli_table_cell(&t, cli_get_text(f, "mend"), CLI_PLAIN);
	}
	if (i > 0)
		cli_table_print(&t, to, out);
}

static void add_container(const json_t *c, const struct cli_terminal *to, struct buf *out)
{
	const char *name = cli_get_text(c, "name"), *image = cli_get_text(c, "image");
	const char *grade = cli_get_text(c, "grade"), *compared = cli_get_text(c, "compared");

	buf_add_visible(out, span_str(name ? name : "?"));
	buf_add_str(out, "  ");
	buf_add_visible(out, span_str(image && *image ? image : "-"));
	buf_add_str(out, "  grade ");
	buf_add_visible(out, span_str(grade ? grade : "?"));
	if (compared && strcmp(compared, "worse") == 0)
		buf_add_str(out, "  worse than its image was before");
	if (!json_is_true(json_object_get(c, "process_seen")))
		buf_add_str(out, "  (settings alone: its process was not seen)");
	buf_add_char(out, '\n');
	add_findings(c, to, out);
	buf_add_char(out, '\n');
}

void cli_posture_text(const json_t *answer, const struct cli_terminal *to, struct buf *out)
{
	const json_t *list = json_object_get(answer, "containers"), *c;
	const char *benchmark = cli_get_text(answer, "benchmark");
	size_t i;

	json_array_foreach(list, i, c) add_container(c, to, out);
	buf_printf(out, "%zu containers", json_array_size(list));
	if (benchmark) {
		buf_add_str(out, "; items of the ");
		buf_add_visible(out, span_str(benchmark));
	}
	buf_add_char(out, '\n');
}

bool cli_posture_fails(const json_t *answer, char grade)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(answer, "containers"), i, c)
	{
		const char *has = cli_get_text(c, "grade");

		if (has && has[0] >= grade && has[0] <= 'F')
			return true;
	}
	return false;
}

struct asked {
	struct cli_options common;
	const char *container;
	char fail_on; /* 0: not */
};

enum { OPT_CONTAINER = CLI_OPT_OWN, OPT_FAIL_ON, OPT_FORMAT };

static int take(struct asked *a, int option)
{
	switch (option) {
	case OPT_CONTAINER:
		a->container = optarg;
		return CLI_GO_ON;
	case OPT_FAIL_ON:
		a->fail_on = (char)(optarg[0] & ~0x20);
		if (optarg[0] && !optarg[1] && a->fail_on >= 'A' && a->fail_on <= 'F')
			return CLI_GO_ON;
		fprintf(stderr, "--fail-on takes a grade from A to F.\n");
		return cli_bad_usage("posture");
	case OPT_FORMAT:
		a->common.json = strcmp(optarg, "json") == 0;
		if (a->common.json || strcmp(optarg, "text") == 0)
			return CLI_GO_ON;
		fprintf(stderr, "--format takes text or json.\n");
		return cli_bad_usage("posture");
	default:
		return cli_common_option(&a->common, option);
	}
}

static int show(const struct asked *a, json_t *answer)
{
	const struct cli_terminal terminal = cli_terminal();
	AUTO_BUF struct buf out = { .fd = -1 };
	int r;

	if (a->common.json) {
		r = cli_print_json(answer);
	} else {
		buf_init(&out, OUT_MAX);
		cli_posture_text(answer, &terminal, &out);
		r = cli_print(&out);
	}
	if (r == CLI_OK && a->fail_on && cli_posture_fails(answer, a->fail_on))
		r = CLI_FAILED;
	return r;
}

static int ask(const struct asked *a)
{
	char socket[PATH_MAX], path[512] = "/api/v1/posture";

	if (a->container) {
		if (!a->container[0] || strchr(a->container, '/') ||
		    snprintf(path, sizeof(path), "/api/v1/posture/%s", a->container) >=
			    (int)sizeof(path)) {
			fprintf(stderr, "--container takes an id or a name.\n");
			return cli_bad_usage("posture");
		}
	}
	json_t *answer = cli_ask(cli_socket_path(a->common.socket, socket, sizeof(socket)),
				 WIRE_OP_GET, path, "");

	if (!answer)
		return CLI_FAILED;
	const int r = show(a, answer);

	json_decref(answer);
	return r;
}

int cli_posture(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "container", required_argument, NULL, OPT_CONTAINER },
		{ "fail-on", required_argument, NULL, OPT_FAIL_ON },
		{ "format", required_argument, NULL, OPT_FORMAT },
		CLI_COMMON_OPTIONS,
	};
	struct asked a = { .common = { .command = "posture", .help = help } };
	int option;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--host") == 0)
			return cli_bulkheadd(argc, argv,
					     "cannot find bulkheadd, which reads the host");
	optind = 0;
	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		const int r = take(&a, option);

		if (r != CLI_GO_ON)
			return r;
	}
	const int r = cli_no_arguments(&a.common, argc);

	return r != CLI_GO_ON ? r : ask(&a);
}
