// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal, by its native protocol: fields, not a line. */
#include <string.h>

#include "http/sinks_internal.h"

/* NAME=value, or with line ends in it: NAME, its length in 8 bytes, value. */
static void add_field(struct buf *b, const char *name, const char *value)
{
	size_t n = strlen(value);
	uint8_t length[8];

	if (n == 0)
		return;
	buf_add_str(b, name);
	if (!memchr(value, '\n', n)) {
		buf_add_char(b, '=');
	} else {
		for (size_t i = 0; i < sizeof(length); i++)
			length[i] = (uint8_t)((uint64_t)n >> (8 * i));
		buf_add_char(b, '\n');
		buf_add(b, length, sizeof(length));
	}
	buf_add(b, value, n);
	buf_add_char(b, '\n');
}

static void format(const struct sink *s, const struct sink_record *r, struct buf *out)
{
	/* container fields have the names that Docker's own journald driver gave them */
	static const struct {
		const char *name, *path;
	} fields[] = {
		{ "BULKHEAD_ID", "id" },
		{ "BULKHEAD_STATE", "state" },
		{ "BULKHEAD_SEVERITY", "severity" },
		{ "BULKHEAD_KIND", "kind" },
		{ "BULKHEAD_RULE", "rule" },
		{ "BULKHEAD_TECHNIQUE", "technique.id" },
		{ "BULKHEAD_RECOMMEND", "recommend" },
		{ "CONTAINER_NAME", "container.name" },
		{ "CONTAINER_ID_FULL", "container.id" },
		{ "IMAGE_NAME", "container.image" },
		{ "POD_NAME", "pod.name" },
		{ "POD_NAMESPACE", "pod.namespace" },
		{ "BULKHEAD_EXE", "process.exe" },
		{ "BULKHEAD_COMM", "process.comm" },
	};
	char text[1024];

	(void)s;
	sink_summary(r, text, sizeof(text));
	add_field(out, "MESSAGE", text);
	snprintf(text, sizeof(text), "%u", r->severity & 7);
	add_field(out, "PRIORITY", text);
	add_field(out, "SYSLOG_IDENTIFIER", "bulkhead");
	snprintf(text, sizeof(text), "%llu", (unsigned long long)r->seq);
	add_field(out, "BULKHEAD_SEQ", text);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		add_field(out, fields[i].name, sink_record_text(r, fields[i].path));
	snprintf(text, sizeof(text), "%.12s", sink_record_text(r, "container.id"));
	add_field(out, "CONTAINER_ID", text);
	add_field(out, "BULKHEAD_ALERT", r->line);
}

static int journald_open(struct sink *s, struct err *e)
{
	const char *path = sink_get(s, "socket");
	struct sink_dgram *d;
	int r = sink_dgram_open(&d, s, path ? path : "/run/systemd/journal/socket", false, format,
				e);

	if (r == 0)
		s->driver_state = d;
	return r;
}

static void journald_close(struct sink *s)
{
	sink_dgram_close(s->driver_state);
}

static void journald_begin(struct sink *s)
{
	sink_dgram_begin(s->driver_state);
}

static void journald_step(struct sink *s, uint64_t now, struct sinks_wait *w)
{
	sink_dgram_step(s->driver_state, now, w);
}

const struct sink_driver sink_journald = {
	.batch = 64,
	.open = journald_open,
	.close = journald_close,
	.begin = journald_begin,
	.step = journald_step,
};
