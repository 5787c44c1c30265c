// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/contention.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/base/clock.h"

#define PAST_S	   3600.0 /* the mean looks back so far */
#define KNOWN_S	   60.0	  /* and is known after so much of calm */
#define CALM	   10.0	  /* percent of pressure below which nobody is held up */
#define MATERIAL   10.0	  /* percent of a resource that one must take to be the cause */
#define ABOVE	   2.0	  /* percent of a resource above normal that are more than noise */
#define NEAR_LIMIT 0.95	  /* of a memory limit: reclaim is its own */
#define MAX_LEVELS 16	  /* of groups around a container */

const char *const contended_names[] = { "CPU", "memory", "I/O", NULL };

static const enum config_metric metrics[] = { METRIC_CPU_CORES, METRIC_MEMORY_BYTES,
					      METRIC_IO_BYTES };

/* What one used up to now while nobody waited. */
struct past {
	double mean[CONTENDED_COUNT], calm_s[CONTENDED_COUNT];
};

struct taker {
	struct container *c; /* a reference; NULL: what runs outside of containers */
	uint64_t round;
	double use[CONTENDED_COUNT], pressure[CONTENDED_COUNT];
	struct past past;
};

/* The two foremost: one of them may be the one that waits. */
struct foremost {
	const struct taker *by_excess[2], *by_use[2];
	double excess[2];
};

struct contention {
	contention_normal_fn normal;
	void *normal_ctx;
	struct taker *slots[RATES_MAX];
	struct taker outside;
	struct foremost foremost[CONTENDED_COUNT];
	double capacity[CONTENDED_COUNT], host_pressure[CONTENDED_COUNT], throttled;
	struct sample_psi host_psi[CONTENDED_COUNT];
	uint32_t top;
	unsigned material[CONTENDED_COUNT];
	uint64_t round, at_ns;
	bool containers_have_pressure, host_known, known;
};

/* --- what each uses and suffers ------------------------------------------------------------ */

static bool is_shown(const struct container *c)
{
	return c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;
}

static double at_least_0(double v)
{
	return v > 0 ? v : 0; /* NAN too */
}

static bool at_own_limit(const struct container *c, const struct rates *r)
{
	for (unsigned i = 0; c && i < MAX_LEVELS; i++, c = c->parent) {
		const struct sample *s = &c->sample;
		const bool limited = (s->have & SAMPLE_MEMORY_SPEC) && s->memory_limit > 0;

		if (c->kind == CGROUP_ROOT)
			break;
		if (limited && (rates_get(r, c, RATE_AT_LIMIT) > 0 ||
				((s->have & SAMPLE_MEMORY) &&
				 (double)s->memory_usage >= NEAR_LIMIT * (double)s->memory_limit)))
			return true;
	}
	return false;
}

static double throttled(const struct container *c, const struct rates *r)
{
	double most = 0;

	for (unsigned i = 0; c && i < MAX_LEVELS; i++, c = c->parent)
		most = fmax(most, at_least_0(rates_get(r, c, RATE_THROTTLED_TIME)));
	return most;
}

static void look_at(struct taker *t, const struct container *c, const struct rates *r)
{
	double *p = t->pressure;

	t->use[CONTENDED_CPU] = rates_get(r, c, RATE_CPU_CORES);
	t->use[CONTENDED_MEMORY] =
		(c->sample.have & SAMPLE_MEMORY) ? (double)c->sample.memory_working_set : NAN;
	t->use[CONTENDED_IO] = rates_get(r, c, RATE_IO_BYTES);
	p[CONTENDED_CPU] = rates_get(r, c, RATE_PRESSURE_CPU);
	p[CONTENDED_MEMORY] = rates_get(r, c, RATE_PRESSURE_MEMORY);
	p[CONTENDED_IO] = rates_get(r, c, RATE_PRESSURE_IO);
	if (p[CONTENDED_CPU] > 0)
		p[CONTENDED_CPU] = at_least_0(p[CONTENDED_CPU] - throttled(c, r));
	if (p[CONTENDED_MEMORY] > 0 && at_own_limit(c, r))
		p[CONTENDED_MEMORY] = 0;
}

static struct taker *taker_of(const struct contention *k, const struct container *c)
{
	struct taker *t = c->slot < RATES_MAX ? k->slots[c->slot] : NULL;

	return t && t->c == c ? t : NULL;
}

static void drop(struct contention *k, uint32_t slot)
{
	struct taker *t = TAKE(k->slots[slot]);

	if (t)
		container_unref(t->c);
	free(t);
}

static struct taker *take_in(struct contention *k, struct container *c)
{
	struct taker *t = taker_of(k, c);

	if (t || c->slot >= RATES_MAX)
		return t;
	drop(k, c->slot); /* of one that was there before */
	t = malloc(sizeof(*t));
	if (!t)
		return NULL;
	*t = (struct taker){ .c = container_ref(c) };
	k->slots[c->slot] = t;
	if (c->slot >= k->top)
		k->top = c->slot + 1;
	return t;
}

/* --- the host ------------------------------------------------------------------------------- */

static void look_at_host(struct contention *k, const struct container *root,
			 const double sums[CONTENDED_COUNT], const struct rates *r,
			 const struct machine *m, const struct machine_live *live, double passed_s)
{
	const struct sample_psi now[] = { live->psi_cpu, live->psi_memory, live->psi_io };
	double *use = k->outside.use;

	use[CONTENDED_CPU] = root ? rates_get(r, root, RATE_CPU_CORES) - sums[CONTENDED_CPU] : NAN;
	use[CONTENDED_IO] = root ? rates_get(r, root, RATE_IO_BYTES) - sums[CONTENDED_IO] : NAN;
	use[CONTENDED_MEMORY] =
		live->time_unix_ns ? (double)live->memory_used - sums[CONTENDED_MEMORY] : NAN;
	k->capacity[CONTENDED_CPU] = m->cpu_cores;
	k->capacity[CONTENDED_MEMORY] = (double)m->memory_bytes;
	k->capacity[CONTENDED_IO] = sums[CONTENDED_IO] + at_least_0(use[CONTENDED_IO]);
	for (unsigned i = 0; i < CONTENDED_COUNT; i++) {
		const bool grew = now[i].some_us >= k->host_psi[i].some_us;

		if (use[i] < 0)
			use[i] = 0; /* read a moment apart */
		k->host_pressure[i] = NAN;
		if (k->host_known && (live->have & (uint32_t)SAMPLE_PSI_CPU << i) && grew &&
		    passed_s > 0)
			k->host_pressure[i] = (double)(now[i].some_us - k->host_psi[i].some_us) /
					      passed_s / 1e4;
		k->host_psi[i] = now[i];
	}
	k->host_pressure[CONTENDED_CPU] -= k->throttled; /* NAN stays */
	k->host_known = live->time_unix_ns != 0;
}

/* --- normal use ------------------------------------------------------------------------------ */

static void learn(struct taker *t, const bool calm[CONTENDED_COUNT], double passed_s)
{
	for (unsigned i = 0; i < CONTENDED_COUNT; i++) {
		struct past *p = &t->past;

		if (!calm[i] || isnan(t->use[i]) || passed_s <= 0)
			continue;
		p->calm_s[i] = fmin(p->calm_s[i] + passed_s, PAST_S);
		p->mean[i] += (t->use[i] - p->mean[i]) * fmin(passed_s / p->calm_s[i], 1);
	}
}

static double normal_of(const struct contention *k, const struct taker *t, enum contended what)
{
	double v = NAN;

	if (t->c && k->normal)
		v = k->normal(k->normal_ctx, t->c, metrics[what]);
	if (isnan(v) && t->past.calm_s[what] >= KNOWN_S)
		v = t->past.mean[what];
	return v;
}

static double excess_of(const struct contention *k, const struct taker *t, enum contended what)
{
	return t->use[what] - at_least_0(normal_of(k, t, what));
}

/* --- who is foremost ------------------------------------------------------------------------- */

static double percent(const struct contention *k, double v, enum contended what)
{
	return k->capacity[what] > 0 ? 100 * v / k->capacity[what] : 0;
}

static void place(struct contention *k, const struct taker *t, enum contended what)
{
	struct foremost *f = &k->foremost[what];

	if (!(percent(k, t->use[what], what) >= MATERIAL))
		return;
	k->material[what]++;
	const double excess = excess_of(k, t, what);
	const int at = !f->by_excess[0] || excess > f->excess[0]   ? 0
		       : !f->by_excess[1] || excess > f->excess[1] ? 1
								   : 2;

	if (at == 0) {
		f->by_excess[1] = f->by_excess[0];
		f->excess[1] = f->excess[0];
	}
	if (at < 2) {
		f->by_excess[at] = t;
		f->excess[at] = excess;
	}
	if (!f->by_use[0] || t->use[what] > f->by_use[0]->use[what]) {
		f->by_use[1] = f->by_use[0];
		f->by_use[0] = t;
	} else if (!f->by_use[1] || t->use[what] > f->by_use[1]->use[what]) {
		f->by_use[1] = t;
	}
}

/* A taker is the one that waits, or holds it. */
static bool holds(const struct taker *t, const struct container *c)
{
	if (!t->c || !c)
		return false;
	const size_t n = strlen(t->c->cgroup_path);

	return t->c == c ||
	       (strncmp(t->c->cgroup_path, c->cgroup_path, n) == 0 && c->cgroup_path[n] == '/');
}

static const struct taker *own_taker(const struct contention *k, const struct container *c)
{
	if (!c || !c->id.nested)
		return c ? taker_of(k, c) : NULL;
	for (uint32_t i = 0; i < k->top; i++) {
		const struct taker *t = k->slots[i];

		if (t && t->round == k->round && !t->c->id.nested && holds(t, c))
			return t;
	}
	return taker_of(k, c);
}

bool contention_blame(const struct contention *k, const struct container *c, enum contended what,
		      struct contention_verdict *out)
{
	const struct foremost *f = &k->foremost[what];
	const struct taker *own = own_taker(k, c);
	const int first = f->by_excess[0] && holds(f->by_excess[0], c);
	const int most = f->by_use[0] && holds(f->by_use[0], c);
	const struct taker *t = f->by_excess[first];
	const double own_excess = own ? excess_of(k, own, what) : 0;
	const bool own_above = percent(k, own_excess, what) >= ABOVE;
	const bool above = t && percent(k, f->excess[first], what) >= ABOVE;

	if (own_above && !(above && f->excess[first] >= own_excess))
		return false;
	if (!above) {
		t = f->by_use[most];
		if (!t || (own && own->use[what] > t->use[what]))
			return false;
	}
	out->what = what;
	out->culprit = t->c;
	out->outside = !t->c;
	out->above_normal = above;
	out->now = t->use[what];
	out->normal = normal_of(k, t, what);
	out->taken = percent(k, t->use[what], what);
	return true;
}

double contention_of(const struct contention *k, const struct container *c,
		     struct contention_verdict *out)
{
	const struct taker *t = taker_of(k, c);
	struct contention_verdict v;
	double worst = NAN;

	for (unsigned i = 0; t && i < CONTENDED_COUNT; i++) {
		if (isnan(t->pressure[i]))
			continue;
		worst = isnan(worst) ? 0 : worst;
		if (t->pressure[i] <= worst || t->pressure[i] < CALM ||
		    !contention_blame(k, c, i, &v))
			continue;
		worst = v.pressure = t->pressure[i];
		*out = v;
	}
	return worst;
}

double contention_of_host(const struct contention *k, struct contention_verdict *out)
{
	struct contention_verdict v;
	double worst = NAN;

	if (k->containers_have_pressure || !k->known)
		return NAN;
	for (unsigned i = 0; i < CONTENDED_COUNT; i++) {
		const double p = k->host_pressure[i];

		if (isnan(p))
			continue;
		worst = isnan(worst) ? 0 : worst;
		/* one alone takes from nobody */
		if (p <= worst || p < CALM || k->material[i] < 2 ||
		    !contention_blame(k, NULL, i, &v))
			continue;
		worst = v.pressure = p;
		*out = v;
	}
	return worst;
}

/* --- each window ----------------------------------------------------------------------------- */

static void forget_gone(struct contention *k)
{
	for (uint32_t i = 0; i < k->top; i++)
		if (k->slots[i] && k->slots[i]->round != k->round)
			drop(k, i);
}

static void look_at_all(struct contention *k, const struct container_table *t,
			const struct rates *r, double sums[CONTENDED_COUNT],
			double worst[CONTENDED_COUNT], const struct container **root)
{
	struct container *const *list;
	const size_t n = container_table_live(t, &list);

	for (size_t i = 0; i < n; i++) {
		struct container *c = list[i];
		struct taker *one = is_shown(c) ? take_in(k, c) : NULL;

		if (c->kind == CGROUP_ROOT)
			*root = c;
		if (!one)
			continue;
		one->round = k->round;
		look_at(one, c, r);
		k->throttled = fmax(k->throttled, throttled(c, r));
		for (unsigned w = 0; w < CONTENDED_COUNT; w++) {
			k->containers_have_pressure |= !isnan(one->pressure[w]);
			worst[w] = fmax(worst[w], at_least_0(one->pressure[w]));
			if (!c->id.nested)
				sums[w] += at_least_0(one->use[w]);
		}
	}
}

static void find_foremost(struct contention *k, enum contended what)
{
	for (uint32_t i = 0; i < k->top; i++)
		if (k->slots[i] && !k->slots[i]->c->id.nested)
			place(k, k->slots[i], what);
	place(k, &k->outside, what);
}

void contention_tick(struct contention *k, const struct container_table *t, const struct rates *r,
		     const struct machine *m, const struct machine_live *live, uint64_t now_ns)
{
	const double passed_s = k->known ? (double)(now_ns - k->at_ns) / 1e9 : 0;
	double sums[CONTENDED_COUNT] = { 0 }, worst[CONTENDED_COUNT] = { 0 };
	const struct container *root = NULL;
	bool calm[CONTENDED_COUNT];

	k->round++;
	k->throttled = 0;
	k->containers_have_pressure = false;
	memset(k->foremost, 0, sizeof(k->foremost)); /* some may go now */
	memset(k->material, 0, sizeof(k->material));
	look_at_all(k, t, r, sums, worst, &root);
	forget_gone(k);
	look_at_host(k, root, sums, r, m, live, passed_s);
	for (unsigned w = 0; w < CONTENDED_COUNT; w++) {
		if (!k->containers_have_pressure)
			worst[w] = at_least_0(k->host_pressure[w]);
		calm[w] = worst[w] < CALM;
	}
	for (uint32_t i = 0; i < k->top; i++)
		if (k->slots[i])
			learn(k->slots[i], calm, passed_s);
	learn(&k->outside, calm, passed_s);
	k->at_ns = now_ns;
	k->known = true;
	/* Who takes most memory is asked after a kill, which no pressure need come before. */
	for (unsigned w = 0; w < CONTENDED_COUNT; w++)
		if (w == CONTENDED_MEMORY || !calm[w])
			find_foremost(k, w);
}

int contention_new(struct contention **out, struct err *e)
{
	struct contention *k = calloc(1, sizeof(*k));

	if (!k)
		return err_set(e, ENOMEM, "no memory for contention");
	*out = k;
	return 0;
}

void contention_free(struct contention *k)
{
	if (!k)
		return;
	for (uint32_t i = 0; i < k->top; i++)
		drop(k, i);
	free(k);
}

void contention_set_normal(struct contention *k, contention_normal_fn fn, void *ctx)
{
	k->normal = fn;
	k->normal_ctx = ctx;
}
