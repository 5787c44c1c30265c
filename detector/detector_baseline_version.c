// SPDX-License-Identifier: GPL-2.0-or-later
/* Which of its image's versions a container is. A baseline has places for BASELINE_MAX_DIGESTS of
 * them; a new one may get the place of an old one, and with it nothing that the kernel's side was
 * told of that. */
#include "detector/byte_map.h"
#include "detector/detector_baseline_internal.h"

/* Those that run are the newest, and so keep their places. */
static void keep_running(struct detector_baseline *d, const struct image *i)
{
	for (uint32_t k = 0; k < d->observers_max; k++) {
		const struct observer *o = d->observers[k];
		const struct metadata *m = o ? o->c->meta : NULL;

		if (o && o->image == i && !o->leaves && m && o->version && observer_has_version(o))
			baseline_digest(i->baseline, span_str(m->image_id), span_str(m->image),
					baseline_now_ns(d));
	}
}

static void forget_place(struct detector_baseline *d, struct image *i, unsigned digest)
{
	struct agent_services *s = &d->services;

	for (uint32_t k = 0; k < d->observers_max; k++) {
		struct observer *o = d->observers[k];

		if (!o || o->image != i || o->digest != digest)
			continue;
		if (o->enforced)
			s->enforce(s->agent, o->c, 0, 0);
		o->enforced = 0;
		places_release(o);
	}
	if (i->slots[digest])
		s->clear_image(s->agent, i->slots[digest]);
	i->slots[digest] = 0;
	i->resolved[digest] = i->peered[digest] = false;
	i->known++; /* what is looked up now is of the old one */
}

void observer_find_version(struct observer *o)
{
	struct detector_baseline *d = o->owner;
	struct image *i = o->image;
	struct baseline *b = i->baseline;
	const struct metadata *m = o->c->meta;

	keep_running(d, i);
	o->digest =
		baseline_digest(b, span_str(m->image_id), span_str(m->image), baseline_now_ns(d));
	o->version = byte_hash(span_str(b->digests[o->digest].id), 0) | 1;
	if (i->versions[o->digest] == o->version)
		return;
	if (i->versions[o->digest])
		forget_place(d, i, o->digest);
	i->versions[o->digest] = o->version;
}
