/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_posture - how well each container is shut in, from its start on: `bulkhead posture`.
 *
 * What an image always had is inventory; what a container of it has for the first time is told,
 * once. Owner: the loop's thread; what the first process really has is read on the worker. What
 * images had is kept in STATE/postures.json. */
#ifndef BULKHEAD_DETECTOR_POSTURE_H
#define BULKHEAD_DETECTOR_POSTURE_H

#include "collector/agent_detector.h"
#include "collector/base/worker.h"
#include "detector/invariant.h"

#define POSTURE_MAX_IMAGES 4096 /* the one not seen for longest makes room */
#define POSTURE_IMAGE_KEYS 64	/* findings remembered of one image */
#define POSTURE_FILE	   "postures.json"

struct detector_posture;

struct detector_posture_settings {
	const struct agent_services *services; /* these outlive it */
	struct worker *worker;		       /* reads /proc/PID, writes the state */
	finding_fn find;		       /* takes what is worse than before */
	void *find_ctx;
};

int detector_posture_new(struct detector_posture **out, const struct detector_posture_settings *s,
			 struct err *e);
void detector_posture_free(struct detector_posture *d); /* the worker has ended; NULL is fine */
DEFINE_AUTO(detector_posture, detector_posture_free)

void detector_posture_life(struct detector_posture *d, struct container *c, enum agent_life what);
void detector_posture_tick(struct detector_posture *d); /* about each second */
void detector_posture_reload(struct detector_posture *d);
/* GET /api/v1/posture, /api/v1/posture/CONTAINER. */
bool detector_posture_get(struct detector_posture *d, struct span path, uint32_t ticket);
void detector_posture_state(const struct detector_posture *d, struct alerts_state *out);

#endif
