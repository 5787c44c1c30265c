// SPDX-License-Identifier: GPL-2.0-or-later
/* Who holds a table: as the worker counted it, or out of what is sampled anyway. */
#include "detector/detector_tables_internal.h"

#include "collector/base/clock.h"

#define STALE_NS (120 * NS_PER_S) /* what was counted is better than samples for so long */

/* Out of what is sampled anyway. False: samples say nothing of that table. */
static bool sampled(enum host_table t, const struct sample *s, uint64_t *out)
{
	*out = 0;
	switch ((int)t) {
	case TABLE_PIDS:
		*out = s->have & SAMPLE_PIDS ? s->threads : 0;
		return true;
	case TABLE_FILES:
		*out = s->have & SAMPLE_FDS ? s->fds : 0;
		return true;
	case TABLE_DIRTY:
		*out = s->have & SAMPLE_MEMORY_DIRTY ? s->memory_dirty + s->memory_writeback : 0;
		return true;
	case TABLE_SLAB:
		*out = s->have & SAMPLE_MEMORY_KERNEL ? s->memory_kernel : 0;
		return true;
	case TABLE_DISK:
		*out = s->have & SAMPLE_DISK ? s->disk_layer_bytes + s->disk_log_bytes : 0;
		return true;
	case TABLE_INODES:
		*out = s->have & SAMPLE_DISK ? s->disk_layer_inodes + s->disk_log_inodes : 0;
		return true;
	default:
		return false;
	}
}

/* Which layer lies where is known when it is walked: with one file system it is on that. */
static bool only_disk(const struct detector_tables *d, const struct tracked *t)
{
	for (size_t i = 0; i < d->tracked_n; i++)
		if (d->tracked[i].f.table == t->f.table && &d->tracked[i] != t)
			return false;
	return true;
}

static void take_top(struct tracked *t, struct table_top *top, uint64_t now)
{
	top->used = t->f.used;
	top->time_ns = now;
	if (t->top.time_ns && t->top.counted == top->counted &&
	    (!t->between.time_ns || now - t->between.time_ns >= TABLES_AGE_NS)) {
		table_top_move(&t->before, &t->between);
		table_top_move(&t->between, &t->top);
	}
	table_top_move(&t->top, top);
}

static void hold_sampled(struct detector_tables *d, struct tracked *t, uint64_t now)
{
	const struct container_table *containers =
		d->set.services->containers(d->set.services->agent);
	struct table_top top = { .n = 0 };
	struct container *const *list;
	uint64_t amount;

	if (!containers || !sampled(t->f.table, &(struct sample){ .have = 0 }, &amount) ||
	    (t->top.counted && now - t->top.time_ns < STALE_NS) ||
	    ((t->f.table == TABLE_DISK || t->f.table == TABLE_INODES) && !only_disk(d, t)))
		return;
	const size_t n = container_table_live(containers, &list);

	for (size_t i = 0; i < n; i++) {
		if (!tables_counts(list[i]))
			continue;
		sampled(t->f.table, &list[i]->sample, &amount);
		table_top_add(&top, list[i], amount);
	}
	take_top(t, &top, now);
}

static void hold_counted(struct detector_tables *d, struct tracked *t, uint64_t now)
{
	const struct tables_look *l = d->look;
	struct table_top top = { .counted = true };

	for (size_t i = 0; i < l->out.holders_n; i++) {
		const struct table_holder *h = &l->out.holders[i];

		if (h->table == t->f.table && h->which == t->f.which)
			table_top_add(&top, l->containers[h->subject], h->amount);
	}
	/* nothing tells of IPv6 neighbours and of UDP */
	if (top.n == 0 && (t->f.table == TABLE_NEIGHBOURS || t->f.table == TABLE_SOCKET_MEMORY))
		return;
	take_top(t, &top, now);
}

void tables_hold(struct detector_tables *d, struct tracked *t, uint64_t now)
{
	if (d->look->out.held & TABLE_BIT(t->f.table))
		hold_counted(d, t, now);
	else if (t->v.level >= TABLE_IS_NEAR)
		hold_sampled(d, t, now);
}
