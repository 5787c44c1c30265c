// SPDX-License-Identifier: GPL-2.0-or-later
/* syslog: messages of RFC 5424, to the local socket, by UDP, TCP or TLS. */
#include <errno.h>
#include <string.h>

#include "http/sinks_internal.h"

#define SD_ID	    "bulkhead@32473" /* a number that is meant for names without one of their own */
#define VALUE_BYTES 512

static const char *const facilities[] = {
	"kern",	  "user",   "mail",	"daemon", "auth",   "syslog", "lpr",	"news",
	"uucp",	  "cron",   "authpriv", "ftp",	  "",	    "",	      "",	"",
	"local0", "local1", "local2",	"local3", "local4", "local5", "local6", "local7",
};

struct syslog {
	struct sink_dgram *dgram;
	struct sink_stream_out *stream;
};

static unsigned facility_of(const struct sink *s)
{
	const char *name = sink_get(s, "facility");

	for (unsigned i = 0; name && name[0] && i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (strcmp(facilities[i], name) == 0)
			return i;
	return 3;
}

/* Fields of the head are printable ASCII without blanks. */
static void add_field(struct buf *b, const char *text, size_t max)
{
	size_t n = 0;

	for (; text[n] && n < max; n++)
		buf_add_char(b, text[n] > ' ' && text[n] < 0x7f ? text[n] : '?');
	if (n == 0)
		buf_add_char(b, '-');
}

static void add_parameter(struct buf *b, const char *name, const char *value)
{
	char text[VALUE_BYTES];

	if (!value[0])
		return;
	sink_text_cut(text, sizeof(text), value);
	buf_printf(b, " %s=\"", name);
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\' || *p == ']')
			buf_add_char(b, '\\');
		buf_add_char(b, (unsigned char)*p < ' ' ? ' ' : *p);
	}
	buf_add_char(b, '"');
}

static void add_data(struct buf *b, const struct sink_record *r)
{
	static const struct {
		const char *name, *path;
	} parameters[] = {
		{ "id", "id" },
		{ "state", "state" },
		{ "kind", "kind" },
		{ "rule", "rule" },
		{ "container", "container.name" },
		{ "container_id", "container.id" },
		{ "image", "container.image" },
		{ "pod", "pod.name" },
		{ "namespace", "pod.namespace" },
		{ "comm", "process.comm" },
		{ "exe", "process.exe" },
		{ "technique", "technique.id" },
		{ "action", "action.taken" },
	};
	char number[32];

	buf_add_str(b, "[" SD_ID);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)r->seq);
	add_parameter(b, "seq", number);
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		add_parameter(b, parameters[i].name, sink_record_text(r, parameters[i].path));
	json_int_t pid =
		json_integer_value(json_object_get(json_object_get(r->json, "process"), "pid"));

	snprintf(number, sizeof(number), "%lld", (long long)pid);
	if (pid > 0)
		add_parameter(b, "pid", number);
	buf_add_char(b, ']');
}

static void format(const struct sink *s, const struct sink_record *r, struct buf *out)
{
	const char *form = sink_get(s, "format"), *recommend = sink_record_text(r, "recommend");
	char time[40], summary[1024];

	sink_rfc3339(r->time_ns, time);
	buf_printf(out, "<%u>1 %s ", facility_of(s) * 8 + (r->severity & 7), time);
	add_field(out, sink_record_text(r, "host"), 255);
	buf_add_str(out, " bulkhead - ");
	add_field(out, r->kind, 32);
	buf_add_char(out, ' ');
	add_data(out, r);
	buf_add_char(out, ' ');
	if (form && strcmp(form, "json") == 0 && r->n < out->max - out->len) {
		buf_add(out, r->line, r->n);
		return;
	}
	sink_summary(r, summary, sizeof(summary));
	buf_add_visible(out, span_str(summary)); /* one line */
	if (recommend[0]) {
		buf_add_str(out, ": ");
		buf_add_visible(out, span_str(recommend));
	}
}

static int syslog_open(struct sink *s, struct err *e)
{
	const char *address = sink_get(s, "address");
	struct syslog *l = calloc(1, sizeof(*l));
	struct span a = span_str(address ? address : "/dev/log");
	int r;

	if (!l)
		return err_set(e, ENOMEM, "no memory");
	s->driver_state = l;
	if (span_starts(a, "udp://"))
		r = sink_dgram_open(&l->dgram, s, a.p + 6, true, format, e);
	else if (span_starts(a, "tcp://") || span_starts(a, "tls://"))
		r = sink_stream_open(&l->stream, s, a.p + 6, span_starts(a, "tls://"), format, e);
	else
		r = sink_dgram_open(&l->dgram, s, a.p + (span_starts(a, "unix:") ? 5 : 0), false,
				    format, e);
	if (r < 0)
		free(l);
	return r;
}

static void syslog_close(struct sink *s)
{
	struct syslog *l = s->driver_state;

	sink_dgram_close(l->dgram);
	sink_stream_close(l->stream);
	free(l);
}

static void syslog_begin(struct sink *s)
{
	struct syslog *l = s->driver_state;

	if (l->stream)
		sink_stream_begin(l->stream);
	else
		sink_dgram_begin(l->dgram);
}

static void syslog_step(struct sink *s, uint64_t now, struct sinks_wait *w)
{
	struct syslog *l = s->driver_state;

	if (l->stream)
		sink_stream_step(l->stream, now, w);
	else
		sink_dgram_step(l->dgram, now, w);
}

static void syslog_finished(struct sink *s, CURLcode code)
{
	struct syslog *l = s->driver_state;

	if (l->stream)
		sink_stream_finished(l->stream, code);
}

const struct sink_driver sink_syslog = {
	.batch = 64,
	.open = syslog_open,
	.close = syslog_close,
	.begin = syslog_begin,
	.step = syslog_step,
	.finished = syslog_finished,
};
