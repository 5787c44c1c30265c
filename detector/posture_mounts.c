// SPDX-License-Identifier: GPL-2.0-or-later
/* Which paths of the host say what about a container that has them. */
#include <string.h>

#include "detector/posture.h"

/* What a container may do with what lies there. */
struct place {
	const char *path;
	enum alert_severity writable, read_only;
	bool below; /* also what lies below; else the path itself and what holds it */
};

#define NOTHING ALERT_DEBUG

/* Programs, accounts, keys, units: who writes there is root on the host soon. */
static const struct place places[] = {
	{ "/etc", ALERT_CRITICAL, ALERT_WARNING, true },
	{ "/usr", ALERT_CRITICAL, ALERT_NOTICE, true },
	{ "/bin", ALERT_CRITICAL, ALERT_NOTICE, true },
	{ "/sbin", ALERT_CRITICAL, ALERT_NOTICE, true },
	{ "/lib", ALERT_CRITICAL, ALERT_NOTICE, true },
	{ "/lib32", ALERT_CRITICAL, ALERT_NOTICE, true },
	{ "/lib64", ALERT_CRITICAL, ALERT_NOTICE, true },
	{ "/boot", ALERT_CRITICAL, ALERT_NOTICE, true },
	{ "/root", ALERT_ERROR, ALERT_WARNING, true },
	{ "/home", ALERT_ERROR, ALERT_WARNING, false },
	{ "/proc", ALERT_ERROR, ALERT_WARNING, true },
	{ "/sys", ALERT_ERROR, ALERT_NOTICE, true },
	{ "/dev", ALERT_ERROR, ALERT_WARNING, false },
	{ "/opt/cni", ALERT_CRITICAL, ALERT_NOTICE, true },
	{ "/var/lib/kubelet", ALERT_CRITICAL, ALERT_WARNING, true },
	{ "/var/lib/docker", ALERT_CRITICAL, ALERT_WARNING, true },
	{ "/var/lib/containerd", ALERT_CRITICAL, ALERT_WARNING, true },
	{ "/var/lib/containers", ALERT_CRITICAL, ALERT_WARNING, true },
	{ "/var/lib/rancher", ALERT_CRITICAL, ALERT_WARNING, true },
	{ "/var/lib/etcd", ALERT_CRITICAL, ALERT_ERROR, true },
	{ "/var/lib/bulkhead", ALERT_ERROR, ALERT_WARNING, true },
	{ "/run/bulkhead", ALERT_ERROR, ALERT_WARNING, true },
	{ "/run/systemd", ALERT_ERROR, ALERT_WARNING, true },
	{ "/run/dbus", ALERT_ERROR, ALERT_ERROR, true },
	{ "/var/spool/cron", ALERT_CRITICAL, ALERT_NOTICE, true },
	/* A link in it is followed by who reads logs as root. */
	{ "/var/log", ALERT_WARNING, ALERT_NOTICE, false },
	{ "/var/log/pods", ALERT_WARNING, ALERT_NOTICE, true },
};

/* What runtimes themselves give to containers, and what is mounted everywhere and tells nothing. */
static const struct {
	const char *path;
	bool writable_too;
} harmless[] = {
	{ "/etc/localtime", false },
	{ "/etc/timezone", false },
	{ "/etc/hosts", false },
	{ "/etc/hostname", false },
	{ "/etc/resolv.conf", false },
	{ "/etc/machine-id", false },
	{ "/etc/os-release", false },
	{ "/etc/ssl/certs", false },
	{ "/etc/pki/ca-trust", false },
	{ "/etc/ca-certificates", false },
	{ "/usr/share/zoneinfo", false },
	{ "/usr/share/ca-certificates", false },
	{ "/usr/local/share/ca-certificates", false },
	{ "/usr/lib/os-release", false },
	{ "/lib/modules", false },
	{ "/usr/lib/modules", false },
	{ "/usr/src", false },
	{ "/var/lib/kubelet/pods", true },
	{ "/var/lib/kubelet/plugins", true },
	{ "/var/lib/kubelet/plugins_registry", true },
	{ "/var/lib/kubelet/device-plugins", true },
	{ "/var/lib/kubelet/pod-resources", true },
	{ "/var/lib/docker/volumes", true },
	{ "/var/lib/docker/containers", true }, /* hosts, resolv.conf, shm: one by one */
	{ "/var/lib/containers/storage/volumes", true },
	{ "/var/lib/containers/storage/overlay-containers", true },
	{ "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes", true },
	{ "/run/containerd/io.containerd.grpc.v1.cri/sandboxes", true },
	{ "/run/containers/storage/overlay-containers", true },
	{ "/run/systemd/resolve", false },
	{ "/dev/null", true },
	{ "/dev/zero", true },
	{ "/dev/full", true },
	{ "/dev/random", true },
	{ "/dev/urandom", true },
	{ "/dev/tty", true },
	{ "/dev/shm", true },
	{ "/dev/log", true },
	{ "/dev/pts", true },
	{ "/dev/console", true },
};

static const char *const sockets[] = {
	"docker.sock",	  "containerd.sock", "crio.sock",    "podman.sock", "cri-dockerd.sock",
	"buildkitd.sock", "dockershim.sock", "kubelet.sock", "frakti.sock",
};

/* Directories that hold such a socket. */
static const char *const socket_places[] = {
	"/run/docker", "/run/containerd", "/run/crio",	      "/run/podman",
	"/run/k3s",    "/run/buildkit",	  "/run/docker.sock",
};

/* One '/' between components, none at the end, no "."; /var/run is /run. */
static void tidy(const char *path, char *out, size_t cap)
{
	size_t n = 0;

	while (*path && n + 2 < cap) {
		while (*path == '/')
			path++;
		const size_t part = strcspn(path, "/");

		if (part == 0)
			break;
		if (part == 1 && path[0] == '.') {
			path += part;
			continue;
		}
		out[n++] = '/';
		for (size_t i = 0; i < part && n + 1 < cap; i++)
			out[n++] = path[i];
		path += part;
	}
	if (n == 0)
		out[n++] = '/';
	out[n] = '\0';
	if (strncmp(out, "/var/run", 8) == 0 && (out[8] == '/' || !out[8]))
		memmove(out, out + 4, n - 4 + 1);
}

static bool is_below(const char *path, const char *place) /* or the place itself */
{
	const size_t n = strlen(place);

	return strcmp(place, "/") == 0 ||
	       (strncmp(path, place, n) == 0 && (path[n] == '/' || !path[n]));
}

static bool is_harmless(const char *path, bool read_only)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		const char *at = harmless[i].path;

		if ((read_only || harmless[i].writable_too) && is_below(path, at) &&
		    /* these hold the files of all containers: one container's own are fine */
		    (path[strlen(at)] || !strstr(at, "/containers")))
			return true;
	}
	return false;
}

static bool reaches_socket(const char *path)
{
	const char *name = strrchr(path, '/');

	for (size_t i = 0; name && i < sizeof(sockets) / sizeof(sockets[0]); i++)
		if (strcmp(name + 1, sockets[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(socket_places) / sizeof(socket_places[0]); i++)
		if (strcmp(path, "/") != 0 && is_below(socket_places[i], path))
			return true;
	return false;
}

static void subject(struct posture_path *out, const char *path, bool read_only)
{
	snprintf(out->subject, sizeof(out->subject), "%s %s", read_only ? "ro" : "rw", path);
}

static bool set_place(struct posture_path *out, const char *path, bool read_only,
		      enum alert_severity severity)
{
	if (severity == NOTHING)
		return false;
	out->id = POSTURE_MOUNT;
	out->severity = severity;
	subject(out, path, read_only);
	return true;
}

static bool is_given(const char *path, bool read_only, const struct config_list *more,
		     struct posture_path *out)
{
	for (uint32_t i = 0; more && i < more->n; i++)
		if (is_below(path, more->items[i]) || is_below(more->items[i], path))
			return set_place(out, path, read_only,
					 read_only ? ALERT_WARNING : ALERT_ERROR);
	return false;
}

bool posture_path(const char *source, bool read_only, const struct config_list *more,
		  struct posture_path *out)
{
	enum alert_severity worst = NOTHING;
	char path[1024];

	tidy(source, path, sizeof(path));
	if (strcmp(path, "/") == 0)
		return set_place(out, path, read_only, read_only ? ALERT_ERROR : ALERT_CRITICAL);
	if (is_given(path, read_only, more, out))
		return true;
	if (is_harmless(path, read_only))
		return false;
	if (reaches_socket(path)) { /* read-only does not keep anybody from connecting */
		out->id = POSTURE_RUNTIME_SOCKET;
		out->severity = ALERT_CRITICAL;
		snprintf(out->subject, sizeof(out->subject), "%s", path);
		return true;
	}
	if (strncmp(path, "/dev/", 5) == 0) {
		out->id = POSTURE_DEVICE;
		out->severity = posture_device('?', SPAN_LIT("-"), path);
		snprintf(out->subject, sizeof(out->subject), "%s", path);
		return true;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct place *p = &places[i];
		const enum alert_severity s = read_only ? p->read_only : p->writable;

		if (((p->below && is_below(path, p->path)) || is_below(p->path, path)) && s < worst)
			worst = s;
	}
	/* a person's whole home: keys and tokens of all kinds */
	if (strncmp(path, "/home/", 6) == 0 && !strchr(path + 6, '/'))
		worst = read_only ? ALERT_NOTICE : ALERT_WARNING;
	return set_place(out, path, read_only, worst);
}

enum alert_severity posture_device(char kind, struct span numbers, const char *path)
{
	static const char *const disks[] = { "sd",  "hd", "vd",	    "xvd",  "nvme", "dm-", "loop",
					     "mmc", "md", "mapper", "disk", "nbd",  "zd",  "root" };
	static const char *const memory[] = { "mem", "kmem", "port", "kcore" };
	static const char *const usual[] = { "fuse", "net/tun", "dri",	"nvidia",
					     "kvm",  "snd",	"video" };
	const char *name = strncmp(path, "/dev/", 5) == 0 ? path + 5 : path;

	/* memory and ports have these numbers by whatever name */
	if (kind == 'b' || span_eq(numbers, "1:1") || span_eq(numbers, "1:2") ||
	    span_eq(numbers, "1:4"))
		return ALERT_CRITICAL;
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
		if (strcmp(name, memory[i]) == 0)
			return ALERT_CRITICAL;
	for (size_t i = 0; kind != 'c' && i < sizeof(disks) / sizeof(disks[0]); i++)
		if (strncmp(name, disks[i], strlen(disks[i])) == 0)
			return ALERT_CRITICAL;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strncmp(name, usual[i], strlen(usual[i])) == 0)
			return ALERT_NOTICE;
	return ALERT_WARNING;
}
