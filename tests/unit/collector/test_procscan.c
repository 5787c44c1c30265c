// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/procscan.h"
#include "collector/procstat.h"
#include "tests/unit/fixture.h"

/* started 5 s after boot */
#define STAT(pid, comm, ppid, flags)                                                               \
	pid " (" comm ") S " ppid " 3 4 34816 -1 " flags " 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n"
#define START_NS (5 * NS_PER_S)

#define STATUS                                                                                     \
	"Name:\tweb\nUmask:\t0022\nTgid:\t42\nPid:\t42\nPPid:\t7\n"                                \
	"Uid:\t33\t34\t35\t36\nGid:\t43\t44\t45\t46\nGroups:\t1 2 3 \nNSpid:\t42\t6\n"             \
	"Kthread:\t0\nCapInh:\t0000000000000001\nCapPrm:\t00000000a80425fb\n"                      \
	"CapEff:\t00000000a80425fa\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\nSeccomp:\t2\n"

#define PROC_42                                                                                    \
	"@ 42/stat\n" STAT(                                                                        \
		"42", "web) S 1 (x", "7",                                                          \
		"4194560") "@ 42/status\n" STATUS                                                  \
			   "@ 42/exe -> /usr/bin/web\n@ 42/cwd -> /srv\n@ 42/loginuid\n1000\n"     \
			   "@ 42/ns/mnt -> mnt:[111]\n@ 42/ns/pid -> pid:[222]\n@ 42/ns/net -> "   \
			   "net:[333]\n"                                                           \
			   "@ 7/stat\n" STAT("7", "sshd", "1", "0") "@ 7/status\n" STATUS

static struct process_table *new_table(uint32_t max)
{
	struct process_table *t = NULL;

	assert_int_equal(process_table_new(&t, max, NULL), 0);
	return t;
}

static struct event_task task(uint32_t pid, uint32_t tid)
{
	return (struct event_task){ .head = { .size = sizeof(struct event_task),
					      .pid = pid,
					      .tid = tid,
					      .ppid = 7,
					      .parent_start_boot_ns = START_NS,
					      .start_boot_ns = START_NS + 123,
					      .comm = "web" } };
}

/* A descriptor that gives the bytes in reads of at most `step`. */
static int stream(const void *bytes, size_t n, size_t step)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	for (size_t i = 0; i < n; i += step) {
		size_t part = n - i < step ? n - i : step;

		assert_int_equal(send(fd[1], (const char *)bytes + i, part, 0), (ssize_t)part);
	}
	close(fd[1]);
	return fd[0];
}

static int scan(const struct procscan *s, struct process_table *t, const void *bytes, size_t n,
		size_t step, struct procscan_counts *c, struct err *e)
{
	AUTO_FD int fd = stream(bytes, n, step);

	return procscan_iterator(s, t, fd, c, e);
}

static struct redact redact_all(void)
{
	struct redact r;

	redact_defaults(&r);
	return r;
}

static void records_may_be_cut_anywhere_between_reads(void **state)
{
	static const size_t steps[] = { 1, 7, 100, 279, 280, 281, 839, 2000 };
	AUTO_TREE struct tree tree = tree_make(PROC_42);
	const struct procscan s = { .proc = tree.path };
	struct event_task tasks[] = { task(42, 42), task(42, 43), task(50, 50) };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		AUTO(process_table_free) struct process_table *t = new_table(100);
		struct procscan_counts c;

		/* steps of a byte would fill the socket's queue: a record is enough */
		size_t n = steps[i] == 1 ? 140 : sizeof(tasks);
		int r = scan(&s, t, tasks, n, steps[i], &c, NULL);

		if (steps[i] == 1) {
			assert_int_equal(r, -EPROTO);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(c.tasks, 3);
		assert_int_equal(c.processes, 2); /* a thread is none */
		assert_int_equal(c.gone, 1);	  /* 50 is not in /proc any more */
		assert_non_null(process_find_pid(t, 42));
		assert_int_equal(process_exe(process_find_pid(t, 50)).n, 0);
	}
}

static void proc_adds_program_and_masked_arguments(void **state)
{
	static const char cmdline[] = "web\0--password=hunter2\0-x";
	AUTO_TREE struct tree tree = tree_make(PROC_42);
	const struct redact r = redact_all();
	const struct procscan s = { .proc = tree.path, .redact = &r };
	AUTO(process_table_free) struct process_table *t = new_table(100);
	struct event_task one = task(42, 42);
	struct procscan_counts c;
	const struct process *p;

	(void)state;
	tree_write(&tree, "42/cmdline", cmdline, sizeof(cmdline));
	assert_int_equal(scan(&s, t, &one, sizeof(one), 1000, &c, NULL), 0);
	p = process_find_pid(t, 42);
	assert_true(span_eq(process_exe(p), "/usr/bin/web"));
	assert_true(span_eq(p->text->cwd, "/srv"));
	assert_int_equal(process_args(p).n, sizeof("web\0--password=***\0-x") - 1);
	assert_memory_equal(process_args(p).p, "web\0--password=***\0-x", process_args(p).n);
	assert_false(p->text->args_cut);
}

static void long_arguments_are_cut(void **state)
{
	static char cmdline[2 * PROCESS_MAX_ARGS];
	AUTO_TREE struct tree tree = tree_make(PROC_42);
	const struct redact r = redact_all();
	const struct procscan s = { .proc = tree.path, .redact = &r };
	AUTO(process_table_free) struct process_table *t = new_table(100);
	struct event_task one = task(42, 42);
	struct procscan_counts c;

	(void)state;
	memset(cmdline, 'x', sizeof(cmdline));
	tree_write(&tree, "42/cmdline", cmdline, sizeof(cmdline));
	assert_int_equal(scan(&s, t, &one, sizeof(one), 1000, &c, NULL), 0);
	assert_true(process_find_pid(t, 42)->text->args_cut);
	assert_int_equal(process_args(process_find_pid(t, 42)).n, PROCESS_MAX_ARGS);
}

static void nothing_is_taken_from_a_later_process_of_the_same_pid(void **state)
{
	AUTO_TREE struct tree tree = tree_make(PROC_42);
	const struct procscan s = { .proc = tree.path };
	AUTO(process_table_free) struct process_table *t = new_table(100);
	struct event_task one = task(42, 42);
	struct procscan_counts c;

	(void)state;
	one.head.start_boot_ns -= NS_PER_S;
	assert_int_equal(scan(&s, t, &one, sizeof(one), 1000, &c, NULL), 0);
	assert_int_equal(c.gone, 1);
	assert_int_equal(process_exe(process_find_pid(t, 42)).n, 0);
}

static void a_deleted_program_keeps_its_name(void **state)
{
	AUTO_TREE struct tree tree =
		tree_make("@ 42/stat\n" STAT("42", "web", "7", "0") "@ 42/exe -> /x (deleted)\n");
	const struct procscan s = { .proc = tree.path };
	struct event_task one = task(42, 42);
	struct procscan_counts c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		AUTO(process_table_free) struct process_table *t = new_table(100);

		one.exe.flags = i ? FILE_KNOWN | FILE_DELETED : FILE_KNOWN;
		assert_int_equal(scan(&s, t, &one, sizeof(one), 1000, &c, NULL), 0);
		assert_true(
			span_eq(process_exe(process_find_pid(t, 42)), i ? "/x" : "/x (deleted)"));
	}
}

static void what_is_no_record_stops_the_scan(void **state)
{
	AUTO_TREE struct tree tree = tree_make(PROC_42);
	const struct procscan s = { .proc = tree.path };
	AUTO(process_table_free) struct process_table *t = new_table(100);
	struct event_task tasks[] = { task(42, 42), task(50, 50), task(51, 51) };
	struct procscan_counts c;
	struct err e = { "" };

	(void)state;
	tasks[1].head.size = 4;
	assert_int_equal(scan(&s, t, tasks, sizeof(tasks), 4000, &c, &e), -EPROTO);
	assert_string_equal(e.text, "record 1 of the task iterator is of 4 bytes and type 0");
	assert_non_null(process_find_pid(t, 42)); /* what came before is kept */
	assert_null(process_find_pid(t, 51));
	tasks[1] = task(50, 50);
	assert_int_equal(scan(&s, t, tasks, sizeof(tasks) - 1, 4000, &c, &e), -EPROTO);
	assert_string_equal(e.text, "task iterator ends within record 2");
	assert_int_equal(scan(&s, t, tasks, 0, 1, &c, &e), 0);
	assert_int_equal(c.tasks, 0);
	assert_true(procscan_iterator(&s, t, -1, &c, &e) < 0);
}

static void a_whole_pass_ends_who_was_not_in_it(void **state)
{
	AUTO_TREE struct tree tree = tree_make(PROC_42);
	const struct procscan s = { .proc = tree.path };
	AUTO(process_table_free) struct process_table *t = new_table(100);
	struct event_task tasks[] = { task(42, 42), task(50, 50), task(7, 7) };
	struct procscan_counts c;

	(void)state;
	tasks[2].head.start_boot_ns = START_NS;
	tasks[2].head.ppid = 0;
	assert_int_equal(scan(&s, t, tasks, sizeof(tasks), 4000, &c, NULL), 0);
	assert_int_equal(process_table_stats(t).live, 3);
	assert_int_equal(process_find_pid(t, 42)->parent->key.pid, 7);
	/* cut: says nothing about who is gone */
	assert_int_equal(scan(&s, t, tasks, 300, 4000, &c, NULL), -EPROTO);
	assert_int_equal(process_table_stats(t).live, 3);
	tasks[1] = tasks[2];
	assert_int_equal(scan(&s, t, tasks, 2 * sizeof(tasks[0]), 4000, &c, NULL), 0);
	assert_int_equal(process_table_stats(t).live, 2);
	assert_null(process_find_pid(t, 50));
}

static void a_full_table_is_told(void **state)
{
	AUTO_TREE struct tree tree = tree_make(PROC_42);
	const struct procscan s = { .proc = tree.path };
	AUTO(process_table_free) struct process_table *t = new_table(2);
	struct event_task tasks[] = { task(42, 42), task(50, 50), task(51, 51) };
	struct procscan_counts c;

	(void)state;
	assert_int_equal(scan(&s, t, tasks, sizeof(tasks), 4000, &c, NULL), 0);
	assert_int_equal(c.processes, 1); /* and its parent's place */
	assert_int_equal(c.refused, 2);
}

static void proc_alone_tells_most(void **state)
{
	AUTO_TREE struct tree tree = tree_make(PROC_42 "@ 2/stat\n" STAT(
		"2", "kthreadd", "0",
		"2129984") "@ 2/status\n" STATUS
			   "@ 8/stat\n8 (cut\n@ 9/\n@ self -> 42\n@ 42x/stat\n");
	const struct procscan s = { .proc = tree.path };
	AUTO(process_table_free) struct process_table *t = new_table(100);
	struct procscan_counts c;
	const struct process *p;

	(void)state;
	assert_int_equal(procscan_proc(&s, t, &c, NULL), 0);
	assert_int_equal(c.tasks, 5);
	assert_int_equal(c.processes, 3);
	assert_int_equal(c.gone, 2);
	p = process_find_pid(t, 42);
	assert_string_equal(process_comm(p), "web) S 1 (x");
	assert_int_equal(p->key.start_boot_ns, START_NS);
	assert_int_equal(p->parent->key.pid, 7);
	assert_int_equal(p->uid, 33);
	assert_int_equal(p->euid, 34);
	assert_int_equal(p->suid, 35);
	assert_int_equal(p->egid, 44);
	assert_int_equal(p->loginuid, 1000);
	assert_int_equal(p->ns_pid, 6);
	assert_int_equal(p->session, 4);
	assert_int_equal(p->tty, 136U << 20);
	assert_true(p->caps.permitted == 0xa80425fb && p->caps.bounding == 0x1ffffffffff);
	assert_int_equal(p->no_new_privs, 1);
	assert_int_equal(p->seccomp, 2);
	assert_int_equal(p->ns.mnt, 111);
	assert_int_equal(p->pid_ns, 222);
	assert_true(span_eq(process_exe(p), "/usr/bin/web"));
	assert_false(p->kernel_thread);
	assert_true(process_find_pid(t, 2)->kernel_thread);
	assert_int_equal(process_find_pid(t, 7)->loginuid, UINT32_MAX);
}

static void this_process_is_found_in_the_real_proc(void **state)
{
	const struct redact r = redact_all();
	const struct procscan s = { .proc = "/proc", .redact = &r };
	AUTO(process_table_free) struct process_table *t = new_table(100000);
	struct procscan_counts c;
	struct err e = { "" };
	const struct process *p;
	char exe[4096];

	(void)state;
	assert_int_equal(procscan_proc(&s, t, &c, &e), 0);
	p = process_find_pid(t, (uint32_t)getpid());
	assert_non_null(p);
	assert_int_equal(p->key.start_boot_ns, procstat_start_boot_ns("/proc", getpid()));
	assert_int_equal(p->euid, geteuid());
	assert_int_equal(p->parent->key.pid, getppid());
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));

	assert_int_equal(process_exe(p).n, n);
	assert_memory_equal(process_exe(p).p, exe, (size_t)n);
	assert_true(p->exe_file.flags & FILE_KNOWN);
	assert_int_equal(procscan_proc(&(struct procscan){ .proc = "/nonexistent" }, t, &c, &e),
			 -ENOENT);
	assert_string_equal(e.text, "cannot list '/nonexistent': No such file or directory");
}

int main(void)
{
	const struct CMUnitTest procscan[] = {
		cmocka_unit_test(records_may_be_cut_anywhere_between_reads),
		cmocka_unit_test(proc_adds_program_and_masked_arguments),
		cmocka_unit_test(long_arguments_are_cut),
		cmocka_unit_test(nothing_is_taken_from_a_later_process_of_the_same_pid),
		cmocka_unit_test(a_deleted_program_keeps_its_name),
		cmocka_unit_test(what_is_no_record_stops_the_scan),
		cmocka_unit_test(a_whole_pass_ends_who_was_not_in_it),
		cmocka_unit_test(a_full_table_is_told),
		cmocka_unit_test(proc_alone_tells_most),
		cmocka_unit_test(this_process_is_found_in_the_real_proc),
	};

	return cmocka_run_group_tests(procscan, NULL, NULL);
}
