/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent_internal - the agent's state and the functions its files share. Loop's thread only. */
#ifndef BULKHEAD_AGENT_INTERNAL_H
#define BULKHEAD_AGENT_INTERNAL_H

#include "collector/agent.h"
#include "collector/base/clock.h"
#include "collector/base/worker.h"
#include "collector/cgroup_layout.h"
#include "collector/cgwatch.h"
#include "collector/container.h"
#include "collector/diskusage.h"
#include "collector/exposition.h"
#include "collector/kmsg.h"
#include "collector/machine.h"
#include "collector/metadata.h"
#include "collector/peer.h"
#include "collector/state.h"
#include "collector/supervise.h"
#include "collector/token.h"

#define AGENT_MAX_CLIENTS  32	/* connections at bulkhead.sock */
#define AGENT_MAX_RENDERS  64	/* requests for /metrics that wait */
#define AGENT_MAX_PROBES   4096 /* cgroups of unknown form that are looked up */
#define AGENT_SWEEP	   64	/* containers in one metadata job */
#define AGENT_MAX_DEGRADED 8
#define AGENT_SLICE_NS	   (5 * NS_PER_MS) /* longest stretch of rendering */

/* When something was last read, and the container's CPU counter then: what ran nothing since has
 * changed nothing. */
struct look {
	uint64_t mono_ns, cpu_ns;
};

/* The agent's bookkeeping of one container (container->user). */
struct member {
	struct agent *agent;
	struct container *c;
	uint64_t next_metadata_ns; /* monotonic; UINT64_MAX: nothing more to read */
	unsigned attempts;	   /* since the last change of the container's life */
	bool sweeping;		   /* in a metadata job now */
	int pidfd;
	struct loop_source *pidfd_source;
	uint64_t disk_due_ns, disk_cpu_ns; /* next walk; CPU usage at the last one */
	uint64_t oom_counter, oom_kmsg;	   /* kills by the cgroup's counter and by the kernel log */
	bool fed;			   /* serve knows its slot */
	bool slow_read;			   /* limits were read once */
	struct look slow, network, process;
	bool network_shared; /* others live in its network namespace: its own CPU tells nothing */
	bool changed;			   /* a figure moved since it was fed */
	uint64_t rate_cpu_ns, rate_mono_ns; /* what cpu_cores was computed from */
};

/* A cgroup whose path tells nothing: it may be runc's or ctr's. */
struct probe {
	char *path;
	uint64_t inode, next_ns;
	unsigned attempts;
	bool sweeping;
};

struct sweep_item {
	struct container *c; /* a reference; NULL: a probe */
	char *path;
	uint64_t inode;
	pid_t pid;
	struct identity id;
	uint64_t old_stamp;
	uint64_t stamp; /* results, written by the worker */
	struct metadata *meta;
	bool found, failed;
};

struct sweep {
	struct worker_job job;
	struct agent *agent;
	struct metadata_roots roots;
	struct sweep_item items[AGENT_SWEEP];
	size_t n;
	bool running;
};

/* Descriptors, sockets, limits and TCP states of one container, counted by the worker. */
struct process_walk;
struct disk_walk;

struct render {
	struct peer *peer; /* NULL: it went away */
	uint32_t request_id;
	bool openmetrics;
};

struct client {
	struct agent *agent;
	struct peer *peer; /* NULL: slot is free */
};

struct agent {
	struct config config;
	struct agent_options options;
	struct loop *loop;
	struct cgroup_layout layout;
	struct cgwatch *watch;
	struct sampler *sampler;
	struct container_table *table;
	struct container *root;
	struct worker *worker;
	struct kmsg *kmsg;
	struct metadata_cache *metadata_cache;
	struct machine machine;
	struct machine_live live;
	struct machine_disk disks[MACHINE_MAX_DISKS];
	uint32_t disks_n;
	struct token_store *tokens;
	struct supervise *supervise;
	struct peer *serve;
	bool serve_up;
	char serve_problem[160];
	struct wire_serve_stats serve_stats;
	int state_fd, run_fd, serve_state_fd, lock_fd;
	char proc[PATH_MAX], sys[PATH_MAX];

	struct loop_source *tick_timer, *signals, *metadata_timer;
	uint64_t tick, start_unix_ns, start_mono_ns, last_tick_ns, host_netns;
	uint64_t unix_minus_boot_ns;
	bool first_round_done, link_printed;

	struct sweep sweep;
	struct probe probes[AGENT_MAX_PROBES];
	size_t probes_n;
	uint64_t probes_refused;
	struct disk_walk *disk_walk;
	struct process_walk *process_walk;
	struct worker_job *filesystems_job;

	int listen_fd;
	struct loop_source *listen_source;
	struct client clients[AGENT_MAX_CLIENTS];
	uint64_t clients_refused;
	struct render renders[AGENT_MAX_RENDERS];
	size_t renders_n;
	struct exposition *rendering; /* of renders[0] */
	struct buf render_buf;

	struct agent_counters counters;
	const char *degraded[AGENT_MAX_DEGRADED + 1];
	size_t degraded_n;
};

void agent_state(struct agent *a, struct agent_state *out);
void agent_degraded(struct agent *a, const char *text, bool on); /* static text */
static inline struct member *member_of(const struct container *c)
{
	return c->user;
}

/* agent_containers.c */
int agent_containers_start(struct agent *a, struct err *e);
void agent_containers_stop(struct agent *a);
void agent_containers_expire(struct agent *a);
void agent_learn_pid(struct agent *a, struct member *m);
void agent_oom(void *ctx, const struct kmsg_oom *oom);
void agent_count_oom(struct agent *a, struct member *m);

/* agent_slow.c */
int agent_slow_start(struct agent *a, struct err *e);
void agent_slow_tick(struct agent *a);
void agent_slow_stop(struct agent *a); /* after the worker ended */

/* agent_feed.c */
void agent_feed_container(struct agent *a, struct container *c);
void agent_feed_end(struct agent *a, struct container *c);
void agent_feed_all(struct agent *a);
void agent_feed_round(struct agent *a);
void agent_feed_disk(struct agent *a, const struct container *c);
void agent_feed_config(struct agent *a);

/* agent_requests.c */
int agent_requests_start(struct agent *a, struct err *e);
void agent_requests_stop(struct agent *a);
void agent_request(struct agent *a, struct peer *p, const struct wire_frame *f);
void agent_forget_peer(struct agent *a, const struct peer *p); /* its renders */

#endif
