// SPDX-License-Identifier: GPL-2.0-or-later
/* Figures of baselines, for /metrics and status. */
#include "collector/base/clock.h"
#include "detector/detector_baseline_internal.h"

static void add_tables(const struct detector_baseline *d, struct alerts_state *out)
{
	const struct baseline_store_stats s = baseline_store_stats(d->store);
	const struct response_stats r = response_stats(d->response);
	const struct rates_stats rates = rates_stats(d->rates);

	alerts_state_table(out, "baselines", s.images, s.capacity, s.refused);
	alerts_state_table(out, "baseline_observers", d->observers_n, d->observers_max, 0);
	alerts_state_table(out, "baseline_waiting", 0, OBSERVER_WAITING_BYTES,
			   d->counts.waiting_refused);
	alerts_state_table(out, "baseline_seen", 0, WINDOW_SET_MAX, d->counts.seen_refused);
	alerts_state_table(out, "baseline_keys", 0, BEHAVIOUR_MAX,
			   behaviour_reader_stats(d->reader).no_room);
	alerts_state_table(out, "baseline_rates", rates.used, rates.capacity, rates.refused);
	alerts_state_table(out, "responses", r.active, r.capacity, r.refused);
}

static void add_images(const struct detector_baseline *d, struct baselines_state *b)
{
	size_t n;
	struct baseline *const *list = baseline_store_list(d->store, &n);

	for (size_t i = 0; i < n; i++) {
		b->by_mode[list[i]->mode]++;
		b->complete += list[i]->mode != MODE_OFF && baseline_complete(list[i]);
		for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
			b->entries_refused += list[i]->sets[c].refused;
	}
}

static void add_observers(const struct detector_baseline *d, struct baselines_state *b)
{
	uint32_t left = d->observers_n;

	b->observed = left;
	for (uint32_t i = 0; left && i < d->observers_max; i++) {
		const struct observer *o = d->observers[i];

		left -= o != NULL;
		b->sandboxes += o && o->sandbox;
		b->without_image += o && !o->image && !o->sandbox;
	}
}

static void add_breaker(const struct detector_baseline *d, struct baselines_state *b)
{
	const struct breaker_stats s = breaker_stats(d->breaker, mono_ns());

	b->breaker_actions = s.actions;
	b->breaker_image = s.tripped_image;
	b->breaker_host = s.tripped_host;
	b->breaker_death = s.tripped_death;
	b->breaker_recent = s.recent;
}

void detector_baseline_state(const struct detector_baseline *d, struct alerts_state *out)
{
	struct baselines_state *b = &out->baselines;

	if (!d->store)
		return;
	const struct baseline_store_stats s = baseline_store_stats(d->store);
	const struct response_stats response = response_stats(d->response);
	const struct behaviour_stats read = behaviour_reader_stats(d->reader);

	*b = (struct baselines_state){
		.on = true,
		.modes = baseline_mode_names,
		.action_names = enforce_action_names,
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
		.responses_stuck = response.stuck,
		.recover_errors = response.recover_errors,
		.unresolved = read.unresolved,
		.shortened = read.shortened,
		.usage_refused = d->counts.usage_refused,
		.learned_held = d->counts.learned_held,
	};
	add_images(d, b);
	add_observers(d, b);
	add_breaker(d, b);
	for (unsigned a = 0; a < ENFORCE_ACTION_COUNT; a++)
		b->actions[a] = d->counts.actions[a];
	add_tables(d, out);
}
