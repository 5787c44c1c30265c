// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables of the kernel that all containers share: how full each is. */
#include "collector/agent_detector.h"
#include "collector/exposition_internal.h"

static const struct span no_labels = { NULL, 0 };

static void emit(struct scrape *s, struct container *c)
{
	const struct alerts_state *a = s->state->alerts;

	(void)c;
	for (size_t i = 0; a && i < a->host_tables_n; i++) {
		scrape_label(s, "table", span_str(a->host_tables[i].table));
		scrape_line(s, no_labels, u64_at(&a->host_tables[i], s->m->at));
		s->extra.len = 0;
	}
}

#define TABLE(field) offsetof(struct alerts_host_table, field)
/* clang-format off */
static const struct metric rows[] = {
	{ "bulkhead_host_table_capacity", "gauge",
	  "What a table of the kernel that all containers share can hold; 0: nothing bounds it. "
	  "Of those that each user, network or file system has, the fullest.",
	  SCOPE_AGENT, UNIT_ONE, 0, TABLE(capacity), emit },
	{ "bulkhead_host_table_used", "gauge",
	  "What is used of a table of the kernel that all containers share.",
	  SCOPE_AGENT, UNIT_ONE, 0, TABLE(used), emit },
};
/* clang-format on */
const struct metric_table exposition_tables = { rows, sizeof(rows) / sizeof(rows[0]) };
