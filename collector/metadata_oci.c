// SPDX-License-Identifier: GPL-2.0-or-later
/* config.json of OCI bundles, and what Kubernetes says in it. */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "collector/base/io.h"
#include "collector/metadata_internal.h"

#define MAX_MOUNTINFO (4u << 20)
#define MAX_POD_LOGS  1024 /* rotated logs of one container that are looked at */

/* --- config.json --- */

static void apply_process(struct metadata *m, const json_t *config)
{
	const json_t *process = metadata_object(config, "process");
	const json_t *user = metadata_object(process, "user");
	const json_t *caps = metadata_object(process, "capabilities");
	json_t *effective = metadata_array(caps, "effective"), *cap;
	const char *apparmor = metadata_string(process, "apparmorProfile");
	int64_t uid, gid;
	size_t i;

	if (!process)
		return;
	metadata_set_joined(&m->command, NULL, metadata_array(process, "args"));
	if (metadata_integer(user, "uid", &uid) && metadata_integer(user, "gid", &gid)) {
		char text[48];

		snprintf(text, sizeof(text), "%lld:%lld", (long long)uid, (long long)gid);
		metadata_set_if_unset(&m->user, text);
	}
	json_array_foreach(effective, i, cap)
	{
		if (json_is_string(cap))
			metadata_add_capability(m, json_string_value(cap));
	}
	metadata_set_if_unset(&m->apparmor, apparmor && apparmor[0] ? apparmor : "unconfined");
	m->no_new_privileges = metadata_true(process, "noNewPrivileges");
	m->details_known = true;
}

static void apply_namespaces(struct metadata *m, const json_t *linux_part)
{
	static const char *const types[METADATA_MAX_NAMESPACES] = { "mount",  "pid", "network",
								    "ipc",    "uts", "user",
								    "cgroup", "time" };
	json_t *list = metadata_array(linux_part, "namespaces"), *ns;

	if (!list || m->namespaces_n > 0)
		return;
	for (size_t t = 0; t < METADATA_MAX_NAMESPACES; t++) {
		const char *path = "host"; /* what is not made or joined is the runtime's own */
		size_t i;

		json_array_foreach(list, i, ns)
		{
			const char *type = metadata_string(ns, "type");

			if (!type || strcmp(type, types[t]) != 0)
				continue;
			path = metadata_string(ns, "path");
			/* docker's name for the host's network, and the host by its init */
			if (path && (strncmp(path, "/proc/1/ns/", 11) == 0 ||
				     span_ends(span_str(path), "/netns/default")))
				path = "host";
		}
		metadata_add_namespace(m, types[t], path);
	}
}

static bool has_option(const json_t *options, const char *a, const char *b)
{
	json_t *option;
	size_t i;

	json_array_foreach(options, i, option)
	{
		const char *text = json_string_value(option);

		if (text && (strcmp(text, a) == 0 || strcmp(text, b) == 0))
			return true;
	}
	return false;
}

/* podman and nerdctl keep volumes at .../volumes/NAME/_data; fills name[] when this is one. */
static bool volume_of(const char *source, char *name, size_t cap)
{
	const char *end = strstr(source, "/_data"), *start;

	if (!end || end[6] != '\0')
		return false;
	for (start = end; start > source && start[-1] != '/'; start--)
		;
	size_t n = (size_t)(end - start);

	if (n == 0 || n >= cap || start - source < 9 || strncmp(start - 9, "/volumes/", 9) != 0)
		return false;
	snprintf(name, cap, "%.*s", (int)n, start);
	return true;
}

static void apply_mounts(struct metadata *m, const json_t *config)
{
	json_t *mounts = metadata_array(config, "mounts"), *mount;
	size_t i;

	json_array_foreach(mounts, i, mount)
	{
		const char *to = metadata_string(mount, "destination");
		const char *type = metadata_string(mount, "type");
		const char *from = metadata_string(mount, "source");
		const json_t *options = metadata_array(mount, "options");
		char volume[256];
		bool named;

		if (!to || !to[0])
			continue;
		if (!type || !type[0] || strcmp(type, "none") == 0)
			type = has_option(options, "bind", "rbind") ? "bind" : "";
		named = from && strcmp(type, "bind") == 0 &&
			volume_of(from, volume, sizeof(volume));
		metadata_add_mount(m, named ? "volume" : type, from, to, named ? volume : NULL,
				   has_option(options, "ro", "rro"));
	}
}

/* Kubernetes' names, under the keys of containerd's CRI plugin and of the kubelet and CRI-O. */
static void apply_annotations(struct metadata *m, const json_t *annotations)
{
	static const struct {
		const char *key;
		size_t field;
	} names[] = {
		{ "io.kubernetes.cri.sandbox-name", offsetof(struct metadata, pod_name) },
		{ "io.kubernetes.cri.sandbox-namespace", offsetof(struct metadata, pod_namespace) },
		{ "io.kubernetes.cri.sandbox-uid", offsetof(struct metadata, pod_uid) },
		{ "io.kubernetes.cri.container-name", offsetof(struct metadata, pod_container) },
		{ "io.kubernetes.cri.image-name", offsetof(struct metadata, image) },
		{ "io.kubernetes.pod.name", offsetof(struct metadata, pod_name) },
		{ "io.kubernetes.pod.namespace", offsetof(struct metadata, pod_namespace) },
		{ "io.kubernetes.pod.uid", offsetof(struct metadata, pod_uid) },
		{ "io.kubernetes.container.name", offsetof(struct metadata, pod_container) },
	};
	const char *type = metadata_string(annotations, "io.kubernetes.cri.container-type");
	const char *crio = metadata_string(annotations, "io.kubernetes.cri-o.ContainerType");
	const char *restarts = metadata_string(annotations, "io.kubernetes.container.restartCount");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char **field = (char **)(void *)((char *)m + names[i].field);

		metadata_set_if_unset(field, metadata_string(annotations, names[i].key));
	}
	if ((type && strcmp(type, "sandbox") == 0) || (crio && strcmp(crio, "sandbox") == 0))
		m->sandbox = true;
	if (restarts && parse_u32(span_str(restarts), &m->restart_count))
		m->has_restart_count = true;
	metadata_set_stop_signal(
		m, metadata_string(annotations, "org.opencontainers.image.stopSignal"));
}

/* Nothing says "privileged" in a bundle: it is what the flag switches off, all at once. */
static bool looks_privileged(const struct metadata *m, const json_t *linux_part)
{
	const json_t *masked = metadata_array(linux_part, "maskedPaths");

	if (metadata_object(linux_part, "seccomp") || json_array_size(masked) > 0)
		return false;
	for (size_t i = 0; i < m->capabilities_n; i++) {
		if (strcmp(m->capabilities[i], "CAP_SYS_ADMIN") == 0)
			return true;
	}
	return false;
}

/* The upper directory of the overlay that the runtime mounted at the bundle's root. Read from the
 * shim's (or init's) mounts, never from the container's own: it could mount anything there. */
static void find_upper(struct metadata_load *l, const char *root)
{
	pid_t pid = metadata_shim(l)->pid;
	char path[PATH_MAX], upper[PATH_MAX];
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span line, word;

	buf_init(&b, MAX_MOUNTINFO);
	if (!metadata_path(path, "%s/%d/mountinfo", l->roots->proc, pid > 0 ? (int)pid : 1) ||
	    io_read_buf_at(AT_FDCWD, path, &b, NULL) < 0 || b.len == 0)
		return;
	struct span rest = { b.data, b.len };

	while (span_next(&rest, '\n', &line)) {
		size_t field = 0;
		bool ours = false;

		while (field < 5 && span_word(&line, &word))
			field++;
		ours = field == 5 && span_eq(word, root); /* the fifth is the mount point */
		while (ours && span_word(&line, &word))
			;
		if (!ours)
			continue;
		while (span_next(&word, ',', &line)) { /* the last one is the list of options */
			if (span_starts(line, "upperdir=") &&
			    metadata_path(upper, "%.*s", (int)(line.n - 9), line.p + 9) &&
			    upper[0] == '/')
				metadata_set_if_unset(&l->m->writable_layer, upper);
		}
		return;
	}
}

static void apply_root(struct metadata_load *l, const json_t *config, const char *bundle)
{
	const json_t *root = metadata_object(config, "root");
	const char *at = metadata_string(root, "path");
	char path[PATH_MAX];

	l->m->read_only_root = metadata_true(root, "readonly");
	if (!at || !at[0] || l->m->writable_layer)
		return;
	if (!metadata_path(path, "%s%s%s", at[0] == '/' ? "" : bundle, at[0] == '/' ? "" : "/", at))
		return;
	size_t n = strlen(path);

	/* docker's and containers/storage's overlay: LAYER/merged beside LAYER/diff */
	if (n > 7 && n + 1 < sizeof(path) && strcmp(path + n - 7, "/merged") == 0) {
		char diff[PATH_MAX];

		if (metadata_path(diff, "%.*s/diff", (int)(n - 7), path) &&
		    metadata_exists(l->roots, diff)) {
			metadata_set(&l->m->writable_layer, diff);
			return;
		}
	}
	find_upper(l, path);
}

void metadata_apply_oci(struct metadata_load *l, const json_t *config, const char *bundle)
{
	const json_t *linux_part = metadata_object(config, "linux");
	const json_t *annotations = metadata_object(config, "annotations");
	struct metadata *m = l->m;

	apply_process(m, config);
	apply_namespaces(m, linux_part);
	apply_mounts(m, config);
	apply_annotations(m, annotations);
	apply_root(l, config, bundle);
	metadata_set_if_unset(&m->hostname, metadata_string(config, "hostname"));
	if (linux_part) {
		metadata_set_if_unset(&m->seccomp, metadata_object(linux_part, "seccomp")
							   ? "default"
							   : "unconfined");
		if (m->details_known && looks_privileged(m, linux_part))
			m->privileged = true;
	}
	metadata_confine_oci(m, config);
}

/* /var/log/pods/NAMESPACE_POD_UID/CONTAINER/N.log: the highest N is this run, and counts restarts.
 */
void metadata_apply_pod_logs(struct metadata_load *l)
{
	struct metadata *m = l->m;
	char path[PATH_MAX];
	const struct dirent *entry;
	uint32_t best = 0, number;
	bool any = false;

	if (m->log_path || !m->pod_name || !m->pod_namespace || !m->pod_uid || !m->pod_container ||
	    !metadata_name_is_safe(m->pod_container) || strchr(m->pod_name, '/') ||
	    strchr(m->pod_namespace, '/') || strchr(m->pod_uid, '/') ||
	    !metadata_path(path, "/var/log/pods/%s_%s_%s/%s", m->pod_namespace, m->pod_name,
			   m->pod_uid, m->pod_container))
		return;
	AUTO_DIR DIR *dir = metadata_opendir(l->roots, path);

	for (int i = 0; dir && i < MAX_POD_LOGS && (entry = readdir(dir)); i++) {
		struct span name = span_str(entry->d_name);

		if (!span_ends(name, ".log"))
			continue;
		name.n -= 4;
		if (!parse_u32(name, &number) || (any && number < best))
			continue;
		any = true;
		best = number;
	}
	size_t n = strlen(path);

	if (!any ||
	    snprintf(path + n, sizeof(path) - n, "/%u.log", best) >= (int)(sizeof(path) - n))
		return;
	metadata_set(&m->log_path, path);
	if (!m->has_restart_count) {
		m->restart_count = best;
		m->has_restart_count = true;
	}
}
