// SPDX-License-Identifier: GPL-2.0-or-later
/* Disk space of containers, walked by the slow worker within a share of its time, and the host's
 * file systems. Both may hang on a dead mount, and then they alone stand still. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "collector/base/io.h"

#define DISK_BUDGET_NS	(20 * NS_PER_MS) /* of each second: at most 2 % of a core for walks */
#define DISK_SLICE_NS	(5 * NS_PER_MS)	 /* then others who wait for the worker have their turn */
#define DISK_AT_LEAST_S 600 /* a container that ran nothing is measured again after this */
#define DISK_PARTS	(2 + SAMPLE_MAX_VOLUMES) /* layer, log, volumes */
#define HANGS_NS	(60 * NS_PER_S)		 /* a look at the file systems that takes so long */

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
	uint64_t slice_ns, used_ns; /* of one job: allowed, and then taken */
	uint64_t left_ns;	    /* of the budget; the loop's */
	uint64_t refill_ns;	    /* what the budget is to become when the job ends; 0: stays */
	bool running, finished;
};

/* Goes on with the parts until the slice is used up. */
static void disk_slice(struct disk_walk *d)
{
	const uint64_t until = mono_ns() + d->slice_ns;
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
	d->used_ns = mono_ns() - start;
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
	d->left_ns = d->used_ns < d->left_ns ? d->left_ns - d->used_ns : 0;
	if (d->refill_ns)
		d->left_ns = d->refill_ns;
	d->refill_ns = 0;
	if (d->finished)
		disk_take(d);
	if (d->finished || d->c->ended)
		disk_clear(d);
	if (!worker_closing(d->agent->slow_worker))
		disk_go_on(d->agent);
}

static char *host_path(const struct agent *a, const char *path)
{
	char full[PATH_MAX];

	if (!path || !io_join(full, sizeof(full), a->rootfs, path))
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

static bool disk_is_due(const struct container *c, const struct member *m, uint64_t now)
{
	if (c->kind != CGROUP_CONTAINER || !c->meta || m->disk_due_ns > now)
		return false;
	bool idle = (c->sample.have & SAMPLE_DISK) && m->disk_cpu_ns == c->sample.cpu_usage_ns;

	return !idle || now - m->disk_due_ns >= DISK_AT_LEAST_S * NS_PER_S;
}

static struct container *disk_chosen(struct agent *a, struct container *c, uint64_t now)
{
	struct member *m = member_of(c);

	m->disk_due_ns = now + a->config.disk_interval_ms * NS_PER_MS;
	m->disk_cpu_ns = c->sample.cpu_usage_ns;
	return c;
}

/* First the newest of those that were never measured: somebody may look at it, and big layers of
 * others may take minutes. Then the next in turn whose walk is due; one that ran nothing since its
 * last walk waits for DISK_AT_LEAST_S. */
static struct container *disk_pick(struct agent *a, uint64_t now)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = n; i-- > 0;)
		if (!member_of(list[i])->disk_due_ns &&
		    disk_is_due(list[i], member_of(list[i]), now))
			return disk_chosen(a, list[i], now);
	for (size_t i = 0; i < n; i++) {
		size_t at = (a->disk_at + i) % n;

		if (!disk_is_due(list[at], member_of(list[at]), now))
			continue;
		a->disk_at = at + 1;
		return disk_chosen(a, list[at], now);
	}
	return NULL;
}

/* Small layers take microseconds: container follows container until the budget is used. */
static void disk_go_on(struct agent *a)
{
	struct disk_walk *d = a->disk_walk;

	if (d->running || d->left_ns == 0)
		return;
	if (!d->c) {
		struct container *c = disk_pick(a, mono_ns());

		if (!c)
			return;
		disk_begin(a, d, c);
	}
	d->slice_ns = d->left_ns < DISK_SLICE_NS ? d->left_ns : DISK_SLICE_NS;
	d->running = worker_submit(a->slow_worker, &d->job, false) == 0;
}

void agent_disk_round(struct agent *a)
{
	struct disk_walk *d = a->disk_walk;
	uint64_t seconds = a->config.sample_interval_ms / 1000;

	if (a->tick % agent_rounds(a, 1000) != 0)
		return;
	d->refill_ns = DISK_BUDGET_NS * (seconds ? seconds : 1);
	if (d->c)
		a->counters.disk_walks_unfinished++;
	if (d->running)
		return; /* its end refills */
	d->left_ns = d->refill_ns;
	d->refill_ns = 0;
	disk_go_on(a);
}

void agent_disk_interval(struct agent *a)
{
	const uint64_t latest = mono_ns() + a->config.disk_interval_ms * NS_PER_MS;
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++)
		if (member_of(list[i])->disk_due_ns > latest)
			member_of(list[i])->disk_due_ns = latest;
}

/* --- file systems ----------------------------------------------------------------------------- */

struct filesystems_job {
	struct worker_job job;
	struct agent *agent;
	struct machine_roots roots;
	struct machine_live live;
	struct machine_disk disks[MACHINE_MAX_DISKS];
	int disks_n;
	struct loop_source *timer;
	uint64_t begun_ns; /* monotonic */
	bool running;
};

static const char hangs[] = "a file system does not answer: disk space, descriptors and file "
			    "systems are as they were";

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
	agent_degraded(a, hangs, false);
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
	if (f->running) {
		if (mono_ns() - f->begun_ns > HANGS_NS)
			agent_degraded(f->agent, hangs, true);
		return;
	}
	f->begun_ns = mono_ns();
	f->running = worker_submit(f->agent->slow_worker, &f->job, false) == 0;
}

int agent_disk_start(struct agent *a, struct err *e)
{
	struct filesystems_job *f = calloc(1, sizeof(*f));

	a->filesystems_job = f;
	a->disk_walk = calloc(1, sizeof(*a->disk_walk));
	if (!f || !a->disk_walk)
		return err_set(e, ENOMEM, "no memory for disk walks");
	a->disk_walk->job = (struct worker_job){ .run = disk_run, .done = disk_done };
	a->disk_walk->agent = a;
	f->job = (struct worker_job){ .run = filesystems_run, .done = filesystems_done };
	f->agent = a;
	f->roots = (struct machine_roots){ a->rootfs, a->proc, a->sys };
	return loop_add_timer(a->loop, 1, 10 * NS_PER_S, on_filesystems_timer, f, &f->timer, e);
}

void agent_disk_stop(struct agent *a)
{
	if (a->disk_walk)
		disk_clear(a->disk_walk);
	if (a->filesystems_job)
		loop_remove(a->filesystems_job->timer);
	free(TAKE(a->disk_walk));
	free(TAKE(a->filesystems_job));
}
