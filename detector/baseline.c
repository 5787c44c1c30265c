// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/baseline.h"

#include <errno.h>
#include <string.h>

#include "detector/baseline_internal.h"
#include "detector/byte_map.h"

#define KIB(n) ((n)*1024U)

const char *const baseline_class_names[] = {
#define X(id, name) name,
	BASELINE_CLASSES(X)
#undef X
		NULL
};
const char *const seen_phase_names[] = { "start-up", "steady", "shut-down", "injected", NULL };
const char *const baseline_resource_names[] = {
#define X(id, name, unit) name,
	BASELINE_RESOURCES(X)
#undef X
		NULL
};
const char *const baseline_resource_units[] = {
#define X(id, name, unit) unit,
	BASELINE_RESOURCES(X)
#undef X
		NULL
};
const char *const baseline_mode_names[] = { "off", "learn", "detect", "enforce", NULL };
const char *const enforce_action_names[] = { "alert", "kill", "deny",	  "freeze",
					     "pause", "stop", "throttle", NULL };

/* A key whose parts are names that the kernel or we chose needs no folding: nobody can make many.
 * Executables do not fold, since an unknown one is the sharpest sign that there is. Ports and
 * addresses fold: a proxy talks to many peers. */
const struct baseline_limits baseline_limits[BASELINE_CLASS_COUNT] = {
	[BASELINE_EXEC] = { .entries = 512, .bytes = KIB(32) },
	[BASELINE_SCRIPT] = { .entries = 512, .bytes = KIB(14) },
	[BASELINE_WRITE] = { .entries = 1024, .bytes = KIB(34), .fan_out = 24, .normalise = true },
	[BASELINE_READ] = { .entries = 256, .bytes = KIB(12), .fan_out = 24, .normalise = true },
	[BASELINE_LISTEN] = { .entries = 64, .bytes = KIB(6), .fan_out = 12 },
	[BASELINE_CONNECT] = { .entries = 512, .bytes = KIB(20), .fan_out = 8 },
	[BASELINE_UNIX] = { .entries = 128, .bytes = KIB(6), .normalise = true },
	[BASELINE_USER] = { .entries = 64, .bytes = KIB(6) },
	[BASELINE_CAPABILITY] = { .entries = 64, .bytes = KIB(7) },
	[BASELINE_SYSCALL] = { .entries = 512, .bytes = KIB(32) },
	[BASELINE_CALL] = { .entries = 128, .bytes = KIB(10) },
};

static int name_index(const char *const *names, struct span name)
{
	for (int i = 0; names[i]; i++)
		if (span_eq(name, names[i]))
			return i;
	return -1;
}

bool baseline_class_parse(struct span name, enum baseline_class *out)
{
	const int i = name_index(baseline_class_names, name);

	if (i >= 0)
		*out = (enum baseline_class)i;
	return i >= 0;
}

bool baseline_mode_parse(struct span name, enum baseline_mode *out)
{
	const int i = name_index(baseline_mode_names, name);

	if (i >= 0)
		*out = (enum baseline_mode)i;
	return i >= 0;
}

bool baseline_clean(struct span name, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0, k; i < name.n; i += k) {
		const size_t valid = utf8_len((struct span){ name.p + i, name.n - i });
		const unsigned char first = (unsigned char)name.p[i];

		k = valid ? valid : 1;
		if (n + k >= cap) {
			out[n] = '\0';
			return false;
		}
		if (!valid || first < 0x20 || first == 0x7f)
			out[n++] = '?';
		else
			memcpy(out + n, name.p + i, k), n += k;
	}
	out[n] = '\0';
	return true;
}

/* --- as a whole --------------------------------------------------------------------------------
 */

static int make_trees(struct baseline *b, struct err *e)
{
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		const struct baseline_limits *l = &baseline_limits[c];
		const struct path_tree_settings s = { .fan_out = l->fan_out,
						      .max_entries = l->entries,
						      .max_bytes = l->bytes,
						      .normalise = l->normalise };
		int r = path_tree_new(&b->sets[c].tree, &s, e);

		if (r < 0)
			return r;
	}
	const struct path_tree_settings told = { .max_entries = BASELINE_MAX_DEVIATIONS,
						 .max_bytes = BASELINE_DEVIATION_BYTES };

	return path_tree_new(&b->deviations, &told, e);
}

int baseline_new(struct baseline **out, struct span repository, struct span entry, uint64_t now_ns,
		 struct err *e)
{
	if (repository.n == 0)
		return err_set(e, EINVAL, "a baseline needs the name of an image");
	AUTO(baseline_free) struct baseline *b = calloc(1, sizeof(*b));

	if (!b)
		return err_set(e, ENOMEM, "no memory for a baseline");
	if (!baseline_clean(repository, b->repository, sizeof(b->repository)) ||
	    !baseline_clean(entry, b->entry, sizeof(b->entry)))
		return err_set(e, ENAMETOOLONG, "the name '%s' is too long for a baseline",
			       b->repository);
	b->mode = MODE_LEARN;
	b->mode_since_ns = b->created_ns = b->updated_ns = now_ns;
	b->dirty = true;
	for (unsigned i = 0; i < RESOURCE_COUNT; i++) {
		sketch_init(&b->usage[i].startup, BASELINE_ALPHA, BASELINE_STARTUP_BUCKETS);
		sketch_init(&b->usage[i].steady, BASELINE_ALPHA, BASELINE_BUCKETS);
	}
	int r = make_trees(b, e);

	if (r < 0)
		return r;
	*out = TAKE(b);
	return 0;
}

static void free_usage(struct baseline_usage *u)
{
	sketch_release(&u->startup);
	sketch_release(&u->steady);
	for (unsigned h = 0; h < 24; h++) {
		if (u->hours[h])
			sketch_release(u->hours[h]);
		free(u->hours[h]);
	}
}

void baseline_free(struct baseline *b)
{
	if (!b)
		return;
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		path_tree_free(b->sets[c].tree);
		path_tree_free(b->sets[c].rejected);
	}
	path_tree_free(b->deviations);
	for (unsigned i = 0; i < RESOURCE_COUNT; i++)
		free_usage(&b->usage[i]);
	free(b);
}

static size_t tree_bytes(const struct path_tree *t)
{
	return t ? path_tree_stats(t).bytes : 0;
}

size_t baseline_bytes(const struct baseline *b)
{
	size_t n = sizeof(*b) + tree_bytes(b->deviations);

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		n += tree_bytes(b->sets[c].tree) + tree_bytes(b->sets[c].rejected);
	for (unsigned i = 0; i < RESOURCE_COUNT; i++) {
		const struct baseline_usage *u = &b->usage[i];

		n += sketch_bytes(&u->startup) - sizeof(u->startup);
		n += sketch_bytes(&u->steady) - sizeof(u->steady);
		for (unsigned h = 0; h < 24; h++)
			n += u->hours[h] ? sketch_bytes(u->hours[h]) : 0;
	}
	return n;
}

/* --- digests and containers --------------------------------------------------------------------
 */

static bool drop_bit(void *ctx, struct span pattern, struct path_entry *entry)
{
	(void)pattern;
	entry->seen.digests &= ~*(const uint32_t *)ctx;
	return true;
}

void baseline_drop_digest(struct baseline *b, unsigned digest)
{
	uint32_t bit = 1U << digest;

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		baseline_each(b, (enum baseline_class)c, drop_bit, &bit);
	b->digests[digest] = (struct baseline_digest){ 0 };
}

unsigned baseline_find_digest(const struct baseline *b, const char *id)
{
	unsigned i = 0;

	while (i < BASELINE_MAX_DIGESTS && strcmp(b->digests[i].id, id) != 0)
		i++;
	return i;
}

static unsigned place_for_digest(struct baseline *b)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) {
		if (!b->digests[i].id[0])
			return i;
		if (b->digests[i].last_ns < b->digests[oldest].last_ns)
			oldest = i;
	}
	baseline_drop_digest(b, oldest);
	return oldest;
}

unsigned baseline_digest(struct baseline *b, struct span id, struct span reference, uint64_t now_ns)
{
	char clean[BASELINE_ID_BYTES];
	struct baseline_digest *d;
	bool others = false;

	baseline_clean(id.n ? id : SPAN_LIT("unknown"), clean, sizeof(clean));
	unsigned i = baseline_find_digest(b, clean);

	if (i == BASELINE_MAX_DIGESTS) {
		for (unsigned k = 0; k < BASELINE_MAX_DIGESTS; k++)
			others = others || b->digests[k].windows > 0;
		i = place_for_digest(b);
		d = &b->digests[i];
		memcpy(d->id, clean, sizeof(clean));
		d->first_ns = now_ns;
		d->inherited = others;
	}
	d = &b->digests[i];
	if (now_ns > d->last_ns)
		d->last_ns = now_ns;
	if (reference.n)
		baseline_clean(reference, d->reference, sizeof(d->reference));
	b->dirty = true;
	return i;
}

void baseline_recent(struct baseline *b, uint64_t hash)
{
	b->recent[b->recent_at] = hash;
	b->recent_at = (b->recent_at + 1) % BASELINE_RECENT;
}

bool baseline_container(struct baseline *b, struct span container_id)
{
	uint64_t hash = byte_hash(container_id, 0);

	hash += hash == 0;
	for (unsigned i = 0; i < BASELINE_RECENT; i++)
		if (b->recent[i] == hash)
			return false;
	baseline_recent(b, hash);
	b->containers = seen_sum(b->containers, 1);
	b->dirty = true;
	return true;
}
