// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead record: writes events with their processes and containers into a file.
 * bulkhead replay: hands it to bulkheadd, which has the code that understands it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/recording.h"
#include "http/cli_stream.h"

static const char help[] =
	"Usage: bulkhead record -o FILE [OPTION...]\n"
	"Writes events with their processes and containers into FILE, until it is interrupted or\n"
	"the time is up; 'bulkhead replay FILE' shows them. Whatever is chosen, what runs on the\n"
	"host and what is started meanwhile is in it, for context: keep it as you keep logs.\n\n"
	"  -o, --output FILE   where to; must not exist\n"
	"      --force         writes over FILE\n"
	"      --seconds TIME  ends after this time: 90, 90s, 15m\n" CLI_STREAM_HELP
	"      --socket PATH   where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                      /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help          this text\n";

struct record {
	struct cli_stream stream;
	const char *file;
	bool force, made; /* made: it was not there before */
	int fd;
	struct recording_writer *writer; /* NULL until the header came */
	uint64_t events, missed;
};

static int failed(const struct err *e)
{
	cli_complain(e->text);
	return CLI_FAILED;
}

static int take_item(struct record *c, uint8_t type, struct span bytes)
{
	struct recording_header h;
	struct err e = { "" };
	int r;

	if (type == RECORDING_HEADER && !c->writer) {
		r = recording_header_decode(bytes, &h, &e);
		if (r == 0 && ftruncate(c->fd, 0) < 0)
			r = err_errno(&e, "cannot write '%s'", c->file);
		if (r == 0)
			r = recording_writer_new(&c->writer, c->fd, &h, &e);
		return r < 0 ? failed(&e) : CLI_GO_ON;
	}
	if (!c->writer || type == RECORDING_HEADER || type == RECORDING_END) {
		err_set(&e, EPROTO, "bulkheadd sent something that is no recording");
		return failed(&e);
	}
	r = recording_write(c->writer, (enum recording_type)type, bytes, &e);
	c->events += type == RECORDING_EVENT;
	return r < 0 ? failed(&e) : CLI_GO_ON;
}

static int on_events(void *ctx, const struct wire_events *m)
{
	struct record *c = ctx;
	struct wire_reader r = { .rest = m->bytes };
	struct err e = { "" };
	int code = CLI_GO_ON;

	while (r.rest.n > 0 && code == CLI_GO_ON) {
		uint8_t type = wire_get_u8(&r);
		struct span bytes = wire_get_bytes(&r);

		if (r.failed) {
			err_set(&e, EPROTO, "bulkheadd sent an item that is cut short");
			return failed(&e);
		}
		code = take_item(c, type, bytes);
	}
	if (code == CLI_GO_ON && m->missed > 0 && c->writer) {
		c->missed += m->missed;
		if (recording_write_lost(c->writer, m->missed, &e) < 0)
			return failed(&e);
	}
	return code;
}

static int on_second(void *ctx)
{
	struct record *c = ctx;
	struct err e = { "" };

	return c->writer && recording_tick(c->writer, &e) < 0 ? failed(&e) : CLI_GO_ON;
}

/* Whatever ended it: a file that has a header is finished. */
static int finish(struct record *c, int code)
{
	struct err e = { "" };

	if (c->writer && recording_finish(c->writer, &e) < 0)
		code = failed(&e);
	if (!c->writer)
		return code;
	fprintf(stderr, "bulkhead: %llu events, %llu bytes", (unsigned long long)c->events,
		(unsigned long long)recording_writer_stats(c->writer).bytes);
	if (c->missed)
		fprintf(stderr, ", %llu missed", (unsigned long long)c->missed);
	fprintf(stderr, "\n");
	return code;
}

/* What is written over stays as it is until the first bytes come. */
static int open_file(struct record *c)
{
	const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
	char text[PATH_MAX + 128];
	struct stat st;

	c->fd = open(c->file, flags | O_CREAT | O_EXCL, 0600);
	c->made = c->fd >= 0;
	if (c->fd < 0 && errno == EEXIST && c->force)
		c->fd = open(c->file, flags | O_NONBLOCK);
	if (c->fd >= 0 && (fstat(c->fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(c->fd);
		c->fd = -1;
		errno = EINVAL;
	}
	if (c->fd >= 0)
		return CLI_GO_ON;
	snprintf(text, sizeof(text), "cannot write '%s': %s%s", c->file, strerror(errno),
		 errno == EEXIST ? " (--force writes over it)" : "");
	cli_complain(text);
	return CLI_FAILED;
}

static int run(struct record *c)
{
	int code = open_file(c);

	if (code != CLI_GO_ON)
		return code;
	code = finish(c, cli_stream_run(&c->stream));
	if (!c->writer && c->made)
		unlink(c->file); /* nothing came: no empty file is left */
	recording_writer_free(c->writer);
	if (close(c->fd) < 0 && code == CLI_OK)
		code = CLI_FAILED;
	return code;
}

enum { OPT_FORCE = CLI_OPT_STREAM_OWN, OPT_SECONDS };

static int take(struct record *c, struct cli_options *common, int option)
{
	switch (option) {
	case 'o':
		c->file = optarg;
		return CLI_GO_ON;
	case OPT_FORCE:
		c->force = true;
		return CLI_GO_ON;
	case OPT_SECONDS:
		if (cli_parse_duration(optarg, &c->stream.seconds) && c->stream.seconds > 0)
			return CLI_GO_ON;
		fprintf(stderr, "--seconds takes a time such as 90, 90s or 15m.\n");
		return cli_bad_usage("record");
	default:
		return cli_common_option(common, option);
	}
}

int cli_record(int argc, char **argv)
{
	static const struct option options[] = { CLI_STREAM_OPTIONS,
						 { "output", required_argument, NULL, 'o' },
						 { "force", no_argument, NULL, OPT_FORCE },
						 { "seconds", required_argument, NULL,
						   OPT_SECONDS },
						 CLI_COMMON_OPTIONS };
	struct cli_options common = { .command = "record", .help = help };
	AUTO_BUF struct buf query = { .fd = -1 };
	struct record c = { .fd = -1, .stream = { .events = on_events, .second = on_second } };
	int option, r = CLI_GO_ON;

	buf_init(&query, 4096);
	cli_query_add(&query, "format", "record");
	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		if (!cli_stream_option(&query, option))
			r = take(&c, &common, option);
	if (r == CLI_GO_ON)
		r = cli_no_arguments(&common, argc);
	if (r != CLI_GO_ON)
		return r;
	if (!c.file) {
		fprintf(stderr, "-o FILE is missing.\n");
		return cli_bad_usage("record");
	}
	c.stream.socket = common.socket;
	c.stream.query = &query;
	c.stream.ctx = &c;
	return run(&c);
}

int cli_replay(int argc, char **argv)
{
	return cli_bulkheadd(argc, argv, "cannot find bulkheadd, which reads recordings");
}
