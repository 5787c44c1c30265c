/* SPDX-License-Identifier: GPL-2.0-or-later */
/* response - acts on containers, so that it can always be undone.
 *
 * Freeze, pause and throttle change one value of a container's cgroup (v1's cpu: also of cgroups
 * below it). What was there before and what is set is written to STATE/responses/<id>.json first,
 * with fsync, on the worker; only then is the cgroup touched. It is put back when the lease ends,
 * on response_undo*(), at the end, and at the next start after a crash. Never more than was ours:
 * a value that somebody else changed meanwhile is left alone and told, and so is a directory that
 * is another one by now (its inode tells).
 *
 * Undoing needs no disk: a full or dead one keeps actions from beginning, never from ending.
 *
 * Owner: the loop's thread. cgroup files are read and written there (they are memory), journal
 * files on the worker. Containers are known by plain data alone. Which ones may be acted on
 * (exemptions, modes, the breaker) is the caller's; refused here is what would hit the root of a
 * hierarchy or ourselves. What a person does with `docker pause` meanwhile sets the same value and
 * cannot be told from ours: it ends with the lease. */
#ifndef BULKHEAD_RESPONSE_H
#define BULKHEAD_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/worker.h"
#include "collector/cgroup_layout.h"
#include "collector/event_view.h"

#define RESPONSE_MAX	     1024 /* at once, of all containers; more are refused and counted */
#define RESPONSE_MAX_CHANGES 64	  /* cgroups below a throttled one that limit themselves (v1) */
#define RESPONSE_MAX_FILES   4096 /* of the journal, looked at at start */
#define RESPONSE_LEASE_NS    (600 * 1000000000ULL) /* what 0 in the settings means */
#define RESPONSE_GRACE_NS    (10 * 1000000000ULL)
#define RESPONSE_STOP_NS     (30 * 1000000000ULL) /* a stop that does not end after it has failed */
#define RESPONSE_RETRY_NS    (10 * 1000000000ULL) /* for what could not be undone */
#define RESPONSE_PERCENT     10

enum response_action {
	RESPONSE_FREEZE,
	RESPONSE_PAUSE, /* a freeze without a lease: a person ends it, or our own end does */
	RESPONSE_THROTTLE,
	RESPONSE_STOP, /* SIGTERM to the first process, SIGKILL to all after the grace; no way back
			*/
	RESPONSE_ACTIONS
};
extern const char *const response_action_names[RESPONSE_ACTIONS];

enum response_event_kind {
	RESPONSE_BEGUN,	  /* the change is made; of a stop: SIGTERM is sent */
	RESPONSE_ENDED,	  /* of a stop: no process is left */
	RESPONSE_UNDONE,  /* what was there is there again, or the container is gone */
	RESPONSE_FAILED,  /* it did not begin; with `stays`: it could not be undone and is tried
			     again */
	RESPONSE_LEFT,	  /* what is there is not what we set: left alone, and forgotten */
	RESPONSE_DAMAGED, /* a file of the journal cannot be read: set aside; no container */
	RESPONSE_EVENTS
};
extern const char *const response_event_names[RESPONSE_EVENTS];

enum response_reason {
	RESPONSE_ASKED, /* by the caller */
	RESPONSE_LEASE, /* its time is over */
	RESPONSE_END,	/* response_undo_all */
	RESPONSE_CRASH, /* found by response_recover */
	RESPONSE_REASONS
};
extern const char *const response_reason_names[RESPONSE_REASONS];

struct response_event {
	enum response_event_kind kind;
	enum response_action action;
	enum response_reason reason;
	bool stays;
	struct span id; /* of the response; empty for a stop */
	struct span container_id, image, path;
	struct span before, set; /* of the container's own value: "0", "1", "max 100000" ... */
	uint64_t until_unix_ns;	 /* 0: no lease */
	struct span text;	 /* why it failed, what is there instead; may be empty */
};

/* Where the time between two steps is, for tests that end the program there. */
enum response_step {
	RESPONSE_BEFORE_JOURNAL,
	RESPONSE_AFTER_JOURNAL,
	RESPONSE_AFTER_CHANGE,
	RESPONSE_BEFORE_UNDO,
	RESPONSE_AFTER_UNDO,
	RESPONSE_AFTER_REMOVAL,
};

struct response_limits {
	uint64_t lease_ns, grace_ns; /* 0: as above */
	/* Throttle: so much of one CPU or, with of_limit, of what the container may use by its own
	 * and its parents' limits (without one: of all CPUs). 0: RESPONSE_PERCENT. */
	uint32_t throttle_percent;
	bool throttle_of_limit;
};

struct response_settings {
	int state_fd;			    /* stays the caller's */
	struct worker *worker;		    /* NULL: the journal is written before a call returns */
	const struct cgroup_layout *layout; /* stays valid and as it is */
	const char *proc;		    /* "/proc"; must stay valid, as boot_id */
	const char *boot_id;		    /* NULL: read from proc */
	struct response_limits limits;
	uint32_t cpus;				       /* 0: asked from the system */
	uint64_t (*boot_ns)(void *ctx);		       /* NULL: the clock that counts suspend */
	uint64_t (*unix_ns)(void *ctx);		       /* NULL: the time of day, for people */
	void (*step)(void *ctx, enum response_step s); /* NULL outside of tests; any thread */
	/* For the audit; what it points to is good during the call, which must not call back. */
	void (*told)(void *ctx, const struct response_event *ev);
	void *ctx;
};

/* All text stays the caller's. */
struct response_target {
	struct span container_id, image; /* image: its key, for response_undo_image() */
	const char *cgroup_path;	 /* in the watched hierarchy, "/docker/<id>" */
	pid_t pid;			 /* first process; 0: not known */
};

struct response;

/* -ENOENT when the boot id cannot be read: without it nothing could be recovered. A folder that
 * cannot be made is tried again with each action. */
int response_new(struct response **out, const struct response_settings *s, struct err *e);
/* Undoes what there is. The worker has ended. NULL is fine. */
void response_free(struct response *r);
DEFINE_AUTO(response, response_free)
void response_set_limits(struct response *r, const struct response_limits *l); /* for new ones */

/* At start, before anything else: undoes what an earlier run of this boot left, forgets what is of
 * another boot. Waits for the disk. How many were undone, or -errno: the folder cannot be read.
 * response_tick() tries again what could not be read, or found no room: after a second, then ever
 * more rarely, at last once a minute. */
int response_recover(struct response *r, struct err *e);

/* 0: it is on its way, told() says how it went. -EALREADY: it is so already, by us (the lease
 * begins anew; a pause ends it) or by somebody else; -EPERM: the root, or ours; -ENOSPC: too many
 * (counted); -ENOENT: no cgroup of its own; -EBUSY: it is being stopped; else -errno of the kernel
 * or the worker. */
int response_begin(struct response *r, const struct response_target *t, enum response_action a,
		   struct err *e);

/* How many were ended or called off; those that could not be are tried again by response_tick().
 * A stop under way goes on. */
unsigned response_undo(struct response *r, struct span container_id);
unsigned response_undo_image(struct response *r, struct span image); /* it leaves enforce */
unsigned response_undo_all(struct response *r);

void response_tick(struct response *r); /* each second: leases, stops, what has to be tried again */

/* SIGKILL to one process, by a pidfd: -ESRCH when it is gone or the number is another's by now,
 * -EPERM for init and ourselves. `proc` as in the settings. */
int response_kill(struct response *r, struct process_key key, struct err *e);

struct response_view {
	struct span id, container_id, image, path;
	enum response_action action;
	uint64_t begun_unix_ns, until_unix_ns; /* until: 0 without a lease */
	bool stuck;			       /* could not be undone so far */
};
/* Those in force, the stops included. fn must not change anything. */
void response_each(const struct response *r, void (*fn)(void *ctx, const struct response_view *v),
		   void *ctx);

struct response_stats {
	uint64_t active, capacity, stuck; /* now */
	uint64_t refused;		  /* at capacity */
	uint64_t begun[RESPONSE_ACTIONS];
	uint64_t undone, failed, left, recovered, damaged,
		forgotten; /* forgotten: of another boot */
	uint64_t journal_errors;
	uint64_t recover_errors; /* times that something an earlier run left could not be read */
	uint64_t kills, kills_missed; /* missed: gone, or the number was another's */
};
struct response_stats response_stats(const struct response *r);

#endif
