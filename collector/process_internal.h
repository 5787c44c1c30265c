/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process_internal - what the files of the process table share: process.c holds the entries,
 * process_text.c their strings, process_container.c who belongs to a container and who was put
 * into it, process_apply.c takes events, process_seed.c what was there before. */
#ifndef BULKHEAD_PROCESS_INTERNAL_H
#define BULKHEAD_PROCESS_INTERNAL_H

#include "collector/process.h"

#define PROCESS_CONTAINER_BUCKETS 256

/* As long as one of its processes is in the table. */
struct process_container {
	uint64_t id;
	struct process_container *next;
	uint32_t members;
	struct process_key init; /* pid 1 of a pid namespace */
	bool started;	/* something was exec'd in it: who comes from outside now is injected */
	bool has_first; /* while seeding: first_start is of the one that began it */
	uint64_t first_start; /* 0: of pid 1 */
};

struct process_table {
	struct process **buckets; /* by pid; the living one before the ended ones of its pid */
	uint32_t buckets_n;	  /* power of two */
	uint32_t max, n, ended_n;
	struct process *oldest, *newest;	  /* order of birth */
	struct process *ended_first, *ended_last; /* order of exit, parked ones are not in it */
	struct process *spare;			  /* freed entries, through hash_next */
	uint32_t spare_n;
	struct process_container *containers[PROCESS_CONTAINER_BUCKETS];
	uint64_t order, text_bytes;
	uint64_t refused, missed, cut_short, text_refused;
};

/* --- entries (process.c) ------------------------------------------------------------------- */
/* A new entry with the key set and all else zero; a living one of the same pid that started before
 * is ended (its exit was missed). NULL: full, counted. May free ended entries: hold what must
 * stay. */
struct process *process_add(struct process_table *t, struct process_key key);
void process_end(struct process_table *t, struct process *p, uint32_t status, uint64_t at_boot_ns);
void process_set_parent(struct process *child, struct process *parent); /* NULL is fine */
void process_hold(struct process *p);					/* NULL is fine */
void process_let_go(struct process_table *t, struct process *p);
bool process_evict(struct process_table *t); /* forgets the oldest ended one; false: none */

/* What a fork has of its parent, and an event's head of its process. */
void process_inherit(struct process *child, const struct process *parent);
void process_take_identity(struct process *p, const struct event_head *h);
void process_take_namespaces(struct process *p, const struct event_namespaces *ns);

/* --- strings (process_text.c) -------------------------------------------------------------- */
/* Copies `from` and makes it the process's; with no room the process has none. */
void process_set_text(struct process_table *t, struct process *p, const struct process_text *from);
void process_share_text(struct process_table *t, struct process *p, const struct process *from);
void process_drop_text(struct process_table *t, struct process *p);

/* --- containers (process_container.c) ------------------------------------------------------ */
struct process_container *process_container_find(const struct process_table *t, uint64_t id);
/* Where it is from the start, as against process_move. */
void process_place(struct process_table *t, struct process *p, uint64_t cgroup_id,
		   uint64_t container);
/* Where it is now: moved by somebody, or its cgroup has become known as a container's. */
void process_move(struct process_table *t, struct process *p, uint64_t cgroup_id,
		  uint64_t container);
void process_leave(struct process_table *t, struct process *p); /* before it is freed */
void process_judge_fork(struct process_table *t, struct process *child,
			const struct process *parent);
void process_judge_exec(struct process_table *t, struct process *p, const struct event_view *v);
void process_judge_seeded(struct process_table *t);
void process_containers_free(struct process_table *t);

#endif
