/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent_detector - what the agent and the judge (detector/) know of each other: a table of hooks.
 *
 * collector/ includes nothing of detector/: main.c puts the table into the agent's options, and the
 * agent gives the judge its services at start. All on the loop's thread; a hook that is NULL is not
 * called. Nothing here keeps a pointer that it was given beyond the call, but for the services. */
#ifndef BULKHEAD_AGENT_DETECTOR_H
#define BULKHEAD_AGENT_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "collector/base/loop.h"
#include "collector/base/parse.h"
#include "collector/cgroup_layout.h"
#include "collector/config.h"
#include "collector/container.h"
#include "collector/event_text.h"
#include "collector/kmsg.h"
#include "collector/machine.h"
#include "collector/process.h"
#include "collector/sensor.h"
#include "collector/wire.h"

struct agent;

/* What the judge wants to be told, beyond what the configuration says. */
struct agent_wants {
	uint64_t container, host; /* types of events, EVENT_BIT */
	uint64_t names;	    /* types whose names are looked up where the kernel told a text alone */
	uint32_t retell_ms; /* a repeat is told again so much later; 0: never */
	uint64_t dull;	    /* types of which it does not want what service `dull` named */
	bool learn_syscalls;	       /* which calls containers make is noted */
	bool raw_names;		       /* opens of one file by another name are no repeats */
	bool host_all_paths;	       /* of the host's file events: all, or those of these paths */
	const struct span *prefixes;   /* "/etc/" */
	const struct span *file_names; /* last components */
	size_t prefixes_n, file_names_n;
	/* Of the environment of programs: entries that hold one of these, letters of either case;
	 * an empty one: all. Masked as ever. */
	const struct span *environment;
	size_t environment_n;
};

/* Parts of the judge that want something of their own: each told kind of event, path or name is
 * wanted by any of them, and the shortest retell_ms counts. */
enum agent_wants_owner {
	WANTS_RULES,
	WANTS_BASELINES,
	WANTS_ISOLATION,
	WANTS_MINING,
	WANTS_OWNERS
};

/* What the agent does for the judge. */
struct agent_services {
	struct agent *agent;
	struct loop *loop;
	int state_fd;					     /* stays the agent's */
	const struct config *config;			     /* as it stands, also after a reload */
	const char *proc;				     /* "/proc" of the host */
	struct process_table *(*processes)(struct agent *a); /* NULL: there is none */
	const struct container_table *(*containers)(struct agent *a); /* NULL: not yet */
	/* The host as it was read last; the pointers stay good. */
	void (*host)(struct agent *a, const struct machine **m, const struct machine_live **live);
	uint64_t (*unix_minus_boot_ns)(struct agent *a);
	/* A frame to serve: 0, or -ENOTCONN when there is none that is ready, or what peer_send
	 * says. fd (or -1) is taken. */
	int (*send)(struct agent *a, enum wire_type type, struct span payload, int fd);
	/* Answers a request that get() or command() took; *body is JSON and is released. */
	void (*answer)(struct agent *a, uint32_t ticket, uint16_t status, struct buf *body);
	void (*degraded)(struct agent *a, const char *static_text, bool on);
	/* in place of the owner's last; copied */
	void (*want)(struct agent *a, enum agent_wants_owner owner, const struct agent_wants *w);
	const struct cgroup_layout *layout;

	/* The kernel's side of enforcement. Without it each returns -ENOTCONN, or false. */

	/* From here on the container is of this image slot (0: none) and held to these flags (enum
	 * enforce_flag), in all its cgroups, also those to come; verdicts are given before. Also
	 * ends ENFORCE_SUSPENDED. -EOPNOTSUPP: a flag that this layer cannot do, or a root that
	 * verdicts cannot be told of (an overlay of a user namespace's making). */
	int (*enforce)(struct agent *a, struct container *c, uint32_t image_slot, uint32_t flags);
	/* Types of events told of a container whatever the others' masks are; 0: as the others. */
	int (*container_mask)(struct agent *a, struct container *c, uint64_t mask);
	/* Keys as in collector/sensor.h; verdict: -E2BIG when the table is full. */
	int (*verdict)(struct agent *a, const struct verdict_key *k, enum verdict v);
	void (*verdict_key)(struct verdict_key *out, uint32_t image_slot,
			    const struct event_file *f, uint32_t type);
	void (*directory_key)(struct verdict_key *out, uint32_t image_slot,
			      const struct event_file *f);
	int (*script_key)(struct agent *a, uint32_t image_slot, struct span filename,
			  struct verdict_key *out);
	int (*peer)(struct agent *a, const struct sensor_peer *p, enum verdict v);
	void (*clear_image)(struct agent *a, uint32_t image_slot); /* all verdicts and peers */
	bool (*can_deny)(struct agent *a);
	const char *(*layer)(struct agent *a); /* "off", "tracepoint", "trampoline" */

	/* What this open says is nothing to the judge, and will be nothing whoever opens the file
	 * so again: then it is not told any more, unless somebody else wants opens. */
	void (*dull)(struct agent *a, const struct event_view *v);
	/* Types of which something of this container was lost since the last call for it. What
	 * nobody knows whose it was counts for all. */
	uint64_t (*lost)(struct agent *a, struct container *c);
	/* Calls that the container made since the last call; false: they are not noted. */
	bool (*syscalls)(struct agent *a, struct container *c, uint64_t words[SYSCALL_WORDS]);

	/* A new pass over all tasks: a descriptor to read() struct event_task records from, whole
	 * ones as long as the buffer has room for one; 0 bytes: the end; -EAGAIN: once more. The
	 * caller closes it. Each read() takes the kernel a few microseconds a task. -ENOTCONN:
	 * there is no sensor (yet). */
	int (*tasks)(struct agent *a, struct err *e);
	/* Whose cgroup a record names (container_cgroup with its hierarchy); NULL: the host's, or
	 * not known (yet). */
	struct container *(*container_of)(struct agent *a, uint32_t hierarchy, uint64_t cgroup);
};

enum agent_life {
	LIFE_CREATED,
	LIFE_STARTED,
	LIFE_PAUSED,
	LIFE_RESUMED,
	LIFE_OOM,
	LIFE_STOPPED,
	LIFE_DESTROYED
};

/* What the agent itself has to alert of: on while it is so. */
enum agent_trouble {
	TROUBLE_SENSOR_OFF,
	TROUBLE_EVENTS_LOST,
	TROUBLE_SERVE_FAILING,
	TROUBLE_CONFIG_REFUSED,
	TROUBLE_COUNT
};

struct agent_oom {		       /* a kill for want of memory */
	const struct kmsg_oom *kernel; /* what the kernel's log said; NULL: the counter alone */
	uint64_t kills;		       /* new ones */
};

/* What is written to the audit by the agent itself. */
struct agent_audit {
	const char *rule;	 /* static: "config.reload", "token.create" */
	const char *title;	 /* for people */
	const char *key, *value; /* a fact, or NULL */
	bool failed;
};

#define AGENT_NO_TICKET	       UINT32_MAX
#define ALERTS_MAX_TABLES      128
#define ALERTS_MAX_NOT_WATCHED 32
#define ALERTS_SEVERITIES      8
#define ALERTS_MAX_KINDS       16
#define ALERTS_RULE_BYTES      128

struct alerts_rule { /* alerts of one rule */
	char name[ALERTS_RULE_BYTES];
	uint64_t raised;
};

struct alerts_log_state { /* of one log */
	const char *name;
	uint64_t lines, bytes, max_bytes, segments, removed;
	uint64_t write_errors, sync_errors, lost, pending, tampered, repaired_bytes;
	uint64_t missing; /* lines that had a number and were in no file at start */
	uint64_t last_sync_ns;
	bool writable;
	const char *error; /* "": none */
};

#define ALERTS_RULE_STATES 4

struct alerts_rules_state { /* of rules on events */
	bool loaded;	    /* there is a set, be it empty */
	uint64_t by_state[ALERTS_RULE_STATES];
	const char *const *states; /* their names */
	uint64_t events, hits_refused, pattern_limits, values_refused, cut_texts, refused_loads;
	uint64_t load_ns; /* that the last reading took */
	bool problem;	  /* the last files were refused */
};

#define BASELINES_MODES	  4
#define BASELINES_ACTIONS 7

struct baselines_state { /* of what images normally do */
	bool on;
	const char *const *modes, *const *action_names; /* ended by NULL */
	uint64_t by_mode[BASELINES_MODES];
	uint64_t actions[BASELINES_ACTIONS]; /* that enforcement took */
	uint64_t complete;		     /* images of which all is learned */
	uint64_t observed;		     /* containers */
	uint64_t without_image;		     /* of them: what image it is is not known */
	uint64_t sandboxes;		     /* of them: pause containers, which have no baseline */
	uint64_t events, noted, judged, deviations, held, not_learned, runtime;
	uint64_t killed, late_kills, denied, wrongly_killed, tripped;
	uint64_t entries_refused, bytes, unwritten, write_errors, set_aside;
	uint64_t responses_stuck; /* what was done to a container and could not be undone */
	uint64_t recover_errors;  /* what an earlier run did could not be read */
	uint64_t unresolved;	  /* changes of files whose path was not known */
	uint64_t shortened;	  /* entries too long to be kept whole */
	uint64_t usage_refused;	  /* series of resources for which there was no memory */
	uint64_t learned_held;	  /* what was still learned, beyond the one told in an hour */
	uint64_t breaker_actions, breaker_image, breaker_host, breaker_death;
	uint64_t breaker_recent; /* actions of the last minute */
};

struct flights_state {			   /* recordings of what led to alerts */
	uint64_t written, failed, removed; /* removed: they made room */
	uint64_t shared; /* alerts that link to the one of an alert shortly before */
	uint64_t kept, bytes, max_bytes; /* on disk */
	uint64_t events, events_cut;	 /* that passed through the memory of the last ones */
};

#define ALERTS_HOST_TABLES 24

struct alerts_host_table {	 /* a table of the kernel that all containers share */
	const char *table;	 /* static */
	uint64_t used, capacity; /* capacity 0: nothing bounds it */
};

struct alerts_state {				      /* for /metrics and status */
	const char *const *severities, *const *kinds; /* ended by NULL */
	uint64_t raised[ALERTS_SEVERITIES][ALERTS_MAX_KINDS];
	const struct alerts_rule *rules; /* good until the judge's thread goes on */
	size_t rules_n;
	uint64_t other_rules; /* alerts of rules beyond them */
	uint64_t folded, held_back, silenced, firing;
	struct alerts_log_state logs[WIRE_LOG_COUNT];
	size_t logs_n;
	struct {
		const char *table; /* static */
		uint64_t used, capacity, refused;
	} tables[ALERTS_MAX_TABLES];
	size_t tables_n;
	const struct wire_sink_stats *sinks; /* as serve told last; NULL: not yet */
	struct alerts_rules_state rule_set;
	struct flights_state flights;
	struct baselines_state baselines;
	struct alerts_host_table host_tables[ALERTS_HOST_TABLES];
	size_t host_tables_n;
	struct { /* walls of containers that are not watched here, or in part ("in part: ...") */
		const char *number, *name, *reason; /* static */
	} not_watched[ALERTS_MAX_NOT_WATCHED];
	size_t not_watched_n;
};

/* A row of bulkhead_capacity; a full list leaves it out. table: static. */
static inline void alerts_state_table(struct alerts_state *out, const char *table, uint64_t used,
				      uint64_t capacity, uint64_t refused)
{
	if (out->tables_n >= ALERTS_MAX_TABLES)
		return;
	out->tables[out->tables_n].table = table;
	out->tables[out->tables_n].used = used;
	out->tables[out->tables_n].capacity = capacity;
	out->tables[out->tables_n++].refused = refused;
}

struct agent_detector {
	void *ctx;
	int (*start)(void *ctx, const struct agent_services *s, struct err *e);
	void (*stop)(void *ctx); /* also after a start that failed; no service is there any more */
	void (*event)(void *ctx, const struct event_view *v, const struct event_context *c,
		      struct container *of);
	void (*life)(void *ctx, struct container *c, enum agent_life what);
	void (*oom)(void *ctx, struct container *c, const struct agent_oom *oom);
	void (*trouble)(void *ctx, enum agent_trouble what, bool on, const char *text);
	void (*audit)(void *ctx, const struct agent_audit *a);
	void (*round)(void *ctx); /* each sampling round */
	void (*reload)(void *ctx);
	void (*serve_up)(void *ctx); /* a new one is ready */
	void (*serve_frame)(void *ctx, enum wire_type type, struct span payload);
	/* True: the path is the judge's, and it answers the ticket, now or later. AGENT_NO_TICKET:
	 * it only says whose the path is. */
	bool (*get)(void *ctx, struct span path, struct span query, uint32_t ticket);
	bool (*command)(void *ctx, struct span path, struct span query, uint32_t ticket);
	/* A command that came with a document; good during the call. */
	bool (*document)(void *ctx, struct span path, struct span query, struct span body,
			 uint32_t ticket);
	void (*state)(void *ctx, struct alerts_state *out);
	const struct event_query_hooks *queries; /* for who listens to events */
};

#endif
