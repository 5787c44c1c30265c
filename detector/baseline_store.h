/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_store - baselines on disk: STATE/baselines/NAME.json, one each.
 *
 * NAME is "docker.io_library_nginx~nginx~" and 16 digits of a hash of both: for people, and alone.
 * Written as a whole beside the old one, fsync, rename, fsync of the folder, on a worker: at any
 * moment the name holds the old document or the new one. Nothing that is not ours is overwritten:
 * a document that cannot be read is set aside as NAME.json.damaged, one of a newer schema as
 * .newer, a second one of the same baseline as .duplicate, what lies where a new baseline goes as
 * .other (with .2 to .9 where that is taken, too; beyond that the write is refused). A good
 * document under a wrong name gets the right one. A disk that refuses keeps the old file, and the
 * baseline stays dirty: the next baseline_store_save() tries again. Owner: the loop's thread. */
#ifndef BULKHEAD_BASELINE_STORE_H
#define BULKHEAD_BASELINE_STORE_H

#include "collector/base/worker.h"
#include "detector/baseline.h"

#define BASELINE_STORE_MAX	 1024  /* images */
#define BASELINE_STORE_MAX_FILES 16384 /* of the folder that are looked at, of any kind */
#define BASELINE_STORE_IN_FLIGHT 8     /* documents that wait for the disk in memory */
#define BASELINE_STORE_NAME	 160

struct baseline_store;

struct baseline_store_settings {
	int state_fd;	       /* stays the caller's */
	struct worker *worker; /* NULL: writes at once, for tests and commands */
	uint32_t max;	       /* 0: BASELINE_STORE_MAX */
};

/* Reads all, at once. Those that cannot be read are logged, counted and set aside; those beyond the
 * limit are counted as refused and left as they are. -errno: the folder cannot be used. */
int baseline_store_new(struct baseline_store **out, const struct baseline_store_settings *s,
		       struct err *e);
/* After the worker has ended: writes what is dirty. NULL is fine. Not when worker_stop() was false:
 * then its jobs are the store's, and it has to stay. */
void baseline_store_free(struct baseline_store *s);
DEFINE_AUTO(baseline_store, baseline_store_free)

/* By repository and entry class; NULL: there is none. */
struct baseline *baseline_store_find(struct baseline_store *s, struct span repository,
				     struct span entry);
/* By what people write: "nginx", "docker.io/library/nginx", "nginx python app.py", a file's NAME.
 * 0; -ENOENT; -EEXIST when it fits several (*e names them). */
int baseline_store_lookup(struct baseline_store *s, struct span text, struct baseline **out,
			  struct err *e);
/* Takes *b, also when it fails. -ENOSPC: full, counted; -EEXIST: there is one of that name. */
int baseline_store_add(struct baseline_store *s, struct baseline *b);
/* The file too. b is freed. */
void baseline_store_remove(struct baseline_store *s, struct baseline *b);
struct baseline *const *baseline_store_list(struct baseline_store *s, size_t *n);
const char *baseline_store_name(const struct baseline *b, char out[BASELINE_STORE_NAME]); /* NAME */

/* Writes at most `most` dirty ones, in turn. The document is made here (about 4 ms for the largest
 * baseline), the worker writes it. _now: this one, before all others (a mode was changed). */
void baseline_store_save(struct baseline_store *s, unsigned most);
void baseline_store_save_now(struct baseline_store *s, struct baseline *b);

struct baseline_store_stats {
	uint64_t images, capacity, refused;
	uint64_t bytes; /* memory of all, as of their last writes */
	uint64_t writes, write_errors, set_aside;
	uint64_t dirty;	   /* that differ from what is on disk */
	const char *error; /* of the write that fails at present; "": none */
};
struct baseline_store_stats baseline_store_stats(const struct baseline_store *s);

#endif
