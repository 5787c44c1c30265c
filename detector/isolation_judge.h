/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_judge - which walls an event breaks: pure functions on the event, its process, what its
 * container started with and what is known of the host. One file a subject:
 *
 *	isolation_judge.c	      which subject an event is of, names of files
 *	isolation_judge_namespaces.c  I1 I2 I3 I22
 *	isolation_judge_exec.c	      I4 I6 I8 I9 I15 I28
 *	isolation_judge_mounts.c      I10 I11
 *	isolation_judge_files.c	      I13, I29's files
 *	isolation_judge_cgroups.c     I14's release_agent, I24
 *	isolation_judge_devices.c     I18
 *	isolation_judge_kernel.c      I14's sysctls, I17
 *	isolation_judge_others.c      I16 I19 I21 I29
 *
 * What a runtime does in a container before the container's program is executed is its own affair:
 * struct process, exec_inside. Who was put in from outside is judged as all others, and it says so;
 * where a person may have given it more (docker exec --privileged) it is a notice. */
#ifndef BULKHEAD_ISOLATION_JUDGE_H
#define BULKHEAD_ISOLATION_JUDGE_H

#include "collector/event_text.h"
#include "detector/invariant.h"
#include "detector/isolation_host.h"
#include "detector/isolation_start.h"

#define ISOLATION_MAKERS  8    /* processes that made a user namespace lately */
#define ISOLATION_MOUNTS  8    /* file systems that are being made by the new calls */
#define ISOLATION_LIMITS  16   /* cgroups of the container, one a hierarchy */
#define ISOLATION_PATH	  4352 /* of a name without a resolved path */
#define USER_NS_RECENT_NS 10000000000ULL

enum isolation_once { /* told once of a container */
		      ONCE_IO_URING = 1 << 0,
		      ONCE_COMPAT = 1 << 1,
		      ONCE_X32 = 1 << 2,
};

/* What is remembered of a container between its events. */
struct isolation_memory {
	uint32_t once; /* enum isolation_once */
	struct {
		uint32_t user_ns;
		uint64_t boot_ns;
	} makers[ISOLATION_MAKERS];
	struct {
		uint32_t pid;
		char type[24];
		bool device; /* its source is one */
	} mounts[ISOLATION_MOUNTS];
	unsigned makers_next, mounts_next;
	struct {
		uint32_t device;
		uint64_t inode;
	} limits[ISOLATION_LIMITS]; /* directories with the container's own limits */
	unsigned limits_n;
};

struct isolation_case {
	const struct event_view *v;
	const struct process *p; /* NULL: not known */
	struct container *of;	 /* NULL: the host */
	const struct isolation_start *start;
	struct isolation_memory *memory; /* with `of` */
	/* the same for all cases */
	const struct isolation_starts *starts;
	const struct isolation_host *host;
	const struct process_table *processes;	  /* NULL: none */
	const struct container_table *containers; /* NULL: none */
	finding_fn tell;
	void *ctx;
	bool grave;	      /* something of warning or worse was told */
	struct finding found; /* scratch */
	char path[ISOLATION_PATH];
};

/* Types of events that are looked at, EVENT_BIT. */
uint64_t isolation_container_types(void);
uint64_t isolation_host_types(void);

/* true: a finding of warning or worse. of is a container (not a service), or NULL. */
bool isolation_judge(struct isolation_case *k);

/* --- for the subjects ------------------------------------------------------------------------ */

void judge_namespaces(struct isolation_case *k); /* SETNS, UNSHARE, FORK, CGROUP_ATTACH, EXEC */
void judge_exec(struct isolation_case *k);
void judge_host_exec(struct isolation_case *k); /* EXEC, MMAP of a process of the host */
void judge_rights(struct isolation_case *k);	/* CAPSET, SETUID */
void judge_blind_spots(struct isolation_case *k);
void judge_mounts(struct isolation_case *k); /* MOUNT, MOVE_MOUNT, UMOUNT, NEW_MOUNT */
void judge_open(struct isolation_case *k);
void judge_changed(struct isolation_case *k); /* of what is named by path: RENAME, LINK ... */
void judge_device_open(struct isolation_case *k, struct span path);
void judge_mknod(struct isolation_case *k);
/* true: it is of a file system of cgroups, told or harmless. */
bool judge_cgroup_file(struct isolation_case *k, struct span path);
/* true: it is one of the kernel's own, told or harmless. */
bool judge_kernel_file(struct isolation_case *k, struct span path);
void judge_kernel_code(struct isolation_case *k); /* INIT_MODULE, DELETE_MODULE, BPF, KEXEC */
void judge_connect(struct isolation_case *k);
void judge_socket(struct isolation_case *k);	    /* of netfilter, in a new user namespace */
void judge_other_process(struct isolation_case *k); /* PTRACE, PROCESS_VM, PIDFD_GETFD, KILL */
void judge_process_file(struct isolation_case *k, struct span path);
void judge_handle(struct isolation_case *k, struct span path);

/* Names it, adds who was put in from outside, and tells it. */
void isolation_tell(struct isolation_case *k);
/* A finding about `of`, which is not the event's own. */
void isolation_tell_of(struct isolation_case *k, struct container *of);
const char *isolation_name(const struct isolation_case *k); /* of the container */
/* How it ended, by the event's result. */
enum finding_stage isolation_stage(const struct isolation_case *k);
void isolation_result(struct isolation_case *k);	/* as a fact: "EPERM" */
bool isolation_refused(const struct isolation_case *k); /* EPERM, EACCES, EROFS */

/* The name as the container sees it: the kernel's, or of the text that was passed, without dots
 * (*said: nobody looked it up). p NULL: not known. Good as long as the case. */
struct span isolation_path(struct isolation_case *k, bool second, bool *said);

/* What findings on written files have in common. */
void isolation_begin_write(struct isolation_case *k, enum invariant i, const char *what);
void isolation_put_file(struct isolation_case *k, struct span path);
void isolation_key_path(struct isolation_case *k, struct span path);

/* Its last component. */
struct span isolation_last(struct span path);
/* `path` is `folder` or below it. */
bool isolation_below(struct span path, const char *folder);
/* "/proc/12/exe" with rest "exe": *pid is 0 for self and thread-self. */
bool isolation_proc_path(struct span path, uint32_t *pid, struct span *rest);

/* The process is in the mount namespace that its container started with. */
bool isolation_in_own_mounts(const struct isolation_case *k);
/* It is in a user namespace of its container's making: its rights are none outside. */
bool isolation_in_own_users(const struct isolation_case *k);
/* A user namespace that was made here less than ten seconds ago, and it is in it. */
bool isolation_made_users(const struct isolation_case *k);

/* The container of a cgroup id; NULL: none, or the host. */
struct container *isolation_container(const struct isolation_case *k, uint64_t cgroup);
/* The container whose storage the path of the host lies in; NULL: none that is known. *storage:
 * it is some container's, whosever. */
struct container *isolation_storage(const struct isolation_case *k, struct span path,
				    bool *storage);
/* c is `of` itself or inside it. */
bool isolation_is_within(const struct container *c, const struct container *of);
/* Whom the process of the event names by this pid; NULL: somebody of its own pid namespace, or not
 * known. */
const struct process *isolation_named(const struct isolation_case *k, uint32_t pid);
bool isolation_is_outside(const struct isolation_case *k, const struct process *p);

/* Where on the host a path of the container lies, by its declared mounts: in out. false: in its own
 * file system, or not known; *declared: in a mount that was agreed. */
bool isolation_host_path(const struct isolation_case *k, struct span path, char *out, size_t cap,
			 bool *declared);

#endif
