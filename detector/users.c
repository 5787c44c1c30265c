// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/users.h"

#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/users_internal.h"

#define HOST   0
#define PLACES (USERS_CONTAINERS + 1) /* and the host */
#define HEADS  4096
#define EARLY  5 /* looks in quick succession at a container that has no root of its own yet */
#define NONE   UINT32_MAX

struct place {		       /* a container, or the host */
	struct worker_job job; /* first member */
	struct users *owner;
	uint64_t key;
	uint32_t hash_next;
	uint32_t newer, older; /* by last use */
	pid_t pid;
	uint64_t start_boot_ns;
	uint64_t next_ns, read_ns; /* when it may be looked at again, and was last */
	unsigned looks;
	bool reading; /* `read` is the worker's; and meanwhile: */
	bool gone;    /* it was forgotten */
	bool other;   /* it has another process */
	bool again;   /* whatever the stamps say: its files were written */
	struct users_stamp stamps[2];
	struct user_set *set; /* NULL: the host's names */
	struct users_read read;
};

struct users {
	struct worker *worker;
	char *proc, *host_root;
	uint32_t heads[HEADS];
	uint32_t newest, oldest, free, fresh;
	uint64_t used, bytes, names, containers_refused, bytes_refused, names_refused;
	struct users_stats stats;
	struct place *host;
	struct place places[PLACES];
};

/* --- places -------------------------------------------------------------------------------- */

/* Keys are inode numbers: neighbours. */
static uint32_t *head_of(struct users *u, uint64_t key)
{
	return &u->heads[(key * 0x9e3779b97f4a7c15ULL) >> 52];
}
_Static_assert(HEADS == 1 << (64 - 52), "the head is the upper bits of the product");

static uint32_t index_of(const struct users *u, const struct place *p)
{
	return (uint32_t)(p - u->places);
}

static struct place *find(struct users *u, uint64_t key)
{
	uint32_t i = *head_of(u, key);

	while (i != NONE && u->places[i].key != key)
		i = u->places[i].hash_next;
	return i == NONE ? NULL : &u->places[i];
}

static void unlist(struct users *u, struct place *p)
{
	if (p->newer == NONE)
		u->newest = p->older;
	else
		u->places[p->newer].older = p->older;
	if (p->older == NONE)
		u->oldest = p->newer;
	else
		u->places[p->older].newer = p->newer;
}

static void list(struct users *u, struct place *p)
{
	p->newer = NONE;
	p->older = u->newest;
	if (u->newest == NONE)
		u->oldest = index_of(u, p);
	else
		u->places[u->newest].newer = index_of(u, p);
	u->newest = index_of(u, p);
}

static void set_set(struct users *u, struct place *p, struct user_set *set)
{
	if (p->set) {
		u->bytes -= p->set->bytes;
		u->names -= p->set->users.n + p->set->groups.n;
		free(p->set);
	}
	p->set = set;
	if (set) {
		u->bytes += set->bytes;
		u->names += set->users.n + set->groups.n;
	}
}

static void release(struct users *u, struct place *p)
{
	p->hash_next = u->free;
	u->free = index_of(u, p);
}

/* Nobody finds it any more; its place is free when the worker is done with it. */
static void drop(struct users *u, struct place *p)
{
	uint32_t *link = head_of(u, p->key);

	while (*link != index_of(u, p))
		link = &u->places[*link].hash_next;
	*link = p->hash_next;
	if (p != u->host)
		unlist(u, p);
	set_set(u, p, NULL);
	u->used--;
	if (p->reading)
		p->gone = true;
	else
		release(u, p);
}

static struct place *add(struct users *u, uint64_t key)
{
	uint32_t *head = head_of(u, key);
	uint32_t i;

	/* the host, which is first and stays, is in no list */
	if (u->used == PLACES) {
		u->containers_refused++;
		drop(u, &u->places[u->oldest]);
	}
	i = u->free;
	if (i != NONE)
		u->free = u->places[i].hash_next;
	else if (u->fresh < PLACES)
		i = u->fresh++;
	if (i == NONE) { /* held by reads that hang */
		u->containers_refused++;
		return NULL;
	}
	struct place *p = &u->places[i];

	*p = (struct place){ .owner = u, .key = key, .hash_next = *head };
	*head = i;
	u->used++;
	if (key != HOST)
		list(u, p);
	return p;
}

static void make_room(struct users *u, const struct place *but)
{
	while (u->bytes > USERS_BYTES && u->oldest != NONE) {
		struct place *p = &u->places[u->oldest];

		if (p == but && p->newer == NONE)
			return;
		if (p == but) /* it has just been read: it is in use */
			p = &u->places[p->newer];
		u->bytes_refused++;
		drop(u, p);
	}
}

/* --- reading ------------------------------------------------------------------------------- */

static void take_result(struct users *u, struct place *p, uint64_t now_ns)
{
	const enum users_result result = p->read.result;

	p->read_ns = now_ns;
	p->next_ns = now_ns + USERS_REFRESH_NS;
	p->looks++;
	switch (result) {
	case USERS_FAILED:
		u->stats.failed++;
		if (p->looks < EARLY)
			p->next_ns = now_ns + USERS_RETRY_NS;
		return;
	case USERS_HOST:
		set_set(u, p, NULL);
		if (p->looks < EARLY)
			p->next_ns = now_ns + USERS_RETRY_NS;
		break;
	case USERS_UNCHANGED:
		u->stats.unchanged++;
		break;
	case USERS_READ:
		u->stats.reads++;
		u->names_refused += p->read.set->refused;
		set_set(u, p, TAKE(p->read.set));
		memcpy(p->stamps, p->read.stamps, sizeof(p->stamps));
		make_room(u, p);
		break;
	}
	if (!p->start_boot_ns)
		p->start_boot_ns = p->read.start_boot_ns;
}

static void prepare(struct users *u, struct place *p)
{
	p->read = (struct users_read){
		.proc = u->proc,
		.host_root = u->host_root,
		.host = p->key == HOST,
		.pid = p->pid,
		.start_boot_ns = p->start_boot_ns,
		.force = !p->set || p->again,
	};
	memcpy(p->read.stamps, p->stamps, sizeof(p->stamps));
	p->again = false;
}

static void run(struct worker_job *job)
{
	users_read(&((struct place *)job)->read);
}

static void submit(struct users *u, struct place *p, uint64_t now_ns);

static void done(struct worker_job *job)
{
	struct place *p = (struct place *)job;
	struct users *u = p->owner;
	const uint64_t now_ns = p->read_ns; /* of the asking: the callers' clock */

	p->reading = false;
	if (p->gone) {
		free(TAKE(p->read.set));
		release(u, p);
		return;
	}
	if (p->other) {
		free(TAKE(p->read.set));
		p->other = false;
		if (!worker_closing(u->worker))
			submit(u, p, now_ns);
		return;
	}
	take_result(u, p, now_ns);
	if (p->again)
		p->next_ns = now_ns + USERS_RETRY_NS;
}

static void submit(struct users *u, struct place *p, uint64_t now_ns)
{
	prepare(u, p);
	p->job = (struct worker_job){ .run = run, .done = done };
	p->read_ns = now_ns;
	p->reading = worker_submit(u->worker, &p->job, false) == 0;
	if (!p->reading) { /* the worker counts it */
		p->again = p->read.force;
		p->next_ns = now_ns + USERS_RETRY_NS;
	}
}

/* --- containers ---------------------------------------------------------------------------- */

/* By the clock's steps: /proc tells no better. What is not known is not another one. */
static bool is_same_start(uint64_t a, uint64_t b)
{
	const uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);

	return !a || !b || a / tick_ns == b / tick_ns;
}

int users_container(struct users *u, uint64_t key, pid_t pid, uint64_t start_boot_ns,
		    uint64_t now_ns)
{
	struct place *p = find(u, key);

	if (key == HOST || pid <= 0)
		return -EINVAL;
	if (p && p->pid == pid && is_same_start(p->start_boot_ns, start_boot_ns))
		return 0;
	if (!p)
		p = add(u, key);
	if (!p)
		return -ENOSPC;
	p->pid = pid;
	p->start_boot_ns = start_boot_ns;
	p->looks = 0;
	p->again = true;
	p->other = p->reading;
	if (!p->reading)
		submit(u, p, now_ns);
	return 0;
}

void users_changed(struct users *u, uint64_t key, uint64_t now_ns)
{
	struct place *p = find(u, key);

	if (!p)
		return;
	/* a container that writes without end is read once a second */
	p->again = true;
	p->next_ns = p->read_ns + USERS_RETRY_NS;
	if (!p->reading && now_ns >= p->next_ns)
		submit(u, p, now_ns);
}

bool users_is_file(struct span path)
{
	return span_eq(path, "/etc/passwd") || span_eq(path, "/etc/group");
}

void users_forget(struct users *u, uint64_t key)
{
	struct place *p = key == HOST ? NULL : find(u, key);

	if (p)
		drop(u, p);
}

/* --- looking up ---------------------------------------------------------------------------- */

static void ask(struct users *u, struct place *p, uint64_t now_ns)
{
	if (!p->reading && now_ns >= p->next_ns)
		submit(u, p, now_ns);
}

static const struct user_set *set_of(struct users *u, uint64_t key, uint64_t now_ns)
{
	struct place *p = find(u, key);

	if (p && p != u->host) {
		ask(u, p, now_ns);
		unlist(u, p);
		list(u, p);
		if (p->set)
			return p->set;
	}
	ask(u, u->host, now_ns);
	return u->host->set;
}

static bool text_of(const struct user_set *s, uint32_t at, uint16_t n, struct span *out)
{
	*out = (struct span){ s->text + at, n };
	return true;
}

bool users_user(struct users *u, uint64_t key, uint32_t uid, uint64_t now_ns, struct span *name)
{
	const struct user_set *s = set_of(u, key, now_ns);
	const struct user_entry *e = s ? users_search(&s->users, uid) : NULL;

	return e && text_of(s, e->name_at, e->name_n, name);
}

bool users_group(struct users *u, uint64_t key, uint32_t gid, uint64_t now_ns, struct span *name)
{
	const struct user_set *s = set_of(u, key, now_ns);
	const struct user_entry *e = s ? users_search(&s->groups, gid) : NULL;

	return e && text_of(s, e->name_at, e->name_n, name);
}

bool users_home(struct users *u, uint64_t key, uint32_t uid, uint64_t now_ns, struct span *home)
{
	const struct user_set *s = set_of(u, key, now_ns);
	const struct user_entry *e = s ? users_search(&s->users, uid) : NULL;

	return e && e->home_n && text_of(s, e->home_at, e->home_n, home);
}

struct users_stats users_stats(const struct users *u)
{
	return u->stats;
}

size_t users_capacity(const struct users *u, struct capacity out[USERS_CAPACITY_ROWS])
{
	out[0] = (struct capacity){ "user_containers", u->used - 1, USERS_CONTAINERS,
				    u->containers_refused };
	out[1] = (struct capacity){ "user_bytes", u->bytes, USERS_BYTES, u->bytes_refused };
	out[2] = (struct capacity){ "user_names", u->names, 2ULL * PLACES * USERS_MAX,
				    u->names_refused };
	return USERS_CAPACITY_ROWS;
}

int users_new(struct users **out, const struct users_options *o, struct err *e)
{
	AUTO(users_free) struct users *u = calloc(1, sizeof(*u));

	if (!u)
		return err_set(e, ENOMEM, "no memory for the names of users");
	memset(u->heads, 0xff, sizeof(u->heads));
	u->newest = u->oldest = u->free = NONE;
	u->worker = o->worker;
	u->proc = strdup(o->proc);
	u->host_root = strdup(o->host_root);
	if (!u->proc || !u->host_root)
		return err_set(e, ENOMEM, "no memory for the names of users");
	u->host = add(u, HOST);
	prepare(u, u->host);
	users_read(&u->host->read);
	take_result(u, u->host, 0);
	u->host->next_ns = 0; /* the callers' clock is not known yet */
	*out = TAKE(u);
	return 0;
}

void users_free(struct users *u)
{
	if (!u)
		return;
	for (uint32_t i = 0; i < u->fresh; i++)
		free(u->places[i].set);
	free(u->proc);
	free(u->host_root);
	free(u);
}
