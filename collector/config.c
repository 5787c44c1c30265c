// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/buf.h"
#include "collector/base/io.h"
#include "collector/config_keys.h"

void config_defaults(struct config *c)
{
	memset(c, 0, sizeof(*c));
	/* A default that its own check refuses would be caught by the test of the table. */
	for (size_t i = 0; i < config_keys_n; i++)
		if (config_keys[i].kind != CONFIG_SECTION)
			config_key_set(&config_keys[i], c, span_str(config_keys[i].default_value),
				       NULL);
}

int config_parse(struct config *c, const char *file_name, struct span yaml, struct err *e)
{
	AUTO_FREE struct config *next = malloc(sizeof(*next));

	if (!next)
		return err_set(e, ENOMEM, "no memory to read '%s'", file_name);
	memcpy(next, c, sizeof(*next));
	int r = config_yaml_read(next, file_name, yaml, e);

	if (r == 0)
		memcpy(c, next, sizeof(*next));
	return r;
}

int config_load(struct config *c, const char *path, struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct stat st;

	buf_init(&b, CONFIG_MAX_FILE_BYTES);
	if (stat(path, &st) < 0)
		return err_errno(e, "cannot open '%s'", path);
	/* An empty pipe would read as "all defaults"; /dev/null may say just that. */
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(e, EINVAL, "'%s' is not a regular file", path);
	int r = io_read_buf_at(AT_FDCWD, path, &b, e);

	return r < 0 ? r : config_parse(c, path, (struct span){ b.data, b.len }, e);
}

int config_set(struct config *c, const char *key, const char *value, struct err *e)
{
	const struct config_key *k = config_key_find(span_str(key));
	int r = k ? config_key_set(k, c, span_str(value), e) : config_key_unknown(span_str(key), e);

	return r < 0 ? err_prefix(e, r, "key '%.64s'", key) : 0;
}

static int check_address(const char *key, const char *value, bool *loopback, struct err *e)
{
	if (config_address_parse(span_str(value), loopback))
		return 0;
	return err_set(e, EINVAL, "key '%s': '%s' does not fit, expected %s", key, value,
		       config_kind_expects(CONFIG_ADDRESS));
}

static int check_modes(const struct config_list *list, struct err *e)
{
	static const char *const modes[] = { "=off", "=learn", "=detect", "=enforce" };

	for (uint32_t i = 0; i < list->n; i++) {
		const struct span item = span_str(list->items[i]);
		bool fits = false;

		for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
			fits |= span_ends(item, modes[m]) && item.n > strlen(modes[m]);
		if (!fits)
			return err_set(e, EINVAL,
				       "key 'baseline.images': '%s' does not fit, expected "
				       "IMAGE=MODE with off, learn, detect or enforce",
				       list->items[i]);
	}
	return 0;
}

int config_validate(const struct config *c, struct err *e)
{
	bool tls = c->tls_certificate[0] && c->tls_key[0], loopback = false, unused;
	int r = check_address("listen", c->listen, &loopback, e);

	if (r == 0 && c->metrics_listen[0])
		r = check_address("metrics_listen", c->metrics_listen, &unused, e);
	if (r < 0)
		return r;
	if (!tls && (c->tls_certificate[0] || c->tls_key[0]))
		return err_set(e, EINVAL, "key 'tls.%s': is missing, expected it beside 'tls.%s'",
			       c->tls_key[0] ? "certificate" : "key",
			       c->tls_key[0] ? "key" : "certificate");
	if (!loopback && !tls && !c->allow_insecure_listen)
		return err_set(
			e, EINVAL,
			"key 'listen': '%s' is reachable from other machines, and tokens would "
			"cross the network in clear text; expected 'tls.certificate' and "
			"'tls.key', or 'metrics_listen' for an address that serves metrics "
			"alone, or 'allow_insecure_listen: true' behind a proxy with TLS",
			c->listen);
	/* Port 0 is a different free port each time. */
	if (strcmp(c->listen, c->metrics_listen) == 0 && !span_ends(span_str(c->listen), ":0"))
		return err_set(e, EINVAL,
			       "key 'metrics_listen': '%s' is the address of 'listen', expected "
			       "another one",
			       c->metrics_listen);
	return check_modes(&c->baseline_images, e);
}

/* Texts by their content: bytes behind the NUL mean nothing. */
static bool same(const struct config_key *k, const struct config *a, const struct config *b)
{
	const char *x = (const char *)a + k->offset, *y = (const char *)b + k->offset;
	bool text = k->kind == CONFIG_ADDRESS || k->kind == CONFIG_PATH || k->kind == CONFIG_USER;

	return text ? strncmp(x, y, k->bytes) == 0 : memcmp(x, y, k->bytes) == 0;
}

const char *config_needs_restart(const struct config *now, const struct config *next)
{
	for (size_t i = 0; i < config_keys_n; i++)
		if (config_keys[i].restart && !same(&config_keys[i], now, next))
			return config_keys[i].name;
	return NULL;
}

void config_each_key(void (*fn)(void *ctx, const char *key, const char *default_text), void *ctx)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];
		char text[CONFIG_TEXT_BYTES];

		if (k->kind == CONFIG_SECTION)
			continue;
		if (config_key_is_list(k))
			snprintf(text, sizeof(text), "[%s]", k->default_value);
		else
			snprintf(text, sizeof(text), "%s",
				 k->default_value[0] ? k->default_value : "\"\"");
		fn(ctx, k->name, text);
	}
}
