// SPDX-License-Identifier: GPL-2.0-or-later
/* Directories and networks that the kernel's side is told of, so that it refuses changes of files
 * and connections anywhere else. Directories are looked up in each container: those of its upper
 * layer are its own. A verdict is of the image's slot: two containers that need one directory
 * differently have the wider one, and it goes with the last of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/detector_baseline_internal.h"
#include "detector/enforce_entries.h"

#define LOOK_AGAIN_NS (60 * NS_PER_S) /* of a container that is not held to writes */

/* --- alerts -------------------------------------------------------------------------------- */

void enforce_partly(struct observer *o, enum baseline_class c, const char *why)
{
	struct detector_baseline *d = o->owner;
	struct image *i = o->image;
	const struct baseline *b = i->baseline;
	const struct alert_pair facts[] = {
		{ SPAN_LIT("class"), span_str(baseline_class_names[c]) },
		{ SPAN_LIT("reason"), span_str(why) },
		{ SPAN_LIT("container"), span_str(container_name(o->c)) },
		{ SPAN_LIT("entrypoint"), span_str(b->entry) },
	};
	const struct alert_container container = { .image = span_str(b->repository) };
	char title[BASELINE_NAME_BYTES + 96];

	i->partly[c] = why;
	if (i->partly_told & 1U << c)
		return;
	i->partly_told |= 1U << c;
	snprintf(title, sizeof(title), "Image '%s': deviations of class %s are not refused",
		 b->repository, baseline_class_names[c]);
	struct alert alert = {
		.severity = ALERT_WARNING,
		.kind = ALERT_BASELINE,
		.rule = SPAN_LIT("enforcement-partial"),
		.title = span_str(title),
		.key = span_str(title),
		.container = &container,
		.by_image = true,
		.facts = facts,
		.facts_n = sizeof(facts) / sizeof(facts[0]),
		.recommend = SPAN_LIT("Deviations are told, and their processes killed when they "
				      "are seen. See 'bulkhead baseline show'."),
	};

	alerts_raise(d->alerts, &alert);
}

/* --- directories: what is needed ------------------------------------------------------------ */

struct collecting {
	const struct baseline *b;
	struct enforce_files *files;
	bool injected;
};

static bool collect(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct collecting *k = ctx;
	struct enforce_place place;

	if (!enforce_entry_counts(&entry->seen, k->injected))
		return true;
	if (enforce_place_of(k->b, pattern, k->injected, &place))
		enforce_files_add_directory(k->files, (struct span){ place.path, place.n },
					    place.below);
	else
		enforce_files_add_directory(k->files, SPAN_LIT("/"), true);
	return true;
}

void places_collect(const struct observer *o, struct enforce_files *files)
{
	struct collecting k = { .b = o->image->baseline,
				.files = files,
				.injected = o->owner->services.config->enforce_injected };

	path_tree_each(k.b->sets[BASELINE_WRITE].tree, collect, &k);
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->file.inode == b->file.inode && a->file.device == b->file.device;
}

static struct place *find_place(const struct places *l, const struct place *p)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (same_place(&l->list[i], p))
			return &l->list[i];
	return NULL;
}

static bool grow(struct places *l)
{
	const uint32_t cap = l->cap ? 2 * l->cap : 32;
	struct place *list = reallocarray(l->list, cap, sizeof(*list));

	if (!list)
		return false;
	l->list = list;
	l->cap = cap;
	return true;
}

void places_found(struct observer *o, const struct enforce_file *f)
{
	const struct place p = { .file = f->file, .below = f->below };
	struct place *there = find_place(&o->fresh, &p);

	o->fresh_topless |= f->top;
	if (!f->found)
		return;
	if (there)
		there->below |= p.below;
	else if (o->fresh.n < o->fresh.cap || grow(&o->fresh))
		o->fresh.list[o->fresh.n++] = p;
	else
		o->push_failed = true;
}

/* --- directories: what is allowed ----------------------------------------------------------- */

/* What the containers of this version need it for. */
static enum verdict verdict_of(const struct observer *of, const struct place *p)
{
	const struct detector_baseline *d = of->owner;
	enum verdict v = VERDICT_NONE;

	for (uint32_t i = 0; i < d->observers_max && v != VERDICT_ALLOW_BELOW; i++) {
		const struct observer *o = d->observers[i];
		const struct place *there = o && o->image == of->image && o->digest == of->digest
						    ? find_place(&o->places, p)
						    : NULL;

		if (there)
			v = there->below ? VERDICT_ALLOW_BELOW : VERDICT_ALLOW;
	}
	return v;
}

static int tell(const struct observer *o, const struct place *p)
{
	struct detector_baseline *d = o->owner;
	struct verdict_key key;

	d->services.verdict_key(&key, enforce_slot(d, o->image, o->digest), &p->file, EVENT_MKDIR);
	return d->services.verdict(d->services.agent, &key, verdict_of(o, p));
}

static void free_places(struct places *l)
{
	free(l->list);
	*l = (struct places){ .list = NULL };
}

bool places_are_fresh(const struct observer *o)
{
	return o->placed && o->placed_known == o->image->known &&
	       (!o->topless || mono_ns() - o->placed_ns < LOOK_AGAIN_NS);
}

/* New ones first: what is known both before and now is allowed all the time. */
void places_take(struct observer *o)
{
	struct places before = o->places;
	int r = 0;

	o->topless = o->fresh_topless;
	if (o->topless)
		free_places(&o->fresh);
	o->places = o->fresh;
	o->fresh = (struct places){ .list = NULL };
	for (uint32_t i = 0; i < o->places.n && r == 0; i++)
		r = tell(o, &o->places.list[i]);
	o->image->has_verdicts |= o->places.n > 0;
	for (uint32_t i = 0; i < before.n; i++)
		if (!find_place(&o->places, &before.list[i]))
			tell(o, &before.list[i]);
	free_places(&before);
	if (r == -E2BIG) {
		enforce_refuse(o, "its directories do not fit into the kernel's table of verdicts");
		return;
	}
	o->placed = r == 0;
	o->placed_known = o->image->known;
	o->placed_ns = mono_ns();
	if (o->topless)
		enforce_partly(o, BASELINE_WRITE,
			       "in a container it changes directories that are not there yet, "
			       "right below '/'");
}

void places_end(struct observer *o)
{
	struct places before = o->places;

	o->places = (struct places){ .list = NULL };
	for (uint32_t i = 0; i < before.n && observer_has_version(o); i++)
		tell(o, &before.list[i]);
	free_places(&before);
}

void places_release(struct observer *o)
{
	free_places(&o->places);
	free_places(&o->fresh);
	o->placed = false;
}

/* --- networks ------------------------------------------------------------------------------ */

struct peering {
	struct observer *o;
	struct sensor_peer peer;
	int result;
	bool unsaid; /* an entry is no network */
};

static bool push_peer(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct peering *k = ctx;
	struct agent_services *s = &k->o->owner->services;

	if (!enforce_entry_counts(&entry->seen, s->config->enforce_injected))
		return true;
	if (!enforce_peer_of(pattern, &k->peer)) {
		k->unsaid = true;
		return true;
	}
	k->result = s->peer(s->agent, &k->peer, VERDICT_ALLOW);
	return k->result == 0;
}

int peers_push(struct observer *o)
{
	struct image *i = o->image;
	struct peering k = { .o = o, .peer.image = enforce_slot(o->owner, i, o->digest) };

	path_tree_each(i->baseline->sets[BASELINE_CONNECT].tree, push_peer, &k);
	i->has_verdicts = true;
	if (k.result == -E2BIG || k.result == -ENOSPC) {
		enforce_refuse(o, "its peers do not fit into the kernel's table");
		return k.result;
	}
	i->peered[o->digest] = k.result == 0;
	if (k.unsaid)
		enforce_partly(o, BASELINE_CONNECT,
			       "an entry of its baseline stands for any protocol");
	return k.result;
}
