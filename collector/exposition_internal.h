/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exposition_internal - what the files of the exposition share.
 *   exposition.c          the rendering and its slices
 *   exposition_line.c     one header, one line, numbers
 *   exposition_labels.c   label text of a container, container_info
 *   exposition_metrics.c  the table of container_* metrics
 *   exposition_series.c   metrics with a series for each device, interface, page size ...
 *   exposition_agent.c    the tables of machine_*, process_* and bulkhead_*
 *   exposition_alerts.c   alerts, their logs and sinks
 *   exposition_rules.c    rules on events
 *   exposition_baseline.c what images normally do
 *   exposition_tables.c   tables of the kernel that all containers share
 *   exposition_sensor.c   the kernel sensor, and traffic of containers by socket
 * A metric is one row; its family is written whole before the next begins, as both formats ask. */
#ifndef BULKHEAD_EXPOSITION_INTERNAL_H
#define BULKHEAD_EXPOSITION_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/container.h"
#include "collector/exposition.h"
#include "collector/state.h"

#define EXPOSITION_MAX_VALUE 1024 /* bytes of one label value on the many lines; cut with "..." */
#define EXPOSITION_MAX_INFO                                                                        \
	65536 /* bytes of one container_info line; labels beyond are counted                       \
	       */

enum metric_scope {
	SCOPE_SAMPLE, /* live cgroups that have a sample */
	SCOPE_SPEC,   /* live cgroups, with a sample or not */
	SCOPE_LIFE,   /* containers and services, live and ended */
	SCOPE_AGENT,  /* once; emit gets no container */
};

enum metric_unit {
	UNIT_ONE,
	UNIT_SIGNED, /* an int64_t */
	UNIT_MS,     /* shown in seconds, exact */
	UNIT_US,
	UNIT_NS,
	UNIT_NS_WHOLE, /* cut to whole seconds, as cAdvisor shows times of day */
};

struct scrape;

struct metric {
	const char *name, *type, *help;
	enum metric_scope scope;
	enum metric_unit unit;
	uint32_t need; /* SAMPLE_* bits that must be there; 0: none */
	size_t at;     /* offset of the value, in what `emit` says */
	void (*emit)(struct scrape *s, struct container *c);
};

struct metric_table {
	const struct metric *rows;
	size_t n;
};

struct scrape { /* the rendering's hand: where it writes and what */
	struct buf *b;
	const struct agent_state *state;
	const struct metric *m;
	size_t name_n;
	struct buf extra;	   /* labels beside the container's, without braces */
	struct container *network; /* whose labels network series carry */
	bool openmetrics, header_done;
};

/* --- exposition_line.c */
void scrape_begin(struct scrape *s, const struct metric *m); /* a new family */
/* Writes a line of the family: labels, s->extra, value in the row's unit. */
void scrape_line(struct scrape *s, struct span labels, uint64_t v);
void scrape_container_line(struct scrape *s, struct container *c, uint64_t v);
void scrape_label(struct scrape *s, const char *name, struct span value); /* adds to s->extra */

/* --- exposition_labels.c: -ENOMEM or 0; nothing is done when the text is there */
int labels_make(struct container *c, const struct config *config);
int labels_make_info(struct container *c);
/* Gives a pod's cgroup the pod's name and namespace, which only its members know. */
void labels_name_pod(struct container *member, const struct config *config);
const char *container_state_name(const struct container *c);

/* --- exposition_metrics.c, exposition_agent.c */
extern const struct metric_table exposition_containers, exposition_machine, exposition_agent,
	exposition_serve;

/* --- exposition_sensor.c */
extern const struct metric_table exposition_sensor;

/* --- exposition_alerts.c */
extern const struct metric_table exposition_alerts;
/* --- exposition_rules.c */
extern const struct metric_table exposition_rules;

/* --- exposition_baseline.c */
extern const struct metric_table exposition_baseline;

/* --- exposition_tables.c */
extern const struct metric_table exposition_tables;

/* --- exposition_series.c: `at` is an offset in the struct that each line is about */
void emit_percpu(struct scrape *s, struct container *c);
void emit_memory_failures(struct scrape *s, struct container *c);
void emit_io(struct scrape *s, struct container *c);	    /* struct sample_io */
void emit_host_disk(struct scrape *s, struct container *c); /* struct machine_disk, for "/" */
void emit_blkio(struct scrape *s, struct container *c);
void emit_filesystem(struct scrape *s, struct container *c); /* struct machine_filesystem */
void emit_network(struct scrape *s, struct container *c);    /* struct sample_interface */
void emit_tcp(struct scrape *s, struct container *c);	     /* struct sample */
void emit_hugetlb(struct scrape *s, struct container *c);    /* struct sample_hugetlb */
void emit_volume(struct scrape *s, struct container *c);     /* struct sample_volume */

static inline uint64_t u64_at(const void *base, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)base + offset);
}

#endif
