// SPDX-License-Identifier: GPL-2.0-or-later
/* Ends processes: one by its pidfd, or all of a cgroup. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/pidexit.h"
#include "collector/procstat.h"
#include "detector/response_internal.h"

static int send_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* --- one process -------------------------------------------------------------------------------
 */

/* The descriptor comes first: afterwards it names one process, whatever its number comes to mean,
 * and /proc tells whether that is the one. */
static int kill_one(const char *proc, struct process_key key, struct err *e)
{
	const pid_t pid = (pid_t)key.pid;
	const long hz = sysconf(_SC_CLK_TCK);
	const uint64_t tick = NS_PER_S / (uint64_t)(hz > 0 ? hz : 100);

	if (pid <= 1 || pid == getpid())
		return err_set(e, EPERM, "process %d is not to be killed", (int)pid);
	AUTO_FD int fd = pidexit_open(pid);

	if (fd < 0)
		return err_set(e, -fd, "cannot open process %d: %s", (int)pid, strerror(-fd));
	const uint64_t start = procstat_start_boot_ns(proc, pid);

	if (start == 0 || start / tick != key.start_boot_ns / tick)
		return err_set(e, ESRCH, "process %d is another one by now", (int)pid);
	int r = send_signal(fd, SIGKILL);

	if (r < 0)
		return err_set(e, -r, "cannot kill process %d: %s", (int)pid, strerror(-r));
	return 0;
}

int response_kill(struct response *r, struct process_key key, struct err *e)
{
	int result = kill_one(r->set.proc, key, e);

	r->stats.kills += result == 0;
	r->stats.kills_missed += result == -ESRCH;
	r->stats.failed += result < 0 && result != -ESRCH;
	return result;
}

/* --- all of a cgroup ---------------------------------------------------------------------------
 */

struct visit {
	const struct response_settings *set;
	const struct place *place;
	const char *name; /* of the hierarchy */
	uint64_t found, failed;
	int why; /* of the last that failed */
	bool kill;
};

static bool is_in(const struct response_settings *s, const char *name, const char *path, pid_t pid)
{
	char now[PATH_MAX];
	const size_t n = strlen(path);

	return cgroup_path_in(name, s->proc, pid, now, sizeof(now)) > 0 &&
	       strncmp(now, path, n) == 0 && (now[n] == '/' || now[n] == '\0');
}

/* Between its number in the list and the descriptor it may have become another's. */
static int signal_member(const struct response_settings *s, const char *name, const char *path,
			 pid_t pid, int signal)
{
	AUTO_FD int fd = pidexit_open(pid);

	if (fd < 0)
		return fd;
	return is_in(s, name, path, pid) ? send_signal(fd, signal) : -ESRCH;
}

static void visit_process(struct visit *v, pid_t pid)
{
	v->found++;
	if (!v->kill)
		return;
	int r = signal_member(v->set, v->name, v->place->path, pid, SIGKILL);

	if (r < 0 && r != -ESRCH) {
		v->failed++;
		v->why = r;
	}
}

static void visit_list(struct visit *v, int dir_fd)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span rest, line;
	uint32_t pid;

	buf_init(&b, PROCS_MAX_BYTES);
	/* Of a longer list what was read counts; the rest comes with the next pass. A threaded
	 * cgroup of v2 gives none: its processes are listed above it. */
	io_read_buf_at(dir_fd, "cgroup.procs", &b, NULL);
	rest = (struct span){ b.data, b.len };
	while (b.len > 0 && span_next(&rest, '\n', &line))
		if (parse_u32(line, &pid) && pid > 1 && pid <= INT32_MAX)
			visit_process(v, (pid_t)pid);
}

static void visit_tree(struct visit *v, int dir_fd, unsigned depth)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;

	visit_list(v, dir_fd);
	if (!dir && copy >= 0)
		close(copy);
	while (dir && depth > 0 && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0)
			continue;
		AUTO_FD int fd = openat(dirfd(dir), d->d_name,
					O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0)
			visit_tree(v, fd, depth - 1);
	}
}

int stop_ask(const struct response_settings *s, const struct place *p, pid_t pid, struct err *e)
{
	int r = signal_member(s, hierarchy_name(s->layout, p->hierarchy), p->path, pid, SIGTERM);

	if (r < 0)
		return err_set(e, -r, "cannot end process %d of '%s': %s", (int)pid, p->path,
			       strerror(-r));
	return 0;
}

bool stop_is_empty(const struct cgroup_layout *l, const struct place *p)
{
	struct visit v = { .place = p };
	AUTO_FD int fd = place_open(l, p, NULL);

	if (fd < 0)
		return fd == -ENOENT || fd == -ESTALE;
	visit_tree(&v, fd, MAX_DEPTH);
	return v.found == 0;
}

/* v2 since 5.14: also what forks meanwhile. */
static int kill_v2(int dir_fd)
{
	AUTO_FD int fd = openat(dir_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || write(fd, "1", 1) < 0)
		return -errno;
	return 0;
}

int stop_force(const struct response_settings *s, const struct place *p, struct err *e)
{
	struct visit v = {
		.set = s, .place = p, .name = hierarchy_name(s->layout, p->hierarchy), .kill = true
	};
	AUTO_FD int fd = place_open(s->layout, p, e);

	if (fd < 0)
		return fd == -ENOENT || fd == -ESTALE ? 0 : fd;
	if (!v.name[0] && kill_v2(fd) == 0)
		return 0;
	visit_tree(&v, fd, MAX_DEPTH);
	if (v.failed > 0)
		return err_set(e, -v.why, "cannot kill %llu processes of '%s': %s",
			       (unsigned long long)v.failed, p->path, strerror(-v.why));
	return 0;
}
