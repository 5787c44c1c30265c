// SPDX-License-Identifier: GPL-2.0-or-later
/* container.* and k8s.*: constants of the container, as its files on disk have them. */
#include <fnmatch.h>
#include <string.h>

#include "detector/field_internal.h"

#define NONE	   ((struct span){ NULL, 0 })
#define NO_MOUNT   SPAN_LIT("N/A") /* where the container is known and has no such mount */
#define SHA256	   "sha256:"
#define SANDBOX_ID "io.kubernetes.cri.sandbox-id"

/* A service is of the host, as in Falco. */
static const struct container *container_of_event(const struct field_event *ev)
{
	return ev->container && ev->container->kind == CGROUP_CONTAINER ? ev->container : NULL;
}

static bool is_of_host(const struct field_event *ev)
{
	const struct event_head *h = ev->view->head;

	if (ev->container)
		return ev->container->kind != CGROUP_CONTAINER;
	if (h->flags & EVENT_HOST)
		return true;
	if (ev->context->container && ev->context->container->id.n > 0)
		return false;
	return !h->container_cgroup && !(h->flags & EVENT_PENDING);
}

static const struct metadata *meta_of(const struct field_event *ev)
{
	const struct container *c = container_of_event(ev);

	return c ? c->meta : NULL;
}

/* A replay has no more than these. */
static struct span replayed(const struct field_event *ev, size_t offset)
{
	const struct event_container *c = ev->context->container;
	struct span s = NONE;

	if (c && !ev->container && !(ev->view->head->flags & EVENT_HOST))
		memcpy(&s, (const char *)c + offset, sizeof(s));
	return s.n > 0 ? s : NONE;
}
#define REPLAYED(ev, member) replayed(ev, offsetof(struct event_container, member))

/* Empty where not known. */
static struct span text_or_none(const char *s)
{
	return s && *s ? span_str(s) : NONE;
}

static struct span full_id(const struct field_event *ev)
{
	const struct container *c = container_of_event(ev);

	if (is_of_host(ev))
		return SPAN_LIT("host");
	return c ? text_or_none(c->id.id) : REPLAYED(ev, id);
}

enum field_place field_place(const struct field_event *ev)
{
	const struct span id = full_id(ev);

	if (is_of_host(ev))
		return PLACE_HOST;
	return id.n ? PLACE_CONTAINER : PLACE_UNKNOWN;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Ids of digits are shortened; names, as LXC has them, are not. */
static struct span shortened(struct span id)
{
	if (id.n <= FIELD_SHORT_ID)
		return id;
	for (size_t i = 0; i < id.n; i++)
		if (!is_hex(id.p[i]))
			return id;
	return (struct span){ id.p, FIELD_SHORT_ID };
}

struct span field_container_id(const struct field_event *ev)
{
	return shortened(full_id(ev));
}

size_t get_container_id(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			size_t cap)
{
	(void)r;
	return field_text_value(out, cap, field_container_id(ev));
}

size_t get_container_text(const struct field_ref *r, struct field_event *ev,
			  struct field_value *out, size_t cap)
{
	const struct container *c = container_of_event(ev);
	struct span s = NONE;

	if (r->def->param == CONTAINER_FULL_ID)
		s = full_id(ev);
	else if (is_of_host(ev))
		s = SPAN_LIT("host");
	else if (r->def->param == CONTAINER_TYPE)
		s = c ? text_or_none(runtime_name(c->meta ? c->meta->runtime : c->id.runtime))
		      : REPLAYED(ev, runtime);
	else
		s = c ? (c->meta ? text_or_none(container_name(c)) : NONE) : REPLAYED(ev, name);
	return field_text_value(out, cap, s);
}

/* --- the image ----------------------------------------------------------------------------- */
struct image {
	struct span repository, tag, digest;
};

/* "registry:5000/team/app:1.2@sha256:...": a colon before the last '/' is a port's. */
static void split_image(struct span s, struct image *out)
{
	*out = (struct image){ .repository = s, .tag = NONE, .digest = NONE };
	const char *at = memchr(s.p, '@', s.n);

	if (at) {
		out->digest = (struct span){ at + 1, (size_t)(s.p + s.n - at - 1) };
		s.n = (size_t)(at - s.p);
	}
	const char *slash = memrchr(s.p, '/', s.n);
	const char *name = slash ? slash + 1 : s.p;
	const char *colon = memrchr(name, ':', (size_t)(s.p + s.n - name));

	if (colon) {
		out->tag = (struct span){ colon + 1, (size_t)(s.p + s.n - colon - 1) };
		s.n = (size_t)(colon - s.p);
	} else if (!at) {
		out->tag = SPAN_LIT("latest");
	}
	out->repository = s;
}

static struct span image_of(const struct field_event *ev)
{
	const struct metadata *m = meta_of(ev);

	return m ? text_or_none(m->image) : REPLAYED(ev, image);
}

static struct span image_id(const struct field_event *ev)
{
	const struct metadata *m = meta_of(ev);
	struct span s = m ? text_or_none(m->image_id) : NONE;

	if (s.p && span_starts(s, SHA256))
		s = (struct span){ s.p + strlen(SHA256), s.n - strlen(SHA256) };
	return s;
}

size_t get_container_image(const struct field_ref *r, struct field_event *ev,
			   struct field_value *out, size_t cap)
{
	struct span s = image_of(ev);
	struct image parts;

	if (r->def->param == IMAGE_ID)
		return field_text_value(out, cap, image_id(ev));
	if (!s.p || r->def->param == IMAGE_WHOLE)
		return field_text_value(out, cap, s);
	if (span_starts(s, SHA256))
		return 0; /* started by its id: it has no name */
	split_image(s, &parts);
	if (r->def->param == IMAGE_REPOSITORY)
		s = parts.repository;
	else
		s = r->def->param == IMAGE_TAG ? parts.tag : parts.digest;
	return field_text_value(out, cap, s);
}

/* --- rights and times ---------------------------------------------------------------------- */
static bool shares_namespace(const struct metadata *m, const char *type)
{
	for (size_t i = 0; i < m->namespaces_n && i < METADATA_MAX_NAMESPACES; i++) {
		const struct metadata_namespace *ns = &m->namespaces[i];

		if (strcmp(ns->type, type) == 0)
			return ns->path && strcmp(ns->path, "host") == 0;
	}
	return true; /* it has none of its own */
}

size_t get_container_bool(const struct field_ref *r, struct field_event *ev,
			  struct field_value *out, size_t cap)
{
	const struct metadata *m = meta_of(ev);
	bool is = false;

	if (!m || !m->details_known ||
	    (r->def->param != CONTAINER_PRIVILEGED && m->namespaces_n == 0))
		return 0;
	switch (r->def->param) {
	case CONTAINER_PRIVILEGED:
		is = m->privileged;
		break;
	case CONTAINER_HOST_PID:
		is = shares_namespace(m, "pid");
		break;
	case CONTAINER_HOST_NETWORK:
		is = shares_namespace(m, "network");
		break;
	case CONTAINER_HOST_IPC:
		is = shares_namespace(m, "ipc");
		break;
	}
	return field_bool_value(out, cap, is);
}

size_t get_container_time(const struct field_ref *r, struct field_event *ev,
			  struct field_value *out, size_t cap)
{
	const struct container *c = container_of_event(ev);

	if (!c)
		return 0;
	uint64_t now = ev->view->head->boot_ns + ev->context->unix_minus_boot_ns;
	uint64_t at = r->def->param == CONTAINER_CREATED ? c->created_unix_ns : c->started_unix_ns;

	if (!at)
		return 0;
	if (r->def->param != CONTAINER_DURATION)
		return field_uint_value(out, cap, at);
	return field_int_value(out, cap, now > at ? (int64_t)(now - at) : 0);
}

/* --- mounts -------------------------------------------------------------------------------- */
static struct span or_empty(const char *s)
{
	return s ? span_str(s) : SPAN_LIT("");
}

static struct span mount_mode(const struct metadata_mount *m)
{
	return m->read_only ? SPAN_LIT("ro") : SPAN_LIT("");
}

static struct span mount_rdwr(const struct metadata_mount *m)
{
	return m->read_only ? SPAN_LIT("false") : SPAN_LIT("true");
}

/* "source:dest:mode:rdwr:propagation"; the last is not known. */
static void add_mount(struct field_text *t, const struct metadata_mount *m)
{
	const struct span parts[] = { or_empty(m->source), or_empty(m->destination), mount_mode(m),
				      mount_rdwr(m), SPAN_LIT("") };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (i > 0)
			field_text_add_char(t, ':');
		field_text_add(t, parts[i]);
	}
}

size_t get_container_mounts(const struct field_ref *r, struct field_event *ev,
			    struct field_value *out, size_t cap)
{
	const struct metadata *m = meta_of(ev);

	(void)r;
	if (!m)
		return 0;
	struct field_text t = field_text_begin(ev);

	for (size_t i = 0; i < m->mounts_n; i++) {
		if (i > 0)
			field_text_add_char(&t, ',');
		add_mount(&t, &m->mounts[i]);
	}
	return field_text_value(out, cap, field_text_end(&t));
}

/* By number; the source by a glob of the destination, all else by one of the source. */
static const struct metadata_mount *find_mount(const struct field_ref *r, const struct metadata *m)
{
	if (r->has_index)
		return r->index < m->mounts_n ? &m->mounts[r->index] : NULL;
	for (size_t i = 0; i < m->mounts_n; i++) {
		const char *s = r->def->param == MOUNT_SOURCE ? m->mounts[i].destination
							      : m->mounts[i].source;

		if (s && fnmatch(r->arg, s, 0) == 0)
			return &m->mounts[i];
	}
	return NULL;
}

size_t get_container_mount(const struct field_ref *r, struct field_event *ev,
			   struct field_value *out, size_t cap)
{
	const struct metadata *m = meta_of(ev);
	const struct metadata_mount *mount = m ? find_mount(r, m) : NULL;

	if (!m)
		return 0;
	if (!mount) /* what the stock rules compare with: "not ... in (<NA>, N/A)" */
		return field_text_value(out, cap, NO_MOUNT);
	switch (r->def->param) {
	case MOUNT_SOURCE:
		return field_text_value(out, cap, or_empty(mount->source));
	case MOUNT_DEST:
		return field_text_value(out, cap, or_empty(mount->destination));
	case MOUNT_MODE:
		return field_text_value(out, cap, mount_mode(mount));
	case MOUNT_RDWR:
		return field_text_value(out, cap, mount_rdwr(mount));
	}
	struct field_text t = field_text_begin(ev);

	add_mount(&t, mount);
	return field_text_value(out, cap, field_text_end(&t));
}

/* --- labels -------------------------------------------------------------------------------- */
size_t get_container_label(const struct field_ref *r, struct field_event *ev,
			   struct field_value *out, size_t cap)
{
	const struct metadata *m = meta_of(ev);
	const char *value = m ? metadata_label(m, r->arg) : NULL;

	return value ? field_text_value(out, cap, span_str(value)) : 0;
}

size_t get_container_labels(const struct field_ref *r, struct field_event *ev,
			    struct field_value *out, size_t cap)
{
	const struct metadata *m = meta_of(ev);
	bool first = true;

	(void)r;
	if (!m)
		return 0;
	struct field_text t = field_text_begin(ev);

	for (size_t i = 0; i < m->labels_n; i++) {
		struct span name = or_empty(m->labels[i].name),
			    value = or_empty(m->labels[i].value);

		if (span_starts(name, "annotation.") || span_starts(name, "io.kubernetes."))
			continue; /* Kubernetes' own, as in Falco */
		if (!first)
			field_text_add(&t, SPAN_LIT(", "));
		first = false;
		field_text_add(&t, name);
		if (value.n > 0) {
			field_text_add_char(&t, ':');
			field_text_add(&t, value);
		}
	}
	return field_text_value(out, cap, field_text_end(&t));
}

/* --- Kubernetes ---------------------------------------------------------------------------- */
static struct span pod_uid(const struct field_event *ev)
{
	const struct container *c = container_of_event(ev);
	struct span s = NONE;

	if (c && c->meta)
		s = text_or_none(c->meta->pod_uid);
	return s.p || !c ? s : text_or_none(c->id.pod_uid);
}

size_t get_k8s_text(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		    size_t cap)
{
	const struct metadata *m = meta_of(ev);
	struct span s = NONE;

	switch (r->def->param) {
	case K8S_POD_NAME:
		s = m ? text_or_none(m->pod_name) : REPLAYED(ev, pod_name);
		break;
	case K8S_NS_NAME:
		s = m ? text_or_none(m->pod_namespace) : REPLAYED(ev, pod_namespace);
		break;
	case K8S_POD_UID:
		s = pod_uid(ev);
		break;
	case K8S_SANDBOX:
	case K8S_FULL_SANDBOX:
		s = m ? text_or_none(metadata_label(m, SANDBOX_ID)) : NONE;
		if (m && m->sandbox)
			s = full_id(ev);
		if (r->def->param == K8S_SANDBOX)
			s = shortened(s);
		break;
	}
	return field_text_value(out, cap, s);
}
