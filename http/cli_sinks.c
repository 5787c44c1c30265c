// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/cli_sinks.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"

#define WAIT_NS (10 * NS_PER_S)
#define LOOK_MS 100

static const char help[] =
	"Usage: bulkhead sinks [OPTION...]\n"
	"       bulkhead sinks test NAME [--socket PATH]\n"
	"Shows where alerts go, what was delivered and what waits; or sends one marked alert and\n"
	"waits up to 10 seconds for its delivery. Exit codes of a test: 0 delivered, 1 not.\n\n"
	"      --format FORMAT text (default) or json\n"
	"      --socket PATH   where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                      /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help          this text\n";

/* --- the table ---------------------------------------------------------------------------------
 */

static bool time_of(const json_t *o, const char *key, uint64_t *ns)
{
	return parse_rfc3339_ns(span_str(cli_get_text(o, key)), ns);
}

static const char *state_of(const json_t *s, enum cli_colour *colour)
{
	const char *breaker = cli_get_text(s, "breaker");

	*colour = CLI_DIM;
	if (!breaker)
		return "unknown"; /* bulkhead serve has told nothing */
	*colour = CLI_RED;
	if (strcmp(breaker, "closed") != 0)
		return "failing";
	*colour = CLI_YELLOW;
	if (cli_get_text(s, "error"))
		return "retrying";
	*colour = CLI_GREEN;
	return "ok";
}

static void number_cell(struct cli_table *t, const json_t *s, const char *key)
{
	char text[24] = "";
	uint64_t v;

	if (cli_get_u64(s, key, &v))
		snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	cli_table_cell(t, text, CLI_PLAIN);
}

static void age_cell(struct cli_table *t, const json_t *s, const char *key, uint64_t now)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	uint64_t ns;

	buf_init(&b, 64);
	if (time_of(s, key, &ns))
		cli_add_age(&b, now > ns ? (now - ns) / NS_PER_S : 0);
	buf_add_char(&b, '\0');
	cli_table_cell(t, b.failed ? NULL : b.data, CLI_PLAIN);
}

int cli_sinks_text(const json_t *answer, const struct cli_terminal *to, uint64_t now_unix_ns,
		   struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "NAME", false, 8 }, { "TYPE", false, 0 },  { "STATE", false, 0 },
		{ "SENT", true, 0 },  { "FAILED", true, 0 }, { "RETRIED", true, 0 },
		{ "QUEUE", true, 0 }, { "OLDEST", true, 0 }, { "LAST SUCCESS", true, 0 },
		{ "ERROR", false, 8 }
	};
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	const json_t *s;
	size_t i;

	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(json_object_get(answer, "sinks"), i, s)
	{
		enum cli_colour colour;
		const char *state = state_of(s, &colour);

		cli_table_cell(&t, cli_get_text(s, "name"), CLI_PLAIN);
		cli_table_cell(&t, cli_get_text(s, "type"), CLI_PLAIN);
		cli_table_cell(&t, state, colour);
		number_cell(&t, s, "sent");
		number_cell(&t, s, "failed");
		number_cell(&t, s, "retried");
		number_cell(&t, s, "lag");
		age_cell(&t, s, "oldest_pending", now_unix_ns);
		age_cell(&t, s, "last_success", now_unix_ns);
		cli_table_cell(&t, cli_get_text(s, "error"), CLI_PLAIN);
	}
	cli_table_print(&t, to, out);
	return t.failed || out->failed ? CLI_FAILED : CLI_OK;
}

static int list(const struct cli_options *o, bool json)
{
	const struct cli_terminal to = cli_terminal();
	AUTO_BUF struct buf out = { .fd = -1 };
	char path[PATH_MAX];
	json_t *answer = cli_ask(cli_socket_path(o->socket, path, sizeof(path)), WIRE_OP_GET,
				 "/api/v1/sinks", "");
	int r = answer ? CLI_OK : CLI_FAILED;

	buf_init(&out, 4u << 20);
	if (answer && json) {
		r = cli_print_json(answer);
	} else if (answer && json_array_size(json_object_get(answer, "sinks")) == 0) {
		buf_add_str(&out,
			    "No sinks are configured: see alerts.sinks in the configuration.\n");
		r = cli_print(&out);
	} else if (answer) {
		cli_sinks_text(answer, &to, unix_ns(), &out);
		r = cli_print(&out);
	}
	json_decref(answer);
	return r;
}

/* --- the test ----------------------------------------------------------------------------------
 */

static const json_t *find(const json_t *answer, const char *name)
{
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(answer, "sinks"), i, s)
	{
		const char *have = cli_get_text(s, "name");

		if (have && strcmp(have, name) == 0)
			return s;
	}
	return NULL;
}

int cli_sink_verdict(const json_t *answer, const struct cli_sink_test *t, struct buf *out)
{
	const json_t *s = find(answer, t->name);
	const char *error = cli_get_text(s, "error");
	uint64_t done = 0, dead = 0, success = 0;

	if (!cli_get_text(s, "breaker")) {
		buf_add_str(out, "bulkhead serve has not told of this sink");
		return CLI_GO_ON;
	}
	cli_get_u64(s, "done_seq", &done);
	cli_get_u64(s, "dead", &dead);
	if (done < t->seq || (dead == t->dead_before && !time_of(s, "last_success", &success))) {
		buf_add_visible(out, span_str(error ? error : "it has not been tried yet"));
		return CLI_GO_ON;
	}
	if (dead > t->dead_before) {
		buf_add_str(out, "given up");
		buf_add_str(out, error ? ": " : "");
		buf_add_visible(out, span_str(error));
		return CLI_FAILED;
	}
	buf_printf(out, "delivered in %llu ms",
		   (unsigned long long)(success > t->time_ns ? (success - t->time_ns) / NS_PER_MS
							     : 0));
	return CLI_OK;
}

/* False: bulkheadd said why not. */
static bool begin(const char *socket, struct cli_sink_test *t, const char *path)
{
	json_t *before = cli_ask(socket, WIRE_OP_GET, "/api/v1/sinks", "");
	json_t *answer = before ? cli_ask(socket, WIRE_OP_COMMAND, path, "") : NULL;
	const bool begun = answer && cli_get_u64(answer, "first_seq", &t->seq) &&
			   time_of(answer, "time", &t->time_ns);

	cli_get_u64(find(before, t->name), "dead", &t->dead_before);
	if (answer && !begun)
		cli_complain("the answer of bulkheadd is not understood");
	json_decref(before);
	json_decref(answer);
	return begun;
}

static int wait_for(const char *socket, const struct cli_sink_test *t)
{
	const uint64_t end = mono_ns() + WAIT_NS;
	struct pollfd out = { .fd = STDOUT_FILENO };

	for (;;) {
		AUTO_BUF struct buf text = { .fd = -1 };
		json_t *answer = cli_ask(socket, WIRE_OP_GET, "/api/v1/sinks", "");

		buf_init(&text, 4096);
		int r = answer ? cli_sink_verdict(answer, t, &text) : CLI_FAILED;

		json_decref(answer);
		if (!answer)
			return CLI_FAILED;
		if (r == CLI_GO_ON && mono_ns() < end && poll(&out, 1, LOOK_MS) == 0)
			continue;
		buf_add_char(&text, '\0');
		if (r == CLI_OK)
			printf("%s\n", text.data);
		else
			fprintf(stderr, "bulkhead: the test of sink '%s' was not delivered%s: %s\n",
				t->name, r == CLI_GO_ON ? " within 10 s" : "", text.data);
		return r == CLI_OK ? CLI_OK : CLI_FAILED;
	}
}

static int test(const struct cli_options *o, const char *name)
{
	struct cli_sink_test t = { .name = name };
	char socket_text[PATH_MAX], path[128];
	const char *socket = cli_socket_path(o->socket, socket_text, sizeof(socket_text));

	if (!*name || strchr(name, '/') ||
	    snprintf(path, sizeof(path), "/api/v1/sinks/%s/test", name) >= (int)sizeof(path)) {
		cli_complain("that is no name of a sink");
		return CLI_USAGE;
	}
	return begin(socket, &t, path) ? wait_for(socket, &t) : CLI_FAILED;
}

int cli_sinks(int argc, char **argv)
{
	enum { OPT_FORMAT = CLI_OPT_OWN };
	static const struct option options[] = { { "format", required_argument, NULL, OPT_FORMAT },
						 CLI_COMMON_OPTIONS };
	struct cli_options common = { .command = "sinks", .help = help };
	int option, r = CLI_GO_ON;
	bool json = false;

	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option != OPT_FORMAT)
			r = cli_common_option(&common, option);
		else if (strcmp(optarg, "json") == 0)
			json = true;
		else if (strcmp(optarg, "text") != 0)
			r = cli_bad_usage("sinks");
	}
	if (r != CLI_GO_ON)
		return r;
	if (optind + 2 == argc && strcmp(argv[optind], "test") == 0)
		return test(&common, argv[optind + 1]);
	if (optind == argc)
		return list(&common, json || common.json);
	fprintf(stderr, "bulkhead sinks takes nothing, or test NAME.\n");
	return cli_bad_usage("sinks");
}
