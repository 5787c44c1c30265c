// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "detector/alert_log.h"
#include "tests/unit/fixture.h"

struct seen {
	unsigned opened, grew, gone, lines;
	struct alert_log_segment last;
	uint64_t last_gone, last_line;
};

static void on_opened(void *ctx, const struct alert_log_segment *s)
{
	struct seen *v = ctx;

	v->opened++;
	v->last = *s;
}

static void on_grew(void *ctx, const struct alert_log_segment *s)
{
	struct seen *v = ctx;

	v->grew++;
	v->last = *s;
}

static void on_gone(void *ctx, uint64_t first_seq)
{
	struct seen *v = ctx;

	v->gone++;
	v->last_gone = first_seq;
}

static void on_line(void *ctx, uint64_t seq, struct span line)
{
	struct seen *v = ctx;

	(void)line;
	v->lines++;
	v->last_line = seq;
}

struct box {
	struct tree t;
	int fd;
	struct seen seen;
	struct alert_log *log;
	struct worker *worker;
	uint64_t segment, max;
};

static void box_open(struct box *b)
{
	const struct alert_log_settings s = {
		.worker = b->worker,
		.state_fd = b->fd,
		.name = "alerts",
		.limits = { b->segment ? b->segment : 1u << 20, b->max ? b->max : 1u << 30,
			    24 * 3600 * NS_PER_S },
		.opened = on_opened,
		.grew = on_grew,
		.gone = on_gone,
		.line = on_line,
		.ctx = &b->seen,
	};

	assert_int_equal(alert_log_new(&b->log, &s, NULL), 0);
}

static void box_close(struct box *b)
{
	alert_log_free(b->log);
	b->log = NULL;
}

static struct box box_make(const char *literal)
{
	struct box b = { .t = tree_make(literal), .log = NULL };

	b.fd = open(b.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b.fd >= 0);
	return b;
}

static void box_remove(struct box *b)
{
	box_close(b);
	close(b->fd);
	tree_remove(&b->t);
}
#define AUTO_BOX __attribute__((cleanup(box_remove)))

static uint64_t put(struct box *b)
{
	const uint64_t seq = alert_log_next_seq(b->log);
	char line[160];
	int n = snprintf(line, sizeof(line),
			 "{\"schema\":1,\"seq\":%llu,\"id\":\"x\",\"state\":\"new\",\"time\":"
			 "\"2026-11-22T00:00:00.000000000Z\",\"title\":\"t\"}",
			 (unsigned long long)seq);

	alert_log_append(b->log, (struct span){ line, (size_t)n });
	return seq;
}

static size_t slurp(const struct box *b, const char *path, char *out, size_t cap)
{
	ssize_t n = io_read_at(b->fd, path, out, cap);

	return n < 0 ? 0 : (size_t)n;
}

static unsigned lines_in(const struct box *b, const char *path)
{
	static char text[1u << 20];
	size_t n = slurp(b, path, text, sizeof(text));
	unsigned lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

static void lines_are_appended_and_told_when_they_are_on_disk(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	assert_int_equal(put(&b), 1);
	assert_int_equal(put(&b), 2);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 2);
	assert_int_equal(b.seen.last.first_seq, 1);
	assert_true(b.seen.last.current);
	struct alert_log_stats s = alert_log_stats(b.log);

	assert_int_equal(b.seen.last.bytes, s.bytes);
	assert_int_equal(s.lines, 2);
	assert_false(s.failing);
	assert_string_equal(s.error, "");
	assert_int_equal(b.seen.lines, 0);
}

static void numbers_go_on_after_a_restart(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	for (int i = 0; i < 10; i++)
		put(&b);
	box_close(&b);
	box_open(&b);
	assert_int_equal(put(&b), 11);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 11);
}

static void numbers_go_on_when_all_files_were_removed(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	for (int i = 0; i < 10; i++)
		put(&b);
	box_close(&b);
	assert_int_equal(unlinkat(b.fd, "alerts/alerts.jsonl", 0), 0);
	box_open(&b);
	assert_int_equal(alert_log_stats(b.log).missing, 10);
	assert_int_equal(put(&b), 11);
}

static void lines_that_were_cut_off_while_nobody_looked_are_counted(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	char current[160];

	(void)state;
	box_open(&b);
	put(&b);
	put(&b);
	put(&b);
	box_close(&b);
	snprintf(current, sizeof(current), "%s/alerts/alerts.jsonl", b.t.path);
	assert_int_equal(truncate(current, 120), 0); /* in the middle of the second */
	box_open(&b);
	assert_int_equal(alert_log_stats(b.log).missing, 2);
	assert_int_equal(put(&b), 4);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 2);
	/* the directory too */
	box_close(&b);
	unlinkat(b.fd, "alerts/alerts.jsonl", 0);
	assert_int_equal(unlinkat(b.fd, "alerts", AT_REMOVEDIR), 0);
	box_open(&b);
	assert_int_equal(alert_log_stats(b.log).missing, 4);
	assert_int_equal(put(&b), 5);
	/* the same end twice is told once */
	box_close(&b);
	box_open(&b);
	assert_int_equal(alert_log_stats(b.log).missing, 0);
}

static void a_torn_last_line_is_taken_off_at_start(void **state)
{
	static const char *const torn[] = { "{\"schema\":1,\"seq\":3,\"id", "\0\0\0\0\0\0",
					    "{\"schema\":1,\"seq\":3}" /* no newline */ };

	(void)state;
	for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
		AUTO_BOX struct box b = box_make("@ x/\n");

		box_open(&b);
		put(&b);
		put(&b);
		box_close(&b);
		int fd = openat(b.fd, "alerts/alerts.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC);
		const size_t n = i == 1 ? 6 : strlen(torn[i]);

		assert_int_equal(write(fd, torn[i], n), (ssize_t)n);
		close(fd);
		box_open(&b);
		assert_int_equal(alert_log_stats(b.log).repaired_bytes, n);
		assert_int_equal(put(&b), 3);
		assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 3);
	}
}

static void a_file_that_is_no_log_is_set_aside(void **state)
{
	AUTO_BOX struct box b = box_make("@ alerts/alerts.jsonl\nnonsense\nand more\n");

	(void)state;
	box_open(&b);
	assert_int_equal(put(&b), 1);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 1);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl.damaged"), 2);
}

static void hostile_numbers_are_not_believed(void **state)
{
	AUTO_BOX struct box b = box_make("@ alerts/alerts.jsonl\n"
					 "{\"schema\":1,\"seq\":18446744073709551615}\n"
					 "@ alerts.seq\n99999999999999999999\n"
					 "@ alerts/alerts-99999999999999999999.jsonl\nx\n"
					 "@ alerts/alerts-1.jsonl\nx\n"
					 "@ alerts/alerts-0000000000000000000a.jsonl\nx\n");

	(void)state;
	box_open(&b);
	assert_int_equal(alert_log_next_seq(b.log), 1);
}

static void big_files_become_old_ones_named_by_their_first_line(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	char name[64], path[96];

	(void)state;
	b.segment = 400;
	box_open(&b);
	for (int i = 0; i < 40; i++)
		put(&b);
	assert_string_equal(alert_log_file_name("alerts", 1, name),
			    "alerts-00000000000000000001.jsonl");
	snprintf(path, sizeof(path), "alerts/%s", name);
	const unsigned each = lines_in(&b, path);

	assert_in_range(each, 2, 6);
	snprintf(path, sizeof(path), "alerts/%s", alert_log_file_name("alerts", each + 1, name));
	assert_int_equal(lines_in(&b, path), each);
	assert_int_equal(b.seen.opened, 40 / each + (40 % each != 0));
	box_close(&b);
	box_open(&b); /* all are found again */
	assert_int_equal(alert_log_next_seq(b.log), 41);
	assert_int_equal(alert_log_stats(b.log).segments, 40 / each + 1);
}

static void the_oldest_files_go_at_the_cap(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	b.segment = 400;
	b.max = 2000;
	box_open(&b);
	for (int i = 0; i < 200; i++) {
		put(&b);
		assert_in_range(alert_log_stats(b.log).bytes, 1, 2000);
	}
	assert_true(b.seen.gone > 10);
	assert_int_equal(alert_log_stats(b.log).removed, b.seen.gone);
	assert_int_equal(alert_log_open(b.log, 1), -ENOENT);
	assert_int_equal(put(&b), 201);
}

static void old_files_with_content_are_closed_by_age(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	char name[64], path[96];

	(void)state;
	box_open(&b);
	put(&b); /* its time lies some time back */
	box_close(&b);
	box_open(&b);
	const struct alert_log_limits limits = { 1u << 20, 1u << 30, 1 };

	alert_log_set_limits(b.log, &limits);
	alert_log_tick(b.log);
	snprintf(path, sizeof(path), "alerts/%s", alert_log_file_name("alerts", 1, name));
	assert_int_equal(lines_in(&b, path), 1);
	alert_log_tick(b.log); /* an empty one is not closed again and again */
	put(&b);
	assert_int_equal(alert_log_stats(b.log).segments, 2);
}

static void a_removed_file_is_noticed_and_begun_anew(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	char text[512];

	(void)state;
	box_open(&b);
	put(&b);
	assert_int_equal(unlinkat(b.fd, "alerts/alerts.jsonl", 0), 0);
	put(&b);
	assert_int_equal(alert_log_stats(b.log).tampered, 1);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 1);
	assert_int_equal(b.seen.last.first_seq, 2);
	/* who reads the removed one still can */
	AUTO_FD int fd = alert_log_open(b.log, 1);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text)) > 0);
	assert_int_equal(write(fd, "x", 1), -1); /* read-only */
}

static void a_cut_file_is_noticed_and_begun_anew(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	char name[64], path[96], current[160];

	(void)state;
	box_open(&b);
	put(&b);
	put(&b);
	snprintf(current, sizeof(current), "%s/alerts/alerts.jsonl", b.t.path);
	assert_int_equal(truncate(current, 120), 0); /* in the middle of the second */
	alert_log_tick(b.log);
	assert_int_equal(alert_log_stats(b.log).tampered, 1);
	assert_int_equal(put(&b), 3);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 1);
	snprintf(path, sizeof(path), "alerts/%s", alert_log_file_name("alerts", 1, name));
	assert_int_equal(lines_in(&b, path), 1);
	/* to nothing at all: no file stays behind */
	assert_int_equal(truncate(current, 0), 0);
	assert_int_equal(put(&b), 4);
	assert_int_equal(alert_log_stats(b.log).segments, 2);
	assert_int_equal(alert_log_stats(b.log).tampered, 2);
}

static void what_others_write_is_not_believed(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	put(&b);
	const uint64_t bytes = b.seen.last.bytes;
	AUTO_FD int fd = openat(b.fd, "alerts/alerts.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, "forged\n", 7), 7);
	alert_log_tick(b.log);
	assert_int_equal(b.seen.last.bytes, bytes); /* readers do not get it */
	assert_false(b.seen.last.current);
	put(&b);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 1);
}

static void a_file_in_place_of_ours_is_set_aside(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	put(&b);
	assert_int_equal(renameat(b.fd, "alerts/alerts.jsonl", b.fd, "x/away"), 0);
	AUTO_FD int fd = openat(b.fd, "alerts/alerts.jsonl", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "other\n", 6), 6);
	put(&b);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 1);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl.damaged"), 1);
}

static void a_removed_directory_is_made_again(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	put(&b);
	unlinkat(b.fd, "alerts/alerts.jsonl", 0);
	assert_int_equal(unlinkat(b.fd, "alerts", AT_REMOVEDIR), 0);
	put(&b); /* notices; the line waits in memory */
	alert_log_tick(b.log);
	alert_log_tick(b.log);
	assert_false(alert_log_stats(b.log).failing);
	assert_int_equal(alert_log_stats(b.log).pending, 0);
	assert_int_equal(put(&b), 3);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 2);
	assert_int_equal(alert_log_stats(b.log).missing, 0); /* only a start tells them */
	/* what was in it can still be read */
	AUTO_FD int fd = alert_log_open(b.log, 1);

	assert_true(fd >= 0);
	assert_int_equal(b.seen.gone, 0);
}

/* A limit of the file's size stands for a full disk: writes come back short, then fail. */
static void set_file_limit(rlim_t bytes)
{
	struct rlimit l;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void what_the_disk_refuses_is_told_and_written_later_in_order(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	static char text[65536];

	(void)state;
	box_open(&b);
	put(&b);
	const size_t whole = alert_log_stats(b.log).bytes;

	set_file_limit(whole + whole / 2); /* half a line more fits */
	put(&b);
	put(&b);
	set_file_limit(RLIM_INFINITY);
	struct alert_log_stats s = alert_log_stats(b.log);

	assert_true(s.failing);
	assert_string_not_equal(s.error, "");
	assert_int_equal(s.pending, 2);
	assert_int_equal(b.seen.lines, 2);
	assert_int_equal(b.seen.last_line, 3);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 1); /* no half one */
	assert_int_equal(slurp(&b, "alerts/alerts.jsonl", text, sizeof(text)), whole);
	alert_log_tick(b.log);
	s = alert_log_stats(b.log);
	assert_false(s.failing);
	assert_int_equal(s.pending, 0);
	assert_int_equal(put(&b), 4);
	slurp(&b, "alerts/alerts.jsonl", text, sizeof(text));
	const char *two = strstr(text, "\"seq\":2,"), *three = strstr(text, "\"seq\":3,");
	const char *four = strstr(text, "\"seq\":4,");

	assert_true(two && three && four && two < three && three < four);
}

/* A reader that got line 2 passes over 1, which is in the file but not told of yet. */
static void a_line_that_is_sent_comes_behind_those_in_the_file(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(loop_free) struct loop *loop = NULL;

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b.worker, loop, "test", NULL), 0);
	box_open(&b);
	put(&b); /* its sync ends when the loop runs, which it does not */
	const size_t whole = alert_log_stats(b.log).bytes;

	assert_int_equal(b.seen.grew, 0);
	set_file_limit(whole);
	put(&b);
	set_file_limit(RLIM_INFINITY);
	assert_int_equal(b.seen.lines, 1);
	assert_int_equal(b.seen.last_line, 2);
	assert_int_equal(b.seen.grew, 1);
	assert_int_equal(b.seen.last.bytes, whole);
	worker_free(b.worker);
}

/* Who went on to the next file would never come back for the rest of this one. */
static void a_file_is_left_for_the_next_only_when_all_of_it_is_told(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(loop_free) struct loop *loop = NULL;

	(void)state;
	b.segment = 300;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b.worker, loop, "test", NULL), 0);
	box_open(&b);
	while (b.seen.grew == 0) /* no sync ends: the loop does not run */
		put(&b);
	assert_int_equal(b.seen.last.first_seq, 1);
	assert_int_equal(b.seen.last.bytes, 0);
	assert_true(b.seen.last.current);
	worker_free(b.worker);
	b.worker = NULL;
	box_close(&b);
	box_open(&b); /* another run: all that is there may be read */
	put(&b);
	assert_true(b.seen.last.first_seq > 1);
	AUTO_FD int fd = alert_log_open(b.log, 1);

	assert_true(fd >= 0);
}

/* What ends when the program does is told behind the end of the worker. */
static void lines_behind_the_end_of_the_worker_are_kept_and_none_is_given_to_it(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(loop_free) struct loop *loop = NULL;

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b.worker, loop, "test", NULL), 0);
	box_open(&b);
	worker_free(b.worker);
	b.worker = NULL;
	alert_log_worker_ended(b.log);
	put(&b);
	put(&b);
	const uint64_t bytes = alert_log_stats(b.log).bytes;

	assert_true(bytes > 0);
	box_close(&b);
	box_open(&b);
	assert_int_equal(alert_log_stats(b.log).bytes, bytes);
}

static void what_was_there_at_start_may_be_read_at_once(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(loop_free) struct loop *loop = NULL;

	(void)state;
	box_open(&b);
	put(&b);
	const uint64_t bytes = alert_log_stats(b.log).bytes;

	box_close(&b);
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b.worker, loop, "test", NULL), 0);
	box_open(&b);
	alert_log_each(b.log, on_opened, &b.seen);
	assert_int_equal(b.seen.last.bytes, bytes);
	worker_free(b.worker);
}

static void memory_for_what_the_disk_refuses_is_bounded(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	set_file_limit(0);
	for (unsigned i = 0; i < ALERT_LOG_MAX_PENDING + 100; i++)
		put(&b);
	set_file_limit(RLIM_INFINITY);
	struct alert_log_stats s = alert_log_stats(b.log);

	assert_int_equal(s.pending, ALERT_LOG_MAX_PENDING);
	assert_int_equal(s.lost, 100);
	assert_int_equal(b.seen.lines, ALERT_LOG_MAX_PENDING + 100);
	alert_log_tick(b.log);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), ALERT_LOG_MAX_PENDING);
	assert_int_equal(put(&b), ALERT_LOG_MAX_PENDING + 101);
}

static void numbers_are_not_given_twice_after_a_full_disk(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	put(&b);
	alert_log_tick(b.log);
	set_file_limit(40); /* the number's own file is short: it is written in place */
	put(&b);
	put(&b);
	assert_int_equal(b.seen.last_line, 3);
	/* as if it was killed: what waits in memory is gone */
	struct alert_log *dead = b.log;

	b.log = NULL;
	box_open(&b);
	set_file_limit(RLIM_INFINITY);
	assert_int_equal(alert_log_next_seq(b.log), 4);
	set_file_limit(0);
	alert_log_free(dead);
	set_file_limit(RLIM_INFINITY);
}

static void a_state_directory_that_cannot_be_used_is_tried_again(void **state)
{
	AUTO_BOX struct box b = box_make("@ alerts\nin the way\n");

	(void)state;
	box_open(&b);
	assert_true(alert_log_stats(b.log).failing);
	put(&b);
	assert_int_equal(b.seen.lines, 1);
	alert_log_tick(b.log);
	assert_true(alert_log_stats(b.log).failing);
	assert_int_equal(unlinkat(b.fd, "alerts", 0), 0);
	alert_log_tick(b.log);
	assert_false(alert_log_stats(b.log).failing);
	assert_int_equal(lines_in(&b, "alerts/alerts.jsonl"), 1);
}

static void links_are_not_followed(void **state)
{
	AUTO_BOX struct box b =
		box_make("@ x/victim\nsafe\n@ alerts/alerts.jsonl -> ../x/victim\n");

	(void)state;
	box_open(&b);
	put(&b);
	assert_int_equal(lines_in(&b, "x/victim"), 1);
}

static void count(void *ctx, const struct alert_log_segment *s)
{
	unsigned *n = ctx;

	(void)s;
	++*n;
}

static void too_many_files_are_thinned_out_at_start(void **state)
{
	AUTO_BOX struct box b = box_make("@ alerts/\n");
	char name[64], path[96];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 1; i <= ALERT_LOG_MAX_SEGMENTS + 5; i++) {
		snprintf(path, sizeof(path), "alerts/%s", alert_log_file_name("alerts", i, name));
		tree_write(&b.t, path, "x\n", 2);
	}
	box_open(&b);
	alert_log_each(b.log, count, &n);
	assert_int_equal(n, ALERT_LOG_MAX_SEGMENTS);
	assert_int_equal(alert_log_next_seq(b.log), ALERT_LOG_MAX_SEGMENTS + 6);
	assert_int_equal(alert_log_open(b.log, 1), -ENOENT);
	put(&b);
}

int main(void)
{
	const struct CMUnitTest log[] = {
		cmocka_unit_test(lines_are_appended_and_told_when_they_are_on_disk),
		cmocka_unit_test(numbers_go_on_after_a_restart),
		cmocka_unit_test(numbers_go_on_when_all_files_were_removed),
		cmocka_unit_test(lines_that_were_cut_off_while_nobody_looked_are_counted),
		cmocka_unit_test(a_torn_last_line_is_taken_off_at_start),
		cmocka_unit_test(a_file_that_is_no_log_is_set_aside),
		cmocka_unit_test(hostile_numbers_are_not_believed),
		cmocka_unit_test(big_files_become_old_ones_named_by_their_first_line),
		cmocka_unit_test(the_oldest_files_go_at_the_cap),
		cmocka_unit_test(old_files_with_content_are_closed_by_age),
		cmocka_unit_test(a_removed_file_is_noticed_and_begun_anew),
		cmocka_unit_test(a_cut_file_is_noticed_and_begun_anew),
		cmocka_unit_test(what_others_write_is_not_believed),
		cmocka_unit_test(a_file_in_place_of_ours_is_set_aside),
		cmocka_unit_test(a_removed_directory_is_made_again),
		cmocka_unit_test(what_the_disk_refuses_is_told_and_written_later_in_order),
		cmocka_unit_test(a_line_that_is_sent_comes_behind_those_in_the_file),
		cmocka_unit_test(a_file_is_left_for_the_next_only_when_all_of_it_is_told),
		cmocka_unit_test(
			lines_behind_the_end_of_the_worker_are_kept_and_none_is_given_to_it),
		cmocka_unit_test(what_was_there_at_start_may_be_read_at_once),
		cmocka_unit_test(memory_for_what_the_disk_refuses_is_bounded),
		cmocka_unit_test(numbers_are_not_given_twice_after_a_full_disk),
		cmocka_unit_test(a_state_directory_that_cannot_be_used_is_tried_again),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(too_many_files_are_thinned_out_at_start),
	};

	return cmocka_run_group_tests(log, NULL, NULL);
}
