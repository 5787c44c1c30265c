/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_flight - bulkhead alerts show and bulkhead alerts flight: one alert, and what was recorded
 * when it fired. One thread. */
#ifndef BULKHEAD_CLI_FLIGHT_H
#define BULKHEAD_CLI_FLIGHT_H

#include "http/cli.h"

int cli_alert_show(const struct cli_options *o, const char *id);
int cli_alert_flight(const struct cli_options *o, const char *id);

/* For people; nothing of it reaches a terminal unescaped. directory: where recordings are, or NULL.
 */
void cli_show_text(const json_t *alert, const char *directory, const struct cli_terminal *to,
		   struct buf *out);
void cli_flight_text(const json_t *flight, const char *directory, struct buf *out);

#endif
