/* SPDX-License-Identifier: GPL-2.0-or-later */
/* maps - everything the programs share among themselves and with user space. */
#ifndef BULKHEAD_BPF_MAPS_H
#define BULKHEAD_BPF_MAPS_H

#include "bpf/kernel.h" /* first: the library's headers use its types */

#include <bpf/bpf_helpers.h>

#include "bpf/calls.h"
#include "bpf/settings.h"

#define SCRATCH_SLOTS 4 /* records being made on one CPU: an interrupt, a preemption may nest */
#define PATH_BYTES    (EVENT_STRING_MAX + 256)

/* Set before loading, constant afterwards: the loader's dead code goes away. */
const volatile __u8 calls64[CALLS_MAX]; /* enum call_id by number */
const volatile __u8 calls32[CALLS_MAX];
const volatile __u8 call_types[CALL_COUNT]; /* enum event_type */
const volatile __u32 fallback;		    /* enum fallback_hierarchy */
const volatile __u64 hash_seed;	     /* drawn at start: what is hashed here cannot be steered */
const volatile __u64 script_seed[2]; /* the same for the keys of scripts */

struct sensor_switches switches = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_counts);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CGROUPS_MAX);
	__type(key, __u64);
	__type(value, struct cgroup_entry);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, REPEATS_MAX);
	__type(key, struct repeat_key);
	__type(value, struct repeat_value);
} repeats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VERDICTS_MAX);
	__type(key, struct verdict_key);
	__type(value, __u32);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PEERS_MAX);
	__type(key, struct peer_key);
	__type(value, __u32); /* enum verdict */
} peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DULL_MAX);
	__type(key, struct dull_key);
	__type(value, __u32);
} dull SEC(".maps");

/* Tasks that came into a container from outside, and their descendants. With the task's own memory:
 * there is no limit that somebody could reach, and it goes when the task goes. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32); /* enum mark */
} marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS_MAX);
	__type(key, __u64);
	__type(value, struct flow_owner);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HOST_PREFIXES_MAX);
	__type(key, struct host_prefix);
	__type(value, __u32);
} host_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HOST_NAMES_MAX);
	__type(key, struct host_name);
	__type(value, __u32);
} host_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct account);
} accounts SEC(".maps");

struct syscall_bitmap {
	__u64 words[SYSCALL_WORDS];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct syscall_bitmap);
} bitmaps SEC(".maps");

/* Types that are never shed must not push out those of others: so many a second. Index: slot + 1; 0
 * is the host and what is not known. */
struct flood {
	__u64 second;
	__u32 n, reserved;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS_MAX + 1);
	__type(key, __u32);
	__type(value, struct flood);
} floods SEC(".maps");

/* Types of which something was lost, by container; taken by user space. Index: as in floods. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS_MAX + 1);
	__type(key, __u32);
	__type(value, __u64); /* EVENT_BIT */
} losses SEC(".maps");

/* Where a record is made: the stack has 512 bytes. */
struct scratch {
	__u32 busy;    /* taken by compare and swap: preemption does not nest in order */
	__u32 used;    /* bytes of the record so far */
	__u64 root_sb; /* of the last path that was walked: the file system that "/" is on */
	__u32 owner;   /* index into losses */
	__u32 reserved;
	char record[EVENT_MAX_BYTES];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Where a path is walked, from its end to its front. */
struct path_scratch {
	__u32 busy;
	__u32 reserved;
	char bytes[PATH_BYTES]; /* the text ends at EVENT_STRING_MAX */
	struct host_prefix prefix;
	struct host_name name;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct path_scratch);
} paths SEC(".maps");

static __always_inline struct event_counts *own_counts(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counts, &zero);
}

/* An interrupt on the same CPU may come between load and store: one count in millions. */
static __always_inline void count_drop(__u32 reason, __u32 type)
{
	struct event_counts *c = own_counts();

	if (c && reason < DROP_COUNT && type < EVENT_TYPE_COUNT)
		c->dropped[reason][type]++;
}

/* Index into losses. What the host does is evidence for no container, and lies beyond the map; but
 * a child may be born into one. */
static __always_inline __u32 owner_of(const struct cgroup_entry *e, __u32 known, __u32 type)
{
	return known && e->kind == ENTRY_HOST && type != EVENT_FORK ? ~0U : e->slot + 1;
}

static __always_inline void note_loss(__u32 owner, __u32 type)
{
	__u32 index = owner;
	__u64 *lost = bpf_map_lookup_elem(&losses, &index);

	if (lost && !(*lost & EVENT_BIT(type)))
		__sync_fetch_and_or(lost, EVENT_BIT(type));
}

/* What a container did and nobody is told: it is no evidence of what the container does not do. */
static __always_inline void count_loss(__u32 reason, __u32 type, __u32 owner)
{
	count_drop(reason, type);
	note_loss(owner, type);
}

#endif
