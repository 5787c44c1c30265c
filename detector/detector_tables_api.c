// SPDX-License-Identifier: GPL-2.0-or-later
/* GET /api/v1/tables, and the figures for /metrics. */
#include "detector/detector_tables_internal.h"

#include <math.h>
#include <string.h>

#include "collector/json_put.h"

#define ANSWER_MAX (1u << 20)

static void put_double(struct buf *b, const char *key, double v)
{
	if (!isfinite(v))
		return;
	json_put_key(b, key);
	buf_add_double(b, round(v * 100) / 100);
}

static void put_container(struct buf *b, const struct container *c)
{
	json_put_str(b, "container", container_name(c));
	json_put_str(b, "id", c->id.id);
	json_put_str(b, "image", container_image(c));
}

static void put_cause(struct buf *b, const struct tracked *t)
{
	const struct table_cause cause =
		table_cause_of(&t->top, t->before.time_ns ? &t->before : &t->between);

	if (!cause.known)
		return;
	json_put_object(b, "cause");
	if (cause.c)
		put_container(b, cause.c);
	else
		json_put_true(b, "outside", true);
	json_put_u64(b, "holds", cause.holds);
	put_double(b, "share_percent", cause.share);
	json_put_true(b, "grew", cause.grew);
	buf_add_char(b, '}');
}

static void put_holders(struct buf *b, const struct tracked *t)
{
	json_put_array(b, "holders");
	for (unsigned i = 0; i < t->top.n; i++) {
		json_put_comma(b);
		buf_add_char(b, '{');
		put_container(b, t->top.list[i].c);
		json_put_u64(b, "holds", t->top.list[i].amount);
		buf_add_char(b, '}');
	}
	buf_add_char(b, ']');
}

static void put_table(struct buf *b, const struct tracked *t)
{
	const struct host_table_info *info = &host_tables[t->f.table];

	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_str(b, "table", info->name);
	json_put_str(b, "what", info->what);
	if (t->f.of[0])
		json_put_str(b, "of", t->f.of);
	json_put_u64(b, "used", t->f.used);
	if (t->f.capacity) {
		json_put_u64(b, "capacity", t->f.capacity);
		put_double(b, "percent", t->v.percent);
		json_put_str(b, "limited_by", t->f.limit);
	}
	json_put_true(b, "bytes", (info->flags & TABLE_BYTES) != 0);
	put_double(b, "per_minute", t->v.a_minute);
	put_double(b, "full_in_seconds", t->v.full_in_s);
	json_put_str(b, "level", table_level_names[t->v.level]);
	if (t->top.time_ns) {
		put_cause(b, t);
		put_holders(b, t);
	}
	buf_add_char(b, '}');
}

bool detector_tables_get(struct detector_tables *d, struct span path, struct span query,
			 uint32_t ticket)
{
	const struct agent_services *s = d->set.services;
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)query;
	if (!span_eq(path, "/api/v1/tables"))
		return false;
	if (ticket == AGENT_NO_TICKET)
		return true;
	buf_init(&b, ANSWER_MAX);
	buf_add_char(&b, '{');
	json_put_key(&b, "enabled");
	buf_add_str(&b, d->on ? "true" : "false");
	json_put_u64(&b, "looks", d->looks);
	put_double(&b, "sweep_ms", (double)d->sweep_ns / 1e6);
	json_put_array(&b, "tables");
	for (unsigned t = 0; t < TABLE_COUNT; t++) /* in the order of the list */
		for (size_t i = 0; i < d->tracked_n; i++)
			if (d->tracked[i].f.table == t)
				put_table(&b, &d->tracked[i]);
	buf_add_str(&b, "]}");
	s->answer(s->agent, ticket, 200, &b);
	return true;
}

/* One of each name: the fullest. */
static void put_figure(struct alerts_state *out, const struct tracked *t)
{
	for (size_t i = 0; i < out->host_tables_n; i++) {
		if (strcmp(out->host_tables[i].table, host_tables[t->f.table].name) != 0)
			continue;
		if ((double)t->f.used * (double)out->host_tables[i].capacity >
		    (double)out->host_tables[i].used * (double)t->f.capacity) {
			out->host_tables[i].used = t->f.used;
			out->host_tables[i].capacity = t->f.capacity;
		}
		return;
	}
	if (out->host_tables_n == ALERTS_HOST_TABLES)
		return;
	out->host_tables[out->host_tables_n].table = host_tables[t->f.table].name;
	out->host_tables[out->host_tables_n].used = t->f.used;
	out->host_tables[out->host_tables_n++].capacity = t->f.capacity;
}

void detector_tables_state(const struct detector_tables *d, struct alerts_state *out)
{
	_Static_assert(ALERTS_HOST_TABLES >= TABLE_COUNT, "each table has a place");
	for (size_t i = 0; i < d->tracked_n; i++)
		put_figure(out, &d->tracked[i]);
	alerts_state_table(out, "host_tables", d->tracked_n, TRACKED_MAX,
			   d->refused + d->looks_refused);
}
