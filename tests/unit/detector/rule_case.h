/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_case - conditions compiled, and events for them: a shell in a container reads and connects,
 * a tool on the host writes, an attempt fails. */
#ifndef BULKHEAD_TESTS_RULE_CASE_H
#define BULKHEAD_TESTS_RULE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/base/clock.h"
#include "detector/rule_program.h"

enum case_event { ON_READ, ON_EXEC, ON_CONNECT, ON_WRITE, ON_FAILED, ON_ACCEPT, ON_COUNT };

struct case_world {
	_Alignas(8) uint8_t records[ON_COUNT][EVENT_MAX_BYTES];
	struct event_view views[ON_COUNT];
	struct event_context contexts[ON_COUNT];
	struct field_event events[ON_COUNT];
	struct process init, shim, shell, cat, tool;
	struct process_text shim_text, shell_text, cat_text, tool_text;
	struct event_container web;
	char scratch[FIELD_SCRATCH_BYTES];
};

static inline void case_process(struct process *p, struct process *parent, uint32_t pid,
				const char *comm, struct process_text *text)
{
	*p = (struct process){ .key = { .pid = pid, .start_boot_ns = pid * NS_PER_S },
			       .parent = parent,
			       .ns_pid = pid,
			       .loginuid = UINT32_MAX,
			       .text = text };
	memcpy(p->comm, comm, strlen(comm) + 1);
}

static inline struct event_head case_head(enum event_type type, const struct process *p,
					  uint64_t container, int32_t syscall, int64_t result)
{
	struct event_head h = { .type = (uint16_t)type,
				.pid = p->key.pid,
				.tid = p->key.pid,
				.ns_pid = p->ns_pid,
				.ns_tid = p->ns_pid,
				.start_boot_ns = p->key.start_boot_ns,
				.boot_ns = 100 * NS_PER_S,
				.cgroup_id = 70,
				.container_cgroup = container,
				.flags = container ? 0 : EVENT_HOST,
				.uid = p->uid,
				.euid = p->uid,
				.loginuid = UINT32_MAX,
				.tty = p->tty,
				.session = 60,
				.syscall = syscall,
				.result = result };

	memcpy(h.comm, p->comm, sizeof(h.comm));
	return h;
}

static inline void case_end(struct case_world *w, enum case_event at, struct event_writer *e,
			    const struct process *p, bool contained)
{
	assert_int_equal(event_decode(w->records[at], event_write_end(e), &w->views[at], NULL), 0);
	w->contexts[at] = (struct event_context){ .process = p,
						  .container = contained ? &w->web : NULL,
						  .unix_minus_boot_ns = 1700000000 * NS_PER_S };
	w->events[at] = (struct field_event){ .view = &w->views[at],
					      .context = &w->contexts[at],
					      .type = evt_type_of(&w->views[at]),
					      .number = 1,
					      .scratch = w->scratch };
}

static inline void case_open(struct case_world *w, enum case_event at, const struct process *p,
			     uint64_t container, const char *path, const char *raw, uint32_t flags,
			     uint32_t access, int64_t result)
{
	const struct event_head h = case_head(EVENT_OPEN, p, container, 257, result);
	const struct event_open o = { .flags = flags,
				      .access = access,
				      .dirfd = AT_FDCWD,
				      .file = { .mode = 0100644, .flags = FILE_KNOWN } };
	struct event_writer e;

	event_write_begin(&e, w->records[at], EVENT_MAX_BYTES, &h, &o);
	if (path)
		event_write_string(&e, TAG_PATH, 0, span_str(path));
	event_write_string(&e, TAG_RAW, 0, span_str(raw));
	if (!path)
		event_write_string(&e, TAG_BASE, 0, SPAN_LIT("/srv/www"));
	case_end(w, at, &e, p, container != 0);
}

static inline void case_socket(struct case_world *w, enum case_event at, enum event_type type,
			       int32_t syscall, const struct process *p, const char *local,
			       const char *remote, uint16_t lport, uint16_t rport)
{
	const struct event_head h = case_head(type, p, 70, syscall, type == EVENT_ACCEPT ? 7 : 0);
	struct event_network n = { .family = AF_INET,
				   .type = SOCK_STREAM,
				   .protocol = IPPROTO_TCP,
				   .direction = type == EVENT_ACCEPT ? DIRECTION_IN : DIRECTION_OUT,
				   .fd = 7,
				   .local_port = htons(lport),
				   .remote_port = htons(rport) };
	struct event_writer e;

	inet_pton(AF_INET, local, n.local);
	inet_pton(AF_INET, remote, n.remote);
	event_write_begin(&e, w->records[at], EVENT_MAX_BYTES, &h, &n);
	case_end(w, at, &e, p, true);
}

static inline void case_exec(struct case_world *w)
{
	const struct event_head h = case_head(EVENT_EXEC, &w->shell, 70, 59, 0);
	const struct event_exec x = { .file = { .mode = 0100755,
						.flags = FILE_KNOWN | FILE_OVERLAY | FILE_UPPER },
				      .caps = { .effective = 1, .permitted = 3 } };
	struct event_writer e;

	event_write_begin(&e, w->records[ON_EXEC], EVENT_MAX_BYTES, &h, &x);
	event_write_string(&e, TAG_PATH, 0, SPAN_LIT("/bin/bash"));
	event_write_string(&e, TAG_ARGS, 0, w->shell_text.args);
	event_write_string(&e, TAG_CWD, 0, SPAN_LIT("/root"));
	event_write_string(&e, TAG_ENV, 0, SPAN_LIT("PATH=/bin\0GLIBC_TUNABLES=x"));
	case_end(w, ON_EXEC, &e, &w->shell, true);
}

static inline void case_world(struct case_world *w)
{
	memset(w, 0, sizeof(*w));
	evt_type_init();
	w->web = (struct event_container){ .id = SPAN_LIT("0123456789abcdef0123456789abcdef"),
					   .name = SPAN_LIT("web"),
					   .image = SPAN_LIT("registry.local/team/nginx:1.25"),
					   .runtime = SPAN_LIT("docker"),
					   .pod_name = SPAN_LIT("web-0"),
					   .pod_namespace = SPAN_LIT("shop") };
	w->shim_text = (struct process_text){ .exe = SPAN_LIT("/usr/bin/containerd-shim"),
					      .args = SPAN_LIT("containerd-shim\0-id\0x"),
					      .cwd = SPAN_LIT("/run") };
	w->shell_text = (struct process_text){ .exe = SPAN_LIT("/bin/bash"),
					       .args = SPAN_LIT("-bash\0-c\0echo Hi"),
					       .cwd = SPAN_LIT("/root") };
	w->cat_text = (struct process_text){ .exe = SPAN_LIT("/usr/bin/cat"),
					     .args = SPAN_LIT("cat\0/etc/shadow"),
					     .cwd = SPAN_LIT("/srv/www") };
	w->tool_text = (struct process_text){ .exe = SPAN_LIT("/opt/tool"),
					      .args = SPAN_LIT("/opt/tool"),
					      .cwd = SPAN_LIT("/") };
	case_process(&w->init, NULL, 1, "systemd", NULL);
	case_process(&w->shim, &w->init, 50, "containerd-shim", &w->shim_text);
	case_process(&w->shell, &w->shim, 60, "bash", &w->shell_text);
	case_process(&w->cat, &w->shell, 61, "cat", &w->cat_text);
	case_process(&w->tool, &w->init, 90, "tool", &w->tool_text);
	w->shell.tty = 136 << 20;
	w->shell.ns_pid = 1;
	w->cat.uid = w->cat.euid = 33;
	case_open(w, ON_READ, &w->cat, 70, "/etc/shadow", "/etc/shadow", O_RDONLY, ACCESS_READ, 3);
	case_open(w, ON_WRITE, &w->tool, 0, "/etc/cron.d/job", "/etc/cron.d/job",
		  O_WRONLY | O_CREAT | O_TRUNC, ACCESS_WRITE | ACCESS_CREATE, 4);
	case_open(w, ON_FAILED, &w->cat, 70, NULL, "../../etc/passwd", O_RDONLY, ACCESS_READ, -13);
	case_socket(w, ON_CONNECT, EVENT_CONNECT, 42, &w->cat, "172.17.0.2", "93.184.216.34", 40000,
		    443);
	case_socket(w, ON_ACCEPT, EVENT_ACCEPT, 288, &w->cat, "172.17.0.2", "10.1.2.3", 8080, 5555);
	case_exec(w);
}

/* Parses and adds: 0 or what failed. */
static inline int case_add(struct rule_program *p, struct arena *a, const char *text, uint32_t *id,
			   struct rule_needs *needs, struct err *e)
{
	struct condition_source *s = arena_zeroed(a, 1, sizeof(*s));
	const struct condition *c;

	*s = (struct condition_source){ .file = SPAN_LIT("f.yaml"),
					.what = SPAN_LIT("rule"),
					.name = SPAN_LIT("r"),
					.text = span_str(text) };
	int r = condition_parse(a, s, &c, NULL, e);

	return r < 0 ? r : rule_program_add(p, c, id, needs, e);
}

/* Whether rule `id` matches the event: false also where its type does not meet it. */
static inline bool case_match(struct rule_program *p, uint32_t id, struct field_event *ev)
{
	const uint32_t *ids;
	const size_t n = rule_program_of_type(p, ev->type, &ids);

	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return rule_program_match(p, i, ev);
	return false;
}

#endif
