/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert_rules - how many alerts each rule raised, for /metrics. Names come from rule files and may
 * be many: the first ALERT_RULES_MAX have a count of their own, the rest share that of "other".
 * Owner: one thread. */
#ifndef BULKHEAD_ALERT_RULES_H
#define BULKHEAD_ALERT_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "collector/agent_detector.h"
#include "collector/base/parse.h"

#define ALERT_RULES_MAX 256

struct alert_rules { /* zero it to begin */
	struct alerts_rule list[ALERT_RULES_MAX];
	size_t n;
	uint64_t other; /* alerts of rules without a place, or with a name that is none */
};

void alert_rules_count(struct alert_rules *r, struct span rule);

#endif
