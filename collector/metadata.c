// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "collector/metadata_internal.h"

void metadata_free(struct metadata *m)
{
	if (!m)
		return;
	char *strings[] = { m->name,	 m->image,	    m->image_id,   m->command,
			    m->user,	 m->hostname,	    m->pod_name,   m->pod_namespace,
			    m->pod_uid,	 m->pod_container,  m->seccomp,	   m->apparmor,
			    m->log_path, m->writable_layer, m->stop_signal };

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		free(strings[i]);
	for (size_t i = 0; i < m->labels_n; i++) {
		free(m->labels[i].name);
		free(m->labels[i].value);
	}
	for (size_t i = 0; i < m->mounts_n; i++)
		metadata_free_mount(&m->mounts[i]);
	for (size_t i = 0; i < m->capabilities_n; i++)
		free(m->capabilities[i]);
	for (size_t i = 0; i < m->namespaces_n; i++)
		free(m->namespaces[i].path);
	metadata_drop_healthcheck(m);
	metadata_confine_release(&m->confinement);
	free(m->labels);
	free(m->mounts);
	free(m->capabilities);
	free(m);
}

typedef bool (*reader_fn)(struct metadata_load *l);

/* The order in which readers are asked. A 64-hex name without a prefix is taken for docker's, and
 * may still be containerd's, podman's or CRI-O's; the other paths leave no doubt. */
static const reader_fn *readers_of(enum runtime runtime)
{
	static const reader_fn any[] = { metadata_load_docker, metadata_load_containerd,
					 metadata_load_storage, metadata_load_runc, NULL };
	static const reader_fn containerd[] = { metadata_load_containerd, metadata_load_docker,
						metadata_load_storage, NULL };
	static const reader_fn storage[] = { metadata_load_storage, NULL };
	static const reader_fn lxc[] = { metadata_load_lxc, NULL };
	static const reader_fn nspawn[] = { metadata_load_nspawn, NULL };
	static const reader_fn runc[] = { metadata_load_runc, NULL };
	static const reader_fn none[] = { NULL };

	switch (runtime) {
	case RUNTIME_NONE:
	case RUNTIME_DOCKER:
		return any;
	case RUNTIME_CONTAINERD:
		return containerd;
	case RUNTIME_CRIO:
	case RUNTIME_PODMAN:
		return storage;
	case RUNTIME_LXC:
		return lxc;
	case RUNTIME_NSPAWN:
		return nspawn;
	case RUNTIME_RUNC:
		return runc;
	case RUNTIME_SYSTEMD:
		return none;
	}
	return none;
}

static bool ask_readers(struct metadata_load *l)
{
	if (l->id->runtime == RUNTIME_SYSTEMD) { /* a service's cgroup lives while it runs */
		l->m->state = STATE_RUNNING;
		return true;
	}
	for (const reader_fn *read = readers_of(l->id->runtime); *read; read++) {
		if ((*read)(l))
			return true;
	}
	return false;
}

int metadata_load(struct metadata **out, const struct metadata_roots *roots,
		  const struct identity *id, const char *cgroup_path, pid_t pid, struct err *e)
{
	if (!metadata_name_is_safe(id->id))
		return err_set(e, ENOENT, "'%s' is no container id", id->id);
	AUTO(metadata_free) struct metadata *m = calloc(1, sizeof(*m));
	AUTO_FREE struct metadata_load *l = calloc(1, sizeof(*l));

	if (!m || !l)
		return err_errno(e, "metadata");
	*l = (struct metadata_load){
		.roots = roots, .id = id, .cgroup_path = cgroup_path, .pid = pid, .m = m
	};
	m->runtime = id->runtime;
	m->health = HEALTH_NONE;
	snprintf(m->name_space, sizeof(m->name_space), "%s", id->name_space);
	metadata_set(&m->pod_uid, id->pod_uid);
	bool found = ask_readers(l);

	/* Anybody with a delegated cgroup can give it a container's name. */
	if (found && pid > 0 && m->pid > 0 && m->pid != pid && cgroup_path &&
	    metadata_is_elsewhere(roots, m->pid, cgroup_path))
		return err_set(e, ENOENT, "'%s' runs in another cgroup", id->id);
	if (!found)
		return l->malformed ? err_set(e, EBADMSG, "unreadable metadata of '%s'", id->id)
				    : err_set(e, ENOENT, "no metadata of '%s'", id->id);
	if (m->runtime == RUNTIME_NONE)
		m->runtime = RUNTIME_RUNC;
	metadata_set_if_unset(&m->name, id->id);
	if (m->state == STATE_UNKNOWN && pid > 0)
		m->state = STATE_RUNNING;
	metadata_fit(m);
	*out = TAKE(m);
	return 0;
}

/* Files of one root that a container's metadata comes from; %s is the id. */
struct stamped {
	enum metadata_root kind;
	const char *suffixes[4];
};

static uint64_t stamp_root(const struct metadata_roots *roots, const char *root, const char *id,
			   const char *const *suffixes)
{
	char path[PATH_MAX];
	uint64_t sum = 0;

	for (size_t i = 0; suffixes[i]; i++) {
		if (!metadata_path(path, "%s%s%s", root, id, suffixes[i]))
			continue;
		/* multiplied, so that the same token at another place differs */
		sum = sum * 31 + metadata_file_token(roots, path, NULL);
	}
	return sum;
}

static uint64_t stamp_kind(const struct metadata_roots *roots, enum metadata_root kind,
			   const char *below, const char *id, const char *const *suffixes)
{
	char root[PATH_MAX];
	const char *at;
	uint64_t sum = 0;

	for (size_t i = 0; !sum && (at = metadata_root(roots, kind, i)); i++) {
		if (metadata_path(root, "%s%s", at, below))
			sum = stamp_root(roots, root, id, suffixes);
	}
	return sum;
}

static uint64_t stamp_task(const struct metadata_roots *roots, const struct identity *id)
{
	static const char *const files[] = { "/config.json", "/init.pid", NULL };
	char bundle[PATH_MAX];

	if (!metadata_find_task(roots, id->id, id->name_space, NULL, bundle))
		return 0;
	return stamp_root(roots, bundle, "", files);
}

static uint64_t stamp_docker(const struct metadata_roots *roots, const struct identity *id)
{
	static const char *const files[] = { "/config.v2.json", "/hostconfig.json", NULL };
	uint64_t sum = stamp_kind(roots, ROOT_DOCKER, "/containers/", id->id, files);

	return sum ? sum * 31 + stamp_task(roots, id) : 0;
}

static uint64_t stamp_storage(const struct metadata_roots *roots, const struct identity *id)
{
	static const char *const files[] = { "/userdata/config.json", NULL };
	static const char *const exits[] = { "", NULL };
	static const char *const states[] = { "/state.json", "/status", NULL };
	uint64_t sum = stamp_kind(roots, ROOT_STORAGE, "/", id->id, files);

	if (!sum)
		return 0;
	sum = sum * 31 + stamp_kind(roots, ROOT_EXITS, "/", id->id, exits);
	return sum * 31 + stamp_kind(roots, ROOT_RUNC, "/", id->id, states);
}

static uint64_t stamp_place(const struct metadata_roots *roots, const char *place,
			    const struct identity *id, const char *suffix)
{
	const char *const files[] = { suffix, NULL };

	return stamp_root(roots, place, id->id, files);
}

uint64_t metadata_stamp(const struct metadata_roots *roots, const struct identity *id)
{
	static const char *const states[] = { "/state.json", "/status", NULL };
	uint64_t sum = 0;

	if (!metadata_name_is_safe(id->id))
		return 0;
	switch (id->runtime) {
	case RUNTIME_NONE:
	case RUNTIME_DOCKER:
		sum = stamp_docker(roots, id);
		break;
	case RUNTIME_LXC:
		sum = stamp_place(roots, "/var/lib/lxc/", id, "/config");
		break;
	case RUNTIME_NSPAWN:
		sum = stamp_place(roots, "/run/systemd/machines/", id, "");
		break;
	case RUNTIME_RUNC:
		sum = stamp_kind(roots, ROOT_RUNC, "/", id->id, states);
		break;
	case RUNTIME_CONTAINERD:
	case RUNTIME_CRIO:
	case RUNTIME_PODMAN:
	case RUNTIME_SYSTEMD:
		break;
	}
	if (!sum && id->runtime <= RUNTIME_CONTAINERD)
		sum = stamp_task(roots, id);
	if (!sum && id->runtime <= RUNTIME_PODMAN)
		sum = stamp_storage(roots, id);
	return sum;
}
