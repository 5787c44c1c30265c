/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert_log_internal - what alert_log.c (lines) and alert_log_files.c (files) share. */
#ifndef BULKHEAD_ALERT_LOG_INTERNAL_H
#define BULKHEAD_ALERT_LOG_INTERNAL_H

#include "detector/alert_log.h"

struct segment {
	uint64_t first_seq;
	uint64_t bytes;	  /* whole lines in it */
	uint64_t durable; /* of them, on disk (or given up to be) */
	int fd;		  /* while something is to be written or synced, or its name is gone */
	bool deleted;	  /* it has no name any more */
	bool unsynced;	  /* of the last run, which may not have come to it */
};

struct pending {
	struct pending *next;
	uint64_t seq;
	size_t n;
	char line[];
};

struct sync {
	struct worker_job job; /* first member */
	struct alert_log *log;
	uint64_t first_seq, bytes; /* what it makes durable */
	uint64_t began_ns, took_ns;
	int fd, dir_fd; /* its own; dir_fd -1: not asked for */
	int result;
	bool running, given_up, ran;
};

struct alert_log {
	struct alert_log_settings set;
	bool worker_ended;
	int dir_fd, seq_fd;
	struct segment segments[ALERT_LOG_MAX_SEGMENTS];
	size_t n; /* the last is the current one, when fd >= 0 */
	bool has_current;
	uint64_t next_seq, seq_kept;
	uint64_t writing;	    /* number of the line that is being written; 0: none */
	uint64_t age_ns, opened_ns; /* of the current file when it was opened, and when that was */
	bool dir_dirty;
	struct pending *first, **last;
	size_t pending_bytes;
	uint64_t tried_ns; /* when a write failed last, monotonic */
	struct sync sync;
	struct alert_log_stats stats;
	char error[160];
};

static inline struct segment *log_current(struct alert_log *l)
{
	return l->has_current ? &l->segments[l->n - 1] : NULL;
}

/* What readers are told of a file. They leave it for the next one only when all of it is theirs. */
static inline struct alert_log_segment log_told(const struct alert_log *l, const struct segment *s)
{
	const bool current = l->has_current && s == &l->segments[l->n - 1];

	return (struct alert_log_segment){ s->first_seq, s->durable,
					   current || s->durable < s->bytes };
}

/* alert_log_files.c: -errno leaves what was known */
int log_open_directory(struct alert_log *l, struct err *e); /* with all that is in it */
int log_open_current(struct alert_log *l, struct err *e);   /* begins a new file */
/* The current file becomes an old one. */
void log_close_current(struct alert_log *l);
void log_enforce_cap(struct alert_log *l);
void log_remove_segment(struct alert_log *l, size_t i); /* from disk too, and tells it */
void log_forget_directory(struct alert_log *l); /* somebody removed it: the next try makes one */
void log_keep_seq(struct alert_log *l);
/* 0; or the current file is not what we left: it was closed, and counted. */
int log_check_current(struct alert_log *l);

#endif
