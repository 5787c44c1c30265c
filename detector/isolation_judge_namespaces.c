// SPDX-License-Identifier: GPL-2.0-or-later
/* I1, I2, I3, I22: who leaves the namespaces and cgroups of its container, and who makes new ones.
 *
 * Nested containers and sandboxes make namespaces of their own and join these: harmless, and no
 * more than a notice. What counts is whose the namespace is that somebody is in now: the host's, or
 * the one that another container started with. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "collector/event_names.h"
#include "detector/isolation_judge.h"

#define NEW_NAMESPACES                                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |              \
	 CLONE_NEWNET | 0x80 /* CLONE_NEWTIME */)

static const char *kind_name(unsigned which)
{
	uint32_t flag;

	return event_namespace_name(which, &flag);
}

static void names_of(uint64_t flags, char *out, size_t cap)
{
	uint32_t flag;
	const char *name;
	size_t at = 0;

	*out = '\0';
	for (unsigned i = 0; (name = event_namespace_name(i, &flag)); i++)
		if ((flags & flag) && at < cap)
			at += (size_t)snprintf(out + at, cap - at, "%s%s", at ? " " : "", name);
}

/* --- I1: in a namespace of somebody else ------------------------------------------------------ */

static bool is_hosts(const struct isolation_case *k, unsigned which, uint32_t inode)
{
	const enum isolation_namespace kind = (enum isolation_namespace)which;

	return inode && inode == isolation_namespace_of(&k->start->host, kind) &&
	       inode != isolation_namespace_of(&k->start->ns, kind);
}

static bool is_anothers(const struct isolation_case *k, unsigned which, uint32_t inode)
{
	const enum isolation_namespace kind = (enum isolation_namespace)which;

	return inode && inode != isolation_namespace_of(&k->start->ns, kind) &&
	       isolation_start_with(k->starts, kind, inode, k->of);
}

/* Those of `ns` (as a mask by kind) that are the host's, and another container's. */
static uint32_t foreign(const struct isolation_case *k, const struct event_namespaces *ns,
			uint32_t *others)
{
	uint32_t hosts = 0;

	*others = 0;
	for (unsigned i = 0; i < NAMESPACE_COUNT; i++) {
		const uint32_t inode = isolation_namespace_of(ns, (enum isolation_namespace)i);

		if (is_hosts(k, i, inode))
			hosts |= 1U << i;
		else if (is_anothers(k, i, inode))
			*others |= 1U << i;
	}
	return hosts;
}

static void put_kinds(uint32_t kinds, char *out, size_t cap)
{
	size_t at = 0;

	*out = '\0';
	for (unsigned i = 0; i < NAMESPACE_COUNT; i++)
		if ((kinds & 1U << i) && at < cap)
			at += (size_t)snprintf(out + at, cap - at, "%s%s", at ? " " : "",
					       kind_name(i));
}

static void put_inodes(struct isolation_case *k, const struct event_namespaces *now, uint32_t kinds)
{
	for (unsigned i = 0; i < NAMESPACE_COUNT; i++) {
		const enum isolation_namespace kind = (enum isolation_namespace)i;

		if (kinds & 1U << i)
			finding_text(&k->found, "namespace", "%s: is %u, was %u at the start",
				     kind_name(i), isolation_namespace_of(now, kind),
				     isolation_namespace_of(&k->start->ns, kind));
	}
}

static void tell_joined(struct isolation_case *k, const struct event_namespaces *now,
			uint32_t kinds, bool hosts)
{
	char text[64];

	put_kinds(kinds, text, sizeof(text));
	finding_begin(&k->found, INV_NAMESPACES, FINDING_SUCCEEDED,
		      "Container '%.100s' entered namespaces of %s: %s", isolation_name(k),
		      hosts ? "the host" : "another container", text);
	finding_key(&k->found, "%s %s", hosts ? "host" : "other", text);
	k->found.known_as = hosts ? "nsenter" : NULL;
	put_inodes(k, now, kinds);
	isolation_tell(k);
}

static void judge_joined(struct isolation_case *k, const struct event_namespaces *now)
{
	uint32_t others, hosts = foreign(k, now, &others);

	if (hosts)
		tell_joined(k, now, hosts, true);
	if (others)
		tell_joined(k, now, others, false);
}

/* A descriptor of namespaces names one by its inode; one of a process names it. */
static void judge_refused_setns(struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const uint32_t inode = (uint32_t)c->file.inode;
	bool aimed = false, sure = c->target_pid || (c->file.flags & FILE_KNOWN);

	if (!isolation_refused(k))
		return;
	for (unsigned i = 0; i < NAMESPACE_COUNT; i++)
		aimed |= is_hosts(k, i, inode) || is_anothers(k, i, inode);
	if (c->target_pid)
		aimed |= isolation_is_outside(
			k, k->processes ? process_find_pid(k->processes, c->target_pid) : NULL);
	finding_begin(&k->found, INV_NAMESPACES, FINDING_ATTEMPTED,
		      "Container '%.100s' tried to enter other namespaces", isolation_name(k));
	k->found.severity = aimed ? ALERT_ERROR : sure ? ALERT_NOTICE : ALERT_WARNING;
	k->found.known_as = aimed ? "nsenter" : NULL;
	finding_key(&k->found, "setns refused %d", aimed);
	finding_number(&k->found, "namespace", inode);
	isolation_result(k);
	isolation_tell(k);
}

/* --- I22: user namespaces -------------------------------------------------------------------- */

static void remember_users(struct isolation_case *k, uint32_t user_ns)
{
	struct isolation_memory *m = k->memory;

	if (!m || !user_ns)
		return;
	m->makers[m->makers_next % ISOLATION_MAKERS].user_ns = user_ns;
	m->makers[m->makers_next++ % ISOLATION_MAKERS].boot_ns = k->v->head->boot_ns;
}

static void tell_made(struct isolation_case *k, uint64_t flags)
{
	const bool users = flags & CLONE_NEWUSER;
	char text[64];

	names_of(flags, text, sizeof(text));
	finding_begin(&k->found, users ? INV_USER_NAMESPACES : INV_NAMESPACES, isolation_stage(k),
		      "Container '%.100s' %s new namespaces: %s", isolation_name(k),
		      k->v->head->result >= 0 ? "made" : "tried to make", text);
	/* sandboxes and nested containers do it all day */
	k->found.severity = k->v->head->result >= 0 ? ALERT_NOTICE : ALERT_INFO;
	finding_key(&k->found, "made %s", text);
	finding_fact(&k->found, "namespaces", span_str(text));
	isolation_result(k);
	isolation_tell(k);
}

static void judge_unshare(struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const uint64_t flags = c->args[0] & (NEW_NAMESPACES | CLONE_NEWUSER);

	if (!flags || (k->v->head->result < 0 && !isolation_refused(k)))
		return;
	if (k->v->head->result >= 0 && (flags & CLONE_NEWUSER))
		remember_users(k, c->ns.user);
	tell_made(k, flags);
}

static void judge_fork(struct isolation_case *k)
{
	const struct event_fork *f = k->v->fork;
	uint32_t others, hosts;

	if (!f->namespace_flags || (f->flags & EVENT_THREAD))
		return;
	hosts = foreign(k, &f->ns, &others);
	if (hosts || others) {
		/* its parent joined them for its children: told of it unless that was not seen */
		judge_joined(k, &f->ns);
		return;
	}
	if (f->namespace_flags & CLONE_NEWUSER)
		remember_users(k, f->ns.user);
	tell_made(k, f->namespace_flags);
}

/* --- I3 --------------------------------------------------------------------------------------- */

static void judge_exec_mounts(struct isolation_case *k)
{
	const uint32_t mnt = k->v->exec->ns.mnt;

	if (!is_hosts(k, NAMESPACE_MNT, mnt))
		return;
	finding_begin(&k->found, INV_HOST_MOUNTS, FINDING_SUCCEEDED,
		      "Container '%.100s' executed a program in the host's mount tree",
		      isolation_name(k));
	k->found.known_as = "nsenter";
	finding_key(&k->found, "%.*s", EVENT_COMM_BYTES, k->v->head->comm);
	finding_fact(&k->found, "program", k->v->strings[TAG_PATH]);
	finding_text(&k->found, "namespace", "mnt: is %u (the host's), was %u at the start", mnt,
		     k->start->ns.mnt);
	isolation_tell(k);
}

/* --- I2 --------------------------------------------------------------------------------------- */

/* In the tree of v2 beside v1 a container without a place of its own has no wall. */
static bool has_place(const struct isolation_case *k)
{
	return k->v->call->args[1] != EVENT_CGROUP_V2 || k->v->head->hierarchy == EVENT_CGROUP_V2 ||
	       k->of->unified_inode;
}

static void judge_attach(struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const uint64_t to = c->target_container;
	const struct container *other;

	if (k->v->head->result < 0 || !has_place(k))
		return;
	other = to ? isolation_container(k, to) : NULL;
	if (to &&
	    (k->of->inode == to || k->of->unified_inode == to || isolation_is_within(other, k->of)))
		return;
	finding_begin(&k->found, INV_CGROUP, FINDING_SUCCEEDED,
		      "Container '%.100s' moved a process into cgroups of %s", isolation_name(k),
		      to ? "another container" : "the host");
	finding_key(&k->found, "%llu", (unsigned long long)to);
	finding_fact(&k->found, "cgroup", k->v->strings[TAG_NAME]);
	finding_number(&k->found, "moved_pid", c->target_pid);
	if (other)
		finding_fact(&k->found, "to_container", span_str(container_name(other)));
	isolation_tell(k);
}

void judge_namespaces(struct isolation_case *k)
{
	const enum event_type type = (enum event_type)k->v->head->type;

	if (type == EVENT_CGROUP_ATTACH) {
		judge_attach(k);
		return;
	}
	if (!k->start) {
		/* what is new is so whatever it began with */
		if (type == EVENT_UNSHARE)
			judge_unshare(k);
		return;
	}
	if (type == EVENT_UNSHARE)
		judge_unshare(k);
	else if (type == EVENT_FORK)
		judge_fork(k);
	else if (type == EVENT_SETNS && k->v->head->result < 0)
		judge_refused_setns(k);
	else if (type == EVENT_SETNS)
		judge_joined(k, &k->v->call->ns);
	else if (type == EVENT_EXEC)
		judge_exec_mounts(k);
}
