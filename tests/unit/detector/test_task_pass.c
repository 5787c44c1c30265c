// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/detector/task_pass_fixture.h"

/* --- where a task is ------------------------------------------------------------------------- */

static void a_task_as_its_container_started_is_nothing(void **state)
{
	const struct event_task t = task(110);

	(void)state;
	known(&t);
	pass_one(t);
	assert_int_equal(w.told_n, 0);
	assert_int_equal(w.passed, 1);
	assert_int_equal(task_pass_stats(w.pass).containers_tasks, 1);
	assert_int_equal(task_pass_stats(w.pass).tasks, 2);
}

static void a_task_in_a_namespace_of_the_host_is_told_with_both_numbers(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.ns.net = host_ns.net;
	known(&t);
	pass_one(t);
	expect(INV_NAMESPACES, "Container 'web': a process is in namespaces of the host (net)");
	assert_int_equal(w.told[0].severity, ALERT_CRITICAL);
	assert_true(says("net=3, at the start 13;"));
	pass_one(t); /* as long as it is so */
	assert_int_equal(w.told_n, 1);
	t.ns.net = web_ns.net;
	pass_one(t);
	assert_int_equal(w.told_n, 0);
}

static void a_task_in_the_hosts_mounts_is_the_graver_finding(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.ns = host_ns;
	known(&t);
	pass_one(t);
	expect(INV_HOST_MOUNTS, "Container 'web': a process runs in the host's mounts");
	assert_true(says("namespaces=mnt, pid, net, ipc, uts, cgroup;"));
}

static void where_the_first_process_is_hidden_a_thread_of_the_kernel_shows_the_host(void **state)
{
	struct event_task kthreadd = host_task(2), t = task(110);

	(void)state;
	kthreadd.kernel_thread = 1;
	kthreadd.ns.net = 33;
	t.ns.net = 33;
	known(&t);
	begin();
	task_pass_record(w.pass, &kthreadd);
	task_pass_record(w.pass, &t);
	end();
	expect(INV_NAMESPACES, "Container 'web': a process is in namespaces of the host (net)");
}

static void namespaces_of_its_own_making_are_nothing(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.ns = (struct event_namespaces){ 51, 52, 53, 54, 55, 56, 57, 58 };
	t.caps.permitted = t.caps.effective = t.caps.bounding = ALL; /* of that user namespace */
	known(&t);
	pass_one(t);
	assert_int_equal(w.told_n, 0);
}

static void what_the_container_shares_from_its_start_is_nothing(void **state)
{
	struct event_task t = task(110);
	struct event_namespaces shared = web_ns;

	(void)state;
	isolation_starts_end(w.starts, w.web);
	shared.net = host_ns.net;
	start(w.web, 101, &shared, WEB);
	t.ns = shared;
	known(&t);
	pass_one(t);
	assert_int_equal(w.told_n, 0);
}

static void a_namespace_of_another_container_is_told_with_its_name(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.ns.net = db_ns.net;
	known(&t);
	pass_one(t);
	expect(INV_NAMESPACES,
	       "Container 'web': a process is in namespaces of container 'db' (net)");
}

static void a_task_of_another_container_in_this_cgroup_was_moved(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.ns = db_ns;
	known(&t);
	pass_one(t);
	expect(INV_CGROUP, "A process of container 'db' is counted to container 'web'");
}

static void what_is_younger_than_a_second_must_be_so_twice(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.head.start_boot_ns = NOW - SECOND / 2;
	t.ns.net = host_ns.net;
	known(&t);
	pass_one(t);
	assert_int_equal(w.told_n, 0);
	assert_true(w.pass->again);
	pass_one(t);
	assert_int_equal(w.told_n, 1);
}

static void what_was_odd_once_and_young_is_forgotten(void **state)
{
	struct event_task t = task(110), other = task(110);

	(void)state;
	t.head.start_boot_ns = other.head.start_boot_ns = NOW - SECOND / 2;
	t.ns.net = host_ns.net;
	known(&t);
	pass_one(t);
	pass_one(other);
	pass_one(t);
	assert_int_equal(w.told_n, 0);
}

static void the_runtime_on_its_way_in_is_nothing(void **state)
{
	struct event_task t = task(110);
	struct process *p;

	(void)state;
	t.ns = host_ns;
	t.caps = (struct event_caps){ ALL, ALL, ALL, ALL };
	t.seccomp = t.seccomp_filters = 0;
	p = known(&t);
	p->exec_inside = p->born_inside = false;
	p->injected = true;
	pass_one(t);
	pass_one(t);
	assert_int_equal(w.told_n, 0);
}

static void a_supervisor_that_ran_before_the_agent_is_nothing(void **state)
{
	struct event_task t = task(110);
	struct process *p;

	(void)state;
	t.ns = host_ns;
	t.caps = (struct event_caps){ ALL, ALL, ALL, ALL };
	p = known(&t);
	p->seeded = true;
	p->born_inside = false;
	pass_one(t);
	assert_int_equal(w.told_n, 0);
}

static void one_that_no_event_named_is_told_late(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.ns.net = host_ns.net;
	t.head.start_boot_ns = NOW - 3 * SECOND;
	pass_one(t);
	assert_int_equal(w.told_n, 0);
	t.head.pid = t.head.tid = 111;
	t.head.start_boot_ns = NOW - 11 * SECOND;
	pass_one(t);
	assert_int_equal(w.told_n, 1);
	assert_true(says("pid=111;"));
}

static void one_that_ends_or_is_pending_is_left_out(void **state)
{
	struct event_task ends = task(110), pending = task(111);

	(void)state;
	memset(&ends.ns, 0, sizeof(ends.ns));
	ends.caps.bounding = ALL;
	pending.ns = host_ns;
	pending.head.flags = EVENT_PENDING;
	known(&ends);
	known(&pending);
	pass((struct event_task[]){ ends, pending }, 2);
	assert_int_equal(w.told_n, 0);
}

static void many_tasks_in_one_condition_are_told_once_a_pass(void **state)
{
	struct event_task list[20];

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		list[i] = task(110 + i);
		list[i].ns.net = host_ns.net;
		known(&list[i]);
	}
	pass(list, 20);
	assert_int_equal(w.told_n, 1);
}

static void an_injected_one_is_told_apart_and_less_gravely(void **state)
{
	struct event_task a = task(110), b = task(111);

	(void)state;
	a.caps.permitted |= SYS_ADMIN;
	b.caps.permitted |= SYS_ADMIN;
	known(&a)->injected = true;
	known(&b);
	pass((struct event_task[]){ a, b }, 2);
	assert_int_equal(w.told_n, 2);
	assert_int_equal(w.told[0].severity, ALERT_NOTICE);
	assert_true(says("entered=by exec from outside;"));
	assert_int_equal(w.told[1].severity, ALERT_CRITICAL);
}

/* --- who left -------------------------------------------------------------------------------- */

static void who_enters_from_the_host_is_nothing(void **state)
{
	struct event_task outer = host_task(300), inner = host_task(301);
	struct process *p;

	(void)state;
	inner.ns = web_ns;
	inner.head.ppid = 300;
	inner.head.parent_start_boot_ns = inner.real_parent_start_boot_ns =
		outer.head.start_boot_ns;
	known(&outer);
	p = known(&inner);
	p->exec_inside = false;
	pass((struct event_task[]){ outer, inner }, 2);
	assert_int_equal(w.told_n, 0);
}

static void who_left_the_cgroup_of_its_container_is_told_and_so_are_its_children(void **state)
{
	struct event_task left = host_task(300), child = host_task(301);

	(void)state;
	left.ns = child.ns = web_ns;
	child.head.ppid = 300;
	child.head.parent_start_boot_ns = child.real_parent_start_boot_ns = left.head.start_boot_ns;
	known(&left)->left_container = WEB;
	known(&child);
	pass_one(left);
	expect(INV_CGROUP, "A process of container 'web' has left the container's cgroup");
	assert_ptr_equal(w.told[0].of, w.web);
	pass_one(child);
	assert_int_equal(w.told_n, 1);
}

/* --- the memory of processes ----------------------------------------------------------------- */

static void processes_without_room_are_counted_and_judged_by_their_start(void **state)
{
	struct event_task list[8];

	(void)state;
	w.pass->memories.max = 5;
	for (uint32_t i = 0; i < 8; i++) {
		list[i] = task(110 + i);
		known(&list[i]);
	}
	list[7].ns.net = host_ns.net;
	pass(list, 8);
	assert_int_equal(w.told_n, 1);
	assert_int_equal(task_pass_stats(w.pass).remembered, 5);
	assert_int_equal(task_pass_stats(w.pass).refused, 3);
}

static void the_memory_grows_with_the_processes_and_forgets_the_ended(void **state)
{
	struct task_memories t;
	bool fresh;

	(void)state;
	assert_int_equal(task_memories_init(&t, 100000), 0);
	for (uint32_t i = 1; i <= 50000; i++) {
		assert_non_null(
			task_memory_take(&t, (struct process_key){ i * 7ULL, i }, 1, &fresh));
		assert_true(fresh);
	}
	for (uint32_t i = 1; i <= 10; i++) {
		assert_non_null(
			task_memory_take(&t, (struct process_key){ i * 7ULL, i }, 2, &fresh));
		assert_false(fresh);
	}
	task_memories_sweep(&t, 2);
	assert_int_equal(t.n, 10);
	assert_non_null(task_memory_find(&t, (struct process_key){ 70, 10 }));
	assert_null(task_memory_find(&t, (struct process_key){ 77, 11 }));
	task_memories_release(&t);
}

/* --- the stream ------------------------------------------------------------------------------ */

static void stream(const void *bytes, size_t n)
{
	w.stream = memfd_create("tasks", MFD_CLOEXEC);
	assert_true(w.stream >= 0);
	assert_int_equal(write(w.stream, bytes, n), n);
	assert_int_equal(lseek(w.stream, 0, SEEK_SET), 0);
	assert_int_equal(loop_new(&w.services.loop, NULL), 0);
}

static void stop(void *ctx, uint32_t events)
{
	(void)events;
	loop_stop(ctx);
}

static void run_loop(void)
{
	struct loop_source *timer;

	assert_int_equal(
		loop_add_timer(w.services.loop, SECOND, 0, stop, w.services.loop, &timer, NULL), 0);
	assert_int_equal(loop_run(w.services.loop, NULL), 0);
}

static void a_pass_is_read_on_the_loop_and_not_before_its_time_again(void **state)
{
	struct event_task *list = calloc(1000, sizeof(*list));

	(void)state;
	assert_non_null(list);
	list[0] = host_task(1);
	for (uint32_t i = 1; i < 1000; i++)
		list[i] = task(1000 + i);
	stream(list, 1000 * sizeof(*list));
	free(list);
	task_pass_tick(w.pass);
	assert_int_equal(w.passed, 0);
	run_loop();
	assert_int_equal(w.passed, 1);
	assert_int_equal(task_pass_stats(w.pass).containers_tasks, 999);
	task_pass_tick(w.pass);
	assert_int_equal(w.pass->fd, -1);
}

static void a_cut_stream_or_what_is_none_is_a_pass_that_failed(void **state)
{
	struct event_task t = task(110);

	(void)state;
	stream(&t, sizeof(t) - 1);
	task_pass_tick(w.pass);
	w.pass->next_ns = 0;
	run_loop();
	assert_int_equal(w.passed, 0);
	assert_int_equal(task_pass_stats(w.pass).failed, 1);
	t.head.size = 12;
	assert_int_equal(pwrite(w.stream, &t, sizeof(t), 0), sizeof(t));
	assert_int_equal(lseek(w.stream, 0, SEEK_SET), 0);
	task_pass_tick(w.pass);
	run_loop();
	assert_int_equal(w.passed, 0);
	assert_int_equal(task_pass_stats(w.pass).failed, 2);
}

static void without_a_sensor_or_when_off_it_says_why(void **state)
{
	const char *why;

	(void)state;
	task_pass_tick(w.pass);
	assert_false(task_pass_works(w.pass, &why));
	assert_string_equal(why, "there is no kernel sensor");
	w.config.isolation = false;
	task_pass_tick(w.pass);
	assert_false(task_pass_works(w.pass, &why));
	assert_string_equal(why, "isolation.enabled is false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_task_as_its_container_started_is_nothing),
		TEST(a_task_in_a_namespace_of_the_host_is_told_with_both_numbers),
		TEST(a_task_in_the_hosts_mounts_is_the_graver_finding),
		TEST(where_the_first_process_is_hidden_a_thread_of_the_kernel_shows_the_host),
		TEST(namespaces_of_its_own_making_are_nothing),
		TEST(what_the_container_shares_from_its_start_is_nothing),
		TEST(a_namespace_of_another_container_is_told_with_its_name),
		TEST(a_task_of_another_container_in_this_cgroup_was_moved),
		TEST(what_is_younger_than_a_second_must_be_so_twice),
		TEST(what_was_odd_once_and_young_is_forgotten),
		TEST(the_runtime_on_its_way_in_is_nothing),
		TEST(a_supervisor_that_ran_before_the_agent_is_nothing),
		TEST(one_that_no_event_named_is_told_late),
		TEST(one_that_ends_or_is_pending_is_left_out),
		TEST(many_tasks_in_one_condition_are_told_once_a_pass),
		TEST(an_injected_one_is_told_apart_and_less_gravely),
		TEST(who_enters_from_the_host_is_nothing),
		TEST(who_left_the_cgroup_of_its_container_is_told_and_so_are_its_children),
		TEST(processes_without_room_are_counted_and_judged_by_their_start),
		TEST(the_memory_grows_with_the_processes_and_forgets_the_ended),
		TEST(a_pass_is_read_on_the_loop_and_not_before_its_time_again),
		TEST(a_cut_stream_or_what_is_none_is_a_pass_that_failed),
		TEST(without_a_sensor_or_when_off_it_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
