// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/flight_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collector/base/clock.h"
#include "collector/json_put.h"

#define JSON_MAX (6u << 20) /* bytes told; names may grow sixfold by their escapes */

struct file {
	char *path; /* from the container's root; owned */
	uint64_t ctime_ns, mtime_ns, size;
	uint32_t mode, uid, gid;
	bool deleted;
};

struct walk {
	struct file *files; /* a heap, the oldest on top */
	size_t n, path_bytes;
	uint64_t looked_at, left_out, too_deep, unreadable;
	dev_t device;
	bool unfinished;
	bool (*closing)(const void *ctx);
	const void *ctx;
	char path[PATH_MAX]; /* of the directory that is walked */
};

/* --- the newest --------------------------------------------------------------------------------
 */

static void swap(struct file *a, struct file *b)
{
	struct file c = *a;

	*a = *b;
	*b = c;
}

static void sink_down(struct walk *w)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < w->n) {
		if (child + 1 < w->n && w->files[child + 1].ctime_ns < w->files[child].ctime_ns)
			child++;
		if (w->files[at].ctime_ns <= w->files[child].ctime_ns)
			return;
		swap(&w->files[at], &w->files[child]);
		at = child;
	}
}

static void drop_oldest(struct walk *w)
{
	w->path_bytes -= strlen(w->files[0].path);
	free(w->files[0].path);
	w->files[0] = w->files[--w->n];
	sink_down(w);
	w->left_out++;
}

static void keep(struct walk *w, const struct file *f)
{
	const size_t bytes = strlen(f->path);
	size_t at;

	while (w->n > 0 && (w->n == FLIGHT_MAX_FILES || w->path_bytes + bytes > FLIGHT_MAX_PATHS) &&
	       w->files[0].ctime_ns < f->ctime_ns)
		drop_oldest(w);
	char *path = w->n < FLIGHT_MAX_FILES && w->path_bytes + bytes <= FLIGHT_MAX_PATHS
			     ? strdup(f->path)
			     : NULL;

	if (!path) {
		w->left_out++;
		return;
	}
	at = w->n++;
	w->path_bytes += bytes;
	w->files[at] = *f;
	w->files[at].path = path;
	for (; at > 0 && w->files[(at - 1) / 2].ctime_ns > w->files[at].ctime_ns; at = (at - 1) / 2)
		swap(&w->files[at], &w->files[(at - 1) / 2]);
}

/* --- the walk ----------------------------------------------------------------------------------
 */

static uint64_t ns_of(struct timespec t)
{
	return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void walk_directory(struct walk *w, int fd, unsigned depth);

static void enter(struct walk *w, int parent, const char *name, unsigned depth)
{
	int fd;

	if (depth == FLIGHT_MAX_DEPTH) {
		w->too_deep++;
		return;
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		w->unreadable++;
	else
		walk_directory(w, fd, depth);
}

static void visit(struct walk *w, int parent, const char *name, unsigned depth)
{
	struct stat st;
	const size_t n = strlen(w->path), more = strlen(name) + 1;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		w->unreadable += errno != ENOENT;
		return;
	}
	if (st.st_dev != w->device)
		return;
	if (n + more >= sizeof(w->path)) {
		w->too_deep++;
		return;
	}
	w->path[n] = '/';
	memcpy(w->path + n + 1, name, more);
	const struct file f = { .path = w->path,
				.ctime_ns = ns_of(st.st_ctim),
				.mtime_ns = ns_of(st.st_mtim),
				.size = (uint64_t)st.st_size,
				.mode = st.st_mode,
				.uid = st.st_uid,
				.gid = st.st_gid,
				/* the overlay's mark of what is not there any more */
				.deleted = S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0) };

	keep(w, &f);
	if (S_ISDIR(st.st_mode))
		enter(w, parent, name, depth);
	w->path[n] = '\0';
}

static bool must_stop(struct walk *w)
{
	if (w->looked_at >= FLIGHT_MAX_LOOKED_AT ||
	    (w->looked_at % 64 == 0 && w->closing && w->closing(w->ctx)))
		w->unfinished = true;
	return w->unfinished;
}

/* Takes fd. At most FLIGHT_MAX_DEPTH of it are open and on the stack. */
static void walk_directory(struct walk *w, int fd, unsigned depth)
{
	AUTO_DIR DIR *d = fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		close(fd);
		w->unreadable++;
		return;
	}
	while (!must_stop(w) && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		w->looked_at++;
		visit(w, dirfd(d), entry->d_name, depth + 1);
	}
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static const char *type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "unknown";
	}
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void put_file(struct buf *b, const struct file *f)
{
	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_text(b, "path", span_str(f->path));
	if (f->deleted) {
		json_put_true(b, "deleted", true);
		json_put_time(b, "changed", f->ctime_ns);
		buf_add_char(b, '}');
		return;
	}
	json_put_str(b, "type", type_of(f->mode));
	json_put_u64(b, "size", f->size);
	json_put_octal(b, "mode", f->mode & 07777);
	json_put_u64(b, "uid", f->uid);
	json_put_u64(b, "gid", f->gid);
	json_put_time(b, "modified", f->mtime_ns);
	json_put_time(b, "changed", f->ctime_ns);
	buf_add_char(b, '}');
}

static void put_all(struct buf *b, struct walk *w)
{
	const size_t start = b->len;
	size_t i = 0;

	qsort(w->files, w->n, sizeof(*w->files), by_path);
	json_put_array(b, "changed");
	for (; i < w->n && b->len - start < JSON_MAX; i++)
		put_file(b, &w->files[i]);
	w->left_out += w->n - i;
	buf_add_char(b, ']');
	json_put_known(b, "left_out", w->left_out);
	json_put_known(b, "too_deep", w->too_deep);
	json_put_known(b, "unreadable", w->unreadable);
	json_put_true(b, "unfinished", w->unfinished);
}

static void auto_walk_release(struct walk *w)
{
	for (size_t i = 0; w->files && i < w->n; i++)
		free(w->files[i].path);
	free(w->files);
}

static void put_reason(struct buf *b, int error)
{
	char text[128];

	snprintf(text, sizeof(text), "the writable layer cannot be read: %s", strerror(error));
	json_put_str(b, "reason", text);
}

void flight_files_put(struct buf *b, const char *root, bool (*closing)(const void *ctx),
		      const void *ctx)
{
	AUTO(walk_release) struct walk w = { .closing = closing, .ctx = ctx };
	struct stat st;

	if (!root) {
		json_put_str(b, "reason", "no writable layer is known of it");
		return;
	}
	json_put_text(b, "root", span_str(root));
	AUTO_FD int fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	w.files = calloc(FLIGHT_MAX_FILES, sizeof(*w.files));
	if (fd < 0 || !w.files || fstat(fd, &st) < 0) {
		put_reason(b, errno);
		return;
	}
	w.device = st.st_dev;
	walk_directory(&w, TAKE_FD(fd), 0);
	put_all(b, &w);
}
