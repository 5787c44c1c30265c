// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/restarts.h"

#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"

#define MAX_TEXT      512
#define TWICE_NS      (3600 * NS_PER_S) /* names that came again within: the image does not count */
#define MAX_UNMATCHED 2
#define LIVES	      4 /* of a name, that may still be about to end */

struct name {
	struct restart_name shown; /* first member */
	char text[MAX_TEXT];	   /* what its containers have in common */
	uint64_t hash, last_ns;
	uint64_t inodes[LIVES]; /* of the cgroups that were counted last */
	unsigned next;
	uint32_t restart_count, unmatched; /* starts that restart_count has not told of */
	bool has_count;
};

struct waiting {
	struct container *c; /* a reference */
	uint64_t ended_ns;
};

struct restarts {
	struct name *names[RESTARTS_MAX_NAMES];
	struct waiting waiting[RESTARTS_MAX_WAITING];
	size_t names_n, waiting_n;
	uint64_t names_refused, waiting_refused, since_unix_ns;
};

static uint64_t hash_text(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

static bool name_text(const struct container *c, bool by_image, char out[MAX_TEXT])
{
	const struct metadata *m = c->meta;
	const char *name = container_name(c), *image = container_image(c);
	int n;

	if (by_image)
		n = snprintf(out, MAX_TEXT, "i %s", image);
	else if (m && m->pod_name && m->pod_container)
		n = snprintf(out, MAX_TEXT, "p %s/%s/%s", m->pod_namespace ? m->pod_namespace : "",
			     m->pod_name, m->pod_container);
	else
		n = snprintf(out, MAX_TEXT, "n %s %s", name, image);
	return n < MAX_TEXT && (by_image ? image[0] : name[0]) != '\0';
}

static struct name *find(const struct restarts *r, const char *text)
{
	const uint64_t hash = hash_text(text);

	for (size_t i = 0; i < r->names_n; i++)
		if (r->names[i]->hash == hash && strcmp(r->names[i]->text, text) == 0)
			return r->names[i];
	return NULL;
}

static void forget(struct restarts *r, size_t i)
{
	struct name *n = r->names[i];

	r->names[i] = r->names[--r->names_n];
	container_unref(n->shown.c);
	free(n);
}

/* False: all are told of, nothing may be forgotten. */
static bool make_room(struct restarts *r)
{
	size_t oldest = RESTARTS_MAX_NAMES;

	if (r->names_n < RESTARTS_MAX_NAMES)
		return true;
	r->names_refused++;
	for (size_t i = 0; i < r->names_n; i++)
		if (!r->names[i]->shown.told && (oldest == RESTARTS_MAX_NAMES ||
						 r->names[i]->last_ns < r->names[oldest]->last_ns))
			oldest = i;
	if (oldest == RESTARTS_MAX_NAMES)
		return false;
	forget(r, oldest);
	return true;
}

static struct name *name_of(struct restarts *r, const struct container *c, bool by_image)
{
	char text[MAX_TEXT];

	if (!name_text(c, by_image, text))
		return NULL;
	struct name *n = find(r, text);

	if (n || !make_room(r))
		return n;
	n = calloc(1, sizeof(*n));
	if (!n) {
		r->names_refused++;
		return NULL;
	}
	memcpy(n->text, text, sizeof(n->text));
	n->hash = hash_text(text);
	n->shown.by_image = by_image;
	r->names[r->names_n++] = n;
	return n;
}

static void count(struct name *n, struct container *c, uint64_t now_ns, uint64_t times)
{
	event_times_add(&n->shown.times, now_ns, times);
	n->last_ns = now_ns;
	if (n->shown.c == c)
		return;
	if (!n->shown.told) { /* else the alert's end must name whom its beginning named */
		container_unref(n->shown.c);
		n->shown.c = container_ref(c);
	}
}

/* How often it started beyond the starts that were counted already. */
static uint64_t growth(struct name *n, const struct container *c)
{
	const uint32_t now = c->restart_count, before = n->restart_count;
	uint64_t grown = n->has_count && now > before ? now - before : 0;
	const bool known = c->meta && c->meta->has_restart_count;

	if (!known)
		return 0;
	n->restart_count = now;
	n->has_count = true;
	const uint32_t matched = grown < n->unmatched ? (uint32_t)grown : n->unmatched;

	n->unmatched -= matched;
	return grown - matched;
}

/* The first time that this life is seen. */
static bool is_new(struct name *n, const struct container *c)
{
	for (unsigned i = 0; i < LIVES; i++)
		if (n->inodes[i] == c->inode)
			return false;
	n->inodes[n->next++ % LIVES] = c->inode;
	return true;
}

void restarts_started(struct restarts *r, struct container *c, uint64_t now_ns)
{
	const bool before_us = c->started_unix_ns && c->started_unix_ns < r->since_unix_ns;
	struct name *n = name_of(r, c, false);

	if (!n)
		return;
	if (is_new(n, c) && !before_us) {
		n->unmatched += n->unmatched < MAX_UNMATCHED;
		count(n, c, now_ns, 1);
	} else if (!n->shown.c) {
		count(n, c, now_ns, 0);
	}
	const uint64_t more = growth(n, c);

	if (more)
		count(n, c, now_ns, more);
}

static void note_exit(struct name *n, const struct container *c)
{
	n->shown.has_exit_code = c->has_exit_code;
	n->shown.exit_code = c->exit_code;
}

/* It started, whether that was seen or not; and it may have failed. */
static void settle_end(struct restarts *r, struct container *c, uint64_t ended_ns)
{
	restarts_started(r, c, ended_ns);
	struct name *own = name_of(r, c, false);

	if (own)
		note_exit(own, c);
	if (!c->has_exit_code || c->exit_code == 0 || !own ||
	    event_times_within(&own->shown.times, ended_ns, TWICE_NS) > 1)
		return;
	struct name *image = name_of(r, c, true);

	if (!image)
		return;
	count(image, c, ended_ns, 1);
	note_exit(image, c);
}

void restarts_ended(struct restarts *r, struct container *c, uint64_t now_ns)
{
	if (r->waiting_n == RESTARTS_MAX_WAITING) {
		r->waiting_refused++;
		return;
	}
	r->waiting[r->waiting_n++] = (struct waiting){ container_ref(c), now_ns };
}

/* A service has no metadata: its name is all that there is. */
static bool is_known(const struct container *c)
{
	return c->has_exit_code && (c->meta || c->kind == CGROUP_SERVICE);
}

static void look_at_waiting(struct restarts *r, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->waiting_n; i++) {
		const struct waiting w = r->waiting[i];
		const bool late = now_ns - w.ended_ns > RESTARTS_WAIT_NS;

		if (!is_known(w.c) && !late) {
			r->waiting[kept++] = w;
			continue;
		}
		if (w.c->meta || w.c->kind == CGROUP_SERVICE)
			settle_end(r, w.c, w.ended_ns);
		container_unref(w.c);
	}
	r->waiting_n = kept;
}

/* Some runtimes start a container again in the cgroup that it has. */
static void look_at_counts(struct restarts *r, const struct container_table *t, uint64_t now_ns)
{
	struct container *const *list;
	const size_t n = container_table_live(t, &list);
	char text[MAX_TEXT];

	for (size_t i = 0; i < n; i++) {
		if (list[i]->restart_count == 0 || !name_text(list[i], false, text))
			continue;
		struct name *found = find(r, text);

		if (!found) {
			found = name_of(r, list[i], false);
			if (found)
				count(found, list[i], now_ns, 0);
		}
		const uint64_t more = found ? growth(found, list[i]) : 0;

		if (more)
			count(found, list[i], now_ns, more);
	}
}

void restarts_tick(struct restarts *r, const struct container_table *t, uint64_t now_ns,
		   uint64_t keep_ns)
{
	look_at_waiting(r, now_ns);
	look_at_counts(r, t, now_ns);
	for (size_t i = 0; i < r->names_n;) {
		const struct name *n = r->names[i];

		if (!n->shown.told && now_ns - n->last_ns > keep_ns)
			forget(r, i);
		else
			i++;
	}
}

void restarts_each(struct restarts *r, void (*fn)(void *ctx, struct restart_name *n), void *ctx)
{
	for (size_t i = 0; i < r->names_n; i++)
		if (r->names[i]->shown.c)
			fn(ctx, &r->names[i]->shown);
}

struct restarts_stats restarts_stats(const struct restarts *r)
{
	return (struct restarts_stats){ r->names_n, r->names_refused, r->waiting_n,
					r->waiting_refused };
}

int restarts_new(struct restarts **out, uint64_t since_unix_ns, struct err *e)
{
	struct restarts *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "no memory for restarts");
	r->since_unix_ns = since_unix_ns;
	*out = r;
	return 0;
}

void restarts_free(struct restarts *r)
{
	if (!r)
		return;
	while (r->names_n > 0)
		forget(r, r->names_n - 1);
	for (size_t i = 0; i < r->waiting_n; i++)
		container_unref(r->waiting[i].c);
	free(r);
}
