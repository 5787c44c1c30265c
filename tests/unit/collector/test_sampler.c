// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/sampler.h"
#include "tests/unit/fixture.h"

#define PSI(total)                                                                                 \
	"some avg10=0.00 avg60=0.00 avg300=0.00 total=" total                                      \
	"\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
#define MEMORY_V1                                                                                  \
	"cache 500\nrss 300\ninactive_file 1\ntotal_cache 500\ntotal_rss 300\n"                    \
	"total_swap 7\ntotal_inactive_file 200\ntotal_dirty 1\ntotal_writeback 2\n"

static const char v1_tree[] =
	"@ cpuacct/a/cpuacct.usage\n1000\n"
	"@ cpuacct/a/cpuacct.usage_percpu\n400 700 \n"
	"@ cpuacct/a/cpuacct.stat\nuser 10\nsystem 5\n"
	"@ cpu/a/cpu.stat\nnr_periods 1\nnr_throttled 2\nthrottled_time 3\nnr_bursts 4\nburst_time "
	"5\n"
	"@ cpu/a/cpu.shares\n1024\n"
	"@ cpu/a/cpu.cfs_period_us\n100000\n"
	"@ cpu/a/cpu.cfs_quota_us\n-1\n"
	"@ memory/a/memory.stat\n" MEMORY_V1 "@ memory/a/memory.usage_in_bytes\n1000\n"
	"@ memory/a/memory.limit_in_bytes\n4096\n"
	"@ memory/a/memory.memsw.limit_in_bytes\n9223372036854771712\n"
	"@ memory/a/memory.soft_limit_in_bytes\n9223372036854771712\n"
	"@ memory/a/memory.max_usage_in_bytes\n2000\n"
	"@ memory/a/memory.failcnt\n3\n"
	"@ memory/a/memory.kmem.usage_in_bytes\n50\n"
	"@ memory/a/memory.oom_control\noom_kill_disable 0\nunder_oom 0\noom_kill 2\n"
	"@ memory/a/cgroup.procs\n100\n"
	"@ memory/a/child/cgroup.procs\n101\n102\n"
	"@ blkio/a/blkio.bfq.io_service_bytes_recursive\nTotal 0\n"
	"@ blkio/a/blkio.throttle.io_service_bytes_recursive\n8:0 Read 10\n8:0 Write 20\n9:9 Read "
	"1\n"
	"@ blkio/a/blkio.throttle.io_serviced_recursive\n8:0 Read 1\n8:0 Write 2\n9:9 Read 1\n"
	"@ pids/a/pids.current\n4\n"
	"@ pids/a/pids.max\nmax\n"
	"@ unified/a/cpu.pressure\n" PSI("10") "@ unified/a/memory.pressure\n" PSI(
		"20") "@ unified/a/io.pressure\n" PSI("30") "@ "
							    "sys/dev/block/8:0/"
							    "uevent\nMAJOR=8\nMINOR=0\nDEVNAME="
							    "sda\n"
							    "@ proc/100/stat\n100 (init) S 1 1 1 0 "
							    "-1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0\n"
							    "@ proc/101/stat\n101 (a) b) S 1 1 1 0 "
							    "-1 0 0 0 0 0 0 0 0 0 20 0 1 0 400 0\n"
							    "@ proc/102/stat\n102 (c) S 1 1 1 0 -1 "
							    "0 0 0 0 0 0 0 0 0 20 0 1 0 450 0\n"
							    "@ proc/vmstat\nnr_free_pages "
							    "1\noom_kill 9\n"
							    "@ proc/loadavg\n0.05 0.02 0.00 1/98 "
							    "4897\n"
							    "@ proc/pressure/cpu\n" PSI("5");

struct host {
	struct tree tree;
	struct cgroup_layout layout;
	struct sampler_settings settings;
	char proc[160], sys[160];
};

static const char *const names[] = { "cpu", "cpuacct", "memory", "blkio", "pids", "hugetlb", "" };

static void put(struct host *h, const char *path, const char *text)
{
	tree_write(&h->tree, path, text, strlen(text));
}

static int place(struct host *h, const char *name, char *path)
{
	snprintf(path, PATH_MAX, "%s/%s", h->tree.path, name);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void host_make(struct host *h, const char *literal, bool v2)
{
	char path[PATH_MAX];

	*h = (struct host){ .tree = tree_make(literal) };
	h->layout.mode = v2 ? CGROUP_V2 : CGROUP_HYBRID;
	for (int c = 0; c < CONTROLLER_COUNT; c++) {
		h->layout.on_v2[c] = v2;
		h->layout.fds[c] = -1;
		if (v2 || names[c][0])
			h->layout.fds[c] = place(h, v2 ? "unified" : names[c], h->layout.paths[c]);
	}
	h->layout.unified_fd = place(h, "unified", h->layout.unified_path);
	h->layout.watch_fd = place(h, v2 ? "unified" : "memory", h->layout.watch_path);
	snprintf(path, sizeof(path), "%s", v2 ? "" : "memory");
	memcpy(h->layout.watch_name, path, 8);
	snprintf(h->proc, sizeof(h->proc), "%s/proc", h->tree.path);
	snprintf(h->sys, sizeof(h->sys), "%s/sys", h->tree.path);
	h->settings = (struct sampler_settings){
		.refresh_ticks = 10, .max_fds = 1000, .proc = h->proc, .sys = h->sys
	};
}

static void host_release(struct host *h)
{
	for (int c = 0; c < CONTROLLER_COUNT; c++) {
		if (h->layout.fds[c] >= 0)
			close(h->layout.fds[c]);
	}
	close(h->layout.unified_fd);
	close(h->layout.watch_fd);
	tree_remove(&h->tree);
}
#define AUTO_HOST __attribute__((cleanup(host_release)))

static void start(struct host *h, struct sampler **s, struct sampler_cg **cg, const char *path)
{
	struct err e = { "" };

	assert_int_equal(sampler_new(s, &h->layout, &h->settings, &e), 0);
	assert_int_equal(sampler_add(*s, path, cg, &e), 0);
}

static void stop(struct sampler *s, struct sampler_cg *cg)
{
	sampler_remove(s, cg);
	assert_int_equal(sampler_stats(s).fds_open, 0);
	assert_int_equal(sampler_stats(s).cgroups, 0);
	sampler_free(s);
}

static void a_v1_cgroup_is_read_from_all_its_hierarchies(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	assert_int_equal(out.cpu_usage_ns, 1000);
	assert_int_equal(out.cpu_user_ns, 10 * (1000000000 / sysconf(_SC_CLK_TCK)));
	assert_int_equal(out.cfs_burst_ns, 5);
	assert_int_equal(out.memory_usage, 1000);
	assert_int_equal(out.memory_working_set, 800);
	assert_int_equal(out.memory_swap, 7);
	assert_int_equal(out.io_n, 2);
	assert_string_equal(out.io[0].device, "/dev/sda");
	assert_int_equal(out.io[0].write_bytes, 20);
	assert_int_equal(out.io[0].writes, 2);
	assert_string_equal(out.io[1].device, "9:9");
	assert_int_equal(out.threads, 4);
	assert_int_equal(out.psi_cpu.some_us, 10);
	assert_int_equal(out.psi_io.some_us, 30);
	assert_int_equal(out.have, SAMPLE_CPU | SAMPLE_CPU_CFS | SAMPLE_CPU_BURST | SAMPLE_MEMORY |
					   SAMPLE_MEMORY_SWAP | SAMPLE_MEMORY_DIRTY | SAMPLE_IO |
					   SAMPLE_PIDS | SAMPLE_PSI_CPU | SAMPLE_PSI_MEMORY |
					   SAMPLE_PSI_IO);
	assert_true(out.time_unix_ns > 0);
	assert_int_equal(sampler_stats(s).parse_errors, 0);
	stop(s, cg);
}

static void the_slow_pass_reads_limits_and_processes_below(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_slow(s, cg, &out), 1);
	assert_int_equal(out.memory_limit, 4096);
	assert_int_equal(out.memory_swap_limit, 0);
	assert_int_equal(out.memory_max_usage, 2000);
	assert_int_equal(out.memory_failcnt, 3);
	assert_int_equal(out.memory_kernel, 50);
	assert_int_equal(out.oom_kills, 2);
	assert_int_equal(out.cpu_shares, 1024);
	assert_int_equal(out.cpu_period_us, 100000);
	assert_int_equal(out.cpu_quota_us, 0);
	assert_int_equal(out.threads_max, 0);
	assert_int_equal(out.processes, 3);
	assert_int_equal(out.have, SAMPLE_MEMORY_SPEC | SAMPLE_MEMORY_MAX | SAMPLE_MEMORY_FAILCNT |
					   SAMPLE_MEMORY_KERNEL | SAMPLE_OOM | SAMPLE_CPU_SPEC |
					   SAMPLE_PROCESSES);
	assert_int_equal(sampler_first_pid(s, cg), 101);
	assert_int_equal(sampler_stats(s).fds_open, 0);
	stop(s, cg);
}

static void an_idle_cgroup_costs_one_read_until_its_refresh(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	put(&h, "memory/a/memory.usage_in_bytes", "3000\n");
	uint64_t reads = sampler_stats(s).reads;

	for (uint64_t tick = 2; tick < 10; tick++)
		assert_int_equal(sampler_read_hot(s, cg, tick, &out), 0);
	assert_int_equal(sampler_stats(s).reads, reads + 8);
	assert_int_equal(sampler_stats(s).skipped_idle, 8);
	assert_int_equal(out.memory_usage, 1000);
	assert_int_equal(sampler_read_hot(s, cg, 10, &out), 1); /* its refresh */
	assert_int_equal(out.memory_usage, 3000);
	put(&h, "memory/a/memory.usage_in_bytes", "5000\n");
	put(&h, "cpuacct/a/cpuacct.usage", "1001\n");
	assert_int_equal(sampler_read_hot(s, cg, 11, &out), 1);
	assert_int_equal(out.memory_usage, 5000);
	stop(s, cg);
}

static void a_cgroup_that_waits_for_io_is_not_idle(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	put(&h, "cpuacct/a/cpuacct.usage", "1001\n");
	put(&h, "unified/a/io.pressure", PSI("900000"));
	assert_int_equal(sampler_read_hot(s, cg, 2, &out), 1);
	assert_int_equal(sampler_read_hot(s, cg, 3, &out), 1); /* it may stall still */
	assert_int_equal(sampler_read_hot(s, cg, 4, &out), 0);
	stop(s, cg);
}

static void per_cpu_times_add_up_to_the_usage(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	h.settings.per_cpu = true;
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	assert_int_equal(out.cpu_usage_ns, 1100);
	assert_true(out.have & SAMPLE_CPU_PERCPU);
	assert_true(out.percpu_n >= 1);
	assert_int_equal(out.percpu_ns[0], 400);
	stop(s, cg);
}

static void a_v2_cgroup_is_read_from_one_tree(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h,
		  "@ unified/a/cpu.stat\nusage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 1\n"
		  "@ unified/a/memory.stat\nanon 100\nfile 200\nkernel 30\ninactive_file 500\n"
		  "@ unified/a/memory.current\n400\n"
		  "@ unified/a/memory.max\nmax\n"
		  "@ unified/a/memory.peak\n450\n"
		  "@ unified/a/memory.swap.current\n8\n"
		  "@ unified/a/memory.swap.max\n16\n"
		  "@ unified/a/memory.min\n0\n"
		  "@ unified/a/memory.events\nlow 0\nhigh 1\nmax 2\noom 1\noom_kill 1\n"
		  "@ unified/a/io.stat\n8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"
		  "@ unified/a/pids.current\n2\n"
		  "@ unified/a/pids.max\n100\n"
		  "@ unified/a/cpu.weight\n100\n"
		  "@ unified/a/cpu.max\n20000 100000\n"
		  "@ unified/a/cgroup.procs\n1\n2\n",
		  true);
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	assert_int_equal(sampler_read_slow(s, cg, &out), 1);
	assert_int_equal(out.cpu_usage_ns, 9000);
	assert_int_equal(out.memory_usage, 400);
	assert_int_equal(out.memory_working_set, 0);
	assert_int_equal(out.memory_kernel, 30);
	assert_int_equal(out.memory_swap, 8);
	assert_int_equal(out.memory_swap_limit, 16);
	assert_int_equal(out.memory_failcnt, 2);
	assert_int_equal(out.oom_kills, 1);
	assert_int_equal(out.io[0].writes, 4);
	assert_int_equal(out.threads_max, 100);
	assert_int_equal(out.cpu_shares, 2597);
	assert_int_equal(out.cpu_quota_us, 20000);
	assert_int_equal(out.processes, 2);
	assert_false(out.have & SAMPLE_PSI_CPU); /* no such files here: no false zero */
	assert_int_equal(sampler_stats(s).parse_errors, 0);
	stop(s, cg);
}

static void the_v2_root_borrows_from_the_host(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h,
		  "@ unified/cpu.stat\nusage_usec 9\nuser_usec 5\nsystem_usec 4\n"
		  "@ unified/memory.stat\nanon 100\nfile 200\ninactive_file 50\n"
		  "@ proc/meminfo\nMemTotal: 9 kB\nSwapTotal:      10 kB\nSwapFree:        4 kB\n"
		  "@ proc/vmstat\noom_kill 9\n"
		  "@ proc/loadavg\n0.05 0.02 0.00 1/98 4897\n"
		  "@ proc/pressure/io\n" PSI("77") "@ proc/12/x\n@ proc/13/x\n@ proc/sys/x\n",
		  true);
	start(&h, &s, &cg, "/");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	assert_int_equal(sampler_read_slow(s, cg, &out), 1);
	assert_int_equal(out.memory_usage, 300);
	assert_int_equal(out.memory_working_set, 250);
	assert_int_equal(out.threads, 98);
	assert_int_equal(out.psi_io.some_us, 77);
	assert_int_equal(out.memory_swap, 6144);
	assert_int_equal(out.oom_kills, 9);
	assert_int_equal(out.processes, 2);
	assert_false(out.have & (SAMPLE_CPU_CFS | SAMPLE_MEMORY_SPEC | SAMPLE_PSI_CPU | SAMPLE_IO));
	stop(s, cg);
}

/* A renamed directory keeps its inode in use, so that no other can get its number. */
static void move_away(struct host *h, const char *path)
{
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(from, sizeof(from), "%s/%s", h->tree.path, path);
	snprintf(to, sizeof(to), "%s/%s.old", h->tree.path, path);
	assert_int_equal(rename(from, to), 0);
}

static void a_removed_cgroup_is_gone_and_keeps_its_last_figures(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	h.settings.max_fds =
		1; /* so that files are opened anew, as a removed cgroup's would fail */
	h.settings.refresh_ticks = 1;
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	sampler_read_slow(s, cg, &out);
	struct sample last = out;

	move_away(&h, "memory/a");
	move_away(&h, "cpuacct/a");
	assert_int_equal(sampler_read_hot(s, cg, 2, &out), -ENODEV);
	assert_int_equal(out.have, last.have);
	assert_int_equal(out.memory_usage, 1000);
	assert_int_equal(out.memory_limit, 4096);
	assert_int_equal(sampler_read_hot(s, cg, 3, &out), -ENODEV);
	assert_int_equal(sampler_read_slow(s, cg, &out), -ENODEV);
	stop(s, cg);
}

static void another_cgroup_of_the_same_name_is_not_the_one_that_went(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	h.settings.max_fds = 1;
	h.settings.refresh_ticks = 1;
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	move_away(&h, "memory/a");
	put(&h, "memory/a/other", "");
	assert_int_equal(sampler_read_hot(s, cg, 2, &out), -ENODEV);
	stop(s, cg);
}

static void a_hierarchy_that_comes_late_is_picked_up(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	start(&h, &s, &cg, "/late");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	assert_int_equal(out.have, 0);
	put(&h, "memory/late/memory.stat", MEMORY_V1);
	put(&h, "memory/late/memory.usage_in_bytes", "600\n");
	assert_int_equal(sampler_read_hot(s, cg, 2, &out), 1);
	assert_int_equal(out.memory_usage, 600);
	assert_int_equal(out.have & SAMPLE_CPU, 0);
	for (uint64_t tick = 3; tick < 20; tick++) /* by now it is asked for only now and then */
		sampler_read_hot(s, cg, tick, &out);
	put(&h, "cpuacct/late/cpuacct.usage", "5\n");
	sampler_read_hot(s, cg, 21, &out);
	assert_int_equal(out.have & SAMPLE_CPU, 0);
	sampler_read_hot(s, cg, 64, &out);
	assert_int_equal(out.cpu_usage_ns, 5);
	stop(s, cg);
}

static void a_path_that_differs_is_looked_up_but_a_shared_one_is_not_taken(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	put(&h, "memory/x/c1/memory.stat", MEMORY_V1);
	put(&h, "memory/x/c1/memory.usage_in_bytes", "600\n");
	put(&h, "pids/other/c1/pids.current", "42\n");
	put(&h, "pids/other/c1/init.scope/pids.current", "1\n");
	put(&h, "unified/io.pressure", PSI("99"));
	put(&h, "proc/55/cgroup", "4:memory:/x/c1\n8:pids:/other/c1/init.scope\n0::/\n");
	start(&h, &s, &cg, "/x/c1");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	assert_int_equal(out.have & SAMPLE_PIDS, 0);
	sampler_set_pid(cg, 55);
	sampler_read_hot(s, cg, 2, &out);
	assert_int_equal(out.threads, 42);
	assert_int_equal(out.have & SAMPLE_PSI_IO, 0); /* the host's, not the container's */
	stop(s, cg);
}

static void short_of_descriptors_only_the_hottest_stay_open(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	h.settings.max_fds = 8;
	h.settings.refresh_ticks = 1;
	start(&h, &s, &cg, "/a");
	assert_int_equal(sampler_read_hot(s, cg, 1, &out), 1);
	assert_true(sampler_stats(s).degraded);
	assert_int_equal(sampler_read_hot(s, cg, 2, &out), 1);
	assert_int_equal(sampler_stats(s).fds_open, 6);
	assert_int_equal(out.threads, 4);
	assert_int_equal(out.psi_io.some_us, 30);
	stop(s, cg);
}

static void without_any_descriptor_left_the_spare_one_reads_on(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };
	struct rlimit old, tight;

	(void)state;
	host_make(&h, v1_tree, false);
	start(&h, &s, &cg, "/a");
	getrlimit(RLIMIT_NOFILE, &old);
	tight = old;
	int next = dup(0);

	close(next);
	tight.rlim_cur = (rlim_t)next; /* nothing above what is open now */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	int r = sampler_read_hot(s, cg, 1, &out);

	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(r, 1);
	assert_int_equal(out.cpu_usage_ns, 1000);
	assert_int_equal(out.memory_usage, 1000);
	assert_int_equal(out.psi_io.some_us, 30);
	assert_true(sampler_stats(s).degraded);
	assert_int_equal(sampler_read_hot(s, cg, 10000, &out), 1); /* the budget is given back */
	assert_false(sampler_stats(s).degraded);
	stop(s, cg);
}

static void a_device_that_vanished_leaves_the_sample(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	h.settings.refresh_ticks = 1;
	start(&h, &s, &cg, "/a");
	sampler_read_hot(s, cg, 1, &out);
	put(&h, "blkio/a/blkio.throttle.io_service_bytes_recursive", "9:9 Read 5\n");
	put(&h, "blkio/a/blkio.throttle.io_serviced_recursive", "9:9 Read 3\n");
	sampler_read_hot(s, cg, 2, &out);
	assert_int_equal(out.io_n, 1);
	assert_string_equal(out.io[0].device, "9:9");
	assert_int_equal(out.io[0].read_bytes, 5);
	assert_int_equal(out.io[0].reads, 3);
	stop(s, cg);
}

static void content_that_is_not_understood_is_counted_and_changes_nothing(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h, v1_tree, false);
	h.settings.refresh_ticks = 1;
	start(&h, &s, &cg, "/a");
	sampler_read_hot(s, cg, 1, &out);
	put(&h, "memory/a/memory.stat", "cache 1\nrss garbage\n");
	put(&h, "pids/a/pids.current", "");
	sampler_read_hot(s, cg, 2, &out);
	assert_int_equal(sampler_stats(s).parse_errors, 2);
	assert_int_equal(out.memory_rss, 300);
	assert_int_equal(out.threads, 4);
	stop(s, cg);
}

static void huge_pages_are_named_as_the_kernel_does(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg;
	struct sample out = { .have = 0 };

	(void)state;
	host_make(&h,
		  "@ sys/kernel/mm/hugepages/hugepages-2048kB/x\n"
		  "@ sys/kernel/mm/hugepages/hugepages-1048576kB/x\n"
		  "@ memory/a/memory.stat\n" MEMORY_V1
		  "@ hugetlb/a/hugetlb.2MB.usage_in_bytes\n2097152\n"
		  "@ hugetlb/a/hugetlb.2MB.failcnt\n1\n"
		  "@ hugetlb/a/hugetlb.1GB.rsvd.usage_in_bytes\n0\n"
		  "@ hugetlb/a/hugetlb.1GB.usage_in_bytes\n1\n",
		  false);
	h.settings.hugetlb = true;
	start(&h, &s, &cg, "/a");
	sampler_read_slow(s, cg, &out);
	assert_int_equal(out.hugetlb_n, 2);
	assert_string_equal(out.hugetlb[0].page_size, "2MB");
	assert_int_equal(out.hugetlb[0].usage_bytes, 2097152);
	assert_int_equal(out.hugetlb[0].failcnt, 1);
	assert_string_equal(out.hugetlb[1].page_size, "1GB");
	assert_int_equal(out.hugetlb[1].usage_bytes, 0);
	stop(s, cg);
}

static void a_relative_path_is_refused(void **state)
{
	AUTO_HOST struct host h;
	struct sampler *s;
	struct sampler_cg *cg = NULL;
	struct err e = { "" };

	(void)state;
	host_make(&h, v1_tree, false);
	assert_int_equal(sampler_new(&s, &h.layout, &h.settings, &e), 0);
	assert_int_equal(sampler_add(s, "a", &cg, &e), -EINVAL);
	assert_string_equal(e.text, "'a' is no path of a cgroup");
	assert_null(cg);
	stop(s, (sampler_add(s, "/a", &cg, &e), cg));
}

int main(void)
{
	const struct CMUnitTest sampler[] = {
		cmocka_unit_test(a_v1_cgroup_is_read_from_all_its_hierarchies),
		cmocka_unit_test(the_slow_pass_reads_limits_and_processes_below),
		cmocka_unit_test(an_idle_cgroup_costs_one_read_until_its_refresh),
		cmocka_unit_test(a_cgroup_that_waits_for_io_is_not_idle),
		cmocka_unit_test(per_cpu_times_add_up_to_the_usage),
		cmocka_unit_test(a_v2_cgroup_is_read_from_one_tree),
		cmocka_unit_test(the_v2_root_borrows_from_the_host),
		cmocka_unit_test(a_removed_cgroup_is_gone_and_keeps_its_last_figures),
		cmocka_unit_test(another_cgroup_of_the_same_name_is_not_the_one_that_went),
		cmocka_unit_test(a_hierarchy_that_comes_late_is_picked_up),
		cmocka_unit_test(a_path_that_differs_is_looked_up_but_a_shared_one_is_not_taken),
		cmocka_unit_test(short_of_descriptors_only_the_hottest_stay_open),
		cmocka_unit_test(without_any_descriptor_left_the_spare_one_reads_on),
		cmocka_unit_test(a_device_that_vanished_leaves_the_sample),
		cmocka_unit_test(content_that_is_not_understood_is_counted_and_changes_nothing),
		cmocka_unit_test(huge_pages_are_named_as_the_kernel_does),
		cmocka_unit_test(a_relative_path_is_refused),
	};

	return cmocka_run_group_tests(sampler, NULL, NULL);
}
