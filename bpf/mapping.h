/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mapping - the observer of mmap: code that a process of the host takes out of a container, and
 * memory of a size that mining wants. */
#ifndef BULKHEAD_BPF_MAPPING_H
#define BULKHEAD_BPF_MAPPING_H

#include "bpf/isolation.h"

#define PROT_EXEC	0x4
#define MAP_ANONYMOUS	0x20
#define MAP_HUGETLB	0x40000
#define MMAP_HUGE_BYTES (1ULL << 30)

struct mapping { /* what the calls have in common */
	__u64 bytes;
	__u32 protection, flags;
};

static __always_inline void read_mapping(struct mapping *m, struct pt_regs *regs, __u32 id,
					 __u16 flags)
{
	__u32 words[EVENT_ARGS] = {};

	if (id == CALL_oldmmap) {
		bpf_probe_read_user(words, sizeof(words), (void *)(__u64)(__u32)regs->bx);
		m->bytes = words[1];
		m->protection = words[2];
		m->flags = words[3];
	} else if (flags & EVENT_COMPAT) {
		m->bytes = (__u32)regs->cx;
		m->protection = (__u32)regs->dx;
		m->flags = (__u32)regs->si;
	} else {
		m->bytes = regs->si;
		m->protection = (__u32)regs->dx;
		m->flags = (__u32)regs->r10;
	}
}

/* i386's first mmap has its arguments in memory, too. */
static __always_inline void unwrap_mmap(struct call *c)
{
	__u32 words[EVENT_ARGS] = {};

	bpf_probe_read_user(words, sizeof(words), (void *)c->args[0]);
	for (__u32 i = 0; i < EVENT_ARGS; i++)
		c->args[i] = words[i];
	c->id = CALL_mmap;
}

static __always_inline int is_mmap(__u32 id)
{
	return id == CALL_mmap || id == CALL_oldmmap;
}

/* Almost every one is: looked at before anything else, for it is among the most frequent calls. */
static __always_inline int is_quiet_mapping(struct pt_regs *regs, __u32 id, __u16 flags)
{
	struct mapping m;

	read_mapping(&m, regs, id, flags);
	if (m.flags & MAP_ANONYMOUS)
		return m.bytes < MMAP_HUGE_BYTES && !(m.flags & MAP_HUGETLB);
	return !(m.protection & PROT_EXEC);
}

/* Code out of an overlay that neither the program itself comes from nor the host's own "/": what a
 * program of the host takes from inside of a container (CVE-2019-14271). Its own root does not
 * count: `docker cp` changes it to the container's before. */
static __always_inline int is_foreign_code(struct file *f)
{
	struct task_struct *t = current_task();
	struct mm_struct *mm = t->mm;
	struct super_block *sb = BPF_CORE_READ(f, f_inode, i_sb);

	if (!mm || BPF_CORE_READ(sb, s_magic) != MAGIC_OVERLAY)
		return 0;
	struct file *exe = mm->exe_file;

	return (__u64)sb != host_root_file_system && sb != BPF_CORE_READ(exe, f_inode, i_sb);
}

/* One told for each size, or file, and exec instance. */
__noinline int observe_mmap(struct call *c)
{
	struct repeat_key k;
	__u32 mode = 0, kind = MMAP_HUGE;

	if (!c)
		return 0;
	int host = c->entry.kind == ENTRY_HOST, anonymous = (c->args[3] & MAP_ANONYMOUS) != 0;
	struct file *f = anonymous ? NULL : file_of((__s32)c->args[4]);

	if (anonymous ? host && c->known : !host || c->result < 0 || !f || !is_foreign_code(f))
		return 0;
	repeat_begin(&k, c);
	if (f) {
		kind = MMAP_FOREIGN;
		file_key(&k, f, &mode);
	} else {
		k.inode = c->args[1];
		k.parent_inode = c->args[3];
		k.device = (__u32)c->args[2];
	}
	if (is_repeat(c, &k) || is_flood(c))
		return 0;
	struct scratch *s = record_begin(c, EVENT_MMAP, sizeof(struct event_call));

	if (!s)
		return 0;
	struct event_call *e = record_fixed(s);

	__builtin_memcpy(e->args, c->args, sizeof(e->args));
	e->op = kind;
	if (f)
		put_descriptor(s, &e->file, (__s32)c->args[4]);
	if (record_send(s))
		remember(c, &k, DROP_REPEAT);
	return 0;
}

#endif
