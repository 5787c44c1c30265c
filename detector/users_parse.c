// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of passwd and group as a set that is searched by number. */
#include "detector/users_internal.h"

#include <string.h>

#define MAP_MAX	       340 /* lines: the kernel's own limit */
#define PASSWD_COLUMNS 7
#define HOME_COLUMN    5

struct id_range {
	uint32_t inside, outside, count;
};

struct id_map {
	struct id_range ranges[MAP_MAX];
	size_t n;
	bool identity;
};

struct building {
	struct user_entry entries[2][USERS_MAX];
	size_t n[2];
	struct id_map map;
	char text[USERS_TEXT_BYTES];
	size_t used;
	uint64_t refused;
};

static void read_map(struct span text, struct id_map *m)
{
	struct span line, words[3];

	m->n = 0;
	m->identity = !text.p;
	while (m->n < MAP_MAX && span_next(&text, '\n', &line)) {
		struct id_range *r = &m->ranges[m->n];

		if (span_word(&line, &words[0]) && span_word(&line, &words[1]) &&
		    span_word(&line, &words[2]) && parse_u32(words[0], &r->inside) &&
		    parse_u32(words[1], &r->outside) && parse_u32(words[2], &r->count))
			m->n++;
	}
}

/* A number of the container's as the host's; false: nothing there can have it. */
static bool map_id(const struct id_map *m, uint32_t id, uint32_t *out)
{
	*out = id;
	for (size_t i = 0; i < m->n; i++) {
		const struct id_range *r = &m->ranges[i];

		if (id >= r->inside && id - r->inside < r->count) {
			*out = r->outside + (id - r->inside);
			return true;
		}
	}
	return m->identity;
}

static bool keep_text(struct building *b, struct span s, size_t max, uint32_t *at, uint16_t *n)
{
	if (s.n > max || s.n > sizeof(b->text) - b->used)
		return false;
	*at = (uint32_t)b->used;
	*n = (uint16_t)s.n;
	if (s.n)
		memcpy(b->text + b->used, s.p, s.n);
	b->used += s.n;
	return true;
}

/* "name:x:1000:100:comment:/home/name:/bin/sh", "name:x:100:members". */
static void add_line(struct building *b, int which, struct span line, uint32_t number)
{
	struct span columns[PASSWD_COLUMNS] = { { NULL, 0 } };
	struct user_entry *entry = &b->entries[which][b->n[which]];
	struct span home = { NULL, 0 };
	const size_t used = b->used;
	size_t n = 0;
	uint32_t id;

	while (n < PASSWD_COLUMNS && span_next(&line, ':', &columns[n]))
		n++;
	/* "+" and "-" are NIS's, and name nobody */
	if (n < 3 || !columns[0].n || columns[0].p[0] == '+' || columns[0].p[0] == '-' ||
	    columns[0].p[0] == '#' || memchr(columns[0].p, '\0', columns[0].n) ||
	    !parse_u32(columns[2], &id) || !map_id(&b->map, id, &id))
		return;
	if (which == 0 && n > HOME_COLUMN &&
	    !memchr(columns[HOME_COLUMN].p, '\0', columns[HOME_COLUMN].n))
		home = columns[HOME_COLUMN];
	if (b->n[which] == USERS_MAX ||
	    !keep_text(b, columns[0], USERS_NAME_MAX, &entry->name_at, &entry->name_n) ||
	    !keep_text(b, home, USERS_HOME_MAX, &entry->home_at, &entry->home_n)) {
		b->used = used;
		b->refused++;
		return;
	}
	entry->id = id;
	entry->line = number;
	b->n[which]++;
}

static int by_id(const void *a, const void *b)
{
	const struct user_entry *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static void add_file(struct building *b, int which, struct span text, struct span map)
{
	struct user_entry *list = b->entries[which];
	struct span line;
	size_t kept = 0;

	read_map(map, &b->map);
	for (uint32_t number = 0; span_next(&text, '\n', &line); number++)
		add_line(b, which, line, number);
	qsort(list, b->n[which], sizeof(*list), by_id);
	for (size_t i = 0; i < b->n[which]; i++)
		if (i == 0 || list[i].id != list[kept - 1].id)
			list[kept++] = list[i];
	b->n[which] = kept;
}

struct user_set *users_parse(struct span passwd, struct span group, struct span uid_map,
			     struct span gid_map)
{
	AUTO_FREE struct building *b = malloc(sizeof(*b));
	size_t text, bytes;
	struct user_set *s;

	if (!b)
		return NULL;
	b->n[0] = b->n[1] = b->used = 0;
	b->refused = 0;
	add_file(b, 0, passwd, uid_map);
	add_file(b, 1, group, gid_map);
	/* the lists stand behind the text, where they are aligned */
	text = (b->used + 7) & ~(size_t)7;
	bytes = sizeof(*s) + text + (b->n[0] + b->n[1]) * sizeof(b->entries[0][0]);
	s = malloc(bytes);
	if (!s)
		return NULL;
	*s = (struct user_set){ .bytes = bytes, .refused = b->refused };
	memcpy(s->text, b->text, b->used);
	s->users.entries = (void *)(s->text + text);
	s->users.n = b->n[0];
	s->groups.entries = s->users.entries + b->n[0];
	s->groups.n = b->n[1];
	memcpy(s->users.entries, b->entries[0], b->n[0] * sizeof(b->entries[0][0]));
	memcpy(s->groups.entries, b->entries[1], b->n[1] * sizeof(b->entries[0][0]));
	return s;
}

const struct user_entry *users_search(const struct user_list *l, uint32_t id)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (l->entries[middle].id == id)
			return &l->entries[middle];
		if (l->entries[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
