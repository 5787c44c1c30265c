/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_json_fixture - builds one record and compares what is told of it. What it tells as JSON is
 * parsed, too. */
#ifndef BULKHEAD_TESTS_EVENT_JSON_FIXTURE_H
#define BULKHEAD_TESTS_EVENT_JSON_FIXTURE_H

#include <jansson.h>
#include <string.h>

#include "collector/event_text.h"
#include "tests/unit/collector/event_fixture.h"

/* What all events of fixture_head() begin with, told 2026-11-22T02:00:00.123456789 after boot. */
#define OFFSET (1795312800123456789 - 5000000000)
#define TIME   "\"time\":\"2026-11-22T02:00:00.123456789Z\","
#define PLACE  "\"boot_ns\":5000000000,\"container\":null,\"cgroup\":77,\"container_cgroup\":70,"
#define PROCESS                                                                                    \
	"\"process\":{\"pid\":123,\"tid\":124,\"ns_pid\":5,\"ns_tid\":6,\"comm\":\"cat\","         \
	"\"start\":\"2026-11-22T01:59:58.123456789Z\",\"exec_id\":\"123-3000000000-4\","           \
	"\"uid\":1000,\"gid\":1001,\"euid\":1002,\"egid\":1003,\"session\":120,"                   \
	"\"parent\":{\"pid\":100}},"
#define HEAD(type, class) "{" TIME "\"type\":\"" type "\",\"class\":\"" class "\"," PLACE PROCESS
#define CAPS(e, p, i, b)                                                                           \
	"\"capabilities\":{\"effective\":\"0x" e "\",\"permitted\":\"0x" p "\",\"inheritable\":"   \
	"\"0x" i "\",\"bounding\":\"0x" b "\"}"
#define ZERO "0000000000000000"
#define ALL  "000001ffffffffff"

static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
static struct event_writer writer;

static inline void begin(const struct event_head *head, const void *fixed)
{
	event_write_begin(&writer, record, sizeof(record), head, fixed);
}

static inline void add(enum event_tag tag, const char *text)
{
	event_write_string(&writer, tag, 0, span_str(text));
}

static inline void view(struct event_view *v)
{
	struct err e = { "" };

	if (event_decode(record, event_write_end(&writer), v, &e) < 0)
		fail_msg("%s", e.text);
}

/* The caller frees the tree. */
static inline json_t *parsed(const struct buf *b)
{
	json_error_t error;
	json_t *j = json_loadb(b->data, b->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	if (!j)
		fail_msg("%s at %d: %.*s", error.text, error.position, (int)b->len, b->data);
	assert_null(memchr(b->data, '\n', b->len));
	assert_null(memchr(b->data, '\0', b->len));
	return j;
}

static inline json_t *tree(const struct event_context *c)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct event_view v;

	buf_init(&b, 1 << 20);
	view(&v);
	event_json(&b, &v, c);
	assert_false(b.failed);
	return parsed(&b);
}

static inline void expect(const struct event_context *c, const char *want)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct event_view v;

	buf_init(&b, 1 << 20);
	view(&v);
	event_json(&b, &v, c);
	json_decref(parsed(&b));
	buf_add_char(&b, '\0');
	assert_string_equal(b.data, want);
}

static inline void expect_line(const struct event_context *c, const char *want)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct event_view v;

	buf_init(&b, 1 << 20);
	view(&v);
	event_line(&b, &v, c);
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	assert_string_equal(b.data, want);
}

static const struct event_context bare = { .unix_minus_boot_ns = OFFSET };

#endif
