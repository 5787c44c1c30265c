/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_mounts - what a container has mounted: /proc/PID/mountinfo as a list, and what of it
 * shows more of the host than at the container's start (I10), less of what the runtime had masked
 * (I11), or reaches the host's own tree (I12). Pure, any thread; isolation_mounts_watch.h reads.
 *
 * Mounts are told apart by where, what and which part of it, not by their ids: a copy of the tree
 * has other ids. What was there at the start was agreed to, but for parts of the host that nobody
 * declared. */
#ifndef BULKHEAD_ISOLATION_MOUNTS_H
#define BULKHEAD_ISOLATION_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "detector/invariant.h"

#define MOUNTS_MAX	 4096	    /* of a tree; more are counted */
#define MOUNTS_MAX_BYTES (2U << 20) /* of a mountinfo */
#define MOUNTS_DECLARED	 64

struct mount_entry {
	uint32_t id, parent, device; /* device: major << 20 | minor, as in struct event_file */
	uint32_t shared, master;     /* peer groups; 0: none */
	bool read_only;		     /* the mount */
	bool all_read_only;	     /* the file system */
	struct span root;	     /* which part of the file system */
	struct span point;	     /* where */
	struct span type, source;
};

struct mount_list {
	char *text; /* owned; the spans point into it */
	struct mount_entry *list;
	uint32_t n;
	uint32_t refused; /* beyond MOUNTS_MAX, or no lines of mountinfo */
};

/* Copies the text. 0; -ENOMEM. A text that is cut loses its last line. */
int mount_list_parse(struct mount_list *out, struct span text, struct err *e);
void mount_list_release(struct mount_list *l); /* may be repeated */
static inline void auto_mount_list_release(struct mount_list *l)
{
	mount_list_release(l);
}

bool mount_path_below(struct span path, struct span directory); /* it, or in it */
/* What the host calls what this mount shows; the length, 0: the host does not show it. */
size_t mount_host_path(const struct mount_list *host, const struct mount_entry *m, char *out,
		       size_t cap);
/* At the start: it shows a part of the host that is never shown by itself ("/", "/etc" ...). */
bool mount_is_sensitive(const struct mount_list *host, const struct mount_entry *m);

/* A mount of the container's specification. */
struct mount_declared {
	struct span destination;
	struct span source; /* with links followed, on the host; empty: not known */
	bool shared;	    /* its propagation was asked for, or is not known */
};

struct mounts_case {
	struct container *c;
	const char *name;			     /* of the container */
	const struct mount_list *start, *now, *host; /* the first time start is now */
	const struct mount_declared *declared;
	size_t declared_n;
	bool declared_known; /* else nothing is said of the start */
	bool privileged;     /* nothing was masked for it */
	bool from_outside;   /* a runtime that mounts things into containers that run */
	const struct process *p;
	finding_fn found;
	void *ctx;
	struct finding *f; /* room */
};

/* Tells all that is so. False: nothing could be judged (another root than at the start). Quadratic
 * in the number of mounts, which a container may choose: not for the loop's thread. */
bool isolation_mounts_judge(struct mounts_case *k);

#endif
