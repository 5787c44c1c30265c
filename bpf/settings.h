/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings - what user space tells the programs: keys and values of the maps, and the switches.
 * Shared by both sides; nothing of it is ever sent or stored. */
#ifndef BULKHEAD_BPF_SETTINGS_H
#define BULKHEAD_BPF_SETTINGS_H

#include "bpf/event.h"

#define CGROUPS_MAX	  65536	 /* as many as the watcher tracks */
#define REPEATS_MAX	  131072 /* known repeats, least recently used go */
#define VERDICTS_MAX	  65536
#define PEERS_MAX	  16384
#define DULL_MAX	  16384 /* files that nobody wants to hear of, least recently used go */
#define FLOWS_MAX	  65536 /* TCP connections whose owner is remembered */
#define HOST_PREFIXES_MAX 4096
#define HOST_NAMES_MAX	  4096
#define RESOLVED_MAX	  1024 /* calls between check and return at once */
#define ENFORCE_ANCESTORS                                                                          \
	16		      /* directories above one that are asked whether it may be written to \
			       */
#define SCRIPT_NAME_BYTES 256 /* with a NUL: a script's longer name has no key */
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

/* What a container may not do unless a verdict allows it: default deny. The host's processes and
 * the agent are never concerned, nor is a container whose mount tree is the host's own, such as a
 * service, without ENFORCE_RUNTIME.
 *
 * Processes come into a container from outside: the runtime moves its own there, the first of which
 * becomes the container's (pid 1 of its namespace, or `first_pid`); others are put in (docker exec,
 * probes) and are exempt with all their descendants unless ENFORCE_INJECTED is set. Until it has
 * executed something in the container's own mount tree such a process is the runtime itself, and
 * exempt unless ENFORCE_RUNTIME is set. */
enum enforce_flag {
	ENFORCE_EXEC_KILL = 1 << 0, /* killed before its first instruction; both layers */
	ENFORCE_EXEC_DENY = 1 << 1, /* these three: EPERM, by the trampoline layer */
	ENFORCE_WRITE_DENY = 1 << 2,
	ENFORCE_CONNECT_DENY = 1 << 3,
	ENFORCE_INJECTED = 1 << 4,
	ENFORCE_RUNTIME = 1 << 5,
	/* Set by the programs: they had no memory to mark who came from outside. Nothing is
	 * enforced here until user space writes the entry again. */
	ENFORCE_SUSPENDED = 1 << 15,
};
#define ENFORCE_ACTIONS                                                                            \
	(ENFORCE_EXEC_KILL | ENFORCE_EXEC_DENY | ENFORCE_WRITE_DENY | ENFORCE_CONNECT_DENY)

/* Map `cgroups`: id (with CGROUP_KEY_V1) -> this. What is not in it and not the root is pending. */
struct cgroup_entry {
	__u64 container; /* key of the container's own cgroup; 0: host */
	__u64 mask;	 /* types wanted from it; 0: as the container mask says */
	__u8 kind;	 /* enum cgroup_entry_kind */
	__u8 inherited;	 /* made by the programs for a cgroup inside a container */
	__u16 enforce;	 /* enum enforce_flag */
	__u32 slot;	 /* index into accounts and bitmaps; ~0: none */
	__u32 image;	 /* image slot of the verdict key; 0: none */
	/* The container's first process, where its pid namespace is not its own (host's, a pod's):
	 * who comes from outside after it was put in. 0: the next one that comes, the programs note
	 * it.
	 */
	__u32 first_pid;
};
_Static_assert(sizeof(struct cgroup_entry) == 32, "copied onto a stack of 512 bytes");

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

/* Map `verdicts`: what baselines and enforcement say of a file, a directory or a script. Made by
 * sensor_verdict_key() and sensor_script_key(). */
struct verdict_key {
	__u64 inode;	  /* or the hash of a script's name */
	__u32 image;	  /* image slot */
	__u32 device;	  /* 0: the container's overlay (FILE_MERGED), whose device tells nothing */
	__u32 generation; /* of directories always 0 */
	__u32 type; /* EVENT_EXEC, EVENT_OPEN; EVENT_MKDIR: a directory; VERDICT_TYPE_SCRIPT */
};
#define VERDICT_TYPE_SCRIPT 0x10000
_Static_assert(sizeof(struct verdict_key) == 24, "no padding in a key");
enum verdict {
	VERDICT_NONE,
	VERDICT_DROP,	/* known: not told (never for exec) */
	VERDICT_REPORT, /* told each time, repeats too */
	VERDICT_KILL,	/* exec: ended before its first instruction */
	VERDICT_DENY,	/* refused with EPERM where the layer can, else told */
	/* under enforcement: */
	VERDICT_ALLOW, /* exec; a script by its name; files directly in a directory; a peer */
	VERDICT_ALLOW_SCRIPTS, /* exec of an interpreter: whatever script it is given */
	VERDICT_ALLOW_BELOW,   /* a directory: all that is below it */
};

/* Map `peers`: whom a container of an image may connect to, by longest prefix. VERDICT_ALLOW;
 * VERDICT_DROP: allowed, and not told either. */
struct peer_key {
	__u32 prefixlen; /* bits, from `image` on */
	__u32 image;
	__u8 protocol; /* IPPROTO_* */
	__u8 version;  /* 4 or 6; IPv4 inside of IPv6 is 4 */
	__be16 port;   /* 0: any; asked after the port's own entries */
	__u8 address[16];
};
#define PEER_PREFIX 64 /* bits before the address */
_Static_assert(sizeof(struct peer_key) == 28, "no padding in a key");

/* Map `dull`: files of a container whose being opened says nothing to anybody. */
struct dull_key {
	__u64 container; /* as in struct cgroup_entry */
	__u64 inode;
	__u32 device;
	__u32 access; /* enum event_access: exactly so; what is created is never dull */
};
_Static_assert(sizeof(struct dull_key) == 24, "no padding in a key");

enum deny_switch { /* what is looked at before it happens */
		   DENIES_OPEN = 1 << 0,
		   DENIES_EXEC = 1 << 1,
		   DENIES_WRITE = 1 << 2,
		   DENIES_CONNECT = 1 << 3,
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
	__u64 dull_mask;		 /* types of which what is dull is dropped */
	__u32 minute;			 /* stamps of repeats */
	__u32 quiet;			 /* user space looks by a timer: no wake-up a record */
	__u32 own_pid;			 /* the agent itself is not observed */
	__u32 serve_pid;
	__u8 host_paths; /* file events of the host are filtered by prefixes and names */
	__u8 host_all_paths;
	__u8 environment; /* exec tells the environment */
	__u8 rules;	  /* generation; part of the repeat key */
	__u8 payloads;	  /* first bytes of flows, DNS answers */
	__u8 denies;	/* enum deny_switch: some verdict or container wants it; 0: an early end */
	__u16 retell;	/* a repeat is told again when this has changed; 0: never */
	__u8 raw_names; /* the name that was passed tells opens apart, not the file alone */
	__u8 reserved[3];
	__u32 host_mounts; /* inode of the host's mount namespace; 0: not known */
};

#endif
