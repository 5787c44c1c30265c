/* SPDX-License-Identifier: GPL-2.0-or-later */
/* enforce_files - which files the programs of a baseline are in a container: looked up below the
 * root of its first process, on a worker, since a file system may hang. */
#ifndef BULKHEAD_ENFORCE_FILES_H
#define BULKHEAD_ENFORCE_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "bpf/event.h"
#include "collector/base/worker.h"
#include "detector/baseline.h"

struct enforce_files;

struct enforce_file {
	struct span path;
	enum baseline_class class;
	bool found; /* a regular file on the same file system as the container's root */
	struct event_file
		file; /* inode, device and FILE_KNOWN, FILE_OVERLAY: as the kernel tells */
};

/* Of the container whose first process pid is; proc: "/proc" of the host; NULL: no memory. */
struct enforce_files *enforce_files_new(const char *proc, pid_t pid);
void enforce_files_add(struct enforce_files *f, struct span path, enum baseline_class class);
enum enforce_files_end {
	ENFORCE_FILES_LOOKED,
	ENFORCE_FILES_GONE,	  /* the process has ended: nothing was looked up */
	ENFORCE_FILES_NO_OVERLAY, /* a file that was written over could not be told there */
	ENFORCE_FILES_STOPPED,	  /* the worker ends */
};
/* On the loop's thread: told for each, then done, then f is gone. -EBUSY: f is gone, and nothing is
 * told. */
int enforce_files_look(struct enforce_files *f, struct worker *w,
		       void (*told)(void *ctx, const struct enforce_file *file),
		       void (*done)(void *ctx, enum enforce_files_end end), void *ctx);

#endif
