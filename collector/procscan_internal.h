/* SPDX-License-Identifier: GPL-2.0-or-later */
/* procscan_internal - what the iterator's pass and that of /proc share. */
#ifndef BULKHEAD_PROCSCAN_INTERNAL_H
#define BULKHEAD_PROCSCAN_INTERNAL_H

#include "collector/base/buf.h"
#include "collector/procscan.h"

#define PROCSCAN_LINK_BYTES 4097

struct procscan_pass {
	const struct procscan *scan;
	struct process_table *table;
	struct procscan_counts counts;
	struct buf args; /* masked */
	char exe[PROCSCAN_LINK_BYTES], cwd[PROCSCAN_LINK_BYTES];
	char cmdline[PROCESS_MAX_ARGS + 1];
};

/* Adds what /proc knows of the task and seeds it. */
void procscan_seed(struct procscan_pass *pass, const struct event_task *task);

int procscan_pass_new(struct procscan_pass **out, const struct procscan *s, struct process_table *t,
		      struct err *e);
void procscan_pass_free(struct procscan_pass *pass);
DEFINE_AUTO(procscan_pass, procscan_pass_free)

#endif
