/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metadata - what the runtimes leave on disk about a container; never a runtime's socket.
 *
 * Every function blocks on small file reads only; they run on the worker. They share nothing but
 * the cache that the caller may give in metadata_roots.
 * Whatever is read was written by, or on behalf of, people who run containers: every file has a
 * size limit, every list a named capacity, and nothing is trusted to be text. */
#ifndef BULKHEAD_METADATA_H
#define BULKHEAD_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/identity.h"

#define METADATA_MAX_LABELS	  256
#define METADATA_MAX_MOUNTS	  256
#define METADATA_MAX_CAPABILITIES 64
#define METADATA_MAX_NAMESPACES	  8
#define METADATA_MAX_HEALTHCHECK  64	     /* arguments; a longer check is left out */
#define METADATA_MAX_LIST	  64	     /* entries of a list of struct metadata_confinement */
#define METADATA_MAX_STRING	  4096	     /* longer strings are cut */
#define METADATA_MAX_FILE	  (4u << 20) /* bytes of one JSON file */

enum container_state { STATE_UNKNOWN, STATE_CREATED, STATE_RUNNING, STATE_PAUSED, STATE_EXITED };
enum container_health {
	HEALTH_NONE = -1,
	HEALTH_STARTING = 0,
	HEALTH_HEALTHY = 1,
	HEALTH_UNHEALTHY = 2
};

struct metadata_label {
	char *name, *value;
};

struct metadata_mount {
	char *type;	   /* "bind", "volume", "tmpfs", "proc" ... */
	char *source;	   /* path on the host, "" when none */
	char *destination; /* path in the container */
	char *volume;	   /* name of a named volume, or NULL */
	bool read_only;
	char propagation[12]; /* "rshared", "slave" ...; "": not said */
};

struct metadata_namespace {
	char type[12]; /* "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time" */
	char *path;    /* joined namespace ("/proc/42/ns/net"), "host", or NULL for its own */
};

struct metadata_list {
	char **items; /* at most METADATA_MAX_LIST; owned */
	size_t n;
};

/* How a container is shut in, as it was asked for. */
struct metadata_confinement {
	bool known; /* an OCI bundle or docker's hostconfig.json was read; else all is empty */
	bool paths_known;			/* masked and read_only were said */
	struct metadata_list masked, read_only; /* "/proc/kcore"; "/proc/sys" */
	struct metadata_list bounding;		/* capabilities, "CAP_CHOWN" */
	bool bounding_known;
	struct metadata_list devices; /* "b 8:0 /dev/sda", "? - /dev/x" (not known) */
	bool all_devices;	      /* the cgroup lets every device through */
	struct metadata_list ports;   /* "0.0.0.0:8080 80/tcp": of the host, of the container */
	struct metadata_list rlimits; /* "nofile=1024:2048" */
	uint64_t memory_bytes, pids, cpu_shares, cpu_quota_us, cpu_period_us; /* 0: none */
	char *selinux;							      /* label, or NULL */
	char *restart;		     /* "always", "on-failure:5"; NULL: not known */
	char *cgroup_parent;	     /* asked for; NULL: the runtime's own */
	char *network;		     /* docker's mode: "bridge", "host", a network's name */
	bool user_namespace_refused; /* --userns=host */
	int oom_score_adj;
	bool oom_kill_off;
};

/* One container's metadata. Strings are owned, NULL when unknown. */
struct metadata {
	enum runtime runtime;
	char name_space[64];
	char *name;	    /* docker: without "/"; podman, cri-o, LXC: name; else the id */
	char *image;	    /* reference as given at create: "nginx:1.25" */
	char *image_id;	    /* "sha256:<64hex>" */
	char *command;	    /* entry point and arguments, joined by spaces */
	char **healthcheck; /* arguments of the configured health check; NULL: none, or not known */
	size_t healthcheck_n;
	char *stop_signal; /* "SIGQUIT"; NULL: the runtime's own choice */
	char *user, *hostname;
	char *pod_name, *pod_namespace, *pod_uid, *pod_container;
	bool sandbox; /* the pause container: carries the pod's network */
	struct metadata_label *labels;
	size_t labels_n;
	struct metadata_mount *mounts;
	size_t mounts_n;
	char **capabilities; /* effective, "CAP_CHOWN" */
	size_t capabilities_n;
	struct metadata_namespace namespaces[METADATA_MAX_NAMESPACES];
	size_t namespaces_n;
	char *seccomp;	/* "default", "unconfined", a profile's path; NULL unknown */
	char *apparmor; /* profile; "unconfined"; NULL unknown */
	bool privileged, read_only_root, no_new_privileges;
	bool details_known; /* the security fields above were really read */
	struct metadata_confinement confinement;
	size_t refused; /* labels, mounts ... beyond the capacities */

	uint64_t created_unix_ns, started_unix_ns, finished_unix_ns; /* 0: unknown */
	enum container_state state;
	enum container_health health;
	bool has_exit; /* exit_code, oom_killed are final */
	int exit_code;
	bool oom_killed;
	uint32_t restart_count;
	bool has_restart_count;
	pid_t pid; /* first process, 0 unknown */

	char *writable_layer; /* host path of the upper directory, or NULL */
	char *log_path;	      /* host path of the container's log file, or NULL */
};

/* Where things are: "" or an absolute prefix put before every host path (a container with the
 * host's / mounted read-only at /rootfs gives "/rootfs"). */
struct metadata_cache; /* opaque */
struct metadata_roots {
	const char *rootfs;
	const char *proc; /* "/proc", or the host's one */
	/* Remembers where runtimes with a data root of their own keep their files, so that their
	 * containers are still found after their last process has gone. May be NULL. Not locked:
	 * used by one thread at a time (the worker). */
	struct metadata_cache *cache;
};

struct metadata_cache *metadata_cache_new(void);    /* NULL when out of memory */
void metadata_cache_free(struct metadata_cache *c); /* NULL is fine */
DEFINE_AUTO(metadata_cache, metadata_cache_free)

/* Reads what can be found of *id. `pid`: a process in it, or 0; `cgroup_path` as in the watched
 * hierarchy. 0 and *out owned by the caller; -ENOENT (text in *e) when nothing is there yet
 * or when what is there runs in another cgroup, -EBADMSG when all that is there is unreadable. The
 * runtime of *out is the one whose files were found: it may be another than that of *id, which was
 * read from a path. */
int metadata_load(struct metadata **out, const struct metadata_roots *roots,
		  const struct identity *id, const char *cgroup_path, pid_t pid, struct err *e);

/* For cgroups whose path follows no pattern (runc, ctr): looks for the runtime state that names
 * this cgroup path and fills *out. false when none does. */
bool metadata_find_by_path(const struct metadata_roots *roots, const char *cgroup_path, pid_t pid,
			   struct identity *out);

/* A cheap token of the files' state (mtime, size, inode folded); changes when metadata_load would
 * read something new. 0 when there are none. */
uint64_t metadata_stamp(const struct metadata_roots *roots, const struct identity *id);

void metadata_free(struct metadata *m); /* NULL is fine */
DEFINE_AUTO(metadata, metadata_free)

const char *metadata_label(const struct metadata *m, const char *name); /* value or NULL */

#endif
