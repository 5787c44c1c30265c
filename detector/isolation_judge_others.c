// SPDX-License-Identifier: GPL-2.0-or-later
/* I16, I19, I21, I29: whom a container speaks to, and whose processes and files it reaches around
 * its walls. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/event_names.h"
#include "detector/isolation_judge.h"

#define NETLINK_NETFILTER 12
#define MAGIC_OVERLAY	  0x794c7630
#define MAGIC_PROC	  0x9fa0
#define MAGIC_SYSFS	  0x62656572
#define MAGIC_CGROUP	  0x27e0eb
#define MAGIC_CGROUP2	  0x63677270
#define MAGIC_NSFS	  0x6e736673
#define MAGIC_PIDFS	  0x50494446
#define MAGIC_TMPFS	  0x01021994

/* --- I16 -------------------------------------------------------------------------------------- */

static bool is_runtimes_name(struct span name, const char **known_as)
{
	static const char *const names[] = {
		"docker.sock",	   "containerd.sock",  "containerd.sock.ttrpc",
		"crio.sock",	   "podman.sock",      "buildkitd.sock",
		"kubelet.sock",	   "cri-dockerd.sock", "dockershim.sock",
		"docker.sock.raw", "lxd.socket",       "incus.sock",
		"unix.socket"
	};
	const struct span last = isolation_last(name);

	*known_as = "docker.sock";
	if (name.n > 1 && name.p[0] == '\0') {
		const struct span rest = { name.p + 1, name.n - 1 };

		*known_as = "CVE-2020-15257";
		return span_starts(rest, "/containerd-shim/") ||
		       span_starts(rest, "containerd-shim");
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq(last, names[i]))
			return true;
	return isolation_below(name, "/run/containerd/s") ||
	       isolation_below(name, "/var/run/containerd/s");
}

static void tell_socket(struct isolation_case *k, struct span name, const struct process *owner,
			const char *known_as)
{
	finding_begin(&k->found, INV_RUNTIME_SOCKETS, isolation_stage(k),
		      "Container '%.100s' %s to a container runtime", isolation_name(k),
		      k->v->head->result >= 0 ? "speaks" : "tried to speak");
	k->found.known_as = known_as;
	if (k->v->head->result < 0)
		k->found.severity = ALERT_WARNING;
	/* without its leading NUL: a key is a text */
	if (name.n && name.p[0] == '\0')
		name = (struct span){ name.p + 1, name.n - 1 };
	finding_key(&k->found, "%.*s", (int)(name.n < 100 ? name.n : 100), name.n ? name.p : "");
	finding_fact(&k->found, "socket", name);
	if (owner) {
		finding_fact(&k->found, "listener", span_str(process_comm(owner)));
		finding_number(&k->found, "listener_pid", owner->key.pid);
	}
	isolation_result(k);
	isolation_tell(k);
}

static void judge_unix(struct isolation_case *k)
{
	const struct event_network *n = k->v->network;
	const struct span name = k->v->strings[TAG_UNIX_REMOTE];
	const struct process *owner =
		n->owner_pid && k->processes ? process_find_pid(k->processes, n->owner_pid) : NULL;
	const bool done = k->v->head->result >= 0;
	const char *known_as;

	if (k->host && n->owner_pid && n->owner_pid == k->host->own_pid && done) {
		finding_begin(&k->found, INV_AGENT, FINDING_SUCCEEDED,
			      "Container '%.100s' connected to bulkhead's own socket",
			      isolation_name(k));
		finding_key(&k->found, "socket");
		finding_fact(&k->found, "socket", name);
		isolation_tell(k);
		return;
	}
	if (!name.n || !is_runtimes_name(name, &known_as) || (!done && !isolation_refused(k)))
		return;
	/* its own runtime within it is none of ours; whose it is that is not known is told by name
	 * only where that could not be a container's */
	if (done && n->owner_pid && (!owner || !isolation_is_outside(k, owner)))
		return;
	if (done && !n->owner_pid && !span_starts(name, "/run/") && !span_starts(name, "/var/run/"))
		return;
	tell_socket(k, name, owner, known_as);
}

static bool is_gateway(const struct isolation_case *k, const struct event_network *n)
{
	return k->host && isolation_host_has_address(k->host, n->family, n->remote);
}

static void judge_port(struct isolation_case *k)
{
	const struct event_network *n = k->v->network;
	const uint16_t port = ntohs(n->remote_port);
	char address[INET6_ADDRSTRLEN] = "";

	if ((port != 2375 && port != 2376) || n->type != SOCK_STREAM || !is_gateway(k, n))
		return;
	inet_ntop(n->family, n->remote, address, sizeof(address));
	finding_begin(&k->found, INV_RUNTIME_SOCKETS, FINDING_ATTEMPTED,
		      "Container '%.100s' connects to the host's port of docker (%u)",
		      isolation_name(k), port);
	k->found.known_as = "docker.sock";
	finding_key(&k->found, "%s:%u", address, port);
	finding_text(&k->found, "address", "%s:%u", address, port);
	isolation_result(k);
	isolation_tell(k);
}

void judge_connect(struct isolation_case *k)
{
	const struct event_network *n = k->v->network;

	if (n->family == AF_UNIX)
		judge_unix(k);
	else if (n->family == AF_INET || n->family == AF_INET6)
		judge_port(k);
}

/* Rights in a fresh user namespace are good for one thing above all: parts of the kernel that were
 * root's alone, and are not as well tested. */
void judge_socket(struct isolation_case *k)
{
	const struct event_network *n = k->v->network;

	if (n->family != AF_NETLINK || n->protocol != NETLINK_NETFILTER || k->v->head->result < 0 ||
	    !isolation_in_own_users(k) || !isolation_made_users(k))
		return;
	finding_begin(
		&k->found, INV_USER_NAMESPACES, FINDING_SUCCEEDED,
		"Container '%.100s' reaches netfilter from a user namespace that it just made",
		isolation_name(k));
	k->found.severity = ALERT_WARNING;
	finding_key(&k->found, "netfilter");
	isolation_tell(k);
}

/* --- I19, I29 --------------------------------------------------------------------------------- */

static bool is_bulkheads(const struct isolation_case *k, const struct process *p)
{
	const uint32_t own = k->host ? k->host->own_pid : 0;

	return own && p &&
	       (p->key.pid == own ||
		(p->parent && p->parent->key.pid == own && p->container_cgroup == 0));
}

/* A pid namespace that was given to several containers (of a pod): who shares it was meant to see
 * the others. */
static bool shares_pids(const struct isolation_case *k, const struct process *p)
{
	return k->start && p && p->container_cgroup && p->pid_ns && p->pid_ns == k->start->ns.pid &&
	       !(k->start->shares & SHARES_PID);
}

static void put_target(struct isolation_case *k, const struct process *target, uint32_t pid)
{
	finding_number(&k->found, "target_pid", target ? target->key.pid : pid);
	if (!target)
		return;
	finding_fact(&k->found, "target", span_str(process_comm(target)));
	if (target->container_cgroup) {
		const struct container *c = isolation_container(k, target->container_cgroup);

		if (c)
			finding_fact(&k->found, "target_container", span_str(container_name(c)));
	}
}

static void tell_process(struct isolation_case *k, const struct process *target, uint32_t pid,
			 const char *did, const char *tried)
{
	const bool own = is_bulkheads(k, target), done = k->v->head->result >= 0;

	finding_begin(&k->found, own ? INV_AGENT : INV_OTHER_PROCESSES, isolation_stage(k),
		      "Container '%.100s' %s %s", isolation_name(k), done ? did : tried,
		      own ? "bulkhead itself" : "a process outside of it");
	if (!own && shares_pids(k, target))
		k->found.severity = ALERT_NOTICE;
	finding_key(&k->found, "%s %u", did, target ? target->key.pid : pid);
	put_target(k, target, pid);
	isolation_result(k);
	isolation_tell(k);
}

static const struct process *target_of(const struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const struct process *p = k->processes && c->target_pid
					  ? process_find_pid(k->processes, c->target_pid)
					  : NULL;

	return p;
}

void judge_other_process(struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const struct process *target = target_of(k);
	const enum event_type type = (enum event_type)k->v->head->type;

	if (!c->target_pid || !isolation_is_outside(k, target) ||
	    (k->v->head->result < 0 && !isolation_refused(k)))
		return;
	if (type == EVENT_KILL) {
		/* a signal may be meant for who shares its processes: only bulkhead's own */
		if (is_bulkheads(k, target) && c->args[1])
			tell_process(k, target, c->target_pid, "sent a signal to",
				     "tried to send a signal to");
		return;
	}
	if (type == EVENT_PTRACE)
		tell_process(k, target, c->target_pid, "traces", "tried to trace");
	else if (type == EVENT_PIDFD_GETFD)
		tell_process(k, target, c->target_pid, "took an open file of",
			     "tried to take an open file of");
	else
		tell_process(k, target, c->target_pid, "reached into the memory of",
			     "tried to reach into the memory of");
}

/* /proc/PID/mem, /proc/PID/root/...: of processes that its own numbers name. */
void judge_process_file(struct isolation_case *k, struct span path)
{
	const struct span raw = k->v->strings[TAG_RAW].n ? k->v->strings[TAG_RAW] : path;
	const struct process *target;
	struct span rest;
	uint32_t pid;

	if (!isolation_proc_path(raw, &pid, &rest) || !pid)
		return;
	const bool memory = span_eq(rest, "mem");
	const bool around = span_starts(rest, "root/") || span_starts(rest, "cwd/") ||
			    span_starts(rest, "fd/");

	if ((!memory && !around) || (memory && !k->v->open->access))
		return;
	target = isolation_named(k, pid);
	if (!isolation_is_outside(k, target))
		return;
	if (memory) {
		tell_process(k, target, pid, "opened the memory of", "tried to open the memory of");
		return;
	}
	finding_begin(&k->found, INV_DESCRIPTOR, isolation_stage(k),
		      "Container '%.100s' %s a file through a process outside of it",
		      isolation_name(k), k->v->head->result >= 0 ? "opened" : "tried to open");
	if (shares_pids(k, target))
		k->found.severity = ALERT_NOTICE;
	finding_key(&k->found, "through %.*s", (int)(rest.n < 100 ? rest.n : 100), rest.p);
	finding_fact(&k->found, "path", raw);
	put_target(k, target, pid);
	isolation_result(k);
	isolation_tell(k);
}

/* --- I21 -------------------------------------------------------------------------------------- */

static bool is_by_handle(const struct event_head *h)
{
	return h->flags & EVENT_COMPAT ? h->syscall == 342 : (h->syscall & ~0x40000000) == 304;
}

/* Handles of processes, namespaces and cgroups are how init systems name these. */
static bool is_kernels_own(uint32_t magic)
{
	return magic == MAGIC_CGROUP || magic == MAGIC_CGROUP2 || magic == MAGIC_NSFS ||
	       magic == MAGIC_PIDFS || magic == MAGIC_PROC || magic == MAGIC_SYSFS;
}

void judge_handle(struct isolation_case *k, struct span path)
{
	const struct event_open *o = k->v->open;
	const bool done = k->v->head->result >= 0;

	if (!is_by_handle(k->v->head) || (!done && !isolation_refused(k)) ||
	    (done && is_kernels_own(o->file.fs_magic)))
		return;
	finding_begin(&k->found, INV_HANDLES, isolation_stage(k),
		      "Container '%.100s' %s a file by its handle, around its walls",
		      isolation_name(k), done ? "opened" : "tried to open");
	k->found.known_as = "shocker";
	finding_key(&k->found, "handle");
	if (path.n)
		finding_fact(&k->found, "path", path);
	if (done)
		finding_text(&k->found, "device", "%u:%u", o->file.device >> 20,
			     o->file.device & 0xfffff);
	isolation_result(k);
	isolation_tell(k);
}
