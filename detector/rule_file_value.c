// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages, and the values of YAML that all kinds of items share. */
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "detector/rule_file_internal.h"

static PRINTF_LIKE(4, 0) void add_message(struct arena *a, struct rule_messages *m,
					  struct rule_message head, const char *fmt, va_list list)
{
	struct err text;

	*(head.error ? &m->errors : &m->warnings) += 1;
	if (m->errors + m->warnings > RULE_MESSAGES_MAX)
		return;
	vsnprintf(text.text, sizeof(text.text), fmt, list);
	struct rule_message *msg = arena_zeroed(a, 1, sizeof(*msg));

	if (!msg)
		return;
	*msg = head;
	msg->text = arena_copy(a, span_str(text.text));
	if (!m->last)
		m->last = &m->first;
	*m->last = msg;
	m->last = &msg->next;
}

void rule_message_add(struct arena *a, struct rule_messages *m, bool error, struct span file,
		      uint32_t line, uint32_t column, struct span what, struct span name,
		      const char *fmt, ...)
{
	struct rule_message head = { .error = error,
				     .file = file,
				     .what = what,
				     .name = name,
				     .line = line,
				     .column = column };
	va_list list;

	va_start(list, fmt);
	add_message(a, m, head, fmt, list);
	va_end(list);
}

static PRINTF_LIKE(4, 0) void add_of(struct rule_reader *r, const struct rule_yaml *y, bool error,
				     const char *fmt, va_list list)
{
	struct rule_message head = { .error = error,
				     .file = r->file,
				     .what = r->what,
				     .name = r->name,
				     .line = y ? y->at.line : 0,
				     .column = y ? y->at.column : 0 };

	add_message(r->arena, r->messages, head, fmt, list);
}

void rule_reader_error(struct rule_reader *r, const struct rule_yaml *y, const char *fmt, ...)
{
	va_list list;

	r->broken = true;
	va_start(list, fmt);
	add_of(r, y, true, fmt, list);
	va_end(list);
}

void rule_reader_warning(struct rule_reader *r, const struct rule_yaml *y, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	add_of(r, y, false, fmt, list);
	va_end(list);
}

void rule_reader_check_keys(struct rule_reader *r, const struct rule_yaml *map,
			    const char *const *known)
{
	for (const struct rule_yaml *k = map->children; k && k->next; k = k->next->next) {
		size_t i = 0;

		while (known[i] && !span_eq(k->text, known[i]))
			i++;
		if (!known[i])
			rule_reader_warning(r, k, "unknown key '%.*s' is ignored",
					    (int)(k->text.n < 64 ? k->text.n : 64), k->text.p);
	}
}

bool rule_read_text(struct rule_reader *r, const struct rule_yaml *y, const char *key,
		    struct rule_text *out)
{
	if (y->kind != YAML_SCALAR) {
		rule_reader_error(r, y, "'%s' is a %s, expected a single value", key,
				  y->kind == YAML_SEQUENCE ? "list" : "mapping");
		return false;
	}
	if (y->text.n == 0 || rule_yaml_is_null(y)) {
		rule_reader_error(r, y, "'%s' is empty, expected a value", key);
		return false;
	}
	*out = (struct rule_text){ .text = y->text, .line = y->at.line, .column = y->at.column };
	return true;
}

bool rule_read_source(struct rule_reader *r, const struct rule_yaml *y, const char *key,
		      struct rule_text *out)
{
	if (!rule_read_text(r, y, key, out))
		return false;
	struct condition_source *s = arena_zeroed(r->arena, 1, sizeof(*s));
	struct rule_places *p = arena_zeroed(r->arena, 1, sizeof(*p));
	struct rule_segment *g = arena_zeroed(r->arena, 1, sizeof(*g));

	if (!s || !p || !g)
		return false;
	*g = (struct rule_segment){ .file = r->file, .scalar = y->at };
	*p = (struct rule_places){ 1, g };
	*s = (struct condition_source){ .file = r->file,
					.what = r->what,
					.name = r->name,
					.text = y->text,
					.place = rule_place,
					.place_data = p };
	out->source = s;
	return true;
}

/* What yaml-cpp takes, which Falco reads by. */
bool rule_read_bool(struct rule_reader *r, const struct rule_yaml *y, const char *key, bool *out)
{
	static const char *const words[2][4] = { { "false", "no", "off", "n" },
						 { "true", "yes", "on", "y" } };
	struct rule_text t;

	if (!rule_read_text(r, y, key, &t))
		return false;
	for (size_t i = 0; i < 8; i++)
		if (strcasecmp(t.text.p, words[i / 4][i % 4]) == 0) {
			*out = i / 4 == 1;
			return true;
		}
	rule_reader_error(r, y, "'%s' is neither true nor false, expected one of them", key);
	return false;
}

bool rule_read_texts(struct rule_reader *r, const struct rule_yaml *y, const char *key,
		     struct rule_texts *out)
{
	if (y->kind != YAML_SEQUENCE) {
		rule_reader_error(r, y, "'%s' is %s, expected a list", key,
				  y->kind == YAML_MAPPING ? "a mapping"
				  : rule_yaml_is_null(y)  ? "empty"
							  : "a single value");
		return false;
	}
	struct rule_text *list = arena_zeroed(r->arena, y->n, sizeof(*list));
	size_t n = 0;

	if (!list)
		return false;
	for (const struct rule_yaml *v = y->children; v; v = v->next) {
		if (v->kind != YAML_SCALAR) {
			rule_reader_error(r, v, "'%s' holds a %s, expected single values", key,
					  v->kind == YAML_SEQUENCE ? "list" : "mapping");
			return false;
		}
		list[n++] = (struct rule_text){ .text = v->text,
						.line = v->at.line,
						.column = v->at.column };
	}
	*out = (struct rule_texts){ .list = list, .n = n, .given = true };
	return true;
}
