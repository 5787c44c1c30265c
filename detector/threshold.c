// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/threshold_internal.h"

#define END_NS	  (60 * NS_PER_S) /* the longest time that an end waits for */
#define GAP_NS	  (60 * NS_PER_S) /* a figure that was not known so long begins anew */
#define RETOLD_NS (60 * NS_PER_S) /* after start: what the run before told */
#define DISK_NS	  (10 * NS_PER_S)

/* --- entries --------------------------------------------------------------------------------- */

static struct beyond *find(struct threshold *t, uint32_t head, uint16_t limit)
{
	for (uint32_t i = head; i; i = t->beyond[i].next)
		if (t->beyond[i].limit == limit)
			return &t->beyond[i];
	return NULL;
}

static struct beyond *add(struct threshold *t, uint32_t *head, uint16_t limit)
{
	const uint32_t i = t->free_head;

	if (!i) {
		t->refused++;
		return NULL;
	}
	t->free_head = t->beyond[i].next;
	t->beyond[i] = (struct beyond){ .limit = limit, .next = (uint16_t)*head };
	*head = i;
	t->beyond_n++;
	return &t->beyond[i];
}

void threshold_drop(struct threshold *t, uint32_t *head, const struct beyond *b)
{
	const uint32_t i = (uint32_t)(b - t->beyond);

	if (*head == i) {
		*head = b->next;
	} else {
		uint32_t before = *head;

		while (t->beyond[before].next != i)
			before = t->beyond[before].next;
		t->beyond[before].next = b->next;
	}
	t->beyond[i] = (struct beyond){ .next = (uint16_t)t->free_head };
	t->free_head = i;
	t->beyond_n--;
}

static void end_all(struct threshold *t, const struct subject *s)
{
	while (*s->head) {
		const struct beyond *b = &t->beyond[*s->head];

		if (b->told)
			threshold_tell_end(t, &t->limits[b->limit], s);
		threshold_drop(t, s->head, b);
	}
}

/* --- one figure ------------------------------------------------------------------------------ */

static double figure_of(struct threshold *t, const struct limit *l, const struct subject *s,
			struct metric_figure *out)
{
	const uint64_t now = t->world->now_ns, span = l->set.for_ms * NS_PER_MS;

	metric_figure_clear(out);
	if (s->fs)
		return out->value = threshold_filesystem_percent(s->fs, out);
	if (s->name)
		return out->value = event_times_within(&s->name->times, now, span);
	if (l->set.metric != METRIC_OOM_KILLS)
		return metric_figure(t->world, s->c, l->set.metric, out);
	if (s->watched->kills_known)
		out->value = event_times_within(&s->watched->oom, now, span);
	return out->value;
}

static uint64_t wait_ns(const struct limit *l)
{
	return config_metrics[l->set.metric].counts ? 0 : l->set.for_ms * NS_PER_MS;
}

static uint64_t end_ns(const struct limit *l)
{
	const uint64_t ns = l->set.for_ms * NS_PER_MS;

	return ns < END_NS ? ns : END_NS;
}

static void is_beyond(struct threshold *t, uint16_t limit, const struct subject *s,
		      const struct metric_figure *f)
{
	const struct limit *l = &t->limits[limit];
	const uint64_t now = t->world->now_ns;
	struct beyond *b = find(t, *s->head, limit);
	bool at_once = false;

	if (!b) {
		if (s->c && !threshold_fits(l, s->c))
			return;
		b = add(t, s->head, limit);
		if (!b)
			return;
		at_once = now - t->started_ns < RETOLD_NS && threshold_was_told(t, l, s);
	}
	if (b->since_ns == 0 || (!b->told && now - b->last_ns > GAP_NS)) {
		b->since_ns = now;
		b->since_unix_ns = t->world->now_unix_ns;
	}
	b->last_ns = now;
	b->under_ns = 0;
	if (b->told || (now - b->since_ns < wait_ns(l) && !at_once))
		return;
	b->told = true;
	threshold_tell(t, l, s, f, b);
}

static void is_under(struct threshold *t, uint16_t limit, const struct subject *s)
{
	const struct limit *l = &t->limits[limit];
	const uint64_t now = t->world->now_ns;
	struct beyond *b = find(t, *s->head, limit);

	if (!b)
		return;
	if (b->told) {
		if (b->under_ns == 0)
			b->under_ns = now;
		if (now - b->under_ns < end_ns(l))
			return;
		threshold_tell_end(t, l, s);
	}
	threshold_drop(t, s->head, b);
}

static void judge(struct threshold *t, enum config_metric_of of, const struct subject *s)
{
	for (size_t i = 0; i < t->by_subject_n[of]; i++) {
		const uint16_t limit = t->by_subject[of][i];
		const struct config_threshold *set = &t->limits[limit].set;
		struct metric_figure f;
		const double v = figure_of(t, &t->limits[limit], s, &f);

		if (isnan(v))
			continue;
		if (set->below ? v < set->limit : v > set->limit)
			is_beyond(t, limit, s, &f);
		else if (*s->head)
			is_under(t, limit, s);
	}
}

/* --- containers ------------------------------------------------------------------------------ */

void threshold_forget(struct threshold *t, uint32_t slot)
{
	struct watched *w = TAKE(t->slots[slot]);
	const struct subject s = { .head = &w->head, .c = w->c, .watched = w };

	end_all(t, &s);
	container_unref(w->c);
	free(w);
	t->watched_n--;
}

static struct watched *watch(struct threshold *t, struct container *c)
{
	struct watched *w = c->slot < CONFIG_MAX_CONTAINERS ? t->slots[c->slot] : NULL;

	if (w && w->c == c)
		return w;
	if (w)
		threshold_forget(t, c->slot); /* of one that was there before */
	if (c->slot >= CONFIG_MAX_CONTAINERS || !(w = calloc(1, sizeof(*w)))) {
		t->refused++;
		return NULL;
	}
	t->slots[c->slot] = w;
	w->c = container_ref(c);
	t->watched_n++;
	if (c->slot >= t->top)
		t->top = c->slot + 1;
	return w;
}

static void count_kills(struct threshold *t, struct watched *w)
{
	const uint64_t now = w->c->oom_events, before = w->kills;
	const bool before_us = !w->kills_known && t->round == 1;

	w->kills = now;
	w->kills_known = true;
	if (now > before && !before_us)
		event_times_add(&w->oom, t->world->now_ns, now - before);
}

static void look_at_containers(struct threshold *t)
{
	struct container *const *list;
	const size_t n = container_table_live(t->world->containers, &list);
	size_t shown = 0;

	t->round++;
	for (size_t i = 0; i < n; i++) {
		if (list[i]->kind != CGROUP_CONTAINER && list[i]->kind != CGROUP_SERVICE)
			continue;
		struct watched *w = watch(t, list[i]);

		if (!w)
			continue;
		shown++;
		w->round = t->round;
		count_kills(t, w);
		const struct subject s = { .head = &w->head, .c = w->c, .watched = w };

		judge(t, METRIC_OF_CONTAINER, &s);
	}
	for (uint32_t slot = 0; slot < t->top && t->watched_n > shown; slot++)
		if (t->slots[slot] && t->slots[slot]->round != t->round)
			threshold_forget(t, slot);
}

void threshold_ended(struct threshold *t, const struct container *c)
{
	if (c->slot < CONFIG_MAX_CONTAINERS && t->slots[c->slot] && t->slots[c->slot]->c == c)
		threshold_forget(t, c->slot);
}

/* --- names and file systems ------------------------------------------------------------------ */

static void look_at_name(void *ctx, struct restart_name *n)
{
	const struct subject s = { .head = &n->told, .c = n->c, .name = n };

	judge(ctx, METRIC_OF_NAME, &s);
}

static void filesystem_gone(struct threshold *t, struct filesystem *fs)
{
	const struct subject s = { .head = &fs->head, .fs = fs };

	end_all(t, &s);
}

static void look_at_filesystems(struct threshold *t)
{
	if (t->by_subject_n[METRIC_OF_HOST] == 0)
		return;
	if (t->disk_ns == 0 || t->world->now_ns - t->disk_ns >= DISK_NS) {
		t->disk_ns = t->world->now_ns;
		threshold_look_at_disks(t, filesystem_gone);
	}
	for (size_t i = 0; i < THRESHOLD_MAX_FILESYSTEMS; i++) {
		struct filesystem *fs = &t->filesystems[i];
		const struct subject s = { .head = &fs->head, .fs = fs };

		if (fs->device)
			judge(t, METRIC_OF_HOST, &s);
	}
}

/* Where containers have no pressure the host's is looked at in their place, by the same limit. */
static void look_at_host(struct threshold *t)
{
	struct subject s = { .head = &t->host_head };
	struct metric_figure f;

	for (size_t i = 0; i < t->limits_n; i++) {
		const struct config_threshold *set = &t->limits[i].set;

		if (set->metric != METRIC_PRESSURE_BY_OTHERS || !set->enabled || set->below ||
		    t->limits[i].image || t->limits[i].container)
			continue;
		metric_figure_clear(&f);
		f.value = contention_of_host(t->world->contention, &f.verdict);
		f.has_verdict = f.value > 0;
		if (f.value > set->limit)
			is_beyond(t, (uint16_t)i, &s, &f);
		else if (f.value <= set->limit)
			is_under(t, (uint16_t)i, &s);
	}
}

void threshold_tick(struct threshold *t, const struct metric_world *w)
{
	if (t->started_ns == 0)
		t->started_ns = w->now_ns;
	t->world = w;
	look_at_containers(t);
	restarts_each(t->set.restarts, look_at_name, t);
	look_at_filesystems(t);
	look_at_host(t);
	t->world = NULL;
}

struct threshold_stats threshold_stats(const struct threshold *t)
{
	return (struct threshold_stats){ t->beyond_n, THRESHOLD_MAX_BEYOND, t->refused };
}

int threshold_new(struct threshold **out, const struct threshold_settings *s, struct err *e)
{
	struct threshold *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(e, ENOMEM, "no memory for thresholds");
	t->set = *s;
	for (uint32_t i = THRESHOLD_MAX_BEYOND; i > 0; i--) {
		t->beyond[i].next = (uint16_t)t->free_head;
		t->free_head = i;
	}
	threshold_configure(t);
	*out = t;
	return 0;
}

void threshold_free(struct threshold *t)
{
	if (!t)
		return;
	for (uint32_t slot = 0; slot < t->top; slot++) {
		struct watched *w = t->slots[slot];

		if (!w)
			continue;
		container_unref(w->c);
		free(w);
	}
	arena_release(&t->arena);
	free(t);
}
