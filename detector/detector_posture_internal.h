/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_posture_internal - what detector_posture.c (containers), detector_posture_state.c (the
 * file of images) and detector_posture_api.c (requests) share. */
#ifndef BULKHEAD_DETECTOR_POSTURE_INTERNAL_H
#define BULKHEAD_DETECTOR_POSTURE_INTERNAL_H

#include "detector/detector_posture.h"
#include "detector/posture_images.h"

#define POSTURE_BATCH 32 /* containers whose processes are read in one job */

struct record {
	struct container *c; /* a reference */
	bool known, reading, real, doubted;
	uint64_t due_ns;
	uint64_t unix_ns; /* of posture */
	struct posture posture;
	struct posture_verdict verdict; /* of its first judgement */
};

struct look {
	struct container *c; /* a reference */
	pid_t pid;
	struct posture_real real;
};

struct looking { /* the worker's while it runs */
	struct worker_job job;
	struct detector_posture *d;
	const char *proc;
	struct look looks[POSTURE_BATCH];
	size_t n;
	bool running;
};

struct saving {
	struct worker_job job;
	struct detector_posture *d;
	struct buf text;
	int state_fd;
	struct err e;
	int result;
	bool running;
};

struct detector_posture {
	struct detector_posture_settings s;
	struct record **records; /* by slot */
	uint32_t records_max, used;
	uint64_t refused;
	struct posture_images *images;
	struct looking looking;
	struct saving saving;
	uint64_t saved_ns;
	bool apparmor, selinux, save_fails;
	struct finding finding; /* too big for a stack */
};

/* NULL: nothing is kept of it. */
struct record *posture_record(const struct detector_posture *d, const struct container *c);

/* detector_posture_state.c */
void posture_load(struct detector_posture *d);
void posture_save(struct detector_posture *d, uint64_t now_mono_ns); /* when it is time */
void posture_save_last(struct detector_posture *d);		     /* the worker has ended */
void posture_state_init(struct detector_posture *d);

#endif
