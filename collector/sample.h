/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sample - the latest figures of one cgroup, plain data. Written by the sampler and the slow
 * passes on the loop's thread, read there by the exposition, the API and the history feed.
 *
 * Counters only grow while the cgroup lives. A figure that the kernel does not give on this
 * hierarchy is left out by clearing its bit in `have`, so that nothing is exported as a false 0. */
#ifndef BULKHEAD_SAMPLE_H
#define BULKHEAD_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#define SAMPLE_MAX_DEVICES    16 /* block devices a cgroup; more are counted in refused_devices */
#define SAMPLE_MAX_INTERFACES 16 /* network interfaces a container */
#define SAMPLE_MAX_HUGETLB    4	 /* huge page sizes */
#define SAMPLE_MAX_VOLUMES    16 /* named volumes measured */
#define SAMPLE_MAX_CPUS	      1024

enum sample_have {
	SAMPLE_CPU = 1 << 0,	     /* usage, user, system */
	SAMPLE_CPU_PERCPU = 1 << 1,  /* percpu_ns (v1 with metrics.per_cpu) */
	SAMPLE_CPU_CFS = 1 << 2,     /* periods, throttled */
	SAMPLE_CPU_BURST = 1 << 3,   /* bursts, burst_ns */
	SAMPLE_CPU_SPEC = 1 << 4,    /* shares, period, quota */
	SAMPLE_MEMORY = 1 << 5,	     /* usage, working set, rss, cache, mapped, active/inactive */
	SAMPLE_MEMORY_MAX = 1 << 6,  /* max_usage */
	SAMPLE_MEMORY_SWAP = 1 << 7, /* swap */
	SAMPLE_MEMORY_KERNEL = 1 << 8,
	SAMPLE_MEMORY_FAILCNT = 1 << 9,
	SAMPLE_MEMORY_DIRTY = 1 << 10,	 /* dirty, writeback */
	SAMPLE_MEMORY_RECLAIM = 1 << 11, /* pgscan, pgsteal (v2) */
	SAMPLE_MEMORY_REFAULT = 1 << 12,
	SAMPLE_MEMORY_EVENTS = 1 << 13, /* high, max (v2) */
	SAMPLE_MEMORY_SPEC = 1 << 14,	/* limits */
	SAMPLE_OOM = 1 << 15,
	SAMPLE_IO = 1 << 16,
	SAMPLE_PIDS = 1 << 17,	    /* threads, threads_max */
	SAMPLE_PROCESSES = 1 << 18, /* processes */
	SAMPLE_PSI_CPU = 1 << 19,
	SAMPLE_PSI_MEMORY = 1 << 20,
	SAMPLE_PSI_IO = 1 << 21,
	SAMPLE_NETWORK = 1 << 22,
	SAMPLE_TCP = 1 << 23,
	SAMPLE_HUGETLB = 1 << 24,
	SAMPLE_DISK = 1 << 25, /* writable layer, log */
	SAMPLE_ULIMITS = 1 << 26,
	SAMPLE_FDS = 1 << 27, /* fds, sockets */
};

/* order of the kernel's numbers 1 to 11 (include/net/tcp_states.h) */
enum tcp_state {
	TCP_STATE_ESTABLISHED,
	TCP_STATE_SYNSENT,
	TCP_STATE_SYNRECV,
	TCP_STATE_FINWAIT1,
	TCP_STATE_FINWAIT2,
	TCP_STATE_TIMEWAIT,
	TCP_STATE_CLOSE,
	TCP_STATE_CLOSEWAIT,
	TCP_STATE_LASTACK,
	TCP_STATE_LISTEN,
	TCP_STATE_CLOSING,
	TCP_STATE_COUNT
};

struct sample_io { /* one block device */
	uint32_t major, minor;
	char device[32]; /* "/dev/vda"; "major:minor" when sysfs does not know it */
	uint64_t read_bytes, write_bytes, discard_bytes;
	uint64_t reads, writes, discards;
	uint64_t sync_bytes, async_bytes; /* v1 only, else 0 */
};

struct sample_interface {
	char name[16];
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

struct sample_psi {
	uint64_t some_us; /* total= of the "some" line: waiting */
	uint64_t full_us; /* total= of the "full" line: stalled */
};

struct sample_hugetlb {
	char page_size[8]; /* "2MB" */
	uint64_t usage_bytes, max_usage_bytes, failcnt;
};

struct sample_volume {
	char name[64]; /* volume name, cut when longer */
	uint64_t bytes, inodes;
};

struct sample {
	uint64_t time_unix_ns; /* when the hot files were last looked at; 0: never */
	uint64_t time_mono_ns;
	uint32_t have; /* enum sample_have */

	uint64_t cpu_usage_ns, cpu_user_ns, cpu_system_ns;
	uint64_t *percpu_ns; /* owned by the sampler's cgroup object; percpu_n entries, or NULL */
	uint32_t percpu_n;
	uint64_t cfs_periods, cfs_throttled_periods, cfs_throttled_ns, cfs_bursts, cfs_burst_ns;
	uint64_t cpu_shares, cpu_period_us, cpu_quota_us; /* quota 0: none */

	uint64_t memory_usage, memory_working_set, memory_max_usage;
	uint64_t memory_rss, memory_cache, memory_mapped_file, memory_swap, memory_kernel;
	uint64_t memory_active_file, memory_inactive_file;
	uint64_t memory_dirty, memory_writeback;
	uint64_t memory_failcnt;
	uint64_t pgfault, pgmajfault;		/* this cgroup alone where the kernel tells (v1) */
	uint64_t pgfault_tree, pgmajfault_tree; /* with its descendants */
	uint64_t pgscan, pgsteal, refault_file, refault_anon;
	uint64_t memory_events_high, memory_events_max;
	uint64_t memory_limit, memory_swap_limit, memory_reservation; /* bytes; 0: none */
	uint64_t oom_kills; /* by the cgroup's own counter, which dies with it */

	struct sample_io io[SAMPLE_MAX_DEVICES];
	uint32_t io_n;
	uint64_t threads, threads_max; /* max 0: none */
	uint64_t processes, fds, sockets;
	/* When they were counted, or were the same for sure: nothing had run since. */
	uint64_t processes_mono_ns, fds_mono_ns;
	uint64_t fds_highest; /* of one process: that is what its limit is of */
	uint64_t ulimit_nofile_soft; /* UINT64_MAX: unlimited */
	struct sample_psi psi_cpu, psi_memory, psi_io;

	struct sample_interface net[SAMPLE_MAX_INTERFACES];
	uint32_t net_n, net_refused; /* refused: beyond SAMPLE_MAX_INTERFACES */
	uint32_t tcp[TCP_STATE_COUNT], tcp6[TCP_STATE_COUNT];
	struct sample_hugetlb hugetlb[SAMPLE_MAX_HUGETLB];
	uint32_t hugetlb_n;

	uint64_t disk_layer_bytes, disk_layer_inodes; /* writable layer */
	uint64_t disk_log_bytes, disk_log_inodes;
	uint64_t disk_limit_bytes; /* capacity of the file system under the layer */
	char disk_device[64];	   /* its device */
	struct sample_volume volumes[SAMPLE_MAX_VOLUMES];
	uint32_t volumes_n;
};

#endif
