// SPDX-License-Identifier: GPL-2.0-or-later
/* The states that runc and crun keep of running containers, and containerd's tasks. */
#include <string.h>
#include <sys/mount.h>

#include "collector/metadata_internal.h"

void metadata_apply_pid(struct metadata_load *l, int64_t pid)
{
	char path[PATH_MAX];

	if (pid <= 0 || pid > INT_MAX)
		return;
	if (metadata_path(path, "%s/%d", l->roots->proc, (int)pid) && access(path, F_OK) == 0) {
		l->m->pid = (pid_t)pid;
		if (l->m->state == STATE_UNKNOWN)
			l->m->state = STATE_RUNNING;
	} else if (l->m->state == STATE_UNKNOWN && l->pid <= 0) {
		l->m->state = STATE_EXITED;
	}
}

bool metadata_apply_state(struct metadata_load *l, const char *root, const char *id, char *bundle)
{
	static const char *const files[] = { "state.json", "status" };
	char path[PATH_MAX];
	int64_t pid = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (!metadata_path(path, "%s/%s/%s", root, id, files[i]))
			continue;
		AUTO_JSON json_t *state = metadata_load_json(l, path);

		if (!json_is_object(state))
			continue;
		if (!l->m->created_unix_ns)
			l->m->created_unix_ns = metadata_time(state, "created");
		/* runc start opens this pipe and removes it: until then the process waits */
		if (l->m->state == STATE_UNKNOWN &&
		    metadata_path(path, "%s/%s/exec.fifo", root, id) &&
		    metadata_exists(l->roots, path))
			l->m->state = STATE_CREATED;
		if (metadata_integer(state, "init_process_pid", &pid) ||
		    metadata_integer(state, "pid", &pid))
			metadata_apply_pid(l, pid);
		const char *at = metadata_state_bundle(state);

		if (bundle && (!at || !metadata_path(bundle, "%s", at)))
			bundle[0] = '\0';
		return true;
	}
	return false;
}

static bool apply_bundle(struct metadata_load *l, const char *bundle, const char *must_be_of)
{
	char path[PATH_MAX];

	if (bundle[0] != '/' || !metadata_path(path, "%s/config.json", bundle))
		return false;
	AUTO_JSON json_t *config = metadata_load_json(l, path);
	const char *at = metadata_string(metadata_object(config, "linux"), "cgroupsPath");

	if (!json_is_object(config))
		return false;
	/* A runc bundle may be edited and used again for another container. */
	if (must_be_of && at && at[0] && !metadata_cgroups_path_is(at, must_be_of))
		return false;
	metadata_apply_oci(l, config, bundle);
	json_t *annotations = metadata_object(config, "annotations"), *value;
	const char *name;

	json_object_foreach(annotations, name, value)
	{
		if (json_is_string(value))
			metadata_add_label(l->m, name, json_string_value(value));
	}
	return true;
}

/* runc's own account of what it applied: for containers whose bundle has gone or changed. */
static void apply_runc_config(struct metadata_load *l, const json_t *config)
{
	static const char *const types[][2] = {
		{ "mount", "NEWNS" },  { "pid", "NEWPID" },	  { "network", "NEWNET" },
		{ "ipc", "NEWIPC" },   { "uts", "NEWUTS" },	  { "user", "NEWUSER" },
		{ "time", "NEWTIME" }, { "cgroup", "NEWCGROUP" },
	};
	json_t *caps = metadata_array(metadata_object(config, "capabilities"), "Effective");
	json_t *mounts = metadata_array(config, "mounts"), *item;
	json_t *namespaces = metadata_array(config, "namespaces");
	struct metadata *m = l->m;
	size_t i;

	if (!config)
		return;
	json_array_foreach(caps, i, item)
	{
		if (json_is_string(item))
			metadata_add_capability(m, json_string_value(item));
	}
	for (size_t t = 0; namespaces && t < sizeof(types) / sizeof(*types); t++) {
		const char *path = "host";

		json_array_foreach(namespaces, i, item)
		{
			const char *type = metadata_string(item, "type");

			if (type && strcmp(type, types[t][1]) == 0)
				path = metadata_string(item, "path");
		}
		metadata_add_namespace(m, types[t][0], path);
	}
	json_array_foreach(mounts, i, item)
	{
		const char *to = metadata_string(item, "destination");
		int64_t flags = 0;

		(void)metadata_integer(item, "flags", &flags);
		if (to && to[0])
			metadata_add_mount(m, metadata_string(item, "device"),
					   metadata_string(item, "source"), to, NULL,
					   flags & MS_RDONLY);
	}
	metadata_set(&m->hostname, metadata_string(config, "hostname"));
	metadata_set(&m->seccomp, metadata_object(config, "seccomp") ? "default" : "unconfined");
	metadata_set(&m->apparmor, metadata_string(config, "apparmor_profile"));
	metadata_set_if_unset(&m->apparmor, "unconfined");
	m->read_only_root = metadata_true(config, "readonlyfs");
	m->no_new_privileges = metadata_true(config, "no_new_privileges");
	m->details_known = true;
}

static bool load_state(struct metadata_load *l, const char *root)
{
	char bundle[PATH_MAX] = "", path[PATH_MAX];

	if (!metadata_apply_state(l, root, l->id->id, bundle))
		return false;
	l->m->runtime = RUNTIME_RUNC;
	if (apply_bundle(l, bundle, l->cgroup_path) ||
	    !metadata_path(path, "%s/%s/state.json", root, l->id->id))
		return true;
	AUTO_JSON json_t *state = metadata_load_json(l, path);

	apply_runc_config(l, metadata_object(state, "config"));
	return true;
}

bool metadata_load_runc(struct metadata_load *l)
{
	const struct metadata_shim *shim;
	const char *root;

	for (size_t i = 0; (root = metadata_root(l->roots, ROOT_RUNC, i)); i++) {
		if (load_state(l, root))
			return true;
	}
	shim = metadata_shim(l);
	if (shim->kind != SHIM_RUNC || !load_state(l, shim->state_root))
		return false;
	metadata_learn(l->roots, ROOT_RUNC, shim->state_root);
	return true;
}

bool metadata_load_containerd(struct metadata_load *l)
{
	char bundle[PATH_MAX], root[PATH_MAX], path[PATH_MAX];
	const char *id = l->id->id;
	int64_t pid;

	/* the shim is asked only when the usual places have nothing: it costs some reads of /proc
	 */
	if (!metadata_find_task(l->roots, id, l->id->name_space, NULL, bundle) &&
	    !metadata_find_task(l->roots, id, l->id->name_space, metadata_shim(l), bundle))
		return false;
	if (!apply_bundle(l, bundle, NULL))
		return false;
	struct metadata *m = l->m;

	if (metadata_path(path, "%s/init.pid", bundle) &&
	    metadata_read_number(l->roots, path, &pid))
		metadata_apply_pid(l, pid);
	if (metadata_path(root, "%s", bundle) && metadata_cut(root, 1)) {
		const char *slash = strrchr(root, '/');

		if (slash && strlen(slash + 1) < sizeof(m->name_space))
			snprintf(m->name_space, sizeof(m->name_space), "%s", slash + 1);
	}
	if (metadata_path(root, "/run/containerd/runc/%s", m->name_space))
		(void)metadata_apply_state(l, root, id, NULL);
	m->runtime = strcmp(m->name_space, "moby") == 0 ? RUNTIME_DOCKER : RUNTIME_CONTAINERD;
	if (!m->pod_uid)
		metadata_set(&m->pod_uid, l->id->pod_uid);
	metadata_apply_pod_logs(l);
	return true;
}
