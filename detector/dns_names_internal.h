/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_names_internal - the fixed table behind dns_names: containers, their addresses, their names,
 * and who makes room. All by index; what was never used is never touched, so that no page of it is
 * in memory. Owner: as of dns_names. */
#ifndef BULKHEAD_DNS_NAMES_INTERNAL_H
#define BULKHEAD_DNS_NAMES_INTERNAL_H

#include "detector/dns.h"
#include "detector/dns_names.h"

#define DNS_NONE	 UINT32_MAX
#define DNS_ADDRESS_BITS 16 /* of the index, for DNS_NAMES_ADDRESSES */
#define DNS_OWNER_BITS	 12

_Static_assert(DNS_NAMES_ADDRESSES == 1 << DNS_ADDRESS_BITS, "the index has a head an address");
_Static_assert(DNS_NAMES_CONTAINERS == 1 << DNS_OWNER_BITS, "the index has a head a container");

struct dns_name {
	uint64_t until_boot_ns;
	uint8_t n;
	char text[DNS_MAX_NAME + 1];
};

struct dns_links {
	uint32_t newer, older;
};

struct dns_list {
	uint32_t newest, oldest;
};

enum { DNS_OF_ALL, DNS_OF_OWNER, DNS_LISTS }; /* in which an address is, by its last use */

struct dns_entry { /* what a container knows of an address */
	struct dns_address what;
	uint8_t names_n;
	bool kubernetes; /* stays as long as its container, in no list but `kept` */
	uint32_t owner;
	uint32_t names; /* newest first, by name_next */
	struct dns_links links[DNS_LISTS];
};

struct dns_owner { /* a container */
	uint64_t key;
	uint32_t entries_n, kept_n;
	uint32_t kept; /* of kubernetes, by links[DNS_OF_OWNER].older */
	struct dns_list list;
};

struct dns_pool {
	uint32_t *next; /* of the free ones; of those in use it is their user's */
	uint32_t free, fresh, used, capacity;
	uint64_t refused;
};

struct dns_names {
	uint64_t seed;
	struct dns_pool owner_pool, entry_pool, name_pool;
	struct dns_list list; /* all addresses */
	struct dns_names_stats stats;
	struct dns_owner owners[DNS_NAMES_CONTAINERS];
	struct dns_entry entries[DNS_NAMES_ADDRESSES];
	struct dns_name names[DNS_NAMES_ADDRESSES];
	uint32_t owner_next[DNS_NAMES_CONTAINERS], entry_next[DNS_NAMES_ADDRESSES],
		name_next[DNS_NAMES_ADDRESSES];
	uint32_t owner_heads[1 << DNS_OWNER_BITS], entry_heads[1 << DNS_ADDRESS_BITS];
};

void dns_table_init(struct dns_names *n); /* of zeroed memory */

/* DNS_NONE: not there; of those that make: counted, there is no room to be made. */
uint32_t dns_owner_find(struct dns_names *n, uint64_t key);
uint32_t dns_owner_make(struct dns_names *n, uint64_t key);
void dns_owner_drop_if_empty(struct dns_names *n, uint32_t owner);

uint32_t dns_entry_find(struct dns_names *n, uint32_t owner, const struct dns_address *what);
/* A new one without names, in no list yet. The one least used makes room: of this container when
 * that has its share, else of all. */
uint32_t dns_entry_make(struct dns_names *n, uint32_t owner, const struct dns_address *what);
void dns_entry_list(struct dns_names *n, uint32_t i);
void dns_entry_use(struct dns_names *n, uint32_t i);		   /* is now the newest */
void dns_entry_keep(struct dns_names *n, uint32_t i, bool listed); /* never makes room */
void dns_entry_drop_oldest(struct dns_names *n);		   /* of all; with its container */
void dns_entry_drop_all(struct dns_names *n, uint32_t owner);

void dns_name_drop_old(struct dns_names *n, struct dns_entry *a, uint64_t now_boot_ns);
void dns_name_add(struct dns_names *n, uint32_t i, struct span text, uint64_t now_boot_ns,
		  uint64_t until_boot_ns);

#endif
