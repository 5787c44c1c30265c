// SPDX-License-Identifier: GPL-2.0-or-later
/* What serve is told of a log: its files with descriptors, how they grow, lines that are in none.
 */
#include <string.h>

#include "detector/alerts.h"

static void send(const struct alerts_feed *f, enum wire_type type, const struct wire_writer *w,
		 int fd)
{
	f->services->send(f->services->agent, type,
			  (struct span){ (const char *)w->p, w->failed ? 0 : w->len }, fd);
}

static void send_segment(const struct alerts_feed *f, const struct alert_log_segment *s, int fd)
{
	uint8_t bytes[64];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_alert_segment m = { f->log, s->first_seq, s->bytes, s->current };

	wire_alert_segment_encode(&w, &m);
	send(f, WIRE_ALERT_SEGMENT, &w, fd);
}

static void on_opened(void *ctx, const struct alert_log_segment *s)
{
	struct alerts_feed *f = ctx;
	int fd = f->source ? alert_log_open(f->source, s->first_seq) : -1;

	if (fd >= 0)
		send_segment(f, s, fd);
}

static void on_grew(void *ctx, const struct alert_log_segment *s)
{
	const struct alerts_feed *f = ctx;

	if (f->source)
		send_segment(f, s, -1);
}

static void on_gone(void *ctx, uint64_t first_seq)
{
	const struct alerts_feed *f = ctx;
	uint8_t bytes[16];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_alert_segment_gone m = { f->log, first_seq };

	if (!f->source)
		return;
	wire_alert_segment_gone_encode(&w, &m);
	send(f, WIRE_ALERT_SEGMENT_GONE, &w, -1);
}

static void on_line(void *ctx, uint64_t seq, struct span line)
{
	const struct alerts_feed *f = ctx;
	uint8_t bytes[WIRE_ALERT_LINE_MAX + 32];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_alert_line m = { f->log, seq, line };

	if (!f->source || line.n > WIRE_ALERT_LINE_MAX)
		return;
	wire_alert_line_encode(&w, &m);
	send(f, WIRE_ALERT_LINE, &w, -1);
}

void alerts_feed_settings(struct alerts_feed *f, struct alert_log_settings *out)
{
	out->opened = on_opened;
	out->grew = on_grew;
	out->gone = on_gone;
	out->line = on_line;
	out->ctx = f;
}

void alerts_feed_all(struct alerts_feed *f)
{
	alert_log_each(f->source, on_opened, f);
	alert_log_each_pending(f->source, on_line, f);
}

void alerts_log_state(const struct alert_log *l, const char *name, uint64_t max_bytes,
		      struct alerts_log_state *out)
{
	const struct alert_log_stats s = alert_log_stats(l);

	*out = (struct alerts_log_state){
		.name = name,
		.lines = s.lines,
		.bytes = s.bytes,
		.max_bytes = max_bytes,
		.segments = s.segments,
		.removed = s.removed,
		.write_errors = s.write_errors,
		.sync_errors = s.sync_errors,
		.lost = s.lost,
		.pending = s.pending,
		.tampered = s.tampered,
		.missing = s.missing,
		.repaired_bytes = s.repaired_bytes,
		.last_sync_ns = s.last_sync_ns,
		.writable = !s.failing,
		.error = s.error,
	};
}
