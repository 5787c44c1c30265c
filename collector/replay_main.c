// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkheadd replay: the command around replay.h. Needs no privileges and no agent. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/event_filter.h"
#include "collector/replay.h"

#define OUT_BYTES 65536
#define OUT_MAX	  (2u << 20)

static const char help[] =
	"Usage: bulkhead replay FILE [OPTION...]\n"
	"Prints the events of a recording ('bulkhead record') as 'bulkhead events' printed them.\n"
	"Needs neither root nor a running agent; the same file gives the same output every "
	"time.\n\n"
	"      --format FORMAT     json (one object a line, default) or text\n"
	"      --container X       events of one container alone: id, its beginning, or name\n"
	"      --type A,B,...      events of these types alone\n"
	"      --class A,B,...     of these classes: process, file, network, isolation\n"
	"      --host 0|1          0: events of containers alone\n"
	"      --realtime          as fast as it happened, not as fast as it can\n"
	"  -q, --quiet             no events: a summary of the recording\n"
	"  -h, --help              this text\n\n"
	"Exit codes: 0 done, 1 the recording is damaged (it is read up to there), 2 wrong usage.\n";

struct command {
	const char *file;
	struct event_filter filter;
	bool realtime, quiet;
	struct buf out;
	int failed; /* writing the output: -errno */
};

static void write_out(void *ctx)
{
	struct command *c = ctx;

	if (!c->failed && c->out.len > 0)
		c->failed = io_write_all(STDOUT_FILENO, c->out.data, c->out.len);
	buf_clear(&c->out);
}

static void on_event(void *ctx, const struct event_view *v, const struct event_context *context)
{
	struct command *c = ctx;
	const struct event_container *k = context->container;
	const struct span none = { "", 0 };

	if (c->quiet || c->failed ||
	    !event_filter_pass_span(&c->filter, v, k ? k->id : none, k ? k->name : none))
		return;
	if (c->filter.format == WIRE_EVENTS_TEXT)
		event_line(&c->out, v, context);
	else
		event_json(&c->out, v, context);
	buf_add_char(&c->out, '\n');
	if (c->out.failed)
		c->failed = -ENOMEM;
	if (c->out.len >= OUT_BYTES)
		write_out(c);
}

static uint64_t duration_ns(const struct replay_summary *s)
{
	return s->last_ns - s->first_ns;
}

static void summary_text(struct buf *b, const struct replay_summary *s)
{
	buf_add_str(b, "host        ");
	buf_add_visible(b, span_str(s->header.host));
	buf_add_str(b, "\nkernel      ");
	buf_add_visible(b, span_str(s->header.kernel));
	buf_add_str(b, "\nduration    ");
	buf_add_fixed(b, duration_ns(s) / NS_PER_MS, 3);
	buf_printf(b, " s\nevents      %llu\nlost        %llu\nprocesses   %llu at its start\n",
		   (unsigned long long)s->events, (unsigned long long)s->lost,
		   (unsigned long long)s->processes);
	for (unsigned t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++)
		if (s->by_type[t])
			buf_printf(b, "  %-16s %llu\n", event_type_name((enum event_type)t),
				   (unsigned long long)s->by_type[t]);
}

static void summary_json(struct buf *b, const struct replay_summary *s)
{
	bool first = true;

	buf_add_str(b, "{\"host\":\"");
	buf_add_json(b, span_str(s->header.host));
	buf_add_str(b, "\",\"kernel\":\"");
	buf_add_json(b, span_str(s->header.kernel));
	buf_printf(b, "\",\"whole\":%s,\"duration_seconds\":", s->whole ? "true" : "false");
	buf_add_fixed(b, duration_ns(s), 9);
	buf_printf(b, ",\"events\":%llu,\"lost\":%llu,\"processes\":%llu,\"types\":{",
		   (unsigned long long)s->events, (unsigned long long)s->lost,
		   (unsigned long long)s->processes);
	for (unsigned t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++) {
		if (!s->by_type[t])
			continue;
		buf_printf(b, "%s\"%s\":%llu", first ? "" : ",",
			   event_type_name((enum event_type)t), (unsigned long long)s->by_type[t]);
		first = false;
	}
	buf_add_str(b, "}}\n");
}

static void complain(const char *file, const char *text)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 16384);
	buf_add_str(&b, "bulkheadd: '");
	buf_add_visible(&b, span_str(file));
	buf_add_str(&b, "': ");
	buf_add_visible(&b, span_str(text));
	buf_add_char(&b, '\n');
	io_write_all(STDERR_FILENO, b.data, b.len);
}

static int run(struct command *c)
{
	const struct replay_settings settings = {
		.realtime = c->realtime, .event = on_event, .idle = write_out, .ctx = c
	};
	struct replay_summary sum;
	struct err e = { "" };
	AUTO_FD int fd = open(c->file, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		complain(c->file, strerror(errno));
		return 1;
	}
	int r = replay_read(fd, &settings, &sum, &e);

	if (c->quiet && (r == 0 || sum.items > 0))
		(c->filter.format == WIRE_EVENTS_TEXT ? summary_text : summary_json)(&c->out, &sum);
	write_out(c);
	if (r < 0)
		complain(c->file, e.text);
	if (sum.lost > 0)
		fprintf(stderr, "bulkheadd: %llu events were lost while it was recorded\n",
			(unsigned long long)sum.lost);
	if (c->failed && c->failed != -EPIPE)
		fprintf(stderr, "bulkheadd: cannot write: %s\n", strerror(-c->failed));
	return r < 0 || (c->failed && c->failed != -EPIPE) ? 1 : 0;
}

enum { OPT_FORMAT = 256, OPT_CONTAINER, OPT_TYPE, OPT_CLASS, OPT_HOST, OPT_REALTIME };

static const struct option longs[] = {
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "container", required_argument, NULL, OPT_CONTAINER },
	{ "type", required_argument, NULL, OPT_TYPE },
	{ "class", required_argument, NULL, OPT_CLASS },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "realtime", no_argument, NULL, OPT_REALTIME },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int bad_usage(const char *text)
{
	fprintf(stderr, "%s%sTry 'bulkhead replay --help'.\n", text, *text ? "\n" : "");
	return 2;
}

/* 0, 1 done, 2 wrong. */
static int take(struct command *c, int option, const char *name)
{
	struct err e = { "" };

	switch (option) {
	case 'q':
		c->quiet = true;
		return 0;
	case OPT_REALTIME:
		c->realtime = true;
		return 0;
	case 'h':
		fputs(help, stdout);
		return 1;
	case '?':
		return bad_usage("");
	default:
		break;
	}
	if (event_filter_set(&c->filter, span_str(name), span_str(optarg), &e) < 0)
		return bad_usage(e.text);
	return c->filter.format == WIRE_EVENTS_RECORD ? bad_usage("format is json or text") : 0;
}

int replay_main(int argc, char **argv)
{
	struct command c = { .file = NULL };
	int option, at = 0, r = 0;

	event_filter_init(&c.filter);
	optind = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "qh", longs, &at)) != -1)
		r = take(&c, option, longs[at].name);
	if (r != 0)
		return r == 1 ? 0 : r;
	if (optind + 1 != argc)
		return bad_usage(optind < argc ? "One recording at a time."
					       : "The file of a recording is missing.");
	c.file = argv[optind];
	/* What is asked for is all that is printed, STAT and RECV too. */
	if (c.filter.types == 0)
		c.filter.types = UINT64_MAX;
	event_filter_finish(&c.filter);
	buf_init(&c.out, OUT_MAX);
	r = run(&c);
	buf_release(&c.out);
	return r;
}
