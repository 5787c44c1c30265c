/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state - everything that the exposition and the API may look at, in one read-only view.
 * Filled by the agent; valid on the loop's thread. */
#ifndef BULKHEAD_STATE_H
#define BULKHEAD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/loop.h"
#include "collector/base/worker.h"
#include "collector/cgroup_layout.h"
#include "collector/cgwatch.h"
#include "collector/config.h"
#include "collector/container.h"
#include "collector/machine.h"
#include "collector/process.h"
#include "collector/resolve.h"
#include "collector/sampler.h"
#include "collector/sensor.h"
#include "collector/stream.h"
#include "collector/wire.h"

struct agent_counters {		    /* bulkheadd's own; all since start unless said */
	uint64_t samples;	    /* cgroups sampled */
	uint64_t ticks, ticks_late; /* sampling rounds, and those begun over one interval late */
	uint64_t last_round_ns;	    /* time the last round took */
	uint64_t metadata_reads, metadata_failures;
	uint64_t feed_dropped;	   /* frames to serve dropped because the socket was full */
	uint64_t serve_starts;	   /* times bulkhead serve was started */
	uint64_t requests;	   /* from serve and the socket */
	uint64_t requests_refused; /* by role or limit */
	uint64_t disk_walks, disk_walks_unfinished;
	uint64_t oom_events, kmsg_lost;
	uint64_t reloads, config_last_reload_unix_ns;
	bool config_last_reload_ok;
	uint64_t cpu_us, resident_bytes; /* of bulkheadd, refreshed with each slow pass */
	uint64_t tokens;
	/* bounded tables of the agent itself: in use, capacity, refused */
	uint64_t probes, probes_capacity, probes_refused;
	uint64_t clients, clients_capacity, clients_refused;
	uint64_t renders, renders_capacity;
	uint64_t waiting, waiting_capacity, waiting_refused; /* for room in the table */
	uint64_t nested, nested_refused;		     /* containers in containers */
	uint64_t interfaces_refused; /* beyond SAMPLE_MAX_INTERFACES, at each read */
	uint64_t first_sample_ns;    /* from start to the first complete round */
};

#define SENSOR_STATE_MAPS 32

struct sensor_state { /* the kernel's side, as it stood at the last round */
	enum sensor_mode mode;
	const char *problem; /* why it is off, or "" */
	const struct sensor_program *programs;
	size_t programs_n;
	struct sensor_stats stats;
	struct event_counts counts;
	struct sensor_map maps[SENSOR_STATE_MAPS];
	size_t maps_n;
	uint64_t cgroups, repeats, repeats_entries; /* known cgroups; repeats of the last minute */
	struct process_stats processes;
	struct resolve_stats resolve;
	struct stream_stats stream;
	uint64_t events_without_container; /* of cgroups that no container is known for */
	uint64_t longest_wait_ns;	   /* from the kernel to here, since the last scrape */
};

struct alerts_state; /* collector/agent_detector.h */

struct agent_state {
	const struct sensor_state *sensor;
	const struct alerts_state *alerts; /* NULL: nothing judges */
	const struct config *config;
	const struct container_table *containers;
	const struct machine *machine;
	const struct machine_live *machine_live;
	const struct machine_disk *disks; /* host-wide, for id="/" only */
	uint32_t disks_n;
	const struct cgroup_layout *layout;
	struct cgwatch_stats watch;
	struct sampler_stats sampler;
	struct worker_stats worker;
	struct loop_stats loop;
	const struct agent_counters *counters;
	const struct wire_serve_stats *serve; /* last received; zeros when serve is down */
	bool serve_up;
	const char *serve_problem; /* why it is down, or "" */
	uint64_t start_unix_ns, now_unix_ns;
	const char *const *degraded; /* texts of what does not work, NULL-terminated */
};

#endif
