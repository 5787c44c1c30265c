// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/prctl.h>
#include <string.h>

#include "collector/process_internal.h"

static bool is_newer_exec(uint32_t seq, const struct process *p)
{
	return (int32_t)(seq - p->exec_seq) > 0; /* the kernel's counter is wider and may wrap */
}

static void own_exec(struct process *p, uint32_t seq, uint64_t boot_ns)
{
	p->exec_seq = seq;
	p->exec_owner = p->key;
	p->exec_boot_ns = boot_ns;
}

/* An event of a process that nobody spoke of: what its head and its parent's entry tell. */
static struct process *make_up(struct process_table *t, struct process *p,
			       const struct event_head *h)
{
	struct process_key key = { h->start_boot_ns, h->pid };
	struct process *parent =
		process_find(t, (struct process_key){ h->parent_start_boot_ns, h->ppid });
	bool forked;

	process_hold(parent);
	if (!p)
		p = process_add(t, key);
	process_let_go(t, parent);
	if (!p)
		return NULL;
	if (parent != p)
		process_set_parent(p, parent);
	p->missed = true;
	p->placeholder = false;
	t->missed++;
	forked = p->parent && !p->parent->placeholder && p->parent->exec_seq == h->exec_seq;
	if (forked) {
		process_inherit(p, p->parent);
		process_share_text(t, p, p->parent);
	} else {
		own_exec(p, h->exec_seq, 0);
	}
	process_take_identity(p, h);
	process_place(t, p, h->cgroup_id, h->container_cgroup);
	p->first = h->ns_pid == 1;
	p->born_inside = p->container_cgroup && p->parent &&
			 p->parent->container_cgroup == p->container_cgroup;
	p->injected = p->born_inside && p->parent->injected;
	return p;
}

/* What the head says of its process. Other threads may have names and credentials of their own. */
static void take_head(struct process_table *t, struct process *p, const struct event_head *h)
{
	if (h->type != EVENT_EXEC && is_newer_exec(h->exec_seq, p)) {
		own_exec(p, h->exec_seq, h->boot_ns);
		process_drop_text(t, p);
		p->missed = true;
		t->missed++;
	}
	if (h->boot_ns < p->as_of_boot_ns || p->ended)
		return;
	p->as_of_boot_ns = h->boot_ns;
	if (h->tid != h->pid && h->type != EVENT_EXEC)
		return;
	process_take_identity(p, h);
	if (p->cgroup_id != h->cgroup_id || p->container_cgroup != h->container_cgroup)
		process_move(t, p, h->cgroup_id, h->container_cgroup);
}

/* --- by type -----------------------------------------------------------------------------------
 */

static void apply_fork(struct process_table *t, struct process *p, const struct event_view *v)
{
	const struct event_fork *f = v->fork;
	struct process_key key = { f->start_boot_ns, f->pid };
	struct process *child = process_find(t, key);

	if ((v->head->flags | f->flags) & EVENT_THREAD || f->pid == 0)
		return;
	if (child && !child->placeholder) { /* seeded before this event was read */
		process_set_parent(child, p);
		return;
	}
	if (!child)
		child = process_add(t, key);
	if (!child)
		return;
	child->placeholder = child->missed = false;
	process_set_parent(child, p);
	process_inherit(child, p);
	process_share_text(t, child, p);
	child->as_of_boot_ns = v->head->boot_ns;
	child->exec_seq = f->exec_seq;
	child->ns_pid = f->ns_pid;
	process_take_namespaces(child, &f->ns);
	child->pid_ns = f->ns.pid ? f->ns.pid : p->pid_ns;
	process_place(t, child, f->cgroup_id, f->container_cgroup);
	process_judge_fork(t, child, p);
}

static struct process_text exec_text(const struct event_view *v)
{
	const uint32_t cut = v->string_flags[TAG_ARGS] & STRING_CUT;

	return (struct process_text){
		.exe = v->strings[TAG_PATH],
		.args = v->strings[TAG_ARGS],
		.cwd = v->strings[TAG_CWD],
		.filename = v->strings[TAG_FILENAME],
		.interp = v->strings[TAG_INTERP],
		.args_bytes = v->exec->args_bytes,
		.exec_flags = v->exec->flags,
		.args_cut = (v->exec->flags & EXEC_ARGS_CUT) || cut,
	};
}

/* A runtime may execute itself once more when it is in the container's cgroup already: then it has
 * still the mounts of who started it, outside. */
static bool is_inside(const struct process *p, const struct event_view *v)
{
	const struct process *up = p->parent;

	if (!v->head->container_cgroup && !(v->head->flags & EVENT_PENDING))
		return false;
	/* a cgroup that nobody knows yet has no container of its own: its parent's is none, too */
	if (up && up->container_cgroup == p->container_cgroup &&
	    (p->container_cgroup || up->cgroup_id == p->cgroup_id))
		return true;
	/* not the mounts that the other has now: runc makes the container's in a process which is
	 * counted to no container, and whose child becomes the container's program */
	return !up || !up->exec_mnt || up->exec_mnt != v->exec->ns.mnt;
}

static void apply_exec(struct process_table *t, struct process *p, const struct event_view *v)
{
	const struct event_head *h = v->head;
	const struct event_exec *x = v->exec;
	const struct process_text text = exec_text(v);

	/* the seed may have seen the next exec of it already */
	if (h->result < 0 || (int32_t)(h->exec_seq - p->exec_seq) < 0)
		return;
	own_exec(p, h->exec_seq, h->boot_ns);
	process_set_text(t, p, &text);
	p->exe_file = x->file;
	p->exec_mnt = x->ns.mnt;
	p->exec_inside = is_inside(p, v);
	p->kernel_thread = false;
	p->missed = p->missed && !p->parent;
	process_judge_exec(t, p, v);
	if (h->boot_ns < p->as_of_boot_ns)
		return;
	p->caps = x->caps;
	p->seccomp = x->seccomp;
	p->no_new_privs = x->no_new_privs;
	p->suid = x->suid;
	process_take_namespaces(p, &x->ns);
}

static void apply_exit(struct process_table *t, struct process *p, const struct event_view *v)
{
	process_end(t, p, v->exit->status, v->head->boot_ns);
}

static void apply_cgroup_attach(struct process_table *t, struct process *p,
				const struct event_view *v)
{
	const struct event_call *c = v->call;
	struct process *target =
		process_find(t, (struct process_key){ c->target_start_boot_ns, c->target_pid });

	(void)p; /* who moved it */
	if (v->head->result >= 0 && target && v->head->boot_ns >= target->as_of_boot_ns &&
	    !target->placeholder) {
		target->as_of_boot_ns = v->head->boot_ns;
		process_move(t, target, c->target_cgroup, c->target_container);
	}
}

/* A call that changed its own thread: the leader's are the process's. */
static bool changed(const struct process *p, const struct event_view *v)
{
	return v->head->result >= 0 && v->head->tid == v->head->pid &&
	       v->head->boot_ns >= p->as_of_boot_ns;
}

static void apply_namespaces(struct process_table *t, struct process *p, const struct event_view *v)
{
	(void)t;
	if (changed(p, v))
		process_take_namespaces(p, &v->call->ns);
}

static void apply_capset(struct process_table *t, struct process *p, const struct event_view *v)
{
	(void)t;
	if (changed(p, v))
		p->caps = v->call->caps;
}

/* The saved id is in no head: from what the call does to it. Numbers in the arguments are of the
 * process's user namespace, so they are compared with one another alone. */
static void apply_setuid(struct process_table *t, struct process *p, const struct event_view *v)
{
	const struct event_call *c = v->call;

	(void)t;
	if (!changed(p, v))
		return;
	p->caps = c->caps;
	switch (c->op) {
	case SETUID_UID: /* with the right to: all three; without it uid stays another */
		if (v->head->uid == v->head->euid)
			p->suid = v->head->euid;
		break;
	case SETUID_REUID:
		p->suid = v->head->euid;
		break;
	case SETUID_RESUID:
		if (c->args[2] == c->args[1])
			p->suid = v->head->euid;
		else if (c->args[2] == c->args[0])
			p->suid = v->head->uid;
		break;
	}
}

static void apply_prctl(struct process_table *t, struct process *p, const struct event_view *v)
{
	const struct event_call *c = v->call;

	(void)t;
	if (!changed(p, v))
		return;
	if (c->op == PR_SET_NO_NEW_PRIVS)
		p->no_new_privs = 1;
	else if (c->op == PR_SET_SECCOMP)
		p->seccomp = (uint32_t)c->args[1];
	else if (c->op == PR_CAPBSET_DROP && c->args[1] < 64)
		p->caps.bounding &= ~(1ULL << c->args[1]);
}

typedef void (*handler)(struct process_table *t, struct process *p, const struct event_view *v);

static const handler handlers[EVENT_TYPE_COUNT] = {
	[EVENT_FORK] = apply_fork,	  [EVENT_EXEC] = apply_exec,
	[EVENT_EXIT] = apply_exit,	  [EVENT_CGROUP_ATTACH] = apply_cgroup_attach,
	[EVENT_SETNS] = apply_namespaces, [EVENT_UNSHARE] = apply_namespaces,
	[EVENT_CAPSET] = apply_capset,	  [EVENT_SETUID] = apply_setuid,
	[EVENT_PRCTL] = apply_prctl,
};

struct process *process_apply(struct process_table *t, const struct event_view *v)
{
	const struct event_head *h = v->head;
	struct process *p;

	if (h->pid == 0 || h->type >= EVENT_TYPE_COUNT)
		return NULL;
	p = process_find(t, (struct process_key){ h->start_boot_ns, h->pid });
	if (h->flags & EVENT_NO_TASK)
		return p; /* whose it is, but the rest of the head is of whoever ran then */
	if (!p || p->placeholder)
		p = make_up(t, p, h);
	if (!p)
		return NULL;
	process_hold(p); /* making room for another must not take this one */
	take_head(t, p, h);
	if (handlers[h->type])
		handlers[h->type](t, p, v);
	process_let_go(t, p);
	return p;
}
