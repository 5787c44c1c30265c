// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/detector/task_pass_fixture.h"

/* --- rights ---------------------------------------------------------------------------------- */

static void capabilities_beyond_the_start_are_named(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.caps.bounding |= SYS_ADMIN;
	known(&t);
	pass_one(t);
	expect(INV_CAPABILITIES, "Container 'web': a process has capabilities that the container "
				 "was not given");
	assert_true(says("beyond=CAP_SYS_ADMIN;"));
}

static void what_ran_before_the_agent_is_agreed_to_when_nothing_says_otherwise(void **state)
{
	struct event_task first = task(100), t = task(110);

	(void)state;
	isolation_starts_end(w.starts, w.web);
	first.head.start_boot_ns++;
	first.caps.bounding = first.caps.permitted = 1;
	known(&first)->seeded = true;
	assert_true(isolation_starts_seeded(
		w.starts, w.web,
		process_find(w.processes, (struct process_key){ first.head.start_boot_ns, 100 })));
	t.seccomp = t.seccomp_filters = 0; /* the first one has set a filter of its own */
	known(&t)->seeded = true;
	pass((struct event_task[]){ first, t }, 2);
	assert_int_equal(w.told_n, 0);
	t.caps.permitted |= SYS_ADMIN; /* later is later */
	t.head.exec_seq++;
	pass((struct event_task[]){ first, t }, 2);
	expect(INV_CAPABILITIES, "Container 'web': a process has capabilities that the container "
				 "was not given");
}

static void a_process_without_the_filter_of_its_container_is_told(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.seccomp = t.seccomp_filters = 0;
	known(&t);
	pass_one(t);
	expect(INV_SECCOMP, "Container 'web': a process runs without the filter of system calls "
			    "that the container has");
	known(&t)->injected = true; /* docker exec --privileged */
	pass_one(t);
	assert_int_equal(w.told[0].severity, ALERT_NOTICE);
}

static const struct task_rights user = { .exec_seq = 1,
					 .user_ns = 7,
					 .bounding = DOCKER,
					 .uid = 1000,
					 .euid = 1000,
					 .suid = 1000,
					 .seccomp = 2,
					 .filters = 2 };
static const struct task_rights root = { .exec_seq = 1,
					 .user_ns = 7,
					 .permitted = DOCKER,
					 .bounding = DOCKER,
					 .seccomp = 2,
					 .filters = 2 };

static void rights_may_fall_and_a_program_of_its_file_may_raise_them(void **state)
{
	struct task_rights is = root;

	(void)state;
	assert_int_equal(task_rights_broken(&root, &root, false, 0), 0);
	is.uid = is.euid = is.suid = 33;
	is.permitted = 0;
	is.filters = 3;
	is.no_new_privs = 1;
	assert_int_equal(task_rights_broken(&root, &is, false, 0), 0);
	is = user; /* sudo */
	is.exec_seq = 2;
	is.euid = is.suid = 0;
	is.permitted = DOCKER;
	assert_int_equal(task_rights_broken(&user, &is, true, EXEC_SETUID | EXEC_SECURE), 0);
	assert_int_equal(task_rights_broken(&user, &is, false, 0), 0); /* nobody saw how */
	is.exec_seq = 3;
	is.uid = 0;
	assert_int_equal(task_rights_broken(&user, &is, true, 0), 0);
	is = root; /* root gave away what it had, and executes */
	is.permitted = 0;
	is.uid = 1000;
	struct task_rights again = root;

	again.exec_seq = 2;
	again.uid = 1000;
	assert_int_equal(task_rights_broken(&is, &again, true, 0), 0);
	is = user; /* a user namespace of its own */
	is.user_ns = 77;
	is.permitted = is.bounding = ALL;
	assert_int_equal(task_rights_broken(&user, &is, false, 0), 0);
	is = user; /* ids may change places */
	is.euid = 0;
	struct task_rights turned = is;

	turned.uid = 0;
	turned.euid = 1000;
	assert_int_equal(task_rights_broken(&is, &turned, false, 0), 0);
}

static void what_no_system_call_does_is_broken(void **state)
{
	struct task_rights is = user;

	(void)state;
	is.uid = is.euid = is.suid = 0; /* commit_creds(prepare_kernel_cred(0)) */
	is.permitted = is.bounding = ALL;
	assert_int_equal(task_rights_broken(&user, &is, false, 0),
			 BREAK_USER | BREAK_CAPABILITIES | BREAK_BOUNDING);
	is = user;
	is.exec_seq = 2; /* then a shell, whose file gives nothing */
	is.uid = is.euid = is.suid = 0;
	is.permitted = DOCKER;
	assert_int_equal(task_rights_broken(&user, &is, true, 0), BREAK_USER | BREAK_CAPABILITIES);
	is = user;
	is.exec_seq = 5;
	is.bounding = ALL;
	assert_int_equal(task_rights_broken(&user, &is, false, 0), BREAK_BOUNDING);
	struct task_rights shut = user;

	shut.no_new_privs = 1;
	is = shut;
	is.exec_seq = 9; /* not even by sudo */
	is.euid = 0;
	is.permitted = DOCKER;
	assert_int_equal(task_rights_broken(&shut, &is, false, 0), BREAK_USER | BREAK_CAPABILITIES);
	is.no_new_privs = 0;
	assert_true(task_rights_broken(&shut, &is, false, 0) & BREAK_NO_NEW_PRIVS);
	is = user;
	is.filters = 1;
	assert_int_equal(task_rights_broken(&user, &is, false, 0), BREAK_FILTERS);
	is.filters = is.seccomp = 0;
	assert_int_equal(task_rights_broken(&user, &is, false, 0), BREAK_MODE);
}

static void a_user_that_rose_is_told_as_long_as_the_process_lives(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.head.uid = t.head.euid = t.suid = 1000;
	t.caps = (struct event_caps){ .bounding = DOCKER };
	known(&t);
	pass_one(t);
	assert_int_equal(w.told_n, 0);
	t.head.uid = t.head.euid = t.suid = 0;
	pass_one(t);
	expect(INV_CREDENTIALS, "Container 'web': a process became another user without a system "
				"call that allows it");
	assert_true(says("user_before=1000, effective 1000, saved 1000;"));
	pass_one(t);
	assert_int_equal(w.told_n, 1);
	pass(NULL, 0);
	assert_int_equal(w.told_n, 0);
}

static void filters_that_fell_are_told_with_both_counts(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.seccomp_filters = 3;
	t.no_new_privs = 1;
	known(&t);
	pass_one(t);
	t.seccomp_filters = 2;
	t.no_new_privs = 0;
	pass_one(t);
	assert_int_equal(w.told_n, 2);
	assert_true(says("filters_before=3;filters=2;"));
	assert_string_equal(w.told[1].key, "no_new_privs");
}

/* pid 111, born of 110 after the first pass. */
static struct event_task born(uint64_t ago)
{
	struct event_task t = task(111);

	t.head.start_boot_ns = NOW + SECOND - ago;
	t.head.boot_ns = NOW + 5 * SECOND;
	t.head.ppid = 110;
	t.head.parent_start_boot_ns = t.real_parent_start_boot_ns = 500 * SECOND + 110;
	return t;
}

static void a_child_has_no_more_than_its_parent_had(void **state)
{
	struct event_task parent = task(110), child = born(0);

	(void)state;
	parent.head.uid = parent.head.euid = parent.suid = 1000;
	parent.caps = (struct event_caps){ .bounding = DOCKER };
	known(&parent);
	pass_one(parent);
	known(&child);
	parent.head.boot_ns = NOW + 5 * SECOND;
	pass((struct event_task[]){ parent, child }, 2);
	assert_int_equal(w.told_n, 1);
	assert_int_equal(w.told[0].invariant, INV_CREDENTIALS);
}

static void a_parent_that_gave_rights_away_says_nothing_of_a_child_born_before(void **state)
{
	struct event_task parent = task(110), child = born(0);

	(void)state;
	known(&parent);
	pass_one(parent);
	known(&child);
	parent.head.uid = parent.head.euid = parent.suid = 1000;
	parent.caps = (struct event_caps){ .bounding = DOCKER };
	pass((struct event_task[]){ parent, child }, 2);
	assert_int_equal(w.told_n, 0);
	/* nor one that was looked at when the child was there already */
	child.head.pid = child.head.tid = 112;
	child.head.start_boot_ns = NOW - SECOND;
	known(&child);
	pass((struct event_task[]){ parent, child }, 2);
	assert_int_equal(w.told_n, 0);
}

static void a_child_of_threads_that_differ_is_not_compared(void **state)
{
	struct event_task parent = task(110), thread = task(110), child = born(0);

	(void)state;
	parent.head.uid = parent.head.euid = parent.suid = 1000;
	parent.caps = (struct event_caps){ .bounding = DOCKER };
	thread.head.tid = 115;
	known(&parent);
	pass((struct event_task[]){ parent, thread }, 2);
	known(&child);
	pass((struct event_task[]){ parent, child }, 2);
	assert_int_equal(w.told_n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(capabilities_beyond_the_start_are_named),
		TEST(what_ran_before_the_agent_is_agreed_to_when_nothing_says_otherwise),
		TEST(a_process_without_the_filter_of_its_container_is_told),
		TEST(rights_may_fall_and_a_program_of_its_file_may_raise_them),
		TEST(what_no_system_call_does_is_broken),
		TEST(a_user_that_rose_is_told_as_long_as_the_process_lives),
		TEST(filters_that_fell_are_told_with_both_counts),
		TEST(a_child_has_no_more_than_its_parent_had),
		TEST(a_parent_that_gave_rights_away_says_nothing_of_a_child_born_before),
		TEST(a_child_of_threads_that_differ_is_not_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
