/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight - the flight recorder: the last events of each container, and what is written down of them
 * when an alert of ERROR or above fires.
 *
 * Owner: the loop's thread. Reading /proc, walking files and writing is done by a thread of its
 * own, which may hang on a dead mount without anybody waiting for it.
 *
 *	events ─▶ flight_ring          alert ─▶ flight_scene ─▶ worker: flight_write ─▶
 *STATE/flights
 */
#ifndef BULKHEAD_FLIGHT_H
#define BULKHEAD_FLIGHT_H

#include "collector/agent_detector.h"
#include "collector/base/worker.h"
#include "detector/alert.h"
#include "detector/flight_store.h"

#define FLIGHT_MAX_WAITING 4
#define FLIGHT_SHARED_NS   (60ULL * 1000000000) /* one a container within; others link to it */
#define FLIGHT_MAX_RECENT  256			/* containers remembered for that */

struct flight;

struct flight_settings {
	const struct agent_services *services; /* outlive this */
	struct loop *loop;		       /* for its worker; NULL in tests: written at once */
	const char *proc;		       /* "/proc" */
};

int flight_new(struct flight **out, const struct flight_settings *s, struct err *e);
/* Waits for what is being written at most wait_ms; false: it hangs, and nothing may be freed. */
bool flight_stop(struct flight *f, unsigned wait_ms);
void flight_free(struct flight *f); /* after flight_stop; NULL is fine */
DEFINE_AUTO(flight, flight_free)

/* Masked records alone. Hot. */
void flight_event(struct flight *f, const struct event_view *v);
void flight_ended(struct flight *f, const struct container *c);
void flight_tick(struct flight *f); /* about each second */

/* Before the alert's line is written, under its id: the name of the recording that there will be,
 * or an empty span. It is good until the next call. */
struct span flight_of_alert(struct flight *f, const struct alert *a, const char *id);

void flight_state(const struct flight *f, struct alerts_state *out); /* adds to it */

#endif
