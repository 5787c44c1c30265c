// SPDX-License-Identifier: GPL-2.0-or-later
/* rules.exceptions hold back invariants as they hold back rules: by name, image, container, and a
 * condition on the event. What was found without an event is judged by its process alone. */
#include <fnmatch.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/detector_isolation_internal.h"

static uint32_t named(const char *rule)
{
	uint32_t set = 0;

	for (unsigned i = 0; i < INV_COUNT; i++)
		if (!*rule || fnmatch(rule, invariants[i].name, 0) == 0)
			set |= 1U << i;
	return set;
}

static bool read_glob(struct detector_isolation *d, const char *text, const struct glob **out)
{
	return !*text || glob_make(&d->arena, span_str(text), false, out) == 0;
}

static bool read_one(struct detector_isolation *d, const struct config_exception *x,
		     struct exception *out)
{
	struct err e = { "" };
	uint64_t types;

	*out = (struct exception){ .invariants = named(x->rule) };
	if (!read_glob(d, x->image, &out->image) || !read_glob(d, x->container, &out->name))
		return false;
	if (!*x->condition)
		return *x->image || *x->container;
	if (!d->queries || d->queries->make(d->queries->ctx, span_str(x->condition), SPAN_LIT(""),
					    &types, &out->condition, &e) < 0) {
		log_warning("an exception for isolation is of no use", "condition", x->condition,
			    "error", e.text, NULL);
		return false;
	}
	return true;
}

void isolation_exceptions_free(struct detector_isolation *d)
{
	for (uint32_t i = 0; i < d->exceptions_n; i++)
		if (d->exceptions[i].condition)
			d->queries->free(d->exceptions[i].condition);
	d->exceptions_n = 0;
}

void isolation_exceptions_read(struct detector_isolation *d)
{
	const struct config_exceptions *all = &d->services->config->rules_exceptions;

	isolation_exceptions_free(d);
	arena_release(&d->arena);
	arena_init(&d->arena, 1U << 20);
	for (uint32_t i = 0; i < all->n; i++) {
		struct exception *x = &d->exceptions[d->exceptions_n];

		if (!named(all->items[i].rule))
			continue; /* of rules alone */
		if (read_one(d, &all->items[i], x))
			d->exceptions_n++;
		else
			d->counts.exceptions_refused++;
	}
}

/* --- whether one fits ------------------------------------------------------------------------- */

/* As container.image.repository: without tag and digest. */
static struct span repository_of(const struct container *c)
{
	struct span s = span_str(container_image(c));
	const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;

	if (at)
		s.n = (size_t)(at - s.p);
	const char *slash = s.n ? memrchr(s.p, '/', s.n) : NULL;
	const char *name = slash ? slash + 1 : s.p;
	const char *colon = s.n ? memrchr(name, ':', (size_t)(s.p + s.n - name)) : NULL;

	if (colon)
		s.n = (size_t)(colon - s.p);
	return s;
}

/* An event of no type that matters, so that conditions on processes and containers can be asked. */
static bool passes_without_event(struct detector_isolation *d, struct event_query *q,
				 struct container *of, const struct process *p)
{
	_Alignas(8) uint8_t record[sizeof(struct event_head) + sizeof(struct event_call)];
	const struct event_context context = { .process = p, .entry = of };
	struct event_head h = {
		.type = EVENT_SETNS, .syscall = -1, .boot_ns = boot_ns(), .loginuid = ~0U
	};
	struct event_writer w;
	struct event_view v;

	if (p) {
		h.pid = h.tid = p->key.pid;
		h.start_boot_ns = p->key.start_boot_ns;
		h.ns_pid = p->ns_pid;
		h.uid = p->uid;
		h.gid = p->gid;
		h.euid = p->euid;
		h.egid = p->egid;
		h.container_cgroup = p->container_cgroup;
		memcpy(h.comm, p->comm, sizeof(h.comm));
	}
	event_write_begin(&w, record, sizeof(record), &h, NULL);
	const size_t n = event_write_end(&w);

	return n > 0 && event_decode(record, n, &v, NULL) == 0 && d->queries->pass(q, &v, &context);
}

static bool fits(struct detector_isolation *d, const struct exception *x, struct container *of,
		 const struct process *p)
{
	if ((x->image || x->name) && !of)
		return false;
	if (x->image && !glob_match(x->image, repository_of(of)))
		return false;
	if (x->name && !glob_match(x->name, span_str(container_name(of))))
		return false;
	if (!x->condition)
		return true;
	return d->view ? d->queries->pass(x->condition, d->view, d->context)
		       : passes_without_event(d, x->condition, of, p);
}

bool isolation_is_excepted(struct detector_isolation *d, enum invariant i, struct container *of,
			   const struct process *p)
{
	for (uint32_t n = 0; n < d->exceptions_n; n++)
		if ((d->exceptions[n].invariants & 1U << i) && fits(d, &d->exceptions[n], of, p))
			return true;
	return false;
}
