/* SPDX-License-Identifier: GPL-2.0-or-later */
/* invariant - the walls of a container, as a table, and what is said when one is broken.
 *
 * An invariant holds for every task of every container whatever runs in it. Who finds one broken
 * (isolation_*.c by events, task_pass.c by looking at all tasks) fills a finding; isolation makes
 * an alert of it. Pure but for the table; any thread. */
#ifndef BULKHEAD_INVARIANT_H
#define BULKHEAD_INVARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/parse.h"
#include "detector/alert.h"

/* What it takes to see one broken. */
enum invariant_need {
	NEED_EVENTS = 1 << 0,	  /* the sensor, either layer */
	NEED_TRAMPOLINE = 1 << 1, /* in the tracepoint layer it is not seen, or only in part */
	NEED_PASS = 1 << 2,	  /* the iterator of tasks */
	NEED_LSM = 1 << 3,	  /* a security module with labels that runs on this host */
};

/* X(ID, "I1", "name", "what holds", severity, needs, "technique", "its name", "tactic"). The name
 * is the alert's rule, and what exceptions name. */
#define INVARIANTS(X)                                                                              \
	X(NAMESPACES, "I1", "namespaces-changed",                                                  \
	  "a process stays in the namespaces of its container", CRITICAL, NEED_EVENTS | NEED_PASS, \
	  "T1611", "Escape to Host", "privilege-escalation")                                       \
	X(CGROUP, "I2", "cgroup-left", "a process stays in the cgroups of its container",          \
	  CRITICAL, NEED_EVENTS | NEED_PASS, "T1611", "Escape to Host", "privilege-escalation")    \
	X(HOST_MOUNTS, "I3", "exec-in-host-mounts",                                                \
	  "nothing is executed in the host's mount tree from a container", ALERT, NEED_EVENTS,     \
	  "T1611", "Escape to Host", "privilege-escalation")                                       \
	X(CAPABILITIES, "I4", "capabilities-gained",                                               \
	  "no process has more capabilities than its container started with", CRITICAL,            \
	  NEED_EVENTS | NEED_PASS, "T1068", "Exploitation for Privilege Escalation",               \
	  "privilege-escalation")                                                                  \
	X(CREDENTIALS, "I5", "credentials-overwritten",                                            \
	  "users and capabilities change by system calls alone", ALERT, NEED_PASS, "T1068",        \
	  "Exploitation for Privilege Escalation", "privilege-escalation")                         \
	X(SECCOMP, "I6", "seccomp-lost", "filters of system calls are never lost", CRITICAL,       \
	  NEED_EVENTS | NEED_PASS, "T1562", "Impair Defenses", "defense-evasion")                  \
	X(LABEL, "I7", "security-label-changed", "the label of the security module stays",         \
	  CRITICAL, NEED_LSM, "T1562", "Impair Defenses", "defense-evasion")                       \
	X(ROOT, "I8", "root-outside", "root and working directory are in the container's mounts",  \
	  ALERT, NEED_EVENTS | NEED_PASS, "T1611", "Escape to Host", "privilege-escalation")       \
	X(DESCRIPTOR, "I9", "descriptor-outside",                                                  \
	  "no open file or directory lies in the mounts of somebody else", CRITICAL,               \
	  NEED_EVENTS | NEED_PASS, "T1611", "Escape to Host", "privilege-escalation")              \
	X(MOUNTS, "I10", "mount-outside-of-spec", "no mount shows more of the host than agreed",   \
	  CRITICAL, NEED_EVENTS, "T1611", "Escape to Host", "privilege-escalation")                \
	X(MASKS, "I11", "mask-removed", "what the runtime masked stays masked", CRITICAL,          \
	  NEED_EVENTS, "T1611", "Escape to Host", "privilege-escalation")                          \
	X(PROPAGATION, "I12", "mount-propagated", "no mount of a container appears on the host",   \
	  ERROR, NEED_EVENTS, "T1611", "Escape to Host", "privilege-escalation")                   \
	X(HOST_PROGRAMS, "I13", "host-program-written",                                            \
	  "programs of the runtime and of the host are never written from a container", ALERT,     \
	  NEED_EVENTS, "T1611", "Escape to Host", "privilege-escalation")                          \
	X(KERNEL_HELPERS, "I14", "kernel-helper-written",                                          \
	  "what the kernel starts or obeys is never set from a container", CRITICAL, NEED_EVENTS,  \
	  "T1611", "Escape to Host", "privilege-escalation")                                       \
	X(HELPER_EXEC, "I15", "host-runs-container-file",                                          \
	  "kernel and host run no code out of a container", ALERT, NEED_EVENTS, "T1611",           \
	  "Escape to Host", "privilege-escalation")                                                \
	X(RUNTIME_SOCKETS, "I16", "runtime-socket-used",                                           \
	  "no container speaks to a container runtime", CRITICAL, NEED_EVENTS, "T1610",            \
	  "Deploy Container", "execution")                                                         \
	X(KERNEL_CODE, "I17", "kernel-code-loaded",                                                \
	  "no container loads modules, programs or another kernel", CRITICAL, NEED_EVENTS,         \
	  "T1547.006", "Kernel Modules and Extensions", "persistence")                             \
	X(DEVICES, "I18", "device-reached", "no container reaches disks or memory as a device",    \
	  CRITICAL, NEED_EVENTS, "T1006", "Direct Volume Access", "defense-evasion")               \
	X(OTHER_PROCESSES, "I19", "process-outside-traced",                                        \
	  "no container reads or steers a process outside of it", CRITICAL, NEED_EVENTS, "T1055",  \
	  "Process Injection", "privilege-escalation")                                             \
	X(SHARED, "I20", "namespace-of-host-shared",                                               \
	  "an image that was shut in does not start to share namespaces with the host", WARNING,   \
	  NEED_EVENTS, "T1610", "Deploy Container", "defense-evasion")                             \
	X(HANDLES, "I21", "file-handle-opened", "no container opens files by handle", CRITICAL,    \
	  NEED_EVENTS, "T1611", "Escape to Host", "privilege-escalation")                          \
	X(USER_NAMESPACES, "I22", "user-namespace-made", "no container makes user namespaces",     \
	  NOTICE, NEED_EVENTS, "T1068", "Exploitation for Privilege Escalation",                   \
	  "privilege-escalation")                                                                  \
	X(FOREIGN_SOCKETS, "I23", "socket-of-other-network",                                       \
	  "a container with a network of its own holds no socket of another", ERROR, NEED_PASS,    \
	  "T1611", "Escape to Host", "privilege-escalation")                                       \
	X(LIMITS, "I24", "limit-raised", "limits of resources are not changed from inside",        \
	  CRITICAL, NEED_EVENTS, "T1496", "Resource Hijacking", "impact")                          \
	X(UNLIMITED, "I25", "no-limit", "there is a limit of memory, processor and processes",     \
	  INFO, 0, "T1499", "Endpoint Denial of Service", "impact")                                \
	X(NEIGHBOURS, "I26", "neighbour-starved", "no container starves another", WARNING, 0,      \
	  "T1499", "Endpoint Denial of Service", "impact")                                         \
	X(IMAGE, "I27", "image-file-changed",                                                      \
	  "what the image holds changes by writing alone, and then in the container's own layer",  \
	  ALERT, NEED_EVENTS, "T1565.001", "Stored Data Manipulation", "impact")                   \
	X(BLIND_SPOTS, "I28", "blind-spot-used",                                                   \
	  "system calls are made in ways that are seen", NOTICE, NEED_EVENTS, "T1562.006",         \
	  "Indicator Blocking", "defense-evasion")                                                 \
	X(AGENT, "I29", "agent-attacked", "no container touches bulkhead", ALERT, NEED_EVENTS,     \
	  "T1562.001", "Disable or Modify Tools", "defense-evasion")

enum invariant {
#define X(id, number, name, holds, severity, needs, technique, technique_name, tactic) INV_##id,
	INVARIANTS(X)
#undef X
		INV_COUNT
};

struct invariant_info {
	const char *number, *name, *holds; /* "I14", "kernel-helper-written", "what ... " */
	enum alert_severity severity;	   /* of a break that succeeded */
	uint32_t needs;			   /* enum invariant_need */
	const char *technique, *technique_name, *tactic;
	const char *recommend; /* what to do next */
};
extern const struct invariant_info invariants[INV_COUNT];

/* Why it cannot be seen broken here, or only in part; NULL: it can. layer as of the service. */
const char *invariant_blind(enum invariant i, const char *layer, bool has_pass, bool has_lsm);

enum finding_stage {
	FINDING_ATTEMPTED, /* it was refused, or nothing shows yet that it worked */
	FINDING_SUCCEEDED,
	FINDING_SO, /* a state, seen by looking: resolved when it is so no more */
};
extern const char *const finding_stage_names[]; /* "attempted", "succeeded", "found" */

#define FINDING_FACTS 16
#define FINDING_TEXT  3072

struct finding {
	enum invariant invariant;
	enum finding_stage stage;
	/* One less grave than the invariant says when it was only attempted; set by finding_begin,
	 * may be changed. */
	enum alert_severity severity;
	/* What the world calls it: "CVE-2019-5736", "shocker", "release_agent"; NULL: no name. */
	const char *known_as;
	char title[256]; /* for people, with the container's name in it */
	char key[128];	 /* repeats of this fold: what, not when */
	struct alert_pair facts[FINDING_FACTS];
	size_t facts_n;
	char text[FINDING_TEXT]; /* holds their values */
	size_t text_n;
};

/* Clears it; title as of printf. */
void finding_begin(struct finding *f, enum invariant i, enum finding_stage stage, const char *title,
		   ...) __attribute__((format(printf, 4, 5)));
void finding_key(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* name: static. Values are copied, hostile bytes are the alert's affair; what finds no room is
 * left out, and a last fact says so. */
void finding_fact(struct finding *f, const char *name, struct span value);
void finding_number(struct finding *f, const char *name, uint64_t value);
void finding_text(struct finding *f, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Who takes a finding: of container `of` (NULL: the host) and process p (NULL: not known). */
typedef void (*finding_fn)(void *ctx, const struct finding *f, struct container *of,
			   const struct process *p);

#endif
