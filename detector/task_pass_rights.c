// SPDX-License-Identifier: GPL-2.0-or-later
/* Rights of one process can only fall in one user namespace as long as it executes nothing, and
 * some of them never rise at all: that is compared from pass to pass, and needs no event. What may
 * have come about by several execs between two passes is not judged. */
#include "detector/task_pass_internal.h"

#define CAP_SETUID_BIT (1ULL << 7)

struct task_rights task_rights_of(const struct event_task *t)
{
	return (struct task_rights){
		.boot_ns = t->head.boot_ns,
		.exec_seq = t->head.exec_seq,
		.user_ns = t->ns.user,
		.permitted = t->caps.permitted | t->caps.effective,
		.bounding = t->caps.bounding,
		.uid = t->head.uid,
		.euid = t->head.euid,
		.suid = t->suid,
		.filters = t->seccomp_filters,
		.seccomp = t->seccomp,
		.no_new_privs = t->no_new_privs,
	};
}

static bool has_user(const struct task_rights *r, uint32_t uid)
{
	return r->uid == uid || r->euid == uid || r->suid == uid;
}

static uint8_t broken_filters(const struct task_rights *was, const struct task_rights *is)
{
	uint8_t broken = 0;

	if (was->no_new_privs && !is->no_new_privs)
		broken |= BREAK_NO_NEW_PRIVS;
	if (was->seccomp && !is->seccomp)
		broken |= BREAK_MODE;
	else if (is->filters < was->filters)
		broken |= BREAK_FILTERS;
	return broken;
}

uint8_t task_rights_broken(const struct task_rights *was, const struct task_rights *is,
			   bool flags_known, uint32_t exec_flags)
{
	uint8_t broken = broken_filters(was, is);
	const uint32_t execs = is->exec_seq - was->exec_seq;
	/* a program that gained something by its file, or may have */
	const bool may_gain =
		execs && !was->no_new_privs &&
		(execs > 1 || !flags_known || exec_flags & (EXEC_SETUID | EXEC_SECURE));

	if (was->user_ns != is->user_ns || !was->user_ns)
		return broken; /* in a new one of its own it has all, of that one */
	if (is->bounding & ~was->bounding)
		broken |= BREAK_BOUNDING;
	/* root has by an exec again what it had given away, without any sign */
	if (!may_gain && is->permitted & ~was->permitted &&
	    (!execs || (!has_user(was, 0) && !(was->permitted & CAP_SETUID_BIT))))
		broken |= BREAK_CAPABILITIES;
	if (!may_gain && !(was->permitted & CAP_SETUID_BIT) &&
	    (!has_user(was, is->uid) || !has_user(was, is->euid) || !has_user(was, is->suid)))
		broken |= BREAK_USER;
	return broken;
}

/* --- against the pass before ----------------------------------------------------------------- */

static void tell_credentials(struct task_pass *p, struct task_view *v)
{
	const struct task_memory *m = v->m;
	const uint8_t how = m->broken;
	struct finding *f = &p->finding;

	if (!(how & (BREAK_USER | BREAK_CAPABILITIES | BREAK_BOUNDING)))
		return;
	if (!task_tell_begin(p, v, INV_CREDENTIALS, how & BREAK_USER ? "user" : "capabilities",
			     how & BREAK_USER
				     ? "Container '%.120s': a process became another user without "
				       "a system call that allows it"
				     : "Container '%.120s': a process gained capabilities that no "
				       "system call gives",
			     container_name(v->c)))
		return;
	if (how & BREAK_USER) {
		finding_text(f, "user_before", "%u, effective %u, saved %u", m->before.uid,
			     m->before.euid, m->before.suid);
		finding_text(f, "user", "%u, effective %u, saved %u", v->t->head.uid,
			     v->t->head.euid, v->t->suid);
	}
	if (how & (BREAK_CAPABILITIES | BREAK_BOUNDING)) {
		task_fact_capabilities(f, "gained",
				       (m->last.permitted & ~m->before.permitted) |
					       (m->last.bounding & ~m->before.bounding));
		task_fact_capabilities(f, "had", m->before.permitted);
	}
	task_tell(p, v);
}

static void tell_filters(struct task_pass *p, struct task_view *v)
{
	const struct task_memory *m = v->m;
	struct finding *f = &p->finding;

	if (m->broken & (BREAK_MODE | BREAK_FILTERS) &&
	    task_tell_begin(p, v, INV_SECCOMP, "fell",
			    "Container '%.120s': a process lost filters of its system calls",
			    container_name(v->c))) {
		finding_number(f, "filters_before", m->before.filters);
		finding_number(f, "filters", v->t->seccomp_filters);
		finding_number(f, "mode_before", m->before.seccomp);
		finding_number(f, "mode", v->t->seccomp);
		task_tell(p, v);
	}
	if (m->broken & BREAK_NO_NEW_PRIVS &&
	    task_tell_begin(p, v, INV_SECCOMP, "no_new_privs",
			    "Container '%.120s': a process may gain rights again "
			    "(no_new_privs is gone)",
			    container_name(v->c))) {
		finding_number(f, "no_new_privs_before", 1);
		finding_number(f, "no_new_privs", 0);
		task_tell(p, v);
	}
}

/* As it was; of a new one as its parent was, before it was born and before this pass: a fork passes
 * on what the parent has then, which is at most what it had before. */
static const struct task_rights *rights_before(const struct task_pass *p, const struct task_view *v,
					       bool fresh)
{
	const struct task_memory *parent;
	const struct task_rights *was;

	if (!fresh)
		return &v->m->last;
	if (!v->p || !v->p->parent || v->p->parent->container_cgroup != v->p->container_cgroup)
		return NULL;
	parent = task_memory_find(&p->memories, v->p->parent->key);
	if (!parent || parent->threads_differ)
		return NULL;
	was = parent->pass == p->number ? &parent->prior : &parent->last;
	return was->user_ns && was->boot_ns < v->t->head.start_boot_ns ? was : NULL;
}

static void judge_mixed(struct task_pass *p, struct task_view *v)
{
	const struct task_answer *a;

	if (!(v->t->outside & TASK_CRED_MIXED)) {
		v->m->mixed = 0;
		return;
	}
	if (v->m->mixed < UINT8_MAX)
		v->m->mixed++;
	if (v->m->mixed < TASK_PASS_MIXED_LOOK) {
		p->again = true;
		return;
	}
	/* overlay file systems lend credentials for the length of a call: what is busy with files
	 * may be met so again and again, what waits for something else may not */
	a = task_answer(p, v, LOOK_CALL, 0);
	if (!a || a->verdict != TASK_BROKEN ||
	    !task_tell_begin(p, v, INV_CREDENTIALS, "mixed",
			     "Container '%.120s': a process acts with credentials that are not its "
			     "own",
			     container_name(v->c)))
		return;
	finding_fact(&p->finding, "waits_in", span_str(a->text));
	finding_number(&p->finding, "passes", v->m->mixed);
	task_tell(p, v);
}

/* Another thread than the leading one. */
static void note_thread(struct task_view *v)
{
	const struct task_rights is = task_rights_of(v->t), *leader = &v->m->last;

	if (is.permitted != leader->permitted || is.bounding != leader->bounding ||
	    is.user_ns != leader->user_ns || is.uid != leader->uid || is.euid != leader->euid ||
	    is.suid != leader->suid || is.filters != leader->filters ||
	    is.no_new_privs != leader->no_new_privs)
		v->m->threads_differ = true;
}

void task_judge_change(struct task_pass *p, struct task_view *v)
{
	if (v->t->head.tid != v->t->head.pid) {
		note_thread(v);
		return;
	}

	const struct task_rights now = task_rights_of(v->t);
	const bool fresh = v->m->last.user_ns == 0;
	const struct task_rights *was = rights_before(p, v, fresh);

	if (was) {
		/* who is root in a user namespace of its own is not known here */
		const bool known = v->p && v->p->exec_seq == now.exec_seq && v->p->text &&
				   v->p->exec_boot_ns && now.user_ns == p->host.user;
		const uint8_t broken =
			task_rights_broken(was, &now, known, known ? v->p->text->exec_flags : 0);

		if (broken & ~v->m->broken) {
			v->m->before = *was;
			v->m->broken |= broken;
		}
	}
	v->m->prior = v->m->last;
	v->m->last = now;
	if (v->m->broken) {
		tell_credentials(p, v);
		tell_filters(p, v);
	}
	judge_mixed(p, v);
}

/* --- against the start ----------------------------------------------------------------------- */

static void judge_capabilities(struct task_pass *p, struct task_view *v)
{
	const struct event_caps *has = &v->t->caps, *start = &v->start->caps;
	const uint64_t given = start->bounding | start->permitted | v->kept->agreed;
	const uint64_t beyond = (has->permitted | has->effective | has->bounding) & ~given;
	struct finding *f = &p->finding;

	if (!beyond || v->t->ns.user != v->start->ns.user || !v->start->ns.user ||
	    !task_confirmed(p, v, SUSPECT_CAPABILITIES))
		return;
	if (!task_tell_begin(p, v, INV_CAPABILITIES, "beyond-start",
			     "Container '%.120s': a process has capabilities that the container "
			     "was not given",
			     container_name(v->c)))
		return;
	if (v->p && v->p->injected)
		f->severity = ALERT_NOTICE;
	task_fact_capabilities(f, "beyond", beyond);
	task_fact_capabilities(f, "has", has->permitted | has->effective);
	task_fact_capabilities(f, "given", given);
	task_tell(p, v);
}

static void judge_seccomp(struct task_pass *p, struct task_view *v)
{
	struct finding *f = &p->finding;

	if (v->t->seccomp || !v->start->seccomp || v->kept->agreed_no_filter ||
	    !task_confirmed(p, v, SUSPECT_SECCOMP))
		return;
	if (!task_tell_begin(
		    p, v, INV_SECCOMP, "none",
		    "Container '%.120s': a process runs without the filter of system calls "
		    "that the container has",
		    container_name(v->c)))
		return;
	if (v->p && v->p->injected)
		f->severity = ALERT_NOTICE;
	finding_number(f, "mode", v->t->seccomp);
	finding_number(f, "mode_at_start", v->start->seccomp);
	task_tell(p, v);
}

/* Of what ran before the agent only the present is known: what it has then, it had. */
static void agree(struct task_pass *p, struct task_view *v)
{
	const struct metadata *m = v->c->meta;

	if (!task_was_before(v) || v->kept->met != p->number)
		return;
	if (!m || !m->details_known)
		v->kept->agreed |= v->t->ns.user == v->start->ns.user
					   ? v->t->caps.permitted | v->t->caps.effective |
						     v->t->caps.bounding
					   : 0;
	v->kept->agreed_no_filter |= v->t->seccomp == 0;
}

void task_judge_rights(struct task_pass *p, struct task_view *v)
{
	agree(p, v);
	judge_capabilities(p, v);
	judge_seccomp(p, v);
}
