// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/cgwatch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/parse.h"
#include "collector/cgwatch_tree.h"

#define WATCH_MASK  (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)
#define BATCH_BYTES 1024	    /* of one read; a single event takes up to 272 */
#define TURN_NS	    (5 * NS_PER_MS) /* then the loop's other sources have their turn */

struct cgwatch {
	struct loop *loop;
	struct loop_source *source, *timer;
	int root_fd; /* the caller's */
	int ino_fd;  /* -1 while instances are short */
	dev_t dev;   /* inode numbers are compared: only this file system is tracked */
	unsigned rescan_ms;
	cgwatch_fn fn;
	cgwatch_problem_fn problem;
	void *ctx;
	size_t limit;
	uint32_t scan;	 /* number of the current or last read of the tree */
	bool incomplete; /* something could not be read since the last rescan began */
	bool overfull;	 /* something was refused at the limit: read again when there is room */
	bool rescan_due;
	struct cgwatch_stats stats;
	struct cgtree tree;
	char root_path[PATH_MAX];
	char batch[BATCH_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
};

static void drop(struct cgwatch *w, struct cgnode *n);

static void arm(struct cgwatch *w)
{
	uint64_t period = w->rescan_ms * NS_PER_MS;

	loop_set_timer(w->timer, w->rescan_due ? 1 : w->stats.degraded ? period : 0, period);
}

void cgwatch_rescan(struct cgwatch *w)
{
	w->rescan_due = true;
	arm(w);
}

static void report(struct cgwatch *w, const struct cgnode *n, bool gone)
{
	char path[PATH_MAX];

	cgtree_path(n, path);
	w->fn(w->ctx, &(struct cgwatch_event){ .path = path, .inode = n->inode, .gone = gone });
}

/* --- shortages: what cannot be watched is polled ------------------------------------------- */

static void degrade(struct cgwatch *w, const char *what, const char *raise)
{
	char text[512], file[128], value[32] = "unknown";

	if (w->stats.degraded)
		return;
	w->stats.degraded = true;
	arm(w);
	if (!w->problem)
		return;
	int n = snprintf(text, sizeof(text), "%s: cgroups are read every %u ms instead", what,
			 w->rescan_ms);

	if (raise && n > 0 && (size_t)n < sizeof(text)) {
		struct span number = { value, 0 };

		snprintf(file, sizeof(file), "/proc/sys/%s", raise);
		for (char *p = file; *p; p++)
			*p = *p == '.' ? '/' : *p;
		if (io_read_at(AT_FDCWD, file, value, sizeof(value)) < 0)
			snprintf(value, sizeof(value), "unknown");
		number = span_trim(span_str(value));
		snprintf(text + n, sizeof(text) - (size_t)n, "; raise the sysctl %s, now %.*s",
			 raise, (int)number.n, number.p);
	}
	w->problem(w->ctx, text);
}

/* A failure that hides part of the tree. What may not be read is refused for good; the rest is
 * tried again. */
static void unreadable(struct cgwatch *w, int code)
{
	char what[128];

	if (code == EACCES || code == EPERM) {
		w->stats.cgroups_refused++;
		return;
	}
	w->incomplete = true;
	snprintf(what, sizeof(what), "cannot read a cgroup directory (%s)", strerror(code));
	degrade(w, what, code == ENFILE ? "fs.file-max" : NULL);
}

static bool is_absent(int code)
{
	return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENODEV ||
	       code == ESTALE;
}

static int open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_tracked(struct cgwatch *w, const struct cgnode *n)
{
	char path[PATH_MAX];
	struct stat st;

	cgtree_path(n, path);
	AUTO_FD int fd = open_dir(w->root_fd, n->parent ? path + 1 : ".");

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != w->dev || st.st_ino != n->inode)
		return -ENOENT;
	return TAKE_FD(fd);
}

/* --- watches --------------------------------------------------------------------------------- */

/* Without /proc the watch goes by path, which may lead to another directory by now. */
static int add_watch_by_path(struct cgwatch *w, const struct cgnode *n)
{
	char below[PATH_MAX], path[PATH_MAX];
	struct stat st;

	cgtree_path(n, below);
	if (!io_join(path, sizeof(path), w->root_path, below))
		return -ENAMETOOLONG;
	int wd = inotify_add_watch(w->ino_fd, path, WATCH_MASK | IN_DONT_FOLLOW);

	if (wd < 0)
		return -errno;
	if (stat(path, &st) == 0 && st.st_dev == w->dev && st.st_ino == n->inode)
		return wd;
	if (!cgtree_find_wd(&w->tree, wd))
		inotify_rm_watch(w->ino_fd, wd);
	return -ENOENT;
}

static int add_watch(struct cgwatch *w, const struct cgnode *n, int fd)
{
	char path[32];

	/* through the descriptor: the watch is on the very directory whose inode was read */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int wd = inotify_add_watch(w->ino_fd, path, WATCH_MASK);

	if (wd >= 0 || errno != ENOENT)
		return wd >= 0 ? wd : -errno;
	return add_watch_by_path(w, n);
}

static bool is_there(struct cgwatch *w, const struct cgnode *n)
{
	AUTO_FD int fd = open_tracked(w, n);

	return fd >= 0;
}

static void watch_failed(struct cgwatch *w, int code)
{
	char what[128];

	if (code == ENOSPC || code == ENOMEM)
		w->stats.watches_refused++;
	if (code == ENOSPC) {
		degrade(w, "inotify watches ran out", "fs.inotify.max_user_watches");
		return;
	}
	snprintf(what, sizeof(what), "cannot watch a cgroup directory (%s)", strerror(code));
	degrade(w, what, NULL);
}

/* Watches n, which `fd` has open. Also for one that has a watch: the kernel then returns the same
 * number, or a new one when it has dropped the old. */
static void attach(struct cgwatch *w, struct cgnode *n, int fd)
{
	if (w->ino_fd < 0)
		return;
	int wd = add_watch(w, n, fd);

	if (wd == n->wd && wd >= 0)
		return;
	if (wd == -ENOENT && !is_there(w, n))
		return; /* the event that takes it away is in the queue */
	struct cgnode *owner = wd < 0 ? NULL : cgtree_find_wd(&w->tree, wd);

	if (wd < 0 || (owner && cgtree_is_above(owner, n))) {
		watch_failed(w, wd < 0 ? -wd : ELOOP);
		return;
	}
	if (owner) { /* the same inode under its old name: it was renamed, the event is to come */
		cgtree_set_wd(&w->tree, owner, -1);
		drop(w, owner);
	}
	if (n->wd >= 0)
		inotify_rm_watch(w->ino_fd, n->wd);
	cgtree_set_wd(&w->tree, n, wd);
}

/* cgroupfs keeps the watch of a removed directory, and the directory with it, until told. */
static void detach(struct cgwatch *w, struct cgnode *n)
{
	if (n->wd < 0)
		return;
	inotify_rm_watch(w->ino_fd, n->wd); /* EINVAL: elsewhere it went with its directory */
	cgtree_set_wd(&w->tree, n, -1);
}

/* --- the tree -------------------------------------------------------------------------------- */

static void drop(struct cgwatch *w, struct cgnode *n)
{
	while (n->children)
		drop(w, n->children);
	detach(w, n);
	report(w, n, true);
	cgtree_remove(&w->tree, n);
	if (w->overfull && w->tree.nodes <= w->limit - w->limit / 8) {
		w->overfull = false;
		cgwatch_rescan(w);
	}
}

static struct cgnode *admit(struct cgwatch *w, struct cgnode *parent, const char *name,
			    uint64_t inode, int fd)
{
	bool full = w->tree.nodes >= w->limit;

	if (full ||
	    (parent && (parent->depth >= CGWATCH_MAX_DEPTH || !cgtree_fits(parent, name)))) {
		w->stats.cgroups_refused++;
		w->overfull |= full;
		return NULL;
	}
	struct cgnode *n = cgtree_add(&w->tree, parent, name, inode);

	if (!n) {
		unreadable(w, ENOMEM);
		return NULL;
	}
	attach(w, n, fd); /* before the report: a renamed directory goes before it comes again */
	report(w, n, false);
	return n;
}

static void list(struct cgwatch *w, struct cgnode *n, int fd);

/* Makes what is tracked of `name` below `parent` (open as at_fd) match what is there now. `deep`:
 * also below a directory that has not changed. */
static void visit(struct cgwatch *w, struct cgnode *parent, int at_fd, const char *name, bool deep)
{
	AUTO_FD int fd = open_dir(at_fd, name);
	int code = fd < 0 ? errno : 0;
	struct cgnode *n = cgtree_find(&w->tree, parent, name);
	struct stat st = { 0 };

	if (code != 0 && !is_absent(code)) {
		unreadable(w, code);
		if (n)
			n->seen = w->scan;
		return;
	}
	bool there = fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == w->dev;

	if (n && (!there || st.st_ino != n->inode)) {
		drop(w, n);
		n = NULL;
	}
	if (!there || (n && !deep))
		return;
	if (n)
		attach(w, n, fd);
	else
		n = admit(w, parent, name, st.st_ino, fd);
	if (!n)
		return;
	n->seen = w->scan;
	list(w, n, TAKE_FD(fd));
}

static void drop_unseen(struct cgwatch *w, struct cgnode *n, bool all)
{
	for (struct cgnode *c = n->children, *next; c; c = next) {
		next = c->next;
		if (all || c->seen != w->scan)
			drop(w, c);
	}
}

/* Reads n, which is watched if it can be: what is made after this read gives an event. Takes fd. */
static void list(struct cgwatch *w, struct cgnode *n, int fd)
{
	struct stat st;

	/* cgroupfs counts subdirectories in the links: a leaf's 50 files need not be read */
	if (fstat(fd, &st) == 0 && st.st_nlink == 2) {
		close(fd);
		drop_unseen(w, n, true);
		return;
	}
	AUTO_DIR DIR *d = fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		unreadable(w, errno);
		close(fd);
		return;
	}
	while (errno = 0, (entry = readdir(d))) {
		if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
		    strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		visit(w, n, dirfd(d), entry->d_name, true);
	}
	if (errno != 0 && !is_absent(errno))
		unreadable(w, errno);
	else
		drop_unseen(w, n, false);
}

/* --- events ---------------------------------------------------------------------------------- */

/* An event only says where something has changed; what is tracked is then made to match what is
 * there now. So late, doubled and reordered events do no harm. */
static void settle(struct cgwatch *w, struct cgnode *parent, const char *event_name)
{
	char name[NAME_MAX + 1];
	int fd;

	snprintf(name, sizeof(name), "%s", event_name);
	while (fd = open_tracked(w, parent), fd < 0) {
		if (!is_absent(-fd)) {
			unreadable(w, -fd);
			return;
		}
		if (!parent->parent) {
			cgwatch_rescan(w);
			return;
		}
		snprintf(name, sizeof(name), "%s", parent->name);
		parent = parent->parent;
	}
	visit(w, parent, fd, name, false);
	close(fd);
}

/* The kernel dropped the watch: the directory is gone, even if one with its name and, on other
 * file systems, its inode number is there again. */
static void watch_lost(struct cgwatch *w, struct cgnode *n)
{
	struct cgnode *parent = n->parent;
	char name[NAME_MAX + 1];

	cgtree_set_wd(&w->tree, n, -1);
	if (!parent) {
		cgwatch_rescan(w);
		return;
	}
	snprintf(name, sizeof(name), "%s", n->name);
	drop(w, n);
	settle(w, parent, name);
}

static void handle(struct cgwatch *w, const struct inotify_event *ev)
{
	w->stats.events++;
	if (ev->mask & IN_Q_OVERFLOW) {
		w->stats.overflows++;
		cgwatch_rescan(w);
		return;
	}
	struct cgnode *n = cgtree_find_wd(&w->tree, ev->wd);

	if (!n) /* left in the queue by a watch that was removed */
		return;
	if (ev->mask & IN_IGNORED)
		watch_lost(w, n);
	else if ((ev->mask & IN_ISDIR) && ev->len > 0)
		settle(w, n, ev->name);
}

/* Small reads, since what is left in the kernel's queue wakes the loop again. */
static void on_events(void *ctx, uint32_t events)
{
	struct cgwatch *w = ctx;
	uint64_t end = mono_ns() + TURN_NS;

	(void)events;
	do {
		ssize_t got = read(w->ino_fd, w->batch, sizeof(w->batch));

		if (got <= 0)
			return;
		for (size_t at = 0; at < (size_t)got;) {
			const struct inotify_event *ev = (const void *)(w->batch + at);

			handle(w, ev);
			at += sizeof(*ev) + ev->len;
		}
	} while (mono_ns() < end);
}

/* --- start, rescan, end ---------------------------------------------------------------------- */

static void start_inotify(struct cgwatch *w)
{
	AUTO_FD int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int code = fd < 0 ? errno : 0;

	if (code == EMFILE) { /* of the user's instances, or of our descriptors? */
		AUTO_FD int probe = fcntl(w->root_fd, F_DUPFD_CLOEXEC, 0);

		if (probe >= 0)
			degrade(w, "inotify instances ran out", "fs.inotify.max_user_instances");
		else
			degrade(w, "cannot start inotify: descriptors ran out (RLIMIT_NOFILE)",
				NULL);
		return;
	}
	if (code == 0)
		code = -loop_add_fd(w->loop, fd, EPOLLIN, on_events, w, &w->source, NULL);
	if (code != 0) {
		char what[128];

		snprintf(what, sizeof(what), "cannot start inotify (%s)", strerror(code));
		degrade(w, what, NULL);
		return;
	}
	w->ino_fd = TAKE_FD(fd);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct cgwatch *w = ctx;
	int fd = open_dir(w->root_fd, ".");

	(void)events;
	w->stats.rescans++;
	w->scan++;
	w->rescan_due = w->overfull = w->incomplete = false;
	if (w->ino_fd < 0)
		start_inotify(w);
	if (fd < 0) {
		unreadable(w, errno);
	} else {
		attach(w, w->tree.root, fd);
		list(w, w->tree.root, fd);
	}
	if (w->ino_fd >= 0 && w->tree.watches == w->tree.nodes && !w->incomplete)
		w->stats.degraded = false;
	arm(w);
}

static int start(struct cgwatch *w, struct err *e)
{
	AUTO_FD int fd = open_dir(w->root_fd, ".");
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "cannot read cgroup root '%s'", w->root_path);
	int r = loop_add_timer(w->loop, 0, 0, on_timer, w, &w->timer, e);

	if (r < 0)
		return r;
	w->dev = st.st_dev;
	start_inotify(w);
	if (!admit(w, NULL, "", st.st_ino, fd))
		return err_set(e, ENOMEM, "cgroup watcher: no memory");
	list(w, w->tree.root, TAKE_FD(fd));
	return 0;
}

int cgwatch_new(struct cgwatch **out, struct loop *loop, int root_fd, const char *root_path,
		unsigned rescan_ms, cgwatch_fn fn, cgwatch_problem_fn problem, void *ctx,
		struct err *e)
{
	AUTO(cgwatch_free) struct cgwatch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_errno(e, "cgroup watcher");
	cgtree_init(&w->tree);
	w->loop = loop;
	w->root_fd = root_fd;
	w->ino_fd = -1;
	w->rescan_ms = rescan_ms ? rescan_ms : 1;
	w->fn = fn;
	w->problem = problem;
	w->ctx = ctx;
	w->limit = CGWATCH_MAX_CGROUPS;
	if (snprintf(w->root_path, sizeof(w->root_path), "%s", root_path) >= PATH_MAX)
		return err_set(e, ENAMETOOLONG, "path of the cgroup root is too long");
	int r = start(w, e);

	if (r < 0)
		return r;
	*out = TAKE(w);
	return 0;
}

void cgwatch_free(struct cgwatch *w)
{
	if (!w)
		return;
	loop_remove(w->source);
	loop_remove(w->timer);
	if (w->ino_fd >= 0)
		close(w->ino_fd); /* its watches go with it */
	cgtree_release(&w->tree);
	free(w);
}

void cgwatch_limit(struct cgwatch *w, size_t max_cgroups)
{
	w->limit = max_cgroups < CGWATCH_MAX_CGROUPS ? max_cgroups : CGWATCH_MAX_CGROUPS;
}

void cgwatch_each(const struct cgwatch *w, cgwatch_fn fn, void *ctx)
{
	const struct cgnode *n = w->tree.root;
	char path[PATH_MAX];

	while (n) {
		cgtree_path(n, path);
		fn(ctx, &(struct cgwatch_event){ .path = path, .inode = n->inode });
		if (n->children) {
			n = n->children;
			continue;
		}
		while (n && !n->next)
			n = n->parent;
		n = n ? n->next : NULL;
	}
}

struct cgwatch_stats cgwatch_stats(const struct cgwatch *w)
{
	struct cgwatch_stats s = w->stats;

	s.cgroups = w->tree.nodes;
	s.watches = w->tree.watches;
	return s;
}
