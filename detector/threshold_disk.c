// SPDX-License-Identifier: GPL-2.0-or-later
/* File systems that matter: that of our state, and those below containers' writable layers. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "detector/threshold_internal.h"

/* By the number of its device; a free place when it is new. NULL: all are taken. */
static struct filesystem *place_of(struct threshold *t, uint64_t device)
{
	struct filesystem *found = NULL;

	for (size_t i = 0; i < THRESHOLD_MAX_FILESYSTEMS; i++) {
		struct filesystem *fs = &t->filesystems[i];

		if (fs->device == device)
			return fs;
		if (!fs->device && !found)
			found = fs;
	}
	if (found)
		*found = (struct filesystem){ .device = device };
	else
		t->refused++;
	return found;
}

/* As df counts: what root alone may use is in neither. */
static void take(struct filesystem *fs, const char *mount_point, const char *name, double used,
		 double available)
{
	fs->there = true;
	fs->used = used;
	fs->available = available;
	snprintf(fs->mount_point, sizeof(fs->mount_point), "%s", mount_point);
	snprintf(fs->name, sizeof(fs->name), "%s", name);
}

static void look_at_state(struct threshold *t)
{
	const struct metric_world *w = t->world;
	struct statvfs v;
	struct stat st;

	/* The log of alerts lies there: if it hangs, so do we. */
	if (w->state_fd < 0 || fstat(w->state_fd, &st) < 0 || fstatvfs(w->state_fd, &v) < 0)
		return;
	struct filesystem *fs = place_of(t, st.st_dev);

	if (fs && !fs->there)
		take(fs, w->state_dir, "", (double)(v.f_blocks - v.f_bfree) * (double)v.f_frsize,
		     (double)v.f_bavail * (double)v.f_frsize);
}

static bool holds_layers(const struct threshold *t, const struct machine_filesystem *m)
{
	struct container *const *list;
	const size_t n = container_table_live(t->world->containers, &list);

	for (size_t i = 0; i < n; i++)
		if ((list[i]->sample.have & SAMPLE_DISK) &&
		    strcmp(list[i]->sample.disk_device, m->device) == 0)
			return true;
	return false;
}

void threshold_look_at_disks(struct threshold *t,
			     void (*gone)(struct threshold *t, struct filesystem *fs))
{
	const struct machine_live *live = t->world->live;

	for (size_t i = 0; i < THRESHOLD_MAX_FILESYSTEMS; i++)
		t->filesystems[i].there = false;
	for (uint32_t i = 0; i < live->filesystems_n; i++) {
		const struct machine_filesystem *m = &live->filesystems[i];
		struct filesystem *fs =
			holds_layers(t, m) ? place_of(t, makedev(m->major, m->minor)) : NULL;

		if (fs)
			take(fs, m->mount_point, m->device, (double)m->usage_bytes,
			     (double)m->available_bytes);
	}
	look_at_state(t);
	for (size_t i = 0; i < THRESHOLD_MAX_FILESYSTEMS; i++) {
		struct filesystem *fs = &t->filesystems[i];

		if (!fs->device || fs->there)
			continue;
		gone(t, fs);
		fs->device = 0;
	}
}

double threshold_filesystem_percent(const struct filesystem *fs, struct metric_figure *out)
{
	const double size = fs->used + fs->available;

	if (!(size > 0))
		return NAN;
	out->used = fs->used;
	out->of = size;
	out->unit = METRIC_IN_BYTES;
	return 100 * fs->used / size;
}
