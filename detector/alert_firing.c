// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/alert_firing.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/json_put.h"

#define FILE_NAME "firing.jsonl"

static void add_entry(void *ctx, struct fold_entry *e)
{
	struct buf *b = ctx;

	if (b->len + 2 * e->bytes + 1024 > ALERT_FIRING_MAX_BYTES)
		return;
	buf_add_char(b, '{');
	json_put_str(b, "id", e->id);
	json_put_str(b, "kind", alert_kind_names[e->kind]);
	json_put_str(b, "severity", alert_severity_names[e->severity]);
	json_put_text(b, "rule", e->rule);
	json_put_text(b, "where", e->where);
	json_put_text(b, "key", e->key);
	json_put_text(b, "container_id", e->container_id);
	json_put_text(b, "container", e->container);
	json_put_text(b, "image", e->image);
	json_put_time(b, "first", e->first_ns);
	json_put_time(b, "last", e->last_ns);
	json_put_u64(b, "count", e->count);
	json_put_true(b, "delivered", e->delivered);
	json_put_true(b, "cut", e->body_cut);
	json_put_text(b, "body", e->body);
	buf_add_str(b, "}\n");
}

int alert_firing_save(struct fold *f, int state_fd)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4 * ALERT_FIRING_MAX_BYTES);
	fold_each_firing(f, add_entry, &b);
	if (b.failed)
		return -ENOMEM;
	if (b.len == 0)
		return unlinkat(state_fd, FILE_NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
	return io_write_cached_at(state_fd, FILE_NAME, b.data, b.len, 0600, NULL);
}

static struct span text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return (struct span){ json_string_value(v), json_string_length(v) };
}

/* It becomes a part of new lines: nothing else may be in it. */
static bool is_body(struct span body)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, ALERT_BODY_MAX + 2);
	buf_add_char(&b, '{');
	buf_add_span(&b, body);
	buf_add_char(&b, '}');
	if (b.failed || memchr(b.data, '\n', b.len))
		return false;
	json_t *o = json_loadb(b.data, b.len, 0, NULL);
	const bool good = json_is_string(json_object_get(o, "title"));

	json_decref(o);
	return good;
}

static bool load_entry(struct fold *f, const json_t *o)
{
	const json_int_t count = json_integer_value(json_object_get(o, "count"));
	const struct span id = text(o, "id");
	struct fold_new_entry n = {
		.key = { .rule = text(o, "rule"),
			 .where = text(o, "where"),
			 .key = text(o, "key") },
		.has_end = true,
		.body_cut = json_is_true(json_object_get(o, "cut")),
		.id = id.p,
		.container_id = text(o, "container_id"),
		.container = text(o, "container"),
		.image = text(o, "image"),
		.body = text(o, "body"),
		.now_ns = mono_ns(),
	};
	uint64_t last;

	if (!ulid_is_valid(id) || count < 1 || n.key.rule.n == 0 || !is_body(n.body) ||
	    !alert_kind_parse(text(o, "kind"), &n.key.kind) ||
	    !alert_severity_parse(text(o, "severity"), &n.severity) ||
	    !parse_rfc3339_ns(text(o, "first"), &n.now_unix_ns) ||
	    !parse_rfc3339_ns(text(o, "last"), &last) || fold_find(f, &n.key))
		return false;
	struct fold_entry *e = fold_add(f, &n);

	if (!e)
		return false;
	e->inherited = true;
	e->delivered = json_is_true(json_object_get(o, "delivered"));
	e->count = e->told_count = (uint64_t)count;
	e->last_ns = last > e->first_ns ? last : e->first_ns;
	return true;
}

unsigned alert_firing_load(struct fold *f, int state_fd)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span rest, line;
	unsigned n = 0;

	buf_init(&b, ALERT_FIRING_MAX_BYTES);
	if (io_read_buf_at(state_fd, FILE_NAME, &b, NULL) < 0 || b.len == 0)
		return 0;
	rest = (struct span){ b.data, b.len };
	while (span_next(&rest, '\n', &line)) {
		json_t *o = line.n ? json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL)
				   : NULL;

		n += o && load_entry(f, o);
		json_decref(o);
	}
	return n;
}
