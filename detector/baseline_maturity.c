// SPDX-License-Identifier: GPL-2.0-or-later
/* How much evidence a baseline has: windows, Good-Turing's counts, what is complete. */
#include <string.h>

#include "detector/baseline_internal.h"

void baseline_window(struct baseline *b, enum seen_phase phase, unsigned digest, uint32_t void_mask,
		     uint64_t now_ns)
{
	const uint32_t all = (1U << BASELINE_CLASS_COUNT) - 1;

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		struct baseline_set *s = &b->sets[c];

		if (void_mask & 1U << c) {
			s->voided[phase] = baseline_sum(s->voided[phase], 1);
			continue;
		}
		s->windows[phase] = baseline_sum(s->windows[phase], 1);
		if (!s->first_window_ns[phase])
			s->first_window_ns[phase] = now_ns;
	}
	if (digest < BASELINE_MAX_DIGESTS && !(void_mask & all))
		b->digests[digest].windows = baseline_sum(b->digests[digest].windows, 1);
	b->updated_ns = now_ns;
	b->imported = false;
	b->dirty = true;
}

/* One walk counts for all questions. */
struct tally {
	bool has_phases;
	uint64_t entries[PHASE_COUNT], singles[PHASE_COUNT];
	uint64_t digest_entries[BASELINE_MAX_DIGESTS], digest_singles[BASELINE_MAX_DIGESTS];
};

/* People's own doings are none of the container's. */
static bool is_of_one_phase(const struct seen *s)
{
	unsigned n = 0;

	for (unsigned p = 0; p < PHASE_COUNT; p++)
		n += p != PHASE_INJECTED && s->windows[p] > 0;
	return n <= 1;
}

static bool count_entry(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct tally *t = ctx;
	const struct seen *s = &entry->seen;
	uint64_t windows = 0;

	(void)pattern;
	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		t->entries[p] += s->windows[p] > 0;
		t->singles[p] += s->windows[p] == 1 && (t->has_phases || is_of_one_phase(s));
		windows += s->windows[p];
	}
	for (unsigned d = 0; d < BASELINE_MAX_DIGESTS && s->digests >> d; d++) {
		t->digest_entries[d] += s->digests >> d & 1;
		/* its starts are too few to tell: they are learned, and told, as they come */
		t->digest_singles[d] += s->digests == 1U << d && windows == 1 &&
					s->windows[PHASE_STEADY] == 1;
	}
	return true;
}

static void phase_maturity(const struct baseline *b, enum baseline_class c, unsigned phase,
			   const struct tally *t, uint64_t now_ns, struct maturity *out)
{
	const struct baseline_set *s = &b->sets[c];

	*out = (struct maturity){ .windows = s->windows[phase],
				  .singletons = t->singles[phase],
				  .entries = t->entries[phase],
				  .since_ns = s->first_window_ns[phase],
				  .now_ns = now_ns,
				  .containers = b->containers };
}

void baseline_maturity(const struct baseline *b, enum baseline_class c, enum seen_phase phase,
		       uint64_t now_ns, struct maturity *out)
{
	struct tally t = { .has_phases = baseline_class_has_phases(c) };

	path_tree_each(b->sets[c].tree, count_entry, &t);
	phase_maturity(b, c, phase, &t, now_ns, out);
}

static void digest_maturity(const struct baseline *b, unsigned digest, const struct tally *t,
			    uint64_t now_ns, struct maturity *out)
{
	const struct baseline_digest *d = &b->digests[digest];

	*out = (struct maturity){ .windows = d->windows,
				  .singletons = t->digest_singles[digest],
				  .entries = t->digest_entries[digest],
				  .since_ns = d->first_ns,
				  .now_ns = now_ns,
				  .containers = d->windows > 0 };
}

void baseline_digest_maturity(const struct baseline *b, unsigned digest, uint64_t now_ns,
			      struct maturity *out)
{
	struct tally t = { 0 };

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		path_tree_each(b->sets[c].tree, count_entry, &t);
	digest_maturity(b, digest, &t, now_ns, out);
}

static bool is_settled(const struct baseline *b)
{
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		for (unsigned p = 0; p < PHASE_COUNT; p++)
			if (!b->sets[c].complete_ns[p])
				return false;
	for (unsigned d = 0; d < BASELINE_MAX_DIGESTS; d++)
		if (b->digests[d].id[0] && !b->digests[d].complete_ns)
			return false;
	return true;
}

static bool settle_class(struct baseline *b, enum baseline_class c, const struct tally *t,
			 const struct maturity_bounds *bounds, uint64_t now_ns)
{
	struct baseline_set *s = &b->sets[c];
	bool changed = false;
	struct maturity m;

	for (unsigned p = 0; p < PHASE_COUNT && s->refused == 0; p++) {
		if (s->complete_ns[p])
			continue;
		phase_maturity(b, c, p, t, now_ns, &m);
		if (maturity_complete(&m, bounds)) {
			s->complete_ns[p] = now_ns;
			changed = true;
		}
	}
	return changed;
}

static bool settle_digests(struct baseline *b, const struct tally *all,
			   const struct maturity_bounds *bounds, uint64_t now_ns)
{
	bool changed = false;
	struct maturity m;

	for (unsigned d = 0; d < BASELINE_MAX_DIGESTS; d++) {
		if (!b->digests[d].id[0] || b->digests[d].complete_ns)
			continue;
		digest_maturity(b, d, all, now_ns, &m);
		if (maturity_complete(&m, bounds)) {
			b->digests[d].complete_ns = now_ns;
			changed = true;
		}
	}
	return changed;
}

bool baseline_settle(struct baseline *b, const struct maturity_bounds *bounds,
		     const struct maturity_bounds *digest_bounds, uint64_t now_ns)
{
	struct tally all = { 0 };
	bool changed = false, refused = false;

	if (b->imported || is_settled(b))
		return false;
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		/* digests are counted over all classes, phases for each */
		memset(all.entries, 0, sizeof(all.entries));
		memset(all.singles, 0, sizeof(all.singles));
		all.has_phases = baseline_class_has_phases((enum baseline_class)c);
		path_tree_each(b->sets[c].tree, count_entry, &all);
		changed |= settle_class(b, (enum baseline_class)c, &all, bounds, now_ns);
		refused = refused || b->sets[c].refused > 0;
	}
	if (!refused)
		changed |= settle_digests(b, &all, digest_bounds, now_ns);
	b->dirty = b->dirty || changed;
	return changed;
}

bool baseline_complete(const struct baseline *b)
{
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		if (!b->sets[c].complete_ns[PHASE_STEADY])
			return false;
	return true;
}

/* --- age ---------------------------------------------------------------------------------------
 */

static bool is_old(void *ctx, struct span pattern, struct path_entry *entry)
{
	(void)pattern;
	return !(entry->seen.flags & SEEN_ACCEPTED) && entry->seen.last_ns < *(const uint64_t *)ctx;
}

/* There is room again for what was refused: it has to be seen, so the windows that did not note it
 * count no more. */
static void learn_again(struct baseline_set *s)
{
	s->refused = 0;
	memset(s->windows, 0, sizeof(s->windows));
	memset(s->first_window_ns, 0, sizeof(s->first_window_ns));
}

uint32_t baseline_age(struct baseline *b, uint64_t before_ns)
{
	uint32_t gone = 0;

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		struct baseline_set *s = &b->sets[c];
		const uint32_t n = path_tree_remove_if(s->tree, is_old, &before_ns);

		if (n > 0 && s->refused > 0)
			learn_again(s);
		gone += n;
	}
	b->dirty = b->dirty || gone > 0;
	return gone;
}
