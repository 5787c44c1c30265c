/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent_internal - the agent's state and the functions its files share. Loop's thread only. */
#ifndef BULKHEAD_AGENT_INTERNAL_H
#define BULKHEAD_AGENT_INTERNAL_H

#include "collector/agent.h"
#include "collector/agent_detector.h"
#include "collector/api.h"
#include "collector/base/arena.h"
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
#include "collector/process.h"
#include "collector/state.h"
#include "collector/stream.h"
#include "collector/supervise.h"
#include "collector/token.h"

#define AGENT_MAX_CLIENTS  32	/* connections at bulkhead.sock */
#define AGENT_MAX_ANSWERS  128	/* requests for /metrics and lists that wait, of all peers */
#define AGENT_MAX_WAITING  1024 /* containers that wait for room in the table */
#define AGENT_MAX_TICKETS  32	/* requests that the judge answers later */
#define AGENT_MAX_NESTED   64	/* containers inside one container */
#define AGENT_MAX_PROBES   4096 /* cgroups of unknown form that are looked up */
#define AGENT_SWEEP	   16	/* containers in one metadata job: some milliseconds of a turn */
#define AGENT_MAX_DEGRADED 8
#define AGENT_SLICE_NS	   (2 * NS_PER_MS) /* stretch of rendering or sampling; two fit in a turn */

/* When something was last read, and the container's CPU counter then: what ran nothing since has
 * changed nothing. */
struct look {
	uint64_t mono_ns, cpu_ns;
};

/* A container that found the table full: added once there is room. */
struct waiting {
	char *path;
	uint64_t inode;
	struct identity id;
};

/* The agent's bookkeeping of one container (container->user). */
struct member {
	struct agent *agent;
	struct container *c;
	struct container *top;	   /* nested: the outermost container above, a reference */
	uint32_t nested_n;	   /* how many name it as top */
	uint64_t seen_unix_ns;	   /* when its cgroup was first seen */
	uint64_t next_metadata_ns; /* monotonic; UINT64_MAX: nothing more to read */
	unsigned attempts;	   /* since the last change of the container's life */
	bool sweeping;		   /* in a metadata job now */
	pid_t first_pid; /* first process, kept when it ended and the container did not (yet) */
	bool has_exit;	 /* it ended: the container's exit code, if the container ends too */
	int exit_code;
	int pidfd;
	struct loop_source *pidfd_source;
	uint64_t owners_gone;		   /* the agent's count when the network was settled last */
	uint64_t round;			   /* the sampling round that it was read in last */
	uint64_t disk_due_ns, disk_cpu_ns; /* next walk; CPU usage at the last one */
	uint64_t oom_kmsg;		   /* kills that the kernel log told */
	bool before_us;			   /* it was there when we started */
	bool destroyed;			   /* its runtime keeps nothing of it any more */
	bool fed;			   /* serve knows its slot */
	bool slow_read;			   /* limits were read once */
	bool processes_due;		   /* its descriptors are to be counted */
	struct look slow, network, process;
	bool network_shared; /* others live in its network namespace: its own CPU tells nothing */
	bool changed;	     /* a figure moved since it was fed */
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

struct process_walk;	/* descriptors, sockets, limits and TCP states: agent_slow.c */
struct disk_walk;	/* disk space: agent_disk.c */
struct filesystems_job; /* agent_disk.c */

/* A long answer that waits for its turn, or is being made. */
struct answer {
	struct peer *peer;
	uint32_t request_id;
	bool openmetrics;
	char *list_query; /* of a list of containers; NULL: /metrics. Owned */
};

/* A request that the judge answers, by its index. */
struct agent_ticket {
	struct peer *peer; /* NULL: who asked is gone */
	uint32_t request_id;
	bool used;
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
	struct worker *worker;	    /* metadata alone, which is waited for */
	struct worker *slow_worker; /* walks and file systems: a dead mount may hang it for good */
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
	bool serve_told_why;	   /* this run of serve has said what is wrong */
	bool serve_config_due;	   /* the socket was full: send the configuration again */
	uint64_t serve_started_ns; /* monotonic */
	char serve_problem[160];
	struct wire_serve_stats serve_stats;
	int state_fd, run_fd, serve_state_fd, lock_fd;
	/* rootfs: a copy for the workers, which the reload of the configuration does not touch */
	char proc[PATH_MAX], sys[PATH_MAX], rootfs[PATH_MAX];

	struct loop_source *tick_timer, *signals, *metadata_timer;
	uint64_t tick, start_unix_ns, start_mono_ns, last_tick_ns, host_netns;
	uint64_t unix_minus_boot_ns; /* looked at each round: the wall clock may be set */
	uint64_t owners_gone;	     /* containers that showed a network and ended */
	uint64_t round_ns;	     /* spent in the slices of this round */
	bool in_round;		     /* the next slice is deferred */
	size_t round_at;	     /* where it goes on in the list */
	bool first_round_done, link_printed, told_ready;

	struct sweep sweep;
	struct probe probes[AGENT_MAX_PROBES];
	size_t probes_n;
	uint64_t probes_refused;
	struct waiting waiting[AGENT_MAX_WAITING];
	size_t waiting_n;
	uint64_t waiting_refused, nested, nested_refused;
	struct disk_walk *disk_walk;
	size_t disk_at; /* place in the list of containers */
	struct process_walk *process_walk;
	struct filesystems_job *filesystems_job;

	int listen_fd;
	struct loop_source *listen_source, *requests_timer;
	struct client clients[AGENT_MAX_CLIENTS];
	uint64_t clients_refused;
	struct answer answers[AGENT_MAX_ANSWERS]; /* the first is being made, if one is */
	size_t answers_n;
	struct exposition *rendering; /* one of these, or neither */
	struct api_list *listing;
	struct buf answer_buf;

	struct stream *stream; /* who listens to events; NULL: nothing tells any */
	/* of the judge; their texts are in the arenas */
	struct agent_wants wants[WANTS_OWNERS];
	struct arena wants_arenas[WANTS_OWNERS];
	struct process_table *processes;
	struct agent_sensor *sensor; /* NULL: off */
	struct sensor_state sensor_state;
	uint64_t sensor_state_ns; /* when it was filled, monotonic */
	/* Set by the sensor: types that subscribers want now, told at each change. */
	void (*events_wanted)(struct agent *a, uint64_t type_mask);

	bool detector_started, detector_on;
	bool troubles[TROUBLE_COUNT];
	struct agent_ticket tickets[AGENT_MAX_TICKETS];
	uint64_t tickets_refused;
	uint64_t serve_ready_ns, serve_ends_since_ns, serve_ends;
	struct alerts_state alerts_state;

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
static inline uint64_t agent_interval_ns(const struct agent *a)
{
	return a->config.sample_interval_ms * NS_PER_MS;
}
/* Rounds in so many ms, at least one. */
static inline uint64_t agent_rounds(const struct agent *a, uint64_t ms)
{
	uint64_t n = ms / a->config.sample_interval_ms;

	return n ? n : 1;
}

/* agent_serve.c */
int agent_serve_start(struct agent *a, struct err *e);
void agent_serve_stop(struct agent *a);
void agent_serve_round(struct agent *a); /* looks after a start that takes too long */

/* agent_round.c */
void agent_round(void *ctx, uint32_t events); /* the tick's callback */

/* agent_containers.c */
int agent_containers_start(struct agent *a, struct err *e);
void agent_containers_stop(struct agent *a);
void agent_containers_expire(struct agent *a);
void agent_add_container(struct agent *a, const struct identity *id, const char *path,
			 uint64_t inode);
void agent_end_container(struct agent *a, struct container *c);
/* The outermost container above a path, NULL when there is none. */
struct container *agent_top_container(const struct agent *a, const char *path);
void agent_oom(void *ctx, const struct kmsg_oom *oom);
/* kernel: what its log said of it, or NULL */
void agent_count_oom(struct agent *a, struct member *m, const struct kmsg_oom *kernel);

/* agent_pid.c */
void agent_learn_pid(struct agent *a, struct member *m);
bool agent_first_process_ended(const struct member *m);
void agent_take_exit(struct member *m); /* the cgroup is gone: how its first process ended */
void agent_forget_pid(struct member *m);

/* agent_metadata.c */
int agent_metadata_start(struct agent *a, struct err *e);
void agent_metadata_stop(struct agent *a); /* after the worker ended */
void agent_metadata_soon(struct agent *a); /* something may be due */
void agent_metadata_ended(struct agent *a, struct member *m);
void agent_probe_add(struct agent *a, const char *path, uint64_t inode);
void agent_probe_drop(struct agent *a, const char *path, uint64_t inode); /* if there is one */

/* agent_slow.c */
int agent_slow_start(struct agent *a, struct err *e);
void agent_slow_one(struct agent *a, struct container *c); /* its share of this round */
void agent_slow_round(struct agent *a);			   /* what is not of one container */
void agent_slow_stop(struct agent *a);			   /* after the worker ended */

/* agent_disk.c */
int agent_disk_start(struct agent *a, struct err *e);
void agent_disk_round(struct agent *a);
void agent_disk_interval(struct agent *a); /* it may have become shorter */
void agent_disk_stop(struct agent *a);	   /* after the worker ended */

/* agent_feed.c */
void agent_feed_container(struct agent *a, struct container *c);
void agent_feed_end(struct agent *a, struct container *c);
void agent_feed_all(struct agent *a);
void agent_feed_round(struct agent *a);
void agent_feed_disk(struct agent *a, const struct container *c);
void agent_feed_config(struct agent *a);
int agent_tls_open(const struct config *c, int *cert, int *key, struct err *e);

/* agent_sensor.c: never fails the start; what is missing is told as degraded */
void agent_sensor_start(struct agent *a);
void agent_sensor_round(struct agent *a);  /* once a sampling round: figures, expiry */
void agent_sensor_reload(struct agent *a); /* the configuration changed */
void agent_sensor_want(struct agent *a, enum agent_wants_owner owner, const struct agent_wants *w);
void agent_sensor_stop(struct agent *a);
void agent_sensor_state(struct agent *a, struct sensor_state *out); /* for readers */
bool agent_sensor_settled(const struct agent *a);		    /* loaded, or given up */
const char *agent_sensor_problem(const struct agent *a); /* why there are no events; NULL: none */

/* agent_sensor_enforce.c: fills the services of enforcement */
void agent_sensor_services(struct agent_services *s);

/* agent_sensor_cgroups.c: what the programs know of cgroups */
void agent_sensor_cgroup(struct agent *a, const char *path, uint64_t inode, bool pending);
void agent_sensor_cgroup_gone(struct agent *a, uint64_t inode);
void agent_sensor_container(struct agent *a, struct container *c); /* it came */
void agent_sensor_container_end(struct agent *a, struct container *c);
struct container *agent_sensor_find(struct agent *a, uint64_t container_cgroup, uint32_t hierarchy);

/* agent_events.c */
int agent_events_start(struct agent *a, struct err *e);
void agent_events_stop(struct agent *a); /* tells who listens; before their peers are freed */
/* SUBSCRIBE and UNSUBSCRIBE, by who may. */
void agent_events_request(struct agent *a, struct peer *p, uint32_t request_id,
			  const struct wire_request *q);
/* What is told of a container; points into *c. */
void agent_events_describe(const struct container *c, struct event_container *out);
/* An event that is masked and in the process table; agent_events_flush ends a batch. */
void agent_event(struct agent *a, const struct event_view *v, const struct event_context *c);
void agent_events_flush(struct agent *a);
/* For recordings: a container came or changed, went; events that the kernel's side lost. */
void agent_events_container(struct agent *a, const struct container *c);
void agent_events_container_end(struct agent *a, const struct container *c);
void agent_events_lost(struct agent *a, const uint64_t lost[EVENT_TYPE_COUNT]);

/* agent_alerts.c: all are fine without a judge */
int agent_alerts_start(struct agent *a, struct err *e);
void agent_alerts_stop(struct agent *a);
/* True: the judge answers. document: what came beside a command, or NULL. */
bool agent_alerts_request(struct agent *a, struct peer *p, uint32_t request_id,
			  const struct wire_request *q, const struct span *document);
void agent_alerts_forget_peer(struct agent *a, const struct peer *p);
void agent_alerts_event(struct agent *a, const struct event_view *v, const struct event_context *c,
			struct container *of);
void agent_alerts_life(struct agent *a, struct container *c, enum agent_life what);
void agent_alerts_metadata(struct agent *a, struct container *c, bool first,
			   enum container_state before);
void agent_alerts_oom(struct agent *a, struct container *c, const struct kmsg_oom *kernel,
		      uint64_t kills);
void agent_alerts_trouble(struct agent *a, enum agent_trouble what, bool on, const char *text);
void agent_alerts_audit(struct agent *a, const struct agent_audit *audit);
void agent_alerts_serve_up(struct agent *a);
void agent_alerts_serve_ended(struct agent *a);
void agent_alerts_frame(struct agent *a, const struct wire_frame *f);
void agent_alerts_reload(struct agent *a, const char *refused); /* NULL: it was taken */
void agent_alerts_round(struct agent *a);
void agent_alerts_state(struct agent *a, struct alerts_state *out);

/* agent_requests.c */
int agent_requests_start(struct agent *a, struct err *e);
void agent_requests_stop(struct agent *a);
void agent_request(struct agent *a, struct peer *p, const struct wire_frame *f);
void agent_forget_peer(struct agent *a, const struct peer *p); /* its answers */

#endif
