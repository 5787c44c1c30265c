// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/isolation_start.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event_names.h"

struct entry {
	const struct container *c; /* whose slot it is; only compared */
	uint64_t inode;		   /* of it: a slot may have a new owner at the same address */
	bool known;
	struct isolation_start start;
};

struct isolation_starts {
	struct event_namespaces host;
	uint32_t slots;
	struct entry **entries; /* by slot */
};

uint32_t isolation_namespace_of(const struct event_namespaces *ns, enum isolation_namespace which)
{
	switch (which) {
	case NAMESPACE_MNT:
		return ns->mnt;
	case NAMESPACE_PID:
		return ns->pid;
	case NAMESPACE_NET:
		return ns->net;
	case NAMESPACE_IPC:
		return ns->ipc;
	case NAMESPACE_UTS:
		return ns->uts;
	case NAMESPACE_CGROUP:
		return ns->cgroup;
	case NAMESPACE_USER:
		return ns->user;
	case NAMESPACE_TIME:
		return ns->time;
	case NAMESPACE_COUNT:
		break;
	}
	return 0;
}

int isolation_starts_new(struct isolation_starts **out, uint32_t slots, struct err *e)
{
	AUTO(isolation_starts_free) struct isolation_starts *t = calloc(1, sizeof(*t));

	if (t)
		t->entries = calloc((size_t)slots + 1, sizeof(struct entry *));
	if (!t || !t->entries)
		return err_set(e, ENOMEM, "no memory for the starts of containers");
	t->slots = slots;
	*out = TAKE(t);
	return 0;
}

void isolation_starts_free(struct isolation_starts *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->entries && i < t->slots; i++)
		free(t->entries[i]);
	free(t->entries);
	free(t);
}

static struct entry *find(const struct isolation_starts *t, const struct container *c)
{
	struct entry *x = c && c->slot < t->slots ? t->entries[c->slot] : NULL;

	return x && x->known && x->c == c && x->inode == c->inode ? x : NULL;
}

const struct isolation_start *isolation_start_of(const struct isolation_starts *t,
						 const struct container *c)
{
	const struct entry *x = find(t, c);

	return x ? &x->start : NULL;
}

const struct isolation_start *isolation_start_with(const struct isolation_starts *t,
						   enum isolation_namespace which, uint32_t inode,
						   const struct container *but)
{
	for (uint32_t i = 0; inode && i < t->slots; i++) {
		const struct entry *x = t->entries[i];

		if (x && x->known && x->c != but &&
		    isolation_namespace_of(&x->start.ns, which) == inode)
			return &x->start;
	}
	return NULL;
}

/* --- shares ---------------------------------------------------------------------------------- */

static uint32_t shares_of(const struct event_namespaces *ns, const struct event_namespaces *host)
{
	uint32_t shares = 0;

	for (unsigned i = 0; i < NAMESPACE_COUNT; i++) {
		const uint32_t own = isolation_namespace_of(ns, (enum isolation_namespace)i);

		if (own && own == isolation_namespace_of(host, (enum isolation_namespace)i))
			shares |= 1U << i;
	}
	return shares;
}

static uint64_t all_capabilities(void)
{
	return (1ULL << EVENT_CAPABILITY_NAMES) - 1;
}

static void derive(const struct isolation_starts *t, struct isolation_start *s)
{
	/* a kernel may know fewer than this list: what pid 1 of the host has is all there is */
	const uint64_t most = all_capabilities() & ~(7ULL << 38);

	s->host = t->host;
	s->shares = shares_of(&s->ns, &t->host);
	s->privileged = (s->caps.bounding & most) == most && s->seccomp == 0 &&
			(!t->host.user || s->ns.user == t->host.user);
}

void isolation_starts_host(struct isolation_starts *t, const struct event_namespaces *host)
{
	t->host = *host;
	for (uint32_t i = 0; i < t->slots; i++)
		if (t->entries[i] && t->entries[i]->known)
			derive(t, &t->entries[i]->start);
}

const struct event_namespaces *isolation_starts_get_host(const struct isolation_starts *t)
{
	return &t->host;
}

/* --- how they become known ------------------------------------------------------------------- */

static struct entry *take(struct isolation_starts *t, const struct container *c)
{
	if (c->slot >= t->slots)
		return NULL;
	if (!t->entries[c->slot])
		t->entries[c->slot] = calloc(1, sizeof(struct entry));
	struct entry *x = t->entries[c->slot];

	if (x)
		*x = (struct entry){ .c = c, .inode = c->inode, .known = true };
	return x;
}

/* The first program that was executed in it with mounts of its own. An injected one that comes
 * before (a probe while the agent starts) says nothing of the container. */
static bool may_be_first(const struct process *p)
{
	return p && p->exec_inside && !p->injected && !p->missed;
}

bool isolation_starts_exec(struct isolation_starts *t, const struct container *c,
			   const struct process *p, const struct event_exec *x, uint64_t boot_ns)
{
	if (find(t, c) || !may_be_first(p) || !x->ns.mnt)
		return false;
	struct entry *e = take(t, c);

	if (!e)
		return false;
	e->start = (struct isolation_start){ .first = p->key,
					     .boot_ns = boot_ns,
					     .ns = x->ns,
					     .caps = x->caps,
					     .seccomp = x->seccomp,
					     .no_new_privs = x->no_new_privs,
					     .uid = p->uid,
					     .euid = p->euid };
	derive(t, &e->start);
	isolation_starts_metadata(t, c);
	return true;
}

bool isolation_starts_seeded(struct isolation_starts *t, const struct container *c,
			     const struct process *p)
{
	if (find(t, c) || !p->ns.mnt || p->ended || p->kernel_thread)
		return false;
	struct entry *e = take(t, c);

	if (!e)
		return false;
	e->start = (struct isolation_start){ .first = p->key,
					     .boot_ns = p->as_of_boot_ns,
					     .ns = p->ns,
					     .caps = p->caps,
					     .seccomp = p->seccomp,
					     .no_new_privs = p->no_new_privs,
					     .uid = p->uid,
					     .euid = p->euid,
					     .seeded = true };
	derive(t, &e->start);
	isolation_starts_metadata(t, c);
	return true;
}

static uint64_t capability_bit(const char *name)
{
	for (unsigned i = 0; i < EVENT_CAPABILITY_NAMES; i++)
		if (event_capability_names[i] && strcmp(event_capability_names[i], name) == 0)
			return 1ULL << i;
	return 0;
}

void isolation_starts_metadata(struct isolation_starts *t, const struct container *c)
{
	struct entry *e = find(t, c);
	const struct metadata *m = c->meta;

	/* what runs by now may have dropped some of its first process's */
	if (!e || !e->start.seeded || !m || !m->details_known)
		return;
	for (size_t i = 0; i < m->capabilities_n; i++)
		e->start.caps.bounding |= capability_bit(m->capabilities[i]);
	derive(t, &e->start);
}

void isolation_starts_end(struct isolation_starts *t, const struct container *c)
{
	struct entry *e = find(t, c);

	if (!e)
		return;
	t->entries[c->slot] = NULL;
	free(e);
}
