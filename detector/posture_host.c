// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/posture_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "collector/metadata_internal.h"

const char *const host_outcome_names[HOST_OUTCOMES] = { "pass", "fail", "not applicable",
							"could not be read" };

void host_tell(struct host *h, const char *benchmark, const char *item, const char *title,
	       enum host_outcome outcome, const char *mend, const char *found, ...)
{
	va_list ap;

	if (h->n == h->cap) {
		const size_t cap = h->cap ? 2 * h->cap : 128;
		struct host_result *more = reallocarray(h->results, cap, sizeof(*more));

		if (!more) {
			h->failed = true;
			return;
		}
		h->results = more;
		h->cap = cap;
	}
	struct host_result *r = &h->results[h->n++];

	*r = (struct host_result){
		.benchmark = benchmark, .item = item, .title = title, .outcome = outcome
	};
	snprintf(r->mend, sizeof(r->mend), "%s", outcome == HOST_FAIL && mend ? mend : "");
	va_start(ap, found);
	vsnprintf(r->found, sizeof(r->found), found, ap);
	va_end(ap);
}

/* --- files --- */

int host_open(const struct host *h, const char *path, int flags)
{
	const struct metadata_roots roots = { .rootfs = h->root };
	const int fd = metadata_open(&roots, path, flags);

	return fd < 0 ? -errno : fd;
}

bool host_stat(const struct host *h, const char *path, struct stat *st)
{
	AUTO_FD int fd = host_open(h, path, O_PATH);

	if (fd < 0)
		errno = -fd;
	return fd >= 0 && fstat(fd, st) == 0;
}

bool host_exists(const struct host *h, const char *path)
{
	struct stat st;

	return host_stat(h, path, &st);
}

int host_read(const struct host *h, const char *path, struct buf *b)
{
	AUTO_FD int fd = host_open(h, path, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	while (true) {
		char *room = buf_reserve(b, 4096);

		if (!room)
			return -E2BIG;
		const ssize_t n = read(fd, room, 4095);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		room[n] = '\0';
		b->len += (size_t)n;
		if (n == 0)
			return 0;
	}
}

int host_read_json(const struct host *h, const char *path, json_t **out)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, HOST_MAX_FILE);
	const int r = host_read(h, path, &b);

	return r < 0 ? r : metadata_parse_json(&b, out);
}

int host_each(const struct host *h, const char *folder, bool (*fn)(void *ctx, const char *name),
	      void *ctx)
{
	AUTO_FD int fd = host_open(h, folder, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	AUTO_DIR DIR *d = fdopendir(fd);
	const struct dirent *entry;

	if (!d)
		return -errno;
	(void)TAKE_FD(fd);
	for (int i = 0; i < HOST_MAX_LIST && (entry = readdir(d)); i++)
		if (entry->d_name[0] != '.' && !fn(ctx, entry->d_name))
			break;
	return 0;
}

/* --- command lines --- */

static void split(struct host_words *w)
{
	size_t at = 0;

	while (at < w->text_n && w->n < HOST_MAX_ARGS) {
		w->words[w->n++] = w->text + at;
		at += strlen(w->text + at) + 1;
	}
}

/* A process of a container may be called dockerd as well: it has a number of its own there. */
static bool is_of_host(const struct host *h, const char *pid)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[64];
	struct span rest, line, word;

	buf_init(&b, 65536);
	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	if (host_read(h, path, &b) < 0)
		return true;
	rest = (struct span){ b.data, b.len };
	while (span_next(&rest, '\n', &line)) {
		if (!span_starts(line, "NSpid:"))
			continue;
		line = (struct span){ line.p + 6, line.n - 6 };
		return span_word(&line, &word) && !span_word(&line, &word);
	}
	return true;
}

static bool take_process(void *ctx, const char *name)
{
	struct host *h = ctx;
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[64];
	uint32_t pid;

	if (!parse_u32(span_str(name), &pid) || pid == 0)
		return true;
	buf_init(&b, 1u << 20);
	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	if (host_read(h, path, &b) < 0 || b.len == 0)
		return true;
	const char *slash = strrchr(b.data, '/');
	const char *base = slash ? slash + 1 : b.data;
	struct host_words *w = strcmp(base, "dockerd") == 0   ? &h->dockerd
			       : strcmp(base, "kubelet") == 0 ? &h->kubelet
							      : NULL;

	if (!w || (w->pid && w->pid < (int)pid) || !is_of_host(h, name))
		return true;
	free(w->text);
	*w = (struct host_words){ .text_n = b.len, .pid = (int)pid };
	buf_add_char(&b, '\0');
	w->text = buf_take_str(&b);
	if (w->text)
		split(w);
	return true;
}

const char *host_flag(const struct host_words *w, const char *name, bool is_switch)
{
	const size_t n = strlen(name);
	const char *value = NULL; /* the last one counts */

	for (size_t i = 1; i < w->n; i++) {
		const char *word = w->words[i];

		if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, n) != 0)
			continue;
		if (word[2 + n] == '=')
			value = word + 2 + n + 1;
		else if (!word[2 + n])
			value = is_switch || i + 1 >= w->n || w->words[i + 1][0] == '-'
					? "true"
					: w->words[i + 1];
	}
	return value;
}

/* --- what there is --- */

static void find_docker(struct host *h)
{
	static const char *const signs[] = { "/usr/bin/dockerd", "/usr/sbin/dockerd",
					     "/usr/local/bin/dockerd", "/etc/docker/daemon.json",
					     "/var/lib/docker" };
	const char *file = host_flag(&h->dockerd, "config-file", false);
	const char *root = host_flag(&h->dockerd, "data-root", false);

	h->has_docker = h->dockerd.pid != 0;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		h->has_docker = h->has_docker || host_exists(h, signs[i]);
	snprintf(h->daemon_path, sizeof(h->daemon_path), "%s",
		 file ? file : "/etc/docker/daemon.json");
	h->daemon_error = host_read_json(h, h->daemon_path, &h->daemon);
	if (!root)
		root = json_string_value(json_object_get(h->daemon, "data-root"));
	snprintf(h->data_root, sizeof(h->data_root), "%s", root ? root : "/var/lib/docker");
}

static void find_kubelet(struct host *h)
{
	const char *file = host_flag(&h->kubelet, "config", false);
	AUTO_BUF struct buf b = { .fd = -1 };

	snprintf(h->kube_path, sizeof(h->kube_path), "%s",
		 file ? file : "/var/lib/kubelet/config.yaml");
	h->has_kubelet = h->kubelet.pid != 0 || host_exists(h, h->kube_path) ||
			 host_exists(h, "/etc/kubernetes/kubelet.conf");
	buf_init(&b, HOST_MAX_FILE);
	h->kube_error = host_read(h, h->kube_path, &b);
	if (h->kube_error == 0)
		h->kube_error = host_yaml((struct span){ b.data, b.len }, &h->kube, &h->kube_n);
}

static int by_item(const void *a, const void *b)
{
	const struct host_result *x = a, *y = b;
	const int r = strcmp(x->benchmark, y->benchmark);

	return r ? r : strverscmp(x->item, y->item);
}

int host_audit(struct host *h, const char *root, struct err *e)
{
	*h = (struct host){ .root = root && strcmp(root, "/") != 0 ? root : "" };
	AUTO_FD int fd = open(h->root[0] ? h->root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", h->root);
	host_each(h, "/proc", take_process, h);
	find_docker(h);
	find_kubelet(h);
	host_docker_start(h);
	host_docker_settings(h);
	host_docker_files(h);
	host_docker_use(h);
	host_kubernetes_files(h);
	host_kubernetes(h);
	if (h->n > 0)
		qsort(h->results, h->n, sizeof(*h->results), by_item);
	return h->failed ? err_set(e, ENOMEM, "no memory for the results") : 0;
}

void host_release(struct host *h)
{
	json_decref(h->daemon);
	free(h->dockerd.text);
	free(h->kubelet.text);
	free(h->results);
	host_settings_free(h->kube, h->kube_n);
	*h = (struct host){ .root = "" };
}
