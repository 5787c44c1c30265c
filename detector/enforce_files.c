// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/enforce_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "collector/base/arena.h"

#define MAX_FILES 2048
#define MAX_BYTES (1U << 20)

struct enforce_files {
	struct worker_job job; /* first member */
	struct worker *worker;
	struct arena arena;
	struct enforce_file list[MAX_FILES];
	uint32_t n;
	pid_t pid;
	bool too_many;
	char root[PATH_MAX], host[PATH_MAX]; /* the container's, and the host's */
	enum enforce_files_end end;
	void (*told)(void *ctx, const struct enforce_file *file);
	void (*done)(void *ctx, enum enforce_files_end end);
	void *ctx;
};

void enforce_files_free(struct enforce_files *f)
{
	arena_release(&f->arena);
	free(f);
}

struct enforce_files *enforce_files_new(const char *proc, pid_t pid)
{
	struct enforce_files *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->pid = pid;
	snprintf(f->root, sizeof(f->root), "%s/%d/root", proc, pid);
	snprintf(f->host, sizeof(f->host), "%s/1/root", proc);
	arena_init(&f->arena, MAX_BYTES);
	return f;
}

bool enforce_files_too_many(const struct enforce_files *f)
{
	return f->too_many;
}

static struct enforce_file *find(struct enforce_files *f, struct span path,
				 enum baseline_class class)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->list[i].class == class && f->list[i].path.n == path.n &&
		    memcmp(f->list[i].path.p, path.p, path.n) == 0)
			return &f->list[i];
	return NULL;
}

static struct enforce_file *add(struct enforce_files *f, struct span path,
				enum baseline_class class)
{
	struct enforce_file *there = find(f, path, class);

	if (there)
		return there;
	const struct span copy = arena_copy(&f->arena, path);

	if (f->n == MAX_FILES || !copy.p) {
		f->too_many = true;
		return NULL;
	}
	f->list[f->n] = (struct enforce_file){ .path = copy, .class = class };
	return &f->list[f->n++];
}

void enforce_files_add(struct enforce_files *f, struct span path, enum baseline_class class)
{
	add(f, path, class);
}

void enforce_files_add_directory(struct enforce_files *f, struct span path, bool below)
{
	struct enforce_file *d = add(f, path, BASELINE_WRITE);

	if (d)
		d->below |= below;
}

/* Not across mounts: what is there is not the image's, and may hang. */
static int open_inside(int root, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
					   RESOLVE_NO_XDEV };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static void take(struct enforce_file *f, const struct stat *st)
{
	f->found = true;
	f->file = (struct event_file){
		.inode = st->st_ino,
		.device = major(st->st_dev) << 20 | minor(st->st_dev),
		.mode = (uint16_t)st->st_mode,
		.flags = FILE_KNOWN | FILE_OVERLAY | FILE_MERGED,
	};
}

static void look(int root, const struct stat *of_root, struct enforce_file *f)
{
	AUTO_FD int fd = open_inside(root, f->path.p, 0);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == of_root->st_dev)
		take(f, &st);
}

void enforce_files_find_directory(int root, struct enforce_file *f)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%.*s", (int)f->path.n, f->path.p);
	while (path[0] == '/') {
		AUTO_FD int fd = open_inside(root, path, O_DIRECTORY);

		if (fd >= 0 || fd == -EXDEV) {
			f->top = fd >= 0 && f->below && path[1] == '\0';
			if (fd >= 0 && !f->top && fstat(fd, &st) == 0)
				take(f, &st);
			return;
		}
		char *slash = strrchr(path, '/');

		if (slash == path && path[1] == '\0')
			return; /* not even "/": the process has ended */
		slash[slash == path] = '\0';
		f->below = true;
	}
}

static void run(struct worker_job *job)
{
	struct enforce_files *f = (struct enforce_files *)job;
	struct stat st, host;
	struct statfs fs;
	AUTO_FD int root = f->pid > 0 ? open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	f->end = ENFORCE_FILES_GONE;
	if (root < 0 || fstat(root, &st) < 0 || fstatfs(root, &fs) < 0)
		return;
	f->end = ENFORCE_FILES_EARLY;
	if (stat(f->host, &host) == 0 && host.st_dev == st.st_dev && host.st_ino == st.st_ino)
		return;
	f->end = f->too_many			      ? ENFORCE_FILES_TOO_MANY
		 : fs.f_type == OVERLAYFS_SUPER_MAGIC ? ENFORCE_FILES_LOOKED
						      : ENFORCE_FILES_NO_OVERLAY;
	if (f->end != ENFORCE_FILES_LOOKED)
		return;
	for (uint32_t i = 0; i < f->n && !worker_closing(f->worker); i++)
		if (f->list[i].class == BASELINE_WRITE)
			enforce_files_find_directory(root, &f->list[i]);
		else
			look(root, &st, &f->list[i]);
}

static void done(struct worker_job *job)
{
	struct enforce_files *f = (struct enforce_files *)job;

	const bool stopped = worker_closing(f->worker);

	for (uint32_t i = 0; i < f->n && !stopped && f->end == ENFORCE_FILES_LOOKED; i++)
		f->told(f->ctx, &f->list[i]);
	f->done(f->ctx, stopped ? ENFORCE_FILES_STOPPED : f->end);
	enforce_files_free(f);
}

int enforce_files_look(struct enforce_files *f, struct worker *w,
		       void (*told)(void *ctx, const struct enforce_file *file),
		       void (*done_fn)(void *ctx, enum enforce_files_end end), void *ctx)
{
	f->worker = w;
	f->told = told;
	f->done = done_fn;
	f->ctx = ctx;
	f->job = (struct worker_job){ .run = run, .done = done };
	int r = worker_submit(w, &f->job, false);

	if (r < 0)
		enforce_files_free(f);
	return r;
}
