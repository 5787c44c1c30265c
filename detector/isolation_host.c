// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/isolation_host.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What starts containers, or is executed with all rights to do so. */
static const char *const names[] = {
	"runc",
	"crun",
	"youki",
	"runsc",
	"kata-runtime",
	"docker-runc",
	"containerd",
	"containerd-shim",
	"containerd-shim-runc-v1",
	"containerd-shim-runc-v2",
	"ctr",
	"nerdctl",
	"dockerd",
	"docker",
	"docker-init",
	"docker-proxy",
	"podman",
	"conmon",
	"buildah",
	"crictl",
	"kubelet",
	"kube-proxy",
	"kubectl",
	"crio",
	"cri-dockerd",
	"lxc-start",
	"lxc-attach",
	"tini",
	"bulkheadd",
	"bulkhead",
};
static const char *const folders[] = {
	"/usr/bin",	"/usr/sbin",	       "/usr/local/bin",   "/usr/local/sbin",
	"/usr/libexec", "/usr/libexec/podman", "/usr/lib/podman",  "/usr/libexec/docker",
	"/opt/bin",	"/snap/bin",	       "/usr/libexec/crio"
};

static uint32_t device_of(const struct stat *st)
{
	return (uint32_t)(major(st->st_dev) << 20 | minor(st->st_dev));
}

static void add_program(struct isolation_host *h, const char *rootfs, const char *path)
{
	char whole[PATH_MAX];
	struct stat st;

	if (snprintf(whole, sizeof(whole), "%s%s", rootfs, path) >= (int)sizeof(whole) ||
	    stat(whole, &st) < 0 || !S_ISREG(st.st_mode) ||
	    isolation_host_program(h, device_of(&st), st.st_ino))
		return;
	if (h->programs_n == ISOLATION_PROGRAMS) {
		h->programs_refused++;
		return;
	}
	struct isolation_program *p = &h->programs[h->programs_n++];

	p->inode = st.st_ino;
	p->device = device_of(&st);
	snprintf(p->path, sizeof(p->path), "%.*s", (int)sizeof(p->path) - 1, path);
}

static void read_programs(struct isolation_host *h, const char *rootfs)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n > 0) {
		path[n] = '\0';
		add_program(h, "", path);
	}
	for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			snprintf(path, sizeof(path), "%s/%s", folders[f], names[i]);
			add_program(h, rootfs, path);
		}
	}
}

static void read_addresses(struct isolation_host *h)
{
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct isolation_address a = { .family = 0 };

		if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(a.bytes,
			       &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
			       4);
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(a.bytes,
			       &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr,
			       16);
		else
			continue;
		a.family = i->ifa_addr->sa_family;
		if (h->addresses_n == ISOLATION_ADDRESSES)
			h->addresses_refused++;
		else
			h->addresses[h->addresses_n++] = a;
	}
	freeifaddrs(list);
}

static void read_folder(const char *path, char out[PATH_MAX], uint32_t *device, uint64_t *inode)
{
	struct stat st;

	snprintf(out, PATH_MAX, "%s", path);
	if (!*path || stat(path, &st) < 0)
		return;
	*device = device_of(&st);
	*inode = st.st_ino;
}

void isolation_host_read(struct isolation_host *out, const char *rootfs, const char *state_dir,
			 const char *run_dir)
{
	char root[PATH_MAX];
	struct stat st;

	memset(out, 0, sizeof(*out));
	out->own_pid = (uint32_t)getpid();
	snprintf(root, sizeof(root), "%s/", rootfs);
	if (stat(root, &st) == 0)
		out->root_device = device_of(&st);
	read_programs(out, rootfs);
	read_addresses(out);
	read_folder(state_dir, out->state_dir, &out->state_device, &out->state_inode);
	read_folder(run_dir, out->run_dir, &out->run_device, &out->run_inode);
	out->labels = access("/sys/kernel/security/apparmor/profiles", F_OK) == 0 ||
		      access("/sys/fs/selinux/enforce", F_OK) == 0;
}

const struct isolation_program *isolation_host_program(const struct isolation_host *h,
						       uint32_t device, uint64_t inode)
{
	for (unsigned i = 0; inode && i < h->programs_n; i++)
		if (h->programs[i].inode == inode && h->programs[i].device == device)
			return &h->programs[i];
	return NULL;
}

bool isolation_host_has_address(const struct isolation_host *h, uint16_t family,
				const uint8_t *bytes)
{
	const size_t n = family == AF_INET ? 4 : 16;

	for (unsigned i = 0; i < h->addresses_n; i++)
		if (h->addresses[i].family == family &&
		    memcmp(h->addresses[i].bytes, bytes, n) == 0)
			return true;
	return false;
}
