/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_alerts - the commands about alerts: alerts, log, silence. One thread. */
#ifndef BULKHEAD_CLI_ALERTS_H
#define BULKHEAD_CLI_ALERTS_H

#include "http/cli.h"

int cli_alerts(int argc, char **argv);
int cli_log(int argc, char **argv);
int cli_silence(int argc, char **argv);

/* One alert as a line for people; nothing of it reaches a terminal unescaped. */
void cli_alert_text(const json_t *a, const struct cli_terminal *to, struct buf *out);
/* The same with its facts: the first eight, each cut. */
void cli_audit_text(const json_t *a, const struct cli_terminal *to, struct buf *out);

#endif
