// SPDX-License-Identifier: GPL-2.0-or-later
/* Outputs filled: as text, and as Falco's output_fields. */
#include <string.h>

#include "collector/json_put.h"
#include "detector/rule_output.h"

/* What a field gave for this event. */
struct values {
	struct field_value v[FIELD_MAX_VALUES];
	size_t n;
	bool list;
};

static void get_values(const struct rule_output_field *f, struct field_event *ev, struct values *to)
{
	to->n = field_get(f->ref, ev, to->v, FIELD_MAX_VALUES);
	to->list = (f->ref->flags & (FIELD_LIST | FIELD_ANY)) != 0;
}

static uint64_t length_of(const struct values *v)
{
	return v->list ? v->n : v->v[0].text.n;
}

static void add_changed_case(struct buf *b, struct span s, char first, char last)
{
	char *to = buf_reserve(b, s.n);

	if (!to)
		return;
	for (size_t i = 0; i < s.n; i++)
		to[i] = s.p[i] >= first && s.p[i] <= last ? (char)(s.p[i] ^ 0x20) : s.p[i];
	b->len += s.n;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* False: it is not base64, nothing was added. */
static bool add_decoded(struct buf *b, struct span s)
{
	const size_t before = b->len;
	uint32_t bits = 0;
	unsigned have = 0;

	if (s.n % 4 != 0)
		return false;
	for (unsigned pad = 0; pad < 2 && s.n > 0 && s.p[s.n - 1] == '='; pad++)
		s.n--;
	for (size_t i = 0; i < s.n; i++) {
		int digit = base64_digit(s.p[i]);

		if (digit < 0) {
			b->len = before;
			return false;
		}
		bits = (bits << 6 | (uint32_t)digit) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_add_char(b, (char)(bits >> have & 0xff));
		}
	}
	return true;
}

static bool add_value(struct buf *b, const struct rule_output_field *f, const struct field_value *v)
{
	const char *slash;

	switch (f->transform) {
	case TRANSFORM_TOLOWER:
		add_changed_case(b, v->text, 'A', 'Z');
		return true;
	case TRANSFORM_TOUPPER:
		add_changed_case(b, v->text, 'a', 'z');
		return true;
	case TRANSFORM_B64:
		return add_decoded(b, v->text);
	case TRANSFORM_BASENAME:
		slash = v->text.n ? memrchr(v->text.p, '/', v->text.n) : NULL;
		buf_add_span(b, slash ? (struct span){ slash + 1,
						       (size_t)(v->text.p + v->text.n - slash) - 1 }
				      : v->text);
		return true;
	case TRANSFORM_FIELD:
	case TRANSFORM_LEN:
	case TRANSFORM_JOIN:
	case TRANSFORM_CONCAT:
	case TRANSFORM_GETOPT:
	case TRANSFORM_COUNT:
		break;
	}
	field_print(b, f->ref, v);
	return true;
}

static bool print_values(struct buf *b, const struct rule_output_field *f, const struct values *v)
{
	if (v->n == 0)
		return false;
	if (f->transform == TRANSFORM_LEN) {
		buf_add_u64(b, length_of(v));
		return true;
	}
	if (!v->list)
		return add_value(b, f, &v->v[0]);
	buf_add_char(b, '(');
	for (size_t i = 0; i < v->n; i++) {
		if (i > 0)
			buf_add_char(b, ',');
		add_value(b, f, &v->v[i]);
	}
	buf_add_char(b, ')');
	return true;
}

bool rule_output_field(struct buf *b, const struct rule_output_field *f, struct field_event *ev)
{
	const size_t used = ev->scratch_used; /* texts of the conditions stay */
	struct values v;

	get_values(f, ev, &v);
	const bool there = print_values(b, f, &v);

	ev->scratch_used = used;
	return there;
}

/* Exactly so many bytes; no character is cut in two. */
static void fit(struct buf *b, size_t from, size_t width)
{
	if (b->failed)
		return;
	if (b->len - from > width) {
		b->len = from + width;
		while (b->len > from && ((unsigned char)b->data[b->len] & 0xc0) == 0x80)
			b->len--;
	}
	while (!b->failed && b->len - from < width)
		buf_add_char(b, ' ');
}

void rule_output_print(struct buf *b, const struct rule_output *o, struct field_event *ev)
{
	size_t done = 0;

	for (size_t i = 0; i < o->fields_n; i++) {
		const struct rule_output_field *f = &o->fields[i];

		buf_add(b, o->text.p + done, f->before - done);
		done = f->before;
		const size_t from = b->len;

		if (!rule_output_field(b, f, ev))
			buf_add_str(b, "<NA>");
		if (f->width > 0)
			fit(b, from, f->width);
	}
	buf_add(b, o->text.p + done, o->text.n - done);
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void add_quoted(struct buf *b, const struct rule_output_field *f,
		       const struct field_value *v)
{
	AUTO_BUF struct buf text = { .fd = -1 };

	buf_init(&text, 4 * FIELD_SCRATCH_BYTES);
	if (add_value(&text, f, v))
		json_put_string(b, (struct span){ text.data ? text.data : "", text.len });
	else
		buf_add_str(b, "null");
	b->failed |= text.failed;
}

static void add_unsigned(struct buf *b, uint64_t u)
{
	buf_add_u64(b, u);
	if (u > INT64_MAX) /* as json_put_u64 */
		buf_add_str(b, ".0");
}

static void add_json(struct buf *b, const struct rule_output_field *f, const struct field_value *v)
{
	if (f->transform != TRANSFORM_FIELD) {
		add_quoted(b, f, v);
		return;
	}
	switch (f->ref->type) {
	case FIELD_INT:
	case FIELD_DURATION:
		buf_add_i64(b, v->i);
		return;
	case FIELD_UINT:
	case FIELD_PORT:
	case FIELD_TIME:
		add_unsigned(b, v->u);
		return;
	case FIELD_BOOL:
		buf_add_str(b, v->b ? "true" : "false");
		return;
	case FIELD_STRING:
		json_put_string(b, v->text);
		return;
	case FIELD_BYTES:
	case FIELD_IP:
	case FIELD_NET:
		break;
	}
	add_quoted(b, f, v);
}

static void json_values(struct buf *b, const struct rule_output_field *f, const struct values *v)
{
	if (v->n == 0) {
		buf_add_str(b, "null");
	} else if (f->transform == TRANSFORM_LEN) {
		buf_add_u64(b, length_of(v));
	} else if (!v->list) {
		add_json(b, f, &v->v[0]);
	} else {
		buf_add_char(b, '[');
		for (size_t i = 0; i < v->n; i++) {
			json_put_comma(b);
			add_json(b, f, &v->v[i]);
		}
		buf_add_char(b, ']');
	}
}

void rule_output_json(struct buf *b, const struct rule_output *o, struct field_event *ev)
{
	buf_add_char(b, '{');
	for (size_t i = 0; i < o->fields_n; i++) {
		const struct rule_output_field *f = &o->fields[i];
		const size_t used = ev->scratch_used;
		struct values v;

		if (f->repeated)
			continue;
		json_put_comma(b);
		json_put_string(b, f->token);
		buf_add_char(b, ':');
		get_values(f, ev, &v);
		json_values(b, f, &v);
		ev->scratch_used = used;
	}
	buf_add_char(b, '}');
}
