// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/byte_map.h"

#include <errno.h>
#include <string.h>

#define FIRST_PLACES 8

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Multiply and fold, eight bytes a step. */
uint64_t byte_hash(struct span s, uint64_t seed)
{
	uint64_t h = seed ^ 0x9e3779b97f4a7c15ULL ^ s.n, w;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.p + i, 8);
		h = mix(h ^ w, 0xd6e8feb86659fd93ULL);
	}
	if (i < s.n) {
		w = 0;
		memcpy(&w, s.p + i, s.n - i);
		h = mix(h ^ w, 0xa0761d6478bd642fULL);
	}
	return mix(h, 0xe7037ed1a0b428dbULL);
}

static bool same(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

uint32_t byte_map_find(const struct byte_map *m, struct span key)
{
	if (!m->entries)
		return BYTE_MAP_NONE;
	const uint64_t hash = byte_hash(key, m->seed);

	for (uint32_t i = (uint32_t)hash & m->mask;; i = (i + 1) & m->mask) {
		const struct byte_map_entry *e = &m->entries[i];

		if (!e->key.p)
			return BYTE_MAP_NONE;
		if (e->hash == hash && same(e->key, key))
			return e->value;
	}
}

static void put(struct byte_map *m, const struct byte_map_entry *e)
{
	uint32_t i = (uint32_t)e->hash & m->mask;

	while (m->entries[i].key.p)
		i = (i + 1) & m->mask;
	m->entries[i] = *e;
}

/* At most half full, so that a look-up of what is not there ends soon. */
static int make_room(struct arena *a, struct byte_map *m)
{
	const struct byte_map old = *m;

	if (old.entries && (old.n + 1) * 2 <= old.mask + 1)
		return 0;
	uint32_t places = old.entries ? (old.mask + 1) * 2 : FIRST_PLACES;
	struct byte_map_entry *entries = arena_zeroed(a, places, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	m->entries = entries;
	m->mask = places - 1;
	for (uint32_t i = 0; old.entries && i <= old.mask; i++)
		if (old.entries[i].key.p)
			put(m, &old.entries[i]);
	return 0;
}

int byte_map_add(struct arena *a, struct byte_map *m, struct span key, uint32_t value)
{
	if (byte_map_find(m, key) != BYTE_MAP_NONE)
		return -EEXIST;
	int r = make_room(a, m);
	struct span kept = r < 0 ? key : arena_copy(a, key);

	if (r < 0 || !kept.p)
		return -ENOMEM;
	put(m, &(struct byte_map_entry){ byte_hash(kept, m->seed), kept, value });
	m->n++;
	return 0;
}
