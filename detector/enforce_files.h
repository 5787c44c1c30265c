/* SPDX-License-Identifier: GPL-2.0-or-later */
/* enforce_files - which files the programs of a baseline are in a container, and which directories
 * those are that it may change: looked up below the root of its first process, on a worker, since a
 * file system may hang. */
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
	enum baseline_class class; /* WRITE: a directory */
	bool found; /* a regular file, or directory, on the file system of the container's root */
	bool below; /* directory: with all that is below it */
	bool top;   /* directory: it is not there, and nothing above it but "/" is */
	struct event_file
		file; /* inode, device and FILE_KNOWN, FILE_OVERLAY: as the kernel tells */
};

/* Of the container whose first process pid is; proc: "/proc" of the host; NULL: no memory. */
struct enforce_files *enforce_files_new(const char *proc, pid_t pid);
void enforce_files_add(struct enforce_files *f, struct span path, enum baseline_class class);
bool enforce_files_too_many(const struct enforce_files *f); /* some found no room */
void enforce_files_free(struct enforce_files *f);	    /* that was not looked up */
/* One that is not there stands for the nearest that is, and all below that; one on another mount is
 * not found: nobody holds a container to what is there. */
void enforce_files_add_directory(struct enforce_files *f, struct span path, bool below);
/* One directory of those, below that root; blocks. */
void enforce_files_find_directory(int root, struct enforce_file *f);
enum enforce_files_end {
	ENFORCE_FILES_LOOKED,
	ENFORCE_FILES_GONE,	  /* the process has ended: nothing was looked up */
	ENFORCE_FILES_NO_OVERLAY, /* a file that was written over could not be told there */
	ENFORCE_FILES_EARLY,	  /* its root is still the host's: the runtime is at work */
	ENFORCE_FILES_TOO_MANY,	  /* they were more than can be looked up */
	ENFORCE_FILES_STOPPED,	  /* the worker ends */
};
/* On the loop's thread: told for each, then done, then f is gone. -EBUSY: f is gone, and nothing is
 * told. */
int enforce_files_look(struct enforce_files *f, struct worker *w,
		       void (*told)(void *ctx, const struct enforce_file *file),
		       void (*done)(void *ctx, enum enforce_files_end end), void *ctx);

#endif
