// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rule_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "detector/rule_set_internal.h"

void rule_set_init(struct rule_set *s)
{
	*s = (struct rule_set){ .n = 0 };
	arena_init(&s->arena, RULE_SET_MAX_BYTES);
}

void rule_set_release(struct rule_set *s)
{
	arena_release(&s->arena);
	*s = (struct rule_set){ .arena = { .max = RULE_SET_MAX_BYTES } };
}

int rule_set_add(struct rule_set *s, struct span file, struct span bytes)
{
	int r = rule_file_read(&s->arena, file, bytes, &s->items, &s->messages);

	s->files++;
	s->failed |= r < 0 || s->messages.errors > 0;
	return r;
}

static bool has_tag(const struct span *tags, size_t n, struct span tag)
{
	for (size_t i = 0; i < n; i++)
		if (tags[i].n == tag.n && memcmp(tags[i].p, tag.p, tag.n) == 0)
			return true;
	return false;
}

static void put_tags(struct set_builder *b, const struct set_rule *r, struct rule *out)
{
	size_t n = 0, k = 0;

	for (const struct set_texts_part *p = r->tags.first; p; p = p->next)
		n += p->texts.n;
	if (n > RULE_SET_MAX_TAGS) {
		set_error(b, r->item, NULL, "more than %u tags", RULE_SET_MAX_TAGS);
		return;
	}
	struct span *tags = arena_zeroed(b->a, n, sizeof(*tags));

	if (!tags)
		return;
	for (const struct set_texts_part *p = r->tags.first; p; p = p->next)
		for (size_t i = 0; i < p->texts.n; i++)
			if (!has_tag(tags, k, p->texts.list[i].text))
				tags[k++] = p->texts.list[i].text;
	out->tags = tags;
	out->tags_n = k;
}

static void count_nodes(struct set_builder *b, const struct set_rule *r, uint64_t nodes)
{
	if (__builtin_add_overflow(b->nodes, nodes, &b->nodes))
		b->nodes = UINT64_MAX;
	if (b->nodes <= RULE_SET_MAX_NODES || b->nodes_told)
		return;
	b->nodes_told = true;
	set_error(b, r->item, NULL,
		  "all conditions up to here have more than %u nodes with macros in place",
		  RULE_SET_MAX_NODES);
}

static void put_condition(struct set_builder *b, const struct set_rule *r, struct rule *out)
{
	struct rule_text t = set_text_join(b, &r->condition);
	const struct condition *c = t.source ? set_parse(b, t.source) : NULL;

	if (c)
		c = set_put_lists(b, c);
	if (c)
		c = set_put_exceptions(b, r, c);
	if (!c)
		return;
	struct set_sized sized = set_put_macros(b, c, NULL, 1);

	out->written = c;
	out->condition = sized.c;
	if (!b->bad)
		count_nodes(b, r, sized.nodes);
}

static void put_rule(struct set_builder *b, const struct set_rule *r, struct rule *out)
{
	*out = (struct rule){ .name = r->item->name.text,
			      .desc = set_text_join(b, &r->desc).text,
			      .source = r->source,
			      .file = r->item->file,
			      .line = r->item->name.line,
			      .output = set_text_join(b, &r->output),
			      .priority = r->priority,
			      .enabled = r->enabled,
			      .warn_evttypes = r->warn_evttypes,
			      .skip_unknown = r->skip_unknown,
			      .order = r->order };
	b->bad = false;
	put_tags(b, r, out);
	put_condition(b, r, out);
}

static void put_rules(struct set_builder *b)
{
	struct rule_set *s = b->s;
	size_t n = 0;

	for (const struct set_rule *r = b->first_rule; r; r = r->next)
		n += !r->broken && !r->unknown_source;
	if (n > RULE_SET_MAX_RULES) {
		set_error(b, b->first_rule->item, NULL, "%zu rules, expected at most %u", n,
			  RULE_SET_MAX_RULES);
		return;
	}
	s->rules = arena_zeroed(b->a, n, sizeof(*s->rules));
	for (const struct set_rule *r = b->first_rule; r && s->rules; r = r->next)
		if (!r->broken && !r->unknown_source)
			put_rule(b, r, &s->rules[s->n++]);
}

int rule_set_finish(struct rule_set *s)
{
	struct set_builder b = { .s = s, .a = &s->arena };

	if (set_collect(&b) == 0) {
		set_macros(&b);
		put_rules(&b);
		set_check_unused_lists(&b);
	}
	s->failed |= s->arena.failed || s->messages.errors > 0;
	if (s->failed) { /* conditions may be missing */
		s->rules = NULL;
		s->n = 0;
	}
	return s->arena.failed ? -ENOMEM : 0;
}

/* --- files --------------------------------------------------------------------------------- */

static int add_file(struct rule_set *s, int dir_fd, const char *name, const char *shown,
		    struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	struct stat st;

	buf_init(&b, RULE_FILE_MAX_BYTES);
	if (fstatat(dir_fd, name, &st, 0) < 0)
		return err_errno(e, "cannot read '%s'", shown);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "'%s' is no regular file", shown);
	int r = io_read_buf_at(dir_fd, name, &b, e);

	if (r < 0)
		return r;
	r = rule_set_add(s, span_str(shown), (struct span){ b.data, b.len });
	return r < 0 ? err_set(e, -r, "no memory for the rules of '%s'", shown) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char *list[RULE_SET_MAX_FILES];
	size_t n;
};

static void auto_names_free(struct names **names)
{
	for (size_t i = 0; *names && i < (*names)->n; i++)
		free((*names)->list[i]);
	free(*names);
}

static int list_names(DIR *d, const char *path, struct names *names, struct err *e)
{
	for (const struct dirent *entry; (entry = readdir(d));) {
		struct span name = span_str(entry->d_name);

		if (name.p[0] == '.' || !(span_ends(name, ".yaml") || span_ends(name, ".yml")))
			continue;
		if (names->n == RULE_SET_MAX_FILES)
			return err_set(e, E2BIG, "more than %u files of rules in '%s'",
				       RULE_SET_MAX_FILES, path);
		names->list[names->n] = strdup(entry->d_name);
		if (!names->list[names->n])
			return err_set(e, ENOMEM, "no memory to read '%s'", path);
		names->n++;
	}
	qsort(names->list, names->n, sizeof(names->list[0]), by_name);
	return 0;
}

static int add_directory(struct rule_set *s, const char *path, struct err *e)
{
	AUTO(names_free) struct names *names = calloc(1, sizeof(*names));
	AUTO_DIR DIR *d = opendir(path);
	char shown[4096];

	if (!d)
		return err_errno(e, "cannot read '%s'", path);
	if (!names)
		return err_set(e, ENOMEM, "no memory to read '%s'", path);
	int r = list_names(d, path, names, e);

	for (size_t i = 0; r == 0 && i < names->n; i++) {
		if (!io_join(shown, sizeof(shown), path, names->list[i]))
			return err_set(e, ENAMETOOLONG, "'%s' is too long a name", path);
		r = add_file(s, dirfd(d), names->list[i], shown, e);
	}
	return r;
}

int rule_set_add_path(struct rule_set *s, const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "cannot read '%s'", path);
	return S_ISDIR(st.st_mode) ? add_directory(s, path, e)
				   : add_file(s, AT_FDCWD, path, path, e);
}
