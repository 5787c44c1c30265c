/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings - what user space tells the programs: keys and values of the maps, and the switches.
 * Shared by both sides; nothing of it is ever sent or stored. */
#ifndef BULKHEAD_BPF_SETTINGS_H
#define BULKHEAD_BPF_SETTINGS_H

#include "bpf/event.h"

#define CGROUPS_MAX	  65536	 /* as many as the watcher tracks */
#define REPEATS_MAX	  131072 /* known repeats, least recently used go */
#define VERDICTS_MAX	  65536
#define FLOWS_MAX	  65536 /* TCP connections whose owner is remembered */
#define HOST_PREFIXES_MAX 4096
#define HOST_NAMES_MAX	  4096
#define RESOLVED_MAX	  1024 /* calls between check and return at once */
#define HOST_PREFIX_BYTES 256
#define HOST_NAME_BYTES	  64
#define SLOTS_MAX	  16384 /* containers: as the agent's own table */
#define FLOOD_MAX	  2000	/* isolation calls and failed execs of a container in a second */
#define SYSCALL_WORDS	  16	/* 64-bit words of a container's bitmap: calls 0 to 1023 */
#define CALLS_MAX	  576	/* system call numbers that the tables know */
#define CGROUP_KEY_V1	  (1ULL << 63) /* marks an id of the v1 hierarchy that is watched */

/* Types of which the host's events are told for some paths only, see host_paths. */
#define HOST_PATH_EVENTS                                                                           \
	(EVENT_BIT(EVENT_OPEN) | EVENT_BIT(EVENT_STAT) | EVENT_BIT(EVENT_UNLINK) |                 \
	 EVENT_BIT(EVENT_RENAME) | EVENT_BIT(EVENT_LINK) | EVENT_BIT(EVENT_SYMLINK) |              \
	 EVENT_BIT(EVENT_MKDIR) | EVENT_BIT(EVENT_RMDIR) | EVENT_BIT(EVENT_CHMOD) |                \
	 EVENT_BIT(EVENT_CHOWN) | EVENT_BIT(EVENT_MKNOD) | EVENT_BIT(EVENT_TRUNCATE) |             \
	 EVENT_BIT(EVENT_SETXATTR))

/* The v1 hierarchy that tells containers apart where they did not join the v2 tree. */
enum fallback_hierarchy {
	FALLBACK_NONE,
	FALLBACK_MEMORY,
	FALLBACK_CPUACCT,
	FALLBACK_CPU,
	FALLBACK_PIDS,
	FALLBACK_BLKIO,
};

enum cgroup_entry_kind {
	ENTRY_HOST = 1,
	ENTRY_CONTAINER,
};

/* Map `cgroups`: id (with CGROUP_KEY_V1) -> this. What is not in it and not the root is pending. */
struct cgroup_entry {
	__u64 container; /* key of the container's own cgroup; 0: host */
	__u64 mask;	 /* types wanted from it; 0: as the container mask says */
	__u32 kind;	 /* enum cgroup_entry_kind */
	__u32 slot;	 /* index into accounts and bitmaps; ~0: none */
	__u32 image;	 /* image slot of the verdict key; 0: none */
	__u32 inherited; /* made by the programs for a cgroup inside a container */
};

/* Map `repeats`: what was told before by this exec instance. */
struct repeat_key {
	__u64 start_boot_ns; /* exec id */
	__u32 pid, exec_seq;
	__u64 identity;		   /* generation: who it is and where, see identity_of() */
	__u64 inode, parent_inode; /* or address */
	__u32 device, mount_id;
	__u32 name_hash; /* or ports */
	__u8 type, access;
	__u8 outcome; /* 0 success, else errno */
	__u8 rules;   /* generation of the loaded rules */
};
_Static_assert(sizeof(struct repeat_key) == 56, "no padding in a key");
struct repeat_value {
	__u32 minute; /* of the last repeat */
	__u16 drop;   /* enum event_drop that a repeat counts as */
	__u16 told;   /* switches.retell when it was told */
};

/* Map `verdicts`: what baselines and enforcement say of a file. */
struct verdict_key {
	__u64 inode;
	__u32 image; /* image slot */
	__u32 device, generation;
	__u32 type; /* EVENT_EXEC, EVENT_OPEN */
};
_Static_assert(sizeof(struct verdict_key) == 24, "no padding in a key");
enum verdict {
	VERDICT_NONE,
	VERDICT_DROP,	/* known: not told (never for exec) */
	VERDICT_REPORT, /* told each time, repeats too */
	VERDICT_KILL,	/* exec: ended before its first instruction */
	VERDICT_DENY,	/* refused with EPERM where the layer can, else told */
};

struct account { /* network of a container, without loopback */
	__u64 rx_bytes, rx_packets, tx_bytes, tx_packets;
};

struct flow_owner { /* map `flows`: socket cookie -> this */
	__u64 since_boot_ns;
	__u64 start_boot_ns;
	__u64 container; /* key */
	__u32 pid;
	__u32 direction;
};

struct host_prefix {	 /* map `host_prefixes` */
	__u32 prefixlen; /* bits */
	char path[HOST_PREFIX_BYTES];
};
struct host_name { /* map `host_names`: last component, NUL-padded */
	char name[HOST_NAME_BYTES];
};

/* Written by user space at any time (mapped memory); read by the programs. */
struct sensor_switches {
	__u64 host_mask;      /* types wanted from the host */
	__u64 container_mask; /* types wanted from containers without a mask of their own */
	__u64 shed_at[EVENT_TYPE_COUNT]; /* bytes in the buffer from which a type is shed; 0: never
					  */
	__u64 repeat_mask;		 /* types of which repeats are dropped */
	__u32 minute;			 /* stamps of repeats */
	__u32 quiet;			 /* user space looks by a timer: no wake-up a record */
	__u32 own_pid;			 /* the agent itself is not observed */
	__u32 serve_pid;
	__u8 host_paths; /* file events of the host are filtered by prefixes and names */
	__u8 host_all_paths;
	__u8 environment; /* exec tells the environment */
	__u8 rules;	  /* generation; part of the repeat key */
	__u8 payloads;	  /* first bytes of flows, DNS answers */
	__u8 denies;	  /* some verdict is VERDICT_DENY */
	__u16 retell;	  /* a repeat is told again when this has changed; 0: never */
	__u8 raw_names;	  /* the name that was passed tells opens apart, not the file alone */
	__u8 reserved[7];
};

#endif
