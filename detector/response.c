// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/response.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "detector/response_internal.h"

const char *const response_action_names[RESPONSE_ACTIONS] = {
	[RESPONSE_FREEZE] = "freeze",
	[RESPONSE_PAUSE] = "pause",
	[RESPONSE_THROTTLE] = "throttle",
	[RESPONSE_STOP] = "stop",
};
const char *const response_event_names[RESPONSE_EVENTS] = {
	[RESPONSE_BEGUN] = "begun",   [RESPONSE_ENDED] = "ended", [RESPONSE_UNDONE] = "undone",
	[RESPONSE_FAILED] = "failed", [RESPONSE_LEFT] = "left",	  [RESPONSE_DAMAGED] = "damaged",
};
const char *const response_reason_names[RESPONSE_REASONS] = {
	[RESPONSE_ASKED] = "asked",
	[RESPONSE_LEASE] = "lease",
	[RESPONSE_END] = "end",
	[RESPONSE_CRASH] = "crash",
};

uint64_t response_boot_ns(const struct response *r)
{
	return r->set.boot_ns ? r->set.boot_ns(r->set.ctx) : boot_ns();
}

uint64_t response_unix_ns(const struct response *r)
{
	return r->set.unix_ns ? r->set.unix_ns(r->set.ctx) : unix_ns();
}

static int read_boot_id(struct response *r, struct err *e)
{
	char path[PATH_MAX], text[64];
	struct span id = span_str(r->set.boot_id);

	if (id.n == 0) {
		if (!io_join(path, sizeof(path), r->set.proc, "sys/kernel/random/boot_id"))
			return err_set(e, ENAMETOOLONG, "the path of /proc is too long");
		ssize_t n = io_read_at(AT_FDCWD, path, text, sizeof(text));

		id = span_trim((struct span){ text, n > 0 ? (size_t)n : 0 });
	}
	if (id.n == 0 || id.n >= sizeof(r->boot_id))
		return err_set(e, ENOENT, "the kernel's boot id cannot be read");
	memcpy(r->boot_id, id.p, id.n);
	return 0;
}

void response_set_limits(struct response *r, const struct response_limits *l)
{
	r->set.limits = *l;
	if (!l->lease_ns)
		r->set.limits.lease_ns = RESPONSE_LEASE_NS;
	if (!l->grace_ns)
		r->set.limits.grace_ns = RESPONSE_GRACE_NS;
	if (!l->throttle_percent)
		r->set.limits.throttle_percent = RESPONSE_PERCENT;
}

int response_new(struct response **out, const struct response_settings *s, struct err *e)
{
	AUTO(response_free) struct response *r = calloc(1, sizeof(*r));

	if (!r)
		return err_errno(e, "response");
	r->set = *s;
	response_set_limits(r, &s->limits);
	if (!r->set.cpus) {
		const long n = sysconf(_SC_NPROCESSORS_ONLN);

		r->set.cpus = n > 0 ? (uint32_t)n : 1;
	}
	int result = read_boot_id(r, e);

	if (result < 0)
		return result;
	*out = TAKE(r);
	return 0;
}

void response_free(struct response *r)
{
	if (!r)
		return;
	r->set.worker = NULL; /* it has ended: this waits for the disk */
	r->waiting = true;
	response_undo_all(r);
	for (unsigned i = r->n; i-- > 0;)
		if (r->list[i]->state == ENTRY_REMOVING)
			entry_remove(r->list[i]);
	while (r->n > 0) /* what could not be put back keeps its file: the next start tries again */
		entry_drop(r->list[r->n - 1]);
	free(r);
}

/* --- asking ------------------------------------------------------------------------------------
 */

static bool is_freeze(enum response_action a)
{
	return a == RESPONSE_FREEZE || a == RESPONSE_PAUSE;
}

static struct entry *find(const struct response *r, struct span container, enum response_action a)
{
	for (unsigned i = 0; i < r->n; i++) {
		struct entry *e = r->list[i];

		if (e->state == ENTRY_REMOVING || (e->ended && e->state == ENTRY_WRITING))
			continue;
		if ((e->rec.action == a || (is_freeze(a) && is_freeze(e->rec.action))) &&
		    span_eq(container, e->rec.container))
			return e;
	}
	return NULL;
}

/* True when it is in force already. One that somebody else ended is told and forgotten. */
static bool is_in_force(struct response *r, const struct response_target *t, enum response_action a)
{
	struct entry *e = find(r, t->container_id, a);

	if (!e)
		return false;
	if (e->state == ENTRY_ACTIVE &&
	    !change_holds(r->set.layout, &e->rec.changes[e->rec.n - 1])) {
		entry_undo(e, RESPONSE_ASKED);
		return false;
	}
	entry_renew(e, a);
	return true;
}

static struct entry *add(struct response *r, const struct response_target *t,
			 enum response_action a, struct err *why)
{
	struct entry *e = r->n < RESPONSE_MAX ? entry_new(r) : NULL;

	if (!e) {
		r->stats.refused += r->n == RESPONSE_MAX;
		err_set(why, ENOSPC, "there are %u responses already", r->n);
		return NULL;
	}
	e->rec.action = a;
	e->rec.begun_unix_ns = response_unix_ns(r);
	e->rec.container = strndup(t->container_id.n ? t->container_id.p : "", t->container_id.n);
	e->rec.image = strndup(t->image.n ? t->image.p : "", t->image.n);
	memcpy(e->rec.boot, r->boot_id, sizeof(e->rec.boot));
	if (e->rec.container && e->rec.image &&
	    ulid_make(&r->ids, e->rec.begun_unix_ns, e->rec.id) == 0)
		return e;
	err_set(why, ENOMEM, "no memory for a response");
	entry_drop(e);
	return NULL;
}

static int begin_change(struct response *r, const struct response_target *t, enum response_action a,
			struct err *why)
{
	AUTO_FREE struct plan *p = malloc(sizeof(*p));

	if (!p)
		return err_errno(why, "response");
	int result = plan_make(&r->set, t, a, p, why);
	struct entry *e = result < 0 ? NULL : add(r, t, a, why);

	if (!e) {
		plan_release(p);
		return result < 0 ? result : -ENOSPC;
	}
	e->rec.changes = malloc(p->n * sizeof(*e->rec.changes));
	if (!e->rec.changes) {
		plan_release(p);
		entry_drop(e);
		return err_set(why, ENOMEM, "no memory for a response");
	}
	memcpy(e->rec.changes, p->list, p->n * sizeof(*e->rec.changes)); /* with their paths */
	e->rec.n = p->n;
	entry_renew(e, a);
	entry_begin(e);
	return 0;
}

/* --- stopping ----------------------------------------------------------------------------------
 */

static int begin_stop(struct response *r, const struct response_target *t, struct err *why)
{
	const uint64_t now = response_boot_ns(r);
	struct place place;
	int result = place_find(&r->set, t, HIERARCHY_WATCHED, &place, why);

	if (result < 0)
		return result;
	struct entry *e = add(r, t, RESPONSE_STOP, why);

	if (!e) {
		free(place.path);
		return -ENOSPC;
	}
	e->state = ENTRY_STOPPING;
	e->place = place;
	e->rec.id[0] = '\0'; /* no file: there is nothing to undo */
	struct entry *frozen = find(r, t->container_id, RESPONSE_FREEZE);

	/* What is frozen does not act on a signal, and must not run on for the grace. */
	result = frozen || t->pid <= 0 ? -ESRCH : stop_ask(&r->set, &place, t->pid, NULL);
	e->until_ns = result < 0 ? now : now + r->set.limits.grace_ns;
	e->give_up_ns = e->until_ns + RESPONSE_STOP_NS;
	entry_tell(e, RESPONSE_BEGUN, result < 0 ? "without asking its first process" : "");
	if (result < 0)
		stop_force(&r->set, &place, NULL); /* what is left is told by the tick */
	if (frozen)
		entry_undo(frozen, RESPONSE_ASKED); /* v1: only what is thawed dies */
	return 0;
}

static void tick_stop(struct entry *e, uint64_t now)
{
	struct response *r = e->r;
	struct err why = { "processes are left" };

	if (stop_is_empty(r->set.layout, &e->place)) {
		entry_tell(e, RESPONSE_ENDED, "");
		entry_drop(e);
		return;
	}
	if (now < e->until_ns)
		return;
	stop_force(&r->set, &e->place, &why);
	if (now >= e->give_up_ns) {
		entry_tell(e, RESPONSE_FAILED, why.text);
		entry_drop(e);
	}
}

int response_begin(struct response *r, const struct response_target *t, enum response_action a,
		   struct err *e)
{
	if (find(r, t->container_id, RESPONSE_STOP))
		return err_set(e, a == RESPONSE_STOP ? EALREADY : EBUSY,
			       "container '%.*s' is being stopped", (int)t->container_id.n,
			       t->container_id.p);
	if (a == RESPONSE_STOP)
		return begin_stop(r, t, e);
	if (is_in_force(r, t, a))
		return err_set(e, EALREADY, "container '%.*s' has that response already",
			       (int)t->container_id.n, t->container_id.p);
	return begin_change(r, t, a, e);
}

/* --- undoing -----------------------------------------------------------------------------------
 */

static unsigned undo_where(struct response *r, struct span text, bool image,
			   enum response_reason reason)
{
	unsigned n = 0;

	for (unsigned i = r->n; i-- > 0;) {
		struct entry *e = r->list[i];

		if (e->state != ENTRY_ACTIVE && e->state != ENTRY_WRITING)
			continue;
		if (text.p && !span_eq(text, image ? e->rec.image : e->rec.container))
			continue;
		const unsigned before = r->n;
		const bool written = e->state == ENTRY_WRITING;

		entry_undo(e, reason);
		/* dropped with its file, or on its way there */
		n += r->n < before || written || e->state == ENTRY_REMOVING;
	}
	return n;
}

unsigned response_undo(struct response *r, struct span container_id)
{
	return container_id.p ? undo_where(r, container_id, false, RESPONSE_ASKED) : 0;
}

unsigned response_undo_image(struct response *r, struct span image)
{
	return image.p ? undo_where(r, image, true, RESPONSE_ASKED) : 0;
}

unsigned response_undo_all(struct response *r)
{
	return undo_where(r, (struct span){ NULL, 0 }, false, RESPONSE_END);
}

/* A container that ended needs its place no more; whoever has none waits for nobody. */
static bool is_gone(const struct entry *e)
{
	const struct change *own = &e->rec.changes[e->rec.n - 1];
	AUTO_FD int fd = place_open(e->r->set.layout, &own->place, NULL);

	return fd == -ENOENT || fd == -ESTALE;
}

static void tick_active(struct entry *e, uint64_t now)
{
	if (!e->ended && e->until_ns && now >= e->until_ns) {
		entry_undo(e, RESPONSE_LEASE);
		return;
	}
	if (now < e->again_ns)
		return;
	e->again_ns = now + RESPONSE_RETRY_NS;
	if (e->ended || is_gone(e))
		entry_undo(e, e->reason);
}

void response_tick(struct response *r)
{
	const uint64_t now = response_boot_ns(r);

	recover_again(r);
	for (unsigned i = r->n; i-- > 0;) {
		struct entry *e = r->list[i];

		switch (e->state) {
		case ENTRY_ACTIVE:
			tick_active(e, now);
			break;
		case ENTRY_STOPPING:
			tick_stop(e, now);
			break;
		case ENTRY_REMOVING:
			if (!e->busy && now >= e->again_ns)
				entry_remove(e);
			break;
		case ENTRY_WRITING:
			break;
		}
	}
}

/* --- views -------------------------------------------------------------------------------------
 */

void response_each(const struct response *r, void (*fn)(void *ctx, const struct response_view *v),
		   void *ctx)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct entry *e = r->list[i];
		const struct record *rec = &e->rec;

		if (e->state != ENTRY_ACTIVE && e->state != ENTRY_STOPPING)
			continue;
		const struct response_view v = {
			.id = span_str(rec->id),
			.container_id = span_str(rec->container),
			.image = span_str(rec->image),
			.path = span_str(rec->n ? rec->changes[rec->n - 1].place.path
						: e->place.path),
			.action = rec->action,
			.begun_unix_ns = rec->begun_unix_ns,
			.until_unix_ns = rec->until_unix_ns,
			.stuck = e->stuck,
		};
		fn(ctx, &v);
	}
}

struct response_stats response_stats(const struct response *r)
{
	struct response_stats s = r->stats;

	s.capacity = RESPONSE_MAX;
	s.active = s.stuck = 0;
	for (unsigned i = 0; i < r->n; i++) {
		const struct entry *e = r->list[i];

		s.active += e->state == ENTRY_ACTIVE || e->state == ENTRY_STOPPING;
		s.stuck += e->stuck && e->state == ENTRY_ACTIVE;
	}
	return s;
}
