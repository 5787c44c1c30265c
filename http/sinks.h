/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sinks - brings the lines of the logs of alerts to where the configuration wants them.
 *
 * One thread owns every sink, every connection and the log's descriptors. The functions here are
 * called on serve's main thread and only queue frames of bulkheadd (bounded: a full queue refuses
 * and counts; growth of one file is one entry).
 *
 * Each sink has its own place in each log (sinks/NAME.cursor in serve's state directory), gets its
 * lines in order, and is tried until it took them: at least once over crashes of either program.
 * What failed too long, or was refused for good, is written to sinks/NAME.dead.jsonl. */
#ifndef BULKHEAD_SINKS_H
#define BULKHEAD_SINKS_H

#include <stdbool.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/wire.h"

struct sinks;

/* Files live below "sinks/" and "files/" of the working directory. */
int sinks_new(struct sinks **out, struct err *e);
/* Attempts under way get SINKS_STOP_MS to end; then places are written. NULL is fine. */
void sinks_free(struct sinks *s);
DEFINE_AUTO(sinks, sinks_free)
#define SINKS_STOP_MS 300
void sinks_stop(struct sinks *s); /* begins that, without waiting for it */

/* WIRE_ALERT_SEGMENT, _LINE, _GONE, WIRE_SINK_SECRET and WIRE_SINKS; the frame stays the caller's.
 * -EPROTO for a malformed one, -EBUSY when the queue is full. */
int sinks_frame(struct sinks *s, const struct wire_frame *f, struct err *e);

/* True when something changed since the last call. */
bool sinks_stats(struct sinks *s, struct wire_sink_stats *out);

#endif
