// SPDX-License-Identifier: GPL-2.0-or-later
/* The messages of wire.h about the logs of alerts and of the audit. */
#include "collector/wire.h"

#include <errno.h>

static enum wire_log get_log(struct wire_reader *r)
{
	unsigned log = wire_get_u8(r);

	if (log >= WIRE_LOG_COUNT)
		r->failed = true;
	return (enum wire_log)log;
}

static bool get_bool(struct wire_reader *r)
{
	unsigned v = wire_get_u8(r);

	if (v > 1)
		r->failed = true;
	return v == 1;
}

void wire_alert_segment_encode(struct wire_writer *w, const struct wire_alert_segment *m)
{
	wire_put_u8(w, (uint8_t)m->log);
	wire_put_u64(w, m->first_seq);
	wire_put_u64(w, m->bytes);
	wire_put_u8(w, m->current);
}

int wire_alert_segment_decode(struct span payload, struct wire_alert_segment *out, struct err *e)
{
	struct wire_reader r = { .rest = payload };
	struct wire_alert_segment m = { .log = get_log(&r) };

	m.first_seq = wire_get_u64(&r);
	m.bytes = wire_get_u64(&r);
	m.current = get_bool(&r);
	int n = wire_finish(&r, "alert segment", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_alert_line_encode(struct wire_writer *w, const struct wire_alert_line *m)
{
	wire_put_u8(w, (uint8_t)m->log);
	wire_put_u64(w, m->seq);
	wire_put_bytes(w, m->line);
}

int wire_alert_line_decode(struct span payload, struct wire_alert_line *out, struct err *e)
{
	struct wire_reader r = { .rest = payload };
	struct wire_alert_line m = { .log = get_log(&r) };

	m.seq = wire_get_u64(&r);
	m.line = wire_get_bytes(&r);
	if (m.line.n > WIRE_ALERT_LINE_MAX)
		r.failed = true;
	int n = wire_finish(&r, "alert line", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_alert_segment_gone_encode(struct wire_writer *w, const struct wire_alert_segment_gone *m)
{
	wire_put_u8(w, (uint8_t)m->log);
	wire_put_u64(w, m->first_seq);
}

int wire_alert_segment_gone_decode(struct span payload, struct wire_alert_segment_gone *out,
				   struct err *e)
{
	struct wire_reader r = { .rest = payload };
	struct wire_alert_segment_gone m = { .log = get_log(&r) };

	m.first_seq = wire_get_u64(&r);
	int n = wire_finish(&r, "alert segment gone", e);

	if (n == 0)
		*out = m;
	return n;
}
