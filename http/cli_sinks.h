/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_sinks - bulkhead sinks: where alerts go, how it goes, and a test of one. One thread. */
#ifndef BULKHEAD_CLI_SINKS_H
#define BULKHEAD_CLI_SINKS_H

#include "http/cli.h"

int cli_sinks(int argc, char **argv);

/* The table of GET /api/v1/sinks. */
int cli_sinks_text(const json_t *answer, const struct cli_terminal *to, uint64_t now_unix_ns,
		   struct buf *out);

struct cli_sink_test {
	const char *name;
	uint64_t seq, time_ns; /* of the line with the test, as bulkheadd told */
	uint64_t dead_before;
};
/* What GET /api/v1/sinks says of a test: CLI_OK delivered, CLI_FAILED given up, CLI_GO_ON not yet.
 * *out: what to tell; of CLI_GO_ON why it waits, as far as that is known. */
int cli_sink_verdict(const json_t *answer, const struct cli_sink_test *t, struct buf *out);

#endif
