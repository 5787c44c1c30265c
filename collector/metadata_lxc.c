// SPDX-License-Identifier: GPL-2.0-or-later
/* LXC's configuration files (also those that LXD and Incus write), and what systemd-nspawn leaves
 * in /run/systemd/machines and reads from NAME.nspawn: lines of "key = value". */
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/metadata_internal.h"

#define MAX_INCLUDE_DEPTH 4
#define MAX_INCLUDES	  32 /* files of one container */

typedef void (*line_fn)(struct metadata_load *l, const char *section, struct span key,
			struct span value, void *ctx);

/* Calls fn for each "key = value"; "[Section]" lines set the section. false without the file. */
static bool for_each_line(struct metadata_load *l, const char *path, line_fn fn, void *ctx)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span rest, line;
	char section[64] = "";

	buf_init(&b, METADATA_MAX_FILE + 1);
	int rc = metadata_read_file(l->roots, path, &b);

	if (rc < 0) {
		l->malformed = l->malformed || (rc != -ENOENT && rc != -ENOTDIR);
		return false;
	}
	rest = (struct span){ b.data, b.len };
	while (b.len && span_next(&rest, '\n', &line)) {
		line = span_trim(line);
		if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
			continue;
		if (line.p[0] == '[') {
			snprintf(section, sizeof(section), "%.*s", (int)(line.n < 60 ? line.n : 60),
				 line.p);
			continue;
		}
		const char *eq = memchr(line.p, '=', line.n);

		if (!eq)
			continue;
		struct span key = { line.p, (size_t)(eq - line.p) };
		struct span value = { eq + 1, line.n - key.n - 1 };

		key = span_trim(key);
		value = span_trim(value);
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = (struct span){ value.p + 1, value.n - 2 };
		fn(l, section, key, value, ctx);
	}
	return true;
}

static void set_span(char **field, struct span value)
{
	AUTO_FREE char *text = strndup(value.n ? value.p : "", value.n);

	metadata_set(field, text);
}

static bool has_word(struct span list, const char *word)
{
	struct span item;

	while (span_next(&list, ',', &item)) {
		if (span_eq(item, word))
			return true;
	}
	return false;
}

/* --- LXC --- */

struct lxc {
	unsigned depth, files;
	bool unprivileged; /* has an id map */
	bool keep;	   /* lxc.cap.keep was used */
	char rootfs[PATH_MAX];
	char shared[METADATA_MAX_NAMESPACES][PATH_MAX]; /* by number in lxc_namespaces */
	unsigned kept;					/* the host's: one bit each */
};

static const struct {
	const char *lxc, *name;
} lxc_namespaces[] = {
	{ "mnt", "mount" }, { "pid", "pid" },	{ "net", "network" },	{ "ipc", "ipc" },
	{ "uts", "uts" },   { "user", "user" }, { "cgroup", "cgroup" }, { "time", "time" },
};

/* "source destination type options dump pass"; the destination is relative to the root. */
static void lxc_mount(struct metadata *m, struct span value)
{
	struct span source, target, type, options = { "", 0 };
	char from[PATH_MAX], to[PATH_MAX], kind[64];

	if (!span_word(&value, &source) || !span_word(&value, &target) || !span_word(&value, &type))
		return;
	(void)span_word(&value, &options);
	bool bind = span_eq(type, "none") &&
		    (has_word(options, "bind") || has_word(options, "rbind"));
	bool slash = target.n > 0 && target.p[0] == '/';

	snprintf(kind, sizeof(kind), "%.*s", (int)(type.n < 60 ? type.n : 60), type.p);
	if (metadata_path(from, "%.*s", (int)source.n, source.p) &&
	    metadata_path(to, "%s%.*s", slash ? "" : "/", (int)target.n, target.p))
		metadata_add_mount(m, bind ? "bind" : kind, from, to, NULL,
				   has_word(options, "ro"));
}

static void lxc_capabilities(struct metadata *m, struct lxc *x, struct span value, bool keep)
{
	struct span word;
	char name[64];

	if (keep && !x->keep) {
		while (m->capabilities_n > 0)
			metadata_drop_capability(m, m->capabilities[0]);
		x->keep = true;
	}
	while (span_word(&value, &word)) {
		if (word.n >= sizeof(name) - 4 || (x->keep && !keep))
			continue;
		snprintf(name, sizeof(name), "CAP_%.*s", (int)word.n, word.p);
		if (!keep)
			metadata_drop_capability(m, name);
		else if (!span_eq(word, "none"))
			metadata_add_capability(m, name);
	}
}

static void lxc_namespace(struct lxc *x, struct span key, struct span value)
{
	struct span word;

	for (size_t i = 0; i < sizeof(lxc_namespaces) / sizeof(*lxc_namespaces); i++) {
		if (span_starts(key, "lxc.namespace.share.")) {
			if (span_ends(key, lxc_namespaces[i].lxc) && value.n < PATH_MAX)
				snprintf(x->shared[i], PATH_MAX, "%.*s", (int)value.n, value.p);
			continue;
		}
		struct span rest = value;

		while (span_word(&rest, &word)) {
			if (span_eq(word, lxc_namespaces[i].lxc))
				x->kept |= 1u << i;
		}
	}
}

static void lxc_line(struct metadata_load *l, const char *section, struct span key,
		     struct span value, void *ctx);

static void lxc_include(struct metadata_load *l, struct span value, struct lxc *x)
{
	char path[PATH_MAX];

	if (x->depth >= MAX_INCLUDE_DEPTH || x->files >= MAX_INCLUDES || value.n == 0 ||
	    value.p[0] != '/' || !metadata_path(path, "%.*s", (int)value.n, value.p))
		return;
	x->files++;
	x->depth++;
	bool was_malformed = l->malformed;

	(void)for_each_line(l, path, lxc_line, x);
	l->malformed = was_malformed; /* a directory may be included too: those are left out */
	x->depth--;
}

static void lxc_line(struct metadata_load *l, const char *section, struct span key,
		     struct span value, void *ctx)
{
	struct lxc *x = ctx;
	struct metadata *m = l->m;

	(void)section;
	if (span_eq(key, "lxc.include"))
		lxc_include(l, value, x);
	else if (span_eq(key, "lxc.uts.name") || span_eq(key, "lxc.utsname"))
		set_span(&m->hostname, value);
	else if (span_eq(key, "lxc.rootfs.path") || span_eq(key, "lxc.rootfs"))
		(void)metadata_path(x->rootfs, "%.*s", (int)value.n, value.p);
	else if (span_eq(key, "lxc.rootfs.options"))
		m->read_only_root = has_word(value, "ro");
	else if (span_eq(key, "lxc.mount.entry"))
		lxc_mount(m, value);
	else if (span_eq(key, "lxc.cap.drop"))
		lxc_capabilities(m, x, value, false);
	else if (span_eq(key, "lxc.cap.keep"))
		lxc_capabilities(m, x, value, true);
	else if (span_eq(key, "lxc.idmap") || span_eq(key, "lxc.id_map"))
		x->unprivileged = x->unprivileged || value.n > 0;
	else if (span_eq(key, "lxc.apparmor.profile") || span_eq(key, "lxc.aa_profile"))
		set_span(&m->apparmor, value);
	else if (span_eq(key, "lxc.seccomp.profile") || span_eq(key, "lxc.seccomp"))
		set_span(&m->seccomp, value);
	else if (span_eq(key, "lxc.no_new_privs"))
		m->no_new_privileges = span_eq(value, "1");
	else if (span_eq(key, "lxc.init.cmd"))
		set_span(&m->command, value);
	else if (span_eq(key, "lxc.init.uid"))
		set_span(&m->user, value);
	else if (span_eq(key, "lxc.console.logfile"))
		set_span(&m->log_path, value);
	else if (span_eq(key, "lxc.namespace.keep") || span_starts(key, "lxc.namespace.share."))
		lxc_namespace(x, key, value);
}

/* "dir:/x", "overlay:/lower:/upper", "overlayfs:...", or a plain path. */
static void lxc_root(struct metadata *m, const char *rootfs)
{
	struct span rest = span_str(rootfs), part, last = { NULL, 0 };

	if (rootfs[0] == '/') {
		metadata_set(&m->writable_layer, rootfs);
		return;
	}
	while (span_next(&rest, ':', &part))
		last = part;
	if (last.n > 0 && last.p[0] == '/' &&
	    (strncmp(rootfs, "dir:", 4) == 0 || strncmp(rootfs, "overlay", 7) == 0))
		set_span(&m->writable_layer, last);
}

bool metadata_load_lxc(struct metadata_load *l)
{
	static const char *const files[] = { "/var/lib/lxc/%s/config",
					     "/var/snap/lxd/common/lxd/logs/%s/lxc.conf",
					     "/var/log/lxd/%s/lxc.conf", "/run/incus/%s/lxc.conf",
					     "/var/log/incus/%s/lxc.conf" };
	AUTO_FREE struct lxc *x = calloc(1, sizeof(*x));
	char path[PATH_MAX];
	struct metadata *m = l->m;

	if (!x)
		return false;
	metadata_add_all_capabilities(m); /* LXC starts from all and drops */
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct span form = span_str(files[i]);
		size_t at = (size_t)(strstr(files[i], "%s") - files[i]);

		if (!metadata_path(path, "%.*s%s%s", (int)at, form.p, l->id->id, form.p + at + 2) ||
		    !for_each_line(l, path, lxc_line, x))
			continue;
		metadata_set_if_unset(&m->name, l->id->id);
		metadata_set_if_unset(&m->seccomp, "unconfined");
		lxc_root(m, x->rootfs);
		for (size_t k = 0; k < sizeof(lxc_namespaces) / sizeof(*lxc_namespaces); k++) {
			bool host =
				(x->kept & (1u << k)) ||
				(strcmp(lxc_namespaces[k].lxc, "user") == 0 && !x->unprivileged);

			metadata_add_namespace(m, lxc_namespaces[k].name,
					       host ? "host" : x->shared[k]);
		}
		m->privileged = !x->unprivileged; /* LXC's own meaning: root is the host's root */
		m->details_known = true;
		return true;
	}
	while (m->capabilities_n > 0)
		metadata_drop_capability(m, m->capabilities[0]);
	return false;
}

/* --- systemd-nspawn --- */

static void machine_line(struct metadata_load *l, const char *section, struct span key,
			 struct span value, void *ctx)
{
	uint64_t n;

	(void)section;
	(void)ctx;
	if (span_eq(key, "NAME"))
		set_span(&l->m->name, value);
	else if (span_eq(key, "ROOT"))
		set_span(&l->m->writable_layer, value);
	else if (span_eq(key, "LEADER") && parse_u64(value, &n) && n <= INT_MAX)
		metadata_apply_pid(l, (int64_t)n);
	else if (span_eq(key, "REALTIME") && parse_u64(value, &n) && n < UINT64_MAX / NS_PER_US)
		l->m->created_unix_ns = l->m->started_unix_ns = n * NS_PER_US;
}

/* "source:destination:options"; a lone path is mounted at the same place. */
static void nspawn_bind(struct metadata *m, struct span value, bool read_only)
{
	struct span source, target;
	char from[PATH_MAX], to[PATH_MAX];

	if (!span_next(&value, ':', &source))
		return;
	if (!span_next(&value, ':', &target) || target.n == 0)
		target = source;
	if (metadata_path(from, "%.*s", (int)source.n, source.p) &&
	    metadata_path(to, "%.*s", (int)target.n, target.p) && to[0] == '/')
		metadata_add_mount(m, "bind", from, to, NULL, read_only);
}

static void settings_line(struct metadata_load *l, const char *section, struct span key,
			  struct span value, void *ctx)
{
	struct metadata *m = l->m;
	bool yes = span_eq(value, "yes") || span_eq(value, "true") || span_eq(value, "1") ||
		   span_eq(value, "on");

	(void)ctx;
	if (strcmp(section, "[Exec]") == 0) {
		if (span_eq(key, "User"))
			set_span(&m->user, value);
		else if (span_eq(key, "Hostname"))
			set_span(&m->hostname, value);
		else if (span_eq(key, "Parameters"))
			set_span(&m->command, value);
		else if (span_eq(key, "NoNewPrivileges"))
			m->no_new_privileges = yes;
	} else if (strcmp(section, "[Files]") == 0) {
		if (span_eq(key, "ReadOnly"))
			m->read_only_root = yes;
		else if (span_eq(key, "Bind") || span_eq(key, "BindReadOnly"))
			nspawn_bind(m, value, span_eq(key, "BindReadOnly"));
	}
}

bool metadata_load_nspawn(struct metadata_load *l)
{
	static const char *const places[] = { "/etc/systemd/nspawn", "/run/systemd/nspawn",
					      "/var/lib/machines" };
	char path[PATH_MAX];

	if (!metadata_path(path, "/run/systemd/machines/%s", l->id->id) ||
	    !for_each_line(l, path, machine_line, NULL))
		return false;
	/* The command line overrides these, so the security fields stay unknown. */
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (metadata_path(path, "%s/%s.nspawn", places[i], l->id->id) &&
		    for_each_line(l, path, settings_line, NULL))
			break;
	}
	return true;
}
