/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgwatch - reports cgroups that appear and go in one hierarchy, by inotify, never by polling.
 *
 * Owner: the loop's thread (the watcher adds its own descriptor and timers to the loop). Each
 * directory that exists is reported once when it comes and once when it goes, parents before
 * children on the way in, children before parents on the way out. After a queue overflow, or when
 * watches run out, the tree is read again (counted); while watches are short, every rescan_ms.
 *
 * cgroupfs gives neither DELETE_SELF nor IGNORED for a removed directory and keeps its watch: the
 * watcher removes the watches of a vanished subtree itself. */
#ifndef BULKHEAD_CGWATCH_H
#define BULKHEAD_CGWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/loop.h"

#define CGWATCH_MAX_CGROUPS 65536 /* directories tracked; more are refused and counted */
#define CGWATCH_MAX_DEPTH   32

struct cgwatch; /* opaque */

struct cgwatch_event {
	const char *path; /* "/docker/abc", "/" for the root; valid during the callback only */
	uint64_t inode;	  /* of the directory: the cgroup id on v2 */
	bool gone;
};
typedef void (*cgwatch_fn)(void *ctx, const struct cgwatch_event *ev);

/* Starts watching the directory root_fd (stays the caller's; root_path is for messages) and
 * reports all that exists through `fn` before it returns. `problem` is called with a text and the
 * sysctl to raise when watches or instances run out, once each time it begins; it may be NULL.
 * Running out of watches is not a failure: the watcher then rescans. 0, or -errno and *e. */
typedef void (*cgwatch_problem_fn)(void *ctx, const char *text);
int cgwatch_new(struct cgwatch **out, struct loop *loop, int root_fd, const char *root_path,
		unsigned rescan_ms, cgwatch_fn fn, cgwatch_problem_fn problem, void *ctx,
		struct err *e);
void cgwatch_free(struct cgwatch *w); /* NULL is fine; reports nothing */
DEFINE_AUTO(cgwatch, cgwatch_free)

/* Calls fn for each cgroup that is tracked now, parents first, as if it had just come. */
void cgwatch_each(const struct cgwatch *w, cgwatch_fn fn, void *ctx);

/* Asks for a full read of the tree at the next turn. */
void cgwatch_rescan(struct cgwatch *w);

/* A smaller limit than CGWATCH_MAX_CGROUPS; what is tracked already stays. Cgroups that were
 * refused are looked for again when an eighth of the limit is free. */
void cgwatch_limit(struct cgwatch *w, size_t max_cgroups);

struct cgwatch_stats {
	uint64_t cgroups;	  /* tracked now */
	uint64_t watches;	  /* inotify watches held now */
	uint64_t events;	  /* inotify events read */
	uint64_t overflows;	  /* IN_Q_OVERFLOW seen */
	uint64_t rescans;	  /* full reads of the tree after the first */
	uint64_t watches_refused; /* inotify_add_watch failed with ENOSPC or ENOMEM */
	uint64_t cgroups_refused; /* beyond CGWATCH_MAX_CGROUPS or CGWATCH_MAX_DEPTH */
	bool degraded;		  /* polling by rescans because watches are short */
};
struct cgwatch_stats cgwatch_stats(const struct cgwatch *w);

#endif
