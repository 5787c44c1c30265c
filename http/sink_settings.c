// SPDX-License-Identifier: GPL-2.0-or-later
/* What is configured of a sink. Secrets are settings too: they are wiped when it is freed. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "http/sinks_internal.h"

#define DEFAULT_RETRY_MIN_MS  1000
#define DEFAULT_RETRY_MAX_MS  (5 * 60 * 1000)
#define DEFAULT_DEAD_AFTER_MS (24 * 3600 * 1000ULL)
#define MAX_SETTINGS	      (2 * WIRE_MAX_SINK_SETTINGS)

static const struct sink_driver *const drivers[] = {
	[WIRE_SINK_WEBHOOK] = &sink_webhook, [WIRE_SINK_ALERTMANAGER] = &sink_alertmanager,
	[WIRE_SINK_SYSLOG] = &sink_syslog,   [WIRE_SINK_JOURNALD] = &sink_journald,
	[WIRE_SINK_FILE] = &sink_file,	     [WIRE_SINK_STDOUT] = &sink_stdout,
};

const struct sink_setting *sink_each(const struct sink *s, const char *key,
				     const struct sink_setting *last)
{
	uint32_t i = last ? (uint32_t)(last - s->settings) + 1 : 0;

	for (; i < s->settings_n; i++)
		if (strcmp(s->settings[i].key, key) == 0)
			return &s->settings[i];
	return NULL;
}

const struct sink_setting *sink_each_entry(const struct sink *s, const char *map,
					   const struct sink_setting *last, const char **name)
{
	uint32_t i = last ? (uint32_t)(last - s->settings) + 1 : 0;
	size_t n = strlen(map);

	for (; i < s->settings_n; i++) {
		const char *key = s->settings[i].key;

		if (strncmp(key, map, n) != 0 || key[n] != '.')
			continue;
		*name = key + n + 1;
		return &s->settings[i];
	}
	return NULL;
}

const struct sink_setting *sink_setting(const struct sink *s, const char *key)
{
	return sink_each(s, key, NULL);
}

const char *sink_get(const struct sink *s, const char *key)
{
	const struct sink_setting *found = sink_each(s, key, NULL);

	return found ? found->value : NULL;
}

uint64_t sink_number(const struct sink *s, const char *key, uint64_t otherwise)
{
	const char *text = sink_get(s, key);
	uint64_t v;

	return text && parse_u64(span_str(text), &v) ? v : otherwise;
}

bool sink_flag(const struct sink *s, const char *key)
{
	const char *text = sink_get(s, key);

	return text && strcmp(text, "true") == 0;
}

static int add(struct sink *s, struct span key, struct span value)
{
	if (s->settings_n == MAX_SETTINGS)
		return -ENOSPC;
	AUTO_FREE char *k = malloc(key.n + 1);
	AUTO_FREE char *v = malloc(value.n + 1);

	if (!k || !v)
		return -ENOMEM;
	memcpy(k, key.p, key.n);
	k[key.n] = '\0';
	if (value.n > 0)
		memcpy(v, value.p, value.n);
	v[value.n] = '\0';
	s->settings[s->settings_n++] = (struct sink_setting){ TAKE(k), TAKE(v), value.n };
	return 0;
}

static void problem(struct sink *s, const char *text)
{
	if (!s->problem[0])
		sink_text_cut(s->problem, sizeof(s->problem), text);
}

/* Certificates are kept as they are; of all else the line's end is not part of the secret, and
 * neither header nor URL can hold a second line. */
int sink_add_secret(struct sink *s, const struct wire_sink_secret *secret, struct span value)
{
	bool pem = span_eq(secret->key, "ca") || span_eq(secret->key, "client_cert") ||
		   span_eq(secret->key, "client_key");
	bool raw = span_eq(secret->key, "hmac_key");
	char text[160];

	if (secret->missing) {
		snprintf(text, sizeof(text), "%.*s", (int)value.n, value.p ? value.p : "");
		problem(s, text);
		return 0;
	}
	if (!pem)
		value = span_trim(value);
	for (size_t i = 0; i < value.n && !pem && !raw; i++) {
		if ((unsigned char)value.p[i] >= ' ' && value.p[i] != 0x7f)
			continue;
		snprintf(text, sizeof(text), "the file of '%.*s' holds more than one line of text",
			 (int)secret->key.n, secret->key.p);
		problem(s, text);
		return 0;
	}
	if (value.n == 0) {
		snprintf(text, sizeof(text), "the secret '%.*s' is empty", (int)secret->key.n,
			 secret->key.p);
		problem(s, text);
		return 0;
	}
	return add(s, secret->key, value);
}

struct sink *sink_new(struct sinks *all, const struct wire_sink *w)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->all = all;
	s->type = w->type;
	s->dead_fd = -1;
	memcpy(s->name, w->name, sizeof(s->name));
	memcpy(s->stat.name, w->name, sizeof(s->stat.name));
	s->driver = drivers[w->type];
	s->settings = calloc(MAX_SETTINGS, sizeof(*s->settings));
	if (!s->settings) {
		free(s);
		return NULL;
	}
	for (uint32_t i = 0; i < w->settings_n; i++)
		if (add(s, w->settings[i].key, w->settings[i].value) < 0)
			problem(s, "no memory for its settings");
	return s;
}

void sink_open(struct sink *s)
{
	const char *severity = sink_get(s, "severity");
	int n = severity ? wire_severity_parse(span_str(severity)) : 4;
	struct err e = { "" };

	s->min_severity = n < 0 ? 7 : (unsigned)n;
	s->retry_min_ms = sink_number(s, "retry_min", DEFAULT_RETRY_MIN_MS);
	s->retry_max_ms = sink_number(s, "retry_max", DEFAULT_RETRY_MAX_MS);
	if (s->retry_max_ms < s->retry_min_ms)
		s->retry_max_ms = s->retry_min_ms;
	s->dead_after_ms = sink_number(s, "dead_after", DEFAULT_DEAD_AFTER_MS);
	s->batch_max = (uint32_t)sink_number(s, "batch", s->driver->batch);
	if (s->batch_max < 1 || s->batch_max > SINK_BATCH_MAX)
		s->batch_max = 1;
	s->streams[WIRE_LOG_ALERTS].read = true;
	s->streams[WIRE_LOG_AUDIT].read = sink_flag(s, "audit");
	if (!s->problem[0] && s->driver->open(s, &e) < 0)
		problem(s, e.text);
	s->open = !s->problem[0];
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	if (s->open)
		s->driver->close(s);
	for (uint32_t i = 0; i < s->records_n; i++)
		sink_record_free(s->records[i]);
	for (uint32_t i = 0; i < s->settings_n; i++) {
		explicit_bzero(s->settings[i].value, s->settings[i].n);
		free(s->settings[i].key);
		free(s->settings[i].value);
	}
	free(s->settings);
	if (s->dead_fd >= 0)
		close(s->dead_fd);
	free(s);
}
