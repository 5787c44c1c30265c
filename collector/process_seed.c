// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "collector/base/clock.h"
#include "collector/process_internal.h"

#define RUNTIME_NS (10 * NS_PER_S) /* a runtime is at work so long at most */

/* The parent's record may come after its child's: until then its place is kept, so that a parent
 * is always older in the table. */
static struct process *find_parent(struct process_table *t, const struct event_task *task)
{
	struct process_key key = { task->real_parent_start_boot_ns, task->head.ppid };
	struct process *p;

	if (key.start_boot_ns == 0)
		key.start_boot_ns = task->head.parent_start_boot_ns;
	if (key.pid == 0 || key.start_boot_ns == 0 || key.pid == task->head.pid)
		return NULL;
	p = process_find(t, key);
	if (p)
		return p;
	p = process_add(t, key);
	if (p)
		p->placeholder = p->missed = true;
	return p;
}

static void take_text(struct process_table *t, struct process *p, const struct process_seed *s)
{
	const struct process_text text = {
		.exe = s->exe,
		.args = s->args,
		.cwd = s->cwd,
		.args_bytes = s->args_bytes ? s->args_bytes : (uint32_t)s->args.n,
		.args_cut = s->args_cut,
	};

	if (s->exe.n || s->args.n || s->cwd.n)
		process_set_text(t, p, &text);
}

static void take_task(struct process_table *t, struct process *p, const struct event_task *task)
{
	const struct event_head *h = &task->head;

	p->as_of_boot_ns = h->boot_ns;
	process_take_identity(p, h);
	process_take_namespaces(p, &task->ns);
	p->caps = task->caps;
	p->seccomp = task->seccomp;
	p->no_new_privs = task->no_new_privs;
	p->suid = task->suid;
	p->kernel_thread = task->kernel_thread != 0;
	if (p->cgroup_id != h->cgroup_id || p->container_cgroup != h->container_cgroup)
		process_move(t, p, h->cgroup_id, h->container_cgroup);
}

static bool is_same_file(const struct event_file *a, const struct event_file *b)
{
	return (a->flags & b->flags & FILE_KNOWN) && a->inode == b->inode && a->device == b->device;
}

/* A runtime on its way into a container that starts just now: it is there already, and is still its
 * parent's program outside, or for a moment a copy of that: in memory, or on a mount that hangs
 * nowhere, whose parent may have gone. */
static bool is_runtimes(const struct process *p, const struct process_seed *s)
{
	const struct process *up = p->parent;
	const struct event_task *task = s->task;

	if (!up || up->placeholder || up->container_cgroup == p->container_cgroup)
		return false;
	if ((task->exe.flags & FILE_MEMORY) || span_eq(s->exe, "/"))
		return task->head.boot_ns - p->key.start_boot_ns < RUNTIME_NS;
	return is_same_file(&task->exe, &up->exe_file);
}

static void take_exec(struct process_table *t, struct process *p, const struct process_seed *s)
{
	p->exec_seq = s->task->head.exec_seq;
	p->exec_owner = p->key;
	p->exec_boot_ns = 0; /* when is not known */
	p->exe_file = s->task->exe;
	p->exec_mnt = s->task->ns.mnt;
	p->exec_inside = !is_runtimes(p, s); /* else what runs by now has begun */
	process_drop_text(t, p);
	take_text(t, p, s);
}

/* Known already: the table knows better what happened, the record what is now. */
static void refresh(struct process_table *t, struct process *p, const struct process_seed *s)
{
	const struct event_head *h = &s->task->head;

	if (p->ended || h->boot_ns < p->as_of_boot_ns)
		return;
	process_hold(p);
	if (h->exec_seq != p->exec_seq) {
		take_exec(t, p, s);
		p->missed = true;
		t->missed++;
	} else if (!p->text) {
		take_text(t, p, s);
	}
	take_task(t, p, s->task);
	process_let_go(t, p);
}

int process_seed(struct process_table *t, const struct process_seed *s)
{
	const struct event_head *h = &s->task->head;
	struct process_key key = { h->start_boot_ns, h->pid };
	struct process *p, *parent;

	if (h->pid == 0 || h->pid != h->tid)
		return -EINVAL;
	p = process_find(t, key);
	if (p && !p->placeholder) {
		refresh(t, p, s);
		return 0;
	}
	process_hold(p);
	parent = find_parent(t, s->task);
	process_let_go(t, p);
	process_hold(parent);
	if (!p)
		p = process_add(t, key);
	process_let_go(t, parent);
	if (!p)
		return -ENOSPC;
	process_set_parent(p, parent);
	process_hold(p);
	p->placeholder = p->missed = false;
	p->seeded = true;
	process_take_identity(p, h); /* before it is placed: its container knows its pid 1 */
	process_place(t, p, h->cgroup_id, h->container_cgroup);
	take_task(t, p, s->task);
	take_exec(t, p, s);
	p->first = h->ns_pid == 1;
	process_let_go(t, p);
	return 0;
}

/* A fork that has not exec'd since shares its parent's exec. The count alone may be equal by
 * chance, when both exec'd as often: then it is the same exec only with the same file. */
static void find_owner(struct process_table *t, struct process *p)
{
	const struct process *q = p->parent;

	if (!q || !p->seeded || p->judged || p->kernel_thread || q->exec_seq != p->exec_seq ||
	    q->exe_file.inode != p->exe_file.inode || q->exe_file.device != p->exe_file.device ||
	    !(q->exe_file.flags & FILE_KNOWN))
		return;
	p->exec_owner = q->exec_owner;
	if (!p->text)
		process_share_text(t, p, q);
}

void process_seed_end(struct process_table *t, uint64_t began_boot_ns)
{
	for (struct process *p = t->oldest; p; p = p->newer) {
		find_owner(t, p);
		if (!p->ended && p->as_of_boot_ns < began_boot_ns)
			process_end(t, p, 0, began_boot_ns);
	}
	process_judge_seeded(t);
}
