// SPDX-License-Identifier: GPL-2.0-or-later
/* Which subject an event is of, and what all subjects ask: names of files, whose a cgroup is. */
#include "detector/isolation_judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/event_names.h"
#include "collector/resolve.h"

/* --- telling --------------------------------------------------------------------------------- */

const char *isolation_name(const struct isolation_case *k)
{
	return k->of ? container_name(k->of) : "the host";
}

void isolation_tell_of(struct isolation_case *k, struct container *of)
{
	struct finding *f = &k->found;

	if (k->p && k->p->injected && k->of)
		finding_fact(f, "injected", SPAN_LIT("entered by exec from outside"));
	if (f->severity <= ALERT_WARNING)
		k->grave = true;
	k->tell(k->ctx, f, of, k->p);
}

void isolation_tell(struct isolation_case *k)
{
	isolation_tell_of(k, k->of);
}

enum finding_stage isolation_stage(const struct isolation_case *k)
{
	return k->v->head->result >= 0 ? FINDING_SUCCEEDED : FINDING_ATTEMPTED;
}

bool isolation_refused(const struct isolation_case *k)
{
	const int64_t r = k->v->head->result;

	return r == -EPERM || r == -EACCES || r == -EROFS;
}

void isolation_result(struct isolation_case *k)
{
	const char *name = event_error_name(k->v->head->result);

	finding_fact(&k->found, "result", name ? span_str(name) : SPAN_LIT("done"));
}

/* --- names ----------------------------------------------------------------------------------- */

struct span isolation_path(struct isolation_case *k, bool second, bool *said)
{
	const struct event_view *v = k->v;
	const enum event_tag path = second ? TAG_PATH2 : TAG_PATH;
	const enum event_tag raw = second ? TAG_RAW2 : TAG_RAW;
	const enum event_tag base = second ? TAG_BASE2 : TAG_BASE;
	struct span s = v->strings[raw];

	*said = false;
	if (v->strings[path].n)
		return v->strings[path];
	*said = true;
	if (!s.n || (v->string_flags[raw] & STRING_UNREAD))
		return (struct span){ NULL, 0 };
	s.n = strnlen(s.p, s.n);
	const size_t n = resolve_lexical(v->strings[base], s, k->path, sizeof(k->path));

	return (struct span){ k->path, n };
}

struct span isolation_last(struct span path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	if (!slash)
		return path;
	return (struct span){ slash + 1, (size_t)(path.p + path.n - slash) - 1 };
}

bool isolation_below(struct span path, const char *folder)
{
	const size_t n = strlen(folder);

	return span_starts(path, folder) &&
	       (path.n == n || path.p[n] == '/' || (n > 0 && folder[n - 1] == '/'));
}

bool isolation_proc_path(struct span path, uint32_t *pid, struct span *rest)
{
	struct span name;

	if (!span_starts(path, "/proc/"))
		return false;
	*rest = (struct span){ path.p + 6, path.n - 6 };
	if (!span_next(rest, '/', &name) || !rest->p)
		return false;
	*pid = 0;
	if (span_eq(name, "self"))
		return true;
	if (span_eq(name, "thread-self"))
		return true;
	return parse_u32(name, pid) && *pid > 0;
}

/* --- where it is ----------------------------------------------------------------------------- */

bool isolation_in_own_mounts(const struct isolation_case *k)
{
	const uint32_t now = k->v->head->type == EVENT_EXEC && k->v->exec->ns.mnt
				     ? k->v->exec->ns.mnt
			     : k->p ? k->p->ns.mnt
				    : 0;

	return k->start && now && now == k->start->ns.mnt;
}

static uint32_t user_ns_now(const struct isolation_case *k)
{
	if (k->v->head->type == EVENT_EXEC && k->v->exec->ns.user)
		return k->v->exec->ns.user;
	return k->p ? k->p->ns.user : 0;
}

bool isolation_in_own_users(const struct isolation_case *k)
{
	const uint32_t now = user_ns_now(k);

	return k->start && now && k->start->ns.user && now != k->start->ns.user;
}

bool isolation_made_users(const struct isolation_case *k)
{
	const uint32_t now = user_ns_now(k);

	for (unsigned i = 0; now && k->memory && i < ISOLATION_MAKERS; i++)
		if (k->memory->makers[i].user_ns == now &&
		    k->v->head->boot_ns - k->memory->makers[i].boot_ns < USER_NS_RECENT_NS)
			return true;
	return false;
}

/* --- whose ----------------------------------------------------------------------------------- */

struct container *isolation_container(const struct isolation_case *k, uint64_t cgroup)
{
	struct container *const *list;
	const size_t n = k->containers ? container_table_live(k->containers, &list) : 0;

	for (size_t i = 0; cgroup && i < n; i++)
		if (list[i]->kind == CGROUP_CONTAINER &&
		    (list[i]->inode == cgroup || list[i]->unified_inode == cgroup))
			return list[i];
	return NULL;
}

bool isolation_is_within(const struct container *c, const struct container *of)
{
	if (!c || !of)
		return false;
	if (c == of)
		return true;
	return c->cgroup_path && of->cgroup_path && strcmp(c->cgroup_path, of->cgroup_path) != 0 &&
	       isolation_below(span_str(c->cgroup_path), of->cgroup_path);
}

static bool is_of(const struct container *c, uint64_t cgroup)
{
	return c && cgroup && (c->inode == cgroup || c->unified_inode == cgroup);
}

/* Only who sees the host's own numbers can name somebody outside; all others name their like. */
const struct process *isolation_named(const struct isolation_case *k, uint32_t pid)
{
	const struct event_namespaces *host = isolation_starts_get_host(k->starts);

	if (!k->processes || !pid || !host->pid || k->v->head->pid_ns != host->pid)
		return NULL;
	return process_find_pid(k->processes, pid);
}

bool isolation_is_outside(const struct isolation_case *k, const struct process *p)
{
	if (!p || !k->of || is_of(k->of, p->container_cgroup))
		return false;
	if (p->container_cgroup == 0)
		return true;
	return !isolation_is_within(isolation_container(k, p->container_cgroup), k->of);
}

/* Places where runtimes keep what containers see as their root. */
static bool is_storage(struct span path)
{
	static const char *const places[] = { "/overlay2/",  "/snapshots/", "/overlay/",
					      "/overlayfs/", "/vfs/dir/",   "/aufs/diff/" };
	static const char *const roots[] = { "/docker/",	"/containerd/",
					     "/io.containerd.", "/containers/storage/",
					     "/lib/lxc/",	"/k3s/" };
	bool root = false;

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]) && !root; i++)
		root = memmem(path.p, path.n, roots[i], strlen(roots[i])) != NULL;
	for (size_t i = 0; root && i < sizeof(places) / sizeof(places[0]); i++)
		if (memmem(path.p, path.n, places[i], strlen(places[i])))
			return true;
	return root && memmem(path.p, path.n, "/rootfs/", 8);
}

static bool layer_holds(const struct container *c, struct span path)
{
	const char *layer = c->meta ? c->meta->writable_layer : NULL;
	char folder[PATH_MAX];

	if (!layer || layer[0] != '/' || !layer[1])
		return false;
	if (isolation_below(path, layer))
		return true;
	/* ".../ID/diff" beside ".../ID/merged": the folder of both */
	const struct span last = isolation_last(span_str(layer));
	const size_t n = strlen(layer) - last.n;

	if (n < 8 || n >= sizeof(folder) || !(span_eq(last, "diff") || span_eq(last, "fs")))
		return false;
	memcpy(folder, layer, n - 1);
	folder[n - 1] = '\0';
	return isolation_below(path, folder);
}

struct container *isolation_storage(const struct isolation_case *k, struct span path, bool *storage)
{
	struct container *const *list;
	const size_t n = k->containers ? container_table_live(k->containers, &list) : 0;
	struct span rest;
	uint32_t pid;

	*storage = false;
	if (!path.n || path.p[0] != '/')
		return NULL;
	if (isolation_proc_path(path, &pid, &rest) && pid &&
	    (span_starts(rest, "root/") || span_starts(rest, "cwd/"))) {
		const struct process *p = k->processes ? process_find_pid(k->processes, pid) : NULL;
		struct container *c = p ? isolation_container(k, p->container_cgroup) : NULL;

		*storage = c || !p;
		return c;
	}
	for (size_t i = 0; i < n; i++) {
		if (list[i]->kind != CGROUP_CONTAINER || !layer_holds(list[i], path))
			continue;
		*storage = true;
		return list[i];
	}
	*storage = is_storage(path);
	return NULL;
}

/* --- mounts that were agreed ------------------------------------------------------------------ */

/* What every runtime puts there, whatever the lists say. */
static bool is_runtimes_own(struct span path)
{
	static const char *const own[] = {
		"/etc/hosts", "/etc/hostname",	    "/etc/resolv.conf",
		"/etc/mtab",  "/run/secrets",	    "/var/run/secrets",
		"/dev/shm",   "/run/.containerenv", "/dev/termination-log",
		"/.dockerenv"
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (isolation_below(path, own[i]))
			return true;
	return false;
}

bool isolation_host_path(const struct isolation_case *k, struct span path, char *out, size_t cap,
			 bool *declared)
{
	const struct metadata *m = k->of ? k->of->meta : NULL;
	const struct metadata_mount *best = NULL;
	size_t longest = 0;

	*declared = is_runtimes_own(path);
	for (size_t i = 0; m && i < m->mounts_n; i++) {
		const char *to = m->mounts[i].destination;
		const size_t n = to ? strlen(to) : 0;

		if (n >= longest && n > 0 && isolation_below(path, to)) {
			best = &m->mounts[i];
			longest = n;
		}
	}
	if (!best)
		return false;
	*declared = true;
	if (!best->source || best->source[0] != '/' ||
	    (best->type && strcmp(best->type, "bind") != 0 && strcmp(best->type, "volume") != 0))
		return false;
	const size_t from = strlen(best->source);
	const bool slash = from > 1 && path.n > longest && path.p[longest] != '/';
	const struct span rest = { path.p + longest, path.n - longest };

	return snprintf(out, cap, "%s%s%.*s", from == 1 && rest.n ? "" : best->source,
			slash || (from == 1 && rest.n && rest.p[0] != '/') ? "/" : "", (int)rest.n,
			rest.p) < (int)cap;
}

/* --- by type --------------------------------------------------------------------------------- */

static void judge_program(struct isolation_case *k)
{
	if (k->v->head->result < 0)
		return;
	judge_namespaces(k);
	judge_exec(k);
}

static void (*const judges[EVENT_TYPE_COUNT])(struct isolation_case *k) = {
	[EVENT_EXEC] = judge_program,
	[EVENT_SETNS] = judge_namespaces,
	[EVENT_UNSHARE] = judge_namespaces,
	[EVENT_FORK] = judge_namespaces,
	[EVENT_CGROUP_ATTACH] = judge_namespaces,
	[EVENT_CAPSET] = judge_rights,
	[EVENT_SETUID] = judge_rights,
	[EVENT_MOUNT] = judge_mounts,
	[EVENT_MOVE_MOUNT] = judge_mounts,
	[EVENT_UMOUNT] = judge_mounts,
	[EVENT_NEW_MOUNT] = judge_mounts,
	[EVENT_OPEN] = judge_open,
	[EVENT_RENAME] = judge_changed,
	[EVENT_LINK] = judge_changed,
	[EVENT_SYMLINK] = judge_changed,
	[EVENT_UNLINK] = judge_changed,
	[EVENT_CHMOD] = judge_changed,
	[EVENT_TRUNCATE] = judge_changed,
	[EVENT_MKNOD] = judge_mknod,
	[EVENT_INIT_MODULE] = judge_kernel_code,
	[EVENT_DELETE_MODULE] = judge_kernel_code,
	[EVENT_BPF] = judge_kernel_code,
	[EVENT_KEXEC] = judge_kernel_code,
	[EVENT_CONNECT] = judge_connect,
	[EVENT_SOCKET] = judge_socket,
	[EVENT_PTRACE] = judge_other_process,
	[EVENT_PROCESS_VM] = judge_other_process,
	[EVENT_PIDFD_GETFD] = judge_other_process,
	[EVENT_KILL] = judge_other_process,
};

uint64_t isolation_container_types(void)
{
	uint64_t types = EVENT_BIT(EVENT_IO_URING_SETUP); /* judge_blind_spots() */

	for (unsigned i = 0; i < EVENT_TYPE_COUNT; i++)
		types |= judges[i] ? EVENT_BIT(i) : 0;
	return types;
}

uint64_t isolation_host_types(void)
{
	return EVENT_BIT(EVENT_EXEC) | EVENT_BIT(EVENT_MMAP);
}

/* What was executed in it, and what forked from that. The mounts of who started the runtime are not
 * enough to tell: a program that escapes has them, too, and has a program of the container behind
 * it. A move of a container's process is told of the container, also where the host is the mover.
 */
static bool is_containers_own(const struct isolation_case *k)
{
	return k->p && k->p->exec_inside && !k->p->placeholder && !(k->v->head->flags & EVENT_HOST);
}

bool isolation_judge(struct isolation_case *k)
{
	k->grave = false;
	if (!k->of) {
		if (!k->v->head->container_cgroup)
			judge_host_exec(k);
		return k->grave;
	}
	if (!is_containers_own(k))
		return false;
	judge_blind_spots(k);
	if (k->v->head->type < EVENT_TYPE_COUNT && judges[k->v->head->type])
		judges[k->v->head->type](k);
	return k->grave;
}
