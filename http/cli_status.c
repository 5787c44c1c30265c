// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead status: how the agent itself is. */
#include <limits.h>
#include <string.h>

#include "http/cli.h"

static const char help[] =
	"Usage: bulkhead status [OPTION...]\n"
	"Shows how the agent is: what runs, what does not work, what its tables refused.\n\n"
	"      --json        everything that is known, as JSON\n"
	"      --socket PATH where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                    /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help        this text\n";

static void add_key(struct buf *out, const char *key)
{
	buf_printf(out, "%-12s", key);
}

static void add_text(struct buf *out, const char *text)
{
	buf_add_visible(out, span_str(text ? text : "?"));
}

static void add_number(struct buf *out, const json_t *o, const char *key, const char *label)
{
	uint64_t v;

	if (!cli_get_u64(o, key, &v))
		return;
	if (out->len && out->data[out->len - 1] != ' ')
		buf_add_str(out, ", ");
	buf_add_u64(out, v);
	buf_printf(out, " %s", label);
}

static void add_seconds(struct buf *out, const json_t *o, const char *key, const char *label)
{
	double v;

	if (cli_get_real(o, key, &v))
		buf_printf(out, ", %s %.1f ms", label, v * 1000);
}

static void add_colour(struct buf *out, const struct cli_terminal *to, const char *code)
{
	if (to->colour)
		buf_add_str(out, code);
}

static void add_agent(struct buf *out, const json_t *s)
{
	uint64_t up, resident;
	double cpu;

	add_key(out, "bulkheadd");
	add_text(out, cli_get_text(s, "version"));
	buf_add_str(out, " (");
	add_text(out, cli_get_text(s, "revision"));
	buf_add_char(out, ')');
	if (cli_get_u64(s, "uptime_seconds", &up)) {
		buf_add_str(out, ", up ");
		cli_add_age(out, up);
	}
	if (cli_get_real(s, "cpu_seconds", &cpu))
		buf_printf(out, ", CPU %.1f s", cpu);
	if (cli_get_u64(s, "resident_bytes", &resident)) {
		buf_add_str(out, ", memory ");
		cli_add_bytes(out, resident);
	}
	buf_add_char(out, '\n');
}

static void add_host(struct buf *out, const json_t *s)
{
	add_key(out, "host");
	add_text(out, cli_get_text(s, "system"));
	buf_add_str(out, ", kernel ");
	add_text(out, cli_get_text(s, "kernel"));
	buf_add_str(out, ", cgroup ");
	add_text(out, cli_get_text(s, "cgroup_mode"));
	buf_add_char(out, '\n');
}

static void add_serve(struct buf *out, const json_t *s, const struct cli_terminal *to)
{
	const json_t *serve = json_object_get(s, "serve");
	bool up = json_is_true(json_object_get(serve, "up"));
	const char *problem = cli_get_text(serve, "problem");

	add_key(out, "serve");
	add_colour(out, to, up ? "\033[32m" : "\033[31m");
	buf_add_str(out, up ? "up" : "down");
	add_colour(out, to, "\033[0m");
	add_number(out, serve, "starts", "start(s)");
	if (problem) {
		buf_add_str(out, ": ");
		add_text(out, problem);
	}
	buf_add_char(out, '\n');
}

static void add_figures(struct buf *out, const json_t *s)
{
	const json_t *containers = json_object_get(s, "containers");
	const json_t *sampler = json_object_get(s, "sampler");
	const json_t *loop = json_object_get(s, "loop");

	add_key(out, "containers");
	add_number(out, containers, "live", "live");
	add_number(out, containers, "ended", "ended");
	add_number(out, containers, "refused", "refused");
	buf_add_char(out, '\n');
	add_key(out, "sampling");
	add_number(out, sampler, "rounds", "rounds");
	add_number(out, sampler, "rounds_late", "late");
	add_seconds(out, sampler, "last_round_seconds", "last took");
	add_seconds(out, loop, "longest_turn_seconds", "longest turn");
	buf_add_char(out, '\n');
	add_key(out, "config");
	buf_add_str(out,
		    json_is_false(json_object_get(json_object_get(s, "config"), "last_reload_ok"))
			    ? "last reload FAILED, the one before is in use\n"
			    : "ok\n");
}

/* "3 images (1 learn, 2 detect)" */
static void add_images(struct buf *out, json_t *images)
{
	uint64_t all = 0;
	const char *mode;
	json_t *n;
	bool first = true;

	json_object_foreach(images, mode, n) all += (uint64_t)json_integer_value(n);
	buf_printf(out, "%llu image(s)", (unsigned long long)all);
	json_object_foreach(images, mode, n)
	{
		if (json_integer_value(n) <= 0)
			continue;
		buf_printf(out, "%s%llu ", first ? " (" : ", ",
			   (unsigned long long)json_integer_value(n));
		add_text(out, mode);
		first = false;
	}
	buf_add_str(out, first ? "" : ")");
}

static void add_baselines(struct buf *out, const json_t *s, const struct cli_terminal *to)
{
	const json_t *b = json_object_get(s, "baselines");
	const json_t *breaker = json_object_get(b, "breaker");
	uint64_t tripped = 0;

	if (!json_is_object(b)) /* switched off, or an older agent */
		return;
	add_key(out, "baselines");
	add_images(out, json_object_get(b, "images"));
	add_number(out, b, "complete", "complete");
	add_number(out, b, "containers", "container(s)");
	add_number(out, b, "containers_without_image", "of unknown image");
	add_number(out, b, "deviations", "deviation(s)");
	cli_get_u64(breaker, "tripped", &tripped);
	add_colour(out, to, tripped ? "\033[33m" : "");
	add_number(out, breaker, "tripped", "breaker trip(s)");
	add_colour(out, to, tripped ? "\033[0m" : "");
	buf_add_char(out, '\n');
}

/* Tables that refused something: nothing is lost silently. */
static void add_refused(struct buf *out, const json_t *s, const struct cli_terminal *to)
{
	size_t i;
	json_t *table;

	json_array_foreach(json_object_get(s, "capacities"), i, table)
	{
		uint64_t refused, capacity;

		if (!cli_get_u64(table, "refused", &refused) || refused == 0)
			continue;
		add_key(out, "refused");
		add_colour(out, to, "\033[33m");
		add_text(out, cli_get_text(table, "name"));
		add_colour(out, to, "\033[0m");
		buf_printf(out, ": %llu", (unsigned long long)refused);
		if (cli_get_u64(table, "capacity", &capacity))
			buf_printf(out, " (capacity %llu)", (unsigned long long)capacity);
		buf_add_char(out, '\n');
	}
}

int cli_status_text(const json_t *answer, const struct cli_terminal *to, struct buf *out)
{
	size_t i;
	json_t *text;

	add_agent(out, answer);
	add_host(out, answer);
	add_serve(out, answer, to);
	add_figures(out, answer);
	add_baselines(out, answer, to);
	add_refused(out, answer, to);
	json_array_foreach(json_object_get(answer, "degraded"), i, text)
	{
		add_key(out, "degraded");
		add_colour(out, to, "\033[33m");
		add_text(out, json_string_value(text));
		add_colour(out, to, "\033[0m");
		buf_add_char(out, '\n');
	}
	return out->failed ? CLI_FAILED : CLI_OK;
}

int cli_status(int argc, char **argv)
{
	static const struct option options[] = { CLI_COMMON_OPTIONS };
	struct cli_options common = { .command = "status", .help = help };
	struct cli_terminal to = cli_terminal();
	char path[PATH_MAX];
	int option, r = CLI_GO_ON;

	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		r = cli_common_option(&common, option);
	if (r == CLI_GO_ON)
		r = cli_no_arguments(&common, argc);
	if (r != CLI_GO_ON)
		return r;
	json_t *answer = cli_ask(cli_socket_path(common.socket, path, sizeof(path)), WIRE_OP_GET,
				 "/api/v1/status", "");
	AUTO_BUF struct buf out = { .fd = -1 };

	r = CLI_FAILED;
	buf_init(&out, 1u << 20);
	if (answer && common.json)
		r = cli_print_json(answer);
	else if (answer && cli_status_text(answer, &to, &out) == CLI_OK)
		r = cli_print(&out);
	json_decref(answer);
	return r;
}
