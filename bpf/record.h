/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record - one event from its begin to the buffer. A record is made in per-CPU scratch space (the
 * stack has 512 bytes) and copied into the ring buffer at its true length.
 *
 *	struct scratch *s = record_begin(&call, EVENT_OPEN, sizeof(struct event_open));
 *	if (!s) return;              // counted
 *	struct event_open *o = record_fixed(s);
 *	...
 *	put_user_string(s, TAG_RAW, pointer);
 *	record_send(s);
 *
 * Functions that are not inline are verified once, each by itself. */
#ifndef BULKHEAD_BPF_RECORD_H
#define BULKHEAD_BPF_RECORD_H

#include "bpf/task.h"

#define STRING_ROOM (sizeof(struct event_string) + EVENT_STRING_MAX + 8)
#define STRINGS_END (EVENT_MAX_BYTES - STRING_ROOM)

#define ENOENT	    2
#define EPERM	    1
#define EINPROGRESS 115
#define AT_FDCWD    (-100)

/* One observed call or hook, on the caller's stack. */
struct call {
	__u64 args[8]; /* the last two are 0: what a call has not is read from there */
	__s64 result;
	__u64 cgroup; /* key */
	struct cgroup_entry entry;
	__s32 number;
	__u16 flags; /* EVENT_COMPAT ... */
	__u8 id;     /* enum call_id */
	__u8 type;   /* enum event_type */
	__u32 known; /* the cgroup is */
	__u32 reserved;
};

static __always_inline struct scratch *take_scratch(void)
{
	for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
		__u32 slot = i;
		struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);

		if (s && __sync_val_compare_and_swap(&s->busy, 0, 1) == 0)
			return s;
	}
	return NULL;
}

static __always_inline void drop_scratch(struct scratch *s)
{
	s->busy = 0;
}

static __always_inline struct event_head *record_head(struct scratch *s)
{
	return (struct event_head *)s->record;
}

static __always_inline void *record_fixed(struct scratch *s)
{
	return s->record + sizeof(struct event_head);
}

/* Types of little value make room for those of more: 0 when this one must. */
static __always_inline int has_room(__u32 type)
{
	__u64 limit = 0;

	barrier_var(type); /* else older verifiers check one copy of it, and another is used */
	if (type < EVENT_TYPE_COUNT)
		limit = switches.shed_at[type];
	return !limit || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < limit;
}

/* A record of no process: what comes from an interrupt runs in whoever was there. NULL: counted. */
static __always_inline struct scratch *record_begin_bare(const struct call *c, __u32 type,
							 __u32 fixed)
{
	if (!has_room(type)) {
		count_loss(DROP_SHED, type, owner_of(&c->entry, c->known, type));
		return NULL;
	}
	struct scratch *s = take_scratch();

	if (!s) {
		count_loss(DROP_NESTED, type, owner_of(&c->entry, c->known, type));
		return NULL;
	}
	s->owner = owner_of(&c->entry, c->known, type);
	struct event_head *h = record_head(s);

	__builtin_memset(h, 0, sizeof(*h));
	h->type = (__u16)type;
	h->flags = c->flags;
	h->boot_ns = bpf_ktime_get_boot_ns();
	h->result = c->result;
	h->syscall = c->number;
	fill_cgroup(h, c->cgroup, &c->entry, (int)c->known);
	/* by words: the compiler's memset has a limit */
	__u64 *p = record_fixed(s);

#pragma unroll
	for (__u32 i = 0; i < sizeof(struct event_call) / 8; i++)
		if (i * 8 < fixed)
			p[i] = 0;
	s->used = (__u32)sizeof(*h) + fixed;
	return s;
}

__noinline int fill_current(struct event_head *h)
{
	if (h)
		fill_process(h, current_task());
	return 0;
}

/* The same with the process that runs now. */
static __always_inline struct scratch *record_begin(const struct call *c, __u32 type, __u32 fixed)
{
	struct scratch *s = record_begin_bare(c, type, fixed);

	if (s)
		fill_current(record_head(s));
	return s;
}

/* Gives the record to user space: 1; 0: it is lost, and counted. */
static __always_inline int record_send(struct scratch *s)
{
	struct event_head *h = record_head(s);
	struct event_counts *c = own_counts();
	__u32 bytes = s->used, type = h->type;
	/* While user space looks by a timer nothing is gained by waking it. */
	__u64 flags = switches.quiet ? BPF_RB_NO_WAKEUP : 0;

	if (bytes < sizeof(*h))
		bytes = sizeof(*h);
	if (bytes > EVENT_MAX_BYTES)
		bytes = EVENT_MAX_BYTES;
	h->size = bytes;
	int lost = bpf_ringbuf_output(&events, s->record, bytes, flags) != 0;

	if (lost)
		count_loss(DROP_FULL, type, s->owner);
	else if (c && type < EVENT_TYPE_COUNT)
		c->sent[type]++;
	drop_scratch(s);
	return !lost;
}

/* --- strings -------------------------------------------------------------------------------- */

/* Place of the next string, or 0 (and the record says so) when there is no room. */
static __always_inline __u32 string_at(struct scratch *s)
{
	__u32 at = s->used;

	if (at < sizeof(struct event_head) || at > STRINGS_END) {
		record_head(s)->flags |= EVENT_CUT;
		return 0;
	}
	return at;
}

static __always_inline void string_end(struct scratch *s, __u32 at, __u8 tag, __u8 flags,
				       __u32 bytes)
{
	if (at > STRINGS_END || bytes > EVENT_STRING_MAX)
		return;
	struct event_string *e = (struct event_string *)(s->record + at);

	/* the place is not aligned: by bytes */
	s->record[at] = (char)tag;
	s->record[at + 1] = (char)flags;
	s->record[at + 2] = (char)(bytes & 0xff);
	s->record[at + 3] = (char)(bytes >> 8);
	s->used = at + (__u32)sizeof(*e) + bytes;
}

/* The compiler's knowledge of a bound is hidden from it, so that the verifier gets its own check.
 */
static __always_inline __u32 bounded(__u64 bytes, __u8 *flags)
{
	__u32 n = (__u32)bytes;

	if (bytes > EVENT_STRING_MAX) {
		n = EVENT_STRING_MAX;
		*flags = STRING_CUT;
	}
	barrier_var(n);
	return n;
}

static __always_inline int put_c_string(struct scratch *s, __u32 tag, __u64 pointer, __u32 most,
					bool kernel)
{
	if (!s)
		return 0;
	__u32 at = string_at(s);
	__u8 flags = 0;
	__u32 n = bounded(most, &flags);

	if (!at || n > EVENT_STRING_MAX)
		return 0;
	char *to = s->record + at + sizeof(struct event_string);
	long got = kernel ? bpf_probe_read_kernel_str(to, n + 1, (const void *)pointer)
			  : bpf_probe_read_user_str(to, n + 1, (const void *)pointer);

	/* with its NUL; what fills all the room may go on */
	flags = got < 0 ? STRING_UNREAD : got > EVENT_STRING_MAX ? STRING_CUT : 0;
	string_end(s, at, (__u8)tag, flags, got > 0 ? (__u32)got - 1 : 0);
	return 0;
}

static __always_inline int put_bytes(struct scratch *s, __u32 tag, __u64 pointer, __u64 bytes,
				     bool kernel)
{
	if (!s)
		return 0;
	__u32 at = string_at(s);
	__u8 flags = 0;

	if (!at)
		return 0;
	__u32 n = bounded(bytes, &flags);

	if (n > EVENT_STRING_MAX)
		return 0;
	char *to = s->record + at + sizeof(struct event_string);
	long r = kernel ? bpf_probe_read_kernel(to, n, (const void *)pointer)
			: bpf_probe_read_user(to, n, (const void *)pointer);

	if (r < 0) {
		flags |= STRING_UNREAD;
		n = 0;
	}
	string_end(s, at, (__u8)tag, flags, n);
	return 0;
}

/* A C string of the process's memory, of at most `most` bytes: a name whose end may be its length.
 * NULL is told as unread. */
__noinline int put_user_name(struct scratch *s, __u32 tag, __u64 pointer, __u32 most)
{
	return put_c_string(s, tag, pointer, most, false);
}

static __always_inline void put_user_string(struct scratch *s, __u32 tag, __u64 pointer)
{
	put_user_name(s, tag, pointer, EVENT_STRING_MAX);
}

__noinline int put_kernel_string(struct scratch *s, __u32 tag, __u64 pointer)
{
	return put_c_string(s, tag, pointer, EVENT_STRING_MAX, true);
}

/* `bytes` of the process's memory, the first EVENT_STRING_MAX of them. */
__noinline int put_user_bytes(struct scratch *s, __u32 tag, __u64 pointer, __u64 bytes)
{
	return put_bytes(s, tag, pointer, bytes, false);
}

__noinline int put_kernel_bytes(struct scratch *s, __u32 tag, __u64 pointer, __u64 bytes)
{
	return put_bytes(s, tag, pointer, bytes, true);
}

#endif
