// SPDX-License-Identifier: GPL-2.0-or-later
/* docker: containers/ID/config.v2.json and hostconfig.json below its data root, which outlive the
 * container's processes; the OCI bundle, which does not, tells what was really applied. */
#include <string.h>

#include "collector/metadata_internal.h"

/* What docker gives to a container that asks for nothing (moby, oci/caps/defaults.go). */
static const char *const default_capabilities[] = {
	"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",	   "CAP_FOWNER",
	"CAP_MKNOD",   "CAP_NET_RAW",	   "CAP_SETGID",	   "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP",	   "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
	"CAP_KILL",    "CAP_AUDIT_WRITE",
};

/* --- config.v2.json --- */

static void apply_state(struct metadata *m, const json_t *config)
{
	static const struct {
		const char *text;
		enum container_health health;
	} statuses[] = { { "starting", HEALTH_STARTING },
			 { "healthy", HEALTH_HEALTHY },
			 { "unhealthy", HEALTH_UNHEALTHY } };
	const json_t *state = metadata_object(config, "State");
	const char *health = metadata_string(metadata_object(state, "Health"), "Status");
	int64_t n;

	if (!state)
		return;
	m->started_unix_ns = metadata_time(state, "StartedAt");
	m->finished_unix_ns = metadata_time(state, "FinishedAt");
	m->oom_killed = metadata_true(state, "OOMKilled");
	for (size_t i = 0; health && i < sizeof(statuses) / sizeof(*statuses); i++) {
		if (strcmp(health, statuses[i].text) == 0)
			m->health = statuses[i].health;
	}
	bool has_pid = metadata_integer(state, "Pid", &n) && n > 0 && n <= INT_MAX;

	if (metadata_true(state, "Paused")) {
		m->state = STATE_PAUSED;
	} else if (metadata_true(state, "Running") &&
		   (has_pid || !metadata_true(state, "Restarting"))) {
		m->state = STATE_RUNNING;
	} else if (json_is_boolean(json_object_get(state, "Running"))) {
		/* one that could not be started has an exit code too, but never ran */
		m->state = m->started_unix_ns ? STATE_EXITED : STATE_CREATED;
	}
	if (has_pid)
		m->pid = (pid_t)n;
	if (m->state == STATE_EXITED && metadata_integer(state, "ExitCode", &n) && n >= INT_MIN &&
	    n <= INT_MAX) {
		m->exit_code = (int)n;
		m->has_exit = true;
	}
	if (m->state != STATE_EXITED)
		m->finished_unix_ns = 0; /* of the run before */
	if (metadata_integer(config, "RestartCount", &n) && n >= 0 && n <= UINT32_MAX) {
		m->restart_count = (uint32_t)n;
		m->has_restart_count = true;
	}
}

static void apply_labels(struct metadata *m, const json_t *config)
{
	json_t *labels = metadata_object(config, "Labels"), *value;
	const char *name;

	json_object_foreach(labels, name, value)
	{
		if (json_is_string(value))
			metadata_add_label(m, name, json_string_value(value));
	}
}

/* What the kubelet's docker shim wrote; a pod's own container is called POD. */
static void apply_pod(struct metadata *m, const json_t *labels)
{
	const char *type = metadata_string(labels, "io.kubernetes.docker.type");
	const char *restarts =
		metadata_string(labels, "annotation.io.kubernetes.container.restartCount");

	metadata_set_if_unset(&m->pod_name, metadata_string(labels, "io.kubernetes.pod.name"));
	metadata_set_if_unset(&m->pod_namespace,
			      metadata_string(labels, "io.kubernetes.pod.namespace"));
	metadata_set_if_unset(&m->pod_uid, metadata_string(labels, "io.kubernetes.pod.uid"));
	metadata_set_if_unset(&m->pod_container,
			      metadata_string(labels, "io.kubernetes.container.name"));
	m->sandbox = (type && strcmp(type, "podsandbox") == 0) ||
		     (m->pod_name && m->pod_container && strcmp(m->pod_container, "POD") == 0);
	if (restarts && parse_u32(span_str(restarts), &m->restart_count))
		m->has_restart_count = true;
}

static void apply_volumes(struct metadata *m, const json_t *config)
{
	json_t *points = metadata_object(config, "MountPoints"), *point;
	const char *at;

	json_object_foreach(points, at, point)
	{
		const json_t *rw = json_object_get(point, "RW");
		const char *type = metadata_string(point, "Type");
		const char *to = metadata_string(point, "Destination");

		to = to && to[0] ? to : at;
		if (json_is_object(point) && to[0])
			metadata_add_mount(m, type, metadata_string(point, "Source"), to,
					   metadata_string(point, "Name"), json_is_false(rw));
	}
}

static void apply_config(struct metadata *m, const json_t *config)
{
	const json_t *given = metadata_object(config, "Config");
	const char *name = metadata_string(config, "Name");
	const char *seccomp = metadata_string(config, "SeccompProfile");
	const char *digest = metadata_string(metadata_object(config, "ImageManifest"), "digest");

	metadata_set(&m->name, name && name[0] == '/' ? name + 1 : name);
	metadata_set(&m->image, metadata_string(given, "Image"));
	metadata_set_image_id(m, metadata_string(config, "Image"));
	metadata_set_image_id(m, digest); /* containerd's image store leaves Image empty at times */
	metadata_set(&m->user, metadata_string(given, "User"));
	metadata_set(&m->hostname, metadata_string(given, "Hostname"));
	metadata_set_joined(&m->command, metadata_string(config, "Path"),
			    metadata_array(config, "Args"));
	metadata_set_healthcheck(m, metadata_array(metadata_object(given, "Healthcheck"), "Test"),
				 metadata_array(given, "Shell"), "/bin/sh");
	metadata_set_stop_signal(m, metadata_string(given, "StopSignal"));
	metadata_set(&m->log_path, metadata_string(config, "LogPath"));
	metadata_set(&m->apparmor, metadata_string(config, "AppArmorProfile"));
	m->created_unix_ns = metadata_time(config, "Created");
	m->no_new_privileges = metadata_true(config, "NoNewPrivileges");
	if (seccomp && seccomp[0] == '{') /* the client sends the profile's text, not its path */
		metadata_set(&m->seccomp, "custom");
	else if (seccomp && seccomp[0] && strcmp(seccomp, "builtin") != 0)
		metadata_set(&m->seccomp, seccomp);
	apply_state(m, config);
	apply_labels(m, given);
	apply_pod(m, metadata_object(given, "Labels"));
	apply_volumes(m, config);
}

/* --- hostconfig.json --- */

static void apply_requested_capabilities(struct metadata *m, const json_t *host)
{
	json_t *add = metadata_array(host, "CapAdd"), *drop = metadata_array(host, "CapDrop"), *cap;
	bool all = m->privileged, none = false;
	size_t i;

	json_array_foreach(add, i, cap)
	{
		const char *name = json_string_value(cap);

		all = all || (name && strcasecmp(name, "ALL") == 0);
	}
	json_array_foreach(drop, i, cap)
	{
		const char *name = json_string_value(cap);

		none = none || (name && strcasecmp(name, "ALL") == 0);
	}
	if (all)
		metadata_add_all_capabilities(m);
	for (i = 0;
	     !all && !none && i < sizeof(default_capabilities) / sizeof(*default_capabilities); i++)
		metadata_add_capability(m, default_capabilities[i]);
	json_array_foreach(drop, i, cap)
	{
		if (json_is_string(cap) && !m->privileged)
			metadata_drop_capability(m, json_string_value(cap));
	}
	json_array_foreach(add, i, cap)
	{
		if (json_is_string(cap) && strcasecmp(json_string_value(cap), "ALL") != 0)
			metadata_add_capability(m, json_string_value(cap));
	}
}

static void apply_requested_namespaces(struct metadata *m, const json_t *host)
{
	static const char *const modes[][2] = {
		{ "network", "NetworkMode" }, { "pid", "PidMode" },	    { "ipc", "IpcMode" },
		{ "uts", "UTSMode" },	      { "cgroup", "CgroupnsMode" },
	};

	metadata_add_namespace(m, "mount", NULL);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		const char *mode = metadata_string(host, modes[i][1]);
		bool shared = mode &&
			      (strcmp(mode, "host") == 0 || strncmp(mode, "container:", 10) == 0);

		metadata_add_namespace(m, modes[i][0], shared ? mode : NULL);
	}
}

/* For a container without a bundle: what was asked for instead of what was applied. */
static void apply_requested(struct metadata *m, const json_t *host)
{
	bool root = !m->user || strcmp(m->user, "0") == 0 || strcmp(m->user, "root") == 0 ||
		    strncmp(m->user, "0:", 2) == 0 || strncmp(m->user, "root:", 5) == 0;

	if (root) /* others start with no effective capability */
		apply_requested_capabilities(m, host);
	apply_requested_namespaces(m, host);
	metadata_set_if_unset(&m->seccomp, m->privileged ? "unconfined" : "default");
	metadata_set_if_unset(&m->user, "0:0");
	m->details_known = true;
}

/* --- where the files are --- */

static bool container_dir(struct metadata_load *l, const char *root, char *dir)
{
	char path[PATH_MAX];

	return metadata_path(dir, "%s/containers/%s", root, l->id->id) &&
	       metadata_path(path, "%s/config.v2.json", dir) && metadata_exists(l->roots, path);
}

static bool learn_if_root(struct metadata_load *l, const char *inside, unsigned cut, char *root,
			  char *dir)
{
	if (!inside || inside[0] != '/' || !metadata_path(root, "%s", inside) ||
	    !metadata_cut(root, cut) || !container_dir(l, root, dir))
		return false;
	metadata_learn(l->roots, ROOT_DOCKER, root);
	return true;
}

/* dockerd mounts files of ROOT/containers/ID, and ROOT/overlay2/LAYER/merged as the root. */
static bool root_from_bundle(struct metadata_load *l, const json_t *bundle, char *root, char *dir)
{
	static const char *const files[] = { "/etc/hostname", "/etc/hosts", "/etc/resolv.conf" };
	json_t *mounts = metadata_array(bundle, "mounts"), *mount;
	size_t i;

	if (learn_if_root(l, metadata_string(metadata_object(bundle, "root"), "path"), 3, root,
			  dir))
		return true;
	json_array_foreach(mounts, i, mount)
	{
		const char *to = metadata_string(mount, "destination");

		for (size_t k = 0; to && k < sizeof(files) / sizeof(*files); k++) {
			if (strcmp(to, files[k]) == 0 &&
			    learn_if_root(l, metadata_string(mount, "source"), 3, root, dir))
				return true;
		}
	}
	return false;
}

static bool find_container(struct metadata_load *l, const json_t *bundle, char *root, char *dir)
{
	const char *place;

	for (size_t i = 0; (place = metadata_root(l->roots, ROOT_DOCKER, i)); i++) {
		if (container_dir(l, place, dir))
			return metadata_path(root, "%s", place);
	}
	if (root_from_bundle(l, bundle, root, dir))
		return true;
	json_t *daemon = NULL; /* not a file of this container: no reason to call it malformed */

	if (metadata_read_json(l->roots, "/etc/docker/daemon.json", &daemon) < 0)
		return false;
	bool ok = learn_if_root(l, metadata_string(daemon, "data-root"), 0, root, dir) ||
		  learn_if_root(l, metadata_string(daemon, "graph"), 0, root, dir);

	json_decref(daemon);
	return ok;
}

/* The bundle is at the usual places or where the shim says. */
static json_t *read_bundle(struct metadata_load *l, char *bundle)
{
	char path[PATH_MAX];

	if (!metadata_find_task(l->roots, l->id->id, "moby", NULL, bundle) &&
	    !metadata_find_task(l->roots, l->id->id, "moby", metadata_shim(l), bundle))
		return NULL;
	if (!metadata_path(path, "%s/config.json", bundle))
		return NULL;
	return metadata_load_json(l, path);
}

static void apply_layer(struct metadata_load *l, const char *root, const char *driver)
{
	char path[PATH_MAX];
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, METADATA_MAX_FILE + 1);
	if (!driver || (strcmp(driver, "overlay2") != 0 && strcmp(driver, "fuse-overlayfs") != 0) ||
	    !metadata_path(path, "%s/image/%s/layerdb/mounts/%s/mount-id", root, driver, l->id->id))
		return;
	if (metadata_read_file(l->roots, path, &b) < 0)
		return;
	buf_add_char(&b, '\0');
	if (b.failed || !metadata_name_is_safe(b.data))
		return;
	if (metadata_path(path, "%s/%s/%s/diff", root, driver, b.data) &&
	    metadata_exists(l->roots, path))
		metadata_set(&l->m->writable_layer, path);
}

bool metadata_load_docker(struct metadata_load *l)
{
	char root[PATH_MAX], dir[PATH_MAX], path[PATH_MAX], bundle[PATH_MAX];
	AUTO_JSON json_t *oci = read_bundle(l, bundle);
	struct metadata *m = l->m;

	if (!find_container(l, oci, root, dir) || !metadata_path(path, "%s/config.v2.json", dir))
		return false;
	AUTO_JSON json_t *config = metadata_load_json(l, path);
	const char *id = metadata_string(config, "ID");

	if (!json_is_object(config) || (id && strcmp(id, l->id->id) != 0))
		return false;
	m->runtime = RUNTIME_DOCKER;
	apply_config(m, config);
	apply_layer(l, root, metadata_string(config, "Driver"));

	AUTO_JSON json_t *host =
		metadata_path(path, "%s/hostconfig.json", dir) ? metadata_load_json(l, path) : NULL;

	if (json_is_object(host)) {
		m->privileged = metadata_true(host, "Privileged");
		m->read_only_root = metadata_true(host, "ReadonlyRootfs");
	}
	if (json_is_object(oci))
		metadata_apply_oci(l, oci, bundle);
	else if (json_is_object(host))
		apply_requested(m, host);
	metadata_confine_docker(m, config, host);
	return true;
}
