/* SPDX-License-Identifier: GPL-2.0-or-later */
/* behaviour_fixture - events through the bytes of a record, and what the reader makes of them, as
 * text: "write /a; read /b", with "!" for refused, "+" for dropped, "~" for foreign, "?" for a
 * health check before the class. The process is 123 (5 in its container), its parent the shell 122,
 * that one's parent is outside. */
#ifndef BULKHEAD_TESTS_BEHAVIOUR_FIXTURE_H
#define BULKHEAD_TESTS_BEHAVIOUR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "collector/container.h"
#include "detector/behaviour.h"
#include "tests/unit/collector/event_fixture.h"

static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
static struct event_writer writer;
static struct behaviour_reader *reader;
static struct process family[3];
static struct process_text texts[3];
static struct metadata meta;
static struct container entry;
static struct event_context context;

static inline int set_up(void **state)
{
	(void)state;
	memset(family, 0, sizeof(family));
	memset(texts, 0, sizeof(texts));
	memset(&meta, 0, sizeof(meta));
	memset(&entry, 0, sizeof(entry));
	for (unsigned i = 0; i < 3; i++) {
		family[i].key = (struct process_key){ 3000000000 - i * 1000000000ULL, 123 - i };
		family[i].parent = i < 2 ? &family[i + 1] : NULL;
		family[i].container_cgroup = i < 2 ? 70 : 0;
		family[i].exe_file.flags = FILE_KNOWN | FILE_OVERLAY;
		family[i].text = &texts[i];
	}
	texts[0].exe = SPAN_LIT("/usr/bin/cat");
	texts[1].exe = SPAN_LIT("/usr/bin/dash");
	texts[2].exe = SPAN_LIT("/usr/bin/containerd-shim");
	entry.meta = &meta;
	context = (struct event_context){ .process = &family[0], .entry = &entry };
	return behaviour_reader_new(&reader, NULL, NULL);
}

static inline int tear_down(void **state)
{
	(void)state;
	behaviour_reader_free(reader);
	reader = NULL;
	return 0;
}

static inline struct event_head *head_of(enum event_type type)
{
	static struct event_head h;

	h = fixture_head(type);
	return &h;
}

static inline void begin(const struct event_head *h, const void *fixed)
{
	event_write_begin(&writer, record, sizeof(record), h, fixed);
}

static inline void add(enum event_tag tag, struct span s)
{
	event_write_string(&writer, tag, 0, s);
}

static inline void put_flags(struct buf *b, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		char mark;
	} marks[] = { { BEHAVIOUR_DENIED, '!' },
		      { BEHAVIOUR_DROPPED, '+' },
		      { BEHAVIOUR_FOREIGN, '~' },
		      { BEHAVIOUR_PROBE, '?' } };

	for (size_t i = 0; i < 4; i++)
		if (flags & marks[i].flag)
			buf_add_char(b, marks[i].mark);
}

static inline const char *as_text(const struct behaviour *list, size_t n)
{
	static char text[65536];
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, sizeof(text) - 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_str(&b, "; ");
		put_flags(&b, list[i].flags);
		buf_add_str(&b, baseline_class_names[list[i].class]);
		buf_add_char(&b, ' ');
		buf_add_span(&b, list[i].key);
	}
	assert_false(b.failed);
	if (b.len)
		memcpy(text, b.data, b.len);
	text[b.len] = '\0';
	return text;
}

static struct behaviour said[BEHAVIOUR_MAX];
static size_t said_n;

static inline const char *says(void)
{
	struct event_view v;
	struct err e = { "" };

	if (event_decode(record, event_write_end(&writer), &v, &e) < 0)
		fail_msg("%s", e.text);
	said_n = behaviours_of(reader, &v, &context, said);
	return as_text(said, said_n);
}

/* --- events ---------------------------------------------------------------------------------- */
#define REGULAR ((struct event_file){ .flags = FILE_KNOWN | FILE_OVERLAY, .mode = S_IFREG | 0644 })

static inline const char *opened(uint32_t access, const char *path)
{
	struct event_open o = { .access = access, .file = REGULAR };

	begin(head_of(EVENT_OPEN), &o);
	add(TAG_PATH, span_str(path));
	return says();
}

/* NULL: the record has none */
static inline const char *named(enum event_type type, const char *path, const char *raw,
				const char *base, const char *raw2, const char *base2)
{
	static const struct event_path p = { .dirfd = -100 };

	begin(head_of(type), &p);
	if (path)
		add(TAG_PATH, span_str(path));
	if (raw)
		add(TAG_RAW, span_str(raw));
	if (base)
		add(TAG_BASE, span_str(base));
	if (raw2)
		add(TAG_RAW2, span_str(raw2));
	if (base2)
		add(TAG_BASE2, span_str(base2));
	return says();
}

static inline const char *called(enum event_type type, const struct event_call *c)
{
	begin(head_of(type), c);
	return says();
}

#endif
