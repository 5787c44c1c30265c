// SPDX-License-Identifier: GPL-2.0-or-later
/* What is done about a deviation, beyond what the kernel's side did before it was told, and the
 * breaker that ends enforcement when it does harm. What was frozen or throttled is undone by the
 * journal at the next start. */
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/detector_baseline_internal.h"

/* --- the parts ----------------------------------------------------------------------------- */

static void told(void *ctx, const struct response_event *ev)
{
	struct detector_baseline *d = ctx;

	audit_response(d->audit, "an action on a container", ev);
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

/* --- the breaker ---------------------------------------------------------------------------- */

/* People believe that an image is enforced: whatever ends it is an alert. */
void enforce_tell_ended(struct detector_baseline *d, const struct image *i, const char *rule,
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
	enforce_tell_ended(d, i, "enforcement-tripped", "too much was blocked", why);
}

/* False: it must not be done. */
bool enforce_may_act(struct observer *o)
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

static bool is_kill(enum enforce_action action)
{
	return action == ENFORCE_KILL || action == ENFORCE_DENY;
}

static bool is_refusable(enum baseline_class c)
{
	return c == BASELINE_EXEC || c == BASELINE_WRITE || c == BASELINE_CONNECT;
}

/* Scripts are the kernel's side's affair with the programs that run them. */
static const char *means_of_kill(const struct detector_baseline *d, const struct image *i,
				 enum baseline_class of, const char **why)
{
	const char *actions = i->baseline->actions;
	const bool script = of == BASELINE_SCRIPT &&
			    is_kill((enum enforce_action)actions[BASELINE_EXEC]);
	const enum baseline_class c = script ? BASELINE_EXEC : of;
	const bool deny = actions[c] == ENFORCE_DENY;

	if (deny && !is_refusable(c))
		*why = "only exec, write and connect can be refused";
	else if (deny && !d->services.can_deny(d->services.agent))
		*why = "this layer of the kernel sensor refuses nothing";
	else if (deny && i->partly[c])
		*why = i->partly[c];
	else if (deny)
		return "refused before it happens";
	return c == BASELINE_EXEC ? "killed before its first instruction"
				  : "killed after it was seen";
}

const char *enforce_means(const struct detector_baseline *d, const struct image *i,
			  enum baseline_class c, const char **why)
{
	*why = NULL;
	switch ((enum enforce_action)i->baseline->actions[c]) {
	case ENFORCE_KILL:
	case ENFORCE_DENY:
		return means_of_kill(d, i, c, why);
	case ENFORCE_FREEZE:
		return "the container is frozen for a time";
	case ENFORCE_PAUSE:
		return "the container is paused";
	case ENFORCE_STOP:
		return "the container is stopped";
	case ENFORCE_THROTTLE:
		return "the container gets little CPU for a time";
	case ENFORCE_ALERT:
	case ENFORCE_ACTION_COUNT:
		break;
	}
	return "";
}

/* Why what is to be refused was only told. */
static const char *why_not_refused(const struct observer *o, enum baseline_class c)
{
	const char *why;

	if (o->image->baseline->actions[c] != ENFORCE_DENY)
		return NULL;
	enforce_means(o->owner, o->image, c, &why);
	if (why)
		return why;
	if (c == BASELINE_WRITE)
		return "its directory is known or on another mount, or no content was changed";
	return c == BASELINE_CONNECT ? "its network is known" : "its file is known";
}

static void kill_late(struct observer *o, const struct process *p, enum baseline_class c,
		      struct enforced *out)
{
	const char *why = why_not_refused(o, c);
	struct err e = { "" };
	int r = p ? response_kill(o->owner->response, p->key, &e) : -ESRCH;
	size_t n;

	out->action = ALERT_KILL;
	if (r == 0)
		o->owner->counts.late_kills++;
	snprintf(out->outcome, sizeof(out->outcome), "%.150s",
		 r == 0	       ? "killed late: it ran for a moment"
		 : r == -ESRCH ? "it had ended already"
			       : e.text);
	n = strlen(out->outcome);
	if (why)
		snprintf(out->outcome + n, sizeof(out->outcome) - n, "; not refused: %s", why);
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

bool enforce_deviation(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		       const struct event_view *v, const struct event_context *c,
		       struct enforced *out)
{
	struct detector_baseline *d = o->owner;
	const bool injected = phase == PHASE_INJECTED;
	const bool counted = v && v->head->flags & (EVENT_KILLED | EVENT_DENIED) &&
			     is_counted(d, v);
	const bool done = was_done(o, v, counted, out);

	if (counted || !enforce_acts(o, b->class))
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
	if (!enforce_may_act(o))
		return done;
	d->counts.actions[action]++;
	if (done)
		return true;
	switch (action) {
	case ENFORCE_KILL:
	case ENFORCE_DENY:
		kill_late(o, c ? c->process : NULL, b->class, out);
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
