// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/isolation_mounts_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/arena.h"
#include "collector/base/buf.h"
#include "collector/base/clock.h"
#include "collector/procstat.h"
#include "detector/isolation_mounts.h"

#define LOOK_NS		(30 * NS_PER_S)
#define BATCH		16	    /* containers of one job: the host's mounts are read once */
#define MAX_FINDINGS	32	    /* of one job */
#define MAX_TOTAL_BYTES (64U << 20) /* of all starts together */
#define DECLARED_BYTES	(64U << 10)

/* What is kept of a container, by its slot. */
struct watched {
	const struct container *c; /* only compared */
	struct process_key first;
	struct mount_list start; /* as it was met first */
	size_t bytes;		 /* of it */
	uint64_t due_ns;	 /* monotonic */
	bool has_start, too_much, busy;
};

/* One container in a job. */
struct look {
	struct container *c; /* a reference */
	char name[128];
	struct process_key first;
	struct mount_list start; /* lent by `watched` */
	bool has_start;
	struct mount_list now;
	struct mount_declared declared[MOUNTS_DECLARED];
	char sources[MOUNTS_DECLARED][256]; /* as they were declared */
	size_t declared_n;
	struct arena arena;
	bool declared_known, privileged, from_outside;
	bool judged;
};

struct told {
	unsigned look;
	struct finding f;
};

struct job {
	struct worker_job job; /* first member */
	struct isolation_mounts_watch *owner;
	bool busy;
	char proc[64];
	struct look looks[BATCH];
	unsigned n, at;
	struct finding room;
	struct told told[MAX_FINDINGS];
	unsigned told_n, told_refused;
};

struct isolation_mounts_watch {
	struct isolation_mounts_watch_settings s;
	struct watched *by_slot;
	uint32_t slots;
	size_t next; /* in the list of containers: all have their turn */
	size_t bytes;
	uint64_t bytes_refused, findings_refused;
	struct job *job;
};

/* --- on the worker --------------------------------------------------------------------------- */

/* What does not fit is cut: the reader drops the last line. */
static int read_mountinfo(const char *proc, uint32_t pid, struct buf *b)
{
	char path[160];
	ssize_t n = 1;

	snprintf(path, sizeof(path), "%s/%u/mountinfo", proc, pid);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	buf_clear(b);
	while (n > 0 && b->len < b->max) {
		const size_t room = b->max - b->len < 65536 ? b->max - b->len : 65536;
		char *to = buf_reserve(b, room);

		if (!to)
			return -ENOMEM;
		n = read(fd, to, room);
		if (n > 0)
			b->len += (size_t)n;
	}
	return n < 0 ? -errno : 0;
}

static int read_list(const char *proc, uint32_t pid, struct buf *b, struct mount_list *out)
{
	int r = read_mountinfo(proc, pid, b);

	if (r == 0)
		r = mount_list_parse(out, (struct span){ b->data, b->len }, NULL);
	if (r == 0 && b->len == b->max)
		out->refused++;
	return r;
}

/* A start time from /proc is cut to clock ticks. */
static bool is_still(const char *proc, struct process_key key)
{
	const uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	const uint64_t start = procstat_start_boot_ns(proc, (pid_t)key.pid);

	return start && start / tick_ns == key.start_boot_ns / tick_ns;
}

/* Links in a declared source are the host's to follow. Asked for only where it matters: a path may
 * lie on a server that does not answer. */
static void resolve_declared(struct job *j, struct look *l, const struct mount_list *host)
{
	for (size_t i = 0; i < l->declared_n; i++) {
		struct mount_declared *d = &l->declared[i];
		const struct mount_entry *m = NULL;
		char path[PATH_MAX], link[PATH_MAX];

		for (uint32_t k = 0; k < l->now.n && !m; k++)
			if (l->now.list[k].point.n == d->destination.n &&
			    mount_path_below(l->now.list[k].point, d->destination))
				m = &l->now.list[k];
		if (!m || !l->sources[i][0] || !mount_is_sensitive(host, m))
			continue;
		snprintf(path, sizeof(path), "%s/1/root%s", j->proc, l->sources[i]);
		AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);

		if (fd < 0 && errno == EACCES) /* the first process may have more rights than we */
			fd = open(l->sources[i], O_PATH | O_CLOEXEC);
		if (fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		const ssize_t n = readlink(path, link, sizeof(link));

		if (n > 0 && (size_t)n < sizeof(link))
			d->source = arena_copy(&l->arena, (struct span){ link, (size_t)n });
	}
}

static void keep(void *ctx, const struct finding *f, struct container *of, const struct process *p)
{
	struct job *j = ctx;

	(void)of;
	(void)p;
	if (j->told_n == MAX_FINDINGS) {
		j->told_refused++;
		return;
	}
	struct told *t = &j->told[j->told_n++];

	t->look = j->at;
	t->f = *f;
	/* its facts point into itself */
	for (size_t i = 0; i < f->facts_n; i++) {
		const char *v = f->facts[i].value.p;

		if (v >= f->text && v < f->text + sizeof(f->text))
			t->f.facts[i].value.p = t->f.text + (v - f->text);
	}
}

static void look_at(struct job *j, struct look *l, const struct mount_list *host, struct buf *b)
{
	if (read_list(j->proc, l->first.pid, b, &l->now) < 0)
		return;
	if (!is_still(j->proc, l->first)) {
		mount_list_release(&l->now);
		return;
	}
	resolve_declared(j, l, host);

	struct mounts_case k = {
		.c = l->c,
		.name = l->name,
		.start = l->has_start ? &l->start : &l->now,
		.now = &l->now,
		.host = host,
		.declared = l->declared,
		.declared_n = l->declared_n,
		.declared_known = l->declared_known,
		.privileged = l->privileged,
		.from_outside = l->from_outside,
		.found = keep,
		.ctx = j,
		.f = &j->room,
	};

	l->judged = isolation_mounts_judge(&k);
}

static void run(struct worker_job *job)
{
	struct job *j = (struct job *)job;
	AUTO(mount_list_release) struct mount_list host = { .n = 0 };
	AUTO_BUF struct buf b;

	buf_init(&b, MOUNTS_MAX_BYTES);
	if (read_list(j->proc, 1, &b, &host) < 0)
		return;
	for (j->at = 0; j->at < j->n && !worker_closing(j->owner->s.worker); j->at++)
		look_at(j, &j->looks[j->at], &host, &b);
}

/* --- afterwards ------------------------------------------------------------------------------ */

static struct watched *watched_of(const struct isolation_mounts_watch *w, const struct container *c)
{
	struct watched *x = c->slot < w->slots ? &w->by_slot[c->slot] : NULL;

	return x && x->c == c ? x : NULL;
}

static void forget(struct isolation_mounts_watch *w, struct watched *x)
{
	w->bytes -= x->bytes;
	mount_list_release(&x->start);
	*x = (struct watched){ .c = NULL };
}

static size_t bytes_of(const struct mount_list *l)
{
	size_t n = l->n * sizeof(l->list[0]);

	if (l->n)
		n += (size_t)(l->list[l->n - 1].source.p - l->text);
	return n;
}

/* True: the list is kept as the container's start. */
static bool keep_start(struct isolation_mounts_watch *w, struct watched *x, struct look *l)
{
	const size_t bytes = bytes_of(&l->now);

	if (x->has_start || !l->judged)
		return false;
	if (w->bytes + bytes > MAX_TOTAL_BYTES) {
		x->too_much = true;
		w->bytes_refused++;
		return false;
	}
	x->start = l->now;
	l->now = (struct mount_list){ .n = 0 };
	x->has_start = true;
	x->bytes = bytes;
	w->bytes += bytes;
	return true;
}

static void tell(struct job *j, unsigned at)
{
	struct isolation_mounts_watch *w = j->owner;
	const struct agent_services *s = w->s.services;
	const struct process_table *t = s->processes(s->agent);
	struct look *l = &j->looks[at];
	const struct process *p = t ? process_find(t, l->first) : NULL;

	for (unsigned i = 0; i < j->told_n; i++)
		if (j->told[i].look == at)
			w->s.found(w->s.ctx, &j->told[i].f, l->c, p);
	if (l->judged && w->s.looked)
		w->s.looked(w->s.ctx, l->c);
}

static void done(struct worker_job *job)
{
	struct job *j = (struct job *)job;
	struct isolation_mounts_watch *w = j->owner;
	const bool closing = worker_closing(w->s.worker);

	for (unsigned i = 0; i < j->n; i++) {
		struct look *l = &j->looks[i];
		struct watched *x = watched_of(w, l->c);
		const bool same = x && x->busy && x->first.pid == l->first.pid &&
				  x->first.start_boot_ns == l->first.start_boot_ns;

		if (l->has_start && same)
			x->start = l->start;
		else if (l->has_start)
			mount_list_release(&l->start);
		if (same) {
			x->busy = false;
			keep_start(w, x, l);
			if (!closing && !l->c->ended)
				tell(j, i);
		}
		mount_list_release(&l->now);
		arena_release(&l->arena);
		container_unref(l->c);
	}
	w->findings_refused += j->told_refused;
	j->n = 0;
	j->busy = false;
}

/* --- what is due ----------------------------------------------------------------------------- */

static struct watched *watch(struct isolation_mounts_watch *w, const struct container *c,
			     const struct isolation_start *start)
{
	if (c->slot >= w->slots) {
		const uint32_t n = (c->slot + 1) * 2;
		struct watched *more = realloc(w->by_slot, n * sizeof(*more));

		if (!more)
			return NULL;
		memset(more + w->slots, 0, (n - w->slots) * sizeof(*more));
		w->by_slot = more;
		w->slots = n;
	}
	struct watched *x = &w->by_slot[c->slot];

	if (x->c == c && x->first.pid == start->first.pid &&
	    x->first.start_boot_ns == start->first.start_boot_ns)
		return x;
	forget(w, x);
	x->c = c;
	x->first = start->first;
	return x;
}

static void declare(struct look *l, const struct metadata *m, bool seeded)
{
	/* the runtime's own files (resolv.conf ...) are no mounts of anything sensitive */
	l->declared_known = m && !seeded && m->confinement.known && !m->refused &&
			    m->mounts_n <= MOUNTS_DECLARED;
	for (size_t i = 0; l->declared_known && i < m->mounts_n; i++) {
		const struct metadata_mount *from = &m->mounts[i];
		struct mount_declared *to = &l->declared[l->declared_n];

		if (!from->destination)
			continue;
		to->destination = arena_copy(&l->arena, span_str(from->destination));
		to->shared = !from->propagation[0] || strstr(from->propagation, "shared");
		if (!to->destination.p)
			continue;
		if (from->source && from->source[0] == '/' &&
		    strlen(from->source) < sizeof(l->sources[0]))
			snprintf(l->sources[l->declared_n], sizeof(l->sources[0]), "%s",
				 from->source);
		l->declared_n++;
	}
}

static void add(struct isolation_mounts_watch *w, struct watched *x, struct container *c,
		const struct isolation_start *start)
{
	struct look *l = &w->job->looks[w->job->n++];

	*l = (struct look){ .c = container_ref(c),
			    .first = x->first,
			    .start = x->start,
			    .has_start = x->has_start,
			    .privileged = start->privileged,
			    .from_outside = c->id.runtime == RUNTIME_LXC ||
					    c->id.runtime == RUNTIME_NSPAWN };
	snprintf(l->name, sizeof(l->name), "%s", container_name(c));
	arena_init(&l->arena, DECLARED_BYTES);
	declare(l, c->meta, start->seeded);
	x->start = (struct mount_list){ .n = 0 }; /* lent */
	x->busy = true;
}

/* The first process is there, and looks at what it did at its start. */
static bool can_look(const struct isolation_mounts_watch *w, const struct isolation_start *start)
{
	const struct agent_services *s = w->s.services;
	const struct process_table *t = s->processes(s->agent);
	const struct process *p = t ? process_find(t, start->first) : NULL;

	return p && !p->ended && !(start->shares & SHARES_MNT) && start->ns.mnt &&
	       p->ns.mnt == start->ns.mnt;
}

static void consider(struct isolation_mounts_watch *w, struct container *c, uint64_t now)
{
	const struct isolation_start *start = isolation_start_of(w->s.starts, c);
	struct watched *x = start && c->kind == CGROUP_CONTAINER ? watch(w, c, start) : NULL;

	if (!x || x->busy || x->too_much || now < x->due_ns || !can_look(w, start))
		return;
	x->due_ns = now + LOOK_NS;
	add(w, x, c, start);
}

static void give_back(struct isolation_mounts_watch *w)
{
	struct job *j = w->job;

	for (unsigned i = 0; i < j->n; i++) {
		struct watched *x = &w->by_slot[j->looks[i].c->slot];

		x->start = j->looks[i].start;
		x->busy = false;
		x->due_ns = 0;
		arena_release(&j->looks[i].arena);
		container_unref(j->looks[i].c);
	}
	j->n = 0;
	j->busy = false;
}

void isolation_mounts_watch_tick(struct isolation_mounts_watch *w)
{
	const struct agent_services *s = w->s.services;
	const struct container_table *t = s->containers(s->agent);
	struct container *const *list;
	const uint64_t now = mono_ns();

	if (!s->config->isolation || !t || w->job->busy)
		return;
	const size_t n = container_table_live(t, &list);

	w->job->told_n = w->job->told_refused = 0;
	for (size_t i = 0; i < n && w->job->n < BATCH; i++)
		consider(w, list[w->next++ % n], now);
	w->next = n ? w->next % n : 0;
	if (!w->job->n)
		return;
	w->job->busy = true;
	snprintf(w->job->proc, sizeof(w->job->proc), "%s", s->proc);
	if (worker_submit(w->s.worker, &w->job->job, false) < 0)
		give_back(w);
}

void isolation_mounts_watch_changed(struct isolation_mounts_watch *w, const struct container *c)
{
	struct watched *x = watched_of(w, c);

	if (x)
		x->due_ns = 0;
}

void isolation_mounts_watch_end(struct isolation_mounts_watch *w, const struct container *c)
{
	struct watched *x = watched_of(w, c);

	if (x)
		forget(w, x);
}

/* --- assembly -------------------------------------------------------------------------------- */

int isolation_mounts_watch_new(struct isolation_mounts_watch **out,
			       const struct isolation_mounts_watch_settings *s, struct err *e)
{
	AUTO(isolation_mounts_watch_free) struct isolation_mounts_watch *w = calloc(1, sizeof(*w));

	if (w)
		w->job = calloc(1, sizeof(*w->job));
	if (!w || !w->job)
		return err_set(e, ENOMEM, "watch of mounts");
	w->s = *s;
	w->job->owner = w;
	w->job->job = (struct worker_job){ .run = run, .done = done };
	*out = TAKE(w);
	return 0;
}

void isolation_mounts_watch_free(struct isolation_mounts_watch *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->slots; i++)
		mount_list_release(&w->by_slot[i].start);
	free(w->by_slot);
	free(w->job);
	free(w);
}

void isolation_mounts_watch_state(const struct isolation_mounts_watch *w, struct alerts_state *out)
{
	alerts_state_table(out, "isolation_mount_bytes", w->bytes, MAX_TOTAL_BYTES,
			   w->bytes_refused);
	alerts_state_table(out, "isolation_mount_findings_a_look", w->job->told_n, MAX_FINDINGS,
			   w->findings_refused);
}
