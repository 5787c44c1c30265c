// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/flight.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/flight_write.h"

#define SEVERITY ALERT_ERROR
#define HOST	 "host"

struct recent {	      /* whose events have been written down lately */
	char of[136]; /* the container's id */
	char name[FLIGHT_NAME_BYTES];
	uint64_t at_ns; /* 0: free */
};

struct flight {
	struct flight_settings set;
	struct flight_ring *ring; /* NULL: switched off */
	struct worker *worker;
	struct recent recent[FLIGHT_MAX_RECENT];
	char name[FLIGHT_NAME_BYTES]; /* of the last answer */
	unsigned waiting;
	uint64_t refused;
	struct flights_state totals;
};

struct job {
	struct worker_job job; /* first member */
	struct flight *f;
	struct flight_scene scene;
	int state_fd; /* a copy */
	uint64_t max_bytes;
	int result;
	struct err why;
	struct flight_usage before, usage;
};

/* --- on the worker -----------------------------------------------------------------------------
 */

static bool closing(const void *ctx)
{
	return worker_closing(ctx);
}

static int write_down(struct job *j)
{
	AUTO_FD int dir = flight_store_open(j->state_fd, &j->why);
	const struct flight_writer w = { .dir_fd = dir,
					 .proc = j->f->set.proc,
					 .closing = j->f->worker ? closing : NULL,
					 .ctx = j->f->worker };
	int r = dir < 0 ? dir : 0;

	/* room first, so that there is never one more */
	if (r == 0)
		r = flight_store_trim(dir, FLIGHT_MAX_KEPT - 1, j->max_bytes, &j->before, &j->why);
	if (r == 0)
		r = flight_write(&w, &j->scene, &j->why);
	struct err ignored;
	int trimmed = dir < 0 ? dir
			      : flight_store_trim(dir, FLIGHT_MAX_KEPT, j->max_bytes, &j->usage,
						  &ignored);

	return r < 0 ? r : trimmed;
}

static void run(struct worker_job *job)
{
	struct job *j = (struct job *)job;

	j->result = write_down(j);
	flight_scene_release(&j->scene); /* it may be megabytes: not on the loop */
}

/* --- on the loop -------------------------------------------------------------------------------
 */

static void job_free(struct job *j)
{
	if (!j)
		return;
	flight_scene_release(&j->scene);
	if (j->state_fd >= 0)
		close(j->state_fd);
	free(j);
}
DEFINE_AUTO(job, job_free)

static void forget(struct flight *f, const char *id)
{
	for (size_t i = 0; i < FLIGHT_MAX_RECENT; i++)
		if (strncmp(f->recent[i].name, id, ULID_BYTES - 1) == 0)
			f->recent[i].at_ns = 0;
}

static void done(struct worker_job *job)
{
	AUTO(job_free) struct job *j = (struct job *)job;
	struct flight *f = j->f;

	f->waiting--;
	f->totals.removed += j->before.removed + j->usage.removed;
	if (j->usage.flights > 0 || j->result == 0) {
		f->totals.kept = j->usage.flights;
		f->totals.bytes = j->usage.bytes;
	}
	if (j->result == 0) {
		f->totals.written++;
		return;
	}
	f->totals.failed++;
	forget(f, j->scene.id); /* the next alert tries again */
	log_warning("what led to an alert could not be written down", "alert", j->scene.id, "error",
		    j->why.text[0] ? j->why.text : "bulkheadd is stopping", NULL);
}

static int submit(struct flight *f, struct job *j)
{
	j->job = (struct worker_job){ .run = run, .done = done };
	j->result = -ECANCELED; /* unless it is run */
	if (f->worker)
		return worker_submit(f->worker, &j->job, false);
	run(&j->job);
	done(&j->job);
	return 0;
}

static int begin(struct flight *f, const struct alert *a, const char *id)
{
	AUTO(job_free) struct job *j = calloc(1, sizeof(*j));
	const struct agent_services *s = f->set.services;

	if (!j)
		return -ENOMEM;
	j->f = f;
	j->max_bytes = s->config->flight_max_bytes;
	j->state_fd = fcntl(s->state_fd, F_DUPFD_CLOEXEC, 0);
	if (j->state_fd < 0)
		return -errno;
	int r = flight_scene_take(&j->scene, s, f->ring, a, id);

	if (r < 0)
		return r;
	f->waiting++;
	r = submit(f, j);
	if (r < 0)
		f->waiting--;
	else
		(void)TAKE(j);
	return r;
}

/* Where this container's is, or the place for it: a free one, or that of the oldest. */
static struct recent *recent_of(struct flight *f, const char *of)
{
	struct recent *place = &f->recent[0];

	for (size_t i = 0; i < FLIGHT_MAX_RECENT; i++) {
		struct recent *r = &f->recent[i];

		if (r->at_ns && strcmp(r->of, of) == 0)
			return r;
		if (r->at_ns < place->at_ns)
			place = r;
	}
	return place;
}

static bool is_wanted(const struct alert *a)
{
	return a->severity <= SEVERITY && a->kind != ALERT_HEARTBEAT && a->kind != ALERT_TEST &&
	       a->kind != ALERT_AUDIT;
}

struct span flight_of_alert(struct flight *f, const struct alert *a, const char *id)
{
	const struct span none = { NULL, 0 };
	const uint64_t now = mono_ns();
	char of[sizeof(f->recent[0].of)];

	if (!f->ring || !is_wanted(a))
		return none;
	if (a->container)
		snprintf(of, sizeof(of), "%.*s", (int)a->container->id.n, a->container->id.p);
	else
		snprintf(of, sizeof(of), HOST);
	struct recent *r = recent_of(f, of);
	const bool known = r->at_ns && strcmp(r->of, of) == 0;

	if (known && now - r->at_ns < FLIGHT_SHARED_NS) {
		f->totals.shared++;
		snprintf(f->name, sizeof(f->name), "%s", r->name);
		return span_str(f->name);
	}
	/* noted before: what is written at once may fail, and is to be forgotten then */
	const struct recent was = *r;

	*r = (struct recent){ .at_ns = now };
	snprintf(r->of, sizeof(r->of), "%s", of);
	flight_store_name(id, FLIGHT_RECORDING, r->name);
	snprintf(f->name, sizeof(f->name), "%s", r->name);
	if (f->waiting < FLIGHT_MAX_WAITING && begin(f, a, id) == 0)
		return span_str(f->name);
	*r = was;
	f->refused++;
	return none;
}

void flight_event(struct flight *f, const struct event_view *v)
{
	if (f->ring)
		flight_ring_add(f->ring, v);
}

void flight_ended(struct flight *f, const struct container *c)
{
	if (!f->ring)
		return;
	flight_ring_end(f->ring, c->inode, mono_ns());
	flight_ring_end(f->ring, c->unified_inode, mono_ns());
}

/* Events that come late, or of what never was in the table: their ring would stay for ever. */
static void look_at_one(struct flight *f, uint64_t now)
{
	const struct agent_services *s = f->set.services;
	const struct container_table *t = s->containers ? s->containers(s->agent) : NULL;
	const uint64_t cgroup = flight_ring_next(f->ring);
	struct container *const *list;
	const size_t n = t && cgroup ? container_table_live(t, &list) : 0;

	for (size_t i = 0; i < n; i++)
		if (list[i]->inode == cgroup || list[i]->unified_inode == cgroup)
			return;
	if (n > 0)
		flight_ring_end(f->ring, cgroup, now);
}

void flight_tick(struct flight *f)
{
	const uint64_t now = mono_ns();

	if (!f->ring)
		return;
	look_at_one(f, now);
	flight_ring_expire(f->ring, now);
}

void flight_state(const struct flight *f, struct alerts_state *out)
{
	struct flight_ring_stats r = { .chunks = 0 };

	if (f->ring)
		r = flight_ring_stats(f->ring);
	out->flights = f->totals;
	out->flights.max_bytes = f->set.services->config->flight_max_bytes;
	out->flights.events = r.events;
	out->flights.events_cut = r.cut;
	alerts_state_table(out, "flight_memory", r.used * FLIGHT_CHUNK_BYTES,
			   r.chunks * FLIGHT_CHUNK_BYTES, r.refused);
	alerts_state_table(out, "flights_waiting", f->waiting, FLIGHT_MAX_WAITING, f->refused);
	alerts_state_table(out, "flights_kept", f->totals.kept, FLIGHT_MAX_KEPT, f->totals.removed);
}

/* --- assembly ----------------------------------------------------------------------------------
 */

/* What an earlier run left counts. It is small: names of some hundred files. */
static void look_at_disk(struct flight *f)
{
	const struct agent_services *s = f->set.services;
	struct err e = { "" };
	AUTO_FD int dir = flight_store_open(s->state_fd, &e);
	struct flight_usage u;

	if (dir < 0 ||
	    flight_store_trim(dir, FLIGHT_MAX_KEPT, s->config->flight_max_bytes, &u, &e) < 0) {
		log_warning("recordings of alerts", "error", e.text, NULL);
		return;
	}
	f->totals.kept = u.flights;
	f->totals.bytes = u.bytes;
	f->totals.removed = u.removed;
}

int flight_new(struct flight **out, const struct flight_settings *s, struct err *e)
{
	AUTO(flight_free) struct flight *f = calloc(1, sizeof(*f));
	int r = 0;

	if (!f)
		return err_set(e, ENOMEM, "no memory for the flight recorder");
	f->set = *s;
	if (s->services->config->flight_memory_bytes >= 2 * FLIGHT_CHUNK_BYTES)
		r = flight_ring_new(&f->ring, s->services->config->flight_memory_bytes, e);
	if (r == 0 && s->loop && f->ring)
		r = worker_new(&f->worker, s->loop, "flight", e);
	if (r < 0)
		return r;
	look_at_disk(f);
	*out = TAKE(f);
	return 0;
}

bool flight_stop(struct flight *f, unsigned wait_ms)
{
	/* done() looks at the worker: the pointer stays while it ends */
	if (!f || !worker_stop(f->worker, wait_ms))
		return !f;
	f->worker = NULL;
	return true;
}

void flight_free(struct flight *f)
{
	if (!f)
		return;
	worker_free(f->worker);
	flight_ring_free(f->ring);
	free(f);
}
