// SPDX-License-Identifier: GPL-2.0-or-later
/* The figures of the kernel's side, once a round: losses, traffic, calls, repeats. */
#include "collector/agent_sensor.h"

#include <string.h>

#define WARN_EVERY_NS (60 * NS_PER_S)
#define WALK_STEP     4096 /* repeats read in one turn */

static const char losing[] = "events are lost: the machine does not keep up (see "
			     "bulkhead_sensor_dropped_total)";

static uint64_t lost_of(const struct event_counts *c, uint32_t type)
{
	return c->dropped[DROP_SHED][type] + c->dropped[DROP_FULL][type] +
	       c->dropped[DROP_NESTED][type] + c->dropped[DROP_FLOOD][type];
}

static void tell_trouble(struct agent *a, bool on, uint64_t lost)
{
	char text[64];

	snprintf(text, sizeof(text), "%llu events in a second", (unsigned long long)lost);
	agent_degraded(a, losing, on);
	agent_alerts_trouble(a, TROUBLE_EVENTS_LOST, on, text);
}

/* Loss is said aloud: at once, then at most once a minute while it goes on. */
static void tell_losses(struct agent_sensor *s, const struct event_counts *c)
{
	uint64_t lost[EVENT_TYPE_COUNT], sum = 0;
	const uint64_t now = mono_ns();

	for (uint32_t t = 0; t < EVENT_TYPE_COUNT; t++) {
		lost[t] = lost_of(c, t) - s->lost_told[t];
		sum += lost[t];
		s->lost_told[t] += lost[t];
	}
	if (sum == 0) {
		if (s->lost_warned_ns && now - s->lost_warned_ns > WARN_EVERY_NS)
			tell_trouble(s->agent, false, 0);
		return;
	}
	agent_events_lost(s->agent, lost);
	tell_trouble(s->agent, true, sum);
	if (!s->lost_warned_ns || now - s->lost_warned_ns > WARN_EVERY_NS) {
		s->lost_warned_ns = now;
		log_warning("events are lost, the buffer was full", "in_this_second", LOG_U64(sum),
			    NULL);
	}
}

static void read_traffic(struct agent *a)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);
	uint32_t top = 0;

	for (size_t i = 0; i < n; i++)
		if (list[i]->slot >= top)
			top = list[i]->slot + 1;
	AUTO_FREE struct account *all = calloc(top ? top : 1, sizeof(*all));

	if (!all || !sensor_accounts(a->sensor->kernel, all, top))
		return;
	for (size_t i = 0; i < n; i++) {
		if (list[i]->kind != CGROUP_CONTAINER && list[i]->kind != CGROUP_SERVICE)
			continue;
		list[i]->traffic = all[list[i]->slot];
		list[i]->has_traffic = true;
	}
}

/* Which system calls the container made, while that is noted: all, then what the judge lacks. */
void agent_sensor_note_syscalls(struct agent *a, struct container *c)
{
	uint64_t words[SYSCALL_WORDS];

	if ((c->kind != CGROUP_CONTAINER && c->kind != CGROUP_SERVICE) || c->id.nested ||
	    sensor_take_syscalls(a->sensor->kernel, c->slot, words) < 0)
		return;
	if (!c->syscalls)
		c->syscalls = calloc(2, sizeof(words));
	for (size_t i = 0; c->syscalls && i < SYSCALL_WORDS; i++) {
		c->syscalls[i] |= words[i];
		c->syscalls[SYSCALL_WORDS + i] |= words[i];
	}
}

static void read_syscalls(struct agent *a)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++)
		agent_sensor_note_syscalls(a, list[i]);
}

/* Once a minute the stamps of the minute before are counted, in slices. */
static void walk_repeats(struct agent_sensor *s)
{
	struct sensor_switches *w = sensor_switches(s->kernel);
	const uint64_t minute = boot_ns() / (60 * NS_PER_S);
	uint64_t repeats, entries;

	w->minute = (uint32_t)minute;
	w->retell = agent_sensor_retell(s->agent);
	if (s->minute_walked == minute && !s->walking)
		return;
	if (!s->walking)
		s->minute_walked = minute;
	int r = sensor_read_repeats(s->kernel, (uint32_t)s->minute_walked - 1, WALK_STEP, &repeats,
				    &entries);

	s->walking = r == 0;
	if (r == 1) {
		s->state.repeats = repeats;
		s->state.repeats_entries = entries;
	}
}

void agent_sensor_round(struct agent *a)
{
	struct agent_sensor *s = a->sensor;

	if (!s)
		return;
	agent_sensor_expire_refs(a, false);
	if (a->processes)
		process_expire(a->processes, boot_ns());
	if (!s->kernel)
		return;
	agent_sensor_look(s);
	sensor_switches(s->kernel)->serve_pid = (uint32_t)supervise_pid(a->supervise);
	sensor_counts(s->kernel, &s->state.counts);
	tell_losses(s, &s->state.counts);
	read_traffic(a);
	if (agent_sensor_learns_syscalls(a))
		read_syscalls(a);
	walk_repeats(s);
}

const char *agent_sensor_problem(const struct agent *a)
{
	if (!a->sensor)
		return "no memory";
	return a->sensor->kernel || a->sensor->loading ? NULL : a->sensor->problem;
}

void agent_sensor_state(struct agent *a, struct sensor_state *out)
{
	struct agent_sensor *s = a->sensor;

	memset(out, 0, sizeof(*out));
	out->problem = s ? s->problem : "no memory";
	if (!s)
		return;
	*out = s->state;
	out->problem = s->problem;
	out->mode = sensor_mode_of(s->kernel);
	out->programs_n = sensor_programs(s->kernel, &out->programs);
	if (a->processes)
		out->processes = process_table_stats(a->processes);
	if (a->stream)
		out->stream = stream_stats(a->stream);
	if (s->resolver)
		out->resolve = resolve_stats(s->resolver);
	out->cgroups = s->cgroups;
	if (!s->kernel)
		return;
	uint64_t damaged = s->state.stats.damaged;

	out->stats = sensor_stats(s->kernel);
	out->stats.damaged = damaged;
	out->maps_n = sensor_maps(s->kernel, out->maps, SENSOR_STATE_MAPS);
	s->state.longest_wait_ns = 0;
}
