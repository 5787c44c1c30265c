// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of whole lines, bounded: what grows too long becomes NAME.1. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "collector/base/io.h"
#include "http/sinks_internal.h"

static int open_lines(int dir_fd, const char *name, struct err *e)
{
	AUTO_FD int fd = openat(dir_fd, name,
				O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
				0600);
	struct stat st;
	char last = '\n';

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "cannot open '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "'%s' is no regular file", name);
	/* a line that a crash tore is ended, so that the next one is whole */
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n' &&
	    io_write_all(fd, "\n", 1) < 0)
		return err_errno(e, "cannot write '%s'", name);
	return TAKE_FD(fd);
}

static bool has_name(int dir_fd, const char *name, const struct stat *st)
{
	struct stat now;

	return fstatat(dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == st->st_ino &&
	       now.st_dev == st->st_dev;
}

int sink_append(int dir_fd, const char *name, int *fd, uint64_t max_bytes, struct span line,
		struct err *e)
{
	struct stat st;
	char older[96];
	int opened = 0;

	if (*fd >= 0 && (fstat(*fd, &st) < 0 || !has_name(dir_fd, name, &st))) {
		close(*fd); /* removed or renamed by somebody: a new one is made */
		*fd = -1;
	}
	if (*fd < 0) {
		opened = open_lines(dir_fd, name, e);
		if (opened < 0)
			return opened;
		*fd = opened;
		if (fstat(*fd, &st) < 0)
			return err_errno(e, "cannot read '%s'", name);
	}
	if (st.st_size > 0 && (uint64_t)st.st_size + line.n + 1 > max_bytes) {
		snprintf(older, sizeof(older), "%s.1", name);
		if (renameat(dir_fd, name, dir_fd, older) < 0)
			return err_errno(e, "cannot rename '%s'", name);
		close(*fd);
		*fd = open_lines(dir_fd, name, e);
		if (*fd < 0)
			return -EIO;
		st.st_size = 0;
	}
	union { /* writev takes a writable pointer but does not write */
		const char *in;
		char *out;
	} text = { .in = line.p };
	char end = '\n';
	struct iovec iov[2] = { { text.out, line.n }, { &end, 1 } };
	ssize_t n = writev(*fd, iov, 2);

	if (n == (ssize_t)line.n + 1)
		return 0;
	int code = n < 0 ? errno : ENOSPC;

	if (n > 0 && ftruncate(*fd, st.st_size) < 0)
		code = errno; /* half a line stays: the next open ends it */
	return err_set(e, code, "cannot write '%s': %s", name, strerror(code));
}

int sink_dead_letter(struct sink *s, const struct sink_record *r, const char *why)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char name[64], now[40];
	struct err e = { "" };

	buf_init(&b, r->n + 1024);
	sink_rfc3339(unix_ns(), now);
	buf_printf(&b, "{\"time\":\"%s\",\"reason\":\"", now);
	buf_add_json(&b, span_str(why));
	buf_add_str(&b, "\",\"alert\":");
	buf_add(&b, r->line, r->n);
	buf_add_char(&b, '}');
	if (b.failed)
		return -ENOMEM;
	snprintf(name, sizeof(name), "%s.dead.jsonl", s->name);
	return sink_append(s->all->dir_fd, name, &s->dead_fd, SINK_DEAD_BYTES,
			   (struct span){ b.data, b.len }, &e);
}
