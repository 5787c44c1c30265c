// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: one byte of choices, then a record as the kernel or a recording would give it. What
 * decodes is told as JSON and as text, which must keep to one line of valid UTF-8, and is masked,
 * which must keep the record valid and the number of arguments. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event_text.h"
#include "collector/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_OUT (1 << 20)

enum choice { FIX_SIZE = 1, FIX_TYPE = 2, WITH_PROCESS = 4, WITH_ENV = 8, ARGS_ALONE = 16 };

static _Alignas(8) uint8_t first[EVENT_MAX_BYTES], second[EVENT_MAX_BYTES];

static void check(bool right)
{
	if (!right)
		abort();
}

static void check_line(const struct buf *b)
{
	check(!b->failed && b->len > 0);
	for (size_t i = 0, n; i < b->len; i += n) {
		n = utf8_len((struct span){ b->data + i, b->len - i });
		check(n > 0 && (unsigned char)b->data[i] >= 0x20);
	}
}

/* Brackets close in their order outside of strings, and nothing stands behind the last. */
static void check_json(const struct buf *b)
{
	char open[32];
	size_t depth = 0;
	bool string = false;

	check_line(b);
	for (size_t i = 0; i < b->len; i++) {
		char c = b->data[i];

		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		if (string)
			continue;
		if (c == '{' || c == '[') {
			check(depth < sizeof(open));
			open[depth++] = c;
		} else if (c == '}' || c == ']') {
			check(depth > 0 && open[--depth] == (c == '}' ? '{' : '['));
			check(depth > 0 || i + 1 == b->len);
		}
	}
	check(depth == 0 && !string);
}

static void tell(const struct event_view *v, bool with_process, struct buf *b)
{
	struct process parent = { .comm = "parent" };
	struct process_text text = { .exe = v->strings[TAG_PATH],
				     .args = v->strings[TAG_ARGS],
				     .cwd = v->strings[TAG_CWD] };
	struct process p = { .parent = &parent, .text = &text, .exec_owner = { 1, 2 } };
	struct event_container box = { .id = v->strings[TAG_RAW],
				       .name = v->strings[TAG_NAME],
				       .image = v->strings[TAG_DATA],
				       .pod_name = v->strings[TAG_RAW2] };
	struct event_context c = { .unix_minus_boot_ns = v->head->start_boot_ns };

	if (with_process) {
		c.process = &p;
		c.container = &box;
	}
	memcpy(p.comm, v->head->comm, sizeof(v->head->comm));
	buf_clear(b);
	event_json(b, v, &c);
	check_json(b);
	buf_clear(b);
	event_line(b, v, &c);
	check_line(b);
	check(!memchr(b->data, 0x7f, b->len));
}

static size_t arguments(struct span args)
{
	struct span arg;
	size_t n = 0;

	while (span_next(&args, '\0', &arg))
		n++;
	return n;
}

static void mask(const struct event_view *v, bool with_env, struct buf *scratch)
{
	static struct redact r;
	struct event_view once;

	if (!r.enabled)
		redact_defaults(&r);
	r.env_n = 0;
	if (with_env)
		redact_keep_env(&r, SPAN_LIT("TOKEN"));
	size_t n = redact_record(&r, v, first, sizeof(first), scratch);

	if (n == 0) /* what grew does not fit into one record */
		return;
	check(event_decode(first, n, &once, NULL) == 0);
	check(once.strings[TAG_PATH].n == v->strings[TAG_PATH].n);
	check(once.strings[TAG_ARGS].n == EVENT_STRING_MAX ||
	      arguments(once.strings[TAG_ARGS]) == arguments(v->strings[TAG_ARGS]));
	/* what was masked is read again without harm, as in a replay */
	check(redact_record(&r, &once, second, sizeof(second), scratch) > 0);
}

/* The input as the arguments and the environment of an exec. */
static void args_alone(struct span text, bool with_env, struct buf *scratch)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	struct event_head head = { .type = EVENT_EXEC };
	struct event_writer w;
	struct event_view v;

	if (text.n > EVENT_STRING_MAX)
		text.n = EVENT_STRING_MAX;
	event_write_begin(&w, record, sizeof(record), &head, NULL);
	event_write_string(&w, TAG_ARGS, 0, text);
	event_write_string(&w, TAG_ENV, 0, text);
	check(event_decode(record, event_write_end(&w), &v, NULL) == 0);
	buf_clear(scratch);
	mask(&v, with_env, scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	static struct buf b;
	struct event_head *head = (void *)record;
	struct event_view v;
	struct err e = { "" };

	if (!b.max)
		buf_init(&b, MAX_OUT);
	if (size == 0 || size - 1 > sizeof(record))
		return 0;
	uint8_t choice = *data++;

	size--;
	if (choice & ARGS_ALONE) {
		args_alone((struct span){ (const char *)data, size }, choice & WITH_ENV, &b);
		return 0;
	}
	memset(record, 0, sizeof(*head));
	memcpy(record, data, size);
	if (choice & FIX_SIZE)
		head->size = (uint32_t)size;
	if (choice & FIX_TYPE)
		head->type = (uint16_t)(1 + head->type % (EVENT_TYPE_COUNT - 1));
	if (event_decode(record, size, &v, &e) < 0) {
		check(e.text[0]);
		return 0;
	}
	check(event_type_name((enum event_type)v.head->type)[0]);
	tell(&v, choice & WITH_PROCESS, &b);
	buf_clear(&b);
	mask(&v, choice & WITH_ENV, &b);
	return 0;
}
