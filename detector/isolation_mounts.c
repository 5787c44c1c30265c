// SPDX-License-Identifier: GPL-2.0-or-later
/* Judging: a list against the one of the start and the host's. */
#include "detector/isolation_mounts.h"

#include <string.h>

/* --- mounts in a list ------------------------------------------------------------------------ */

static bool equal(struct span a, struct span b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static bool shows_device(const struct mount_list *l, uint32_t device)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->list[i].device == device)
			return true;
	return false;
}

static bool same_place(const struct mount_entry *a, const struct mount_entry *b)
{
	return a->device == b->device && equal(a->point, b->point) && equal(a->root, b->root) &&
	       equal(a->type, b->type);
}

static const struct mount_entry *find_same(const struct mount_list *l, const struct mount_entry *m)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (same_place(&l->list[i], m))
			return &l->list[i];
	return NULL;
}

/* The uppermost one there. */
static const struct mount_entry *find_top(const struct mount_list *l, struct span point)
{
	for (uint32_t i = l->n; i-- > 0;)
		if (equal(l->list[i].point, point))
			return &l->list[i];
	return NULL;
}

static const struct mount_entry *find_id(const struct mount_list *l, uint32_t id)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->list[i].id == id)
			return &l->list[i];
	return NULL;
}

static bool has_group(const struct mount_list *host, uint32_t group)
{
	for (uint32_t i = 0; group && i < host->n; i++)
		if (host->list[i].shared == group)
			return true;
	return false;
}

/* --- telling --------------------------------------------------------------------------------- */

static void put_mount(struct mounts_case *k, const struct mount_entry *m)
{
	char path[4096];
	const size_t n = mount_host_path(k->host, m, path, sizeof(path));

	finding_fact(k->f, "mounted_at", m->point);
	finding_fact(k->f, "type", m->type);
	finding_fact(k->f, "source", m->source);
	finding_fact(k->f, "part", m->root);
	if (n)
		finding_fact(k->f, "host_path", (struct span){ path, n });
	finding_text(k->f, "device", "%u:%u", m->device >> 20, m->device & 0xfffff);
	finding_fact(k->f, "seen_by", SPAN_LIT("a look at its mounts"));
}

static void tell(struct mounts_case *k, const struct mount_entry *m)
{
	put_mount(k, m);
	if (k->from_outside && k->f->severity < ALERT_NOTICE)
		k->f->severity = ALERT_NOTICE;
	k->found(k->ctx, k->f, k->c, k->p);
}

static int key_bytes(struct span s)
{
	return s.n < 100 ? (int)s.n : 100;
}

static void tell_host(struct mounts_case *k, const struct mount_entry *m)
{
	finding_begin(k->f, INV_MOUNTS, FINDING_SO,
		      "Container '%.100s' has a part of the host mounted at '%.*s'", k->name,
		      key_bytes(m->point), m->point.p);
	finding_key(k->f, "host %.*s", key_bytes(m->point), m->point.p);
	k->f->known_as = "host mount";
	tell(k, m);
}

static void tell_other(struct mounts_case *k, const struct mount_entry *m, const char *what,
		       enum alert_severity severity)
{
	finding_begin(k->f, INV_MOUNTS, FINDING_SO, "Container '%.100s' has mounted %s", k->name,
		      what);
	finding_key(k->f, "%.20s %.*s", what, key_bytes(m->point), m->point.p);
	k->f->severity = severity;
	tell(k, m);
}

static void tell_mask(struct mounts_case *k, const struct mount_entry *m, const char *how)
{
	finding_begin(k->f, INV_MASKS, FINDING_SO, "Container '%.100s': '%.*s' %s", k->name,
		      key_bytes(m->point), m->point.p, how);
	finding_key(k->f, "%.*s", key_bytes(m->point), m->point.p);
	finding_fact(k->f, "how", span_str(how));
	tell(k, m);
}

/* --- I10 ------------------------------------------------------------------------------------- */

static bool is_one_of(struct span s, const char *const *list)
{
	for (; *list; list++)
		if (span_eq(s, *list))
			return true;
	return false;
}

static bool is_kernels(struct span type)
{
	static const char *const types[] = { "debugfs",	 "tracefs", "securityfs",  "configfs",
					     "efivarfs", "pstore",  "binfmt_misc", "selinuxfs",
					     "devtmpfs", "nfsd",    "resctrl",	   NULL };

	return is_one_of(type, types);
}

/* Says nothing of the host: one's own namespaces', or of no content. */
static bool is_harmless(struct span type)
{
	static const char *const types[] = { "nsfs",  "mqueue", "devpts",     "fusectl",
					     "sysfs", "bpf",	"rpc_pipefs", NULL };

	return is_one_of(type, types);
}

/* The host mounted it below a place that the container shares with it. */
static bool came_from_host(const struct mounts_case *k, const struct mount_entry *m)
{
	const struct mount_entry *up = find_id(k->now, m->parent);
	const struct mount_entry *was = up ? find_same(k->start, up) : NULL;

	for (unsigned i = 0; up && !was && i < 32; i++) {
		up = find_id(k->now, up->parent);
		was = up ? find_same(k->start, up) : NULL;
	}
	if (!was)
		return false;
	if (was->shared && has_group(k->host, was->shared))
		return true;
	return was->master && m->master;
}

/* Part of what it was given, mounted once more. */
static bool is_given(const struct mount_list *start, const struct mount_entry *m)
{
	for (uint32_t i = 0; i < start->n; i++)
		if (start->list[i].device == m->device &&
		    mount_path_below(m->root, start->list[i].root))
			return true;
	return false;
}

static bool is_disk(const struct mount_entry *m)
{
	return m->device >> 20 || span_eq(m->type, "btrfs") || span_eq(m->type, "zfs");
}

static void judge_cgroup(struct mounts_case *k, const struct mount_entry *m)
{
	/* as this reader sees it: the whole hierarchy, with release_agent at its root */
	if (span_eq(m->root, "/") && !k->privileged)
		tell_other(k, m, "the whole hierarchy of cgroups", ALERT_ERROR);
}

static void judge_new(struct mounts_case *k, const struct mount_entry *m)
{
	const bool of_host = shows_device(k->host, m->device);

	if (is_given(k->start, m) || is_harmless(m->type) || came_from_host(k, m))
		return;
	if (span_eq(m->type, "cgroup") || span_eq(m->type, "cgroup2"))
		judge_cgroup(k, m);
	else if (is_kernels(m->type)) {
		if (!k->privileged)
			tell_other(k, m, "an interface of the kernel", ALERT_WARNING);
	} else if (of_host)
		tell_host(k, m);
	else if (is_disk(m) && m->device >> 20 != 7) /* a loop device holds a file of its own */
		tell_other(k, m, "a disk", ALERT_ERROR);
}

static bool is_declared(const struct mounts_case *k, const struct mount_entry *m)
{
	char path[4096];
	const size_t n = mount_host_path(k->host, m, path, sizeof(path));

	for (size_t i = 0; i < k->declared_n; i++) {
		const struct mount_declared *d = &k->declared[i];

		if (!mount_path_below(m->point, d->destination))
			continue;
		/* what is mounted below its source comes with it */
		if (!equal(m->point, d->destination) || !d->source.n ||
		    equal(d->source, (struct span){ path, n }))
			return true;
	}
	return false;
}

/* What an attack on the runtime got mounted (CVE-2021-30465). */
static void judge_start(struct mounts_case *k)
{
	for (uint32_t i = 0; k->declared_known && i < k->now->n; i++) {
		const struct mount_entry *m = &k->now->list[i];

		if (is_disk(m) && mount_is_sensitive(k->host, m) && find_same(k->start, m) &&
		    !is_declared(k, m))
			tell_host(k, m);
	}
}

/* --- I11 ------------------------------------------------------------------------------------- */

static bool is_kernel_tree(struct span point)
{
	return mount_path_below(point, SPAN_LIT("/proc")) ||
	       mount_path_below(point, SPAN_LIT("/sys"));
}

/* Something was put over it so that it is not seen. */
static bool is_mask(const struct mount_entry *m)
{
	return is_kernel_tree(m->point) && m->point.n > 5 &&
	       (span_eq(m->root, "/null") ||
		(span_eq(m->type, "tmpfs") && (m->read_only || m->all_read_only) &&
		 !mount_path_below(m->point, SPAN_LIT("/sys/fs/cgroup"))));
}

static void judge_mask(struct mounts_case *k, const struct mount_entry *was)
{
	const struct mount_entry *is = find_top(k->now, was->point);
	const bool kernels = is_kernel_tree(was->point);

	if (!is_mask(was) && !was->read_only)
		return;
	if (!is && kernels)
		tell_mask(k, was,
			  is_mask(was) ? "is not masked any more" : "is not read-only any more");
	if (!is)
		return;
	if (is_mask(was) && !same_place(is, was) &&
	    (span_eq(is->type, "proc") || span_eq(is->type, "sysfs")))
		tell_mask(k, is, "is not masked any more");
	else if (was->read_only && !is->read_only && same_place(is, was))
		tell_mask(k, is, "is not read-only any more");
}

static void judge_masks(struct mounts_case *k)
{
	bool masked = false, sysfs_read_only = false;

	for (uint32_t i = 0; i < k->start->n; i++) {
		const struct mount_entry *m = &k->start->list[i];

		masked |= is_mask(m) && mount_path_below(m->point, SPAN_LIT("/proc"));
		sysfs_read_only |= span_eq(m->type, "sysfs") && m->read_only;
		judge_mask(k, m);
	}
	for (uint32_t i = 0; i < k->now->n; i++) {
		const struct mount_entry *m = &k->now->list[i];

		if (find_same(k->start, m))
			continue;
		if (masked && span_eq(m->type, "proc") && span_eq(m->root, "/"))
			tell_mask(k, m, "is a proc without the masks of the runtime");
		else if (sysfs_read_only && span_eq(m->type, "sysfs") && !m->read_only)
			tell_mask(k, m, "is a sysfs that can be written");
	}
}

/* --- I12 ------------------------------------------------------------------------------------- */

static bool was_asked_for(const struct mounts_case *k, const struct mount_entry *m)
{
	if (!k->declared_known)
		return true;
	for (size_t i = 0; i < k->declared_n; i++)
		if (k->declared[i].shared && mount_path_below(m->point, k->declared[i].destination))
			return true;
	return false;
}

static void judge_propagation(struct mounts_case *k, const struct mount_entry *m)
{
	const struct mount_entry *was = find_same(k->start, m);

	if (!has_group(k->host, m->shared) ||
	    (was && was->shared == m->shared ? was_asked_for(k, m) : came_from_host(k, m)))
		return;
	finding_begin(k->f, INV_PROPAGATION, FINDING_SO,
		      "Container '%.100s': what is mounted below '%.*s' appears on the host",
		      k->name, key_bytes(m->point), m->point.p);
	finding_key(k->f, "%.*s", key_bytes(m->point), m->point.p);
	finding_number(k->f, "peer_group", m->shared);
	tell(k, m);
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool same_root(const struct mounts_case *k)
{
	const struct mount_entry *was = find_top(k->start, SPAN_LIT("/"));
	const struct mount_entry *is = find_top(k->now, SPAN_LIT("/"));

	return was && is && was->device == is->device && equal(was->root, is->root);
}

static void judge_refused(struct mounts_case *k)
{
	if (!k->now->refused || k->start->refused)
		return;
	finding_begin(k->f, INV_MOUNTS, FINDING_SO,
		      "Container '%.100s' has more mounts than are looked at", k->name);
	finding_key(k->f, "too-many");
	k->f->severity = ALERT_NOTICE;
	finding_number(k->f, "looked_at", k->now->n);
	finding_number(k->f, "left_out", k->now->refused);
	k->found(k->ctx, k->f, k->c, k->p);
}

bool isolation_mounts_judge(struct mounts_case *k)
{
	/* somebody else's view, or that of a process that went below */
	if (!same_root(k))
		return false;
	judge_start(k);
	for (uint32_t i = 0; i < k->now->n; i++) {
		const struct mount_entry *m = &k->now->list[i];

		if (!span_eq(m->type, "proc") && !find_same(k->start, m))
			judge_new(k, m);
		if (m->shared)
			judge_propagation(k, m);
	}
	judge_masks(k);
	judge_refused(k);
	return true;
}
