// SPDX-License-Identifier: GPL-2.0-or-later
/* File systems that hold what containers write, and how much each wrote. */
#include "detector/host_tables_internal.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/diskusage.h"

#define WALK_NS (1500 * NS_PER_MS) /* of all walks of one look */
#define STEP_NS (20 * NS_PER_MS)

static uint64_t device_of_fs(const struct machine_filesystem *fs)
{
	return makedev(fs->major, fs->minor);
}

/* Without asking the file system: it may be a dead server's. 0: not there. */
static uint64_t device_of(const struct table_input *in, const char *path)
{
	char full[PATH_MAX];
	struct statx st;

	if (!io_join(full, sizeof(full), in->rootfs[0] ? in->rootfs : "/", path) ||
	    statx(AT_FDCWD, full, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0)
		return 0;
	return makedev(st.stx_dev_major, st.stx_dev_minor);
}

static bool is_below(const char *path, const char *folder)
{
	const size_t n = strlen(folder);

	return n == 1 || (strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

/* Both are of one btrfs: parts of it have numbers of their own. */
static bool is_subvolume(const struct table_input *in, const char *path, const char *mount_point)
{
	char a[PATH_MAX], b[PATH_MAX];
	struct statfs x, y;

	/* the mount point is a local one; is the path not below a btrfs, it is not asked */
	return io_join(a, sizeof(a), in->rootfs[0] ? in->rootfs : "/", mount_point) &&
	       statfs(a, &x) == 0 && x.f_type == BTRFS_SUPER_MAGIC &&
	       io_join(b, sizeof(b), in->rootfs[0] ? in->rootfs : "/", path) &&
	       statfs(b, &y) == 0 && y.f_type == x.f_type && x.f_blocks == y.f_blocks;
}

/* By its device, or (subvolumes have numbers of their own) by the longest mount point above. */
static const struct machine_filesystem *find_fs(const struct host_tables *h,
						const struct table_input *in, const char *path)
{
	const uint64_t device = device_of(in, path);
	const struct machine_filesystem *found = NULL;

	if (!device)
		return NULL;
	for (uint32_t i = 0; i < h->live.filesystems_n; i++) {
		const struct machine_filesystem *fs = &h->live.filesystems[i];

		if (device_of_fs(fs) == device)
			return fs;
		if (major(device) == 0 && is_below(path, fs->mount_point) &&
		    (!found || strlen(fs->mount_point) > strlen(found->mount_point)))
			found = fs;
	}
	/* tmpfs and file systems of servers have such numbers, too */
	return found && is_subvolume(in, path, found->mount_point) ? found : NULL;
}

static void add_device(struct host_tables *h, const struct table_input *in, const char *path)
{
	const struct machine_filesystem *fs = path[0] == '/' ? find_fs(h, in, path) : NULL;

	if (!fs)
		return;
	for (size_t i = 0; i < h->devices_n; i++)
		if (h->devices[i] == device_of_fs(fs))
			return;
	if (h->devices_n < TABLES_MAX_DEVICES)
		h->devices[h->devices_n++] = device_of_fs(fs);
}

static void find_devices(struct host_tables *h, const struct table_input *in)
{
	h->devices_n = 0;
	add_device(h, in, in->state_dir);
	for (size_t i = 0; i < in->subjects_n; i++)
		for (size_t k = 0; k < in->subjects[i].paths_n; k++)
			add_device(h, in, in->subjects[i].paths[k]);
}

static void put(struct table_output *out, const struct machine_filesystem *fs)
{
	/* as df counts: what root alone may use is in neither */
	struct table_figure *f = tables_figure(out, TABLE_DISK, fs->usage_bytes,
					       fs->usage_bytes + fs->available_bytes,
					       "the file system");

	if (f) {
		f->which = device_of_fs(fs);
		snprintf(f->of, sizeof(f->of), "%.120s", fs->mount_point);
	}
	if (fs->inodes == 0 || fs->inodes_free > fs->inodes)
		return; /* it makes them as it needs them */
	f = tables_figure(out, TABLE_INODES, fs->inodes - fs->inodes_free, fs->inodes,
			  "the file system");
	if (f) {
		f->which = device_of_fs(fs);
		snprintf(f->of, sizeof(f->of), "%.120s", fs->mount_point);
	}
}

void tables_read_disks(struct host_tables *h, struct table_output *out,
		       const struct table_input *in)
{
	char sys[PATH_MAX];
	const struct machine_roots roots = { .rootfs = in->rootfs, .proc = in->proc, .sys = sys };

	if (!io_join(sys, sizeof(sys), in->rootfs[0] ? in->rootfs : "/", "sys") ||
	    machine_read_filesystems(&h->live, &roots, NULL) < 0)
		return;
	if (in->subjects_known)
		find_devices(h, in);
	for (size_t i = 0; i < h->devices_n; i++)
		for (uint32_t k = 0; k < h->live.filesystems_n; k++)
			if (device_of_fs(&h->live.filesystems[k]) == h->devices[i])
				put(out, &h->live.filesystems[k]);
}

/* --- who wrote it ------------------------------------------------------------------------------
 */

/* What others have theirs in (the host's /, all of docker's data) is nobody's own. */
static bool is_others(const struct table_input *in, size_t subject, const char *path)
{
	for (size_t i = 0; i < in->subjects_n; i++)
		if (i != subject && in->subjects[i].paths_n > 0 &&
		    strcmp(in->subjects[i].paths[0], path) != 0 &&
		    is_below(in->subjects[i].paths[0], path))
			return true;
	return is_below(in->state_dir, path);
}

static unsigned sharers_of(const struct table_input *in, const char *path)
{
	unsigned n = 0;

	for (size_t i = 0; i < in->subjects_n; i++)
		for (size_t k = 0; k < in->subjects[i].paths_n; k++)
			n += strcmp(in->subjects[i].paths[k], path) == 0;
	return n ? n : 1;
}

/* A quarter of the time that is left at most, so that a large one leaves some for the others; what
 * it has counted by then is taken: it is large all the same. */
static void walk(const struct table_input *in, const char *path, uint64_t until_ns,
		 struct diskusage_result *out)
{
	AUTO(diskusage_free) struct diskusage *d = NULL;
	const uint64_t began = mono_ns(), end = began + (until_ns - began) / 4;
	char full[PATH_MAX];

	*out = (struct diskusage_result){ 0 };
	if (!io_join(full, sizeof(full), in->rootfs[0] ? in->rootfs : "/", path) ||
	    diskusage_new(&d, full, NULL) < 0)
		return;
	while (diskusage_step(d, STEP_NS, out) == 0) {
		if (mono_ns() < end && !tables_closing(in))
			continue;
		diskusage_so_far(d, out);
		return;
	}
}

void tables_hold_disks(struct host_tables *h, struct table_output *out,
		       const struct table_input *in)
{
	const uint64_t until_ns = mono_ns() + WALK_NS;

	if (!(in->want & (TABLE_BIT(TABLE_DISK) | TABLE_BIT(TABLE_INODES))))
		return;
	for (size_t i = 0; i < in->subjects_n; i++) {
		const struct table_subject *s = &in->subjects[i];

		for (size_t k = 0; k < s->paths_n; k++) {
			const struct machine_filesystem *fs =
				is_others(in, i, s->paths[k]) ? NULL : find_fs(h, in, s->paths[k]);
			struct diskusage_result r;

			if (!fs || mono_ns() >= until_ns || tables_closing(in))
				continue;
			walk(in, s->paths[k], until_ns, &r);
			const unsigned n = sharers_of(in, s->paths[k]);

			tables_holder(out, TABLE_DISK, device_of_fs(fs), (int32_t)i, r.bytes / n);
			tables_holder(out, TABLE_INODES, device_of_fs(fs), (int32_t)i,
				      r.inodes / n);
		}
	}
	out->held |= TABLE_BIT(TABLE_DISK) | TABLE_BIT(TABLE_INODES);
}
