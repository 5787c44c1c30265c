// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/process.h"

#include <errno.h>
#include <string.h>

#include "collector/process_internal.h"

#define FIRST_BUCKETS 1024
#define MAX_BUCKETS   (1U << 22) /* pid_max is never more */
#define MAX_SPARE     256	 /* freed entries kept: a fork is no malloc */

int process_table_new(struct process_table **out, uint32_t max, struct err *e)
{
	AUTO(process_table_free) struct process_table *t = calloc(1, sizeof(*t));

	if (max == 0)
		return err_set(e, EINVAL, "process table of no entries");
	if (!t)
		return err_set(e, ENOMEM, "process table");
	t->max = max;
	t->buckets = calloc(FIRST_BUCKETS, sizeof(struct process *));
	if (!t->buckets)
		return err_set(e, ENOMEM, "process table");
	t->buckets_n = FIRST_BUCKETS;
	*out = TAKE(t);
	return 0;
}

void process_table_free(struct process_table *t)
{
	if (!t)
		return;
	for (struct process *p = t->oldest, *next; p; p = next) {
		next = p->newer;
		process_drop_text(t, p);
		free(p);
	}
	for (struct process *p = t->spare, *next; p; p = next) {
		next = p->hash_next;
		free(p);
	}
	process_containers_free(t);
	free(t->buckets);
	free(t);
}

/* --- finding --------------------------------------------------------------------------------- */

/* Pids are given one after the other: the low bits spread them perfectly. */
static struct process **bucket(const struct process_table *t, uint32_t pid)
{
	return &t->buckets[pid & (t->buckets_n - 1)];
}

struct process *process_find(const struct process_table *t, struct process_key key)
{
	struct process *p = *bucket(t, key.pid);

	while (p && (p->key.pid != key.pid || p->key.start_boot_ns != key.start_boot_ns))
		p = p->hash_next;
	return p;
}

struct process *process_find_pid(const struct process_table *t, uint32_t pid)
{
	struct process *p = *bucket(t, pid);

	while (p && (p->key.pid != pid || p->ended))
		p = p->hash_next;
	return p;
}

struct process *process_find_in_namespace(const struct process_table *t, uint32_t pid_ns,
					  uint32_t ns_pid)
{
	for (struct process *p = t->newest; p; p = p->older)
		if (p->ns_pid == ns_pid && p->pid_ns == pid_ns && !p->ended)
			return p;
	return NULL;
}

/* Twice the buckets when there are as many entries. Chains keep their order, newest first. */
static void grow(struct process_table *t)
{
	uint32_t n = t->buckets_n * 2;
	struct process **buckets;

	if (t->n < t->buckets_n || t->buckets_n >= MAX_BUCKETS)
		return;
	buckets = calloc(n, sizeof(struct process *));
	if (!buckets)
		return; /* longer chains then */
	free(t->buckets);
	t->buckets = buckets;
	t->buckets_n = n;
	for (struct process *p = t->oldest; p; p = p->newer) {
		struct process **b = bucket(t, p->key.pid);

		p->hash_next = *b;
		*b = p;
	}
}

/* --- entries come and go --------------------------------------------------------------------- */

static void unlink_entry(struct process_table *t, struct process *p)
{
	struct process **at = bucket(t, p->key.pid);

	while (*at != p)
		at = &(*at)->hash_next;
	*at = p->hash_next;
	*(p->older ? &p->older->newer : &t->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &t->newest) = p->older;
	t->n--;
	t->ended_n -= p->ended;
}

static void recycle(struct process_table *t, struct process *p)
{
	if (t->spare_n == MAX_SPARE) {
		free(p);
		return;
	}
	p->hash_next = t->spare;
	t->spare = p;
	t->spare_n++;
}

/* Frees an entry that is in no list of ended ones, then its ancestors that only it kept. */
static void forget(struct process_table *t, struct process *p)
{
	while (p) {
		struct process *parent = p->parent;

		process_leave(t, p);
		process_drop_text(t, p);
		unlink_entry(t, p);
		recycle(t, p);
		if (!parent || --parent->children > 0 || !parent->parked)
			return;
		p = parent;
	}
}

static void add_ended(struct process_table *t, struct process *p)
{
	p->ended_next = NULL;
	*(t->ended_last ? &t->ended_last->ended_next : &t->ended_first) = p;
	t->ended_last = p;
}

/* Takes the oldest ended one off the list: forgotten, or parked while children name it. */
static bool forget_first(struct process_table *t)
{
	struct process *p = t->ended_first;

	t->ended_first = p->ended_next;
	if (!t->ended_first)
		t->ended_last = NULL;
	p->ended_next = NULL;
	p->parked = p->children > 0;
	if (p->parked)
		return false;
	forget(t, p);
	return true;
}

bool process_evict(struct process_table *t)
{
	while (t->ended_first) {
		if (forget_first(t)) {
			t->cut_short++;
			return true;
		}
	}
	return false;
}

void process_expire(struct process_table *t, uint64_t now_boot_ns)
{
	const struct process *p;

	while ((p = t->ended_first) != NULL && now_boot_ns >= p->exit_boot_ns &&
	       now_boot_ns - p->exit_boot_ns >= PROCESS_KEEP_NS)
		forget_first(t);
}

void process_end(struct process_table *t, struct process *p, uint32_t status, uint64_t at_boot_ns)
{
	if (p->ended)
		return;
	p->ended = true;
	p->exit_status = status;
	p->exit_boot_ns = at_boot_ns;
	t->ended_n++;
	add_ended(t, p);
}

void process_hold(struct process *p)
{
	if (p)
		p->children++;
}

void process_let_go(struct process_table *t, struct process *p)
{
	if (!p || --p->children > 0 || !p->parked)
		return;
	p->parked = false;
	add_ended(t, p);
}

static struct process *take_memory(struct process_table *t)
{
	struct process *p = t->spare;

	if (!p)
		return malloc(sizeof(*p));
	t->spare = p->hash_next;
	t->spare_n--;
	return p;
}

struct process *process_add(struct process_table *t, struct process_key key)
{
	struct process *living, *p = NULL;

	if (t->n < t->max || process_evict(t))
		p = take_memory(t);
	if (!p) {
		t->refused++;
		return NULL;
	}
	*p = (struct process){ .key = key, .loginuid = UINT32_MAX, .order = ++t->order };
	grow(t);
	living = process_find_pid(t, key.pid);
	p->older = t->newest;
	*(t->newest ? &t->newest->newer : &t->oldest) = p;
	t->newest = p;
	t->n++;

	struct process **at = bucket(t, key.pid);

	/* its exit was missed; or the new one is told of late, when its pid has a new owner */
	if (living && living->key.start_boot_ns <= key.start_boot_ns) {
		process_end(t, living, 0, key.start_boot_ns);
	} else if (living) {
		process_end(t, p, 0, living->key.start_boot_ns);
		at = &living->hash_next;
	}
	p->hash_next = *at;
	*at = p;
	return p;
}

/* Only upwards in age: no record, however wrong, can make a circle. */
void process_set_parent(struct process *child, struct process *parent)
{
	if (!parent || child->parent || parent->order >= child->order)
		return;
	child->parent = parent;
	parent->children++;
}

/* --- what an entry holds -----------------------------------------------------------------------
 */

void process_inherit(struct process *child, const struct process *parent)
{
	child->ns_pid = parent->ns_pid;
	child->pid_ns = parent->pid_ns;
	child->exec_seq = parent->exec_seq;
	child->exec_owner = parent->exec_owner;
	child->uid = parent->uid;
	child->gid = parent->gid;
	child->euid = parent->euid;
	child->egid = parent->egid;
	child->suid = parent->suid;
	child->loginuid = parent->loginuid;
	child->tty = parent->tty;
	child->session = parent->session;
	child->caps = parent->caps;
	child->ns = parent->ns;
	child->exec_mnt = parent->exec_mnt;
	child->exec_inside = parent->exec_inside;
	child->exe_file = parent->exe_file;
	child->seccomp = parent->seccomp;
	child->no_new_privs = parent->no_new_privs;
	memcpy(child->comm, parent->comm, sizeof(child->comm));
	child->kernel_thread = parent->kernel_thread;
}

static void take_number(uint32_t *to, uint32_t from)
{
	*to = from ? from : *to; /* 0: not known */
}

void process_take_identity(struct process *p, const struct event_head *h)
{
	take_number(&p->ns_pid, h->ns_pid);
	take_number(&p->pid_ns, h->pid_ns);
	p->uid = h->uid;
	p->gid = h->gid;
	p->euid = h->euid;
	p->egid = h->egid;
	p->loginuid = h->loginuid;
	p->tty = h->tty;
	p->session = h->session;
	memcpy(p->comm, h->comm, EVENT_COMM_BYTES);
}

void process_take_namespaces(struct process *p, const struct event_namespaces *ns)
{
	take_number(&p->ns.mnt, ns->mnt);
	take_number(&p->ns.pid, ns->pid);
	take_number(&p->ns.net, ns->net);
	take_number(&p->ns.ipc, ns->ipc);
	take_number(&p->ns.uts, ns->uts);
	take_number(&p->ns.cgroup, ns->cgroup);
	take_number(&p->ns.user, ns->user);
	take_number(&p->ns.time, ns->time);
}

const char *process_comm(const struct process *p)
{
	return p->comm;
}

struct span process_exe(const struct process *p)
{
	return p->text ? p->text->exe : (struct span){ NULL, 0 };
}

struct span process_args(const struct process *p)
{
	return p->text ? p->text->args : (struct span){ NULL, 0 };
}

/* --- the whole ---------------------------------------------------------------------------------
 */

void process_each(const struct process_table *t, bool (*fn)(void *ctx, const struct process *p),
		  void *ctx)
{
	/* a parent is always older in the table than its children */
	for (const struct process *p = t->oldest; p; p = p->newer) {
		if (!fn(ctx, p))
			return;
	}
}

struct process_stats process_table_stats(const struct process_table *t)
{
	return (struct process_stats){
		.live = t->n - t->ended_n,
		.ended = t->ended_n,
		.capacity = t->max,
		.refused = t->refused,
		.missed = t->missed,
		.cut_short = t->cut_short,
		.text_refused = t->text_refused,
		.text_bytes = t->text_bytes,
		.bytes = sizeof(*t) + t->buckets_n * sizeof(struct process *) +
			 (uint64_t)(t->n + t->spare_n) * sizeof(struct process) + t->text_bytes,
	};
}
