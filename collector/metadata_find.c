// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <string.h>

#include "collector/base/io.h"
#include "collector/metadata_internal.h"

#define MAX_LEARNED   8	    /* places of one kind */
#define MAX_ANCESTORS 16    /* processes between one in a container and the shim */
#define MAX_CMDLINE   16384 /* podman's conmon has some 2 KiB */

struct metadata_cache {
	char *places[ROOT_KINDS][MAX_LEARNED];
};

struct metadata_cache *metadata_cache_new(void)
{
	return calloc(1, sizeof(struct metadata_cache));
}

void metadata_cache_free(struct metadata_cache *c)
{
	if (!c)
		return;
	for (size_t kind = 0; kind < ROOT_KINDS; kind++) {
		for (size_t i = 0; i < MAX_LEARNED; i++)
			free(c->places[kind][i]);
	}
	free(c);
}

#define MAX_STANDARD 4
static const char *const standard[ROOT_KINDS][MAX_STANDARD] = {
	[ROOT_DOCKER] = { "/var/lib/docker", "/var/snap/docker/common/var-lib-docker" },
	[ROOT_TASKS] = { "/run/containerd/io.containerd.runtime.v2.task",
			 "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
			 "/run/k3s/containerd/io.containerd.runtime.v2.task",
			 "/run/snap.docker/containerd/daemon/io.containerd.runtime.v2.task" },
	[ROOT_STORAGE] = { "/var/lib/containers/storage/overlay-containers",
			   "/run/containers/storage/overlay-containers" },
	[ROOT_EXITS] = { "/run/libpod/exits", "/run/crio/exits" },
	[ROOT_RUNC] = { "/run/runc", "/run/crun", "/run/runc-ctrs" },
};

const char *metadata_root(const struct metadata_roots *r, enum metadata_root kind, size_t i)
{
	size_t standard_n = 0;

	while (standard_n < MAX_STANDARD && standard[kind][standard_n])
		standard_n++;
	if (i < standard_n)
		return standard[kind][i];
	if (!r->cache || i - standard_n >= MAX_LEARNED)
		return NULL;
	return r->cache->places[kind][i - standard_n];
}

void metadata_learn(const struct metadata_roots *r, enum metadata_root kind, const char *path)
{
	const char *known;

	if (!r->cache || path[0] != '/' || path[1] == '\0')
		return;
	for (size_t i = 0; (known = metadata_root(r, kind, i)); i++) {
		if (strcmp(known, path) == 0)
			return;
	}
	char *copy = strdup(path);

	for (size_t i = 0; copy && i < MAX_LEARNED; i++) {
		if (!r->cache->places[kind][i]) {
			r->cache->places[kind][i] = copy;
			return;
		}
	}
	/* Full: the oldest goes, so that daemons that came and went cannot use the places up. */
	if (!copy)
		return;
	free(r->cache->places[kind][0]);
	memmove(&r->cache->places[kind][0], &r->cache->places[kind][1],
		(MAX_LEARNED - 1) * sizeof(char *));
	r->cache->places[kind][MAX_LEARNED - 1] = copy;
}

bool metadata_cut(char *path, unsigned n)
{
	while (n-- > 0) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			return false;
		*slash = '\0';
	}
	return true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void copy_text(char *out, size_t cap, const char *text)
{
	if (strlen(text) < cap)
		snprintf(out, cap, "%s", text);
}

/* One file of a process; its length, or -1. */
static ssize_t read_proc(const struct metadata_roots *r, pid_t pid, const char *name, char *mem,
			 size_t cap)
{
	char path[PATH_MAX];

	if (!metadata_path(path, "%s/%d/%s", r->proc, (int)pid, name))
		return -1;
	ssize_t n = io_read_at(AT_FDCWD, path, mem, cap);

	return n < 0 ? -1 : n;
}

struct ancestor {
	pid_t parent;
	bool on_host; /* lives in /proc's own pid namespace */
	bool trusted; /* runs as the trusted user */
};

/* "0\t0\t0\t0": real, effective, saved and file system uid. All of them: a set-uid program that a
 * user started with arguments of his own keeps his real one. */
static bool uids_are(struct span value, uid_t uid)
{
	struct span word;
	uint64_t n;
	size_t words = 0;

	for (; span_word(&value, &word); words++) {
		if (!parse_u64(word, &n) || n != uid)
			return false;
	}
	return words == 4;
}

/* From status: /proc/PID itself is root's also for a process that only forbade core dumps. */
static void read_ancestor(const struct metadata_roots *r, pid_t pid, struct ancestor *out)
{
	char text[8192];
	struct span rest = { text, 0 }, line;
	uint64_t parent = 0;

	*out = (struct ancestor){ .on_host = true };
	ssize_t n = read_proc(r, pid, "status", text, sizeof(text));

	if (n < 0)
		return;
	rest.n = (size_t)n;
	while (span_next(&rest, '\n', &line)) {
		struct span word;

		if (span_starts(line, "PPid:")) {
			struct span value = { line.p + 5, line.n - 5 };

			if (parse_u64(span_trim(value), &parent) && parent <= INT_MAX)
				out->parent = (pid_t)parent;
		} else if (span_starts(line, "Uid:")) {
			out->trusted = uids_are((struct span){ line.p + 4, line.n - 4 },
						metadata_trusted_uid);
		} else if (span_starts(line, "NSpid:")) {
			size_t words = 0;

			while (span_word(&line, &word))
				words++;
			out->on_host = words <= 2; /* "NSpid:" and one number */
		}
	}
}

enum where { WHERE_UNKNOWN, WHERE_INSIDE, WHERE_ELSEWHERE };

/* "/" is also that of a process that ends, "/.." that of one outside our own cgroup namespace:
 * both tell nothing. */
static enum where where_is(const struct metadata_roots *r, pid_t pid, const char *cgroup_path)
{
	enum where where = WHERE_UNKNOWN;
	char text[8192];
	ssize_t n = read_proc(r, pid, "cgroup", text, sizeof(text));
	size_t path_n = strlen(cgroup_path);
	struct span rest = { text, n < 0 ? 0 : (size_t)n }, line;

	while (span_next(&rest, '\n', &line)) {
		const char *colon = memchr(line.p, ':', line.n);

		colon = colon ? memchr(colon + 1, ':', (size_t)(line.p + line.n - colon - 1))
			      : NULL;
		if (!colon)
			continue;
		struct span path = { colon + 1, (size_t)(line.p + line.n - colon - 1) };

		if (path.n >= path_n && memcmp(path.p, cgroup_path, path_n) == 0 &&
		    (path.n == path_n || path.p[path_n] == '/'))
			return WHERE_INSIDE;
		if (path.n > 1 && !span_eq(path, "/..") && !span_starts(path, "/../"))
			where = WHERE_ELSEWHERE;
	}
	return where;
}

bool metadata_is_elsewhere(const struct metadata_roots *r, pid_t pid, const char *cgroup_path)
{
	return where_is(r, pid, cgroup_path) == WHERE_ELSEWHERE;
}

/* Value of "-name value" or "-name=value" among the arguments that follow. */
static const char *argument(struct span args, const char *name)
{
	size_t name_n = strlen(name);
	struct span arg, value;

	while (span_next(&args, '\0', &arg)) {
		if (span_eq(arg, name))
			return span_next(&args, '\0', &value) && value.n > 0 ? value.p : NULL;
		if (span_starts(arg, name) && arg.n > name_n + 1 && arg.p[name_n] == '=')
			return arg.p + name_n + 1;
	}
	return NULL;
}

static void copy_argument(char *out, size_t cap, struct span args, const char *name)
{
	const char *value = argument(args, name);

	if (value)
		copy_text(out, cap, value);
}

/* The shim works in its bundle; where /proc/PID/cwd may not be read, its socket's place tells. */
static void find_shim_bundle(const struct metadata_roots *r, struct span args,
			     struct metadata_shim *shim)
{
	static const char *const below[] = { "", "/daemon" };
	char link[PATH_MAX], address[PATH_MAX] = "", path[PATH_MAX];

	if (!metadata_path(link, "%s/%d/cwd", r->proc, (int)shim->pid))
		return;
	ssize_t n = readlink(link, path, sizeof(path) - 1);

	if (n > 0) {
		path[n] = '\0';
		if (strcmp(base_name(path), shim->id) == 0) {
			copy_text(shim->bundle, sizeof(shim->bundle), path);
			return;
		}
	}
	copy_argument(address, sizeof(address), args, "-address");
	if (!metadata_cut(address, 1))
		return;
	for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++) {
		if (metadata_path(path, "%s%s/io.containerd.runtime.v2.task/%s/%s", address,
				  below[i], shim->name_space, shim->id) &&
		    metadata_exists(r, path)) {
			copy_text(shim->bundle, sizeof(shim->bundle), path);
			return;
		}
	}
}

static void read_containerd_shim(const struct metadata_roots *r, struct span args,
				 struct metadata_shim *shim)
{
	copy_argument(shim->id, sizeof(shim->id), args, "-id");
	copy_argument(shim->name_space, sizeof(shim->name_space), args, "-namespace");
	if (!metadata_name_is_safe(shim->id) || !metadata_name_is_safe(shim->name_space))
		return;
	shim->kind = SHIM_CONTAINERD;
	find_shim_bundle(r, args, shim);
}

static void read_conmon(struct span args, struct metadata_shim *shim)
{
	char log[PATH_MAX] = "";

	copy_argument(shim->id, sizeof(shim->id), args, "-c");
	copy_argument(shim->bundle, sizeof(shim->bundle), args, "-b");
	copy_argument(shim->exit_dir, sizeof(shim->exit_dir), args, "--exit-dir");
	copy_argument(log, sizeof(log), args, "-l");
	const char *path = strchr(log, ':'); /* "k8s-file:/path", or "/path" from CRI-O */

	path = path ? path + 1 : log;
	if (path[0] == '/')
		copy_text(shim->log_path, sizeof(shim->log_path), path);
	if (metadata_name_is_safe(shim->id) && shim->bundle[0] == '/')
		shim->kind = SHIM_CONMON;
}

static void read_shim(const struct metadata_roots *r, pid_t pid, struct metadata_shim *shim)
{
	AUTO_FREE char *cmdline = malloc(MAX_CMDLINE);
	struct span args, program;

	if (!cmdline)
		return;
	ssize_t n = read_proc(r, pid, "cmdline", cmdline, MAX_CMDLINE);

	args = (struct span){ cmdline, n < 0 ? 0 : (size_t)n };
	if (args.n == 0 || cmdline[args.n - 1] != '\0' || !span_next(&args, '\0', &program))
		return; /* argument() relies on the last NUL */
	const char *name = base_name(program.p);

	shim->pid = pid;
	if (strncmp(name, "containerd-shim", 15) == 0) {
		read_containerd_shim(r, args, shim);
	} else if (strcmp(name, "conmon") == 0) {
		read_conmon(args, shim);
	} else if (strcmp(name, "runc") == 0 || strcmp(name, "crun") == 0) {
		copy_argument(shim->state_root, sizeof(shim->state_root), args, "--root");
		if (shim->state_root[0] == '/')
			shim->kind = SHIM_RUNC;
	}
}

void metadata_find_shim(const struct metadata_roots *r, const char *cgroup_path, pid_t pid,
			struct metadata_shim *out)
{
	*out = (struct metadata_shim){ .kind = SHIM_NONE };
	if (!cgroup_path || strcmp(cgroup_path, "/") == 0)
		cgroup_path = "";
	struct ancestor at;

	read_ancestor(r, pid, &at);
	for (int i = 0; i < MAX_ANCESTORS && at.parent > 1; i++) {
		pid = at.parent;
		read_ancestor(r, pid, &at);
		/* A container may name its processes after a shim: none inside is believed. */
		if (at.on_host &&
		    (!cgroup_path[0] || where_is(r, pid, cgroup_path) != WHERE_INSIDE)) {
			if (at.trusted) /* any user of the host may do the same */
				read_shim(r, pid, out);
			return;
		}
	}
}

const struct metadata_shim *metadata_shim(struct metadata_load *l)
{
	if (!l->shim_known) {
		l->shim_known = true;
		if (l->pid > 0)
			metadata_find_shim(l->roots, l->cgroup_path, l->pid, &l->shim);
	}
	return &l->shim;
}
