// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rates.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/base/clock.h"

/* What a rate is made of: one counter, or two of which the share counts. */
struct counters {
	uint64_t at_ns; /* when they were read, as far as that is known */
	uint32_t have;
	uint64_t value[RATE_COUNT];
	uint64_t periods;
};

struct entry {
	struct container *c; /* a reference */
	uint64_t round;	     /* the tick in which it was live */
	uint64_t hot_ns, network_ns;
	struct counters last;
	double rate[RATE_COUNT];
};

struct rates {
	struct entry *entries[RATES_MAX];
	uint32_t top; /* no entry is there or beyond */
	uint64_t round, used, refused;
};

/* Bit of sample.have, and by what the growth in a second is multiplied. */
static const struct {
	uint32_t bit;
	double factor;
	bool network;
} rows[RATE_COUNT] = {
	[RATE_CPU_CORES] = { SAMPLE_CPU, 1e-9, false },
	[RATE_THROTTLED_PERIODS] = { SAMPLE_CPU_CFS, 1, false },
	[RATE_THROTTLED_TIME] = { SAMPLE_CPU_CFS, 1e-7, false },
	[RATE_PRESSURE_CPU] = { SAMPLE_PSI_CPU, 1e-4, false },
	[RATE_PRESSURE_MEMORY] = { SAMPLE_PSI_MEMORY, 1e-4, false },
	[RATE_PRESSURE_IO] = { SAMPLE_PSI_IO, 1e-4, false },
	[RATE_IO_BYTES] = { SAMPLE_IO, 1, false },
	[RATE_IO_OPERATIONS] = { SAMPLE_IO, 1, false },
	[RATE_RECEIVED_BYTES] = { SAMPLE_NETWORK, 1, true },
	[RATE_SENT_BYTES] = { SAMPLE_NETWORK, 1, true },
	[RATE_READ_BYTES] = { SAMPLE_IO, 1, false },
	[RATE_WRITE_BYTES] = { SAMPLE_IO, 1, false },
	[RATE_READS] = { SAMPLE_IO, 1, false },
	[RATE_WRITES] = { SAMPLE_IO, 1, false },
	[RATE_RECEIVED_PACKETS] = { SAMPLE_NETWORK, 1, true },
	[RATE_SENT_PACKETS] = { SAMPLE_NETWORK, 1, true },
	[RATE_AT_LIMIT] = { SAMPLE_MEMORY_EVENTS | SAMPLE_MEMORY_FAILCNT, 1, false },
};

static void read_counters(const struct sample *s, struct counters *out)
{
	uint64_t *v = out->value;

	*out = (struct counters){ .at_ns = s->time_mono_ns,
				  .have = s->have,
				  .periods = s->cfs_periods };
	v[RATE_CPU_CORES] = s->cpu_usage_ns;
	v[RATE_THROTTLED_PERIODS] = s->cfs_throttled_periods;
	v[RATE_THROTTLED_TIME] = s->cfs_throttled_ns;
	v[RATE_PRESSURE_CPU] = s->psi_cpu.some_us;
	v[RATE_PRESSURE_MEMORY] = s->psi_memory.some_us;
	v[RATE_PRESSURE_IO] = s->psi_io.some_us;
	for (uint32_t i = 0; i < s->io_n; i++) {
		v[RATE_READ_BYTES] += s->io[i].read_bytes;
		v[RATE_WRITE_BYTES] += s->io[i].write_bytes;
		v[RATE_READS] += s->io[i].reads;
		v[RATE_WRITES] += s->io[i].writes;
	}
	v[RATE_IO_BYTES] = v[RATE_READ_BYTES] + v[RATE_WRITE_BYTES];
	v[RATE_IO_OPERATIONS] = v[RATE_READS] + v[RATE_WRITES];
	for (uint32_t i = 0; i < s->net_n; i++) {
		v[RATE_RECEIVED_BYTES] += s->net[i].rx_bytes;
		v[RATE_SENT_BYTES] += s->net[i].tx_bytes;
		v[RATE_RECEIVED_PACKETS] += s->net[i].rx_packets;
		v[RATE_SENT_PACKETS] += s->net[i].tx_packets;
	}
	v[RATE_AT_LIMIT] = (s->have & SAMPLE_MEMORY_EVENTS)
				   ? s->memory_events_high + s->memory_events_max
				   : s->memory_failcnt;
}

static double growth_of(enum rate_of r, const struct counters *from, const struct counters *to,
			uint64_t took_ns)
{
	const uint64_t a = from->value[r], b = to->value[r];

	/* A device that left takes its bytes with it: not known, rather than wrong. */
	if (!(from->have & rows[r].bit) || !(to->have & rows[r].bit) || b < a || took_ns == 0)
		return NAN;
	if (r != RATE_THROTTLED_PERIODS)
		return (double)(b - a) * rows[r].factor * 1e9 / (double)took_ns;
	if (to->periods < from->periods)
		return NAN;
	return to->periods > from->periods
		       ? 100.0 * (double)(b - a) / (double)(to->periods - from->periods)
		       : 0;
}

static void drop(struct rates *r, uint32_t slot)
{
	struct entry *e = TAKE(r->entries[slot]);

	if (!e)
		return;
	container_unref(e->c);
	free(e);
	r->used--;
}

static struct entry *entry_of(struct rates *r, struct container *c)
{
	struct entry *e = c->slot < RATES_MAX ? r->entries[c->slot] : NULL;

	if (e && e->c == c)
		return e;
	if (e)
		drop(r, c->slot); /* of one that was there before */
	e = c->slot < RATES_MAX ? malloc(sizeof(*e)) : NULL;
	if (!e) {
		r->refused++;
		return NULL;
	}
	*e = (struct entry){ .c = container_ref(c) };
	r->entries[c->slot] = e;
	r->used++;
	if (c->slot >= r->top)
		r->top = c->slot + 1;
	for (unsigned i = 0; i < RATE_COUNT; i++)
		e->rate[i] = NAN;
	return e;
}

static void take(struct entry *e, const struct counters *now, bool network, uint64_t took_ns)
{
	for (unsigned i = 0; i < RATE_COUNT; i++) {
		if (rows[i].network != network)
			continue;
		e->rate[i] = growth_of(i, &e->last, now, took_ns);
		e->last.value[i] = now->value[i];
	}
}

/* The hot counters are as old as the sample; those of the network as old as nobody tells. */
static bool look(struct entry *e, const struct sample *s, uint64_t now_ns, uint64_t window_ns,
		 uint64_t network_window_ns)
{
	const bool first = e->hot_ns == 0;
	struct counters now;

	if (s->time_mono_ns == 0)
		return false; /* never looked at */
	const bool hot = first || s->time_mono_ns >= e->last.at_ns + window_ns;
	const bool network = first || now_ns >= e->network_ns + network_window_ns;

	if (!hot && !network)
		return false;
	read_counters(s, &now);
	if (network) {
		take(e, &now, true, now_ns - e->network_ns);
		e->network_ns = now_ns;
	}
	if (hot) {
		take(e, &now, false, now.at_ns - e->last.at_ns);
		e->last.at_ns = now.at_ns;
		e->last.periods = now.periods;
		e->hot_ns = now_ns;
	}
	e->last.have = (hot ? now.have & ~(uint32_t)SAMPLE_NETWORK
			    : e->last.have & ~(uint32_t)SAMPLE_NETWORK) |
		       ((network ? now.have : e->last.have) & SAMPLE_NETWORK);
	return hot;
}

bool rates_tick(struct rates *r, const struct container_table *t, uint64_t now_ns,
		uint64_t window_ns, uint64_t network_window_ns)
{
	struct container *const *list;
	const size_t n = container_table_live(t, &list);
	bool moved = false;

	r->round++;
	for (size_t i = 0; i < n; i++) {
		struct entry *e = entry_of(r, list[i]);

		if (!e)
			continue;
		e->round = r->round;
		moved |= look(e, &list[i]->sample, now_ns, window_ns, network_window_ns);
	}
	for (uint32_t slot = 0; slot < r->top && r->used > n; slot++)
		if (r->entries[slot] && r->entries[slot]->round != r->round)
			drop(r, slot);
	return moved;
}

double rates_get(const struct rates *r, const struct container *c, enum rate_of which)
{
	const struct entry *e = c->slot < RATES_MAX ? r->entries[c->slot] : NULL;

	return e && e->c == c ? e->rate[which] : NAN;
}

uint64_t rates_read_ns(const struct rates *r, const struct container *c, enum rate_of which)
{
	const struct entry *e = c->slot < RATES_MAX ? r->entries[c->slot] : NULL;

	if (!e || e->c != c)
		return 0;
	return rows[which].network ? e->network_ns : e->hot_ns;
}

struct rates_stats rates_stats(const struct rates *r)
{
	return (struct rates_stats){ r->used, RATES_MAX, r->refused };
}

int rates_new(struct rates **out, struct err *e)
{
	struct rates *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "no memory for rates");
	*out = r;
	return 0;
}

void rates_free(struct rates *r)
{
	if (!r)
		return;
	for (uint32_t slot = 0; slot < r->top; slot++)
		drop(r, slot);
	free(r);
}
