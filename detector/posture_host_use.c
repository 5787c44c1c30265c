// SPDX-License-Identifier: GPL-2.0-or-later
/* The host below docker (section 1), its images, containers and swarm (4 to 7). */
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/metadata_internal.h"
#include "detector/posture_host.h"

#define FEW_IMAGES    10 /* fewer are no sprawl */
#define MANY_STOPPED  25
#define MANY_MANAGERS 7

/* --- section 1 --- */

static bool own_file_system(struct span mountinfo, const char *path)
{
	struct span line, field[5];

	while (span_next(&mountinfo, '\n', &line)) {
		size_t n = 0;

		while (n < 5 && span_word(&line, &field[n]))
			n++;
		/* docker binds the folder to itself at times: then its root is not "/" */
		if (n == 5 && span_eq(field[4], path) && span_eq(field[3], "/"))
			return true;
	}
	return false;
}

static void look_at_partition(struct host *h)
{
	static const char title[] = "docker's data has a file system of its own";
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, HOST_MAX_FILE);
	if (host_read(h, "/proc/1/mountinfo", &b) < 0) {
		host_tell(h, HOST_DOCKER, "1.1.1", title, HOST_UNREADABLE, NULL, "%s",
			  "/proc/1/mountinfo");
		return;
	}
	const bool own = own_file_system((struct span){ b.data, b.len }, h->data_root);

	host_tell(h, HOST_DOCKER, "1.1.1", title, own ? HOST_PASS : HOST_FAIL,
		  "mount a file system of its own at docker's data-root",
		  "%.128s is %sa mount point", h->data_root, own ? "" : "not ");
}

static void look_at_group(struct host *h)
{
	static const char title[] = "nobody but root may speak to docker";
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span rest, line, field;

	buf_init(&b, HOST_MAX_FILE);
	if (host_read(h, "/etc/group", &b) < 0) {
		host_tell(h, HOST_DOCKER, "1.1.2", title, HOST_UNREADABLE, NULL, "/etc/group");
		return;
	}
	rest = (struct span){ b.data, b.len };
	while (span_next(&rest, '\n', &line)) {
		if (!span_starts(line, "docker:"))
			continue;
		for (int i = 0; i < 4 && span_next(&line, ':', &field); i++)
			;
		host_tell(h, HOST_DOCKER, "1.1.2", title, field.n ? HOST_FAIL : HOST_PASS,
			  "gpasswd -d USER docker: who is in it is root on this host",
			  "in the group docker: %.*s", (int)(field.n ? field.n : 6),
			  field.n ? field.p : "nobody");
		return;
	}
	host_tell(h, HOST_DOCKER, "1.1.2", title, HOST_PASS, NULL, "%s",
		  "there is no group docker");
}

struct rules {
	struct host *h;
	struct buf text; /* of all files of rules */
	bool any;
};

static void add_rules(struct rules *r, const char *path)
{
	r->any = host_read(r->h, path, &r->text) == 0 || r->any;
	buf_add_char(&r->text, '\n');
}

static bool take_rules(void *ctx, const char *name)
{
	char path[320];

	if (span_ends(span_str(name), ".rules")) {
		snprintf(path, sizeof(path), "/etc/audit/rules.d/%s", name);
		add_rules(ctx, path);
	}
	return true;
}

/* "-w PATH", "-F path=PATH", "-F dir=PATH" */
static bool is_watched(struct span rules, const char *path)
{
	struct span line, word;

	while (span_next(&rules, '\n', &line)) {
		bool is_path = false;

		if (span_starts(line, "#"))
			continue;
		while (span_word(&line, &word)) {
			if (span_starts(word, "path="))
				word = (struct span){ word.p + 5, word.n - 5 };
			else if (span_starts(word, "dir="))
				word = (struct span){ word.p + 4, word.n - 4 };
			else if (!is_path) {
				is_path = span_eq(word, "-w");
				continue;
			}
			is_path = false;
			while (word.n > 1 && word.p[word.n - 1] == '/')
				word.n--;
			if (span_eq(word, path))
				return true;
		}
	}
	return false;
}

static void look_at_audit(struct host *h)
{
	const struct {
		const char *item, *title;
		const char *paths[4]; /* the first that is there */
	} list[] = {
		{ "1.1.3",
		  "dockerd is audited",
		  { "/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd" } },
		{ "1.1.4", "/run/containerd is audited", { "/run/containerd" } },
		{ "1.1.5", "docker's data is audited", { h->data_root } },
		{ "1.1.6", "/etc/docker is audited", { "/etc/docker" } },
		{ "1.1.7",
		  "docker.service is audited",
		  { "/etc/systemd/system/docker.service", "/lib/systemd/system/docker.service",
		    "/usr/lib/systemd/system/docker.service" } },
		{ "1.1.8", "containerd.sock is audited", { "/run/containerd/containerd.sock" } },
		{ "1.1.9",
		  "docker.socket is audited",
		  { "/etc/systemd/system/docker.socket", "/lib/systemd/system/docker.socket",
		    "/usr/lib/systemd/system/docker.socket" } },
		{ "1.1.10", "/etc/default/docker is audited", { "/etc/default/docker" } },
		{ "1.1.11", "daemon.json is audited", { h->daemon_path } },
		{ "1.1.12",
		  "containerd's settings are audited",
		  { "/etc/containerd/config.toml" } },
		{ "1.1.13", "/etc/sysconfig/docker is audited", { "/etc/sysconfig/docker" } },
		{ "1.1.14",
		  "containerd is audited",
		  { "/usr/bin/containerd", "/usr/local/bin/containerd" } },
		{ "1.1.15", "containerd-shim is audited", { "/usr/bin/containerd-shim" } },
		{ "1.1.16",
		  "containerd-shim-runc-v1 is audited",
		  { "/usr/bin/containerd-shim-runc-v1" } },
		{ "1.1.17",
		  "containerd-shim-runc-v2 is audited",
		  { "/usr/bin/containerd-shim-runc-v2" } },
		{ "1.1.18", "runc is audited", { "/usr/bin/runc", "/usr/sbin/runc" } },
	};
	struct rules r = { .h = h, .text = { .fd = -1 } };

	buf_init(&r.text, HOST_MAX_FILE);
	add_rules(&r, "/etc/audit/audit.rules");
	host_each(h, "/etc/audit/rules.d", take_rules, &r);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const char *path = NULL;
		char mend[256];

		for (size_t k = 0; k < 4 && list[i].paths[k] && !path; k++)
			path = host_exists(h, list[i].paths[k]) ? list[i].paths[k] : NULL;
		if (!path) {
			host_tell(h, HOST_DOCKER, list[i].item, list[i].title, HOST_ABSENT, NULL,
				  "%.128s is not there", list[i].paths[0]);
			continue;
		}
		const bool good = is_watched((struct span){ r.text.data, r.text.len }, path);

		snprintf(mend, sizeof(mend),
			 "-w %.128s -k docker in /etc/audit/rules.d/docker.rules", path);
		host_tell(h, HOST_DOCKER, list[i].item, list[i].title, good ? HOST_PASS : HOST_FAIL,
			  mend, "%s%.128s",
			  good	  ? "a rule for "
			  : r.any ? "no rule for "
				  : "no rules of audit at all; none for ",
			  path);
	}
	buf_release(&r.text);
}

void host_docker_start(struct host *h)
{
	if (!h->has_docker) {
		host_tell(h, HOST_DOCKER, "1", "this host has docker", HOST_ABSENT, NULL, "%s",
			  "no dockerd, and no file of it");
		return;
	}
	look_at_partition(h);
	look_at_group(h);
	look_at_audit(h);
}

/* --- images and containers --- */

struct use {
	struct host *h;
	const char *folder;
	unsigned images, as_root, without_check, used, containers, running, damaged;
	uint64_t oldest_unix_ns;
	char in_use[256][72]; /* ids of images of containers */
};

static bool take_image(void *ctx, const char *name)
{
	struct use *u = ctx;
	json_t *image = NULL;
	char path[1024];

	snprintf(path, sizeof(path), "%s/%.80s", u->folder, name);
	if (host_read_json(u->h, path, &image) < 0) {
		u->damaged++;
		return true;
	}
	const json_t *config = metadata_object(image, "config");
	const char *user = metadata_string(config, "User");
	const uint64_t made = metadata_time(image, "created");

	u->images++;
	u->as_root += !user || !user[0] || strcmp(user, "0") == 0 || strcmp(user, "root") == 0;
	u->without_check += !metadata_object(config, "Healthcheck");
	if (made && (!u->oldest_unix_ns || made < u->oldest_unix_ns))
		u->oldest_unix_ns = made;
	json_decref(image);
	return true;
}

static bool take_container(void *ctx, const char *name)
{
	struct use *u = ctx;
	json_t *config = NULL;
	char path[1024];
	unsigned i = 0;

	snprintf(path, sizeof(path), "%s/%.80s/config.v2.json", u->folder, name);
	if (host_read_json(u->h, path, &config) < 0) {
		u->damaged++;
		return true;
	}
	const char *image = metadata_string(config, "Image");

	u->containers++;
	u->running += metadata_true(metadata_object(config, "State"), "Running");
	while (image && i < u->used && strncmp(u->in_use[i], image, 71) != 0)
		i++;
	if (image && i == u->used && i < sizeof(u->in_use) / sizeof(u->in_use[0]))
		snprintf(u->in_use[u->used++], sizeof(u->in_use[0]), "%.71s", image);
	json_decref(config);
	return true;
}

static void tell_images(struct host *h, const struct use *u, int r)
{
	static const char user[] = "images name a user", check[] = "images have a health check";
	static const char sprawl[] = "images that nobody uses are removed";
	const uint64_t now = unix_ns();
	const uint64_t days = u->oldest_unix_ns && u->oldest_unix_ns < now
				      ? (now - u->oldest_unix_ns) / NS_PER_S / 86400
				      : 0;

	if (r < 0 || u->images == 0) {
		const enum host_outcome o = r < 0 && r != -ENOENT && r != -ENOTDIR ? HOST_UNREADABLE
										   : HOST_ABSENT;
		const char *why = r < 0 ? strerror(-r) : "no image";

		host_tell(h, HOST_DOCKER, "4.1", user, o, NULL, "%s", why);
		host_tell(h, HOST_DOCKER, "4.6", check, o, NULL, "%s", why);
		host_tell(h, HOST_DOCKER, "6.1", sprawl, o, NULL, "%s", why);
		return;
	}
	host_tell(h, HOST_DOCKER, "4.1", user, u->as_root ? HOST_FAIL : HOST_PASS,
		  "add USER to their Dockerfiles", "%u of %u images run as root", u->as_root,
		  u->images);
	host_tell(h, HOST_DOCKER, "4.6", check, u->without_check ? HOST_FAIL : HOST_PASS,
		  "add HEALTHCHECK to their Dockerfiles", "%u of %u images have none",
		  u->without_check, u->images);
	host_tell(h, HOST_DOCKER, "6.1", sprawl,
		  u->images >= FEW_IMAGES && u->used * 2 < u->images ? HOST_FAIL : HOST_PASS,
		  "docker image prune -a", "%u images, %u of them used, the oldest %llu days old",
		  u->images, u->used, (unsigned long long)days);
}

static void look_at_use(struct host *h)
{
	AUTO_FREE struct use *u = calloc(1, sizeof(*u));
	char images[640], containers[640];
	static const char title[] = "containers that have ended are removed";

	if (!u) {
		h->failed = true;
		return;
	}
	snprintf(images, sizeof(images), "%s/image/overlay2/imagedb/content/sha256", h->data_root);
	snprintf(containers, sizeof(containers), "%s/containers", h->data_root);
	u->h = h;
	u->folder = containers;
	const int r = host_each(h, containers, take_container, u);

	u->folder = images;
	tell_images(h, u, host_each(h, images, take_image, u));
	if (r < 0)
		host_tell(h, HOST_DOCKER, "6.2", title,
			  r == -ENOENT || r == -ENOTDIR ? HOST_ABSENT : HOST_UNREADABLE, NULL,
			  "%.128s: %s", containers, strerror(-r));
	else
		host_tell(h, HOST_DOCKER, "6.2", title,
			  u->containers - u->running > MANY_STOPPED ? HOST_FAIL : HOST_PASS,
			  "docker container prune", "%u containers, %u of them run", u->containers,
			  u->running);
}

static void look_at_trust(struct host *h)
{
	static const char *const files[] = { "/etc/environment", "/etc/default/docker",
					     "/etc/profile.d/docker.sh" };
	const char *found = NULL;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !found; i++) {
		AUTO_BUF struct buf b = { .fd = -1 };

		buf_init(&b, HOST_MAX_FILE);
		if (host_read(h, files[i], &b) == 0 && b.len > 0 &&
		    memmem(b.data, b.len, "DOCKER_CONTENT_TRUST=1", 22))
			found = files[i];
	}
	host_tell(h, HOST_DOCKER, "4.5", "only signed images are used",
		  found ? HOST_PASS : HOST_FAIL, "DOCKER_CONTENT_TRUST=1 in /etc/environment",
		  "DOCKER_CONTENT_TRUST is %s%s", found ? "set in " : "not set",
		  found ? found : "");
}

/* --- swarm --- */

static const struct {
	const char *item, *title;
} swarm_items[] = {
	{ "7.1", "there are no more managers than needed" },
	{ "7.2", "swarm listens on one address" },
	{ "7.3", "networks of swarm are encrypted" },
	{ "7.4", "secrets are kept by docker" },
	{ "7.5", "managers are locked when they start" },
	{ "7.6", "the key of the lock is changed" },
	{ "7.7", "certificates of nodes are changed" },
	{ "7.8", "the certificate of the authority is changed" },
	{ "7.9", "management and data have networks of their own" },
};
#define SWARM(n) HOST_DOCKER, swarm_items[n].item, swarm_items[n].title

static void swarm_path(const struct host *h, char out[640], const char *file)
{
	snprintf(out, 640, "%s/swarm/%s", h->data_root, file);
}

static void look_at_managers(struct host *h)
{
	json_t *state = NULL;
	char path[640];

	swarm_path(h, path, "state.json");
	const int r = host_read_json(h, path, &state);
	const size_t n = json_array_size(state);

	if (r < 0)
		host_tell(h, SWARM(0), r == -ENOENT ? HOST_ABSENT : HOST_UNREADABLE, NULL,
			  "%.128s: %s", path, strerror(-r));
	else
		host_tell(h, SWARM(0), n > MANY_MANAGERS ? HOST_FAIL : HOST_PASS,
			  "docker node demote NODE", "%zu managers", n);
	json_decref(state);
}

static void look_at_address(struct host *h, const json_t *state)
{
	const char *address = metadata_string(state, "ListenAddr");

	if (!address)
		host_tell(h, SWARM(1), HOST_UNREADABLE, NULL, "%s", "no ListenAddr");
	else
		host_tell(h, SWARM(1),
			  strncmp(address, "0.0.0.0", 7) == 0 || strncmp(address, "[::]", 4) == 0
				  ? HOST_FAIL
				  : HOST_PASS,
			  "docker swarm init --listen-addr ADDRESS", "it listens on %.64s",
			  address);
}

static void look_at_lock(struct host *h)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[640];

	buf_init(&b, HOST_MAX_FILE);
	swarm_path(h, path, "certificates/swarm-node.key");
	const int r = host_read(h, path, &b);

	if (r < 0) {
		host_tell(h, SWARM(4), HOST_UNREADABLE, NULL, "%.128s: %s", path, strerror(-r));
		return;
	}
	const bool locked = b.len && memmem(b.data, b.len, "ENCRYPTED", 9);

	host_tell(h, SWARM(4), locked ? HOST_PASS : HOST_FAIL,
		  "docker swarm update --autolock=true", "the node's key is %sencrypted",
		  locked ? "" : "not ");
}

static void look_at_swarm(struct host *h)
{
	json_t *state = NULL;
	char path[640];

	swarm_path(h, path, "docker-state.json");
	const int r = host_read_json(h, path, &state);
	const bool on = r == 0, off = r == -ENOENT || r == -ENOTDIR;

	host_tell(h, HOST_DOCKER, "5.1", "swarm is off where it is not needed",
		  on	? HOST_FAIL
		  : off ? HOST_PASS
			: HOST_UNREADABLE,
		  "docker swarm leave", "%.128s%s%s", path, on ? " is there" : ": ",
		  on ? "" : strerror(-r));
	for (size_t i = 0; !on && i < sizeof(swarm_items) / sizeof(swarm_items[0]); i++)
		host_tell(h, SWARM(i), off ? HOST_ABSENT : HOST_UNREADABLE, NULL, "%s",
			  off ? "swarm is off" : strerror(-r));
	if (on) {
		look_at_managers(h);
		look_at_address(h, state);
		for (size_t i = 2; i < sizeof(swarm_items) / sizeof(swarm_items[0]); i++) {
			if (i == 4)
				look_at_lock(h);
			else
				host_tell(h, SWARM(i), HOST_UNREADABLE, NULL, "%s",
					  "it is in swarm's own store: ask a manager");
		}
	}
	json_decref(state);
}

void host_docker_use(struct host *h)
{
	if (!h->has_docker)
		return;
	look_at_trust(h);
	look_at_use(h);
	look_at_swarm(h);
}
