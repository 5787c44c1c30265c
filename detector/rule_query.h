/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_query - one condition and one format on events, for `bulkhead events --filter -p` and for
 * the stream: the same language as in rules, without macros and lists. Loop's thread. */
#ifndef BULKHEAD_RULE_QUERY_H
#define BULKHEAD_RULE_QUERY_H

#include "collector/event_query.h"
#include "detector/field.h"

/* world: asked for names; outlives all queries. */
void rule_query_hooks(struct event_query_hooks *out, const struct field_world *world);

#endif
