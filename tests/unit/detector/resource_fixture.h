/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resource_fixture - containers with samples by hand, a host, a clock that the test moves: for the
 * tests of rates, contention, restarts and thresholds. */
#ifndef BULKHEAD_TESTS_RESOURCE_FIXTURE_H
#define BULKHEAD_TESTS_RESOURCE_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/config.h"
#include "collector/container.h"
#include "collector/machine.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

struct resources {
	struct container_table *table;
	struct machine machine;
	struct machine_live live;
	uint64_t now_ns;
	uint64_t inode;
};

static inline char *resources_text(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		abort();
	return copy;
}

static inline struct container *resources_add(struct resources *r, enum cgroup_kind kind,
					      const char *id, const char *path)
{
	struct identity identity = { .kind = kind, .runtime = RUNTIME_DOCKER };
	struct container *c;

	snprintf(identity.id, sizeof(identity.id), "%s", id);
	if (container_table_add(r->table, kind, &identity, path, &c, NULL) < 0)
		abort();
	c->inode = ++r->inode;
	return c;
}

/* A docker container of that name, with metadata. */
static inline struct container *resources_container(struct resources *r, const char *name,
						    const char *image)
{
	char path[256], id[80];

	snprintf(id, sizeof(id), "%08x%s", (unsigned)r->inode, name);
	snprintf(path, sizeof(path), "/docker/%s", id);
	struct container *c = resources_add(r, CGROUP_CONTAINER, id, path);

	c->meta = calloc(1, sizeof(*c->meta));
	if (!c->meta)
		abort();
	c->meta->name = resources_text(name);
	c->meta->image = resources_text(image);
	c->meta->health = HEALTH_NONE;
	c->meta->state = STATE_RUNNING;
	return c;
}

static inline void resources_end(struct resources *r, struct container *c)
{
	container_table_end(r->table, c, r->now_ns, r->now_ns);
}

static inline void resources_init(struct resources *r, uint32_t max)
{
	*r = (struct resources){
		.machine = { .cpu_cores = 4, .memory_bytes = 8 * GIB },
		.live = { .time_unix_ns = 1, .memory_available = 8 * GIB },
		.now_ns = 1000 * NS_PER_S,
	};
	if (container_table_new(&r->table, max, NULL) < 0)
		abort();
}

static inline void resources_release(struct resources *r)
{
	container_table_free(r->table);
}

/* So many seconds later all live samples are fresh. */
static inline void resources_pass(struct resources *r, double s)
{
	struct container *const *list;
	const size_t n = container_table_live(r->table, &list);

	r->now_ns += (uint64_t)(s * 1e9);
	for (size_t i = 0; i < n; i++)
		list[i]->sample.time_mono_ns = r->now_ns;
}

#endif
