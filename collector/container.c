// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/container.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "collector/base/buf.h"
#include "collector/base/parse.h"

#define MIN_PREFIX 4 /* shortest part of an id that is looked up */

struct container_table {
	struct container **live, **ended; /* in order of coming and of ending */
	size_t live_n, ended_n;
	struct container **by_path, **by_key, **ended_by_path; /* chains: hash_next, key_next */
	uint32_t *free_slots;
	size_t free_n, mask;
	uint32_t max;
	uint64_t seed; /* cgroup names are chosen by others: no chain can be grown on purpose */
	uint64_t containers, refused, ended_refused;
};

static uint64_t hash_text(uint64_t seed, const char *s)
{
	uint64_t h = seed ^ 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h ^ h >> 29;
}

int container_table_new(struct container_table **out, uint32_t max, struct err *e)
{
	AUTO(container_table_free) struct container_table *t = calloc(1, sizeof(*t));
	size_t buckets = 64;

	if (!t)
		return err_set(e, ENOMEM, "container table");
	while (buckets < max)
		buckets *= 2;
	t->max = max;
	t->mask = buckets - 1;
	t->live = calloc((size_t)max + 1, sizeof(struct container *));
	t->ended = calloc(CONTAINER_MAX_ENDED, sizeof(struct container *));
	t->by_path = calloc(buckets, sizeof(struct container *));
	t->by_key = calloc(buckets, sizeof(struct container *));
	t->ended_by_path = calloc(buckets, sizeof(struct container *));
	t->free_slots = calloc((size_t)max + 1, sizeof(*t->free_slots));
	if (!t->live || !t->ended || !t->by_path || !t->by_key || !t->ended_by_path ||
	    !t->free_slots)
		return err_set(e, ENOMEM, "container table of %u entries", max);
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = (uint64_t)(uintptr_t)t; /* early boot: address randomisation has to do */
	for (uint32_t slot = max; slot-- > 0;)
		t->free_slots[t->free_n++] = slot;
	*out = TAKE(t);
	return 0;
}

void container_table_free(struct container_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->live_n; i++)
		container_unref(t->live[i]);
	for (size_t i = 0; i < t->ended_n; i++)
		container_unref(t->ended[i]);
	free(t->live);
	free(t->ended);
	free(t->by_path);
	free(t->by_key);
	free(t->ended_by_path);
	free(t->free_slots);
	free(t);
}

static struct container **path_slot(const struct container_table *t, struct container **index,
				    const char *path)
{
	struct container **p = &index[hash_text(t->seed, path) & t->mask];

	while (*p && strcmp((*p)->cgroup_path, path) != 0)
		p = &(*p)->hash_next;
	return p;
}

static struct container **key_slot(const struct container_table *t, const char *key)
{
	struct container **p = &t->by_key[hash_text(t->seed, key) & t->mask];

	while (*p && strcmp((*p)->key, key) != 0)
		p = &(*p)->key_next;
	return p;
}

/* Appends s so that the result is safe as a file name and in a URL, and differs for different s. */
static void add_safe(struct buf *b, const char *s)
{
	static const char hex[] = "0123456789abcdef";

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

		if (plain) {
			buf_add_char(b, (char)c);
		} else {
			buf_add_char(b, '~');
			buf_add_char(b, hex[c >> 4]);
			buf_add_char(b, hex[c & 15]);
		}
	}
}

/* Copies what fits; a longer key ends in a hash of the whole, and `salt` tells equal keys apart.
 * The hash has no seed: keys name history files and must be the same after a restart. */
static void set_key(struct container *c, const struct buf *b, const char *salt)
{
	char tail[24] = "";
	size_t n = b->len;

	if (n >= sizeof(c->key) || salt) {
		uint64_t h = salt ? hash_text(0, salt) : 0xcbf29ce484222325u;

		for (size_t i = 0; i < b->len; i++)
			h = (h ^ (unsigned char)b->data[i]) * 0x100000001b3u;
		snprintf(tail, sizeof(tail), "~-%016llx", (unsigned long long)h);
		if (n > sizeof(c->key) - sizeof(tail))
			n = sizeof(c->key) - sizeof(tail);
	}
	memcpy(c->key, b->data, n);
	memcpy(c->key + n, tail, strlen(tail) + 1);
}

static int make_key(const struct container_table *t, struct container *c)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 1 << 16);
	switch (c->kind) {
	case CGROUP_ROOT:
		buf_add_str(&b, "root");
		break;
	case CGROUP_PARENT:
	case CGROUP_OTHER:
		buf_add_str(&b, "cgroup-");
		add_safe(&b, c->cgroup_path[0] == '/' ? c->cgroup_path + 1 : c->cgroup_path);
		break;
	case CGROUP_CONTAINER:
	case CGROUP_SERVICE:
		buf_add_str(&b, c->id.runtime == RUNTIME_NONE ? "container"
							      : runtime_name(c->id.runtime));
		if (c->id.name_space[0]) {
			buf_add_char(&b, '-');
			add_safe(&b, c->id.name_space);
		}
		buf_add_char(&b, '-');
		add_safe(&b, c->id.id);
		break;
	}
	if (b.failed)
		return -ENOMEM;
	set_key(c, &b, NULL);
	if (c->id.nested || *key_slot(t, c->key)) /* the same id at two cgroups */
		set_key(c, &b, c->cgroup_path);
	return *key_slot(t, c->key) ? -EEXIST : 0;
}

/* The nearest shown cgroup above; ancestors come before what is in them. */
static void link_parent(struct container_table *t, struct container *c)
{
	AUTO_FREE char *path = strdup(c->cgroup_path);

	while (path && path[1] && !c->parent) {
		char *slash = strrchr(path, '/');

		if (!slash)
			return;
		slash[slash == path] = '\0'; /* "/a" becomes "/" */
		c->parent = container_table_find_path(t, path);
	}
	if (c->parent)
		c->parent->children++;
}

/* What is below c, when c goes first, belongs to what is above it. */
static void unlink_parent(struct container_table *t, struct container *c)
{
	for (size_t i = 0; i < t->live_n && c->children > 0; i++) {
		if (t->live[i]->parent != c)
			continue;
		t->live[i]->parent = c->parent;
		if (c->parent)
			c->parent->children++;
		c->children--;
	}
	if (c->parent)
		c->parent->children--;
	c->parent = NULL;
}

static void insert(struct container_table *t, struct container *c)
{
	struct container **old = path_slot(t, t->ended_by_path, c->cgroup_path);
	bool first = c->kind == CGROUP_ROOT;

	if (*old) {
		(*old)->superseded = true;
		*old = (*old)->hash_next;
	}
	link_parent(t, c);
	*path_slot(t, t->by_path, c->cgroup_path) = c;
	*key_slot(t, c->key) = c;
	c->slot = t->free_slots[--t->free_n];
	if (first)
		memmove(t->live + 1, t->live, t->live_n * sizeof(*t->live));
	t->live[first ? 0 : t->live_n] = c;
	t->live_n++;
	t->containers += c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;
}

int container_table_add(struct container_table *t, enum cgroup_kind kind, const struct identity *id,
			const char *cgroup_path, struct container **out, struct err *e)
{
	if (*path_slot(t, t->by_path, cgroup_path))
		return err_set(e, EEXIST, "cgroup '%s' is already known", cgroup_path);
	if (t->live_n >= t->max) {
		t->refused++;
		return err_set(e, ENOSPC, "container table is full (%u entries)", t->max);
	}
	struct container *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (c) {
		c->refs = 1;
		c->cpu_cores = -1;
		c->kind = kind;
		c->id = *id;
		c->cgroup_path = strdup(cgroup_path);
		r = c->cgroup_path ? make_key(t, c) : -ENOMEM;
	}
	if (r < 0) {
		container_unref(c);
		return err_set(e, -r, "cgroup '%s'", cgroup_path);
	}
	insert(t, c);
	*out = c;
	return 0;
}

struct container *container_table_find_path(const struct container_table *t, const char *path)
{
	return *path_slot(t, t->by_path, path);
}

static void forget_ended(struct container_table *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct container *c = t->ended[i];
		struct container **p = path_slot(t, t->ended_by_path, c->cgroup_path);

		if (*p == c)
			*p = c->hash_next;
		container_unref(c);
	}
	t->ended_n -= n;
	memmove(t->ended, t->ended + n, t->ended_n * sizeof(*t->ended));
}

static void remember_ended(struct container_table *t, struct container *c)
{
	if (t->ended_n == CONTAINER_MAX_ENDED) {
		forget_ended(t, 1);
		t->ended_refused++;
	}
	/* an earlier end of the same path left this index when c came */
	*path_slot(t, t->ended_by_path, c->cgroup_path) = c;
	t->ended[t->ended_n++] = c;
}

void container_table_end(struct container_table *t, struct container *c, uint64_t now_unix_ns,
			 uint64_t now_mono_ns)
{
	struct container **path = path_slot(t, t->by_path, c->cgroup_path);
	struct container **key = key_slot(t, c->key);
	size_t i = 0;

	if (*path != c)
		return;
	unlink_parent(t, c);
	*path = c->hash_next;
	*key = c->key_next;
	c->hash_next = c->key_next = NULL;
	while (t->live[i] != c)
		i++;
	t->live_n--;
	memmove(t->live + i, t->live + i + 1, (t->live_n - i) * sizeof(*t->live));
	t->free_slots[t->free_n++] = c->slot;
	c->ended = true;
	c->ended_unix_ns = now_unix_ns;
	c->ended_mono_ns = now_mono_ns;
	c->sample.percpu_ns = NULL; /* the sampler's, gone with its cgroup */
	c->sample.percpu_n = 0;
	if (c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE) {
		t->containers--;
		remember_ended(t, c);
	} else {
		container_unref(c);
	}
}

void container_table_expire(struct container_table *t, uint64_t now_mono_ns, uint64_t keep_ns)
{
	size_t n = 0;

	while (n < t->ended_n && now_mono_ns - t->ended[n]->ended_mono_ns > keep_ns)
		n++;
	if (n > 0)
		forget_ended(t, n);
}

size_t container_table_live(const struct container_table *t, struct container *const **list)
{
	*list = t->live;
	return t->live_n;
}

size_t container_table_ended(const struct container_table *t, struct container *const **list)
{
	*list = t->ended;
	return t->ended_n;
}

static int lookup_in(struct container *const *list, size_t n, const char *id,
		     struct container **out)
{
	size_t id_n = strlen(id);
	struct container *found = NULL;

	for (size_t i = n; i-- > 0;) {
		struct container *c = list[i];

		if ((c->id.id[0] && strcmp(c->id.id, id) == 0) || strcmp(c->key, id) == 0) {
			*out = c;
			return 0;
		}
	}
	for (size_t i = n; i-- > 0;) {
		struct container *c = list[i];
		bool shown = c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;
		bool fits = shown && (strcmp(container_name(c), id) == 0 ||
				      (id_n >= MIN_PREFIX && strncmp(c->id.id, id, id_n) == 0));

		if (!fits)
			continue;
		/* earlier lives of one container are one container */
		if (found && strcmp(found->key, c->key) != 0)
			return -EEXIST;
		if (!found)
			found = c;
	}
	if (!found)
		return -ENOENT;
	*out = found;
	return 0;
}

int container_table_lookup(const struct container_table *t, const char *id, struct container **out)
{
	int r = id[0] ? lookup_in(t->live, t->live_n, id, out) : -ENOENT;

	return r == -ENOENT && id[0] ? lookup_in(t->ended, t->ended_n, id, out) : r;
}

struct container *container_ref(struct container *c)
{
	c->refs++;
	return c;
}

void container_unref(struct container *c)
{
	if (!c || --c->refs > 0)
		return;
	metadata_free(c->meta);
	free(c->cgroup_path);
	free(c->labels);
	free(c->info);
	free(c->syscalls);
	free(c);
}

const char *container_name(const struct container *c)
{
	return c->meta && c->meta->name ? c->meta->name : c->id.id;
}

const char *container_image(const struct container *c)
{
	return c->meta && c->meta->image ? c->meta->image : "";
}

void container_labels_changed(struct container *c)
{
	free(c->labels);
	free(c->info);
	c->labels = c->info = NULL;
	c->labels_n = c->info_n = 0;
	c->labels_of_pod = false;
}

struct container_stats container_table_stats(const struct container_table *t)
{
	return (struct container_stats){
		.live = t->live_n,
		.containers = t->containers,
		.ended = t->ended_n,
		.capacity = t->max,
		.refused = t->refused,
		.ended_capacity = CONTAINER_MAX_ENDED,
		.ended_refused = t->ended_refused,
	};
}
