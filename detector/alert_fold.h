/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert_fold - makes one alert of many: repeats of (kind, rule, container or image, key) within a
 * window are counted, and told once when the window closes. While more come, windows follow each
 * other, and it stays one alert, at most FOLD_LIFE_NS long; then it is told anew.
 *
 * Owner: one thread; the caller gives the time (monotonic). The table is bounded in entries and in
 * bytes: when it is full the oldest of those without an end closes early (counted); when all have
 * an end, a new alert is told without being remembered (counted). */
#ifndef BULKHEAD_ALERT_FOLD_H
#define BULKHEAD_ALERT_FOLD_H

#include "collector/base/auto.h"
#include "detector/alert.h"

#define FOLD_MAX_ENTRIES 8192
#define FOLD_MAX_BYTES	 (32u << 20)
#define FOLD_LIFE_NS	 (3600ULL * 1000000000)

/* What tells alerts apart. */
struct fold_key {
	enum alert_kind kind;
	struct span rule, where,
		key; /* where: id of the container, or its image; empty: the host */
};

/* Copies; good until the entry goes. */
struct fold_entry {
	enum alert_kind kind;
	enum alert_severity severity;
	bool has_end, body_cut;
	bool delivered; /* its first line went out: its end must, too */
	bool inherited; /* of the last run; whether it is still so is not known */
	char id[ULID_BYTES];
	uint64_t count, told_count; /* told: in the newest line */
	uint64_t first_ns, last_ns; /* unix */
	struct span rule, where, key, container_id, container, image, body;
	uint64_t born_ns, window_ends_ns; /* monotonic */
	struct fold_entry *hash_next, *newer, *older;
	uint64_t hash;
	size_t bytes;
	char data[];
};

struct fold;

/* A window closed with repeats, or closes early: an update is due. After the call the entry may
 * be gone. */
typedef void (*fold_fn)(void *ctx, struct fold_entry *e);

int fold_new(struct fold **out, uint32_t max_entries, size_t max_bytes, fold_fn update, void *ctx,
	     struct err *e);
void fold_free(struct fold *f); /* tells nothing; NULL is fine */
DEFINE_AUTO(fold, fold_free)

/* The open alert of this key, or NULL. */
struct fold_entry *fold_find(const struct fold *f, const struct fold_key *k);
/* It came again. Its times never go backwards. */
void fold_repeat(struct fold *f, struct fold_entry *e, uint64_t now_unix_ns);

struct fold_new_entry {
	struct fold_key key;
	enum alert_severity severity;
	bool has_end, body_cut;
	const char *id;
	struct span container_id, container, image, body;
	uint64_t now_ns, now_unix_ns, window_ns; /* window 0: it is not remembered, unless it has an
						  * end */
};
/* NULL: it is not remembered. */
struct fold_entry *fold_add(struct fold *f, const struct fold_new_entry *n);
void fold_remove(struct fold *f, struct fold_entry *e); /* it is resolved */

/* Closes the windows that are over, at most `max`; call it about each second. */
void fold_tick(struct fold *f, uint64_t now_ns, uint64_t window_ns, unsigned max);
void fold_close_all(struct fold *f); /* at the end: what is counted is told */
/* Those with an end, in order of coming; fn may remove the one it gets. */
void fold_each_firing(struct fold *f, fold_fn fn, void *ctx);

struct fold_stats {
	uint64_t used, capacity, bytes;
	uint64_t firing;
	uint64_t folded;    /* repeats that became no line */
	uint64_t cut_short; /* closed before their time to make room */
	uint64_t refused;   /* told without being remembered */
};
struct fold_stats fold_stats(const struct fold *f);

#endif
