// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/dns_names_internal.h"

#include <string.h>
#include <sys/random.h>

static uint32_t take(struct dns_pool *p)
{
	uint32_t i = p->free;

	if (i != DNS_NONE)
		p->free = p->next[i];
	else if (p->fresh < p->capacity)
		i = p->fresh++;
	p->used += i != DNS_NONE;
	return i;
}

static void give(struct dns_pool *p, uint32_t i)
{
	p->next[i] = p->free;
	p->free = i;
	p->used--;
}

static bool has_room(const struct dns_pool *p)
{
	return p->used < p->capacity;
}

void dns_table_init(struct dns_names *n)
{
	if (getrandom(&n->seed, sizeof(n->seed), GRND_NONBLOCK) != sizeof(n->seed))
		n->seed = (uint64_t)(uintptr_t)n;
	n->owner_pool = (struct dns_pool){ .next = n->owner_next,
					   .free = DNS_NONE,
					   .capacity = DNS_NAMES_CONTAINERS };
	n->entry_pool = (struct dns_pool){ .next = n->entry_next,
					   .free = DNS_NONE,
					   .capacity = DNS_NAMES_ADDRESSES };
	n->name_pool = (struct dns_pool){ .next = n->name_next,
					  .free = DNS_NONE,
					  .capacity = DNS_NAMES_ADDRESSES };
	n->list = (struct dns_list){ DNS_NONE, DNS_NONE };
	memset(n->owner_heads, 0xff, sizeof(n->owner_heads));
	memset(n->entry_heads, 0xff, sizeof(n->entry_heads));
}

/* --- places -------------------------------------------------------------------------------- */

/* A container chooses addresses: the seed keeps it from choosing those of one chain. */
static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 29;
}

static uint32_t *owner_head(struct dns_names *n, uint64_t key)
{
	return &n->owner_heads[mix(n->seed, key) >> (64 - DNS_OWNER_BITS)];
}

static uint32_t *entry_head(struct dns_names *n, uint32_t owner, const struct dns_address *a)
{
	uint64_t halves[2], h = mix(n->seed, owner);

	memcpy(halves, a->bytes, sizeof(halves));
	h = mix(mix(h, halves[0]), halves[1] + a->length);
	return &n->entry_heads[h >> (64 - DNS_ADDRESS_BITS)];
}

static void unchain(uint32_t *link, uint32_t *next, uint32_t i)
{
	while (*link != i)
		link = &next[*link];
	*link = next[i];
}

static void list_remove(struct dns_names *n, struct dns_list *l, int which, uint32_t i)
{
	const struct dns_links k = n->entries[i].links[which];

	if (k.newer == DNS_NONE)
		l->newest = k.older;
	else
		n->entries[k.newer].links[which].older = k.older;
	if (k.older == DNS_NONE)
		l->oldest = k.newer;
	else
		n->entries[k.older].links[which].newer = k.newer;
}

static void list_push(struct dns_names *n, struct dns_list *l, int which, uint32_t i)
{
	n->entries[i].links[which] = (struct dns_links){ DNS_NONE, l->newest };
	if (l->newest == DNS_NONE)
		l->oldest = i;
	else
		n->entries[l->newest].links[which].newer = i;
	l->newest = i;
}

/* --- containers ---------------------------------------------------------------------------- */

uint32_t dns_owner_find(struct dns_names *n, uint64_t key)
{
	uint32_t i = *owner_head(n, key);

	while (i != DNS_NONE && n->owners[i].key != key)
		i = n->owner_next[i];
	return i;
}

uint32_t dns_owner_make(struct dns_names *n, uint64_t key)
{
	const uint32_t i = take(&n->owner_pool);
	uint32_t *head = owner_head(n, key);

	if (i == DNS_NONE) {
		n->owner_pool.refused++;
		return DNS_NONE;
	}
	n->owners[i] =
		(struct dns_owner){ .key = key, .kept = DNS_NONE, .list = { DNS_NONE, DNS_NONE } };
	n->owner_next[i] = *head;
	*head = i;
	return i;
}

void dns_owner_drop_if_empty(struct dns_names *n, uint32_t owner)
{
	if (n->owners[owner].entries_n)
		return;
	unchain(owner_head(n, n->owners[owner].key), n->owner_next, owner);
	give(&n->owner_pool, owner);
}

/* --- names of an address ------------------------------------------------------------------- */

/* The name at *link goes, with those older than it when `older` is set. */
static void drop_name(struct dns_names *n, struct dns_entry *a, uint32_t *link, bool older)
{
	do {
		const uint32_t i = *link;

		*link = n->name_next[i];
		give(&n->name_pool, i);
		a->names_n--;
	} while (older && *link != DNS_NONE);
}

void dns_name_drop_old(struct dns_names *n, struct dns_entry *a, uint64_t now_boot_ns)
{
	uint32_t *link = &a->names;

	while (*link != DNS_NONE) {
		if (n->names[*link].until_boot_ns <= now_boot_ns)
			drop_name(n, a, link, false);
		else
			link = &n->name_next[*link];
	}
}

/* The name's place, taken out of the list; DNS_NONE: it is not there. */
static uint32_t take_name(struct dns_names *n, struct dns_entry *a, struct span text)
{
	for (uint32_t *link = &a->names; *link != DNS_NONE; link = &n->name_next[*link]) {
		const uint32_t i = *link;

		if (n->names[i].n == text.n && memcmp(n->names[i].text, text.p, text.n) == 0) {
			*link = n->name_next[i];
			a->names_n--;
			return i;
		}
	}
	return DNS_NONE;
}

static void drop_oldest_name(struct dns_names *n, struct dns_entry *a)
{
	uint32_t *link = &a->names;

	while (n->name_next[*link] != DNS_NONE)
		link = &n->name_next[*link];
	drop_name(n, a, link, false);
}

/* --- addresses ----------------------------------------------------------------------------- */

static bool is_same(const struct dns_address *a, const struct dns_address *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

uint32_t dns_entry_find(struct dns_names *n, uint32_t owner, const struct dns_address *what)
{
	uint32_t i = *entry_head(n, owner, what);

	while (i != DNS_NONE &&
	       (n->entries[i].owner != owner || !is_same(&n->entries[i].what, what)))
		i = n->entry_next[i];
	return i;
}

/* Of those that are in no list (any more). */
static void release(struct dns_names *n, uint32_t i)
{
	struct dns_entry *a = &n->entries[i];

	if (a->names != DNS_NONE)
		drop_name(n, a, &a->names, true);
	n->owners[a->owner].entries_n--;
	unchain(entry_head(n, a->owner, &a->what), n->entry_next, i);
	give(&n->entry_pool, i);
}

static void drop(struct dns_names *n, uint32_t i)
{
	list_remove(n, &n->list, DNS_OF_ALL, i);
	list_remove(n, &n->owners[n->entries[i].owner].list, DNS_OF_OWNER, i);
	release(n, i);
}

static void drop_with_owner(struct dns_names *n, uint32_t i)
{
	const uint32_t owner = n->entries[i].owner;

	drop(n, i);
	dns_owner_drop_if_empty(n, owner);
}

void dns_entry_drop_oldest(struct dns_names *n)
{
	drop_with_owner(n, n->list.oldest);
}

uint32_t dns_entry_make(struct dns_names *n, uint32_t owner, const struct dns_address *what)
{
	struct dns_owner *o = &n->owners[owner];
	const bool has_share = o->entries_n >= DNS_NAMES_OF_CONTAINER;
	uint32_t *head = entry_head(n, owner, what), i;

	o->entries_n++; /* from here: it is not to go with the last of its others */
	if (has_share || !has_room(&n->entry_pool)) {
		const uint32_t oldest = has_share ? o->list.oldest : n->list.oldest;

		n->entry_pool.refused++;
		if (oldest != DNS_NONE)
			drop_with_owner(n, oldest);
	}
	i = take(&n->entry_pool);
	if (i == DNS_NONE) {
		o->entries_n--;
		return DNS_NONE;
	}
	n->entries[i] = (struct dns_entry){ .what = *what, .owner = owner, .names = DNS_NONE };
	n->entry_next[i] = *head;
	*head = i;
	return i;
}

void dns_entry_list(struct dns_names *n, uint32_t i)
{
	list_push(n, &n->list, DNS_OF_ALL, i);
	list_push(n, &n->owners[n->entries[i].owner].list, DNS_OF_OWNER, i);
}

static void unlist(struct dns_names *n, uint32_t i)
{
	list_remove(n, &n->list, DNS_OF_ALL, i);
	list_remove(n, &n->owners[n->entries[i].owner].list, DNS_OF_OWNER, i);
}

void dns_entry_use(struct dns_names *n, uint32_t i)
{
	if (n->entries[i].kubernetes)
		return;
	unlist(n, i);
	dns_entry_list(n, i);
}

void dns_entry_keep(struct dns_names *n, uint32_t i, bool listed)
{
	struct dns_owner *o = &n->owners[n->entries[i].owner];

	if (listed)
		unlist(n, i);
	n->entries[i].kubernetes = true;
	n->entries[i].links[DNS_OF_OWNER] = (struct dns_links){ DNS_NONE, o->kept };
	o->kept = i;
	o->kept_n++;
}

void dns_entry_drop_all(struct dns_names *n, uint32_t owner)
{
	struct dns_owner *o = &n->owners[owner];

	while (o->list.oldest != DNS_NONE)
		drop(n, o->list.oldest);
	while (o->kept != DNS_NONE) {
		const uint32_t i = o->kept;

		o->kept = n->entries[i].links[DNS_OF_OWNER].older;
		release(n, i);
	}
	dns_owner_drop_if_empty(n, owner);
}

/* Room for one more name, made by another address than the one that it is for. */
static bool make_room_for_name(struct dns_names *n, uint32_t but)
{
	uint32_t oldest = n->list.oldest;

	if (has_room(&n->name_pool))
		return true;
	n->name_pool.refused++;
	/* the oldest may be without names: those that made room for others of their own */
	while (oldest != DNS_NONE && (oldest == but || n->entries[oldest].names == DNS_NONE))
		oldest = n->entries[oldest].links[DNS_OF_ALL].newer;
	if (oldest == DNS_NONE)
		return false;
	drop_with_owner(n, oldest);
	return true;
}

void dns_name_add(struct dns_names *n, uint32_t i, struct span text, uint64_t now_boot_ns,
		  uint64_t until_boot_ns)
{
	struct dns_entry *a = &n->entries[i];

	dns_name_drop_old(n, a, now_boot_ns);
	uint32_t at = take_name(n, a, text);

	if (at == DNS_NONE) {
		if (a->names_n == DNS_NAMES_OF_ADDRESS)
			drop_oldest_name(n, a);
		if (!make_room_for_name(n, i))
			return;
		at = take(&n->name_pool);
		n->names[at].n = (uint8_t)text.n;
		memcpy(n->names[at].text, text.p, text.n);
	}
	n->names[at].until_boot_ns = until_boot_ns;
	n->name_next[at] = a->names;
	a->names = at;
	a->names_n++;
}
