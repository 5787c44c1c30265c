// SPDX-License-Identifier: GPL-2.0-or-later
/* Findings become alerts. What happened is told as it comes (repeats fold); what is so is told once
 * and resolved by the first look that does not find it any more. */
#include <string.h>

#include "detector/detector_isolation_internal.h"

#define OWN_FACTS 4 /* invariant, holds, stage, known_as */
_Static_assert(FINDING_FACTS + OWN_FACTS <= ALERT_MAX_FACTS, "all facts find room");

struct told {
	struct alert alert;
	struct alert_container container;
	struct alert_pair facts[ALERT_MAX_FACTS];
	char key[160];
};

static void add_fact(struct told *t, const char *name, struct span value)
{
	t->facts[t->alert.facts_n++] = (struct alert_pair){ span_str(name), value };
}

/* An attempt and its success are two alerts: the graver one is never hidden by the other. */
static void fill_key(struct told *t, enum finding_stage stage, const char *key)
{
	snprintf(t->key, sizeof(t->key), "%s %s", finding_stage_names[stage], key);
	t->alert.key = span_str(t->key);
}

static void fill_place(const struct detector_isolation *d, struct told *t, enum invariant i,
		       const struct container *of)
{
	const struct config_list *labels = &d->services->config->labels_allow;

	t->alert.kind = ALERT_ISOLATION;
	t->alert.rule = span_str(invariants[i].name);
	if (!of)
		return;
	alert_container_of(of, (const char(*)[CONFIG_TEXT_BYTES])labels->items, labels->n,
			   &t->container);
	t->alert.container = &t->container;
}

static void fill(const struct detector_isolation *d, struct told *t, const struct finding *f,
		 const struct container *of, const struct process *p)
{
	const struct invariant_info *info = &invariants[f->invariant];

	memset(&t->alert, 0, sizeof(t->alert));
	fill_place(d, t, f->invariant, of);
	fill_key(t, f->stage, f->key);
	t->alert.severity = f->severity;
	t->alert.has_end = f->stage == FINDING_SO;
	t->alert.title = span_str(f->title);
	t->alert.process = p;
	t->alert.unix_minus_boot_ns = d->services->unix_minus_boot_ns(d->services->agent);
	t->alert.technique_id = span_str(info->technique);
	t->alert.technique_name = span_str(info->technique_name);
	t->alert.tactic = span_str(info->tactic);
	t->alert.recommend = span_str(info->recommend);
	add_fact(t, "invariant", span_str(info->number));
	add_fact(t, "holds", span_str(info->holds));
	add_fact(t, "stage", span_str(finding_stage_names[f->stage]));
	if (f->known_as)
		add_fact(t, "known_as", span_str(f->known_as));
	for (size_t i = 0; i < f->facts_n; i++)
		t->facts[t->alert.facts_n++] = f->facts[i];
	t->alert.facts = t->facts;
}

static void tell(struct detector_isolation *d, const struct finding *f, struct container *of,
		 const struct process *p)
{
	struct told t;

	d->counts.findings[f->invariant]++;
	fill(d, &t, f, of, p);
	alerts_raise(d->alerts, &t.alert);
}

/* --- what is so ------------------------------------------------------------------------------- */

static struct standing *find_standing(struct detector_isolation *d, enum standing_source source,
				      const struct finding *f, const struct container *of)
{
	for (uint32_t i = 0; i < d->standing_n; i++) {
		struct standing *s = &d->standing[i];

		if (s->source == source && s->invariant == f->invariant && s->of == of &&
		    strcmp(s->key, f->key) == 0)
			return s;
	}
	return NULL;
}

static void remember(struct detector_isolation *d, enum standing_source source,
		     const struct finding *f, struct container *of)
{
	if (d->standing_n == STANDING_MAX) {
		d->counts.standing_refused++;
		return;
	}
	struct standing *s = &d->standing[d->standing_n++];

	*s = (struct standing){ .source = source,
				.invariant = f->invariant,
				.of = of ? container_ref(of) : NULL,
				.seen = true };
	snprintf(s->key, sizeof(s->key), "%s", f->key);
}

static void resolve(struct detector_isolation *d, uint32_t at)
{
	struct standing *s = &d->standing[at];
	struct told t = { .alert = { .has_end = true } };

	fill_place(d, &t, s->invariant, s->of);
	fill_key(&t, FINDING_SO, s->key);
	alerts_resolve(d->alerts, &t.alert);
	container_unref(s->of);
	*s = d->standing[--d->standing_n];
}

/* What is so is told each time it is found: the alert folds, and nobody forgets that it is so. */
static void found_so(struct detector_isolation *d, enum standing_source source,
		     const struct finding *f, struct container *of, const struct process *p)
{
	struct standing *s = find_standing(d, source, f, of);

	if (s) {
		s->seen = true;
		return;
	}
	remember(d, source, f, of);
	tell(d, f, of, p);
}

static void found(struct detector_isolation *d, enum standing_source source,
		  const struct finding *f, struct container *of, const struct process *p)
{
	if (isolation_is_excepted(d, f->invariant, of, p)) {
		d->counts.excepted++;
		return;
	}
	if (f->stage == FINDING_SO)
		found_so(d, source, f, of, p);
	else
		tell(d, f, of, p);
}

void isolation_found(void *ctx, const struct finding *f, struct container *of,
		     const struct process *p)
{
	found(ctx, STANDING_OTHER, f, of, p);
}

void detector_isolation_find(void *ctx, const struct finding *f, struct container *of,
			     const struct process *p)
{
	found(ctx, STANDING_OTHER, f, of, p);
}

void isolation_pass_found(void *ctx, const struct finding *f, struct container *of,
			  const struct process *p)
{
	found(ctx, STANDING_PASS, f, of, p);
}

void isolation_mounts_found(void *ctx, const struct finding *f, struct container *of,
			    const struct process *p)
{
	found(ctx, STANDING_MOUNTS, f, of, p);
}

/* of NULL: of all containers. */
static void look_is_over(struct detector_isolation *d, enum standing_source source,
			 const struct container *of)
{
	for (uint32_t i = d->standing_n; i-- > 0;) {
		struct standing *s = &d->standing[i];

		if (s->source != source || (of && s->of != of))
			continue;
		if (!s->seen)
			resolve(d, i);
		else
			s->seen = false;
	}
}

void isolation_passed(void *ctx)
{
	look_is_over(ctx, STANDING_PASS, NULL);
}

void isolation_mounts_looked(void *ctx, struct container *c)
{
	look_is_over(ctx, STANDING_MOUNTS, c);
}

void isolation_standing_end(struct detector_isolation *d, const struct container *c)
{
	for (uint32_t i = d->standing_n; i-- > 0;)
		if (d->standing[i].of == c)
			resolve(d, i);
}

/* They are still so when the agent ends: their alerts stay open. */
void isolation_standing_free(struct detector_isolation *d)
{
	for (uint32_t i = 0; i < d->standing_n; i++)
		container_unref(d->standing[i].of);
	d->standing_n = 0;
}
