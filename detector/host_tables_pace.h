/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_tables_pace - how full a table is, how fast it fills, whose doing that is. Pure.
 *
 * The pace is that of the last readings, a minute of them at most. A table is full soon when the
 * slower of two paces, that of all readings and that of the last three, fills it within two
 * minutes, in three readings in a row, and half of it is used: what only starts is no trouble. */
#ifndef BULKHEAD_HOST_TABLES_PACE_H
#define BULKHEAD_HOST_TABLES_PACE_H

#include "collector/container.h"
#include "detector/host_tables.h"

#define PACE_READINGS 16
#define TOP_HOLDERS   8

enum table_level {
	TABLE_IS_CALM,
	TABLE_IS_NEAR, /* a third of what is told, or filling fast: who holds it is looked at */
	TABLE_IS_WARNING,
	TABLE_IS_CRITICAL,
};
extern const char *const table_level_names[]; /* "calm", "near", "warning", "critical" */

struct table_pace {
	uint64_t ns[PACE_READINGS], used[PACE_READINGS];
	unsigned n, at;	   /* readings; place of the next one */
	unsigned soon;	   /* readings in a row by which it is full soon */
	uint64_t above_ns; /* since when it is above what is told; 0: it is not */
};

struct table_verdict {
	double percent;	  /* 0 when nothing bounds it */
	double a_minute;  /* NAN: not known yet */
	double full_in_s; /* INFINITY: not at this pace */
	bool soon;
	enum table_level level;
};

struct table_limits {
	unsigned warning, critical; /* percent */
};

/* Takes the reading in and judges. */
void table_judge(struct table_verdict *out, struct table_pace *p, const struct table_figure *f,
		 const struct table_limits *l, uint64_t now_ns);

/* The containers with most of a table. */
struct table_top {
	struct {
		struct container *c; /* a reference */
		uint64_t amount;
	} list[TOP_HOLDERS];
	unsigned n;
	uint64_t inside;  /* of all containers */
	uint64_t used;	  /* of the table then */
	uint64_t time_ns; /* 0: not known */
	bool counted;	  /* one by one, else out of samples: the two are not compared */
};
void table_top_add(struct table_top *t, struct container *c, uint64_t amount);
void table_top_clear(struct table_top *t);
void table_top_move(struct table_top *to, struct table_top *from); /* `from` is cleared */

struct table_cause {
	bool known;
	struct container *c; /* of `now`; NULL: what runs outside of containers */
	uint64_t holds;
	double share; /* percent of what is used */
	bool grew;    /* it is the one that made it grow, else the one that holds most */
	uint64_t grew_by;
};
/* before: as it was some time ago, or not known. Growth that counts is a tenth of the table's use;
 * who made half of it is the cause, whoever holds most. */
struct table_cause table_cause_of(const struct table_top *now, const struct table_top *before);

#endif
