// SPDX-License-Identifier: GPL-2.0-or-later
/* The YAML file of settings, by libyaml's events. No counter of depth is needed: only what the
 * table knows is entered, so that the third opening bracket is already an error. */
#include <errno.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/config_yaml.h"

int config_yaml_at(struct config_reader *r, yaml_mark_t mark, const char *key, int code)
{
	if (key && key[0])
		return err_prefix(r->e, code, "%s:%zu:%zu: key '%s'", r->file, mark.line + 1,
				  mark.column + 1, key);
	return err_prefix(r->e, code, "%s:%zu:%zu", r->file, mark.line + 1, mark.column + 1);
}

static yaml_mark_t mark_of(struct span yaml, size_t offset)
{
	yaml_mark_t mark = { offset, 0, 0 };

	for (size_t i = 0; i < offset && i < yaml.n; i++) {
		if (yaml.p[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)yaml.p[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static int syntax_error(struct config_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	yaml_mark_t mark = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return err_set(r->e, ENOMEM, "no memory to read '%s'", r->file);
	if (p->error == YAML_READER_ERROR) /* these carry an offset and no mark */
		mark = mark_of(r->yaml, p->problem_offset);
	err_set(r->e, EINVAL, "not valid YAML: %s%s%s", p->problem ? p->problem : "unknown problem",
		p->context ? " " : "", p->context ? p->context : "");
	return config_yaml_at(r, mark, NULL, -EINVAL);
}

int config_yaml_next(struct config_reader *r, yaml_event_t *ev, const char *key)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (!yaml_parser_parse(&r->parser, ev))
		return syntax_error(r);
	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (anchor || ev->type == YAML_ALIAS_EVENT)
		err_set(r->e, EINVAL, "anchors and aliases are not supported, expected a value");
	else if (tag)
		err_set(r->e, EINVAL, "tags are not supported, expected a value without '!'");
	else
		return 0;
	return config_yaml_at(r, ev->start_mark, key, -EINVAL);
}

static bool is_plain(const yaml_event_t *ev)
{
	return ev->type == YAML_SCALAR_EVENT && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool config_yaml_is_null(const yaml_event_t *ev)
{
	struct span s = is_plain(ev) ? config_yaml_scalar(ev) : SPAN_LIT("x");

	return s.n == 0 || span_eq(s, "~") || span_eq(s, "null") || span_eq(s, "Null") ||
	       span_eq(s, "NULL");
}

static int wrong_type(struct config_reader *r, const yaml_event_t *ev, const struct config_key *k)
{
	const char *found = ev->type == YAML_MAPPING_START_EVENT    ? "a mapping"
			    : ev->type == YAML_SEQUENCE_START_EVENT ? "a list"
			    : config_yaml_is_null(ev)		    ? "no value"
			    : is_plain(ev)			    ? "a single value"
								    : "text in quotes";

	err_set(r->e, EINVAL, "has %s, expected %s", found, config_kind_expects(k->kind));
	return config_yaml_at(r, ev->start_mark, k->name, -EINVAL);
}

static int read_list(struct config_reader *r, const struct config_key *k)
{
	config_key_clear(k, r->c);
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		int ret = config_yaml_next(r, &ev, k->name);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (ev.type != YAML_SCALAR_EVENT || config_yaml_is_null(&ev))
			return wrong_type(r, &ev, k);
		ret = config_key_append(k, r->c, config_yaml_scalar(&ev), r->e);
		if (ret < 0)
			return config_yaml_at(r, ev.start_mark, k->name, ret);
	}
}

static int read_mapping(struct config_reader *r, const char *section);

static int read_value(struct config_reader *r, const struct config_key *k)
{
	AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
	int ret = config_yaml_next(r, &ev, k->name);

	if (ret < 0)
		return ret;
	if (k->kind == CONFIG_SECTION) {
		if (config_yaml_is_null(&ev)) /* all of its keys are commented out */
			return 0;
		return ev.type == YAML_MAPPING_START_EVENT ? read_mapping(r, k->name)
							   : wrong_type(r, &ev, k);
	}
	if (config_key_is_list(k) && ev.type != YAML_SEQUENCE_START_EVENT)
		return wrong_type(r, &ev, k);
	if (k->kind == CONFIG_SINKS)
		return config_sinks_read(r, k);
	if (k->kind == CONFIG_EXCEPTIONS)
		return config_exceptions_read(r, k);
	if (k->kind == CONFIG_THRESHOLDS)
		return config_thresholds_read(r, k);
	if (config_key_is_list(k))
		return read_list(r, k);
	bool quoted_number = (k->kind == CONFIG_BOOL || k->kind == CONFIG_COUNT) && !is_plain(&ev);

	if (ev.type != YAML_SCALAR_EVENT || config_yaml_is_null(&ev) || quoted_number)
		return wrong_type(r, &ev, k);
	ret = config_key_set(k, r->c, config_yaml_scalar(&ev), r->e);
	return ret < 0 ? config_yaml_at(r, ev.start_mark, k->name, ret) : 0;
}

/* One key of a mapping and its value; `section` is "" at the top. */
static int read_entry(struct config_reader *r, const yaml_event_t *key, const char *section)
{
	char name[2 * CONFIG_NAME_BYTES];
	struct span own = key->type == YAML_SCALAR_EVENT ? config_yaml_scalar(key) : SPAN_LIT("");
	bool dotted = own.n > 0 && memchr(own.p, '.', own.n);
	bool usable = own.n > 0 && own.n < CONFIG_NAME_BYTES && !memchr(own.p, '\0', own.n);

	if (!usable) {
		err_set(r->e, EINVAL, "not the name of a key, expected a word");
		return config_yaml_at(r, key->start_mark, section, -EINVAL);
	}
	snprintf(name, sizeof(name), "%s%s%.*s", section, section[0] ? "." : "", (int)own.n, own.p);
	const struct config_key *k = config_key_find(span_str(name));

	if (!k || dotted) {
		if (k)
			err_set(r->e, EINVAL,
				"has a dot, expected a section and the key inside it");
		else
			config_key_unknown(span_str(name), r->e);
		return config_yaml_at(r, key->start_mark, name, -EINVAL);
	}
	size_t *seen = &r->seen_line[k - config_keys];

	if (*seen) {
		err_set(r->e, EINVAL, "stands twice, on lines %zu and %zu, expected it once", *seen,
			key->start_mark.line + 1);
		return config_yaml_at(r, key->start_mark, name, -EINVAL);
	}
	*seen = key->start_mark.line + 1;
	return read_value(r, k);
}

static int read_mapping(struct config_reader *r, const char *section)
{
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		int ret = config_yaml_next(r, &ev, section);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_MAPPING_END_EVENT)
			return 0;
		ret = read_entry(r, &ev, section);
		if (ret < 0)
			return ret;
	}
}

/* The root of a document; what follows it up to the document's end is read by the caller. */
static int read_root(struct config_reader *r)
{
	AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
	int ret = config_yaml_next(r, &ev, NULL);

	if (ret < 0)
		return ret;
	if (config_yaml_is_null(&ev))
		return 0;
	if (ev.type == YAML_MAPPING_START_EVENT)
		return read_mapping(r, "");
	err_set(r->e, EINVAL, "has no keys at the top, expected lines such as 'log:'");
	return config_yaml_at(r, ev.start_mark, NULL, -EINVAL);
}

static int read_stream(struct config_reader *r)
{
	for (unsigned documents = 0;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		int ret = config_yaml_next(r, &ev, NULL);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_STREAM_END_EVENT)
			return 0;
		if (ev.type != YAML_DOCUMENT_START_EVENT)
			continue; /* start of the stream, end of the document */
		if (documents++ > 0) {
			err_set(r->e, EINVAL, "a second document starts here, expected only one");
			return config_yaml_at(r, ev.start_mark, NULL, -EINVAL);
		}
		ret = read_root(r);
		if (ret < 0)
			return ret;
	}
}

/* libyaml would take UTF-16 as well, and its own message for bad bytes has no line. */
static int check_text(struct config_reader *r)
{
	for (size_t i = 0; i < r->yaml.n;) {
		size_t n = utf8_len((struct span){ r->yaml.p + i, r->yaml.n - i });

		if (n == 0 || r->yaml.p[i] == '\0') {
			err_set(r->e, EINVAL,
				n ? "NUL byte, expected text in UTF-8"
				  : "not valid UTF-8, expected text in UTF-8");
			return config_yaml_at(r, mark_of(r->yaml, i), NULL, -EINVAL);
		}
		i += n;
	}
	return 0;
}

int config_yaml_read(struct config *c, const char *file_name, struct span yaml, struct err *e)
{
	struct err unread = { "" };
	struct config_reader r = { .c = c, .file = file_name, .yaml = yaml, .e = e ? e : &unread };

	if (yaml.n > CONFIG_MAX_FILE_BYTES)
		return err_set(e, E2BIG, "'%s' is longer than %u bytes", file_name,
			       CONFIG_MAX_FILE_BYTES);
	int ret = check_text(&r);

	if (ret < 0)
		return ret;
	if (!yaml_parser_initialize(&r.parser))
		return err_set(e, ENOMEM, "no memory to read '%s'", file_name);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)(yaml.n ? yaml.p : ""),
				     yaml.n);
	ret = read_stream(&r);
	yaml_parser_delete(&r.parser);
	return ret;
}
