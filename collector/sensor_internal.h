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
	size_t tasks, syscalls; /* rows of programs[]: the iterator, the bitmap's */
	bool accounts;
	uint32_t slots;
	uint64_t cgroups_refused, cgroups_n;
	uint64_t prefixes_n, prefixes_refused, names_n, names_refused;
	uint64_t verdicts_n, verdicts_refused;
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

static inline int sensor_map_fd(const struct bpf_map *m)
{
	return bpf_map__fd(m);
}

#endif
