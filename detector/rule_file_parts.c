// SPDX-License-Identifier: GPL-2.0-or-later
/* The parts of items that are mappings themselves: override, exceptions, required plugins. */
#include <string.h>

#include "detector/rule_file_internal.h"

#define BIT(p) (1U << (p))
#define APPENDABLE                                                                                 \
	(BIT(PART_CONDITION) | BIT(PART_OUTPUT) | BIT(PART_DESC) | BIT(PART_TAGS) |                \
	 BIT(PART_EXCEPTIONS))
#define REPLACEABLE                                                                                \
	(APPENDABLE | BIT(PART_PRIORITY) | BIT(PART_ENABLED) | BIT(PART_WARN_EVTTYPES) |           \
	 BIT(PART_SKIP_UNKNOWN) | BIT(PART_CAPTURE) | BIT(PART_CAPTURE_DURATION))

static int shown(struct span s)
{
	return (int)(s.n < 64 ? s.n : 64);
}

static void read_override_key(struct rule_reader *r, const struct rule_yaml *key,
			      struct rule_item *item)
{
	const struct rule_yaml *v = key->next;
	unsigned appendable = item->kind == ITEM_RULE	 ? APPENDABLE
			      : item->kind == ITEM_MACRO ? BIT(PART_CONDITION)
							 : BIT(PART_ITEMS);
	unsigned replaceable = item->kind == ITEM_RULE ? REPLACEABLE : appendable;
	unsigned p = 0;

	while (p < PART_COUNT &&
	       !((replaceable & BIT(p)) && span_eq(key->text, rule_part_name((enum rule_part)p))))
		p++;
	if (p == PART_COUNT) {
		rule_reader_error(r, key, "'%.*s' cannot be overridden", shown(key->text),
				  key->text.p);
	} else if (v->kind == YAML_SCALAR && span_eq(v->text, "append")) {
		if (!(appendable & BIT(p)))
			rule_reader_error(r, v, "'%s' cannot be appended to, expected 'replace'",
					  rule_part_name((enum rule_part)p));
		item->merge[p] = RULE_APPEND;
	} else if (v->kind == YAML_SCALAR && span_eq(v->text, "replace")) {
		item->merge[p] = RULE_REPLACE;
	} else {
		rule_reader_error(r, v, "unknown override of '%s', expected %s'replace'",
				  rule_part_name((enum rule_part)p),
				  appendable & BIT(p) ? "'append' or " : "");
	}
	if (p < PART_COUNT && !(item->given & BIT(p)))
		rule_reader_error(r, key, "'%s' is overridden and not given, expected key '%s'",
				  rule_part_name((enum rule_part)p),
				  rule_part_name((enum rule_part)p));
}

void rule_read_override(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item)
{
	unsigned replaceable = item->kind == ITEM_RULE ? REPLACEABLE
						       : BIT(PART_CONDITION) | BIT(PART_ITEMS);

	if (y->kind != YAML_MAPPING) {
		rule_reader_error(r, y,
				  "'override' is no mapping, expected lines such as 'condition: "
				  "append'");
		return;
	}
	for (const struct rule_yaml *k = y->children; k && k->next; k = k->next->next) {
		item->has_override = true;
		read_override_key(r, k, item);
	}
	for (unsigned p = 0; p < PART_COUNT && item->has_override && !r->broken; p++)
		if ((item->given & replaceable & BIT(p)) && item->merge[p] == RULE_DEFINE)
			rule_reader_error(r, y,
					  "key '%s' is given and not overridden, expected it "
					  "in 'override'",
					  rule_part_name((enum rule_part)p));
}

/* "fields" and "comps": one value, or a list of such. */
static bool read_one_or_more(struct rule_reader *r, const struct rule_yaml *y, const char *key,
			     struct rule_texts *out, bool *scalar)
{
	if (y->kind == YAML_SEQUENCE)
		return rule_read_texts(r, y, key, out);
	struct rule_text *one = arena_zeroed(r->arena, 1, sizeof(*one));

	if (!one || !rule_read_text(r, y, key, one))
		return false;
	*scalar = true;
	*out = (struct rule_texts){ .list = one, .n = 1, .given = true };
	return true;
}

static bool read_member(struct rule_reader *r, const struct rule_yaml *y, struct rule_member *out)
{
	bool scalar = false;

	if (!read_one_or_more(r, y, "values", &out->texts, &scalar))
		return false;
	out->list = !scalar;
	return true;
}

static bool read_tuple(struct rule_reader *r, const struct rule_yaml *y, struct rule_tuple *out)
{
	out->line = y->at.line;
	out->members =
		arena_zeroed(r->arena, y->kind == YAML_SEQUENCE ? y->n : 1, sizeof(*out->members));
	if (!out->members)
		return false;
	if (y->kind != YAML_SEQUENCE) {
		out->n = 1;
		return read_member(r, y, &out->members[0]);
	}
	for (const struct rule_yaml *v = y->children; v; v = v->next)
		if (!read_member(r, v, &out->members[out->n++]))
			return false;
	return true;
}

/* A flat list is as many tuples of one; which of both it must be is told by the definition, which
 * may stand in another file. */
static bool read_values(struct rule_reader *r, const struct rule_yaml *y,
			struct rule_exception *out)
{
	if (y->kind != YAML_SEQUENCE) {
		rule_reader_error(r, y, "'values' is no list, expected a list");
		return false;
	}
	out->has_values = true;
	out->values = arena_zeroed(r->arena, y->n, sizeof(*out->values));
	if (!out->values)
		return false;
	for (const struct rule_yaml *v = y->children; v; v = v->next) {
		struct rule_tuple *t = &out->values[out->values_n++];

		t->flat = v->kind != YAML_SEQUENCE;
		if (!read_tuple(r, v, t))
			return false;
	}
	return true;
}

static bool read_exception(struct rule_reader *r, const struct rule_yaml *y,
			   struct rule_exception *out)
{
	static const char *const known[] = { "name", "fields", "comps", "values", NULL };
	const struct rule_yaml *name = rule_yaml_get(y, "name"), *v;

	if (y->kind != YAML_MAPPING || !name) {
		rule_reader_error(r, y,
				  "an exception is a mapping with a name, expected '- name: "
				  "NAME'");
		return false;
	}
	rule_reader_check_keys(r, y, known);
	if (!rule_read_text(r, name, "name", &out->name))
		return false;
	v = rule_yaml_get(y, "fields");
	if (v && !read_one_or_more(r, v, "fields", &out->fields, &out->fields_scalar))
		return false;
	v = rule_yaml_get(y, "comps");
	if (v && !read_one_or_more(r, v, "comps", &out->comps, &out->comps_scalar))
		return false;
	v = rule_yaml_get(y, "values");
	return !v || read_values(r, v, out);
}

static bool name_is_new(const struct rule_item *item, struct span name)
{
	for (size_t i = 0; i < item->exceptions_n; i++) {
		struct span s = item->exceptions[i].name.text;

		if (s.n == name.n && memcmp(s.p, name.p, s.n) == 0)
			return false;
	}
	return true;
}

void rule_read_exceptions(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item)
{
	if (rule_yaml_is_null(y))
		return;
	if (y->kind != YAML_SEQUENCE) {
		rule_reader_error(r, y, "'exceptions' is no list, expected a list of mappings");
		return;
	}
	if (y->n > RULE_FILE_MAX_EXCEPTIONS) {
		rule_reader_error(r, y, "more than %u exceptions", RULE_FILE_MAX_EXCEPTIONS);
		return;
	}
	item->exceptions = arena_zeroed(r->arena, y->n, sizeof(*item->exceptions));
	if (!item->exceptions)
		return;
	for (const struct rule_yaml *v = y->children; v; v = v->next) {
		struct rule_exception ex = { .has_values = false };

		if (!read_exception(r, v, &ex))
			continue;
		if (!name_is_new(item, ex.name.text))
			rule_reader_error(r, v, "exception '%.*s' stands twice, expected it once",
					  shown(ex.name.text), ex.name.text.p);
		else
			item->exceptions[item->exceptions_n++] = ex;
	}
}

static void read_plugin(struct rule_reader *r, const struct rule_yaml *y, bool alternative,
			struct rule_item *item)
{
	static const char *const known[] = { "name", "version", "alternatives", NULL };
	const struct rule_yaml *name = rule_yaml_get(y, "name");
	const struct rule_yaml *version = rule_yaml_get(y, "version");
	struct rule_requirement *q = &item->plugins[item->plugins_n];

	if (!name || !version) {
		rule_reader_error(r, y,
				  "a plugin's version is a mapping, expected 'name' and "
				  "'version'");
		return;
	}
	rule_reader_check_keys(r, y, known);
	q->alternative = alternative;
	if (rule_read_text(r, name, "name", &q->name) &&
	    rule_read_text(r, version, "version", &q->version))
		item->plugins_n++;
}

void rule_read_plugins(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item)
{
	size_t n = 0;

	if (y->kind != YAML_SEQUENCE) {
		rule_reader_error(r, y, "'required_plugin_versions' is no list, expected a list");
		return;
	}
	for (const struct rule_yaml *v = y->children; v; v = v->next) {
		const struct rule_yaml *others = rule_yaml_get(v, "alternatives");

		n += 1 + (others ? others->n : 0);
	}
	item->plugins = arena_zeroed(r->arena, n, sizeof(*item->plugins));
	for (const struct rule_yaml *v = y->children; v && item->plugins; v = v->next) {
		const struct rule_yaml *others = rule_yaml_get(v, "alternatives");

		read_plugin(r, v, false, item);
		if (others && others->kind != YAML_SEQUENCE)
			rule_reader_error(r, others, "'alternatives' is no list, expected a list");
		else if (others)
			for (const struct rule_yaml *o = others->children; o; o = o->next)
				read_plugin(r, o, true, item);
	}
}
