// SPDX-License-Identifier: GPL-2.0-or-later
/* Cgroups that come and go, and kills for want of memory. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/procstat.h"

/* --- coming and going ----------------------------------------------------------------------- */

/* The root began with the host. A parent's directory changes its times with every child, so they
 * are taken once, when it is first seen. */
static uint64_t directory_time(const struct agent *a, enum cgroup_kind kind, const char *path)
{
	struct stat st;

	if (kind == CGROUP_ROOT || fstatat(a->layout.watch_fd, path + 1, &st, 0) < 0)
		return a->unix_minus_boot_ns;
	uint64_t t = (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;

	return t > a->unix_minus_boot_ns ? t : a->unix_minus_boot_ns;
}

static int add_entry(struct agent *a, enum cgroup_kind kind, const struct identity *id,
		     const char *path, uint64_t inode, struct container **out)
{
	struct container *c;
	struct err e = { "" };
	int r = container_table_add(a->table, kind, id, path, &c, &e);

	if (r < 0) {
		uint64_t refused = container_table_stats(a->table).refused;

		/* a full table refuses each that comes: said at 1, 2, 4, 8 ... */
		if (r == -ENOSPC ? (refused & (refused - 1)) == 0 : r != -EEXIST)
			log_warning("container is not shown", "cgroup", path, "error", e.text,
				    "refused", LOG_U64(refused), NULL);
		return r;
	}
	c->inode = inode;
	struct member *m = calloc(1, sizeof(*m));

	if (!m || sampler_add(a->sampler, path, &c->cg, &e) < 0) {
		log_warning("container is not sampled", "cgroup", path, "error", e.text, NULL);
		free(m);
		c->user = NULL;
		container_table_end(a->table, c, unix_ns(), mono_ns());
		return -ENOMEM;
	}
	*m = (struct member){ .agent = a,
			      .c = container_ref(c),
			      .pidfd = -1,
			      .seen_unix_ns = unix_ns(),
			      .before_us = !a->first_round_done,
			      .next_metadata_ns = UINT64_MAX };
	c->user = m;
	c->cpu_cores = -1;
	if (kind == CGROUP_ROOT || kind == CGROUP_PARENT)
		c->created_unix_ns = c->started_unix_ns = directory_time(a, kind, path);
	if (out)
		*out = c;
	return 0;
}

/* The shown cgroups above `path` come first, so that sums can be looked up. */
static void add_parents(struct agent *a, const char *path)
{
	const struct identity nobody = { .kind = CGROUP_PARENT };
	char part[PATH_MAX];

	for (size_t i = 1; path[i]; i++) {
		if (path[i] != '/' || i >= sizeof(part))
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (!container_table_find_path(a->table, part))
			add_entry(a, CGROUP_PARENT, &nobody, part, 0, NULL);
	}
}

struct container *agent_top_container(const struct agent *a, const char *path)
{
	char part[PATH_MAX];

	for (size_t i = 1; i < sizeof(part) && path[i]; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		struct container *c = container_table_find_path(a->table, part);

		if (c && c->kind == CGROUP_CONTAINER)
			return c;
	}
	return NULL;
}

static void wait_for_room(struct agent *a, const struct identity *id, const char *path,
			  uint64_t inode)
{
	char *copy = a->waiting_n < AGENT_MAX_WAITING ? strdup(path) : NULL;

	if (copy)
		a->waiting[a->waiting_n++] = (struct waiting){ copy, inode, *id };
	else
		a->waiting_refused++;
}

static void stop_waiting(struct agent *a, size_t i)
{
	free(a->waiting[i].path);
	a->waiting[i] = a->waiting[--a->waiting_n];
}

static void forget_waiting(struct agent *a, const char *path, uint64_t inode)
{
	for (size_t i = 0; i < a->waiting_n; i++) {
		if (a->waiting[i].inode == inode && strcmp(a->waiting[i].path, path) == 0) {
			stop_waiting(a, i);
			return;
		}
	}
}

/* One place is kept free for a parent, so that the next one does not go straight back. */
static void admit_waiting(struct agent *a)
{
	while (a->waiting_n > 0) {
		struct container_stats s = container_table_stats(a->table);
		struct waiting w = a->waiting[0];

		if (s.live + 1 >= s.capacity)
			return;
		a->waiting[0] = a->waiting[--a->waiting_n];
		agent_add_container(a, &w.id, w.path, w.inode);
		free(w.path);
	}
}

void agent_add_container(struct agent *a, const struct identity *id, const char *path,
			 uint64_t inode)
{
	struct container *c, *top = agent_top_container(a, path);
	struct identity own = *id;

	/* What a container makes below itself must not push others out. */
	if (top && member_of(top)->nested_n >= AGENT_MAX_NESTED) {
		a->nested_refused++;
		return;
	}
	own.nested = top != NULL;
	add_parents(a, path);
	int r = add_entry(a, own.kind, &own, path, inode, &c);

	if (r == -ENOSPC && !top)
		wait_for_room(a, id, path, inode);
	if (r < 0)
		return;
	agent_sensor_container(a, c);
	agent_events_container(a, c);
	if (top) {
		member_of(c)->top = container_ref(top);
		member_of(top)->nested_n++;
		a->nested++;
	}
	member_of(c)->next_metadata_ns = mono_ns();
	agent_metadata_soon(a);
	agent_alerts_life(a, c, LIFE_CREATED);
	log_debug("container appeared", "cgroup", path, "runtime", runtime_name(id->runtime), NULL);
}

static void leave_top(struct member *m)
{
	struct container *top = TAKE(m->top);

	if (!top)
		return;
	m->agent->nested--;
	if (member_of(top))
		member_of(top)->nested_n--;
	container_unref(top);
}

static void forget_member(struct container *c)
{
	struct member *m = c->user;

	if (!m)
		return;
	agent_forget_pid(m);
	leave_top(m);
	c->user = NULL;
	container_unref(m->c);
	free(m);
}

/* The table forgets its oldest when it is full: what we know of that one goes first. */
static void make_room_for_ended(struct agent *a)
{
	struct container *const *list;

	if (container_table_ended(a->table, &list) == CONTAINER_MAX_ENDED)
		forget_member(list[0]);
}

void agent_end_container(struct agent *a, struct container *c)
{
	struct member *m = member_of(c);
	bool shown = c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;

	agent_sensor_container_end(a, c);
	agent_events_container_end(a, c);
	sampler_remove(a->sampler, TAKE(c->cg));
	leave_top(m);
	a->owners_gone += c->owns_network;
	if (shown && !c->started_unix_ns)
		c->started_unix_ns = m->seen_unix_ns;
	container_ref(c);
	if (shown)
		make_room_for_ended(a);
	container_table_end(a->table, c, unix_ns(), mono_ns());
	if (shown) {
		agent_take_exit(m); /* or it is still to be reaped, and the loop tells */
		agent_feed_end(a, c);
		agent_metadata_ended(a, m);
		agent_alerts_life(a, c, LIFE_STOPPED);
		log_debug("container ended", "name", container_name(c), "id", c->id.id, NULL);
	} else {
		forget_member(c);
	}
	container_unref(c);
}

static void on_cgroup(void *ctx, const struct cgwatch_event *ev)
{
	struct agent *a = ctx;
	struct identity id;

	if (ev->gone) {
		struct container *c = container_table_find_path(a->table, ev->path);

		agent_probe_drop(a, ev->path, ev->inode);
		forget_waiting(a, ev->path, ev->inode);
		if (!c)
			agent_sensor_cgroup_gone(a, ev->inode);
		if (c && c != a->root)
			agent_end_container(a, c);
		return;
	}
	identity_from_path(ev->path, a->config.services, &id);
	if (id.kind == CGROUP_ROOT && !a->root)
		add_entry(a, CGROUP_ROOT, &(struct identity){ .kind = CGROUP_ROOT }, ev->path,
			  ev->inode, &a->root);
	else if (id.kind == CGROUP_CONTAINER || id.kind == CGROUP_SERVICE)
		agent_add_container(a, &id, ev->path, ev->inode);
	else if (id.kind == CGROUP_OTHER && agent_top_container(a, ev->path))
		agent_sensor_cgroup(a, ev->path, ev->inode, false);
	else if (id.kind == CGROUP_OTHER)
		agent_probe_add(a, ev->path, ev->inode);
}

static const char polled[] = "the cgroup tree is polled because inotify watches are short";

static void on_watch_problem(void *ctx, const char *text)
{
	agent_degraded(ctx, polled, true);
	log_warning("cgroup watcher is degraded", "reason", text, NULL);
}

/* --- out of memory -------------------------------------------------------------------------- */

void agent_count_oom(struct agent *a, struct member *m, const struct kmsg_oom *kernel)
{
	struct container *c = m->c;
	uint64_t seen = m->oom_kmsg;

	if ((c->sample.have & SAMPLE_OOM) && c->sample.oom_kills > seen)
		seen = c->sample.oom_kills;
	if (seen > c->oom_events) {
		const uint64_t more = seen - c->oom_events;

		a->counters.oom_events += more;
		c->oom_events = seen;
		agent_alerts_oom(a, c, kernel, more);
	}
}

static bool path_holds(const char *outer, const char *inner)
{
	size_t n = strlen(outer);

	return strncmp(outer, inner, n) == 0 && (inner[n] == '\0' || inner[n] == '/');
}

/* The innermost container above the killed task's cgroup, ended ones too: the record may come after
 * the cgroup's end. */
static struct container *find_victim(const struct agent *a, const char *cgroup)
{
	struct container *const *list, *best = NULL;

	for (int ended = 0; ended < 2 && !best; ended++) {
		size_t n = ended ? container_table_ended(a->table, &list)
				 : container_table_live(a->table, &list);

		for (size_t i = 0; i < n; i++)
			if (list[i]->kind != CGROUP_PARENT && list[i] != a->root &&
			    path_holds(list[i]->cgroup_path, cgroup) &&
			    (!best || strlen(list[i]->cgroup_path) >= strlen(best->cgroup_path)))
				best = list[i];
	}
	return best;
}

void agent_oom(void *ctx, const struct kmsg_oom *oom)
{
	struct agent *a = ctx;
	struct container *c = find_victim(a, oom->task_memcg);
	struct member *m = c ? member_of(c) : NULL;

	if (!m)
		return;
	m->oom_kmsg++;
	agent_count_oom(a, m, oom);
	if (m->first_pid == oom->pid) /* it may be gone from c->pid by now */
		c->oom_killed = true;
	log_info("out of memory in a container", "name", container_name(c), "process", oom->comm,
		 "pid", LOG_U64(oom->pid), NULL);
}

/* --- start and stop ------------------------------------------------------------------------- */

void agent_containers_expire(struct agent *a)
{
	const uint64_t now = mono_ns(), keep_ns = a->config.ended_keep_s * NS_PER_S;
	struct container *const *list;
	size_t n = container_table_ended(a->table, &list);

	/* oldest first, and exactly those that the table forgets */
	for (size_t i = 0; i < n && now - list[i]->ended_mono_ns > keep_ns; i++)
		forget_member(list[i]);
	container_table_expire(a->table, now, keep_ns);
	admit_waiting(a);
	if (!cgwatch_stats(a->watch).degraded)
		agent_degraded(a, polled, false);
}

int agent_containers_start(struct agent *a, struct err *e)
{
	a->host_netns = procstat_namespace(a->proc, 1, "net");
	if (!a->host_netns) /* out of reach: outside containers our own is the host's */
		a->host_netns = procstat_namespace(a->proc, getpid(), "net");
	a->unix_minus_boot_ns = procstat_boot_unix_ns();
	return cgwatch_new(&a->watch, a->loop, a->layout.watch_fd, a->layout.watch_path, 10000,
			   on_cgroup, on_watch_problem, a, e);
}

void agent_containers_stop(struct agent *a)
{
	struct container *const *list;

	cgwatch_free(TAKE(a->watch));
	while (a->waiting_n > 0)
		stop_waiting(a, 0);
	for (int ended = 0; a->table && ended < 2; ended++) {
		size_t n = ended ? container_table_ended(a->table, &list)
				 : container_table_live(a->table, &list);

		for (size_t i = 0; i < n; i++) {
			sampler_remove(a->sampler, TAKE(list[i]->cg));
			forget_member(list[i]);
		}
	}
}
