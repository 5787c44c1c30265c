/* SPDX-License-Identifier: GPL-2.0-or-later */
/* posture - how well a container is shut in: from what its runtime was asked for and from what its
 * first process really has to a list of findings and a grade.
 *
 * Pure, any thread. Names and paths in the findings are those of people who run containers: hostile
 * bytes are escaped by who shows them. Numbers of items are those of POSTURE_BENCHMARK. */
#ifndef BULKHEAD_POSTURE_H
#define BULKHEAD_POSTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/buf.h"
#include "collector/config.h"
#include "collector/metadata.h"
#include "detector/alert.h"

#define POSTURE_BENCHMARK     "CIS Docker Benchmark 1.6.0"
#define POSTURE_MAX	      48 /* findings of one container; more are counted */
#define POSTURE_SUBJECT_BYTES 96
#define POSTURE_KEY_BYTES     (POSTURE_SUBJECT_BYTES + 32)

/* X(ID, "its name", "item", "what is wrong", "what mends it") */
#define POSTURES(X)                                                                                \
	X(PRIVILEGED, "privileged", "5.5", "the container is privileged: no wall is left",         \
	  "run it without --privileged (Kubernetes: securityContext.privileged: false) and give "  \
	  "it the one capability or device that it needs")                                         \
	X(HOST_PID, "host-pid", "5.16", "it sees and may signal the host's processes",             \
	  "leave out --pid=host (Kubernetes: hostPID: false)")                                     \
	X(HOST_NETWORK, "host-network", "5.10", "it has the host's network",                       \
	  "leave out --network=host and publish ports with -p (Kubernetes: hostNetwork: false)")   \
	X(HOST_IPC, "host-ipc", "5.17", "it has the host's shared memory and queues",              \
	  "leave out --ipc=host (Kubernetes: hostIPC: false)")                                     \
	X(HOST_UTS, "host-uts", "5.21", "it may change the host's name", "leave out --uts=host")   \
	X(HOST_MOUNT, "host-mount-namespace", "", "it has the host's mount tree",                  \
	  "give it a mount namespace of its own in the runtime's configuration")                   \
	X(HOST_CGROUP, "host-cgroup-namespace", "", "it sees the host's tree of cgroups",          \
	  "run it with --cgroupns=private")                                                        \
	X(HOST_USER, "host-user-namespace", "5.31",                                                \
	  "it is left out of the daemon's remapping of users", "leave out --userns=host")          \
	X(CAPABILITIES_ALL, "all-capabilities", "5.4", "it has every capability",                  \
	  "drop all with --cap-drop=ALL and add what it needs with --cap-add (Kubernetes: "        \
	  "securityContext.capabilities)")                                                         \
	X(CAPABILITY, "capability", "5.4", "it has a capability beyond the runtime's default",     \
	  "leave out --cap-add for it (Kubernetes: securityContext.capabilities.add)")             \
	X(SECCOMP_OFF, "seccomp-off", "5.22", "no system call is filtered",                        \
	  "leave out --security-opt seccomp=unconfined (Kubernetes: seccompProfile.type: "         \
	  "RuntimeDefault)")                                                                       \
	X(APPARMOR_OFF, "apparmor-off", "5.2", "no AppArmor profile holds it",                     \
	  "leave out --security-opt apparmor=unconfined, or name a profile there")                 \
	X(SELINUX_OFF, "selinux-off", "5.3", "no SELinux label holds it",                          \
	  "leave out --security-opt label=disable; start the daemon with --selinux-enabled")       \
	X(RUNTIME_SOCKET, "runtime-socket", "5.32",                                                \
	  "it reaches the socket of a container runtime",                                          \
	  "do not mount the socket nor a directory that holds it; put a filtering proxy before "   \
	  "it where it must be")                                                                   \
	X(MOUNT, "sensitive-mount", "5.6", "a sensitive directory of the host is mounted",         \
	  "mount the one file or directory that it needs, with :ro")                               \
	X(PROPAGATION, "shared-propagation", "5.20", "its mounts appear on the host",              \
	  "leave out :shared and :rshared (Kubernetes: mountPropagation: None)")                   \
	X(DEVICE, "device", "5.18", "a device of the host is exposed",                             \
	  "leave out --device for it, or end it with :r")                                          \
	X(DEVICES_ALL, "all-devices", "5.18", "every device of the host may be used",              \
	  "leave out --device-cgroup-rule 'a *:* rwm'")                                            \
	X(UNMASKED, "unmasked", "", "paths of /proc and /sys that runtimes mask are open",         \
	  "leave out --security-opt systempaths=unconfined (Kubernetes: procMount: Default)")      \
	X(PROC_WRITABLE, "proc-sys-writable", "",                                                  \
	  "settings of the kernel below /proc may be written",                                     \
	  "leave out --security-opt systempaths=unconfined (Kubernetes: procMount: Default)")      \
	X(NEW_PRIVILEGES, "new-privileges", "5.26", "programs may gain privileges by setuid",      \
	  "run it with --security-opt no-new-privileges (Kubernetes: "                             \
	  "allowPrivilegeEscalation: false)")                                                      \
	X(ROOT_USER, "root-user", "4.1", "it runs as the host's root user",                        \
	  "add USER to the image or run it with --user (Kubernetes: runAsNonRoot: true)")          \
	X(ROOT_WRITABLE, "root-writable", "5.13", "its root file system may be written",           \
	  "run it with --read-only and --tmpfs for what must be written (Kubernetes: "             \
	  "readOnlyRootFilesystem: true)")                                                         \
	X(NO_MEMORY_LIMIT, "no-memory-limit", "5.11", "memory is not limited",                     \
	  "run it with --memory (Kubernetes: resources.limits.memory)")                            \
	X(NO_CPU_LIMIT, "no-cpu-limit", "5.12", "neither quota nor shares of processors are set",  \
	  "run it with --cpus or --cpu-shares (Kubernetes: resources.limits.cpu)")                 \
	X(NO_PIDS_LIMIT, "no-pids-limit", "5.29", "the number of its processes is not limited",    \
	  "run it with --pids-limit (Kubernetes: the kubelet's podPidsLimit)")                     \
	X(OOM_KILL_OFF, "oom-kill-off", "", "it is not killed when it uses up its memory",         \
	  "leave out --oom-kill-disable")                                                          \
	X(CGROUP_PARENT, "cgroup-parent", "5.25", "it lies in a cgroup of its user's choice",      \
	  "leave out --cgroup-parent unless that cgroup has the limits that you want")             \
	X(PRIVILEGED_PORT, "privileged-port", "5.8", "a port below 1024 of the host leads to it",  \
	  "publish it with -p at a port above 1023")                                               \
	X(PORT_EVERYWHERE, "port-everywhere", "5.14", "a port is published on every address",      \
	  "name the address of the host: -p ADDRESS:PORT:PORT")                                    \
	X(RESTART, "restart-forever", "5.15", "it is started again without end",                   \
	  "run it with --restart=on-failure:5")                                                    \
	X(NO_HEALTH_CHECK, "no-health-check", "5.27", "nobody asks whether it is well",            \
	  "add HEALTHCHECK to the image or run it with --health-cmd")                              \
	X(DEFAULT_BRIDGE, "default-bridge", "5.30", "it is on docker's default bridge",            \
	  "make a network with 'docker network create' and run it with --network")

enum posture_id {
#define X(id, name, item, title, mend) POSTURE_##id,
	POSTURES(X)
#undef X
		POSTURE_IDS
};

struct posture_info {
	const char *name, *item, *title, *mend; /* item "": none of the benchmark's */
};
extern const struct posture_info posture_infos[POSTURE_IDS];

enum posture_grade { GRADE_A, GRADE_B, GRADE_C, GRADE_D, GRADE_E, GRADE_F, GRADE_COUNT };
/* The rule in words, for people who ask how it came. */
extern const char posture_rule[];
char posture_grade_letter(enum posture_grade g);
bool posture_grade_parse(const char *text, enum posture_grade *out); /* "C", "c" */

/* What the first process and its mounts say; what could not be read is not known. */
struct posture_real {
	bool status_known;
	uint64_t bounding; /* capabilities */
	uint32_t uid, seccomp;
	bool no_new_privs;
	bool namespaces_known; /* and whether each is the host's */
	bool host_mnt, host_pid, host_net, host_ipc, host_uts, host_cgroup, host_user;
	bool mounts_known;
	bool kcore_masked;    /* something is mounted over /proc/kcore, or there is none */
	bool proc_sys_closed; /* /proc/sys, or all of /proc, is read-only */
	bool root_read_only;
	char label[128]; /* of the security module; "": none, or not known */
};

/* Of its cgroup, or of those above it. */
struct posture_limits {
	bool memory_known, cpu_known, pids_known;
	bool memory, cpu, pids; /* there is one */
};

struct posture_input {
	const struct metadata *meta;
	const struct posture_real *real; /* NULL: there was no process to look at */
	struct posture_limits limits;
	bool host_apparmor, host_selinux;    /* they run on this host */
	const struct config_list *sensitive; /* more paths; or NULL */
};

struct posture_finding {
	enum posture_id id;
	enum alert_severity severity;
	/* Seen at the process alone: the runtime's files do not say it. */
	bool real;
	char subject[POSTURE_SUBJECT_BYTES]; /* which capability, mount ...; "" */
	char what[224];
};

struct posture {
	enum posture_grade grade;
	struct posture_finding *findings; /* owned; the gravest first */
	size_t n, refused;
};

/* 0 and *out (posture_release), or -ENOMEM. What neither side knows is no finding. */
int posture_of(struct posture *out, const struct posture_input *in);
void posture_release(struct posture *p);
static inline void auto_posture_release(struct posture *p)
{
	posture_release(p);
}

/* What two containers of an image have in common: "sensitive-mount rw /etc". */
void posture_key(const struct posture_finding *f, char out[POSTURE_KEY_BYTES]);
/* A privileged container has it anyway: losing --privileged does not make it new. */
bool posture_in_privileged(enum posture_id id);

/* A list of objects, without its key; see http/posture.schema.json. */
void posture_json(struct buf *b, const struct posture *p);

/* posture_mounts.c: how grave it is that this path of the host is in a container. false: not at
 * all. subject is what is compared. */
struct posture_path {
	enum posture_id id; /* MOUNT, RUNTIME_SOCKET or DEVICE */
	enum alert_severity severity;
	char subject[POSTURE_SUBJECT_BYTES];
};
bool posture_path(const char *source, bool read_only, const struct config_list *more,
		  struct posture_path *out);
/* The same of a device: kind as of mknod ('b', 'c', '?'), numbers "1:1" or "-". */
enum alert_severity posture_device(char kind, struct span numbers, const char *path);

/* posture_read.c: of /proc/PID below proc; blocks on small files, for a worker. */
void posture_read(struct posture_real *out, const char *proc, int pid);
/* Pure parts of it. */
void posture_read_status(struct posture_real *out, struct span status);
void posture_read_mounts(struct posture_real *out, struct span mountinfo);

#endif
