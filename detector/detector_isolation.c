// SPDX-License-Identifier: GPL-2.0-or-later
/* Assembly: events to the judge, what each container started with, what is known of the host. */
#include "detector/detector_isolation.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/detector_isolation_internal.h"

#define HOST_LOOK_NS (60 * NS_PER_S)

/* --- the host -------------------------------------------------------------------------------- */

static uint32_t namespace_inode(const char *proc, const char *who, const char *kind)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/ns/%s", proc, who, kind);
	return stat(path, &st) == 0 ? (uint32_t)st.st_ino : 0;
}

static struct event_namespaces namespaces_of(const char *proc, const char *who)
{
	return (struct event_namespaces){
		.mnt = namespace_inode(proc, who, "mnt"),
		.pid = namespace_inode(proc, who, "pid"),
		.net = namespace_inode(proc, who, "net"),
		.ipc = namespace_inode(proc, who, "ipc"),
		.uts = namespace_inode(proc, who, "uts"),
		.cgroup = namespace_inode(proc, who, "cgroup"),
		.user = namespace_inode(proc, who, "user"),
		.time = namespace_inode(proc, who, "time"),
	};
}

/* Of the host's first process; where that one is hidden from us (a restricted /proc), our own until
 * the kernel's side tells. */
static void look_at_namespaces(struct detector_isolation *d)
{
	struct event_namespaces host = namespaces_of(d->services->proc, "1");

	if (!host.mnt)
		host = namespaces_of(d->services->proc, "self");
	isolation_starts_host(d->starts, &host);
}

static void take_namespaces_of_kernel(struct detector_isolation *d)
{
	const struct process_table *t = d->services->processes(d->services->agent);
	const struct process *p = NULL;

	for (uint32_t pid = 1; t && pid <= 2 && !(p && p->ns.mnt && p->ns.pid); pid++)
		p = process_find_pid(t, pid); /* init, or kthreadd */
	if (!p || !p->ns.mnt || !p->ns.pid)
		return;
	d->kernel_told = true;
	isolation_starts_host(d->starts, &p->ns);
}

static void run_look(struct worker_job *job)
{
	struct host_look *l = (struct host_look *)job;

	isolation_host_read(&l->found, l->rootfs, l->state_dir, l->run_dir);
}

static void look_done(struct worker_job *job)
{
	struct host_look *l = (struct host_look *)job;
	struct detector_isolation *d = l->owner;

	d->looking = false;
	if (!worker_closing(d->worker))
		d->host = l->found;
}

static void prepare_look(struct detector_isolation *d)
{
	const struct config *c = d->services->config;

	d->look.owner = d;
	d->look.job = (struct worker_job){ .run = run_look, .done = look_done };
	snprintf(d->look.rootfs, sizeof(d->look.rootfs), "%s", c->rootfs);
	snprintf(d->look.state_dir, sizeof(d->look.state_dir), "%s", c->state_dir);
	snprintf(d->look.run_dir, sizeof(d->look.run_dir), "%s", c->run_dir);
	d->looked_ns = mono_ns();
}

static void look_at_host(struct detector_isolation *d)
{
	if (d->looking || !d->worker || mono_ns() - d->looked_ns < HOST_LOOK_NS)
		return;
	prepare_look(d);
	d->looking = worker_submit(d->worker, &d->look.job, false) == 0;
}

/* --- containers ------------------------------------------------------------------------------ */

static struct memory_slot *memory_of(struct detector_isolation *d, const struct container *c)
{
	struct memory_slot *m;

	if (c->slot >= d->slots)
		return NULL;
	m = d->memories[c->slot];
	if (!m)
		m = d->memories[c->slot] = calloc(1, sizeof(*m));
	if (m && (m->c != c || m->inode != c->inode)) /* the slot has a new owner */
		*m = (struct memory_slot){ .c = c, .inode = c->inode };
	return m;
}

static void add_limit(struct isolation_memory *m, const char *root, const char *path)
{
	char whole[PATH_MAX];
	struct stat st;

	if (!*root || m->limits_n == ISOLATION_LIMITS ||
	    snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int)sizeof(whole) ||
	    stat(whole, &st) < 0)
		return;
	m->limits[m->limits_n].inode = st.st_ino;
	m->limits[m->limits_n++].device = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
}

/* Directories that hold its limits: the one that is watched alone has its number in the table. */
static void find_limits(struct detector_isolation *d, const struct container *c)
{
	static const char *const beside[] = { "devices", "freezer" };
	const struct cgroup_layout *l = d->services->layout;
	struct memory_slot *m = memory_of(d, c);
	char root[PATH_MAX];

	if (!m || !l || !c->cgroup_path)
		return;
	m->memory.limits_n = 0;
	for (unsigned i = 0; i < CONTROLLER_COUNT; i++)
		if (!l->on_v2[i])
			add_limit(&m->memory, l->paths[i], c->cgroup_path);
	/* hierarchies that nobody reads figures of lie beside the others */
	const struct span memory = span_str(l->paths[CONTROLLER_MEMORY]);
	const struct span last = isolation_last(memory);

	for (size_t i = 0; !l->on_v2[CONTROLLER_MEMORY] && memory.n > last.n && i < 2; i++) {
		snprintf(root, sizeof(root), "%.*s%s", (int)(memory.n - last.n), memory.p,
			 beside[i]);
		add_limit(&m->memory, root, c->cgroup_path);
	}
}

static void take_metadata(struct detector_isolation *d, const struct container *c)
{
	struct memory_slot *m = memory_of(d, c);

	if (!m || m->with_metadata || !c->meta || !isolation_start_of(d->starts, c))
		return;
	m->with_metadata = true;
	isolation_starts_metadata(d->starts, c);
}

static bool is_of(const struct container *c, uint64_t cgroup)
{
	return cgroup && (c->inode == cgroup || c->unified_inode == cgroup);
}

/* It ran before the agent did, or its first exec was lost. */
static void look_at_first(struct detector_isolation *d, const struct container *c)
{
	const struct process_table *t = d->services->processes(d->services->agent);
	const struct process *p = t && c->pid > 0 ? process_find_pid(t, (uint32_t)c->pid) : NULL;

	/* the runtime says who is the first: whether it came from outside is no question */
	if (!p || !p->exec_inside || p->placeholder || !is_of(c, p->container_cgroup))
		return;
	if (isolation_starts_seeded(d->starts, c, p))
		find_limits(d, c);
}

static void look_at_containers(struct detector_isolation *d)
{
	const struct container_table *t = d->services->containers(d->services->agent);
	struct container *const *list;
	const size_t n = t ? container_table_live(t, &list) : 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i]->kind != CGROUP_CONTAINER)
			continue;
		if (!isolation_start_of(d->starts, list[i]))
			look_at_first(d, list[i]);
		take_metadata(d, list[i]);
	}
}

void detector_isolation_life(struct detector_isolation *d, struct container *c,
			     enum agent_life what)
{
	if (what != LIFE_STOPPED && what != LIFE_DESTROYED)
		return;
	isolation_standing_end(d, c);
	isolation_mounts_watch_end(d->mounts, c);
	isolation_starts_end(d->starts, c);
	if (c->slot < d->slots && d->memories[c->slot] && d->memories[c->slot]->c == c) {
		free(d->memories[c->slot]);
		d->memories[c->slot] = NULL;
	}
}

/* --- events ---------------------------------------------------------------------------------- */

static bool changes_mounts(uint16_t type)
{
	return type == EVENT_MOUNT || type == EVENT_MOVE_MOUNT || type == EVENT_UMOUNT ||
	       type == EVENT_NEW_MOUNT;
}

static bool judge(struct detector_isolation *d, const struct event_view *v,
		  const struct event_context *c, struct container *of)
{
	struct isolation_case *k = &d->scene;
	const struct memory_slot *slot = of ? memory_of(d, of) : NULL;

	if (of && !isolation_start_of(d->starts, of))
		look_at_first(d, of); /* not with the next tick: this event is judged by it */
	k->v = v;
	k->p = c->process;
	k->of = of;
	k->start = of ? isolation_start_of(d->starts, of) : NULL;
	k->memory = slot ? &d->memories[of->slot]->memory : NULL;
	k->processes = d->services->processes(d->services->agent);
	k->containers = d->services->containers(d->services->agent);
	d->view = v;
	d->context = c;
	const bool grave = isolation_judge(k);

	d->view = NULL;
	d->context = NULL;
	return grave;
}

bool detector_isolation_event(struct detector_isolation *d, const struct event_view *v,
			      const struct event_context *c, struct container *of)
{
	const struct event_head *h = v->head;
	const uint64_t types = of && of->kind == CGROUP_CONTAINER ? d->container_types
								  : d->host_types;

	if (!d->services->config->isolation || h->type >= EVENT_TYPE_COUNT)
		return false;
	if (of && of->kind == CGROUP_SERVICE)
		of = NULL; /* a part of the host */
	else if (!of && h->container_cgroup)
		return false; /* of a container that is not known yet */
	else if (of && of->kind != CGROUP_CONTAINER)
		return false;
	if (!(types & EVENT_BIT(h->type)) && !(of && (h->flags & (EVENT_COMPAT | EVENT_X32))))
		return false;
	d->counts.events++;
	if (of && h->type == EVENT_EXEC && h->result >= 0 &&
	    isolation_starts_exec(d->starts, of, c->process, v->exec, h->boot_ns))
		find_limits(d, of);
	if (of && changes_mounts(h->type) && h->result >= 0)
		isolation_mounts_watch_changed(d->mounts, of);
	return judge(d, v, c, of);
}

/* --- time ------------------------------------------------------------------------------------ */

static void tell_wants(struct detector_isolation *d)
{
	const bool on = d->services->config->isolation;
	const uint64_t named = EVENT_BIT(EVENT_MOUNT) | EVENT_BIT(EVENT_UMOUNT) |
			       EVENT_BIT(EVENT_MOVE_MOUNT) | EVENT_BIT(EVENT_NEW_MOUNT) |
			       EVENT_BIT(EVENT_MKNOD) | EVENT_BIT(EVENT_RENAME) |
			       EVENT_BIT(EVENT_LINK) | EVENT_BIT(EVENT_SYMLINK) |
			       EVENT_BIT(EVENT_UNLINK) | EVENT_BIT(EVENT_CHMOD) |
			       EVENT_BIT(EVENT_TRUNCATE);
	const struct agent_wants w = { .container = on ? d->container_types : 0,
				       .host = on ? d->host_types : 0,
				       .names = on ? named : 0,
				       .dull = EVENT_BIT(EVENT_OPEN) };

	if (on || d->wanted)
		d->services->want(d->services->agent, WANTS_ISOLATION, &w);
	d->wanted = on;
}

void detector_isolation_tick(struct detector_isolation *d)
{
	if (!d->services->config->isolation)
		return;
	look_at_host(d);
	if (!d->kernel_told)
		take_namespaces_of_kernel(d);
	look_at_containers(d);
	task_pass_tick(d->pass);
	isolation_mounts_watch_tick(d->mounts);
}

void detector_isolation_round(struct detector_isolation *d)
{
	(void)d; /* passes have a beat of their own, with the tick */
}

void detector_isolation_reload(struct detector_isolation *d)
{
	isolation_exceptions_read(d);
	tell_wants(d);
}

/* --- assembly -------------------------------------------------------------------------------- */

static int start_looks(struct detector_isolation *d, struct err *e)
{
	const struct task_pass_settings pass = { .services = d->services,
						 .worker = d->worker,
						 .starts = d->starts,
						 .found = isolation_pass_found,
						 .passed = isolation_passed,
						 .ctx = d };
	const struct isolation_mounts_watch_settings mounts = { .services = d->services,
								.worker = d->worker,
								.starts = d->starts,
								.found = isolation_mounts_found,
								.looked = isolation_mounts_looked,
								.ctx = d };
	int r = task_pass_new(&d->pass, &pass, e);

	return r < 0 ? r : isolation_mounts_watch_new(&d->mounts, &mounts, e);
}

int detector_isolation_new(struct detector_isolation **out,
			   const struct detector_isolation_settings *s, struct err *e)
{
	AUTO(detector_isolation_free) struct detector_isolation *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ENOMEM, "no memory for isolation");
	d->services = s->services;
	d->worker = s->worker;
	d->alerts = s->alerts;
	d->queries = s->queries;
	d->slots = s->services->config->max_containers;
	d->container_types = isolation_container_types();
	d->host_types = isolation_host_types();
	d->memories = calloc((size_t)d->slots + 1, sizeof(*d->memories));
	if (!d->memories)
		return err_set(e, ENOMEM, "no memory for isolation");
	arena_init(&d->arena, 1U << 20);
	int r = isolation_starts_new(&d->starts, d->slots, e);

	if (r == 0)
		r = start_looks(d, e);
	if (r < 0)
		return r;
	d->scene = (struct isolation_case){
		.starts = d->starts, .host = &d->host, .tell = isolation_found, .ctx = d
	};
	look_at_namespaces(d);
	prepare_look(d); /* once at the start, so that the first event is judged by it */
	isolation_host_read(&d->host, d->look.rootfs, d->look.state_dir, d->look.run_dir);
	isolation_exceptions_read(d);
	tell_wants(d);
	*out = TAKE(d);
	return 0;
}

void detector_isolation_free(struct detector_isolation *d)
{
	if (!d)
		return;
	isolation_standing_free(d);
	isolation_mounts_watch_free(d->mounts);
	task_pass_free(d->pass);
	isolation_exceptions_free(d);
	arena_release(&d->arena);
	for (uint32_t i = 0; d->memories && i < d->slots; i++)
		free(d->memories[i]);
	free(d->memories);
	isolation_starts_free(d->starts);
	free(d);
}
