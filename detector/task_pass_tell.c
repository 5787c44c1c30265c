// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/event_names.h"
#include "detector/task_pass_internal.h"

/* --- once a pass ----------------------------------------------------------------------------- */

static uint64_t hash_of(const struct container *c, enum invariant i, const char *key)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ (uint64_t)(uintptr_t)c ^ ((uint64_t)i << 56);

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3ULL;
	return h ? h : 1;
}

/* Many tasks in one condition are one finding; without room for its hash it is told once more. */
static bool is_told(struct task_pass *p, uint64_t hash)
{
	uint32_t i = (uint32_t)(hash >> 32) % TASK_PASS_TOLD;

	while (p->told[i] && p->told[i] != hash)
		i = (i + 1) % TASK_PASS_TOLD;
	if (p->told[i])
		return true;
	if (p->told_n == TASK_PASS_TOLD - 1) {
		p->told_refused++;
		return true;
	}
	p->told[i] = hash;
	p->told_n++;
	return false;
}

/* --- what every finding says ----------------------------------------------------------------- */

bool task_tell_begin(struct task_pass *p, const struct task_view *v, enum invariant i,
		     const char *key, const char *title, ...)
{
	struct finding *f = &p->finding;
	char text[sizeof(f->title)];
	const bool entered = v->p && v->p->injected;
	va_list args;

	/* told apart: the less grave one hides nothing */
	if (is_told(p, hash_of(v->c, i, key) ^ entered))
		return false;
	va_start(args, title);
	vsnprintf(text, sizeof(text), title, args);
	va_end(args);
	finding_begin(f, i, FINDING_SO, "%s", text);
	finding_key(f, "%s%s", key, entered ? " entered" : "");
	return true;
}

void task_tell(struct task_pass *p, const struct task_view *v)
{
	struct finding *f = &p->finding;
	const struct event_head *h = &v->t->head;

	if (!v->p) {
		finding_number(f, "pid", h->pid);
		finding_fact(f, "process",
			     (struct span){ h->comm, strnlen(h->comm, sizeof(h->comm)) });
	}
	if (h->tid != h->pid)
		finding_number(f, "thread", h->tid);
	if (v->p && v->p->injected)
		finding_fact(f, "entered", SPAN_LIT("by exec from outside"));
	finding_fact(f, "seen_by", SPAN_LIT("a look at all tasks"));
	p->s.found(p->s.ctx, f, v->c, v->p);
}

void task_fact_capabilities(struct finding *f, const char *name, uint64_t set)
{
	char text[EVENT_CAPABILITY_NAMES * 24 + 1];
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < EVENT_CAPABILITY_NAMES; i++)
		if (set >> i & 1 && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
					      event_capability_names[i]);
	if (!n)
		n = (size_t)snprintf(text, sizeof(text), "none");
	finding_fact(f, name, (struct span){ text, n < sizeof(text) ? n : sizeof(text) - 1 });
}
