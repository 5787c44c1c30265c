/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve - what a path meant, asked of the kernel a moment after the call.
 *
 * For names that the kernel's side could only tell as text (the tracepoint layer's unlink, rename,
 * mkdir, chmod ...). The directory is walked as the process would walk it, within its root; the
 * last component is taken as it is, unless it is to be followed. It is late by nature: another
 * process may have moved things meanwhile, so RESOLVED_LATE is worth less than RESOLVED_KERNEL.
 *
 * Owner: one thread. It never waits for a file system: the walk uses what the kernel has in memory
 * (RESOLVE_CACHED: the process has just walked there itself). Symbolic links on an overlay cannot
 * be read that way; then a second walk may touch the disk, but only in a mount namespace without
 * network, FUSE or automount file systems, for those answer when they like. Elsewhere the answer is
 * lexical. */
#ifndef BULKHEAD_RESOLVE_H
#define BULKHEAD_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/event_view.h"

#define RESOLVE_MAX_BYTES 8448 /* of an answer: base and text of a path's length each, and some */
#define RESOLVE_KEEP_NS	  1000000000ULL /* directories are remembered */

enum resolved {
	RESOLVED_KERNEL,  /* the kernel's own objects told it; from here: base is all there was to
			     walk */
	RESOLVED_LATE,	  /* walked after the call */
	RESOLVED_LEXICAL, /* ".", ".." and "//" taken out of the text; symbolic links may hide */
};

struct resolve_question {
	struct process_key who;
	uint32_t ns_pid;   /* what /proc/self means to it; 0: not known */
	uint32_t root_pid; /* a process whose root is the container's; 0: `who`'s own root */
	struct span base;  /* directory that raw is relative to, as the container sees it; empty:
			    * where the process is now */
	struct span raw;   /* as it was passed; ends at a NUL if it holds one */
	bool follow;	   /* the last component, if it is a symbolic link */
	uint64_t now_boot_ns;
};

struct resolve_answer {
	struct span path; /* as the container sees it; good until the next question. Relative only
			   * when raw is, base is empty and the process is gone */
	enum resolved how;
};

struct resolver;

int resolve_new(struct resolver **out, const char *proc, struct err *e); /* "/proc" */
void resolve_free(struct resolver *r);
DEFINE_AUTO(resolver, resolve_free)

void resolve_path(struct resolver *r, const struct resolve_question *q, struct resolve_answer *out);

/* What is remembered would be wrong now: call it for each event that changes names (rename,
 * symlink, rmdir, mount, umount, move_mount, chroot, pivot_root, setns). Costs nothing when it is
 * empty. */
void resolve_forget(struct resolver *r);

/* The lexical form alone. Returns its length; base is ignored when raw is absolute. Cut at cap. */
size_t resolve_lexical(struct span base, struct span raw, char *out, size_t cap);

/* No file system in the process's mount namespace answers when it likes: network, FUSE, automount.
 * Any thread; reads /proc/PID/mountinfo. */
bool resolve_mounts_are_quick(const char *proc, uint32_t pid);

struct resolve_stats {
	uint64_t late, lexical, remembered; /* answers */
	uint64_t slow;			    /* walks beyond what was in memory */
};
struct resolve_stats resolve_stats(const struct resolver *r);

#endif
