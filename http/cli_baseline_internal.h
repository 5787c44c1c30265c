/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_baseline_internal - what the texts about baselines share. */
#ifndef BULKHEAD_CLI_BASELINE_INTERNAL_H
#define BULKHEAD_CLI_BASELINE_INTERNAL_H

#include "http/cli_baseline.h"

uint64_t baseline_figure(const json_t *o, const char *key); /* 0: absent */
void baseline_line(struct buf *out, const char *label, const char *text);
void baseline_image_line(const json_t *o, struct buf *out);
void baseline_enforce_line(const json_t *o, struct buf *out);

void baseline_figure_cell(struct cli_table *t, uint64_t v);
void baseline_time_cell(struct cli_table *t, const json_t *o, const char *key);
void baseline_learned_cell(struct cli_table *t, const json_t *maturity);
void baseline_expected_cell(struct cli_table *t, const json_t *maturity);

#endif
