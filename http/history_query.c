// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers: which entity, which points, their sums out of files and memory. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "http/history_internal.h"

#define MAX_LISTED 10 /* candidates in the answer to an ambiguous id */
#define MAX_TIME   (INT64_C(1) << 36)

void history_answer_error(struct history_answer *a, unsigned status, const char *fmt, ...)
{
	char text[ERR_TEXT_BYTES];
	AUTO_BUF struct buf b = { .fd = -1 };
	va_list ap;

	buf_init(&b, 8192);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&b, "{\"error\":{\"status\":%u,\"message\":\"", status);
	buf_add_json(&b, span_str(text));
	buf_add_str(&b, "\"}}\n");
	size_t n = b.len;

	*a = (struct history_answer){ .status = (uint16_t)status,
				      .content_type = "application/json",
				      .body = buf_take_str(&b),
				      .body_n = n };
	if (!a->body)
		a->body_n = 0;
}

/* --- which entity --------------------------------------------------------------------------- */

static int64_t newest(const struct history_entity *n)
{
	if (n->live)
		return INT64_MAX;
	return n->runs_n ? n->runs[n->runs_n - 1].last : 0;
}

static struct history_entity *newer(struct history_entity *a, struct history_entity *b)
{
	return a && newest(a) >= newest(b) ? a : b;
}

static void answer_ambiguous(struct history *h, const char *id, size_t n, struct history_answer *a)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	unsigned listed = 0;

	buf_init(&b, 16384);
	buf_add_str(&b, "{\"error\":{\"status\":409,\"message\":\"'");
	buf_add_json(&b, span_str(id));
	buf_printf(&b, "' is the beginning of %zu ids\",\"candidates\":[", n);
	for (size_t i = 0; i < h->entities_n && listed < MAX_LISTED; i++) {
		const struct history_entity *e = h->entities[i];

		if (e->kind != HISTORY_CONTAINER || !span_starts(span_str(e->id), id))
			continue;
		buf_add_str(&b, listed++ ? ",{\"id\":\"" : "{\"id\":\"");
		buf_add_json(&b, span_str(e->id));
		buf_add_str(&b, "\",\"name\":\"");
		buf_add_json(&b, span_str(e->name));
		buf_add_str(&b, "\"}");
	}
	buf_add_str(&b, "]}}\n");
	size_t len = b.len;

	*a = (struct history_answer){ 409, "application/json", buf_take_str(&b), len };
	if (!a->body)
		a->body_n = 0;
}

static struct history_entity *find_fs(const struct history *h, const char *mount)
{
	for (size_t i = 0; i < h->entities_n; i++)
		if (h->entities[i]->kind == HISTORY_FS && strcmp(h->entities[i]->name, mount) == 0)
			return h->entities[i];
	return NULL;
}

static struct history_entity *find_host(struct history *h, const struct history_query *q,
					struct history_answer *a)
{
	static const char fs[] = "filesystem:";
	bool is_fs = strncmp(q->metric, fs, sizeof(fs) - 1) == 0;
	struct history_entity *n = is_fs ? find_fs(h, q->metric + sizeof(fs) - 1)
					 : history_entity_find(h, HISTORY_HOST, SPAN_LIT("host"));

	if (!n && is_fs)
		history_answer_error(a, 404, "no history of file system '%s'",
				     q->metric + sizeof(fs) - 1);
	else if (!n)
		history_answer_error(a, 404, "no history of the host yet");
	return n;
}

/* Key, whole id, name, then the beginning of an id. NULL: *a says why. */
static struct history_entity *find(struct history *h, const struct history_query *q,
				   struct history_answer *a)
{
	struct history_entity *by_key = NULL, *by_id = NULL, *by_name = NULL, *by_prefix = NULL;
	struct span id = span_str(q->id);
	size_t prefixes = 0;

	if (span_eq(id, "host"))
		return find_host(h, q, a);
	for (size_t i = 0; i < h->entities_n && id.n > 0; i++) {
		struct history_entity *n = h->entities[i];

		if (n->kind != HISTORY_CONTAINER && n->kind != HISTORY_IMAGE)
			continue;
		if (span_eq(id, n->key))
			by_key = n;
		if (n->kind != HISTORY_CONTAINER)
			continue;
		if (span_eq(id, n->id))
			by_id = newer(by_id, n);
		if (span_eq(id, n->name))
			by_name = newer(by_name, n);
		if (span_starts(span_str(n->id), q->id)) {
			by_prefix = n;
			prefixes++;
		}
	}
	struct history_entity *n = by_key ? by_key : by_id ? by_id : by_name;

	if (n || prefixes == 1)
		return n ? n : by_prefix;
	if (prefixes > 1)
		answer_ambiguous(h, q->id, prefixes, a);
	else
		history_answer_error(a, 404, "no history of container '%s'", q->id);
	return NULL;
}

/* --- which points --------------------------------------------------------------------------- */

static bool overlaps(const struct history_run *run, const struct history_data *d)
{
	return run->start <= d->to && run->last > d->from;
}

/* The finest tier that still covers the whole range, over all runs in it. */
static uint32_t covering_step(const struct history_data *d)
{
	const struct history_schema *s = history_entity_schema(d->entity);
	uint32_t step = s->tiers[0].step;

	for (uint32_t i = 0; i < d->entity->runs_n; i++) {
		const struct history_run *run = &d->entity->runs[i];
		int64_t oldest = run->start > d->from ? run->start : d->from;
		uint32_t k = run->reduced ? s->tiers_n - 1 : 0;

		if (!overlaps(run, d))
			continue;
		while (k + 1 < s->tiers_n &&
		       run->last - oldest > (int64_t)s->tiers[k].rows * s->tiers[k].step)
			k++;
		if (s->tiers[k].step > step)
			step = s->tiers[k].step;
	}
	return step;
}

static uint32_t round_step(uint32_t step)
{
	static const uint32_t steps[] = { 1, 10, 30, 60, 300, 900, 1800, 3600, 7200, 21600 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (step <= steps[i])
			return steps[i];
	return 86400;
}

static uint64_t points_at(const struct history_data *d, uint32_t step)
{
	int64_t start = d->from - d->from % (int64_t)step;

	return (uint64_t)((d->to - start + step - 1) / step);
}

static bool choose_range(struct history *h, const struct history_query *q, struct history_data *d,
			 struct history_answer *a)
{
	int64_t now = history_clock(h);

	d->to = q->to > 0 ? q->to : now + q->to;
	d->from = q->from > 0 ? q->from : q->from < 0 ? now + q->from : d->to - 3600;
	if (q->to > MAX_TIME || q->to < -MAX_TIME || q->from > MAX_TIME || q->from < -MAX_TIME)
		history_answer_error(a, 400, "from and to are Unix seconds");
	else if (d->from >= now)
		history_answer_error(a, 400, "from=%lld is in the future", (long long)q->from);
	else if (d->from >= d->to)
		history_answer_error(a, 400, "from has to be before to");
	else
		a->status = 200;
	if (a->status != 200)
		return false;
	if (d->to > now)
		d->to = now;
	if (d->from < 0)
		d->from = 0;
	return true;
}

static bool choose_step(const struct history_query *q, struct history_data *d, uint64_t max_points,
			struct history_answer *a)
{
	uint32_t least = covering_step(d);

	d->step = round_step(q->step > least ? q->step : least);
	uint32_t fits = d->step;

	while (points_at(d, fits) > max_points && fits < 86400)
		fits = round_step(fits + 1);
	if (points_at(d, fits) > max_points || (q->step != 0 && fits != d->step)) {
		history_answer_error(a, 400,
				     "%llu points at a step of %u s are too many (at most %llu): "
				     "ask for step=%u or for a shorter range",
				     (unsigned long long)points_at(d, d->step), d->step,
				     (unsigned long long)max_points, fits);
		return false;
	}
	d->step = fits;
	d->start = d->from - d->from % (int64_t)d->step;
	d->n = (uint32_t)points_at(d, d->step);
	return true;
}

static bool add_columns(struct history_data *d, const struct history_schema *s, const char *metric)
{
	bool any = false;

	for (uint32_t i = 0; i < s->metrics_n; i++) {
		if (metric[0] && strcmp(metric, s->metrics[i].name) != 0)
			continue;
		d->columns[d->columns_n++].metric = &s->metrics[i];
		any = true;
	}
	return any;
}

static bool choose_columns(const struct history_query *q, struct history_data *d,
			   struct history_answer *a)
{
	static const char container[] = "cpu, memory, io_read, io_write, network_receive, "
					"network_transmit, pids, pressure_cpu, pressure_memory, "
					"pressure_io, disk, disk_inodes, disk_log, disk_volumes";
	static const char host[] = "cpu, memory, swap, pressure_cpu, pressure_memory, "
				   "pressure_io, filesystem:<mount point>";
	const struct history_schema *s = history_entity_schema(d->entity);
	const char *metric = d->entity->kind == HISTORY_FS ? "" : q->metric;

	if (q->form != HISTORY_JSON && !q->metric[0]) {
		history_answer_error(a, 400, "a graph needs a metric");
		return false;
	}
	add_columns(d, s, metric);
	if (d->entity->kind == HISTORY_CONTAINER)
		add_columns(d, &history_schema_disk, metric);
	if (d->columns_n == 0) {
		history_answer_error(a, 400, "unknown metric '%s'; there are: %s", metric,
				     d->entity->kind == HISTORY_HOST ? host : container);
		return false;
	}
	return true;
}

static bool allocate(struct history_data *d)
{
	size_t each = d->n;
	double *p = calloc(each * d->columns_n * 3, sizeof(*p));

	d->memory = p;
	for (uint32_t i = 0; p && i < d->columns_n; i++, p += 3 * each) {
		d->columns[i].sum = p;
		d->columns[i].weight = p + each;
		d->columns[i].max = p + 2 * each;
	}
	return p != NULL;
}

/* --- sums ----------------------------------------------------------------------------------- */

struct sink {
	struct history_data *d;
	const struct history_schema *schema;
	bool average, max; /* what the rows tell */
};

/* A row holds for (t0, t1]: it counts in each point by the seconds they share. */
static void take_row(void *ctx, int64_t t0, int64_t t1, const double *values)
{
	const struct sink *s = ctx;
	struct history_data *d = s->d;
	int64_t first = t0 > d->start ? (t0 - d->start) / d->step : 0;
	const struct history_metric *base = s->schema->metrics;

	for (int64_t i = first; i < d->n && d->start + i * d->step < t1; i++) {
		int64_t low = d->start + i * d->step, high = low + d->step;
		double shared = (double)((t1 < high ? t1 : high) - (t0 > low ? t0 : low));

		for (uint32_t k = 0; k < d->columns_n; k++) {
			struct history_column *c = &d->columns[k];

			if (c->metric < base || c->metric >= base + s->schema->metrics_n)
				continue;
			double v = values[c->metric - base];

			if (isnan(v))
				continue;
			if (s->average) {
				c->sum[i] += v * shared;
				c->weight[i] += shared;
			}
			if (s->max && v > c->max[i])
				c->max[i] = v;
		}
	}
}

double history_data_average(const struct history_column *c, uint32_t i)
{
	return c->weight[i] > 0 ? c->sum[i] / c->weight[i] : NAN;
}

double history_data_max(const struct history_column *c, uint32_t i)
{
	return c->weight[i] > 0 ? c->max[i] : NAN; /* no metric is negative */
}

static const struct history_archive *archive_of(const struct history_file *f, uint32_t step,
						bool max)
{
	for (uint32_t i = 0; i < f->archives_n; i++)
		if (f->archives[i].step == step && f->archives[i].max == max)
			return &f->archives[i];
	return NULL;
}

struct source {
	const char *path;
	const struct history_file *file;
	struct sink sink;
};

/* The rows of one tier that end in (from, to], AVERAGE and MAX. */
static int take_tier(struct source *s, uint32_t step, int64_t from, int64_t to, struct err *e)
{
	const struct history_archive *average = archive_of(s->file, step, false);
	const struct history_archive *max = archive_of(s->file, step, true);
	int r = 0;

	s->sink.average = true;
	s->sink.max = !max;
	if (average)
		r = history_rrd_fetch(s->path, s->sink.schema, s->file, average, from, to, take_row,
				      &s->sink, e);
	s->sink.average = false;
	s->sink.max = true;
	if (max && r == 0)
		r = history_rrd_fetch(s->path, s->sink.schema, s->file, max, from, to, take_row,
				      &s->sink, e);
	return r;
}

/* From new to old: the seconds after the last whole row of the wanted tier out of the finest one,
 * then that tier as far as it reaches, then the coarser ones. */
static int take_file(struct source *s, const struct history_data *d, struct err *e)
{
	const struct history_schema *schema = s->sink.schema;
	uint32_t wanted = 0, finest = s->file->archives[0].step;
	int64_t limit = s->file->last;
	int r = 0;

	while (schema->tiers[wanted].step < finest)
		wanted++;
	while (wanted + 1 < schema->tiers_n && schema->tiers[wanted + 1].step <= d->step)
		wanted++;
	int64_t whole = limit - limit % schema->tiers[wanted].step;

	if (schema->tiers[wanted].step != finest) {
		r = take_tier(s, finest, whole, limit, e);
		limit = whole;
	}
	for (uint32_t i = wanted; i < schema->tiers_n && r == 0 && limit > d->start; i++) {
		int64_t step = schema->tiers[i].step;
		const struct history_archive *a = archive_of(s->file, schema->tiers[i].step, false);
		int64_t newest_row = s->file->last - s->file->last % step;
		int64_t oldest = a ? newest_row - (int64_t)a->rows * step : limit;
		int64_t from = oldest > d->start ? oldest : d->start;

		if (!a || from >= limit)
			continue;
		/* the finer tier begins within a row of this one: take whole rows only */
		r = take_tier(s, schema->tiers[i].step, from, limit, e);
		limit = from;
	}
	return r;
}

static void take_run(struct history *h, struct history_data *d, struct history_run *run, bool disk)
{
	struct history_entity *n = d->entity;
	const struct history_schema *schema = disk ? &history_schema_disk
						   : history_entity_schema(n);
	char path[HISTORY_PATH_BYTES];
	struct history_file file;
	struct err e = { "" };

	history_run_path(n, run->start, disk, path);
	int r = history_rrd_check(path, schema, &file, &e);
	struct source s = { .path = path, .file = &file, .sink = { .d = d, .schema = schema } };

	if (r == 0)
		r = take_file(&s, d, &e);
	if (r == -EBADMSG || r == -ENOENT) {
		struct history_live *l = n->live;

		/* the series begins anew at its next flush */
		if (l && l->main.run == run->start && !disk)
			l->main.run = l->disk.run = 0;
		else if (l && l->disk.run == run->start)
			l->disk.run = 0;
		history_run_lose(h, n, run, disk, &e);
	} else if (r < 0) {
		history_write_failed(h, &e);
	}
}

/* Points that wait for the flush. */
static void take_pending(struct history_data *d, const struct history_series *s)
{
	struct sink sink = { .d = d, .schema = s->schema, .average = true, .max = true };
	int64_t t = s->from;

	for (uint32_t i = 0; i < s->n; i++) {
		const double *p = s->ring + i * (s->schema->metrics_n + 1);

		take_row(&sink, t, (int64_t)p[0], p + 1);
		t = (int64_t)p[0];
	}
}

static void collect(struct history *h, struct history_data *d)
{
	for (uint32_t i = d->entity->runs_n; i-- > 0;) {
		struct history_run *run = &d->entity->runs[i];

		if (!overlaps(run, d))
			continue;
		if (run->disk_bytes > 0)
			take_run(h, d, run, true);
		take_run(h, d, run, false); /* may remove the run: i only falls */
	}
	if (d->entity->live) {
		take_pending(d, &d->entity->live->main);
		take_pending(d, &d->entity->live->disk);
	}
}

/* --- answers -------------------------------------------------------------------------------- */

void history_answer_query(struct history *h, const struct history_query *q,
			  struct history_answer *a)
{
	struct history_data d = { .memory = NULL };
	struct err e = { "" };
	/* a graph has no use for more points than pixels */
	uint32_t pixels = q->width ? q->width : 800;
	uint64_t max_points = q->form == HISTORY_JSON ? HISTORY_MAX_POINTS
			      : pixels < 100	      ? 100
			      : pixels > 4000	      ? 4000
						      : pixels;
	struct history_query checked = *q;

	if (q->form == HISTORY_LIST) {
		history_answer_list(h, a);
		return;
	}
	if (q->form != HISTORY_JSON)
		checked.step = 0; /* the width decides */
	d.entity = find(h, q, a);
	if (!d.entity || !choose_range(h, q, &d, a) || !choose_step(&checked, &d, max_points, a) ||
	    !choose_columns(q, &d, a))
		return;
	if (!allocate(&d)) {
		history_answer_error(a, 500, "no memory for the answer");
		return;
	}
	collect(h, &d);
	if (q->form == HISTORY_JSON)
		history_answer_json(h, &d, q, a);
	else if (history_graph(h, &d, q, a, &e) < 0)
		history_answer_error(a, 500, "%s", e.text);
	free(d.memory);
}
