// SPDX-License-Identifier: GPL-2.0-or-later
/* One of those that samples come for: its points and when they are written. */
#include <string.h>

#include "collector/base/clock.h"
#include "http/history_internal.h"

struct history_live *history_live_new(struct history_entity *n, int64_t started)
{
	struct history_live *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->entity = n;
	l->started = started;
	l->main.schema = history_entity_schema(n);
	l->disk = (struct history_series){ .schema = &history_schema_disk, .disk = true };
	l->due = n->kind != HISTORY_CONTAINER;
	n->live = l;
	return l;
}

void history_live_free(struct history *h, struct history_live *l)
{
	if (!l)
		return;
	history_spool_release(h, l);
	l->entity->live = NULL;
	history_series_release(h, &l->main);
	history_series_release(h, &l->disk);
	free(l);
}

bool history_live_same(const struct history_live *l, int64_t started)
{
	if (l->ended)
		return false;
	/* The start is not told the same each time; but what began before our newest point of it
	 * cannot have been started again since. */
	return llabs(l->started - started) <= HISTORY_SAME_START_S || started <= l->main.last;
}

void history_live_start_over(struct history *h, struct history_live *l)
{
	history_flush(h, l);
	struct history_run *run = history_entity_run(l->entity, l->main.run);

	if (run)
		history_run_end(h, l->entity, run);
	history_series_release(h, &l->main);
	history_series_release(h, &l->disk);
	l->last.unix_ns = 0;
	l->held = false;
	l->next_flush = 0;
	l->point = 0;
}

void history_live_point(struct history *h, struct history_live *l, uint64_t unix_ns)
{
	double values[HISTORY_MAX_METRICS];
	int64_t t = (int64_t)(unix_ns / NS_PER_S);

	if (l->main.last - t > HISTORY_STEP_BACK_S)
		history_live_start_over(h, l);
	l->now.unix_ns = unix_ns;
	if (t < l->main.last || (l->held && t <= l->main.last)) {
		/* rates go on from here: else the held time would come out as one high rate */
		l->held = true;
		l->last = l->now;
		return;
	}
	l->held = false;
	if (t > l->point)
		l->base = l->last;
	l->point = t;
	l->last = l->now;
	history_values(l->main.schema, &l->base, &l->last, values);
	history_series_push(h, &l->main, t, values);
}

/* Flushes are spread over the period by the slot's number, so that disk and CPU see an even load.
 */
static int64_t next_turn(const struct history *h, const struct history_live *l)
{
	int64_t period = h->settings.flush_s;

	return h->now + period - (h->now + period - l->slot % h->settings.flush_s) % period;
}

void history_live_flush_when_due(struct history *h, struct history_live *l)
{
	int64_t old_enough = l->started + h->settings.min_lifetime_s;
	bool full = l->main.n + 4 >= history_ring_max(h);

	if (history_stopping(h)) /* the spool takes it, faster */
		return;
	if (l->next_flush <= 0 || l->next_flush > h->now + h->settings.flush_s)
		l->next_flush = next_turn(h, l); /* new, or the clock was set back */
	if (!l->due && h->now >= old_enough) {
		l->due = true;
		if (h->now - old_enough < 5) /* after a start of the agent all are old: in turn */
			l->next_flush = h->now;
	}
	if (!full && h->now < l->next_flush)
		return;
	history_flush(h, l);
	l->next_flush = next_turn(h, l);
}
