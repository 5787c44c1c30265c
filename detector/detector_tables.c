// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/detector_tables_internal.h"

#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/log.h"

#define GRACE_MS    500
#define SUBJECTS_NS (60 * NS_PER_S)
#define END_NS	    (60 * NS_PER_S)
#define END_LOOKS   12
#define ASK_NS	    (20 * NS_PER_S) /* somebody is told without a name rather than nobody */
#define FAST_S	    600

static uint64_t interval_ns(const struct detector_tables *d)
{
	return d->set.services->config->tables_interval_s * NS_PER_S;
}

/* --- what is so, what is told ---------------------------------------------------------------- */

static bool is_disk(const struct tracked *t)
{
	return t->f.table == TABLE_DISK || t->f.table == TABLE_INODES;
}

static bool is_countable(const struct tracked *t)
{
	return ((TABLES_SWEPT | TABLE_BIT(TABLE_CONNTRACK) | TABLE_BIT(TABLE_NEIGHBOURS) |
		 TABLE_BIT(TABLE_SOCKET_MEMORY) | TABLE_BIT(TABLE_CGROUPS)) &
		TABLE_BIT(t->f.table)) ||
	       is_disk(t);
}

/* Nobody is named that has not been looked for just now. */
static bool must_ask(const struct detector_tables *d, const struct tracked *t, uint64_t now)
{
	return is_countable(t) && (!t->top.counted || now - t->top.time_ns > interval_ns(d));
}

/* A sweep may have to wait, for it was not long ago that there was one. */
static bool may_wait(struct tracked *t, uint64_t now)
{
	if (!is_countable(t) || t->top.time_ns == now)
		return false;
	if (!t->asked_ns)
		t->asked_ns = now;
	return now - t->asked_ns < ASK_NS;
}

static bool will_tell(const struct tracked *t)
{
	return (t->v.level == TABLE_IS_CRITICAL && !t->alerts[1].told) ||
	       (t->v.level == TABLE_IS_WARNING && !t->alerts[0].told && !t->alerts[1].told);
}

/* While it fills, so that growth can be told from what was there before. */
static bool is_worth_a_look(const struct detector_tables *d, const struct tracked *t, uint64_t now)
{
	const bool fast = t->v.full_in_s <= FAST_S;
	const bool half = t->v.percent * 2 >= d->set.services->config->tables_warning;

	/* disks are full by a third everywhere, and a walk over them is dear */
	return is_countable(t) && t->v.level == TABLE_IS_NEAR && (fast || (half && !is_disk(t))) &&
	       (!t->top.counted || now - t->top.time_ns >= TABLES_AGE_NS);
}

static uint64_t end_ns(const struct detector_tables *d)
{
	const uint64_t looks = END_LOOKS * interval_ns(d);

	return looks < END_NS ? looks : END_NS;
}

static void end_when_over(struct detector_tables *d, struct tracked *t, bool critical, uint64_t now)
{
	if (!t->alerts[critical].told)
		return;
	if (t->v.level >= (critical ? TABLE_IS_CRITICAL : TABLE_IS_WARNING)) {
		t->alerts[critical].under_ns = 0;
		return;
	}
	if (!t->alerts[critical].under_ns)
		t->alerts[critical].under_ns = now;
	if (now - t->alerts[critical].under_ns < end_ns(d))
		return;
	tables_tell_end(d, t, critical);
	t->alerts[critical].told = false;
	t->alerts[critical].under_ns = 0;
}

static void tell(struct detector_tables *d, struct tracked *t)
{
	const bool critical = t->v.level == TABLE_IS_CRITICAL;

	tables_tell(d, t, critical);
	t->alerts[critical].told = true;
	t->alerts[critical].under_ns = 0;
	t->asked_ns = 0;
}

/* --- looks -------------------------------------------------------------------------------------
 */

static struct tracked *track(struct detector_tables *d, const struct table_figure *f)
{
	struct tracked *t;

	for (size_t i = 0; i < d->tracked_n; i++) {
		t = &d->tracked[i];
		if (t->f.table == f->table && t->f.which == f->which) {
			t->f = *f;
			return t;
		}
	}
	if (d->tracked_n == TRACKED_MAX) {
		d->refused++;
		return NULL;
	}
	t = &d->tracked[d->tracked_n++];
	*t = (struct tracked){ .f = *f };
	return t;
}

static void drop(struct detector_tables *d, size_t i)
{
	struct tracked *t = &d->tracked[i];

	for (int critical = 0; critical < 2; critical++)
		if (t->alerts[critical].told)
			tables_tell_end(d, t, critical != 0);
	table_top_clear(&t->top);
	table_top_clear(&t->between);
	table_top_clear(&t->before);
	*t = d->tracked[--d->tracked_n];
}

static void take_figures(struct detector_tables *d, uint64_t now)
{
	const struct config *c = d->set.services->config;
	const struct table_limits limits = { c->tables_warning, c->tables_critical };
	const struct table_output *out = &d->look->out;

	for (size_t i = 0; i < out->figures_n; i++) {
		struct tracked *t = track(d, &out->figures[i]);

		if (!t)
			continue;
		t->seen_ns = now;
		if (!d->look->holders_only)
			table_judge(&t->v, &t->pace, &t->f, &limits, now);
		tables_hold(d, t, now);
	}
	for (size_t i = d->tracked_n; i > 0; i--) /* a user, a file system that is no more */
		if (now - d->tracked[i - 1].seen_ns > end_ns(d))
			drop(d, i - 1);
}

static void start_look(struct detector_tables *d, uint32_t want, bool holders_only);

static void judge_all(struct detector_tables *d, uint64_t now)
{
	uint32_t want = 0;

	for (size_t i = 0; i < d->tracked_n; i++) {
		struct tracked *t = &d->tracked[i];

		if (t->seen_ns != now)
			continue;
		end_when_over(d, t, false, now);
		end_when_over(d, t, true, now);
		if (!will_tell(t))
			t->asked_ns = 0;
		if (will_tell(t) && (d->look->holders_only || !must_ask(d, t, now))) {
			if (!d->look->holders_only || !may_wait(t, now))
				tell(d, t);
		} else if (will_tell(t) || is_worth_a_look(d, t, now)) {
			want |= TABLE_BIT(t->f.table);
		}
	}
	tables_forget_subjects(d->look);
	if (!d->look->holders_only && (want || d->look->out.wants_subjects))
		start_look(d, want, true);
}

static void look_run(struct worker_job *job)
{
	struct tables_look *l = (struct tables_look *)job;

	host_tables_look(l->reader, &l->in, &l->out);
}

static void look_done(struct worker_job *job)
{
	struct tables_look *l = (struct tables_look *)job;
	struct detector_tables *d = l->d;
	const uint64_t now = mono_ns();

	d->busy = false;
	if (worker_closing(d->worker) || !d->set.services->config->tables) {
		tables_forget_subjects(l);
		return;
	}
	d->looks++;
	d->looks_refused += l->out.refused;
	d->sweep_ns = l->out.sweep_ns;
	take_figures(d, now);
	judge_all(d, now);
}

static void start_look(struct detector_tables *d, uint32_t want, bool holders_only)
{
	const struct agent_services *s = d->set.services;
	struct tables_look *l = d->look;
	const uint64_t now = mono_ns();

	l->holders_only = holders_only;
	snprintf(l->rootfs, sizeof(l->rootfs), "%s", s->config->rootfs);
	snprintf(l->state_dir, sizeof(l->state_dir), "%s", s->config->state_dir);
	l->in = (struct table_input){ .proc = s->proc,
				      .sys = l->sys,
				      .rootfs = l->rootfs,
				      .state_dir = l->state_dir,
				      .hierarchy = s->layout ? s->layout->watch_name : "",
				      .memory = s->layout ? s->layout->paths[CONTROLLER_MEMORY]
							  : "",
				      .worker = d->worker,
				      .started = d->containers_new,
				      .now_ns = now,
				      .want = want };
	d->containers_new = false;
	if (want || holders_only || l->in.started || !d->subjects_ns ||
	    now - d->subjects_ns >= SUBJECTS_NS)
		tables_fill_subjects(d);
	tables_fill_probes(d);
	d->busy = worker_submit(d->worker, &l->job, false) == 0;
	if (!d->busy)
		tables_forget_subjects(l);
}

static void end_all(struct detector_tables *d)
{
	while (d->tracked_n > 0)
		drop(d, d->tracked_n - 1);
}

static void start_worker(struct detector_tables *d)
{
	struct err e = { "" };

	if (worker_new(&d->worker, d->set.services->loop, "host-tables", &e) < 0)
		log_warning("the host's tables are not watched", "error", e.text, NULL);
}

void detector_tables_tick(struct detector_tables *d)
{
	const uint64_t now = mono_ns();

	if (!d->on || d->busy || now < d->next_ns)
		return;
	if (!d->worker)
		start_worker(d);
	d->next_ns = now + interval_ns(d);
	if (d->worker)
		start_look(d, 0, false);
}

void detector_tables_reload(struct detector_tables *d)
{
	if (d->on && !d->set.services->config->tables)
		end_all(d);
	d->on = d->set.services->config->tables;
	d->next_ns = 0;
}

void detector_tables_life(struct detector_tables *d, struct container *c, enum agent_life what)
{
	(void)c;
	if (what == LIFE_STARTED)
		d->containers_new = true;
}

int detector_tables_new(struct detector_tables **out, const struct detector_tables_settings *s,
			struct err *e)
{
	AUTO(detector_tables_free) struct detector_tables *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ENOMEM, "no memory for the host's tables");
	d->set = *s;
	d->look = calloc(1, sizeof(*d->look));
	if (!d->look)
		return err_set(e, ENOMEM, "no memory for the host's tables");
	d->look->d = d;
	d->look->job.run = look_run;
	d->look->job.done = look_done;
	int r = host_tables_new(&d->look->reader, e);

	if (r < 0)
		return r;
	if (!io_join(d->look->sys, sizeof(d->look->sys), s->services->proc, "sys"))
		return err_set(e, ENAMETOOLONG, "bad path '%s'", s->services->proc);
	d->on = s->services->config->tables;
	*out = TAKE(d);
	return 0;
}

void detector_tables_free(struct detector_tables *d)
{
	if (!d)
		return;
	if (!worker_stop(d->worker, GRACE_MS)) {
		log_warning("a file system hangs, stopping without the host's tables", NULL);
		return;
	}
	for (size_t i = 0; i < d->tracked_n; i++) { /* what was told goes on in the next run */
		table_top_clear(&d->tracked[i].top);
		table_top_clear(&d->tracked[i].between);
		table_top_clear(&d->tracked[i].before);
	}
	if (d->look) {
		tables_forget_subjects(d->look);
		host_tables_free(d->look->reader);
	}
	free(d->look);
	free(d);
}
