/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_baseline - baselines at work: each container is observed, what it does is noted in its
 * image's baseline or judged by it, modes change, and enforcement acts. Owner: the loop's thread.
 */
#ifndef BULKHEAD_DETECTOR_BASELINE_H
#define BULKHEAD_DETECTOR_BASELINE_H

#include "collector/agent_detector.h"
#include "collector/base/worker.h"
#include "detector/alerts.h"
#include "detector/audit.h"
#include "detector/baseline.h"

struct detector_baseline;

struct detector_baseline_settings {
	const struct agent_services *services; /* these outlive it */
	struct worker *worker; /* writes baselines and the journal, looks up files */
	struct alerts *alerts;
	struct audit *audit;
};

int detector_baseline_new(struct detector_baseline **out,
			  const struct detector_baseline_settings *s, struct err *e);
/* The workers have ended: what is dirty is written, what was done to containers is undone. */
void detector_baseline_free(struct detector_baseline *d);
DEFINE_AUTO(detector_baseline, detector_baseline_free)

/* malicious: a rule called the event so; it is never learned. */
void detector_baseline_event(struct detector_baseline *d, const struct event_view *v,
			     const struct event_context *c, struct container *of, bool malicious);
void detector_baseline_life(struct detector_baseline *d, struct container *c, enum agent_life what);
void detector_baseline_round(struct detector_baseline *d); /* each sampling round */
void detector_baseline_tick(struct detector_baseline *d);  /* about each second */
void detector_baseline_reload(struct detector_baseline *d);

/* True: the path is one of baselines', and the ticket is answered, now or later. */
bool detector_baseline_get(struct detector_baseline *d, struct span path, struct span query,
			   uint32_t ticket);
bool detector_baseline_command(struct detector_baseline *d, struct span path, struct span query,
			       uint32_t ticket);
/* A command with a document: of import, merge; or an entry too long for a query. */
bool detector_baseline_document(struct detector_baseline *d, struct span path, struct span query,
				struct span body, uint32_t ticket);
void detector_baseline_state(const struct detector_baseline *d, struct alerts_state *out);

/* The usual upper value (95 %) of a resource for a container, NAN when it is not known. */
double detector_baseline_usual(const struct detector_baseline *d, const struct container *c,
			       enum baseline_resource r);

/* Whether the image's baseline knows the program by its path; NOT_LEARNED: it cannot say yet. */
enum baseline_program { PROGRAM_NOT_LEARNED, PROGRAM_KNOWN, PROGRAM_NEW };
enum baseline_program detector_baseline_program(const struct detector_baseline *d,
						const struct container *c, struct span exe);
/* Who acts on containers, for others that do: one journal has one owner. NULL: baselines are off. */
struct response;
struct response *detector_baseline_response(const struct detector_baseline *d);

#endif
