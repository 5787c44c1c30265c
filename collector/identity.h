/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identity - what a cgroup path says about the container in it. Pure text, no I/O, any thread.
 *
 * Known forms (both cgroup drivers, optionally below Kubernetes' kubepods slices or any parent):
 *   docker      /docker/<64hex>                       docker-<64hex>.scope
 *   containerd  /<namespace>/<id> (ctr, by runtime state)  cri-containerd-<64hex>.scope
 *               kubepods/[burstable/]pod<uid>/<64hex>
 *   CRI-O       crio-<64hex>.scope, crio-conmon-... is not a container
 *   podman      libpod-<64hex>.scope[/container], libpod_parent/libpod-<64hex>
 *   LXC         lxc.payload.<name>, lxc/<name>        (lxc.monitor.<name> is not a container)
 *   nspawn      machine.slice/systemd-nspawn@<name>.service, machine-<name>.scope
 *   systemd     <name>.service (only when asked for, not inside containers; the id is the whole
 *               unit name)
 * A 64-hex last component without prefix is docker's unless pods are above it; runc and ctr paths
 * follow no pattern and are recognised by metadata_find_by_path(). */
#ifndef BULKHEAD_IDENTITY_H
#define BULKHEAD_IDENTITY_H

#include <stdbool.h>

#define CONTAINER_ID_BYTES 128 /* longest id, with its NUL; longer ones are not containers */
#define POD_UID_BYTES	   48

enum runtime {
	RUNTIME_NONE,
	RUNTIME_DOCKER,
	RUNTIME_CONTAINERD,
	RUNTIME_CRIO,
	RUNTIME_PODMAN,
	RUNTIME_LXC,
	RUNTIME_NSPAWN,
	RUNTIME_RUNC,
	RUNTIME_SYSTEMD, /* a service */
};

enum cgroup_kind {
	CGROUP_OTHER,  /* nothing that is shown */
	CGROUP_ROOT,   /* id="/" */
	CGROUP_PARENT, /* has containers below: slices, pods, /docker */
	CGROUP_CONTAINER,
	CGROUP_SERVICE,
};

struct identity {
	enum cgroup_kind kind; /* CGROUP_ROOT, _CONTAINER, _SERVICE, else CGROUP_OTHER */
	enum runtime runtime;  /* RUNTIME_NONE when the path alone does not tell */
	char id[CONTAINER_ID_BYTES];
	char name_space[64]; /* containerd namespace when known ("k8s.io", "moby"), else "" */
	char pod_uid[POD_UID_BYTES]; /* with dashes; "" outside pods */
	/* Below another container, set by who knows the tree: who made the cgroup could give it any
	 * name, so the host's runtimes are not asked about it. */
	bool nested;
};

const char *runtime_name(enum runtime r); /* "docker", "containerd", "cri-o", "podman", ... */

/* Looks at the last component of `path` ("/a/b/c", "/" is the root) and, for pods, at those above.
 * Always fills *out; kind is CGROUP_OTHER when nothing is recognised. services: report
 * *.service cgroups too. An id holds no '/', no control byte and is valid UTF-8. */
void identity_from_path(const char *path, bool services, struct identity *out);

#endif
