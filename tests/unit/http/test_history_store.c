// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/http/history_fixture.h"

#define FULL_BYTES    3059904
#define REDUCED_BYTES 1387000

static void an_ended_container_is_cut_and_answers_the_same(void **state)
{
	struct fixture *f = *state;
	double before[3][120], after;
	static const uint32_t steps[] = { 1, 10, 300 };

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 1000);
	for (int k = 0; k < 3; k++)
		for (int i = 1; i <= 3; i++)
			before[k][i] = value_at(f, "web", "memory", "max", T0 + i * 300, steps[k]);
	end_container(f, 0, T0 + 1000);
	settle(f);
	assert_true(size_of(only_file("history/containers/web/run-*.rrd")) < 110000);
	for (int k = 0; k < 3; k++) {
		for (int i = 1; i <= 3; i++) {
			after = value_at(f, "web", "memory", "max", T0 + i * 300, steps[k]);
			assert_value(after, before[k][i]);
		}
	}
	assert_value(value_at(f, "web", "memory", "average", T0 + 999, 1), 1999);
	struct history_query q = query("web", "memory", T0 + 900, T0 + 999, 300);
	json_t *root = ask_json(f, &q, 200); /* the row that never became complete */

	assert_value(value_in(root, "memory", "max", T0 + 1200), 1999);
	json_decref(root);
}

static void a_restart_of_the_agent_goes_on_in_the_same_file(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	fixture_restart(f);
	start_container(f, 5, "web", T0 + 1); /* start times are not quite stable */
	run_busy(f, 5, T0 + 105, T0 + 200);
	only_file("history/containers/web/run-*.rrd");
	assert_value(value_at(f, "web", "memory", "average", T0 + 99, 1), 1099);
	assert_value(value_at(f, "web", "memory", "average", T0 + 105, 1), 1105);
	assert_unknown(value_at(f, "web", "cpu", "average", T0 + 105, 1));
	assert_value(value_at(f, "web", "cpu", "average", T0 + 106, 1), 0.5);
}

static void a_container_that_ended_while_the_agent_was_down_is_ended_after_a_grace(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	start_container(f, 1, "other", T0);
	run_busy(f, 0, T0, T0 + 100);
	fixture_restart(f);
	start_container(f, 1, "other", T0);
	run_busy(f, 1, T0 + 200, T0 + 210);
	assert_int_equal(size_of(only_file("history/containers/web/run-*.rrd")), FULL_BYTES);
	run_busy(f, 1, T0 + 210, T0 + 240);
	assert_true(size_of(only_file("history/containers/web/run-*.rrd")) < 20000);
	struct history_query list = { .form = HISTORY_LIST };
	json_t *root = ask_json(f, &list, 200), *entry;
	size_t i;

	json_array_foreach(root, i, entry)
	{
		const char *key = json_string_value(json_object_get(entry, "key"));
		const json_t *end = json_object_get(entry, "end");

		if (strcmp(key, "web") == 0)
			assert_int_equal(json_integer_value(end), T0 + 99);
		else
			assert_true(json_is_null(end));
	}
	assert_int_equal(i, 2);
	json_decref(root);
	fixture_restart(f); /* ends are remembered */
	root = ask_json(f, &list, 200);
	assert_int_equal(json_array_size(root), 2);
	json_decref(root);
	assert_value(value_at(f, "web", "memory", "average", T0 + 50, 1), 1050);
}

static void a_container_started_again_gets_a_new_run_and_answers_join_them(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	end_container(f, 0, T0 + 100);
	start_container(f, 0, "web", T0 + 130);
	run_busy(f, 0, T0 + 130, T0 + 230);
	assert_int_equal(count_files("history/containers/web/run-*.rrd"), 2);
	struct history_query q = query("web", "memory", T0, T0 + 229, 1);
	json_t *root = ask_json(f, &q, 200);

	assert_value(value_in(root, "memory", "average", T0 + 50), 1050);
	assert_unknown(value_in(root, "memory", "average", T0 + 115));
	assert_value(value_in(root, "memory", "average", T0 + 200), 1200);
	json_decref(root);
}

static void a_slot_used_anew_without_an_end_ends_the_old_container(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "old", T0 - 100);
	run_busy(f, 0, T0, T0 + 20);
	start_container(f, 0, "new", T0 + 20);
	run_busy(f, 0, T0 + 20, T0 + 40);
	assert_true(size_of(only_file("history/containers/old/run-*.rrd")) < 20000);
	assert_value(value_at(f, "old", "memory", "average", T0 + 19, 1), 1019);
	assert_value(value_at(f, "new", "memory", "average", T0 + 30, 1), 1030);
	assert_unknown(value_at(f, "old", "memory", "average", T0 + 30, 1));
}

static void spoil(const char *path, off_t offset, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, offset), n);
	close(fd);
}

static void a_damaged_file_is_set_aside_and_begun_anew_while_running(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	spoil(only_file("history/containers/web/run-*.rrd"), 0, "XXXX", 4);
	run_busy(f, 0, T0 + 100, T0 + 200);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_DAMAGED] == 1);
	assert_int_equal(count_files("history/damaged/web.run-*.damaged-*"), 1);
	assert_int_equal(size_of(only_file("history/containers/web/run-*.rrd")), FULL_BYTES);
	assert_value(value_at(f, "web", "memory", "average", T0 + 150, 1), 1150);
}

static void a_truncated_file_is_set_aside_at_the_start(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	history_free(f->h);
	f->h = NULL;
	assert_int_equal(truncate(only_file("history/containers/web/run-*.rrd"), 5000), 0);
	fixture_open(f);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_DAMAGED] == 1);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0 + 110, T0 + 200);
	assert_value(value_at(f, "web", "memory", "average", T0 + 150, 1), 1150);
	assert_unknown(value_at(f, "web", "memory", "average", T0 + 50, 1));
}

static void a_file_that_was_removed_is_begun_anew_without_being_called_damaged(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	assert_int_equal(unlink(only_file("history/containers/web/run-*.rrd")), 0);
	assert_unknown(
		value_at(f, "web", "memory", "average", T0 + 50, 1)); /* seen by a question */
	run_busy(f, 0, T0 + 100, T0 + 250);
	only_file("history/containers/web/run-*.rrd");
	assert_true(stats(f).v[SERVE_STAT_HISTORY_DAMAGED] == 0);
	assert_value(value_at(f, "web", "memory", "average", T0 + 150, 1), 1150);
}

static void damaged_files_that_are_kept_are_bounded(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	for (int i = 0; i < HISTORY_MAX_DAMAGED + 3; i++) {
		run_busy(f, 0, T0 + i * 100, T0 + i * 100 + 100);
		spoil(only_file("history/containers/web/run-*.rrd"), 0, "XXXX", 4);
	}
	assert_true(stats(f).v[SERVE_STAT_HISTORY_DAMAGED] >= HISTORY_MAX_DAMAGED);
	assert_int_equal(count_files("history/damaged/*"), HISTORY_MAX_DAMAGED);
}

static void links_out_of_the_directory_are_not_followed(void **state)
{
	struct fixture *f = *state;

	tree_write(&f->tree, "secret", "precious", 8);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	const char *path = only_file("history/containers/web/run-*.rrd");

	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../../../secret", path), 0);
	run_busy(f, 0, T0 + 100, T0 + 200);
	assert_int_equal(size_of("secret"), 8);
	assert_int_equal(size_of(only_file("history/containers/web/run-*.rrd")), FULL_BYTES);
	history_free(f->h);
	f->h = NULL;
	assert_int_equal(symlink("../..", "history/containers/link"), 0);
	fixture_open(f);
	struct history_query q = query("link", "cpu", T0, T0 + 100, 1);

	json_decref(ask_json(f, &q, 404));
}

static void strange_names_and_meta_files_do_no_harm(void **state)
{
	struct fixture *f = *state;
	static const char *const metas[] = { "", "{", "[1,2]",
					     "{\"runs\":[{\"file\":\"x\"},3,null]}",
					     "{\"name\":7,\"runs\":{\"a\":1}}" };
	char path[128];

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	history_free(f->h);
	f->h = NULL;
	for (size_t i = 0; i < sizeof(metas) / sizeof(metas[0]); i++) {
		snprintf(path, sizeof(path), "history/containers/c%zu/meta.json", i);
		tree_write(&f->tree, path, metas[i], strlen(metas[i]));
		snprintf(path, sizeof(path), "history/containers/c%zu/run-17.rrd", i);
		tree_write(&f->tree, path, metas[i], strlen(metas[i]));
		tree_write(&f->tree, "history/containers/web/meta.json", metas[i],
			   strlen(metas[i]));
		tree_write(&f->tree, "history/containers/web/run-x.rrd.new", "", 0);
		fixture_open(f);
		assert_value(value_at(f, "web", "memory", "average", T0 + 50, 1), 1050);
		assert_int_equal(count_files("history/containers/*/*.new"), 0);
		history_free(f->h);
		f->h = NULL;
	}
	fixture_open(f);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_BYTES] > FULL_BYTES);
}

static void a_cut_file_is_not_written_to_again_when_its_end_was_not_noted(void **state)
{
	struct fixture *f = *state;

	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0, T0 + 100);
	end_container(f, 0, T0 + 100);
	history_free(f->h);
	f->h = NULL;
	assert_int_equal(unlink("history/containers/web/meta.json"), 0);
	fixture_open(f);
	start_container(f, 0, "web", T0);
	run_busy(f, 0, T0 + 101, T0 + 300);
	assert_int_equal(count_files("history/containers/web/run-*.rrd"), 2);
	assert_value(value_at(f, "web", "memory", "average", T0 + 1, 1), 1001);
	assert_value(value_at(f, "web", "memory", "average", T0 + 290, 1), 1290);
}

static void set_cap(struct fixture *f, uint64_t bytes)
{
	f->config.history_max_bytes = bytes;
	history_reconfigure(f->h, &f->config);
}

static void ended_containers_are_pruned_oldest_first_to_stay_under_the_cap(void **state)
{
	struct fixture *f = *state;
	char key[16];

	set_cap(f, FULL_BYTES * 3 / 2);
	for (int i = 0; i < 20; i++) { /* each is cut to about 13 KB */
		snprintf(key, sizeof(key), "job%d", i);
		start_container(f, 0, key, T0 + i * 100);
		run_busy(f, 0, T0 + i * 100, T0 + i * 100 + 70);
		end_container(f, 0, T0 + i * 100 + 70);
	}
	settle(f);
	assert_int_equal(count_files("history/containers/*"), 20);
	set_cap(f, 150000);
	settle(f);
	size_t left = count_files("history/containers/*");

	assert_true(left > 3 && left < 20);
	assert_int_equal(count_files("history/containers/job19"), 1);
	assert_int_equal(count_files("history/containers/job0"), 0);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_PRUNED] == 20 - left);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_BYTES] <= 150000);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_MAX_BYTES] == 150000);
}

static void live_containers_beyond_the_cap_get_the_coarsest_tier_only(void **state)
{
	struct fixture *f = *state;

	set_cap(f, FULL_BYTES + 2 * REDUCED_BYTES + 100000);
	start_container(f, 0, "a", T0 - 1000);
	start_container(f, 1, "b", T0 - 1000);
	start_container(f, 2, "c", T0 - 1000);
	for (int64_t t = T0; t < T0 + 700; t++) {
		struct wire_sample s[3];

		for (uint32_t i = 0; i < 3; i++)
			s[i] = (struct wire_sample){ .slot = i,
						     .have = HAVE_ALL,
						     .memory_working_set = (uint64_t)(t - T0) };
		tick(f, t, s, 3);
		if (t % 64 == 0)
			settle(f);
	}
	settle(f);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_REDUCED] >= 2);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_BYTES] <= f->config.history_max_bytes);
	assert_int_equal(count_files("history/containers/*/run-*.rrd"), 3);
	assert_value(value_at(f, "a", "memory", "max", T0 + 300, 300), 300);
	assert_value(value_at(f, "c", "memory", "max", T0 + 300, 300), 300);
	set_cap(f,
		REDUCED_BYTES * 3 + 50000); /* now the last fine one goes, and keeps its values */
	settle(f);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_BYTES] <= f->config.history_max_bytes);
	assert_value(value_at(f, "a", "memory", "max", T0 + 600, 300), 600);
	assert_value(value_at(f, "a", "memory", "average", T0 + 600, 300), 450.5);
	struct history_query q = query("a", "memory", T0 + 400, T0 + 600, 0);
	json_t *root = ask_json(f, &q, 200);

	assert_int_equal(json_integer_value(json_object_get(root, "step")), 300);
	json_decref(root);
}

static void without_any_room_memory_stays_bounded_and_the_loss_is_counted(void **state)
{
	struct fixture *f = *state;

	set_cap(f, 1000);
	start_container(f, 0, "web", T0 - 1000);
	run_busy(f, 0, T0, T0 + 600);
	assert_int_equal(count_files("history/containers/*/*.rrd"), 0);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_REFUSED] > 300);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_PENDING] <= 136);
	assert_value(value_at(f, "web", "memory", "average", T0 + 599, 1), 1599);
}

static void the_share_of_the_file_system_is_a_cap_too(void **state)
{
	struct fixture *f = *state;

	f->config.history_max_bytes = UINT64_MAX;
	f->config.history_max_percent = 5;
	history_reconfigure(f->h, &f->config);
	settle(f);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_MAX_BYTES] < UINT64_MAX / 2);
}

static void a_kill_at_any_moment_loses_at_most_what_was_not_flushed(void **state)
{
	struct fixture *f = *state;

	history_free(f->h);
	f->h = NULL;
	for (int round = 0; round < 6; round++) {
		int ready[2];
		char byte;

		assert_int_equal(pipe(ready), 0);
		pid_t pid = fork();

		if (pid == 0) {
			fixture_open(f);
			start_container(f, 0, "web", T0);
			run_busy(f, 0, T0 + round * 1000, T0 + round * 1000 + 130 + round);
			if (write(ready[1], "x", 1) != 1)
				_exit(1);
			for (int64_t t = T0 + round * 1000 + 200;; t++) { /* is killed in here */
				run_busy(f, 0, t, t + 1);
				if (t % 7 == 0)
					end_container(f, 0, t), start_container(f, 0, "web", T0);
			}
		}
		assert_int_equal(read(ready[0], &byte, 1), 1);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(ready[0]);
		close(ready[1]);
	}
	fixture_open(f);
	assert_true(stats(f).v[SERVE_STAT_HISTORY_DAMAGED] == 0);
	assert_int_equal(count_files("history/containers/web/*.new"), 0);
	for (int round = 0; round < 6; round++) /* the first flush was at 60 s of age */
		assert_value(value_at(f, "web", "memory", "average", T0 + round * 1000 + 60, 10),
			     1055.5 + round * 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest history_store[] = {
		TEST(an_ended_container_is_cut_and_answers_the_same),
		TEST(a_restart_of_the_agent_goes_on_in_the_same_file),
		TEST(a_container_that_ended_while_the_agent_was_down_is_ended_after_a_grace),
		TEST(a_container_started_again_gets_a_new_run_and_answers_join_them),
		TEST(a_slot_used_anew_without_an_end_ends_the_old_container),
		TEST(a_damaged_file_is_set_aside_and_begun_anew_while_running),
		TEST(a_truncated_file_is_set_aside_at_the_start),
		TEST(a_file_that_was_removed_is_begun_anew_without_being_called_damaged),
		TEST(damaged_files_that_are_kept_are_bounded),
		TEST(links_out_of_the_directory_are_not_followed),
		TEST(strange_names_and_meta_files_do_no_harm),
		TEST(a_cut_file_is_not_written_to_again_when_its_end_was_not_noted),
		TEST(ended_containers_are_pruned_oldest_first_to_stay_under_the_cap),
		TEST(live_containers_beyond_the_cap_get_the_coarsest_tier_only),
		TEST(without_any_room_memory_stays_bounded_and_the_loss_is_counted),
		TEST(the_share_of_the_file_system_is_a_cap_too),
		TEST(a_kill_at_any_moment_loses_at_most_what_was_not_flushed),
	};

	return cmocka_run_group_tests(history_store, NULL, NULL);
}
