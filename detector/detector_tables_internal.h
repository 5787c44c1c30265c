/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_tables_internal - what the files of detector_tables share.
 *   detector_tables.c        looks: when, what is asked for, what they bring
 *   detector_tables_input.c  what the worker is told of containers and processes
 *   detector_tables_hold.c   who holds what
 *   detector_tables_tell.c   alerts and their ends
 *   detector_tables_api.c    GET /api/v1/tables, figures for /metrics */
#ifndef BULKHEAD_DETECTOR_TABLES_INTERNAL_H
#define BULKHEAD_DETECTOR_TABLES_INTERNAL_H

#include "collector/base/arena.h"
#include "collector/base/clock.h"
#include "collector/base/worker.h"
#include "detector/detector_tables.h"
#include "detector/host_tables_pace.h"

#define TRACKED_MAX   96
#define TABLES_AGE_NS (30 * NS_PER_S) /* of the holders that others are compared with */

/* One table, over time. */
struct tracked {
	struct table_figure f;
	struct table_pace pace;
	struct table_verdict v;
	struct table_top top, between,
		before; /* who holds it: now, 30 s ago or more, before that */
	uint64_t seen_ns;
	uint64_t asked_ns; /* since when holders are looked for; 0: they are not */
	struct {
		bool told;
		uint64_t under_ns; /* since when it is not so any more; 0: it is */
	} alerts[2];		   /* of warning, of critical */
};

struct tables_look { /* the worker's while it looks */
	struct worker_job job;
	struct detector_tables *d;
	struct host_tables *reader;
	struct table_input in;
	struct table_output out;
	struct arena arena;		/* strings of in */
	struct table_subject *subjects; /* in the arena */
	struct container **containers;	/* a reference each, in the order of subjects */
	char sys[PATH_MAX], rootfs[PATH_MAX],
		state_dir[PATH_MAX]; /* a reload changes the settings */
	bool holders_only;	     /* a second look for who holds what: no reading of the pace */
};

struct detector_tables {
	struct detector_tables_settings set;
	struct worker *worker; /* NULL: not started */
	struct tables_look *look;
	bool busy;
	bool on;	     /* as configured last */
	bool containers_new; /* since the last look */
	uint64_t next_ns, subjects_ns, looks, looks_refused, sweep_ns;
	size_t probe_at; /* where the next round of probes begins */
	struct tracked tracked[TRACKED_MAX];
	size_t tracked_n;
	uint64_t refused;
};

/* --- detector_tables_input.c */
void tables_fill_subjects(struct detector_tables *d); /* sets look->in */
void tables_fill_probes(struct detector_tables *d);
void tables_forget_subjects(struct tables_look *l);
/* A container that counts for itself, not for one around it. */
bool tables_counts(const struct container *c);

/* --- detector_tables_hold.c */
void tables_hold(struct detector_tables *d, struct tracked *t, uint64_t now);

/* --- detector_tables_tell.c */
void tables_tell(struct detector_tables *d, struct tracked *t, bool critical);
void tables_tell_end(struct detector_tables *d, struct tracked *t, bool critical);
/* "3m20s", "45s" */
const char *tables_time_text(double s, char text[32]);
const char *tables_amount_text(enum host_table t, uint64_t v, char text[48]);

#endif
