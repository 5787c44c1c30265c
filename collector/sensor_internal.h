/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensor_internal - what the sensor's files share. */
#ifndef BULKHEAD_SENSOR_INTERNAL_H
#define BULKHEAD_SENSOR_INTERNAL_H

#include "collector/sensor.h" /* first: the generated header names its types */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sensor.skel.h>

#define SENSOR_MAX_PROGRAMS 512

struct sensor {
	struct sensor_bpf *skeleton;
	struct ring_buffer *ring;
	enum sensor_mode mode;
	struct sensor_program programs[SENSOR_MAX_PROGRAMS];
	struct bpf_link *links[SENSOR_MAX_PROGRAMS];
	size_t programs_n;
	size_t compiled_n; /* rows of the object's programs; then those of stubs */
	struct sensor_stubs *stubs;
	char fallback[SENSOR_FALLBACK_BYTES];
	size_t tasks, syscalls; /* rows of programs[]: the iterator, the bitmap's */
	bool accounts;
	uint32_t slots;
	uint64_t *bitmaps; /* the map's own memory, once somebody asked */
	size_t bitmaps_bytes;
	uint64_t *losses; /* likewise */
	size_t losses_bytes;
	uint64_t cgroups_refused, cgroups_n;
	uint64_t prefixes_n, prefixes_refused, names_n, names_refused;
	uint64_t verdicts_n, verdicts_refused, peers_n, peers_refused;
	bool denied_files; /* some verdict is VERDICT_DENY */
	struct sensor_stats stats;
	/* where sensor_consume() hands records to */
	sensor_fn fn;
	void *ctx;
	uint64_t until_ns;
	uint32_t batch;
	bool more;
	/* a walk over the repeats */
	bool walking;
	uint8_t walk_at[sizeof(struct repeat_key)];
	uint64_t walk_repeats, walk_entries;
};

/* sensor_trampoline.c: the system calls' own functions, and the programs on them */
struct sensor_stubs;
/* The rest is attached once somebody wants it: an attached call costs its callers. */
#define SENSOR_AT_START (~(EVENT_BIT(EVENT_STAT) | EVENT_BIT(EVENT_RECV) | EVENT_BIT(EVENT_MMAP)))
bool sensor_trampoline_allowed(void); /* at once */
int sensor_stubs_new(struct sensor_stubs **out, struct err *e);
void sensor_stubs_free(struct sensor_stubs *t);
DEFINE_AUTO(sensor_stubs, sensor_stubs_free)
size_t sensor_stubs_list(const struct sensor_stubs *t, struct sensor_program *rows, size_t cap);
void sensor_stubs_attach(struct sensor_stubs *t, uint64_t types, struct sensor_program *rows);
size_t sensor_stubs_refused(const struct sensor_stubs *t);
uint64_t sensor_stubs_types(const struct sensor_stubs *t);
const char *sensor_stubs_second(const struct sensor_stubs *t);
bool sensor_stubs_32(const struct sensor_stubs *t);
int sensor_stubs_start(const struct sensor_stubs *t, size_t table, int program, struct err *e);

/* sensor.c: checks that cost every send are attached when a container is to be held by them. */
void sensor_attach_late(struct sensor *s);

static inline int sensor_map_fd(const struct bpf_map *m)
{
	return bpf_map__fd(m);
}

#endif
