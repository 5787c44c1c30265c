// SPDX-License-Identifier: GPL-2.0-or-later
/* What the worker is told: containers with their paths, and a process of each user in each. */
#include "detector/detector_tables_internal.h"

#include <string.h>

#define ARENA_MAX   (32u << 20)
#define PROBE_SLOTS 1024 /* (container, user) told apart */

bool tables_counts(const struct container *c)
{
	if (c->kind != CGROUP_CONTAINER && c->kind != CGROUP_SERVICE)
		return false;
	for (const struct container *p = c->parent; p; p = p->parent)
		if (p->kind == CGROUP_CONTAINER)
			return false;
	return true;
}

/* --- containers ------------------------------------------------------------------------------ */

static const char *copy(struct arena *a, const char *s)
{
	const struct span out = arena_copy(a, span_str(s ? s : ""));

	return out.p ? out.p : "";
}

static void add_path(struct arena *a, struct table_subject *s, const char *path)
{
	if (!path || path[0] != '/' || path[1] == '\0' || s->paths_n == TABLES_MAX_PATHS)
		return;
	for (size_t i = 0; i < s->paths_n; i++)
		if (strcmp(s->paths[i], path) == 0)
			return;
	s->paths[s->paths_n++] = copy(a, path);
}

static void fill_subject(struct arena *a, struct table_subject *s, const struct container *c)
{
	*s = (struct table_subject){ .path = copy(a, c->cgroup_path),
				     .name = copy(a, container_name(c)),
				     .pid = c->pid > 0 ? (uint32_t)c->pid : 0,
				     .netns = c->netns };
	if (!c->meta)
		return;
	add_path(a, s, c->meta->writable_layer);
	add_path(a, s, c->meta->log_path);
	for (size_t i = 0; i < c->meta->mounts_n; i++) {
		const struct metadata_mount *m = &c->meta->mounts[i];

		if (!m->read_only && m->type &&
		    (strcmp(m->type, "bind") == 0 || strcmp(m->type, "volume") == 0))
			add_path(a, s, m->source);
	}
}

static int by_path(const void *a, const void *b)
{
	const struct container *const *x = a, *const *y = b;

	return strcmp((*x)->cgroup_path, (*y)->cgroup_path);
}

void tables_fill_subjects(struct detector_tables *d)
{
	const struct container_table *t = d->set.services->containers(d->set.services->agent);
	struct tables_look *l = d->look;
	struct container *const *list;
	size_t n = 0;

	tables_forget_subjects(l);
	if (!t)
		return;
	const size_t live = container_table_live(t, &list);

	arena_init(&l->arena, ARENA_MAX);
	l->subjects = arena_zeroed(&l->arena, live + 1, sizeof(*l->subjects));
	l->containers = arena_zeroed(&l->arena, live + 1, sizeof(struct container *));
	if (!l->subjects || !l->containers) {
		arena_release(&l->arena);
		return;
	}
	for (size_t i = 0; i < live; i++)
		if (tables_counts(list[i]))
			l->containers[n++] = list[i];
	if (n > 0)
		qsort(l->containers, n, sizeof(struct container *), by_path);
	for (size_t i = 0; i < n; i++) {
		container_ref(l->containers[i]);
		fill_subject(&l->arena, &l->subjects[i], l->containers[i]);
	}
	l->in.subjects = l->subjects;
	l->in.subjects_n = n;
	l->in.subjects_known = true;
	d->subjects_ns = l->in.now_ns;
}

void tables_forget_subjects(struct tables_look *l)
{
	for (size_t i = 0; i < l->in.subjects_n; i++)
		container_unref(l->containers[i]);
	l->in.subjects = NULL;
	l->in.subjects_n = 0;
	l->in.subjects_known = false;
	l->subjects = NULL;
	l->containers = NULL;
	arena_release(&l->arena);
}

/* --- a process of each user ------------------------------------------------------------------ */

struct probes {
	struct table_input *in;
	size_t at, seen; /* the first `at` are left out, as they had their turn */
	struct {
		uint64_t cgroup;
		uint32_t uid;
		bool used;
	} slots[PROBE_SLOTS];
	size_t slots_n;
};

static void offer(struct probes *p, uint32_t pid)
{
	if (p->seen++ >= p->at && p->in->probes_n < TABLES_MAX_PROBES)
		p->in->probes[p->in->probes_n++] = pid;
}

static bool take_process(void *ctx, const struct process *x)
{
	struct probes *p = ctx;
	size_t i = (size_t)((x->container_cgroup * 31 + x->uid) * 0x9e3779b97f4a7c15ULL >> 54);

	if (x->container_cgroup == 0 || x->ended || x->kernel_thread || x->placeholder)
		return true;
	for (;; i = (i + 1) % PROBE_SLOTS) {
		if (!p->slots[i].used)
			break;
		if (p->slots[i].cgroup == x->container_cgroup && p->slots[i].uid == x->uid)
			return true;
	}
	p->slots[i].used = true;
	p->slots[i].cgroup = x->container_cgroup;
	p->slots[i].uid = x->uid;
	offer(p, x->key.pid);
	return ++p->slots_n < PROBE_SLOTS - 1; /* one stays free, so that every search ends */
}

void tables_fill_probes(struct detector_tables *d)
{
	const struct agent_services *s = d->set.services;
	struct process_table *processes = s->processes(s->agent);
	const struct container_table *containers = s->containers(s->agent);
	struct probes p = { .in = &d->look->in, .at = d->probe_at };
	struct container *const *list;

	if (processes) {
		process_each(processes, take_process, &p);
	} else if (containers) {
		const size_t n = container_table_live(containers, &list);

		for (size_t i = 0; i < n; i++)
			if (list[i]->pid > 0)
				offer(&p, (uint32_t)list[i]->pid);
	}
	d->probe_at = p.seen > p.at + TABLES_MAX_PROBES ? p.at + TABLES_MAX_PROBES : 0;
}
