// SPDX-License-Identifier: GPL-2.0-or-later
/* denier - verdicts that refuse, on the kernel's side alone, without an agent:
 *
 *   denier LAYER CGROUP COUNT FILE PROGRAM OTHER
 *
 * Loads the sensor in that layer, says that the cgroup (a folder of the v2 tree) is a container's,
 * and that FILE may not be opened and PROGRAM not be executed there. A child inside tries to open
 * COUNT times and to execute a hundredth of that, and OTHER too. Prints one line of JSON: how it
 * loaded, what the child met, what the events say. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/parse.h"
#include "collector/event_view.h"
#include "collector/sensor.h"

struct seen {
	uint32_t opens, execs;	     /* flagged as refused */
	uint32_t with_path, unknown; /* of them: the path is there; records not understood */
	const char *paths[2];
};

struct met { /* by the child */
	uint32_t open_refused, exec_refused, other_opened, other_ran, free_opened;
};

static bool same_path(const struct event_view *v, const char *path)
{
	return span_eq(v->strings[TAG_PATH], path);
}

static void on_record(void *ctx, const void *record, size_t bytes)
{
	struct seen *s = ctx;
	struct event_view v;

	if (event_decode(record, bytes, &v, NULL) < 0) {
		s->unknown++;
		return;
	}
	if (!(v.head->flags & EVENT_DENIED) || v.head->result != -EPERM)
		return;
	s->opens += v.head->type == EVENT_OPEN;
	s->execs += v.head->type == EVENT_EXEC;
	s->with_path += (v.head->flags & EVENT_RESOLVED) &&
			same_path(&v, s->paths[v.head->type == EVENT_EXEC]);
}

static int refuse(struct sensor *s, const char *path, uint32_t type)
{
	struct verdict_key k = { .image = 1, .type = type };
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int version = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	ioctl(fd, FS_IOC_GETVERSION, &version);
	k.inode = st.st_ino;
	k.device = major(st.st_dev) << 20 | minor(st.st_dev);
	k.generation = (uint32_t)version;
	return sensor_set_verdict(s, &k, VERDICT_DENY);
}

static bool opens(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	else if (errno != EPERM)
		perror(path);
	return fd >= 0;
}

/* Whether the program ran; a refusal leaves the child here. */
static bool runs(const char *path)
{
	pid_t pid = vfork();
	int status = 0;

	if (pid == 0) {
		execl(path, path, (char *)NULL);
		_exit(errno == EPERM ? 100 : 101);
	}
	waitpid(pid, &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 100;
}

static void try_all(uint32_t count, char **files, int out)
{
	struct met m = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		m.open_refused += !opens(files[0]);
		m.other_opened += opens(files[2]);
	}
	for (uint32_t i = 0; i < count / 100; i++) {
		m.exec_refused += !runs(files[1]);
		m.other_ran += runs(files[2]);
	}
	if (write(out, &m, sizeof(m)) != sizeof(m))
		_exit(1);
	_exit(0);
}

static pid_t start_inside(const char *cgroup, uint32_t count, char **files, int out)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	char path[4096];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1) {
		perror(path);
		_exit(1);
	}
	close(fd);
	try_all(count, files, out);
	return 0;
}

static int observe(struct sensor *s, const char *cgroup, uint32_t count, char **files,
		   struct met *met, struct seen *seen)
{
	int ends[2], status = 0;
	bool more;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = start_inside(cgroup, count, files, ends[1]);
	struct pollfd p = { .fd = sensor_fd(s), .events = POLLIN };

	while (waitpid(pid, &status, WNOHANG) == 0) {
		poll(&p, 1, 50);
		sensor_consume(s, on_record, seen, NS_PER_S, &more);
	}
	sensor_consume(s, on_record, seen, NS_PER_S, &more);
	ssize_t n = read(ends[0], met, sizeof(*met));

	close(ends[0]);
	close(ends[1]);
	return n == (ssize_t)sizeof(*met) && status == 0 ? 0 : -EIO;
}

static int run(struct sensor *s, char **argv, uint32_t count)
{
	struct cgroup_entry entry = { .kind = ENTRY_CONTAINER, .image = 1 };
	struct seen seen = { .paths = { argv[4], argv[5] } };
	struct met met = { 0 };
	struct stat st;

	if (stat(argv[2], &st) < 0)
		return -errno;
	entry.container = st.st_ino;
	sensor_switches(s)->container_mask = EVENT_BIT(EVENT_OPEN) | EVENT_BIT(EVENT_EXEC);
	int r = sensor_set_cgroup(s, st.st_ino, &entry);

	if (r == 0)
		r = refuse(s, argv[4], EVENT_OPEN);
	if (r == 0)
		r = refuse(s, argv[5], EVENT_EXEC);
	if (r == 0)
		r = observe(s, argv[2], count, &argv[4], &met, &seen);
	struct event_counts counts;

	sensor_counts(s, &counts);
	printf("{\"mode\":\"%s\",\"fallback\":\"%s\",\"load_ms\":%llu,\"open_refused\":%u,"
	       "\"exec_refused\":%u,\"other_opened\":%u,\"other_ran\":%u,\"open_events\":%u,"
	       "\"exec_events\":%u,\"with_path\":%u,\"not_understood\":%u,\"lost\":%llu}\n",
	       sensor_mode_name(sensor_mode_of(s)), sensor_fallback(s),
	       (unsigned long long)(sensor_stats(s).load_ns / NS_PER_MS), met.open_refused,
	       met.exec_refused, met.other_opened, met.other_ran, seen.opens, seen.execs,
	       seen.with_path, seen.unknown,
	       (unsigned long long)(counts.dropped[DROP_FULL][EVENT_OPEN] +
				    counts.dropped[DROP_FULL][EVENT_EXEC]));
	return r;
}

int main(int argc, char **argv)
{
	AUTO(sensor_free) struct sensor *s = NULL;
	struct err e = { "" };
	uint32_t count;

	if (argc != 7 || !parse_u32(span_str(argv[3]), &count)) {
		fprintf(stderr, "usage: see the top of denier.c\n");
		return 2;
	}
	const struct sensor_settings settings = {
		.buffer_bytes = 8 << 20,
		.unified_fd = -1,
		.max_containers = 16,
		.need_trampoline = strcmp(argv[1], "trampoline") == 0,
		.no_trampoline = strcmp(argv[1], "tracepoint") == 0,
	};

	if (sensor_new(&s, &settings, &e) < 0) {
		fprintf(stderr, "denier: %s\n", e.text);
		return 1;
	}
	int r = run(s, argv, count);

	if (r < 0)
		fprintf(stderr, "denier: %s\n", strerror(-r));
	return r < 0;
}
