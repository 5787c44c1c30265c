// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/event_filter.h"

#include <errno.h>
#include <string.h>

#include "collector/base/buf.h"

#define ALL	  (EVENT_BIT(EVENT_TYPE_COUNT) - EVENT_BIT(EVENT_NONE + 1))
#define MAX_VALUE EVENT_QUERY_BYTES

void event_filter_init(struct event_filter *f)
{
	*f = (struct event_filter){ .host = true };
}

static uint64_t class_types(enum event_class class)
{
	uint64_t mask = 0;

	for (unsigned t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++)
		if (event_type_class((enum event_type)t) == class)
			mask |= EVENT_BIT(t);
	return mask;
}

static int unknown_type(struct span name, struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, ERR_TEXT_BYTES);
	for (unsigned t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++) {
		if (event_type_class((enum event_type)t) == EVENT_CLASS_CONTROL)
			continue;
		buf_add_str(&b, b.len ? "," : "");
		buf_add_str(&b, event_type_name((enum event_type)t));
	}
	return err_set(e, EINVAL, "no event type '%.*s'; known are %.*s",
		       (int)(name.n < 40 ? name.n : 40), name.p, (int)b.len, b.data);
}

static int add_types(struct event_filter *f, struct span list, struct err *e)
{
	struct span name;

	while (span_next(&list, ',', &name)) {
		enum event_type t = event_type_find(name);

		if (t == EVENT_NONE)
			return unknown_type(name, e);
		f->types |= EVENT_BIT(t);
	}
	return 0;
}

static int add_classes(struct event_filter *f, struct span list, struct err *e)
{
	struct span name;

	while (span_next(&list, ',', &name)) {
		unsigned c = EVENT_CLASS_CONTROL + 1;

		while (c < EVENT_CLASS_COUNT &&
		       !span_eq(name, event_class_name((enum event_class)c)))
			c++;
		if (c == EVENT_CLASS_COUNT)
			return err_set(e, EINVAL,
				       "no event class '%.*s'; known are process, isolation, "
				       "network, file",
				       (int)(name.n < 40 ? name.n : 40), name.p);
		f->types |= class_types((enum event_class)c) & ~EVENT_FILTER_ON_DEMAND;
	}
	return 0;
}

static int set_container(struct event_filter *f, struct span value, struct err *e)
{
	if (value.n >= sizeof(f->container) || memchr(value.p, '\0', value.n))
		return err_set(e, EINVAL, "the container's name is too long");
	memcpy(f->container, value.p, value.n);
	f->container[value.n] = '\0';
	f->container_n = value.n;
	return 0;
}

static int set_text(char to[EVENT_QUERY_BYTES], const char *name, struct span value, struct err *e)
{
	if (value.n >= EVENT_QUERY_BYTES || memchr(value.p, '\0', value.n))
		return err_set(e, EINVAL, "%s has %zu bytes, expected at most %d", name, value.n,
			       EVENT_QUERY_BYTES - 1);
	memcpy(to, value.p, value.n);
	to[value.n] = '\0';
	return 0;
}

static int set_condition(struct event_filter *f, struct span value, struct err *e)
{
	return set_text(f->condition, "filter", value, e);
}

static int set_print(struct event_filter *f, struct span value, struct err *e)
{
	return set_text(f->print, "print", value, e);
}

static int set_host(struct event_filter *f, struct span value, struct err *e)
{
	if (!span_eq(value, "0") && !span_eq(value, "1"))
		return err_set(e, EINVAL, "host is 0 or 1");
	f->host = span_eq(value, "1");
	return 0;
}

static int set_format(struct event_filter *f, struct span value, struct err *e)
{
	static const char *const names[] = { [WIRE_EVENTS_JSON] = "json",
					     [WIRE_EVENTS_TEXT] = "text",
					     [WIRE_EVENTS_RECORD] = "record" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!span_eq(value, names[i]))
			continue;
		f->format = (enum wire_event_format)i;
		return 0;
	}
	return err_set(e, EINVAL, "format is json, text or record");
}

static const struct {
	const char *key;
	int (*set)(struct event_filter *f, struct span value, struct err *e);
} keys[] = {
	{ "container", set_container }, { "type", add_types },	  { "class", add_classes },
	{ "host", set_host },		{ "format", set_format }, { "filter", set_condition },
	{ "print", set_print },
};
#define KEYS_N (sizeof(keys) / sizeof(keys[0]))

static int find_key(struct span key, struct err *e)
{
	for (size_t i = 0; i < KEYS_N; i++)
		if (span_eq(key, keys[i].key))
			return (int)i;
	return err_set(e, EINVAL,
		       "no parameter '%.*s'; known are container, type, class, host, format, "
		       "filter, print",
		       (int)(key.n < 40 ? key.n : 40), key.p);
}

int event_filter_set(struct event_filter *f, struct span key, struct span value, struct err *e)
{
	int i = find_key(key, e);

	if (i < 0 || value.n == 0)
		return i < 0 ? i : 0;
	return keys[i].set(f, value, e);
}

void event_filter_finish(struct event_filter *f)
{
	f->typed = f->types != 0;
	if (f->types == 0)
		f->types = ALL & ~EVENT_FILTER_ON_DEMAND & ~class_types(EVENT_CLASS_CONTROL);
	if (f->container_n > 0)
		f->host = false;
}

/* Into out[MAX_VALUE]; -EINVAL for what is malformed. */
static int decode(struct span raw, char *out, struct span *value, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i] == '+' ? ' ' : raw.p[i];

		if (c == '%') {
			int high = raw.n - i > 2 ? parse_hex_digit(raw.p[i + 1]) : -1;
			int low = raw.n - i > 2 ? parse_hex_digit(raw.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return err_set(e, EINVAL, "the query holds a malformed escape");
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (n == MAX_VALUE || c == '\0')
			return err_set(e, EINVAL, "a parameter of the query is too long");
		out[n++] = c;
	}
	*value = (struct span){ out, n };
	return 0;
}

int event_filter_parse(struct event_filter *out, struct span query, struct err *e)
{
	struct event_filter f;
	struct span pair, key, value = { "", 0 };
	unsigned seen = 0;
	char text[MAX_VALUE];

	event_filter_init(&f);
	while (query.n > 0 && span_next(&query, '&', &pair)) {
		if (pair.n == 0)
			continue;
		struct span rest = pair;

		span_next(&rest, '=', &key);
		int i = find_key(key, e);

		if (i < 0)
			return i;
		if (seen & (1U << i))
			return err_set(e, EINVAL, "parameter '%s' is given twice", keys[i].key);
		seen |= 1U << i;
		if (decode(rest.p ? rest : (struct span){ "", 0 }, text, &value, e) < 0)
			return -EINVAL;
		int r = value.n ? keys[i].set(&f, value, e) : 0;

		if (r < 0)
			return r;
	}
	event_filter_finish(&f);
	*out = f;
	return 0;
}

static bool same_container(const struct event_filter *f, struct span id, struct span name)
{
	size_t n = f->container_n;

	if (name.n == n && memcmp(name.p, f->container, n) == 0)
		return true;
	return id.n >= n && (id.n == n || n >= EVENT_FILTER_MIN_PREFIX) &&
	       memcmp(id.p, f->container, n) == 0;
}

bool event_filter_pass_span(const struct event_filter *f, const struct event_view *v,
			    struct span id, struct span name)
{
	if (!(f->types & EVENT_BIT(v->head->type)))
		return false;
	if (f->container_n > 0)
		return same_container(f, id, name);
	return f->host || v->head->container_cgroup != 0;
}

bool event_filter_pass(const struct event_filter *f, const struct event_view *v, const char *id,
		       const char *name)
{
	return event_filter_pass_span(f, v, span_str(id), span_str(name));
}
