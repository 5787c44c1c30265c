// SPDX-License-Identifier: GPL-2.0-or-later
/* Owners and modes of files: section 3 of the benchmark of docker; of Kubernetes 4.1 and 1.1. */
#include <errno.h>
#include <string.h>

#include "collector/base/parse.h"
#include "detector/posture_host.h"

#define ANYBODY UINT32_MAX

struct owner {
	const char *user, *group; /* NULL: root */
};

struct file_item {
	const char *owner_item, *mode_item; /* NULL: not asked */
	const char *owner_title, *mode_title;
	const char *const *paths; /* the first that is there; ended by NULL */
	uint32_t most;		  /* mode: no bit beyond it */
	struct owner owner;
};

/* --- numbers of names, of the host that lies below the root --- */

static uint32_t id_of(const struct host *h, const char *file, const char *name)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span rest, line, field;
	uint32_t id;

	if (!name)
		return 0;
	buf_init(&b, HOST_MAX_FILE);
	if (host_read(h, file, &b) < 0)
		return ANYBODY;
	rest = (struct span){ b.data, b.len };
	while (span_next(&rest, '\n', &line)) {
		if (span_next(&line, ':', &field) && span_eq(field, name) &&
		    span_next(&line, ':', &field) && span_next(&line, ':', &field) &&
		    parse_u32(field, &id))
			return id;
	}
	return ANYBODY;
}

static const char *or_root(const char *name)
{
	return name ? name : "root";
}

/* --- one file --- */

static void tell_owner(struct host *h, const char *benchmark, const struct file_item *f,
		       const char *path, const struct stat *st)
{
	const uint32_t uid = id_of(h, "/etc/passwd", f->owner.user);
	const uint32_t gid = id_of(h, "/etc/group", f->owner.group);
	/* root's group is as good as the one that was made for it */
	const bool good = (st->st_uid == 0 || st->st_uid == uid) &&
			  (st->st_gid == 0 || st->st_gid == gid);
	char mend[256];

	snprintf(mend, sizeof(mend), "chown %s:%s %.200s", or_root(f->owner.user),
		 or_root(f->owner.group), path);
	host_tell(h, benchmark, f->owner_item, f->owner_title, good ? HOST_PASS : HOST_FAIL, mend,
		  "%.200s is owned by %u:%u", path, st->st_uid, st->st_gid);
}

static void tell_mode(struct host *h, const char *benchmark, const struct file_item *f,
		      const char *path, const struct stat *st)
{
	const uint32_t mode = st->st_mode & 07777;
	char mend[256];

	snprintf(mend, sizeof(mend), "chmod %o %.200s", f->most, path);
	host_tell(h, benchmark, f->mode_item, f->mode_title,
		  mode & ~f->most ? HOST_FAIL : HOST_PASS, mend, "%.200s has the mode %04o", path,
		  mode);
}

static void tell_without(struct host *h, const char *benchmark, const struct file_item *f,
			 enum host_outcome outcome, const char *text)
{
	if (f->owner_item)
		host_tell(h, benchmark, f->owner_item, f->owner_title, outcome, NULL, "%s", text);
	if (f->mode_item)
		host_tell(h, benchmark, f->mode_item, f->mode_title, outcome, NULL, "%s", text);
}

static void look(struct host *h, const char *benchmark, const struct file_item *f)
{
	char text[256];
	struct stat st;

	for (size_t i = 0; f->paths[i]; i++) {
		if (!f->paths[i][0])
			continue;
		if (!host_stat(h, f->paths[i], &st)) {
			if (errno == ENOENT || errno == ENOTDIR)
				continue;
			snprintf(text, sizeof(text), "%.150s: %s", f->paths[i], strerror(errno));
			tell_without(h, benchmark, f, HOST_UNREADABLE, text);
			return;
		}
		if (f->owner_item)
			tell_owner(h, benchmark, f, f->paths[i], &st);
		if (f->mode_item)
			tell_mode(h, benchmark, f, f->paths[i], &st);
		return;
	}
	snprintf(text, sizeof(text), "%.200s is not there",
		 f->paths[0] && f->paths[0][0] ? f->paths[0] : "such a file");
	tell_without(h, benchmark, f, HOST_ABSENT, text);
}

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* --- all files below a folder --- */

struct walk {
	struct host *h;
	const char *folder, *suffix, *not_suffix;
	bool is_owner, deeper;
	uint32_t most, uid, gid;
	unsigned seen, wrong;
	char first[256]; /* of the wrong ones */
};

static void walk_into(struct walk *w, const char *folder);

static bool visit(void *ctx, const char *name)
{
	struct walk *w = ctx;
	char path[512];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", w->folder, name) >= (int)sizeof(path) ||
	    !host_stat(w->h, path, &st))
		return true;
	if (S_ISDIR(st.st_mode)) {
		if (w->deeper)
			walk_into(w, path);
		return true;
	}
	if ((w->suffix && !span_ends(span_str(name), w->suffix)) ||
	    (w->not_suffix && span_ends(span_str(name), w->not_suffix)))
		return true;
	w->seen++;
	if (w->is_owner ? st.st_uid != 0 || st.st_gid != 0 : st.st_mode & 07777 & ~w->most) {
		if (w->wrong++ == 0)
			snprintf(w->first, sizeof(w->first), "%.200s", path);
	}
	return true;
}

/* One level: folders of certificates are no deeper. */
static void walk_into(struct walk *w, const char *folder)
{
	struct walk below = *w;

	below.folder = folder;
	below.deeper = false;
	host_each(w->h, folder, visit, &below);
	w->seen = below.seen;
	w->wrong = below.wrong;
	memcpy(w->first, below.first, sizeof(w->first));
}

static void look_below(struct host *h, const char *benchmark, const char *item, const char *title,
		       struct walk w, const char *mend)
{
	w.h = h;
	w.deeper = true;
	const int r = host_each(h, w.folder, visit, &w);

	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		host_tell(h, benchmark, item, title, HOST_UNREADABLE, NULL, "%s: %s", w.folder,
			  strerror(-r));
	else if (w.seen == 0)
		host_tell(h, benchmark, item, title, HOST_ABSENT, NULL, "no such file below %s",
			  w.folder);
	else if (w.wrong)
		host_tell(h, benchmark, item, title, HOST_FAIL, mend, "%u of %u, first %s", w.wrong,
			  w.seen, w.first);
	else
		host_tell(h, benchmark, item, title, HOST_PASS, NULL, "all of %u below %s", w.seen,
			  w.folder);
}

/* --- docker --- */

static const char *setting(const struct host *h, const char *flag)
{
	const char *text = host_flag(&h->dockerd, flag, false);

	text = text ? text : json_string_value(json_object_get(h->daemon, flag));
	return text ? text : "";
}

static void look_at_certificates(struct host *h)
{
	const char *const ca[] = { setting(h, "tlscacert"), NULL };
	const char *const certificate[] = { setting(h, "tlscert"), NULL };
	const char *const key[] = { setting(h, "tlskey"), NULL };
	const struct file_item items[] = {
		{ "3.9",
		  "3.10",
		  "TLS CA certificate is root's",
		  "nobody may change it",
		  ca,
		  0444,
		  { NULL, NULL } },
		{ "3.11",
		  "3.12",
		  "docker's certificate is root's",
		  "nobody may change it",
		  certificate,
		  0444,
		  { NULL, NULL } },
		{ "3.13",
		  "3.14",
		  "docker's key is root's",
		  "root alone may read it",
		  key,
		  0400,
		  { NULL, NULL } },
	};

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		look(h, HOST_DOCKER, &items[i]);
}

void host_docker_files(struct host *h)
{
	const char *const daemon[] = { h->daemon_path, NULL };
	const struct file_item units[] = {
		{ "3.1",
		  "3.2",
		  "docker.service is root's",
		  "only root may change docker.service",
		  PATHS("/etc/systemd/system/docker.service", "/lib/systemd/system/docker.service",
			"/usr/lib/systemd/system/docker.service"),
		  0644,
		  { NULL, NULL } },
		{ "3.3",
		  "3.4",
		  "docker.socket is root's",
		  "only root may change docker.socket",
		  PATHS("/etc/systemd/system/docker.socket", "/lib/systemd/system/docker.socket",
			"/usr/lib/systemd/system/docker.socket"),
		  0644,
		  { NULL, NULL } },
		{ "3.5",
		  "3.6",
		  "/etc/docker is root's",
		  "only root may change /etc/docker",
		  PATHS("/etc/docker"),
		  0755,
		  { NULL, NULL } },
	};
	const struct file_item files[] = {
		{ "3.15",
		  "3.16",
		  "docker.sock is root's and of the group docker",
		  "docker.sock is for root and its group alone",
		  PATHS("/run/docker.sock", "/var/run/docker.sock"),
		  0660,
		  { NULL, "docker" } },
		{ "3.17",
		  "3.18",
		  "daemon.json is root's",
		  "only root may change daemon.json",
		  daemon,
		  0644,
		  { NULL, NULL } },
		{ "3.19",
		  "3.20",
		  "/etc/default/docker is root's",
		  "only root may change /etc/default/docker",
		  PATHS("/etc/default/docker"),
		  0644,
		  { NULL, NULL } },
		{ "3.22",
		  "3.21",
		  "/etc/sysconfig/docker is root's",
		  "only root may change /etc/sysconfig/docker",
		  PATHS("/etc/sysconfig/docker"),
		  0644,
		  { NULL, NULL } },
		{ "3.23",
		  "3.24",
		  "containerd.sock is root's",
		  "containerd.sock is for root alone",
		  PATHS("/run/containerd/containerd.sock"),
		  0660,
		  { NULL, NULL } },
	};

	if (!h->has_docker)
		return;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		look(h, HOST_DOCKER, &units[i]);
	look_below(h, HOST_DOCKER, "3.7", "certificates of registries are root's",
		   (struct walk){ .folder = "/etc/docker/certs.d", .is_owner = true },
		   "chown root:root /etc/docker/certs.d/*/*");
	look_below(h, HOST_DOCKER, "3.8", "nobody may change certificates of registries",
		   (struct walk){ .folder = "/etc/docker/certs.d", .most = 0444 },
		   "chmod 444 /etc/docker/certs.d/*/*");
	look_at_certificates(h);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		look(h, HOST_DOCKER, &files[i]);
}

/* --- Kubernetes --- */

static void look_at_control_plane(struct host *h)
{
	static const struct {
		const char *mode_item, *owner_item, *path, *mode_title, *owner_title;
		uint32_t most;
	} list[] = {
#define MANIFESTS "/etc/kubernetes/manifests/"
		{ "1.1.1", "1.1.2", MANIFESTS "kube-apiserver.yaml",
		  "only root may read the manifest of the API server",
		  "the manifest of the API server is root's", 0600 },
		{ "1.1.3", "1.1.4", MANIFESTS "kube-controller-manager.yaml",
		  "only root may read the manifest of the controller manager",
		  "the manifest of the controller manager is root's", 0600 },
		{ "1.1.5", "1.1.6", MANIFESTS "kube-scheduler.yaml",
		  "only root may read the manifest of the scheduler",
		  "the manifest of the scheduler is root's", 0600 },
		{ "1.1.7", "1.1.8", MANIFESTS "etcd.yaml",
		  "only root may read the manifest of etcd", "the manifest of etcd is root's",
		  0600 },
		{ "1.1.13", "1.1.14", "/etc/kubernetes/admin.conf", "only root may read admin.conf",
		  "admin.conf is root's", 0600 },
		{ "1.1.15", "1.1.16", "/etc/kubernetes/scheduler.conf",
		  "only root may read scheduler.conf", "scheduler.conf is root's", 0600 },
		{ "1.1.17", "1.1.18", "/etc/kubernetes/controller-manager.conf",
		  "only root may read controller-manager.conf", "controller-manager.conf is root's",
		  0600 },
	};
	const struct file_item etcd = { "1.1.12",
					"1.1.11",
					"etcd's data is etcd's",
					"etcd's data is for its owner alone",
					PATHS("/var/lib/etcd"),
					0700,
					{ "etcd", "etcd" } };

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const char *const paths[] = { list[i].path, NULL };
		const struct file_item f = { list[i].owner_item,
					     list[i].mode_item,
					     list[i].owner_title,
					     list[i].mode_title,
					     paths,
					     list[i].most,
					     { NULL, NULL } };

		look(h, HOST_KUBERNETES, &f);
	}
	look(h, HOST_KUBERNETES, &etcd);
	look_below(h, HOST_KUBERNETES, "1.1.9", "settings of the network are for root alone",
		   (struct walk){ .folder = "/etc/cni/net.d", .most = 0600 },
		   "chmod 600 /etc/cni/net.d/*");
	look_below(h, HOST_KUBERNETES, "1.1.10", "settings of the network are root's",
		   (struct walk){ .folder = "/etc/cni/net.d", .is_owner = true },
		   "chown root:root /etc/cni/net.d/*");
	look_below(h, HOST_KUBERNETES, "1.1.19", "certificates and keys are root's",
		   (struct walk){ .folder = "/etc/kubernetes/pki", .is_owner = true },
		   "chown -R root:root /etc/kubernetes/pki");
	look_below(h, HOST_KUBERNETES, "1.1.20", "certificates are for root alone",
		   (struct walk){ .folder = "/etc/kubernetes/pki", .suffix = ".crt", .most = 0600 },
		   "chmod -R 600 /etc/kubernetes/pki/*.crt");
	look_below(h, HOST_KUBERNETES, "1.1.21", "keys are for root alone",
		   (struct walk){ .folder = "/etc/kubernetes/pki", .suffix = ".key", .most = 0600 },
		   "chmod -R 600 /etc/kubernetes/pki/*.key");
}

static const char *kube_setting(const struct host *h, const char *flag, const char *key,
				const char *usual)
{
	const char *text = host_flag(&h->kubelet, flag, false);

	text = text ? text : key ? host_setting_of(h->kube, h->kube_n, key) : NULL;
	return text ? text : usual;
}

void host_kubernetes_files(struct host *h)
{
	const char *const config[] = { h->kube_path, NULL };
	const char *const access[] = {
		kube_setting(h, "kubeconfig", NULL, "/etc/kubernetes/kubelet.conf"), NULL
	};
	const char *const ca[] = { kube_setting(h, "client-ca-file",
						"authentication.x509.clientCAFile",
						"/etc/kubernetes/pki/ca.crt"),
				   NULL };
	const struct file_item items[] = {
		{ "4.1.2",
		  "4.1.1",
		  "the kubelet's unit is root's",
		  "only root may read the kubelet's unit",
		  PATHS("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
			"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
			"/etc/systemd/system/kubelet.service",
			"/lib/systemd/system/kubelet.service"),
		  0600,
		  { NULL, NULL } },
		{ "4.1.4",
		  "4.1.3",
		  "the proxy's kubeconfig is root's",
		  "only root may read the proxy's kubeconfig",
		  PATHS("/etc/kubernetes/proxy.conf", "/var/lib/kube-proxy/kubeconfig.conf"),
		  0600,
		  { NULL, NULL } },
		{ "4.1.6",
		  "4.1.5",
		  "the kubelet's kubeconfig is root's",
		  "only root may read the kubelet's kubeconfig",
		  access,
		  0600,
		  { NULL, NULL } },
		{ "4.1.8",
		  "4.1.7",
		  "the authority of clients is root's",
		  "only root may read the authority of clients",
		  ca,
		  0600,
		  { NULL, NULL } },
		{ "4.1.10",
		  "4.1.9",
		  "the kubelet's settings are root's",
		  "only root may read the kubelet's settings",
		  config,
		  0600,
		  { NULL, NULL } },
	};

	if (!h->has_kubelet)
		return;
	if (host_exists(h, MANIFESTS "kube-apiserver.yaml"))
		look_at_control_plane(h);
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		look(h, HOST_KUBERNETES, &items[i]);
}
