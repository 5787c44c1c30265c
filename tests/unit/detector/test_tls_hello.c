// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detector/tls_hello.h"

static uint8_t message[600];
static size_t bytes;
static struct tls_hello h;

static void put(const void *p, size_t n)
{
	memcpy(message + bytes, p, n);
	bytes += n;
}

static void put16(size_t v)
{
	const uint8_t b[] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(b, 2);
}

/* name NULL: no such extension */
static void make(const char *name, bool alpn)
{
	const size_t n = name ? strlen(name) : 0;
	const size_t extensions = (name ? 9 + n : 0) + (alpn ? 9 : 0) + 4;
	const size_t body = 2 + 32 + 1 + 8 + 2 + 2 + 2 + 2 + extensions;

	bytes = 0;
	put("\x16\3\1", 3);
	put16(body + 4);
	put("\1\0", 2);
	put16(body);
	put("\3\3", 2);
	for (int i = 0; i < 32; i++)
		put("r", 1);
	put("\x08sessions", 9);
	put("\0\2\x13\x01", 4);
	put("\1\0", 2);
	put16(extensions);
	put("\0\x0b\0\0", 4); /* one that matters to nobody */
	if (alpn)
		put("\0\x10\0\5\0\3\2h2", 9);
	if (name) {
		put16(0);
		put16(n + 5);
		put16(n + 3);
		put("\0", 1);
		put16(n);
		put(name, n);
	}
}

/* In memory of its very size: what reads beyond it is seen by the sanitizer. */
static int parse(size_t n)
{
	char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, message, n);
	int r = tls_hello_parse((struct span){ copy, n }, &h);

	free(copy);
	return r;
}

static void the_name_that_is_asked_for_is_read(void **state)
{
	(void)state;
	make("Pool.SupportXMR.com", true);
	assert_int_equal(parse(bytes), 0);
	assert_string_equal(h.name, "pool.supportxmr.com");
	assert_true(h.alpn);
	assert_true(h.whole);
}

static void a_hello_without_a_name_is_one(void **state)
{
	(void)state;
	make(NULL, false);
	assert_int_equal(parse(bytes), 0);
	assert_string_equal(h.name, "");
	assert_false(h.alpn);
	assert_true(h.whole);
}

static void what_is_cut_off_is_no_fault_and_said(void **state)
{
	(void)state;
	make("pool.supportxmr.com", false);
	for (size_t n = 0; n < bytes; n++) {
		const int r = parse(n);

		assert_true(n < 11 ? r == -EAGAIN : r == 0);
		if (r == 0)
			assert_true(!h.name[0] && !h.whole);
	}
}

static void names_that_are_none_are_refused(void **state)
{
	static const char *const names[] = { "", "a b.com", "a\n.com", "a\x80.com" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		make(names[i], false);
		assert_int_equal(parse(bytes), -EPROTO);
	}
}

static void other_protocols_are_no_hello(void **state)
{
	static const char *const begins[] = { "GET / HTTP/1.0\r\n",
					      "{\"id\":1000}\n",
					      "SSH-2.0-x\r\n",
					      "\x16\x02\1\0\x40\1\0\0\x3c\3\3", /* not 3.x */
					      "\x16\3\1\1\1\2\1\1\1\3\3",	/* a ServerHello */
					      "\x17\3\3\1\1\1\1\1\1\3\3" };

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		bytes = 0;
		put(begins[i], 11);
		assert_int_equal(parse(bytes), -EPROTO);
	}
}

static void lengths_that_lie_read_nothing_beyond(void **state)
{
	(void)state;
	make("pool.supportxmr.com", true);
	const size_t n = bytes;

	for (size_t at = 0; at < n; at++) {
		const uint8_t was = message[at];

		for (int v = 0; v < 256; v += 85) {
			message[at] = (uint8_t)v;
			const int r = parse(n);

			assert_true(r == 0 || r == -EPROTO || r == -EAGAIN);
			assert_true(r != 0 || strlen(h.name) <= TLS_MAX_NAME);
		}
		message[at] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_that_is_asked_for_is_read),
		cmocka_unit_test(a_hello_without_a_name_is_one),
		cmocka_unit_test(what_is_cut_off_is_no_fault_and_said),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(other_protocols_are_no_hello),
		cmocka_unit_test(lengths_that_lie_read_nothing_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
