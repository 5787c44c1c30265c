/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process_world - a process table and the processes that events tell it of, each event through the
 * bytes of a record. */
#ifndef BULKHEAD_TESTS_PROCESS_WORLD_H
#define BULKHEAD_TESTS_PROCESS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "collector/process.h"

#define SECOND	  1000000000ULL
#define HOST_PIDS 7000U /* inode of a pid namespace */
#define WEB	  900U	/* cgroup of a container */

/* A process as the kernel's side sees it; now is the clock of all events. */
struct actor {
	uint32_t pid, ppid;
	uint64_t start, parent_start;
	uint32_t seq, ns_pid, pid_ns, uid;
	uint64_t cgroup, container;
	const char *comm;
};

struct world {
	struct process_table *t;
	uint64_t now;
};

static inline struct world world(uint32_t max)
{
	struct world w = { .t = NULL, .now = 100 * SECOND };

	assert_int_equal(process_table_new(&w.t, max, NULL), 0);
	return w;
}

static inline void end_world(struct world *w)
{
	process_table_free(w->t);
}
#define AUTO_WORLD __attribute__((cleanup(end_world))) struct world

static inline struct actor actor(uint32_t pid)
{
	return (struct actor){ .pid = pid,
			       .start = pid * 1000ULL,
			       .ns_pid = pid,
			       .pid_ns = HOST_PIDS,
			       .cgroup = 1,
			       .comm = "sh" };
}

static inline struct actor child_of(const struct actor *a, uint32_t pid)
{
	struct actor c = *a;

	c.pid = c.ns_pid = pid;
	c.ppid = a->pid;
	c.start = pid * 1000ULL;
	c.parent_start = a->start;
	return c;
}

static inline struct process_key key(const struct actor *a)
{
	return (struct process_key){ a->start, a->pid };
}

static inline struct event_head head(struct world *w, const struct actor *a, enum event_type type)
{
	struct event_head h = {
		.type = (uint16_t)type,
		.boot_ns = ++w->now,
		.cgroup_id = a->cgroup,
		.container_cgroup = a->container,
		.start_boot_ns = a->start,
		.parent_start_boot_ns = a->parent_start,
		.exec_seq = a->seq,
		.pid = a->pid,
		.tid = a->pid,
		.ppid = a->ppid,
		.ns_pid = a->ns_pid,
		.uid = a->uid,
		.euid = a->uid,
		.loginuid = UINT32_MAX,
		.pid_ns = a->pid_ns,
	};

	memcpy(h.comm, a->comm, strlen(a->comm));
	return h;
}

/* Through the bytes of a record and back, as in the agent. */
struct strings {
	struct span path, args, cwd;
};

static inline struct process *tell(struct world *w, const struct event_head *h, const void *fixed,
				   const struct strings *s)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	struct event_writer out;
	struct event_view v;
	struct err e = { "" };

	event_write_begin(&out, record, sizeof(record), h, fixed);
	if (s) {
		event_write_string(&out, TAG_PATH, 0, s->path);
		event_write_string(&out, TAG_ARGS, 0, s->args);
		event_write_string(&out, TAG_CWD, 0, s->cwd);
	}
	size_t n = event_write_end(&out);

	assert_true(n > 0);
	assert_int_equal(event_decode(record, n, &v, &e), 0);
	return process_apply(w->t, &v);
}

static inline struct event_fork fork_of(const struct actor *c)
{
	return (struct event_fork){ .start_boot_ns = c->start,
				    .cgroup_id = c->cgroup,
				    .container_cgroup = c->container,
				    .pid = c->pid,
				    .tid = c->pid,
				    .ns_pid = c->ns_pid,
				    .exec_seq = c->seq,
				    .ns = { .pid = c->pid_ns } };
}

static inline struct process *do_fork(struct world *w, const struct actor *parent,
				      const struct actor *c)
{
	struct event_head h = head(w, parent, EVENT_FORK);
	struct event_fork f = fork_of(c);

	tell(w, &h, &f, NULL);
	return process_find(w->t, key(c));
}

static inline struct process *do_exec(struct world *w, struct actor *a, uint16_t flags,
				      uint32_t exec_flags, const char *exe)
{
	struct event_exec x = { .flags = exec_flags, .args_bytes = 5, .caps = { .permitted = 7 } };
	struct strings s = { span_str(exe), SPAN_LIT("a\0b c"), SPAN_LIT("/work") };

	a->seq++;
	struct event_head h = head(w, a, EVENT_EXEC);

	h.flags = flags;
	return tell(w, &h, &x, &s);
}

static inline struct process *do_exit(struct world *w, const struct actor *a, uint32_t status)
{
	struct event_head h = head(w, a, EVENT_EXIT);
	struct event_exit x = { .status = status };

	return tell(w, &h, &x, NULL);
}

/* Anything that says no more than that it is there. */
static inline struct process *do_open(struct world *w, const struct actor *a)
{
	struct event_head h = head(w, a, EVENT_OPEN);

	return tell(w, &h, NULL, NULL);
}

static inline struct process *do_call(struct world *w, const struct actor *a, enum event_type type,
				      const struct event_call *c)
{
	struct event_head h = head(w, a, type);

	return tell(w, &h, c, NULL);
}

static inline void do_attach(struct world *w, const struct actor *who, const struct actor *target)
{
	struct event_call c = { .target_pid = target->pid,
				.target_start_boot_ns = target->start,
				.target_cgroup = target->cgroup,
				.target_container = target->container };

	do_call(w, who, EVENT_CGROUP_ATTACH, &c);
}

static inline int do_seed(struct world *w, const struct actor *a, const char *exe)
{
	struct event_task task = { .head = head(w, a, EVENT_NONE), .caps = { .permitted = 3 } };
	struct process_seed s = { .task = &task, .exe = span_str(exe), .args = SPAN_LIT("x\0y") };

	task.head.size = sizeof(task);
	return process_seed(w->t, &s);
}

static inline void assert_exe(const struct process *p, const char *want)
{
	assert_non_null(p);
	assert_true(span_eq(process_exe(p), want));
}

static inline void assert_owner(const struct process *p, const struct actor *a)
{
	assert_int_equal(p->exec_owner.pid, a->pid);
	assert_int_equal(p->exec_owner.start_boot_ns, a->start);
	assert_int_equal(p->exec_seq, a->seq);
}

#endif
