// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "http/history_internal.h"

/* Images and file systems have no end: one that was silent for so long may go like an ended one. */
#define IDLE_S 3600

void history_size_changed(struct history *h, uint64_t from, uint64_t to)
{
	h->used_bytes += to;
	h->used_bytes -= from < h->used_bytes ? from : h->used_bytes;
	if (from == 0 && to > 0)
		h->files++;
	HISTORY_SET(h, HISTORY_BYTES, h->used_bytes);
	HISTORY_SET(h, HISTORY_FILES, h->files);
}

void history_forget_file(struct history *h, uint64_t bytes)
{
	if (bytes > 0 && h->files > 0)
		h->files--;
	history_size_changed(h, bytes, 0);
}

void history_cap_refresh(struct history *h)
{
	struct statvfs fs;
	uint64_t cap = h->settings.max_bytes ? h->settings.max_bytes : UINT64_MAX;

	if (h->settings.max_percent > 0 && fstatvfs(h->dir_fd, &fs) == 0) {
		uint64_t share = (uint64_t)fs.f_blocks * fs.f_frsize / 100 *
				 h->settings.max_percent;

		if (share < cap)
			cap = share;
	}
	h->cap_bytes = cap;
	HISTORY_SET(h, HISTORY_MAX_BYTES, cap);
}

static bool prunable(const struct history *h, const struct history_entity *n,
		     const struct history_run *run)
{
	if (!run->open)
		return true;
	return (n->kind == HISTORY_IMAGE || n->kind == HISTORY_FS) && !n->live &&
	       run->last < history_clock(h) - IDLE_S;
}

static void remove_run(struct history *h, struct history_entity *n, struct history_run *run)
{
	char path[HISTORY_PATH_BYTES];

	/* the disk file first: without its run it would be an orphan after a crash */
	history_run_path(n, run->start, true, path);
	unlink(path);
	history_forget_file(h, run->disk_bytes);
	history_run_path(n, run->start, false, path);
	unlink(path);
	history_forget_file(h, run->bytes);
	memmove(run, run + 1, (size_t)(n->runs + n->runs_n - (run + 1)) * sizeof(*run));
	n->runs_n--;
	HISTORY_COUNT(h, HISTORY_PRUNED, 1);
}

void history_remove_empty(struct history *h, struct history_entity *n)
{
	char path[HISTORY_PATH_BYTES], meta[HISTORY_PATH_BYTES + 16];

	if (n->runs_n > 0 || n->live)
		return;
	history_entity_dir(n, path);
	snprintf(meta, sizeof(meta), "%s/meta.json", path);
	unlink(meta);
	history_forget_file(h, n->meta_bytes);
	rmdir(path);
	history_entity_drop(h, n);
}

bool history_prune_run(struct history *h, struct history_entity *n)
{
	for (uint32_t i = 0; i < n->runs_n; i++) {
		if (!prunable(h, n, &n->runs[i]))
			continue;
		remove_run(h, n, &n->runs[i]);
		return true;
	}
	return false;
}

bool history_prune_oldest(struct history *h)
{
	struct history_entity *oldest = NULL;
	uint32_t run = 0;

	for (size_t i = 0; i < h->entities_n; i++) {
		struct history_entity *n = h->entities[i];

		if (n->runs_n == 0 && !n->live) { /* nothing but a name */
			history_remove_empty(h, n);
			return true;
		}
		for (uint32_t k = 0; k < n->runs_n; k++) {
			if (prunable(h, n, &n->runs[k]) &&
			    (!oldest || n->runs[k].last < oldest->runs[run].last)) {
				oldest = n;
				run = k;
			}
		}
	}
	if (!oldest)
		return false;
	remove_run(h, oldest, &oldest->runs[run]);
	history_remove_empty(h, oldest);
	return true;
}

void history_cap_count_reduced(struct history *h)
{
	uint64_t reduced = 0;

	for (size_t i = 0; i < h->live_n; i++) {
		const struct history_run *run =
			history_entity_run(h->live[i]->entity, h->live[i]->main.run);

		reduced += run && run->reduced;
	}
	HISTORY_SET(h, HISTORY_REDUCED, reduced);
}

/* Takes the fine tiers away from one live file. */
static bool reduce_one(struct history *h)
{
	for (size_t i = 0; i < h->entities_n; i++) {
		struct history_entity *n = h->entities[i];
		struct history_run *run = history_entity_open_run(n);
		char path[HISTORY_PATH_BYTES];
		struct err e = { "" };
		uint64_t bytes;

		if (!run || run->reduced || n->kind == HISTORY_HOST || n->kind == HISTORY_FS)
			continue;
		run->reduced = true; /* also when it fails: the next one is tried then */
		history_run_path(n, run->start, false, path);
		if (history_rrd_cut(path, history_entity_schema(n), 0, true, &bytes, &e) < 0) {
			history_write_failed(h, &e);
			continue;
		}
		history_size_changed(h, run->bytes, bytes);
		run->bytes = bytes;
		history_cap_count_reduced(h);
		return true;
	}
	return false;
}

bool history_cap_make_room(struct history *h, uint64_t need, bool reduce)
{
	while (h->used_bytes + need > h->cap_bytes) {
		if (history_stopping(h))
			return false;
		if (history_prune_oldest(h))
			continue;
		if (!reduce || !reduce_one(h))
			return false;
	}
	return true;
}
