// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/exposition.h"

#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/exposition_internal.h"

#define CLOCK_EVERY 16 /* entries between two looks at the clock */

struct entry {
	struct container *c;	   /* a reference */
	struct container *network; /* whose labels its network series carry */
};

struct exposition {
	struct scrape scrape;
	struct entry *entries; /* live ones, then ended ones */
	size_t n;
	size_t table, row, entry; /* where the next slice goes on */
	bool begun;		  /* scrape_begin was called for this row */
};

static const struct metric_table *const tables[] = {
	&exposition_containers, &exposition_machine, &exposition_agent,
	&exposition_sensor,	&exposition_alerts,  &exposition_baseline,
	&exposition_rules,	&exposition_tables,  &exposition_serve,
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static int by_netns(const void *a, const void *b)
{
	const struct container *const *x = a, *const *y = b;

	return ((*x)->netns > (*y)->netns) - ((*x)->netns < (*y)->netns);
}

/* The network of a pod is shown by its sandbox, as cAdvisor and kubelet do, even where another
 * container of the pod came first and was the one whose figures are read. */
static int find_sandboxes(struct exposition *x, size_t live_n)
{
	size_t n = 0;
	AUTO_FREE struct container **list = calloc(live_n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < live_n; i++) {
		struct container *c = x->entries[i].c;

		if (c->meta && c->meta->sandbox && c->netns != 0)
			list[n++] = c;
	}
	qsort(list, n, sizeof(*list), by_netns);
	for (size_t i = 0; i < live_n && n > 0; i++) {
		struct container *c = x->entries[i].c;
		struct container **found;

		if (!c->owns_network || !c->meta || c->meta->sandbox || c->netns == 0)
			continue;
		found = bsearch(&c, list, n, sizeof(*list), by_netns);
		if (found)
			x->entries[i].network = *found;
	}
	return 0;
}

static void add_entry(struct exposition *x, struct container *c)
{
	x->entries[x->n++] = (struct entry){ container_ref(c), c };
}

int exposition_new(struct exposition **out, const struct agent_state *state, bool openmetrics,
		   struct err *e)
{
	AUTO(exposition_free) struct exposition *x = calloc(1, sizeof(*x));
	struct container *const *live, *const *ended;
	size_t live_n = container_table_live(state->containers, &live);
	size_t ended_n = container_table_ended(state->containers, &ended);

	if (!x)
		return err_set(e, ENOMEM, "exposition");
	x->scrape.openmetrics = openmetrics;
	buf_init(&x->scrape.extra, 1 << 16);
	x->entries = calloc(live_n + ended_n + 1, sizeof(*x->entries));
	if (!x->entries)
		return err_set(e, ENOMEM, "exposition of %zu containers", live_n + ended_n);
	for (size_t i = 0; i < live_n; i++)
		add_entry(x, live[i]);
	for (size_t i = 0; i < ended_n; i++)
		add_entry(x, ended[i]);
	for (size_t i = 0; i < live_n; i++)
		labels_name_pod(live[i], state->config);
	if (find_sandboxes(x, live_n) < 0)
		return err_set(e, ENOMEM, "exposition of %zu containers", live_n);
	*out = TAKE(x);
	return 0;
}

void exposition_free(struct exposition *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n; i++)
		container_unref(x->entries[i].c);
	free(x->entries);
	buf_release(&x->scrape.extra);
	free(x);
}

static bool is_shown(const struct metric *m, const struct container *c)
{
	bool workload = c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;

	switch (m->scope) {
	case SCOPE_SAMPLE:
		return !c->ended && c->sample.time_unix_ns != 0 &&
		       (c->sample.have & m->need) == m->need;
	case SCOPE_SPEC:
		return !c->ended && (c->sample.have & m->need) == m->need;
	case SCOPE_LIFE:
		return workload && !c->superseded;
	case SCOPE_AGENT:
		break;
	}
	return false;
}

/* One family, or as much of it as the time allows: false when time is up. */
static bool step_family(struct exposition *x, const struct metric *m, uint64_t until_ns)
{
	struct scrape *s = &x->scrape;

	if (!x->begun)
		scrape_begin(s, m);
	x->begun = true;
	if (m->scope == SCOPE_AGENT) {
		m->emit(s, NULL);
		return true;
	}
	for (; x->entry < x->n; x->entry++) {
		struct entry *entry = &x->entries[x->entry];

		if (is_shown(m, entry->c)) {
			s->network = entry->network;
			m->emit(s, entry->c);
		}
		if (x->entry % CLOCK_EVERY == CLOCK_EVERY - 1 && mono_ns() >= until_ns) {
			x->entry++;
			return false;
		}
	}
	return true;
}

int exposition_step(struct exposition *x, const struct agent_state *state, struct buf *b,
		    uint64_t budget_ns)
{
	uint64_t until_ns = mono_ns() + budget_ns;

	x->scrape.b = b;
	x->scrape.state = state;
	for (; x->table < TABLES; x->table++, x->row = 0) {
		while (x->row < tables[x->table]->n) {
			if (!step_family(x, &tables[x->table]->rows[x->row], until_ns))
				return b->failed ? -EFBIG : 0;
			x->row++;
			x->entry = 0;
			x->begun = false;
			if (b->failed)
				return -EFBIG;
			if (mono_ns() >= until_ns)
				return 0;
		}
	}
	if (x->scrape.openmetrics)
		buf_add_str(b, "# EOF\n");
	return b->failed ? -EFBIG : 1;
}

void exposition_each_metric(void (*fn)(void *ctx, const char *name, const char *type,
				       const char *help),
			    void *ctx)
{
	for (size_t t = 0; t < TABLES; t++)
		for (size_t i = 0; i < tables[t]->n; i++) {
			const struct metric *m = &tables[t]->rows[i];

			fn(ctx, m->name, m->type, m->help);
		}
}
