// SPDX-License-Identifier: GPL-2.0-or-later
/* One line of the exposition. The hot path of a scrape: one reservation, then plain copies; no
 * printf and no floating point, since every figure is an integer of a known unit. */
#include "collector/exposition_internal.h"

#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"

#define NUMBER_BYTES 40

static char *put(char *p, const char *s, size_t n)
{
	memcpy(p, s, n);
	return p + n;
}

static char *put_u64(char *p, uint64_t v)
{
	char text[20];
	char *first = text + sizeof(text);

	do {
		*--first = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return put(p, first, (size_t)(text + sizeof(text) - first));
}

/* v / 10^digits without trailing zeros. */
static char *put_fixed(char *p, uint64_t v, uint64_t scale, unsigned digits)
{
	uint64_t fraction = v % scale;

	p = put_u64(p, v / scale);
	if (fraction == 0)
		return p;
	*p++ = '.';
	for (unsigned i = digits; i-- > 0; fraction /= 10)
		p[i] = (char)('0' + fraction % 10);
	p += digits;
	while (p[-1] == '0')
		p--;
	return p;
}

static char *put_value(char *p, enum metric_unit unit, uint64_t v)
{
	switch (unit) {
	case UNIT_ONE:
		break;
	case UNIT_SIGNED:
		if ((int64_t)v < 0) {
			*p++ = '-';
			v = 0 - v;
		}
		break;
	case UNIT_MS:
		return put_fixed(p, v, 1000, 3);
	case UNIT_US:
		return put_fixed(p, v, 1000000, 6);
	case UNIT_NS:
		return put_fixed(p, v, NS_PER_S, 9);
	case UNIT_NS_WHOLE:
		v /= NS_PER_S;
		break;
	}
	return put_u64(p, v);
}

/* OpenMetrics names a counter's family without _total, and knows no counter or gauge by the wrong
 * name: what cAdvisor calls otherwise becomes "unknown", as client_golang does with it. */
static void header(struct scrape *s)
{
	const struct metric *m = s->m;
	const char *type = m->type;
	size_t n = s->name_n;
	bool total = n > 6 && memcmp(m->name + n - 6, "_total", 6) == 0;

	s->header_done = true;
	if (s->openmetrics && total && strcmp(type, "counter") == 0)
		n -= 6;
	else if (s->openmetrics && total != (strcmp(type, "counter") == 0))
		type = "unknown";
	buf_add_str(s->b, "# HELP ");
	buf_add(s->b, m->name, n);
	buf_add_char(s->b, ' ');
	buf_add_str(s->b, m->help);
	buf_add_str(s->b, "\n# TYPE ");
	buf_add(s->b, m->name, n);
	buf_add_char(s->b, ' ');
	buf_add_str(s->b, s->openmetrics || strcmp(type, "unknown") != 0 ? type : "untyped");
	buf_add_char(s->b, '\n');
}

void scrape_begin(struct scrape *s, const struct metric *m)
{
	s->m = m;
	s->name_n = strlen(m->name);
	s->header_done = false;
}

void scrape_line(struct scrape *s, struct span labels, uint64_t v)
{
	struct span extra = { s->extra.data, s->extra.len };

	if (!s->header_done)
		header(s);
	char *p = buf_reserve(s->b, s->name_n + labels.n + extra.n + NUMBER_BYTES);
	char *first = p;

	if (!p)
		return;
	p = put(p, s->m->name, s->name_n);
	if (labels.n || extra.n) {
		*p++ = '{';
		if (labels.n)
			p = put(p, labels.p, labels.n);
		if (labels.n && extra.n)
			*p++ = ',';
		if (extra.n)
			p = put(p, extra.p, extra.n);
		*p++ = '}';
	}
	*p++ = ' ';
	p = put_value(p, s->m->unit, v);
	*p++ = '\n';
	s->b->len += (size_t)(p - first);
}

void scrape_container_line(struct scrape *s, struct container *c, uint64_t v)
{
	if (!c->labels && labels_make(c, s->state->config) < 0) {
		s->b->failed = true;
		return;
	}
	scrape_line(s, (struct span){ c->labels, c->labels_n }, v);
}

void scrape_label(struct scrape *s, const char *name, struct span value)
{
	if (s->extra.len)
		buf_add_char(&s->extra, ',');
	buf_add_str(&s->extra, name);
	buf_add_str(&s->extra, "=\"");
	buf_add_prom_label(&s->extra, value);
	buf_add_char(&s->extra, '"');
	if (s->extra.failed)
		s->b->failed = true;
}
