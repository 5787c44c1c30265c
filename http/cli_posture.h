/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_posture - `bulkhead posture`: how well containers, and their host, are shut in. One thread.
 */
#ifndef BULKHEAD_CLI_POSTURE_H
#define BULKHEAD_CLI_POSTURE_H

#include "http/cli.h"

int cli_posture(int argc, char **argv);

/* The answer of /api/v1/posture as text: a table for each container. */
void cli_posture_text(const json_t *answer, const struct cli_terminal *to, struct buf *out);
/* Some container has this grade ('A' to 'F') or a worse one. */
bool cli_posture_fails(const json_t *answer, char grade);

#endif
