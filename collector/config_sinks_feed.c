// SPDX-License-Identifier: GPL-2.0-or-later
/* Sinks as serve gets them: secrets first, then settings. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/auto.h"
#include "collector/config_sinks.h"

#define MAX_SECRET_BYTES (1u << 20)
#define ENV_BYTES	 4000

bool config_sink_next(const struct config_sink *s, uint32_t *at, const char **key,
		      const char **value)
{
	if (*at >= s->text_n || s->text_n > sizeof(s->text))
		return false;
	*key = s->text + *at;
	*value = *key + strlen(*key) + 1;
	*at = (uint32_t)(*value + strlen(*value) + 1 - s->text);
	return true;
}

const char *config_sink_get(const struct config_sink *s, const char *key)
{
	const char *k, *value;

	for (uint32_t at = 0; config_sink_next(s, &at, &k, &value);)
		if (strcmp(k, key) == 0)
			return value;
	return NULL;
}

/* "hmac_key_file" to "hmac_key", "header_files.X" to "headers.X"; false when it is no secret. */
static bool secret_key(const char *key, bool *env, char *out, size_t cap)
{
	struct span s = span_str(key);

	*env = false;
	if (span_starts(s, "header_files.")) {
		snprintf(out, cap, "headers.%s", key + strlen("header_files."));
		return true;
	}
	if (memchr(s.p, '.', s.n))
		return false;
	*env = span_ends(s, "_env");
	if (!*env && !span_ends(s, "_file"))
		return false;
	snprintf(out, cap, "%.*s", (int)(s.n - (*env ? 4 : 5)), key);
	return true;
}

struct feed {
	config_sinks_send_fn send;
	void *ctx;
	uint8_t bytes[WIRE_FRAME_MAX - WIRE_HEADER_BYTES];
};

static int send_secret(struct feed *f, uint16_t sink, const char *key, bool missing,
		       const char *value, int fd)
{
	struct wire_writer w = { .p = f->bytes, .cap = sizeof(f->bytes) };
	const struct wire_sink_secret m = { sink, span_str(key), missing, span_str(value) };

	wire_sink_secret_encode(&w, &m);
	int r = f->send(f->ctx, WIRE_SINK_SECRET, (struct span){ (const char *)w.p, w.len }, fd);

	explicit_bzero(f->bytes, w.len);
	return r;
}

static int feed_file(struct feed *f, uint16_t sink, const char *key, const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char why[300] = "";
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		snprintf(why, sizeof(why), "cannot read '%.200s': %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > MAX_SECRET_BYTES)
		snprintf(why, sizeof(why), "'%.200s' is no file of 1 byte to 1 MiB", path);
	if (why[0])
		return send_secret(f, sink, key, true, why, -1);
	return send_secret(f, sink, key, false, "", TAKE_FD(fd));
}

static int feed_variable(struct feed *f, uint16_t sink, const char *key, const char *name)
{
	const char *value = getenv(name);
	char why[160];

	if (value && value[0] && strlen(value) <= ENV_BYTES)
		return send_secret(f, sink, key, false, value, -1);
	snprintf(why, sizeof(why), "the environment variable '%.64s' is %s", name,
		 value && value[0] ? "too long" : "not set");
	return send_secret(f, sink, key, true, why, -1);
}

static int feed_secrets(struct feed *f, uint16_t sink, const struct config_sink *s)
{
	const char *key, *value;
	char name[96];
	bool env;
	int r = 0;

	for (uint32_t at = 0; r == 0 && config_sink_next(s, &at, &key, &value);) {
		if (!secret_key(key, &env, name, sizeof(name)))
			continue;
		r = env ? feed_variable(f, sink, name, value) : feed_file(f, sink, name, value);
	}
	return r;
}

static void fill(struct wire_sink *out, const struct config_sink *s, const char *severity)
{
	const char *key, *value;
	char name[96];
	bool env;

	memcpy(out->name, s->name, sizeof(out->name));
	out->type = s->type;
	for (uint32_t at = 0; config_sink_next(s, &at, &key, &value);) {
		if (secret_key(key, &env, name, sizeof(name)))
			continue;
		out->settings[out->settings_n].key = span_str(key);
		out->settings[out->settings_n++].value = span_str(value);
	}
	if (!severity[0] || config_sink_get(s, "severity") ||
	    out->settings_n >= WIRE_MAX_SINK_SETTINGS)
		return;
	out->settings[out->settings_n].key = SPAN_LIT("severity");
	out->settings[out->settings_n++].value = span_str(severity);
}

int config_sinks_feed(const struct config_sinks *c, const char *default_severity,
		      config_sinks_send_fn send, void *ctx)
{
	AUTO_FREE struct feed *f = malloc(sizeof(*f));
	AUTO_FREE struct wire_sinks *m = calloc(1, sizeof(*m));
	int r = 0;

	if (!f || !m)
		return -ENOMEM;
	f->send = send;
	f->ctx = ctx;
	for (uint32_t i = 0; i < c->n && r == 0; i++) {
		fill(&m->sinks[m->n++], &c->items[i], default_severity);
		r = feed_secrets(f, (uint16_t)i, &c->items[i]);
	}
	if (r < 0)
		return r;
	struct wire_writer w = { .p = f->bytes, .cap = sizeof(f->bytes) };

	wire_sinks_encode(&w, m);
	if (w.failed)
		return -EMSGSIZE;
	return send(ctx, WIRE_SINKS, (struct span){ (const char *)w.p, w.len }, -1);
}
