// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <zlib.h>

#include "collector/base/log.h"
#include "tests/unit/http/history_fixture.h"

#define SPOOL "history/pending.bin"

static const char *const docker_start[] = { "web", "db", "queue" };

static void close_history(struct fixture *f)
{
	history_free(f->h);
	f->h = NULL;
}

static json_t *listed(struct fixture *f)
{
	struct history_query list = { .form = HISTORY_LIST };

	return ask_json(f, &list, 200);
}

static size_t read_spool(char *mem, size_t cap)
{
	FILE *file = fopen(SPOOL, "rbe");

	assert_non_null(file);
	size_t n = fread(mem, 1, cap, file);

	assert_int_equal(fclose(file), 0);
	assert_true(n > 0 && n < cap);
	return n;
}

static void write_spool(const char *mem, size_t n)
{
	FILE *file = fopen(SPOOL, "wbe");

	assert_non_null(file);
	assert_int_equal(fwrite(mem, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static void a_stop_keeps_young_containers_points_without_a_file_of_their_own(void **state)
{
	struct fixture *f = *state;

	start_container(f, 3, "web", T0);
	run_busy(f, 3, T0, T0 + 20);
	fixture_restart(f);
	assert_int_equal(count_files("history/containers/*"), 0);
	only_file(SPOOL);
	assert_value(value_at(f, "web", "memory", "average", T0 + 10, 1), 1010);
	assert_value(value_at(f, "web", "cpu", "average", T0 + 10, 1), 0.5);
	assert_unknown(value_at(f, "web", "cpu", "average", T0, 1));
	assert_true(stats(f).v[SERVE_STAT_HISTORY_PENDING] == 20);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_BYTES] == (uint64_t)size_of(SPOOL));
	start_container(f, 4, "web", T0);
	run_busy(f, 4, T0 + 22, T0 + 40);
	assert_value(value_at(f, "web", "memory", "average", T0 + 10, 1), 1010);
	assert_value(value_at(f, "web", "memory", "average", T0 + 30, 1), 1030);
}

static void a_stop_opens_no_file_of_a_container(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 119);
	const char *path = only_file("history/containers/web/run-*.rrd");

	assert_int_equal(stat(path, &before), 0);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_PENDING] > 0);
	fixture_restart(f);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	assert_value(value_at(f, "web", "memory", "average", T0 + 30, 1), 1030);
	assert_value(value_at(f, "web", "memory", "average", T0 + 118, 1), 1118);
}

static void the_spool_goes_when_all_of_it_is_in_files(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	fixture_restart(f);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0 + 101, T0 + 104);
	only_file(SPOOL);
	run_busy(f, 0, T0 + 104, T0 + 190);
	assert_int_equal(count_files("history/pending*"), 0);
	assert_value(value_at(f, "web", "memory", "average", T0 + 99, 1), 1099);
	assert_value(value_at(f, "web", "memory", "average", T0 + 150, 1), 1150);
	fixture_restart(f);
	fixture_restart(f); /* nobody came: it goes on waiting */
	assert_value(value_at(f, "web", "memory", "average", T0 + 189, 1), 1189);
}

static void a_kill_after_the_start_neither_loses_nor_doubles_what_was_spooled(void **state)
{
	struct fixture *f = *state;
	char mem[65536];

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	close_history(f);
	size_t n = read_spool(mem, sizeof(mem));

	fixture_open(f);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0 + 101, T0 + 190);
	double sum = value_at(f, "web", "memory", "average", T0 + 100, 10);

	close_history(f);
	write_spool(mem, n); /* as if it had been killed before this was removed */
	fixture_open(f);
	assert_value(value_at(f, "web", "memory", "average", T0 + 100, 10), sum);
	assert_value(value_at(f, "web", "memory", "average", T0 + 99, 1), 1099);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0 + 200, T0 + 300);
	only_file("history/containers/web/run-*.rrd");
	assert_value(value_at(f, "web", "memory", "average", T0 + 100, 10), sum);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_ERRORS] == 0);
}

static void short_lives_are_in_their_images_history_right_after_a_restart(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "job1", T0);
	run_busy(f, 0, T0, T0 + 20);
	end_container(f, 0, T0 + 20);
	start_container(f, 0, "job2", T0 + 30);
	run_busy(f, 0, T0 + 30, T0 + 40);
	end_container(f, 0, T0 + 40);
	fixture_restart(f);
	json_t *root = listed(f);

	assert_int_equal(json_array_size(root), 1);
	const json_t *image = json_array_get(root, 0);
	char key[128];

	assert_string_equal(json_string_value(json_object_get(image, "kind")), "image");
	assert_string_equal(json_string_value(json_object_get(image, "image")), "nginx:1");
	snprintf(key, sizeof(key), "%s", json_string_value(json_object_get(image, "key")));
	json_decref(root);
	assert_value(value_at(f, key, "memory", "average", T0 + 10, 1), 1010);
	assert_value(value_at(f, key, "memory", "average", T0 + 35, 1), 1035);
	assert_int_equal(count_files("history/*/*/*.rrd"), 0);
	start_container(f, 0, "job3", T0 + 45);
	run_busy(f, 0, T0 + 45, T0 + 50);
	end_container(f, 0, T0 + 50);
	start_container(f, 0, "long", T0 + 50);
	run_busy(f, 0, T0 + 50, T0 + 300);
	only_file("history/images/*/run-*.rrd");
	assert_value(value_at(f, key, "memory", "average", T0 + 10, 1), 1010);
	assert_value(value_at(f, key, "memory", "average", T0 + 48, 1), 1048);
}

static void a_young_container_that_ended_while_the_agent_was_down_joins_its_image(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "job", T0);
	run_busy(f, 0, T0, T0 + 20);
	fixture_restart(f);
	start_container(f, 1, "long", T0 + 30);
	run_busy(f, 1, T0 + 30, T0 + 230);
	assert_int_equal(count_files("history/containers/job"), 0);
	only_file("history/images/*/run-*.rrd");
	json_t *root = listed(f);

	assert_int_equal(json_array_size(root), 2);
	json_decref(root);
}

static void a_container_started_again_while_the_agent_was_down_is_two_lives(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 119);
	fixture_restart(f);
	start_container(f, 0, "web", T0 + 125);
	run_busy(f, 0, T0 + 126, T0 + 250);
	assert_int_equal(count_files("history/containers/web/run-*.rrd"), 2);
	assert_value(value_at(f, "web", "memory", "average", T0 + 118, 1), 1118);
	assert_unknown(value_at(f, "web", "memory", "average", T0 + 122, 1));
	assert_value(value_at(f, "web", "memory", "average", T0 + 130, 1), 1130);
}

static void an_end_that_comes_while_stopping_is_written_at_the_next_start(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 119);
	atomic_store(&f->h->stopping, true);
	end_container(f, 0, T0 + 119);
	close_history(f);
	assert_int_equal(size_of(only_file("history/containers/web/run-*.rrd")), 3059904);
	fixture_open(f);
	start_container(f, 1, "other", T0 + 120);
	run_busy(f, 1, T0 + 120, T0 + 160);
	assert_true(size_of(only_file("history/containers/web/run-*.rrd")) < 30000);
	assert_value(value_at(f, "web", "memory", "average", T0 + 118, 1), 1118);
}

static void a_start_told_differently_does_not_begin_a_new_run(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++)
		start_container(f, (uint32_t)i, docker_start[i], T0 + (int64_t)i);
	run_busy(f, 0, T0, T0 + 70);
	start_container(f, 0, "web", T0 - 3000); /* the same slot and key: better known now */
	run_busy(f, 0, T0 + 70, T0 + 140);
	start_container(f, 0, "web", T0 + 100);
	run_busy(f, 0, T0 + 140, T0 + 210);
	only_file("history/containers/web/run-*.rrd");
	fixture_restart(f);
	start_container(f, 0, "web", T0 + 60); /* before its newest point: no other life */
	run_busy(f, 0, T0 + 215, T0 + 300);
	only_file("history/containers/web/run-*.rrd");
	start_container(f, 7, "web", T0 + 60); /* another slot */
	run_busy(f, 7, T0 + 300, T0 + 400);
	only_file("history/containers/web/run-*.rrd");
	assert_value(value_at(f, "web", "memory", "average", T0 + 20, 1), 1020);
	assert_value(value_at(f, "web", "memory", "average", T0 + 209, 1), 1209);
	assert_value(value_at(f, "web", "memory", "average", T0 + 390, 1), 1390);
	json_t *root = listed(f);

	assert_int_equal(json_array_size(root), 1); /* the others gave no samples and ended */
	assert_int_equal(json_integer_value(json_object_get(json_array_get(root, 0), "start")),
			 T0 + 60);
	json_decref(root);
}

static void smaller_settings_after_the_restart_lose_nothing(void **state)
{
	struct fixture *f = *state;

	f->config.history_flush_s = 300;
	history_reconfigure(f->h, &f->config);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 59);
	close_history(f);
	f->config.history_flush_s = 1;
	f->config.history_min_lifetime_s = 2;
	fixture_open(f);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0 + 60, T0 + 70);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_REFUSED] == 0);
	assert_value(value_at(f, "web", "memory", "average", T0 + 2, 1), 1002);
	assert_value(value_at(f, "web", "memory", "average", T0 + 58, 1), 1058);
	assert_value(value_at(f, "web", "memory", "average", T0 + 65, 1), 1065);
}

static void host_and_disk_points_are_kept_too(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	for (int64_t t = T0; t < T0 + 30; t++) {
		struct wire_host_sample m = { .unix_ns = (uint64_t)t * NS_PER_S,
					      .memory_used = 5000 };

		m.filesystems[m.filesystems_n++] =
			(struct wire_filesystem){ .mount_point = SPAN_LIT("/data"),
						  .usage_bytes = 77 };
		history_host(f->h, &m);
	}
	struct wire_disk disk = { .slot = 0,
				  .unix_ns = (uint64_t)(T0 + 5) * NS_PER_S,
				  .layer_bytes = 4711 };

	history_disk(f->h, &disk);
	run_busy(f, 0, T0, T0 + 30);
	fixture_restart(f);
	assert_value(value_at(f, "web", "disk", "max", T0 + 60, 60), 4711);
	assert_value(value_at(f, "host", "memory", "average", T0 + 25, 1), 5000);
}

static void a_damaged_spool_is_read_up_to_the_damage(void **state)
{
	struct fixture *f = *state;
	char mem[65536], bad[65536];

	start_container(f, 0, "web", T0);
	start_container(f, 1, "db", T0);
	run_busy(f, 0, T0, T0 + 5);
	run_busy(f, 1, T0 + 5, T0 + 9);
	close_history(f);
	size_t n = read_spool(mem, sizeof(mem));

	for (size_t i = 0; i < n; i += 7) {
		memcpy(bad, mem, n);
		bad[i] ^= (char)(1 + i % 250);
		write_spool(bad, n);
		fixture_open(f);
		settle(f);
		close_history(f);
		write_spool(mem, i);
		fixture_open(f);
		settle(f);
		assert_true(stats(f).v[SERVE_STAT_HISTORY_DAMAGED] == 1);
		close_history(f);
	}
	write_spool(mem, n - 20); /* the second record is cut */
	fixture_open(f);
	json_t *root = listed(f);

	assert_int_equal(json_array_size(root), 1);
	json_decref(root);
}

/* Numbers that no writer of ours makes, under a checksum that fits. */
static void a_hostile_spool_does_no_harm(void **state)
{
	struct fixture *f = *state;
	char mem[65536];

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 5);
	close_history(f);
	size_t n = read_spool(mem, sizeof(mem));
	uint8_t record[4096];

	assert_true(n - 24 < sizeof(record));
	for (size_t i = 0; i < n - 24; i++) {
		static const uint8_t values[] = { 0, 0xff };

		for (size_t k = 0; k < sizeof(values); k++) {
			memcpy(record, mem + 16, n - 24);
			record[i] = values[k];
			uint32_t crc = (uint32_t)crc32(0, record, (uInt)(n - 24));
			char bad[65536];

			memcpy(bad, mem, n);
			memcpy(bad + 16, record, n - 24);
			for (int b = 0; b < 4; b++)
				bad[12 + b] = (char)(crc >> (8 * b));
			write_spool(bad, n);
			fixture_open(f);
			settle(f);
			close_history(f);
		}
	}
	assert_int_equal(count_files("history/damaged/*"), 0);
}

static void a_spool_that_is_no_file_is_not_followed(void **state)
{
	struct fixture *f = *state;

	close_history(f);
	tree_write(&f->tree, "secret", "precious", 8);
	assert_int_equal(symlink("../secret", SPOOL), 0);
	fixture_open(f);
	settle(f);
	assert_int_equal(size_of("secret"), 8);
	assert_int_equal(count_files(SPOOL), 0);
	close_history(f);
	assert_int_equal(mkfifo(SPOOL, 0600), 0);
	fixture_open(f);
	settle(f);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 5);
	fixture_restart(f);
	assert_value(value_at(f, "web", "memory", "average", T0 + 3, 1), 1003);
}

static void a_stop_that_cannot_write_ends_all_the_same(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 70);
	assert_int_equal(mkdir("history/pending.new", 0700), 0);
	fixture_restart(f);
	assert_value(value_at(f, "web", "memory", "average", T0 + 50, 1), 1050); /* in the file */
	assert_unknown(value_at(f, "web", "memory", "average", T0 + 69, 1));
	assert_int_equal(rmdir("history/pending.new"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest history_spool[] = {
		TEST(a_stop_keeps_young_containers_points_without_a_file_of_their_own),
		TEST(a_stop_opens_no_file_of_a_container),
		TEST(the_spool_goes_when_all_of_it_is_in_files),
		TEST(a_kill_after_the_start_neither_loses_nor_doubles_what_was_spooled),
		TEST(short_lives_are_in_their_images_history_right_after_a_restart),
		TEST(a_young_container_that_ended_while_the_agent_was_down_joins_its_image),
		TEST(a_container_started_again_while_the_agent_was_down_is_two_lives),
		TEST(an_end_that_comes_while_stopping_is_written_at_the_next_start),
		TEST(a_start_told_differently_does_not_begin_a_new_run),
		TEST(smaller_settings_after_the_restart_lose_nothing),
		TEST(host_and_disk_points_are_kept_too),
		TEST(a_damaged_spool_is_read_up_to_the_damage),
		TEST(a_hostile_spool_does_no_harm),
		TEST(a_spool_that_is_no_file_is_not_followed),
		TEST(a_stop_that_cannot_write_ends_all_the_same),
	};

	log_setup("test_history_spool", LOG_LEVEL_ERROR,
		  LOG_FORMAT_LOGFMT); /* thousands of warnings */
	return cmocka_run_group_tests(history_spool, NULL, NULL);
}
