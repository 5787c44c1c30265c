// SPDX-License-Identifier: GPL-2.0-or-later
/* I4, I6, I8, I9, I15, I28: what an exec shows of its process, and who executes whose files. */
#include <stdio.h>
#include <string.h>

#include "collector/event_names.h"
#include "detector/isolation_judge.h"

#define SECCOMP_FILTER 2

/* --- I4 --------------------------------------------------------------------------------------- */

static void put_capabilities(struct isolation_case *k, const char *name, uint64_t set)
{
	char text[640];
	size_t at = 0;

	for (unsigned i = 0; i < EVENT_CAPABILITY_NAMES && at < sizeof(text); i++)
		if ((set & 1ULL << i) && event_capability_names[i])
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? " " : "",
					       event_capability_names[i]);
	if (at > 0)
		finding_fact(&k->found, name,
			     (struct span){ text, at < sizeof(text) ? at : sizeof(text) - 1 });
}

/* In another user namespace capabilities are none outside of it. */
static void judge_capabilities(struct isolation_case *k, const struct event_caps *now,
			       uint32_t user_ns)
{
	const struct isolation_start *s = k->start;
	uint64_t more;

	if (!s || !s->caps.bounding || !user_ns || user_ns != s->ns.user)
		return;
	more = (now->effective | now->permitted | now->bounding) & ~s->caps.bounding;
	if (!more)
		return;
	finding_begin(&k->found, INV_CAPABILITIES, FINDING_SUCCEEDED,
		      "Container '%.100s' runs a process with more capabilities than it started "
		      "with",
		      isolation_name(k));
	if (k->p && k->p->injected)
		k->found.severity = ALERT_NOTICE; /* docker exec --privileged */
	finding_key(&k->found, "%llx", (unsigned long long)more);
	put_capabilities(k, "more", more);
	finding_text(&k->found, "bounding_at_start", "%016llx",
		     (unsigned long long)s->caps.bounding);
	finding_text(&k->found, "permitted_now", "%016llx", (unsigned long long)now->permitted);
	isolation_tell(k);
}

void judge_rights(struct isolation_case *k)
{
	if (k->v->head->result >= 0 && k->p)
		judge_capabilities(k, &k->v->call->caps, k->p->ns.user);
}

/* --- I6 --------------------------------------------------------------------------------------- */

static void tell_lost(struct isolation_case *k, const char *what, uint32_t was, uint32_t now)
{
	finding_begin(&k->found, INV_SECCOMP, FINDING_SUCCEEDED,
		      "Container '%.100s' runs a process without the container's %s",
		      isolation_name(k), what);
	if (k->p && k->p->injected)
		k->found.severity = ALERT_NOTICE;
	finding_key(&k->found, "%s", what);
	finding_number(&k->found, "at_start", was);
	finding_number(&k->found, "now", now);
	finding_fact(&k->found, "program", k->v->strings[TAG_PATH]);
	isolation_tell(k);
}

static void judge_filters(struct isolation_case *k)
{
	const struct event_exec *x = k->v->exec;

	if (!k->start)
		return;
	if (k->start->seccomp == SECCOMP_FILTER && x->seccomp == 0)
		tell_lost(k, "filter of system calls", k->start->seccomp, x->seccomp);
	if (k->start->no_new_privs && !x->no_new_privs)
		tell_lost(k, "no_new_privs", 1, 0);
}

/* --- I8, I9 ----------------------------------------------------------------------------------- */

static void tell_outside(struct isolation_case *k, enum invariant i, const char *what)
{
	finding_begin(&k->found, i, FINDING_SUCCEEDED,
		      "Container '%.100s' started a program with %s outside of its mounts",
		      isolation_name(k), what);
	/* what a runtime hands to its container by mistake is there from the first program on */
	if (k->p && (k->p->first || k->p->injected))
		k->found.known_as = "CVE-2024-21626";
	finding_key(&k->found, "%s", what);
	finding_fact(&k->found, "program", k->v->strings[TAG_PATH]);
	if (i == INV_ROOT)
		finding_fact(&k->found, "working_directory", k->v->strings[TAG_CWD]);
	isolation_tell(k);
}

/* In a mount namespace of its own making a process keeps what it had open before: harmless. */
static void judge_outside(struct isolation_case *k)
{
	const uint32_t flags = k->v->exec->flags;

	if (!isolation_in_own_mounts(k))
		return;
	if (flags & EXEC_ROOT_OUTSIDE)
		tell_outside(k, INV_ROOT, "its root");
	if (flags & EXEC_CWD_OUTSIDE)
		tell_outside(k, INV_ROOT, "its working directory");
	if (flags & EXEC_FD_OUTSIDE)
		tell_outside(k, INV_DESCRIPTOR, "an open file");
}

void judge_exec(struct isolation_case *k)
{
	judge_capabilities(k, &k->v->exec->caps, k->v->exec->ns.user);
	judge_filters(k);
	judge_outside(k);
}

/* --- I15: the host executes what lies in a container ------------------------------------------ */

/* By its name in one of the places; or on an overlay in mounts that are not the host's own (one of
 * the host may be an overlay itself). */
static bool lies_in_container(const struct isolation_case *k, enum event_tag tag,
			      struct container **whose)
{
	const struct event_file *f = &k->v->exec->file;
	bool storage = false;

	*whose = isolation_storage(k, k->v->strings[tag], &storage);
	return storage ||
	       (tag == TAG_PATH && (f->flags & FILE_OVERLAY) &&
		((f->flags & FILE_DETACHED) || (k->v->string_flags[tag] & STRING_OUTSIDE)));
}

static void tell_host_exec(struct isolation_case *k, struct container *whose, bool helper,
			   struct span file)
{
	const char *name = whose ? container_name(whose) : NULL;

	finding_begin(&k->found, INV_HELPER_EXEC, FINDING_SUCCEEDED,
		      helper ? "The kernel ran a program out of %s%.100s%s with all rights on the "
			       "host"
			     : "A process of the host ran code out of %s%.100s%s",
		      name ? "container '" : "a container", name ? name : "", name ? "'" : "");
	if (helper)
		k->found.known_as = "release_agent";
	finding_key(&k->found, "%s %.*s", helper ? "helper" : "host",
		    (int)(file.n < 90 ? file.n : 90), file.n < 90 ? file.p : file.p + file.n - 90);
	finding_fact(&k->found, "program", k->v->strings[TAG_PATH]);
	finding_fact(&k->found, "asked_for", k->v->strings[TAG_FILENAME]);
	finding_fact(&k->found, "file", file);
	isolation_tell_of(k, whose);
}

static bool is_hosts_mounts(const struct isolation_case *k, uint32_t mnt)
{
	const struct event_namespaces *host = isolation_starts_get_host(k->starts);

	return mnt && mnt == host->mnt;
}

static void judge_host_program(struct isolation_case *k)
{
	const struct event_exec *x = k->v->exec;
	const bool helper = x->flags & EXEC_HELPER;
	struct container *whose;
	const enum event_tag tags[] = { TAG_FILENAME, TAG_PATH, TAG_INTERP };

	if (k->v->head->result < 0 || (k->v->head->flags & EVENT_PENDING))
		return;
	/* in a mount namespace of its own it is a container of a runtime that is not known, or
	 * somebody who looks into one (nsenter) */
	if (!helper && !is_hosts_mounts(k, x->ns.mnt))
		return;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		const struct span file = k->v->strings[tags[i]];

		if (!file.n || !lies_in_container(k, tags[i], &whose))
			continue;
		tell_host_exec(k, whose, helper, file);
		return;
	}
}

/* A program of the host that loads a library out of a container: docker cp of old. What runs in a
 * container of an unknown runtime has its own program there, too. */
static void judge_host_mapping(struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const struct process *p = k->p;

	if (c->op != MMAP_FOREIGN || !(c->file.flags & FILE_OVERLAY) || !p ||
	    (k->v->head->flags & EVENT_PENDING) || !(p->exe_file.flags & FILE_KNOWN) ||
	    (p->exe_file.flags & FILE_OVERLAY) || p->exe_file.device == c->file.device)
		return;
	finding_begin(&k->found, INV_HELPER_EXEC, FINDING_SUCCEEDED,
		      "A process of the host loaded code out of a container's file system");
	k->found.known_as = "CVE-2019-14271";
	finding_key(&k->found, "map %.*s", EVENT_COMM_BYTES, k->v->head->comm);
	finding_fact(&k->found, "file", k->v->strings[TAG_PATH]);
	finding_text(&k->found, "device", "%u:%u", c->file.device >> 20, c->file.device & 0xfffff);
	isolation_tell_of(k, NULL);
}

void judge_host_exec(struct isolation_case *k)
{
	if (k->v->head->type == EVENT_EXEC)
		judge_host_program(k);
	else if (k->v->head->type == EVENT_MMAP)
		judge_host_mapping(k);
}

/* --- I28 -------------------------------------------------------------------------------------- */

static void tell_blind(struct isolation_case *k, enum isolation_once once, const char *what,
		       const char *unseen)
{
	if (!k->memory || (k->memory->once & once))
		return;
	k->memory->once |= once;
	finding_begin(&k->found, INV_BLIND_SPOTS, FINDING_SUCCEEDED, "Container '%.100s' uses %s",
		      isolation_name(k), what);
	finding_key(&k->found, "%s", what);
	finding_fact(&k->found, "not_seen", span_str(unseen));
	isolation_tell(k);
}

void judge_blind_spots(struct isolation_case *k)
{
	const struct event_head *h = k->v->head;

	if (h->type == EVENT_IO_URING_SETUP && h->result >= 0)
		tell_blind(k, ONCE_IO_URING, "io_uring",
			   "reads, writes and sends by it; in the tracepoint layer also what it "
			   "opens and whom it connects to");
	if (h->flags & EVENT_COMPAT)
		tell_blind(k, ONCE_COMPAT, "32-bit system calls",
			   "calls that the tables do not name for 32-bit programs");
	if (h->flags & EVENT_X32)
		tell_blind(k, ONCE_X32, "x32 system calls",
			   "calls that the tables do not name for x32 programs");
}
