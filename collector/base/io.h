/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io - whole-file reads with a limit, atomic writes, directory walks by descriptor. Any thread. */
#ifndef BULKHEAD_BASE_IO_H
#define BULKHEAD_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collector/base/buf.h"
#include "collector/base/err.h"

/* Reads `path` (relative to dir_fd, or AT_FDCWD) into mem, at most cap - 1 bytes, adds a NUL.
 * Returns the length or -errno; -E2BIG when the file is longer. Loops over short reads. Only
 * regular files, /proc and cgroup files are meant: never blocks on a FIFO (O_NONBLOCK). */
ssize_t io_read_at(int dir_fd, const char *path, char *mem, size_t cap);

/* The same into a fresh buffer of at most max bytes (appended to *b, which the caller inited). */
int io_read_buf_at(int dir_fd, const char *path, struct buf *b, struct err *e);

/* pread from 0 into mem with a NUL at the end; length or -errno. One call: for counter files,
 * which give their whole content at once. -E2BIG when cap - 1 bytes came. */
ssize_t io_pread_all(int fd, char *mem, size_t cap);

/* Writes a temporary file beside `name`, fsyncs, renames over it, fsyncs the directory. */
int io_write_atomic_at(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
		       struct err *e);

/* The same without waiting for the disk: whole or not there when a program dies, but a cut of power
 * may leave an empty file. For what can be made again. */
int io_write_cached_at(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
		       struct err *e);

int io_write_all(int fd, const void *bytes, size_t n); /* 0 or -errno; loops over short writes */

int io_mkdir_p(const char *path, mode_t mode, struct err *e);

/* Joins with exactly one '/' into out[cap]; false when it does not fit. */
bool io_join(char *out, size_t cap, const char *a, const char *b);

#endif
