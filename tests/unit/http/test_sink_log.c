// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/auto.h"
#include "collector/base/io.h"
#include "http/sink_cursor.h"
#include "http/sink_log.h"
#include "tests/unit/fixture.h"

#define LINE(seq, second)                                                                          \
	"{\"schema\":1,\"seq\":" #seq ",\"id\":\"ID" #seq "\",\"state\":\"new\",\"time\":"         \
	"\"2026-01-01T00:00:" #second "Z\",\"x\":0}\n"
#define SECOND(n) (1767225600000000000ULL + (n)*1000000000ULL)

static void add_file(struct sink_log *l, const struct tree *t, const char *name, uint64_t first,
		     bool current, uint64_t bytes)
{
	char path[256];

	assert_true(io_join(path, sizeof(path), t->path, name));
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	if (!bytes)
		bytes = (uint64_t)lseek(fd, 0, SEEK_END);
	assert_int_equal(sink_log_segment(l, first, bytes, current, fd), 0);
}

static uint64_t next(struct sink_log *l, struct sink_position *at)
{
	struct sink_log_head head;
	struct span line;
	struct err e = { "" };
	int r = sink_log_next(l, at, &line, &head, &e);

	assert_true(r >= 0);
	if (r == 0)
		return 0;
	assert_true(span_starts(line, "{\"schema\":1") && span_ends(line, "}"));
	assert_int_equal(head.seq, at->seq);
	return head.seq;
}

static void lines_come_in_order_from_any_place(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\n" LINE(5, 05) LINE(6, 06) "@ b\n" LINE(8, 08)
						    LINE(9, 09) "@ c\n" LINE(10, 10));
	static const uint64_t want[] = { 5, 6, 8, 9, 10 };
	AUTO(sink_log_free) struct sink_log *l = NULL;

	(void)state;
	assert_int_equal(sink_log_new(&l, NULL), 0);
	add_file(l, &t, "c", 10, true, 0);
	add_file(l, &t, "a", 5, false, 0);
	add_file(l, &t, "b", 8, false, 0);
	for (uint64_t from = 0; from <= 12; from++) {
		struct sink_position at = { .seq = from };

		for (size_t i = 0; i < 5; i++)
			if (want[i] > from)
				assert_int_equal(next(l, &at), want[i]);
		assert_int_equal(next(l, &at), 0);
		assert_int_equal(next(l, &at), 0);
	}
	assert_int_equal(sink_log_first(l), 5);
	assert_int_equal(sink_log_last(l), 10);
	assert_int_equal(sink_log_seek_time(l, SECOND(0)), 4);
	assert_int_equal(sink_log_seek_time(l, SECOND(6)), 6);
	assert_int_equal(sink_log_seek_time(l, SECOND(7)), 6);
	assert_int_equal(sink_log_seek_time(l, SECOND(8)), 8);
	assert_int_equal(sink_log_seek_time(l, SECOND(59)), 10);
}

static void only_what_is_told_is_read(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\n" LINE(1, 01) LINE(2, 02));
	AUTO(sink_log_free) struct sink_log *l = NULL;
	struct sink_position at = { .seq = 0 };
	uint64_t one = sizeof(LINE(1, 01)) - 1;

	(void)state;
	assert_int_equal(sink_log_new(&l, NULL), 0);
	add_file(l, &t, "a", 1, true, one);
	assert_int_equal(next(l, &at), 1);
	assert_int_equal(next(l, &at), 0);
	assert_int_equal(sink_log_last(l), 1);
	assert_int_equal(sink_log_segment(l, 1, one + 5, true, -1), 0); /* half a line */
	assert_int_equal(next(l, &at), 0);
	assert_int_equal(sink_log_segment(l, 1, 2 * one, true, -1), 0);
	assert_int_equal(next(l, &at), 2);
	/* a file that is shorter than told ends where it ends */
	assert_int_equal(sink_log_segment(l, 1, 99 * one, true, -1), 0);
	assert_int_equal(next(l, &at), 0);
	assert_int_equal(sink_log_segment(l, 7, 99, true, -1), -ENOENT);
}

static void a_reader_of_a_file_that_went_goes_on_behind_it(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\n" LINE(1, 01) LINE(2, 02) "@ b\n" LINE(3, 03));
	AUTO(sink_log_free) struct sink_log *l = NULL;
	struct sink_position at = { .seq = 0 };

	(void)state;
	assert_int_equal(sink_log_new(&l, NULL), 0);
	add_file(l, &t, "a", 1, false, 0);
	add_file(l, &t, "b", 3, true, 0);
	assert_int_equal(next(l, &at), 1);
	sink_log_gone(l, 1);
	sink_log_gone(l, 1);
	assert_int_equal(next(l, &at), 3);
	sink_log_gone(l, 3);
	assert_int_equal(next(l, &at), 0);
}

static void an_empty_log_knows_its_next_number(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\n");
	AUTO(sink_log_free) struct sink_log *l = NULL;

	(void)state;
	assert_int_equal(sink_log_new(&l, NULL), 0);
	assert_int_equal(sink_log_last(l), 0);
	assert_int_equal(sink_log_seek_time(l, SECOND(1)), 0);
	add_file(l, &t, "a", 78, true, 0);
	assert_int_equal(sink_log_last(l), 77);
	assert_int_equal(sink_log_first(l), 78);
	assert_int_equal(sink_log_seek_time(l, SECOND(1)), 77);
}

static struct span in_memory(const char *line)
{
	return (struct span){ line, strlen(line) - 1 };
}

static void lines_in_memory_take_their_place_and_are_bounded(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\n" LINE(1, 01) LINE(4, 04));
	AUTO(sink_log_free) struct sink_log *l = NULL;
	struct sink_position at = { .seq = 0 };

	(void)state;
	assert_int_equal(sink_log_new(&l, NULL), 0);
	add_file(l, &t, "a", 1, true, 0);
	assert_int_equal(sink_log_line(l, 2, in_memory(LINE(2, 02))), 0);
	assert_int_equal(sink_log_line(l, 3, in_memory(LINE(3, 03))), 0);
	assert_int_equal(sink_log_line(l, 5, in_memory(LINE(5, 05))), 0);
	assert_int_equal(sink_log_line(l, 6, in_memory(LINE(7, 05))), -EPROTO);
	assert_int_equal(sink_log_line(l, 6, SPAN_LIT("")), -EPROTO);
	for (uint64_t i = 1; i <= 5; i++)
		assert_int_equal(next(l, &at), i);
	assert_int_equal(next(l, &at), 0);
	assert_int_equal(sink_log_last(l), 5);
	sink_log_passed(l, 5);
	at = (struct sink_position){ .seq = 2 };
	assert_int_equal(next(l, &at), 4);
	for (int i = 0; i < SINK_LOG_MAX_LINES + 10; i++)
		sink_log_line(l, 9, in_memory(LINE(9, 09)));
	assert_int_equal(next(l, &at), 9);
	assert_int_equal(sink_log_stats(l).lines, SINK_LOG_MAX_LINES);
	assert_int_equal(sink_log_stats(l).lines_refused, 10);
}

static void too_many_files_make_room_from_the_oldest(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\n" LINE(3000, 01) "@ b\n" LINE(9, 02));
	AUTO(sink_log_free) struct sink_log *l = NULL;
	struct sink_position at = { .seq = 0 };
	char path[256];

	(void)state;
	assert_int_equal(sink_log_new(&l, NULL), 0);
	for (uint64_t i = 1; i <= SINK_LOG_MAX_SEGMENTS; i++)
		add_file(l, &t, "b", i + 10, false, 1);
	add_file(l, &t, "a", 3000, true, 0); /* a new one is read */
	assert_int_equal(next(l, &at), 3000);
	assert_true(io_join(path, sizeof(path), t.path, "b"));
	/* one that is older than all is not */
	assert_int_equal(sink_log_segment(l, 1, 1, false, open(path, O_RDONLY | O_CLOEXEC)),
			 -ENOSPC);
	assert_int_equal(sink_log_segment(l, 11, 2, false, -1), -ENOENT); /* made room */
	assert_int_equal(sink_log_segment(l, 12, 2, false, -1), 0);
	assert_int_equal(sink_log_stats(l).files, SINK_LOG_MAX_SEGMENTS);
	assert_int_equal(sink_log_stats(l).files_refused, 2);
}

static void heads_that_are_not_ours_are_refused(void **state)
{
	static const char good[] = LINE(5, 05);
	struct sink_log_head head;

	(void)state;
	assert_true(sink_log_parse_head(in_memory(good), &head));
	assert_int_equal(head.seq, 5);
	assert_string_equal(head.id, "ID5");
	assert_int_equal(head.time_ns, SECOND(5));
	for (size_t n = 0; n < 60; n++)
		assert_false(sink_log_parse_head((struct span){ good, n }, &head));
	assert_false(sink_log_parse_head(SPAN_LIT("{\"schema\":1,\"seq\":-5,\"id\":\"x\""), &head));
}

/* --- places --------------------------------------------------------------------------------- */

static int dir_of(const struct tree *t)
{
	return open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void a_place_comes_back(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x/\n");
	AUTO_FD int dir = dir_of(&t);
	const struct sink_cursor c = { 1ULL << 63, UINT64_MAX, "01ARZ3NDEKTSV4RRFFQ69G5FAV" };
	struct sink_cursor back = { .seq = 3 };

	(void)state;
	assert_int_equal(sink_cursor_read(dir, "c", &back), SINK_CURSOR_NONE);
	assert_int_equal(back.seq, 3);
	assert_int_equal(sink_cursor_write(dir, "c", &c, false, NULL), 0);
	assert_int_equal(sink_cursor_read(dir, "c", &back), SINK_CURSOR_GOOD);
	assert_int_equal(back.seq, c.seq);
	assert_int_equal(back.time_ns, c.time_ns);
	assert_string_equal(back.id, c.id);
	assert_int_equal(
		sink_cursor_write(dir, "d", &(struct sink_cursor){ .seq = 0 }, false, NULL), 0);
	assert_int_equal(sink_cursor_read(dir, "d", &back), SINK_CURSOR_GOOD);
	assert_string_equal(back.id, "");
}

static void any_damage_of_a_place_is_seen(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x/\n");
	AUTO_FD int dir = dir_of(&t);
	const struct sink_cursor c = { 12345, 67890, "01ARZ3NDEKTSV4RRFFQ69G5FAV" };
	struct sink_cursor back;
	char text[200];

	(void)state;
	assert_int_equal(sink_cursor_write(dir, "c", &c, false, NULL), 0);
	ssize_t n = io_read_at(dir, "c", text, sizeof(text));

	assert_true(n > 0);
	for (ssize_t i = 0; i < n; i++) {
		char damaged[200];

		memcpy(damaged, text, (size_t)n);
		damaged[i] ^= 0x15;
		tree_write(&t, "c", damaged, (size_t)n);
		assert_int_equal(sink_cursor_read(dir, "c", &back), SINK_CURSOR_DAMAGED);
		tree_write(&t, "c", text, (size_t)i);
		assert_int_equal(sink_cursor_read(dir, "c", &back), SINK_CURSOR_DAMAGED);
	}
	/* the synced copy stands in */
	assert_int_equal(sink_cursor_write(dir, "c", &c, true, NULL), 0);
	assert_int_equal(sink_cursor_read(dir, "c", &back), SINK_CURSOR_GOOD);
	assert_int_equal(back.seq, 12345);
	tree_write(&t, "c.kept", "", 0);
	assert_int_equal(sink_cursor_read(dir, "c", &back), SINK_CURSOR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest sink_log[] = {
		cmocka_unit_test(lines_come_in_order_from_any_place),
		cmocka_unit_test(only_what_is_told_is_read),
		cmocka_unit_test(a_reader_of_a_file_that_went_goes_on_behind_it),
		cmocka_unit_test(an_empty_log_knows_its_next_number),
		cmocka_unit_test(lines_in_memory_take_their_place_and_are_bounded),
		cmocka_unit_test(too_many_files_make_room_from_the_oldest),
		cmocka_unit_test(heads_that_are_not_ours_are_refused),
		cmocka_unit_test(a_place_comes_back),
		cmocka_unit_test(any_damage_of_a_place_is_seen),
	};

	return cmocka_run_group_tests(sink_log, NULL, NULL);
}
