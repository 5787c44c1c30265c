// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "detector/dns.h"
#include "tests/unit/detector/dns_message.h"

static struct dns_message m;
static struct dns_answer a;

/* In memory of its very size: what reads beyond it is seen by the sanitizer. */
static int parse_bytes(const uint8_t *p, size_t n)
{
	char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, p, n);
	int r = dns_parse((struct span){ copy, n }, &a);

	free(copy);
	return r;
}

static int parse(void)
{
	return parse_bytes(m.p, m.n);
}

static void an_answer_gives_the_name_and_its_addresses(void **state)
{
	static const uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };

	(void)state;
	dns_begin(&m, "WWW.Example.COM", DNS_A);
	dns_a(&m, 300, 0x01020304);
	dns_a(&m, 60, 0x05060708);
	assert_int_equal(parse(), 0);
	assert_string_equal(a.name, "www.example.com");
	assert_int_equal(a.name_n, 15);
	assert_int_equal(a.addresses_n, 2);
	assert_int_equal(a.addresses[0].length, 4);
	assert_memory_equal(a.addresses[0].bytes, "\1\2\3\4", 4);
	assert_memory_equal(a.addresses[1].bytes, "\5\6\7\10", 4);
	assert_int_equal(a.ttl_s, 60);
	assert_false(a.cut);
	dns_begin(&m, "six", DNS_AAAA);
	dns_u16(&m, DNS_ASKED);
	dns_data(&m, DNS_AAAA, 5, six, sizeof(six));
	assert_int_equal(parse(), 0);
	assert_int_equal(a.addresses[0].length, 16);
	assert_memory_equal(a.addresses[0].bytes, six, 16);
}

static void aliases_lead_back_to_the_name_that_was_asked_for(void **state)
{
	(void)state;
	dns_begin(&m, "www.shop", DNS_A);
	/* in any order */
	dns_alias(&m, "lb.cdn", 20, "edge.CDN");
	dns_name(&m, "edge.cdn");
	dns_data(&m, DNS_A, 100, "\1\2\3\4", 4);
	dns_alias(&m, "WWW.shop", 30, "lb.cdn");
	dns_name(&m, "stranger");
	dns_data(&m, DNS_A, 1, "\6\6\6\6", 4);
	assert_int_equal(parse(), 0);
	assert_string_equal(a.name, "www.shop");
	assert_int_equal(a.addresses_n, 1);
	assert_memory_equal(a.addresses[0].bytes, "\1\2\3\4", 4);
	assert_int_equal(a.ttl_s, 20);
}

static void aliases_in_a_circle_are_not_believed(void **state)
{
	(void)state;
	dns_begin(&m, "a", DNS_A);
	dns_alias(&m, "a", 1, "b");
	dns_alias(&m, "b", 1, "a");
	dns_a(&m, 1, 1);
	assert_int_equal(parse(), -EPROTO);
	dns_begin(&m, "a", DNS_A);
	dns_alias(&m, "a", 1, "a");
	assert_int_equal(parse(), -EPROTO);
	dns_begin(&m, "a", DNS_A); /* more than are followed */
	for (char c = 'a'; c < 'a' + DNS_MAX_CHAIN + 2; c++)
		dns_alias(&m, (char[]){ c, 0 }, 1, (char[]){ (char)(c + 1), 0 });
	assert_int_equal(parse(), -ENOENT);
}

static void what_is_no_answer_with_addresses_gives_none(void **state)
{
	(void)state;
	dns_begin(&m, "a", DNS_A);
	assert_int_equal(parse(), -ENOENT);
	dns_a(&m, 1, 1);
	m.p[2] = 1; /* a question */
	assert_int_equal(parse(), -ENOENT);
	m.p[2] = 0x81;
	m.p[3] = 0x83; /* NXDOMAIN */
	assert_int_equal(parse(), -ENOENT);
	m.p[3] = 0x80;
	assert_int_equal(parse(), 0);
	m.p[5] = 2; /* two questions */
	assert_int_equal(parse(), -ENOENT);
	dns_begin(&m, "a", 12); /* PTR */
	dns_a(&m, 1, 1);
	assert_int_equal(parse(), -ENOENT);
	dns_begin(&m, "", DNS_A);
	dns_a(&m, 1, 1);
	assert_int_equal(parse(), -ENOENT);
	assert_int_equal(parse_bytes(m.p, 0), -EPROTO);
	assert_int_equal(dns_parse((struct span){ NULL, 0 }, &a), -EPROTO);
}

static void at_each_length_what_is_whole_is_taken(void **state)
{
	(void)state;
	dns_begin(&m, "www.example.com", DNS_A);
	const size_t first = m.n + 16;

	dns_a(&m, 60, 0x01020304);
	dns_a(&m, 60, 0x05060708);
	for (size_t n = 0; n < m.n; n++) {
		int r = parse_bytes(m.p, n);

		assert_int_equal(r, n < 12 ? -EPROTO : n < first ? -ENOENT : 0);
		if (r == 0) {
			assert_int_equal(a.addresses_n, 1);
			assert_true(a.cut);
		}
	}
	m.p[7] = 200; /* fewer than it says */
	assert_int_equal(parse(), 0);
	assert_int_equal(a.addresses_n, 2);
	assert_true(a.cut);
}

static void pointers_lead_backwards_only(void **state)
{
	static const unsigned bad[] = { 0xc000, 0xc00b, 0xffff, 0xc100 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dns_begin(&m, "a", DNS_A);
		dns_u16(&m, bad[i]);
		dns_data(&m, DNS_A, 1, "\1\2\3\4", 4);
		assert_int_equal(parse(), -EPROTO);
	}
	dns_begin(&m, "a", DNS_A); /* to itself */
	dns_u16(&m, 0xc000 | (unsigned)m.n);
	dns_data(&m, DNS_A, 1, "\1\2\3\4", 4);
	assert_int_equal(parse(), -EPROTO);
	dns_begin(&m, "a", DNS_A); /* to a label before that comes back to it */
	const unsigned at = (unsigned)m.n;

	dns_bytes(&m, "\1x", 2);
	dns_u16(&m, 0xc000 | at);
	dns_data(&m, DNS_A, 1, "\1\2\3\4", 4);
	assert_int_equal(parse(), -EPROTO);
	/* the question's own name is no exception */
	dns_begin(&m, "a", DNS_A);
	dns_a(&m, 1, 1);
	m.p[12] = 0xc0;
	m.p[13] = 0x0c;
	assert_int_equal(parse(), -EPROTO);
}

static void many_jumps_are_too_many(void **state)
{
	(void)state;
	for (unsigned jumps = 30; jumps < 36; jumps++) {
		dns_begin(&m, "a", DNS_A);
		/* a record of another type that holds a ladder of pointers */
		dns_u16(&m, DNS_ASKED);
		const unsigned data = (unsigned)m.n + 10;
		static struct dns_message ladder;

		ladder.n = 0;
		dns_u16(&ladder, DNS_ASKED);
		for (unsigned i = 1; i + 1 < jumps; i++)
			dns_u16(&ladder, 0xc000 | (data + 2 * (i - 1)));
		dns_data(&m, 16, 1, ladder.p, ladder.n);
		dns_u16(&m, 0xc000 | (data + 2 * (jumps - 2)));
		dns_data(&m, DNS_A, 1, "\1\2\3\4", 4);
		assert_int_equal(parse(), jumps <= 32 ? 0 : -EPROTO);
	}
}

static void names_that_could_be_taken_for_others_are_not_believed(void **state)
{
	static const char bad[] = { '.', '\0', ' ', '\n', '\t', 0x7f, 0x1b };

	(void)state;
	for (size_t i = 0; i < sizeof(bad); i++) {
		dns_begin(&m, "axb", DNS_A);
		dns_a(&m, 1, 1);
		m.p[14] = (uint8_t)bad[i];
		assert_int_equal(parse(), -EPROTO);
	}
	m.p[14] = 0xff; /* hostile, but one byte of one label */
	assert_int_equal(parse(), 0);
	assert_memory_equal(a.name,
			    "a\xff"
			    "b",
			    3);
	m.p[12] = 0x40; /* no label, no pointer */
	assert_int_equal(parse(), -EPROTO);
	m.p[12] = 0x80;
	assert_int_equal(parse(), -EPROTO);
}

static void a_name_has_at_most_255_bytes(void **state)
{
	char name[300];

	(void)state;
	for (size_t n = 250; n < 258; n++) {
		memset(name, 'a', n);
		name[n] = '\0';
		for (size_t i = 60; i < n - 1; i += 61)
			name[i] = '.';
		dns_begin(&m, name, DNS_A);
		dns_a(&m, 1, 1);
		assert_int_equal(parse(), n <= 253 ? 0 : -EPROTO);
		if (n <= 253)
			assert_string_equal(a.name, name);
	}
}

static void lengths_that_do_not_fit_are_not_believed(void **state)
{
	(void)state;
	dns_begin(&m, "a", DNS_A);
	dns_u16(&m, DNS_ASKED);
	dns_data(&m, DNS_A, 1, "\1\2\3", 3);
	dns_a(&m, 1, 1);
	assert_int_equal(parse(), -EPROTO);
	dns_begin(&m, "a", DNS_A);
	dns_u16(&m, DNS_ASKED);
	dns_data(&m, DNS_AAAA, 1, "\1\2\3\4", 4);
	assert_int_equal(parse(), -EPROTO);
	dns_begin(&m, "a", DNS_A);
	dns_u16(&m, DNS_ASKED);
	dns_data(&m, DNS_CNAME, 1, "\1b\0x", 4); /* more than its name */
	assert_int_equal(parse(), -EPROTO);
	dns_begin(&m, "a", DNS_A);
	dns_u16(&m, DNS_ASKED);
	dns_data(&m, DNS_CNAME, 1, "\3b", 2); /* less */
	dns_a(&m, 1, 1);
	assert_int_equal(parse(), -EPROTO);
}

static void only_so_many_addresses_are_told(void **state)
{
	(void)state;
	dns_begin(&m, "a", DNS_A);
	for (uint32_t i = 0; i < DNS_MAX_ADDRESSES; i++)
		dns_a(&m, 1, i);
	assert_int_equal(parse(), 0);
	assert_int_equal(a.addresses_n, DNS_MAX_ADDRESSES);
	assert_false(a.cut);
	dns_a(&m, 1, 99);
	assert_int_equal(parse(), 0);
	assert_int_equal(a.addresses_n, DNS_MAX_ADDRESSES);
	assert_true(a.cut);
	/* of a message that is longer than any, the front */
	while (m.n < DNS_MAX_MESSAGE + 100)
		dns_a(&m, 1, 1);
	assert_int_equal(parse(), 0);
}

static void a_negative_time_to_live_is_none(void **state)
{
	(void)state;
	dns_begin(&m, "a", DNS_A);
	dns_a(&m, 0x80000000, 1);
	assert_int_equal(parse(), 0);
	assert_int_equal(a.ttl_s, 0);
	dns_begin(&m, "a", DNS_A);
	dns_a(&m, INT32_MAX, 1);
	assert_int_equal(parse(), 0);
	assert_int_equal(a.ttl_s, INT32_MAX);
}

static void an_ipv4_address_in_an_ipv6_one_is_ipv4(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 1, 2, 3, 4 };
	struct dns_address out;

	(void)state;
	assert_true(dns_address_of(mapped, 16, &out));
	assert_int_equal(out.length, 4);
	assert_memory_equal(out.bytes, "\1\2\3\4\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_false(dns_address_of(mapped, 6, &out));
	assert_false(dns_address_of(mapped, 0, &out));
}

struct names {
	char list[8][64];
	size_t n;
};

static void take_name(void *ctx, struct span name)
{
	struct names *x = ctx;

	if (x->n < 8)
		snprintf(x->list[x->n++], sizeof(x->list[0]), "%.*s", (int)name.n, name.p);
}

static void each_name_of_an_answer_is_told_also_without_addresses(void **state)
{
	struct names x = { .n = 0 };

	(void)state;
	dns_begin(&m, "WWW.shop", DNS_A);
	dns_alias(&m, "www.shop", 20, "edge.CDN");
	dns_alias(&m, "edge.cdn", 20, "pool.example");
	assert_int_equal(parse(), -ENOENT);
	assert_int_equal(dns_each_name((struct span){ (const char *)m.p, m.n }, take_name, &x), 0);
	assert_int_equal(x.n, 3);
	assert_string_equal(x.list[0], "www.shop");
	assert_string_equal(x.list[2], "pool.example");
	for (size_t n = 0; n < m.n; n++) {
		x.n = 0;
		(void)dns_each_name((struct span){ (const char *)m.p, n }, take_name, &x);
		assert_true(x.n <= 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_of_an_answer_is_told_also_without_addresses),
		cmocka_unit_test(an_answer_gives_the_name_and_its_addresses),
		cmocka_unit_test(aliases_lead_back_to_the_name_that_was_asked_for),
		cmocka_unit_test(aliases_in_a_circle_are_not_believed),
		cmocka_unit_test(what_is_no_answer_with_addresses_gives_none),
		cmocka_unit_test(at_each_length_what_is_whole_is_taken),
		cmocka_unit_test(pointers_lead_backwards_only),
		cmocka_unit_test(many_jumps_are_too_many),
		cmocka_unit_test(names_that_could_be_taken_for_others_are_not_believed),
		cmocka_unit_test(a_name_has_at_most_255_bytes),
		cmocka_unit_test(lengths_that_do_not_fit_are_not_believed),
		cmocka_unit_test(only_so_many_addresses_are_told),
		cmocka_unit_test(a_negative_time_to_live_is_none),
		cmocka_unit_test(an_ipv4_address_in_an_ipv6_one_is_ipv4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
