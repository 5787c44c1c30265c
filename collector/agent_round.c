// SPDX-License-Identifier: GPL-2.0-or-later
/* The sampling round: every live cgroup once an interval. A round that takes longer than a slice,
 * as the first of hundreds of containers does, goes on in the loop's next turns, so that requests,
 * signals and the watcher are not kept waiting. */
#include "collector/agent_internal.h"

/* Two counters of the clock read a little apart: below this nobody set the clock. */
#define CLOCK_STEP_NS (50 * NS_PER_MS)

/* CPU in cores over the time since the counter was read before. */
static void update_rate(struct container *c)
{
	struct member *m = member_of(c);
	const struct sample *s = &c->sample;

	if (!(s->have & SAMPLE_CPU))
		return;
	if (m->rate_mono_ns && s->time_mono_ns > m->rate_mono_ns)
		c->cpu_cores = s->cpu_usage_ns < m->rate_cpu_ns
				       ? -1
				       : (double)(s->cpu_usage_ns - m->rate_cpu_ns) /
						 (double)(s->time_mono_ns - m->rate_mono_ns);
	m->rate_mono_ns = s->time_mono_ns;
	m->rate_cpu_ns = s->cpu_usage_ns;
}

static void sample_one(struct agent *a, struct container *c)
{
	int r = sampler_read_hot(a->sampler, c->cg, a->tick, &c->sample);

	if (r < 0)
		return; /* gone: the watcher will tell */
	a->counters.samples++;
	c->last_seen_unix_ns = c->sample.time_unix_ns;
	if (r > 0)
		member_of(c)->changed = true;
	update_rate(c);
	agent_slow_one(a, c);
}

/* The list changes between slices, so each entry knows the round it was read in: one that moved is
 * neither left out nor read twice. False when the time is up. */
static bool read_from(struct agent *a, size_t from, uint64_t until)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = from; i < n; i++) {
		struct member *m = member_of(list[i]);

		if (m->round == a->tick)
			continue;
		if (mono_ns() >= until) {
			a->round_at = i;
			return false;
		}
		m->round = a->tick;
		sample_one(a, list[i]);
	}
	return true;
}

static bool read_slice(struct agent *a)
{
	const uint64_t until = mono_ns() + AGENT_SLICE_NS;
	const size_t from = a->round_at;

	if (!read_from(a, from, until))
		return false;
	a->round_at = 0; /* entries before the place moved down when one of them ended */
	return from == 0 || read_from(a, 0, until);
}

static void finish_round(void *ctx)
{
	struct agent *a = ctx;
	const uint64_t start = mono_ns();

	a->in_round = false;
	agent_slow_round(a);
	agent_disk_round(a);
	agent_feed_round(a);
	agent_containers_expire(a);
	agent_sensor_round(a);
	agent_alerts_round(a);
	agent_serve_round(a);
	a->counters.last_round_ns = a->round_ns + (mono_ns() - start);
	if (!a->first_round_done) {
		a->first_round_done = true;
		a->counters.first_sample_ns = mono_ns() - a->start_mono_ns;
	}
}

static void round_slice(void *ctx)
{
	struct agent *a = ctx;
	bool done = false;

	while (!done) {
		const uint64_t start = mono_ns();

		done = read_slice(a);
		a->round_ns += mono_ns() - start;
		if (loop_defer(a->loop, done ? finish_round : round_slice, a) == 0)
			return;
	}
	finish_round(a);
}

/* What starts from now on is dated by the clock as it stands now. */
static void follow_clock(struct agent *a)
{
	uint64_t now = unix_ns() - boot_ns(), old = a->unix_minus_boot_ns;

	if ((now > old ? now - old : old - now) > CLOCK_STEP_NS)
		a->unix_minus_boot_ns = now;
}

void agent_round(void *ctx, uint32_t events)
{
	struct agent *a = ctx;
	uint64_t now = mono_ns();

	(void)events;
	if (a->in_round || (a->last_tick_ns && now - a->last_tick_ns > 2 * agent_interval_ns(a)))
		a->counters.ticks_late++;
	a->last_tick_ns = now;
	if (a->in_round)
		return; /* the machine is slower than the interval: rounds do not pile up */
	a->counters.ticks++;
	a->tick++;
	a->in_round = true;
	a->round_ns = a->round_at = 0;
	follow_clock(a);
	if (loop_defer(a->loop, round_slice, a) < 0)
		round_slice(a);
}
