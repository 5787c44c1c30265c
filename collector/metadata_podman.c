// SPDX-License-Identifier: GPL-2.0-or-later
/* podman and CRI-O keep containers in containers/storage: overlay-containers/containers.json has
 * names and images, overlay-containers/ID/userdata the OCI bundle. conmon leaves the exit code. */
#include <fcntl.h>
#include <nettle/base64.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/metadata_internal.h"

#define MAX_EVENT_BYTES (256u << 10) /* of podman's event log, from its end */

struct storage {
	char root[PATH_MAX];   /* .../overlay-containers */
	char bundle[PATH_MAX]; /* root/ID/userdata */
};

static bool bundle_below(struct metadata_load *l, const char *root, struct storage *s)
{
	char path[PATH_MAX];

	return metadata_path(s->root, "%s", root) &&
	       metadata_path(s->bundle, "%s/%s/userdata", root, l->id->id) &&
	       metadata_path(path, "%s/config.json", s->bundle) && metadata_exists(l->roots, path);
}

static bool find_storage(struct metadata_load *l, struct storage *s)
{
	const struct metadata_shim *shim;
	const char *place;
	char root[PATH_MAX];

	for (size_t i = 0; (place = metadata_root(l->roots, ROOT_STORAGE, i)); i++) {
		if (bundle_below(l, place, s))
			return true;
	}
	shim = metadata_shim(l);
	if (shim->kind != SHIM_CONMON || strcmp(shim->id, l->id->id) != 0 ||
	    !metadata_path(root, "%s", shim->bundle) || !metadata_cut(root, 2) ||
	    !bundle_below(l, root, s))
		return false;
	metadata_learn(l->roots, ROOT_STORAGE, root);
	if (shim->exit_dir[0])
		metadata_learn(l->roots, ROOT_EXITS, shim->exit_dir);
	return true;
}

/* --- containers.json --- */

static void apply_entry(struct metadata *m, const json_t *entry)
{
	const char *name = json_string_value(json_array_get(metadata_array(entry, "names"), 0));
	const char *text = metadata_string(entry, "metadata");
	AUTO_JSON json_t *more = text ? json_loads(text, JSON_DECODE_INT_AS_REAL, NULL) : NULL;

	metadata_set_if_unset(&m->name, name);
	metadata_set_image_id(m, metadata_string(entry, "image"));
	metadata_set_if_unset(&m->image, metadata_string(more, "image-name"));
	metadata_set_image_id(m, metadata_string(more, "image-id"));
	if (!m->created_unix_ns)
		m->created_unix_ns = metadata_time(entry, "created");
}

static bool apply_index(struct metadata_load *l, const char *root, const char *file)
{
	char path[PATH_MAX];
	json_t *index = NULL, *entry;
	bool found = false;
	size_t i;

	if (!metadata_path(path, "%s/%s", root, file) ||
	    metadata_read_json(l->roots, path, &index) < 0)
		return false;
	json_array_foreach(index, i, entry)
	{
		const char *id = metadata_string(entry, "id");

		if (!id || strcmp(id, l->id->id) != 0)
			continue;
		apply_entry(l->m, entry);
		found = true;
		break;
	}
	json_decref(index);
	return found;
}

static void apply_indexes(struct metadata_load *l, const struct storage *s)
{
	const char *place;

	if (apply_index(l, s->root, "containers.json") ||
	    apply_index(l, s->root, "volatile-containers.json"))
		return;
	/* CRI-O's bundle is below /run, its index below /var/lib */
	for (size_t i = 0; (place = metadata_root(l->roots, ROOT_STORAGE, i)); i++) {
		if (strcmp(place, s->root) != 0 &&
		    (apply_index(l, place, "containers.json") ||
		     apply_index(l, place, "volatile-containers.json")))
			return;
	}
}

/* --- annotations --- */

static void apply_crio(struct metadata *m, const json_t *annotations)
{
	const char *labels_text = metadata_string(annotations, "io.kubernetes.cri-o.Labels");
	AUTO_JSON json_t *labels =
		labels_text ? json_loads(labels_text, JSON_DECODE_INT_AS_REAL, NULL) : NULL;
	const char *name;
	json_t *value;

	metadata_set(&m->name, metadata_string(annotations, "io.kubernetes.cri-o.Name"));
	metadata_set(&m->image, metadata_string(annotations, "io.kubernetes.cri-o.ImageName"));
	metadata_set_image_id(m, metadata_string(annotations, "io.kubernetes.cri-o.ImageRef"));
	metadata_set_image_id(m, metadata_string(annotations, "io.kubernetes.cri-o.Image"));
	metadata_set(&m->log_path, metadata_string(annotations, "io.kubernetes.cri-o.LogPath"));
	json_object_foreach(labels, name, value)
	{
		if (json_is_string(value))
			metadata_add_label(m, name, json_string_value(value));
	}
}

/* podman's own notes say nothing about the container; the rest was given with --annotation. */
static bool is_own_annotation(const char *name)
{
	static const char *const prefixes[] = { "io.podman.annotations.", "io.kubernetes.cri-o.",
						"io.container.manager",
						"org.opencontainers.image.stopSignal" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		if (span_starts(span_str(name), prefixes[i]))
			return true;
	}
	return false;
}

static void apply_annotations(struct metadata_load *l, const json_t *config)
{
	json_t *annotations = metadata_object(config, "annotations"), *value;
	const char *manager = metadata_string(annotations, "io.container.manager");
	const char *privileged = metadata_string(annotations, "io.podman.annotations.privileged");
	const char *seccomp = metadata_string(annotations, "io.podman.annotations.seccomp");
	const char *name;
	struct metadata *m = l->m;
	bool podman = manager ? strcmp(manager, "libpod") == 0
			      : !metadata_string(annotations, "io.kubernetes.cri-o.Name");

	m->runtime = podman ? RUNTIME_PODMAN : RUNTIME_CRIO;
	if (!m->created_unix_ns)
		m->created_unix_ns = metadata_time(annotations, "io.kubernetes.cri-o.Created");
	if (!podman)
		apply_crio(m, annotations);
	if (privileged && strcmp(privileged, "TRUE") == 0)
		m->privileged = true;
	if (podman)
		metadata_set(&m->seccomp, seccomp);
	json_object_foreach(annotations, name, value)
	{
		if (json_is_string(value) && !is_own_annotation(name))
			metadata_add_label(m, name, json_string_value(value));
	}
}

/* --- exits and events --- */

static void apply_exit(struct metadata_load *l, const struct storage *s)
{
	char path[PATH_MAX];
	const char *place;
	struct metadata *m = l->m;
	int64_t code;

	if (m->state == STATE_RUNNING || m->state == STATE_PAUSED)
		return;
	for (size_t i = 0; (place = metadata_root(l->roots, ROOT_EXITS, i)); i++) {
		if (!metadata_path(path, "%s/%s", place, l->id->id) ||
		    !metadata_read_number(l->roots, path, &code) || code < 0 || code > 255)
			continue;
		m->exit_code = (int)code;
		m->has_exit = true;
		m->state = STATE_EXITED;
		(void)metadata_file_token(l->roots, path, &m->finished_unix_ns);
		break;
	}
	if (metadata_path(path, "%s/oom", s->bundle) && metadata_exists(l->roots, path))
		m->oom_killed = true; /* conmon makes this file */
}

static void apply_event(struct metadata_load *l, const json_t *event)
{
	const char *status = metadata_string(event, "Status");
	json_t *attributes = metadata_object(event, "Attributes"), *value;
	const char *id = metadata_string(event, "ID"), *name;
	struct metadata *m = l->m;
	int64_t code;

	if (!status || !id || strcmp(id, l->id->id) != 0)
		return;
	if (strcmp(status, "create") == 0) {
		json_object_foreach(attributes, name, value)
		{
			if (json_is_string(value) && !metadata_label(m, name))
				metadata_add_label(m, name, json_string_value(value));
		}
	} else if (strcmp(status, "rename") == 0) {
		metadata_set(&m->name, metadata_string(event, "Name"));
	} else if (strcmp(status, "start") == 0) {
		m->started_unix_ns = metadata_time(event, "Time");
	} else if (strcmp(status, "died") == 0 && m->state != STATE_RUNNING &&
		   m->state != STATE_PAUSED &&
		   metadata_integer(event, "ContainerExitCode", &code) && code >= 0 &&
		   code <= 255) {
		m->exit_code = (int)code;
		m->has_exit = true;
		m->state = STATE_EXITED;
		m->finished_unix_ns = metadata_time(event, "Time");
	}
}

/* podman removes the exit file soon after; its event log, when it is a file, keeps the code. The
 * labels of podman 4 are in a database, and here. */
static void apply_events(struct metadata_load *l, const char *exits)
{
	char path[PATH_MAX];
	struct stat st;

	if (!metadata_path(path, "%s", exits) || !metadata_cut(path, 1))
		return;
	size_t n = strlen(path);

	if (snprintf(path + n, sizeof(path) - n, "/events/events.log") >= (int)(sizeof(path) - n))
		return;
	AUTO_FD int fd = metadata_open(l->roots, path, O_RDONLY);
	AUTO_FREE char *text = NULL;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != metadata_trusted_uid || !(text = malloc(MAX_EVENT_BYTES)))
		return;
	off_t from = st.st_size > MAX_EVENT_BYTES ? st.st_size - MAX_EVENT_BYTES : 0;
	ssize_t got = pread(fd, text, MAX_EVENT_BYTES, from);
	struct span rest = { text, got < 0 ? 0 : (size_t)got }, line;

	while (span_next(&rest, '\n', &line)) {
		if (!memmem(line.p, line.n, l->id->id, strlen(l->id->id)))
			continue;
		AUTO_JSON json_t *event =
			json_loadb(line.p, line.n, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);

		apply_event(l, event);
	}
}

/* The container's own settings are in podman's database, which no reader of files may open; those
 * of its image are in a file beside, named "=" and the base64 of the image's id. */
static void apply_image(struct metadata_load *l, const struct storage *s)
{
	char root[PATH_MAX], path[PATH_MAX], name[BASE64_ENCODE_RAW_LENGTH(80) + 1] = "";
	const char *id = l->m->image_id;
	size_t n = id ? strlen(id) : 0;
	json_t *image = NULL;

	if (l->m->runtime != RUNTIME_PODMAN || n <= 7 || n > 80 ||
	    !metadata_path(root, "%s", s->root) || !metadata_cut(root, 1))
		return;
	base64_encode_raw(name, n, (const uint8_t *)id);
	if (!metadata_path(path, "%s/overlay-images/%s/=%s", root, id + 7, name) ||
	    metadata_read_json(l->roots, path, &image) < 0)
		return;
	const json_t *given = metadata_object(image, "config");

	metadata_set_healthcheck(
		l->m, metadata_array(metadata_object(given, "Healthcheck"), "Test"), NULL, "sh");
	json_decref(image);
}

static void apply_log(struct metadata_load *l, const struct storage *s)
{
	char path[PATH_MAX];

	if (l->m->log_path)
		return;
	if (l->shim_known && l->shim.kind == SHIM_CONMON && l->shim.log_path[0])
		metadata_set(&l->m->log_path, l->shim.log_path);
	else if (metadata_path(path, "%s/ctr.log", s->bundle) && metadata_exists(l->roots, path))
		metadata_set(&l->m->log_path, path);
}

bool metadata_load_storage(struct metadata_load *l)
{
	AUTO_FREE struct storage *s = malloc(sizeof(*s));
	char path[PATH_MAX];
	const char *place;

	if (!s || !find_storage(l, s) || !metadata_path(path, "%s/config.json", s->bundle))
		return false;
	AUTO_JSON json_t *config = metadata_load_json(l, path);

	if (!json_is_object(config))
		return false;
	apply_annotations(l, config);
	metadata_apply_oci(l, config, s->bundle);
	apply_indexes(l, s);
	apply_image(l, s);
	apply_log(l, s);
	for (size_t i = 0; (place = metadata_root(l->roots, ROOT_RUNC, i)); i++) {
		if (metadata_apply_state(l, place, l->id->id, NULL))
			break;
	}
	if (l->m->state == STATE_UNKNOWN && l->pid > 0)
		l->m->state = STATE_RUNNING;
	for (size_t i = 0;
	     l->m->runtime == RUNTIME_PODMAN && (place = metadata_root(l->roots, ROOT_EXITS, i));
	     i++)
		apply_events(l, place);
	apply_exit(l, s);
	metadata_apply_pod_logs(l);
	return true;
}
