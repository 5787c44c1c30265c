// SPDX-License-Identifier: GPL-2.0-or-later
/* The list rules.exceptions of the configuration: which rules hold back, and where. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/config_yaml.h"

#define LIST_NAME "rules.exceptions"

struct entry {
	char where[64]; /* "rules.exceptions[2]" */
	yaml_mark_t mark;
	struct config_exception *x;
	unsigned seen; /* bit of each key */
};

static const struct {
	const char *name;
	size_t offset, bytes;
} keys[] = {
	{ "rule", offsetof(struct config_exception, rule), CONFIG_TEXT_BYTES },
	{ "image", offsetof(struct config_exception, image), CONFIG_TEXT_BYTES },
	{ "container", offsetof(struct config_exception, container), CONFIG_TEXT_BYTES },
	{ "condition", offsetof(struct config_exception, condition), CONFIG_CONDITION_BYTES },
};
#define KEYS_N (sizeof(keys) / sizeof(keys[0]))

static int fail(struct config_reader *r, const struct entry *en, yaml_mark_t mark, const char *key)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s%.40s", en->where, key[0] ? "." : "", key);
	return config_yaml_at(r, mark, name, -EINVAL);
}

static int take(struct config_reader *r, struct entry *en, size_t k, const yaml_event_t *ev)
{
	struct span v = ev->type == YAML_SCALAR_EVENT ? config_yaml_scalar(ev) : SPAN_LIT("");

	v = span_trim(v);
	if (ev->type != YAML_SCALAR_EVENT || v.n == 0) {
		err_set(r->e, EINVAL, "has no text as its value");
		return fail(r, en, ev->start_mark, keys[k].name);
	}
	if (v.n >= keys[k].bytes || memchr(v.p, '\0', v.n)) {
		err_set(r->e, EINVAL, "has %zu bytes, expected at most %zu and no NUL", v.n,
			keys[k].bytes - 1);
		return fail(r, en, ev->start_mark, keys[k].name);
	}
	memcpy((char *)en->x + keys[k].offset, v.p, v.n);
	return 0;
}

static int read_pair(struct config_reader *r, struct entry *en, const yaml_event_t *key)
{
	AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
	struct span name = key->type == YAML_SCALAR_EVENT ? config_yaml_scalar(key) : SPAN_LIT("");
	size_t k = 0;

	while (k < KEYS_N && !span_eq(name, keys[k].name))
		k++;
	if (k == KEYS_N) {
		err_set(r->e, EINVAL,
			"has a key that is not known, expected rule, image, container or "
			"condition");
		return fail(r, en, key->start_mark, "");
	}
	if (en->seen >> k & 1) {
		err_set(r->e, EINVAL, "stands twice, expected it once");
		return fail(r, en, key->start_mark, keys[k].name);
	}
	en->seen |= 1u << k;
	int ret = config_yaml_next(r, &ev, en->where);

	return ret < 0 ? ret : take(r, en, k, &ev);
}

static int read_entry(struct config_reader *r, struct entry *en)
{
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		int ret = config_yaml_next(r, &ev, en->where);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_MAPPING_END_EVENT)
			break;
		ret = read_pair(r, en, &ev);
		if (ret < 0)
			return ret;
	}
	if (en->seen & ~1u)
		return 0;
	err_set(r->e, EINVAL, "says not where, expected image, container or condition");
	return fail(r, en, en->mark, "");
}

int config_exceptions_read(struct config_reader *r, const struct config_key *k)
{
	struct config_exceptions *all = (void *)((char *)r->c + k->offset);

	config_key_clear(k, r->c);
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		struct entry en = { .where = "" };
		int ret = config_yaml_next(r, &ev, LIST_NAME);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		snprintf(en.where, sizeof(en.where), LIST_NAME "[%u]", (unsigned)all->n + 1);
		en.mark = ev.start_mark;
		if (ev.type != YAML_MAPPING_START_EVENT) {
			err_set(r->e, EINVAL, "is no map, expected keys and their values");
			return fail(r, &en, ev.start_mark, "");
		}
		if (all->n == CONFIG_MAX_EXCEPTIONS) {
			err_set(r->e, E2BIG, "has too many entries, expected at most %u",
				(unsigned)CONFIG_MAX_EXCEPTIONS);
			return config_yaml_at(r, ev.start_mark, LIST_NAME, -E2BIG);
		}
		en.x = &all->items[all->n];
		ret = read_entry(r, &en);
		if (ret < 0)
			return ret;
		all->n++;
	}
}
