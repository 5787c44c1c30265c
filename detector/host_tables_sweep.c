// SPDX-License-Identifier: GPL-2.0-or-later
/* All processes and their descriptors, summed up by container and user. */
#include "detector/host_tables_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/parse.h"
#include "collector/cgroup_layout.h"

#define MAX_DESCRIPTORS 65536	    /* of one process; what is beyond is counted, not looked at */
#define MAX_FDINFO	(16u << 20) /* bytes of one instance: some 120,000 watches */
#define MAX_INSTANCES	8192
#define REAL_TIME	(~0ULL << 31) /* signals 32 to 64 */
#define KCMP_OF_FILES	0

/* An instance that was counted: to know it again in another process that inherited it. */
struct instance {
	uint64_t hash; /* of user, number and watches */
	uint32_t pid;
	int fd;
};

struct pass {
	const struct table_input *in;
	struct sweep *s;
	struct instance *seen; /* MAX_INSTANCES */
	size_t seen_n;
	bool no_kcmp;
};

struct process_status {
	uint32_t uid, euid;
	uint64_t pending;
	bool kernel;
};

int32_t tables_subject_of(const struct table_input *in, uint32_t pid)
{
	char path[PATH_MAX];

	if (in->subjects_n == 0 ||
	    cgroup_path_in(in->hierarchy, in->proc, (pid_t)pid, path, sizeof(path)) <= 0)
		return -1;
	for (;;) {
		size_t low = 0, high = in->subjects_n;

		while (low < high) {
			const size_t mid = (low + high) / 2;
			const int order = strcmp(in->subjects[mid].path, path);

			if (order == 0)
				return (int32_t)mid;
			if (order < 0)
				low = mid + 1;
			else
				high = mid;
		}
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			return -1;
		*slash = '\0';
	}
}

static struct swept *row_of(struct sweep *s, uint32_t uid, int32_t subject)
{
	/* the one of the process before is often it */
	for (size_t i = s->n; i > 0; i--)
		if (s->rows[i - 1].uid == uid && s->rows[i - 1].subject == subject)
			return &s->rows[i - 1];
	if (s->n == TABLES_MAX_SWEPT) {
		s->refused++;
		return NULL;
	}
	s->rows[s->n] = (struct swept){ .uid = uid, .subject = subject };
	return &s->rows[s->n++];
}

static void take_status(struct process_status *out, struct span key, struct span value)
{
	struct span w;
	uint64_t mask;

	if (span_eq(key, "Uid")) {
		if (span_word(&value, &w))
			parse_u32(w, &out->uid);
		if (span_word(&value, &w))
			parse_u32(w, &out->euid);
	} else if (span_eq(key, "SigPnd") || span_eq(key, "ShdPnd")) {
		if (parse_hex_u64(span_trim(value), &mask))
			out->pending |= mask;
	} else if (span_eq(key, "VmSize")) {
		out->kernel = false;
	}
}

static bool read_status(const struct table_input *in, uint32_t pid, struct process_status *out)
{
	char path[PATH_MAX], mem[16384];

	if (snprintf(path, sizeof(path), "%s/%u/status", in->proc, pid) >= (int)sizeof(path))
		return false;
	const ssize_t n = io_read_at(AT_FDCWD, path, mem, sizeof(mem));
	struct span rest = { mem, n > 0 ? (size_t)n : 0 }, line, key;

	if (n <= 0)
		return false;
	*out = (struct process_status){ .kernel = true }; /* it has no memory of its own */
	while (span_next(&rest, '\n', &line))
		if (span_next(&line, ':', &key) && line.p)
			take_status(out, key, line);
	return true;
}

/* Lines of timers that send a signal: each keeps a place among the pending ones. */
static uint64_t count_timers(const struct table_input *in, uint32_t pid)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[PATH_MAX];
	struct span rest, line;
	uint64_t n = 0;

	buf_init(&b, 4u << 20);
	if (snprintf(path, sizeof(path), "%s/%u/timers", in->proc, pid) >= (int)sizeof(path) ||
	    io_read_buf_at(AT_FDCWD, path, &b, NULL) < 0)
		return 0;
	rest = (struct span){ b.data ? b.data : "", b.len };
	while (span_next(&rest, '\n', &line))
		n += span_starts(line, "ID:");
	return n;
}

/* --- inotify --------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

/* Lines "inotify wd:..."; *hash takes them in. */
static uint64_t count_watches(int dir_fd, const char *number, uint64_t *hash)
{
	char path[64], mem[16384];
	uint64_t lines = 0;
	size_t column = 0, total = 0;
	bool fits = true;
	ssize_t n;

	snprintf(path, sizeof(path), "fdinfo/%.20s", number);
	AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && total < MAX_FDINFO && (n = read(fd, mem, sizeof(mem))) > 0) {
		total += (size_t)n;
		for (ssize_t i = 0; i < n; i++) {
			if (mem[i] == '\n') {
				lines += fits && column >= 4;
				column = 0;
				fits = true;
				continue;
			}
			if (column < 4 && mem[i] != "inot"[column])
				fits = false;
			column++;
			if (fits)
				*hash = mix(*hash, (unsigned char)mem[i]);
		}
	}
	return lines;
}

/* Whether it is one that another process was counted for: inherited, or sent. */
static bool is_known(struct pass *p, const struct instance *it)
{
	for (size_t i = 0; i < p->seen_n; i++) {
		const struct instance *o = &p->seen[i];

		if (o->hash != it->hash || o->pid == it->pid)
			continue;
		if (p->no_kcmp)
			return true;
		const long r = syscall(SYS_kcmp, o->pid, it->pid, KCMP_OF_FILES, o->fd, it->fd);

		if (r == 0)
			return true;
		if (r < 0) { /* not allowed here, or one has gone: alike is the same */
			p->no_kcmp = errno == EPERM || errno == ENOSYS;
			return true;
		}
	}
	return false;
}

static void take_inotify(struct pass *p, int dir_fd, const char *number, uint32_t pid,
			 const struct process_status *st, struct swept *row)
{
	struct instance it = { .hash = mix(7, st->euid), .pid = pid };
	uint64_t fd, watches;

	if (!parse_u64(span_str(number), &fd))
		return;
	it.fd = (int)fd;
	it.hash = mix(it.hash, fd);
	watches = count_watches(dir_fd, number, &it.hash);
	if (is_known(p, &it))
		return;
	row->instances++;
	row->watches += watches;
	if (p->seen_n < MAX_INSTANCES)
		p->seen[p->seen_n++] = it;
	else
		p->s->refused++;
}

/* --- processes ------------------------------------------------------------------------------- */

static void take_descriptor(struct pass *p, int dir_fd, int fds, const char *number, uint32_t pid,
			    const struct process_status *st, struct swept *row)
{
	char link[64];
	const ssize_t n = readlinkat(fds, number, link, sizeof(link));
	const struct span to = { link, n > 0 ? (size_t)n : 0 };

	if (span_eq(to, "anon_inode:inotify") || span_eq(to, "inotify"))
		take_inotify(p, dir_fd, number, pid, st, row);
	else if (span_eq(to, "/dev/ptmx") || span_eq(to, "/dev/pts/ptmx") || span_eq(to, "/ptmx"))
		row->terminals++;
}

static void take_descriptors(struct pass *p, uint32_t pid, const struct process_status *st,
			     struct swept *row)
{
	char path[PATH_MAX];
	unsigned looked = 0;

	if (snprintf(path, sizeof(path), "%s/%u", p->in->proc, pid) >= (int)sizeof(path))
		return;
	AUTO_FD int dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fds = openat(dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = fds >= 0 ? fdopendir(fds) : NULL;
	struct dirent *d;

	if (!dir)
		return;
	const int list = TAKE_FD(fds); /* the directory's now */

	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		row->descriptors++;
		if (looked++ < MAX_DESCRIPTORS)
			take_descriptor(p, dir_fd, list, d->d_name, pid, st, row);
		if (looked % 1024 == 0 && tables_closing(p->in))
			return;
	}
}

static void take_process(struct pass *p, uint32_t pid)
{
	struct process_status st;
	struct swept *row;

	if (!read_status(p->in, pid, &st) || st.kernel)
		return;
	const int32_t subject = tables_subject_of(p->in, pid);

	row = row_of(p->s, st.uid, subject); /* signals count for the real user */
	if (!row)
		return;
	row->processes++;
	row->signals += (uint64_t)__builtin_popcountll(st.pending & ~REAL_TIME);
	row->real_time += (st.pending & REAL_TIME) != 0;
	if (p->s->timers)
		row->signals += count_timers(p->in, pid);
	/* instances for the effective one */
	row = st.euid == st.uid ? row : row_of(p->s, st.euid, subject);
	if (row)
		take_descriptors(p, pid, &st, row);
}

void tables_sweep(struct sweep *s, const struct table_input *in)
{
	AUTO_FREE struct instance *seen = calloc(MAX_INSTANCES, sizeof(*seen));
	AUTO_DIR DIR *dir = opendir(in->proc);
	struct pass p = { .in = in, .s = s, .seen = seen };
	struct dirent *d;
	uint32_t pid;

	s->n = 0;
	s->refused = 0;
	s->whole = false;
	s->timers = (in->want & TABLE_BIT(TABLE_SIGNALS)) != 0;
	if (!seen || !dir)
		return;
	while ((d = readdir(dir))) {
		if (tables_closing(in))
			return;
		if (parse_u32(span_str(d->d_name), &pid))
			take_process(&p, pid);
	}
	s->whole = true;
}
