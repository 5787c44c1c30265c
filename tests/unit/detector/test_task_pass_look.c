// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/detector/task_pass_fixture.h"

/* --- what it holds of elsewhere -------------------------------------------------------------- */

static struct task_answer *answer(const struct event_task *t, enum task_look_kind kind,
				  uint32_t asked, enum task_verdict v, const char *what)
{
	struct task_answer *a = &w.pass->answers[0];

	*a = (struct task_answer){ .key = { t->head.start_boot_ns, t->head.pid },
				   .kind = kind,
				   .asked = asked,
				   .exec_seq = t->head.exec_seq,
				   .looked = w.pass->number,
				   .verdict = v };
	snprintf(a->what, sizeof(a->what), "%s", what);
	snprintf(a->text, sizeof(a->text), "/etc/shadow");
	return a;
}

static void a_file_of_the_hosts_mounts_is_told_when_the_worker_says_so(void **state)
{
	struct event_task t = task(110);
	const uint32_t asked = TASK_FD_OUTSIDE | 7U << 8;

	(void)state;
	t.outside = TASK_FD_OUTSIDE;
	t.fd_outside = 7;
	known(&t);
	pass_one(t); /* no worker here: asked again by the next one */
	assert_int_equal(w.told_n, 0);
	answer(&t, LOOK_OUTSIDE, asked, TASK_FINE, "");
	pass_one(t);
	assert_int_equal(w.told_n, 0);
	answer(&t, LOOK_OUTSIDE, asked, TASK_BROKEN, "fd/7");
	pass_one(t);
	expect(INV_DESCRIPTOR, "Container 'web': a process holds a file of the host's mounts open");
	assert_true(says("held_as=fd/7;path=/etc/shadow;"));
	t.outside = TASK_CWD_OUTSIDE;
	answer(&t, LOOK_OUTSIDE, TASK_CWD_OUTSIDE | 7U << 8, TASK_BROKEN, "cwd");
	pass_one(t);
	expect(INV_ROOT, "Container 'web': the working directory of a process is in the host's "
			 "mounts");
	t.ns.mnt = 99; /* in mounts of its own making everything else is outside */
	pass_one(t);
	assert_int_equal(w.told_n, 0);
}

static void sockets_of_the_host_are_told_unless_it_was_started_with_them(void **state)
{
	struct event_task first = task(100), t = task(110);

	(void)state;
	t.host_net_sockets = 2;
	known(&t);
	pass_one(t);
	expect(INV_FOREIGN_SOCKETS,
	       "Container 'web': a process holds sockets of the host's network");
	assert_true(says("sockets=2;"));
	isolation_starts_end(w.starts, w.web);
	start(w.web, 101, &web_ns, WEB);
	first.head.pid = first.head.tid = 101;
	first.host_net_sockets = 1; /* handed over by who started it */
	pass((struct event_task[]){ first, t }, 2);
	assert_int_equal(w.told_n, 0);
}

static void credentials_that_are_not_its_own_are_told_when_it_sleeps_with_them(void **state)
{
	struct event_task t = task(110);

	(void)state;
	t.outside = TASK_CRED_MIXED;
	known(&t);
	pass_one(t);
	answer(&t, LOOK_CALL, 0, TASK_FINE, "");
	pass_one(t);
	assert_int_equal(w.told_n, 0); /* busy with an overlay */
	answer(&t, LOOK_CALL, 0, TASK_BROKEN, "")->looked = w.pass->number + 1;
	pass_one(t);
	expect(INV_CREDENTIALS,
	       "Container 'web': a process acts with credentials that are not its own");
	t.outside = 0;
	pass_one(t);
	assert_int_equal(w.told_n, 0);
	t.outside = TASK_CRED_MIXED; /* anew */
	pass_one(t);
	assert_int_equal(w.told_n, 0);
}

static void a_wrong_label_is_told_and_a_right_one_not_asked_again(void **state)
{
	struct event_task t = task(110);

	(void)state;
	w.pass->apparmor = true;
	known(&t);
	pass_one(t);
	answer(&t, LOOK_LABEL, 0, TASK_FINE, "");
	pass_one(t);
	assert_int_equal(task_memory_find(&w.pass->memories,
					  (struct process_key){ t.head.start_boot_ns, 110 })
				 ->label_exec,
			 t.head.exec_seq + 1);
	t.head.exec_seq++;
	answer(&t, LOOK_LABEL, 0, TASK_BROKEN, "apparmor");
	pass_one(t);
	expect(INV_LABEL,
	       "Container 'web': a process has another security label than its container");
}

/* --- what the worker makes of files ---------------------------------------------------------- */

static void labels_fit_what_they_are_built_upon(void **state)
{
	const struct span docker = SPAN_LIT("docker-default (enforce)");

	(void)state;
	assert_true(task_label_fits(docker, docker, false));
	assert_true(task_label_fits(docker, SPAN_LIT("docker-default (complain)"), false));
	assert_true(task_label_fits(docker, SPAN_LIT("docker-default//ping (enforce)"), false));
	assert_true(task_label_fits(docker, SPAN_LIT("docker-default//&:ns:x (enforce)"), false));
	assert_true(task_label_fits(docker, SPAN_LIT("x//&docker-default (enforce)"), false));
	assert_true(task_label_fits(SPAN_LIT("unconfined"), docker, false));
	assert_false(task_label_fits(docker, SPAN_LIT("unconfined"), false));
	assert_false(task_label_fits(docker, SPAN_LIT("docker-default2 (enforce)"), false));
	assert_false(task_label_fits(docker, SPAN_LIT("x//docker-default (enforce)"), false));
	assert_false(task_label_fits(docker, SPAN_LIT(""), false));
	const struct span se = SPAN_LIT("system_u:system_r:container_t:s0:c1,c2");

	assert_true(task_label_fits(se, SPAN_LIT("u:r:container_t:s0:c1,c2"), true));
	assert_false(task_label_fits(se, SPAN_LIT("system_u:system_r:spc_t:s0"), true));
	assert_false(task_label_fits(se, SPAN_LIT("system_u:system_r:container_t:s0:c1,c3"), true));
}

static void calls_that_wait_are_told_from_others(void **state)
{
	(void)state;
	assert_true(task_call_is_plain(SPAN_LIT("61 0xffff 0x0 0x0 0x0 0x0 0x0 0x7f 0x7f\n")));
	assert_false(task_call_is_plain(SPAN_LIT("1 0x3 0x0\n"))); /* write */
	assert_false(task_call_is_plain(SPAN_LIT("running\n")));
	assert_false(task_call_is_plain(SPAN_LIT("-1 0x7f 0x7f\n")));
	assert_false(task_call_is_plain(SPAN_LIT("")));
}

static void look(struct task_look *l, enum task_look_kind kind, const char *proc, uint32_t asked)
{
	*l = (struct task_look){ .kind = kind,
				 .asked = asked,
				 .key = { 50 * SECOND, 42 },
				 .first = { 50 * SECOND, 42 } };
	snprintf(l->proc, sizeof(l->proc), "%s", proc);
	task_look_run(&l->job);
}

static void a_descriptor_is_the_hosts_when_its_mount_is(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 1/mountinfo\n"
					    "22 27 0:21 / /proc rw - proc proc rw\n"
					    "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
					    "@ 42/stat\n"
					    "42 (a b) c) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 "
					    "5000 0 0\n"
					    "@ 42/fdinfo/1\npos:\t0\nflags:\t02\nmnt_id:\t27\n"
					    "@ 42/fdinfo/5\npos:\t0\nflags:\t02\nmnt_id:\t99\n"
					    "@ 42/fdinfo/7\npos:\t0\nflags:\t02\nmnt_id:\t27\n"
					    "@ 42/fd/7 -> /root/key\n");
	struct task_look l;

	(void)state;
	look(&l, LOOK_OUTSIDE, t.path, TASK_FD_OUTSIDE);
	assert_int_equal(l.verdict, TASK_BROKEN);
	assert_string_equal(l.what, "fd/7");
	assert_string_equal(l.text, "/root/key");
	tree_write(&t, "42/stat", "42 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9999 0 0\n", 56);
	look(&l, LOOK_OUTSIDE, t.path, TASK_FD_OUTSIDE);
	assert_int_equal(l.verdict, TASK_FINE); /* another process by now */
}

static void a_process_that_has_not_run_between_two_looks_sleeps(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 42/stat\n"
					    "42 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 "
					    "5000 0 0\n"
					    "@ 42/syscall\n61 0x1 0x2\n"
					    "@ 42/status\nName:\ta\nState:\tS (sleeping)\n"
					    "voluntary_ctxt_switches:\t7\n"
					    "nonvoluntary_ctxt_switches:\t1\n");
	struct task_look l;

	(void)state;
	look(&l, LOOK_CALL, t.path, 0);
	assert_int_equal(l.verdict, TASK_FINE);
	task_look_run(&l.job);
	assert_int_equal(l.verdict, TASK_BROKEN);
	tree_write(&t, "42/status", "Name:\ta\nState:\tS (sleeping)\nvoluntary_ctxt_switches:\t8\n",
		   56);
	task_look_run(&l.job);
	assert_int_equal(l.verdict, TASK_FINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_of_the_hosts_mounts_is_told_when_the_worker_says_so),
		TEST(sockets_of_the_host_are_told_unless_it_was_started_with_them),
		TEST(credentials_that_are_not_its_own_are_told_when_it_sleeps_with_them),
		TEST(a_wrong_label_is_told_and_a_right_one_not_asked_again),
		TEST(labels_fit_what_they_are_built_upon),
		TEST(calls_that_wait_are_told_from_others),
		TEST(a_descriptor_is_the_hosts_when_its_mount_is),
		TEST(a_process_that_has_not_run_between_two_looks_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
