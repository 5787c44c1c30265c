// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/clock.h"
#include "tests/unit/collector/process_world.h"

/* What runc does: a helper outside forks, the child is moved into the container's cgroup and execs
 * there. */
static struct process *enter(struct world *w, struct actor *shim, struct actor *a, const char *exe,
			     uint32_t exec_flags)
{
	do_fork(w, shim, a);
	a->cgroup = a->container = WEB;
	do_attach(w, shim, a);
	return do_exec(w, a, EVENT_OUTSIDE, exec_flags, exe);
}

static void an_exec_from_outside_is_injected_and_so_are_its_descendants(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor shim = actor(10), init = child_of(&shim, 20), worker, probe, sub;
	struct process *p;

	(void)state;
	do_seed(&w, &shim, "/shim");
	init.ns_pid = 1;
	p = enter(&w, &shim, &init, "/init", EXEC_FIRST);
	assert_true(p->first);
	assert_false(p->injected);
	worker = child_of(&init, 21);
	assert_false(do_fork(&w, &init, &worker)->injected);
	p = do_exec(&w, &worker, 0, 0, "/worker");
	assert_false(p->injected || p->first);
	probe = child_of(&shim, 22);
	p = enter(&w, &shim, &probe, "/probe", 0);
	assert_true(p->injected);
	assert_false(p->first);
	sub = child_of(&probe, 23);
	assert_true(do_fork(&w, &probe, &sub)->injected);
	assert_true(do_exec(&w, &sub, 0, 0, "/sub")->injected);
	do_exit(&w, &probe, 0);
	do_exec(&w, &init, EVENT_OUTSIDE, EXEC_FIRST, "/app"); /* the entry point's exec */
	p = process_find(w.t, key(&init));
	assert_true(p->first);
	assert_false(p->injected);
}

static void the_first_in_the_hosts_pid_namespace_is_not_injected(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor shim = actor(10), init = child_of(&shim, 20), probe, daemon;
	struct process *p;

	(void)state;
	p = enter(&w, &shim, &init, "/init", 0);
	assert_true(p->first);
	assert_false(p->injected);
	p = do_exec(&w, &init, EVENT_OUTSIDE, 0, "/app");
	assert_false(p->injected);
	/* orphaned: its parent is the host's init now */
	daemon = child_of(&init, 21);
	do_fork(&w, &init, &daemon);
	daemon.ppid = 1;
	assert_false(do_exec(&w, &daemon, EVENT_OUTSIDE, 0, "/daemon")->injected);
	probe = child_of(&shim, 22);
	assert_true(enter(&w, &shim, &probe, "/probe", 0)->injected);
}

static void the_helpers_that_start_a_container_do_not_make_its_init_injected(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor runc = actor(10), zero = child_of(&runc, 20), one, two;
	struct process *p;

	(void)state;
	/* stage 0 is exec'd outside and moved; 1 and 2 are born inside; 2 becomes the container */
	do_fork(&w, &runc, &zero);
	do_exec(&w, &zero, 0, 0, "/runc");
	zero.cgroup = zero.container = WEB;
	do_attach(&w, &runc, &zero);
	one = child_of(&zero, 21);
	do_fork(&w, &zero, &one);
	two = child_of(&one, 22);
	do_fork(&w, &one, &two);
	two.ppid = 10;
	p = do_exec(&w, &two, EVENT_OUTSIDE, 0, "/app");
	assert_true(p->first);
	assert_false(p->injected);
	/* the same again is `runc exec` */
	zero = child_of(&runc, 30);
	do_fork(&w, &runc, &zero);
	zero.cgroup = zero.container = WEB;
	do_attach(&w, &runc, &zero);
	one = child_of(&zero, 31);
	do_fork(&w, &zero, &one);
	assert_true(do_exec(&w, &one, EVENT_OUTSIDE, 0, "/sh")->injected);
	/* and by CLONE_INTO_CGROUP */
	two = child_of(&runc, 40);
	two.cgroup = two.container = WEB;
	assert_true(do_fork(&w, &runc, &two)->injected);
}

static struct process *exec_in(struct world *w, struct actor *a, uint32_t mounts, uint16_t flags,
			       const char *exe)
{
	const struct event_exec x = { .ns = { .mnt = mounts } };
	const struct strings s = { span_str(exe), SPAN_LIT(""), SPAN_LIT("/") };

	a->seq++;
	struct event_head h = head(w, a, EVENT_EXEC);

	h.flags |= flags;
	return tell(w, &h, &x, &s);
}

static struct process *exec_with_mounts(struct world *w, struct actor *a, uint32_t mounts,
					const char *exe)
{
	return exec_in(w, a, mounts, 0, exe);
}

/* runc executes a copy of itself, late enough for its parent to have moved it already: the cgroup
 * is so new that it is nobody's yet. */
static void a_runtime_in_a_cgroup_that_is_not_known_yet_is_still_outside(void **state)
{
	enum { OUTSIDE = 50, INSIDE = 51 };
	AUTO_WORLD w = world(100);
	struct actor runc = actor(20), init = child_of(&runc, 21), stage = child_of(&init, 22), sub;

	(void)state;
	assert_false(exec_with_mounts(&w, &runc, OUTSIDE, "/runc")->exec_inside);
	do_fork(&w, &runc, &init);
	init.cgroup = WEB;
	assert_false(exec_in(&w, &init, OUTSIDE, EVENT_PENDING, "/runc")->exec_inside);
	stage.cgroup = WEB;
	stage.seq = init.seq;
	assert_false(do_fork(&w, &init, &stage)->exec_inside);
	stage.container = WEB; /* known from here on */
	assert_false(do_open(&w, &stage)->exec_inside);
	assert_true(exec_with_mounts(&w, &stage, INSIDE, "/app")->exec_inside);
	/* and one that is quicker than what finds cgroups */
	init = child_of(&runc, 31);
	do_fork(&w, &runc, &init);
	init.cgroup = WEB + 1;
	assert_true(exec_in(&w, &init, INSIDE, EVENT_PENDING, "/app")->exec_inside);
	sub = child_of(&init, 32);
	do_fork(&w, &init, &sub);
	assert_true(exec_in(&w, &sub, INSIDE, EVENT_PENDING, "/sub")->exec_inside);
}

static void a_program_is_executed_inside_with_other_mounts_than_the_runtimes(void **state)
{
	enum { OUTSIDE = 50, INSIDE = 51 };
	AUTO_WORLD w = world(100);
	struct actor shim = actor(10), runc = child_of(&shim, 20), one = child_of(&runc, 21), init;
	struct process *p;

	(void)state;
	do_seed(&w, &shim, "/shim");
	do_fork(&w, &shim, &runc);
	assert_false(exec_with_mounts(&w, &runc, OUTSIDE, "/runc")->exec_inside);
	/* stage 1 makes the mounts before it is counted to the container, and bears the first */
	p = do_fork(&w, &runc, &one);
	p->ns.mnt = INSIDE;
	init = child_of(&one, 22);
	init.cgroup = init.container = WEB;
	do_fork(&w, &one, &init);
	assert_true(exec_with_mounts(&w, &init, INSIDE, "/app")->exec_inside);
	/* a runtime that executes itself in the container's cgroup is still outside */
	one = child_of(&runc, 31);
	one.cgroup = one.container = WEB;
	do_fork(&w, &runc, &one);
	assert_false(exec_with_mounts(&w, &one, OUTSIDE, "/runc")->exec_inside);
	assert_true(exec_with_mounts(&w, &one, INSIDE, "/app")->exec_inside);
}

static struct process *seed_with(struct world *w, struct actor *a, uint64_t inode, uint16_t flags,
				 const char *exe)
{
	struct event_task task = { .head = head(w, a, EVENT_NONE),
				   .exe = { .inode = inode, .flags = flags | FILE_KNOWN } };
	const struct process_seed s = { .task = &task, .exe = span_str(exe) };

	assert_int_equal(process_seed(w->t, &s), 0);
	return process_find(w->t, key(a));
}

/* The agent may start with the host, as all containers do. */
static void a_runtime_on_its_way_is_seeded_as_outside(void **state)
{
	enum { RUNC = 7, APP = 8, COPY = 9 };
	AUTO_WORLD w = world(100);
	struct actor runc = actor(20), init = child_of(&runc, 21), app = child_of(&runc, 22), sub;

	(void)state;
	seed_with(&w, &runc, RUNC, 0, "/runc");
	init.cgroup = init.container = app.cgroup = app.container = WEB;
	sub = child_of(&app, 23);
	assert_false(seed_with(&w, &init, RUNC, 0, "/runc")->exec_inside);
	assert_true(
		seed_with(&w, &app, APP, 0, "/app")->exec_inside); /* `runc run` stays its parent */
	assert_true(seed_with(&w, &sub, APP, 0, "/app")->exec_inside);
	assert_true(exec_with_mounts(&w, &init, 51, "/app")->exec_inside);
	init = child_of(&runc, 24);
	init.cgroup = init.container = WEB;
	w.now = init.start;
	assert_false(seed_with(&w, &init, COPY, FILE_MEMORY, "/memfd:x")->exec_inside);
	init = child_of(&runc, 26);
	init.cgroup = init.container = WEB;
	w.now = init.start;
	assert_false(seed_with(&w, &init, COPY, 0, "/")->exec_inside);
	init = child_of(&runc, 25);
	init.cgroup = init.container = WEB;
	w.now = init.start + 60 * NS_PER_S;
	assert_true(seed_with(&w, &init, COPY, FILE_MEMORY, "/memfd:x")->exec_inside);
}

static void leaving_the_container_ends_it(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor shim = actor(10), init = child_of(&shim, 20), probe = child_of(&shim, 21);
	struct process *p;

	(void)state;
	enter(&w, &shim, &init, "/init", EXEC_FIRST);
	p = enter(&w, &shim, &probe, "/probe", 0);
	assert_int_equal(p->cgroup_id, WEB);
	probe.cgroup = 5;
	probe.container = 0;
	do_open(&w, &probe); /* its move was missed, its next event tells */
	assert_int_equal(p->cgroup_id, 5);
	assert_int_equal(p->container_cgroup, 0);
	assert_false(p->injected);
}

static void who_comes_back_is_what_it_was(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor shim = actor(10), init = child_of(&shim, 20), probe = child_of(&shim, 21);
	struct process *p, *q;

	(void)state;
	p = enter(&w, &shim, &init, "/init", EXEC_FIRST);
	q = enter(&w, &shim, &probe, "/probe", 0);
	/* moved to the root of the other version's tree: its cgroup here stays */
	init.cgroup = init.container = probe.cgroup = probe.container = 0;
	do_attach(&w, &shim, &init);
	do_attach(&w, &shim, &probe);
	assert_false(q->injected);
	init.cgroup = init.container = probe.cgroup = probe.container = WEB;
	do_open(&w, &init);
	do_open(&w, &probe);
	assert_false(p->injected);
	assert_true(q->injected);
}

static void a_container_knows_its_pid_1(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor shim = actor(10), init = child_of(&shim, 20), nested;

	(void)state;
	init.ns_pid = 1;
	init.pid_ns = 8000;
	enter(&w, &shim, &init, "/init", EXEC_FIRST);
	nested = child_of(&init, 30);
	nested.ns_pid = 1;
	nested.pid_ns = 8001;
	assert_int_equal(process_container_init(w.t, do_fork(&w, &init, &nested)), 20);
	assert_int_equal(process_container_init(w.t, process_find_pid(w.t, 20)), 20);
	assert_int_equal(process_container_init(w.t, process_find_pid(w.t, 10)), 0);
	do_exit(&w, &init, 0);
	assert_int_equal(process_container_init(w.t, process_find_pid(w.t, 30)), 0);
}

static void a_cgroup_that_becomes_known_later_makes_nobody_injected(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor shim = actor(10), init = child_of(&shim, 20), probe = child_of(&shim, 21);
	struct process *p;

	(void)state;
	do_fork(&w, &shim, &init);
	init.cgroup = WEB;
	do_exec(&w, &init, EVENT_PENDING, 0, "/init");
	init.container = WEB;
	p = do_open(&w, &init);
	assert_int_equal(p->container_cgroup, WEB);
	assert_false(p->injected);
	assert_true(enter(&w, &shim, &probe, "/probe", 0)->injected);
}

static void a_seeded_container_tells_its_first_from_the_injected(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor shim = actor(10), init = child_of(&shim, 20), probe = child_of(&shim, 15), sub,
		     worker;

	(void)state;
	init.cgroup = init.container = probe.cgroup = probe.container = WEB;
	init.pid_ns = probe.pid_ns = 8000;
	init.ns_pid = 1;
	probe.ns_pid = 9;
	worker = child_of(&init, 21);
	sub = child_of(&probe, 22);
	do_seed(&w, &probe, "/probe"); /* in the order of pids; the shim is not there yet */
	do_seed(&w, &init, "/init");
	do_seed(&w, &worker, "/init");
	do_seed(&w, &sub, "/sub");
	do_seed(&w, &shim, "/shim");
	process_seed_end(w.t, 0);
	assert_true(process_find_pid(w.t, 20)->first);
	assert_false(process_find_pid(w.t, 20)->injected);
	assert_false(process_find_pid(w.t, 21)->injected);
	assert_true(process_find_pid(w.t, 15)->injected);
	assert_true(process_find_pid(w.t, 22)->injected);
	assert_ptr_equal(process_find_pid(w.t, 15)->parent, process_find_pid(w.t, 10));
	/* and who comes now is injected too */
	probe = child_of(&shim, 30);
	assert_true(enter(&w, &shim, &probe, "/probe", 0)->injected);
}

int main(void)
{
	const struct CMUnitTest containers[] = {
		cmocka_unit_test(an_exec_from_outside_is_injected_and_so_are_its_descendants),
		cmocka_unit_test(the_first_in_the_hosts_pid_namespace_is_not_injected),
		cmocka_unit_test(the_helpers_that_start_a_container_do_not_make_its_init_injected),
		cmocka_unit_test(a_program_is_executed_inside_with_other_mounts_than_the_runtimes),
		cmocka_unit_test(a_runtime_in_a_cgroup_that_is_not_known_yet_is_still_outside),
		cmocka_unit_test(a_runtime_on_its_way_is_seeded_as_outside),
		cmocka_unit_test(leaving_the_container_ends_it),
		cmocka_unit_test(who_comes_back_is_what_it_was),
		cmocka_unit_test(a_container_knows_its_pid_1),
		cmocka_unit_test(a_cgroup_that_becomes_known_later_makes_nobody_injected),
		cmocka_unit_test(a_seeded_container_tells_its_first_from_the_injected),
	};

	return cmocka_run_group_tests(containers, NULL, NULL);
}
