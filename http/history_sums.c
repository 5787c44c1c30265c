// SPDX-License-Identifier: GPL-2.0-or-later
#include <assert.h>
#include <math.h>
#include <string.h>

#include "http/history_internal.h"

/* Longest life that comes here, and the time until a flush. */
static uint32_t span_seconds(const struct history *h)
{
	return h->settings.min_lifetime_s + 128;
}

static double *second(const struct history_sums *u, int64_t t)
{
	assert(u->span > 0);
	return u->v + (size_t)(t % u->span) * HISTORY_MAX_METRICS;
}

struct history_entity *history_sums_entity(struct history *h, const struct history_sums *u)
{
	char key[HISTORY_SAFE_BYTES + 8] = "image:";

	history_safe_name(span_str(u->image), key + 6);
	struct wire_container text = { .key = span_str(key),
				       .name = span_str(u->image),
				       .image = span_str(u->image) };
	struct history_entity *n = history_entity_find(h, HISTORY_IMAGE, text.key);

	return n ? n : history_entity_add(h, HISTORY_IMAGE, &text);
}

/* Writes the seconds before `before` to the image's RRD and forgets them. */
static void flush_one(struct history *h, struct history_sums *u, int64_t before)
{
	int64_t end = before < u->end ? before : u->end;

	if (u->first >= end)
		return;
	struct history_entity *n = history_sums_entity(h, u);
	struct history_live l = { .due = true,
				  .started = u->first,
				  .main.schema = &history_schema_container,
				  .disk = { .schema = &history_schema_disk, .disk = true } };

	if (!n) {
		HISTORY_COUNT(h, HISTORY_REFUSED, end - u->first);
	} else {
		if (n->live) /* older ones, out of the spool */
			history_live_end(h, n->live, 0);
		l.entity = n;
		n->live = &l; /* must not be pruned to make room for itself */
		history_series_resume(h, &l);
		for (; u->first < end; u->first++) {
			if (l.main.n + 4 >= history_ring_max(h))
				history_flush(h, &l);
			history_series_push(h, &l.main, u->first, second(u, u->first));
		}
		history_flush(h, &l);
		n->live = NULL;
		history_series_release(h, &l.main);
	}
	u->first = end;
}

static void release(struct history_sums *u)
{
	free(u->v);
	*u = (struct history_sums){ .v = NULL };
}

void history_sums_flush(struct history *h, int64_t before)
{
	for (size_t i = 0; i < HISTORY_MAX_IMAGES; i++) {
		struct history_sums *u = &h->sums[i];

		if (!u->v || history_stopping(h))
			continue;
		flush_one(h, u, before);
		if (u->first >= u->end)
			release(u);
	}
}

bool history_sums_pending(const struct history_sums *u, struct history_series *s)
{
	const size_t stride = HISTORY_MAX_METRICS + 1;

	if (!u->v || u->first >= u->end || u->end - u->first > HISTORY_MAX_RING)
		return false;
	*s = (struct history_series){ .schema = &history_schema_container,
				      .n = (uint32_t)(u->end - u->first),
				      .from = u->first - 1,
				      .last = u->end - 1 };
	s->ring = malloc(s->n * stride * sizeof(double));
	for (uint32_t i = 0; s->ring && i < s->n; i++) {
		s->ring[i * stride] = (double)(u->first + i);
		memcpy(s->ring + i * stride + 1, second(u, u->first + i),
		       HISTORY_MAX_METRICS * sizeof(double));
	}
	return s->ring != NULL;
}

void history_sums_release(struct history *h)
{
	for (size_t i = 0; i < HISTORY_MAX_IMAGES; i++)
		release(&h->sums[i]);
}

static struct history_sums *find(struct history *h, const char *image)
{
	size_t unused = HISTORY_MAX_IMAGES;

	for (size_t i = 0; i < HISTORY_MAX_IMAGES; i++) {
		if (h->sums[i].v && strcmp(h->sums[i].image, image) == 0)
			return &h->sums[i];
		if (!h->sums[i].v)
			unused = i;
	}
	if (unused == HISTORY_MAX_IMAGES)
		return NULL;
	struct history_sums *u = &h->sums[unused];

	u->span = span_seconds(h);
	u->v = calloc(u->span, HISTORY_MAX_METRICS * sizeof(double));
	snprintf(u->image, sizeof(u->image), "%s", image);
	return u->v ? u : NULL;
}

static void add_second(struct history *h, struct history_sums *u, int64_t t, const double *values)
{
	if (u->first == u->end)
		u->first = u->end = t;
	if (t < u->first)
		return; /* written already, or the clock was set back */
	if (t - u->first >= u->span)
		flush_one(h, u, t - u->span + 1);
	if (u->first == u->end) /* all of it was older */
		u->first = u->end = t;
	for (; u->end <= t; u->end++)
		for (size_t k = 0; k < HISTORY_MAX_METRICS; k++)
			second(u, u->end)[k] = NAN;
	double *sum = second(u, t);

	for (size_t k = 0; k < HISTORY_MAX_METRICS; k++)
		if (!isnan(values[k]))
			sum[k] = isnan(sum[k]) ? values[k] : sum[k] + values[k];
}

void history_sums_add(struct history *h, struct span image, const struct history_series *s)
{
	char name[HISTORY_MAX_TEXT];
	size_t stride = s->schema->metrics_n + 1;
	int64_t t = s->from;

	snprintf(name, sizeof(name), "%.*s", (int)image.n, image.p);
	struct history_sums *u = find(h, name[0] ? name : "unknown");

	if (!u) {
		HISTORY_COUNT(h, HISTORY_REFUSED, s->n);
		return;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		const double *p = s->ring + i * stride;

		while (t < (int64_t)p[0])
			add_second(h, u, ++t, p + 1);
	}
}
