/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert_log - a log of lines in files that are only added to: alerts.jsonl, audit.jsonl.
 *
 * STATE/alerts/alerts.jsonl is the current file; when it is big or old enough it is renamed to
 * alerts-<seq of its first line, 20 digits>.jsonl, and the oldest go when all are too big. A line
 * is one write. It counts as durable after fdatasync on the worker, begun at once when none runs:
 * what comes meanwhile shares the next one. Each line has a number that grows by one, also over
 * restarts, and is never given twice.
 *
 * What the disk refuses (full, read-only, gone) is kept in memory, told by line(), and written
 * in order once the disk takes it again. A file that somebody removed, cut or wrote to is left as
 * it is, and a new one begun.
 *
 * Owner: the loop's thread. Nothing here fails the program: look at alert_log_stats(). */
#ifndef BULKHEAD_ALERT_LOG_H
#define BULKHEAD_ALERT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/base/worker.h"

#define ALERT_LOG_MAX_SEGMENTS	1024
#define ALERT_LOG_MAX_PENDING	1024	      /* lines in memory while the disk takes none */
#define ALERT_LOG_PENDING_BYTES (4u << 20)    /* and their bytes; the oldest go and are counted */
#define ALERT_LOG_STUCK_NS	2000000000ULL /* a sync that takes longer is not waited for */

struct alert_log;

struct alert_log_segment {
	uint64_t first_seq; /* no line in it is below */
	uint64_t bytes;	    /* that may be read: whole lines, on disk */
	bool current;	    /* more of it is to come */
};

struct alert_log_limits {
	uint64_t segment_bytes, max_bytes; /* of one file; of all */
	uint64_t max_age_ns;		   /* of a file with content */
};

struct alert_log_settings {
	struct worker *worker; /* NULL: a line is synced before alert_log_append returns */
	int state_fd;	       /* stays the caller's */
	const char *name;      /* static: directory below it, and of the files */
	struct alert_log_limits limits;
	/* None of them may append. */
	void (*opened)(void *ctx, const struct alert_log_segment *s); /* a new current file */
	void (*grew)(void *ctx, const struct alert_log_segment *s);   /* or is current no more */
	void (*gone)(void *ctx, uint64_t first_seq);
	void (*line)(void *ctx, uint64_t seq, struct span line); /* in memory alone, for now */
	void *ctx;
};

/* -ENOMEM alone; a directory that cannot be used is tried again with each tick. */
int alert_log_new(struct alert_log **out, const struct alert_log_settings *s, struct err *e);
/* The worker was stopped: lines may still come, and nothing is given to it any more. */
void alert_log_worker_ended(struct alert_log *l);
/* Syncs what is left. Its worker has ended. NULL is fine. */
void alert_log_free(struct alert_log *l);
DEFINE_AUTO(alert_log, alert_log_free)
void alert_log_set_limits(struct alert_log *l, const struct alert_log_limits *limits);

uint64_t alert_log_next_seq(const struct alert_log *l);	      /* what the next line must carry */
void alert_log_append(struct alert_log *l, struct span line); /* without '\n'; takes the number */
void alert_log_tick(struct alert_log *l);		      /* about each second */

/* The files, oldest first. */
void alert_log_each(const struct alert_log *l,
		    void (*fn)(void *ctx, const struct alert_log_segment *s), void *ctx);
/* Lines that are in memory alone, in order. */
void alert_log_each_pending(const struct alert_log *l,
			    void (*fn)(void *ctx, uint64_t seq, struct span line), void *ctx);
/* A read-only descriptor of a file, or -errno. */
int alert_log_open(const struct alert_log *l, uint64_t first_seq);
int alert_log_dir(const struct alert_log *l); /* the directory's descriptor, or -1 */
/* "alerts-00000000000000000042.jsonl" into out[64] */
const char *alert_log_file_name(const char *log, uint64_t first_seq, char out[64]);

struct alert_log_stats {
	uint64_t lines, written_bytes;		  /* since start */
	uint64_t bytes, segments;		  /* on disk now */
	uint64_t removed;			  /* files that made room */
	uint64_t write_errors, sync_errors, lost; /* lost: lines that are in no file */
	uint64_t pending;			  /* lines in memory alone */
	uint64_t tampered;			  /* files that somebody removed, cut or wrote to */
	uint64_t repaired_bytes;		  /* of a torn last line, at start */
	uint64_t missing; /* numbers that were given and are in no file, at start */
	uint64_t last_sync_ns, longest_sync_ns; /* duration */
	bool failing;				/* lines cannot be written now */
	bool sync_failing;			/* the newest sync failed or does not end */
	const char *error;			/* why, while one of them is so; else "" */
};
struct alert_log_stats alert_log_stats(const struct alert_log *l);

#endif
