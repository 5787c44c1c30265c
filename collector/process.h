/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process - the table of processes: what each runs, for whom, and who started it.
 *
 * Seeded once from the task iterator (or /proc), then kept by fork, exec, exit and identity events.
 * Owner: the loop's thread. A process is named by pid and start time, so that a reused pid is never
 * taken for its predecessor. An ended one stays PROCESS_KEEP_NS, and as long as a living one names
 * it as ancestor, for events that come late. Strings are the process's own and hostile. */
#ifndef BULKHEAD_PROCESS_H
#define BULKHEAD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/event_view.h"

#define PROCESS_KEEP_NS	      (10ULL * 1000000000) /* after exit */
#define PROCESS_MAX_ANCESTORS 64		   /* followed upwards */
#define PROCESS_MAX_ARGS      4096		   /* bytes kept */
/* Of all texts together. At the limit ended processes go early; then new ones keep their program
 * and the start of their arguments only; at twice the limit nothing. */
#define PROCESS_MAX_TEXT_BYTES (32U << 20)

struct process {
	struct process_key key;
	struct process *parent; /* as it was born (reparenting does not change it), or NULL */
	uint32_t ns_pid, pid_ns;
	uint64_t exec_boot_ns; /* of the last exec; 0: forked and never exec'd */
	uint32_t exec_seq;     /* of the exec instance that it runs (a fork's is its parent's) */
	struct process_key exec_owner;	      /* who made that exec: itself or an ancestor */
	uint64_t cgroup_id, container_cgroup; /* 0: host */
	uint32_t uid, gid, euid, egid, suid, loginuid, tty, session;
	struct event_caps caps;
	struct event_namespaces ns;
	uint32_t exec_mnt; /* mount namespace in which its program was executed; 0: not known */
	struct event_file exe_file;
	uint32_t seccomp, no_new_privs;
	char comm[EVENT_COMM_BYTES + 1];
	/* One allocation each with its length; shared by forks until one of them execs. */
	struct process_text *text;
	bool kernel_thread;
	bool first;    /* pid 1 of its pid namespace, or the first process of its container */
	bool injected; /* exec'd in the container by somebody outside (docker exec, a probe), or a
			* descendant of such a one */
	bool seeded;   /* was there before the agent */
	bool missed;   /* made up from a later event: its fork or exec was not seen */
	bool ended;
	uint32_t exit_status; /* as of wait(2) */
	uint64_t exit_boot_ns;
	uint32_t children;			   /* living or kept ones that name it as parent */
	struct process *hash_next, *older, *newer; /* the table's, as all that follows */
	struct process *ended_next;
	uint64_t order;		 /* of birth in the table: a parent's is below its children's */
	uint64_t as_of_boot_ns;	 /* time of the newest record that named it */
	bool placeholder;	 /* known only as somebody's parent so far */
	bool parked;		 /* its time is over, its children keep it */
	bool born_inside;	 /* by a process of the same container */
	bool exec_inside; /* its program was executed in a container: what the runtime does there
			   * before is its own */
	uint64_t left_container; /* it was in before, and what it was there: */
	bool left_injected, left_born_inside;
	bool judged; /* `first` and `injected` were decided for a seeded one */
};

/* What an exec brought; never changed, counted by the processes that share it. */
struct process_text {
	uint32_t refs;
	struct span exe, args, cwd, filename, interp; /* args: NUL-separated, masked */
	uint32_t args_bytes;			      /* true length */
	uint32_t exec_flags;			      /* enum event_exec_flag */
	bool args_cut;
};

struct process_table;

/* max: entries, ended ones included (pid_max plus some). */
int process_table_new(struct process_table **out, uint32_t max, struct err *e);
void process_table_free(struct process_table *t);
DEFINE_AUTO(process_table, process_table_free)

/* One record of the iterator, with what /proc adds (spans may be empty). May come again for a
 * process that is known: then only what the kernel says now (credentials, namespaces) is taken. */
struct process_seed {
	const struct event_task *task;
	struct span exe, args, cwd; /* args: masked */
	uint32_t args_bytes;	    /* true length; 0: what args has */
	bool args_cut;
};
/* 0; -EINVAL: of a thread or the idle task; -ENOSPC: the table is full (counted). */
int process_seed(struct process_table *t, const struct process_seed *s);
/* After a whole pass that began at began_boot_ns: decides who is the first of its container and who
 * is injected, and ends the living ones that neither a record nor an event named since (their exits
 * were lost). began_boot_ns 0: the pass was not whole, nobody is ended. */
void process_seed_end(struct process_table *t, uint64_t began_boot_ns);

/* Takes an event in (after masking) and returns the process that it is of: the entry is made when
 * its fork was missed. NULL: the table is full (counted), or the event is of no process
 * (EVENT_NO_TASK without a pid; with the pid of an owner it is looked up and changes nothing). The
 * result is good until the next call that changes the table. For an exec by a thread, a missed
 * fork, a missed exit (same pid, another start) the table mends itself. Credentials, namespaces,
 * name and cgroup are those of the leading thread: what another thread changes for itself alone is
 * in its own events. A record older than what is known changes nothing. Of CGROUP_ATTACH
 * target_cgroup and target_container are taken as those after the move. */
struct process *process_apply(struct process_table *t, const struct event_view *v);

struct process *process_find(const struct process_table *t, struct process_key key);
struct process *process_find_pid(const struct process_table *t, uint32_t pid); /* the living one */

/* The living one that has this number in that pid namespace itself (not in one below it). Looks at
 * every entry. */
struct process *process_find_in_namespace(const struct process_table *t, uint32_t pid_ns,
					  uint32_t ns_pid);

/* Pid 1 of the container that p is in, where it has a pid namespace of its own and is alive: its
 * root is the container's. 0: not known. */
uint32_t process_container_init(const struct process_table *t, const struct process *p);

/* Forgets what ended more than PROCESS_KEEP_NS before now and has no children. Cheap; call it every
 * second or so. */
void process_expire(struct process_table *t, uint64_t now_boot_ns);

/* Calls fn for each entry, parents before children; stops when it returns false. */
void process_each(const struct process_table *t, bool (*fn)(void *ctx, const struct process *p),
		  void *ctx);

const char *process_comm(const struct process *p);
struct span process_exe(const struct process *p);  /* empty: not known */
struct span process_args(const struct process *p); /* NUL-separated */

struct process_stats {
	uint64_t live, ended, capacity, refused;
	uint64_t missed;       /* entries made up from later events, execs not seen */
	uint64_t cut_short;    /* ended ones forgotten early to make room */
	uint64_t text_refused; /* execs whose program and arguments found no room */
	uint64_t text_bytes;   /* of them, against PROCESS_MAX_TEXT_BYTES */
	uint64_t bytes;	       /* memory held */
};
struct process_stats process_table_stats(const struct process_table *t);

#endif
