// SPDX-License-Identifier: GPL-2.0-or-later
/* I18: nodes of devices that are made, and devices that are opened. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "detector/isolation_judge.h"

#define DEVICE(major, minor) ((uint32_t)(major) << 20 | (uint32_t)(minor))

enum reach { REACH_NOTHING, REACH_OWN, REACH_HOST };

/* Block devices whose content is a file that somebody named: ram, loop, nbd, zram. */
static bool is_of_file(uint32_t major)
{
	return major == 1 || major == 7 || major == 43 || major == 252;
}

static enum reach reach_of(uint32_t mode, uint32_t dev)
{
	const uint32_t major = dev >> 20, minor = dev & 0xfffff;

	if (S_ISBLK(mode))
		return is_of_file(major) ? REACH_OWN : REACH_HOST;
	if (!S_ISCHR(mode))
		return REACH_NOTHING;
	if (major == 1 && (minor == 1 || minor == 2 || minor == 4))
		return REACH_HOST;	  /* mem, kmem, port */
	if (major == 202 || major == 203) /* msr, cpuid */
		return major == 202 ? REACH_HOST : REACH_OWN;
	return REACH_NOTHING;
}

/* It was given to it: --device. */
static bool is_declared(const struct isolation_case *k, struct span path)
{
	const struct metadata *m = k->of->meta;

	for (size_t i = 0; m && i < m->confinement.devices.n; i++) {
		const struct span item = span_str(m->confinement.devices.items[i]);

		if (item.n > 2 && path.n == item.n - 2 && memcmp(item.p + 2, path.p, path.n) == 0)
			return true;
	}
	return false;
}

static void put_device(struct isolation_case *k, struct span path, uint32_t mode, uint32_t dev)
{
	finding_fact(&k->found, "path", path);
	if (dev)
		finding_text(&k->found, "device", "%s %u:%u", S_ISBLK(mode) ? "block" : "char",
			     dev >> 20, dev & 0xfffff);
	isolation_result(k);
}

/* The same without its object: the names that every distribution gives. */
static enum reach reach_of_name(struct span path)
{
	static const char *const host[] = { "/dev/mem", "/dev/kmem", "/dev/port" };
	static const char *const disks[] = { "/dev/sd",	     "/dev/hd",	   "/dev/vd",
					     "/dev/xvd",     "/dev/nvme",  "/dev/dm-",
					     "/dev/mapper/", "/dev/disk/", "/dev/md",
					     "/dev/mmcblk" };
	const struct span last = isolation_last(path);

	for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++)
		if (span_eq(path, host[i]))
			return REACH_HOST;
	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++)
		if (span_starts(path, disks[i]))
			return REACH_HOST;
	return span_starts(path, "/dev/cpu/") && span_eq(last, "msr") ? REACH_HOST : REACH_NOTHING;
}

void judge_device_open(struct isolation_case *k, struct span path)
{
	const struct event_file *f = &k->v->open->file;
	const bool done = k->v->head->result >= 0;
	const enum reach r = f->flags & FILE_KNOWN ? reach_of(f->mode, f->rdev)
						   : reach_of_name(path);

	/* O_PATH is a name, not the device */
	if (r == REACH_NOTHING || (done && !k->v->open->access))
		return;
	finding_begin(&k->found, INV_DEVICES, isolation_stage(k), "Container '%.100s' %s %s",
		      isolation_name(k), done ? "opened" : "tried to open",
		      S_ISBLK(f->mode) || !(f->flags & FILE_KNOWN)
			      ? "a disk or memory of the host as a device"
			      : "memory or registers of the host as a device");
	if (r == REACH_OWN)
		k->found.severity = ALERT_INFO;
	else if (is_declared(k, path))
		k->found.severity = ALERT_NOTICE;
	finding_key(&k->found, "open %.*s", (int)(path.n < 100 ? path.n : 100), path.p);
	put_device(k, path, f->mode, f->rdev);
	isolation_tell(k);
}

/* As mknod(2) takes it. */
static uint32_t device_of(uint64_t dev)
{
	return DEVICE((dev & 0xfff00) >> 8, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

static bool is_usual(uint32_t mode, uint32_t dev)
{
	const uint32_t major = dev >> 20, minor = dev & 0xfffff;

	if (!S_ISCHR(mode))
		return !S_ISBLK(mode);
	switch (major) {
	case 0: /* an overlay's mark of what was removed */
		return minor == 0;
	case 1:
		return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9;
	case 5: /* tty, console, ptmx */
	case 136:
		return true;
	case 10: /* fuse, tun */
		return minor == 229 || minor == 200;
	}
	return major == 4; /* terminals */
}

/* Storage drivers of a docker within make the node of their own disk to set quotas on it. */
static bool is_backing(struct span path)
{
	return span_eq(isolation_last(path), "backingFsBlockDev");
}

void judge_mknod(struct isolation_case *k)
{
	const struct event_path *e = k->v->path;
	const uint32_t dev = device_of(e->value);
	bool said;
	const struct span path = isolation_path(k, false, &said);
	const bool done = k->v->head->result >= 0;

	if (is_usual(e->mode, dev) || (!done && !isolation_refused(k)))
		return;
	const enum reach r = reach_of(e->mode, dev);

	/* the node alone gives nothing: the list of devices decides when it is opened */
	finding_begin(&k->found, INV_DEVICES, FINDING_ATTEMPTED, "Container '%.100s' %s %s",
		      isolation_name(k), done ? "made" : "tried to make",
		      r == REACH_HOST ? "a node of a disk or of the memory of the host"
				      : "a device node");
	k->found.known_as = "devices.allow and mknod";
	if (r != REACH_HOST || is_backing(path))
		k->found.severity = ALERT_NOTICE;
	finding_key(&k->found, "mknod %u", dev);
	put_device(k, path, e->mode, dev);
	isolation_tell(k);
}
