/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve_internal - resolve.c asks and remembers, resolve_walk.c asks the kernel, resolve_text.c
 * handles paths as text. */
#ifndef BULKHEAD_RESOLVE_INTERNAL_H
#define BULKHEAD_RESOLVE_INTERNAL_H

#include <limits.h>

#include "collector/resolve.h"

#define RESOLVE_DIRS	   64 /* remembered */
#define RESOLVE_NAMESPACES 16 /* whose mounts were looked at */

struct resolve_text {
	char p[RESOLVE_MAX_BYTES];
	size_t n;
};

struct resolve_dir {
	struct process_key who;
	uint32_t root_pid;
	uint32_t hash;
	uint64_t at_boot_ns;
	char *mem; /* base, raw's directory, answer */
	size_t base_n, raw_n, path_n;
};

struct resolve_mounts {
	uint64_t ns, at_boot_ns;
	bool quick; /* no file system that may keep a walk waiting */
};

struct resolver {
	char *proc;
	struct resolve_dir dirs[RESOLVE_DIRS];
	uint32_t dirs_n;
	struct resolve_mounts mounts[RESOLVE_NAMESPACES];
	uint32_t mounts_next;
	uint64_t mounts_second; /* in which so many lists of mounts were read */
	uint32_t mounts_read;
	struct resolve_stats stats;
	struct resolve_text answer;
};

/* --- text ---------------------------------------------------------------------------------- */
void resolve_text_set(struct resolve_text *t, struct span s);
void resolve_text_add(struct resolve_text *t, struct span s); /* one '/' between; cut at the end */
static inline struct span resolve_span(const struct resolve_text *t)
{
	return (struct span){ t->p, t->n };
}

/* Whether path is root or below it; *rest is what follows, "" for root itself. */
bool resolve_below(struct span path, struct span root, struct span *rest);

/* Cuts the last component off: false when there is none to cut ("/", ".", "..", ""), or when the
 * path ends in "." or "..". Slashes at the end do not count. */
bool resolve_split(struct span path, struct span *dir, struct span *last);

/* "/proc/self/root/x" is "/x", "/proc/self/cwd/x" is x in cwd (if known), "/proc/self" is
 * "/proc/NS_PID" (true: something was): a walk by another process would not find what its own
 * would. */
bool resolve_self(struct resolve_text *path, uint32_t ns_pid, struct span cwd);

/* --- walk ---------------------------------------------------------------------------------- */
struct resolve_roots {
	int fd;				/* the process's root */
	struct resolve_text own, whole; /* its path, and the container's root's */
};

/* 0; -ESRCH: the process is gone. The caller closes roots->fd. */
int resolve_open_roots(struct resolver *r, const struct resolve_question *q,
		       struct resolve_roots *roots);
/* Where the process is, as the container sees it. */
int resolve_cwd(struct resolver *r, const struct resolve_question *q,
		const struct resolve_roots *roots, struct resolve_text *out);
/* Walks `path` (as the process would) and gives what the container calls its end. */
int resolve_walk(struct resolver *r, const struct resolve_question *q,
		 const struct resolve_roots *roots, struct span path, bool directory,
		 struct resolve_text *out);
/* Where that failed: puts the targets of symbolic links in their place one by one, for one that
 * leads to /proc/self. false: there was nothing to put, or no more to see. */
bool resolve_links(struct resolver *r, const struct resolve_question *q,
		   const struct resolve_roots *roots, struct span cwd, struct resolve_text *path);

#endif
