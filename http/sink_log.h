/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink_log - one log of bulkheadd (alerts or audit) as serve sees it: descriptors of its files, and
 * lines that could not be written to them.
 *
 * Owner: the delivery thread. Nothing in a file is trusted: what is no line of ours is skipped and
 * counted; a file that is shorter than told ends where it ends. */
#ifndef BULKHEAD_SINK_LOG_H
#define BULKHEAD_SINK_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

#define SINK_LOG_MAX_SEGMENTS 1024
#define SINK_LOG_MAX_LINES    4096 /* kept in memory */
#define SINK_LOG_MAX_BYTES    (8u << 20)
#define SINK_LOG_ID_BYTES     27 /* a ULID and NUL */

struct sink_log;

int sink_log_new(struct sink_log **out, struct err *e);
void sink_log_free(struct sink_log *l); /* NULL is fine; closes the descriptors */
DEFINE_AUTO(sink_log, sink_log_free)

/* A file, or its growth (fd -1). fd is taken in every case. When there are too many the oldest
 * makes room; -ENOSPC: this one is the oldest. Both are counted. */
int sink_log_segment(struct sink_log *l, uint64_t first_seq, uint64_t bytes, bool current, int fd);
void sink_log_gone(struct sink_log *l, uint64_t first_seq);
int sink_log_line(struct sink_log *l, uint64_t seq, struct span line);
/* Lines in memory up to seq are needed no more. */
void sink_log_passed(struct sink_log *l, uint64_t seq);

/* The start of every line. */
struct sink_log_head {
	uint64_t seq, time_ns;
	char id[SINK_LOG_ID_BYTES];
};
bool sink_log_parse_head(struct span line, struct sink_log_head *out);

struct sink_position { /* {seq} alone is a valid one: the rest is found */
	uint64_t seq;  /* lines up to here were read */
	uint64_t segment, offset;
};
/* The next line, valid until the next call of this module. 1; 0: none yet; else -errno. */
int sink_log_next(struct sink_log *l, struct sink_position *at, struct span *line,
		  struct sink_log_head *head, struct err *e);

uint64_t sink_log_last(struct sink_log *l);  /* seq of the newest line, as far as can be told */
uint64_t sink_log_first(struct sink_log *l); /* of the oldest */
/* seq after which lines are newer than time_ns. */
uint64_t sink_log_seek_time(struct sink_log *l, uint64_t time_ns);

struct sink_log_stats {
	uint64_t files, files_refused; /* that made room, or found none */
	uint64_t lines, lines_refused; /* in memory; that made room */
	uint64_t damaged;	       /* lines that were skipped */
};
struct sink_log_stats sink_log_stats(const struct sink_log *l);

#endif
