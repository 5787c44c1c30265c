// SPDX-License-Identifier: GPL-2.0-or-later
/* Texts that are put together in the scratch of an event, and single values. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>

#include "detector/field_internal.h"

struct field_text field_text_begin(struct field_event *ev)
{
	struct field_text t = { .ev = ev, .p = NULL };

	if (ev->scratch && ev->scratch_used < FIELD_SCRATCH_BYTES) {
		t.p = ev->scratch + ev->scratch_used;
		t.cap = FIELD_SCRATCH_BYTES - ev->scratch_used;
	}
	return t;
}

void field_text_add(struct field_text *t, struct span s)
{
	size_t room = t->cap - t->n;

	if (s.n > room) {
		t->ev->scratch_full = true;
		s.n = room;
	}
	if (s.n > 0)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

void field_text_add_char(struct field_text *t, char c)
{
	field_text_add(t, (struct span){ &c, 1 });
}

void field_text_add_i64(struct field_text *t, int64_t v)
{
	field_text_printf(t, "%lld", (long long)v);
}

void field_text_printf(struct field_text *t, const char *fmt, ...)
{
	char text[128]; /* numbers and addresses */
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);

	va_end(args);
	if (n > 0)
		field_text_add(t,
			       (struct span){ text, (size_t)n < sizeof(text) ? (size_t)n
									     : sizeof(text) - 1 });
}

struct span field_text_end(struct field_text *t)
{
	t->ev->scratch_used += t->n;
	return (struct span){ t->p ? t->p : "", t->n };
}

size_t field_text_value(struct field_value *out, size_t cap, struct span s)
{
	if (!s.p || cap == 0)
		return 0;
	out->text = s;
	return 1;
}

size_t field_int_value(struct field_value *out, size_t cap, int64_t v)
{
	if (cap > 0)
		out->i = v;
	return cap > 0;
}

size_t field_uint_value(struct field_value *out, size_t cap, uint64_t v)
{
	if (cap > 0)
		out->u = v;
	return cap > 0;
}

size_t field_bool_value(struct field_value *out, size_t cap, bool v)
{
	if (cap > 0)
		out->b = v;
	return cap > 0;
}

size_t field_ip_value(struct field_value *out, size_t cap, const uint8_t *bytes, uint8_t length)
{
	if (cap == 0)
		return 0;
	memset(out->ip.bytes, 0, sizeof(out->ip.bytes));
	memcpy(out->ip.bytes, bytes, length);
	out->ip.length = length;
	return 1;
}

struct span field_until_nul(struct span s)
{
	if (s.p)
		s.n = strnlen(s.p, s.n);
	return s;
}

void field_add_address(struct field_text *t, const uint8_t *bytes, uint8_t length)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)))
		field_text_add(t, span_str(text));
}

uint32_t field_encode_device(uint32_t device)
{
	uint32_t major = device >> 20, minor = device & 0xfffff;

	return (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
}
