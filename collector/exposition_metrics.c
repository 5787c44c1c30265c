// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of container_* metrics: cAdvisor's names, types and help texts, so that its dashboards
 * and alert rules go on working. One row adds one metric. Where cAdvisor shows a constant 0 because
 * it reads nothing, there is no line here; a figure that the kernel does not give clears its bit.
 */
#include "collector/exposition_internal.h"

#define OF(field)      offsetof(struct container, field)
#define SAMPLED(field) offsetof(struct container, sample.field)

static void emit_value(struct scrape *s, struct container *c)
{
	scrape_container_line(s, c, u64_at(c, s->m->at));
}

static void emit_if_set(struct scrape *s, struct container *c)
{
	uint64_t v = u64_at(c, s->m->at);

	if (v != 0)
		scrape_container_line(s, c, v);
}

/* Where no runtime tells when it was created, the start is as near as can be known. */
static void emit_created(struct scrape *s, struct container *c)
{
	uint64_t v = c->created_unix_ns ? c->created_unix_ns : c->started_unix_ns;

	if (v != 0)
		scrape_container_line(s, c, v);
}

/* Throttling has a meaning only under a quota. */
static void emit_under_quota(struct scrape *s, struct container *c)
{
	if (c->sample.cpu_quota_us != 0)
		emit_value(s, c);
}

/* What "/" may use is what the machine has. */
static void emit_memory_limit(struct scrape *s, struct container *c)
{
	uint64_t v = u64_at(c, s->m->at);

	if (c->kind == CGROUP_ROOT)
		v = s->m->at == SAMPLED(memory_limit) ? s->state->machine->memory_bytes
						      : s->state->machine->swap_bytes;
	scrape_container_line(s, c, v);
}

static void emit_last_seen(struct scrape *s, struct container *c)
{
	scrape_container_line(s, c,
			      c->last_seen_unix_ns ? c->last_seen_unix_ns : s->state->now_unix_ns);
}

static bool is_workload(const struct container *c)
{
	return c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;
}

static void emit_health(struct scrape *s, struct container *c)
{
	int64_t v = -1;

	if (!is_workload(c))
		return;
	if (c->meta && c->meta->health != HEALTH_NONE)
		v = c->meta->health == HEALTH_HEALTHY;
	scrape_container_line(s, c, (uint64_t)v);
}

static void emit_nofile(struct scrape *s, struct container *c)
{
	uint64_t v = c->sample.ulimit_nofile_soft; /* UINT64_MAX is -1 already */

	scrape_label(s, "ulimit", SPAN_LIT("max_open_files"));
	scrape_container_line(s, c, v);
	s->extra.len = 0;
}

/* The root cgroup of the v2 tree need not have pressure files: /proc/pressure says the same. */
static void emit_pressure(struct scrape *s, struct container *c)
{
	static const struct {
		size_t at;
		uint32_t bit;
		size_t live_at;
	} host[] = {
		{ SAMPLED(psi_cpu.some_us), SAMPLE_PSI_CPU,
		  offsetof(struct machine_live, psi_cpu.some_us) },
		{ SAMPLED(psi_cpu.full_us), SAMPLE_PSI_CPU,
		  offsetof(struct machine_live, psi_cpu.full_us) },
		{ SAMPLED(psi_memory.some_us), SAMPLE_PSI_MEMORY,
		  offsetof(struct machine_live, psi_memory.some_us) },
		{ SAMPLED(psi_memory.full_us), SAMPLE_PSI_MEMORY,
		  offsetof(struct machine_live, psi_memory.full_us) },
		{ SAMPLED(psi_io.some_us), SAMPLE_PSI_IO,
		  offsetof(struct machine_live, psi_io.some_us) },
		{ SAMPLED(psi_io.full_us), SAMPLE_PSI_IO,
		  offsetof(struct machine_live, psi_io.full_us) },
	};

	for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
		if (host[i].at != s->m->at)
			continue;
		if (c->sample.have & host[i].bit)
			emit_value(s, c);
		else if (c->kind == CGROUP_ROOT && (s->state->machine_live->have & host[i].bit))
			scrape_container_line(s, c,
					      u64_at(s->state->machine_live, host[i].live_at));
	}
}

static void emit_info(struct scrape *s, struct container *c)
{
	if (!is_workload(c))
		return;
	if (labels_make_info(c) < 0) {
		s->b->failed = true;
		return;
	}
	scrape_line(s, (struct span){ c->info, c->info_n }, 1);
}

/* --- bulkhead_container_*: the life of containers; what has ended stays here for a while */

static void emit_state(struct scrape *s, struct container *c)
{
	scrape_label(s, "state", span_str(container_state_name(c)));
	scrape_container_line(s, c, 1);
	s->extra.len = 0;
}

static void emit_exit_code(struct scrape *s, struct container *c)
{
	if (c->has_exit_code)
		scrape_container_line(s, c, (uint64_t)(int64_t)c->exit_code);
}

static void emit_oom_killed(struct scrape *s, struct container *c)
{
	if (c->ended || c->has_exit_code || c->oom_killed)
		scrape_container_line(s, c, c->oom_killed);
}

static void emit_restarts(struct scrape *s, struct container *c)
{
	if (c->restart_count > 0 || (c->meta && c->meta->has_restart_count))
		scrape_container_line(s, c, c->restart_count);
}

static void emit_log_bytes(struct scrape *s, struct container *c)
{
	if (!c->ended && (c->sample.have & SAMPLE_DISK) && c->meta && c->meta->log_path)
		scrape_container_line(s, c, c->sample.disk_log_bytes);
}

#define IO(field)     offsetof(struct sample_io, field)
#define DISK(field)   offsetof(struct machine_disk, field)
#define FS(field)     offsetof(struct machine_filesystem, field)
#define NET(field)    offsetof(struct sample_interface, field)
#define HUGE(field)   offsetof(struct sample_hugetlb, field)
#define VOLUME(field) offsetof(struct sample_volume, field)

/* clang-format off */
static const struct metric rows[] = {
	{ "container_blkio_device_usage_total", "counter", "Blkio Device bytes usage",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_IO, 0, emit_blkio },
	{ "container_cpu_cfs_burst_periods_total", "counter", "Number of periods when burst occurs.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_CPU_BURST, SAMPLED(cfs_bursts), emit_under_quota },
	{ "container_cpu_cfs_burst_seconds_total", "counter",
	  "Total time duration the container has been bursted.",
	  SCOPE_SAMPLE, UNIT_NS, SAMPLE_CPU_BURST, SAMPLED(cfs_burst_ns), emit_under_quota },
	{ "container_cpu_cfs_periods_total", "counter",
	  "Number of elapsed enforcement period intervals.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_CPU_CFS, SAMPLED(cfs_periods), emit_under_quota },
	{ "container_cpu_cfs_throttled_periods_total", "counter",
	  "Number of throttled period intervals.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_CPU_CFS, SAMPLED(cfs_throttled_periods), emit_under_quota },
	{ "container_cpu_cfs_throttled_seconds_total", "counter",
	  "Total time duration the container has been throttled.",
	  SCOPE_SAMPLE, UNIT_NS, SAMPLE_CPU_CFS, SAMPLED(cfs_throttled_ns), emit_under_quota },
	{ "container_cpu_system_seconds_total", "counter",
	  "Cumulative system cpu time consumed in seconds.",
	  SCOPE_SAMPLE, UNIT_NS, SAMPLE_CPU, SAMPLED(cpu_system_ns), emit_value },
	{ "container_cpu_usage_seconds_total", "counter",
	  "Cumulative cpu time consumed in seconds.",
	  SCOPE_SAMPLE, UNIT_NS, SAMPLE_CPU, 0, emit_percpu },
	{ "container_cpu_user_seconds_total", "counter",
	  "Cumulative user cpu time consumed in seconds.",
	  SCOPE_SAMPLE, UNIT_NS, SAMPLE_CPU, SAMPLED(cpu_user_ns), emit_value },
	{ "container_creation_time_seconds", "gauge",
	  "Container creation time since unix epoch in seconds.",
	  SCOPE_SPEC, UNIT_NS_WHOLE, 0, OF(created_unix_ns), emit_created },
	{ "container_file_descriptors", "gauge",
	  "Number of open file descriptors for the container.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_FDS, SAMPLED(fds), emit_value },
	{ "container_fs_inodes_free", "gauge", "Number of available Inodes",
	  SCOPE_SAMPLE, UNIT_ONE, 0, FS(inodes_free), emit_filesystem },
	{ "container_fs_inodes_total", "gauge", "Number of Inodes",
	  SCOPE_SAMPLE, UNIT_ONE, 0, FS(inodes), emit_filesystem },
	{ "container_fs_io_current", "gauge", "Number of I/Os currently in progress",
	  SCOPE_SAMPLE, UNIT_ONE, 0, DISK(io_now), emit_host_disk },
	{ "container_fs_io_time_seconds_total", "counter",
	  "Cumulative count of seconds spent doing I/Os",
	  SCOPE_SAMPLE, UNIT_MS, 0, DISK(io_ms), emit_host_disk },
	{ "container_fs_io_time_weighted_seconds_total", "counter",
	  "Cumulative weighted I/O time in seconds",
	  SCOPE_SAMPLE, UNIT_MS, 0, DISK(io_weighted_ms), emit_host_disk },
	{ "container_fs_limit_bytes", "gauge",
	  "Number of bytes that can be consumed by the container on this filesystem.",
	  SCOPE_SAMPLE, UNIT_ONE, 0, FS(limit_bytes), emit_filesystem },
	{ "container_fs_read_seconds_total", "counter", "Cumulative count of seconds spent reading",
	  SCOPE_SAMPLE, UNIT_MS, 0, DISK(read_ms), emit_host_disk },
	{ "container_fs_reads_bytes_total", "counter", "Cumulative count of bytes read",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_IO, IO(read_bytes), emit_io },
	{ "container_fs_reads_merged_total", "counter", "Cumulative count of reads merged",
	  SCOPE_SAMPLE, UNIT_ONE, 0, DISK(reads_merged), emit_host_disk },
	{ "container_fs_reads_total", "counter", "Cumulative count of reads completed",
	  SCOPE_SAMPLE, UNIT_ONE, 0, IO(reads), emit_io },
	{ "container_fs_sector_reads_total", "counter",
	  "Cumulative count of sector reads completed",
	  SCOPE_SAMPLE, UNIT_ONE, 0, DISK(sectors_read), emit_host_disk },
	{ "container_fs_sector_writes_total", "counter",
	  "Cumulative count of sector writes completed",
	  SCOPE_SAMPLE, UNIT_ONE, 0, DISK(sectors_written), emit_host_disk },
	{ "container_fs_usage_bytes", "gauge",
	  "Number of bytes that are consumed by the container on this filesystem.",
	  SCOPE_SAMPLE, UNIT_ONE, 0, FS(usage_bytes), emit_filesystem },
	{ "container_fs_write_seconds_total", "counter",
	  "Cumulative count of seconds spent writing",
	  SCOPE_SAMPLE, UNIT_MS, 0, DISK(write_ms), emit_host_disk },
	{ "container_fs_writes_bytes_total", "counter", "Cumulative count of bytes written",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_IO, IO(write_bytes), emit_io },
	{ "container_fs_writes_merged_total", "counter", "Cumulative count of writes merged",
	  SCOPE_SAMPLE, UNIT_ONE, 0, DISK(writes_merged), emit_host_disk },
	{ "container_fs_writes_total", "counter", "Cumulative count of writes completed",
	  SCOPE_SAMPLE, UNIT_ONE, 0, IO(writes), emit_io },
	{ "container_health_state", "gauge", "The result of the container's health check",
	  SCOPE_SAMPLE, UNIT_SIGNED, 0, 0, emit_health },
	{ "container_hugetlb_failcnt", "counter", "Number of hugepage usage hits limits",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_HUGETLB, HUGE(failcnt), emit_hugetlb },
	{ "container_hugetlb_max_usage_bytes", "gauge",
	  "Maximum hugepage usages recorded in bytes",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_HUGETLB, HUGE(max_usage_bytes), emit_hugetlb },
	{ "container_hugetlb_usage_bytes", "gauge", "Current hugepage usage in bytes",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_HUGETLB, HUGE(usage_bytes), emit_hugetlb },
	{ "container_info", "gauge",
	  "A metric with a constant '1' value that carries all labels of a container.",
	  SCOPE_SPEC, UNIT_ONE, 0, 0, emit_info },
	{ "container_last_seen", "gauge", "Last time a container was seen by the exporter",
	  SCOPE_SAMPLE, UNIT_NS_WHOLE, 0, 0, emit_last_seen },
	{ "container_memory_cache", "gauge", "Number of bytes of page cache memory.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY, SAMPLED(memory_cache), emit_value },
	{ "container_memory_events_high_total", "counter",
	  "Cumulative count of memory.high throttle events for the container",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_EVENTS, SAMPLED(memory_events_high), emit_value },
	{ "container_memory_events_max_total", "counter",
	  "Cumulative count of memory.max limit hit events for the container",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_EVENTS, SAMPLED(memory_events_max), emit_value },
	{ "container_memory_failcnt", "counter", "Number of memory usage hits limits",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_FAILCNT, SAMPLED(memory_failcnt), emit_value },
	{ "container_memory_failures_total", "counter",
	  "Cumulative count of memory allocation failures.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY, 0, emit_memory_failures },
	{ "container_memory_file_dirty_bytes", "gauge",
	  "Number of bytes of file cache that has been modified but not yet written back to disk.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_DIRTY, SAMPLED(memory_dirty), emit_value },
	{ "container_memory_file_writeback_bytes", "gauge",
	  "Number of bytes of file cache that is currently being written back to disk.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_DIRTY, SAMPLED(memory_writeback), emit_value },
	{ "container_memory_kernel_usage", "gauge", "Size of kernel memory allocated in bytes.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_KERNEL, SAMPLED(memory_kernel), emit_value },
	{ "container_memory_mapped_file", "gauge", "Size of memory mapped files in bytes.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY, SAMPLED(memory_mapped_file), emit_value },
	{ "container_memory_max_usage_bytes", "gauge", "Maximum memory usage recorded in bytes",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_MAX, SAMPLED(memory_max_usage), emit_value },
	{ "container_memory_pgscan_total", "counter",
	  "Cumulative number of pages scanned by the page reclaim algorithm.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_RECLAIM, SAMPLED(pgscan), emit_value },
	{ "container_memory_pgsteal_total", "counter",
	  "Cumulative number of pages reclaimed by the page reclaim algorithm.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_RECLAIM, SAMPLED(pgsteal), emit_value },
	{ "container_memory_rss", "gauge", "Size of RSS in bytes.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY, SAMPLED(memory_rss), emit_value },
	{ "container_memory_swap", "gauge", "Container swap usage in bytes.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_SWAP, SAMPLED(memory_swap), emit_value },
	{ "container_memory_total_active_file_bytes", "gauge",
	  "Current total active file in bytes.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY, SAMPLED(memory_active_file), emit_value },
	{ "container_memory_total_inactive_file_bytes", "gauge",
	  "Current total inactive file in bytes.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY, SAMPLED(memory_inactive_file), emit_value },
	{ "container_memory_usage_bytes", "gauge",
	  "Current memory usage in bytes, including all memory regardless of when it was accessed",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY, SAMPLED(memory_usage), emit_value },
	{ "container_memory_working_set_bytes", "gauge", "Current working set in bytes.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY, SAMPLED(memory_working_set), emit_value },
	{ "container_memory_workingset_refault_anon_total", "counter",
	  "Cumulative number of refaults of previously evicted anonymous pages.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_REFAULT, SAMPLED(refault_anon), emit_value },
	{ "container_memory_workingset_refault_file_total", "counter",
	  "Cumulative number of refaults of previously evicted file pages.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_MEMORY_REFAULT, SAMPLED(refault_file), emit_value },
	{ "container_network_receive_bytes_total", "counter", "Cumulative count of bytes received",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_NETWORK, NET(rx_bytes), emit_network },
	{ "container_network_receive_errors_total", "counter",
	  "Cumulative count of errors encountered while receiving",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_NETWORK, NET(rx_errors), emit_network },
	{ "container_network_receive_packets_dropped_total", "counter",
	  "Cumulative count of packets dropped while receiving",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_NETWORK, NET(rx_dropped), emit_network },
	{ "container_network_receive_packets_total", "counter",
	  "Cumulative count of packets received",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_NETWORK, NET(rx_packets), emit_network },
	{ "container_network_tcp6_usage_total", "gauge",
	  "tcp6 connection usage statistic for container",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_TCP, offsetof(struct sample, tcp6), emit_tcp },
	{ "container_network_tcp_usage_total", "gauge",
	  "tcp connection usage statistic for container",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_TCP, offsetof(struct sample, tcp), emit_tcp },
	{ "container_network_transmit_bytes_total", "counter",
	  "Cumulative count of bytes transmitted",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_NETWORK, NET(tx_bytes), emit_network },
	{ "container_network_transmit_errors_total", "counter",
	  "Cumulative count of errors encountered while transmitting",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_NETWORK, NET(tx_errors), emit_network },
	{ "container_network_transmit_packets_dropped_total", "counter",
	  "Cumulative count of packets dropped while transmitting",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_NETWORK, NET(tx_dropped), emit_network },
	{ "container_network_transmit_packets_total", "counter",
	  "Cumulative count of packets transmitted",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_NETWORK, NET(tx_packets), emit_network },
	{ "container_oom_events_total", "counter",
	  "Count of out of memory events observed for the container",
	  SCOPE_SAMPLE, UNIT_ONE, 0, OF(oom_events), emit_value },
	{ "container_pressure_cpu_stalled_seconds_total", "counter",
	  "Total time duration no tasks in the container could make progress due to CPU congestion.",
	  SCOPE_SAMPLE, UNIT_US, 0, SAMPLED(psi_cpu.full_us), emit_pressure },
	{ "container_pressure_cpu_waiting_seconds_total", "counter",
	  "Total time duration tasks in the container have waited due to CPU congestion.",
	  SCOPE_SAMPLE, UNIT_US, 0, SAMPLED(psi_cpu.some_us), emit_pressure },
	{ "container_pressure_io_stalled_seconds_total", "counter",
	  "Total time duration no tasks in the container could make progress due to IO congestion.",
	  SCOPE_SAMPLE, UNIT_US, 0, SAMPLED(psi_io.full_us), emit_pressure },
	{ "container_pressure_io_waiting_seconds_total", "counter",
	  "Total time duration tasks in the container have waited due to IO congestion.",
	  SCOPE_SAMPLE, UNIT_US, 0, SAMPLED(psi_io.some_us), emit_pressure },
	{ "container_pressure_memory_stalled_seconds_total", "counter",
	  "Total time duration no tasks in the container could make progress due to memory congestion.",
	  SCOPE_SAMPLE, UNIT_US, 0, SAMPLED(psi_memory.full_us), emit_pressure },
	{ "container_pressure_memory_waiting_seconds_total", "counter",
	  "Total time duration tasks in the container have waited due to memory congestion.",
	  SCOPE_SAMPLE, UNIT_US, 0, SAMPLED(psi_memory.some_us), emit_pressure },
	{ "container_processes", "gauge", "Number of processes running inside the container.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_PROCESSES, SAMPLED(processes), emit_value },
	{ "container_sockets", "gauge", "Number of open sockets for the container.",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_FDS, SAMPLED(sockets), emit_value },
	{ "container_spec_cpu_period", "gauge", "CPU period of the container.",
	  SCOPE_SPEC, UNIT_ONE, SAMPLE_CPU_SPEC, SAMPLED(cpu_period_us), emit_value },
	{ "container_spec_cpu_quota", "gauge", "CPU quota of the container.",
	  SCOPE_SPEC, UNIT_ONE, SAMPLE_CPU_SPEC, SAMPLED(cpu_quota_us), emit_if_set },
	{ "container_spec_cpu_shares", "gauge", "CPU share of the container.",
	  SCOPE_SPEC, UNIT_ONE, SAMPLE_CPU_SPEC, SAMPLED(cpu_shares), emit_value },
	{ "container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.",
	  SCOPE_SPEC, UNIT_ONE, SAMPLE_MEMORY_SPEC, SAMPLED(memory_limit), emit_memory_limit },
	{ "container_spec_memory_reservation_limit_bytes", "gauge",
	  "Memory reservation limit for the container.",
	  SCOPE_SPEC, UNIT_ONE, SAMPLE_MEMORY_SPEC, SAMPLED(memory_reservation), emit_value },
	{ "container_spec_memory_swap_limit_bytes", "gauge", "Memory swap limit for the container.",
	  SCOPE_SPEC, UNIT_ONE, SAMPLE_MEMORY_SPEC, SAMPLED(memory_swap_limit), emit_memory_limit },
	{ "container_start_time_seconds", "gauge",
	  "Start time of the container since unix epoch in seconds.",
	  SCOPE_SPEC, UNIT_NS_WHOLE, 0, OF(started_unix_ns), emit_if_set },
	{ "container_threads", "gauge", "Number of threads running inside the container",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_PIDS, SAMPLED(threads), emit_value },
	{ "container_threads_max", "gauge",
	  "Maximum number of threads allowed inside the container, infinity if value is zero",
	  SCOPE_SAMPLE, UNIT_ONE, SAMPLE_PIDS, SAMPLED(threads_max), emit_value },
	{ "container_ulimits_soft", "gauge",
	  "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice",
	  SCOPE_SAMPLE, UNIT_SIGNED, SAMPLE_ULIMITS, 0, emit_nofile },

	{ "bulkhead_container_end_time_seconds", "gauge",
	  "When the container ended, in seconds since the epoch.",
	  SCOPE_LIFE, UNIT_NS, 0, OF(ended_unix_ns), emit_if_set },
	{ "bulkhead_container_exit_code", "gauge", "Exit code of the container's first process.",
	  SCOPE_LIFE, UNIT_SIGNED, 0, 0, emit_exit_code },
	{ "bulkhead_container_log_bytes", "gauge", "Disk space of the container's log.",
	  SCOPE_LIFE, UNIT_ONE, 0, 0, emit_log_bytes },
	{ "bulkhead_container_oom_killed", "gauge",
	  "1 if the container ended by an out of memory kill, 0 otherwise.",
	  SCOPE_LIFE, UNIT_ONE, 0, 0, emit_oom_killed },
	{ "bulkhead_container_restarts", "gauge",
	  "Times that the runtime has restarted the container.",
	  SCOPE_LIFE, UNIT_ONE, 0, 0, emit_restarts },
	{ "bulkhead_container_start_time_seconds", "gauge",
	  "When the container started, in seconds since the epoch.",
	  SCOPE_LIFE, UNIT_NS, 0, OF(started_unix_ns), emit_if_set },
	{ "bulkhead_container_state", "gauge",
	  "1 for the state that the container is in: created, running, paused, exited.",
	  SCOPE_LIFE, UNIT_ONE, 0, 0, emit_state },
	{ "bulkhead_container_volume_bytes", "gauge", "Disk space of a named volume.",
	  SCOPE_LIFE, UNIT_ONE, 0, VOLUME(bytes), emit_volume },
	{ "bulkhead_container_volume_inodes", "gauge", "Inodes of a named volume.",
	  SCOPE_LIFE, UNIT_ONE, 0, VOLUME(inodes), emit_volume },
};
/* clang-format on */

const struct metric_table exposition_containers = { rows, sizeof(rows) / sizeof(rows[0]) };
