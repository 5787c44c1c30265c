/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of collector/metadata*.c share: a fixture tree is the whole host. */
#ifndef BULKHEAD_TESTS_METADATA_HELP_H
#define BULKHEAD_TESTS_METADATA_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/buf.h"
#include "collector/metadata_internal.h"
#include "tests/unit/fixture.h"

struct host {
	char proc[160];
	struct metadata_roots roots;
};

/* proc/ of the tree is the host's /proc; cache may be NULL. Who runs the tests is believed. */
static inline struct host *host_of(struct host *h, const struct tree *t,
				   struct metadata_cache *cache)
{
	metadata_trusted_uid = geteuid();
	snprintf(h->proc, sizeof(h->proc), "%s/proc", t->path);
	h->roots = (struct metadata_roots){ .rootfs = t->path, .proc = h->proc, .cache = cache };
	return h;
}

/* proc/PID/status of a shim on the host, whose parent is 1; its real uid may be another's. */
static inline void add_shim_status(const struct tree *t, pid_t pid, uid_t real)
{
	char path[64], text[256];
	unsigned uid = geteuid();

	snprintf(path, sizeof(path), "proc/%d/status", (int)pid);
	int n = snprintf(text, sizeof(text),
			 "Name:\tshim\nPid:\t%d\nPPid:\t1\nUid:\t%u\t%u\t%u\t%u\nNSpid:\t%d\n",
			 (int)pid, (unsigned)real, uid, uid, uid, (int)pid);

	tree_write(t, path, text, (size_t)n);
}

static inline struct identity identity_of(enum runtime runtime, const char *id)
{
	struct identity out = { .kind = CGROUP_CONTAINER, .runtime = runtime };

	snprintf(out.id, sizeof(out.id), "%s", id);
	return out;
}

/* NULL when nothing was found. */
static inline struct metadata *load(const struct host *h, enum runtime runtime, const char *id,
				    const char *cgroup_path, pid_t pid)
{
	struct identity identity = identity_of(runtime, id);
	struct metadata *m = NULL;

	if (metadata_load(&m, &h->roots, &identity, cgroup_path, pid, NULL) < 0)
		assert_null(m);
	return m;
}

static inline bool has_capability(const struct metadata *m, const char *name)
{
	for (size_t i = 0; i < m->capabilities_n; i++) {
		if (strcmp(m->capabilities[i], name) == 0)
			return true;
	}
	return false;
}

static inline const struct metadata_mount *mount_at(const struct metadata *m, const char *path)
{
	for (size_t i = 0; i < m->mounts_n; i++) {
		if (strcmp(m->mounts[i].destination, path) == 0)
			return &m->mounts[i];
	}
	fail_msg("no mount at '%s'", path);
	static const struct metadata_mount none; /* never reached; the compiler does not know */

	return &none;
}

/* "own" for a namespace of its own, "none" for one that is not listed. */
static inline const char *namespace_of(const struct metadata *m, const char *type)
{
	for (size_t i = 0; i < m->namespaces_n; i++) {
		if (strcmp(m->namespaces[i].type, type) == 0)
			return m->namespaces[i].path ? m->namespaces[i].path : "own";
	}
	return "none";
}

#endif
