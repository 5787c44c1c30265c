/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state_fixture - an agent_state with a root, and containers put into it by hand: for the tests of
 * the exposition and the API. */
#ifndef BULKHEAD_TESTS_STATE_FIXTURE_H
#define BULKHEAD_TESTS_STATE_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/config.h"
#include "collector/state.h"

#define FIXTURE_NOW_NS (1800000000ULL * NS_PER_S)

struct fixture {
	struct config config;
	struct container_table *table;
	struct machine machine;
	struct machine_live live;
	struct machine_disk disks[2];
	struct cgroup_layout layout;
	struct agent_counters counters;
	struct wire_serve_stats serve;
	struct sensor_program programs[3];
	struct sensor_state sensor;
	struct agent_state state;
	struct container *root;
};

static inline char *fixture_text(const char *s)
{
	char *copy = s ? strdup(s) : NULL;

	if (s && !copy)
		abort();
	return copy;
}

static inline struct container *fixture_add(struct fixture *f, enum cgroup_kind kind,
					    enum runtime runtime, const char *id, const char *path)
{
	struct identity identity = { .kind = kind, .runtime = runtime };
	struct container *c;

	snprintf(identity.id, sizeof(identity.id), "%s", id);
	if (container_table_add(f->table, kind, &identity, path, &c, NULL) < 0)
		abort();
	return c;
}

static inline void fixture_meta(struct container *c, const char *name, const char *image)
{
	c->meta = calloc(1, sizeof(*c->meta));
	if (!c->meta)
		abort();
	c->meta->runtime = c->id.runtime;
	c->meta->name = fixture_text(name);
	c->meta->image = fixture_text(image);
	c->meta->health = HEALTH_NONE;
	c->meta->state = STATE_RUNNING;
}

static inline void fixture_label(struct container *c, const char *name, const char *value)
{
	struct metadata *m = c->meta;

	m->labels = realloc(m->labels, (m->labels_n + 1) * sizeof(*m->labels));
	if (!m->labels)
		abort();
	m->labels[m->labels_n++] =
		(struct metadata_label){ fixture_text(name), fixture_text(value) };
}

static inline void fixture_init(struct fixture *f, uint32_t max, bool v2)
{
	*f = (struct fixture){ .counters = { .config_last_reload_ok = true } };
	f->config.sample_interval_ms = 1000;
	if (container_table_new(&f->table, max, NULL) < 0)
		abort();
	for (size_t i = 0; i < CONTROLLER_COUNT; i++)
		f->layout.on_v2[i] = v2;
	f->layout.mode = v2 ? CGROUP_V2 : CGROUP_V1;
	f->machine = (struct machine){ .machine_id = "m",
				       .system_uuid = "s",
				       .boot_id = "b",
				       .kernel_version = "6.1.0",
				       .os_version = "Debian GNU/Linux 12 (bookworm)",
				       .cpu_cores = 2,
				       .cpu_physical_cores = 2,
				       .cpu_sockets = 1,
				       .memory_bytes = 1 << 30,
				       .swap_bytes = 4096 };
	f->programs[0] = (struct sensor_program){ .name = "on_exec", .on = true };
	f->programs[1] = (struct sensor_program){ .name = "on_state", .reason = "load: no" };
	f->programs[2] = (struct sensor_program){ .name = "not_asked_for" };
	f->sensor =
		(struct sensor_state){ .mode = SENSOR_TRACEPOINT,
				       .problem = "",
				       .programs = f->programs,
				       .programs_n = 3,
				       .maps = { { "events", NULL, 8192, 0, 8192, 0 },
						 { "cgroups", "sensor_cgroups", 4096, 3, 10, 1 } },
				       .maps_n = 2 };
	f->sensor.counts.sent[EVENT_EXEC] = 7;
	f->sensor.counts.dropped[DROP_SHED][EVENT_STAT] = 5;
	f->state = (struct agent_state){ .sensor = &f->sensor,
					 .config = &f->config,
					 .containers = f->table,
					 .machine = &f->machine,
					 .machine_live = &f->live,
					 .disks = f->disks,
					 .layout = &f->layout,
					 .counters = &f->counters,
					 .serve = &f->serve,
					 .serve_problem = "",
					 .start_unix_ns = FIXTURE_NOW_NS - 60 * NS_PER_S,
					 .now_unix_ns = FIXTURE_NOW_NS };
	f->root = fixture_add(f, CGROUP_ROOT, RUNTIME_NONE, "", "/");
}

static inline void fixture_release(struct fixture *f)
{
	container_table_free(f->table);
}
#define AUTO_FIXTURE __attribute__((cleanup(fixture_release)))

/* Every figure set and different from the others, as far as the hierarchy has it. */
static inline void fixture_sample(struct container *c, bool v2)
{
	uint32_t v2_only = SAMPLE_MEMORY_RECLAIM | SAMPLE_MEMORY_EVENTS;
	struct sample *s = &c->sample;

	*s = (struct sample){
		.time_unix_ns = FIXTURE_NOW_NS - 5,
		.have = (uint32_t)(SAMPLE_FDS * 2 - 1) & ~(uint32_t)SAMPLE_CPU_PERCPU,
		.cpu_usage_ns = 1500000001,
		.cpu_user_ns = 1000000000,
		.cpu_system_ns = 500000000,
		.cfs_periods = 3,
		.cfs_throttled_periods = 2,
		.cfs_throttled_ns = 70000000,
		.cfs_bursts = 1,
		.cfs_burst_ns = 1000,
		.cpu_shares = 1024,
		.cpu_period_us = 100000,
		.cpu_quota_us = 50000,
		.memory_usage = 1001,
		.memory_working_set = 1002,
		.memory_max_usage = 1003,
		.memory_rss = 1004,
		.memory_cache = 1005,
		.memory_mapped_file = 1006,
		.memory_swap = 1007,
		.memory_kernel = 1008,
		.memory_active_file = 1009,
		.memory_inactive_file = 1010,
		.memory_dirty = 1011,
		.memory_writeback = 1012,
		.memory_failcnt = 1013,
		.pgfault = 21,
		.pgmajfault = 22,
		.pgfault_tree = 23,
		.pgmajfault_tree = 24,
		.pgscan = 25,
		.pgsteal = 26,
		.refault_file = 27,
		.refault_anon = 28,
		.memory_events_high = 29,
		.memory_events_max = 30,
		.memory_limit = 1 << 20,
		.memory_swap_limit = 2 << 20,
		.memory_reservation = 31,
		.io_n = 1,
		.io = { { .major = 254,
			  .device = "/dev/vda",
			  .read_bytes = 41,
			  .write_bytes = 42,
			  .discard_bytes = 43,
			  .reads = 44,
			  .writes = 45,
			  .discards = 46,
			  .sync_bytes = 47,
			  .async_bytes = 48 } },
		.threads = 51,
		.threads_max = 52,
		.processes = 53,
		.fds = 54,
		.sockets = 55,
		.ulimit_nofile_soft = UINT64_MAX,
		.psi_cpu = { 61000001, 62 },
		.psi_memory = { 63, 64 },
		.psi_io = { 65, 66 },
		.net_n = 1,
		.net = { { .name = "eth0",
			   .rx_bytes = 71,
			   .rx_packets = 72,
			   .rx_errors = 73,
			   .rx_dropped = 74,
			   .tx_bytes = 75,
			   .tx_packets = 76,
			   .tx_errors = 77,
			   .tx_dropped = 78 } },
		.tcp = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 },
		.tcp6 = { 11 },
		.hugetlb_n = 1,
		.hugetlb = { { .page_size = "2MB",
			       .usage_bytes = 81,
			       .max_usage_bytes = 82,
			       .failcnt = 83 } },
		.disk_layer_bytes = 91,
		.disk_layer_inodes = 92,
		.disk_log_bytes = 9,
		.disk_limit_bytes = 94,
		.disk_device = "/dev/vda",
		.volumes_n = 1,
		.volumes = { { .name = "data", .bytes = 95, .inodes = 96 } },
	};
	s->have &= ~(v2 ? 0 : v2_only);
	c->owns_network = true;
	c->oom_events = 4;
	c->created_unix_ns = FIXTURE_NOW_NS - 20 * NS_PER_S;
	c->started_unix_ns = FIXTURE_NOW_NS - 10 * NS_PER_S + 250 * NS_PER_MS;
	c->last_seen_unix_ns = FIXTURE_NOW_NS - 1;
}

#endif
