// SPDX-License-Identifier: GPL-2.0-or-later
/* Two baselines as one, and what sets two digests of one apart. */
#include <errno.h>
#include <string.h>

#include "detector/baseline_internal.h"

#define NO_PLACE BASELINE_MAX_DIGESTS

struct merge {
	struct baseline *into;
	enum baseline_class class;
	unsigned place[BASELINE_MAX_DIGESTS]; /* in `into`, of each digest of the other */
	bool imported;
	int result;
};

/* --- digests -----------------------------------------------------------------------------------
 */

static unsigned oldest_digest(const struct baseline *b)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) {
		if (!b->digests[i].id[0])
			return i;
		if (b->digests[i].last_ns < b->digests[oldest].last_ns)
			oldest = i;
	}
	return oldest;
}

/* One that is older than all that are here finds no place. */
static void merge_digest(struct baseline *b, const struct baseline_digest *d, bool imported)
{
	unsigned i = baseline_find_digest(b, d->id);

	if (i < BASELINE_MAX_DIGESTS) {
		struct baseline_digest *mine = &b->digests[i];

		mine->first_ns = baseline_earlier(mine->first_ns, d->first_ns);
		if (d->last_ns > mine->last_ns)
			mine->last_ns = d->last_ns;
		mine->windows = baseline_sum(mine->windows, d->windows);
		if (!mine->reference[0])
			memcpy(mine->reference, d->reference, sizeof(d->reference));
		return;
	}
	i = oldest_digest(b);
	if (b->digests[i].id[0]) {
		if (b->digests[i].last_ns >= d->last_ns)
			return;
		baseline_drop_digest(b, i);
	}
	b->digests[i] = *d;
	if (imported)
		b->digests[i].complete_ns = 0;
}

static void merge_digests(struct merge *m, const struct baseline *from)
{
	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++)
		if (from->digests[i].id[0])
			merge_digest(m->into, &from->digests[i], m->imported);
	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) /* a later one may have taken a place */
		m->place[i] = from->digests[i].id[0]
				      ? baseline_find_digest(m->into, from->digests[i].id)
				      : NO_PLACE;
}

static uint32_t digests_here(const struct merge *m, uint32_t theirs)
{
	uint32_t mine = 0;

	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++)
		if (theirs >> i & 1 && m->place[i] != NO_PLACE)
			mine |= 1U << m->place[i];
	return mine;
}

/* --- entries -----------------------------------------------------------------------------------
 */

/* A proposal that does not fit takes nothing from what was learned here. */
static void note_failure(struct merge *m, int r)
{
	if (!m->imported)
		baseline_refuse(m->into, m->class, r);
	if (m->result == 0)
		m->result = r;
}

static bool is_fresh(const struct seen *s)
{
	return !s->first_ns && !s->flags && !seen_in_any_phase(s);
}

static void merge_seen(const struct merge *m, struct seen *mine, const struct seen *theirs)
{
	const bool fresh = is_fresh(mine);
	struct seen s = *theirs;
	uint32_t proposal;

	s.digests = digests_here(m, theirs->digests);
	if (m->imported)
		s.flags = (s.flags & ~(uint32_t)SEEN_ACCEPTED) | SEEN_IMPORTED;
	if (fresh) {
		*mine = s;
		return;
	}
	proposal = mine->flags & s.flags & SEEN_IMPORTED;
	seen_merge(mine, &s);
	mine->flags = (mine->flags & ~(uint32_t)SEEN_IMPORTED) | proposal;
}

static bool has_wildcard(struct span pattern)
{
	for (size_t i = 0; i < pattern.n; i++) {
		if (pattern.p[i] == '*')
			return true;
		i += pattern.p[i] == '\\';
	}
	return false;
}

/* Programs, users, calls are proposed by name: no file from elsewhere may make all of them known.
 */
static bool may_propose(enum baseline_class c, struct span pattern)
{
	const struct baseline_limits *l = &baseline_limits[c];

	return l->fan_out > 0 || l->normalise || !has_wildcard(pattern);
}

static bool merge_entry(void *ctx, struct span pattern, struct path_entry *theirs)
{
	struct merge *m = ctx;
	struct baseline_set *s = &m->into->sets[m->class];
	struct path_entry *mine = s->rejected ? path_tree_find_pattern(s->rejected, pattern) : NULL;

	if (m->imported && !may_propose(m->class, pattern)) {
		note_failure(m, -EPERM);
		return true;
	}
	const bool wider = m->imported && has_wildcard(pattern) &&
			   !path_tree_find_pattern(s->tree, pattern);
	const int r = mine ? 0 : path_tree_add_pattern(s->tree, pattern, &mine);

	if (r < 0) {
		note_failure(m, r);
		return true;
	}
	/* it took in what was known here: the whole is a proposal, and nobody accepted it */
	const bool took = wider && !is_fresh(&mine->seen) &&
			  path_tree_find_pattern(s->tree, pattern) == mine;

	merge_seen(m, &mine->seen, &theirs->seen);
	if (took)
		mine->seen.flags = (mine->seen.flags & ~(uint32_t)SEEN_ACCEPTED) | SEEN_IMPORTED;
	return true;
}

/* Somebody said no to it: here, too, whatever was seen here. */
static bool merge_rejected(void *ctx, struct span pattern, struct path_entry *theirs)
{
	struct merge *m = ctx;
	struct baseline_set *s = &m->into->sets[m->class];
	struct seen seen = theirs->seen;
	struct path_entry *mine = path_tree_find_pattern(s->tree, pattern);

	seen.digests = digests_here(m, seen.digests);
	if (mine)
		seen_merge(&seen, &mine->seen);
	mine = s->rejected ? path_tree_find_pattern(s->rejected, pattern) : NULL;
	if (mine)
		seen_merge(&seen, &mine->seen);
	const int r = baseline_add_rejected(m->into, m->class, pattern, &seen);

	if (r < 0)
		note_failure(m, r);
	else
		path_tree_remove(s->tree, pattern);
	return true;
}

static void merge_set(struct merge *m, const struct baseline_set *from)
{
	struct baseline_set *into = &m->into->sets[m->class];

	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		into->windows[p] = baseline_sum(into->windows[p], from->windows[p]);
		into->voided[p] = baseline_sum(into->voided[p], from->voided[p]);
		into->first_window_ns[p] =
			baseline_earlier(into->first_window_ns[p], from->first_window_ns[p]);
	}
	if (!m->imported)
		into->refused = baseline_sum(into->refused, from->refused);
	if (into->refused > 0)
		memset(into->complete_ns, 0, sizeof(into->complete_ns));
	path_tree_each(from->tree, merge_entry, m);
	if (from->rejected && !m->imported)
		path_tree_each(from->rejected, merge_rejected, m);
}

/* --- resources ---------------------------------------------------------------------------------
 */

static void merge_sketch(struct merge *m, struct sketch *into, const struct sketch *from)
{
	const int r = sketch_merge(into, from);

	if (r < 0 && m->result == 0)
		m->result = r;
	baseline_make_room(m->into);
}

static void merge_usage(struct merge *m, const struct baseline *from)
{
	struct baseline *b = m->into;

	for (unsigned r = 0; r < RESOURCE_COUNT; r++) {
		merge_sketch(m, &b->usage[r].startup, &from->usage[r].startup);
		merge_sketch(m, &b->usage[r].steady, &from->usage[r].steady);
	}
	for (unsigned r = 0; r < RESOURCE_COUNT; r++)
		for (unsigned h = 0; h < 24; h++) {
			const struct sketch *theirs = from->usage[r].hours[h];
			struct sketch *mine =
				theirs ? baseline_hour(b, (enum baseline_resource)r, h) : NULL;

			if (mine)
				merge_sketch(m, mine, theirs);
			else if (theirs && m->result == 0)
				m->result = -ENOSPC;
		}
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static bool is_empty(const struct baseline *b)
{
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		if (b->sets[c].rejected || path_tree_stats(b->sets[c].tree).entries > 0)
			return false;
		for (unsigned p = 0; p < PHASE_COUNT; p++)
			if (b->sets[c].windows[p] > 0)
				return false;
	}
	return true;
}

/* Containers that both met: only where both are of one host. */
static void merge_recent(struct baseline *into, const struct baseline *from)
{
	for (unsigned i = 0; i < BASELINE_RECENT; i++) {
		const uint64_t hash = from->recent[(from->recent_at + i) % BASELINE_RECENT];
		bool known = !hash;

		for (unsigned k = 0; k < BASELINE_RECENT && !known; k++)
			known = into->recent[k] == hash;
		if (!known)
			baseline_recent(into, hash);
	}
}

int baseline_merge(struct baseline *into, const struct baseline *from, bool imported)
{
	struct merge m = { .into = into, .imported = imported };

	if (into == from)
		return -EINVAL;
	into->imported = is_empty(into) ? imported || from->imported
					: into->imported && (imported || from->imported);
	merge_digests(&m, from);
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		m.class = (enum baseline_class)c;
		merge_set(&m, &from->sets[c]);
	}
	baseline_make_room(into);
	merge_usage(&m, from);
	if (!imported)
		merge_recent(into, from);
	into->containers = seen_sum(into->containers, from->containers);
	into->created_ns = baseline_earlier(into->created_ns, from->created_ns);
	if (from->updated_ns > into->updated_ns)
		into->updated_ns = from->updated_ns;
	into->dirty = true;
	return m.result;
}

/* --- two digests -------------------------------------------------------------------------------
 */

struct diff {
	enum baseline_class class;
	uint32_t a, b;
	bool (*fn)(void *ctx, enum baseline_class c, struct span pattern, const struct seen *seen,
		   bool in_a);
	void *ctx;
	bool stopped;
};

static bool diff_entry(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct diff *d = ctx;
	const bool in_a = entry->seen.digests & d->a, in_b = entry->seen.digests & d->b;

	if (in_a != in_b)
		d->stopped = !d->fn(d->ctx, d->class, pattern, &entry->seen, in_a);
	return !d->stopped;
}

void baseline_diff(const struct baseline *b, unsigned digest_a, unsigned digest_b,
		   bool (*fn)(void *ctx, enum baseline_class c, struct span pattern,
			      const struct seen *seen, bool in_a),
		   void *ctx)
{
	struct diff d = { .a = 1U << digest_a, .b = 1U << digest_b, .fn = fn, .ctx = ctx };

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT && !d.stopped; c++) {
		d.class = (enum baseline_class)c;
		baseline_each(b, d.class, diff_entry, &d);
	}
}
