// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead events: prints events as they happen. */
#include <string.h>

#include "collector/base/clock.h"
#include "http/cli_stream.h"

static const char help[] =
	"Usage: bulkhead events [OPTION...]\n"
	"Prints events as they happen, one a line, until it is interrupted. What it cannot print "
	"as\n"
	"fast as it comes is left out and counted on stderr.\n\n" CLI_STREAM_HELP
	"      --format FORMAT json (default) or text\n"
	"      --filter CONDITION  as in rules: 'evt.type = openat and fd.name startswith /etc'\n"
	"  -p, --print FORMAT  a text with fields in it: '%evt.time %proc.name %fd.name';\n"
	"                      'bulkhead rules fields' lists the fields of both\n"
	"      --count N       ends after N events\n"
	"      --seconds TIME  ends after this time: 90, 90s, 15m\n"
	"      --socket PATH   where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                      /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help          this text\n";

struct events {
	struct cli_stream stream;
	uint64_t left; /* lines still wanted; 0: any number */
	uint64_t missed, told_ns;
};

static void tell_missed(struct events *v)
{
	char text[96];

	if (v->missed == 0)
		return;
	snprintf(text, sizeof(text),
		 "%llu events were missed: they came faster than they were read",
		 (unsigned long long)v->missed);
	cli_complain(text);
	v->missed = 0;
	v->told_ns = mono_ns();
}

/* Cuts the bytes after the last line that is wanted; true: that was it. */
static bool count_lines(struct events *v, struct span *bytes)
{
	const char *p = bytes->p, *end = bytes->p + bytes->n;

	while (v->left > 0 && p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		if (--v->left == 0) {
			bytes->n = (size_t)(p - bytes->p);
			return true;
		}
	}
	return false;
}

static int on_events(void *ctx, const struct wire_events *m)
{
	struct events *v = ctx;
	struct span bytes = m->bytes;

	v->missed += m->missed;
	if (mono_ns() - v->told_ns >= NS_PER_S)
		tell_missed(v);
	if (m->format == WIRE_EVENTS_RECORD || bytes.n == 0)
		return CLI_GO_ON;
	bool last = count_lines(v, &bytes);
	int r = cli_stream_write(&v->stream, bytes);

	return r == CLI_GO_ON && last ? CLI_OK : r;
}

static bool bad_number(const char *name)
{
	fprintf(stderr, "--%s takes a number above 0.\n", name);
	return false;
}

enum { OPT_FORMAT = CLI_OPT_STREAM_OWN, OPT_COUNT, OPT_SECONDS, OPT_FILTER };

static bool take(struct events *v, struct buf *query, int option)
{
	if (option == OPT_FORMAT)
		cli_query_add(query, "format", optarg);
	else if (option == OPT_FILTER || option == 'p')
		cli_query_add(query, option == 'p' ? "print" : "filter", optarg);
	else if (option == OPT_COUNT)
		return (parse_u64(span_str(optarg), &v->left) && v->left > 0) ||
		       bad_number("count");
	else
		return (cli_parse_duration(optarg, &v->stream.seconds) && v->stream.seconds > 0) ||
		       bad_number("seconds");
	if (option != OPT_FORMAT || strcmp(optarg, "record") != 0)
		return true;
	fprintf(stderr, "'bulkhead record' makes recordings.\n");
	return false;
}

int cli_events(int argc, char **argv)
{
	static const struct option options[] = { CLI_STREAM_OPTIONS,
						 { "format", required_argument, NULL, OPT_FORMAT },
						 { "count", required_argument, NULL, OPT_COUNT },
						 { "seconds", required_argument, NULL,
						   OPT_SECONDS },
						 { "filter", required_argument, NULL, OPT_FILTER },
						 { "print", required_argument, NULL, 'p' },
						 CLI_COMMON_OPTIONS };
	struct cli_options common = { .command = "events", .help = help };
	AUTO_BUF struct buf query = { .fd = -1 };
	struct events v = { .stream = { .to_stdout = true, .events = on_events } };
	int option, r = CLI_GO_ON;

	buf_init(&query, 16384);
	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "hp:", options, NULL)) != -1) {
		if (cli_stream_option(&query, option))
			continue;
		if (option >= CLI_OPT_STREAM_OWN || option == 'p')
			r = take(&v, &query, option) ? CLI_GO_ON : cli_bad_usage("events");
		else
			r = cli_common_option(&common, option);
	}
	if (r == CLI_GO_ON)
		r = cli_no_arguments(&common, argc);
	if (r != CLI_GO_ON)
		return r;
	v.stream.socket = common.socket;
	v.stream.query = &query;
	v.stream.ctx = &v;
	r = cli_stream_run(&v.stream);
	tell_missed(&v);
	return r;
}
