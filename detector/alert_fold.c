// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/alert_fold.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS 4096

/* By the time of their window's start: the same as by its end, but for a reload. */
struct list {
	struct fold_entry *oldest, *newest;
};

struct fold {
	struct fold_entry *hash[BUCKETS];
	struct list open, firing; /* without and with an end */
	uint64_t seed;
	size_t max_bytes;
	fold_fn update;
	void *ctx;
	struct fold_stats stats;
};

int fold_new(struct fold **out, uint32_t max_entries, size_t max_bytes, fold_fn update, void *ctx,
	     struct err *e)
{
	struct fold *f = calloc(1, sizeof(*f));

	if (!f)
		return err_set(e, ENOMEM, "no memory to fold alerts");
	f->max_bytes = max_bytes;
	f->update = update;
	f->ctx = ctx;
	f->stats.capacity = max_entries;
	/* without a seed the keys of one chain could be chosen by a container */
	if (getrandom(&f->seed, sizeof(f->seed), GRND_NONBLOCK) < 0)
		f->seed = (uint64_t)(uintptr_t)f;
	*out = f;
	return 0;
}

static void free_list(struct list *l)
{
	while (l->oldest) {
		struct fold_entry *e = l->oldest;

		l->oldest = e->newer;
		free(e);
	}
}

void fold_free(struct fold *f)
{
	if (!f)
		return;
	free_list(&f->open);
	free_list(&f->firing);
	free(f);
}

static uint64_t mix(uint64_t h, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ULL;
	return (h ^ s.n) * 0x9e3779b97f4a7c15ULL;
}

static struct span key_part(struct span s)
{
	return (struct span){ s.p, s.n < ALERT_MAX_KEY ? s.n : ALERT_MAX_KEY };
}

static uint64_t hash_of(const struct fold *f, const struct fold_key *k)
{
	uint64_t h = f->seed ^ (uint64_t)k->kind;

	h = mix(mix(mix(h, key_part(k->rule)), key_part(k->where)), key_part(k->key));
	return h ^ h >> 29;
}

static bool same(struct span kept, struct span s)
{
	s = key_part(s);
	return kept.n == s.n && (s.n == 0 || memcmp(kept.p, s.p, s.n) == 0);
}

struct fold_entry *fold_find(const struct fold *f, const struct fold_key *k)
{
	const uint64_t h = hash_of(f, k);
	struct fold_entry *e = f->hash[h % BUCKETS];

	for (; e; e = e->hash_next)
		if (e->hash == h && e->kind == k->kind && same(e->rule, k->rule) &&
		    same(e->where, k->where) && same(e->key, k->key))
			return e;
	return NULL;
}

static struct list *list_of(struct fold *f, const struct fold_entry *e)
{
	return e->has_end ? &f->firing : &f->open;
}

static void append(struct fold *f, struct fold_entry *e)
{
	struct list *l = list_of(f, e);

	e->newer = NULL;
	e->older = l->newest;
	if (l->newest)
		l->newest->newer = e;
	else
		l->oldest = e;
	l->newest = e;
}

static void unlink_entry(struct fold *f, struct fold_entry *e)
{
	struct list *l = list_of(f, e);

	if (e->older)
		e->older->newer = e->newer;
	else
		l->oldest = e->newer;
	if (e->newer)
		e->newer->older = e->older;
	else
		l->newest = e->older;
}

void fold_remove(struct fold *f, struct fold_entry *e)
{
	struct fold_entry **at = &f->hash[e->hash % BUCKETS];

	while (*at != e)
		at = &(*at)->hash_next;
	*at = e->hash_next;
	unlink_entry(f, e);
	f->stats.used--;
	f->stats.firing -= e->has_end;
	f->stats.bytes -= e->bytes;
	free(e);
}

void fold_repeat(struct fold *f, struct fold_entry *e, uint64_t now_unix_ns)
{
	e->count++;
	e->inherited = false;
	if (now_unix_ns > e->last_ns)
		e->last_ns = now_unix_ns;
	f->stats.folded++;
}

static void tell(struct fold *f, struct fold_entry *e)
{
	if (e->count == e->told_count)
		return;
	e->told_count = e->count;
	f->update(f->ctx, e);
}

static bool make_room(struct fold *f, size_t bytes)
{
	while (f->stats.used >= f->stats.capacity || f->stats.bytes + bytes > f->max_bytes) {
		struct fold_entry *oldest = f->open.oldest;

		if (!oldest)
			return false;
		tell(f, oldest);
		f->stats.cut_short++;
		fold_remove(f, oldest);
	}
	return true;
}

static struct span copy(struct fold_entry *e, size_t *at, struct span s)
{
	char *p = e->data + *at;

	if (s.n)
		memcpy(p, s.p, s.n);
	*at += s.n;
	return (struct span){ p, s.n };
}

struct fold_entry *fold_add(struct fold *f, const struct fold_new_entry *n)
{
	struct span rule = key_part(n->key.rule), where = key_part(n->key.where);
	struct span key = key_part(n->key.key), id = key_part(n->container_id);
	struct span name = key_part(n->container), image = key_part(n->image);
	size_t bytes = sizeof(struct fold_entry) + rule.n + where.n + key.n + id.n + name.n +
		       image.n + n->body.n,
	       at = 0;
	struct fold_entry *e;

	if (!n->has_end && n->window_ns == 0)
		return NULL;
	e = make_room(f, bytes) ? malloc(bytes) : NULL;
	if (!e) {
		f->stats.refused++;
		return NULL;
	}
	*e = (struct fold_entry){ .kind = n->key.kind,
				  .severity = n->severity,
				  .has_end = n->has_end,
				  .body_cut = n->body_cut,
				  .count = 1,
				  .told_count = 1,
				  .first_ns = n->now_unix_ns,
				  .last_ns = n->now_unix_ns,
				  .born_ns = n->now_ns,
				  .window_ends_ns = n->now_ns + n->window_ns,
				  .hash = hash_of(f, &n->key),
				  .bytes = bytes };
	snprintf(e->id, sizeof(e->id), "%s", n->id);
	e->rule = copy(e, &at, rule);
	e->where = copy(e, &at, where);
	e->key = copy(e, &at, key);
	e->container_id = copy(e, &at, id);
	e->container = copy(e, &at, name);
	e->image = copy(e, &at, image);
	e->body = copy(e, &at, n->body);
	e->hash_next = f->hash[e->hash % BUCKETS];
	f->hash[e->hash % BUCKETS] = e;
	append(f, e);
	f->stats.used++;
	f->stats.firing += e->has_end;
	f->stats.bytes += bytes;
	return e;
}

/* The next window begins where repeats came in this one; an alert with an end waits for it. */
static void close_window(struct fold *f, struct fold_entry *e, uint64_t now_ns, uint64_t window_ns)
{
	bool quiet = e->count == e->told_count;

	tell(f, e);
	if (!e->has_end && (quiet || window_ns == 0 || now_ns - e->born_ns >= FOLD_LIFE_NS)) {
		fold_remove(f, e);
		return;
	}
	e->window_ends_ns = now_ns + window_ns;
	unlink_entry(f, e);
	append(f, e);
}

static unsigned tick_list(struct fold *f, struct list *l, uint64_t now_ns, uint64_t window_ns,
			  unsigned max)
{
	while (max > 0 && l->oldest && l->oldest->window_ends_ns <= now_ns) {
		close_window(f, l->oldest, now_ns, window_ns ? window_ns : 1000000000ULL);
		max--;
	}
	return max;
}

void fold_tick(struct fold *f, uint64_t now_ns, uint64_t window_ns, unsigned max)
{
	max = tick_list(f, &f->open, now_ns, window_ns, max);
	tick_list(f, &f->firing, now_ns, window_ns, max);
}

void fold_close_all(struct fold *f)
{
	while (f->open.oldest) {
		tell(f, f->open.oldest);
		fold_remove(f, f->open.oldest);
	}
	for (struct fold_entry *e = f->firing.oldest; e; e = e->newer)
		tell(f, e);
}

void fold_each_firing(struct fold *f, fold_fn fn, void *ctx)
{
	for (struct fold_entry *e = f->firing.oldest, *next; e; e = next) {
		next = e->newer;
		fn(ctx, e);
	}
}

struct fold_stats fold_stats(const struct fold *f)
{
	return f->stats;
}
