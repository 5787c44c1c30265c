// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rule_file_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

static const char *const part_names[PART_COUNT] = {
	[PART_CONDITION] = "condition",
	[PART_OUTPUT] = "output",
	[PART_DESC] = "desc",
	[PART_TAGS] = "tags",
	[PART_EXCEPTIONS] = "exceptions",
	[PART_PRIORITY] = "priority",
	[PART_ENABLED] = "enabled",
	[PART_WARN_EVTTYPES] = "warn_evttypes",
	[PART_SKIP_UNKNOWN] = "skip-if-unknown-filter",
	[PART_CAPTURE] = "capture",
	[PART_CAPTURE_DURATION] = "capture_duration",
	[PART_SOURCE] = "source",
	[PART_ITEMS] = "items",
};

const char *rule_part_name(enum rule_part p)
{
	return part_names[p];
}

/* "info" and "informational" are one; Falco takes both. */
static const struct {
	const char *name;
	enum alert_severity severity;
} priorities[] = {
	{ "emergency", ALERT_EMERGENCY }, { "alert", ALERT_ALERT },
	{ "critical", ALERT_CRITICAL },	  { "error", ALERT_ERROR },
	{ "warning", ALERT_WARNING },	  { "notice", ALERT_NOTICE },
	{ "informational", ALERT_INFO },  { "info", ALERT_INFO },
	{ "debug", ALERT_DEBUG },
};

static void read_priority(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item)
{
	struct rule_text t;

	if (!rule_read_text(r, y, "priority", &t))
		return;
	for (size_t i = 0; i < sizeof(priorities) / sizeof(priorities[0]); i++)
		if (strcasecmp(t.text.p, priorities[i].name) == 0) {
			item->priority = priorities[i].severity;
			return;
		}
	rule_reader_error(r, y,
			  "unknown priority '%.*s', expected emergency, alert, critical, error, "
			  "warning, notice, informational or debug",
			  (int)(t.text.n < 64 ? t.text.n : 64), t.text.p);
}

static void read_duration(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item)
{
	struct rule_text t;

	if (rule_read_text(r, y, "capture_duration", &t) && !parse_u64(t.text, &item->capture_ms))
		rule_reader_error(r, y, "capture_duration is no number, expected milliseconds");
}

static void read_part(struct rule_reader *r, enum rule_part p, const struct rule_yaml *y,
		      struct rule_item *item)
{
	const char *key = part_names[p];

	switch (p) {
	case PART_CONDITION:
		rule_read_source(r, y, key, &item->condition);
		return;
	case PART_OUTPUT:
		rule_read_source(r, y, key, &item->output);
		return;
	case PART_DESC:
		rule_read_text(r, y, key, &item->desc);
		return;
	case PART_TAGS:
		rule_read_texts(r, y, key, &item->tags);
		return;
	case PART_EXCEPTIONS:
		rule_read_exceptions(r, y, item);
		return;
	case PART_PRIORITY:
		read_priority(r, y, item);
		return;
	case PART_ENABLED:
		rule_read_bool(r, y, key, &item->enabled);
		return;
	case PART_WARN_EVTTYPES:
		rule_read_bool(r, y, key, &item->warn_evttypes);
		return;
	case PART_SKIP_UNKNOWN:
		rule_read_bool(r, y, key, &item->skip_unknown);
		return;
	case PART_CAPTURE:
		rule_read_bool(r, y, key, &item->capture);
		return;
	case PART_CAPTURE_DURATION:
		read_duration(r, y, item);
		return;
	case PART_SOURCE:
		rule_read_text(r, y, key, &item->source);
		return;
	case PART_ITEMS:
		rule_read_texts(r, y, key, &item->items);
		return;
	case PART_COUNT:
		return;
	}
}

/* What each kind of item is made of; `parts` are bits. */
#define BIT(p) (1U << (p))
static const struct kind {
	const char *key;
	enum rule_item_kind kind;
	unsigned parts;
} kinds[] = {
	{ "required_engine_version", ITEM_ENGINE_VERSION, 0 },
	{ "required_plugin_versions", ITEM_PLUGIN_VERSIONS, 0 },
	{ "list", ITEM_LIST, BIT(PART_ITEMS) },
	{ "macro", ITEM_MACRO, BIT(PART_CONDITION) },
	{ "rule", ITEM_RULE, BIT(PART_ITEMS) - 1 },
};

static void check_item_keys(struct rule_reader *r, const struct rule_yaml *y, const struct kind *k)
{
	const char *known[PART_COUNT + 4];
	size_t n = 0;

	known[n++] = k->key;
	if (k->parts) {
		known[n++] = "append";
		known[n++] = "override";
	}
	for (unsigned p = 0; p < PART_COUNT; p++)
		if (k->parts & BIT(p))
			known[n++] = part_names[p];
	known[n] = NULL;
	rule_reader_check_keys(r, y, known);
}

/* Falco's own words would take a list's name with any bytes; they could never be written. */
static void check_name(struct rule_reader *r, const struct rule_yaml *y, enum rule_item_kind kind)
{
	if (kind == ITEM_MACRO && !condition_is_identifier(r->name))
		rule_reader_warning(r, y,
				    "the name cannot stand in a condition, expected a letter, then "
				    "letters, digits or '_'");
	if (kind != ITEM_LIST)
		return;
	for (size_t i = 0; i < r->name.n; i++)
		if (strchr("()\"' \t\n\r\v\f=,", r->name.p[i])) {
			rule_reader_warning(r, y,
					    "the name cannot stand in a condition, expected no "
					    "blanks, quotes, parentheses, '=' or ','");
			return;
		}
}

static void missing(struct rule_reader *r, const struct rule_yaml *y, const char *key)
{
	rule_reader_error(r, y, "key '%s' is missing", key);
}

/* Which parts must be there, by how the item is meant. */
static void check_parts(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item)
{
	static const enum rule_part required[] = { PART_CONDITION, PART_OUTPUT, PART_DESC,
						   PART_PRIORITY };
	unsigned of_definition = BIT(PART_CONDITION) | BIT(PART_OUTPUT) | BIT(PART_DESC) |
				 BIT(PART_PRIORITY);

	if (item->append && item->has_override) {
		rule_reader_error(r, y, "has both 'append' and 'override', expected one of them");
	} else if (item->kind == ITEM_LIST || item->kind == ITEM_MACRO) {
		enum rule_part p = item->kind == ITEM_LIST ? PART_ITEMS : PART_CONDITION;

		if (!(item->given & BIT(p)))
			missing(r, y, part_names[p]);
	} else if (item->append) {
		if (!(item->given & (BIT(PART_CONDITION) | BIT(PART_EXCEPTIONS))))
			rule_reader_error(r, y,
					  "appends nothing, expected 'condition' or 'exceptions'");
	} else if (!item->has_override && (item->given & of_definition)) {
		for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
			if (!(item->given & BIT(required[i])))
				missing(r, y, part_names[required[i]]);
	} else if (!item->has_override && !(item->given & BIT(PART_ENABLED))) {
		rule_reader_error(r, y,
				  "has neither 'condition', 'output', 'desc', 'priority' nor "
				  "'enabled', expected a rule");
	} else if (!item->has_override) {
		rule_reader_warning(r, y,
				    "'enabled' alone is deprecated, expected 'override: {enabled: "
				    "replace}' with it");
	}
}

static void read_parts(struct rule_reader *r, const struct rule_yaml *y, const struct kind *k,
		       struct rule_item *item)
{
	const struct rule_yaml *append = rule_yaml_get(y, "append");
	const struct rule_yaml *override = rule_yaml_get(y, "override");

	if (append && rule_read_bool(r, append, "append", &item->append) && item->append)
		rule_reader_warning(r, append,
				    "'append' is deprecated, expected 'override' with 'append'");
	for (unsigned p = 0; p < PART_COUNT; p++) {
		const struct rule_yaml *v = k->parts & BIT(p) ? rule_yaml_get(y, part_names[p])
							      : NULL;

		if (!v)
			continue;
		item->given |= BIT(p);
		if (item->append && k->kind == ITEM_RULE && p != PART_CONDITION &&
		    p != PART_EXCEPTIONS)
			rule_reader_warning(r, v,
					    "'%s' is not appended by 'append', expected 'override'",
					    part_names[p]);
		read_part(r, (enum rule_part)p, v, item);
	}
	if (override)
		rule_read_override(r, override, item);
	check_parts(r, y, item);
}

static struct rule_item *add_item(struct rule_reader *r)
{
	struct rule_items *items = r->items;

	if (items->n == items->cap) {
		size_t cap = items->cap ? items->cap * 2 : 256;
		struct rule_item *list = arena_zeroed(r->arena, cap, sizeof(*list));

		if (!list)
			return NULL;
		if (items->n > 0)
			memcpy(list, items->list, items->n * sizeof(*list));
		items->list = list;
		items->cap = cap;
	}
	return &items->list[items->n++];
}

static const struct kind *kind_of(const struct rule_yaml *y)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (rule_yaml_get(y, kinds[i].key))
			return &kinds[i];
	return NULL;
}

static void read_item(struct rule_reader *r, const struct rule_yaml *y)
{
	const struct kind *k = kind_of(y);

	r->what = r->name = SPAN_LIT("");
	r->broken = false;
	if (rule_yaml_is_null(y) || r->arena->failed)
		return;
	if (y->kind != YAML_MAPPING) {
		rule_reader_error(r, y,
				  "an item is a mapping, expected lines such as '- rule: "
				  "NAME'");
		return;
	}
	if (!k) {
		rule_reader_warning(r, y,
				    "unknown item, expected 'rule', 'macro', 'list', "
				    "'required_engine_version' or 'required_plugin_versions'");
		return;
	}
	if (r->items->n == RULE_FILE_MAX_ITEMS) {
		rule_reader_error(r, y, "more than %u items", RULE_FILE_MAX_ITEMS);
		return;
	}
	const struct rule_yaml *v = rule_yaml_get(y, k->key);
	struct rule_item item = {
		.kind = k->kind, .file = r->file, .enabled = true, .warn_evttypes = true
	};

	r->what = span_str(k->key);
	if (k->kind == ITEM_PLUGIN_VERSIONS)
		rule_read_plugins(r, v, &item);
	else if (!rule_read_text(r, v, k->key, &item.name))
		return;
	if (k->parts)
		r->name = item.name.text;
	check_item_keys(r, y, k);
	check_name(r, v, k->kind);
	if (k->parts)
		read_parts(r, y, k, &item);
	item.broken = r->broken;
	struct rule_item *to = add_item(r);

	if (to)
		*to = item;
}

int rule_file_read(struct arena *a, struct span file, struct span bytes, struct rule_items *items,
		   struct rule_messages *m)
{
	struct rule_reader r = { .arena = a,
				 .file = arena_copy(a, file),
				 .what = SPAN_LIT(""),
				 .name = SPAN_LIT(""),
				 .items = items,
				 .messages = m };

	if (bytes.n > RULE_FILE_MAX_BYTES) {
		rule_message_add(a, m, true, r.file, 0, 0, r.what, r.name, "longer than %u bytes",
				 RULE_FILE_MAX_BYTES);
		return a->failed ? -ENOMEM : 0;
	}
	r.bytes = arena_copy(a, bytes); /* places are sought in it later */
	if (!a->failed)
		(void)rule_yaml_read(&r, read_item);
	return a->failed ? -ENOMEM : 0;
}
