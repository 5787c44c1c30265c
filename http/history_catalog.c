// SPDX-License-Identifier: GPL-2.0-or-later
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "http/history_internal.h"

static const char *const kind_dirs[HISTORY_KINDS] = {
	[HISTORY_CONTAINER] = "containers",
	[HISTORY_IMAGE] = "images",
	[HISTORY_HOST] = "host",
	[HISTORY_FS] = "fs",
};

bool history_key_ok(struct span key)
{
	if (key.n == 0 || key.n > HISTORY_MAX_KEY || key.p[0] == '.')
		return false;
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr("._%+-", c))))
			return false;
	}
	return true;
}

void history_safe_name(struct span text, char out[HISTORY_SAFE_BYTES])
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a: tells apart what looks alike when cut */
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || (c == '.' && n > 0);

		hash = (hash ^ (unsigned char)c) * 0x100000001b3;
		if (n < HISTORY_SAFE_BYTES - 20)
			out[n++] = plain ? c : '_';
	}
	snprintf(out + n, HISTORY_SAFE_BYTES - n, "-%016llx", (unsigned long long)hash);
}

const struct history_schema *history_entity_schema(const struct history_entity *n)
{
	switch (n->kind) {
	case HISTORY_HOST:
		return &history_schema_host;
	case HISTORY_FS:
		return &history_schema_fs;
	case HISTORY_CONTAINER:
	case HISTORY_IMAGE:
	case HISTORY_KINDS:
		break;
	}
	return &history_schema_container;
}

void history_entity_dir(const struct history_entity *n, char out[HISTORY_PATH_BYTES])
{
	/* "image:x" and "fs:x" are keys that no container can have; the prefix is no file name */
	const char *colon = strchr(n->key, ':'), *base = colon ? colon + 1 : n->key;

	assert(n->kind < HISTORY_KINDS);
	snprintf(out, HISTORY_PATH_BYTES, "history/%s%s%s", kind_dirs[n->kind],
		 n->kind == HISTORY_HOST ? "" : "/", n->kind == HISTORY_HOST ? "" : base);
}

void history_run_path(const struct history_entity *n, int64_t start, bool disk,
		      char out[HISTORY_PATH_BYTES])
{
	history_entity_dir(n, out);
	size_t len = strlen(out);

	snprintf(out + len, HISTORY_PATH_BYTES - len, "/%s-%lld.rrd", disk ? "disk" : "run",
		 (long long)start);
}

struct history_entity *history_entity_find(const struct history *h, enum history_kind kind,
					   struct span key)
{
	for (size_t i = 0; i < h->entities_n; i++) {
		struct history_entity *n = h->entities[i];

		if (n->kind == kind && span_eq(key, n->key))
			return n;
	}
	return NULL;
}

int history_entity_rename(struct history_entity *n, const struct wire_container *text)
{
	struct span parts[] = { n->key ? span_str(n->key) : text->key,
				text->id,
				text->name,
				text->image,
				text->image_id,
				text->runtime };
	const char **fields[] = { NULL, &n->id, &n->name, &n->image, &n->image_id, &n->runtime };
	size_t total = 0, at = 0;

	for (size_t i = 0; i < 6; i++) {
		if (parts[i].n > HISTORY_MAX_TEXT)
			parts[i].n = HISTORY_MAX_TEXT;
		total += parts[i].n + 1;
	}
	char *block = malloc(total), *old = n->key;

	if (!block)
		return -ENOMEM;
	for (size_t i = 0; i < 6; i++) {
		if (fields[i])
			*fields[i] = block + at;
		for (size_t k = 0; k < parts[i].n; k++) /* a NUL would hide what is after it */
			block[at++] = parts[i].p[k] ? parts[i].p[k] : '?';
		block[at++] = '\0';
	}
	n->key = block;
	free(old);
	return 0;
}

bool history_entity_same(const struct history_entity *n, const struct wire_container *text)
{
	const struct span parts[] = { text->id, text->name, text->image, text->image_id,
				      text->runtime };
	const char *const fields[] = { n->id, n->name, n->image, n->image_id, n->runtime };

	for (size_t i = 0; i < 5; i++) {
		size_t kept = parts[i].n < HISTORY_MAX_TEXT ? parts[i].n : HISTORY_MAX_TEXT;

		if (!span_eq((struct span){ parts[i].p, kept }, fields[i]))
			return false;
	}
	return true;
}

struct history_entity *history_entity_add(struct history *h, enum history_kind kind,
					  const struct wire_container *text)
{
	while (h->entities_n >= HISTORY_MAX_ENTITIES)
		if (!history_prune_oldest(h))
			return NULL;
	if (h->entities_n == h->entities_cap) {
		size_t cap = h->entities_cap ? h->entities_cap * 2 : 64;
		struct history_entity **v =
			realloc(h->entities, cap * sizeof(struct history_entity *));

		if (!v)
			return NULL;
		h->entities = v;
		h->entities_cap = cap;
	}
	struct history_entity *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->kind = kind;
	if (history_entity_rename(n, text) < 0) {
		free(n);
		return NULL;
	}
	h->entities[h->entities_n++] = n;
	return n;
}

void history_entity_drop(struct history *h, struct history_entity *n)
{
	for (size_t i = 0; i < h->entities_n; i++) {
		if (h->entities[i] != n)
			continue;
		h->entities[i] = h->entities[--h->entities_n];
		break;
	}
	free(n->key);
	free(n->runs);
	free(n);
}

struct history_run *history_entity_run(const struct history_entity *n, int64_t start)
{
	for (uint32_t i = 0; i < n->runs_n; i++)
		if (n->runs[i].start == start)
			return &n->runs[i];
	return NULL;
}

struct history_run *history_entity_open_run(const struct history_entity *n)
{
	for (uint32_t i = n->runs_n; i-- > 0;)
		if (n->runs[i].open)
			return &n->runs[i];
	return NULL;
}

struct history_run *history_run_add(struct history_entity *n, struct history_run run)
{
	uint32_t at = n->runs_n;
	struct history_run *v = realloc(n->runs, (n->runs_n + 1) * sizeof(*v));

	if (!v)
		return NULL;
	n->runs = v;
	for (; at > 0 && v[at - 1].start > run.start; at--)
		v[at] = v[at - 1];
	v[at] = run;
	n->runs_n++;
	return &v[at];
}

int history_entity_mkdir(const struct history_entity *n, struct err *e)
{
	char dir[HISTORY_PATH_BYTES];

	history_entity_dir(n, dir);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot create directory '%s'", dir);
	return 0;
}

/* false when the run itself is lost. */
static bool cut_file(struct history *h, struct history_entity *n, struct history_run *run,
		     bool disk)
{
	const struct history_schema *s = disk ? &history_schema_disk : history_entity_schema(n);
	uint64_t *size = disk ? &run->disk_bytes : &run->bytes, bytes = 0;
	char path[HISTORY_PATH_BYTES];
	struct err e = { "" };

	if (*size == 0)
		return true;
	history_run_path(n, run->start, disk, path);
	int r = history_rrd_cut(path, s, run->start, false, &bytes, &e);

	if (r == -EBADMSG || r == -ENOENT) {
		history_run_lose(h, n, run, disk, &e);
		return disk;
	}
	if (r < 0) {
		history_write_failed(h, &e); /* stays whole, the cap takes care of it */
		return true;
	}
	history_size_changed(h, *size, bytes);
	*size = bytes;
	return true;
}

void history_run_end(struct history *h, struct history_entity *n, struct history_run *run)
{
	struct err e = { "" };

	run->open = false;
	if (cut_file(h, n, run, false)) /* first: a cut main file tells that the run is over */
		cut_file(h, n, run, true);
	if (n->runs_n > 0 && history_entity_save(h, n, &e) < 0)
		history_write_failed(h, &e);
}

/* Removes the oldest files until fewer than HISTORY_MAX_DAMAGED are left. */
static void bound_damaged(struct history *h)
{
	for (;;) {
		AUTO_DIR DIR *d = opendir("history/damaged");
		char oldest[256] = "";
		struct stat st, oldest_st = { .st_size = 0 };
		unsigned n = 0;

		if (!d)
			return;
		for (struct dirent *f; (f = readdir(d));) {
			if (f->d_name[0] == '.' ||
			    fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				continue;
			if (n++ == 0 || st.st_ctime < oldest_st.st_ctime) {
				snprintf(oldest, sizeof(oldest), "%s", f->d_name);
				oldest_st = st;
			}
		}
		if (n < HISTORY_MAX_DAMAGED || unlinkat(dirfd(d), oldest, 0) < 0)
			return;
		history_forget_file(h, (uint64_t)oldest_st.st_size);
	}
}

static void set_aside(struct history *h, const struct history_entity *n, const char *path,
		      const char *name, const struct err *why)
{
	const char *colon = strchr(n->key, ':');
	char aside[HISTORY_PATH_BYTES];
	struct stat st;

	if (lstat(path, &st) < 0) {
		history_note(h, "history file '%s' is gone, begun anew", path);
		return;
	}
	bound_damaged(h);
	snprintf(aside, sizeof(aside), "history/damaged/%s.%s.damaged-%lld",
		 colon ? colon + 1 : n->key, name, (long long)history_clock(h));
	HISTORY_COUNT(h, HISTORY_DAMAGED, 1);
	if (rename(path, aside) < 0)
		unlink(path);
	else
		history_size_changed(h, 0, (uint64_t)st.st_size);
	history_note(h, "history file set aside as '%s', begun anew: %s", aside, why->text);
}

void history_run_lose(struct history *h, struct history_entity *n, struct history_run *run,
		      bool disk, const struct err *why)
{
	char path[HISTORY_PATH_BYTES];

	history_run_path(n, run->start, true, path);
	history_forget_file(h, run->disk_bytes);
	run->disk_bytes = 0;
	if (disk) {
		set_aside(h, n, path, strrchr(path, '/') + 1, why);
		return;
	}
	unlink(path);
	history_run_path(n, run->start, false, path);
	history_forget_file(h, run->bytes);
	memmove(run, run + 1, (size_t)(n->runs + n->runs_n - (run + 1)) * sizeof(*run));
	n->runs_n--;
	set_aside(h, n, path, strrchr(path, '/') + 1, why);
}

void history_catalog_release(struct history *h)
{
	while (h->entities_n > 0)
		history_entity_drop(h, h->entities[h->entities_n - 1]);
	free(h->entities);
	h->entities = NULL;
	h->entities_cap = 0;
}
