/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns - what a DNS answer says: the name that was asked for and its addresses.
 *
 * Pure, any thread, nothing is allocated. A message comes from whoever sent the container a packet:
 * each read is bounded, names are at most 255 bytes, a compression pointer leads backwards only. */
#ifndef BULKHEAD_DNS_H
#define BULKHEAD_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/parse.h"

#define DNS_MAX_NAME	  254  /* bytes of a name as text, without the dot at its end */
#define DNS_MAX_ADDRESSES 32   /* of one answer; the rest is left out */
#define DNS_MAX_CHAIN	  16   /* aliases (CNAME) in one answer */
#define DNS_MAX_MESSAGE	  4096 /* bytes that are looked at */

struct dns_address {
	uint8_t bytes[16]; /* IPv4 in the first four, the rest 0 */
	uint8_t length;	   /* 4 or 16; an IPv4 address in an IPv6 one is told as IPv4 */
};

struct dns_answer {
	char name[DNS_MAX_NAME + 1]; /* that was asked for: lower case, NUL behind it */
	size_t name_n;
	struct dns_address addresses[DNS_MAX_ADDRESSES];
	size_t addresses_n;
	uint32_t ttl_s; /* the least of the aliases and addresses */
	bool cut;	/* the message ends early, or there were more addresses */
};

/* `message` is a UDP payload. What stands before the place where it is cut is taken. 0, with one
 * address or more; -ENOENT: it is well formed, but gives no address (a question, an error, another
 * type); -EPROTO: it is not, and nothing of it is to be believed. *out is filled on 0 only. */
int dns_parse(struct span message, struct dns_answer *out);

/* Every name in an answer, be it with addresses, of another type, or that there is no such name:
 * what was asked for, then the targets of its aliases; good during the call. 0, or -EPROTO: it is
 * no answer, or malformed (names before the fault were told). */
int dns_each_name(struct span message, void (*fn)(void *ctx, struct span name), void *ctx);

/* ::ffff:a.b.c.d becomes a.b.c.d, as in an answer. length 4 or 16, else false. */
bool dns_address_of(const uint8_t *bytes, size_t length, struct dns_address *out);

#endif
