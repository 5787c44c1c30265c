// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/dns_names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/dns_names_internal.h"

#define EXPIRE_MAX 1024 /* a round */
#define HOST	   0
#define VARIABLE   "KUBERNETES_SERVICE_HOST="

static const struct span kubernetes[] = {
	SPAN_LIT("kubernetes.default.svc.cluster.local"),
	SPAN_LIT("kubernetes.default.svc"),
	SPAN_LIT("kubernetes.default"),
	SPAN_LIT("kubernetes"),
};

int dns_names_new(struct dns_names **out, struct err *e)
{
	struct dns_names *n = calloc(1, sizeof(*n));

	if (!n)
		return err_set(e, ENOMEM, "no memory for the names of addresses");
	dns_table_init(n);
	*out = n;
	return 0;
}

void dns_names_free(struct dns_names *n)
{
	free(n);
}

/* --- learning ------------------------------------------------------------------------------ */

static uint32_t owner_of(struct dns_names *n, uint64_t key)
{
	const uint32_t owner = dns_owner_find(n, key);

	return owner != DNS_NONE ? owner : dns_owner_make(n, key);
}

/* The container's place for the address; *old: it was there. */
static uint32_t entry_of(struct dns_names *n, uint32_t owner, const struct dns_address *what,
			 bool *old)
{
	uint32_t i = dns_entry_find(n, owner, what);

	*old = i != DNS_NONE;
	if (i == DNS_NONE)
		i = dns_entry_make(n, owner, what);
	if (i == DNS_NONE)
		dns_owner_drop_if_empty(n, owner);
	return i;
}

static bool learn(struct dns_names *n, uint64_t key, const struct dns_address *what,
		  struct span name, uint64_t now, uint64_t until)
{
	const uint32_t owner = owner_of(n, key);
	bool old;

	if (owner == DNS_NONE)
		return false;
	const uint32_t i = entry_of(n, owner, what, &old);

	if (i == DNS_NONE)
		return false;
	if (old)
		dns_entry_use(n, i);
	else
		dns_entry_list(n, i);
	dns_name_add(n, i, name, now, until);
	return true;
}

static uint64_t until(uint64_t now_boot_ns, uint32_t ttl_s)
{
	uint64_t ns = ttl_s * NS_PER_S;

	if (ns < DNS_NAMES_MIN_NS)
		ns = DNS_NAMES_MIN_NS;
	if (ns > DNS_NAMES_MAX_NS)
		ns = DNS_NAMES_MAX_NS;
	return now_boot_ns + ns + DNS_NAMES_AFTER_NS;
}

size_t dns_names_event(struct dns_names *n, const struct event_view *v, uint64_t key)
{
	const struct span payload = v->strings[TAG_PAYLOAD];
	struct dns_answer a;
	size_t told = 0;

	if (v->head->type != EVENT_DNS || !payload.p)
		return 0;
	int r = dns_parse(payload, &a);

	if (r < 0) {
		n->stats.others += r == -ENOENT;
		n->stats.malformed += r != -ENOENT;
		return 0;
	}
	n->stats.answers++;
	n->stats.cut += a.cut;
	/* from the last, so that the first of the answer is the newest */
	for (size_t i = a.addresses_n; i-- > 0;)
		told += learn(n, key, &a.addresses[i], (struct span){ a.name, a.name_n },
			      v->head->boot_ns, until(v->head->boot_ns, a.ttl_s));
	return told;
}

/* Of the variable's first entry: that is the one that getenv() finds. */
static bool address_in(struct span env, struct dns_address *out)
{
	char text[INET6_ADDRSTRLEN];
	struct span entry;
	uint8_t bytes[16];

	do {
		if (!span_next(&env, '\0', &entry))
			return false;
	} while (!span_starts(entry, VARIABLE));
	entry.p += sizeof(VARIABLE) - 1;
	entry.n -= sizeof(VARIABLE) - 1;
	if (entry.n >= sizeof(text))
		return false;
	memcpy(text, entry.p, entry.n);
	text[entry.n] = '\0';
	if (inet_pton(AF_INET, text, bytes) == 1)
		return dns_address_of(bytes, 4, out);
	return inet_pton(AF_INET6, text, bytes) == 1 && dns_address_of(bytes, 16, out);
}

void dns_names_exec(struct dns_names *n, const struct event_view *v, uint64_t key)
{
	const struct span env = v->strings[TAG_ENV];
	struct dns_address what;
	bool old;

	if (v->head->type != EVENT_EXEC || v->head->result != 0 || !env.n ||
	    !memmem(env.p, env.n, VARIABLE, sizeof(VARIABLE) - 1) || !address_in(env, &what))
		return;
	const uint32_t owner = owner_of(n, key);

	if (owner == DNS_NONE)
		return;
	if (n->owners[owner].kept_n >= DNS_NAMES_KUBERNETES)
		return; /* it has entries: there is nothing to drop */
	const uint32_t i = entry_of(n, owner, &what, &old);

	if (i != DNS_NONE && !n->entries[i].kubernetes)
		dns_entry_keep(n, i, old);
}

/* --- looking up ---------------------------------------------------------------------------- */

static size_t add_once(struct span *out, size_t at, size_t cap, struct span name)
{
	for (size_t i = 0; i < at; i++)
		if (out[i].n == name.n && memcmp(out[i].p, name.p, name.n) == 0)
			return at;
	if (at < cap)
		out[at++] = name;
	return at;
}

static size_t add_names(struct dns_names *n, uint64_t key, const struct dns_address *what,
			uint64_t now, struct span *out, size_t at, size_t cap)
{
	const uint32_t owner = dns_owner_find(n, key);
	const uint32_t found = owner == DNS_NONE ? DNS_NONE : dns_entry_find(n, owner, what);

	if (found == DNS_NONE)
		return at;
	dns_entry_use(n, found);
	if (n->entries[found].kubernetes)
		for (size_t i = 0; i < sizeof(kubernetes) / sizeof(kubernetes[0]); i++)
			at = add_once(out, at, cap, kubernetes[i]);
	for (uint32_t i = n->entries[found].names; i != DNS_NONE; i = n->name_next[i])
		if (n->names[i].until_boot_ns > now)
			at = add_once(out, at, cap,
				      (struct span){ n->names[i].text, n->names[i].n });
	return at;
}

size_t dns_names_find(struct dns_names *n, uint64_t key, const uint8_t *address, size_t length,
		      uint64_t now_boot_ns, struct span *out, size_t cap)
{
	struct dns_address what;
	size_t found;

	if (!dns_address_of(address, length, &what))
		return 0;
	found = add_names(n, key, &what, now_boot_ns, out, 0, cap);
	if (key != HOST)
		found = add_names(n, HOST, &what, now_boot_ns, out, found, cap);
	return found;
}

void dns_names_forget(struct dns_names *n, uint64_t key)
{
	const uint32_t owner = dns_owner_find(n, key);

	if (owner != DNS_NONE)
		dns_entry_drop_all(n, owner);
}

void dns_names_expire(struct dns_names *n, uint64_t now_boot_ns)
{
	for (unsigned i = 0; i < EXPIRE_MAX && n->list.oldest != DNS_NONE; i++) {
		struct dns_entry *a = &n->entries[n->list.oldest];

		dns_name_drop_old(n, a, now_boot_ns);
		if (a->names != DNS_NONE)
			return;
		dns_entry_drop_oldest(n);
	}
}

struct dns_names_stats dns_names_stats(const struct dns_names *n)
{
	return n->stats;
}

static struct capacity row(const char *table, const struct dns_pool *p)
{
	return (struct capacity){ table, p->used, p->capacity, p->refused };
}

size_t dns_names_capacity(const struct dns_names *n, struct capacity out[DNS_NAMES_CAPACITY_ROWS])
{
	out[0] = row("dns_containers", &n->owner_pool);
	out[1] = row("dns_addresses", &n->entry_pool);
	out[2] = row("dns_names", &n->name_pool);
	return DNS_NAMES_CAPACITY_ROWS;
}
