// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "detector/baseline_store.h"
#include "tests/unit/detector/baseline_fixture.h"
#include "tests/unit/fixture.h"

struct box {
	struct tree t;
	int fd;
	struct baseline_store *store;
	struct worker *worker;
	uint32_t max;
};

static void box_open(struct box *b)
{
	const struct baseline_store_settings s = { b->fd, b->worker, b->max };
	struct err e = { "" };

	if (baseline_store_new(&b->store, &s, &e) < 0)
		fail_msg("%s", e.text);
}

static void box_close(struct box *b)
{
	baseline_store_free(b->store);
	b->store = NULL;
}

static struct box box_make(const char *literal)
{
	struct box b = { .t = tree_make(literal) };

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

static struct baseline_store_stats stats(const struct box *b)
{
	return baseline_store_stats(b->store);
}

static struct baseline *add(struct box *b, const char *repository, const char *entry)
{
	struct baseline *one = make_baseline(repository, entry);

	assert_int_equal(baseline_store_add(b->store, one), 0);
	return one;
}

static struct baseline *find(struct box *b, const char *repository, const char *entry)
{
	return baseline_store_find(b->store, span_str(repository), span_str(entry));
}

static bool there_is(const struct box *b, const char *path)
{
	struct stat st;

	return fstatat(b->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* "baselines/NAME.json" + suffix */
static const char *path_of(const struct baseline *b, const char *suffix)
{
	static char path[256];
	char name[BASELINE_STORE_NAME];

	snprintf(path, sizeof(path), "baselines/%s.json%s", baseline_store_name(b, name), suffix);
	return path;
}

static unsigned files_in_folder(const struct box *b)
{
	const int fd = openat(b->fd, "baselines", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *d = fdopendir(fd);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n - 2; /* . and .. */
}

/* --- names and tables ----------------------------------------------------------------------- */

static void names_are_readable_safe_and_apart(void **state)
{
	AUTO(baseline_free) struct baseline *a = nginx();
	AUTO(baseline_free)
	struct baseline *hostile = make_baseline("../../etc/p*ss wd\xc3\xa9", ".x/..\"y");
	AUTO(baseline_free) struct baseline *b = make_baseline("a/b", "c");
	AUTO(baseline_free) struct baseline *c = make_baseline("a_b", "c");
	static char many[256], other[64];
	char one[BASELINE_STORE_NAME], two[BASELINE_STORE_NAME];

	(void)state;
	baseline_store_name(a, one);
	assert_int_equal(strncmp(one, "docker.io_library_nginx~nginx~", 30), 0);
	assert_int_equal(strlen(one), 46);
	baseline_store_name(hostile, one);
	assert_int_equal(strncmp(one, "_._.._etc_p_ss_wd__~_x_.._y~", 28), 0);
	assert_string_not_equal(baseline_store_name(b, one), baseline_store_name(c, two));
	memset(many, 'm', sizeof(many) - 1);
	memset(other, 'e', sizeof(other) - 1);
	AUTO(baseline_free) struct baseline *longest = make_baseline(many, other);

	assert_true(strlen(baseline_store_name(longest, one)) < BASELINE_STORE_NAME - 1);
}

static void what_is_saved_comes_back(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	struct baseline *full = full_baseline();
	AUTO_FREE char *before = text_of(full);

	(void)state;
	box_open(&b);
	assert_int_equal(baseline_store_add(b.store, full), 0);
	add(&b, "docker.io/library/redis", "redis-server");
	assert_int_equal(stats(&b).dirty, 2);
	baseline_store_save(b.store, 1);
	assert_int_equal(stats(&b).writes, 1);
	baseline_store_save(b.store, 9);
	baseline_store_save(b.store, 9);
	assert_int_equal(stats(&b).writes, 2);
	assert_int_equal(stats(&b).dirty, 0);
	assert_string_equal(stats(&b).error, "");
	assert_true(stats(&b).bytes > 2 * sizeof(struct baseline));
	box_close(&b);
	box_open(&b);
	assert_int_equal(stats(&b).images, 2);
	assert_int_equal(stats(&b).set_aside, 0);
	AUTO_FREE char *after = text_of(find(&b, "docker.io/library/nginx", "nginx"));

	assert_string_equal(before, after);
	assert_null(find(&b, "docker.io/library/nginx", "other"));
}

static void what_is_dirty_at_the_end_is_written(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	add(&b, "a", "");
	box_close(&b);
	box_open(&b);
	struct baseline *one = find(&b, "a", "");

	assert_non_null(one);
	note(one, BASELINE_USER, "7", 0, 1);
	box_close(&b);
	box_open(&b);
	assert_non_null(look(find(&b, "a", ""), BASELINE_USER, "7"));
	assert_int_equal(files_in_folder(&b), 1);
}

static void only_the_agent_reads_its_files(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	struct stat st;

	(void)state;
	box_open(&b);
	struct baseline *one = add(&b, "a", "");

	baseline_store_save_now(b.store, one);
	assert_int_equal(fstatat(b.fd, "baselines", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(b.fd, path_of(one, ""), &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void the_number_is_limited_and_names_come_once(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	b.max = 3;
	box_open(&b);
	add(&b, "a", "");
	assert_int_equal(baseline_store_add(b.store, make_baseline("a", "")), -EEXIST);
	add(&b, "b", "");
	add(&b, "c", "");
	assert_int_equal(baseline_store_add(b.store, make_baseline("d", "")), -ENOSPC);
	assert_int_equal(stats(&b).refused, 1);
	assert_int_equal(stats(&b).images, 3);
	assert_int_equal(stats(&b).capacity, 3);
	box_close(&b);
	b.max = 2; /* a smaller limit, later: the third file stays where it is */
	box_open(&b);
	assert_int_equal(stats(&b).images, 2);
	assert_int_equal(stats(&b).refused, 1);
	assert_int_equal(stats(&b).set_aside, 0);
	assert_int_equal(files_in_folder(&b), 3);
}

static void what_is_removed_loses_its_file_and_may_come_again(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	size_t n;

	(void)state;
	box_open(&b);
	struct baseline *one = add(&b, "a", ""), *two = add(&b, "b", "");

	baseline_store_save(b.store, 9);
	AUTO_FREE char *path = strdup(path_of(one, ""));

	assert_true(there_is(&b, path));
	baseline_store_remove(b.store, one);
	assert_false(there_is(&b, path));
	assert_null(find(&b, "a", ""));
	assert_ptr_equal(baseline_store_list(b.store, &n)[0], two);
	assert_int_equal(n, 1);
	one = add(&b, "a", "");
	baseline_store_save_now(b.store, one);
	assert_true(there_is(&b, path));
	assert_int_equal(stats(&b).set_aside, 0);
	baseline_store_remove(b.store, add(&b, "never written", ""));
	assert_int_equal(files_in_folder(&b), 2);
}

static void people_name_a_baseline_as_short_as_they_like(void **state)
{
	static const struct {
		const char *text, *repository, *entry; /* NULL: not one */
		int result;
	} cases[] = {
		{ "docker.io/library/nginx", "docker.io/library/nginx", "nginx", 0 },
		{ "nginx", "docker.io/library/nginx", "nginx", 0 },
		{ " library/nginx ", "docker.io/library/nginx", "nginx", 0 },
		{ "nginx:1.25", "docker.io/library/nginx", "nginx", 0 },
		{ "nginx@sha256:0123", "docker.io/library/nginx", "nginx", 0 },
		{ "nginx nginx", "docker.io/library/nginx", "nginx", 0 },
		{ "python", NULL, NULL, -EEXIST },
		{ "python python app.py", "docker.io/library/python", "python app.py", 0 },
		{ "python other", NULL, NULL, -ENOENT },
		{ "ginx", NULL, NULL, -ENOENT },
		{ "", NULL, NULL, -ENOENT },
		{ ":x", NULL, NULL, -ENOENT },
		{ "/", NULL, NULL, -ENOENT },
		{ "host:5000/team/app:2", "host:5000/team/app", "", 0 },
		{ "app", NULL, NULL, -EEXIST },
		{ "quay.io/app", "quay.io/app", "", 0 },
		{ "aaaaaaaaaaaa", ID_A, "sh", 0 },
		{ ID_A, ID_A, "sh", 0 },
		{ "sha256:aaaaaa", ID_A, "sh", 0 },
		{ "aaaa", NULL, NULL, -ENOENT },
	};
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	add(&b, "docker.io/library/nginx", "nginx");
	add(&b, "docker.io/library/python", "python app.py");
	add(&b, "docker.io/library/python", "python worker.py");
	add(&b, "host:5000/team/app", "");
	add(&b, "quay.io/app", "");
	add(&b, ID_A, "sh");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct baseline *found = NULL;
		struct err e = { "" };

		assert_int_equal(
			baseline_store_lookup(b.store, span_str(cases[i].text), &found, &e),
			cases[i].result);
		assert_ptr_equal(found, cases[i].repository
						? find(&b, cases[i].repository, cases[i].entry)
						: NULL);
		if (cases[i].result == -EEXIST)
			assert_non_null(strstr(e.text, "it fits several baselines: '"));
	}
	char name[BASELINE_STORE_NAME];
	struct baseline *found = NULL;

	baseline_store_name(find(&b, "quay.io/app", ""), name);
	assert_int_equal(baseline_store_lookup(b.store, span_str(name), &found, NULL), 0);
	assert_ptr_equal(found, find(&b, "quay.io/app", ""));
}

/* --- what lies in the folder ---------------------------------------------------------------- */

/* A file "baselines/NAME.json" of a baseline, with this text. */
static void put_file(struct box *b, const char *repository, const char *text, size_t n)
{
	AUTO(baseline_free) struct baseline *one = make_baseline(repository, "");

	tree_write(&b->t, path_of(one, ""), text, n);
}

static void damage_and_newer_schemas_are_set_aside_as_they_are(void **state)
{
	AUTO_BOX struct box b = box_make("@ baselines/x.json\n{\"schema\":1,\n"
					 "@ baselines/empty.json\n");
	AUTO(baseline_free) struct baseline *newer = make_baseline("newer", "");
	static const char text[] = "{\"schema\":2,\"repository\":\"newer\",\"magic\":[]}";
	char bytes[128];

	(void)state;
	put_file(&b, "newer", text, sizeof(text) - 1);
	box_open(&b);
	assert_int_equal(stats(&b).images, 0);
	assert_int_equal(stats(&b).set_aside, 3);
	assert_true(there_is(&b, "baselines/x.json.damaged"));
	assert_true(there_is(&b, "baselines/empty.json.damaged"));
	assert_int_equal(io_read_at(b.fd, path_of(newer, ".newer"), bytes, sizeof(bytes)),
			 sizeof(text) - 1);
	assert_string_equal(bytes, text);
	/* a new baseline of that image goes beside it */
	baseline_store_save_now(b.store, add(&b, "newer", ""));
	assert_true(there_is(&b, path_of(newer, "")));
	assert_true(there_is(&b, path_of(newer, ".newer")));
	box_close(&b);
	box_open(&b);
	assert_int_equal(stats(&b).images, 1);
	assert_int_equal(stats(&b).set_aside, 0);
}

static void what_was_set_aside_is_never_overwritten(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(baseline_free) struct baseline *a = make_baseline("a", "");
	char text[64];

	(void)state;
	for (unsigned i = 1; i <= 11; i++) {
		snprintf(text, sizeof(text), "damage %u", i);
		put_file(&b, "a", text, strlen(text));
		box_open(&b);
		assert_int_equal(stats(&b).set_aside, 1);
		box_close(&b);
	}
	assert_true(io_read_at(b.fd, path_of(a, ".damaged"), text, sizeof(text)) > 0);
	assert_string_equal(text, "damage 1");
	assert_true(io_read_at(b.fd, path_of(a, ".damaged.9"), text, sizeof(text)) > 0);
	assert_string_equal(text, "damage 9");
	/* there was no name left for the last: it stays, and goes aside when its place is wanted */
	assert_true(io_read_at(b.fd, path_of(a, ""), text, sizeof(text)) > 0);
	assert_string_equal(text, "damage 11");
	box_open(&b);
	baseline_store_save_now(b.store, add(&b, "a", ""));
	assert_int_equal(stats(&b).writes, 1);
	assert_true(io_read_at(b.fd, path_of(a, ".other"), text, sizeof(text)) > 0);
	assert_string_equal(text, "damage 11");
}

static void a_file_cut_at_any_byte_is_never_a_baseline(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(baseline_free) struct baseline *one = make_baseline("a", "");
	AUTO_FREE char *text = NULL;
	char path[64];

	(void)state;
	note(one, BASELINE_USER, "0", 0, 1);
	text = text_of(one);
	const unsigned n = (unsigned)strlen(text) - 1; /* the last byte ends the line */

	assert_int_equal(text[n], '\n');
	for (unsigned cut = 0; cut < n; cut++) {
		snprintf(path, sizeof(path), "baselines/cut%04u.json", cut);
		tree_write(&b.t, path, text, cut);
	}
	box_open(&b);
	assert_int_equal(stats(&b).images, 0);
	assert_int_equal(stats(&b).set_aside, n);
	assert_int_equal(files_in_folder(&b), n);
	box_close(&b);
	box_open(&b);
	assert_int_equal(stats(&b).set_aside, 0);
}

static void nothing_but_plain_files_is_read(void **state)
{
	AUTO_BOX struct box b = box_make("@ secret\n{\"schema\":1,\"repository\":\"s\"}\n"
					 "@ baselines/link.json -> ../secret\n"
					 "@ baselines/folder.json/\n"
					 "@ baselines/notes.txt\nhello\n"
					 "@ baselines/.x.json.77.new\nhalf\n");

	(void)state;
	assert_int_equal(mkfifoat(b.fd, "baselines/fifo.json", 0600), 0);
	box_open(&b);
	assert_int_equal(stats(&b).images, 0);
	assert_int_equal(stats(&b).set_aside, 3);
	assert_true(there_is(&b, "baselines/link.json.damaged"));
	assert_true(there_is(&b, "baselines/folder.json.damaged"));
	assert_true(there_is(&b, "baselines/fifo.json.damaged"));
	assert_true(there_is(&b, "baselines/notes.txt"));
	assert_false(there_is(&b, "baselines/.x.json.77.new")); /* a write that died */
	assert_true(there_is(&b, "secret"));
}

static void a_link_is_not_written_through(void **state)
{
	AUTO_BOX struct box b = box_make("@ secret\nmine\n");
	char text[16];

	(void)state;
	box_open(&b);
	struct baseline *one = add(&b, "a", "");

	assert_int_equal(symlinkat("../secret", b.fd, path_of(one, "")), 0);
	baseline_store_save_now(b.store, one);
	assert_int_equal(stats(&b).set_aside, 1);
	assert_true(there_is(&b, path_of(one, ".other")));
	assert_true(io_read_at(b.fd, "secret", text, sizeof(text)) > 0);
	assert_string_equal(text, "mine\n");
	box_close(&b);
	box_open(&b);
	assert_int_equal(stats(&b).images, 1);
}

static void a_folder_that_is_a_link_is_refused(void **state)
{
	AUTO_BOX struct box b = box_make("@ elsewhere/\n@ baselines -> elsewhere\n");
	const struct baseline_store_settings s = { .state_fd = b.fd };
	struct err e = { "" };

	(void)state;
	assert_true(baseline_store_new(&b.store, &s, &e) < 0);
	assert_null(b.store);
	assert_string_not_equal(e.text, "");
}

static void a_good_document_under_a_wrong_name_gets_the_right_one(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(baseline_free) struct baseline *one = make_baseline("a", "");
	AUTO_FREE char *text = text_of(one);

	(void)state;
	tree_write(&b.t, "baselines/from-a-friend.json", text, strlen(text));
	box_open(&b);
	assert_int_equal(stats(&b).images, 1);
	assert_int_equal(stats(&b).set_aside, 0);
	assert_true(there_is(&b, path_of(one, "")));
	assert_false(there_is(&b, "baselines/from-a-friend.json"));
}

static void of_two_files_of_one_image_the_rightly_named_counts(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(baseline_free) struct baseline *one = make_baseline("a", "");
	AUTO_FREE char *old = text_of(one);
	AUTO_FREE char *good = NULL;

	(void)state;
	note(one, BASELINE_USER, "7", 0, 1);
	good = text_of(one);
	tree_write(&b.t, "baselines/0-first.json", old, strlen(old));
	tree_write(&b.t, path_of(one, ""), good, strlen(good));
	tree_write(&b.t, "baselines/zz.json", old, strlen(old));
	box_open(&b);
	assert_int_equal(stats(&b).images, 1);
	assert_int_equal(stats(&b).set_aside, 2);
	assert_non_null(look(find(&b, "a", ""), BASELINE_USER, "7"));
	assert_true(there_is(&b, "baselines/0-first.json.duplicate"));
	assert_true(there_is(&b, "baselines/zz.json.duplicate"));
}

static void a_folder_full_of_files_is_read_up_to_a_limit(void **state)
{
	AUTO_BOX struct box b = box_make("@ baselines/\n");
	char path[64];

	(void)state;
	for (unsigned i = 0; i < BASELINE_STORE_MAX_FILES + 10; i++) {
		snprintf(path, sizeof(path), "baselines/%u.txt", i);
		close(openat(b.fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	box_open(&b);
	assert_int_equal(stats(&b).images, 0);
	assert_int_equal(stats(&b).refused, 1);
	assert_int_equal(stats(&b).set_aside, 0);
}

/* --- a disk that refuses -------------------------------------------------------------------- */

/* A limit of a file's size stands for a full disk: writes come back short, then fail. */
static void set_file_limit(rlim_t bytes)
{
	struct rlimit l;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void a_full_disk_keeps_the_old_file_and_is_tried_again(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	static char old[65536], now[65536];

	(void)state;
	box_open(&b);
	struct baseline *one = add(&b, "a", "");

	baseline_store_save(b.store, 9);
	assert_true(io_read_at(b.fd, path_of(one, ""), old, sizeof(old)) > 0);
	note(one, BASELINE_USER, "7", 0, 1);
	for (rlim_t bytes = 0; bytes < 1000; bytes += 500) {
		set_file_limit(bytes);
		baseline_store_save(b.store, 9);
		set_file_limit(RLIM_INFINITY);
		assert_true(one->dirty);
		assert_true(io_read_at(b.fd, path_of(one, ""), now, sizeof(now)) > 0);
		assert_string_equal(old, now);
		assert_int_equal(files_in_folder(&b), 1); /* nothing is left lying about */
	}
	assert_int_equal(stats(&b).write_errors, 2);
	assert_non_null(strstr(stats(&b).error, "File too large"));
	baseline_store_save(b.store, 9);
	assert_false(one->dirty);
	assert_string_equal(stats(&b).error, "");
	assert_int_equal(stats(&b).writes, 2);
	box_close(&b);
	box_open(&b);
	assert_non_null(look(find(&b, "a", ""), BASELINE_USER, "7"));
}

static void one_that_fails_does_not_keep_the_others_waiting(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	struct baseline *large = add(&b, "a", ""), *small = add(&b, "b", "");
	char key[64];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "/usr/bin/tool%u < -", i);
		note(large, BASELINE_EXEC, key, 0, 1);
	}
	set_file_limit(8192);
	baseline_store_save(b.store, 1);
	baseline_store_save(b.store, 1);
	set_file_limit(RLIM_INFINITY);
	assert_true(large->dirty);
	assert_false(small->dirty);
	assert_string_not_equal(stats(&b).error, ""); /* while one fails */
	baseline_store_remove(b.store, large);
	assert_string_equal(stats(&b).error, "");
}

static void a_folder_that_is_gone_is_an_error_and_nothing_more(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");

	(void)state;
	box_open(&b);
	struct baseline *one = add(&b, "a", "");

	assert_int_equal(unlinkat(b.fd, "baselines", AT_REMOVEDIR), 0);
	for (unsigned i = 0; i < 3; i++)
		baseline_store_save(b.store, 9);
	assert_true(one->dirty);
	assert_int_equal(stats(&b).write_errors, 3);
	assert_string_not_equal(stats(&b).error, "");
}

/* --- the worker ----------------------------------------------------------------------------- */

struct wait {
	struct loop *loop;
	const struct box *box;
	uint64_t writes;
};

static void look_again(void *ctx, uint32_t events)
{
	struct wait *w = ctx;

	(void)events;
	if (stats(w->box).writes >= w->writes)
		loop_stop(w->loop);
}

static void wait_for_writes(struct box *b, struct loop *loop, uint64_t writes)
{
	struct wait w = { loop, b, writes };
	struct loop_source *timer = NULL;

	assert_int_equal(loop_add_timer(loop, NS_PER_MS, NS_PER_MS, look_again, &w, &timer, NULL),
			 0);
	assert_int_equal(loop_run(loop, NULL), 0);
	loop_remove(timer);
}

static void the_worker_writes_what_was_true_when_it_was_told(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(loop_free) struct loop *loop = NULL;
	char name[8];

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b.worker, loop, "test", NULL), 0);
	box_open(&b);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "%u", i);
		add(&b, name, "");
	}
	baseline_store_save(b.store, 100);
	assert_int_equal(stats(&b).dirty, 30 - BASELINE_STORE_IN_FLIGHT); /* the rest waits */
	struct baseline *one = find(&b, "0", "");

	note(one, BASELINE_USER, "7", 0, 1); /* while it is written */
	assert_true(one->dirty);
	baseline_store_save_now(b.store, one);
	baseline_store_save_now(b.store, one); /* no more than once again */
	for (uint64_t done = BASELINE_STORE_IN_FLIGHT + 1; done < 31; done += 2) {
		wait_for_writes(&b, loop, done);
		baseline_store_save(b.store, 2);
	}
	wait_for_writes(&b, loop, 31);
	assert_int_equal(stats(&b).writes, 31);
	assert_int_equal(stats(&b).dirty, 0);
	worker_free(TAKE(b.worker));
	box_close(&b);
	box_open(&b);
	assert_int_equal(stats(&b).images, 30);
	assert_non_null(look(find(&b, "0", ""), BASELINE_USER, "7"));
}

static void what_the_worker_did_not_get_to_is_written_at_the_end(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(loop_free) struct loop *loop = NULL;

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b.worker, loop, "test", NULL), 0);
	box_open(&b);
	for (const char *const *p = (const char *const[]){ "a", "b", "c", "d", NULL }; *p; p++)
		add(&b, *p, "");
	baseline_store_save(b.store, 9);
	baseline_store_remove(b.store, find(&b, "d", ""));
	worker_free(TAKE(b.worker));
	box_close(&b);
	box_open(&b);
	assert_int_equal(stats(&b).images, 3);
	assert_int_equal(files_in_folder(&b), 3);
}

static void one_made_again_while_its_file_goes_is_kept(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	AUTO(loop_free) struct loop *loop = NULL;

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b.worker, loop, "test", NULL), 0);
	box_open(&b);
	for (unsigned i = 0; i < 20; i++) {
		struct baseline *one = find(&b, "a", "");

		if (one)
			baseline_store_remove(b.store, one);
		one = add(&b, "a", "");
		note(one, BASELINE_USER, "7", 0, i + 1);
		baseline_store_save_now(b.store, one);
		if (i % 4 == 3)
			wait_for_writes(&b, loop, stats(&b).writes + 1);
	}
	worker_free(TAKE(b.worker));
	box_close(&b);
	box_open(&b);
	assert_int_equal(stats(&b).images, 1);
	assert_int_equal(stats(&b).set_aside, 0);
	assert_int_equal(look(find(&b, "a", ""), BASELINE_USER, "7")->seen.windows[PHASE_STEADY],
			 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_readable_safe_and_apart),
		cmocka_unit_test(what_is_saved_comes_back),
		cmocka_unit_test(what_is_dirty_at_the_end_is_written),
		cmocka_unit_test(only_the_agent_reads_its_files),
		cmocka_unit_test(the_number_is_limited_and_names_come_once),
		cmocka_unit_test(what_is_removed_loses_its_file_and_may_come_again),
		cmocka_unit_test(people_name_a_baseline_as_short_as_they_like),
		cmocka_unit_test(damage_and_newer_schemas_are_set_aside_as_they_are),
		cmocka_unit_test(what_was_set_aside_is_never_overwritten),
		cmocka_unit_test(a_file_cut_at_any_byte_is_never_a_baseline),
		cmocka_unit_test(nothing_but_plain_files_is_read),
		cmocka_unit_test(a_link_is_not_written_through),
		cmocka_unit_test(a_folder_that_is_a_link_is_refused),
		cmocka_unit_test(a_good_document_under_a_wrong_name_gets_the_right_one),
		cmocka_unit_test(of_two_files_of_one_image_the_rightly_named_counts),
		cmocka_unit_test(a_folder_full_of_files_is_read_up_to_a_limit),
		cmocka_unit_test(a_full_disk_keeps_the_old_file_and_is_tried_again),
		cmocka_unit_test(one_that_fails_does_not_keep_the_others_waiting),
		cmocka_unit_test(a_folder_that_is_gone_is_an_error_and_nothing_more),
		cmocka_unit_test(the_worker_writes_what_was_true_when_it_was_told),
		cmocka_unit_test(what_the_worker_did_not_get_to_is_written_at_the_end),
		cmocka_unit_test(one_made_again_while_its_file_goes_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
