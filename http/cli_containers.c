// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead containers: a table of what runs, newest figures. */
#include <limits.h>
#include <string.h>

#include "collector/base/clock.h"
#include "http/cli.h"

static const char help[] =
	"Usage: bulkhead containers [OPTION...]\n"
	"Lists containers with their latest figures. CPU is in percent of one core; IO is bytes\n"
	"read / written, NET bytes received / sent, both since the container started.\n\n"
	"  -a, --all         also those that ended lately\n"
	"      --json        everything that is known, as JSON\n"
	"      --no-trunc    whole ids, names and images\n"
	"      --socket PATH where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                    /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help        this text\n";

static const struct cli_column columns[] = {
	{ "NAME", false, 8 },	    { "IMAGE", false, 8 }, { "ID", false, 0 },
	{ "RUNTIME", false, 0 },    { "STATE", false, 0 }, { "CPU", true, 0 },
	{ "MEM / LIMIT", true, 0 }, { "IO", true, 0 },	   { "NET", true, 0 },
	{ "PIDS", true, 0 },	    { "AGE", true, 0 },
};

/* One cell at a time; the memory is used again for the next. */
static void cell(struct cli_table *t, struct buf *b, enum cli_colour colour)
{
	buf_add_char(b, '\0');
	cli_table_cell(t, b->failed ? NULL : b->data, colour);
	buf_clear(b);
}

static void state_cell(struct cli_table *t, struct buf *b, const json_t *c)
{
	const char *state = cli_get_text(c, "state"), *health = cli_get_text(c, "health");
	const json_t *code = json_object_get(c, "exit_code");
	bool oom = json_is_true(json_object_get(c, "oom_killed"));
	enum cli_colour colour = CLI_PLAIN;

	state = state ? state : "unknown";
	buf_add_str(b, state);
	if (strcmp(state, "exited") == 0) {
		colour = oom || json_integer_value(code) != 0 ? CLI_RED : CLI_DIM;
		if (oom)
			buf_add_str(b, " (oom)");
		else if (json_is_integer(code))
			buf_printf(b, " (%lld)", (long long)json_integer_value(code));
	} else if (health && strcmp(health, "unhealthy") == 0) {
		colour = CLI_RED;
		buf_add_str(b, " (unhealthy)");
	} else if (strcmp(state, "running") == 0) {
		colour = CLI_GREEN;
	} else {
		colour = CLI_YELLOW;
	}
	cell(t, b, colour);
}

static void memory_cell(struct cli_table *t, struct buf *b, const json_t *c)
{
	uint64_t used, limit;

	if (cli_get_u64(json_object_get(c, "sample"), "memory_working_set_bytes", &used)) {
		cli_add_bytes(b, used);
		buf_add_str(b, " / ");
		if (cli_get_u64(json_object_get(c, "limits"), "memory_bytes", &limit))
			cli_add_bytes(b, limit);
		else
			buf_add_char(b, '-');
	}
	cell(t, b, CLI_PLAIN);
}

/* "in / out", summed over devices or interfaces. */
static void flow_cell(struct cli_table *t, struct buf *b, const json_t *list, const char *in,
		      const char *out)
{
	uint64_t in_bytes = 0, out_bytes = 0;
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
	{
		uint64_t v;

		in_bytes += cli_get_u64(item, in, &v) ? v : 0;
		out_bytes += cli_get_u64(item, out, &v) ? v : 0;
	}
	if (json_is_array(list)) {
		cli_add_bytes(b, in_bytes);
		buf_add_str(b, " / ");
		cli_add_bytes(b, out_bytes);
	}
	cell(t, b, CLI_PLAIN);
}

static void age_cell(struct cli_table *t, struct buf *b, const json_t *c, uint64_t now_unix_ns)
{
	const char *started = cli_get_text(c, "started");
	uint64_t ns;

	if (started && parse_rfc3339_ns(span_str(started), &ns))
		cli_add_age(b, now_unix_ns > ns ? (now_unix_ns - ns) / NS_PER_S : 0);
	cell(t, b, CLI_PLAIN);
}

static void add_container(struct cli_table *t, struct buf *b, const json_t *c,
			  const struct cli_containers_view *view)
{
	const json_t *sample = json_object_get(c, "sample");
	double cores;
	uint64_t n;

	cli_table_cell(t, cli_get_text(c, "name"), CLI_PLAIN);
	cli_table_cell(t, cli_get_text(c, "image"), CLI_PLAIN);
	cli_table_cell(t, cli_get_text(c, view->no_trunc ? "id" : "short_id"), CLI_PLAIN);
	cli_table_cell(t, cli_get_text(c, "runtime"), CLI_PLAIN);
	state_cell(t, b, c);
	if (cli_get_real(sample, "cpu_cores", &cores))
		buf_printf(b, "%.1f%%", cores * 100);
	cell(t, b, CLI_PLAIN);
	memory_cell(t, b, c);
	flow_cell(t, b, json_object_get(sample, "io"), "read_bytes", "write_bytes");
	flow_cell(t, b, json_object_get(sample, "network"), "receive_bytes", "transmit_bytes");
	if (cli_get_u64(sample, "threads", &n))
		buf_add_u64(b, n);
	cell(t, b, CLI_PLAIN);
	age_cell(t, b, c, view->now_unix_ns);
}

int cli_containers_text(const json_t *answer, const struct cli_containers_view *view,
			struct buf *out)
{
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	AUTO_BUF struct buf b = { .fd = -1 };
	struct cli_terminal to = view->terminal;
	size_t i;
	json_t *c;

	buf_init(&b, 4096);
	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(json_object_get(answer, "containers"), i, c)
		add_container(&t, &b, c, view);
	if (view->no_trunc)
		to.width = 0;
	cli_table_print(&t, &to, out);
	return out->failed ? CLI_FAILED : CLI_OK;
}

int cli_containers(int argc, char **argv)
{
	enum { OPT_NO_TRUNC = CLI_OPT_OWN };
	static const struct option options[] = { { "all", no_argument, NULL, 'a' },
						 { "no-trunc", no_argument, NULL, OPT_NO_TRUNC },
						 CLI_COMMON_OPTIONS };
	struct cli_containers_view view = { .now_unix_ns = unix_ns() };
	struct cli_options common = { .command = "containers", .help = help };
	char path[PATH_MAX];
	bool all = false;
	int option, r = CLI_GO_ON;

	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "ah", options, NULL)) != -1) {
		if (option == 'a')
			all = true;
		else if (option == OPT_NO_TRUNC)
			view.no_trunc = true;
		else
			r = cli_common_option(&common, option);
	}
	if (r == CLI_GO_ON)
		r = cli_no_arguments(&common, argc);
	if (r != CLI_GO_ON)
		return r;
	json_t *answer = cli_ask(cli_socket_path(common.socket, path, sizeof(path)), WIRE_OP_GET,
				 "/api/v1/containers", all ? "ended=1" : "");
	AUTO_BUF struct buf out = { .fd = -1 };

	r = CLI_FAILED;
	buf_init(&out, 64u << 20);
	view.terminal = cli_terminal();
	if (answer && common.json)
		r = cli_print_json(answer);
	else if (answer && cli_containers_text(answer, &view, &out) == CLI_OK)
		r = cli_print(&out);
	json_decref(answer);
	return r;
}
