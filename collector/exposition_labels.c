// SPDX-License-Identifier: GPL-2.0-or-later
/* Label text of containers. It stands on each of a container's sixty lines, so it is written once
 * and kept until the metadata changes. Everything in it was chosen by others. */
#include "collector/exposition_internal.h"

#include <errno.h>
#include <string.h>

#define MAX_CLASHES 8 /* names tried for a label whose sanitised name is taken */

/* Labels of a container or of the allow list with their sanitised names. */
struct name_set {
	struct {
		char *name; /* owned */
		const char *value;
	} items[METADATA_MAX_LABELS];
	size_t n;
};

static void name_set_release(struct name_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->items[i].name);
}
static inline void auto_name_set_release(struct name_set *set)
{
	name_set_release(set);
}

static void add_label(struct buf *b, const char *name, const char *value)
{
	struct span v = span_str(value);
	bool cut = v.n > EXPOSITION_MAX_VALUE;

	if (cut)
		v.n = EXPOSITION_MAX_VALUE;
	if (b->len)
		buf_add_char(b, ',');
	buf_add_str(b, name);
	buf_add_str(b, "=\"");
	buf_add_prom_label(b, v);
	buf_add_str(b, cut ? "...\"" : "\"");
}

/* A cgroup path keeps apart what differs: bytes that are no UTF-8 become \xNN, not one U+FFFD. */
static void add_id(struct buf *b, const char *path)
{
	struct span rest = span_str(path);

	if (b->len)
		buf_add_char(b, ',');
	buf_add_str(b, "id=\"");
	while (rest.n > 0) {
		size_t n = utf8_len(rest);

		if (n == 0) {
			buf_printf(b, "\\\\x%02x", (unsigned)(unsigned char)rest.p[0]);
			n = 1;
		} else {
			buf_add_prom_label(b, (struct span){ rest.p, n });
		}
		rest = (struct span){ rest.p + n, rest.n - n };
	}
	buf_add_char(b, '"');
}

static bool is_taken(const struct name_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->items[i].name, name) == 0)
			return true;
	return false;
}

/* Adds "container_label_" and the name with all but letters, digits and '_' made '_'. A name that
 * is taken gets _2, _3 ...; names come sorted, so the outcome does not depend on their order. */
static int add_name(struct name_set *set, const char *label, const char *value)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 2 * METADATA_MAX_STRING);
	buf_add_str(&b, "container_label_");
	for (const char *p = label; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9');

		buf_add_char(&b, plain ? *p : '_');
	}
	size_t n = b.len;

	for (unsigned i = 2; i < 2 + MAX_CLASHES; i++) {
		buf_add_char(&b, '\0');
		if (b.failed)
			return -ENOMEM;
		if (!is_taken(set, b.data)) {
			set->items[set->n].value = value;
			set->items[set->n++].name = buf_take_str(&b);
			return 0;
		}
		b.len = n;
		buf_printf(&b, "_%u", i);
	}
	return -EEXIST;
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* The allowed labels that c has. The names depend on the list alone, so that all containers agree
 * on them. */
static int add_allowed(struct buf *b, const struct container *c, const struct config *config)
{
	AUTO(name_set_release) struct name_set set = { .n = 0 };
	const char *sorted[CONFIG_MAX_LIST];
	size_t n = config->labels_allow.n;

	if (!c->meta || n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		sorted[i] = config->labels_allow.items[i];
	qsort(sorted, n, sizeof(sorted[0]), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(sorted[i], sorted[i - 1]) == 0)
			continue;
		if (add_name(&set, sorted[i], metadata_label(c->meta, sorted[i])) == -ENOMEM)
			return -ENOMEM;
	}
	for (size_t i = 0; i < set.n; i++)
		if (set.items[i].value)
			add_label(b, set.items[i].name, set.items[i].value);
	return 0;
}

/* What kubelet calls `container`: the CRI label. CRI-O and cri-dockerd say POD for the sandbox,
 * containerd says nothing, and neither does kubelet then. */
static const char *kubelet_container(const struct metadata *m)
{
	const char *label = m ? metadata_label(m, "io.kubernetes.container.name") : NULL;

	if (label)
		return label;
	return m && m->pod_container && !m->sandbox ? m->pod_container : "";
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int keep(struct buf *b, char **text, size_t *n)
{
	size_t len = b->len;
	char *s = buf_take_str(b);

	if (!s)
		return -ENOMEM;
	free(*text);
	*text = s;
	*n = len;
	return 0;
}

static int make(struct container *c, const struct config *config, const struct metadata *pod)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, EXPOSITION_MAX_INFO * 2);
	if (add_allowed(&b, c, config) < 0)
		return -ENOMEM;
	if (config->labels_mode == LABELS_KUBELET)
		add_label(&b, "container", kubelet_container(c->meta));
	add_id(&b, c->cgroup_path);
	add_label(&b, "image", container_image(c));
	add_label(&b, "name", container_name(c));
	if (config->labels_mode == LABELS_KUBELET) {
		add_label(&b, "namespace", pod ? or_empty(pod->pod_namespace) : "");
		add_label(&b, "pod", pod ? or_empty(pod->pod_name) : "");
	}
	return keep(&b, &c->labels, &c->labels_n);
}

int labels_make(struct container *c, const struct config *config)
{
	return c->labels ? 0 : make(c, config, c->meta);
}

/* The last part of a pod's cgroup: "pod<uid>" or "kubepods-burstable-pod<uid>.slice", where systemd
 * has '_' for the dashes of the uid. */
static bool names_pod(const char *path, const char *uid)
{
	const char *part = strrchr(path, '/');
	size_t n = strlen(uid);

	if (!part || n == 0)
		return false;
	for (const char *p = strstr(part, "pod"); p; p = strstr(p + 1, "pod")) {
		size_t i = 0;

		while (i < n && (p[3 + i] == uid[i] || (uid[i] == '-' && p[3 + i] == '_')))
			i++;
		if (i == n)
			return true;
	}
	return false;
}

void labels_name_pod(struct container *member, const struct config *config)
{
	struct container *pod = member->parent;
	const struct metadata *m = member->meta;

	if (config->labels_mode != LABELS_KUBELET || !pod || pod->kind != CGROUP_PARENT ||
	    pod->labels_of_pod || !m || !m->pod_name || !m->pod_uid ||
	    !names_pod(pod->cgroup_path, m->pod_uid))
		return;
	if (make(pod, config, m) == 0)
		pod->labels_of_pod = true;
}

/* The container's own labels, as many as fit. */
static int add_all(struct buf *b, struct container *c)
{
	AUTO(name_set_release) struct name_set set = { .n = 0 };
	const struct metadata *m = c->meta;
	struct metadata_label sorted[METADATA_MAX_LABELS];
	size_t n = m && m->labels ? m->labels_n : 0;

	if (n > METADATA_MAX_LABELS)
		n = METADATA_MAX_LABELS;
	c->info_refused = 0;
	if (n > 0)
		memcpy(sorted, m->labels, n * sizeof(sorted[0]));
	/* cppcheck-suppress uninitvar ; the first n are set */
	qsort(sorted, n, sizeof(sorted[0]), by_name); /* the name is the first member */
	for (size_t i = 0; i < n; i++) {
		int r = add_name(&set, or_empty(sorted[i].name), or_empty(sorted[i].value));

		if (r == -ENOMEM)
			return r;
		c->info_refused += r < 0;
	}
	for (size_t i = 0; i < set.n; i++) {
		size_t before = b->len;

		add_label(b, set.items[i].name, set.items[i].value);
		if (b->failed || b->len > EXPOSITION_MAX_INFO) {
			b->failed = false;
			b->len = before;
			c->info_refused++;
		}
	}
	return 0;
}

int labels_make_info(struct container *c)
{
	const struct metadata *m = c->meta;
	AUTO_BUF struct buf b = { .fd = -1 };

	if (c->info)
		return 0;
	buf_init(&b, EXPOSITION_MAX_INFO * 2);
	if (m && m->pod_name)
		add_label(&b, "container", kubelet_container(m));
	add_id(&b, c->cgroup_path);
	add_label(&b, "image", container_image(c));
	add_label(&b, "image_id", m ? or_empty(m->image_id) : "");
	add_label(&b, "name", container_name(c));
	if (m && m->pod_name) {
		add_label(&b, "namespace", or_empty(m->pod_namespace));
		add_label(&b, "pod", m->pod_name);
		add_label(&b, "pod_uid", or_empty(m->pod_uid));
	}
	add_label(&b, "runtime", runtime_name(m ? m->runtime : c->id.runtime));
	if (add_all(&b, c) < 0)
		return -ENOMEM;
	return keep(&b, &c->info, &c->info_n);
}

const char *container_state_name(const struct container *c)
{
	static const char *const names[] = {
		[STATE_UNKNOWN] = "running", /* it has a cgroup */
		[STATE_CREATED] = "created", [STATE_RUNNING] = "running",
		[STATE_PAUSED] = "paused",   [STATE_EXITED] = "exited",
	};

	if (c->ended)
		return "exited";
	return c->meta && (size_t)c->meta->state < sizeof(names) / sizeof(names[0])
		       ? names[c->meta->state]
		       : "running";
}
