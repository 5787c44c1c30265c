// SPDX-License-Identifier: GPL-2.0-or-later
/* Cgroups that come and go, what the runtimes say about them, and how they ended. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/pidexit.h"
#include "collector/procstat.h"

#define NEVER UINT64_MAX

/* Waits between looks at a container's metadata: short ones while the runtime is still writing,
 * then a steady look at the files' stamps (restarts, renames, health). */
static const unsigned young_ms[] = { 0, 30, 100, 250, 500, 1000, 2000, 5000 };
static const unsigned ended_ms[] = { 30, 200, 500, 1500, 5000 };
static const unsigned probe_ms[] = { 0, 100, 400, 1500, 5000 };
#define STEADY_MS 10000
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

static void sweep_soon(struct agent *a);

/* --- first process and its end -------------------------------------------------------------- */

static void close_pidfd(struct member *m)
{
	loop_remove(m->pidfd_source);
	m->pidfd_source = NULL;
	if (m->pidfd >= 0)
		close(m->pidfd);
	m->pidfd = -1;
}

static void on_pidfd(void *ctx, uint32_t events)
{
	struct member *m = ctx;
	int code;

	if (!(events & EPOLLHUP))
		return;
	if (pidexit_read(m->pidfd, &code) == 0 && !m->c->has_exit_code) {
		m->c->exit_code = code;
		m->c->has_exit_code = true;
	}
	close_pidfd(m);
}

/* Only EPOLLHUP is asked for (it always is): between death and reaping there is nothing to read. */
static void watch_exit(struct agent *a, struct member *m)
{
	int fd = pidexit_open(m->c->pid);

	if (fd < 0)
		return;
	m->pidfd = fd;
	if (loop_add_fd(a->loop, fd, 0, on_pidfd, m, &m->pidfd_source, NULL) < 0)
		close_pidfd(m);
}

static struct container *network_owner(const struct agent *a, const struct container *but)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++)
		if (list[i] != but && list[i]->netns == but->netns && list[i]->owns_network)
			return list[i];
	return NULL;
}

/* A namespace's counters are shown once: by the pod's sandbox, else by who came first. */
static void settle_network(struct agent *a, struct container *c)
{
	if (c->owns_network || !c->netns || c->netns == a->host_netns)
		return;
	struct container *owner = network_owner(a, c);
	bool takes = !owner || (c->meta && c->meta->sandbox);

	if (owner)
		member_of(owner)->network_shared = member_of(c)->network_shared = true;
	if (owner && takes)
		owner->owns_network = false;
	c->owns_network = takes;
}

void agent_learn_pid(struct agent *a, struct member *m)
{
	struct container *c = m->c;

	if (c->ended || (c->kind != CGROUP_CONTAINER && c->kind != CGROUP_SERVICE))
		return;
	if (c->pid) {
		settle_network(a, c);
		return;
	}
	pid_t pid = c->meta && c->meta->pid > 0 ? c->meta->pid : 0;

	if (!pid || !procstat_start_boot_ns(a->proc, pid))
		pid = sampler_first_pid(a->sampler, c->cg);
	if (!pid)
		return;
	c->pid = pid;
	sampler_set_pid(c->cg, pid);
	c->netns = procstat_namespace(a->proc, pid, "net");
	settle_network(a, c);
	if (c->owns_network)
		procstat_network(a->proc, pid, &c->sample);
	watch_exit(a, m);
	uint64_t started = procstat_start_boot_ns(a->proc, pid);

	if (started && !c->started_unix_ns && c->meta)
		c->started_unix_ns = started + a->unix_minus_boot_ns;
}

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
		if (r != -EEXIST)
			log_warning("container is not shown", "cgroup", path, "error", e.text,
				    NULL);
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
	*m = (struct member){
		.agent = a, .c = container_ref(c), .pidfd = -1, .next_metadata_ns = NEVER
	};
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

static void add_container(struct agent *a, const struct identity *id, const char *path,
			  uint64_t inode)
{
	struct container *c;

	add_parents(a, path);
	if (add_entry(a, id->kind, id, path, inode, &c) < 0)
		return;
	member_of(c)->next_metadata_ns = mono_ns();
	sweep_soon(a);
	log_debug("container appeared", "cgroup", path, "runtime", runtime_name(id->runtime), NULL);
}

static void forget_member(struct container *c)
{
	struct member *m = c->user;

	if (!m)
		return;
	close_pidfd(m);
	c->user = NULL;
	container_unref(m->c);
	free(m);
}

static void end_container(struct agent *a, struct container *c)
{
	struct member *m = member_of(c);
	bool shown = c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;

	/* The last figures: the cgroup is gone, but its pidfd may hold the exit code already. */
	if (m->pidfd >= 0 && pidexit_read(m->pidfd, &c->exit_code) == 0)
		c->has_exit_code = true;
	sampler_remove(a->sampler, c->cg);
	c->cg = NULL;
	if (shown && !c->started_unix_ns)
		c->started_unix_ns = unix_ns();
	container_ref(c);
	container_table_end(a->table, c, unix_ns(), mono_ns());
	if (shown) {
		agent_feed_end(a, c);
		m->attempts = 0;
		m->next_metadata_ns = mono_ns() + ended_ms[0] * NS_PER_MS;
		sweep_soon(a);
		log_debug("container ended", "name", container_name(c), "id", c->id.id, NULL);
	} else {
		forget_member(c);
	}
	container_unref(c);
}

static bool inside_container(const struct agent *a, const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return true;
	memcpy(part, path, n + 1);
	while (n > 1) {
		while (n > 1 && part[n - 1] != '/')
			n--;
		part[n > 1 ? --n : n] = '\0';
		const struct container *c = container_table_find_path(a->table, part);

		if (c && c->kind == CGROUP_CONTAINER)
			return true;
	}
	return false;
}

static void drop_probe(struct agent *a, struct probe *p)
{
	free(p->path);
	*p = a->probes[--a->probes_n];
}

static void add_probe(struct agent *a, const char *path, uint64_t inode)
{
	char *copy = a->probes_n < AGENT_MAX_PROBES ? strdup(path) : NULL;

	if (!copy) {
		a->probes_refused++;
		return;
	}
	a->probes[a->probes_n++] =
		(struct probe){ .path = copy, .inode = inode, .next_ns = mono_ns() };
	sweep_soon(a);
}

static struct probe *find_probe(struct agent *a, const char *path)
{
	for (size_t i = 0; i < a->probes_n; i++)
		if (strcmp(a->probes[i].path, path) == 0)
			return &a->probes[i];
	return NULL;
}

static void on_cgroup(void *ctx, const struct cgwatch_event *ev)
{
	struct agent *a = ctx;
	struct container *c = container_table_find_path(a->table, ev->path);
	struct probe *p = find_probe(a, ev->path);
	struct identity id;

	if (ev->gone) {
		if (p)
			drop_probe(a, p);
		if (c && c != a->root)
			end_container(a, c);
		return;
	}
	identity_from_path(ev->path, a->config.services, &id);
	if (id.kind == CGROUP_ROOT && !a->root)
		add_entry(a, CGROUP_ROOT, &(struct identity){ .kind = CGROUP_ROOT }, ev->path,
			  ev->inode, &a->root);
	else if (id.kind == CGROUP_CONTAINER || id.kind == CGROUP_SERVICE)
		add_container(a, &id, ev->path, ev->inode);
	else if (id.kind == CGROUP_OTHER && !inside_container(a, ev->path))
		add_probe(a, ev->path, ev->inode);
}

static void on_watch_problem(void *ctx, const char *text)
{
	agent_degraded(ctx, "the cgroup tree is polled because inotify watches are short", true);
	log_warning("cgroup watcher is degraded", "reason", text, NULL);
}

/* --- metadata, read by the worker ----------------------------------------------------------- */

static void sweep_run(struct worker_job *job)
{
	struct sweep *s = (struct sweep *)job; /* first member */
	struct err e = { "" };

	for (size_t i = 0; i < s->n; i++) {
		struct sweep_item *it = &s->items[i];

		if (!it->c) {
			it->found = metadata_find_by_path(&s->roots, it->path, it->pid, &it->id);
			continue;
		}
		it->stamp = metadata_stamp(&s->roots, &it->id);
		if (it->stamp && it->stamp == it->old_stamp)
			continue;
		it->failed = metadata_load(&it->meta, &s->roots, &it->id, it->path, it->pid, &e) <
			     0;
	}
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

	/* A file that was caught half-written must not take away what was known. */
	metadata_free(c->meta);
	c->meta = meta;
	c->meta_stamp = stamp;
	if (meta->runtime != RUNTIME_NONE)
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
	if (!c->ended) {
		agent_learn_pid(a, member_of(c));
		if (renamed && c->started_unix_ns)
			agent_feed_container(a, c);
	}
}

static void schedule_member(struct member *m)
{
	struct container *c = m->c;
	uint64_t now = mono_ns();
	unsigned step = m->attempts++;
	bool settled = c->meta && c->pid && c->meta->state != STATE_CREATED && c->started_unix_ns;

	if (c->ended) {
		bool done = c->has_exit_code && c->meta && c->meta->has_exit;

		m->next_metadata_ns = done || step + 1 >= COUNT(ended_ms)
					      ? NEVER
					      : now + ended_ms[step + 1] * NS_PER_MS;
		return;
	}
	if (!settled && step + 1 < COUNT(young_ms)) {
		m->next_metadata_ns = now + young_ms[step + 1] * NS_PER_MS;
		return;
	}
	/* Nothing on disk speaks of it: looked at ever more seldom. */
	if (!c->meta) {
		unsigned doublings = step < 11 ? step + 1 - (unsigned)COUNT(young_ms) : 5;

		m->next_metadata_ns = now + ((uint64_t)STEADY_MS << doublings) * NS_PER_MS;
		return;
	}
	/* Spread by slot, so that hundreds that came together are not looked at together. */
	m->next_metadata_ns = now + (STEADY_MS + c->slot % 64 * 10) * NS_PER_MS;
}

/* After a second without better knowledge the first process tells when it began, else the clock. */
static void settle_start(struct agent *a, struct member *m)
{
	struct container *c = m->c;

	if (c->ended || c->started_unix_ns || m->attempts < 5)
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
	struct probe *p = find_probe(a, it->path);

	if (!p || p->inode != it->inode)
		return; /* the cgroup went away */
	p->sweeping = false;
	if (it->found) {
		uint64_t inode = p->inode;

		drop_probe(a, p);
		struct container *parent = container_table_find_path(a->table, it->path);

		if (parent && parent->kind == CGROUP_PARENT)
			end_container(a, parent); /* shown as a parent till now */
		add_container(a, &it->id, it->path, inode);
	} else if (++p->attempts >= COUNT(probe_ms)) {
		drop_probe(a, p);
	} else {
		p->next_ns = mono_ns() + probe_ms[p->attempts] * NS_PER_MS;
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
		sweep_soon(a);
}

static void add_item(struct agent *a, struct sweep *s, struct container *c)
{
	char *path = strdup(c->cgroup_path);

	if (!path)
		return;
	member_of(c)->sweeping = true;
	if (!c->ended && !c->pid)
		agent_learn_pid(a, member_of(c));
	s->items[s->n++] = (struct sweep_item){ .c = container_ref(c),
						.path = path,
						.pid = c->ended ? 0 : c->pid,
						.id = c->id,
						.old_stamp = c->meta ? c->meta_stamp : 0 };
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
	s->roots = (struct metadata_roots){ a->config.rootfs, a->proc, a->metadata_cache };
	collect_members(a, s, now, &next);
	collect_probes(a, s, now, &next);
	if (s->n > 0) {
		s->running = worker_submit(a->worker, &s->job, true) == 0;
		if (s->running)
			return;
		sweep_done(&s->job); /* refused: try again later */
	}
	if (next != NEVER)
		loop_set_timer(a->metadata_timer, next > now ? next - now : 1, 0);
}

static void sweep_soon(struct agent *a)
{
	if (!a->sweep.running && a->metadata_timer)
		loop_set_timer(a->metadata_timer, 1, 0);
}

/* --- out of memory -------------------------------------------------------------------------- */

void agent_count_oom(struct agent *a, struct member *m)
{
	struct container *c = m->c;
	uint64_t seen = m->oom_kmsg;

	if ((c->sample.have & SAMPLE_OOM) && c->sample.oom_kills > seen)
		seen = c->sample.oom_kills;
	if (seen > c->oom_events) {
		a->counters.oom_events += seen - c->oom_events;
		c->oom_events = seen;
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
	agent_count_oom(a, m);
	if (c->pid == oom->pid)
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

	for (size_t i = 0; i < n; i++)
		if (now - list[i]->ended_mono_ns >= keep_ns)
			forget_member(list[i]);
	container_table_expire(a->table, now, keep_ns);
}

int agent_containers_start(struct agent *a, struct err *e)
{
	a->sweep = (struct sweep){ .job = { .run = sweep_run, .done = sweep_done }, .agent = a };
	a->metadata_cache = metadata_cache_new();
	a->host_netns = procstat_namespace(a->proc, 1, "net");
	if (!a->host_netns) /* process 1 is out of reach: our own is the host's outside containers
			     */
		a->host_netns = procstat_namespace(a->proc, getpid(), "net");
	a->unix_minus_boot_ns = procstat_boot_unix_ns();
	int r = loop_add_timer(a->loop, 0, 0, on_metadata_timer, a, &a->metadata_timer, e);

	if (r < 0)
		return r;
	return cgwatch_new(&a->watch, a->loop, a->layout.watch_fd, a->layout.watch_path, 10000,
			   on_cgroup, on_watch_problem, a, e);
}

void agent_containers_stop(struct agent *a)
{
	struct container *const *list;

	cgwatch_free(a->watch);
	a->watch = NULL;
	for (int ended = 0; a->table && ended < 2; ended++) {
		size_t n = ended ? container_table_ended(a->table, &list)
				 : container_table_live(a->table, &list);

		for (size_t i = 0; i < n; i++) {
			sampler_remove(a->sampler, list[i]->cg);
			list[i]->cg = NULL;
			forget_member(list[i]);
		}
	}
	while (a->probes_n > 0)
		drop_probe(a, &a->probes[0]);
	loop_remove(a->metadata_timer);
	a->metadata_timer = NULL;
	metadata_cache_free(a->metadata_cache);
	a->metadata_cache = NULL;
}
