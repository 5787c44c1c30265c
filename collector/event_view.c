// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/event_view.h"

#include <errno.h>
#include <string.h>

struct type_row {
	const char *name;
	enum event_class class;
};

static const struct type_row types[EVENT_TYPE_COUNT] = { [EVENT_NONE] = { "", EVENT_CLASS_CONTROL },
#define X(id, name, class) [EVENT_##id] = { name, EVENT_CLASS_##class },
							 EVENT_TYPES(X)
#undef X
};

static const char *const class_names[EVENT_CLASS_COUNT] = {
	[EVENT_CLASS_CONTROL] = "control",     [EVENT_CLASS_PROCESS] = "process",
	[EVENT_CLASS_ISOLATION] = "isolation", [EVENT_CLASS_NETWORK] = "network",
	[EVENT_CLASS_FILE] = "file",
};

static const size_t fixed_bytes[] = {
	[SHAPE_EXEC] = sizeof(struct event_exec),	[SHAPE_FORK] = sizeof(struct event_fork),
	[SHAPE_EXIT] = sizeof(struct event_exit),	[SHAPE_OPEN] = sizeof(struct event_open),
	[SHAPE_PATH] = sizeof(struct event_path),	[SHAPE_CALL] = sizeof(struct event_call),
	[SHAPE_NETWORK] = sizeof(struct event_network),
};

static bool is_type(uint32_t t)
{
	return t > EVENT_NONE && t < EVENT_TYPE_COUNT;
}

const char *event_type_name(enum event_type t)
{
	return is_type(t) ? types[t].name : "";
}

enum event_type event_type_find(struct span name)
{
	for (uint32_t t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++)
		if (span_eq(name, types[t].name))
			return (enum event_type)t;
	return EVENT_NONE;
}

enum event_class event_type_class(enum event_type t)
{
	return is_type(t) ? types[t].class : EVENT_CLASS_CONTROL;
}

const char *event_class_name(enum event_class c)
{
	return c < EVENT_CLASS_COUNT ? class_names[c] : "";
}

static enum event_shape process_shape(enum event_type t)
{
	return t == EVENT_FORK ? SHAPE_FORK : t == EVENT_EXEC ? SHAPE_EXEC : SHAPE_EXIT;
}

enum event_shape event_type_shape(enum event_type t)
{
	switch (event_type_class(t)) {
	case EVENT_CLASS_PROCESS:
		return process_shape(t);
	case EVENT_CLASS_FILE:
		return t == EVENT_OPEN ? SHAPE_OPEN : SHAPE_PATH;
	case EVENT_CLASS_NETWORK:
		return SHAPE_NETWORK;
	case EVENT_CLASS_ISOLATION:
		return t == EVENT_CHROOT || t == EVENT_PIVOT_ROOT ? SHAPE_PATH : SHAPE_CALL;
	case EVENT_CLASS_CONTROL:
	case EVENT_CLASS_COUNT:
		break;
	}
	return SHAPE_CALL;
}

/* --- reading ------------------------------------------------------------------------------- */
static int decode_strings(const uint8_t *p, size_t left, struct event_view *v, struct err *e)
{
	uint32_t seen = 0;

	while (left > 0) {
		struct event_string s;

		if (left < sizeof(s))
			return err_set(e, EPROTO, "event: cut in the head of a string");
		memcpy(&s, p, sizeof(s)); /* strings lie unaligned */
		p += sizeof(s);
		left -= sizeof(s);
		if (s.tag == TAG_NONE || s.tag >= TAG_COUNT)
			return err_set(e, EPROTO, "event: unknown string tag %u", s.tag);
		if (seen & 1U << s.tag)
			return err_set(e, EPROTO, "event: string tag %u comes twice", s.tag);
		if (s.bytes > EVENT_STRING_MAX || s.bytes > left)
			return err_set(e, EPROTO, "event: string tag %u of %u bytes in %zu", s.tag,
				       s.bytes, left);
		seen |= 1U << s.tag;
		v->strings[s.tag] = (struct span){ (const char *)p, s.bytes };
		v->string_flags[s.tag] = s.flags;
		p += s.bytes;
		left -= s.bytes;
	}
	return 0;
}
_Static_assert(TAG_COUNT <= 32, "tags are bits of a mask");

int event_decode(const void *record, size_t bytes, struct event_view *out, struct err *e)
{
	struct event_view v = { .head = record };

	if (bytes < sizeof(*v.head))
		return err_set(e, EPROTO, "event: %zu bytes are no head", bytes);
	if (v.head->size != bytes || bytes > EVENT_MAX_BYTES)
		return err_set(e, EPROTO, "event: says %u bytes, has %zu", v.head->size, bytes);
	if (!is_type(v.head->type))
		return err_set(e, EPROTO, "event: unknown type %u", v.head->type);

	size_t fixed = fixed_bytes[event_type_shape((enum event_type)v.head->type)];
	size_t strings = sizeof(*v.head) + fixed;

	if (bytes < strings)
		return err_set(e, EPROTO, "event: '%s' of %zu bytes is cut",
			       types[v.head->type].name, bytes);
	v.fixed = v.head + 1;
	int r = decode_strings((const uint8_t *)record + strings, bytes - strings, &v, e);

	if (r < 0)
		return r;
	*out = v;
	return 0;
}

/* --- writing ------------------------------------------------------------------------------- */
static uint8_t *room(struct event_writer *w, size_t n)
{
	if (w->failed || n > w->cap - w->len) {
		w->failed = true;
		return NULL;
	}
	uint8_t *p = w->p + w->len;

	w->len += n;
	return p;
}

void event_write_begin(struct event_writer *w, void *out, size_t cap, const struct event_head *head,
		       const void *fixed)
{
	*w = (struct event_writer){ .p = out,
				    .cap = cap < EVENT_MAX_BYTES ? cap : EVENT_MAX_BYTES };
	w->failed = !is_type(head->type);
	size_t n = fixed_bytes[event_type_shape((enum event_type)head->type)];
	uint8_t *p = room(w, sizeof(*head) + n);

	if (!p)
		return;
	memcpy(p, head, sizeof(*head));
	if (fixed)
		memcpy(p + sizeof(*head), fixed, n);
	else
		memset(p + sizeof(*head), 0, n);
}

void event_write_string(struct event_writer *w, enum event_tag tag, uint8_t flags, struct span s)
{
	struct event_string head = { .tag = (uint8_t)tag, .flags = flags };

	if (tag == TAG_NONE || tag >= TAG_COUNT || s.n > EVENT_STRING_MAX) {
		w->failed = true;
		return;
	}
	head.bytes = (uint16_t)s.n;
	uint8_t *p = room(w, sizeof(head) + s.n);

	if (!p)
		return;
	memcpy(p, &head, sizeof(head));
	if (s.n > 0)
		memcpy(p + sizeof(head), s.p, s.n);
}

size_t event_write_end(struct event_writer *w)
{
	uint32_t size = (uint32_t)w->len;

	if (w->failed)
		return 0;
	memcpy(w->p + offsetof(struct event_head, size), &size, sizeof(size));
	return w->len;
}
