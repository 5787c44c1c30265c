/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter - what is not told: types nobody wants from a cgroup, repeats of one exec instance, what a
 * verdict knows, paths of the host that no rule looks at. Each is counted by reason and type. */
#ifndef BULKHEAD_BPF_FILTER_H
#define BULKHEAD_BPF_FILTER_H

#include "bpf/path.h"
#include "bpf/verdict_key.h"

/* Whether this cgroup's events of that type are wanted; a cgroup that is not known yet is told
 * whole. */
static __always_inline int is_wanted(const struct cgroup_entry *e, int known, __u32 type)
{
	__u64 mask = e->kind == ENTRY_HOST ? switches.host_mask
		     : e->mask		   ? e->mask
					   : switches.container_mask;

	return !known || (mask & EVENT_BIT(type));
}

static __always_inline void repeat_begin(struct repeat_key *k, const struct call *c)
{
	struct task_struct *t = current_task();

	k->start_boot_ns = t->group_leader->start_boottime;
	k->pid = (__u32)t->tgid;
	k->exec_seq = (__u32)t->self_exec_id;
	k->identity = identity_of(t);
	k->inode = 0;
	k->parent_inode = 0;
	k->device = 0;
	k->mount_id = 0;
	k->name_hash = 0;
	k->type = c->type;
	k->access = 0;
	k->outcome = c->result >= 0 ? 0 : c->result > -255 ? (__u8)-c->result : 255;
	k->rules = switches.rules;
}

/* Told before: counted, and stamped with this minute. */
static __always_inline int is_repeat(const struct call *c, const struct repeat_key *k)
{
	if (!c->known || !(switches.repeat_mask & EVENT_BIT(c->type)))
		return 0;
	struct repeat_value *v = bpf_map_lookup_elem(&repeats, k);

	if (!v)
		return 0;
	if (switches.retell && v->told != switches.retell)
		return 0;
	if (v->minute != switches.minute)
		v->minute = switches.minute;
	count_drop(v->drop, c->type);
	return 1;
}

/* Only what reached the buffer is remembered: a lost event comes again. */
static __always_inline void remember(const struct call *c, const struct repeat_key *k, __u32 drop)
{
	struct repeat_value v = { .minute = switches.minute,
				  .drop = (__u16)drop,
				  .told = switches.retell };

	if (c->known && (switches.repeat_mask & EVENT_BIT(c->type)))
		bpf_map_update_elem(&repeats, k, &v, BPF_ANY);
}

static __always_inline __u32 verdict_of(const struct cgroup_entry *e, const struct event_file *f,
					__u32 type)
{
	/* what the image does not hold never matches what the image is allowed */
	if (!e->image || (f->flags & (FILE_UPPER | FILE_FOREIGN | FILE_MEMORY | FILE_DELETED)))
		return VERDICT_NONE;
	struct verdict_key k;

	verdict_key_of(&k, e->image, f, type);
	__u32 *v = bpf_map_lookup_elem(&verdicts, &k);

	return v ? *v : VERDICT_NONE;
}

/* --- paths of the host ------------------------------------------------------------------------ */

static __always_inline int matches_prefix(struct path_scratch *p, __u32 from)
{
	__u32 at = from & (2 * EVENT_STRING_MAX - 1);

	if (at > EVENT_STRING_MAX) /* an absolute name begins there, what was walked before it */
		return 1;
	p->prefix.prefixlen = HOST_PREFIX_BYTES * 8;
	bpf_probe_read_kernel(p->prefix.path, HOST_PREFIX_BYTES, &p->bytes[at]);
	return bpf_map_lookup_elem(&host_prefixes, &p->prefix) != NULL;
}

static __always_inline int matches_name(struct path_scratch *p, struct dentry *d)
{
	const unsigned char *name = BPF_CORE_READ(d, d_name.name);

	__builtin_memset(&p->name, 0, sizeof(p->name));
	if (bpf_probe_read_kernel_str(p->name.name, sizeof(p->name.name), name) <= 0)
		return 0;
	return bpf_map_lookup_elem(&host_names, &p->name) != NULL;
}

/* A name that means another than its bytes say: "a//b", "./a", "a/../b". Hidden files are taken for
 * one, too: told rather than missed. */
static __always_inline int is_not_plain(struct path_scratch *p, __u32 skip, __u32 n)
{
	char before = '/';

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 254; i++) {
		char c = p->bytes[EVENT_STRING_MAX + ((skip + i) & 255)];

		if (i >= n || !c)
			return 0;
		if (before == '/' && (c == '.' || (c == '/' && i > 0)))
			return 1;
		before = c;
	}
	return 1; /* longer than was read */
}

/* The last component of a text of n bytes (its NUL counted), `skip` behind EVENT_STRING_MAX. */
static __always_inline int matches_last_name(struct path_scratch *p, __u32 skip, __u32 n)
{
	__u32 at = skip + n - 1; /* of the NUL; what a mask of 255 takes in is bytes' end */

	for (int i = 0; i < HOST_NAME_BYTES; i++) {
		if (at == skip || p->bytes[EVENT_STRING_MAX + ((at - 1) & 255)] == '/')
			break;
		at--;
	}
	__builtin_memset(&p->name, 0, sizeof(p->name));
	if (bpf_probe_read_kernel_str(p->name.name, sizeof(p->name.name),
				      &p->bytes[EVENT_STRING_MAX + (at & 255)]) <= 0)
		return 0;
	return bpf_map_lookup_elem(&host_names, &p->name) != NULL;
}

/* Whether some rule may look at this file of the host; `raw` (or 0) is an absolute name, or a
 * relative one below the directory that mnt and dentry are. Links in it are not followed. */
__noinline int host_path_matches(__u64 mnt, __u64 dentry, __u64 raw)
{
	struct walk w;
	__u32 slot = 0;
	int found = 0;

	if (!switches.host_paths || switches.host_all_paths)
		return 1;
	struct path_scratch *p = take_path(&slot);

	if (!p)
		return 1;
	__builtin_memset(&p->bytes[EVENT_STRING_MAX], 0, PATH_BYTES - EVENT_STRING_MAX);
	w.at = EVENT_STRING_MAX;
	if (dentry && mnt)
		walk_path(&w, slot, p, (struct vfsmount *)mnt, (struct dentry *)dentry);
	__u32 end = EVENT_STRING_MAX;
	long n = 0;

	if (raw) {
		if (dentry && w.at != EVENT_STRING_MAX - 1) /* not the root itself */
			p->bytes[end++] = '/';
		n = bpf_probe_read_user_str(&p->bytes[end & (2 * EVENT_STRING_MAX - 1)], 254,
					    (void *)raw);
	}
	if (n > 1 && n <= 254)
		found = is_not_plain(p, end - EVENT_STRING_MAX, (__u32)n);
	if (!found)
		found = matches_prefix(p, w.at);
	if (!found && dentry && !raw)
		found = matches_name(p, (struct dentry *)dentry);
	if (!found && n > 1 && n <= 254)
		found = matches_last_name(p, end - EVENT_STRING_MAX, (__u32)n);
	p->busy = 0;
	return found;
}

#endif
