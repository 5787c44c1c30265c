/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_names - which names addresses were given, by the DNS answers that each container took.
 *
 * Owner: the loop's thread. All memory is taken at start; an event allocates nothing. A container
 * is told what it learned itself, then what the host did, and never what another container did: an
 * answer can be forged by who takes it. Keys are cgroup ids of containers, 0 is the host. Times are
 * those of the events (ns since boot), so that a replay says the same. */
#ifndef BULKHEAD_DNS_NAMES_H
#define BULKHEAD_DNS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/capacity.h"
#include "collector/event_view.h"

#define DNS_NAMES_CONTAINERS	4096
#define DNS_NAMES_ADDRESSES	65536 /* of all containers, and names as many */
#define DNS_NAMES_OF_CONTAINER	2048  /* addresses of one */
#define DNS_NAMES_OF_ADDRESS	4     /* learned ones; the oldest makes room */
#define DNS_NAMES_KUBERNETES	4 /* addresses a container that are kubernetes, by its environment */
#define DNS_NAMES_MIN_NS	60000000000ULL
#define DNS_NAMES_MAX_NS	3600000000000ULL
#define DNS_NAMES_AFTER_NS	300000000000ULL /* a program uses what it asked for long ago */
#define DNS_NAMES_CAPACITY_ROWS 3

struct dns_names;

int dns_names_new(struct dns_names **out, struct err *e);
void dns_names_free(struct dns_names *n);
DEFINE_AUTO(dns_names, dns_names_free)

/* EVENT_DNS; others are let pass. Returns how many addresses were told. */
size_t dns_names_event(struct dns_names *n, const struct event_view *v, uint64_t key);

/* EVENT_EXEC: the address in KUBERNETES_SERVICE_HOST, if the environment is in the event, has the
 * names of the API server as long as the container lives. The first ones are kept: a later program
 * cannot push them out. */
void dns_names_exec(struct dns_names *n, const struct event_view *v, uint64_t key);

/* Names of an address (4 or 16 bytes), at most cap: those of the API server, then what the
 * container learned, newest first, then what the host did. Each is told once; good until the next
 * call that is not a look-up. */
size_t dns_names_find(struct dns_names *n, uint64_t key, const uint8_t *address, size_t length,
		      uint64_t now_boot_ns, struct span *out, size_t cap);

void dns_names_forget(struct dns_names *n, uint64_t key); /* the container has ended */
/* Frees some of what is over, least used first; cheap: for each round. */
void dns_names_expire(struct dns_names *n, uint64_t now_boot_ns);

struct dns_names_stats {
	uint64_t answers;   /* that gave addresses */
	uint64_t others;    /* well formed, without one */
	uint64_t malformed; /* not believed */
	uint64_t cut;	    /* more was there than was told */
};
struct dns_names_stats dns_names_stats(const struct dns_names *n);

/* dns_containers, dns_addresses, dns_names; refused: made room before their time, or found none. */
size_t dns_names_capacity(const struct dns_names *n, struct capacity out[DNS_NAMES_CAPACITY_ROWS]);

#endif
