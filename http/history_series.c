// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <string.h>

#include "http/history_internal.h"

#define FIRST_POINTS 8
#define MERGE_S	     60 /* equal neighbours become one point of at most so many seconds */

uint32_t history_ring_max(const struct history *h)
{
	return h->settings.flush_s + h->settings.min_lifetime_s + 16;
}

void history_values(const struct history_schema *s, const struct history_snapshot *from,
		    const struct history_snapshot *to, double *values)
{
	double seconds = from->unix_ns > 0 && to->unix_ns > from->unix_ns
				 ? (double)(to->unix_ns - from->unix_ns) / 1e9
				 : NAN;

	for (uint32_t i = 0; i < s->metrics_n; i++) {
		const struct history_metric *m = &s->metrics[i];
		bool known = (to->have & m->have) == m->have;

		if (m->scale > 0)
			known = known && (from->have & m->have) == m->have &&
				to->v[i] >= from->v[i];
		if (!known)
			values[i] = NAN;
		else if (m->scale > 0)
			values[i] = (double)(to->v[i] - from->v[i]) / m->scale / seconds;
		else
			values[i] = (double)to->v[i];
		if (m->share && values[i] > 1)
			values[i] = 1;
	}
}

static size_t stride(const struct history_series *s)
{
	return s->schema->metrics_n + 1;
}

static double *point(const struct history_series *s, uint32_t i)
{
	return s->ring + i * stride(s);
}

/* Forgets the oldest n points. */
static void drop(struct history *h, struct history_series *s, uint32_t n)
{
	if (n == 0)
		return;
	s->from = (int64_t)point(s, n - 1)[0];
	s->n -= n;
	memmove(s->ring, point(s, n), s->n * stride(s) * sizeof(double));
	HISTORY_COUNT(h, HISTORY_PENDING, 0 - (uint64_t)n);
}

static bool grow(struct history_series *s, uint32_t cap)
{
	double *ring = realloc(s->ring, cap * stride(s) * sizeof(double));

	if (!ring)
		return false;
	s->ring = ring;
	s->cap = cap;
	return true;
}

static bool make_space(struct history *h, struct history_series *s)
{
	uint32_t max = history_ring_max(h);

	if (s->n < s->cap)
		return true;
	if (s->cap >= max) { /* nowhere to write to: the newest are worth more */
		HISTORY_COUNT(h, HISTORY_REFUSED, s->n / 2 + 1);
		drop(h, s, s->n / 2 + 1);
		return true;
	}
	uint32_t cap = s->cap ? s->cap * 2 : FIRST_POINTS;

	return grow(s, cap < max ? cap : max);
}

static void append(struct history *h, struct history_series *s, int64_t t, const double *values)
{
	size_t bytes = s->schema->metrics_n * sizeof(double);

	if (s->n > 0) {
		double *last = point(s, s->n - 1);
		int64_t began = s->n > 1 ? (int64_t)point(s, s->n - 2)[0] : s->from;

		/* idle containers are most containers: one point a minute is all they cost */
		if (t - began <= MERGE_S && memcmp(last + 1, values, bytes) == 0) {
			last[0] = (double)t;
			s->last = t;
			return;
		}
	}
	if (!make_space(h, s)) {
		HISTORY_COUNT(h, HISTORY_REFUSED, 1);
		return;
	}
	double *p = point(s, s->n++);

	p[0] = (double)t;
	memcpy(p + 1, values, bytes);
	s->last = t;
	HISTORY_COUNT(h, HISTORY_PENDING, 1);
}

void history_series_push(struct history *h, struct history_series *s, int64_t t,
			 const double *values)
{
	double unknown[HISTORY_MAX_METRICS];

	if (t < 1 || t < s->last)
		return;
	if (s->last == 0)
		s->last = s->from = t - 1;
	if (t == s->last) {
		if (s->n == 0)
			return; /* that second is in the file already */
		int64_t began = s->n > 1 ? (int64_t)point(s, s->n - 2)[0] : s->from;

		if (t - began <= 1) {
			memcpy(point(s, s->n - 1) + 1, values,
			       s->schema->metrics_n * sizeof(double));
			return;
		}
		point(s, s->n - 1)[0] = (double)(t - 1);
	} else if (t - s->last > s->schema->gap_s) {
		for (size_t i = 0; i < HISTORY_MAX_METRICS; i++)
			unknown[i] = NAN;
		append(h, s, t - 1, unknown);
	}
	append(h, s, t, values);
}

void history_series_restore(struct history *h, struct history_series *s, int64_t from,
			    const double *points, uint32_t n)
{
	double unknown[HISTORY_MAX_METRICS];
	int64_t began = from;
	uint32_t i = 0;

	for (; i < n && (int64_t)points[i * stride(s)] <= s->last; i++)
		began = (int64_t)points[i * stride(s)];
	if (i == n || s->n + (n - i) > HISTORY_MAX_RING)
		return;
	/* more than fits when settings became smaller: the next flush takes all of it */
	if (s->cap < s->n + (n - i) + 1 && !grow(s, s->n + (n - i) + 1)) {
		HISTORY_COUNT(h, HISTORY_REFUSED, n - i);
		return;
	}
	for (size_t k = 0; k < HISTORY_MAX_METRICS; k++)
		unknown[k] = NAN;
	if (s->last == 0)
		s->from = s->last = began;
	else if (began > s->last)
		append(h, s, began, unknown);
	for (; i < n; i++)
		append(h, s, (int64_t)points[i * stride(s)], points + i * stride(s) + 1);
}

void history_series_release(struct history *h, struct history_series *s)
{
	if (s->n > 0)
		HISTORY_COUNT(h, HISTORY_PENDING, 0 - (uint64_t)s->n);
	free(s->ring);
	*s = (struct history_series){ .schema = s->schema, .disk = s->disk };
}

static int create_run(struct history *h, struct history_entity *n, struct history_series *s,
		      struct history_run run, struct err *e)
{
	char path[HISTORY_PATH_BYTES];
	int r = history_entity_mkdir(n, e);

	if (r < 0)
		return r;
	for (int tries = 0; tries < 8; tries++, run.start++) { /* the clock may repeat itself */
		history_run_path(n, run.start, false, path);
		r = history_entity_run(n, run.start)
			    ? -EEXIST
			    : history_rrd_create(path, s->schema, run.reduced, s->from, e);
		if (r != -EEXIST)
			break;
	}
	if (r < 0)
		return r == -EEXIST ? err_set(e, EEXIST, "'%s' is there already", path) : r;
	while (n->runs_n >= HISTORY_MAX_RUNS && history_prune_run(h, n))
		;
	if (!history_run_add(n, run))
		return err_set(e, ENOMEM, "no memory for a history run");
	history_size_changed(h, 0, run.bytes);
	s->run = run.start;
	return history_entity_save(h, n, e);
}

/* Opens a new run for what waits; false when there is no room or it failed. */
static bool begin_run(struct history *h, struct history_live *l)
{
	struct history_series *s = &l->main;
	struct history_run run = { .start = s->from + 1,
				   .started = l->started,
				   .last = s->from,
				   .open = true,
				   .bytes = history_rrd_bytes(s->schema, false) };
	struct err e = { "" };

	if (!history_cap_make_room(h, run.bytes, false)) {
		run.reduced = true;
		run.bytes = history_rrd_bytes(s->schema, true);
		if (!history_cap_make_room(h, run.bytes, true))
			return false;
	}
	if (create_run(h, l->entity, s, run, &e) < 0)
		history_write_failed(h, &e);
	if (run.reduced)
		history_cap_count_reduced(h);
	return s->run != 0;
}

static bool begin_disk(struct history *h, struct history_live *l, struct history_run *run)
{
	uint64_t bytes = history_rrd_bytes(&history_schema_disk, false);
	char path[HISTORY_PATH_BYTES];
	struct err e = { "" };

	if (run->disk_bytes == 0) {
		if (!history_cap_make_room(h, bytes, false))
			return false;
		run = history_entity_run(l->entity, l->main.run); /* pruning moves runs */
		if (!run)
			return false;
		history_run_path(l->entity, run->start, true, path);
		if (history_rrd_create(path, &history_schema_disk, false, l->disk.from, &e) < 0) {
			history_write_failed(h, &e);
			return false;
		}
		run->disk_bytes = bytes;
		history_size_changed(h, 0, bytes);
	}
	l->disk.run = run->start;
	return true;
}

/* Tells a damaged file from other trouble. true: it was set aside, a new one may begin. */
static bool lost(struct history *h, struct history_live *l, struct history_series *s)
{
	struct history_run *run = history_entity_run(l->entity, s->run);
	char path[HISTORY_PATH_BYTES];
	struct history_file file;
	struct err e = { "" };

	history_run_path(l->entity, s->run, s->disk, path);
	int r = run ? history_rrd_check(path, s->schema, &file, &e) : -ENOENT;

	if (r != -EBADMSG && r != -ENOENT)
		return false;
	if (run)
		history_run_lose(h, l->entity, run, s->disk, &e);
	s->run = 0;
	if (!s->disk)
		l->disk.run = 0;
	return true;
}

static int write_points(struct history *h, struct history_live *l, struct history_series *s,
			struct err *e)
{
	char path[HISTORY_PATH_BYTES];

	history_run_path(l->entity, s->run, s->disk, path);
	return history_rrd_update(path, s->schema, s->ring, s->n, &h->scratch, e);
}

static bool begin(struct history *h, struct history_live *l, struct history_series *s)
{
	struct history_run *run = history_entity_run(l->entity, l->main.run);

	if (s->run != 0)
		return true;
	return s->disk ? run && begin_disk(h, l, run) : begin_run(h, l);
}

static void flush_series(struct history *h, struct history_live *l, struct history_series *s)
{
	struct err e = { "" };

	if (s->n == 0 || !begin(h, l, s))
		return;
	int r = write_points(h, l, s, &e);

	if (r < 0 && lost(h, l, s)) {
		if (!begin(h, l, s))
			return;
		r = write_points(h, l, s, &e);
	}
	if (r < 0)
		history_write_failed(h, &e);
	drop(h, s, s->n); /* also what failed: it would fail again, and memory is bounded */
	struct history_run *run = history_entity_run(l->entity, s->run);

	if (run && !s->disk)
		run->last = s->last;
}

void history_flush(struct history *h, struct history_live *l)
{
	if (l->main.run != 0 || l->due) {
		flush_series(h, l, &l->main);
		if (l->main.run != 0)
			flush_series(h, l, &l->disk);
	}
	if (l->main.n == 0 && l->disk.n == 0)
		history_spool_release(h, l);
}

static void resume_from(struct history *h, struct history_live *l, struct history_series *s,
			struct history_run *run)
{
	char path[HISTORY_PATH_BYTES];
	struct history_file file;
	struct err e = { "" };

	history_run_path(l->entity, run->start, s->disk, path);
	int r = history_rrd_check(path, s->schema, &file, &e);

	if (r == 0) {
		s->run = run->start;
		s->from = s->last = file.last;
	} else if (r == -EBADMSG || r == -ENOENT) {
		history_run_lose(h, l->entity, run, s->disk, &e);
	} else {
		history_write_failed(h, &e);
	}
}

void history_series_resume(struct history *h, struct history_live *l)
{
	struct history_entity *n = l->entity;
	bool any = n->kind != HISTORY_CONTAINER;

	for (uint32_t i = n->runs_n; i-- > 0;) {
		struct history_run *run = &n->runs[i];
		bool same = llabs(run->started - l->started) <= HISTORY_SAME_START_S ||
			    l->started <= run->last; /* it ran before the run's newest point */

		if (!run->open)
			continue;
		bool future = run->last > history_clock(h) + HISTORY_STEP_BACK_S;

		if (l->main.run == 0 && !future && (any || same)) {
			if (run->disk_bytes > 0)
				resume_from(h, l, &l->disk, run);
			resume_from(h, l, &l->main, run);
		} else {
			history_run_end(h, n, run); /* may remove it: i only falls */
		}
	}
	if (l->main.run == 0)
		l->disk.run = 0;
}
