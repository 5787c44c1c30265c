// SPDX-License-Identifier: GPL-2.0-or-later
/* Looks at the mounts of a container whose /proc is a folder, through a worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "collector/config.h"
#include "detector/isolation_mounts_watch.h"
#include "tests/unit/fixture.h"

#define SECOND 1000000000ULL
#define WEB    900U
#define START  "600 500 0:60 / / rw - overlay overlay rw\n601 600 0:61 / /proc rw - proc proc rw\n"
#define STAT   "100 (web) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 50000 0 0\n"

static struct world {
	struct tree t;
	struct agent_services services;
	struct config config;
	struct container_table *containers;
	struct process_table *processes;
	struct isolation_starts *starts;
	struct container *web;
	struct loop *loop;
	struct worker *worker;
	struct isolation_mounts_watch *watch;
	char title[256];
	unsigned found, looked;
} w;

static struct process_table *processes_of(struct agent *a)
{
	(void)a;
	return w.processes;
}

static const struct container_table *containers_of(struct agent *a)
{
	(void)a;
	return w.containers;
}

static void found(void *ctx, const struct finding *f, struct container *of, const struct process *p)
{
	(void)ctx;
	assert_ptr_equal(of, w.web);
	assert_non_null(p);
	for (size_t i = 0; i < f->facts_n; i++) /* they are its own still */
		assert_true(memchr(f->facts[i].value.p, '\0', f->facts[i].value.n) == NULL);
	snprintf(w.title, sizeof(w.title), "%s", f->title);
	w.found++;
}

static void looked(void *ctx, struct container *c)
{
	(void)ctx;
	assert_ptr_equal(c, w.web);
	w.looked++;
}

static void stop(void *ctx, uint32_t events)
{
	(void)events;
	loop_stop(ctx);
}

static void settled(struct worker_job *job)
{
	(void)job;
	loop_stop(w.loop);
}

static void nothing(struct worker_job *job)
{
	(void)job;
}

/* Until what was asked of the worker has come back. */
static void settle(void)
{
	struct worker_job last = { .run = nothing, .done = settled };
	struct loop_source *limit;

	isolation_mounts_watch_tick(w.watch);
	assert_int_equal(loop_add_timer(w.loop, 10 * SECOND, 0, stop, w.loop, &limit, NULL), 0);
	assert_int_equal(worker_submit(w.worker, &last, false), 0);
	assert_int_equal(loop_run(w.loop, NULL), 0);
	loop_remove(limit);
}

static void write_mounts(const char *text)
{
	tree_write(&w.t, "100/mountinfo", text, strlen(text));
}

static void start(void)
{
	const struct event_namespaces host = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct event_task t = {
		.head = { .size = sizeof(t),
			  .pid = 100,
			  .tid = 100,
			  .boot_ns = 600 * SECOND,
			  .start_boot_ns = 500 * SECOND + 100,
			  .exec_seq = 1,
			  .cgroup_id = WEB,
			  .container_cgroup = WEB },
		.ns = { 11, 12, 13, 14, 15, 16, 7, 8 },
	};
	const struct process_seed s = { .task = &t };
	const struct event_exec x = { .ns = t.ns, .seccomp = 2 };
	struct process *p;

	isolation_starts_host(w.starts, &host);
	assert_int_equal(process_seed(w.processes, &s), 0);
	p = process_find_pid(w.processes, 100);
	assert_true(isolation_starts_exec(w.starts, w.web, p, &x, 500 * SECOND));
}

static int setup(void **state)
{
	struct identity id = { .kind = CGROUP_CONTAINER, .runtime = RUNTIME_DOCKER, .id = "web" };

	(void)state;
	memset(&w, 0, sizeof(w));
	w.t = tree_make("@ 1/mountinfo\n"
			"27 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n"
			"@ 100/stat\n" STAT "@ 100/mountinfo\n" START);
	config_defaults(&w.config);
	w.config.isolation = true;
	w.services = (struct agent_services){ .config = &w.config,
					      .proc = w.t.path,
					      .processes = processes_of,
					      .containers = containers_of };
	assert_int_equal(loop_new(&w.loop, NULL), 0);
	assert_int_equal(worker_new(&w.worker, w.loop, "looks", NULL), 0);
	assert_int_equal(container_table_new(&w.containers, 16, NULL), 0);
	assert_int_equal(process_table_new(&w.processes, 100, NULL), 0);
	assert_int_equal(isolation_starts_new(&w.starts, 16, NULL), 0);
	assert_int_equal(container_table_add(w.containers, CGROUP_CONTAINER, &id, "/docker/web",
					     &w.web, NULL),
			 0);
	w.web->inode = WEB;

	const struct isolation_mounts_watch_settings s = { .services = &w.services,
							   .worker = w.worker,
							   .starts = w.starts,
							   .found = found,
							   .looked = looked };

	assert_int_equal(isolation_mounts_watch_new(&w.watch, &s, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	worker_free(w.worker);
	isolation_mounts_watch_free(w.watch);
	isolation_starts_free(w.starts);
	process_table_free(w.processes);
	container_table_free(w.containers);
	loop_free(w.loop);
	tree_remove(&w.t);
	return 0;
}

static void a_container_is_looked_at_when_its_start_is_known(void **state)
{
	(void)state;
	settle();
	assert_int_equal(w.looked, 0);
	start();
	settle();
	assert_int_equal(w.looked, 1);
	assert_int_equal(w.found, 0);
	settle(); /* not before its time again */
	assert_int_equal(w.looked, 1);
}

static void what_was_mounted_since_is_told_and_told_again(void **state)
{
	(void)state;
	start();
	settle();
	write_mounts(START "700 600 254:0 / /mnt rw - ext4 /dev/vda rw\n");
	isolation_mounts_watch_changed(w.watch, w.web);
	settle();
	assert_int_equal(w.looked, 2);
	assert_int_equal(w.found, 1);
	assert_string_equal(w.title, "Container 'web' has a part of the host mounted at '/mnt'");
	isolation_mounts_watch_changed(w.watch, w.web);
	settle();
	assert_int_equal(w.found, 2);
	write_mounts(START);
	isolation_mounts_watch_changed(w.watch, w.web);
	settle();
	assert_int_equal(w.looked, 4);
	assert_int_equal(w.found, 2);
}

static void another_process_under_its_number_is_not_looked_at(void **state)
{
	(void)state;
	start();
	tree_write(&w.t, "100/stat", STAT, 10);
	settle();
	assert_int_equal(w.looked, 0);
}

static void one_that_ends_while_it_is_looked_at_is_let_go(void **state)
{
	(void)state;
	start();
	settle();
	isolation_mounts_watch_changed(w.watch, w.web);
	isolation_mounts_watch_tick(w.watch);
	isolation_mounts_watch_end(w.watch, w.web);
	settle();
	assert_int_equal(w.looked, 1);
	settle(); /* it is met anew, since its start is still known here */
	assert_int_equal(w.looked, 2);
}

static void nothing_is_looked_at_while_isolation_is_off(void **state)
{
	(void)state;
	start();
	w.config.isolation = false;
	settle();
	assert_int_equal(w.looked, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_container_is_looked_at_when_its_start_is_known),
		TEST(what_was_mounted_since_is_told_and_told_again),
		TEST(another_process_under_its_number_is_not_looked_at),
		TEST(one_that_ends_while_it_is_looked_at_is_let_go),
		TEST(nothing_is_looked_at_while_isolation_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
