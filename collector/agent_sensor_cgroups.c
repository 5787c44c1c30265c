// SPDX-License-Identifier: GPL-2.0-or-later
/* What the programs know of cgroups: whose each is. A cgroup that they do not know is told whole,
 * so every one is entered as soon as it is known to be the host's or a container's. */
#include "collector/agent_sensor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define KEEP_NS (20 * NS_PER_S) /* the container of late events */

struct cgroup_ref {
	uint64_t key;
	struct container *c; /* a reference */
	uint64_t ended_ns;   /* monotonic; 0: lives */
	UT_hash_handle hh;
};

static bool is_v1(const struct agent *a)
{
	return a->layout.mode != CGROUP_V2;
}

uint64_t agent_sensor_key(const struct agent *a, uint64_t inode)
{
	return is_v1(a) ? inode | CGROUP_KEY_V1 : inode;
}

static void remember_key(struct agent_sensor *s, uint64_t key, struct container *c)
{
	struct cgroup_ref *r;

	HASH_FIND(hh, s->refs, &key, sizeof(key), r);
	if (r) {
		container_unref(r->c);
		r->c = container_ref(c);
		r->ended_ns = 0;
		return;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return;
	r->key = key;
	r->c = container_ref(c);
	HASH_ADD(hh, s->refs, key, sizeof(r->key), r);
	if (!r->hh.tbl) {
		container_unref(r->c);
		free(r);
	}
}

static void forget_ref(struct agent_sensor *s, struct cgroup_ref *r)
{
	HASH_DEL(s->refs, r);
	container_unref(r->c);
	free(r);
}

struct container *agent_sensor_find(struct agent *a, uint64_t container_cgroup, uint32_t hierarchy)
{
	uint64_t key = hierarchy == EVENT_CGROUP_V1 ? container_cgroup | CGROUP_KEY_V1
						    : container_cgroup;
	struct cgroup_ref *r = NULL;

	if (a->sensor && container_cgroup)
		HASH_FIND(hh, a->sensor->refs, &key, sizeof(key), r);
	return r ? r->c : NULL;
}

struct cgroup_entry agent_sensor_entry(const struct container *c, uint64_t container)
{
	if (!c)
		return (struct cgroup_entry){ .kind = ENTRY_HOST, .slot = ~0U };
	return (struct cgroup_entry){
		.container = container,
		.mask = c->event_mask,
		.kind = ENTRY_CONTAINER,
		.enforce = (uint16_t)c->enforce,
		.slot = c->slot,
		.image = c->image_slot,
		.first_pid = (uint32_t)c->pid,
	};
}

static void enter(struct agent_sensor *s, uint64_t key, const struct container *c,
		  uint64_t container)
{
	const struct cgroup_entry entry = agent_sensor_entry(c, container);

	if (s->kernel && sensor_set_cgroup(s->kernel, key, &entry) == 0)
		s->cgroups++;
}

/* Whose a path is: what a container makes below itself is its own. */
static struct container *container_of_path(const struct agent *a, const char *path)
{
	struct container *top = agent_top_container(a, path);
	struct container *c = top ? top : container_table_find_path(a->table, path);

	return c && (c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE) ? c : NULL;
}

void agent_sensor_cgroup(struct agent *a, const char *path, uint64_t inode, bool pending)
{
	struct agent_sensor *s = a->sensor;
	struct container *c;

	if (!s || !s->kernel || strcmp(path, "/") == 0)
		return;
	c = container_of_path(a, path);
	if (c)
		enter(s, agent_sensor_key(a, inode), c, agent_sensor_key(a, c->inode));
	else if (!pending)
		enter(s, agent_sensor_key(a, inode), NULL, 0);
}

void agent_sensor_cgroup_gone(struct agent *a, uint64_t inode)
{
	if (a->sensor && a->sensor->kernel)
		sensor_drop_cgroup(a->sensor->kernel, agent_sensor_key(a, inode));
}

static uint64_t unified_inode(const struct agent *a, const char *path)
{
	struct stat st;

	if (!is_v1(a) || a->layout.unified_fd < 0 ||
	    fstatat(a->layout.unified_fd, path + 1, &st, 0) < 0)
		return 0;
	return st.st_ino;
}

void agent_sensor_container(struct agent *a, struct container *c)
{
	struct agent_sensor *s = a->sensor;

	if (!s || (c->kind != CGROUP_CONTAINER && c->kind != CGROUP_SERVICE))
		return;
	struct container *owner = container_of_path(a, c->cgroup_path);

	if (!owner)
		owner = c;
	if (s->kernel && owner == c)
		sensor_reset_slot(s->kernel, c->slot);
	agent_sensor_begin_lost(a, c);
	enter(s, agent_sensor_key(a, c->inode), owner, agent_sensor_key(a, owner->inode));
	remember_key(s, agent_sensor_key(a, c->inode), c);
	c->unified_inode = unified_inode(a, c->cgroup_path);
	if (!c->unified_inode)
		return;
	enter(s, c->unified_inode, owner,
	      owner->unified_inode ? owner->unified_inode : c->unified_inode);
	remember_key(s, c->unified_inode, c);
}

static void end_key(struct agent_sensor *s, uint64_t key, const struct container *c)
{
	struct cgroup_ref *r;

	HASH_FIND(hh, s->refs, &key, sizeof(key), r);
	if (r && r->c == c)
		r->ended_ns = mono_ns();
	if (s->kernel)
		sensor_drop_cgroup(s->kernel, key);
}

void agent_sensor_container_end(struct agent *a, struct container *c)
{
	if (!a->sensor || (c->kind != CGROUP_CONTAINER && c->kind != CGROUP_SERVICE))
		return;
	if (a->sensor->kernel && agent_sensor_learns_syscalls(a))
		agent_sensor_note_syscalls(a, c);
	if (a->sensor->kernel)
		agent_sensor_note_lost(a, c);
	agent_sensor_released(a, c);
	end_key(a->sensor, agent_sensor_key(a, c->inode), c);
	if (c->unified_inode)
		end_key(a->sensor, c->unified_inode, c);
}

void agent_sensor_expire_refs(struct agent *a, bool all)
{
	struct agent_sensor *s = a->sensor;
	const uint64_t now = mono_ns();
	struct cgroup_ref *r, *next;

	HASH_ITER (hh, s->refs, r, next)
		if (all || (r->ended_ns && now - r->ended_ns > KEEP_NS))
			forget_ref(s, r);
}

static void enter_one(void *ctx, const struct cgwatch_event *ev)
{
	struct agent *a = ctx;
	struct container *c = container_table_find_path(a->table, ev->path);

	if (c && (c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE))
		agent_sensor_container(a, c);
	else /* what is not known as a container by now hardly becomes one */
		agent_sensor_cgroup(a, ev->path, ev->inode, false);
}

void agent_sensor_enter_all(struct agent *a)
{
	if (a->watch)
		cgwatch_each(a->watch, enter_one, a);
}

/* --- the v2 tree beside v1 ---------------------------------------------------------------------
 * systemd keeps its own groups there, and containers appear under the path that they have on v1. */

static void on_unified(void *ctx, const struct cgwatch_event *ev)
{
	struct agent *a = ctx;
	struct agent_sensor *s = a->sensor;
	struct container *c;
	struct identity id;

	if (!s->kernel || strcmp(ev->path, "/") == 0)
		return;
	if (ev->gone) {
		sensor_drop_cgroup(s->kernel, ev->inode);
		return;
	}
	c = container_of_path(a, ev->path);
	identity_from_path(ev->path, a->config.services, &id);
	if (c && strcmp(c->cgroup_path, ev->path) == 0) { /* it came after its place on v1 */
		c->unified_inode = ev->inode;
		remember_key(s, ev->inode, c);
	}
	if (c)
		enter(s, ev->inode, c, c->unified_inode ? c->unified_inode : ev->inode);
	else if (id.kind != CGROUP_CONTAINER) /* else pending until v1 tells */
		enter(s, ev->inode, NULL, 0);
}

int agent_sensor_watch(struct agent *a, struct err *e)
{
	if (!a->sensor || !a->sensor->kernel || !is_v1(a) || a->layout.unified_fd < 0)
		return 0;
	return cgwatch_new(&a->sensor->unified, a->loop, a->layout.unified_fd,
			   a->layout.unified_path, 10000, on_unified, NULL, a, e);
}
