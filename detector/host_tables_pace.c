// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/host_tables_pace.h"

#include <math.h>
#include <string.h>

#include "collector/base/clock.h"

#define WINDOW_NS  (60 * NS_PER_S)
#define GAP_NS	   (10 * 60 * NS_PER_S) /* readings before such a gap say nothing */
#define CLAMPED_NS (60 * NS_PER_S)
#define SOON_S	   120
#define FAST_S	   600
#define SOON_FROM  50 /* percent */
#define FAST_FROM  5
#define IN_A_ROW   3
#define NAMED_FROM 5 /* a fifth of what is used: a container is named whatever the host has */

const char *const table_level_names[] = { "calm", "near", "warning", "critical" };

static unsigned place(const struct table_pace *p, unsigned ago)
{
	return (p->at + 2 * PACE_READINGS - 1 - ago) % PACE_READINGS;
}

static void add(struct table_pace *p, uint64_t now_ns, uint64_t used)
{
	if (p->n > 0 && now_ns - p->ns[place(p, 0)] > GAP_NS)
		p->n = 0;
	p->ns[p->at] = now_ns;
	p->used[p->at] = used;
	p->at = (p->at + 1) % PACE_READINGS;
	if (p->n < PACE_READINGS)
		p->n++;
}

/* A second, since so many readings ago. */
static double pace_since(const struct table_pace *p, unsigned ago)
{
	const unsigned now = place(p, 0), then = place(p, ago);
	const double s = (double)(p->ns[now] - p->ns[then]) / (double)NS_PER_S;

	return s > 0 ? ((double)p->used[now] - (double)p->used[then]) / s : 0;
}

static unsigned oldest(const struct table_pace *p)
{
	unsigned ago = p->n - 1;

	while (ago > 1 && p->ns[place(p, 0)] - p->ns[place(p, ago)] > WINDOW_NS)
		ago--;
	return ago;
}

static double full_in(double left, double a_second)
{
	return a_second > 0 ? left / a_second : INFINITY;
}

static enum table_level level_of(const struct table_verdict *v, const struct table_pace *p,
				 const struct table_limits *l, uint32_t flags, uint64_t now_ns)
{
	enum table_level level = TABLE_IS_CALM;

	if (v->percent * 3 >= l->warning || (v->full_in_s <= FAST_S && v->percent >= FAST_FROM))
		level = TABLE_IS_NEAR;
	if ((flags & TABLE_CLAMPED) && (!p->above_ns || now_ns - p->above_ns < CLAMPED_NS))
		return level;
	if (v->percent >= l->warning)
		level = TABLE_IS_WARNING;
	if (v->percent >= l->critical || v->soon)
		level = TABLE_IS_CRITICAL;
	if ((flags & TABLE_MILD) && level == TABLE_IS_CRITICAL)
		level = TABLE_IS_WARNING;
	return level;
}

void table_judge(struct table_verdict *out, struct table_pace *p, const struct table_figure *f,
		 const struct table_limits *l, uint64_t now_ns)
{
	const uint32_t flags = host_tables[f->table].flags;
	const double left = f->capacity > f->used ? (double)(f->capacity - f->used) : 0;

	*out = (struct table_verdict){ .a_minute = NAN, .full_in_s = INFINITY };
	add(p, now_ns, f->used);
	if (p->n > IN_A_ROW) {
		const double slow = pace_since(p, oldest(p)), fast = pace_since(p, IN_A_ROW - 1);

		out->a_minute = slow * 60;
		if (f->capacity)
			out->full_in_s = full_in(left, fmin(slow, fast));
	}
	if (!f->capacity)
		return;
	out->percent = 100 * (double)f->used / (double)f->capacity;
	if ((flags & TABLE_PACED) && out->full_in_s <= SOON_S && out->percent >= SOON_FROM)
		p->soon++;
	else
		p->soon = 0;
	out->soon = p->soon >= IN_A_ROW;
	if (out->percent < l->warning)
		p->above_ns = 0;
	else if (!p->above_ns)
		p->above_ns = now_ns;
	out->level = level_of(out, p, l, flags, now_ns);
}

/* --- who holds it ------------------------------------------------------------------------------
 */

void table_top_add(struct table_top *t, struct container *c, uint64_t amount)
{
	unsigned at = t->n;

	t->inside += amount;
	if (amount == 0)
		return;
	if (at == TOP_HOLDERS) {
		if (amount <= t->list[at - 1].amount)
			return;
		container_unref(t->list[--at].c);
	} else {
		t->n++;
	}
	for (; at > 0 && t->list[at - 1].amount < amount; at--)
		t->list[at] = t->list[at - 1];
	t->list[at].c = container_ref(c);
	t->list[at].amount = amount;
}

void table_top_clear(struct table_top *t)
{
	for (unsigned i = 0; i < t->n; i++)
		container_unref(t->list[i].c);
	*t = (struct table_top){ .n = 0 };
}

void table_top_move(struct table_top *to, struct table_top *from)
{
	table_top_clear(to);
	*to = *from;
	*from = (struct table_top){ .n = 0 };
}

/* One that is not in the list had at most what its last one has. */
static uint64_t amount_in(const struct table_top *t, const struct container *c)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->list[i].c == c)
			return t->list[i].amount;
	return t->n == TOP_HOLDERS ? t->list[TOP_HOLDERS - 1].amount : 0;
}

static double percent_of(uint64_t part, uint64_t all)
{
	return all ? fmin(100, 100 * (double)part / (double)all) : 0;
}

static bool find_grower(const struct table_top *now, const struct table_top *before,
			struct table_cause *out)
{
	const uint64_t growth = now->used > before->used ? now->used - before->used : 0;

	if (!before->time_ns || before->counted != now->counted || growth * 10 < now->used)
		return false;
	for (unsigned i = 0; i < now->n; i++) {
		const uint64_t had = amount_in(before, now->list[i].c), has = now->list[i].amount;
		const uint64_t more = has > had ? has - had : 0;

		if (more * 2 < growth || more <= out->grew_by)
			continue;
		*out = (struct table_cause){ .known = true,
					     .c = now->list[i].c,
					     .holds = has,
					     .share = percent_of(has, now->used),
					     .grew = true,
					     .grew_by = more };
	}
	return out->grew;
}

struct table_cause table_cause_of(const struct table_top *now, const struct table_top *before)
{
	struct table_cause cause = { .known = false };
	const uint64_t outside = now->used > now->inside ? now->used - now->inside : 0;

	if (!now->time_ns || now->used == 0)
		return cause;
	if (find_grower(now, before, &cause))
		return cause;
	cause.known = true;
	if (now->n > 0 &&
	    (now->list[0].amount >= outside || now->list[0].amount * NAMED_FROM >= now->used)) {
		cause.c = now->list[0].c;
		cause.holds = now->list[0].amount;
	} else {
		cause.holds = outside;
	}
	cause.share = percent_of(cause.holds, now->used);
	return cause;
}
