// SPDX-License-Identifier: GPL-2.0-or-later
/* Which processes are a configured health check, or were started by one. */
#include <string.h>
#include <sys/types.h>

#include "collector/container.h"
#include "detector/behaviour_internal.h"
#include "detector/interpreter.h"

#define MAX_PROBE_DEPTH 8     /* ancestors up to the one that the runtime put in */
#define MASK		"***" /* in place of a secret: collector/redact.h */

static struct process_key *probe_place(struct behaviour_reader *r, struct process_key k)
{
	return &r->probes[(k.pid * 2654435761U >> 8) % BEHAVIOUR_PROBES];
}

static bool is_remembered(struct behaviour_reader *r, struct process_key k)
{
	const struct process_key *at = probe_place(r, k);

	return at->pid == k.pid && at->start_boot_ns == k.start_boot_ns;
}

/* Where a mask begins, or -1. */
static ssize_t find_mask(struct span s, bool last)
{
	ssize_t at = -1;

	for (size_t i = 0; i + sizeof(MASK) - 1 <= s.n; i++) {
		if (memcmp(s.p + i, MASK, sizeof(MASK) - 1) != 0)
			continue;
		at = (ssize_t)i;
		if (!last)
			break;
	}
	return at;
}

/* Secrets in the event's arguments are masked, those of the configuration are not: what is between
 * the first mask and the last stands for anything. */
static bool is_same_argument(struct span seen, struct span meant)
{
	const ssize_t first = find_mask(seen, false);
	size_t head = first < 0 ? seen.n : (size_t)first, tail;

	if (first < 0 && seen.n != meant.n)
		return false;
	if (head > meant.n || (head && memcmp(seen.p, meant.p, head) != 0))
		return false;
	if (first < 0)
		return true;
	tail = seen.n - (size_t)find_mask(seen, true) - (sizeof(MASK) - 1);
	return head + tail <= meant.n &&
	       (!tail || memcmp(seen.p + seen.n - tail, meant.p + meant.n - tail, tail) == 0);
}

static bool is_check(const struct metadata *m, struct span args, bool cut)
{
	struct span one;

	for (size_t i = 0; i < m->healthcheck_n; i++) {
		struct span meant = span_str(m->healthcheck[i]);

		if (!args.n || !span_next(&args, '\0', &one))
			return cut && i > 0;
		if (cut && !args.p) /* the last one, and its end is missing */
			return i > 0 && one.n <= meant.n && memcmp(one.p, meant.p, one.n) == 0;
		/* podman says "sh" where docker says "/bin/sh" */
		if (i == 0) {
			one = interpreter_base(one);
			meant = interpreter_base(meant);
		}
		if (!is_same_argument(one, meant))
			return false;
	}
	return m->healthcheck_n > 0 && args.n == 0;
}

static bool begins_check(const struct event_view *v, const struct event_context *c)
{
	const struct metadata *m = c->entry ? c->entry->meta : NULL;
	const bool cut = v->head->type == EVENT_EXEC && ((v->exec->flags & EXEC_ARGS_CUT) ||
							 (v->string_flags[TAG_ARGS] & STRING_CUT));

	return m && m->healthcheck_n && v->head->type == EVENT_EXEC && v->head->result >= 0 &&
	       (v->head->flags & EVENT_OUTSIDE) && is_check(m, v->strings[TAG_ARGS], cut);
}

/* The process that the runtime put in, and all that it starts. Whoever is within the container
 * cannot come to be one: the kernel saw the first of them come from outside. */
bool behaviour_is_probe(struct behaviour_reader *r, const struct event_view *v,
			const struct event_context *c)
{
	const struct process *p = c->process;

	if (!p || !p->injected)
		return false;
	if (begins_check(v, c)) {
		*probe_place(r, p->key) = p->key;
		return true;
	}
	for (unsigned i = 0; p && p->injected && i < MAX_PROBE_DEPTH; i++, p = p->parent)
		if (is_remembered(r, p->key))
			return true;
	return false;
}
