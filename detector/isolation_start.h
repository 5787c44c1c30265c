/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_start - with what each container started: namespaces, rights and filters of its first
 * process when it executed the container's own program. Everything else is compared with it.
 *
 * One entry a container's slot, bounded by the table of containers. Owner: the loop's thread. */
#ifndef BULKHEAD_ISOLATION_START_H
#define BULKHEAD_ISOLATION_START_H

#include "collector/base/auto.h"
#include "collector/container.h"
#include "collector/process.h"

enum isolation_shares { /* namespaces that are the host's own, from the start */
			SHARES_MNT = 1 << 0,
			SHARES_PID = 1 << 1,
			SHARES_NET = 1 << 2,
			SHARES_IPC = 1 << 3,
			SHARES_UTS = 1 << 4,
			SHARES_CGROUP = 1 << 5,
			SHARES_USER = 1 << 6,
			SHARES_TIME = 1 << 7,
};

/* A namespace's kind, in the order of the bits above. */
enum isolation_namespace {
	NAMESPACE_MNT,
	NAMESPACE_PID,
	NAMESPACE_NET,
	NAMESPACE_IPC,
	NAMESPACE_UTS,
	NAMESPACE_CGROUP,
	NAMESPACE_USER,
	NAMESPACE_TIME,
	NAMESPACE_COUNT
};
/* Names and clone flags in this order: event_namespace_name(). */
uint32_t isolation_namespace_of(const struct event_namespaces *ns, enum isolation_namespace which);

struct isolation_start {
	struct process_key first; /* whose it was */
	uint64_t boot_ns;	  /* when it was seen */
	struct event_namespaces ns;
	struct event_namespaces host; /* the host's own, as known then; 0: not known */
	struct event_caps caps;	      /* bounding: with what the specification allows besides */
	uint32_t shares;	      /* enum isolation_shares */
	uint32_t seccomp, no_new_privs;
	uint32_t uid, euid;
	bool seeded;	 /* it ran before the agent: as it was when the agent came */
	bool privileged; /* all capabilities, no filter: walls that were never there */
};

struct isolation_starts;

int isolation_starts_new(struct isolation_starts **out, uint32_t slots, struct err *e);
void isolation_starts_free(struct isolation_starts *t); /* NULL is fine */
DEFINE_AUTO(isolation_starts, isolation_starts_free)

/* NULL: its first process was not seen yet: nothing can be judged by it. Good until it ends. */
const struct isolation_start *isolation_start_of(const struct isolation_starts *t,
						 const struct container *c);

/* The host's own namespaces; told once and again when they are read anew. */
void isolation_starts_host(struct isolation_starts *t, const struct event_namespaces *host);
const struct event_namespaces *isolation_starts_get_host(const struct isolation_starts *t);

/* The other container that had this namespace at its start; NULL: none. */
const struct isolation_start *isolation_start_with(const struct isolation_starts *t,
						   enum isolation_namespace which, uint32_t inode,
						   const struct container *but);

/* An exec in the container by p (after process_apply). True: it is the start, now known. */
bool isolation_starts_exec(struct isolation_starts *t, const struct container *c,
			   const struct process *p, const struct event_exec *x, uint64_t boot_ns);
/* One that ran before the agent: p is the first of its processes, as it is now. */
bool isolation_starts_seeded(struct isolation_starts *t, const struct container *c,
			     const struct process *p);
/* Capabilities that its specification names are within bounds too. */
void isolation_starts_metadata(struct isolation_starts *t, const struct container *c);
void isolation_starts_end(struct isolation_starts *t, const struct container *c);

#endif
