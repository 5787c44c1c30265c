/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_tables - how full the tables of the kernel are that no cgroup limits and all containers
 * share, and who holds what in them.
 *
 * A look reads some twenty small files. Who holds what is sought only for the tables that are asked
 * for: a sweep over all processes (their descriptors), a walk over what containers wrote, the
 * tables of connections. What must be counted over all processes to be known at all (inotify, ports
 * of containers' networks) is swept once a minute; earlier when the host's open files rose by much
 * or a container started, for at most a four hundredth of a processor; and when somebody is about
 * to be named, for at most a fifth. A sweep takes some 50 microseconds a process, a look 0.3 ms.
 *
 * Owner: the worker that looks; nothing here is shared. What is read was written by the kernel, but
 * names of containers and paths are hostile. Nothing is exact that the kernel does not tell:
 *   signals   the kernel tells how many a user has, not whose process they wait for: containers
 *             for which real-time signals wait share what is left after the ones that are known,
 *             by the memory that the kernel holds for each
 *   inotify   one instance that several processes inherited counts once where kcmp(2) is allowed;
 *             else those of the same number with the same watches do
 *   ports     local ports of TCP in the ephemeral range; up to a third of it the number of all
 *             sockets, which is never below. Containers' ranges are taken to be the host's
 *   neighbours, socket memory: whose IPv6 neighbours and UDP buffers are is not known; no pace is
 *             told of neighbours, since old ones make room
 *   cgroups   with those that are removed and not free yet, against the 65,535 ids of memory
 *             cgroups
 *   slab      what the kernel cannot give back, against half of the memory */
#ifndef BULKHEAD_HOST_TABLES_H
#define BULKHEAD_HOST_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/worker.h"

enum host_table_flag {
	TABLE_PACED = 1 << 0,	/* that it will soon be full is told */
	TABLE_CLAMPED = 1 << 1, /* the kernel holds it near its limit: told when it stays there */
	TABLE_MILD = 1 << 2,	/* never graver than a warning */
	TABLE_BYTES = 1 << 3,
};

/* X(ID, "name", "what it is, for people", flags, "what to do"). Alerts are of "table-<name>". */
#define HOST_TABLES(X)                                                                             \
	X(DISK, "disk", "disk space", TABLE_PACED | TABLE_BYTES,                                   \
	  "Free space, and limit what the cause writes: a quota of the runtime's storage, a "      \
	  "volume of its own, rotated logs.")                                                      \
	X(INODES, "inodes", "inodes", TABLE_PACED,                                                 \
	  "Remove the many small files of the cause, or give it a file system of its own.")        \
	X(PIDS, "pids", "processes and threads", TABLE_PACED,                                      \
	  "Give the cause a limit of processes (--pids-limit, pids.max), or stop it.")             \
	X(FILES, "open-files", "open files", TABLE_PACED,                                          \
	  "Restart the cause, look for descriptors that it never closes, and give it a limit "     \
	  "(--ulimit nofile).")                                                                    \
	X(INOTIFY_INSTANCES, "inotify-instances", "inotify instances", TABLE_PACED,                \
	  "Run the cause as a user of its own, or raise user.max_inotify_instances.")              \
	X(INOTIFY_WATCHES, "inotify-watches", "inotify watches", TABLE_PACED,                      \
	  "Run the cause as a user of its own, or raise user.max_inotify_watches.")                \
	X(SIGNALS, "signals", "pending signals", TABLE_PACED,                                      \
	  "Run the cause as a user of its own, give it a limit (--ulimit sigpending), or stop "    \
	  "it: it does not take its signals.")                                                     \
	X(CONNTRACK, "conntrack", "tracked connections", TABLE_PACED,                              \
	  "Look at whom the cause speaks to; raise net.netfilter.nf_conntrack_max.")               \
	X(NEIGHBOURS, "neighbours", "neighbour entries", 0,                                        \
	  "Look at whom the cause speaks to on its own network, or raise gc_thresh3.")             \
	X(KEYS, "keys", "keys", TABLE_PACED,                                                       \
	  "Run the cause as a user of its own, or raise kernel.keys.maxkeys and maxbytes.")        \
	X(PTYS, "ptys", "pseudo terminals", TABLE_PACED,                                           \
	  "Look for terminals that the cause never closes, or raise kernel.pty.max.")              \
	X(PORTS, "ports", "ephemeral ports", TABLE_PACED,                                          \
	  "Let the cause keep its connections instead of making new ones, or widen "               \
	  "net.ipv4.ip_local_port_range.")                                                         \
	X(SOCKET_MEMORY, "socket-memory", "memory of sockets", TABLE_CLAMPED | TABLE_BYTES,        \
	  "Look for connections of the cause whose other end does not read.")                      \
	X(SLAB, "slab", "memory of the kernel", TABLE_BYTES,                                       \
	  "Give the cause a limit of memory: what the kernel keeps for it counts there.")          \
	X(DENTRIES, "dentries", "directory entries", 0, "Look at what looks up so many names.")    \
	X(MOUNTS, "mounts", "mounts", TABLE_PACED,                                                 \
	  "Look for mounts that are never removed, or raise fs.mount-max.")                        \
	X(LOOPS, "loops", "loop devices", 0, "Look for images that stay attached: losetup -a.")    \
	X(DIRTY, "dirty", "memory that waits for disks", TABLE_CLAMPED | TABLE_MILD | TABLE_BYTES, \
	  "Limit what the cause writes (io.max, memory.high).")                                    \
	X(CGROUPS, "cgroups", "memory cgroups, removed ones among them", TABLE_PACED,              \
	  "Look for what makes cgroups again and again; memory that is left in removed ones "      \
	  "goes when the host needs it.")

enum host_table {
#define X(id, name, what, flags, recommend) TABLE_##id,
	HOST_TABLES(X)
#undef X
		TABLE_COUNT
};

struct host_table_info {
	const char *name, *what, *recommend;
	uint32_t flags;
};
extern const struct host_table_info host_tables[TABLE_COUNT];
#define TABLE_BIT(t) (1u << (t))
#define TABLES_SWEPT /* whose holders a sweep over all processes finds */                          \
	(TABLE_BIT(TABLE_FILES) | TABLE_BIT(TABLE_INOTIFY_INSTANCES) |                             \
	 TABLE_BIT(TABLE_INOTIFY_WATCHES) | TABLE_BIT(TABLE_SIGNALS) | TABLE_BIT(TABLE_PTYS) |     \
	 TABLE_BIT(TABLE_PORTS) | TABLE_BIT(TABLE_MOUNTS) | TABLE_BIT(TABLE_KEYS))

#define TABLES_MAX_FIGURES 96
#define TABLES_MAX_HOLDERS 4096
#define TABLES_MAX_PROBES  64
#define TABLES_MAX_PATHS   8 /* of a container */
#define TABLES_MAX_USERS   4 /* told of each table: the fullest ones */

/* One table, or one of those that each user, network or file system has. */
struct table_figure {
	enum host_table table;
	uint64_t which;		 /* device, user, inode of a namespace; 0: the host's */
	char of[128];		 /* the same for people, "uid 0"; "": the host's */
	const char *limit;	 /* static: what bounds it, "kernel.pid_max" */
	uint64_t used, capacity; /* capacity 0: nothing bounds it */
};

/* So much of a table is a container's: place in the list of subjects, or -1: nobody's of them. */
struct table_holder {
	enum host_table table;
	uint64_t which;
	int32_t subject;
	uint64_t amount;
};

struct table_subject {			     /* a container, as the loop copied it */
	const char *path;		     /* of its cgroup, in the watched hierarchy */
	const char *name;		     /* for people */
	uint32_t pid;			     /* first process; 0: not known */
	uint64_t netns;			     /* 0: not known */
	const char *paths[TABLES_MAX_PATHS]; /* on the host: what it may write to */
	size_t paths_n;
};

struct table_input {
	const char *proc, *sys, *rootfs, *state_dir;
	const char *hierarchy;	     /* name of the watched one in /proc/PID/cgroup */
	const char *memory;	     /* where the controller of memory is mounted; "": not known */
	const struct worker *worker; /* a long look ends early with it; NULL: never */
	uint64_t now_ns;
	uint32_t want;			      /* TABLE_BIT: whose holders are sought */
	const struct table_subject *subjects; /* sorted by path */
	size_t subjects_n;
	bool started;			    /* a container, since the last look */
	bool subjects_known;		    /* else what was known of their file systems stays */
	uint32_t probes[TABLES_MAX_PROBES]; /* a process of each user in each container */
	size_t probes_n;
};

struct table_output {
	struct table_figure figures[TABLES_MAX_FIGURES];
	size_t figures_n;
	struct table_holder holders[TABLES_MAX_HOLDERS];
	size_t holders_n;
	uint32_t held;	  /* TABLE_BIT: whose holders are here, all that there are */
	uint64_t refused; /* figures and holders that found no room */
	bool swept;
	bool wants_subjects; /* a sweep is due, and they were not known */
	uint64_t sweep_ns;   /* of a processor that the last sweep took */
};

struct host_tables;

int host_tables_new(struct host_tables **out, struct err *e);
void host_tables_free(struct host_tables *h); /* NULL is fine */
DEFINE_AUTO(host_tables, host_tables_free)

/* *out is filled anew. What this kernel does not have is left out. */
void host_tables_look(struct host_tables *h, const struct table_input *in,
		      struct table_output *out);

#endif
