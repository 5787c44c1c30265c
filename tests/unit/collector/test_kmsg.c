// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/kmsg.h"
#include "tests/unit/fixture.h"

#define HEAD  "6,350,756525725,-;"
#define START HEAD "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=c1,mems_allowed=0"
#define PLAIN START ",oom_memcg=/docker/c1,task_memcg=/docker/c1/app,task=stress,pid=123,uid=0\n"

static void a_kill_at_a_limit_names_both_cgroups_and_the_task(void **state)
{
	struct kmsg_oom oom;

	(void)state;
	assert_true(kmsg_parse(span_str(PLAIN), &oom));
	assert_string_equal(oom.oom_memcg, "/docker/c1");
	assert_string_equal(oom.task_memcg, "/docker/c1/app");
	assert_string_equal(oom.comm, "stress");
	assert_int_equal(oom.pid, 123);
}

static void a_global_kill_has_the_root_as_its_limit(void **state)
{
	struct kmsg_oom oom;

	(void)state;
	assert_true(kmsg_parse(SPAN_LIT(HEAD "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),"
					     "cpuset=/,mems_allowed=0-1,global_oom,"
					     "task_memcg=/docker/c1,task=a b,pid=7,uid=1000\n"
					     " SUBSYSTEM=x\n"),
			       &oom));
	assert_string_equal(oom.oom_memcg, "/");
	assert_string_equal(oom.task_memcg, "/docker/c1");
	assert_string_equal(oom.comm, "a b");
}

static void a_task_name_cannot_forge_fields(void **state)
{
	struct kmsg_oom oom;

	(void)state;
	assert_true(kmsg_parse(SPAN_LIT(START ",oom_memcg=/c1,task_memcg=/c1,"
					      "task=x,pid=1,uid=0,pid=99,uid=5\n"),
			       &oom));
	assert_string_equal(oom.comm, "x,pid=1,uid=0");
	assert_int_equal(oom.pid, 99);
	assert_true(kmsg_parse(SPAN_LIT(START ",oom_memcg=/c1,task_memcg=/c1,"
					      "task=a,task=b,pid=99,uid=5\n"),
			       &oom));
	assert_string_equal(oom.comm, "a,task=b");
	assert_string_equal(oom.task_memcg, "/c1");
	assert_true(kmsg_parse(SPAN_LIT(START ",oom_memcg=/c1,task_memcg=/c1,"
					      "task=\\x1b[31m\\x5c\\xff\\xff,pid=99,uid=5\n"),
			       &oom));
	assert_string_equal(oom.comm, "\x1b[31m\\\xff\xff");
}

static void a_cgroup_name_cannot_blame_another_container(void **state)
{
	struct kmsg_oom oom;

	(void)state;
	assert_true(kmsg_parse(SPAN_LIT(START ",oom_memcg=/docker/c1/x,task_memcg=/docker/c2"
					      ",task_memcg=/docker/c1/x,task_memcg=/docker/c2,"
					      "task=t,pid=9,uid=0\n"),
			       &oom));
	assert_string_equal(oom.oom_memcg, "/docker/c1/x,task_memcg=/docker/c2");
	assert_string_equal(oom.task_memcg, "/docker/c1/x,task_memcg=/docker/c2");
	assert_true(kmsg_parse(SPAN_LIT(HEAD "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),"
					     "cpuset=y,global_oom,task_memcg=z,mems_allowed=0,"
					     "oom_memcg=/docker/c1,task_memcg=/docker/c1,"
					     "task=t,pid=9,uid=0\n"),
			       &oom));
	assert_string_equal(oom.task_memcg, "/docker/c1");
	assert_string_equal(oom.oom_memcg, "/docker/c1");
	/* the victim lies below the limit, or the line is none of the kernel's */
	assert_false(kmsg_parse(SPAN_LIT(START ",oom_memcg=/docker/c1,task_memcg=/docker/c2,"
					       "task=t,pid=9,uid=0\n"),
				&oom));
	assert_false(kmsg_parse(SPAN_LIT(START ",oom_memcg=/docker/c1,task_memcg=/docker/c11,"
					       "task=t,pid=9,uid=0\n"),
				&oom));
}

static void what_user_space_wrote_is_not_believed(void **state)
{
	struct kmsg_oom oom;
	char forged[] = "14" PLAIN; /* facility user, as /dev/kmsg forces on writers */

	(void)state;
	memmove(forged + 2, forged + 3, strlen(forged + 3) + 1);
	assert_memory_equal(forged, "14,350", 6);
	assert_false(kmsg_parse(span_str(forged), &oom));
}

static void damaged_and_other_records_are_no_kills(void **state)
{
	static const char *const bad[] = {
		"",
		";",
		"6",
		"6,1,2,-",
		HEAD,
		HEAD "\n",
		HEAD "oom-kill:constraint=\n",
		HEAD "Memory cgroup out of memory: Killed process 1 (x)\n",
		HEAD " oom-kill:constraint=X,oom_memcg=/a,task_memcg=/a,task=t,pid=9,uid=0\n",
		START ",oom_memcg=/a,task_memcg=/a,task=t,pid=9,uid=\n",
		START ",oom_memcg=/a,task_memcg=/a,task=t,pid=,uid=0\n",
		START ",oom_memcg=/a,task_memcg=/a,task=t,pid=0,uid=0\n",
		START ",oom_memcg=/a,task_memcg=/a,task=t,pid=99999999999,uid=0\n",
		START ",oom_memcg=/a,task_memcg=/a,task=a-name-that-is-too-long,pid=9,uid=0\n",
		START ",oom_memcg=/a,task=t,pid=9,uid=0\n",
		START ",oom_memcg=a,task_memcg=a,task=t,pid=9,uid=0\n",
		START ",task=t,pid=9,uid=0\n",
	};
	struct kmsg_oom oom = { .pid = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(kmsg_parse(span_str(bad[i]), &oom));
	for (size_t n = 0; n < sizeof(PLAIN) - 4; n++)
		assert_false(kmsg_parse((struct span){ PLAIN, n }, &oom));
	assert_int_equal(oom.pid, 1);
}

static void paths_that_do_not_fit_are_refused(void **state)
{
	char text[2048];
	struct kmsg_oom oom;

	(void)state;
	snprintf(text, sizeof(text),
		 START ",oom_memcg=/%0600d,task_memcg=/%0600d,task=t,pid=9,uid=0\n", 1, 1);
	assert_false(kmsg_parse(span_str(text), &oom));
}

struct seen {
	struct loop *loop;
	unsigned kills;
	struct kmsg_oom last;
};

static void on_oom(void *ctx, const struct kmsg_oom *oom)
{
	struct seen *s = ctx;

	s->kills++;
	s->last = *oom;
	loop_stop(s->loop);
}

static void records_reach_the_caller_through_the_loop(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x\n");
	AUTO(loop_free) struct loop *loop = NULL;
	AUTO(kmsg_free) struct kmsg *k = NULL;
	struct seen seen = { .kills = 0 };
	struct err e = { "" };
	char path[160];

	(void)state;
	snprintf(path, sizeof(path), "%s/kmsg", t.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(loop_new(&loop, &e), 0);
	seen.loop = loop;
	assert_int_equal(kmsg_new(&k, loop, path, on_oom, &seen, &e), 0);
	AUTO_FD int w = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(w, PLAIN, strlen(PLAIN)), (ssize_t)strlen(PLAIN));
	assert_int_equal(loop_run(loop, &e), 0);
	assert_int_equal(seen.kills, 1);
	assert_string_equal(seen.last.comm, "stress");
	assert_int_equal(kmsg_lost(k), 0);
	static const char later[] =
		"6,360,0,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),"
		"cpuset=c,mems_allowed=0,oom_memcg=/c,task_memcg=/c,"
		"task=t,pid=5,uid=0\n";

	assert_int_equal(write(w, later, sizeof(later) - 1), (ssize_t)sizeof(later) - 1);
	assert_int_equal(loop_run(loop, &e), 0);
	assert_int_equal(seen.kills, 2);
	assert_int_equal(kmsg_lost(k), 9); /* 351 to 359 */
}

static void a_missing_log_is_named_in_the_error(void **state)
{
	AUTO(loop_free) struct loop *loop = NULL;
	struct kmsg *k = NULL;
	struct err e = { "" };

	(void)state;
	assert_int_equal(loop_new(&loop, &e), 0);
	assert_int_equal(kmsg_new(&k, loop, "/nonexistent", on_oom, NULL, &e), -ENOENT);
	assert_null(k);
	assert_string_equal(e.text,
			    "cannot open kernel log '/nonexistent': No such file or directory");
}

int main(void)
{
	const struct CMUnitTest kmsg[] = {
		cmocka_unit_test(a_kill_at_a_limit_names_both_cgroups_and_the_task),
		cmocka_unit_test(a_global_kill_has_the_root_as_its_limit),
		cmocka_unit_test(a_task_name_cannot_forge_fields),
		cmocka_unit_test(a_cgroup_name_cannot_blame_another_container),
		cmocka_unit_test(what_user_space_wrote_is_not_believed),
		cmocka_unit_test(damaged_and_other_records_are_no_kills),
		cmocka_unit_test(paths_that_do_not_fit_are_refused),
		cmocka_unit_test(records_reach_the_caller_through_the_loop),
		cmocka_unit_test(a_missing_log_is_named_in_the_error),
	};

	return cmocka_run_group_tests(kmsg, NULL, NULL);
}
