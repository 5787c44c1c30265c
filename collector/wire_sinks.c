// SPDX-License-Identifier: GPL-2.0-or-later
/* The messages of wire.h about sinks, and the words that both programs know. */
#include "collector/wire.h"

#include <errno.h>
#include <string.h>

#define KEY_BYTES 80 /* longest name of a setting */

static const char *const type_names[] = {
	[WIRE_SINK_WEBHOOK] = "webhook", [WIRE_SINK_ALERTMANAGER] = "alertmanager",
	[WIRE_SINK_SYSLOG] = "syslog",	 [WIRE_SINK_JOURNALD] = "journald",
	[WIRE_SINK_FILE] = "file",	 [WIRE_SINK_STDOUT] = "stdout",
};
static const char *const severities[] = { "emergency", "alert",	 "critical", "error",
					  "warning",   "notice", "info",     "debug" };

const char *wire_sink_type_name(enum wire_sink_type type)
{
	return type < WIRE_SINK_TYPE_COUNT ? type_names[type] : "";
}

bool wire_sink_type_parse(struct span name, enum wire_sink_type *out)
{
	for (unsigned i = 0; i < WIRE_SINK_TYPE_COUNT; i++) {
		if (!span_eq(name, type_names[i]))
			continue;
		*out = (enum wire_sink_type)i;
		return true;
	}
	return false;
}

int wire_severity_parse(struct span name)
{
	for (int i = 0; i < 8; i++)
		if (span_eq(name, severities[i]))
			return i;
	return -1;
}

const char *wire_severity_name(unsigned severity)
{
	return severity < 8 ? severities[severity] : "";
}

/* It becomes part of file names, so it begins with no dot. */
bool wire_sink_name_fits(struct span name)
{
	if (name.n == 0 || name.n >= WIRE_SINK_NAME_BYTES)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			      (c >= '0' && c <= '9');

		if (!letter && (i == 0 || (c != '-' && c != '_' && c != '.')))
			return false;
	}
	return true;
}

static void get_name(struct wire_reader *r, char out[WIRE_SINK_NAME_BYTES])
{
	wire_get_cstr(r, out, WIRE_SINK_NAME_BYTES);
	if (!wire_sink_name_fits(span_str(out)))
		r->failed = true;
}

static struct span get_key(struct wire_reader *r)
{
	struct span key = wire_get_str(r);

	if (key.n == 0 || key.n > KEY_BYTES || memchr(key.p, '\0', key.n))
		r->failed = true;
	return key;
}

void wire_sinks_encode(struct wire_writer *w, const struct wire_sinks *m)
{
	wire_put_u16(w, (uint16_t)m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		const struct wire_sink *s = &m->sinks[i];

		wire_put_str(w, span_str(s->name));
		wire_put_u8(w, (uint8_t)s->type);
		wire_put_u16(w, (uint16_t)s->settings_n);
		for (uint32_t k = 0; k < s->settings_n; k++) {
			wire_put_str(w, s->settings[k].key);
			wire_put_str(w, s->settings[k].value);
		}
	}
}

static void get_sink(struct wire_reader *r, struct wire_sink *s)
{
	get_name(r, s->name);
	unsigned type = wire_get_u8(r);

	s->settings_n = wire_get_u16(r);
	if (type >= WIRE_SINK_TYPE_COUNT || s->settings_n > WIRE_MAX_SINK_SETTINGS) {
		r->failed = true;
		return;
	}
	s->type = (enum wire_sink_type)type;
	for (uint32_t k = 0; k < s->settings_n && !r->failed; k++) {
		s->settings[k].key = get_key(r);
		s->settings[k].value = wire_get_str(r);
	}
}

int wire_sinks_decode(struct span payload, struct wire_sinks *out, struct err *e)
{
	struct wire_reader r = { .rest = payload };
	uint32_t n = wire_get_u16(&r);

	if (n > WIRE_MAX_SINKS)
		return err_set(e, EPROTO, "sinks: too many");
	for (uint32_t i = 0; i < n && !r.failed; i++) {
		get_sink(&r, &out->sinks[i]);
		for (uint32_t k = 0; k < i; k++)
			r.failed |= strcmp(out->sinks[k].name, out->sinks[i].name) == 0;
	}
	out->n = n;
	return wire_finish(&r, "sinks", e);
}

void wire_sink_secret_encode(struct wire_writer *w, const struct wire_sink_secret *m)
{
	wire_put_u16(w, m->sink);
	wire_put_str(w, m->key);
	wire_put_u8(w, m->missing);
	wire_put_str(w, m->value);
}

int wire_sink_secret_decode(struct span payload, struct wire_sink_secret *out, struct err *e)
{
	struct wire_reader r = { .rest = payload };
	struct wire_sink_secret m = { .sink = wire_get_u16(&r) };

	m.key = get_key(&r);
	m.missing = wire_get_u8(&r) != 0;
	m.value = wire_get_str(&r);
	if (m.sink >= WIRE_MAX_SINKS)
		r.failed = true;
	int n = wire_finish(&r, "secret of a sink", e);

	if (n == 0)
		*out = m;
	return n;
}

const char *wire_sink_table_name(enum wire_sink_table_id id)
{
	static const char *const names[] = {
		[WIRE_SINK_ALERT_FILES] = "sink_alert_files",
		[WIRE_SINK_ALERT_LINES] = "sink_alert_lines",
		[WIRE_SINK_AUDIT_FILES] = "sink_audit_files",
		[WIRE_SINK_AUDIT_LINES] = "sink_audit_lines",
		[WIRE_SINK_QUEUE] = "sink_queue",
	};

	return names[id];
}

void wire_sink_stats_encode(struct wire_writer *w, const struct wire_sink_stats *m)
{
	wire_put_u16(w, (uint16_t)m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		const struct wire_sink_stat *s = &m->sinks[i];

		wire_put_str(w, span_str(s->name));
		wire_put_u64(w, s->sent);
		wire_put_u64(w, s->dead);
		wire_put_u64(w, s->failed);
		wire_put_u64(w, s->retried);
		wire_put_u64(w, s->lag);
		wire_put_u64(w, s->done_seq);
		wire_put_u64(w, s->lost);
		wire_put_u64(w, s->misplaced);
		wire_put_u64(w, s->oldest_pending_unix_ns);
		wire_put_u64(w, s->last_success_unix_ns);
		wire_put_u8(w, (uint8_t)s->breaker);
		wire_put_str(w, span_str(s->error));
	}
	for (unsigned i = 0; i < WIRE_SINK_TABLE_COUNT; i++) {
		wire_put_u64(w, m->tables[i].used);
		wire_put_u64(w, m->tables[i].capacity);
		wire_put_u64(w, m->tables[i].refused);
	}
}

static void get_stat(struct wire_reader *r, struct wire_sink_stat *s)
{
	get_name(r, s->name);
	s->sent = wire_get_u64(r);
	s->dead = wire_get_u64(r);
	s->failed = wire_get_u64(r);
	s->retried = wire_get_u64(r);
	s->lag = wire_get_u64(r);
	s->done_seq = wire_get_u64(r);
	s->lost = wire_get_u64(r);
	s->misplaced = wire_get_u64(r);
	s->oldest_pending_unix_ns = wire_get_u64(r);
	s->last_success_unix_ns = wire_get_u64(r);
	unsigned breaker = wire_get_u8(r);

	wire_get_cstr(r, s->error, sizeof(s->error));
	if (breaker > WIRE_BREAKER_OPEN)
		r->failed = true;
	s->breaker = (enum wire_breaker)breaker;
}

int wire_sink_stats_decode(struct span payload, struct wire_sink_stats *out, struct err *e)
{
	struct wire_reader r = { .rest = payload };
	struct wire_sink_stats m = { .n = wire_get_u16(&r) };

	if (m.n > WIRE_MAX_SINKS)
		return err_set(e, EPROTO, "statistics of sinks: too many");
	for (uint32_t i = 0; i < m.n; i++)
		get_stat(&r, &m.sinks[i]);
	for (unsigned i = 0; i < WIRE_SINK_TABLE_COUNT; i++) {
		m.tables[i].used = wire_get_u64(&r);
		m.tables[i].capacity = wire_get_u64(&r);
		m.tables[i].refused = wire_get_u64(&r);
	}
	int n = wire_finish(&r, "statistics of sinks", e);

	if (n == 0)
		*out = m;
	return n;
}
