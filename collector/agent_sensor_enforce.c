// SPDX-License-Identifier: GPL-2.0-or-later
/* What containers are held to in the kernel, for the judge: see struct agent_services. */
#include <errno.h>
#include <string.h>

#include "collector/agent_sensor.h"

static struct sensor *kernel_of(const struct agent *a)
{
	return a->sensor ? a->sensor->kernel : NULL;
}

static bool can_deny(struct agent *a)
{
	return kernel_of(a) && sensor_mode_of(kernel_of(a)) == SENSOR_TRAMPOLINE;
}

static const char *layer(struct agent *a)
{
	return sensor_mode_name(sensor_mode_of(kernel_of(a)));
}

/* Under both of its numbers. */
static int hold(struct agent *a, const struct container *c)
{
	const uint64_t keys[] = { agent_sensor_key(a, c->inode), c->unified_inode };
	int r = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && r == 0; i++) {
		const struct cgroup_entry like = agent_sensor_entry(c, keys[i]);

		if (keys[i])
			r = sensor_hold_container(kernel_of(a), keys[i], &like);
	}
	return r;
}

static uint32_t all_flags(const struct agent *a)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);
	uint32_t flags = 0;

	for (size_t i = 0; i < n; i++)
		flags |= list[i]->enforce;
	return flags;
}

/* What nobody needs any more costs nobody. */
void agent_sensor_released(struct agent *a, struct container *c)
{
	if (!c->enforce || !kernel_of(a))
		return;
	c->enforce = 0;
	sensor_enforced(kernel_of(a), all_flags(a), true);
}

static int enforce(struct agent *a, struct container *c, uint32_t image_slot, uint32_t flags)
{
	const struct container before = *c;

	if (!kernel_of(a))
		return -ENOTCONN;
	if (c->ended)
		return -ESRCH;
	if ((flags & ENFORCE_ACTIONS) && (!image_slot || (flags & ENFORCE_SUSPENDED)))
		return -EINVAL;
	if (((flags & ENFORCE_ACTIONS) && c->own_overlay) ||
	    !sensor_can_enforce(kernel_of(a), flags))
		return -EOPNOTSUPP;
	c->image_slot = image_slot;
	c->enforce = flags;
	int r = hold(a, c);

	if (r < 0) {
		c->image_slot = before.image_slot;
		c->enforce = before.enforce;
		hold(a, c); /* not half of its cgroups */
	}
	sensor_enforced(kernel_of(a), all_flags(a), true);
	return r;
}

static int container_mask(struct agent *a, struct container *c, uint64_t mask)
{
	if (!kernel_of(a))
		return -ENOTCONN;
	c->event_mask = mask;
	sensor_want(kernel_of(a), mask);
	return hold(a, c);
}

static int verdict(struct agent *a, const struct verdict_key *k, enum verdict v)
{
	return kernel_of(a) ? sensor_set_verdict(kernel_of(a), k, v) : -ENOTCONN;
}

static int script_key(struct agent *a, uint32_t image_slot, struct span filename,
		      struct verdict_key *out)
{
	return kernel_of(a) ? sensor_script_key(kernel_of(a), image_slot, filename, out)
			    : -ENOTCONN;
}

static int peer(struct agent *a, const struct sensor_peer *p, enum verdict v)
{
	return kernel_of(a) ? sensor_set_peer(kernel_of(a), p, v) : -ENOTCONN;
}

static void clear_image(struct agent *a, uint32_t image_slot)
{
	int r = kernel_of(a) ? sensor_clear_image(kernel_of(a), image_slot) : 0;

	if (r < 0)
		log_warning("verdicts of an image stay", "error", strerror(-r), NULL);
}

static int tasks(struct agent *a, struct err *e)
{
	if (!kernel_of(a))
		return err_set(e, ENOTCONN, "there is no kernel sensor");
	return sensor_tasks_fd(kernel_of(a), e);
}

static struct container *container_of(struct agent *a, uint32_t hierarchy, uint64_t cgroup)
{
	return agent_sensor_find(a, cgroup, hierarchy);
}

static bool syscalls(struct agent *a, struct container *c, uint64_t words[SYSCALL_WORDS])
{
	const size_t bytes = SYSCALL_WORDS * sizeof(*words);

	/* the slot of one that ended may be another's; what it did was noted at its end */
	if (kernel_of(a) && agent_sensor_learns_syscalls(a) && !c->ended)
		agent_sensor_note_syscalls(a, c);
	if (!c->syscalls)
		return false;
	memcpy(words, c->syscalls + SYSCALL_WORDS, bytes);
	memset(c->syscalls + SYSCALL_WORDS, 0, bytes);
	return true;
}

static void dull(struct agent *a, const struct event_view *v)
{
	const struct event_head *h = v->head;
	const uint64_t key = h->hierarchy == EVENT_CGROUP_V1 ? h->container_cgroup | CGROUP_KEY_V1
							     : h->container_cgroup;

	if (h->type == EVENT_OPEN && h->container_cgroup && kernel_of(a) &&
	    (sensor_switches(kernel_of(a))->dull_mask & EVENT_BIT(EVENT_OPEN)))
		sensor_set_dull(kernel_of(a), key, v->open);
}

void agent_sensor_services(struct agent_services *s)
{
	s->enforce = enforce;
	s->container_mask = container_mask;
	s->verdict = verdict;
	s->verdict_key = sensor_verdict_key;
	s->directory_key = sensor_directory_key;
	s->script_key = script_key;
	s->peer = peer;
	s->clear_image = clear_image;
	s->can_deny = can_deny;
	s->layer = layer;
	s->dull = dull;
	s->lost = agent_sensor_take_lost;
	s->syscalls = syscalls;
	s->tasks = tasks;
	s->container_of = container_of;
}
