// SPDX-License-Identifier: GPL-2.0-or-later
/* Baselines: how many images are known and how, what was told of them, what enforcement did. */
#include "collector/agent_detector.h"
#include "collector/exposition_internal.h"

static const struct span no_labels = { NULL, 0 };

static const struct baselines_state *state_of(const struct scrape *s)
{
	const struct alerts_state *a = s->state->alerts;

	return a && a->baselines.on ? &a->baselines : NULL;
}

static void emit_list(struct scrape *s, const char *label, const char *const *names,
		      const uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n && names[i]; i++) {
		scrape_label(s, label, span_str(names[i]));
		scrape_line(s, no_labels, values[i]);
		s->extra.len = 0;
	}
}

static void emit_modes(struct scrape *s, struct container *c)
{
	const struct baselines_state *b = state_of(s);

	(void)c;
	if (b)
		emit_list(s, "mode", b->modes, b->by_mode, BASELINES_MODES);
}

static void emit_actions(struct scrape *s, struct container *c)
{
	const struct baselines_state *b = state_of(s);

	(void)c;
	if (b)
		emit_list(s, "action", b->action_names, b->actions, BASELINES_ACTIONS);
}

static void emit_trips(struct scrape *s, struct container *c)
{
	static const char *const by[] = { "container_ended", "host", "image" };
	const struct baselines_state *b = state_of(s);

	(void)c;
	if (!b)
		return;
	const uint64_t trips[] = { b->breaker_death, b->breaker_host, b->breaker_image };

	emit_list(s, "by", by, trips, sizeof(by) / sizeof(by[0]));
}

static void emit(struct scrape *s, struct container *c)
{
	const struct baselines_state *b = state_of(s);

	(void)c;
	if (b)
		scrape_line(s, no_labels, u64_at(b, s->m->at));
}

#define ROW(name, type, help, field)                                                               \
	{                                                                                          \
		"bulkhead_baseline" name, type, help, SCOPE_AGENT, UNIT_ONE, 0,                    \
			offsetof(struct baselines_state, field), emit                              \
	}
/* clang-format off */
static const struct metric rows[] = {
	{ "bulkhead_baseline_actions_total", "counter", "What enforcement did, by action.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_actions },
	{ "bulkhead_baseline_images", "gauge", "Images that are known, by mode.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_modes },
	ROW("_breaker_actions", "gauge",
	    "Actions of enforcement in the last minute, as the breaker counts them.",
	    breaker_recent),
	ROW("_breaker_actions_total", "counter", "Actions that the breaker let pass.",
	    breaker_actions),
	{ "bulkhead_baseline_breaker_trips_total", "counter",
	  "Times that the breaker stopped enforcement of an image, by what was too much.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_trips },
	ROW("_bytes", "gauge", "Memory of all baselines.", bytes),
	ROW("_complete_images", "gauge", "Images of which all is learned.", complete),
	ROW("_containers_without_image", "gauge",
	    "Containers that are observed and of which nobody told the image yet.",
	    without_image),
	ROW("_denied_total", "counter", "Calls that the kernel's side refused.", denied),
	ROW("_deviations_total", "counter",
	    "Things that containers did and their images never had.", deviations),
	ROW("_entries_refused_total", "counter",
	    "Entries for which a baseline had no room: their class is not learned.",
	    entries_refused),
	ROW("_events_total", "counter", "Events that baselines looked at.", events),
	ROW("_held_total", "counter", "Deviations that a digest told of.", held),
	ROW("_judged_total", "counter", "Entries that were compared with a baseline.", judged),
	ROW("_killed_total", "counter",
	    "Programs that ended before their first instruction.", killed),
	ROW("_late_kills_total", "counter",
	    "Processes that were killed after they had run for a moment.", late_kills),
	ROW("_learned_held_total", "counter",
	    "Things that were still learned, beyond the one of an hour that is told.",
	    learned_held),
	ROW("_malicious_total", "counter",
	    "Entries that were not learned, since a rule called their event malicious.",
	    not_learned),
	ROW("_noted_total", "counter", "Entries that were noted while learning.", noted),
	ROW("_observed_containers", "gauge", "Containers that are observed.", observed),
	ROW("_recover_errors_total", "counter",
	    "Times that what an earlier run did to containers could not be read and undone.",
	    recover_errors),
	ROW("_responses_stuck", "gauge",
	    "Containers that are frozen or throttled and could not be set free.", responses_stuck),
	ROW("_runtime_events_total", "counter",
	    "Events of runtimes in containers, before the container's own program ran.", runtime),
	ROW("_set_aside_total", "counter",
	    "Files of baselines that were damaged or of a newer version.", set_aside),
	ROW("_shortened_total", "counter",
	    "Entries that were too long: a hash stands for a part of them.", shortened),
	ROW("_tripped_total", "counter",
	    "Times that enforcement of an image ended since it did too much.", tripped),
	ROW("_unresolved_total", "counter",
	    "Changes of files that count for nothing, since their path was not known.",
	    unresolved),
	ROW("_unwritten", "gauge", "Baselines that differ from what is on disk.", unwritten),
	ROW("_usage_refused_total", "counter",
	    "Series of resources that are not watched, since there was no memory.",
	    usage_refused),
	ROW("_write_errors_total", "counter", "Baselines that the disk refused.", write_errors),
	ROW("_wrongly_killed_total", "counter",
	    "Programs that were killed though they are known: another file of a known path.",
	    wrongly_killed),
};
/* clang-format on */
const struct metric_table exposition_baseline = { rows, sizeof(rows) / sizeof(rows[0]) };
