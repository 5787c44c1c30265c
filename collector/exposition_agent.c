// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables of what is shown once: the machine, bulkheadd itself, its bounded tables, serve. */
#include "collector/exposition_internal.h"

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "collector/capacity.h"

static const struct span no_labels = { NULL, 0 };

/* --- machine_* */

static void machine_labels(struct scrape *s)
{
	const struct machine *m = s->state->machine;

	scrape_label(s, "boot_id", span_str(m->boot_id));
	scrape_label(s, "machine_id", span_str(m->machine_id));
	scrape_label(s, "system_uuid", span_str(m->system_uuid));
}

static void machine_line(struct scrape *s, uint64_t v)
{
	if (v == 0)
		return; /* could not be read */
	machine_labels(s);
	scrape_line(s, no_labels, v);
	s->extra.len = 0;
}

static void emit_machine(struct scrape *s, struct container *c)
{
	(void)c;
	machine_line(s, u64_at(s->state->machine, s->m->at));
}

static void emit_machine_u32(struct scrape *s, struct container *c)
{
	const uint32_t *v = (const void *)((const char *)s->state->machine + s->m->at);

	(void)c;
	machine_line(s, *v);
}

static void emit_swap(struct scrape *s, struct container *c)
{
	(void)c;
	machine_labels(s); /* 0 is a size that swap has */
	scrape_line(s, no_labels, s->state->machine->swap_bytes);
	s->extra.len = 0;
}

static void emit_zero(struct scrape *s, struct container *c)
{
	(void)c;
	scrape_line(s, no_labels, 0);
}

/* Dashboards read versions of kernel and system from it. */
static void emit_cadvisor_version(struct scrape *s, struct container *c)
{
	(void)c;
	scrape_label(s, "cadvisorRevision", SPAN_LIT(BULKHEAD_REVISION));
	scrape_label(s, "cadvisorVersion", SPAN_LIT("bulkhead-" BULKHEAD_VERSION));
	scrape_label(s, "dockerVersion", SPAN_LIT(""));
	scrape_label(s, "kernelVersion", span_str(s->state->machine->kernel_version));
	scrape_label(s, "osVersion", span_str(s->state->machine->os_version));
	scrape_line(s, no_labels, 1);
	s->extra.len = 0;
}

#define MACHINE(field) offsetof(struct machine, field)
/* clang-format off */
static const struct metric machine_rows[] = {
	{ "cadvisor_version_info", "gauge",
	  "A metric with a constant '1' value labeled by kernel version, OS version, docker version, "
	  "cadvisor version & cadvisor revision.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_cadvisor_version },
	{ "container_scrape_error", "gauge",
	  "1 if there was an error while getting container metrics, 0 otherwise",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_zero },
	{ "machine_cpu_cores", "gauge", "Number of logical CPU cores.",
	  SCOPE_AGENT, UNIT_ONE, 0, MACHINE(cpu_cores), emit_machine_u32 },
	{ "machine_cpu_physical_cores", "gauge", "Number of physical CPU cores.",
	  SCOPE_AGENT, UNIT_ONE, 0, MACHINE(cpu_physical_cores), emit_machine_u32 },
	{ "machine_cpu_sockets", "gauge", "Number of CPU sockets.",
	  SCOPE_AGENT, UNIT_ONE, 0, MACHINE(cpu_sockets), emit_machine_u32 },
	{ "machine_memory_bytes", "gauge", "Amount of memory installed on the machine.",
	  SCOPE_AGENT, UNIT_ONE, 0, MACHINE(memory_bytes), emit_machine },
	{ "machine_scrape_error", "gauge",
	  "1 if there was an error while getting machine metrics, 0 otherwise.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_zero },
	{ "machine_swap_bytes", "gauge", "Amount of swap memory available on the machine.",
	  SCOPE_AGENT, UNIT_ONE, 0, MACHINE(swap_bytes), emit_swap },
};
/* clang-format on */
const struct metric_table exposition_machine = { machine_rows,
						 sizeof(machine_rows) / sizeof(machine_rows[0]) };

/* --- bulkhead_* and process_* */

static void emit_of_state(struct scrape *s, struct container *c)
{
	(void)c;
	scrape_line(s, no_labels, u64_at(s->state, s->m->at));
}

static void emit_flag_of_state(struct scrape *s, struct container *c)
{
	const bool *v = (const void *)((const char *)s->state + s->m->at);

	(void)c;
	scrape_line(s, no_labels, *v);
}

static void emit_counter(struct scrape *s, struct container *c)
{
	(void)c;
	scrape_line(s, no_labels, u64_at(s->state->counters, s->m->at));
}

static void emit_reload_ok(struct scrape *s, struct container *c)
{
	(void)c;
	scrape_line(s, no_labels, s->state->counters->config_last_reload_ok);
}

static void emit_reload_time(struct scrape *s, struct container *c)
{
	uint64_t v = s->state->counters->config_last_reload_unix_ns;

	(void)c;
	scrape_line(s, no_labels, v ? v : s->state->start_unix_ns);
}

static void emit_build_info(struct scrape *s, struct container *c)
{
	(void)c;
	scrape_label(s, "revision", SPAN_LIT(BULKHEAD_REVISION));
	scrape_label(s, "version", SPAN_LIT(BULKHEAD_VERSION));
	scrape_line(s, no_labels, 1);
	s->extra.len = 0;
}

static void emit_containers(struct scrape *s, struct container *c)
{
	struct container_stats stats = container_table_stats(s->state->containers);

	(void)c;
	scrape_label(s, "state", SPAN_LIT("live"));
	scrape_line(s, no_labels, stats.containers);
	s->extra.len = 0;
	scrape_label(s, "state", SPAN_LIT("ended"));
	scrape_line(s, no_labels, stats.ended);
	s->extra.len = 0;
}

static void emit_labels_refused(struct scrape *s, struct container *c)
{
	struct container *const *list;
	size_t n = container_table_live(s->state->containers, &list);
	uint64_t refused = 0;

	(void)c;
	for (size_t i = 0; i < n; i++)
		refused += list[i]->info_refused;
	scrape_line(s, no_labels, refused);
}

static void emit_degraded(struct scrape *s, struct container *c)
{
	uint64_t n = 0;

	(void)c;
	for (const char *const *text = s->state->degraded; text && *text; text++)
		n++;
	scrape_line(s, no_labels, n);
}

static void emit_degraded_reason(struct scrape *s, struct container *c)
{
	(void)c;
	for (const char *const *text = s->state->degraded; text && *text; text++) {
		scrape_label(s, "reason", span_str(*text));
		scrape_line(s, no_labels, 1);
		s->extra.len = 0;
	}
}

enum { OF_CAPACITY, OF_USED, OF_REFUSED }; /* `at` of the three rows */

static void emit_capacity(struct scrape *s, struct container *c)
{
	struct capacity list[CAPACITY_MAX];
	size_t n = capacity_list(s->state, list);

	(void)c;
	for (size_t i = 0; i < n; i++) {
		uint64_t v = s->m->at == OF_CAPACITY ? list[i].capacity
			     : s->m->at == OF_USED   ? list[i].used
						     : list[i].refused;

		if (s->m->at == OF_CAPACITY && v == 0)
			continue;
		scrape_label(s, "table", span_str(list[i].table));
		scrape_line(s, no_labels, v);
		s->extra.len = 0;
	}
}

/* The number of descriptors: the size of /proc/self/fd since 6.2, else its entries. */
static void emit_open_fds(struct scrape *s, struct container *c)
{
	struct stat st;
	uint64_t n = 0;

	(void)c;
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0) {
		n = (uint64_t)st.st_size;
	} else {
		AUTO_DIR DIR *dir = opendir("/proc/self/fd");

		while (dir && readdir(dir))
			n++;
		n -= n > 3 ? 3 : n; /* ".", ".." and its own */
	}
	if (n > 0)
		scrape_line(s, no_labels, n);
}

static void emit_cpu(struct scrape *s, struct container *c)
{
	struct rusage u;

	(void)c;
	if (getrusage(RUSAGE_SELF, &u) == 0)
		scrape_line(s, no_labels,
			    (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
				    (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec));
}

static void emit_resident(struct scrape *s, struct container *c)
{
	(void)c;
	if (s->state->counters->resident_bytes) /* 0 before the first slow pass */
		scrape_line(s, no_labels, s->state->counters->resident_bytes);
}

static void emit_max_fds(struct scrape *s, struct container *c)
{
	struct rlimit limit;

	(void)c;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		scrape_line(s, no_labels, limit.rlim_cur);
}

#define STATE(field) offsetof(struct agent_state, field)
#define COUNT(field) offsetof(struct agent_counters, field)
/* clang-format off */
static const struct metric agent_rows[] = {
	{ "bulkhead_build_info", "gauge", "A metric with a constant '1' value: version of bulkhead.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_build_info },
	{ "bulkhead_capacity", "gauge", "Entries that a bounded table or queue can hold.",
	  SCOPE_AGENT, UNIT_ONE, 0, OF_CAPACITY, emit_capacity },
	{ "bulkhead_config_last_reload_successful", "gauge",
	  "1 if the last reload of the configuration succeeded, 0 otherwise.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_reload_ok },
	{ "bulkhead_config_last_reload_timestamp_seconds", "gauge",
	  "When the configuration was last read, in seconds since the epoch.",
	  SCOPE_AGENT, UNIT_NS, 0, 0, emit_reload_time },
	{ "bulkhead_config_reloads_total", "counter", "Reloads of the configuration.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(reloads), emit_counter },
	{ "bulkhead_containers", "gauge", "Containers and services in the table.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_containers },
	{ "bulkhead_degraded", "gauge", "Number of things that do not work as they should.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_degraded },
	{ "bulkhead_degraded_reason", "gauge", "1 for each thing that does not work as it should.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_degraded_reason },
	{ "bulkhead_disk_walks_total", "counter", "Walks over writable layers, logs and volumes.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(disk_walks), emit_counter },
	{ "bulkhead_disk_walks_unfinished_total", "counter", "Disk walks that were given up.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(disk_walks_unfinished), emit_counter },
	{ "bulkhead_feed_dropped_total", "counter",
	  "Frames to bulkhead serve that were dropped because its socket was full.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(feed_dropped), emit_counter },
	{ "bulkhead_first_sample_seconds", "gauge",
	  "Time from start to the first complete sampling round.",
	  SCOPE_AGENT, UNIT_NS, 0, COUNT(first_sample_ns), emit_counter },
	{ "bulkhead_info_labels_refused", "gauge",
	  "Container labels that did not fit into container_info.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_labels_refused },
	{ "bulkhead_kernel_log_lost_total", "counter",
	  "Records of the kernel log that were overwritten before they were read.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(kmsg_lost), emit_counter },
	{ "bulkhead_loop_busy_seconds_total", "counter", "Time that the event loop spent working.",
	  SCOPE_AGENT, UNIT_NS, 0, STATE(loop.busy_ns), emit_of_state },
	{ "bulkhead_loop_longest_turn_seconds", "gauge", "Longest turn of the event loop.",
	  SCOPE_AGENT, UNIT_NS, 0, STATE(loop.longest_ns), emit_of_state },
	{ "bulkhead_loop_turns_total", "counter", "Turns of the event loop.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(loop.turns), emit_of_state },
	{ "bulkhead_metadata_failures_total", "counter", "Metadata of containers that was unreadable.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(metadata_failures), emit_counter },
	{ "bulkhead_metadata_reads_total", "counter", "Metadata of containers read.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(metadata_reads), emit_counter },
	{ "bulkhead_oom_events_total", "counter", "Out of memory kills seen on this host.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(oom_events), emit_counter },
	{ "bulkhead_refused_total", "counter",
	  "Entries that a bounded table or queue refused because it was full.",
	  SCOPE_AGENT, UNIT_ONE, 0, OF_REFUSED, emit_capacity },
	{ "bulkhead_requests_refused_total", "counter",
	  "Requests refused by bulkheadd for want of rights or room.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(requests_refused), emit_counter },
	{ "bulkhead_requests_total", "counter", "Requests that bulkheadd got.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(requests), emit_counter },
	{ "bulkhead_samples_idle_total", "counter",
	  "Samples that ended after the CPU counter because nothing had run.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(sampler.skipped_idle), emit_of_state },
	{ "bulkhead_samples_total", "counter", "Cgroups sampled.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(samples), emit_counter },
	{ "bulkhead_sampler_errors_total", "counter",
	  "Counter files whose content was not understood.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(sampler.parse_errors), emit_of_state },
	{ "bulkhead_sampler_reads_total", "counter", "Counter files read.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(sampler.reads), emit_of_state },
	{ "bulkhead_sampler_degraded", "gauge",
	  "1 while descriptors are short and counter files are opened for each read.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(sampler.degraded), emit_flag_of_state },
	{ "bulkhead_sampling_round_seconds", "gauge", "Time that the last sampling round took.",
	  SCOPE_AGENT, UNIT_NS, 0, COUNT(last_round_ns), emit_counter },
	{ "bulkhead_sampling_rounds_late_total", "counter",
	  "Sampling rounds that began over one interval late.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(ticks_late), emit_counter },
	{ "bulkhead_sampling_rounds_total", "counter", "Sampling rounds.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(ticks), emit_counter },
	{ "bulkhead_serve_starts_total", "counter", "Times that bulkhead serve was started.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(serve_starts), emit_counter },
	{ "bulkhead_serve_up", "gauge", "1 while bulkhead serve runs, 0 otherwise.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(serve_up), emit_flag_of_state },
	{ "bulkhead_tokens", "gauge", "Access tokens that are known.",
	  SCOPE_AGENT, UNIT_ONE, 0, COUNT(tokens), emit_counter },
	{ "bulkhead_used", "gauge", "Entries in a bounded table or queue.",
	  SCOPE_AGENT, UNIT_ONE, 0, OF_USED, emit_capacity },
	{ "bulkhead_watch_degraded", "gauge",
	  "1 while inotify watches are short and cgroups are found by reading the tree again.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(watch.degraded), emit_flag_of_state },
	{ "bulkhead_watch_events_total", "counter", "Inotify events read.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(watch.events), emit_of_state },
	{ "bulkhead_watch_overflows_total", "counter", "Overflows of the inotify queue.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(watch.overflows), emit_of_state },
	{ "bulkhead_watch_rescans_total", "counter", "Full reads of the cgroup tree after the first.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(watch.rescans), emit_of_state },
	{ "bulkhead_worker_jobs_total", "counter", "Jobs that the worker thread has finished.",
	  SCOPE_AGENT, UNIT_ONE, 0, STATE(worker.finished), emit_of_state },
	{ "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
	  SCOPE_AGENT, UNIT_US, 0, 0, emit_cpu },
	{ "process_max_fds", "gauge", "Maximum number of open file descriptors.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_max_fds },
	{ "process_open_fds", "gauge", "Number of open file descriptors.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_open_fds },
	{ "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_resident },
	{ "process_start_time_seconds", "gauge",
	  "Start time of the process since unix epoch in seconds.",
	  SCOPE_AGENT, UNIT_NS, 0, STATE(start_unix_ns), emit_of_state },
};
/* clang-format on */
const struct metric_table exposition_agent = { agent_rows,
					       sizeof(agent_rows) / sizeof(agent_rows[0]) };

/* --- what bulkhead serve tells of itself; nothing while it is down */

static void emit_serve(struct scrape *s, struct container *c)
{
	(void)c;
	if (s->state->serve_up)
		scrape_line(s, no_labels, s->state->serve->v[s->m->at]);
}

static const struct metric serve_rows[] = {
#define X(id, name, type, help)                                                                    \
	{ name,                                                                                    \
	  type,                                                                                    \
	  help,                                                                                    \
	  SCOPE_AGENT,                                                                             \
	  SERVE_STAT_##id == SERVE_STAT_SERVE_CPU_US ? UNIT_US : UNIT_ONE,                         \
	  0,                                                                                       \
	  SERVE_STAT_##id,                                                                         \
	  emit_serve },
	WIRE_SERVE_STATS_LIST(X)
#undef X
};
const struct metric_table exposition_serve = { serve_rows,
					       sizeof(serve_rows) / sizeof(serve_rows[0]) };
