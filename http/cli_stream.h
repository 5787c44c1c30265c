/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_stream - what `bulkhead events` and `bulkhead record` share: the options that choose events,
 * and one subscription until somebody ends it. One thread. */
#ifndef BULKHEAD_CLI_STREAM_H
#define BULKHEAD_CLI_STREAM_H

#include "http/cli.h"

enum {
	CLI_OPT_CONTAINER = CLI_OPT_OWN,
	CLI_OPT_TYPE,
	CLI_OPT_CLASS,
	CLI_OPT_HOST,
	CLI_OPT_STREAM_OWN /* first of the command's own */
};
#define CLI_STREAM_OPTIONS                                                                         \
	{ "container", required_argument, NULL, CLI_OPT_CONTAINER },                               \
		{ "type", required_argument, NULL, CLI_OPT_TYPE },                                 \
		{ "class", required_argument, NULL, CLI_OPT_CLASS },                               \
	{                                                                                          \
		"host", required_argument, NULL, CLI_OPT_HOST                                      \
	}
#define CLI_STREAM_HELP                                                                            \
	"      --container X   of one container alone: id, its beginning, or name\n"               \
	"      --type A,B      of these types: exec, open, connect ...; stat and recv are told\n"  \
	"                      when they are named here only\n"                                    \
	"      --class A,B     of these classes: process, file, network, isolation\n"              \
	"      --host 0|1      0: of containers alone\n"

/* Adds "key=value" to a query, percent-encoded. */
void cli_query_add(struct buf *query, const char *key, const char *value);
/* An option of CLI_STREAM_OPTIONS into the query: true when it was one. */
bool cli_stream_option(struct buf *query, int option);

struct cli_stream {
	const char *socket; /* of --socket, or NULL */
	const struct buf *query;
	uint64_t seconds; /* then it ends; 0: never */
	bool to_stdout;	  /* ends when nobody reads stdout any more */
	/* Both: CLI_GO_ON, or the exit code to end with. */
	int (*events)(void *ctx, const struct wire_events *m);
	int (*second)(void *ctx); /* about each second; NULL is fine */
	void *ctx;

	int fd, signals; /* used by cli_stream_run */
	uint64_t end_ns;
	bool stopping;
};

/* Until SIGINT, SIGTERM, the time is up, a callback ends it, or bulkheadd does. The exit code: what
 * bulkheadd ends in order, and a signal, are success. */
int cli_stream_run(struct cli_stream *s);

/* Writes to stdout without being deaf to signals meanwhile: CLI_GO_ON; CLI_OK when nobody reads or
 * a signal came; CLI_FAILED and said on stderr. */
int cli_stream_write(const struct cli_stream *s, struct span bytes);

#endif
