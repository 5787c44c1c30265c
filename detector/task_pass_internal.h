/* SPDX-License-Identifier: GPL-2.0-or-later */
/* task_pass_internal - what the parts of task_pass share.
 *
 *	task_pass.c	    when a pass begins, reading it in slices, whose each record is
 *	task_pass_judge.c   a record against the start of its container
 *	task_pass_rights.c  capabilities, users and filters: against the start, and against the pass
 *			    before
 *	task_pass_memory.c  the last state of each process in a container
 *	task_pass_look.c    what files of /proc add, on the worker
 *	task_pass_tell.c    findings */
#ifndef BULKHEAD_TASK_PASS_INTERNAL_H
#define BULKHEAD_TASK_PASS_INTERNAL_H

#include "detector/task_pass.h"

#define TASK_PASS_READ_BYTES  65536
#define TASK_PASS_SLICE_NS    (2 * 1000000ULL)
#define TASK_PASS_YOUNG_NS    1000000000ULL /* so old is what a runtime has settled */
#define TASK_PASS_LATE_NS     (10 * TASK_PASS_YOUNG_NS)
#define TASK_PASS_AGAIN_MAX   5		 /* passes before their time, one after the other */
#define TASK_PASS_MEMORY_MAX  (1U << 18) /* processes; fewer where pid_max is less */
#define TASK_PASS_ANSWERS     256
#define TASK_PASS_LOOKS	      64   /* questions to the worker at once */
#define TASK_PASS_TOLD	      1024 /* different findings of a pass */
#define TASK_PASS_LABEL_BYTES 256
#define TASK_PASS_MIXED_LOOK  2	 /* passes in a row before it is looked at */
#define TASK_PASS_LOOK_AGAIN  12 /* passes until what was found in order is looked at again */

/* What was odd, but too young to be told: bits of task_memory.suspected. */
enum task_suspicion {
	SUSPECT_NAMESPACE = 1 << 0,
	SUSPECT_CGROUP = 1 << 1,
	SUSPECT_CAPABILITIES = 1 << 2,
	SUSPECT_SECCOMP = 1 << 3,
	SUSPECT_OUTSIDE = 1 << 4,
	SUSPECT_SOCKETS = 1 << 5,
};

/* What was broken between two passes, and stays so as long as the process lives. */
enum task_break {
	BREAK_USER = 1 << 0,
	BREAK_CAPABILITIES = 1 << 1,
	BREAK_BOUNDING = 1 << 2,
	BREAK_FILTERS = 1 << 3,
	BREAK_NO_NEW_PRIVS = 1 << 4,
	BREAK_MODE = 1 << 5,
};

struct task_rights {
	uint64_t boot_ns;	    /* when it was so */
	uint32_t exec_seq, user_ns; /* 0: not known */
	uint64_t permitted, bounding;
	uint32_t uid, euid, suid;
	uint32_t filters, seccomp, no_new_privs;
};

/* Of a process (its leading thread), from pass to pass. */
struct task_memory {
	struct process_key key;		/* pid 0: free */
	uint32_t pass;			/* that saw it last */
	uint32_t label_exec;		/* exec whose label is known to be right, and one more */
	struct task_rights last, prior; /* of this pass, of the one before */
	struct task_rights before;	/* as it was when `broken` came about */
	uint8_t suspected, suspected_now;
	uint8_t broken;	     /* enum task_break */
	uint8_t mixed;	     /* passes in a row with two credentials */
	bool threads_differ; /* its threads have rights of their own: forks may be of any */
};

struct task_memories {
	struct task_memory *list; /* open addressing */
	uint32_t mask, n, max;	  /* mask + 1 places */
	uint32_t seen, seen_pass; /* how many of them by that pass */
	uint64_t refused;
};

enum task_look_kind { LOOK_OUTSIDE, LOOK_CALL, LOOK_LABEL };
enum task_verdict { TASK_WAITS, TASK_FINE, TASK_BROKEN };

/* What the worker found out of a process, as long as that is asked for. */
struct task_answer {
	struct process_key key; /* pid 0: free */
	enum task_look_kind kind;
	uint32_t exec_seq;
	uint32_t asked;	 /* LOOK_OUTSIDE: enum event_task_outside, the descriptor << 8 */
	uint32_t pass;	 /* that asked last */
	uint32_t looked; /* pass in which it was looked up */
	enum task_verdict verdict;
	char what[32];
	char text[512];
};

struct task_look {	       /* at work */
	struct worker_job job; /* first member */
	struct task_pass *owner;
	bool busy;
	struct process_key key;
	struct process_key first; /* LOOK_LABEL: the container's first process */
	enum task_look_kind kind;
	uint32_t asked, exec_seq;
	char proc[64];
	bool selinux;
	enum task_verdict verdict;
	char what[32];
	char text[512];
};

/* What is kept of a container, by its slot. */
struct task_container {
	const struct container *c; /* only compared */
	struct process_key first;  /* of its start: another one is another start */
	uint64_t agreed;	   /* capabilities that were there when it was met */
	uint32_t met;		   /* pass that met it */
	bool agreed_no_filter;
	bool agreed_sockets; /* its first process was given some of the host's network */
};

struct task_pass {
	struct task_pass_settings s;
	const struct agent_services *services;
	struct worker *worker;
	bool apparmor, selinux;

	/* the pass under way */
	int fd; /* -1: none */
	uint32_t number;
	size_t used;		   /* bytes in `bytes` */
	uint64_t cpu_ns, began_ns; /* monotonic */
	uint64_t tasks, containers_tasks, records;
	unsigned empty;
	bool again; /* something young must be looked at once more */
	const struct container_table *containers;
	const struct process_table *processes;
	struct event_namespaces host;
	bool host_of_init;
	/* of the record before: tasks of a container come in rows */
	uint64_t cached_cgroup;
	uint32_t cached_hierarchy;
	struct container *cached;
	const struct isolation_start *cached_start;
	struct task_container *cached_memory;

	uint64_t next_ns; /* monotonic */
	unsigned quick;	  /* passes before their time in a row */
	bool off;
	const char *why;

	struct task_memories memories;
	struct task_container *by_slot;
	uint32_t slots;
	struct task_answer answers[TASK_PASS_ANSWERS];
	struct task_look looks[TASK_PASS_LOOKS];
	uint64_t told[TASK_PASS_TOLD]; /* hashes, open addressing; 0: free */
	uint32_t told_n;
	uint64_t told_refused;
	struct finding finding;
	struct task_pass_stats stats;
	_Alignas(8) char bytes[TASK_PASS_READ_BYTES];
};

/* One task of a container, and what is known of it. */
struct task_view {
	const struct event_task *t;
	struct container *c;
	const struct isolation_start *start;
	struct task_container *kept;
	const struct process *p; /* NULL: not known */
	struct task_memory *m;	 /* NULL: no room */
	uint64_t age_ns;	 /* since its birth or exec */
};

/* task_pass.c. For tests: what a tick begins, step by step. */
void task_pass_begin(struct task_pass *p);
void task_pass_record(struct task_pass *p, const struct event_task *t);
void task_pass_end(struct task_pass *p, bool whole);

/* task_pass_judge.c */
void task_judge(struct task_pass *p, struct task_view *v);
void task_judge_host(struct task_pass *p, const struct event_task *t);
/* True: old enough, or seen so by the pass before. */
bool task_confirmed(struct task_pass *p, struct task_view *v, enum task_suspicion what);

/* Its container and itself ran before the agent: how it began is not known. */
bool task_was_before(const struct task_view *v);

/* task_pass_rights.c */
void task_judge_rights(struct task_pass *p, struct task_view *v);
/* Against the pass before; of leading threads. */
void task_judge_change(struct task_pass *p, struct task_view *v);
struct task_rights task_rights_of(const struct event_task *t);
/* What cannot have come about by system calls: enum task_break. exec_flags: of the one exec
 * between, when there was just one; else 0 and known false. */
uint8_t task_rights_broken(const struct task_rights *was, const struct task_rights *is,
			   bool flags_known, uint32_t exec_flags);

/* task_pass_memory.c */
int task_memories_init(struct task_memories *t, uint32_t max);
void task_memories_release(struct task_memories *t);
struct task_memory *task_memory_find(const struct task_memories *t, struct process_key key);
/* Found or new (*fresh); NULL: no room. Seen by this pass then. */
struct task_memory *task_memory_take(struct task_memories *t, struct process_key key, uint32_t pass,
				     bool *fresh);
void task_memories_sweep(struct task_memories *t, uint32_t pass); /* those that it did not see */

/* task_pass_look.c */
const struct task_answer *task_answer(struct task_pass *p, const struct task_view *v,
				      enum task_look_kind kind, uint32_t asked);
void task_look_run(struct worker_job *job);
void task_looks_init(struct task_pass *p);
void task_answers_sweep(struct task_pass *p);
/* Whether the id of a mount is among these lines of mountinfo. */
bool task_mount_is_in(struct span mountinfo, uint64_t id);
/* Whether a process that waits in this call, by the text of /proc/PID/syscall, can have no other
 * credentials than its own. */
bool task_call_is_plain(struct span text);
/* Whether a label is what the first process's allows. */
bool task_label_fits(struct span first, struct span label, bool selinux);

/* task_pass_tell.c: begins p->finding; false: this was told in this pass already. */
bool task_tell_begin(struct task_pass *p, const struct task_view *v, enum invariant i,
		     const char *key, const char *title, ...) __attribute__((format(printf, 5, 6)));
void task_tell(struct task_pass *p, const struct task_view *v);
void task_fact_capabilities(struct finding *f, const char *name, uint64_t set);

#endif
