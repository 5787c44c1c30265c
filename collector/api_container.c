// SPDX-License-Identifier: GPL-2.0-or-later
/* The JSON object of one container. What is not known is left out or null, never a false 0. */
#include "collector/api_internal.h"

#include <string.h>

#include "collector/exposition_internal.h"

#define SHORT_ID 12

static const char *kind_name(enum cgroup_kind kind)
{
	switch (kind) {
	case CGROUP_ROOT:
		return "root";
	case CGROUP_PARENT:
		return "parent";
	case CGROUP_CONTAINER:
		return "container";
	case CGROUP_SERVICE:
		return "service";
	case CGROUP_OTHER:
		break;
	}
	return "other";
}

static const char *health_name(enum container_health health)
{
	switch (health) {
	case HEALTH_STARTING:
		return "starting";
	case HEALTH_HEALTHY:
		return "healthy";
	case HEALTH_UNHEALTHY:
		return "unhealthy";
	case HEALTH_NONE:
		break;
	}
	return NULL;
}

static json_t *pod_json(const struct metadata *m)
{
	struct api_object o;

	if (!m || (!m->pod_name && !m->pod_uid))
		return json_null();
	o = api_object();
	api_set(&o, "name", api_text(m->pod_name));
	api_set(&o, "namespace", api_text(m->pod_namespace));
	api_set(&o, "uid", api_text(m->pod_uid));
	api_set(&o, "container", api_text(m->pod_container));
	api_set(&o, "sandbox", json_boolean(m->sandbox));
	return api_done(&o);
}

static json_t *labels_json(const struct metadata *m)
{
	json_t *o = json_object();

	for (size_t i = 0; m && i < m->labels_n; i++) {
		json_t *name = api_text(m->labels[i].name); /* made valid UTF-8 */

		if (!name || !json_is_string(name) ||
		    json_object_set_new(o, json_string_value(name), api_text(m->labels[i].value)) <
			    0) {
			json_decref(name);
			json_decref(o);
			return NULL;
		}
		json_decref(name);
	}
	return o;
}

static json_t *limits_json(const struct sample *s)
{
	struct api_object o = api_object();
	bool quota = (s->have & SAMPLE_CPU_SPEC) && s->cpu_quota_us && s->cpu_period_us;

	api_set(&o, "memory_bytes",
		(s->have & SAMPLE_MEMORY_SPEC) && s->memory_limit ? api_number(s->memory_limit)
								  : json_null());
	api_set(&o, "cpu_cores",
		quota ? json_real((double)s->cpu_quota_us / (double)s->cpu_period_us)
		      : json_null());
	api_set(&o, "pids",
		(s->have & SAMPLE_PIDS) && s->threads_max ? api_number(s->threads_max)
							  : json_null());
	return api_done(&o);
}

static json_t *io_json(const struct sample *s)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < s->io_n; i++) {
		const struct sample_io *io = &s->io[i];
		struct api_object o = api_object();

		api_set(&o, "device", api_text(io->device));
		api_set(&o, "read_bytes", api_number(io->read_bytes));
		api_set(&o, "write_bytes", api_number(io->write_bytes));
		api_set(&o, "reads", api_number(io->reads));
		api_set(&o, "writes", api_number(io->writes));
		json_array_append_new(array, api_done(&o));
	}
	return array;
}

static json_t *network_json(const struct sample *s)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < s->net_n; i++) {
		const struct sample_interface *n = &s->net[i];
		struct api_object o = api_object();

		api_set(&o, "interface", api_text(n->name));
		api_set(&o, "receive_bytes", api_number(n->rx_bytes));
		api_set(&o, "transmit_bytes", api_number(n->tx_bytes));
		api_set(&o, "receive_packets", api_number(n->rx_packets));
		api_set(&o, "transmit_packets", api_number(n->tx_packets));
		json_array_append_new(array, api_done(&o));
	}
	return array;
}

static json_t *pressure_json(const struct sample *s)
{
	const struct {
		const char *name;
		uint32_t bit;
		const struct sample_psi *psi;
	} rows[] = {
		{ "cpu", SAMPLE_PSI_CPU, &s->psi_cpu },
		{ "memory", SAMPLE_PSI_MEMORY, &s->psi_memory },
		{ "io", SAMPLE_PSI_IO, &s->psi_io },
	};
	struct api_object all = api_object();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct api_object o;

		if (!(s->have & rows[i].bit))
			continue;
		o = api_object();
		api_set(&o, "some_seconds", api_seconds(rows[i].psi->some_us, 1e6));
		api_set(&o, "full_seconds", api_seconds(rows[i].psi->full_us, 1e6));
		api_set(&all, rows[i].name, api_done(&o));
	}
	return api_done(&all);
}

static json_t *disk_json(const struct sample *s)
{
	struct api_object o = api_object();
	json_t *volumes = json_array();

	for (uint32_t i = 0; i < s->volumes_n; i++) {
		struct api_object v = api_object();

		api_set(&v, "name", api_text(s->volumes[i].name));
		api_set(&v, "bytes", api_number(s->volumes[i].bytes));
		api_set(&v, "inodes", api_number(s->volumes[i].inodes));
		json_array_append_new(volumes, api_done(&v));
	}
	api_set(&o, "layer_bytes", api_number(s->disk_layer_bytes));
	api_set(&o, "layer_inodes", api_number(s->disk_layer_inodes));
	api_set(&o, "log_bytes", api_number(s->disk_log_bytes));
	api_set(&o, "volumes", volumes);
	return api_done(&o);
}

static void set_memory(struct api_object *o, const struct sample *s)
{
	if (s->have & SAMPLE_MEMORY) {
		api_set(o, "memory_bytes", api_number(s->memory_usage));
		api_set(o, "memory_working_set_bytes", api_number(s->memory_working_set));
		api_set(o, "memory_rss_bytes", api_number(s->memory_rss));
		api_set(o, "memory_cache_bytes", api_number(s->memory_cache));
	}
	if (s->have & SAMPLE_MEMORY_SWAP)
		api_set(o, "swap_bytes", api_number(s->memory_swap));
}

static json_t *sample_json(const struct container *c)
{
	const struct sample *s = &c->sample;
	struct api_object o;

	if (s->time_unix_ns == 0)
		return json_null();
	o = api_object();
	api_set(&o, "time", api_time(s->time_unix_ns));
	if (s->have & SAMPLE_CPU) {
		api_set(&o, "cpu_seconds", api_seconds(s->cpu_usage_ns, 1e9));
		api_set(&o, "cpu_user_seconds", api_seconds(s->cpu_user_ns, 1e9));
		api_set(&o, "cpu_system_seconds", api_seconds(s->cpu_system_ns, 1e9));
	}
	api_set(&o, "cpu_cores",
		c->cpu_cores >= 0 && !c->ended ? json_real(c->cpu_cores) : json_null());
	set_memory(&o, s);
	if (s->have & SAMPLE_IO)
		api_set(&o, "io", io_json(s));
	if ((s->have & SAMPLE_NETWORK) && (c->owns_network || c->kind == CGROUP_ROOT))
		api_set(&o, "network", network_json(s));
	if (s->have & SAMPLE_PIDS)
		api_set(&o, "threads", api_number(s->threads));
	if (s->have & SAMPLE_PROCESSES)
		api_set(&o, "processes", api_number(s->processes));
	if (s->have & SAMPLE_FDS) {
		api_set(&o, "fds", api_number(s->fds));
		api_set(&o, "sockets", api_number(s->sockets));
	}
	api_set(&o, "pressure", pressure_json(s));
	api_set(&o, "oom_kills", api_number(c->oom_events));
	if (s->have & SAMPLE_DISK)
		api_set(&o, "disk", disk_json(s));
	return api_done(&o);
}

static json_t *namespaces_json(const struct metadata *m)
{
	json_t *o = json_object();

	/* "private": its own; else "host" or the path of the one that it joined */
	for (size_t i = 0; i < m->namespaces_n; i++)
		json_object_set_new(o, m->namespaces[i].type,
				    m->namespaces[i].path ? api_text(m->namespaces[i].path)
							  : json_string("private"));
	return o;
}

static json_t *security_json(const struct metadata *m)
{
	struct api_object o;
	json_t *capabilities;

	if (!m || !m->details_known)
		return json_null();
	o = api_object();
	capabilities = json_array();
	for (size_t i = 0; i < m->capabilities_n; i++)
		json_array_append_new(capabilities, api_text(m->capabilities[i]));
	api_set(&o, "privileged", json_boolean(m->privileged));
	api_set(&o, "capabilities", capabilities);
	api_set(&o, "seccomp", api_text(m->seccomp));
	api_set(&o, "apparmor", api_text(m->apparmor));
	api_set(&o, "no_new_privileges", json_boolean(m->no_new_privileges));
	api_set(&o, "read_only_root", json_boolean(m->read_only_root));
	api_set(&o, "namespaces", namespaces_json(m));
	return api_done(&o);
}

static json_t *mounts_json(const struct metadata *m)
{
	json_t *array = json_array();

	for (size_t i = 0; m && i < m->mounts_n; i++) {
		struct api_object o = api_object();

		api_set(&o, "type", api_text(m->mounts[i].type));
		api_set(&o, "source", api_text(m->mounts[i].source));
		api_set(&o, "destination", api_text(m->mounts[i].destination));
		api_set(&o, "volume", api_text(m->mounts[i].volume));
		api_set(&o, "read_only", json_boolean(m->mounts[i].read_only));
		json_array_append_new(array, api_done(&o));
	}
	return array;
}

static void set_identity(struct api_object *o, const struct container *c)
{
	const struct metadata *m = c->meta;
	char short_id[SHORT_ID + 1];

	snprintf(short_id, sizeof(short_id), "%.*s", SHORT_ID, c->id.id);
	api_set(o, "key", api_text(c->key));
	api_set(o, "id", api_text(c->id.id));
	api_set(o, "short_id", api_text(short_id));
	api_set(o, "name", api_text(container_name(c)));
	api_set(o, "image", api_known(container_image(c)));
	api_set(o, "image_id", api_known(m ? m->image_id : NULL));
	api_set(o, "runtime", api_known(runtime_name(m ? m->runtime : c->id.runtime)));
	api_set(o, "namespace",
		api_known(m && m->name_space[0] ? m->name_space : c->id.name_space));
	api_set(o, "kind", json_string(kind_name(c->kind)));
	api_set(o, "state", json_string(container_state_name(c)));
	api_set(o, "cgroup", api_text(c->cgroup_path));
	api_set(o, "pod", pod_json(m));
}

static void set_life(struct api_object *o, const struct container *c)
{
	const struct metadata *m = c->meta;

	api_set(o, "created", api_time(c->created_unix_ns));
	api_set(o, "started", api_time(c->started_unix_ns));
	api_set(o, "ended", api_time(c->ended_unix_ns));
	api_set(o, "exit_code", c->has_exit_code ? json_integer(c->exit_code) : json_null());
	api_set(o, "oom_killed", json_boolean(c->oom_killed));
	api_set(o, "restart_count",
		c->restart_count || (m && m->has_restart_count) ? json_integer(c->restart_count)
								: json_null());
	api_set(o, "health", api_text(m ? health_name(m->health) : NULL));
	api_set(o, "pid", c->pid > 0 && !c->ended ? json_integer(c->pid) : json_null());
	api_set(o, "command", api_text(m ? m->command : NULL));
	api_set(o, "user", api_text(m ? m->user : NULL));
}

/* Numbers of the calls that it made, by table; null while they are not noted. */
static json_t *syscalls_json(const struct container *c)
{
	struct api_object o = api_object();
	json_t *native = json_array(), *compat = json_array();

	for (uint32_t n = 0; c->syscalls && n < SYSCALL_WORDS * 64; n++)
		if (c->syscalls[n / 64] >> (n % 64) & 1)
			json_array_append_new(n < 512 ? native : compat, json_integer(n % 512));
	api_set(&o, "native", native);
	api_set(&o, "compat", compat);
	json_t *done = api_done(&o);

	if (c->syscalls)
		return done;
	json_decref(done);
	return json_null();
}

json_t *api_container(const struct container *c, bool details)
{
	const struct metadata *m = c->meta;
	struct api_object o = api_object();

	set_identity(&o, c);
	set_life(&o, c);
	api_set(&o, "labels", labels_json(m));
	api_set(&o, "limits", limits_json(&c->sample));
	api_set(&o, "sample", sample_json(c));
	if (details) {
		api_set(&o, "security", security_json(m));
		api_set(&o, "mounts", mounts_json(m));
		api_set(&o, "hostname", api_text(m ? m->hostname : NULL));
		api_set(&o, "writable_layer", api_text(m ? m->writable_layer : NULL));
		api_set(&o, "log_path", api_text(m ? m->log_path : NULL));
		api_set(&o, "syscalls", syscalls_json(c));
	}
	return api_done(&o);
}
