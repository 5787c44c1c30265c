/* SPDX-License-Identifier: GPL-2.0-or-later */
/* task_pass_fixture - records of the iterator as the kernel would write them, and passes over them
 * on a host with two containers whose starts are known. */
#ifndef BULKHEAD_TESTS_TASK_PASS_FIXTURE_H
#define BULKHEAD_TESTS_TASK_PASS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/config.h"
#include "detector/task_pass_internal.h"
#include "tests/unit/fixture.h"

#define SECOND	  1000000000ULL
#define NOW	  (1000 * SECOND)
#define WEB	  900U
#define DB	  901U
#define DOCKER	  0xa80425fbULL /* docker's default capabilities */
#define ALL	  0x1ffffffffffULL
#define SYS_ADMIN (1ULL << 21)

struct told {
	enum invariant invariant;
	enum alert_severity severity;
	char title[256], key[128], text[FINDING_TEXT];
	struct container *of;
};

static struct world {
	struct agent_services services;
	struct config config;
	struct container_table *containers;
	struct process_table *processes;
	struct isolation_starts *starts;
	struct container *web, *db;
	struct task_pass *pass;
	struct told told[32];
	unsigned told_n, passed;
	int stream;
} w;

static const struct event_namespaces host_ns = { 1, 2, 3, 4, 5, 6, 7, 8 };
static const struct event_namespaces web_ns = { 11, 12, 13, 14, 15, 16, 7, 8 };
static const struct event_namespaces db_ns = { 21, 22, 23, 24, 25, 26, 7, 8 };

/* --- an agent that is none ------------------------------------------------------------------- */

static inline struct process_table *processes_of(struct agent *a)
{
	(void)a;
	return w.processes;
}

static inline const struct container_table *containers_of(struct agent *a)
{
	(void)a;
	return w.containers;
}

static inline struct container *container_of_cgroup(struct agent *a, uint32_t hierarchy,
						    uint64_t cgroup)
{
	(void)a;
	(void)hierarchy;
	return cgroup == WEB ? w.web : cgroup == DB ? w.db : NULL;
}

static inline int tasks_of(struct agent *a, struct err *e)
{
	(void)a;
	return w.stream >= 0 ? dup(w.stream) : err_set(e, ENOTCONN, "no sensor");
}

static inline void found(void *ctx, const struct finding *f, struct container *of,
			 const struct process *p)
{
	struct told *t = &w.told[w.told_n++];

	(void)ctx;
	(void)p;
	assert_true(w.told_n < 32);
	assert_int_equal(f->stage, FINDING_SO);
	t->invariant = f->invariant;
	t->severity = f->severity;
	t->of = of;
	snprintf(t->title, sizeof(t->title), "%s", f->title);
	snprintf(t->key, sizeof(t->key), "%s", f->key);
	t->text[0] = '\0';
	for (size_t i = 0; i < f->facts_n; i++) {
		const size_t n = strlen(t->text);

		snprintf(t->text + n, sizeof(t->text) - n, "%.*s=%.*s;", (int)f->facts[i].name.n,
			 f->facts[i].name.p, (int)f->facts[i].value.n, f->facts[i].value.p);
	}
}

static inline void passed(void *ctx)
{
	(void)ctx;
	w.passed++;
	if (w.services.loop)
		loop_stop(w.services.loop);
}

/* --- what the kernel would write ------------------------------------------------------------- */

static inline struct event_task host_task(uint32_t pid)
{
	return (struct event_task){
		.head = { .size = sizeof(struct event_task),
			  .pid = pid,
			  .tid = pid,
			  .ppid = 1,
			  .boot_ns = NOW,
			  .start_boot_ns = 500 * SECOND + pid,
			  .parent_start_boot_ns = 1,
			  .exec_seq = 3,
			  .flags = EVENT_HOST,
			  .comm = "sh" },
		.caps = { ALL, ALL, 0, ALL },
		.ns = host_ns,
	};
}

static inline struct event_task task(uint32_t pid)
{
	struct event_task t = host_task(pid);

	t.head.flags = 0;
	t.head.cgroup_id = t.head.container_cgroup = WEB;
	t.caps = (struct event_caps){ DOCKER, DOCKER, 0, DOCKER };
	t.ns = web_ns;
	t.seccomp = 2;
	t.seccomp_filters = 1;
	return t;
}

/* In the table as one whose exec in the container was seen. */
static inline struct process *known(const struct event_task *t)
{
	const struct process_seed s = { .task = t };
	struct process *p;

	assert_int_equal(process_seed(w.processes, &s), 0);
	p = process_find(w.processes, (struct process_key){ t->head.start_boot_ns, t->head.pid });
	assert_non_null(p);
	p->seeded = false;
	p->born_inside = p->exec_inside = true;
	return p;
}

static inline void begin(void)
{
	w.told_n = 0;
	task_pass_begin(w.pass);
}

static inline void end(void)
{
	task_pass_end(w.pass, true);
}

/* A pass over the host's first process and these. */
static inline void pass(const struct event_task *list, size_t n)
{
	const struct event_task init = host_task(1);

	begin();
	task_pass_record(w.pass, &init);
	for (size_t i = 0; i < n; i++)
		task_pass_record(w.pass, &list[i]);
	end();
}

static inline void pass_one(struct event_task t)
{
	pass(&t, 1);
}

static inline void expect(enum invariant i, const char *title)
{
	assert_int_equal(w.told_n, 1);
	assert_int_equal(w.told[0].invariant, i);
	assert_string_equal(w.told[0].title, title);
}

static inline bool says(const char *text)
{
	return strstr(w.told[0].text, text) != NULL;
}

static inline struct container *add(const char *path, uint64_t inode, const char *id)
{
	struct identity identity = { .kind = CGROUP_CONTAINER, .runtime = RUNTIME_DOCKER };
	struct container *c = NULL;

	snprintf(identity.id, sizeof(identity.id), "%s", id);
	assert_int_equal(
		container_table_add(w.containers, CGROUP_CONTAINER, &identity, path, &c, NULL), 0);
	c->inode = inode;
	return c;
}

static inline void start(struct container *c, uint32_t pid, const struct event_namespaces *ns,
			 uint64_t cgroup)
{
	struct event_task t = task(pid);
	struct event_exec x = { .caps = t.caps, .ns = *ns, .seccomp = 2 };

	t.ns = *ns;
	t.head.container_cgroup = t.head.cgroup_id = cgroup;
	assert_true(isolation_starts_exec(w.starts, c, known(&t), &x, 500 * SECOND));
}

static inline int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.stream = -1;
	config_defaults(&w.config);
	w.config.isolation = true;
	w.services = (struct agent_services){ .config = &w.config,
					      .proc = "/proc",
					      .processes = processes_of,
					      .containers = containers_of,
					      .container_of = container_of_cgroup,
					      .tasks = tasks_of };
	assert_int_equal(container_table_new(&w.containers, 16, NULL), 0);
	assert_int_equal(process_table_new(&w.processes, 1000, NULL), 0);
	assert_int_equal(isolation_starts_new(&w.starts, 16, NULL), 0);
	isolation_starts_host(w.starts, &host_ns);
	w.web = add("/docker/web", WEB, "web");
	w.db = add("/docker/db", DB, "db");
	start(w.web, 100, &web_ns, WEB);
	start(w.db, 200, &db_ns, DB);

	const struct task_pass_settings s = {
		.services = &w.services, .starts = w.starts, .found = found, .passed = passed
	};

	assert_int_equal(task_pass_new(&w.pass, &s, NULL), 0);
	w.pass->apparmor = w.pass->selinux = false;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	task_pass_free(w.pass);
	if (w.stream >= 0)
		close(w.stream);
	loop_free(w.services.loop);
	isolation_starts_free(w.starts);
	process_table_free(w.processes);
	container_table_free(w.containers);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
