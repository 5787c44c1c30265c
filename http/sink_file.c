// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of serve's own folder, and standard output: one record a line, as in the log. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "http/sinks_internal.h"

#define MAX_BYTES (64ULL << 20)
#define PIECE	  4096 /* a pipe that is ready takes so much without blocking */

struct file {
	int fd;
	const char *name;
	uint64_t max_bytes;
};

static int file_open(struct sink *s, struct err *e)
{
	const char *name = sink_get(s, "path");
	struct file *f;

	if (!name || !name[0] || name[0] == '.' || strchr(name, '/') || strlen(name) > 64)
		return err_set(e, EINVAL, "its path is no name of a file in files/");
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, ENOMEM, "no memory");
	*f = (struct file){ -1, name, sink_number(s, "max_size", MAX_BYTES) };
	s->driver_state = f;
	return 0;
}

static void file_close(struct sink *s)
{
	struct file *f = s->driver_state;

	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static void file_begin(struct sink *s)
{
	struct file *f = s->driver_state;
	struct err e = { "" };

	while (s->records_n > 0) {
		const struct sink_record *r = s->records[0];

		if (sink_append(s->all->files_fd, f->name, &f->fd, f->max_bytes,
				(struct span){ r->line, r->n }, &e) < 0) {
			sink_ended(s, SINK_RETRY, 0, e.text);
			return;
		}
		if (s->records_n == 1)
			break;
		sink_progress(s, 1);
	}
	sink_ended(s, SINK_DONE, 0, NULL);
}

const struct sink_driver sink_file = {
	.batch = 64,
	.open = file_open,
	.close = file_close,
	.begin = file_begin,
};

/* --- standard output ------------------------------------------------------------------------ */

struct output {
	size_t sent; /* bytes of the first record */
};

static int stdout_open(struct sink *s, struct err *e)
{
	struct output *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(e, ENOMEM, "no memory");
	s->driver_state = o;
	return 0;
}

static void stdout_close(struct sink *s)
{
	free(s->driver_state);
}

static void stdout_begin(struct sink *s)
{
	struct output *o = s->driver_state;

	o->sent = 0;
	s->records[0]->line[s->records[0]->n] = '\n'; /* in place of its NUL, until it is sent */
}

/* The descriptor is shared with others, who may want it to block: it is asked before each piece. 1:
 * a piece went out; 0: no room; -errno. */
static int write_piece(struct output *o, const struct sink_record *r)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	size_t left = r->n + 1 - o->sent;
	int ready = poll(&p, 1, 0);

	if (ready <= 0)
		return ready < 0 && errno != EINTR ? -errno : 0;
	ssize_t n = write(STDOUT_FILENO, r->line + o->sent, left < PIECE ? left : PIECE);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	o->sent += (size_t)n;
	return 1;
}

static void stdout_step(struct sink *s, uint64_t now, struct sinks_wait *w)
{
	struct output *o = s->driver_state;

	(void)now;
	for (;;) {
		struct sink_record *r = s->records[0];
		int n = write_piece(o, r);

		if (n == 0) {
			sinks_wait_fd(w, STDOUT_FILENO, POLLOUT);
			return;
		}
		if (n < 0) {
			r->line[r->n] = '\0';
			sink_ended(s, SINK_RETRY, 0, strerror(-n));
			return;
		}
		if (o->sent <= r->n)
			continue;
		r->line[r->n] = '\0';
		if (s->records_n == 1) {
			sink_ended(s, SINK_DONE, 0, NULL);
			return;
		}
		sink_progress(s, 1);
		stdout_begin(s);
	}
}

const struct sink_driver sink_stdout = {
	.batch = 64,
	.open = stdout_open,
	.close = stdout_close,
	.begin = stdout_begin,
	.step = stdout_step,
};
