/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine - figures of the host: cores, memory, swap, topology, identity, file systems, pressure.
 * machine_read_static once at start and on reload; machine_read_live each sample for the host's
 * history. Any thread; roots are parameters. */
#ifndef BULKHEAD_MACHINE_H
#define BULKHEAD_MACHINE_H

#include <stdint.h>

#include "collector/base/err.h"
#include "collector/sample.h"

#define MACHINE_MAX_FILESYSTEMS 32

struct machine {
	char machine_id[64], system_uuid[64], boot_id[64];
	char kernel_version[128], os_version[128];
	uint32_t cpu_cores, cpu_physical_cores, cpu_sockets;
	uint64_t memory_bytes, swap_bytes;
};

struct machine_filesystem {
	char device[64];       /* "/dev/vda"; "overlay" and pseudo file systems are left out */
	char mount_point[256]; /* one a device: the shortest */
	uint32_t major, minor;
	uint64_t limit_bytes, usage_bytes, available_bytes, inodes, inodes_free;
};

struct machine_live {
	uint64_t time_unix_ns;
	uint64_t cpu_usage_ns, cpu_user_ns, cpu_system_ns; /* all CPUs, from /proc/stat */
	uint64_t memory_used, memory_available, swap_used;
	struct sample_psi psi_cpu, psi_memory, psi_io; /* from /proc/pressure; 0 where absent */
	uint32_t have;				       /* SAMPLE_PSI_* bits */
	struct machine_filesystem filesystems[MACHINE_MAX_FILESYSTEMS];
	uint32_t filesystems_n, filesystems_refused;
};

/* Host-wide /proc/diskstats of one device, for id="/" only; times in ms as the kernel gives them.
 */
struct machine_disk {
	char device[40]; /* "/dev/vda" */
	uint64_t reads, reads_merged, sectors_read, read_ms;
	uint64_t writes, writes_merged, sectors_written, write_ms;
	uint64_t io_now, io_ms, io_weighted_ms;
};
#define MACHINE_MAX_DISKS 64

struct machine_roots {
	const char *rootfs; /* "" or prefix for /etc, mount points */
	const char *proc, *sys;
};

int machine_read_static(struct machine *out, const struct machine_roots *roots, struct err *e);
int machine_read_live(struct machine_live *out, const struct machine_roots *roots, struct err *e);
/* statfs of each real file system: may block on a dead network mount, so on the worker only.
 * Network and FUSE file systems are left out. Fills the filesystems part alone. */
int machine_read_filesystems(struct machine_live *out, const struct machine_roots *roots,
			     struct err *e);
/* Number of disks written to out (partitions, loop and ram devices left out; nvme, mmcblk, md, dm
 * in), or -errno. */
int machine_read_disks(struct machine_disk *out, uint32_t cap, const struct machine_roots *roots);

#endif
