/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensor - the kernel's side: loads the programs of bpf/, tells them what is wanted, and reads what
 * they tell. Every program is optional: what a kernel refuses is left out and listed with the
 * kernel's own word for it, and the rest runs. Needs a kernel with BTF; neither tracefs nor bpffs.
 *
 * Owner: the loop's thread. All programs and maps go with the sensor, or with the process. */
#ifndef BULKHEAD_SENSOR_H
#define BULKHEAD_SENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/settings.h"
#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

enum sensor_mode {
	SENSOR_OFF,	   /* no programs: metrics alone */
	SENSOR_TRACEPOINT, /* one program on sys_exit; nothing can be denied */
	SENSOR_TRAMPOLINE, /* fexit on the observed calls, fmod_ret on the kernel's own checks */
};
const char *sensor_mode_name(enum sensor_mode m); /* "off", "tracepoint", "trampoline" */

#define SENSOR_REASON_BYTES   96
#define SENSOR_FALLBACK_BYTES 160
#define SENSOR_MIN_BUFFER     (64U << 10)
#define SENSOR_MAX_BUFFER     (1U << 30)

struct sensor_settings {
	uint32_t buffer_bytes;	 /* rounded up to a power of two and a page */
	const char *fallback;	 /* v1 hierarchy that is watched ("memory"), NULL: v2 alone */
	int unified_fd;		 /* root of the v2 tree for network programs, or -1 */
	bool no_trampoline;	 /* the tracepoint layer even where the other works */
	bool need_trampoline;	 /* no sensor rather than the tracepoint layer */
	uint32_t max_containers; /* slots */
	bool verbose;		 /* libbpf's own words to the log, at debug level */
};

struct sensor;

/* 0 with at least the process programs attached; else -errno, and *e says what the kernel refused:
 * the agent goes on without. Takes some tenths of a second. */
int sensor_new(struct sensor **out, const struct sensor_settings *s, struct err *e);
void sensor_free(struct sensor *s); /* NULL is fine */
DEFINE_AUTO(sensor, sensor_free)

enum sensor_mode sensor_mode_of(const struct sensor *s);
const char *sensor_fallback(const struct sensor *s); /* why not the trampoline layer; "": it is */

struct sensor_program {
	const char *name;
	bool on;
	char reason[SENSOR_REASON_BYTES]; /* why not; "" when on or not asked for */
};
size_t sensor_programs(const struct sensor *s, const struct sensor_program **list);

/* --- events --------------------------------------------------------------------------------- */
int sensor_fd(const struct sensor *s); /* for epoll, level triggered */

/* One record, valid during the call only, 8-byte aligned. */
typedef void (*sensor_fn)(void *ctx, const void *record, size_t bytes);

/* Hands over what is in the buffer for at most budget_ns. Records handed over, or -errno; *more:
 * the time was up before the end. */
int sensor_consume(struct sensor *s, sensor_fn fn, void *ctx, uint64_t budget_ns, bool *more);

/* --- what is wanted -------------------------------------------------------------------------- */
struct sensor_switches *sensor_switches(struct sensor *s); /* shared memory: takes effect at once */

/* Types that some mask wants. The trampoline layer attaches what it lacks for them (a few
 * milliseconds a call) and keeps it: to detach takes the kernel longer. */
void sensor_want(struct sensor *s, uint64_t types);

/* Thresholds of shedding: types earlier in `order` go first; a type that is not in it is never
 * shed. Process, isolation and control types are ignored in it. */
void sensor_set_shedding(struct sensor *s, const uint8_t *order, size_t n);

/* Key: cgroup id, with CGROUP_KEY_V1 for the v1 hierarchy. -E2BIG when the map is full (counted).
 */
int sensor_set_cgroup(struct sensor *s, uint64_t key, const struct cgroup_entry *entry);
void sensor_drop_cgroup(struct sensor *s, uint64_t key);

/* --- what an image is allowed: see enum enforce_flag ------------------------------------------ */

/* The key of a file that an event told (FILE_UPPER and the like never match); of a directory
 * itself, with EVENT_MKDIR. */
void sensor_verdict_key(struct verdict_key *out, uint32_t image, const struct event_file *f,
			uint32_t type);
/* Of the directory that such a file is in. */
void sensor_directory_key(struct verdict_key *out, uint32_t image, const struct event_file *f);
/* Of a script by the text that execve was given: a relative one is the same in every directory. 0;
 * -ENAMETOOLONG: longer than 255 bytes, it never matches; -EINVAL: empty, or a NUL in it. The hash
 * is another one each time that the programs are loaded. */
int sensor_script_key(const struct sensor *s, uint32_t image, struct span filename,
		      struct verdict_key *out);

/* What a verdict says of a file, directory or script of an image; VERDICT_NONE removes it. -E2BIG
 * when the map is full (counted): such an image cannot be enforced. */
int sensor_set_verdict(struct sensor *s, const struct verdict_key *k, enum verdict v);

struct sensor_peer {
	uint32_t image;
	uint16_t family;  /* AF_INET, AF_INET6; IPv4 inside of IPv6 is IPv4 */
	uint8_t protocol; /* IPPROTO_* */
	uint16_t port;	  /* 0: any; an entry with the port goes first, whatever its prefix */
	uint8_t address[16];
	uint32_t prefix_bits;
};
/* VERDICT_ALLOW; VERDICT_DROP: and connections and datagrams to it are not told; VERDICT_NONE
 * removes it. Loopback needs none. -EINVAL; -ENOSPC when the map is full (counted). */
int sensor_set_peer(struct sensor *s, const struct sensor_peer *p, enum verdict v);

/* Removes all verdicts and peers of an image slot. Walks the maps: some milliseconds. */
int sensor_clear_image(struct sensor *s, uint32_t image);

/* Gives image, enforce, mask and (when set) first_pid of `like` to all entries of a container, made
 * by whichever side. Ends ENFORCE_SUSPENDED. */
int sensor_hold_container(struct sensor *s, uint64_t container, const struct cgroup_entry *like);
/* Checks before the operation that these flags need; all: the others are needed no more. */
void sensor_enforced(struct sensor *s, uint32_t flags, bool all);
/* Whether this layer, with what the kernel took of it, can do all of these flags. */
bool sensor_can_enforce(struct sensor *s, uint32_t flags);

/* That this file is opened so is not told of that container (key as of sensor_set_cgroup) any more,
 * as long as switches.dull_mask has EVENT_OPEN. The least recently opened make room. */
void sensor_set_dull(struct sensor *s, uint64_t container, const struct event_open *o);

/* Files of the host that are told: below a prefix ("/etc/"), or of that name. -E2BIG: full. */
int sensor_add_host_prefix(struct sensor *s, const char *prefix, struct err *e);
int sensor_add_host_name(struct sensor *s, const char *name, struct err *e);
void sensor_clear_host_paths(struct sensor *s); /* of both kinds */

/* Attaches or detaches the program that notes which calls containers make. It costs every call. */
int sensor_learn_syscalls(struct sensor *s, bool on, struct err *e);
/* Calls of a slot since the last call of this: bit n, call n; 512 and above: 32-bit call n - 512.
 */
int sensor_take_syscalls(struct sensor *s, uint32_t slot, uint64_t words[SYSCALL_WORDS]);

/* Types of which something of a slot was lost since the last call of this; SENSOR_NO_SLOT: of whom
 * the programs did not know yet. The host's losses are none. */
#define SENSOR_NO_SLOT UINT32_MAX
uint64_t sensor_take_lost(struct sensor *s, uint32_t slot);

/* --- figures --------------------------------------------------------------------------------- */

/* Network of slots [0, n) since their reset; false when there are no such programs. */
bool sensor_accounts(struct sensor *s, struct account *out, uint32_t n);
void sensor_reset_slot(struct sensor *s, uint32_t slot);

void sensor_counts(const struct sensor *s, struct event_counts *sum);

/* Repeats stamped since the last call, over slices: reads at most `most` entries a call. 1: the
 * whole map was seen, *repeats counts those of minute `minute`, *entries all; 0: call again. */
int sensor_read_repeats(struct sensor *s, uint32_t minute, uint32_t most, uint64_t *repeats,
			uint64_t *entries);

/* Reads the task iterator: a descriptor to read() struct event_task records from; the caller closes
 * it. */
int sensor_tasks_fd(struct sensor *s, struct err *e);

struct sensor_map {
	const char *name;
	const char *table; /* its name in bulkhead_capacity, NULL: it holds no table of ours */
	uint64_t bytes;	   /* memory of the kernel, as it tells in fdinfo */
	uint64_t entries;  /* in use, where user space knows; else 0 */
	uint64_t capacity;
	uint64_t refused;
};
size_t sensor_maps(const struct sensor *s, struct sensor_map *out, size_t cap);

struct sensor_stats {
	uint64_t records, bytes; /* read from the buffer */
	uint64_t damaged;	 /* records that were not understood */
	uint64_t load_ns;	 /* from start to attached */
	uint64_t buffer_bytes;
};
struct sensor_stats sensor_stats(const struct sensor *s);

#endif
