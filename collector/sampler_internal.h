/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sampler_internal - what sampler.c (life, hot pass), sampler_files.c (descriptors, paths, device
 * names) and sampler_slow.c (slow pass, processes) share. Nobody else includes it. */
#ifndef BULKHEAD_SAMPLER_INTERNAL_H
#define BULKHEAD_SAMPLER_INTERNAL_H

#include <limits.h>

#include "collector/cgparse.h"
#include "collector/sampler.h"

#define SAMPLER_SCRATCH_BYTES                                                                      \
	65536 /* the longest counter file: usage_percpu of 1024 CPUs is 20 KB */
#define SAMPLER_MAX_DEVICE_NAMES 64  /* cached; the oldest is replaced */
#define SAMPLER_DEVICE_TICKS	 600 /* numbers are reused: names are looked up again after this */
#define SAMPLER_RETRY_TICKS	 64  /* a file that was not there is tried again this often */
#define SAMPLER_EARLY_TRIES	 4   /* and so many times at once: runtimes make v1 trees in turn */

/* Hot files, hottest first: the first HOT_KEPT stay open when descriptors are short. */
enum hot_file {
	HOT_CPU_USAGE, /* read first: decides whether the rest is read; v2: all of cpu.stat */
	HOT_MEMORY_STAT,
	HOT_MEMORY_USAGE,
	HOT_CPUACCT_STAT, /* v1 */
	HOT_CPU_STAT,	  /* v1 */
	HOT_IO_BYTES,	  /* v2: io.stat */
	HOT_IO_OPS,	  /* v1 */
	HOT_PIDS,
	HOT_PSI_CPU,
	HOT_PSI_MEMORY,
	HOT_PSI_IO,
	HOT_COUNT
};
#define HOT_KEPT 6

enum io_source { IO_BFQ, IO_THROTTLE_TREE, IO_THROTTLE };

#define HIERARCHY_UNIFIED CONTROLLER_COUNT /* index of the v2 tree beside the controllers */
#define HIERARCHY_COUNT	  (CONTROLLER_COUNT + 1)
#define HIERARCHY_PROC	  HIERARCHY_COUNT /* no hierarchy: the host's own file below /proc */

struct sampler_cg {
	char *path;			 /* in the watched hierarchy, begins with '/' */
	char *paths[HIERARCHY_COUNT];	 /* where it differs, else NULL */
	bool looked_up[HIERARCHY_COUNT]; /* in /proc/PID/cgroup of `pid` */
	int fds[HOT_COUNT];
	uint8_t misses[HOT_COUNT]; /* failed opens, up to SAMPLER_EARLY_TRIES */
	enum io_source io_source;
	bool io_empty; /* the source named no device last time */
	bool is_root;
	bool read_whole; /* at least once */
	bool stalled;	 /* waited for I/O or memory between the last two whole reads */
	bool gone;	 /* said so once: it stays so */
	pid_t pid;
	uint32_t stagger;
	uint64_t inode; /* of the watched directory; 0 until it was seen */
	uint64_t stall_us;
	uint64_t *percpu_ns;
};

struct device_name {
	uint32_t major, minor;
	char name[32];
};

struct sampler {
	const struct cgroup_layout *layout;
	struct sampler_settings settings;
	char *proc, *sys; /* settings point here */
	struct sampler_stats stats;
	uint64_t budget, user_hz;
	uint64_t widen_tick; /* when a budget cut by EMFILE is given back */
	uint64_t names_tick; /* when the device names were last dropped */
	uint64_t tick;
	int reserve_fd; /* given up for the moment when there is no other descriptor */
	uint32_t next_stagger, percpu_cap;
	uint32_t names_n, names_next;
	struct device_name names[SAMPLER_MAX_DEVICE_NAMES];
	char page_sizes[SAMPLE_MAX_HUGETLB][8];
	uint32_t page_sizes_n;
	char path[PATH_MAX + 256];
	char scratch[SAMPLER_SCRATCH_BYTES];
};

/* Directory descriptor of a hierarchy (-1: none) and, in s->path, the cgroup's file below it. */
int sampler_locate(struct sampler *s, struct sampler_cg *cg, unsigned hierarchy, const char *file);
/* <proc>/`file` in s->path, for AT_FDCWD. */
void sampler_locate_proc(struct sampler *s, const char *file);

/* Reads a hot file into s->scratch. Length, or -errno after which it is closed. */
ssize_t sampler_read_kept(struct sampler *s, struct sampler_cg *cg, enum hot_file f,
			  unsigned hierarchy, const char *name);
/* Opens, reads, closes s->path below dir_fd. */
ssize_t sampler_read_once(struct sampler *s, int dir_fd);
/* Opens s->path with the descriptor kept back when there is no other; *spare says so. Close the
 * result by sampler_close(). */
int sampler_open(struct sampler *s, int dir_fd, int flags, bool *spare);
void sampler_close(struct sampler *s, int fd, bool spare);
void sampler_drop(struct sampler *s, struct sampler_cg *cg, enum hot_file f);

/* True when the watched directory is not there any more, or is another one of the same name. */
bool sampler_is_gone(struct sampler *s, struct sampler_cg *cg);
bool sampler_is_watched(const struct sampler *s, unsigned hierarchy);

/* Names entries that have none. */
void sampler_name_devices(struct sampler *s, struct sample *out);

#endif
