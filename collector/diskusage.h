/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diskusage - bytes and inodes below a directory, in bounded steps on the worker's thread.
 *
 * Allocated bytes (512 * st_blocks), hard links once, one file system, symlinks not followed, by
 * openat from descriptors so that a path swapped under the walk cannot lead it out. A walk keeps
 * its place between steps, so that a step costs at most its time budget whatever the tree is. It
 * holds at most 34 descriptors: below 32 levels parents are closed, and found again through ".." of
 * their child, which is believed only when it is the same directory still. */
#ifndef BULKHEAD_DISKUSAGE_H
#define BULKHEAD_DISKUSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"

#define DISKUSAGE_MAX_DEPTH 256	   /* deeper directories are counted as refused */
#define DISKUSAGE_MAX_LINKS 262144 /* hard-linked inodes remembered; more are counted each time */

struct diskusage; /* one walk in progress */

struct diskusage_result {
	uint64_t bytes, inodes;
	uint64_t unreadable; /* directories that could not be opened or vanished */
	uint64_t refused;    /* beyond the two limits */
};

/* `path` may be a file or a directory. 0, or -errno when it cannot be opened. */
int diskusage_new(struct diskusage **out, const char *path, struct err *e);
/* Goes on for at most budget_ns. 1 when done (*out filled), 0 when there is more. */
int diskusage_step(struct diskusage *d, uint64_t budget_ns, struct diskusage_result *out);
/* What was counted so far. */
void diskusage_so_far(const struct diskusage *d, struct diskusage_result *out);
void diskusage_free(struct diskusage *d); /* NULL is fine */
DEFINE_AUTO(diskusage, diskusage_free)

#endif
