// SPDX-License-Identifier: GPL-2.0-or-later
/* The worker's part: the files of one container, found and read with care. */
#include "detector/users_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/procstat.h"
#include "collector/resolve.h"

#define MAP_BYTES 16384

static const char *const paths[2] = { "etc/passwd", "etc/group" };
static const char *const maps[2] = { "uid_map", "gid_map" };

static int open_below(int root, const char *path, uint64_t extra)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* A container's files are to be on the file system of its root: one that was mounted within may
 * answer when it likes. Where all of them are quick, the files may be mounted, too. */
static int find_file(const struct users_read *r, int root, const char *path)
{
	int fd = open_below(root, path, r->host ? 0 : RESOLVE_NO_XDEV);

	if (fd == -EXDEV && resolve_mounts_are_quick(r->proc, (uint32_t)r->pid))
		fd = open_below(root, path, 0);
	return fd;
}

static struct users_stamp stamp_of(const struct stat *st)
{
	return (struct users_stamp){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = (uint64_t)st->st_mtim.tv_sec * NS_PER_S + (uint64_t)st->st_mtim.tv_nsec,
		.ctime_ns = (uint64_t)st->st_ctim.tv_sec * NS_PER_S + (uint64_t)st->st_ctim.tv_nsec,
	};
}

/* *fd is -1 when it is not there: so is what cannot be reached, and what is no file. */
static int look_at(const struct users_read *r, int root, const char *path, int *fd,
		   struct users_stamp *stamp)
{
	AUTO_FD int found = find_file(r, root, path);
	struct stat st;

	*stamp = (struct users_stamp){ 0 };
	switch (found) {
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -EXDEV:
	case -ENAMETOOLONG:
		return 0;
	}
	if (found < 0)
		return found;
	if (fstat(found, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	*stamp = stamp_of(&st);
	*fd = TAKE_FD(found);
	return 0;
}

/* What the O_PATH descriptor is, at most USERS_FILE_BYTES of it: of a longer one whole lines. */
static int read_file(int fd, char *mem, struct span *out, bool *cut)
{
	char link[64];
	size_t n = 0;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	AUTO_FD int in = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (in < 0)
		return -errno;
	while (n < USERS_FILE_BYTES) {
		ssize_t got = read(in, mem + n, USERS_FILE_BYTES - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*cut = n == USERS_FILE_BYTES;
	while (*cut && n && mem[n - 1] != '\n')
		n--;
	*out = (struct span){ mem, n };
	return 0;
}

/* p stays NULL where there is no map. -EAGAIN: it is not written yet. */
static int read_map(const struct users_read *r, const char *name, char *mem, struct span *out)
{
	char path[PATH_MAX];

	if (r->host)
		return 0;
	if (snprintf(path, sizeof(path), "%s/%d/%s", r->proc, (int)r->pid, name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	ssize_t n = io_read_at(AT_FDCWD, path, mem, MAP_BYTES);

	if (n == -ENOENT) /* a kernel without user namespaces */
		return 0;
	if (n < 0)
		return (int)n;
	*out = (struct span){ mem, (size_t)n };
	return n == 0 ? -EAGAIN : 0;
}

static int read_all(struct users_read *r, const int fds[2])
{
	AUTO_FREE char *mem = malloc(2 * (USERS_FILE_BYTES + MAP_BYTES));
	struct span files[2] = { { NULL, 0 } }, ids[2] = { { NULL, 0 } };
	bool cut[2] = { false, false };
	int ret = mem ? 0 : -ENOMEM;

	for (int i = 0; i < 2 && ret == 0; i++) {
		char *at = mem + (size_t)i * (USERS_FILE_BYTES + MAP_BYTES);

		if (fds[i] >= 0)
			ret = read_file(fds[i], at, &files[i], &cut[i]);
		if (ret == 0)
			ret = read_map(r, maps[i], at + USERS_FILE_BYTES, &ids[i]);
	}
	if (ret < 0)
		return ret;
	r->set = users_parse(files[0], files[1], ids[0], ids[1]);
	if (!r->set)
		return -ENOMEM;
	r->set->refused += (uint64_t)cut[0] + cut[1];
	return 0;
}

static bool is_same_root(const struct users_read *r, int root)
{
	struct stat own, host;

	return fstat(root, &own) == 0 && stat(r->host_root, &host) == 0 &&
	       own.st_dev == host.st_dev && own.st_ino == host.st_ino;
}

/* The root of this process, not of a later one with its pid: asked after the open. */
static int open_root(struct users_read *r)
{
	const uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	char path[PATH_MAX];

	if (r->host) {
		int fd = open(r->host_root, O_PATH | O_DIRECTORY | O_CLOEXEC);

		return fd < 0 ? -errno : fd;
	}
	if (snprintf(path, sizeof(path), "%s/%d/root", r->proc, (int)r->pid) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	AUTO_FD int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t start = procstat_start_boot_ns(r->proc, r->pid);

	if (fd < 0 || start == 0 ||
	    (r->start_boot_ns && start / tick_ns != r->start_boot_ns / tick_ns))
		return -ESRCH;
	r->start_boot_ns = start;
	return TAKE_FD(fd);
}

void users_read(struct users_read *r)
{
	AUTO_FD int root = open_root(r);
	AUTO_FD int passwd = -1;
	AUTO_FD int group = -1;
	struct users_stamp now[2];

	r->result = USERS_FAILED;
	r->set = NULL;
	if (root < 0)
		return;
	/* before the runtime has given it one, or a service of the host */
	if (!r->host && is_same_root(r, root)) {
		r->result = USERS_HOST;
		return;
	}
	if (look_at(r, root, paths[0], &passwd, &now[0]) < 0 ||
	    look_at(r, root, paths[1], &group, &now[1]) < 0)
		return;
	if (!r->force && memcmp(now, r->stamps, sizeof(now)) == 0) {
		r->result = USERS_UNCHANGED;
		return;
	}
	const int fds[2] = { passwd, group };

	if (read_all(r, fds) < 0)
		return;
	memcpy(r->stamps, now, sizeof(now));
	r->result = USERS_READ;
}
