/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent_sensor - what the agent_sensor_*.c files share. Loop's thread only. */
#ifndef BULKHEAD_AGENT_SENSOR_H
#define BULKHEAD_AGENT_SENSOR_H

#include "collector/agent_internal.h"
#include "collector/redact.h"
#include "collector/resolve.h"
#include "collector/sensor.h"

#define RECORD_BYTES (EVENT_MAX_BYTES + 4 * (EVENT_STRING_MAX + 8))

/* A cgroup key of the programs and the container that it is of. */
struct cgroup_ref;

struct agent_target {
	uint32_t pid_ns, ns_pid;
	struct process_key key;
};

struct agent_sensor {
	struct worker_job job; /* loads the programs; first member */
	struct worker *loader; /* its thread, until that is done */
	struct sensor_settings settings;
	struct err load_error;
	int load_result;
	bool loading;
	struct agent *agent;
	struct sensor *kernel; /* NULL: refused or not loaded yet, `problem` says why */
	struct sensor *fresh;  /* the loader's: for the loop's thread it is not there yet */
	char problem[160];
	struct loop_source *ring, *timer;
	bool quiet;		 /* records come without a wake-up; the timer looks */
	bool settled;		 /* nothing came in the last look */
	bool going_on;		 /* a slice is deferred */
	bool changed;		 /* something went to subscribers since the last flush */
	struct cgroup_ref *refs; /* a hash by key */
	struct cgwatch *unified; /* the v2 tree, where controllers are on v1 */
	uint64_t cgroups;	 /* entries that user space wrote */
	struct resolver *resolver;
	struct redact redact;
	struct buf scratch;
	/* Numbers in pid namespaces that were asked for; looking one up costs a walk over the
	 * table, so that a process that asks for others all day gets few of them named. */
	struct agent_target targets[64];
	uint64_t target_second;
	uint32_t target_walks;
	struct sensor_state state;
	uint64_t lost_told[EVENT_TYPE_COUNT], lost_warned_ns;
	uint64_t lost_here; /* types of records that were not understood or masked */
	uint64_t lost_of_all, lost_of_all_ns; /* whose nobody knows: the last ones, and when */
	uint64_t minute_walked;
	bool walking;
	uint64_t event_boot_ns;			  /* of the newest event */
	_Alignas(8) uint8_t record[RECORD_BYTES]; /* a record with strings replaced or added */
	_Alignas(8) uint8_t record2[RECORD_BYTES];
};

/* agent_sensor_events.c: one record from the ring */
void agent_sensor_record(void *ctx, const void *record, size_t bytes);

uint16_t agent_sensor_retell(const struct agent *a);
uint64_t agent_sensor_names(const struct agent *a); /* types whose names are looked up */
bool agent_sensor_learns_syscalls(const struct agent *a);

/* agent_sensor_enforce.c: it ended */
void agent_sensor_released(struct agent *a, struct container *c);

/* agent_sensor_lost.c: of which types events of a container were lost, see struct container */
void agent_sensor_note_lost(struct agent *a, struct container *c);
void agent_sensor_begin_lost(struct agent *a, struct container *c); /* it is new */
uint64_t agent_sensor_take_lost(struct agent *a, struct container *c);

/* agent_sensor_figures.c */
void agent_sensor_note_syscalls(struct agent *a, struct container *c);

/* agent_sensor_read.c */
int agent_sensor_listen(struct agent_sensor *s, struct err *e);
void agent_sensor_look(struct agent_sensor *s); /* whatever was said of wake-ups */

/* agent_sensor_cgroups.c */
/* A cgroup's entry, of a container (NULL: the host's) that is known by `container` there. */
struct cgroup_entry agent_sensor_entry(const struct container *c, uint64_t container);
uint64_t agent_sensor_key(const struct agent *a, uint64_t inode); /* in the watched tree */
void agent_sensor_enter_all(struct agent *a); /* all that is known when the programs are there */
int agent_sensor_watch(struct agent *a, struct err *e); /* the v2 tree beside v1 */
void agent_sensor_expire_refs(struct agent *a, bool all);

#endif
