/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_baseline - bulkhead baseline: what each image normally does, as texts for people. One thread.
 * Names, paths and patterns came from containers: nothing of them reaches a terminal unescaped. */
#ifndef BULKHEAD_CLI_BASELINE_H
#define BULKHEAD_CLI_BASELINE_H

#include "http/cli.h"

int cli_baseline(int argc, char **argv);

/* Of the answers of /api/v1/baselines...; *out fails when memory does. */
void cli_baselines_text(const json_t *answer, const struct cli_terminal *to, uint64_t now_unix_ns,
			struct buf *out);
struct cli_baseline_view {
	struct cli_terminal terminal;
	const char *class; /* its entries, "all": of each; NULL: none but those of since_ns */
	uint64_t since_ns; /* first seen then or later; 0: all */
};
void cli_baseline_text(const json_t *answer, const struct cli_baseline_view *view, struct buf *out);
void cli_deviations_text(const json_t *answer, const struct cli_terminal *to, struct buf *out);
void cli_diff_text(const json_t *answer, const struct cli_terminal *to, struct buf *out);
void cli_preview_text(const json_t *answer, const struct cli_terminal *to, struct buf *out);

#endif
