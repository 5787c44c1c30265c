// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/base/parse.h"

static void assert_buf(struct buf *b, const char *want)
{
	assert_false(b->failed);
	assert_int_equal(b->len, strlen(want));
	assert_memory_equal(b->data, want, b->len);
	buf_clear(b);
}

static void numbers_are_written_as_short_as_they_read_back(void **state)
{
	AUTO_BUF struct buf b;

	(void)state;
	buf_init(&b, 4096);
	buf_add_u64(&b, 0);
	assert_buf(&b, "0");
	buf_add_u64(&b, UINT64_MAX);
	assert_buf(&b, "18446744073709551615");
	buf_add_i64(&b, INT64_MIN);
	assert_buf(&b, "-9223372036854775808");
	buf_add_fixed(&b, 1500000000, 9);
	assert_buf(&b, "1.5");
	buf_add_fixed(&b, 7, 9);
	assert_buf(&b, "0.000000007");
	buf_add_fixed(&b, 0, 9);
	assert_buf(&b, "0");
	buf_add_double(&b, 0.1);
	assert_buf(&b, "0.1");
	buf_add_double(&b, NAN);
	assert_buf(&b, "NaN");
	buf_add_double(&b, -2.5);
	assert_buf(&b, "-2.5");
}

static void a_full_buffer_drops_the_write_and_says_so(void **state)
{
	AUTO_BUF struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_add_str(&b, "abcd");
	assert_false(b.failed);
	buf_add_char(&b, 'e');
	assert_true(b.failed);
	assert_int_equal(b.len, 4);
}

static void hostile_bytes_are_escaped_for_each_format(void **state)
{
	AUTO_BUF struct buf b;
	struct span s = SPAN_LIT("a\"b\\c\nd\x1b[31m\xff\xc3\xa9");

	(void)state;
	buf_init(&b, 4096);
	buf_add_prom_label(&b, s);
	assert_buf(&b, "a\\\"b\\\\c\\nd\x1b[31m\xef\xbf\xbd\xc3\xa9");
	buf_add_json(&b, s);
	assert_buf(&b, "a\\\"b\\\\c\\nd\\u001b[31m\xef\xbf\xbd\xc3\xa9");
	buf_add_visible(&b, s);
	assert_buf(&b, "a\"b\\c\\x0ad\\x1b[31m\\xff\xc3\xa9");
	buf_add_visible(&b, SPAN_LIT("\xe2\x80\xae")); /* right-to-left override */
	assert_buf(&b, "\\u{202e}");
}

static void a_sealed_buffer_cannot_be_changed(void **state)
{
	AUTO_BUF struct buf b;
	struct err e = { "" };

	(void)state;
	assert_int_equal(buf_init_shared(&b, "test", 1 << 20, &e), 0);
	for (int i = 0; i < 100000; i++)
		buf_add_str(&b, "x");
	AUTO_FD int fd = buf_seal(&b, &e);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "y", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(lseek(fd, 0, SEEK_END), 100000);
}

static void numbers_with_junk_are_refused(void **state)
{
	uint64_t u = 7;
	int64_t i = 7;
	double d;

	(void)state;
	assert_false(parse_u64(SPAN_LIT(""), &u));
	assert_false(parse_u64(SPAN_LIT("1 "), &u));
	assert_false(parse_u64(SPAN_LIT("-1"), &u));
	assert_false(parse_u64(SPAN_LIT("18446744073709551616"), &u));
	assert_int_equal(u, 7);
	assert_true(parse_i64(SPAN_LIT("-12"), &i));
	assert_int_equal(i, -12);
	assert_true(parse_double(SPAN_LIT("1.5e2"), &d));
	assert_true(d == 150.0);
	assert_false(parse_double(SPAN_LIT("1.5x"), &d));
	assert_false(parse_double(SPAN_LIT("."), &d));
}

static void rfc3339_times_become_nanoseconds(void **state)
{
	uint64_t ns = 0;

	(void)state;
	assert_true(parse_rfc3339_ns(SPAN_LIT("2026-11-21T22:52:00.5Z"), &ns));
	assert_int_equal(ns, 1795301520500000000ULL);
	assert_true(parse_rfc3339_ns(SPAN_LIT("2026-11-22T00:52:00+02:00"), &ns));
	assert_int_equal(ns, 1795301520000000000ULL);
	assert_false(parse_rfc3339_ns(SPAN_LIT("0001-01-01T00:00:00Z"), &ns));
	assert_false(parse_rfc3339_ns(SPAN_LIT("2026-11-21"), &ns));
	/* what does not fit into 64 bits is refused, not wrapped */
	assert_true(parse_rfc3339_ns(SPAN_LIT("2553-12-31T23:59:59Z"), &ns));
	assert_int_equal(ns, 18429292799000000000ULL);
	assert_false(parse_rfc3339_ns(SPAN_LIT("2554-12-31T23:59:59Z"), &ns));
	assert_false(parse_rfc3339_ns(SPAN_LIT("9999-12-31T23:59:59Z"), &ns));
}

int main(void)
{
	const struct CMUnitTest base[] = {
		cmocka_unit_test(numbers_are_written_as_short_as_they_read_back),
		cmocka_unit_test(a_full_buffer_drops_the_write_and_says_so),
		cmocka_unit_test(hostile_bytes_are_escaped_for_each_format),
		cmocka_unit_test(a_sealed_buffer_cannot_be_changed),
		cmocka_unit_test(numbers_with_junk_are_refused),
		cmocka_unit_test(rfc3339_times_become_nanoseconds),
	};

	return cmocka_run_group_tests(base, NULL, NULL);
}
