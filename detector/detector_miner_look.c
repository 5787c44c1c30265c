// SPDX-License-Identifier: GPL-2.0-or-later
/* Containers that keep a processor busy: their threads are read every few seconds, on the worker,
 * until they are idle for a while. Others cost one comparison a second. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "detector/detector_miner_internal.h"

#define HOT_TICKS     2	 /* seconds in a row before it is looked at */
#define COLD_TICKS    15 /* ... and before it is not any more */
#define LOOKS	      24 /* in a window; seldom: */
#define LOOK_LEAST_NS NS_PER_S
#define LOOK_MOST_NS  (5 * NS_PER_S)
#define MAPS_NS	      (30 * NS_PER_S)
#define USUAL_SHARE   0.7 /* of what it takes now is usual for its image */

struct look_job {
	struct worker_job job; /* first member */
	struct detector_miner *owner;
	struct container *c; /* a reference */
	struct worker *worker;
	const char *proc;
	struct miner_look look;
};

static double processors_of(const struct detector_miner *d, const struct container *c)
{
	const struct sample *s = &c->sample;

	if (!(s->have & SAMPLE_CPU_SPEC) || !s->cpu_quota_us || !s->cpu_period_us)
		return d->online;
	return fmin(d->online, (double)s->cpu_quota_us / (double)s->cpu_period_us);
}

static struct miner_shape_limits limits_of(const struct detector_miner *d,
					   const struct container *c)
{
	const long hz = sysconf(_SC_CLK_TCK);

	return (struct miner_shape_limits){
		.window_ns = d->services.config->mining_window_s * NS_PER_S,
		.processors = processors_of(d, c),
		.ticks_a_second = hz > 0 ? (unsigned long)hz : 100,
	};
}

/* --- what was found ------------------------------------------------------------------------ */

static void note_connection(struct suspect *s, const struct miner_shape_verdict *v,
			    const struct process *p)
{
	const struct miner_look_peer *peer = &v->peer;
	const uint64_t cookie = peer->cookie;
	char address[INET6_ADDRSTRLEN] = "?", bytes[24];
	struct miner_hit h;

	inet_ntop(peer->family, peer->remote, address, sizeof(address));
	miner_hit_set(&h, MINER_CONNECTION, 0, "%s port %u: %u messages, %s in %.0f s", address,
		      peer->remote_port, peer->sent_segments,
		      alert_bytes_text(peer->sent_bytes, bytes), v->peer_seconds);
	suspect_note(s, &h, p);
	if (miner_names_port(s->owner->names, peer->remote_port)) {
		miner_hit_set(&h, MINER_PORT, 0, "%u", peer->remote_port);
		suspect_note(s, &h, p);
	}
	if (cookie && s->owner->opaque[cookie % MINER_OPAQUES] == cookie) {
		miner_hit_set(&h, MINER_OPAQUE, 0, "the connection is TLS");
		suspect_note(s, &h, p);
	}
}

static void note_program(struct suspect *s, const struct process *p, bool deleted)
{
	const struct span exe = p ? process_exe(p) : SPAN_LIT("");
	const uint16_t flags = p ? p->exe_file.flags : 0;
	struct miner_hit h;

	if (deleted || flags & (FILE_MEMORY | FILE_DELETED)) {
		miner_hit_set(&h, MINER_HIDDEN, 0, "%.*s", (int)(exe.n < 150 ? exe.n : 150),
			      exe.p ? exe.p : "");
		suspect_note(s, &h, p);
		return;
	}
	const char *how = NULL;

	if (flags & FILE_UPPER)
		how = "written after the container was made";
	else if (p && detector_baseline_program(s->owner->baseline, s->c, exe) == PROGRAM_NEW)
		how = "new to its image's baseline";
	if (!how)
		return;
	miner_hit_set(&h, MINER_NEW_PROGRAM, 0, "%.*s: %s", (int)(exe.n < 120 ? exe.n : 120),
		      exe.p ? exe.p : "", how);
	suspect_note(s, &h, p);
}

static void note_signs(struct suspect *s, const struct miner_shape_verdict *v,
		       const struct process *p)
{
	struct miner_hit h;

	if (v->all_processors) {
		miner_hit_set(&h, MINER_ALL_CPUS, 0, "%u", v->hot);
		suspect_note(s, &h, p);
	}
	if (v->gives_way) {
		miner_hit_set(&h, MINER_PRIORITY, 0, "nice 10 or more, or SCHED_IDLE");
		suspect_note(s, &h, p);
	}
	if (v->memory & MEMORY_DATASET && v->memory & MEMORY_CODE) {
		miner_hit_set(&h, MINER_DATASET, 0,
			      "2 GiB in one piece, and code that it made itself");
		suspect_note(s, &h, p);
	}
	if (v->memory & MEMORY_WRITE_CODE) {
		miner_hit_set(&h, MINER_CODE, 0, "memory that is writable and executable");
		suspect_note(s, &h, p);
	}
}

/* What its image does every day is no anomaly. */
static bool is_usual(const struct suspect *s, const struct process *p)
{
	const struct detector_baseline *b = s->owner->baseline;
	const double usual = detector_baseline_usual(b, s->c, RESOURCE_CPU);

	return p && detector_baseline_program(b, s->c, process_exe(p)) == PROGRAM_KNOWN &&
	       !isnan(usual) && usual >= USUAL_SHARE * s->c->cpu_cores;
}

static void note_look(struct suspect *s, const struct miner_look *l)
{
	struct detector_miner *d = s->owner;
	const struct miner_shape_limits limits = limits_of(d, s->c);
	const struct process_table *t = miner_processes(d);
	struct miner_shape_verdict v;
	struct miner_hit h;
	bool deleted = false;

	miner_shape_add(s->shape, l, &limits);
	miner_shape_judge(s->shape, &limits, &v);
	s->not_burning = v.not ;
	if (!v.burns)
		return;
	const struct process *p = t ? process_find_pid(t, (uint32_t)v.pid) : NULL;

	for (uint32_t i = 0; i < l->processes_n; i++)
		deleted |= l->processes[i].pid == v.pid && l->processes[i].deleted;
	s->usual = is_usual(s, p);
	miner_hit_set(
		&h, MINER_CPU, 0,
		"%u thread%s take%s %.2f processors of %.2f wanted for %.0f s: %.1f %% in user "
		"mode, %.1f waits a second, spread %.0f %%",
		v.hot, v.hot == 1 ? "" : "s", v.hot == 1 ? "s" : "", v.processors, v.wanted,
		(double)(l->mono_ns - v.since_mono_ns) / 1e9, 100 * v.user_share, v.switches,
		100 * v.spread);
	suspect_note(s, &h, p);
	if (v.talks)
		note_connection(s, &v, p);
	note_program(s, p, deleted);
	note_signs(s, &v, p);
	suspect_judge(s);
}

/* --- looking ------------------------------------------------------------------------------- */

static void run(struct worker_job *job)
{
	struct look_job *j = (struct look_job *)job;

	miner_look_read(&j->look, j->proc);
}

static void done(struct worker_job *job)
{
	struct look_job *j = (struct look_job *)job;
	struct suspect *s = worker_closing(j->worker) ? NULL : suspect_find(j->owner, j->c);

	if (s && s->job == j) {
		s->job = NULL;
		j->owner->counts.looks++;
		if (s->shape)
			note_look(s, &j->look);
	}
	container_unref(j->c);
	free(j);
}

struct picking {
	const struct container *c;
	const struct process_table *table;
	struct miner_look *look;
	uint32_t at;
};

/* The newest stay: who intrudes came later than who belongs there. */
static bool pick(void *ctx, const struct process *p)
{
	struct picking *k = ctx;

	if (p->ended || p->kernel_thread || !miner_is_in(p, k->c))
		return true;
	k->look->processes[k->at % MINER_LOOK_PROCESSES] =
		(struct miner_look_process){ .pid = (pid_t)p->key.pid,
					     .start_boot_ns = p->key.start_boot_ns };
	k->at++;
	return true;
}

static void mark(struct miner_look *l, pid_t pid, unsigned *marked)
{
	for (uint32_t i = 0; i < l->processes_n; i++)
		if (l->processes[i].pid == pid && !l->processes[i].close &&
		    *marked < MINER_LOOK_CLOSE) {
			l->processes[i].close = true;
			(*marked)++;
		}
}

/* Busy ones, then their parents: one may compute, and the other talk. */
static void mark_close(const struct suspect *s, const struct process_table *t, struct miner_look *l)
{
	pid_t hot[MINER_LOOK_CLOSE];
	const size_t n = miner_shape_close(s->shape, hot);
	unsigned marked = 0;

	for (size_t i = 0; i < n; i++) {
		const struct process *p = process_find_pid(t, (uint32_t)hot[i]);

		mark(l, hot[i], &marked);
		if (p && p->parent && miner_is_in(p->parent, s->c))
			mark(l, (pid_t)p->parent->key.pid, &marked);
	}
}

static void submit(struct suspect *s, uint64_t now)
{
	struct detector_miner *d = s->owner;
	const struct process_table *t = miner_processes(d);
	struct look_job *j = t ? calloc(1, sizeof(*j)) : NULL;

	s->looked_ns = now;
	if (!j)
		return;
	struct picking k = { .c = s->c, .table = t, .look = &j->look };

	process_each(t, pick, &k);
	j->look.processes_n = k.at < MINER_LOOK_PROCESSES ? k.at : MINER_LOOK_PROCESSES;
	mark_close(s, t, &j->look);
	j->look.maps = now - s->maps_ns >= MAPS_NS;
	if (j->look.maps)
		s->maps_ns = now;
	j->owner = d;
	j->worker = d->lookups;
	j->proc = d->services.proc;
	j->job = (struct worker_job){ .run = run, .done = done };
	j->c = container_ref(s->c);
	if (worker_submit(d->lookups, &j->job, false) < 0) {
		d->counts.jobs_refused++;
		container_unref(j->c);
		free(j);
		return;
	}
	s->job = j;
}

static bool begin(struct suspect *s)
{
	struct detector_miner *d = s->owner;

	if (d->shapes_n == MINER_SHAPES || miner_shape_new(&s->shape) < 0) {
		d->counts.shapes_refused++;
		return false;
	}
	d->shapes_n++;
	s->maps_ns = 0;
	return true;
}

void suspect_stop_looking(struct suspect *s)
{
	s->job = NULL; /* it finds nobody, and frees itself */
	if (!s->shape)
		return;
	miner_shape_free(s->shape);
	s->shape = NULL;
	s->owner->shapes_n--;
}

static uint64_t interval(const struct detector_miner *d)
{
	const uint64_t ns = d->services.config->mining_window_s * NS_PER_S / LOOKS;

	return ns < LOOK_LEAST_NS ? LOOK_LEAST_NS : ns > LOOK_MOST_NS ? LOOK_MOST_NS : ns;
}

/* What it takes, and the share of the time in which it waits for a processor. */
static bool is_busy(const struct detector_miner *d, const struct container *c)
{
	const double least = MINER_TAKES * fmin(1, processors_of(d, c));
	const double cores = rates_get(d->rates, c, RATE_CPU_CORES);
	const double waits = rates_get(d->rates, c, RATE_PRESSURE_CPU);
	const double takes = fmax(c->cpu_cores, isnan(cores) ? 0 : cores);

	return takes + (isnan(waits) ? 0 : waits / 100) >=
	       least * 0.95; /* its threads say it finer */
}

void suspect_look(struct detector_miner *d, struct container *c, uint64_t now)
{
	const bool hot = is_busy(d, c);
	struct suspect *s = hot ? suspect_get(d, c) : suspect_find(d, c);

	if (!s)
		return;
	s->hot_ticks = hot ? s->hot_ticks + 1 : 0;
	s->cold_ticks = hot ? 0 : s->cold_ticks + 1;
	if (s->shape && s->cold_ticks > COLD_TICKS && !s->job) {
		suspect_stop_looking(s);
		s->usual = false;
		return;
	}
	if (!s->shape && (s->hot_ticks < HOT_TICKS || !begin(s)))
		return;
	if (!s->job && now - s->looked_ns >= interval(d))
		submit(s, now);
}
