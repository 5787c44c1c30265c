// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/breaker.h"

#include <stdbool.h>
#include <string.h>

struct action {
	uint64_t at_ns;
	bool counts;	/* for its image; for the host it always does */
	bool may_blame; /* a death may still be its fault */
	char image[BREAKER_IMAGE_BYTES];
	char container[BREAKER_CONTAINER_BYTES];
};

struct breaker {
	struct breaker_settings set;
	struct breaker_stats stats;
	/* In order of time. The host's limit is never above its size, so that what is overwritten
	 * is older than a minute. */
	struct action ring[BREAKER_MAX_RECENT];
	uint32_t next, used;
};

static uint32_t limit(uint32_t given, uint32_t usual)
{
	const uint32_t n = given ? given : usual;

	return n < BREAKER_MAX_RECENT ? n : BREAKER_MAX_RECENT;
}

void breaker_set(struct breaker *b, const struct breaker_settings *s)
{
	b->set.image_a_minute = limit(s->image_a_minute, BREAKER_IMAGE_A_MINUTE);
	b->set.host_a_minute = limit(s->host_a_minute, BREAKER_HOST_A_MINUTE);
	b->set.death_ns = s->death_ns ? s->death_ns : BREAKER_DEATH_NS;
	if (b->set.death_ns > BREAKER_WINDOW_NS)
		b->set.death_ns = BREAKER_WINDOW_NS;
}

int breaker_new(struct breaker **out, const struct breaker_settings *s, struct err *e)
{
	struct breaker *b = calloc(1, sizeof(*b));

	if (!b)
		return err_errno(e, "breaker");
	b->stats.capacity = BREAKER_MAX_RECENT;
	breaker_set(b, s);
	*out = b;
	return 0;
}

void breaker_free(struct breaker *b)
{
	free(b);
}

/* The i-th newest. */
static struct action *recent(struct breaker *b, uint32_t i)
{
	return &b->ring[(b->next + BREAKER_MAX_RECENT - 1 - i) % BREAKER_MAX_RECENT];
}

static bool is_within(const struct action *a, uint64_t now_ns, uint64_t ns)
{
	return now_ns <= a->at_ns || now_ns - a->at_ns < ns;
}

/* What would be stored of it is what it is compared by. */
static bool same(const char *stored, size_t cap, struct span s)
{
	const size_t n = s.n < cap - 1 ? s.n : cap - 1;

	return strlen(stored) == n && memcmp(stored, s.p ? s.p : "", n) == 0;
}

static void store(char *out, size_t cap, struct span s)
{
	const size_t n = s.n < cap - 1 ? s.n : cap - 1;

	memcpy(out, s.p ? s.p : "", n);
	out[n] = '\0';
}

static bool is_of_image(const struct action *a, struct span image)
{
	return same(a->image, sizeof(a->image), image);
}

enum breaker_verdict breaker_take(struct breaker *b, struct span image, struct span container_id,
				  uint64_t now_ns)
{
	uint32_t of_host = 0, of_image = 0;

	while (of_host < b->used && is_within(recent(b, of_host), now_ns, BREAKER_WINDOW_NS)) {
		const struct action *a = recent(b, of_host++);

		of_image += a->counts && is_of_image(a, image);
	}
	if (of_image >= b->set.image_a_minute) {
		b->stats.tripped_image++;
		return BREAKER_IMAGE;
	}
	if (of_host >= b->set.host_a_minute) {
		b->stats.tripped_host++;
		return BREAKER_HOST;
	}
	struct action *a = &b->ring[b->next];

	b->next = (b->next + 1) % BREAKER_MAX_RECENT;
	b->used += b->used < BREAKER_MAX_RECENT;
	b->stats.actions++;
	a->at_ns = now_ns;
	a->counts = a->may_blame = true;
	store(a->image, sizeof(a->image), image);
	store(a->container, sizeof(a->container), container_id);
	return BREAKER_OK;
}

struct span breaker_died(struct breaker *b, struct span container_id, uint64_t now_ns)
{
	struct span image = { "", 0 };

	for (uint32_t i = 0; i < b->used && is_within(recent(b, i), now_ns, b->set.death_ns); i++) {
		struct action *a = recent(b, i);

		if (!a->may_blame || !same(a->container, sizeof(a->container), container_id))
			continue;
		a->may_blame = false; /* of several actions each is: one death is told once */
		image = span_str(a->image);
	}
	b->stats.tripped_death += image.n > 0;
	return image;
}

void breaker_forgive(struct breaker *b, struct span container_id)
{
	for (uint32_t i = 0; i < b->used; i++)
		if (same(recent(b, i)->container, BREAKER_CONTAINER_BYTES, container_id))
			recent(b, i)->may_blame = false;
}

void breaker_reset(struct breaker *b, struct span image)
{
	for (uint32_t i = 0; i < b->used; i++)
		if (is_of_image(recent(b, i), image))
			recent(b, i)->counts = recent(b, i)->may_blame = false;
}

struct breaker_stats breaker_stats(const struct breaker *b, uint64_t now_ns)
{
	struct breaker_stats s = b->stats;

	s.recent = 0;
	for (uint32_t i = 0; i < b->used; i++)
		s.recent += is_within(&b->ring[i], now_ns, BREAKER_WINDOW_NS);
	return s;
}
