// SPDX-License-Identifier: GPL-2.0-or-later
/* dockerd's settings: flags, else daemon.json. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "collector/base/parse.h"
#include "detector/posture_host.h"

#define VALUE_BYTES 192

enum test { IS, IS_NOT, IS_SET, IS_UNSET };

struct docker_item {
	const char *item, *title, *flag, *key;
	bool is_switch;
	enum test test;
	const char *value;
	const char *usual; /* what counts where it is not set */
	const char *mend;
};

static const struct docker_item items[] = {
	{ "2.2", "containers of the default bridge do not reach each other", "icc", "icc", true, IS,
	  "false", "true", "\"icc\": false in daemon.json" },
	{ "2.3", "the daemon logs as much as it is meant to", "log-level", "log-level", false, IS,
	  "info", "info", "\"log-level\": \"info\" in daemon.json" },
	{ "2.4", "the daemon keeps its rules of the firewall", "iptables", "iptables", true, IS_NOT,
	  "false", "true", "\"iptables\": true in daemon.json" },
	{ "2.5", "no registry is spoken to without TLS", "insecure-registry", "insecure-registries",
	  false, IS_UNSET, "", NULL, "take insecure-registries out of daemon.json" },
	{ "2.6", "the driver aufs is not used", "storage-driver", "storage-driver", false, IS_NOT,
	  "aufs", "overlay2", "\"storage-driver\": \"overlay2\" in daemon.json" },
	{ "2.8", "ulimits of containers are set", "default-ulimit", "default-ulimits", false,
	  IS_SET, "", NULL, "\"default-ulimits\" in daemon.json" },
	{ "2.9", "users of containers are mapped", "userns-remap", "userns-remap", false, IS_SET,
	  "", NULL, "\"userns-remap\": \"default\" in daemon.json" },
	{ "2.10", "containers lie in docker's own cgroup", "cgroup-parent", "cgroup-parent", false,
	  IS_UNSET, "", NULL, "take cgroup-parent out of daemon.json" },
	{ "2.12", "who may do what is asked of a plugin", "authorization-plugin",
	  "authorization-plugins", false, IS_SET, "", NULL,
	  "\"authorization-plugins\" in daemon.json" },
	{ "2.14", "containers gain no new privileges", "no-new-privileges", "no-new-privileges",
	  true, IS, "true", "false", "\"no-new-privileges\": true in daemon.json" },
	{ "2.15", "containers outlive the daemon", "live-restore", "live-restore", true, IS, "true",
	  "false", "\"live-restore\": true in daemon.json" },
	{ "2.16", "ports are forwarded by the kernel alone", "userland-proxy", "userland-proxy",
	  true, IS, "false", "true", "\"userland-proxy\": false in daemon.json" },
	{ "2.17", "the daemon's seccomp profile is on", "seccomp-profile", "seccomp-profile", false,
	  IS_NOT, "unconfined", "builtin", "take seccomp-profile out of daemon.json" },
	{ "2.18", "experimental parts are off", "experimental", "experimental", true, IS_NOT,
	  "true", "false", "\"experimental\": false in daemon.json" },
};

/* A value of daemon.json as text; false: there is none, or an empty list. */
static bool text_of(json_t *v, char out[VALUE_BYTES])
{
	const char *text = json_string_value(v);

	if (json_is_boolean(v))
		text = json_is_true(v) ? "true" : "false";
	if (json_is_number(v))
		snprintf(out, VALUE_BYTES, "%.15g", json_number_value(v));
	else if (text)
		snprintf(out, VALUE_BYTES, "%s", text);
	else if (json_array_size(v) > 0)
		snprintf(out, VALUE_BYTES, "%s%s",
			 json_string_value(json_array_get(v, 0))
				 ? json_string_value(json_array_get(v, 0))
				 : "...",
			 json_array_size(v) > 1 ? ", ..." : "");
	else if (json_object_size(v) > 0)
		snprintf(out, VALUE_BYTES, "%s", json_object_iter_key(json_object_iter(v)));
	else
		return false;
	return true;
}

static const char *value_of(const struct host *h, const char *flag, const char *key, bool is_switch,
			    char out[VALUE_BYTES])
{
	const char *value = host_flag(&h->dockerd, flag, is_switch);

	if (value) {
		snprintf(out, VALUE_BYTES, "%s", value);
		return out;
	}
	return text_of(json_object_get(h->daemon, key), out) ? out : NULL;
}

static bool holds(enum test test, const char *value, const char *wanted)
{
	switch (test) {
	case IS:
		return value && strcasecmp(value, wanted) == 0;
	case IS_NOT:
		return !value || strcasecmp(value, wanted) != 0;
	case IS_SET:
		return value && *value;
	case IS_UNSET:
		return !value || !*value;
	}
	return false;
}

/* daemon.json that is there and could not be read says nothing of what is usual. */
static bool is_unreadable(struct host *h, const char *item, const char *title, const char *value)
{
	if (value || h->daemon || h->daemon_error == -ENOENT)
		return false;
	host_tell(h, HOST_DOCKER, item, title, HOST_UNREADABLE, NULL, "%.128s: %s", h->daemon_path,
		  strerror(-h->daemon_error));
	return true;
}

static void look(struct host *h, const struct docker_item *k)
{
	char text[VALUE_BYTES];
	const char *value = value_of(h, k->flag, k->key, k->is_switch, text);

	if (is_unreadable(h, k->item, k->title, value))
		return;
	host_tell(h, HOST_DOCKER, k->item, k->title,
		  holds(k->test, value ? value : k->usual, k->value) ? HOST_PASS : HOST_FAIL,
		  k->mend, "%s is %s%s%s", k->key, value ? "'" : "not set", value ? value : "",
		  value ? "'" : "");
}

/* 2.1: of the process, for no file says it. */
static void look_at_user(struct host *h)
{
	static const char title[] = "the daemon does not run as root";
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[64];
	struct span rest, line, word;
	uint32_t uid;

	buf_init(&b, 65536);
	snprintf(path, sizeof(path), "/proc/%d/status", h->dockerd.pid);
	if (!h->dockerd.pid || host_read(h, path, &b) < 0) {
		host_tell(h, HOST_DOCKER, "2.1", title, HOST_UNREADABLE, NULL, "%s",
			  h->dockerd.pid ? path : "dockerd does not run");
		return;
	}
	rest = (struct span){ b.data, b.len };
	while (span_next(&rest, '\n', &line)) {
		if (!span_starts(line, "Uid:"))
			continue;
		line = (struct span){ line.p + 4, line.n - 4 };
		if (span_word(&line, &word) && parse_u32(word, &uid))
			host_tell(h, HOST_DOCKER, "2.1", title, uid ? HOST_PASS : HOST_FAIL,
				  "run docker rootless: dockerd-rootless-setuptool.sh install",
				  "its user is %u", uid);
		return;
	}
}

static bool listens_on_tcp(const struct host *h, char out[VALUE_BYTES])
{
	json_t *hosts = json_object_get(h->daemon, "hosts"), *one;
	const char *text;
	size_t k;

	for (size_t i = 1; i < h->dockerd.n; i++) {
		text = strstr(h->dockerd.words[i], "tcp://");
		if (text) {
			snprintf(out, VALUE_BYTES, "%s", text);
			return true;
		}
	}
	json_array_foreach(hosts, k, one)
	{
		text = json_string_value(one);
		if (text && strncmp(text, "tcp://", 6) == 0) {
			snprintf(out, VALUE_BYTES, "%s", text);
			return true;
		}
	}
	return false;
}

static void look_at_tcp(struct host *h)
{
	static const char title[] = "clients over TCP need a certificate";
	char address[VALUE_BYTES], text[VALUE_BYTES];
	const char *verify = value_of(h, "tlsverify", "tlsverify", true, text);

	if (is_unreadable(h, "2.7", title, verify))
		return;
	if (!listens_on_tcp(h, address))
		host_tell(h, HOST_DOCKER, "2.7", title, HOST_ABSENT, NULL, "%s",
			  "the daemon does not listen on TCP");
	else
		host_tell(h, HOST_DOCKER, "2.7", title,
			  verify && strcmp(verify, "true") == 0 ? HOST_PASS : HOST_FAIL,
			  "\"tlsverify\": true with tlscacert, tlscert and tlskey in daemon.json",
			  "it listens on %.128s, tlsverify is %s", address,
			  verify ? verify : "not set");
}

static void look_at_options(struct host *h)
{
	static const char base[] = "the size of a container's device is the usual one";
	static const char log[] = "logs of containers go to another place";
	static const char *const local[] = { "json-file", "local", "none" };
	json_t *options = json_object_get(h->daemon, "storage-opts"), *one;
	char text[VALUE_BYTES];
	const char *driver = value_of(h, "log-driver", "log-driver", false, text);
	const char *option = host_flag(&h->dockerd, "storage-opt", false);
	bool away = driver != NULL;
	size_t i;

	json_array_foreach(options, i, one) if (json_string_value(one) &&
						strstr(json_string_value(one), "dm.basesize"))
		option = json_string_value(one);
	if (!is_unreadable(h, "2.11", base, option)) {
		const bool sized = option && strstr(option, "dm.basesize");

		host_tell(h, HOST_DOCKER, "2.11", base, sized ? HOST_FAIL : HOST_PASS,
			  "take dm.basesize out of storage-opts in daemon.json", "%.128s",
			  sized ? option : "dm.basesize is not set");
	}
	for (i = 0; driver && i < sizeof(local) / sizeof(local[0]); i++)
		away = away && strcmp(driver, local[i]) != 0;
	if (!is_unreadable(h, "2.13", log, driver))
		host_tell(h, HOST_DOCKER, "2.13", log, away ? HOST_PASS : HOST_FAIL,
			  "\"log-driver\": \"journald\", \"syslog\" or another in daemon.json",
			  "log-driver is %s", driver ? driver : "not set");
}

void host_docker_settings(struct host *h)
{
	if (!h->has_docker)
		return;
	look_at_user(h);
	look_at_tcp(h);
	look_at_options(h);
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		look(h, &items[i]);
}
