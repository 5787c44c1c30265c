// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes that are ended: one by its pidfd, all of a container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "collector/procstat.h"
#include "tests/unit/detector/response_box.h"

#define C2	  "cg/docker/" ID
#define FREEZE_V1 "freezer/frz/" ID "/freezer.state"

static pid_t child(void)
{
	signal(SIGTERM, SIG_IGN); /* the child's too, from its first moment */
	pid_t pid = fork();

	assert_true(pid >= 0);
	while (pid == 0)
		pause();
	signal(SIGTERM, SIG_DFL);
	return pid;
}

static int ended_by(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_process_is_killed_and_never_one_that_has_its_number_by_now(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	pid_t pid = child();
	struct process_key key = { procstat_start_boot_ns("/proc", pid) + 1234567, (uint32_t)pid };

	(void)state;
	b->set.proc = "/proc";
	box_open(b);
	key.start_boot_ns -= 10 * NS_PER_S;
	assert_int_equal(response_kill(b->r, key, NULL), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	key.start_boot_ns += 10 * NS_PER_S;
	assert_int_equal(response_kill(b->r, key, NULL), 0);
	assert_int_equal(ended_by(pid), SIGKILL);
	assert_int_equal(response_kill(b->r, key, NULL), -ESRCH); /* gone */
	assert_int_equal(response_stats(b->r).kills, 1);
	assert_int_equal(response_stats(b->r).kills_missed, 2);
}

static void init_and_ourselves_are_never_killed(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	static const uint32_t pids[] = { 0, 1, UINT32_MAX, 0x80000000U };

	(void)state;
	b->set.proc = "/proc";
	box_open(b);
	for (size_t i = 0; i < 4; i++) {
		const struct process_key key = { 0, pids[i] };

		assert_int_equal(response_kill(b->r, key, NULL), -EPERM);
	}
	const struct process_key own = { procstat_start_boot_ns("/proc", getpid()),
					 (uint32_t)getpid() };

	assert_int_equal(response_kill(b->r, own, NULL), -EPERM);
}

static void list_process(const struct box *b, pid_t pid, const char *procs, const char *line)
{
	char name[96], text[32];

	snprintf(name, sizeof(name), "proc/%d/cgroup", (int)pid);
	box_write(b, name, line);
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	box_write(b, procs, text);
}

static void a_stop_asks_and_after_the_grace_kills_all_on_v1(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);
	const char *procs = "memory/docker/" ID "/sub/cgroup.procs";
	pid_t pid = child();
	const struct response_target t = box_target(ID, pid);

	(void)state;
	list_process(b, pid, procs, "7:memory:/docker/" ID "/sub\n");
	box_open(b);
	assert_int_equal(response_begin(b->r, &t, RESPONSE_STOP, NULL), 0);
	assert_int_equal(box_last(b)->kind, RESPONSE_BEGUN);
	assert_string_equal(box_last(b)->text, "");
	assert_int_equal(response_begin(b->r, &t, RESPONSE_STOP, NULL), -EALREADY);
	assert_int_equal(response_begin(b->r, &t, RESPONSE_FREEZE, NULL), -EBUSY);
	b->now_ns += 9 * NS_PER_S;
	response_tick(b->r);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(response_undo_all(b->r), 0); /* there is no way back */
	b->now_ns += NS_PER_S;
	response_tick(b->r);
	assert_int_equal(ended_by(pid), SIGKILL);
	assert_int_equal(response_stats(b->r).active, 1);
	box_write(b, procs, "");
	response_tick(b->r);
	assert_int_equal(box_last(b)->kind, RESPONSE_ENDED);
	assert_int_equal(response_stats(b->r).active, 0);
	assert_int_equal(files_in_journal(b), 0);
}

static void a_stop_uses_the_kernels_own_on_v2(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	const struct response_target t = box_target(ID, 0);

	(void)state;
	box_open(b);
	box_write(b, C2 "/cgroup.procs", "999999999\n");
	assert_int_equal(response_begin(b->r, &t, RESPONSE_STOP, NULL), 0);
	assert_string_equal(box_read(b, C2 "/cgroup.kill"), "1"); /* nobody to ask: at once */
	b->now_ns += RESPONSE_STOP_NS + RESPONSE_GRACE_NS;
	response_tick(b->r);
	assert_int_equal(box_last(b)->kind, RESPONSE_FAILED);
	assert_string_equal(box_last(b)->text, "processes are left");
	assert_int_equal(response_stats(b->r).active, 0);
}

static void processes_that_left_the_cgroup_are_not_killed(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);
	pid_t pid = child();
	const struct response_target t = box_target(ID, pid);

	(void)state;
	list_process(b, pid, "memory/docker/" ID "/cgroup.procs", "7:memory:/docker/" ID "x\n");
	box_open(b);
	assert_int_equal(response_begin(b->r, &t, RESPONSE_STOP, NULL), 0);
	b->now_ns += RESPONSE_GRACE_NS;
	response_tick(b->r);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	ended_by(pid);
}

static void what_is_frozen_is_killed_at_once_and_then_thawed(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);
	pid_t pid = child();
	const struct response_target t = box_target(ID, 4242);

	(void)state;
	box_open(b);
	assert_int_equal(response_begin(b->r, &t, RESPONSE_FREEZE, NULL), 0);
	list_process(b, pid, "memory/docker/" ID "/cgroup.procs", "7:memory:/docker/" ID "\n");
	assert_int_equal(response_begin(b->r, &t, RESPONSE_STOP, NULL), 0);
	assert_int_equal(ended_by(pid), SIGKILL);
	assert_string_equal(box_read(b, FREEZE_V1), "THAWED");
	assert_int_equal(files_in_journal(b), 0);
}

int main(void)
{
	const struct CMUnitTest stop[] = {
		cmocka_unit_test(a_process_is_killed_and_never_one_that_has_its_number_by_now),
		cmocka_unit_test(init_and_ourselves_are_never_killed),
		cmocka_unit_test(a_stop_asks_and_after_the_grace_kills_all_on_v1),
		cmocka_unit_test(a_stop_uses_the_kernels_own_on_v2),
		cmocka_unit_test(processes_that_left_the_cgroup_are_not_killed),
		cmocka_unit_test(what_is_frozen_is_killed_at_once_and_then_thawed),
	};

	return cmocka_run_group_tests(stop, NULL, NULL);
}
