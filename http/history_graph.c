// SPDX-License-Identifier: GPL-2.0-or-later
/* A graph is drawn from a small RRD of the answer's own points: so it shows the same as the JSON,
 * runs joined and what is not flushed included, and rrd_graph sees one file of a known name. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <rrd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/history_internal.h"

#define FILE_NAME   "history/graph.rrd"
#define TITLE_BYTES 120
#define BATCH	    64
#define ARG_BYTES   64

static int failed(struct err *e, const char *what)
{
	const char *text = rrd_test_error() ? rrd_get_error() : "unknown error";
	int r = err_set(e, EIO, "cannot %s the graph: %s", what, text);

	rrd_clear_error();
	return r;
}

static void add_value(char *out, size_t cap, double v)
{
	if (isnan(v))
		snprintf(out, cap, "U");
	else
		snprintf(out, cap, "%.9g", v);
}

static int fill(const struct history_data *d, struct err *e)
{
	char text[BATCH][3 * ARG_BYTES], average[ARG_BYTES], max[ARG_BYTES];
	const char *args[BATCH];
	const struct history_column *c = &d->columns[0];
	int n = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		add_value(average, sizeof(average), history_data_average(c, i));
		add_value(max, sizeof(max), history_data_max(c, i));
		snprintf(text[n], sizeof(text[n]), "%lld:%s:%s",
			 (long long)(d->start + (int64_t)(i + 1) * d->step), average, max);
		args[n] = text[n];
		if (++n < BATCH && i + 1 < d->n)
			continue;
		rrd_clear_error();
		if (rrd_update_r(FILE_NAME, NULL, n, args) != 0)
			return failed(e, "fill");
		n = 0;
	}
	return 0;
}

static int make_file(const struct history_data *d, struct err *e)
{
	char average[ARG_BYTES], max[ARG_BYTES], rows[ARG_BYTES];
	const char *args[] = { average, max, rows };

	snprintf(average, sizeof(average), "DS:average:GAUGE:%u:U:U", 2 * d->step);
	snprintf(max, sizeof(max), "DS:max:GAUGE:%u:U:U", 2 * d->step);
	snprintf(rows, sizeof(rows), "RRA:AVERAGE:0.5:1:%u", d->n + 1);
	unlink(FILE_NAME);
	rrd_clear_error();
	if (rrd_create_r2(FILE_NAME, d->step, d->start, 1, NULL, NULL, 3, args) != 0)
		return failed(e, "create");
	if (chmod(FILE_NAME, 0600) < 0) /* librrd does not mind the umask */
		return err_errno(e, "cannot create the graph");
	return fill(d, e);
}

/* Names are chosen by whoever runs containers: one clean line of at most TITLE_BYTES. */
static void make_title(const struct history_data *d, const char *metric, char out[TITLE_BYTES + 16])
{
	AUTO_BUF struct buf b = { .fd = -1 };
	const char *name = d->entity->name[0] ? d->entity->name : d->entity->key;
	size_t n = 0;

	buf_init(&b, 16384);
	buf_add_visible(&b, span_str(name));
	buf_add_str(&b, "  ");
	buf_add_visible(&b, span_str(metric));
	while (n < b.len && n < TITLE_BYTES) { /* whole characters */
		size_t len = utf8_len((struct span){ b.data + n, b.len - n });

		if (len == 0)
			break;
		n += len;
	}
	snprintf(out, TITLE_BYTES + 16, "--title=%.*s", (int)n, b.data ? b.data : "");
}

static uint32_t between(uint32_t v, uint32_t usual)
{
	return v == 0 ? usual : v < 100 ? 100 : v > 4000 ? 4000 : v;
}

static int take_image(const rrd_info_t *info, struct history_answer *a, bool svg, struct err *e)
{
	for (; info; info = info->next) {
		if (info->type != RD_I_BLO || strcmp(info->key, "image") != 0)
			continue;
		char *body = malloc(info->value.u_blo.size);

		if (!body)
			break;
		memcpy(body, info->value.u_blo.ptr, info->value.u_blo.size);
		*a = (struct history_answer){ 200, svg ? "image/svg+xml" : "image/png", body,
					      info->value.u_blo.size };
		return 0;
	}
	return err_set(e, ENOMEM, "no memory for the graph");
}

int history_graph(struct history *h, const struct history_data *d, const struct history_query *q,
		  struct history_answer *a, struct err *e)
{
	char title[TITLE_BYTES + 16], start[32], end[32], width[32], height[32], unit[48];
	const struct history_metric *m = d->columns[0].metric;
	bool svg = q->form == HISTORY_SVG, binary = strcmp(m->unit, "bytes") == 0;
	int r = make_file(d, e);

	(void)h;
	make_title(d, q->metric, title);
	snprintf(start, sizeof(start), "--start=%lld", (long long)d->start);
	snprintf(end, sizeof(end), "--end=%lld", (long long)d->start + (int64_t)d->n * d->step);
	snprintf(width, sizeof(width), "--width=%u", between(q->width, 800));
	snprintf(height, sizeof(height), "--height=%u", between(q->height, 240));
	snprintf(unit, sizeof(unit), "--vertical-label=%s", m->unit);
	const char *args[] = { "graph",
			       "-",
			       svg ? "--imgformat=SVG" : "--imgformat=PNG",
			       title,
			       start,
			       end,
			       width,
			       height,
			       "--full-size-mode",
			       unit,
			       "--lower-limit=0",
			       binary ? "--base=1024" : "--base=1000",
			       "DEF:average=" FILE_NAME ":average:AVERAGE",
			       "DEF:max=" FILE_NAME ":max:AVERAGE",
			       "LINE1:max#e0a060:maximum",
			       "AREA:average#3070b0a0:average",
			       "LINE1:average#205080" };
	char *argv[sizeof(args) / sizeof(args[0])];

	/* librrd takes char ** but does not write to the strings */
	memcpy(argv, args, sizeof(args));
	if (r == 0) {
		rrd_clear_error();
		rrd_info_t *info = rrd_graph_v(sizeof(args) / sizeof(args[0]), argv);

		r = info ? take_image(info, a, svg, e) : failed(e, "draw");
		rrd_info_free(info);
	}
	unlink(FILE_NAME);
	return r;
}
