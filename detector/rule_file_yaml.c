// SPDX-License-Identifier: GPL-2.0-or-later
/* YAML into small trees, one for each element of a document, by libyaml's events: so that depth,
 * nodes and keys are counted before they cost anything, and an alias is refused when it comes. */
#include <string.h>
#include <yaml.h>

#include "detector/rule_file_internal.h"

#define MAX_NODES (1U << 18)   /* of a file */
#define MAX_BYTES (128U << 20) /* of its trees */
#define TREE_KEEP 32768	       /* bytes of trees before their memory is given back */
#define MAX_KEYS  64	       /* of a mapping: doubles are sought by comparing all */

struct builder {
	struct rule_reader *r;
	yaml_parser_t parser;
	struct arena arena; /* of the trees */
	size_t nodes;
	size_t index, byte; /* libyaml's marks count characters: where in bytes */
	bool refused;	    /* the element has a fault and is left out */
};

static void auto_yaml_event_delete(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}

static size_t byte_of(struct builder *b, size_t index)
{
	struct span s = b->r->bytes;

	if (index < b->index)
		b->index = b->byte = 0;
	while (b->index < index && b->byte < s.n) {
		b->byte++;
		while (b->byte < s.n && ((unsigned char)s.p[b->byte] & 0xc0) == 0x80)
			b->byte++;
		b->index++;
	}
	return b->byte;
}

static void fault(struct builder *b, yaml_mark_t mark, const char *text)
{
	struct rule_reader *r = b->r;

	b->refused = true;
	rule_message_add(r->arena, r->messages, true, r->file, (uint32_t)mark.line + 1,
			 (uint32_t)mark.column + 1, r->what, r->name, "%s", text);
}

static yaml_mark_t mark_of(struct span s, size_t offset)
{
	yaml_mark_t mark = { offset, 0, 0 };

	for (size_t i = 0; i < offset && i < s.n; i++) {
		if (s.p[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)s.p[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static bool next(struct builder *b, yaml_event_t *ev)
{
	const yaml_parser_t *p = &b->parser;
	yaml_mark_t mark = p->problem_mark;
	char text[256];

	if (yaml_parser_parse(&b->parser, ev))
		return true;
	if (p->error == YAML_MEMORY_ERROR) {
		b->r->arena->failed = true;
		return false;
	}
	mark = p->error == YAML_READER_ERROR ? mark_of(b->r->bytes, p->problem_offset)
					     : p->problem_mark;
	snprintf(text, sizeof(text), "not valid YAML: %s%s%s",
		 p->problem ? p->problem : "unknown problem", p->context ? " " : "",
		 p->context ? p->context : "");
	fault(b, mark, text);
	return false;
}

static struct rule_yaml *node(struct builder *b, const yaml_event_t *ev, enum rule_yaml_kind kind)
{
	struct rule_yaml *y = arena_zeroed(&b->arena, 1, sizeof(*y));

	if (!y) {
		b->r->arena->failed = true;
		return NULL;
	}
	y->kind = kind;
	y->at = (struct rule_scalar){ .file_bytes = b->r->bytes,
				      .begin = byte_of(b, ev->start_mark.index),
				      .line = (uint32_t)ev->start_mark.line + 1,
				      .column = (uint32_t)ev->start_mark.column + 1 };
	return y;
}

static enum rule_style style_of(yaml_scalar_style_t style)
{
	switch (style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		return STYLE_SINGLE;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return STYLE_DOUBLE;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		return STYLE_BLOCK;
	case YAML_ANY_SCALAR_STYLE:
	case YAML_PLAIN_SCALAR_STYLE:
		break;
	}
	return STYLE_PLAIN;
}

static bool scalar(struct builder *b, const yaml_event_t *ev, struct rule_yaml *y)
{
	struct span s = { (const char *)ev->data.scalar.value, ev->data.scalar.length };

	if (s.n > 0 && memchr(s.p, '\0', s.n)) /* by "\0" in quotes */
		fault(b, ev->start_mark, "text holds a NUL byte, expected text");
	y->at.style = style_of(ev->data.scalar.style);
	y->text = arena_copy(b->r->arena, s);
	return y->text.p;
}

static bool has_key(const struct rule_yaml *map, struct span key)
{
	for (const struct rule_yaml *k = map->children; k; k = k->next ? k->next->next : NULL)
		if (k->text.n == key.n && memcmp(k->text.p, key.p, key.n) == 0)
			return true;
	return false;
}

/* The next child of a mapping, before it is linked: is it a fit key? */
static void check_key(struct builder *b, const struct rule_yaml *map, const struct rule_yaml *key,
		      yaml_mark_t mark)
{
	char text[160];
	int shown = key->text.n < 64 ? (int)key->text.n : 64;

	if (map->n % 2 != 0)
		return;
	if (key->kind != YAML_SCALAR) {
		fault(b, mark, "a mapping's key is not a single word, expected 'key: value'");
	} else if (map->n / 2 == MAX_KEYS) {
		snprintf(text, sizeof(text), "more than %d keys in a mapping", MAX_KEYS);
		fault(b, mark, text);
	} else if (map->n / 2 < MAX_KEYS && has_key(map, key->text)) {
		snprintf(text, sizeof(text), "key '%.*s' stands twice, expected it once", shown,
			 key->text.p);
		fault(b, mark, text);
	}
}

static bool anchored(const yaml_event_t *ev)
{
	return (ev->type == YAML_SCALAR_EVENT && ev->data.scalar.anchor) ||
	       (ev->type == YAML_SEQUENCE_START_EVENT && ev->data.sequence_start.anchor) ||
	       (ev->type == YAML_MAPPING_START_EVENT && ev->data.mapping_start.anchor);
}

static bool tagged(const yaml_event_t *ev)
{
	return (ev->type == YAML_SCALAR_EVENT && ev->data.scalar.tag) ||
	       (ev->type == YAML_SEQUENCE_START_EVENT && ev->data.sequence_start.tag) ||
	       (ev->type == YAML_MAPPING_START_EVENT && ev->data.mapping_start.tag);
}

static bool build(struct builder *b, const yaml_event_t *ev, unsigned depth,
		  struct rule_yaml **out);

static bool children(struct builder *b, struct rule_yaml *y, unsigned depth)
{
	struct rule_yaml **last = &y->children;

	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		struct rule_yaml *child;

		if (!next(b, &ev))
			return false;
		if (ev.type == YAML_SEQUENCE_END_EVENT || ev.type == YAML_MAPPING_END_EVENT)
			return true;
		if (!build(b, &ev, depth + 1, &child))
			return false;
		if (y->kind == YAML_MAPPING)
			check_key(b, y, child, ev.start_mark);
		*last = child;
		last = &child->next;
		y->n++;
	}
}

static bool build(struct builder *b, const yaml_event_t *ev, unsigned depth, struct rule_yaml **out)
{
	enum rule_yaml_kind kind = ev->type == YAML_SEQUENCE_START_EVENT  ? YAML_SEQUENCE
				   : ev->type == YAML_MAPPING_START_EVENT ? YAML_MAPPING
									  : YAML_SCALAR;
	char text[96];

	if (++b->nodes > MAX_NODES || depth > RULE_FILE_MAX_DEPTH) {
		snprintf(text, sizeof(text), "%s, expected at most %u",
			 depth > RULE_FILE_MAX_DEPTH ? "nested too deeply" : "too many values",
			 depth > RULE_FILE_MAX_DEPTH ? RULE_FILE_MAX_DEPTH : MAX_NODES);
		fault(b, ev->start_mark, text);
		return false;
	}
	if (anchored(ev) || ev->type == YAML_ALIAS_EVENT)
		fault(b, ev->start_mark, "anchors and aliases are not supported, expected a value");
	else if (tagged(ev))
		fault(b, ev->start_mark, "tags are not supported, expected a value without '!'");
	struct rule_yaml *y = node(b, ev, kind);

	*out = y;
	if (!y)
		return false;
	if (ev->type == YAML_SCALAR_EVENT)
		return scalar(b, ev, y);
	return kind == YAML_SCALAR || children(b, y, depth);
}

/* The elements of a document; `start` is what the document begins with. */
static bool document(struct builder *b, const yaml_event_t *start,
		     void (*item)(struct rule_reader *r, const struct rule_yaml *item))
{
	struct rule_yaml *y;

	if (start->type != YAML_SEQUENCE_START_EVENT) {
		if (!build(b, start, 1, &y))
			return false;
		if (!rule_yaml_is_null(y))
			fault(b, start->start_mark,
			      "a document of rules is a list, expected lines "
			      "such as '- rule: NAME'");
		return true;
	}
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };

		if (!next(b, &ev))
			return false;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			return true;
		b->refused = false;
		if (!build(b, &ev, 2, &y))
			return false;
		if (!b->refused)
			item(b->r, y);
		if (b->arena.used > TREE_KEEP)
			arena_release(&b->arena);
	}
}

static bool documents(struct builder *b,
		      void (*item)(struct rule_reader *r, const struct rule_yaml *item))
{
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 }, root = { 0 };

		if (!next(b, &ev))
			return false;
		if (ev.type == YAML_STREAM_END_EVENT)
			return true;
		if (ev.type != YAML_DOCUMENT_START_EVENT)
			continue; /* start of the stream, end of a document */
		if (!next(b, &root) || !document(b, &root, item))
			return false;
	}
}

/* libyaml would take UTF-16 as well, and its own message for bad bytes has no line. */
static bool check_text(struct builder *b)
{
	struct span s = b->r->bytes;

	for (size_t i = 0; i < s.n;) {
		size_t n = utf8_len((struct span){ s.p + i, s.n - i });

		if (n == 0 || s.p[i] == '\0') {
			fault(b, mark_of(s, i),
			      n ? "NUL byte, expected text in UTF-8"
				: "not valid UTF-8, expected text in UTF-8");
			return false;
		}
		i += n;
	}
	return true;
}

bool rule_yaml_read(struct rule_reader *r,
		    void (*item)(struct rule_reader *r, const struct rule_yaml *item))
{
	struct builder b = { .r = r };

	if (!check_text(&b))
		return false;
	if (!yaml_parser_initialize(&b.parser)) {
		r->arena->failed = true;
		return false;
	}
	arena_init(&b.arena, MAX_BYTES);
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&b.parser, (const unsigned char *)(r->bytes.n ? r->bytes.p : ""), r->bytes.n);
	bool whole = documents(&b, item);

	yaml_parser_delete(&b.parser);
	arena_release(&b.arena);
	return whole;
}

const struct rule_yaml *rule_yaml_get(const struct rule_yaml *map, const char *key)
{
	if (map->kind != YAML_MAPPING)
		return NULL;
	for (const struct rule_yaml *k = map->children; k && k->next; k = k->next->next)
		if (k->kind == YAML_SCALAR && span_eq(k->text, key))
			return k->next;
	return NULL;
}

bool rule_yaml_is_null(const struct rule_yaml *y)
{
	return y->kind == YAML_SCALAR && y->at.style == STYLE_PLAIN &&
	       (y->text.n == 0 || span_eq(y->text, "~") || span_eq(y->text, "null") ||
		span_eq(y->text, "Null") || span_eq(y->text, "NULL"));
}
