// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <string.h>

#include "http/history_internal.h"

#define MAX_BODY_BYTES (16u << 20)

static void add_text(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "\"%s\":\"", name);
	buf_add_json(b, span_str(value));
	buf_add_str(b, "\",");
}

/* Six digits behind the point: what comes in has no more. */
static void add_number(struct buf *b, double v)
{
	if (!isfinite(v) || v < 0)
		buf_add_str(b, "null");
	else if (v < 1e9)
		buf_add_fixed(b, (uint64_t)(v * 1e6 + 0.5), 6);
	else
		buf_add_u64(b, v < 1e18 ? (uint64_t)(v + 0.5) : UINT64_C(1000000000000000000));
}

static void add_column(struct buf *b, const struct history_data *d, const struct history_column *c)
{
	buf_printf(b, "\"%s\":{\"unit\":\"%s\",\"average\":[", c->metric->name, c->metric->unit);
	for (uint32_t i = 0; i < d->n; i++) {
		if (i)
			buf_add_char(b, ',');
		add_number(b, history_data_average(c, i));
	}
	buf_add_str(b, "],\"max\":[");
	for (uint32_t i = 0; i < d->n; i++) {
		if (i)
			buf_add_char(b, ',');
		add_number(b, history_data_max(c, i));
	}
	buf_add_str(b, "]}");
}

static void finish(struct buf *b, struct history_answer *a)
{
	size_t n = b->len;
	char *body = buf_take_str(b);

	if (body)
		*a = (struct history_answer){ 200, "application/json", body, n };
	else
		history_answer_error(a, 500, "the answer is too large");
}

static void add_filesystems(struct buf *b, const struct history *h)
{
	unsigned listed = 0;

	buf_add_str(b, "\"filesystems\":[");
	for (size_t i = 0; i < h->entities_n; i++) {
		if (h->entities[i]->kind != HISTORY_FS)
			continue;
		buf_add_str(b, listed++ ? ",\"" : "\"");
		buf_add_json(b, span_str(h->entities[i]->name));
		buf_add_char(b, '"');
	}
	buf_add_str(b, "],");
}

void history_answer_json(struct history *h, const struct history_data *d,
			 const struct history_query *q, struct history_answer *a)
{
	const struct history_entity *n = d->entity;
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, MAX_BODY_BYTES);
	buf_add_char(&b, '{');
	add_text(&b, "key", n->key);
	add_text(&b, "id", n->id);
	add_text(&b, "name", n->name);
	add_text(&b, "image", n->image);
	add_text(&b, "metric", q->metric);
	if (n->kind == HISTORY_HOST)
		add_filesystems(&b, h);
	if (d->columns_n == 1)
		add_text(&b, "unit", d->columns[0].metric->unit);
	buf_printf(&b, "\"from\":%lld,\"to\":%lld,\"start\":%lld,\"step\":%u,\"points\":%u,",
		   (long long)d->from, (long long)d->to, (long long)d->start + d->step, d->step,
		   d->n);
	buf_add_str(&b, "\"series\":{");
	for (uint32_t i = 0; i < d->columns_n; i++) {
		if (i)
			buf_add_char(&b, ',');
		add_column(&b, d, &d->columns[i]);
	}
	buf_add_str(&b, "}}\n");
	finish(&b, a);
}

static void add_entity(struct buf *b, const struct history_entity *n)
{
	int64_t start = n->runs_n ? n->runs[0].started : n->live ? n->live->started : 0;
	uint64_t bytes = n->meta_bytes;

	for (uint32_t i = 0; i < n->runs_n; i++)
		bytes += n->runs[i].bytes + n->runs[i].disk_bytes;
	buf_add_char(b, '{');
	add_text(b, "kind", n->kind == HISTORY_IMAGE ? "image" : "container");
	add_text(b, "key", n->key);
	add_text(b, "id", n->id);
	add_text(b, "name", n->name);
	add_text(b, "image", n->image);
	add_text(b, "runtime", n->runtime);
	buf_printf(b, "\"start\":%lld,\"end\":", (long long)start);
	if (n->live || history_entity_open_run(n) || n->runs_n == 0)
		buf_add_str(b, "null");
	else
		buf_add_i64(b, n->runs[n->runs_n - 1].last);
	buf_printf(b, ",\"runs\":%u,\"bytes\":%llu}", n->runs_n, (unsigned long long)bytes);
}

void history_answer_list(struct history *h, struct history_answer *a)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	bool some = false;

	buf_init(&b, MAX_BODY_BYTES);
	buf_add_char(&b, '[');
	for (size_t i = 0; i < h->entities_n; i++) {
		const struct history_entity *n = h->entities[i];

		if (n->kind != HISTORY_CONTAINER && n->kind != HISTORY_IMAGE)
			continue;
		if (some)
			buf_add_char(&b, ',');
		some = true;
		add_entity(&b, n);
	}
	buf_add_str(&b, "]\n");
	finish(&b, a);
}
