// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/miner.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LASTS_PROCESS false
#define LASTS_LOOK    true
const struct miner_kind_info miner_kinds[MINER_KIND_COUNT] = {
#define X(id, text, points, sort, kin, lasts, what)                                                \
	[MINER_##id] = { .name = text,                                                             \
			 .says = what,                                                             \
			 .weight = points,                                                         \
			 .class = MINER_##sort,                                                    \
			 .group = MINER_##kin,                                                     \
			 .by_look = LASTS_##lasts },
	MINER_KINDS(X)
#undef X
};

const char *const miner_level_names[MINER_LEVELS] = { "none", "cpu-anomaly", "likely-miner",
						      "miner" };

void miner_hit_set(struct miner_hit *h, enum miner_kind kind, unsigned weight, const char *format,
		   ...)
{
	va_list args;

	h->kind = kind;
	h->weight = (uint8_t)(weight ? weight : miner_kinds[kind].weight);
	va_start(args, format);
	vsnprintf(h->seen, sizeof(h->seen), format, args);
	va_end(args);
}

/* --- pieces -------------------------------------------------------------------------------- */

static struct miner_piece *find(struct miner_case *c, enum miner_kind kind, struct process_key key)
{
	for (uint32_t i = 0; i < c->n; i++) {
		struct miner_piece *p = &c->pieces[i];

		if (p->hit.kind == kind && p->process.pid == key.pid &&
		    p->process.start_boot_ns == key.start_boot_ns)
			return p;
	}
	return NULL;
}

static bool is_before(const struct miner_piece *a, const struct miner_piece *b)
{
	return a->hit.weight != b->hit.weight ? a->hit.weight < b->hit.weight
					      : a->last_boot_ns < b->last_boot_ns;
}

/* Room for one of this weight: the lightest that is not heavier goes, the oldest of these. */
static struct miner_piece *make_room(struct miner_case *c, unsigned weight)
{
	struct miner_piece *least = &c->pieces[0];

	if (c->n < MINER_PIECES)
		return &c->pieces[c->n++];
	for (uint32_t i = 1; i < c->n; i++)
		if (is_before(&c->pieces[i], least))
			least = &c->pieces[i];
	c->refused++;
	return least->hit.weight <= weight ? least : NULL;
}

struct miner_piece *miner_note(struct miner_case *c, const struct miner_hit *h,
			       const struct miner_owner *o, uint64_t now_boot_ns, bool *fresh)
{
	struct miner_piece *p = find(c, h->kind, o->key);

	*fresh = !p || p->hit.weight < h->weight;
	if (!p) {
		p = make_room(c, h->weight);
		if (!p) {
			*fresh = false;
			return NULL;
		}
		*p = (struct miner_piece){ .hit = *h,
					   .process = o->key,
					   .first_boot_ns = now_boot_ns };
		snprintf(p->comm, sizeof(p->comm), "%s", o->comm ? o->comm : "");
		snprintf(p->exe, sizeof(p->exe), "%.*s", (int)(o->exe.n < 4096 ? o->exe.n : 4096),
			 o->exe.p ? o->exe.p : "");
	} else if (h->weight >= p->hit.weight) {
		p->hit = *h;
	}
	p->last_boot_ns = now_boot_ns;
	p->count++;
	return p;
}

static bool is_over(struct miner_piece *p, uint64_t now,
		    bool (*lives)(void *ctx, struct process_key key), void *ctx)
{
	if (miner_kinds[p->hit.kind].by_look)
		return now > p->last_boot_ns + MINER_FOUND_NS;
	if (p->process.pid == 0)
		return now > p->last_boot_ns + MINER_NAME_NS;
	if (lives(ctx, p->process)) {
		p->gone_boot_ns = 0;
		return false;
	}
	if (!p->gone_boot_ns)
		p->gone_boot_ns = now;
	return now > p->gone_boot_ns + MINER_GONE_NS;
}

void miner_decay(struct miner_case *c, uint64_t now_boot_ns,
		 bool (*lives)(void *ctx, struct process_key key), void *ctx)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		if (is_over(&c->pieces[i], now_boot_ns, lives, ctx))
			continue;
		if (kept != i)
			c->pieces[kept] = c->pieces[i];
		kept++;
	}
	c->n = kept;
}

/* --- the ladder ---------------------------------------------------------------------------- */

struct sums {
	unsigned of[MINER_SUPPORTS + 1];
	bool burns;
};

/* The heaviest piece of each kind, then of each group. */
static void add_up(const struct miner_case *c, struct sums *s)
{
	unsigned most[MINER_KIND_COUNT] = { 0 }, of_names = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct miner_hit *h = &c->pieces[i].hit;

		if (h->weight > most[h->kind])
			most[h->kind] = h->weight;
	}
	for (unsigned k = 0; k < MINER_KIND_COUNT; k++) {
		if (miner_kinds[k].group == MINER_NAMES)
			of_names = most[k] > of_names ? most[k] : of_names;
		else
			s->of[miner_kinds[k].class] += most[k];
	}
	s->of[MINER_SPEAKS] += of_names;
	s->burns = s->of[MINER_BURNS] > 0;
}

struct miner_verdict miner_judge(const struct miner_case *c)
{
	struct miner_verdict v = { .level = MINER_NONE, .severity = ALERT_INFO };
	struct sums s = { .burns = false };

	add_up(c, &s);
	const unsigned speaks = s.of[MINER_SPEAKS];
	unsigned supports = s.of[MINER_SUPPORTS];

	if (!speaks && !s.burns)
		return v; /* small signs of nothing */
	if (!speaks && supports > MINER_SUPPORTS_MOST)
		supports = MINER_SUPPORTS_MOST;
	v.score = s.of[MINER_BURNS] + s.of[MINER_FIRM] + supports;
	if (v.score > MINER_BEHAVES_MOST)
		v.score = MINER_BEHAVES_MOST;
	v.score += speaks;
	if (v.score >= MINER_SURE && speaks >= MINER_SPOKEN) {
		v.level = MINER_IS;
		v.severity = ALERT_CRITICAL;
	} else if (v.score >= MINER_LIKELY) {
		v.level = MINER_IS_LIKELY;
		v.severity = v.score >= MINER_ERROR ? ALERT_ERROR : ALERT_WARNING;
	} else if (s.burns) {
		v.level = MINER_ANOMALY;
	}
	return v;
}
