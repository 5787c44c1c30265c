/* SPDX-License-Identifier: GPL-2.0-or-later */
/* users_internal - one read of a container's files, on the worker's thread (users_read.c), and what
 * comes of it. */
#ifndef BULKHEAD_USERS_INTERNAL_H
#define BULKHEAD_USERS_INTERNAL_H

#include "detector/users.h"

struct user_entry { /* place of its texts in user_list.text */
	uint32_t id, line;
	uint32_t name_at, home_at;
	uint16_t name_n, home_n;
};

struct user_list {
	struct user_entry *entries; /* by id, each once: the first line counts */
	size_t n;
};

struct user_set { /* in one piece with its lists and texts */
	struct user_list users, groups;
	size_t bytes;	  /* all of it */
	uint64_t refused; /* entries left out */
	char text[];
};

struct users_stamp { /* of one file; all 0: it is not there */
	uint64_t device, inode, size, mtime_ns, ctime_ns;
};

enum users_result {
	USERS_FAILED,	 /* the process is gone, no memory, the disk failed: nothing is known */
	USERS_HOST,	 /* its root is the host's (still) */
	USERS_UNCHANGED, /* by the stamps */
	USERS_READ
};

struct users_read {
	const char *proc;
	const char *host_root;
	bool host; /* the host's own */
	pid_t pid;
	uint64_t start_boot_ns;	      /* in: 0 not known; out: what was found */
	struct users_stamp stamps[2]; /* in: of the last read; out: of this one */
	bool force;		      /* whatever the stamps say */
	enum users_result result;
	struct user_set *set; /* of USERS_READ, free() it */
};

/* Any thread; may wait for a disk. */
void users_read(struct users_read *r);

/* Text of the two files as a set; the maps are texts of /proc/PID/uid_map and gid_map, p NULL: ids
 * are as they are. NULL: no memory. */
struct user_set *users_parse(struct span passwd, struct span group, struct span uid_map,
			     struct span gid_map);

const struct user_entry *users_search(const struct user_list *l, uint32_t id);

#endif
