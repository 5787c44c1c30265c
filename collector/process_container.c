// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "collector/process_internal.h"

/* Who is injected. Runtimes differ in how a process comes into a container: `runc exec` forks
 * outside and moves the child, or moves itself and forks, or is born there by CLONE_INTO_CGROUP;
 * and at the container's start the very same happens. So what counts is whether something was
 * exec'd in it before: until then whoever comes is its beginning, later whoever comes is injected.
 * The kernel's EVENT_OUTSIDE alone would also name daemons of a container in the host's pid
 * namespace: orphaned, their parent is the host's init. Their birth in the container tells. */

static struct process_container **container_bucket(struct process_table *t, uint64_t id)
{
	return &t->containers[(id ^ id >> 32) % PROCESS_CONTAINER_BUCKETS];
}

struct process_container *process_container_find(const struct process_table *t, uint64_t id)
{
	struct process_container *c = t->containers[(id ^ id >> 32) % PROCESS_CONTAINER_BUCKETS];

	while (c && c->id != id)
		c = c->next;
	return c;
}

void process_leave(struct process_table *t, struct process *p)
{
	struct process_container *c = process_container_find(t, p->container_cgroup);
	struct process_container **at = container_bucket(t, p->container_cgroup);

	p->container_cgroup = 0;
	if (!c || --c->members > 0)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

static uint32_t living_init(const struct process_table *t, const struct process_container *c)
{
	const struct process *init = c->init.pid ? process_find(t, c->init) : NULL;

	return init && !init->ended && init->container_cgroup == c->id ? c->init.pid : 0;
}

uint32_t process_container_init(const struct process_table *t, const struct process *p)
{
	const struct process_container *c = process_container_find(t, p->container_cgroup);

	return c ? living_init(t, c) : 0;
}

static struct process_container *join(struct process_table *t, struct process *p, uint64_t id)
{
	struct process_container *c, **at;

	process_leave(t, p);
	if (!id)
		return NULL;
	c = process_container_find(t, id);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return NULL; /* taken for the host's until its next event */
		at = container_bucket(t, id);
		*c = (struct process_container){ .id = id, .next = *at };
		*at = c;
	}
	c->members++;
	p->container_cgroup = id;
	if (p->ns_pid == 1 && !living_init(t, c))
		c->init = p->key;
	return c;
}

void process_place(struct process_table *t, struct process *p, uint64_t cgroup_id,
		   uint64_t container)
{
	p->cgroup_id = cgroup_id;
	join(t, p, container);
}

/* On a host with both versions of cgroups a process is moved in one tree after the other, and each
 * move may look like a short leave: who comes back is what it was. */
void process_move(struct process_table *t, struct process *p, uint64_t cgroup_id,
		  uint64_t container)
{
	bool moved = p->cgroup_id != cgroup_id;
	struct process_container *c;

	p->cgroup_id = cgroup_id;
	if (p->container_cgroup == container)
		return;
	if (p->container_cgroup) {
		p->left_container = p->container_cgroup;
		p->left_injected = p->injected;
		p->left_born_inside = p->born_inside;
	}
	c = join(t, p, container);
	if (c && container == p->left_container) {
		p->injected = p->left_injected;
		p->born_inside = p->left_born_inside;
		return;
	}
	p->born_inside = false;
	if (moved)
		p->injected = c && c->started && p->ns_pid != 1;
	else if (c)
		c->started = true; /* it ran here before anybody knew what this cgroup is */
}

void process_judge_fork(struct process_table *t, struct process *child,
			const struct process *parent)
{
	const struct process_container *c = process_container_find(t, child->container_cgroup);

	child->first = child->ns_pid == 1;
	child->born_inside = c && child->container_cgroup == parent->container_cgroup;
	child->injected = child->born_inside ? parent->injected : c && c->started && !child->first;
}

void process_judge_exec(struct process_table *t, struct process *p, const struct event_view *v)
{
	struct process_container *c = process_container_find(t, p->container_cgroup);
	bool outside = v->head->flags & EVENT_OUTSIDE;

	if (v->exec->flags & EXEC_FIRST)
		p->first = true;
	if (!c)
		return;
	if (outside && !c->started)
		p->first = true;
	else if (outside && !p->first && !p->born_inside)
		p->injected = true;
	c->started = true;
}

/* --- what was there before ---------------------------------------------------------------------
 */

static bool is_open_case(const struct process *p)
{
	return p->seeded && !p->judged && p->container_cgroup;
}

/* Its parent is of another container or none, and another pid namespace. With the same one it may
 * be an orphan that was taken in: nobody knows. */
static bool came_from_outside(const struct process *p)
{
	return p->parent && !p->parent->placeholder &&
	       p->parent->container_cgroup != p->container_cgroup && p->parent->pid_ns != p->pid_ns;
}

static void note_first(struct process_table *t, const struct process *p)
{
	struct process_container *c = process_container_find(t, p->container_cgroup);
	uint64_t start = p->ns_pid == 1 ? 0 : p->key.start_boot_ns;

	if (!c || c->started ||
	    (p->ns_pid != 1 && p->parent && p->parent->container_cgroup == p->container_cgroup))
		return;
	if (!c->has_first || start < c->first_start)
		c->first_start = start;
	c->has_first = true;
}

static void judge(struct process_table *t, struct process *p)
{
	const struct process_container *c = process_container_find(t, p->container_cgroup);
	const struct process *parent = p->parent;

	if (!c)
		return;
	if (p->ns_pid == 1 || (c->has_first && c->first_start == p->key.start_boot_ns))
		p->first = true;
	p->born_inside = parent && parent->container_cgroup == p->container_cgroup;
	if (p->born_inside)
		p->injected = parent->injected;
	else
		p->injected = !p->first && came_from_outside(p);
}

void process_judge_seeded(struct process_table *t)
{
	for (struct process *p = t->oldest; p; p = p->newer) {
		if (is_open_case(p))
			note_first(t, p);
	}
	for (struct process *p = t->oldest; p; p = p->newer) {
		if (is_open_case(p))
			judge(t, p);
	}
	for (struct process *p = t->oldest; p; p = p->newer) {
		struct process_container *c =
			is_open_case(p) ? process_container_find(t, p->container_cgroup) : NULL;

		p->judged |= p->seeded;
		if (c) {
			c->started = true;
			c->has_first = false;
		}
	}
}

void process_containers_free(struct process_table *t)
{
	for (unsigned i = 0; i < PROCESS_CONTAINER_BUCKETS; i++) {
		for (struct process_container *c = t->containers[i], *next; c; c = next) {
			next = c->next;
			free(c);
		}
	}
}
