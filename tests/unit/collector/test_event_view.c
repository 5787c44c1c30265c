// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/collector/event_fixture.h"

static _Alignas(8) uint8_t record[EVENT_MAX_BYTES + 8];
static uint8_t fixed[512]; /* as large as any fixed part */

static size_t fixed_size(enum event_type t)
{
	switch (event_type_shape(t)) {
	case SHAPE_EXEC:
		return sizeof(struct event_exec);
	case SHAPE_FORK:
		return sizeof(struct event_fork);
	case SHAPE_EXIT:
		return sizeof(struct event_exit);
	case SHAPE_OPEN:
		return sizeof(struct event_open);
	case SHAPE_PATH:
		return sizeof(struct event_path);
	case SHAPE_NETWORK:
		return sizeof(struct event_network);
	case SHAPE_CALL:
		return sizeof(struct event_call);
	}
	return 0;
}

/* One of the type, with a path of bytes that no text has and an empty name. */
static size_t sample(enum event_type type)
{
	struct event_head head = fixture_head(type);
	struct event_writer w;

	for (size_t i = 0; i < sizeof(fixed); i++)
		fixed[i] = (uint8_t)(i * 7 + 1);
	event_write_begin(&w, record, EVENT_MAX_BYTES, &head, fixed);
	event_write_string(&w, TAG_PATH, STRING_CUT, SPAN_LIT("/a\0\xff\n"));
	event_write_string(&w, TAG_NAME, STRING_UNREAD, (struct span){ NULL, 0 });
	return event_write_end(&w);
}

/* The record is copied to where nothing lies behind it, so that a sanitizer sees every byte read
 * too far. */
static int decode(size_t bytes, struct event_view *v, struct err *e)
{
	void *exact = malloc(bytes ? bytes : 1);

	assert_non_null(exact);
	memcpy(exact, record, bytes);
	int r = event_decode(exact, bytes, v, e);

	free(exact);
	return r;
}

static void refused(size_t bytes, const char *text)
{
	struct event_view v, before;
	struct err e = { "" };

	memset(&v, 0x5a, sizeof(v));
	memcpy(&before, &v, sizeof(v));
	assert_int_equal(decode(bytes, &v, &e), -EPROTO);
	assert_memory_equal(&v, &before, sizeof(v));
	assert_string_equal(e.text, text);
	assert_int_equal(decode(bytes, &v, NULL), -EPROTO);
}

static void every_type_is_read_as_it_was_written(void **state)
{
	(void)state;
	for (uint32_t t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++) {
		enum event_type type = (enum event_type)t;
		size_t bytes = sample(type);
		struct event_view v;
		struct err e = { "" };

		assert_true(bytes > 0);
		assert_int_equal(event_decode(record, bytes, &v, &e), 0);
		assert_string_equal(e.text, "");
		assert_ptr_equal(v.head, record);
		assert_int_equal(v.head->size, bytes);
		assert_int_equal(v.head->type, t);
		assert_int_equal(v.head->pid, 123);
		assert_memory_equal(v.fixed, fixed, fixed_size(type));
		assert_int_equal(v.strings[TAG_PATH].n, 5);
		assert_memory_equal(v.strings[TAG_PATH].p, "/a\0\xff\n", 5);
		assert_int_equal(v.string_flags[TAG_PATH], STRING_CUT);
		assert_non_null(v.strings[TAG_NAME].p);
		assert_int_equal(v.strings[TAG_NAME].n, 0);
		assert_int_equal(v.string_flags[TAG_NAME], STRING_UNREAD);
		assert_null(v.strings[TAG_RAW].p);
		assert_int_equal(v.string_flags[TAG_RAW], 0);
	}
}

static void a_record_without_strings_is_whole(void **state)
{
	struct event_head head = fixture_head(EVENT_EXIT);
	struct event_writer w;
	struct event_view v;

	(void)state;
	event_write_begin(&w, record, sizeof(record), &head, NULL);
	size_t n = event_write_end(&w);

	assert_int_equal(n, sizeof(head) + sizeof(struct event_exit));
	assert_int_equal(event_decode(record, n, &v, NULL), 0);
	assert_int_equal(v.exit->status, 0);
	for (size_t t = 0; t < TAG_COUNT; t++)
		assert_null(v.strings[t].p);
}

static void all_strings_of_full_length_need_more_than_a_record_holds(void **state)
{
	static char text[EVENT_STRING_MAX + 1];
	struct event_head head = fixture_head(EVENT_MOUNT);
	struct event_writer w;
	struct event_view v;
	uint32_t tag = TAG_NONE + 1;

	(void)state;
	memset(text, 'x', sizeof(text));
	event_write_begin(&w, record, sizeof(record), &head, NULL);
	for (; tag <= 6; tag++)
		event_write_string(&w, (enum event_tag)tag, 0,
				   (struct span){ text, EVENT_STRING_MAX });
	size_t n = event_write_end(&w);

	assert_true(n > 6 * EVENT_STRING_MAX);
	assert_int_equal(event_decode(record, n, &v, NULL), 0);
	assert_int_equal(v.strings[6].n, EVENT_STRING_MAX);
	event_write_string(&w, (enum event_tag)tag, 0, (struct span){ text, EVENT_STRING_MAX });
	assert_true(w.failed); /* although the memory would hold it */
	assert_int_equal(event_write_end(&w), 0);
}

static void a_record_cut_anywhere_is_refused(void **state)
{
	(void)state;
	for (uint32_t t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++) {
		size_t bytes = sample((enum event_type)t);
		size_t whole = sizeof(struct event_head) + fixed_size((enum event_type)t);

		for (size_t n = 0; n < bytes; n++) {
			struct event_head *head = (void *)record;
			struct event_view v;
			struct err e = { "" };

			head->size = (uint32_t)bytes; /* the sender's length: too much */
			assert_int_equal(decode(n, &v, &e), -EPROTO);
			assert_true(e.text[0]);
			head->size = (uint32_t)n; /* shortened to fit: only between strings */
			int r = n >= sizeof(*head) ? decode(n, &v, &e) : -EPROTO;

			assert_int_equal(r, n == whole || n == bytes - 4 ? 0 : -EPROTO);
		}
	}
}

static void a_size_that_is_not_the_buffers_is_refused(void **state)
{
	struct event_head *head = (void *)record;
	size_t bytes = sample(EVENT_OPEN);

	(void)state;
	head->size = (uint32_t)bytes - 1;
	refused(bytes, "event: says 228 bytes, has 229");
	head->size = (uint32_t)bytes + 1;
	refused(bytes, "event: says 230 bytes, has 229");
	head->size = UINT32_MAX;
	refused(bytes, "event: says 4294967295 bytes, has 229");
	head->size = 0;
	refused(bytes, "event: says 0 bytes, has 229");
	refused(0, "event: 0 bytes are no head");
	refused(sizeof(*head) - 1, "event: 135 bytes are no head");
	head->size = EVENT_MAX_BYTES + 8;
	refused(EVENT_MAX_BYTES + 8, "event: says 28680 bytes, has 28680");
}

static void types_that_are_not_known_are_refused(void **state)
{
	struct event_head *head = (void *)record;
	size_t bytes = sample(EVENT_OPEN);
	char text[64];

	(void)state;
	head->type = EVENT_NONE;
	refused(bytes, "event: unknown type 0");
	head->type = EVENT_TYPE_COUNT;
	snprintf(text, sizeof(text), "event: unknown type %u", EVENT_TYPE_COUNT);
	refused(bytes, text);
	head->type = UINT16_MAX;
	refused(bytes, "event: unknown type 65535");
	head->type = EVENT_PTRACE; /* its fixed part is larger than all there is */
	refused(bytes, "event: 'ptrace' of 229 bytes is cut");
}

/* Puts one string's head and as many bytes behind an event of exit. */
static size_t with_string(struct event_string s, size_t bytes)
{
	struct event_head *head = (void *)record;
	struct event_writer w;

	*head = fixture_head(EVENT_EXIT);
	struct event_head copy = *head;

	event_write_begin(&w, record, sizeof(record), &copy, NULL);
	size_t at = event_write_end(&w);

	memcpy(record + at, &s, sizeof(s));
	memset(record + at + sizeof(s), 'x', bytes);
	head->size = (uint32_t)(at + sizeof(s) + bytes);
	return head->size;
}

static void lengths_of_strings_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	refused(with_string((struct event_string){ .tag = TAG_PATH, .bytes = 6 }, 5),
		"event: string tag 1 of 6 bytes in 5");
	refused(with_string((struct event_string){ .tag = TAG_PATH, .bytes = UINT16_MAX }, 5),
		"event: string tag 1 of 65535 bytes in 5");
	refused(with_string((struct event_string){ .tag = TAG_PATH, .bytes = 1 }, 0),
		"event: string tag 1 of 1 bytes in 0");
	refused(with_string((struct event_string){ .tag = TAG_PATH, .bytes = 2 }, 5),
		"event: cut in the head of a string"); /* three bytes remain */
	refused(with_string((struct event_string){ .tag = TAG_PATH, .bytes = EVENT_STRING_MAX + 1 },
			    EVENT_STRING_MAX + 1),
		"event: string tag 1 of 4097 bytes in 4097");
}

static void tags_unknown_or_twice_are_refused(void **state)
{
	struct event_head *head = (void *)record;
	struct event_string s = { .tag = TAG_PATH };

	(void)state;
	refused(with_string((struct event_string){ .tag = TAG_NONE }, 0),
		"event: unknown string tag 0");
	refused(with_string((struct event_string){ .tag = TAG_COUNT }, 0),
		"event: unknown string tag 17");
	refused(with_string((struct event_string){ .tag = UINT8_MAX }, 0),
		"event: unknown string tag 255");

	size_t n = with_string(s, 0);

	memcpy(record + n, &s, sizeof(s));
	head->size += (uint32_t)sizeof(s);
	refused(n + sizeof(s), "event: string tag 1 comes twice");
}

static void flags_of_strings_that_are_not_known_are_kept(void **state)
{
	struct event_view v;
	size_t n = with_string((struct event_string){ .tag = TAG_DATA, .flags = 0xf0 }, 0);

	(void)state;
	assert_int_equal(event_decode(record, n, &v, NULL), 0);
	assert_int_equal(v.string_flags[TAG_DATA], 0xf0);
}

static void a_writer_fails_where_something_does_not_fit(void **state)
{
	struct event_head head = fixture_head(EVENT_EXIT);
	size_t fits = sizeof(head) + sizeof(struct event_exit) + sizeof(struct event_string) + 3;
	struct event_writer w;

	(void)state;
	for (size_t cap = 0; cap <= fits; cap++) {
		memset(record, 0xee, sizeof(record));
		event_write_begin(&w, record, cap, &head, NULL);
		event_write_string(&w, TAG_PATH, 0, SPAN_LIT("abc"));
		assert_int_equal(event_write_end(&w), cap == fits ? fits : 0);
		assert_int_equal(record[cap], 0xee);
	}
	event_write_begin(&w, record, sizeof(record), &head, NULL);
	event_write_string(&w, TAG_COUNT, 0, SPAN_LIT("abc"));
	assert_int_equal(event_write_end(&w), 0);
	event_write_begin(&w, record, sizeof(record), &head, NULL);
	event_write_string(&w, TAG_PATH, 0, (struct span){ "", EVENT_STRING_MAX + 1 });
	assert_int_equal(event_write_end(&w), 0);
	head.type = EVENT_TYPE_COUNT;
	event_write_begin(&w, record, sizeof(record), &head, NULL);
	assert_int_equal(event_write_end(&w), 0);
}

static void every_type_has_one_name(void **state)
{
	(void)state;
	for (uint32_t t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++) {
		enum event_type type = (enum event_type)t;

		assert_true(event_type_name(type)[0]);
		assert_int_equal(event_type_find(span_str(event_type_name(type))), type);
		assert_true(event_class_name(event_type_class(type))[0]);
	}
	assert_string_equal(event_type_name(EVENT_NONE), "");
	assert_string_equal(event_type_name(EVENT_TYPE_COUNT), "");
	assert_int_equal(event_type_find(SPAN_LIT("")), EVENT_NONE);
	assert_int_equal(event_type_find((struct span){ NULL, 0 }), EVENT_NONE);
	assert_int_equal(event_type_find(SPAN_LIT("ope")), EVENT_NONE);
	assert_int_equal(event_type_find(SPAN_LIT("open ")), EVENT_NONE);
	assert_string_equal(event_class_name(EVENT_CLASS_ISOLATION), "isolation");
	assert_string_equal(event_class_name(EVENT_CLASS_COUNT), "");
	assert_int_equal(event_type_class(EVENT_CGROUP_MKDIR), EVENT_CLASS_CONTROL);
}

static void calls_that_name_files_have_the_shape_of_paths(void **state)
{
	(void)state;
	assert_int_equal(event_type_shape(EVENT_STAT), SHAPE_PATH);
	assert_int_equal(event_type_shape(EVENT_CHROOT), SHAPE_PATH);
	assert_int_equal(event_type_shape(EVENT_PIVOT_ROOT), SHAPE_PATH);
	assert_int_equal(event_type_shape(EVENT_MOUNT), SHAPE_CALL);
	assert_int_equal(event_type_shape(EVENT_CGROUP_MKDIR), SHAPE_CALL);
	assert_int_equal(event_type_shape(EVENT_FLOW_END), SHAPE_NETWORK);
	assert_int_equal(event_type_shape(EVENT_OPEN), SHAPE_OPEN);
	assert_int_equal(event_type_shape(EVENT_FORK), SHAPE_FORK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read_as_it_was_written),
		cmocka_unit_test(a_record_without_strings_is_whole),
		cmocka_unit_test(all_strings_of_full_length_need_more_than_a_record_holds),
		cmocka_unit_test(a_record_cut_anywhere_is_refused),
		cmocka_unit_test(a_size_that_is_not_the_buffers_is_refused),
		cmocka_unit_test(types_that_are_not_known_are_refused),
		cmocka_unit_test(lengths_of_strings_that_do_not_fit_are_refused),
		cmocka_unit_test(tags_unknown_or_twice_are_refused),
		cmocka_unit_test(flags_of_strings_that_are_not_known_are_kept),
		cmocka_unit_test(a_writer_fails_where_something_does_not_fit),
		cmocka_unit_test(every_type_has_one_name),
		cmocka_unit_test(calls_that_name_files_have_the_shape_of_paths),
	};

	return cmocka_run_group_tests_name("event_view", tests, NULL, NULL);
}
