// SPDX-License-Identifier: GPL-2.0-or-later
/* What is read less often than every round: limits and process counts, network, descriptors, disk
 * space, file systems. Containers are spread over the rounds by their slot, so that each round does
 * an even share. What may block or costs more than a few system calls goes to the worker. */
#include "collector/agent_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "collector/base/io.h"
#include "collector/procstat.h"

#define DISK_STEP_NS	(20 * NS_PER_MS) /* of each second: at most 2 % of a core for walks */
#define DISK_AT_LEAST_S 600 /* a container that ran nothing is measured again after this */
#define DISK_PARTS	(2 + SAMPLE_MAX_VOLUMES) /* layer, log, volumes */
#define PROCESS_PIDS	4096 /* descriptors are counted for so many processes of a container */
#define IDLE_TIMES	6    /* intervals after which an idle container is read again */
#define PROCESS_BATCH	32   /* containers in one job */

/* --- disk space ------------------------------------------------------------------------------ */

struct disk_part {
	char *path;
	char name[64]; /* of a volume */
	struct diskusage_result result;
	bool done;
};

/* One container is walked at a time; the walk keeps its place between its slices. */
struct disk_walk {
	struct worker_job job;
	struct agent *agent;
	struct container *c; /* a reference; NULL: idle */
	struct disk_part parts[DISK_PARTS];
	size_t parts_n, at;
	struct diskusage *walk;
	uint64_t limit_bytes;
	uint32_t major, minor;
	uint64_t spent_ns; /* in this round */
	bool running, finished;
};

/* Goes on with the parts until the slice is used up. */
static void disk_slice(struct disk_walk *d)
{
	const uint64_t until = mono_ns() + DISK_STEP_NS - d->spent_ns;
	struct statvfs fs;
	struct stat st;

	if (d->at == 0 && !d->walk && d->parts[0].path && statvfs(d->parts[0].path, &fs) == 0 &&
	    stat(d->parts[0].path, &st) == 0) {
		d->limit_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
		d->major = (uint32_t)(st.st_dev >> 8 & 0xfff);
		d->minor = (uint32_t)((st.st_dev & 0xff) | (st.st_dev >> 12 & 0xfff00));
	}
	while (d->at < d->parts_n) {
		struct disk_part *p = &d->parts[d->at];
		uint64_t now = mono_ns();

		if (now >= until)
			return;
		if (!p->path || (!d->walk && diskusage_new(&d->walk, p->path, NULL) < 0)) {
			d->at++;
			continue;
		}
		if (diskusage_step(d->walk, until - now, &p->result) == 0)
			return;
		p->done = true;
		diskusage_free(TAKE(d->walk));
		d->at++;
	}
	d->finished = true;
}

static void disk_run(struct worker_job *job)
{
	struct disk_walk *d = (struct disk_walk *)job;
	const uint64_t start = mono_ns();

	disk_slice(d);
	d->spent_ns += mono_ns() - start;
}

static void disk_clear(struct disk_walk *d)
{
	diskusage_free(TAKE(d->walk));
	for (size_t i = 0; i < d->parts_n; i++)
		free(d->parts[i].path);
	memset(d->parts, 0, sizeof(d->parts));
	d->parts_n = d->at = 0;
	d->limit_bytes = 0;
	d->finished = false;
	container_unref(TAKE(d->c));
}

static const char *device_name(const struct agent *a, uint32_t major, uint32_t minor)
{
	for (uint32_t i = 0; i < a->live.filesystems_n; i++)
		if (a->live.filesystems[i].major == major && a->live.filesystems[i].minor == minor)
			return a->live.filesystems[i].device;
	return NULL;
}

static void disk_take(struct disk_walk *d)
{
	struct agent *a = d->agent;
	struct sample *s = &d->c->sample;
	const char *device = device_name(a, d->major, d->minor);

	if (d->parts[0].done) {
		s->disk_layer_bytes = d->parts[0].result.bytes;
		s->disk_layer_inodes = d->parts[0].result.inodes;
		s->disk_limit_bytes = d->limit_bytes;
		s->have |= SAMPLE_DISK;
	}
	if (d->parts[1].done) {
		s->disk_log_bytes = d->parts[1].result.bytes;
		s->disk_log_inodes = d->parts[1].result.inodes;
	}
	if (device)
		snprintf(s->disk_device, sizeof(s->disk_device), "%s", device);
	else
		snprintf(s->disk_device, sizeof(s->disk_device), "%u:%u", d->major, d->minor);
	s->volumes_n = 0;
	for (size_t i = 2; i < d->parts_n; i++) {
		if (!d->parts[i].done)
			continue;
		struct sample_volume *v = &s->volumes[s->volumes_n++];

		snprintf(v->name, sizeof(v->name), "%s", d->parts[i].name);
		v->bytes = d->parts[i].result.bytes;
		v->inodes = d->parts[i].result.inodes;
	}
	a->counters.disk_walks++;
	agent_feed_disk(a, d->c);
}

static void disk_go_on(struct agent *a);

static void disk_done(struct worker_job *job)
{
	struct disk_walk *d = (struct disk_walk *)job;

	d->running = false;
	if (!d->finished && !d->c->ended) {
		d->agent->counters.disk_walks_unfinished++;
		return; /* the next round goes on */
	}
	if (d->finished)
		disk_take(d);
	disk_clear(d);
	if (!worker_closing(d->agent->worker))
		disk_go_on(d->agent);
}

static char *host_path(const struct agent *a, const char *path)
{
	char full[PATH_MAX];

	if (!path || !io_join(full, sizeof(full), a->config.rootfs, path))
		return NULL;
	return strdup(full);
}

static void disk_begin(struct agent *a, struct disk_walk *d, struct container *c)
{
	const struct metadata *meta = c->meta;

	d->c = container_ref(c);
	/* the metadata's paths carry the prefix already where there is one */
	d->parts[0].path = meta->writable_layer ? strdup(meta->writable_layer) : NULL;
	d->parts[1].path = meta->log_path ? strdup(meta->log_path) : NULL;
	d->parts_n = 2;
	for (size_t i = 0; i < meta->mounts_n && d->parts_n < DISK_PARTS; i++) {
		const struct metadata_mount *m = &meta->mounts[i];

		if (!m->volume)
			continue;
		struct disk_part *p = &d->parts[d->parts_n++];

		snprintf(p->name, sizeof(p->name), "%s", m->volume);
		p->path = host_path(a, m->source);
	}
}

/* The container whose walk is due longest; one that ran nothing since its last walk waits for
 * DISK_AT_LEAST_S. */
static struct container *disk_pick(struct agent *a, uint64_t now)
{
	struct container *const *list;
	struct member *best = NULL;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++) {
		struct member *m = member_of(list[i]);

		if (list[i]->kind != CGROUP_CONTAINER || !list[i]->meta || m->disk_due_ns > now)
			continue;
		bool idle = (list[i]->sample.have & SAMPLE_DISK) &&
			    m->disk_cpu_ns == list[i]->sample.cpu_usage_ns;

		if (idle && now - m->disk_due_ns < DISK_AT_LEAST_S * NS_PER_S)
			continue;
		if (!best || m->disk_due_ns < best->disk_due_ns)
			best = m;
	}
	if (!best)
		return NULL;
	best->disk_due_ns = now + a->config.disk_interval_ms * NS_PER_MS;
	best->disk_cpu_ns = best->c->sample.cpu_usage_ns;
	return best->c;
}

/* Small layers take microseconds: container follows container until the round's budget is used. */
static void disk_go_on(struct agent *a)
{
	struct disk_walk *d = a->disk_walk;
	struct container *c;

	if (d->running || d->spent_ns >= DISK_STEP_NS)
		return;
	if (!d->c) {
		c = disk_pick(a, mono_ns());
		if (!c)
			return;
		disk_begin(a, d, c);
	}
	d->running = worker_submit(a->worker, &d->job, false) == 0;
}

/* --- descriptors, sockets, limits, TCP states --------------------------------------------------
 */

struct process_item {
	struct container *c; /* a reference */
	char *cgroup_path;
	pid_t pid;
	uint64_t fds, sockets, nofile;
	bool counted, limits, tcp_read;
	uint32_t tcp[TCP_STATE_COUNT], tcp6[TCP_STATE_COUNT];
};

struct process_walk {
	struct worker_job job;
	struct agent *agent;
	struct process_item items[PROCESS_BATCH];
	size_t n;
	bool running, tcp;
};

static void count_descriptors(const struct agent *a, struct process_item *it)
{
	char file[PATH_MAX];
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span rest, line;
	unsigned left = PROCESS_PIDS;
	uint64_t pid;

	buf_init(&b, 1 << 20);
	if (snprintf(file, sizeof(file), "%s/cgroup.procs", it->cgroup_path + 1) >=
		    (int)sizeof(file) ||
	    io_read_buf_at(a->layout.watch_fd, file, &b, NULL) < 0)
		return;
	rest = (struct span){ b.data, b.len };
	while (left-- > 0 && span_next(&rest, '\n', &line))
		if (parse_u64(line, &pid))
			procstat_fds(a->proc, (pid_t)pid, &it->fds, &it->sockets);
	it->counted = true;
}

static void process_run(struct worker_job *job)
{
	struct process_walk *p = (struct process_walk *)job;

	for (size_t i = 0; i < p->n; i++) {
		struct process_item *it = &p->items[i];

		count_descriptors(p->agent, it);
		it->limits = procstat_nofile(p->agent->proc, it->pid, &it->nofile) == 0;
		if (p->tcp)
			it->tcp_read = procstat_tcp(p->agent->proc, it->pid, it->tcp, it->tcp6) ==
				       0;
	}
}

static void process_done(struct worker_job *job)
{
	struct process_walk *p = (struct process_walk *)job;

	for (size_t i = 0; i < p->n; i++) {
		struct process_item *it = &p->items[i];
		struct sample *s = &it->c->sample;

		if (it->counted) {
			s->fds = it->fds;
			s->sockets = it->sockets;
			s->have |= SAMPLE_FDS;
		}
		if (it->limits) {
			s->ulimit_nofile_soft = it->nofile;
			s->have |= SAMPLE_ULIMITS;
		}
		if (it->tcp_read && it->c->owns_network) {
			memcpy(s->tcp, it->tcp, sizeof(s->tcp));
			memcpy(s->tcp6, it->tcp6, sizeof(s->tcp6));
			s->have |= SAMPLE_TCP;
		}
		container_unref(it->c);
		free(it->cgroup_path);
	}
	p->n = 0;
	p->running = false;
}

/* --- the rounds' share --------------------------------------------------------------------------
 */

static bool due(const struct agent *a, const struct container *c, uint32_t interval_ms)
{
	uint64_t every = interval_ms / a->config.sample_interval_ms;

	/* new ones at once: a container that lives for seconds has limits too */
	return every <= 1 || (a->tick + c->slot) % every == 0;
}

static void read_network(struct agent *a, struct container *c)
{
	if (c == a->root)
		procstat_network(a->proc, 1, &c->sample);
	else if (c->pid && c->owns_network && procstat_network(a->proc, c->pid, &c->sample) == 0)
		member_of(c)->changed = true;
}

static void collect_process(struct agent *a, struct container *c)
{
	struct process_walk *p = a->process_walk;
	char *path;

	if (p->running || p->n == PROCESS_BATCH || !c->pid || c->kind == CGROUP_PARENT ||
	    !(path = strdup(c->cgroup_path)))
		return;
	p->items[p->n++] =
		(struct process_item){ .c = container_ref(c), .cgroup_path = path, .pid = c->pid };
}

/* Due, and it ran something since the last look, or that is IDLE_TIMES intervals ago. */
static bool worth_a_look(const struct agent *a, const struct container *c, struct look *l,
			 uint32_t interval_ms, bool may_skip)
{
	uint64_t now = a->last_tick_ns;

	if (!due(a, c, interval_ms))
		return false;
	if (may_skip && l->mono_ns && (c->sample.have & SAMPLE_CPU) &&
	    l->cpu_ns == c->sample.cpu_usage_ns &&
	    now - l->mono_ns < IDLE_TIMES * interval_ms * NS_PER_MS)
		return false;
	*l = (struct look){ now, c->sample.cpu_usage_ns };
	return true;
}

static void slow_one(struct agent *a, struct container *c, bool first)
{
	struct member *m = member_of(c);

	if (first || worth_a_look(a, c, &m->slow, a->config.slow_interval_ms, true)) {
		sampler_read_slow(a->sampler, c->cg, &c->sample);
		agent_count_oom(a, m);
		if (m->attempts > 0)
			agent_learn_pid(a, m);
	}
	if (first || worth_a_look(a, c, &m->network, a->config.network_interval_ms,
				  !m->network_shared))
		read_network(a, c);
	if (!first && worth_a_look(a, c, &m->process, a->config.process_interval_ms, true))
		collect_process(a, c);
}

static void own_figures(struct agent *a)
{
	char text[128];
	struct span rest, word;
	uint64_t pages;

	a->counters.cpu_us = clock_ns(CLOCK_PROCESS_CPUTIME_ID) / NS_PER_US;
	if (io_read_at(AT_FDCWD, "/proc/self/statm", text, sizeof(text)) > 0) {
		rest = span_str(text);
		if (span_word(&rest, &word) && span_word(&rest, &word) && parse_u64(word, &pages))
			a->counters.resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
}

void agent_slow_tick(struct agent *a)
{
	const uint64_t second = 1000 / a->config.sample_interval_ms;
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++) {
		struct member *m = member_of(list[i]);
		bool first = !m->slow_read;

		m->slow_read = true;
		slow_one(a, list[i], first);
	}
	if (a->process_walk->n > 0 && !a->process_walk->running) {
		a->process_walk->tcp = a->config.tcp;
		a->process_walk->running = worker_submit(a->worker, &a->process_walk->job, false) ==
					   0;
		if (!a->process_walk->running)
			process_done(&a->process_walk->job);
	}
	if (second <= 1 || a->tick % second == 0) {
		a->disk_walk->spent_ns = 0;
		disk_go_on(a);
	}
	if (second <= 1 || a->tick % second == 0) {
		const struct machine_roots roots = { a->config.rootfs, a->proc, a->sys };

		machine_read_live(&a->live, &roots, NULL);
	}
	if (a->tick % 10 == 0)
		own_figures(a);
}

/* --- file systems: statfs may hang on a dead mount, so the worker does it ------------------------
 */

struct filesystems_job {
	struct worker_job job;
	struct agent *agent;
	struct machine_roots roots;
	struct machine_live live;
	struct machine_disk disks[MACHINE_MAX_DISKS];
	int disks_n;
	struct loop_source *timer;
	bool running;
};

static void filesystems_run(struct worker_job *job)
{
	struct filesystems_job *f = (struct filesystems_job *)job;

	machine_read_filesystems(&f->live, &f->roots, NULL);
	f->disks_n = machine_read_disks(f->disks, MACHINE_MAX_DISKS, &f->roots);
}

static void filesystems_done(struct worker_job *job)
{
	struct filesystems_job *f = (struct filesystems_job *)job;
	struct agent *a = f->agent;

	f->running = false;
	memcpy(a->live.filesystems, f->live.filesystems, sizeof(a->live.filesystems));
	a->live.filesystems_n = f->live.filesystems_n;
	a->live.filesystems_refused = f->live.filesystems_refused;
	if (f->disks_n >= 0) {
		memcpy(a->disks, f->disks, sizeof(a->disks));
		a->disks_n = (uint32_t)f->disks_n;
	}
}

static void on_filesystems_timer(void *ctx, uint32_t events)
{
	struct filesystems_job *f = ctx;

	(void)events;
	if (!f->running)
		f->running = worker_submit(f->agent->worker, &f->job, false) == 0;
}

int agent_slow_start(struct agent *a, struct err *e)
{
	struct filesystems_job *f = calloc(1, sizeof(*f));

	own_figures(a);
	a->filesystems_job = (struct worker_job *)f;
	a->disk_walk = calloc(1, sizeof(*a->disk_walk));
	a->process_walk = calloc(1, sizeof(*a->process_walk));
	if (!f || !a->disk_walk || !a->process_walk)
		return err_errno(e, "agent");
	*a->disk_walk =
		(struct disk_walk){ .job = { .run = disk_run, .done = disk_done }, .agent = a };
	a->process_walk->job = (struct worker_job){ .run = process_run, .done = process_done };
	a->process_walk->agent = a;
	f->job = (struct worker_job){ .run = filesystems_run, .done = filesystems_done };
	f->agent = a;
	f->roots = (struct machine_roots){ a->config.rootfs, a->proc, a->sys };
	return loop_add_timer(a->loop, 1, 10 * NS_PER_S, on_filesystems_timer, f, &f->timer, e);
}

void agent_slow_stop(struct agent *a)
{
	if (a->disk_walk)
		disk_clear(a->disk_walk);
	free(a->disk_walk);
	free(a->process_walk);
	free(a->filesystems_job);
	a->disk_walk = NULL;
	a->process_walk = NULL;
	a->filesystems_job = NULL;
}
