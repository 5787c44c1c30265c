/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history_internal - what the files of the history module share; included by http/history*.c and
 * their tests only.
 *
 * Owner: the history thread owns everything here but the queue and the stats.
 *
 * On disk, below "history/" of the working directory:
 *   containers/<key>/   meta.json; run-<start>.rrd and disk-<start>.rrd of each run
 *   images/<name>-<h>/  the same for all containers of an image that lived too short for their own;
 *                       each second is the sum over those that ran
 *   host/, fs/<name>-<h>/
 *   damaged/            at most HISTORY_MAX_DAMAGED files that were set aside
 *   pending.bin         the spool: points that waited for their flush at the last clean stop
 *   graph.rrd           scratch of one graph
 *
 * Words: an *entity* is what has a history (container, image, host, file system); a *run* is one
 * RRD file of it; a *series* is what is being written: points in memory that wait for the flush. A
 * point at time t holds for the interval from the point before it up to and including t. */
#ifndef BULKHEAD_HISTORY_INTERNAL_H
#define BULKHEAD_HISTORY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/wire.h"
#include "http/history.h"

#define HISTORY_MAX_LIVE       4096  /* containers with samples at once */
#define HISTORY_MAX_SLOT       65536 /* slots of bulkheadd that are believed */
#define HISTORY_MAX_ENTITIES   8192  /* with the ended ones; the oldest are pruned beyond */
#define HISTORY_MAX_RUNS       64    /* runs an entity; the oldest is pruned beyond */
#define HISTORY_MAX_KEY	       200   /* bytes of a key, without NUL */
#define HISTORY_MAX_TEXT       512   /* bytes kept of a name or image */
#define HISTORY_MAX_DAMAGED    4
#define HISTORY_MAX_IMAGES     32   /* images that collect short lives at once */
#define HISTORY_MAX_POINTS     4000 /* points of one answer */
#define HISTORY_MAX_QUEUE      (4u << 20)
#define HISTORY_MAX_MESSAGES   16384
#define HISTORY_MAX_METRICS    10 /* columns of one RRD */
#define HISTORY_MAX_TIERS      3
#define HISTORY_PATH_BYTES     320
#define HISTORY_SAFE_BYTES     96
#define HISTORY_GRACE_S	       30   /* for containers to come back after a restart of the agent */
#define HISTORY_STEP_BACK_S    60   /* a wall clock set back by more begins a new run */
#define HISTORY_SAME_START_S   5    /* starts this close are the same run of a container */
#define HISTORY_MAX_RING       1024 /* points of one series that wait for the flush */
#define HISTORY_ORPHANS_A_TICK 8    /* ended while the agent was down: each costs the disk a bit */

struct history_metric {
	const char *name, *unit;
	uint32_t have; /* enum sample_have bit, 0: always there */
	double scale;  /* counter units in one unit of the rate; 0: a gauge */
	bool share;    /* never above 1: jitter of the clock aside */
};

struct history_tier {
	uint32_t step, rows;
	bool max; /* a MAX archive beside AVERAGE; useless where step is the sampling interval */
};

struct history_schema {
	const struct history_metric *metrics;
	uint32_t metrics_n;
	uint32_t pdp_step; /* seconds */
	uint32_t gap_s;	   /* longer silence is unknown, not the next value */
	struct history_tier tiers[HISTORY_MAX_TIERS];
	uint32_t tiers_n;
};

extern const struct history_schema history_schema_container, history_schema_disk,
	history_schema_host, history_schema_fs;

enum history_kind { HISTORY_CONTAINER, HISTORY_IMAGE, HISTORY_HOST, HISTORY_FS, HISTORY_KINDS };

struct history_run {
	int64_t start;		    /* Unix seconds, the number in the file's name */
	int64_t started;	    /* when the container started */
	int64_t last;		    /* newest point in the file */
	bool open;		    /* may still grow */
	bool reduced;		    /* has the coarsest tier only */
	uint64_t bytes, disk_bytes; /* of run-N.rrd and disk-N.rrd, 0: no such file */
};

struct history_entity {
	enum history_kind kind;
	char *key; /* owns the block that the other strings lie in */
	const char *id, *name, *image, *image_id, *runtime;
	struct history_run *runs; /* by start, oldest first */
	uint32_t runs_n;
	uint64_t meta_bytes;
	bool meta_stale;	   /* meta.json is missing or damaged */
	struct history_live *live; /* NULL: no samples come */
};

struct history_series {
	const struct history_schema *schema;
	double *ring; /* n points of 1 + metrics_n doubles: time, values */
	uint32_t n, cap;
	int64_t from; /* the first point holds for (from, its time] */
	int64_t last; /* newest point, here or in the file; 0: none yet */
	int64_t run;  /* start of the open run, 0: no file yet */
	bool disk;    /* its file is disk-N.rrd */
};

struct history_snapshot { /* counters at one moment */
	uint64_t unix_ns;
	uint32_t have;
	uint64_t v[HISTORY_MAX_METRICS];
};

/* Something that samples come for: a container, the host or a file system. */
struct history_live {
	struct history_entity *entity;
	uint32_t slot;
	int64_t started;
	bool seen;     /* `now` holds a sample */
	bool due;      /* lived long enough for a file of its own */
	bool held;     /* the clock was set back: no points until it passes the newest one */
	bool parked;   /* has no slot: came from the spool, or ended while stopping */
	bool spooled;  /* some of its points are in the spool only */
	int64_t ended; /* ended while stopping; the next start writes it */
	int64_t point; /* second of the newest point made here */
	struct history_snapshot base, last, now; /* last: at the newest point; base: one before */
	int64_t next_flush;
	struct history_series main, disk;
};

struct history_sums { /* one image's short lives, a ring over seconds */
	char image[HISTORY_MAX_TEXT];
	int64_t first, end; /* seconds first .. end - 1 are held; first == end: free */
	uint32_t span;
	double *v; /* span * HISTORY_MAX_METRICS */
};

enum history_message_type {
	MESSAGE_CONTAINER,
	MESSAGE_END,
	MESSAGE_SAMPLES,
	MESSAGE_HOST,
	MESSAGE_DISK,
	MESSAGE_CONFIG,
	MESSAGE_QUERY
};

struct history_message;

struct history_settings {
	uint64_t max_bytes;
	uint32_t max_percent, flush_s, min_lifetime_s;
};

struct history {
	/* --- queue: shared, under lock --- */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* short: list operations only */
	pthread_cond_t wake;
	struct history_message *first, **tail;
	size_t queued_bytes, queued_n, queued_queries;
	bool closing;
	_Atomic bool stopping; /* the same for the thread: nothing slow begins any more */
	_Atomic uint64_t stats[SERVE_STAT_COUNT];

	/* --- the history thread's --- */
	struct history_settings settings;
	int dir_fd; /* "history" */
	struct history_entity **entities;
	size_t entities_n, entities_cap;
	struct history_live **slots; /* by slot, NULL: free */
	size_t slots_n;
	struct history_live **live; /* those in use, any order */
	size_t live_n, live_cap;
	struct history_live *host;
	struct history_live *fs[WIRE_MAX_FILESYSTEMS];
	struct history_sums sums[HISTORY_MAX_IMAGES];
	uint64_t tick_ns; /* time of the tick whose frames come in */
	bool tick_open;	  /* its points are not made yet */
	int64_t now;	  /* seconds of the newest frame, 0: none came */
	int64_t grace_end, next_minute, next_error_note;
	uint64_t used_bytes, files, cap_bytes;
	uint64_t spool_bytes; /* size of the spool's files, 0: there are none */
	size_t spooled_n;     /* live ones that need them still */
	struct buf scratch;   /* text of one update */
	struct err notes[4];  /* for the log: the thread's top function writes them */
	uint32_t notes_n;
};

#define HISTORY_COUNT(h, stat, n)                                                                  \
	atomic_fetch_add_explicit(&(h)->stats[SERVE_STAT_##stat], (uint64_t)(n),                   \
				  memory_order_relaxed)
#define HISTORY_SET(h, stat, n)                                                                    \
	atomic_store_explicit(&(h)->stats[SERVE_STAT_##stat], (uint64_t)(n), memory_order_relaxed)

void history_note(struct history *h, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Counts a failed write and notes the first of a minute. */
void history_write_failed(struct history *h, const struct err *e);

/* --- history_files.c: one RRD file at a path, no state ------------------------------------- */

struct history_archive {
	bool max;
	uint32_t step;
	uint64_t rows, cur_row;
};
struct history_file { /* what the header of a file says, verified against schema and size */
	int64_t last;
	uint64_t bytes;
	uint32_t archives_n;
	bool reduced;
	bool cut; /* has fewer rows than a live one: its run is over */
	struct history_archive archives[2 * HISTORY_MAX_TIERS];
	uint64_t data_offset;
};

uint64_t history_rrd_bytes(const struct history_schema *s, bool reduced);
/* Makes the file under a temporary name first; -EEXIST when it is there. */
int history_rrd_create(const char *path, const struct history_schema *s, bool reduced,
		       int64_t last_up, struct err *e);
/* Appends points (1 + metrics_n doubles each, times rising); scratch is reused memory. */
int history_rrd_update(const char *path, const struct history_schema *s, const double *points,
		       uint32_t n, struct buf *scratch, struct err *e);
/* 0; -ENOENT; -EBADMSG when the file is not what history_rrd_create makes; else -errno. */
int history_rrd_check(const char *path, const struct history_schema *s, struct history_file *out,
		      struct err *e);
/* Rewrites the file with the rows since `first` only, or (reduce) with the coarsest tier only. Rows
 * keep their bits. A crash leaves the old or the new file. *bytes: the new size. */
int history_rrd_cut(const char *path, const struct history_schema *s, int64_t first, bool reduce,
		    uint64_t *bytes, struct err *e);
/* fn gets each row of the archive that ends in (from, to]: values in metric order, NaN unknown. */
typedef void (*history_row_fn)(void *ctx, int64_t t0, int64_t t1, const double *values);
int history_rrd_fetch(const char *path, const struct history_schema *s,
		      const struct history_file *file, const struct history_archive *archive,
		      int64_t from, int64_t to, history_row_fn fn, void *ctx, struct err *e);

/* --- history_catalog.c, history_meta.c: entities and their files ---------------------------------
 */

int history_catalog_open(struct history *h, struct err *e); /* makes directories, reads them */
void history_catalog_release(struct history *h);
bool history_key_ok(struct span key);
/* Letters, digits and ".-_" of `text`, then a hash of all of it. */
void history_safe_name(struct span text, char out[HISTORY_SAFE_BYTES]);
struct history_entity *history_entity_find(const struct history *h, enum history_kind kind,
					   struct span key);
/* NULL when there is no room or memory. Fields other than key are in *text, see wire_container. */
struct history_entity *history_entity_add(struct history *h, enum history_kind kind,
					  const struct wire_container *text);
int history_entity_rename(struct history_entity *n, const struct wire_container *text);
bool history_entity_same(const struct history_entity *n, const struct wire_container *text);
void history_entity_drop(struct history *h, struct history_entity *n); /* memory; not files */
void history_entity_dir(const struct history_entity *n, char out[HISTORY_PATH_BYTES]);
void history_run_path(const struct history_entity *n, int64_t start, bool disk,
		      char out[HISTORY_PATH_BYTES]);
const struct history_schema *history_entity_schema(const struct history_entity *n);
struct history_run *history_entity_run(const struct history_entity *n, int64_t start);
struct history_run *history_entity_open_run(const struct history_entity *n);
int history_entity_save(struct history *h, struct history_entity *n, struct err *e);
int history_entity_mkdir(const struct history_entity *n, struct err *e);
/* Cuts the file to what it has and marks the run as ended. */
void history_run_end(struct history *h, struct history_entity *n, struct history_run *run);
/* The file is moved to damaged/, or just forgotten when gone. Losing the main file forgets the run:
 * *run is invalid afterwards. */
void history_run_lose(struct history *h, struct history_entity *n, struct history_run *run,
		      bool disk, const struct err *why);
struct history_run *history_run_add(struct history_entity *n, struct history_run run);

/* --- history_cap.c: the cap on bytes ------------------------------------------------------- */

void history_cap_refresh(struct history *h); /* reads the size of the file system */
/* Prunes ended runs, oldest end first, until `need` more bytes fit; with `reduce` then takes the
 * fine tiers away from live ones. true when they fit. */
bool history_cap_make_room(struct history *h, uint64_t need, bool reduce);
bool history_prune_oldest(struct history *h);
void history_cap_count_reduced(struct history *h); /* for the metric */
/* An entity without runs that nobody writes to goes, its directory with it. */
void history_remove_empty(struct history *h, struct history_entity *n);
bool history_prune_run(struct history *h, struct history_entity *n); /* its oldest ended one */
void history_forget_file(struct history *h, uint64_t bytes);
void history_size_changed(struct history *h, uint64_t from, uint64_t to); /* 0: no file */

/* --- history_series.c: points in memory and their way into files --------------------------- */

uint32_t history_ring_max(const struct history *h);
/* Takes a point in; a time that is there already replaces, an older one is dropped. */
void history_series_push(struct history *h, struct history_series *s, int64_t t,
			 const double *values);
void history_series_release(struct history *h, struct history_series *s);
/* Takes in points as they were written to the spool: the first holds since `from`. Those that the
 * file or the ring has already are dropped. */
void history_series_restore(struct history *h, struct history_series *s, int64_t from,
			    const double *points, uint32_t n);
/* Writes what waits; makes the file when there is none. */
void history_flush(struct history *h, struct history_live *l);
/* Finds the run to go on with after a restart of the agent. */
void history_series_resume(struct history *h, struct history_live *l);
void history_values(const struct history_schema *s, const struct history_snapshot *from,
		    const struct history_snapshot *to, double *values);

/* --- history_live.c: one of those that samples come for ------------------------------------- */

struct history_live *history_live_new(struct history_entity *n, int64_t started);
void history_live_free(struct history *h, struct history_live *l); /* points are lost */
/* Makes the point of l->now. */
void history_live_point(struct history *h, struct history_live *l, uint64_t unix_ns);
/* The wall clock went back by more than a little: what is written stays, a new file goes on. */
void history_live_start_over(struct history *h, struct history_live *l);
void history_live_flush_when_due(struct history *h, struct history_live *l);
/* Whether a container that started then is the one of l. */
bool history_live_same(const struct history_live *l, int64_t started);
bool history_stopping(const struct history *h);

/* --- history_spool.c: what was not flushed at a clean stop ---------------------------------- */

/* One file, one sweep: no container's own file is opened, none is made. */
void history_spool_write(struct history *h);
void history_spool_load(struct history *h); /* its containers are parked until they are announced */
void history_spool_release(struct history *h, struct history_live *l); /* l needs it no more */

/* --- history_feed.c: frames -> points ------------------------------------------------------ */

void history_feed_container(struct history *h, const struct wire_container *c);
void history_feed_end(struct history *h, const struct wire_container_end *m);
void history_feed_samples(struct history *h, struct span payload);
void history_feed_host(struct history *h, const struct wire_host_sample *m);
void history_feed_disk(struct history *h, const struct wire_disk *m);
void history_feed_settle(struct history *h); /* makes the points of the tick so far */
void history_feed_stop(struct history *h);   /* all that is pending into the spool; forgets all */
void history_live_end(struct history *h, struct history_live *l, int64_t end);

/* --- history_sums.c: containers that lived too short, by image ------------------------------ */

void history_sums_add(struct history *h, struct span image, const struct history_series *s);
void history_sums_flush(struct history *h, int64_t before); /* seconds < before are complete */
/* The seconds that are not written yet, as points: s->ring is the caller's. false: there are none.
 */
bool history_sums_pending(const struct history_sums *u, struct history_series *s);
struct history_entity *history_sums_entity(struct history *h, const struct history_sums *u);
void history_sums_release(struct history *h);

/* --- history_query.c, history_json.c, history_graph.c
 * ------------------------------------------------------ */

struct history_column { /* one metric of an answer */
	const struct history_metric *metric;
	double *sum, *weight, *max; /* history_data.n each */
};
struct history_data { /* points on a grid: point i covers (start + i*step, start + (i+1)*step] */
	struct history_entity *entity;
	int64_t from, to, start;
	uint32_t step, n;
	struct history_column columns[2 * HISTORY_MAX_METRICS];
	uint32_t columns_n;
	double *memory;
};
/* One point's average or maximum, NaN when unknown. */
double history_data_average(const struct history_column *c, uint32_t i);
double history_data_max(const struct history_column *c, uint32_t i);
int64_t history_clock(const struct history *h); /* time of the newest frame, else wall clock */
void history_answer_query(struct history *h, const struct history_query *q,
			  struct history_answer *a);
void history_answer_error(struct history_answer *a, unsigned status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void history_answer_json(struct history *h, const struct history_data *d,
			 const struct history_query *q, struct history_answer *a);
void history_answer_list(struct history *h, struct history_answer *a);
/* Draws columns[0] of *d. 0 or -errno. */
int history_graph(struct history *h, const struct history_data *d, const struct history_query *q,
		  struct history_answer *a, struct err *e);

#endif
