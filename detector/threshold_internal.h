/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threshold_internal - what threshold.c (figures and times), threshold_limits.c (the
 * configuration), threshold_disk.c (file systems) and threshold_tell.c (the text of alerts) share.
 */
#ifndef BULKHEAD_THRESHOLD_INTERNAL_H
#define BULKHEAD_THRESHOLD_INTERNAL_H

#include "collector/base/arena.h"
#include "detector/glob.h"
#include "detector/threshold.h"

struct limit {
	struct config_threshold set;
	const struct glob *image, *container; /* NULL: any */
};

/* One (subject, limit) that is beyond, or was just now. */
struct beyond {
	uint64_t since_ns, since_unix_ns, last_ns;
	uint64_t under_ns; /* since when it is not; 0: it is */
	uint16_t limit, next;
	bool told;
};

/* A container while it is live. */
struct watched {
	struct container *c; /* a reference */
	uint64_t round, kills;
	uint32_t head; /* of its entries; 0: none */
	struct event_times oom;
	bool kills_known;
};

struct filesystem {
	uint64_t device; /* as fstat tells it; 0: the place is free */
	uint32_t head;
	bool there;
	char mount_point[256], name[64];
	double used, available; /* bytes */
};

/* What a figure is of: a container, all of one name, or a file system. */
struct subject {
	uint32_t *head;
	struct container *c; /* NULL: of the host */
	struct watched *watched;
	struct restart_name *name;
	const struct filesystem *fs;
};

struct threshold {
	struct threshold_settings set;
	struct config_thresholds known; /* what the limits were made of */
	struct arena arena;
	struct limit limits[CONFIG_MAX_THRESHOLDS];
	uint16_t by_subject[METRIC_OF_HOST + 1][CONFIG_MAX_THRESHOLDS];
	size_t limits_n, by_subject_n[METRIC_OF_HOST + 1];
	const struct limit *oom_kill;
	struct beyond beyond[THRESHOLD_MAX_BEYOND + 1]; /* 0 is none */
	uint32_t free_head, beyond_n;
	struct watched *slots[CONFIG_MAX_CONTAINERS];
	uint32_t top, watched_n;
	struct filesystem filesystems[THRESHOLD_MAX_FILESYSTEMS];
	uint32_t host_head;		  /* of the host's pressure */
	const struct metric_world *world; /* during a tick */
	uint64_t round, refused, disk_ns, started_ns;
};

/* threshold.c */
void threshold_forget(struct threshold *t, uint32_t slot); /* ends its alerts */
void threshold_drop(struct threshold *t, uint32_t *head, const struct beyond *b);

/* threshold_limits.c */
bool threshold_fits(const struct limit *l, const struct container *c);
void threshold_each_subject(struct threshold *t,
			    void (*fn)(struct threshold *t, const struct subject *s, void *ctx),
			    void *ctx);

/* threshold_disk.c: what file systems there are, and how full; gone is called before one leaves. */
void threshold_look_at_disks(struct threshold *t,
			     void (*gone)(struct threshold *t, struct filesystem *fs));
double threshold_filesystem_percent(const struct filesystem *fs, struct metric_figure *out);

/* threshold_tell.c */
void threshold_tell(struct threshold *t, const struct limit *l, const struct subject *s,
		    const struct metric_figure *f, const struct beyond *b);
void threshold_tell_end(struct threshold *t, const struct limit *l, const struct subject *s);
bool threshold_was_told(struct threshold *t, const struct limit *l, const struct subject *s);

#endif
