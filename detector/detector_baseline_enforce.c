// SPDX-License-Identifier: GPL-2.0-or-later
/* Enforcement: what the kernel's side allows of an image, what is done about a deviation, and the
 * breaker that ends it when it does harm. Without an agent nothing is enforced: verdicts go with
 * the programs, and what was frozen or throttled is undone by the journal at the next start. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/detector_baseline_internal.h"

/* --- the parts ----------------------------------------------------------------------------- */

static void told(void *ctx, const struct response_event *ev)
{
	struct detector_baseline *d = ctx;
	const struct alert_pair facts[] = {
		{ SPAN_LIT("action"), span_str(response_action_names[ev->action]) },
		{ SPAN_LIT("container"), ev->container_id },
		{ SPAN_LIT("image"), ev->image },
		{ SPAN_LIT("cgroup"), ev->path },
		{ SPAN_LIT("before"), ev->before },
		{ SPAN_LIT("set"), ev->set },
		{ SPAN_LIT("reason"), span_str(response_reason_names[ev->reason]) },
		{ SPAN_LIT("text"), ev->text },
	};
	char rule[64];

	snprintf(rule, sizeof(rule), "response.%s", response_event_names[ev->kind]);
	audit_change(d->audit, rule, "an action on a container", facts,
		     sizeof(facts) / sizeof(facts[0]),
		     ev->kind == RESPONSE_FAILED || ev->kind == RESPONSE_DAMAGED);
}

static struct response_limits limits_of(const struct config *c)
{
	return (struct response_limits){ .lease_ns = c->enforce_lease_s * NS_PER_S,
					 .throttle_percent = c->enforce_throttle_percent };
}

void enforce_configure(struct detector_baseline *d)
{
	const struct config *c = d->services.config;
	const struct breaker_settings b = { .image_a_minute = c->enforce_image,
					    .host_a_minute = c->enforce_host };
	const struct response_limits limits = limits_of(c);

	breaker_set(d->breaker, &b);
	response_set_limits(d->response, &limits);
	for (uint32_t i = 0; i < d->observers_max; i++)
		if (d->observers[i] && !d->observers[i]->leaves)
			enforce_observer(d->observers[i]);
}

int enforce_start(struct detector_baseline *d, struct err *e)
{
	const struct config *c = d->services.config;
	const struct breaker_settings b = { .image_a_minute = c->enforce_image,
					    .host_a_minute = c->enforce_host };
	const struct response_settings s = {
		.state_fd = d->services.state_fd,
		.worker = d->worker,
		.layout = d->services.layout,
		.proc = d->services.proc,
		.limits = limits_of(c),
		.told = told,
		.ctx = d,
	};
	int r = breaker_new(&d->breaker, &b, e);

	return r == 0 ? response_new(&d->response, &s, e) : r;
}

/* The cgroups are known from the first round on, not when the detector starts. */
void enforce_tick(struct detector_baseline *d)
{
	struct err e = { "" };

	if (!d->recovered && response_recover(d->response, &e) < 0)
		log_error("actions of an earlier run", "error", e.text, NULL);
	d->recovered = true;
	response_tick(d->response);
}

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
	if (!seen_is_own(&entry->seen) && !(k->injected && entry->seen.windows[PHASE_INJECTED] &&
					    !(entry->seen.flags & (SEEN_REJECTED | SEEN_IMPORTED))))
		return true;
	if (file.n)
		enforce_files_add(k->files, file, k->class);
	return true;
}

static void push_file(void *ctx, const struct enforce_file *f);
static void pushed(void *ctx, enum enforce_files_end end);

/* Looks the files up in this container, for all of its digest. */
static void resolve(struct observer *o)
{
	const char *proc = o->owner->services.proc;
	struct enforce_files *files = o->c->pid > 0 ? enforce_files_new(proc, o->c->pid) : NULL;
	struct collecting k = { .files = files,
				.injected = o->owner->services.config->enforce_injected };

	if (!files)
		return;
	for (k.class = BASELINE_EXEC; k.class <= BASELINE_SCRIPT; k.class ++)
		path_tree_each(o->image->baseline->sets[k.class].tree, collect, &k);
	o->resolving = true;
	o->files_found = 0;
	o->push_failed = false;
	o->known = o->image->known;
	if (enforce_files_look(files, o->owner->worker, push_file, pushed, o) < 0)
		o->resolving = false; /* asked again in a second */
}

static uint32_t slot_of(struct detector_baseline *d, struct image *i, unsigned digest)
{
	if (!i->slots[digest])
		i->slots[digest] = ++d->next_slot;
	return i->slots[digest];
}

static void tell_ended(struct detector_baseline *d, const struct image *i, const char *rule,
		       const char *what, const char *why);

static void refuse(struct observer *o, const char *why)
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
	tell_ended(d, o->image, "enforcement-impossible", "it cannot be", why);
}

static int allow(struct observer *o, const struct event_file *f, enum verdict v)
{
	struct detector_baseline *d = o->owner;
	struct verdict_key key;

	d->services.verdict_key(&key, slot_of(d, o->image, o->digest), f, EVENT_EXEC);
	return d->services.verdict(d->services.agent, &key, v);
}

static void push_file(void *ctx, const struct enforce_file *f)
{
	struct observer *o = ctx;
	struct detector_baseline *d = o->owner;
	int r = 0;

	if (o->leaves || !o->image || o->image->cannot_enforce || o->known != o->image->known)
		return;
	if (f->class == BASELINE_SCRIPT) {
		struct verdict_key key;

		r = d->services.script_key(d->services.agent, slot_of(d, o->image, o->digest),
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
		refuse(o, "its files do not fit into the kernel's table of verdicts");
	else if (r < 0)
		o->push_failed = true;
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
	if (end == ENFORCE_FILES_NO_OVERLAY)
		refuse(o, "the root of its containers is no overlay: a file that was written over "
			  "could not be told from the image's");
	else if (end == ENFORCE_FILES_LOOKED && o->files_found == 0)
		refuse(o, "none of its programs is found in its container");
	else if (end == ENFORCE_FILES_LOOKED && !o->image->cannot_enforce)
		o->image->resolved[o->digest] = true;
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
static bool is_enforced(const struct observer *o, enum baseline_class c)
{
	const struct baseline *b = o->image->baseline;

	return b->mode == MODE_ENFORCE && b->actions[c] != ENFORCE_ALERT &&
	       observer_has_version(o) && b->sets[c].complete_ns[PHASE_STEADY] &&
	       b->digests[o->digest].complete_ns && !is_exempt(o);
}

static uint32_t flags_of(const struct observer *o)
{
	const struct detector_baseline *d = o->owner;
	const struct config *c = d->services.config;
	const bool denies = d->services.can_deny(d->services.agent);
	uint32_t flags = 0;

	if (is_enforced(o, BASELINE_EXEC)) {
		const int action = o->image->baseline->actions[BASELINE_EXEC];

		if (action == ENFORCE_DENY && denies)
			flags |= ENFORCE_EXEC_DENY;
		else if (action == ENFORCE_KILL || action == ENFORCE_DENY)
			flags |= ENFORCE_EXEC_KILL;
	}
	if (flags && c->enforce_injected)
		flags |= ENFORCE_INJECTED;
	if (flags && c->enforce_runtime)
		flags |= ENFORCE_RUNTIME;
	return flags;
}

void enforce_observer(struct observer *o)
{
	struct detector_baseline *d = o->owner;

	if (!o->image || o->leaves)
		return;
	const uint32_t flags = flags_of(o);

	if (flags && o->image->cannot_enforce)
		return;
	if (flags && !o->image->resolved[o->digest]) {
		/* until its files are known nothing is enforced: what belongs would be killed */
		if (!o->resolving)
			resolve(o);
		return;
	}
	if (flags == o->enforced)
		return;
	int r = d->services.enforce(d->services.agent, o->c,
				    flags ? slot_of(d, o->image, o->digest) : 0, flags);

	if (r == 0)
		o->enforced = flags;
	else if (flags)
		log_warning("a container is not enforced", "container", container_name(o->c),
			    "reason", strerror(-r), NULL);
}

void enforce_image(struct detector_baseline *d, struct image *i)
{
	char key[IMAGE_KEY_BYTES];

	if (i->baseline->mode != MODE_ENFORCE)
		response_undo_image(d->response, image_key(i, key));
	for (uint32_t k = 0; k < d->observers_max; k++)
		if (d->observers[k] && d->observers[k]->image == i)
			enforce_observer(d->observers[k]);
}

static bool may_act(struct observer *o);

/* What is known by its path, and was not by its file: a link, or it came after the look. */
void enforce_known(struct observer *o, enum baseline_class c, const struct seen *s,
		   const struct event_view *v)
{
	if (!seen_is_own(s) && !o->owner->services.config->enforce_injected)
		return;
	if (!v || c != BASELINE_EXEC || v->head->type != EVENT_EXEC || !o->enforced ||
	    (v->head->flags & EVENT_KNOWN))
		return;
	allow(o, &v->exec->file, VERDICT_ALLOW);
	if (!(v->head->flags & (EVENT_KILLED | EVENT_DENIED)))
		return;
	o->owner->counts.wrongly_killed++;
	may_act(o); /* with a file of its own in each container it would go on for ever */
}

/* --- actions ------------------------------------------------------------------------------- */

/* People believe that an image is enforced: whatever ends it is an alert. */
static void tell_ended(struct detector_baseline *d, const struct image *i, const char *rule,
		       const char *what, const char *why)
{
	const struct baseline *b = i->baseline;
	const struct alert_pair facts[] = { { SPAN_LIT("reason"), span_str(why) },
					    { SPAN_LIT("entrypoint"), span_str(b->entry) } };
	const struct alert_container container = { .image = span_str(b->repository) };
	char title[BASELINE_NAME_BYTES + 96];
	struct alert alert = {
		.severity = ALERT_ALERT,
		.kind = ALERT_BASELINE,
		.rule = span_str(rule),
		.key = span_str(b->repository),
		.container = &container,
		.by_image = true,
		.facts = facts,
		.facts_n = 2,
		.recommend = SPAN_LIT("See what was blocked with 'bulkhead baseline preview'; "
				      "accept what belongs, or find the intruder; then set the "
				      "mode to enforce again."),
	};

	snprintf(title, sizeof(title), "Image '%s' is not enforced any more: %s", b->repository,
		 what);
	alert.title = span_str(title);
	alerts_raise(d->alerts, &alert);
}

static void trip(struct detector_baseline *d, struct image *i, const char *why)
{
	struct err e = { "" };

	d->counts.tripped++;
	image_set_mode(d, i, MODE_DETECT, "breaker", &e);
	tell_ended(d, i, "enforcement-tripped", "too much was blocked", why);
}

/* False: it must not be done. */
static bool may_act(struct observer *o)
{
	struct detector_baseline *d = o->owner;

	char key[IMAGE_KEY_BYTES];

	switch (breaker_take(d->breaker, image_key(o->image, key), span_str(o->c->id.id),
			     mono_ns())) {
	case BREAKER_OK:
		return true;
	case BREAKER_IMAGE:
		trip(d, o->image, "more actions in a minute than an image may have");
		return false;
	case BREAKER_HOST:
		trip(d, o->image, "more actions in a minute than the host may have");
		return false;
	}
	return false;
}

static void kill_late(struct observer *o, const struct process *p, struct enforced *out)
{
	struct err e = { "" };
	int r = p ? response_kill(o->owner->response, p->key, &e) : -ESRCH;

	out->action = ALERT_KILL;
	if (r == 0)
		o->owner->counts.late_kills++;
	snprintf(out->outcome, sizeof(out->outcome), "%.150s",
		 r == 0	       ? "killed late: it ran for a moment"
		 : r == -ESRCH ? "it had ended already"
			       : e.text);
}

static void act_on_container(struct observer *o, enum response_action a, struct enforced *out)
{
	char key[IMAGE_KEY_BYTES];
	const struct response_target t = {
		.container_id = span_str(o->c->id.id),
		.image = image_key(o->image, key),
		.cgroup_path = o->c->cgroup_path,
		.pid = o->c->pid,
	};
	struct err e = { "" };
	int r = response_begin(o->owner->response, &t, a, &e);

	out->action = a == RESPONSE_THROTTLE ? ALERT_THROTTLE
		      : a == RESPONSE_STOP   ? ALERT_KILL
					     : ALERT_FREEZE;
	snprintf(out->outcome, sizeof(out->outcome), "%s: %.140s", response_action_names[a],
		 r == 0		  ? "begun"
		 : r == -EALREADY ? "it is so already"
				  : e.text);
}

/* An event may deviate in several ways, and was ended once. */
static bool is_counted(struct detector_baseline *d, const struct event_view *v)
{
	const struct process_key now = { v->head->boot_ns, v->head->pid };
	const bool again = now.start_boot_ns == d->acted_on.start_boot_ns &&
			   now.pid == d->acted_on.pid;

	d->acted_on = now;
	return again;
}

/* By the kernel's side, before or while the event was told. */
static bool was_done(struct observer *o, const struct event_view *v, bool counted,
		     struct enforced *out)
{
	if (!v || !(v->head->flags & (EVENT_KILLED | EVENT_DENIED)))
		return false;
	if (v->head->flags & EVENT_KILLED) {
		o->owner->counts.killed += !counted;
		out->action = ALERT_KILL;
		snprintf(out->outcome, sizeof(out->outcome), "ended before its first instruction");
	} else {
		o->owner->counts.denied += !counted;
		out->action = ALERT_DENY;
		snprintf(out->outcome, sizeof(out->outcome), "refused before it happened (EPERM)");
	}
	return true;
}

/* The program is known, only by other ways: nothing that the kernel's side would stop. */
static bool is_known_program(const struct observer *o, const struct behaviour *b)
{
	const char *cut = memmem(b->key.p, b->key.n, " < ", 3);

	return cut && !(b->flags & BEHAVIOUR_DROPPED) &&
	       baseline_knows_program(o->image->baseline, b->class,
				      (struct span){ b->key.p, (size_t)(cut + 3 - b->key.p) });
}

static bool is_kill(enum enforce_action action)
{
	return action == ENFORCE_KILL || action == ENFORCE_DENY;
}

bool enforce_deviation(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		       const struct event_view *v, const struct event_context *c,
		       struct enforced *out)
{
	struct detector_baseline *d = o->owner;
	const bool injected = phase == PHASE_INJECTED;
	const bool counted = v && v->head->flags & (EVENT_KILLED | EVENT_DENIED) &&
			     is_counted(d, v);
	const bool done = was_done(o, v, counted, out);

	if (counted || !is_enforced(o, b->class))
		return done;
	if (!done &&
	    ((injected && !d->services.config->enforce_injected) || is_known_program(o, b)))
		return false;
	const enum enforce_action action =
		(enum enforce_action)o->image->baseline->actions[b->class];

	/* it was there before us, or is noted without its process: there is nobody to kill */
	if (!done && is_kill(action) && (!c || !c->process))
		return false;
	/* what the kernel's side did counts as much as what is still to be done */
	if (!may_act(o))
		return done;
	d->counts.actions[action]++;
	if (done)
		return true;
	switch (action) {
	case ENFORCE_KILL:
	case ENFORCE_DENY:
		kill_late(o, c ? c->process : NULL, out);
		return true;
	case ENFORCE_FREEZE:
		act_on_container(o, RESPONSE_FREEZE, out);
		return true;
	case ENFORCE_PAUSE:
		act_on_container(o, RESPONSE_PAUSE, out);
		return true;
	case ENFORCE_STOP:
		act_on_container(o, RESPONSE_STOP, out);
		breaker_forgive(d->breaker, span_str(o->c->id.id));
		return true;
	case ENFORCE_THROTTLE:
		act_on_container(o, RESPONSE_THROTTLE, out);
		return true;
	case ENFORCE_ALERT:
	case ENFORCE_ACTION_COUNT:
		return false;
	}
	return false;
}

void enforce_died(struct detector_baseline *d, const struct container *c)
{
	const struct span image = breaker_died(d->breaker, span_str(c->id.id), mono_ns());
	struct observer *o = observer_find(d, c);

	if (image.n && o && o->image && o->image->baseline->mode == MODE_ENFORCE)
		trip(d, o->image, "a container ended soon after an action on it");
}
