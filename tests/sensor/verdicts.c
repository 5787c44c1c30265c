// SPDX-License-Identifier: GPL-2.0-or-later
/* verdicts - what the tracepoint layer does of them, on the kernel's side alone:
 *
 *	verdicts CGROUP COUNT PROGRAM FILE WATCHED
 *
 * Says that the cgroup (a folder of the v2 tree) is a container's, that PROGRAM is to be ended when
 *it is executed there, that opens of FILE are known and those of WATCHED wanted each time. A child
 * inside opens both files three times and executes PROGRAM COUNT times. Prints how often it was
 * killed, and what was told and dropped. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/parse.h"
#include "collector/event_view.h"
#include "collector/sensor.h"

#define MINUTE 7 /* any: what repeats are stamped with */

struct seen {
	const char *file, *watched;
	uint32_t killed, opens, watched_opens;
};

static void on_record(void *ctx, const void *record, size_t bytes)
{
	struct seen *s = ctx;
	struct event_view v;

	if (event_decode(record, bytes, &v, NULL) < 0)
		return;
	s->killed += v.head->type == EVENT_EXEC && (v.head->flags & EVENT_KILLED);
	s->watched_opens += v.head->type == EVENT_OPEN && span_eq(v.strings[TAG_PATH], s->watched);
	s->opens += v.head->type == EVENT_OPEN && span_eq(v.strings[TAG_PATH], s->file);
}

static int say(struct sensor *s, const char *path, uint32_t type, enum verdict verdict)
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
	return sensor_set_verdict(s, &k, verdict);
}

static int inside(char **argv, uint32_t count)
{
	char path[4096];
	uint32_t killed = 0;
	int status;

	snprintf(path, sizeof(path), "%s/cgroup.procs", argv[1]);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		return 1;
	close(fd);
	for (int i = 0; i < 3; i++) {
		close(open(argv[4], O_RDONLY | O_CLOEXEC));
		close(open(argv[5], O_RDONLY | O_CLOEXEC));
	}
	for (uint32_t i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execl(argv[3], argv[3], (char *)NULL);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	}
	return killed == count ? 0 : 2;
}

int main(int argc, char **argv)
{
	AUTO(sensor_free) struct sensor *s = NULL;
	struct cgroup_entry entry = { .kind = ENTRY_CONTAINER, .image = 1 };
	const struct sensor_settings settings = { .buffer_bytes = 8 << 20,
						  .unified_fd = -1,
						  .no_trampoline = true,
						  .max_containers = 4 };
	struct err e = { "" };
	struct stat st;
	uint32_t count;
	int status;
	bool more;

	if (argc != 6 || !parse_u32(span_str(argv[2]), &count) || stat(argv[1], &st) < 0)
		return 2;
	if (sensor_new(&s, &settings, &e) < 0) {
		fprintf(stderr, "verdicts: %s\n", e.text);
		return 1;
	}
	struct seen seen = { .file = argv[4], .watched = argv[5] };

	entry.container = st.st_ino;
	sensor_switches(s)->repeat_mask = EVENT_BIT(EVENT_OPEN);
	sensor_switches(s)->minute = MINUTE;
	sensor_switches(s)->container_mask = EVENT_BIT(EVENT_OPEN) | EVENT_BIT(EVENT_EXEC);
	if (sensor_set_cgroup(s, st.st_ino, &entry) < 0 ||
	    say(s, argv[3], EVENT_EXEC, VERDICT_KILL) < 0 ||
	    say(s, argv[4], EVENT_OPEN, VERDICT_DROP) < 0 ||
	    say(s, argv[5], EVENT_OPEN, VERDICT_REPORT) < 0)
		return 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(inside(argv, count));
	waitpid(pid, &status, 0);
	sensor_consume(s, on_record, &seen, NS_PER_S, &more);
	struct event_counts counts;
	uint64_t repeats = 0, entries = 0;

	sensor_counts(s, &counts);
	if (sensor_read_repeats(s, MINUTE, 4096, &repeats, &entries) != 1)
		return 1;
	printf("{\"child\":%d,\"killed\":%u,\"opens\":%u,\"watched\":%u,\"dropped\":%llu,"
	       "\"stamped\":%llu,\"entries\":%llu}\n",
	       WEXITSTATUS(status), seen.killed, seen.opens, seen.watched_opens,
	       (unsigned long long)counts.dropped[DROP_VERDICT][EVENT_OPEN],
	       (unsigned long long)repeats, (unsigned long long)entries);
	return 0;
}
