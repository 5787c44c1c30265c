/* SPDX-License-Identifier: GPL-2.0-or-later */
/* container - the table of everything that is shown: containers, services, their parent cgroups and
 * the root. Owner: the loop's thread. Readers (exposition, API) get const pointers, valid until the
 * loop's next turn, or longer while they hold a reference. */
#ifndef BULKHEAD_CONTAINER_H
#define BULKHEAD_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/settings.h"
#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/identity.h"
#include "collector/metadata.h"
#include "collector/sample.h"
#include "collector/sampler.h"

#define CONTAINER_KEY_BYTES 208
#define CONTAINER_MAX_ENDED 1024 /* ended entries kept; the oldest make room and are counted */

struct container {
	uint32_t slot;		       /* small number, unique among live ones; reused */
	uint32_t refs;		       /* table's own and readers' */
	enum cgroup_kind kind;	       /* ROOT, PARENT, CONTAINER or SERVICE */
	struct identity id;	       /* empty id for ROOT and PARENT */
	char key[CONTAINER_KEY_BYTES]; /* "docker-<id>", "containerd-k8s.io-<id>": unique, file-safe
					*/
	char *cgroup_path; /* below the watched hierarchy; "/" for the root. label `id` */
	uint64_t inode;
	uint64_t
		unified_inode; /* of its directory in the v2 tree beside v1; 0: none, or the same */
	struct container *parent; /* nearest shown ancestor; NULL for the root and ended ones */
	uint32_t children;	  /* shown descendants that name this as parent */

	struct metadata *meta; /* NULL until read; owned */
	uint64_t meta_stamp;   /* of what meta was read from */
	pid_t pid;	       /* first process, 0 unknown */
	uint64_t netns;	       /* inode of its network namespace, 0 unknown */
	bool owns_network;     /* first to show this namespace, and it is not the host's */
	uint64_t created_unix_ns, started_unix_ns; /* never change once set (no drift) */

	struct sampler_cg *cg; /* NULL when ended */
	struct sample sample;
	uint64_t oom_events; /* kills seen for it, by counter or kernel log */
	uint64_t cfs_seen_ns;
	uint64_t last_seen_unix_ns;

	bool ended;
	uint64_t ended_unix_ns, ended_mono_ns;
	bool has_exit_code, oom_killed;
	int exit_code;
	uint32_t restart_count;

	bool superseded; /* ended, and a newer entry has its cgroup path: /metrics shows that one */
	struct account traffic; /* of its sockets, without loopback, by the sensor */
	bool has_traffic;
	/* What the programs are told of it, see struct cgroup_entry */
	uint32_t image_slot, enforce;
	uint64_t event_mask;
	uint64_t lost_types; /* of its events some were lost, and the judge does not know yet */
	bool own_overlay;    /* its root is one that verdicts cannot be told of */
	uint64_t *syscalls;  /* SYSCALL_WORDS words: the calls it made, while they are noted; then
				those that the judge did not take yet; owned */
	double cpu_cores;    /* CPU seconds a second over the last two rounds; below 0: not known */

	/* Prometheus label text without braces (id="...",image="...",name="..." and allowed
	 * container_label_*), made anew when metadata changes; NULL: not yet made. Owned. */
	char *labels;
	size_t labels_n;
	char *info; /* the same for container_info, with every label; made on demand, owned */
	size_t info_n;
	uint32_t info_refused; /* labels that did not fit into it */
	bool labels_of_pod;    /* labels of a pod's cgroup name its pod (kubelet mode) */
	void *user;	       /* the agent's bookkeeping */
	struct container *hash_next, *key_next; /* the table's */
};

struct container_table;

int container_table_new(struct container_table **out, uint32_t max, struct err *e);
void container_table_free(struct container_table *t);
DEFINE_AUTO(container_table, container_table_free)

/* Adds a live entry; -ENOSPC (counted) when full, -EEXIST when the path is there. The entry is the
 * table's; cgroup_path is copied. */
int container_table_add(struct container_table *t, enum cgroup_kind kind, const struct identity *id,
			const char *cgroup_path, struct container **out, struct err *e);
struct container *container_table_find_path(const struct container_table *t, const char *path);
/* Marks it ended: it leaves the path index and the live list, joins the ended list, keeps its last
 * figures. ROOT and PARENT entries are removed at once instead. */
void container_table_end(struct container_table *t, struct container *c, uint64_t now_unix_ns,
			 uint64_t now_mono_ns);
/* Forgets ended entries older than keep_ns. */
void container_table_expire(struct container_table *t, uint64_t now_mono_ns, uint64_t keep_ns);

/* Live entries in order of coming (root first), then the ended ones, oldest first. */
size_t container_table_live(const struct container_table *t, struct container *const **list);
size_t container_table_ended(const struct container_table *t, struct container *const **list);

/* By key, full id, unique id prefix (at least 4 characters) or name; live before ended, newest
 * first. 0; -ENOENT; -EEXIST when a prefix or name fits several (of the live, else of the ended
 * ones). */
int container_table_lookup(const struct container_table *t, const char *id, struct container **out);

struct container *container_ref(struct container *c);
void container_unref(struct container *c); /* frees with the last reference; NULL is fine */

/* Display name: metadata's, else the id, else "". Never NULL. */
const char *container_name(const struct container *c);
const char *container_image(const struct container *c);
void container_labels_changed(struct container *c); /* drops the cached label text */

struct container_stats {
	uint64_t live, containers, ended, capacity, refused;
	uint64_t ended_capacity, ended_refused; /* forgotten before their time */
};
struct container_stats container_table_stats(const struct container_table *t);

#endif
