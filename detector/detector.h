/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector - what judges, put together behind the hooks of collector/agent_detector.h: alerts and
 * their log, silences, the audit. main.c makes one and gives its hooks to the agent. */
#ifndef BULKHEAD_DETECTOR_H
#define BULKHEAD_DETECTOR_H

#include "collector/agent_detector.h"

struct detector;

int detector_new(struct detector **out, struct err *e);
/* After the agent has gone. NULL is fine. */
void detector_free(struct detector *d);
DEFINE_AUTO(detector, detector_free)

const struct agent_detector *detector_hooks(const struct detector *d);

#endif
