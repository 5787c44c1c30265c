// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries of a baseline: by what was seen, and by a person. */
#include <errno.h>
#include <string.h>

#include "detector/baseline_internal.h"

static struct path_entry *find_rejected(const struct baseline_set *s, struct span key)
{
	return s->rejected ? path_tree_find(s->rejected, key) : NULL;
}

struct path_entry *baseline_find(const struct baseline *b, enum baseline_class c, struct span key)
{
	struct path_entry *no = find_rejected(&b->sets[c], key);

	return no ? no : path_tree_find(b->sets[c].tree, key);
}

static int count_refused(struct baseline *b, enum baseline_class c, int r)
{
	b->sets[c].refused = baseline_sum(b->sets[c].refused, 1);
	b->dirty = true;
	return r;
}

int baseline_refuse(struct baseline *b, enum baseline_class c, int r)
{
	memset(b->sets[c].complete_ns, 0, sizeof(b->sets[c].complete_ns));
	return count_refused(b, c, r);
}

int baseline_note(struct baseline *b, enum baseline_class c, struct span key, unsigned digest,
		  uint64_t now_ns, struct path_entry **out, bool *made)
{
	struct path_entry *entry = find_rejected(&b->sets[c], key);
	bool fresh = false;

	if (!entry) {
		int r = path_tree_add(b->sets[c].tree, key, &entry, &fresh);

		if (r == -EINVAL)
			return r;
		/* what was learned stays so, and the caller tells what is new: else whoever fills a
		 * class would blind it */
		if (r < 0 && b->sets[c].complete_ns[PHASE_STEADY])
			return count_refused(b, c, r);
		if (r < 0)
			return baseline_refuse(b, c, r);
		if (fresh)
			baseline_make_room(b);
	}
	entry->seen.first_ns = baseline_earlier(entry->seen.first_ns, now_ns);
	if (now_ns > entry->seen.last_ns)
		entry->seen.last_ns = now_ns;
	if (digest < BASELINE_MAX_DIGESTS)
		entry->seen.digests |= 1U << digest;
	entry->seen.flags &= ~(uint32_t)SEEN_IMPORTED;
	b->updated_ns = now_ns;
	b->imported = false;
	b->dirty = true;
	if (out)
		*out = entry;
	if (made)
		*made = fresh;
	return 0;
}

struct walk {
	bool (*fn)(void *ctx, struct span pattern, struct path_entry *entry);
	void *ctx;
	bool stopped;
};

static bool walk_one(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct walk *w = ctx;

	w->stopped = !w->fn(w->ctx, pattern, entry);
	return !w->stopped;
}

void baseline_each(const struct baseline *b, enum baseline_class c,
		   bool (*fn)(void *ctx, struct span pattern, struct path_entry *entry), void *ctx)
{
	struct walk w = { fn, ctx, false };

	path_tree_each(b->sets[c].tree, walk_one, &w);
	if (b->sets[c].rejected && !w.stopped)
		path_tree_each(b->sets[c].rejected, walk_one, &w);
}

/* --- by a person -------------------------------------------------------------------------------
 */

static int make_rejected(struct baseline_set *s)
{
	const struct path_tree_settings settings = { .max_entries = BASELINE_MAX_REJECTED,
						     .max_bytes = BASELINE_MAX_REJECTED_BYTES };

	return s->rejected ? 0 : path_tree_new(&s->rejected, &settings, NULL);
}

/* Without the last one the tree goes, too: it has memory of its own. */
static void drop_if_empty(struct baseline_set *s)
{
	if (s->rejected && path_tree_stats(s->rejected).entries == 0) {
		path_tree_free(s->rejected);
		s->rejected = NULL;
	}
}

static void count_rejected(const struct baseline *b, size_t *entries, size_t *bytes)
{
	*entries = *bytes = 0;
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		const struct path_tree *t = b->sets[c].rejected;

		*entries += t ? path_tree_stats(t).entries : 0;
		*bytes += t ? path_tree_stats(t).bytes : 0;
	}
}

int baseline_add_rejected(struct baseline *b, enum baseline_class c, struct span pattern,
			  const struct seen *seen)
{
	struct baseline_set *s = &b->sets[c];
	struct path_entry *entry;
	size_t entries, bytes;
	int r = make_rejected(s);

	if (r < 0)
		return r;
	r = path_tree_add_pattern(s->rejected, pattern, &entry);
	if (r == 0) {
		entry->seen = *seen;
		entry->seen.flags |= SEEN_REJECTED;
		entry->seen.flags &= ~(uint32_t)(SEEN_ACCEPTED | SEEN_IMPORTED);
		count_rejected(b, &entries, &bytes);
		if (entries > BASELINE_MAX_REJECTED || bytes > BASELINE_MAX_REJECTED_BYTES) {
			path_tree_remove(s->rejected, pattern);
			r = -ENOSPC;
		}
	}
	drop_if_empty(s);
	baseline_make_room(b);
	return r;
}

int baseline_accept(struct baseline *b, enum baseline_class c, struct span pattern, uint64_t now_ns)
{
	struct baseline_set *s = &b->sets[c];
	struct path_entry *no = NULL, *entry;
	struct seen seen = { .first_ns = now_ns, .last_ns = now_ns };

	if (s->rejected)
		no = path_tree_find_pattern(s->rejected, pattern);
	if (no)
		seen = no->seen;
	else if (find_rejected(s, pattern))
		return -EEXIST;
	int r = path_tree_add_pattern(s->tree, pattern, &entry);

	if (r < 0)
		return r;
	if (no) {
		path_tree_remove(s->rejected, pattern);
		drop_if_empty(s);
	}
	if (!entry->seen.first_ns)
		entry->seen = seen;
	entry->seen.flags |= SEEN_ACCEPTED;
	entry->seen.flags &= ~(uint32_t)(SEEN_REJECTED | SEEN_IMPORTED);
	baseline_make_room(b);
	b->updated_ns = now_ns;
	b->dirty = true;
	return 0;
}

int baseline_reject(struct baseline *b, enum baseline_class c, struct span pattern)
{
	struct baseline_set *s = &b->sets[c];
	struct path_entry *entry = path_tree_find_pattern(s->tree, pattern);

	if (!entry)
		return s->rejected && path_tree_find_pattern(s->rejected, pattern) ? 0 : -ENOENT;
	int r = baseline_add_rejected(b, c, pattern, &entry->seen);

	if (r < 0)
		return r;
	path_tree_remove(s->tree, pattern);
	b->dirty = true;
	return 0;
}

int baseline_forget(struct baseline *b, enum baseline_class c, struct span pattern)
{
	struct baseline_set *s = &b->sets[c];
	bool there = path_tree_remove(s->tree, pattern);

	if (s->rejected && path_tree_remove(s->rejected, pattern)) {
		there = true;
		drop_if_empty(s);
	}
	if (!there)
		return -ENOENT;
	b->dirty = true;
	return 0;
}

struct program_search {
	struct span prefix;
	bool found;
};

static bool is_program(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct program_search *s = ctx;

	s->found = seen_is_own(&entry->seen) && pattern.n >= s->prefix.n &&
		   memcmp(pattern.p, s->prefix.p, s->prefix.n) == 0;
	return !s->found;
}

bool baseline_knows_program(const struct baseline *b, enum baseline_class c, struct span prefix)
{
	struct program_search s = { .prefix = prefix };

	path_tree_each(b->sets[c].tree, is_program, &s);
	return s.found;
}
