// SPDX-License-Identifier: GPL-2.0-or-later
/* The file systems and disks of machine.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "collector/base/auto.h"
#include "collector/base/io.h"
#include "collector/base/parse.h"
#include "collector/machine.h"

#define MOUNTINFO_MAX_BYTES (16U << 20)
#define DISKSTATS_MAX_BYTES (4U << 20)

/* A list of what is counted, not of what is left out: an unknown type may be a network or FUSE file
 * system, on which statfs can hang. Read-only images (squashfs, iso9660, erofs) are always full. */
static const char *const local_types[] = {
	"ext2", "ext3",	 "ext4",  "xfs",    "btrfs", "zfs",	"f2fs",	    "bcachefs", "jfs",
	"vfat", "exfat", "ntfs3", "nilfs2", "udf",   "hfsplus", "reiserfs", "minix",
};

static bool is_local_type(struct span type)
{
	for (size_t i = 0; i < sizeof(local_types) / sizeof(local_types[0]); i++) {
		if (span_eq(type, local_types[i]))
			return true;
	}
	return false;
}

/* mountinfo writes blank, tab, newline and backslash as \ooo. False when it does not fit. */
static bool unescape(struct span in, char *out, size_t cap)
{
	size_t n = 0;
	uint32_t c;

	for (size_t i = 0; i < in.n; i++) {
		if (n + 1 >= cap)
			return false;
		if (in.p[i] == '\\' && i + 3 < in.n &&
		    parse_octal_u32((struct span){ in.p + i + 1, 3 }, &c) && c < 256) {
			out[n++] = (char)c;
			i += 3;
		} else {
			out[n++] = in.p[i];
		}
	}
	out[n] = '\0';
	return n > 0;
}

struct mount {
	uint32_t major, minor;
	struct span point, type, source;
};

/* "36 35 98:0 /root /point opts [tags...] - type source super-opts" */
static bool parse_mount(struct span line, struct mount *m)
{
	struct span word, device, part;

	for (int i = 0; i < 3; i++) {
		if (!span_word(&line, &device))
			return false;
	}
	if (!span_next(&device, ':', &part) || !parse_u32(part, &m->major) || !device.p ||
	    !parse_u32(device, &m->minor) || !span_word(&line, &word) ||
	    !span_word(&line, &m->point))
		return false;
	do {
		if (!span_word(&line, &word))
			return false;
	} while (!span_eq(word, "-"));
	return span_word(&line, &m->type) && span_word(&line, &m->source);
}

/* "/dev/root" is what some boot loaders leave; sysfs knows the name. */
static void name_device(struct machine_filesystem *fs, const char *sys)
{
	char path[PATH_MAX], mem[2048];
	struct span rest, line;

	if (strcmp(fs->device, "/dev/root") != 0 ||
	    snprintf(path, sizeof(path), "%s/dev/block/%u:%u/uevent", sys, fs->major, fs->minor) >=
		    (int)sizeof(path))
		return;
	ssize_t n = io_read_at(AT_FDCWD, path, mem, sizeof(mem));

	rest = (struct span){ mem, n > 0 ? (size_t)n : 0 };
	while (span_next(&rest, '\n', &line)) {
		if (span_starts(line, "DEVNAME=") && line.n - 8 + 5 < sizeof(fs->device))
			snprintf(fs->device, sizeof(fs->device), "/dev/%.*s", (int)(line.n - 8),
				 line.p + 8);
	}
}

static void add_mount(struct machine_live *out, const struct mount *m, const char *strip)
{
	struct machine_filesystem fs = { .major = m->major, .minor = m->minor };
	char point[PATH_MAX];
	size_t strip_n = strlen(strip);

	if (!is_local_type(m->type) || !unescape(m->source, fs.device, sizeof(fs.device)) ||
	    !unescape(m->point, point, sizeof(point)))
		return;
	if (strip_n > 0 && (strncmp(point, strip, strip_n) != 0 ||
			    (point[strip_n] != '/' && point[strip_n] != '\0')))
		return;
	const char *shown = point[strip_n] ? point + strip_n : "/";

	if (strlen(shown) >= sizeof(fs.mount_point))
		return; /* a shorter one of the same device will do; none is rare */
	memcpy(fs.mount_point, shown, strlen(shown) + 1);
	for (uint32_t i = 0; i < out->filesystems_n; i++) {
		struct machine_filesystem *o = &out->filesystems[i];

		if (strcmp(o->device, fs.device) != 0 &&
		    (o->major != fs.major || o->minor != fs.minor))
			continue;
		if (strlen(shown) < strlen(o->mount_point))
			memcpy(o->mount_point, fs.mount_point, sizeof(o->mount_point));
		return;
	}
	if (out->filesystems_n == MACHINE_MAX_FILESYSTEMS) {
		out->filesystems_refused++;
		return;
	}
	out->filesystems[out->filesystems_n++] = fs;
}

/* True when the figures could be had. */
static bool measure(struct machine_filesystem *fs, const char *rootfs)
{
	char path[PATH_MAX];
	struct statvfs st;

	if (!io_join(path, sizeof(path), rootfs, fs->mount_point) || statvfs(path, &st) < 0)
		return false;
	fs->limit_bytes = (uint64_t)st.f_blocks * st.f_frsize;
	fs->usage_bytes = (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize;
	fs->available_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	fs->inodes = st.f_files;
	fs->inodes_free = st.f_ffree;
	return true;
}

int machine_read_filesystems(struct machine_live *out, const struct machine_roots *roots,
			     struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[PATH_MAX];
	const char *strip = "";
	struct span rest, line;
	uint32_t kept = 0;

	buf_init(&b, MOUNTINFO_MAX_BYTES);
	/* the mounts of the first process are the host's; our own show them below the prefix */
	if (!io_join(path, sizeof(path), roots->proc, "1/mountinfo"))
		return err_set(e, ENAMETOOLONG, "bad path '%s'", roots->proc);
	if (io_read_buf_at(AT_FDCWD, path, &b, NULL) < 0 || b.len == 0) {
		strip = roots->rootfs;
		buf_clear(&b);
		io_join(path, sizeof(path), roots->proc, "self/mountinfo");
		int r = io_read_buf_at(AT_FDCWD, path, &b, e);

		if (r < 0)
			return r;
	}
	out->filesystems_n = out->filesystems_refused = 0;
	rest = (struct span){ b.data, b.len };
	while (span_next(&rest, '\n', &line)) {
		struct mount m;

		if (parse_mount(line, &m))
			add_mount(out, &m, strip);
	}
	for (uint32_t i = 0; i < out->filesystems_n; i++) {
		struct machine_filesystem fs = out->filesystems[i];

		name_device(&fs, roots->sys);
		if (measure(&fs, roots->rootfs))
			out->filesystems[kept++] = fs;
	}
	out->filesystems_n = kept;
	return 0;
}

/* --- disks ---------------------------------------------------------------------------------------
 */

static bool is_disk(struct span name, const char *sys)
{
	static const char *const left_out[] = { "loop", "ram", "zram" };
	char path[PATH_MAX], flat[64];

	if (name.n == 0 || name.n >= sizeof(flat))
		return false;
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		if (span_starts(name, left_out[i]))
			return false;
	}
	for (size_t i = 0; i < name.n; i++) /* "cciss/c0d0" is a directory "cciss!c0d0" */
		flat[i] = name.p[i] == '/' ? '!' : name.p[i];
	flat[name.n] = '\0';
	/* partitions lie below their disk there */
	return snprintf(path, sizeof(path), "%s/block/%s", sys, flat) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static bool parse_disk(struct span line, const char *sys, struct machine_disk *d)
{
	struct span name, word;
	uint64_t *const fields[] = { &d->reads,		  &d->reads_merged,  &d->sectors_read,
				     &d->read_ms,	  &d->writes,	     &d->writes_merged,
				     &d->sectors_written, &d->write_ms,	     &d->io_now,
				     &d->io_ms,		  &d->io_weighted_ms };

	if (!span_word(&line, &word) || !span_word(&line, &word) || !span_word(&line, &name))
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!span_word(&line, &word) || !parse_u64(word, fields[i]))
			return false;
	}
	if (name.n + 5 >= sizeof(d->device) || !is_disk(name, sys))
		return false;
	snprintf(d->device, sizeof(d->device), "/dev/%.*s", (int)name.n, name.p);
	return true;
}

int machine_read_disks(struct machine_disk *out, uint32_t cap, const struct machine_roots *roots)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[PATH_MAX];
	struct span rest, line;
	uint32_t n = 0;

	buf_init(&b, DISKSTATS_MAX_BYTES);
	if (!io_join(path, sizeof(path), roots->proc, "diskstats"))
		return -ENAMETOOLONG;
	int r = io_read_buf_at(AT_FDCWD, path, &b, NULL);

	if (r < 0)
		return r;
	rest = (struct span){ b.data, b.len };
	while (n < cap && span_next(&rest, '\n', &line)) {
		struct machine_disk d = { .reads = 0 };

		if (parse_disk(line, roots->sys, &d))
			out[n++] = d;
	}
	return (int)n;
}
