// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/prctl.h>
#include <stdlib.h>

#include "tests/unit/collector/process_world.h"

/* --- fork, exec, exit --------------------------------------------------------------------------
 */

static void a_fork_has_what_its_parent_has_until_it_execs(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10), ls;
	struct process *p, *c;

	(void)state;
	do_seed(&w, &sh, "/bin/sh");
	ls = child_of(&sh, 11);
	c = do_fork(&w, &sh, &ls);
	p = process_find_pid(w.t, 10);
	assert_exe(c, "/bin/sh");
	assert_ptr_equal(c->parent, p);
	assert_ptr_equal(c->text, p->text);
	assert_owner(c, &sh);
	assert_int_equal(c->exec_boot_ns, 0);
	assert_int_equal(c->caps.permitted, 3);
	assert_string_equal(process_comm(c), "sh");
	assert_int_equal(p->children, 1);
	ls.comm = "ls";
	assert_ptr_equal(do_exec(&w, &ls, 0, 0, "/bin/ls"), c);
	assert_exe(c, "/bin/ls");
	assert_exe(p, "/bin/sh");
	assert_owner(c, &ls);
	assert_int_equal(c->exec_boot_ns, w.now);
	assert_string_equal(process_comm(c), "ls");
	assert_int_equal(c->caps.permitted, 7);
	assert_int_equal(process_args(c).n, 5);
	assert_memory_equal(process_args(c).p, "a\0b c", 5);
	assert_true(span_eq(c->text->cwd, "/work"));
	assert_false(c->missed || c->seeded);
	assert_true(p->seeded);
}

static void an_ended_process_stays_for_late_events_and_then_goes(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10), ls = child_of(&sh, 11);
	struct process *c;

	(void)state;
	do_seed(&w, &sh, "/bin/sh");
	do_fork(&w, &sh, &ls);
	c = do_exit(&w, &ls, 3 << 8);
	assert_true(c->ended);
	assert_int_equal(c->exit_status, 3 << 8);
	assert_int_equal(c->exit_boot_ns, w.now);
	assert_null(process_find_pid(w.t, 11));
	assert_ptr_equal(do_open(&w, &ls), c); /* late */
	process_expire(w.t, c->exit_boot_ns + PROCESS_KEEP_NS - 1);
	assert_ptr_equal(process_find(w.t, key(&ls)), c);
	assert_int_equal(process_table_stats(w.t).ended, 1);
	process_expire(w.t, w.now + PROCESS_KEEP_NS);
	assert_null(process_find(w.t, key(&ls)));
	assert_int_equal(process_find_pid(w.t, 10)->children, 0);
	assert_int_equal(process_table_stats(w.t).live, 1);
	assert_int_equal(process_table_stats(w.t).ended, 0);
}

static void ancestors_stay_while_a_descendant_lives(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor a = actor(1), b = child_of(&a, 2), c = child_of(&b, 3), d = child_of(&c, 4);

	(void)state;
	do_fork(&w, &a, &b);
	do_fork(&w, &b, &c);
	do_fork(&w, &c, &d);
	do_exit(&w, &b, 0);
	do_exit(&w, &c, 0);
	process_expire(w.t, w.now + 2 * PROCESS_KEEP_NS);
	struct process *p = process_find(w.t, key(&d));

	assert_int_equal(p->parent->key.pid, 3);
	assert_int_equal(p->parent->parent->key.pid, 2);
	assert_int_equal(p->parent->parent->parent->key.pid, 1);
	do_exit(&w, &d, 0);
	process_expire(w.t, w.now + PROCESS_KEEP_NS);
	assert_null(process_find(w.t, key(&d)));
	assert_null(process_find(w.t, key(&c)));
	assert_null(process_find(w.t, key(&b)));
	assert_int_equal(process_table_stats(w.t).live, 1);
	assert_int_equal(process_table_stats(w.t).ended, 0);
}

static void a_thread_is_no_process(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10), thread = child_of(&sh, 11);
	struct event_fork f = fork_of(&thread);
	struct event_head h = head(&w, &sh, EVENT_FORK);

	(void)state;
	h.flags = EVENT_THREAD;
	f.pid = 10; /* its process; tid is its own */
	assert_int_equal(tell(&w, &h, &f, NULL)->key.pid, 10);
	f.pid = 11;
	tell(&w, &h, &f, NULL);
	assert_int_equal(process_table_stats(w.t).live, 1);
}

static void an_exec_by_a_thread_is_its_process_exec(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor app = actor(10);
	struct event_head h;
	struct process *p;

	(void)state;
	do_seed(&w, &app, "/bin/app");
	h = head(&w, &app, EVENT_OPEN);
	h.tid = 15;
	memcpy(h.comm, "worker", 7);
	p = tell(&w, &h, NULL, NULL);
	assert_string_equal(process_comm(p), "sh"); /* its leader's */
	/* the thread becomes the leader: pid and start stay */
	app.comm = "ls";
	assert_ptr_equal(do_exec(&w, &app, 0, 0, "/bin/ls"), p);
	assert_exe(p, "/bin/ls");
	assert_owner(p, &app);
	assert_string_equal(process_comm(p), "ls");
	assert_int_equal(process_table_stats(w.t).live, 1);
}

static void a_failed_exec_changes_nothing(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10);
	struct event_head h;

	(void)state;
	do_seed(&w, &sh, "/bin/sh");
	h = head(&w, &sh, EVENT_EXEC);
	h.result = -ENOENT;
	assert_exe(tell(&w, &h, NULL, NULL), "/bin/sh");
}

/* --- what was missed -----------------------------------------------------------------------------
 */

static void a_reused_pid_is_another_process(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10), one = child_of(&sh, 11), two = one, three = one;

	(void)state;
	two.start += 500;
	three.start += 900;
	do_fork(&w, &sh, &one);
	do_exec(&w, &one, 0, 0, "/one");
	do_exit(&w, &one, 0);
	do_fork(&w, &sh, &two);
	do_exec(&w, &two, 0, 0, "/two");
	do_exit(&w, &two, 0);
	do_fork(&w, &sh, &three);
	assert_int_equal(process_find_pid(w.t, 11)->key.start_boot_ns, three.start);
	assert_exe(do_open(&w, &one), "/one");
	assert_exe(do_open(&w, &two), "/two");
	assert_int_equal(process_table_stats(w.t).ended, 2);
	process_expire(w.t, w.now + PROCESS_KEEP_NS);
	assert_int_equal(process_table_stats(w.t).ended, 0);
	assert_int_equal(process_find_pid(w.t, 11)->key.start_boot_ns, three.start);
}

static void a_missed_exit_shows_when_the_pid_comes_again(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10), old = child_of(&sh, 11), new = old;
	struct process *p;

	(void)state;
	new.start += 500;
	p = do_fork(&w, &sh, &old);
	do_fork(&w, &sh, &new);
	assert_true(p->ended);
	assert_int_equal(p->exit_boot_ns, new.start);
	assert_int_equal(process_find_pid(w.t, 11)->key.start_boot_ns, new.start);
}

static void a_late_event_of_a_forgotten_process_does_not_end_its_successor(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10), new = child_of(&sh, 11), old = new;
	struct process *p;

	(void)state;
	old.start -= 500;
	do_fork(&w, &sh, &new);
	p = do_open(&w, &old);
	assert_true(p->ended && p->missed);
	assert_int_equal(process_find_pid(w.t, 11)->key.start_boot_ns, new.start);
}

static void a_missed_fork_is_made_up_from_the_event(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10), c = child_of(&sh, 11), d = child_of(&sh, 12);
	struct process *p;

	(void)state;
	do_seed(&w, &sh, "/bin/sh");
	p = do_open(&w, &c); /* as many execs as its parent: a fork of it */
	assert_true(p->missed);
	assert_exe(p, "/bin/sh");
	assert_owner(p, &sh);
	assert_int_equal(p->parent->key.pid, 10);
	d.seq = 5;
	p = do_open(&w, &d);
	assert_true(p->missed);
	assert_int_equal(process_exe(p).n, 0);
	assert_owner(p, &d);
	assert_int_equal(process_table_stats(w.t).missed, 2);
	do_exec(&w, &d, 0, 0, "/bin/d"); /* now all is known */
	assert_exe(p, "/bin/d");
	assert_false(p->missed);
}

static void a_missed_exec_takes_the_old_program_away(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10);
	struct process *p;

	(void)state;
	do_seed(&w, &sh, "/bin/sh");
	sh.seq++;
	p = do_open(&w, &sh);
	assert_true(p->missed);
	assert_int_equal(process_exe(p).n, 0);
	assert_owner(p, &sh);
	assert_int_equal(process_table_stats(w.t).missed, 1);
}

static void an_event_of_nobody_makes_no_entry(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor a = actor(10);
	struct event_head h = head(&w, &a, EVENT_FLOW_END);

	(void)state;
	h.flags = EVENT_NO_TASK;
	assert_null(tell(&w, &h, NULL, NULL));
	do_seed(&w, &a, "/a");
	h.uid = 99; /* of whoever was interrupted */
	assert_int_equal(tell(&w, &h, NULL, NULL)->uid, 0);
	h.flags = 0;
	h.pid = 0;
	assert_null(tell(&w, &h, NULL, NULL));
	assert_int_equal(process_table_stats(w.t).live, 1);
}

static void records_that_contradict_each_other_make_no_circle(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor a = actor(10), b = child_of(&a, 11), self = child_of(&a, 12);

	(void)state;
	do_fork(&w, &a, &b);
	do_fork(&w, &b, &a); /* its own parent's parent */
	do_fork(&w, &self, &self);
	self.ppid = self.pid;
	self.parent_start = self.start;
	do_open(&w, &self);
	b.ppid = b.pid;
	do_open(&w, &b);
	assert_null(process_find_pid(w.t, 10)->parent);
	for (struct process *p = process_find_pid(w.t, 12); p; p = p->parent)
		assert_true(!p->parent || p->parent->order < p->order);
	do_exit(&w, &b, 0);
	do_exit(&w, &a, 0);
	process_expire(w.t, UINT64_MAX);
}

/* --- identity ------------------------------------------------------------------------------------
 */

static void credentials_and_namespaces_follow_the_calls_that_change_them(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10);
	struct event_call c = { .op = SETUID_UID, .caps = { .permitted = 0x10 } };
	struct event_head h;
	struct process *p;

	(void)state;
	do_seed(&w, &sh, "/bin/sh");
	sh.uid = 33;
	p = do_call(&w, &sh, EVENT_SETUID, &c);
	assert_int_equal(p->uid, 33);
	assert_int_equal(p->suid, 33);
	assert_int_equal(p->caps.permitted, 0x10);
	c.caps.permitted = 1;
	do_call(&w, &sh, EVENT_CAPSET, &c);
	assert_int_equal(p->caps.permitted, 1);
	c.ns = (struct event_namespaces){ .mnt = 4, .net = 5 };
	do_call(&w, &sh, EVENT_UNSHARE, &c);
	assert_int_equal(p->ns.mnt, 4);
	c.ns = (struct event_namespaces){ .net = 6 };
	do_call(&w, &sh, EVENT_SETNS, &c);
	assert_int_equal(p->ns.mnt, 4); /* 0: not told */
	assert_int_equal(p->ns.net, 6);
	c.ns.net = 7;
	h = head(&w, &sh, EVENT_SETNS);
	h.result = -EPERM;
	tell(&w, &h, &c, NULL);
	assert_int_equal(p->ns.net, 6);
	h = head(&w, &sh, EVENT_SETNS); /* of a thread, for itself */
	h.tid = 99;
	tell(&w, &h, &c, NULL);
	assert_int_equal(p->ns.net, 6);
	c.op = PR_SET_NO_NEW_PRIVS;
	do_call(&w, &sh, EVENT_PRCTL, &c);
	assert_int_equal(p->no_new_privs, 1);
}

static void the_name_follows_the_events(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor a = actor(10);

	(void)state;
	do_seed(&w, &a, "/bin/sh");
	a.comm = "0123456789abcdef"; /* no NUL in the record */
	assert_string_equal(process_comm(do_open(&w, &a)), "0123456789abcdef");
	a.comm = "\xff\n";
	assert_string_equal(process_comm(do_open(&w, &a)), "\xff\n");
}

static void an_old_record_does_not_undo_a_newer_one(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor a = actor(10), before = a;
	struct event_head h;
	struct event_exec x = { .flags = 0 };
	struct process *p;

	(void)state;
	before.seq = 1;
	h = head(&w, &before, EVENT_EXEC); /* waits in the buffer while the table is seeded */
	a.seq = 2;
	a.uid = 5;
	do_seed(&w, &a, "/new");
	p = tell(&w, &h, &x, NULL);
	assert_int_equal(p->uid, 5);
	assert_exe(p, "/new");
	assert_int_equal(p->exec_seq, 2);
}

/* --- seeding -------------------------------------------------------------------------------------
 */

static bool note_parents(void *ctx, const struct process *p)
{
	bool *seen = ctx;

	assert_true(!p->parent || seen[p->parent->key.pid]);
	seen[p->key.pid] = true;
	return p->key.pid != 99;
}

static void parents_come_before_children_whatever_the_order_of_seeding(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor init = actor(1), high = child_of(&init, 50), low = child_of(&high, 5),
		     last = child_of(&low, 99), after = child_of(&last, 98);
	bool seen[100] = { false };

	(void)state;
	do_seed(&w, &low, "/low"); /* its parent's record is yet to come */
	assert_true(process_find_pid(w.t, 50)->placeholder);
	do_seed(&w, &init, "/init");
	do_seed(&w, &high, "/high");
	assert_false(process_find_pid(w.t, 50)->placeholder);
	do_seed(&w, &last, "/last");
	do_seed(&w, &after, "/after");
	process_each(w.t, note_parents, seen);
	assert_true(seen[5] && seen[50] && seen[99]);
	assert_false(seen[98]); /* was stopped */
	assert_exe(process_find_pid(w.t, 50), "/high");
	assert_int_equal(process_table_stats(w.t).live, 5);
	assert_int_equal(process_table_stats(w.t).missed, 0);
}

static void a_second_pass_takes_what_is_now_and_ends_who_is_gone(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor a = actor(10), b = actor(11), c = actor(12);
	struct process *p;

	(void)state;
	do_seed(&w, &a, "/a");
	do_seed(&w, &b, "/b");
	do_seed(&w, &c, "/c");
	process_seed_end(w.t, 100 * SECOND);
	p = process_find_pid(w.t, 10);
	do_exec(&w, &a, 0, 0, "/exec");
	w.now += SECOND;
	uint64_t began = w.now;

	a.uid = 44;
	do_seed(&w, &a, "/proc-says");
	do_open(&w, &b);
	process_seed_end(w.t, began);
	assert_int_equal(p->uid, 44);
	assert_exe(p, "/exec"); /* the event knew better */
	assert_int_equal(p->caps.permitted, 3);
	assert_non_null(process_find_pid(w.t, 11));
	assert_null(process_find_pid(w.t, 12));
	assert_true(process_find(w.t, key(&c))->ended);
	a.seq++; /* an exec that no event told of */
	do_seed(&w, &a, "/proc-says");
	assert_exe(p, "/proc-says");
	assert_true(p->missed);
}

static void seeded_forks_share_their_parents_exec(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor sh = actor(10), sub = child_of(&sh, 11);
	struct event_task task = { .exe = { .inode = 4, .flags = FILE_KNOWN } };
	struct process_seed s = { .task = &task, .exe = SPAN_LIT("/bin/sh") };

	(void)state;
	task.head = head(&w, &sh, EVENT_NONE);
	assert_int_equal(process_seed(w.t, &s), 0);
	task.head = head(&w, &sub, EVENT_NONE);
	s.exe.n = 0;
	assert_int_equal(process_seed(w.t, &s), 0);
	process_seed_end(w.t, 0);
	assert_owner(process_find_pid(w.t, 11), &sh);
	assert_exe(process_find_pid(w.t, 11), "/bin/sh");
}

static void threads_and_the_idle_task_are_not_seeded(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor a = actor(10), idle = actor(0);
	struct event_task task = { .head = head(&w, &a, EVENT_NONE) };
	struct process_seed s = { .task = &task };

	(void)state;
	task.head.tid = 11;
	assert_int_equal(process_seed(w.t, &s), -EINVAL);
	assert_int_equal(do_seed(&w, &idle, ""), -EINVAL);
	assert_int_equal(process_table_stats(w.t).live, 0);
}

/* --- limits
 * ---------------------------------------------------------------------------------------- */

static void a_full_table_refuses_and_counts(void **state)
{
	AUTO_WORLD w = world(3);
	struct actor a = actor(1), b = child_of(&a, 2), c = child_of(&a, 3), d = child_of(&a, 4);
	struct err e = { "" };
	struct process_table *none = NULL;

	(void)state;
	assert_int_equal(process_table_new(&none, 0, &e), -EINVAL);
	do_fork(&w, &a, &b);
	do_fork(&w, &a, &c);
	assert_null(do_fork(&w, &a, &d));
	assert_null(do_open(&w, &d));
	assert_int_equal(do_seed(&w, &d, "/d"), -ENOSPC);
	assert_int_equal(process_table_stats(w.t).refused, 3);
	assert_int_equal(process_table_stats(w.t).capacity, 3);
	/* who ended gives way early */
	do_exit(&w, &b, 0);
	assert_non_null(do_fork(&w, &a, &d));
	assert_int_equal(process_table_stats(w.t).cut_short, 1);
	assert_null(process_find(w.t, key(&b)));
	/* but not one that an event in progress is of */
	do_exit(&w, &a, 0);
	do_exit(&w, &c, 0);
	do_exit(&w, &d, 0);
	b.start += 7;
	assert_non_null(do_fork(&w, &a, &b));
	assert_non_null(process_find(w.t, key(&a)));
}

static void a_fork_bomb_has_bounded_memory(void **state)
{
	enum { N = 32768 };
	AUTO_WORLD w = world(N + 1000);
	struct actor init = actor(1), a = init;
	static char path[EVENT_STRING_MAX];
	struct process_stats s;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	do_seed(&w, &init, "/init");
	for (uint32_t i = 2; i < N; i++) { /* each forks the next one: the longest chain */
		struct actor c = child_of(&a, i);

		assert_non_null(do_fork(&w, &a, &c));
		if (i % 2)
			do_exec(&w, &c, 0, 0, path);
		a = c;
	}
	s = process_table_stats(w.t);
	assert_int_equal(s.live, N - 1);
	assert_int_equal(s.refused, 0);
	assert_true(s.text_bytes <= 2ULL * PROCESS_MAX_TEXT_BYTES);
	assert_true(s.bytes < 100 << 20);
	assert_true(s.text_refused > 0);
	for (uint32_t i = 2; i < N; i++) {
		struct process *p = process_find_pid(w.t, i);
		struct actor c = child_of(&init, i);

		c.seq = p->exec_seq;
		do_exit(&w, &c, 9);
	}
	process_expire(w.t, w.now + PROCESS_KEEP_NS);
	s = process_table_stats(w.t);
	assert_int_equal(s.live, 1);
	assert_int_equal(s.ended, 0);
	assert_true(s.text_bytes < 1000);
}

static void spawning_without_end_keeps_within_the_table(void **state)
{
	AUTO_WORLD w = world(1000);
	struct actor sh = actor(1);

	(void)state;
	do_seed(&w, &sh, "/bin/sh");
	for (uint32_t i = 0; i < 20000; i++) {
		struct actor c = child_of(&sh, 2 + i % 300); /* pids come again */

		c.start = 1000000 + i;
		assert_non_null(do_fork(&w, &sh, &c));
		do_exec(&w, &c, 0, 0, "/bin/true");
		if (i % 3)
			do_exit(&w, &c, 0);
	}
	struct process_stats s = process_table_stats(w.t);

	assert_int_equal(s.refused, 0);
	assert_true(s.live <= 301);
	assert_true(s.live + s.ended <= 1000);
	process_expire(w.t, UINT64_MAX);
	assert_int_equal(process_table_stats(w.t).ended, 0);
}

static void long_arguments_are_cut_and_say_so(void **state)
{
	AUTO_WORLD w = world(100);
	struct actor a = actor(10);
	static char args[PROCESS_MAX_ARGS + 100];
	struct event_task task = { .head = head(&w, &a, EVENT_NONE) };
	struct process_seed s = { .task = &task, .args = { args, sizeof(args) } };

	(void)state;
	assert_int_equal(process_seed(w.t, &s), 0);
	struct process *p = process_find_pid(w.t, 10);

	assert_int_equal(process_args(p).n, PROCESS_MAX_ARGS);
	assert_true(p->text->args_cut);
	assert_int_equal(p->text->args_bytes, sizeof(args));
}

/* Any order of any events about a few pids: the sanitizers and the table's own figures judge. */
static void random_events_leave_a_sound_table(void **state)
{
	AUTO_WORLD w = world(24);
	uint32_t x = 12345;

	(void)state;
	for (int i = 0; i < 60000; i++) {
		struct actor a = actor(1), b;

		x = x * 1664525U + 1013904223U;
		a.pid = 1 + (x >> 8) % 12;
		a.start = 1 + (x >> 12) % 3;
		a.ppid = (x >> 15) % 13;
		a.parent_start = 1 + (x >> 18) % 3;
		a.cgroup = a.container = (x >> 20) % 3;
		a.seq = (x >> 22) % 4;
		b = a;
		b.pid = 1 + (x >> 24) % 12;
		b.start = 1 + (x >> 28) % 3;
		switch (x >> 5 & 7) {
		case 0:
		case 1:
			do_fork(&w, &a, &b);
			break;
		case 2:
			do_exec(&w, &a, (uint16_t)(x >> 3 & EVENT_OUTSIDE), 0, "/x");
			break;
		case 3:
		case 4:
			do_exit(&w, &a, 0);
			break;
		case 5:
			do_seed(&w, &a, "/seed");
			process_seed_end(w.t, x & 0x100 ? w.now - 20 : 0);
			break;
		case 6:
			do_attach(&w, &a, &b);
			break;
		case 7:
			process_expire(w.t, w.now + PROCESS_KEEP_NS - (x >> 8) % 100);
			break;
		}
		struct process_stats s = process_table_stats(w.t);

		assert_true(s.live + s.ended <= 24);
	}
	process_seed_end(w.t, UINT64_MAX);
	process_expire(w.t, UINT64_MAX);
	for (uint32_t pid = 0; pid < 20; pid++)
		assert_null(process_find_pid(w.t, pid));
}

int main(void)
{
	const struct CMUnitTest process[] = {
		cmocka_unit_test(a_fork_has_what_its_parent_has_until_it_execs),
		cmocka_unit_test(an_ended_process_stays_for_late_events_and_then_goes),
		cmocka_unit_test(ancestors_stay_while_a_descendant_lives),
		cmocka_unit_test(a_thread_is_no_process),
		cmocka_unit_test(an_exec_by_a_thread_is_its_process_exec),
		cmocka_unit_test(a_failed_exec_changes_nothing),
		cmocka_unit_test(a_reused_pid_is_another_process),
		cmocka_unit_test(a_missed_exit_shows_when_the_pid_comes_again),
		cmocka_unit_test(a_late_event_of_a_forgotten_process_does_not_end_its_successor),
		cmocka_unit_test(a_missed_fork_is_made_up_from_the_event),
		cmocka_unit_test(a_missed_exec_takes_the_old_program_away),
		cmocka_unit_test(an_event_of_nobody_makes_no_entry),
		cmocka_unit_test(records_that_contradict_each_other_make_no_circle),
		cmocka_unit_test(credentials_and_namespaces_follow_the_calls_that_change_them),
		cmocka_unit_test(the_name_follows_the_events),
		cmocka_unit_test(an_old_record_does_not_undo_a_newer_one),
		cmocka_unit_test(parents_come_before_children_whatever_the_order_of_seeding),
		cmocka_unit_test(a_second_pass_takes_what_is_now_and_ends_who_is_gone),
		cmocka_unit_test(seeded_forks_share_their_parents_exec),
		cmocka_unit_test(threads_and_the_idle_task_are_not_seeded),
		cmocka_unit_test(a_full_table_refuses_and_counts),
		cmocka_unit_test(a_fork_bomb_has_bounded_memory),
		cmocka_unit_test(spawning_without_end_keeps_within_the_table),
		cmocka_unit_test(long_arguments_are_cut_and_say_so),
		cmocka_unit_test(random_events_leave_a_sound_table),
	};

	return cmocka_run_group_tests(process, NULL, NULL);
}
