// SPDX-License-Identifier: GPL-2.0-or-later
/* What comes of a response when the program dies, the disk is full, or the journal is damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "detector/response_internal.h"
#include "tests/unit/detector/response_box.h"

#define FREEZE	"cg/docker/" ID "/cgroup.freeze"
#define CPU_MAX "cg/docker/" ID "/cpu.max"
#define FOLDER	"state/responses"

/* The name below the state folder of the n-th file that has `part` in its name; "" for none. */
static const char *journal_file(const struct box *b, const char *part)
{
	static char name[300];
	char path[256];
	const struct dirent *d;

	snprintf(path, sizeof(path), "%s/" FOLDER, b->t.path);
	DIR *dir = opendir(path);

	name[0] = '\0';
	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.' || strstr(d->d_name, ".new"))
			if (strstr(d->d_name, part))
				snprintf(name, sizeof(name), FOLDER "/%s", d->d_name);
	if (dir)
		closedir(dir);
	return name;
}

static void in_child(struct box *b, int die_at, void (*fn)(struct box *b))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		b->die_at = die_at;
		if (response_new(&b->r, &b->set, NULL) == 0)
			fn(b);
		_exit(die_at < 0 ? 9 : 1); /* without a clean end */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 9);
}

static void freeze(struct box *b)
{
	box_begin(b, RESPONSE_FREEZE);
}

static void throttle(struct box *b)
{
	box_begin(b, RESPONSE_THROTTLE);
}

static void freeze_and_undo(struct box *b)
{
	box_begin(b, RESPONSE_FREEZE);
	response_undo_all(b->r);
}

static void recover(struct box *b, int undone)
{
	struct err e = { "" };

	box_open(b);
	assert_int_equal(response_recover(b->r, &e), undone);
	assert_string_equal(e.text, "");
}

static void a_death_at_any_step_leaves_nothing_frozen(void **state)
{
	static const struct {
		enum response_step step;
		const char *frozen; /* as the dead one left it */
		unsigned told;
	} cases[] = {
		{ RESPONSE_BEFORE_JOURNAL, "0", 0 }, { RESPONSE_AFTER_JOURNAL, "0", 1 },
		{ RESPONSE_AFTER_CHANGE, "1", 1 },   { RESPONSE_BEFORE_UNDO, "1", 1 },
		{ RESPONSE_AFTER_UNDO, "0", 1 },     { RESPONSE_AFTER_REMOVAL, "0", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BOX struct box *b = box_make(V2_TREE, true);

		in_child(b, (int)cases[i].step, freeze_and_undo);
		assert_string_equal(box_read(b, FREEZE), cases[i].frozen);
		recover(b, (int)cases[i].told);
		assert_string_equal(box_read(b, FREEZE), "0");
		assert_string_equal(journal_file(b, ""), "");
		assert_int_equal(b->n, cases[i].told);
		if (b->n)
			assert_int_equal(box_last(b)->reason, RESPONSE_CRASH);
		assert_int_equal(response_recover(b->r, NULL), 0);
	}
}

static void a_crash_is_mended_with_what_was_there(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	in_child(b, -1, throttle);
	assert_string_equal(box_read(b, CPU_MAX), "10000 100000");
	in_child(b, -1, freeze);
	recover(b, 2);
	assert_string_equal(box_read(b, CPU_MAX), "max 100000");
	assert_string_equal(box_read(b, FREEZE), "0");
	assert_int_equal(response_stats(b->r).recovered, 2);
	assert_int_equal(box_last(b)->kind, RESPONSE_UNDONE);
	assert_string_equal(box_last(b)->container, ID);
}

static void limits_below_are_mended_on_v1(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);

	(void)state;
	in_child(b, -1, throttle);
	assert_string_equal(box_read(b, "cpu/docker/" ID "/deep/er/cpu.cfs_quota_us"), "5000");
	recover(b, 1);
	assert_string_equal(box_read(b, "cpu/docker/" ID "/cpu.cfs_quota_us"), "-1");
	assert_string_equal(box_read(b, "cpu/docker/" ID "/deep/cpu.cfs_quota_us"), "50000");
	assert_string_equal(box_read(b, "cpu/docker/" ID "/deep/er/cpu.cfs_quota_us"), "40000");
}

static void what_is_of_another_boot_is_forgotten(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	in_child(b, -1, freeze);
	box_write(b, "proc/sys/kernel/random/boot_id", "99999999-2222-3333-4444-555555555555\n");
	recover(b, 0);
	assert_string_equal(box_read(b, FREEZE), "1"); /* whoever froze it */
	assert_string_equal(journal_file(b, ""), "");
	assert_int_equal(response_stats(b->r).forgotten, 1);
	assert_int_equal(b->n, 0);
}

static void a_directory_that_was_replaced_meanwhile_is_left(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char old[256], new[256];

	(void)state;
	in_child(b, -1, freeze);
	snprintf(old, sizeof(old), "%s/cg/docker/" ID, b->t.path);
	snprintf(new, sizeof(new), "%s/cg/away", b->t.path);
	assert_int_equal(rename(old, new), 0);
	box_write(b, FREEZE, "1\n");
	recover(b, 0);
	assert_string_equal(box_read(b, FREEZE), "1");
	assert_int_equal(box_last(b)->kind, RESPONSE_LEFT);
	assert_string_equal(journal_file(b, ""), "");
}

static void without_the_boot_id_nothing_begins(void **state)
{
	AUTO_BOX struct box *b = box_make("@ state/\n@ cg/\n@ proc/\n", true);

	(void)state;
	assert_int_equal(response_new(&b->r, &b->set, NULL), -ENOENT);
	assert_null(b->r);
}

static void a_damaged_file_is_set_aside_and_the_others_are_undone(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char name[300], text[4096];

	(void)state;
	in_child(b, -1, throttle);
	snprintf(name, sizeof(name), "%s", journal_file(b, ".json"));
	snprintf(text, sizeof(text), "%s", box_read(b, name));
	text[strlen(text) / 2] = '\0';
	in_child(b, -1, freeze);
	box_write(b, name, text);
	recover(b, 1);
	assert_string_equal(box_read(b, FREEZE), "0");
	assert_string_equal(box_read(b, CPU_MAX), "10000 100000"); /* nobody knows what it was */
	assert_string_not_equal(journal_file(b, ".json.damaged"), "");
	assert_int_equal(response_stats(b->r).damaged, 1);
	assert_int_equal(b->told[0].kind, RESPONSE_DAMAGED);
	/* once: it is not looked at again */
	assert_int_equal(response_recover(b->r, NULL), 0);
	assert_int_equal(response_stats(b->r).damaged, 1);
}

static void change_text(const struct box *b, const char *name, const char *from, const char *to)
{
	AUTO_BUF struct buf out = { .fd = -1 };
	const char *text = box_read(b, name), *at = strstr(text, from);

	assert_non_null(at);
	buf_init(&out, 8192);
	buf_add(&out, text, (size_t)(at - text));
	buf_add_str(&out, to);
	buf_add_str(&out, at + strlen(from));
	buf_add_char(&out, '\n');
	tree_write(&b->t, name, out.data, out.len);
}

static void a_freeze_is_undone_also_when_its_sum_is_wrong_a_throttle_is_not(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	in_child(b, -1, freeze);
	change_text(b, journal_file(b, ".json"), "docker.io", "dicker.io");
	recover(b, 1);
	assert_string_equal(box_read(b, FREEZE), "0");
	assert_int_equal(response_stats(b->r).damaged, 1);
	response_free(b->r);
	b->r = NULL;
	in_child(b, -1, throttle);
	change_text(b, journal_file(b, ".json"), "docker.io", "dicker.io");
	recover(b, 0);
	assert_string_equal(box_read(b, CPU_MAX), "10000 100000");
}

/* As if somebody had written the file with a right sum. */
static void forge(const struct box *b, const char *name, const char *from, const char *to)
{
	AUTO_BUF struct buf out = { .fd = -1 };
	uint64_t h = 0xcbf29ce484222325ULL;

	change_text(b, name, from, to);
	buf_init(&out, 8192);
	const char *text = box_read(b, name), *end = strstr(text, ",\"check\"");

	assert_non_null(end);
	buf_add(&out, text, (size_t)(end - text));
	for (size_t i = 0; i < out.len; i++)
		h = (h ^ (unsigned char)out.data[i]) * 0x100000001b3ULL;
	buf_printf(&out, ",\"check\":\"%016llx\"}\n", (unsigned long long)h);
	tree_write(&b->t, name, out.data, out.len);
}

static void a_file_cannot_make_us_write_something_else(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "\"before\":\"max 100000\"", "\"before\":\"5000 100000\"" }, /* lower than set */
		{ "\"before\":\"max 100000\"", "\"before\":\"max 50000\"" },
		{ "\"before\":\"max 100000\"", "\"before\":\"0\"" },
		{ "\"file\":\"cpu.max\"", "\"file\":\"cgroup.procs\"" },
		{ "\"file\":\"cpu.max\"", "\"file\":\"cgroup.freeze\"" },
		{ "\"path\":\"/docker", "\"path\":\"/docker/../docker" },
		{ "\"path\":\"/docker/" ID, "\"path\":\"/" },
		{ "\"path\":\"/docker", "\"path\":\"docker" },
		{ "\"path\":\"/docker", "\"path\":\"%00/docker" },
		{ "\"path\":\"/docker", "\"path\":\"%zz/docker" },
		{ "\"path\":\"/docker", "\"path\":\"%2" },
		{ "\"inode\":\"0x", "\"inode\":\"" },
		{ "\"version\":1", "\"version\":2" },
		{ "\"action\":\"throttle\"", "\"action\":\"freeze\"" },
		{ "\"action\":\"throttle\"", "\"action\":\"stop\"" },
		{ "\"boot\":\"" BOOT "\"", "\"boot\":\"" BOOT BOOT "\"" },
		{ "\"changes\":[{", "\"changes\":[7,{" },
		{ "\"changes\":[{", "\"other\":[{" },
		{ "\"container\":", "\"contained\":" },
		{ "{\"version\"", "[\"version\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BOX struct box *b = box_make(V2_TREE, true);

		in_child(b, -1, throttle);
		forge(b, journal_file(b, ".json"), cases[i].from, cases[i].to);
		recover(b, 0);
		assert_string_equal(box_read(b, CPU_MAX), "10000 100000");
		assert_int_equal(response_stats(b->r).damaged, 1);
		assert_string_not_equal(journal_file(b, ".damaged"), "");
	}
}

static void what_is_no_journal_is_not_looked_at(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE "@ " FOLDER "/note.txt\nx\n@ " FOLDER
						  "/.01ARZ3NDEKTSV4RRFFQ69G5FAV.json.7.new\n{"
						  "\n@ " FOLDER "/lower.json\n{}\n@ " FOLDER
						  "/01ARZ3NDEKTSV4RRFFQ69G5FAV.json/\n",
					  true);

	(void)state;
	box_open(b);
	assert_int_equal(response_recover(b->r, NULL), 0);
	assert_string_equal(journal_file(b, ".new"), ""); /* half-written: nothing was changed */
	assert_string_equal(box_read(b, FOLDER "/note.txt"), "x");
	assert_string_equal(box_read(b, FOLDER "/lower.json"), "{}");
	assert_int_equal(response_stats(b->r).damaged, 1); /* the folder with a file's name */
}

static void paths_of_any_bytes_come_back(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char container[] = "c\xff\"\\", image[] = "im\tage", path[] = "/a \"\\%\xff\x01\n/\xc3\xa9";
	struct change c = { .file = FILE_CPU_V1,
			    .place = { HIERARCHY_CPU, UINT64_MAX, path },
			    .before = "max 100000",
			    .set = "1000 100000" };
	struct record in = { .id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
			     .boot = BOOT,
			     .action = RESPONSE_THROTTLE,
			     .begun_unix_ns = 1700000000123456789,
			     .until_unix_ns = 1700000600123456789,
			     .container = container,
			     .image = image,
			     .changes = &c,
			     .n = 1 };
	struct record out;
	struct err e = { "" };

	(void)state;
	buf_init(&b, 8192);
	record_print(&b, &in);
	assert_int_equal(record_parse((struct span){ b.data, b.len }, &out, &e), 0);
	assert_string_equal(out.changes[0].place.path, path);
	assert_true(out.changes[0].place.inode == UINT64_MAX);
	assert_true(out.begun_unix_ns == in.begun_unix_ns && out.until_unix_ns == in.until_unix_ns);
	assert_string_equal(out.changes[0].before, c.before);
	assert_string_equal(out.image, image);
	record_release(&out);
	/* cut at each byte it is damaged, and nothing else happens */
	for (size_t n = 0; n < b.len; n++) {
		char *copy = malloc(n ? n : 1);

		memcpy(copy, b.data, n);
		assert_int_equal(record_parse((struct span){ copy, n }, &out, &e), -EINVAL);
		free(copy);
	}
}

/* Whatever the disk made of it: what is read is a freeze of some cgroup, or nothing. */
static void any_flipped_bit_is_seen(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char container[] = ID, image[] = "web", path[] = "/docker/" ID;
	struct change c = { .file = FILE_FREEZE_V2,
			    .place = { HIERARCHY_V2, 77, path },
			    .before = "0",
			    .set = "1" };
	struct record in = { .id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
			     .boot = BOOT,
			     .begun_unix_ns = 1700000000000000000,
			     .container = container,
			     .image = image,
			     .changes = &c,
			     .n = 1 };
	struct record out;

	(void)state;
	buf_init(&b, 8192);
	record_print(&b, &in);
	for (size_t i = 0; i < 8 * b.len; i++) {
		b.data[i / 8] ^= (char)(1 << i % 8);
		const int r = record_parse((struct span){ b.data, b.len }, &out, NULL);

		b.data[i / 8] ^= (char)(1 << i % 8);
		/* an upper-case digit of the sum is the same digit */
		assert_true(r == -EINVAL || r == -EBADMSG || i / 8 > b.len - 20);
		if (r == -EINVAL)
			continue;
		assert_int_equal(out.n, 1);
		assert_string_equal(out.changes[0].before, "0");
		assert_string_equal(out.changes[0].set, "1");
		assert_true(place_is_sane(out.changes[0].place.path));
		record_release(&out);
	}
}

/* --- the disk ----------------------------------------------------------------------------------
 */

/* A limit of the file's size stands for a full disk. */
static void set_file_limit(rlim_t bytes)
{
	struct rlimit l;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void on_a_full_disk_nothing_begins_but_all_ends(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	for (rlim_t limit = 4; limit < 100; limit += 40) {
		set_file_limit(limit); /* as long as what cgroup files take */
		assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
		assert_int_equal(box_last(b)->kind, RESPONSE_FAILED);
		assert_non_null(strstr(box_last(b)->text, "File too large"));
		assert_string_equal(box_read(b, CPU_MAX), "max 100000");
		assert_string_equal(journal_file(b, ".new"), ""); /* and no half file */
	}
	assert_int_equal(response_undo_all(b->r), 1);
	set_file_limit(RLIM_INFINITY);
	assert_string_equal(box_read(b, FREEZE), "0");
	assert_string_equal(journal_file(b, ""), "");
	assert_int_equal(response_stats(b->r).journal_errors, 3);
}

static void a_folder_that_cannot_be_used_keeps_things_from_beginning(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE "@ state/responses\nin the way\n", true);
	char path[256];

	(void)state;
	box_open(b);
	assert_int_equal(response_recover(b->r, NULL), -ENOTDIR);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_int_equal(box_last(b)->kind, RESPONSE_FAILED);
	assert_string_equal(box_read(b, FREEZE), "0");
	snprintf(path, sizeof(path), "%s/state/responses", b->t.path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_int_equal(box_last(b)->kind, RESPONSE_BEGUN);
}

/* Left there it would thaw, at the next start, what somebody else froze since. */
static void a_file_that_cannot_be_removed_is_tried_again(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char path[256], away[256];

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	snprintf(path, sizeof(path), "%s/state/responses", b->t.path);
	snprintf(away, sizeof(away), "%s/state/away", b->t.path);
	assert_int_equal(rename(path, away), 0);
	tree_write(&b->t, "state/responses", "x", 1);
	assert_int_equal(response_undo_all(b->r), 1);
	assert_string_equal(box_read(b, FREEZE), "0");
	assert_int_equal(response_stats(b->r).journal_errors, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(away, path), 0);
	assert_string_not_equal(journal_file(b, ".json"), "");
	response_tick(b->r);
	assert_string_not_equal(journal_file(b, ".json"), "");
	b->now_ns += RESPONSE_RETRY_NS;
	response_tick(b->r);
	assert_string_equal(journal_file(b, ".json"), "");
}

static void what_could_not_be_recovered_is_tried_again_ever_more_rarely(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char path[256], away[256];

	(void)state;
	in_child(b, -1, freeze);
	snprintf(path, sizeof(path), "%s/state/responses", b->t.path);
	snprintf(away, sizeof(away), "%s/state/away", b->t.path);
	assert_int_equal(rename(path, away), 0);
	tree_write(&b->t, "state/responses", "x", 1);
	box_open(b);
	assert_int_equal(response_recover(b->r, NULL), -ENOTDIR);
	response_tick(b->r); /* not at once */
	assert_int_equal(response_stats(b->r).recover_errors, 1);
	b->now_ns += NS_PER_S;
	response_tick(b->r);
	assert_int_equal(response_stats(b->r).recover_errors, 2);
	b->now_ns += NS_PER_S;
	response_tick(b->r);
	assert_int_equal(response_stats(b->r).recover_errors, 2);
	for (unsigned i = 0; i < 3600; i++) {
		b->now_ns += NS_PER_S;
		response_tick(b->r);
	}
	assert_true(response_stats(b->r).recover_errors > 60);
	assert_true(response_stats(b->r).recover_errors < 70);
	assert_string_equal(box_read(b, FREEZE), "1");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(away, path), 0);
	b->now_ns += 60 * NS_PER_S;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE), "0");
	assert_int_equal(box_last(b)->kind, RESPONSE_UNDONE);
	assert_int_equal(box_last(b)->reason, RESPONSE_CRASH);
	assert_string_equal(journal_file(b, ""), "");
	const uint64_t errors = response_stats(b->r).recover_errors;

	b->now_ns += 600 * NS_PER_S; /* and it is over */
	response_tick(b->r);
	assert_int_equal(response_stats(b->r).recover_errors, errors);
}

static void what_this_run_did_is_no_leftover_when_recovery_is_tried_again(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE "@ state/responses\nin the way\n", true);
	char path[256];

	(void)state;
	box_open(b);
	assert_int_equal(response_recover(b->r, NULL), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/state/responses", b->t.path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	b->now_ns += 2 * NS_PER_S;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE), "1");
	assert_string_not_equal(journal_file(b, ".json"), "");
	assert_int_equal(response_stats(b->r).active, 1);
}

static void a_file_that_cannot_be_read_is_told_once_and_tried_again(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char path[512], away[256];

	(void)state;
	in_child(b, -1, freeze);
	snprintf(path, sizeof(path), "%s/%s", b->t.path, journal_file(b, ".json"));
	snprintf(away, sizeof(away), "%s/state/away", b->t.path);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(mkdir(path, 0700), 0); /* what cannot be read as a file */
	box_open(b);
	assert_int_equal(response_recover(b->r, NULL), 0);
	assert_int_equal(b->n, 1);
	assert_int_equal(box_last(b)->kind, RESPONSE_DAMAGED);
	b->now_ns += NS_PER_S;
	response_tick(b->r);
	assert_int_equal(b->n, 1);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(away, path), 0);
	b->now_ns += 2 * NS_PER_S;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE), "0");
}

static void the_folder_is_roots_alone(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char path[512];
	struct stat st;

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	snprintf(path, sizeof(path), "%s/" FOLDER, b->t.path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/%s", b->t.path, journal_file(b, ".json"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

int main(void)
{
	const struct CMUnitTest journal[] = {
		cmocka_unit_test(a_death_at_any_step_leaves_nothing_frozen),
		cmocka_unit_test(a_crash_is_mended_with_what_was_there),
		cmocka_unit_test(limits_below_are_mended_on_v1),
		cmocka_unit_test(what_is_of_another_boot_is_forgotten),
		cmocka_unit_test(a_directory_that_was_replaced_meanwhile_is_left),
		cmocka_unit_test(without_the_boot_id_nothing_begins),
		cmocka_unit_test(a_damaged_file_is_set_aside_and_the_others_are_undone),
		cmocka_unit_test(a_freeze_is_undone_also_when_its_sum_is_wrong_a_throttle_is_not),
		cmocka_unit_test(a_file_cannot_make_us_write_something_else),
		cmocka_unit_test(what_is_no_journal_is_not_looked_at),
		cmocka_unit_test(paths_of_any_bytes_come_back),
		cmocka_unit_test(any_flipped_bit_is_seen),
		cmocka_unit_test(on_a_full_disk_nothing_begins_but_all_ends),
		cmocka_unit_test(a_folder_that_cannot_be_used_keeps_things_from_beginning),
		cmocka_unit_test(a_file_that_cannot_be_removed_is_tried_again),
		cmocka_unit_test(what_could_not_be_recovered_is_tried_again_ever_more_rarely),
		cmocka_unit_test(what_this_run_did_is_no_leftover_when_recovery_is_tried_again),
		cmocka_unit_test(a_file_that_cannot_be_read_is_told_once_and_tried_again),
		cmocka_unit_test(the_folder_is_roots_alone),
	};

	return cmocka_run_group_tests(journal, NULL, NULL);
}
