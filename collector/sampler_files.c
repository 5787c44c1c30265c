// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors, paths and device names of the sampler. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "collector/sampler_internal.h"

static int hierarchy_fd(const struct sampler *s, unsigned hierarchy)
{
	const struct cgroup_layout *l = s->layout;

	if (hierarchy != HIERARCHY_UNIFIED)
		return l->fds[hierarchy];
	return l->unified_fd >= 0 || l->mode != CGROUP_V2 ? l->unified_fd : l->watch_fd;
}

bool sampler_is_watched(const struct sampler *s, unsigned hierarchy)
{
	const struct cgroup_layout *l = s->layout;

	if (l->mode == CGROUP_V2)
		return true;
	return hierarchy != HIERARCHY_UNIFIED && l->paths[hierarchy][0] &&
	       strcmp(l->paths[hierarchy], l->watch_path) == 0;
}

/* Asks /proc/PID/cgroup, once a process, where the cgroup is in a hierarchy that lacks its path. */
static bool look_up(struct sampler *s, struct sampler_cg *cg, unsigned hierarchy)
{
	char path[PATH_MAX];
	const char *name = strrchr(cg->path, '/');

	if (cg->pid <= 0 || cg->looked_up[hierarchy] || cg->is_root || !name ||
	    sampler_is_watched(s, hierarchy))
		return false;
	cg->looked_up[hierarchy] = true;
	ssize_t n = cgroup_path_of(s->layout, s->settings.proc, cg->pid,
				   (enum cgroup_controller)hierarchy, path, sizeof(path));

	if (n <= 0 || !cgroup_path_cut(path, name + 1) || strcmp(path, cg->path) == 0 ||
	    strstr(path, "/../"))
		return false;
	free(cg->paths[hierarchy]);
	cg->paths[hierarchy] = strdup(path);
	return cg->paths[hierarchy] != NULL;
}

int sampler_locate(struct sampler *s, struct sampler_cg *cg, unsigned hierarchy, const char *file)
{
	const char *path = cg->paths[hierarchy] ? cg->paths[hierarchy] : cg->path;
	size_t n = strlen(path + 1), file_n = strlen(file);

	/* sampler_add() refused paths that would not fit */
	memcpy(s->path, path + 1, n);
	if (n > 0)
		s->path[n++] = '/';
	memcpy(s->path + n, file, file_n + 1);
	return hierarchy_fd(s, hierarchy);
}

void sampler_locate_proc(struct sampler *s, const char *file)
{
	if (!io_join(s->path, sizeof(s->path), s->settings.proc, file))
		s->path[0] = '\0';
}

static void cut_budget(struct sampler *s)
{
	s->stats.degraded = true;
	if (s->budget > s->stats.fds_open)
		s->budget = s->stats.fds_open;
	s->widen_tick = s->tick + SAMPLER_DEVICE_TICKS;
}

int sampler_open(struct sampler *s, int dir_fd, int flags, bool *spare)
{
	int fd = openat(dir_fd, s->path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*spare = false;
	if (fd >= 0)
		return fd;
	if ((errno != EMFILE && errno != ENFILE) || s->reserve_fd < 0)
		return -errno;
	cut_budget(s);
	close(s->reserve_fd);
	s->reserve_fd = -1;
	*spare = true;
	fd = openat(dir_fd, s->path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		return fd;
	fd = -errno;
	sampler_close(s, -1, true);
	return fd;
}

void sampler_close(struct sampler *s, int fd, bool spare)
{
	if (fd >= 0)
		close(fd);
	if (spare && s->reserve_fd < 0)
		s->reserve_fd = open("/dev/null", O_PATH | O_CLOEXEC);
}

void sampler_drop(struct sampler *s, struct sampler_cg *cg, enum hot_file f)
{
	if (cg->fds[f] < 0)
		return;
	close(cg->fds[f]);
	cg->fds[f] = -1;
	s->stats.fds_open--;
}

static ssize_t read_scratch(struct sampler *s, int fd)
{
	ssize_t n = io_pread_all(fd, s->scratch, sizeof(s->scratch));

	s->stats.reads++;
	if (n == -E2BIG)
		s->stats.parse_errors++;
	return n;
}

/* Opens a hot file, in the place that /proc/PID/cgroup names when the usual one is not there. */
static int open_hot(struct sampler *s, struct sampler_cg *cg, unsigned hierarchy, const char *name,
		    bool *spare)
{
	int dir_fd = AT_FDCWD;

	*spare = false;
	if (hierarchy == HIERARCHY_PROC) {
		sampler_locate_proc(s, name);
		return sampler_open(s, AT_FDCWD, 0, spare);
	}
	dir_fd = sampler_locate(s, cg, hierarchy, name);
	if (dir_fd < 0)
		return -ENOENT;
	int fd = sampler_open(s, dir_fd, 0, spare);

	if (fd == -ENOENT && look_up(s, cg, hierarchy)) {
		dir_fd = sampler_locate(s, cg, hierarchy, name);
		fd = sampler_open(s, dir_fd, 0, spare);
	}
	return fd;
}

static bool may_keep(struct sampler *s, enum hot_file f)
{
	if (s->stats.fds_open >= s->budget) {
		s->stats.degraded = true;
		return false;
	}
	return !s->stats.degraded || f < HOT_KEPT;
}

ssize_t sampler_read_kept(struct sampler *s, struct sampler_cg *cg, enum hot_file f,
			  unsigned hierarchy, const char *name)
{
	int fd = cg->fds[f];
	bool opened = fd < 0, spare = false;

	if (opened) {
		if (cg->misses[f] >= SAMPLER_EARLY_TRIES &&
		    (s->tick + cg->stagger) % SAMPLER_RETRY_TICKS != 0)
			return -ENOENT;
		fd = open_hot(s, cg, hierarchy, name, &spare);
		if (fd < 0) {
			if (cg->misses[f] < SAMPLER_EARLY_TRIES)
				cg->misses[f]++;
			return fd;
		}
	}
	ssize_t n = read_scratch(s, fd);

	if (n < 0 && n != -E2BIG) /* pressure that is switched off stays so for a while */
		cg->misses[f] = n == -EOPNOTSUPP ? SAMPLER_EARLY_TRIES : 0;
	else
		cg->misses[f] = 0;
	bool keep = n >= 0 && !spare &&
		    (opened ? may_keep(s, f) : !s->stats.degraded || f < HOT_KEPT);

	if (opened && keep) {
		cg->fds[f] = fd;
		s->stats.fds_open++;
	} else if (opened) {
		sampler_close(s, fd, spare);
	} else if (!keep) {
		sampler_drop(s, cg, f);
	}
	return n;
}

ssize_t sampler_read_once(struct sampler *s, int dir_fd)
{
	bool spare;

	if (dir_fd == -1)
		return -ENOENT;
	int fd = sampler_open(s, dir_fd, 0, &spare);

	if (fd < 0)
		return fd;
	ssize_t n = read_scratch(s, fd);

	sampler_close(s, fd, spare);
	return n;
}

bool sampler_is_gone(struct sampler *s, struct sampler_cg *cg)
{
	const char *rel = cg->path[1] ? cg->path + 1 : ".";
	struct stat st;

	if (cg->is_root || cg->gone)
		return cg->gone;
	if (fstatat(s->layout->watch_fd, rel, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		cg->gone = errno == ENOENT && cg->inode != 0;
	} else if (cg->inode == 0) {
		cg->inode = st.st_ino;
	} else {
		cg->gone = st.st_ino != cg->inode;
	}
	return cg->gone;
}

/* --- names of block devices ------------------------------------------------------------------ */

/* "/dev/<DEVNAME>" out of the device's uevent, "major:minor" when sysfs does not know it. */
static void find_name(struct sampler *s, struct device_name *d)
{
	char path[PATH_MAX], text[2048];
	struct span rest, line;

	snprintf(d->name, sizeof(d->name), "%u:%u", d->major, d->minor);
	if (snprintf(path, sizeof(path), "%s/dev/block/%u:%u/uevent", s->settings.sys, d->major,
		     d->minor) >= (int)sizeof(path))
		return;
	ssize_t n = io_read_at(AT_FDCWD, path, text, sizeof(text));

	rest = (struct span){ text, n > 0 ? (size_t)n : 0 };
	while (span_next(&rest, '\n', &line)) {
		if (!span_starts(line, "DEVNAME=") || line.n <= 8 ||
		    line.n - 8 + 5 >= sizeof(d->name))
			continue;
		snprintf(d->name, sizeof(d->name), "/dev/%.*s", (int)(line.n - 8), line.p + 8);
		return;
	}
}

static const struct device_name *cached_name(struct sampler *s, uint32_t major, uint32_t minor)
{
	if (s->tick - s->names_tick >= SAMPLER_DEVICE_TICKS) {
		s->names_n = s->names_next = 0;
		s->names_tick = s->tick;
	}
	for (uint32_t i = 0; i < s->names_n; i++) {
		if (s->names[i].major == major && s->names[i].minor == minor)
			return &s->names[i];
	}
	struct device_name *d = &s->names[s->names_next];

	s->names_next = (s->names_next + 1) % SAMPLER_MAX_DEVICE_NAMES;
	if (s->names_n < SAMPLER_MAX_DEVICE_NAMES)
		s->names_n++;
	*d = (struct device_name){ .major = major, .minor = minor };
	find_name(s, d);
	return d;
}

void sampler_name_devices(struct sampler *s, struct sample *out)
{
	for (uint32_t i = 0; i < out->io_n; i++) {
		if (out->io[i].device[0] != '/') /* new, or not known up to now */
			memcpy(out->io[i].device,
			       cached_name(s, out->io[i].major, out->io[i].minor)->name,
			       sizeof(out->io[i].device));
	}
}
