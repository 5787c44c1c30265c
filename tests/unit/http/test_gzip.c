// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "http/gzip.h"

#define MANY 300000

/* Inflates a whole gzip stream into out; the length, or -1 when it is not one exact stream. */
static long unzip(char *in, size_t n, char *out, size_t cap)
{
	z_stream z = { .next_in = (Bytef *)in,
		       .avail_in = (uInt)n,
		       .next_out = (Bytef *)out,
		       .avail_out = (uInt)cap };

	assert_int_equal(inflateInit2(&z, 31), Z_OK);
	int r = inflate(&z, Z_FINISH);
	long length = r == Z_STREAM_END && z.avail_in == 0 ? (long)z.total_out : -1;

	inflateEnd(&z);
	return length;
}

/* Text as /metrics has it, with a part that does not compress. */
static char *sample_text(size_t n)
{
	char *text = malloc(n);
	uint32_t state = 1;

	assert_non_null(text);
	for (size_t i = 0; i < n; i++) {
		state = state * 1664525 + 1013904223;
		text[i] = i % 2000 < 1000 ? "container_cpu "[i % 14] : (char)(state >> 24);
	}
	return text;
}

static void pieces_of_any_size_make_one_stream(void **state)
{
	static const size_t sizes[] = { 1, 7, 1000, 32768, MANY * 2 };
	AUTO_FREE char *text = sample_text(MANY), *zipped = malloc(MANY * 2), *back = malloc(MANY);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		AUTO(gzip_free) struct gzip *g = NULL;
		size_t n = 0;
		ssize_t r;

		assert_int_equal(gzip_new(&g, (struct span){ text, MANY }, NULL), 0);
		while ((r = gzip_read(g, zipped + n, sizes[i])) > 0) {
			n += (size_t)r;
			assert_in_range(n, 1, MANY * 2 - 1);
			if (n + sizes[i] > MANY * 2)
				break;
		}
		assert_int_equal(gzip_read(g, zipped + n, 1), 0);
		assert_int_equal(unzip(zipped, n, back, MANY), MANY);
		assert_memory_equal(text, back, MANY);
	}
}

static void a_piece_is_short_only_at_the_end(void **state)
{
	AUTO_FREE char *text = sample_text(MANY), *zipped = malloc(MANY * 2);
	AUTO(gzip_free) struct gzip *g = NULL;
	bool ended = false;
	ssize_t r;

	(void)state;
	assert_int_equal(gzip_new(&g, (struct span){ text, MANY }, NULL), 0);
	while ((r = gzip_read(g, zipped, 4096)) > 0) {
		assert_false(ended);
		ended = r < 4096;
	}
	assert_int_equal(r, 0);
}

static void a_whole_body_is_compressed_at_once(void **state)
{
	static char back[8192];
	const char text[] = "name=web name=web name=web name=web name=web name=web name=web";
	AUTO_FREE char *zipped = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(gzip_whole(SPAN_LIT(text), &zipped, &n, NULL), 0);
	assert_int_equal(unzip(zipped, n, back, sizeof(back)), sizeof(text) - 1);
	assert_memory_equal(back, text, sizeof(text) - 1);
	assert_in_range(n, 1, sizeof(text));
}

static void an_empty_body_is_an_empty_stream(void **state)
{
	AUTO_FREE char *zipped = NULL;
	size_t n = 0;
	char back[1];

	(void)state;
	assert_int_equal(gzip_whole((struct span){ "", 0 }, &zipped, &n, NULL), 0);
	assert_in_range(n, 1, 64);
	assert_int_equal(unzip(zipped, n, back, sizeof(back)), 0);
}

int main(void)
{
	const struct CMUnitTest gzip[] = {
		cmocka_unit_test(pieces_of_any_size_make_one_stream),
		cmocka_unit_test(a_piece_is_short_only_at_the_end),
		cmocka_unit_test(a_whole_body_is_compressed_at_once),
		cmocka_unit_test(an_empty_body_is_an_empty_stream),
	};

	return cmocka_run_group_tests(gzip, NULL, NULL);
}
