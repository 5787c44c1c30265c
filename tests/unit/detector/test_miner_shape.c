// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "detector/miner_shape.h"

#define S 1000000000ULL

static const struct miner_shape_limits two = { 120 * S, 2, 100 };
static struct miner_shape *shape;
static struct miner_look look;
static struct miner_shape_verdict v;

static int start(void **state)
{
	(void)state;
	memset(&look, 0, sizeof(look));
	look.mono_ns = 1000 * S;
	return miner_shape_new(&shape);
}

static int stop(void **state)
{
	(void)state;
	miner_shape_free(shape);
	return 0;
}

static void process(pid_t pid)
{
	look.processes[look.processes_n++] = (struct miner_look_process){
		.pid = pid, .close = true, .there = true, .has_io = true
	};
}

static void thread(pid_t pid, pid_t tid)
{
	look.threads[look.threads_n++] = (struct miner_look_thread){
		.pid = pid, .tid = tid, .start_ticks = 77, .voluntary = 10
	};
}

static void peer(uint16_t local, uint16_t remote)
{
	look.peers[look.peers_n] = (struct miner_look_peer){ .pid = 10,
							     .cookie = 900 + look.peers_n,
							     .family = AF_INET,
							     .remote = { 10, 0, 0, 9 },
							     .local_port = local,
							     .remote_port = remote };
	look.peers_n++;
}

/* So many seconds, one look each five: each thread takes these parts of a processor. */
static void pass(unsigned seconds, double user, double kernel)
{
	for (unsigned s = 0; s < seconds; s += 5) {
		miner_shape_add(shape, &look, &two);
		look.mono_ns += 5 * S;
		for (uint32_t i = 0; i < look.threads_n; i++) {
			look.threads[i].user_ticks += (uint64_t)(500 * user);
			look.threads[i].kernel_ticks += (uint64_t)(500 * kernel);
		}
	}
	miner_shape_add(shape, &look, &two);
	miner_shape_judge(shape, &two, &v);
}

static void two_busy_threads_for_three_quarters_of_the_window_burn(void **state)
{
	(void)state;
	process(10);
	thread(10, 11);
	thread(10, 12);
	pass(60, 0.99, 0);
	assert_false(v.burns); /* not for long enough */
	pass(30, 0.99, 0);
	assert_true(v.burns);
	assert_false(v.talks);
	assert_int_equal(v.hot, 2);
	assert_int_equal(v.pid, 10);
	assert_int_equal(v.processes, 1);
	assert_true(v.all_processors);
	assert_true(v.processors > 1.9 && v.spread < 0.01 && v.user_share > 0.99);
}

static void a_quiet_connection_of_its_own_goes_with_it(void **state)
{
	(void)state;
	process(10);
	thread(10, 11);
	peer(40000, 443);
	for (int i = 0; i < 24; i++) {
		look.peers[0].sent_bytes += 190;
		look.peers[0].sent_segments++;
		look.peers[0].received_bytes += 125;
		look.peers[0].received_segments++;
		pass(5, 0.97, 0.01);
	}
	assert_true(v.burns);
	assert_true(v.talks);
	assert_int_equal(v.peer.remote_port, 443);
}

static void connections_that_are_not_a_miners_do_not(void **state)
{
	(void)state;
	process(10);
	thread(10, 11);
	peer(5432, 40000); /* a client's, to a port of ours */
	for (int i = 0; i < 24; i++) {
		look.peers[0].sent_bytes += 190;
		look.peers[0].sent_segments++;
		pass(5, 0.97, 0.01);
	}
	assert_true(v.burns);
	assert_false(v.talks);
	look.peers_n = 0;
	peer(40000, 5432); /* much goes over it */
	for (int i = 0; i < 24; i++) {
		look.peers[0].received_bytes += 100000;
		look.peers[0].received_segments += 70;
		pass(5, 0.97, 0.01);
	}
	assert_false(v.talks);
	look.peers_n = 0;
	peer(40001, 5432); /* nothing does */
	pass(120, 0.97, 0.01);
	assert_false(v.talks);
}

static void who_has_many_connections_is_no_miner(void **state)
{
	(void)state;
	process(10);
	thread(10, 11);
	for (uint16_t i = 0; i < MINER_PEERS + 1; i++)
		peer((uint16_t)(40000 + i), 443);
	for (int i = 0; i < 24; i++) {
		look.peers[0].sent_bytes += 190;
		look.peers[0].sent_segments++;
		pass(5, 0.97, 0.01);
	}
	assert_true(v.burns);
	assert_false(v.talks);
}

static void system_calls_waiting_and_files_are_no_miners(void **state)
{
	(void)state;
	process(10);
	thread(10, 11);
	pass(120, 0.80, 0.15);
	assert_false(v.burns);
	assert_string_equal(v.not, "it makes system calls");
	for (int i = 0; i < 60; i++) {
		look.threads[0].voluntary += 500;
		pass(5, 0.95, 0.01);
	}
	assert_false(v.burns);
	assert_string_equal(v.not, "its busy threads wait now and then");
	for (int i = 0; i < 60; i++) {
		look.processes[0].io_bytes += 5 << 20;
		pass(5, 0.95, 0.01);
	}
	assert_false(v.burns);
	assert_string_equal(v.not, "it reads and writes files");
	for (int i = 0; i < 60; i++) {
		look.processes[0].io_calls += 5000;
		pass(5, 0.95, 0.01);
	}
	assert_false(v.burns);
	assert_string_equal(v.not, "it reads and writes often");
}

/* A compiler's: each lives for a few seconds. */
static void threads_that_come_and_go_are_none(void **state)
{
	(void)state;
	for (pid_t pid = 100; pid < 160; pid++) {
		look.processes_n = look.threads_n = 0;
		process(pid);
		thread(pid, pid);
		pass(5, 0.95, 0.02);
		assert_false(v.burns);
	}
}

static void little_use_is_none_but_a_quota_makes_it_much(void **state)
{
	const struct miner_shape_limits half = { 120 * S, 0.5, 100 };

	(void)state;
	process(10);
	thread(10, 11);
	thread(10, 12);
	pass(120, 0.24, 0);
	assert_false(v.burns);
	miner_shape_judge(shape, &half, &v);
	assert_true(v.burns);
}

/* SCHED_IDLE beside others: it gets next to nothing, and waits for the rest of the time. */
static void who_waits_for_a_processor_all_the_time_burns_too(void **state)
{
	(void)state;
	process(10);
	thread(10, 11);
	thread(10, 12);
	for (int i = 0; i < 24; i++) {
		look.threads[0].wait_ns += (uint64_t)(4.8 * (double)S);
		look.threads[1].wait_ns += (uint64_t)(4.7 * (double)S);
		pass(5, 0.02, 0);
	}
	assert_true(v.burns);
	assert_true(v.processors < 0.1 && v.wanted > 1.8);
}

static void who_gives_way_is_told(void **state)
{
	(void)state;
	process(10);
	thread(10, 11);
	look.threads[0].nice = 19;
	look.threads[0].policy = SCHED_IDLE;
	look.processes[0].memory = MEMORY_DATASET | MEMORY_CODE;
	pass(120, 0.99, 0);
	assert_true(v.gives_way);
	assert_int_equal(v.memory, MEMORY_DATASET | MEMORY_CODE);
}

static void a_reused_number_is_another_thread(void **state)
{
	(void)state;
	process(10);
	thread(10, 11);
	pass(85, 0.99, 0);
	look.threads[0].start_ticks = 78;
	look.threads[0].user_ticks = 0;
	pass(20, 0.99, 0);
	assert_false(v.burns);
}

static void limits_are_counted(void **state)
{
	(void)state;
	process(10);
	for (int i = 0; i < MINER_LOOK_THREADS; i++)
		thread(10, 100 + i);
	look.threads_refused = 3;
	pass(5, 0.001, 0);
	assert_true(miner_shape_refused(shape) >= 3);
}

static void a_line_of_stat_is_read_behind_the_last_parenthesis(void **state)
{
	static const char text[] = "4242 (a) b) R 1 1 1 0 -1 4194304 100 0 0 0 9000 12 0 0 39 19 8 "
				   "0 12345 1 2 3 4 5 6 "
				   "7 8 9 10 11 12 13 14 15 17 3 0 5 0 0 0\n";
	struct miner_look_thread t = { .pid = 1 };

	(void)state;
	assert_true(miner_look_stat(text, sizeof(text) - 1, &t));
	assert_int_equal(t.user_ticks, 9000);
	assert_int_equal(t.kernel_ticks, 12);
	assert_int_equal(t.nice, 19);
	assert_int_equal(t.start_ticks, 12345);
	assert_int_equal(t.policy, SCHED_IDLE);
	for (size_t n = 0; n < 100; n++)
		(void)miner_look_stat(text, n, &t);
	assert_false(miner_look_stat("", 0, &t));
	assert_false(miner_look_stat("1 (x)", 5, &t));
	assert_false(miner_look_stat("1 (x) R 1 1 1 0 -1 1 1 0 0 0 x 1", 32, &t));
}

static uint32_t maps(const char *line)
{
	return miner_look_maps_line(line, strlen(line));
}

static void the_shape_of_memory_is_read_from_maps(void **state)
{
	(void)state;
	assert_int_equal(maps("7f0000000000-7f0082000000 rw-p 00000000 00:00 0"), MEMORY_DATASET);
	assert_int_equal(
		maps("7f0000000000-7f0082000000 rw-p 00000000 00:10 77 /anon_hugepage (deleted)"),
		0); /* has an inode */
	assert_int_equal(maps("7f0000000000-7f0000040000 rwxp 00000000 00:00 0 "),
			 MEMORY_CODE | MEMORY_WRITE_CODE);
	assert_int_equal(maps("7f0000000000-7f0000040000 r-xp 00000000 00:00 0 "), MEMORY_CODE);
	assert_int_equal(maps("7f0000000000-7f0000040000 r-xp 00000000 08:01 99 /bin/x"), 0);
	assert_int_equal(maps("7f0000000000-7f0000040000 r-xp 00000000 00:00 0 [vdso]"), 0);
	assert_int_equal(maps("7f0000000000-7e0000000000 rwxp 00000000 00:00 0"), 0);
	assert_int_equal(maps("x"), 0);
	assert_int_equal(maps(""), 0);
}

static void our_own_threads_are_read(void **state)
{
	(void)state;
	look.processes_n = 1;
	look.processes[0] = (struct miner_look_process){ .pid = getpid(), .close = true };
	look.maps = true;
	miner_look_read(&look, "/proc");
	assert_true(look.processes[0].there);
	assert_true(look.processes[0].has_io);
	assert_false(look.processes[0].deleted);
	assert_true(look.threads_n >= 1);
	assert_int_equal(look.threads[0].pid, getpid());
	assert_int_equal(look.peers_n, 0);
	look.processes[0].pid = 0x7ffffff;
	miner_look_read(&look, "/proc");
	assert_false(look.processes[0].there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
		TEST(two_busy_threads_for_three_quarters_of_the_window_burn),
		TEST(a_quiet_connection_of_its_own_goes_with_it),
		TEST(connections_that_are_not_a_miners_do_not),
		TEST(who_has_many_connections_is_no_miner),
		TEST(system_calls_waiting_and_files_are_no_miners),
		TEST(threads_that_come_and_go_are_none),
		TEST(little_use_is_none_but_a_quota_makes_it_much),
		TEST(who_waits_for_a_processor_all_the_time_burns_too),
		TEST(who_gives_way_is_told),
		TEST(a_reused_number_is_another_thread),
		TEST(limits_are_counted),
		TEST(a_line_of_stat_is_read_behind_the_last_parenthesis),
		TEST(the_shape_of_memory_is_read_from_maps),
		TEST(our_own_threads_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
