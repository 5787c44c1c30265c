/* SPDX-License-Identifier: GPL-2.0-or-later */
/* field_fixture - one event at a time, built through the bytes of a record, and what fields say of
 * it. A process "sh -c ls", its parent "containerd-shim", its grandparent "systemd", the last with
 * a placeholder above it. */
#ifndef BULKHEAD_TESTS_FIELD_FIXTURE_H
#define BULKHEAD_TESTS_FIELD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "detector/field.h"
#include "tests/unit/collector/event_fixture.h"

#define SECOND 1000000000ULL
#define OFFSET (1795312800123456789 - 5000000000) /* 2026-11-22T02:00:00.123456789Z */

static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
static char scratch[FIELD_SCRATCH_BYTES];
static struct event_writer writer;
static struct event_view view;
static struct event_context context;
static struct field_event event;
static struct process family[4];
static struct process_text texts[3];

static inline void set_up_family(void)
{
	static const char *const names[] = { "sh", "containerd-shim", "systemd", "" };

	memset(family, 0, sizeof(family));
	memset(texts, 0, sizeof(texts));
	for (uint32_t i = 0; i < 4; i++) {
		family[i].key = (struct process_key){ (3 - i) * SECOND, 123 - i };
		family[i].parent = i < 3 ? &family[i + 1] : NULL;
		family[i].ns_pid = i == 0 ? 5 : 123 - i;
		family[i].pid_ns = i == 0 ? 9 : 8;
		family[i].session = 122;
		memcpy(family[i].comm, names[i], strlen(names[i]));
		if (i < 3)
			family[i].text = &texts[i];
	}
	family[3].placeholder = true;
	family[0].caps = (struct event_caps){ .effective = 1, .permitted = 1 << 21 | 1 };
	family[0].exe_file =
		(struct event_file){ .flags = FILE_KNOWN | FILE_OVERLAY | FILE_UPPER, .inode = 77 };
	texts[0] = (struct process_text){ .exe = SPAN_LIT("/usr/bin/dash"),
					  .args = SPAN_LIT("/bin/sh\0-c\0ls -l\0"),
					  .cwd = SPAN_LIT("/work") };
	texts[1] = (struct process_text){ .exe = SPAN_LIT("/usr/bin/shim"),
					  .args = SPAN_LIT("shim\0--id\0x\0") };
	texts[2] = (struct process_text){ .exe = SPAN_LIT("/lib/systemd"),
					  .args = SPAN_LIT("/sbin/init\0") };
}

static inline struct event_head field_head(enum event_type type, int32_t call)
{
	struct event_head h = fixture_head(type);

	h.syscall = call;
	h.tty = 136 << 20;
	return h;
}

static inline void begin(const struct event_head *h, const void *fixed)
{
	event_write_begin(&writer, record, sizeof(record), h, fixed);
}

static inline void add(enum event_tag tag, struct span s)
{
	event_write_string(&writer, tag, 0, s);
}

static inline void finish(void)
{
	struct err e = { "" };

	set_up_family();
	if (event_decode(record, event_write_end(&writer), &view, &e) < 0)
		fail_msg("%s", e.text);
	context = (struct event_context){ .process = &family[0], .unix_minus_boot_ns = OFFSET };
	event = (struct field_event){ .view = &view,
				      .context = &context,
				      .type = evt_type_of(&view),
				      .number = 7,
				      .scratch = scratch };
}

static inline void look_up(const char *field, struct field_ref *r)
{
	const char *bracket = strchr(field, '[');
	struct span name = span_str(field), arg = { NULL, 0 };
	struct err e = { "" };

	if (bracket) {
		name.n = (size_t)(bracket - field);
		arg = (struct span){ bracket + 1, strlen(bracket) - 2 };
	}
	if (field_find(name, arg, bracket != NULL, r, &e) < 0)
		fail_msg("%s: %s", field, e.text);
}

/* All values with ", " between them; "-" when there is none. */
static inline const char *value_of(const char *field)
{
	static char text[FIELD_SCRATCH_BYTES * 2];
	struct field_value v[FIELD_MAX_VALUES];
	struct field_ref r;
	AUTO_BUF struct buf b = { .fd = -1 };

	look_up(field, &r);
	event.scratch_used = 0;
	size_t n = field_get(&r, &event, v, FIELD_MAX_VALUES);

	if (n == 0)
		return "-";
	/* where the table says that a type never has it, it must not */
	if (!field_of_type(&r, event.type))
		fail_msg("%s has a value on %s", field, evt_type_name(event.type));
	buf_init(&b, sizeof(text));
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_str(&b, ", ");
		field_print(&b, &r, &v[i]);
	}
	assert_false(b.failed);
	assert_true(b.len < sizeof(text));
	if (b.len > 0)
		memcpy(text, b.data, b.len);
	text[b.len] = '\0';
	return text;
}

struct expected {
	const char *field, *value;
};

static inline void expect_all(const struct expected *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *got = value_of(rows[i].field);

		if (strcmp(got, rows[i].value) != 0)
			fail_msg("%s on %s is '%s', not '%s'", rows[i].field,
				 evt_type_name(event.type), got, rows[i].value);
	}
}
#define EXPECT(...)                                                                                \
	do {                                                                                       \
		static const struct expected rows_[] = { __VA_ARGS__ };                            \
		expect_all(rows_, sizeof(rows_) / sizeof(rows_[0]));                               \
	} while (0)

/* --- events that several tests want -------------------------------------------------------- */
static inline void an_open(uint32_t flags, uint32_t mode, int64_t result, const char *raw,
			   const char *base, const char *path)
{
	struct event_head h = field_head(EVENT_OPEN, 257);
	struct event_open o = {
		.flags = flags,
		.mode = mode,
		.dirfd = -100,
		.file = { .flags = path ? FILE_KNOWN : 0, .inode = 42, .device = 8 << 20 | 1 }
	};

	h.result = result;
	begin(&h, &o);
	if (path)
		add(TAG_PATH, span_str(path));
	if (raw)
		add(TAG_RAW, span_str(raw));
	if (base)
		add(TAG_BASE, span_str(base));
	finish();
}

static inline struct event_network internet(const char *local, uint16_t local_port,
					    const char *remote, uint16_t remote_port)
{
	bool six = strchr(local, ':') != NULL;
	struct event_network n = { .family = six ? AF_INET6 : AF_INET,
				   .type = 1,
				   .protocol = 6,
				   .fd = 3,
				   .local_port = htons(local_port),
				   .remote_port = htons(remote_port) };

	assert_int_equal(inet_pton(n.family, local, n.local), 1);
	assert_int_equal(inet_pton(n.family, remote, n.remote), 1);
	return n;
}

static inline void a_socket_event(enum event_type type, int32_t call, int64_t result,
				  const struct event_network *n)
{
	struct event_head h = field_head(type, call);

	h.result = result;
	begin(&h, n);
	finish();
}

static inline void a_call(enum event_type type, int32_t call, int64_t result,
			  const struct event_call *c)
{
	struct event_head h = field_head(type, call);

	h.result = result;
	begin(&h, c);
	finish();
}

static inline void an_exec(void)
{
	struct event_head h = field_head(EVENT_EXEC, -1);
	struct event_exec x = { .file = { .flags = FILE_KNOWN | FILE_OVERLAY, .inode = 77 },
				.caps = { .effective = 1 << 21, .permitted = 3 } };

	begin(&h, &x);
	add(TAG_PATH, SPAN_LIT("/usr/bin/dash"));
	add(TAG_ARGS, SPAN_LIT("/bin/sh\0-c\0ls -l\0"));
	add(TAG_CWD, SPAN_LIT("/"));
	add(TAG_FILENAME, SPAN_LIT("/bin/sh"));
	add(TAG_ENV, SPAN_LIT("HOME=/root\0LD_PRELOAD=/x.so\0"));
	finish();
}

#endif
