// SPDX-License-Identifier: GPL-2.0-or-later
/* From a cgroup path that follows no pattern to the runtime's state that names it. */
#include <string.h>

#include "collector/metadata_internal.h"

#define MAX_SCANNED    4096 /* runtime states looked at for one cgroup path */
#define MAX_NAMESPACES 64   /* of one containerd */

static const char *last_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "system.slice:runc:web" is .../system.slice/runc-web.scope. */
static bool systemd_path_is(const char *cgroups_path, const char *cgroup_path)
{
	char scope[PATH_MAX], parent[PATH_MAX];
	struct span rest = span_str(cgroups_path), slice, prefix;

	if (!span_next(&rest, ':', &slice) || !span_next(&rest, ':', &prefix) || rest.n == 0 ||
	    !metadata_path(scope, "%.*s%s%.*s.scope", (int)prefix.n, prefix.p, prefix.n ? "-" : "",
			   (int)rest.n, rest.p) ||
	    !metadata_path(parent, "%s", cgroup_path))
		return false;
	if (strcmp(last_of(cgroup_path), scope) != 0 || !metadata_cut(parent, 1))
		return false;
	return slice.n == 0 || span_eq(slice, last_of(parent));
}

bool metadata_cgroups_path_is(const char *cgroups_path, const char *cgroup_path)
{
	if (!cgroups_path || !cgroups_path[0] || !cgroup_path || cgroup_path[0] != '/')
		return false;
	if (cgroups_path[0] == '/')
		return strcmp(cgroups_path, cgroup_path) == 0;
	if (strchr(cgroups_path, ':'))
		return systemd_path_is(cgroups_path, cgroup_path);
	/* relative: below the runtime's own cgroup */
	size_t n = strlen(cgroups_path), path_n = strlen(cgroup_path);

	return path_n > n && cgroup_path[path_n - n - 1] == '/' &&
	       strcmp(cgroup_path + path_n - n, cgroups_path) == 0;
}

/* runc: "memory" -> "/sys/fs/cgroup/memory/a/b"; "" is the v2 tree, below /unified on hybrids. */
static bool mounted_path_is(const char *controller, const char *mounted, const char *cgroup_path)
{
	static const char mount[] = "/sys/fs/cgroup", unified[] = "/unified";

	if (strncmp(mounted, mount, sizeof(mount) - 1) != 0)
		return false;
	mounted += sizeof(mount) - 1;
	if (controller[0] == '\0') {
		size_t n = sizeof(unified) - 1;

		if (strcmp(mounted, cgroup_path) == 0)
			return true;
		return strncmp(mounted, unified, n) == 0 && strcmp(mounted + n, cgroup_path) == 0;
	}
	const char *below = mounted[0] == '/' ? strchr(mounted + 1, '/') : NULL;

	return below && strcmp(below, cgroup_path) == 0;
}

bool metadata_state_is_of(const json_t *state, const char *cgroup_path)
{
	json_t *paths = metadata_object(state, "cgroup_paths"), *path;
	const char *controller, *crun = metadata_string(state, "cgroup-path");

	json_object_foreach(paths, controller, path)
	{
		const char *text = json_string_value(path);

		if (text && mounted_path_is(controller, text, cgroup_path))
			return true;
	}
	if (!crun || !crun[0])
		return false;
	return strcmp(crun, cgroup_path + (crun[0] == '/' ? 0 : 1)) == 0;
}

const char *metadata_state_bundle(const json_t *state)
{
	json_t *labels = metadata_array(metadata_object(state, "config"), "labels"), *label;
	size_t i;

	json_array_foreach(labels, i, label)
	{
		const char *text = json_string_value(label);

		if (text && strncmp(text, "bundle=", 7) == 0)
			return text + 7;
	}
	return metadata_string(state, "bundle");
}

/* --- containerd's bundles --- */

static bool task_at(const struct metadata_roots *r, const char *root, const char *name_space,
		    const char *id, char *bundle)
{
	char config[PATH_MAX];

	return metadata_path(config, "%s/%s/%s/config.json", root, name_space, id) &&
	       metadata_path(bundle, "%s/%s/%s", root, name_space, id) &&
	       metadata_exists(r, config);
}

static bool task_below(const struct metadata_roots *r, const char *root, const char *name_space,
		       const char *id, char *bundle)
{
	if (name_space[0])
		return task_at(r, root, name_space, id, bundle);
	AUTO_DIR DIR *dir = metadata_opendir(r, root);
	const struct dirent *entry;
	size_t seen = 0;

	while (dir && seen < MAX_NAMESPACES && (entry = readdir(dir))) {
		if (!metadata_name_is_safe(entry->d_name))
			continue;
		seen++;
		if (task_at(r, root, entry->d_name, id, bundle))
			return true;
	}
	return false;
}

bool metadata_find_task(const struct metadata_roots *r, const char *id, const char *name_space,
			const struct metadata_shim *shim, char *bundle)
{
	char root[PATH_MAX];
	const char *place;

	if (name_space[0] && !metadata_name_is_safe(name_space))
		return false;
	for (size_t i = 0; (place = metadata_root(r, ROOT_TASKS, i)); i++) {
		if (task_below(r, place, name_space, id, bundle))
			return true;
	}
	if (!shim || shim->kind != SHIM_CONTAINERD || !shim->bundle[0] ||
	    !metadata_path(root, "%s", shim->bundle) || !metadata_cut(root, 2))
		return false;
	if (!task_at(r, root, shim->name_space, id, bundle))
		return false;
	metadata_learn(r, ROOT_TASKS, root);
	return true;
}

/* --- the search --- */

struct search {
	const struct metadata_roots *roots;
	const char *cgroup_path;
	struct identity *out;
	size_t looked_at;
};

/* Parsing hundreds of states costs; the text of the one wanted holds the path's last part. */
static json_t *read_if_mentions(const struct search *s, const char *path)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span text = span_str(last_of(s->cgroup_path));
	json_t *j = NULL;

	if (span_ends(text, ".scope")) { /* in "slice:prefix:name" only the name is the same */
		text.n -= 6;
		const char *dash = memrchr(text.p, '-', text.n);

		if (dash)
			text = (struct span){ dash + 1, (size_t)(text.p + text.n - dash - 1) };
	}
	buf_init(&b, METADATA_MAX_FILE + 1);
	if (metadata_read_file(s->roots, path, &b) < 0 || !b.len ||
	    !memmem(b.data, b.len, text.p, text.n))
		return NULL;
	return metadata_parse_json(&b, &j) == 0 ? j : NULL;
}

static bool found(struct search *s, enum runtime runtime, const char *id, const char *name_space)
{
	struct identity *out = s->out;

	if (!metadata_name_is_safe(id) || strlen(id) >= sizeof(out->id) ||
	    strlen(name_space) >= sizeof(out->name_space))
		return false;
	out->kind = CGROUP_CONTAINER;
	out->runtime = runtime;
	snprintf(out->id, sizeof(out->id), "%s", id);
	snprintf(out->name_space, sizeof(out->name_space), "%s", name_space);
	return true;
}

static enum runtime runtime_of_namespace(const char *name_space)
{
	return strcmp(name_space, "moby") == 0 ? RUNTIME_DOCKER : RUNTIME_CONTAINERD;
}

/* podman and CRI-O use plain runc: their bundles tell. */
static enum runtime runtime_of_bundle(const struct metadata_roots *r, const char *bundle)
{
	char path[PATH_MAX];
	json_t *config = NULL;
	enum runtime runtime = RUNTIME_RUNC;

	if (!bundle || !metadata_path(path, "%s/config.json", bundle) ||
	    metadata_read_json(r, path, &config) < 0)
		return RUNTIME_RUNC;
	const json_t *annotations = metadata_object(config, "annotations");
	const char *manager = metadata_string(annotations, "io.container.manager");

	if (manager && strcmp(manager, "libpod") == 0)
		runtime = RUNTIME_PODMAN;
	else if ((manager && strcmp(manager, "cri-o") == 0) ||
		 metadata_string(annotations, "io.kubernetes.cri-o.ContainerType"))
		runtime = RUNTIME_CRIO;
	json_decref(config);
	return runtime;
}

/* The state of one container of runc or crun below root. */
static bool try_state(struct search *s, const char *root, const char *id, const char *name_space)
{
	static const char *const files[] = { "state.json", "status" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (!metadata_path(path, "%s/%s/%s", root, id, files[i]))
			continue;
		AUTO_JSON json_t *state = read_if_mentions(s, path);

		if (!state || !metadata_state_is_of(state, s->cgroup_path))
			continue;
		if (name_space[0])
			return found(s, runtime_of_namespace(name_space), id, name_space);
		return found(s, runtime_of_bundle(s->roots, metadata_state_bundle(state)), id, "");
	}
	return false;
}

static bool try_task(struct search *s, const char *root, const char *id, const char *name_space)
{
	char path[PATH_MAX];

	if (!metadata_path(path, "%s/%s/config.json", root, id))
		return false;
	AUTO_JSON json_t *config = read_if_mentions(s, path);
	const char *at = metadata_string(metadata_object(config, "linux"), "cgroupsPath");

	return config && metadata_cgroups_path_is(at, s->cgroup_path) &&
	       found(s, runtime_of_namespace(name_space), id, name_space);
}

typedef bool (*try_fn)(struct search *s, const char *root, const char *id, const char *name_space);

static bool scan(struct search *s, const char *root, const char *name_space, try_fn try)
{
	AUTO_DIR DIR *dir = metadata_opendir(s->roots, root);
	const struct dirent *entry;

	while (dir && s->looked_at < MAX_SCANNED && (entry = readdir(dir))) {
		if (!metadata_name_is_safe(entry->d_name))
			continue;
		s->looked_at++;
		if (try(s, root, entry->d_name, name_space))
			return true;
	}
	return false;
}

/* root/NAMESPACE/ID */
static bool scan_namespaces(struct search *s, const char *root, try_fn try)
{
	AUTO_DIR DIR *dir = metadata_opendir(s->roots, root);
	const struct dirent *entry;
	size_t seen = 0;
	char below[PATH_MAX];

	while (dir && seen < MAX_NAMESPACES && (entry = readdir(dir))) {
		if (!metadata_name_is_safe(entry->d_name))
			continue;
		seen++;
		if (metadata_path(below, "%s/%s", root, entry->d_name) &&
		    scan(s, below, entry->d_name, try))
			return true;
	}
	return false;
}

/* The process's own shim: right for every daemon, wherever it keeps its files. */
static bool ask_shim(struct search *s, pid_t pid)
{
	AUTO_FREE struct metadata_shim *shim = malloc(sizeof(*shim));
	char root[PATH_MAX];

	if (!shim)
		return false;
	metadata_find_shim(s->roots, s->cgroup_path, pid, shim);
	switch (shim->kind) {
	case SHIM_NONE:
		return false;
	case SHIM_CONTAINERD:
		if (!metadata_path(root, "%s", shim->bundle) || !metadata_cut(root, 1))
			return false;
		if (!try_task(s, root, shim->id, shim->name_space) &&
		    !scan(s, root, shim->name_space, try_task)) /* one shim for a whole pod */
			return false;
		if (metadata_cut(root, 1))
			metadata_learn(s->roots, ROOT_TASKS, root);
		return true;
	case SHIM_CONMON:
		return found(s, runtime_of_bundle(s->roots, shim->bundle), shim->id, "");
	case SHIM_RUNC:
		if (!scan(s, shim->state_root, "", try_state))
			return false;
		metadata_learn(s->roots, ROOT_RUNC, shim->state_root);
		return true;
	}
	return false;
}

bool metadata_find_by_path(const struct metadata_roots *roots, const char *cgroup_path, pid_t pid,
			   struct identity *out)
{
	struct identity result = { .kind = CGROUP_OTHER };
	struct search s = { .roots = roots, .cgroup_path = cgroup_path, .out = &result };
	const char *place;
	bool ok;

	if (cgroup_path[0] != '/' || cgroup_path[1] == '\0')
		return false;
	ok = pid > 0 && ask_shim(&s, pid);
	for (size_t i = 0; !ok && (place = metadata_root(roots, ROOT_RUNC, i)); i++)
		ok = scan(&s, place, "", try_state);
	ok = ok || scan_namespaces(&s, "/run/containerd/runc", try_state) ||
	     scan_namespaces(&s, "/run/docker/runtime-runc", try_state);
	for (size_t i = 0; !ok && (place = metadata_root(roots, ROOT_TASKS, i)); i++)
		ok = scan_namespaces(&s, place, try_task);
	if (ok)
		*out = result;
	return ok;
}
