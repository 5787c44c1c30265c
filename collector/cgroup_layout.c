// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/cgroup_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>

#include "collector/base/io.h"
#include "collector/base/parse.h"

#define MAX_MOUNTINFO	(32u << 20) /* hosts with thousands of containers have megabytes */
#define MAX_PROC_CGROUP (128u << 10)
#define MAX_CONTROLLERS 1024 /* bytes of cgroup.controllers */
#define MAX_PROBED	256  /* mounts that are opened; each is tried at most twice */

static const char *const names_v1[CONTROLLER_COUNT] = {
	[CONTROLLER_CPU] = "cpu",	[CONTROLLER_CPUACCT] = "cpuacct",
	[CONTROLLER_MEMORY] = "memory", [CONTROLLER_BLKIO] = "blkio",
	[CONTROLLER_PIDS] = "pids",	[CONTROLLER_HUGETLB] = "hugetlb",
	[CONTROLLER_CPUSET] = "cpuset",
};

static const enum cgroup_controller watch_order[] = {
	CONTROLLER_MEMORY, CONTROLLER_CPUACCT, CONTROLLER_CPU, CONTROLLER_PIDS, CONTROLLER_BLKIO,
};

/* One line of mountinfo that is a cgroup mount. */
struct mount {
	bool v2;
	char root[PATH_MAX];
	char point[PATH_MAX];
	struct span options; /* of the superblock: names the controllers on v1 */
};

/* A hierarchy found so far; the best of several mounts of it stays. */
struct found {
	int fd;
	unsigned rank;
	char path[PATH_MAX];
};

struct search {
	const char *prefix;
	unsigned probed;
	struct found v1[CONTROLLER_COUNT], v2, freezer;
};

const char *cgroup_controller_name(enum cgroup_controller c)
{
	return c < CONTROLLER_COUNT ? names_v1[c] : "";
}

static bool octal_byte(const char *p, char *out)
{
	uint32_t v;

	if (!parse_octal_u32((struct span){ p, 3 }, &v) || v == 0 || v > 255)
		return false;
	*out = (char)v;
	return true;
}

/* mountinfo writes blanks, newlines and backslashes as three octal digits. */
static bool unescape(struct span s, char out[PATH_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (n + 1 >= PATH_MAX || s.p[i] == '\0')
			return false;
		if (s.p[i] == '\\' && s.n - i >= 4 && octal_byte(s.p + i + 1, &out[n]))
			i += 3;
		else
			out[n] = s.p[i];
		n++;
	}
	out[n] = '\0';
	return n > 0 && out[0] == '/';
}

/* "36 31 0:34 ROOT POINT rw,... [optional ...] - TYPE SOURCE OPTIONS" */
static bool parse_mount(struct span line, struct mount *m)
{
	struct span word, root = { 0 }, point = { 0 };

	for (int i = 0; i < 6; i++) {
		if (!span_word(&line, &word))
			return false;
		if (i == 3)
			root = word;
		if (i == 4)
			point = word;
	}
	do {
		if (!span_word(&line, &word))
			return false;
	} while (!span_eq(word, "-"));
	if (!span_word(&line, &word))
		return false;
	m->v2 = span_eq(word, "cgroup2");
	if (!m->v2 && !span_eq(word, "cgroup"))
		return false;
	if (!span_word(&line, &word))
		return false;
	m->options = span_word(&line, &word) ? word : (struct span){ "", 0 };
	return unescape(root, m->root) && unescape(point, m->point);
}

static bool list_has(struct span list, char sep, const char *name)
{
	struct span piece;

	while (span_next(&list, sep, &piece))
		if (span_eq(piece, name))
			return true;
	return false;
}

/* From inside a cgroup namespace the mount of the host's tree has a root like "/../..": that is
 * wider than "/", which is only what the namespace shows. */
static unsigned wideness(const char *root)
{
	struct span rest = span_str(root), piece;
	bool up = false;

	while (span_next(&rest, '/', &piece)) {
		if (piece.n == 0)
			continue;
		if (!span_eq(piece, ".."))
			return 0;
		up = true;
	}
	return up ? 2 : 1;
}

static bool is_below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return n > 0 && strncmp(path, prefix, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_cgroupfs(int fd, bool v2)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	return (uint64_t)fs.f_type == (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

static void keep_better(struct found *f, int fd, const char *path, unsigned rank)
{
	if (f->fd >= 0 && f->rank >= rank)
		return;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = copy;
	f->rank = rank;
	snprintf(f->path, sizeof(f->path), "%s", path);
}

/* The order of preference: really a cgroup file system (an empty directory below the prefix is
 * not), below the prefix, more of the tree. */
static void offer(struct search *s, const struct mount *m, const char *path)
{
	AUTO_FD int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	s->probed++;
	if (fd < 0)
		return;
	unsigned rank = (is_cgroupfs(fd, m->v2) ? 8U : 0U) + (is_below(path, s->prefix) ? 4U : 0U) +
			wideness(m->root);

	if (m->v2)
		keep_better(&s->v2, fd, path, rank);
	for (size_t c = 0; !m->v2 && c < CONTROLLER_COUNT; c++)
		if (list_has(m->options, ',', names_v1[c]))
			keep_better(&s->v1[c], fd, path, rank);
	if (!m->v2 && list_has(m->options, ',', "freezer"))
		keep_better(&s->freezer, fd, path, rank);
}

static void offer_mount(struct search *s, const struct mount *m)
{
	char path[PATH_MAX];

	if (s->prefix[0] && !is_below(m->point, s->prefix) &&
	    io_join(path, sizeof(path), s->prefix, m->point))
		offer(s, m, path);
	offer(s, m, m->point);
}

static void find_mounts(struct search *s, struct span text)
{
	struct span line;
	struct mount m;

	while (s->probed < MAX_PROBED && span_next(&text, '\n', &line))
		if (parse_mount(line, &m))
			offer_mount(s, &m);
}

static void move_found(struct found *f, int *fd, char path[PATH_MAX])
{
	*fd = TAKE_FD(f->fd);
	memcpy(path, f->path, PATH_MAX);
}

static int set_v2(struct cgroup_layout *l, enum cgroup_controller c)
{
	l->fds[c] = fcntl(l->unified_fd, F_DUPFD_CLOEXEC, 0);
	if (l->fds[c] < 0)
		return -errno;
	memcpy(l->paths[c], l->unified_path, PATH_MAX);
	l->on_v2[c] = true;
	return 0;
}

/* Controllers that no v1 hierarchy has are on v2 when its root lists them. */
static int fill_v2(struct cgroup_layout *l, bool pure)
{
	char text[MAX_CONTROLLERS];
	ssize_t n = io_read_at(l->unified_fd, "cgroup.controllers", text, sizeof(text));
	struct span list = n < 0 ? (struct span){ "", 0 }
				 : span_trim((struct span){ text, (size_t)n });

	for (enum cgroup_controller c = 0; c < CONTROLLER_COUNT; c++) {
		bool there = list_has(list, ' ', c == CONTROLLER_BLKIO ? "io" : names_v1[c]);

		if (n < 0) /* unreadable: on a pure v2 host the files of each cgroup tell */
			there = pure;
		if (c == CONTROLLER_CPUACCT) /* cpu.stat counts even without the controller */
			there = pure || l->on_v2[CONTROLLER_CPU];
		if (!there || l->fds[c] >= 0)
			continue;
		int r = set_v2(l, c);

		if (r < 0)
			return r;
	}
	return 0;
}

static int set_watch(struct cgroup_layout *l, int fd, const char *path, const char *name)
{
	l->watch_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (l->watch_fd < 0)
		return -errno;
	snprintf(l->watch_path, sizeof(l->watch_path), "%s", path);
	snprintf(l->watch_name, sizeof(l->watch_name), "%s", name);
	return 0;
}

static int choose_watch(struct cgroup_layout *l)
{
	if (l->mode == CGROUP_V2)
		return set_watch(l, l->unified_fd, l->unified_path, "");
	for (size_t i = 0; i < sizeof(watch_order) / sizeof(watch_order[0]); i++) {
		enum cgroup_controller c = watch_order[i];

		if (l->fds[c] >= 0)
			return set_watch(l, l->fds[c], l->paths[c], l->on_v2[c] ? "" : names_v1[c]);
	}
	for (enum cgroup_controller c = 0; c < CONTROLLER_COUNT; c++)
		if (l->fds[c] >= 0)
			return set_watch(l, l->fds[c], l->paths[c], l->on_v2[c] ? "" : names_v1[c]);
	return -ENOENT;
}

static int fill(struct cgroup_layout *l, struct search *s, const char *mountinfo, struct err *e)
{
	bool any_v1 = false;
	int r = 0;

	for (size_t c = 0; c < CONTROLLER_COUNT; c++) {
		if (s->v1[c].fd < 0)
			continue;
		move_found(&s->v1[c], &l->fds[c], l->paths[c]);
		any_v1 = true;
	}
	l->freezer_fd = TAKE_FD(s->freezer.fd);
	if (s->v2.fd >= 0) {
		move_found(&s->v2, &l->unified_fd, l->unified_path);
		r = fill_v2(l, !any_v1);
	} else if (!any_v1) {
		return err_set(
			e, ENOENT,
			"no cgroup hierarchy: '%s' names no cgroup2 mount and no cgroup "
			"mount with cpu, cpuacct, memory, blkio, pids, hugetlb or cpuset that "
			"can be opened%s%s",
			mountinfo, s->prefix[0] ? " below " : "", s->prefix);
	}
	l->mode = !any_v1 ? CGROUP_V2 : l->unified_fd >= 0 ? CGROUP_HYBRID : CGROUP_V1;
	if (r == 0)
		r = choose_watch(l);
	return r < 0 ? err_set(e, -r, "cgroup mounts: %s", strerror(-r)) : 0;
}

static void reset(struct cgroup_layout *l)
{
	*l = (struct cgroup_layout){ .unified_fd = -1, .freezer_fd = -1, .watch_fd = -1 };
	for (size_t c = 0; c < CONTROLLER_COUNT; c++)
		l->fds[c] = -1;
}

static void close_found(struct search *s)
{
	for (size_t c = 0; c < CONTROLLER_COUNT; c++)
		if (s->v1[c].fd >= 0)
			close(s->v1[c].fd);
	if (s->v2.fd >= 0)
		close(s->v2.fd);
	if (s->freezer.fd >= 0)
		close(s->freezer.fd);
}

int cgroup_layout_read(struct cgroup_layout *out, const char *mountinfo, const char *prefix,
		       struct err *e)
{
	AUTO_BUF struct buf text = { .fd = -1 };
	char root[PATH_MAX];

	buf_init(&text, MAX_MOUNTINFO);
	int r = io_read_buf_at(AT_FDCWD, mountinfo, &text, e);

	if (r < 0)
		return r;
	if (snprintf(root, sizeof(root), "%s", prefix ? prefix : "") >= (int)sizeof(root))
		return err_set(e, ENAMETOOLONG, "the prefix of host paths is too long");
	for (size_t n = strlen(root); n > 0 && root[n - 1] == '/'; n--)
		root[n - 1] = '\0';

	AUTO_FREE struct search *s = calloc(1, sizeof(*s));
	AUTO_FREE struct cgroup_layout *l = malloc(sizeof(*l));

	if (!s || !l)
		return err_errno(e, "cgroup mounts");
	reset(l);
	s->prefix = root;
	s->v2.fd = s->freezer.fd = -1;
	for (size_t c = 0; c < CONTROLLER_COUNT; c++)
		s->v1[c].fd = -1;
	find_mounts(s, (struct span){ text.data ? text.data : "", text.len });
	r = fill(l, s, mountinfo, e);
	close_found(s);
	if (r < 0)
		cgroup_layout_release(l);
	else
		*out = *l;
	return r;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void cgroup_layout_release(struct cgroup_layout *l)
{
	for (size_t c = 0; c < CONTROLLER_COUNT; c++)
		close_fd(&l->fds[c]);
	close_fd(&l->unified_fd);
	close_fd(&l->freezer_fd);
	close_fd(&l->watch_fd);
}

/* "4:cpu,cpuacct:/path" or "0::/path"; the path may hold colons. */
static bool line_is_for(struct span line, const char *name, struct span *path)
{
	struct span number, list;

	if (!span_next(&line, ':', &number) || !span_next(&line, ':', &list) || !line.p)
		return false;
	*path = line;
	return name[0] ? list_has(list, ',', name) : span_eq(number, "0") && list.n == 0;
}

bool cgroup_path_cut(char *path, const char *name)
{
	size_t n = strlen(name);

	for (char *p = path; (p = strchr(p, '/')) != NULL;) {
		p++;
		if (strncmp(p, name, n) == 0 && (p[n] == '/' || p[n] == '\0')) {
			p[n] = '\0';
			return true;
		}
	}
	return false;
}

ssize_t cgroup_path_of(const struct cgroup_layout *l, const char *proc, pid_t pid,
		       enum cgroup_controller c, char *out, size_t cap)
{
	const bool v2 = c >= CONTROLLER_COUNT || l->on_v2[c];

	return cgroup_path_in(v2 ? "" : names_v1[c], proc, pid, out, cap);
}

ssize_t cgroup_path_in(const char *name, const char *proc, pid_t pid, char *out, size_t cap)
{
	AUTO_BUF struct buf text = { .fd = -1 };
	char file[PATH_MAX];

	if (snprintf(file, sizeof(file), "%s/%d/cgroup", proc, (int)pid) >= (int)sizeof(file))
		return -ENAMETOOLONG;
	buf_init(&text, MAX_PROC_CGROUP);
	int r = io_read_buf_at(AT_FDCWD, file, &text, NULL);

	if (r < 0)
		return r;
	struct span rest = { text.data ? text.data : "", text.len }, line, path;

	while (span_next(&rest, '\n', &line)) {
		if (!line_is_for(line, name, &path))
			continue;
		if (path.n == 0 || path.p[0] != '/')
			return -EINVAL;
		if (path.n >= 3 && memcmp(path.p, "/..", 3) == 0 &&
		    (path.n == 3 || path.p[3] == '/'))
			return -EXDEV; /* outside of our cgroup namespace: relative to nothing known
					*/
		if (path.n >= cap)
			return -ENAMETOOLONG;
		memcpy(out, path.p, path.n);
		out[path.n] = '\0';
		return (ssize_t)path.n;
	}
	return -ENOENT;
}
