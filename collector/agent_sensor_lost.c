// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose events were lost. The programs note the types by container; what they could not tell whose
 * it was, and what was not understood here, is of every container that lives. */
#include "collector/agent_sensor.h"

#define NEWCOMER_NS (10 * NS_PER_S) /* a container is known to us so much later, at most */

static void note_of_all(struct agent *a)
{
	struct agent_sensor *s = a->sensor;
	const uint64_t types = s->lost_here | sensor_take_lost(s->kernel, SENSOR_NO_SLOT);
	struct container *const *list;

	if (!types)
		return;
	const size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++)
		list[i]->lost_types |= types;
	s->lost_here = 0;
	if (mono_ns() - s->lost_of_all_ns > NEWCOMER_NS)
		s->lost_of_all = 0;
	s->lost_of_all |= types;
	s->lost_of_all_ns = mono_ns();
}

void agent_sensor_note_lost(struct agent *a, struct container *c)
{
	note_of_all(a);
	c->lost_types |= sensor_take_lost(a->sensor->kernel, c->slot);
}

/* What was lost shortly before may have been its own. */
void agent_sensor_begin_lost(struct agent *a, struct container *c)
{
	const struct agent_sensor *s = a->sensor;

	if (s->lost_of_all && mono_ns() - s->lost_of_all_ns < NEWCOMER_NS)
		c->lost_types |= s->lost_of_all;
}

uint64_t agent_sensor_take_lost(struct agent *a, struct container *c)
{
	/* the slot of one that ended may be another's; what was lost was noted at its end */
	if (a->sensor && a->sensor->kernel && !c->ended)
		agent_sensor_note_lost(a, c);
	const uint64_t types = c->lost_types;

	c->lost_types = 0;
	return types;
}
