// SPDX-License-Identifier: GPL-2.0-or-later
/* How a container is shut in, from an OCI bundle's config.json and from docker's hostconfig.json.
 * The bundle says what was done; hostconfig.json is for what it does not say. */
#include <string.h>

#include "collector/metadata_internal.h"

void metadata_confine_release(struct metadata_confinement *c)
{
	struct metadata_list *const lists[] = { &c->masked,  &c->read_only, &c->bounding,
						&c->devices, &c->ports,	    &c->rlimits };

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		for (size_t k = 0; k < lists[i]->n; k++)
			free(lists[i]->items[k]);
		free(lists[i]->items);
	}
	free(c->selinux);
	free(c->restart);
	free(c->cgroup_parent);
	free(c->network);
	*c = (struct metadata_confinement){ .known = false };
}

static void add(struct metadata *m, struct metadata_list *l, const char *text)
{
	if (!text || !text[0])
		return;
	char **more = l->n < METADATA_MAX_LIST ? reallocarray(l->items, l->n + 1, sizeof(*l->items))
					       : NULL;

	if (more)
		l->items = more;
	char *copy = more ? strndup(text, METADATA_MAX_STRING) : NULL;

	if (copy)
		l->items[l->n++] = copy;
	else
		m->refused++;
}

static void add_texts(struct metadata *m, struct metadata_list *l, const json_t *array)
{
	size_t i;
	json_t *item;

	json_array_foreach(array, i, item) add(m, l, json_string_value(item));
}

/* Below 1 is without a limit. */
static void take_limit(const json_t *o, const char *key, uint64_t *out)
{
	int64_t n;

	if (*out == 0 && metadata_integer(o, key, &n) && n > 0)
		*out = (uint64_t)n;
}

static void set_propagation(struct metadata *m, const char *at, const char *text)
{
	for (size_t i = 0; at && text && i < m->mounts_n; i++) {
		struct metadata_mount *mount = &m->mounts[i];

		if (!mount->propagation[0] && strcmp(mount->destination, at) == 0)
			snprintf(mount->propagation, sizeof(mount->propagation), "%s", text);
	}
}

/* --- config.json --- */

static void oci_limits(struct metadata_confinement *c, const json_t *resources)
{
	const json_t *cpu = metadata_object(resources, "cpu");

	take_limit(metadata_object(resources, "memory"), "limit", &c->memory_bytes);
	take_limit(metadata_object(resources, "pids"), "limit", &c->pids);
	take_limit(cpu, "shares", &c->cpu_shares);
	take_limit(cpu, "quota", &c->cpu_quota_us);
	take_limit(cpu, "period", &c->cpu_period_us);
	if (metadata_true(metadata_object(resources, "memory"), "disableOOMKiller"))
		c->oom_kill_off = true;
}

/* "a *:* rwm": the rule without a kind and without numbers. */
static bool lets_all_through(const json_t *resources)
{
	json_t *rules = metadata_array(resources, "devices"), *rule;
	bool all = false;
	int64_t n;
	size_t i;

	json_array_foreach(rules, i, rule)
	{
		const char *type = metadata_string(rule, "type");
		const bool any = (!type || !type[0] || strcmp(type, "a") == 0) &&
				 !(metadata_integer(rule, "major", &n) && n >= 0);

		if (any) /* the last word counts */
			all = metadata_true(rule, "allow");
	}
	return all;
}

static void oci_devices(struct metadata *m, const json_t *linux_part)
{
	json_t *devices = metadata_array(linux_part, "devices"), *device;
	char text[512];
	size_t i;

	json_array_foreach(devices, i, device)
	{
		const char *path = metadata_string(device, "path");
		const char *type = metadata_string(device, "type");
		int64_t major = -1, minor = -1;

		if (!path)
			continue;
		(void)metadata_integer(device, "major", &major);
		(void)metadata_integer(device, "minor", &minor);
		snprintf(text, sizeof(text), "%c %lld:%lld %.400s", type && type[0] ? type[0] : '?',
			 (long long)major, (long long)minor, path);
		add(m, &m->confinement.devices, text);
	}
}

static void add_rlimit(struct metadata *m, const json_t *limit, const char *name_key,
		       const char *soft_key, const char *hard_key)
{
	const char *name = metadata_string(limit, name_key);
	int64_t soft = -1, hard = -1; /* beyond what a double holds: without a limit */
	char text[128];

	if (!name)
		return;
	if (strncmp(name, "RLIMIT_", 7) == 0)
		name += 7;
	(void)metadata_integer(limit, soft_key, &soft);
	(void)metadata_integer(limit, hard_key, &hard);
	int n = snprintf(text, sizeof(text), "%.40s=%lld:%lld", name, (long long)soft,
			 (long long)hard);

	for (int i = 0; i < n && text[i] != '='; i++)
		text[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	add(m, &m->confinement.rlimits, text);
}

static void oci_process(struct metadata *m, const json_t *process)
{
	struct metadata_confinement *c = &m->confinement;
	json_t *limits = metadata_array(process, "rlimits"), *limit;
	const json_t *caps = metadata_object(process, "capabilities");
	int64_t n;
	size_t i;

	if (caps) { /* an empty list is left out: none at all */
		add_texts(m, &c->bounding, metadata_array(caps, "bounding"));
		c->bounding_known = true;
	}
	json_array_foreach(limits, i, limit) add_rlimit(m, limit, "type", "soft", "hard");
	metadata_set_if_unset(&c->selinux, metadata_string(process, "selinuxLabel"));
	if (metadata_integer(process, "oomScoreAdj", &n) && n >= -1000 && n <= 1000)
		c->oom_score_adj = (int)n;
}

static void oci_propagation(struct metadata *m, const json_t *config)
{
	static const char *const words[] = { "rshared", "shared",   "rslave",	  "slave",
					     "private", "rprivate", "unbindable", "runbindable" };
	json_t *mounts = metadata_array(config, "mounts"), *mount, *option;
	size_t i, k;

	json_array_foreach(mounts, i, mount)
	{
		json_array_foreach(metadata_array(mount, "options"), k, option)
		{
			const char *text = json_string_value(option);

			for (size_t w = 0; text && w < sizeof(words) / sizeof(*words); w++)
				if (strcmp(text, words[w]) == 0)
					set_propagation(m, metadata_string(mount, "destination"),
							text);
		}
	}
}

void metadata_confine_oci(struct metadata *m, const json_t *config)
{
	struct metadata_confinement *c = &m->confinement;
	const json_t *linux_part = metadata_object(config, "linux");
	const json_t *resources = metadata_object(linux_part, "resources");

	if (c->known || !linux_part)
		return;
	c->known = c->paths_known = true;
	add_texts(m, &c->masked, metadata_array(linux_part, "maskedPaths"));
	add_texts(m, &c->read_only, metadata_array(linux_part, "readonlyPaths"));
	oci_limits(c, resources);
	c->all_devices = lets_all_through(resources);
	oci_devices(m, linux_part);
	oci_process(m, metadata_object(config, "process"));
	oci_propagation(m, config);
}

/* --- docker --- */

static void docker_ports(struct metadata *m, const json_t *host)
{
	json_t *bindings = metadata_object(host, "PortBindings"), *list, *binding;
	const char *inside;
	char text[256];
	size_t i;

	json_object_foreach(bindings, inside, list)
	{
		json_array_foreach(list, i, binding)
		{
			const char *ip = metadata_string(binding, "HostIp");
			const char *port = metadata_string(binding, "HostPort");

			snprintf(text, sizeof(text), "%.64s:%.16s %.64s",
				 ip && ip[0] ? ip : "0.0.0.0", port && port[0] ? port : "0",
				 inside);
			add(m, &m->confinement.ports, text);
		}
	}
}

/* The bundle names a device as the container does; what is exposed is the host's. */
static bool rename_device(struct metadata *m, const char *inside, const char *path)
{
	struct metadata_list *l = &m->confinement.devices;
	char text[512];

	for (size_t i = 0; inside && i < l->n; i++) {
		const char *last = strchr(l->items[i], ' ');

		last = last ? strchr(last + 1, ' ') : NULL;
		if (!last || strcmp(last + 1, inside) != 0)
			continue;
		snprintf(text, sizeof(text), "%.*s %.400s", (int)(last - l->items[i]), l->items[i],
			 path);
		metadata_set(&l->items[i], text);
		return true;
	}
	return false;
}

static void docker_devices(struct metadata *m, const json_t *host, bool bundle)
{
	json_t *devices = metadata_array(host, "Devices"), *device;
	char text[512];
	size_t i;

	json_array_foreach(devices, i, device)
	{
		const char *path = metadata_string(device, "PathOnHost");
		const char *inside = metadata_string(device, "PathInContainer");

		if (!path || rename_device(m, inside, path) || bundle)
			continue;
		snprintf(text, sizeof(text), "? - %.500s", path);
		add(m, &m->confinement.devices, text);
	}
}

/* Who is not root has them in the bounding set alone. */
static void docker_capabilities(struct metadata *m, const json_t *host)
{
	json_t *list = metadata_array(host, "CapAdd"), *one;
	char text[64];
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(one);

		if (!name)
			continue;
		snprintf(text, sizeof(text), "%s%.40s",
			 strncasecmp(name, "CAP_", 4) == 0 ? "" : "CAP_", name);
		for (char *c = text; *c; c++)
			*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
		add(m, &m->confinement.bounding, text);
	}
	m->confinement.bounding_known = true;
}

static void docker_restart(struct metadata_confinement *c, const json_t *host)
{
	const json_t *policy = metadata_object(host, "RestartPolicy");
	const char *name = metadata_string(policy, "Name");
	char text[64];
	int64_t most = 0;

	if (!policy)
		return;
	(void)metadata_integer(policy, "MaximumRetryCount", &most);
	if (name && strcmp(name, "on-failure") == 0)
		snprintf(text, sizeof(text), "on-failure:%lld", (long long)most);
	else
		snprintf(text, sizeof(text), "%.32s", name && name[0] ? name : "no");
	metadata_set_if_unset(&c->restart, text);
}

/* Where there is no bundle any more, or not yet. */
static void docker_asked(struct metadata *m, const json_t *host)
{
	struct metadata_confinement *c = &m->confinement;
	json_t *masked = metadata_array(host, "MaskedPaths");
	json_t *read_only = metadata_array(host, "ReadonlyPaths");
	json_t *limits = metadata_array(host, "Ulimits"), *limit;
	int64_t nano;
	size_t i;

	c->known = true;
	c->paths_known = masked && read_only;
	add_texts(m, &c->masked, masked);
	add_texts(m, &c->read_only, read_only);
	take_limit(host, "Memory", &c->memory_bytes);
	take_limit(host, "PidsLimit", &c->pids);
	take_limit(host, "CpuShares", &c->cpu_shares);
	take_limit(host, "CpuQuota", &c->cpu_quota_us);
	take_limit(host, "CpuPeriod", &c->cpu_period_us);
	if (!c->cpu_quota_us && metadata_integer(host, "NanoCpus", &nano) && nano > 0) {
		c->cpu_period_us = 100000;
		c->cpu_quota_us = (uint64_t)nano / 10000;
	}
	c->all_devices = m->privileged;
	docker_capabilities(m, host);
	json_array_foreach(limits, i, limit) add_rlimit(m, limit, "Name", "Soft", "Hard");
}

void metadata_confine_docker(struct metadata *m, const json_t *config, const json_t *host)
{
	struct metadata_confinement *c = &m->confinement;
	json_t *points = metadata_object(config, "MountPoints"), *point;
	const bool bundle = c->known;
	const char *user, *at;
	int64_t n;

	json_object_foreach(points, at, point)
	{
		const char *to = metadata_string(point, "Destination");

		set_propagation(m, to && to[0] ? to : at, metadata_string(point, "Propagation"));
	}
	if (!json_is_object(host))
		return;
	if (!bundle)
		docker_asked(m, host);
	docker_devices(m, host, bundle);
	user = metadata_string(host, "UsernsMode");
	c->user_namespace_refused = user && strcmp(user, "host") == 0;
	if (metadata_true(host, "OomKillDisable"))
		c->oom_kill_off = true;
	if (metadata_integer(host, "OomScoreAdj", &n) && n >= -1000 && n <= 1000)
		c->oom_score_adj = (int)n;
	metadata_set_if_unset(&c->cgroup_parent, metadata_string(host, "CgroupParent"));
	metadata_set_if_unset(&c->network, metadata_string(host, "NetworkMode"));
	docker_ports(m, host);
	docker_restart(c, host);
}
