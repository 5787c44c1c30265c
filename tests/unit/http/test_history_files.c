// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>

#include "tests/unit/http/history_fixture.h"

#define METRICS 10
#define STRIDE	(METRICS + 1)

struct rows {
	int64_t t[4000];
	double v[4000];
	uint32_t n;
};

static void keep_row(void *ctx, int64_t t0, int64_t t1, const double *values)
{
	struct rows *r = ctx;

	(void)t0;
	assert_true(r->n < 4000);
	r->t[r->n] = t1;
	r->v[r->n++] = values[3];
}

static void write_points(const char *path, int64_t from, int64_t to)
{
	struct buf scratch;
	double *points = calloc((size_t)(to - from) * STRIDE, sizeof(double)), *p = points;
	struct err e = { "" };

	buf_init(&scratch, 1 << 20);
	for (int64_t t = from; t < to; t++, p += STRIDE) {
		p[0] = (double)t;
		for (int k = 1; k <= METRICS; k++)
			p[k] = t % 17 == 0 ? (double)NAN : (double)(t % 101) * 1.37 + k;
	}
	if (history_rrd_update(path, &history_schema_container, points, (uint32_t)(to - from),
			       &scratch, &e) != 0)
		fail_msg("%s", e.text);
	buf_release(&scratch);
	free(points);
}

static struct rows *read_all(const char *path, uint32_t archive, struct history_file *file)
{
	struct rows *r = calloc(1, sizeof(*r));
	struct err e = { "" };

	if (history_rrd_check(path, &history_schema_container, file, &e) != 0 ||
	    history_rrd_fetch(path, &history_schema_container, file, &file->archives[archive], T0,
			      INT64_MAX / 2, keep_row, r, &e) != 0)
		fail_msg("%s", e.text);
	return r;
}

static void make(const char *path)
{
	struct err e = { "" };

	if (history_rrd_create(path, &history_schema_container, false, T0, &e) != 0)
		fail_msg("%s", e.text);
}

static void the_size_of_a_file_is_known_beforehand(void **state)
{
	const struct history_schema *const all[] = { &history_schema_container,
						     &history_schema_disk, &history_schema_host,
						     &history_schema_fs };
	struct history_file file;
	struct stat st;

	(void)state;
	for (int i = 0; i < 8; i++) {
		char path[32];
		bool reduced = i % 2;

		snprintf(path, sizeof(path), "s%d.rrd", i);
		assert_int_equal(history_rrd_create(path, all[i / 2], reduced, T0, NULL), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600); /* not everybody's to read */
		assert_int_equal(size_of(path), history_rrd_bytes(all[i / 2], reduced));
		assert_int_equal(history_rrd_check(path, all[i / 2], &file, NULL), 0);
		assert_int_equal(file.reduced, reduced);
		assert_int_equal(file.last, T0);
	}
	assert_int_equal(history_rrd_create("s0.rrd", all[0], false, T0, NULL), -EEXIST);
	assert_int_equal(count_files("*.new"), 0);
}

static void a_cut_keeps_the_bits_of_every_row(void **state)
{
	struct history_file file;
	struct rows *before[5], *after;
	uint64_t bytes;
	(void)state;

	make("a.rrd");
	write_points("a.rrd", T0 + 1, T0 + 5000); /* more than the fine tier holds */
	for (uint32_t i = 0; i < 5; i++)
		before[i] = read_all("a.rrd", i, &file);
	assert_int_equal(before[0]->n, 3600);
	assert_int_equal(
		history_rrd_cut("a.rrd", &history_schema_container, T0 + 1, false, &bytes, NULL),
		0);
	assert_int_equal(size_of("a.rrd"), bytes);
	for (uint32_t i = 0; i < 5; i++) {
		after = read_all("a.rrd", i, &file);
		assert_int_equal(after->n, before[i]->n);
		assert_memory_equal(after->t, before[i]->t, sizeof(after->t));
		assert_memory_equal(after->v, before[i]->v, sizeof(after->v));
		assert_int_equal(file.archives[i].rows, after->n);
		free(after);
		free(before[i]);
	}
}

static void a_reduced_file_keeps_its_coarse_rows_and_goes_on(void **state)
{
	struct history_file file;
	struct rows *before, *after;
	uint64_t bytes;
	(void)state;

	make("whole.rrd");
	make("cut.rrd");
	write_points("whole.rrd", T0 + 1, T0 + 1000);
	write_points("cut.rrd", T0 + 1, T0 + 1000);
	assert_int_equal(
		history_rrd_cut("cut.rrd", &history_schema_container, 0, true, &bytes, NULL), 0);
	assert_int_equal(bytes, history_rrd_bytes(&history_schema_container, true));
	write_points("whole.rrd", T0 + 1000, T0 + 2000);
	write_points("cut.rrd", T0 + 1000, T0 + 2000); /* the row that was begun is kept too */
	for (uint32_t i = 0; i < 2; i++) {
		before = read_all("whole.rrd", 3 + i, &file);
		after = read_all("cut.rrd", i, &file);
		assert_true(file.reduced);
		assert_int_equal(after->n, before->n);
		assert_memory_equal(after->v, before->v, sizeof(after->v));
		free(before);
		free(after);
	}
}

static void a_changed_header_is_refused_or_harmless(void **state)
{
	struct history_file file;
	unsigned char header[2000], byte;
	uint64_t bytes;
	unsigned refused = 0;
	(void)state;

	make("a.rrd");
	write_points("a.rrd", T0 + 1, T0 + 50);
	assert_int_equal(
		history_rrd_cut("a.rrd", &history_schema_container, T0 + 1, false, &bytes, NULL),
		0);
	int fd = open("a.rrd", O_RDWR | O_CLOEXEC);

	assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
	for (off_t i = 0; i < (off_t)sizeof(header); i++) {
		static const unsigned char masks[] = { 0xff, 0x01, 0x80 };

		for (int k = 0; k < 3; k++) {
			struct rows *r = calloc(1, sizeof(*r));

			byte = header[i] ^ masks[k];
			assert_int_equal(pwrite(fd, &byte, 1, i), 1);
			if (history_rrd_check("a.rrd", &history_schema_container, &file, NULL) == 0)
				history_rrd_fetch("a.rrd", &history_schema_container, &file,
						  &file.archives[0], T0, T0 + 100, keep_row, r,
						  NULL);
			else
				refused++;
			free(r);
		}
		assert_int_equal(pwrite(fd, &header[i], 1, i), 1);
	}
	close(fd);
	assert_true(refused > 300);
}

static void every_truncation_is_damage(void **state)
{
	struct history_file file;
	uint64_t bytes;
	(void)state;

	make("a.rrd");
	write_points("a.rrd", T0 + 1, T0 + 50);
	assert_int_equal(
		history_rrd_cut("a.rrd", &history_schema_container, T0 + 1, false, &bytes, NULL),
		0);
	for (off_t n = (off_t)bytes - 1; n >= 0; n -= 97) {
		assert_int_equal(truncate("a.rrd", n), 0);
		assert_int_equal(history_rrd_check("a.rrd", &history_schema_container, &file, NULL),
				 -EBADMSG);
	}
	assert_int_equal(history_rrd_check("none", &history_schema_container, &file, NULL),
			 -ENOENT);
	assert_int_equal(history_rrd_check(".", &history_schema_container, &file, NULL), -EBADMSG);
	make("b.rrd");
	assert_int_equal(history_rrd_check("b.rrd", &history_schema_host, &file, NULL), -EBADMSG);
	assert_int_equal(symlink("b.rrd", "link"), 0);
	assert_int_equal(history_rrd_check("link", &history_schema_container, &file, NULL),
			 -EBADMSG);
}

static void names_become_file_names_that_differ(void **state)
{
	char a[HISTORY_SAFE_BYTES], b[HISTORY_SAFE_BYTES], long_name[600];
	(void)state;

	history_safe_name(SPAN_LIT("../../etc/passwd:1"), a);
	history_safe_name(SPAN_LIT(".././etc/passwd:1"), b);
	assert_null(strchr(a, '/'));
	assert_true(a[0] != '.');
	assert_string_not_equal(a, b);
	assert_true(history_key_ok(span_str(a)));
	memset(long_name, 'x', sizeof(long_name));
	history_safe_name((struct span){ long_name, 600 }, a);
	history_safe_name((struct span){ long_name, 599 }, b);
	assert_string_not_equal(a, b);
	assert_true(history_key_ok(span_str(a)));
	history_safe_name(SPAN_LIT(""), a);
	assert_true(history_key_ok(span_str(a)));
}

static void rates_are_unknown_where_they_cannot_be_told(void **state)
{
	struct history_snapshot a = { .unix_ns = NS_PER_S, .have = HAVE_ALL, .v = { 100 } };
	struct history_snapshot b = { .unix_ns = 3 * NS_PER_S, .have = HAVE_ALL };
	double v[HISTORY_MAX_METRICS];
	(void)state;

	b.v[0] = 100 + 4 * NS_PER_S;
	b.v[7] = 9000000; /* more than all of the time is jitter */
	history_values(&history_schema_container, &a, &b, v);
	assert_value(v[0], 2);
	assert_value(v[7], 1);
	b.unix_ns = a.unix_ns; /* no time passed */
	history_values(&history_schema_container, &a, &b, v);
	assert_unknown(v[0]);
	assert_value(v[1], 0);
	b.unix_ns = 1; /* backwards */
	history_values(&history_schema_container, &a, &b, v);
	assert_unknown(v[0]);
	a.have = 0;
	b.unix_ns = 5 * NS_PER_S;
	history_values(&history_schema_container, &a, &b, v);
	assert_unknown(v[0]);
	b.have = 0;
	history_values(&history_schema_container, &a, &b, v);
	assert_unknown(v[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest history_files[] = {
		TEST(the_size_of_a_file_is_known_beforehand),
		TEST(a_cut_keeps_the_bits_of_every_row),
		TEST(a_reduced_file_keeps_its_coarse_rows_and_goes_on),
		TEST(a_changed_header_is_refused_or_harmless),
		TEST(every_truncation_is_damage),
		TEST(names_become_file_names_that_differ),
		TEST(rates_are_unknown_where_they_cannot_be_told),
	};

	return cmocka_run_group_tests(history_files, NULL, NULL);
}
