// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables that each user has: containers that run as the same user share them. */
#include "detector/host_tables_internal.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "collector/base/io.h"
#include "collector/base/parse.h"

#define KEY_USERS_MAX (1u << 20)

/* The fullest of each table are kept: a small list, sorted. */
struct fullest {
	struct {
		uint64_t uid, used, capacity;
	} list[TABLES_MAX_USERS];
	size_t n;
};

static double fill_of(uint64_t used, uint64_t capacity)
{
	return capacity ? (double)used / (double)capacity : 0;
}

static void offer(struct fullest *f, uint64_t uid, uint64_t used, uint64_t capacity)
{
	size_t at;

	for (at = 0; at < f->n && f->list[at].uid != uid; at++)
		;
	if (at < f->n) { /* of one user the tightest limit */
		if (fill_of(used, capacity) <= fill_of(f->list[at].used, f->list[at].capacity))
			return;
	} else if (f->n < TABLES_MAX_USERS) {
		at = f->n++;
	} else {
		at = TABLES_MAX_USERS - 1;
		if (fill_of(used, capacity) <= fill_of(f->list[at].used, f->list[at].capacity))
			return;
	}
	f->list[at].uid = uid;
	f->list[at].used = used;
	f->list[at].capacity = capacity;
	for (; at > 0 && fill_of(f->list[at].used, f->list[at].capacity) >
				 fill_of(f->list[at - 1].used, f->list[at - 1].capacity);
	     at--) {
		const __typeof__(f->list[0]) above = f->list[at - 1];

		f->list[at - 1] = f->list[at];
		f->list[at] = above;
	}
}

static void put(const struct fullest *f, struct table_output *out, enum host_table t,
		const char *limit)
{
	for (size_t i = 0; i < f->n; i++) {
		struct table_figure *x =
			tables_figure(out, t, f->list[i].used, f->list[i].capacity, limit);

		if (!x)
			return;
		x->which = f->list[i].uid;
		snprintf(x->of, sizeof(x->of), "uid %llu", (unsigned long long)f->list[i].uid);
	}
}

/* --- signals --------------------------------------------------------------------------------- */

struct queue {
	uint32_t uid;
	uint64_t used, limit;
	bool has_uid, has_queue;
};

/* "Uid: 0 0 0 0", "SigQ: 3/96343": how many wait for all processes of the real user. */
static void take_line(struct queue *q, struct span key, struct span value)
{
	struct span w;

	value = span_trim(value);
	if (span_eq(key, "Uid"))
		q->has_uid = span_word(&value, &w) && parse_u32(w, &q->uid);
	else if (span_eq(key, "SigQ"))
		q->has_queue = span_next(&value, '/', &w) && parse_u64(w, &q->used) && value.p &&
			       parse_u64(value, &q->limit);
}

void tables_read_signals(struct table_output *out, const struct table_input *in)
{
	struct fullest f = { .n = 0 };
	char path[PATH_MAX], mem[16384];

	for (size_t i = 0; i < in->probes_n; i++) {
		struct queue q = { .uid = 0 };
		struct span line, key;

		if (snprintf(path, sizeof(path), "%s/%u/status", in->proc, in->probes[i]) >=
		    (int)sizeof(path))
			continue;
		const ssize_t n = io_read_at(AT_FDCWD, path, mem, sizeof(mem));
		struct span rest = { mem, n > 0 ? (size_t)n : 0 };

		while (n > 0 && span_next(&rest, '\n', &line))
			if (span_next(&line, ':', &key) && line.p)
				take_line(&q, key, line);
		if (q.has_uid && q.has_queue && q.limit && q.limit < UINT64_MAX / 2)
			offer(&f, q.uid, q.used, q.limit);
	}
	put(&f, out, TABLE_SIGNALS, "RLIMIT_SIGPENDING");
}

/* --- keys ------------------------------------------------------------------------------------ */

/* "    0:    15 14/14 9/1000000 460/25000000": the last two are a quota each. */
static bool parse_keys(struct span line, uint64_t *uid, uint64_t used[2], uint64_t max[2])
{
	struct span w, part;

	if (!span_word(&line, &w) || w.n < 2 || w.p[w.n - 1] != ':' ||
	    !parse_u64((struct span){ w.p, w.n - 1 }, uid) || !span_word(&line, &w) ||
	    !span_word(&line, &w))
		return false;
	for (int i = 0; i < 2; i++) {
		if (!span_word(&line, &w) || !span_next(&w, '/', &part) ||
		    !parse_u64(part, &used[i]) || !w.p || !parse_u64(w, &max[i]))
			return false;
	}
	return true;
}

void tables_read_keys(struct table_output *out, const struct table_input *in)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct fullest f = { .n = 0 };
	char path[PATH_MAX];
	struct span rest, line;
	uint64_t uid, used[2], max[2];

	buf_init(&b, KEY_USERS_MAX);
	if (!io_join(path, sizeof(path), in->proc, "key-users") ||
	    io_read_buf_at(AT_FDCWD, path, &b, NULL) < 0)
		return;
	rest = (struct span){ b.data ? b.data : "", b.len };
	while (span_next(&rest, '\n', &line)) {
		if (!parse_keys(line, &uid, used, max))
			continue;
		const int worse = fill_of(used[1], max[1]) > fill_of(used[0], max[0]);

		offer(&f, uid, used[worse], max[worse]);
	}
	put(&f, out, TABLE_KEYS, "kernel.keys");
}

/* --- inotify, and who holds what of all these ------------------------------------------------ */

static void by_user(const struct sweep *s, struct table_output *out, enum host_table t,
		    size_t field, uint64_t max, const char *limit)
{
	struct fullest f = { .n = 0 };

	for (size_t i = 0; i < s->n; i++) {
		uint64_t sum = 0;
		size_t k = 0;

		while (k < i && s->rows[k].uid != s->rows[i].uid)
			k++;
		if (k < i)
			continue; /* of a user that was summed up */
		for (k = i; k < s->n; k++)
			if (s->rows[k].uid == s->rows[i].uid)
				sum += *(const uint64_t *)(const void *)((const char *)&s->rows[k] +
									 field);
		if (sum)
			offer(&f, s->rows[i].uid, sum, max);
	}
	put(&f, out, t, limit);
}

void tables_inotify(const struct sweep *s, struct table_output *out, const struct table_input *in)
{
	uint64_t max;

	if (!s->whole)
		return;
	if (tables_word(in->sys, "user/max_inotify_instances", 0, &max))
		by_user(s, out, TABLE_INOTIFY_INSTANCES, offsetof(struct swept, instances), max,
			"user.max_inotify_instances");
	if (tables_word(in->sys, "user/max_inotify_watches", 0, &max))
		by_user(s, out, TABLE_INOTIFY_WATCHES, offsetof(struct swept, watches), max,
			"user.max_inotify_watches");
}

/* Queued signals are memory of the kernel, charged to who sent them: mostly to themselves. Is there
 * one that cannot be weighed, all weigh by their processes. */
static uint64_t weigh(const struct sweep *s, const struct table_input *in, uint64_t uid,
		      uint64_t *weights)
{
	uint64_t memory = 0, processes = 0;
	bool known = true;

	for (size_t i = 0; i < s->n; i++) {
		const struct swept *r = &s->rows[i];

		if (r->uid != uid || r->real_time == 0)
			continue;
		weights[i] = tables_kernel_memory(in, r->subject);
		known = known && weights[i] > 0;
		memory += weights[i];
		processes += r->real_time;
	}
	if (known)
		return memory;
	for (size_t i = 0; i < s->n; i++)
		weights[i] = s->rows[i].uid == uid ? s->rows[i].real_time : 0;
	return processes;
}

/* What is queued beyond the signals that were seen one by one waits for those with real-time ones.
 */
static void hold_signals(const struct sweep *s, struct table_output *out,
			 const struct table_input *in, uint64_t uid, uint64_t used)
{
	AUTO_FREE uint64_t *weights = calloc(s->n + 1, sizeof(*weights));
	const uint64_t sum = weights ? weigh(s, in, uid, weights) : 0;
	uint64_t known = 0;

	for (size_t i = 0; i < s->n; i++)
		known += s->rows[i].uid == uid ? s->rows[i].signals : 0;
	const double rest = used > known ? (double)(used - known) : 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct swept *r = &s->rows[i];
		const double part = sum ? rest * (double)weights[i] / (double)sum : 0;

		if (r->uid == uid)
			tables_holder(out, TABLE_SIGNALS, uid, r->subject,
				      r->signals + (uint64_t)part);
	}
}

/* Nothing tells whose process made a key: the container's, when nobody else runs as that user. */
static void hold_keys(const struct sweep *s, struct table_output *out, uint64_t uid, uint64_t used)
{
	const struct swept *only = NULL;

	for (size_t i = 0; i < s->n; i++) {
		if (s->rows[i].uid != uid)
			continue;
		if (only)
			return;
		only = &s->rows[i];
	}
	if (only)
		tables_holder(out, TABLE_KEYS, uid, only->subject, used);
}

void tables_hold_swept(const struct sweep *s, struct table_output *out,
		       const struct table_input *in)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct swept *r = &s->rows[i];

		tables_holder(out, TABLE_FILES, 0, r->subject, r->descriptors);
		tables_holder(out, TABLE_PTYS, 0, r->subject, r->terminals);
		tables_holder(out, TABLE_INOTIFY_INSTANCES, r->uid, r->subject, r->instances);
		tables_holder(out, TABLE_INOTIFY_WATCHES, r->uid, r->subject, r->watches);
	}
	for (size_t i = 0; i < out->figures_n; i++) {
		const struct table_figure *f = &out->figures[i];

		if (f->table == TABLE_SIGNALS && s->timers)
			hold_signals(s, out, in, f->which, f->used);
		if (f->table == TABLE_KEYS)
			hold_keys(s, out, f->which, f->used);
	}
	out->held |= TABLE_BIT(TABLE_FILES) | TABLE_BIT(TABLE_PTYS) |
		     TABLE_BIT(TABLE_INOTIFY_INSTANCES) | TABLE_BIT(TABLE_INOTIFY_WATCHES);
	if (in->want & TABLE_BIT(TABLE_SIGNALS))
		out->held |= TABLE_BIT(TABLE_SIGNALS);
}
