// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/dns.h"

#include <errno.h>
#include <string.h>

#define HEADER_BYTES  12
#define LABEL_MAX     63
#define WIRE_MAX      255 /* of a name, with its lengths and the 0 at its end */
#define MAX_JUMPS     32  /* of one name */

#define FLAG_RESPONSE 0x8000
#define OPCODE_MASK   0x7800
#define RCODE_MASK    0x000f

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, TYPE_ANY = 255, CLASS_IN = 1 };

struct reader {
	const uint8_t *p;
	size_t n, at;
};

struct name {
	char text[DNS_MAX_NAME + 1];
	size_t n;
};

struct record {
	size_t owner; /* where its name stands */
	uint16_t type, class;
	uint32_t ttl_s;
	size_t data, bytes;
};

struct alias {
	size_t owner, target;
	uint32_t ttl_s;
};

static uint16_t u16_at(const struct reader *r, size_t at)
{
	return (uint16_t)(r->p[at] << 8 | r->p[at + 1]);
}

/* A byte of a label as text: a dot would make two labels of one. */
static bool is_plain(uint8_t c)
{
	return c > ' ' && c != 0x7f && c != '.';
}

static int add_label(struct name *out, const uint8_t *p, size_t n)
{
	if (out->n + n + 1 > DNS_MAX_NAME)
		return -EPROTO;
	if (out->n)
		out->text[out->n++] = '.';
	for (size_t i = 0; i < n; i++) {
		if (!is_plain(p[i]))
			return -EPROTO;
		out->text[out->n++] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
	}
	return 0;
}

/* The name at *at, which then stands behind it. -ENODATA: the message ends first. */
static int read_name(const struct reader *r, size_t *at, struct name *out)
{
	size_t pos = *at, lowest = pos, wire = 1;
	unsigned jumps = 0;

	out->n = 0;
	for (;;) {
		if (pos >= r->n)
			return -ENODATA;
		const uint8_t head = r->p[pos];

		if (head == 0)
			break;
		if (head >= 0xc0) {
			if (pos + 1 >= r->n)
				return -ENODATA;
			size_t to = (size_t)(u16_at(r, pos) & 0x3fff);

			if (jumps == 0)
				*at = pos + 2;
			/* backwards, before all that was read of this name: it must end */
			if (to < HEADER_BYTES || to >= lowest || ++jumps > MAX_JUMPS)
				return -EPROTO;
			pos = lowest = to;
			continue;
		}
		wire += head + 1u;
		if (head > LABEL_MAX || wire > WIRE_MAX)
			return -EPROTO;
		if (pos + 1 + head > r->n)
			return -ENODATA;
		if (add_label(out, r->p + pos + 1, head) < 0)
			return -EPROTO;
		pos += 1u + head;
	}
	if (jumps == 0)
		*at = pos + 1;
	out->text[out->n] = '\0';
	return 0;
}

static int read_record(struct reader *r, struct record *out)
{
	struct name ignored;
	size_t at = r->at;
	int ret = read_name(r, &at, &ignored);

	if (ret < 0)
		return ret;
	if (r->n - at < 10)
		return -ENODATA;
	*out = (struct record){
		.owner = r->at,
		.type = u16_at(r, at),
		.class = u16_at(r, at + 2),
		.ttl_s = (uint32_t)u16_at(r, at + 4) << 16 | u16_at(r, at + 6),
		.data = at + 10,
		.bytes = u16_at(r, at + 8),
	};
	if (out->ttl_s > INT32_MAX) /* RFC 2181: counts as 0 */
		out->ttl_s = 0;
	if (out->bytes > r->n - out->data)
		return -ENODATA;
	r->at = out->data + out->bytes;
	return 0;
}

/* One question for addresses, answered without an error. */
static int read_question(struct reader *r, struct name *asked)
{
	if (r->n < HEADER_BYTES)
		return -EPROTO;
	const uint16_t flags = u16_at(r, 2);

	if (!(flags & FLAG_RESPONSE) || (flags & OPCODE_MASK) || (flags & RCODE_MASK) ||
	    u16_at(r, 4) != 1)
		return -ENOENT;
	r->at = HEADER_BYTES;
	int ret = read_name(r, &r->at, asked);

	if (ret < 0)
		return ret == -ENODATA ? -ENOENT : ret;
	if (r->n - r->at < 4)
		return -ENOENT;
	const uint16_t type = u16_at(r, r->at), class = u16_at(r, r->at + 2);

	r->at += 4;
	if ((type != TYPE_A && type != TYPE_AAAA && type != TYPE_ANY) || class != CLASS_IN ||
	    asked->n == 0)
		return -ENOENT;
	return 0;
}

/* What is read again was read before: it cannot fail. */
static bool is_named(const struct reader *r, size_t at, const struct name *name)
{
	struct name owner;

	return read_name(r, &at, &owner) == 0 && owner.n == name->n &&
	       memcmp(owner.text, name->text, owner.n) == 0;
}

static int add_alias(const struct reader *r, const struct record *rec, struct alias *list,
		     size_t *n)
{
	const struct reader within = { r->p, rec->data + rec->bytes, 0 };
	size_t at = rec->data;
	struct name target;

	/* the name must end with the record */
	if (read_name(&within, &at, &target) < 0 || at != within.n)
		return -EPROTO;
	if (*n < DNS_MAX_CHAIN)
		list[(*n)++] = (struct alias){ rec->owner, rec->data, rec->ttl_s };
	return 0;
}

/* From the name that was asked for to the one that has the addresses. */
static int follow(const struct reader *r, const struct alias *list, size_t n, struct name *name,
		  uint32_t *ttl_s)
{
	for (size_t steps = 0;; steps++) {
		size_t i = 0;

		while (i < n && !is_named(r, list[i].owner, name))
			i++;
		if (i == n)
			return 0;
		if (steps >= n) /* more steps than aliases: they lead in a circle */
			return -EPROTO;
		size_t at = list[i].target;

		if (read_name(r, &at, name) < 0)
			return -EPROTO;
		if (list[i].ttl_s < *ttl_s)
			*ttl_s = list[i].ttl_s;
	}
}

/* Each record once, to see that it is well formed, and the aliases. */
static int read_aliases(struct reader *r, unsigned count, struct alias *list, size_t *n, bool *cut)
{
	struct record rec;

	for (unsigned i = 0; i < count; i++) {
		int ret = read_record(r, &rec);

		if (ret == -ENODATA) {
			*cut = true;
			return 0;
		}
		if (ret < 0)
			return ret;
		if (rec.class != CLASS_IN)
			continue;
		if ((rec.type == TYPE_A && rec.bytes != 4) ||
		    (rec.type == TYPE_AAAA && rec.bytes != 16))
			return -EPROTO;
		if (rec.type == TYPE_CNAME && add_alias(r, &rec, list, n) < 0)
			return -EPROTO;
	}
	return 0;
}

static void read_addresses(struct reader *r, unsigned count, const struct name *of,
			   struct dns_answer *out)
{
	struct record rec;

	for (unsigned i = 0; i < count && read_record(r, &rec) == 0; i++) {
		if (rec.class != CLASS_IN || (rec.type != TYPE_A && rec.type != TYPE_AAAA) ||
		    !is_named(r, rec.owner, of))
			continue;
		if (out->addresses_n == DNS_MAX_ADDRESSES) {
			out->cut = true;
			return;
		}
		dns_address_of(r->p + rec.data, rec.bytes, &out->addresses[out->addresses_n++]);
		if (rec.ttl_s < out->ttl_s)
			out->ttl_s = rec.ttl_s;
	}
}

int dns_parse(struct span message, struct dns_answer *out)
{
	struct reader r = { (const uint8_t *)message.p, message.n, 0 };
	struct alias aliases[DNS_MAX_CHAIN];
	struct dns_answer a = { .ttl_s = UINT32_MAX };
	struct name name;
	size_t aliases_n = 0;

	if (r.n > DNS_MAX_MESSAGE) {
		r.n = DNS_MAX_MESSAGE;
		a.cut = true;
	}
	int ret = read_question(&r, &name);

	if (ret < 0)
		return ret;
	memcpy(a.name, name.text, name.n + 1);
	a.name_n = name.n;
	const size_t answers = r.at;
	const unsigned count = u16_at(&r, 6);

	ret = read_aliases(&r, count, aliases, &aliases_n, &a.cut);
	if (ret < 0)
		return ret;
	ret = follow(&r, aliases, aliases_n, &name, &a.ttl_s);
	if (ret < 0)
		return ret;
	r.at = answers;
	read_addresses(&r, count, &name, &a);
	if (a.addresses_n == 0)
		return -ENOENT;
	*out = a;
	return 0;
}

int dns_each_name(struct span message, void (*fn)(void *ctx, struct span name), void *ctx)
{
	struct reader r = { (const uint8_t *)message.p, message.n, HEADER_BYTES };
	struct record rec;
	struct name name;

	if (r.n > DNS_MAX_MESSAGE)
		r.n = DNS_MAX_MESSAGE;
	if (r.n < HEADER_BYTES || !(u16_at(&r, 2) & FLAG_RESPONSE) ||
	    (u16_at(&r, 2) & OPCODE_MASK) || u16_at(&r, 4) != 1 ||
	    read_name(&r, &r.at, &name) < 0 || r.n - r.at < 4)
		return -EPROTO;
	r.at += 4;
	fn(ctx, (struct span){ name.text, name.n });
	for (unsigned i = u16_at(&r, 6), told = 0; i > 0 && told < DNS_MAX_CHAIN; i--) {
		const int ret = read_record(&r, &rec);

		if (ret < 0)
			return ret == -ENODATA ? 0 : ret;
		if (rec.class != CLASS_IN || rec.type != TYPE_CNAME)
			continue;
		size_t at = rec.data;

		if (read_name(&r, &at, &name) < 0)
			return -EPROTO;
		fn(ctx, (struct span){ name.text, name.n });
		told++;
	}
	return 0;
}

bool dns_address_of(const uint8_t *bytes, size_t length, struct dns_address *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (length != 4 && length != 16)
		return false;
	*out = (struct dns_address){ .length = (uint8_t)length };
	if (length == 16 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		bytes += sizeof(mapped);
		out->length = 4;
	}
	memcpy(out->bytes, bytes, out->length);
	return true;
}
