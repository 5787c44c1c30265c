// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a task is: namespaces and cgroups, and what it holds of elsewhere. */
#include <stdio.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/event_names.h"
#include "detector/task_pass_internal.h"

#define MAX_ANCESTORS 32

/* --- young, or the runtime's ----------------------------------------------------------------- */

bool task_confirmed(struct task_pass *p, struct task_view *v, enum task_suspicion what)
{
	/* of one that no event named it is not known how it came here */
	if (v->age_ns >= (v->p ? TASK_PASS_YOUNG_NS : TASK_PASS_LATE_NS))
		return true;
	p->again = true;
	if (!v->m)
		return false;
	v->m->suspected_now |= (uint8_t)what;
	return v->m->suspected & what;
}

bool task_was_before(const struct task_view *v)
{
	return v->start->seeded && v->p && v->p->seeded;
}

/* What runs a program from outside is the runtime on its way in. One whose exec was lost may have
 * been in for long. */
static bool is_runtime(const struct task_pass *p, const struct task_view *v)
{
	const struct process *q = v->p;

	if (!q)
		return false;
	/* it ran before the agent, and nobody of the container started it: nspawn's own process,
	 * which stays outside in the container's cgroup */
	if (q->seeded && !q->born_inside && v->t->ns.mnt == p->host.mnt)
		return true;
	return !q->exec_inside && !(q->missed && v->age_ns >= TASK_PASS_LATE_NS);
}

/* --- namespaces ------------------------------------------------------------------------------ */

static const char *kind_name(unsigned kind)
{
	uint32_t flag;
	const char *name = event_namespace_name(kind, &flag);

	return name ? name : "";
}

/* Whose a namespace is that is not the container's own: another container that was started with it
 * (*whose), the host (NULL, true), or nobody's: made by the container itself, or by one that this
 * one does not know. */
static bool is_somebodys(const struct task_pass *p, const struct task_view *v, unsigned kind,
			 struct container **whose)
{
	const uint32_t is = isolation_namespace_of(&v->t->ns, (enum isolation_namespace)kind);
	struct container *const *list;
	size_t n;

	*whose = NULL;
	if (is == isolation_namespace_of(&p->host, (enum isolation_namespace)kind))
		return true;
	n = p->containers ? container_table_live(p->containers, &list) : 0;
	for (size_t i = 0; i < n; i++) {
		const struct isolation_start *s = isolation_start_of(p->s.starts, list[i]);

		if (list[i] == v->c || !s ||
		    isolation_namespace_of(&s->ns, (enum isolation_namespace)kind) != is)
			continue;
		*whose = list[i];
		return true;
	}
	return false;
}

/* Kinds in which the task is not where its container is; bits in the order of the kinds. */
static uint32_t kinds_changed(const struct task_view *v)
{
	uint32_t changed = 0;

	for (unsigned i = 0; i < NAMESPACE_COUNT; i++) {
		const uint32_t is = isolation_namespace_of(&v->t->ns, (enum isolation_namespace)i);
		const uint32_t was =
			isolation_namespace_of(&v->start->ns, (enum isolation_namespace)i);

		if (is && was && is != was)
			changed |= 1U << i;
	}
	return changed;
}

static void names_of(uint32_t kinds, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < NAMESPACE_COUNT; i++)
		if (kinds >> i & 1 && n < cap)
			n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "",
					      kind_name(i));
}

static void fact_namespaces(struct finding *f, const struct task_view *v, uint32_t kinds)
{
	for (unsigned i = 0; i < NAMESPACE_COUNT; i++) {
		static const char *const facts[NAMESPACE_COUNT] = {
			"mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time"
		};

		if (kinds >> i & 1)
			finding_text(
				f, facts[i], "%u, at the start %u",
				isolation_namespace_of(&v->t->ns, (enum isolation_namespace)i),
				isolation_namespace_of(&v->start->ns, (enum isolation_namespace)i));
	}
}

static void tell_namespaces(struct task_pass *p, struct task_view *v, uint32_t kinds,
			    const struct container *whose)
{
	const bool mounts = kinds & (1U << NAMESPACE_MNT) && !whose;
	struct finding *f = &p->finding;
	char names[64], key[128];

	names_of(kinds, names, sizeof(names));
	snprintf(key, sizeof(key), "%s of %.60s", names, whose ? whose->id.id : "host");
	if (mounts  ? !task_tell_begin(p, v, INV_HOST_MOUNTS, key,
				       "Container '%.120s': a process runs in the host's mounts",
				       container_name(v->c))
	    : whose ? !task_tell_begin(p, v, INV_NAMESPACES, key,
				       "Container '%.80s': a process is in namespaces of container "
				       "'%.80s' (%s)",
				       container_name(v->c), container_name(whose), names)
		    : !task_tell_begin(p, v, INV_NAMESPACES, key,
				       "Container '%.120s': a process is in namespaces of the host "
				       "(%s)",
				       container_name(v->c), names))
		return;
	if (v->p && v->p->injected)
		f->severity = ALERT_WARNING; /* who put it in may have left it there */
	finding_fact(f, "namespaces", span_str(names));
	finding_fact(f, "whose", whose ? span_str(container_name(whose)) : SPAN_LIT("host"));
	fact_namespaces(f, v, kinds);
	task_tell(p, v);
}

static void judge_namespaces(struct task_pass *p, struct task_view *v)
{
	uint32_t changed = kinds_changed(v), of_host = 0, of_other = 0;
	struct container *whose = NULL, *other = NULL;

	for (unsigned i = 0; changed && i < NAMESPACE_COUNT; i++) {
		if (!(changed >> i & 1) || !is_somebodys(p, v, i, &whose))
			continue;
		if (!whose) {
			of_host |= 1U << i;
		} else if (!other || other == whose) {
			other = whose;
			of_other |= 1U << i;
		}
	}
	if (!(of_host | of_other) || !task_confirmed(p, v, SUSPECT_NAMESPACE))
		return;
	if (of_host)
		tell_namespaces(p, v, of_host, NULL);
	if (!of_other)
		return;
	/* all that makes a container: it is one of that one's, in this one's cgroup */
	if (of_other & (1U << NAMESPACE_MNT) && of_other & (1U << NAMESPACE_PID)) {
		if (!task_tell_begin(p, v, INV_CGROUP, other->id.id,
				     "A process of container '%.80s' is counted to container "
				     "'%.80s'",
				     container_name(other), container_name(v->c)))
			return;
		finding_fact(&p->finding, "belongs_to", span_str(container_name(other)));
		task_tell(p, v);
		return;
	}
	tell_namespaces(p, v, of_other, other);
}

/* --- what it holds of elsewhere -------------------------------------------------------------- */

static void judge_outside(struct task_pass *p, struct task_view *v)
{
	const uint32_t where = v->t->outside &
			       (TASK_ROOT_OUTSIDE | TASK_CWD_OUTSIDE | TASK_FD_OUTSIDE);
	const struct task_answer *a;
	struct finding *f = &p->finding;
	bool descriptor;

	/* in mounts of its own making all that it had before is "outside" */
	if (!where || v->t->ns.mnt != v->start->ns.mnt || v->t->head.tid != v->t->head.pid ||
	    !task_confirmed(p, v, SUSPECT_OUTSIDE))
		return;
	a = task_answer(p, v, LOOK_OUTSIDE, where | (uint32_t)v->t->fd_outside << 8);
	if (!a || a->verdict != TASK_BROKEN)
		return;
	descriptor = strncmp(a->what, "fd/", 3) == 0;
	if (!task_tell_begin(
		    p, v, descriptor ? INV_DESCRIPTOR : INV_ROOT, descriptor ? "fd" : a->what,
		    descriptor ? "Container '%.120s': a process holds a file of the host's mounts "
				 "open"
		    : strcmp(a->what, "cwd") == 0
			    ? "Container '%.120s': the working directory of a process is in "
			      "the host's mounts"
			    : "Container '%.120s': the root of a process is in the host's "
			      "mounts",
		    container_name(v->c)))
		return;
	if (v->p && v->p->first)
		f->known_as = "CVE-2024-21626";
	finding_fact(f, "held_as", span_str(a->what));
	finding_fact(f, "path", span_str(a->text));
	task_tell(p, v);
}

static void judge_sockets(struct task_pass *p, struct task_view *v)
{
	const uint32_t n = v->t->host_net_sockets;

	if (!n || v->t->head.tid != v->t->head.pid || v->t->ns.net != v->start->ns.net ||
	    !v->start->ns.net || v->start->ns.net == p->host.net)
		return;
	/* sockets that the container was started with are passed on to all that it starts */
	if (v->kept->met == p->number &&
	    (task_was_before(v) || v->start->first.pid == v->t->head.pid))
		v->kept->agreed_sockets = true;
	if (v->kept->agreed_sockets || (v->p && v->p->injected) ||
	    !task_confirmed(p, v, SUSPECT_SOCKETS) ||
	    !task_tell_begin(p, v, INV_FOREIGN_SOCKETS, "host",
			     "Container '%.120s': a process holds sockets of the host's network",
			     container_name(v->c)))
		return;
	finding_number(&p->finding, "sockets", n);
	finding_number(&p->finding, "network", v->t->ns.net);
	finding_number(&p->finding, "network_of_host", p->host.net);
	task_tell(p, v);
}

/* --- labels ---------------------------------------------------------------------------------- */

static void judge_label(struct task_pass *p, struct task_view *v)
{
	const uint32_t exec = v->t->head.exec_seq + 1;
	const struct task_answer *a;

	if (!(p->apparmor || p->selinux) || !v->m || v->m->label_exec == exec ||
	    v->t->head.tid != v->t->head.pid || v->start->first.pid == v->t->head.pid ||
	    v->age_ns < TASK_PASS_YOUNG_NS)
		return;
	a = task_answer(p, v, LOOK_LABEL, 0);
	if (!a || a->verdict == TASK_WAITS || a->exec_seq + 1 != exec)
		return;
	if (a->verdict == TASK_FINE) {
		v->m->label_exec = exec;
		return;
	}
	if (!task_tell_begin(p, v, INV_LABEL, a->what,
			     "Container '%.120s': a process has another security label than its "
			     "container",
			     container_name(v->c)))
		return;
	if (v->p && v->p->injected)
		p->finding.severity = ALERT_NOTICE;
	finding_fact(&p->finding, "module", span_str(a->what));
	finding_fact(&p->finding, "label", span_str(a->text));
	task_tell(p, v);
}

/* --- a task of a container ------------------------------------------------------------------- */

void task_judge(struct task_pass *p, struct task_view *v)
{
	if (is_runtime(p, v))
		return;
	if (memcmp(&v->t->ns, &v->start->ns, sizeof(v->t->ns)) != 0)
		judge_namespaces(p, v);
	judge_outside(p, v);
	judge_sockets(p, v);
	judge_label(p, v);
	task_judge_rights(p, v);
	if (v->m)
		task_judge_change(p, v);
}

/* --- a task of the host: should it be in a container? ---------------------------------------- */

/* It was in a container itself, or somebody was who it comes from. What the host put into a
 * container's namespaces (nsenter) comes from the host. */
static bool came_from(const struct task_pass *p, const struct process *q, const struct container *c)
{
	for (unsigned i = 0; q && i < MAX_ANCESTORS; i++, q = q->parent) {
		if (q->left_container &&
		    (q->left_container == c->inode || q->left_container == c->unified_inode))
			return true;
		if (q->container_cgroup &&
		    (q->container_cgroup == c->inode || q->container_cgroup == c->unified_inode))
			return true;
		if (q->ns.pid == p->host.pid)
			return false;
	}
	return false;
}

void task_judge_host(struct task_pass *p, const struct event_task *t)
{
	struct task_view v = { .t = t };
	struct container *whose;

	if (!p->host.pid || !t->ns.pid || t->ns.pid == p->host.pid || !p->processes ||
	    !is_somebodys(p, &v, NAMESPACE_PID, &whose) || !whose)
		return;
	v.start = isolation_start_of(p->s.starts, whose);
	v.p = process_find(p->processes,
			   (struct process_key){ t->head.start_boot_ns, t->head.pid });
	/* a tree of processes that several containers share says nothing of whose one is */
	if (!v.start || !v.p || t->ns.mnt != v.start->ns.mnt || !came_from(p, v.p, whose) ||
	    t->head.boot_ns - t->head.start_boot_ns < TASK_PASS_YOUNG_NS)
		return;
	v.c = whose;
	if (!task_tell_begin(p, &v, INV_CGROUP, "host",
			     "A process of container '%.120s' has left the container's cgroup",
			     container_name(whose)))
		return;
	finding_number(&p->finding, "cgroup", t->head.cgroup_id);
	task_tell(p, &v);
}
