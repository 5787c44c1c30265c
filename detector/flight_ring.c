// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/flight_ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define NONE	   UINT32_MAX
#define CUT_STRING 1536 /* of each string of a record that is too long */
#define MIN_CHUNKS 2

enum lane { LANE_RARE, LANE_MANY, LANES };

struct chunk {
	uint32_t next, used;
};

struct ring {
	uint64_t key; /* cgroup and lane */
	uint64_t ended_ns;
	uint32_t first, last, n; /* chunks, oldest first */
	uint32_t hash_next;
	uint32_t less, more; /* neighbours in the list of those that hold as many */
};

struct list {
	uint32_t first, last;
};

struct flight_ring {
	uint8_t *arena;
	uint64_t arena_bytes;
	struct chunk *chunks;
	struct ring *rings; /* one more than chunks: each holds one, but for one that is made */
	struct list *by_n;  /* rings by how many chunks they hold */
	uint32_t *buckets;  /* of the hash table */
	uint32_t buckets_mask, chunks_n, rings_n;
	uint32_t free_chunk, free_ring;
	uint32_t top;  /* the most that one holds */
	uint32_t turn; /* of flight_ring_next */
	uint32_t ended;
	struct flight_ring_stats stats;
};

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static uint8_t *chunk_at(const struct flight_ring *r, uint32_t i)
{
	return r->arena + (size_t)i * FLIGHT_CHUNK_BYTES;
}

/* --- rings by key ------------------------------------------------------------------------------
 */

static uint64_t key_of(uint64_t cgroup, enum lane lane)
{
	return cgroup << 1 | (uint64_t)lane; /* inode numbers do not use the highest bit */
}

static uint32_t *bucket_of(const struct flight_ring *r, uint64_t key)
{
	return &r->buckets[(uint32_t)((key * 0x9e3779b97f4a7c15ULL) >> 32) & r->buckets_mask];
}

static uint32_t find(const struct flight_ring *r, uint64_t key)
{
	uint32_t i = *bucket_of(r, key);

	while (i != NONE && r->rings[i].key != key)
		i = r->rings[i].hash_next;
	return i;
}

/* There is a free one: a ring without a chunk is none. */
static uint32_t make(struct flight_ring *r, uint64_t key)
{
	uint32_t i = r->free_ring, *bucket = bucket_of(r, key);

	r->free_ring = r->rings[i].hash_next;
	r->rings[i] = (struct ring){ .key = key,
				     .first = NONE,
				     .last = NONE,
				     .hash_next = *bucket,
				     .less = NONE,
				     .more = NONE };
	*bucket = i;
	r->stats.rings++;
	return i;
}

static void forget(struct flight_ring *r, uint32_t i)
{
	uint32_t *at = bucket_of(r, r->rings[i].key);

	while (*at != i)
		at = &r->rings[*at].hash_next;
	*at = r->rings[i].hash_next;
	r->ended -= r->rings[i].ended_ns > 0;
	r->rings[i] = (struct ring){ .hash_next = r->free_ring };
	r->free_ring = i;
	r->stats.rings--;
}

/* --- who holds most ----------------------------------------------------------------------------
 */

static void unlink_ring(struct flight_ring *r, uint32_t i)
{
	const struct ring *g = &r->rings[i];
	struct list *l = &r->by_n[g->n];

	if (g->less != NONE)
		r->rings[g->less].more = g->more;
	else
		l->first = g->more;
	if (g->more != NONE)
		r->rings[g->more].less = g->less;
	else
		l->last = g->less;
}

static void link_ring(struct flight_ring *r, uint32_t i)
{
	struct ring *g = &r->rings[i];
	struct list *l = &r->by_n[g->n];

	g->less = l->last;
	g->more = NONE;
	if (l->last != NONE)
		r->rings[l->last].more = i;
	else
		l->first = i;
	l->last = i;
	if (g->n > r->top)
		r->top = g->n;
}

static void set_count(struct flight_ring *r, uint32_t i, uint32_t n)
{
	if (r->rings[i].n > 0)
		unlink_ring(r, i);
	r->rings[i].n = n;
	if (n > 0)
		link_ring(r, i);
	while (r->top > 0 && r->by_n[r->top].first == NONE)
		r->top--;
}

/* --- chunks ------------------------------------------------------------------------------------
 */

static uint32_t take_oldest(struct flight_ring *r, uint32_t i)
{
	struct ring *g = &r->rings[i];
	uint32_t c = g->first;

	g->first = r->chunks[c].next;
	if (g->first == NONE)
		g->last = NONE;
	set_count(r, i, g->n - 1);
	return c;
}

static uint32_t take_chunk(struct flight_ring *r, uint32_t for_ring)
{
	const uint32_t own = r->rings[for_ring].n;
	uint32_t c = r->free_chunk, from = r->by_n[r->top].first;

	if (c != NONE && own < FLIGHT_RING_CHUNKS) {
		r->free_chunk = r->chunks[c].next;
		r->stats.used++;
		return c;
	}
	/* with one chunk less than the other it would only be taken back */
	if (own == FLIGHT_RING_CHUNKS || (own > 0 && r->top <= own + 1))
		from = for_ring;
	c = take_oldest(r, from);
	if (r->rings[from].n == 0 && from != for_ring)
		forget(r, from);
	return c;
}

static void add_chunk(struct flight_ring *r, uint32_t i)
{
	uint32_t c = take_chunk(r, i);
	struct ring *g = &r->rings[i];

	r->chunks[c] = (struct chunk){ .next = NONE };
	if (g->last != NONE)
		r->chunks[g->last].next = c;
	else
		g->first = c;
	g->last = c;
	set_count(r, i, g->n + 1);
}

static void drop(struct flight_ring *r, uint32_t i)
{
	while (r->rings[i].n > 0) {
		uint32_t c = take_oldest(r, i);

		r->chunks[c].next = r->free_chunk;
		r->free_chunk = c;
		r->stats.used--;
	}
	forget(r, i);
}

/* --- events ------------------------------------------------------------------------------------
 */

static enum lane lane_of(uint16_t type)
{
	switch (event_type_class(type)) {
	case EVENT_CLASS_PROCESS:
	case EVENT_CLASS_ISOLATION:
	case EVENT_CLASS_CONTROL:
	case EVENT_CLASS_COUNT:
		return LANE_RARE;
	case EVENT_CLASS_NETWORK:
	case EVENT_CLASS_FILE:
		return LANE_MANY;
	}
	return LANE_RARE;
}

static bool is_path(enum event_tag tag)
{
	return tag == TAG_PATH || tag == TAG_PATH2 || tag == TAG_BASE || tag == TAG_BASE2 ||
	       tag == TAG_CWD;
}

/* The record with its strings cut, or 0. */
static size_t write_cut(void *out, const struct event_view *v)
{
	struct event_writer w = { .p = out, .cap = FLIGHT_CHUNK_BYTES };

	event_write_begin(&w, out, FLIGHT_CHUNK_BYTES, v->head, v->fixed);
	for (enum event_tag t = TAG_NONE + 1; t < TAG_COUNT; t++) {
		struct span s = v->strings[t];
		uint8_t flags = v->string_flags[t];

		if (!s.p)
			continue;
		if (s.n > CUT_STRING) {
			s.p += is_path(t) ? s.n - CUT_STRING : 0;
			s.n = CUT_STRING;
			flags |= STRING_CUT;
		}
		event_write_string(&w, t, flags, s);
	}
	return event_write_end(&w);
}

void flight_ring_add(struct flight_ring *r, const struct event_view *v)
{
	const uint64_t key = key_of(v->head->container_cgroup, lane_of(v->head->type));
	const size_t bytes = v->head->size;
	/* what is cut may need any room up to a whole chunk: it gets one of its own */
	const size_t room = bytes <= FLIGHT_CHUNK_BYTES ? padded(bytes) : FLIGHT_CHUNK_BYTES;
	uint32_t i = find(r, key);

	if (i == NONE)
		i = make(r, key);
	struct ring *g = &r->rings[i];

	if (g->n == 0 || r->chunks[g->last].used + room > FLIGHT_CHUNK_BYTES)
		add_chunk(r, i);
	struct chunk *c = &r->chunks[g->last];
	uint8_t *to = chunk_at(r, g->last) + c->used;

	r->stats.events++;
	if (bytes <= FLIGHT_CHUNK_BYTES) {
		memcpy(to, v->head, bytes);
		c->used += (uint32_t)room;
		return;
	}
	size_t n = write_cut(to, v);

	r->stats.cut += n > 0;
	r->stats.refused += n == 0;
	c->used += (uint32_t)padded(n);
}

/* --- the end of containers ---------------------------------------------------------------------
 */

void flight_ring_end(struct flight_ring *r, uint64_t cgroup, uint64_t now_ns)
{
	for (unsigned lane = 0; lane < LANES && cgroup; lane++) {
		uint32_t i = find(r, key_of(cgroup, lane));

		if (i == NONE || r->rings[i].ended_ns)
			continue;
		r->rings[i].ended_ns = now_ns ? now_ns : 1;
		r->ended++;
	}
}

void flight_ring_expire(struct flight_ring *r, uint64_t now_ns)
{
	for (uint32_t i = 0; i < r->rings_n && r->ended > 0; i++) {
		const uint64_t ended = r->rings[i].ended_ns;

		if (ended && now_ns > ended && now_ns - ended >= FLIGHT_KEEP_NS)
			drop(r, i);
	}
}

uint64_t flight_ring_next(struct flight_ring *r)
{
	for (uint32_t n = 0; n < 64 && r->stats.rings > 0; n++) {
		const struct ring *g = &r->rings[r->turn];

		r->turn = (r->turn + 1) % r->rings_n;
		if (g->n > 0 && !g->ended_ns)
			return g->key >> 1;
	}
	return 0;
}

/* --- copies ------------------------------------------------------------------------------------
 */

static const struct event_head *head_at(const uint8_t *p)
{
	return (const struct event_head *)(const void *)p;
}

static size_t bytes_of(const struct flight_ring *r, uint32_t i)
{
	size_t n = 0;

	for (uint32_t c = i == NONE ? NONE : r->rings[i].first; c != NONE; c = r->chunks[c].next)
		n += r->chunks[c].used;
	return n;
}

static void copy_ring(const struct flight_ring *r, uint32_t i, struct flight_events *e)
{
	const size_t at = e->n;

	for (uint32_t c = r->rings[i].first; c != NONE; c = r->chunks[c].next) {
		memcpy(e->bytes + e->n, chunk_at(r, c), r->chunks[c].used);
		e->n += r->chunks[c].used;
	}
	if (e->n == at)
		return;
	const uint64_t first = head_at(e->bytes + at)->boot_ns;

	if ((r->rings[i].key & 1) == LANE_RARE && first < e->first_process_ns)
		e->first_process_ns = first;
	if (!e->first_ns || first < e->first_ns)
		e->first_ns = first;
	e->streams[e->streams_n].at = at;
	e->streams[e->streams_n].first_ns = first;
	e->streams[e->streams_n++].end = e->n;
	for (size_t p = at; p < e->n; p += padded(head_at(e->bytes + p)->size)) {
		e->events++;
		if (head_at(e->bytes + p)->boot_ns > e->last_ns)
			e->last_ns = head_at(e->bytes + p)->boot_ns;
	}
}

int flight_ring_copy(const struct flight_ring *r, const uint64_t *cgroups, size_t n,
		     struct flight_events *out)
{
	uint32_t rings[FLIGHT_MAX_STREAMS];
	size_t rings_n = 0, bytes = 0;

	*out = (struct flight_events){ .first_process_ns = UINT64_MAX };
	for (size_t i = 0; i < n && i < FLIGHT_MAX_CGROUPS; i++)
		for (unsigned lane = 0; lane < LANES; lane++) {
			uint32_t at = find(r, key_of(cgroups[i], lane));

			if (at == NONE)
				continue;
			rings[rings_n++] = at;
			bytes += bytes_of(r, at);
		}
	if (bytes == 0)
		return 0;
	out->bytes = malloc(bytes);
	if (!out->bytes)
		return -ENOMEM;
	for (size_t i = 0; i < rings_n; i++)
		copy_ring(r, rings[i], out);
	return 0;
}

void flight_events_release(struct flight_events *e)
{
	free(e->bytes);
	*e = (struct flight_events){ .bytes = NULL };
}

const struct event_head *flight_events_next(struct flight_events *e)
{
	const struct event_head *next = NULL;
	size_t from = 0;

	for (size_t i = 0; i < e->streams_n; i++) {
		if (e->streams[i].at >= e->streams[i].end)
			continue;
		const struct event_head *h = head_at(e->bytes + e->streams[i].at);

		if (next && h->boot_ns >= next->boot_ns)
			continue;
		next = h;
		from = i;
	}
	if (next)
		e->streams[from].at += padded(next->size);
	return next;
}

/* --- assembly ----------------------------------------------------------------------------------
 */

static void reset(struct flight_ring *r)
{
	for (uint32_t i = 0; i < r->chunks_n; i++)
		r->chunks[i].next = i + 1 < r->chunks_n ? i + 1 : NONE;
	for (uint32_t i = 0; i < r->rings_n; i++)
		r->rings[i] = (struct ring){ .hash_next = i + 1 < r->rings_n ? i + 1 : NONE };
	for (uint32_t i = 0; i <= r->chunks_n; i++)
		r->by_n[i] = (struct list){ NONE, NONE };
	for (uint32_t i = 0; i <= r->buckets_mask; i++)
		r->buckets[i] = NONE;
	r->stats.chunks = r->chunks_n;
}

int flight_ring_new(struct flight_ring **out, uint64_t bytes, struct err *e)
{
	AUTO(flight_ring_free) struct flight_ring *r = calloc(1, sizeof(*r));
	const uint64_t n = bytes / FLIGHT_CHUNK_BYTES;
	uint32_t buckets = 2;

	if (!r)
		return err_set(e, ENOMEM, "no memory for the last events");
	if (n < MIN_CHUNKS || n > UINT32_MAX / 4)
		return err_set(e, EINVAL, "the memory for the last events is out of range");
	r->chunks_n = (uint32_t)n;
	r->rings_n = r->chunks_n + 1;
	while (buckets < 2 * r->chunks_n)
		buckets *= 2;
	r->buckets_mask = buckets - 1;
	r->chunks = calloc(n, sizeof(*r->chunks));
	r->rings = calloc(n + 1, sizeof(*r->rings));
	r->by_n = calloc(n + 1, sizeof(*r->by_n));
	r->buckets = calloc(buckets, sizeof(*r->buckets));
	r->arena_bytes = n * FLIGHT_CHUNK_BYTES;
	/* mapped, so that pages come as they are used */
	void *arena = mmap(NULL, r->arena_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (arena != MAP_FAILED)
		r->arena = arena;
	if (!r->arena || !r->chunks || !r->rings || !r->by_n || !r->buckets)
		return err_set(e, ENOMEM, "no memory for the last events");
	reset(r);
	*out = TAKE(r);
	return 0;
}

void flight_ring_free(struct flight_ring *r)
{
	if (!r)
		return;
	if (r->arena)
		munmap(r->arena, r->arena_bytes);
	free(r->chunks);
	free(r->rings);
	free(r->by_n);
	free(r->buckets);
	free(r);
}

struct flight_ring_stats flight_ring_stats(const struct flight_ring *r)
{
	return r->stats;
}
