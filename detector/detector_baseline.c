// SPDX-License-Identifier: GPL-2.0-or-later
/* Assembly: containers that come and go, their baselines, what the agent is asked for. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "collector/config.h"
#include "detector/detector_baseline_internal.h"

#define TEXT_BYTES   16384
#define SETTLE_NS    (10 * NS_PER_S)
#define AGE_NS	     (3600 * NS_PER_S)
#define SAVES_A_TICK 4

uint64_t baseline_now_ns(const struct detector_baseline *d)
{
	(void)d;
	return unix_ns();
}

/* --- containers ---------------------------------------------------------------------------- */

struct observer *observer_find(const struct detector_baseline *d, const struct container *c)
{
	struct observer *o = c->slot < d->observers_max ? d->observers[c->slot] : NULL;

	return o && o->c == c ? o : NULL;
}

struct image *image_of(struct detector_baseline *d, struct baseline *b)
{
	(void)d;
	if (!b->user) {
		struct image *i = calloc(1, sizeof(*i));

		if (i)
			i->baseline = b;
		b->user = i;
	}
	return b->user;
}

struct image *image_find(struct detector_baseline *d, const struct baseline_key *k)
{
	const struct config *c = d->services.config;
	struct baseline *b =
		baseline_store_find(d->store, span_str(k->repository), span_str(k->entry));
	struct err e = { "" };

	if (b)
		return image_of(d, b);
	if (baseline_new(&b, span_str(k->repository), span_str(k->entry), baseline_now_ns(d), &e) <
		    0 ||
	    baseline_store_add(d->store, b) < 0) {
		d->counts.unknown_images++;
		return NULL;
	}
	b->mode = (enum baseline_mode)c->baseline_mode;
	b->mode_since_ns = baseline_now_ns(d);
	snprintf(b->mode_by, sizeof(b->mode_by), "default");
	struct image *i = image_of(d, b);

	if (i)
		modes_of_config(d, i);
	return i;
}

/* It began when nobody looked: what the image never showed in any phase may be somebody's work of
 * that time, and is judged as what it is now. Whose child a program is cannot be told afterwards.
 */
static enum seen_phase phase_of_seeded(const struct observer *o, const struct behaviour *b)
{
	const struct baseline *base = o->image->baseline;
	const char *cut = memmem(b->key.p, b->key.n, " < ", 3);

	if (base->mode < MODE_DETECT || baseline_find(base, b->class, b->key) ||
	    (cut &&
	     baseline_knows_program(base, b->class,
				    (struct span){ b->key.p, (size_t)(cut + 3 - b->key.p) })))
		return PHASE_STARTUP;
	return observer_phase(o, false);
}

static bool take_process(void *ctx, const struct process *p)
{
	struct observer *o = ctx;
	struct behaviour list[BEHAVIOUR_MAX];
	const uint64_t key = p->container_cgroup;

	if (p->ended || !key || (key != o->c->inode && key != o->c->unified_inode))
		return true;
	size_t n = behaviours_of_process(o->owner->reader, p, list);

	for (size_t i = 0; i < n; i++)
		observer_take(o, &list[i],
			      p->injected ? PHASE_INJECTED : phase_of_seeded(o, &list[i]), NULL,
			      NULL);
	return true;
}

static void take_processes(struct observer *o)
{
	const struct agent_services *services = &o->owner->services;
	const struct process_table *processes = services->processes(services->agent);

	/* the sensor, which finds out who runs, may still be loading */
	o->unseeded = o->resumed && (!processes || process_table_stats(processes).live == 0);
	if (o->resumed && !o->unseeded)
		process_each(processes, take_process, o);
}

static void begin(struct observer *o)
{
	observer_begin(o);
	take_processes(o);
}

/* Its start became known after its image; that it was seen at its start is known from then on. */
static void date(struct observer *o)
{
	o->dated = true;
	if (o->c->started_unix_ns < o->owner->began_unix_ns && o->phase != PHASE_SHUTDOWN)
		begin(o);
}

/* What it did before its image was known has waited. */
static void bind(struct observer *o)
{
	const struct metadata *m = o->c->meta;
	struct baseline_key k;

	if (o->image || !m || (!m->image && !m->image_id))
		return;
	o->sandbox = m->sandbox;
	if (o->sandbox)
		return;
	baseline_repository(span_str(m->image), span_str(m->image_id), k.repository);
	baseline_entry(span_str(m->command), k.entry);
	o->image = image_find(o->owner, &k);
	if (!o->image)
		return;
	struct baseline *b = o->image->baseline;

	o->image->observers++;
	observer_find_version(o);
	o->counts = baseline_container(b, span_str(o->c->id.id));
	b->dirty = true;
	begin(o);
	observer_bound(o);
	enforce_observer(o);
}

static struct observer *observer_new(struct detector_baseline *d, struct container *c)
{
	struct observer *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->owner = d;
	o->c = container_ref(c);
	buf_init(&o->waiting, OBSERVER_WAITING_BYTES);
	observer_begin(o);
	d->observers[c->slot] = o;
	d->observers_n++;
	return o;
}

static void observer_free(struct observer *o)
{
	struct detector_baseline *d = o->owner;

	if (o->image)
		o->image->observers--;
	d->observers[o->c->slot] = NULL;
	d->observers_n--;
	usage_free(o->usage);
	places_release(o);
	window_set_release(&o->seen);
	buf_release(&o->waiting);
	container_unref(o->c);
	free(o);
}

static void leave(struct observer *o)
{
	if (o->resolving)
		o->leaves = true; /* its job frees it */
	else
		observer_free(o);
}

void observer_drop(struct observer *o)
{
	usage_end(o);
	places_release(o);
	if (o->image)
		o->image->observers--;
	o->image = NULL;
	leave(o);
}

static void observer_gone(struct observer *o)
{
	if (o->image) {
		observer_end(o);
		places_end(o);
	}
	usage_end(o);
	enforce_died(o->owner, o->c);
	response_undo(o->owner->response, span_str(o->c->id.id));
	leave(o);
}

void observer_resolved(struct observer *o)
{
	o->resolving = false;
	if (o->leaves)
		observer_free(o);
}

static struct observer *observer_get(struct detector_baseline *d, struct container *c)
{
	if (c->kind != CGROUP_CONTAINER || c->ended || c->slot >= d->observers_max)
		return NULL;
	struct observer *o = d->observers[c->slot];

	if (o && o->c != c) { /* the slot has a new owner before we heard of the end */
		if (o->leaves)
			return NULL;
		observer_gone(o);
		o = d->observers[c->slot];
		if (o)
			return NULL;
	}
	if (o)
		return o->leaves ? NULL : o;
	o = observer_new(d, c);
	if (!o)
		return NULL;
	bind(o);
	return o;
}

struct observer *observer_of_event(struct detector_baseline *d, struct container *c)
{
	struct observer *o = observer_get(d, c);

	if (o && !o->image && !o->sandbox)
		bind(o);
	else if (o && o->image && !o->dated && c->started_unix_ns)
		date(o);
	return o;
}

/* Containers without events are observed, too. */
static void look_at_containers(struct detector_baseline *d)
{
	const struct container_table *t = d->services.containers(d->services.agent);
	struct container *const *list;
	const size_t n = t ? container_table_live(t, &list) : 0;

	for (size_t i = 0; i < n; i++)
		observer_of_event(d, list[i]);
	for (uint32_t i = 0; i < d->observers_max && d->observers_n; i++) {
		struct observer *o = d->observers[i];

		if (o && !o->leaves && o->image && !o->c->ended && o->unseeded)
			take_processes(o);
		if (o && !o->leaves && o->c->ended)
			observer_gone(o);
		else if (o && !o->leaves && o->image && o->image->baseline->mode == MODE_ENFORCE)
			enforce_observer(o); /* what could not be done a second ago */
	}
}

void detector_baseline_life(struct detector_baseline *d, struct container *c, enum agent_life what)
{
	if (!d->store)
		return;
	struct observer *o = what == LIFE_CREATED || what == LIFE_STARTED ? observer_of_event(d, c)
									  : observer_find(d, c);

	if (o && !o->leaves && what == LIFE_CREATED) {
		o->came_ns = mono_ns();
		observer_begin(o);
	}
	if (o && !o->leaves && (what == LIFE_STOPPED || what == LIFE_DESTROYED))
		observer_gone(o);
}

/* --- bounds, wants ------------------------------------------------------------------------- */

struct maturity_bounds baseline_bounds(const struct detector_baseline *d, bool of_digest)
{
	const struct config *c = d->services.config;
	const uint64_t least = of_digest ? c->baseline_upgrade_s : c->baseline_minimum_s;

	return (struct maturity_bounds){
		.new_entries = 1.0 / c->baseline_windows,
		.minimum_ns = least * NS_PER_S,
		.min_containers = of_digest ? 1 : c->baseline_containers,
	};
}

void baseline_wants(struct detector_baseline *d)
{
	const struct config *c = d->services.config;
	size_t n;
	struct baseline *const *list = baseline_store_list(d->store, &n);
	bool learns = false;

	for (size_t i = 0; i < n; i++)
		learns |= list[i]->mode != MODE_OFF;
	if (d->wants_told && d->wants_syscalls == (learns && c->baseline_syscalls))
		return;
	d->wants_told = true;
	d->wants_syscalls = learns && c->baseline_syscalls;
	const struct agent_wants w = {
		.container = behaviour_event_mask(),
		.host = EVENT_BIT(EVENT_KILL), /* who asks a container to stop */
		.names = behaviour_event_mask(),
		.dull = EVENT_BIT(EVENT_OPEN),
		.retell_ms = (uint32_t)(d->window_length_ns / NS_PER_MS),
		.learn_syscalls = d->wants_syscalls,
	};

	d->services.want(d->services.agent, WANTS_BASELINES, &w);
}

/* --- time ---------------------------------------------------------------------------------- */

static void settle(struct detector_baseline *d)
{
	const struct maturity_bounds all = baseline_bounds(d, false),
				     one = baseline_bounds(d, true);
	size_t n;
	struct baseline *const *list = baseline_store_list(d->store, &n);

	for (size_t i = 0; i < n; i++) {
		struct image *im = list[i]->user;

		if (!im || im->observers == 0)
			continue;
		if (baseline_settle(list[i], &all, &one, baseline_now_ns(d))) {
			list[i]->dirty = true;
			image_promote(d, im);
			if (strcmp(list[i]->mode_by, "breaker") != 0)
				modes_of_config(d, im); /* what had to wait for this */
			enforce_image(d, im);
		}
	}
}

static void age(struct detector_baseline *d)
{
	const uint64_t keep = (uint64_t)d->services.config->baseline_age_s * NS_PER_S;
	const uint64_t now = baseline_now_ns(d);
	size_t n;
	struct baseline *const *list = baseline_store_list(d->store, &n);

	for (size_t i = 0; now > keep && i < n; i++) {
		struct image *im = list[i]->user;

		/* what nobody runs shows nothing: its baseline stays as it is */
		if (im && im->observers && baseline_age(list[i], now - keep)) {
			list[i]->dirty = true;
			d->changes++;
		}
	}
}

void detector_baseline_tick(struct detector_baseline *d)
{
	const uint64_t now = mono_ns();

	if (!d->store)
		return;
	look_at_containers(d);
	observer_windows(d);
	if (now - d->settled_ns > SETTLE_NS || d->window_length_ns < SETTLE_NS) {
		d->settled_ns = now;
		settle(d);
		baseline_wants(d);
	}
	if (now - d->aged_ns > AGE_NS) {
		d->aged_ns = now;
		age(d);
	}
	deviation_digests(d, false);
	enforce_tick(d);
	if (now - d->saved_ns > d->services.config->baseline_save_s * NS_PER_S) {
		/* some at a time, so that a thousand do not meet in one turn */
		baseline_store_save(d->store, SAVES_A_TICK);
		if (baseline_store_stats(d->store).dirty == 0)
			d->saved_ns = now;
	}
}

void detector_baseline_round(struct detector_baseline *d)
{
	if (!d->store)
		return;
	usage_look(d);
}

void detector_baseline_reload(struct detector_baseline *d)
{
	size_t n;

	if (!d->store)
		return;
	struct baseline *const *list = baseline_store_list(d->store, &n);

	for (size_t i = 0; i < n; i++) {
		struct image *im = image_of(d, list[i]);

		if (im)
			modes_of_config(d, im);
	}
	enforce_configure(d);
	d->wants_told = false;
	baseline_wants(d);
}

/* --- as a whole ---------------------------------------------------------------------------- */

/* Of the first process; where that one is hidden from us, our own: what we run in is not judged. */
static uint32_t mounts_of_host(const char *proc)
{
	static const char *const of[] = { "1", "self" };
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s/ns/mnt", proc, of[i]);
		if (stat(path, &st) == 0)
			return (uint32_t)st.st_ino;
	}
	return 0;
}

static int start(struct detector_baseline *d, struct err *e)
{
	const struct config *c = d->services.config;
	struct span sensitive[CONFIG_MAX_LIST];
	const struct behaviour_settings reader = { sensitive, c->baseline_sensitive.n };
	const struct baseline_store_settings store = { .state_fd = d->services.state_fd,
						       .worker = d->worker,
						       .max = c->baseline_max };

	for (uint32_t i = 0; i < c->baseline_sensitive.n; i++)
		sensitive[i] = span_str(c->baseline_sensitive.items[i]);
	d->host_mounts = mounts_of_host(d->services.proc);
	d->event_mask = behaviour_event_mask();
	if (getrandom(&d->repeats_seed, sizeof(d->repeats_seed), 0) != sizeof(d->repeats_seed))
		return err_errno(e, "random numbers");
	d->observers_max = c->max_containers;
	d->observers = calloc(d->observers_max, sizeof(struct observer *));
	if (!d->observers)
		return err_set(e, ENOMEM, "no memory for baselines");
	int r = behaviour_reader_new(&d->reader, &reader, e);

	if (r == 0)
		r = rates_new(&d->rates, e);
	if (r == 0)
		r = enforce_start(d, e);
	if (r == 0)
		r = baseline_store_new(&d->store, &store, e);
	if (r == 0)
		detector_baseline_reload(d);
	return r;
}

int detector_baseline_new(struct detector_baseline **out,
			  const struct detector_baseline_settings *s, struct err *e)
{
	AUTO(detector_baseline_free) struct detector_baseline *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ENOMEM, "no memory for baselines");
	d->services = *s->services;
	d->worker = s->worker;
	d->alerts = s->alerts;
	d->audit = s->audit;
	d->window_length_ns = d->services.config->baseline_window_s * NS_PER_S;
	d->saved_ns = d->aged_ns = mono_ns();
	d->began_unix_ns = unix_ns();
	buf_init(&d->text, TEXT_BYTES);
	int r = d->services.config->baseline ? start(d, e) : 0;

	if (r < 0)
		return r;
	*out = TAKE(d);
	return 0;
}

void detector_baseline_free(struct detector_baseline *d)
{
	size_t n = 0;

	if (!d)
		return;
	for (uint32_t i = 0; d->observers && i < d->observers_max; i++)
		if (d->observers[i])
			observer_free(d->observers[i]);
	if (d->response)
		response_undo_all(d->response);
	struct baseline *const *list = d->store ? baseline_store_list(d->store, &n) : NULL;

	for (size_t i = 0; i < n; i++) {
		free(list[i]->user);
		list[i]->user = NULL;
	}
	baseline_store_free(d->store);
	response_free(d->response);
	breaker_free(d->breaker);
	rates_free(d->rates);
	behaviour_reader_free(d->reader);
	free(d->observers);
	buf_release(&d->text);
	free(d);
}

double detector_baseline_usual(const struct detector_baseline *d, const struct container *c,
			       enum baseline_resource r)
{
	const struct observer *o = d->store ? observer_find(d, c) : NULL;
	const unsigned hour = (unsigned)(unix_ns() / NS_PER_S / 3600 % 24);

	return o && o->image ? baseline_usual(o->image->baseline, r, hour, 0.95) : NAN;
}

enum baseline_program detector_baseline_program(const struct detector_baseline *d,
						const struct container *c, struct span exe)
{
	const struct observer *o = d->store ? observer_find(d, c) : NULL;
	const struct baseline *b = o && o->image ? o->image->baseline : NULL;
	char prefix[PATH_MAX + 4];
	const int n = snprintf(prefix, sizeof(prefix), "%.*s < ", (int)exe.n, exe.p);

	if (!b || b->mode < MODE_DETECT || !b->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY] ||
	    exe.n == 0 || n >= (int)sizeof(prefix))
		return PROGRAM_NOT_LEARNED;
	return baseline_knows_program(b, BASELINE_EXEC, (struct span){ prefix, (size_t)n })
		       ? PROGRAM_KNOWN
		       : PROGRAM_NEW;
}

struct response *detector_baseline_response(const struct detector_baseline *d)
{
	return d->response;
}
