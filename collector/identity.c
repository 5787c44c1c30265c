// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/identity.h"

#include <limits.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/base/parse.h"

#define HEX_ID_BYTES   64
#define MAX_COMPONENTS 64 /* cgwatch tracks 32 levels */

struct path {
	struct span part[MAX_COMPONENTS];
	size_t n;
};

/* Components that are a prefix and 64 hex digits. */
struct form {
	const char *prefix;
	enum runtime runtime;
	const char *name_space;
	bool bare; /* also without ".scope": what the cgroupfs driver makes */
};

static const struct form forms[] = {
	{ "docker-", RUNTIME_DOCKER, "", false },
	{ "cri-containerd-", RUNTIME_CONTAINERD, "k8s.io", false },
	{ "nerdctl-", RUNTIME_CONTAINERD, "", false },
	{ "crio-", RUNTIME_CRIO, "", true },
	{ "libpod-", RUNTIME_PODMAN, "", true },
	{ "libpod-payload-", RUNTIME_PODMAN, "", true },
};

const char *runtime_name(enum runtime r)
{
	static const char *const names[] = {
		[RUNTIME_NONE] = "",
		[RUNTIME_DOCKER] = "docker",
		[RUNTIME_CONTAINERD] = "containerd",
		[RUNTIME_CRIO] = "cri-o",
		[RUNTIME_PODMAN] = "podman",
		[RUNTIME_LXC] = "lxc",
		[RUNTIME_NSPAWN] = "nspawn",
		[RUNTIME_RUNC] = "runc",
		[RUNTIME_SYSTEMD] = "systemd",
	};

	return (size_t)r < sizeof(names) / sizeof(names[0]) ? names[r] : "";
}

static bool split(const char *path, struct path *p)
{
	struct span rest = span_str(path), piece = { NULL, 0 };

	p->n = 0;
	if (rest.n < 2 || rest.n >= PATH_MAX || rest.p[0] != '/')
		return false;
	rest = (struct span){ rest.p + 1, rest.n - 1 };
	while (span_next(&rest, '/', &piece)) {
		if (piece.n == 0 || p->n == MAX_COMPONENTS)
			return false;
		p->part[p->n++] = piece;
	}
	return p->n > 0;
}

static bool strip_prefix(struct span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (!span_starts(*s, prefix))
		return false;
	*s = (struct span){ s->p + n, s->n - n };
	return true;
}

static bool strip_suffix(struct span *s, const char *suffix)
{
	if (!span_ends(*s, suffix))
		return false;
	s->n -= strlen(suffix);
	return true;
}

static bool is_hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_hex(struct span s, size_t n)
{
	if (s.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_hex_digit(s.p[i]))
			return false;
	return true;
}

/* Ids become parts of file names and of messages: no separators, no control bytes, valid UTF-8. */
static bool is_name(struct span s)
{
	if (s.n == 0 || s.n >= CONTAINER_ID_BYTES || span_eq(s, ".") || span_eq(s, ".."))
		return false;
	while (s.n > 0) {
		size_t n = utf8_len(s);
		unsigned char c = (unsigned char)s.p[0];

		if (n == 0 || c < 0x20 || c == 0x7f || c == '/')
			return false;
		if (c == 0xc2 && (unsigned char)s.p[1] < 0xa0) /* C1 controls */
			return false;
		s = (struct span){ s.p + n, s.n - n };
	}
	return true;
}

static bool set_id(struct identity *out, struct span id)
{
	if (!is_name(id))
		return false;
	memcpy(out->id, id.p, id.n);
	out->id[id.n] = '\0';
	return true;
}

/* systemd writes bytes that unit names may not hold, and '-', as \xNN. */
static bool set_unit_id(struct identity *out, struct span name)
{
	char text[CONTAINER_ID_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++, n++) {
		uint64_t v;

		if (n == sizeof(text))
			return false;
		text[n] = name.p[i];
		if (name.n - i >= 4 && name.p[i] == '\\' && name.p[i + 1] == 'x' &&
		    parse_hex_u64((struct span){ name.p + i + 2, 2 }, &v)) {
			text[n] = (char)v;
			i += 3;
		}
	}
	return set_id(out, (struct span){ text, n });
}

/* A pod's uid: a UUID with '-' (or '_' in slice names), or the 32 hex digits of static pods. */
static bool read_uid(struct span s, char *out)
{
	static const size_t dashes[] = { 8, 13, 18, 23 };

	if (s.n != 36 && s.n != 32)
		return false;
	for (size_t i = 0, d = 0; i < s.n; i++) {
		bool dash = s.n == 36 && d < 4 && i == dashes[d];

		if (dash ? s.p[i] != '-' && s.p[i] != '_' : !is_hex_digit(s.p[i]))
			return false;
		out[i] = dash ? '-' : s.p[i];
		d += dash;
	}
	out[s.n] = '\0';
	return true;
}

/* "kubepods", "kubepods.slice", "kubelet-kubepods-burstable.slice" ... */
static bool is_kubepods(struct span s)
{
	strip_suffix(&s, ".slice");
	return s.n >= 8 && memmem(s.p, s.n, "kubepods", 8) != NULL;
}

/* Component i is a pod's. *uid stays "" when its form is unknown. */
static bool is_pod(const struct path *p, size_t i, char *uid)
{
	struct span s = p->part[i];

	if (strip_suffix(&s, ".slice")) {
		const char *kube = memmem(s.p, s.n, "kubepods", 8);
		const char *pod = kube ? memmem(kube, (size_t)(s.p + s.n - kube), "-pod", 4) : NULL;

		if (pod)
			read_uid((struct span){ pod + 4, (size_t)(s.p + s.n - pod - 4) }, uid);
		return pod;
	}
	if (!strip_prefix(&s, "pod"))
		return false;
	for (size_t k = 0; k < i; k++)
		if (is_kubepods(p->part[k])) {
			read_uid(s, uid);
			return true;
		}
	return false;
}

static bool find_scope(struct span s, struct identity *out)
{
	bool scope = strip_suffix(&s, ".scope");

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct span id = s;

		if ((!scope && !forms[i].bare) || !strip_prefix(&id, forms[i].prefix) ||
		    !is_hex(id, HEX_ID_BYTES))
			continue;
		out->runtime = forms[i].runtime;
		snprintf(out->name_space, sizeof(out->name_space), "%s", forms[i].name_space);
		return set_id(out, id);
	}
	return false;
}

/* 64 hex digits alone. containerd's own "/k8s.io/<id>" and "/default/<id>" look like docker's
 * below a parent of that name: only the runtime's state tells them. */
static bool find_hex(const struct path *p, size_t i, struct identity *out)
{
	struct span parent = i > 0 ? p->part[i - 1] : (struct span){ "", 0 };
	char uid[POD_UID_BYTES];

	if (!is_hex(p->part[i], HEX_ID_BYTES) || span_eq(parent, "k8s.io") ||
	    span_eq(parent, "default"))
		return false;
	out->runtime = RUNTIME_DOCKER;
	if (i > 0 && is_pod(p, i - 1, uid)) {
		out->runtime = RUNTIME_CONTAINERD;
		snprintf(out->name_space, sizeof(out->name_space), "k8s.io");
	}
	return set_id(out, p->part[i]);
}

static bool find_lxc(const struct path *p, size_t i, struct identity *out)
{
	struct span name = p->part[i];
	bool below = i > 0 &&
		     (span_eq(p->part[i - 1], "lxc") || span_eq(p->part[i - 1], "lxc.payload"));

	if (!strip_prefix(&name, "lxc.payload.") && !below)
		return false;
	out->runtime = RUNTIME_LXC;
	return set_id(out, name);
}

static bool is_machine_slice(struct span s)
{
	return span_eq(s, "machine.slice") ||
	       (span_starts(s, "machine-") && span_ends(s, ".slice"));
}

/* libvirt registers its guests as machine-<driver>\x2d<number>\x2d<name>. */
static bool is_libvirt(struct span name)
{
	static const char *const drivers[] = { "qemu\\x2d",  "lxc\\x2d",   "ch\\x2d",  "xen\\x2d",
					       "libxl\\x2d", "bhyve\\x2d", "vbox\\x2d" };

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (span_starts(name, drivers[i]))
			return true;
	return false;
}

static bool find_nspawn(const struct path *p, size_t i, struct identity *out)
{
	struct span name = p->part[i];

	out->runtime = RUNTIME_NSPAWN;
	if (strip_suffix(&name, ".service"))
		return strip_prefix(&name, "systemd-nspawn@") && set_unit_id(out, name);
	return i > 0 && is_machine_slice(p->part[i - 1]) && strip_suffix(&name, ".scope") &&
	       strip_prefix(&name, "machine-") && !is_libvirt(name) && set_unit_id(out, name);
}

static void reset(struct identity *out)
{
	*out = (struct identity){ .kind = CGROUP_OTHER, .runtime = RUNTIME_NONE };
}

static bool find_container(const struct path *p, size_t i, struct identity *out)
{
	if (find_scope(p->part[i], out) || find_hex(p, i, out) || find_lxc(p, i, out) ||
	    find_nspawn(p, i, out)) {
		out->kind = CGROUP_CONTAINER;
		return true;
	}
	reset(out); /* a form that failed late has left its runtime */
	return false;
}

/* Services of the host only: systemd in a container has units of the same names. */
static bool find_service(const struct path *p, struct identity *out)
{
	struct identity above;

	if (!span_ends(p->part[p->n - 1], ".service"))
		return false;
	reset(&above);
	for (size_t i = 0; i + 1 < p->n; i++)
		if (find_container(p, i, &above))
			return false;
	if (!set_unit_id(out, p->part[p->n - 1]))
		return false;
	out->kind = CGROUP_SERVICE;
	out->runtime = RUNTIME_SYSTEMD;
	return true;
}

void identity_from_path(const char *path, bool services, struct identity *out)
{
	struct path p;

	reset(out);
	if (path && path[0] == '/' && path[1] == '\0') {
		out->kind = CGROUP_ROOT;
		out->id[0] = '/';
		return;
	}
	if (!path || !split(path, &p))
		return;
	if (!find_container(&p, p.n - 1, out)) {
		if (services)
			find_service(&p, out);
		return;
	}
	for (size_t i = p.n - 1; i > 0; i--) /* the nearest pod above */
		if (is_pod(&p, i - 1, out->pod_uid))
			break;
}
