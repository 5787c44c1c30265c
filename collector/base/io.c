// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

ssize_t io_read_at(int dir_fd, const char *path, char *mem, size_t cap)
{
	AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	while (len < cap) {
		ssize_t n = read(fd, mem + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			mem[len] = '\0';
			return (ssize_t)len;
		}
		len += (size_t)n;
	}
	return -E2BIG;
}

int io_read_buf_at(int dir_fd, const char *path, struct buf *b, struct err *e)
{
	AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	for (;;) {
		size_t left = b->max - b->len, want = left < 16384 ? left : 16384;
		char probe = 0, *p = want ? buf_reserve(b, want) : &probe;

		if (!p)
			return err_set(e, ENOMEM, "no memory to read '%s'", path);
		ssize_t n = read(fd, p, want ? want : 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read '%s'", path);
		if (n == 0)
			return 0;
		if (!want)
			return err_set(e, E2BIG, "'%s' is longer than %zu bytes", path, b->max);
		b->len += (size_t)n;
	}
}

ssize_t io_pread_all(int fd, char *mem, size_t cap)
{
	ssize_t n;

	do
		n = pread(fd, mem, cap, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n == cap)
		return -E2BIG;
	mem[n] = '\0';
	return n;
}

int io_write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int write_beside(int dir_fd, const char *name, struct span bytes, mode_t mode, bool durable,
			struct err *e)
{
	char temp[NAME_MAX + 1];

	if (snprintf(temp, sizeof(temp), ".%s.%d.new", name, (int)getpid()) >= (int)sizeof(temp))
		return err_set(e, ENAMETOOLONG, "file name '%s' is too long", name);
	AUTO_FD int fd =
		openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0)
		return err_errno(e, "cannot create '%s'", temp);
	int r = io_write_all(fd, bytes.p, bytes.n);

	if (r == 0 && durable && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, temp, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir_fd, temp, 0);
		errno = -r;
		return err_errno(e, "cannot write '%s'", name);
	}
	if (durable)
		fsync(dir_fd); /* best effort: not every file system can */
	return 0;
}

int io_write_atomic_at(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
		       struct err *e)
{
	return write_beside(dir_fd, name, (struct span){ bytes, n }, mode, true, e);
}

int io_write_cached_at(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
		       struct err *e)
{
	return write_beside(dir_fd, name, (struct span){ bytes, n }, mode, false, e);
}

int io_mkdir_p(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part))
		return err_set(e, ENAMETOOLONG, "bad path '%s'", path);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_errno(e, "cannot create directory '%s'", part);
	}
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "cannot use directory '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "'%s' is not a directory", path);
	return 0;
}

bool io_join(char *out, size_t cap, const char *a, const char *b)
{
	size_t n = strlen(a);

	while (n > 0 && a[n - 1] == '/')
		n--;
	while (*b == '/')
		b++;
	int written = snprintf(out, cap, "%.*s/%s", (int)n, a, b);

	return written >= 0 && (size_t)written < cap;
}
