// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead alerts, bulkhead log, bulkhead silence: what the alerts' log holds, and what root says
 * about alerts. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "http/cli_alerts.h"
#include "http/cli_flight.h"
#include "http/cli_stream.h"

#define SOCKET_HELP                                                                                \
	"      --socket PATH   where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"      \
	"                      /run/bulkhead/bulkhead.sock)\n"                                     \
	"  -h, --help          this text\n"
#define FILTER_HELP                                                                                \
	"      --severity S    this and worse: emergency, alert, critical, error, warning,\n"      \
	"                      notice, info, debug\n"                                              \
	"      --kind K        rule, baseline, resource, isolation, mining, internal, "            \
	"heartbeat,\n"                                                                             \
	"                      test\n"                                                             \
	"      --rule R        of this rule; '*' stands for anything\n"                            \
	"      --container X   of this container: name, id or its beginning\n"                     \
	"      --state S       whose newest word is new, firing, update or resolved\n"             \
	"      --since TIME    not older: 15m, 12h, 7d or 2026-11-22T10:00:00Z\n"                  \
	"      --limit N       at most so many, 1 to 1000 (100)\n"                                 \
	"      --follow        goes on with those that come, oldest first, until it is\n"          \
	"                      interrupted\n"                                                      \
	"      --format FORMAT text (default) or json: one record a line\n"

static const char alerts_help[] =
	"Usage: bulkhead alerts [OPTION...]\n"
	"       bulkhead alerts show ID [--json] [--socket PATH]\n"
	"       bulkhead alerts flight ID [--json] [--socket PATH]\n"
	"       bulkhead alerts ack ID [--comment TEXT] [--socket PATH]\n"
	"Shows the newest alerts, each once with the newest that is known of it; or all of one; "
	"or\n"
	"what was recorded when it fired: processes, what they had open, files changed; or says\n"
	"that somebody looks after one.\n\n" FILTER_HELP
	"      --comment TEXT  for ack\n" SOCKET_HELP;
static const char log_help[] =
	"Usage: bulkhead log [--audit] [OPTION...]\n"
	"Shows the newest alerts; with --audit who started, stopped and entered containers, shell\n"
	"commands, and changes of bulkhead itself.\n\n"
	"      --audit         the audit instead of the alerts\n" FILTER_HELP SOCKET_HELP;

/* --- text --------------------------------------------------------------------------------------
 */

static const char *colour_of(const char *severity)
{
	static const struct {
		const char *name, *code;
	} colours[] = { { "emergency", "\033[1;31m" }, { "alert", "\033[1;31m" },
			{ "critical", "\033[1;31m" },  { "error", "\033[31m" },
			{ "warning", "\033[33m" },     { NULL, NULL } };

	for (size_t i = 0; severity && colours[i].name; i++)
		if (strcmp(severity, colours[i].name) == 0)
			return colours[i].code;
	return "";
}

static void add_word(struct buf *out, const char *before, const char *text)
{
	if (!text || !*text)
		return;
	buf_add_str(out, before);
	buf_add_visible(out, span_str(text));
}

static void add_process(struct buf *out, const json_t *p)
{
	uint64_t pid;

	if (!cli_get_text(p, "comm"))
		return;
	add_word(out, "  ", cli_get_text(p, "comm"));
	if (cli_get_u64(p, "pid", &pid))
		buf_printf(out, "[%llu]", (unsigned long long)pid);
}

/* So much of one, that a line stays a line; JSON has all of it. */
#define FACTS_SHOWN 8
#define NAME_SHOWN  32
#define VALUE_SHOWN 96

static void add_cut(struct buf *out, const char *text, size_t most)
{
	struct span s = span_str(text);
	const bool cut = s.n > most;

	if (cut)
		s.n = most;
	while (cut && s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
		s.n--; /* not within a character */
	buf_add_visible(out, s);
	buf_add_str(out, cut ? "..." : "");
}

/* "  (by root, from learn, to detect)" */
static void add_facts(struct buf *out, const json_t *facts)
{
	unsigned shown = 0;
	size_t i;
	json_t *f;

	json_array_foreach(facts, i, f)
	{
		const char *name = cli_get_text(f, "name"), *value = cli_get_text(f, "value");

		if (!name || !value || !*value)
			continue;
		if (shown == FACTS_SHOWN) {
			buf_add_str(out, ", ...");
			break;
		}
		buf_add_str(out, shown++ ? ", " : "  (");
		add_cut(out, name, NAME_SHOWN);
		buf_add_char(out, ' ');
		add_cut(out, value, VALUE_SHOWN);
	}
	buf_add_str(out, shown ? ")" : "");
}

static void add_record(const json_t *a, const struct cli_terminal *to, bool facts, struct buf *out)
{
	const json_t *c = json_object_get(a, "container");
	const char *severity = cli_get_text(a, "severity"), *state = cli_get_text(a, "state");
	const char *colour = to->colour ? colour_of(severity) : "";
	const char *where = cli_get_text(c, "name"), *time = cli_get_text(a, "last_time");
	uint64_t count;

	/* to the second, without the T: it is read by people */
	if (time && strlen(time) > 19)
		buf_printf(out, "%.10s %.8s  ", time, time + 11);
	buf_add_str(out, colour);
	buf_add_visible(out, span_str(severity ? severity : "?"));
	buf_add_str(out, *colour ? "\033[0m" : "");
	add_word(out, "  ", where ? where : c && !json_is_null(c) ? cli_get_text(c, "id") : "host");
	add_word(out, "  ", cli_get_text(a, "rule"));
	add_word(out, "  ", cli_get_text(a, "title"));
	add_process(out, json_object_get(a, "process"));
	if (facts)
		add_facts(out, json_object_get(a, "evidence"));
	if (cli_get_u64(a, "count", &count) && count > 1)
		buf_printf(out, "  (%llu times)", (unsigned long long)count);
	if (state && (strcmp(state, "firing") == 0 || strcmp(state, "resolved") == 0))
		add_word(out, "  ", state);
	if (cli_get_text(a, "silenced"))
		buf_add_str(out, "  silenced");
	if (json_object_get(a, "acknowledged"))
		buf_add_str(out, "  acknowledged");
	add_word(out, "  ", cli_get_text(a, "id"));
	buf_add_char(out, '\n');
}

void cli_alert_text(const json_t *a, const struct cli_terminal *to, struct buf *out)
{
	add_record(a, to, false, out);
}

void cli_audit_text(const json_t *a, const struct cli_terminal *to, struct buf *out)
{
	add_record(a, to, true, out);
}

/* --- asking ------------------------------------------------------------------------------------
 */

struct question {
	struct cli_options common;
	struct buf query;
	const char *path, *list, *comment;
	bool audit, follow, json;
};

static inline void auto_question_release(struct question *q)
{
	buf_release(&q->query);
}

static int print_list(const struct question *q, const json_t *answer, bool oldest_first)
{
	const json_t *list = json_object_get(answer, q->list);
	const struct cli_terminal to = cli_terminal();
	const size_t n = json_array_size(list);
	AUTO_BUF struct buf out = { .fd = -1 };

	buf_init(&out, 64u << 20);
	for (size_t i = 0; i < n; i++) {
		const json_t *a = json_array_get(list, oldest_first ? n - 1 - i : i);
		char *text = q->json ? json_dumps(a, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

		if (text) {
			buf_add_str(&out, text);
			buf_add_char(&out, '\n');
		} else if (!q->json) {
			add_record(a, &to, q->audit, &out);
		}
		free(text);
	}
	return cli_print(&out);
}

/* Asks each second for what came after the newest line that was seen. */
static int follow(const struct question *q, const char *socket, uint64_t newest)
{
	for (;;) {
		AUTO_BUF struct buf query = { .fd = -1 };
		struct pollfd out = { .fd = STDOUT_FILENO };

		if (poll(&out, 1, 1000) > 0)
			return CLI_OK; /* nobody reads any more */
		buf_init(&query, 8192);
		buf_add(&query, q->query.data, q->query.len);
		buf_printf(&query, "%safter=%llu", query.len ? "&" : "",
			   (unsigned long long)newest);
		buf_add_char(&query, '\0');
		json_t *answer = query.failed ? NULL
					      : cli_ask(socket, WIRE_OP_GET, q->path, query.data);
		uint64_t seen;
		int r = answer ? print_list(q, answer, true) : CLI_FAILED;

		if (cli_get_u64(answer, "newest", &seen) && seen > newest)
			newest = seen;
		json_decref(answer);
		if (r != CLI_OK)
			return r;
	}
}

static int ask(struct question *q)
{
	char path[PATH_MAX];
	const char *socket = cli_socket_path(q->common.socket, path, sizeof(path));
	uint64_t newest = 0;

	q->path = q->audit ? "/api/v1/audit" : "/api/v1/alerts";
	q->list = q->audit ? "audit" : "alerts";
	const size_t n = q->query.len;

	buf_add_char(&q->query, '\0');
	if (q->query.failed) {
		cli_complain("the filters are too long");
		return CLI_USAGE;
	}
	json_t *answer = cli_ask(socket, WIRE_OP_GET, q->path, q->query.data);
	int r = answer ? print_list(q, answer, q->follow) : CLI_FAILED;

	q->query.len = n;
	cli_get_u64(answer, "newest", &newest);
	json_decref(answer);
	return r == CLI_OK && q->follow ? follow(q, socket, newest) : r;
}

enum {
	OPT_SEVERITY = CLI_OPT_OWN,
	OPT_KIND,
	OPT_RULE,
	OPT_CONTAINER,
	OPT_STATE,
	OPT_SINCE,
	OPT_LIMIT,
	OPT_FOLLOW,
	OPT_FORMAT,
	OPT_COMMENT,
	OPT_AUDIT
};
#define FILTER_OPTIONS                                                                             \
	{ "severity", required_argument, NULL, OPT_SEVERITY },                                     \
		{ "kind", required_argument, NULL, OPT_KIND },                                     \
		{ "rule", required_argument, NULL, OPT_RULE },                                     \
		{ "container", required_argument, NULL, OPT_CONTAINER },                           \
		{ "state", required_argument, NULL, OPT_STATE },                                   \
		{ "since", required_argument, NULL, OPT_SINCE },                                   \
		{ "limit", required_argument, NULL, OPT_LIMIT },                                   \
		{ "follow", no_argument, NULL, OPT_FOLLOW },                                       \
	{                                                                                          \
		"format", required_argument, NULL, OPT_FORMAT                                      \
	}

/* True: it is one of ours and good; *r says when it is not. */
static bool take(struct question *q, int option, int *r)
{
	static const char *const keys[] = { "severity", "kind",	 "rule", "container",
					    "state",	"since", "limit" };

	if (option >= OPT_SEVERITY && option <= OPT_LIMIT)
		cli_query_add(&q->query, keys[option - OPT_SEVERITY], optarg);
	else if (option == OPT_FOLLOW)
		q->follow = true;
	else if (option == OPT_COMMENT)
		q->comment = optarg;
	else if (option == OPT_AUDIT)
		q->audit = true;
	else if (option == OPT_FORMAT && strcmp(optarg, "json") == 0)
		q->json = true;
	else if (option == OPT_FORMAT && strcmp(optarg, "text") != 0)
		*r = cli_bad_usage(q->common.command);
	else if (option != OPT_FORMAT)
		return false;
	return true;
}

static int parse(struct question *q, const struct option *options, int argc, char **argv)
{
	int option, r = CLI_GO_ON;

	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		if (!take(q, option, &r))
			r = cli_common_option(&q->common, option);
	q->json = q->json || q->common.json;
	return r;
}

static int command(const struct cli_options *o, const char *path, const struct buf *query)
{
	char socket[PATH_MAX];
	json_t *answer = cli_ask(cli_socket_path(o->socket, socket, sizeof(socket)),
				 WIRE_OP_COMMAND, path, query->data ? query->data : "");
	int r = answer ? CLI_OK : CLI_FAILED;

	if (answer && o->json)
		r = cli_print_json(answer);
	else if (cli_get_text(answer, "id"))
		printf("%s\n", cli_get_text(answer, "id"));
	json_decref(answer);
	return r;
}

static int acknowledge(struct question *q, int argc, char **argv)
{
	AUTO_BUF struct buf query = { .fd = -1 };
	char path[128];

	if (optind + 2 != argc || strchr(argv[optind + 1], '/') ||
	    snprintf(path, sizeof(path), "/api/v1/alerts/%s/acknowledge", argv[optind + 1]) >=
		    (int)sizeof(path)) {
		fprintf(stderr, "bulkhead alerts ack takes the id of an alert.\n");
		return cli_bad_usage("alerts");
	}
	buf_init(&query, 4096);
	if (q->comment)
		cli_query_add(&query, "comment", q->comment);
	buf_add_char(&query, '\0');
	return command(&q->common, path, &query);
}

int cli_alerts(int argc, char **argv)
{
	static const struct option options[] = { FILTER_OPTIONS,
						 { "comment", required_argument, NULL,
						   OPT_COMMENT },
						 CLI_COMMON_OPTIONS };
	AUTO(question_release)
	struct question q = { .common = { .command = "alerts", .help = alerts_help } };

	buf_init(&q.query, 4096);
	int r = parse(&q, options, argc, argv);

	if (r == CLI_GO_ON && optind < argc && strcmp(argv[optind], "ack") == 0)
		return acknowledge(&q, argc, argv);
	q.common.json = q.json;
	if (r == CLI_GO_ON && optind + 2 == argc && strcmp(argv[optind], "show") == 0)
		return cli_alert_show(&q.common, argv[optind + 1]);
	if (r == CLI_GO_ON && optind + 2 == argc && strcmp(argv[optind], "flight") == 0)
		return cli_alert_flight(&q.common, argv[optind + 1]);
	if (r == CLI_GO_ON)
		r = cli_no_arguments(&q.common, argc);
	return r == CLI_GO_ON ? ask(&q) : r;
}

int cli_log(int argc, char **argv)
{
	static const struct option options[] = { FILTER_OPTIONS,
						 { "audit", no_argument, NULL, OPT_AUDIT },
						 CLI_COMMON_OPTIONS };
	AUTO(question_release)
	struct question q = { .common = { .command = "log", .help = log_help } };

	buf_init(&q.query, 4096);
	int r = parse(&q, options, argc, argv);

	if (r == CLI_GO_ON)
		r = cli_no_arguments(&q.common, argc);
	return r == CLI_GO_ON ? ask(&q) : r;
}

/* --- silences ----------------------------------------------------------------------------------
 */

static const char silence_help[] =
	"Usage: bulkhead silence add --for TIME PATTERN... [--comment TEXT]\n"
	"       bulkhead silence list\n"
	"       bulkhead silence remove ID\n"
	"Keeps alerts from the sinks till a time; they are in the log all the same. All patterns\n"
	"that are given must fit; '*' stands for anything, '?' for one character.\n\n"
	"      --for TIME      30m, 12h, 7d; at most 366d\n"
	"      --kind P, --rule P, --image P, --severity P, --key P\n"
	"      --container P   its name, or the beginning of its id\n"
	"      --comment TEXT  why\n"
	"      --json          answers as JSON\n" SOCKET_HELP;

static void silence_row(struct cli_table *t, const json_t *s)
{
	static const char *const fields[] = { "kind",  "rule",	   "container",
					      "image", "severity", "key" };
	AUTO_BUF struct buf b = { .fd = -1 };
	const char *v;

	buf_init(&b, 16384);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if ((v = cli_get_text(s, fields[i])))
			buf_printf(&b, "%s%s=%s", b.len ? " " : "", fields[i], v);
	buf_add_char(&b, '\0');
	cli_table_cell(t, cli_get_text(s, "id"), CLI_PLAIN);
	cli_table_cell(t, cli_get_text(s, "until"), CLI_PLAIN);
	cli_table_cell(t, b.failed ? NULL : b.data, CLI_PLAIN);
	cli_table_cell(t, cli_get_text(s, "comment"), CLI_PLAIN);
}

static int list_silences(const struct cli_options *o)
{
	static const struct cli_column columns[] = { { "ID", false, 0 },
						     { "UNTIL", false, 0 },
						     { "FITS", false, 12 },
						     { "COMMENT", false, 8 } };
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	AUTO_BUF struct buf out = { .fd = -1 };
	const struct cli_terminal to = cli_terminal();
	char socket[PATH_MAX];
	json_t *answer = cli_ask(cli_socket_path(o->socket, socket, sizeof(socket)), WIRE_OP_GET,
				 "/api/v1/silences", ""),
	       *s;
	size_t i;
	int r = answer ? CLI_OK : CLI_FAILED;

	buf_init(&out, 4u << 20);
	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(json_object_get(answer, "silences"), i, s) silence_row(&t, s);
	if (answer && o->json) {
		r = cli_print_json(answer);
	} else if (answer) {
		cli_table_print(&t, &to, &out);
		r = cli_print(&out);
	}
	json_decref(answer);
	return r;
}

static int remove_silence(const struct cli_options *o, const char *id)
{
	struct buf none = { .data = NULL, .fd = -1 };
	char path[128];

	if (strchr(id, '/') ||
	    snprintf(path, sizeof(path), "/api/v1/silences/%s/remove", id) >= (int)sizeof(path)) {
		cli_complain("that is no id of a silence");
		return CLI_USAGE;
	}
	return command(o, path, &none);
}

static int run_silence(const struct cli_options *o, struct buf *query, int argc, char **argv)
{
	const char *what = optind < argc ? argv[optind] : "";
	const int more = argc - optind - 1;

	if (strcmp(what, "list") == 0 && more == 0)
		return list_silences(o);
	if (strcmp(what, "remove") == 0 && more == 1)
		return remove_silence(o, argv[optind + 1]);
	if (strcmp(what, "add") == 0 && more == 0) {
		buf_add_char(query, '\0');
		return command(o, "/api/v1/silences", query);
	}
	fprintf(stderr, "bulkhead silence takes add, list or remove ID.\n");
	return cli_bad_usage("silence");
}

int cli_silence(int argc, char **argv)
{
	static const char *const keys[] = { "for",   "kind",	 "rule", "container",
					    "image", "severity", "key",	 "comment" };
	enum { FIRST = CLI_OPT_OWN, LAST = CLI_OPT_OWN + 7 };
	static const struct option options[] = { { "for", required_argument, NULL, FIRST },
						 { "kind", required_argument, NULL, FIRST + 1 },
						 { "rule", required_argument, NULL, FIRST + 2 },
						 { "container", required_argument, NULL,
						   FIRST + 3 },
						 { "image", required_argument, NULL, FIRST + 4 },
						 { "severity", required_argument, NULL, FIRST + 5 },
						 { "key", required_argument, NULL, FIRST + 6 },
						 { "comment", required_argument, NULL, LAST },
						 CLI_COMMON_OPTIONS };
	struct cli_options common = { .command = "silence", .help = silence_help };
	AUTO_BUF struct buf query = { .fd = -1 };
	int option, r = CLI_GO_ON;

	buf_init(&query, 8192);
	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option >= FIRST && option <= LAST)
			cli_query_add(&query, keys[option - FIRST], optarg);
		else
			r = cli_common_option(&common, option);
	}
	return r == CLI_GO_ON ? run_silence(&common, &query, argc, argv) : r;
}
