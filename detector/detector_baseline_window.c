// SPDX-License-Identifier: GPL-2.0-or-later
/* Windows and phases of a container. A window that lost events of a class is no evidence for it:
 * what was seen in it stays known, and it does not count among the windows. */
#include <string.h>

#include "collector/base/clock.h"
#include "detector/detector_baseline_internal.h"

#define LISTEN_NS (5 * NS_PER_S) /* a start-up goes on for a little after the first listen */
/* Who goes on for longer, though it was asked to stop, does not stop. */
#define SHUTDOWN_NS (60 * NS_PER_S)

void observer_begin(struct observer *o)
{
	const struct container *c = o->c;
	const uint64_t now = mono_ns(), wall = unix_ns();
	/* docker tells it a little later: what is not known began just now. Its creation is of no
	 * use, for a container that is started again was made long ago. */
	const uint64_t since = c->started_unix_ns;
	const uint64_t age = since && wall > since ? wall - since : 0;

	o->started_ns = now > age ? now - age : 1;
	o->resumed = since && since < o->owner->began_unix_ns;
	o->dated = since != 0;
	/* we saw it come: what is read meanwhile may still tell of its last life */
	if (o->came_ns) {
		o->started_ns = o->came_ns;
		o->resumed = false;
		o->dated = true;
	}
	o->window++;
	o->window_ns = now;
	o->phase = PHASE_STARTUP;
	o->phase = observer_phase(o, false);
}

enum seen_phase observer_phase(const struct observer *o, bool injected)
{
	const uint64_t length = o->owner->services.config->baseline_startup_s * NS_PER_S;

	if (injected)
		return PHASE_INJECTED;
	if (o->phase != PHASE_STARTUP && o->phase != PHASE_SHUTDOWN)
		return o->phase; /* nearly always, and without asking the clock */
	const uint64_t now = mono_ns();

	if (o->phase == PHASE_SHUTDOWN)
		return now - o->stops_ns < SHUTDOWN_NS ? PHASE_SHUTDOWN : PHASE_STEADY;
	if (now - o->started_ns >= length || (o->listens_ns && now - o->listens_ns >= LISTEN_NS))
		return PHASE_STEADY;
	return PHASE_STARTUP;
}

/* --- system calls: noted in the kernel, taken when a window ends ------------------------------ */

static void take_syscalls(struct observer *o)
{
	struct detector_baseline *d = o->owner;
	struct behaviour list[64];
	uint64_t words[SYSCALL_WORDS], part[SYSCALL_WORDS];

	if (!d->wants_syscalls || !d->services.syscalls(d->services.agent, o->c, words))
		return;
	for (unsigned w = 0; w < SYSCALL_WORDS; w++) {
		if (!words[w])
			continue;
		memset(part, 0, sizeof(part));
		part[w] = words[w];
		size_t n = behaviours_of_syscalls(d->reader, part, list, 64);

		for (size_t i = 0; i < n; i++)
			observer_take(o, &list[i], o->phase, NULL, NULL);
	}
}

/* --- windows ------------------------------------------------------------------------------- */

static void count_window(struct observer *o, enum seen_phase phase)
{
	struct baseline *b = o->image->baseline;

	if (b->mode == MODE_OFF)
		return;
	baseline_window(b, phase, o->digest, o->voided, baseline_now_ns(o->owner));
	b->dirty = true;
}

/* Classes of which events of this container were lost since this was asked last. */
static uint32_t lost_classes(const struct observer *o)
{
	const struct agent_services *services = &o->owner->services;
	uint64_t types = services->lost(services->agent, o->c);
	uint32_t classes = 0;

	for (unsigned t = EVENT_NONE + 1; types && t < EVENT_TYPE_COUNT; t++)
		if (types & EVENT_BIT(t))
			classes |= behaviour_classes_of((enum event_type)t);
	return classes;
}

static void close_window(struct observer *o, bool last, bool stops)
{
	const enum seen_phase now = observer_phase(o, false), was = o->phase;

	o->voided |= lost_classes(o);
	if (o->image) {
		/* until the signal is heard of here, the container has begun to stop: its system
		 * calls are of the shut-down, where the next window takes them */
		if (stops)
			o->voided |= 1U << BASELINE_SYSCALL;
		else
			take_syscalls(o);
		/* a window counts for the phase that it lay in wholly; a start-up and a shut-down
		 * are one each, however long */
		if (was == PHASE_STEADY && !last)
			count_window(o, PHASE_STEADY);
		else if (was == PHASE_STARTUP && (now != PHASE_STARTUP || last) && !o->resumed)
			count_window(o, PHASE_STARTUP);
		else if (was == PHASE_SHUTDOWN && last)
			count_window(o, PHASE_SHUTDOWN);
		if (o->injected)
			count_window(o, PHASE_INJECTED);
	}
	/* one that goes on: what was lost, and what was seen, is of the same window */
	if (was != now || was == PHASE_STEADY) {
		o->voided = 0;
		o->window++;
	}
	o->phase = now;
	o->injected = false;
	o->window_ns = mono_ns() - o->window_ns >= o->owner->window_length_ns
			       ? o->window_ns + o->owner->window_length_ns
			       : mono_ns();
}

void observer_windows(struct detector_baseline *d)
{
	const uint64_t now = mono_ns();
	uint32_t left = d->observers_n;

	for (uint32_t i = 0; left && i < d->observers_max; i++) {
		struct observer *o = d->observers[i];

		if (!o)
			continue;
		left--;
		if (o->leaves)
			continue;
		/* the end of a start-up begins a window, so that steady ones hold nothing of it */
		if (now - o->window_ns >= d->window_length_ns ||
		    observer_phase(o, false) != o->phase)
			close_window(o, false, false);
		if (now - o->window_ns >= d->window_length_ns)
			o->window_ns = now; /* the loop stood still: no windows in between */
	}
}

void observer_stops(struct observer *o)
{
	o->stops_ns = mono_ns();
	if (o->phase == PHASE_SHUTDOWN)
		return;
	close_window(o, false, true);
	o->phase = PHASE_SHUTDOWN;
}

void observer_end(struct observer *o)
{
	close_window(o, true, false);
}
