// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/alert_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "detector/alert_log_internal.h"

#define RETRY_NS (200 * NS_PER_MS) /* between tries of a disk that takes nothing */

static void tell_grew(struct alert_log *l, const struct segment *s)
{
	const struct alert_log_segment told = log_told(l, s);

	if (l->set.grew)
		l->set.grew(l->set.ctx, &told);
}

static void say(struct alert_log *l, const char *text)
{
	snprintf(l->error, sizeof(l->error), "%.159s", text);
}

/* --- making it durable -------------------------------------------------------------------------
 */

static void sync_run(struct worker_job *job)
{
	struct sync *s = (struct sync *)job;
	const uint64_t start = mono_ns();

	s->ran = true;
	s->result = fdatasync(s->fd) < 0 ? -errno : 0;
	if (s->dir_fd >= 0 && fsync(s->dir_fd) < 0 && s->result == 0)
		s->result = -errno;
	s->took_ns = mono_ns() - start;
}

static struct segment *find_segment(struct alert_log *l, uint64_t first_seq)
{
	for (size_t i = l->n; i > 0; i--)
		if (l->segments[i - 1].first_seq == first_seq)
			return &l->segments[i - 1];
	return NULL;
}

static void close_settled(struct alert_log *l, struct segment *s)
{
	if (s->fd >= 0 && s != log_current(l) && !s->deleted && s->durable >= s->bytes) {
		close(s->fd);
		s->fd = -1;
	}
}

/* All that is written may be read, whether it is on disk or not: an alert that waits for a disk
 * that does not answer is worse than one that a cut of power may take back. */
static void give_up_waiting(struct alert_log *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct segment *s = &l->segments[i];

		if (s->durable >= s->bytes)
			continue;
		s->durable = s->bytes;
		tell_grew(l, s);
		close_settled(l, s);
	}
}

static void start_sync(struct alert_log *l);

static void sync_done(struct worker_job *job)
{
	struct sync *s = (struct sync *)job;
	struct alert_log *l = s->log;
	struct segment *seg = find_segment(l, s->first_seq);

	close(s->fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	s->running = false;
	if (!s->ran) /* the worker ended before: alert_log_free syncs */
		return;
	l->stats.last_sync_ns = s->took_ns;
	if (s->took_ns > l->stats.longest_sync_ns)
		l->stats.longest_sync_ns = s->took_ns;
	l->stats.sync_failing = s->result < 0;
	if (s->result < 0) {
		l->stats.sync_errors++;
		say(l, strerror(-s->result));
	}
	if (seg && seg->durable < s->bytes) {
		seg->durable = s->bytes < seg->bytes ? s->bytes : seg->bytes;
		tell_grew(l, seg);
		close_settled(l, seg);
	}
	if (!l->set.worker || !worker_closing(l->set.worker))
		start_sync(l);
}

static struct segment *first_dirty(struct alert_log *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct segment *s = &l->segments[i];

		if ((s->durable < s->bytes || s->unsynced) && s->fd >= 0)
			return s;
	}
	return NULL;
}

static void start_sync(struct alert_log *l)
{
	struct sync *s = &l->sync;
	struct segment *seg = s->running ? NULL : first_dirty(l);

	if (s->running && s->given_up)
		give_up_waiting(l);
	if (!seg || l->worker_ended)
		return; /* alert_log_free syncs */
	*s = (struct sync){ .job = { .run = sync_run, .done = sync_done },
			    .log = l,
			    .first_seq = seg->first_seq,
			    .bytes = seg->bytes,
			    .began_ns = mono_ns(),
			    .fd = fcntl(seg->fd, F_DUPFD_CLOEXEC, 0),
			    .dir_fd = -1,
			    .running = true };
	seg->unsynced = false;
	if (l->dir_dirty)
		s->dir_fd = fcntl(l->dir_fd, F_DUPFD_CLOEXEC, 0);
	l->dir_dirty = false;
	if (s->fd >= 0 && l->set.worker && worker_submit(l->set.worker, &s->job, true) == 0)
		return;
	if (s->fd < 0 || l->set.worker) { /* no descriptors, or the worker is ending */
		if (s->fd >= 0)
			close(s->fd);
		if (s->dir_fd >= 0)
			close(s->dir_fd);
		s->running = false;
		if (!l->set.worker || !worker_closing(l->set.worker))
			give_up_waiting(l);
		return;
	}
	s->job.run(&s->job);
	s->job.done(&s->job);
}

/* --- lines that wait for the disk --------------------------------------------------------------
 */

static void drop_first(struct alert_log *l)
{
	struct pending *p = l->first;

	l->first = p->next;
	if (!l->first)
		l->last = &l->first;
	l->pending_bytes -= p->n;
	l->stats.pending--;
	free(p);
}

static void keep_pending(struct alert_log *l, uint64_t seq, struct span line)
{
	struct pending *p;

	while (l->first && (l->stats.pending >= ALERT_LOG_MAX_PENDING ||
			    l->pending_bytes + line.n > ALERT_LOG_PENDING_BYTES)) {
		drop_first(l);
		l->stats.lost++;
	}
	p = malloc(sizeof(*p) + line.n);
	if (!p) {
		l->stats.lost++;
		return;
	}
	*p = (struct pending){ .seq = seq, .n = line.n };
	memcpy(p->line, line.p, line.n);
	*l->last = p;
	l->last = &p->next;
	l->pending_bytes += line.n;
	l->stats.pending++;
}

/* One write. What went in by half is taken back, so that the file holds whole lines. */
static int write_line(struct alert_log *l, struct span line)
{
	struct segment *s = log_current(l);
	union { /* writev does not write to it */
		const char *in;
		char *out;
	} text = { .in = line.p };
	char newline = '\n';
	const struct iovec iov[2] = { { text.out, line.n }, { &newline, 1 } };
	ssize_t n;

	if (!s)
		return -ENOENT;
	do
		n = writev(s->fd, iov, 2);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)line.n + 1) {
		s->bytes += line.n + 1;
		l->stats.written_bytes += line.n + 1;
		return 0;
	}
	int r = n < 0 ? -errno : -ENOSPC;

	if (n > 0 && ftruncate(s->fd, (off_t)s->bytes) < 0)
		log_close_current(l); /* half a line stays behind: no more after it */
	return r;
}

static int make_current(struct alert_log *l)
{
	struct err e = { "" };
	int r = 0;

	if (l->dir_fd < 0)
		r = log_open_directory(l, &e);
	if (r == 0 && l->has_current)
		log_check_current(l);
	if (r == 0 && !l->has_current) {
		r = log_open_current(l, &e);
		if (r == -ENOENT)
			log_forget_directory(l);
	}
	if (r < 0)
		say(l, e.text);
	return r;
}

static int put_line(struct alert_log *l, uint64_t seq, struct span line)
{
	l->writing = seq;
	int r = make_current(l);
	const bool opened = r == 0;

	l->writing = 0;
	if (r == 0)
		r = write_line(l, line);
	l->stats.failing = r < 0;
	if (r < 0) {
		l->stats.write_errors++;
		l->tried_ns = mono_ns();
		if (opened)
			say(l, strerror(-r));
		return r;
	}
	const struct segment *s = log_current(l);

	if (s && s->bytes >= l->set.limits.segment_bytes)
		log_close_current(l);
	log_enforce_cap(l);
	return 0;
}

/* 0 when nothing waits any more. */
static int write_pending(struct alert_log *l)
{
	while (l->first) {
		struct pending *p = l->first;
		int r = put_line(l, p->seq, (struct span){ p->line, p->n });

		if (r < 0)
			return r;
		drop_first(l);
	}
	return 0;
}

/* --- the owner's side --------------------------------------------------------------------------
 */

uint64_t alert_log_next_seq(const struct alert_log *l)
{
	return l->next_seq;
}

void alert_log_append(struct alert_log *l, struct span line)
{
	const uint64_t seq = l->next_seq++;
	int r = 0;

	l->stats.lines++;
	if (l->stats.failing && mono_ns() - l->tried_ns < RETRY_NS)
		r = -EAGAIN;
	if (r == 0)
		r = write_pending(l);
	if (r == 0)
		r = put_line(l, seq, line);
	if (r < 0) {
		keep_pending(l, seq, line);
		log_keep_seq(l);
		/* before the line that follows them: a reader goes on from the highest number */
		give_up_waiting(l);
		if (l->set.line)
			l->set.line(l->set.ctx, seq, line);
	}
	start_sync(l);
}

static void look_after_sync(struct alert_log *l)
{
	struct sync *s = &l->sync;

	if (!s->running || mono_ns() - s->began_ns < ALERT_LOG_STUCK_NS)
		return;
	if (!s->given_up) {
		s->given_up = true;
		l->stats.sync_errors++;
		l->stats.sync_failing = true;
		say(l, "the disk does not answer");
	}
	give_up_waiting(l);
}

void alert_log_tick(struct alert_log *l)
{
	struct segment *s;

	if (l->dir_fd < 0 || l->first || l->stats.failing) {
		if (write_pending(l) == 0 && !l->has_current)
			l->stats.failing = make_current(l) < 0;
	} else if (l->has_current) {
		log_check_current(l);
	}
	s = log_current(l);
	if (s && s->bytes > 0 && l->age_ns + (mono_ns() - l->opened_ns) > l->set.limits.max_age_ns)
		log_close_current(l);
	log_enforce_cap(l);
	log_keep_seq(l);
	look_after_sync(l);
	start_sync(l);
}

int alert_log_new(struct alert_log **out, const struct alert_log_settings *s, struct err *e)
{
	struct alert_log *l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(e, ENOMEM, "no memory for the log '%s'", s->name);
	l->set = *s;
	l->dir_fd = l->seq_fd = -1;
	l->last = &l->first;
	l->next_seq = 1;
	l->sync.fd = l->sync.dir_fd = -1;
	l->stats.failing = make_current(l) < 0;
	l->stats.write_errors = l->stats.failing;
	log_enforce_cap(l);
	*out = l;
	start_sync(l); /* what the last run wrote and did not sync */
	return 0;
}

void alert_log_worker_ended(struct alert_log *l)
{
	l->worker_ended = true;
}

void alert_log_free(struct alert_log *l)
{
	if (!l)
		return;
	write_pending(l);
	log_keep_seq(l);
	for (size_t i = 0; i < l->n; i++) {
		struct segment *s = &l->segments[i];

		if (s->fd < 0)
			continue;
		if (s->durable < s->bytes || s->unsynced)
			fdatasync(s->fd);
		close(s->fd);
	}
	while (l->first)
		drop_first(l);
	if (l->seq_fd >= 0)
		close(l->seq_fd);
	if (l->dir_fd >= 0)
		close(l->dir_fd);
	free(l);
}

void alert_log_set_limits(struct alert_log *l, const struct alert_log_limits *limits)
{
	l->set.limits = *limits;
}

void alert_log_each(const struct alert_log *l,
		    void (*fn)(void *ctx, const struct alert_log_segment *s), void *ctx)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct alert_log_segment told = log_told(l, &l->segments[i]);

		fn(ctx, &told);
	}
}

void alert_log_each_pending(const struct alert_log *l,
			    void (*fn)(void *ctx, uint64_t seq, struct span line), void *ctx)
{
	for (const struct pending *p = l->first; p; p = p->next)
		fn(ctx, p->seq, (struct span){ p->line, p->n });
}

int alert_log_dir(const struct alert_log *l)
{
	return l->dir_fd;
}

int alert_log_open(const struct alert_log *l, uint64_t first_seq)
{
	char name[64];
	int fd = -1;

	for (size_t i = l->n; i > 0; i--) {
		const struct segment *s = &l->segments[i - 1];

		if (s->first_seq != first_seq)
			continue;
		if (s->fd >= 0) { /* whatever its name is now; ours is open for writing */
			snprintf(name, sizeof(name), "/proc/self/fd/%d", s->fd);
			fd = open(name, O_RDONLY | O_CLOEXEC);
		} else {
			fd = openat(l->dir_fd, alert_log_file_name(l->set.name, first_seq, name),
				    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		}
		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}

struct alert_log_stats alert_log_stats(const struct alert_log *l)
{
	struct alert_log_stats s = l->stats;

	s.bytes = 0;
	for (size_t i = 0; i < l->n; i++)
		s.bytes += l->segments[i].bytes;
	s.segments = l->n;
	s.error = s.failing || s.sync_failing ? l->error : "";
	return s;
}
