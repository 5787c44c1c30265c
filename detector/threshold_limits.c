// SPDX-License-Identifier: GPL-2.0-or-later
/* The limits as the configuration has them, and what a change of it means for what is told. */
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/threshold_internal.h"

#define GLOBS_MAX_BYTES (1u << 20)
#define MIN_WINDOW_NS	(NS_PER_S - NS_PER_S / 10) /* rounds come a little early, too */
#define MAX_WINDOW_NS	(10 * NS_PER_S)
#define GONE		UINT16_MAX

static bool fits_glob(const struct glob *g, struct span name)
{
	return !g || glob_match(g, name);
}

bool threshold_fits(const struct limit *l, const struct container *c)
{
	struct span image = span_str(container_image(c)), name = image;
	const char *slash = name.n ? memrchr(name.p, '/', name.n) : NULL;
	const char *end = memchr(image.n ? image.p : "", '@', image.n);

	if (!fits_glob(l->container, span_str(container_name(c))))
		return false;
	if (!l->image || glob_match(l->image, image))
		return true;
	/* without digest and tag; a colon before the last '/' is that of a port */
	if (end)
		name.n = (size_t)(end - name.p);
	const char *rest = slash && slash < name.p + name.n ? slash : name.p;
	const char *colon = name.n ? memchr(rest, ':', (size_t)(name.p + name.n - rest)) : NULL;

	if (colon)
		name.n = (size_t)(colon - name.p);
	return name.n < image.n && glob_match(l->image, name);
}

static bool is_rate(enum config_metric m)
{
	return m == METRIC_CPU_CORES || m == METRIC_CPU_PERCENT_OF_LIMIT ||
	       m == METRIC_CPU_PERCENT_OF_HOST || m == METRIC_CPU_THROTTLED_PERCENT ||
	       m == METRIC_CPU_PRESSURE_PERCENT || m == METRIC_MEMORY_PRESSURE_PERCENT ||
	       m == METRIC_IO_BYTES || m == METRIC_IO_OPERATIONS ||
	       m == METRIC_IO_PRESSURE_PERCENT || m == METRIC_RECEIVED_BYTES ||
	       m == METRIC_SENT_BYTES || m == METRIC_PRESSURE_BY_OTHERS ||
	       m == METRIC_UNLIMITED_PERCENT_OF_HOST;
}

uint64_t threshold_window_ns(const struct threshold *t)
{
	uint64_t window = MAX_WINDOW_NS;

	for (size_t i = 0; i < t->limits_n; i++) {
		const struct config_threshold *s = &t->limits[i].set;
		const uint64_t third = s->for_ms * NS_PER_MS / 3;

		if (s->enabled && is_rate(s->metric) && third < window)
			window = third;
	}
	return window > MIN_WINDOW_NS ? window : MIN_WINDOW_NS;
}

uint64_t threshold_restarts_ns(const struct threshold *t)
{
	uint64_t longest = 600 * NS_PER_S;

	for (size_t i = 0; i < t->limits_n; i++) {
		const struct config_threshold *s = &t->limits[i].set;

		if (s->metric == METRIC_RESTARTS && s->for_ms * NS_PER_MS > longest)
			longest = s->for_ms * NS_PER_MS;
	}
	return longest;
}

bool threshold_tells_oom(const struct threshold *t, const struct container *c,
			 enum alert_severity *severity)
{
	const struct limit *l = t->oom_kill;

	if (!l || !l->set.enabled || !threshold_fits(l, c))
		return false;
	*severity = (enum alert_severity)l->set.severity;
	return true;
}

/* --- a change -------------------------------------------------------------------------------- */

struct walk {
	struct threshold *t;
	void (*fn)(struct threshold *t, const struct subject *s, void *ctx);
	void *ctx;
};

static void walk_name(void *ctx, struct restart_name *n)
{
	const struct walk *w = ctx;
	const struct subject s = { .head = &n->told, .c = n->c, .name = n };

	w->fn(w->t, &s, w->ctx);
}

void threshold_each_subject(struct threshold *t,
			    void (*fn)(struct threshold *t, const struct subject *s, void *ctx),
			    void *ctx)
{
	struct walk names = { t, fn, ctx };

	for (uint32_t slot = 0; slot < t->top; slot++) {
		struct watched *w = t->slots[slot];

		if (!w)
			continue;
		const struct subject s = { .head = &w->head, .c = w->c, .watched = w };

		fn(t, &s, ctx);
	}
	restarts_each(t->set.restarts, walk_name, &names);
	for (size_t i = 0; i < THRESHOLD_MAX_FILESYSTEMS; i++) {
		struct filesystem *fs = &t->filesystems[i];
		const struct subject s = { .head = &fs->head, .fs = fs };

		fn(t, &s, ctx);
	}
	const struct subject host = { .head = &t->host_head };

	fn(t, &host, ctx);
}

/* ctx: for each limit of before its number now, or GONE. */
static void end_what_is_gone(struct threshold *t, const struct subject *s, void *ctx)
{
	const uint16_t *now = ctx;
	uint32_t next;

	for (uint32_t i = *s->head; i; i = next) {
		const struct beyond *b = &t->beyond[i];

		next = b->next;
		if (now[b->limit] != GONE)
			continue;
		if (b->told)
			threshold_tell_end(t, &t->limits[b->limit], s);
		threshold_drop(t, s->head, b);
	}
}

static void renumber(struct threshold *t, const struct subject *s, void *ctx)
{
	const uint16_t *now = ctx;

	for (uint32_t i = *s->head; i; i = t->beyond[i].next)
		t->beyond[i].limit = now[t->beyond[i].limit];
}

static void end_what_fits_no_more(struct threshold *t, const struct subject *s, void *ctx)
{
	uint32_t next;

	(void)ctx;
	for (uint32_t i = *s->head; i; i = next) {
		const struct beyond *b = &t->beyond[i];
		const struct limit *l = &t->limits[b->limit];

		next = b->next;
		if (!s->c || threshold_fits(l, s->c))
			continue;
		if (b->told)
			threshold_tell_end(t, l, s);
		threshold_drop(t, s->head, b);
	}
}

static const struct glob *glob_of(struct threshold *t, const char *text)
{
	const struct glob *g = NULL;

	/* Their lengths are checked when they are read. */
	if (text[0] && glob_make(&t->arena, span_str(text), false, &g) < 0)
		log_error("no memory for a pattern of a threshold", "pattern", text, NULL);
	return g;
}

static void make_limits(struct threshold *t)
{
	arena_release(&t->arena);
	arena_init(&t->arena, GLOBS_MAX_BYTES);
	memset(t->by_subject_n, 0, sizeof(t->by_subject_n));
	t->oom_kill = NULL;
	t->limits_n = t->known.n;
	for (size_t i = 0; i < t->limits_n; i++) {
		struct limit *l = &t->limits[i];
		const enum config_metric_of of = config_metrics[t->known.items[i].metric].of;

		*l = (struct limit){ .set = t->known.items[i] };
		l->image = glob_of(t, l->set.image);
		l->container = glob_of(t, l->set.container);
		if (strcmp(l->set.name, CONFIG_OOM_KILL) == 0)
			t->oom_kill = l;
		else if (l->set.enabled)
			t->by_subject[of][t->by_subject_n[of]++] = (uint16_t)i;
	}
}

void threshold_configure(struct threshold *t)
{
	const struct config_thresholds *next = &t->set.services->config->thresholds;
	uint16_t now[CONFIG_MAX_THRESHOLDS];

	if (memcmp(&t->known, next, sizeof(*next)) == 0)
		return;
	for (size_t i = 0; i < t->limits_n; i++) {
		const struct config_threshold *before = &t->limits[i].set;

		now[i] = GONE;
		for (size_t k = 0; k < next->n; k++)
			if (strcmp(before->name, next->items[k].name) == 0 &&
			    before->metric == next->items[k].metric && next->items[k].enabled)
				now[i] = (uint16_t)k;
	}
	threshold_each_subject(t, end_what_is_gone, now);
	threshold_each_subject(t, renumber, now);
	memcpy(&t->known, next, sizeof(*next));
	make_limits(t);
	threshold_each_subject(t, end_what_fits_no_more, NULL);
}
