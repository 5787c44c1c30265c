/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_fixture - events through the bytes of a record, and what the judge finds in them, as
 * text: "kernel-helper-written critical succeeded (release_agent)"; several joined by "; ".
 *
 * The container is "web", cgroup 70, with namespaces of its own that end in 1 (mnt 101, pid 201
 * ...); the host's end in 0 (100, 200 ...). The process is 123 in it, its user namespace the
 * host's. Another container is "db", cgroup 80, with namespaces that end in 2. */
#ifndef BULKHEAD_TESTS_ISOLATION_FIXTURE_H
#define BULKHEAD_TESTS_ISOLATION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "detector/isolation_judge.h"
#include "tests/unit/collector/event_fixture.h"

#define USUAL_CAPS 0xa80425fbULL /* docker's */
#define ALL_CAPS   0x1ffffffffffULL

static struct isolation_world {
	_Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	struct event_writer writer;
	struct event_head head;
	struct isolation_starts *starts;
	struct process_table *processes;
	struct container_table *containers;
	struct container *web, *db;
	struct metadata meta;
	struct metadata_mount mounts[4];
	struct process p, parent;
	struct process_text text;
	struct isolation_host host;
	struct isolation_memory memory;
	struct isolation_case k;
	char said[4096];
	struct finding last;
	bool grave;
} iw;

static inline struct event_namespaces namespaces_of(uint32_t end)
{
	return (struct event_namespaces){ .mnt = 100 + end,
					  .pid = 200 + end,
					  .net = 300 + end,
					  .ipc = 400 + end,
					  .uts = 500 + end,
					  .cgroup = 600 + end,
					  .user = 700, /* no remap */
					  .time = 800 };
}

static inline void on_found(void *ctx, const struct finding *f, struct container *of,
			    const struct process *p)
{
	const size_t at = strlen(iw.said);

	(void)ctx, (void)p;
	snprintf(iw.said + at, sizeof(iw.said) - at, "%s%s %s %s%s%s%s%s", at ? "; " : "",
		 invariants[f->invariant].name, alert_severity_names[f->severity],
		 finding_stage_names[f->stage], f->known_as ? " (" : "",
		 f->known_as ? f->known_as : "", f->known_as ? ")" : "",
		 of && of != iw.web ? " elsewhere" : "");
	iw.last = *f;
	for (size_t i = 0; i < f->facts_n; i++) /* texts are the finding's own */
		if (f->facts[i].value.p >= f->text &&
		    f->facts[i].value.p < f->text + sizeof(f->text))
			iw.last.facts[i].value.p = iw.last.text + (f->facts[i].value.p - f->text);
}

static inline const char *fact(const char *name)
{
	static char text[1024];

	for (size_t i = 0; i < iw.last.facts_n; i++)
		if (span_eq(iw.last.facts[i].name, name)) {
			snprintf(text, sizeof(text), "%.*s", (int)iw.last.facts[i].value.n,
				 iw.last.facts[i].value.p);
			return text;
		}
	return NULL;
}

static inline struct container *add_box(const char *path, uint64_t inode, const char *id)
{
	struct identity i = { .runtime = RUNTIME_DOCKER };
	struct container *c = NULL;

	snprintf(i.id, sizeof(i.id), "%s", id);
	assert_int_equal(container_table_add(iw.containers, CGROUP_CONTAINER, &i, path, &c, NULL),
			 0);
	c->inode = inode;
	return c;
}

/* Somebody in the table of processes. */
static inline void somebody(uint32_t pid, uint64_t container, uint32_t pid_ns, const char *comm)
{
	struct event_task t = { .head = { .pid = pid,
					  .tid = pid,
					  .ns_pid = pid,
					  .pid_ns = pid_ns,
					  .start_boot_ns = pid * 1000ULL,
					  .container_cgroup = container,
					  .boot_ns = 1 },
				.ns = namespaces_of(container ? 2 : 0) };
	const struct process_seed s = { .task = &t };

	t.ns.pid = pid_ns;
	snprintf(t.head.comm, sizeof(t.head.comm), "%s", comm);
	assert_int_equal(process_seed(iw.processes, &s), 0);
}

static inline void start_box(struct container *c, uint32_t end, uint64_t caps, uint32_t seccomp)
{
	struct process first = { .key = { 1000 + end, 1000 + end },
				 .exec_inside = true,
				 .ns = namespaces_of(end),
				 .container_cgroup = c->inode };
	const struct event_exec x = { .ns = namespaces_of(end),
				      .caps = { caps, caps, 0, caps },
				      .seccomp = seccomp };

	isolation_starts_end(iw.starts, c);
	assert_true(isolation_starts_exec(iw.starts, c, &first, &x, 5));
}

static inline int scene_up(void **state)
{
	const struct event_namespaces host = namespaces_of(0);

	(void)state;
	memset(&iw, 0, sizeof(iw));
	if (isolation_starts_new(&iw.starts, 16, NULL) < 0 ||
	    process_table_new(&iw.processes, 64, NULL) < 0 ||
	    container_table_new(&iw.containers, 16, NULL) < 0)
		return -1;
	isolation_starts_host(iw.starts, &host);
	iw.web = add_box("/docker/web", 70, "web");
	iw.db = add_box("/docker/db", 80, "db");
	iw.meta.mounts = iw.mounts;
	iw.web->meta = &iw.meta;
	start_box(iw.web, 1, USUAL_CAPS, 2);
	start_box(iw.db, 2, USUAL_CAPS, 2);
	iw.parent = (struct process){ .key = { 1, 10 } };
	iw.p = (struct process){ .key = { 3000000000, 123 },
				 .parent = &iw.parent,
				 .container_cgroup = 70,
				 .exec_inside = true,
				 .ns = namespaces_of(1),
				 .exe_file = { .flags = FILE_KNOWN | FILE_OVERLAY },
				 .comm = "cat",
				 .text = &iw.text };
	iw.host.root_device = 8 << 20 | 1;
	iw.host.own_pid = 900;
	iw.host.programs[0] = (struct isolation_program){ 4242, 8 << 20 | 1, "/usr/bin/runc" };
	iw.host.programs_n = 1;
	iw.host.addresses[0] = (struct isolation_address){ AF_INET, { 172, 17, 0, 1 } };
	iw.host.addresses_n = 1;
	snprintf(iw.host.state_dir, PATH_MAX, "/var/lib/bulkhead");
	iw.k = (struct isolation_case){ .starts = iw.starts,
					.host = &iw.host,
					.processes = iw.processes,
					.containers = iw.containers,
					.memory = &iw.memory,
					.of = iw.web,
					.p = &iw.p,
					.tell = on_found };
	return 0;
}

static inline int scene_down(void **state)
{
	(void)state;
	iw.web->meta = NULL;
	container_table_free(iw.containers);
	process_table_free(iw.processes);
	isolation_starts_free(iw.starts);
	return 0;
}

static inline void begin(enum event_type type, const void *fixed)
{
	iw.head = fixture_head(type);
	iw.head.tid = iw.head.pid;
	iw.head.pid_ns = iw.p.ns.pid;
	event_write_begin(&iw.writer, iw.record, sizeof(iw.record), &iw.head, fixed);
}

static inline struct event_head *head(void)
{
	return (struct event_head *)(void *)iw.record;
}

static inline void add(enum event_tag tag, const char *text)
{
	if (text)
		event_write_string(&iw.writer, tag, 0, span_str(text));
}

/* Judges what was begun. */
static inline const char *finds(void)
{
	struct event_view v;
	struct err e = { "" };
	const size_t n = event_write_end(&iw.writer);

	iw.said[0] = '\0';
	if (event_decode(iw.record, n, &v, &e) < 0)
		fail_msg("%s", e.text);
	iw.k.v = &v;
	iw.k.start = iw.k.of ? isolation_start_of(iw.starts, iw.k.of) : NULL;
	iw.grave = isolation_judge(&iw.k);
	return iw.said;
}

/* --- events ---------------------------------------------------------------------------------- */

static inline const char *calls(enum event_type type, int64_t result, const struct event_call *c)
{
	begin(type, c);
	head()->result = result;
	return finds();
}
#define CALLS(type, result, ...) calls(type, result, &(const struct event_call){ __VA_ARGS__ })

/* magic 0: the object is not known (the call was refused). */
static inline const char *opens_as(const char *path, uint32_t access, int64_t result,
				   const struct event_file *file)
{
	struct event_open o = { .access = access };

	if (file)
		o.file = *file;
	begin(EVENT_OPEN, &o);
	head()->result = result;
	add(result < 0 ? TAG_RAW : TAG_PATH, path);
	return finds();
}

static inline const char *writes(const char *path, uint32_t magic)
{
	const struct event_file f = { .flags = FILE_KNOWN | (magic ? FILE_KERNEL : FILE_OVERLAY),
				      .fs_magic = magic ? magic : 0x794c7630,
				      .mode = S_IFREG | 0644,
				      .inode = 9,
				      .parent_inode = 8 };

	return opens_as(path, ACCESS_WRITE, 3, &f);
}

static inline const char *is_refused(const char *path, int error)
{
	return opens_as(path, ACCESS_WRITE, -error, NULL);
}

static inline const char *mounts(const char *source, const char *target, const char *type,
				 uint64_t flags, int64_t result)
{
	const struct event_call c = { .args = { [3] = flags } };

	begin(EVENT_MOUNT, &c);
	head()->result = result;
	add(TAG_RAW, source);
	add(TAG_RAW2, target);
	add(TAG_NAME, type);
	return finds();
}

#endif
