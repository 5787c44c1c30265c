/* SPDX-License-Identifier: GPL-2.0-or-later */
/* users - names of users and groups, and home directories, by number: of each container by its own
 * /etc/passwd and /etc/group, of the host by the host's.
 *
 * Owner: the loop's thread. Look-ups allocate nothing and never wait; files are read on a worker,
 * which should be of its own: a file system that hangs holds it. A container's files are found
 * below its first process's root without leaving it; all in them is hostile bytes. Numbers are the
 * host's: those of a user namespace are translated when its files are read.
 *
 * A container that is not read yet, or whose root is the host's, has the host's names. One that is
 * read has only its own, also none at all. Keys are the caller's (cgroup ids); 0 is the host.
 * Times are mono_ns(). A name is good until the loop's next turn. */
#ifndef BULKHEAD_USERS_H
#define BULKHEAD_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/base/worker.h"
#include "collector/capacity.h"

#define USERS_CONTAINERS    4096
#define USERS_MAX	    1024     /* users, and groups as many, of one container */
#define USERS_FILE_BYTES    262144   /* of a file that are read */
#define USERS_TEXT_BYTES    65536    /* names and homes of one container */
#define USERS_BYTES	    67108864 /* of all containers */
#define USERS_NAME_MAX	    255
#define USERS_HOME_MAX	    4095
#define USERS_REFRESH_NS    60000000000ULL /* a look at the stamps, when names are asked for */
#define USERS_RETRY_NS	    1000000000ULL  /* after a failure, and between two reads */
#define USERS_CAPACITY_ROWS 3

struct users;

struct users_options {
	struct worker *worker;
	const char *proc;      /* "/proc"; copied */
	const char *host_root; /* "/"; copied */
};

/* The host's files are read at once. */
int users_new(struct users **out, const struct users_options *o, struct err *e);
/* After the worker is gone. When it hangs (worker_stop), this must stay too. */
void users_free(struct users *u);
DEFINE_AUTO(users, users_free)

/* A container has started, or another process is its first: its files are to be read. Costs nothing
 * when nothing is new, so it may be called for each event. start_boot_ns: of the process; 0: not
 * known, and that of the first read counts. -ENOSPC: all places are held by reads that hang. */
int users_container(struct users *u, uint64_t key, pid_t pid, uint64_t start_boot_ns,
		    uint64_t now_ns);
void users_changed(struct users *u, uint64_t key, uint64_t now_ns); /* it wrote such a file */
bool users_is_file(struct span path);				    /* such a file */
void users_forget(struct users *u, uint64_t key);

/* false: it has no name. */
bool users_user(struct users *u, uint64_t key, uint32_t uid, uint64_t now_ns, struct span *name);
bool users_group(struct users *u, uint64_t key, uint32_t gid, uint64_t now_ns, struct span *name);
bool users_home(struct users *u, uint64_t key, uint32_t uid, uint64_t now_ns, struct span *home);

struct users_stats {
	uint64_t reads, unchanged, failed; /* finished reads; failed: tried again */
};
struct users_stats users_stats(const struct users *u);

/* user_containers; user_bytes; user_names: of what is held now, left out of what was read. */
size_t users_capacity(const struct users *u, struct capacity out[USERS_CAPACITY_ROWS]);

#endif
