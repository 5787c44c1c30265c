// SPDX-License-Identifier: GPL-2.0-or-later
/* The files of a log: found and repaired at start, begun, closed, removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "detector/alert_log_internal.h"

#define MAX_DELETED 4
#define SEQ_DIGITS  20
#define SEQ_MAX	    (1ULL << 62)
#define TAIL_BYTES  (1u << 20) /* how far back a whole line is looked for */
#define LINE_BEGIN  "{\"schema\":"
#define SEQ_KEY	    "\"seq\":"
#define TIME_KEY    "\"time\":\""
#define HEAD_BYTES  512 /* of a line that hold its number and time */

const char *alert_log_file_name(const char *log, uint64_t first_seq, char out[64])
{
	snprintf(out, 64, "%.24s-%020llu.jsonl", log, (unsigned long long)first_seq);
	return out;
}

static const char *current_name(const struct alert_log *l, char out[64])
{
	snprintf(out, 64, "%.24s.jsonl", l->set.name);
	return out;
}

/* --- what a line says --------------------------------------------------------------------------
 */

static struct span after(struct span line, const char *key)
{
	struct span head = { line.p, line.n < HEAD_BYTES ? line.n : HEAD_BYTES };
	const char *at = head.n ? memmem(head.p, head.n, key, strlen(key)) : NULL;

	if (!at)
		return (struct span){ NULL, 0 };
	at += strlen(key);
	return (struct span){ at, (size_t)(head.p + head.n - at) };
}

/* Its number; 0: it is no whole line of ours. */
static uint64_t seq_of(struct span line)
{
	struct span rest = after(line, SEQ_KEY), digits;
	uint64_t seq;

	if (!span_starts(line, LINE_BEGIN) || line.p[line.n - 1] != '}')
		return 0;
	digits = (struct span){ rest.p, 0 };
	while (digits.n < rest.n && rest.p[digits.n] >= '0' && rest.p[digits.n] <= '9')
		digits.n++;
	return parse_u64(digits, &seq) && seq < SEQ_MAX ? seq : 0;
}

static uint64_t time_of(struct span line)
{
	struct span rest = after(line, TIME_KEY), text;
	uint64_t ns;

	return span_next(&rest, '"', &text) && parse_rfc3339_ns(text, &ns) ? ns : 0;
}

/* --- the end of a file -------------------------------------------------------------------------
 */

struct tail {
	uint64_t whole_bytes; /* up to the end of the last whole line */
	uint64_t last_seq;    /* 0: there is none */
	bool other_lines;     /* what follows it holds lines that are none of ours */
};

/* The last line that is one, looked for from the end. False: there is none in the last TAIL_BYTES,
 * and the file is longer. */
static bool read_tail(int fd, uint64_t bytes, struct tail *out, struct err *e)
{
	const size_t n = bytes < TAIL_BYTES ? (size_t)bytes : TAIL_BYTES;
	const uint64_t from = bytes - n;
	AUTO_FREE char *text = malloc(n ? n : 1);
	ssize_t got = text ? pread(fd, text, n, (off_t)from) : -1;
	size_t end = got > 0 ? (size_t)got : 0;

	*out = (struct tail){ 0, 0, false };
	if (got < 0) {
		err_errno(e, "cannot read the end of a log");
		return false;
	}
	while (end > 0) {
		const char *newline = memrchr(text, '\n', end), *begin;

		if (!newline)
			break;
		end = (size_t)(newline - text);
		begin = end ? memrchr(text, '\n', end) : NULL;
		begin = begin ? begin + 1 : text;
		if (begin == text && from > 0)
			break; /* its beginning was not read */
		out->last_seq = newline > begin
					? seq_of((struct span){ begin, (size_t)(newline - begin) })
					: 0;
		if (out->last_seq) {
			out->whole_bytes = from + end + 1;
			return true;
		}
		out->other_lines = true;
	}
	return from == 0;
}

static uint64_t age_of(int fd)
{
	char text[HEAD_BYTES];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	uint64_t first = n > 0 ? time_of((struct span){ text, (size_t)n }) : 0, now = unix_ns();

	return first && first < now ? now - first : 0;
}

static uint64_t first_seq_of(int fd)
{
	char text[HEAD_BYTES];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct span rest = after((struct span){ text, n > 0 ? (size_t)n : 0 }, SEQ_KEY), digits;
	uint64_t seq;

	return span_next(&rest, ',', &digits) && parse_u64(digits, &seq) && seq < SEQ_MAX ? seq : 0;
}

/* --- the number --------------------------------------------------------------------------------
 * Kept outside of the directory too, so that it does not begin anew when the files are gone:
 * whoever reads the log remembers how far it came by it, and that lines are gone is seen. Written
 * in place, which a full disk allows. */

static uint64_t open_seq(struct alert_log *l)
{
	char text[SEQ_DIGITS + 1], name[40];
	uint64_t seq;

	if (l->seq_fd >= 0)
		return 0;
	snprintf(name, sizeof(name), "%.24s.seq", l->set.name);
	l->seq_fd = openat(l->set.state_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n = l->seq_fd < 0 ? 0 : pread(l->seq_fd, text, sizeof(text), 0);

	if (n > 0 && parse_u64(span_trim((struct span){ text, (size_t)n }), &seq) && seq < SEQ_MAX)
		return seq;
	return 0;
}

void log_keep_seq(struct alert_log *l)
{
	char text[SEQ_DIGITS + 2];

	if (l->seq_fd < 0 || l->seq_kept == l->next_seq)
		return;
	int n = snprintf(text, sizeof(text), "%020llu\n", (unsigned long long)l->next_seq);

	if (pwrite(l->seq_fd, text, (size_t)n, 0) == n)
		l->seq_kept = l->next_seq;
}

/* --- opening -----------------------------------------------------------------------------------
 */

static bool parse_name(const struct alert_log *l, const char *name, uint64_t *first_seq)
{
	struct span s = span_str(name);
	size_t n = strlen(l->set.name);

	if (s.n != n + 1 + SEQ_DIGITS + 6 || !span_starts(s, l->set.name) || s.p[n] != '-' ||
	    !span_ends(s, ".jsonl"))
		return false;
	return parse_u64((struct span){ s.p + n + 1, SEQ_DIGITS }, first_seq) &&
	       *first_seq < SEQ_MAX;
}

static void remove_file(struct alert_log *l, uint64_t first_seq)
{
	char name[64];

	unlinkat(l->dir_fd, alert_log_file_name(l->set.name, first_seq, name), 0);
}

/* Sorted by number; when there are too many the lowest is removed. */
static void add_found(struct alert_log *l, uint64_t first_seq, uint64_t bytes)
{
	size_t at = l->n;

	if (l->n == ALERT_LOG_MAX_SEGMENTS - 1) { /* one place is the current file's */
		const bool oldest = first_seq < l->segments[0].first_seq;

		remove_file(l, oldest ? first_seq : l->segments[0].first_seq);
		l->stats.removed++;
		if (oldest)
			return;
		memmove(&l->segments[0], &l->segments[1], --l->n * sizeof(l->segments[0]));
		at = l->n;
	}
	while (at > 0 && l->segments[at - 1].first_seq > first_seq)
		at--;
	memmove(&l->segments[at + 1], &l->segments[at], (l->n - at) * sizeof(l->segments[0]));
	l->segments[at] = (struct segment){
		.first_seq = first_seq, .bytes = bytes, .durable = bytes, .fd = -1
	};
	l->n++;
}

static int find_files(struct alert_log *l, struct err *e)
{
	int fd = openat(l->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	uint64_t first_seq;
	struct stat st;

	if (!dir)
		return err_errno(e, "cannot list the log '%s'", l->set.name);
	while ((d = readdir(dir)))
		if (parse_name(l, d->d_name, &first_seq) &&
		    fstatat(l->dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			add_found(l, first_seq, (uint64_t)st.st_size);
	return 0;
}

/* The number goes on after the newest line there is. */
static void learn_seq(struct alert_log *l, const struct tail *t)
{
	if (t->last_seq >= l->next_seq)
		l->next_seq = t->last_seq + 1;
}

static void learn_from_old(struct alert_log *l)
{
	char name[64];
	struct tail t;

	if (l->n == 0)
		return;
	const struct segment *s = &l->segments[l->n - 1];

	if (s->first_seq >= l->next_seq)
		l->next_seq = s->first_seq + 1;
	AUTO_FD int fd = openat(l->dir_fd, alert_log_file_name(l->set.name, s->first_seq, name),
				O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && read_tail(fd, s->bytes, &t, NULL))
		learn_seq(l, &t);
}

/* Without a whole line it is of no use; it is kept for people, under another name. */
static void set_aside(struct alert_log *l)
{
	char name[64], damaged[80];

	snprintf(damaged, sizeof(damaged), "%s.damaged", current_name(l, name));
	renameat(l->dir_fd, name, l->dir_fd, damaged);
	l->stats.tampered++;
}

static void take_current(struct alert_log *l, int fd, uint64_t bytes)
{
	uint64_t first = bytes ? first_seq_of(fd) : l->next_seq;

	/* Readers get it at once: who delivered from it would take a shorter one for another. */
	l->segments[l->n++] = (struct segment){ .first_seq = first ? first : l->next_seq,
						.bytes = bytes,
						.durable = bytes,
						.fd = fd,
						.unsynced = bytes > 0 };
	l->has_current = true;
	l->opened_ns = mono_ns();
	l->age_ns = bytes ? age_of(fd) : 0;
}

/* The file that was the current one when we ended, without what tore off. */
static int repair_current(struct alert_log *l, struct err *e)
{
	char name[64];
	struct stat st;
	struct tail t;
	AUTO_FD int fd = openat(l->dir_fd, current_name(l, name),
				O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot open '%s'", name);
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at '%s'", name);
	if (!S_ISREG(st.st_mode) || !read_tail(fd, (uint64_t)st.st_size, &t, e) ||
	    (!t.whole_bytes && t.other_lines)) {
		set_aside(l);
		return 0;
	}
	if (t.whole_bytes < (uint64_t)st.st_size) {
		if (ftruncate(fd, (off_t)t.whole_bytes) < 0)
			return err_errno(e, "cannot repair '%s'", name);
		l->stats.repaired_bytes += (uint64_t)st.st_size - t.whole_bytes;
	}
	learn_seq(l, &t);
	take_current(l, TAKE_FD(fd), t.whole_bytes);
	return 0;
}

/* What stays in the table of a directory that is read (again). */
static void keep_deleted(struct alert_log *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->segments[i].deleted)
			l->segments[n++] = l->segments[i];
	l->n = n;
	l->has_current = false;
}

static int open_files(struct alert_log *l, struct err *e)
{
	const char *dir = l->set.name;

	if (mkdirat(l->set.state_fd, dir, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot create the directory '%s'", dir);
	AUTO_FD int fd =
		openat(l->set.state_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(e, "cannot open the directory '%s'", dir);
	l->dir_fd = fd;
	keep_deleted(l);
	int r = find_files(l, e);

	if (r == 0) {
		learn_from_old(l);
		r = repair_current(l, e);
	}
	if (r < 0)
		l->dir_fd = -1;
	else
		(void)TAKE_FD(fd);
	return r;
}

int log_open_directory(struct alert_log *l, struct err *e)
{
	const uint64_t kept = open_seq(l);
	int r = open_files(l, e);

	if (kept > l->next_seq) {
		l->stats.missing += r == 0 ? kept - l->next_seq : 0;
		l->next_seq = kept;
	}
	if (r < 0)
		return r;
	for (size_t i = 0; l->set.opened && i < l->n; i++) { /* at a later try: they are news */
		const struct segment *s = &l->segments[i];
		const struct alert_log_segment told = log_told(l, s);

		if (!s->deleted)
			l->set.opened(l->set.ctx, &told);
	}
	return 0;
}

int log_open_current(struct alert_log *l, struct err *e)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
	char name[64];
	int fd = openat(l->dir_fd, current_name(l, name), flags, 0600);

	if (fd < 0 && errno == EEXIST) { /* somebody else's */
		set_aside(l);
		fd = openat(l->dir_fd, name, flags, 0600);
	}
	if (fd < 0)
		return err_errno(e, "cannot create '%s'", name);
	if (l->n == ALERT_LOG_MAX_SEGMENTS)
		log_remove_segment(l, 0);
	uint64_t first = l->writing ? l->writing : l->first ? l->first->seq : l->next_seq;

	l->segments[l->n++] = (struct segment){ .first_seq = first, .fd = fd };
	l->has_current = true;
	l->opened_ns = mono_ns();
	l->age_ns = 0;
	l->dir_dirty = true;
	if (l->set.opened)
		l->set.opened(l->set.ctx, &(struct alert_log_segment){ first, 0, true });
	return 0;
}

void log_remove_segment(struct alert_log *l, size_t i)
{
	struct segment *s = &l->segments[i];
	const uint64_t first_seq = s->first_seq;

	if (!s->deleted)
		remove_file(l, first_seq);
	if (s->fd >= 0)
		close(s->fd);
	memmove(s, s + 1, (--l->n - i) * sizeof(*s));
	l->stats.removed++;
	if (l->set.gone)
		l->set.gone(l->set.ctx, first_seq);
}

/* Files without a name are kept for who reads them now: a few. */
static void limit_deleted(struct alert_log *l)
{
	size_t n = 0;

	for (size_t i = l->n; i > 0; i--)
		if (l->segments[i - 1].deleted && ++n > MAX_DELETED)
			log_remove_segment(l, i - 1);
}

void log_forget_directory(struct alert_log *l)
{
	l->stats.tampered++;
	for (size_t i = 0; i < l->n; i++)
		l->segments[i].deleted = true;
	l->has_current = false;
	limit_deleted(l);
	close(TAKE_FD(l->dir_fd));
	if (l->seq_fd >= 0)
		close(TAKE_FD(l->seq_fd));
	l->seq_kept = 0;
}

void log_close_current(struct alert_log *l)
{
	struct segment *s = log_current(l);
	char from[64], to[64];
	struct stat mine, named;

	if (!s)
		return;
	current_name(l, from);
	/* The name may be another file's by now: that one is set aside when ours is begun. */
	if (fstat(s->fd, &mine) < 0 || fstatat(l->dir_fd, from, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
		s->deleted = true;
	else if (s->bytes == 0)
		unlinkat(l->dir_fd, from, 0);
	else if (renameat(l->dir_fd, from, l->dir_fd,
			  alert_log_file_name(l->set.name, s->first_seq, to)) < 0)
		return; /* it stays the current one, and grows */
	l->dir_dirty = true;
	l->has_current = false;
	if (s->bytes == 0) { /* the next one may get its number */
		s->deleted = true;
		log_remove_segment(l, l->n - 1);
		return;
	}
	limit_deleted(l);
	s = &l->segments[l->n - 1];
	const struct alert_log_segment told = log_told(l, s);

	if (l->set.grew)
		l->set.grew(l->set.ctx, &told);
	if (s->fd >= 0 && !s->deleted && s->durable >= s->bytes) {
		close(s->fd);
		s->fd = -1;
	}
}

int log_check_current(struct alert_log *l)
{
	struct segment *s = log_current(l);
	char name[64];
	struct stat st, named;

	if (!s)
		return 0;
	if (fstat(s->fd, &st) < 0)
		return -errno;
	if (st.st_nlink > 0 && (uint64_t)st.st_size == s->bytes &&
	    fstatat(l->dir_fd, current_name(l, name), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    named.st_ino == st.st_ino)
		return 0;
	struct tail t;

	l->stats.tampered++;
	if ((uint64_t)st.st_size < s->bytes) {
		read_tail(s->fd, (uint64_t)st.st_size, &t, NULL);
		s->bytes = t.whole_bytes;
		s->durable = s->durable < s->bytes ? s->durable : s->bytes;
	}
	log_close_current(l);
	return -ESTALE;
}

static uint64_t all_bytes(const struct alert_log *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->segments[i].bytes;
	return n;
}

void log_enforce_cap(struct alert_log *l)
{
	uint64_t bytes = all_bytes(l);

	while (bytes > l->set.limits.max_bytes && l->n > (l->has_current ? 1U : 0U)) {
		bytes -= l->segments[0].bytes;
		log_remove_segment(l, 0);
	}
}
