// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/detector_posture_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"

#define SETTLE_NS (1 * NS_PER_S)   /* the runtime's own process has gone by then */
#define DOUBT_NS  (2 * NS_PER_S)   /* what contradicts the settings is looked at again */
#define AGAIN_NS  (300 * NS_PER_S) /* limits change while it runs */
#define LISTED	  12		   /* new findings in one alert */

/* --- records --- */

struct record *posture_record(const struct detector_posture *d, const struct container *c)
{
	struct record *r = c->slot < d->records_max ? d->records[c->slot] : NULL;

	return r && r->c == c ? r : NULL;
}

static void drop(struct detector_posture *d, uint32_t slot)
{
	struct record *r = d->records[slot];

	if (!r)
		return;
	posture_release(&r->posture);
	container_unref(r->c);
	free(r);
	d->records[slot] = NULL;
	d->used--;
}

static struct record *make(struct detector_posture *d, struct container *c)
{
	struct record *r;

	if (c->slot >= d->records_max) {
		d->refused++;
		return NULL;
	}
	drop(d, c->slot); /* of one that had the slot before */
	r = calloc(1, sizeof(*r));
	if (!r) {
		d->refused++;
		return NULL;
	}
	r->c = container_ref(c);
	d->records[c->slot] = r;
	d->used++;
	return r;
}

/* --- judging --- */

/* A limit of a cgroup above holds as well: Kubernetes limits processes by the pod. */
static void add_limits(struct posture_limits *l, const struct sample *s)
{
	if (s->have & SAMPLE_MEMORY_SPEC) {
		l->memory_known = true;
		l->memory = l->memory || s->memory_limit;
	}
	if (s->have & SAMPLE_CPU_SPEC) {
		l->cpu_known = true;
		l->cpu = l->cpu || s->cpu_quota_us;
	}
	if (s->have & SAMPLE_PIDS) {
		l->pids_known = true;
		l->pids = l->pids || s->threads_max;
	}
}

static struct posture_limits limits_of(const struct container *c)
{
	struct posture_limits l = { .memory_known = false };

	add_limits(&l, &c->sample);
	for (const struct container *up = c->parent; up && up->kind != CGROUP_ROOT; up = up->parent)
		if ((up->sample.have & SAMPLE_MEMORY_SPEC) || (up->sample.have & SAMPLE_PIDS))
			add_limits(&l, &up->sample);
	return l;
}

/* Runtimes set them after the cgroup is there to be sampled, and samples of them are rare: by the
 * settings alone one that is there counts, and none that is missing. */
static void forget_missing(struct posture_limits *l)
{
	l->memory_known = l->memory_known && l->memory;
	l->cpu_known = l->cpu_known && l->cpu;
	l->pids_known = l->pids_known && l->pids;
}

static int judge(struct detector_posture *d, const struct container *c,
		 const struct posture_real *real, struct posture *out)
{
	struct posture_limits limits = limits_of(c);

	if (!real)
		forget_missing(&limits);
	const struct posture_input in = {
		.meta = c->meta,
		.real = real,
		.limits = limits,
		.host_apparmor = d->apparmor,
		.host_selinux = d->selinux,
		.sensitive = &d->s.services->config->posture_sensitive,
	};

	return posture_of(out, &in);
}

static bool is_limit(enum posture_id id)
{
	return id == POSTURE_NO_MEMORY_LIMIT || id == POSTURE_NO_CPU_LIMIT ||
	       id == POSTURE_NO_PIDS_LIMIT;
}

/* Until what contradicts the settings is looked at again; 0: nothing does. A limit is sampled anew
 * by then. */
static uint64_t doubt_ns(const struct detector_posture *d, const struct posture *p)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!p->findings[i].real)
			continue;
		ns = ns ? ns : DOUBT_NS;
		if (is_limit(p->findings[i].id))
			ns = DOUBT_NS + d->s.services->config->slow_interval_ms * NS_PER_MS;
	}
	return ns;
}

static void put_new(struct finding *f, const struct posture *p, uint64_t fresh)
{
	const char *mend = NULL;
	size_t told = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct posture_finding *one = &p->findings[i];

		if (!(fresh & 1ULL << i) || told++ >= LISTED)
			continue;
		finding_text(f, posture_infos[one->id].name, "%s", one->what);
		mend = mend ? mend : posture_infos[one->id].mend;
	}
	if (told > LISTED)
		finding_number(f, "more", told - LISTED);
	finding_text(f, "mend", "%s", mend ? mend : "");
}

/* What is worse than the image ever was. */
static void tell(struct detector_posture *d, const struct record *r, const char *repository)
{
	const struct posture *p = &r->posture;
	const uint64_t fresh = r->verdict.fresh;
	struct finding *f = &d->finding;
	enum alert_severity severity = ALERT_NOTICE;
	char names[160] = "", key[POSTURE_KEY_BYTES] = "";
	bool walls = false;
	size_t n = 0;

	for (size_t i = p->n; i-- > 0;) {
		if (!(fresh & 1ULL << i))
			continue;
		const struct posture_finding *one = &p->findings[i];

		walls = walls || !is_limit(one->id);
		if (one->severity < severity)
			severity = one->severity < ALERT_ERROR ? ALERT_ERROR : one->severity;
		posture_key(one, key); /* the gravest comes last here */
	}
	for (size_t i = 0; i < p->n; i++)
		if (fresh & 1ULL << i && n < sizeof(names) - 1)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "",
					      posture_infos[p->findings[i].id].name);
	finding_begin(f, walls ? INV_SHARED : INV_UNLIMITED, FINDING_SUCCEEDED,
		      "Container '%.64s' is less shut in than its image was before: %s",
		      container_name(r->c), names);
	f->severity = severity;
	finding_key(f, "%s", key);
	finding_text(f, "image", "%s", repository);
	finding_text(f, "grade", "%c", posture_grade_letter(p->grade));
	finding_text(f, "grade_before", "%c", posture_grade_letter(r->verdict.before));
	put_new(f, p, fresh);
	d->s.find(d->s.find_ctx, f, r->c, NULL);
}

static void settle(struct detector_posture *d, struct record *r, struct posture *p, bool real)
{
	const struct metadata *m = r->c->meta;
	char repository[BASELINE_NAME_BYTES];
	struct posture_verdict v = { .first = true };

	posture_release(&r->posture);
	r->posture = *p;
	*p = (struct posture){ .n = 0 };
	r->unix_ns = unix_ns();
	r->real = real;
	baseline_repository(span_str(m->image), span_str(m->image_id), repository);
	/* The container that holds a pod's namespaces has one image for all pods. */
	if (!m->sandbox && repository[0])
		posture_images_take(d->images, repository, &r->posture, real, r->unix_ns, &v);
	if (!r->known || v.worse)
		r->verdict = v;
	r->known = true;
	r->due_ns = mono_ns() + AGAIN_NS;
	if (v.worse && d->s.find)
		tell(d, r, repository);
}

static bool may_judge(const struct container *c)
{
	return c->kind == CGROUP_CONTAINER && c->meta &&
	       (c->meta->details_known || c->meta->confinement.known);
}

static void judge_record(struct detector_posture *d, struct record *r,
			 const struct posture_real *real)
{
	AUTO(posture_release) struct posture p = { .n = 0 };
	const bool seen = real && real->status_known;

	if (!may_judge(r->c) || judge(d, r->c, seen ? real : NULL, &p) < 0)
		return;
	/* the first process may just then be the runtime's own, on its way */
	const uint64_t doubt = doubt_ns(d, &p);

	if (doubt && !r->doubted) {
		r->doubted = true;
		r->due_ns = mono_ns() + doubt;
		return;
	}
	r->doubted = false;
	settle(d, r, &p, seen);
}

/* --- processes are looked at --- */

static void looking_run(struct worker_job *job)
{
	struct looking *l = (struct looking *)job; /* first member */

	for (size_t i = 0; i < l->n && !worker_closing(l->d->s.worker); i++)
		posture_read(&l->looks[i].real, l->proc, l->looks[i].pid);
}

static void looking_done(struct worker_job *job)
{
	struct looking *l = (struct looking *)job;
	struct detector_posture *d = l->d;
	const bool closing = worker_closing(d->s.worker);

	l->running = false;
	for (size_t i = 0; i < l->n; i++) {
		struct look *one = &l->looks[i];
		struct record *r = posture_record(d, one->c);

		if (r)
			r->reading = false;
		/* a number that another has meanwhile */
		if (r && !closing && one->c->pid == one->pid && !one->c->ended)
			judge_record(d, r, &one->real);
		container_unref(one->c);
	}
	l->n = 0;
}

static void look(struct detector_posture *d, struct record *r)
{
	struct looking *l = &d->looking;

	r->reading = true;
	l->looks[l->n++] = (struct look){ .c = container_ref(r->c), .pid = r->c->pid };
}

static void visit(struct detector_posture *d, struct container *c, uint64_t now)
{
	struct record *r = posture_record(d, c);

	if (!may_judge(c))
		return;
	if (!r) {
		r = make(d, c);
		if (r)
			r->due_ns = now + SETTLE_NS;
		return;
	}
	if (r->reading || now < r->due_ns || c->meta->state == STATE_CREATED)
		return;
	if (c->pid && d->looking.n < POSTURE_BATCH && !d->looking.running)
		look(d, r);
}

/* --- hooks --- */

void detector_posture_tick(struct detector_posture *d)
{
	const struct container_table *table = d->s.services->containers(d->s.services->agent);
	struct container *const *list;
	const uint64_t now = mono_ns();

	if (!d->s.services->config->posture || !table)
		return;
	const size_t n = container_table_live(table, &list);

	for (size_t i = 0; i < n; i++)
		visit(d, list[i], now);
	if (d->looking.n > 0 && !d->looking.running) {
		d->looking.proc = d->s.services->proc;
		d->looking.running = worker_submit(d->s.worker, &d->looking.job, false) == 0;
		if (!d->looking.running)
			looking_done(&d->looking.job); /* without an answer: the settings alone */
	}
	posture_save(d, now);
}

void detector_posture_life(struct detector_posture *d, struct container *c, enum agent_life what)
{
	struct record *r = posture_record(d, c);

	if (what != LIFE_STOPPED && what != LIFE_DESTROYED)
		return;
	/* One that lived shorter than we wait: its settings are all that there is. */
	if (what == LIFE_STOPPED && d->s.services->config->posture && may_judge(c) &&
	    (!r || !r->known) && (r || (r = make(d, c))))
		judge_record(d, r, NULL);
	if (r)
		drop(d, c->slot);
}

void detector_posture_reload(struct detector_posture *d)
{
	for (uint32_t i = 0; i < d->records_max; i++) {
		if (!d->records[i])
			continue;
		if (!d->s.services->config->posture)
			drop(d, i);
		else
			d->records[i]->due_ns = 0;
	}
}

void detector_posture_state(const struct detector_posture *d, struct alerts_state *out)
{
	const struct posture_images_stats i = posture_images_stats(d->images);

	alerts_state_table(out, "postures", d->used, d->records_max, d->refused);
	alerts_state_table(out, "posture_images", i.used, i.capacity, i.evicted + i.keys_refused);
}

/* --- start and end --- */

static bool module_runs(const char *file, char yes)
{
	char text[16];

	return io_read_at(AT_FDCWD, file, text, sizeof(text)) > 0 && (!yes || text[0] == yes);
}

int detector_posture_new(struct detector_posture **out, const struct detector_posture_settings *s,
			 struct err *e)
{
	AUTO(detector_posture_free) struct detector_posture *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ENOMEM, "no memory for postures");
	d->s = *s;
	d->looking =
		(struct looking){ .job = { .run = looking_run, .done = looking_done }, .d = d };
	posture_state_init(d);
	d->records_max = CONFIG_MAX_CONTAINERS;
	d->records = calloc(d->records_max, sizeof(*d->records));
	if (!d->records)
		return err_set(e, ENOMEM, "no memory for postures");
	const int r = posture_images_new(&d->images, POSTURE_MAX_IMAGES, POSTURE_IMAGE_KEYS, e);

	if (r < 0)
		return r;
	d->apparmor = module_runs("/sys/module/apparmor/parameters/enabled", 'Y');
	d->selinux = module_runs("/sys/fs/selinux/enforce", '\0');
	posture_load(d);
	*out = TAKE(d);
	return 0;
}

void detector_posture_free(struct detector_posture *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; d->records && i < d->records_max; i++)
		drop(d, i);
	posture_save_last(d);
	posture_images_free(d->images);
	free(d->records);
	free(d);
}
