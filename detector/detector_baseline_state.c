// SPDX-License-Identifier: GPL-2.0-or-later
/* Figures of baselines, for /metrics and status. */
#include "detector/detector_baseline_internal.h"

static void add_table(struct alerts_state *out, const char *name, uint64_t used, uint64_t capacity,
		      uint64_t refused)
{
	if (out->tables_n >= ALERTS_MAX_TABLES)
		return;
	out->tables[out->tables_n].table = name;
	out->tables[out->tables_n].used = used;
	out->tables[out->tables_n].capacity = capacity;
	out->tables[out->tables_n++].refused = refused;
}

static void add_tables(const struct detector_baseline *d, struct alerts_state *out)
{
	const struct baseline_store_stats s = baseline_store_stats(d->store);
	const struct response_stats r = response_stats(d->response);
	const struct rates_stats rates = rates_stats(d->rates);

	add_table(out, "baselines", s.images, s.capacity, s.refused);
	add_table(out, "baseline_observers", d->observers_n, d->observers_max, 0);
	add_table(out, "baseline_waiting", 0, OBSERVER_WAITING_BYTES, d->counts.waiting_refused);
	add_table(out, "baseline_seen", 0, WINDOW_SET_MAX, d->counts.seen_refused);
	add_table(out, "baseline_keys", 0, BEHAVIOUR_MAX,
		  behaviour_reader_stats(d->reader).no_room);
	add_table(out, "baseline_rates", rates.used, rates.capacity, rates.refused);
	add_table(out, "responses", r.active, r.capacity, r.refused);
}

void detector_baseline_state(const struct detector_baseline *d, struct alerts_state *out)
{
	struct baselines_state *b = &out->baselines;
	size_t n;

	if (!d->store)
		return;
	const struct baseline_store_stats s = baseline_store_stats(d->store);
	struct baseline *const *list = baseline_store_list(d->store, &n);

	*b = (struct baselines_state){
		.on = true,
		.modes = baseline_mode_names,
		.action_names = enforce_action_names,
		.observed = d->observers_n,
		.events = d->counts.events,
		.noted = d->counts.noted,
		.judged = d->counts.judged,
		.deviations = d->counts.deviations,
		.held = d->counts.held,
		.not_learned = d->counts.not_learned,
		.runtime = d->counts.runtime,
		.killed = d->counts.killed,
		.late_kills = d->counts.late_kills,
		.denied = d->counts.denied,
		.wrongly_killed = d->counts.wrongly_killed,
		.tripped = d->counts.tripped,
		.bytes = s.bytes,
		.unwritten = s.dirty,
		.write_errors = s.write_errors,
		.set_aside = s.set_aside,
		.responses_stuck = response_stats(d->response).stuck,
	};
	for (size_t i = 0; i < n; i++) {
		b->by_mode[list[i]->mode]++;
		for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
			b->entries_refused += list[i]->sets[c].refused;
	}
	for (unsigned a = 0; a < ENFORCE_ACTION_COUNT; a++)
		b->actions[a] = d->counts.actions[a];
	add_tables(d, out);
}
