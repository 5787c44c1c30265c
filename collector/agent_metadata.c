// SPDX-License-Identifier: GPL-2.0-or-later
/* What the runtimes say about containers, read by the worker: some containers a job. Cgroups whose
 * path tells nothing are looked up too: they may be runc's or ctr's. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "collector/base/io.h"
#include "collector/procstat.h"

#define NEVER UINT64_MAX

/* Waits between looks at a container's metadata: short ones while the runtime is still writing,
 * then a steady look at the files' stamps (restarts, renames, health). */
static const unsigned young_ms[] = { 0, 30, 50, 80, 120, 200, 300, 500, 1000, 2000, 5000 };
static const unsigned ended_ms[] = { 30, 200, 500, 1500, 5000 };
#define STARTING_NS (5 * NS_PER_S)

static const unsigned probe_ms[] = { 0, 100, 400, 1500, 5000 };
#define STEADY_MS 10000
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

/* --- cgroups of unknown form ------------------------------------------------------------------ */

static void drop_probe(struct agent *a, struct probe *p)
{
	free(p->path);
	*p = a->probes[--a->probes_n];
}

/* The number first: it is compared without leaving the array, and seldom equal. */
static struct probe *find_probe(struct agent *a, const char *path, uint64_t inode)
{
	for (size_t i = 0; i < a->probes_n; i++)
		if (a->probes[i].inode == inode && strcmp(a->probes[i].path, path) == 0)
			return &a->probes[i];
	return NULL;
}

void agent_probe_add(struct agent *a, const char *path, uint64_t inode)
{
	char *copy = a->probes_n < AGENT_MAX_PROBES ? strdup(path) : NULL;

	if (!copy) {
		a->probes_refused++;
		agent_sensor_cgroup(a, path, inode, false);
		return;
	}
	a->probes[a->probes_n++] =
		(struct probe){ .path = copy, .inode = inode, .next_ns = mono_ns() };
	agent_metadata_soon(a);
}

void agent_probe_drop(struct agent *a, const char *path, uint64_t inode)
{
	struct probe *p = find_probe(a, path, inode);

	if (p)
		drop_probe(a, p);
}

/* --- metadata, read by the worker ----------------------------------------------------------- */

static void sweep_run(struct worker_job *job)
{
	struct sweep *s = (struct sweep *)job; /* first member */
	struct err e = { "" };

	for (size_t i = 0; i < s->n && !worker_closing(s->agent->worker); i++) {
		struct sweep_item *it = &s->items[i];

		if (!it->c) {
			it->found = metadata_find_by_path(&s->roots, it->path, it->pid, &it->id);
			continue;
		}
		if (it->id.nested)
			continue;
		it->stamp = metadata_stamp(&s->roots, &it->id);
		if (it->stamp && it->stamp == it->old_stamp)
			continue;
		/* absence is no failure: the runtime may not have written yet */
		it->failed = metadata_load(&it->meta, &s->roots, &it->id, it->path, it->pid, &e) ==
			     -EBADMSG;
	}
}

/* The path names docker, containerd or podman, but only runc's own state was found so far: name and
 * image are still to come, once the place where that runtime keeps its files is known. */
static bool metadata_is_partial(const struct container *c)
{
	return c->meta && c->meta->runtime == RUNTIME_RUNC && c->id.runtime != RUNTIME_RUNC &&
	       c->id.runtime != RUNTIME_NONE;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void take_exit(struct container *c)
{
	const struct metadata *m = c->meta;

	if (!c->ended || !m || !m->has_exit)
		return;
	/* that of the run before, which the runtime has not overwritten yet */
	if (m->finished_unix_ns && m->finished_unix_ns + NS_PER_S < c->started_unix_ns)
		return;
	c->exit_code = m->exit_code;
	c->has_exit_code = true;
	c->oom_killed = c->oom_killed || m->oom_killed;
}

static void take_metadata(struct agent *a, struct container *c, struct metadata *meta,
			  uint64_t stamp)
{
	bool renamed = !c->meta || !same_text(c->meta->name, meta->name) ||
		       !same_text(c->meta->image, meta->image) ||
		       !same_text(c->meta->image_id, meta->image_id);

	const bool first = !c->meta;
	const enum container_state before = c->meta ? c->meta->state : STATE_UNKNOWN;

	/* A file that was caught half-written must not take away what was known. */
	metadata_free(c->meta);
	c->meta = meta;
	c->meta_stamp = stamp;
	if (meta->runtime != RUNTIME_NONE && !metadata_is_partial(c))
		c->id.runtime = meta->runtime;
	if (meta->name_space[0])
		snprintf(c->id.name_space, sizeof(c->id.name_space), "%s", meta->name_space);
	if (meta->created_unix_ns)
		c->created_unix_ns = meta->created_unix_ns;
	/* docker keeps the last run's start until the new one runs */
	if (!c->started_unix_ns && meta->started_unix_ns && meta->state == STATE_RUNNING)
		c->started_unix_ns = meta->started_unix_ns;
	if (meta->has_restart_count)
		c->restart_count = meta->restart_count;
	take_exit(c);
	container_labels_changed(c);
	a->counters.metadata_reads++;
	agent_alerts_metadata(a, c, first, before);
	if (!c->ended) {
		agent_learn_pid(a, member_of(c));
		if (renamed && c->started_unix_ns)
			agent_feed_container(a, c);
	}
}

/* Each slot has one of a hundred places in the period: hundreds that came together are not looked
 * at together, and thousands are looked at in a hundred jobs and not each in its own. */
static uint64_t steady_ns(const struct container *c, uint64_t now)
{
	const uint64_t period = STEADY_MS * NS_PER_MS, place = period / 100 * (c->slot % 100);
	const uint64_t from = now + period / 2;

	return from - from % period + place + (from % period > place ? period : 0);
}

static void schedule_member(struct member *m)
{
	struct container *c = m->c;
	uint64_t now = mono_ns();
	unsigned step = m->attempts++;
	bool settled = c->meta && c->pid && c->meta->state != STATE_CREATED && c->started_unix_ns &&
		       !metadata_is_partial(c);

	if (c->ended) {
		bool done = c->has_exit_code && c->meta && c->meta->has_exit;

		if (!done && step + 1 < COUNT(ended_ms))
			m->next_metadata_ns = now + ended_ms[step + 1] * NS_PER_MS;
		else /* till its files are gone: somebody removed it */
			m->next_metadata_ns = m->destroyed || !c->meta_stamp ? NEVER
									     : steady_ns(c, now);
		return;
	}
	if (!settled && step + 1 < COUNT(young_ms)) {
		m->next_metadata_ns = now + young_ms[step + 1] * NS_PER_MS;
		return;
	}
	/* Nothing on disk speaks of it: looked at ever more seldom. */
	if (!c->meta) {
		unsigned doublings = step < 14 ? step + 1 - (unsigned)COUNT(young_ms) : 5;

		m->next_metadata_ns = now + ((uint64_t)STEADY_MS << doublings) * NS_PER_MS;
		return;
	}
	m->next_metadata_ns = steady_ns(c, now);
}

/* After a second without better knowledge the first process tells when it began, else the clock. */
static void settle_start(struct agent *a, struct member *m)
{
	struct container *c = m->c;

	if (c->ended || c->started_unix_ns || m->attempts < 8)
		return;
	uint64_t boot = c->pid ? procstat_start_boot_ns(a->proc, c->pid) : 0;

	c->started_unix_ns = boot ? boot + a->unix_minus_boot_ns : unix_ns();
	agent_feed_container(a, c);
}

static void apply_container(struct agent *a, struct sweep_item *it)
{
	struct container *c = it->c;
	struct member *m = member_of(c);

	if (!m) { /* expired meanwhile */
		metadata_free(it->meta);
		return;
	}
	m->sweeping = false;
	if (c->ended && c->meta_stamp && !it->stamp && !m->destroyed) {
		m->destroyed = true;
		agent_alerts_life(a, c, LIFE_DESTROYED);
	}
	if (it->meta)
		take_metadata(a, c, it->meta, it->stamp);
	else if (it->failed)
		a->counters.metadata_failures++;
	if (!c->ended)
		agent_learn_pid(a, m);
	settle_start(a, m);
	if (!c->ended && !m->fed && c->started_unix_ns)
		agent_feed_container(a, c);
	schedule_member(m);
}

static void apply_probe(struct agent *a, struct sweep_item *it)
{
	struct probe *p = find_probe(a, it->path, it->inode);

	if (!p)
		return; /* the cgroup went away */
	p->sweeping = false;
	if (it->found) {
		drop_probe(a, p);
		struct container *parent = container_table_find_path(a->table, it->path);

		if (parent && parent->kind == CGROUP_PARENT)
			agent_end_container(a, parent); /* shown as a parent till now */
		agent_add_container(a, &it->id, it->path, it->inode);
	} else if (++p->attempts >= COUNT(probe_ms)) {
		drop_probe(a, p);
		agent_sensor_cgroup(a, it->path, it->inode, false); /* the host's, then */
	} else {
		p->next_ns = mono_ns() + probe_ms[p->attempts] * NS_PER_MS;
		/* what was there before us and is no container now will hardly become one */
		if (mono_ns() - a->start_mono_ns < STARTING_NS)
			agent_sensor_cgroup(a, it->path, it->inode, false);
	}
}

static void sweep_done(struct worker_job *job)
{
	struct sweep *s = (struct sweep *)job;
	struct agent *a = s->agent;

	s->running = false;
	for (size_t i = 0; i < s->n; i++) {
		struct sweep_item *it = &s->items[i];

		if (it->c) {
			apply_container(a, it);
			container_unref(it->c);
		} else {
			apply_probe(a, it);
		}
		free(it->path);
	}
	s->n = 0;
	if (!worker_closing(a->worker))
		agent_metadata_soon(a);
}

static void add_item(struct agent *a, struct sweep *s, struct container *c)
{
	char *path = strdup(c->cgroup_path);

	if (!path)
		return;
	uint64_t old_stamp = c->meta && !metadata_is_partial(c) ? c->meta_stamp : 0;

	member_of(c)->sweeping = true;
	if (!c->ended && !c->pid)
		agent_learn_pid(a, member_of(c));
	s->items[s->n++] = (struct sweep_item){ .c = container_ref(c),
						.path = path,
						.pid = c->ended ? 0 : c->pid,
						.id = c->id,
						.old_stamp = old_stamp };
}

static void collect_members(struct agent *a, struct sweep *s, uint64_t now, uint64_t *next)
{
	struct container *const *list;

	for (int ended = 0; ended < 2; ended++) {
		size_t n = ended ? container_table_ended(a->table, &list)
				 : container_table_live(a->table, &list);

		for (size_t i = 0; i < n; i++) {
			struct member *m = member_of(list[i]);

			if (!m || m->sweeping || m->next_metadata_ns == NEVER)
				continue;
			if (list[i]->superseded) { /* the files speak of its next life */
				m->next_metadata_ns = NEVER;
				continue;
			}
			if (m->next_metadata_ns <= now && s->n < AGENT_SWEEP)
				add_item(a, s, list[i]);
			else if (m->next_metadata_ns < *next)
				*next = m->next_metadata_ns;
		}
	}
}

/* Any process in the cgroup: its parent is the runtime's shim, which names the container. */
static pid_t first_pid_at(const struct agent *a, const char *path)
{
	char file[PATH_MAX], text[64];
	struct span rest, line;
	uint64_t pid;

	if (snprintf(file, sizeof(file), "%s/cgroup.procs", path + 1) >= (int)sizeof(file))
		return 0;
	AUTO_FD int fd = openat(a->layout.watch_fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	rest = (struct span){ text, n > 0 ? (size_t)n : 0 };
	return span_next(&rest, '\n', &line) && parse_u64(line, &pid) ? (pid_t)pid : 0;
}

static void collect_probes(struct agent *a, struct sweep *s, uint64_t now, uint64_t *next)
{
	for (size_t i = 0; i < a->probes_n; i++) {
		struct probe *p = &a->probes[i];
		char *path;

		if (p->sweeping)
			continue;
		if (p->next_ns > now || s->n == AGENT_SWEEP || !(path = strdup(p->path))) {
			*next = p->next_ns < *next ? p->next_ns : *next;
			continue;
		}
		p->sweeping = true;
		s->items[s->n++] = (struct sweep_item){ .path = path,
							.inode = p->inode,
							.pid = first_pid_at(a, path) };
	}
}

static void on_metadata_timer(void *ctx, uint32_t events)
{
	struct agent *a = ctx;
	struct sweep *s = &a->sweep;
	uint64_t now = mono_ns(), next = NEVER;

	(void)events;
	if (s->running)
		return; /* its end looks again */
	s->roots = (struct metadata_roots){ a->rootfs, a->proc, a->metadata_cache };
	collect_members(a, s, now, &next);
	collect_probes(a, s, now, &next);
	if (s->n > 0) {
		s->running = worker_submit(a->worker, &s->job, true) == 0;
		if (!s->running)
			sweep_done(&s->job); /* refused: each tries again by its schedule */
		return;
	}
	if (next != NEVER)
		loop_set_timer(a->metadata_timer, next > now ? next - now : 1, 0);
}

void agent_metadata_soon(struct agent *a)
{
	if (!a->sweep.running && a->metadata_timer)
		loop_set_timer(a->metadata_timer, 1, 0);
}

void agent_metadata_ended(struct agent *a, struct member *m)
{
	m->attempts = 0;
	m->next_metadata_ns = mono_ns() + ended_ms[0] * NS_PER_MS;
	agent_metadata_soon(a);
}

int agent_metadata_start(struct agent *a, struct err *e)
{
	a->sweep = (struct sweep){ .job = { .run = sweep_run, .done = sweep_done }, .agent = a };
	a->metadata_cache = metadata_cache_new();
	return loop_add_timer(a->loop, 0, 0, on_metadata_timer, a, &a->metadata_timer, e);
}

void agent_metadata_stop(struct agent *a)
{
	while (a->probes_n > 0)
		drop_probe(a, &a->probes[0]);
	loop_remove(TAKE(a->metadata_timer));
	metadata_cache_free(TAKE(a->metadata_cache));
}
