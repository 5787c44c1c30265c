// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "detector/users_internal.h"
#include "tests/unit/fixture.h"

#define STAT(pid, ticks)                                                                           \
	"@ proc/" #pid "/stat\n" #pid " (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " #ticks       \
	" 0 0\n"
#define MAPS(pid, map) "@ proc/" #pid "/uid_map\n" map "\n@ proc/" #pid "/gid_map\n" map "\n"
#define ALL	       "         0          0 4294967295"

#define WORLD                                                                                      \
	"@ host/etc/passwd\nroot:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:\n"      \
	"@ host/etc/group\nroot:x:0:\nwheel:x:10:alice\n" STAT(42, 500) MAPS(                      \
		42,                                                                                \
		ALL) "@ proc/42/root/etc/passwd\nadmin:x:0:0::/:/bin/sh\nweb:x:33:33::/var/www:\n" \
		     "@ proc/42/root/etc/group\nadmins:x:0:\n" STAT(43, 600)                       \
			     MAPS(43, ALL) "@ proc/43/root/etc/passwd\nother:x:0:0::/other:\n"

#define TICK_NS (NS_PER_S / 100)

struct box {
	struct tree t;
	char proc[256], host[256];
	struct loop *loop;
	struct worker *worker;
	struct users *u;
	uint64_t now;
	struct worker_job mark;
};
static struct box box;

static void nothing(struct worker_job *job)
{
	(void)job;
}

static void stop(struct worker_job *job)
{
	(void)job;
	if (!worker_closing(box.worker))
		loop_stop(box.loop);
}

/* Till the reads that were asked for are done: the worker takes jobs in their order. */
static void settle(void)
{
	box.mark = (struct worker_job){ .run = nothing, .done = stop };
	assert_int_equal(worker_submit(box.worker, &box.mark, false), 0);
	assert_int_equal(loop_run(box.loop, NULL), 0);
}

static void box_make(const char *literal)
{
	struct users_options o = { 0 };

	box = (struct box){ .t = tree_make(literal), .now = 1000 * NS_PER_S };
	snprintf(box.proc, sizeof(box.proc), "%s/proc", box.t.path);
	snprintf(box.host, sizeof(box.host), "%s/host", box.t.path);
	assert_int_equal(loop_new(&box.loop, NULL), 0);
	assert_int_equal(worker_new(&box.worker, box.loop, "test", NULL), 0);
	o = (struct users_options){ box.worker, box.proc, box.host };
	assert_int_equal(users_new(&box.u, &o, NULL), 0);
}

static int box_remove(void **state)
{
	(void)state;
	worker_free(TAKE(box.worker));
	users_free(TAKE(box.u));
	loop_free(TAKE(box.loop));
	tree_remove(&box.t);
	return 0;
}

static const char *printed(bool known, struct span s)
{
	static char text[512];

	if (!known)
		return "-";
	snprintf(text, sizeof(text), "%.*s", (int)s.n, s.p);
	return text;
}

static const char *user(uint64_t key, uint32_t uid)
{
	struct span s = { NULL, 0 };

	return printed(users_user(box.u, key, uid, box.now, &s), s);
}

static const char *group(uint64_t key, uint32_t gid)
{
	struct span s = { NULL, 0 };

	return printed(users_group(box.u, key, gid, box.now, &s), s);
}

static const char *home(uint64_t key, uint32_t uid)
{
	struct span s = { NULL, 0 };

	return printed(users_home(box.u, key, uid, box.now, &s), s);
}

static void start(uint64_t key, pid_t pid)
{
	assert_int_equal(users_container(box.u, key, pid, 0, box.now), 0);
	settle();
}

static uint64_t reads(void)
{
	return users_stats(box.u).reads;
}

static void write_text(const char *path, const char *text)
{
	tree_write(&box.t, path, text, strlen(text));
}

static void users_of_the_host_are_known_from_the_start(void **state)
{
	(void)state;
	box_make(WORLD);
	assert_string_equal(user(0, 1000), "alice");
	assert_string_equal(home(0, 1000), "/home/alice");
	assert_string_equal(group(0, 10), "wheel");
	assert_string_equal(user(0, 7), "-");
	assert_string_equal(group(0, 1000), "-");
}

static void a_container_has_the_hosts_names_until_it_is_read_and_then_its_own(void **state)
{
	(void)state;
	box_make(WORLD);
	assert_string_equal(user(7, 0), "root"); /* not heard of */
	assert_int_equal(users_container(box.u, 7, 42, 0, box.now), 0);
	assert_string_equal(user(7, 0), "root");
	settle();
	assert_string_equal(user(7, 0), "admin");
	assert_string_equal(user(7, 33), "web");
	assert_string_equal(home(7, 33), "/var/www");
	assert_string_equal(group(7, 0), "admins");
	assert_string_equal(user(7, 1000), "-"); /* the host's alice is nobody there */
	assert_string_equal(group(7, 10), "-");
	assert_string_equal(user(8, 0), "root");
	users_forget(box.u, 7);
	assert_string_equal(user(7, 0), "root");
}

static void containers_do_not_see_each_others_users(void **state)
{
	(void)state;
	box_make(WORLD);
	start(7, 42);
	start(8, 43);
	assert_string_equal(user(7, 0), "admin");
	assert_string_equal(user(8, 0), "other");
	assert_string_equal(group(8, 0), "-"); /* it has no /etc/group */
}

static void a_file_is_read_again_when_its_stamp_has_changed_and_a_minute_is_over(void **state)
{
	(void)state;
	box_make(WORLD);
	start(7, 42);
	write_text("proc/42/root/etc/passwd", "longer-name:x:0:0::/:/bin/sh\n");
	user(7, 0);
	settle();
	assert_string_equal(user(7, 0), "admin"); /* not yet */
	box.now += USERS_REFRESH_NS;
	assert_string_equal(user(7, 0), "admin");
	settle();
	assert_string_equal(user(7, 0), "longer-name");
	const uint64_t before = reads();

	box.now += USERS_REFRESH_NS;
	user(7, 0);
	settle();
	assert_int_equal(reads(), before); /* looked at, and unchanged */
	assert_true(users_stats(box.u).unchanged > 0);
}

static void the_hosts_files_are_read_again_too(void **state)
{
	(void)state;
	box_make(WORLD);
	user(0, 0);
	settle();
	write_text("host/etc/passwd", "toor:x:0:0::/:\n");
	box.now += USERS_REFRESH_NS;
	user(0, 0);
	settle();
	assert_string_equal(user(0, 0), "toor");
}

static void a_written_file_is_read_at_once_but_once_a_second(void **state)
{
	(void)state;
	box_make(WORLD);
	start(7, 42);
	const uint64_t before = reads();

	box.now += USERS_RETRY_NS;
	write_text("proc/42/root/etc/passwd", "first:x:0:0::/:/bin/sh\n");
	users_changed(box.u, 7, box.now);
	settle();
	assert_string_equal(user(7, 0), "first");
	write_text("proc/42/root/etc/passwd", "secnd:x:0:0::/:/bin/sh\n");
	for (int i = 0; i < 100; i++)
		users_changed(box.u, 7, box.now);
	settle();
	assert_int_equal(reads(), before + 1);
	box.now += USERS_RETRY_NS;
	user(7, 0);
	settle();
	assert_string_equal(user(7, 0), "secnd"); /* also when the stamp says the same */
	assert_int_equal(reads(), before + 2);
	users_changed(box.u, 99, box.now); /* nobody */
}

static void links_do_not_lead_out_of_a_containers_root(void **state)
{
	(void)state;
	box_make("@ host/etc/passwd\nroot:x:0:0::/root:\n"
		 "@ secret\nstolen:x:0:0::/:\n" STAT(42, 500)
			 MAPS(42, ALL) "@ proc/42/root/etc/passwd -> ../../../../secret\n"
				       "@ proc/42/root/etc/group -> /etc/groups/main\n"
				       "@ proc/42/root/etc/groups/main\nmine:x:5:\n");
	start(7, 42);
	assert_string_equal(user(7, 0), "-");
	assert_string_equal(group(7, 5), "mine"); /* within it they are followed */
}

static void what_is_no_file_is_not_opened(void **state)
{
	char path[512];

	(void)state;
	box_make("@ host/etc/passwd\nroot:x:0:0::/root:\n" STAT(42, 500)
			 MAPS(42, ALL) "@ proc/42/root/etc/group/x\n\n");
	snprintf(path, sizeof(path), "%s/proc/42/root/etc/passwd", box.t.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	start(7, 42); /* would hang */
	assert_string_equal(user(7, 0), "-");
	assert_string_equal(group(7, 0), "-");
	assert_int_equal(users_stats(box.u).failed, 0);
}

static void a_root_that_is_still_the_hosts_is_looked_at_again(void **state)
{
	char path[512];

	(void)state;
	box_make("@ host/etc/passwd\nroot:x:0:0::/root:\n" STAT(42, 500)
			 MAPS(42, ALL) "@ proc/42/root -> ../../host\n"
				       "@ box/etc/passwd\nadmin:x:0:0::/:\n");
	start(7, 42);
	assert_string_equal(user(7, 0), "root");
	snprintf(path, sizeof(path), "%s/proc/42/root", box.t.path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../../box", path), 0);
	box.now += USERS_RETRY_NS;
	user(7, 0);
	settle();
	assert_string_equal(user(7, 0), "admin");
}

static void a_later_process_with_the_same_number_is_not_the_containers(void **state)
{
	(void)state;
	box_make(WORLD);
	assert_int_equal(users_container(box.u, 7, 42, 400 * TICK_NS, box.now), 0);
	settle();
	assert_string_equal(user(7, 0), "root"); /* that one started at 500 */
	assert_int_equal(users_stats(box.u).failed, 1);
	assert_int_equal(users_container(box.u, 7, 42, 500 * TICK_NS + 7, box.now), 0);
	settle();
	assert_string_equal(user(7, 0), "admin");
	/* the same, also by its own clock and when it is not known: nothing to do */
	const uint64_t before = reads();

	assert_int_equal(users_container(box.u, 7, 42, 500 * TICK_NS + 7, box.now), 0);
	assert_int_equal(users_container(box.u, 7, 42, 0, box.now), 0);
	settle();
	assert_int_equal(reads(), before);
	/* it ends, and another takes its number: the names stay as they were */
	write_text("proc/42/stat", "42 (y) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 900 0 0\n");
	write_text("proc/42/root/etc/passwd", "foreign:x:0:0::/:\n");
	box.now += USERS_REFRESH_NS;
	user(7, 0);
	settle();
	assert_string_equal(user(7, 0), "admin");
}

static void another_first_process_is_read_even_while_the_last_is(void **state)
{
	(void)state;
	box_make(WORLD);
	assert_int_equal(users_container(box.u, 7, 42, 0, box.now), 0);
	assert_int_equal(users_container(box.u, 7, 43, 0, box.now), 0);
	settle();
	settle(); /* the second read was asked for by the end of the first */
	assert_string_equal(user(7, 0), "other");
}

static void a_container_that_ends_while_it_is_read_leaves_nothing(void **state)
{
	struct capacity rows[USERS_CAPACITY_ROWS];

	(void)state;
	box_make(WORLD);
	users_capacity(box.u, rows);
	const uint64_t bytes = rows[1].used;

	assert_int_equal(users_container(box.u, 7, 42, 0, box.now), 0);
	users_forget(box.u, 7);
	assert_int_equal(users_container(box.u, 7, 43, 0, box.now), 0); /* its number is reused */
	users_forget(box.u, 7);
	settle();
	users_capacity(box.u, rows);
	assert_int_equal(rows[0].used, 0);
	assert_int_equal(rows[1].used, bytes);
	assert_string_equal(user(7, 0), "root");
	assert_int_equal(users_container(box.u, 7, 42, 0, box.now), 0);
	/* and the worker ends with it in its queue */
}

static void numbers_are_those_of_the_host_beside_user_namespaces(void **state)
{
	(void)state;
	box_make(
		"@ host/etc/passwd\nroot:x:0:0::/root:\nalice:x:1000:1000::/:\n" STAT(42, 500) MAPS(
			42,
			"0 1000 1\n1 100000 65536") "@ "
						    "proc/42/root/etc/passwd\nroot:x:0:0::/root:\n"
						    "web:x:33:33::/:\nnode:x:1000:1000::/"
						    ":\nfar:x:70000:1::/:\n"
						    "@ proc/42/root/etc/group\nroot:x:0:\n");
	start(7, 42);
	assert_string_equal(user(7, 1000), "root");
	assert_string_equal(user(7, 100032), "web");
	assert_string_equal(user(7, 100999), "node");
	assert_string_equal(user(7, 0), "-");
	assert_string_equal(user(7, 70000), "-");
	assert_string_equal(group(7, 1000), "root");
}

static void a_map_that_is_not_written_yet_is_waited_for(void **state)
{
	(void)state;
	box_make("@ host/etc/passwd\nroot:x:0:0::/root:\n" STAT(
		42, 500) "@ proc/42/uid_map\n@ proc/42/gid_map\n"
			 "@ proc/42/root/etc/passwd\nadmin:x:0:0::/:\n");
	start(7, 42);
	assert_string_equal(user(7, 0), "root");
	write_text("proc/42/uid_map", "0 5000 10\n");
	write_text("proc/42/gid_map", "0 5000 10\n");
	box.now += USERS_RETRY_NS;
	user(7, 0);
	settle();
	assert_string_equal(user(7, 5000), "admin");
}

static void the_container_least_asked_for_makes_room(void **state)
{
	struct capacity rows[USERS_CAPACITY_ROWS];

	(void)state;
	box_make(WORLD);
	for (uint64_t key = 1; key <= USERS_CONTAINERS; key++)
		assert_int_equal(users_container(box.u, key, 42, 0, box.now), 0);
	settle();
	assert_string_equal(user(1, 0), "admin"); /* is the newest now */
	users_capacity(box.u, rows);
	assert_string_equal(rows[0].table, "user_containers");
	assert_int_equal(rows[0].used, USERS_CONTAINERS);
	assert_int_equal(rows[0].capacity, USERS_CONTAINERS);
	assert_int_equal(rows[0].refused, 0);
	start(5000, 43);
	assert_string_equal(user(5000, 0), "other");
	assert_string_equal(user(1, 0), "admin");
	assert_string_equal(user(2, 0), "root");
	users_capacity(box.u, rows);
	assert_int_equal(rows[0].used, USERS_CONTAINERS);
	assert_int_equal(rows[0].refused, 1);
}

/* All places wait for the worker, which is at none of them yet. */
static void when_every_place_is_held_a_container_is_refused(void **state)
{
	struct capacity rows[USERS_CAPACITY_ROWS];

	(void)state;
	box_make(WORLD);
	for (uint64_t key = 1; key <= USERS_CONTAINERS; key++) {
		assert_int_equal(users_container(box.u, key, 42, 0, box.now), 0);
		users_forget(box.u, key);
	}
	assert_int_equal(users_container(box.u, 9000, 42, 0, box.now), -ENOSPC);
	users_capacity(box.u, rows);
	assert_int_equal(rows[0].refused, 1);
	settle();
	start(9000, 42);
	assert_string_equal(user(9000, 0), "admin");
}

static void bad_pids_and_the_hosts_key_are_refused(void **state)
{
	(void)state;
	box_make(WORLD);
	assert_int_equal(users_container(box.u, 7, 0, 0, box.now), -EINVAL);
	assert_int_equal(users_container(box.u, 0, 42, 0, box.now), -EINVAL);
	users_forget(box.u, 0);
	assert_string_equal(user(0, 0), "root");
	start(7, 999); /* no such process */
	assert_string_equal(user(7, 0), "root");
}

static void a_long_file_is_cut_at_a_line(void **state)
{
	const size_t line = 64, n = USERS_FILE_BYTES / line + 10;
	AUTO_FREE char *text = malloc(n * line + 1);
	struct capacity rows[USERS_CAPACITY_ROWS];

	(void)state;
	assert_non_null(text);
	box_make(WORLD);
	for (size_t i = 0; i < n; i++) {
		char number[128];
		int used = snprintf(number, sizeof(number), "u%zu:x:%zu:0:", i, i % 100);

		memset(text + i * line, 'c', line);
		memcpy(text + i * line, number, (size_t)used);
		memcpy(text + (i + 1) * line - 6, ":/h:/\n", 6);
	}
	tree_write(&box.t, "proc/42/root/etc/passwd", text, n * line - 1);
	start(7, 42);
	assert_string_equal(user(7, 3), "u3");
	assert_string_equal(home(7, 99), "/h");
	users_capacity(box.u, rows);
	assert_true(rows[2].refused > 0);
}

/* --- the parser ---------------------------------------------------------------------------- */

static const char *parsed(struct span passwd, uint32_t uid)
{
	AUTO_FREE struct user_set *s = users_parse(passwd, (struct span){ NULL, 0 },
						   (struct span){ NULL, 0 },
						   (struct span){ NULL, 0 });
	const struct user_entry *e;

	assert_non_null(s);
	e = users_search(&s->users, uid);
	return printed(e != NULL, e ? (struct span){ s->text + e->name_at, e->name_n }
				    : (struct span){ NULL, 0 });
}

static void lines_that_are_damaged_name_nobody(void **state)
{
	static const char text[] = "a:x:1\nb:x:\nc:x\n:x:4:4::/:\n+::5:::\n-x:x:6:6::/:\n"
				   "#h:x:7:7::/:\nn\0m:x:8:8::/:\ng:x:-9:9::/:\n"
				   "big:x:4294967296:0::/:\nmax:x:4294967295:0::/:\n"
				   "h:x:10 :10::/:\nlast:x:11:11";
	const struct span s = { text, sizeof(text) - 1 };

	(void)state;
	assert_string_equal(parsed(s, 1), "a");
	for (uint32_t uid = 2; uid < 11; uid++)
		assert_string_equal(parsed(s, uid), "-");
	assert_string_equal(parsed(s, 11), "last");
	assert_string_equal(parsed(s, UINT32_MAX), "max");
	assert_string_equal(parsed((struct span){ "", 0 }, 0), "-");
	assert_string_equal(parsed(SPAN_LIT("\n\n::::::\n"), 0), "-");
}

static void the_first_of_two_users_with_one_number_is_told(void **state)
{
	(void)state;
	assert_string_equal(parsed(SPAN_LIT("z:x:9:\nroot:x:0:\ntoor:x:0:\na:x:0:\n"), 0), "root");
}

static void a_container_cannot_have_more_than_its_share(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char name[USERS_NAME_MAX + 2];
	const struct span none = { NULL, 0 };

	(void)state;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < USERS_MAX + 5; i++)
		buf_printf(&b, "u%d:x:%d:\n", i, i);
	AUTO_FREE struct user_set *s =
		users_parse(none, (struct span){ b.data, b.len }, none, none);

	assert_non_null(s);
	assert_int_equal(s->groups.n, USERS_MAX);
	assert_int_equal(s->refused, 5);
	assert_null(users_search(&s->groups, USERS_MAX));
	assert_non_null(users_search(&s->groups, USERS_MAX - 1));
	/* of names, and of all their bytes */
	buf_clear(&b);
	memset(name, 'n', sizeof(name));
	for (int i = 0; i < 300; i++)
		buf_printf(&b, "%.*s:x:%d:0::/h\n", USERS_NAME_MAX, name, i);
	buf_printf(&b, "%.*s:x:5000:\n", USERS_NAME_MAX + 1, name);
	AUTO_FREE struct user_set *t =
		users_parse((struct span){ b.data, b.len }, none, none, none);

	assert_non_null(t);
	assert_int_equal(t->users.n, USERS_TEXT_BYTES / (USERS_NAME_MAX + 2));
	assert_int_equal(t->refused, 301 - t->users.n);
}

static void the_files_are_known_by_their_names(void **state)
{
	(void)state;
	assert_true(users_is_file(SPAN_LIT("/etc/passwd")));
	assert_true(users_is_file(SPAN_LIT("/etc/group")));
	assert_false(users_is_file(SPAN_LIT("/etc/passwd-")));
	assert_false(users_is_file(SPAN_LIT("/etc")));
}

#define IN_BOX(test) cmocka_unit_test_teardown(test, box_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOX(users_of_the_host_are_known_from_the_start),
		IN_BOX(a_container_has_the_hosts_names_until_it_is_read_and_then_its_own),
		IN_BOX(containers_do_not_see_each_others_users),
		IN_BOX(a_file_is_read_again_when_its_stamp_has_changed_and_a_minute_is_over),
		IN_BOX(the_hosts_files_are_read_again_too),
		IN_BOX(a_written_file_is_read_at_once_but_once_a_second),
		IN_BOX(links_do_not_lead_out_of_a_containers_root),
		IN_BOX(what_is_no_file_is_not_opened),
		IN_BOX(a_root_that_is_still_the_hosts_is_looked_at_again),
		IN_BOX(a_later_process_with_the_same_number_is_not_the_containers),
		IN_BOX(another_first_process_is_read_even_while_the_last_is),
		IN_BOX(a_container_that_ends_while_it_is_read_leaves_nothing),
		IN_BOX(numbers_are_those_of_the_host_beside_user_namespaces),
		IN_BOX(a_map_that_is_not_written_yet_is_waited_for),
		IN_BOX(the_container_least_asked_for_makes_room),
		IN_BOX(when_every_place_is_held_a_container_is_refused),
		IN_BOX(bad_pids_and_the_hosts_key_are_refused),
		IN_BOX(a_long_file_is_cut_at_a_line),
		cmocka_unit_test(lines_that_are_damaged_name_nobody),
		cmocka_unit_test(the_first_of_two_users_with_one_number_is_told),
		cmocka_unit_test(a_container_cannot_have_more_than_its_share),
		cmocka_unit_test(the_files_are_known_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
