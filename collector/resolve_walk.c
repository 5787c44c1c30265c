// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/procstat.h"
#include "collector/resolve_internal.h"

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif
#define MAX_STEPS	 128	    /* one by one; a longer path is not worth it */
#define MOUNTS_MAX_BYTES (1U << 20) /* a longer list of mounts counts as slow */
#define MOUNT_LISTS	 8	    /* read in a second */

static bool path_of_pid(const char *proc, uint32_t pid, const char *file, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/%u/%s", proc, pid, file);

	return n > 0 && n < PATH_MAX;
}

static bool pid_path(const struct resolver *r, uint32_t pid, const char *file, char out[PATH_MAX])
{
	return path_of_pid(r->proc, pid, file, out);
}

static int read_link(const char *path, struct resolve_text *out)
{
	ssize_t n = readlink(path, out->p, sizeof(out->p));

	if (n < 0)
		return -errno;
	out->n = (size_t)n;
	return n > 0 && out->p[0] == '/' ? 0 : -ENOENT;
}

/* The path of what the descriptor is, up to the root of its mount namespace (or ours). */
static int name_of(int fd, struct resolve_text *out)
{
	static const char deleted[] = " (deleted)";
	char link[64];
	struct statx st;
	int r;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	r = read_link(link, out);
	if (r < 0 || !span_ends(resolve_span(out), deleted))
		return r;
	/* or is it called so? Only what is in memory is asked for. */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_NLINK, &st) == 0 &&
	    st.stx_nlink == 0)
		out->n -= sizeof(deleted) - 1;
	return 0;
}

/* /proc tells the start in clock ticks. */
static bool is_alive(const struct resolver *r, struct process_key who)
{
	uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t start = procstat_start_boot_ns(r->proc, (pid_t)who.pid);

	return start != 0 && start / tick_ns == who.start_boot_ns / tick_ns;
}

int resolve_open_roots(struct resolver *r, const struct resolve_question *q,
		       struct resolve_roots *roots)
{
	char path[PATH_MAX];
	AUTO_FD int fd = -1;

	if (!pid_path(r, q->who.pid, "root", path))
		return -ESRCH;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* asked after the open: so that root is of this process, not of a later one with its pid */
	if (fd < 0 || !is_alive(r, q->who) || name_of(fd, &roots->own) < 0)
		return -ESRCH;
	if (!q->root_pid || q->root_pid == q->who.pid || !pid_path(r, q->root_pid, "root", path) ||
	    read_link(path, &roots->whole) < 0)
		resolve_text_set(&roots->whole, resolve_span(&roots->own));
	roots->fd = TAKE_FD(fd);
	return 0;
}

/* From the name up to the namespace's root to the one that the container sees. */
static int strip(const struct resolve_roots *roots, struct resolve_text *t)
{
	struct span rest;

	if (!resolve_below(resolve_span(t), resolve_span(&roots->whole), &rest) &&
	    !resolve_below(resolve_span(t), resolve_span(&roots->own), &rest))
		return -EXDEV;
	resolve_text_set(t, rest.n ? rest : SPAN_LIT("/"));
	return 0;
}

int resolve_cwd(struct resolver *r, const struct resolve_question *q,
		const struct resolve_roots *roots, struct resolve_text *out)
{
	static const char deleted[] = " (deleted)";
	char path[PATH_MAX];
	int ret;

	if (!pid_path(r, q->who.pid, "cwd", path))
		return -ESRCH;
	ret = read_link(path, out);
	if (ret < 0)
		return ret;
	if (span_ends(resolve_span(out), deleted)) /* nothing can be walked from there */
		return -ENOENT;
	return strip(roots, out);
}

/* --- may a walk wait? --------------------------------------------------------------------------
 */

/* A list of the good: of a file system that is not known the worst is believed. */
static bool is_quick_type(struct span type)
{
	static const char *const types[] = {
		"overlay",   "ext4",	   "xfs",	  "btrfs",    "tmpfs",	   "proc",
		"sysfs",     "cgroup",	   "cgroup2",	  "devtmpfs", "devpts",	   "mqueue",
		"zfs",	     "ext3",	   "ext2",	  "f2fs",     "ramfs",	   "rootfs",
		"hugetlbfs", "securityfs", "tracefs",	  "debugfs",  "bpf",	   "fusectl",
		"configfs",  "pstore",	   "efivarfs",	  "squashfs", "erofs",	   "iso9660",
		"vfat",	     "exfat",	   "binfmt_misc", "nsfs",     "selinuxfs", "bcachefs",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (span_eq(type, types[i]))
			return true;
	}
	return false;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": the fifth is where. */
static bool is_quick_mount(struct span line)
{
	struct span word, where = { NULL, 0 };

	for (int i = 0; i < 5; i++) {
		if (!span_word(&line, &where))
			return false;
	}
	while (span_word(&line, &word)) {
		if (!span_eq(word, "-"))
			continue;
		if (!span_word(&line, &word))
			return false;
		/* systemd's, on every host: mounts something that is quick itself */
		return is_quick_type(word) ||
		       (span_eq(word, "autofs") && span_eq(where, "/proc/sys/fs/binfmt_misc"));
	}
	return false;
}

bool resolve_mounts_are_quick(const char *proc, uint32_t pid)
{
	AUTO_BUF struct buf b;
	char path[PATH_MAX];
	struct span rest, line;

	buf_init(&b, MOUNTS_MAX_BYTES);
	if (!path_of_pid(proc, pid, "mountinfo", path) ||
	    io_read_buf_at(AT_FDCWD, path, &b, NULL) < 0)
		return false;
	rest = (struct span){ b.data, b.len };
	if (b.failed || b.len == 0)
		return false;
	while (span_next(&rest, '\n', &line)) {
		if (line.n && !is_quick_mount(line))
			return false;
	}
	return true;
}

static bool may_walk_slowly(struct resolver *r, const struct resolve_question *q)
{
	uint64_t ns = procstat_namespace(r->proc, (pid_t)q->who.pid, "mnt");
	struct resolve_mounts *m;

	for (uint32_t i = 0; i < RESOLVE_NAMESPACES; i++) {
		m = &r->mounts[i];
		if (ns && m->ns == ns && q->now_boot_ns - m->at_boot_ns < RESOLVE_KEEP_NS)
			return m->quick;
	}
	/* A list of thousands of mounts takes milliseconds, and a container may make namespaces. */
	if (q->now_boot_ns / NS_PER_S != r->mounts_second)
		r->mounts_read = 0;
	r->mounts_second = q->now_boot_ns / NS_PER_S;
	if (r->mounts_read++ >= MOUNT_LISTS)
		return false;
	m = &r->mounts[r->mounts_next++ % RESOLVE_NAMESPACES];
	*m = (struct resolve_mounts){ ns, q->now_boot_ns,
				      resolve_mounts_are_quick(r->proc, q->who.pid) };
	return m->quick;
}

/* --- the walk ----------------------------------------------------------------------------------
 */

static int open_below(int root, const char *path, int flags, uint64_t extra)
{
	struct open_how how = {
		.flags = (uint64_t)((unsigned)(O_PATH | O_CLOEXEC | flags)),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* `path` as the process would find it: without a wait, or where none is to be feared. */
static int open_path(struct resolver *r, const struct resolve_question *q, int root,
		     struct span path, int flags)
{
	char name[PATH_MAX];
	int fd;

	if (path.n >= sizeof(name))
		return -ENAMETOOLONG;
	if (path.n)
		memcpy(name, path.p, path.n);
	name[path.n] = '\0';
	fd = open_below(root, path.n ? name : ".", flags, RESOLVE_CACHED);
	if (fd == -EAGAIN && may_walk_slowly(r, q)) {
		r->stats.slow++;
		fd = open_below(root, path.n ? name : ".", flags, 0);
	}
	return fd;
}

/* A symbolic link to /proc/self was followed: it led to us, not to where the process would go. */
static bool led_to_us(struct span name, struct span path)
{
	char own[32];
	int n = snprintf(own, sizeof(own), "/proc/%d", (int)getpid());
	struct span rest;

	return resolve_below(name, (struct span){ own, (size_t)n }, &rest) &&
	       !memmem(path.p, path.n, own + 1, (size_t)n - 1);
}

int resolve_walk(struct resolver *r, const struct resolve_question *q,
		 const struct resolve_roots *roots, struct span path, bool directory,
		 struct resolve_text *out)
{
	AUTO_FD int fd = open_path(r, q, roots->fd, path, directory ? O_DIRECTORY : 0);
	int ret;

	if (fd < 0)
		return fd;
	ret = name_of(fd, out);
	if (ret == 0)
		ret = strip(roots, out);
	if (ret == 0 && led_to_us(resolve_span(out), path))
		return -ELOOP;
	return ret;
}

/* Puts the target of the symbolic link at [0, at) of the path in its place. 1, 0: it is none. */
static int replace_link(struct resolver *r, const struct resolve_question *q,
			const struct resolve_roots *roots, struct resolve_text *path, size_t at)
{
	AUTO_FD int fd = open_path(r, q, roots->fd, (struct span){ path->p, at }, O_NOFOLLOW);
	char target[PATH_MAX];
	struct resolve_text t = { .n = 0 };
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target));
	size_t dir = at;

	if (fd < 0)
		return fd;
	if (n <= 0)
		return 0;
	if (target[0] != '/') {
		while (dir && path->p[dir - 1] != '/')
			dir--;
		resolve_text_set(&t, (struct span){ path->p, dir });
	}
	resolve_text_add(&t, (struct span){ target, (size_t)n });
	resolve_text_add(&t, (struct span){ path->p + at, path->n - at });
	resolve_text_set(path, resolve_span(&t));
	return 1;
}

/* The next component after *at, its end in *at. false: there is none. */
static bool next_component(const struct resolve_text *path, size_t *start, size_t *at)
{
	*start = *at;
	while (*start < path->n && path->p[*start] == '/')
		(*start)++;
	*at = *start;
	while (*at < path->n && path->p[*at] != '/')
		(*at)++;
	return *at > *start;
}

/* Takes "." out, and ".." with what it leaves: all before it is known to be no link. Gives where to
 * go on, or `at` when it was another name. */
static size_t fold_dots(struct resolve_text *path, size_t start, size_t at)
{
	struct span name = { path->p + start, at - start };
	size_t from = start;

	if (span_eq(name, "..")) {
		while (from && path->p[from - 1] == '/')
			from--;
		while (from && path->p[from - 1] != '/')
			from--;
	} else if (!span_eq(name, ".")) {
		return at;
	}
	memmove(path->p + from, path->p + at, path->n - at);
	path->n -= at - from;
	return from;
}

bool resolve_links(struct resolver *r, const struct resolve_question *q,
		   const struct resolve_roots *roots, struct span cwd, struct resolve_text *path)
{
	size_t start, at = 0, end;
	bool changed = false;
	struct span rest;
	int ret;

	for (int steps = 0; steps < MAX_STEPS && next_component(path, &start, &at); steps++) {
		end = at;
		at = fold_dots(path, start, end);
		ret = at != end;
		/* within /proc the links are the kernel's, and say what they are to us */
		if (!ret && resolve_below((struct span){ path->p, at }, SPAN_LIT("/proc"), &rest))
			return changed;
		if (!ret) {
			ret = replace_link(r, q, roots, path, at);
			if (ret < 0)
				return false;
			changed |= ret > 0;
			at = ret > 0 ? 0 : at;
		}
		if (ret && resolve_self(path, q->ns_pid, cwd)) {
			changed = true;
			at = 0;
		}
	}
	return changed;
}
