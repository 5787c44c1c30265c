// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "detector/rule_set_internal.h"

static struct span what_of(const struct rule_item *item)
{
	switch (item->kind) {
	case ITEM_LIST:
		return SPAN_LIT("list");
	case ITEM_MACRO:
		return SPAN_LIT("macro");
	case ITEM_RULE:
		return SPAN_LIT("rule");
	case ITEM_ENGINE_VERSION:
		return SPAN_LIT("required_engine_version");
	case ITEM_PLUGIN_VERSIONS:
		return SPAN_LIT("required_plugin_versions");
	}
	return SPAN_LIT("");
}

static struct span name_of(const struct rule_item *item)
{
	bool named = item->kind == ITEM_LIST || item->kind == ITEM_MACRO || item->kind == ITEM_RULE;

	return named ? item->name.text : SPAN_LIT("");
}

static PRINTF_LIKE(4, 0) void add(struct set_builder *b, bool error, const struct rule_message *at,
				  const char *fmt, va_list list)
{
	char text[ERR_TEXT_BYTES];

	vsnprintf(text, sizeof(text), fmt, list);
	rule_message_add(b->a, &b->s->messages, error && !b->lenient, at->file, at->line,
			 at->column, at->what, at->name, "%s", text);
	b->bad |= error;
}

void set_error(struct set_builder *b, const struct rule_item *item, const struct rule_text *at,
	       const char *fmt, ...)
{
	const struct rule_text *t = at ? at : &item->name;
	struct rule_message m = { .file = item->file,
				  .line = t->line,
				  .column = t->column,
				  .what = what_of(item),
				  .name = name_of(item) };
	va_list list;

	va_start(list, fmt);
	add(b, true, &m, fmt, list);
	va_end(list);
}

void set_warning(struct set_builder *b, const struct rule_item *item, const char *fmt, ...)
{
	struct rule_message m = { .file = item->file,
				  .line = item->name.line,
				  .column = item->name.column,
				  .what = what_of(item),
				  .name = name_of(item) };
	va_list list;

	va_start(list, fmt);
	add(b, false, &m, fmt, list);
	va_end(list);
}

static struct rule_message placed(const struct condition_source *s, uint32_t at)
{
	struct rule_message m = { .file = rule_places_at(s->place_data, at)->file,
				  .what = s->what,
				  .name = s->name };

	s->place(s, at, &m.line, &m.column);
	return m;
}

void set_fault(struct set_builder *b, const struct condition_source *s, uint32_t at,
	       const char *fmt, ...)
{
	struct rule_message m = placed(s, at);
	va_list list;

	va_start(list, fmt);
	add(b, true, &m, fmt, list);
	va_end(list);
}

void set_fault_of(struct set_builder *b, const struct condition_source *s, uint32_t at,
		  const struct err *e)
{
	struct err prefix = { "" };

	condition_fault(s, at, EINVAL, &prefix, "%s", "");
	size_t n = strlen(prefix.text);
	bool has = strncmp(e->text, prefix.text, n) == 0;

	set_fault(b, s, at, "%s", has ? e->text + n : e->text);
}

const struct condition_source *set_source_at(struct set_builder *b,
					     const struct condition_source *s, uint32_t at)
{
	struct span file = rule_places_at(s->place_data, at)->file;

	if (file.p == s->file.p)
		return s;
	if (b->split_from == s && b->split->file.p == file.p)
		return b->split;
	struct condition_source *split = arena_zeroed(b->a, 1, sizeof(*split));

	if (!split)
		return s;
	*split = *s;
	split->file = file;
	b->split_from = s;
	b->split = split;
	return split;
}

const struct condition *set_parse(struct set_builder *b, const struct condition_source *s)
{
	const struct condition *c = NULL;
	struct err e = { "" };
	uint32_t at = 0;
	int r = condition_parse(b->a, s, &c, &at, &e);

	if (r == 0)
		return c;
	if (r == -ENOMEM)
		b->a->failed = true;
	else
		set_fault_of(b, s, at, &e);
	b->bad = true;
	return NULL;
}
