// SPDX-License-Identifier: GPL-2.0-or-later
/* An event of a container: noted in its image's baseline, or judged by it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/clock.h"
#include "detector/byte_map.h"
#include "detector/detector_baseline_internal.h"
#include "detector/syscall_kin.h"

#define GRACE_STARTUPS 5 /* of a slow start: so many lengths of a start-up */

/* --- what is known ------------------------------------------------------------------------- */

/* What belongs to a start-up may come late in a slow one; whatever a container did in its life may
 * come again when it starts or stops, and may be done by whoever looks after it. */
bool entry_is_known(const struct observer *o, enum baseline_class c, const struct seen *s,
		    enum seen_phase phase)
{
	const uint64_t startup = o->owner->services.config->baseline_startup_s * NS_PER_S;

	if (s->flags & SEEN_REJECTED)
		return false;
	if (s->flags & SEEN_ACCEPTED)
		return true;
	if (s->flags & SEEN_IMPORTED) /* a proposal: never part of an enforced set */
		return o->image->baseline->mode != MODE_ENFORCE;
	if (phase != PHASE_STEADY || !baseline_class_has_phases(c))
		return phase == PHASE_INJECTED || s->windows[PHASE_STARTUP] ||
		       s->windows[PHASE_STEADY] || s->windows[PHASE_SHUTDOWN];
	return s->windows[PHASE_STEADY] || s->windows[PHASE_SHUTDOWN] ||
	       (s->windows[PHASE_STARTUP] && mono_ns() - o->started_ns < GRACE_STARTUPS * startup);
}

void observer_count(struct observer *o, enum baseline_class c, enum seen_phase phase,
		    struct path_entry *entry)
{
	struct seen *s = &entry->seen;

	switch (window_set_mark(&o->seen, c, entry->id, o->window)) {
	case WINDOW_SET_NEW:
		s->containers = seen_sum(s->containers, o->counts || !s->containers);
		s->windows[phase] = seen_sum(s->windows[phase], 1);
		break;
	case WINDOW_SET_WINDOW_NEW:
		s->windows[phase] = seen_sum(s->windows[phase], 1);
		break;
	case WINDOW_SET_FULL: /* not counted twice, and the window is none */
		o->owner->counts.seen_refused++;
		o->voided |= 1U << c;
		if (!s->windows[phase])
			s->windows[phase] = 1;
		break;
	case WINDOW_SET_AGAIN:
		if (!s->windows[phase])
			s->windows[phase] = 1;
		break;
	}
	o->image->baseline->dirty = true;
}

/* False: it found no room, and is not known. */
static bool note(struct observer *o, const struct behaviour *b, enum seen_phase phase)
{
	struct path_entry *entry;
	int r = baseline_note(o->image->baseline, b->class, b->key, o->digest,
			      baseline_now_ns(o->owner), &entry, NULL);

	if (r < 0)
		return false; /* counted there */
	if (b->flags & BEHAVIOUR_DROPPED)
		entry->seen.flags |= SEEN_DROPPED;
	observer_count(o, b->class, phase, entry);
	o->owner->counts.noted++;
	return true;
}

/* --- again --------------------------------------------------------------------------------- */

static uint64_t repeat_hash(const struct observer *o, enum baseline_class c, struct span key,
			    enum seen_phase phase)
{
	return byte_hash(key, o->owner->repeats_seed ^ ((uint64_t)c << 8 | phase) << 32);
}

/* Up to and with the last '/'. */
static struct span folder_of(const struct behaviour *b)
{
	const char *slash = b->class == BASELINE_WRITE ? memrchr(b->key.p, '/', b->key.n) : NULL;

	if (!slash || slash + 1 == b->key.p + b->key.n)
		return (struct span){ NULL, 0 };
	return (struct span){ b->key.p, (size_t)(slash + 1 - b->key.p) };
}

/* Enforcement wants to see each file, and what has a flag is judged by it. */
static bool may_repeat(const struct observer *o, const struct behaviour *b)
{
	const enum baseline_mode mode = o->image ? o->image->baseline->mode : MODE_OFF;

	return (mode == MODE_LEARN || mode == MODE_DETECT) && !b->flags;
}

/* It was known and counted in this window: once more would change nothing. */
static bool is_repeat(struct observer *o, const struct behaviour *b, enum seen_phase phase)
{
	if (!may_repeat(o, b))
		return false;
	const struct span folder = folder_of(b);
	const struct span name = { b->key.p + folder.n, b->key.n - folder.n };

	repeats_begin(&o->repeats, (uint64_t)o->owner->changes << 32 |
					   (uint64_t)(o->window & 0xffffff) << 8 |
					   o->image->baseline->mode);
	return (folder.n &&
		repeats_has_name(&o->repeats, repeat_hash(o, b->class, folder, phase), name)) ||
	       repeats_has(&o->repeats, repeat_hash(o, b->class, b->key, phase));
}

static void remember(struct observer *o, const struct behaviour *b, enum seen_phase phase)
{
	if (!may_repeat(o, b))
		return;
	const struct baseline_set *s = &o->image->baseline->sets[b->class];
	const struct span folder = folder_of(b);
	struct path_wildcard names;

	/* what a person rejected in a folder is no repeat of the rest */
	if (folder.n && !s->rejected && path_tree_wildcard(s->tree, b->key, &names))
		repeats_put_names(&o->repeats, repeat_hash(o, b->class, folder, phase), &names);
	else
		repeats_put(&o->repeats, repeat_hash(o, b->class, b->key, phase));
}

/* --- judging ------------------------------------------------------------------------------- */

/* Whether what is new there is a deviation, or something that is still being learned. */
static bool judges(const struct observer *o, enum baseline_class c, enum seen_phase phase)
{
	const struct baseline *b = o->image->baseline;

	if (b->mode < MODE_DETECT || !b->digests[o->digest].complete_ns)
		return false;
	/* an enforced set grows by people alone: what it holds may run */
	if (b->mode == MODE_ENFORCE)
		return true;
	/* what a container may do was given to it from outside, whenever it shows */
	if (c == BASELINE_CAPABILITY)
		return b->sets[c].complete_ns[PHASE_STEADY];
	/* what people do in containers is never all: it is told, and a person accepts it */
	return phase == PHASE_INJECTED || b->sets[c].complete_ns[phase];
}

/* A system call that does what a known one does: learned without a word. */
static bool is_kin(const struct observer *o, const struct behaviour *b, enum seen_phase phase)
{
	const struct baseline *base = o->image->baseline;
	const char *const *kin = b->class == BASELINE_SYSCALL && base->mode == MODE_DETECT
					 ? syscall_kin(b->key)
					 : NULL;

	for (size_t i = 0; kin && kin[i]; i++) {
		const struct path_entry *entry = baseline_find(base, b->class, span_str(kin[i]));

		if (entry && entry_is_known(o, b->class, &entry->seen, phase))
			return true;
	}
	return false;
}

/* A known program whose file is not the image's any more: somebody wrote over it. */
static bool is_replaced(const struct behaviour *b, const struct seen *s)
{
	return (b->flags & BEHAVIOUR_DROPPED) && !(s->flags & (SEEN_DROPPED | SEEN_ACCEPTED));
}

/* What is known by its path, and is no file of the image: no verdict can let it run, so it is told
 * each time. */
static bool is_stopped(const struct behaviour *b, const struct event_view *v)
{
	return (b->flags & BEHAVIOUR_DROPPED) && v &&
	       (v->head->flags & (EVENT_KILLED | EVENT_DENIED));
}

static void judge(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		  bool malicious, const struct event_view *v, const struct event_context *c)
{
	struct baseline *base = o->image->baseline;
	struct path_entry *entry = baseline_find(base, b->class, b->key);
	const bool rejected = entry && (entry->seen.flags & SEEN_REJECTED);

	o->owner->counts.judged++;
	if (entry && entry_is_known(o, b->class, &entry->seen, phase) &&
	    !is_replaced(b, &entry->seen) && !is_stopped(b, v)) {
		entry->seen.flags &= ~(uint32_t)SEEN_IMPORTED; /* it is seen here, too */
		entry->seen.last_ns = baseline_now_ns(o->owner);
		entry->seen.digests |= 1U << o->digest;
		observer_count(o, b->class, phase, entry);
		enforce_known(o, b->class, &entry->seen, v);
		remember(o, b, phase);
		return;
	}
	/* a health check is learned in silence like all else, as long as there is news of what
	 * comes from outside; then its programs may be somebody else's work */
	const bool probe = (b->flags & BEHAVIOUR_PROBE) && !(b->flags & BEHAVIOUR_DROPPED) &&
			   base->mode != MODE_ENFORCE &&
			   !base->sets[b->class].complete_ns[PHASE_INJECTED];
	const bool quiet = probe || is_kin(o, b, phase);
	bool learns = !malicious && !rejected && (quiet || !judges(o, b->class, phase));

	if (malicious)
		o->owner->counts.not_learned++;
	if (learns && !note(o, b, phase))
		learns = false; /* what cannot be learned is told */
	if (base->mode >= MODE_DETECT && !(quiet && learns))
		deviation_tell(o, b, phase, learns, v, c);
}

/* --- before the image is known ---------------------------------------------------------------- */

struct waiting {
	uint16_t bytes; /* of the key behind it */
	uint8_t class, phase;
	uint32_t flags;
};

static void wait_for_image(struct observer *o, const struct behaviour *b, enum seen_phase phase)
{
	const struct waiting w = { (uint16_t)b->key.n, (uint8_t)b->class, (uint8_t)phase,
				   b->flags };

	if (b->key.n > PATH_TREE_MAX_PATH ||
	    o->waiting.len + sizeof(w) + b->key.n > OBSERVER_WAITING_BYTES) {
		o->owner->counts.waiting_refused++;
		o->voided |= 1U << b->class;
		return;
	}
	buf_add(&o->waiting, &w, sizeof(w));
	buf_add(&o->waiting, b->key.p, b->key.n);
}

void observer_bound(struct observer *o)
{
	const char *p = o->waiting.data, *end = p ? p + o->waiting.len : NULL;
	struct waiting w;

	while (p && (size_t)(end - p) > sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		const struct span key = { p + sizeof(w), w.bytes };
		const struct behaviour b = { .class = (enum baseline_class)w.class,
					     .key = key,
					     .subject = key,
					     .flags = w.flags };

		observer_take(o, &b, (enum seen_phase)w.phase, NULL, NULL);
		p += sizeof(w) + w.bytes;
	}
	buf_release(&o->waiting);
	buf_init(&o->waiting, OBSERVER_WAITING_BYTES);
}

static void take(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		 bool malicious, const struct event_view *v, const struct event_context *c)
{
	if (o->sandbox)
		return;
	if (!o->image) {
		if (!malicious)
			wait_for_image(o, b, phase);
		return;
	}
	if (!malicious && is_repeat(o, b, phase)) {
		o->owner->counts.repeated++;
		return;
	}
	switch (o->image->baseline->mode) {
	case MODE_LEARN:
		if (malicious)
			o->owner->counts.not_learned++;
		else if (note(o, b, phase))
			remember(o, b, phase);
		return;
	case MODE_DETECT:
	case MODE_ENFORCE:
		judge(o, b, phase, malicious, v, c);
		return;
	case MODE_OFF:
	case MODE_COUNT:
		return;
	}
}

void observer_take(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		   const struct event_view *v, const struct event_context *c)
{
	take(o, b, phase, false, v, c);
}

/* --- events -------------------------------------------------------------------------------- */

static bool same_process(const struct process_key *a, const struct process_key *b)
{
	return a->pid == b->pid && a->start_boot_ns == b->start_boot_ns;
}

/* It, or whose child it is. */
static bool is_malicious(const struct observer *o, const struct process *p)
{
	for (unsigned depth = 0; p && depth < PROCESS_MAX_ANCESTORS; depth++, p = p->parent)
		for (uint32_t i = 0; i < o->malicious_n; i++)
			if (same_process(&p->key, &o->malicious[i]))
				return true;
	return false;
}

static void note_malicious(struct observer *o, const struct process *p)
{
	/* the container's own first process would be all of it */
	if (!p || p->first || is_malicious(o, p))
		return;
	if (o->malicious_n < OBSERVER_MALICIOUS) {
		o->malicious[o->malicious_n++] = p->key;
		return;
	}
	memmove(o->malicious, o->malicious + 1, sizeof(o->malicious) - sizeof(o->malicious[0]));
	o->malicious[OBSERVER_MALICIOUS - 1] = p->key;
}

static bool is_stop_signal(const struct observer *o, uint32_t sig)
{
	const char *own = o->c->meta ? o->c->meta->stop_signal : NULL;

	if (own && strncmp(own, "SIG", 3) == 0)
		own += 3;
	return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT ||
	       (own && sig < NSIG && sigabbrev_np((int)sig) &&
		strcmp(sigabbrev_np((int)sig), own) == 0);
}

/* A signal from outside to a container's first process: it is asked to stop. */
static void take_kill(struct detector_baseline *d, const struct event_view *v)
{
	const uint64_t target = v->call->target_container;
	const uint32_t sig = (uint32_t)v->call->args[1]; /* of kill and pidfd_send_signal */
	uint32_t left = d->observers_n;

	if (v->head->result < 0 || !target || !v->call->target_pid)
		return;
	for (uint32_t i = 0; left && i < d->observers_max; i++) {
		struct observer *o = d->observers[i];

		if (!o)
			continue;
		left--;
		if (!o->leaves && (o->c->inode == target || o->c->unified_inode == target) &&
		    (uint32_t)o->c->pid == v->call->target_pid && is_stop_signal(o, sig))
			observer_stops(o);
	}
}

static bool is_in_hosts_mounts(const struct detector_baseline *d, const struct process *p)
{
	return p->exec_mnt && p->exec_mnt == d->host_mounts;
}

/* Who has a program of the container behind it is not the runtime, whatever mounts it has joined:
 * a shell that escapes is the container's own. */
static bool is_runtime(const struct detector_baseline *d, const struct process *p)
{
	if (!p || p->missed || p->placeholder)
		return false;
	if (p->exec_inside && !is_in_hosts_mounts(d, p))
		return false;
	const struct process *up = p->parent;

	for (unsigned i = 0;
	     up && i < PROCESS_MAX_ANCESTORS && up->container_cgroup == p->container_cgroup;
	     i++, up = up->parent)
		if (up->exec_inside && up->exec_mnt && !is_in_hosts_mounts(d, up))
			return false;
	return true;
}

static bool is_of_image(const struct event_file *f)
{
	return (f->flags & (FILE_KNOWN | FILE_OVERLAY)) == (FILE_KNOWN | FILE_OVERLAY) &&
	       !(f->flags & (FILE_UPPER | FILE_FOREIGN | FILE_MEMORY | FILE_DELETED));
}

/* An open that said nothing: neither will it when the next one opens the file so. Reading a file of
 * the image is that, though not of one with several names, another of which may be a secret; what
 * is not the image's gives its number to others. And devices, such as /dev/null. Only where all is
 * learned: until then more is to be seen, also by who looks back at what led to an alert. */
static bool is_dull(const struct observer *o, const struct event_view *v)
{
	const struct event_open *e = v->open;
	const struct baseline *b = o->image ? o->image->baseline : NULL;

	if (!b || b->mode < MODE_DETECT || !b->sets[BASELINE_READ].complete_ns[PHASE_STEADY] ||
	    !b->sets[BASELINE_WRITE].complete_ns[PHASE_STEADY])
		return false;
	if (v->head->result < 0 || !v->strings[TAG_PATH].n || v->string_flags[TAG_PATH])
		return false;
	if (S_ISCHR(e->file.mode))
		return e->file.flags & FILE_KNOWN;
	return e->access == ACCESS_READ && S_ISREG(e->file.mode) && e->file.links == 1 &&
	       is_of_image(&e->file);
}

void detector_baseline_event(struct detector_baseline *d, const struct event_view *v,
			     const struct event_context *c, struct container *of, bool malicious)
{
	struct behaviour list[BEHAVIOUR_MAX];

	if (!d->store || !(d->event_mask & EVENT_BIT(v->head->type)) || !of) {
		if (d->store && v->head->type == EVENT_KILL && !of)
			take_kill(d, v);
		return;
	}
	/* what the runtime does before the container's own program runs is not the image's */
	if (is_runtime(d, c->process)) {
		d->counts.runtime++;
		return;
	}
	struct observer *o = observer_of_event(d, of);

	if (!o || o->sandbox || (o->image && o->image->baseline->mode == MODE_OFF))
		return;
	d->counts.events++;
	if (o->early && !o->resolving) /* its own program runs: its root is there */
		enforce_observer(o);
	if (malicious)
		note_malicious(o, c->process);
	else if (o->malicious_n)
		malicious = is_malicious(o, c->process);
	const size_t n = behaviours_of(d->reader, v, c, list);
	const bool injected = c->process && c->process->injected;

	if (n == 0 && v->head->type == EVENT_OPEN && is_dull(o, v))
		d->services.dull(d->services.agent, v);
	const enum seen_phase phase = observer_phase(o, injected);

	o->injected |= injected && n > 0;
	for (size_t i = 0; i < n; i++)
		take(o, &list[i], phase, malicious, v, c);
	if (v->head->type == EVENT_LISTEN && v->head->result >= 0 && !o->listens_ns && !injected)
		o->listens_ns = mono_ns();
}
