/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_isolation_internal - what the parts of detector_isolation share.
 *
 *	detector_isolation.c	    assembly, events, containers that come and go
 *	detector_isolation_alert.c  findings become alerts; what is so, and so no more
 *	detector_isolation_except.c rules.exceptions
 *	detector_isolation_api.c    requests and figures */
#ifndef BULKHEAD_DETECTOR_ISOLATION_INTERNAL_H
#define BULKHEAD_DETECTOR_ISOLATION_INTERNAL_H

#include "collector/base/arena.h"
#include "collector/event_query.h"
#include "detector/detector_isolation.h"
#include "detector/glob.h"
#include "detector/isolation_judge.h"
#include "detector/isolation_mounts_watch.h"
#include "detector/task_pass.h"

#define STANDING_MAX 1024 /* breaks that are so now */

enum standing_source { STANDING_PASS, STANDING_MOUNTS, STANDING_OTHER };

struct standing { /* a state that was found and is told */
	enum standing_source source;
	enum invariant invariant;
	struct container *of; /* a reference; NULL: the host */
	char key[160];
	bool seen; /* in this look */
};

struct exception {
	uint32_t invariants;		 /* 1 << i */
	const struct glob *image, *name; /* NULL: any */
	struct event_query *condition;	 /* NULL: always */
};

struct host_look {	       /* on its way through the worker */
	struct worker_job job; /* first member */
	struct detector_isolation *owner;
	char rootfs[PATH_MAX], state_dir[PATH_MAX], run_dir[PATH_MAX];
	struct isolation_host found;
};

struct memory_slot {
	const struct container *c;
	uint64_t inode;
	bool with_metadata; /* its capabilities were taken from there */
	struct isolation_memory memory;
};

struct detector_isolation {
	const struct agent_services *services;
	struct worker *worker;
	struct alerts *alerts;
	const struct event_query_hooks *queries;
	struct isolation_starts *starts;
	struct task_pass *pass;
	struct isolation_mounts_watch *mounts;
	struct memory_slot **memories; /* by slot of the container */
	uint32_t slots;
	struct isolation_host host;
	struct host_look look;
	bool looking;
	uint64_t looked_ns; /* monotonic */
	struct isolation_case scene;
	const struct event_view *view; /* of the event that is judged; NULL: none is */
	const struct event_context *context;
	struct standing standing[STANDING_MAX];
	uint32_t standing_n;
	struct arena arena; /* of the exceptions */
	struct exception exceptions[CONFIG_MAX_LIST];
	uint32_t exceptions_n;
	bool wanted;
	uint64_t container_types, host_types; /* of events that are looked at */
	bool kernel_told; /* the host's namespaces are as the kernel's side says */
	struct {
		uint64_t events, findings[INV_COUNT], excepted, standing_refused;
		uint64_t exceptions_refused;
	} counts;
};

/* detector_isolation_alert.c */
void isolation_found(void *ctx, const struct finding *f, struct container *of,
		     const struct process *p); /* by an event */
void isolation_pass_found(void *ctx, const struct finding *f, struct container *of,
			  const struct process *p);
void isolation_mounts_found(void *ctx, const struct finding *f, struct container *of,
			    const struct process *p);
void isolation_passed(void *ctx);
void isolation_mounts_looked(void *ctx, struct container *c);
void isolation_standing_end(struct detector_isolation *d, const struct container *c);
void isolation_standing_free(struct detector_isolation *d);

/* detector_isolation_except.c */
void isolation_exceptions_read(struct detector_isolation *d);
void isolation_exceptions_free(struct detector_isolation *d);
bool isolation_is_excepted(struct detector_isolation *d, enum invariant i, struct container *of,
			   const struct process *p);

#endif
