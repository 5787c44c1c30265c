// SPDX-License-Identifier: GPL-2.0-or-later
/* A YAML file as a flat list of settings. */
#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "detector/posture_host.h"

#define MAX_DEPTH    16
#define MAX_SETTINGS 1024
#define MAX_EVENTS   100000
#define PATH_BYTES   512

struct flat {
	yaml_parser_t parser;
	struct host_setting *list;
	size_t n;
	char path[PATH_BYTES];
	struct level {
		bool mapping, has_key;
		size_t path_n; /* of the path that this level lies at */
	} levels[MAX_DEPTH];
	size_t depth;
	bool bad;
};

void host_settings_free(struct host_setting *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].key);
		free(list[i].value);
	}
	free(list);
}

const char *host_setting_of(const struct host_setting *list, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].key, key) == 0)
			return list[i].value;
	return NULL;
}

/* One more value of a key that has one: an item of a list. */
static bool join(struct host_setting *s, const char *value)
{
	const size_t have = strlen(s->value), more = strlen(value);
	char *both = have + more < HOST_MAX_FILE ? realloc(s->value, have + more + 2) : NULL;

	if (!both)
		return false;
	both[have] = ',';
	memcpy(both + have + 1, value, more + 1);
	s->value = both;
	return true;
}

static void put(struct flat *f, const char *value)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->list[i].key, f->path) != 0)
			continue;
		f->bad = f->bad || !join(&f->list[i], value);
		return;
	}
	struct host_setting *more =
		f->n < MAX_SETTINGS ? reallocarray(f->list, f->n + 1, sizeof(*more)) : NULL;

	if (!more) {
		f->bad = true;
		return;
	}
	f->list = more;
	f->list[f->n] = (struct host_setting){ strdup(f->path), strdup(value) };
	if (f->list[f->n].key && f->list[f->n].value) {
		f->n++;
		return;
	}
	free(f->list[f->n].key);
	free(f->list[f->n].value);
	f->bad = true;
}

/* A value is complete: the next scalar of a mapping is a key again. */
static void done(struct flat *f)
{
	if (f->depth == 0)
		return;
	struct level *l = &f->levels[f->depth - 1];

	l->has_key = false;
	f->path[l->path_n] = '\0';
}

static void scalar(struct flat *f, const char *text)
{
	struct level *l = f->depth ? &f->levels[f->depth - 1] : NULL;
	const size_t room = l ? PATH_BYTES - l->path_n : 0;

	if (!l)
		return;
	if (l->mapping && !l->has_key) {
		l->has_key = true;
		if (snprintf(f->path + l->path_n, room, "%s%s", l->path_n ? "." : "", text) >=
		    (int)room)
			f->bad = true;
		return;
	}
	put(f, text);
	done(f);
}

static void begin(struct flat *f, bool mapping)
{
	if (f->depth == MAX_DEPTH) {
		f->bad = true;
		return;
	}
	f->levels[f->depth++] = (struct level){ .mapping = mapping, .path_n = strlen(f->path) };
}

static void end(struct flat *f)
{
	if (f->depth > 0)
		f->depth--;
	done(f);
}

/* True: there is more. */
static bool step(struct flat *f)
{
	yaml_event_t ev;

	if (!yaml_parser_parse(&f->parser, &ev)) {
		f->bad = true;
		return false;
	}
	const yaml_event_type_t type = ev.type;

	if (type == YAML_SCALAR_EVENT)
		scalar(f, (const char *)ev.data.scalar.value);
	else if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
		begin(f, type == YAML_MAPPING_START_EVENT);
	else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
		end(f);
	else if (type == YAML_ALIAS_EVENT)
		f->bad = true;
	yaml_event_delete(&ev);
	/* the first document is the file's */
	return !f->bad && type != YAML_STREAM_END_EVENT && type != YAML_DOCUMENT_END_EVENT;
}

int host_yaml(struct span text, struct host_setting **out, size_t *n)
{
	AUTO_FREE struct flat *f = calloc(1, sizeof(*f));
	int events = 0;

	if (!f || !yaml_parser_initialize(&f->parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&f->parser, (const unsigned char *)text.p, text.n);
	while (step(f) && ++events < MAX_EVENTS)
		;
	yaml_parser_delete(&f->parser);
	if (f->bad || events == MAX_EVENTS) {
		host_settings_free(f->list, f->n);
		return -EBADMSG;
	}
	*out = f->list;
	*n = f->n;
	return 0;
}
