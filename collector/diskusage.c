// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/diskusage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "collector/base/clock.h"

#define LEVEL_BYTES    4096 /* directory entries read ahead at each level */
#define LEVELS_OPEN    32   /* the upper levels stay open; below, only the current one is */
#define ENTRIES_A_LOOK 16   /* entries between two looks at the clock */
#define FIRST_SLOTS    1024
#define MAX_SLOTS      (2U * DISKUSAGE_MAX_LINKS)

/* One directory on the way down. A closed one is reached again through ".." of its child, which is
 * believed only when it is the same directory still. */
struct level {
	int fd; /* -1: closed for now */
	ino_t inode;
	off_t offset; /* while closed: where reading goes on after what is in `entries` */
	size_t at, filled;
	char *entries; /* kept when the walk goes up, for the next directory of this depth */
};

struct diskusage {
	int top; /* index of the current level; -1: done */
	dev_t device;
	struct diskusage_result sum;
	uint64_t *links; /* inodes with several names: open addressing, 0 is free */
	uint32_t links_n, slots;
	struct level levels[DISKUSAGE_MAX_DEPTH];
};

/* --- hard links ---------------------------------------------------------------------------------
 */

static uint64_t *slot_of(uint64_t *table, uint32_t slots, uint64_t inode)
{
	uint64_t hash = inode * 0x9E3779B97F4A7C15ULL;
	uint32_t i = (uint32_t)(hash >> 32) & (slots - 1);

	while (table[i] && table[i] != inode)
		i = (i + 1) & (slots - 1);
	return &table[i];
}

static bool grow_links(struct diskusage *d)
{
	uint32_t slots = d->slots ? d->slots * 2 : FIRST_SLOTS;
	uint64_t *table = slots <= MAX_SLOTS ? calloc(slots, sizeof(*table)) : NULL;

	if (!table)
		return false;
	for (uint32_t i = 0; i < d->slots; i++) {
		if (d->links[i])
			*slot_of(table, slots, d->links[i]) = d->links[i];
	}
	free(d->links);
	d->links = table;
	d->slots = slots;
	return true;
}

/* True when this inode was counted under another name. */
static bool counted_before(struct diskusage *d, uint64_t inode)
{
	if (inode == 0)
		return false;
	if (d->slots) {
		if (*slot_of(d->links, d->slots, inode) == inode)
			return true;
	}
	if (d->links_n >= d->slots / 2 && !grow_links(d)) {
		d->sum.refused++;
		return false;
	}
	*slot_of(d->links, d->slots, inode) = inode;
	d->links_n++;
	return false;
}

/* --- the walk -----------------------------------------------------------------------------------
 */

static void count(struct diskusage *d, const struct stat *st)
{
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1 && counted_before(d, st->st_ino))
		return;
	d->sum.bytes += 512 * (uint64_t)st->st_blocks;
	d->sum.inodes++;
}

static void close_level(struct level *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* Goes into an open directory; takes the descriptor. */
static void push(struct diskusage *d, int fd, const struct stat *st)
{
	int next = d->top + 1;

	if (next == DISKUSAGE_MAX_DEPTH) {
		d->sum.refused++;
		close(fd);
		return;
	}
	struct level *l = &d->levels[next];

	if (!l->entries)
		l->entries = malloc(LEVEL_BYTES);
	if (!l->entries) {
		d->sum.unreadable++;
		close(fd);
		return;
	}
	if (d->top >= LEVELS_OPEN) {
		d->levels[d->top].offset = lseek(d->levels[d->top].fd, 0, SEEK_CUR);
		close_level(&d->levels[d->top]);
	}
	*l = (struct level){ .fd = fd, .inode = st->st_ino, .entries = l->entries };
	d->top = next;
}

/* Opens the closed level above `child` again; -1 when it is another directory by now. */
static int reopen(const struct diskusage *d, const struct level *l, int child)
{
	AUTO_FD int fd = openat(child, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != d->device || st.st_ino != l->inode ||
	    lseek(fd, l->offset, SEEK_SET) < 0)
		return -1;
	return TAKE_FD(fd);
}

static void pop(struct diskusage *d)
{
	AUTO_FD int child = TAKE_FD(d->levels[d->top].fd);

	d->top--;
	if (d->top < 0 || d->levels[d->top].fd >= 0)
		return;
	d->levels[d->top].fd = reopen(d, &d->levels[d->top], child);
	/* moved away under the walk: the rest of the closed levels cannot be found any more */
	while (d->top >= 0 && d->levels[d->top].fd < 0) {
		d->sum.unreadable++;
		d->top--;
	}
}

struct dirent_head { /* struct linux_dirent64 of getdents64(2) */
	uint64_t inode;
	int64_t next_offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

/* The next name at the current level; NULL at its end. */
static const char *next_name(struct diskusage *d, struct level *l)
{
	if (l->at >= l->filled) {
		long n = syscall(SYS_getdents64, l->fd, l->entries, (size_t)LEVEL_BYTES);

		d->sum.unreadable += n < 0;
		if (n <= 0)
			return NULL;
		l->at = 0;
		l->filled = (size_t)n;
	}
	const struct dirent_head *h = (const void *)(l->entries + l->at);

	l->at += h->length;
	/* the buffer survives closing, so going on means after its last entry, not after this one
	 */
	if (l->at >= l->filled || l->offset == 0)
		l->offset = h->next_offset;
	return h->name;
}

static void enter(struct diskusage *d, int parent, const char *name)
{
	AUTO_FD int fd =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		d->sum.unreadable++;
		return;
	}
	if (st.st_dev != d->device)
		return;
	count(d, &st);
	push(d, TAKE_FD(fd), &st);
}

static void visit(struct diskusage *d, const char *name)
{
	int parent = d->levels[d->top].fd;
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		d->sum.unreadable += errno != ENOENT;
		return;
	}
	if (st.st_dev != d->device)
		return;
	if (S_ISDIR(st.st_mode))
		enter(d, parent, name);
	else
		count(d, &st);
}

int diskusage_step(struct diskusage *d, uint64_t budget_ns, struct diskusage_result *out)
{
	uint64_t start = mono_ns();

	for (unsigned n = 1; d->top >= 0; n++) {
		const char *name = next_name(d, &d->levels[d->top]);

		if (name)
			visit(d, name);
		else
			pop(d);
		if (n % ENTRIES_A_LOOK == 0 && d->top >= 0 && mono_ns() - start >= budget_ns)
			return 0;
	}
	*out = d->sum;
	return 1;
}

void diskusage_so_far(const struct diskusage *d, struct diskusage_result *out)
{
	*out = d->sum;
}

int diskusage_new(struct diskusage **out, const char *path, struct err *e)
{
	/* O_PATH first: opening a device or a FIFO for reading can have effects */
	AUTO_FD int place = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	AUTO(diskusage_free) struct diskusage *d = calloc(1, sizeof(*d));
	struct stat st;

	if (place < 0 || fstat(place, &st) < 0)
		return err_errno(e, "cannot open '%s'", path);
	if (!d)
		return err_set(e, ENOMEM, "no memory to measure '%s'", path);
	d->top = -1;
	d->device = st.st_dev;
	for (int i = 0; i < DISKUSAGE_MAX_DEPTH; i++)
		d->levels[i].fd = -1;
	count(d, &st);
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return err_errno(e, "cannot read directory '%s'", path);
		push(d, fd, &st);
	}
	*out = TAKE(d);
	return 0;
}

void diskusage_free(struct diskusage *d)
{
	if (!d)
		return;
	for (int i = 0; i < DISKUSAGE_MAX_DEPTH; i++) {
		close_level(&d->levels[i]);
		free(d->levels[i].entries);
	}
	free(d->links);
	free(d);
}
