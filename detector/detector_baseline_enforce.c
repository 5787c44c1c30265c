// SPDX-License-Identifier: GPL-2.0-or-later
/* Enforcement: what the kernel's side allows of an image, and which containers it holds to that.
 * Without an agent nothing is enforced: verdicts go with the programs. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/detector_baseline_internal.h"
#include "detector/enforce_entries.h"

#define MAX_EARLY  30 /* looks, a second apart, until a container has a root of its own */
#define EXEC_FLAGS (ENFORCE_EXEC_KILL | ENFORCE_EXEC_DENY)

/* --- files of the image -------------------------------------------------------------------- */

/* "EXE < PARENT": EXE. Patterns stand for no single file. */
static struct span file_of(struct span entry)
{
	const char *cut = memmem(entry.p, entry.n, " < ", 3);
	const struct span file = { entry.p, cut ? (size_t)(cut - entry.p) : entry.n };

	return file.n && file.p[0] == '/' && !memchr(file.p, '*', file.n) &&
			       !memchr(file.p, '\\', file.n)
		       ? file
		       : (struct span){ NULL, 0 };
}

struct collecting {
	struct enforce_files *files;
	enum baseline_class class;
	bool injected; /* what was only put in from outside, too: it is held to the baseline */
};

static bool collect(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct collecting *k = ctx;
	const struct span file = file_of(pattern);

	/* what was only imported is no reason to let it run, nor what an operator ran there */
	if (!enforce_entry_counts(&entry->seen, k->injected))
		return true;
	if (file.n)
		enforce_files_add(k->files, file, k->class);
	return true;
}

static void push_file(void *ctx, const struct enforce_file *f);
static void pushed(void *ctx, enum enforce_files_end end);

/* Looks files up in this container for all of its digest, and directories for itself. */
static void look(struct observer *o, bool files_too, bool places_too)
{
	const char *proc = o->owner->services.proc;
	struct enforce_files *files = o->c->pid > 0 ? enforce_files_new(proc, o->c->pid) : NULL;
	struct collecting k = { .files = files,
				.injected = o->owner->services.config->enforce_injected };

	if (!files)
		return;
	for (k.class = BASELINE_EXEC; files_too && k.class <= BASELINE_SCRIPT; k.class ++)
		path_tree_each(o->image->baseline->sets[k.class].tree, collect, &k);
	if (places_too)
		places_collect(o, files);
	o->resolving = true;
	o->wants_files = files_too;
	o->wants_places = places_too;
	o->files_found = o->fresh.n = 0;
	o->push_failed = o->fresh_topless = false;
	o->known = o->image->known;
	if (enforce_files_look(files, o->owner->worker, push_file, pushed, o) < 0)
		o->resolving = false; /* asked again in a second */
}

uint32_t enforce_slot(struct detector_baseline *d, struct image *i, unsigned digest)
{
	if (!i->slots[digest])
		i->slots[digest] = ++d->next_slot;
	return i->slots[digest];
}

void enforce_refuse(struct observer *o, const char *why)
{
	struct detector_baseline *d = o->owner;
	struct err e = { "" };

	if (o->image->cannot_enforce)
		return;
	o->image->cannot_enforce = true;
	snprintf(o->image->why_not, sizeof(o->image->why_not), "%s", why);
	log_error("an image cannot be enforced", "image", o->image->baseline->repository, "reason",
		  why, NULL);
	if (o->image->baseline->mode == MODE_ENFORCE)
		image_set_mode(d, o->image, MODE_DETECT, "bulkhead", &e);
	enforce_tell_ended(d, o->image, "enforcement-impossible", "it cannot be", why);
}

static int allow(struct observer *o, const struct event_file *f, enum verdict v)
{
	struct detector_baseline *d = o->owner;
	struct verdict_key key;

	d->services.verdict_key(&key, enforce_slot(d, o->image, o->digest), f, EVENT_EXEC);
	return d->services.verdict(d->services.agent, &key, v);
}

static void push_file(void *ctx, const struct enforce_file *f)
{
	struct observer *o = ctx;
	struct detector_baseline *d = o->owner;
	int r = 0;

	if (o->leaves || !o->image || o->image->cannot_enforce || o->known != o->image->known)
		return;
	o->image->has_verdicts = true;
	if (f->class == BASELINE_WRITE) {
		places_found(o, f);
		return;
	}
	if (f->class == BASELINE_SCRIPT) {
		struct verdict_key key;

		r = d->services.script_key(d->services.agent, enforce_slot(d, o->image, o->digest),
					   f->path, &key);
		if (r == 0)
			r = d->services.verdict(d->services.agent, &key, VERDICT_ALLOW);
		else if (r != -ENOTCONN)
			r = 0; /* no name that the kernel's side can know */
	} else if (f->found) {
		o->files_found++;
		r = allow(o, &f->file, VERDICT_ALLOW);
	}
	if (r == -E2BIG)
		enforce_refuse(o, "its files do not fit into the kernel's table of verdicts");
	else if (r < 0)
		o->push_failed = true;
}

/* False: the image cannot be enforced, or it is too early to tell. */
static bool has_looked(struct observer *o, enum enforce_files_end end)
{
	switch (end) {
	case ENFORCE_FILES_LOOKED:
		o->early = 0;
		return !o->image->cannot_enforce;
	case ENFORCE_FILES_EARLY:
		if (++o->early < MAX_EARLY)
			return false;
		__attribute__((fallthrough));
	case ENFORCE_FILES_NO_OVERLAY:
		enforce_refuse(o, "the root of its containers is no overlay: a file that was "
				  "written over could not be told from the image's");
		return false;
	case ENFORCE_FILES_TOO_MANY:
		enforce_refuse(o, "its files and directories are too many to be looked up");
		return false;
	case ENFORCE_FILES_GONE:
	case ENFORCE_FILES_STOPPED:
		break;
	}
	return false;
}

static void pushed(void *ctx, enum enforce_files_end end)
{
	struct observer *o = ctx;

	o->resolving = false;
	if (o->leaves || !o->image || end == ENFORCE_FILES_STOPPED) {
		observer_resolved(o);
		return;
	}
	/* asked again in a second: at once would be without an end. The sensor may still be
	 * loading: who is enforced without verdicts cannot run anything. */
	if (end == ENFORCE_FILES_GONE || o->push_failed)
		return;
	if (o->known != o->image->known) {
		enforce_observer(o); /* what is known has changed meanwhile */
		return;
	}
	if (!has_looked(o, end))
		return;
	if (o->wants_files && o->files_found == 0) {
		enforce_refuse(o, "none of its programs is found in its container");
		return;
	}
	if (o->wants_files)
		o->image->resolved[o->digest] = true;
	if (o->wants_places)
		places_take(o);
	if (!o->wants_places || o->placed)
		enforce_observer(o);
}

/* --- what is enforced ---------------------------------------------------------------------- */

static bool is_exempt(const struct observer *o)
{
	const struct config_list *list = &o->owner->services.config->baseline_exempt;
	const struct metadata *m = o->c->meta;
	char pod[512];
	const struct span repository = span_str(o->image->baseline->repository);

	if (span_ends(repository, "/bulkhead") || span_ends(repository, "/pause"))
		return true;
	snprintf(pod, sizeof(pod), "%s/%s", m && m->pod_namespace ? m->pod_namespace : "",
		 m && m->pod_name ? m->pod_name : "");
	for (uint32_t i = 0; i < list->n; i++) {
		const char *pattern = list->items[i];

		if (fnmatch(pattern, o->image->baseline->repository, 0) == 0 ||
		    (m && m->pod_name && fnmatch(pattern, pod, 0) == 0))
			return true;
	}
	return false;
}

/* A version whose difference is still being learned is watched, not enforced: it would break. */
bool enforce_acts(const struct observer *o, enum baseline_class c)
{
	const struct baseline *b = o->image->baseline;

	return b->mode == MODE_ENFORCE && b->actions[c] != ENFORCE_ALERT &&
	       observer_has_version(o) && b->sets[c].complete_ns[PHASE_STEADY] &&
	       b->digests[o->digest].complete_ns && !is_exempt(o);
}

static bool refuses(const struct observer *o, enum baseline_class c)
{
	return enforce_acts(o, c) && o->image->baseline->actions[c] == ENFORCE_DENY &&
	       o->owner->services.can_deny(o->owner->services.agent);
}

/* What it is to be held to, once the verdicts are there. */
static uint32_t flags_of(const struct observer *o)
{
	const int action = o->image->baseline->actions[BASELINE_EXEC];
	uint32_t flags = 0;

	if (refuses(o, BASELINE_EXEC))
		flags |= ENFORCE_EXEC_DENY;
	else if (enforce_acts(o, BASELINE_EXEC) &&
		 (action == ENFORCE_KILL || action == ENFORCE_DENY))
		flags |= ENFORCE_EXEC_KILL;
	if (refuses(o, BASELINE_WRITE))
		flags |= ENFORCE_WRITE_DENY;
	if (refuses(o, BASELINE_CONNECT))
		flags |= ENFORCE_CONNECT_DENY;
	return flags & ~o->unable;
}

/* Until what belongs is known nothing is enforced: it would be stopped. What is enforced already
 * stays so while what came to be known is looked up. */
static uint32_t ready_of(struct observer *o, uint32_t wanted)
{
	struct image *i = o->image;
	uint32_t flags = o->enforced;

	if ((wanted & ENFORCE_CONNECT_DENY) && !i->peered[o->digest])
		peers_push(o);
	if (i->resolved[o->digest])
		flags |= EXEC_FLAGS;
	if (places_are_fresh(o))
		flags |= ENFORCE_WRITE_DENY;
	if (o->topless)
		flags &= ~(uint32_t)ENFORCE_WRITE_DENY;
	if (i->peered[o->digest])
		flags |= ENFORCE_CONNECT_DENY;
	if (i->partly[BASELINE_CONNECT])
		flags &= ~(uint32_t)ENFORCE_CONNECT_DENY;
	flags &= wanted;
	if (flags && o->owner->services.config->enforce_injected)
		flags |= ENFORCE_INJECTED;
	if (flags && o->owner->services.config->enforce_runtime)
		flags |= ENFORCE_RUNTIME;
	return flags;
}

static int enforce(struct observer *o, uint32_t flags)
{
	struct detector_baseline *d = o->owner;

	return d->services.enforce(d->services.agent, o->c,
				   flags ? enforce_slot(d, o->image, o->digest) : 0, flags);
}

/* Rather its programs alone than nothing, where the kernel lacks a place to refuse the rest at. */
static int hold(struct observer *o, uint32_t *flags)
{
	static const char why[] = "the kernel did not take the programs that refuse it";
	const uint32_t rest = *flags & (ENFORCE_WRITE_DENY | ENFORCE_CONNECT_DENY);
	int r = enforce(o, *flags);

	if (r != -EOPNOTSUPP || !rest || !(*flags & EXEC_FLAGS) || enforce(o, *flags & ~rest) < 0)
		return r;
	o->unable |= rest;
	*flags &= ~rest;
	if (rest & ENFORCE_WRITE_DENY)
		enforce_partly(o, BASELINE_WRITE, why);
	if (rest & ENFORCE_CONNECT_DENY)
		enforce_partly(o, BASELINE_CONNECT, why);
	return 0;
}

void enforce_observer(struct observer *o)
{
	if (!o->image || o->leaves)
		return;
	const uint32_t wanted = flags_of(o);

	if (wanted && o->image->cannot_enforce)
		return;
	const bool files = (wanted & EXEC_FLAGS) && !o->image->resolved[o->digest];
	const bool places = (wanted & ENFORCE_WRITE_DENY) && !places_are_fresh(o);

	if ((files || places) && !o->resolving)
		look(o, files, places);
	uint32_t flags = ready_of(o, wanted);

	if (flags == o->enforced || o->image->cannot_enforce)
		return;
	int r = hold(o, &flags);

	if (r == 0)
		o->enforced = flags;
	else if (flags && r != o->enforce_error)
		log_warning("a container is not enforced", "container", container_name(o->c),
			    "reason", strerror(-r), NULL);
	o->enforce_error = r;
}

void enforce_forget(struct detector_baseline *d, struct image *i)
{
	struct agent_services *s = &d->services;

	for (uint32_t k = 0; k < d->observers_max; k++) {
		struct observer *o = d->observers[k];

		if (!o || o->image != i || o->leaves)
			continue;
		if (o->enforced)
			s->enforce(s->agent, o->c, 0, 0);
		o->enforced = o->unable = 0;
		places_release(o);
	}
	for (unsigned k = 0; i->has_verdicts && k < BASELINE_MAX_DIGESTS; k++)
		if (i->slots[k])
			s->clear_image(s->agent, i->slots[k]);
	i->has_verdicts = false;
	image_known_changed(i);
}

void enforce_image(struct detector_baseline *d, struct image *i)
{
	const bool ends = i->baseline->mode != MODE_ENFORCE;
	char key[IMAGE_KEY_BYTES];

	if (ends)
		response_undo_image(d->response, image_key(i, key));
	for (uint32_t k = 0; k < d->observers_max; k++)
		if (d->observers[k] && d->observers[k]->image == i)
			enforce_observer(d->observers[k]);
	if (ends && i->has_verdicts)
		enforce_forget(d, i);
	if (ends)
		i->partly_told = 0;
}

static bool knows_the_kernel(const struct event_view *v, enum baseline_class c)
{
	return c == BASELINE_EXEC && v->head->type == EVENT_EXEC && (v->head->flags & EVENT_KNOWN);
}

/* Of a rename either end may be the reason. */
static bool heals(const struct event_view *v, enum baseline_class c)
{
	return c == BASELINE_CONNECT || (c == BASELINE_WRITE && v->head->type != EVENT_RENAME);
}

/* What is known by its path, and was not by its file: a link, or it came after the look. A
 * directory may have been made anew: all of them are looked up again. */
void enforce_known(struct observer *o, enum baseline_class c, const struct seen *s,
		   const struct event_view *v)
{
	const bool stopped = v && v->head->flags & (EVENT_KILLED | EVENT_DENIED);

	if (!enforce_entry_counts(s, o->owner->services.config->enforce_injected))
		return;
	if (!v || !o->enforced || knows_the_kernel(v, c))
		return;
	if (c == BASELINE_EXEC && v->head->type == EVENT_EXEC) {
		if (v->exec->file.flags & FILE_KNOWN)
			allow(o, &v->exec->file, VERDICT_ALLOW);
	} else if (!stopped || !heals(v, c)) {
		return;
	}
	if (!stopped)
		return;
	o->owner->counts.wrongly_killed++;
	if (c == BASELINE_WRITE)
		o->placed = false;
	else if (c == BASELINE_CONNECT)
		o->image->peered[o->digest] = false;
	/* with a file of its own in each container it would go on for ever */
	if (enforce_may_act(o) && c != BASELINE_EXEC)
		enforce_observer(o);
}
