/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_message - DNS answers put together for tests. */
#ifndef BULKHEAD_TESTS_DNS_MESSAGE_H
#define BULKHEAD_TESTS_DNS_MESSAGE_H

#include <stdint.h>
#include <string.h>

#include "collector/base/parse.h"

#define DNS_A	  1
#define DNS_CNAME 5
#define DNS_AAAA  28
#define DNS_ASKED 0xc00c /* pointer to the name of the question */

struct dns_message {
	uint8_t p[8192];
	size_t n;
};

static inline void dns_u16(struct dns_message *m, unsigned v)
{
	m->p[m->n++] = (uint8_t)(v >> 8);
	m->p[m->n++] = (uint8_t)v;
}

static inline void dns_bytes(struct dns_message *m, const void *p, size_t n)
{
	memcpy(m->p + m->n, p, n);
	m->n += n;
}

/* "www.example.com" in labels. */
static inline void dns_name(struct dns_message *m, const char *name)
{
	struct span rest = span_str(name), label;

	while (rest.n && span_next(&rest, '.', &label)) {
		m->p[m->n++] = (uint8_t)label.n;
		dns_bytes(m, label.p, label.n);
	}
	m->p[m->n++] = 0;
}

static inline void dns_begin(struct dns_message *m, const char *name, unsigned type)
{
	m->n = 0;
	dns_u16(m, 0x1234);
	dns_u16(m, 0x8180);
	dns_u16(m, 1);
	dns_u16(m, 0);
	dns_u16(m, 0);
	dns_u16(m, 0);
	dns_name(m, name);
	dns_u16(m, type);
	dns_u16(m, 1);
}

static inline void dns_count(struct dns_message *m)
{
	m->p[7]++;
	m->p[6] = (uint8_t)(m->p[6] + (m->p[7] == 0));
}

/* After the owner's name. */
static inline void dns_data(struct dns_message *m, unsigned type, uint32_t ttl, const void *data,
			    size_t n)
{
	dns_count(m);
	dns_u16(m, type);
	dns_u16(m, 1);
	dns_u16(m, ttl >> 16);
	dns_u16(m, ttl & 0xffff);
	dns_u16(m, (unsigned)n);
	dns_bytes(m, data, n);
}

static inline void dns_a(struct dns_message *m, uint32_t ttl, uint32_t address)
{
	const uint8_t bytes[4] = { (uint8_t)(address >> 24), (uint8_t)(address >> 16),
				   (uint8_t)(address >> 8), (uint8_t)address };

	dns_u16(m, DNS_ASKED);
	dns_data(m, DNS_A, ttl, bytes, sizeof(bytes));
}

static inline void dns_alias(struct dns_message *m, const char *owner, uint32_t ttl,
			     const char *target)
{
	static struct dns_message data;

	data.n = 0;
	dns_name(&data, target);
	dns_name(m, owner);
	dns_data(m, DNS_CNAME, ttl, data.p, data.n);
}

static inline struct span dns_span(const struct dns_message *m)
{
	return (struct span){ (const char *)m->p, m->n };
}

#endif
