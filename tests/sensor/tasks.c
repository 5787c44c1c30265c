// SPDX-License-Identifier: GPL-2.0-or-later
/* tasks - what a pass over all tasks tells and costs, without an agent:
 *
 *   tasks CGROUP PASSES
 *
 * Loads the sensor, says that the cgroup (a folder of the v2 tree) is a container's, and reads the
 * task iterator PASSES times. Prints one line of JSON: how many tasks there were, the nanoseconds
 * of processor time a task in the quickest pass, and the tasks of that cgroup in the last. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collector/base/parse.h"
#include "collector/sensor.h"

#define CHUNK (64 << 10)

struct pass {
	uint64_t tasks, ns;
	uint64_t container; /* whose tasks are printed; 0: nobody's */
	uint32_t printed;
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void print(struct pass *p, const struct event_task *t)
{
	printf("%s{\"pid\":%u,\"tid\":%u,\"outside\":%u,\"fd\":%d,\"sockets\":%u,\"filters\":%u,"
	       "\"seccomp\":%u}",
	       p->printed++ ? "," : "", t->head.pid, t->head.tid, t->outside, t->fd_outside,
	       t->host_net_sockets, t->seccomp_filters, t->seccomp);
}

static int read_all(struct pass *p, int fd)
{
	static _Alignas(8) char bytes[CHUNK];
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, bytes + len, sizeof(bytes) - len);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : len ? -EPROTO : 0;
		len += (size_t)n;
		size_t at = 0;

		for (; len - at >= sizeof(struct event_task); at += sizeof(struct event_task)) {
			const struct event_task *t = (const void *)(bytes + at);

			p->tasks++;
			if (p->container && t->head.container_cgroup == p->container)
				print(p, t);
		}
		len -= at;
		memmove(bytes, bytes + at, len);
	}
}

static int pass(struct sensor *s, struct pass *p, struct err *e)
{
	AUTO_FD int fd = sensor_tasks_fd(s, e);

	if (fd < 0)
		return fd;
	const uint64_t begin = cpu_ns();
	int r = read_all(p, fd);

	p->ns = cpu_ns() - begin;
	return r < 0 ? err_set(e, -r, "cannot read the tasks") : 0;
}

static int run(struct sensor *s, const char *cgroup, uint32_t passes, struct err *e)
{
	struct cgroup_entry entry = { .kind = ENTRY_CONTAINER, .slot = ~0U };
	struct pass p = { 0 };
	uint64_t least = UINT64_MAX;
	struct stat st;
	int r = stat(cgroup, &st) < 0 ? err_errno(e, "%s", cgroup) : 0;

	entry.container = st.st_ino;
	if (r == 0)
		r = sensor_set_cgroup(s, st.st_ino, &entry);
	printf("{\"list\":[");
	for (uint32_t i = 0; i < passes && r == 0; i++) {
		p = (struct pass){ .container = i + 1 == passes ? st.st_ino : 0 };
		r = pass(s, &p, e);
		if (p.tasks && p.ns / p.tasks < least)
			least = p.ns / p.tasks;
	}
	printf("],\"tasks\":%llu,\"ns_a_task\":%llu}\n", (unsigned long long)p.tasks,
	       (unsigned long long)least);
	return r;
}

int main(int argc, char **argv)
{
	const struct sensor_settings settings = { .buffer_bytes = 1 << 20,
						  .unified_fd = -1,
						  .max_containers = 16,
						  .no_trampoline = true };
	AUTO(sensor_free) struct sensor *s = NULL;
	struct err e = { "" };
	uint32_t passes;

	if (argc != 3 || !parse_u32(span_str(argv[2]), &passes) || passes == 0) {
		fprintf(stderr, "usage: see the top of tasks.c\n");
		return 2;
	}
	int r = sensor_new(&s, &settings, &e);

	if (r == 0)
		r = run(s, argv[1], passes, &e);
	if (r < 0)
		fprintf(stderr, "tasks: %s\n", e.text[0] ? e.text : strerror(-r));
	return r < 0;
}
