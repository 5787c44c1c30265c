// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/capacity.h"

#include "collector/agent_detector.h"
#include "collector/token.h"

_Static_assert(CAPACITY_MAX >= ALERTS_MAX_TABLES + 32, "room for the agent's own and the sensor's");

size_t capacity_list(const struct agent_state *s, struct capacity out[CAPACITY_MAX])
{
	struct container_stats c = container_table_stats(s->containers);
	const struct machine_live *live = s->machine_live;
	size_t n = 0;

	out[n++] = (struct capacity){ "containers", c.live, c.capacity, c.refused };
	out[n++] =
		(struct capacity){ "containers_ended", c.ended, c.ended_capacity, c.ended_refused };
	out[n++] = (struct capacity){ "cgroups_watched", s->watch.cgroups, CGWATCH_MAX_CGROUPS,
				      s->watch.cgroups_refused };
	out[n++] = (struct capacity){ "inotify_watches", s->watch.watches, 0,
				      s->watch.watches_refused };
	out[n++] =
		(struct capacity){ "counter_files", s->sampler.fds_open, s->sampler.fds_budget, 0 };
	out[n++] = (struct capacity){ "block_devices", 0, SAMPLE_MAX_DEVICES,
				      s->sampler.refused_devices };
	out[n++] = (struct capacity){ "filesystems", live->filesystems_n, MACHINE_MAX_FILESYSTEMS,
				      live->filesystems_refused };
	out[n++] = (struct capacity){ "worker_jobs", s->worker.queued, s->worker.capacity,
				      s->worker.refused };
	const struct agent_counters *k = s->counters;

	out[n++] = (struct capacity){ "cgroup_probes", k->probes, k->probes_capacity,
				      k->probes_refused };
	out[n++] = (struct capacity){ "socket_clients", k->clients, k->clients_capacity,
				      k->clients_refused };
	out[n++] = (struct capacity){ "waiting_answers", k->renders, k->renders_capacity, 0 };
	out[n++] = (struct capacity){ "waiting_containers", k->waiting, k->waiting_capacity,
				      k->waiting_refused };
	out[n++] = (struct capacity){ "nested_containers", k->nested, 0, k->nested_refused };
	out[n++] = (struct capacity){ "network_interfaces", 0, SAMPLE_MAX_INTERFACES,
				      k->interfaces_refused };
	out[n++] = (struct capacity){ "tokens", k->tokens, TOKEN_MAX, 0 };
	for (size_t i = 0; s->alerts && i < s->alerts->tables_n && n < CAPACITY_MAX; i++)
		out[n++] = (struct capacity){ s->alerts->tables[i].table, s->alerts->tables[i].used,
					      s->alerts->tables[i].capacity,
					      s->alerts->tables[i].refused };
	const struct sensor_state *sensor = s->sensor;

	if (!sensor)
		return n;
	out[n++] = (struct capacity){ "processes", sensor->processes.live + sensor->processes.ended,
				      sensor->processes.capacity, sensor->processes.refused };
	out[n++] = (struct capacity){ "event_subscriptions", sensor->stream.subscriptions,
				      sensor->stream.capacity, sensor->stream.refused };
	for (size_t i = 0; i < sensor->maps_n && n < CAPACITY_MAX; i++)
		if (sensor->maps[i].table)
			out[n++] = (struct capacity){ sensor->maps[i].table,
						      sensor->maps[i].entries,
						      sensor->maps[i].capacity,
						      sensor->maps[i].refused };
	return n;
}
